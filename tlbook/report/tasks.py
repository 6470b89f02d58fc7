"""What was measured about a model that gives labels, or numbers: the same table as text, as JSON and as a page."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlbook import evaluation
from tlbook._files import write_text
from tlbook.datasets import Split
from tlbook.evaluation import Estimate
from tlbook.report.metrics import number

__all__ = ["Column", "TaskReport", "measure_labels", "measure_numbers"]

_DRAWS = 1000  # of a bootstrap
_FEW = 10  # photos with a label


@dataclass(frozen=True)
class Column:
    """A metric of each label or number.

    Attributes
    ----------
    name : str
        Its key.
    label, note : str
        How text and page call it, and what it means.
    """

    name: str
    label: str
    note: str


LABELS = (
    Column("average_precision", "average precision", "The area under the precision–recall curve; guessing has the base rate."),
    Column("base_rate", "base rate", "Share of the images that have the label: what guessing would reach."),
    Column("threshold", "threshold", "The label is given from this probability on; chosen on validation images."),
    Column("precision", "precision", "Of the images that are given the label, the share that have it."),
    Column("recall", "recall", "Of the images that have the label, the share that are given it."),
    Column("f1_score", "F1", "The harmonic mean of precision and recall."),
)  # fmt: skip

NUMBERS = (
    Column("mean_absolute_error", "mean absolute error", "How far the answer is off, on average over the images."),
    Column("baseline", "always the mean", "The same error of always giving the mean of the training images."),
    Column("gain", "smaller by", "By how much the error is smaller than that, on the same images."),
    Column(
        "r_squared", "R²", "The share of the spread that is explained: 1 is all of it, 0 is what the mean explains."
    ),
)


@dataclass(frozen=True)
class TaskReport:
    """What was measured about a model of labels or numbers; ``print`` shows every number.

    Attributes
    ----------
    split, fingerprint : str
        Name of the split, and the hash of its images.
    class_names : tuple of str
        The labels, or the numbers.
    n : int
    columns : tuple of Column
        The metrics, in their order.
    each : dict of str to dict of str to Estimate or float
        For each label or number, the metrics by name.
    overall : dict of str to Estimate
        ``"macro_f1_score"``, the mean over labels, and ``"always_macro_f1_score"``, that of giving every label to every
        image; empty for numbers, whose units differ.
    title, said : str
        The result in a few words, and in a sentence.
    worst : tuple of (int, Path, str)
        Position, file and words of the images where the answer is furthest from the truth.
    notes : tuple of str
        What the numbers cannot tell.
    drawn : dict
        What the figures are drawn from.
    """

    split: str
    fingerprint: str
    class_names: tuple[str, ...]
    n: int
    columns: tuple[Column, ...]
    each: dict[str, dict[str, Any]]
    overall: dict[str, Estimate]
    title: str
    said: str
    worst: tuple[tuple[int, Path, str], ...]
    notes: tuple[str, ...]
    drawn: dict[str, Any] = field(default_factory=dict, repr=False)

    def rows(self) -> list[list[str]]:
        """One row for each label or number, below a header."""
        found = [["", *(one.label for one in self.columns)]]
        for name, values in self.each.items():
            spec = _spec(values)
            found.append([name, *(_shown(values[one.name], spec.get(one.name, "")) for one in self.columns)])
        return found

    def __str__(self) -> str:
        from tlbook.report.text import _table

        part = "" if self.split == "all" else f" of the split {self.split}"
        lines = [f"{self.n:,} images{part} (sha256 {self.fingerprint[:12]}…)", self.said, ""]
        lines += _table(self.rows())
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Every number, ready for JSON; what is undefined is None."""
        return {
            "n": self.n,
            "confidence": 0.95,
            **_plain(self.overall),
            "columns": {name: _plain(values) for name, values in self.each.items()},
            "fingerprint": self.fingerprint,
            "notes": list(self.notes),
        }

    def save(self, path: str | os.PathLike[str], run: Mapping[str, Any] | None = None) -> Path:
        """Write a page with style, figures and photos inside, whole or not at all; with how it was made, where a run is given."""
        from tlbook.report.task_page import html

        path = Path(path).expanduser()
        write_text(path, html(self, run))
        return path


