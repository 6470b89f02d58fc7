"""Photos with a CSV as a data set."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tlbook.datasets.folders import (
    FRACTIONS,
    SPLITS,
    _assign_all,
    _deal,
    _File,
    _find_white,
    _left_out,
    _mark_duplicates,
    _screened,
    _split,
)
from tlbook.datasets.splits import Dataset, Finding, LeftOut, LeftOutWarning, Split
from tlbook.datasets.tables import Table

__all__ = ["load_table", "measured_on"]

_BINS = 4  # ranges of a number that each split gets in proportion


def _files(
    root: Path, table: Table, progress: bool, keep: int | None, white: int | None = None
) -> tuple[list[_File], LeftOut, int]:
    """The photos that have a row and can be used, what is left out, and the value of white."""
    classes = table.task == "classes"
    files = [
        _File(
            root / shown,
            shown,
            str(row.values[0]) if classes else repr(row.values),
            row.split,
            group=row.group,
            targets=None if classes else tuple(float(value) for value in row.values),
        )
        for shown, row in sorted(table.rows.items())
    ]
    _screened(files, True, progress, keep)
    _mark_duplicates(files)
    white = _find_white([file for file in files if not file.reason], white)
    left_out = _left_out(files)
    nowhere = tuple(Finding(shown, f"no row in {table.path.name}") for shown in table.unnamed)
    good = [file for file in files if not file.reason]
    if not good:
        raise ValueError(f"{table.path} names no photo below {root} that can be used ({files[0].reason})")
    return good, replace(left_out, files=left_out.files + nowhere), white


def load_table(
    root: Path,
    table: Table,
    *,
    seed: int = 0,
    fractions: Sequence[float] = FRACTIONS,
    groups: Callable[[Path, Sequence[str]], Sequence[str]] | None = None,
    progress: bool = True,
    keep: int | None = None,
) -> Dataset:
    """The photos that a CSV names, in three splits.

    Splits that the CSV names are kept. Of the others, classes are divided as in :func:`tlbook.datasets.load`; labels, numbers (by
    their quarters) and groups by :func:`tlbook.datasets.stratified.stratify`.

    Raises
    ------
    ValueError
        Fewer than two classes; a class, a label or a number of which there is nothing to learn.
    """
    good, left_out, white = _files(root, table, progress, keep)
    if groups is not None:
        if any(file.group is not None for file in good):
            raise ValueError(f"{table.path} has a column group, so leave out --group-by")
        for file, group in zip(good, groups(root, [file.shown for file in good]), strict=True):
            file.group = group
    given = {file.split for file in good}
    if None not in given and "train" not in given:
        raise ValueError(f"{table.path} puts no photo into train")
    if table.task == "classes":
        names = sorted({file.label for file in good})
        if len(names) < 2:
            raise ValueError(f"{table.path}: every photo has the class {names[0]!r}, and at least two are needed")
        for name in names:
            if (n := sum(file.label == name for file in good)) < 2:
                raise ValueError(f"{table.path}: the class {name!r} has {n} usable photo and needs at least 2")
        _assign_all(root, good, names, fractions, seed)
        trained = {file.label for file in good if file.split == "train"}
        if unseen := [name for name in names if name not in trained]:
            raise ValueError(f"{table.path}: the class {unseen[0]!r} has no photo in train, so it cannot be learned")
    else:
        names = ["photo"]
        targets = np.array([file.targets for file in good])
        _deal(root, good, targets.astype(np.int64) if table.task == "labels" else _ranges(targets), fractions, seed)
        for file in good:
            file.label = names[0]
        _check_targets(table, targets[[file.split == "train" for file in good]])
    splits = {name: _split(name, [file for file in good if file.split == name], names, white) for name in SPLITS}
    if not len(splits["test"]):
        raise ValueError(f"{table.path}: no photo is left to test on; {len(good)} in all are too few")
    if left_out or left_out.converted:
        warnings.warn(f"{root}: {left_out}", LeftOutWarning, stacklevel=3)
    return Dataset(
        root.resolve().name,
        tuple(names),
        splits["train"],
        splits["validation"],
        splits["test"],
        left_out,
        str(root),
    )


def _ranges(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each column the quarter in which a value lies, as labels (n, 4 K)."""
    edges = np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1], axis=0)
    quarter = (values[None] > edges[:, None]).sum(axis=0)
    return (quarter[:, :, None] == np.arange(_BINS)).reshape(len(values), -1).astype(np.int64)


def _check_targets(table: Table, trained: NDArray[np.float64]) -> None:
    for name, column in zip(table.columns, trained.T, strict=True):
        if len(np.unique(column)) > 1:
            continue
        if table.task == "labels":
            which = "no photo has" if not column.any() else "every photo has"
            raise ValueError(f"{table.path}: in train {which} the label {name!r}, so it cannot be learned")
        raise ValueError(f"{table.path}: in train the number {name!r} is always {column[0]:g}, so it cannot be learned")


def measured_on(
    root: Path,
    table: Table,
    class_names: Sequence[str],
    *,
    split: str | None = None,
    white: int | None = None,
    keep: int | None = None,
    progress: bool = True,
) -> tuple[Split, LeftOut]:
    """The photos that a CSV names, or those of one split, to measure on; labels are positions in ``class_names``.

    Raises
    ------
    ValueError
        A class that is not among them; no such split.
    """
    good, left_out, white = _files(root, table, progress, keep, white)
    if split is not None:
        good = [file for file in good if file.split == split]
        if not good:
            raise ValueError(f"{table.path} has no photo in the split {split!r}")
    if table.task == "classes":
        if unknown := sorted({file.label for file in good} - set(class_names)):
            raise ValueError(
                f"{table.path} has the class {unknown[0]!r}, which the model does not know; it knows "
                f"{', '.join(class_names)}"
            )
        return _split(split or "all", good, class_names, white), left_out
    for file in good:
        file.label = "photo"
    return _split(split or "all", good, ["photo"], white), left_out
