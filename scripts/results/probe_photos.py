"""The linear probe on all photos at full input size: Kaggle's test photos, and the Oxford sample it has never seen.

    python scripts/results/probe_photos.py [--dataset photos]

Writes book/results/probe-photos.json, a row for each backbone whose weights can be had; interrupted and called again, it
goes on where it was. Needs TLBOOK_DATA or a network, and only the photos will do. Nothing in it is random.
"""

from __future__ import annotations

import argparse

import numpy as np

from tlbook import backbones, datasets, evaluation, features, results, transfer

BACKBONES = ("mobilenet_v2_035",)
INPUT_SIZE = 224


def all_splits() -> dict[str, datasets.Split]:
    """Every photo: three splits of the one collection, and the other collection."""
    photos, oxford = datasets.load("photos"), datasets.load("oxford")
    return {"train": photos.train, "validation": photos.validation, "test": photos.test, "oxford": oxford.test}


def outcome(right: dict[str, np.ndarray]) -> dict[str, float | str]:
    """What a row holds of the answers on both collections: share and list of those that were right."""
    return {
        "test_accuracy": float(right["test"].mean()),
        "right": evaluation.pack_right(right["test"]),
        "accuracy oxford": float(right["oxford"].mean()),
        "right oxford": evaluation.pack_right(right["oxford"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=("photos",), default="photos")
    parser.parse_args()
    splits = all_splits()
    recorder = results.Recorder(
        "probe-photos",
        "python scripts/results/probe_photos.py",
        about=f"Linear probes on {len(splits['train']):,} photos, tested on {len(splits['test']):,} and on another collection",
        conditions={"input size": INPUT_SIZE, **{name: split.fingerprint for name, split in splits.items()}},
    )
    for name in BACKBONES:
        if recorder.done(backbone=name):
            continue
        backbone = backbones.load(name, input_size=INPUT_SIZE)
        extracted = {part: features.extract(backbone, split, cache=False) for part, split in splits.items()}
        labels = {part: split.labels for part, split in splits.items()}
        probe = transfer.linear_probe(
            extracted["train"], labels["train"], extracted["validation"], labels["validation"]
        )
        right = {part: probe.predict(extracted[part]) == labels[part] for part in ("test", "oxford")}
        recorder.add(
            {"backbone": name},
            weights=backbone.fingerprint,
            C=probe.C,
            **outcome(right),
        )
        print(f"{name}: test {right['test'].mean():.3f}, Oxford {right['oxford'].mean():.3f}", flush=True)


if __name__ == "__main__":
    main()
