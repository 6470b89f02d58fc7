"""Small networks trained whole, on small drawings: for the parts "source" and "cut" of extraction_or_tuning.py."""

from __future__ import annotations

import functools
import hashlib
import json

import numpy as np

from experiments import methods
from experiments.material import Pair, View
from experiments.methods import COMMON
from tlbook import backbones, datasets, sketches, transfer
from tlbook._files import replacing
from tlbook.backbones import architectures

import keras  # isort: skip

RECIPE = COMMON | {"batch_size": 32}
SMALL = {
    "input_size": 64, "source_per_species": 100, "target_per_class": 500, "epochs": 5, "learning_rate": 2e-3, "batch_size": 32,
}  # fmt: skip
LONG = RECIPE | {name: SMALL[name] for name in ("epochs", "learning_rate", "batch_size")}


@functools.cache
def drawings(task: str) -> Pair:
    """Cats and dogs in plenty, or the source species with labels of what they show, or of what is behind it."""
    if task == "target":
        species, n, seed, factor = sketches.TARGET_SPECIES, SMALL["target_per_class"], 9200, "species"
    else:
        species, n, seed, factor = sketches.SOURCE_SPECIES, SMALL["source_per_species"], 9100, task
    records = sketches.make_records(species, n, seed=seed)  # of seeds that no other set has
    labels = np.unique([record[factor] for record in records], return_inverse=True)[1].astype(np.int64)
    return np.stack([sketches.render(record, SMALL["input_size"]).image for record in records]), labels


@functools.cache
def release() -> View:
    """The splits of the sketches, drawn small."""
    sets = {name: sketches.release_set(name, size=SMALL["input_size"]) for name in sketches.SPLITS}
    return {name: (one.images, one.labels) for name, one in sets.items()}


@functools.cache
def network(task: str, seed: int) -> tuple[keras.Model, float | None]:
    """A network trained on one task of the small drawings, and its accuracy on that task's training drawings.

    The weights of a trained one are kept in the cache: several rows and processes start from it.
    """
    keras.utils.set_random_seed(seed)
    model = architectures.sketchnet(SMALL["input_size"])
    if task == "random weights":
        return model, None
    x, y = drawings(task)
    kept = datasets.cache_folder() / "extraction-or-tuning"
    kept.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(json.dumps([task, seed, SMALL, hashlib.sha256(x).hexdigest()]).encode()).hexdigest()[:16]
    classifier = transfer.attach_head(model, int(y.max()) + 1, seed=seed, frozen=False)
    file = kept / f"{task}-{seed}-{key}.weights.h5"
    if file.exists():
        classifier.load_weights(file)
    else:
        methods.train(classifier, (x, y), (x[:64], y[:64]), seed, **LONG)
        with replacing(file, ".weights.h5") as partial_file:
            classifier.save_weights(partial_file)
    right = methods.Trained(classifier).predict(x[-500:]) == y[-500:]
    return classifier, float(right.mean())


def body(classifier: keras.Model) -> backbones.Backbone:
    """A network without its head, if it has one."""
    if classifier.layers[-1].name == "head":
        classifier = keras.Model(classifier.inputs[0], classifier.layers[-2].output, name="small")
    return backbones.Backbone("small", classifier, architectures.SKETCHNET_STAGES)
