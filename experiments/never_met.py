"""The world changes after the test: what repairs a classifier without labels, and what does a class cost that comes later?

Each row belongs to a part:

repair   a classifier of a hundred labelled images (LP-FT, batch normalisation held), tested on shifted images: as it is, its
         linear probe, the mean of both weights (WiSE-FT), answers averaged over an image and its mirror image, and batch
         normalisation's statistics estimated again from unlabelled images that are shifted alike (variant: of what, or how many
         images the old statistics count for).
class    (sketches) a third class comes later, with few images: by the nearest class mean, by a probe fitted anew, by training on.
         A seed draws the images and chooses the species. Besides the test accuracy on all three classes, each counted once, a
         row says the share of old images that are still right, and of new ones.

A seed is a choice of the hundred images and an order of the batches. The recipe is that of fine_tuning.py on a hundred images;
nothing was tuned for a repair, and every setting is shown. Strengths of the dials were chosen so that the probe of the record
"evaluation" is right on 0.7 to 0.9 of the drawings. The drawings that a model is adapted to are not those that are tested. Here
they are smaller than there (64 px), which makes them harder.
"""

from __future__ import annotations

import functools

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from experiments import methods
from experiments.material import Material, Pair, redrawn, some
from experiments.methods import COMMON
from experiments.runner import table
from tlbook import evaluation, sketches, transfer

import keras  # isort: skip

ABOUT = {
    "sketches": "Test accuracy on shifted drawings with repairs that need no labels; and of a class that comes later"
}
SETTING = {"input_size": 64, "few": 100, "epochs": 8, "learning_rate": 5e-4, "tested": 200}
SEEDS = range(5)
RECIPE = COMMON | {"batch_size": 32, "restore_best": True}
TUNING = RECIPE | {name: SETTING[name] for name in ("epochs", "learning_rate")}
STRENGTHS = {"rotated": 0.4, "dark": 0.85, "blurred": 0.35, "noisy": 0.4, "gamma": 1.0, "occluded": 0.75, "small": 0.6}
SHIFTS = ["none", *STRENGTHS]
M = Material("sketches", 64)
WISE, BATCH_NORM = "WiSE-FT", "BatchNorm again"
COUNTS = [8, 256]
LATER = {
    "images": [1, 5, 20],
    "tested": 100,
    "species": ["rabbit", "fox", "owl", "cow", "penguin"],
    "C": 0.01,
}
SOURCE = 9700  # seeds of drawings that no other set has


def rows(dataset: str):
    row = functools.partial(table, "part method variant shift images seed")
    for seed in SEEDS:  # networks one after another: each is kept for its rows
        for shift in SHIFTS:
            yield from row("repair", ["probe", "LP-FT", "two views", WISE], "-", shift, 0, seed)
            yield from row("repair", BATCH_NORM, "both classes", shift, COUNTS, seed)
            yield from row("repair", BATCH_NORM, "one class", shift, 128, seed)
            yield from row("repair", BATCH_NORM, "old count 32", shift, 8, seed)
        ways = ["class means", "probe", "probe, balanced", "trained on the new", "trained on all"]
        yield from row("class", ways, LATER["species"][seed], "none", LATER["images"], seed)


def conditions(dataset: str) -> dict:
    return M.conditions() | {"setting": SETTING, "recipe": RECIPE, "strengths": STRENGTHS, "later": LATER}


def measure(dataset: str, part: str, method: str, variant: str, shift: str, images: int, seed: int) -> dict:
    if part == "class":
        return later(method, variant, images, seed)
    test = tested(shift)
    probe, tuned = networks(seed)
    match method:
        case "probe":
            return scored(probe, test)
        case "LP-FT":
            return scored(tuned, test)
        case "WiSE-FT":
            return scored(transfer.average_weights([probe, tuned]), test)
        case "two views":
            return scored(tuned, test, mirrored=True)
    unlabelled = adapted_to(shift, images, seed, one_class=variant == "one class")
    prior = 32.0 if variant == "old count 32" else 0.0
    return scored(transfer.adapt_batch_norm(tuned, unlabelled, prior=prior), test)


@functools.lru_cache(maxsize=1)
def networks(seed: int) -> tuple[keras.Model, keras.Model]:
    """The probe's classifier, and what fine-tuning made of it."""
    train, validation, _ = M.few(M.features, SETTING["few"], seed)
    fitted = methods.probe(train, validation).classifier
    images, held, _ = M.few(M.images(), SETTING["few"], seed)
    tuned = methods.lp_ft(M.backbone, images, held, seed, fitted=fitted, **TUNING).classifier
    return transfer.attach_head(M.backbone, fitted), tuned


@functools.cache
def carrier() -> keras.Model:
    """One model that takes the weights of every other: Keras compiles a new one for seconds."""
    return transfer.attach_head(M.backbone, 2)


