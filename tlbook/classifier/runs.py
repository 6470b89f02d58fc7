"""A result that appears whole or not at all, and a run that goes on where it was killed.

While a run lasts, what it has is in a folder beside the result, ``NAME.unfinished``; the finished result is renamed into its
place in one step. State on disk is recognised by a key, the hash of photos and options: another key starts anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tlbook._files import locked, write_json
from tlbook.classifier import metrics_file
from tlbook.classifier.errors import InputError, writing

__all__ = ["RunFolder", "check_place", "key_of", "open_run"]

FORMAT = 1

_STATE, _LOCK, _RESULT, _STEPS, _OLD = "run.json", "lock", "result", "steps", "replaced"
_CHECKPOINT, _TIMES = "fine-tuning.npz", "times.json"


def key_of(**what: Any) -> str:
    """SHA-256 of what a run depends on."""
    return hashlib.sha256(json.dumps({"format": FORMAT, **what}, sort_keys=True).encode()).hexdigest()


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


class RunFolder:
    """The state of one run on disk.

    Attributes
    ----------
    folder : Path
        ``NAME.unfinished``.
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
        stored = _read_json(path)
        if isinstance(stored, dict) and "value" in stored:
            return stored["value"]
        value = json.loads(json.dumps(compute()))  # the same types, kept or fresh
        write_json(path, {"value": value})
        return value

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
        write_json(self._steps / _TIMES, {"wall_seconds": stages, "process_seconds": round(spent + process, 3)})

    def _seconds(self) -> tuple[dict[str, float], float]:
        kept = _read_json(self._steps / _TIMES) or {}
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
        old = self.folder / _OLD
        if self.out.exists():
            os.replace(self.out, old)
        os.replace(self.result, self.out)
        shutil.rmtree(self.folder, ignore_errors=True)


_OURS = {_STATE, _LOCK, _RESULT, _STEPS, _OLD, _CHECKPOINT}


def _is_ours(folder: Path) -> bool:
    names = [path.name for path in folder.iterdir()]
    return all(any(name == own or name.startswith(own + ".") for own in _OURS) for name in names)


def check_place(out: Path, key: str | None = None, force: bool = False) -> dict[str, Any] | None:
    """The metrics of the same run if it is finished; refuses a place that is taken.

    Without a key, only what no key could make right is refused.
    """
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InputError(f"{out} is not a folder; name one that does not exist yet")
    if not out.exists() or not any(out.iterdir()):
        return None
    metrics = metrics_file.read(out / metrics_file.METRICS)
    if metrics is None:
        raise InputError(f"{out} holds files that are not a result of tlbook train; name another folder")
    if key is None:
        return None
    if metrics["key"] == key and not force:
        return metrics
    if not force:
        raise InputError(
            f"{out} holds a result of other photos or options; name another folder, or replace it with force (--force)"
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
    folder = out.with_name(out.name + ".unfinished")
    with writing(out.parent):
        if (metrics := check_place(out, key, force)) is not None:
            if folder.is_dir() and (_read_json(folder / _STATE) or {}).get("key") == key:
                shutil.rmtree(folder, ignore_errors=True)  # killed between the last two steps
            yield metrics
            return
        if folder.exists() and (not folder.is_dir() or not _is_ours(folder)):
            raise InputError(f"{folder} is in the way: it holds files that are not the state of a run; move it away")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(exist_ok=True)
            lock = locked(folder / _LOCK)
            lock.__enter__()
        except (FileExistsError, NotADirectoryError) as error:
            raise InputError(f"{out} cannot be made: a file is where a folder is needed ({error.filename})") from error
    try:
        with writing(out.parent):
            _put_back(out, folder)
            if (metrics := check_place(out, key, force)) is not None:  # finished while this one waited
                yield metrics
                return
            folder.mkdir(exist_ok=True)
            state = _read_json(folder / _STATE)
            resumed = isinstance(state, dict) and state.get("key") == key
            if not resumed:
                if isinstance(state, dict):
                    say(f"{folder.name} is of a run with other photos or options; this one starts anew")
                for path in folder.iterdir():
                    if path.name != _LOCK:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
                write_json(folder / _STATE, {"key": key})
        try:
            yield RunFolder(out, folder, key, resumed)
        except InputError:  # nothing to go on with: what was given has to change
            shutil.rmtree(folder, ignore_errors=True)
            raise
    finally:
        lock.__exit__(None, None, None)


def _put_back(out: Path, folder: Path) -> None:
    """Where a run was killed between moving the old result away and the new one into place."""
    if (folder / _OLD).is_dir() and not out.exists():
        os.replace(folder / _OLD, out)
