"""Values between the grader and the process in which a student's notebook lives.

Nothing is pickled: what comes from a student's process is read as JSON and raw arrays, and from that only plain
values can come out, so that reading it cannot run anything. What has no plain form (a function, a generator, a model)
stays where it is, and a stand-in goes over, a `Remote`, whose calls and attributes are messages. Both sides speak the
same language, so that a check may pass a function to the student's function, too.

A message is one frame: a length, the JSON text, and the bytes of its arrays.
"""

from __future__ import annotations

import dataclasses
import json
import os
import select
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from grading import changes, models

__all__ = ["Channel", "Closed", "Late", "Peer", "Remote", "RemoteError", "TooMuch", "words"]

FRAME = struct.Struct("<IIQ")  # bytes of JSON, number of arrays, bytes of all arrays
LARGEST = 32 * 2**20
LONGEST_TEXT = 8 * 2**20  # of JSON, which takes many times as much when it is read
LONGEST_RANGE = 10**6  # a check may make a list of it
DEEPEST = 40
KINDS = "biufcSUmM"  # of NumPy arrays; never objects


class Closed(Exception):
    """The other process has ended."""


class Late(Exception):
    """The other process did not answer in time."""


class TooMuch(ValueError):
    """A message is too large, too deep, or not one."""


class RemoteError(Exception):
    """An exception was raised in the other process; this is its name and text."""


def words(error: BaseException) -> str:
    """An exception's name and text, whatever its class has made of `str`."""
    try:
        return f"{type(error).__name__}: {str(error)[:1500]}"
    except BaseException:
        return "an exception that cannot be shown"


class Channel:
    """Frames over two file descriptors.

    Attributes
    ----------
    left : int or None
        Bytes that may still be received; None for any number.
    """

    def __init__(self, read: int, write: int) -> None:
        self.read_fd, self.write_fd = read, write
        self.left: int | None = None

    def send(self, text: bytes, blobs: list[bytes]) -> None:
        total = sum(8 + len(blob) for blob in blobs)
        if len(text) > LONGEST_TEXT or len(text) + total > LARGEST:
            raise TooMuch(f"a value of {(len(text) + total) / 2**20:.0f} MB; at most {LARGEST // 2**20} are passed on")
        parts = [FRAME.pack(len(text), len(blobs), total), text]
        for blob in blobs:
            parts += [struct.pack("<Q", len(blob)), blob]
        view = memoryview(b"".join(parts))
        try:
            while view:
                view = view[os.write(self.write_fd, view) :]
        except (BrokenPipeError, OSError) as error:
            raise Closed from error

    def _exactly(self, n: int, deadline: float | None) -> bytes:
        buffer = bytearray()
        while len(buffer) < n:
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self.read_fd], [], [], left)[0]:
                    raise Late
            try:
                piece = os.read(self.read_fd, min(n - len(buffer), 2**20))
            except OSError as error:
                raise Closed from error
            if not piece:
                raise Closed
            buffer += piece
        return bytes(buffer)

    def receive(self, deadline: float | None = None) -> tuple[Any, list[bytes]]:
        size, count, total = FRAME.unpack(self._exactly(FRAME.size, deadline))
        if size > LONGEST_TEXT or size + total > LARGEST or count * 8 > total:
            raise TooMuch("a message that is too large, or none")
        if self.left is not None:
            self.left -= size + total
            if self.left < 0:
                raise TooMuch("more messages than a check needs")
        text = self._exactly(size, deadline)
        body = self._exactly(total, deadline)
        blobs, at = [], 0
        for _ in range(count):
            (length,) = struct.unpack_from("<Q", body, at)
            if at + 8 + length > total:
                raise TooMuch("a message whose arrays are longer than it says")
            blobs.append(body[at + 8 : at + 8 + length])
            at += 8 + length
        try:
            return json.loads(text), blobs
        except (ValueError, RecursionError) as error:
            raise TooMuch("a message that cannot be read") from error


class Remote:
    """Stand-in for an object of the other process."""

    def __init__(self, peer: Peer, number: int, kind: str) -> None:
        self.__dict__.update(_peer=peer, _number=number, _kind=kind)

    def __repr__(self) -> str:
        return f"<{self._kind} of the other process>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._peer.ask("attribute", of=self._number, name=name)

    def __getitem__(self, index: Any) -> Any:
        return self._peer.ask("item", of=self._number, args=[index])

    def __len__(self) -> int:
        try:
            return int(self._peer.ask("length", of=self._number))
        except RemoteError as error:  # list() asks for a length that an iterator need not have
            raise TypeError(str(error)) from error

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        iterator = self._peer.ask("iterate", of=self._number)
        while True:
            more, value = self._peer.ask("next", of=iterator._number)
            if not more:
                return
            yield value


