"""What every function of this package asks of a Keras model, checked in one place, and the settings that ours are made under.

Imports Keras only when called, and nothing else of tlbook but :mod:`tlbook._quiet`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import tlbook._quiet  # noqa: F401  (before Keras)

if TYPE_CHECKING:
    import keras

__all__ = ["as_model", "classifier_or_refused", "functional_or_refused", "has_gradients", "standard_settings"]


@contextmanager
def standard_settings() -> Iterator[None]:
    """Build and run our models as float32 with the channels last, whatever the reader has set for others; also a decorator."""
    import keras

    config = keras.config
    kept = config.floatx(), config.image_data_format(), config.dtype_policy()
    config.set_floatx("float32")
    config.set_image_data_format("channels_last")
    config.set_dtype_policy("float32")
    try:
        yield
    finally:
        config.set_floatx(kept[0])
        config.set_image_data_format(kept[1])
        config.set_dtype_policy(kept[2])


def has_gradients() -> bool:
    """Whether Keras's backend can train."""
    import keras

    return keras.backend.backend() in ("tensorflow", "jax", "torch")


def as_model(model: Any) -> keras.Model:
    """The Keras model itself, whether that or a Backbone was given."""
    import keras

    inner = model if isinstance(model, keras.Model) else getattr(model, "model", None)
    if not isinstance(inner, keras.Model):
        raise ValueError(f"A keras.Model or a Backbone is needed, not {type(model).__name__}.")
    return inner


def functional_or_refused(model: Any) -> keras.Model:
    """A float32 model whose graph of layers is known, with one input and one output.

    Raises
    ------
    ValueError
        For anything else.
    """
    model = as_model(model)
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise ValueError(
            f"{model.name!r} is a {type(model).__name__} whose graph of layers is not known; give a functional model, "
            "or a Sequential one that was built"
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"{model.name!r} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; one of each is needed"
        )
    if other := [one for one in _leaves(model) if getattr(one, "compute_dtype", "float32") not in ("float32", None)]:
        raise ValueError(
            f"{model.name!r} computes in {other[0].compute_dtype} (layer {other[0].name!r}); build it in float32, as after "
            "keras.config.set_dtype_policy('float32')"
        )
    return model


def classifier_or_refused(model: Any) -> keras.Model:
    """A functional model that gives logits (n, N), N ≥ 2.

    Raises
    ------
    ValueError
        Another output, a softmax or sigmoid at the end, or features without a head.
    """
    model = functional_or_refused(model)
    shape = model.outputs[0].shape
    if len(shape) != 2 or shape[1] is None or shape[1] < 2:
        raise ValueError(
            f"{model.name!r} gives {tuple(shape)}, not (n, N) logits, N ≥ 2; put a head on a backbone with "
            "tlbook.transfer.attach_head"
        )
    last, before = _last(model.outputs[0])
    if _activation(last) in ("softmax", "sigmoid"):
        raise ValueError(
            f"{model.name!r} ends in probabilities (layer {last.name!r}), whose gradient vanishes where the model is "
            "sure; give a model that ends in logits"
        )
    # means of the maps of a linear convolution are logits; of anything else they are features
    linear = "Conv" in type(before).__name__ and _activation(before) == "linear"
    if type(last).__name__.startswith("Global") and not linear:
        raise ValueError(
            f"{model.name!r} ends in features (layer {last.name!r}), not in logits: it has no head; put one on it with "
            "tlbook.transfer.attach_head"
        )
    return model


def _leaves(layer: Any) -> Iterator[Any]:
    import keras

    for one in layer.layers:
        if isinstance(one, keras.Model):
            yield from _leaves(one)
        elif not isinstance(one, keras.layers.InputLayer):
            yield one


_PASSED_ON = ("Dropout", "Identity", "Reshape", "Flatten", "Cast")


def _last(tensor: Any) -> tuple[Any, Any]:
    """The operation that a tensor comes from, and the one before: inside nested models, past those that change no value."""
    import keras

    while True:
        operation, node, _ = tensor._keras_history
        if isinstance(operation, keras.Model):
            tensor = operation.outputs[0]
            continue
        inputs = operation._inbound_nodes[node].input_tensors if operation._inbound_nodes else []
        linear = type(operation).__name__ == "Activation" and _activation(operation) == "linear"
        if inputs and (type(operation).__name__ in _PASSED_ON or linear):
            tensor = inputs[0]
            continue
        return operation, inputs[0]._keras_history[0] if inputs else None


def _activation(operation: Any) -> str:
    kind = type(operation).__name__
    if kind in ("Softmax", "Sigmoid"):
        return kind.lower()
    given = getattr(operation, "activation", None)
    return getattr(given, "__name__", type(given).__name__.lower())
