"""Pictures of a whole network: what it is made of, what its layers cost, how a loss finds its way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from tlbook.convolution import Cost, Field
from tlbook.plotting.convolution import COLOURS, LINES, bare_figure
from tlbook.plotting.style import PALETTE

if TYPE_CHECKING:
    import keras

__all__ = ["Step", "architecture", "cost_bars", "logits_to_loss", "receptive_field_map", "there_and_back"]

INK = "#222222"
CONVOLUTION, POOLING, VECTOR, BACKWARD = (PALETTE[name] for name in ("sky", "orange", "green", "vermilion"))
FROZEN = "#9ecae1"


def architecture(model: keras.Model, class_names: Sequence[str] = ()) -> Figure:
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

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the model has no fixed input size or the names are not as many as its outputs.
    """
    from keras import layers

    convolutions = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
    pooling = (layers.MaxPooling2D, layers.AveragePooling2D)
    if None in tuple(model.input_shape[1:]):
        raise ValueError(f"the network's input has no fixed size ({tuple(model.input_shape)}); build it with one")
    if class_names and len(class_names) != model.output_shape[-1]:
        raise ValueError(f"{len(class_names)} names were given for {model.output_shape[-1]} outputs")
    blocks = [(tuple(model.input_shape[1:]), "#dddddd")]
    for layer in model.layers:
        shape = tuple(layer.output.shape[1:])
        if isinstance(layer, convolutions):
            blocks.append((shape, CONVOLUTION))
        elif isinstance(layer, pooling):
            blocks.append((shape, POOLING))
        elif isinstance(
            layer, (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D, layers.Flatten, layers.Dense)
        ):
            blocks.append((shape, VECTOR))

    figure = bare_figure(7.0, 2.9, layout="tight")
    axes = figure.add_subplot()
    axes.set_axis_off()
    largest, x = blocks[0][0][0], 0.0
    for number, (shape, colour) in enumerate(blocks):
        if len(shape) == 3:
            side = 0.25 + 1.35 * (shape[0] / largest) ** 0.5
            sheets = 1 + round(np.log2(shape[2]))
            for sheet in reversed(range(sheets)):
                corner = (x + 0.05 * sheet, -side / 2 + 0.05 * sheet)
                axes.add_patch(Rectangle(corner, side * 0.5, side, facecolor=colour, edgecolor=INK, linewidth=0.7))
            width, text = side * 0.5 + 0.05 * (sheets - 1), f"{shape[0]}×{shape[1]}\n×{shape[2]}"
        else:
            width, text = 0.14, f"{shape[0]}"
            height = 0.3 + 0.16 * np.log2(shape[0])
            axes.add_patch(Rectangle((x, -height / 2), width, height, facecolor=colour, edgecolor=INK, linewidth=0.7))
        axes.text(x + width / 2, -0.98, text, ha="center", va="top", fontsize=8.5)
        x += width
        if number < len(blocks) - 1:
            arrow = {"arrowstyle": "-|>", "mutation_scale": 8, "color": INK, "linewidth": 0.8}
            axes.add_patch(FancyArrowPatch((x + 0.02, 0), (x + 0.3, 0), **arrow))
            x += 0.32
    for number, name in enumerate(class_names):
        axes.text(x + 0.08, 0.16 * (len(class_names) - 1) - 0.32 * number, name, va="center", fontsize=10)
    legend = (
        ("#dddddd", "image"),
        (CONVOLUTION, "convolution, ReLU"),
        (POOLING, "pooling"),
        (VECTOR, "averages, then logits"),
    )
    for (colour, label), start in zip(legend, (0.0, 0.14, 0.44, 0.63), strict=True):
        axes.add_patch(Rectangle((start * x, 1.32), 0.22, 0.16, facecolor=colour, edgecolor=INK, linewidth=0.7))
        axes.text(start * x + 0.3, 1.4, label, va="center", fontsize=10)
    axes.set(xlim=(-0.15, x + (0.7 if class_names else 0.1)), ylim=(-1.55, 1.55))
    return figure


