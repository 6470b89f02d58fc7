"""Feature extraction or fine-tuning: accuracy against images and depth, sources, cuts, heads and cost, over seeds.

    python scripts/results/extraction_or_tuning.py [--dataset sketches|photos] [--only EXPERIMENT ...]

Writes book/results/extraction-or-tuning.json (or extraction-or-tuning-photos.json), row by row; interrupted and called
again, it goes on where it was. The photos need TLBOOK_DATA, and take a reduced setting that the record states.

Each row belongs to one experiment:

surface      what is retrained (nothing, the head, …, everything; or all from scratch) × number of labelled images.
depth        a linear probe on every stage: pretrained, random weights, and (photos) pretrained on drawings.
randomised   a linear probe on the last features after some stages were given random weights (statistics renewed).
head         heads of different size on the same frozen features.
memory       peak memory of training, each strategy in a process of its own.
source       (sketches) the same drawings, two source tasks: species, or the kind of background. 64 px.
cut          (sketches) the upper stages retrained from random weights on frozen lower ones (Yosinski 2014). 64 px.
dials        (sketches) training and test drawings both moved away from the source by a dial.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import math
import os
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass, replace

import numpy as np
from _small_networks import RECIPE, SMALL, body, predicted, small_network, small_release, small_target, train, values
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tlbook import backbones, datasets, features, results, sketches, transfer
from tlbook.backbones import architectures

import keras  # isort: skip

SETTINGS = {
    "sketches": {
        "size": 96, "images": [10, 20, 80, 240], "seeds": 5, "rate": 5e-4, "steps": 1600, "epochs": [4, 15],
        "scratch_size": 96, "scratch_rate": 2e-3, "scratch_steps": 6000, "scratch_epochs": [12, 30], "few": 20,
    },
    "photos": {
        "size": 96, "images": [10, 20, 100, 400, 1600], "seeds": 3, "rate": 1e-4, "steps": 1600, "epochs": [2, 12],
        "scratch_size": 64, "scratch_rate": 1e-3, "scratch_steps": 6000, "scratch_epochs": [8, 30], "few": 20,
    },
}  # fmt: skip
HIDDEN = {"linear": (), "16": (16,), "64": (64,), "256": (256,), "256 + 256": (256, 256)}
DIALS = {"noisy": sketches.noisy(1.0), "rotated": sketches.rotated(1.0)}
DIAL_IMAGES = 80
STRATEGIES = ("nothing", "head", "last stage", "last two stages", "everything", "from scratch")


@dataclass(eq=False)
class Material:
    """Images and labels of the three splits, and the backbone."""

    name: str
    data: datasets.Dataset
    backbone: backbones.Backbone
    setting: dict

    @functools.cached_property
    def x(self) -> dict[str, np.ndarray]:
        return {name: split.images(self.setting["size"]) for name, split in self.data.splits.items()}

    @functools.cached_property
    def small_x(self) -> dict[str, np.ndarray]:
        return {name: split.images(self.setting["scratch_size"]) for name, split in self.data.splits.items()}

    @functools.cached_property
    def y(self) -> dict[str, np.ndarray]:
        return {name: split.labels for name, split in self.data.splits.items()}

    def draw(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions of n training images, and of the validation images that go with so many."""
        share = max(4, round(n * len(self.data.validation) / len(self.data.train)))
        return self.data.train.take_positions(n, seed), self.data.validation.take_positions(share, seed)

    @functools.cached_property
    def features(self) -> dict[str, np.ndarray]:
        return {name: features.extract(self.backbone, images, cache=False) for name, images in self.x.items()}

    @functools.cache  # noqa: B019  (one material lives as long as the process)
    def lower(self, stage: str) -> tuple[keras.Model, dict[str, np.ndarray], float]:
        """The part above a stage, activations of all images at it, and processor seconds an image took."""
        low, up = transfer.divide(self.backbone, stage)
        low.predict(self.x["train"][:64], batch_size=64, verbose=0)
        began = time.process_time()
        kept = {name: low.predict(images, batch_size=64, verbose=0) for name, images in self.x.items()}
        return up, kept, (time.process_time() - began) / sum(map(len, kept.values()))


