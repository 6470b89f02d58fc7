"""What a Keras model is made of: leaf layers in order of depth, head, groups.

Every other module of :mod:`tlbook.transfer` looks at a model through these
functions, so that a flat functional model and one that holds its backbone as
a nested model are treated alike.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np

from tlbook._models import as_model

HEAD = "head"
"""Name of the classification layer that :func:`tlbook.transfer.attach_head` adds."""


def _walk(layer: keras.layers.Layer, prefix: str) -> Iterator[tuple[str, keras.layers.Layer]]:
    if isinstance(layer, keras.Model):
        for inner in layer.layers:
            yield from _walk(inner, f"{prefix}{layer.name}/")
    elif not isinstance(layer, keras.layers.InputLayer):
        yield prefix + layer.name, layer


def named_layers(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """Leaf layers of a model, shallow to deep, by name.

    Nested models are opened. A layer is called by its own name where that is
    unique in the model, otherwise by its path (``"outer/inner"``).

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    dict of str to keras.layers.Layer
        In the order in which the model applies them. A layer that is used
        twice appears once.
    """
    found: list[tuple[str, keras.layers.Layer]] = []
    seen: set[int] = set()
    for top in as_model(model).layers:
        for path, layer in _walk(top, ""):
            if id(layer) not in seen:
                seen.add(id(layer))
                found.append((path, layer))
    names = [layer.name for _, layer in found]
    return {layer.name if names.count(layer.name) == 1 else path: layer for path, layer in found}


def weighted_layers(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """The leaf layers that own weights; fixed preprocessing is left out."""
    return {
        name: layer
        for name, layer in named_layers(model).items()
        if layer.weights and not isinstance(layer, keras.layers.Normalization)
    }


def is_batch_norm(layer: keras.layers.Layer) -> bool:
    """Whether a layer keeps moving statistics of its batches."""
    return isinstance(layer, keras.layers.BatchNormalization)


def head_layers(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """The layers with weights that turn features into logits.

    Those called ``"head"`` or ``"head_…"`` (as :func:`~tlbook.transfer.attach_head`
    calls them), else a Dense layer that is the last layer with weights, else
    none: a backbone without a head.
    """
    weighted = weighted_layers(model)
    named = {name: layer for name, layer in weighted.items() if layer.name == HEAD or layer.name.startswith(HEAD + "_")}
    if named or not weighted:
        return named
    name, last = list(weighted.items())[-1]
    return {name: last} if isinstance(last, keras.layers.Dense) else {}


def parameter_count(layer: keras.layers.Layer) -> int:
    """Number of scalars in the trainable weights of a layer or model, as it stands."""
    return sum(int(np.prod(v.shape)) for v in layer.trainable_weights)


def layer_groups(model: keras.Model, groups: int | Sequence[str] = 4) -> dict[str, tuple[str, ...]]:
    """Divide the layers with weights into consecutive groups, shallow to deep.

    Parameters
    ----------
    model : keras.Model
        Flat or nested.
    groups : int or sequence of str
        A number: that many groups with about the same number of convolution
        and dense layers each, called ``"group_1"`` (nearest to the image),
        ``"group_2"``, … Or names of layers, shallow to deep, such as
        ``backbone.stages``: a group is called after the layer that ends it and
        holds everything after the one before; what comes after the last name
        belongs to the last group.

    Returns
    -------
    dict of str to tuple of str
        Names of layers by group. The last group is ``"head"`` where the model
        has one. A BatchNormalization layer is in the group of the layer before
        it.

    Raises
    ------
    ValueError
        More groups than layers; an unknown, repeated or unordered layer name.
    """
    head = set(head_layers(model))
    weighted = [name for name in weighted_layers(model) if name not in head]
    if isinstance(groups, (int, np.integer)):
        divided = _groups_by_number(model, weighted, int(groups))
    else:
        divided = _groups_by_stage(model, weighted, list(groups))
    if head:
        divided[HEAD] = tuple(name for name in weighted_layers(model) if name in head)
    return divided


def _groups_by_number(model: keras.Model, weighted: list[str], n: int) -> dict[str, tuple[str, ...]]:
    layers = named_layers(model)
    counted = [name for name in weighted if not is_batch_norm(layers[name])]
    if not 1 <= n <= len(counted):
        raise ValueError(
            f"groups={n}: the model has {len(counted)} layers with weights besides "
            f"BatchNormalization and the head; ask for 1 to {len(counted)} groups."
        )
    firsts = [part[0] for part in np.array_split(np.array(counted, dtype=object), n)]
    divided: dict[str, list[str]] = {f"group_{i + 1}": [] for i in range(n)}
    current = 0
    for name in weighted:
        while current + 1 < n and name == firsts[current + 1]:
            current += 1
        divided[f"group_{current + 1}"].append(name)
    return {group: tuple(names) for group, names in divided.items()}


def _groups_by_stage(model: keras.Model, weighted: list[str], stages: list[str]) -> dict[str, tuple[str, ...]]:
    order = list(named_layers(model))
    positions = [order.index(find_layer(model, stage)) for stage in stages]
    if not stages or any(b <= a for a, b in itertools.pairwise(positions)):
        raise ValueError(f"groups={stages!r}: give at least one layer name, shallow to deep, each once.")
    divided: dict[str, list[str]] = {stage: [] for stage in stages}
    for name in weighted:
        here = order.index(name)
        stage = next((s for s, p in zip(stages, positions, strict=True) if here <= p), stages[-1])
        divided[stage].append(name)
    return {group: tuple(names) for group, names in divided.items() if names}


def find_layer(model: keras.Model, name: str) -> str:
    """The key of a layer in :func:`named_layers`, or a ValueError that helps."""
    layers = named_layers(model)
    if name in layers:
        return name
    paths = [path for path, layer in layers.items() if layer.name == name]
    if len(paths) > 1:
        raise ValueError(f"Layer name {name!r} is not unique; use one of {paths}.")

    near = difflib.get_close_matches(name, layers, n=3) or list(weighted_layers(model))[-3:]
    raise ValueError(f"No layer {name!r} in model {model.name!r}; there is, for example, {near}.")


def check_groups(
    model: keras.Model, groups: int | Sequence[str] | Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Groups as a mapping, whichever way they were given; no layer in two groups."""
    if not isinstance(groups, Mapping):
        return layer_groups(model, groups)
    checked: dict[str, tuple[str, ...]] = {}
    owner: dict[str, str] = {}
    for group, names in groups.items():
        if isinstance(names, str):
            names = (names,)
        checked[group] = tuple(find_layer(model, name) for name in names)
        for name in checked[group]:
            if name in owner:
                raise ValueError(f"Layer {name!r} is in groups {owner[name]!r} and {group!r}.")
            owner[name] = group
    return checked
