"""The same models on every dial of the sketches, over strengths and seeds.

    python scripts/results/evaluation.py

Writes book/results/evaluation.json, a row for each model, seed, dial and strength; interrupted and called again, it goes
on where it was. The 1,000 test sketches are drawn again from their records with one factor changed, so that every
setting shows the same animals. The models:

linear probe    on the frozen backbone's features; nothing in it is random, so it has the seed 0 alone
scratch         the small network of scripts/results/calibration.py by the same recipe, five seeds

Each row holds which images were classified correctly (`right`, see tlbook.evaluation.pack_right), so that models and
strengths can be compared by paired tests.
"""

from __future__ import annotations

import numpy as np
from calibration import INPUT_SIZE, RECIPES, SEEDS

from tlbook import backbones, datasets, evaluation, features, results, sketches, transfer
from tlbook.backbones import architectures

import keras  # isort: skip

STRENGTHS = (0.25, 0.5, 0.75, 1.0)
SETTINGS = [("none", 0.0)] + [(name, strength) for name in sketches.SHIFTS for strength in STRENGTHS]


def fitted_probe(data: datasets.Dataset) -> tuple[backbones.Backbone, transfer.Probe]:
    backbone = backbones.load(backbones.default("sketches"))
    train, validation = (features.extract(backbone, split, cache=False) for split in (data.train, data.validation))
    return backbone, transfer.linear_probe(train, data.train.labels, validation, data.validation.labels)


def scratch(data: datasets.Dataset, seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    model = architectures.small_cnn(len(data.class_names), INPUT_SIZE)
    pairs = [(split.images(INPUT_SIZE), split.labels) for split in (data.train, data.validation)]
    transfer.fine_tune(model, *pairs, seed=seed, **RECIPES["scratch"])
    return model


def main() -> None:
    data = datasets.load("sketches")
    backbone, probe = fitted_probe(data)
    recorder = results.Recorder(
        "evaluation",
        "python scripts/results/evaluation.py",
        about=f"A probe and networks from scratch on {len(data.test):,} test sketches, one dial turned at a time",
        conditions={
            "recipe": RECIPES["scratch"], "train": data.train.fingerprint, "validation": data.validation.fingerprint,
            "test": data.test.fingerprint, "backbone": backbone.fingerprint,
        },
    )  # fmt: skip
    models = [("linear probe", 0), *(("scratch", seed) for seed in SEEDS)]
    trained: dict[int, keras.Model] = {}
    for dial, strength in SETTINGS:
        missing = [
            (model, seed)
            for model, seed in models
            if not recorder.done(model=model, seed=seed, dial=dial, strength=strength)
        ]
        if not missing:
            continue
        shift = sketches.SHIFTS[dial](strength) if strength else None
        drawn = sketches.release_set("test", shift=shift, size=INPUT_SIZE)
        for model, seed in missing:
            if model == "linear probe":
                logits = probe.logits(features.extract(backbone, drawn.images, cache=False))
            else:
                if seed not in trained:
                    trained[seed] = scratch(data, seed)
                logits = trained[seed].predict(drawn.images, batch_size=128, verbose=0)
            right = evaluation.predictions(np.asarray(logits)) == drawn.labels
            recorder.add(
                {"model": model, "seed": seed, "dial": dial, "strength": strength},
                test_accuracy=float(right.mean()),
                right=evaluation.pack_right(right),
            )
            print(f"{dial} {strength}, {model}, seed {seed}: {right.mean():.3f}", flush=True)


if __name__ == "__main__":
    main()
