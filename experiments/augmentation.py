"""Which augmentation helps, and which regulariser? Each alone and together, by ways of training, over seeds.

Each row belongs to a part:

augmentation     one change of the training images: from scratch (a small CNN on small sketches), by LP-FT on few images, and by a
                 linear probe on the features of the same few images and of changed copies of them
number of views  the probe over the number of copies, by the standard augmentation
test time        a probe trained on the images as they are, answering for several views of each test image
regularisation   no augmentation; dropout, L2, weight decay, label smoothing, epochs, over strengths: LP-FT, and a head trained
                 alone on cached features

LP-FT of sketches is also tested on drawings turned by 60 degrees either way, darkened and noisy. On photos a run takes longer and
the effects are smaller, so few settings are tried there.
"""

from __future__ import annotations

import functools
import time

import numpy as np

from experiments import methods
from experiments.material import Material, Pair, redrawn, some
from experiments.methods import COMMON
from experiments.runner import DATASETS, table
from tlbook import augmentation, evaluation, sketches, transfer

import keras  # isort: skip

ABOUT = dict.fromkeys(
    DATASETS,
    "Test accuracy with each augmentation and each regulariser, alone and together, by ways of training, over seeds",
)
SETTINGS = {
    "sketches": {"input_size": 96, "few": 80, "validation": 100, "epochs": 10, "learning_rate": 5e-4, "seeds": 5},
    "photos": {"input_size": 96, "few": 80, "validation": 100, "epochs": 5, "learning_rate": 1e-4, "seeds": 3},
}
MATERIAL = {name: Material(name, 96, take=(("validation", 100),)) for name in SETTINGS}
FEW = 80
SCRATCH = {"input_size": 48, "epochs": 40, "learning_rate": 2e-3, "batch_size": 24}
RECIPE = COMMON | {"batch_size": 20, "restore_best": True}
PLAIN = {"epochs": 10, "restore_best": False, "schedule": "constant", "warmup_epochs": 0}
"""What the regularisers are compared with stops nowhere and restores nothing."""
SHIFTS = (sketches.rotated(0.5), sketches.dark(0.7), sketches.noisy(0.4))
SHIFTED = 300  # drawings of the test set, shifted
VIEWS = 4
ALONE = tuple(augmentation.CATALOGUE)
ALL = tuple(name for name in ALONE if name not in ("MixUp", "CutMix", "RandAugment"))
WIDE = "rotation, wide"  # up to 90 degrees either way
AUGMENTED = ("none", *ALONE, "standard", "all", WIDE)
VIEWED = tuple(name for name in AUGMENTED if name not in ("MixUp", "CutMix"))
LEFT_OUT = ("translation", "brightness", "contrast", "gamma", "blur", "CutMix", "RandAugment", WIDE)
SCRATCHED = tuple(name for name in AUGMENTED if name not in LEFT_OUT)  # a run takes longer
TOGETHER = {"dropout": 0.5, "L2": 0.1, "label smoothing": 0.05}
STRENGTHS = {
    "dropout": (0.2, 0.5, 0.8),
    "L2": (0.01, 0.1, 1.0),
    "weight decay": (1.0, 10.0),
    "label smoothing": (0.05, 0.2),
    "epochs": (1, 3, 20),
    "early stopping": (3,),
}
REGULARISED = ("none", *(f"{kind}={s:g}" for kind, each in STRENGTHS.items() for s in each), "together")


def rows(dataset: str):
    row, seeds = functools.partial(table, "part method change seed"), range(SETTINGS[dataset]["seeds"])
    photos = dataset == "photos"
    yield from row("augmentation", "LP-FT", ("none", "standard") if photos else AUGMENTED, seeds)
    yield from row("augmentation", "linear probe", VIEWED, seeds)
    yield from row("number of views", "linear probe", ("0", "1", "2", "4", "8", "16"), range(5))
    yield from row("test time", "linear probe", ("none", "mirrored", "standard"), range(5))
    if not photos:
        yield from row("augmentation", "from scratch", SCRATCHED, range(5))
        yield from row("regularisation", ("LP-FT", "head only"), REGULARISED, range(5))


def conditions(dataset: str) -> dict:
    found = MATERIAL[dataset].conditions()
    found["images"]["shifted"] = SHIFTED
    return (
        found
        | {
            "recipe": RECIPE,
            "strengths": {name: list(entry.strengths) for name, entry in augmentation.CATALOGUE.items()},
            "setting": SETTINGS[dataset],
            "regularised": PLAIN,
            "views": VIEWS,
            "shifts": [repr(shift) for shift in SHIFTS],
        }
        | ({"from_scratch": SCRATCH} if dataset == "sketches" else {})
    )


def measure(dataset: str, part: str, method: str, change: str, seed: int) -> dict:
    began = time.process_time()
    measured = {
        ("augmentation", "from scratch"): from_scratch,
        ("augmentation", "LP-FT"): augmented,
        ("augmentation", "linear probe"): probe_on_views,
        ("number of views", "linear probe"): probe_on_views,
        ("test time", "linear probe"): at_test_time,
        ("regularisation", "LP-FT"): regularised,
        ("regularisation", "head only"): head_regularised,
    }[part, method](MATERIAL[dataset], change, seed)
    return measured | {"process_seconds": round(time.process_time() - began, 1)}  # of the whole row


