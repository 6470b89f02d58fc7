"""Figures of the chapter Compare: McNemar's table in pictures, differences beside a margin, the winner's curse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from tlbook._checks import number, some
from tlbook.evaluation import PairedTest
from tlbook.plotting.images import shown
from tlbook.plotting.marks import error_bars
from tlbook.plotting.style import DOTTED, INK, PALETTE, new_figure, percent_axis, styled, summary

__all__ = ["cuts", "differences", "two_by_two", "winners_curse"]


@styled
def two_by_two(
    counts: ArrayLike, pictures: Mapping[tuple[int, int], Sequence[ArrayLike]], names: tuple[str, str]
) -> Figure:
    """McNemar's table: how many images both, one or none of two models got right, with some of the images.

    Parameters
    ----------
    counts : array_like of int, shape (2, 2)
        Rows: the first model right, wrong. Columns: the second model right, wrong.
    pictures : mapping of (row, column) to sequence of array (height, width, 3)
        Up to four images of each cell.
    names : tuple of two str

    Raises
    ------
    ValueError
        Counts of another shape.
    """
    table = np.asarray(counts)
    if table.shape != (2, 2):
        raise ValueError(f"counts must have shape (2, 2), but have {table.shape}")
    figure, ((axes,),) = new_figure(6.0, 3.6)
    axes.set(xlim=(0, 2), ylim=(2, 0))
    for row, column in np.ndindex(2, 2):
        decides = row != column  # only these images tell the two apart
        axes.axhspan(row, row + 1, column / 2, (column + 1) / 2, color="#FDE7D9" if decides else "#F2F2F2", zorder=0)
        axes.text(column + 0.05, row + 0.2, f"{table[row, column]:,}", fontsize=15, weight="bold", va="center")
        images = pictures.get((row, column), ())
        for place, picture in enumerate(shown(images) if len(images) else ()):
            inset = axes.inset_axes(((column + 0.05 + 0.23 * place) / 2, (1 - row) / 2 + 0.02, 0.105, 0.3))
            inset.imshow(picture, cmap="gray")
            inset.axis("off")
    axes.set_xticks([0.5, 1.5], [f"{names[1]} right", f"{names[1]} wrong"])
    axes.set_yticks([0.5, 1.5], [f"{names[0]} right", f"{names[0]} wrong"])
    axes.xaxis.tick_top()
    axes.axhline(1, color="white", linewidth=4)
    axes.axvline(1, color="white", linewidth=4)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    return figure


@styled
def cuts(results: Mapping[str, Sequence[float]], *, xlabel: str) -> Figure:
    """Every result of each method as a dot, equal ones above each other; no bar, since no interval is meant.

    Parameters
    ----------
    results : mapping of str to sequence of float
        Drawn from top to bottom, as shares.
    xlabel : str

    Raises
    ------
    ValueError
        Nothing to draw.
    """
    some(results, "cuts", "method")
    figure, ((axes,),) = new_figure(6.0, 0.9 + 0.7 * len(results))
    for row, values in enumerate(results.values()):
        places, repeats = np.unique(np.round(values, 6), return_counts=True)
        xs = np.repeat(places, repeats)
        above = np.concatenate([np.arange(n) for n in repeats])
        axes.plot(xs, row + 0.3 - 0.11 * above, "o", color=PALETTE["blue"], markersize=5)
    axes.set_yticks(range(len(results)), list(results))
    axes.set_ylim(len(results) - 0.5, -0.7)
    axes.grid(False, axis="y")
    axes.set_xlabel(xlabel)
    percent_axis(axes, "x")
    return figure


@styled
def differences(tests: Mapping[str, PairedTest], *, margin: float) -> Figure:
    """Differences of two methods with their intervals, over the band within which a difference would not matter.

    Parameters
    ----------
    tests : mapping of str to PairedTest
        Drawn from top to bottom.
    margin : float
        Half the width of the band, as a share.

    Raises
    ------
    ValueError
        Nothing to draw, or a margin that is not between 0 and 1.
    """
    some(tests, "differences", "comparison")
    number(margin, "margin", 0, 1, "()", hint="as a share, such as 0.01 for one point")
    figure, ((axes,),) = new_figure(6.0, 1.1 + 0.5 * len(tests))
    axes.axvspan(-margin, margin, color=PALETTE["green"], alpha=0.15, linewidth=0, label="within the margin")
    axes.axvline(0, **DOTTED)
    for row, test in enumerate(tests.values()):
        look = {"color": PALETTE["blue"], "marker": "o", "linestyle": "none", "zorder": 3}
        error_bars(axes, [row], [summary(test.difference, "differences")], across=True, **look)
    axes.set_yticks(range(len(tests)), list(tests))
    axes.set_ylim(len(tests) - 0.5, -0.5)
    axes.grid(False, axis="y")
    a, b = next(iter(tests.values())).names
    axes.set_xlabel(f"{a} minus {b} (points), with 95 % interval")
    percent_axis(axes, "x")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


@styled
def winners_curse(observed: ArrayLike, significant: ArrayLike, *, true: float) -> Figure:
    """Histogram of the differences that repeated experiments observe; those that were significant are darker.

    Parameters
    ----------
    observed : array_like of float, shape (n,)
        Differences, as shares.
    significant : array_like of bool, shape (n,)
    true : float
        The true difference, an upright line; the mean of the significant ones is another.

    Raises
    ------
    ValueError
        Arrays that do not fit each other, or no experiment that was significant.
    """
    values, chosen = np.asarray(observed, dtype=float), np.asarray(significant, dtype=bool)
    if values.shape != chosen.shape or not chosen.any():
        raise ValueError(f"{values.size} differences and {int(chosen.sum())} significant ones of {chosen.size}")
    figure, ((axes,),) = new_figure(6.0, 3.2)
    steps = np.diff(np.unique(values))  # multiples of one image
    step = float(steps.min()) if steps.size else 1.0
    edges = np.arange(values.min() - step / 2, values.max() + step, step)
    groups = [values[~chosen], values[chosen]]
    axes.hist(groups, edges, stacked=True, color=["#BBBBBB", PALETTE["blue"]], label=["cannot tell", "significant"])
    axes.axvline(true, color=INK, linestyle="--", linewidth=1.5, label="true difference")
    mean = values[chosen].mean()
    axes.axvline(mean, color=PALETTE["vermilion"], linewidth=2, label="mean of the significant ones")
    axes.set(xlabel="observed difference (points)", ylabel="experiments")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    percent_axis(axes, "x")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure
