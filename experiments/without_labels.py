"""What are features worth that were learned without labels, and what did the augmentations decide?

Each row belongs to a part:

pretraining  what the pretraining of a network took, and its loss on drawings held out.
probe        a linear probe on cats and dogs, its penalty chosen on validation drawings, by number of labelled drawings.
LP-FT        the probe, then all of the network trained gently; one recipe for all networks, tuned for none.
factor       which kind of something else each test drawing shows, by a cross-validated probe of one penalty for all; the seed
             divides into folds. Asked are the colour of the fur, the hue of the background in sixths of the colour wheel,
             the kind of background and the kind of ears.

All networks have one architecture, and all but the one of random weights saw the same drawings. Those that the package does
not ship are pretrained when they are first needed, into _build/pretraining. There is no edition on photos: pretraining on photos
takes more than minutes, and what was pretrained on drawings says nothing of them.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os

import numpy as np

from experiments import methods
from experiments.material import Material, View
from experiments.runner import table
from tlbook import backbones, evaluation, features, sketches
from tlbook.backbones.architectures import SKETCHNET_STAGES, sketchnet
from tools import ROOT
from tools.data import pretrain, pretrain_without_labels

ABOUT = {
    "sketches": "Features learned with and without labels: probes by labelled images, LP-FT, and what else they hold"
}
LABELS, RANDOM = "zoo_width_50", "random weights"
MAIN = [LABELS, "zoo_simclr", "zoo_masked", "simclr_without_colour", RANDOM]
OTHER_LENGTHS = {
    "labels_half": LABELS,
    "simclr_half": "zoo_simclr",
    "masked_half": "zoo_masked",
    "simclr_long": "zoo_simclr",
}
SETTING = {
    "networks": MAIN, "other lengths": OTHER_LENGTHS,
    "images": [10, 20, 50, 100, 240], "seeds": 5,
    "tuned": [LABELS, "zoo_simclr", "zoo_masked", RANDOM], "tuned_images": [240], "tuned_seeds": 3,
    "learning_rate": 5e-4, "epochs": 7,
    "factors": ["fur_colour", "background_hue", "background", "ear_kind"], "factor seeds": 3,
}  # fmt: skip
MATERIAL = Material("sketches", pretrain_without_labels.SIZE)
FOLDER = ROOT / "_build" / "pretraining"


def rows(dataset: str):
    row = functools.partial(table, "part network target images seed")
    *few, most = SETTING["images"]
    yield from row("pretraining", [*MAIN[1:-1], *OTHER_LENGTHS], "-", 0, 0)
    for name in [*MAIN, *OTHER_LENGTHS]:
        yield from row("probe", name, "species", few, range(SETTING["seeds"]))
        yield from row("probe", name, "species", most, 0)
    for name in MAIN:
        yield from row("factor", name, SETTING["factors"], 1000, range(SETTING["factor seeds"]))
    yield from row("LP-FT", SETTING["tuned"], "species", SETTING["tuned_images"], range(SETTING["tuned_seeds"]))


def conditions(dataset: str) -> dict:
    found = {name: value for name, value in MATERIAL.conditions().items() if name != "backbone"}
    prints = {name: _backbone(name).fingerprint for name in MAIN if name != "simclr_without_colour"}
    recipe = methods.COMMON | {"batch_size": 32}
    return found | {"setting": SETTING, "backbones": prints, "recipe": recipe}


def measure(dataset: str, part: str, network: str, target: str, images: int, seed: int) -> dict:
    match part:
        case "pretraining":
            return pretraining(network)
        case "probe":
            train, validation, test = _few(_features(network), images, seed)
            return methods.values(methods.probe(train, validation), test)
        case "factor":
            return factor(network, target, seed)
    return tuned(network, images, seed)


# ---- networks ----


@functools.cache
def _card(network: str) -> dict:
    """The card of a network, which is pretrained where it is neither shipped nor here."""
    if network in backbones.zoo() or network in pretrain_without_labels.SHIPPED:
        return backbones.card(network)
    path = FOLDER / f"{network}-1.json"
    if not path.is_file():
        FOLDER.mkdir(parents=True, exist_ok=True)
        workers = os.cpu_count() or 1
        if network == "labels_half":
            epochs = pretrain_without_labels.PLANS["simclr_half"].epochs
            source = dataclasses.replace(pretrain.SOURCES[LABELS], epochs=epochs, head=False)
            pretrain.pretrain(network, source, 1, workers, FOLDER)
        else:
            plan, each = pretrain_without_labels.PLANS[network], pretrain_without_labels.PER_CLASS
            pretrain_without_labels.pretrain(network, plan, 1, workers, FOLDER, each, 50)
    return json.loads(path.read_text("utf-8"))


@functools.cache
def _backbone(network: str) -> backbones.Backbone:
    if network == RANDOM:
        return backbones.load(LABELS, weights=None)
    if network in MAIN and network != "simclr_without_colour":
        return backbones.load(network)
    _card(network)
    model = sketchnet(pretrain_without_labels.SIZE, width=pretrain_without_labels.WIDTH)
    model.load_weights(FOLDER / f"{network}-1.weights.h5")
    return backbones.Backbone(network, model, SKETCHNET_STAGES)


@functools.cache
def _features(network: str) -> View:
    backbone = _backbone(network)
    return {name: (features.extract(backbone, x, cache=False), y) for name, (x, y) in MATERIAL.images().items()}


def _few(view: View, images: int, seed: int) -> list:
    whole = images >= len(view["train"][1])
    return list(view.values()) if whole else MATERIAL.few(view, images, seed, share=True)


# ---- parts ----


def pretraining(network: str) -> dict:
    card = _card(network)
    found = {"epochs": card["recipe"]["epochs"], "process_seconds": card["process_seconds"], "sha256": card["sha256"]}
    if "source-task loss" in card:
        found["held_out_loss"] = card["source-task loss"]["held out"]
    return found


def kinds(target: str) -> np.ndarray:
    """Which kind of something each test drawing shows, int64 (1000,)."""
    shown = np.array([record[target] for record in sketches.release_factors("test")])
    if target == "background_hue":
        shown = np.floor(6 * shown) % 6
    return np.unique(shown, return_inverse=True)[1].astype(np.int64)


def factor(network: str, target: str, seed: int) -> dict:
    shown = kinds(target)
    common = np.bincount(shown)
    rare = common[shown] < 5  # fewer than folds
    x = _features(network)["test"][0][~rare]
    shown = np.unique(shown[~rare], return_inverse=True)[1]
    right = evaluation.probe_predictions(x, shown, seed=seed) == shown
    return {
        "accuracy": float(right.mean()), "right": evaluation.pack_right(right), "n": len(shown),
        "kinds": int(shown.max()) + 1, "commonest": float(np.bincount(shown).max() / len(shown)),
    }  # fmt: skip


def tuned(network: str, images: int, seed: int) -> dict:
    train, validation, _ = _few(_features(network), images, seed)
    fitted = methods.probe(train, validation)
    pixels = _few(MATERIAL.images(), images, seed)
    recipe = methods.COMMON | {"batch_size": 32} | {name: SETTING[name] for name in ("learning_rate", "epochs")}
    held = (pixels[1][0][:32], pixels[1][1][:32])  # decides nothing
    model = methods.lp_ft(_backbone(network), pixels[0], held, seed, fitted=fitted.classifier, **recipe)
    return methods.values(model.after(fitted.seconds), pixels[2])
