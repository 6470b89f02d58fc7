"""Calibration: does "90 % sure" come true nine times in ten? Reliability, scores, and temperature scaling."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

from tlbook._checks import one_of, whole
from tlbook.evaluation.inputs import class_probabilities, classes, logit_matrix, refuse_probabilities
from tlbook.evaluation.intervals import wilson_bounds
from tlbook.evaluation.metrics import probabilities as softmax

__all__ = [
    "CalibrationTest",
    "Reliability",
    "brier_score",
    "calibration_test",
    "expected_calibration_error",
    "fit_temperature",
    "log_loss",
    "reliability",
]

_LOWEST, _HIGHEST = 0.05, 20.0
_CELLS = 2_000_000  # resamples × images in memory at a time
_ROUNDING = 1e-12  # of sums of confidences in another order


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, in bins of confidence.

    Attributes
    ----------
    edges : ndarray, shape (B + 1,)
        Bin i holds confidences above ``edges[i]``, up to and including
        ``edges[i + 1]`` (the first bin also its lower edge).
    counts : ndarray of int, shape (B,)
        Images in each bin.
    confidence, accuracy : ndarray, shape (B,)
        Mean confidence and share right in each bin; NaN where it is empty.
    low, high : ndarray, shape (B,)
        95 % Wilson interval of the accuracy; 0 and 1 where the bin is empty.
    ece, mce : float
        Expected and maximum calibration error.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    ece: float
    mce: float


def _binned(
    labels: ArrayLike, probabilities: ArrayLike, n_bins: int, strategy: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]:
    """Confidence of each image's predicted class, whether it is right, the edges of the bins, and each image's bin."""
    truth, p = class_probabilities(labels, probabilities)
    n_bins = whole(n_bins, "n_bins")
    one_of(strategy, "strategy", ("uniform", "quantile"))
    # float32 rounding can leave 1.0000001, which would lie beyond the last bin
    confident = np.minimum(p.max(axis=1), 1.0)
    right = p.argmax(axis=1) == truth
    if strategy == "uniform":
        edges = np.linspace(0.0, 1.0, n_bins + 1)
    else:
        # the i-th edge is the confidence of image ceil(i n / n_bins) in ascending order; whole
        # numbers, since rounding of a quantile level could move an edge by an image
        image = -(-np.arange(n_bins + 1) * truth.size // n_bins) - 1
        edges = np.unique(np.sort(confident)[np.maximum(image, 0)])
        if edges.size == 1:
            edges = np.repeat(edges, 2)
    where = np.maximum(np.searchsorted(edges, confident, side="left") - 1, 0)
    return confident, right, edges, where


def reliability(
    labels: ArrayLike, probabilities: ArrayLike, *, n_bins: int = 15, strategy: str = "uniform"
) -> Reliability:
    r"""Bin the confidence of the predicted class and compare it with the accuracy.

    .. math:: \mathrm{ECE} = \sum_b \frac{n_b}{n}\,|\mathrm{acc}(b) - \mathrm{conf}(b)|

    (Guo et al. 2017, ICML, eq. 3; the maximum calibration error, eq. 5, is the
    largest of these gaps). Its value depends on the bins, and a perfectly
    calibrated model gets more than 0 by chance (:func:`calibration_test` says how much): compare only
    what was measured with the same bins on the same number of images.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
    probabilities : array_like, shape (n, N)
        ``tlbook.evaluation.probabilities(logits)``.
    n_bins : int
        Number of bins, at least 1.
    strategy : {"uniform", "quantile"}
        Bins of equal width from 0 to 1, or holding equally many images
        (Nguyen and O'Connor 2015, EMNLP). Equal confidences always share a
        bin, so ``"quantile"`` gives fewer bins where there are many ties.

    Returns
    -------
    Reliability
    """
    confident, right, edges, where = _binned(labels, probabilities, n_bins, strategy)
    number = edges.size - 1
    counts = np.bincount(where, minlength=number)
    hits = np.bincount(where, weights=right, minlength=number)
    total = np.bincount(where, weights=confident, minlength=number)
    with np.errstate(invalid="ignore"):
        mean, share = total / counts, hits / counts
    low, high = wilson_bounds(hits, counts)
    filled = counts > 0
    gaps = np.abs(share - mean)[filled]
    return Reliability(
        edges,
        counts,
        mean,
        share,
        low,
        high,
        float((gaps * counts[filled]).sum() / right.size),
        float(gaps.max()),
    )


def expected_calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, *, n_bins: int = 15, strategy: str = "uniform"
) -> float:
    """Mean gap between confidence and accuracy over bins; see :func:`reliability`, and :func:`calibration_test` for chance."""
    return reliability(labels, probabilities, n_bins=n_bins, strategy=strategy).ece


@dataclass(frozen=True)
class CalibrationTest:
    """The calibration error beside what chance alone makes of it.

    Attributes
    ----------
    ece : float
        Expected calibration error.
    by_chance : float
        Its mean over models that are right exactly as often as these probabilities say, on as many images.
    limit : float
        What 95 % of such models stay below.
    p_value : float
        How often such a model has an error at least as large.
    debiased : float
        Root mean square gap between confidence and accuracy, without what chance adds to it; 0 where chance explains all.
    """

    ece: float
    by_chance: float
    limit: float
    p_value: float
    debiased: float

    def __str__(self) -> str:
        p = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"
        return (
            f"calibration error {self.ece:.3f}; by chance {self.by_chance:.3f}, in 95 % up to {self.limit:.3f}; {p}; "
            f"without chance {self.debiased:.3f}"
        )


def calibration_test(
    labels: ArrayLike,
    probabilities: ArrayLike,
    *,
    n_bins: int = 15,
    strategy: str = "uniform",
    n_resamples: int = 2000,
    seed: int = 0,
) -> CalibrationTest:
    r"""Is the model miscalibrated, or does chance make this calibration error?

    The calibration error is a mean of absolute gaps: noise adds to it and never cancels. So labels are drawn that are
    right exactly as often as the probabilities say, and the error measured again in the same bins (consistency resampling:
    Bröcker and Smith 2007, Weather and Forecasting 22:651). A bootstrap of the images does not serve: it adds
    the noise a second time, and its interval for a calibrated model practically never covers.

    The debiased error takes from each squared gap the variance of the gap, estimated in its bin,

    .. math:: \sum_b \frac{n_b}{n} \left[(\mathrm{acc}(b) - \mathrm{conf}(b))^2 - s_b^2 / n_b\right],

    which is right on average (Kumar, Liang and Ma 2019, NeurIPS); its root is given, and 0 where the sum is negative. Bins with
    one image say nothing of their variance and count 0.

    Parameters
    ----------
    labels, probabilities, n_bins, strategy
        As for :func:`reliability`.
    n_resamples, seed : int
        How often labels are drawn.

    Returns
    -------
    CalibrationTest
        A large p-value is no proof of calibration: with few images only a large error is seen.
    """
    confident, right, _, where = _binned(labels, probabilities, n_bins, strategy)
    n_resamples, n = whole(n_resamples, "n_resamples"), right.size
    order = np.argsort(where, kind="stable")
    confident, right, where = confident[order], right[order], where[order]
    starts = np.flatnonzero(np.append(True, np.diff(where) != 0))
    counts = np.diff(np.append(starts, n))

    def error(hits: NDArray[Any]) -> NDArray[Any]:
        return np.abs(np.add.reduceat(hits - confident, starts, axis=-1)).sum(axis=-1) / n

    rng, step = np.random.default_rng(seed), max(1, _CELLS // n)
    drawn = np.concatenate(
        [error(rng.random((min(step, n_resamples - start), n)) < confident) for start in range(0, n_resamples, step)]
    )
    observed = float(error(right))
    gaps = right - confident
    mean = np.add.reduceat(gaps, starts) / counts
    spread = np.add.reduceat((gaps - np.repeat(mean, counts)) ** 2, starts) / np.maximum(counts - 1, 1)
    squared = (counts * (mean**2 - spread / counts))[counts > 1].sum() / n
    return CalibrationTest(
        observed,
        float(drawn.mean()),
        float(np.quantile(drawn, 0.95)),
        float((1 + (drawn >= observed - _ROUNDING).sum()) / (1 + n_resamples)),
        float(np.sqrt(max(squared, 0.0))),
    )


def brier_score(labels: ArrayLike, probabilities: ArrayLike) -> float:
    r"""Mean squared distance of the probabilities from the truth, 0 (best) to 2.

    .. math:: \frac1n \sum_i \sum_k (p_{ik} - y_{ik})^2

    with :math:`y_{ik}` 1 for the true class and 0 for the others (Brier 1950,
    Monthly Weather Review 78:1). For two classes this is twice the score that
    counts the positive class only. It rewards calibration and sharpness both.
    """
    truth, p = class_probabilities(labels, probabilities)
    errors = p.copy()
    errors[np.arange(truth.size), truth] -= 1.0
    return float((errors**2).sum(axis=1).mean())


def log_loss(labels: ArrayLike, probabilities: ArrayLike) -> float:
    r"""Mean of :math:`-\ln p` of the true class, in nats; 0 is best.

    The cross-entropy loss of training. Infinite if an image's true class was
    given probability 0.
    """
    truth, p = class_probabilities(labels, probabilities)
    with np.errstate(divide="ignore"):
        # 0 − log, since −log(1) would print as −0.0
        return float((0.0 - np.log(p[np.arange(truth.size), truth])).mean())


def fit_temperature(labels: ArrayLike, logits: ArrayLike) -> float:
    r"""The temperature T that makes ``probabilities(logits / T)`` most likely.

    One number, fitted on *validation* data, changes every confidence and no
    prediction (Guo et al. 2017, ICML, section 4.2). T > 1: the model was
    over-confident. The log-likelihood is concave in :math:`1/T`, so the best T
    is where its derivative, the mean of :math:`z_y - \sum_k p_k z_k`, crosses zero;
    :func:`scipy.optimize.brentq` finds it.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
    logits : array_like, shape (n, N)

    Returns
    -------
    float
        From 0.05 to 20. At either end there is a warning: the data do not
        determine T (every image right: the likelihood grows as T falls towards
        0; a model no better than chance: as T grows).

    Raises
    ------
    ValueError
        If every row of logits is constant: then no temperature changes anything.
    """
    truth, z = classes(labels), logit_matrix(logits)
    refuse_probabilities(z)
    if len(z) != truth.size:
        raise ValueError(f"{truth.size} labels, but {len(z)} rows of logits")
    if truth.max() >= z.shape[1]:
        raise ValueError(f"label {truth.max()} has no column: logits are for {z.shape[1]} classes")
    if (np.ptp(z, axis=1) == 0).all():
        raise ValueError("all logits of each image are equal: no temperature changes them")
    chosen = z[np.arange(truth.size), truth]

    def slope(inverse: float) -> float:
        return float(((softmax(z * inverse) * z).sum(axis=1) - chosen).mean())

    if slope(1 / _LOWEST) <= 0:
        end = _LOWEST
    elif slope(1 / _HIGHEST) >= 0:
        end = _HIGHEST
    else:
        return 1 / float(optimize.brentq(slope, 1 / _HIGHEST, 1 / _LOWEST, xtol=1e-12))
    cause = "nearly every image is right" if end == _LOWEST else "the model is no better than chance"
    warnings.warn(
        f"these {truth.size} images do not determine the temperature ({cause}); the end of the "
        f"range, {end}, is returned. Fit it on more validation images",
        UserWarning,
        stacklevel=2,
    )
    return end
