"""Images and labels, batch by batch, in an order that a seed and an epoch fix."""

from __future__ import annotations

import hashlib
from typing import Protocol

import keras
import numpy as np


class Source(Protocol):
    """Labelled images that can be drawn by position."""

    labels: np.ndarray

    def images(self, positions: np.ndarray) -> np.ndarray:
        """Images (k, h, w, 3) at the given positions."""

    def fingerprint(self) -> str:
        """Hash of all images and labels."""


class ArraySource:
    """Images that lie in memory as one array."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self._images, self.labels = images, labels

    def images(self, positions: np.ndarray) -> np.ndarray:
        return self._images[positions]

    def fingerprint(self) -> str:
        digest = hashlib.sha256(f"{self._images.shape}{self._images.dtype}".encode())
        for start in range(0, len(self._images), 256):
            digest.update(np.ascontiguousarray(self._images[start : start + 256]))
        digest.update(np.ascontiguousarray(self.labels))
        return digest.hexdigest()


class SplitSource:
    """Images of a Split, decoded whenever they are drawn: bounded memory."""

    def __init__(self, split: object, size: int) -> None:
        self._split, self._size = split, size
        self.labels = np.asarray(split.labels)

    def images(self, positions: np.ndarray) -> np.ndarray:
        return self._split.select(positions).images(self._size)

    def fingerprint(self) -> str:
        return f"{self._split.fingerprint} at {self._size}"


class Batches(keras.utils.PyDataset):
    """The batches of an epoch, as ``fit`` takes them.

    The batches are of nearly equal size, at most ``batch_size``: a rest of one
    or two images would make a batch whose gradient and batch statistics are
    mostly noise. With ``labelled`` the input is a dict of ``"images"`` and
    ``"labels"``, for augmentation that mixes labels.
    """

    def __init__(self, source: Source, order: np.ndarray, batch_size: int, labelled: bool = False) -> None:
        super().__init__()
        self._source = source
        self._labelled = labelled
        self._batch_size = batch_size
        self.reorder(order)

    def reorder(self, order: np.ndarray) -> None:
        """Another order for the epoch that is about to begin."""
        self._parts = np.array_split(order, -(-len(order) // self._batch_size))

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: int) -> tuple[np.ndarray | dict[str, np.ndarray], np.ndarray]:
        positions = self._parts[index]
        images, labels = self._source.images(positions), self._source.labels[positions].astype(np.int32)
        return ({"images": images, "labels": labels} if self._labelled else images), labels


def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """Order of the n training images in an epoch: a function of seed and epoch only."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def as_source(data: object, model: keras.Model, name: str, in_memory: int) -> Source:
    """Check training or validation data against the model and make it drawable.

    Parameters
    ----------
    data : Split or (images, labels)
    model : keras.Model
        Its input shape says at which size a Split is decoded.
    name : str
        For messages.
    in_memory : int
        A Split of at most this many bytes of pixels is decoded once and kept.
    """
    shape = tuple(model.input_shape)
    n_classes = model.output_shape[-1]
    if hasattr(data, "select") and hasattr(data, "images"):
        if len(shape) != 4 or shape[1] is None or shape[1] != shape[2]:
            raise ValueError(
                f"The model's input {shape} is not a square of fixed size, so it does not say "
                f"how to decode {name}; give arrays (images, labels)."
            )
        size = int(shape[1])
        if len(data) == 0:
            raise ValueError(f"{name} is empty.")
        if len(data) * size * size * 3 <= in_memory:
            source: Source = ArraySource(data.images(size), np.asarray(data.labels))
        else:
            source = SplitSource(data, size)
    else:
        try:
            images, labels = data
        except (TypeError, ValueError):
            raise ValueError(f"{name} must be a Split or a pair (images, labels), not {type(data).__name__}.") from None
        images, labels = np.asarray(images), np.asarray(labels)
        fits = images.ndim == len(shape) and all(
            want is None or have == want for have, want in zip(images.shape[1:], shape[1:], strict=True)
        )
        if not fits or len(images) == 0:
            raise ValueError(f"{name} images have shape {images.shape}; the model takes {shape}.")
        if images.dtype != np.uint8:
            # Only what has three channels is an image: the upper part of a divided
            # network takes features or activations, which have any sign and size.
            images = _floats(images, name, are_images=shape[-1] == 3)
        source = ArraySource(images, labels)
        if labels.shape != (len(images),):
            raise ValueError(f"{name}: {len(images)} images, but labels of shape {labels.shape}.")
    labels = source.labels
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{name} labels must be whole numbers, not {labels.dtype}.")
    if labels.min() < 0 or labels.max() >= n_classes:
        raise ValueError(
            f"{name} labels run from {labels.min()} to {labels.max()}; the model has {n_classes} "
            f"logits, for classes 0 to {n_classes - 1}."
        )
    return source


def _floats(images: np.ndarray, name: str, *, are_images: bool) -> np.ndarray:
    """Float images as float32, if their values can be 0–255; activations, if they are finite."""
    low, high = (float(images.min()), float(images.max())) if images.dtype.kind == "f" else (np.nan, np.nan)
    if are_images and not (0 <= low <= high <= 255 and (high > 1 or high == 0)):
        raise ValueError(
            f"{name} images must be uint8, or floats from 0 to 255 (preprocessing is inside the model); these are "
            f"{images.dtype} from {low:g} to {high:g}."
        )
    if not np.isfinite([low, high]).all():
        raise ValueError(f"{name} must hold finite floats; it is {images.dtype} from {low:g} to {high:g}.")
    return images.astype(np.float32, copy=False)
