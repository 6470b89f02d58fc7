"""The TensorFlow tutorial *Transfer learning and fine-tuning*, written from its settings.

Defects. The validation photos are shuffled at each pass and then divided by ``take`` and ``skip``, so that test and validation
photos change places all the time: the test accuracy that it prints is measured on photos it validated on. After unfreezing,
``base(x, training=False)`` is meant to keep batch normalisation in inference mode; in Keras 3 the training flag of the outer
call wins and the moving statistics change (keras#20285). The first concerns what is reported, not what is trained; the variant
"BatchNorm frozen" mends the second.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras

from recipes.material import Material, Stage, compiled, freeze_normalisation, restore, state

VARIANTS = ("published", "BatchNorm frozen")


def run(given: Material, seed: int, variants: tuple[str, ...] = VARIANTS) -> Iterator[Stage]:
    size = given.size(160)
    train = given.from_directory("train", size, 32, seed)
    held = given.from_directory("held", size, 32, seed)
    batches = int(held.cardinality())
    test, validation = held.take(batches // 5), held.skip(batches // 5)

    augmentation = keras.Sequential([keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.2)])
    base, prepare = given.base(size)
    base.trainable = False
    inputs = keras.Input((size, size, 3))
    x = base(prepare(augmentation(inputs)), training=False)
    x = keras.layers.Dropout(0.2)(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))

    first = given.epochs(10)
    compiled(model, keras.optimizers.Adam(1e-4))
    model.fit(train, epochs=first, validation_data=validation, verbose=0)
    yield Stage("head", lambda: given.right(model, size))
    start = state(model)
    for variant in variants:
        restore(model, start)
        base.trainable = True
        for layer in base.layers[: round(len(base.layers) * 100 / 154)]:  # 100 of MobileNetV2's 154
            layer.trainable = False
        if variant == "BatchNorm frozen":
            freeze_normalisation(base)
        compiled(model, keras.optimizers.RMSprop(1e-5))
        model.fit(train, epochs=2 * first, initial_epoch=first, validation_data=validation, verbose=0)
        reported = model.evaluate(test, verbose=0)[1]
        yield Stage("fine-tuned", lambda: given.right(model, size), variant, reported)
