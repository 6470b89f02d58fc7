"""Many methods against one reference, over runs and test images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tlbook.evaluation.paired import PairedTest, holm
from tlbook.evaluation.runs import compare_runs

__all__ = ["compare_with_reference"]


def compare_with_reference(
    right: Mapping[str, Any], reference: str, *, confidence: float = 0.95
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
        name: compare_runs(runs, right[reference], (name, reference), confidence=confidence)
        for name, runs in right.items()
        if name != reference
    }
    adjusted = holm([test.p_value for test in tests.values()])
    return {name: replace(test, adjusted_p=float(p)) for (name, test), p in zip(tests.items(), adjusted, strict=True)}
