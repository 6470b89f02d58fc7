"""Occlusion sensitivity: how far a score falls when a part of the image is covered."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from tlbook._checks import one_of, whole
from tlbook._models import classifier_or_refused
from tlbook.evaluation import probabilities
from tlbook.interpret.taps import checked_classes, checked_images, in_batches
from tlbook.progress import bar

_SCORES = ("log_odds", "probability")


def _corners(side: int, patch: int, stride: int) -> list[int]:
    """Where patches begin along one side; the last one ends at the edge."""
    places = list(range(0, side - patch + 1, stride))
    return places if places[-1] == side - patch else [*places, side - patch]


def _fill(fill: Any, image: NDArray[Any]) -> NDArray[np.float32]:
    """Colour of the patch, float32 (channels,)."""
    channels = image.shape[-1]
    if isinstance(fill, str):
        if fill != "mean":
            raise ValueError(f"fill is 'mean', a number from 0 to 255, or one for each channel; got {fill!r}")
        return image.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    colour = np.asarray(fill, np.float32)
    if colour.shape not in ((), (channels,)) or not ((colour >= 0) & (colour <= 255)).all():
        raise ValueError(f"fill is 'mean', a number from 0 to 255, or one for each channel; got {fill!r}")
    return np.broadcast_to(colour, (channels,))


def class_score(logits: NDArray[Any], classes: NDArray[Any], score: str = "log_odds") -> NDArray[np.float64]:
    """Log-odds or probability of one class for each row of logits, float64 (n,)."""
    rows = np.arange(len(logits))
    if one_of(score, "score", _SCORES) == "probability":
        return probabilities(logits)[rows, classes]
    others = np.asarray(logits, np.float64).copy()
    own = others[rows, classes]
    others[rows, classes] = -np.inf
    return own - logsumexp(others, axis=1)


def occlusion_sensitivity(
    model: keras.Model,
    images: ArrayLike,
    class_index: ArrayLike | None = None,
    *,
    patch: int = 16,
    stride: int = 8,
    fill: float | tuple[float, ...] | str = "mean",
    score: str = "log_odds",
    batch_size: int = 64,
    progress: bool = True,
) -> NDArray[np.float32]:
    """How far the score of a class falls when a square patch covers each place.

    Zeiler and Fergus (2014), section 4.2, with the score as an option. It needs no
    gradient and no knowledge of the layers, but one pass for each place of the
    patch.

    Parameters
    ----------
    model : keras.Model
        Images in, logits (n, N) out, N ≥ 2.
    images : ndarray, shape (n, height, width, channels)
        As the model takes them: uint8, or float with values from 0 to 255.
    class_index : int or int array of shape (n,), optional
        Class whose score is watched; default the one predicted for the whole image.
    patch, stride : int
        Side of the patch and distance of its places in pixels, 1 ≤ stride ≤ patch
        ≤ side of the image. The last places are moved to the edge, so that every
        pixel is covered.
    fill : float, sequence of float, or "mean"
        Colour of the patch, 0 to 255; ``"mean"`` is each image's own mean colour.
    score : {"log_odds", "probability"}
        The log-odds do not saturate where the model is sure; the probability is
        what the paper shows.
    batch_size : int
    progress : bool
        Show a bar on a terminal.

    Returns
    -------
    ndarray of float32, shape (n, height, width)
        For each pixel the mean fall over all patches that cover it; negative where
        covering raises the score.

    Raises
    ------
    ValueError
        Images, classes, patch, stride, fill or score out of range.
    """
    model = classifier_or_refused(model)
    n_classes = int(model.outputs[0].shape[1])
    images = checked_images(model, images)
    n, height, width = images.shape[:3]
    classes = checked_classes(class_index, n, n_classes)
    patch, stride = whole(patch, "patch", of="pixels"), whole(stride, "stride", of="pixels")
    if patch > min(height, width) or stride > patch:
        raise ValueError(f"stride ≤ patch ≤ side is needed; got {stride}, {patch} and images of {height} × {width}")
    places = [(top, left) for top in _corners(height, patch, stride) for left in _corners(width, patch, stride)]
    covered = np.zeros((height, width))
    for top, left in places:
        covered[top : top + patch, left : left + patch] += 1

    # Place 0 is the whole image. Batches are as even as can be, and all of one shape, so that one is compiled.
    in_batches(1, batch_size)  # refuses what is no size
    rounds = -(-(len(places) + 1) // batch_size)
    batch_size = -(-(len(places) + 1) // rounds)
    result = np.empty((n, height, width), np.float32)
    with bar("occlusion", n, enabled=progress) as ticker:
        for i, image in enumerate(images.astype(np.float32)):
            colour = _fill(fill, image)
            parts = []
            for some in in_batches(len(places) + 1, batch_size):
                batch = np.broadcast_to(image, (batch_size, *image.shape)).copy()
                for row, number in enumerate(range(some.start, min(some.stop, len(places) + 1))):
                    if number:
                        top, left = places[number - 1]
                        batch[row, top : top + patch, left : left + patch] = colour
                parts.append(np.asarray(model.predict_on_batch(batch)))
            logits = np.concatenate(parts)[: len(places) + 1]
            index = logits[0].argmax() if classes is None else classes[i]
            scores = class_score(logits, np.full(len(logits), index), score)
            fall = np.zeros((height, width))
            for (top, left), after in zip(places, scores[1:], strict=True):
                fall[top : top + patch, left : left + patch] += scores[0] - after
            result[i] = fall / covered
            ticker.advance()
    return result
