"""Does fine-tuning the top of a network, on activations computed once, give better classifiers than the linear probe?

`tlbook train --strategy top` trains the last stages of a network, with the probe as their head, on what the frozen rest gives for
each photo and its mirror image. How that is done is planned on the 2,000 training photos alone, over three random divisions into
600 photos to train on and 900 to choose on, with MobileNetV2 0.35:

probe             the linear probe, its penalty chosen on the 900
cut and rate      one or two stages trained, at three rates; each photo seen four times, twice mirrored
passes            at the cut and rate so chosen: each photo seen eight times, four times mirrored

A setting's score is the mean, over the divisions, of the logarithm of its loss on the 900 over that of the probe, both after a
temperature was fitted there, as `tlbook train` does. Of the settings whose scores lie within one standard error of the best, by
the differences from it over the divisions, the one with the fewest processor seconds is taken.

test              the chosen setting and the probe, trained on 1,000 of the 2,000 photos, others each time; the probe's penalty
                  chosen on the other 1,000. Tested once, on 1,000 photos of the same collection and on those from Oxford: five
                  runs, and three with MobileNet 0.75, which takes four times as long and for which nothing was planned

The comparison was fixed before the test: for each network the top against the probe, over runs and all test photos together, with
Holm's correction for the two networks. Only if both show the top to be better does `--strategy auto` try it.

Two things were cut for want of time, and not beforehand. The plan was begun with both networks and five divisions, and narrowed
when part of it had been seen. Of five test runs with MobileNet 0.75 three were made; when that was decided, the first of them and
all runs with MobileNetV2 0.35 were known.
"""

from __future__ import annotations

import functools
import time
from dataclasses import replace

import numpy as np

from experiments.runner import table
from tlbook import backbones, datasets, evaluation, features, results, transfer
from tlbook.classifier import top

ABOUT = {
    "photos": "Fine-tuning the top of a network on stored activations, against the linear probe: planned, then tested once"
}
PLANNING = "mobilenet_v2_035"
NETWORKS = [PLANNING, "mobilenet_075"]
STAGES, RATES = [1, 2], [2e-4, 5e-4, 1e-3]
PASSES, MIRRORED = 4, True
LONGER = 8
PLANNED = range(3)
TESTED = {PLANNING: range(5), "mobilenet_075": range(3)}
TRAIN, CHOOSE, TEST_TRAIN = 600, 900, 1000
TEST = {"photos test": 1000, "oxford": 478}
SETTINGS = ["part", "network", "stages", "rate", "passes", "mirrored", "seed"]


def rows(dataset: str):
    row = functools.partial(table, " ".join(SETTINGS))
    yield from row("probe", PLANNING, "-", "-", "-", "-", PLANNED)
    for stages in STAGES:  # activations of one cut after another: they take the memory
        yield from row("cut and rate", PLANNING, stages, RATES, PASSES, MIRRORED, PLANNED)
    yield from row("passes", PLANNING, "chosen", "chosen", LONGER, MIRRORED, PLANNED)
    for network in NETWORKS:
        yield from row("test", network, "-", "-", "-", "-", TESTED[network])
        yield from row("test", network, "chosen", "chosen", "chosen", "chosen", TESTED[network])


def conditions(dataset: str) -> dict:
    return {
        "backbones": {name: backbones.load(name).fingerprint for name in NETWORKS},
        "data": {"photos": photos().fingerprint, **{name: split.fingerprint for name, split in tests().items()}},
        "images": {"train": TRAIN, "choose": CHOOSE, "train for the test": TEST_TRAIN},
    }


@functools.cache
def photos() -> datasets.Split:
    """The 2,000 training photos."""
    data = datasets.load("photos")
    parts = [data.train, data.validation]
    paths = [path for part in parts for path in part.paths]
    return datasets.Split("train", paths, np.concatenate([part.labels for part in parts]), data.class_names)


@functools.cache
def tests() -> dict[str, datasets.Split]:
    found = {"photos test": datasets.load("photos").test, "oxford": datasets.load("oxford").test}
    assert {name: len(split) for name, split in found.items()} == TEST
    return found


@functools.cache
def extracted(network: str, name: str) -> np.ndarray:
    split = photos() if name == "train" else tests()[name]
    return features.extract(backbones.load(network), split, cache=False)


