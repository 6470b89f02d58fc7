"""What every recipe starts from: the same photos in the same folders, the same pretrained network, the same final score.

The 2,000 official training photos train; the 1,000 official validation photos score. How a recipe divides the former, and
whether it looks at the latter on its way, is the recipe's own affair and part of what is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlbook import backbones, datasets
from tlbook.datasets import Split


@dataclass(frozen=True)
class Material:
    """Images and a pretrained network, as a recipe is given them.

    Attributes
    ----------
    dataset : str
        "photos" or "sketches".
    train : Split
        All training images (of the photos: the official 2,000), in a fixed order.
    fit, choose : Split
        The same, divided for recipes that choose by validation images.
    score : Split
        What every recipe is scored on.
    size : callable
        The published side of the images → the side used: the photos keep it, the sketches have their own.
    share : float
        Of the published epochs; 1 but for trials and the sketches.
    """

    dataset: str
    train: Split
    fit: Split
    choose: Split
    score: Split
    share: float = 1.0

    def size(self, published: int) -> int:
        return published if self.dataset == "photos" else 96

    def epochs(self, published: int) -> int:
        return max(1, round(self.share * published))

    def base(self, size: int):
        """(network without a head that gives feature maps, layer that prepares pixels for it)."""
        import keras

        if self.dataset == "photos":
            application = backbones.applications.APPLICATIONS["mobilenet_v2_035"]
            path = backbones.applications.weights_folder() / application.weights_file
            if not path.is_file():
                backbones.load("mobilenet_v2_035").model  # noqa: B018  (downloads them)
            # The same weights for every size: those that were trained at 224 pixels.
            network = keras.applications.MobileNetV2(
                input_shape=(size, size, 3), alpha=0.35, include_top=False, weights=path
            )
            return network, keras.layers.Rescaling(1 / 127.5, offset=-1)
        backbone = backbones.load("sketchnet", input_size=size)
        maps = backbone.model.get_layer(backbone.stages[-1]).output
        return keras.Model(backbone.model.input, maps, name="sketchnet"), keras.layers.Identity()

    def right(self, model, size: int) -> np.ndarray:
        """Which of the images to score on are classified right, bool (n,); the model gives one logit or one probability."""
        import keras

        one = model.predict(stream(self.score, size, batch_size=64), verbose=0).reshape(-1)
        threshold = 0.5 if model.layers[-1].activation is keras.activations.sigmoid else 0.0
        return (one > threshold).astype(int) == self.score.labels


def joined(first: Split, second: Split) -> Split:
    """Two splits as one."""
    return Split(
        first.name,
        first.paths + second.paths,
        np.concatenate([first.labels, second.labels]),
        first.class_names,
        first.hashes + second.hashes,
    )


def material(dataset: str, share: float = 1.0, images: int | None = None) -> Material:
    """The images of a data set for the recipes; ``images`` takes fewer training images (trials)."""
    data = datasets.load(dataset, progress=False)
    fit, choose = data.train, data.validation
    if images is not None:
        fit, choose = fit.take(images * 4 // 5), choose.take(images // 5)
    return Material(dataset, joined(fit, choose), fit, choose, data.test, share)


def stream(split: Split, size: int, *, batch_size: int, shuffle: bool = False, seed: int | None = None):
    """A ``tf.data`` pipeline over files, as ``image_dataset_from_directory`` makes it: float32 images, one label each."""
    import tensorflow as tf

    def read(path, label):
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        return tf.image.resize(image, (size, size)), label

    files = tf.data.Dataset.from_tensor_slices((list(map(str, split.paths)), split.labels.astype("float32")[:, None]))
    if shuffle:
        files = files.shuffle(len(split), seed=seed)  # drawn anew at each pass
    return files.map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size).prefetch(tf.data.AUTOTUNE)


Score = Callable[[str, object, int], None]
"""Called by a recipe at the end of each stage: (stage, model, size)."""

SOURCES: dict[str, str] = {
    "tensorflow-tutorial": "TensorFlow tutorial, Transfer learning and fine-tuning",
    "keras-guide": "Keras guide, Transfer learning and fine-tuning",
    "chollet-scratch": "Chollet and Watson, Deep Learning with Python, chapter 8",
    "chollet-augmented": "Chollet and Watson, Deep Learning with Python, chapter 8",
    "chollet-cached": "Chollet and Watson, Deep Learning with Python, chapter 8",
    "chollet-tuned": "Chollet and Watson, Deep Learning with Python, chapter 8",
    "ours": "this book",
}

FOLDER = Path(__file__).resolve().parent
