"""What the functions of :mod:`tlbook.evaluation` take, checked once and in one place.

Nothing is guessed: a one-hot matrix, a column of floats or a list of unequal
length is refused with a message that says what was given and what would do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlbook._checks import number

__all__ = [
    "binary_scores",
    "class_probabilities",
    "classes",
    "confidence_level",
    "logit_matrix",
    "pair",
    "refuse_probabilities",
]


def classes(values: ArrayLike, what: str = "labels") -> NDArray[np.int64]:
    """Class numbers 0, 1, … as int64 of shape (n,), n ≥ 1."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] > 1:
        raise ValueError(
            f"{what} must be class numbers of shape (n,), but has shape {array.shape}; take "
            "argmax(axis=1) of a one-hot matrix, or predictions(logits) of logits"
        )
    if array.ndim != 1:
        raise ValueError(f"{what} must have shape (n,), but has shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{what} is empty; nothing can be measured on no images")
    if array.dtype.kind not in "biu":
        raise ValueError(
            f"{what} must be whole numbers (0 for the first class), but is {array.dtype}; "
            "convert class names by their position, floats by .astype(int)"
        )
    array = array.astype(np.int64)
    if array.min() < 0:
        raise ValueError(f"{what} holds {array.min()}; class numbers start at 0")
    return array


def pair(
    labels: ArrayLike, predictions: ArrayLike, what: str = "predictions"
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels and predictions, both int64 of the same shape (n,)."""
    truth, guess = classes(labels), classes(predictions, what)
    if truth.shape != guess.shape:
        raise ValueError(f"{truth.size} labels, but {guess.size} {what}; they must be paired")
    return truth, guess


def logit_matrix(logits: ArrayLike) -> NDArray[np.float64]:
    """Logits as finite float64 of shape (n, N), N ≥ 2."""
    array = np.asarray(logits)
    if array.ndim != 2 or array.shape[1] < 2:
        raise ValueError(
            f"logits must have shape (n, N), one column for each of N ≥ 2 classes, but have shape "
            f"{array.shape}; for a model with one output z, stack [0, z] as two columns"
        )
    if array.shape[0] == 0:
        raise ValueError("logits are empty; nothing can be measured on no images")
    if array.dtype.kind not in "iuf":
        raise ValueError(f"logits must be real numbers, but are {array.dtype}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        rows = np.flatnonzero(~np.isfinite(array).all(axis=1))
        raise ValueError(
            f"logits of {rows.size} of {len(array)} images are NaN or infinite (first: image "
            f"{rows[0]}); training has diverged or the input was not finite"
        )
    return array


def refuse_probabilities(logits: NDArray[np.float64]) -> None:
    """Refuse rows that are distributions: taken for logits, they look far less sure than they are."""
    between = ((logits > 0) & (logits < 1)).any()  # a few logits of 0 and 1 are no distributions
    if between and (logits >= 0).all() and np.allclose(logits.sum(axis=1), 1.0, rtol=0, atol=1e-4):
        raise ValueError(
            "each row is not negative and adds up to 1, so these are probabilities; give logits, of which softmax makes "
            "them (their logarithms will do)"
        )


def class_probabilities(labels: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels (n,) and probabilities (n, N) whose rows are distributions over N classes."""
    truth = classes(labels)
    array = np.asarray(probabilities)
    if array.ndim != 2 or array.shape[1] < 2:
        raise ValueError(
            f"probabilities must have shape (n, N), one column for each of N ≥ 2 classes, but have shape {array.shape}"
        )
    if len(array) != truth.size:
        raise ValueError(f"{truth.size} labels, but {len(array)} rows of probabilities")
    array = array.astype(np.float64)
    sums = array.sum(axis=1)
    # float32 softmax over many classes is off by about 1e-6; written so that NaN fails
    if not (array >= 0).all() or not np.allclose(sums, 1.0, rtol=0, atol=1e-4):
        raise ValueError(
            "each row of probabilities must be non-negative and sum to 1, but row sums run from "
            f"{sums.min():.4g} to {sums.max():.4g} and the smallest entry is {array.min():.4g}; "
            "pass probabilities(logits), not logits"
        )
    if truth.max() >= array.shape[1]:
        raise ValueError(f"label {truth.max()} has no column: probabilities are for {array.shape[1]} classes")
    return truth, array


def binary_scores(
    labels: ArrayLike, scores: ArrayLike, pos_label: int
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each label is ``pos_label``, bool (n,), and its finite score, float64 (n,)."""
    truth = classes(labels)
    array = np.asarray(scores)
    if array.ndim != 1 or array.dtype.kind not in "biuf":
        raise ValueError(
            f"scores must be real numbers of shape (n,), but have shape {array.shape} and type "
            f"{array.dtype}; take the positive class's column, probabilities(logits)[:, 1]"
        )
    if array.shape != truth.shape:
        raise ValueError(f"{truth.size} labels, but {array.size} scores; they must be paired")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError("scores must be finite, but some are NaN or infinite")
    return truth == pos_label, array


def confidence_level(confidence: float) -> float:
    """A confidence strictly between 0 and 1, e.g. 0.95."""
    return float(number(confidence, "confidence", 0, 1, "()", hint="such as 0.95"))
