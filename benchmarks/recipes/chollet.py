"""The four trainings of *Deep Learning with Python*, third edition, chapter 8, written from the settings of its notebook.

``scratch`` and ``augmented`` train a small network from random weights, ``cached`` a dense head on features computed once, and
``frozen`` a head on a frozen network with augmentation, which it then goes on training at a lower rate under the title
"Fine-tuning a pretrained model".

Defect. Nothing is unfrozen before that last stage: the head is trained on, more slowly. In the notebook of 22 March 2025 the
last four layers were unfrozen there; by 30 March the lines were gone. The variant "last four layers" has them back.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras

from recipes.material import Material, Stage, applied, chosen_elsewhere, compiled, restore, state

VARIANTS = ("published", "last four layers")


def scratch(given: Material, seed: int, variants=("published",)) -> Iterator[Stage]:
    size = given.size(180)
    model = small_network(size, dropout=0.0)
    chosen = trained(given, model, size, given.from_directory("train", size, 64, seed), "adam", 50)
    yield Stage("trained", lambda: chosen.right, "published")


def augmented(given: Material, seed: int, variants=("published",)) -> Iterator[Stage]:
    size = given.size(180)
    model = small_network(size, dropout=0.25)
    chosen = trained(given, model, size, augmented_images(given, size, seed), "adam", 100)
    yield Stage("trained", lambda: chosen.right, "published")


def cached(given: Material, seed: int, variants=("published",)) -> Iterator[Stage]:
    size = given.size(180)
    base, prepare = given.base(size)
    inputs = keras.Input((size, size, 3))
    extractor = keras.Model(inputs, base(prepare(inputs)))
    features = {
        split.name: extractor.predict(given.in_order(split, size).batch(64), verbose=0)
        for split in (given.train, given.held)
    }
    maps = keras.Input(extractor.output.shape[1:])
    head = keras.Model(maps, dense_head(maps, activation="relu"))
    compiled(head, "adam")
    chosen = chosen_elsewhere(given, size)
    chosen.images = features["held"]
    labels = given.train.labels.astype("float32")[:, None]
    head.fit(features["train"], labels, batch_size=64, epochs=given.epochs(10), callbacks=[chosen], verbose=0)
    yield Stage("head", lambda: chosen.right, "published")


def frozen(given: Material, seed: int, variants: tuple[str, ...] = VARIANTS) -> Iterator[Stage]:
    size = given.size(180)
    train = augmented_images(given, size, seed)
    base, prepare = given.base(size)
    base.trainable = False
    inputs = keras.Input((size, size, 3))
    model = keras.Model(inputs, dense_head(base(prepare(inputs)), activation=None))
    chosen = trained(given, model, size, train, "adam", 30)
    yield Stage("head", lambda: chosen.right)
    start = state(model)  # the last epoch's weights: the notebook goes on from them, not from the best
    for variant in variants:
        restore(model, start)
        if variant == "last four layers":
            base.trainable = True
            for layer in base.layers[:-4]:
                layer.trainable = False
        tuned = trained(given, model, size, train, keras.optimizers.Adam(1e-5), 30)
        yield Stage("fine-tuned", lambda tuned=tuned: tuned.right, variant)


def augmented_images(given: Material, size: int, seed: int):
    layers = [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomRotation(0.1),
        keras.layers.RandomZoom(0.2),
    ]
    return given.from_directory("train", size, 64, seed).map(applied(layers), num_parallel_calls=8).prefetch(-1)


def dense_head(maps, activation):
    x = keras.layers.Dense(256, activation=activation)(keras.layers.GlobalAveragePooling2D()(maps))
    return keras.layers.Dense(1, activation="sigmoid")(keras.layers.Dropout(0.25)(x))


def small_network(size: int, dropout: float):
    inputs = keras.Input((size, size, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for filters in (32, 64, 128, 256):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
        x = keras.layers.MaxPooling2D(2)(x)
    # Without padding as in the notebook, but for drawings, of which too little is left here.
    x = keras.layers.Conv2D(512, 3, activation="relu", padding="valid" if size > 96 else "same")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    if dropout:
        x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))


def trained(given, model, size, train, optimizer, epochs):
    compiled(model, optimizer)
    chosen = chosen_elsewhere(given, size)
    model.fit(train, epochs=given.epochs(epochs), callbacks=[chosen], verbose=0)
    return chosen
