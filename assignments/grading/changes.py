"""Arguments that a function changes in place: seen on one side, carried over to the other.

A student's function gets copies. That `a -= b` changed the caller's array is part of what it does, and a check may ask for it.
"""

from __future__ import annotations

import sys
from typing import Any

from grading import models

__all__ = ["assign", "equal", "snapshot"]


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def is_model(value: Any) -> bool:
    keras = sys.modules.get("keras")
    kind = getattr(keras, "Model", None)
    return kind is not None and isinstance(value, kind)


def snapshot(value: Any) -> Any:
    """What can change in an argument: numbers of arrays, entries of lists and dictionaries, the state of models."""
    if _is_array(value):
        return value.copy()
    if type(value) is dict:
        return {key: snapshot(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return [snapshot(item) for item in value]
    if is_model(value):
        return models.state(value)
    if type(value) in (set, frozenset):
        return type(value)(value)
    return value if isinstance(value, (bool, int, float, complex, str, bytes, type(None))) else None


def equal(one: Any, other: Any) -> bool:
    if _is_array(one) and _is_array(other):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if type(one) is dict and type(other) is dict:
        return list(one) == list(other) and all(equal(one[key], other[key]) for key in one)
    if type(one) is list and type(other) is list:
        return len(one) == len(other) and all(map(equal, one, other))
    return type(one) is type(other) and (one == other or (one != one and other != other))


def assign(original: Any, new: Any) -> Any:
    """Make an argument equal to a snapshot of its changed copy; what can be changed in place is, the rest is returned."""
    if _is_array(original) and _is_array(new) and original.shape == new.shape and original.dtype == new.dtype:
        original[...] = new
        return original
    if type(original) is dict and isinstance(new, dict):
        for key in set(original) - set(new):
            del original[key]
        for key, item in new.items():
            original[key] = assign(original.get(key), item)
        return original
    if type(original) is list and isinstance(new, list):
        original[:] = [assign(original[i] if i < len(original) else None, item) for i, item in enumerate(new)]
        return original
    if type(original) is tuple and isinstance(new, list) and len(original) == len(new):
        return tuple(map(assign, original, new))
    if is_model(original) and isinstance(new, dict):
        models.restore(original, new)
        return original
    return original if new is None else new
