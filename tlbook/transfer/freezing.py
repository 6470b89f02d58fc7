"""Which weights training may change: freeze, unfreeze, gradual unfreezing.

A layer is *frozen* when neither its weights nor its moving statistics change
in training. On Keras 3 only ``layer.trainable = False`` on the
BatchNormalization layer itself holds the moving statistics; calling a nested
backbone with ``training=False`` does not, because the flag of the outer call
wins (keras#20285).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tlbook._checks import whole
from tlbook._models import as_model
from tlbook.transfer.structure import (
    HEAD,
    check_groups,
    find_layer,
    head_layers,
    is_batch_norm,
    named_layers,
    parameter_count,
    weighted_layers,
)


def freeze(model: keras.Model, *, head: bool = False) -> int:
    """Freeze a model: neither weights nor moving statistics will change.

    Parameters
    ----------
    model : keras.Model or Backbone
        Flat or nested; changed in place.
    head : bool
        Whether to freeze the head too. A backbone without a head is frozen
        wholly either way.

    Returns
    -------
    int
        Number of parameters that were trainable and no longer are.

    Notes
    -----
    Compile after this before calling ``model.fit`` yourself, as Keras asks;
    :func:`~tlbook.transfer.train` compiles by itself.
    """
    model = as_model(model)
    before = parameter_count(model)
    spared = {} if head else head_layers(model)
    kept = {name for name, layer in spared.items() if layer.trainable}
    _set_trainable(model, kept)
    return before - parameter_count(model)


def unfreeze(
    model: keras.Model,
    *,
    last: int | None = None,
    from_layer: str | None = None,
    after_layer: str | None = None,
) -> int:
    """Make the deeper part of a model trainable; BatchNormalization stays frozen.

    Without an argument, every layer is made trainable. BatchNormalization
    layers outside the head are frozen in any case, each by
    ``layer.trainable = False``: with the small batches of fine-tuning their
    statistics would drift from those that the weights were trained with. The
    head is made trainable; layers before the given one stay as they are.

    Parameters
    ----------
    model : keras.Model
        Flat or nested; changed in place.
    last : int, optional
        Number of layers with weights, counted from the end;
        BatchNormalization layers and the head are not counted.
    from_layer : str, optional
        Name of the first layer to make trainable.
    after_layer : str, optional
        Name of the last layer to leave as it is: with
        ``after_layer=backbone.stages[-2]`` the last stage becomes trainable.

    Returns
    -------
    int
        Number of parameters that were frozen and now are trainable.

    Raises
    ------
    ValueError
        Nothing would become trainable; more than one argument; an unknown
        layer; ``last`` out of range. The model is then as it was.

    Examples
    --------
    >>> from tlbook import backbones, transfer
    >>> backbone = backbones.load("sketchnet")
    >>> model = transfer.attach_head(backbone, 2)
    >>> gained = unfreeze(model, after_layer=backbone.stages[-2])  # the last stage
    >>> gained > 0
    True
    >>> any(layer.trainable for layer in model.layers if "BatchNormalization" in type(layer).__name__)
    False
    """
    model = as_model(model)
    wanted = _to_unfreeze(model, last, from_layer, after_layer)
    layers = weighted_layers(model)
    head = set(head_layers(model))
    after = {
        name
        for name, layer in layers.items()
        if name in head or (not is_batch_norm(layer) and (name in wanted or layer.trainable_weights))
    }
    gained = sum(_frozen_parameters(layers[name]) for name in after)
    if gained == 0:
        asked = {"last": last, "from_layer": from_layer, "after_layer": after_layer}
        given = ", ".join(f"{k}={v!r}" for k, v in asked.items() if v is not None) or "everything"
        raise ValueError(
            f"unfreeze({given}) would change nothing: the {len(wanted)} layers with weights it "
            "names (BatchNormalization apart, which stays frozen) are trainable already or there "
            "are none. Freeze first, or reach further towards the input."
        )
    _set_trainable(model, after)
    return gained


def _to_unfreeze(model: keras.Model, last: int | None, from_layer: str | None, after_layer: str | None) -> set[str]:
    if sum(x is not None for x in (last, from_layer, after_layer)) > 1:
        raise ValueError("Give at most one of last, from_layer and after_layer.")
    head = set(head_layers(model))
    candidates = [
        name for name, layer in weighted_layers(model).items() if name not in head and not is_batch_norm(layer)
    ]
    if last is not None:
        if isinstance(last, bool) or not isinstance(last, (int, np.integer)):
            raise ValueError(f"last={last!r}: give a whole number of layers.")
        if not 1 <= last <= len(candidates):
            raise ValueError(
                f"last={last}: the model has {len(candidates)} layers with weights besides "
                f"BatchNormalization and the head; give 1 to {len(candidates)}."
            )
        return set(candidates[-last:])
    order = list(named_layers(model))
    first = 0
    if from_layer is not None:
        first = order.index(_first_leaf(model, from_layer))
    elif after_layer is not None:
        first = order.index(_last_leaf(model, after_layer)) + 1
    return set(candidates) & set(order[first:])


def _leaves(model: keras.Model, name: str) -> list[str]:
    """Keys of the leaf layers inside a nested model called ``name``, else ``[]``."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            if layer.name == name:
                inside = {id(leaf) for leaf in named_layers(layer).values()}
                return [k for k, leaf in named_layers(model).items() if id(leaf) in inside]
            if _leaves(layer, name):
                inside = {id(named_layers(layer)[k]) for k in _leaves(layer, name)}
                return [k for k, leaf in named_layers(model).items() if id(leaf) in inside]
    return []


