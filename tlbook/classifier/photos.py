"""Class folders as training, validation and test photos, with what was left out and why."""

from __future__ import annotations

import functools
import os
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tlbook import datasets
from tlbook.classifier.errors import InputError, sentence
from tlbook.classifier.tasks import CLASSES, Classes, Labels, Numbers, Task
from tlbook.datasets import Dataset, Finding, LeftOut, LeftOutWarning, Split
from tlbook.datasets.folders import SPLITS, load_folder, load_labelled
from tlbook.datasets.grouping import groups_of
from tlbook.datasets.splits import printable, visible
from tlbook.datasets.tabled import load_table, measured_on
from tlbook.datasets.tables import Table, read_table

__all__ = ["NEAR_DUPLICATES", "Photos", "labelled", "near_duplicates", "read", "read_labels", "without"]

NEAR_DUPLICATES = ("drop", "report", "ignore")
"""What may be done about near-duplicates that lie in different splits."""


@dataclass(frozen=True)
class Photos:
    """The photos of a training run.

    Attributes
    ----------
    class_names : tuple of str
    splits : dict of str to Split
        ``"train"``, ``"validation"``, ``"test"``.
    left_out : LeftOut
    folder : Path
    test_folder : Path or None
        Where the test photos came from, if not from ``folder``.
    task : Task
        What is asked for; for labels and numbers, splits have ``targets``, and ``class_names`` are those of the columns.
    notes : tuple of str
        What a reader of the report must know of how they were read and divided.
    """

    class_names: tuple[str, ...]
    splits: dict[str, Split]
    left_out: LeftOut
    folder: Path
    test_folder: Path | None = None
    task: Task = CLASSES
    notes: tuple[str, ...] = ()

    @property
    def white(self) -> int | None:
        """Value of white in the 16-bit photos; None where there are none."""
        return self.splits["train"].white if _any_deep(self.left_out) else None

    @property
    def sizes(self) -> dict[str, int]:
        """Photos in each split."""
        return {name: len(split) for name, split in self.splits.items()}

    def shown(self, split: str, index: int) -> str:
        """A photo's path relative to its folder, with ``/``."""
        root = self.test_folder if split == "test" and self.test_folder is not None else self.folder
        path = self.splits[split].paths[index]
        return visible(printable(path.relative_to(root).as_posix()))

    def contents(self) -> dict[str, Any]:
        """What identifies the photos: hash, label and path of each."""
        return {
            name: [
                [
                    content,
                    int(label),
                    self.shown(name, i),
                    *([] if split.targets is None else split.targets[i].tolist()),
                ]
                for i, (content, label) in enumerate(zip(split.hashes, split.labels, strict=True))
            ]
            for name, split in self.splits.items()
        }


def _refused(load: Callable[..., Any], *given: Any, **options: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeftOutWarning)  # reported by those who call
            return load(*given, **options)
    except (ValueError, OSError) as error:
        raise InputError(sentence(error)) from error


_load = functools.partial(_refused, load_folder)

_ANGLE = re.compile(r"angle|degree|\bdeg\b|°|azimuth|bearing|heading|orientation|rotation|\bhue\b", re.IGNORECASE)
_HALF_TURN = 180.0


def _task(table: Table, circular: Sequence[str]) -> Task:
    """The task of a CSV; refuses an angle that is taken for a plain number, and the reverse."""
    if unknown := [name for name in circular if name not in table.columns or table.task != "numbers"]:
        raise InputError(f"--circular {unknown[0]}: {table.path} has no such column of numbers to predict")
    if table.task != "numbers":
        return (Classes if table.task == "classes" else Labels)(table.columns)
    for k, name in enumerate(table.columns):
        values = np.array([row.values[k] for row in table.rows.values()], dtype=float)
        low, high = float(values.min()), float(values.max())
        span = f"from {low:g} to {high:g}"
        if name in circular:
            if max(-low, high) > 2 * _HALF_TURN:
                raise InputError(f"--circular {name}: an angle is in degrees, −360 to 360; these run {span}")
            if max(-low, high) <= 2 * np.pi and high - low > np.pi:
                raise InputError(f"--circular {name}: an angle is in degrees, and these run {span}, as radians would")
        elif _ANGLE.search(name) and high - low > _HALF_TURN and -2 * _HALF_TURN <= low <= high <= 2 * _HALF_TURN:
            raise InputError(
                f"{table.path}: the column {name!r} runs {span}, so it looks like an angle in degrees, of which 359 and 1 are "
                f"neighbours: say --circular {name!r}, or rename the column if it is no angle"
            )
    return Numbers(table.columns, circular=tuple(circular))


