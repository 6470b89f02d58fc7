"""The error for input that cannot be used, and what turns other errors into it."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = [
    "InputError",
    "check_apart",
    "check_writable",
    "path_of",
    "place_for",
    "refusing",
    "sentence",
    "shortened",
    "writing",
]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} if hasattr(errno, "EDQUOT") else {errno.ENOSPC, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


_LONGEST = 400  # letters of a message that is not ours


class InputError(ValueError):
    """A folder, file, model or option that cannot be used; the message is one sentence that says why.

    The command line prints it and ends with status 2.
    """


def sentence(error: BaseException | str) -> str:
    """An error's message in one line; of a long one (Keras puts whole configurations into some) the beginning."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{shortened(Path(os.fsdecode(error.filename)))} cannot be used ({error.strerror})"
    line = " ".join(str(error).split()) or type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _is(error: OSError, codes: set[int]) -> bool:
    # HDF5 gives the number in its text only
    return error.errno in codes or any(f"errno = {code}," in str(error) for code in codes)


@contextmanager
def writing(place: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what goes wrong in writing below ``place`` into :class:`InputError`."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError | ConnectionError | TimeoutError) and not _is(error, _FULL):
            raise
        folder = Path(place)
        if _is(error, _FULL):
            raise InputError(
                f"the disk that holds {folder} is full; free some space and give the same command again, which goes on"
            ) from error
        if _is(error, _REFUSED):
            raise InputError(f"{folder} cannot be written ({error.strerror or sentence(error)})") from error
        raise


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what the system says of a path into :class:`InputError`; a decorator of the public functions."""
    try:
        yield
    except InputError:
        raise
    except (BlockingIOError, ChildProcessError, BrokenPipeError, ConnectionError, InterruptedError, TimeoutError):
        raise
    except OSError as error:
        if error.filename is None:
            raise
        raise InputError(sentence(error)) from error


def check_writable(folder: Path) -> None:
    """Refuse a folder in which no file can be made, before anything is computed; one that is not there yet by its parents."""
    here = folder
    while not os.path.lexists(here) and here != here.parent:
        here = here.parent
    if not here.is_dir():
        raise InputError(f"{shortened(folder)} cannot be made: a file is where a folder is needed ({here})")
    try:
        if here != folder:
            # the longest name that will be made there, so that a name that is too long is found now
            made = here / folder.relative_to(here).parts[0]
            os.rmdir(_made(made.with_name(f"{made.name}.unfinished")))
        else:
            os.rmdir(tempfile.mkdtemp(prefix=".tlbook-", dir=here))
    except OSError as error:
        raise InputError(f"{shortened(folder)} cannot be written ({error.strerror or sentence(error)})") from error


def _made(folder: Path) -> Path:
    with suppress(FileExistsError):  # of a run that was interrupted: then it can be made
        os.mkdir(folder)
        return folder
    return Path(tempfile.mkdtemp(prefix=".tlbook-", dir=folder.parent))


def path_of(given: Any, name: str) -> Path:
    """A path that was given, or a refusal of what is none."""
    if not isinstance(given, str | os.PathLike) or isinstance(given, bytes):
        raise InputError(f"{name} is the path of a folder; got {type(given).__name__}")
    return Path(given).expanduser()


def check_apart(source: Path, out: Path) -> None:
    """Refuse a folder of photos and one of a result that are in one another."""
    if _holds(source, out):
        raise InputError(f"{out} lies in the folder of the photos, where it would become a class; name a place outside")
    if _holds(out, source):
        raise InputError(f"the photos {source} lie in {out}, which is for the result; name another folder for it")


def _holds(outer: Path, inner: Path) -> bool:
    """Whether one folder is the other or lies in it, whatever links, mounts and capitals they are reached by."""
    place = os.path.realpath(inner)
    while True:
        if place == os.path.realpath(outer) or (
            os.path.exists(place) and os.path.exists(outer) and os.path.samefile(place, outer)
        ):
            return True
        if place == os.path.dirname(place):
            return False
        place = os.path.dirname(place)


def place_for(path: str | os.PathLike[str], *given: str | os.PathLike[str]) -> Path:
    """Where a file shall be written, refused before anything is computed if it could not be, or is one of the files given."""
    target = Path(path).expanduser()
    try:
        if target.is_dir() or not target.parent.is_dir():
            raise InputError(f"{shortened(target)} cannot be written: it is a folder, or its folder does not exist")
        if target.exists() and not target.is_file():
            raise InputError(f"{target} is no ordinary file, and would be replaced; name another one")
        for one in given:
            if os.path.exists(one) and target.exists() and os.path.samefile(one, target):
                raise InputError(f"{target} is one of the files that were given; name another file to write")
        fresh = not os.path.lexists(target)
        with open(target, "ab"):
            pass
        if fresh:
            target.unlink()
    except OSError as error:
        raise InputError(f"{shortened(target)} cannot be written ({error.strerror or sentence(error)})") from error
    return target


def shortened(path: Path) -> str:
    """A path for a message, without the middle of a very long one."""
    text = os.fspath(path)
    return text if len(text) <= 80 else f"{text[:40]}…{text[-20:]}"
