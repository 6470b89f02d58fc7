"""Figures of the chapter on cheaper ways to adapt: which weights of a network each of them changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from tlbook._checks import some
from tlbook.plotting.style import PALETTE, new_figure, styled
from tlbook.transfer.few import HeldBatchNorm
from tlbook.transfer.structure import is_batch_norm, weighted_layers

__all__ = ["what_changes"]

_COLOURS = {"stays": "#DDDDDD", "is trained": PALETTE["blue"], "is added": PALETTE["orange"]}


@styled
def what_changes(models: Mapping[str, keras.Model]) -> Figure:
    """A row for each way to adapt a network, a box for each layer, a stripe in it for each of its weights.

    Parameters
    ----------
    models : mapping of str to keras.Model
        ``{way: model}``, made from one network. The first says where the boxes are; a layer that another one has beside
        these is drawn after the one that it follows, as added.

    Raises
    ------
    ValueError
        No model.
    """
    some(models, "what_changes", "way")
    places = {name: place for place, name in enumerate(weighted_layers(next(iter(models.values()))))}
    figure, ((axes,),) = new_figure(8.0, 0.9 + 0.36 * len(models))
    for row, model in enumerate(models.values()):
        x = 0.0
        for name, layer in weighted_layers(model).items():
            added = name not in places
            x = x if added else float(places[name])
            stripes = _stripes(layer, added)
            left, width = (x + 0.7, 0.4) if added else (x, 0.85)
            for k, kind in enumerate(stripes):
                low, height = row + 0.35 - 0.7 * (k + 1) / len(stripes), 0.7 / len(stripes)
                style: dict[str, Any] = {"facecolor": _COLOURS[kind], "linewidth": 0, "zorder": 3 if added else 2}
                axes.add_patch(Rectangle((left, low), width, height, **style))
    axes.set(xlim=(-0.3, len(places) + 0.3), ylim=(len(models) - 0.5, -0.5))
    axes.set_yticks(range(len(models)), list(models))
    axes.set_xticks([])
    axes.grid(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("layers with weights, from the image (left) to the head (right)")
    handles = [Patch(facecolor=colour, label=kind) for kind, colour in _COLOURS.items()]
    axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return figure


def _stripes(layer: keras.layers.Layer, added: bool) -> list[str]:
    trained = {id(weight) for weight in layer.trainable_weights}
    running = is_batch_norm(layer) and layer.trainable and not isinstance(layer, HeldBatchNorm)
    found = []
    for weight in layer.weights:
        if added or weight.name.startswith("lora"):
            found.append("is added")
        elif id(weight) in trained or (running and weight.name.startswith("moving")):
            found.append("is trained")
        else:
            found.append("stays")
    return found
