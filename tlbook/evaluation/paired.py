"""Is model A better than model B? Tests on the same images, and "cannot tell"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from tlbook._checks import number
from tlbook.evaluation.inputs import confidence_level, pair
from tlbook.evaluation.intervals import Estimate, _z
from tlbook.evaluation.power import _smallest_by_mcnemar, _smallest_by_t

__all__ = ["PairedTest", "compare_all", "holm", "mcnemar", "paired_bootstrap", "paired_t"]


_ROUNDING = 1e-12  # differences of shares, multiples of 1/n, that are smaller are none


@dataclass(frozen=True)
class PairedTest:
    """Outcome of a paired comparison of A with B.

    Attributes
    ----------
    names : tuple of two str
    difference : Estimate
        A minus B, positive if A is better, with its interval.
    p_value : float
        Two-sided: how often a difference at least as large would come by
        chance if neither were better.
    method : str
        The test used.
    n : int
        Images (for :func:`paired_t`: seeds).
    only_a, only_b : int or None
        Images that only A, or only B, classifies correctly.
    confidence : float
        A and B are told apart if the p-value is below 1 − confidence.
    adjusted_p : float or None
        The p-value corrected for several comparisons; decides if present.
    comparisons : int
        How many were made together. Then the interval is at confidence 1 − (1 − ``confidence``) / ``comparisons``, so
        that all hold at once (Bonferroni), and reaches to 0 or no further where Holm's p-value says so.
    standard_error : float or None
        Of the difference; None where the test has none (McNemar's exact test).
    df : float
        Degrees of freedom of the standard error.
    margin : float or None
        The largest loss that would not matter, as a share: 0.01 is one point.

    Raises
    ------
    ValueError
        A margin that is not between 0 and 1.
    """

    names: tuple[str, str]
    difference: Estimate
    p_value: float
    method: str
    n: int
    only_a: int | None = None
    only_b: int | None = None
    confidence: float = 0.95
    adjusted_p: float | None = None
    comparisons: int = 1
    standard_error: float | None = None
    df: float = math.inf
    margin: float | None = None

    def __post_init__(self) -> None:
        if self.margin is not None:
            number(self.margin, "margin", 0, 1, "()", hint="as a share, such as 0.01 for one point")

    @property
    def winner(self) -> str | None:
        """Name of the better one, or None if the data cannot tell."""
        p = self.p_value if self.adjusted_p is None else self.adjusted_p
        if not p < 1 - self.confidence or self.difference.value == 0:
            return None
        return self.names[0] if self.difference.value > 0 else self.names[1]

    @property
    def non_inferior(self) -> tuple[str, ...]:
        """Names of those that are shown to be less than ``margin`` worse than the other, by the interval.

        An end of a 95 % interval is a test at level 2.5 %. Both names: the two are equivalent, the whole interval lies
        within ± ``margin`` (two one-sided tests: Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657; Lakens 2017,
        Soc. Psychol. Personal. Sci. 8:355). Empty without a margin.
        """
        if self.margin is None:
            return ()
        shown = (self.difference.low > -self.margin, self.difference.high < self.margin)
        return tuple(name for name, one in zip(self.names, shown, strict=True) if one)

    @property
    def detectable(self) -> float | None:
        """The smallest true difference that this comparison would have found with 80 % power.

        It rests on the noise (the standard error; for McNemar's test the number of images and the share on which
        exactly one is right) and on the level corrected for the number of comparisons, never on the observed difference.
        Infinite where no difference would have been found, None where the noise is not known.
        """
        level = (1 - self.confidence) / self.comparisons
        if self.standard_error is not None:
            return _smallest_by_t(self.standard_error, self.df, level) if self.standard_error else None
        if self.only_a is not None and self.only_b is not None:
            return _smallest_by_mcnemar(self.n, (self.only_a + self.only_b) / self.n, level)
        return None

    @property
    def verdict(self) -> str:
        """One of these, with the names and the margin.

        ``"A is better"``, with ``", by less than 1.0 points"`` if the other is not inferior either; ``"A and B differ by
        less than 1.0 points"``; ``"A is less than 1.0 points worse than B"``; ``"cannot tell"``.
        """
        margin = "" if self.margin is None else self._size(self.margin)
        if self.winner is not None:
            closely = f", by less than {margin}" if len(self.non_inferior) == 2 else ""
            return f"{self.winner} is better{closely}"
        if len(self.non_inferior) == 2:
            return f"{self.names[0]} and {self.names[1]} differ by less than {margin}"
        for name, other in (self.names, self.names[::-1]):
            if name in self.non_inferior:
                return f"{name} is less than {margin} worse than {other}"
        return "cannot tell"

    def __str__(self) -> str:
        a, b = self.names
        parts = [f"{a} − {b}: {self.difference}"]
        if self.only_a is not None:
            parts.append(f"only {a} right on {self.only_a} of {self.n}, only {b} on {self.only_b}")
        parts.append(f"{self.p_text}: {self.verdict}")
        if self.detectable is not None:
            parts.append(self.detectable_text)
        return "; ".join(parts)

    def _size(self, difference: float) -> str:
        return f"{100 * difference:.1f} points" if self.difference.unit == "points" else f"{difference:.3g}"

    @property
    def detectable_text(self) -> str:
        """:attr:`detectable` in words: ``"detectable from 2.6 points"``, or that nothing was, or that it is unknown."""
        if self.detectable is None:
            return "detectable difference unknown"
        return (
            "no difference detectable"
            if math.isinf(self.detectable)
            else f"detectable from {self._size(self.detectable)}"
        )

    @property
    def p_text(self) -> str:
        """The p-value that decides, in words: ``"p = 0.012"``, or ``"p < 0.001 (corrected)"`` where several were tested."""
        shown = self.p_value if self.adjusted_p is None else self.adjusted_p
        corrected = "" if self.adjusted_p is None else " (corrected)"
        return ("p < 0.001" if shown < 0.001 else f"p = {shown:.3f}") + corrected


def _agreeing(test: PairedTest) -> PairedTest:
    """The test with an interval that reaches to 0 where it cannot tell, and no further than 0 where it can."""
    low, high = test.difference.low, test.difference.high
    if test.winner is None:
        low, high = min(low, 0.0), max(high, 0.0)
    elif test.difference.value > 0:
        low = max(low, 0.0)
    else:
        high = min(high, 0.0)
    return replace(test, difference=replace(test.difference, low=low, high=high))


def _together(tests: Sequence[PairedTest], confidence: float) -> list[PairedTest]:
    """Tests made at ``_each``'s confidence, with Holm's p-values."""
    adjusted = holm([test.p_value for test in tests])
    return [
        _agreeing(replace(test, adjusted_p=float(p), confidence=float(confidence), comparisons=len(tests)))
        for test, p in zip(tests, adjusted, strict=True)
    ]


def _each(confidence: float, comparisons: int) -> float:
    """Confidence of each interval such that all hold at once with ``confidence`` (Bonferroni)."""
    return 1 - (1 - confidence_level(confidence)) / comparisons


def _score_low(b: int, c: int, n: int, z: float) -> float:
    """Lower end of Tango's score interval of (b − c) / n."""
    if c == n:
        return -1.0

    def excess(d: float) -> float:
        half = (b + c - (2 * n - b + c) * d) / 2
        share = (half + math.sqrt(max(half**2 + 2 * n * c * d * (1 - d), 0.0))) / (2 * n)  # only B right, if d is true
        return b - c - n * d - z * math.sqrt(max(n * (2 * share + d * (1 - d)), 0.0))

    return float(optimize.brentq(excess, -1.0, (b - c) / n - 1e-9, xtol=1e-12))


def _right(labels: ArrayLike, pred_a: ArrayLike, pred_b: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    truth, first = pair(labels, pred_a, "predictions of A")
    _, second = pair(labels, pred_b, "predictions of B")
    return truth == first, truth == second


def _names(names: tuple[str, str]) -> tuple[str, str]:
    a, b = names
    if a == b:
        raise ValueError(f"both models are called {a!r}; give them different names")
    return str(a), str(b)


def mcnemar(
    labels: ArrayLike,
    pred_a: ArrayLike,
    pred_b: ArrayLike,
    *,
    margin: float | None = None,
    names: tuple[str, str] = ("A", "B"),
    confidence: float = 0.95,
) -> PairedTest:
    r"""Is A more accurate than B, or can one not tell? McNemar's exact test on the same images.

    Only images on which one is right and the other wrong can tell them apart.
    If neither is better, each of these :math:`m = b + c` images favours A or B
    like the toss of a fair coin, so the p-value is twice the binomial tail
    :math:`P(X \le \min(b, c))`, :math:`X \sim B(m, 1/2)`, at most 1 (McNemar
    1947, Psychometrika 12:153; Dietterich 1998, Neural Computation 10:1895).

    The interval of the difference is the score interval of Tango (1998, Stat. Med. 17:891): the differences that
    a score test on the same table does not reject. At its ends it keeps its level, which the simpler interval of
    Bonett and Price does not (6 instead of 2.5 % where few images are discordant), so a claim of non-inferiority can
    rest on it. The exact p-value is the stricter of the two: where it cannot tell and the score interval excludes
    0, the end is set to 0.

    Counts are whole numbers, so at 5 % the exact test rejects less often than that where neither is better: in 3 to 5 %
    if thirty or more images are discordant, in 2 % with ten, and never with fewer than six. The interval covers in 93 to 97 %
    from fifteen images on that only the worse has right, and in up to 98 % if neither is better.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        True classes of the images that both models answered.
    pred_a, pred_b : array_like of int, shape (n,)
        Classes that the two models predict.
    margin : float, optional
        The largest loss that would not matter, as a share; then the verdict may also be that one is "less than
        1.0 points worse" than the other, or that they differ by less. Set it before looking at the results.
    names : tuple of two str
        How the models are called in the verdict.
    confidence : float
        Of the interval; A and B are told apart if the p-value is below 1 − confidence.

    Returns
    -------
    PairedTest
        Models that are right on the same images get a p-value of 1.

    Raises
    ------
    ValueError
        Labels and predictions of different length, or twice the same name.

    Examples
    --------
    >>> labels = np.zeros(1000, int)
    >>> probe = (np.arange(1000) < 60).astype(int)    # wrong on 60
    >>> tuned = (np.arange(1000) < 45).astype(int)    # wrong on 45 of these
    >>> print(mcnemar(labels, tuned, probe, names=("tuned", "probe")).verdict)
    tuned is better
    """
    right_a, right_b = _right(labels, pred_a, pred_b)
    n = right_a.size
    only_a = int((right_a & ~right_b).sum())
    only_b = int((right_b & ~right_a).sum())
    p_value = min(1.0, 2 * float(stats.binom.cdf(min(only_a, only_b), only_a + only_b, 0.5)))
    z = _z(confidence)
    low, high = _score_low(only_a, only_b, n, z), -_score_low(only_b, only_a, n, z)
    difference = Estimate((only_a - only_b) / n, low, high, n, float(confidence), "points")
    test = PairedTest(_names(names), difference, p_value, "McNemar, exact", n, only_a, only_b, float(confidence))
    return _agreeing(replace(test, margin=margin))


def paired_bootstrap(
    labels: ArrayLike,
    pred_a: ArrayLike,
    pred_b: ArrayLike,
    *,
    metric: Callable[[NDArray[Any], NDArray[Any]], Any] | None = None,
    names: tuple[str, str] = ("A", "B"),
    confidence: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
    unit: str = "points",
) -> PairedTest:
    """Bootstrap of the difference between A and B on the same images.

    Images are drawn with replacement, the same for A and B, and the metric's
    difference is computed on each draw; the interval holds the middle of the
    draws, and the p-value is twice the share of draws on the smaller side of 0
    (Efron and Tibshirani 1993, sections 13.3 and 15.4). It serves for any metric; for
    the accuracy :func:`mcnemar` is exact and needs no draws.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        n ≥ 2.
    pred_a, pred_b : array_like, shape (n, …)
        Predicted classes; with ``metric`` whatever it takes (scores, probabilities).
    metric : callable, optional
        ``metric(labels, predictions) -> float`` or Estimate, larger is better.
        Default: accuracy.
    n_resamples, seed : int

    Returns
    -------
    PairedTest
        Models that are right on the same images get an interval without
        width and a p-value of 1.

    Raises
    ------
    ValueError
        For n < 2, or a metric that is not finite on some resample.
    """
    confidence = confidence_level(confidence)
    rng = np.random.default_rng(seed)
    truth = np.asarray(labels)
    n = len(truth)
    if n < 2:
        raise ValueError(f"the bootstrap needs at least two images, but there is {n}")
    only_a = only_b = None
    if metric is None:
        right_a, right_b = _right(labels, pred_a, pred_b)
        only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
        observed = (only_a - only_b) / n
        # the accuracy's difference needs only how often each kind of image is drawn
        shares = [only_a / n, only_b / n, (n - only_a - only_b) / n]
        draws = rng.multinomial(n, shares, size=n_resamples)
        differences = (draws[:, 0] - draws[:, 1]) / n
    else:
        first, second = np.asarray(pred_a), np.asarray(pred_b)
        if len(first) != n or len(second) != n:
            raise ValueError(f"{n} labels, but {len(first)} and {len(second)} predictions")

        def gap(index: Any) -> float:
            return float(metric(truth[index], first[index])) - float(metric(truth[index], second[index]))

        observed = gap(slice(None))
        differences = np.array([gap(rng.integers(0, n, n)) for _ in range(n_resamples)])
        if not np.isfinite(observed) or not np.isfinite(differences).all():
            raise ValueError(
                "the metric is not a finite number on some resample; there are too few images of "
                "some class to resample it"
            )
    tail = (1 - confidence) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    # The interval turned into a p-value: the smallest 1 − confidence whose interval leaves 0 out.
    below, above = int((differences <= _ROUNDING).sum()), int((differences >= -_ROUNDING).sum())
    p_value = min(1.0, 2 * (1 + min(below, above)) / (1 + n_resamples))
    difference = Estimate(float(observed), float(low), float(high), n, confidence, unit)
    test = PairedTest(_names(names), difference, p_value, "paired bootstrap", n, only_a, only_b, confidence)
    return _agreeing(replace(test, standard_error=float(differences.std(ddof=1))))


def paired_t(
    values_a: ArrayLike,
    values_b: ArrayLike,
    *,
    names: tuple[str, str] = ("A", "B"),
    confidence: float = 0.95,
    unit: str = "points",
) -> PairedTest:
    """Paired t-test over seeds: is A better than B on average over training runs?

    Run i of A and run i of B share what their seed decides (the split, the
    subset of images …). :func:`scipy.stats.ttest_rel` does the work. It speaks
    of training runs on one test set, where :func:`mcnemar` speaks of test
    images for one pair of trained models.

    Parameters
    ----------
    values_a, values_b : array_like of float, shape (n,)
        One result a seed, in the same order, n ≥ 2.

    Returns
    -------
    PairedTest
        Differences that are all the same have no spread to test against: the
        interval then has no width, and the p-value is 1 if they are 0, else 0.
    """
    first, second = np.asarray(values_a, float), np.asarray(values_b, float)
    if first.ndim != 1 or first.shape != second.shape or first.size < 2:
        raise ValueError(
            "give one result a seed for each of A and B, in the same order and at least two, but "
            f"got shapes {first.shape} and {second.shape}"
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("results over seeds must be finite, but some are NaN or infinite")
    confidence = confidence_level(confidence)
    gaps = first - second
    n = gaps.size
    value, error = float(gaps.mean()), float(gaps.std(ddof=1)) / math.sqrt(n)
    if np.ptp(gaps) < _ROUNDING:
        value = value if abs(value) > _ROUNDING else 0.0
        low = high = value
        error = 0.0
        p_value = 1.0 if value == 0 else 0.0
    else:
        test = stats.ttest_rel(first, second)
        interval = test.confidence_interval(confidence)
        low, high, p_value = float(interval.low), float(interval.high), float(test.pvalue)
    difference = Estimate(value, low, high, n, confidence, unit)
    test = PairedTest(_names(names), difference, p_value, "paired t over seeds", n, confidence=confidence)
    return replace(test, standard_error=error, df=n - 1)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """p-values corrected for testing several hypotheses at once (Holm 1979, Scand. J. Stat. 6:65).

    The smallest of m p-values is multiplied by m, the next by m − 1, and so
    on; none may fall below the one before it, none exceed 1. Rejecting where
    the result is below 0.05 keeps the chance of even one false alarm among all
    m tests below 5 %.

    Parameters
    ----------
    p_values : array_like of float, shape (m,)

    Returns
    -------
    ndarray of float, shape (m,)
        In the order given.
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p-values must be numbers from 0 to 1 in an array of shape (m,)")
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * (p.size - np.arange(p.size)))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def compare_all(
    labels: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    *,
    margin: float | None = None,
    reference: str | None = None,
    confidence: float = 0.95,
) -> list[PairedTest]:
    """Compare several models pairwise, with Holm's correction for their number.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
    predictions : mapping of str to array_like of int, shape (n,)
        Predicted classes under each model's name.
    margin : float, optional
        As for :func:`mcnemar`.
    reference : str, optional
        Compare every other model with this one only, which costs fewer
        comparisons than all pairs.

    Returns
    -------
    list of PairedTest
        Each with ``adjusted_p``, which decides its verdict, and with an interval that holds together with the others.
    """
    if len(predictions) < 2:
        raise ValueError(f"a comparison needs at least two models, but there is {len(predictions)}")
    if reference is None:
        pairs = list(combinations(predictions, 2))
    elif reference in predictions:
        pairs = [(name, reference) for name in predictions if name != reference]
    else:
        raise ValueError(f"no model is called {reference!r}; there are {', '.join(predictions)}")
    each = _each(confidence, len(pairs))
    tests = [
        mcnemar(labels, predictions[a], predictions[b], margin=margin, names=(a, b), confidence=each) for a, b in pairs
    ]
    return _together(tests, confidence)
