"""A list of photos with class, split and hash, in memory that does not grow with their number: while it is made, it is in a file.

The rules are those of class folders in memory (:func:`tlbook.datasets.load`), but for one: a split that is missing is cut by
the hash of each photo alone, so that where a photo goes does not depend on how many others of its class there are.
"""

from __future__ import annotations

import hashlib
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tlbook.datasets.decoding import MAX_BYTES, BadImage, in_order, largest_value, read_bytes, white_of
from tlbook.datasets.folders import FRACTIONS, check_names, shares, split_of
from tlbook.datasets.sources import Entry, Place, Source, open_source
from tlbook.progress import bar

__all__ = ["Listed", "Listing", "bytes_of", "listed"]

_AHEAD = 64  # photos of a tar file that wait in memory


class Listed(NamedTuple):
    """One photo of a listing; without a split, hash or class where a reason says why it is left out."""

    path: str
    label: int
    split: str
    sha256: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """All photos of a source.

    Attributes
    ----------
    n : int
    class_names : tuple of str
    white : int
        Value of white in the 16-bit images.
    """

    n: int
    class_names: tuple[str, ...]
    white: int
    base: sqlite3.Connection

    def rows(self) -> Iterator[Listed]:
        """All of them in order."""
        number = {name: place for place, name in enumerate(self.class_names)}
        for path, label, split, sha256, reason in self.base.execute(
            "SELECT path, label, split, sha256, reason FROM photos ORDER BY place"
        ):
            yield Listed(path, number.get(label, -1), "" if reason else split, sha256, reason)


def bytes_of(place: Place) -> bytes:
    """The bytes of a photo, or :class:`BadImage`."""
    if isinstance(place, BadImage):
        raise place
    if isinstance(place, Path):
        return read_bytes(place)
    if not place:
        raise BadImage("empty file (0 bytes)")
    if len(place) > MAX_BYTES:
        raise BadImage(f"file too large ({len(place) / 2**20:,.0f} MiB)")
    return place


def _looked_at(entry: Entry) -> tuple[Entry, str, str, int | None]:
    try:
        data = bytes_of(entry.place)
    except BadImage as error:
        return entry, "", str(error), None
    return entry, hashlib.sha256(data).hexdigest(), "", largest_value(data)


@contextmanager
def listed(path: Path, folder: Path, *, progress: bool = True) -> Iterator[Listing]:
    """Read a source once, and list its photos in a file in a folder.

    Raises
    ------
    ValueError
        As :func:`tlbook.datasets.sources.open_source`; no photo that can be used; classes that differ in capitals alone.
    """
    source = open_source(path)
    with closing(sqlite3.connect(folder / "photos.sqlite")) as base:
        # The file is of use to nobody but this process.
        base.execute("PRAGMA journal_mode=OFF")
        base.execute("PRAGMA synchronous=OFF")
        base.execute(
            "CREATE TABLE photos (place INTEGER PRIMARY KEY, "
            "path TEXT, label TEXT, split TEXT, kept TEXT, sha256 TEXT, reason TEXT)"
        )
        white = _fill(base, source, progress)
        ((n, good),) = base.execute("SELECT COUNT(*), COUNT(*) FILTER (WHERE reason = '') FROM photos")
        if not good:
            ((name, why),) = base.execute("SELECT path, reason FROM photos LIMIT 1").fetchall() or [("", "")]
            example = f" ({name}: {why})" if name else ""
            raise ValueError(
                f"{path} holds no photo that can be used{example}; class folders, a table or tar files are needed"
            )
        names = _class_names(base, source, path)
        _divide(base)
        _mark_copies(base)
        yield Listing(n, names, white, base)


def _fill(base: sqlite3.Connection, source: Source, progress: bool) -> int:
    """Enter all photos; the value of white."""
    largest: int | None = None
    with warnings.catch_warnings(), bar("listing photos", None, enabled=progress) as ticker:
        warnings.simplefilter("ignore")  # of Pillow, on odd metadata
        for entry, sha256, reason, value in in_order(_looked_at, source.entries(), _AHEAD):
            largest = value if largest is None else largest if value is None else max(largest, value)
            base.execute(
                "INSERT INTO photos (path, label, split, kept, sha256, reason) VALUES (?, ?, ?, ?, ?, ?)",
                (entry.path, entry.label, entry.split, entry.group, sha256, reason),
            )
            ticker.advance()
    return white_of([largest])


def _class_names(base: sqlite3.Connection, source: Source, path: Path) -> tuple[str, ...]:
    names = [name for (name,) in base.execute("SELECT DISTINCT label FROM photos WHERE label IS NOT NULL")]
    check_names(names, f"the classes {{}} of {path}")
    if source.numbered and all(name.isdecimal() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def _divide(base: sqlite3.Connection) -> None:
    """Put what is in no split into one by the hash of its content, or of its group, which stays together."""
    given = {split for (split,) in base.execute("SELECT DISTINCT split FROM photos WHERE reason = ''")}
    divided = shares(given, FRACTIONS)
    if divided is None:
        return
    base.create_function("split_of", 1, lambda key: split_of(key, divided), deterministic=True)
    base.execute(
        "UPDATE photos SET split = split_of(COALESCE(kept, sha256)) WHERE reason = '' AND (split IS NULL OR split = 'train')"
    )


def _mark_copies(base: sqlite3.Connection) -> None:
    """Leave out what occurs under another class, in a later split or under the same path: as of class folders in memory."""
    base.execute("CREATE INDEX by_content ON photos (sha256, path, place)")
    base.execute(
        "CREATE TEMP TABLE copies AS SELECT sha256 FROM photos WHERE reason = '' GROUP BY sha256 HAVING COUNT(*) > 1"
    )
    these, rank = "sha256 = ? AND reason = ''", "CASE split WHEN 'test' THEN 2 WHEN 'validation' THEN 1 ELSE 0 END"
    for (sha256,) in base.execute("SELECT sha256 FROM copies"):
        first, label = base.execute(
            f"SELECT path, label FROM photos WHERE {these} AND label IS NOT NULL ORDER BY place LIMIT 1", (sha256,)
        ).fetchone() or (None, None)
        other = base.execute(
            f"SELECT path FROM photos WHERE {these} AND label <> ? ORDER BY place LIMIT 1", (sha256, label)
        ).fetchone()
        if other is not None:
            base.execute(
                "UPDATE photos SET reason = 'same content as ' || CASE WHEN label = ? THEN ? ELSE ? END || "
                f"', under another label' WHERE {these}",
                (label, other[0], first, sha256),
            )
            continue
        last, split = base.execute(
            f"SELECT path, split FROM photos WHERE {these} ORDER BY {rank} DESC, place LIMIT 1", (sha256,)
        ).fetchone()
        base.execute(
            f"UPDATE photos SET reason = 'same content as ' || ? WHERE {these} AND split <> ?", (last, sha256, split)
        )
        base.execute(
            f"UPDATE photos SET reason = 'named twice' WHERE {these} AND place > "
            f"(SELECT MIN(place) FROM photos AS earlier WHERE earlier.sha256 = ? AND earlier.path = photos.path)",
            (sha256, sha256),
        )
