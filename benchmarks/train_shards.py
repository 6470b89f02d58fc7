"""`tlbook train` on shards: seconds of each stage and peak memory, by the number of photos, each in a fresh process.

    python benchmarks/train_shards.py [25000 250000 1000000] [--backbone zoo_width_50] [--near-duplicates drop] [--folder DIR]

The features and hashes are drawn at random (64 numbers and 3 classes with the default backbone), with 1,000 copies of
test photos in training. Prints one line of JSON for each number of photos. Memory is what the process held at most, and the same
above what it held once everything was imported and the network loaded.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from measure import Clock, fresh, peak_memory


def one(folder: Path, out: Path, near_duplicates: str) -> None:
    """Train on one folder, in this process."""
    clock = Clock()
    from tlbook import backbones, classifier
    from tlbook.classifier import training  # noqa: F401

    backbones.load(json.loads((folder / "shards.json").read_text("utf-8"))["backbone"])
    clock.imported()
    before = peak_memory()
    options = {"near_duplicates": near_duplicates, "progress": False, "say": lambda line: None}
    metrics = classifier.train(folder, out, **options).metrics
    clock.report(
        photos=sum(sum(split.values()) for split in metrics["photos"]["counts"].values()),
        stages=metrics["wall_seconds"],
        above_imports_megabytes=round((peak_memory() - before) / 1e6),
        near_duplicates=metrics["photos"]["near_duplicates"]["n_pairs"],
        accuracy=metrics["test"]["accuracy"],
        tested=metrics["test"]["n"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=int, nargs="*", default=[25_000, 250_000, 1_000_000])
    parser.add_argument("--backbone", default="zoo_width_50")
    parser.add_argument("--near-duplicates", default="drop", choices=["drop", "ignore"])
    parser.add_argument("--folder", type=Path, help="for the shards; default: a passing one")
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(*options.one, options.near_duplicates)
        return
    from tests.tlbook.classifier.shard_folders import synthetic

    for n in options.photos:
        with tempfile.TemporaryDirectory(dir=options.folder) as place:
            folder, out = Path(place) / "shards", Path(place) / "result"
            synthetic(folder, n, backbone=options.backbone, copies=min(1000, n // 10))
            found = fresh(
                "train_shards.py",
                *("--near-duplicates", options.near_duplicates, "--one", folder, out),
                count=1,
                cache=Path(place) / "cache",
            )
            print(json.dumps({"backbone": options.backbone, "asked": n} | found), flush=True)


if __name__ == "__main__":
    sys.exit(main())
