"""What a Keras network's units see, and what its layers cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlbook.convolution.arithmetic import output_size, zeros_around

if TYPE_CHECKING:
    import keras

__all__ = ["Cost", "Field", "costs", "receptive_fields"]


@dataclass(frozen=True)
class Field:
    """Which square of the input one unit of a layer can see.

    Attributes
    ----------
    size : int
        Side of the square in input pixels. It may be larger than the image.
    jump : int
        How far, in input pixels, the squares of two neighbouring units lie apart; 0 where all units see the same square.
    start : int
        First row (and column) of the square of the unit in row 0; negative where it reaches into the padding.
    units : int
        Units along one side of the layer's output; 1 after global pooling.
    """

    size: int
    jump: int
    start: int
    units: int

    def of_unit(self, index: int) -> tuple[int, int]:
        """First and last input row seen by the unit in this row (last one excluded, padding not cut off)."""
        if not 0 <= index < self.units:
            raise ValueError(f"the layer has {self.units} units a side, so index {index} does not exist")
        first = self.start + index * self.jump
        return first, first + self.size


def _same_or_pair(value: int | tuple[int, int], layer: str) -> int:
    first, *rest = value if isinstance(value, (tuple, list)) else (value,)
    if any(other != first for other in rest):
        raise ValueError(
            f"layer {layer} treats rows and columns differently ({value}); only square windows are followed"
        )
    return int(first)


def _through(layer: keras.Layer, fields: list[Field]) -> Field:
    """The field of a layer's units from the fields of its inputs."""
    from keras import layers

    sliding = (
        layers.Conv2D,
        layers.DepthwiseConv2D,
        layers.SeparableConv2D,
        layers.MaxPooling2D,
        layers.AveragePooling2D,
    )
    whole = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D, layers.Flatten)
    pointwise = (
        layers.Activation, layers.ReLU, layers.LeakyReLU, layers.BatchNormalization, layers.LayerNormalization,
        layers.Dropout, layers.SpatialDropout2D, layers.Rescaling, layers.Normalization, layers.Dense, layers.Reshape,
        layers.Identity, layers.Softmax, layers.Add, layers.Multiply, layers.Concatenate, layers.Average, layers.Maximum,
    )  # fmt: skip
    field = fields[0]
    if isinstance(layer, sliding):
        pooling = isinstance(layer, (layers.MaxPooling2D, layers.AveragePooling2D))
        side = _same_or_pair(layer.pool_size if pooling else layer.kernel_size, layer.name)
        stride = _same_or_pair(layer.strides, layer.name)
        if not pooling:
            side = (side - 1) * _same_or_pair(layer.dilation_rate, layer.name) + 1
        before, _ = zeros_around(field.units, side, stride, layer.padding)
        return Field(
            size=field.size + (side - 1) * field.jump,
            jump=field.jump * stride,
            start=field.start - before * field.jump,
            units=output_size(field.units, side, stride, layer.padding),
        )
    if isinstance(layer, layers.ZeroPadding2D):
        (top, bottom), _ = layer.padding
        return Field(field.size, field.jump, field.start - top * field.jump, field.units + top + bottom)
    if isinstance(layer, whole):
        return Field(field.size + (field.units - 1) * field.jump, field.jump * field.units, field.start, 1)
    if isinstance(layer, pointwise):
        # Branches that meet: a unit sees what any of them sees. A branch that was pooled globally (one unit) is spread over
        # all places; from there on every unit sees the same square, which is written as a jump of 0.
        units = max(one.units for one in fields)
        start = min(one.start for one in fields)
        alike = all(one.units == units and one.jump == field.jump for one in fields)
        last = 0 if alike else units - 1
        end = max(one.start + one.size + min(last, one.units - 1) * one.jump for one in fields)
        return Field(size=end - start, jump=field.jump if alike else 0, start=start, units=units)
    raise ValueError(
        f"layer {layer.name} is a {type(layer).__name__}, and what such a layer sees is not known here; known are "
        "convolutions, pooling, padding, normalisation, activations, dense layers and sums"
    )