def _plain(values: Mapping[str, Estimate | float]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found[name] = number(value)
        if isinstance(value, Estimate):
            found[f"{name}_interval"] = [number(value.low), number(value.high)]
    return found


def _spec(values: Mapping[str, Any]) -> dict[str, str]:
    """Three digits for what has the unit of the number."""
    size = max(
        (abs(float(values[name])) for name in ("mean_absolute_error", "baseline") if name in values), default=0.0
    )
    if not size or not math.isfinite(size):
        return {}
    spec = f".{max(0, 2 - math.floor(math.log10(size)))}f"
    return dict.fromkeys(("mean_absolute_error", "baseline", "gain"), spec)


def _shown(value: Estimate | float, spec: str) -> str:
    if isinstance(value, Estimate):
        return f"{value:{spec}}" if spec else str(value)
    return format(value, spec or ".3f")


def _bootstrap(metric: Any, *arrays: Any, seed: int, **options: Any) -> Estimate:
    """An interval where there is one; a metric that some resample leaves undefined has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that few images decide is said in the notes
        try:
            return evaluation.bootstrap(metric, *arrays, seed=seed, n_resamples=_DRAWS, unit="", **options)
        except ValueError:
            plain = {"axis": -1} if options.get("vectorized") else {}
            return Estimate(float(metric(*arrays, **plain)), -math.inf, math.inf, len(arrays[0]), 0.95, "")


def _macro_f1(targets: NDArray[Any], given: NDArray[Any]) -> float:
    """The mean over the labels that occur, or are given."""
    true = (targets * given).sum(axis=0)
    size = targets.sum(axis=0) + given.sum(axis=0)
    return float((2 * true[size > 0] / size[size > 0]).mean()) if size.any() else 0.0


def measure_labels(
    p: NDArray[np.float64],
    test: Split,
    names: Sequence[str],
    thresholds: Sequence[float],
    *,
    mistakes: int = 12,
    seed: int = 0,
) -> TaskReport:
    """Measure labels on a split whose ``targets`` are 0 and 1.

    A share over images and labels together is not computed: with rare labels, giving none of them gets most of it right.

    Parameters
    ----------
    p : ndarray, shape (n, L)
        Probabilities.
    test : Split
    names : sequence of str, shape (L,)
    thresholds : sequence of float, shape (L,)
    """
    targets, n = _targets(test, p), len(test)
    given = p >= np.asarray(thresholds)
    each: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    for k, name in enumerate(names):
        truth, guess = targets[:, k].astype(np.int64), given[:, k].astype(np.int64)
        each[name] = {
            "average_precision": evaluation.average_precision(truth, p[:, k]),
            "base_rate": evaluation.wilson(int(truth.sum()), n),
            "threshold": float(thresholds[k]),
            **{
                metric.__name__: metric(truth, guess, pos_label=1)
                for metric in (evaluation.precision, evaluation.recall, evaluation.f1_score)
            },
        }
    counts = targets.sum(axis=0)
    if few := [f"{name} ({count:.0f})" for name, count in zip(names, counts, strict=True) if count < _FEW]:
        notes.append(f"fewer than {_FEW} images have {', '.join(few)}: which is few, so the intervals are wide")
    overall = {
        "macro_f1_score": _bootstrap(_macro_f1, targets, given, seed=seed),
        "always_macro_f1_score": _bootstrap(_macro_f1, targets, np.ones_like(given), seed=seed),
    }
    off = np.abs(targets - p)
    worst: list[tuple[int, Path, str]] = []
    for i in np.argsort(-off.max(axis=1), kind="stable").tolist():
        k = int(off[i].argmax())
        if off[i, k] <= 0.5 or len(worst) == mistakes:
            break
        said = "has" if targets[i, k] else "does not have"
        worst.append((i, test.paths[i], f"{said} {names[k]}, given {100 * p[i, k]:.1f} %"))
    macro, always = overall.values()
    return TaskReport(
        split=test.name,
        fingerprint=test.fingerprint,
        class_names=tuple(names),
        n=n,
        columns=LABELS,
        each=each,
        overall=overall,
        title=f"{_named(names)}: macro F1 {macro:.2f}",
        said=f"macro F1 {macro:.2f}, the mean over labels; giving every label to every photo has {always:.2f}",
        worst=tuple(worst),
        notes=tuple(notes),
        drawn={"targets": targets, "p": p},
    )


def measure_numbers(
    values: NDArray[np.float64],
    errors: NDArray[np.float64],
    baseline: NDArray[np.float64],
    test: Split,
    names: Sequence[str],
    *,
    mistakes: int = 12,
    seed: int = 0,
) -> TaskReport:
    """Measure numbers on a split whose ``targets`` they are.

    Parameters
    ----------
    values : ndarray, shape (n, K)
        What the model gives.
    errors, baseline : ndarray, shapes (n, K)
        Those less the truth, and the mean of the training photos less the truth.
    test : Split
    names : sequence of str, shape (K,)
    """
    targets = _targets(test, values)
    spread = baseline - baseline.mean(axis=0)
    each: dict[str, dict[str, Any]] = {}
    for k, name in enumerate(names):
        off, plain = np.abs(errors[:, k]), np.abs(baseline[:, k])
        each[name] = {
            "mean_absolute_error": _bootstrap(np.mean, off, seed=seed, vectorized=True),
            "baseline": _bootstrap(np.mean, plain, seed=seed, vectorized=True),
            "gain": _bootstrap(np.mean, plain - off, seed=seed, vectorized=True),
            "r_squared": _bootstrap(_explained, errors[:, k] ** 2, spread[:, k] ** 2, seed=seed),
        }
    scale = np.maximum(np.abs(errors).mean(axis=0), 1e-12)
    worst = []
    for i in np.argsort(-(np.abs(errors) / scale).max(axis=1), kind="stable")[:mistakes].tolist():
        k = int((np.abs(errors[i]) / scale).argmax())
        worst.append((i, test.paths[i], f"{names[k]} {targets[i, k]:.4g}, called {values[i, k]:.4g}"))
    said = []
    for name, some in each.items():
        spec = _spec(some)["mean_absolute_error"] if _spec(some) else ".3f"
        beats = some["gain"].low > 0
        said.append(
            f"{name} is off by {some['mean_absolute_error']:{spec}} on average; always giving the mean of the training photos "
            f"is off by {some['baseline'].value:{spec}}"
            + ("" if beats else ", and we cannot tell that the model does better")
        )
    name, some = next(iter(each.items()))
    spec = _spec(some).get("mean_absolute_error", ".3f")
    return TaskReport(
        split=test.name,
        fingerprint=test.fingerprint,
        class_names=tuple(names),
        n=len(test),
        columns=NUMBERS,
        each=each,
        overall={},
        title=f"{name}: mean absolute error {some['mean_absolute_error']:{spec}}"
        + (f", and {len(names) - 1} more" if len(names) > 1 else ""),
        said="; ".join(said),
        worst=tuple(worst),
        notes=() if len(test) >= 30 else (f"{len(test)} images are few: the intervals are wide",),
        drawn={"values": values, "errors": errors, "targets": targets},
    )


def _explained(squared: NDArray[Any], spread: NDArray[Any]) -> float:
    total = float(spread.sum())
    return 1 - float(squared.sum()) / total if total else math.nan


def _targets(test: Split, values: NDArray[Any]) -> NDArray[np.float64]:
    if test.targets is None or test.targets.shape != values.shape:
        raise ValueError(f"the split {test.name!r} needs targets of shape {values.shape}")
    if not len(test):
        raise ValueError(f"the split {test.name!r} has no images; nothing can be measured on it")
    return test.targets


def _named(names: Sequence[str]) -> str:
    return f"{len(names)} columns" if len(names) > 4 else ", ".join(names)
