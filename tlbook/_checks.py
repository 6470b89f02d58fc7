"""Checks of what a function is given, with one form of message: ``steps=0: give a whole number, 1 or more.``

Imports nothing else of tlbook. The promises that a chapter makes are :mod:`tlbook.checks`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

__all__ = ["images_for", "number", "one_of", "some", "whole"]


def _is_whole(value: Any) -> bool:
    if isinstance(value, (bool, str, bytes)) or getattr(getattr(value, "dtype", None), "kind", "") == "b":
        return False
    try:
        return bool(int(value) == value)
    except (TypeError, ValueError, OverflowError):
        return False


def whole(
    value: Any,
    name: str,
    least: int = 1,
    most: int | None = None,
    *,
    of: str = "",
    hint: str = "",
    error: type[Exception] = ValueError,
) -> int:
    """A whole number as an int; 3.0 and NumPy's numbers are whole, truth values and text are none.

    Parameters
    ----------
    value
        As it was given.
    name : str
        Of the argument.
    least, most : int
        The range, ends included.
    of : str
        What is counted, such as "pixels".
    hint : str
        What the range comes from.
    error : type
        What is raised.
    """
    if _is_whole(value) and least <= value and (most is None or value <= most):
        return int(value)
    kind = f"a whole number of {of}" if of else "a whole number"
    bounds = f", {least} or more" if most is None else f" from {least} to {most}"
    raise error(f"{name}={value!r}: give {kind}{bounds}{hint and f', {hint}'}.")


def number(value: Any, name: str, low: float, high: float | None = None, ends: str = "[]", *, hint: str = "") -> float:
    """A number in an interval, as it was given; without an upper end, infinity is in it. NaN never is.

    Parameters
    ----------
    value
        As it was given.
    name : str
        Of the argument.
    low, high : float
        The interval.
    ends : str
        ``"[]"``, ``"()"``, ``"[)"`` or ``"(]"``: a round bracket leaves an end out.
    hint : str
        An example, or what the interval comes from.

    Raises
    ------
    ValueError
        Another number.
    """
    above = value > low if ends[0] == "(" else value >= low
    if above and (high is None or (value < high if ends[1] == ")" else value <= high)):
        return value
    if high is not None:
        interval = f"in {ends[0]}{low:g}, {high:g}{ends[1]}"
    else:
        interval = f"above {low:g}" if ends[0] == "(" else f"not below {low:g}"
    raise ValueError(f"{name}={value!r}: give a number {interval}{hint and f', {hint}'}.")


def one_of(value: Any, name: str, choices: Iterable[Any], *, error: type[Exception] = ValueError) -> Any:
    """One of a few values, as it was given; the message lists them.

    Parameters
    ----------
    value
        As it was given.
    name : str
        Of the argument.
    choices : iterable
        In the order of the message.
    error : type
        What is raised.
    """
    choices = list(choices)
    if value in choices:
        return value
    *first, last = map(repr, choices)
    raise error(f"{name}={value!r}: give {' or '.join(filter(None, [', '.join(first), last]))}.")


def images_for(shape: Sequence[Any], given: Any, owner: str = "this model", name: str = "images") -> Any:
    """Images as a model of this package takes them: uint8 as they are, floats from 0 to 255 as float32.

    Parameters
    ----------
    shape : sequence of int or None
        Of one image, (height, width, channels); None fits any.
    given : array_like, shape (n, height, width, channels)
    owner : str
        Of the model, for messages.
    name : str
        Of the images, for messages.

    Raises
    ------
    ValueError
        Another shape or type; values outside of 0 to 255, or none above 1.
    """
    import numpy as np

    images, wanted = np.asarray(given), tuple(shape)
    fits = images.ndim == len(wanted) + 1 and all(
        want in (None, got) for want, got in zip(wanted, images.shape[1:], strict=True)
    )
    if not fits:
        raise ValueError(
            f"{owner} takes {name} of shape (n, {', '.join(map(str, wanted))}); got {images.shape}"
            + ("; a single image goes in as image[None]" if images.ndim == len(wanted) else "")
        )
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise ValueError(f"{name} are uint8, or floats from 0 to 255; got {images.dtype}")
    if images.size:
        low, high = float(images.min()), float(images.max())
        if not np.isfinite([low, high]).all():
            raise ValueError(f"{name} hold NaN or infinite values; give floats from 0 to 255")
        if not 0 <= low <= high <= 255:
            raise ValueError(f"{name} as floats have values from 0 to 255; these run from {low:g} to {high:g}")
        if 0 < high <= 1:
            raise ValueError(
                f"{name} as floats have values from 0 to 255, and these end at {high:g}: multiply by 255 "
                "if they were scaled to 0..1 (preprocessing is inside the model)"
            )
    return images.astype(np.float32, copy=False)


def some(values: Collection[Any], where: str, what: str) -> None:
    """Refuse to draw nothing.

    Parameters
    ----------
    values : collection
        What there is to draw.
    where : str
        The function that draws.
    what : str
        What one of them is.

    Raises
    ------
    ValueError
        There is none.
    """
    if not len(values):
        raise ValueError(f"{where}: give at least one {what}.")
