"""Pictures of what a convolutional network computes: numbers in cells, sliding kernels, maps, filters, fields.

Every function returns a :class:`matplotlib.figure.Figure` that pyplot has forgotten: it is shown by being the last
expression of a cell, once, and nothing needs to be closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tlbook.convolution import convolve
from tlbook.plotting.style import PALETTE

__all__ = [
    "feature_maps",
    "filter_grid",
    "kernel_step",
    "magnified",
    "number_grid",
    "shift_curves",
]

INK = "#222222"
COLOURS = tuple(PALETTE.values())
MARK = PALETTE["vermilion"]
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (3, 3)), (0, (1, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def bare_figure(width: float, height: float, layout: str = "constrained") -> Figure:
    """An empty figure of this many inches that pyplot made and has forgotten.

    Made by pyplot, since the first such figure is what tells a notebook to show figures as pictures.
    """
    figure = plt.figure(figsize=(width, height), dpi=120, facecolor="white", layout=layout)
    plt.close(figure)
    return figure


def _maps(values: np.ndarray, name: str) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.ndim != 3:
        raise ValueError(f"{name} must have shape (height, width, channels), but has {values.shape}")
    return values


def _text(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}".replace("-", "−")
    return text[1:] if not float(f"{value:.{decimals}f}") and text.startswith("−") else text


def _cells(axes: Axes, values: np.ndarray, *, decimals: int, bounds: tuple[float, float], size: float) -> None:
    """An array as coloured cells with its numbers written into them."""
    low, high = bounds
    signed = low < 0
    axes.imshow(values, cmap="PuOr_r" if signed else "gray", vmin=low, vmax=high)
    for (row, column), value in np.ndenumerate(values):
        shade = (value - low) / (high - low)
        dark = abs(shade - 0.5) > 0.32 if signed else shade < 0.5
        axes.text(
            column, row, _text(value, decimals), ha="center", va="center", fontsize=size, color="white" if dark else INK
        )
    axes.set_xticks(np.arange(-0.5, values.shape[1]), labels=[])
    axes.set_yticks(np.arange(-0.5, values.shape[0]), labels=[])
    axes.grid(color="#999999", linewidth=0.5)
    axes.tick_params(length=0)


def _bounds(values: np.ndarray) -> tuple[float, float]:
    """Colour range: 0 to the largest value, or symmetric where values are negative, so that 0 is always one colour."""
    largest = float(np.abs(values).max()) or 1.0
    return (-largest, largest) if values.min() < 0 else (0.0, max(largest, 1.0) if largest <= 1 else largest)


def number_grid(arrays: Mapping[str, np.ndarray], *, decimals: int = 2, joined_by: Sequence[str] = ()) -> Figure:
    """Small arrays side by side, each number written into its cell.

    Grey cells where no number is negative (black 0, white the largest); where some are, purple is negative, white 0 and
    orange positive.

    Parameters
    ----------
    arrays : dict of str to ndarray, shape (rows, columns)
        By title. The widths in the figure follow the number of columns.
    decimals : int
        Digits after the point.
    joined_by : sequence of str
        Signs to write between neighbours, such as ``("×", "=")``; none if empty.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is nothing to draw, an array is not of two axes or too large to read, or the signs are too few or many.
    """
    tables = {title: np.asarray(values, dtype=float) for title, values in arrays.items()}
    if not tables:
        raise ValueError("there is no array to draw; give at least one, by title")
    for title, values in tables.items():
        if values.ndim != 2 or not values.size or max(values.shape) > 12:
            raise ValueError(
                f"{title!r} has shape {values.shape}; give arrays of 2 axes and at most 12 rows and columns"
            )
    if joined_by and len(joined_by) != len(tables) - 1:
        raise ValueError(f"{len(tables)} arrays have {len(tables) - 1} gaps, but {len(joined_by)} signs were given")
    widths = [max(values.shape[1], 3) for values in tables.values()]
    scale = min(0.5, 6.4 / (sum(widths) + 1.2 * (len(widths) - 1)))
    tallest = max(values.shape[0] for values in tables.values())
    figure = bare_figure(scale * (sum(widths) + 1.2 * (len(widths) - 1)), scale * tallest + 0.45)
    columns = figure.subplots(1, len(tables), width_ratios=widths, squeeze=False)[0]
    for number, (axes, (title, values)) in enumerate(zip(columns, tables.items(), strict=True)):
        _cells(axes, values, decimals=decimals, bounds=_bounds(values), size=min(11, 24 * scale))
        axes.set_title(title, fontsize=10)
        if joined_by and number:
            axes.text(-0.1, 0.5, joined_by[number - 1], transform=axes.transAxes, ha="right", va="center", fontsize=16)
    return figure


def magnified(picture: np.ndarray, row: int, column: int, size: int, *, decimals: int = 2) -> Figure:
    """A picture with a window marked, and the numbers in that window.

    Parameters
    ----------
    picture : ndarray, shape (height, width)
        Brightness, 0 to 1.
    row, column : int
        Upper left corner of the window.
    size : int
        Side of the window in pixels.
    decimals : int
        Digits after the point.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the picture has not two axes or the window does not lie in it.
    """
    picture = np.asarray(picture, dtype=float)
    if picture.ndim != 2:
        raise ValueError(f"the picture must have shape (height, width), but has {picture.shape}")
    if min(row, column) < 0 or row + size > picture.shape[0] or column + size > picture.shape[1]:
        raise ValueError(f"a window of {size} pixels at {(row, column)} does not lie in a picture of {picture.shape}")
    figure = bare_figure(6.2, 3.1)
    whole, part = figure.subplots(1, 2)
    whole.imshow(picture, cmap="gray", vmin=0, vmax=1)
    whole.add_patch(Rectangle((column - 0.5, row - 0.5), size, size, fill=False, edgecolor="white", linewidth=4))
    whole.add_patch(Rectangle((column - 0.5, row - 0.5), size, size, fill=False, edgecolor=MARK, linewidth=2))
    whole.set_title(f"{picture.shape[0]} × {picture.shape[1]} pixels", fontsize=10)
    whole.set_axis_off()
    window = picture[row : row + size, column : column + size]
    _cells(part, window, decimals=decimals, bounds=(0, 1), size=min(11, 72 / size))
    part.set_title("the marked window", fontsize=10)
    for side in part.spines.values():
        side.set(edgecolor=MARK, linewidth=2)
    return figure


def kernel_step(image: np.ndarray, kernel: np.ndarray, row: int, column: int, *, decimals: int = 2) -> Figure:
    """One step of a sliding kernel: the window, times the kernel, added up, is one number of the result.

    Parameters
    ----------
    image : ndarray, shape (height, width)
        Brightness, 0 to 1; at most 12 × 12 pixels.
    kernel : ndarray, shape (k, k)
        The weights.
    row, column : int
        The place of the window, and of the number in the result.
    decimals : int
        Digits after the point.

    Returns
    -------
    matplotlib.figure.Figure
        Image with the window marked, kernel, products, and the result with the number marked.

    Raises
    ------
    ValueError
        If image and kernel do not go together or the place does not exist.
    """
    image, kernel = np.asarray(image, dtype=float), np.asarray(kernel, dtype=float)
    result = convolve(image, kernel)
    if kernel.ndim != 2 or max(image.shape) > 12:
        raise ValueError(f"give an image of at most 12 × 12 and one kernel; these are {image.shape} and {kernel.shape}")
    if not (0 <= row < result.shape[0] and 0 <= column < result.shape[1]):
        raise ValueError(f"the result has shape {result.shape}, so there is no place {(row, column)}")
    k_rows, k_columns = kernel.shape
    products = image[row : row + k_rows, column : column + k_columns] * kernel
    figure = bare_figure(6.8, 2.7)
    panels = figure.subplots(
        1, 4, width_ratios=(image.shape[1], k_columns + 0.6, k_columns + 0.6, result.shape[1] + 0.6)
    )
    titles = ("image", "kernel", "products", "result")
    for axes, title, values in zip(panels, titles, (image, kernel, products, result), strict=True):
        bounds = (0.0, 1.0) if title == "image" else _bounds(values)
        digits = 0 if title == "kernel" and np.array_equal(values, values.round()) else decimals
        _cells(axes, values, decimals=digits, bounds=bounds, size=8 if max(image.shape) <= 6 else 6.5)
        axes.set_title(title, fontsize=10)
    panels[0].add_patch(
        Rectangle((column - 0.5, row - 0.5), k_columns, k_rows, fill=False, edgecolor=MARK, linewidth=3)
    )
    panels[3].add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=MARK, linewidth=3))
    panels[2].set_xlabel(f"sum {_text(products.sum(), decimals)}", fontsize=10)
    return figure


def feature_maps(
    rows: Mapping[str, np.ndarray], *, picture: np.ndarray | None = None, columns: int = 6, strongest: bool = False
) -> Figure:
    """Feature maps as pictures, one row for each stage.

    Maps without negative numbers are grey, black 0 and white the largest of the row. Where some are negative, purple is
    negative, white 0 and orange positive.

    Parameters
    ----------
    rows : dict of str to ndarray, shape (height, width, channels)
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
    stages = {name: _maps(maps, name) for name, maps in rows.items()}
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
        drawn = maps[..., order[:columns]]
        signed = drawn.min() < 0
        low, high = _bounds(drawn) if signed else (0.0, float(drawn.max()) or 1.0)
        if picture is not None:
            panel(row, 0).imshow(picture, cmap="gray", vmin=0, vmax=255 if np.asarray(picture).dtype == np.uint8 else 1)
        for column in range(drawn.shape[2]):
            axes = panel(row, column + extra)
            axes.imshow(drawn[..., column], cmap="PuOr_r" if signed else "gray", vmin=low, vmax=high)
            if not column:
                text = f"{name}  ({maps.shape[0]} × {maps.shape[1]} × {maps.shape[2]})"
                axes.set_title(text, fontsize=10, loc="left", pad=3)
    return figure


