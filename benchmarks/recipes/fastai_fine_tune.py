"""fastai's ``fine_tune`` with the settings of its book's first example, cats against dogs, re-expressed in Keras.

One epoch with the body frozen, but for its batch normalisation, then one of everything; the rate follows one cycle (up along
half a cosine, down along another), and the early layers learn at a hundredth of the head's rate. Nothing in it is repaired.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from recipes.material import Material, Stage
from tlbook.transfer.optimizers import GroupAdam
from tlbook.transfer.schedules import Tabulated

VARIANTS = ("published",)


def one_cycle(steps: int, highest: float, up: float, div: float) -> np.ndarray:
    """Learning rate of each step (Smith 2018, with cosines for lines as fastai has it), float32 (steps,)."""
    done = np.arange(steps) / steps
    rising = highest / div + (highest - highest / div) * (1 - np.cos(np.pi * done / up)) / 2
    left = np.clip((done - up) / (1 - up), 0, 1)
    falling = highest / 1e5 + (highest - highest / 1e5) * (1 + np.cos(np.pi * left)) / 2
    return np.where(done < up, rising, falling).astype("float32")


def run(given: Material, seed: int, variants: tuple[str, ...] = VARIANTS) -> Iterator[Stage]:
    size = given.size(224)
    train = given.from_directory("train", size, 64, seed)
    validation = given.from_directory("held", size, 64, seed)
    base, prepare = given.base(size)
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9  # PyTorch's default, there written 0.1
    inputs = keras.Input((size, size, 3))
    maps = base(prepare(inputs))
    pools = [keras.layers.GlobalMaxPooling2D()(maps), keras.layers.GlobalAveragePooling2D()(maps)]
    x = keras.layers.BatchNormalization(momentum=0.9)(keras.layers.Concatenate()(pools))
    x = keras.layers.Dense(512, use_bias=False, activation="relu")(keras.layers.Dropout(0.25)(x))
    x = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization(momentum=0.9)(x))
    model = keras.Model(inputs, keras.layers.Dense(2, use_bias=False)(x))

    def fit(epochs: int, highest: float, up: float, div: float, factors: tuple[float, float, float]) -> None:
        steps = epochs * len(train)
        middle = base.layers[len(base.layers) // 2 :]
        of_base = {
            id(v): factors[1] if layer in middle else factors[0] for layer in base.layers for v in layer.variables
        }
        optimizer = GroupAdam(
            Tabulated(one_cycle(steps, highest, up, div)),
            factors=[of_base.get(id(v), factors[2]) for v in model.trainable_variables],
            weight_decay=0.01,
            beta_2=0.99,
            epsilon=1e-5,
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss, metrics=["accuracy"])
        model.fit(train, epochs=epochs, validation_data=validation, verbose=0)

    for layer in base.layers:
        layer.trainable = isinstance(layer, keras.layers.BatchNormalization)
    fit(1, 2e-3, 0.99, 25.0, (1.0, 1.0, 1.0))
    yield Stage("head", lambda: given.right(model, size))
    for layer in base.layers:  # base.trainable = True would do nothing: the flag is true already
        layer.trainable = True
    fit(1, 1e-3, 0.3, 5.0, (0.01, 0.1, 1.0))
    yield Stage("fine-tuned", lambda: given.right(model, size), "published")
