"""Near-duplicates: the same picture in another file, found by a perceptual hash.

A checksum changes with every byte; a perceptual hash changes little when a
picture is stored anew, made smaller or a little brighter. The one used here,
the signs of the lowest frequencies of a discrete cosine transform, is known as
pHash (Zauner 2010, *Implementation and benchmarking of perceptual image hash
functions*, section 3.2.1). It gives the bits of ``imagehash.phash``; SciPy has the
transform, and the rest is shorter than one more dependency.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy import fft

from tlbook._checks import whole
from tlbook.datasets.splits import Split

__all__ = ["NearDuplicate", "near_duplicates", "perceptual_hash"]

_OVERSAMPLING = 4  # pixels along a side for each frequency kept, as in pHash
_BLOCK = 512  # images compared with all others at a time


def _grey(image: NDArray[Any], side: int) -> NDArray[np.float64]:
    """Brightness at (side, side), the image squashed to a square."""
    grey = Image.fromarray(image).convert("L")
    if grey.size != (side, side):
        grey = grey.resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(grey, dtype=np.float64)


def _bits(grey: NDArray[np.float64], frequencies: int) -> NDArray[np.bool_]:
    # rounded, since a flat image must give zeros and not the noise of the arithmetic
    spectrum = np.round(fft.dctn(grey, type=2), 6)[:frequencies, :frequencies]
    return (spectrum > np.median(spectrum)).ravel()


def perceptual_hash(image: ArrayLike, *, frequencies: int = 8) -> NDArray[np.bool_]:
    """The perceptual hash (pHash) of one image.

    The image is made grey and shrunk to ``4 * frequencies`` pixels a side; of its discrete
    cosine transform the lowest frequencies are kept, and each gives one bit:
    whether it is above their median.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3) or (height, width)
    frequencies : int, default 8
        Frequencies kept along each side, 2 to 64.

    Returns
    -------
    ndarray of bool, shape (frequencies ** 2,)
        Two images are alike where few bits differ: of 64, unrelated photos
        differ in about 32.

    Raises
    ------
    ValueError
        Another shape or type, or a number of frequencies out of range.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(
            f"an image is uint8 of shape (height, width, 3) or (height, width); got {image.dtype} of shape {image.shape}"
        )
    return _bits(_grey(image, _OVERSAMPLING * _frequencies(frequencies)), frequencies)


def _frequencies(value: int) -> int:
    return whole(value, "frequencies", 2, 64)


@dataclass(frozen=True)
class NearDuplicate:
    """Two images that are probably one picture.

    Attributes
    ----------
    first, second : (str, int)
        Name of the split and position in it; ``first`` is the earlier one.
    distance : int
        Bits of the hash in which they differ.
    mirrored : bool
        Alike once one of them is mirrored left to right.
    same_label : bool
    """

    first: tuple[str, int]
    second: tuple[str, int]
    distance: int
    mirrored: bool
    same_label: bool

    @property
    def across(self) -> bool:
        """Whether they lie in different splits."""
        return self.first[0] != self.second[0]


def _hashes(
    images: Iterator[NDArray[np.uint8]], n: int, frequencies: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Packed hashes, and those of the mirrored images: uint64 (n, words) each."""
    width = 8 * -(-(frequencies**2) // 64)
    upright, mirrored = np.zeros((n, width), np.uint8), np.zeros((n, width), np.uint8)
    for index, image in enumerate(images):
        grey = _grey(image, _OVERSAMPLING * frequencies)
        for packed, picture in ((upright, grey), (mirrored, grey[:, ::-1])):
            bits = np.packbits(_bits(picture, frequencies))
            packed[index, : len(bits)] = bits
    return upright.view(np.uint64), mirrored.view(np.uint64)


def _close_pairs(one: NDArray[np.uint64], other: NDArray[np.uint64], distance: int) -> Iterator[tuple[int, int, int]]:
    """(i, j, bits) with i < j for hashes one[i] and other[j] that differ in at most ``distance`` bits."""
    for start in range(0, len(one), _BLOCK):
        block, later = one[start : start + _BLOCK], other[start:]
        # a word of every hash at a time: whole differences of all pairs would not fit into memory
        bits = np.zeros((len(block), len(later)), np.uint16)
        for word in range(one.shape[1]):
            bits += np.bitwise_count(block[:, word, None] ^ later[None, :, word])
        for i, j in np.argwhere(bits <= distance):
            if i < j:
                yield start + int(i), start + int(j), int(bits[i, j])


def near_duplicates(
    *splits: Split, distance: int = 40, frequencies: int = 16, mirrored: bool = True
) -> list[NearDuplicate]:
    """Pairs of images that are probably one picture, within and across splits.

    Every image is compared with every other by :func:`perceptual_hash`. The
    default keeps 256 bits, and sees a copy where 40 or fewer differ: stored anew at
    a JPEG quality of 50, copies differ in at most 10 (made smaller), 10 (less contrast) or 32 (a
    quarter brighter, with clipped whites), while no two different pictures of the sketches or of the
    photos come closer than 60. With 64 bits they do: some sketches then
    differ in 6 and a brightened copy in 10. What is found is a list of suspects: look at the pairs
    before you drop anything.

    Parameters
    ----------
    *splits : Split
        One or more with different names, e.g. ``*data.splits.values()``.
    distance : int, default 40
        Most bits in which a pair may differ.
    frequencies : int, default 16
        See :func:`perceptual_hash`; the hash has its square in bits.
    mirrored : bool, default True
        Find pictures that were mirrored left to right too.

    Returns
    -------
    list of NearDuplicate
        The closest first.

    Raises
    ------
    ValueError
        No split, two splits of one name, or a setting out of range.

    Notes
    -----
    Cropped or turned copies get another hash. For those compare features of a
    network, which also brings up pictures that are merely of the same thing.
    """
    frequencies = _frequencies(frequencies)
    names = [split.name for split in splits]
    if not splits or len(set(names)) != len(names):
        raise ValueError(f"give one or more splits with different names; got {', '.join(names) or 'none'}")
    if isinstance(distance, bool) or int(distance) != distance or not 0 <= distance < frequencies**2 / 2:
        raise ValueError(
            f"distance is a whole number of bits from 0, below half of the hash's {frequencies**2}; got {distance!r}"
        )
    places = [(split.name, index) for split in splits for index in range(len(split))]
    labels = np.concatenate([split.labels for split in splits])
    # twice the side of the hash is enough to shrink from, and decodes large photos at reduced scale
    side = 2 * _OVERSAMPLING * frequencies
    images = (image for split in splits for image in split.thumbnails(side))
    upright, turned = _hashes(images, len(places), frequencies)
    found: dict[tuple[int, int], tuple[int, bool]] = {}
    for one, flag in ((upright, False), (turned, True)) if mirrored else ((upright, False),):
        for i, j, bits in _close_pairs(one, upright, int(distance)):
            if (i, j) not in found or bits < found[i, j][0]:
                found[i, j] = bits, flag
    pairs = [
        NearDuplicate(places[i], places[j], bits, flag, bool(labels[i] == labels[j]))
        for (i, j), (bits, flag) in found.items()
    ]
    return sorted(pairs, key=lambda pair: (pair.distance, pair.first, pair.second))