def receptive_fields(model: keras.Model) -> dict[str, Field]:
    """Receptive field of every layer of a flat network of square images.

    Walking from the input to the output, a window of side ``k`` makes the field larger by ``(k - 1)`` times the distance
    (`jump`) between the units it reads, and a stride multiplies that distance.

    Parameters
    ----------
    model : keras.Model
        Functional or sequential, its input of shape (n, size, size, channels), no model nested in it.

    Returns
    -------
    dict of str to Field
        By layer name, in the order of the layers.

    Raises
    ------
    ValueError
        For a layer whose field is not known, a window that is not square, or an input that is not.

    Notes
    -----
    Araujo, Norris, Sim, "Computing receptive fields of convolutional neural networks", Distill (2019). A layer's *effective*
    field is smaller: units in the middle of the square count for more (Luo et al. 2016).
    """
    shape = model.inputs[0].shape
    if len(shape) != 4 or shape[1] is None or shape[1] != shape[2]:
        raise ValueError(f"the input must be (batch, size, size, channels) with a fixed size, but is {tuple(shape)}")
    reached = {id(model.inputs[0]): Field(size=1, jump=1, start=0, units=shape[1])}
    result: dict[str, Field] = {}
    for layer in model.layers:
        inputs = layer.input if isinstance(layer.input, (list, tuple)) else [layer.input]
        if id(layer.output) in reached:  # the input layer
            result[layer.name] = reached[id(layer.output)]
            continue
        fields = [reached[id(tensor)] for tensor in inputs if id(tensor) in reached]
        result[layer.name] = reached[id(layer.output)] = _through(layer, fields)
    return result


@dataclass(frozen=True)
class Cost:
    """What one layer costs: numbers to keep, and multiplications for one image.

    Attributes
    ----------
    layer, kind : str
        Name of the layer, and of its class.
    shape : tuple of int
        Shape of its output without the batch axis.
    parameters : int
        Weights and biases, trainable or not.
    multiplications : int
        Products of a weight and an input value for one image. Convolutions and dense layers are counted; the rest
        (normalisation, scaling) is one product a value and is left out.
    """

    layer: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiplications: int


def _multiplications(layer: keras.Layer) -> int:
    from keras import layers

    if isinstance(layer, layers.Dense):
        return math.prod(layer.output.shape[1:]) * layer.input.shape[-1]
    if isinstance(layer, layers.SeparableConv2D):
        places = math.prod(layer.output.shape[1:3])
        depthwise = math.prod(layer.kernel_size) * layer.input.shape[-1] * layer.depth_multiplier
        return places * (depthwise + layer.input.shape[-1] * layer.depth_multiplier * layer.filters)
    if isinstance(layer, layers.DepthwiseConv2D):
        return math.prod(layer.output.shape[1:]) * math.prod(layer.kernel_size)
    if isinstance(layer, layers.Conv2D):
        each = math.prod(layer.kernel_size) * layer.input.shape[-1] // layer.groups
        return math.prod(layer.output.shape[1:]) * each
    return 0


def costs(model: keras.Model) -> list[Cost]:
    """Parameters and multiplications of a network, layer by layer.

    Parameters
    ----------
    model : keras.Model
        Flat, with a fixed input size.

    Returns
    -------
    list of Cost
        One for each layer but the input, in order. Sum over `parameters` and it is ``model.count_params()``.

    Raises
    ------
    ValueError
        If a layer is itself a model, or a size is not fixed.
    """
    import keras

    rows = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if isinstance(layer, keras.Model):
            raise ValueError(
                f"layer {layer.name} is a model in itself; count that one and this one's other layers apart"
            )
        shape = tuple(layer.output.shape[1:])
        if None in shape:
            raise ValueError(f"the output of layer {layer.name} has no fixed size ({shape}); build the model with one")
        rows.append(Cost(layer.name, type(layer).__name__, shape, layer.count_params(), _multiplications(layer)))
    return rows
