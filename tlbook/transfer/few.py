"""Fine-tuning that changes few weights: those of one kind, or those of small layers that are put in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from tlbook._checks import one_of
from tlbook._models import functional_or_refused, standard_settings
from tlbook.backbones import Backbone
from tlbook.transfer.freezing import _set_trainable
from tlbook.transfer.structure import find_layer, head_layers, is_batch_norm, weighted_layers


@keras.saving.register_keras_serializable("tlbook")
class HeldBatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation by its moving statistics, in training too: scale and offset can be trained, the statistics stay."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Called by Keras."""
        return super().call(inputs, training=False, mask=mask)


def _is_depthwise(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D))


_KINDS: dict[str, Callable[[keras.layers.Layer, str], bool]] = {
    "batch_norm": lambda layer, weight: is_batch_norm(layer) and weight in ("gamma", "beta"),
    "bias": lambda layer, weight: weight in ("bias", "beta"),
    "depthwise": lambda layer, weight: _is_depthwise(layer) and weight == "kernel",
}


@standard_settings()
def freeze_all_but(model: keras.Model | Backbone, kind: str) -> keras.Model:
    """A copy in which only weights of one kind can be trained, and the head.

    Parameters
    ----------
    model : keras.Model or Backbone
        Functional, flat or nested; left as it is.
    kind : {"batch_norm", "bias", "depthwise"}
        ``"batch_norm"``: scale and offset of batch normalisation (Mudrakarta et al. 2019; Frankle et al. 2021). ``"bias"``: the
        offsets alone, and the biases of other layers (Ben Zaken et al. 2022 do so in a transformer). ``"depthwise"``: kernels
        of depthwise convolutions (Mudrakarta et al. 2019).

    Returns
    -------
    keras.Model
        With the same weights, not compiled. Batch normalisation uses the moving statistics that it has, and keeps them, also
        where its scale and offset are trained: Keras's own layer cannot do the one without the other, so that it is replaced
        by one that can.

    Raises
    ------
    ValueError
        An unknown kind, or one that the model has no weight of outside its head.

    Examples
    --------
    >>> from tlbook import backbones, transfer
    >>> model = transfer.attach_head(backbones.load("sketchnet"), 2)
    >>> few = transfer.freeze_all_but(model, "batch_norm")
    >>> transfer.parameter_count(few), few.count_params()
    (1346, 357322)
    """
    one_of(kind, "kind", list(_KINDS))
    model = functional_or_refused(model)
    result = keras.models.clone_model(model, clone_function=_held, recursive=True)
    result.set_weights(model.get_weights())
    head, layers = set(head_layers(result)), weighted_layers(result)
    chosen = {
        name: [weight for weight in layer.weights if name in head or _KINDS[kind](layer, weight.name)]
        for name, layer in layers.items()
    }
    trainable = {name for name, weights in chosen.items() if weights}
    if trainable <= head:
        raise ValueError(f"freeze_all_but(kind={kind!r}): {model.name!r} has no such weight outside its head.")
    _set_trainable(result, trainable)
    for name in trainable:
        kept = {id(weight) for weight in chosen[name]}
        for weight in layers[name].trainable_weights:
            weight.trainable = id(weight) in kept
    return result


def _held(layer: keras.layers.Layer) -> keras.layers.Layer:
    kind = HeldBatchNorm if is_batch_norm(layer) else layer.__class__
    return kind.from_config(layer.get_config())


@standard_settings()
def add_adapters(model: keras.Model | Backbone, after: Sequence[str]) -> keras.Model:
    """A copy with a small trainable layer beside the way after some layers (residual adapters, Rebuffi et al. 2017).

    After each layer that is named, x becomes x + W x, with a 1×1 convolution W without bias that is zero at the start: the
    copy then gives what the model gives. Only the adapters and the head can be trained.

    Parameters
    ----------
    model : keras.Model or Backbone
        Functional and flat; left as it is.
    after : sequence of str
        Names of layers that give feature maps (n, h, w, c); the adapter after one of them has c² weights. After the last layer
        before the pooling and a linear head, one would add nothing that the head cannot do.

    Returns
    -------
    keras.Model
        Not compiled. The adapter after layer ``"x"`` is called ``"x_adapter"``.

    Raises
    ------
    ValueError
        No name, an unknown layer, or one that gives no feature maps.

    Examples
    --------
    >>> from tlbook import backbones, transfer
    >>> backbone = backbones.load("sketchnet")
    >>> model = transfer.add_adapters(transfer.attach_head(backbone, 2), after=backbone.stages[:-1])
    >>> transfer.parameter_count(model)  # 24² + 40² + 80², and the head's
    8834
    """
    model = functional_or_refused(model)
    names = [after] if isinstance(after, str) else list(after)
    if not names:
        raise ValueError("add_adapters(after=[]): give the name of at least one layer.")
    for name in names:
        find_layer(model, name)
        shape = model.get_layer(name).output.shape
        if len(shape) != 4:
            raise ValueError(f"add_adapters: layer {name!r} gives shape {tuple(shape)}; maps (n, h, w, c) are needed.")

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        x = layer(*args, **kwargs)
        if layer.name not in names:
            return x
        options = {"use_bias": False, "kernel_initializer": "zeros", "name": f"{layer.name}_adapter"}
        return keras.layers.Add(name=f"{layer.name}_adapted")([x, keras.layers.Conv2D(x.shape[-1], 1, **options)(x)])

    result = keras.models.clone_model(model, call_function=call)
    for layer in model.layers:
        if layer.weights:
            result.get_layer(layer.name).set_weights(layer.get_weights())
    _set_trainable(result, {*head_layers(result), *(f"{name}_adapter" for name in names)})
    return result
