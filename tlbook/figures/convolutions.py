"""Figures of the chapter on convolutions.

What a layer computes: numbers in cells, sliding kernels, filters, shifts. What a network is: its layers, their costs, the
fields they see, and how a loss finds its way back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from numpy.typing import ArrayLike, NDArray

from tlbook.convolution import Cost, Field, convolve
from tlbook.plotting.style import INK, PALETTE, bare_figure

if TYPE_CHECKING:
    import keras

__all__ = [
    "architecture",
    "cost_bars",
    "filter_grid",
    "kernel_path",
    "kernel_step",
    "logits_to_loss",
    "magnified",
    "number_grid",
    "receptive_field_map",
    "response_maps",
    "shift_curves",
    "there_and_back",
]

COLOURS = tuple(PALETTE.values())
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (3, 3)), (0, (1, 3)))
CONVOLUTION, POOLING, VECTOR, BACKWARD = (PALETTE[name] for name in ("sky", "orange", "green", "vermilion"))
IMAGE, MARK = "#dddddd", PALETTE["vermilion"]


def _text(value: float, decimals: int) -> str:
    return f"{value:z.{decimals}f}".replace("-", "−")


def _cells(axes: Axes, values: NDArray[np.float64], *, decimals: int, bounds: tuple[float, float], size: float) -> None:
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


def _square(axes: Axes, corner: tuple[float, float], side: float, **look: Any) -> None:
    """A square that is not filled."""
    axes.add_patch(Rectangle(corner, side, side, fill=False, **look))


def _bounds(values: NDArray[np.float64]) -> tuple[float, float]:
    """Colour range: 0 to the largest value, or symmetric where values are negative, so that 0 is always one colour."""
    largest = float(np.abs(values).max()) or 1.0
    return (-largest, largest) if values.min() < 0 else (0.0, max(largest, 1.0))


def number_grid(arrays: Mapping[str, ArrayLike], *, decimals: int = 2, joined_by: Sequence[str] = ()) -> Figure:
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


def magnified(picture: ArrayLike, row: int, column: int, size: int) -> Figure:
    """A picture with a window marked, and the numbers in that window.

    Parameters
    ----------
    picture : ndarray, shape (height, width)
        Brightness, 0 to 1.
    row, column : int
        Upper left corner of the window.
    size : int
        Side of the window in pixels.

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
    for colour, width in (("white", 4), (MARK, 2)):
        _square(whole, (column - 0.5, row - 0.5), size, edgecolor=colour, linewidth=width)
    whole.set_title(f"{picture.shape[0]} × {picture.shape[1]} pixels", fontsize=10)
    whole.set_axis_off()
    window = picture[row : row + size, column : column + size]
    _cells(part, window, decimals=2, bounds=(0, 1), size=min(11, 72 / size))
    part.set_title("the marked window", fontsize=10)
    part.spines[:].set(edgecolor=MARK, linewidth=2)
    return figure


def kernel_step(image: ArrayLike, kernel: ArrayLike, row: int, column: int) -> Figure:
    """One step of a sliding kernel: the window, times the kernel, added up, is one number of the result.

    Image with the window marked, kernel, products, and the result with the number marked.

    Parameters
    ----------
    image : ndarray, shape (height, width)
        Brightness, 0 to 1; at most 12 × 12 pixels.
    kernel : ndarray, shape (k, k)
        The weights.
    row, column : int
        The place of the window, and of the number in the result.

    Raises
    ------
    ValueError
        If image and kernel do not go together or the place does not exist.
    """
    image, kernel = np.asarray(image, dtype=float), np.asarray(kernel, dtype=float)
    result = convolve(image, kernel)
    if kernel.shape != (len(kernel), len(kernel)) or max(image.shape) > 12:
        raise ValueError(f"give an image of at most 12 × 12 and a square kernel, not {image.shape} and {kernel.shape}")
    if not (0 <= row < result.shape[0] and 0 <= column < result.shape[1]):
        raise ValueError(f"the result has shape {result.shape}, so there is no place {(row, column)}")
    k = len(kernel)
    products = image[row : row + k, column : column + k] * kernel
    tables = {"image": image, "kernel": kernel, "products": products, "result": result}
    widths = [image.shape[1], k + 0.6, k + 0.6, result.shape[1] + 0.6]
    figure = bare_figure(6.8, 2.7)
    panels = figure.subplots(1, 4, width_ratios=widths)
    for axes, (title, values) in zip(panels, tables.items(), strict=True):
        bounds = (0.0, 1.0) if title == "image" else _bounds(values)
        decimals = 0 if title == "kernel" and np.array_equal(values, values.round()) else 2
        _cells(axes, values, decimals=decimals, bounds=bounds, size=8 if max(image.shape) <= 6 else 6.5)
        axes.set_title(title, fontsize=10)
    for axes, side in ((panels[0], k), (panels[3], 1)):
        _square(axes, (column - 0.5, row - 0.5), side, edgecolor=MARK, linewidth=3)
    panels[2].set_xlabel(f"sum {_text(products.sum(), 2)}", fontsize=10)
    return figure


