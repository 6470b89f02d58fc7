"""Maps of a network: what its layers compute, and which part of an image an answer rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from tlbook._checks import some
from tlbook.plotting.images import shown
from tlbook.plotting.marks import picture_axes, write_over
from tlbook.plotting.style import bare_figure, styled

__all__ = ["feature_maps", "heat_maps"]

_HEAT = "inferno"  # dark to light in even steps, so that it reads without colour as well


def _grey(image: NDArray[Any]) -> NDArray[np.float64]:
    """Luminance of an image, 0 to 1, with the contrast taken down to make room for the heat."""
    scale = 255.0 if image.dtype.kind in "iu" else 1.0
    grey = image / scale if image.ndim == 2 else (image[..., :3] / scale) @ [0.2126, 0.7152, 0.0722]
    return 0.15 + 0.7 * np.clip(grey, 0, 1)


def blended(image: NDArray[Any], heat: NDArray[Any]) -> NDArray[np.float64]:
    """Image in grey under the heat's colours; the hotter, the more colour."""
    top = heat.max()
    share = np.maximum(heat, 0) / top if top > 0 else np.zeros_like(heat)
    weight = (0.35 + 0.5 * share)[..., None]
    return (1 - weight) * _grey(image)[..., None] + weight * mpl.colormaps[_HEAT](share)[..., :3]


def _outline(axes: Axes, mask: NDArray[Any]) -> None:
    """The mask's edge, white on black, seen on any ground."""
    if mask.any() and not mask.all():
        # A frame of False, so that a mask at the image's edge is closed there.
        framed = np.pad(mask.astype(float), 1)
        place = np.arange(-1, mask.shape[1] + 1), np.arange(-1, mask.shape[0] + 1)
        for width, colour in ((2.6, "black"), (1.2, "white")):
            axes.contour(*place, framed, levels=[0.5], colors=[colour], linewidths=width)


@styled
def heat_maps(
    images: ArrayLike,
    rows: Mapping[str, ArrayLike],
    labels: Sequence[str] | None = None,
    *,
    masks: ArrayLike | None = None,
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
    pictures = shown(images)
    n, size = len(pictures), pictures[0].shape[:2]
    some(rows, "heat_maps", "row of maps, by its name")
    checked = {name: np.asarray(maps, dtype=float) for name, maps in rows.items()}
    outlines = None if masks is None else np.asarray(masks, dtype=float)
    for name, maps in (checked if outlines is None else {**checked, "masks": outlines}).items():
        if maps.shape != (n, *size):
            raise ValueError(f"{name} has shape {maps.shape}; {n} images of {size[0]} × {size[1]} need {(n, *size)}")
    if labels is not None and len(labels) != n:
        raise ValueError(f"{n} images, but {len(labels)} labels")
    lines, titles = len(checked) + 1, len(checked) + (labels is not None)
    height = lines * (width / n * size[0] / size[1] + 0.05) + 0.24 * titles + 0.55
    figure, axes = picture_axes(width, height, lines, n)
    for place, image, label in zip(axes[0], pictures, [""] * n if labels is None else labels, strict=True):
        place.imshow(image, cmap="gray")
        write_over(place, label)
    for places, (name, maps) in zip(axes[1:], checked.items(), strict=True):
        write_over(places[0], name, loc="left")
        for column, (place, heat) in enumerate(zip(places, maps, strict=True)):
            place.imshow(blended(pictures[column], heat))
            if outlines is not None:
                _outline(place, outlines[column] > 0)
            if heat.max() <= 0:
                place.text(0.5, 0.5, "no heat", transform=place.transAxes, ha="center", va="center", color="white")
            elif peaks:
                y, x = np.unravel_index(np.argmax(heat), heat.shape)
                for marker, edge, colour in ((9, 3, "black"), (6, 1.5, "white")):
                    place.plot(x, y, "+", color=colour, markersize=marker, markeredgewidth=edge)
    scale = mpl.cm.ScalarMappable(mpl.colors.Normalize(0, 100), _HEAT)
    bar = figure.colorbar(scale, ax=axes, location="bottom", shrink=0.6, aspect=45, pad=0.01)
    bar.set_label("heat, % of the largest value of each map", fontsize=10)
    bar.outline.set_visible(False)
    return figure


def feature_maps(
    rows: Mapping[str, ArrayLike], *, picture: ArrayLike | None = None, columns: int = 6, strongest: bool = False
) -> Figure:
    """Feature maps as pictures, one row for each stage.

    Maps without negative numbers are grey, black 0 and white the largest of the row. Where some are negative, purple is
    negative, white 0 and orange positive.

    Parameters
    ----------
    rows : mapping of str to ndarray, shape (height, width, channels)
        Maps by the name of the stage.
    picture : ndarray, shape (height, width) or (height, width, 3), optional
        The image that went in, drawn in front of each row; uint8, or float 0 to 1.
    columns : int
        Maps drawn of each row, at most.
    strongest : bool
        Draw the channels whose numbers vary most over the image instead of the first ones.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is nothing to draw or an array has another number of axes.
    """
    if not rows or columns < 1:
        raise ValueError("there is nothing to draw; give at least one row and one column")
    stages = {name: np.asarray(maps, dtype=float) for name, maps in rows.items()}
    for name, maps in stages.items():
        if maps.ndim != 3:
            raise ValueError(f"{name} must have shape (height, width, channels), but has {maps.shape}")
    columns = min(columns, max(maps.shape[2] for maps in stages.values()))
    extra = int(picture is not None)
    width, gap, line = 6.4, 0.06, 0.26  # inches
    size = width / (columns + extra) - gap
    height = len(stages) * (size + line)
    figure = bare_figure(width, height, layout="none")

    def panel(row: int, column: int) -> Axes:
        # Placed by hand: a layout engine would make room for the text over one panel by moving its neighbours away.
        bottom = height - row * (size + line) - line - size
        axes = figure.add_axes((column * (size + gap) / width, bottom / height, size / width, size / height))
        axes.set_axis_off()
        return axes

    for row, (name, maps) in enumerate(stages.items()):
        order = np.argsort(-maps.std(axis=(0, 1)), kind="stable") if strongest else np.arange(maps.shape[2])
        chosen = maps[..., order[:columns]]
        high = float(np.abs(chosen).max()) or 1.0
        low, colours = (-high, "PuOr_r") if chosen.min() < 0 else (0.0, "gray")
        if picture is not None:
            panel(row, 0).imshow(picture, cmap="gray", vmin=0, vmax=255 if np.asarray(picture).dtype == np.uint8 else 1)
        for column in range(chosen.shape[2]):
            axes = panel(row, column + extra)
            axes.imshow(chosen[..., column], cmap=colours, vmin=low, vmax=high)
            if not column:
                text = f"{name}  ({maps.shape[0]} × {maps.shape[1]} × {maps.shape[2]})"
                axes.set_title(text, fontsize=10, loc="left", pad=3)
    return figure
