"""A network cut in two: what stays frozen, and what is trained on its output.

What a frozen part gives out for an image never changes. It can be computed
once and kept, and the part above it trained on that alone: the same steps as
training the whole model with the lower part frozen, at a fraction of the cost.
"""

from __future__ import annotations

import keras

from tlbook.backbones import Backbone
from tlbook.transfer.freezing import restore_trainable_state, trainable_state
from tlbook.transfer.structure import find_layer


def split_model(model: keras.Model | Backbone, after_layer: str) -> tuple[keras.Model, keras.Model]:
    """Cut a network after a layer.

    Parameters
    ----------
    model : keras.Model or Backbone
        Flat and functional; left as it is.
    after_layer : str
        Name of the last layer of the lower part, one of ``backbone.stages``
        for instance. Everything above must get its input through it.

    Returns
    -------
    lower, upper : keras.Model
        ``upper(lower(images))`` equals ``model(images)``. Both own copies of
        their weights, the layers keep their names and whether they are trainable.

    Raises
    ------
    ValueError
        An unknown layer; the last one, above which nothing is left; a layer
        beside which another path runs, such as one inside a residual block.
    """
    model = model.model if isinstance(model, Backbone) else model
    if not getattr(model, "inputs", None):
        raise ValueError(f"split_model needs a built functional keras.Model or a Backbone, not {type(model).__name__}.")
    find_layer(model, after_layer)
    at = model.get_layer(after_layer).output
    if at is model.outputs[0]:
        raise ValueError(
            f"split_model(after_layer={after_layer!r}): that is the model's last layer, nothing is above it."
        )
    try:
        upper = keras.Model(at, model.outputs[0], name=f"{model.name}_upper")
    except ValueError as error:
        raise ValueError(
            f"split_model(after_layer={after_layer!r}): another path leads past this layer; cut where one layer carries "
            "everything, such as at the end of a residual block."
        ) from error
    return copied(keras.Model(model.inputs[0], at, name=f"{model.name}_lower")), copied(upper)


def copied(model: keras.Model) -> keras.Model:
    """A model with its own layers and the same weights, each layer as trainable as it was."""
    new_model = keras.models.clone_model(model)
    new_model.set_weights(model.get_weights())
    restore_trainable_state(new_model, trainable_state(model))
    return new_model
