"""Figures of the chapters on fine-tuning: what each way trains, what it gains and costs, where a learning rate destroys."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from tlbook._checks import one_of, some
from tlbook.evaluation import PairedTest
from tlbook.plotting.marks import band, class_dots, error_bars, result_rows
from tlbook.plotting.style import (
    DOTTED,
    FROZEN,
    INK,
    PALETTE,
    looks,
    new_figure,
    percent_axis,
    styled,
    summaries,
    summary,
)

__all__ = [
    "by_test_set",
    "differences",
    "feature_planes",
    "range_test",
    "rate_sweep",
    "schedule_curves",
    "statistics_moved",
    "strategy_costs",
    "training_plan",
    "two_modes",
    "two_phases",
]


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
    estimated: Collection[str] = (),
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
    estimated : collection of str
        Strategies whose time was not measured to the end: written with ≈, over a hatched bar.

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
    figure, (places,) = new_figure(7.8, 1.0 + 0.4 * len(drawn), 1, 3, sharey=True, width_ratios=[2.2, 1, 1.1])
    left, *others = places
    for place, of, words in zip(
        others, (process_seconds, parameters), ("process\nseconds", "trained\nparameters"), strict=True
    ):
        values = [float(of[name]) for name in drawn]
        bars = place.barh(rows, values, height=0.55, color=PALETTE["sky"])
        for row, (name, value) in enumerate(zip(drawn, values, strict=True)):
            text = f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:.1f}"
            if of is process_seconds and name in estimated:
                text = f"≈ {text}"
                bars[row].set(hatch="///", edgecolor="white")
            place.text(value, row, f" {text}", va="center", fontsize=9)
        place.set(xlim=(0, 1.75 * max(values)), xticks=[], xlabel=words)
        place.spines["bottom"].set_visible(False)
        place.grid(False, axis="y")
    result_rows(left, drawn, reference=reference, lowest=lowest, below=0.27)
    left.set_xlim(left=lowest)
    left.xaxis.set_major_locator(MaxNLocator(5))
    left.set_xlabel("test accuracy (%)")
    return figure


@styled
def differences(
    panels: Mapping[str, Mapping[str, PairedTest]],
    *,
    limit: float,
    order: Sequence[str] | None = None,
    xlabel: str = "difference of test accuracy (points)",
) -> Figure:
    """What was found of each difference and what could have been found: a line a comparison, a panel a family of them.

    A dot with its interval is filled where the first is better (green), a diamond where it is worse
    (vermilion), a square where the first is shown to lose less than the margin of the comparison (blue), open and
    grey where one cannot tell; two ticks mark the smallest difference that would have been
    found with 80 % power. At the right stands the difference.

    Parameters
    ----------
    panels : mapping of str to mapping of str to PairedTest
        ``{title: {comparison: test}}``; a comparison missing in a panel leaves its line empty there.
    limit : float
        Where the axis ends on both sides, as a share. What lies further out is drawn as an arrow at the edge.
    order : sequence of str, optional
        Comparisons from top to bottom; default: in the order in which they come.
    xlabel : str

    Raises
    ------
    ValueError
        No comparison in any panel; an order of others.
    """
    names = list(dict.fromkeys(name for tests in panels.values() for name in tests))
    some(names, "differences", "comparison")
    if order is not None:
        if sorted(order) != sorted(names):
            raise ValueError(f"differences: order names {list(order)}, the panels have {names}")
        names = list(order)
    kinds = {
        "better": {"color": PALETTE["green"], "marker": "o", "markerfacecolor": PALETTE["green"]},
        "worse": {"color": PALETTE["vermilion"], "marker": "D", "markerfacecolor": PALETTE["vermilion"]},
        "loses less than the margin": {"color": PALETTE["blue"], "marker": "s", "markerfacecolor": PALETTE["blue"]},
        "cannot tell": {"color": "#777777", "marker": "o", "markerfacecolor": "white"},
    }
    figure, (axes,) = new_figure(8.0, 1.2 + 0.3 * len(names), 1, len(panels), sharey=True)
    legend: dict[str, Any] = {}
    for place, (title, tests) in zip(axes, panels.items(), strict=True):
        for name, test in tests.items():
            row, value = names.index(name), test.difference.value
            kind = "better" if value > 0 else "worse"
            if test.winner is None:
                kind = "loses less than the margin" if test.names[0] in test.non_inferior else "cannot tell"
            if abs(value) <= limit:
                look = {"capsize": 0, "linestyle": "none", "markersize": 6, "zorder": 3}
                drawn = summary(test.difference, "differences")
                legend.setdefault(kind, error_bars(place, [row], [drawn], across=True, **look, **kinds[kind]))
            else:
                arrow = "◀" if value < 0 else "▶"
                place.text(np.sign(value) * limit, row, arrow, ha="center", va="center", color=kinds[kind]["color"])
            if test.detectable is not None:
                ends = [-test.detectable, test.detectable]
                ticks = place.plot(
                    ends, [row, row], linestyle="none", marker="|", markersize=11, color="#999999", zorder=2
                )
                legend.setdefault("could have been found", ticks[0])
            edge = {"xycoords": ("axes fraction", "data"), "xytext": (4, 0), "textcoords": "offset points"}
            place.annotate(f"{100 * value:+z.1f}".replace("-", "−"), (1, row), **edge, va="center", fontsize=10)
        place.axvline(0, color="#666666", linewidth=1, zorder=1)
        place.set_xlim(-1.04 * limit, 1.04 * limit)
        place.set_title(title, fontsize=11)
        place.grid(False, axis="y")
        place.xaxis.set_major_locator(MaxNLocator(5))
        percent_axis(place, "x")
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    figure.supxlabel(xlabel, fontsize=11)
    order = [kind for kind in (*kinds, "could have been found") if kind in legend]
    figure.legend([legend[kind] for kind in order], order, loc="outside upper center", ncols=len(order), handlelength=1)
    return figure


@styled
def by_test_set(results: Mapping[str, Mapping[str, Any]], *, xlabel: str = "test set", chance: float) -> Figure:
    """Accuracy of several methods on several test sets; nothing joins the sets, since they have no order.

    Parameters
    ----------
    results : mapping of str to mapping of str to result
        ``{method: {test set: result}}``, the same sets for each. For a list of one accuracy a run the large
        mark is the median, the bar runs from the smallest to the largest, and the runs are small dots.
    xlabel : str
    chance : float
        Accuracy of guessing, drawn as a line.

    Raises
    ------
    ValueError
        Nothing to draw, or other test sets in the methods.
    """
    some(results, "by_test_set", "method")
    sets = list(next(iter(results.values())))
    figure, ((axes,),) = new_figure(6.4, 3.7)
    step = 0.7 / len(results)
    for index, ((name, points), look) in enumerate(zip(results.items(), looks(len(results)), strict=True)):
        if list(points) != sets:
            raise ValueError(f"{name!r} has the test sets {list(points)}, the first method {sets}; give the same")
        xs = np.arange(len(sets)) + step * (index - (len(results) - 1) / 2)
        drawn = summaries(points, f"by_test_set, {name}")
        for x, one in zip(xs, drawn.values(), strict=True):
            error_bars(axes, [x], [one], zorder=3, **(look | {"linestyle": "none"}))
            axes.plot([x + 0.25 * step] * len(one.runs), one.runs, ".", color="#555555", markersize=5, alpha=0.7)
        axes.plot([], [], linestyle="none", marker=look["marker"], color=look["color"], label=name)
    axes.axhline(chance, zorder=1, label="chance", **DOTTED)
    axes.set_xticks(range(len(sets)), sets)
    axes.grid(False, axis="x")
    percent_axis(axes)
    axes.set(xlabel=xlabel, ylabel="test accuracy (%)")
    figure.legend(loc="outside upper center", ncols=2)
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


@styled
def two_phases(
    start: Mapping[str, float], head: Mapping[str, Sequence[float]], everything: Mapping[str, Sequence[float]]
) -> Figure:
    """One curve of two trainings: the head alone, then everything, with a line where the second begins.

    Parameters
    ----------
    start : mapping of str to float
        ``loss`` and ``accuracy`` on validation images before any training, as from ``model.evaluate``.
    head, everything : mapping of str to sequence of float
        What ``fit`` records of the two trainings: ``loss``, ``accuracy`` and the same with ``val_``.

    Raises
    ------
    ValueError
        A training without an epoch.
    """
    first, second = len(head["loss"]), len(everything["loss"])
    if not first or not second:
        raise ValueError(f"two_phases: {first} and {second} epochs; each training needs one at least")
    figure, (places,) = new_figure(7.0, 3.2, 1, 2)
    marks: dict[str, Any] = {}
    for place, quantity in zip(places, ("loss", "accuracy"), strict=True):
        training, validation = looks(2)
        curves = [*head[quantity], *everything[quantity]]
        held = [start[quantity], *head[f"val_{quantity}"], *everything[f"val_{quantity}"]]
        (marks["training"],) = place.plot(range(1, len(curves) + 1), curves, markersize=4, **training)
        (marks["validation"],) = place.plot(range(len(held)), held, markersize=4, **validation)
        marks["from here everything trains"] = place.axvline(first, color=INK, linewidth=1.5, linestyle="--")
        place.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
        place.set(xlabel="epoch", ylabel="accuracy (%)" if quantity == "accuracy" else "loss (nats)")
    percent_axis(places[1])
    figure.legend(marks.values(), marks.keys(), loc="outside upper center", ncols=len(marks))
    return figure


@styled
def range_test(rates: Sequence[float], losses: Sequence[float], *, window: int = 5) -> Figure:
    """The loss of each step of a learning-rate range test, and its running median.

    Parameters
    ----------
    rates, losses : sequence of float
        One of each a step, in the order of the steps.
    window : int
        Steps that a median is taken over.

    Raises
    ------
    ValueError
        Not as many losses as rates, or fewer than the window has.
    """
    if len(rates) != len(losses) or len(rates) < window:
        raise ValueError(f"range_test: {len(rates)} rates and {len(losses)} losses for medians over {window} steps")
    middle = [np.median(losses[max(0, i - window // 2) : i + window // 2 + 1]) for i in range(len(losses))]
    figure, ((axes,),) = new_figure(6.4, 3.3)
    axes.plot(rates, losses, ".", color="#888888", markersize=5, label="a step's batch")
    axes.plot(rates, middle, color=PALETTE["blue"], label=f"median of {window} steps")
    axes.set(xscale="log", yscale="log", xlabel="learning rate of the step", ylabel="training loss (nats)")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(loc="upper left")
    return figure


@styled
def two_modes(training: NDArray[Any], inference: Sequence[float], *, xlabel: str) -> Figure:
    """What a network answers to a few images in training mode, in many batches, and in inference mode.

    Parameters
    ----------
    training : ndarray, shape (batches, images)
        Probability for each image, one row for each batch that it was in.
    inference : sequence of float, length images
        Probability for each image in inference mode, where the batch does not matter.
    xlabel : str
        What the probability is of.

    Raises
    ------
    ValueError
        Another number of images in the two.
    """
    answers = np.asarray(training, dtype=float)
    if answers.ndim != 2 or answers.shape[1] != len(inference):
        raise ValueError(
            f"two_modes: training has shape {answers.shape}, for {len(inference)} images in inference mode"
        )
    rows = np.arange(len(inference))
    figure, ((axes,),) = new_figure(6.4, 0.9 + 0.36 * len(inference))
    everywhere = np.tile(rows, (len(answers), 1))
    dots, diamonds = PALETTE["sky"], PALETTE["vermilion"]
    axes.plot(answers.ravel(), everywhere.ravel(), "o", color=dots, alpha=0.6, label="training mode, a dot a batch")
    axes.plot(inference, rows, "D", color=diamonds, markersize=8, label="inference mode")
    axes.set_yticks(rows, [f"image {row + 1}" for row in rows])
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(-0.03, 1.03), xlabel=xlabel)
    figure.legend(loc="outside upper center", ncols=2)
    return figure


@styled
def feature_planes(planes: Mapping[str, ArrayLike], labels: ArrayLike, class_names: Sequence[str]) -> Figure:
    """Features in two dimensions, a panel a network, each with a scale of its own.

    Parameters
    ----------
    planes : mapping of str to ndarray, shape (n, 2)
        Coordinates by the title of the panel.
    labels : array_like of int, shape (n,)
    class_names : sequence of str

    Raises
    ------
    ValueError
        No plane; points that do not fit the labels.
    """
    some(planes, "feature_planes", "plane")
    figure, (places,) = new_figure(3.4 * len(planes), 3.4, 1, len(planes))
    for place, (title, points) in zip(places, planes.items(), strict=True):
        class_dots(place, points, labels, class_names, what="points", size=9)
        place.set_title(title)
        place.set(xlabel="component 1", xticks=[], yticks=[])
    places[0].set_ylabel("component 2")
    handles, names = places[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), markerscale=1.8)
    return figure
