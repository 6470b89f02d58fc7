"""What several modules need of files and of this machine: write whole or not at all, lock, name processor, cores and versions.

Imports nothing else of tlbook, and neither Keras nor TensorFlow.

What is kept only to be read back by this package (features, graphs, the state of a run) is *sealed*: the file ends in the SHA-256
of the rest, which is compared before a byte of it is used.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = [
    "cores",
    "file_sha256",
    "json_sha256",
    "locked",
    "processor",
    "read_sealed",
    "replacing",
    "sealed",
    "versions",
    "write_bytes",
    "write_json",
    "write_sealed",
    "write_text",
]

_SEAL = b"\nsha256 "  # and 64 hexadecimal digits, at the end of a sealed file
_LONGEST = (
    40  # letters of a name that its temporary file takes over: with the rest it must not be too long for the disk
)


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
    temporary = path.with_name(f"{path.name[:_LONGEST]}.{secrets.token_hex(4)}{ending}")
    # not tempfile, whose files are for their owner only: these get the permissions of any other new file
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            try:
                os.fsync(file.fileno())  # otherwise the name can reach the disk before the contents
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):  # of mounts that do not know it
                    raise
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


def write_sealed(path: str | os.PathLike[str], content: bytes) -> None:
    """Write bytes with their SHA-256 behind them, whole or not at all; :func:`read_sealed` reads them."""
    write_bytes(path, content + _SEAL + hashlib.sha256(content).hexdigest().encode())


def sealed(path: str | os.PathLike[str]) -> bool:
    """Whether a file ends in a seal, right or wrong; files of earlier versions have none."""
    with open(path, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - len(_SEAL) - 64))
        return file.read().startswith(_SEAL)


def read_sealed(path: str | os.PathLike[str]) -> bytes | None:
    """What :func:`write_sealed` wrote; None where the file is missing, cannot be read or is not as it was written."""
    try:
        content = Path(path).read_bytes()
    except OSError:
        return None
    content, seal = content[: -len(_SEAL) - 64], content[-len(_SEAL) - 64 :]
    return content if seal == _SEAL + hashlib.sha256(content).hexdigest().encode() else None


def json_sha256(value: Any) -> str:
    """SHA-256 of a value as JSON, whatever the order of its keys, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def file_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
