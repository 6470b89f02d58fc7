"""Features of many photos in a folder of shards: arrays that can be memory-mapped, each with a table of its photos.

::

    manifest.parquet     a row for each photo: path, label, split, sha256, shard, row, reason; written first, never changed
    shards.json          backbone, input size, dtype, number of photos and shards, class names, SHA-256 of the manifest
    shard-00000.npy      (rows, d); photos that were left out have no row
    shard-00000.parquet  path, label, split, sha256, reason (empty where it is fine), row (-1 where it was left out),
                         hash, hash_mirrored: the perceptual hashes of the picture and of its mirror image, 32 bytes each

A shard depends on the photos, the backbone and the manifest alone, so any process may compute any of them, in any order. It is
written aside and renamed, the array first. The table's metadata says what it was made with, and holds the array's SHA-256.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tlbook import __version__, backbones
from tlbook._checks import one_of, whole
from tlbook._files import file_sha256, locked, replacing, write_json
from tlbook.backbones import Backbone
from tlbook.datasets.decoding import BadImage, content, decoded, in_order, inspect
from tlbook.datasets.duplicates import SIDE, hash_pair
from tlbook.datasets.folders import SPLITS
from tlbook.datasets.listing import bytes_of, listed
from tlbook.datasets.sources import Place, open_source
from tlbook.datasets.splits import Finding
from tlbook.features import cache as store
from tlbook.features import engines

__all__ = ["DTYPES", "BadShard", "Changed", "Part", "Shards", "compute", "load_network", "missing_packages", "prepare"]

DTYPES = ("float16", "float32")
"""Types of the numbers in a shard."""

USUAL = 10_000
"""Photos in a shard where their number is not given."""

Forward = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class _Seen(NamedTuple):
    """A photo that was looked at: its pixels, later its features, and its hashes; or why it was left out."""

    array: NDArray[Any] | None
    hashes: tuple[bytes, bytes] | None = None
    reason: str = ""


_FORMAT = 2  # the first had no hashes
_MANIFEST, _ABOUT = "manifest.parquet", "shards.json"
_CHUNK = 8192  # rows of a table in memory at once


class BadShard(ValueError):
    """A shard that cannot be used: missing, damaged, or made with something else. The message names the file.

    Attributes
    ----------
    damaged : bool
        It was made with this manifest and this backbone, so it may be made again.
    """

    def __init__(self, message: str, damaged: bool = False) -> None:
        super().__init__(message)
        self.damaged = damaged


class Changed(ValueError):
    """A photo is not what it was when the manifest was written."""


@dataclass(frozen=True)
class Part:
    """The photos of one split in one shard; sliced as an array of their features (k, d), of which only that much is read.

    Attributes
    ----------
    path : Path
        The file of the features of the whole shard.
    rows : ndarray of int32, shape (k,)
        Rows of the split, ascending.
    labels : ndarray of int32, shape (k,)
        Of those rows; -1 where a photo has none.
    feature_dim : int
        d.
    dtype : numpy.dtype
        float16 or float32.
    """

    path: Path
    rows: NDArray[np.int32]
    labels: NDArray[np.int32]
    feature_dim: int
    dtype: np.dtype[Any]

    @property
    def features(self) -> NDArray[Any]:
        """Features of the whole shard (n, d), memory-mapped anew, read-only: a file is open only as long as this is kept."""
        return np.load(self.path, mmap_mode="r", allow_pickle=False)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), self.feature_dim

    @property
    def ndim(self) -> int:
        return 2

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: Any) -> NDArray[Any]:
        return np.asarray(self.features[self.rows[which]])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype)

    def select(self, which: NDArray[Any]) -> Part:
        """Some of the photos, by their positions or a mask."""
        return replace(self, rows=self.rows[which], labels=self.labels[which])


@dataclass(frozen=True)
class Shards:
    """A folder of shards, whole or not yet.

    Attributes
    ----------
    folder : Path
    backbone : str
        Its name.
    fingerprint : str
        Of its architecture and weights.
    input_size : int
        In pixels.
    dtype : str
    feature_dim : int
        d.
    n : int
        Photos in the manifest.
    shards : int
        How many there are when all is done.
    class_names : tuple of str
    white : int
        Value of white in 16-bit images.
    manifest_sha256 : str
    format : int
        1 where the tables have no perceptual hashes, else 2.
    """

    folder: Path
    backbone: str
    fingerprint: str
    input_size: int
    dtype: str
    feature_dim: int
    n: int
    shards: int
    class_names: tuple[str, ...]
    white: int
    manifest_sha256: str
    format: int = _FORMAT

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Shards:
        """What a folder of shards says of itself.

        Raises
        ------
        ValueError
            It holds no shards, or its manifest is not the one that it was made with.
        """
        folder = Path(folder)
        try:
            about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
            found = cls(
                folder,
                str(about["backbone"]),
                str(about["fingerprint"]),
                int(about["input_size"]),
                str(about["dtype"]),
                int(about["feature_dim"]),
                int(about["n"]),
                int(about["shards"]),
                tuple(map(str, about["class_names"])),
                int(about["white"]),
                str(about["manifest_sha256"]),
                int(about.get("format", 1)),
            )
        except FileNotFoundError:
            begun = "; it was begun: give the same command again" if (folder / _MANIFEST).is_file() else ""
            raise ValueError(f"{folder} holds no shards (there is no {_ABOUT}){begun}") from None
        except (ValueError, TypeError, KeyError):
            raise ValueError(f"{folder / _ABOUT} is damaged or was not written by tlbook") from None
        if not 1 <= found.format <= _FORMAT:
            raise ValueError(f"{folder / _ABOUT} was written by another version of tlbook ({about.get('tlbook')})")
        manifest = folder / _MANIFEST
        if not manifest.is_file():
            raise ValueError(f"{folder} has no {_MANIFEST}")
        if _sha256_of(manifest, os.stat(manifest).st_mtime_ns, os.stat(manifest).st_size) != found.manifest_sha256:
            raise ValueError(f"{manifest} is not the one that {_ABOUT} was written for, or it is damaged")
        return found

    def array_path(self, shard: int) -> Path:
        """The file of a shard's features."""
        return self.folder / f"{_name(shard)}.npy"

    def table_path(self, shard: int) -> Path:
        """The file that says which photos they are of."""
        return self.folder / f"{_name(shard)}.parquet"

    def check(self, shard: int, *, contents: bool = True) -> None:
        """Raise :class:`BadShard` where a shard is not there, not whole or not of these photos and this backbone.

        Parameters
        ----------
        shard : int
        contents : bool, default True
            Compare every byte of the array; without it, a changed number is not seen.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        table, array = self.table_path(shard), self.array_path(shard)
        if not table.is_file():
            raise BadShard(f"{table.name} is missing", damaged=True)
        try:
            with pq.ParquetFile(table, page_checksum_verification=True) as file:
                said = {key.decode(): value.decode() for key, value in (file.metadata.metadata or {}).items()}
                rows = file.metadata.num_rows
                places = np.concatenate(
                    [
                        np.zeros(0, np.int64),
                        *(batch.column(0).to_numpy() for batch in file.iter_batches(columns=["row"])),
                    ]
                )
                if contents:
                    for _ in file.iter_batches(batch_size=_CHUNK):
                        pass
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise BadShard(f"{table.name} is damaged ({' '.join(str(error).split())[:200]})", damaged=True) from None
        for key, value in self.made_with(shard).items():
            if key not in said:
                raise BadShard(f"{table.name} was not written by tlbook (it does not say its {key})")
            if said[key] != value:
                got, wanted = (said[key], value) if len(value) < 20 else (said[key][:12], value[:12])
                raise BadShard(
                    f"{table.name} was made with another {key.replace('_', ' ')} ({got}, and {self.folder.name} is for {wanted})"
                )
        if not array.is_file():
            raise BadShard(f"{array.name} is missing", damaged=True)
        try:
            stored = np.load(array, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise BadShard(f"{array.name} is damaged ({error})", damaged=True) from None
        there = places[places >= 0]
        if (
            stored.dtype != self.dtype
            or stored.shape != (len(there), self.feature_dim)
            or not stored.flags.c_contiguous
        ):
            raise BadShard(f"{array.name} is damaged: it holds {stored.dtype} {stored.shape}", damaged=True)
        if rows != self.rows_of(shard) or (there != np.arange(len(there))).any():
            raise BadShard(
                f"{table.name} is damaged: it has {rows:,} rows, and another number in the manifest", damaged=True
            )
        if contents and file_sha256(array) != said.get("npy_sha256"):
            raise BadShard(f"{array.name} is damaged, or belongs to another {table.name}", damaged=True)

    def missing(self, *, contents: bool = True) -> dict[int, str]:
        """Shards that are not there or not whole, each with what is wrong.

        Raises
        ------
        BadShard
            One was made with something else.
        """
        found = {}
        for shard in range(self.shards):
            try:
                self.check(shard, contents=contents)
            except BadShard as error:
                if not error.damaged:
                    raise
                found[shard] = str(error)
        return found

    def open(self, split: str | None = None, *, contents: bool = True) -> list[Part]:
        """Open all shards; features are read when they are asked for.

        Parameters
        ----------
        split : {"train", "validation", "test"}, optional
            By default all photos.
        contents : bool, default True
            Compare every byte first, see :meth:`check`.

        Returns
        -------
        list of Part
            One for each shard, in order.

        Raises
        ------
        BadShard
            One is missing, damaged or was made with something else.
        """
        if split is not None:
            one_of(split, "split", SPLITS)
        parts = []
        for shard in range(self.shards):
            self.check(shard, contents=contents)
            parts.append(self.parts(shard)[split])
        return parts

    def parts(self, shard: int) -> dict[str | None, Part]:
        """The photos of one shard by split, and all of them under None; the shard is not checked."""
        table = self.table(shard, "row", "label", "split")
        rows, labels = (table[name].to_numpy().astype(np.int32) for name in ("row", "label"))
        every = Part(self.array_path(shard), rows, labels, self.feature_dim, np.dtype(self.dtype))
        splits = np.asarray(table["split"].to_numpy(zero_copy_only=False))
        return {None: every} | {split: every.select(np.asarray(splits == split, bool)) for split in SPLITS}

    def table(self, shard: int, *columns: str) -> Any:
        """Columns of the table of a shard, without the photos that were left out: as many rows as its array, in order."""
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        found = pq.read_table(self.table_path(shard), columns=list(dict.fromkeys([*columns, "row"])))
        return found.filter(pc.greater_equal(found["row"], 0)).select(list(columns))

    def left_out(self, most: int = 20) -> tuple[int, tuple[Finding, ...]]:
        """How many photos of the shards that can be read were left out, and the first of them with their reasons."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        count = 0
        findings: list[Finding] = []
        for shard in range(self.shards):
            with suppress(pa.ArrowException, OSError), pq.ParquetFile(self.table_path(shard)) as file:
                for batch in file.iter_batches(batch_size=_CHUNK, columns=["path", "reason"]):
                    out = batch.filter(pc.not_equal(batch.column("reason"), ""))
                    count += out.num_rows
                    for row in out.slice(0, most - len(findings)).to_pylist():
                        findings.append(Finding(row["path"], row["reason"]))
        return count, tuple(findings)

    def manifest(self, shard: int) -> Iterator[dict[str, Any]]:
        """The rows of the manifest that are a shard's."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.folder / _MANIFEST) as file:
            for batch in file.iter_batches(batch_size=_CHUNK, row_groups=_groups_of(file, shard)):
                yield from batch.to_pylist()

    def rows_of(self, shard: int) -> int:
        """How many photos of the manifest are a shard's."""
        return self.n * (shard + 1) // self.shards - self.n * shard // self.shards

    def made_with(self, shard: int) -> dict[str, str]:
        """What the table of a shard says that it was made with."""
        return {
            "manifest_sha256": self.manifest_sha256,
            "backbone": self.backbone,
            "input_size": str(self.input_size),
            "fingerprint": self.fingerprint,  # which depends on the size
            "dtype": self.dtype,
            "shard": str(shard),
            **({} if self.format == 1 else {"format": str(self.format)}),
        }


