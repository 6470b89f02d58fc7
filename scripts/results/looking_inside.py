"""Do heat maps find the head? Networks that learned the animal and networks that learned the background, over five seeds.

    python scripts/results/looking_inside.py [--seeds 0 1 2 3 4]

Writes book/results/looking-inside.json, a row for each seed, start and training set; interrupted and called again, it
goes on where it was, and several processes may share the seeds. A network starts from scratch (on 64 px) or from the
backbone of the sketches (96 px), and is trained on the released training drawings or on the same ones with
backgrounds that give the class away (sketches.shortcut(1.0), cats in a room and dogs on grass). Each is tested on
every second drawing of the test set, with backgrounds as released, with the giveaway, and with the giveaway reversed.
The maps are made of every fifth drawing of the test set as released, for the predicted class, and scored against the
masks of the head with its ears; "other" is what the same maps get against the masks of the other drawings, as a map
does that points at the middle. Networks fine-tuned on the released drawings are then randomised from the head down
(Adebayo et al. 2018). Settings were chosen on one seed, looking at accuracy and time.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from tlbook import backbones, evaluation, features, interpret, results, sketches, transfer
from tlbook.backbones import architectures

import keras  # isort: skip

SEEDS = range(5)
COMMON = {"optimizer": "adam", "schedule": "cosine", "warmup_epochs": 1, "restore_best": True}
RECIPES = {
    "scratch": COMMON | {"learning_rate": 2e-3, "batch_size": 16, "epochs": 20},
    "fine-tuned": COMMON | {"learning_rate": 5e-4, "batch_size": 32, "epochs": 8},
}
SIZES = {"scratch": 64, "fine-tuned": 96}
# A coarse layer, where Grad-CAM looks by default, and one of twice its resolution.
LAYERS = {"scratch": ("block4_relu", "block3_relu"), "fine-tuned": ("stage4", "stage3")}
BACKGROUNDS = {
    "released": sketches.shortcut(0.0),
    "shortcut": sketches.shortcut(1.0),
    "lying": sketches.shortcut(1.0, reverse=True),
}
OCCLUDED = 24


def drawn(split: str, every: int, background: str, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, labels and masks of the head with its ears of every so many drawings of a split."""
    records = [BACKGROUNDS[background](record) for record in sketches.release_factors(split)[::every]]
    made = [sketches.render(record, size) for record in records]
    labels = np.array([sketches.TARGET_SPECIES.index(record.species) for record in records])
    return (
        np.stack([one.image for one in made]),
        labels,
        np.stack([one.masks["head"] | one.masks["ears"] for one in made]),
    )


def trained(start: str, data: dict, seed: int) -> keras.Model:
    train, validation = data["train"][:2], data["validation"][:2]
    keras.utils.set_random_seed(seed)
    if start == "scratch":
        model = architectures.small_cnn(2, SIZES[start])
    else:
        backbone = backbones.load("sketchnet")
        x, x_validation = (features.extract(backbone, images, cache=False) for images, _ in (train, validation))
        model = transfer.attach_head(backbone, transfer.linear_probe(x, train[1], x_validation, validation[1]))
        transfer.unfreeze(model)
    transfer.fine_tune(model, train, validation, seed=seed, progress=False, **RECIPES[start])
    return model


def scored(name: str, heat: np.ndarray, heads: np.ndarray) -> dict[str, float]:
    """Both scores against the masks, and what the maps get against those of the other drawings."""
    found = {}
    for kind, score in (("energy", interpret.energy_inside), ("pointing", interpret.pointing_game)):
        one = score(heat, heads)
        found[f"{kind}_{name}"] = one.estimate.value
        found[f"{kind}_{name}_other"] = one.elsewhere
    return {key: round(value, 4) for key, value in found.items()}


def cascade(model: keras.Model, images: np.ndarray, heads: np.ndarray, seed: int) -> dict[str, dict[str, float]]:
    """Scores of Grad-CAM while the network is randomised from the head down, one stage more each time."""
    groups = transfer.layer_groups(model, architectures.SKETCHNET_STAGES)
    classes = model.predict(images, verbose=0).argmax(axis=1)  # those of the trained network throughout
    first, found = None, {}
    for step in ("as trained", *reversed(groups)):
        if step != "as trained":
            transfer.randomise(model, layers=groups[step], seed=seed)
        heat = interpret.grad_cam(model, images, classes, upsample=True)
        first = heat if first is None else first
        same = interpret.rank_correlation(first, heat).value
        found[step] = scored("grad_cam", heat, heads) | {"rank_correlation": round(same, 4)}
    return found


def main(seeds: list[int]) -> None:
    recorder = results.Recorder(
        "looking-inside",
        "python scripts/results/looking_inside.py",
        about="Heat maps scored against the heads of the sketches, for networks trained with and without a giveaway background",
        conditions={"recipes": RECIPES, "sizes": SIZES, "layers": LAYERS, "backbone": backbones.load("sketchnet").fingerprint},
    )  # fmt: skip
    for start, size in SIZES.items():
        test = {background: drawn("test", 2, background, size) for background in BACKGROUNDS}
        images, _, heads = drawn("test", 5, "released", size)
        for name in ("released", "shortcut"):
            data = {split: drawn(split, 1, name, size) for split in ("train", "validation")}
            for seed in seeds:
                if recorder.done(start=start, data=name, seed=seed):
                    continue
                began = time.process_time()
                model = trained(start, data, seed)
                row: dict[str, object] = {"training_seconds": round(time.process_time() - began, 1)}
                for background, (x, y, _) in test.items():
                    right = evaluation.predictions(model.predict(x, batch_size=100, verbose=0)) == y
                    row[f"accuracy_{background}"] = float(right.mean())
                for depth, layer in zip(("grad_cam", "finer"), LAYERS[start], strict=True):
                    row |= scored(depth, interpret.grad_cam(model, images, layer=layer, upsample=True), heads)
                some = np.linspace(0, len(images) - 1, OCCLUDED).astype(int)
                occlusion = interpret.occlusion_sensitivity(
                    model, images[some], patch=size // 6, stride=size // 12, progress=False
                )
                row |= scored("occlusion", occlusion, heads[some]) | {"chance": round(float(heads.mean()), 4)}
                if (start, name) == ("fine-tuned", "released"):
                    row["cascade"] = cascade(model, images, heads, seed)
                if recorder.done(start=start, data=name, seed=seed):  # by another process, meanwhile
                    continue
                recorder.add({"start": start, "data": name, "seed": seed}, **row)
                print(start, name, seed, {k: v for k, v in row.items() if k != "cascade"}, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    main(parser.parse_args().seeds)
