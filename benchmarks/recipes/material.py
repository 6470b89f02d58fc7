"""What every recipe starts from: the same photos, the same pretrained network, the same final score.

The 2,000 official training photos train; the 1,000 official validation photos score. A recipe that chooses an epoch by its
validation photos chooses by one half of those 1,000 and is scored on the other, both ways round (:class:`ChosenElsewhere`),
so that no answer comes from a network that was chosen by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tlbook import backbones, datasets
from tlbook.datasets import Split

NETWORK = "mobilenet_v2_035"


@dataclass(frozen=True)
class Stage:
    """The end of a stage of training.

    Attributes
    ----------
    name : str
        "head", "fine-tuned" or "trained".
    right : callable
        Which of the images to score on are classified right, bool (n,): asked for while the clock is stopped.
    variant : str, optional
        Only of this variant; a stage without one belongs to all that follow.
    reported : float, optional
        The accuracy that the recipe itself would print, where it is another.
    """

    name: str
    right: Callable[[], np.ndarray]
    variant: str | None = None
    reported: float | None = None


@dataclass(frozen=True)
class Material:
    """Images and a pretrained network, as a recipe is given them.

    Attributes
    ----------
    dataset : str
        "photos" or "sketches".
    train, held : Split
        Images to fit on and images to score on, each in an order that mixes the classes.
    folders : Path
        The same files in folders named ``train/CLASS`` and ``held/CLASS``, as ``image_dataset_from_directory`` wants them.
    pixels : int, optional
        One image size for all recipes: the files in ``folders`` are resized to it already. By default each its own.
    share : float
        Of the published epochs; 1 but for trials.
    """

    dataset: str
    train: Split
    held: Split
    folders: Path
    pixels: int | None = None
    share: float = 1.0

    def size(self, published: int) -> int:
        """Side of the images in pixels."""
        if self.pixels:
            return self.pixels
        return published if self.dataset == "photos" else 96

    def epochs(self, published: int) -> int:
        return max(1, round(self.share * published))

    def base(self, size: int):
        """(network without a head that gives feature maps, layer that prepares pixels for it)."""
        import keras

        if self.dataset == "photos":
            return mobilenet(keras.Input((size, size, 3))), keras.layers.Rescaling(1 / 127.5, offset=-1)
        return sketchnet(size), keras.layers.Identity()

    def flat_base(self, size: int):
        """The same as one flat network from pixels to maps, so that its layers can be counted from the end."""
        import keras

        if self.dataset == "photos":
            return mobilenet(keras.layers.Rescaling(1 / 127.5, offset=-1)(keras.Input((size, size, 3))))
        return sketchnet(size)

    def from_directory(self, part: str, size: int, batch_size: int, seed: int):
        """``image_dataset_from_directory`` over ``train`` or ``held``, with its defaults: shuffled, resized bilinearly."""
        import keras

        return keras.utils.image_dataset_from_directory(
            self.folders / part, image_size=(size, size), batch_size=batch_size, seed=seed, verbose=False
        )

    def in_order(self, split: Split, size: int):
        """A ``tf.data`` pipeline over single images in the split's order, as TensorFlow Datasets gives them."""
        import tensorflow as tf

        def read(path, label):
            image = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
            return tf.image.resize(image, (size, size)), label

        paths = [str(place(self.folders / split.name, split, index)) for index in range(len(split))]
        files = tf.data.Dataset.from_tensor_slices((paths, split.labels.astype("float32")[:, None]))
        return files.map(read, num_parallel_calls=tf.data.AUTOTUNE)

    def scores(self, model, size: int) -> np.ndarray:
        """What a model answers for the images to score on, float32 (n, outputs)."""
        return model.predict(self.in_order(self.held, size).batch(64), verbose=0)

    def right(self, model, size: int) -> np.ndarray:
        """Which images to score on are classified right, bool (n,), by a probability each or by the larger of two."""
        return decided(self.scores(model, size), model) == self.held.labels

    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the images to score on in two halves, by their contents."""
        half = len(self.held) // 2
        return np.arange(half), np.arange(half, len(self.held))  # their order is that of the hashes


def mobilenet(inputs):
    """MobileNetV2 0.35 on a tensor: the weights that were trained at 224 pixels, whatever the size of the images."""
    import keras

    path = backbones.download(NETWORK)
    return keras.applications.MobileNetV2(input_tensor=inputs, alpha=0.35, include_top=False, weights=path)


def sketchnet(size: int):
    import keras

    backbone = backbones.load("sketchnet", input_size=size)
    maps = backbone.model.get_layer(backbone.stages[-1]).output
    return keras.Model(backbone.model.input, maps, name="sketchnet")


def decided(scores: np.ndarray, model) -> np.ndarray:
    """Classes, int64 (n,): of two outputs the larger; of one, above one half as a probability or above zero as a logit."""
    import keras

    if scores.shape[1] > 1:
        return scores.argmax(axis=1)
    threshold = 0.5 if model.layers[-1].activation is keras.activations.sigmoid else 0.0
    return (scores[:, 0] > threshold).astype(int)


def by_content(split: Split, name: str) -> Split:
    """The split in the order of its files' hashes: fixed, and as good as shuffled."""
    order = np.argsort(split.hashes)
    return Split(
        name,
        [split.paths[i] for i in order],
        split.labels[order],
        split.class_names,
        [split.hashes[i] for i in order],
    )