def _name(shard: int) -> str:
    return f"shard-{shard:05d}"


@functools.lru_cache(maxsize=4)
def _sha256_of(path: Path, changed: int, size: int) -> str:
    """SHA-256 of a file that was changed at a time: that of a manifest is asked for with each shard."""
    return file_sha256(path)


def _groups_of(file: Any, shard: int) -> list[int]:
    """The row groups of a manifest that hold a shard; none holds two."""
    metadata = file.metadata
    column = next(i for i in range(metadata.num_columns) if metadata.schema.column(i).name == "shard")
    groups = range(metadata.num_row_groups)
    return [i for i in groups if metadata.row_group(i).column(column).statistics.min == shard]


# ---- the manifest ----


def missing_packages() -> list[str]:
    """Packages that shards need and that are not installed."""
    return [name for name in ("pyarrow", "webdataset") if importlib.util.find_spec(name) is None]


def prepare(
    source: Path,
    folder: Path,
    *,
    backbone: Callable[[str | None, int | None], Backbone],
    input_size: int | None = None,
    dtype: str | None = None,
    shards: int | None = None,
    progress: bool = True,
) -> Shards:
    """Write the manifest and ``shards.json`` of a folder, or check that what is there was made with the same.

    Parameters
    ----------
    source : Path
        As for :func:`tlbook.datasets.sources.open_source`.
    folder : Path
        It is there.
    backbone : callable
        Loads the backbone, given the name and input size that the folder has already, or None.
    input_size, dtype, shards
        As they were asked for; None takes what the folder has, or the usual.

    Raises
    ------
    ValueError
        The source or the folder cannot be used, or the folder was made with something else.
    """
    with _alone(folder / ".manifest.lock"):
        if (folder / _ABOUT).is_file():
            found = Shards.read(folder)
            _compare(found, backbone(found.backbone, found.input_size), input_size, dtype, shards)
            return found
        _clear(folder, _MANIFEST, _ABOUT)
        network = backbone(None, input_size)
        said = _said_of_manifest(folder) or _list_photos(source, folder, shards, progress)
        if shards is not None and shards != said["shards"]:
            raise ValueError(_another(folder, "number of shards", said["shards"], shards))
        about = {
            "format": _FORMAT,
            "tlbook": __version__,
            "backbone": network.name,
            "fingerprint": network.fingerprint,
            "input_size": network.input_size,
            "dtype": dtype or DTYPES[0],
            "feature_dim": network.feature_dim,
            **said,
            "manifest_sha256": file_sha256(folder / _MANIFEST),
        }
        write_json(folder / _ABOUT, about)
        return Shards.read(folder)


