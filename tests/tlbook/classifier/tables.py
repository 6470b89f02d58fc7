"""Drawn sketches with what is known of them as a CSV, for the tests of labels and numbers."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tlbook import sketches

SIDE = 64


def drawn(root: Path, n: int = 60, seed: int = 5) -> list[Any]:
    """Sketches of any size, turned by up to 40 degrees either way, as 000.png and so on in a folder; their factors."""
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    turns, scales = rng.uniform(-40, 40, n) % 360, rng.uniform(0.2, 1.0, n)
    records = sketches.make_records(("cat", "dog"), (n + 1) // 2, seed)[:n]
    found = [
        record.replace(angle=round(float(turn), 1), scale=round(float(scale), 3))
        for record, turn, scale in zip(records, turns, scales, strict=True)
    ]
    for i, record in enumerate(found):
        Image.fromarray(sketches.render(record, SIDE).image).save(root / f"{i:03}.png")
    return found


def written(path: Path, records: Sequence[Any], columns: dict[str, Callable[[Any], Any]]) -> Path:
    """A CSV with a row for each record."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", *columns])
        for i, record in enumerate(records):
            rows.writerow([f"{i:03}.png", *(value(record) for value in columns.values())])
    return path


LABELS: dict[str, Callable[[Any], Any]] = {
    "collar": lambda one: int(one.collar != "none"),
    "dog": lambda one: int(one.species == "dog"),
    "large": lambda one: int(one.scale > 0.6),
}
NUMBERS: dict[str, Callable[[Any], Any]] = {
    "width": lambda one: 100 * one.scale,
    "turn (degrees)": lambda one: one.angle,
}
CLASSES: dict[str, Callable[[Any], Any]] = {"animal": lambda one: one.species}
