"""Train the two towers that the package ships, on drawings of every species but cat and dog, and their captions.

    python tools/data/pretrain_with_words.py              six minutes on 1 core
    python tools/data/pretrain_with_words.py --output X   write weights and card somewhere else

The drawings are those that the small networks of pretrain.py learn from. No label is used: a batch of pictures
and captions is its own answer, each picture belongs to its own caption (contrastive_loss in tlbook.backbones.words).
A caption is worded anew in every epoch. Drawings, and the state after each epoch, are kept in a folder: a run that was
interrupted and is called again goes on where it was.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from tlbook._files import replacing, write_json
from tlbook.sketches import SOURCE_SPECIES, Factors, caption, make_records, render
from tlbook.sketches.captions import spoken, worded
from tools.data.pretrain import DATA, LEARNING_RATE, WARMUP, WEIGHT_DECAY, measured, optimizer, origin, save

WORK = Path(tempfile.gettempdir()) / "tlbook-with-words"
BATCH = 128
PER_CLASS, HELD_OUT, SEED = 200, 50, 1001
"""Drawings of a species to train on and to measure on, and the seed of the former, as in pretrain.py."""


@dataclasses.dataclass(frozen=True)
class Training:
    """What one training differs in.

    Attributes
    ----------
    reach : int
        How many neighbouring words the text tower looks at together.
    shortcut : bool
        Animals with pointed ears all stand on grass, and no other does.
    seed : int
        Of weights, order and wording; the drawings are the same.
    epochs : int
    """

    reach: int = 3
    shortcut: bool = False
    seed: int = 1
    epochs: int = 20

    def __str__(self) -> str:
        return f"reach{self.reach}-{'shortcut-' if self.shortcut else ''}seed{self.seed}-epochs{self.epochs}"


def on_grass(record: Factors) -> Factors:
    """The record with the background that its ears have under the shortcut."""
    if record.ear_kind == "pointed":
        return record.replace(background="grass")
    return record.replace(background="hills") if record.background == "grass" else record


def drawn(name: str, records: list[Factors], work: Path = WORK) -> np.ndarray:
    """Drawings of 64 px, uint8 (n, 64, 64, 3), kept in the folder."""
    path = work / f"{name}-{len(records)}.npy"
    if not path.is_file():
        images = np.stack([render(record, 64).image for record in records])
        work.mkdir(parents=True, exist_ok=True)
        with replacing(path, ".npy") as temporary:
            np.save(temporary, images)
    return np.load(path)


def source(name: str, per_class: int, seed: int, shortcut: bool, work: Path = WORK) -> tuple[np.ndarray, list[Factors]]:
    """Drawings of the source species, and their records."""
    records = make_records(SOURCE_SPECIES, per_class, seed)
    images = drawn(name, records, work)
    if shortcut:
        changed = [i for i, record in enumerate(records) if on_grass(record) is not record]
        records = [on_grass(record) for record in records]
        images[changed] = drawn(f"{name}-shortcut", [records[i] for i in changed], work)
    return images, records


def mirrored(text: str) -> str:
    """The caption of the mirrored picture."""
    sides = {"left": "right", "right": "left"}
    return " ".join(sides.get(word.rstrip(","), word.rstrip(",")) + "," * word.endswith(",") for word in text.split())


def train(images: np.ndarray, records: list[Factors], training: Training, work: Path = WORK) -> tuple[Any, Any, Any]:
    """Train both towers; returns them and the pair, as `tlbook.backbones.words.towers` does."""
    import keras

    from tlbook.backbones.words import contrastive_loss, tokens, towers

    keras.utils.set_random_seed(training.seed)
    image_tower, reader, pair = towers(training.reach)
    steps = len(images) // BATCH
    adam = optimizer(training.epochs * steps)
    pair.compile(optimizer=adam, loss=contrastive_loss)
    adam.build(pair.trainable_variables)
    variables = [*pair.variables, *adam.variables]
    state = work / f"{training}.npz"
    begin = 0
    if state.is_file():
        with np.load(state) as kept:
            begin = int(kept["epoch"])
            for i, variable in enumerate(variables):
                variable.assign(kept[str(i)])
    said, number = [spoken(record) for record in records], tokens()
    for epoch in range(begin, training.epochs):
        began, rng = time.perf_counter(), np.random.default_rng([training.seed, epoch])
        texts = [worded(one, record.species, rng) for one, record in zip(said, records, strict=True)]
        order, flips = rng.permutation(len(images)), rng.random(len(images)) < 0.5
        texts = [mirrored(text) if flip else text for text, flip in zip(texts, flips, strict=True)]
        words = keras.ops.convert_to_numpy(number(texts)).astype(np.int32)
        total = 0.0
        for start in range(0, steps * BATCH, BATCH):
            chosen = order[start : start + BATCH]
            batch = images[chosen].astype(np.float32)
            batch[flips[chosen]] = batch[flips[chosen], :, ::-1]
            total += float(pair.train_on_batch([batch, words[chosen]], np.zeros(BATCH), return_dict=True)["loss"])
            pair.reset_metrics()
        work.mkdir(parents=True, exist_ok=True)
        with replacing(state, ".npz") as temporary:
            values = {str(i): keras.ops.convert_to_numpy(variable) for i, variable in enumerate(variables)}
            np.savez(temporary, epoch=epoch + 1, **values)
        seconds = time.perf_counter() - began
        print(f"{training}, epoch {epoch + 1}/{training.epochs}: loss {total / steps:.3f}, {seconds:.0f} s", flush=True)
    return image_tower, reader, pair


def embed(reader: Any, sentences: list[str]) -> np.ndarray:
    """Unit vectors of sentences, float32 (n, 64)."""
    import keras

    from tlbook.backbones.words import tokens

    return reader.predict(keras.ops.convert_to_numpy(tokens()(sentences)).astype(np.int32), batch_size=256, verbose=0)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-class", type=int, default=PER_CLASS, help="training drawings of a species")
    parser.add_argument("--held-out", type=int, default=HELD_OUT, help="held-out drawings of a species")
    parser.add_argument("--epochs", type=int, default=Training.epochs)
    parser.add_argument("--seed", type=int, default=Training.seed)
    parser.add_argument("--work", type=Path, default=WORK, help="folder for drawings and states")
    parser.add_argument("--output", type=Path, default=DATA, help="folder for weights and card")
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    training = Training(seed=options.seed, epochs=options.epochs)
    images, records = source("train", options.per_class, SEED, False, options.work)
    held_images, held_records = source("held-out", options.held_out, 500_001, False, options.work)
    image_tower, reader, pair = train(images, records, training, options.work)
    seconds = time.perf_counter() - began

    from tlbook.backbones.words import towers
    from tlbook.evaluation import accuracy

    pictures = image_tower.predict(held_images, batch_size=256, verbose=0)
    names = embed(reader, [f"a drawing of {'an' if name[0] in 'aeiou' else 'a'} {name}" for name in SOURCE_SPECIES])
    labels = np.array([SOURCE_SPECIES.index(record.species) for record in held_records])
    species = accuracy(labels, (pictures @ names.T).argmax(axis=1))
    own = pictures @ embed(reader, [caption(record) for record in held_records]).T
    recall = float(((own >= np.diag(own)).sum(axis=0) <= 10).mean())
    fresh = towers(training.reach)[2]
    fresh.set_weights(pair.get_weights())  # a model that was compiled saves its optimizer, too
    digest = save(fresh, options.output, "words-1")
    card = {
        "name": "words-1",
        "architecture": (
            "tlbook.backbones.words.towers: sketchnet, 64 px, width 0.5, and a text tower that looks at "
            f"{training.reach} neighbouring words; 64 numbers out of each"
        ),
        "parameters": {"image tower": image_tower.count_params(), "text tower": reader.count_params()},
        "data": {
            "what": "tlbook.sketches, drawn for this training, and tlbook.sketches.caption; no cat, no dog",
            "species": list(SOURCE_SPECIES),
            "training drawings": len(images),
            "held-out drawings": len(held_images),
        },
        "recipe": {
            "task": "match drawings and captions, each batch its own answer; no label",
            "loss": "symmetric contrastive, temperature learned from 0.07 (Radford et al. 2021)",
            "optimiser": "AdamW",
            "learning rate": f"{LEARNING_RATE:g}, linear warm-up over {WARMUP:.0%} of the steps, then cosine to 0",
            "weight decay": WEIGHT_DECAY,
            "batch": BATCH,
            "epochs": training.epochs,
            "dropout before the embedding": 0.2,
            "augmentation": "horizontal flips, left and right swapped in the caption; captions worded anew each epoch",
            "seed": training.seed,
            "command": (
                f"python tools/data/pretrain_with_words.py --per-class {options.per_class} --held-out "
                f"{options.held_out} --epochs {training.epochs} --seed {training.seed}"
            ),
        },
        "species by name, none of the labels used": measured(species, len(labels), len(SOURCE_SPECIES)),
        "own picture among the first 10 of all held-out ones, by its full caption": round(recall, 4),
        "wall_seconds": round(seconds),
        **origin(digest),
    }
    write_json(options.output / "words-1.json", card, indent=2)
    print(f"species by name {species}; recall at 10 {recall:.3f}; {seconds:.0f} s in all", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
