"""Figures of what a network looks at, and of which images it calls alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tlbook._checks import some
from tlbook.evaluation.inputs import classes
from tlbook.plotting.images import _shown
from tlbook.plotting.style import PALETTE, finished, looks, new_figure, percent_axis, style, summaries

__all__ = ["feature_planes", "heat_maps", "neighbour_rows", "sanity_check"]

_HEAT = "inferno"  # dark to light in even steps, so that it reads without colour as well


def _grey(image: np.ndarray) -> np.ndarray:
    """Luminance of an image, 0 to 1, with the contrast taken down to make room for the heat."""
    scale = 255.0 if image.dtype.kind in "iu" else 1.0
    grey = image / scale if image.ndim == 2 else (image[..., :3] / scale) @ [0.2126, 0.7152, 0.0722]
    return 0.15 + 0.7 * np.clip(grey, 0, 1)


def _blended(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Image in grey under the heat's colours; the hotter, the more colour."""
    top = heat.max()
    share = np.maximum(heat, 0) / top if top > 0 else np.zeros_like(heat)
    weight = (0.35 + 0.5 * share)[..., None]
    return (1 - weight) * _grey(image)[..., None] + weight * mpl.colormaps[_HEAT](share)[..., :3]


def _outline(axes: Axes, mask: np.ndarray) -> None:
    """The mask's edge, white on black, seen on any ground."""
    if mask.any() and not mask.all():
        # A frame of False, so that a mask at the image's edge is closed there.
        framed = np.pad(mask.astype(float), 1)
        place = np.arange(-1, mask.shape[1] + 1), np.arange(-1, mask.shape[0] + 1)
        for width, colour in ((2.6, "black"), (1.2, "white")):
            axes.contour(*place, framed, levels=[0.5], colors=[colour], linewidths=width)


def heat_maps(
    images: Any,
    rows: Mapping[str, Any],
    labels: Sequence[str] | None = None,
    *,
    masks: Any = None,
    peaks: bool = False,
    width: float = 6.4,
) -> Figure:
    """Images in a row, and below them heat maps laid over them, a row for each method or model.

    Every map is drawn relative to its own largest value; what is negative counts as
    0. The image is shown in grey under it. A map without heat says so.

    Parameters
    ----------
    images : array_like, shape (n, height, width, 3)
    rows : mapping of str to array_like, shape (n, height, width)
        Heat maps of the images' size (``grad_cam(upsample=True)``) by the name
        written over their row.
    labels : sequence of str, length n, optional
        Written over the images.
    masks : array_like of bool, shape (n, height, width), optional
        Outlined in the maps.
    peaks : bool
        Mark each map's hottest pixel with a cross.
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Nothing to draw; maps, masks or labels that do not fit the images.
    """
    shown = _shown(images)
    n, size = len(shown), shown[0].shape[:2]
    some(rows, "heat_maps", "row of maps, by its name")
    checked = {name: np.asarray(maps, dtype=float) for name, maps in rows.items()}
    if masks is not None:
        checked["masks"] = np.asarray(masks, dtype=float)
    for name, maps in checked.items():
        if maps.shape != (n, *size):
            raise ValueError(f"{name} has shape {maps.shape}; {n} images of {size[0]} × {size[1]} need {(n, *size)}")
    outlines = checked.pop("masks", None) if masks is not None else None
    if labels is not None and len(labels) != n:
        raise ValueError(f"{n} images, but {len(labels)} labels")
    cell = width / n
    with style():
        height = (
            (len(checked) + 1) * (cell * size[0] / size[1] + 0.05) + 0.24 * (len(checked) + (labels is not None)) + 0.55
        )
        figure, axes = new_figure(width, height, len(checked) + 1, n)
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
        for place in axes.ravel():
            place.axis("off")
        for column, image in enumerate(shown):
            axes[0, column].imshow(image, cmap="gray")
            if labels is not None:
                axes[0, column].set_title(labels[column], fontsize=10, pad=3, loc="center")
        for line, (name, maps) in enumerate(checked.items(), start=1):
            axes[line, 0].set_title(name, fontsize=10, pad=3)
            for column, heat in enumerate(maps):
                place = axes[line, column]
                place.imshow(_blended(shown[column], heat))
                if outlines is not None:
                    _outline(place, outlines[column] > 0)
                if heat.max() <= 0:
                    place.text(0.5, 0.5, "no heat", transform=place.transAxes, ha="center", va="center", color="white")
                elif peaks:
                    row, col = np.unravel_index(np.argmax(heat), heat.shape)
                    for marker, colour in ((9, "black"), (6, "white")):
                        place.plot(
                            col, row, "+", color=colour, markersize=marker, markeredgewidth=3 - (marker < 9) * 1.5
                        )
        scale = mpl.cm.ScalarMappable(mpl.colors.Normalize(0, 100), _HEAT)
        bar = figure.colorbar(scale, ax=axes, location="bottom", shrink=0.6, aspect=45, pad=0.01)
        bar.set_label("heat, % of the largest value of each map", fontsize=10)
        bar.outline.set_visible(False)
        return finished(figure)


