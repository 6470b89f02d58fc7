"""How much of a pretrained network to retrain, and how? Methods, learning rates, recipes, over seeds.

Each row belongs to a part:

methods  what is retrained, and how, on all training images; one learning rate for the whole network, unless the method is about
         rates. From scratch as in comparison.py, on the photos with fewer epochs.
rates    with a hundred images, LP-FT and fine-tuning from a random head over learning rates, and the linear probe; on
         the sketches, at the highest rate, also LP-FT with batch normalisation in training mode.
recipes  LP-FT on the same hundred images with other optimisers, schedules and penalties.

Rows also say how far the backbone's kernels moved, and those of the first part how the classifier does on shifted images: turned,
darkened and noisy sketches, or photos of the Oxford sample. The photos take a reduced setting, which the record states.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from experiments import methods
from experiments.material import Material, Pair, redrawn, some
from experiments.methods import COMMON, SCRATCH, SCRATCH_AUGMENTED
from experiments.runner import DATASETS, table
from tlbook import backbones, sketches

import keras  # isort: skip

ABOUT = dict.fromkeys(
    DATASETS,
    "Test accuracy of ways to use a pretrained network, from a probe to retraining all of it, over seeds; "
    "learning rates and recipes with few images",
)
SETTINGS = {
    "sketches": {
        "input_size": 96, "train": None, "validation": None, "shifted": 400, "seeds": 5,
        "learning_rate": 5e-4, "epochs": 10, "few_epochs": 8, "sweep": [1e-5, 1e-4, 5e-4, 2e-3, 1e-2],
    },
    "photos": {
        "input_size": 128, "train": 400, "validation": 200, "shifted": None, "seeds": 3,
        "learning_rate": 1e-4, "epochs": 10, "few_epochs": 8, "sweep": [1e-5, 1e-4, 1e-3, 1e-2],
        "scratch_input_size": 64, "scratch_epochs": [30, 60],
    },
}  # fmt: skip
MATERIAL = {
    "sketches": Material("sketches", 96),
    "photos": Material("photos", 128, take=(("train", 400), ("validation", 200))),
}
OXFORD = Material("oxford", 128)
FEW = 100
SHIFTS = (sketches.rotated(0.3), sketches.dark(0.6), sketches.noisy(0.4))
RECIPE = COMMON | {"batch_size": 32, "restore_best": True}
VARIANTS: dict[str, dict] = {
    "SGD with momentum": {"optimizer": "sgd"},
    "no warm-up, constant rate": {"schedule": "constant", "warmup_epochs": 0},
    "AdamW, decay 0.05": {"optimizer": "adamw", "weight_decay": 0.05},
    "L2-SP 0.1": {"l2_sp": 0.1},
}
SGD_FACTOR = 20  # a step of Adam is about as long as its rate, one of SGD as long as rate times gradient
FROM_SCRATCH = {"from scratch": SCRATCH, "from scratch, augmented": SCRATCH_AUGMENTED}
RANDOM_HEAD = "fine-tuning from a random head"
LP_FT_TOO = "LP-FT, BatchNorm too"
PRETRAINED = {
    "LP-FT, last stage": methods.lp_ft,
    RANDOM_HEAD: methods.from_random_head,
    f"{RANDOM_HEAD}, BatchNorm too": functools.partial(methods.from_random_head, batch_norm=True),
    "LP-FT": methods.lp_ft,
    LP_FT_TOO: functools.partial(methods.lp_ft, batch_norm=True),
    "gradual unfreezing": methods.gradual_unfreezing,
    "discriminative rates": functools.partial(methods.lp_ft, layer_decay=1 / 2.6, groups=4),
}


def rows(dataset: str):
    setting = SETTINGS[dataset]
    rate, seeds = setting["learning_rate"], range(setting["seeds"])
    row = functools.partial(table, "part method variant images learning_rate seed")
    images = setting["train"] or 240
    yield from row("methods", "linear probe", "-", images, 0.0, 0)  # nothing in it is random
    yield from row("methods", "head only", "-", images, 1e-2, seeds)
    yield from row("methods", [name for name in PRETRAINED if name != LP_FT_TOO], "-", images, rate, seeds)
    yield from row("methods", list(FROM_SCRATCH), "-", images, SCRATCH["learning_rate"], seeds)
    yield from row("rates", "linear probe", "-", FEW, 0.0, seeds)
    yield from row("rates", ("LP-FT", RANDOM_HEAD), "-", FEW, setting["sweep"], seeds)
    if dataset == "sketches":
        yield from row("rates", LP_FT_TOO, "-", FEW, setting["sweep"][-1], seeds)
    for name, changes in VARIANTS.items():
        factor = SGD_FACTOR if changes.get("optimizer") == "sgd" else 1
        yield from row("recipes", "LP-FT", name, FEW, rate * factor, seeds)


def conditions(dataset: str) -> dict:
    found = MATERIAL[dataset].conditions()
    found["images"]["few"] = FEW
    found |= {"setting": SETTINGS[dataset], "recipe": RECIPE}
    if dataset == "sketches":
        return found | {"shifts": dict.fromkeys(map(repr, SHIFTS), SETTINGS[dataset]["shifted"])}
    return found | {"shifts": {"oxford": len(OXFORD.splits["test"])}, "recipes_from_scratch": FROM_SCRATCH}


@functools.cache
def shifted(dataset: str) -> dict[str, Pair]:
    if dataset == "photos":
        return {"oxford": OXFORD.images()["test"]}
    setting = SETTINGS[dataset]
    return {repr(shift): redrawn("test", shift, setting["input_size"], some(setting["shifted"])) for shift in SHIFTS}


def measure(dataset: str, part: str, method: str, variant: str, images: int, learning_rate: float, seed: int) -> dict:
    setting, m = SETTINGS[dataset], MATERIAL[dataset]
    recipe = RECIPE | {"learning_rate": learning_rate} | VARIANTS.get(variant, {})
    if method in FROM_SCRATCH:
        recipe = FROM_SCRATCH[method]
        if "scratch_epochs" in setting:
            recipe = recipe | {"epochs": setting["scratch_epochs"][list(FROM_SCRATCH).index(method)]}
        train, validation, test = m.images(setting.get("scratch_input_size")).values()
        augmentation = methods.strong(seed) if method == "from scratch, augmented" else None
        return methods.values(methods.from_scratch(train, validation, seed, augmentation=augmentation, **recipe), test)
    if part == "methods":
        train, validation, test = m.images().values()
        recipe |= {"epochs": setting["epochs"], "augmentation": methods.gentle(seed)}
    else:
        train, validation, test = m.few(m.images(), images, seed)
        recipe |= {"epochs": setting["few_epochs"]}
    if method == "linear probe":
        trained = methods.linear_probe(m.backbone, train, validation)
    elif method == "head only":
        trained = methods.head_only(m.backbone, train, validation, seed, **recipe)
    else:
        stage = {"after_layer": m.backbone.stages[-2]} if method == "LP-FT, last stage" else {}
        trained = PRETRAINED[method](m.backbone, train, validation, seed, **recipe, **stage)
    row = methods.values(trained, test, **(shifted(dataset) if part == "methods" else {}))
    return row | {"moved": round(moved(trained.classifier, m.backbone), 5)}


def moved(model: keras.Model, backbone: backbones.Backbone) -> float:
    """How far the backbone's kernels went, relative to their size: ‖w − w⁰‖ / ‖w⁰‖."""
    far = size = 0.0
    for layer in backbone.model.layers:
        if layer.weights and not isinstance(layer, keras.layers.BatchNormalization):
            for now, then in zip(model.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
                far += float(np.sum((now - then) ** 2))
                size += float(np.sum(then**2))
    return math.sqrt(far / size)
