"""Images side by side: samples, and what a model got wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from tlbook._checks import whole
from tlbook.evaluation.inputs import class_probabilities
from tlbook.plotting.marks import picture_axes, write_over
from tlbook.plotting.style import new_figure, styled

__all__ = ["error_gallery", "image_grid"]


def shown(images: Any) -> list[NDArray[Any]]:
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


@styled
def image_grid(
    images: Any,
    labels: Any = None,
    *,
    class_names: Sequence[str] | None = None,
    predictions: Any = None,
    columns: int | None = None,
    width: float = 6.0,
) -> Figure:
    """Images in a grid, with a line of text over each.

    Parameters
    ----------
    images : array_like, shape (n, height, width, 3), or sequence of arrays
        uint8, or float from 0 to 1 or 0 to 255; also (height, width) maps of any values, each
        drawn from black, its smallest, to white.
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

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        No images; arrays that are none; labels or predictions of another number.
    """
    ready = shown(images)
    n = len(ready)
    names = [""] * n if labels is None else _named(labels, class_names, n, "labels")
    guesses = names if predictions is None else _named(predictions, class_names, n, "predictions")
    columns = _columns(n) if columns is None else whole(columns, "columns")
    rows = math.ceil(n / columns)
    lines = 0 if labels is None else max(name.count("\n") + 1 for name in names)
    lines += predictions is not None
    tallest = max(image.shape[0] / image.shape[1] for image in ready)
    figure, axes = picture_axes(width, rows * (width / columns * tallest + 0.06 + 0.18 * lines), rows, columns)
    for place, image, name, guess in zip(axes.ravel(), ready, names, guesses, strict=False):
        place.imshow(image, cmap="gray")
        wrong = labels is not None and guess != name
        write_over(place, f"{name}\n× {guess}" if wrong else name, warn=wrong)
    return figure


@styled
def error_gallery(
    images: Any, labels: ArrayLike, probabilities: ArrayLike, class_names: Sequence[str], *, n: int = 12
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
        At most so many are shown, six in a row.

    Returns
    -------
    matplotlib.figure.Figure
        Says "no mistakes" if there are none.

    Raises
    ------
    ValueError
        Images, labels, probabilities and names that do not fit each other.
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
        figure, ((axes,),) = new_figure(6.0, 1.0)
        axes.axis("off")
        axes.text(0.5, 0.5, f"no mistakes on {truth.size} images", ha="center")
        return figure
    texts = [f"{class_names[guess[i]]} {100 * p[i, guess[i]]:.0f} %\nis {class_names[truth[i]]}" for i in worst]
    return image_grid([images[i] for i in worst], texts, columns=min(6, worst.size))
