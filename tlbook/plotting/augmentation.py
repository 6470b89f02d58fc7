"""What augmentation does to an image, and what it does to accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tlbook._checks import some
from tlbook.evaluation import PairedTest
from tlbook.plotting.images import _shown
from tlbook.plotting.style import PALETTE, finished, looks, new_figure, percent_axis, style, summaries, text_on

__all__ = ["augmentation_gallery", "change_effects", "effect_grid", "strength_curves"]


def augmentation_gallery(
    before: Any,
    rows: Mapping[str, Sequence[Any]],
    notes: Mapping[str, Sequence[str]] | None = None,
    *,
    width: float = 6.0,
) -> Figure:
    """One image before, and after changes of growing strength: a row for each kind of change.

    Parameters
    ----------
    before : array_like, shape (height, width, 3)
    rows : mapping of str to sequence of images
        The same number in each row, weakest first.
    notes : mapping of str to sequence of str, optional
        A word under each image of a row; those that say "lost" are set in another colour
        and framed.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Rows are dealt to two columns.
    """
    lengths = {name: len(images) for name, images in rows.items()}
    if not rows or len(set(lengths.values())) != 1:
        raise ValueError(f"every row needs the same number of images, but they have {lengths}")
    n = next(iter(lengths.values()))
    half = -(-len(rows) // 2)
    columns = 2 * (n + 1)
    cell = width / (columns + 0.6)
    with style():
        figure, axes = new_figure(width, half * (cell + 0.34), half, columns)
        figure.get_layout_engine().set(w_pad=0.01, h_pad=0.02, wspace=0.01, hspace=0.01)
        for place in axes.ravel():
            place.set_axis_off()
        for index, (name, images) in enumerate(rows.items()):
            places = axes[index % half, (index // half) * (n + 1) :][: n + 1]
            places[0].set_title(name, fontsize=10, loc="left", pad=3)
            for place, image, note in zip(
                places, _shown([before, *images]), ["", *(notes or {}).get(name, [""] * n)], strict=True
            ):
                place.imshow(image)
                if "lost" in note:
                    place.set_axis_on()
                    place.grid(False)
                    place.set(xticks=[], yticks=[])
                    for spine in place.spines.values():
                        spine.set(visible=True, color=PALETTE["vermilion"], linewidth=2)
                if note:
                    place.set_title(note, fontsize=10, pad=3, loc="center", color=_note_colour(note))
        return finished(figure)


def _note_colour(note: str) -> str:
    return PALETTE["vermilion"] if "lost" in note else "#222222"


def change_effects(
    panels: Mapping[str, Mapping[str, PairedTest]],
    *,
    xlabel: str = "change of test accuracy (points)",
    width: float = 6.5,
    height: float | None = None,
) -> Figure:
    """What each change does against doing without: differences with intervals, a panel for each way of training.

    Parameters
    ----------
    panels : mapping of str to mapping of str to PairedTest
        ``{way of training: {change: test of "with" against "without"}}``. A change missing
        in a panel leaves its line empty there.
    width, height : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Better: filled green dot; worse: vermilion diamond; cannot tell: open grey dot.
    """
    names = list(dict.fromkeys(name for tests in panels.values() for name in tests))
    some(names, "change_effects", "change")
    kinds = {
        "helps": {"color": PALETTE["green"], "marker": "o", "markerfacecolor": PALETTE["green"]},
        "hurts": {"color": PALETTE["vermilion"], "marker": "D", "markerfacecolor": PALETTE["vermilion"]},
        "cannot tell": {"color": "#777777", "marker": "o", "markerfacecolor": "white"},
    }
    with style():
        figure, axes = new_figure(width, height or 1.1 + 0.25 * len(names), 1, len(panels), sharey=True)
        shown = set()
        for place, (title, tests) in zip(axes[0], panels.items(), strict=True):
            for row, name in enumerate(names):
                if name not in tests:
                    continue
                test = tests[name]
                kind = "cannot tell" if test.winner is None else "helps" if test.difference.value > 0 else "hurts"
                one = test.difference
                place.errorbar(
                    [one.value], [row],
                    xerr=[[max(0.0, one.value - one.low)], [max(0.0, one.high - one.value)]],
                    capsize=2, elinewidth=1.5, linestyle="none", markersize=5,
                    label=None if kind in shown else kind, **kinds[kind],
                )  # fmt: skip
                shown.add(kind)
            place.axvline(0, color="#666666", linewidth=1, zorder=1)
            place.set_title(title, fontsize=10)
            place.grid(False, axis="y")
            percent_axis(place, "x")
        axes[0, 0].set_yticks(range(len(names)), names)
        axes[0, 0].set_ylim(len(names) - 0.4, -0.6)
        figure.supxlabel(xlabel, fontsize=11)
        figure.legend(loc="outside upper center", ncols=3, handlelength=1)
        return finished(figure)


def effect_grid(
    effects: Mapping[str, Mapping[str, PairedTest]], *, xlabel: str = "test images", width: float = 5.2
) -> Figure:
    """Changes (rows) against kinds of test images (columns): differences in points, in bold where they can be told.

    Parameters
    ----------
    effects : mapping of str to mapping of str to PairedTest
        ``{change: {test images: test of "with" against "without"}}``, the same columns in each row.

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns = list(next(iter(effects.values()), {}))
    if not columns or any(list(row) != columns for row in effects.values()):
        raise ValueError("effect_grid: every row needs the same columns, at least one")
    points = np.array([[100 * test.difference.value for test in row.values()] for row in effects.values()])
    limit = max(1.0, float(np.abs(points).max()))
    with style():
        figure, ((axes,),) = new_figure(width, 0.8 + 0.27 * len(effects))
        shown = axes.imshow(points, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
        for i, row in enumerate(effects.values()):
            for j, test in enumerate(row.values()):
                told = test.winner is not None
                axes.text(
                    j, i, f"{points[i, j]:+.1f}", ha="center", va="center", fontsize=10,
                    fontweight="bold" if told else "normal", color=text_on(shown.cmap(shown.norm(points[i, j]))),
                )  # fmt: skip
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(effects)), list(effects))
        axes.grid(False)
        axes.set_xlabel(xlabel)
        bar = figure.colorbar(shown, ax=axes)
        bar.set_label("change of accuracy (points)")
        return finished(figure)