class RemoteFunction(Remote):
    """A stand-in that can be called."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._peer.call(self._number, args, kwargs)


class Peer:
    """One end: turns values into messages and back, and answers the other end's questions.

    Parameters
    ----------
    channel : Channel
    trusting : bool
        Whether what comes in may be rebuilt as a Keras model. True in the student's process only.
    guard : callable, optional
        Called with a function without arguments in place of that function, for time limits on what the other side
        asks for.
    """

    def __init__(
        self, channel: Channel, *, trusting: bool, guard: Callable[[Callable[[], Any]], Any] | None = None
    ) -> None:
        self.channel, self.trusting = channel, trusting
        self.guard = guard or (lambda work: work())
        self.kept: dict[int, Any] = {}
        self.deadline: float | None = None
        self.carry_back = False  # whether arguments that the other side changed in place are changed here, too
        self.names: dict[str, Any] = {}

    # Values to JSON -------------------------------------------------------------------------------------------------

    def _keep(self, value: Any) -> dict[str, Any]:
        number = len(self.kept)
        self.kept[number] = value
        return {"t": "object", "id": number, "kind": type(value).__name__[:80], "callable": callable(value)}

    def encode(self, value: Any, blobs: list[bytes], depth: int = 0) -> Any:
        if depth > DEEPEST:
            raise TooMuch(f"a value nested more than {DEEPEST} deep")
        kind = type(value)
        if value is None or kind in (bool, str, float):
            return value
        if value is ...:  # what stands where a student has written nothing
            return None
        if kind is int:
            if value.bit_length() > 4000:
                raise TooMuch("a whole number of more than a thousand digits")
            return value
        inner = lambda items: [self.encode(item, blobs, depth + 1) for item in items]  # noqa: E731
        if kind in (list, tuple, set, frozenset):
            return {"t": kind.__name__, "v": inner(value)}
        if kind is dict:
            return {"t": "dict", "k": inner(value), "v": inner(value.values())}
        if kind in (bytes, bytearray):
            blobs.append(bytes(value))
            return {"t": "bytes", "b": len(blobs) - 1}
        if kind is complex:
            return {"t": "complex", "v": [value.real, value.imag]}
        if kind in (range, slice):
            return {"t": kind.__name__, "v": [value.start, value.stop, value.step]}
        if isinstance(value, Remote) and value._peer is self:
            return {"t": "yours", "id": value._number}
        array = self._as_array(value)
        if array is not None:
            blobs.append(array.tobytes())
            scalar = kind.__module__ == "numpy" and array.ndim == 0 and kind.__name__ != "ndarray"
            return {"t": "array", "d": array.dtype.str, "s": list(array.shape), "b": len(blobs) - 1, "scalar": scalar}
        # Named tuples and subclasses of plain types travel as the plain type: their own methods stay behind.
        for plain in (bool, int, float, str, tuple, list, dict):
            if isinstance(value, plain):
                return self.encode(plain(value), blobs, depth + 1)
        if dataclasses.is_dataclass(value) and not isinstance(value, type) and kind.__module__.startswith("tlbook."):
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            return {
                "t": "record",
                "m": kind.__module__,
                "n": kind.__qualname__,
                "v": self.encode(fields, blobs, depth + 1),
            }
        if not self.trusting and changes.is_model(value):
            return {"t": "model", "v": self.encode(models.describe(value), blobs, depth + 1)}
        return self._keep(value)

    @staticmethod
    def _as_array(value: Any) -> Any:
        numpy = sys.modules.get("numpy")
        if numpy is None:
            return None
        of_a_library = type(value).__module__.partition(".")[0] in ("tensorflow", "keras", "jaxlib", "jax")
        if not (isinstance(value, (numpy.ndarray, numpy.generic)) or (of_a_library and hasattr(value, "__array__"))):
            return None
        array = numpy.asarray(value)
        return numpy.ascontiguousarray(array).reshape(array.shape) if array.dtype.kind in KINDS else None

    # And back -------------------------------------------------------------------------------------------------------

    def decode(self, value: Any, blobs: list[bytes], depth: int = 0) -> Any:
        if depth > 2 * DEEPEST:
            raise TooMuch("a value nested too deep")
        if not isinstance(value, dict):
            if isinstance(value, list):
                raise TooMuch("a list without its type")
            return value
        inner = lambda items: [self.decode(item, blobs, depth + 1) for item in items]  # noqa: E731
        try:
            kind = value["t"]
            if kind in ("list", "tuple", "set", "frozenset"):
                return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](inner(value["v"]))
            if kind == "dict":
                return dict(zip(inner(value["k"]), inner(value["v"]), strict=True))
            if kind == "bytes":
                return blobs[value["b"]]
            if kind == "complex":
                return complex(*value["v"])
            if kind == "range":
                found = range(*value["v"])
                if len(found) > LONGEST_RANGE:
                    raise TooMuch("a range of more than a million numbers")
                return found
            if kind == "slice":
                return slice(*value["v"])
            if kind == "array":
                return _array(value, blobs)
            if kind == "record":
                return _record(value["m"], value["n"], self.decode(value["v"], blobs, depth + 1))
            if kind == "yours":
                return self.kept[value["id"]]
            if kind == "object":
                stand_in = RemoteFunction if value["callable"] else Remote
                return stand_in(self, int(value["id"]), str(value["kind"])[:80])
            if kind == "model" and self.trusting:
                return models.rebuild(self.decode(value["v"], blobs, depth + 1))
        except TooMuch:
            raise
        except (KeyError, IndexError, TypeError, ValueError, OverflowError, AttributeError, ImportError) as error:
            raise TooMuch(f"a message that makes no sense: {type(error).__name__}") from error
        raise TooMuch("a message of an unknown kind")

    # Questions and answers ------------------------------------------------------------------------------------------

    def send(self, message: dict[str, Any]) -> None:
        blobs: list[bytes] = []
        body = {key: self.encode(value, blobs) for key, value in message.items()}
        self.channel.send(json.dumps(body).encode(), blobs)

    def receive(self) -> dict[str, Any]:
        body, blobs = self.channel.receive(self.deadline)
        if not isinstance(body, dict):
            raise TooMuch("a message that is none")
        return {key: self.decode(value, blobs) for key, value in body.items()}

    def ask(self, what: str, **more: Any) -> Any:
        """Send a question and wait for its answer, answering the other side's own questions meanwhile."""
        self.send({"ask": what, **more})
        while True:
            message = self.receive()
            if "ask" in message:
                self.answer(message)
            elif "error" in message:
                raise RemoteError(str(message["error"])[:2000])
            elif "answer" in message:
                if self.carry_back and isinstance(message.get("changed"), list):
                    changes.assign([more.get("args") or [], more.get("kwargs") or {}], message["changed"])
                return message["answer"]
            else:
                raise TooMuch("an answer that is none")

    def call(self, number: int, args: tuple, kwargs: dict[str, Any]) -> Any:
        return self.ask("call", of=number, args=list(args), kwargs=kwargs)

    def answer(self, message: dict[str, Any]) -> None:
        """Do what the other side asks and send the result, or the exception."""
        try:
            args = message.get("args") or []
            passed = [args, message.get("kwargs") or {}]
            before = changes.snapshot(passed)
            result = self.guard(lambda: self._do(message, args))
            after = changes.snapshot(passed)
            self.send({"answer": result, "changed": None if changes.equal(before, after) else after})
        except Closed:
            raise
        except BaseException as error:
            if isinstance(error, SystemExit):
                error = RuntimeError("the code called exit()")
            self.send({"error": words(error)})

    def _do(self, message: dict[str, Any], args: list[Any]) -> Any:
        what = message["ask"]
        if what == "name":
            return self.names.get(message["name"])
        one = self.kept[message["of"]]
        if what == "call":
            return one(*args, **(message.get("kwargs") or {}))
        if what == "attribute":
            # The student's process may be asked for attributes; a function of a check has none to give.
            if str(message["name"]).startswith("_") or not self.trusting:
                raise AttributeError(message["name"])
            return getattr(one, message["name"])
        if what == "item":
            return one[args[0]]
        if what == "length":
            return len(one)
        if what == "iterate":
            return _Iterator(one)
        if what == "next":
            try:
                return True, next(one)
            except StopIteration:
                return False, None
        raise ValueError(f"unknown question {what!r}")


