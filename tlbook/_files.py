"""What several modules need of files and of this machine: write whole or not at all, lock, name processor, cores and versions.

Imports nothing else of tlbook, and neither Keras nor TensorFlow.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["cores", "locked", "processor", "replacing", "versions", "write_bytes", "write_json", "write_text"]


@contextmanager
def replacing(path: str | os.PathLike[str], ending: str = ".part") -> Iterator[Path]:
    """A file to write in place of another; it takes that one's place when the block ends without an error.

    A reader, and whoever comes after a crash, finds the old file or the whole new one. After an error, an interruption
    included, the old file is as it was and the new one is gone; only a process that is killed can leave it behind, under the
    name ``NAME.*.part``.

    Parameters
    ----------
    path : path-like
        In a folder that exists.
    ending : str
        Of the name of the file to write; some writers go by it.

    Yields
    ------
    Path
        An empty file in the same folder, to be overwritten by this name.

    Raises
    ------
    OSError
        The folder cannot be written, or the disk is full.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=ending, dir=path.parent)
    temporary = Path(name)
    try:
        os.close(handle)
        yield temporary
        with suppress(OSError):  # some mounts know no permissions
            os.chmod(temporary, 0o644)  # mkstemp's files are for their owner only
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # otherwise the name can reach the disk before the contents
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file whole or not at all, see :func:`replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write text as UTF-8, lines as they are, whole or not at all, see :func:`replacing`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: str | os.PathLike[str], value: Any, indent: int = 1) -> None:
    """Write JSON whole or not at all, see :func:`replacing`."""
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False) + "\n")


@contextmanager
def locked(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold a lock file for the block; others wait, and the system frees it when the process ends, however it ends.

    The file is made where there is none, and stays: whoever waits has it open. Some network file systems have no locks;
    there the block runs without.

    Raises
    ------
    OSError
        The file can neither be made nor opened.
    """
    import filelock

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        if not os.path.isfile(path):
            raise
        descriptor = os.open(path, os.O_RDONLY)  # another user's: enough to lock it
    try:
        with suppress(OSError):
            filelock.lock_descriptor(descriptor)
        yield
    finally:
        with suppress(OSError):
            filelock.unlock_descriptor(descriptor)
        os.close(descriptor)


def cores() -> int:
    """Cores that this process may use, which a container can make fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS or Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """Name of this machine's processor, as far as the system tells it."""
    with suppress(OSError, StopIteration):  # Linux; elsewhere platform knows
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return platform.processor() or platform.machine()


def versions(*wanted: str | tuple[str, ...]) -> dict[str, str]:
    """Versions of the installed ones among some distributions.

    Parameters
    ----------
    *wanted : str or tuple of str
        Distributions; of a tuple the first that is installed, under the tuple's first name.
    """
    found = {}
    for one in wanted:
        names = (one,) if isinstance(one, str) else one
        for name in names:
            with suppress(metadata.PackageNotFoundError):
                found[names[0]] = metadata.version(name)
                break
    return found
