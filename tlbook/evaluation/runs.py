"""Several training runs on the same test images: comparing methods, and the cheapest that is as good as the best.

One run of A against one run of B leaves open whether the methods differ or
these two runs. Several runs leave open whether other test images would have
said the same. The comparison here asks for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tlbook.evaluation.intervals import Estimate
from tlbook.evaluation.paired import PairedTest, holm, paired_t

__all__ = ["CheapestAsGood", "cheapest_as_good", "compare_runs", "pack_right", "unpack_right"]


def pack_right(right: Any) -> str:
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


def unpack_right(text: str, n: int) -> np.ndarray:
    """The inverse of :func:`pack_right`: bool (n,)."""
    flags = np.unpackbits(np.frombuffer(bytes.fromhex(text), dtype=np.uint8)).astype(bool)
    if not n <= flags.size < n + 8 or flags[n:].any():
        raise ValueError(f"the text holds about {flags.size} images, not {n}")
    return flags[:n]


def _runs(right: Any, name: str) -> np.ndarray:
    runs = np.asarray(right)
    if runs.dtype != bool or runs.ndim != 2 or runs.shape[0] < 2 or runs.shape[1] < 2:
        raise ValueError(
            f"{name} must be truth values of shape (runs, images), at least two of each, but is {runs.dtype} "
            f"of shape {runs.shape}"
        )
    return runs


def compare_runs(
    right_a: Any, right_b: Any, *, names: tuple[str, str] = ("A", "B"), confidence: float = 0.95
) -> PairedTest:
    """Is method A better than B, over training runs *and* over test images?

    Two paired t-tests: one on the accuracies of the runs, which says whether
    other runs would agree; one on the images, each with the share of A's runs
    minus the share of B's runs that got it right, which says whether other
    images would. The larger p-value counts, and the wider of the two intervals is
    reported: A and B are told apart only where both tests do it. (A hypothesis that is
    rejected only if both tests reject keeps the level of each: Berger 1982,
    Technometrics 24:295.)

    Each test holds the other kind of luck fixed, and the two uncertainties are not
    added up. Where both are of the same size, the level is kept with few runs and no longer
    quite with many: false alarms came to 4 % with five runs and to 7 % with ten when
    this was simulated (``tests/tlbook/evaluation/test_runs.py``).

    Parameters
    ----------
    right_a, right_b : array_like of bool, shape (runs, images)
        Whether run i classified image j correctly. Run i of A and of B share
        their seed; at least two runs.
    names : tuple of two str
    confidence : float

    Returns
    -------
    PairedTest
        ``n`` is the number of runs.
    """
    a, b = _runs(right_a, names[0]), _runs(right_b, names[1])
    if a.shape != b.shape:
        raise ValueError(f"runs of different shape: {a.shape} and {b.shape}")
    over_runs = paired_t(a.mean(axis=1), b.mean(axis=1), names=names, confidence=confidence)
    over_images = paired_t(a.mean(axis=0), b.mean(axis=0), names=names, confidence=confidence)
    value = over_runs.difference.value
    wider = max((over_runs.difference, over_images.difference), key=lambda estimate: estimate.high - estimate.low)
    return replace(
        over_runs,
        difference=Estimate(value, wider.low, wider.high, a.shape[0], confidence, "points"),
        p_value=max(over_runs.p_value, over_images.p_value),
        method="paired t over runs and over images",
    )


@dataclass(frozen=True)
class CheapestAsGood:
    """The outcome of :func:`cheapest_as_good`.

    Attributes
    ----------
    best : str
        The method with the highest mean accuracy.
    chosen : str
        The cheapest that cannot be told from it.
    tests : dict of str to PairedTest
        The best against every other method, with Holm's correction.
    cheaper : tuple of str
        The methods that cost less than the chosen one.
    """

    best: str
    chosen: str
    tests: dict[str, PairedTest]
    cheaper: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """One line: which method to take, and whether it is known to be better than what costs less."""
        if self.chosen == self.best:
            return f"{self.best}: better than everything cheaper" if self.cheaper else f"{self.best}: cheapest and best"
        return f"{self.chosen}: cannot tell it from {self.best}"


def cheapest_as_good(right: Mapping[str, Any], *, confidence: float = 0.95) -> CheapestAsGood:
    """The first method, in order of cost, that cannot be told from the most accurate one.

    Parameters
    ----------
    right : mapping of str to array_like of bool, shape (runs, images)
        Methods from cheap to expensive, as for :func:`compare_runs`.

    Returns
    -------
    CheapestAsGood
        "Cannot be told" is no proof of equality: more runs or more test images
        may tell. It is the reason to take the cheaper one until they do.
    """
    names = list(right)
    if len(names) < 2:
        raise ValueError(f"a choice needs at least two methods, but there is {len(names)}")
    best = max(names, key=lambda name: float(np.mean(right[name])))
    others = [name for name in names if name != best]
    tests = [compare_runs(right[best], right[name], names=(best, name), confidence=confidence) for name in others]
    adjusted = holm([test.p_value for test in tests])
    corrected = {
        name: replace(test, adjusted_p=float(p)) for name, test, p in zip(others, tests, adjusted, strict=True)
    }
    chosen = next(name for name in names if name == best or corrected[name].winner is None)
    return CheapestAsGood(best, chosen, corrected, tuple(names[: names.index(chosen)]))
