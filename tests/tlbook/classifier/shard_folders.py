"""Folders of shards without photos behind them, of any size, for tests and benchmarks: features drawn at random, hashes too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tlbook import __version__, backbones
from tlbook._files import file_sha256, write_json
from tlbook.features import Shards

SHARE = {"train": 0.6, "validation": 0.2, "test": 0.2}


def synthetic(
    folder: Path,
    n: int,
    *,
    backbone: str = "zoo_width_50",
    classes: int = 3,
    shard: int = 10_000,
    copies: int = 0,
    seed: int = 0,
    hashes: bool = True,
) -> Shards:
    """Write shards of a backbone for n photos that never were.

    So many photos of the test split have a copy in training, whose hash differs in 0 to 20 of 256 bits.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    network = backbones.load(backbone)
    d, count = network.feature_dim, max(1, -(-n // shard))
    names = [f"class {k}" for k in range(classes)]
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(classes, d)) * 1.2 / np.sqrt(d) * 4
    said = {"n": n, "shards": count, "class_names": names, "white": 65535}
    strings = dict.fromkeys(("path", "split", "sha256", "reason"), pa.string())
    schema = pa.schema({**strings, "label": pa.int64(), "shard": pa.int32(), "row": pa.int64()})
    order = ["path", "label", "split", "sha256", "shard", "row", "reason"]
    with pq.ParquetWriter(folder / "manifest.parquet", schema.with_metadata({"tlbook": json.dumps(said)})) as writer:
        tables = []
        for k in range(count):
            rows = n * (k + 1) // count - n * k // count
            split = rng.choice(list(SHARE), rows, p=list(SHARE.values()))
            labels = rng.integers(0, classes, rows)
            digests = [rng.bytes(32).hex() for _ in range(rows)]
            table = {
                "path": [f"{names[label]}/{k:04d}-{i:06d}.jpg" for i, label in enumerate(labels.tolist())],
                "split": split.tolist(),
                "sha256": digests,
                "reason": [""] * rows,
                "label": labels,
                "shard": np.full(rows, k, np.int32),
                "row": np.arange(rows),
            }
            writer.write_table(pa.Table.from_pydict(table, schema))
            features = (rng.normal(size=(rows, d)) + centres[labels]).astype(np.float16)
            np.save(folder / f"shard-{k:05d}.npy", features)
            tables.append((split, labels))
    write_json(
        folder / "shards.json",
        {
            "format": 2 if hashes else 1,
            "tlbook": __version__,
            "backbone": network.name,
            "fingerprint": network.fingerprint,
            "input_size": network.input_size,
            "dtype": "float16",
            "feature_dim": d,
            **said,
            "manifest_sha256": file_sha256(folder / "manifest.parquet"),
        },
    )
    found = Shards.read(folder)
    every = rng.integers(0, 256, (n, 32), np.uint8)
    turned = rng.integers(0, 256, (n, 32), np.uint8)
    splits = np.concatenate([split for split, _ in tables])
    train, test = (rng.permutation(np.flatnonzero(splits == name))[:copies] for name in ("train", "test"))
    for i, j in zip(train.tolist(), test.tolist(), strict=True):
        bits = np.unpackbits(every[j])
        bits[rng.choice(256, rng.integers(0, 21), replace=False)] ^= 1
        every[i] = np.packbits(bits)
    start = 0
    manifest = pq.ParquetFile(folder / "manifest.parquet")
    for k in range(count):
        rows = found.rows_of(k)
        table = manifest.read_row_group(k).select([name for name in order if name != "shard"])
        if hashes:
            for name, values in (("hash", every), ("hash_mirrored", turned)):
                column = pa.array([row.tobytes() for row in values[start : start + rows]], pa.binary(32))
                table = table.append_column(name, column)
        metadata = {**found.made_with(k), "npy_sha256": file_sha256(found.array_path(k))}
        pq.write_table(table.replace_schema_metadata(metadata), found.table_path(k), write_page_checksum=True)
        start += rows
    return found
