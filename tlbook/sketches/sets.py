"""Sets of drawings: made to order, or the frozen release drawn again from its records."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlbook._checks import one_of, whole
from tlbook.progress import bar
from tlbook.sketches.factors import FACTORS, SPECIES, TARGET_SPECIES, Factors, parse
from tlbook.sketches.scene import render
from tlbook.sketches.species import sample

RELEASE = "sketches-1"
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class SketchSet:
    """Drawings of several species.

    Attributes
    ----------
    images : numpy.ndarray
        uint8, (n, size, size, 3).
    labels : numpy.ndarray
        int64, (n,): index into `class_names`.
    class_names : tuple of str
    factors : tuple of Factors
        The record of each drawing (after the shift, if any).
    """

    images: NDArray[Any]
    labels: NDArray[Any]
    class_names: tuple[str, ...]
    factors: tuple[Factors, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def mask(self, part: str) -> NDArray[np.bool_]:
        """Masks of one part for every drawing, bool (n, size, size).

        They are drawn on demand. See `Sketch.masks` for what they cover.

        Raises
        ------
        ValueError
            If there is no such part.
        """
        size = self.images.shape[1]
        masks = [render(record, size).masks for record in self.factors[:1]]
        if not masks:
            return np.zeros((0, size, size), dtype=bool)
        one_of(part, "part", masks[0])
        return np.stack([render(record, size).masks[part] for record in self.factors])


def _render_all(records: Sequence[Factors], class_names: tuple[str, ...], size: int, progress: bool) -> SketchSet:
    images = np.empty((len(records), size, size, 3), dtype=np.uint8)
    with bar("drawing", len(records), enabled=progress) as ticker:
        for i, record in enumerate(records):
            images[i] = render(record, size).image
            ticker.advance()
    labels = np.array([class_names.index(r.species) for r in records], dtype=np.int64)
    return SketchSet(images, labels, class_names, tuple(records))


def make_records(species: Iterable[str], n_per_class: int, seed: int, **factors: Any) -> list[Factors]:
    """Records of `n_per_class` drawings of each species, the species taking turns.

    The i-th record of a species depends on the seed, the species and i alone: a longer
    set begins with the shorter one.
    """
    names = (species,) if isinstance(species, str) else tuple(species)
    if not names or len(set(names)) != len(names):
        raise ValueError(f"species={names!r}: expected one or more different species")
    n_per_class = whole(n_per_class, "n_per_class")
    records = []
    for i in range(n_per_class):
        for name in names:
            FACTORS["species"].check("species", name)
            rng = np.random.default_rng([seed, SPECIES.index(name), i])
            records.append(sample(name, rng, **factors))
    return records


def make_set(
    species: Iterable[str],
    n_per_class: int,
    seed: int,
    size: int = 96,
    shift: Callable[[Factors], Factors] | None = None,
    progress: bool = False,
    **factors: Any,
) -> SketchSet:
    """Draw a set.

    Parameters
    ----------
    species : iterable of str
        The classes, in the order of their labels.
    n_per_class : int
    seed : int
        Not negative. Sets of different seeds share no drawing.
    size : int
        Side of the images in pixels.
    shift : Shift, optional
        Applied to every record; the set with and the set without it are paired.
    progress : bool
        Show a bar on the terminal.
    **factors
        Factors that are the same for every drawing.

    Raises
    ------
    ValueError
        If a species or factor is unknown, a value out of range, or a number too small.
    """
    names = (species,) if isinstance(species, str) else tuple(species)
    records = make_records(names, n_per_class, seed, **factors)
    if shift is not None:
        records = [shift(record) for record in records]
    return _render_all(records, names, size, progress)


def _package_file(name: str) -> bytes:
    return resources.files("tlbook").joinpath("data", name).read_bytes()


def release_factors(split: str) -> list[Factors]:
    """Records of one split of the frozen release, in the order of its factors.csv.

    Raises
    ------
    ValueError
        If there is no such split, or the archive is not the one in the manifest.
    """
    one_of(split, "split", SPLITS)
    blob = _package_file(f"{RELEASE}.zip")
    listed = read_manifest(_package_file(f"{RELEASE}.sha256").decode("ascii"))
    if hashlib.sha256(blob).hexdigest() != listed.get(f"{RELEASE}.zip"):
        raise ValueError(f"{RELEASE}.zip is not the file named in {RELEASE}.sha256; reinstall tlbook")
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        text = archive.read("factors.csv").decode("ascii")
    rows = csv.DictReader(io.StringIO(text))
    return [parse(row) for row in rows if row["file"].startswith(f"{split}/")]


def release_set(
    split: str,
    shift: Callable[[Factors], Factors] | None = None,
    size: int = 96,
    progress: bool = False,
) -> SketchSet:
    """Draw a split of the frozen release again from its records, shifted if asked.

    Without a shift and at 96 px these are the pictures of the archive before JPEG
    compression, in the same order.
    """
    records = release_factors(split)
    if shift is not None:
        records = [shift(record) for record in records]
    return _render_all(records, TARGET_SPECIES, size, progress)


def read_manifest(text: str) -> dict[str, str]:
    """Parse `sha256sum` lines: file name → hexadecimal SHA-256."""
    listed = {}
    for line in text.splitlines():
        if line.strip():
            digest, name = line.split(maxsplit=1)
            listed[name.lstrip("*")] = digest
    return listed
