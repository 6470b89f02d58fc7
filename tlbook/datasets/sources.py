"""Photos of which there may be too many to hold even their names: read one by one, and found again by their paths.

Class folders, a CSV or Parquet file of paths, or webdataset's tar files. Nothing is decoded here.
"""

from __future__ import annotations

import io
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from tlbook.datasets.decoding import ENDINGS, BadImage
from tlbook.datasets.folders import SPLIT_FOLDERS, like_a_split, scanned
from tlbook.datasets.splits import printable, visible
from tlbook.datasets.tables import FILE_COLUMNS, MISSING, column_named, encoding_of, refuse_workbook, split_named

__all__ = ["Entry", "Source", "open_source"]

Place: TypeAlias = Path | bytes | BadImage
"""Where a photo's bytes are: a file, the bytes themselves, or why there are none."""

_TAR, _PICTURES = ".tar", {ending[1:] for ending in ENDINGS}
_LABELS = ("label", "class", "category")
_CHUNK = 8192  # rows of a table at once


@dataclass(frozen=True)
class Entry:
    """One photo of a source.

    Attributes
    ----------
    path : str
        Relative to the source's folder, with ``/``; of a member of a tar file ``name.tar/key``.
    place : Path, bytes or BadImage
    label, split, group : str or None
    """

    path: str
    place: Place
    label: str | None = None
    split: str | None = None
    group: str | None = None


class Source(Protocol):
    """Photos in a fixed order."""

    numbered: bool  # whether classes may be numbers, and are then in order of size

    def entries(self) -> Iterator[Entry]:
        """All photos."""

    def again(self, paths: Iterable[str | None]) -> Iterator[Place | None]:
        """The same photos or some of them, in their order; None where none is wanted."""


