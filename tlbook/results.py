"""Results computed beforehand, and the file that keeps them.

What does not fit into a chapter's minutes (many seeds, many settings) is
computed by a script in ``scripts/results`` and kept as ``book/results/NAME.json``.
:class:`Recorder` writes such a file row by row, so that a killed run goes on
where it stopped; :func:`load` reads it.

A row is a set of *settings* (method, seed, number of images …), which identify
it, and *values* (accuracy, seconds …), which were measured. What must be the
same for all rows, such as the fingerprint of the data, is given once as
*conditions*. Rows that do not belong together are never mixed silently:

- a row with other setting names than those in the file is refused;
- a file made under other conditions is refused when it is opened;
- a row computed with other library versions than those in the file is refused
  when it is added, unless ``mix_versions=True``, which notes it in the file.

In each case ``restart=True`` throws the old rows away and begins anew.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Record", "Recorder", "Spread", "load", "names"]

_PACKAGE = Path(__file__).resolve().parent
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_ABSOLUTE = re.compile(r"(?:^|[\s\"'=:(])(?:/[\w.+-]+/[\w.+-]|~/|[A-Za-z]:\\)")
_LIBRARIES = {
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "keras": ("keras",),
    "numpy": ("numpy",),
    "scikit-learn": ("scikit-learn",),
    "scipy": ("scipy",),
}


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


def _folders() -> tuple[Path, Path]:
    """Where results may lie: beside the package in a checkout, or inside a wheel."""
    return _PACKAGE.parent / "book" / "results", _PACKAGE / "_results"


def _check_name(name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name for a result: use lower-case letters, digits, '-' and '_', "
            "without folder or '.json'"
        )
    return name


def _plain(value: Any, where: str) -> Any:
    """``value`` as JSON has it; NaN, infinity, and paths of one machine are refused."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    elif isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value}, which JSON cannot hold; use None for 'no value'")
        return value
    if isinstance(value, str):
        if _ABSOLUTE.search(value):
            raise ValueError(
                f"{where} names a folder of this machine ({value!r}); give it relative "
                "to the repository, since the file is published"
            )
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item, where) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item, where) for key, item in value.items()}
    raise TypeError(
        f"{where} is of type {type(value).__name__}; a result holds numbers, text, "
        "truth values, None, and lists or dicts of these"
    )


def _key(row: dict[str, Any], settings: tuple[str, ...]) -> str:
    # 1 and 1.0 are the same setting; JSON would write them differently.
    def same(value: Any) -> Any:
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, list):
            return [same(item) for item in value]
        return value

    return json.dumps([same(row[name]) for name in settings], sort_keys=True)


def _order(row: dict[str, Any], settings: tuple[str, ...]) -> list[tuple[int, Any]]:
    """Sort key: numbers by size, then text, then the rest by its JSON."""
    key: list[tuple[int, Any]] = []
    for name in settings:
        value = row[name]
        if isinstance(value, (bool, int, float)):
            key.append((0, value))
        elif isinstance(value, str):
            key.append((1, value))
        else:
            key.append((2, json.dumps(value, sort_keys=True)))
    return key


def _versions() -> dict[str, str]:
    from tlbook import __version__

    found = {"tlbook": __version__}
    for name, distributions in _LIBRARIES.items():
        for distribution in distributions:
            try:
                found[name] = metadata.version(distribution)
                break
            except metadata.PackageNotFoundError:
                continue
    return found


def _cores() -> int:
    """Cores this process may use, which a container can make fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%MZ")


def _dump(content: dict[str, Any]) -> str:
    """JSON with one row a line, so that a change of one row is one changed line."""
    head = {key: value for key, value in content.items() if key != "rows"}
    text = json.dumps(head, indent=1, ensure_ascii=False)
    rows = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in content["rows"])
    body = f'[\n{rows}\n ]' if rows else "[]"
    return f'{text[:-2]},\n "rows": {body}\n}}\n'


def _write(path: Path, text: str) -> None:
    """Write whole or not at all: a reader, or a kill, never sees half a file."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class Record:
    """What one result file holds; made by :func:`load`.

    Attributes
    ----------
    name, about : str
        Name of the file without ``.json``, and what was measured.
    created, updated : str
        First and last writing, UTC, ``YYYY-MM-DDTHH:MMZ``.
    versions : dict of str to str
        Library versions the rows were computed with.
    cores : int
        Cores the computing process could use.
    python, command : str
        Python version, and the command that makes the file again.
    conditions : dict
        What is the same for all rows.
    settings : tuple of str
        Names of the columns that identify a row.
    rows : tuple of dict
        One dict a row, settings first, ordered by the settings.
    """

    name: str
    about: str
    created: str
    updated: str
    versions: dict[str, str]
    cores: int
    python: str
    command: str
    conditions: dict[str, Any]
    settings: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    @property
    def source(self) -> str:
        """One sentence for a caption: when, by what and with what it was computed."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        command = f"by `{self.command}` " if self.command else ""
        return (
            f"Computed {command}on {self.updated[:10]}, {self.cores} cores, "
            f"Python {self.python}, {versions}."
        )

    def options(self, setting: str) -> list[Any]:
        """The values a setting takes in the rows, each once, in the order of the rows."""
        if setting not in self.settings:
            raise ValueError(
                f"{setting!r} is no setting of {self.name!r}; it has {', '.join(self.settings)}"
            )
        seen: dict[str, Any] = {}
        for row in self.rows:
            seen.setdefault(_key(row, (setting,)), row[setting])
        return list(seen.values())

    def select(self, **settings: Any) -> Record:
        """The rows with these settings, as another :class:`Record`.

        Parameters
        ----------
        **settings
            ``method="probe"`` takes the rows with this value; a list, tuple,
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
            wanted_plain = _plain(list(wanted) if several else wanted, name)
            choices = wanted_plain if several and wanted_plain not in options else [wanted_plain]
            keys = {_key({name: choice}, (name,)) for choice in choices}
            rows = [row for row in rows if _key(row, (name,)) in keys]
            if not rows:
                raise ValueError(
                    f"no row of {self.name!r} has {name}={wanted!r} together with what was "
                    f"selected before; its values are {options}"
                )
        return replace(self, rows=tuple(rows))

    def column(self, name: str) -> np.ndarray:
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
        return Spread(
            float(values.min()), float(np.median(values)), float(values.max()), int(values.size)
        )


