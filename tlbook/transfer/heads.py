"""Putting a classification head on a backbone."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import ArrayLike

from tlbook._checks import number
from tlbook._models import functional_or_refused, standard_settings
from tlbook.backbones import Backbone
from tlbook.transfer.freezing import freeze
from tlbook.transfer.probe import Probe
from tlbook.transfer.structure import HEAD, named_layers


@standard_settings()
def attach_head(
    backbone: Backbone | keras.Model,
    head: Probe | int | tuple[ArrayLike, ArrayLike],
    *,
    dropout: float = 0.0,
    seed: int = 0,
    frozen: bool = True,
    copy: bool = True,
    name: str | None = None,
) -> keras.Model:
    """A classifier: backbone, then head; N logits come out.

    Parameters
    ----------
    backbone : Backbone or keras.Model
        Functional or Sequential. Its output is features of shape (n, d), or
        feature maps (n, h, w, d), which are then averaged over h and w.
    head : Probe or int
        A linear probe fitted on the features of this backbone: its weights
        become those of the head, so that the model gives the probe's logits to
        within 1e-4. Or a number of classes (2 or more): a new Dense layer
        (Glorot uniform weights, zero bias). Or weights (d, N) and bias (N,) of any
        other linear head, with N >= 1 outputs.
    dropout : float
        Share of the features that dropout sets to zero in training, in [0, 1).
    seed : int
        Seed of the new weights and of dropout.
    frozen : bool
        Freeze the backbone, as transfer learning begins. The head is trainable.
    copy : bool
        Copy the backbone's layers, so that training the result leaves the
        given backbone as it was. ``False`` shares them.
    name : str, optional
        Name of the model.

    Returns
    -------
    keras.Model
        A functional model without a further level of nesting: input as that
        of the backbone, output (n, N) logits. The last layer is called
        ``"head"``.

    Raises
    ------
    ValueError
        A head that does not fit the features; fewer than two classes; a model
        that has a head already, or is neither functional nor Sequential.

    Examples
    --------
    >>> from tlbook import backbones
    >>> model = attach_head(backbones.load("sketchnet"), 2)
    >>> model.output_shape
    (None, 2)
    >>> sum(layer.trainable for layer in model.layers if layer.weights)  # the head alone
    1
    """
    model = functional_or_refused(backbone)
    if any(layer.name == HEAD for layer in named_layers(model).values()):
        raise ValueError(f"Model {model.name!r} has a layer called 'head' already.")
    number(dropout, "dropout", 0, 1, "[)")
    if copy:
        clone = keras.models.clone_model(model)
        clone.set_weights(model.get_weights())
        model = clone
    if frozen:
        freeze(model, head=True)

    x = model.outputs[0]
    if len(x.shape) == 4:
        x = keras.layers.GlobalAveragePooling2D(name=f"{HEAD}_pooling")(x)
    if len(x.shape) != 2 or x.shape[1] is None:
        raise ValueError(f"The backbone gives shape {tuple(x.shape)}; features (n, d) or maps (n, h, w, d) are needed.")
    if dropout:
        x = keras.layers.Dropout(dropout, seed=seed, name=f"{HEAD}_dropout")(x)
    dense = _dense(head, int(x.shape[1]), seed)
    result = keras.Model(model.inputs[0], dense(x), name=name or f"{model.name}_classifier")
    if isinstance(head, Probe):
        dense.set_weights([head.weights, head.bias])
    elif isinstance(head, tuple):
        dense.set_weights([np.asarray(values, np.float32) for values in head])
    return result


def _dense(head: Probe | int | tuple[ArrayLike, ArrayLike], feature_dim: int, seed: int) -> keras.layers.Dense:
    if isinstance(head, tuple):
        weights, bias = (np.shape(values) for values in head)
        if len(weights) != 2 or weights[0] != feature_dim or bias != weights[1:]:
            raise ValueError(f"head: weights {weights} and bias {bias}; shapes ({feature_dim}, N) and (N,) are needed.")
        return keras.layers.Dense(weights[1], name=HEAD)
    if isinstance(head, Probe):
        if head.weights.shape[0] != feature_dim:
            raise ValueError(
                f"The probe was fitted on {head.weights.shape[0]} features, the backbone gives {feature_dim}."
            )
        return keras.layers.Dense(head.weights.shape[1], name=HEAD)
    if isinstance(head, bool) or not isinstance(head, (int, np.integer)) or head < 2:
        raise ValueError(f"head={head!r}: give a Probe or a number of classes, 2 or more.")
    initializer = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(int(head), kernel_initializer=initializer, name=HEAD)
