"""Frozen features or fine-tuning? By number of labelled images, depth, source task and shift, with what each costs.

Each row belongs to a part:

surface     what is retrained (class means, a linear probe, LP-FT of the last stages or of all; or all from scratch) × number of
            labelled images.
depth       a linear probe on every stage: pretrained, random weights, and (photos) pretrained on drawings.
places      (sketches) a linear probe on early stages, pretrained and random weights, on features averaged over the map or over
            each of 3 × 3 parts of it. A seed draws the training images, and the random weights.
randomised  a linear probe on the last features after some stages were given random weights (statistics renewed).
head        heads of different size on the same frozen features.
memory      peak memory of training, each method in a process of its own.
source      (sketches) the same drawings, two source tasks: species, or the kind of background. 64 px. LP-FT gently, and as one
            would train from scratch: at the high rate, three times as long, with batch normalisation learning its statistics too.
            Random weights beside them with each recipe, and gently also with statistics that were measured on the images first.
harm        (sketches) a question that the part before raised, on seeds of its own: by a probe, are backgrounds worse than random
            weights? The latter with statistics that were measured on the images first.
cut         (sketches) the upper stages trained from random weights on frozen lower ones (Yosinski et al. 2014). 64 px.
dials       (sketches) training and test drawings both moved away from the source by a dial.

A row's condition says which network or which dial; its variant the stage, the number of stages or the size of the head. The
photos take a reduced setting, which the record states. Nothing is chosen on validation data but penalties.
"""

from __future__ import annotations

import functools
import math
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from experiments import methods, small_networks
from experiments.material import Material, Pair, View
from experiments.runner import DATASETS, table
from experiments.small_networks import RECIPE, SMALL
from tlbook import backbones, features, sketches, transfer
from tlbook.backbones import architectures

import keras  # isort: skip

ABOUT = dict.fromkeys(
    DATASETS, "Test accuracy by number of labelled images and depth of retraining; by source task, cut, head, and cost"
)
SETTINGS = {
    "sketches": {
        "input_size": 96, "images": [10, 20, 80, 240], "seeds": 5, "learning_rate": 5e-4, "steps": 1600, "epochs": [4, 15],
        "scratch_input_size": 96, "scratch_learning_rate": 2e-3, "scratch_steps": 6000, "scratch_epochs": [12, 30], "few": 20,
    },
    "photos": {
        "input_size": 96, "images": [10, 20, 100, 400, 1600], "seeds": 3, "learning_rate": 1e-4, "steps": 1600, "epochs": [2, 12],
        "scratch_input_size": 64, "scratch_learning_rate": 1e-3, "scratch_steps": 6000, "scratch_epochs": [8, 30], "few": 20,
    },
}  # fmt: skip
MATERIAL = {dataset: Material(dataset, 96) for dataset in SETTINGS}
HIDDEN = {"linear": (), "16": (16,), "64": (64,), "256": (256,), "256 + 256": (256, 256)}
DIALS = {
    "noisy": Material("sketches", 96, shift=sketches.noisy(1.0)),
    "rotated": Material("sketches", 96, shift=sketches.rotated(1.0)),
}
PLACES_IMAGES = 200
STAGES = {"LP-FT, last stage": -2, "LP-FT, last two stages": -3}  # the part above which is trained
METHODS = ("class means", "linear probe", *STAGES, "LP-FT", "from scratch")
ROUGH = "LP-FT, as from scratch"
MEASURED = ", statistics measured first"
RENEWED = "LP-FT" + MEASURED
HARM_SEEDS = range(5, 15)  # those of the part "source" led to the question
AVERAGED, PLACES = "averaged", "3 × 3 places"


