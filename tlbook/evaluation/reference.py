"""Many methods against one reference, over runs and test images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tlbook.evaluation.paired import PairedTest, holm
from tlbook.evaluation.runs import compare_runs, unpack_right

__all__ = ["by_verdict", "compare_with_reference", "runs_by"]


def compare_with_reference(
    right: Mapping[str, Any], *, reference: str, confidence: float = 0.95
) -> dict[str, PairedTest]:
    """Is each method better or worse than the reference?

    Parameters
    ----------
    right : mapping of str to array_like of bool, shape (runs, images)
        Which images each method classified correctly, as for :func:`compare_runs`; the
        reference is one of them.
    reference : str
    confidence : float

    Returns
    -------
    dict of str to PairedTest
        Method minus reference, in the order given and without the reference itself. The p-values
        are corrected for the number of comparisons (Holm 1979); the intervals are not.

    Raises
    ------
    ValueError
        An unknown reference, or nothing to compare with it.
    """
    if reference not in right or len(right) < 2:
        raise ValueError(f"no reference {reference!r} beside other methods among {', '.join(right) or 'none'}")
    tests = {
        name: compare_runs(runs, right[reference], names=(name, reference), confidence=confidence)
        for name, runs in right.items()
        if name != reference
    }
    adjusted = holm([test.p_value for test in tests.values()])
    return {name: replace(test, adjusted_p=float(p)) for (name, test), p in zip(tests.items(), adjusted, strict=True)}


def runs_by(rows: Iterable[Mapping[str, Any]], n: int, *, by: str, column: str = "right") -> dict[str, np.ndarray]:
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
