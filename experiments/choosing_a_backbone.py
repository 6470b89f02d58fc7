"""Which pretrained network carries the features best, and which cheap score says so before anything is trained?

Each row belongs to a part:

score    scores of a network on half of the training images, another half for each seed, and the processor seconds of each.
probe    a linear probe, its penalty chosen on validation images, by number of labelled images.
size     the same by side of the images.
LP-FT    the probe, then all of the network trained gently; one recipe for all networks, tuned for none.
old head the classifier that came with the weights, nothing trained: ImageNet's cats against its dogs.

Networks take images of the side that they were pretrained at, unless a row says another. What is called random weights has the
architecture of the one named in the conditions. The photos take a reduced setting, which the record states.
"""

from __future__ import annotations

import functools
import time

import numpy as np
from scipy.special import softmax

from experiments import methods
from experiments.material import Material, View
from experiments.runner import DATASETS, table
from tlbook import backbones, evaluation, features

import keras  # isort: skip

ABOUT = dict.fromkeys(
    DATASETS,
    "Scores of pretrained networks, and test accuracy of what is made of them, by labelled images and input size",
)
RANDOM, LITE = "random weights", "efficientnet_lite0"
PHOTO_NETWORKS = [LITE, "mobilenet_075", "mobilenet_v2_035", "sketchnet", RANDOM]
CATS, DOGS = slice(281, 286), slice(151, 269)  # tame ones, among ImageNet's classes
SETTINGS = {
    "sketches": {
        "networks": [*backbones.zoo(), "sketchnet", LITE, RANDOM], "random weights of": "zoo_width_50",
        "tuned": [*backbones.zoo(), "sketchnet", RANDOM],
        "images": [20, 240], "seeds": 5, "halves": 10, "sizes": [32, 48, 64, 96],
        "tuned_size": None, "tuned_seeds": 3, "learning_rate": 5e-4, "epochs": 7,
    },
    "photos": {
        "networks": PHOTO_NETWORKS, "tuned": PHOTO_NETWORKS, "random weights of": "mobilenet_v2_035",
        "images": [20, 400], "seeds": 5, "halves": 10, "sizes": [96, 160, 224],
        "tuned_size": 96, "tuned_seeds": 3, "learning_rate": 1e-4, "epochs": 2,
    },
}  # fmt: skip
MATERIAL = {
    "sketches": Material("sketches", 64),
    "photos": Material("photos", 224, take=(("train", 400), ("validation", 200))),
}


def rows(dataset: str):
    setting = SETTINGS[dataset]
    row = functools.partial(table, "part network images size seed")
    few, most = setting["images"]
    for name in setting["networks"]:
        own = _info(dataset, name).input_size
        yield from row("score", name, most // 2, own, range(setting["halves"]))
        yield from row("probe", name, few, own, range(setting["seeds"]))
        yield from row("probe", name, most, own, 0)
        if name in setting["tuned"]:
            yield from row("LP-FT", name, most, setting["tuned_size"] or own, range(setting["tuned_seeds"]))
    yield from row("old head", LITE, 0, 224, 0)
    for size in setting["sizes"]:  # images of one size after another: they take the memory
        yield from row("size", [name for name in setting["networks"] if name != RANDOM], most, size, 0)


def conditions(dataset: str) -> dict:
    found = {name: value for name, value in MATERIAL[dataset].conditions().items() if name != "backbone"}
    setting = SETTINGS[dataset]
    prints = {
        name: _backbone(dataset, name, _info(dataset, name).input_size).fingerprint for name in setting["networks"]
    }
    return found | {"setting": setting, "backbones": prints, "recipe": methods.COMMON | {"batch_size": 32}}


def measure(dataset: str, part: str, network: str, images: int, size: int, seed: int) -> dict:
    match part:
        case "score":
            return score(dataset, network, images, size, seed)
        case "probe":
            train, validation, test = _few(dataset, _features(dataset, network, size), images, seed)
            return methods.values(methods.probe(train, validation), test)
        case "size":
            train, validation, test = _features(dataset, network, size).values()
            return methods.values(methods.probe(train, validation), test)
        case "old head":
            return old_head(dataset, network, size)
    return tuned(dataset, network, images, size, seed)


def _info(dataset: str, network: str) -> backbones.Info:
    return backbones.info(SETTINGS[dataset]["random weights of"] if network == RANDOM else network)


@functools.lru_cache(maxsize=16)
def _backbone(dataset: str, network: str, size: int) -> backbones.Backbone:
    weights = None if network == RANDOM else "pretrained"
    return backbones.load(_info(dataset, network).name, weights=weights, input_size=size)


@functools.lru_cache(maxsize=1)
def _images(dataset: str, size: int) -> View:
    return {name: (split.images(size), split.labels) for name, split in MATERIAL[dataset].splits.items()}


@functools.cache
def _features(dataset: str, network: str, size: int) -> View:
    backbone = _backbone(dataset, network, size)
    return {name: (features.extract(backbone, x, cache=False), y) for name, (x, y) in _images(dataset, size).items()}


def _few(dataset: str, view: View, images: int, seed: int) -> list:
    whole = images >= len(view["train"][1])
    return list(view.values()) if whole else MATERIAL[dataset].few(view, images, seed, share=True)


def score(dataset: str, network: str, images: int, size: int, seed: int) -> dict:
    x, y = _features(dataset, network, size)["train"]
    rows = MATERIAL[dataset].splits["train"].take_positions(images, seed)
    x, y = x[rows], y[rows]
    ways = {
        "logme": lambda: evaluation.logme(x, y),
        "h_score": lambda: evaluation.h_score(x, y),
        "knn": lambda: float(np.mean(evaluation.knn_predictions(x, y) == y)),
        "probe": lambda: float(np.mean(evaluation.probe_predictions(x, y) == y)),
    }
    if network != RANDOM and _info(dataset, network).head:
        head = backbones.load_head(network)
        ways["leep"] = lambda: evaluation.leep(y, softmax(keras.ops.convert_to_numpy(head(x)).astype(float), axis=1))
    found = {}
    for name, way in ways.items():
        began = time.process_time()
        found |= {name: round(way(), 6), f"seconds_{name}": round(time.process_time() - began, 4)}
    return found


def old_head(dataset: str, network: str, size: int) -> dict:
    test = MATERIAL[dataset].splits["test"]
    x = features.extract(_backbone(dataset, network, size), test.images(size), cache=False)
    logits = keras.ops.convert_to_numpy(backbones.load_head(network)(x))
    right = (logits[:, DOGS].max(axis=1) > logits[:, CATS].max(axis=1)) == test.labels
    return {"test_accuracy": float(right.mean()), "right": evaluation.pack_right(right)}


def tuned(dataset: str, network: str, images: int, size: int, seed: int) -> dict:
    setting = SETTINGS[dataset]
    train, validation, _ = _few(dataset, _features(dataset, network, size), images, seed)
    fitted = methods.probe(train, validation)
    pixels = _few(dataset, _images(dataset, size), images, seed)
    recipe = methods.COMMON | {"batch_size": 32, "learning_rate": setting["learning_rate"], "epochs": setting["epochs"]}
    held = (pixels[1][0][:32], pixels[1][1][:32])  # decides nothing
    model = methods.lp_ft(_backbone(dataset, network, size), pixels[0], held, seed, fitted=fitted.classifier, **recipe)
    return methods.values(model.after(fitted.seconds), pixels[2])
