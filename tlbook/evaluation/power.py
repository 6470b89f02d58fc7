"""What a comparison can find: the chance of it, the smallest difference, the test images that it takes."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import optimize, stats

from tlbook._checks import number
from tlbook.evaluation.inputs import confidence_level
from tlbook.evaluation.intervals import _z

__all__ = ["images_needed", "images_needed_paired"]

_POWER = 0.8  # chance to find a difference that is called detectable
_ROUNDING = 1e-12  # of sums such as 0.981 + 0.986


def _mcnemar_power(n: int, difference: float, discordant: float, level: float) -> float:
    """Chance that McNemar's exact test on n images finds the better model.

    The number of images on which exactly one model is right is binomial, and given their number m so is the number
    that the worse one wins; the test tells the models apart where that is at most the largest k with
    2 P(X ≤ k) < level for X ~ B(m, 1/2).
    """
    width = 9 * math.sqrt(n * discordant * (1 - discordant)) + 9
    m = np.arange(max(0, math.floor(n * discordant - width)), min(n, math.ceil(n * discordant + width)) + 1)
    k = stats.binom.ppf(level / 2, m, 0.5) - 1
    worse = max((discordant - difference) / (2 * discordant), 0.0)
    return float((stats.binom.pmf(m, n, discordant) * stats.binom.cdf(k, m, worse)).sum())


@lru_cache(maxsize=4096)
def _smallest_by_mcnemar(n: int, discordant: float, level: float) -> float:
    """The smallest true difference that McNemar's exact test on n images finds with 80 % power.

    The share of discordant images is the given one, or the difference where that is larger; infinite if even
    a difference of 1 would not do.
    """

    def lacking(difference: float) -> float:
        return _mcnemar_power(n, difference, max(discordant, difference), level) - _POWER

    return float(optimize.brentq(lacking, 1e-9, 1.0, xtol=1e-7)) if lacking(1.0) >= 0 else math.inf


def _smallest_by_t(standard_error: float, df: float, level: float) -> float:
    r"""The smallest true difference that a t-test finds with 80 % power, :math:`(t_{1-\alpha/2} + t_{power})\,SE`.

    Against the noncentral t distribution the power is 79 to 80 % from 4 degrees of freedom on, 77 % with 2.
    """
    return float((stats.t.isf(level / 2, df) + stats.t.ppf(_POWER, df)) * standard_error)


def _check(accuracy_a: float, accuracy_b: float, power: float) -> None:
    for name, value in (("accuracy_a", accuracy_a), ("accuracy_b", accuracy_b)):
        number(value, name, 0, 1, hint="such as 0.981")
    if accuracy_a == accuracy_b:
        raise ValueError("no number of images tells equal accuracies apart")
    number(power, "power", 0, 1, "()", hint="such as 0.8")


def images_needed(accuracy_a: float, accuracy_b: float, *, power: float = _POWER, confidence: float = 0.95) -> int:
    r"""Test images *for each model* to tell two accuracies apart on separate test sets.

    .. math:: n = \frac{\left(z_{\alpha/2}\sqrt{2\bar p\bar q} +
              z_\beta\sqrt{p_a q_a + p_b q_b}\right)^2}{(p_a - p_b)^2}

    with :math:`\bar p` the mean of both (Fleiss, Levin and Paik 2003,
    *Statistical Methods for Rates and Proportions*, eq. 4.14, without
    continuity correction). For models tested on the same images use
    :func:`images_needed_paired`, which needs fewer.

    Parameters
    ----------
    accuracy_a, accuracy_b : float
        True accuracies, as shares.
    power : float
        Chance of telling them apart.
    confidence : float
        1 − the chance of a false alarm, two-sided.
    """
    _check(accuracy_a, accuracy_b, power)
    mean = (accuracy_a + accuracy_b) / 2
    alarm = _z(confidence) * math.sqrt(2 * mean * (1 - mean))
    miss = float(stats.norm.ppf(power)) * math.sqrt(accuracy_a * (1 - accuracy_a) + accuracy_b * (1 - accuracy_b))
    return math.ceil((alarm + miss) ** 2 / (accuracy_a - accuracy_b) ** 2)


def images_needed_paired(
    accuracy_a: float,
    accuracy_b: float,
    *,
    discordant: float | None = None,
    power: float = _POWER,
    confidence: float = 0.95,
) -> int:
    """Test images to tell two accuracies apart by McNemar's exact test, when both models see the same ones.

    The exact power of that test is computed, and the number searched that reaches ``power``. The usual formula
    (Connor 1987, Biometrics 43:207) is for the test without continuity correction and promises too much: with its
    number of images the exact test finds the difference in 77 to 79 instead of 80 of 100 cases.

    Parameters
    ----------
    accuracy_a, accuracy_b : float
        True accuracies, as shares. Plan with the smallest difference that would matter, not with one that was
        observed: that is too large as often as too small, and largest where it was luck.
    discordant : float, optional
        Share of images on which exactly one model is right. By default that of models which err independently
        of each other, :math:`p_a q_b + p_b q_a`; models that learned alike err alike,
        and then it is smaller: measure it on validation data.
    power, confidence : float
        As for :func:`images_needed`.

    Returns
    -------
    int
        For one run of each model. What other training runs would give is left open: :func:`variance_components`.
    """
    _check(accuracy_a, accuracy_b, power)
    gap = abs(accuracy_a - accuracy_b)
    psi = discordant
    if psi is None:
        psi = accuracy_a * (1 - accuracy_b) + accuracy_b * (1 - accuracy_a)
    most = min(accuracy_a + accuracy_b, 2 - accuracy_a - accuracy_b)
    if not gap - _ROUNDING <= psi <= most + _ROUNDING:
        raise ValueError(
            f"with accuracies {accuracy_a} and {accuracy_b}, the share of images on which exactly "
            f"one model is right lies between {gap:.4g} and {most:.4g}, but is {psi:.4g}"
        )
    level, psi = 1 - confidence_level(confidence), min(psi, 1.0)

    def enough(n: int) -> bool:
        return _mcnemar_power(n, gap, psi, level) >= power

    too_few, n = 0, 1
    while not enough(n):
        too_few, n = n, 2 * n
    while n - too_few > 1:
        middle = (too_few + n) // 2
        too_few, n = (too_few, middle) if enough(middle) else (middle, n)
    return n
