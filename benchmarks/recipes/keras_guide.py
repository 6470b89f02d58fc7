"""The Keras guide *Transfer learning & fine-tuning*, in both of its versions, written from their settings.

The version for Keras 3 trains 2 epochs on the head and 1 of everything, in batches of 64, and caches its images *after*
augmenting them, so that every epoch sees the same "random" images. The version for Keras 2 trains 20 + 10 epochs in batches of
32 and augments inside the model.

Both say that ``base(x, training=False)`` keeps batch normalisation in inference mode after unfreezing. With Keras 2 it did:
there the variant "BatchNorm frozen" is what the author's readers got. In Keras 3 it does not (keras#20285). The variant
"augmented anew" draws the augmentation in each epoch and leaves all else as it was published.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras
from tensorflow import data as tf_data

from recipes.material import Material, Stage, applied, compiled, freeze_normalisation, restore, state

VARIANTS = ("published", "BatchNorm frozen")
ANEW = "augmented anew"


def run(given: Material, seed: int, variants: tuple[str, ...] = VARIANTS) -> Iterator[Stage]:
    """The version for Keras 3."""
    size = given.size(150)
    augment = applied(augmentation_layers())
    images = given.in_order(given.train, size)
    if variants == (ANEW,):
        train = images.batch(64).cache().map(augment).prefetch(tf_data.AUTOTUNE)
    else:
        train = images.map(augment).batch(64).prefetch(tf_data.AUTOTUNE).cache()
    validation = given.in_order(given.held, size).batch(64).prefetch(tf_data.AUTOTUNE).cache()
    yield from frozen_then_tuned(given, size, [], train, validation, (2, 1), variants)


def run_keras_2(given: Material, seed: int, variants: tuple[str, ...] = VARIANTS) -> Iterator[Stage]:
    """The version for Keras 2."""
    size = given.size(150)
    train = given.in_order(given.train, size).cache().batch(32).prefetch(10)
    validation = given.in_order(given.held, size).cache().batch(32).prefetch(10)
    yield from frozen_then_tuned(given, size, augmentation_layers(), train, validation, (20, 10), variants)


def augmentation_layers() -> list:
    return [keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.1)]


def frozen_then_tuned(given, size, inside, train, validation, epochs, variants) -> Iterator[Stage]:
    base, prepare = given.base(size)
    base.trainable = False
    inputs = keras.Input((size, size, 3))
    x = keras.Sequential(inside)(inputs) if inside else inputs
    x = keras.layers.GlobalAveragePooling2D()(base(prepare(x), training=False))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dropout(0.2)(x)))

    compiled(model, keras.optimizers.Adam(1e-3))
    model.fit(train, epochs=given.epochs(epochs[0]), validation_data=validation, verbose=0)
    yield Stage("head", lambda: given.right(model, size))
    start = state(model)
    for variant in variants:
        restore(model, start)
        base.trainable = True
        if variant == "BatchNorm frozen":
            freeze_normalisation(base)
        compiled(model, keras.optimizers.Adam(1e-5))
        model.fit(train, epochs=given.epochs(epochs[1]), validation_data=validation, verbose=0)
        yield Stage("fine-tuned", lambda: given.right(model, size), variant)
