"""What does averaging hide? A linear probe on every stage, averaged over the whole map or over 3 × 3 parts of it.

Averaged over the whole map a stage hands on one number a channel, and what is told by *where* something is gets lost. Two
networks of the same architecture, pretrained and with random weights (a network a seed), are probed both ways on the same
images. What the pretrained network has ahead of the random one, at the same pooling, is what it learned. The raw pixels,
averaged in the same two ways and as they are at 24 pixels a side, are probed beside them.
"""

from __future__ import annotations

import functools

import numpy as np

from experiments import methods
from experiments.material import Material
from experiments.runner import table
from tlbook import backbones

import keras  # isort: skip

ABOUT = {
    "sketches": "Linear probes on the stages of a network, pretrained and random, averaged over the map or over 3 × 3 parts"
}
MATERIAL = Material("sketches", 96)
PARTS = {"1 x 1": 1, "3 x 3": 3}
NAME = backbones.default("sketches")
STAGES = backbones.info(NAME).stages


def rows(dataset: str):
    settings = "network stage pooling seed"
    yield from table(settings, "pretrained", STAGES, list(PARTS), 0)
    for seed in range(5):  # a network with random weights is kept for its rows
        yield from table(settings, "random weights", STAGES, list(PARTS), seed)
    yield from table(settings, "pixels", "-", [*PARTS, "24 x 24"], 0)


def conditions(dataset: str) -> dict:
    return MATERIAL.conditions() | {"input_size": MATERIAL.size}


@functools.lru_cache(maxsize=1)
def maps(network: str, seed: int) -> list[dict[str, np.ndarray]]:
    """Of each split, for every stage and pooling, the numbers that a probe gets."""
    if network == "pixels":
        image = keras.Input((MATERIAL.size, MATERIAL.size, 3))
        model, at = keras.Model(image, image), {"-": image}
        pooling = PARTS | {"24 x 24": 24}
    else:
        weights = "pretrained" if network == "pretrained" else None
        model = backbones.load(NAME, weights=weights, input_size=MATERIAL.size, seed=seed).model
        at, pooling = {stage: model.get_layer(stage).output for stage in STAGES}, PARTS
    outputs = {}
    for stage, one in at.items():
        for name, n in pooling.items():
            outputs[f"{stage}, {name}"] = keras.layers.Flatten()(keras.layers.AveragePooling2D(one.shape[1] // n)(one))
    pooled = keras.Model(model.inputs, outputs)
    return [pooled.predict(x.astype("float32"), batch_size=50, verbose=0) for x, _ in MATERIAL.images().values()]


def measure(dataset: str, network: str, stage: str, pooling: str, seed: int) -> dict:
    labels = [y for _, y in MATERIAL.images().values()]
    x = [split[f"{stage}, {pooling}"] for split in maps(network, seed)]
    train, validation, test = zip(x, labels, strict=True)
    return methods.values(methods.probe(train, validation), test)
