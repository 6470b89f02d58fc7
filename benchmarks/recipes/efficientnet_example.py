"""The keras.io example *Image classification via fine-tuning with EfficientNet*, written from its settings.

Defects. It unfreezes "the last 20 layers", which begin in the middle of a block, while its own advice says that a block is to
be turned on or off as a whole (keras-io#995): the variant "whole blocks" begins where that block begins. It validates on the
test set; since it chooses nothing by it, the accuracy is not changed by that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import keras
import numpy as np
from PIL import Image

from recipes.material import Material, Stage, compiled, restore, state

VARIANTS = ("published", "whole blocks")
LAST = 20


class Photos(keras.utils.PyDataset):
    """Batches of a split, resized (and augmented) when asked for; an incomplete last batch is left out."""

    def __init__(self, split, size: int, batch_size: int, augmentation: list, rng, **keywords) -> None:
        super().__init__(**keywords)
        self.images = [np.asarray(Image.open(path).convert("RGB")) for path in split.paths]
        self.labels, self.classes = split.labels, len(split.class_names)
        self.size, self.batch_size, self.augmentation, self.rng = size, batch_size, augmentation, rng
        self.order = np.arange(len(split))
        self.on_epoch_end()

    def __len__(self) -> int:
        return max(1, len(self.order) // self.batch_size)

    def on_epoch_end(self) -> None:
        if self.rng is not None:
            self.rng.shuffle(self.order)

    def __getitem__(self, number: int):
        chosen = self.order[number * self.batch_size : (number + 1) * self.batch_size]
        side = (self.size, self.size)
        batch = keras.ops.stack([keras.ops.image.resize(self.images[i].astype("float32"), side) for i in chosen])
        for layer in self.augmentation:
            batch = layer(batch)
        return np.array(batch), np.eye(self.classes, dtype="float32")[self.labels[chosen]]


def run(given: Material, seed: int, variants: tuple[str, ...] = VARIANTS) -> Iterator[Stage]:
    size = given.size(224)
    layers = [
        keras.layers.RandomRotation(0.15),
        keras.layers.RandomTranslation(0.1, 0.1),
        keras.layers.RandomFlip(),
        keras.layers.RandomContrast(0.1),
    ]
    train = Photos(given.train, size, 64, layers, np.random.default_rng(seed), workers=2)
    test = Photos(given.held, size, 64, [], None)

    base = given.flat_base(size)
    base.trainable = False
    x = keras.layers.BatchNormalization()(keras.layers.GlobalAveragePooling2D()(base.output))
    model = keras.Model(base.input, keras.layers.Dense(2, activation="softmax")(keras.layers.Dropout(0.2)(x)))

    compiled(model, keras.optimizers.Adam(1e-2))
    model.fit(train, epochs=given.epochs(25), validation_data=test, verbose=0)
    yield Stage("head", lambda: given.right(model, size))
    start = state(model)
    for variant in variants:
        restore(model, start)
        begin = len(model.layers) - LAST
        if variant == "whole blocks":
            begin = block_begin(model.layers, begin)
        for layer in base.layers:  # base.trainable = False would do nothing: the flag is false already
            layer.trainable = False
        for layer in model.layers[begin:]:
            if not isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = True
        compiled(model, keras.optimizers.Adam(1e-5))
        model.fit(train, epochs=given.epochs(4), validation_data=test, verbose=0)
        yield Stage("fine-tuned", lambda: given.right(model, size), variant)


def block_begin(layers: list, place: int) -> int:
    """Where the block begins that the layer at a place belongs to: its name begins like the names of the block's others."""
    block = re.match(r"block_\d+_|stage\d+", layers[place].name)
    if block is None:
        raise ValueError(f"layer {layers[place].name} belongs to no block")
    return next(i for i, layer in enumerate(layers) if layer.name.startswith(block.group()))
