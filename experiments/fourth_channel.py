"""With which weights should a fourth channel start, in a network that was trained on three?

The drawings get a channel that tells something: a blurred patch of heat, warmer for cats, noisy enough that it alone is right on
some five drawings in six. The kernel of the first convolution gets a slice for it, which starts at zero, as the mean of the
three slices of the colours (also with all four times three quarters, which keeps the sum), or at random with their spread.
A row has the accuracy of a probe on the frozen network, and after LP-FT of everything, batch normalisation frozen. A seed is a
draw of the heat, of the random slice and of the order of the batches. The weights kept are those of the epoch with the lowest
validation loss. One rate and length for all starts, tuned for none.
"""

from __future__ import annotations

import numpy as np

from experiments import methods
from experiments.material import Material, View
from experiments.methods import COMMON
from experiments.runner import table
from tlbook import transfer

import keras  # isort: skip

ABOUT = {"sketches": "LP-FT on drawings with an informative fourth channel, by the start of its weights"}
MATERIAL = Material("sketches", 96)
RECIPE = COMMON | {"learning_rate": 5e-4, "batch_size": 32, "epochs": 8, "restore_best": True}
STARTS = ("three channels", "zero", "mean", "mean, scaled", "random")
CAT, DOG, SPREAD = 150, 100, 25  # grey levels of the heat


def heat(labels: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Pictures of a heat camera, uint8 (n, size, size, 1): a warm patch in the middle."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    patch = np.exp(-(x**2 + y**2) / 0.1)
    warmth = np.where(labels == 0, CAT, DOG) + SPREAD * rng.normal(size=len(labels))
    picture = 50 + warmth[:, None, None] * patch + 12 * rng.normal(size=(len(labels), size, size))
    return np.clip(picture, 0, 255).astype(np.uint8)[..., None]


def widened(model: keras.Model, start: str, rng: np.random.Generator) -> keras.Model:
    """The network with a fourth channel at its input."""
    config = model.get_config()
    config["layers"][0]["config"]["batch_shape"] = (*model.input_shape[:3], 4)
    for layer in config["layers"]:
        layer.pop("build_config", None)
    wide = keras.Model.from_config(config)
    weights = model.get_weights()
    kernel = weights[0]
    mean = kernel.mean(axis=2, keepdims=True)
    new = {"zero": 0 * mean, "random": kernel.std() * rng.normal(size=mean.shape)}.get(start, mean)
    weights[0] = np.concatenate([kernel, new], axis=2) * (0.75 if start == "mean, scaled" else 1)
    wide.set_weights(weights)
    return wide


def rows(dataset: str):
    return table("start seed", list(STARTS), range(3))


def conditions(dataset: str) -> dict:
    return MATERIAL.conditions() | {"recipe": RECIPE, "input_size": MATERIAL.size, "heat": [CAT, DOG, SPREAD]}


def material(start: str, seed: int) -> tuple[keras.Model, View]:
    """The network with one start, and images to go with it."""
    rng = np.random.default_rng(seed)
    view = MATERIAL.images()
    model = MATERIAL.backbone.model
    if start == STARTS[0]:
        return model, view
    view = {
        name: (np.concatenate([x, heat(y, MATERIAL.size, rng)], axis=-1, dtype=np.float32), y)
        for name, (x, y) in view.items()
    }
    return widened(model, start, rng), view


def measure(dataset: str, start: str, seed: int) -> dict:
    model, view = material(start, seed)
    frozen = [(model.predict(x, batch_size=100, verbose=0), y) for x, y in view.values()]
    fitted = methods.probe(*frozen[:2])
    before = methods.scores(fitted, frozen[2])
    classifier = transfer.attach_head(model, fitted.classifier, seed=seed)
    transfer.unfreeze(classifier)
    trained = methods.train(classifier, view["train"], view["validation"], seed, **RECIPE)
    row = methods.values(trained, view["test"])
    return row | {"frozen_accuracy": before["test_accuracy"], "right frozen": before["right"]}
