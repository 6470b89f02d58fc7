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
from tlbook.results.record import Record, check_name, folders, parse
from tlbook.results.rows import order, plain, row_key

__all__ = ["Recorder"]

_LIBRARIES = (("tensorflow", "tensorflow-cpu"), "keras", "numpy", "scikit-learn", "scipy")


def _versions() -> dict[str, str]:
    from tlbook import __version__

    return {"tlbook": __version__, **_files.versions(*_LIBRARIES)}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%MZ")


def _dump(content: dict[str, Any]) -> str:
    """JSON with one row a line, so that a change of one row is one changed line."""
    head = {key: value for key, value in content.items() if key != "rows"}
    text = json.dumps(head, indent=1, ensure_ascii=False)
    rows = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in content["rows"])
    body = f"[\n{rows}\n ]" if rows else "[]"
    return f'{text[:-2]},\n "rows": {body}\n}}\n'


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
        self._check_conditions(self._conditions)
        self._seen = current

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
        rows = [other for other in rows if row_key(other, names_) != row_key(row, names_)] + [row]
        rows.sort(key=lambda one: order(one, names_))
        now = _now()
        content = {
            "name": self.name,
            "about": self._about or (old.about if old is not None else ""),
            "created": old.created if old is not None else now,
            "updated": now,
            "versions": versions,
            "cores": _files.cores(),
            "python": python,
            "command": self._command or (old.command if old is not None else ""),
            "conditions": conditions,
            "settings": list(names_),
            "rows": rows,
        }
        text = _dump(content)
        _files.write_text(self.path, text)
        self._seen = text
        self._record = parse(self.path)

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
