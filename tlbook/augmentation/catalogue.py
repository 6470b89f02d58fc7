"""Augmentations by name and strength: layers of Keras, except gamma and elastic deformation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tlbook._checks import number, one_of

import tlbook._quiet  # noqa: F401  # isort: skip
import keras

from tlbook.augmentation.elastic import RandomElastic
from tlbook.augmentation.gamma import RandomGamma

__all__ = ["CATALOGUE", "Augmentation", "combined", "make", "standard"]

L = keras.layers
FILL = {"fill_mode": "reflect"}
PIXELS = {"value_range": (0, 255)}


@dataclass(frozen=True)
class Augmentation:
    """One kind of random change of images with values 0–255.

    Attributes
    ----------
    name : str
    unit : str
        What the strength is measured in.
    strengths : tuple of 3 numbers
        Mild, medium and strong.
    build : callable
        ``build(low, high, size, seed)``: a Keras layer that draws its change between
        ``low`` and ``high``.
    signed : bool
        Whether it is drawn from both sides of no change.
    mixes_labels : bool
        Whether it mixes images with each other and needs their labels.
    """

    name: str
    unit: str
    strengths: tuple[float, float, float]
    build: Callable[[float, float, int, int | None], keras.layers.Layer]
    signed: bool = True
    mixes_labels: bool = False


def _flip(low: float, high: float, size: int, seed: int | None) -> keras.layers.Layer:
    mode = {1: "horizontal", 2: "vertical", 3: "horizontal_and_vertical"}[int(high)]
    return L.RandomFlip(mode, seed=seed)


def _crop(low: float, high: float, size: int, seed: int | None) -> keras.layers.Layer:
    side = max(1, round(size * (1 - high)))
    return keras.Sequential([L.RandomCrop(side, side, seed=seed), L.Resizing(size, size)])


def _contrast(low: float, high: float, size: int, seed: int | None) -> keras.layers.Layer:
    # The pair is (how far down, how far up), both positive. One number s would not be
    # ±s: Keras cuts it to 0 … s, which never lowers the contrast.
    return L.RandomContrast((-low, high), seed=seed, **PIXELS)


def _colour(low: float, high: float, size: int, seed: int | None) -> keras.layers.Layer:
    second = None if seed is None else seed + 1
    hue = L.RandomHue((low, high), seed=seed, **PIXELS)
    # 0.5 is no change. Keras does not clip what it saturates.
    saturation = L.RandomSaturation((0.5 + low / 2, 0.5 + high / 2), seed=second, **PIXELS)
    return keras.Sequential([hue, saturation, L.ReLU(max_value=255.0)])


def _noise(low: float, high: float, size: int, seed: int | None) -> keras.layers.Layer:
    # Keras' noise has a standard deviation of at most 1, and does not clip.
    noise = L.GaussianNoise(min(high, 1.0), seed=seed)
    return keras.Sequential([L.Rescaling(1 / 255), noise, L.Rescaling(255.0), L.ReLU(max_value=255.0)])


def _blur(low: float, high: float, size: int, seed: int | None) -> keras.layers.Layer:
    low, high = max(low * size, 0.1), max(high * size, 0.2)
    kernel = 2 * max(1, round(2 * high)) + 1
    layer = L.RandomGaussianBlur((1.0, 1.0), kernel, (min(low, 1.0), high), seed=seed, **PIXELS)
    # Keras accepts any upper end for sigma in pixels, but a lower one of at most 1.
    layer.sigma = (low, high)
    return layer


_ENTRIES = (
    Augmentation("flip", "axes", (1, 2, 3), _flip, signed=False),
    Augmentation("rotation", "turns", (0.05, 0.1, 0.5), lambda a, b, _, seed: L.RandomRotation((a, b), seed=seed, **FILL)),
    Augmentation(
        "translation", "of the side", (0.08, 0.15, 0.6),
        lambda a, b, _, seed: L.RandomTranslation((a, b), (a, b), seed=seed, **FILL),
    ),
    Augmentation("scaling", "of the size", (0.1, 0.25, 0.9), lambda a, b, _, seed: L.RandomZoom((a, b), seed=seed, **FILL)),
    Augmentation("cropping", "of the side cut off", (0.1, 0.25, 0.8), _crop, signed=False),
    Augmentation(
        "elastic", "tenths of the side", (0.3, 0.6, 1.0),
        lambda a, b, _, seed: RandomElastic((a / 10, b / 10), seed=seed), signed=False,
    ),
    Augmentation(
        "brightness", "of full scale", (0.1, 0.25, 0.95),
        lambda a, b, _, seed: L.RandomBrightness((a, b), seed=seed, **PIXELS),
    ),
    Augmentation("contrast", "of the contrast", (0.2, 0.4, 0.9), _contrast),
    Augmentation(
        "gamma", "of log2 gamma", (0.3, 0.6, 3.0),
        lambda a, b, _, seed: RandomGamma((2.0**a, 2.0**b), seed=seed),
    ),
    Augmentation("colour", "of the hue circle", (0.1, 0.4, 1.0), _colour),
    Augmentation(
        "noise", "of full scale", (0.03, 0.1, 0.8), _noise, signed=False
    ),
    Augmentation("blur", "of the side", (0.006, 0.015, 0.12), _blur, signed=False),
    Augmentation(
        "erasing", "of the area", (0.05, 0.2, 0.8),
        lambda a, b, _, seed: L.RandomErasing((1.0, 1.0), (max(a, 0.02), b), seed=seed, **PIXELS), signed=False,
    ),
    Augmentation(
        "MixUp", "alpha", (0.1, 0.4, 1.0), lambda a, b, _, seed: L.MixUp(b, seed=seed), signed=False, mixes_labels=True
    ),
    Augmentation(
        "CutMix", "alpha", (0.1, 0.4, 1.0), lambda a, b, _, seed: L.CutMix((b, b), seed=seed), signed=False, mixes_labels=True
    ),
    Augmentation(
        "RandAugment", "factor", (0.1, 0.3, 0.9), lambda a, b, _, seed: L.RandAugment(factor=b, seed=seed, **PIXELS),
        signed=False,
    ),
)  # fmt: skip

CATALOGUE: dict[str, Augmentation] = {entry.name: entry for entry in _ENTRIES}
"""What the chapter on augmentation compares, by name."""


def make(
    name: str, strength: float | None = None, *, size: int, seed: int | None = None, exactly: bool = False
) -> keras.layers.Layer:
    """A layer that changes images at random, by name and strength.

    Parameters
    ----------
    name : str
        One of ``CATALOGUE``.
    strength : float, optional
        Largest change, in the unit of the entry; default: its medium strength (for flips
        the mild one, mirror images).
    size : int
        Side of the images in pixels, for cropping and blur.
    seed : int, optional
    exactly : bool
        Apply exactly this strength instead of a random one up to it, to see what it does. (Where a change has a sign, the
        positive one. Flips, noise, RandAugment and mixing stay random.)

    Returns
    -------
    keras.layers.Layer
        Takes and gives float images (n, size, size, 3) with values 0–255.

    Raises
    ------
    ValueError
        An unknown name; a strength that is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.zeros((2, 96, 96, 3), "float32")
    >>> images[:, :48] = 200.0
    >>> darker = make("brightness", 0.1, size=96, seed=0)(images, training=True)
    >>> tuple(darker.shape)
    (2, 96, 96, 3)
    >>> np.array_equal(make("flip", size=96, seed=0)(images, training=True), images)  # both halves are symmetric
    True
    """
    entry = CATALOGUE[one_of(name, "name", CATALOGUE)]
    if strength is None:
        strength = entry.strengths[0 if name == "flip" else 1]
    number(strength, "strength", 0, ends="()")
    low = strength if exactly else -strength if entry.signed else 0
    return entry.build(low, strength, size, seed)


def combined(names: Sequence[str], level: int = 0, *, size: int, seed: int | None = None) -> keras.Sequential:
    """Several augmentations one after the other, each at its mild, medium or strong strength.

    Parameters
    ----------
    names : sequence of str
        In the order in which they are applied.
    level : {0, 1, 2}
        Mild, medium or strong.
    size, seed
        As for :func:`make`; each layer gets a seed of its own from it.
    """
    seeds = [None if seed is None else 100 * seed + 2 * i for i in range(len(names))]
    return keras.Sequential(
        [make(n, CATALOGUE[n].strengths[level], size=size, seed=s) for n, s in zip(names, seeds, strict=True)]
    )


def standard(seed: int | None = None, *, value_range: tuple[float, float] = (0.0, 255.0)) -> keras.Sequential:
    """The book's default augmentation for pets: changes after which a cat is still a cat.

    Mirror images (never upside down), rotation by up to 18 degrees, zoom by up
    to 15 %, shift by up to 8 %, contrast by up to 20 % and gamma between 0.8 and
    1.25. Uncovered corners are filled by reflection.

    Parameters
    ----------
    seed : int, optional
        Each layer gets a seed of its own from it.
    value_range : (float, float)
        Of the images, see :class:`RandomGamma`.

    Returns
    -------
    keras.Sequential
        Takes and gives batches of images (n, height, width, channels); does
        nothing in inference. For ``transfer.Recipe(augmentation=…)``.
    """
    seeds: list[int | None] = [None] * 6 if seed is None else [6 * seed + i for i in range(6)]
    layers = keras.layers
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal", seed=seeds[0]),
            layers.RandomRotation(0.05, fill_mode="reflect", seed=seeds[1]),
            layers.RandomZoom(0.15, fill_mode="reflect", seed=seeds[2]),
            layers.RandomTranslation(0.08, 0.08, fill_mode="reflect", seed=seeds[3]),
            layers.RandomContrast((0.2, 0.2), value_range=value_range, seed=seeds[4]),
            RandomGamma(1.25, value_range=value_range, seed=seeds[5]),
        ],
        name="augmentation",
    )
