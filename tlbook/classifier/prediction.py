"""Using a model file: predictions for photos, and a test on labelled ones."""

from __future__ import annotations

import csv
import io
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlbook import evaluation
from tlbook import report as reports
from tlbook._files import write_json
from tlbook.classifier import saved
from tlbook.classifier.errors import InputError, sentence, writing
from tlbook.classifier.metrics_file import SCHEMA_VERSION
from tlbook.classifier.photos import labelled
from tlbook.classifier.saved import SHORT, Classifier
from tlbook.datasets import BadImage, Finding, LeftOut, decode
from tlbook.datasets.decoding import in_order
from tlbook.datasets.splits import printable
from tlbook.progress import bar
from tlbook.report import Report

__all__ = ["Evaluation", "Predictions", "csv_text", "evaluate", "predict"]


@dataclass(frozen=True)
class Predictions:
    """Answers of a classifier.

    Attributes
    ----------
    paths : tuple of str
        As given, or found below a folder that was given.
    labels : tuple of str
        The most probable class of each.
    probabilities : ndarray of float64, shape (n, N)
    class_names : tuple of str
    left_out : LeftOut
        Files that could not be read as pictures.
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: NDArray[Any]
    class_names: tuple[str, ...]
    left_out: LeftOut

    def csv(self) -> str:
        """A line for each photo: path, label, its probability, and that of every class."""
        return csv_text(self.paths, self.probabilities, self.class_names)


def csv_text(
    paths: Sequence[str],
    probabilities: NDArray[Any],
    class_names: Sequence[str],
    truth: Iterable[str] | None = None,
) -> str:
    """Predictions as CSV: path, label, probability of the label, true label if it is known, probability of every class."""
    guesses = probabilities.argmax(axis=1) if len(probabilities) else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    known = [] if truth is None else ["truth"]
    writer.writerow(["path", "label", "probability", *known, *(f"probability of {name}" for name in class_names)])
    truths = [[]] * len(paths) if truth is None else [[one] for one in truth]
    for path, guess, row, true in zip(paths, guesses, probabilities, truths, strict=True):
        writer.writerow([path, class_names[guess], f"{row[guess]:.6f}", *true, *(f"{p:.6f}" for p in row)])
    return text.getvalue()


def _classifier(model: Classifier | str | os.PathLike[str]) -> Classifier:
    return model if isinstance(model, Classifier) else saved.load(model)


def _files(path: Path) -> Iterator[Path]:
    """A file, or all files below a folder in order; what is hidden is passed over."""
    if not path.is_dir():
        yield path
        return
    try:
        inside = sorted(path.iterdir())
    except PermissionError as error:
        raise InputError(f"no permission to list the folder {path}") from error
    for one in inside:
        if not one.name.startswith(".") and one.name.casefold() not in ("thumbs.db", "desktop.ini"):
            if one.is_dir() and one.is_symlink():
                continue
            yield from _files(one)


def _decoded(path: Path, size: int) -> NDArray[np.uint8] | str:
    try:
        return decode(path, size)
    except BadImage as error:
        return sentence(error).removeprefix(f"{os.fspath(path)}: ")


def predict(
    model: Classifier | str | os.PathLike[str],
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    progress: bool = True,
) -> Predictions:
    """Class and probabilities of photos.

    Parameters
    ----------
    model : Classifier or path-like
        A ``model.keras`` that :func:`train` wrote.
    paths : path-like, or an iterable of them
        Photos, and folders whose photos are all taken.
    progress : bool, default True

    Returns
    -------
    Predictions
        In the order of the paths. Files that are no pictures are in ``left_out``.

    Raises
    ------
    InputError
        The model cannot be used, a path does not exist, or no photo can be read.
    """
    classifier = _classifier(model)
    given = [Path(one) for one in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    if missing := [path for path in given if not path.exists() and not path.is_symlink()]:
        raise InputError(f"there is no file or folder {missing[0]}")
    files = [file for path in given for file in _files(path)]
    names: list[str] = []
    logits: list[NDArray[Any]] = []
    bad: list[Finding] = []
    images: list[NDArray[Any]] = []

    def flush() -> None:
        if images:
            logits.append(classifier.logits(np.stack(images), progress=False))
            images.clear()

    decoding = in_order(lambda path: _decoded(path, classifier.input_size), files)
    with warnings.catch_warnings(), bar("predicting", len(files), enabled=progress) as ticker:
        warnings.simplefilter("ignore")  # Pillow's, of odd metadata; what matters is in the report
        for path, found in zip(files, decoding, strict=True):
            if isinstance(found, str):
                bad.append(Finding(os.fspath(path), found))
            else:
                names.append(printable(os.fspath(path)))
                images.append(found)
            if len(images) == saved.CHUNK:
                flush()
            ticker.advance()
        flush()
    if not names:
        why = f" ({printable(bad[0].path)}: {bad[0].reason})" if bad else ""
        raise InputError(f"none of the {len(files)} files is a photo that can be read{why}")
    p = evaluation.probabilities(np.concatenate(logits))
    labels = tuple(classifier.class_names[k] for k in p.argmax(axis=1))
    return Predictions(tuple(names), labels, p, classifier.class_names, LeftOut(tuple(bad)))


@dataclass(frozen=True)
class Evaluation:
    """How a classifier does on labelled photos.

    Attributes
    ----------
    report : Report
        Print it, or ``report.save("page.html")``.
    left_out : LeftOut
    seen : int
        Photos on which the model was trained or chosen (files with the same bytes); they make the numbers too optimistic.
    """

    report: Report
    left_out: LeftOut
    seen: int

    @property
    def metrics(self) -> dict[str, Any]:
        """The report as plain numbers, as in ``metrics.json`` of :func:`train`."""
        return {"schema_version": SCHEMA_VERSION, **self.report.to_dict(), "seen_in_training": self.seen}

    def text(self) -> str:
        """The report as text, with a warning where photos were seen in training."""
        lines = [str(self.report)]
        if self.seen:
            lines.append(
                f"note: the model was trained or chosen on {self.seen:,} of these photos: the numbers are too good"
            )
        return "\n".join(lines)


def evaluate(
    model: Classifier | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    json: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Evaluation:
    """Test a classifier on a folder of labelled photos.

    Parameters
    ----------
    model : Classifier or path-like
        A ``model.keras`` that :func:`train` wrote.
    folder : path-like
        Class folders named as the model's classes (or some of them, at least
        two), taken wholly; of ready splits the one called test.
    json : path-like, optional
        File for the metrics, written whole or not at all.
    progress : bool, default True

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        The model or the folder cannot be used, or the file cannot be written.
    """
    classifier = _classifier(model)
    target = None if json is None else Path(json).expanduser()
    if target is not None and (target.is_dir() or not target.parent.is_dir()):
        raise InputError(f"{target} cannot be written: it is a folder, or its folder does not exist")
    split, left_out = labelled(folder, classifier.class_names, progress=progress)
    report = reports.evaluate(classifier.logits(split, cache=True, progress=progress), split)
    known = set(classifier.about.get("trained on", ()))
    result = Evaluation(report, left_out, sum(content[:SHORT] in known for content in split.hashes))
    if target is not None:
        with writing(target.parent):
            write_json(target, result.metrics)
    return result
