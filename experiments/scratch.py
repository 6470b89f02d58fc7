"""How does a small network overfit? From scratch, on a hundred training images and (photos) on all, over five seeds.

A row has the curves of its run. All sketches are not trained on here: that is comparison.py, and the runs on a hundred have its
recipe. On each data set the recipe is thus the same for both numbers of images but for the number of epochs and the weights
kept. With all images these are the weights of the epoch with the lowest validation loss. With a hundred they are the last ones:
the lowest loss is often that of the first epochs, when nothing has been learned, and what these runs are to show is overfitting.
The accuracies are those of the kept weights; the curves' training accuracy is measured while training, with dropout. The
chapter on convolutions trains one of the small runs again, by the recipe in the record's conditions, and compares.
"""

from __future__ import annotations

from experiments import methods
from experiments.material import Material
from experiments.methods import COMMON, SCRATCH
from experiments.runner import table

ABOUT = {
    "sketches": "A small network trained from random weights on 100 training images",
    "photos": "A small network trained from random weights on 1,600 and on 100 training images",
}
MATERIAL = {name: Material(name, 96) for name in ABOUT}
PHOTOS = COMMON | {"learning_rate": 1e-3, "batch_size": 32}
RECIPES = {
    "sketches": {"100": SCRATCH | {"restore_best": False}},
    "photos": {
        "1600": PHOTOS | {"restore_best": True, "epochs": 20},
        "100": PHOTOS | {"restore_best": False, "epochs": 40},
    },
}
CURVES = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")


def rows(dataset: str):
    return table("images seed", [int(n) for n in RECIPES[dataset]], range(5))


def conditions(dataset: str) -> dict:
    m = MATERIAL[dataset]
    return {"recipes": RECIPES[dataset], "input_size": m.size, "data": m.conditions()["data"]}


def measure(dataset: str, images: int, seed: int) -> dict:
    m = MATERIAL[dataset]
    train, validation, test = m.few(m.images(), images, 0)
    trained = methods.from_scratch(train, validation, seed, **RECIPES[dataset][str(images)])
    row = methods.values(trained, test)
    del row["train_accuracy"]  # of the last epoch, in training mode: the curves have it
    curves = {name: [round(value, 4) for value in getattr(trained.history, name)] for name in CURVES}
    return row | {"accuracy train": methods.scores(trained, train)["test_accuracy"], "curves": curves}
