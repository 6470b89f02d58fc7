"""Several training runs on the same test images: comparing methods, planning, and the cheapest that will do.

One run of A against one run of B leaves open whether the methods differ or
these two runs. Several runs leave open whether other test images would have
said the same. The comparison here answers for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from tlbook._checks import number, whole
from tlbook.evaluation.inputs import confidence_level
from tlbook.evaluation.intervals import Estimate
from tlbook.evaluation.paired import _ROUNDING, PairedTest, _each, _names, _together
from tlbook.evaluation.power import _POWER

__all__ = [
    "CheapestWithin",
    "VarianceComponents",
    "cheapest_within",
    "compare_runs",
    "pack_right",
    "unpack_right",
    "variance_components",
]


def pack_right(right: ArrayLike) -> str:
    """Which test images were classified correctly, as hexadecimal text.

    Four images a character, the first in the highest bit; the end is padded with zeros.

    Parameters
    ----------
    right : array_like of bool, shape (n,)
    """
    flags = np.asarray(right)
    if flags.dtype != bool or flags.ndim != 1:
        raise ValueError(f"right must be truth values of shape (n,), but is {flags.dtype} of shape {flags.shape}")
    return np.packbits(flags).tobytes().hex()


def unpack_right(text: str, n: int) -> NDArray[np.bool_]:
    """The inverse of :func:`pack_right`: bool (n,)."""
    flags = np.unpackbits(np.frombuffer(bytes.fromhex(text), dtype=np.uint8)).astype(bool)
    if not n <= flags.size < n + 8 or flags[n:].any():
        raise ValueError(f"the text holds about {flags.size} images, not {n}")
    return flags[:n]


def _runs(right: ArrayLike, name: str) -> NDArray[np.bool_]:
    runs = np.asarray(right)
    if runs.dtype != bool or runs.ndim != 2 or runs.shape[0] < 2 or runs.shape[1] < 2:
        raise ValueError(
            f"{name} must be truth values of shape (runs, images), at least two of each, but is {runs.dtype} "
            f"of shape {runs.shape}"
        )
    return runs


def _differences(right_a: ArrayLike, right_b: ArrayLike, names: tuple[str, str]) -> NDArray[np.float64]:
    """A minus B, float (runs, images)."""
    a, b = _runs(right_a, names[0]), _runs(right_b, names[1])
    if a.shape != b.shape:
        raise ValueError(f"runs of different shape: {a.shape} and {b.shape}")
    return a.astype(float) - b


def _mean_squares(differences: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean squares of runs, images and residual of a two-way layout, each divided by the number of its cells."""
    of_run, of_image = differences.mean(axis=1), differences.mean(axis=0)
    n_runs, n_images = differences.shape
    rest = differences - of_run[:, None] - of_image + differences.mean()
    residual = float((rest**2).sum()) / ((n_runs - 1) * (n_images - 1)) / differences.size
    return float(of_run.var(ddof=1)) / n_runs, float(of_image.var(ddof=1)) / n_images, residual


def _crossed(runs: Any, images: Any, residual: Any, n_runs: int, n_images: int) -> tuple[Any, Any]:
    """Standard error of the mean of a two-way layout with both factors random, and its degrees of freedom; elementwise.

    Takes what :func:`_mean_squares` returns. The variance of the mean is what runs add, what images add and the
    residual; that of a factor whose mean square is below the residual's is taken as 0.
    """
    with_runs, with_images = np.greater(runs, residual).astype(float), np.greater(images, residual).astype(float)
    weight = 1 - with_runs - with_images  # of the residual: R + C − E, R, C or E
    variance = with_runs * runs + with_images * images + weight * residual
    spread = (
        with_runs * np.square(runs) / (n_runs - 1)
        + with_images * np.square(images) / (n_images - 1)
        + np.square(weight * residual) / ((n_runs - 1) * (n_images - 1))
    )
    some = variance > _ROUNDING**2
    return np.sqrt(np.where(some, variance, 0.0)), np.where(some, variance**2 / np.where(some, spread, 1.0), math.inf)


def _t_test(
    value: float, error: float, df: float, n: int, method: str, names: tuple[str, str], confidence: float
) -> PairedTest:
    """The t-test of a difference with this standard error; without spread, no width, and p is 1 for 0 and else 0."""
    confidence = confidence_level(confidence)
    value, error, df = (value if abs(value) > _ROUNDING else 0.0), float(error), float(df)
    half = float(stats.t.isf((1 - confidence) / 2, df)) * error
    p_value = 2 * float(stats.t.sf(abs(value) / error, df)) if error else float(value == 0)
    return PairedTest(
        _names(names),
        Estimate(value, value - half, value + half, n, confidence, "points"),
        p_value,
        method,
        n,
        confidence=confidence,
        standard_error=error,
        df=df,
    )


