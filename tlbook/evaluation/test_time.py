"""Test-time augmentation: one answer from several views of an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlbook.evaluation.inputs import logit_matrix
from tlbook.evaluation.metrics import probabilities

__all__ = ["average_views"]


def average_views(logits: ArrayLike) -> NDArray[np.float64]:
    """Logits whose probabilities are the mean over the views.

    Parameters
    ----------
    logits : array_like, shape (k, n, N)
        Of view j of image i at ``[j, i]``, as a model gives them for the views that
        :func:`tlbook.augmentation.views` makes.

    Returns
    -------
    ndarray of float64, shape (n, N)
        Logarithms of the mean probabilities, floored at 1e-300: the softmax gives the means back.

    Raises
    ------
    ValueError
        For another shape, NaN or infinite logits.
    """
    array = np.asarray(logits)
    if array.ndim != 3 or 0 in array.shape:
        raise ValueError(f"logits of views must have shape (k, n, N), but have shape {array.shape}")
    k, n, n_classes = array.shape
    p = probabilities(logit_matrix(array.reshape(k * n, n_classes))).reshape(k, n, n_classes)
    return np.log(np.maximum(p.mean(axis=0), 1e-300))
