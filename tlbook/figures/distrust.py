"""Figures of the chapter Distrust: what is reported and what is true, accuracy on every dial."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from tlbook._checks import some
from tlbook.plotting.marks import dense_band
from tlbook.plotting.style import PALETTE, looks, new_figure, percent_axis, styled, summaries

__all__ = ["dials", "reported_and_true"]


@styled
def reported_and_true(results: Mapping[str, tuple[Any, Any]]) -> Figure:
    """What a faulty evaluation reports beside what is true, a line for each fault.

    Parameters
    ----------
    results : mapping of str to (reported, true)
        Shares: each a list, one value a seed (median and range are drawn), or an Estimate.

    Raises
    ------
    ValueError
        Nothing to draw, or something else than results.
    """
    reported = summaries({name: pair[0] for name, pair in results.items()}, "reported_and_true, reported")
    true = summaries({name: pair[1] for name, pair in results.items()}, "reported_and_true, true")
    figure, ((axes,),) = new_figure(6.0, 0.9 + 0.55 * len(reported))
    for row, name in enumerate(reported):
        said, is_ = reported[name], true[name]
        axes.plot([is_.centre, said.centre], [row, row], color="#999999", zorder=1)
        for one, colour, marker, label in ((is_, "blue", "o", "true"), (said, "vermilion", "D", "reported")):
            colour = PALETTE[colour]
            if not math.isnan(one.low):
                axes.plot([one.low, one.high], [row, row], color=colour, linewidth=5, alpha=0.35, zorder=2)
            axes.plot(one.centre, row, marker, color=colour, label=None if row else label, zorder=3)
        gap, middle = said.centre - is_.centre, (said.centre + is_.centre) / 2
        above = {"xytext": (0, 8), "textcoords": "offset points", "ha": "center", "fontsize": 10}
        axes.annotate(f"{100 * gap:+.1f} points".replace("-", "−"), (middle, row), **above)
    axes.set_yticks(range(len(reported)), list(reported))
    axes.set_ylim(len(reported) - 0.4, -0.7)
    axes.set_xlabel("accuracy (%)")
    percent_axis(axes, "x")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


@styled
def dials(results: Mapping[str, Mapping[str, Mapping[float, Any]]]) -> Figure:
    """Accuracy against the strength of a shift, a panel for each dial and a line for each model; guessing is dotted.

    Parameters
    ----------
    results : mapping of str to mapping of str to mapping of float to result
        Dial → model → strength → number, list (one value a seed) or Estimate.

    Raises
    ------
    ValueError
        Nothing to draw, or something else than results.
    """
    some(results, "dials", "dial")
    names = list(dict.fromkeys(name for models in results.values() for name in models))
    look = dict(zip(names, looks(len(names)), strict=True))
    columns = min(4, len(results))
    rows = math.ceil(len(results) / columns)
    figure, axes = new_figure(6.4, 0.5 + 1.75 * rows, rows, columns, sharex=True, sharey=True)
    for index, (place, (dial, models)) in enumerate(zip(axes.ravel(), results.items(), strict=False)):
        for name, points in models.items():
            dense_band(place, summaries(points, f"dials, {dial}, {name}"), look[name], label=name)
        place.axhline(0.5, color="#777777", linestyle=":", linewidth=1.2)
        place.set_title(dial)
        place.set_xticks([0, 0.5, 1], ["0", "½", "1"])
        if index + columns >= len(results):  # the lowest of its column, with or without an empty place below
            place.tick_params(labelbottom=True)
        percent_axis(place)
    for place in axes.ravel()[len(results) :]:
        place.axis("off")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    figure.supxlabel("strength of the shift", fontsize=11)
    figure.supylabel("accuracy (%)", fontsize=11)
    return figure
