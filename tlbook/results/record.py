"""Reading a result file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tlbook.results.rows import plain, row_key

__all__ = ["FORMAT", "Record", "Spread", "check_name", "folders", "load", "names", "parse"]

FORMAT = 2
"""Of the files. In format 1, date, machine and versions were noted once for all rows."""

_PACKAGE = Path(__file__).resolve().parents[1]
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


class Spread(NamedTuple):
    """Smallest, middle and largest of ``n`` recorded values."""

    min: float
    median: float
    max: float
    n: int

    def contains(self, value: float, margin: float = 0.0) -> bool:
        """Whether ``value`` lies between ``min - margin`` and ``max + margin``."""
        return bool(self.min - margin <= value <= self.max + margin)

    def __str__(self) -> str:
        return f"{self.median:.4g} ({self.min:.4g} to {self.max:.4g}, n = {self.n})"


def folders() -> tuple[Path, Path]:
    """Where results may lie: beside the package in a checkout, or inside a wheel."""
    return _PACKAGE.parent / "book" / "results", _PACKAGE / "_results"


def check_name(name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name for a result: use lower-case letters, digits, '-' and '_', without folder or '.json'"
        )
    return name


@dataclass(frozen=True)
class Record:
    """What one result file holds; made by :func:`load`.

    Attributes
    ----------
    name, about : str
        Name of the file without ``.json``, and what was measured.
    command : str
        The command that makes the file again.
    conditions : dict
        What is the same for all rows.
    settings : tuple of str
        Names of the columns that identify a row.
    environments : tuple of dict
        Where rows were computed: ``processor`` (None if unknown), ``cores`` that
        the process could use, ``python`` and library ``versions``. A ``note`` says
        where these are not of the row itself.
    rows : tuple of dict
        One dict a row, ordered by the settings: settings, values, ``date`` (UTC,
        ``YYYY-MM-DDTHH:MMZ``), and the position of its ``environment``.
    """

    name: str
    about: str
    command: str
    conditions: dict[str, Any]
    settings: tuple[str, ...]
    environments: tuple[dict[str, Any], ...]
    rows: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    @property
    def source(self) -> str:
        """One sentence for a caption: by what, when and with what the rows were computed."""
        used = [self.environments[i] for i in sorted({row["environment"] for row in self.rows})]
        days = sorted({row["date"][:10] for row in self.rows})
        cores = sorted({one["cores"] for one in used})
        libraries: dict[str, list[str]] = {}
        for one in used:
            for name, version in {"Python": one["python"], **one["versions"]}.items():
                libraries.setdefault(name, []).append(version)
        versions = ", ".join(f"{name} {' and '.join(dict.fromkeys(found))}" for name, found in libraries.items())
        command = f"by `{self.command}` " if self.command else ""
        when = f"on {days[0]}" if len(days) == 1 else f"from {days[0]} to {days[-1]}"
        return (
            f"Computed {command}{when}, {' and '.join(map(str, cores))} core{'' if cores == [1] else 's'}, {versions}."
        )

    def options(self, setting: str) -> list[Any]:
        """The values a setting takes in the rows, each once, in the order of the rows."""
        if setting not in self.settings:
            raise ValueError(f"{setting!r} is no setting of {self.name!r}; it has {', '.join(self.settings)}")
        seen: dict[str, Any] = {}
        for row in self.rows:
            seen.setdefault(row_key(row, (setting,)), row[setting])
        return list(seen.values())

    def select(self, **settings: Any) -> Record:
        """The rows with these settings, as another :class:`Record`.

        Parameters
        ----------
        **settings
            ``method="linear probe"`` takes the rows with this value; a list, tuple,
            set or range takes those with any of its values.

        Raises
        ------
        ValueError
            For a name that is no setting, or when no row is left.
        """
        rows = list(self.rows)
        for name, wanted in settings.items():
            options = self.options(name)
            several = isinstance(wanted, (list, tuple, set, frozenset, range))
            wanted_plain = plain(list(wanted) if several else wanted, name)
            choices = wanted_plain if several and wanted_plain not in options else [wanted_plain]
            keys = {row_key({name: choice}, (name,)) for choice in choices}
            rows = [row for row in rows if row_key(row, (name,)) in keys]
            if not rows:
                raise ValueError(
                    f"no row of {self.name!r} has {name}={wanted!r} together with what was "
                    f"selected before; its values are {options}"
                )
        return replace(self, rows=tuple(rows))

    def column(self, name: str) -> NDArray[Any]:
        """One setting or value of every row, shape (rows,).

        Rows without it (or with None) give NaN among numbers; text comes as an
        object array.
        """
        known = list(dict.fromkeys(key for row in self.rows for key in row))
        if name not in known:
            raise ValueError(f"{self.name!r} has no column {name!r}; it has {', '.join(known)}")
        values = [row.get(name) for row in self.rows]
        if any(isinstance(value, (str, list, dict)) for value in values):
            column = np.empty(len(values), dtype=object)
            column[:] = values
            return column
        if any(value is None for value in values):
            return np.array([np.nan if value is None else value for value in values], dtype=float)
        return np.array(values)

    def spread(self, column: str, **settings: Any) -> Spread:
        """Smallest, median and largest value of a column over the selected rows."""
        values = self.select(**settings).column(column)
        if values.dtype == object:
            raise ValueError(f"column {column!r} of {self.name!r} does not hold numbers")
        values = values.astype(float)
        values = values[~np.isnan(values)]
        if not values.size:
            raise ValueError(f"no selected row of {self.name!r} has a value for {column!r}")
        return Spread(float(values.min()), float(np.median(values)), float(values.max()), int(values.size))


def parse(path: Path) -> Record:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        parts = {name: tuple(content[name]) for name in ("settings", "environments", "rows")}
        return Record(**{**content, **parts, "rows": tuple(dict(row) for row in parts["rows"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{path.name} is not a result file ({type(error).__name__}: {error}); restore it "
            "from version control, or delete it and compute it again"
        ) from error


def names(folder: str | Path | None = None) -> list[str]:
    """Names of the results that can be loaded, sorted."""
    places = folders() if folder is None else (Path(folder),)
    return sorted({path.stem for place in places for path in place.glob("[a-z0-9]*.json")})


def load(name: str, folder: str | Path | None = None) -> Record:
    """Read a result computed beforehand.

    Parameters
    ----------
    name : str
        Name of the result, e.g. ``"comparison"`` for ``book/results/comparison.json``.
    folder : path, optional
        Where to look. Default: ``book/results`` of the checkout the package
        lies in, else the copy inside the installed package.

    Returns
    -------
    Record

    Raises
    ------
    FileNotFoundError
        If there is no such result; the message lists those that exist.
    ValueError
        If the file is not a result file.

    Examples
    --------
    >>> record = load("comparison")
    >>> record.options("method")[:3]
    ['LP-FT', 'from scratch', 'from scratch, augmented']
    >>> probe = record.select(method="linear probe")
    >>> bool(0.9 < probe.column("test_accuracy").mean() < 1)
    True
    """
    check_name(name)
    for place in folders() if folder is None else (Path(folder),):
        if (place / f"{name}.json").is_file():
            return parse(place / f"{name}.json")
    existing = names(folder)
    raise FileNotFoundError(
        f"there is no result {name!r}; "
        + (f"there are: {', '.join(existing)}" if existing else "none has been computed yet")
    )
