"""Unpack archives, checking each file against a manifest.

An archive is never trusted with file names: what is written, and where, comes
from a committed manifest of SHA-256 hashes, and an archive can only supply the
bytes. A folder appears under its final name whole and checked, or not at all.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from tlbook._files import locked

MARKER = ".complete.json"
MAX_MEMBER = 64 * 2**20
"""No image of a published set is larger; a zip bomb is stopped here."""


class BadArchive(ValueError):
    """An archive that is damaged, unsafe, or does not hold what its manifest lists."""


def read_manifest(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read a manifest in the format of ``sha256sum``: ``{relative path: hash}``.

    Raises
    ------
    ValueError
        A line is not a hash and a relative path inside the folder.
    """
    manifest = {}
    for number, line in enumerate(Path(path).read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        digest, _, name = line.partition("  ")
        name = name.removeprefix("./")
        bad_hash = len(digest) != 64 or set(digest) - set("0123456789abcdef")
        if bad_hash or not name or unsafe(name) or name in manifest:
            raise ValueError(f"{path}, line {number}: expected a new '<sha256>  <relative path>', got {line!r}")
        manifest[name] = digest
    return manifest


def digest_of(manifest: dict[str, str]) -> str:
    """SHA-256 of a manifest's contents, whatever the order of its lines."""
    lines = (f"{manifest[name]}  {name}\n" for name in sorted(manifest))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def unsafe(name: str) -> bool:
    """Whether a member's name could lead outside the folder it is unpacked into."""
    name = name.replace("\\", "/")
    drive = len(name) > 1 and name[1] == ":"
    return name.startswith("/") or drive or ".." in name.split("/") or "\0" in name


def _wanted(name: str, manifest: dict[str, str]) -> str | None:
    """The manifest's name of an archive member: leading folders may differ."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if "__MACOSX" in parts or (parts and parts[-1].startswith("._")):
        return None
    for start in range(len(parts)):
        candidate = "/".join(parts[start:])
        if candidate in manifest:
            return candidate
    return None


def unpack_zip(archive: str | os.PathLike[str], manifest: dict[str, str], folder: Path) -> None:
    """Write the files of a manifest into ``folder`` from a zip archive, each checked.

    Members that the manifest does not list are not written. Leading folders in
    the archive are ignored.

    Parameters
    ----------
    archive : path-like
        The zip file.
    manifest : dict
        ``{relative path: SHA-256}`` of the files wanted.
    folder : Path
        An existing folder.

    Raises
    ------
    BadArchive
        It is no zip file, is damaged, encrypted or too large, has a member that
        points outside the folder, lacks a listed file or holds another content.
    """
    archive = Path(archive)
    missing = dict(manifest)
    try:
        with zipfile.ZipFile(archive) as packed:
            for member in packed.infolist():
                # zipfile cuts a name at a zero byte and turns backslashes on Windows:
                # the name as stored is what is judged.
                if unsafe(member.filename) or unsafe(member.orig_filename):
                    raise BadArchive(f"{archive} holds an unsafe member, {member.orig_filename!r}; nothing was kept")
                name = None if member.is_dir() else _wanted(member.filename, manifest)
                if name is None or name not in missing:
                    continue
                if member.file_size > MAX_MEMBER:
                    raise BadArchive(f"{archive}: {name} claims {member.file_size:,} bytes, over {MAX_MEMBER:,}")
                with packed.open(member) as file:
                    data = file.read(MAX_MEMBER + 1)
                if hashlib.sha256(data).hexdigest() != missing.pop(name):
                    raise BadArchive(f"{archive}: {name} is not the published file (its SHA-256 differs)")
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
    except BadArchive:
        raise
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, zlib.error, lzma.LZMAError) as error:
        # RuntimeError: encrypted; NotImplementedError: a compression that Python lacks.
        raise BadArchive(f"{archive} is not a readable zip archive ({error})") from error
    if missing:
        first = next(iter(sorted(missing)))
        raise BadArchive(f"{archive} lacks {len(missing)} of {len(manifest)} files, {first} for one")


def _sizes(folder: Path) -> dict[str, int]:
    sizes = {}
    for parent, _, names in os.walk(folder):
        with os.scandir(parent) as entries:
            here = {entry.name: entry.stat(follow_symlinks=False).st_size for entry in entries if entry.is_file()}
        prefix = Path(parent).relative_to(folder).as_posix()
        prefix = "" if prefix == "." else prefix + "/"
        sizes.update({prefix + name: here.get(name, -1) for name in names if name != MARKER})
    return sizes


def is_complete(folder: Path, key: str) -> bool:
    """Whether a folder is the finished result for this key, every file at its size.

    Quick (sizes, not contents): a torn folder is found, a changed byte is not.
    """
    try:
        marker = json.loads((folder / MARKER).read_text("utf-8"))
        return marker["key"] == key and marker["sizes"] == _sizes(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def ensure(folder: Path, key: str, build: Callable[[Path], None]) -> Path:
    """Return ``folder`` complete, building it first where it is not.

    Parameters
    ----------
    folder : Path
        Where the result belongs.
    key : str
        What identifies the result; another key means that it is built anew.
    build : callable
        Fills the empty folder that it is given, or raises.

    Notes
    -----
    The result is built beside its place and renamed, so an interruption leaves
    nothing under the final name. Processes that ask at the same time wait for
    the first, by a lock file that the system releases if its holder dies.
    """
    if is_complete(folder, key):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(folder.name + ".lock")):
        if is_complete(folder, key):
            return folder
        for leftover in folder.parent.glob(folder.name + ".*.part"):
            shutil.rmtree(leftover, ignore_errors=True)  # of a run that was killed
        work = Path(tempfile.mkdtemp(prefix=folder.name + ".", suffix=".part", dir=folder.parent))
        try:
            fresh = work / "new"
            fresh.mkdir()
            build(fresh)
            marker = {"key": key, "sizes": _sizes(fresh)}
            (fresh / MARKER).write_text(json.dumps(marker), "utf-8")
            if folder.exists():
                os.replace(folder, work / "old")
            os.replace(fresh, folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return folder
