"""The model that is trained in place of the one given: with layers that compute in half precision.

Keras fixes a layer's precision when it makes it. So a copy is made as it is wanted, trained, and its weights are given
back; the model itself stays what it was, float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from tlbook.transfer.freezing import restore_trainable_state, trainable_state
from tlbook.transfer.structure import head_layers, named_layers


@contextmanager
def trained_copy(model: keras.Model, dtype_policy: str) -> Iterator[keras.Model]:
    """The model to train within the block; afterwards the given one has its weights, and the same layers are trainable.

    Parameters
    ----------
    model : keras.Model
    dtype_policy : str
        Of all layers below the head, which stays in float32, so that the logits do.

    Yields
    ------
    keras.Model
        With float32, the model itself.
    """
    if dtype_policy == "float32":
        yield model
        return
    names = list(named_layers(model))
    first = min((names.index(name) for name in head_layers(model)), default=len(names) - 1)
    precise = {id(layer) for layer in list(named_layers(model).values())[first:]}

    def remade(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if "dtype" in config and id(layer) not in precise:
            config["dtype"] = dtype_policy
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=remade, recursive=True)
    copy.set_weights(model.get_weights())
    restore_trainable_state(copy, trainable_state(model))
    for ours, theirs in zip(copy.weights, model.weights, strict=True):
        ours.regularizer = theirs.regularizer
    try:
        yield copy
    finally:
        model.set_weights(copy.get_weights())
        restore_trainable_state(model, trainable_state(copy))
