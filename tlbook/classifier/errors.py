"""The error for input that cannot be used, and what turns other errors into it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["InputError", "sentence", "writing"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} if hasattr(errno, "EDQUOT") else {errno.ENOSPC, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


class InputError(ValueError):
    """A folder, file, model or option that cannot be used; the message is one sentence that says why.

    The command line prints it and ends with status 2.
    """


def sentence(error: BaseException | str) -> str:
    """An error's message in one line."""
    return " ".join(str(error).split()) or type(error).__name__


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
