"""The same probes on every dial of the sketches.

    python scripts/results/evaluation.py

Writes book/results/evaluation.json, a row for each dial, strength, probe and seed; interrupted and called again, it goes on
where it was. Every second test sketch is drawn again from its record with one factor changed, so that all settings show
the same 500 animals. Two linear probes on the frozen backbone are tested, on its last stage and on the third. Nothing in a
probe is random: a seed draws the 200 of 240 training images that it is fitted on.

Each row holds which images were classified correctly (`right`, see tlbook.evaluation.pack_right), so that probes and
strengths can be compared by paired tests.
"""

from __future__ import annotations

import numpy as np

from tlbook import backbones, datasets, evaluation, features, results, sketches, transfer

SEEDS = range(5)
STRENGTHS = (0.25, 0.5, 0.75, 1.0)
SETTINGS = [("none", 0.0)] + [(name, strength) for name in sketches.SHIFTS for strength in STRENGTHS]
STAGES = ("stage4", "stage3")
EVERY = 2
TRAINING_IMAGES = 200


def fitted(data: datasets.Dataset, backbone: backbones.Backbone) -> dict[tuple[str, int], transfer.Probe]:
    """A probe for each stage and seed; validation data chooses its penalty."""
    x = {part: features.extract(backbone, data.splits[part], layer=STAGES) for part in ("train", "validation")}
    probes = {}
    for seed in SEEDS:
        rows = data.train.take_positions(TRAINING_IMAGES, seed)
        for stage in STAGES:
            probes[stage, seed] = transfer.linear_probe(
                x["train"][stage][rows], data.train.labels[rows], x["validation"][stage], data.validation.labels
            )
    return probes


def main() -> None:
    data, backbone = datasets.load("sketches"), backbones.load("sketchnet")
    recorder = results.Recorder(
        "evaluation",
        "python scripts/results/evaluation.py",
        about=f"Probes on {len(data.test) // EVERY} test sketches, one dial turned at a time",
        conditions={
            "training images": TRAINING_IMAGES, "every": EVERY, "train": data.train.fingerprint,
            "validation": data.validation.fingerprint, "test": data.test.fingerprint, "backbone": backbone.fingerprint,
        },
    )  # fmt: skip
    probes = fitted(data, backbone)
    labels = data.test.labels[::EVERY]
    records = sketches.release_factors("test")[::EVERY]
    for dial, strength in SETTINGS:
        if all(recorder.done(dial=dial, strength=strength, stage=stage, seed=seed) for stage, seed in probes):
            continue
        shift = sketches.SHIFTS[dial](strength) if strength else lambda record: record
        images = np.stack([sketches.render(shift(record)).image for record in records])
        x = features.extract(backbone, images, layer=STAGES, cache=False)
        for (stage, seed), probe in probes.items():
            right = probe.predict(x[stage]) == labels
            recorder.add(
                {"dial": dial, "strength": strength, "stage": stage, "seed": seed},
                test_accuracy=float(right.mean()),
                right=evaluation.pack_right(right),
            )
        print(f"{dial} {strength}: {right.mean():.3f}", flush=True)


if __name__ == "__main__":
    main()