def divided(seed: int, n: int, held: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions to train on and to choose on."""
    order = np.random.default_rng(seed).permutation(len(photos()))
    return order[:n], order[n : n + held]


def probe(network: str, train: np.ndarray, held: np.ndarray) -> transfer.Probe:
    x, y = extracted(network, "train"), photos().labels
    return transfer.linear_probe(x[train], y[train], x[held], y[held])


@functools.lru_cache(maxsize=1)
def activations(network: str, stages: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Of all photos, upright and mirrored; and the processor seconds that a picture took."""
    began = time.process_time()
    parts = top.cut(backbones.load(network), probe(network, *divided(0, TRAIN, CHOOSE)), stages)  # any head will do
    run = parts.engine(2 * len(photos()))
    upright, mirrored = np.split(run(photos(), mirrored=True), 2)
    return upright, mirrored, (time.process_time() - began) / (2 * len(photos()))


def tuned(network: str, setting: top.Settings, train: np.ndarray, held: np.ndarray, seed: int) -> tuple[top.Cut, dict]:
    """The trained network, and what that took."""
    upright, mirrored, once = activations(network, setting.stages)
    parts = top.cut(backbones.load(network), probe(network, train, held), setting.stages)
    y, views = photos().labels, [upright, mirrored][: setting.views]
    began = time.process_time()
    given = (np.concatenate([view[train] for view in views]), np.tile(y[train], setting.views))
    top.train(parts.top, given, (upright[held][:32], y[held][:32]), setting, seed=seed)
    seconds = time.process_time() - began + once * setting.views * len(train)
    used = {"used": f"{setting.stages} {setting.learning_rate:g} {setting.passes} {setting.mirrored}"}
    return parts, used | {"process_seconds": round(seconds, 2)}


def scores(labels: np.ndarray, logits: np.ndarray) -> dict:
    cooled = logits / evaluation.fit_temperature(labels, logits)
    return {
        "validation_loss": round(evaluation.log_loss(labels, evaluation.probabilities(cooled)), 5),
        "validation_accuracy": round(float(np.mean(evaluation.predictions(logits) == labels)), 5),
    }


def logits_of(parts: top.Cut, x: np.ndarray) -> np.ndarray:
    return parts.top.predict(x, batch_size=100, verbose=0)


def measure(dataset: str, part: str, network: str, stages, rate, passes, mirrored, seed: int) -> dict:
    if part == "test":
        return tested(network, stages == "chosen", seed)
    train, held = divided(seed, TRAIN, CHOOSE)
    y = photos().labels[held]
    if part == "probe":
        return scores(y, probe(network, train, held).logits(extracted(network, "train")[held]))
    if stages == "chosen":
        best = chosen("cut and rate")
        stages, rate = best.stages, best.learning_rate
    setting = top.Settings(stages, rate, passes, mirrored)
    parts, took = tuned(network, setting, train, held, seed)
    return scores(y, logits_of(parts, activations(network, stages)[0][held])) | took


def tested(network: str, tune: bool, seed: int) -> dict:
    train, held = divided(seed, TEST_TRAIN, len(photos()) - TEST_TRAIN)
    given, took = {name: extracted(network, name) for name in tests()}, {}
    if tune:
        parts, took = tuned(network, chosen(), train, held, seed)
        run = parts.engine(len(photos()))
        given = {name: logits_of(parts, run(split)) for name, split in tests().items()}
    else:
        fitted = probe(network, train, held)
        given = {name: fitted.logits(x) for name, x in given.items()}
    right = {name: evaluation.predictions(logits) == tests()[name].labels for name, logits in given.items()}
    both = np.concatenate(list(right.values()))
    row = {"test_accuracy": round(float(both.mean()), 5), "right": evaluation.pack_right(both)}
    return row | {f"accuracy {name}": round(float(one.mean()), 5) for name, one in right.items()} | took


def chosen(*parts: str) -> top.Settings:
    """The planned setting, by the rule above, out of the rows of these parts of the plan; all by default."""
    record = results.load("top-photos")
    planned = [row for row in record if row["part"] in (parts or ("cut and rate", "passes"))]
    base = {row["seed"]: row["validation_loss"] for row in record if row["part"] == "probe"}
    ratio: dict[str, dict] = {}
    seconds: dict[str, list[float]] = {}
    for row in planned:
        ratio.setdefault(row["used"], {})[row["seed"]] = np.log(row["validation_loss"] / base[row["seed"]])
        seconds.setdefault(row["used"], []).append(row["process_seconds"])
    if len(base) < len(PLANNED) or any(len(found) < len(PLANNED) for found in ratio.values()):
        raise ValueError("the plan is not complete: compute the parts probe, cut and rate, and passes first")
    found = {name: np.array([losses[seed] for seed in PLANNED]) for name, losses in ratio.items()}
    best = found[min(found, key=lambda name: found[name].mean())]

    def tied(name: str) -> bool:
        gaps = found[name] - best
        return gaps.mean() <= gaps.std(ddof=1) / np.sqrt(len(gaps))

    name = min(filter(tied, found), key=lambda name: np.mean(seconds[name]))
    stages, rate, passes, mirrored = name.split()
    return top.Settings(int(stages), float(rate), int(passes), mirrored == "True")


def right(network: str) -> list[np.ndarray]:
    """Whether the top and the probe were right, bool (runs, photos) each."""
    record, n = results.load("top-photos"), sum(TEST.values())
    arms = [record.select(part="test", network=network, stages=stages) for stages in ("chosen", "-")]
    return [np.array([evaluation.unpack_right(row["right"], n) for row in arm]) for arm in arms]


def comparisons() -> list[evaluation.PairedTest]:
    """The planned comparison for each network, corrected for their number; the intervals hold together."""
    each = 1 - 0.05 / len(NETWORKS)
    tests = [evaluation.compare_runs(*right(network), names=("top", "probe"), confidence=each) for network in NETWORKS]
    adjusted = evaluation.holm([test.p_value for test in tests])
    return [replace(test, adjusted_p=float(p)) for test, p in zip(tests, adjusted, strict=True)]


def detectable(network: str) -> float:
    """The smallest true difference that the comparison would have found four times in five."""
    found = right(network)
    return evaluation.variance_components(*found).detectable(*found[0].shape, comparisons=len(NETWORKS))