def rows(dataset: str):
    setting, stages = SETTINGS[dataset], backbones.info(backbones.default(dataset)).stages
    own, seeds = list(architectures.SKETCHNET_STAGES), range(setting["seeds"])
    few, most = setting["few"], setting["images"][-1]
    some = min(400, most)
    row = functools.partial(table, "part method condition variant images seed")
    yield from row("surface", METHODS, "-", "-", setting["images"], seeds)
    yield from row("depth", "linear probe", "pretrained", stages, most, 0)
    yield from row("depth", "linear probe", "pretrained", stages, few, seeds)
    for seed in seeds:  # networks with random weights one after another: each is kept for its rows
        yield from row("depth", "linear probe", "random weights", stages, most, seed)
    deepest, both = [str(k) for k in range(1, len(stages) + 1)], [str(k) for k in range(1, len(stages))]
    yield from row("randomised", "linear probe", "deepest", "0", some, 0)
    yield from row("randomised", "linear probe", "deepest", deepest, some, seeds)
    yield from row("randomised", "linear probe", "shallowest", both, some, seeds)
    for name, hidden in HIDDEN.items():
        yield from row("head", "hidden layers" if hidden else "linear probe", "-", name, [few, some], seeds)
    yield from row("memory", METHODS, "-", "-", some, 0)
    if dataset == "photos":
        yield from row("depth", "linear probe", "drawings", own, most, 0)
        return
    pooled = [f"{stage}, {pooling}" for stage in own[:3] for pooling in (AVERAGED, PLACES)]
    for condition in ("pretrained", "random weights"):
        for seed in seeds:
            yield from row("places", "linear probe", condition, pooled, PLACES_IMAGES, seed)
    for task in ("species", "background", "random weights"):
        ways = ["linear probe", "LP-FT", ROUGH, *([RENEWED] if task == "random weights" else [])]
        yield from row("source", ways, task, "-", most, seeds)
        yield from row("source", "linear probe", task, own, most, seeds)
    for seed in HARM_SEEDS:
        yield from row("harm", "linear probe", "background", "-", most, seed)
        yield from row("harm", "linear probe" + MEASURED, "random weights", "-", most, seed)
    for origin, first in (("target", 0), ("species", 1)):
        frozen = [str(k) for k in range(first, len(own) + 1)]
        yield from row("cut", "upper stages from scratch", origin, frozen, 2 * SMALL["target_per_class"], seeds)
    yield from row("dials", ["linear probe", "LP-FT", "from scratch"], list(DIALS), "-", 80, seeds)


def conditions(dataset: str) -> dict:
    found = MATERIAL[dataset].conditions() | {"setting": SETTINGS[dataset], "recipe": RECIPE}
    if dataset == "sketches":
        found |= {"small": SMALL, "dials": [repr(dial.shift) for dial in DIALS.values()]}
    return found


def measure(dataset: str, part: str, method: str, condition: str, variant: str, images: int, seed: int) -> dict:
    m = MATERIAL[dataset]
    match part:
        case "surface":
            return surface(m, method, images, seed)
        case "dials":
            return surface(DIALS[condition], method, images, seed)
        case "depth":
            return depth(m, condition, variant, images, seed)
        case "randomised":
            return randomised(m, condition, int(variant), images, seed)
        case "head":
            return head(m, HIDDEN[variant], images, seed)
        case "memory":
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:  # what this one did would count
                return fresh.submit(peak_memory, m, method, images).result()
        case "places":
            return places(m, condition, *variant.split(", "), images, seed)
        case "source" | "harm":
            return source(m, method, condition, variant, seed)
    return cut(condition, int(variant), seed)


def gently(m: Material, n: int) -> dict:
    """Rate and epochs of fine-tuning with n images: about as many steps for all."""
    setting = SETTINGS[m.dataset]
    return RECIPE | {
        "learning_rate": setting["learning_rate"],
        "epochs": epochs_for(n, setting["steps"], setting["epochs"]),
    }


def epochs_for(n: int, steps: int, bounds: list[int]) -> int:
    return min(max(math.ceil(steps / n), bounds[0]), bounds[1])


def first(pair: Pair, n: int = 32) -> Pair:
    """For validation data that decides nothing, a few images will do."""
    return pair[0][:n], pair[1][:n]


@functools.cache
def lower(m: Material, stage: str) -> tuple[keras.Model, View, np.ndarray]:
    """The part above a stage, activations of all images at it, and seconds an image took."""
    low, up = transfer.split_model(m.backbone, stage)
    low.predict(m.images()["train"][0][:64], batch_size=64, verbose=0)
    began = methods.clock()
    kept = {name: (low.predict(x, batch_size=64, verbose=0), y) for name, (x, y) in m.images().items()}
    return up, kept, (methods.clock() - began) / sum(len(y) for _, y in kept.values())


