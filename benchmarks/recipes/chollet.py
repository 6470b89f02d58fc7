"""The stages of *Deep Learning with Python*, chapter 8, written from their settings.

Images of 180 pixels, batches of 64; of each training the weights with the lowest validation loss are kept.

``scratch``: a small network from random weights, Adam 1e-3, 50 epochs. ``augmented``: the same with flip, rotation 0.1, zoom
0.2 and dropout 0.25, 100 epochs. ``cached``: features of the frozen network, computed once, and a dense head on them, 10
epochs. ``tuned``: frozen network with augmentation, 30 epochs, then what the book calls fine-tuning, Adam 1e-5, 30 epochs.

Defect. Before the "fine-tuning" nothing is unfrozen: the head alone is trained on, more slowly.

Repaired: the last third of the network is unfrozen, its batch-normalisation layers excepted.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras

from recipes.material import Material, Score, stream


def scratch(material: Material, seed: int, score: Score) -> float:
    size = material.size(180)
    model = small_network(size, augmentation=[], dropout=0.0)
    return trained(material, model, keras.optimizers.Adam(1e-3), 50, size, seed, "trained", score)


def augmented(material: Material, seed: int, score: Score) -> float:
    size = material.size(180)
    model = small_network(size, augmentation=changes(), dropout=0.25)
    return trained(material, model, keras.optimizers.Adam(1e-3), 100, size, seed, "trained", score)


def cached(material: Material, seed: int, score: Score) -> float:
    size = material.size(180)
    base, prepare = material.base(size)
    base.trainable = False
    inputs = keras.Input((size, size, 3))
    extractor = keras.Model(inputs, base(prepare(inputs)))
    parts = {}
    for name, split in (("train", material.fit), ("validation", material.choose)):
        parts[name] = extractor.predict(stream(split, size, batch_size=64), verbose=0), split.labels[:, None]
    maps = keras.Input(extractor.output.shape[1:])
    head = keras.Model(maps, dense_head(maps))
    head.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    kept(
        head,
        lambda keep: head.fit(
            *parts["train"],
            batch_size=64,
            epochs=material.epochs(10),
            validation_data=parts["validation"],
            callbacks=[keep],
            verbose=0,
        ),
    )
    x = extractor.output
    for layer in head.layers[1:]:
        x = layer(x)
    model = keras.Model(inputs, x)
    score("head", model, size)
    model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    return model.evaluate(stream(material.score, size, batch_size=64), verbose=0)[1]


def tuned(material: Material, seed: int, score: Score) -> float:
    model, base, size = frozen(material, seed, score)
    base.trainable = False
    return trained(material, model, keras.optimizers.Adam(1e-5), 30, size, seed, "fine-tuned", score)


def tuned_repaired(material: Material, seed: int, score: Score) -> float:
    model, base, size = frozen(material, seed, score)
    base.trainable = True
    for place, layer in enumerate(base.layers):
        deep = place >= len(base.layers) * 2 // 3
        layer.trainable = deep and not isinstance(layer, keras.layers.BatchNormalization)
    return trained(material, model, keras.optimizers.Adam(1e-5), 30, size, seed, "fine-tuned", score)


def frozen(material: Material, seed: int, score: Score):
    size = material.size(180)
    base, prepare = material.base(size)
    base.trainable = False
    inputs = keras.Input((size, size, 3))
    x = base(prepare(keras.Sequential(changes())(inputs)))
    model = keras.Model(inputs, dense_head(x))
    trained(material, model, keras.optimizers.Adam(1e-3), 30, size, seed, "head", score)
    return model, base, size


def changes() -> list:
    return [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomRotation(0.1),
        keras.layers.RandomZoom(0.2),
    ]


def dense_head(maps):
    x = keras.layers.GlobalAveragePooling2D()(maps)
    x = keras.layers.Dropout(0.25)(keras.layers.Dense(256, activation="relu")(x))
    return keras.layers.Dense(1, activation="sigmoid")(x)


def small_network(size: int, augmentation: list, dropout: float):
    inputs = keras.Input((size, size, 3))
    x = inputs
    for layer in [*augmentation, keras.layers.Rescaling(1 / 255)]:
        x = layer(x)
    for filters in (32, 64, 128, 256):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
        x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Conv2D(512, 3, activation="relu", padding="same")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    if dropout:
        x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))


def trained(material, model, optimizer, epochs, size, seed, stage, score) -> float:
    train = stream(material.fit, size, batch_size=64, shuffle=True, seed=seed)
    validation = stream(material.choose, size, batch_size=64)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    epochs = material.epochs(epochs)
    kept(
        model,
        lambda keep: model.fit(train, epochs=epochs, validation_data=validation, callbacks=[keep], verbose=0),
    )
    score(stage, model, size)
    return model.evaluate(stream(material.score, size, batch_size=64), verbose=0)[1]


def kept(model, fit) -> None:
    """Fit, then go back to the weights with the lowest validation loss."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "best.weights.h5")
        fit(keras.callbacks.ModelCheckpoint(path, save_best_only=True, save_weights_only=True, monitor="val_loss"))
        model.load_weights(path)


HELPERS = {
    scratch: (small_network, trained, kept),
    augmented: (changes, small_network, trained, kept),
    cached: (dense_head, kept),
    tuned: (frozen, changes, dense_head, trained, kept),
    tuned_repaired: (frozen, changes, dense_head, trained, kept),
}
