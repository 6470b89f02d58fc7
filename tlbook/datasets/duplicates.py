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
from itertools import combinations, pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy import fft

from tlbook._checks import whole
from tlbook.datasets.splits import Split

__all__ = [
    "EXHAUSTIVE",
    "NEAR",
    "SIDE",
    "SURE",
    "NearDuplicate",
    "close_pairs",
    "hash_pair",
    "near_duplicates",
    "perceptual_hash",
]

NEAR = 40
"""Bits of 256 in which a copy may differ."""

SURE = 23
"""Bits up to which :func:`close_pairs` finds every pair of any number of hashes; of those that differ in more it finds most."""

EXHAUSTIVE = 250_000
"""Hashes up to which all pairs are compared: bands are as quick at 200,000, by a sample of them, and three times at 10⁶."""

_FREQUENCIES = 16

_OVERSAMPLING = 4  # pixels along a side for each frequency kept, as in pHash
SIDE = 2 * _OVERSAMPLING * _FREQUENCIES
"""Pixels along a side from which the hash is taken: enough to shrink from, and large photos are decoded at reduced scale."""

_ROWS, _COLUMNS = 32, 4096  # pairs compared at a time
_RADIUS, _WIDEST = 2, 18  # bits in which a band may differ, and bits that it has at most
_SHARE = 0.025  # of all pairs: with more candidates bands are no quicker; photos and sketches have 0.009
_SAMPLE = 4096  # hashes from which the candidates are estimated
_CANDIDATES = 1 << 20  # at a time
_CROWD = 256  # hashes that may share a band before each is compared with so many of them only, the last ones


def _grey(image: NDArray[Any], side: int) -> NDArray[np.float64]:
    """Brightness at (side, side), the image squashed to a square."""
    grey = Image.fromarray(image).convert("L")
    if grey.size != (side, side):
        grey = grey.resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(grey, dtype=np.float64)


def _spectrum(grey: NDArray[np.float64], frequencies: int) -> NDArray[np.float64]:
    """The lowest frequencies; rounded, since a flat image must give zeros and not the noise of the arithmetic."""
    return np.round(fft.dctn(grey, type=2), 6)[:frequencies, :frequencies]


def _bits(spectrum: NDArray[np.float64]) -> NDArray[np.bool_]:
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
    return _bits(_spectrum(_grey(image, _OVERSAMPLING * _frequencies(frequencies)), frequencies))


def _frequencies(value: int) -> int:
    return whole(value, "frequencies", 2, 64)


_Pairs: TypeAlias = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


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
        for packed, bits in zip((upright, mirrored), _both(image, frequencies), strict=True):
            packed[index, : len(bits)] = bits
    return upright.view(np.uint64), mirrored.view(np.uint64)


