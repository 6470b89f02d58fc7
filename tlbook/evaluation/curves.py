"""ROC and precision–recall curves, which show every threshold, and the threshold of the lowest cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics

from tlbook.evaluation.inputs import binary_scores, pair

__all__ = [
    "PrecisionRecall",
    "Roc",
    "Threshold",
    "bayes_threshold",
    "best_threshold",
    "mean_cost",
    "precision_recall_curve",
    "roc_curve",
]


@dataclass(frozen=True)
class Roc:
    """Receiver operating characteristic, from "none is positive" to "all are".

    Attributes
    ----------
    false_positive_rate, true_positive_rate, thresholds : ndarray, shape (points,)
        Share of negatives, and of positives, with a score of at least the threshold.
    area : float
        Chance that a random positive scores higher than a random negative,
        ties counted half; 0.5 is guessing.
    """

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    area: float


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision against recall, from low thresholds to high.

    Attributes
    ----------
    precision, recall : ndarray, shape (points + 1,)
        The last point, precision 1 at recall 0, has no threshold.
    thresholds : ndarray, shape (points,)
    area : float
        Average precision: sum of precisions weighted by the steps in recall.
    prevalence : float
        Share of positives: what guessing scores.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    area: float
    prevalence: float


@dataclass(frozen=True)
class Threshold:
    """A threshold (positive if score ≥ threshold) and what it cost on the data given.

    Attributes
    ----------
    threshold : float
        −inf: always positive; inf: never.
    cost : float
        Mean cost an image.
    false_positives, false_negatives : int
    """

    threshold: float
    cost: float
    false_positives: int
    false_negatives: int


def roc_curve(labels: ArrayLike, scores: ArrayLike, *, pos_label: int = 1) -> Roc:
    """ROC curve and its area (:func:`sklearn.metrics.roc_curve`).

    Parameters
    ----------
    labels : array_like of int, shape (n,)
    scores : array_like of float, shape (n,)
        The larger, the more positive, e.g. ``probabilities(logits)[:, 1]``.
    pos_label : int
        Class number that counts as positive; all others are negative.

    Raises
    ------
    ValueError
        If the labels are all positive or all negative: one of the rates is
        then 0 of 0.
    """
    truth, values = binary_scores(labels, scores, pos_label)
    if truth.all() or not truth.any():
        raise ValueError(
            f"a ROC curve needs positives and negatives, but {int(truth.sum())} of {truth.size} "
            f"labels are class {pos_label}"
        )
    false, true, thresholds = metrics.roc_curve(truth, values, drop_intermediate=False)
    return Roc(false, true, thresholds, float(metrics.roc_auc_score(truth, values)))


def precision_recall_curve(labels: ArrayLike, scores: ArrayLike, *, pos_label: int = 1) -> PrecisionRecall:
    """Precision–recall curve and its area (:func:`sklearn.metrics.precision_recall_curve`).

    Parameters as for :func:`roc_curve`. It moves with the share of positives,
    which a ROC curve does not.

    Raises
    ------
    ValueError
        If no label is positive. All positive is allowed: precision is 1 throughout.
    """
    truth, values = binary_scores(labels, scores, pos_label)
    if not truth.any():
        raise ValueError(f"a precision–recall curve needs positives, but no label is {pos_label}")
    precision, recall, thresholds = metrics.precision_recall_curve(truth, values)
    area = float(metrics.average_precision_score(truth, values))
    return PrecisionRecall(precision, recall, thresholds, area, float(truth.mean()))


def _costs(false_positive: float, false_negative: float) -> tuple[float, float]:
    pair_ = float(false_positive), float(false_negative)
    if not np.isfinite(pair_).all() or min(pair_) < 0 or max(pair_) == 0:
        raise ValueError(
            "costs must be finite, not negative and not both 0, but are "
            f"{false_positive} (false positive) and {false_negative} (false negative)"
        )
    return pair_


def mean_cost(
    labels: ArrayLike,
    predictions: ArrayLike,
    *,
    false_positive: float = 1.0,
    false_negative: float = 1.0,
    pos_label: int = 1,
) -> float:
    """Mean cost an image: what its false positives and false negatives cost, over n.

    Parameters
    ----------
    labels, predictions : array_like of int, shape (n,)
        ``scores >= threshold`` will do as predictions if ``pos_label`` is 1.
    false_positive, false_negative : float
        Cost of each kind of error, in any one unit.
    """
    cost_fp, cost_fn = _costs(false_positive, false_negative)
    truth, guess = pair(labels, predictions)
    wanted, found = truth == pos_label, guess == pos_label
    wrong = cost_fp * (found & ~wanted).sum() + cost_fn * (wanted & ~found).sum()
    return float(wrong / truth.size)


def bayes_threshold(false_positive: float = 1.0, false_negative: float = 1.0) -> float:
    """The cheapest threshold for *calibrated* probabilities: FP / (FP + FN) in costs.

    Calling an image of probability p positive risks (1 − p) · FP, calling it
    negative risks p · FN (Elkan 2001, IJCAI).
    """
    cost_fp, cost_fn = _costs(false_positive, false_negative)
    return cost_fp / (cost_fp + cost_fn)


def best_threshold(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    false_positive: float = 1.0,
    false_negative: float = 1.0,
    pos_label: int = 1,
) -> Threshold:
    """The threshold with the lowest cost on these (validation) images.

    Halfway between neighbouring scores, or infinite. Among equally cheap
    thresholds the lowest is taken, which finds more positives. Its cost
    here is too optimistic, since it was chosen on these images; measure
    :func:`mean_cost` on the test set.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
    scores : array_like of float, shape (n,)
    false_positive, false_negative : float
        Cost of each kind of error, in any one unit.
    pos_label : int
    """
    cost_fp, cost_fn = _costs(false_positive, false_negative)
    truth, values = binary_scores(labels, scores, pos_label)
    distinct, place = np.unique(values, return_inverse=True)
    positives = np.bincount(place, weights=truth, minlength=distinct.size)
    negatives = np.bincount(place, weights=~truth, minlength=distinct.size)
    middle = distinct[:-1] / 2 + distinct[1:] / 2
    # neighbours that differ in the last bit have no middle: take the upper one, which is ≥ itself
    middle = np.where(middle > distinct[:-1], middle, distinct[1:])
    candidates = np.concatenate([[-np.inf], middle, [np.inf]])
    missed = np.concatenate([[0.0], np.cumsum(positives)])
    alarms = negatives.sum() - np.concatenate([[0.0], np.cumsum(negatives)])
    costs = cost_fp * alarms + cost_fn * missed
    best = int(np.argmin(costs))
    return Threshold(
        float(candidates[best]),
        float(costs[best] / truth.size),
        int(alarms[best]),
        int(missed[best]),
    )
