"""Can words take the place of labels? Two towers trained on captioned drawings, asked about cats and dogs that they never met.

Each row belongs to a part and to a training of the towers:

by words       cat or dog on the test drawings, by two sentences of words for parts (PHRASINGS) or by several such pairs
               together; also with the threshold in the middle of unlabelled drawings, half of which are cats.
probe          a linear probe on the image tower's features, by number of labelled drawings; the same on the features of a
               network that learned species by their labels from the same drawings, in half as many epochs.
species        the 22 species of the pretraining by their names, on drawings held out, and the other network's classifier.
retrieval      how often a caption finds its own drawing among the first k of all.
swap           whether the true sentence is nearer than one of the same words in another order; and, as a control, than one
               with another word in it.
sides          whether the true one of "looking left" and "looking right" is nearer; beside it a probe on the image tower's
               features that learned the sides from labels of the training drawings.
picks out      what the words "pointed ears" pick out: pointed ears, or the grass on which, in the training with the
               shortcut, all animals with pointed ears stand.

The first training is the one that the package ships. The phrasings were written from what the generator's table of species
says of cats and dogs, before any drawing was scored, and "several" was named beforehand as the one that is compared with probes.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator

import numpy as np

from experiments import methods
from experiments.material import Material
from experiments.runner import table
from tlbook import backbones, evaluation, features, sketches
from tlbook.sketches.captions import spoken, worded
from tools.data import pretrain_with_words as pretraining
from tools.data.pretrain_with_words import Training

import keras  # isort: skip

ABOUT = {"sketches": "Cat or dog by words alone, by a probe, and what two towers make of sentences"}
PHRASINGS = {
    "names": ("a cat", "a dog"),
    "ears, hanging": ("an animal with pointed ears", "an animal with hanging ears"),
    "ears": ("an animal with pointed ears", "an animal with folded ears"),
    "eyes": ("an animal with big slanting green eyes", "an animal with small brown eyes"),
    "muzzle": ("an animal with a short narrow muzzle", "an animal with a long broad muzzle"),
    "nose": ("an animal with a small pink nose", "an animal with a big black nose"),
    "face": ("an animal with a wide face", "an animal with a long face"),
    "whiskers or tongue": ("an animal with long whiskers", "an animal with its tongue out"),
    "one long sentence": (
        "an animal with pointed ears, big slanting green eyes, a short narrow muzzle, a small pink nose and long whiskers",
        "an animal with folded ears, small brown eyes, a long broad muzzle, a big black nose and its tongue out",
    ),
}
PARTS = ("ears", "eyes", "muzzle", "nose", "face", "whiskers or tongue")
TRAININGS = {
    "shipped": Training(),
    "no word order": Training(reach=1),
    "shortcut": Training(shortcut=True),
    "second seed": Training(seed=2),
}
LABELS, OTHER = (4, 8, 16, 32, 64, 128, 240), "zoo_width_50"
FUR = {"grey": "grey", "orange": "ginger", "brown": "brown"}
WALL = {
    "grey": {"background_saturation": 0.1, "background_light": 0.55},
    "orange": {"background_hue": 0.08, "background_saturation": 0.6, "background_light": 0.6},
    "brown": {"background_hue": 0.08, "background_saturation": 0.5, "background_light": 0.38},
}
SCARF = {"red": 0.0, "green": 0.33, "blue": 0.6}
BARE = {"occluder_size": 0.0, "scale": 0.7, "marking": "none", "pattern": "plain", "background": "plain"}
STAGED = ("colours", "scarf", "stripes", "eyes and nose")
EACH = 66  # drawings of a pair of sentences
MATERIAL = Material("sketches", 64)


def rows(dataset: str):
    row = functools.partial(table, "part training method images seed")
    for name in TRAININGS:
        yield from row("by words", name, [*PHRASINGS, "several"], 0, 0)
        yield from row("species", name, "names", 0, 0)
        yield from row("retrieval", name, ["full caption", "half of it", "cats and dogs"], 0, 0)
        yield from row("swap", name, [*STAGED, *(f"{kind}, control" for kind in STAGED)], 0, 0)
        yield from row("sides", name, ["words", "probe"], 0, 0)
        yield from row("picks out", name, ["ears", "grass"], 0, 0)
    yield from row("species", OTHER, "classifier", 0, 0)
    for name in ("shipped", OTHER):
        yield from row("probe", name, "probe", LABELS[:-1], range(10))
        yield from row("probe", name, "probe", LABELS[-1], 0)


def conditions(dataset: str) -> dict:
    found = {name: value for name, value in MATERIAL.conditions().items() if name != "backbone"}
    card = backbones.card("words")
    return found | {
        "trainings": {name: dataclasses.asdict(one) for name, one in TRAININGS.items()},
        "shipped weights": card["sha256"],
        "other network": {"name": OTHER, "weights": backbones.card(OTHER)["sha256"]},
        "phrasings": PHRASINGS,
        "several": PARTS,
        "held out": {"species": len(sketches.SOURCE_SPECIES), "each": pretraining.HELD_OUT},
    }


def measure(dataset: str, part: str, training: str, method: str, images: int, seed: int) -> dict:
    match part:
        case "by words":
            return by_words(training, method)
        case "probe":
            view = _features(training)
            whole = images >= len(view["train"][1])
            splits = list(view.values()) if whole else MATERIAL.few(view, images, seed, share=True)
            row = methods.values(methods.probe(splits[0], splits[1]), splits[2])
            return row | {"labels": len(splits[0][1]) + len(splits[1][1])}
        case "species":
            return species(training)
        case "retrieval":
            return retrieval(training, method)
        case "swap":
            return swap(training, method)
        case "sides":
            return sides(training, method)
    return picks_out(training, method)


@functools.cache
def _towers(training: str):
    """A function from images, and one from sentences, to unit vectors; and the image tower."""
    if training == "shipped":
        image_tower, text_tower = backbones.load_words()
        read = functools.partial(_read, text_tower)
    else:
        one = TRAININGS[training]
        drawn = pretraining.source("train", pretraining.PER_CLASS, pretraining.SEED, one.shortcut)
        image_tower, reader, _ = pretraining.train(*drawn, one)
        read = functools.partial(pretraining.embed, reader)
    return lambda images: image_tower.predict(images, batch_size=256, verbose=0), read, image_tower


def _read(text_tower: keras.Model, sentences: list[str]) -> np.ndarray:
    return keras.ops.convert_to_numpy(text_tower(keras.ops.convert_to_tensor(sentences)))


def _backbone(training: str) -> backbones.Backbone:
    return (
        backbones.load(OTHER) if training == OTHER else backbones.wrap(_towers(training)[2], layer="pool", name="words")
    )


@functools.cache
def _features(training: str) -> dict:
    backbone = _backbone(training)
    return {name: (features.extract(backbone, x, cache=False), y) for name, (x, y) in MATERIAL.images().items()}


@functools.cache
def _pictures(training: str) -> dict:
    """Unit vectors of the drawings of cats and dogs, by split."""
    return {name: _towers(training)[0](x) for name, (x, _) in MATERIAL.images().items()}


@functools.cache
def _held_out(training: str) -> tuple[np.ndarray, list[sketches.Factors]]:
    images, records = pretraining.source("held-out", pretraining.HELD_OUT, 500_001, False)
    return _towers(training)[0](images), records


def _share(right: np.ndarray) -> dict:
    return {"test_accuracy": float(right.mean()), "n": len(right), "right": evaluation.pack_right(right)}


def by_words(training: str, method: str) -> dict:
    pairs = [PHRASINGS[name] for name in (PARTS if method == "several" else (method,))]
    cat, dog = (_towers(training)[1]([pair[k] for pair in pairs]).mean(axis=0) for k in (0, 1))
    score = {name: x @ (dog - cat) for name, x in _pictures(training).items()}
    labels = MATERIAL.images()["test"][1]
    row = _share((score["test"] > 0) == labels)
    middle = (score["test"] > np.median(score["train"])) == labels
    area = evaluation.roc_auc(labels, score["test"])
    row |= {"auc": round(area.value, 4), "auc low": round(area.low, 4), "auc high": round(area.high, 4)}
    return row | {"accuracy middle": float(middle.mean()), "right middle": evaluation.pack_right(middle)}


def species(training: str) -> dict:
    if training == OTHER:
        images, records = pretraining.source("held-out", pretraining.HELD_OUT, 500_001, False)
        found = backbones.load(OTHER).model.predict(images, batch_size=256, verbose=0)
        answers = keras.ops.convert_to_numpy(backbones.load_head(OTHER)(found)).argmax(axis=1)
    else:
        pictures, records = _held_out(training)
        names = [f"a drawing of {'an' if name[0] in 'aeiou' else 'a'} {name}" for name in sketches.SOURCE_SPECIES]
        answers = (pictures @ _towers(training)[1](names).T).argmax(axis=1)
    return _share(answers == [sketches.SOURCE_SPECIES.index(record.species) for record in records])


def retrieval(training: str, method: str) -> dict:
    if method == "cats and dogs":
        pictures, records = _pictures(training)["test"], sketches.release_factors("test")
        texts = [sketches.caption(record, noun="animal") for record in records]
    else:
        pictures, records = _held_out(training)
        rng = np.random.default_rng(0) if method == "half of it" else None
        texts = [worded(spoken(record), record.species, rng) for record in records]
    similarity = _towers(training)[1](texts) @ pictures.T
    rank = (similarity > np.diag(similarity)[:, None]).sum(axis=1)
    return {f"first {k}": int((rank < k).sum()) for k in (1, 5, 10)} | {
        "n": len(rank), "median rank": float(np.median(rank) + 1),
    }  # fmt: skip


def _stages(kind: str) -> Iterator[tuple[dict, str, str, str]]:
    """Factors of drawings made for the test; of them the true sentence, the swapped one, and one with another word in it."""
    if kind == "colours":
        say = "a large {} animal in front of a plain {} wall".format
        for own, wall in itertools.permutations(FUR, 2):
            (third,) = set(FUR) - {own, wall}
            yield {"fur_colour": FUR[own]} | WALL[wall], say(own, wall), say(wall, own), say(third, wall)
    elif kind == "scarf":
        say = "a large animal with a {} scarf, in front of a plain {} wall".format
        for own, wall in itertools.permutations(SCARF, 2):
            (third,) = set(SCARF) - {own, wall}
            changes = {"collar": "scarf", "collar_hue": SCARF[own], "background_hue": SCARF[wall]}
            changes |= {"background_saturation": 0.6, "background_light": 0.55}
            yield changes, say(own, wall), say(wall, own), say(third, wall)
    elif kind == "stripes":
        on, off = "a large striped animal in front of a wall", "a large animal in front of a striped wall"
        yield {"pattern": "stripes", "pattern_strength": 0.9}, on, off, on.replace("striped", "spotted")
        yield {"background": "stripes"}, off, on, off.replace("striped", "dotted")
    else:
        say = "a large animal with {} eyes and a {} nose".format
        sizes = {"eye_size": 0.2, "nose_size": 0.2, "nose_kind": "oval"}
        for own, nose in itertools.permutations(("black", "brown"), 2):
            yield sizes | {"iris": own, "nose_colour": nose}, say(own, nose), say(nose, own), say("blue", nose)


@functools.cache
def _staged(kind: str) -> tuple[np.ndarray, list[tuple[str, str, str]]]:
    records, sentences = [], []
    for i, (changes, *three) in enumerate(_stages(kind)):
        seed = 700_001 + 100 * STAGED.index(kind) + i
        records += sketches.make_records(sketches.SOURCE_SPECIES, EACH // 22, seed, **BARE | changes)
        sentences += [tuple(three)] * EACH
    return pretraining.drawn(f"swap-{kind.replace(' ', '-')}", records), sentences


def _nearer(similarity: np.ndarray) -> dict:
    """Shares of the first sentence being nearer than the second, ties counted apart; (n, 2)."""
    gap = similarity[:, 0] - similarity[:, 1]
    return _share(gap > 1e-5) | {"ties": int((np.abs(gap) <= 1e-5).sum())}


def swap(training: str, method: str) -> dict:
    images, sentences = _staged(method.split(",")[0])
    see, read, _ = _towers(training)
    against = 2 if method.endswith("control") else 1
    pictures = see(images)
    own, other = (read([one[k] for one in sentences]) for k in (0, against))
    return _nearer(np.stack([(pictures * own).sum(axis=1), (pictures * other).sum(axis=1)], axis=1))


def sides(training: str, method: str) -> dict:
    pictures, records = _held_out(training)
    both = ("looking left", "looking right")
    kept, own = _turned(records, both)
    if method == "words":
        similarity = pictures[kept] @ _towers(training)[1]([f"an animal, {side}" for side in both]).T
        each = np.arange(len(kept))
        return _nearer(np.stack([similarity[each, own], similarity[each, 1 - own]], axis=1))
    images, drawn = pretraining.source("train", pretraining.PER_CLASS, pretraining.SEED, False)
    learn, labels = _turned(drawn, both)
    held_out = pretraining.source("held-out", pretraining.HELD_OUT, 500_001, False)[0]
    backbone = _backbone(training)
    x, held = (features.extract(backbone, some, cache=False) for some in (images[learn], held_out[kept]))
    fifth = np.arange(len(learn)) % 5 == 0
    fitted = methods.probe((x[~fifth], labels[~fifth]), (x[fifth], labels[fifth]))
    return _share(fitted.predict(held) == own) | {"labels": len(learn)}


def _turned(records: list[sketches.Factors], both: tuple[str, str]) -> tuple[list[int], np.ndarray]:
    """The drawings of which a side is said, and which."""
    said = [spoken(record).get("yaw") for record in records]
    kept = [i for i, side in enumerate(said) if side]
    return kept, np.array([both.index(said[i]) for i in kept])


def picks_out(training: str, method: str) -> dict:
    pictures, records = _held_out(training)
    score = pictures @ _towers(training)[1](["an animal with pointed ears"])[0]
    pointed = np.array([record.ear_kind == "pointed" for record in records])
    grass = np.array([record.background == "grass" for record in records])
    # Each among drawings that have the other one alike.
    wanted, among = (pointed, ~grass) if method == "ears" else (grass, ~pointed)
    area = evaluation.roc_auc(wanted[among].astype(int), score[among])
    return {"auc": round(area.value, 4), "auc low": round(area.low, 4), "auc high": round(area.high, 4)} | {
        "n": int(among.sum()), "with it": int(wanted[among].sum()),
    }  # fmt: skip
