"""Pretrain the networks that the package ships, on drawings of every species but cat and dog.

    python tools/data/pretrain.py                  the book's backbone: about ten minutes on 4 idle cores
    python tools/data/pretrain.py zoo_width_25 …   others, by name
    python tools/data/pretrain.py zoo              the small networks of the chapter on choosing: ten minutes on 1 core
    python tools/data/pretrain.py --output X       write weights and cards somewhere else

Draws the source task, trains a network with a linear head on it, measures it on drawings
held out, and writes the weights with a model card. Everything random follows from the
seed; on one machine two runs give the same weights, on another one nearly the same
(threads add numbers up in another order).
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import functools
import hashlib
import os
import platform
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from rich.console import Console
from rich.progress import track

from tlbook._files import replacing, write_json
from tlbook.sketches import SOURCE_SPECIES, Factors, make_records, render
from tools import ROOT

DATA = ROOT / "tlbook" / "data"
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-4
BATCH = 64
DROPOUT = 0.2
WARMUP = 0.05  # share of the steps over which the learning rate rises
TASKS = {
    "species": "tell the species apart",
    "background": "tell the kinds of background apart",
    "random": "learn labels that were drawn at random, as many as there are species",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """One network to be pretrained: what it is and what it learns.

    Attributes
    ----------
    task : str
        One of TASKS: where the labels come from.
    width : float
        Of sketchnet.
    size : int
        Side of the drawings in pixels.
    species : int
        How many of the source species are drawn, the first ones.
    per_class, held_out : int
        Drawings of a species to train on and to measure on.
    epochs : int
    head : bool
        Whether the classifier is kept.
    """

    task: str = "species"
    width: float = 1.0
    size: int = 96
    species: int = len(SOURCE_SPECIES)
    per_class: int = 1000
    held_out: int = 100
    epochs: int = 10
    head: bool = False


def _small(**differs: Any) -> Source:
    """A network of the zoo: each differs in one thing from zoo_width_50."""
    return Source(**{"width": 0.5, "size": 64, "per_class": 200, "held_out": 50, "epochs": 10, "head": True} | differs)


SOURCES = {
    "sketchnet": Source(),
    "zoo_width_25": _small(width=0.25),
    "zoo_width_50": _small(),
    "zoo_width_75": _small(width=0.75),
    # As many steps as the others, on half of the species and on a tenth of the drawings.
    "zoo_half_species": _small(species=11, per_class=400),
    "zoo_few_drawings": _small(per_class=20, epochs=100),
    "zoo_backgrounds": _small(task="background"),
    "zoo_random_labels": _small(task="random"),
}
ZOO = tuple(name for name in SOURCES if name.startswith("zoo_"))


def _draw(records: list[Factors], size: int = 96) -> np.ndarray:
    return np.stack([render(record, size).image for record in records])


@functools.cache  # networks of the zoo learn from the same drawings
def draw_source(
    n_per_class: int, seed: int, workers: int, size: int = 96, species: int | None = None
) -> tuple[np.ndarray, list[Factors]]:
    """Images uint8 (n, size, size, 3) of the source species, or the first of them, and their records."""
    records = make_records(SOURCE_SPECIES[:species], n_per_class, seed)
    pieces = [records[i : i + 50] for i in range(0, len(records), 50)]
    draw = functools.partial(_draw, size=size)
    console = Console(stderr=True)
    # spawn: a forked child of a process that has loaded TensorFlow may hang.
    with get_context("spawn").Pool(workers) as pool:
        bar = track(
            pool.imap(draw, pieces), "drawing", total=len(pieces), console=console,
            transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        return np.concatenate(list(bar)), records


def label(records: list[Factors], task: str, seed: int) -> np.ndarray:
    """The class of each drawing, int64 (n,)."""
    if task == "random":
        return np.random.default_rng(seed).integers(0, len(SOURCE_SPECIES), len(records))
    if task == "species":
        return np.array([SOURCE_SPECIES.index(record.species) for record in records])
    return np.unique([record[task] for record in records], return_inverse=True)[1].astype(np.int64)


def optimizer(steps: int) -> Any:
    """AdamW whose rate rises over the first steps and falls along a cosine to 0 at the last."""
    import keras

    warmup = max(1, round(WARMUP * steps))
    rate = keras.optimizers.schedules.CosineDecay(
        LEARNING_RATE / 20, max(1, steps - warmup), warmup_target=LEARNING_RATE, warmup_steps=warmup
    )
    return keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY)


def train(images: np.ndarray, labels: np.ndarray, source: Source, seed: int):
    """Train backbone and head; returns (backbone, whole classifier)."""
    import keras

    from tlbook.backbones.architectures import sketchnet

    epochs = source.epochs
    keras.utils.set_random_seed(seed)
    backbone = sketchnet(source.size, width=source.width)
    hidden = keras.layers.Dropout(DROPOUT)(backbone.output)
    logits = keras.layers.Dense(int(labels.max()) + 1, name="logits" if source.head else "species")(hidden)
    classifier = keras.Model(backbone.input, logits)
    per_epoch = -(-len(images) // BATCH)
    classifier.compile(
        optimizer=optimizer(epochs * per_epoch),
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


def save(model, folder: Path, name: str) -> str:
    """Write the weights whole or not at all; returns their SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"{name}.weights.h5", ".weights.h5") as temporary:
        model.save_weights(temporary)
        return hashlib.sha256(temporary.read_bytes()).hexdigest()


