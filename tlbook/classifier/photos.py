"""Class folders as training, validation and test photos, with what was left out and why."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tlbook import datasets
from tlbook.classifier.errors import InputError, sentence
from tlbook.datasets import Dataset, Finding, LeftOut, LeftOutWarning, Split
from tlbook.datasets.folders import load_folder, load_labelled
from tlbook.datasets.splits import printable, visible

__all__ = ["NEAR_DUPLICATES", "Photos", "labelled", "near_duplicates", "read", "without"]

NEAR_DUPLICATES = ("drop", "report", "ignore")
"""What may be done about near-duplicates that lie in different splits."""

_ORDER = ("train", "validation", "test")


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
    """

    class_names: tuple[str, ...]
    splits: dict[str, Split]
    left_out: LeftOut
    folder: Path
    test_folder: Path | None = None

    @property
    def white(self) -> int | None:
        """Value of white in the 16-bit photos; None where there are none."""
        return self.splits["train"].white if _any_deep(self.left_out) else None

    def shown(self, split: str, index: int) -> str:
        """A photo's path relative to its folder, with ``/``."""
        root = self.test_folder if split == "test" and self.test_folder is not None else self.folder
        path = self.splits[split].paths[index]
        return visible(printable(path.relative_to(root).as_posix()))

    def contents(self) -> dict[str, Any]:
        """What identifies the photos: hash, label and path of each."""
        return {
            name: [
                [content, int(label), self.shown(name, i)]
                for i, (content, label) in enumerate(zip(split.hashes, split.labels, strict=True))
            ]
            for name, split in self.splits.items()
        }


def _load(folder: Path, **options: Any) -> Dataset:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeftOutWarning)  # reported by those who call
            return load_folder(folder, **options)
    except (ValueError, OSError) as error:
        raise InputError(sentence(error)) from error


def read(
    folder: str | os.PathLike[str],
    test: str | os.PathLike[str] | None = None,
    *,
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
    seed : int, default 0
    keep : int, optional
        Keep the pixels at this size, of as many photos as memory is for.

    Raises
    ------
    InputError
        The folder cannot be used.
    """
    root = Path(folder).expanduser()
    if test is None:
        data = _load(root, seed=seed, keep=keep, progress=progress)
        return Photos(data.class_names, data.splits, data.left_out, root)
    data = _load(root, seed=seed, fractions=(0.75, 0.25, 0.0), keep=keep, progress=progress)
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
    split: str | None = None,
    white: int | None = None,
    keep: int | None = None,
    progress: bool = True,
) -> tuple[Split, LeftOut]:
    """The photos of a folder to test on, with labels that are positions in ``class_names``.

    All there is, or the ready split that is named; one photo of one class will do.

    Raises
    ------
    InputError
        The folder cannot be used, or has a class that is not among ``class_names``.
    """
    root = Path(folder).expanduser()
    try:
        found, left_out = load_labelled(root, split=split, white=white, keep=keep, progress=progress)
    except (ValueError, OSError) as error:
        raise InputError(sentence(error)) from error
    if unknown := [name for name in found.class_names if name not in class_names]:
        raise InputError(
            f"{root} has the class {unknown[0]!r}, which the model does not know; it knows {', '.join(class_names)}"
        )
    numbers = np.array([list(class_names).index(name) for name in found.class_names])
    labels = numbers[found.labels]
    relabelled = Split(found.name, found.paths, labels, class_names, found.hashes, white=found.white, kept=found.kept)
    return relabelled, left_out


def near_duplicates(photos: Photos) -> list[dict[str, Any]]:
    """Pairs of photos in different splits that are probably one picture.

    Returns
    -------
    list of dict
        ``split`` and ``index`` of the photo in the earlier split, its ``path``, ``of`` (split and path of the other),
        ``distance`` in bits and ``same_label``.
    """
    splits = [photos.splits[name] for name in _ORDER if len(photos.splits[name])]
    found = []
    for pair in datasets.near_duplicates(*splits):
        if not pair.across:
            continue
        (early, i), (late, j) = sorted((pair.first, pair.second), key=lambda place: _ORDER.index(place[0]))
        found.append(
            {
                "split": early,
                "index": i,
                "path": photos.shown(early, i),
                "of": f"{late} {photos.shown(late, j)}",
                "distance": pair.distance,
                "same_label": pair.same_label,
            }
        )
    return found


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
    counts = np.bincount(splits["train"].labels, minlength=len(photos.class_names))
    if not counts.all():
        empty = photos.class_names[int(counts.argmin())]
        raise InputError(
            f"class {empty!r} of {photos.folder} has no photo left to train on, since each is nearly the same as one in "
            "validation or test; give different photos, or keep them with near_duplicates='report'"
        )
    return replace(photos, splits=splits)