def read_labels(
    folder: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    *,
    task: str | None = None,
    columns: Sequence[str] = (),
    circular: Sequence[str] = (),
    group_by: str | None = None,
    seed: int = 0,
    keep: int | None = None,
    progress: bool = True,
) -> Photos:
    """Read the photos that a CSV names.

    Parameters
    ----------
    folder, labels : path-like
        As for :func:`tlbook.datasets.tables.read_table`, and so are ``task`` and ``columns``.
    circular : sequence of str
        Columns that are angles in degrees.
    group_by : str, optional
        As for :func:`tlbook.datasets.grouping.groups_of`.
    seed, keep, progress
        As for :func:`read`.

    Raises
    ------
    InputError
        The folder or the CSV cannot be used.
    """
    root = Path(folder).expanduser()
    table: Table = _refused(read_table, Path(labels).expanduser(), root, task=task, columns=columns)
    found = _task(table, circular)
    options: dict[str, Any] = {"seed": seed, "keep": keep, "progress": progress}
    data: Dataset = _refused(load_table, root, table, groups=_groups(group_by), **options)
    notes = []
    if table.repeated:
        notes.append(f"{table.repeated} rows of {table.path.name} say what an earlier row says, and count once")
    if table.unnamed:
        notes.append(f"{len(table.unnamed)} photos have no row in {table.path.name} and were left out")
    grouped = group_by is not None or any(row.group is not None for row in table.rows.values())
    notes += [_said_of_groups(group_by)] if grouped else []
    names = data.class_names if table.task == "classes" else table.columns
    return Photos(tuple(names), data.splits, data.left_out, root, task=found, notes=tuple(notes))


def _groups(group_by: str | None) -> Callable[[Path, Sequence[str]], Sequence[str]] | None:
    return None if group_by is None else functools.partial(groups_of, group_by)


def _said_of_groups(group_by: str | None) -> str:
    how = "column group of the CSV" if group_by is None else f"--group-by {group_by}"
    return (
        f"photos of one group are in one split ({how}), so the test photos are of groups that were not trained on; the intervals "
        "count photos and not groups, and are too narrow where photos of a group are alike"
    )


def read(
    folder: str | os.PathLike[str],
    test: str | os.PathLike[str] | None = None,
    *,
    group_by: str | None = None,
    seed: int = 0,
    keep: int | None = None,
    progress: bool = True,
) -> Photos:
    """Read a folder, and another one for testing where it is given.

    Parameters
    ----------
    folder : path-like
        As for :func:`tlbook.datasets.load`.
    test : path-like, optional
        Class folders with the same names. The whole first folder is then used
        for training and validation, unless it has a test split, which is left unused.
    group_by : str, optional
        As for :func:`tlbook.datasets.grouping.groups_of`.
    seed : int, default 0
    keep : int, optional
        Keep the pixels at this size, of as many photos as memory is for.

    Raises
    ------
    InputError
        The folder cannot be used.
    """
    root = Path(folder).expanduser()
    notes = () if group_by is None else (_said_of_groups(group_by),)
    options: dict[str, Any] = {"groups": _groups(group_by), "seed": seed, "keep": keep, "progress": progress}
    if test is None:
        data = _load(root, **options)
        return Photos(data.class_names, data.splits, data.left_out, root, notes=notes)
    if group_by is not None:
        raise InputError(
            "--group-by and --test exclude each other: the test photos of another folder are divided from the others by you"
        )
    data = _load(root, fractions=(0.75, 0.25, 0.0), **options)
    test_root = Path(test).expanduser()
    if test_root.resolve() == root.resolve():
        raise InputError(
            f"the test folder {test_root} is the training folder; leave the test folder out to have it split"
        )
    known = data.train.white if _any_deep(data.left_out) else None
    tested, left_out = labelled(test_root, data.class_names, white=known, keep=keep, progress=progress)
    white = tested.white if known is None else known  # as the model will be used
    splits = {name: _with_white(split, name, white) for name, split in {**data.splits, "test": tested}.items()}
    both = LeftOut(
        data.left_out.files + _prefixed(left_out.files, test_root),
        data.left_out.converted + _prefixed(left_out.converted, test_root),
    )
    photos = Photos(data.class_names, splits, both, root, test_root)
    return _apart(photos)


def _any_deep(left_out: LeftOut) -> bool:
    return any("16-bit" in one.reason for one in left_out.converted)


def _with_white(split: Split, name: str, white: int) -> Split:
    return Split(name, split.paths, split.labels, split.class_names, split.hashes, white=white, kept=split.kept)


def _apart(photos: Photos) -> Photos:
    """Leave out of training and validation the files that are in the test split too, byte for byte."""
    tested = {content: i for i, content in enumerate(photos.splits["test"].hashes)}
    pairs, findings = [], []
    for name in ("train", "validation"):
        for i, content in enumerate(photos.splits[name].hashes):
            if content in tested:
                other = photos.shown("test", tested[content])
                pairs.append({"split": name, "index": i})
                findings.append(Finding(photos.shown(name, i), f"same content as test {other}"))
    left_out = replace(photos.left_out, files=photos.left_out.files + tuple(findings))
    return replace(without(photos, pairs), left_out=left_out)


