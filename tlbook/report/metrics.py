"""The metrics of a report, in one table from which its numbers, its text, its page and its JSON are made.

A metric is added as one entry of :data:`METRICS`; nothing else has to know of it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from tlbook import evaluation
from tlbook.evaluation import Estimate, Reliability

__all__ = ["METRICS", "Answers", "Metric", "measured", "number", "plain", "table"]

_BINS = 15
_DIGITS = 6


@dataclass(frozen=True)
class Answers:
    """What a metric is computed from.

    Attributes
    ----------
    labels, guess : ndarray of int, shape (n,)
        True and predicted classes.
    p : ndarray, shape (n, N)
        Probabilities.
    confidence : float
        Of the intervals.
    seed : int
        Of the bootstraps.
    """

    labels: NDArray[Any]
    p: NDArray[Any]
    confidence: float = 0.95
    seed: int = 0

    @property
    def guess(self) -> NDArray[Any]:
        return self.p.argmax(axis=1)

    @functools.cached_property
    def reliability(self) -> Reliability:
        return evaluation.reliability(self.labels, self.p, n_bins=_BINS)


@dataclass(frozen=True)
class Metric:
    """One line of the table.

    Attributes
    ----------
    name : str
        Its key in a report and in ``metrics.json``, where possible that of scikit-learn.
    label : str
        How text and page call it.
    part : {"overall", "classes", "calibration"}
        Where it belongs: one number of the split, one for each class, or one of the probabilities (again after a temperature).
    compute : callable
        From :class:`Answers`, and for a class from its number too, to an Estimate or a float. The number is None for the mean
        over classes.
    mean : bool
        Whether there is a mean over classes.
    unit : str
        Said in brackets after the label, where the value does not carry its unit itself.
    format : str
        As in ``format(value, …)``; an Estimate needs none.
    note : str
        What it means, in a sentence for the page.
    """

    name: str
    label: str
    part: str
    compute: Callable[..., Estimate | float]
    mean: bool = False
    unit: str = ""
    format: str = ""
    note: str = ""

    @property
    def title(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def shown(self, value: Estimate | float) -> str:
        """The value as text and page have it."""
        return format(value, self.format).replace("(0.000 to inf)", "(no interval)")


def _counted(metric: Callable[..., Estimate]) -> Callable[[Answers, int | None], Estimate]:
    """A metric of predictions, for one class or as the mean over those that occur."""

    def compute(a: Answers, pos_label: int | None) -> Estimate:
        if pos_label is None:
            return metric(a.labels, a.guess, average="macro", confidence=a.confidence, seed=a.seed)
        return metric(a.labels, a.guess, pos_label=pos_label, confidence=a.confidence)

    return compute


def _ranked(metric: Callable[..., Estimate]) -> Callable[[Answers, int], Estimate]:
    """A metric of how the class's probability ranks the images."""
    return lambda a, pos_label: metric(a.labels, a.p[:, pos_label], pos_label=pos_label, confidence=a.confidence)


def _averaged(metric: Callable[[Any, Any], float]) -> Callable[[Answers], Estimate]:
    """A mean over images, with a bootstrap interval where it has one."""

    def compute(a: Answers) -> Estimate:
        n = a.labels.size
        each = np.array([metric(a.labels[i : i + 1], a.p[i : i + 1]) for i in range(n)])
        if n < 2 or not np.isfinite(each).all():
            return Estimate(metric(a.labels, a.p), 0.0, math.inf, n, a.confidence, "")
        options: dict[str, Any] = {
            "confidence": a.confidence,
            "seed": a.seed,
            "vectorized": True,
            "n_resamples": 1000,
            "unit": "",
        }
        return evaluation.bootstrap(np.mean, each, **options)

    return compute


def _ece_by_chance(a: Answers) -> float:
    """The 95 % quantile of the calibration error of models that are right exactly as often as they say."""
    return evaluation.calibration_test(a.labels, a.p, n_bins=_BINS, n_resamples=500, seed=a.seed).limit


def _majority(a: Answers) -> Estimate:
    """Accuracy of giving every image the class that most of them have."""
    guess = np.full_like(a.labels, np.bincount(a.labels).argmax())
    return evaluation.accuracy(a.labels, guess, confidence=a.confidence)


METRICS: tuple[Metric, ...] = (
    Metric(
        "accuracy", "accuracy", "overall", lambda a: evaluation.accuracy(a.labels, a.guess, confidence=a.confidence),
        note="Share of the images that are called what they are.",
    ),
    Metric(
        "majority_accuracy", "always the most frequent class", "overall", _majority,
        note="The accuracy of the answer that is most often right, whatever the image shows.",
    ),
    Metric(
        "precision", "precision", "classes", _counted(evaluation.precision), mean=True,
        note="Of the images called this class, the share that are of it.",
    ),
    Metric(
        "recall", "recall", "classes", _counted(evaluation.recall), mean=True,
        note="Of the images of this class, the share called so. Its mean is also called balanced accuracy.",
    ),
    Metric(
        "f1_score", "F1", "classes", _counted(evaluation.f1_score), mean=True,
        note="The harmonic mean of precision and recall.",
    ),
    Metric(
        "roc_auc", "ROC AUC", "classes", _ranked(evaluation.roc_auc),
        note="The area under the ROC curve: how often an image of this class gets a higher probability for it than an image of "
        "another class; guessing has 0.5.",
    ),
    Metric(
        "average_precision", "average precision", "classes", _ranked(evaluation.average_precision),
        note="The area under the precision–recall curve; guessing has the share of the class.",
    ),
    Metric(
        "ece", "expected calibration error", "calibration", lambda a: a.reliability.ece, unit="15 bins", format=".3f",
        note="How far confidence and accuracy lie apart, on average over the images.",
    ),
    Metric(
        "ece_by_chance", "95 % of calibrated models stay below", "calibration", _ece_by_chance, format=".3f",
        note="The calibration error that chance alone makes on so many images: an error below it shows nothing.",
    ),
    Metric(
        "brier_score", "Brier score", "calibration", _averaged(evaluation.brier_score), unit="0 to 2",
        note="The squared distance of the probabilities from the truth; 0 is best.",
    ),
    Metric(
        "log_loss", "log loss", "calibration", _averaged(evaluation.log_loss), unit="nats",
        note="The negative logarithm of the probability of the true class, on average; training minimises it, and 0 is best.",
    ),
)  # fmt: skip


def table(part: str) -> list[Metric]:
    """The metrics of a part, in their order."""
    return [one for one in METRICS if one.part == part]


def measured(part: str, answers: Answers, *positive: int) -> dict[str, Estimate | float]:
    """The values of a part by name; for a class, its number comes last."""
    return {one.name: one.compute(answers, *positive) for one in table(part)}


def number(value: SupportsFloat) -> float | None:
    """A float for JSON, which has neither NaN nor infinity."""
    value = float(value)
    return round(value, _DIGITS) if math.isfinite(value) else None


def plain(values: Iterable[tuple[str, Estimate | float]]) -> dict[str, Any]:
    """Named values as plain numbers, an Estimate with its interval."""
    found: dict[str, Any] = {}
    for name, value in values:
        found[name] = number(value)
        if isinstance(value, Estimate):
            found[f"{name}_interval"] = [number(value.low), number(value.high)]
    return found
