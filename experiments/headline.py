"""Does the order of the methods hold on drawings that nothing was tuned on? Five arms, tested on the second release.

The drawings, the sizes of the sets, one augmentation and one learning rate were tuned with the first test set in view
(comparison.py). Here nothing is: each row belongs to a part.

choice  of the learning rate, on validation data. Every arm that starts from pretrained weights begins with rates about three
        times apart, and one run at each, of a seed that the runs to be tested do not have. While the lowest validation loss is
        at an end of the grid, one rate is added beyond it, before the arm is tested. The rate with the lowest validation loss is
        taken.
test    five runs with the rate taken, tested on the second release of test sketches, which nothing was tuned on.

For all arms alike the rate falls by a cosine after one epoch of warm-up and the weights of the epoch with the lowest validation
loss are kept. What starts from pretrained weights ends after 60 epochs or after 12 without a lower validation loss, in batches of
32, and is not augmented. Training from scratch is the best of comparison.py, with strong augmentation: 100 epochs, here ended
after 25 without a lower validation loss. Its rate and batch size had the lowest validation loss of a few there, with accuracies
on the first test set in view, which favours it, if anything. "head only" trains a random head on the standardised features. The
linear probe has no rate: its penalty is chosen on the same validation images, and nothing in it is random, so its rows agree. The
rows of the part "test" also hold what the same classifiers get on the first test set.

Planned are four comparisons of neighbours, which share the level of 5 %: the linear probe against training from scratch, the
probe against a head trained alone, the last stage against the probe, all stages against the last. The second and the third were
made first; the others were planned before their arms were run. The first was looked at when one of its five runs was ready.
"""

from __future__ import annotations

import functools

from experiments import methods
from experiments.material import Material, Pair, View
from experiments.methods import COMMON, SCRATCH_AUGMENTED
from experiments.runner import table
from tlbook import datasets, results, transfer

import keras  # isort: skip

ABOUT = {
    "sketches": "Five ways of training on 240 sketches; rates chosen on validation data, tested on the second release"
}
MATERIAL = Material("sketches", 96)
RECIPE = COMMON | {"epochs": 60, "patience": 12, "restore_best": True, "batch_size": 32}
FROM_SCRATCH = RECIPE | SCRATCH_AUGMENTED | {"patience": 25}
GRIDS = {
    "head only": [1e-3, 3e-3, 1e-2, 3e-2],
    "LP-FT, last stage": [2e-4, 6e-4, 2e-3, 6e-3, 2e-2],
    "LP-FT": [2e-4, 6e-4, 2e-3, 6e-3],
}
AUGMENTED = "from scratch, augmented"
CHOICE_SEED = 100
FIRST = "first release"


def rows(dataset: str):
    settings = "part method rate seed"
    for method, rates in GRIDS.items():
        yield from table(settings, "choice", method, [f"{rate:g}" for rate in rates], CHOICE_SEED)
    yield from table(settings, "test", [*GRIDS, "linear probe", AUGMENTED], "chosen", range(5))


def conditions(dataset: str) -> dict:
    found, fresh = MATERIAL.conditions(), second()
    found["data"]["second release"], found["images"]["second release"] = fresh.fingerprint, len(fresh)
    return found | {"recipe": RECIPE, "recipe_from_scratch": FROM_SCRATCH, "input_size": MATERIAL.size}


@functools.cache
def second() -> datasets.Split:
    return datasets.load("sketches-2").test


@functools.cache
def seen_by(method: str) -> View:
    """What the trained part gets: images, features, or activations below the last stage; the second release is the test split."""
    first, fresh = MATERIAL.images(), second()
    images = {"train": first["train"], "validation": first["validation"]}
    images |= {"test": (fresh.images(MATERIAL.size), fresh.labels), FIRST: first["test"]}
    if method == "linear probe":
        return {name: (MATERIAL.extract(x), y) for name, (x, y) in images.items()}
    if method == "head only":
        return standardised(seen_by("linear probe"))
    if method in ("LP-FT", AUGMENTED):
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
    """The rate with the lowest validation loss; needs the rows of the part "choice", and a best rate inside the grid."""
    tried = results.load("headline").select(part="choice", method=method)
    if len(tried) < len(GRIDS[method]):
        raise ValueError(f"{method} has {len(tried)} of {len(GRIDS[method])} rates: compute the part choice first")
    best = float(min(tried, key=lambda row: row["validation_loss"])["rate"])
    if best in (min(GRIDS[method]), max(GRIDS[method])):
        raise ValueError(f"{method} is best at {best:g}, an end of its grid: add a rate beyond it to GRIDS")
    return best


def measure(dataset: str, part: str, method: str, rate: str, seed: int) -> dict:
    view = seen_by(method)
    if method == "linear probe":
        return tested(probe(), view)
    if method == AUGMENTED:
        trained = methods.from_scratch(
            view["train"], view["validation"], seed, augmentation=methods.strong(seed), **FROM_SCRATCH
        )
        return tested(trained, view) | {"learning_rate": FROM_SCRATCH["learning_rate"]}
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
    if method == "LP-FT":
        begin = probe().classifier
        return methods.lp_ft(MATERIAL.backbone, view["train"], view["validation"], seed, fitted=begin, **recipe)
    _, upper = transfer.split_model(MATERIAL.backbone, MATERIAL.backbone.stages[-2])
    return methods.lp_ft(upper, view["train"], view["validation"], seed, fitted=probe().classifier, **recipe)