def surface(m: Material, method: str, images: int, seed: int) -> dict:
    """One method, from so many labelled images to predictions for the test images."""
    if method == "from scratch":
        setting = SETTINGS[m.dataset]
        view = m.images(setting["scratch_input_size"])
        recipe = {"epochs": epochs_for(images, setting["scratch_steps"], setting["scratch_epochs"])}
        recipe |= RECIPE | {"learning_rate": setting["scratch_learning_rate"]}
        train, validation, test = m.few(view, images, seed)
        return methods.values(methods.from_scratch(train, first(validation), seed, **recipe), test)
    train, validation, test = m.few(m.features, images, seed, share=True)
    an_image = lower(m, m.backbone.stages[-1])[2]
    if method == "class means":
        return methods.values(methods.class_means(train).after(images * an_image), test)
    probe = methods.probe(train, validation).after((images + len(validation[1])) * an_image)
    if method == "linear probe":
        return methods.values(probe, test)
    body, view = m.backbone, m.images()
    if method in STAGES:
        body, view, an_image = lower(m, m.backbone.stages[STAGES[method]])
        probe.after(images * an_image)
    train, validation, test = m.few(view, images, seed, share=True)
    recipe = gently(m, images)
    tuned = methods.lp_ft(body, train, first(validation), seed, fitted=probe.classifier, **recipe)
    return methods.values(tuned.after(probe.seconds), test)


@functools.lru_cache(maxsize=1)
def at_stages(m: Material, condition: str, seed: int) -> dict[str, View]:
    """Features of all images at every stage of a network, by stage."""
    backbone = m.backbone
    if condition != "pretrained":
        name, weights = ("sketchnet", "pretrained") if condition == "drawings" else (backbone.name, None)
        backbone = backbones.load(name, weights=weights, input_size=m.size, seed=seed)
    at = {
        name: features.extract(backbone, x, layer=backbone.stages, cache=False) for name, (x, _) in m.images().items()
    }
    return {stage: {name: (at[name][stage], y) for name, (_, y) in m.images().items()} for stage in backbone.stages}


def depth(m: Material, condition: str, stage: str, images: int, seed: int) -> dict:
    """Of the seed: a network's random weights, or else which few images."""
    weights, draw = (seed, 0) if condition == "random weights" else (0, seed)
    train, validation, test = m.few(at_stages(m, condition, weights)[stage], images, draw, share=True)
    return methods.values(methods.probe(train, validation), test)


@functools.lru_cache(maxsize=1)
def at_places(m: Material, condition: str, seed: int) -> dict[str, View]:
    """Features of all images at every stage that the part takes, averaged and in places."""
    backbone = m.backbone
    if condition != "pretrained":
        backbone = backbones.load(backbone.name, weights=None, input_size=m.size, seed=seed)
    outputs = {}
    for stage in backbone.stages[:3]:
        maps = backbone.model.get_layer(stage).output
        part = maps.shape[1] // 3
        outputs[f"{stage}, {AVERAGED}"] = keras.layers.GlobalAveragePooling2D()(maps)
        outputs[f"{stage}, {PLACES}"] = keras.layers.Flatten()(keras.layers.AveragePooling2D(part)(maps))
    network = keras.Model(backbone.model.input, outputs)
    at = {name: network.predict(x, batch_size=64, verbose=0) for name, (x, _) in m.images().items()}
    return {view: {name: (at[name][view], y) for name, (_, y) in m.images().items()} for view in outputs}


def places(m: Material, condition: str, stage: str, pooling: str, images: int, seed: int) -> dict:
    """Of the seed: which training images, and a network's random weights."""
    view = at_places(m, condition, seed if condition == "random weights" else 0)[f"{stage}, {pooling}"]
    train, validation, test = m.few(view, images, seed)
    return methods.values(methods.probe(train, validation), test)


