"""EfficientNet-Lite 0 to 2, and their weights from PyTorch's names and axes.

EfficientNet (Tan and Le 2019) for small processors: no squeeze-and-excitation, ReLU6 in place of swish, and a stem, a
first and a last block that do not grow with the network (R. Liu, *Higher accuracy on vision models with
EfficientNet-Lite*, 2020).
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import layers

from tlbook._checks import whole
from tlbook.backbones import state_dict

HEAD = "logits"
"""The last layer: 1,000 logits of ImageNet's classes, in ImageNet's order."""

# Of Lite0: (blocks, kernel, stride of the first, expansion, channels), as in the paper's table 1.
_GROUPS = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
           (1, 3, 1, 6, 320))  # fmt: skip


def _normalised(x: Any, name: str, *, activation: bool = True) -> Any:
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if activation else x


def _pointwise(x: Any, filters: int, name: str, *, activation: bool = True) -> Any:
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_conv")(x)
    return _normalised(x, name, activation=activation)


def _wider(channels: int, width: float) -> int:
    """Channels times the width, to the nearest multiple of 8 that loses less than a tenth."""
    wanted = channels * width
    nearest = max(8, int(wanted + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * wanted else nearest


def efficientnet_lite(input_size: int = 224, *, width: float = 1.0, depth: float = 1.0) -> keras.Model:
    """An EfficientNet-Lite with its classifier, without weights.

    Parameters
    ----------
    input_size : int
        Side of the input in pixels, at least 32.
    width, depth : float
        Factors of channels and blocks: 1 and 1 for Lite0, 1 and 1.1 for Lite1, 1.1 and 1.2 for Lite2. The stem, the last
        convolution, and the numbers of blocks in the first and last group stay as they are.

    Returns
    -------
    keras.Model
        Input (n, input_size, input_size, 3), values 0 to 255; output float32 (n, 1000), logits. The layer ``features``
        before them gives (n, 1280).
    """
    size = whole(input_size, "input_size", 32, of="pixels")
    inputs = keras.Input((size, size, 3), name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="preprocess")(inputs)
    x = layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="stem_conv")(x)
    x = _normalised(x, "stem")
    block = 0
    for group, (count, kernel, stride, expansion, channels) in enumerate(_GROUPS):
        scaled = count if group in (0, len(_GROUPS) - 1) else math.ceil(depth * count)
        for k in range(scaled):
            name, before = f"block{block}", x
            if expansion > 1:
                x = _pointwise(x, expansion * x.shape[-1], f"{name}_expand")
            strides = stride if k == 0 else 1
            x = layers.DepthwiseConv2D(
                kernel, strides=strides, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
            )(x)
            x = _normalised(x, f"{name}_depthwise")
            x = _pointwise(x, _wider(channels, width), f"{name}_project", activation=False)
            if k:
                x = layers.Add(name=f"{name}_add")([before, x])
            block += 1
    x = _pointwise(x, 1280, "top")
    x = layers.GlobalAveragePooling2D(name="features")(x)
    outputs = layers.Dense(1000, name=HEAD)(x)
    return keras.Model(inputs, outputs, name="efficientnet_lite")


def fill(model: keras.Model, content: bytes) -> None:
    """Give the model the weights of a file that PyTorch wrote.

    Parameters
    ----------
    model : keras.Model
        From :func:`efficientnet_lite`.
    content : bytes
        Of the whole file.

    Raises
    ------
    ValueError
        The bytes are not the weights of this network; no weight is set where the names are others.
    """
    given = state_dict.read(content)
    wanted = {layer: _entries(layer.name) for layer in model.layers if layer.weights}
    counters = {name for name in given if name.endswith("num_batches_tracked")}
    if set(given) - counters != {name for entries in wanted.values() for name in entries}:
        raise ValueError("the file holds weights of other layers than this EfficientNet-Lite has")
    for layer, entries in wanted.items():
        layer.set_weights([_turned(layer, given[name]) for name in entries])


def _entries(name: str) -> list[str]:
    """PyTorch's names of a layer's weights, in the order of Keras."""
    if name == HEAD:
        return ["_fc.weight", "_fc.bias"]
    place, part = name.rsplit("_", 1)
    norm = part == "bn"
    if place in ("stem", "top"):
        kind = {"stem": "stem", "top": "head"}[place]
        stem = f"_bn{0 if place == 'stem' else 1}" if norm else f"_conv_{kind}"
    else:
        block, step = place.removeprefix("block").split("_")
        order = ("expand", "depthwise", "project").index(step)
        stem = f"_blocks.{block}." + (f"_bn{order}" if norm else f"_{step}_conv")
    return (
        [f"{stem}.{one}" for one in ("weight", "bias", "running_mean", "running_var")] if norm else [f"{stem}.weight"]
    )


def _turned(layer: keras.layers.Layer, value: Any) -> Any:
    """Axes as Keras has them: PyTorch's convolutions are (out, in, height, width), its dense layers (out, in)."""
    if value.ndim == 4:
        depthwise = isinstance(layer, layers.DepthwiseConv2D)
        return np.transpose(value, (2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
    return value.T
