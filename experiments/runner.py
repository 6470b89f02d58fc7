"""From a table of settings to the rows of a record: resumable, in several processes, with an estimate of the time left."""

from __future__ import annotations

import functools
import importlib
import itertools
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tlbook import results
from tlbook.results.rows import row_key

DATASETS = ("sketches", "photos")
NAMES = tuple(
    path.stem.replace("_", "-")
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py"))
    if "\nABOUT = " in path.read_text(encoding="utf-8")
)
Row = dict[str, object]


def table(settings: str, *columns: object) -> list[Row]:
    """Every combination of the columns' values: a setting each, and each one value or several."""
    several = [column if isinstance(column, (list, tuple, range)) else [column] for column in columns]
    return [dict(zip(settings.split(), values, strict=True)) for values in itertools.product(*several)]


def names(dataset: str) -> list[str]:
    """Names of the sweeps that a data set has."""
    return [name for name in NAMES if dataset in load(name, dataset).module.ABOUT]


def arm(row: Row) -> str:
    """The settings of a row but for its seed."""
    return ", ".join(str(value) for name, value in row.items() if name != "seed" and value != "-")


class Sweep:
    """One record, and the module of this folder that says what its rows are."""

    def __init__(self, name: str, dataset: str) -> None:
        self.module = importlib.import_module(f"experiments.{name.replace('-', '_')}")
        self.name, self.dataset = name, dataset
        edition = "" if dataset == "sketches" else f"-{dataset}"
        self.record = name + edition
        self.command = f"python -m experiments {name}{edition.replace('-', ' --dataset ')}"

    @functools.cached_property
    def rows(self) -> list[Row]:
        return list(self.module.rows(self.dataset))

    @functools.cached_property
    def recorder(self) -> results.Recorder:
        conditions = self.module.conditions(self.dataset)
        return results.Recorder(self.record, self.command, about=self.module.ABOUT[self.dataset], conditions=conditions)

    def chosen(self, only: Iterable[str]) -> list[Row]:
        """The rows with ``SETTING=VALUE``; several values of one setting are alternatives."""
        wanted: dict[str, set[str]] = {}
        for one in only:
            name, equals, value = one.partition("=")
            if name not in self.rows[0] or not equals:
                raise SystemExit(f"{one!r}: give SETTING=VALUE, of {self.name} with {', '.join(self.rows[0])}")
            wanted.setdefault(name, set()).add(value)
        rows = [row for row in self.rows if all(str(row[name]) in values for name, values in wanted.items())]
        if not rows:
            raise SystemExit(f"no row of {self.record} has {' '.join(only)}")
        return rows

    def missing(self, rows: list[Row]) -> list[Row]:
        """Those that are not recorded; needs neither images nor networks."""
        settings = tuple(self.rows[0])
        recorded = results.load(self.record) if self.record in results.names() else ()
        done = {row_key(row, settings) for row in recorded}
        return [row for row in rows if row_key(row, settings) not in done]

    def show(self, only: Iterable[str] = ()) -> None:
        """Print the arms, and how many of their rows are missing."""
        rows = self.chosen(only)
        missing = self.missing(rows)
        print(f"{self.record}: {len(missing)} of {len(rows)} rows are missing; settings: {', '.join(rows[0])}")
        for name in dict.fromkeys(map(arm, rows)):
            print(f"  {name}: {sum(arm(row) == name for row in missing)} of {sum(arm(row) == name for row in rows)}")

    def run(self, only: Iterable[str] = (), processes: int = 1, restart: bool = False) -> None:
        """Compute what is missing, and say after each row how long the rest may take."""
        rows = self.chosen(only)
        if restart:
            self.recorder.path.unlink(missing_ok=True)
            del self.recorder
        left = self.missing(rows)
        print(f"{self.record}: {len(left)} of {len(rows)} rows to compute", flush=True)
        spent: dict[str, list[float]] = {}  # wall seconds of the rows so far, by arm
        for row, accuracy, seconds in self.computed(list(left), processes):
            left.remove(row)
            spent.setdefault(arm(row), []).append(seconds)
            every = [one for each in spent.values() for one in each]
            guesses = [spent.get(arm(one), every) for one in left]
            minutes = sum(sum(guess) / len(guess) for guess in guesses) / processes / 60
            seed = f", seed {row['seed']}" if "seed" in row else ""
            print(
                f"{arm(row)}{seed}: {accuracy} in {seconds:.1f} s; {len(left)} rows left, {minutes:.0f} min", flush=True
            )

    def computed(self, rows: list[Row], processes: int) -> Iterator[tuple[Row, str, float]]:
        if processes == 1:
            yield from ((row, *compute(self.name, self.dataset, row)) for row in rows)
            return
        # spawn: a forked child of a process that has loaded TensorFlow may hang.
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            futures = {pool.submit(compute, self.name, self.dataset, row): row for row in rows}
            try:
                yield from ((futures[future], *future.result()) for future in as_completed(futures))
            finally:  # after an error or an interruption: what runs is finished, the rest is not begun
                pool.shutdown(cancel_futures=True)


load = functools.cache(Sweep)
"""The sweep of a name and a data set."""


def compute(name: str, dataset: str, row: Row) -> tuple[str, float]:
    """Measure a row and record it, unless another process has; its accuracy to be shown, and wall seconds."""
    import keras

    sweep, began = load(name, dataset), time.perf_counter()
    if sweep.recorder.done(**row):
        return "recorded by another process", 0.0
    values = sweep.module.measure(dataset, **row)
    if not sweep.recorder.done(**row):
        sweep.recorder.add(row, **values)
    keras.backend.clear_session()
    shown = f"{values['test_accuracy']:.3f}" if "test_accuracy" in values else "recorded"
    return shown, time.perf_counter() - began