def compare_runs(
    right_a: ArrayLike,
    right_b: ArrayLike,
    *,
    margin: float | None = None,
    names: tuple[str, str] = ("A", "B"),
    confidence: float = 0.95,
) -> PairedTest:
    r"""Is method A better than B, over training runs *and* over test images?

    Run i of both methods shares its seed, and all runs share the images, so there is a difference :math:`D_{ij}` for
    each run and image: a two-way layout in which runs and images are both drawn at random. With the mean
    squares R of the runs, C of the images and E of the residual, each divided by the number of cells, the variance of
    the mean difference is

    .. math:: \max(R - E, 0) + \max(C - E, 0) + E,

    that is :math:`R + C - E` unless a factor adds nothing to the residual. Its degrees of freedom are Satterthwaite's
    (1946, Biometrics Bulletin 2:110): :math:`V^2` over the sum of the squared terms, each divided by its own degrees
    of freedom. A t-interval and a two-sided t-test follow.

    The interval speaks of other test images, other seeds, and other draws of training images *from this pool*. Draws
    from a finite pool overlap, so it is too narrow for runs that would be trained on new photos.

    Simulated over 3 to 40 runs, 100 to 10,000 images and all shares of the variance, false alarms at 5 % come to 3–7 %, and
    the interval covers in 93–97 %, but for two corners (``tests/tlbook/evaluation/test_level.py``). Where neither runs nor
    images add to the residual the test is strict, with 2.5–4 %: no component is taken to be negative. Three runs that bring
    most of the variance give up to 8 %: by chance they agree too well, one time in four so well that they seem to bring
    nothing, and no quantile helps then (Cochran's gives 7.5 %). From four runs on it is 6.5 % at most, from ten on 5.3 %.

    Parameters
    ----------
    right_a, right_b : array_like of bool, shape (runs, images)
        Whether run i classified image j correctly. Run i of A and of B share
        their seed; at least two runs.
    margin : float, optional
        As for :func:`mcnemar`.
    names : tuple of two str
    confidence : float

    Returns
    -------
    PairedTest
        ``n`` is the number of runs. Where all differences are equal the interval has no width, and the p-value is 1 if
        they are 0, else 0.

    Raises
    ------
    ValueError
        Not truth values, fewer than two runs or images, or different shapes.
    """
    gaps = _differences(right_a, right_b, names)
    error, df = _crossed(*_mean_squares(gaps), *gaps.shape)
    test = _t_test(float(gaps.mean()), error, df, len(gaps), "t over runs and images", names, confidence)
    return replace(test, margin=margin)


@dataclass(frozen=True)
class VarianceComponents:
    """How much runs, images and the rest add to the variance of a single difference, to plan an experiment with.

    Attributes
    ----------
    runs : float
        Variance of a run's true mean difference.
    images : float
        Variance over images of the mean difference over all runs.
    residual : float
        The rest: what one run says of one image.
    """

    runs: float
    images: float
    residual: float

    def __post_init__(self) -> None:
        for name in ("runs", "images", "residual"):
            number(getattr(self, name), name, 0, hint="a variance")

    def detectable(
        self, n_runs: int, n_images: int, *, comparisons: int = 1, power: float = _POWER, confidence: float = 0.95
    ) -> float:
        """The smallest true difference that :func:`compare_runs` would find, by its power in experiments of this size.

        Parameters
        ----------
        n_runs, n_images : int
            At least two of each.
        comparisons : int
            Tests in the family; the level is divided by their number (Bonferroni).
        power : float
            Chance of finding it.
        confidence : float
        """
        i, j = whole(n_runs, "n_runs", 2), whole(n_images, "n_images", 2)
        level = (1 - confidence_level(confidence)) / whole(comparisons, "comparisons")
        number(power, "power", 0, 1, "()", hint="such as 0.8")
        rest = self.residual / (i * j)
        runs, images = self.runs / i + rest, self.images / j + rest
        true = math.sqrt(runs + images - rest)
        if not true:
            return 0.0
        # the test takes its standard error from mean squares, which for normal data are chi-square
        error, df = _crossed(runs * _chi_square(i - 1, 100)[:, None], images * _chi_square(j - 1, 20), rest, i, j)
        needed = stats.t.isf(level / 2, df) * error / true

        def lacking(difference: float) -> float:
            return float(stats.norm.cdf(difference - needed).mean()) - power

        return true * float(optimize.brentq(lacking, 0.0, needed.max() + 40))

    def runs_needed(self, difference: float, n_images: int, **options: Any) -> float:
        """Runs to find ``difference`` on so many images; infinite if these images do not allow it.

        Takes the options of :meth:`detectable`.
        """
        return _least(lambda n: self.detectable(n, n_images, **options), difference)

    def images_needed(self, difference: float, n_runs: int, **options: Any) -> float:
        """Images to find ``difference`` with so many runs; infinite if these runs do not allow it.

        Takes the options of :meth:`detectable`.
        """
        return _least(lambda n: self.detectable(n_runs, n, **options), difference)


