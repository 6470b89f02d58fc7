"""Pretrain the two networks of the zoo that never saw a label, on the drawings that zoo_width_50 learned from.

    python tools/data/pretrain_without_labels.py                      both: about five minutes on 1 core
    python tools/data/pretrain_without_labels.py zoo_masked           one, by name
    python tools/data/pretrain_without_labels.py simclr_half --output X
                                                  an arm that the book measures and does not ship

zoo_simclr      two changed views of each drawing have to find each other among those of the batch (SimCLR, Chen et al. 2020)
zoo_masked      hidden patches of each drawing have to be painted in (masked autoencoder, He et al. 2022)

Architecture, drawings, batch, optimiser and number of steps are those of zoo_width_50 in pretrain.py. What is trained beside
the backbone, a projection head or a decoder, is thrown away. After every epoch the state is kept, and a run that was
interrupted goes on from there.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from tlbook._files import write_json
from tlbook.sketches import SOURCE_SPECIES
from tools.data.pretrain import (
    BATCH,
    DATA,
    LEARNING_RATE,
    WARMUP,
    WEIGHT_DECAY,
    draw_source,
    optimizer,
    origin,
    save,
)

SIZE, WIDTH, PER_CLASS = 64, 0.5, 200  # those of zoo_width_50
TEMPERATURE = 0.2
PROJECTION = 32
PATCH, HIDDEN = 8, 0.6  # side of a patch in pixels, share of the patches that are hidden
GREY = 127.5  # what a hidden patch shows: 0 to the network


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How one network is pretrained.

    Attributes
    ----------
    task : {"views", "patches"}
        Two views of a drawing find each other, or hidden patches are painted in.
    colour : bool
        Whether views differ in colour as well as in place.
    epochs : int
    """

    task: str
    colour: bool = True
    epochs: int = 10


PLANS = {
    "zoo_simclr": Plan(task="views"),
    "zoo_masked": Plan(task="patches"),
    "simclr_without_colour": Plan(task="views", colour=False),
    "simclr_half": Plan(task="views", epochs=5),
    "masked_half": Plan(task="patches", epochs=5),
    "simclr_long": Plan(task="views", epochs=30),
}
SHIPPED = ("zoo_simclr", "zoo_masked")
TASKS = {
    "views": "two changed views of a drawing find each other (SimCLR; projection head dropped afterwards)",
    "patches": "paint in hidden patches (masked autoencoder; decoder dropped afterwards)",
}


# ---- two views ----


def view(colour: bool, seed: int):
    """Layers that change each drawing at random: place and size, and on demand colours."""
    import keras

    from tlbook.augmentation import RandomGamma

    layers = keras.layers
    numbers = iter(range(seed, seed + 8))
    # Keras's RandomCrop cuts all images of a batch at one place; these two draw anew for each.
    place = [
        layers.RandomFlip("horizontal", seed=next(numbers)),
        layers.RandomZoom((-0.5, 0.1), fill_mode="reflect", seed=next(numbers)),
        layers.RandomTranslation(0.15, 0.15, fill_mode="reflect", seed=next(numbers)),
    ]
    pixels = {"value_range": (0, 255)}
    colours = [
        layers.RandomHue(1.0, seed=next(numbers), **pixels),
        layers.RandomSaturation((0.1, 0.8), seed=next(numbers), **pixels),
        layers.RandomContrast(0.4, seed=next(numbers), **pixels),
        RandomGamma(2.0, seed=next(numbers)),
        layers.RandomGrayscale(0.2, seed=next(numbers)),
    ]
    return keras.Sequential([*place, *(colours if colour else [])])


def two_views(backbone, colour: bool, seed: int):
    """Drawings (n, h, w, 3) in, projections of two views of each out, (n, 2, PROJECTION)."""
    import keras

    images = keras.Input(backbone.input_shape[1:])
    both = keras.ops.concatenate([view(colour, seed)(images), view(colour, seed + 10)(images)])
    hidden = keras.layers.Dense(backbone.output_shape[-1], activation="relu")(backbone(both))
    first, second = keras.ops.split(keras.layers.Dense(PROJECTION)(hidden), 2)
    return keras.Model(images, keras.ops.stack([first, second], axis=1))