def open_source(path: Path) -> Source:
    """The photos of a folder, of a table or of tar files.

    Raises
    ------
    ValueError
        It is none of these, or could be two of them.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no folder or file {path}")
    if path.is_dir():
        if tars := _tars_below(path):
            return _Tars(path, tars)
        return _Folders(path)
    ending = path.suffix.lower()
    if ending == _TAR:
        return _Tars(path.parent, {path.name: None})
    if ending in (".csv", ".parquet"):
        return _Table(path)
    raise ValueError(f"{path} is neither a folder nor a CSV, Parquet or tar file")


def _named(path: str) -> str | None:
    """The path, or None where its bytes are no text, so that it could not be found again."""
    with suppress(UnicodeEncodeError):
        path.encode("utf-8")
        return path
    return None


def _word(text: str) -> str | None:
    """A class as it is shown, None where nothing was given."""
    text = text.strip()
    return None if text.casefold() in MISSING else visible(unicodedata.normalize("NFC", text))


class _Folders:
    numbered = False

    def __init__(self, root: Path) -> None:
        self.root = root

    def entries(self) -> Iterator[Entry]:
        for file in scanned(self.root):
            place: Place = file.path if file.reason is None else BadImage(file.reason)
            if _named(file.shown) is None:
                place = BadImage("its name is not UTF-8")
            yield Entry(printable(file.shown), place, file.label or None, file.split)

    def again(self, paths: Iterable[str | None]) -> Iterator[Place | None]:
        return (None if path is None else self.root / path for path in paths)


class _Table:
    """A CSV or Parquet file with a column of paths, relative to its own folder; ``label``, ``split``, ``group`` are optional."""

    numbered = True

    def __init__(self, path: Path) -> None:
        self.path, self.root = path, path.parent

    def entries(self) -> Iterator[Entry]:
        import pyarrow as pa

        try:
            for number, cells in enumerate(self._rows(), 1):
                split = (cells.get("split") or "").strip()
                yield Entry(
                    *self._place(cells["file"] or "", number),
                    label=_word(cells.get("label") or ""),
                    split=split_named(self.path, number, split, "row") if split else None,
                    group=(cells.get("group") or "").strip() or None,
                )
        except pa.ArrowInvalid as error:
            raise ValueError(f"{self.path} cannot be read: {' '.join(str(error).split())}") from None

    def again(self, paths: Iterable[str | None]) -> Iterator[Place | None]:
        return (None if path is None else self.root / path for path in paths)

    def _place(self, given: str, number: int) -> tuple[str, Place]:
        if not given.strip():
            raise ValueError(f"{self.path}, row {number}: there is no path")
        root = os.path.abspath(self.root)
        inside = os.path.relpath(os.path.join(root, given.strip().replace("\\", "/")), root).replace(os.sep, "/")
        if inside == ".." or inside.startswith("../") or os.path.isabs(inside):
            raise ValueError(
                f"{self.path}, row {number}: {given!r} leads out of the folder {self.root}; put the table beside the photos"
            )
        return inside, self.root / inside

    def _rows(self) -> Iterator[dict[str, str | None]]:
        """The columns that are read, by what they hold, as text."""
        import pyarrow as pa

        columns, batches = self._of_parquet() if self.path.suffix.lower() == ".parquet" else self._of_csv()
        for batch in batches:
            words = [batch.column(name).cast(pa.string()).to_pylist() for name in columns.values()]
            for row in zip(*words, strict=True):
                yield dict(zip(columns, row, strict=True))

    def _of_parquet(self) -> tuple[dict[str, str], Iterable[Any]]:
        import pyarrow.parquet as pq

        file = pq.ParquetFile(self.path)
        columns = _columns(self.path, file.schema_arrow.names)
        return columns, file.iter_batches(batch_size=_CHUNK, columns=list(columns.values()))

    def _of_csv(self) -> tuple[dict[str, str], Iterable[Any]]:
        import pyarrow as pa
        from pyarrow import csv

        with open(self.path, "rb") as file:
            head = file.read(2**16)
        refuse_workbook(self.path, head)
        encoding = encoding_of(head)
        header = io.StringIO(head.decode(encoding, "replace")).readline()
        reading = csv.ReadOptions(encoding="utf-16" if encoding == "utf-16" else "utf8", use_threads=False)
        parsing = csv.ParseOptions(delimiter=max(",;\t", key=header.count), newlines_in_values=True)
        columns = _columns(self.path, csv.open_csv(self.path, reading, parsing).schema.names)
        names = list(columns.values())
        converting = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), include_columns=names)
        return columns, csv.open_csv(self.path, reading, parsing, converting)


def _columns(path: Path, names: list[str]) -> dict[str, str]:
    """Which columns are read: ``file``, and those of ``label``, ``split`` and ``group`` that are there."""
    where = column_named(names, FILE_COLUMNS)
    if where is None:
        raise ValueError(f"{path} has no column of file names: call it 'file' (its columns are {', '.join(names)})")
    found = {"file": names[where]}
    for one in ("split", "group"):
        if (place := column_named(names, (one,))) is not None:
            found[one] = names[place]
    others = [name for name in names if name not in found.values()]
    place = column_named(others, _LABELS)
    if place is None and len(others) > 1:
        raise ValueError(f"{path} has the columns {', '.join(others)}: call the one that holds the classes 'label'")
    if others:
        found["label"] = others[place or 0]
    return found


class _Tars:
    """Webdataset's tar files, in order of their names; its own code reads them and says which members are one photo."""

    numbered = True

    def __init__(self, root: Path, tars: dict[str, str | None]) -> None:
        self.root, self.tars = root, tars

    def entries(self) -> Iterator[Entry]:
        for name, split in self.tars.items():
            for path, place, label in self._read(name):
                yield Entry(path, place, label, split)

    def again(self, paths: Iterable[str | None]) -> Iterator[Place | None]:
        current, members = "", iter(())  # type: tuple[str, Iterator[tuple[str, Place, str | None]]]
        for path in paths:
            if path is None:
                yield None
                continue
            name = path[: path.index(f"{_TAR}/") + len(_TAR)]
            if name != current:
                current, members = name, self._read(name)
            yield next((place for found, place, _ in members if found == path), BadImage("no such member"))

    def _read(self, name: str) -> Iterator[tuple[str, Place, str | None]]:
        """Path, bytes and class of each photo of a tar file; what cannot be read ends it, and is named."""
        from webdataset.tariterators import group_by_keys, tar_file_expander

        errors: list[Exception] = []

        def stop(error: Exception) -> bool:
            errors.append(error)
            return False

        try:
            stream = open(self.root / name, "rb")  # noqa: SIM115 (closed below)
        except OSError as error:
            yield name, BadImage(f"cannot be read ({error.strerror or error})"), None
            return
        with stream:
            # Not through webdataset's own opener, to which some names of files are commands.
            members = tar_file_expander([{"url": name, "stream": stream}], handler=stop)
            for sample in group_by_keys(members, handler=stop):
                if errors:  # of this one something is missing
                    break
                yield self._photo(name, sample)
        if errors:
            why = " ".join(str(errors[0].args[0] if errors[0].args else errors[0]).split()).partition(" @ ")[0]
            yield name, BadImage(f"damaged from here on ({why[:200]})"), None

    @staticmethod
    def _photo(name: str, sample: dict[str, Any]) -> tuple[str, Place, str | None]:
        path = f"{name}/{sample['__key__']}"
        if _named(path) is None:
            return printable(path), BadImage("its name is not UTF-8"), None
        parts = [part for part in sample if not part.startswith("__")]
        pictures = [part for part in parts if part in _PICTURES]
        label = None
        if "cls" in sample:
            try:
                label = _word(sample["cls"].decode("utf-8"))
            except UnicodeDecodeError:
                return path, BadImage("its .cls is not UTF-8"), None
        if len(pictures) != 1:
            found = f"{len(pictures)} pictures" if pictures else "no picture"
            return path, BadImage(f"{found} among its members ({', '.join(parts)})"), label
        return path, sample[pictures[0]], label


def _tars_below(root: Path) -> dict[str, str | None]:
    """The tar files of a folder, or of its split folders, each with its split; none where it holds none."""
    here = sorted(one.name for one in root.glob(f"*{_TAR}") if one.is_file())
    inside = [one.name for one in sorted(root.iterdir()) if one.is_dir() and not one.name.startswith(".")]
    folders = {name: SPLIT_FOLDERS.get(name.casefold()) for name in inside}
    below: dict[str, str | None] = {
        f"{folder}/{one.name}": split
        for folder, split in folders.items()
        if split is not None
        for one in sorted((root / folder).glob(f"*{_TAR}"))
        if one.is_file()
    }
    if here and (below or folders):
        raise ValueError(
            f"{root} holds both tar files ({here[0]}) and folders ({next(iter(folders))}): give a folder of tar files alone, "
            "or of class folders alone"
        )
    if below and any(split is None for split in folders.values()):
        other = next(folder for folder, split in folders.items() if split is None)
        raise ValueError(f"{root} holds both tar files ({next(iter(below))}) and a folder that is no split ({other})")
    splits = {name: like_a_split(re.sub(rf"{re.escape(_TAR)}$", "", name)) for name in here}
    named = [name for name, split in splits.items() if split]
    if named and len(named) < len(splits):
        plain = next(name for name, split in splits.items() if not split)
        raise ValueError(f"{root}: {named[0]} is called like a split and {plain} is not; name them alike")
    return below or dict(splits)
