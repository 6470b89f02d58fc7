"""Does the order of the methods hold on drawings that nothing was tuned on? Six arms, tested on the second release.

The drawings, the sizes of the sets, one augmentation and one learning rate were tuned with the first test set in view
(comparison.py). Here nothing is: each row belongs to a part.

choice  of the learning rate, on validation data. Every arm begins with rates about three times apart, and one run at each, of
        a seed that the runs to be tested do not have. While the lowest validation loss is at an end of the grid, one rate is
        added beyond it, before the arm is tested. The rate with the lowest validation loss is taken.
test    runs with the rate taken, tested on the second release of test sketches, which nothing was tuned on: five, or three of
        what takes long (from scratch, and LP-FT of all stages).

For all arms alike the rate falls by a cosine after one epoch of warm-up, training ends after 60 epochs or after 12 without a
lower validation loss, the weights of the best epoch are kept, and batches have 32 images, from scratch 16. Augmentation is in
the arm alone that names it: strong, as in comparison.py. "head only"
trains a random head on the standardised features. The linear probe has no rate: its penalty is chosen on the same validation
images, and nothing in it is random, so its rows agree. The rows of the part "test" also hold what the same classifiers get on
the first test set.

Planned are comparisons of neighbours, in the order: from scratch with augmentation, a head trained alone, the linear probe, the
last stage fine-tuned, all stages fine-tuned.
"""

from __future__ import annotations

import functools

from experiments import methods
from experiments.material import Material, Pair, View
from experiments.methods import COMMON
from experiments.runner import table
from tlbook import datasets, results, transfer

import keras  # isort: skip

ABOUT = {
    "sketches": "Six ways of training on 240 sketches; rates chosen on validation data, tested on the second release"
}
MATERIAL = Material("sketches", 96)
RECIPE = COMMON | {"epochs": 60, "patience": 12, "restore_best": True, "batch_size": 32}
GRIDS = {
    "head only": [1e-3, 3e-3, 1e-2, 3e-2],
    "LP-FT, last stage": [2e-4, 6e-4, 2e-3, 6e-3, 2e-2],
    "LP-FT": [2e-4, 6e-4, 2e-3, 6e-3],
    "from scratch": [7e-4, 2e-3, 6e-3],
    "from scratch, augmented": [7e-4, 2e-3, 6e-3],
}
LONG = ("LP-FT", "from scratch", "from scratch, augmented")
CHOICE_SEED = 100
FIRST = "first release"


def rows(dataset: str):
    settings = "part method rate seed"
    for method, rates in GRIDS.items():
        yield from table(settings, "choice", method, [f"{rate:g}" for rate in rates], CHOICE_SEED)
        yield from table(settings, "test", method, "chosen", range(3 if method in LONG else 5))
    yield from table(settings, "test", "linear probe", "chosen", range(5))


def conditions(dataset: str) -> dict:
    found, fresh = MATERIAL.conditions(), second()
    found["data"]["second release"], found["images"]["second release"] = fresh.fingerprint, len(fresh)
    return found | {"recipe": RECIPE, "input_size": MATERIAL.size}


@functools.cache
def second() -> datasets.Split:
    return datasets.load("sketches-2").test


@functools.cache
def seen_by(method: str) -> View:
    """What the trained part gets: features, or activations below the last stage; the second release is the test split."""
    first, fresh = MATERIAL.images(), second()
    images = {"train": first["train"], "validation": first["validation"]}
    images |= {"test": (fresh.images(MATERIAL.size), fresh.labels), FIRST: first["test"]}
    if method == "linear probe":
        return {name: (MATERIAL.extract(x), y) for name, (x, y) in images.items()}
    if method == "head only":
        return standardised(seen_by("linear probe"))
    if method in LONG:
        return images
    low, _ = transfer.split_model(MATERIAL.backbone, MATERIAL.backbone.stages[-2])
    return {name: (low.predict(x, batch_size=64, verbose=0), y) for name, (x, y) in images.items()}


def standardised(view: View) -> View:
    """By mean and spread of the training features."""
    mean, spread = view["train"][0].mean(axis=0), view["train"][0].std(axis=0) + 1e-6

    def scaled(pair: Pair) -> Pair:
        return (pair[0] - mean) / spread, pair[1]

    return {name: scaled(pair) for name, pair in view.items()}


@functools.cache
def probe() -> methods.Trained:
    features = seen_by("linear probe")
    return methods.probe(features["train"], features["validation"])


def chosen(method: str) -> float:
    """The rate with the lowest validation loss; needs the rows of the part "choice"."""
    tried = results.load("headline").select(part="choice", method=method)
    if len(tried) < len(GRIDS[method]):
        raise ValueError(f"{method} has {len(tried)} of {len(GRIDS[method])} rates: compute the part choice first")
    return float(min(tried, key=lambda row: row["validation_loss"])["rate"])


def measure(dataset: str, part: str, method: str, rate: str, seed: int) -> dict:
    view = seen_by(method)
    if method == "linear probe":
        return tested(probe(), view)
    learning_rate = float(rate) if part == "choice" else chosen(method)
    trained = fit(method, view, seed, RECIPE | {"learning_rate": learning_rate})
    if part == "test":
        return tested(trained, view) | {"learning_rate": learning_rate}
    row = methods.values(trained, view["validation"])
    row["validation_accuracy"] = row.pop("test_accuracy")
    del row["right"]
    return row


def tested(trained: methods.Trained, view: View) -> dict:
    return methods.values(trained, view["test"], **{FIRST: view[FIRST]})


def fit(method: str, view: View, seed: int, recipe: dict) -> methods.Trained:
    if method == "head only":
        keras.utils.set_random_seed(seed)
        start = keras.initializers.GlorotUniform(seed=seed)
        head = keras.layers.Dense(2, kernel_initializer=start, name="head")
        model = keras.Sequential([keras.Input(view["train"][0].shape[1:]), head])
        return methods.train(model, view["train"], view["validation"], seed, **recipe)
    if method.startswith("from scratch"):
        augmentation = methods.strong(seed) if method == "from scratch, augmented" else None
        recipe = recipe | {"batch_size": 16, "augmentation": augmentation}
        return methods.from_scratch(view["train"], view["validation"], seed, **recipe)
    if method == "LP-FT":
        begin = probe().classifier
        return methods.lp_ft(MATERIAL.backbone, view["train"], view["validation"], seed, fitted=begin, **recipe)
    _, upper = transfer.split_model(MATERIAL.backbone, MATERIAL.backbone.stages[-2])
    return methods.lp_ft(upper, view["train"], view["validation"], seed, fitted=probe().classifier, **recipe)
