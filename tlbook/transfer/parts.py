"""A network cut in two: what stays frozen, and what is trained on its output.

What a frozen part gives out for an image never changes. It can be computed
once and kept, and the part above it trained on that alone: the same steps as
training the whole model with the lower part frozen, at a fraction of the cost.
"""

from __future__ import annotations

import keras

from tlbook.backbones import Backbone
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
    return _copy(keras.Model(model.inputs[0], at, name=f"{model.name}_lower")), _copy(upper)


def _copy(model: keras.Model) -> keras.Model:
    copied = keras.models.clone_model(model)
    copied.set_weights(model.get_weights())
    # Layer by layer in order: the input layers of a cut network get names of their own.
    for new, old in zip(copied.layers, model.layers, strict=True):
        if new.weights:
            new.trainable = old.trainable
    return copied