def filter_grid(groups: Mapping[str, ArrayLike]) -> Figure:
    """Filters that read a colour image, drawn as small colour images themselves, up to 16 in a line.

    Each filter is stretched by itself so that mid-grey stands for 0: a filter answers most where the image looks like its
    picture. All weights of a filter share one scale, so that colours are kept.

    Parameters
    ----------
    groups : dict of str to ndarray, shape (k, k, 3, filters)
        Filters by the title of their group.

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
    columns = min(16, max(np.shape(kernels)[3] for kernels in groups.values()))
    size = min(0.8, 6.4 / columns)
    lines = {title: -(-np.shape(kernels)[3] // columns) for title, kernels in groups.items()}
    figure = bare_figure(columns * size, sum(lines.values()) * (size + 0.04) + 0.32 * len(groups))
    heights = [n * size + 0.3 for n in lines.values()]
    parts = figure.subfigures(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (title, kernels) in zip(parts, groups.items(), strict=True):
        part.suptitle(title, fontsize=10, x=0.01, ha="left")
        cells = part.subplots(lines[title], columns, squeeze=False).ravel()
        for axes in cells:
            axes.set_axis_off()
        for axes, kernel in zip(cells, np.moveaxis(np.asarray(kernels, dtype=float), 3, 0), strict=False):
            axes.imshow(0.5 + 0.5 * kernel / (np.abs(kernel).max() or 1.0))
    return figure


def response_maps(picture: np.ndarray, responses: Mapping[str, np.ndarray]) -> Figure:
    """A grey picture and what kernels answer to it, side by side: purple is negative, white 0, orange positive.

    Parameters
    ----------
    picture : ndarray, shape (height, width)
        Brightness, 0 to 1.
    responses : dict of str to ndarray, shape (rows, columns)
        Feature maps by title. All share one scale of colours.

    Raises
    ------
    ValueError
        If there is no map, or one has not two axes.
    """
    maps = {title: np.asarray(values, dtype=float) for title, values in responses.items()}
    if not maps or any(values.ndim != 2 for values in maps.values()):
        raise ValueError("give at least one feature map of shape (rows, columns), by title")
    largest = max(float(np.abs(values).max()) for values in maps.values()) or 1.0
    figure = bare_figure(6.8, 0.4 + 6.8 / (1 + len(maps)))
    first, *others = figure.subplots(1, 1 + len(maps))
    first.imshow(picture, cmap="gray", vmin=0, vmax=1)
    first.set_title("picture", fontsize=10)
    for axes, (title, values) in zip(others, maps.items(), strict=True):
        axes.imshow(values, cmap="PuOr_r", vmin=-largest, vmax=largest)
        axes.set_title(title, fontsize=10)
    for axes in (first, *others):
        axes.set_axis_off()
    return figure


def kernel_path(image: np.ndarray, kernel: np.ndarray, places: Sequence[tuple[int, int]]) -> Figure:
    """A kernel on its way over a small image: above, where it lies; below, the result as far as it is computed.

    It goes through every row from left to right, as the two loops of a convolution do.

    Parameters
    ----------
    image : ndarray, shape (height, width)
        At most 12 on each side; values 0 to 1.
    kernel : ndarray, shape (k, k)
    places : sequence of (row, column)
        Upper left corner of the kernel in each panel.

    Raises
    ------
    ValueError
        If there is no place, or the kernel does not lie in the image at one.
    """
    result = convolve(np.asarray(image, dtype=float), np.asarray(kernel, dtype=float))
    inside = [0 <= row < result.shape[0] and 0 <= column < result.shape[1] for row, column in places]
    if not inside or not all(inside):
        raise ValueError(f"the result has shape {result.shape}; give places that lie in it, at least one")
    figure = bare_figure(6.8, 0.5 + 6.8 / len(places) * 1.5)
    above, below = np.atleast_2d(figure.subplots(2, len(places), squeeze=False, height_ratios=(3, 2)))
    for upper, lower, (row, column) in zip(above, below, places, strict=True):
        upper.imshow(image, cmap="gray", vmin=0, vmax=1)
        _square(upper, (column - 0.5, row - 0.5), len(kernel), edgecolor=MARK, linewidth=3)
        done = np.arange(result.size).reshape(result.shape) <= row * result.shape[1] + column
        _cells(lower, np.where(done, result, 0.0), decimals=1, bounds=_bounds(result), size=7)
        for text, shown in zip(lower.texts, done.ravel(), strict=True):
            text.set_visible(bool(shown))
        _square(lower, (column - 0.5, row - 0.5), 1, edgecolor=MARK, linewidth=3)
        upper.set_title(f"row {row + 1}, column {column + 1}", fontsize=10)
        upper.set(xticks=[], yticks=[])
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

    Raises
    ------
    ValueError
        If a curve has another length, or there are none or too many.
    """
    if not 0 < len(curves) <= len(COLOURS):
        raise ValueError(f"give 1 to {len(COLOURS)} curves; {len(curves)} were given")
    figure = bare_figure(6.4, 3.5)
    axes = figure.subplots()
    for (name, values), colour, line, marker in zip(curves.items(), COLOURS, LINES, "os^DvPX", strict=False):
        if len(values) != len(shifts):
            raise ValueError(f"{name!r} has {len(values)} values for {len(shifts)} shifts")
        axes.plot(shifts, values, color=colour, linestyle=line, marker=marker, markersize=4, label=name)
    axes.set(xlabel="shift of the image (pixels)", ylabel=ylabel, ylim=(0, None), xlim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=10, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
    return figure


def architecture(model: keras.Model, class_names: Sequence[str]) -> Figure:
    """Draw a plain convolutional network, from the image to the logits, as stacks of maps.

    One stack for the input and for the output of every convolution, pooling and dense layer. Its height goes with the
    square root of the map's side, the number of sheets with the logarithm of the number of channels. Normalisation,
    activation and dropout are part of the layer before.

    Parameters
    ----------
    model : keras.Model
        Flat and without branches; input (n, size, size, channels), output (n, N).
    class_names : sequence of str
        Names to write at the outputs.

    Raises
    ------
    ValueError
        If the model has no fixed input size or the names are not as many as its outputs.
    """
    from keras import layers

    colours = {
        (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D): CONVOLUTION,
        (layers.MaxPooling2D, layers.AveragePooling2D): POOLING,
        (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D, layers.Flatten, layers.Dense): VECTOR,
    }
    if None in tuple(model.input_shape[1:]):
        raise ValueError(f"the network's input has no fixed size ({tuple(model.input_shape)}); build it with one")
    if len(class_names) != model.output_shape[-1]:
        raise ValueError(f"{len(class_names)} names were given for {model.output_shape[-1]} outputs")
    blocks = [(tuple(model.input_shape[1:]), IMAGE)]
    for layer in model.layers:
        colour = next((colour for kinds, colour in colours.items() if isinstance(layer, kinds)), None)
        if colour:
            blocks.append((tuple(layer.output.shape[1:]), colour))
    figure = bare_figure(7.0, 2.9, layout="tight")
    axes = figure.add_subplot()
    axes.set_axis_off()
    edge: dict[str, Any] = {"edgecolor": INK, "linewidth": 0.7}
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 8, "color": INK, "linewidth": 0.8}
    largest, x = blocks[0][0][0], 0.0
    for number, (shape, colour) in enumerate(blocks):
        if len(shape) == 3:
            side = 0.25 + 1.35 * (shape[0] / largest) ** 0.5
            sheets = 1 + round(np.log2(shape[2]))
            for sheet in reversed(range(sheets)):
                corner = (x + 0.05 * sheet, -side / 2 + 0.05 * sheet)
                axes.add_patch(Rectangle(corner, side * 0.5, side, facecolor=colour, **edge))
            width, text = side * 0.5 + 0.05 * (sheets - 1), f"{shape[0]}×{shape[1]}\n×{shape[2]}"
        else:
            width, text = 0.14, f"{shape[0]}"
            height = 0.3 + 0.16 * np.log2(shape[0])
            axes.add_patch(Rectangle((x, -height / 2), width, height, facecolor=colour, **edge))
        axes.text(x + width / 2, -0.98, text, ha="center", va="top", fontsize=8.5)
        x += width
        if number < len(blocks) - 1:
            axes.add_patch(FancyArrowPatch((x + 0.02, 0), (x + 0.3, 0), **arrow))
            x += 0.32
    for number, name in enumerate(class_names):
        axes.text(x + 0.08, 0.16 * (len(class_names) - 1) - 0.32 * number, name, va="center", fontsize=10)
    for start, colour, label in (
        (0.0, IMAGE, "image"),
        (0.14, CONVOLUTION, "convolution, ReLU"),
        (0.44, POOLING, "pooling"),
        (0.63, VECTOR, "averages, then logits"),
    ):
        axes.add_patch(Rectangle((start * x, 1.32), 0.22, 0.16, facecolor=colour, **edge))
        axes.text(start * x + 0.3, 1.4, label, va="center", fontsize=10)
    axes.set(xlim=(-0.15, x + 0.7), ylim=(-1.55, 1.55))
    return figure


