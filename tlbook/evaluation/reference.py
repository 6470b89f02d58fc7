"""Many methods against one reference, or many pairs, over runs and test images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tlbook.evaluation.paired import _ROUNDING, PairedTest, _each, _together
from tlbook.evaluation.runs import _mean_squares, _runs, _t_test, compare_runs, unpack_right

__all__ = ["by_verdict", "compare_pairs", "compare_with_reference", "runs_by"]


def compare_with_reference(
    right: Mapping[str, ArrayLike],
    *,
    pooled: bool = False,
    margin: float | None = None,
    reference: str,
    confidence: float = 0.95,
) -> dict[str, PairedTest]:
    r"""Is each method better or worse than the reference?

    With few runs, how far a difference scatters over runs is hardly known, and each comparison pays for it with a large
    quantile of t. Where all methods share their seeds, that variance can be estimated from all of them at once:
    with the mean squares of the interactions arms × runs and arms × runs × images of the three-way layout, a
    contrast of two arms varies by :math:`2 (MS_{AR} - MS_{ARI}) / (IJ)` over runs (Satterthwaite's degrees of freedom;
    :math:`MS_{AR}` alone has (arms − 1)(runs − 1)). What the images and the residual add remains that of each pair: it
    depends on the accuracies and on how alike two methods err, and test images are many.

    Parameters
    ----------
    right : mapping of str to array_like of bool, shape (runs, images)
        Which images each method classified correctly, as for :func:`compare_runs`; the
        reference is one of them.
    pooled : bool
        Estimate the variance over runs from all methods together. Only where they scatter alike, which Bartlett's test
        is asked first: with five runs, an arm that scatters twice (three times) as much as five others is called
        different in 10 (15) instead of 5 % of experiments, and the others are found less often. That test notices one
        such experiment in four (in two), so do not pool what is known to scatter: a large change beside small ones.
    margin : float, optional
        As for :func:`mcnemar`.
    reference : str
    confidence : float

    Returns
    -------
    dict of str to PairedTest
        Method minus reference, in the order given and without the reference itself. The p-values
        are corrected for the number of comparisons (Holm 1979), and the intervals hold together (Bonferroni).

    Raises
    ------
    ValueError
        An unknown reference, or nothing to compare with it; with ``pooled``, runs of different shape, or runs of
        which some arms' scatter more than others' (Bartlett's test, p < 0.1).
    """
    if reference not in right or len(right) < 2:
        raise ValueError(f"no reference {reference!r} beside other methods among {', '.join(right) or 'none'}")
    others = [name for name in right if name != reference]
    each = _each(confidence, len(others))
    variance = _over_runs(right) if pooled else None
    tests = []
    for name in others:
        pair = right[name], right[reference]
        test = compare_runs(*pair, margin=margin, names=(name, reference), confidence=each)
        if variance is not None:
            error, df = _with_pooled(variance, np.subtract(*pair, dtype=float))
            test = replace(_t_test(test.difference.value, error, df, test.n, _POOLED, test.names, each), margin=margin)
        tests.append(test)
    return dict(zip(others, _together(tests, confidence), strict=True))


def compare_pairs(
    pairs: Mapping[str, Mapping[str, Any]], *, margin: float | None = None, confidence: float = 0.95
) -> dict[str, PairedTest]:
    """Is the first of each pair better than the second? Several questions of one family, such as one on each test set.

    Parameters
    ----------
    pairs : mapping of str to mapping of str to array_like of bool, shape (runs, images)
        ``{question: {method: right, other method: right}}``; runs and images are shared within a
        pair, as for :func:`compare_runs`, and may differ between pairs.
    margin : float, optional
        As for :func:`mcnemar`.
    confidence : float

    Returns
    -------
    dict of str to PairedTest
        The first method minus the second, corrected for the number of pairs as :func:`compare_with_reference` does it.

    Raises
    ------
    ValueError
        No pair, or one that is not of two methods.
    """
    for question, pair in pairs.items():
        if len(pair) != 2:
            raise ValueError(f"{question!r} compares {', '.join(pair) or 'nothing'}; give two methods")
    if not pairs:
        raise ValueError("there is no pair to compare")
    each = _each(confidence, len(pairs))
    tests = []
    for (a, right_a), (b, right_b) in (pair.items() for pair in pairs.values()):
        tests.append(compare_runs(right_a, right_b, margin=margin, names=(a, b), confidence=each))
    return dict(zip(pairs, _together(tests, confidence), strict=True))


_POOLED = "t over runs and images, variance over runs pooled"


def _over_runs(right: Mapping[str, ArrayLike]) -> tuple[float, float, float, float]:
    """Of a contrast of two arms: 2 MS_AR and 2 MS_ARI, each divided by runs × images, and their degrees of freedom."""
    arms = {name: _runs(one, name) for name, one in right.items()}
    shapes = {one.shape for one in arms.values()}
    if len(shapes) > 1:
        raise ValueError(f"to pool, all methods need the same runs and images, but there are shapes {sorted(shapes)}")
    x = np.array(list(arms.values()), dtype=float)
    x -= x.mean(axis=0)
    of_run = x.mean(axis=2)  # accuracy of a run, minus the mean of all arms with this seed
    of_run -= of_run.mean(axis=1, keepdims=True)
    spread = of_run.std(axis=1, ddof=1)
    if not spread.any():
        return 0.0, 0.0, 1.0, 1.0
    test = stats.bartlett(*of_run) if spread.all() else None
    if test is None or test.pvalue < 0.1:
        names = list(arms)
        raise ValueError(
            f"not pooled: the runs of {names[int(spread.argmax())]!r} scatter by {100 * spread.max():.2f} points, those of "
            f"{names[int(spread.argmin())]!r} by {100 * spread.min():.2f} (Bartlett's test, "
            f"p = {0.0 if test is None else test.pvalue:.3f}). Leave out what scatters otherwise, or give pooled=False"
        )
    rest = x - x.mean(axis=1, keepdims=True) - of_run[:, :, None]
    k, n_runs, n_images = x.shape
    df = (k - 1) * (n_runs - 1)
    cells = n_runs * n_images
    return (
        2 * float((of_run**2).sum()) * n_images / df / cells,
        2 * float((rest**2).sum()) / (df * (n_images - 1)) / cells,
        df,
        df * (n_images - 1),
    )


def _with_pooled(over_runs: tuple[float, float, float, float], differences: NDArray[np.float64]) -> tuple[float, float]:
    """Standard error and degrees of freedom of a pair's mean difference: runs as pooled, images and residual its own."""
    runs, rest, runs_df, rest_df = over_runs
    _, images, residual = _mean_squares(differences)
    n_runs, n_images = differences.shape
    parts = [(runs, runs_df), (rest, rest_df)] if runs > rest else []
    if images > residual:
        parts.append((images, n_images - 1))
    else:
        parts.append((residual, (n_runs - 1) * (n_images - 1)))
    variance = max(runs - rest, 0.0) + max(images, residual)
    if variance < _ROUNDING**2:
        return 0.0, math.inf
    return math.sqrt(variance), variance**2 / sum(one**2 / df for one, df in parts)


def runs_by(
    rows: Iterable[Mapping[str, Any]], n: int, *, by: str, column: str = "right"
) -> dict[str, NDArray[np.bool_]]:
    """Recorded runs as :func:`compare_with_reference` takes them.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of a record with a ``"seed"`` and what :func:`pack_right` has packed.
    n : int
        Number of test images.
    by : str
        Column whose values name the methods.
    column : str
        Column with the packed images.

    Returns
    -------
    dict of str to ndarray of bool, shape (seeds, n)
        In the order of the rows; only seeds that every method has, in ascending order.

    Raises
    ------
    ValueError
        Fewer than two seeds that all methods share.
    """
    packed: dict[str, dict[int, str]] = {}
    for row in rows:
        packed.setdefault(row[by], {})[row["seed"]] = row[column]
    shared = sorted(set.intersection(*map(set, packed.values()))) if packed else []
    if len(shared) < 2:
        raise ValueError(f"the {len(packed)} methods share {len(shared)} seeds; two are needed to compare them")
    return {name: np.array([unpack_right(of[seed], n) for seed in shared]) for name, of in packed.items()}


def by_verdict(tests: Mapping[str, PairedTest]) -> dict[str, list[str]]:
    """Names of the methods that help, that hurt, and that cannot be told from the reference.

    Parameters
    ----------
    tests : mapping of str to PairedTest
        As :func:`compare_with_reference` returns them.

    Returns
    -------
    dict of str to list of str
        Keys "helps", "hurts", "cannot tell".
    """
    groups: dict[str, list[str]] = {"helps": [], "hurts": [], "cannot tell": []}
    for name, test in tests.items():
        groups["cannot tell" if test.winner is None else "helps" if test.difference.value > 0 else "hurts"].append(name)
    return groups
