"""How far a measured number can be trusted: Wilson, bootstrap, spread over seeds."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tlbook._checks import one_of
from tlbook.evaluation.inputs import confidence_level

__all__ = ["Estimate", "SeedSpread", "bootstrap", "seed_spread", "wilson", "wilson_bounds"]


# Standard errors between the value and the mean of its resamples; a quarter can be ignored (Efron and Tibshirani 1993, 10.3).
_SHIFT = 0.5

_DRAWN = 2**24  # positions drawn at a time: the numbers are the same, however many times


@dataclass(frozen=True)
class Estimate:
    """A measured value with its confidence interval.

    Attributes
    ----------
    value : float
        What was measured; NaN if it is undefined (0 of 0).
    low, high : float
        Ends of the interval.
    n : int
        Number of observations it rests on.
    confidence : float
        Of the interval, e.g. 0.95.
    unit : {"%", "points", ""}
        How it is written: a share in percent, a difference of shares in
        percentage points, or a plain number. Values are kept as shares either way.

    Examples
    --------
    >>> print(wilson(1962, 2000))
    98.1 % (97.4 to 98.6)
    """

    value: float
    low: float
    high: float
    n: int
    confidence: float = 0.95
    unit: str = "%"

    def __float__(self) -> float:
        return float(self.value)

    def contains(self, value: float) -> bool:
        """Whether ``value`` lies in the interval, ends included."""
        return bool(self.low <= value <= self.high)

    def __format__(self, spec: str) -> str:
        """``f"{estimate:.2f}"`` writes two decimals; the default is one (three without unit)."""
        scale = 100.0 if self.unit in ("%", "points") else 1.0
        spec = spec or (".1f" if scale == 100.0 else ".3f")
        if math.isnan(self.value):
            return f"undefined (n = {self.n})"
        low, high = format(self.low * scale, spec), format(self.high * scale, spec)
        sign = "+" if self.unit == "points" else ""
        value = format(self.value * scale, sign + spec)
        unit = f" {self.unit}" if self.unit else ""
        return f"{value}{unit} ({low} to {high})".replace("-", "−")

    def __str__(self) -> str:
        return format(self, "")


def _z(confidence: float) -> float:
    """Standard normal quantile that leaves half of 1 − confidence above it."""
    return float(stats.norm.ppf(0.5 + confidence_level(confidence) / 2))


def wilson_bounds(successes: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> tuple[Any, Any]:
    r"""Ends of the Wilson score interval, elementwise.

    With :math:`\hat p = k/n` and the normal quantile :math:`z`, the interval is

    .. math:: \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}

    (Wilson 1927, JASA 22:209; recommended for proportions by Brown, Cai and
    DasGupta 2001, Statistical Science 16:101). Unlike the textbook's
    :math:`\hat p \pm z\sqrt{\hat p(1-\hat p)/n}` it stays within 0 and 1 and
    does not shrink to nothing when all or none succeed.

    Parameters
    ----------
    successes, n : array_like of int
        Broadcast together. ``n = 0`` gives 0 to 1: nothing is known.
    confidence : float

    Returns
    -------
    low, high : ndarray or float
    """
    k, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(n, float))
    if (k < 0).any() or (k > n).any() or (k != np.round(k)).any() or (n != np.round(n)).any():
        raise ValueError("successes and n must be whole numbers with 0 ≤ successes ≤ n")
    z = _z(confidence)
    some = np.maximum(n, 1)
    p = k / some
    centre = p + z**2 / (2 * some)
    half = z * np.sqrt(p * (1 - p) / some + z**2 / (4 * some**2))
    scale = 1 + z**2 / some
    # exact at the ends, where rounding would leave 1e-17 or 0.9999999999999999
    low = np.where(k == 0, 0.0, (centre - half) / scale)
    high = np.where(k == n, 1.0, (centre + half) / scale)
    return low[()], high[()]


def wilson(successes: int, n: int, *, confidence: float = 0.95) -> Estimate:
    """A share with its Wilson score interval (see :func:`wilson_bounds`).

    ``n = 0`` gives an undefined value (NaN) with the interval 0 to 1.
    """
    low, high = wilson_bounds(successes, n, confidence=confidence)
    value = successes / n if n else math.nan
    return Estimate(float(value), float(low), float(high), int(n), float(confidence))


def bootstrap(
    metric: Callable[..., Any],
    *arrays: ArrayLike,
    groups: ArrayLike | None = None,
    method: str = "percentile",
    vectorized: bool = False,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
    unit: str = "%",
) -> Estimate:
    """Bootstrap interval of a metric (Efron 1979; Efron and Tibshirani 1993).

    Images are drawn with replacement, all arrays together, and the metric is
    computed on each draw; :func:`scipy.stats.bootstrap` does the work.

    It suits what is smooth in the images: means, shares, the F1 score. It fails where noise itself raises the
    metric, since resampling adds the noise once more: for the calibration error of a calibrated model it never covered in
    300 tries (:func:`calibration_test`). The draws then lie to one side of the value, and
    a warning says so. And it is too narrow where few images decide: the ROC area of 10 positives among 500 is covered in
    81 % (:func:`roc_auc` has an interval of its own), the mean over 5 groups in 82 %, over 10 in 90 %.

    Parameters
    ----------
    metric : callable
        ``metric(*arrays) -> float`` (an :class:`Estimate` will do: its value
        counts). With ``vectorized=True`` it is called as
        ``metric(*arrays, axis=-1)`` on arrays with resamples in front.
    *arrays : array_like
        Each of shape (n, …), n ≥ 2: labels, predictions, scores …
        (1-D with ``vectorized=True``).
    groups : array_like, shape (n,), optional
        What each image belongs to (a patient, an animal, a film): groups are drawn, with all their images. Without it,
        images that resemble each other count as if each were new, and the interval is too narrow.
    confidence, n_resamples, seed
        The same seed gives the same interval.
    method : {"percentile", "BCa", "basic"}
        BCa corrects bias and skew at the price of n further evaluations; where
        it is undefined (every resample gives the same value) the percentile
        interval is returned.
    vectorized : bool
    unit : str
        See :class:`Estimate`.

    Returns
    -------
    Estimate
        If the metric is the same on every resample (all right, all wrong) the
        interval has no width. That is a weakness of the bootstrap and does
        not mean certainty: use :func:`wilson` for a share.

    Raises
    ------
    ValueError
        For fewer than two observations (or groups), arrays of different length, ``groups`` with ``vectorized``, or a
        metric that is not one finite number on some resample (an area under
        the ROC curve needs both classes in every resample).
    """
    data = [np.asarray(array) for array in arrays]
    if not data or data[0].ndim == 0:
        raise ValueError("give at least one array of shape (n, …) to resample")
    n = len(data[0])
    if any(len(array) != n for array in data):
        raise ValueError(f"arrays of different length: {', '.join(str(len(a)) for a in data)}")
    if n < 2:
        raise ValueError(f"the bootstrap needs at least two observations, but there is {n}")
    one_of(method, "method", ("percentile", "BCa", "basic"))
    members = _members(groups, n, vectorized) if groups is not None else None

    def stacked(index: NDArray[Any], axis: int = -1) -> Any:
        return metric(*(array[index] for array in data), axis=axis)

    def single(index: NDArray[Any]) -> float:
        if members is not None:
            index = np.concatenate([members[one] for one in index])
        value = float(metric(*(array[index] for array in data)))
        if not math.isfinite(value):
            raise ValueError(
                f"the metric is {value} on a resample of {n} observations; there are too few "
                "of some class to resample it"
            )
        return value

    statistic: Callable[..., Any] = stacked if vectorized else single
    index = np.arange(n if members is None else len(members))
    value = float(statistic(index))
    # SciPy 1.15 renamed random_state to rng
    names = inspect.signature(stats.bootstrap).parameters
    generator = {("rng" if "rng" in names else "random_state"): np.random.default_rng(seed)}

    def interval(kind: str) -> tuple[float, float, NDArray[Any]]:
        result = stats.bootstrap(
            (index,),
            statistic,
            n_resamples=n_resamples,
            batch=max(1, _DRAWN // len(index)),
            vectorized=vectorized,
            confidence_level=confidence_level(confidence),
            method=kind,
            **generator,
        )
        return (*map(float, result.confidence_interval), result.bootstrap_distribution)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high, drawn = interval(method)
        if math.isnan(low):  # then both ends are
            low, high, drawn = interval("percentile")
    shift, spread = float(drawn.mean()) - value, float(drawn.std(ddof=1))
    if abs(shift) > _SHIFT * spread + 1e-9 * abs(value):  # rounding shifts what is the same on every resample
        warnings.warn(
            f"the resamples lie around {value + shift:.3g}, {abs(shift) / spread:.1f} standard errors from the value "
            f"{value:.3g}: the bootstrap does not suit this metric, and the interval may not cover",
            UserWarning,
            stacklevel=2,
        )
    return Estimate(value, low, high, n, confidence, unit)


def _members(groups: ArrayLike, n: int, vectorized: bool) -> list[NDArray[np.int64]]:
    """The rows of each group."""
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise ValueError(f"groups must name the group of each of {n} observations, but have shape {labels.shape}")
    if vectorized:
        raise ValueError("groups differ in size, so that their resamples cannot be stacked: leave out vectorized=True")
    _, where = np.unique(labels, return_inverse=True)
    members = [np.flatnonzero(where == one) for one in range(where.max() + 1)]
    if len(members) < 2:
        raise ValueError("the bootstrap of groups needs at least two of them, but there is 1")
    return members


@dataclass(frozen=True)
class SeedSpread:
    """What repeated training runs gave: mean with t-interval, and the raw spread.

    Attributes
    ----------
    mean, sd : float
        Mean and standard deviation (n − 1 in the denominator).
    low, high : float
        t-interval of the mean.
    min, median, max : float
    n : int
        Number of runs.
    confidence : float
    """

    mean: float
    sd: float
    low: float
    high: float
    min: float
    median: float
    max: float
    n: int
    confidence: float

    def __str__(self) -> str:
        return (
            f"{100 * self.mean:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f}), "
            f"runs from {100 * self.min:.1f} to {100 * self.max:.1f}, n = {self.n}"
        ).replace("-", "−")


def seed_spread(values: ArrayLike, *, confidence: float = 0.95) -> SeedSpread:
    """Mean, standard deviation, t-interval and range over seeds.

    The t-interval is about the mean over *training runs* on one fixed test
    set; it says nothing about other test images. With identical runs it has
    no width.

    Parameters
    ----------
    values : array_like of float, shape (n,)
        One result a seed, n ≥ 2.

    Raises
    ------
    ValueError
        For fewer than two values, or values that are not finite.
    """
    runs = np.asarray(values, dtype=float)
    if runs.ndim != 1 or runs.size < 2:
        raise ValueError(
            f"a spread over seeds needs at least two runs, one value each, but got shape "
            f"{runs.shape}; one run has no spread"
        )
    if not np.isfinite(runs).all():
        raise ValueError("results over seeds must be finite, but some are NaN or infinite")
    n = runs.size
    mean, sd = float(runs.mean()), float(runs.std(ddof=1))
    half = float(stats.t.ppf(0.5 + confidence_level(confidence) / 2, n - 1)) * sd / math.sqrt(n)
    return SeedSpread(
        mean,
        sd,
        mean - half,
        mean + half,
        float(runs.min()),
        float(np.median(runs)),
        float(runs.max()),
        n,
        float(confidence),
    )