def _first_leaf(model: keras.Model, name: str) -> str:
    return (_leaves(model, name) or [find_layer(model, name)])[0]


def _last_leaf(model: keras.Model, name: str) -> str:
    return (_leaves(model, name) or [find_layer(model, name)])[-1]


def _frozen_parameters(layer: keras.layers.Layer) -> int:
    """Parameters that ``layer.trainable = True`` would add to the trainable ones."""
    before, flag = parameter_count(layer), layer.trainable
    _mark(layer, True)
    after = parameter_count(layer)
    _mark(layer, flag)
    return after - before


def _set_trainable(model: keras.Model, trainable: set[str]) -> None:
    """Make exactly the named layers with weights trainable.

    Keras' setter reaches down into sublayers, hence outermost first. A nested
    model with a trainable layer in it must be trainable itself, or its own
    ``trainable_weights`` would be empty; one without is marked frozen.
    """
    for each in [model, *reversed(_nested(model))]:
        _mark(each, True)
    for name, layer in weighted_layers(model).items():
        _mark(layer, name in trainable)
    for each in [*_nested(model), model]:
        if each.weights and not each.trainable_weights:
            _mark(each, False)
    if getattr(model, "compiled", False) and model.train_function is not None:
        # A train function traced before would go on changing the old set of
        # weights without a word; a new one at least makes Keras complain.
        model.make_train_function(force=True)


def _mark(layer: keras.layers.Layer, trainable: bool) -> None:
    # With TensorFlow, giving an attribute the value it has is skipped, and with
    # it the way down to sublayers, which may differ.
    layer.trainable = not trainable
    layer.trainable = trainable


def _nested(model: keras.Model) -> list[keras.Model]:
    found: list[keras.Model] = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += [*_nested(layer), layer]
    return found


def trainable_state(model: keras.Model) -> list[bool]:
    """The ``trainable`` flag of every leaf layer with weights, in order.

    Where single weights are held in a layer that is trainable, as by :func:`~tlbook.transfer.freeze_all_but` and by Keras's
    ``enable_lora``, the flags of all such weights follow.
    """
    flags = [layer.trainable for layer in weighted_layers(model).values()]
    single = [weight.trainable for weight in _switched(model)]
    return flags if all(single) else flags + single