def _another(folder: Path, what: str, has: Any, asked: Any) -> str:
    return f"{folder} was begun with another {what} ({has}, not {asked}); give that, or name another folder"


def _compare(found: Shards, network: Backbone, input_size: int | None, dtype: str | None, shards: int | None) -> None:
    if network.name != found.backbone:
        raise ValueError(_another(found.folder, "backbone", found.backbone, network.name))
    for what, has, asked in (
        ("input size", found.input_size, input_size),
        ("dtype", found.dtype, dtype),
        ("number of shards", found.shards, shards),
    ):
        if asked is not None and asked != has:
            raise ValueError(_another(found.folder, what, has, asked))
    if network.fingerprint != found.fingerprint:
        raise ValueError(
            f"{found.folder} was begun with other weights of {found.backbone} ({found.fingerprint[:12]}, not "
            f"{network.fingerprint[:12]}); name another folder"
        )


def _said_of_manifest(folder: Path) -> dict[str, Any] | None:
    """What a manifest says of itself; None where there is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / _MANIFEST
    if not path.is_file():
        return None
    try:
        said = json.loads((pq.read_schema(path).metadata or {})[b"tlbook"])
        return {name: said[name] for name in ("n", "shards", "class_names", "white")}
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is damaged or was not written by tlbook") from None


def _list_photos(source: Path, folder: Path, shards: int | None, progress: bool) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for stale in folder.glob(".listing-*"):  # of a process that was killed, as below
        shutil.rmtree(stale, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=".listing-", dir=folder) as passing,
        listed(source, Path(passing), progress=progress) as listing,
    ):
        count = max(1, -(-listing.n // USUAL)) if shards is None else shards
        whole(count, "shards", 1, listing.n, hint="the photos")
        said = {"n": listing.n, "shards": count, "class_names": list(listing.class_names), "white": listing.white}
        schema = pa.schema(
            {
                "path": pa.string(),
                "label": pa.int64(),
                "split": pa.string(),
                "sha256": pa.string(),
                "shard": pa.int32(),
                "row": pa.int64(),
                "reason": pa.string(),
            },
            {"tlbook": json.dumps(said)},
        )
        rows = listing.rows()
        with (
            replacing(folder / _MANIFEST) as temporary,
            pq.ParquetWriter(temporary, schema, write_page_checksum=True) as writer,
        ):
            for shard in range(count):
                n = listing.n * (shard + 1) // count - listing.n * shard // count
                for start in range(0, n, _CHUNK):
                    chunk = [next(rows) for _ in range(min(_CHUNK, n - start))]
                    table = [{**one._asdict(), "shard": shard, "row": start + i} for i, one in enumerate(chunk)]
                    writer.write_table(pa.Table.from_pylist(table, schema))
    return said


# ---- one shard ----


@functools.lru_cache(maxsize=1)
def _network(name: str, input_size: int, fingerprint: str) -> tuple[str, Forward]:
    """The engine that computes here, and what it does with a batch; one session in each process."""
    backbone = backbones.load(name, input_size=input_size)
    if backbone.fingerprint != fingerprint:
        raise ValueError(f"the weights of {name} here are not those that the folder was begun with")
    engine = "keras" if engines.has_gpu() or engines.missing_packages() else "onnxruntime"
    if engine == "keras":
        run = engines.keras_engine(backbone, [None], engines.BATCHES[engine])
    else:
        run = engines.onnx_engine(backbone, [None], store.graphs(store.folder()))
    return engine, lambda batch: run(batch)[0]


def load_network(shards: Shards) -> None:
    """Have the network ready, and its graph on disk, before workers ask for it."""
    _network(shards.backbone, shards.input_size, shards.fingerprint)


def _clear(folder: Path, *names: str) -> None:
    """Remove what a process that was killed left of files; whoever calls holds their lock."""
    for name in names:
        for stale in folder.glob(f"{name}.*.part"):
            stale.unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock file that goes when the block ends; whoever waited finds the work done."""
    with locked(path):
        yield
        with suppress(OSError):
            path.unlink()


