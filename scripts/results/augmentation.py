"""Augmentation and regularisation: each alone and together, by three ways of training, over seeds.

    python scripts/results/augmentation.py [--dataset sketches|photos] [--parts PART …] [--seeds N …]

Writes book/results/augmentation.json or augmentation-photos.json (from scratch: augmentation-scratch.json), row by row;
interrupted and called again, it goes on where it was, and several processes may fill one file with parts or seeds of
their own. The photos need TLBOOK_DATA.

Rows belong to one of these parts:

scratch      a small CNN on small sketches, some augmentations, one at a time
fine-tuning  the probe as head, then everything trained on few images, one augmentation at a time
views        a probe on the features of the same few images and of changed copies of them
number of views             the same over the number of copies, by the standard augmentation
test time    a probe trained on the images as they are, answering for several views of each test image
fine-tuning, regularised    no augmentation; dropout, L2, weight decay, label smoothing, epochs, over strengths
head, regularised           the same for a head trained alone on cached features

Every row holds which test images were classified correctly (`right`, see tlbook.evaluation.pack_right); with
fine-tuning of sketches also on drawings turned by 60 degrees either way, darkened and noisy.
"""

from __future__ import annotations

import argparse
import functools
import time

import numpy as np

from tlbook import augmentation, backbones, datasets, evaluation, features, results, sketches, transfer
from tlbook.backbones import architectures

import keras  # isort: skip

SETTINGS = {
    "sketches": {"input_size": 96, "few": 80, "validation": 100, "epochs": 10, "rate": 5e-4, "seeds": 5},
    "photos": {"input_size": 96, "few": 80, "validation": 100, "epochs": 5, "rate": 1e-4, "seeds": 3},
}
SCRATCH = {"input_size": 48, "epochs": 40, "rate": 2e-3, "batch_size": 24}
RECIPE = {"optimizer": "adam", "schedule": "cosine", "warmup_epochs": 1, "batch_size": 20, "restore_best": True}
SHIFTS = (sketches.rotated(0.5), sketches.dark(0.7), sketches.noisy(0.4))
SHIFTED = 300  # drawings of the test set, shifted
VIEWS = 4
WIDE = "rotation, wide"  # up to 90 degrees either way
ALONE = tuple(augmentation.CATALOGUE)
ALL = tuple(n for n in ALONE if n not in ("MixUp", "CutMix", "RandAugment"))
# Few settings on photos, where a run takes longer and the effects are smaller.
PHOTOS = ("none", "standard")
STRENGTHS = {
    "dropout": (0.2, 0.5, 0.8),
    "L2": (0.01, 0.1, 1.0),
    "weight decay": (1.0, 10.0),
    "label smoothing": (0.05, 0.2),
    "epochs": (1, 3, 20),
}
TOGETHER = {"dropout": 0.5, "L2": 0.1, "label smoothing": 0.05}


def layers(name: str, size: int, seed: int) -> keras.layers.Layer | None:
    """The augmentation of a row, in its medium strength; "all" are mild."""
    if name == "none":
        return None
    if name == "standard":
        return augmentation.standard(seed)
    if name == "all":
        return augmentation.combined(ALL, 0, size=size, seed=seed)
    if name == WIDE:
        return augmentation.make("rotation", 0.25, size=size, seed=seed)
    return augmentation.make(name, size=size, seed=seed)


@functools.cache
def pixels(split: datasets.Split, size: int) -> np.ndarray:
    return split.images(size)


@functools.cache
def data_of(name: str) -> tuple[datasets.Split, datasets.Split, datasets.Split]:
    data = datasets.load(name)
    return data.train, data.validation.take(SETTINGS[name]["validation"], seed=0), data.test


@functools.cache
def backbone_of(name: str) -> backbones.Backbone:
    return backbones.load(backbones.default(name), input_size=SETTINGS[name]["input_size"])