def filter_grid(groups: Mapping[str, np.ndarray], *, columns: int = 16) -> Figure:
    """Filters that read a colour image, drawn as small colour images themselves.

    Each filter is stretched by itself so that mid-grey stands for 0: a filter answers most where the image looks like its
    picture. All weights of a filter share one scale, so that colours are kept.

    Parameters
    ----------
    groups : dict of str to ndarray, shape (k, k, 3, filters)
        Filters by the title of their group.
    columns : int
        Filters in one line.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If filters do not read three channels.
    """
    for title, kernels in groups.items():
        if np.ndim(kernels) != 4 or np.shape(kernels)[2] != 3:
            raise ValueError(f"filters of {title!r} must have shape (k, k, 3, filters), but have {np.shape(kernels)}")
    if not groups:
        raise ValueError("there are no filters to draw; give at least one group, by title")
    lines = {title: -(-np.shape(kernels)[3] // columns) for title, kernels in groups.items()}
    size = 6.4 / columns
    figure = bare_figure(6.4, sum(lines.values()) * (size + 0.04) + 0.32 * len(groups))
    parts = np.atleast_1d(figure.subfigures(len(groups), 1, height_ratios=[n * size + 0.3 for n in lines.values()]))
    for part, (title, kernels) in zip(parts, groups.items(), strict=True):
        part.suptitle(title, fontsize=10, x=0.01, ha="left")
        cells = part.subplots(lines[title], columns, squeeze=False).ravel()
        for number, axes in enumerate(cells):
            axes.set_axis_off()
            if number < np.shape(kernels)[3]:
                kernel = np.asarray(kernels[..., number], dtype=float)
                axes.imshow(0.5 + 0.5 * kernel / (np.abs(kernel).max() or 1.0))
    return figure


def shift_curves(shifts: Sequence[int], curves: Mapping[str, Sequence[float]], *, ylabel: str) -> Figure:
    """How much a representation changes when the image is shifted, one line for each representation.

    Parameters
    ----------
    shifts : sequence of int
        In pixels.
    curves : dict of str to sequence of float
        One value for each shift, by the name of the representation; at most seven.
    ylabel : str
        What the values are.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a curve has another length, or there are none or too many.
    """
    if not 0 < len(curves) <= len(COLOURS):
        raise ValueError(f"give 1 to {len(COLOURS)} curves; {len(curves)} were given")
    figure = bare_figure(6.4, 3.5)
    axes = figure.subplots()
    for number, (name, values) in enumerate(curves.items()):
        if len(values) != len(shifts):
            raise ValueError(f"{name!r} has {len(values)} values for {len(shifts)} shifts")
        style = {"color": COLOURS[number], "linestyle": LINES[number], "marker": MARKERS[number]}
        axes.plot(shifts, values, markersize=4, label=name, **style)
    axes.set(xlabel="shift of the image (pixels)", ylabel=ylabel, ylim=(0, None), xlim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=10, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
    return figure
