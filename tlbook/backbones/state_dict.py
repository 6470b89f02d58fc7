"""PyTorch's files of weights, read without PyTorch and without running what they hold.

Such a file is a pickle, and unpickling calls whatever functions the file names. So the unpickler here knows four names, which are
all that a dictionary of tensors needs, and refuses every other one.

The format is that of ``torch.save`` before PyTorch 1.6 (``torch/serialization.py``, ``_legacy_save``): pickles of a
magic number, of a version, of the writer's byte order, of the dictionary, whose tensors refer to storages by key, and
of the list of keys; then for each key the number of its values and the values.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["read"]

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_TYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _Tensor(NamedTuple):
    """Where the values of a tensor lie, and how."""

    key: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """Knows OrderedDict, tensors and their storages; everything else is refused by its name."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: dict[str, tuple[str, int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuilder()
        if module == "torch" and name in _TYPES:
            return _TYPES[name]  # a string, which a pickle can neither call nor change
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no dictionary of weights needs")

    def persistent_load(self, saved: Any) -> tuple[str, int]:
        kind, values, key, _, count, view = saved
        if kind != "storage" or values not in _TYPES.values() or not isinstance(key, str) or view is not None:
            raise pickle.UnpicklingError(f"it refers to {saved!r:.80}, which is no storage of numbers")
        if not isinstance(count, int) or count < 0 or self.storages.setdefault(key, (values, count)) != (values, count):
            raise pickle.UnpicklingError(f"its storage {key!r:.40} has no one size and type")
        return key, count


def _rebuilder() -> Callable[..., _Tensor]:
    """A function of this file's own, since a pickle may set attributes of what it names."""

    def rebuild(
        storage: tuple[str, int], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
    ) -> _Tensor:
        return _Tensor(storage[0], offset, tuple(shape), tuple(strides))

    return rebuild


def read(content: bytes) -> dict[str, NDArray[Any]]:
    """The tensors in a file that PyTorch wrote.

    Parameters
    ----------
    content : bytes
        Of the whole file.

    Returns
    -------
    dict of str to ndarray
        float32 or int64, read-only, in the order of the file.

    Raises
    ------
    ValueError
        The bytes are no such file, end too early, or name anything but tensors; the message says which.
    """
    file = io.BytesIO(content)
    try:
        if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _VERSION:
            raise pickle.UnpicklingError("it does not begin as files of PyTorch before 1.6 do")
        if not _Unpickler(file).load()["little_endian"]:
            raise pickle.UnpicklingError("it was written on a big-endian machine")
        unpickler = _Unpickler(file)
        tensors = unpickler.load()
        storages = {key: _storage(file, content, *unpickler.storages[key]) for key in _Unpickler(file).load()}
        return {
            str(name): _view(storages[one.key], one)
            for name, one in tensors.items()
            if isinstance(one, _Tensor) or _refuse(name)
        }
    except Exception as error:  # a torn pickle raises nearly anything
        raise ValueError(f"this is no dictionary of weights that can be read: {error}") from error


def _storage(file: io.BytesIO, content: bytes, values: str, count: int) -> NDArray[Any]:
    (stored,) = struct.unpack("<q", file.read(8))
    size = count * np.dtype(values).itemsize
    if stored != count or file.tell() + size > len(content):
        raise pickle.UnpicklingError(f"a storage of {count:,} values has {stored:,} or is cut off")
    found = np.frombuffer(content, values, count, file.tell())
    file.seek(size, io.SEEK_CUR)
    return found


def _view(storage: NDArray[Any], tensor: _Tensor) -> NDArray[Any]:
    """The tensor's values, which need not lie one after the other: a transposed tensor is the same storage, read otherwise.

    The bounds are those of the storage that was read, and not what the pickle says of it.
    """
    _, offset, shape, strides = tensor
    sane = len(shape) == len(strides) and min((offset, *shape, *strides)) >= 0
    reach = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=sane))
    if not sane or reach >= len(storage) or math.prod(shape) > len(storage):
        raise pickle.UnpicklingError(f"a tensor of shape {shape} does not lie within its storage {tensor.key!r:.40}")
    steps = [step * storage.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False)


def _refuse(name: object) -> bool:
    raise pickle.UnpicklingError(f"its entry {name!r:.40} is no tensor")
