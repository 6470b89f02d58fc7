"""Is model A better than model B? Tests on the same images, and "cannot tell"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from tlbook.evaluation.inputs import confidence_level, pair
from tlbook.evaluation.intervals import Estimate, _z

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

    @property
    def winner(self) -> str | None:
        """Name of the better one, or None if the data cannot tell."""
        p = self.p_value if self.adjusted_p is None else self.adjusted_p
        if not p < 1 - self.confidence or self.difference.value == 0:
            return None
        return self.names[0] if self.difference.value > 0 else self.names[1]

    @property
    def verdict(self) -> str:
        """``"A is better"``, ``"B is better"`` (with their names) or ``"cannot tell"``."""
        return f"{self.winner} is better" if self.winner is not None else "cannot tell"

    def __str__(self) -> str:
        a, b = self.names
        parts = [f"{a} − {b}: {self.difference}"]
        if self.only_a is not None:
            parts.append(f"only {a} right on {self.only_a} of {self.n}, only {b} on {self.only_b}")
        return "; ".join([*parts, f"{self.p_text}: {self.verdict}"])

    @property
    def p_text(self) -> str:
        """The p-value that decides, in words: ``"p = 0.012"``, or ``"p < 0.001 (corrected)"`` where several were tested."""
        shown = self.p_value if self.adjusted_p is None else self.adjusted_p
        corrected = "" if self.adjusted_p is None else " (corrected)"
        return ("p < 0.001" if shown < 0.001 else f"p = {shown:.3f}") + corrected


def _right(labels: Any, pred_a: Any, pred_b: Any) -> tuple[np.ndarray, np.ndarray]:
    truth, first = pair(labels, pred_a, "predictions of A")
    _, second = pair(labels, pred_b, "predictions of B")
    return truth == first, truth == second


def _names(names: tuple[str, str]) -> tuple[str, str]:
    a, b = names
    if a == b:
        raise ValueError(f"both models are called {a!r}; give them different names")
    return str(a), str(b)


def mcnemar(
    labels: Any,
    pred_a: Any,
    pred_b: Any,
    *,
    names: tuple[str, str] = ("A", "B"),
    confidence: float = 0.95,
) -> PairedTest:
    r"""Is A more accurate than B, or can one not tell? McNemar's exact test on the same images.

    Only images on which one is right and the other wrong can tell them apart.
    If neither is better, each of these :math:`m = b + c` images favours A or B
    like the toss of a fair coin, so the p-value is twice the binomial tail
    :math:`P(X \le \min(b, c))`, :math:`X \sim B(m, 1/2)`, at most 1 (McNemar
    1947, Psychometrika 12:153; Dietterich 1998, Neural Computation 10:1895).

    The interval of the difference is that of Bonett and Price (2012,
    J. Educ. Behav. Stat. 37:479): with one image added to each of b and c,
    :math:`\tilde d \pm z\sqrt{(\tilde p_b + \tilde p_c - \tilde d^2)/(n+2)}`. The verdict
    follows the exact p-value, which is the stricter of the two: now and then the interval
    excludes 0 and the verdict is still "cannot tell".

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        True classes of the images that both models answered.
    pred_a, pred_b : array_like of int, shape (n,)
        Classes that the two models predict.
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
    share_a, share_b = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    centre = share_a - share_b
    half = _z(confidence) * math.sqrt((share_a + share_b - centre**2) / (n + 2))
    difference = Estimate(
        (only_a - only_b) / n,
        max(-1.0, centre - half),
        min(1.0, centre + half),
        n,
        float(confidence),
        "points",
    )
    return PairedTest(_names(names), difference, p_value, "McNemar, exact", n, only_a, only_b, float(confidence))


def paired_bootstrap(
    labels: Any,
    pred_a: Any,
    pred_b: Any,
    *,
    metric: Callable[[np.ndarray, np.ndarray], Any] | None = None,
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
    return PairedTest(
        _names(names),
        difference,
        p_value,
        "paired bootstrap",
        n,
        only_a,
        only_b,
        confidence,
    )


def paired_t(
    values_a: Any,
    values_b: Any,
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
    value = float(gaps.mean())
    if np.ptp(gaps) < _ROUNDING:
        value = value if abs(value) > _ROUNDING else 0.0
        low = high = value
        p_value = 1.0 if value == 0 else 0.0
    else:
        test = stats.ttest_rel(first, second)
        interval = test.confidence_interval(confidence)
        low, high, p_value = float(interval.low), float(interval.high), float(test.pvalue)
    difference = Estimate(value, low, high, n, confidence, unit)
    return PairedTest(_names(names), difference, p_value, "paired t over seeds", n, confidence=confidence)


def holm(p_values: Any) -> np.ndarray:
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
    labels: Any,
    predictions: Mapping[str, Any],
    *,
    reference: str | None = None,
    confidence: float = 0.95,
) -> list[PairedTest]:
    """Compare several models pairwise, with Holm's correction for their number.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
    predictions : mapping of str to array_like of int, shape (n,)
        Predicted classes under each model's name.
    reference : str, optional
        Compare every other model with this one only, which costs fewer
        comparisons than all pairs.

    Returns
    -------
    list of PairedTest
        Each with ``adjusted_p``, which decides its verdict.
    """
    if len(predictions) < 2:
        raise ValueError(f"a comparison needs at least two models, but there is {len(predictions)}")
    if reference is None:
        pairs = list(combinations(predictions, 2))
    elif reference in predictions:
        pairs = [(name, reference) for name in predictions if name != reference]
    else:
        raise ValueError(f"no model is called {reference!r}; there are {', '.join(predictions)}")
    tests = [mcnemar(labels, predictions[a], predictions[b], names=(a, b), confidence=confidence) for a, b in pairs]
    adjusted = holm([test.p_value for test in tests])
    return [replace(test, adjusted_p=float(p)) for test, p in zip(tests, adjusted, strict=True)]
