"""Figures of the chapter on other tasks: classes ordered by likeness, labels, numbers, masks and boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import ArrayLike, NDArray

from tlbook._checks import some
from tlbook.evaluation import Estimate
from tlbook.plotting.marks import error_bars, picture_axes, write_over
from tlbook.plotting.style import DOTTED, INK, PALETTE, looks, new_figure, percent_axis, styled, summary

__all__ = ["against_truth", "average_precision_by_label", "iou_by_part", "ordered_confusion", "part_maps", "with_boxes"]

_PARTS = (PALETTE["sky"], PALETTE["vermilion"], PALETTE["orange"], PALETTE["purple"], PALETTE["green"])
_EDGES = (("white", "-"), (PALETTE["orange"], "--"), (PALETTE["sky"], ":"))


@styled
def ordered_confusion(matrix: ArrayLike, class_names: Sequence[str], order: ArrayLike) -> Figure:
    """A confusion matrix of many classes twice: in the order of their names, and in an order that brings like to like.

    Parameters
    ----------
    matrix : array_like of int, shape (N, N)
        True classes in rows, predicted ones in columns, in the order of ``class_names``.
    class_names : sequence of str, length N
    order : array_like of int, shape (N,)
        The places of the classes in the second panel.

    Raises
    ------
    ValueError
        Names or an order that do not fit the matrix.
    """
    counts, places = np.asarray(matrix, dtype=float), np.asarray(order)
    size = len(class_names)
    if counts.shape != (size, size) or sorted(places.tolist()) != list(range(size)):
        raise ValueError(f"{size} class names, but a matrix of shape {counts.shape} and the order {places.tolist()}")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = new_figure(7.6, 1.3 + 0.152 * size, 1, 2)
    for panel, listed, title in zip(axes[0], (np.arange(size), places), ("by name", "by likeness"), strict=True):
        image = panel.imshow(shares[np.ix_(listed, listed)], cmap="Blues", vmin=0, vmax=1, aspect="auto")
        panel.set_yticks(range(size), [class_names[place] for place in listed])
        panel.set_xticks([])
        panel.grid(False)
        panel.spines[:].set_visible(False)
        panel.set(title=title, xlabel="predicted class")
    axes[0, 0].set_ylabel("true class")
    bar = figure.colorbar(image, ax=axes, location="bottom", label="share of the true class (%)", shrink=0.5, aspect=40)
    percent_axis(bar.ax, "x")
    return figure


@styled
def average_precision_by_label(
    values: Mapping[str, Estimate], *, base_rate: Mapping[str, float], from_class: Mapping[str, float]
) -> Figure:
    """A row for each label: average precision with its interval, the base rate, and what the class alone would give.

    Parameters
    ----------
    values : mapping of str to Estimate
    base_rate, from_class : mapping of str to float
        With the same names.

    Raises
    ------
    ValueError
        No label, or one without base rate.
    """
    some(values, "average_precision_by_label", "label")
    if set(base_rate) != set(values) or set(from_class) != set(values):
        raise ValueError(f"base_rate and from_class need the labels {', '.join(values)}")
    figure, ((axes,),) = new_figure(6.4, 1.2 + 0.34 * len(values))
    rows = np.arange(len(values))
    axes.plot(list(base_rate.values()), rows, "|", color=INK, markersize=15, markeredgewidth=2, label="base rate")
    look = {"color": PALETTE["orange"], "markersize": 6, "markerfacecolor": "white", "markeredgewidth": 1.8}
    axes.plot(list(from_class.values()), rows + 0.2, "s", label="from cat or dog alone", **look)
    drawn = [summary(value, name) for name, value in values.items()]
    colour = PALETTE["blue"]
    error_bars(axes, rows.tolist(), drawn, across=True, color=colour, marker="o", linestyle="none", label="head")
    axes.set_yticks(rows, list(values))
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xlim(0, 1.02)
    axes.grid(False, axis="y")
    axes.set_xlabel("average precision on test drawings")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


@styled
def against_truth(
    panels: Mapping[str, tuple[ArrayLike, ArrayLike]], *, xlabel: str, ylabel: str, ticks: Sequence[float] | None = None
) -> Figure:
    """A panel for each model: predicted numbers against the true ones, with the line on which both agree.

    Parameters
    ----------
    panels : mapping of str to (array_like, array_like), each of shape (n,)
        ``{title: (true, predicted)}``; all panels have the same axes.
    xlabel, ylabel : str
    ticks : sequence of float, optional
        Of both axes.

    Raises
    ------
    ValueError
        No panel.
    """
    some(panels, "against_truth", "panel")
    pairs = {title: tuple(np.asarray(one, dtype=float) for one in pair) for title, pair in panels.items()}
    every = np.concatenate([one for pair in pairs.values() for one in pair])
    margin = 0.04 * (every.max() - every.min())
    ends = (every.min() - margin, every.max() + margin)
    figure, axes = new_figure(7.4, 0.7 + 6.6 / len(pairs), 1, len(pairs), sharex=True, sharey=True)
    for panel, (title, (true, predicted)) in zip(axes[0], pairs.items(), strict=True):
        panel.plot(ends, ends, **DOTTED)
        panel.scatter(true, predicted, s=14, alpha=0.5, linewidths=0, color=PALETTE["blue"])
        panel.set(title=title, xlim=ends, ylim=ends, aspect="equal")
        if ticks is not None:
            panel.set(xticks=ticks, yticks=ticks)
    figure.supxlabel(xlabel, fontsize=11)
    axes[0, 0].set_ylabel(ylabel)
    return figure


def _coloured(image: NDArray[np.uint8], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The image in grey, each part under its colour; part 0 is the background."""
    grey = 0.25 + 0.6 * (image / 255.0) @ [0.2126, 0.7152, 0.0722]
    colours = np.array([(0.0, 0.0, 0.0), *map(to_rgb, _PARTS)])
    weight = np.where(labels > 0, 0.62, 0.0)[..., None]
    return (1 - weight) * grey[..., None] + weight * colours[labels]


