"""How much of a pretrained network to retrain, and how: strategies, learning rates, recipes, over seeds.

    python scripts/results/fine_tuning.py [--dataset sketches|photos] [--seeds SEED ...] [--parts PART ...]

Writes book/results/fine-tuning.json (or fine-tuning-photos.json), row by row; interrupted and called again, it goes
on where it was, and processes with seeds or parts of their own may fill it together. The photos need TLBOOK_DATA and take a
reduced setting, which the record states.

Rows belong to one of three parts:

strategies  what is retrained, and how, on all training images; one learning rate for the whole network, unless the
            strategy is about rates.
rates       fine-tuning with few images, from the probe's head and from a random one, over learning rates.
recipes     the same few images: other optimisers, schedules and penalties.

Every row holds which test images were classified correctly (`right`, see tlbook.evaluation.pack_right), and how far
the backbone's kernels moved. The sketches' rows from scratch are those of calibration.json, which must be there; the
photos' rows from scratch follow the same recipes with fewer epochs.
"""

from __future__ import annotations

import argparse
import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from calibration import RECIPES as SCRATCH
from calibration import gentle, strong  # the script beside this one

from tlbook import backbones, datasets, evaluation, features, results, sketches, transfer
from tlbook.backbones import architectures

import keras  # isort: skip

FEW = 100
PARTS = ("strategies", "rates", "recipes")
SHIFTS = (sketches.rotated(0.3), sketches.dark(0.6), sketches.noisy(0.4))
SETTINGS = {
    "sketches": {
        "input_size": 96, "train": None, "validation": None, "shifted": 400, "seeds": 5,
        "rate": 5e-4, "epochs": 10, "few_epochs": 8, "sweep": [1e-5, 1e-4, 5e-4, 2e-3, 1e-2],
    },
    "photos": {
        "input_size": 128, "train": 400, "validation": 200, "shifted": None, "seeds": 3,
        "rate": 1e-4, "epochs": 10, "few_epochs": 8, "sweep": [1e-5, 1e-4, 1e-3, 1e-2],
        "scratch_size": 64, "scratch_epochs": [30, 60],
    },
}  # fmt: skip
COMMON = {"optimizer": "adam", "schedule": "cosine", "warmup_epochs": 1, "batch_size": 32, "restore_best": True}
HEAD_RATE = 1e-2  # of a head that is trained alone


@dataclass
class Material:
    """What every run of one edition uses."""

    backbone: backbones.Backbone
    train: datasets.Split
    validation: datasets.Split
    test: datasets.Split
    shifted: dict[str, tuple[np.ndarray, np.ndarray]]
    setting: dict


@functools.cache
def pixels(split: datasets.Split, size: int) -> np.ndarray:
    """The images of a split, decoded once for each size."""
    return split.images(size)


def material(dataset: str) -> Material:
    setting = SETTINGS[dataset]
    size = setting["input_size"]
    data = datasets.load(dataset)
    train, validation = (
        split if setting[split.name] is None else split.take(setting[split.name])
        for split in (data.train, data.validation)
    )
    if dataset == "sketches":
        shifted = {}
        for shift in SHIFTS:
            drawn = sketches.release_set("test", shift=shift, size=size)
            chosen = np.sort(np.random.default_rng(0).permutation(len(drawn))[: setting["shifted"]])
            shifted[repr(shift)] = (drawn.images[chosen], drawn.labels[chosen])
    else:
        oxford = datasets.load("oxford").test
        shifted = {"oxford": (oxford.images(size), oxford.labels)}
    backbone = backbones.load(backbones.default(dataset), input_size=size)
    return Material(backbone, train, validation, data.test, shifted, setting)


@dataclass
class Fitted:
    """A trained classifier and what its training took.

    Seconds are processor time, summed over cores: other work on the machine, or a pause, does not count.
    """

    model: keras.Model
    seconds: float
    trainable: int
    history: transfer.History | None = None
    C: float | None = None


