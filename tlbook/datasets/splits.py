"""A data set: `Dataset`, its three `Split` parts, and `LeftOut`, the files that are in none."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlbook._checks import whole
from tlbook.datasets.decoding import FULL, BadImage, check_size, decode, in_order, read_bytes


def file_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hex."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


class Split:
    """Some labelled image files in a fixed order; decoded on demand.

    Parameters
    ----------
    name : str
        ``"train"``, ``"validation"`` or ``"test"``.
    paths : sequence of path-like
        The image files.
    labels : sequence of int, shape (n,)
        Class of each file, an index into ``class_names``.
    class_names : sequence of str
        The classes of the whole data set, in the order of the labels.
    hashes : sequence of str, optional
        SHA-256 of each file's bytes; read from the files when first needed.
    factors : sequence of dict, optional
        What is known of how each image was made (the sketches have it).
    white : int, default 65535
        Value of white in its 16-bit images, see :func:`tlbook.datasets.decode`.
    kept : sequence of ndarray or None, optional
        Pixels that were decoded when the hashes were taken, of the files of which there are any.
    targets : array_like, shape (n, K), optional
        What is to be predicted where that is not one class: K labels, 0 or 1, or K numbers.

    Attributes
    ----------
    paths : tuple of Path
    labels : ndarray of int64, shape (n,), read-only
    class_names : tuple of str
    factors : tuple of dict, or None
    kept : tuple of ndarray or None, or None
    targets : ndarray of float64, shape (n, K), read-only, or None
    """

    def __init__(
        self,
        name: str,
        paths: Sequence[str | os.PathLike[str]],
        labels: ArrayLike,
        class_names: Sequence[str],
        hashes: Sequence[str] | None = None,
        factors: Sequence[dict[str, Any]] | None = None,
        white: int = FULL,
        kept: Sequence[NDArray[np.uint8] | None] | None = None,
        targets: ArrayLike | None = None,
    ):
        self.name, self.white = str(name), white
        self.paths = tuple(Path(path) for path in paths)
        self.class_names = tuple(class_names)
        given = np.asarray(labels)
        if given.size and given.dtype.kind not in "iu":
            raise ValueError(f"labels are whole numbers, one per path; got {given.dtype}")
        self.labels = np.array(given, dtype=np.int64).reshape(-1)
        self.labels.flags.writeable = False
        self.targets = None if targets is None else np.array(targets, dtype=np.float64)
        if self.targets is not None:
            self.targets.flags.writeable = False
        for what, values in (
            ("labels", self.labels),
            ("hashes", hashes),
            ("factors", factors),
            ("kept", kept),
            ("targets", self.targets),
        ):
            if values is not None and len(values) != len(self.paths):
                raise ValueError(f"{len(self.paths)} paths but {len(values)} {what}")
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise ValueError(
                f"labels run from 0 to {len(self.class_names) - 1} for the classes {self.class_names}; "
                f"got {self.labels.min()} to {self.labels.max()}"
            )
        self._hashes = None if hashes is None else tuple(hashes)
        self.factors = None if factors is None else tuple(factors)
        self.kept = None if kept is None else tuple(kept)

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        what = ", ".join(f"{count} {name}" for count, name in zip(counts, self.class_names, strict=True))
        return f"Split({self.name!r}, {len(self)} images: {what})"

    @property
    def hashes(self) -> tuple[str, ...]:
        """SHA-256 of each file's bytes, in order."""
        if self._hashes is None:
            self._hashes = tuple(in_order(file_hash, self.paths))
        return self._hashes

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the files' hashes in order: the same for the same images."""
        scaled = [] if self.white == FULL else [f"white {self.white}"]
        return hashlib.sha256("\n".join([*self.hashes, *scaled]).encode()).hexdigest()

    def image(self, index: int, size: int) -> NDArray[np.uint8]:
        """Decode one image, uint8 (size, size, 3); a file that was changed since its hash was taken is refused."""
        kept = None if self.kept is None else self.kept[index]
        if kept is not None and len(kept) == size:
            return kept
        expected = None if self._hashes is None else self._hashes[index]
        return decode(self.paths[index], size, white=self.white, sha256=expected)

    def forget_pixels(self) -> None:
        """Free the pixels that were kept from reading; images are decoded again from here on."""
        self.kept = None

    def thumbnails(self, side: int) -> Iterator[NDArray[np.uint8]]:
        """All images in order, side by side pixels, or larger where such are kept: each is decoded once where it can be."""

        kept = self.kept or [None] * len(self)
        missing = [index for index, pixels in enumerate(kept) if pixels is None or len(pixels) < side]
        decoded = in_order(lambda index: self.image(index, side), missing)
        for pixels in kept:
            yield next(decoded) if pixels is None or len(pixels) < side else pixels

    def _decoded(self, size: int, ahead: int | None = None) -> Generator[NDArray[np.uint8], None, None]:
        """All images in order, by several threads a bounded number ahead."""
        return in_order(lambda index: self.image(index, size), range(len(self)), ahead)

    def images(self, size: int) -> NDArray[np.uint8]:
        """Decode the whole split into memory.

        Parameters
        ----------
        size : int
            Side in pixels.

        Returns
        -------
        ndarray of uint8, shape (n, size, size, 3)
            n * size**2 * 3 bytes: 300 MB for 2,000 images of 224 pixels.
        """
        size = check_size(size)
        result = np.empty((len(self), size, size, 3), np.uint8)
        for index, image in enumerate(self._decoded(size)):
            result[index] = image
        return result

    def batches(self, size: int, batch_size: int = 64) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Decode batch by batch, in order, in memory that does not grow with the split.

        Parameters
        ----------
        size : int
            Side in pixels.
        batch_size : int, default 64
            Images a batch; the last may be smaller.

        Yields
        ------
        images : ndarray of uint8, shape (b, size, size, 3)
        labels : ndarray of int64, shape (b,)
        """
        size = check_size(size)
        return self._batches(size, whole(batch_size, "batch_size"))

    def _batches(self, size: int, batch_size: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        decoded = self._decoded(size, 2 * batch_size)
        try:
            for start in range(0, len(self), batch_size):
                stop = min(start + batch_size, len(self))
                batch = np.empty((stop - start, size, size, 3), np.uint8)
                for index in range(stop - start):
                    batch[index] = next(decoded)
                yield batch, self.labels[start:stop]
        finally:
            decoded.close()

    def select(self, indices: ArrayLike) -> Split:
        """The images at these positions (or where a boolean mask is true), as a Split.

        Raises
        ------
        IndexError
            A position is outside the split, or a mask has another length.
        """
        indices = np.asarray(indices)
        if indices.dtype == bool:
            if indices.shape != (len(self),):
                raise IndexError(f"a mask for {len(self)} images has that length; got shape {indices.shape}")
            indices = np.flatnonzero(indices)
        elif indices.size == 0:
            indices = indices.astype(np.int64)
        if indices.ndim != 1 or indices.dtype.kind not in "iu":
            raise IndexError("indices are a list of whole numbers or a boolean mask")
        if indices.size and not -len(self) <= indices.min() <= indices.max() < len(self):
            raise IndexError(f"indices from {indices.min()} to {indices.max()} for {len(self)} images")

        positions: list[int] = indices.tolist()

        def pick(values: Sequence[Any] | None) -> list[Any] | None:
            return None if values is None else [values[i] for i in positions]

        return Split(
            self.name,
            [self.paths[i] for i in positions],
            self.labels[indices],
            self.class_names,
            pick(self._hashes),
            pick(self.factors),
            self.white,
            pick(self.kept),
            None if self.targets is None else self.targets[indices],
        )

    def take(self, n: int, seed: int = 0) -> Split:
        """A random subset of ``n`` images with the classes in proportion.

        For one seed the subsets are nested: the 20 hold the 10, so that a
        learning curve adds images and does not replace them. Which images are
        taken depends on their contents, not on their names or order.

        Parameters
        ----------
        n : int
            How many, from the number of classes present (each is represented)
            to ``len(self)``.
        seed : int, default 0
            Another seed gives another subset.

        Returns
        -------
        Split
            In the order of this split.
        """
        return self.select(self.take_positions(n, seed))

    def take_positions(self, n: int, seed: int = 0) -> NDArray[np.int64]:
        """Positions, int64 (n,), ascending, of the images that :meth:`take` takes.

        Use them to take the same subset of features that were extracted once for the whole split.
        """
        classes = np.unique(self.labels)
        if isinstance(n, bool) or int(n) != n or not len(classes) <= n <= len(self):
            raise ValueError(
                f"n lies between {len(classes)} (one image of each class) and {len(self)} (all); got {n!r}"
            )
        keys = [
            (hashlib.sha256(f"{seed}:{content}".encode()).digest(), index) for index, content in enumerate(self.hashes)
        ]
        queue = []
        for label in classes:
            members = sorted(np.flatnonzero(self.labels == label), key=keys.__getitem__)
            # Evenly spaced places make every prefix of the merged queue proportional;
            # the first of each class goes before all others, so that none is missing.
            queue += [
                (0.0 if rank == 0 else (rank + 0.5) / len(members), int(label), int(index))
                for rank, index in enumerate(members)
            ]
        chosen = sorted(index for _, _, index in sorted(queue)[: int(n)])
        return np.array(chosen, dtype=np.int64)


@dataclass(frozen=True)
class Finding:
    """One file that was left out, or kept after a conversion.

    Attributes
    ----------
    path : str
        Relative to the data set's folder, with ``/``.
    reason : str
        Why, in a few words.
    """

    path: str
    reason: str


def printable(text: str) -> str:
    """The text with bytes that no encoding could read shown as escapes."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def visible(text: str) -> str:
    """The text with control characters shown as escapes: in a terminal they are commands, and a line could pass for another."""
    return "".join(
        one if unicodedata.category(one) != "Cc" and one not in _TURNING else ascii(one)[1:-1] for one in text
    )