def compute(
    source: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    shard: int,
    *,
    threads: int | None = None,
    advance: Callable[[int], None] = lambda n: None,
) -> bool:
    """Compute one shard, unless it is there and whole; two processes may ask for the same one.

    Parameters
    ----------
    source, folder : path-like
        As for :func:`prepare`.
    shard : int
    threads : int, optional
        By default one for each core.
    advance : callable
        Called with numbers of photos that are done.

    Returns
    -------
    bool
        Whether it was computed now.

    Raises
    ------
    BadShard
        The shard that is there was made with something else.
    Changed
        A photo is not what it was when the manifest was written.
    """
    found = Shards.read(folder)
    with _alone(found.folder / f".{_name(shard)}.lock"):
        n = found.rows_of(shard)
        try:
            found.check(shard)
        except BadShard as error:
            if not error.damaged:
                raise
        else:
            advance(n)
            return False
        found.table_path(shard).unlink(missing_ok=True)  # a table stands beside its own array or none
        _clear(found.folder, _name(shard))
        seen, digest = _write_array(found, Path(source), shard, threads, advance)
        _write_table(found, shard, seen, digest)
    return True


def _write_array(
    found: Shards, source: Path, shard: int, threads: int | None, advance: Callable[[int], None]
) -> tuple[list[tuple[bytes, bytes] | str], str]:
    """Write the features of a shard; the hashes of each photo, or why it was left out, and the file's SHA-256."""
    dtype = np.dtype(found.dtype).newbyteorder("<")
    seen: list[tuple[bytes, bytes] | str] = []
    rows = 0
    with replacing(found.array_path(shard)) as temporary:
        with open(temporary, "wb") as file:
            _write_header(file, dtype, (found.rows_of(shard), found.feature_dim))
            start = file.tell()
            for features, hashes, reason in _passed(found, source, shard, threads):
                seen.append(hashes or reason)
                if features is not None:
                    with np.errstate(over="ignore"):
                        stored = features.astype(dtype)
                    if not np.isfinite(stored).all():
                        raise ValueError(
                            f"features of {found.backbone} are too large for float16: name another folder, with float32"
                        )
                    file.write(stored.tobytes())
                    rows += 1
                advance(1)
            file.seek(0)
            _write_header(file, dtype, (rows, found.feature_dim))
            assert file.tell() == start  # NumPy leaves room for the digits of the first number
        digest = file_sha256(temporary)
    return seen, digest


