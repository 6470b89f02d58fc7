"""Filters and feature maps: the weights of a convolution, and what layers compute."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlbook._models import functional_or_refused
from tlbook.interpret.taps import checked_images, in_batches, maps_of, tapped
from tlbook.transfer.structure import named_layers


def filters(model: keras.Model, layer: str | None = None) -> NDArray[np.float32]:
    """Filters that read the image, as pictures.

    Parameters
    ----------
    model : keras.Model or Backbone
        Flat or nested.
    layer : str, optional
        A convolution with one or three input channels; default the first
        convolution.

    Returns
    -------
    ndarray of float32, shape (filters, height, width, channels)
        Values from 0 to 1. Each filter is divided by its own largest weight, all
        channels together, so that its colours are kept, and 0.5 (grey) stands for
        a weight of 0.

    Raises
    ------
    ValueError
        No convolution; an unknown layer; filters that read feature maps, for
        which there are no colours.
    """
    model = functional_or_refused(model)
    layers = named_layers(model)
    kinds = keras.layers.Conv2D
    if layer is None:
        names = [name for name, one in layers.items() if isinstance(one, kinds)]
        if not names:
            raise ValueError(f"{model.name!r} has no convolutional layer")
        layer = names[0]
    else:
        layer = maps_of(model, layer)
        if not isinstance(layers[layer], kinds):
            raise ValueError(f"layer {layer!r} is a {type(layers[layer]).__name__}, not a Conv2D")
    kernel = np.asarray(keras.ops.convert_to_numpy(layers[layer].kernel), np.float32)
    if kernel.shape[2] not in (1, 3):
        raise ValueError(
            f"the filters of {layer!r} read {kernel.shape[2]} feature maps; only filters that read an image, with 1 or 3 "
            "channels, can be shown as pictures"
        )
    pictures = np.moveaxis(kernel, 3, 0)
    largest = np.abs(pictures).max(axis=(1, 2, 3), keepdims=True)
    return (0.5 + 0.5 * pictures / np.where(largest > 0, largest, 1)).astype(np.float32, copy=False)


def feature_maps(
    model: keras.Model, images: ArrayLike, layers: str | Sequence[str], *, batch_size: int = 32
) -> dict[str, NDArray[np.float32]]:
    """Outputs of layers for images, in inference mode, all layers in one pass.

    Parameters
    ----------
    model : keras.Model or Backbone
        Flat or nested.
    images : ndarray, shape (n, height, width, channels)
        As the model takes them.
    layers : str or sequence of str
        Layers with spatial output, such as ``backbone.stages``.
    batch_size : int

    Returns
    -------
    dict of str to ndarray of float32, shape (n, h, w, c)
        By the names given, in their order.

    Raises
    ------
    ValueError
        No layer; an unknown one, or one without maps; images of another shape.
    """
    model = functional_or_refused(model)
    names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
    if not names:
        raise ValueError("layers is empty; name at least one layer")
    keys = [maps_of(model, name) for name in names]
    images = checked_images(model, images)
    net = tapped(model, keys)
    parts = [net.activations(images[some].astype(np.float32)) for some in in_batches(len(images), batch_size)]
    return {
        name: np.concatenate([part[key] for part in parts]).astype(np.float32, copy=False)
        for name, key in zip(names, keys, strict=True)
    }