def material(dataset: str) -> Material:
    setting = SETTINGS[dataset]
    backbone = backbones.load(backbones.default(dataset), input_size=setting["size"])
    return Material(dataset, datasets.load(dataset), backbone, setting)


def epochs_for(n: int, steps: int, bounds: list[int]) -> int:
    return min(max(math.ceil(steps / n), bounds[0]), bounds[1])


def fit_probe(m: Material, view: dict[str, np.ndarray], n: int, seed: int) -> transfer.Probe:
    rows, chosen = m.draw(n, seed)
    return transfer.linear_probe(
        view["train"][rows], m.y["train"][rows], view["validation"][chosen], m.y["validation"][chosen]
    )


# ---- one strategy: from n labelled images to predictions for the test images ----


def retrain(m: Material, strategy: str, n: int, seed: int) -> dict:
    s, y = m.setting, m.y
    rows, chosen = m.draw(n, seed)
    if strategy == "from scratch":
        keras.utils.set_random_seed(seed)
        model = architectures.small_cnn(2, s["scratch_size"])
        view = scratch_images(m)
        seconds = train(
            model, view["train"][rows], y["train"][rows], (view["validation"][:32], y["validation"][:32]), seed,
            epochs_for(n, s["scratch_steps"], s["scratch_epochs"]), s["scratch_rate"],
        )  # fmt: skip
        return values(
            y["test"], predicted(model, view["test"]), seconds=seconds, trained=transfer.parameter_count(model)
        )
    view = m.features
    an_image = m.lower(m.backbone.stages[-1])[2]
    if strategy == "nothing":
        began = time.process_time()
        means = make_pipeline(StandardScaler(), NearestCentroid()).fit(view["train"][rows], y["train"][rows])
        seconds = time.process_time() - began + n * an_image
        return values(y["test"], means.predict(view["test"]), seconds=seconds, trained=0)
    began = time.process_time()
    probe = fit_probe(m, view, n, seed)
    seconds = time.process_time() - began + (n + len(chosen)) * an_image
    if strategy == "head":
        return values(
            y["test"],
            probe.predict(view["test"]),
            seconds=seconds,
            trained=probe.weights.size + probe.bias.size,
            C=probe.C,
        )
    if strategy == "everything":
        model, view = transfer.attach_head(m.backbone, probe), m.x
    else:
        upper, view, an_image = m.lower(m.backbone.stages[{"last stage": -2, "last two stages": -3}[strategy]])
        model = transfer.attach_head(upper, probe)
        seconds += n * an_image
    transfer.unfreeze(model)
    seconds += train(
        model, view["train"][rows], y["train"][rows], (view["validation"][chosen[:32]], y["validation"][chosen[:32]]),
        seed, epochs_for(n, s["steps"], s["epochs"]), s["rate"],
    )  # fmt: skip
    return values(y["test"], predicted(model, view["test"]), seconds=seconds, trained=transfer.parameter_count(model))


def scratch_images(m: Material) -> dict[str, np.ndarray]:
    return m.x if m.setting["scratch_size"] == m.setting["size"] else m.small_x


# ---- the experiments: each yields the settings of a row and how to compute its values ----


def surface(m: Material):
    for seed in range(m.setting["seeds"]):
        for n in m.setting["images"]:
            for strategy in STRATEGIES:
                yield ("-", strategy, n, seed), functools.partial(retrain, m, strategy, n, seed)


