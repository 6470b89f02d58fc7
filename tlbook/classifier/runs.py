"""A result that appears whole or not at all, and a run that goes on where it was killed.

While a run lasts, what it has is in a folder beside the result, ``NAME.unfinished``; the finished result is renamed into its
place in one step. Where the folder of the result is there already (a mounted volume, a link, an older result), the state is in
it, under ``unfinished``, and the finished files are renamed in it one by one, of which ``metrics.json`` is the last and holds
the hashes of the others. No file but these is ever replaced or removed. State on disk is recognised by a key, the hash of photos
and options, and sealed: another key, or a changed byte, starts anew.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tlbook._files import json_sha256, locked, read_sealed, write_sealed
from tlbook.classifier.errors import InputError, writing
from tlbook.classifier.metrics_file import FILES, GRAPH, METRICS, MODEL, changed, expected
from tlbook.classifier.metrics_file import read as read_metrics
from tlbook.classifier.saved import owns_graph

__all__ = ["RunFolder", "check_place", "key_of", "open_run", "state_folder"]

FORMAT = 1

_INSIDE = "unfinished"
_STATE, _LOCK, _RESULT, _STEPS = "run.json", "lock", "result", "steps"
_CHECKPOINT, _TIMES = "fine-tuning.npz", "times.json"


def key_of(**what: Any) -> str:
    """SHA-256 of what a run depends on."""
    return json_sha256({"format": FORMAT, **what})


def write_state(path: Path, value: Any) -> None:
    """Write a part of the state of a run."""
    write_sealed(path, json.dumps(value).encode())


def read_state(path: Path) -> Any:
    """A part of the state of a run; None where it is missing, torn or changed."""
    content = read_sealed(path)
    return None if content is None else json.loads(content)


class RunFolder:
    """The state of one run on disk.

    Attributes
    ----------
    folder : Path
        ``NAME.unfinished``, or ``unfinished`` in the folder of the result.
    result : Path
        What becomes the result.
    checkpoint : Path
        For :func:`tlbook.transfer.fine_tune`.
    resumed : bool
    """

    def __init__(self, out: Path, folder: Path, key: str, resumed: bool):
        self.out, self.folder, self.key, self.resumed = out, folder, key, resumed
        self.result, self.checkpoint = folder / _RESULT, folder / _CHECKPOINT
        self._steps = folder / _STEPS
        self._steps.mkdir(exist_ok=True)

    def step(self, name: str, compute: Callable[[], Any]) -> Any:
        """The value of a step, computed now or before the run was killed; it can be written as JSON."""
        path = self._steps / f"{name}.json"
        stored = read_state(path)
        if isinstance(stored, dict) and "value" in stored:
            return stored["value"]
        value = json.loads(json.dumps(compute()))  # the same types, kept or fresh
        write_state(path, {"value": value})
        return value

    @contextmanager
    def passing(self) -> Iterator[Path]:
        """A folder for files that are of use for the block alone."""
        with tempfile.TemporaryDirectory(dir=self._steps) as folder:
            yield Path(folder)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the time that a block takes to that of a stage, over all attempts."""
        wall, process = time.perf_counter(), time.process_time()
        yield
        self.add(name, time.perf_counter() - wall, time.process_time() - process)

    def add(self, name: str, wall: float, process: float) -> None:
        """Add wall seconds to a stage, and process seconds to those of the run."""
        stages, spent = self._seconds()
        stages[name] = round(stages.get(name, 0.0) + wall, 3)
        write_state(self._steps / _TIMES, {"wall_seconds": stages, "process_seconds": round(spent + process, 3)})

    def _seconds(self) -> tuple[dict[str, float], float]:
        kept = read_state(self._steps / _TIMES) or {}
        return kept.get("wall_seconds", {}), kept.get("process_seconds", 0.0)

    @property
    def wall_seconds(self) -> dict[str, float]:
        """Seconds of each stage by the clock, and their total."""
        stages, _ = self._seconds()
        return {**stages, "total": round(sum(stages.values()), 3)}

    @property
    def process_seconds(self) -> float:
        """Seconds of computation, added up over the cores."""
        return self._seconds()[1]

    def fresh_result(self) -> Path:
        """An empty folder for the files of the result."""
        shutil.rmtree(self.result, ignore_errors=True)
        self.result.mkdir()
        return self.result

    def publish(self) -> None:
        """Rename the result into its place, and clear the state away."""
        if self.out.exists():
            for name in FILES:
                if (self.result / name).exists():
                    os.replace(self.result / name, self.out / name)
                else:  # a graph of the model that was there before
                    (self.out / name).unlink(missing_ok=True)
        else:
            os.replace(self.result, self.out)
        clear(self.folder)