def neighbour_rows(
    queries: Any,
    neighbours: Any,
    query_labels: Sequence[int],
    neighbour_labels: Any,
    class_names: Sequence[str],
    *,
    width: float = 6.4,
) -> Figure:
    """An image at the left of each line, and to its right its nearest neighbours, nearest first.

    Parameters
    ----------
    queries : array_like, shape (m, height, width, 3)
    neighbours : array_like, shape (m, k, height, width, 3)
    query_labels : sequence of int, length m
    neighbour_labels : array_like of int, shape (m, k)
        A neighbour of another class has its name in another colour and after a cross.
    class_names : sequence of str
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Shapes that do not match.
    """
    asked, found = np.asarray(queries), np.asarray(neighbours)
    own, theirs = np.asarray(query_labels), np.asarray(neighbour_labels)
    if found.ndim != 5 or len(found) != len(asked) or own.shape != (len(asked),) or theirs.shape != found.shape[:2]:
        raise ValueError(
            f"(m, h, w, 3) queries, (m, k, h, w, 3) neighbours and labels (m,) and (m, k) are needed; got "
            f"{asked.shape}, {found.shape}, {own.shape} and {theirs.shape}"
        )
    m, k = found.shape[:2]
    cell = width / (k + 1.3)
    with style():
        figure, axes = new_figure(width, m * (cell + 0.24), m, k + 2, gridspec_kw={"width_ratios": [1, 0.2, *[1] * k]})
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
        for place in axes.ravel():
            place.axis("off")
        for line in range(m):
            axes[line, 0].imshow(_shown(asked[line : line + 1])[0])
            axes[line, 0].set_title(class_names[own[line]], fontsize=10, pad=3, loc="center", fontweight="bold")
            for column in range(k):
                place, same = axes[line, column + 2], theirs[line, column] == own[line]
                place.imshow(_shown(found[line, column : column + 1])[0])
                name = class_names[theirs[line, column]]
                colour = "#222222" if same else PALETTE["vermilion"]
                place.set_title(name if same else f"× {name}", fontsize=10, pad=3, loc="center", color=colour)
        return finished(figure)


def feature_planes(
    planes: Mapping[str, Any], labels: Any, class_names: Sequence[str], *, width: float = 6.4, height: float = 3.4
) -> Figure:
    """Maps of the same images in two dimensions, side by side.

    The axes have no numbers: a map may be turned, mirrored or scaled and means the same.

    Parameters
    ----------
    planes : mapping of str to array_like, shape (n, 2)
        Coordinates, such as those of :func:`tlbook.interpret.embed`, by the name
        written over the panel.
    labels : array_like of int, shape (n,)
    class_names : sequence of str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        No map; maps that do not fit the labels; a label without a name.
    """
    truth = classes(labels)
    some(planes, "feature_planes", "map, by its name")
    if truth.max() >= len(class_names):
        raise ValueError(f"label {truth.max()} has no name among {len(class_names)} class names")
    with style():
        figure, axes = new_figure(width, height, 1, len(planes))
        for place, (name, points) in zip(axes[0], planes.items(), strict=True):
            points = np.asarray(points, dtype=float)
            if points.shape != (truth.size, 2):
                raise ValueError(f"{name} has shape {points.shape}; {truth.size} labels need {(truth.size, 2)}")
            for number, (kind, look) in enumerate(zip(class_names, looks(len(class_names)), strict=True)):
                dots = points[truth == number].T
                place.scatter(
                    *dots, s=12, marker=look["marker"], color=look["color"], alpha=0.6, linewidths=0, label=kind
                )
            place.set_title(name)
            place.set(xticks=[], yticks=[], xlabel="direction 1")
        axes[0, 0].set_ylabel("direction 2")
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(class_names), markerscale=1.8
        )
        return finished(figure)


def sanity_check(
    correlations: Mapping[str, Any],
    shares: Mapping[str, Any],
    *,
    chance: float,
    xlabel: str = "randomised from the head down to",
    width: float = 6.8,
    height: float = 3.6,
) -> Figure:
    """What becomes of heat maps while a network is randomised layer by layer.

    Parameters
    ----------
    correlations : mapping of str to result
        Rank correlation with the maps of the trained network, by the last layer
        that was randomised, in order. A result is a number, an ``Estimate`` or a list of
        one value a seed (dot: median, bar: smallest to largest).
    shares : mapping of str to result
        Share of the heat inside the masks, by the same names.
    chance : float
        Share that a map gets that knows nothing, drawn as a line.
    xlabel : str
    width, height : float
        Inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Nothing to draw, or names that differ.
    """
    steps = list(shares)
    if list(correlations) != steps:
        raise ValueError(f"the same steps are needed in both; got {list(correlations)} and {steps}")
    with style():
        figure, axes = new_figure(width, height, 1, 2)
        for place, (results, look) in zip(axes[0], zip((correlations, shares), looks(2), strict=True), strict=True):
            drawn = list(summaries(results, "sanity_check").values())
            centres = np.array([one.centre for one in drawn])
            ends = np.array([[one.low, one.high] for one in drawn]).T
            away = np.maximum(np.abs(ends - centres), 0)
            place.errorbar(range(len(steps)), centres, yerr=np.nan_to_num(away), capsize=3, elinewidth=1.8, **look)
            place.set_xticks(range(len(steps)), steps, rotation=35, ha="right", rotation_mode="anchor")
            place.set_xlim(-0.4, len(steps) - 0.6)
        axes[0, 0].axhline(0, color="#666666", linestyle=":", linewidth=1.5)
        axes[0, 0].set_ylabel("rank correlation with the first map")
        axes[0, 1].axhline(chance, color="#666666", linestyle=":", linewidth=1.5)
        axes[0, 1].annotate(
            "chance", (-0.35, chance), xytext=(0, -3), textcoords="offset points", va="top", fontsize=10
        )
        axes[0, 1].set_ylabel("heat inside the head (%)")
        axes[0, 1].set_ylim(0, None)
        percent_axis(axes[0, 1])
        figure.supxlabel(xlabel, fontsize=11)
        return finished(figure)
