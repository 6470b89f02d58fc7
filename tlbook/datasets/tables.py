"""A CSV that says of each photo what is to be predicted: one class, several labels, or numbers.

A column called ``file`` (or ``filename``, ``path``, ``image`` or ``photo``) names the photos, relative to their folder; ``split``
and ``group`` are optional; every other column is to be predicted, unless some are chosen. One column of words is a class, several
columns of 0 and 1 are labels, other columns of numbers are numbers; what could be either is asked for.
"""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tlbook._checks import one_of
from tlbook.datasets.decoding import looks_like_photo
from tlbook.datasets.folders import SPLIT_FOLDERS
from tlbook.datasets.splits import printable, visible

__all__ = ["TASKS", "Row", "Table", "read_groups", "read_table"]

TASKS = ("classes", "labels", "numbers")
"""What the columns of a CSV can be: one class of several, labels of which each is there or not, numbers."""

FILE_COLUMNS = ("file", "filename", "file_name", "path", "image", "photo")
MISSING = {"", "nan", "null", "n/a", "#n/a", "#value!", "#ref!"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_TRUTH = {"true": 1.0, "false": 0.0}
_CODES = 20  # different whole numbers: so few may be the codes of classes


@dataclass(frozen=True)
class Row:
    """What a CSV says of one photo.

    Attributes
    ----------
    line : int
        Where it stands in the CSV, from 1.
    values : tuple of str or float
        One for each column that is to be predicted.
    split, group : str or None
    """

    line: int
    values: tuple[str | float, ...]
    split: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Table:
    """A CSV that was read, and found to say one thing of each photo that it names.

    Attributes
    ----------
    path : Path
    task : {"classes", "labels", "numbers"}
    columns : tuple of str
        To be predicted.
    rows : dict of str to Row
        By the photo's path relative to its folder, with ``/``.
    repeated : int
        Rows that say the same as an earlier one.
    unnamed : tuple of str
        Photos of the folder that have no row.
    """

    path: Path
    task: str
    columns: tuple[str, ...]
    rows: dict[str, Row]
    repeated: int = 0
    unnamed: tuple[str, ...] = ()


def refuse_workbook(path: Path, head: bytes) -> None:
    """Refuse what Excel saves of its own accord."""
    if head[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise ValueError(f"{path} is an Excel workbook, not a CSV: save it in Excel as 'CSV UTF-8'")


def encoding_of(head: bytes) -> str:
    """The encoding of a CSV, by how it begins."""
    return "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _lines(path: Path) -> tuple[str, list[tuple[int, list[str]]]]:
    """The delimiter, and all rows with the number of their line; the first one is the header."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder; give the CSV itself") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    refuse_workbook(path, data)
    try:
        text = data.decode(encoding_of(data))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path} is not UTF-8 (line {line}, byte 0x{data[error.start]:02x}): save it as UTF-8, in Excel as 'CSV UTF-8'"
        ) from None
    if "\0" in text:
        raise ValueError(f"{path} holds zero bytes, so it is no text: save it as CSV in UTF-8")
    if text[:4].lower() == "sep=":  # of Excel
        text = text.partition("\n")[2]
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((reader.line_num, [cell.strip() for cell in row]))
    except csv.Error as error:
        raise ValueError(f"{path} is no CSV: line {reader.line_num}, {error}") from None
    if len(rows) < 2:
        raise ValueError(f"{path} has no rows below a header; the first line names the columns")
    return delimiter, rows


def _grid(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and rows, all equally long."""
    delimiter, ((_, header), *rows) = _lines(path)
    header = [unicodedata.normalize("NFC", name) for name in header]
    while header and not header[-1] and not any("".join(row[len(header) - 1 :]) for _, row in rows):
        header.pop()  # a delimiter at the end of each line
    rows = [(line, row[: len(header)] if not any(row[len(header) :]) else row) for line, row in rows]
    if not all(header):
        raise ValueError(f"{path} has a column without a name (the header is {delimiter.join(header)})")
    if twice := [name for name, n in Counter(map(str.casefold, header)).items() if n > 1]:
        raise ValueError(f"{path} has two columns called {twice[0]!r}")
    for line, row in rows:
        if len(row) != len(header):
            raise ValueError(
                f"{path}, line {line}: {len(row)} values for {len(header)} columns; a value that holds a {delimiter!r} "
                "stands in quotation marks, and decimals follow a point"
            )
    return header, rows


def column_named(header: Sequence[str], names: Sequence[str]) -> int | None:
    low = [name.casefold() for name in header]
    return next((low.index(name) for name in names if name in low), None)


def _listed(names: Sequence[str], most: int = 6) -> str:
    shown = [visible(printable(name)) for name in names]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


class _Folder:
    """The photos of a folder, by the names that a CSV gives them."""

    def __init__(self, root: Path, table: Path):
        self.root, self.table = root, table
        self.found: dict[str, str] = {}
        self.by_name: dict[str, list[str]] = {}
        for top, folders, files in os.walk(root):
            folders[:] = sorted(one for one in folders if not one.startswith("."))
            for name in sorted(files):
                shown = (Path(top) / name).relative_to(root).as_posix()
                key = unicodedata.normalize("NFC", shown)
                self.found.setdefault(key, shown)
                self.by_name.setdefault(key.rpartition("/")[2], []).append(shown)

    def place(self, given: str, line: int) -> str | None:
        """The path of a photo relative to the folder; None where there is none."""
        normal = os.path.normpath(os.path.join(self.root, given.replace("\\", "/")))
        inside = os.path.relpath(normal, os.path.normpath(self.root)).replace(os.sep, "/")
        if inside == ".." or inside.startswith("../") or os.path.isabs(inside):
            raise ValueError(f"{self.table}, line {line}: {given!r} leads out of the folder {self.root}")
        key = unicodedata.normalize("NFC", inside)
        if key in self.found:
            return self.found[key]
        alike = self.by_name.get(key, [])
        if len(alike) > 1:
            raise ValueError(
                f"{self.table}, line {line}: {given!r} is {_listed(alike, 2)}; write which, relative to {self.root}"
            )
        return alike[0] if alike else None


def _kind(path: Path, rows: list[tuple[int, list[str]]], names: Sequence[str], places: Sequence[int]) -> str:
    """What columns are, by their values; refuses what leaves it open."""
    values = {name: [row[place] for _, row in rows] for name, place in zip(names, places, strict=True)}
    words, binary = [], []
    for name, given in values.items():
        numbers = [bool(_NUMBER.fullmatch(one)) for one in given]
        truths = [one.casefold() in _TRUTH for one in given]
        if len(names) > 1 and all(truths):
            binary.append(name)
        elif not all(numbers):
            commas = [_DECIMAL_COMMA.fullmatch(one) is not None for one in given]
            if 2 * (sum(numbers) + sum(commas)) > len(given):  # numbers, but for some
                _number(path, rows, places[list(names).index(name)], name)
            words.append(name)
        elif all(float(one) in (0.0, 1.0) for one in given):
            binary.append(name)
    choose = "choose what is to be predicted with --column NAME, once for each column"
    if words:
        if len(names) == 1:
            return "classes"
        raise ValueError(f"{path} has the columns {_listed(names)}, of which {_listed(words)} hold words: {choose}")
    if len(binary) == len(names) > 1:
        return "labels"
    if binary:
        if len(names) == 1:
            raise ValueError(
                f"{path}: the column {names[0]!r} holds 0 and 1 alone, which can be two classes or one label: say "
                "--task classes or --task labels"
            )
        raise ValueError(
            f"{path}: {_listed(binary)} hold 0 and 1 alone, and the other columns numbers: {choose}, or take all as "
            "numbers with --task numbers"
        )
    if len(names) == 1:
        different = {float(one) for one in values[names[0]]}
        if len(different) <= _CODES and all(one.is_integer() for one in different) and len(rows) > 2 * len(different):
            raise ValueError(
                f"{path}: the column {names[0]!r} holds {len(different)} different whole numbers, which can be the codes of "
                "classes or amounts: say --task classes or --task numbers"
            )
    return "numbers"


def _number(path: Path, rows: list[tuple[int, list[str]]], place: int, name: str) -> list[float]:
    """A column as numbers; the first value that is none is named."""
    found = []
    for line, row in rows:
        value = row[place]
        if _DECIMAL_COMMA.fullmatch(value):
            raise ValueError(
                f"{path}, line {line}: {value!r} in the column {name!r} has a decimal comma; write "
                f"{value.replace(',', '.')}"
            )
        if not _NUMBER.fullmatch(value) or abs(float(value)) == float("inf"):
            raise ValueError(f"{path}, line {line}: {value!r} in the column {name!r} is not a number")
        found.append(float(value))
    return found


def _binary(path: Path, rows: list[tuple[int, list[str]]], place: int, name: str) -> list[float]:
    found = []
    for line, row in rows:
        value = row[place].casefold()
        known = _TRUTH.get(value, float(value) if _NUMBER.fullmatch(value) else -1.0)
        if known not in (0.0, 1.0):
            raise ValueError(f"{path}, line {line}: {row[place]!r} in the column {name!r} is neither 0 nor 1")
        found.append(known)
    return found


def _words(path: Path, rows: list[tuple[int, list[str]]], place: int, name: str) -> list[str]:
    found = [visible(unicodedata.normalize("NFC", row[place])) for _, row in rows]
    alike: dict[str, str] = {}
    for word in found:
        if alike.setdefault(word.casefold(), word) != word:
            raise ValueError(
                f"{path}: {alike[word.casefold()]!r} and {word!r} in the column {name!r} differ in capitals alone; write "
                "them in one way if they are one class"
            )
    return found


def read_table(
    path: str | os.PathLike[str], root: Path, *, task: str | None = None, columns: Sequence[str] = ()
) -> Table:
    """Read a CSV of photos below a folder.

    Parameters
    ----------
    path : path-like
        UTF-8 (with or without a mark at the start) or Excel's UTF-16, with commas,
        semicolons or tabs between the values.
    root : Path
        Folder of the photos, flat or nested. A name without folders is looked for
        below it, and must be there once.
    task : {"classes", "labels", "numbers"}, optional
        What the columns are, where that could be read in two ways.
    columns : sequence of str, optional
        Those that are to be predicted; by default all but ``file``, ``split``
        and ``group``.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        A file or a column that is not there; a value that is missing or of another kind than the others; a photo
        that is not there, lies outside of the folder or has rows that contradict each other.
    """
    path = Path(path)
    if task is not None:
        one_of(task, "task", TASKS)
    if not root.is_dir():
        raise ValueError(f"there is no folder {root}")
    header, rows = _grid(path)
    where = column_named(header, FILE_COLUMNS)
    if where is None:
        raise ValueError(f"{path} has no column of file names: call it 'file' (its columns are {_listed(header)})")
    split, group = column_named(header, ("split",)), column_named(header, ("group",))
    taken = (where, split, group)
    names = list(columns) or [name for place, name in enumerate(header) if place not in taken]
    if missing := [name for name in names if name not in header]:
        raise ValueError(f"{path} has no column {missing[0]!r}; its columns are {_listed(header)}")
    if not names:
        raise ValueError(f"{path} has no column to predict beside {_listed(header)}")
    places = [header.index(name) for name in names]
    if reserved := [name for name, place in zip(names, places, strict=True) if place in taken]:
        raise ValueError(f"{path}: the column {reserved[0]!r} says where a photo belongs, so it cannot be predicted")
    for place in [*places, *(one for one in (where, split, group) if one is not None)]:
        empty = [line for line, row in rows if row[place].casefold() in MISSING]
        if empty:
            more = f", as in {len(empty) - 1} other lines" if len(empty) > 1 else ""
            raise ValueError(
                f"{path}, line {empty[0]}: the column {header[place]!r} has no value{more}; fill it in, or leave the "
                "photo out"
            )
    kind = _kind(path, rows, names, places) if task is None else task
    if kind == "classes" and len(names) > 1:
        raise ValueError(
            f"{path} has the columns {_listed(names)}, and a class stands in one: choose it with --column NAME"
        )
    convert = {"classes": _words, "labels": _binary, "numbers": _number}[kind]
    values = zip(*(convert(path, rows, place, name) for place, name in zip(places, names, strict=True)), strict=True)
    found: dict[str, Row] = {}
    absent, repeated, folder = [], 0, _Folder(root, path)
    for (line, row), value in zip(rows, values, strict=True):
        shown = folder.place(row[where], line)
        if shown is None:
            absent.append((line, row[where]))
            continue
        one = Row(
            line,
            tuple(value),
            None if split is None else split_named(path, line, row[split]),
            None if group is None else row[group],
        )
        other = found.get(shown)
        if other is None:
            found[shown] = one
        elif (other.values, other.split, other.group) == (one.values, one.split, one.group):
            repeated += 1
        else:
            raise ValueError(f"{path}: lines {other.line} and {line} contradict each other about {shown}")
    if absent:
        more = f", and {len(absent) - 1} other photos" if len(absent) > 1 else ""
        line, given = absent[0]
        alike = folder.by_name.get(given.replace("\\", "/").rpartition("/")[2], [])
        hint = f"; did you mean {alike[0]!r}? Paths are relative to that folder" if alike else ""
        raise ValueError(f"{path}, line {line}: there is no photo {given!r} below {root}{more}{hint}")
    unnamed = tuple(one for one in folder.found.values() if one not in found and looks_like_photo(root / one))
    return Table(path, kind, tuple(names), found, repeated, unnamed)


def split_named(path: Path, line: int, word: str, unit: str = "line") -> str:
    """The split that a CSV names."""
    found = SPLIT_FOLDERS.get(word.casefold())
    if found is None:
        raise ValueError(f"{path}, {unit} {line}: the split is {word!r}; write train, validation or test")
    return found


def read_groups(path: str | os.PathLike[str], root: Path) -> dict[str, str]:
    """The group of each photo below a folder, from a CSV with the columns ``file`` and ``group``.

    Raises
    ------
    ValueError
        As :func:`read_table`.
    """
    path = Path(path)
    header, rows = _grid(path)
    where, group = column_named(header, FILE_COLUMNS), column_named(header, ("group",))
    if where is None or group is None:
        raise ValueError(f"{path} needs the columns 'file' and 'group'; its columns are {_listed(header)}")
    found: dict[str, str] = {}
    folder = _Folder(root, path)
    for line, row in rows:
        shown = folder.place(row[where], line)
        if row[group].casefold() in MISSING:
            raise ValueError(f"{path}, line {line}: the column {header[group]!r} has no value")
        if shown is None:
            raise ValueError(f"{path}, line {line}: there is no photo {row[where]!r} below {root}")
        if found.setdefault(shown, row[group]) != row[group]:
            raise ValueError(f"{path} gives {shown} two groups, {found[shown]!r} and {row[group]!r}")
    return found