def _both(image: NDArray[np.uint8], frequencies: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The packed bits of an image and of its mirror image."""
    spectrum = _spectrum(_grey(image, _OVERSAMPLING * frequencies), frequencies)
    odd = (-1.0) ** np.arange(frequencies)  # of a mirrored image the odd frequencies are negative
    return np.packbits(_bits(spectrum)), np.packbits(_bits(spectrum * odd))


def hash_pair(image: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    """The hashes of 256 bits of an image and of its mirror image, 32 bytes each, as :func:`near_duplicates` compares them.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        At least :data:`SIDE` pixels high and wide.
    """
    upright, mirrored = _both(image, _FREQUENCIES)
    return upright.tobytes(), mirrored.tobytes()


def close_pairs(
    upright: NDArray[np.uint64], mirrored: NDArray[np.uint64], crowded: NDArray[np.bool_]
) -> Iterator[tuple[_Pairs, bool]]:
    """Pairs of hashes that differ in at most :data:`NEAR` bits, among many.

    Up to :data:`EXHAUSTIVE` hashes all pairs are compared. Of more, those that agree in one of twelve bands of 21 or 22 bits, but
    for one bit (Norouzi, Punjani and Fleet 2012): so every pair that differs in at most :data:`SURE` bits is found, and of
    others most. The memory then grows by 12 bytes for each hash, since they may be memory-mapped. Where more than 256 hashes
    share a band, as those of blank pictures do, each is compared with the last 256 of them only.

    Parameters
    ----------
    upright, mirrored : ndarray of uint64, shape (n, 4)
        Of :func:`hash_pair`.
    crowded : ndarray of bool, shape (n,)
        Is set to true where a hash was not compared with all that share a band with it.

    Yields
    ------
    pairs : (ndarray, ndarray, ndarray)
        i < j, and the bits in which they differ. A pair may come more than once.
    turned : bool
        Whether they are alike once one is mirrored.
    """
    for one, turned in ((upright, False), (mirrored, True)):
        many = len(one) > EXHAUSTIVE
        for pairs in _banded(one, upright, crowded) if many else _one_by_one(one, upright, NEAR):
            yield pairs, turned


def _banded(one: NDArray[np.uint64], other: NDArray[np.uint64], crowded: NDArray[np.bool_]) -> Iterator[_Pairs]:
    n, bits = other.shape[0], 64 * other.shape[1]
    m = (SURE + 1) // 2
    for band in range(m):
        positions = np.arange(band, bits, m)
        masks = [0, *(1 << bit for bit in range(len(positions)))]
        keys = np.empty(n, np.int32)
        for top in range(0, n, _CANDIDATES):
            keys[top : top + _CANDIDATES] = _band(other[top : top + _CANDIDATES], positions)
        order = np.argsort(keys, kind="stable").astype(np.min_scalar_type(n))
        counts = np.bincount(keys, minlength=1 << len(positions))
        np.logical_or(crowded, counts[keys] > _CROWD, out=crowded)
        del keys
        ends = np.cumsum(counts)
        counts = np.minimum(counts, _CROWD)
        for top in range(0, n, _CANDIDATES):
            rows = np.asarray(one[top : top + _CANDIDATES])
            of_rows = _band(rows, positions)
            sorted_rows = np.argsort(of_rows, kind="stable")  # neighbours look in the same places of memory
            for mask in masks:
                found = of_rows[sorted_rows] ^ mask
                for i, j in _candidates(sorted_rows, ends[found], counts[found], order):
                    later = j > i + top
                    i, j = i[later], j[later]
                    apart = np.bitwise_count(rows[i] ^ other[j]).sum(axis=1, dtype=np.uint16)
                    near = apart <= NEAR
                    yield i[near] + top, j[near].astype(np.int64), apart[near]


def _candidates(
    rows: NDArray[np.int64], ends: NDArray[np.int64], counts: NDArray[np.int64], order: NDArray[Any]
) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
    """Each row with the last so many places of the order before its end, in parts of a bounded number."""
    until = np.cumsum(counts)
    edges = np.searchsorted(until, np.arange(0, until[-1] + _CANDIDATES, _CANDIDATES))
    for low, high in pairwise(np.unique([0, *edges, len(rows)])):
        some = counts[low:high]
        last = np.cumsum(some)
        places = np.arange(last[-1]) + np.repeat(ends[low:high] - last, some)
        yield np.repeat(rows[low:high], some), order[places]


def _close_pairs(one: NDArray[np.uint64], other: NDArray[np.uint64], distance: int) -> Iterator[_Pairs]:
    """Arrays (i, j, bits) of the pairs i < j for which hashes one[i] and other[j] differ in at most ``distance`` bits.

    A pair may come more than once.
    """
    if len(one) >= EXHAUSTIVE:
        bands = [(_band(one, band), _band(other, band)) for band in _bands(one.shape[1], distance)]
        masks = _masks(len(bands), one.shape[1], distance)
        if sum(_share(*keys, masks) for keys in bands) < _SHARE:
            return _by_bands(one, other, distance, bands, masks)
    return _one_by_one(one, other, distance)


def _one_by_one(one: NDArray[np.uint64], other: NDArray[np.uint64], distance: int) -> Iterator[_Pairs]:
    """All pairs compared, in blocks that fit into the cache: half of the words first, which rules most pairs out."""
    words = np.ascontiguousarray(other.T)
    half = (len(words) + 1) // 2
    differing = np.empty((_ROWS, _COLUMNS), np.uint64)
    count, total = (np.empty((_ROWS, _COLUMNS), np.uint16) for _ in range(2))
    for top in range(0, len(one), _ROWS):
        block = one[top : top + _ROWS]
        for left in range(top - top % _COLUMNS, len(other), _COLUMNS):
            part = words[:, left : left + _COLUMNS]
            here = (slice(len(block)), slice(part.shape[1]))
            total[here] = 0
            for word in range(half):
                np.bitwise_xor(block[:, word, None], part[word], out=differing[here])
                np.add(total[here], np.bitwise_count(differing[here], out=count[here]), out=total[here])
            near = total[here] <= distance
            if near.any():
                i, j = np.nonzero(near)
                yield _close(one, other, top + i, left + j, distance)


def _close(
    one: NDArray[np.uint64], other: NDArray[np.uint64], i: NDArray[Any], j: NDArray[Any], distance: int
) -> _Pairs:
    """Those of the candidates that are close."""
    bits = np.bitwise_count(one[i] ^ other[j]).sum(axis=1, dtype=np.uint16)
    keep = (bits <= distance) & (i < j)
    return i[keep], j[keep], bits[keep]


# Multi-index hashing (Norouzi, Punjani & Fleet 2012, *Fast search in Hamming space with multi-index hashing*): of m bands of two
# hashes that differ in d bits, one differs in d // m at most. With d + 1 bands one would be the same in both; but 41 bands of
# 256 bits have 6 bits each, in which 2 of 3 pairs of photos agree somewhere.


def _bands(words: int, distance: int) -> list[NDArray[np.int64]]:
    """Positions of the bits of each band: every m-th, since neighbouring frequencies go together."""
    bits = 64 * words
    m = max(distance // (_RADIUS + 1) + 1, -(-bits // _WIDEST))
    return [np.arange(band, bits, m) for band in range(m)]


def _masks(m: int, words: int, distance: int) -> list[int]:
    """What a band may differ by."""
    width = -(-64 * words // m)
    flips = (bits for count in range(distance // m + 1) for bits in combinations(range(width), count))
    return [sum(1 << bit for bit in bits) for bits in flips]


def _band(hashes: NDArray[np.uint64], positions: NDArray[np.int64]) -> NDArray[np.int32]:
    """A band of each hash as a number (n,)."""
    found = np.zeros(len(hashes), np.int32)
    for place, position in enumerate(positions):
        word, bit = divmod(int(position), 64)
        found |= ((hashes[:, word] >> np.uint64(bit)) & np.uint64(1)).astype(np.int32) << place
    return found


def _share(a: NDArray[np.int32], b: NDArray[np.int32], masks: list[int]) -> float:
    """Share of the pairs whose bands differ by one of the masks, from some of the hashes."""
    counts, some = _counts(b, masks), a[:: -(-len(a) // _SAMPLE)]
    return float(sum(counts[some ^ mask].mean() for mask in masks) / len(b))


def _counts(keys: NDArray[np.int32], masks: list[int]) -> NDArray[np.int64]:
    """How many hashes have each value of a band."""
    return np.bincount(keys, minlength=1 << max(masks).bit_length())


def _by_bands(
    one: NDArray[np.uint64],
    other: NDArray[np.uint64],
    distance: int,
    bands: list[tuple[NDArray[np.int32], NDArray[np.int32]]],
    masks: list[int],
) -> Iterator[_Pairs]:
    words, others = np.ascontiguousarray(one.T), np.ascontiguousarray(other.T)
    half = (len(words) + 1) // 2
    for a, b in bands:
        order = np.argsort(b, kind="stable")
        starts = np.concatenate([[0], np.cumsum(_counts(b, masks))])
        rows = np.argsort(a, kind="stable")  # neighbours look in the same places of memory
        for mask in masks:
            keys = a[rows] ^ mask
            first, counts = starts[keys], starts[keys + 1] - starts[keys]
            until = np.cumsum(counts)
            # in parts of a bounded number of candidates; a row that has more by itself has no more than there are hashes
            edges = np.searchsorted(until, np.arange(0, until[-1] + _CANDIDATES, _CANDIDATES))
            for low, high in pairwise(np.unique([0, *edges, len(rows)])):
                n = counts[low:high]
                ends = np.cumsum(n)
                j = np.arange(ends[-1])
                j -= np.repeat(ends - n - first[low:high], n)
                i, j = np.repeat(rows[low:high], n), order[j]
                bits = np.bitwise_count(np.take(words[0], i) ^ np.take(others[0], j))
                for word in range(1, half):
                    bits += np.bitwise_count(np.take(words[word], i) ^ np.take(others[word], j))
                near = np.flatnonzero(bits <= distance)
                yield _close(one, other, i[near], j[near], distance)


def near_duplicates(
    *splits: Split, distance: int = NEAR, frequencies: int = _FREQUENCIES, mirrored: bool = True
) -> list[NearDuplicate]:
    """Pairs of images that are probably one picture, within and across splits.

    Images are compared by :func:`perceptual_hash`. The
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
        for arrays in _close_pairs(one, upright, int(distance)):
            for i, j, bits in zip(*(array.tolist() for array in arrays), strict=True):
                if (i, j) not in found or bits < found[i, j][0]:
                    found[i, j] = bits, flag
    pairs = [
        NearDuplicate(places[i], places[j], bits, flag, bool(labels[i] == labels[j]))
        for (i, j), (bits, flag) in found.items()
    ]
    return sorted(pairs, key=lambda pair: (pair.distance, pair.first, pair.second))
