"""Changed copies of images in memory: for cached features, and for testing on several views."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlbook._checks import whole

import tlbook._quiet  # noqa: F401  # isort: skip
import keras

__all__ = ["views"]


def _generators(layer: keras.layers.Layer) -> list[keras.Variable]:
    found = {id(v): v for v in layer.variables if v.name == "seed_generator_state"}
    return list(found.values())


def views(
    images: ArrayLike, layers: keras.layers.Layer, k: int, *, seed: int = 0, batch_size: int = 64
) -> NDArray[np.uint8]:
    """k randomly changed copies of every image.

    What features are made of when a backbone is frozen and images are to be augmented
    nevertheless: the random changes are drawn k times and kept.

    Parameters
    ----------
    images : array_like, shape (n, height, width, 3)
        Values 0–255, uint8 or float.
    layers : keras.layers.Layer
        A layer of augmentation or a Sequential of them, that keeps the shape.
    k : int
        Views of each image, at least 1.
    seed : int
        Fixes all that is random in the layers, whatever was drawn from them before.
    batch_size : int
        Images changed at a time.

    Returns
    -------
    ndarray of uint8, shape (k, n, height, width, 3)
        Rounded and cut to 0–255. View j of image i is at ``[j, i]``.

    Raises
    ------
    ValueError
        Another shape or number; layers that change the shape, or that mix images and so
        would need their labels.
    """
    array = np.asarray(images)
    if array.ndim != 4 or not len(array):
        raise ValueError(f"images must have shape (n, height, width, 3), n >= 1, but have {array.shape}")
    k = whole(k, "k", of="views")
    stack = [layers]
    while stack:
        layer = stack.pop()
        if isinstance(layer, (keras.layers.MixUp, keras.layers.CutMix)) or getattr(layer, "mixes_labels", False):
            raise ValueError(f"{type(layer).__name__} mixes images of several classes: a view would need a mixed label")
        stack.extend(getattr(layer, "layers", ()))
    out = np.empty((k, *array.shape), np.uint8)
    for begin in range(0, len(array), batch_size):
        batch = array[begin : begin + batch_size].astype("float32")
        for j in range(int(k)):
            if begin == j == 0:
                layers(batch, training=True)  # an unbuilt Sequential has no generators yet
            for i, state in enumerate(_generators(layers)):
                word = np.random.SeedSequence([seed, j, begin, i]).generate_state(1)[0]
                state.assign(np.array([word >> 1, 0], dtype="uint32"))
            changed = keras.ops.convert_to_numpy(layers(batch, training=True))
            if changed.shape != batch.shape:
                raise ValueError(f"the layers change the shape from {batch.shape[1:]} to {changed.shape[1:]}")
            out[j, begin : begin + len(batch)] = np.clip(np.rint(changed), 0, 255)
    return out
