"""Figures of the chapter on looking inside: which images a network calls alike, and what randomising it does to heat maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from tlbook._checks import some
from tlbook.plotting.images import shown
from tlbook.plotting.marks import class_dots, error_bars, picture_axes, write_over
from tlbook.plotting.style import DOTTED, TURNED, looks, new_figure, percent_axis, styled, summaries

__all__ = ["feature_planes", "heat_by_training", "neighbour_rows", "sanity_check"]


@styled
def neighbour_rows(
    queries: ArrayLike,
    neighbours: ArrayLike,
    query_labels: Sequence[int],
    neighbour_labels: ArrayLike,
    class_names: Sequence[str],
) -> Figure:
    """An image at the left of each line, and to its right its nearest neighbours, nearest first.

    Parameters
    ----------
    queries : array_like, shape (m, height, width, 3)
    neighbours : array_like, shape (m, k, height, width, 3)
    query_labels : sequence of int, length m
    neighbour_labels : array_like of int, shape (m, k)
        A neighbour of another class has its name in another colour and after a cross.
    class_names : sequence of str

    Raises
    ------
    ValueError
        Shapes that do not match.
    """
    asked, found = np.asarray(queries), np.asarray(neighbours)
    own, theirs = np.asarray(query_labels), np.asarray(neighbour_labels)
    if found.ndim != 5 or len(found) != len(asked) or own.shape != (len(asked),) or theirs.shape != found.shape[:2]:
        raise ValueError(
            f"(m, h, w, 3) queries, (m, k, h, w, 3) neighbours and labels (m,) and (m, k) are needed; got "
            f"{asked.shape}, {found.shape}, {own.shape} and {theirs.shape}"
        )
    m, k = found.shape[:2]
    widths = [1, 0.2, *[1] * k]
    figure, axes = picture_axes(6.4, m * (6.4 / (k + 1.3) + 0.24), m, k + 2, width_ratios=widths)
    for line, (query, _, *near) in enumerate(axes):
        query.imshow(shown(asked[line : line + 1])[0])
        write_over(query, class_names[own[line]], fontweight="bold")
        for place, image, label in zip(near, shown(found[line]), theirs[line], strict=True):
            place.imshow(image)
            wrong, name = label != own[line], class_names[label]
            write_over(place, f"× {name}" if wrong else name, warn=wrong)
    return figure


@styled
def feature_planes(planes: Mapping[str, ArrayLike], labels: ArrayLike, class_names: Sequence[str]) -> Figure:
    """Maps of the same images in two dimensions, side by side.

    The axes have no numbers: a map may be turned, mirrored or scaled and means the same.

    Parameters
    ----------
    planes : mapping of str to array_like, shape (n, 2)
        Coordinates, such as those of :func:`tlbook.interpret.embed`, by the name
        written over the panel.
    labels : array_like of int, shape (n,)
    class_names : sequence of str

    Raises
    ------
    ValueError
        No map; maps that do not fit the labels; a label without a name.
    """
    some(planes, "feature_planes", "map, by its name")
    figure, (axes,) = new_figure(6.4, 3.4, 1, len(planes))
    for place, (name, points) in zip(axes, planes.items(), strict=True):
        class_dots(place, points, labels, class_names, what=name, size=12)
        place.set_title(name)
        place.set(xticks=[], yticks=[], xlabel="direction 1")
    axes[0].set_ylabel("direction 2")
    marks, names = axes[0].get_legend_handles_labels()
    figure.legend(marks, names, loc="outside lower center", ncols=len(names), markerscale=1.8)
    return figure


@styled
def sanity_check(correlations: Mapping[str, Any], shares: Mapping[str, Any], *, chance: float) -> Figure:
    """What becomes of heat maps while a network is randomised layer by layer.

    Parameters
    ----------
    correlations : mapping of str to result
        Rank correlation with the maps of the trained network, by the last layer
        that was randomised, in order. A result is a number, an ``Estimate`` (its interval is a bar)
        or a list of one value a seed (small dots, and the median on the line).
    shares : mapping of str to result
        Share of the heat inside the masks, by the same names.
    chance : float
        Share that a map gets that knows nothing, drawn as a line.

    Raises
    ------
    ValueError
        Nothing to draw, or names that differ.
    """
    steps = list(shares)
    if list(correlations) != steps:
        raise ValueError(f"the same steps are needed in both; got {list(correlations)} and {steps}")
    figure, ((left, right),) = new_figure(6.8, 3.6, 1, 2)
    for place, results, look in zip((left, right), (correlations, shares), looks(2), strict=True):
        drawn = summaries(results, "sanity_check")
        # a range over seeds must not look like an interval over images
        without_bars = [replace(one, low=math.nan, high=math.nan) if one.runs else one for one in drawn.values()]
        error_bars(place, range(len(steps)), without_bars, **look)
        for x, one in enumerate(drawn.values()):
            if one.runs:
                place.plot([x] * len(one.runs), one.runs, ".", color="#555555", markersize=7, alpha=0.7, zorder=3)
        place.set_xticks(range(len(steps)), steps, **TURNED)
        place.set_xlim(-0.4, len(steps) - 0.6)
    left.axhline(0, **DOTTED)
    left.set_ylabel("rank correlation with the first map")
    right.axhline(chance, **DOTTED)
    right.annotate("chance", (-0.35, chance), xytext=(0, -3), textcoords="offset points", va="top", fontsize=10)
    right.set_ylabel("heat inside the head (%)")
    right.set_ylim(0, None)
    percent_axis(right)
    figure.supxlabel("randomised from the head down to", fontsize=11)
    return figure


@styled
def heat_by_training(shares: Mapping[str, Mapping[str, Sequence[float]]], *, chance: float) -> Figure:
    """Share of the heat inside a mask, a dot for each network: rows of networks and methods, a marker for each training.

    Parameters
    ----------
    shares : mapping of str to mapping of str to sequence of float
        ``{row: {training: one share a seed}}``, the first row on top.
    chance : float
        Share that a map gets that knows nothing, drawn as a line.

    Raises
    ------
    ValueError
        Nothing to draw.
    """
    some(shares, "heat_by_training", "row")
    trainings = list(dict.fromkeys(name for row in shares.values() for name in row))
    styles = dict(zip(trainings, looks(len(trainings)), strict=True))
    figure, ((axes,),) = new_figure(6.4, 1.4 + 0.45 * len(shares))
    for place, row in enumerate(shares.values()):
        for name, values in row.items():
            beside = 0.24 * (trainings.index(name) - (len(trainings) - 1) / 2)
            look = {"color": styles[name]["color"], "marker": styles[name]["marker"], "alpha": 0.7, "markersize": 6}
            axes.plot(values, [place + beside] * len(values), linestyle="none", label="" if place else name, **look)
    axes.axvline(chance, zorder=1, **DOTTED)
    axes.annotate("chance", (chance, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=10)
    axes.set_yticks(range(len(shares)), list(shares))
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.set_xlim(0, None)
    axes.grid(False, axis="y")
    axes.set_xlabel("heat inside the head (%)")
    percent_axis(axes, "x")
    figure.legend(loc="outside lower center", ncols=len(trainings))
    return figure
