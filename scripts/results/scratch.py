"""The baseline: a small network trained from random weights, on a hundred training images and (photos) on all, over five seeds.

    python scripts/results/scratch.py [--dataset sketches|photos] [--seeds 0 1 …]

Writes book/results/scratch.json (or scratch-photos.json), a row for each size and seed with its curves; interrupted and
called again, it goes on where it was, and several processes may share the seeds. The photos need TLBOOK_DATA. All sketches
are not trained on here: that is the stage "scratch" of calibration.py, and the runs on a hundred sketches use its recipe.
On each data set the recipe is thus the same for both sizes but for the number of epochs and the weights kept. With all
images these are the weights of the epoch with the lowest validation loss. With a hundred they are the last ones: the lowest
loss is often that of the first epochs, when nothing has been learned, and what these runs are to show is overfitting. The
accuracies are those of the kept weights; the curves' training accuracy is measured while training, with dropout.
The chapter on convolutions trains one of the small runs again, by the recipe in the record's conditions, and compares.
"""

from __future__ import annotations

import argparse
import time

from calibration import RECIPES

from tlbook import datasets, evaluation, results, transfer
from tlbook.backbones import architectures

import keras  # isort: skip

SEEDS = list(range(5))
INPUT_SIZE = 96
FEW = 100
SKETCHES = RECIPES["scratch"]
PHOTOS = {"learning_rate": 1e-3, "optimizer": "adam", "schedule": "cosine", "warmup_epochs": 1, "batch_size": 32}
RUNS = {
    "sketches": {"few": SKETCHES | {"restore_best": False}},
    "photos": {
        "all": PHOTOS | {"restore_best": True, "epochs": 20},
        "few": PHOTOS | {"restore_best": False, "epochs": 40},
    },
}


def main(dataset: str, seeds: list[int]) -> None:
    data = datasets.load(dataset)
    recipes = RUNS[dataset]
    train = {size: data.train.take(FEW) if size == "few" else data.train for size in recipes}
    recorder = results.Recorder(
        "scratch" if dataset == "sketches" else f"scratch-{dataset}",
        f"python scripts/results/scratch.py --dataset {dataset}",
        about="A small network trained from random weights on "
        + " and on ".join(f"{len(split):,}" for split in train.values())
        + " training images",
        conditions={
            "recipes": recipes,
            "input size": INPUT_SIZE,
            "train": data.train.fingerprint,
            "validation": data.validation.fingerprint,
            "test": data.test.fingerprint,
        },
    )
    test_images = data.test.images(INPUT_SIZE)
    for size in train:
        for seed in seeds:
            if recorder.done(size=size, seed=seed):
                continue
            keras.utils.set_random_seed(seed)
            model = architectures.small_cnn(len(data.class_names), INPUT_SIZE)
            began = time.perf_counter()
            history = transfer.fine_tune(model, train[size], data.validation, seed=seed, **recipes[size])
            seconds = time.perf_counter() - began
            right = {
                name: evaluation.accuracy(labels, evaluation.predictions(model.predict(images, verbose=0)))
                for name, images, labels in (
                    ("train", train[size].images(INPUT_SIZE), train[size].labels),
                    ("test", test_images, data.test.labels),
                )
            }
            recorder.add(
                {"size": size, "seed": seed},
                images=len(train[size]),
                train_accuracy=right["train"].value,
                test_accuracy=right["test"].value,
                best_epoch=history.best_epoch + 1,
                curves={
                    name: [round(value, 4) for value in getattr(history, name)]
                    for name in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
                },
                seconds=round(seconds, 1),
            )
            print(f"{len(train[size])} images, seed {seed}: test accuracy {right['test']}, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=list(RUNS), default="sketches")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, metavar="SEED")
    options = parser.parse_args()
    main(options.dataset, options.seeds)
