"""Images side by side: samples, feature maps, and what a model got wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tlbook.evaluation.inputs import class_probabilities
from tlbook.plotting.style import PALETTE, finished, new_figure, style

__all__ = ["error_gallery", "image_grid"]


def _shown(images: Any) -> list[np.ndarray]:
    """Each image as something Matplotlib shows without rescaling surprises."""
    listed = [np.asarray(image) for image in images]
    if not listed:
        raise ValueError("there are no images to show")
    ready = []
    for index, image in enumerate(listed):
        if image.ndim == 3 and image.shape[2] == 1:
            image = image[:, :, 0]
        if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (3, 4)):
            raise ValueError(
                f"image {index} has shape {image.shape}; images are (height, width), (height, "
                "width, 1), or (height, width, 3 or 4)"
            )
        if image.ndim == 3 and image.dtype.kind == "f":
            # models take floats from 0 to 255, which Matplotlib would clip to white
            image = np.clip(image / 255.0 if image.max() > 1.0 else image, 0.0, 1.0)
        ready.append(image)
    return ready


def _named(values: Any, class_names: Sequence[str] | None, n: int, what: str) -> list[str]:
    if len(values) != n:
        raise ValueError(f"{n} images, but {len(values)} {what}")
    if class_names is None:
        return [str(value) for value in values]
    return [v if isinstance(v, str) else str(class_names[int(v)]) for v in values]


def _columns(n: int) -> int:
    """At most 8, full rows if possible, and about twice as wide as high."""
    if n <= 6:
        return n
    return min(range(4, 9), key=lambda c: (-n % c, abs(c - math.sqrt(2.5 * n))))


def image_grid(
    images: Any,
    labels: Any = None,
    *,
    class_names: Sequence[str] | None = None,
    predictions: Any = None,
    columns: int | None = None,
    width: float = 6.0,
    cmap: str = "gray",
    value_range: tuple[float, float] | None = None,
) -> Figure:
    """Images in a grid, with a line of text over each.

    Parameters
    ----------
    images : array_like, shape (n, height, width, 3), or sequence of arrays
        uint8, or float from 0 to 1 or 0 to 255; also (height, width) maps of any values.
    labels : sequence of int or str, length n, optional
        Class numbers or ready texts, written over the images.
    class_names : sequence of str, optional
        Names for class numbers.
    predictions : sequence of int or str, length n, optional
        Where it differs from the label, it is added in another colour with
        a cross before it.
    columns : int, optional
        By default a grid about twice as wide as high.
    width : float
        Of the figure, in inches.
    cmap : str
        Colour map for 2-D maps.
    value_range : (float, float), optional
        Darkest and lightest value of 2-D maps; by default that of each map.

    Returns
    -------
    matplotlib.figure.Figure
    """
    ready = _shown(images)
    n = len(ready)
    names = None if labels is None else _named(labels, class_names, n, "labels")
    guesses = None if predictions is None else _named(predictions, class_names, n, "predictions")
    if columns is None:
        columns = _columns(n)
    if columns < 1:
        raise ValueError(f"columns must be at least 1, but is {columns}")
    rows = math.ceil(n / columns)
    lines = 0 if names is None else max(name.count("\n") + 1 for name in names)
    lines += guesses is not None
    tallest = max(image.shape[0] / image.shape[1] for image in ready)
    cell = width / columns
    low, high = value_range if value_range is not None else (None, None)
    with style():
        figure, axes = new_figure(width, rows * (cell * tallest + 0.06 + 0.18 * lines), rows, columns)
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
        for index, place in enumerate(axes.ravel()):
            place.axis("off")
            if index >= n:
                continue
            place.imshow(ready[index], cmap=cmap, vmin=low, vmax=high)
            if names is not None:
                wrong = guesses is not None and guesses[index] != names[index]
                text = names[index] + (f"\n× {guesses[index]}" if wrong else "")
                place.set_title(
                    text,
                    fontsize=10,
                    pad=3,
                    loc="center",
                    color=PALETTE["vermilion"] if wrong else "#222222",
                )
        return finished(figure)


def error_gallery(
    images: Any,
    labels: Any,
    probabilities: Any,
    class_names: Sequence[str],
    *,
    n: int = 12,
    columns: int = 6,
    width: float = 6.0,
) -> Figure:
    """The most confident mistakes, the worst first.

    Over each image stand the class the model saw with its probability, and
    the true class.

    Parameters
    ----------
    images : array_like, shape (m, height, width, 3)
    labels : array_like of int, shape (m,)
    probabilities : array_like, shape (m, N)
        ``tlbook.evaluation.probabilities(logits)``.
    class_names : sequence of str, length N
    n : int
        At most so many are shown.
    columns : int
    width : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Says "no mistakes" if there are none.
    """
    truth, p = class_probabilities(labels, probabilities)
    if len(images) != truth.size:
        raise ValueError(f"{truth.size} labels, but {len(images)} images")
    if len(class_names) != p.shape[1]:
        raise ValueError(f"{p.shape[1]} classes, but {len(class_names)} class names")
    guess = p.argmax(axis=1)
    wrong = np.flatnonzero(guess != truth)
    worst = wrong[np.argsort(-p[wrong, guess[wrong]], kind="stable")][:n]
    if not worst.size:
        with style():
            figure, axes = new_figure(width, 1.0)
            axes[0, 0].axis("off")
            axes[0, 0].text(0.5, 0.5, f"no mistakes on {truth.size} images", ha="center")
            return finished(figure)
    texts = [f"{class_names[guess[i]]} {100 * p[i, guess[i]]:.0f} %\nis {class_names[truth[i]]}" for i in worst]
    return image_grid([images[i] for i in worst], texts, columns=min(columns, worst.size), width=width)
