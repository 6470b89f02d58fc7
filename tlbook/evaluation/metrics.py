"""From logits to classes, and how often the classes are right."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlbook._checks import one_of
from tlbook.evaluation.inputs import confidence_level, logit_matrix, pair, refuse_probabilities
from tlbook.evaluation.intervals import Estimate, wilson, wilson_bounds

__all__ = [
    "accuracy",
    "confusion_matrix",
    "f1_score",
    "group_accuracy",
    "precision",
    "predictions",
    "probabilities",
    "recall",
    "worst_group",
]

_RESAMPLES = 2000


def probabilities(logits: ArrayLike) -> NDArray[np.float64]:
    r"""Class probabilities from logits: the softmax, in one place.

    :math:`p_k = e^{z_k} / \sum_j e^{z_j}`, computed after subtracting the
    largest logit of each row so that it cannot overflow.

    Every model of this book puts out logits, one a class. A matrix of
    probabilities is a matrix of real numbers too, and cannot be told from
    logits: applying this function twice gives wrong values and no error.

    Parameters
    ----------
    logits : array_like, shape (n, N)
        N ≥ 2 classes.

    Returns
    -------
    ndarray of float64, shape (n, N)
        Rows sum to 1.

    Raises
    ------
    ValueError
        For another shape, no rows, NaN or infinite logits.

    Examples
    --------
    >>> probabilities([[0.0, 0.0], [2.0, 0.0]]).round(3)
    array([[0.5  , 0.5  ],
           [0.881, 0.119]])
    """
    z = logit_matrix(logits)
    refuse_probabilities(z)
    with np.errstate(over="ignore"):  # a gap too large for a float is −inf, and its exponential 0
        exponentials = np.exp(z - z.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def predictions(logits: ArrayLike) -> NDArray[np.int64]:
    """The class with the largest logit, int64 of shape (n,); the first one in a tie."""
    return logit_matrix(logits).argmax(axis=1).astype(np.int64)


def accuracy(labels: ArrayLike, predictions: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Share of images classified correctly, with its Wilson interval.

    Parameters
    ----------
    labels, predictions : array_like of int, shape (n,)
        True and predicted class numbers, n ≥ 1.
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
    """
    truth, guess = pair(labels, predictions)
    return wilson(int((truth == guess).sum()), truth.size, confidence=confidence)


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, n_classes: int | None = None) -> NDArray[np.int64]:
    """Images of true class i (row) predicted as class j (column), int64 (N, N).

    Parameters
    ----------
    labels, predictions : array_like of int, shape (n,)
    n_classes : int, optional
        N; by default one more than the largest class number that occurs.
    """
    truth, guess = pair(labels, predictions)
    largest = int(max(truth.max(), guess.max()))
    size = largest + 1 if n_classes is None else int(n_classes)
    if largest >= size:
        raise ValueError(f"class {largest} occurs, but n_classes is {size}")
    return np.bincount(truth * size + guess, minlength=size * size).reshape(size, size)


def _macro(
    kind: str, hits: NDArray[Any], predicted: NDArray[Any], actual: NDArray[Any], zero_division: float
) -> NDArray[Any]:
    """Mean of a rate over classes (the last axis); undefined ones are left out if NaN."""
    over, under = {
        "precision": (hits, predicted),
        "recall": (hits, actual),
        "f1_score": (2 * hits, predicted + actual),  # 2 TP / (2 TP + FP + FN)
    }[kind]
    values = np.where(under > 0, over / np.maximum(under, 1), zero_division)
    # never of nothing: the class of any image has a recall, that of any prediction a precision
    return np.nanmean(values, axis=-1)


def _macro_estimate(
    kind: str, truth: NDArray[Any], guess: NDArray[Any], zero_division: float, confidence: float, seed: int
) -> Estimate:
    """A macro average with its percentile bootstrap.

    Drawing n images with replacement draws the cells of the confusion matrix
    from a multinomial distribution, so that the images themselves are not
    needed, and only its filled cells, of which there are at most n.
    """
    n = truth.size
    names = np.union1d(truth, guess)
    cells, counts = np.unique(np.stack([truth, guess]), axis=1, return_counts=True)
    # which class each cell counts for: floats, since NumPy multiplies whole numbers slowly
    actual, predicted = ((side[:, None] == names).astype(float) for side in cells)
    hits = actual * predicted

    def averages(drawn: NDArray[Any]) -> NDArray[Any]:
        return _macro(kind, drawn @ hits, drawn @ predicted, drawn @ actual, zero_division)

    draws = np.random.default_rng(seed).multinomial(n, counts / n, size=_RESAMPLES)
    tail = (1 - confidence) / 2
    low, high = np.quantile(averages(draws.astype(float)), [tail, 1 - tail])
    return Estimate(float(averages(counts)), float(low), float(high), n, confidence)


