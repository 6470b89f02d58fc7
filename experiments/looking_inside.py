"""Do heat maps find the head? Networks that learned the animal and networks that learned the background, over five seeds.

A network is trained from scratch (on 64 px) or by LP-FT from the backbone of the sketches (96 px), on the released training
drawings or on the same ones with backgrounds that give the class away (sketches.shortcut(1.0), cats in a room and dogs on
grass). Each is tested on every second drawing of the test set, with backgrounds as released, with the giveaway, and with the
giveaway reversed. The maps are made of every fifth drawing of the test set as released, for the predicted class, and scored
against the masks of the head with its ears; "other" is what the same maps get against the masks of the other drawings, as a map
does that points at the middle. The finer maps are also scored class by class, of these drawings and of the same with the
giveaway. Networks trained by LP-FT on the released drawings are then randomised from the head down (Adebayo et al. 2018).
Settings were chosen on one seed, looking at accuracy and time.
"""

from __future__ import annotations

import functools

import numpy as np

from experiments import methods
from experiments.methods import COMMON
from experiments.runner import table
from tlbook import backbones, interpret, sketches, transfer
from tlbook.backbones import architectures

import keras  # isort: skip

ABOUT = {
    "sketches": "Heat maps scored against the heads of the sketches, for networks trained with and without a giveaway background"
}
RECIPES = {
    "from scratch": COMMON | {"restore_best": True, "learning_rate": 2e-3, "batch_size": 16, "epochs": 20},
    "LP-FT": COMMON | {"restore_best": True, "learning_rate": 5e-4, "batch_size": 32, "epochs": 8},
}
SIZES = {"from scratch": 64, "LP-FT": 96}
# A coarse layer, where Grad-CAM looks by default, and one of twice its resolution.
LAYERS = {"from scratch": ("block4_relu", "block3_relu"), "LP-FT": ("stage4", "stage3")}
BACKGROUNDS = {
    "released": sketches.shortcut(0.0),
    "shortcut": sketches.shortcut(1.0),
    "lying": sketches.shortcut(1.0, reverse=True),
}
OCCLUDED = 24


def rows(dataset: str):
    return table("method background seed", list(SIZES), ("released", "shortcut"), range(5))


def conditions(dataset: str) -> dict:
    backbone = backbones.load("sketchnet").fingerprint
    return {"recipes": RECIPES, "input_sizes": SIZES, "layers": LAYERS, "backbone": backbone}


@functools.cache
def drawn(split: str, every: int, background: str, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, labels and masks of the head with its ears of every so many drawings of a split."""
    records = [BACKGROUNDS[background](record) for record in sketches.release_factors(split)[::every]]
    made = [sketches.render(record, size) for record in records]
    labels = np.array([sketches.TARGET_SPECIES.index(record.species) for record in records])
    heads = np.stack([one.masks["head"] | one.masks["ears"] for one in made])
    return np.stack([one.image for one in made]), labels, heads


def scored(name: str, heat: np.ndarray, heads: np.ndarray) -> dict[str, float]:
    """Both scores against the masks, and what the maps get against those of the other drawings."""
    found = {}
    for kind, score in (("energy", interpret.energy_inside), ("pointing", interpret.pointing_game)):
        one = score(heat, heads)
        found[f"{kind}_{name}"] = one.estimate.value
        found[f"{kind}_{name}_other"] = one.elsewhere
    return {key: round(value, 4) for key, value in found.items()}


def by_class(model: keras.Model, layer: str, background: str, size: int) -> dict[str, dict[str, float]]:
    """Of each class: shares of the heat and of the hottest pixels on the head, and the head's share of the picture."""
    images, labels, heads = drawn("test", 5, background, size)
    heat = interpret.grad_cam(model, images, layer=layer, upsample=True)
    found = {}
    for label, animal in enumerate(sketches.TARGET_SPECIES):
        own = heat[labels == label], heads[labels == label]
        energy, pointing = interpret.energy_inside(*own), interpret.pointing_game(*own)
        one = {"energy": energy.estimate.value, "pointing": pointing.estimate.value, "area": energy.chance}
        found[animal] = {name: round(float(value), 4) for name, value in one.items()}
    return found


def cascade(model: keras.Model, images: np.ndarray, heads: np.ndarray, seed: int) -> dict[str, dict[str, float]]:
    """Scores of Grad-CAM while the network is randomised from the head down, one stage more each time."""
    groups = transfer.layer_groups(model, architectures.SKETCHNET_STAGES)
    classes = model.predict(images, verbose=0).argmax(axis=1)  # those of the trained network throughout
    first, found = None, {}
    for step in ("as trained", *reversed(groups)):
        if step != "as trained":
            transfer.randomise(model, layers=groups[step], seed=seed)
        heat = interpret.grad_cam(model, images, classes, upsample=True)
        first = heat if first is None else first
        same = interpret.rank_correlation(first, heat).value
        found[step] = scored("grad_cam", heat, heads) | {"rank_correlation": round(same, 4)}
    return found


def measure(dataset: str, method: str, background: str, seed: int) -> dict:
    size = SIZES[method]
    train, validation = (drawn(split, 1, background, size)[:2] for split in ("train", "validation"))
    if method == "from scratch":
        trained = methods.from_scratch(train, validation, seed, **RECIPES[method])
    else:
        trained = methods.lp_ft(backbones.load("sketchnet"), train, validation, seed, **RECIPES[method])
    model = trained.classifier
    row: dict[str, object] = {"process_seconds": round(float(trained.seconds[1]), 1)}
    for name in BACKGROUNDS:
        x, y, _ = drawn("test", 2, name, size)
        row[f"accuracy {name}"] = float((trained.predict(x) == y).mean())
    images, _, heads = drawn("test", 5, "released", size)
    for depth, layer in zip(("grad_cam", "finer"), LAYERS[method], strict=True):
        row |= scored(depth, interpret.grad_cam(model, images, layer=layer, upsample=True), heads)
    for name in ("released", "shortcut"):
        row[f"by class {name}"] = by_class(model, LAYERS[method][1], name, size)
    some = np.linspace(0, len(images) - 1, OCCLUDED).astype(int)
    occlusion = interpret.occlusion_sensitivity(
        model, images[some], patch=size // 6, stride=size // 12, progress=False
    )  # fmt: skip
    row |= scored("occlusion", occlusion, heads[some]) | {"chance": round(float(heads.mean()), 4)}
    if (method, background) == ("LP-FT", "released"):
        row["cascade"] = cascade(model, images, heads, seed)
    return row
