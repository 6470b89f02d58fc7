"""Figures of the chapter on what outgrows one machine: how costs grow, and what each machine spends its time on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from tlbook._checks import some
from tlbook.plotting.style import looks, new_figure, styled, text_on

__all__ = ["growth", "shares"]


@styled
def growth(panels: Mapping[str, Mapping[str, Mapping[float, float]]], *, xlabel: str = "photos") -> Figure:
    """What something costs against how much of it there is, both on logarithmic axes: the steeper, the faster it grows.

    Parameters
    ----------
    panels : mapping of str to mapping of str to mapping of float to float
        ``{what is on the vertical axis: {line: {number: cost}}}``, a panel each. A line has the same look in all panels.
    xlabel : str

    Raises
    ------
    ValueError
        No panel, or a number or cost of 0 or less.
    """
    some(panels, "growth", "panel")
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    look = dict(zip(names, looks(len(names)), strict=True))
    figure, (row,) = new_figure(1.0 + 3.4 * len(panels), 3.6, columns=len(panels))
    for axes, (what, lines) in zip(row, panels.items(), strict=True):
        for name, points in lines.items():
            if not points or min(*points, *points.values()) <= 0:
                raise ValueError(
                    f"{name}: numbers and costs above 0 are needed on logarithmic axes; got {dict(points)}"
                )
            axes.plot(list(points), list(points.values()), label=name, **look[name])
        axes.set(xscale="log", yscale="log", xlabel=xlabel, title=what)
        low, high = axes.get_ylim()
        if high / low < 10:  # so that what hardly grows is seen to hardly grow, and the axis has a number on it
            middle = np.sqrt(low * high)
            axes.set_ylim(middle / 6, middle * 6)
        axes.minorticks_off()
    handles = {label: line for axes in row for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles, loc="outside upper center", ncols=min(len(handles), 4), handlelength=2.6)
    return figure


@styled
def shares(seconds: Mapping[str, Mapping[str, float]]) -> Figure:
    """A bar for each machine, divided by what each stage takes of the time of all; the longest part bounds the machine.

    Parameters
    ----------
    seconds : mapping of str to mapping of str to float
        ``{machine: {stage: seconds for a photo}}``, the same stages for all machines; drawn from top to bottom.

    Raises
    ------
    ValueError
        No machine, or machines with other stages.
    """
    some(seconds, "shares", "machine")
    stages = list(next(iter(seconds.values())))
    if any(list(one) != stages for one in seconds.values()):
        raise ValueError(f"all machines need the stages {', '.join(stages)}")
    figure, ((axes,),) = new_figure(8.2, 1.3 + 0.42 * len(seconds))
    left = np.zeros(len(seconds))
    whole = np.array([sum(one.values()) for one in seconds.values()])
    for stage, look in zip(stages, looks(len(stages)), strict=True):
        part = np.array([one[stage] for one in seconds.values()]) / whole
        bars = axes.barh(range(len(seconds)), part, left=left, color=look["color"], edgecolor="white", label=stage)
        words = [f"{100 * share:.0f}" if share > 0.07 else "" for share in part]
        axes.bar_label(bars, words, label_type="center", fontsize=10, color=text_on(to_rgb(look["color"])))
        left += part
    axes.set_yticks(range(len(seconds)), list(seconds))
    axes.set(xlim=(0, 1), xlabel="share of the seconds that a photo takes (%)")
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}")
    axes.grid(False)
    axes.invert_yaxis()
    figure.legend(loc="outside upper center", ncols=len(stages), handlelength=1.2)
    return figure