_TURNING = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}  # the order of what follows


@dataclass(frozen=True)
class LeftOut:
    """Files of a folder that were left out of the data set, and files that had to be converted.

    Attributes
    ----------
    files : tuple of Finding
        Left out.
    converted : tuple of Finding
        Kept: greyscale, palette, CMYK, 16-bit or with transparency.

    ``len()`` and truth value count the files left out.
    """

    files: tuple[Finding, ...] = field(default=())
    converted: tuple[Finding, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.files)

    def __str__(self) -> str:
        return self.summary()

    def summary(self, most: int = 20) -> str:
        """One message that names at most ``most`` files of either kind."""
        parts = []
        for count, verb, findings in (
            (len(self.files), "left out", self.files),
            (len(self.converted), "converted to 8-bit RGB", self.converted),
        ):
            if not count:
                continue
            lines = [f"{count} file{'s' if count > 1 else ''} {verb}:"]
            lines += [f"  {visible(printable(finding.path))}: {finding.reason}" for finding in findings[:most]]
            if count > most:
                lines.append(f"  and {count - most} more")
            parts.append("\n".join(lines))
        return "\n".join(parts) or "nothing left out"


class LeftOutWarning(UserWarning):
    """Given once for a folder in which files were left out or converted."""


@dataclass(frozen=True)
class Dataset:
    """Fixed, disjoint train, validation and test splits.

    Attributes
    ----------
    name : str
    class_names : tuple of str
    train, validation, test : Split
    left_out : LeftOut
        Files that are in no split, each with its reason.
    origin : str
        Where the images came from, in one line.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    left_out: LeftOut = LeftOut()
    origin: str = ""

    @property
    def splits(self) -> dict[str, Split]:
        """The three splits by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def __repr__(self) -> str:
        sizes = " / ".join(str(len(split)) for split in self.splits.values())
        return f"Dataset({self.name!r}, classes {', '.join(self.class_names)}; {sizes} images)"


__all__ = ["BadImage", "Dataset", "Finding", "LeftOut", "LeftOutWarning", "Split", "file_hash", "printable", "visible"]
