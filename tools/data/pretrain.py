"""Pretrain the book's backbone on drawings of every species but cat and dog.

    python tools/data/pretrain.py              about ten minutes on 4 idle cores
    python tools/data/pretrain.py --output X   write the weights and the card somewhere else

Draws the source task, trains `sketchnet` with a linear head to tell the species apart,
measures it on drawings held out, and writes the weights without the head, with a model
card. Everything random follows from --seed; on one machine two runs give the same weights,
on another one nearly the same (threads add numbers up in another order).
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import platform
import sys
import time
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from rich.console import Console
from rich.progress import track

from tlbook._files import replacing, write_json
from tlbook.sketches import SOURCE_SPECIES, Factors, make_records, render
from tools import ROOT

DATA = ROOT / "tlbook" / "data"
NAME = "sketchnet-1"
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-4
BATCH = 64
DROPOUT = 0.2
WARMUP = 0.05  # share of the steps over which the learning rate rises


def _draw(records: list[Factors]) -> np.ndarray:
    return np.stack([render(record).image for record in records])


def draw_source(n_per_class: int, seed: int, workers: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (n, 96, 96, 3) and labels int64 (n,) of the source species."""
    records = make_records(SOURCE_SPECIES, n_per_class, seed)
    labels = np.array([SOURCE_SPECIES.index(record.species) for record in records])
    pieces = [records[i : i + 50] for i in range(0, len(records), 50)]
    console = Console(stderr=True)
    # spawn: a forked child of a process that has loaded TensorFlow may hang.
    with get_context("spawn").Pool(workers) as pool:
        bar = track(
            pool.imap(_draw, pieces), "drawing", total=len(pieces), console=console,
            transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        return np.concatenate(list(bar)), labels


def train(images: np.ndarray, labels: np.ndarray, epochs: int, seed: int):
    """Train backbone and head; returns (backbone, whole classifier)."""
    import keras

    from tlbook.backbones.architectures import sketchnet

    keras.utils.set_random_seed(seed)
    backbone = sketchnet()
    hidden = keras.layers.Dropout(DROPOUT)(backbone.output)
    logits = keras.layers.Dense(len(SOURCE_SPECIES), name="species")(hidden)
    classifier = keras.Model(backbone.input, logits)
    per_epoch = -(-len(images) // BATCH)
    warmup = max(1, round(WARMUP * epochs * per_epoch))
    rate = keras.optimizers.schedules.CosineDecay(
        LEARNING_RATE / 20,
        max(1, epochs * per_epoch - warmup),
        warmup_target=LEARNING_RATE,
        warmup_steps=warmup,
    )
    classifier.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        began = time.perf_counter()
        order = rng.permutation(len(images))
        flips = rng.random(len(images)) < 0.5
        totals = np.zeros(2)
        for start in range(0, len(images), BATCH):
            chosen = order[start : start + BATCH]
            batch = images[chosen].astype(np.float32)
            flipped = flips[chosen]
            batch[flipped] = batch[flipped, :, ::-1]
            metrics = classifier.train_on_batch(batch, labels[chosen], return_dict=True)
            totals += len(chosen) * np.array([metrics["loss"], metrics["accuracy"]])
            # Whether Keras adds batches up by itself differs between versions.
            classifier.reset_metrics()
        loss, share = totals / len(images)
        print(
            f"epoch {epoch + 1}/{epochs}: loss {loss:.3f}, training accuracy {share:.3f}, "
            f"{time.perf_counter() - began:.0f} s",
            flush=True,
        )
    return backbone, classifier


def save(backbone, folder: Path) -> str:
    """Write the weights whole or not at all; returns their SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"{NAME}.weights.h5", ".weights.h5") as temporary:
        backbone.save_weights(temporary)
        return hashlib.sha256(temporary.read_bytes()).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-class", type=int, default=1000, help="training drawings of a species")
    parser.add_argument("--held-out", type=int, default=100, help="held-out drawings of a species")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--output", type=Path, default=DATA, help="folder for weights and card")
    options = parser.parse_args(arguments)

    began = time.perf_counter()
    # The release's own seeds lie far from these, and its species are not among the sources.
    images, labels = draw_source(options.per_class, 1000 + options.seed, options.workers)
    held_images, held_labels = draw_source(options.held_out, 500_000 + options.seed, options.workers)
    drawn = time.perf_counter() - began
    print(f"{len(images)} drawings in {drawn:.0f} s", flush=True)

    import keras

    from tlbook.evaluation import accuracy

    backbone, classifier = train(images, labels, options.epochs, options.seed)
    seconds = time.perf_counter() - began
    predicted = classifier.predict(held_images, batch_size=256, verbose=0).argmax(1)
    estimate = accuracy(held_labels, predicted)
    digest = save(backbone, options.output)
    card = {
        "name": NAME,
        "architecture": "tlbook.backbones.architectures.sketchnet, 96 px",
        "parameters": backbone.count_params(),
        "data": {
            "what": "tlbook.sketches, drawn for this training; no cat, no dog",
            "species": list(SOURCE_SPECIES),
            "training drawings": len(images),
            "held-out drawings": len(held_images),
        },
        "recipe": {
            "task": "tell the species apart (linear head, dropped afterwards)",
            "loss": "cross-entropy",
            "optimiser": "AdamW",
            "learning rate": f"{LEARNING_RATE:g}, linear warm-up over {WARMUP:.0%} of the steps, then cosine to 0",
            "weight decay": WEIGHT_DECAY,
            "batch": BATCH,
            "epochs": options.epochs,
            "dropout before the head": DROPOUT,
            "augmentation": "horizontal flips",
            "seed": options.seed,
            "command": (
                f"python tools/data/pretrain.py --per-class {options.per_class} --held-out "
                f"{options.held_out} --epochs {options.epochs} --seed {options.seed}"
            ),
        },
        "source-task accuracy": {
            "value": round(float(estimate.value), 4),
            "low": round(float(estimate.low), 4),
            "high": round(float(estimate.high), 4),
            "interval": "95 % Wilson",
            "n": len(held_labels),
        },
        "wall_seconds": round(seconds),
        "date": datetime.date.today().isoformat(),
        "versions": {
            "python": platform.python_version(),
            "keras": keras.version(),
            keras.backend.backend(): __import__(keras.backend.backend()).__version__,
            "numpy": np.__version__,
        },
        "licence": "CC BY 4.0",
        "sha256": digest,
    }
    write_json(options.output / f"{NAME}.json", card, indent=2)
    print(f"held-out accuracy {estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})")
    print(f"{seconds:.0f} s in all; wrote {NAME}.weights.h5 and {NAME}.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
