"""Figures of the chapter on fine-tuning: what each strategy trains, what it gains and costs, where a learning rate destroys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from tlbook._checks import one_of, some
from tlbook.plotting.marks import band, result_rows
from tlbook.plotting.style import FROZEN, INK, PALETTE, looks, new_figure, percent_axis, styled, summaries

__all__ = ["rate_sweep", "schedule_curves", "statistics_moved", "strategy_costs", "training_plan"]


@styled
def training_plan(
    plan: Mapping[str, Sequence[float | str]], columns: Sequence[str], *, notes: Mapping[str, str]
) -> Figure:
    """What each strategy trains: one line a strategy, one field a part of the network.

    Parameters
    ----------
    plan : mapping of str to sequence of (float or str)
        For each strategy one entry a part, shallow to deep: 0 for frozen, a
        number up to 1 for trained at that share of the learning rate, or a text
        such as ``"from epoch 4"`` for trained with that condition.
    columns : sequence of str
        Names of the parts.
    notes : mapping of str to str
        A few words at the right of a strategy, such as how its head begins.

    Raises
    ------
    ValueError
        A strategy without one entry for each column, or a share outside 0 … 1.
    """
    for name, cells in plan.items():
        if len(cells) != len(columns):
            raise ValueError(f"{name!r} has {len(cells)} entries for the {len(columns)} parts {list(columns)}")
        if any(not isinstance(cell, str) and not 0 <= cell <= 1 for cell in cells):
            raise ValueError(f"{name!r}: a share of the learning rate lies between 0 and 1, not {list(cells)}")
    orange = np.array([0xE6, 0x9F, 0x00]) / 255
    edge: dict[str, Any] = {"edgecolor": INK, "linewidth": 0.7}

    def trained(strength: float) -> dict[str, Any]:
        return {"facecolor": 1 - strength * (1 - orange)}

    figure, ((axes,),) = new_figure(7.5, 1.0 + 0.36 * len(plan))
    axes.set_axis_off()
    for row, (name, cells) in enumerate(plan.items()):
        axes.text(-0.12, row, name, ha="right", va="center", fontsize=10)
        for column, cell in enumerate(cells):
            share = 1.0 if isinstance(cell, str) else cell
            look = trained(0.25 + 0.75 * share**0.5) if share else FROZEN
            axes.add_patch(Rectangle((column + 0.03, row - 0.38), 0.94, 0.76, **edge, **look))
            words = cell if isinstance(cell, str) else "" if share in (0, 1) else f"× {share:.2g}"
            axes.text(column + 0.5, row, words, ha="center", va="center", fontsize=8.5)
        axes.text(len(columns) + 0.1, row, notes.get(name, ""), ha="left", va="center", fontsize=9.5)
    for column, name in enumerate(columns):
        axes.text(column + 0.5, -0.55, name, ha="center", va="bottom", fontsize=10)
    low = len(plan) - 0.1
    for start, look, words in (
        (0.0, FROZEN, "frozen"),
        (1.3, trained(1), "trained"),
        (2.7, trained(0.45), "trained at a smaller rate"),
    ):
        axes.add_patch(Rectangle((start, low - 0.1), 0.24, 0.34, **edge, **look))
        axes.text(start + 0.32, low + 0.08, words, va="center", fontsize=9.5)
    left, right = (0.17 * max(map(len, texts), default=0) for texts in (plan, notes.values()))
    axes.set(xlim=(-left - 0.2, len(columns) + 0.15 + right), ylim=(low + 0.4, -1.15))
    return figure


@styled
def strategy_costs(
    accuracy: Mapping[str, Any],
    process_seconds: Mapping[str, float],
    parameters: Mapping[str, int],
    *,
    reference: str,
    lowest: float,
) -> Figure:
    """Strategies in three columns: test accuracy, training time, trainable parameters.

    Parameters
    ----------
    accuracy : mapping of str to result
        As for :func:`~tlbook.plotting.strategy_comparison`: for a list of one
        accuracy a run, the large dot is the median, the bar runs from the
        smallest to the largest, and the runs are small dots.
    process_seconds : mapping of str to float
        Of one training, summed over cores.
    parameters : mapping of str to int
        That training may change.
    reference : str
        Strategy whose accuracy is drawn as a vertical line.
    lowest : float
        Accuracy at which the axis begins. Strategies further down are written
        at its edge with their median, so that they do not squeeze the others.

    Raises
    ------
    ValueError
        The three mappings have other keys, or the reference is none of them.
    """
    drawn = summaries(accuracy, "strategy_costs")
    for what, other in (("process_seconds", process_seconds), ("parameters", parameters)):
        if set(other) != set(drawn):
            raise ValueError(f"accuracy and {what} are of other strategies: {sorted(set(other) ^ set(drawn))}")
    one_of(reference, "reference", drawn)
    rows = range(len(drawn))
    figure, (places,) = new_figure(7.5, 1.0 + 0.4 * len(drawn), 1, 3, sharey=True, width_ratios=[2.2, 1, 1.1])
    left, *others = places
    for place, of, words in zip(
        others, (process_seconds, parameters), ("process seconds", "trained parameters"), strict=True
    ):
        values = [float(of[name]) for name in drawn]
        place.barh(rows, values, height=0.55, color=PALETTE["sky"])
        for row, value in zip(rows, values, strict=True):
            text = f" {value:,.0f}" if value >= 10 or value == 0 else f" {value:.1f}"
            place.text(value, row, text, va="center", fontsize=9)
        place.set(xlim=(0, 1.75 * max(values)), xticks=[], xlabel=words)
        place.spines["bottom"].set_visible(False)
        place.grid(False, axis="y")
    result_rows(left, drawn, reference=reference, lowest=lowest, below=0.27)
    left.set_xlim(left=lowest)
    left.xaxis.set_major_locator(MaxNLocator(5))
    left.set_xlabel("test accuracy (%)")
    return figure


@styled
def rate_sweep(
    accuracy: Mapping[str, Mapping[float, Sequence[float]]],
    moved: Mapping[str, Mapping[float, Sequence[float]]],
    *,
    baseline: Sequence[float],
) -> Figure:
    """Accuracy, and how far the weights moved, against the learning rate.

    Parameters
    ----------
    accuracy, moved : mapping of str to mapping of float to sequence of float
        ``{series: {learning rate: [one value a run]}}``. Lines are medians, bands
        run from the smallest to the largest. ``moved`` is a relative distance,
        at least 0.
    baseline : sequence of float
        Accuracies of the linear probe, drawn as a level band.

    Raises
    ------
    ValueError
        No series, or other ones in the two.

    """
    if not accuracy or set(accuracy) != set(moved):
        raise ValueError(f"accuracy has the series {sorted(accuracy)}, moved has {sorted(moved)}; give the same, any")
    figure, ((left, right),) = new_figure(7.5, 3.5, 1, 2, width_ratios=[1.25, 1])
    left.axhspan(min(baseline), max(baseline), color="#999999", alpha=0.3, linewidth=0)
    left.axhline(np.median(baseline), color="#555555", linestyle=":", linewidth=1.5, label="linear probe")
    for place, curves in ((left, accuracy), (right, moved)):
        for (name, points), look in zip(curves.items(), looks(len(curves)), strict=True):
            band(place, summaries(points, f"rate_sweep, {name}"), look, label=name)
        place.set(xscale="log", xlabel="learning rate")
    percent_axis(left)
    left.set_ylabel("test accuracy (%)")
    left.legend(loc="best")
    right.set(yscale="log", ylabel="distance moved / size of weights")
    return figure


@styled
def statistics_moved(changes: Mapping[str, Sequence[float]]) -> Figure:
    """How far each moving mean went in training, one panel a case; the panels share one scale.

    Parameters
    ----------
    changes : mapping of str to sequence of float
        For each case, the change of every channel's moving mean, from the layer
        nearest to the image to the deepest.

    Raises
    ------
    ValueError
        No case.
    """
    some(changes, "statistics_moved", "case")
    figure, (axes,) = new_figure(7.5, 2.7, 1, len(changes), sharey=True)
    for place, (name, change) in zip(axes, changes.items(), strict=True):
        place.vlines(range(len(change)), 0, change, color=PALETTE["blue"], linewidth=1)
        place.axhline(0, color="#555555", linewidth=1)
        place.set_title(name, fontsize=10)
        place.set_xlabel("channel, by depth")
        place.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes[0].set_ylabel("change of the moving mean")
    return figure


@styled
def schedule_curves(rates: Mapping[str, Sequence[float]]) -> Figure:
    """Learning rates over the steps of a training, a line a schedule.

    Parameters
    ----------
    rates : mapping of str to sequence of float
        For instance from :func:`tlbook.transfer.learning_rates`.

    Raises
    ------
    ValueError
        No schedule.
    """
    some(rates, "schedule_curves", "schedule")
    figure, ((axes,),) = new_figure(6.0, 2.6)
    for (name, values), look in zip(rates.items(), looks(len(rates)), strict=True):
        axes.plot(range(1, len(values) + 1), values, label=name, markevery=max(1, len(values) // 8), **look)
    axes.set_ylim(bottom=0)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    axes.set(xlabel="step", ylabel="learning rate")
    axes.legend(loc="best")
    return figure
