"""The Keras guide's recipe, written from its settings.

Images of 150 pixels, batches of 64, flip and rotation 0.1, dropout 0.2, one logit. Adam 1e-3 on the head for 20 epochs, then
the whole network with Adam 1e-5 for 10.

Defects. The images are augmented and then cached, so that every epoch sees the same "random" images. As in the TensorFlow
tutorial, ``base(x, training=False)`` does not keep batch normalisation frozen once the network is unfrozen.

Repaired: cached first, augmented anew in each epoch; each batch-normalisation layer has ``trainable = False``.
"""

from __future__ import annotations

import keras
from tensorflow import data as tf_data

from recipes.material import Material, Score, stream


def published(material: Material, seed: int, score: Score) -> float:
    size = material.size(150)
    augment = augmentation()
    train = stream(material.fit, size, batch_size=64, shuffle=True, seed=seed)
    train = train.map(lambda x, y: (augment(x, training=True), y), num_parallel_calls=tf_data.AUTOTUNE).cache()
    return frozen_then_tuned(material, train, size, score, normalisation_frozen=False)


def repaired(material: Material, seed: int, score: Score) -> float:
    size = material.size(150)
    augment = augmentation()
    train = stream(material.fit, size, batch_size=1).unbatch().cache().shuffle(len(material.fit), seed=seed)
    train = train.batch(64).map(lambda x, y: (augment(x, training=True), y), num_parallel_calls=tf_data.AUTOTUNE)
    return frozen_then_tuned(material, train, size, score, normalisation_frozen=True)


def augmentation():
    return keras.Sequential([keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.1)])


def frozen_then_tuned(material, train, size, score, normalisation_frozen) -> float:
    train = train.prefetch(tf_data.AUTOTUNE)
    validation = stream(material.choose, size, batch_size=64).cache()
    base, prepare = material.base(size)
    base.trainable = False
    inputs = keras.Input((size, size, 3))
    x = keras.layers.GlobalAveragePooling2D()(base(prepare(inputs), training=False))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dropout(0.2)(x)))

    def compiled(rate):
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), loss, metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)])

    compiled(1e-3)
    model.fit(train, epochs=material.epochs(20), validation_data=validation, verbose=0)
    score("head", model, size)
    base.trainable = True
    if normalisation_frozen:
        for layer in base.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    compiled(1e-5)
    model.fit(train, epochs=material.epochs(10), validation_data=validation, verbose=0)
    score("fine-tuned", model, size)
    return model.evaluate(stream(material.score, size, batch_size=64), verbose=0)[1]


HELPERS = (augmentation, frozen_then_tuned)
