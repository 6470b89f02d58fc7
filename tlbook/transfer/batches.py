"""Images and labels, batch by batch, in an order that a seed and an epoch fix."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol, TypeAlias, TypeGuard

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlbook._checks import images_for, whole
from tlbook.transfer.mixing import Augmenter
from tlbook.transfer.seeds import seed_states


class SplitLike(Protocol):
    """What training needs of a :class:`tlbook.datasets.Split`: labelled images that are decoded on demand."""

    labels: NDArray[np.int64]

    @property
    def fingerprint(self) -> str:
        """Hash of all images."""

    def __len__(self) -> int: ...

    def images(self, size: int) -> NDArray[np.uint8]:
        """All images (n, size, size, 3)."""

    def select(self, indices: ArrayLike) -> SplitLike:
        """The images at these positions."""


Data: TypeAlias = SplitLike | tuple[ArrayLike, ArrayLike]
"""What training takes: a Split, or images and labels as arrays."""


def is_split(data: Any) -> TypeGuard[SplitLike]:
    """Whether data are a Split, not arrays."""
    return hasattr(data, "select") and hasattr(data, "images")


class Source(Protocol):
    """Labelled images that can be drawn by position."""

    labels: NDArray[np.int64]

    def images(self, positions: NDArray[np.int64]) -> NDArray[Any]:
        """Images (k, h, w, 3) at the given positions."""

    def fingerprint(self) -> str:
        """Hash of all images and labels."""


class ArraySource:
    """Images that lie in memory as one array."""

    def __init__(self, images: NDArray[Any], labels: NDArray[np.int64]) -> None:
        self._images, self.labels = images, labels

    def images(self, positions: NDArray[np.int64]) -> NDArray[Any]:
        return self._images[positions]

    def fingerprint(self) -> str:
        digest = hashlib.sha256(f"{self._images.shape}{self._images.dtype}".encode())
        for start in range(0, len(self._images), 256):
            digest.update(self._images[start : start + 256].tobytes())
        digest.update(self.labels.tobytes())
        return digest.hexdigest()


class SplitSource:
    """Images of a Split, decoded whenever they are drawn: bounded memory."""

    def __init__(self, split: SplitLike, size: int) -> None:
        self._split, self._size = split, size
        self.labels = np.asarray(split.labels)

    def images(self, positions: NDArray[np.int64]) -> NDArray[Any]:
        return self._split.select(positions).images(self._size)

    def fingerprint(self) -> str:
        return f"{self._split.fingerprint} at {self._size}"


class Batches(keras.utils.PyDataset):
    """Labelled images batch by batch, as a model takes them: what ``fit`` and ``evaluate`` are given.

    The images are decoded at the model's input size, and the labels are one-hot
    for as many classes as it has logits. The batches are of nearly equal size, at
    most ``batch_size``: a rest of one or two images would make a batch whose
    gradient and batch statistics are mostly noise.

    What a batch holds is a function of seed, epoch and its place alone. Epochs
    are counted from 0, one more each time that ``fit`` goes through the batches;
    set ``next_epoch`` to begin with a later one.

    Parameters
    ----------
    data : Split or (images, labels)
        A :class:`tlbook.datasets.Split`, or a pair of arrays: images uint8
        (n, h, w, 3), labels int (n,) in 0 … N-1.
    model : keras.Model
        Logits (n, N) out.
    batch_size : int
        Largest batch.
    seed : int, optional
        Fixes order and augmentation in every epoch. Without it the order stays
        as it is, as for validation.
    augmentation : keras.layers.Layer, optional
        As :class:`~tlbook.transfer.Recipe` takes it; needs a seed.
    in_memory : int
        A Split that takes at most this many bytes as uint8 is decoded once;
        a larger one anew in every epoch.
    replicas : int
        Devices that share each batch. With a seed all batches are then of a size that they can divide, and up to
        ``replicas - 1`` images, others each time, sit out an epoch.
    name : str
        What the data are called in messages.

    Attributes
    ----------
    labels : ndarray of int, shape (n,)
        In their original order.
    next_epoch : int
        The epoch that ``fit`` begins next.

    Raises
    ------
    ValueError
        Data that do not fit the model.

    Notes
    -----
    Give ``fit`` the argument ``shuffle=False``: by default Keras shuffles the order of
    the batches once more, by a generator that no seed of ours reaches.

    Examples
    --------
    >>> from tlbook.backbones.architectures import small_cnn
    >>> images, labels = np.zeros((5, 64, 64, 3), "uint8"), np.array([0, 1, 0, 1, 0])
    >>> batches = Batches((images, labels), small_cnn(2, 64), batch_size=3, seed=0)
    >>> [len(x) for x, y in batches]
    [3, 2]
    >>> batches[0][1].shape
    (3, 2)
    """

    def __init__(
        self,
        data: Data,
        model: keras.Model,
        *,
        batch_size: int = 32,
        seed: int | None = None,
        augmentation: keras.layers.Layer | None = None,
        in_memory: int = 2**30,
        replicas: int = 1,
        name: str = "data",
    ) -> None:
        super().__init__()
        if augmentation is not None and seed is None:
            raise ValueError("augmentation needs a seed: what is drawn is a function of seed, epoch and batch.")
        self._source = as_source(data, model, name, in_memory)
        self._n_classes = int(model.output_shape[-1])
        self._replicas = whole(replicas, "replicas")
        self._batch_size = whole(batch_size, "batch_size", self._replicas)
        if self._replicas > 1 and len(self.labels) < 2 * self._replicas:
            raise ValueError(f"{name} has {len(self.labels)} images for {self._replicas} devices; each needs two.")
        self._seed = seed
        # The model's own generators, those of dropout, have the numbers before.
        first = len(seed_states(model))
        self._augmenter = None if augmentation is None or seed is None else Augmenter(augmentation, seed, first)
        self.next_epoch = 0
        self._begin(0)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Labels (n,) in their original order."""
        return self._source.labels

    def fingerprint(self) -> str:
        """Hash of all images and labels."""
        return self._source.fingerprint()

    def on_epoch_begin(self) -> None:
        """Called by Keras before each pass."""
        self._begin(self.next_epoch)
        self.next_epoch += 1

    def _begin(self, epoch: int) -> None:
        n, shared = len(self.labels), self._replicas
        if self._seed is None:
            parts = _for_replicas(n, self._batch_size, shared)
        else:
            order = epoch_order(n, self._seed, epoch)[: n - n % shared].reshape(-1, shared)
            parts = [part.ravel() for part in np.array_split(order, -(-len(order) // (self._batch_size // shared)))]
        self._epoch, self._parts = epoch, parts

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Images (k, h, w, 3), uint8 or float32, and one-hot or mixed labels, float32 (k, N)."""
        positions = self._parts[index]
        images = self._source.images(positions)
        targets = np.eye(self._n_classes, dtype=np.float32)[self.labels[positions]]
        if self._augmenter is None:
            return images, targets
        return self._augmenter(images, targets, self._epoch, index)


def _for_replicas(n: int, batch_size: int, replicas: int) -> list[NDArray[np.int64]]:
    """All n positions in order, in batches as Keras can give them to replicas, each of at least one image for each.

    TensorFlow wants a first batch that can be divided. JAX treats all batches of a pass as the first: where one cannot
    be divided, that one stands first.
    """
    count = max(-(-n // max(batch_size - replicas + 1, 1)), 2 if n % replicas else 1)
    sizes = [len(part) for part in np.array_split(np.arange(n), count)]
    rest = sizes[0] % replicas
    sizes[0], sizes[-1] = sizes[0] - rest, sizes[-1] + rest
    parts = np.split(np.arange(n), np.cumsum(sizes)[:-1])
    jax = keras.backend.backend() == "jax"
    return sorted(parts, key=lambda part: (len(part) % replicas == 0) == jax) if replicas > 1 else parts


def epoch_order(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Order of the n training images in an epoch: a function of seed and epoch only."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def as_source(data: Data, model: keras.Model, name: str, in_memory: int) -> Source:
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
    if is_split(data):
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
            pair: Any = data
            images, labels = pair
        except (TypeError, ValueError):
            raise ValueError(f"{name} must be a Split or a pair (images, labels), not {type(data).__name__}.") from None
        images, labels = np.asarray(images), np.asarray(labels)
        # Only what has one or three channels is an image.
        if len(shape) == 4 and shape[-1] in (1, 3):
            images = images_for(shape[1:], images, "the model", f"{name} images")
        elif images.ndim != len(shape) or any(
            want not in (None, have) for have, want in zip(images.shape[1:], shape[1:], strict=True)
        ):
            raise ValueError(f"{name} has shape {images.shape}; the model takes {shape}.")
        else:
            images = _activations(images, name)
        if len(images) == 0:
            raise ValueError(f"{name} has no images: shape {images.shape}.")
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


def _activations(given: NDArray[Any], name: str) -> NDArray[Any]:
    """What the upper part of a divided network takes: of any sign and size, but finite."""
    if given.dtype.kind != "f" or not np.isfinite(given).all():
        raise ValueError(f"{name} must hold finite floats; it is {given.dtype}.")
    return given if given.dtype == np.float16 else given.astype(np.float32, copy=False)  # half of the memory
