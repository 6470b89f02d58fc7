"""Small networks trained whole, on small drawings: for the experiments on source tasks and on cuts.

Used by extraction_or_tuning.py; nothing is recorded here.
"""

from __future__ import annotations

import functools
import hashlib
import json
import time

import numpy as np

from tlbook import backbones, datasets, evaluation, sketches, transfer
from tlbook._files import replacing
from tlbook.backbones import architectures

import keras  # isort: skip

RECIPE = {"optimizer": "adam", "schedule": "cosine", "warmup_epochs": 1, "batch_size": 32, "progress": False}
SMALL = {"size": 64, "source_per_species": 100, "target_per_class": 500, "epochs": 5, "rate": 2e-3, "batch_size": 32}


def train(model, x, y, validation, seed, epochs, rate, **recipe) -> float:
    """Fine-tune without choosing anything on validation data; processor seconds, which other programs do not change."""
    began = time.process_time()
    transfer.fine_tune(
        model, (x, y), validation, seed=seed, epochs=epochs, learning_rate=rate, **(RECIPE | recipe)
    )  # fmt: skip
    return time.process_time() - began


def predicted(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return evaluation.predictions(model.predict(x, batch_size=100, verbose=0))


def values(labels: np.ndarray, predictions: np.ndarray, **more) -> dict:
    right = predictions == labels
    return {"test_accuracy": float(right.mean()), "right": evaluation.pack_right(right), **more}


def drawn(records, size: int) -> np.ndarray:
    return np.stack([sketches.render(record, size).image for record in records])


@functools.cache
def small_source() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Drawings of the source species, with two sets of labels: what they show, and what is behind it."""
    records = sketches.make_records(sketches.SOURCE_SPECIES, SMALL["source_per_species"], seed=9100)
    labels = {
        task: np.unique([record[factor] for record in records], return_inverse=True)[1].astype(np.int64)
        for task, factor in {"species": "species", "background": "background"}.items()
    }
    return drawn(records, SMALL["size"]), labels


@functools.cache
def small_release(shift=None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    size = SMALL["size"]
    sets = {name: sketches.release_set(name, shift=shift, size=size) for name in sketches.SPLITS}
    return {name: (one.images, one.labels) for name, one in sets.items()}


@functools.cache
def small_target() -> tuple[np.ndarray, np.ndarray]:
    """Cats and dogs in plenty, of a seed that no other set has."""
    records = sketches.make_records(sketches.TARGET_SPECIES, SMALL["target_per_class"], seed=9200)
    labels = np.array([sketches.TARGET_SPECIES.index(record.species) for record in records])
    return drawn(records, SMALL["size"]), labels


@functools.cache
def small_network(task: str, seed: int) -> tuple[keras.Model, float | None]:
    """A network trained on one task of the small drawings, and its accuracy on that task's training drawings."""
    keras.utils.set_random_seed(seed)
    model = architectures.sketchnet(SMALL["size"])
    if task == "none":
        return model, None
    x, y = small_target() if task == "target" else (small_source()[0], small_source()[1][task])
    kept = datasets.cache_folder() / "extraction-or-tuning"
    kept.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(json.dumps([task, seed, SMALL, hashlib.sha256(x).hexdigest()]).encode()).hexdigest()[:16]
    classifier = transfer.attach_head(model, int(y.max()) + 1, seed=seed, frozen=False)
    file = kept / f"{task}-{seed}-{key}.weights.h5"
    if file.exists():
        classifier.load_weights(file)
    else:
        train(classifier, x, y, (x[:64], y[:64]), seed, SMALL["epochs"], SMALL["rate"], batch_size=SMALL["batch_size"])
        with replacing(file, ".weights.h5") as partial_file:
            classifier.save_weights(partial_file)
    return classifier, float((predicted(classifier, x[-500:]) == y[-500:]).mean())


def body(classifier: keras.Model) -> backbones.Backbone:
    if classifier.layers[-1].name == "head":
        classifier = keras.Model(classifier.inputs[0], classifier.layers[-2].output, name="small")
    return backbones.Backbone("small", classifier, architectures.SKETCHNET_STAGES)