_MOST = 10**9  # runs or images: what takes more is called impossible


def _chi_square(df: int, n: int) -> NDArray[np.float64]:
    """n equally likely values of a mean square with these degrees of freedom and expectation 1."""
    return stats.chi2.ppf((np.arange(n) + 0.5) / n, df) / df


def _least(detectable: Callable[[int], float], difference: float) -> float:
    """The smallest n from 2 on with ``detectable(n) <= difference``, or infinity."""
    number(difference, "difference", 0, 1, "(]", hint="as a share, such as 0.01 for one point")
    if detectable(_MOST) > difference:
        return math.inf
    too_few, n = 1, 2
    while detectable(n) > difference:
        too_few, n = n, 2 * n
    while n - too_few > 1:
        middle = (too_few + n) // 2
        too_few, n = (middle, n) if detectable(middle) > difference else (too_few, middle)
    return n


def variance_components(right_a: ArrayLike, right_b: ArrayLike) -> VarianceComponents:
    """From a pilot of both methods: what to plan runs *and* images with, before the experiment.

    By the mean squares of :func:`compare_runs`. The component of the runs is as uncertain as the pilot is
    small: from five runs the true variance may be 0.4 to 8 times the estimate, from three 0.3 to 40 times. Plan with the
    smallest difference that would matter, never with the one that the pilot happened to show.

    Parameters
    ----------
    right_a, right_b : array_like of bool, shape (runs, images)
        As for :func:`compare_runs`.

    Returns
    -------
    VarianceComponents
        A component below 0 is given as 0.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.random((2, 5, 1000)) < 0.9    # a pilot: five runs, 1,000 images
    >>> plan = variance_components(a, b)
    >>> round(plan.detectable(10, 1000), 3)
    0.015
    >>> plan.runs_needed(0.02, 1000)
    7
    """
    gaps = _differences(right_a, right_b, ("right_a", "right_b"))
    runs, images, residual = _mean_squares(gaps)
    n_runs, n_images = gaps.shape
    return VarianceComponents(
        max(runs - residual, 0.0) * n_runs, max(images - residual, 0.0) * n_images, residual * gaps.size
    )


@dataclass(frozen=True)
class CheapestWithin:
    """The outcome of :func:`cheapest_within`.

    Attributes
    ----------
    best : str
        The method with the highest mean accuracy.
    chosen : str
        The cheapest that is shown to be less than ``margin`` worse, or the best itself.
    margin : float
    tests : dict of str to PairedTest
        Every cheaper method minus the best.
    """

    best: str
    chosen: str
    margin: float
    tests: dict[str, PairedTest]

    @property
    def verdict(self) -> str:
        """One line: what to take, and what was shown."""
        if self.chosen != self.best:
            return f"{self.chosen}: {self.tests[self.chosen].verdict}"
        if not self.tests:
            return f"{self.best}: cheapest and most accurate"
        return f"{self.best}: nothing cheaper is shown to be less than {100 * self.margin:.1f} points worse"


def cheapest_within(
    right: Mapping[str, ArrayLike], *, margin: float = 0.01, confidence: float = 0.95
) -> CheapestWithin:
    """The cheapest method that is shown to be less than ``margin`` worse than the most accurate one.

    Each cheaper method is compared with the most accurate one, and is taken if its whole interval lies above −margin.
    The intervals hold together (Bonferroni over the cheaper methods), so that a method that is worse by the margin
    is chosen in at most 2.5 % of experiments. A small experiment has wide intervals, and then nothing cheap is
    chosen: that two methods cannot be told apart is no reason here.

    Parameters
    ----------
    right : mapping of str to array_like of bool, shape (runs, images)
        Methods from cheap to expensive, as for :func:`compare_runs`.
    margin : float
        The largest loss that does not matter, as a share.
    confidence : float

    Returns
    -------
    CheapestWithin
    """
    names = list(right)
    if len(names) < 2:
        raise ValueError(f"a choice needs at least two methods, but there is {len(names)}")
    best = max(names, key=lambda name: float(np.mean(np.asarray(right[name]))))
    cheaper = names[: names.index(best)]
    each = _each(confidence, len(cheaper) or 1)
    tests = [
        compare_runs(right[name], right[best], margin=margin, names=(name, best), confidence=each) for name in cheaper
    ]
    found = dict(zip(cheaper, _together(tests, confidence), strict=True))
    chosen = next((name for name in cheaper if name in found[name].non_inferior), best)
    return CheapestWithin(best, chosen, margin, found)
