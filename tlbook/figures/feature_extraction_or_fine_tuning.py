"""The figure of the chapter that chooses between feature extraction and fine-tuning: accuracy by images and method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tlbook.plotting.marks import write_in_cell
from tlbook.plotting.style import PALETTE, new_figure, styled, summary

__all__ = ["accuracy_surface"]


@styled
def accuracy_surface(results: Mapping[str, Mapping[int, Any]], *, marked: Mapping[int, str]) -> Figure:
    """Accuracy over two settings as a heat map with its numbers.

    Parameters
    ----------
    results : mapping of str to mapping of int to result
        ``{strategy: {number of images: result}}``, strategies from top to
        bottom. A result is a number, an ``Estimate``, a ``SeedSpread`` or a list of one
        accuracy a seed. A cell shows its centre in percent (for a list, the
        mean) and below it half the width of its interval (for a list, the
        standard deviation). A strategy may lack some numbers of images.
    marked : mapping of int to str
        ``{number of images: strategy}``: cells to frame.

    Raises
    ------
    ValueError
        Nothing to draw; a marked cell that has no result.
    """
    if not isinstance(results, Mapping) or not results or not all(results.values()):
        raise ValueError("accuracy_surface: give {strategy: {number of images: result}} with at least one result each")
    strategies = list(results)
    columns = sorted({n for row in results.values() for n in row})
    centres = np.full((len(strategies), len(columns)), np.nan)
    spreads = np.full_like(centres, np.nan)
    for i, strategy in enumerate(strategies):
        for n, result in results[strategy].items():
            centres[i, columns.index(n)], spreads[i, columns.index(n)] = _cell(result, f"{strategy}, {n}")
    figure, ((axes,),) = new_figure(6.0, 0.62 * len(strategies) + 1.1)
    image = axes.imshow(100 * centres, aspect="auto", cmap="cividis")
    for i, j in zip(*np.nonzero(~np.isnan(centres)), strict=True):
        spread = "" if np.isnan(spreads[i, j]) else f"\n± {100 * spreads[i, j]:.1f}"
        write_in_cell(axes, image, i, j, f"{100 * centres[i, j]:.1f}{spread}", fontsize=10)
    for n, strategy in marked.items():
        if strategy not in results or n not in results[strategy]:
            raise ValueError(f"accuracy_surface: no result for the marked cell {strategy!r}, {n}")
        corner = columns.index(n) - 0.47, strategies.index(strategy) - 0.47
        for width, colour in ((5, "white"), (2.5, PALETTE["vermilion"])):  # seen on a light and on a dark cell
            axes.add_patch(Rectangle(corner, 0.94, 0.94, fill=False, edgecolor=colour, linewidth=width))
    axes.set_xticks(range(len(columns)), [f"{n:,}" for n in columns])
    axes.set_yticks(range(len(strategies)), strategies)
    axes.set_xlabel("labelled training images")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, label="test accuracy (%)", pad=0.02)
    return figure


def _cell(result: Any, where: str) -> tuple[float, float]:
    if isinstance(result, Sequence | np.ndarray):
        runs = np.asarray(result, dtype=float)
        if runs.ndim == 1 and runs.size:
            return float(runs.mean()), float(runs.std(ddof=1)) if runs.size > 1 else np.nan
    one = summary(result, f"accuracy_surface, {where}")
    return one.centre, (one.high - one.low) / 2