def _rate(
    kind: str,
    labels: ArrayLike,
    predictions: ArrayLike,
    average: str,
    pos_label: int,
    zero_division: float,
    confidence: float,
    seed: int,
) -> Estimate:
    confidence = confidence_level(confidence)
    truth, guess = pair(labels, predictions)
    if one_of(average, "average", ("binary", "macro", "micro")) == "micro":
        # pooled over classes, every wrong image is one FP and one FN: the accuracy
        return accuracy(truth, guess, confidence=confidence)
    if average == "macro":
        return _macro_estimate(kind, truth, guess, zero_division, confidence, seed)
    wanted, found = truth == pos_label, guess == pos_label
    hits, either = int((wanted & found).sum()), int((wanted | found).sum())
    if kind == "f1_score":
        # F1 = 2J / (1 + J) grows with J = TP / (TP + FP + FN), which is a share
        low, high = (2 * j / (1 + j) for j in wilson_bounds(hits, either, confidence=confidence))
        value = 2 * hits / (hits + either) if either else zero_division
        return Estimate(float(value), float(low), float(high), either, confidence)
    n = int((found if kind == "precision" else wanted).sum())
    low, high = wilson_bounds(hits, n, confidence=confidence)
    return Estimate(hits / n if n else zero_division, float(low), float(high), n, confidence)


def precision(
    labels: ArrayLike,
    predictions: ArrayLike,
    *,
    average: str = "binary",
    pos_label: int = 1,
    zero_division: float = math.nan,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Of the images called positive, the share that is: TP / (TP + FP).

    Parameters
    ----------
    labels, predictions : array_like of int, shape (n,)
    average : {"binary", "macro", "micro"}
        ``"binary"``: class ``pos_label`` against all others, also with more than
        two classes; Wilson interval over the images called positive.
        ``"macro"``: mean over the classes that occur; bootstrap interval.
        ``"micro"``: pooled over classes, which for one label an image is the accuracy.
    pos_label : int
        Class number that counts as positive with ``average="binary"``.
    zero_division : float
        Value where there is nothing to divide by (no image was called
        positive). With NaN, the default, such a class is left out of a macro
        average; 0.0 counts it as a failure, as scikit-learn does by default.
    seed : int
        Of the bootstrap for ``average="macro"``.

    Returns
    -------
    Estimate
        ``n`` is the number of images in the denominator.
    """
    return _rate("precision", labels, predictions, average, pos_label, zero_division, confidence, seed)


def recall(
    labels: ArrayLike,
    predictions: ArrayLike,
    *,
    average: str = "binary",
    pos_label: int = 1,
    zero_division: float = math.nan,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Of the images that are positive, the share called so: TP / (TP + FN).

    Parameters and result as for :func:`precision`; undefined where no image
    is positive.
    """
    return _rate("recall", labels, predictions, average, pos_label, zero_division, confidence, seed)


def f1_score(
    labels: ArrayLike,
    predictions: ArrayLike,
    *,
    average: str = "binary",
    pos_label: int = 1,
    zero_division: float = math.nan,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN).

    Parameters and result as for :func:`precision`; undefined where no image
    is positive and none is called so. The binary interval is the Wilson
    interval of J = TP / (TP + FP + FN), carried over by F1 = 2J / (1 + J).
    """
    return _rate("f1_score", labels, predictions, average, pos_label, zero_division, confidence, seed)


def group_accuracy(
    labels: ArrayLike,
    predictions: ArrayLike,
    groups: ArrayLike,
    *,
    all_groups: Iterable[Hashable] | None = None,
    confidence: float = 0.95,
) -> dict[Any, Estimate]:
    """Accuracy in each group, e.g. for each background, with Wilson intervals.

    Parameters
    ----------
    labels, predictions : array_like of int, shape (n,)
    groups : array_like, shape (n,)
        Name or number of each image's group.
    all_groups : iterable, optional
        Groups to list, in this order; one without images gets an undefined
        accuracy (NaN, interval 0 to 1). By default those that occur, sorted.
    """
    truth, guess = pair(labels, predictions)
    membership = np.asarray(groups)
    if membership.shape != truth.shape:
        raise ValueError(f"groups must have shape {truth.shape}, but has {membership.shape}")
    occurring = np.unique(membership).tolist()
    wanted = occurring if all_groups is None else list(all_groups)
    missing = sorted(set(map(str, occurring)) - set(map(str, wanted)))
    if missing:
        raise ValueError(f"images belong to groups that all_groups leaves out: {', '.join(missing)}")
    right = truth == guess
    found = {}
    for group in wanted:
        inside = membership == group
        found[group] = wilson(int(right[inside].sum()), int(inside.sum()), confidence=confidence)
    return found


def worst_group(
    labels: ArrayLike,
    predictions: ArrayLike,
    groups: ArrayLike,
    *,
    all_groups: Iterable[Hashable] | None = None,
    confidence: float = 0.95,
) -> tuple[Any, Estimate]:
    """The group with the lowest accuracy (the first in a tie), and that accuracy.

    Groups without images are passed over. A group of few images has a wide
    interval, and is the worst of many by chance more often than not: look at
    the interval (Sagawa et al. 2020, ICLR, use it as a measure of robustness).
    """
    found = group_accuracy(labels, predictions, groups, all_groups=all_groups, confidence=confidence)
    filled = {group: estimate for group, estimate in found.items() if estimate.n}
    worst = min(filled, key=lambda group: filled[group].value)
    return worst, filled[worst]