def fit_probe(m: Material, train: datasets.Split) -> tuple[transfer.Probe, float]:
    began = time.process_time()
    size = m.backbone.input_size
    probe = transfer.linear_probe(
        features.extract(m.backbone, pixels(train, size), cache=False), train.labels,
        features.extract(m.backbone, pixels(m.validation, size), cache=False), m.validation.labels,
    )  # fmt: skip
    return probe, time.process_time() - began


def tuned(m: Material, train: datasets.Split, model: keras.Model, seed: int, before: float = 0.0, **recipe) -> Fitted:
    """Train by the common recipe with changes, after something that took `before` seconds."""
    began = time.process_time()
    recipe = COMMON | {"epochs": m.setting["epochs"], "augmentation": gentle(seed)} | recipe
    data = [(pixels(split, model.input_shape[1]), split.labels) for split in (train, m.validation)]
    history = transfer.fine_tune(model, *data, seed=seed, progress=False, **recipe)
    seconds = before + time.process_time() - began
    return Fitted(model, seconds, max(history.trainable_parameters), history)


# ---- the strategies: each takes the material, training images, learning rate and seed ----


def from_scratch(m: Material, train, rate, seed, *, size, epochs, augmented) -> Fitted:
    keras.utils.set_random_seed(seed)
    recipe = SCRATCH["scratch + augmentation" if augmented else "scratch"]
    recipe = recipe | {"learning_rate": rate, "epochs": epochs, "augmentation": strong(seed) if augmented else None}
    return tuned(m, train, architectures.small_cnn(2, size), seed, **recipe)


def linear_probe(m: Material, train, rate, seed) -> Fitted:
    probe, seconds = fit_probe(m, train)
    model = transfer.attach_head(m.backbone, probe)
    return Fitted(model, seconds, transfer.parameter_count(model), C=probe.C)


def head_only(m: Material, train, rate, seed) -> Fitted:
    model = transfer.attach_head(m.backbone, 2, seed=seed)
    return tuned(m, train, model, seed, learning_rate=rate)


def last_block(m: Material, train, rate, seed) -> Fitted:
    probe, seconds = fit_probe(m, train)
    model = transfer.attach_head(m.backbone, probe)
    transfer.unfreeze(model, after_layer=m.backbone.stages[-2])
    return tuned(m, train, model, seed, seconds, learning_rate=rate)


def everything(m: Material, train, rate, seed, **recipe) -> Fitted:
    model = transfer.attach_head(m.backbone, 2, seed=seed)
    transfer.unfreeze(model)
    return tuned(m, train, model, seed, learning_rate=rate, **recipe)


def everything_batch_norm(m: Material, train, rate, seed) -> Fitted:
    model = transfer.attach_head(m.backbone, 2, seed=seed, frozen=False)
    return tuned(m, train, model, seed, learning_rate=rate)


def lp_ft(m: Material, train, rate, seed, **recipe) -> Fitted:
    probe, seconds = fit_probe(m, train)
    model = transfer.attach_head(m.backbone, probe)
    transfer.unfreeze(model)
    return tuned(m, train, model, seed, seconds, learning_rate=rate, **recipe)


