"""The calibration's network from scratch, without augmentation, for as many epochs as with it.

    python scripts/results/scratch_longer.py

Writes book/results/scratch-longer.json, a row for each seed; interrupted and called again, it goes on where it was. The
calibration trains 40 epochs without augmentation and 100 with it, so that its difference has two causes. This is the missing
corner: 100 epochs without.
"""

from __future__ import annotations

import numpy as np
from calibration import INPUT_SIZE, RECIPES, SEEDS

from tlbook import datasets, evaluation, results, transfer
from tlbook.backbones import architectures

import keras  # isort: skip

RECIPE = RECIPES["scratch"] | {"epochs": RECIPES["scratch + augmentation"]["epochs"]}


def main() -> None:
    data = datasets.load("sketches")
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    pair = {name: (split.images(INPUT_SIZE), split.labels) for name, split in splits.items()}
    recorder = results.Recorder(
        "scratch-longer",
        "python scripts/results/scratch_longer.py",
        about=f"A network from scratch on {len(data.train)} sketches, {RECIPE['epochs']} epochs without augmentation",
        conditions={"recipe": RECIPE, **{name: split.fingerprint for name, split in splits.items()}},
    )
    for seed in SEEDS:
        if recorder.done(stage="scratch, longer", seed=seed):
            continue
        keras.utils.set_random_seed(seed)
        model = architectures.small_cnn(len(data.class_names), INPUT_SIZE)
        history = transfer.fine_tune(model, pair["train"], pair["validation"], seed=seed, **RECIPE)
        logits = model.predict(pair["test"][0], batch_size=128, verbose=0)
        right = evaluation.predictions(np.asarray(logits)) == pair["test"][1]
        recorder.add(
            {"stage": "scratch, longer", "seed": seed},
            epochs=history.epochs,
            best_epoch=history.best_epoch + 1,
            validation_loss=round(history.validation_loss[history.best_epoch], 4),
            train_accuracy=round(history.train_accuracy[-1], 4),
            seconds=round(history.total_seconds, 1),
            test_accuracy=float(right.mean()),
            right=evaluation.pack_right(right),
        )
        print(f"seed {seed}: test accuracy {right.mean():.3f}, {history.total_seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