@styled
def part_maps(images: ArrayLike, rows: Mapping[str, ArrayLike], part_names: Sequence[str]) -> Figure:
    """Images in a row, and below them which pixels belong to which part, a row for the truth and for each model.

    Parameters
    ----------
    images : array_like of uint8, shape (n, height, width, 3)
    rows : mapping of str to array_like of int, shape (n, height, width)
        0 for background, k for the k-th of ``part_names``.
    part_names : sequence of str
        At most five.

    Raises
    ------
    ValueError
        No row, more than five parts, or maps that do not fit the images.
    """
    some(rows, "part_maps", "row of maps, by its name")
    pictures, maps = np.asarray(images), {name: np.asarray(one, dtype=np.int64) for name, one in rows.items()}
    for name, one in maps.items():
        if one.shape != pictures.shape[:3] or one.max() > len(part_names) or len(part_names) > len(_PARTS):
            raise ValueError(
                f"{name} has shape {one.shape} and parts up to {one.max()}; images of shape {pictures.shape} and "
                f"{len(part_names)} names (at most {len(_PARTS)}) were given"
            )
    n = len(pictures)
    width, left = 7.2, 1.15
    figure, axes = picture_axes(width, (1 + len(maps)) * ((width - left) / n + 0.04) + 0.35, 1 + len(maps), n)
    shown = {"drawing": pictures} | {name: list(map(_coloured, pictures, one)) for name, one in maps.items()}
    for row, (name, drawn) in enumerate(shown.items()):
        for column, panel in enumerate(axes[row]):
            panel.imshow(drawn[column])
        axes[row, 0].text(
            -0.06, 0.5, name, transform=axes[row, 0].transAxes, ha="right", va="center", fontsize=10, color=INK
        )
    named = [Patch(color=colour, label=name) for colour, name in zip(_PARTS, part_names, strict=False)]
    figure.legend(handles=named, loc="outside lower center", ncols=len(named))
    return figure


@styled
def iou_by_part(results: Mapping[str, Mapping[str, Estimate | float]]) -> Figure:
    """Overlap with the true mask, a group of rows for each part and in it a mark for each model.

    Parameters
    ----------
    results : mapping of str to mapping of str to Estimate or float
        ``{model: {part: overlap}}``, all with the same parts.

    Raises
    ------
    ValueError
        No model.
    """
    some(results, "iou_by_part", "model")
    parts = list(next(iter(results.values())))
    figure, ((axes,),) = new_figure(6.6, 1.3 + (0.18 * len(results) + 0.16) * len(parts))
    step = 0.8 / len(results)
    for place, ((name, of_part), look) in enumerate(zip(results.items(), looks(len(results)), strict=True)):
        rows = [row + (place - (len(results) - 1) / 2) * step for row in range(len(parts))]
        drawn = [summary(of_part[part], part) for part in parts]
        marks = {"color": look["color"], "marker": look["marker"], "markersize": 6, "linestyle": "none"}
        error_bars(axes, rows, drawn, across=True, label=name, **marks)
    for row in range(1, len(parts)):
        axes.axhline(row - 0.5, color="#CCCCCC", linewidth=0.8)
    axes.set_yticks(range(len(parts)), parts)
    axes.set_ylim(len(parts) - 0.5, -0.5)
    axes.set_xlim(-0.02, 1.02)
    axes.grid(False, axis="y")
    axes.set_xlabel("intersection over union with the true mask")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def _box(axes: Axes, box: NDArray[np.float64], colour: str, line: str) -> None:
    left, top, right, bottom = box
    for ink, width in (("black", 3.4), (colour, 1.8)):
        edge: dict[str, Any] = {"edgecolor": ink, "linewidth": width, "linestyle": line if ink == colour else "-"}
        axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, **edge))


@styled
def with_boxes(images: ArrayLike, boxes: Mapping[str, ArrayLike], titles: Sequence[str] | None = None) -> Figure:
    """Images with one box from each source.

    Parameters
    ----------
    images : array_like, shape (n, height, width, 3)
    boxes : mapping of str to array_like, shape (n, 4)
        Left, top, right and bottom in pixels, by what they come from.
    titles : sequence of str, length n, optional
        Written over the images.

    Raises
    ------
    ValueError
        No boxes, or not four numbers for each image.
    """
    some(boxes, "with_boxes", "kind of box")
    pictures = np.asarray(images)
    checked = {name: np.asarray(one, dtype=float) for name, one in boxes.items()}
    if wrong := [name for name, one in checked.items() if one.shape != (len(pictures), 4)]:
        raise ValueError(f"{', '.join(wrong)}: give four numbers for each of {len(pictures)} images")
    width = 7.2
    figure, axes = picture_axes(width, width / len(pictures) + 0.5 + 0.2 * (titles is not None), 1, len(pictures))
    looks_of = dict(zip(checked, _EDGES, strict=False))
    for column, panel in enumerate(axes[0]):
        panel.imshow(pictures[column])
        for name, one in checked.items():
            _box(panel, one[column], *looks_of[name])
        if titles is not None:
            write_over(panel, titles[column])
    named = []
    for name, (colour, line) in looks_of.items():
        edge: dict[str, Any] = {"edgecolor": INK if colour == "white" else colour, "linestyle": line, "linewidth": 1.8}
        named.append(Patch(facecolor="none", label=name, **edge))
    figure.legend(handles=named, loc="outside lower center", ncols=len(named))
    return figure
