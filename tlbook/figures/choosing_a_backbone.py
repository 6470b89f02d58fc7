"""Figures of the chapter on choosing a backbone: what a score says of the accuracy that comes after it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.figure import Figure

from tlbook._checks import some
from tlbook.plotting.style import DOTTED, INK, PALETTE, new_figure, percent_axis, styled

__all__ = ["rank_correlations", "scores_against_accuracy"]


@styled
def scores_against_accuracy(
    scores: Mapping[str, Mapping[str, float]], accuracy: Mapping[str, float], *, columns: int = 4
) -> Figure:
    """A panel for each score: a number for each network, at its score and the accuracy that was found afterwards.

    Parameters
    ----------
    scores : mapping of str to mapping of str to float
        ``{score: {network: value}}``; a network that has no such score is left out of its panel.
    accuracy : mapping of str to float
        Of each network; the networks are numbered in this order.
    columns : int
        Panels in a row.

    Raises
    ------
    ValueError
        No score, or a network without accuracy.
    """
    some(scores, "scores_against_accuracy", "score")
    numbers = {name: place for place, name in enumerate(accuracy, start=1)}
    rows = math.ceil(len(scores) / columns)
    figure, grid = new_figure(2.3 * columns, 0.4 + 2.1 * rows, rows=rows, columns=columns)
    panels = [axes for row in grid for axes in row]
    for axes in panels[len(scores) :]:
        axes.set_axis_off()
    for place, (axes, (title, values)) in enumerate(zip(panels, scores.items(), strict=False)):
        if unknown := set(values) - set(accuracy):
            raise ValueError(f"{title!r} has networks without accuracy: {', '.join(sorted(unknown))}")
        for name, value in values.items():
            point = (value, accuracy[name])
            axes.plot(*point, "o", color=PALETTE["blue"], markersize=13, alpha=0.25)
            axes.annotate(str(numbers[name]), point, ha="center", va="center", fontsize=10, color=INK)
        axes.set_title(title)
        axes.set_ylim(min(accuracy.values()) - 0.06, max(accuracy.values()) + 0.06)
        axes.margins(x=0.15)
        axes.locator_params(axis="x", nbins=4)
        percent_axis(axes)
        if place % columns:
            axes.tick_params(labelleft=False)
    figure.supxlabel("score, each in its own unit", fontsize=11)
    figure.supylabel("test accuracy (%)", fontsize=11)
    return figure


@styled
def rank_correlations(results: Mapping[str, tuple[float, float, float]], *, chance: float) -> Figure:
    """Rank correlation of each score with the accuracy found afterwards, with its interval.

    Parameters
    ----------
    results : mapping of str to (float, float, float)
        For each score the correlation and both ends of its interval; drawn from top to bottom.
    chance : float
        Half the width of the band in which the correlation of two orders drawn at random lies.

    Raises
    ------
    ValueError
        No score.
    """
    some(results, "rank_correlations", "score")
    figure, ((axes,),) = new_figure(6.4, 1.0 + 0.36 * len(results))
    axes.axvspan(-chance, chance, color="#888888", alpha=0.15, linewidth=0, zorder=0)
    axes.axvline(0, zorder=1, **DOTTED)
    for row, (value, low, high) in enumerate(results.values()):
        axes.plot([low, high], [row, row], color=PALETTE["blue"], linewidth=2, solid_capstyle="butt")
        axes.plot(value, row, "o", color=PALETTE["blue"])
    axes.set_yticks(range(len(results)), list(results))
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.set_xlim(-1.05, 1.05)
    axes.grid(False, axis="y")
    axes.set_xlabel("rank correlation with test accuracy")
    return figure