def _parse(path: Path) -> Record:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Record(
            **{
                **content,
                "settings": tuple(content["settings"]),
                "rows": tuple(dict(row) for row in content["rows"]),
            }
        )
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path.name} is not a result file ({type(error).__name__}: {error}); restore it "
            "from version control, or delete it and compute it again"
        ) from error


def names(folder: str | Path | None = None) -> list[str]:
    """Names of the results that can be loaded, sorted."""
    folders = _folders() if folder is None else (Path(folder),)
    return sorted({path.stem for place in folders for path in place.glob("[a-z0-9]*.json")})


def load(name: str, folder: str | Path | None = None) -> Record:
    """Read a result computed beforehand.

    Parameters
    ----------
    name : str
        Name of the result, e.g. ``"strategies"`` for ``book/results/strategies.json``.
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
    """
    _check_name(name)
    for place in _folders() if folder is None else (Path(folder),):
        if (place / f"{name}.json").is_file():
            return _parse(place / f"{name}.json")
    existing = names(folder)
    raise FileNotFoundError(
        f"there is no result {name!r}; "
        + (f"there are: {', '.join(existing)}" if existing else "none has been computed yet")
    )


class Recorder:
    """Write a result file row by row; a killed run resumes where it stopped.

    Parameters
    ----------
    name : str
        The file is ``NAME.json``.
    command : str
        The command that makes the file, relative to the repository, e.g.
        ``"python scripts/results/strategies.py"``.
    about : str, optional
        What is measured, in one sentence. Kept from the file if not given.
    conditions : dict, optional
        What must be the same for all rows, e.g. ``{"data": split.fingerprint,
        "backbone": backbone.fingerprint}``.
    folder : path, optional
        Default: ``book/results`` of the checkout.
    restart : bool
        Throw away what the file holds.
    mix_versions : bool
        Allow rows computed with different library versions; the versions met
        before are then kept in the file under ``conditions["earlier versions"]``.

    Raises
    ------
    ValueError
        If the file was made under other conditions.

    Examples
    --------
    ::

        with Recorder("strategies", command="python scripts/results/strategies.py") as rec:
            for seed in range(5):
                if rec.done(method="probe", seed=seed):
                    continue
                rec.add({"method": "probe", "seed": seed}, accuracy=measure(seed))
    """

    def __init__(
        self,
        name: str,
        command: str = "",
        folder: str | Path | None = None,
        *,
        about: str = "",
        conditions: dict[str, Any] | None = None,
        restart: bool = False,
        mix_versions: bool = False,
    ) -> None:
        self.name = _check_name(name)
        if folder is None:
            folder = _folders()[0]
            if not folder.parent.is_dir():
                raise ValueError(
                    "tlbook is not used from a checkout of the book, so there is no "
                    "book/results to write to; give folder=…"
                )
        self.path = Path(folder) / f"{name}.json"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._mix_versions = mix_versions
        self._command = _plain(command, "command")
        self._about = _plain(about, "about")
        given = _plain(conditions or {}, "conditions")
        self._seen: str | None = None  # the file's text as this recorder last saw it
        self._record: Record | None = None
        if self.path.exists() and not restart:
            self._seen = self.path.read_text(encoding="utf-8")
            self._record = _parse(self.path)
            self._check_conditions(given)
        elif self.path.exists():
            self._seen = self.path.read_text(encoding="utf-8")
        self._conditions = given

    def _check_conditions(self, given: dict[str, Any]) -> None:
        held = {k: v for k, v in self._record.conditions.items() if k != "earlier versions"}
        for key in sorted(held.keys() | given.keys()):
            if held.get(key) != given.get(key):
                raise ValueError(
                    f"{self.path.name} was made under other conditions: {key} was "
                    f"{held.get(key)!r} and is now {given.get(key)!r}. Its rows and new ones do "
                    "not belong together; pass restart=True to compute all anew"
                )

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *error: object) -> None:
        return None  # every row is on disk already; nothing to flush

    def __len__(self) -> int:
        return len(self._record) if self._record else 0

    def _normal(self, settings: dict[str, Any]) -> dict[str, Any]:
        if not settings:
            raise ValueError("a row needs at least one setting that identifies it, e.g. seed=0")
        plain = {name: _plain(value, f"setting {name}") for name, value in settings.items()}
        if self._record is not None and self._record.rows:
            if set(plain) != set(self._record.settings):
                raise ValueError(
                    f"rows of {self.path.name} are identified by "
                    f"{', '.join(self._record.settings)}, not by {', '.join(plain)}; use the same "
                    "settings, another name, or restart=True"
                )
        return plain

    def done(self, **settings: Any) -> bool:
        """Whether a row with exactly these settings is recorded already."""
        plain = self._normal(settings)
        if self._record is None or not self._record.rows:
            return False
        names_ = self._record.settings
        return _key(plain, names_) in {_key(row, names_) for row in self._record.rows}

    def add(self, settings: dict[str, Any], *, replace: bool = False, **values: Any) -> None:
        """Record one row; the file is complete on disk when this returns.

        Parameters
        ----------
        settings : dict
            What identifies the row; the same names for all rows of a file.
        replace : bool
            Overwrite the row if it exists; otherwise that is refused.
        **values
            What was measured: numbers, text, truth values, None, and lists or
            dicts of these; NumPy scalars and arrays are converted.

        Raises
        ------
        ValueError
            For other setting names than the file has, a row that exists, a
            value that is NaN, infinite or names a folder of this machine,
            other library versions than the file has, or a file that another
            process has changed meanwhile.
        """
        plain = self._normal(settings)
        measured = {name: _plain(value, f"value {name}") for name, value in values.items()}
        if not measured:
            raise ValueError("a row needs at least one value, e.g. accuracy=0.9")
        both = sorted(plain.keys() & measured.keys())
        if both:
            raise ValueError(f"{', '.join(both)} is given as a setting and as a value")
        if self.done(**settings) and not replace:
            raise ValueError(
                f"{self.path.name} has a row for {plain} already; ask rec.done(...) before "
                "computing, or pass replace=True"
            )
        current = self.path.read_text(encoding="utf-8") if self.path.exists() else None
        if current != self._seen:
            raise ValueError(
                f"another process has changed {self.path.name} meanwhile; run one at a time, "
                "or give each its own name"
            )
        self._save(plain, measured)

    def _save(self, settings: dict[str, Any], values: dict[str, Any]) -> None:
        versions, python = _versions(), platform.python_version()
        old = self._record if self._record is not None and self._record.rows else None
        conditions = dict(self._conditions)
        if old is not None:
            earlier = list(old.conditions.get("earlier versions", []))
            if old.versions != versions:
                if not self._mix_versions:
                    changed = ", ".join(
                        f"{k} {old.versions.get(k, 'none')} → {versions.get(k, 'none')}"
                        for k in sorted(old.versions.keys() | versions.keys())
                        if old.versions.get(k) != versions.get(k)
                    )
                    raise ValueError(
                        f"the rows of {self.path.name} were computed with other versions "
                        f"({changed}); pass restart=True to compute all anew, or "
                        "mix_versions=True to note the difference and go on"
                    )
                earlier.append(old.versions)
            if earlier:
                conditions["earlier versions"] = earlier
        names_ = old.settings if old is not None else tuple(settings)
        row = {name: settings[name] for name in names_} | values
        rows = [] if old is None else list(old.rows)
        rows = [other for other in rows if _key(other, names_) != _key(row, names_)] + [row]
        rows.sort(key=lambda one: _order(one, names_))
        now = _now()
        content = {
            "name": self.name,
            "about": self._about or (old.about if old is not None else ""),
            "created": old.created if old is not None else now,
            "updated": now,
            "versions": versions,
            "cores": _cores(),
            "python": python,
            "command": self._command or (old.command if old is not None else ""),
            "conditions": conditions,
            "settings": list(names_),
            "rows": rows,
        }
        text = _dump(content)
        _write(self.path, text)
        self._seen = text
        self._record = _parse(self.path)

    @contextmanager
    def row(self, **settings: Any) -> Iterator[dict[str, Any]]:
        """Context whose dict becomes the row's values; an exception records nothing.

        Examples
        --------
        ::

            with rec.row(method="probe", seed=0) as row:
                row["accuracy"] = measure()
        """
        values: dict[str, Any] = {}
        yield values
        self.add(settings, **values)
