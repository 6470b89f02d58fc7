"""A linear probe on a synthetic table: scikit-learn in memory against the fit that streams, each in a fresh process.

    python benchmarks/one_fit.py ROWS FEATURES CLASSES memory|streaming [--folder DIR]

Prints one line of JSON: processor seconds of the fit on one BLAS thread, how large the process was at most, the chosen C and
its validation loss and accuracy. The table is float16 in a file, memory-mapped. tlbook.transfer.probe.LARGEST_IN_MEMORY is the
size from which on streaming takes no longer.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import peak_memory

from tlbook.transfer import linear_probe, probe

PART = 1_000


def draw(rows: int, features: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Correlated features of which half are 0, as after a ReLU, and labels."""
    world, rng = np.random.default_rng(7), np.random.default_rng(seed)
    mixing = world.normal(size=(64, features)).astype(np.float32) * 0.09
    scale = np.exp(world.normal(size=features)).astype(np.float32)
    labels = rng.integers(0, classes, rows)
    hidden = rng.normal(size=(rows, 64)).astype(np.float32)
    hidden[np.arange(rows), labels] += 1.2
    noise = rng.normal(size=(rows, features)).astype(np.float32)
    return np.maximum((hidden @ mixing + noise) * scale, 0).astype(np.float16), labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("rows", "features", "classes"):
        parser.add_argument(name, type=int)
    parser.add_argument("way", choices=["memory", "streaming"])
    parser.add_argument(
        "--folder", type=Path, help="for the table, as large as 2 bytes a number; default: a passing one"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "table.npy"
        shape = options.rows, options.features
        table, labels = np.lib.format.open_memmap(path, "w+", np.float16, shape), np.empty(options.rows, np.int64)
        for part, start in enumerate(range(0, options.rows, PART)):
            end = min(start + PART, options.rows)
            table[start:end], labels[start:end] = draw(end - start, options.features, options.classes, part)
        del table
        held = draw(5000, options.features, options.classes, 10**6)
        probe.LARGEST_IN_MEMORY = 10**15 if options.way == "memory" else 0
        began = time.process_time()
        fitted = linear_probe(np.load(path, mmap_mode="r"), labels, *held)
        seconds = time.process_time() - began
    values = {
        "process_seconds": round(seconds, 2),
        "peak_megabytes": round(peak_memory() / 1e6),
        "C": fitted.C,
        "validation_loss": fitted.validation_losses[fitted.C],
        "validation_accuracy": fitted.validation_score,
    }
    print(json.dumps({"rows": options.rows, "features": options.features, "classes": options.classes} | values))


if __name__ == "__main__":
    main()
