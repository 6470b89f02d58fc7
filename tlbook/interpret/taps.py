"""Reading and disturbing what flows between two layers of a Keras model.

Layers of a model nested in another belong to a graph of their own, so a model
"from the outer input to an inner layer" cannot be made of the tensors at hand:
Keras calls the graph disconnected. Here the graph is gone through once more with
the same layers, nested models opened, and an identity layer, the tap, is put
behind each layer of interest.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlbook._checks import images_for, some, whole
from tlbook._models import functional_or_refused
from tlbook.transfer.structure import find_layer, named_layers

_CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
    keras.layers.Conv2DTranspose,
)
_POOLING = (
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
)


class _Tap(keras.layers.Layer):
    """Hands on what it is given, plus `added` where that is set; `seen` is what came."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Tensors of a trace are no state of the layer: a plain dict, hidden from Keras' tracking.
        object.__setattr__(self, "flow", {"seen": None, "added": None})

    def call(self, x: Any) -> Any:
        self.flow["seen"] = x
        return x if self.flow["added"] is None else x + self.flow["added"]


class Tapped:
    """A model with taps behind some of its layers; layers and weights are the model's own.

    Attributes
    ----------
    model : keras.Model
        Same input and output as the model it was made of.
    taps : dict of str to layer
    """

    def __init__(self, model: keras.Model, names: Sequence[str]) -> None:
        layers = named_layers(model)
        self.taps = {name: _Tap() for name in names}
        self._by_layer = {id(layers[name]): name for name in names}
        self._met: list[str] = []
        self.model = self._replayed(model)
        twice = sorted({name for name in self._met if self._met.count(name) > 1})
        if twice:
            raise ValueError(
                f"{', '.join(twice)} of {model.name!r} is applied more than once to an image; "
                "name a layer that is applied once"
            )

    def _replayed(self, model: keras.Model) -> keras.Model:
        # Through a bare functional model, so that a Sequential one will do and nothing is compiled.
        bare = keras.Model(model.inputs[0], model.outputs[0])
        return keras.models.clone_model(bare, clone_function=lambda layer: layer, call_function=self._call)

    def _call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(operation, keras.Model) and any(
            id(layer) in self._by_layer for layer in named_layers(operation).values()
        ):
            functional_or_refused(operation)
            outputs = self._replayed(operation)(*args, **kwargs)
        else:
            outputs = operation(*args, **kwargs)
        name = self._by_layer.get(id(operation))
        if name is None:
            return outputs
        self._met.append(name)
        return self.taps[name](outputs)

    def activations(self, images: ArrayLike) -> dict[str, NDArray[np.float32]]:
        """What the layers give for a batch of images, in inference mode."""
        self.model(images, training=False)
        seen = {name: keras.ops.convert_to_numpy(tap.flow["seen"]) for name, tap in self.taps.items()}
        for tap in self.taps.values():
            tap.flow["seen"] = None
        return seen


_KEPT: weakref.WeakKeyDictionary[keras.Model, dict[tuple[str, ...], Tapped]] = weakref.WeakKeyDictionary()


def tapped(model: keras.Model, names: Sequence[str]) -> Tapped:
    """The model with taps; made once for each choice of layers, since each making adds nodes to the layers."""
    kept = _KEPT.setdefault(model, {})
    key = tuple(names)
    if key not in kept:
        kept[key] = Tapped(model, key)
    return kept[key]


def map_shape(layer: keras.layers.Layer) -> tuple[int, int, int] | None:
    """(height, width, channels) of a layer's output, or None where it gives no maps."""
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):
        return None
    if len(shape) != 4 or None in shape[1:]:
        return None
    height, width, channels = shape[1:]
    return int(height), int(width), int(channels)


def maps_of(model: keras.Model, name: str) -> str:
    """The key of a layer with feature maps in `named_layers`; a ValueError for any other."""
    key = find_layer(model, name)
    if map_shape(named_layers(model)[key]) is None:
        raise ValueError(
            f"layer {name!r} of {model.name!r} gives no feature maps (n, height, width, channels) of a fixed size; "
            f"{last_maps(model)!r} is the last that does"
        )
    return key


def last_maps(model: keras.Model) -> str:
    """The deepest layer with feature maps, before they are pooled into one vector.

    The last convolution, or the normalisation, activation or sum of branches that
    comes after it: where Grad-CAM looks if no layer is named (Selvaraju et al.
    2017, section 3: the last convolutional layer has the best compromise between
    meaning and detail).

    Parameters
    ----------
    model : keras.Model or Backbone
        Flat or nested.

    Returns
    -------
    str
        Name of the layer, as in :func:`tlbook.transfer.named_layers`.

    Raises
    ------
    ValueError
        The model has no convolution, or its input size is not fixed.
    """
    model = functional_or_refused(model)
    layers = list(named_layers(model).items())
    places = [i for i, (_, layer) in enumerate(layers) if isinstance(layer, _CONVOLUTIONS)]
    if not places:
        raise ValueError(
            f"{model.name!r} has no convolutional layer, so there are no feature maps to look at; "
            f"its layers are {', '.join(name for name, _ in layers[:8])}"
        )
    found = [name for name, layer in layers[places[-1] :] if map_shape(layer) and not isinstance(layer, _POOLING)]
    if not found:
        raise ValueError(f"{model.name!r} has no fixed input size; build it with one, such as keras.Input((96, 96, 3))")
    return found[-1]


def checked_images(model: keras.Model, images: ArrayLike) -> NDArray[Any]:
    """One or more images (n, height, width, channels) as this model takes them.

    Raises
    ------
    ValueError
        None; another shape or type; values that are not 0 to 255.
    """
    found = images_for(model.inputs[0].shape[1:], images, repr(model.name))
    some(found, repr(model.name), "image")
    return found


def checked_classes(class_index: ArrayLike | None, n: int, n_classes: int) -> NDArray[np.int64] | None:
    """Class of each image, int64 (n,); None where the predicted class is meant.

    Raises
    ------
    ValueError
        No whole number below N, or not one or n of them.
    """
    if class_index is None:
        return None
    index = np.asarray(class_index)
    if index.dtype.kind not in "iu" or index.shape not in ((), (n,)):
        raise ValueError(f"class_index is None, a whole number, or one for each of {n} images; got {class_index!r}")
    if index.size and not (0 <= index.min() and index.max() < n_classes):
        raise ValueError(f"class_index={class_index!r}: the model has the classes 0 to {n_classes - 1}")
    return np.broadcast_to(index, (n,)).astype(np.int64)


def in_batches(n: int, batch_size: int) -> list[slice]:
    """Slices of at most `batch_size` images.

    Raises
    ------
    ValueError
        No whole number of at least 1.
    """
    batch_size = whole(batch_size, "batch_size")
    return [slice(start, start + batch_size) for start in range(0, n, batch_size)]
