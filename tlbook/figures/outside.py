"""Figures of the chapter on what is asked outside the notebook: groups in a funnel, attacks at few false alarms, costs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tlbook._checks import some
from tlbook.evaluation import Roc
from tlbook.plotting.style import DOTTED, INK, PALETTE, looks, new_figure, percent_axis, styled

__all__ = ["attacks", "funnels", "limits", "ranges"]

_GREY = str(DOTTED["color"])
_NAMED = 4  # groups of a panel that are written out, the ones furthest below


def limits(sizes: ArrayLike, share: float, tail: float) -> NDArray[np.float64]:
    """How low the share of a group falls by chance, interpolated between whole numbers (Spiegelhalter 2005, A.1.1).

    Parameters
    ----------
    sizes : array_like of int, shape (n,)
        Numbers of images.
    share : float
        Of all images.
    tail : float
        Probability of a share below the limit.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    n = np.asarray(sizes)
    r = stats.binom.ppf(tail, n, share)
    reached, before = stats.binom.cdf(r, n, share), stats.binom.cdf(r - 1, n, share)
    return np.maximum(r - (reached - tail) / (reached - before), 0) / n


@styled
def funnels(panels: Mapping[str, Mapping[str, tuple[int, int]]], *, ylabel: str, tail: float = 0.025) -> Figure:
    """A panel for each class: the share of each group that is right over its size, and how low chance reaches.

    Parameters
    ----------
    panels : mapping of str to mapping of str to (int, int)
        ``{class: {group: (right, images)}}``.
    ylabel : str
    tail : float
        Of the dashed limit of one group; that of the solid one is divided by the number of groups of all panels.

    Raises
    ------
    ValueError
        No class, or one without groups.
    """
    some(panels, "funnels", "class")
    number = sum(len(groups) for groups in panels.values())
    figure, (row,) = new_figure(3.9 * len(panels), 3.6, 1, len(panels), sharey=True)
    for axes, (title, groups) in zip(row, panels.items(), strict=True):
        some(groups, f"funnels, {title}", "group")
        right, n = np.array(list(groups.values())).T
        overall = right.sum() / n.sum()
        grid = np.arange(1, n.max() + 2)
        axes.axhline(overall, **DOTTED, label="all of the class")
        axes.plot(grid, limits(grid, overall, tail), "--", color=_GREY, linewidth=1.3, label="limit for one group")
        strict = limits(grid, overall, tail / number)
        axes.plot(grid, strict, "-", color=_GREY, linewidth=1.3, label=f"limit for the lowest of {number}")
        axes.plot(n, right / n, "o", color=PALETTE["blue"], markersize=5, alpha=0.85, label="a group")
        below = right / n - limits(n, overall, tail)
        for place in np.argsort(below)[:_NAMED]:
            if below[place] < 0:
                end = n[place] > 0.6 * n.max()
                axes.annotate(
                    list(groups)[place],
                    (n[place], right[place] / n[place]),
                    xytext=(0, -14) if end else (7, 0),
                    textcoords="offset points",
                    ha="right" if end else "left",
                    va="top" if end else "center",
                    fontsize=10,
                )
        axes.set(title=title, xlabel="images of the group", xlim=(0, None), ylim=(-0.06, 1.03))
    row[0].set_ylabel(ylabel)
    percent_axis(row[0])
    handles, names = row[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False)
    return figure


@styled
def attacks(curves: Mapping[str, Roc], *, width: float = 6.0, height: float = 4.2) -> Figure:
    """Members found against false alarms, both on logarithmic axes (Carlini et al. 2022); on the diagonal one guesses.

    Parameters
    ----------
    curves : mapping of str to Roc
    width, height : float
        Of the figure, in inches.

    Raises
    ------
    ValueError
        No curve.
    """
    some(curves, "attacks", "curve")
    figure, ((axes,),) = new_figure(width, height)
    lowest = min(float(one.false_positive_rate[one.false_positive_rate > 0].min()) for one in curves.values())
    grid = np.geomspace(lowest, 1, 200)
    axes.plot(grid, grid, **DOTTED, label="guessing")
    for (name, one), look in zip(curves.items(), looks(len(curves)), strict=True):
        place = np.searchsorted(one.false_positive_rate, grid, side="right") - 1
        line = {"color": look["color"], "linestyle": look["linestyle"]}
        axes.plot(grid, np.maximum(one.true_positive_rate[place], lowest), **line, label=name)
    axes.set(xscale="log", yscale="log", xlim=(lowest, 1), ylim=(lowest, 1.05))
    axes.set(xlabel="false alarms (%)", ylabel="members found (%)")
    percent_axis(axes, "x")
    percent_axis(axes)
    axes.minorticks_off()
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3, frameon=False)
    return figure


@styled
def ranges(rows: Mapping[str, tuple[float, float]], *, xlabel: str, width: float = 7.0) -> Figure:
    """A bar from the lowest to the highest value of each row, on a logarithmic axis.

    Parameters
    ----------
    rows : mapping of str to (float, float)
        From top to bottom; equal ends are drawn as a dot.
    xlabel : str
    width : float
        In inches.

    Raises
    ------
    ValueError
        No row.
    """
    some(rows, "ranges", "row")
    figure, ((axes,),) = new_figure(width, 0.9 + 0.36 * len(rows))
    places = np.arange(len(rows))
    low, high = np.array(list(rows.values()), float).T
    axes.hlines(places, low, high, color=PALETTE["blue"], linewidth=7, alpha=0.6)
    same = low == high
    axes.plot(low[same], places[same], "D", color=PALETTE["vermilion"])
    axes.set(xscale="log", xlabel=xlabel)
    axes.set_yticks(places, list(rows), color=INK)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(False, axis="y")
    return figure
