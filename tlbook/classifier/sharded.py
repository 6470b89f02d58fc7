"""A folder of shards as the photos of a training run: splits and classes in columns, features and names read where needed.

In memory are 8 bytes for each photo, its row and its class, and for a while some more: while the probe is fitted, while
near-duplicates are searched, while samples are drawn. All else is read in blocks.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlbook._files import file_sha256
from tlbook.classifier.errors import InputError, sentence
from tlbook.classifier.photos import Photos
from tlbook.classifier.saved import SHORT
from tlbook.classifier.sharding import need_packages
from tlbook.classifier.tasks import CLASSES, Task
from tlbook.datasets import BadImage, LeftOut, Split, duplicates
from tlbook.datasets.decoding import FULL
from tlbook.datasets.folders import SPLITS
from tlbook.datasets.listing import bytes_of
from tlbook.datasets.sources import open_source
from tlbook.datasets.splits import visible
from tlbook.features import BadShard, Part, Shards

__all__ = ["LISTED", "Rows", "ShardPhotos", "is_shards", "masks_of", "near_duplicates", "read", "spread"]

LISTED = 1000
"""Near-duplicates, and photos that were left out, of which each is named; of more there is a count."""

_KEPT = 2**19  # pairs that wait to be sorted
_KNOWN = 250_000  # hashes of photos that a model file keeps
_WORDS = 4  # of 64 bits in a hash


def is_shards(folder: Path) -> bool:
    """Whether a folder is one of shards, whole or begun."""
    return any((folder / name).is_file() for name in ("shards.json", "manifest.parquet"))


class Rows:
    """Features (n, d) in parts on disk, in float32 where they are sliced; never all at once but as an array of their own."""

    ndim = 2
    dtype = np.dtype(np.float32)

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = [part for part in parts if len(part)]
        self._ends = np.cumsum([len(part) for part in self.parts])
        self.shape = int(self._ends[-1]) if self.parts else 0, parts[0].feature_dim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: Any) -> NDArray[np.float32]:
        place = np.arange(len(self))[which] if not isinstance(which, slice) else np.arange(*which.indices(len(self)))
        found = np.empty((len(place), self.shape[1]), np.float32)
        of = np.searchsorted(self._ends, place, side="right")
        for k in np.unique(of).tolist():
            here = of == k
            found[here] = self.parts[k][place[here] - (self._ends[k] - len(self.parts[k]))]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype)

    @property
    def labels(self) -> NDArray[np.int32]:
        """The class of each row."""
        return np.concatenate([part.labels for part in self.parts]) if self.parts else np.zeros(0, np.int32)

    def select(self, which: NDArray[np.int64]) -> Rows:
        """Some of the rows, by ascending positions."""
        edges = np.searchsorted(which, self._ends)
        starts = self._ends - [len(part) for part in self.parts]
        some = [
            part.select(chosen - start)
            for part, chosen, start in zip(self.parts, np.split(which, edges[:-1]), starts, strict=True)
        ]
        return Rows(some)

    def blocks(self, numbers: int) -> Iterator[NDArray[np.float32]]:
        """The rows in order, at most so many at a time."""
        for start in range(0, len(self), numbers):
            yield self[start : start + numbers]


@dataclass(frozen=True)
class ShardPhotos:
    """What :class:`tlbook.classifier.photos.Photos` is for folders.

    Attributes
    ----------
    found : Shards
    source : Path or None
        Where the photos themselves are, to show some.
    parts : dict of str to list of Part
        By split one for each shard, in order.
    left_out : LeftOut
        The first of those that were left out at extraction.
    n_left_out : int
    notes : tuple of str
    """

    found: Shards
    source: Path | None
    parts: dict[str, list[Part]]
    left_out: LeftOut
    n_left_out: int
    notes: tuple[str, ...] = ()
    task: Task = field(default=CLASSES)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.found.class_names

    @property
    def white(self) -> int | None:
        """Value of white in the 16-bit photos; None where it is the usual one."""
        return None if self.found.white == FULL else self.found.white

    @property
    def sizes(self) -> dict[str, int]:
        """Photos in each split."""
        return {name: sum(map(len, parts)) for name, parts in self.parts.items()}

    def counts(self, split: str) -> NDArray[np.int64]:
        """Photos of each class in a split."""
        n = len(self.class_names)
        return np.sum([np.bincount(part.labels, minlength=n) for part in self.parts[split]], axis=0)

    def rows(self, split: str) -> Rows:
        """The features of a split."""
        return Rows(self.parts[split])

    def contents(self) -> dict[str, Any]:
        """What identifies the photos and their features: each table holds the hash of its array."""
        tables = [file_sha256(self.found.table_path(shard)) for shard in range(self.found.shards)]
        return {"manifest": self.found.manifest_sha256, "tables": tables}

    def columns(self, split: str, which: NDArray[np.int64], *names: str) -> list[tuple[Any, ...]]:
        """What the tables say of some photos of a split, by ascending positions; ``shard`` comes first."""
        said: list[tuple[Any, ...]] = []
        end = 0
        for shard, part in enumerate(self.parts[split]):
            start, end = end, end + len(part)
            low, high = np.searchsorted(which, [start, end])
            if low < high:
                table = self.found.table(shard, *names).take(part.rows[which[low:high] - start])
                said += zip([shard] * int(high - low), *(table[name].to_pylist() for name in names), strict=True)
        return said

    def sampled(self, which: dict[str, NDArray[np.int64]]) -> Photos:
        """Some photos of each split, by ascending positions, as if there were no others; their paths are those of the source."""
        splits = {}
        for name, positions in which.items():
            rows = self.columns(name, positions, "path", "sha256")
            labels = self.rows(name).labels[positions]
            paths, hashes = ([row[k] for row in rows] for k in (1, 2))
            splits[name] = Split(name, paths, labels, self.class_names, hashes, white=self.found.white)
        return Photos(self.class_names, splits, LeftOut(), Path(), notes=self.notes)

    def known(self) -> tuple[list[str], str | None]:
        """First digits of the hashes of training and validation photos, in order, and the last of them where not all are kept."""
        best, total = np.zeros(0, f"S{SHORT}"), 0
        for shard in range(self.found.shards):
            table = self.found.table(shard, "sha256")
            rows = np.concatenate([self.parts[name][shard].rows for name in ("train", "validation")])
            digits = np.array([one[:SHORT] for one in table["sha256"].take(rows).to_pylist()], f"S{SHORT}")
            total += len(digits)
            best = np.unique(np.concatenate([best, digits]))[:_KNOWN]
        found = [one.decode() for one in best.tolist()]
        return found, found[-1] if total > _KNOWN else None

    def without(self, dropped: dict[str, NDArray[np.bool_]]) -> ShardPhotos:
        """The photos without some.

        Raises
        ------
        InputError
            A class would be left without a photo to train on.
        """
        parts = dict(self.parts)
        for name, mask in dropped.items():
            edges = np.cumsum([len(part) for part in parts[name]])[:-1]
            parts[name] = [part.select(~some) for part, some in zip(parts[name], np.split(mask, edges), strict=True)]
        found = replace(self, parts=parts)
        if not (counts := found.counts("train")).all():
            raise InputError(
                f"class {self.class_names[int(counts.argmin())]!r} of {self.found.folder} has no photo left to train on, since "
                "each is nearly the same as one in validation or test; give different photos, or keep them with "
                "near_duplicates='report'"
            )
        if not found.sizes["validation"]:
            raise InputError(
                f"each validation photo of {self.found.folder} is nearly the same as a test photo; give different photos, or "
                "keep them with near_duplicates='report'"
            )
        return found

    def fetched(self, wanted: Sequence[tuple[int, str, str]], folder: Path) -> dict[str, Path]:
        """Files of photos, given the shard, path and SHA-256 of each; what is not as it was at extraction is left out.

        Those of tar files are written into a folder.
        """
        if self.source is None:
            return {}
        found: dict[str, Path] = {}
        for shard in sorted({shard for shard, *_ in wanted}):
            here = {path: digest for of, path, digest in wanted if of == shard}
            order = [path for path in self.found.table(shard, "path")["path"].to_pylist() if path in here]
            for place, path in zip(open_source(self.source).again(order), order, strict=True):
                try:
                    data = b"" if place is None else bytes_of(place)
                except BadImage:
                    continue
                if hashlib.sha256(data).hexdigest() != here[path]:
                    continue
                if isinstance(place, Path):
                    found[path] = place
                else:
                    names = [part for part in Path(path).parts if part not in ("..", "/")][-2:]
                    file = folder.joinpath(str(len(found)), *names)
                    file.parent.mkdir(parents=True)
                    file.write_bytes(data)
                    found[path] = file
        return found


def read(folder: Path, source: Path | None) -> ShardPhotos:
    """Read a folder of shards, every byte of which is checked.

    Raises
    ------
    InputError
        It is not whole, or no classifier can be trained and tested on it; or the source does not hold its photos.
    """
    need_packages(None)
    try:
        found = Shards.read(folder)
        missing = found.missing()
    except (BadShard, ValueError) as error:
        raise InputError(f"{folder}: {sentence(error)}" if isinstance(error, BadShard) else sentence(error)) from error
    if missing:
        shard, why = min(missing.items())
        raise InputError(
            f"{len(missing):,} of the {found.shards:,} shards of {folder} are missing or damaged (shard {shard}: {why}); give "
            "the tlbook features command that made the others again, which makes these alone"
        )
    if len(found.class_names) < 2:
        what = f"all photos are {found.class_names[0]}" if found.class_names else "none of its photos has a class"
        raise InputError(
            f"{folder} cannot be trained on, since {what}: two classes or more are needed; name them in the source, and make "
            "shards of it in another folder"
        )
    each = [found.parts(shard) for shard in range(found.shards)]
    count, findings = found.left_out(LISTED)
    photos = ShardPhotos(
        found, source, {name: [one[name] for one in each] for name in SPLITS}, LeftOut(findings), count
    )
    _check(photos)
    if source is not None:
        _check_source(photos, source)
    return photos


def _check(photos: ShardPhotos) -> None:
    folder = photos.found.folder
    for name, parts in photos.parts.items():
        for shard, part in enumerate(parts):
            if (part.labels < 0).any():
                n = sum(int((one.labels < 0).sum()) for some in photos.parts.values() for one in some)
                row = part.rows[int(np.argmax(part.labels < 0))]
                path = photos.found.table(shard, "path")["path"][int(row)].as_py()
                raise InputError(
                    f"{n:,} photos of {folder} have no class ({visible(path)}, for one): leave them out of the source or name "
                    "their classes, and make shards of it in another folder"
                )
        if not sum(map(len, parts)):
            raise InputError(
                f"no photo of {folder} is in its {name} split: name some in the source, or more photos, and make shards of it in "
                "another folder"
            )
    if not (counts := photos.counts("train")).all():
        raise InputError(
            f"class {photos.class_names[int(counts.argmin())]!r} of {folder} has no photo to train on: give more photos of it, "
            "or leave it out of the source, and make shards of it in another folder"
        )


def _check_source(photos: ShardPhotos, source: Path) -> None:
    """Refuse photos that are not those of the shards, by the first one."""
    first = photos.columns("test", np.array([0]), "path", "sha256")[0]
    try:
        (place,) = open_source(source).again([first[1]])
        same = place is not None and hashlib.sha256(bytes_of(place)).hexdigest() == first[2]
    except BadImage:
        same = False
    except (ValueError, FileNotFoundError) as error:
        raise InputError(f"--photos {source}: {sentence(error)}") from error
    if not same:
        raise InputError(
            f"--photos {source} does not hold the photos of {photos.found.folder} as they were ({visible(first[1])}, for one): "
            "give the source that tlbook features was given, or leave --photos out"
        )


def spread(labels: NDArray[Any], n: int, seed: int, least: int = 5) -> NDArray[np.int64]:
    """Ascending positions of n photos drawn at random, each class in proportion, and as far as there are with so many of it.

    For one seed the fewer are among the more.
    """
    if n >= len(labels):
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    key = (rank + 0.5) / np.repeat(counts, counts)
    key[rank < least] = -1
    return np.sort(order[np.argsort(key, kind="stable")[: max(n, int((key < 0).sum()))]])


# ---- near-duplicates ----


def near_duplicates(photos: ShardPhotos, folder: Path) -> dict[str, Any]:
    """Photos of different splits that are probably one picture, by the hashes in the tables.

    Parameters
    ----------
    folder : Path
        For the hashes of all photos, 64 bytes each, while they are compared.

    Returns
    -------
    dict
        ``pairs``, the closest first, as :func:`tlbook.classifier.photos.near_duplicates` has them, at most so many as are
        listed; ``n_pairs``; ``dropped``, by split a mask of the photos that have such a picture in a later split, packed;
        ``n_dropped``, by split; ``crowded``, of how many photos not all were compared; ``exhaustive``, whether all pairs were.

    Raises
    ------
    InputError
        The shards have no hashes.
    """
    if photos.found.format == 1:
        raise InputError(
            f"{photos.found.folder} was written by an earlier version of tlbook, without what near-duplicates are found by: give "
            "--near-duplicates ignore, or make the shards anew in another folder"
        )
    sizes = photos.sizes
    ends = np.cumsum([sizes[name] for name in SPLITS])
    n = int(ends[-1])
    upright, mirrored = (_hashes(photos, column, folder / f"{column}.npy") for column in ("hash", "hash_mirrored"))
    dropped, crowded, kept = np.zeros(n, bool), np.zeros(n, bool), _Closest()
    for (i, j, bits), _ in duplicates.close_pairs(upright, mirrored, crowded):
        across = np.searchsorted(ends, i, side="right") != np.searchsorted(ends, j, side="right")
        if across.any():
            dropped[i[across]] = True
            kept.add(i[across], j[across], bits[across])
    starts = ends - [sizes[name] for name in SPLITS]
    masks = {name: dropped[start:end] for name, start, end in zip(SPLITS[:2], starts, ends, strict=False)}
    return {
        "pairs": _named(photos, *kept.closest(), starts, ends),
        "n_pairs": kept.count,
        "dropped": {name: base64.b64encode(np.packbits(mask).tobytes()).decode() for name, mask in masks.items()},
        "n_dropped": {name: int(mask.sum()) for name, mask in masks.items()},
        "crowded": int(crowded.sum()),
        "exhaustive": n <= duplicates.EXHAUSTIVE,
    }


def masks_of(found: dict[str, Any], sizes: dict[str, int]) -> dict[str, NDArray[np.bool_]]:
    """The masks of :func:`near_duplicates`."""
    return {
        name: np.unpackbits(np.frombuffer(base64.b64decode(packed), np.uint8), count=sizes[name]).astype(bool)
        for name, packed in found["dropped"].items()
    }


def _hashes(photos: ShardPhotos, column: str, path: Path) -> NDArray[np.uint64]:
    """The hashes of all photos, split by split, memory-mapped."""
    total = sum(photos.sizes.values())
    file = np.lib.format.open_memmap(path, "w+", np.uint64, (total, _WORDS))
    at = dict(zip(SPLITS, np.cumsum([0, *photos.sizes.values()]).tolist(), strict=False))
    for shard in range(photos.found.shards):
        array = photos.found.table(shard, column)[column].combine_chunks()
        if not len(array):
            continue
        width = 8 * _WORDS
        values = np.frombuffer(array.buffers()[1], np.uint8, width * len(array), width * array.offset)
        words = np.ascontiguousarray(values.reshape(-1, width)).view(np.uint64)
        for name in SPLITS:
            part = photos.parts[name][shard]
            file[at[name] : at[name] + len(part)] = words[part.rows]
            at[name] += len(part)
    file.flush()
    del file
    return np.load(path, mmap_mode="r")


class _Closest:
    """Pairs, each once with the fewest bits, of which the closest are kept."""

    def __init__(self) -> None:
        self._found: list[NDArray[np.int64]] = []
        self._waiting = self._lost = 0

    def add(self, i: NDArray[Any], j: NDArray[Any], bits: NDArray[Any]) -> None:
        self._found.append(np.stack([bits, i, j]).astype(np.int64))
        self._waiting += len(i)
        if self._waiting > 2 * _KEPT:
            self._settle()

    def _settle(self) -> NDArray[np.int64]:
        every = np.concatenate([np.zeros((3, 0), np.int64), *self._found], axis=1)
        every = every[:, np.lexsort((every[0], every[2], every[1]))]
        first = np.ones(every.shape[1], bool)
        first[1:] = (every[1:, 1:] != every[1:, :-1]).any(axis=0)
        every = every[:, first]
        if every.shape[1] > _KEPT:
            self._lost += every.shape[1] - _KEPT
            every = every[:, np.argsort(every[0], kind="stable")[:_KEPT]]
        self._found, self._waiting = [every], every.shape[1]
        return every

    @property
    def count(self) -> int:
        """Pairs; where there are too many to keep, about."""
        return self._settle().shape[1] + self._lost

    def closest(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        bits, i, j = self._settle()
        return bits, i, j


def _named(
    photos: ShardPhotos,
    bits: NDArray[np.int64],
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> list[dict[str, Any]]:
    """The closest pairs in words, in the order of :func:`tlbook.datasets.near_duplicates`, by distance, then by name of split."""
    alphabetical = np.array([sorted(SPLITS).index(name) for name in SPLITS])
    of_i, of_j = (np.searchsorted(ends, one, side="right") for one in (i, j))
    chosen = np.lexsort((j, alphabetical[of_j], i, alphabetical[of_i], bits))[:LISTED]
    said: dict[tuple[int, int], tuple[str, int]] = {}
    for split, name in enumerate(SPLITS):
        places = np.unique(np.concatenate([i[chosen][of_i[chosen] == split], j[chosen][of_j[chosen] == split]]))
        rows = photos.columns(name, places - starts[split], "path", "label")
        said |= {(split, place): (row[1], row[2]) for place, row in zip(places.tolist(), rows, strict=True)}
    found = []
    for k in chosen.tolist():
        (path, label), (other, of_other) = said[int(of_i[k]), int(i[k])], said[int(of_j[k]), int(j[k])]
        found.append(
            {
                "split": SPLITS[of_i[k]],
                "index": int(i[k] - starts[of_i[k]]),
                "path": visible(path),
                "of": f"{SPLITS[of_j[k]]} {visible(other)}",
                "distance": int(bits[k]),
                "same_label": label == of_other,
            }
        )
    return found