def scored(model: keras.Model, test: Pair, *, mirrored: bool = False) -> dict:
    network = carrier()
    network.set_weights(model.get_weights())
    x, y = test
    several = [x, np.flip(x, axis=2)] if mirrored else [x]
    logits = evaluation.average_views([network.predict(one, batch_size=100, verbose=0) for one in several])
    right = evaluation.predictions(logits) == y
    return {"test_accuracy": float(right.mean()), "right": evaluation.pack_right(right)}


# ---- images ----


@functools.cache
def tested(shift: str) -> Pair:
    return redrawn("test", dial(shift), M.size, some(SETTING["tested"]))


def dial(shift: str) -> sketches.Shift:
    return sketches.rotated(0) if shift == "none" else sketches.SHIFTS[shift](STRENGTHS[shift])


def adapted_to(shift: str, n: int, seed: int, *, one_class: bool) -> np.ndarray:
    x, y = unlabelled(shift, seed)
    rows = np.flatnonzero(y == 0) if one_class else np.arange(len(y))
    return x[rows[:n]]


@functools.lru_cache(maxsize=1)
def unlabelled(shift: str, seed: int) -> Pair:
    """128 of each class, in an order without meaning."""
    one = sketches.make_set(sketches.TARGET_SPECIES, 128, seed=SOURCE + seed, size=M.size, shift=dial(shift))
    order = np.random.default_rng(seed).permutation(len(one))
    return one.images[order], one.labels[order]


# ---- a class that comes later ----


@functools.lru_cache(maxsize=2)
def newcomer(species: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Drawings of a third species, to learn from and to be tested on."""
    learned = sketches.make_set((species,), max(LATER["images"]), seed=SOURCE + 100 + seed, size=M.size)
    test = sketches.make_set((species,), LATER["tested"], seed=SOURCE + 200, size=M.size)
    return learned.images, test.images


def later(method: str, species: str, n: int, seed: int) -> dict:
    if method.startswith("trained"):
        return trained_on(method, species, n, seed)
    at = features_of(seed)
    (x, y), added = at["train"], at["new"][0][:n]
    x, y = np.concatenate([x, added]), np.concatenate([y, np.full(n, 2)])
    model = {
        "class means": NearestCentroid(),
        "probe": LogisticRegression(C=LATER["C"], max_iter=2000),
        "probe, balanced": LogisticRegression(C=LATER["C"], max_iter=2000, class_weight="balanced"),
    }[method]
    fitted = make_pipeline(StandardScaler(), model).fit(x, y)
    return _later({name: fitted.predict(at[name][0]) == at[name][1] for name in ("test", "new test")})


def trained_on(method: str, species: str, n: int, seed: int) -> dict:
    """All weights, with a third column of zeros in the head; the new images are repeated to be as many as an old class."""
    train, held, test = M.few(M.images(), SETTING["few"], seed)
    new, new_test = newcomer(species, seed)
    x = new[np.arange(len(train[0]) // 2) % n]
    y = np.full(len(x), 2)
    if method == "trained on all":
        x, y = np.concatenate([train[0], x]), np.concatenate([train[1], y])
    _, tuned = networks(seed)
    model = transfer.attach_head(body_of(tuned), 3)
    kernel, bias = tuned.get_layer("head").get_weights()
    model.get_layer("head").set_weights([np.pad(kernel, ((0, 0), (0, 1))), np.pad(bias, (0, 1))])
    transfer.unfreeze(model)
    few_held = (held[0][:32], held[1][:32])  # decide nothing
    trained = methods.train(model, (x, y), few_held, seed, **TUNING | {"restore_best": False})
    return _later({"old": trained.predict(test[0]) == test[1], "new": trained.predict(new_test) == 2})


@functools.lru_cache(maxsize=1)
def features_of(seed: int) -> dict[str, Pair]:
    """Of old and new drawings, by the network that was fine-tuned on the old ones."""
    train, _, test = M.few(M.images(), SETTING["few"], seed)
    new, new_test = newcomer(LATER["species"][seed], seed)
    body = body_of(networks(seed)[1])
    sets = {
        "train": train,
        "test": test,
        "new": (new, np.full(len(new), 2)),
        "new test": (new_test, np.full(len(new_test), 2)),
    }
    return {name: (body.predict(x, batch_size=100, verbose=0), y) for name, (x, y) in sets.items()}


def body_of(classifier: keras.Model) -> keras.Model:
    return keras.Model(classifier.inputs[0], classifier.get_layer("head").input)


def _later(right: dict[str, np.ndarray]) -> dict:
    old, new = (float(one.mean()) for one in right.values())
    row = {"test_accuracy": round((2 * old + new) / 3, 6), "accuracy old": old, "accuracy new": new}
    packed = zip(("right old", "right new"), map(evaluation.pack_right, right.values()), strict=True)
    return row | dict(packed)
