"""Accuracies side by side: by amount of data, by layer, by strategy, by cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from tlbook._checks import one_of, some
from tlbook.plotting.style import (
    PALETTE,
    Summary,
    finished,
    looks,
    new_figure,
    percent_axis,
    style,
    summaries,
)

__all__ = ["accuracy_by_layer", "cost_accuracy", "learning_curve", "strategy_comparison"]


def _bar(axes: Axes, x: float, one: Summary, look: dict[str, Any], across: bool = False) -> None:
    """A dot with its interval, upright or lying."""
    error = None
    if not math.isnan(one.low):
        error = [[max(0.0, one.centre - one.low)], [max(0.0, one.high - one.centre)]]
    kwargs = {
        "fmt": look["marker"],
        "color": look["color"],
        "capsize": 3,
        "elinewidth": 1.8,
        "zorder": 3,
    }
    if across:
        axes.errorbar([one.centre], [x], xerr=error, **kwargs)
    else:
        axes.errorbar([x], [one.centre], yerr=error, **kwargs)


def _count(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


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
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    some(results, "learning_curve", "method")
    with style():
        figure, ((axes,),) = new_figure(width, height)
        ticks: set[float] = set()
        for (name, points), look in zip(results.items(), looks(len(results)), strict=True):
            drawn = summaries(points, f"learning_curve, {name}")
            xs = np.array(sorted(drawn), dtype=float)
            parts = [drawn[x] for x in sorted(drawn)]
            ticks.update(xs.tolist())
            axes.plot(xs, [part.centre for part in parts], label=name, **look)
            low = np.array([part.low for part in parts])
            high = np.array([part.high for part in parts])
            axes.fill_between(xs, low, high, color=look["color"], alpha=0.18, linewidth=0)
        if log:
            if min(ticks) <= 0:
                raise ValueError("numbers of images must be above 0 on a logarithmic axis")
            axes.set_xscale("log")
            shown = sorted(ticks)
            # labels of neighbours closer than a third of an octave would touch
            kept = [shown[-1]]
            gap = max(1.25, (shown[-1] / shown[0]) ** (1 / 9))
            for tick in reversed(shown[:-1]):
                if kept[-1] / tick >= gap:
                    kept.append(tick)
            axes.xaxis.set_major_locator(FixedLocator(kept))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(lambda value, _: _count(value))
        percent_axis(axes)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        if len(results) > 1:
            axes.legend(loc="best", handlelength=2.6)
        return finished(figure)


def accuracy_by_layer(
    results: Mapping[str, Any] | Mapping[str, Mapping[str, Any]],
    *,
    xlabel: str = "layer, from shallow to deep",
    ylabel: str = "test accuracy (%)",
    chance: float | None = None,
    width: float = 6.0,
    height: float = 3.7,
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
    """
    some(results, "accuracy_by_layer", "layer")
    several = isinstance(next(iter(results.values())), Mapping)
    series: Mapping[str, Mapping[str, Any]] = results if several else {"": results}  # type: ignore
    with style():
        figure, ((axes,),) = new_figure(width, height)
        layers = list(next(iter(series.values())))
        for index, ((name, points), look) in enumerate(zip(series.items(), looks(len(series)), strict=True)):
            drawn = summaries(points, f"accuracy_by_layer, {name}")
            if list(drawn) != layers:
                raise ValueError(f"series {name!r} has other layers than the first: {list(drawn)}")
            shift = 0.16 * (index - (len(series) - 1) / 2)
            xs = np.arange(len(layers)) + shift
            axes.plot(
                xs,
                [one.centre for one in drawn.values()],
                color=look["color"],
                linestyle=look["linestyle"],
                linewidth=1,
                alpha=0.6,
                zorder=2,
            )
            for x, one in zip(xs, drawn.values(), strict=True):
                _bar(axes, x, one, look)
            axes.plot(
                [], [], marker=look["marker"], color=look["color"], label=name, linestyle=look["linestyle"], linewidth=1
            )
        axes.set_xticks(range(len(layers)), layers)
        if max(map(len, layers)) * len(layers) > 60:
            axes.tick_params(axis="x", rotation=35)
            for label in axes.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor")
        axes.grid(False, axis="x")
        if chance is not None:
            axes.axhline(chance, color="#666666", linestyle=":", linewidth=1.5, zorder=1)
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
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        if several:
            axes.legend(loc="best")
        return finished(figure)


def strategy_comparison(
    results: Mapping[str, Any],
    *,
    xlabel: str = "test accuracy (%)",
    reference: str | None = None,
    width: float = 6.0,
    height: float | None = None,
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

    Returns
    -------
    matplotlib.figure.Figure
    """
    drawn = summaries(results, "strategy_comparison")
    if reference is not None:
        one_of(reference, "reference", drawn)
    with style():
        figure, ((axes,),) = new_figure(width, height or 0.9 + 0.42 * len(drawn))
        for row, (name, one) in enumerate(drawn.items()):
            colour = PALETTE["vermilion"] if name == reference else PALETTE["blue"]
            marker = "D" if name == reference else "o"
            _bar(axes, row, one, {"marker": marker, "color": colour}, across=True)
            axes.plot(
                one.runs,
                [row + 0.24] * len(one.runs),
                ".",
                color="#555555",
                markersize=5,
                alpha=0.7,
            )
        if reference is not None:
            axes.axvline(
                drawn[reference].centre,
                color=PALETTE["vermilion"],
                linestyle="--",
                linewidth=1,
                zorder=1,
            )
        axes.set_yticks(range(len(drawn)), list(drawn))
        axes.set_ylim(len(drawn) - 0.5, -0.5)
        axes.grid(False, axis="y")
        percent_axis(axes, "x")
        axes.set_xlabel(xlabel)
        return finished(figure)


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

    Returns
    -------
    matplotlib.figure.Figure
    """
    costs = {name: float(cost) for name, (cost, _) in results.items()}
    drawn = summaries({name: one for name, (_, one) in results.items()}, "cost_accuracy")
    if log and min(costs.values()) <= 0:
        raise ValueError("costs must be above 0 on a logarithmic axis; pass log=False")
    with style():
        figure, ((axes,),) = new_figure(width, height)
        if log:
            axes.set_xscale("log")
        values = list(costs.values())
        middle = math.sqrt(min(values) * max(values)) if log else (min(values) + max(values)) / 2
        labels = []
        for (name, one), look in zip(drawn.items(), looks(len(drawn)), strict=True):
            _bar(axes, costs[name], one, look)
            left = costs[name] > middle
            labels.append(
                axes.annotate(
                    name,
                    (costs[name], one.centre),
                    xytext=(-8 if left else 8, 0),
                    textcoords="offset points",
                    ha="right" if left else "left",
                    va="center",
                    fontsize=10,
                )
            )
        axes.xaxis.set_major_formatter(lambda value, _: _count(value))
        if log:  # within less than a decade the ticks between are the only ones
            few = max(values) < 10 * min(values)
            axes.xaxis.set_minor_formatter((lambda value, _: _count(value)) if few else NullFormatter())
        axes.margins(x=0.12)
        percent_axis(axes)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        _apart(figure, labels)
        return finished(figure)
