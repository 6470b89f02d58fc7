"""Other shares of the classes than in training: what the probabilities become."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["adjust_prevalence", "estimate_prevalence"]

_STEPS, _CHANGE = 10_000, 1e-9


def _distributions(probabilities: ArrayLike) -> NDArray[np.float64]:
    p = np.asarray(probabilities, dtype=float)
    if (
        p.ndim != 2
        or p.shape[1] < 2
        or not len(p)
        or not (p >= 0).all()
        or not np.allclose(p.sum(1), 1, rtol=0, atol=1e-4)
    ):
        raise ValueError(
            f"probabilities must have shape (n, N), rows that are non-negative and sum to 1, but have shape {p.shape}; pass "
            "probabilities(logits)"
        )
    return p


def _prior(prior: ArrayLike, name: str, n_classes: int, zero: bool = False) -> NDArray[np.float64]:
    shares = np.asarray(prior, dtype=float)
    low = shares >= 0 if zero else shares > 0
    if shares.shape != (n_classes,) or not low.all() or not np.isclose(shares.sum(), 1, rtol=0, atol=1e-6):
        kind = "0 or more" if zero else "above 0"
        raise ValueError(f"{name}={prior!r}: give {n_classes} shares {kind} that sum to 1, one for each class")
    return shares


def adjust_prevalence(probabilities: ArrayLike, from_prior: ArrayLike, to_prior: ArrayLike) -> NDArray[np.float64]:
    r"""Probabilities for a place where the classes are more or less common than where the model was trained.

    If images of a class look the same in both places and only the shares of the classes differ,

    .. math:: p'_k \propto p_k \, \pi'_k / \pi_k

    (Saerens, Latinne and Decaestecker 2002, Neural Computation 14:21, eq. 4). It wants calibrated probabilities.

    Parameters
    ----------
    probabilities : array_like, shape (n, N)
        ``tlbook.evaluation.probabilities(logits)``.
    from_prior, to_prior : array_like, shape (N,)
        Shares of the classes in training (all above 0) and where the model is used.

    Returns
    -------
    ndarray of float64, shape (n, N)

    Raises
    ------
    ValueError
        Rows that are no distributions, shares that do not sum to 1, or an image all of whose probability is on classes
        with share 0.

    Examples
    --------
    >>> adjust_prevalence([[0.5, 0.5]], [0.5, 0.5], [0.98, 0.02])
    array([[0.98, 0.02]])
    """
    p = _distributions(probabilities)
    weights = _prior(to_prior, "to_prior", p.shape[1], zero=True) / _prior(from_prior, "from_prior", p.shape[1])
    weighted = p * weights
    total = weighted.sum(axis=1, keepdims=True)
    if not total.all():
        raise ValueError(f"to_prior={to_prior!r} excludes every class that some image may be of")
    return weighted / total


def estimate_prevalence(probabilities: ArrayLike, from_prior: ArrayLike) -> NDArray[np.float64]:
    """Shares of the classes among unlabelled images, from their probabilities.

    The shares under which the images are likeliest, by expectation–maximisation: adjust the probabilities to the shares,
    take their mean as the new shares, and so on (Saerens et al. 2002, eqs. 7–9). Counting predictions, or averaging the
    probabilities as they are, leans towards the shares of training. It rests on the same two conditions as
    :func:`adjust_prevalence`: calibrated probabilities, and images of a class that look the same.

    Parameters
    ----------
    probabilities : array_like, shape (n, N)
    from_prior : array_like, shape (N,)
        Shares of the classes in training, all above 0.

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    p = _distributions(probabilities)
    ratio = p / _prior(from_prior, "from_prior", p.shape[1])
    shares = np.full(p.shape[1], 1 / p.shape[1])
    for _ in range(_STEPS):
        weighted = ratio * shares
        last, shares = shares, (weighted / weighted.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(shares - last).max() < _CHANGE:
            break
    return shares