def nt_xent(_, z, temperature: float = TEMPERATURE):
    """The contrastive loss of SimCLR of projections (n, 2, d), for each drawing; targets are not looked at."""
    from keras import losses, ops

    z = ops.normalize(z, axis=-1)
    n = ops.shape(z)[0]
    z = ops.concatenate([z[:, 0], z[:, 1]])
    similarity = z @ ops.transpose(z) / temperature
    similarity = similarity - 1e9 * ops.eye(2 * n)  # no view is its own partner
    partner = ops.concatenate([ops.arange(n, 2 * n), ops.arange(n)])
    each = losses.sparse_categorical_crossentropy(partner, similarity, from_logits=True)
    return (each[:n] + each[n:]) / 2


# ---- hidden patches ----


def painter(backbone, seed: int):
    """Drawings in; out what is painted for each pixel, and in a fourth channel 1 where it was hidden, (n, h, w, 4)."""
    import keras

    layers, ops = keras.layers, keras.ops
    images = keras.Input(backbone.input_shape[1:])
    ones = ops.ones_like(images[:, ::PATCH, ::PATCH, :1])
    shown = ops.sign(layers.Dropout(HIDDEN, seed=seed)(ones))
    hidden = layers.UpSampling2D(PATCH)(1 - shown)
    encoder = keras.Model(backbone.input, backbone.get_layer("stage4").output)
    x = encoder(images * (1 - hidden) + GREY * hidden)
    for filters in (64, 48):
        x = layers.Conv2DTranspose(filters, 4, strides=2, padding="same", activation="relu")(x)
    # Each place of the map holds the pixels of a square of 4 by 4.
    side = backbone.input_shape[1] // 4
    x = layers.Reshape((side, side, 4, 4, 3))(layers.Conv2D(48, 1)(x))
    painted = layers.Reshape((4 * side, 4 * side, 3))(ops.transpose(x, (0, 1, 3, 2, 4, 5)))
    return keras.Model(images, ops.concatenate([painted, hidden], axis=-1))


def hidden_error(images, painted):
    """Mean squared error of the hidden pixels, of values from -1 to 1, for each drawing."""
    from keras import ops

    hidden = painted[..., 3:]
    error = ops.square(images / 127.5 - 1 - painted[..., :3]) * hidden
    return ops.sum(error, axis=(1, 2, 3)) / (3 * ops.sum(hidden, axis=(1, 2, 3)) + 1e-7)


# ---- both ----


def train(images: np.ndarray, plan: Plan, seed: int, state: Path) -> tuple[Any, Any, Any, list[float]]:
    """Returns the backbone, the whole model, its loss, and the loss after each epoch of this run."""
    import keras

    from tlbook.backbones.architectures import sketchnet

    keras.utils.set_random_seed(seed)
    backbone = sketchnet(images.shape[1], width=WIDTH)
    views = plan.task == "views"
    model = two_views(backbone, plan.colour, 100 * seed) if views else painter(backbone, seed)
    loss = nt_xent if views else hidden_error
    model.compile(optimizer=optimizer(plan.epochs * math.ceil(len(images) / BATCH)), loss=loss)
    x = images.astype(np.float32)
    targets = np.zeros(len(x), np.float32) if views else x
    history = model.fit(
        x, targets, batch_size=BATCH, epochs=plan.epochs, verbose=2,
        callbacks=[keras.callbacks.BackupAndRestore(state, delete_checkpoint=False)],
    )  # fmt: skip
    return backbone, model, loss, history.history["loss"]