def _write_header(file: Any, dtype: np.dtype[Any], shape: tuple[int, int]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _passed(found: Shards, source: Path, shard: int, threads: int | None) -> Iterator[_Seen]:
    """The features of each photo of a shard, or why there are none, in order."""
    engine, forward = _network(found.backbone, found.input_size, found.fingerprint)
    threads = threads or engines.threads()
    size, white = found.input_size, found.white

    def pixels(item: tuple[dict[str, Any], Place | None]) -> _Seen:
        row, place = item
        if place is None:
            return _Seen(None, reason=row["reason"])
        try:
            data = bytes_of(place)
        except BadImage as error:
            raise Changed(f"{row['path']}: {error}; it could be read when the manifest was written") from None
        if hashlib.sha256(data).hexdigest() != row["sha256"]:
            raise Changed(f"{row['path']} was changed since the manifest was written")
        try:
            _, _, image = inspect(data, size)
            image = decoded(content(data), size, white) if image is None else image
            return _Seen(image, hash_pair(image if size >= SIDE else decoded(content(data), SIDE, white)))
        except BadImage as error:
            return _Seen(None, reason=str(error))

    def vector(item: tuple[dict[str, Any], Place | None]) -> _Seen:
        one = pixels(item)
        return one if one.array is None else one._replace(array=forward(one.array[None])[0])

    items = _places(found, source, shard)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, on odd metadata
        if engine == "onnxruntime":
            yield from in_order(vector, items, 2 * threads, threads)
        else:
            yield from _batched(forward, in_order(pixels, items, 2 * threads, threads))


def _batched(forward: Forward, images: Iterable[_Seen]) -> Iterator[_Seen]:
    """What Keras gives for images, in batches; those that are none stay at their places."""
    waiting: list[_Seen] = []
    good: list[NDArray[np.uint8]] = []

    def flush() -> Iterator[_Seen]:
        vectors = iter(forward(np.stack(good)) if good else ())
        for one in waiting:
            yield one if one.array is None else one._replace(array=next(vectors))
        waiting.clear()
        good.clear()

    for one in images:
        waiting.append(one)
        if one.array is not None:
            good.append(one.array)
        if len(good) == engines.BATCHES["keras"]:
            yield from flush()
    yield from flush()


def _places(found: Shards, source: Path, shard: int) -> Iterator[tuple[dict[str, Any], Place | None]]:
    """The rows of a shard, each with where its photo is."""
    paths = (None if row["reason"] else row["path"] for row in found.manifest(shard))
    return zip(found.manifest(shard), open_source(source).again(paths), strict=True)


def _write_table(found: Shards, shard: int, seen: list[tuple[bytes, bytes] | str], digest: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = {
        "path": pa.string(),
        "label": pa.int64(),
        "split": pa.string(),
        "sha256": pa.string(),
        "reason": pa.string(),
        "row": pa.int64(),
    }
    if found.format > 1:
        fields |= {"hash": pa.binary(32), "hash_mirrored": pa.binary(32)}
    schema = pa.schema(fields, {**found.made_with(shard), "npy_sha256": digest})
    row = 0
    with (
        replacing(found.table_path(shard)) as temporary,
        pq.ParquetWriter(temporary, schema, write_page_checksum=True) as writer,
    ):
        chunk: list[dict[str, Any]] = []
        for one, said in zip(found.manifest(shard), seen, strict=True):
            left_out = isinstance(said, str)
            reason, hashes = (said, (None, None)) if isinstance(said, str) else ("", said)
            more = dict(zip(("hash", "hash_mirrored"), hashes, strict=True)) if found.format > 1 else {}
            chunk.append({**one, "reason": reason, "row": -1 if left_out else row, **more})
            row += not left_out
            if len(chunk) == _CHUNK:
                writer.write_table(pa.Table.from_pylist(chunk, schema))
                chunk = []
        if chunk:
            writer.write_table(pa.Table.from_pylist(chunk, schema))