_OURS = {_STATE, _LOCK, _RESULT, _STEPS, _CHECKPOINT}


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds the state of a run and nothing else; before the first write that is a lock alone."""
    names = [path.name for path in folder.iterdir()]
    known = all(any(name == own or name.startswith(own + ".") for own in _OURS) for name in names)
    return known and (_STATE in names or all(name.startswith((_STATE, _LOCK)) for name in names))


def clear(folder: Path, keep: bool = False) -> None:
    """Remove the state of a run; what it is known by goes last. To keep the folder leaves it, and the lock in it."""
    order = sorted(folder.iterdir(), key=lambda path: (path.name == _LOCK, path.name == _STATE))
    for path in order:
        if keep and path.name == _LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):  # Windows keeps a lock that is held
                path.unlink()
    if not keep:
        with suppress(OSError):
            folder.rmdir()


def state_folder(out: Path) -> Path:
    """Where the state of the run for a result is kept."""
    return out / _INSIDE if out.is_dir() else out.with_name(f"{out.name}.{_INSIDE}")


def check_place(out: Path, key: str | None = None, force: bool = False) -> dict[str, Any] | None:
    """The metrics of the same run if it is finished; refuses a place that is taken.

    Without a key, only what no key could make right is refused.
    """
    if os.path.lexists(out) and not out.is_dir():
        raise InputError(f"{out} is not a folder; name one that does not exist yet")
    taken = [out / name for name in FILES if os.path.lexists(out / name)]
    if other := [path for path in taken if path.is_symlink() or not path.is_file()]:
        raise InputError(f"{other[0]} is in the way: it is no file of a result; move it away, or name another folder")
    if not taken:
        return None
    metrics = read_metrics(out / METRICS)
    if metrics is None:
        raise InputError(
            f"{out} holds files that are not a result of tlbook train ({taken[0].name}); move them away, or name another folder"
        )
    if key is None:
        return None
    if not force and metrics["key"] != key:
        raise InputError(
            f"{out} holds a result of other photos or options; name another folder, or replace it with force (--force)"
        )
    if not force and (names := changed(metrics, out)):
        raise InputError(
            f"{out} holds the result of this command, but {', '.join(names)} is not as it was written; keep it elsewhere if "
            "you changed it, and make the result anew with force (--force)"
        )
    if not force and all((out / name) in taken for name in expected(metrics)):
        return metrics
    if out / GRAPH in taken and GRAPH not in expected(metrics) and not owns_graph(out / MODEL):
        raise InputError(
            f"{out / GRAPH} is in the way: it is not of the result there; move it away, or name another folder"
        )
    return None


@contextmanager
def open_run(
    out: Path, key: str, *, force: bool = False, say: Callable[[str], None] = print
) -> Iterator[RunFolder | dict[str, Any]]:
    """Begin the run for a result, or continue it, and hold its lock meanwhile.

    What the block leaves unfinished stays for the next attempt, unless it raises :class:`InputError`.

    Yields
    ------
    RunFolder or dict
        The run; or the metrics of the result, where it is there already.

    Raises
    ------
    InputError
        The place is taken or cannot be written.
    """
    folder = state_folder(out)
    with writing(out):
        if (metrics := check_place(out, key, force)) is not None:
            for left in [folder, *([out.with_name(f"{out.name}.{_INSIDE}")] if out.name else [])]:
                if left.is_dir() and _is_ours(left) and (read_state(left / _STATE) or {}).get("key") == key:
                    clear(left)  # killed between the last two steps
            yield metrics
            return
        if os.path.lexists(folder) and (not folder.is_dir() or folder.is_symlink() or not _is_ours(folder)):
            raise InputError(f"{folder} is in the way: it holds files that are not the state of a run; move it away")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(exist_ok=True)
            lock = locked(folder / _LOCK)
            lock.__enter__()
        except (FileExistsError, NotADirectoryError) as error:
            raise InputError(f"{out} cannot be made: a file is where a folder is needed ({error.filename})") from error
    try:
        with writing(out):
            if (metrics := check_place(out, key, force)) is not None:  # finished while this one waited
                yield metrics
                return
            folder.mkdir(exist_ok=True)
            state = read_state(folder / _STATE)
            resumed = isinstance(state, dict) and state.get("key") == key
            if not resumed:
                if (folder / _STATE).exists():
                    say(f"{folder.name} is of a run with other photos or options; this one starts anew")
                clear(folder, keep=True)
                write_state(folder / _STATE, {"key": key})
            old = None if force else read_metrics(out / METRICS)
            if old is not None and (gone := [name for name in expected(old) if not (out / name).exists()]):
                say(f"{', '.join(gone)} of the result in {out} is missing; the result is made anew")
        try:
            yield RunFolder(out, folder, key, resumed)
        except InputError:  # nothing to go on with: what was given has to change
            clear(folder)
            raise
    finally:
        lock.__exit__(None, None, None)
