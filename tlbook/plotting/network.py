"""A network as a diagram: what is frozen, and what is trained."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon, Rectangle

from tlbook.backbones import Backbone
from tlbook.plotting.style import FROZEN, INK, PALETTE, new_figure, styled

__all__ = ["network_diagram"]

_PLAIN: dict[str, Any] = {"facecolor": "#EEEEEE", "edgecolor": INK}


@styled
def network_diagram(backbone: Backbone, class_names: Sequence[str], *, trained: Collection[str] = ("head",)) -> Figure:
    """A backbone and a head, and which parts of them are trained.

    Every chapter that changes *what is trained* shows it with this picture, so that two strategies can be compared at a
    glance. Heights go with the square root of the side of the feature maps, widths with that of their number.

    Parameters
    ----------
    backbone : Backbone
        Drawn as its stages, shallow to deep.
    class_names : sequence of str, length N
        Written at the logits.
    trained : collection of str
        Names of the stages that are trained; ``"head"`` stands for the head. All others are drawn as frozen.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If `trained` names something that is neither a stage nor ``"head"``.
    """
    unknown = sorted(set(trained) - {*backbone.stages, "head"})
    if unknown:
        raise ValueError(f"trained names {unknown}; there are {[*backbone.stages, 'head']}")
    shapes = [tuple(backbone.model.get_layer(name).output.shape[1:]) for name in backbone.stages]

    def side(pixels: int) -> float:
        return 0.3 + 1.5 * (pixels / backbone.input_size) ** 0.5

    edge: dict[str, Any] = {"edgecolor": INK, "linewidth": 0.8}
    trained_look, frozen_look = {"facecolor": PALETTE["orange"], **edge}, FROZEN | edge

    def fill(name: str) -> dict[str, Any]:
        return trained_look if name in trained else frozen_look

    figure, ((axes,),) = new_figure(7.5, 3.1)
    axes.set_axis_off()

    def arrow(x: float) -> float:
        axes.add_patch(FancyArrowPatch((x + 0.05, 0), (x + 0.4, 0), arrowstyle="-|>", mutation_scale=10, color=INK))
        return x + 0.45

    size, height = backbone.input_size, side(backbone.input_size)
    low = -height / 2 - 0.1
    axes.add_patch(Rectangle((0, -height / 2), 0.12, height, **_PLAIN))
    axes.text(0.06, height / 2 + 0.12, f"image\n{size}×{size}×3", ha="center", fontsize=10)
    x = arrow(0.12)
    for name, (rows, columns, channels) in zip(backbone.stages, shapes, strict=True):
        width, right = 0.6 + 0.012 * channels**0.5, side(rows)
        corners = [(x, -height / 2), (x + width, -right / 2), (x + width, right / 2), (x, height / 2)]
        axes.add_patch(Polygon(corners, **fill(name)))
        axes.text(x + width / 2, low, f"{rows}×{columns}\n×{channels}", ha="center", va="top", fontsize=10)
        x, height = x + width + 0.12, right
    x = arrow(x)
    axes.add_patch(Rectangle((x, -0.9), 0.14, 1.8, **_PLAIN))
    axes.text(x + 0.07, 1.02, f"features\n{backbone.feature_dim}", ha="center", fontsize=10)
    x = arrow(x + 0.14)
    axes.add_patch(Rectangle((x, -0.5), 0.75, 1.0, **fill("head")))
    axes.text(x + 0.375, 0, "head", ha="center", va="center", fontsize=10)
    x = arrow(x + 0.75)
    for row, name in enumerate(class_names):
        y = 0.36 * ((len(class_names) - 1) / 2 - row)
        axes.text(x + 0.05, y, f"logit {name}", va="center", fontsize=10)
    for start, look, words in (
        (0.0, frozen_look, "frozen: weights and statistics stay"),
        (x * 0.62, trained_look, "trained on our images"),
    ):
        axes.add_patch(Rectangle((start, -1.8), 0.25, 0.16, **look))
        axes.text(start + 0.33, -1.72, words, va="center", fontsize=10)
    axes.set(xlim=(-0.45, x + 1.0), ylim=(-1.9, 1.6))
    return figure
