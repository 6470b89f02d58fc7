"""What several figures draw: points with their intervals, bands, texts in cells, dots by class, pictures side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from tlbook.evaluation.inputs import classes
from tlbook.plotting.style import INK, PALETTE, Summary, looks, new_figure, percent_axis, text_on


def error_bars(
    axes: Axes, places: Iterable[float], results: Collection[Summary], *, across: bool = False, **look: Any
) -> ErrorbarContainer:
    """Points with their intervals, upright or lying; a result without an interval is a point alone.

    An interval is a thin line with caps. A range over runs promises less, and looks different: a broad pale bar.
    """
    places = list(places)
    centres = np.array([one.centre for one in results])
    ends = np.array([[one.low, one.high] for one in results]).T
    reach = np.maximum(np.abs(ends - centres), 0)
    ranges = [(place, one) for place, one in zip(places, results, strict=True) if one.is_range]
    reach[:, [one.is_range for one in results]] = np.nan
    interval = None if len(ranges) == len(places) else reach
    look = {"capsize": 3, "elinewidth": 1.8} | look
    if across:
        drawn = axes.errorbar(centres, places, xerr=interval, **look)
    else:
        drawn = axes.errorbar(places, centres, yerr=interval, **look)
    bar: dict[str, Any] = {"color": drawn[0].get_color(), "alpha": 0.35, "linewidth": 7, "zorder": 2}
    for place, one in ranges:
        (axes.hlines if across else axes.vlines)(place, one.low, one.high, **bar)
    return drawn


def band(
    axes: Axes, points: Mapping[float, Summary], look: Mapping[str, Any], *, alpha: float = 0.18, **line: Any
) -> None:
    """A line through points in the order of their places, over the band of their intervals where they have any."""
    xs = sorted(points)
    axes.plot(xs, [points[x].centre for x in xs], **{**look, **line})
    low, high = (np.array([getattr(points[x], end) for x in xs]) for end in ("low", "high"))
    if not np.isnan(low).all():
        axes.fill_between(xs, low, high, color=look["color"], alpha=alpha, linewidth=0)


def dense_band(axes: Axes, points: Mapping[float, Summary], look: Mapping[str, Any], **line: Any) -> None:
    """:func:`band` for many lines or many points: small marks, none where there are more than 15."""
    small = {"markersize": 5} if len(points) <= 15 else {"marker": ""}
    band(axes, points, look, alpha=0.2, **small, **line)


def result_rows(
    axes: Axes,
    results: Mapping[str, Summary],
    *,
    reference: str | None = None,
    lowest: float = 0.0,
    below: float = 0.24,
) -> None:
    """A row for each result, the first on top: a point with its interval or range, and single runs as small dots `below` it.

    The reference is a line through all rows. What lies lower than `lowest` is written at the left edge instead.
    """
    for row, (name, one) in enumerate(results.items()):
        if one.centre < lowest:
            edge: dict[str, Any] = {
                "xycoords": ("axes fraction", "data"),
                "xytext": (3, 0),
                "textcoords": "offset points",
            }
            axes.annotate(
                f"◀ {100 * one.centre:.0f}", (0, row), **edge, va="center", fontsize=10, color=PALETTE["blue"]
            )
            continue
        colour, marker = ("vermilion", "D") if name == reference else ("blue", "o")
        error_bars(axes, [row], [one], across=True, color=PALETTE[colour], marker=marker, linestyle="none", zorder=3)
        axes.plot(one.runs, [row + below] * len(one.runs), ".", color="#555555", markersize=5, alpha=0.7)
    if reference is not None:
        axes.axvline(results[reference].centre, color=PALETTE["vermilion"], linestyle="--", linewidth=1, zorder=1)
    axes.set_yticks(range(len(results)), list(results))
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.grid(False, axis="y")
    percent_axis(axes, "x")


def write_in_cell(axes: Axes, image: AxesImage, row: int, column: int, text: str, **look: Any) -> None:
    """A text in the middle of an image's cell, black or white as its colour asks for."""
    values: Any = image.get_array()
    colour: Any = image.cmap(image.norm(values[row, column]))
    axes.text(column, row, text, ha="center", va="center", color=text_on(colour), **look)


def class_dots(axes: Axes, points: Any, labels: Any, class_names: Sequence[str], *, what: str, size: float) -> None:
    """Points in two dimensions, with a colour and a marker for each class.

    Raises
    ------
    ValueError
        Points that do not fit the labels, or a label without a name.
    """
    points, truth = np.asarray(points, dtype=float), classes(labels)
    if points.shape != (truth.size, 2):
        raise ValueError(
            f"{what} has shape {points.shape}; {truth.size} labels need {(truth.size, 2)}: reduce features first, "
            "e.g. with sklearn.decomposition.PCA(2)"
        )
    if truth.max() >= len(class_names):
        raise ValueError(f"label {truth.max()} has no name among {len(class_names)} class names")
    for number, (name, look) in enumerate(zip(class_names, looks(len(class_names)), strict=True)):
        x, y = points[truth == number].T
        marks: dict[str, Any] = {"marker": look["marker"], "color": look["color"], "label": name}
        axes.scatter(x, y, s=size, alpha=0.6, linewidths=0, **marks)


def picture_axes(
    width: float, height: float, rows: int, columns: int, *, w_pad: float = 0.02, **options: Any
) -> tuple[Figure, NDArray[Any]]:
    """A figure of panels without axes, close to each other."""
    figure, axes = new_figure(width, height, rows, columns, **options)
    layout: Any = figure.get_layout_engine()  # the constrained one of the style
    layout.set(w_pad=w_pad, h_pad=0.02, wspace=0.01, hspace=0.01)
    for place in axes.ravel():
        place.axis("off")
    return figure, axes


def write_over(
    axes: Axes, text: str, *, warn: bool = False, loc: Literal["left", "center", "right"] = "center", **look: Any
) -> None:
    """A text over a picture, in another colour where it is a warning."""
    axes.set_title(text, fontsize=10, pad=3, loc=loc, color=PALETTE["vermilion"] if warn else INK, **look)
