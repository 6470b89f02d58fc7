"""Figures of the chapter Measure: the scores of each class, and where the threshold cuts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from tlbook.evaluation.inputs import classes
from tlbook.plotting.style import INK, looks, new_figure, percent_axis, styled

__all__ = ["score_histograms"]


@styled
def score_histograms(
    labels: ArrayLike, scores: ArrayLike, class_names: Sequence[str], *, thresholds: Mapping[str, float]
) -> Figure:
    """How many images of each class got which score, a panel a class, with the thresholds as upright lines.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
    scores : array_like of float, shape (n,)
        Probability of the last class, from 0 to 1.
    class_names : sequence of str
    thresholds : mapping of str to float
        Upright lines through all panels, with their names.

    Returns
    -------
    matplotlib.figure.Figure
        The number of images is logarithmic, so that single images far from their class are seen.

    Raises
    ------
    ValueError
        Scores that do not fit the labels or leave 0 … 1.
    """
    truth, values = classes(labels), np.asarray(scores, dtype=float)
    if values.shape != truth.shape:
        raise ValueError(f"{truth.size} labels, but scores of shape {values.shape}")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("scores must be probabilities from 0 to 1")
    figure, axes = new_figure(6.0, 0.9 + 1.3 * len(class_names), len(class_names), 1, sharex=True, sharey=True)
    edges = np.linspace(0, 1, 21)
    for number, (place, name, look) in enumerate(zip(axes[:, 0], class_names, looks(len(class_names)), strict=True)):
        place.hist(values[truth == number], bins=edges, color=look["color"], alpha=0.75)
        place.set_yscale("log")
        place.set_ylim(bottom=0.7)
        place.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        place.set_title(f"images of the class {name}")
        for (label, x), line in zip(thresholds.items(), (":", "--", "-."), strict=False):
            place.axvline(x, color=INK, linestyle=line, linewidth=1.5, label=None if number else label)
    axes[-1, 0].set_xlabel(f"probability of {class_names[-1]} (%)")
    axes[-1, 0].xaxis.set_major_locator(MaxNLocator(6))
    percent_axis(axes[-1, 0], "x")
    figure.supylabel("images", fontsize=11)
    figure.legend(loc="outside upper center", ncols=len(thresholds))
    return figure
