"""What a row may hold, and how rows are told apart and ordered."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np

__all__ = ["order", "plain", "row_key"]

_ABSOLUTE = re.compile(r"(?:^|[\s\"'=:(])(?:/[\w.+-]+/[\w.+-]|~/|[A-Za-z]:\\)")


def plain(value: Any, where: str) -> Any:
    """``value`` as JSON has it; NaN, infinity, and paths of one machine are refused."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    elif isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value}, which JSON cannot hold; use None for 'no value'")
        return value
    if isinstance(value, str):
        if _ABSOLUTE.search(value):
            raise ValueError(
                f"{where} names a folder of this machine ({value!r}); give it relative "
                "to the repository, since the file is published"
            )
        return value
    if isinstance(value, (list, tuple)):
        return [plain(item, where) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item, where) for key, item in value.items()}
    raise TypeError(
        f"{where} is of type {type(value).__name__}; a result holds numbers, text, "
        "truth values, None, and lists or dicts of these"
    )


def row_key(row: dict[str, Any], settings: tuple[str, ...]) -> str:
    # 1 and 1.0 are the same setting; JSON would write them differently.
    def same(value: Any) -> Any:
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, list):
            return [same(item) for item in value]
        return value

    return json.dumps([same(row[name]) for name in settings], sort_keys=True)


def order(row: dict[str, Any], settings: tuple[str, ...]) -> list[tuple[int, Any]]:
    """Sort key: numbers by size, then text, then the rest by its JSON."""
    key: list[tuple[int, Any]] = []
    for name in settings:
        value = row[name]
        if isinstance(value, (bool, int, float)):
            key.append((0, value))
        elif isinstance(value, str):
            key.append((1, value))
        else:
            key.append((2, json.dumps(value, sort_keys=True)))
    return key