def depth(m: Material):
    everything = len(m.data.train)
    sources = {("pretrained", 0): m.backbone}
    seeds = range(m.setting["seeds"])
    sources |= {("random weights", seed): None for seed in seeds}
    if m.name == "photos":
        sources["drawings", 0] = None

    @functools.lru_cache(maxsize=1)
    def views(source: str, seed: int):
        backbone = sources[source, seed]
        if source == "random weights":
            backbone = backbones.load(m.backbone.name, weights=None, input_size=m.setting["size"], seed=seed)
        elif source == "drawings":
            backbone = backbones.load("sketchnet", input_size=m.setting["size"])
        return {name: features.extract(backbone, x, layer=backbone.stages, cache=False) for name, x in m.x.items()}

    def probe(source, seed, stage, n, draw):
        view = {name: by_stage[stage] for name, by_stage in views(source, seed).items()}
        return values(m.y["test"], fit_probe(m, view, n, draw).predict(view["test"]))

    for source, seed in sources:
        stages = backbones.info("sketchnet").stages if source == "drawings" else m.backbone.stages
        for stage in stages:
            yield (source, stage, everything, seed), functools.partial(probe, source, seed, stage, everything, 0)
            for draw in seeds if source == "pretrained" else []:
                few = m.setting["few"]
                yield (source, stage, few, draw), functools.partial(probe, source, seed, stage, few, draw)


def randomised(m: Material):
    n = min(400, len(m.data.train))
    groups = list(transfer.layer_groups(m.backbone.model, m.backbone.stages).values())

    def probe(layers: list[str], seed: int) -> dict:
        kept = m.backbone.model.get_weights()
        try:
            drawn = transfer.randomise(m.backbone, layers=layers, seed=seed) if layers else 0
            rows, chosen = m.draw(n, 0)
            renew_statistics(m.backbone.model, m.x["train"][rows])
            view = {
                "train": features.extract(m.backbone, m.x["train"][rows], cache=False),
                "validation": features.extract(m.backbone, m.x["validation"][chosen], cache=False),
            }
            fitted = transfer.linear_probe(
                view["train"], m.y["train"][rows], view["validation"], m.y["validation"][chosen]
            )
            test = features.extract(m.backbone, m.x["test"], cache=False)
        finally:
            m.backbone.model.set_weights(kept)
        return values(m.y["test"], fitted.predict(test), drawn=drawn)

    for seed in range(m.setting["seeds"]):
        for k in range(1 if seed else 0, len(groups) + 1):
            yield ("deepest", str(k), n, seed), functools.partial(probe, sum(groups[len(groups) - k :], ()), seed)
            if 0 < k < len(groups):
                yield ("shallowest", str(k), n, seed), functools.partial(probe, sum(groups[:k], ()), seed)


