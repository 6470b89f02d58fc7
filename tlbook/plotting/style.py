"""One look for all figures, applied inside the functions and never globally.

Figures stand on an opaque white ground, so that they read the same on a light
and on a dark page. At their natural width of 6 inches the smallest text is 10
points, which stays readable at half that width on a screen. Colours are those
of Okabe and Ito, told apart by people with any common colour vision; no figure
relies on colour alone, since each series has a marker and a line of its own.
"""

from __future__ import annotations

import functools
import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib import rcsetup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tlbook.evaluation import Estimate, SeedSpread

__all__ = ["PALETTE", "style"]

PALETTE: dict[str, str] = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "black": "#000000",
}
"""Okabe and Ito's colours in the order of use; their yellow is too faint on white."""

INK = "#222222"
TURNED: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}  # of long names under an axis
DOTTED: dict[str, Any] = {"color": "#666666", "linestyle": ":", "linewidth": 1.5}  # chance, guessing, agreement
FROZEN: dict[str, Any] = {"facecolor": "#9ECAE1", "hatch": "//"}  # of a part of a network that is not trained

_P = ParamSpec("_P")
_MARKERS = "osD^vPX"
_LINES = ["-", "--", "-.", ":"]
_RC: dict[Any, Any] = {
    "figure.facecolor": "white",
    "figure.edgecolor": "white",
    "savefig.facecolor": "white",
    "savefig.transparent": False,
    "figure.dpi": 120,
    "figure.constrained_layout.use": True,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "axes.facecolor": "white",
    "axes.edgecolor": "#666666",
    "axes.labelcolor": INK,
    "axes.labelsize": 11,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "lines.markersize": 6,
    "lines.solid_capstyle": "round",
    "image.interpolation": "nearest",
    "axes.prop_cycle": rcsetup.cycler(color=list(PALETTE.values())),
}


@contextmanager
def style() -> Iterator[None]:
    """Context in which Matplotlib draws in the book's style.

    The functions of :mod:`tlbook.plotting` enter it by themselves; use it for
    a figure of your own. On leaving, the settings are as they were.
    """
    with mpl.rc_context(_RC):
        yield


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **kwargs: Any
) -> tuple[Figure, NDArray[Any]]:
    """A figure and its axes, always as a 2-D array. Call it inside :func:`style`.

    Pyplot makes it, since the first such figure is what tells a notebook to show figures as pictures, and forgets it:
    what pyplot holds would be shown twice, as the value of the cell, and again at its end.
    """
    figure, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False, **kwargs)
    plt.close(figure)
    return figure, axes


def finished(figure: Figure) -> Figure:
    """Make the style permanent in the figure.

    Ticks are made when a figure is drawn, which is after the style has been
    left, so their look is fixed here.
    """
    for axes in figure.axes:
        axes.tick_params(
            which="both",
            length=0,
            labelsize=_RC["xtick.labelsize"],
            labelcolor=INK,
            grid_color=_RC["grid.color"],
            grid_linewidth=_RC["grid.linewidth"],
        )
    return figure


def styled(function: Callable[_P, Figure]) -> Callable[_P, Figure]:
    """A function that draws in the book's style, and whose figure is finished."""

    @functools.wraps(function)
    def draw(*args: _P.args, **kwargs: _P.kwargs) -> Figure:
        with style():
            return finished(function(*args, **kwargs))

    return draw


def bare_figure(width: float, height: float, layout: str = "constrained") -> Figure:
    """An empty figure in Matplotlib's own look, made and forgotten by pyplot as in :func:`new_figure`."""
    figure = plt.figure(figsize=(width, height), dpi=120, facecolor="white", layout=layout)
    plt.close(figure)
    return figure


def looks(n: int) -> list[dict[str, Any]]:
    """Colour, marker and line of n series; 7 colours and 4 lines make no two of the first 28 alike."""
    several = zip(range(n), cycle(PALETTE.values()), cycle(_MARKERS), cycle(_LINES), strict=False)
    return [{"color": colour, "marker": marker, "linestyle": line} for _, colour, marker, line in several]


@dataclass(frozen=True)
class Summary:
    """What is drawn of one result: a dot, its interval or, over runs, its range, and single runs if there are any."""

    centre: float
    low: float
    high: float
    runs: tuple[float, ...] = ()
    is_range: bool = False


def summary(value: Any, where: str) -> Summary:
    """Anything the package measures, as :class:`Summary`.

    - a number: a dot without interval;
    - ``Estimate``: its value and interval;
    - ``SeedSpread``: its mean and t-interval;
    - ``results.Spread``: median, smallest and largest;
    - a sequence of numbers, one a seed: median, smallest, largest, and the runs.
    """
    if isinstance(value, Estimate):
        return Summary(value.value, value.low, value.high)
    if isinstance(value, SeedSpread):
        return Summary(value.mean, value.low, value.high)
    if isinstance(value, numbers.Real):
        return Summary(float(value), math.nan, math.nan)
    if all(hasattr(value, name) for name in ("min", "median", "max", "n")):
        return Summary(float(value.median), float(value.min), float(value.max), is_range=True)
    runs = np.asarray(value, dtype=float)
    if runs.ndim != 1 or runs.size == 0:
        raise ValueError(
            f"{where}: give a number, an Estimate, a SeedSpread, a results.Spread or a list of "
            f"numbers, one a seed, but not {type(value).__name__} of shape {runs.shape}"
        )
    if runs.size == 1:
        return Summary(float(runs[0]), math.nan, math.nan)
    every = tuple(map(float, runs))
    return Summary(float(np.median(runs)), float(runs.min()), float(runs.max()), every, is_range=True)


def summaries(results: Mapping[Any, Any], where: str) -> dict[Any, Summary]:
    """:func:`summary` of each value; an empty or non-mapping argument is refused."""
    if not isinstance(results, Mapping) or not results:
        raise ValueError(f"{where}: give a mapping from names to results with at least one entry")
    return {name: summary(value, f"{where}, {name}") for name, value in results.items()}


def percent_axis(axes: Axes, which: str = "y") -> None:
    """Write shares on an axis in percent, with the decimals that its ticks have."""
    axis = axes.yaxis if which == "y" else axes.xaxis

    def label(value: float, _: int) -> str:
        # Through a rounding, since 100 × 0.825 is not 82.5 to the last bit.
        return f"{round(100 * value, 6):g}"

    axis.set_major_formatter(mpl.ticker.FuncFormatter(label))


def text_on(colour: Sequence[float]) -> str:
    """Black or white, whichever contrasts more with an RGB(A) ground (WCAG luminance)."""
    channels = np.asarray(colour[:3], dtype=float)
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else INK