def held_out_loss(model, images: np.ndarray, loss) -> float:
    """The loss on other drawings, changed at random as in training, in inference otherwise, in batches as large."""
    import keras

    x = images.astype(np.float32)
    whole = x[: len(x) // BATCH * BATCH] if len(x) >= BATCH else x
    losses = []
    for start in range(0, len(whole), BATCH):
        batch = keras.ops.convert_to_tensor(whole[start : start + BATCH])
        losses.append(float(keras.ops.mean(loss(batch, model(batch, training=True)))))
    return float(np.mean(losses))


def pretrain(name: str, plan: Plan, seed: int, workers: int, output: Path, per_class: int, held_out: int) -> None:
    """Train one network; write its weights and its card."""

    began = time.perf_counter()
    which = {"workers": workers, "size": SIZE, "species": len(SOURCE_SPECIES)}
    images, _ = draw_source(per_class, 1000 + seed, **which)
    held_images, _ = draw_source(held_out, 500_000 + seed, **which)
    print(f"{name}: {len(images)} drawings in {time.perf_counter() - began:.0f} s", flush=True)
    began, processor = time.perf_counter(), time.process_time()
    state = output / f"{name}-state"
    backbone, model, loss, losses = train(images, plan, seed, state)
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    parameters = backbone.count_params()
    digest = save(backbone, output, f"{name}-1")
    held_loss = held_out_loss(model, held_images, loss)
    views = plan.task == "views"
    changed = "horizontal flips, zoom, shift" + (", hue, saturation, contrast, gamma, grey" if plan.colour else "")
    card = {
        "name": f"{name}-1",
        "architecture": f"tlbook.backbones.architectures.sketchnet, {SIZE} px, width {WIDTH:g}",
        "parameters": parameters,
        "data": {
            "what": "tlbook.sketches, drawn for this training; no cat, no dog; no label was looked at",
            "species": list(SOURCE_SPECIES),
            "training drawings": len(images),
            "held-out drawings": len(held_images),
        },
        "recipe": {
            "task": TASKS[plan.task],
            "loss": f"NT-Xent, temperature {TEMPERATURE:g}" if views else "mean squared error of the hidden pixels",
            "optimiser": "AdamW",
            "learning rate": f"{LEARNING_RATE:g}, linear warm-up over {WARMUP:.0%} of the steps, then cosine to 0",
            "weight decay": WEIGHT_DECAY,
            "batch": BATCH,
            "epochs": plan.epochs,
            "augmentation": changed if views else f"{HIDDEN:.0%} of the patches of {PATCH} by {PATCH} pixels hidden",
            "seed": seed,
            "command": (
                f"python tools/data/pretrain_without_labels.py {name} --per-class {per_class} --held-out {held_out} "
                f"--epochs {plan.epochs} --seed {seed}"
            ),
        },
        "source-task loss": {
            "last epoch": round(losses[-1], 4) if losses else None,
            "held out": round(held_loss, 4),
            "n": len(held_images),
        },
        "wall_seconds": round(seconds),
        "process_seconds": round(processor),
        **origin(digest),
    }
    write_json(output / f"{name}-1.json", card, indent=2)
    shutil.rmtree(state, ignore_errors=True)
    print(f"held-out loss {held_loss:.3f}; {seconds:.0f} s of training; wrote {name}-1.weights.h5", flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(SHIPPED), metavar="NAME", help=", ".join(PLANS))
    parser.add_argument("--per-class", type=int, default=PER_CLASS, help="training drawings of a species")
    parser.add_argument("--held-out", type=int, default=50, help="held-out drawings of a species")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--output", type=Path, default=DATA, help="folder for weights and cards")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(PLANS):
        parser.error(f"no network {', '.join(sorted(unknown))}; there are {', '.join(PLANS)}")
    for name in options.names:
        plan = PLANS[name] if options.epochs is None else dataclasses.replace(PLANS[name], epochs=options.epochs)
        pretrain(name, plan, options.seed, options.workers, options.output, options.per_class, options.held_out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
