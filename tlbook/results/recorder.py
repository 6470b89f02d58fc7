"""Writing a result file, row by row."""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tlbook import _files
from tlbook.results.record import FORMAT, Record, check_name, folders, parse
from tlbook.results.rows import order, plain, row_key

__all__ = ["Recorder"]

_LIBRARIES = (("tensorflow", "tensorflow-cpu"), "keras", "numpy", "scikit-learn", "scipy")


def _versions() -> dict[str, str]:
    from tlbook import __version__

    return {"tlbook": __version__, **_files.versions(*_LIBRARIES)}


def _environment() -> dict[str, Any]:
    return {
        "processor": _files.processor(),
        "cores": _files.cores(),
        "python": platform.python_version(),
        "versions": _versions(),
    }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%MZ")


def _dump(content: dict[str, Any]) -> str:
    """JSON with one row a line, so that a change of one row is one changed line."""
    long = ("environments", "rows")
    head = json.dumps({key: value for key, value in content.items() if key not in long}, indent=1, ensure_ascii=False)
    lines = (",\n  ".join(json.dumps(one, ensure_ascii=False) for one in content[key]) for key in long)
    return head[:-2] + "".join(f',\n "{key}": [\n  {each}\n ]' for key, each in zip(long, lines, strict=True)) + "\n}\n"


class Recorder:
    """Write a result file row by row; a killed run resumes where it stopped.

    Several processes may fill one file at once, each with settings of its own
    (seeds, say): a row is added to what the file holds at that moment.

    Parameters
    ----------
    name : str
        The file is ``NAME.json``.
    command : str
        The command that makes the file, relative to the repository, e.g.
        ``"python -m experiments comparison"``.
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
        Allow rows computed with different library versions. Each row names its own.

    Raises
    ------
    ValueError
        If the file was made under other conditions.

    Examples
    --------
    ::

        with Recorder("comparison", command="python -m experiments comparison") as rec:
            for seed in range(5):
                if rec.done(method="linear probe", seed=seed):
                    continue
                rec.add({"method": "linear probe", "seed": seed}, accuracy=measure(seed))
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
        self.name = check_name(name)
        if folder is None:
            folder = folders()[0]
            if not folder.parent.is_dir():
                raise ValueError(
                    "tlbook is not used from a checkout of the book, so there is no "
                    "book/results to write to; give folder=…"
                )
        self.path = Path(folder) / f"{name}.json"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._mix_versions = mix_versions
        self._command = plain(command, "command")
        self._about = plain(about, "about")
        given = plain(conditions or {}, "conditions")
        self._seen: str | None = None  # the file's text as this recorder last saw it
        self._record: Record | None = None
        if self.path.exists() and not restart:
            self._seen = self.path.read_text(encoding="utf-8")
            self._record = parse(self.path)
            self._check_conditions(self._record.conditions, given)
        elif self.path.exists():
            self._seen = self.path.read_text(encoding="utf-8")
        self._conditions = given

    def _check_conditions(self, held: dict[str, Any], given: dict[str, Any]) -> None:
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
        row = {name: plain(value, f"setting {name}") for name, value in settings.items()}
        held = self._record.settings if self._record is not None and self._record.rows else tuple(row)
        if set(row) != set(held):
            raise ValueError(
                f"rows of {self.path.name} are identified by {', '.join(held)}, not by "
                f"{', '.join(row)}; use the same settings, another name, or restart=True"
            )
        return row

    def done(self, **settings: Any) -> bool:
        """Whether a row with exactly these settings is recorded already."""
        self._catch_up()
        row = self._normal(settings)
        if self._record is None or not self._record.rows:
            return False
        names_ = self._record.settings
        return row_key(row, names_) in {row_key(other, names_) for other in self._record.rows}

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
            process has begun anew under other conditions.
        """
        row = self._normal(settings)
        measured = {name: plain(value, f"value {name}") for name, value in values.items()}
        if not measured:
            raise ValueError("a row needs at least one value, e.g. accuracy=0.9")
        both = sorted(row.keys() & measured.keys())
        if both:
            raise ValueError(f"{', '.join(both)} is given as a setting and as a value")
        if taken := sorted({"date", "environment"} & (row.keys() | measured.keys())):
            raise ValueError(f"{', '.join(taken)} is a column that the recorder writes; use another name")
        with _files.locked(self.path.with_name(f".{self.name}.lock")):
            if self.done(**settings) and not replace:
                raise ValueError(
                    f"{self.path.name} has a row for {row} already; ask rec.done(...) before "
                    "computing, or pass replace=True"
                )
            self._save(row, measured)

    def _catch_up(self) -> None:
        """Take in the rows that other processes have added."""
        current = self.path.read_text(encoding="utf-8") if self.path.exists() else None
        if current == self._seen:
            return
        if current is None:
            raise ValueError(f"{self.path.name} was removed while rows were being added; run the command again")
        self._record = parse(self.path)
        self._check_conditions(self._record.conditions, self._conditions)
        self._seen = current

    def _save(self, settings: dict[str, Any], values: dict[str, Any]) -> None:
        old = self._record if self._record is not None and self._record.rows else None
        environment = _environment()
        if old is not None and not self._mix_versions:
            self._check_versions(old, environment["versions"])
        names_ = old.settings if old is not None else tuple(settings)
        row = {name: settings[name] for name in names_} | values
        rows = [] if old is None else list(old.rows)
        rows = [other for other in rows if row_key(other, names_) != row_key(row, names_)]
        environments = [] if old is None else list(old.environments)
        if environment not in environments:
            environments.append(environment)
        rows.append(row | {"date": _now(), "environment": environments.index(environment)})
        rows.sort(key=lambda one: order(one, names_))
        content = {
            "format": FORMAT,
            "name": self.name,
            "about": self._about or (old.about if old is not None else ""),
            "command": self._command or (old.command if old is not None else ""),
            "conditions": self._conditions,
            "settings": list(names_),
            "environments": environments,
            "rows": rows,
        }
        text = _dump(content)
        _files.write_text(self.path, text)
        self._seen = text
        self._record = parse(self.path)

    def _check_versions(self, old: Record, versions: dict[str, str]) -> None:
        held = [old.environments[i]["versions"] for i in {row["environment"] for row in old.rows}]
        if versions in held:
            return
        changed = ", ".join(
            f"{name} {held[-1].get(name, 'none')} → {versions.get(name, 'none')}"
            for name in sorted(held[-1].keys() | versions.keys())
            if held[-1].get(name) != versions.get(name)
        )
        raise ValueError(
            f"the rows of {self.path.name} were computed with other versions ({changed}); pass restart=True to "
            "compute all anew, or mix_versions=True to go on: each row names its versions"
        )

    @contextmanager
    def row(self, **settings: Any) -> Iterator[dict[str, Any]]:
        """Context whose dict becomes the row's values; an exception records nothing.

        Examples
        --------
        ::

            with rec.row(method="linear probe", seed=0) as row:
                row["accuracy"] = measure()
        """
        values: dict[str, Any] = {}
        yield values
        self.add(settings, **values)
