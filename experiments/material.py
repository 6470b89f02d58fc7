"""What several rows of a sweep use: images of the splits with their labels, features, the backbone."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from tlbook import backbones, datasets, features, sketches

Pair = tuple[np.ndarray, np.ndarray]
"""Images or features, and labels."""
View = dict[str, Pair]
"""Of each split, in the order training, validation, test."""


@dataclass(frozen=True)
class Material:
    """The splits of a data set and its backbone; all is loaded when it is first asked for, and kept.

    Attributes
    ----------
    dataset : str
    size : int
        Of the images and of the backbone's input.
    take : tuple of (str, int)
        Splits that are to be reduced.
    shift : Shift, optional
        Sketches drawn again, shifted.
    """

    dataset: str
    size: int
    take: tuple[tuple[str, int], ...] = ()
    shift: sketches.Shift | None = None

    @functools.cached_property
    def backbone(self) -> backbones.Backbone:
        return backbones.load(backbones.default(self.dataset), input_size=self.size)

    @functools.cached_property
    def splits(self) -> dict[str, datasets.Split]:
        taken = dict(self.take)
        whole = datasets.load(self.dataset).splits
        return {name: split.take(taken[name], seed=0) if name in taken else split for name, split in whole.items()}

    @functools.cache  # noqa: B019  (one material lives as long as the process)
    def images(self, size: int | None = None) -> View:
        if self.shift is not None:
            return {name: redrawn(name, self.shift, self.size) for name in self.splits}
        return {name: (split.images(size or self.size), split.labels) for name, split in self.splits.items()}

    @functools.cached_property
    def features(self) -> View:
        return {name: (self.extract(x), y) for name, (x, y) in self.images().items()}

    def extract(self, images: np.ndarray) -> np.ndarray:
        """Features of other images."""
        return features.extract(self.backbone, images, cache=False)

    def few(self, view: View, n: int, seed: int, *, share: bool = False) -> list[Pair]:
        """A view with ``n`` training images, and on demand as small a share of the validation images."""
        train, validation = self.splits["train"], self.splits["validation"]
        rows = {"train": train.take_positions(n, seed)}
        if share:
            rows["validation"] = validation.take_positions(max(4, round(n * len(validation) / len(train))), seed)
        return [(x[rows[name]], y[rows[name]]) if name in rows else (x, y) for name, (x, y) in view.items()]

    def conditions(self) -> dict[str, object]:
        """Fingerprints of data and backbone, and the numbers of images."""
        return {
            "backbone": self.backbone.fingerprint,
            "data": {name: split.fingerprint for name, split in self.splits.items()},
            "images": {name: len(split) for name, split in self.splits.items()},
        }


def redrawn(split: str, shift: sketches.Shift, size: int = 96, rows: np.ndarray | slice = slice(None)) -> Pair:
    """Sketches of the release drawn again, shifted; ``rows`` of the split."""
    every = sketches.release_factors(split)
    records = [every[i] for i in np.arange(len(every))[rows]]
    labels = np.array([sketches.TARGET_SPECIES.index(record.species) for record in records])
    return np.stack([sketches.render(shift(record), size).image for record in records]), labels


def some(n: int) -> np.ndarray:
    """``n`` rows of the sketches' test set."""
    return np.sort(np.random.default_rng(0).permutation(1000)[:n])
