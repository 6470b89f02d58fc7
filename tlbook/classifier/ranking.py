"""Which backbone for these photos: what is known of each, and a comparison on a sample.

A network's accuracy on ImageNet says something of what it will do on other photos, a cross-validated linear probe on
those photos says more, and costs seconds. Networks are compared photo by photo on the same folds, so that the verdict
"we cannot tell which of these" is a test's and not an impression.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlbook import backbones, evaluation, features
from tlbook._checks import whole
from tlbook._files import write_json
from tlbook.classifier import choice, photos
from tlbook.classifier.errors import InputError, sentence, writing
from tlbook.datasets import Split
from tlbook.evaluation import Estimate, PairedTest
from tlbook.report.metrics import number

__all__ = ["BackboneComparison", "Candidate", "compare_backbones"]

_SPLITS = ("train", "validation")  # test photos choose nothing


@dataclass(frozen=True)
class Candidate:
    """A backbone, and how it did on the sample.

    Attributes
    ----------
    info : tlbook.backbones.Info
    accuracy : Estimate or None
        Of a cross-validated probe; None where it was not tried.
    feature_seconds, probe_seconds : float or None
        Wall time for the sample on this machine; features come from a network, the probe from features. Features that were
        cached take next to no time.
    why_not : str
        Why it was not tried; empty where it was.
    """

    info: backbones.Info
    accuracy: Estimate | None = None
    feature_seconds: float | None = None
    probe_seconds: float | None = None
    why_not: str = ""


@dataclass(frozen=True)
class BackboneComparison:
    """What :func:`compare_backbones` found.

    Attributes
    ----------
    candidates : tuple of Candidate
        Those that were tried first, by accuracy; the others by accuracy on ImageNet.
    n : int
        Photos in the sample; 0 where no folder was given.
    n_classes : int
    folds : int
    alike : tuple of str
        Names among which the sample cannot tell the best: the first, and all that a test does not tell from it.
    undecided : tuple of PairedTest
        The first against each of the others in `alike`.
    """

    candidates: tuple[Candidate, ...]
    n: int = 0
    n_classes: int = 0
    folds: int = 0
    alike: tuple[str, ...] = ()
    undecided: tuple[PairedTest, ...] = ()

    def text(self) -> str:
        """A table, and what follows from it."""
        rows = [_HEADER + (_TRIED if self.n else ())]
        rows += [_row(one, bool(self.n)) for one in self.candidates]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, "", *self._notes()])

    def _notes(self) -> list[str]:
        notes = [
            "ImageNet: published top-1 accuracy. Multiply-adds: for one photo of the size given, and time goes with them.",
        ]
        if not self.n:
            return [*notes, "Give a folder of photos to rank those whose weights are here on your own classes."]
        notes.append(
            f"Accuracy: {self.folds}-fold cross-validated linear probe on {self.n:,} photos of {self.n_classes} classes, "
            "none of them a test photo, with its 95 % interval."
        )
        tried = [one for one in self.candidates if one.accuracy is not None]
        if len(tried) == 1:  # the one that tlbook ships is always there
            notes.append(f"Only {tried[0].info.name} was tried.")
        elif len(self.alike) > 1:
            cheapest = min(
                (one.info for one in tried if one.info.name in self.alike), key=lambda info: info.multiply_adds
            )
            bluntest = max(self.undecided, key=lambda test: test.detectable or 0.0)
            notes.append(
                f"We cannot tell which of these is best: {', '.join(self.alike)} (pairwise McNemar tests, Holm's correction; "
                f"{bluntest.detectable_text}). "
                f"The cheapest of them is {cheapest.name}, which is not to say that it is as good: more photos would tell more "
                "(--images)."
            )
        else:
            notes.append(
                f"{self.alike[0]} is better than each of the others (pairwise McNemar tests, Holm's correction)."
            )
        return notes

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers."""
        return {
            "n": self.n,
            "n_classes": self.n_classes,
            "folds": self.folds,
            "cannot_tell": list(self.alike),
            "backbones": [_record(one) for one in self.candidates],
        }


_HEADER = ("backbone", "ImageNet", "features", "weights", "multiply-adds", "licence", "to be had")
_TRIED = ("accuracy", "features in", "probe in")


def _where(info: backbones.Info) -> str:
    if info.available:
        return "here"
    return info.how_to_get or "by download"


def _row(one: Candidate, tried: bool) -> tuple[str, ...]:
    info = one.info
    row = (
        info.name,
        "" if info.imagenet_top1 is None else f"{info.imagenet_top1:.1f} %",
        f"{info.feature_dim:,}",
        f"{info.size / 1e6:.0f} MB",
        f"{info.multiply_adds / 1e6:,.0f} million at {info.input_size} px",
        info.licence,
        _where(info),
    )
    if not tried:
        return row
    if one.accuracy is None:
        return (*row, one.why_not, "", "")
    return (*row, str(one.accuracy), f"{one.feature_seconds:.1f} s", f"{one.probe_seconds:.1f} s")


def _record(one: Candidate) -> dict[str, Any]:
    info = one.info
    record: dict[str, Any] = {
        "name": info.name,
        "imagenet_top1": info.imagenet_top1,
        "features": info.feature_dim,
        "parameters": info.parameters,
        "bytes": info.size,
        "multiply_adds": info.multiply_adds,
        "input_size": info.input_size,
        "licence": info.licence,
        "source": info.source,
        "available": info.available,
    }
    if one.accuracy is not None and one.feature_seconds is not None and one.probe_seconds is not None:
        record |= {
            "accuracy": number(one.accuracy.value),
            "accuracy_interval": [number(one.accuracy.low), number(one.accuracy.high)],
            "feature_seconds": number(one.feature_seconds),
            "probe_seconds": number(one.probe_seconds),
        }
    if one.why_not:
        record["not_tried"] = one.why_not
    return record