def cost_bars(costs: Sequence[Cost]) -> Figure:
    """Where a network keeps its parameters, and where it spends its multiplications.

    Parameters
    ----------
    costs : sequence of Cost
        From :func:`tlbook.convolution.costs`. Layers without multiplications are left out.

    Raises
    ------
    ValueError
        If no layer multiplies.
    """
    rows = [cost for cost in costs if cost.multiplications]
    if not rows:
        raise ValueError("there is no convolution and no dense layer among the layers given")
    figure = bare_figure(6.4, 0.75 + 0.32 * len(rows))
    left, right = figure.subplots(1, 2, sharey=True)
    places = range(len(rows))
    for axes, values, colour, label in (
        (left, [row.parameters for row in rows], PALETTE["blue"], "parameters"),
        (right, [row.multiplications for row in rows], PALETTE["vermilion"], "multiplications for one image"),
    ):
        axes.barh(places, values, color=colour, height=0.65)
        for place, value in zip(places, values, strict=True):
            axes.text(value, place, f" {value:,}", va="center", fontsize=8.5)
        axes.set(xlabel=label, xlim=(0, 1.55 * max(values)), xticks=[])
        axes.spines[["top", "right", "bottom"]].set_visible(False)
    left.set_yticks(places, labels=[row.layer for row in rows], fontsize=10)
    left.invert_yaxis()
    return figure


