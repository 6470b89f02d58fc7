"""Promises of a chapter, printed so that they read the same on every machine.

A chapter states what its code shows: "the probe is right on 88 to 96 % of the
test images". The exact value differs a little between machines; the promise
does not. The two functions here print the promise, never the value, so that
the stored output can be compared word for word, and raise
:class:`PromiseBroken`, with the value, when it does not hold.
"""

from __future__ import annotations

import numbers

import numpy as np

__all__ = ["PromiseBroken", "holds", "within"]


class PromiseBroken(AssertionError):
    """A result that a chapter promises did not come out.

    It is an ``AssertionError``, so a notebook cell fails and a test run shows
    it as a failed assertion.
    """


def _text(value: float) -> str:
    """Shortest text of a bound: ``0.9`` for ``0.9000``, ``1,000`` for ``1000``."""
    value = float(value)
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.10g}"


def _number(name: str, value: object) -> float:
    """``value`` as a float; anything that is not one real number is refused."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is a truth value, not a number; for a statement use checks.holds")
    if not isinstance(value, numbers.Real):
        array = np.asarray(value)
        if array.size != 1 or array.dtype.kind not in "iuf":
            raise TypeError(
                f"{name} must be one real number, but is {type(value).__name__} of shape "
                f"{array.shape}; check each value by itself, or its smallest and largest"
            )
        value = array.reshape(())[()]
    return float(value)


def within(what: str, value: float, low: float, high: float) -> None:
    """Print the promise that ``low <= value <= high`` and raise if it is broken.

    Parameters
    ----------
    what : str
        What the value is, with its unit, e.g. ``"probe accuracy on the test set"``.
    value : float
        The value measured now; a 0-d array or one-element array will do.
        NaN breaks the promise.
    low, high : float
        The promised range, ends included. Use ``float("-inf")`` or
        ``float("inf")`` for a range open on one side.

    Raises
    ------
    PromiseBroken
        If the value lies outside the range or is NaN.
    ValueError
        If the range is empty, NaN, or open on both sides.
    TypeError
        If ``value`` is not one real number.

    Examples
    --------
    >>> within("accuracy", 0.93, 0.9, 1.0)
    accuracy: between 0.9 and 1, as promised
    """
    low, high = float(low), float(high)
    if not low <= high:
        raise ValueError(f"the promised range runs from {low} to {high}; give the lower end first")
    if low == -np.inf and high == np.inf:
        raise ValueError("a range open on both sides promises nothing; give low, high or both")
    if np.isinf(low):
        promise = f"at most {_text(high)}"
    elif np.isinf(high):
        promise = f"at least {_text(low)}"
    else:
        promise = f"between {_text(low)} and {_text(high)}"
    number = _number(what, value)
    if not low <= number <= high:  # written so that NaN fails
        meaning = "is not a number" if np.isnan(number) else f"came out as {number:.6g}"
        raise PromiseBroken(
            f"{what} {meaning}, but the text promises a value {promise}. Either something in "
            f"the code or its input has changed, or the promise is too narrow for this machine."
        )
    print(f"{what}: {promise}, as promised")


def holds(statement: str, condition: bool) -> None:
    """Print a statement that must be true and raise if it is not.

    Parameters
    ----------
    statement : str
        A sentence without values that differ between machines, e.g. ``"the
        probe beats training from scratch"``.
    condition : bool
        Whether it is true. Only a truth value is taken: a number or an array
        would make every non-zero result "true".

    Raises
    ------
    PromiseBroken
        If the condition is false.
    TypeError
        If the condition is not a single truth value.

    Examples
    --------
    >>> holds("the classes are balanced", True)
    true: the classes are balanced
    """
    if isinstance(condition, np.ndarray) and condition.ndim == 0:
        condition = condition[()]
    if not isinstance(condition, (bool, np.bool_)):
        raise TypeError(
            f"the condition for {statement!r} must be one truth value, but is "
            f"{type(condition).__name__}; write a comparison, or use bool(...) or numpy.all(...)"
        )
    if not condition:
        raise PromiseBroken(f"not true here: {statement}. The text of the chapter says that it is.")
    print(f"true: {statement}")
