"""The small networks of our own: the pretrained backbone, in several widths, and the baseline from scratch.

Both are plain stacks of 3x3 convolutions, quick on a CPU, and flat: preprocessing is a
layer of the model, and no model is nested in another.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
from keras import layers

from tlbook._checks import number, whole

# With the default momentum of 0.99 the moving statistics of a network trained for a few
# hundred steps have not converged, and inference is far worse than training.
MOMENTUM = 0.9

SKETCHNET_WIDTHS = ((24, 24), (40, 40), (80, 80), (128, 128))
SKETCHNET_STAGES = tuple(f"stage{k + 1}" for k in range(len(SKETCHNET_WIDTHS)))


def _conv(x: Any, filters: int, name: str, strides: int = 1) -> Any:
    """3x3 convolution without bias (BatchNorm has one), BatchNorm, ReLU."""
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def sketchnet(input_size: int = 96, *, width: float = 1.0, n_classes: int | None = None) -> keras.Model:
    """The backbone that ships with the book, without weights.

    Four stages of two 3x3 convolutions each, every stage at half the resolution of the one
    before; the first convolution has stride 2. The stages end in the layers named in
    `SKETCHNET_STAGES`.

    Parameters
    ----------
    input_size : int
        Side of the input in pixels, at least 32.
    width : float
        Factor of the numbers of channels, in [0.1, 4].
    n_classes : int, optional
        At least 2: with a classifier of as many logits, as it is pretrained.

    Returns
    -------
    keras.Model
        Input (n, input_size, input_size, 3), values 0 to 255; output float32, the
        globally average-pooled last stage, (n, 128) at width 1, or logits (n, n_classes).

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    size = whole(input_size, "input_size", 32, of="pixels")
    width = number(width, "width", 0.1, 4)
    inputs = keras.Input((size, size, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(inputs)
    for k, (first, second) in enumerate(SKETCHNET_WIDTHS):
        stage = SKETCHNET_STAGES[k]
        first, second = round(width * first), round(width * second)
        x = _conv(x, first, f"{stage}a", strides=2 if k == 0 else 1)
        x = layers.Conv2D(second, 3, padding="same", use_bias=False, name=f"{stage}b_conv")(x)
        x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{stage}b_bn")(x)
        x = layers.ReLU(name=stage)(x)
        if k < len(SKETCHNET_WIDTHS) - 1:
            x = layers.MaxPooling2D(2, name=f"{stage}_pool")(x)
    outputs = layers.GlobalAveragePooling2D(name="pool")(x)
    if n_classes is not None:
        outputs = layers.Dense(whole(n_classes, "n_classes", 2), name="logits")(outputs)
    return keras.Model(inputs, outputs, name="sketchnet")


def small_cnn(
    n_classes: int,
    input_size: int = 96,
    augmentation: Iterable[keras.layers.Layer] | None = None,
    dropout: float = 0.3,
) -> keras.Model:
    """The baseline to be trained from scratch.

    Parameters
    ----------
    n_classes : int
        At least 2; as many logits come out.
    input_size : int
        Side of the input in pixels, at least 32.
    augmentation : iterable of keras layers, optional
        Applied in order to the images (values 0 to 255), in training only.
    dropout : float
        Rate before the head, in [0, 1).

    Returns
    -------
    keras.Model
        Input (n, input_size, input_size, 3), values 0 to 255; output float32 logits
        (n, n_classes).

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    size = whole(input_size, "input_size", 32, of="pixels")
    n_classes = whole(n_classes, "n_classes", 2)
    number(dropout, "dropout", 0, 1, "[)")
    inputs = keras.Input((size, size, 3), name="image")
    x = inputs
    for layer in augmentation or ():
        x = layer(x)
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(x)
    for k, filters in enumerate((16, 32, 64, 96)):
        x = _conv(x, filters, f"block{k + 1}")
        x = layers.MaxPooling2D(2, name=f"block{k + 1}_pool")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    outputs = layers.Dense(n_classes, name="logits")(x)
    return keras.Model(inputs, outputs, name="small_cnn")