def gradual(m: Material, train, rate, seed) -> Fitted:
    model = transfer.attach_head(m.backbone, 2, seed=seed)
    plan = transfer.gradual_unfreezing(model, 4, every=m.setting["epochs"] // 5)
    return tuned(m, train, model, seed, learning_rate=rate, unfreezing=plan)


def discriminative(m: Material, train, rate, seed) -> Fitted:
    return lp_ft(m, train, rate, seed, layer_decay=1 / 2.6, groups=4)


STRATEGIES: dict[str, Callable[..., Fitted]] = {
    "linear probe": linear_probe,
    "head only": head_only,
    "last block": last_block,
    "everything": everything,
    "everything, BatchNorm too": everything_batch_norm,
    "LP-FT": lp_ft,
    "gradual unfreezing": gradual,
    "discriminative rates": discriminative,
}
RECIPES: dict[str, dict] = {
    "SGD with momentum": {"optimizer": "sgd"},
    "no warm-up, constant rate": {"schedule": "constant", "warmup_epochs": 0},
    "AdamW, decay 0.05": {"optimizer": "adamw", "weight_decay": 0.05},
    "L2-SP 0.1": {"l2_sp": 0.1},
}
SGD_FACTOR = 20  # a step of Adam is about as long as its rate, one of SGD as long as rate times gradient


SCRATCH_STAGES = {"scratch": "from scratch", "scratch + augmentation": "from scratch, augmented"}  # in calibration.py

# ---- measuring ----


def moved(model: keras.Model, backbone: backbones.Backbone) -> float:
    """How far the backbone's kernels went, relative to their size: ‖w − w⁰‖ / ‖w⁰‖."""
    names = {layer.name for layer in backbone.model.layers}
    far = size = 0.0
    for layer in model.layers:
        if layer.name in names and layer.weights and not isinstance(layer, keras.layers.BatchNormalization):
            pairs = zip(layer.get_weights(), backbone.model.get_layer(layer.name).get_weights(), strict=True)
            for now, then in pairs:
                far += float(np.sum((now - then) ** 2))
                size += float(np.sum(then**2))
    return math.sqrt(far / size)


def right(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which of the images the model classifies correctly, bool (n,)."""
    return evaluation.predictions(model.predict(images, batch_size=100, verbose=0)) == labels


def measure(m: Material, fitted: Fitted, with_shifts: bool) -> dict:
    correct = right(fitted.model, pixels(m.test, fitted.model.input_shape[1]), m.test.labels)
    row = {
        "test_accuracy": float(correct.mean()),
        "cpu_seconds": round(fitted.seconds, 1),
        "trainable": fitted.trainable,
        "right": evaluation.pack_right(correct),
    }
    if fitted.C is not None:
        row["C"] = fitted.C
    if fitted.history is not None:
        best = fitted.history.best_epoch
        row["validation_loss"] = round(fitted.history.validation_loss[best], 4)
        row["best_epoch"], row["epochs"] = best + 1, fitted.history.epochs
    if fitted.model.input_shape == m.backbone.model.input_shape:
        row["moved"] = round(moved(fitted.model, m.backbone), 5)
    if with_shifts:
        for name, (images, labels) in m.shifted.items():
            correct = right(fitted.model, images, labels)
            row[f"accuracy {name}"] = float(correct.mean())
            row[f"right {name}"] = evaluation.pack_right(correct)
    return row


def run(rec: results.Recorder, m: Material, fit, part: str, strategy: str, rate: float, seed: int) -> None:
    """One row, unless it is recorded already."""
    few = part != "strategies"
    train = m.train.take(FEW, seed=seed) if few else m.train
    settings = {
        "part": part, "strategy": strategy, "images": len(train), "learning_rate": rate, "seed": seed,
    }  # fmt: skip
    if rec.done(**settings):
        return
    fitted = fit(m, train, rate, seed)
    row = measure(m, fitted, with_shifts=not few and fitted.model.input_shape == m.backbone.model.input_shape)
    rec.add(settings, **row)
    print(
        f"{part:<11}{strategy:<27}rate {rate:<8g}seed {seed:<3}{row['test_accuracy']:.3f}  {row['cpu_seconds']} s",
        flush=True,
    )
    keras.backend.clear_session()


def copy_scratch(rec: results.Recorder, m: Material) -> None:
    """The rows from scratch that calibration.py has computed already, on the same images.

    That script records no processor time. Two and five epochs of each recipe are timed here, since the first
    comes with what Keras prepares.
    """
    calibration = results.load("calibration")
    for split in (m.train, m.test):
        if calibration.conditions[split.name] != split.fingerprint:
            raise SystemExit(
                f"calibration.json has other {split.name} images: run scripts/results/calibration.py first"
            )
    for stage, name in SCRATCH_STAGES.items():
        recipe = calibration.conditions["recipes"][stage]
        seconds = None
        for row in calibration.select(stage=stage):
            settings = {
                "part": "strategies", "strategy": name, "images": len(m.train),
                "learning_rate": recipe["learning_rate"], "seed": row["seed"],
            }  # fmt: skip
            if rec.done(**settings):
                continue
            if seconds is None:
                options = {"size": m.backbone.input_size, "augmented": stage != "scratch"}
                two, five = (
                    from_scratch(m, m.train, recipe["learning_rate"], 0, epochs=epochs, **options).seconds
                    for epochs in (2, 5)
                )
                seconds = two + (five - two) / 3 * (row["epochs"] - 2)
            values = {key: row[key] for key in ("test_accuracy", "right", "epochs", "best_epoch")}
            rec.add(
                settings,
                **values,
                cpu_seconds=round(seconds, 1),
                trainable=row["trainable_parameters"],
                computed_by="calibration.py",
            )


def run_strategies(rec: results.Recorder, m: Material, seeds, photos: bool) -> None:
    """The rows of the first part, those from scratch last."""
    rate = m.setting["rate"]
    for seed in seeds:
        for strategy, fit in STRATEGIES.items():
            if strategy == "linear probe":  # nothing in it is random
                run(rec, m, fit, "strategies", strategy, 0.0, 0) if seed == 0 else None
            else:
                run(rec, m, fit, "strategies", strategy, HEAD_RATE if strategy == "head only" else rate, seed)
    if not photos:
        if 0 in seeds:
            copy_scratch(rec, m)
        return
    from_nothing = functools.partial(from_scratch, size=m.setting["scratch_size"])
    for seed in seeds:
        for (stage, name), epochs in zip(SCRATCH_STAGES.items(), m.setting["scratch_epochs"], strict=True):
            fit = functools.partial(from_nothing, epochs=epochs, augmented=stage != "scratch")
            run(rec, m, fit, "strategies", name, SCRATCH[stage]["learning_rate"], seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=tuple(SETTINGS), default="sketches")
    parser.add_argument("--restart", action="store_true", help="throw recorded rows away and begin anew")
    parser.add_argument("--seeds", type=int, nargs="+", help="only these; others may run in another process")
    parser.add_argument("--parts", choices=PARTS, nargs="+", default=PARTS, help="only these")
    options = parser.parse_args()
    every = range(SETTINGS[options.dataset]["seeds"])
    seeds = options.seeds or every
    if set(seeds) - set(every):
        parser.error(f"the seeds of {options.dataset} are {list(every)}, not {seeds}")
    m = material(options.dataset)
    rate = m.setting["rate"]
    photos = options.dataset == "photos"
    recorder = results.Recorder(
        "fine-tuning-photos" if photos else "fine-tuning",
        command="python scripts/results/fine_tuning.py" + (" --dataset photos" if photos else ""),
        about="Test accuracy of ways to use a pretrained network, from a probe to retraining all of it, over seeds; "
        "learning rates and recipes with few images",
        conditions={
            "backbone": m.backbone.fingerprint,
            "train": m.train.fingerprint,
            "validation": m.validation.fingerprint,
            "test": m.test.fingerprint,
            "images": {"train": len(m.train), "few": FEW, "validation": len(m.validation), "test": len(m.test)},
            "setting": m.setting,
            "recipe": COMMON,
            "shifts": {name: len(labels) for name, (_, labels) in m.shifted.items()},
        }
        | ({"recipes from scratch": SCRATCH} if photos else {}),
        restart=options.restart,
    )
    with recorder as rec:
        if "strategies" in options.parts:
            run_strategies(rec, m, seeds, photos)
        plain = {"epochs": m.setting["few_epochs"], "augmentation": None}
        for seed in seeds if "rates" in options.parts else ():
            run(rec, m, linear_probe, "rates", "linear probe", 0.0, seed)
            for each in m.setting["sweep"]:
                run(rec, m, functools.partial(lp_ft, **plain), "rates", "LP-FT", each, seed)
                run(rec, m, functools.partial(everything, **plain), "rates", "everything", each, seed)
        for seed in seeds if "recipes" in options.parts else ():
            for recipe, changes in RECIPES.items():
                each = rate * (SGD_FACTOR if changes.get("optimizer") == "sgd" else 1)
                run(rec, m, functools.partial(lp_ft, **plain, **changes), "recipes", recipe, each, seed)
    print(f"{len(rec)} rows in {rec.path.name}")


if __name__ == "__main__":
    main()