def origin(digest: str) -> dict[str, Any]:
    """What every card ends with: when and with which versions the weights were made, their licence and SHA-256."""
    import keras

    backend = keras.backend.backend()
    return {
        "date": datetime.date.today().isoformat(),
        "versions": {
            "python": platform.python_version(),
            "keras": keras.version(),
            backend: __import__(backend).__version__,
            "numpy": np.__version__,
        },
        "licence": "CC BY 4.0",
        "sha256": digest,
    }


def measured(accuracy: Any, n: int, classes: int) -> dict[str, Any]:
    """An accuracy with its interval, as a card holds it."""
    ends = {name: round(float(getattr(accuracy, name)), 4) for name in ("value", "low", "high")}
    return {**ends, "interval": "95 % Wilson", "n": n, "classes": classes}


def with_head(backbone, classifier, source: Source):
    """The graph that the package builds, its classifier on the features, with the trained weights."""
    from tlbook.backbones.architectures import sketchnet

    model = sketchnet(source.size, width=source.width, n_classes=classifier.output_shape[-1])
    model.set_weights([*backbone.get_weights(), *classifier.layers[-1].get_weights()])
    return model


def pretrain(name: str, source: Source, seed: int, workers: int, output: Path) -> None:
    """Train one network; write its weights and its card."""

    from tlbook.evaluation import accuracy

    began = time.perf_counter()
    # The release's own seeds lie far from these, and its species are not among the sources.
    which = {"workers": workers, "size": source.size, "species": source.species}
    images, records = draw_source(source.per_class, 1000 + seed, **which)
    held_images, held_records = draw_source(source.held_out, 500_000 + seed, **which)
    labels, held_labels = (label(some, source.task, seed) for some in (records, held_records))
    print(f"{name}: {len(images)} drawings in {time.perf_counter() - began:.0f} s", flush=True)

    processor = time.process_time()
    backbone, classifier = train(images, labels, source, seed)
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    predicted = classifier.predict(held_images, batch_size=256, verbose=0).argmax(1)
    estimate = accuracy(held_labels, predicted)
    digest = save(with_head(backbone, classifier, source) if source.head else backbone, output, f"{name}-1")
    default = name == "sketchnet"
    width = "" if source.width == 1 else f", width {source.width:g}"
    card = {
        "name": f"{name}-1",
        "architecture": f"tlbook.backbones.architectures.sketchnet, {source.size} px{width}",
        "parameters": backbone.count_params(),
        "data": {
            "what": "tlbook.sketches, drawn for this training; no cat, no dog",
            "species": list(SOURCE_SPECIES[: source.species]),
            "training drawings": len(images),
            "held-out drawings": len(held_images),
        },
        "recipe": {
            "task": f"{TASKS[source.task]} (linear head, {'kept' if source.head else 'dropped afterwards'})",
            "loss": "cross-entropy",
            "optimiser": "AdamW",
            "learning rate": f"{LEARNING_RATE:g}, linear warm-up over {WARMUP:.0%} of the steps, then cosine to 0",
            "weight decay": WEIGHT_DECAY,
            "batch": BATCH,
            "epochs": source.epochs,
            "dropout before the head": DROPOUT,
            "augmentation": "horizontal flips",
            "seed": seed,
            "command": (
                f"python tools/data/pretrain.py {'' if default else f'{name} '}--per-class {source.per_class} --held-out "
                f"{source.held_out} --epochs {source.epochs} --seed {seed}"
            ),
        },
        "source-task accuracy": measured(estimate, len(held_labels), int(labels.max()) + 1),
        "wall_seconds": round(seconds),
        "process_seconds": round(processor),  # of the training alone
        **origin(digest),
    }
    write_json(output / f"{name}-1.json", card, indent=2)
    print(f"held-out accuracy {estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})")
    print(f"{seconds:.0f} s in all; wrote {name}-1.weights.h5 and {name}-1.json", flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", default=["sketchnet"], metavar="NAME", help=f"zoo for all of it, or {', '.join(SOURCES)}"
    )
    parser.add_argument("--per-class", type=int, help="training drawings of a species")
    parser.add_argument("--held-out", type=int, help="held-out drawings of a species")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--output", type=Path, default=DATA, help="folder for weights and cards")
    options = parser.parse_args(arguments)
    names = ZOO if options.names == ["zoo"] else options.names
    if unknown := set(names) - set(SOURCES):
        parser.error(f"no network {', '.join(sorted(unknown))}; there are zoo, {', '.join(SOURCES)}")
    given = {key: getattr(options, key) for key in ("per_class", "held_out", "epochs")}
    given = {key: value for key, value in given.items() if value is not None}
    for name in names:
        pretrain(name, dataclasses.replace(SOURCES[name], **given), options.seed, options.workers, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
