"""From scratch, one thing at a time: what do more images do at equal steps, and augmentation at equal epochs?

Two arms that comparison.py lacks, with its recipe, its input size and its rule for the weights that are kept (the epoch with the
lowest validation loss). Its runs of "from scratch" are what both are compared with: 240 images, 40 epochs of 15 batches.

100 images, equal steps  a hundred images and 86 epochs of 7 batches: the same number of steps, on fewer images
augmented, 40 epochs     all images and 40 epochs, with the augmentation that comparison.py has at 100 epochs alone
"""

from __future__ import annotations

from experiments import methods
from experiments.material import Material
from experiments.methods import SCRATCH
from experiments.runner import table

ABOUT = {
    "sketches": "From scratch on sketches: fewer images at as many steps, and augmentation at as many epochs, as comparison.json"
}
MATERIAL = Material("sketches", 96)
RECIPES = {"100 images, equal steps": SCRATCH | {"epochs": 86}, "augmented, 40 epochs": SCRATCH}


def rows(dataset: str):
    return table("method seed", list(RECIPES), range(3))


def conditions(dataset: str) -> dict:
    return MATERIAL.conditions() | {"recipes": RECIPES, "input_size": MATERIAL.size}


def measure(dataset: str, method: str, seed: int) -> dict:
    train, validation, test = MATERIAL.images().values()
    augmentation = None
    if method == "augmented, 40 epochs":
        augmentation = methods.strong(seed)
    else:
        train = MATERIAL.few(MATERIAL.images(), 100, seed)[0]
    recipe = RECIPES[method]
    return methods.values(methods.from_scratch(train, validation, seed, augmentation=augmentation, **recipe), test)
