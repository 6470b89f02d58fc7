"""Figures of the chapter on what a model has never met: scores of known and unknown images, and their areas by group."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from tlbook._checks import some
from tlbook.evaluation import Estimate
from tlbook.plotting.style import DOTTED, INK, looks, new_figure, styled

__all__ = ["areas_by_group", "score_histograms"]


@styled
def score_histograms(panels: Mapping[str, tuple[Mapping[str, ArrayLike], float]], *, bins: int = 25) -> Figure:
    """A panel for each score: how it is distributed in each set of images, and the threshold below which one refuses.

    Parameters
    ----------
    panels : mapping of str to (mapping of str to array_like, float)
        ``{score: ({set of images: values}, threshold)}``. Each set has an area of 1; what lies beyond the outer 1 % of all
        values is drawn in the outermost bar.
    bins : int

    Raises
    ------
    ValueError
        No score, or one without sets.
    """
    some(panels, "score_histograms", "score")
    figure, (row,) = new_figure(3.0 * len(panels), 2.9, 1, len(panels))
    for axes, (title, (sets, threshold)) in zip(row, panels.items(), strict=True):
        some(sets, f"score_histograms, {title}", "set of images")
        every = np.concatenate([np.asarray(values, float) for values in sets.values()])
        low, high = (float(np.quantile(every, share)) for share in (0.01, 0.99))
        edges = np.linspace(low, high, bins + 1)
        for (name, values), look in zip(sets.items(), looks(len(sets)), strict=True):
            inside = np.clip(np.asarray(values, float), low, high)
            line = {"color": look["color"], "linestyle": look["linestyle"], "linewidth": 2}
            axes.hist(inside, edges, density=True, histtype="step", label=name, **line)
        axes.axvline(threshold, **DOTTED, label="threshold")
        axes.set(title=title, yticks=[])
        axes.grid(False)
        axes.locator_params(axis="x", nbins=4)
    figure.supxlabel("score, each in its own unit: the further to the right, the better known", fontsize=11, color=INK)
    handles, names = row[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False)
    return figure


@styled
def areas_by_group(areas: Mapping[str, Mapping[str, Estimate]], *, xlabel: str, width: float = 7.5) -> Figure:
    """For each group a dot with its interval for each score; groups in the order of the first score.

    Parameters
    ----------
    areas : mapping of str to mapping of str to Estimate
        ``{score: {group: area}}``, the same groups for each score.
    xlabel : str
    width : float
        In inches.

    Raises
    ------
    ValueError
        No score, no group, or groups that differ.
    """
    some(areas, "areas_by_group", "score")
    groups = sorted(next(iter(areas.values())), key=lambda name: next(iter(areas.values()))[name].value)
    some(groups, "areas_by_group", "group")
    figure, ((axes,),) = new_figure(width, 0.9 + 0.22 * len(groups))
    for place, ((score, values), look) in enumerate(zip(areas.items(), looks(len(areas)), strict=True)):
        if sorted(values) != sorted(groups):
            raise ValueError(f"{score!r} has groups {sorted(values)}, the first score has {sorted(groups)}")
        rows = np.arange(len(groups)) + 0.3 * (place / max(len(areas) - 1, 1) - 0.5)
        colour = look["color"]
        axes.hlines(rows, [values[g].low for g in groups], [values[g].high for g in groups], color=colour, alpha=0.45)
        centres = [values[g].value for g in groups]
        axes.plot(centres, rows, linestyle="none", marker=look["marker"], color=colour, label=score)
    axes.axvline(0.5, **DOTTED)
    axes.set_yticks(range(len(groups)), groups)
    axes.set(xlim=(0, 1.02), xlabel=xlabel)
    axes.grid(False, axis="y")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(areas))
    return figure