def strength_curves(
    panels: Mapping[str, Mapping[str, Mapping[float, Any]]],
    *,
    ylabel: str = "test accuracy (%)",
    columns: int = 3,
    width: float = 6.5,
) -> Figure:
    """Accuracy over the strength of something, a panel for each kind, a line for each way of training.

    Parameters
    ----------
    panels : mapping of str to mapping of str to mapping of number to result
        ``{kind: {series: {strength: result}}}``; results as for
        :func:`tlbook.plotting.learning_curve`. Strengths stand at equal distances, since
        they often differ by factors.
    columns : int

    Returns
    -------
    matplotlib.figure.Figure
        Lists of runs: median, and a bar from the smallest to the largest.
    """
    some(panels, "strength_curves", "panel")
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    with style():
        figure, axes = new_figure(width, 0.5 + 2.1 * rows, rows, columns, sharey=True)
        for place in axes.ravel()[len(panels) :]:
            place.axis("off")
        for place, (kind, series) in zip(axes.ravel(), panels.items(), strict=False):
            strengths = sorted({s for points in series.values() for s in points})
            for index, ((name, points), look) in enumerate(zip(series.items(), looks(len(series)), strict=True)):
                drawn = summaries(points, f"strength_curves, {kind}, {name}")
                ordered = sorted(drawn)
                xs = [strengths.index(s) + 0.12 * (index - (len(series) - 1) / 2) for s in ordered]
                centres = [drawn[s].centre for s in ordered]
                low = [
                    max(0.0, drawn[s].centre - drawn[s].low) if drawn[s].low == drawn[s].low else 0.0 for s in ordered
                ]
                high = [
                    max(0.0, drawn[s].high - drawn[s].centre) if drawn[s].low == drawn[s].low else 0.0 for s in ordered
                ]
                place.errorbar(xs, centres, yerr=[low, high], capsize=2, elinewidth=1.2, label=name, **look)
            place.set_xticks(range(len(strengths)), [f"{s:g}" for s in strengths])
            place.set_title(kind, fontsize=10)
            place.grid(False, axis="x")
            percent_axis(place)
        for row in axes:
            row[0].set_ylabel(ylabel)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), handlelength=2.4)
        return finished(figure)