def renew_statistics(model: keras.Model, images: np.ndarray) -> None:
    """Moving statistics become those of the images: the old ones belong to the weights there were before.

    Without this a stage would often hand on nothing, for want of scale, and the experiment would show that alone.
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    before = [(layer.trainable, layer.momentum) for layer in norms]
    for layer in norms:
        layer.trainable, layer.momentum = True, 0.0
    model(images.astype("float32"), training=True)
    for layer, (trainable, momentum) in zip(norms, before, strict=True):
        layer.trainable, layer.momentum = trainable, momentum


def head(m: Material):
    def fit(hidden: tuple[int, ...], n: int, seed: int) -> dict:
        view, (rows, chosen) = m.features, m.draw(n, seed)
        sizes = [m.backbone.feature_dim, *hidden, 2]
        parameters = sum(a * b + b for a, b in itertools.pairwise(sizes))
        if not hidden:
            best = fit_probe(m, view, n, seed)
            return values(m.y["test"], best.predict(view["test"]), trained=parameters)
        tried = []
        for alpha in (1e-3, 0.1, 10.0):  # L2 penalty, chosen as the probe's C is
            network = MLPClassifier(hidden, alpha=alpha, batch_size=min(32, n), max_iter=60, random_state=seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs is meant
                model = make_pipeline(StandardScaler(), network).fit(view["train"][rows], m.y["train"][rows])
            tried.append((model.score(view["validation"][chosen], m.y["validation"][chosen]), alpha, model))
        best = max(tried, key=lambda one: one[:2])[2]
        return values(m.y["test"], best.predict(view["test"]), trained=parameters)

    for seed in range(m.setting["seeds"]):
        for n in (m.setting["few"], min(400, len(m.data.train))):
            for name, hidden in HIDDEN.items():
                yield ("-", name, n, seed), functools.partial(fit, hidden, n, seed)


def memory(m: Material):
    def measure(strategy: str, n: int) -> dict:
        """In a fresh process: whatever this one did before would count."""
        command = [sys.executable, __file__, "--dataset", m.name, "--measure-memory", strategy, str(n)]
        lines = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout.splitlines()
        return json.loads(lines[-1])

    n = min(400, len(m.data.train))
    for strategy in STRATEGIES:
        yield ("-", strategy, n, 0), functools.partial(measure, strategy, n)


def peak_memory(m: Material, strategy: str, n: int) -> dict:
    """Peak of resident memory above what the library, the weights and the decoded images take, MB."""
    splits = {
        "train": m.data.train.take(n), "validation": m.data.validation.take(min(200, len(m.data.validation))),
        "test": m.data.test.take(100),
    }  # fmt: skip
    m = Material(m.name, replace(m.data, **splits), m.backbone, m.setting)
    _ = scratch_images(m) if strategy == "from scratch" else m.x

    def status(field: str) -> float:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))

    with open("/proc/self/clear_refs", "w") as switch:
        switch.write("5")  # forget the peak so far (Linux)
    before = status("VmRSS")
    retrain(m, strategy, n, 0)
    return {"peak_mb": round(status("VmHWM") - before, 1), "before_mb": round(before, 1)}


def source(m: Material):
    def measure(task: str, strategy: str, seed: int) -> dict:
        network, accuracy = small_network(task, seed)
        sets = small_release()
        if strategy.startswith("stage"):
            view = {k: features.extract(body(network), x, layer=strategy, cache=False) for k, (x, _) in sets.items()}
        else:
            view = {k: features.extract(body(network), x, cache=False) for k, (x, _) in sets.items()}
        y = {k: labels for k, (_, labels) in sets.items()}
        probe = transfer.linear_probe(view["train"], y["train"], view["validation"], y["validation"])
        if strategy.startswith("everything"):
            model = transfer.attach_head(body(network), probe, frozen=False)
            gently = task != "none" and strategy == "everything"
            if gently:
                transfer.freeze(model)
                transfer.unfreeze(model)
            # else: BatchNormalization learns its statistics too, at a high rate, in three times as many epochs.
            s = m.setting
            epochs = epochs_for(len(y["train"]), s["steps"], s["epochs"]) * (1 if gently else 3)
            train(model, sets["train"][0], y["train"], (sets["validation"][0][:32], y["validation"][:32]), seed,
                  epochs, s["rate"] if gently else s["scratch_rate"])  # fmt: skip
            predictions = predicted(model, sets["test"][0])
        else:
            predictions = probe.predict(view["test"])
        return values(y["test"], predictions, source_accuracy=accuracy)

    n = len(m.data.train)
    for seed in range(m.setting["seeds"]):
        for task in ("species", "background", "none"):
            rough = () if task == "none" else ("everything, as from scratch",)
            for strategy in ("head", "everything", *rough, *architectures.SKETCHNET_STAGES):
                yield (task, strategy, n, seed), functools.partial(measure, task, strategy, seed)


def cut(m: Material):
    def measure(origin: str, frozen: int, seed: int) -> dict:
        (x, y), (test, labels) = small_target(), small_release()["test"]
        network, _ = small_network(origin, seed)
        if frozen == 0:
            return values(labels, predicted(network, test))
        whole = body(network)
        if frozen == len(whole.stages):
            low, upper = whole.model, keras.Sequential([keras.Input((whole.feature_dim,)), keras.layers.Identity()])
        else:
            low, upper = transfer.divide(whole, whole.stages[frozen - 1])
            transfer.randomise(upper, seed=1000 + seed)
        model = transfer.attach_head(upper, 2, seed=1000 + seed, frozen=False)
        below = low.predict(x, batch_size=64, verbose=0)
        train(
            model, below, y, (below[:64], y[:64]), seed, SMALL["epochs"], SMALL["rate"], batch_size=SMALL["batch_size"]
        )
        return values(labels, predicted(model, low.predict(test, batch_size=64, verbose=0)))

    n = 2 * SMALL["target_per_class"]
    for seed in range(m.setting["seeds"]):
        for origin in ("target", "species"):
            for frozen in range(0 if origin == "target" else 1, len(architectures.SKETCHNET_STAGES) + 1):
                yield (origin, str(frozen), n, seed), functools.partial(measure, origin, frozen, seed)


def dials(m: Material):
    @functools.cache
    def moved(name: str) -> Material:
        sets = {
            split: sketches.release_set(split, shift=DIALS[name], size=m.setting["size"]) for split in sketches.SPLITS
        }
        other = Material(m.name, m.data, m.backbone, m.setting)
        other.x = {split: one.images for split, one in sets.items()}
        assert all((one.labels == m.y[split]).all() for split, one in sets.items())  # paired with the release
        return other

    for seed in range(m.setting["seeds"]):  # undialled rows are those of the surface
        for name in DIALS:
            for strategy in ("head", "everything", "from scratch"):
                yield (
                    (name, strategy, DIAL_IMAGES, seed),
                    lambda name=name, strategy=strategy, seed=seed: retrain(moved(name), strategy, DIAL_IMAGES, seed),
                )


EVERYWHERE = {"surface": surface, "depth": depth, "randomised": randomised, "head": head, "memory": memory}
EXPERIMENTS = {
    "sketches": EVERYWHERE | {"source": source, "cut": cut, "dials": dials},
    "photos": EVERYWHERE,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=tuple(SETTINGS), default="sketches")
    parser.add_argument("--only", nargs="+", default=None, help="experiments to run, default all")
    parser.add_argument("--seeds", type=int, default=None, help="stop after so many seeds; a later call goes on")
    parser.add_argument("--seed", type=int, nargs="+", default=None, help="these seeds only, to divide the work")
    parser.add_argument("--restart", action="store_true", help="throw recorded rows away and begin anew")
    parser.add_argument("--measure-memory", nargs=2, metavar=("STRATEGY", "N"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    m = material(options.dataset)
    if options.measure_memory:
        strategy, n = options.measure_memory
        print(json.dumps(peak_memory(m, strategy, int(n))))
        return
    experiments = EXPERIMENTS[options.dataset]
    unknown = set(options.only or ()) - set(experiments)
    if unknown:
        parser.error(f"no experiment {', '.join(sorted(unknown))}; there are {', '.join(experiments)}")
    edition = "" if options.dataset == "sketches" else f"-{options.dataset}"
    recorder = results.Recorder(
        f"extraction-or-tuning{edition}",
        "python scripts/results/extraction_or_tuning.py" + (f" --dataset {options.dataset}" if edition else ""),
        about="Test accuracy by number of labelled images and depth of retraining; by source task, cut, head, and cost",
        conditions={
            "backbone": m.backbone.fingerprint,
            "data": {name: split.fingerprint for name, split in m.data.splits.items()},
            "images": {name: len(split) for name, split in m.data.splits.items()},
            "setting": m.setting,
            "recipe": RECIPE,
        }
        | ({"small": SMALL, "dials": [repr(dial) for dial in DIALS.values()]} if not edition else {}),
        restart=options.restart,
    )
    for experiment in options.only or experiments:
        for (condition, strategy, n, seed), compute in experiments[experiment](m):
            row = {"experiment": experiment, "condition": condition, "strategy": strategy, "images": n, "seed": seed}
            if recorder.done(**row) or (options.seeds is not None and seed >= options.seeds):
                continue
            if options.seed is not None and seed not in options.seed:
                continue
            measured = compute()
            recorder.add(row, **{k: round(v, 3) if k == "seconds" else v for k, v in measured.items()})
            shown = measured.get("test_accuracy", measured.get("peak_mb"))
            print(f"{experiment:<11}{condition:<16}{strategy:<17}{n:>5} seed {seed}: {shown:.3f}", flush=True)
            if experiment not in ("cut", "source"):  # these keep networks between rows
                keras.backend.clear_session(free_memory=True)


if __name__ == "__main__":
    main()
