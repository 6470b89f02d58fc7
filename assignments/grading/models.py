"""Keras models as arguments: described by the grader, rebuilt in the student's process, and their changes carried back.

Only descriptions made by the grader are ever rebuilt; a student's model stays in the student's process.
"""

from __future__ import annotations

from typing import Any

__all__ = ["describe", "rebuild", "restore", "same", "state"]


def _layers(model: Any) -> list[Any]:
    return list(model._flatten_layers(include_self=True, recursive=True))


def state(model: Any) -> dict[str, Any]:
    """Weights and flags: what training, freezing and compiling leave in a model.

    `compiled` is None, or the name and learning rate of the optimizer.
    """
    import numpy as np

    optimizer = getattr(model, "optimizer", None)
    rate = None if optimizer is None else float(np.asarray(optimizer.learning_rate))
    return {
        "weights": [np.array(weight) for weight in model.get_weights()],
        "trainable": [bool(layer.trainable) for layer in _layers(model)],
        "compiled": None if optimizer is None else [type(optimizer).__name__, rate],
    }


def same(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return (
        before["trainable"] == after["trainable"]
        and before["compiled"] == after["compiled"]
        and len(before["weights"]) == len(after["weights"])
        and all(a.tobytes() == b.tobytes() for a, b in zip(before["weights"], after["weights"], strict=True))
    )


def describe(model: Any) -> dict[str, Any]:
    import keras

    return {"config": keras.saving.serialize_keras_object(model), **state(model)}


def rebuild(description: dict[str, Any]) -> Any:
    import keras

    model = keras.saving.deserialize_keras_object(description["config"])
    model.set_weights(description["weights"])
    _set_flags(model, description["trainable"])
    return model


def restore(model: Any, changed: dict[str, Any]) -> None:
    """Carry the changes of a copy over to its original."""
    import keras

    model.set_weights(list(changed["weights"]))
    _set_flags(model, changed["trainable"])
    if changed["compiled"]:
        name, rate = changed["compiled"]
        optimizer = getattr(keras.optimizers, str(name), keras.optimizers.SGD)
        model.compile(optimizer(float(rate)))


def _set_flags(model: Any, flags: list[bool]) -> None:
    layers = _layers(model)
    if len(layers) != len(flags):
        raise ValueError("a model with other layers")
    # A layer's flag also sets those of the layers in it: outermost first, so that inner ones keep their own.
    for layer, flag in zip(layers, flags, strict=True):
        if layer.trainable != flag:
            layer.trainable = bool(flag)