def layers(name: str, size: int, seed: int) -> keras.layers.Layer | None:
    """The augmentation of a row, in its medium strength; "all" are mild."""
    if name == "none":
        return None
    if name == "standard":
        return augmentation.standard(seed)
    if name == "all":
        return augmentation.combined(ALL, 0, size=size, seed=seed)
    if name == WIDE:
        return augmentation.make("rotation", 0.25, size=size, seed=seed)
    return augmentation.make(name, size=size, seed=seed)


def regularisers(name: str) -> dict:
    """Arguments of a training run for ``KIND=STRENGTH``, or for several together."""
    kind, _, strength = name.partition("=")
    if kind == "none":
        return {}
    if kind == "together":
        return {key: value for one, s in TOGETHER.items() for key, value in regularisers(f"{one}={s}").items()}
    if kind == "epochs":
        return {"epochs": int(strength)}
    if kind == "early stopping":
        return {"epochs": 20, "patience": int(strength), "restore_best": True}
    if kind == "weight decay":
        return {"optimizer": "adamw", "weight_decay": float(strength)}
    return {{"dropout": "dropout", "L2": "l2", "label smoothing": "label_smoothing"}[kind]: float(strength)}


def few(m: Material, seed: int) -> Pair:
    return m.few(m.images(), FEW, seed)[0]


@functools.cache
def probe(m: Material, seed: int) -> transfer.Probe:
    """The probe on this seed's few images."""
    train, validation, _ = m.few(m.features, FEW, seed)
    return methods.probe(train, validation).classifier


@functools.cache
def shifted(size: int) -> dict[str, Pair]:
    return {shift.name: redrawn("test", shift, size, some(SHIFTED)) for shift in SHIFTS}


def from_scratch(m: Material, change: str, seed: int) -> dict:
    recipe = RECIPE | SCRATCH
    size = recipe.pop("input_size")
    train, validation, test = m.images(size).values()
    recipe["augmentation"] = layers(change, size, seed)
    return methods.values(methods.from_scratch(train, validation, seed, **recipe), test)


def lp_ft(m: Material, seed: int, **recipe) -> methods.Trained:
    recipe = RECIPE | {name: SETTINGS[m.dataset][name] for name in ("epochs", "learning_rate")} | recipe
    validation = m.images()["validation"]
    return methods.lp_ft(m.backbone, few(m, seed), validation, seed, fitted=probe(m, seed), **recipe)


def augmented(m: Material, change: str, seed: int) -> dict:
    trained = lp_ft(m, seed, augmentation=layers(change, m.size, seed))
    return methods.values(trained, m.images()["test"], **(shifted(m.size) if m.dataset == "sketches" else {}))


def probe_on_views(m: Material, change: str, seed: int) -> dict:
    """A probe on the features of the images and of changed copies: of three, or of so many by the standard augmentation."""
    images, labels = few(m, seed)
    copies = images[None]
    name, number = ("standard", int(change)) if change.isdigit() else (change, VIEWS - 1)
    if name != "none" and number:
        copies = np.concatenate([copies, augmentation.views(images, layers(name, m.size, seed), number, seed=seed)])
    x = m.extract(copies.reshape(-1, *images.shape[1:]))
    return methods.values(
        methods.probe((x, np.tile(labels, len(copies))), m.features["validation"]), m.features["test"]
    )


def at_test_time(m: Material, change: str, seed: int) -> dict:
    """The probe of this seed on the test images, or on the mean over them and changed copies of them."""
    images, labels = m.images()["test"]
    copies = images[None]
    if change == "mirrored":
        copies = np.stack([images, images[:, :, ::-1]])
    elif change != "none":
        copies = np.concatenate([copies, augmentation.views(images, layers(change, m.size, seed), VIEWS, seed=seed)])
    logits = np.stack([probe(m, seed).logits(m.extract(part)) for part in copies])
    right = evaluation.predictions(evaluation.average_views(logits)) == labels
    return {"test_accuracy": float(right.mean()), "right": evaluation.pack_right(right), "copies": len(copies)}


def regularised(m: Material, change: str, seed: int) -> dict:
    return methods.values(lp_ft(m, seed, **(PLAIN | regularisers(change))), m.images()["test"])


def head_regularised(m: Material, change: str, seed: int) -> dict:
    train, *others = m.few(m.features, FEW, seed)
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0) + 1e-6
    train, validation, test = (((x - mean) / spread, y) for x, y in (train, *others))
    recipe = RECIPE | PLAIN | {"learning_rate": 1e-2} | regularisers(change)
    layers = [
        keras.Input(mean.shape),
        keras.layers.Dropout(recipe.pop("dropout", 0.0), seed=seed),
        keras.layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(seed=seed), name="head"),
    ]
    return methods.values(methods.train(keras.Sequential(layers), train, validation, seed, **recipe), test)