def joined(first: Split, second: Split) -> Split:
    """Two splits as one."""
    return Split(
        first.name,
        first.paths + second.paths,
        np.concatenate([first.labels, second.labels]),
        first.class_names,
        first.hashes + second.hashes,
    )


def material(
    dataset: str,
    folders: Path,
    pixels: int | None = None,
    share: float = 1.0,
    images: int | None = None,
    subset: int = 0,
) -> Material:
    """The images of a data set, laid out in folders for the recipes; ``images`` takes fewer, another ``subset`` others."""
    data = datasets.load(dataset, progress=False)
    train, held = joined(data.train, data.validation), data.test
    if images is not None:
        train = train.take(images, subset)
    train, held = by_content(train, "train"), by_content(held, "held")
    for split in (train, held):
        lay_out(split, folders / split.name, pixels)
    return Material(dataset, train, held, folders, pixels, share)


def place(folder: Path, split: Split, index: int) -> Path:
    """Where a file of a split lies; two splits that were joined may have files of the same name."""
    path = split.paths[index]
    return folder / split.class_names[split.labels[index]] / f"{path.parent.parent.name}-{path.name}"


def lay_out(split: Split, folder: Path, pixels: int | None) -> None:
    """Put the files of a split into a folder for each class: as they are, or resized as this package resizes."""
    for name in split.class_names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for index, path in enumerate(split.paths):
        target = place(folder, split, index)
        if pixels is None:
            target.symlink_to(path)
        else:  # lossless, whatever the name's ending says: decoders look at the contents
            Image.fromarray(datasets.decode(path, pixels)).save(target, format="PNG", compress_level=1)


def applied(layers: list) -> Callable:
    """What a pipeline of images and labels maps to augment its images by these layers, one after the other."""

    def augment(x, y):
        for layer in layers:
            x = layer(x)
        return x, y

    return augment


def compiled(model, optimizer) -> None:
    """Compile for one probability or two, with the loss that fits the model's last layer."""
    import keras

    if model.output.shape[-1] > 1:
        loss, metrics = "categorical_crossentropy", ["accuracy"]
    elif model.layers[-1].activation is keras.activations.sigmoid:
        loss, metrics = "binary_crossentropy", ["accuracy"]
    else:
        loss, metrics = keras.losses.BinaryCrossentropy(from_logits=True), [keras.metrics.BinaryAccuracy(threshold=0.0)]
    model.compile(optimizer, loss, metrics=metrics)


def state(model) -> list[np.ndarray]:
    """Everything that a model holds: weights, statistics, and the state of its random layers."""
    import keras

    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.variables]


def restore(model, values: list[np.ndarray]) -> None:
    for variable, value in zip(model.variables, values, strict=True):
        variable.assign(value)


def freeze_normalisation(base) -> None:
    """``trainable = False`` on each batch-normalisation layer: the one thing that holds its statistics in Keras 3."""
    import keras

    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def chosen_elsewhere(given: Material, size: int):
    """A callback that keeps, for each half of the images to score on, the answers of the epoch best on the other half."""
    import keras

    class ChosenElsewhere(keras.callbacks.Callback):
        """Stands for a checkpoint of the lowest validation loss: one pass over all 1,000 photos an epoch, as for that."""

        def __init__(self):
            super().__init__()
            self.images = given.in_order(given.held, size).batch(64)
            self.lowest = [np.inf, np.inf]
            self.right = np.zeros(len(given.held), bool)

        def on_epoch_end(self, epoch, logs=None):
            scores = self.model.predict(self.images, verbose=0)
            p = np.clip(scores[:, 0].astype(float), 1e-7, 1 - 1e-7)
            losses = -np.where(given.held.labels == 1, np.log(p), np.log(1 - p))
            first, second = given.halves()
            for place, (chooses, scored) in enumerate(((first, second), (second, first))):
                if losses[chooses].mean() < self.lowest[place]:
                    self.lowest[place] = losses[chooses].mean()
                    self.right[scored] = (decided(scores, self.model) == given.held.labels)[scored]

    return ChosenElsewhere()
