"""The TensorFlow tutorial's recipe, written from its settings.

Images of 160 pixels, batches of 32, MobileNetV2, flip and rotation 0.2, dropout 0.2, one logit. Adam 1e-4 on the head for 10
epochs, then everything from layer 100 of 154 on with RMSprop 1e-5 for 10 more.

Defects. The validation photos are shuffled anew at each pass and then divided by ``take`` and ``skip``, so that test and
validation photos change places all the time: its test accuracy is measured on photos that it validated on. After unfreezing,
``base(x, training=False)`` is meant to keep the batch-normalisation layers frozen; in Keras 3 the training flag of the outer
call wins and their moving statistics change (keras#20285).

Repaired: a fifth of the validation photos, chosen by their contents once and for all, is the test set, and each
batch-normalisation layer has ``trainable = False``.
"""

from __future__ import annotations

import keras
import numpy as np
from tensorflow import data as tf_data

from recipes.material import Material, Score, stream


def published(material: Material, seed: int, score: Score) -> float:
    size = material.size(160)
    train = stream(material.train, size, batch_size=32, shuffle=True, seed=seed)
    held = stream(material.score, size, batch_size=32, shuffle=True, seed=seed)
    batches = int(held.cardinality())
    test, validation = held.take(batches // 5), held.skip(batches // 5)
    model, base = network(material, size)
    frozen_then_tuned(material, model, base, train, validation, size, score, normalisation_frozen=False)
    return model.evaluate(test.prefetch(tf_data.AUTOTUNE), verbose=0)[1]


def repaired(material: Material, seed: int, score: Score) -> float:
    size = material.size(160)
    train = stream(material.train, size, batch_size=32, shuffle=True, seed=seed)
    by_content = np.argsort(material.score.hashes)  # an order without cats first, and the same at each pass
    fifth = len(by_content) // 5
    test = stream(material.score.select(by_content[:fifth]), size, batch_size=32)
    validation = stream(material.score.select(by_content[fifth:]), size, batch_size=32)
    model, base = network(material, size)
    frozen_then_tuned(material, model, base, train, validation, size, score, normalisation_frozen=True)
    return model.evaluate(test, verbose=0)[1]


def network(material: Material, size: int):
    augmentation = keras.Sequential([keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.2)])
    base, prepare = material.base(size)
    base.trainable = False
    inputs = keras.Input((size, size, 3))
    x = base(prepare(augmentation(inputs)), training=False)
    x = keras.layers.Dropout(0.2)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, keras.layers.Dense(1)(x)), base


def frozen_then_tuned(material, model, base, train, validation, size, score, normalisation_frozen) -> None:
    def compiled(optimizer):
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(optimizer, loss, metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)])

    first = material.epochs(10)
    compiled(keras.optimizers.Adam(1e-4))
    model.fit(train, epochs=first, validation_data=validation, verbose=0)
    score("head", model, size)
    base.trainable = True
    for layer in base.layers[: round(len(base.layers) * 100 / 154)]:
        layer.trainable = False
    if normalisation_frozen:
        for layer in base.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    compiled(keras.optimizers.RMSprop(1e-5))
    model.fit(train, epochs=2 * first, initial_epoch=first, validation_data=validation, verbose=0)
    score("fine-tuned", model, size)


HELPERS = (network, frozen_then_tuned)