def receptive_field_map(picture: ArrayLike, fields: Mapping[str, Field]) -> Figure:
    """What the middle unit of each stage sees, as squares on a picture, and the fields' sizes as bars.

    Parameters
    ----------
    picture : ndarray, shape (size, size, 3)
        The network's input.
    fields : dict of str to Field
        By stage, shallow to deep.

    Raises
    ------
    ValueError
        If there is no field, or more than there are colours.
    """
    if not 0 < len(fields) <= len(COLOURS):
        raise ValueError(f"give 1 to {len(COLOURS)} fields; {len(fields)} were given")
    side = np.shape(picture)[0]
    figure = bare_figure(6.4, 3.0)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    left.imshow(picture, extent=(0, side, side, 0))
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # keeps the line of the image's side out of it
    for number, (field, colour, line) in enumerate(zip(fields.values(), COLOURS, LINES, strict=False)):
        first, _ = field.of_unit(field.units // 2)
        for edge, width, style in (("white", 3.5, "-"), (colour, 2, line)):
            _square(left, (first, first), field.size, edgecolor=edge, linewidth=width, linestyle=style)
        right.barh(number, field.size, color=colour, height=0.6)
        text = {"textcoords": "offset points", "va": "center", "fontsize": 10, "bbox": ground}
        right.annotate(f"{field.size}", (field.size, number), (4, 0), **text)
    left.set(xlim=(0, side), ylim=(side, 0), xticks=[], yticks=[], xlabel="middle unit of each stage")
    right.axvline(side, color=INK, linestyle=":", linewidth=1)
    right.text(side, -0.62, "image", ha="center", va="bottom", fontsize=10)
    right.set_yticks(range(len(fields)), labels=list(fields), fontsize=10)
    right.invert_yaxis()
    right.set_xlabel("receptive field (pixels a side)")
    right.spines[["top", "right"]].set_visible(False)
    right.set_xlim(0, 1.12 * max([side, *(field.size for field in fields.values())]))
    return figure


def logits_to_loss(class_names: tuple[str, str]) -> Figure:
    """From two logits to a probability (left), and from the probability to the loss (right).

    Parameters
    ----------
    class_names : (str, str)
        The two classes.

    Raises
    ------
    ValueError
        If there are not two classes.
    """
    if len(class_names) != 2:
        raise ValueError(f"this picture is for two classes; {len(class_names)} were given")
    first, second = class_names
    figure = bare_figure(6.4, 2.9)
    left, right = figure.subplots(1, 2)
    difference = np.linspace(-6, 6, 241)
    left.plot(difference, 1 / (1 + np.exp(-difference)), color=PALETTE["blue"], label=second)
    left.plot(difference, 1 / (1 + np.exp(difference)), color=PALETTE["vermilion"], linestyle="--", label=first)
    left.set(xlabel=f"logit of {second} − logit of {first}", ylabel="probability (softmax)", ylim=(0, 1))
    left.legend(frameon=False, fontsize=10, loc="center right")
    probability = np.linspace(0.005, 1, 400)
    right.plot(probability, -np.log(probability), color=INK)
    for value in (0.9, 0.5, 0.1):
        loss = -np.log(value)
        right.plot(value, loss, "o", color=BACKWARD)
        right.annotate(f"{loss:.2f}", (value, loss), (5, 5), textcoords="offset points", fontsize=10)
    right.set(xlabel="probability of the labelled class", ylabel="cross-entropy (nats)", xlim=(0, 1.05), ylim=(0, 5))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def there_and_back(names: Sequence[str], values: Sequence[str], slopes: Sequence[str]) -> Figure:
    """A computation as boxes in a row: values above, going right; slopes of the loss below, going back.

    Parameters
    ----------
    names : sequence of str
        What is computed, in the order of its steps.
    values : sequence of str, of the same length
        What came out of each step on the way there.
    slopes : sequence of str, of the same length
        What reached each step in the backward pass: how the loss changes with its output. Empty if nothing did.

    Raises
    ------
    ValueError
        If there is no step, or not one value and one slope for each.
    """
    if not names:
        raise ValueError("there is no step to draw")
    figure = bare_figure(7.0, 2.5, layout="tight")
    axes = figure.add_subplot()
    axes.set_axis_off()
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 10, "linewidth": 1.1}
    for number, (name, value, slope) in enumerate(zip(names, values, slopes, strict=True)):
        x = 1.6 * number
        axes.add_patch(Rectangle((x, -0.3), 1.1, 0.6, facecolor="#f2f2f2", edgecolor=INK, linewidth=0.8))
        axes.text(x + 0.55, 0, name, ha="center", va="center", fontsize=10)
        axes.text(x + 0.55, 0.42, value.replace("-", "−"), ha="center", va="bottom", fontsize=10, color=INK)
        axes.text(x + 0.55, -0.42, slope.replace("-", "−"), ha="center", va="top", fontsize=10, color=BACKWARD)
        if number:
            axes.add_patch(FancyArrowPatch((x - 0.5, 0.12), (x, 0.12), color=INK, **arrow))
            if slopes[number - 1]:
                axes.add_patch(FancyArrowPatch((x, -0.12), (x - 0.5, -0.12), color=BACKWARD, linestyle="--", **arrow))
    axes.text(0, 1.02, "forward pass: values", fontsize=10, color=INK)
    axes.text(0, -1.08, "backward pass: how the loss changes", fontsize=10, color=BACKWARD, va="top")
    axes.set(xlim=(-0.35, 1.6 * len(names) - 0.15), ylim=(-1.3, 1.25))
    return figure