def compare_backbones(
    folder: str | os.PathLike[str] | None = None,
    *,
    images: int = 500,
    json: str | os.PathLike[str] | None = None,
    folds: int = 5,
    seed: int = 0,
    progress: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> BackboneComparison:
    """List the backbones with size, cost and licence; given photos, rank those whose weights are here.

    Parameters
    ----------
    folder : path-like, optional
        One folder of photos for each class, as for :func:`train`. The photos that :func:`train` would test on with the same
        seed, or those of a folder called test, are left alone.
    images : int, default 500
        Photos in the sample, classes in proportion; fewer where there are fewer.
    json : path-like, optional
        File for the numbers, written whole or not at all.
    folds : int, default 5
        Of the cross-validation.
    seed : int, default 0
        Of the split, the sample and the folds.
    progress : bool, default True
        Show bars on a terminal.
    say : callable
        Called with a line before each network that is tried.

    Returns
    -------
    BackboneComparison
        ``print(found.text())`` shows it.

    Raises
    ------
    InputError
        The folder cannot be used, has too few photos of a class, or the file cannot be written.

    Examples
    --------
    >>> found = compare_backbones()
    >>> found.n
    0
    """
    images = whole(images, "images", of="photos", error=InputError)
    folds = whole(folds, "folds", 2, error=InputError)
    target = None if json is None else Path(json).expanduser()
    if target is not None and (target.is_dir() or not target.parent.is_dir()):
        raise InputError(f"{target} cannot be written: it is a folder, or its folder does not exist")
    known = sorted(map(backbones.info, backbones.names()), key=lambda info: -(info.imagenet_top1 or 0.0))
    if folder is None:
        found = BackboneComparison(tuple(map(Candidate, known)))
    else:
        found = _ranked(known, _sample(folder, images, folds, seed, progress), folds, seed, progress, say)
    if target is not None:
        with writing(target.parent):
            write_json(target, found.to_dict())
    return found


def _sample(folder: str | os.PathLike[str], images: int, folds: int, seed: int, progress: bool) -> Split:
    given = photos.read(folder, seed=seed, progress=progress)
    parts = [given.splits[name] for name in _SPLITS if len(given.splits[name])]
    every = Split(
        "sample",
        [path for part in parts for path in part.paths],
        np.concatenate([part.labels for part in parts]),
        given.class_names,
        [content for part in parts for content in part.hashes],
    )
    sample = every if images >= len(every) else every.take(max(images, len(given.class_names)), seed)
    counts = np.bincount(sample.labels, minlength=len(given.class_names))
    if counts.min() < folds:
        fewest = given.class_names[int(counts.argmin())]
        raise InputError(
            f"{folds} folds need {folds} photos of each class in the sample, and of {fewest} there are {counts.min()}; "
            "add photos of it, or make the sample larger (--images)"
        )
    return sample


def _ranked(
    known: list[backbones.Info], sample: Split, folds: int, seed: int, progress: bool, say: Callable[[str], None]
) -> BackboneComparison:
    tried: list[Candidate] = []
    others = [Candidate(info, why_not="not tried: weights not here") for info in known if not info.available]
    predictions: dict[str, Any] = {}
    here = sorted((info for info in known if info.available), key=lambda info: info.multiply_adds)
    for place, info in enumerate(here):
        say(f"{info.name} ({place + 1} of {len(here)}){_time_left(tried, here[place:])}")
        try:
            backbone = choice.loaded(info.name, None)
            began = time.perf_counter()
            found = features.extract(backbone, sample, progress=progress)
            extracted = time.perf_counter()
        except InputError as error:
            others.append(Candidate(info, why_not=sentence(error)))
            continue
        except ValueError as error:  # a photo that was there when the folder was read
            raise InputError(f"the photos changed while they were used: {sentence(error)}") from error
        predictions[info.name] = evaluation.probe_predictions(found, sample.labels, folds=folds, seed=seed)
        tried.append(
            Candidate(
                info,
                evaluation.accuracy(sample.labels, predictions[info.name]),
                extracted - began,
                time.perf_counter() - extracted,
            )
        )
    tried.sort(key=lambda one: -(one.accuracy.value if one.accuracy else 0.0))
    alike, undecided = _alike(sample.labels, tried, predictions)
    return BackboneComparison((*tried, *others), len(sample), len(sample.class_names), folds, alike, undecided)


def _time_left(tried: list[Candidate], rest: list[backbones.Info]) -> str:
    """About how long the rest will take, if time goes with multiply-adds as for the last one."""
    if not tried:
        return ""
    last = tried[-1]
    pace = (last.feature_seconds or 0.0) / last.info.multiply_adds
    seconds = sum(info.multiply_adds * pace for info in rest) + len(rest) * (last.probe_seconds or 0.0)
    return f", about {seconds:.0f} seconds left"


def _alike(
    labels: Any, tried: list[Candidate], predictions: dict[str, Any]
) -> tuple[tuple[str, ...], tuple[PairedTest, ...]]:
    """The best, and those that no test tells from it; all pairs are tested, since which one is best was not known before."""
    names = [one.info.name for one in tried]
    if len(names) < 2:
        return tuple(names), ()
    best = names[0]
    every = evaluation.compare_all(labels, {name: predictions[name] for name in names})
    tests = [test for test in every if best in test.names]
    worse = {name for test in tests if test.winner == best for name in test.names if name != best}
    return tuple(name for name in names if name not in worse), tuple(test for test in tests if test.winner != best)