class _Iterator:
    """Wrapped, so that an iterator that is a list's or a generator's is never sent as a plain value."""

    def __init__(self, of: Any) -> None:
        self.iterator = iter(of)

    def __next__(self) -> Any:
        return next(self.iterator)


def _array(value: dict[str, Any], blobs: list[bytes]) -> Any:
    import numpy

    dtype = numpy.dtype(str(value["d"]))
    if dtype.kind not in KINDS or dtype.hasobject:
        raise TooMuch("an array of objects")
    shape = tuple(int(n) for n in value["s"])
    array = numpy.frombuffer(blobs[value["b"]], dtype=dtype).reshape(shape).copy()
    return array[()] if value["scalar"] else array


def _record(module: str, name: str, fields: dict[str, Any]) -> Any:
    """A dataclass of tlbook, with no code of it run."""
    import importlib

    if not module.startswith("tlbook.") or not name.isidentifier():
        raise TooMuch("a record that is not of tlbook")
    kind = getattr(importlib.import_module(module), name)
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise TooMuch("a record that is none")
    if set(fields) != {field.name for field in dataclasses.fields(kind)}:
        raise TooMuch("a record with other fields")
    record = object.__new__(kind)
    for key, value in fields.items():
        object.__setattr__(record, key, value)
    return record