def cost_bars(costs: Sequence[Cost]) -> Figure:
    """Where a network keeps its parameters, and where it spends its multiplications.

    Parameters
    ----------
    costs : sequence of Cost
        From :func:`tlbook.convolution.costs`. Layers without multiplications are left out.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If no layer multiplies.
    """
    rows = [cost for cost in costs if cost.multiplications]
    if not rows:
        raise ValueError("there is no convolution and no dense layer among the layers given")
    figure = bare_figure(6.4, 0.75 + 0.32 * len(rows), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    places = range(len(rows))
    for axes, values, colour, label in (
        (left, [row.parameters for row in rows], PALETTE["blue"], "parameters"),
        (right, [row.multiplications for row in rows], PALETTE["vermilion"], "multiplications for one image"),
    ):
        axes.barh(places, values, color=colour, height=0.65)
        for place, value in zip(places, values, strict=True):
            axes.text(value, place, f" {value:,}", va="center", fontsize=8.5)
        axes.set_xlabel(label)
        axes.set_xlim(0, 1.55 * max(values))
        axes.ticklabel_format(axis="x", style="plain")
        axes.set_xticks([])
        axes.spines[["top", "right", "bottom"]].set_visible(False)
    left.set_yticks(places, labels=[row.layer for row in rows], fontsize=10)
    left.invert_yaxis()
    return figure


def receptive_field_map(picture: np.ndarray, fields: Mapping[str, Field], *, scale: float = 1.0) -> Figure:
    """What the middle unit of each stage sees, as squares on a picture, and the fields' sizes as bars.

    Parameters
    ----------
    picture : ndarray, shape (size, size, 3)
        The network's input.
    fields : dict of str to Field
        By stage, shallow to deep.
    scale : float
        Drawn pixels for each input pixel, where the picture is given larger or smaller than the network takes it.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no field, or more than there are colours.
    """
    if not 0 < len(fields) <= len(COLOURS):
        raise ValueError(f"give 1 to {len(COLOURS)} fields; {len(fields)} were given")
    side = np.shape(picture)[0] / scale
    figure = bare_figure(6.4, 3.0)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    left.imshow(picture, extent=(0, side, side, 0))
    for number, field in enumerate(fields.values()):
        first, _ = field.of_unit(field.units // 2)
        for colour, width, style in (("white", 3.5, "-"), (COLOURS[number], 2, LINES[number])):
            left.add_patch(
                Rectangle(
                    (first, first),
                    field.size,
                    field.size,
                    fill=False,
                    edgecolor=colour,
                    linewidth=width,
                    linestyle=style,
                )
            )
        right.barh(number, field.size, color=COLOURS[number], height=0.6)
        background = {
            "facecolor": "white",
            "edgecolor": "none",
            "pad": 0.5,
        }  # keeps the line of the image's side out of it
        right.annotate(
            f"{field.size}",
            (field.size, number),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
            bbox=background,
        )
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

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there are not two classes.
    """
    if len(class_names) != 2:
        raise ValueError(f"this picture is for two classes; {len(class_names)} were given")
    first, second = class_names
    figure = bare_figure(6.4, 2.9, layout="constrained")
    left, right = figure.subplots(1, 2)
    difference = np.linspace(-6, 6, 241)
    left.plot(difference, 1 / (1 + np.exp(-difference)), color=PALETTE["blue"], label=second)
    left.plot(difference, 1 / (1 + np.exp(difference)), color=PALETTE["vermilion"], linestyle="--", label=first)
    left.set(xlabel=f"logit of {second} − logit of {first}", ylabel="probability (softmax)", ylim=(0, 1))
    left.legend(frameon=False, fontsize=10, loc="center right")
    probability = np.linspace(0.005, 1, 400)
    right.plot(probability, -np.log(probability), color=INK)
    for value in (0.9, 0.5, 0.1):
        right.plot(value, -np.log(value), "o", color=BACKWARD)
        right.annotate(
            f"{-np.log(value):.2f}", (value, -np.log(value)), (5, 5), textcoords="offset points", fontsize=10
        )
    right.set(xlabel="probability of the labelled class", ylabel="cross-entropy (nats)", xlim=(0, 1.05), ylim=(0, 5))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


class Step(NamedTuple):
    """One step of a computation, for :func:`there_and_back`.

    Attributes
    ----------
    name : str
        What is computed.
    value : str
        What came out on the way there.
    slope : str
        What reached the step in the backward pass: how the loss changes with its output. Empty if nothing did.
    frozen : bool
        Whether the step has weights that are not to be changed.
    """

    name: str
    value: str
    slope: str = ""
    frozen: bool = False


def there_and_back(steps: Sequence[Step]) -> Figure:
    """A computation as boxes in a row: values above, going right; slopes of the loss below, going back.

    Parameters
    ----------
    steps : sequence of Step
        In the order in which they are computed.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no step.
    """
    if not steps:
        raise ValueError("there is no step to draw")
    figure = bare_figure(7.0, 2.5, layout="tight")
    axes = figure.add_subplot()
    axes.set_axis_off()
    arrow = {"arrowstyle": "-|>", "mutation_scale": 10, "linewidth": 1.1}
    for number, step in enumerate(steps):
        x = 1.6 * number
        face = {"facecolor": FROZEN, "hatch": "//"} if step.frozen else {"facecolor": "#f2f2f2"}
        axes.add_patch(Rectangle((x, -0.3), 1.1, 0.6, edgecolor=INK, linewidth=0.8, **face))
        background = {"facecolor": "white", "edgecolor": "none", "pad": 1} if step.frozen else None
        axes.text(x + 0.55, 0, step.name, ha="center", va="center", fontsize=10, bbox=background)
        axes.text(x + 0.55, 0.42, step.value.replace("-", "−"), ha="center", va="bottom", fontsize=10, color=INK)
        axes.text(x + 0.55, -0.42, step.slope.replace("-", "−"), ha="center", va="top", fontsize=10, color=BACKWARD)
        if number:
            axes.add_patch(FancyArrowPatch((x - 0.5, 0.12), (x, 0.12), color=INK, **arrow))
            if steps[number - 1].slope:
                axes.add_patch(FancyArrowPatch((x, -0.12), (x - 0.5, -0.12), color=BACKWARD, linestyle="--", **arrow))
    axes.text(0, 1.02, "forward pass: values", fontsize=10, color=INK)
    axes.text(0, -1.08, "backward pass: how the loss changes", fontsize=10, color=BACKWARD, va="top")
    axes.set(xlim=(-0.35, 1.6 * len(steps) - 0.15), ylim=(-1.3, 1.25))
    return figure
