"""Areas under the ROC and the precision–recall curve, with intervals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tlbook.evaluation.inputs import binary_scores, confidence_level
from tlbook.evaluation.intervals import Estimate

__all__ = ["average_precision", "roc_auc"]

_CELLS = 2_000_000  # resamples × images in memory at a time


def _areas(weights: np.ndarray, truth: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ROC AUC and average precision for each row of weights.

    ``weights`` (m, n) says how often each image was drawn, the images in order of
    falling score; ``starts`` is where each run of equal scores begins.
    """
    positives = np.add.reduceat(weights * truth, starts, axis=1)
    negatives = np.add.reduceat(weights * ~truth, starts, axis=1)
    true, false = positives.cumsum(axis=1), negatives.cumsum(axis=1)
    total_true, total_false = true[:, -1], false[:, -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        # a positive beats the negatives scored lower, and half of those scored the same
        beaten = (positives * (total_false[:, None] - false + negatives / 2)).sum(axis=1)
        roc = beaten / (total_true * total_false)
        precision = np.where(true + false > 0, true / (true + false), 0.0)
        average = (positives * precision).sum(axis=1) / total_true
    return roc, average


def _area(
    which: int, labels: Any, scores: Any, pos_label: int, confidence: float, n_resamples: int, seed: int
) -> Estimate:
    truth, values = binary_scores(labels, scores, pos_label)
    tail = (1 - confidence_level(confidence)) / 2
    order = np.argsort(-values, kind="stable")
    truth, values = truth[order], values[order]
    starts = np.flatnonzero(np.r_[True, np.diff(values) != 0])
    n = truth.size
    value = float(_areas(np.ones((1, n)), truth, starts)[which][0])
    if math.isnan(value):
        return Estimate(math.nan, 0.0, 1.0, n, confidence, "")
    rng = np.random.default_rng(seed)
    drawn = []
    for start in range(0, n_resamples, step := max(1, _CELLS // n)):
        counts = rng.multinomial(n, np.full(n, 1 / n), size=min(step, n_resamples - start))
        drawn.append(_areas(counts.astype(float), truth, starts)[which])
    areas = np.concatenate(drawn)
    areas = areas[~np.isnan(areas)]
    if not areas.size:
        return Estimate(value, 0.0, 1.0, n, confidence, "")
    low, high = np.quantile(areas, [tail, 1 - tail])
    return Estimate(value, float(low), float(high), n, confidence, "")


def roc_auc(
    labels: Any,
    scores: Any,
    *,
    pos_label: int = 1,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Area under the ROC curve (:func:`sklearn.metrics.roc_auc_score`) with its bootstrap interval.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
    scores : array_like of float, shape (n,)
        The larger, the more positive, e.g. ``probabilities(logits)[:, 1]``.
    pos_label : int
        Class number that counts as positive; all others are negative.
    confidence : float
        Of the interval.
    n_resamples, seed : int
        Of the percentile bootstrap. Resamples without positives or without negatives are left out.

    Returns
    -------
    Estimate
        The chance that a random positive scores higher than a random negative.
        NaN, with the interval 0 to 1, if either is missing. Where the scores
        separate the classes without error the interval has no width, as with any
        bootstrap; that does not mean certainty.
    """
    return _area(0, labels, scores, pos_label, confidence, n_resamples, seed)


def average_precision(
    labels: Any,
    scores: Any,
    *,
    pos_label: int = 1,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Average precision (:func:`sklearn.metrics.average_precision_score`) with its bootstrap interval.

    Parameters and result as for :func:`roc_auc`; NaN only if there are no
    positives. It depends on the share of positives, which the area under the ROC
    curve does not.
    """
    return _area(1, labels, scores, pos_label, confidence, n_resamples, seed)