def randomised(m: Material, end: str, k: int, images: int, seed: int) -> dict:
    groups = list(transfer.layer_groups(m.backbone.model, m.backbone.stages).values())
    layers = sum(groups[len(groups) - k :] if end == "deepest" else groups[:k], ())
    kept = m.backbone.model.get_weights()
    try:
        drawn = transfer.randomise(m.backbone, layers=layers, seed=seed) if layers else 0
        view = m.few(m.images(), images, 0, share=True)
        # The old statistics belong to the old weights: with them a stage would often hand on nothing, for want of scale, and
        # the experiment would show that alone.
        m.backbone.model.set_weights(transfer.adapt_batch_norm(m.backbone, view[0][0]).get_weights())
        train, validation, test = ((m.extract(x), y) for x, y in view)
    finally:
        m.backbone.model.set_weights(kept)
    return methods.values(methods.probe(train, validation), test) | {"random_parameters": drawn}


def head(m: Material, hidden: tuple[int, ...], images: int, seed: int) -> dict:
    train, validation, test = m.few(m.features, images, seed, share=True)
    fitted = methods.hidden_layers(train, validation, hidden, seed) if hidden else methods.probe(train, validation)
    return methods.values(fitted, test)


def peak_memory(m: Material, method: str, images: int) -> dict:
    """Peak of resident memory above what the library, the weights and the decoded images take."""
    held = min(200, len(m.splits["validation"]))
    m = Material(m.dataset, m.size, take=(("train", images), ("validation", held), ("test", 100)))
    m.images(SETTINGS[m.dataset]["scratch_input_size"] if method == "from scratch" else None)
    _ = m.backbone

    def megabytes(field: str) -> float:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))

    with open("/proc/self/clear_refs", "w") as switch:
        switch.write("5")  # forget the peak so far (Linux)
    before = megabytes("VmRSS")
    surface(m, method, images, 0)
    return {"peak_megabytes": round(megabytes("VmHWM") - before, 1), "before_megabytes": round(before, 1)}


def source(m: Material, method: str, task: str, stage: str, seed: int) -> dict:
    network, accuracy = small_networks.network(task, seed)
    sets = small_networks.release()
    if method.endswith(MEASURED):
        network = transfer.adapt_batch_norm(network, sets["train"][0])
    body = small_networks.body(network)
    layer = None if stage == "-" else stage
    at = {name: (features.extract(body, x, layer=layer, cache=False), y) for name, (x, y) in sets.items()}
    fitted, test = methods.probe(at["train"], at["validation"]), at["test"]
    if not method.startswith("linear probe"):
        model, recipe = transfer.attach_head(body, fitted.classifier, frozen=False), gently(m, len(sets["train"][1]))
        if method == ROUGH:
            recipe |= {"epochs": 3 * recipe["epochs"], "learning_rate": SETTINGS[m.dataset]["scratch_learning_rate"]}
        else:
            transfer.freeze(model)
            transfer.unfreeze(model)
        fitted, test = methods.train(model, sets["train"], first(sets["validation"]), seed, **recipe), sets["test"]
    return methods.values(fitted, test) | {"source_accuracy": accuracy}


def cut(origin: str, frozen: int, seed: int) -> dict:
    """The stages above a cut, from random weights, on those below it of a network that learned the origin's task."""
    (x, y), (test, labels) = small_networks.drawings("target"), small_networks.release()["test"]
    network, _ = small_networks.network(origin, seed)
    if frozen == 0:
        return methods.scores(methods.Trained(network), (test, labels))
    whole = small_networks.body(network)
    if frozen == len(whole.stages):
        low, upper = whole.model, keras.Sequential([keras.Input((whole.feature_dim,)), keras.layers.Identity()])
    else:
        low, upper = transfer.split_model(whole, whole.stages[frozen - 1])
        transfer.randomise(upper, seed=1000 + seed)
    model = transfer.attach_head(upper, 2, seed=1000 + seed, frozen=False)
    below = low.predict(x, batch_size=64, verbose=0), y
    trained = methods.train(model, below, first(below, 64), seed, **small_networks.LONG)
    return methods.values(trained, (low.predict(test, batch_size=64, verbose=0), labels))
