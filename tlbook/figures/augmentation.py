"""Figures of the chapter on augmentation: what it does to an image, and what it does to accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from tlbook._checks import some
from tlbook.evaluation import PairedTest
from tlbook.plotting.images import shown
from tlbook.plotting.marks import error_bars, picture_axes, write_in_cell, write_over
from tlbook.plotting.style import PALETTE, looks, new_figure, percent_axis, styled, summaries, summary

__all__ = ["augmentation_gallery", "change_effects", "effect_grid", "strength_curves"]


@styled
def augmentation_gallery(
    before: ArrayLike, rows: Mapping[str, Sequence[Any]], notes: Mapping[str, Sequence[str]]
) -> Figure:
    """One image before, and after changes of growing strength: a row for each kind of change, dealt to two columns.

    Parameters
    ----------
    before : array_like, shape (height, width, 3)
    rows : mapping of str to sequence of images
        The same number in each row, weakest first.
    notes : mapping of str to sequence of str
        A word over each image of a row, if any; those that say "lost" are set in another colour
        and framed.

    Raises
    ------
    ValueError
        No rows, or rows of different length.
    """
    lengths = {name: len(images) for name, images in rows.items()}
    if not rows or len(set(lengths.values())) != 1:
        raise ValueError(f"every row needs the same number of images, but they have {lengths}")
    n = next(iter(lengths.values()))
    half, columns = -(-len(rows) // 2), 2 * (n + 1)
    figure, axes = picture_axes(6.0, half * (6.0 / (columns + 0.6) + 0.34), half, columns, w_pad=0.01)
    for index, (name, images) in enumerate(rows.items()):
        places = axes[index % half, (index // half) * (n + 1) :][: n + 1]
        write_over(places[0], name, loc="left")
        words = ["", *notes.get(name, [""] * n)]
        for place, image, note in zip(places, shown([before, *images]), words, strict=True):
            place.imshow(image)
            lost = "lost" in note
            write_over(place, note, warn=lost)
            if lost:
                place.set_axis_on()
                place.grid(False)
                place.set(xticks=[], yticks=[])
                place.spines[:].set(visible=True, color=PALETTE["vermilion"], linewidth=2)
    return figure


@styled
def change_effects(panels: Mapping[str, Mapping[str, PairedTest]]) -> Figure:
    """What each change does against doing without: differences with intervals, a panel for each way of training.

    Better: filled green dot; worse: vermilion diamond; cannot tell: open grey dot.

    Parameters
    ----------
    panels : mapping of str to mapping of str to PairedTest
        ``{way of training: {change: test of "with" against "without"}}``. A change missing
        in a panel leaves its line empty there.

    Raises
    ------
    ValueError
        No change in any panel.
    """
    names = list(dict.fromkeys(name for tests in panels.values() for name in tests))
    some(names, "change_effects", "change")
    kinds = {
        "helps": {"color": PALETTE["green"], "marker": "o", "markerfacecolor": PALETTE["green"]},
        "hurts": {"color": PALETTE["vermilion"], "marker": "D", "markerfacecolor": PALETTE["vermilion"]},
        "cannot tell": {"color": "#777777", "marker": "o", "markerfacecolor": "white"},
    }
    look = {"capsize": 2, "elinewidth": 1.5, "linestyle": "none", "markersize": 5}
    figure, (axes,) = new_figure(6.5, 1.1 + 0.25 * len(names), 1, len(panels), sharex=True, sharey=True)
    legend: dict[str, Any] = {}  # of containers, which a legend takes as well as artists
    for place, (title, tests) in zip(axes, panels.items(), strict=True):
        for name, test in tests.items():
            kind = "cannot tell" if test.winner is None else "helps" if test.difference.value > 0 else "hurts"
            difference = summary(test.difference, "change_effects")
            legend.setdefault(
                kind, error_bars(place, [names.index(name)], [difference], across=True, **look, **kinds[kind])
            )
        place.axvline(0, color="#666666", linewidth=1, zorder=1)
        place.set_title(title, fontsize=10)
        place.grid(False, axis="y")
        percent_axis(place, "x")
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    figure.supxlabel("change of test accuracy (points)", fontsize=11)
    figure.legend(list(legend.values()), list(legend), loc="outside upper center", ncols=3, handlelength=1)
    return figure


@styled
def effect_grid(effects: Mapping[str, Mapping[str, PairedTest]], *, xlabel: str) -> Figure:
    """Changes (rows) against kinds of test images (columns): differences in points, in bold where they can be told.

    Parameters
    ----------
    effects : mapping of str to mapping of str to PairedTest
        ``{change: {test images: test of "with" against "without"}}``, the same columns in each row.
    xlabel : str

    Raises
    ------
    ValueError
        Rows with different columns, or with none.
    """
    columns = list(next(iter(effects.values()), {}))
    if not columns or any(list(row) != columns for row in effects.values()):
        raise ValueError("effect_grid: every row needs the same columns, at least one")
    points = np.array([[100 * test.difference.value for test in row.values()] for row in effects.values()])
    limit = max(1.0, float(np.abs(points).max()))
    figure, ((axes,),) = new_figure(5.2, 0.8 + 0.27 * len(effects))
    image = axes.imshow(points, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
    for i, row in enumerate(effects.values()):
        for j, test in enumerate(row.values()):
            weight = "normal" if test.winner is None else "bold"
            write_in_cell(axes, image, i, j, f"{points[i, j]:+.1f}", fontsize=10, fontweight=weight)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(effects)), list(effects))
    axes.grid(False)
    axes.set_xlabel(xlabel)
    figure.colorbar(image, ax=axes, label="change of accuracy (points)")
    return figure


@styled
def strength_curves(panels: Mapping[str, Mapping[str, Mapping[float, Any]]]) -> Figure:
    """Test accuracy over the strength of something, a panel for each kind, a line for each way of training.

    Parameters
    ----------
    panels : mapping of str to mapping of str to mapping of number to result
        ``{kind: {series: {strength: result}}}``; results as for
        :func:`tlbook.plotting.learning_curve` (of lists of runs, the median, and a bar from the
        smallest to the largest). Strengths stand at equal distances, since they often differ by factors.

    Raises
    ------
    ValueError
        No panel, or something else than results.
    """
    some(panels, "strength_curves", "panel")
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = new_figure(6.5, 0.5 + 2.1 * rows, rows, columns, sharey=True)
    for place in axes.ravel()[len(panels) :]:
        place.axis("off")
    for place, (kind, series) in zip(axes.ravel(), panels.items(), strict=False):
        strengths = sorted({s for points in series.values() for s in points})
        for index, ((name, points), look) in enumerate(zip(series.items(), looks(len(series)), strict=True)):
            results = dict(sorted(summaries(points, f"strength_curves, {kind}, {name}").items()))
            xs = [strengths.index(s) + 0.12 * (index - (len(series) - 1) / 2) for s in results]
            error_bars(place, xs, results.values(), capsize=2, elinewidth=1.2, label=name, **look)
        place.set_xticks(range(len(strengths)), [f"{s:g}" for s in strengths])
        place.set_title(kind, fontsize=10)
        place.grid(False, axis="x")
        percent_axis(place)
    for row in axes:
        row[0].set_ylabel("test accuracy (%)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), handlelength=2.4)
    return figure
