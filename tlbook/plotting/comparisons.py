"""Results side by side: by amount of data, by layer, by strategy, by cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import NullFormatter

from tlbook._checks import one_of, some
from tlbook.plotting.marks import band, dense_band, error_bars, result_rows
from tlbook.plotting.style import DOTTED, TURNED, looks, new_figure, percent_axis, styled, summaries

__all__ = ["accuracy_by_layer", "bands", "cost_accuracy", "learning_curve", "strategy_comparison"]


def _count(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


@styled
def learning_curve(
    results: Mapping[str, Mapping[float, Any]],
    *,
    xlabel: str = "labelled training images",
    ylabel: str = "test accuracy (%)",
    log: bool = True,
    width: float = 6.0,
    height: float = 3.7,
) -> Figure:
    """Accuracy against the number of images, a line and a band for each method.

    Parameters
    ----------
    results : mapping of str to mapping of number to result
        ``{method: {number of images: result}}``. A result is a number, an
        ``Estimate`` (band: its interval), a ``SeedSpread`` (mean and t-interval), a
        ``results.Spread`` or a list of one accuracy a seed (line: median, band:
        smallest to largest). Say in the caption which of these the band is.
    xlabel, ylabel : str
    log : bool
        Logarithmic number of images, with a tick at each number measured.
    width, height : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Nothing to draw; something else than results; on a logarithmic axis, numbers of 0 or less.
    """
    some(results, "learning_curve", "method")
    drawn = {name: summaries(points, f"learning_curve, {name}") for name, points in results.items()}
    figure, ((axes,),) = new_figure(width, height)
    for (name, points), look in zip(drawn.items(), looks(len(drawn)), strict=True):
        band(axes, points, look, label=name)
    if log:
        measured = sorted({float(x) for points in drawn.values() for x in points})
        if measured[0] <= 0:
            raise ValueError("numbers of images must be above 0 on a logarithmic axis")
        axes.set_xscale("log")
        # labels of neighbours closer than a third of an octave would touch
        kept = [measured[-1]]
        gap = max(1.25, (measured[-1] / measured[0]) ** (1 / 9))
        for tick in reversed(measured[:-1]):
            if kept[-1] / tick >= gap:
                kept.append(tick)
        axes.set_xticks(kept)
        axes.minorticks_off()
    axes.xaxis.set_major_formatter(lambda value, _: _count(value))
    percent_axis(axes)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if len(results) > 1:
        axes.legend(loc="best", handlelength=2.6)
    return figure


@styled
def bands(
    results: Mapping[str, Mapping[float, Any]],
    *,
    xlabel: str,
    ylabel: str,
    marks: Mapping[str, float] | None = None,
    log_x: bool = False,
    share_x: bool = False,
    percent: bool = True,
    width: float = 6.0,
    height: float = 3.4,
) -> Figure:
    """Lines with bands over one number, e.g. metrics over the share of positives.

    Parameters
    ----------
    results : mapping of str to mapping of float to result
        For each line the results by place on the x axis: numbers, lists (one value a run: median and range), or Estimates.
    xlabel, ylabel : str
    marks : mapping of str to float, optional
        Upright lines at these places, with their names.
    log_x : bool
        A logarithmic x axis.
    share_x, percent : bool
        Write x, or y, in percent.
    width, height : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Nothing to draw, or something else than results.
    """
    some(results, "bands", "line")
    drawn = {name: summaries(points, f"bands, {name}") for name, points in results.items()}
    figure, ((axes,),) = new_figure(width, height)
    for (name, points), look in zip(drawn.items(), looks(len(drawn)), strict=True):
        dense_band(axes, points, look, label=name)
    for (name, x), line in zip((marks or {}).items(), (":", "--", "-.", "-"), strict=False):
        axes.axvline(x, color="#555555", linestyle=line, linewidth=1.2, label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if log_x:
        axes.set_xscale("log")
    if percent:
        percent_axis(axes)
    if share_x:
        percent_axis(axes, "x")
        axes.minorticks_off()
        if log_x:
            axes.set_xticks(sorted({x for points in drawn.values() for x in points}))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return figure


@styled
def accuracy_by_layer(
    results: Mapping[str, Any] | Mapping[str, Mapping[str, Any]],
    *,
    xlabel: str = "layer, from shallow to deep",
    ylabel: str = "test accuracy (%)",
    chance: float | None = None,
) -> Figure:
    """Accuracy of a probe at each layer, as dots with intervals.

    Parameters
    ----------
    results : mapping
        ``{layer: result}``, or ``{series: {layer: result}}`` for several series
        on the same layers; results as for :func:`learning_curve`.
    chance : float, optional
        Accuracy of guessing, drawn as a line.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Nothing to draw; something else than results; series on other layers than the first.
    """
    some(results, "accuracy_by_layer", "layer")
    several = isinstance(next(iter(results.values())), Mapping)
    series: Mapping[str, Mapping[str, Any]] = results if several else {"": results}
    figure, ((axes,),) = new_figure(6.0, 3.7)
    layers = list(next(iter(series.values())))
    for index, ((name, points), look) in enumerate(zip(series.items(), looks(len(series)), strict=True)):
        drawn = summaries(points, f"accuracy_by_layer, {name}")
        if list(drawn) != layers:
            raise ValueError(f"series {name!r} has other layers than the first: {list(drawn)}")
        xs = np.arange(len(layers)) + 0.16 * (index - (len(series) - 1) / 2)
        line = {"color": look["color"], "linestyle": look["linestyle"], "linewidth": 1}
        axes.plot(xs, [one.centre for one in drawn.values()], alpha=0.6, zorder=2, **line)
        for x, one in zip(xs, drawn.values(), strict=True):  # one by one: the legend keeps clear of each
            error_bars(axes, [x], [one], zorder=3, **(look | {"linestyle": "none"}))
        axes.plot([], [], marker=look["marker"], label=name, **line)
    turned = max(map(len, layers)) * len(layers) > 60
    axes.set_xticks(range(len(layers)), layers, **(TURNED if turned else {}))
    axes.grid(False, axis="x")
    if chance is not None:
        axes.axhline(chance, zorder=1, **DOTTED)
        axes.annotate(
            "chance",
            (1, chance),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),  # beside the axes: within them it would lie on points near chance
            textcoords="offset points",
            va="center",
            fontsize=10,
            color="#555555",
        )
    percent_axis(axes)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if several:
        axes.legend(loc="best")
    return figure


@styled
def strategy_comparison(
    results: Mapping[str, Any],
    *,
    xlabel: str = "test accuracy (%)",
    reference: str | None = None,
    width: float = 6.0,
) -> Figure:
    """One line a strategy: a dot with its interval, and single seeds as small dots.

    Parameters
    ----------
    results : mapping of str to result
        Drawn from top to bottom. Results as for :func:`learning_curve`; for a list
        of one accuracy a seed, the large dot is the median and the bar runs from
        the smallest to the largest.
    reference : str, optional
        Strategy whose centre is drawn as a vertical line through all.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Nothing to draw; something else than results; a reference that is none of the strategies.
    """
    drawn = summaries(results, "strategy_comparison")
    if reference is not None:
        one_of(reference, "reference", drawn)
    figure, ((axes,),) = new_figure(width, 0.9 + 0.42 * len(drawn))
    result_rows(axes, drawn, reference=reference)
    axes.set_xlabel(xlabel)
    return figure


def _apart(figure: Figure, labels: list[Annotation]) -> None:
    """Move labels that would cover another one up or down, the lower one of two down."""
    for _ in range(20):
        figure.draw_without_rendering()
        boxes = [label.get_window_extent() for label in labels]
        pairs = [(i, j) for i, j in combinations(range(len(labels)), 2) if boxes[i].overlaps(boxes[j])]
        if not pairs:
            return
        for pair in pairs:
            high, low = sorted(pair, key=lambda i: -boxes[i].y0)
            for which, step in ((high, 1.5), (low, -1.5)):
                x, y = labels[which].xyann
                labels[which].xyann = (x, y + step)


@styled
def cost_accuracy(
    results: Mapping[str, tuple[float, Any]],
    *,
    xlabel: str = "training time (s)",
    ylabel: str = "test accuracy (%)",
    log: bool = True,
    width: float = 6.0,
    height: float = 3.9,
) -> Figure:
    """What accuracy costs: a labelled dot with its interval for each method.

    Parameters
    ----------
    results : mapping of str to (cost, result)
        Cost in the unit that ``xlabel`` names (seconds, parameters, bytes);
        result as for :func:`learning_curve`.
    log : bool
        Logarithmic cost; costs must then be above 0.
    width, height : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Nothing to draw; something else than results; on a logarithmic axis, costs of 0 or less.
    """
    costs = {name: float(cost) for name, (cost, _) in results.items()}
    drawn = summaries({name: one for name, (_, one) in results.items()}, "cost_accuracy")
    if log and min(costs.values()) <= 0:
        raise ValueError("costs must be above 0 on a logarithmic axis; pass log=False")
    figure, ((axes,),) = new_figure(width, height)
    if log:
        axes.set_xscale("log")
    values = list(costs.values())
    middle = math.sqrt(min(values) * max(values)) if log else (min(values) + max(values)) / 2
    labels = []
    for (name, one), look in zip(drawn.items(), looks(len(drawn)), strict=True):
        error_bars(axes, [costs[name]], [one], zorder=3, **(look | {"linestyle": "none"}))
        aside, to = (-8, "right") if costs[name] > middle else (8, "left")
        place = {"xytext": (aside, 0), "textcoords": "offset points", "ha": to, "va": "center"}
        labels.append(axes.annotate(name, (costs[name], one.centre), fontsize=10, **place))
    axes.xaxis.set_major_formatter(lambda value, _: _count(value))
    if log:  # within less than a decade the ticks between are the only ones
        few = max(values) < 10 * min(values)
        axes.xaxis.set_minor_formatter((lambda value, _: _count(value)) if few else NullFormatter())
    axes.margins(x=0.12)
    percent_axis(axes)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    _apart(figure, labels)
    return figure