def _prefixed(findings: Sequence[Finding], root: Path) -> tuple[Finding, ...]:
    return tuple(replace(one, path=f"{root.name}/{one.path}") for one in findings)


def labelled(
    folder: str | os.PathLike[str],
    class_names: Sequence[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    task: Task = CLASSES,
    split: str | None = None,
    white: int | None = None,
    keep: int | None = None,
    progress: bool = True,
) -> tuple[Split, LeftOut]:
    """The photos of a folder to test on, with labels that are positions in ``class_names``.

    All there is, or the ready split that is named; one photo of one class will do. With ``labels``, a CSV, the photos that it
    names; for another task than classes there is no other way, and the split has ``targets``.

    Raises
    ------
    InputError
        The folder cannot be used, or has a class that is not among ``class_names``.
    """
    root = Path(folder).expanduser()
    if labels is not None:
        return _labelled_by_table(root, Path(labels).expanduser(), class_names, task, split, white, keep, progress)
    if task.name != CLASSES.name:
        raise InputError(
            f"the model gives {task.name} ({', '.join(task.columns)}), which class folders do not hold: give a CSV with them "
            "(--labels)"
        )
    try:
        found, left_out = load_labelled(root, split=split, white=white, keep=keep, progress=progress)
    except (ValueError, OSError) as error:
        raise InputError(sentence(error)) from error
    if unknown := [name for name in found.class_names if name not in class_names]:
        raise InputError(
            f"{root} has the class {unknown[0]!r}, which the model does not know; it knows {', '.join(class_names)}"
        )
    numbers = np.array([list(class_names).index(name) for name in found.class_names])
    given = numbers[found.labels]
    relabelled = Split(found.name, found.paths, given, class_names, found.hashes, white=found.white, kept=found.kept)
    return relabelled, left_out


def _labelled_by_table(
    root: Path,
    path: Path,
    class_names: Sequence[str],
    task: Task,
    split: str | None,
    white: int | None,
    keep: int | None,
    progress: bool,
) -> tuple[Split, LeftOut]:
    table: Table = _refused(read_table, path, root, task=task.name, columns=task.columns)
    options: dict[str, Any] = {"split": split, "white": white, "keep": keep, "progress": progress}
    return _refused(measured_on, root, table, class_names, **options)


def near_duplicates(photos: Photos) -> list[dict[str, Any]]:
    """Pairs of photos in different splits that are probably one picture.

    Returns
    -------
    list of dict
        ``split`` and ``index`` of the photo in the earlier split, its ``path``, ``of`` (split and path of the other),
        ``distance`` in bits and ``same_label``.
    """
    splits = [photos.splits[name] for name in SPLITS if len(photos.splits[name])]
    found = []
    for pair in datasets.near_duplicates(*splits):
        if not pair.across:
            continue
        (early, i), (late, j) = sorted((pair.first, pair.second), key=lambda place: SPLITS.index(place[0]))
        found.append(
            {
                "split": early,
                "index": i,
                "path": photos.shown(early, i),
                "of": f"{late} {photos.shown(late, j)}",
                "distance": pair.distance,
                "same_label": pair.same_label and _same_targets(photos.splits[early], i, photos.splits[late], j),
            }
        )
    return found


def _same_targets(one: Split, i: int, other: Split, j: int) -> bool:
    if one.targets is None or other.targets is None:
        return True
    return bool((one.targets[i] == other.targets[j]).all())


def without(photos: Photos, pairs: Sequence[dict[str, Any]]) -> Photos:
    """The photos without those that :func:`near_duplicates` named.

    Raises
    ------
    InputError
        A class would be left without a photo to train on.
    """
    splits = dict(photos.splits)
    for name in ("train", "validation"):
        dropped = {pair["index"] for pair in pairs if pair["split"] == name}
        if dropped:
            splits[name] = splits[name].select([i for i in range(len(splits[name])) if i not in dropped])
    if (targets := splits["train"].targets) is not None:
        if len(targets) and not (still := np.ptp(targets, axis=0) > 0).all():
            raise InputError(
                f"{photos.class_names[int(still.argmin())]!r} is the same in all photos that are left to train on, since the "
                "others are nearly the same as photos in validation or test; keep them with near_duplicates='report'"
            )
        return replace(photos, splits=splits)
    counts = np.bincount(splits["train"].labels, minlength=len(photos.class_names))
    if not counts.all():
        empty = photos.class_names[int(counts.argmin())]
        raise InputError(
            f"class {empty!r} of {photos.folder} has no photo left to train on, since each is nearly the same as one in "
            "validation or test; give different photos, or keep them with near_duplicates='report'"
        )
    return replace(photos, splits=splits)
