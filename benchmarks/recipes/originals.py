"""Where each recipe comes from, the settings that it is rerun with, and every one that is not the author's.

The chapter on recipes shows both as tables (:func:`origins`, :func:`reruns`); a test traces what the code really does and
holds it against them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Original:
    """One published recipe.

    Attributes
    ----------
    title : str
        As the chapter names it.
    repository, path, version, cell : str
        Where to read it: a commit, or the change after which it was as rerun, with its date; and the cells.
    pixels, batch_size : int
    augmentation, head : str
        Layers in their order, with their arguments.
    stages : tuple of str
        Of each stage: epochs, optimiser with its rate, and what is trained.
    network : str
        The author's own.
    differs : tuple of str
        Settings that are not the author's, beside network and photos, which differ in every recipe.
    """

    title: str
    repository: str
    path: str
    version: str
    cell: str
    pixels: int
    batch_size: int
    augmentation: str
    head: str
    stages: tuple[str, ...]
    network: str
    differs: tuple[str, ...] = ()


CHOLLET = {
    "repository": "fchollet/deep-learning-with-python-notebooks",
    "path": "chapter08_image-classification.ipynb",
    "version": "031aeace4c33, 2025",
}
HALVES = (
    "the epoch for one half of the 1,000 photos is chosen on the other half, "
    "where the author has 1,000 more photos for that"
)

ORIGINALS = {
    "tensorflow-tutorial": Original(
        title="TensorFlow tutorial",
        repository="tensorflow/docs",
        path="site/en/tutorials/images/transfer_learning.ipynb",
        version="pull request 2314, 17 June 2024",
        cell="whole notebook",
        pixels=160,
        batch_size=32,
        augmentation="RandomFlip(horizontal), RandomRotation(0.2)",
        head="GlobalAveragePooling2D, Dropout(0.2), Dense(1, sigmoid)",
        stages=("10 epochs, Adam 0.0001, head", "10 epochs, RMSprop 1e-05, from layer 100 of 154"),
        network="MobileNetV2 1.0",
    ),
    "keras-guide-3": Original(
        title="Keras guide, version for Keras 3",
        repository="keras-team/keras",
        path="guides/transfer_learning.py",
        version="09c133c56542, with pull request 20298 of 27 September 2024",
        cell="end-to-end example",
        pixels=150,
        batch_size=64,
        augmentation="RandomFlip(horizontal), RandomRotation(0.1), then cached",
        head="GlobalAveragePooling2D, Dropout(0.2), Dense(1)",
        stages=("2 epochs, Adam 0.001, head", "1 epoch, Adam 1e-05, everything"),
        network="Xception",
        differs=("2,000 photos to fit on, not 9,305",),
    ),
    "keras-guide-2": Original(
        title="Keras guide, version for Keras 2",
        repository="keras-team/keras-io",
        path="guides/transfer_learning.py",
        version="0a57de48c864, text of 12 May 2020",
        cell="end-to-end example",
        pixels=150,
        batch_size=32,
        augmentation="RandomFlip(horizontal), RandomRotation(0.1)",
        head="GlobalAveragePooling2D, Dropout(0.2), Dense(1)",
        stages=("20 epochs, Adam 0.001, head", "10 epochs, Adam 1e-05, everything"),
        network="Xception",
        differs=("2,000 photos to fit on, not 9,305", "Keras 3, not Keras 2"),
    ),
    "chollet-scratch": Original(
        title="Chollet and Watson, small network from scratch",
        **CHOLLET,
        cell="“Building your model” to “Fitting the model”",
        pixels=180,
        batch_size=64,
        augmentation="none",
        head="GlobalAveragePooling2D, Dense(1, sigmoid)",
        stages=("50 epochs, Adam 0.001, everything",),
        network="five convolutions, as here",
        differs=(HALVES, "TensorFlow, not JAX"),
    ),
    "chollet-augmented": Original(
        title="Chollet and Watson, from scratch with augmentation",
        **CHOLLET,
        cell="“Using data augmentation”",
        pixels=180,
        batch_size=64,
        augmentation="RandomFlip(horizontal), RandomRotation(0.1), RandomZoom(0.2)",
        head="GlobalAveragePooling2D, Dropout(0.25), Dense(1, sigmoid)",
        stages=("100 epochs, Adam 0.001, everything",),
        network="five convolutions, as here",
        differs=(HALVES, "TensorFlow, not JAX"),
    ),
    "chollet-cached": Original(
        title="Chollet and Watson, cached features",
        **CHOLLET,
        cell="“Fast feature extraction without data augmentation”",
        pixels=180,
        batch_size=64,
        augmentation="none",
        head="GlobalAveragePooling2D, Dense(256, relu), Dropout(0.25), Dense(1, sigmoid)",
        stages=("10 epochs, Adam 0.001, head",),
        network="Xception 41 of KerasHub",
        differs=(HALVES, "TensorFlow, not JAX"),
    ),
    "chollet-frozen": Original(
        title="Chollet and Watson, frozen network, then “fine-tuning”",
        **CHOLLET,
        cell="“Feature extraction together with data augmentation” and “Fine-tuning a pretrained model”",
        pixels=180,
        batch_size=64,
        augmentation="RandomFlip(horizontal), RandomRotation(0.1), RandomZoom(0.2)",
        head="GlobalAveragePooling2D, Dense(256), Dropout(0.25), Dense(1, sigmoid)",
        stages=("30 epochs, Adam 0.001, head", "30 epochs, Adam 1e-05, head"),
        network="Xception 41 of KerasHub",
        differs=(HALVES, "TensorFlow, not JAX"),
    ),
    "efficientnet-example": Original(
        title="keras.io example on EfficientNet",
        repository="keras-team/keras-io",
        path="examples/vision/image_classification_efficientnet_fine_tuning.py",
        version="077346840b72, 13 July 2026",
        cell="“Transfer learning from pretrained weights”",
        pixels=224,
        batch_size=64,
        augmentation="RandomRotation(0.15), RandomTranslation(0.1, 0.1), RandomFlip(horizontal_and_vertical), "
        "RandomContrast(0.1)",
        head="GlobalAveragePooling2D, BatchNormalization, Dropout(0.2), Dense(2, softmax)",
        stages=("25 epochs, Adam 0.01, head", "4 epochs, Adam 1e-05, last 20 layers"),
        network="EfficientNetB0",
        differs=("cats and dogs, not 120 breeds of dogs; 2,000 photos to fit on, not 12,000",),
    ),
    "fastai": Original(
        title="fastai, fine_tune",
        repository="fastai/fastai, with the settings of fastai/fastbook",
        path="fastai/callback/schedule.py, 01_intro.ipynb",
        version="0a049e8a90b8 and be67ff5ced30",
        cell="`fine_tune`; the first example",
        pixels=224,
        batch_size=64,
        augmentation="none",
        head="GlobalMaxPooling2D, GlobalAveragePooling2D, Concatenate, BatchNormalization, Dropout(0.25), Dense(512, relu), "
        "BatchNormalization, Dropout(0.5), Dense(2)",
        stages=("1 epoch, GroupAdam 0.002, head and BatchNorm", "1 epoch, GroupAdam 0.001, everything"),
        network="ResNet-34",
        differs=(
            "2,000 photos to fit on, not 5,912",
            "Keras, not PyTorch",
            "two groups of layers of equal number in the body",
            "momentum 0.9, not a cycle of 0.95, 0.85, 0.95",
            "squashed to a square, not cropped at random",
        ),
    ),
}


def where(original: Original) -> str:
    """Where to read a recipe, in a cell of a table."""
    return f"{original.repository}: {original.path}; {original.version}; {original.cell}"


def settings(original: Original) -> str:
    """What it is rerun with, in a cell of a table."""
    stages = "; then ".join(original.stages)
    return (
        f"{original.pixels} pixels, batches of {original.batch_size}; augmentation: {original.augmentation}; "
        f"head: {original.head}; {stages}"
    )


def differences(original: Original) -> str:
    """What is not the author's, in a cell of a table."""
    return "; ".join((f"author's network: {original.network}", *original.differs))


def table(head: tuple[str, ...], cells: Iterable[tuple[str, ...]]) -> list[str]:
    """A table in Markdown, by lines."""
    return [f"| {' | '.join(row)} |" for row in (head, [":--"] * len(head), *cells)]


def origins() -> list[str]:
    """Where each recipe comes from, and what is not the author's."""
    cells = ((one.title, where(one), differences(one)) for one in ORIGINALS.values())
    return table(("Recipe", "Where to read it", "Differs from the original in"), cells)


def reruns() -> list[str]:
    """What each recipe is rerun with."""
    return table(("Recipe", "Rerun with"), ((one.title, settings(one)) for one in ORIGINALS.values()))