@functools.cache
def shifted(size: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    records = sketches.release_factors("test")
    chosen = np.sort(np.random.default_rng(0).permutation(len(records))[:SHIFTED])
    labels = np.array([sketches.TARGET_SPECIES.index(records[i].species) for i in chosen])
    return {
        shift.name: (np.stack([sketches.render(shift(records[i]), size).image for i in chosen]), labels)
        for shift in SHIFTS
    }


def correct(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return evaluation.predictions(model.predict(images, batch_size=100, verbose=0)) == labels


def values(right: np.ndarray, history: transfer.History | None = None, **more) -> dict:
    row = {"test_accuracy": float(right.mean()), "right": evaluation.pack_right(right), **more}
    if history is not None:
        row["validation_loss"] = round(min(history.validation_loss), 4)
        row["best_epoch"], row["epochs"] = history.best_epoch + 1, history.epochs
        row["train_accuracy"] = round(history.train_accuracy[-1], 4)
    return row


def scratch(dataset: str, name: str, seed: int) -> dict:
    train, validation, test = data_of(dataset)
    size = SCRATCH["input_size"]
    keras.utils.set_random_seed(seed)
    model = architectures.small_cnn(2, size)
    history = transfer.fine_tune(
        model, (pixels(train, size), train.labels), (pixels(validation, size), validation.labels), seed=seed,
        epochs=SCRATCH["epochs"], learning_rate=SCRATCH["rate"], progress=False, augmentation=layers(name, size, seed),
        **(RECIPE | {"batch_size": SCRATCH["batch_size"]}),
    )  # fmt: skip
    return values(correct(model, pixels(test, size), test.labels), history)


def few_of(dataset: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    few = data_of(dataset)[0].take(SETTINGS[dataset]["few"], seed=seed)
    return few.images(SETTINGS[dataset]["input_size"]), few.labels


@functools.cache
def probe_of(dataset: str, seed: int) -> transfer.Probe:
    backbone, (_, validation, _) = backbone_of(dataset), data_of(dataset)
    images, labels = few_of(dataset, seed)
    return transfer.linear_probe(
        features.extract(backbone, images, cache=False), labels,
        features.extract(backbone, pixels(validation, backbone.input_size)), validation.labels,
    )  # fmt: skip


def tuned(dataset: str, seed: int, *, dropout: float = 0.0, **recipe) -> tuple[keras.Model, transfer.History]:
    """The probe of this seed's few images as head, then everything trained on them."""
    setting, (_, validation, _) = SETTINGS[dataset], data_of(dataset)
    model = transfer.attach_head(backbone_of(dataset), probe_of(dataset, seed), dropout=dropout, seed=seed)
    transfer.unfreeze(model)
    recipe = RECIPE | {"epochs": setting["epochs"], "learning_rate": setting["rate"]} | recipe
    history = transfer.fine_tune(
        model, few_of(dataset, seed), (pixels(validation, setting["input_size"]), validation.labels),
        seed=seed, progress=False, **recipe,
    )  # fmt: skip
    return model, history


def fine_tuning(dataset: str, name: str, seed: int) -> dict:
    test, size = data_of(dataset)[2], SETTINGS[dataset]["input_size"]
    model, history = tuned(dataset, seed, augmentation=layers(name, size, seed))
    row = values(correct(model, pixels(test, size), test.labels), history)
    if dataset == "sketches":
        for shift, (images, labels) in shifted(size).items():
            right = correct(model, images, labels)
            row |= {f"accuracy {shift}": float(right.mean()), f"right {shift}": evaluation.pack_right(right)}
    return row


def views(dataset: str, name: str, seed: int) -> dict:
    backbone, (_, validation, test) = backbone_of(dataset), data_of(dataset)
    images, labels = few_of(dataset, seed)
    copies = images[None]
    if name != "none":
        changed = augmentation.views(images, layers(name, backbone.input_size, seed), VIEWS - 1, seed=seed)
        copies = np.concatenate([copies, changed])
    x = features.extract(backbone, copies.reshape(-1, *images.shape[1:]), cache=False)
    probe = transfer.linear_probe(
        x, np.tile(labels, len(copies)),
        features.extract(backbone, pixels(validation, backbone.input_size)), validation.labels,
    )  # fmt: skip
    x_test = features.extract(backbone, pixels(test, backbone.input_size))
    return values(probe.predict(x_test) == test.labels, C=probe.C)


def number_of_views(dataset: str, name: str, seed: int) -> dict:
    """A probe on the features of the images and of k changed copies, by the standard augmentation."""
    backbone, (_, validation, test) = backbone_of(dataset), data_of(dataset)
    x, labels = features_of_views(dataset, seed)
    copies = x[: int(name) + 1]
    probe = transfer.linear_probe(
        copies.reshape(-1, x.shape[-1]), np.tile(labels, len(copies)),
        features.extract(backbone, pixels(validation, backbone.input_size)), validation.labels,
    )  # fmt: skip
    x_test = features.extract(backbone, pixels(test, backbone.input_size))
    return values(probe.predict(x_test) == test.labels, C=probe.C)


@functools.lru_cache(maxsize=1)
def features_of_views(dataset: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (k + 1, n, d) of the few images and their changed copies, and their labels (n,)."""
    backbone = backbone_of(dataset)
    images, labels = few_of(dataset, seed)
    most = max(map(int, VIEW_NUMBERS))
    copies = np.concatenate([images[None], augmentation.views(images, augmentation.standard(seed), most, seed=seed)])
    x = features.extract(backbone, copies.reshape(-1, *images.shape[1:]), cache=False)
    return x.reshape(most + 1, len(images), -1), labels


def test_time(dataset: str, name: str, seed: int) -> dict:
    """The probe of this seed on the test images, or on the mean over them and changed copies of them."""
    backbone, test = backbone_of(dataset), data_of(dataset)[2]
    images = pixels(test, backbone.input_size)
    copies = images[None]
    if name == "mirrored":
        copies = np.stack([images, images[:, :, ::-1]])
    elif name != "none":
        changed = augmentation.views(images, layers(name, backbone.input_size, seed), VIEWS, seed=seed)
        copies = np.concatenate([copies, changed])
    probe = probe_of(dataset, seed)
    logits = np.stack([probe.logits(features.extract(backbone, part, cache=False)) for part in copies])
    return values(evaluation.predictions(evaluation.average_views(logits)) == test.labels, copies=len(copies))


def regularisers(kind: str, strength: float) -> dict:
    """Arguments of a training run for one regulariser, or for all of them together."""
    if kind == "none":
        return {}
    if kind == "together":
        return {key: value for k, s in TOGETHER.items() for key, value in regularisers(k, s).items()}
    if kind == "epochs":
        return {"epochs": int(strength)}
    if kind == "early stopping":
        return {"epochs": 20, "patience": int(strength), "restore_best": True}
    if kind == "weight decay":
        return {"optimizer": "adamw", "weight_decay": strength}
    return {{"dropout": "dropout", "L2": "l2", "label smoothing": "label_smoothing"}[kind]: strength}


# What the regularisers are compared with stops nowhere and restores nothing.
PLAIN = {"epochs": 10, "restore_best": False, "schedule": "constant", "warmup_epochs": 0}


def fine_tuning_regularised(dataset: str, name: str, seed: int) -> dict:
    test, size = data_of(dataset)[2], SETTINGS[dataset]["input_size"]
    kind, strength = parse(name)
    model, history = tuned(dataset, seed, **(PLAIN | regularisers(kind, strength)))
    return values(correct(model, pixels(test, size), test.labels), history)


def head_regularised(dataset: str, name: str, seed: int) -> dict:
    backbone, (_, validation, test) = backbone_of(dataset), data_of(dataset)
    images, labels = few_of(dataset, seed)
    x = features.extract(backbone, images, cache=False)
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    x_validation, x_test = (
        (features.extract(backbone, pixels(split, backbone.input_size)) - mean) / spread for split in (validation, test)
    )
    settings = regularisers(*parse(name))
    dropout = settings.pop("dropout", 0.0)
    kernel = keras.initializers.GlorotUniform(seed=seed)
    model = keras.Sequential(
        [
            keras.Input((x.shape[1],)),
            keras.layers.Dropout(dropout, seed=seed),
            keras.layers.Dense(2, kernel_initializer=kernel, name="head"),
        ]
    )
    history = transfer.fine_tune(
        model, ((x - mean) / spread, labels), (x_validation, validation.labels), seed=seed, learning_rate=1e-2,
        progress=False, **(RECIPE | PLAIN | settings),
    )  # fmt: skip
    return values(correct(model, x_test, test.labels), history)


def parse(name: str) -> tuple[str, float]:
    kind, _, strength = name.partition("=")
    return kind, float(strength or 0)


REGULARISED = (
    "none",
    *(f"{kind}={strength:g}" for kind, strengths in STRENGTHS.items() for strength in strengths),
    "early stopping=3",
    "together",
)
# From scratch a run takes longer, so fewer of them, on drawings of half the side.
SCRATCHED = (
    "none",
    "flip",
    "rotation",
    "scaling",
    "cropping",
    "elastic",
    "colour",
    "noise",
    "erasing",
    "MixUp",
    "standard",
    "all",
)
AUGMENTED = ("none", *ALONE, "standard", "all")
VIEW_NUMBERS = ("0", "1", "2", "4", "8", "16")
PARTS = {
    "scratch": (scratch, SCRATCHED),
    "fine-tuning": (fine_tuning, (*AUGMENTED, WIDE)),
    "views": (views, tuple(n for n in (*AUGMENTED, WIDE) if n not in ("MixUp", "CutMix"))),
    "number of views": (number_of_views, VIEW_NUMBERS),
    "test time": (test_time, ("none", "mirrored", "standard")),
    "fine-tuning, regularised": (fine_tuning_regularised, REGULARISED),
    "head, regularised": (head_regularised, REGULARISED),
}


def recorder_of(dataset: str, part: str) -> results.Recorder:
    """The record that a part is written to; training from scratch has one of its own."""
    train, validation, test = data_of(dataset)
    conditions = {
        "train": train.fingerprint,
        "validation": validation.fingerprint,
        "test": test.fingerprint,
        "images": {"train": len(train), "validation": len(validation), "test": len(test), "shifted": SHIFTED},
        "recipe": RECIPE,
        "strengths": {name: list(entry.strengths) for name, entry in augmentation.CATALOGUE.items()},
    }
    if part == "scratch":
        return results.Recorder(
            "augmentation-scratch",
            command="python scripts/results/augmentation.py --parts scratch",
            about="Test accuracy of a small network trained from scratch with each augmentation, alone and together, over seeds",
            conditions=conditions | {"scratch": SCRATCH},
        )
    photos = dataset == "photos"
    return results.Recorder(
        "augmentation-photos" if photos else "augmentation",
        command="python scripts/results/augmentation.py" + (" --dataset photos" if photos else ""),
        about="Test accuracy with each augmentation and each regulariser, alone and together, by ways of training, over seeds",
        conditions=conditions
        | {
            "backbone": backbone_of(dataset).fingerprint,
            "setting": SETTINGS[dataset],
            "regularised": PLAIN,
            "views": VIEWS,
            "shifts": [repr(shift) for shift in SHIFTS],
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=tuple(SETTINGS), default="sketches")
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS))
    parser.add_argument("--seeds", nargs="+", type=int)
    options = parser.parse_args()
    dataset = options.dataset
    photos = dataset == "photos"
    parts = options.parts or (["views", "number of views", "test time", "fine-tuning"] if photos else list(PARTS))
    for part in parts:
        recorder = recorder_of(dataset, part)
        measure, names = PARTS[part]
        if photos and part == "fine-tuning":
            names = PHOTOS
        seeds = range(SETTINGS[dataset]["seeds"] if part in ("fine-tuning", "views") else 5)
        for seed in options.seeds if options.seeds is not None else seeds:
            for name in names:
                settings = {"part": part, "change": name, "seed": seed}
                if seed not in seeds or recorder.done(**settings):
                    continue
                began = time.process_time()
                row = measure(dataset, name, seed)
                recorder.add(settings, **row, cpu_seconds=round(time.process_time() - began, 1))
                seconds = time.process_time() - began
                print(f"{part:<26}{name:<22}seed {seed}  {row['test_accuracy']:.3f}  {seconds:.1f} s", flush=True)
                keras.backend.clear_session()


if __name__ == "__main__":
    main()