def restore_trainable_state(model: keras.Model, state: Sequence[bool]) -> None:
    """Put back what :func:`trainable_state` returned."""
    n = len(weighted_layers(model))
    _set_trainable(model, {name for name, on in zip(weighted_layers(model), state[:n], strict=True) if on})
    if state[n:]:
        for weight, on in zip(_switched(model), state[n:], strict=True):
            weight.trainable = on


def _switched(model: keras.Model) -> list[keras.Variable]:
    """The weights that are trainable where their layer is, unless someone holds them apart; not those of frozen layers."""
    return [
        weight for layer in weighted_layers(model).values() if layer.trainable for weight in layer._trainable_variables
    ]


def gradual_unfreezing(
    model: keras.Model,
    groups: int | Sequence[str] | Mapping[str, Sequence[str]] = 3,
    *,
    every: int = 1,
    start: int | None = None,
) -> dict[int, str]:
    """A plan for ``Recipe(unfreezing=…)``: one more group every few epochs.

    The head trains alone first, then the deepest group joins, then the next
    (Howard & Ruder 2018, ULMFiT, section 3.3).

    Parameters
    ----------
    model : keras.Model
        A model with a head.
    groups : int, sequence of str or mapping
        As for :func:`~tlbook.transfer.layer_groups`, or its result.
    every : int
        Epochs from one unfreezing to the next.
    start : int, optional
        Epoch (counted from 0) of the first; default ``every``.

    Returns
    -------
    dict of int to str
        Epoch at whose beginning to unfreeze → name of the first layer that is
        trainable from then on.
    """
    every = whole(every, "every", of="epochs")
    first = every if start is None else start
    if first < 0:
        raise ValueError(f"start={start}: epochs are counted from 0.")
    layers = named_layers(model)
    starts = []
    for group, names in check_groups(model, groups).items():
        freed = [name for name in names if not is_batch_norm(layers[name])]
        if group != HEAD and freed:
            starts.append(freed[0])
    return {first + i * every: name for i, name in enumerate(reversed(starts))}


def randomise(model: keras.Model, *, layers: Sequence[str] | None = None, seed: int = 0) -> int:
    """Draw the weights of layers anew from their own initialisers, in place.

    The control for "is it the pretrained weights that help, or the
    architecture?" BatchNormalization goes back to scale 1, offset 0, moving
    mean 0 and variance 1.

    Parameters
    ----------
    model : keras.Model or Backbone
        Flat or nested.
    layers : sequence of str, optional
        Names of layers; default all but the head.
    seed : int
        The same seed gives the same weights.

    Returns
    -------
    int
        Number of parameters that were drawn anew, moving statistics included.
    """
    model = as_model(model)
    weighted = weighted_layers(model)
    if layers is None:
        head = head_layers(model)
        chosen = [name for name in weighted if name not in head]
    else:
        if isinstance(layers, str):
            layers = [layers]
        chosen = [find_layer(model, name) for name in layers]
    bare = [name for name in chosen if name not in weighted]
    if bare or not chosen:
        raise ValueError(f"layers={layers!r}: no weights to draw in {bare or 'an empty choice'}.")
    order = list(weighted)
    count = 0
    for name in chosen:
        layer = weighted[name]
        # The seed goes with the layer's place, not with the choice, so that
        # randomising more layers leaves the draws of the others as they were.
        rng = np.random.default_rng([seed, order.index(name)])
        fresh = type(layer).from_config(_reseeded(layer.get_config(), rng))
        fresh.build_from_config(layer.get_build_config())
        layer.set_weights(fresh.get_weights())
        count += layer.count_params()
    return count


def _reseeded(config: Any, rng: np.random.Generator) -> Any:
    """A layer's configuration with a new seed in each of its initialisers."""
    if isinstance(config, Mapping):
        return {
            key: int(rng.integers(2**31 - 1)) if key == "seed" else _reseeded(value, rng)
            for key, value in config.items()
        }
    return config
