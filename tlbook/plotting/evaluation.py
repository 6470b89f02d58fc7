"""Figures of an evaluation: what is reported and what is true, metrics along an axis, accuracy on every dial."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tlbook._checks import some
from tlbook.plotting.style import PALETTE, finished, looks, new_figure, percent_axis, style, summaries

__all__ = ["bands", "dials", "reported_and_true"]


def reported_and_true(results: Mapping[str, tuple[Any, Any]], *, width: float = 6.0) -> Figure:
    """What a faulty evaluation reports beside what is true, a line for each fault.

    Parameters
    ----------
    results : mapping of str to (reported, true)
        Shares: each a list, one value a seed (median and range are drawn), or an Estimate.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    reported = summaries({name: pair[0] for name, pair in results.items()}, "reported_and_true, reported")
    true = summaries({name: pair[1] for name, pair in results.items()}, "reported_and_true, true")
    with style():
        figure, axes = new_figure(width, 0.9 + 0.55 * len(reported))
        place = axes[0, 0]
        for line, name in enumerate(reported):
            said, is_ = reported[name], true[name]
            place.plot([is_.centre, said.centre], [line, line], color="#999999", zorder=1)
            for one, colour, marker, label in (
                (is_, PALETTE["blue"], "o", "true"),
                (said, PALETTE["vermilion"], "D", "reported"),
            ):
                if not math.isnan(one.low):
                    place.plot([one.low, one.high], [line, line], color=colour, linewidth=5, alpha=0.35, zorder=2)
                place.plot(one.centre, line, marker, color=colour, label=label if line == 0 else None, zorder=3)
            place.annotate(
                f"{100 * (said.centre - is_.centre):+.1f} points".replace("-", "−"),
                ((said.centre + is_.centre) / 2, line),
                xytext=(0, 8),
                textcoords="offset points",
                ha="center",
                fontsize=10,
            )
        place.set_yticks(range(len(reported)), list(reported))
        place.set_ylim(len(reported) - 0.4, -0.7)
        place.set_xlabel("accuracy (%)")
        percent_axis(place, "x")
        place.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        return finished(figure)


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
    """
    drawn = {name: summaries(points, f"bands, {name}") for name, points in results.items()}
    some(drawn, "bands", "line")
    with style():
        figure, axes = new_figure(width, height)
        place = axes[0, 0]
        for look, (name, points) in zip(looks(len(drawn)), drawn.items(), strict=True):
            _band(place, points, look, name)
        for (name, x), lines in zip((marks or {}).items(), (":", "--", "-.", "-"), strict=False):
            place.axvline(x, color="#555555", linestyle=lines, linewidth=1.2, label=name)
        place.set(xlabel=xlabel, ylabel=ylabel)
        if log_x:
            place.set_xscale("log")
        if percent:
            percent_axis(place)
        if share_x:
            percent_axis(place, "x")
            place.minorticks_off()
            if log_x:
                place.set_xticks(sorted({x for points in drawn.values() for x in points}))
        place.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
        return finished(figure)


def _band(place: Any, points: Mapping[float, Any], look: Mapping[str, Any], name: str) -> None:
    xs = sorted(points)
    low = np.array([points[x].low for x in xs], dtype=float)
    high = np.array([points[x].high for x in xs], dtype=float)
    many = {"markersize": 5} if len(xs) <= 15 else {"marker": ""}
    place.plot(xs, [points[x].centre for x in xs], label=name, **{**look, **many})
    if not np.isnan(low).any():
        place.fill_between(xs, low, high, color=look["color"], alpha=0.2, linewidth=0)


def dials(
    results: Mapping[str, Mapping[str, Mapping[float, Any]]],
    *,
    columns: int = 4,
    chance: float | None = 0.5,
    width: float = 6.4,
) -> Figure:
    """Accuracy against the strength of a shift, a panel for each dial and a line for each model.

    Parameters
    ----------
    results : mapping of str to mapping of str to mapping of float to result
        Dial → model → strength → number, list (one value a seed) or Estimate.
    columns : int
        Panels in a row.
    chance : float, optional
        Accuracy of guessing, a dotted line.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    some(results, "dials", "dial")
    drawn = {
        dial: {name: summaries(points, f"dials, {dial}, {name}") for name, points in models.items()}
        for dial, models in results.items()
    }
    names = list(dict.fromkeys(name for models in drawn.values() for name in models))
    look = dict(zip(names, looks(len(names)), strict=True))
    columns = min(columns, len(drawn))
    rows = math.ceil(len(drawn) / columns)
    with style():
        figure, axes = new_figure(width, 0.5 + 1.75 * rows, rows, columns, sharex=True, sharey=True)
        for index, (place, (dial, models)) in enumerate(zip(axes.ravel(), drawn.items(), strict=False)):
            for name, points in models.items():
                _band(place, points, look[name], name)
            if chance is not None:
                place.axhline(chance, color="#777777", linestyle=":", linewidth=1.2)
            place.set_title(dial)
            place.set_xticks([0, 0.5, 1], ["0", "½", "1"])
            if index + columns >= len(drawn):  # the lowest of its column, with or without an empty place below
                place.tick_params(labelbottom=True)
            percent_axis(place)
        for place in axes.ravel()[len(drawn) :]:
            place.axis("off")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
        figure.supxlabel("strength of the shift", fontsize=11)
        figure.supylabel("accuracy (%)", fontsize=11)
        return finished(figure)
