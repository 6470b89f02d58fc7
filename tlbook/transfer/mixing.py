"""Augmentation of training batches, with labels that are mixed along with the images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tlbook.transfer.recipe import leaves
from tlbook.transfer.seeds import seed_states, set_seeds


def mixes_labels(layer: keras.layers.Layer) -> bool:
    """Whether a layer mixes images with each other, and so has to mix their labels.

    Keras' MixUp and CutMix do. A layer of one's own says so by an attribute
    ``mixes_labels = True``; it takes and gives a dict of ``"images"`` (n, h, w, 3)
    and one-hot ``"labels"`` (n, N).
    """
    return isinstance(layer, (keras.layers.MixUp, keras.layers.CutMix)) or bool(getattr(layer, "mixes_labels", False))


def mixing_steps(augmentation: keras.layers.Layer | None) -> list[keras.layers.Layer]:
    """The layers of an augmentation in order, if one of them mixes labels; otherwise none."""
    steps = [] if augmentation is None else leaves(augmentation)
    return steps if any(mixes_labels(step) for step in steps) else []


class Augmenter:
    """Changes batches; what is drawn is a function of seed, epoch and the batch's place in it.

    Parameters
    ----------
    layer : keras.layers.Layer
        As :class:`~tlbook.transfer.Recipe` takes it.
    seed : int
    first : int
        See :func:`~tlbook.transfer.seeds.set_seeds`.
    """

    def __init__(self, layer: keras.layers.Layer, seed: int, first: int = 0) -> None:
        self._layer, self._seed, self._first = layer, seed, first
        # Layers that mix labels are called one by one, since they take labels too.
        self._steps = mixing_steps(layer)
        self._changed: Callable[..., Any] | None = None

    def __call__(
        self, images: NDArray[Any], labels: NDArray[np.float32], epoch: int, index: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Images (n, h, w, 3) and targets (n, N), float32, of batch ``index`` of an epoch."""
        images = images.astype(np.float32, copy=False)
        if self._changed is None:
            self._changed = self._prepare(images, labels)
        set_seeds(self._states, self._seed, epoch, first=self._first, drawn=[index * draws for draws in self._draws])
        changed, targets = self._changed(images, labels)
        return keras.ops.convert_to_numpy(changed), keras.ops.convert_to_numpy(targets)

    def _prepare(self, images: NDArray[np.float32], labels: NDArray[np.float32]) -> Callable[..., Any]:
        """What changes a batch, once the layers are built and it is counted how often each generator draws for one."""
        self._apply(images, labels)  # before this, a Sequential has no generators
        self._states = seed_states(self._layer)
        changed = self._traced(images, labels)
        set_seeds(self._states, self._seed, 0)
        changed(images, labels)
        self._draws = [int(keras.ops.convert_to_numpy(state)[1]) for state in self._states]
        return changed

    def _traced(self, images: NDArray[np.float32], labels: NDArray[np.float32]) -> Callable[..., Any]:
        if keras.backend.backend() != "tensorflow":
            return self._apply
        import tensorflow as tf

        # Operation by operation, the layers would take several times as long.
        signature = [tf.TensorSpec([None, *array.shape[1:]], tf.float32) for array in (images, labels)]
        return tf.function(self._apply, input_signature=signature, autograph=False)

    def _apply(self, images: Any, labels: Any) -> tuple[Any, Any]:
        if not self._steps:
            return self._layer(images, training=True), labels
        for step in self._steps:
            if mixes_labels(step):
                mixed = step({"images": images, "labels": labels}, training=True)
                images, labels = mixed["images"], keras.ops.cast(mixed["labels"], "float32")
            else:
                images = step(images, training=True)
        return images, labels
