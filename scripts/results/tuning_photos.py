"""Fine-tuning on all photos at full input size, beside the probe of probe_photos.py that it starts from.

    python scripts/results/tuning_photos.py [--dataset photos]

Writes book/results/tuning-photos.json, a row for each seed; interrupted and called again, it goes on where it was. Needs
TLBOOK_DATA or a network, and only the photos will do.

LP-FT: the probe as head, then everything is trained further, with batch normalisation frozen. Learning rate, schedule and
augmentation are those of fine_tuning.py for photos, the epochs fewer to save time; all were fixed before anything was run here,
and nothing was chosen on the test photos. A seed is the order of the batches and the augmentation: the photos are the same in
all.
"""

from __future__ import annotations

import argparse
import time

from calibration import COMMON, gentle
from probe_photos import INPUT_SIZE, all_splits, outcome

from tlbook import backbones, evaluation, features, results, transfer

import keras  # isort: skip

SEEDS = range(5)
BACKBONE = "mobilenet_v2_035"
RECIPE = COMMON | {"learning_rate": 1e-4, "batch_size": 32, "epochs": 6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=("photos",), default="photos")
    parser.parse_args()
    splits = all_splits()
    backbone = backbones.load(BACKBONE, input_size=INPUT_SIZE)
    recorder = results.Recorder(
        "tuning-photos",
        "python scripts/results/tuning_photos.py",
        about=f"LP-FT on {len(splits['train']):,} photos, tested on {len(splits['test']):,} and on another collection",
        conditions={
            "input size": INPUT_SIZE,
            "recipe": RECIPE,
            "backbone": backbone.fingerprint,
            **{name: split.fingerprint for name, split in splits.items()},
        },
    )
    missing = [seed for seed in SEEDS if not recorder.done(seed=seed)]
    if not missing:
        return  # before anything is computed
    pairs = {name: (split.images(INPUT_SIZE), split.labels) for name, split in splits.items()}
    x = {part: features.extract(backbone, pairs[part][0], cache=False) for part in ("train", "validation")}
    probe = transfer.linear_probe(x["train"], pairs["train"][1], x["validation"], pairs["validation"][1])
    for seed in missing:
        keras.utils.set_random_seed(seed)
        began = time.perf_counter()
        model = transfer.attach_head(backbone, probe)
        transfer.unfreeze(model)
        history = transfer.fine_tune(
            model, pairs["train"], pairs["validation"], seed=seed, augmentation=gentle(seed), **RECIPE
        )
        seconds = time.perf_counter() - began
        right = {
            part: evaluation.predictions(model.predict(pairs[part][0], batch_size=100, verbose=0)) == pairs[part][1]
            for part in ("test", "oxford")
        }
        recorder.add(
            {"seed": seed},
            seconds=round(seconds, 1),
            best_epoch=history.best_epoch + 1,
            validation_loss=round(history.validation_loss[history.best_epoch], 4),
            **outcome(right),
        )
        print(
            f"seed {seed}: test {right['test'].mean():.3f}, Oxford {right['oxford'].mean():.3f}, {seconds:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
