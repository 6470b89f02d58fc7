"""How many test images it takes to tell two accuracies apart."""

from __future__ import annotations

import math

from scipy import stats

from tlbook._checks import number
from tlbook.evaluation.intervals import _z

__all__ = ["images_needed", "images_needed_paired"]

_ROUNDING = 1e-12  # of sums such as 0.981 + 0.986


def _check(accuracy_a: float, accuracy_b: float, power: float) -> None:
    for name, value in (("accuracy_a", accuracy_a), ("accuracy_b", accuracy_b)):
        number(value, name, 0, 1, hint="such as 0.981")
    if accuracy_a == accuracy_b:
        raise ValueError("no number of images tells equal accuracies apart")
    number(power, "power", 0, 1, "()", hint="such as 0.8")


def images_needed(accuracy_a: float, accuracy_b: float, *, power: float = 0.8, confidence: float = 0.95) -> int:
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
    power: float = 0.8,
    confidence: float = 0.95,
) -> int:
    r"""Test images to tell two accuracies apart when both models see the same ones.

    .. math:: n = \frac{\left(z_{\alpha/2}\sqrt{\psi} +
              z_\beta\sqrt{\psi - \delta^2}\right)^2}{\delta^2}

    for McNemar's test, with :math:`\delta` the difference and :math:`\psi` the
    share of images on which exactly one model is right (Connor 1987,
    Biometrics 43:207). The exact test, being stricter, needs a few more.

    Parameters
    ----------
    accuracy_a, accuracy_b : float
        True accuracies, as shares.
    discordant : float, optional
        :math:`\psi`. By default that of models which err independently of each
        other, :math:`p_a q_b + p_b q_a`; models that learned alike err alike,
        and then it is smaller: measure it on validation data.
    power, confidence : float
        As for :func:`images_needed`.
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
    alarm = _z(confidence) * math.sqrt(psi)
    miss = float(stats.norm.ppf(power)) * math.sqrt(max(psi - gap**2, 0.0))
    return math.ceil((alarm + miss) ** 2 / gap**2)
