"""Splits that hold every label in proportion and no group twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["stratify"]


def stratify(labels: ArrayLike, shares: Sequence[float], units: ArrayLike, rank: ArrayLike) -> NDArray[np.int64]:
    """Divide photos so that each label is spread in proportion, by iterative stratification.

    The rarest label is dealt out first, each photo to the split that lacks most of that label, and where several do, to the one
    that lacks most photos (Sechidis, Tsoumakas and Vlahavas 2011, *On the stratification of multi-label data*). What is dealt
    out here are units: photos that must stay together, as those of one group. A label that three units or more have goes
    to every split.

    Parameters
    ----------
    labels : array_like, shape (n, L)
        1 where a photo has a label, else 0. A class is a label too, and so is a range of a number.
    shares : sequence of float, shape (S,)
        Of the splits, with the sum 1; of splits that lack equally much, the first gets the unit.
    units : array_like of int, shape (n,)
        Number of each photo's unit, 0 to U − 1, each of which occurs.
    rank : array_like, shape (U,)
        Of units that are alike, the one of lower rank is dealt out first.

    Returns
    -------
    ndarray of int64, shape (n,)
        Position in ``shares`` of the split of each photo.

    Examples
    --------
    Ten photos, of which three have a rare label: each split gets one.

    >>> labels = [[1], [1], [1], [0], [0], [0], [0], [0], [0], [0]]
    >>> stratify(labels, (0.6, 0.2, 0.2), range(10), range(10)).tolist()
    [0, 1, 2, 0, 0, 0, 0, 0, 1, 2]
    """
    given, belongs = np.asarray(labels, dtype=np.int64), np.asarray(units, dtype=np.int64)
    n_units = int(belongs.max()) + 1
    sizes = np.bincount(belongs, minlength=n_units)
    counts = np.zeros((n_units, given.shape[1]), np.int64)
    np.add.at(counts, belongs, given)
    weight = np.asarray(shares, dtype=float)
    wanted = weight[:, None] * counts.sum(axis=0)
    enough = (counts > 0).sum(axis=0) >= np.count_nonzero(weight)
    wanted[:, enough] = np.where(weight[:, None] > 0, np.maximum(wanted[:, enough], 1), 0)
    room = weight * len(given)
    order = np.asarray(rank)
    chosen = np.full(n_units, -1)

    def deal(unit: int, lacking: NDArray[np.float64]) -> None:
        best = np.flatnonzero(np.isclose(lacking, lacking.max()))
        split = int(best[np.argmax(room[best])])
        chosen[unit] = split
        wanted[split] -= counts[unit]
        room[split] -= sizes[unit]

    while (left := chosen < 0).any():
        remaining = counts[left].sum(axis=0)
        if not remaining.any():  # photos without any label
            for unit in sorted(np.flatnonzero(left).tolist(), key=lambda unit: (-sizes[unit], order[unit])):
                deal(unit, room)
            break
        rarest = int(np.where(remaining > 0, remaining, np.iinfo(np.int64).max).argmin())
        having = np.flatnonzero(left & (counts[:, rarest] > 0)).tolist()
        for unit in sorted(having, key=lambda unit: (-counts[unit, rarest], order[unit])):
            deal(unit, wanted[:, rarest])
    return chosen[belongs]
