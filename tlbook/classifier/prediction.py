"""Using a model file: predictions for photos, and a test on labelled ones."""

from __future__ import annotations

import csv
import io
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tlbook._checks import one_of
from tlbook._files import write_json
from tlbook.classifier import saved
from tlbook.classifier.errors import InputError, place_for, refusing, sentence, shortened, writing
from tlbook.classifier.metrics_file import SCHEMA_VERSION
from tlbook.classifier.photos import labelled
from tlbook.classifier.saved import SHORT, Classifier
from tlbook.classifier.tasks import CLASSES, Task
from tlbook.datasets import BadImage, Finding, LeftOut, Split
from tlbook.datasets.decoding import common_white, in_order, pixels
from tlbook.datasets.folders import SPLITS
from tlbook.datasets.splits import printable, visible
from tlbook.progress import bar

if TYPE_CHECKING:
    from tlbook.evaluation import Estimate
    from tlbook.report import Report, TaskReport

__all__ = ["Evaluation", "Predictions", "csv_text", "evaluate", "predict", "table_text"]


@dataclass(frozen=True)
class Predictions:
    """Answers of a classifier.

    Attributes
    ----------
    paths : tuple of str
        As given, or found below a folder that was given; "image 0" and so on for pictures in memory.
    labels : tuple of str
        The most probable class of each; from a model of labels or numbers, the answer in words.
    probabilities : ndarray of float64, shape (n, N)
        Of each class or label; from a model of numbers, the numbers.
    class_names : tuple of str
        Of the classes, labels or numbers.
    left_out : LeftOut
        Files that could not be read as pictures.
    task : Task
        What the model was asked for.
    unknown : tuple of bool or None
        Whether a photo is unlike all that the model was trained on; None from a model that was trained without ``unknown``.
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: NDArray[Any]
    class_names: tuple[str, ...]
    left_out: LeftOut
    task: Task = CLASSES
    unknown: tuple[bool, ...] | None = None

    def csv(self) -> str:
        """A line for each photo: path, label, its probability, and that of every class; or labels, or numbers."""
        if self.task.name == CLASSES.name:
            return csv_text(self.paths, self.probabilities, self.class_names, unknown=self.unknown)
        return table_text(self.paths, *self.task.table(self.probabilities))


def csv_text(
    paths: Sequence[str],
    probabilities: NDArray[Any],
    class_names: Sequence[str],
    truth: Iterable[str] | None = None,
    unknown: Iterable[bool] | None = None,
    header: bool = True,
) -> str:
    """Predictions as CSV: path, label, probability of the label, true label if it is known, probability of every class, and
    where the model says so whether the photo is unknown to it; lines without a header go below others.

    Control characters are shown as escapes, and before what a spreadsheet would take for a formula stands an apostrophe.
    """
    guesses = probabilities.argmax(axis=1) if len(probabilities) else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    known = [] if truth is None else ["truth"]
    last = [] if unknown is None else ["unknown"]
    if header:
        named = [_cell(f"probability of {name}") for name in class_names]
        writer.writerow(["path", "label", "probability", *known, *named, *last])
    truths = [[]] * len(paths) if truth is None else [[one] for one in truth]
    strange = [[]] * len(paths) if unknown is None else [[f"{one:d}"] for one in unknown]
    for path, guess, row, true, end in zip(paths, guesses, probabilities, truths, strange, strict=True):
        words = [_cell(word) for word in (path, class_names[guess], *true)]
        writer.writerow([*words[:2], f"{row[guess]:.6f}", *words[2:], *(f"{p:.6f}" for p in row), *end])
    return text.getvalue()


def table_text(paths: Sequence[str], header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Labels or numbers as CSV: a line for each photo, below a header; as :func:`csv_text`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", *map(_cell, header)])
    for path, row in zip(paths, rows, strict=True):
        writer.writerow([_cell(path), *row])
    return text.getvalue()


def _cell(word: str) -> str:
    shown = visible(printable(word))
    return f"'{shown}" if shown.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) else shown


def _classifier(model: Classifier | str | os.PathLike[str]) -> Classifier:
    return model if isinstance(model, Classifier) else saved.load(model)


def _files(path: Path, bad: list[Finding]) -> Iterator[Path]:
    """A file, or all files below a folder in order; what is hidden is passed over, linked folders are named."""
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
                bad.append(Finding(os.fspath(one), "link to a folder"))
                continue
            yield from _files(one, bad)


Photo: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any]
"""What :func:`predict` takes: the path of a photo or of a folder, the bytes of a file, a Pillow image, pixels."""

_ONE = (str, os.PathLike, bytes, bytearray, Image.Image, np.ndarray)


def _given(photos: Photo | Iterable[Photo], bad: list[Finding]) -> list[tuple[str, Path | bytes]]:
    """What is to be predicted, each with what it is called: a path as it was given, or its place among the rest."""
    if not isinstance(photos, _ONE) and not isinstance(photos, Iterable):
        raise InputError(
            f"paths are those of photos or folders, or bytes, Pillow images or arrays of pixels; got {type(photos).__name__}"
        )
    found: list[tuple[str, Path | bytes]] = []
    for number, one in enumerate([photos] if isinstance(photos, _ONE) else photos):
        called = f"image {number}"
        if isinstance(one, bytes | bytearray):
            found.append((called, bytes(one)))
        elif isinstance(one, Image.Image):
            found.append((called, _as_file(one)))
        elif isinstance(one, np.ndarray):
            single = one.ndim == 3
            if one.dtype != np.uint8 or one.ndim not in (3, 4) or one.shape[-1] != 3 or 0 in one.shape:
                raise InputError(
                    "an array of pixels is uint8 of shape (height, width, 3) or (n, height, width, 3), values 0 to 255; "
                    f"got {one.dtype} of shape {one.shape}"
                )
            for place, pixels in enumerate(one[None] if single else one):
                name = called if single else f"{called}[{place}]"
                found.append((name, _as_file(Image.fromarray(np.ascontiguousarray(pixels)))))
        elif isinstance(one, str | os.PathLike):
            path = Path(one).expanduser()
            if not path.exists() and not path.is_symlink():
                raise InputError(f"there is no file or folder {shortened(path)}")
            found += [(os.fspath(file), file) for file in _files(path, bad)]
        else:
            raise InputError(
                f"a photo is a path, bytes, a Pillow image or an array of pixels; got {type(one).__name__}"
            )
    return found


def _as_file(image: Image.Image) -> bytes:
    """A picture in memory as a file without loss, so that it is treated exactly as a file is."""
    buffer = io.BytesIO()
    try:
        image.save(
            buffer, "TIFF" if image.mode in ("CMYK", "YCbCr", "LAB") else "PNG", exif=image.getexif(), compress_level=1
        )
    except (OSError, ValueError) as error:
        raise InputError(f"a Pillow image of mode {image.mode} cannot be used ({sentence(error)})") from error
    return buffer.getvalue()


def _decoded(source: Path | bytes, size: int, white: int) -> NDArray[np.uint8] | str:
    try:
        return pixels(source, size, white)
    except BadImage as error:
        return sentence(error)


@refusing()
def predict(
    model: Classifier | str | os.PathLike[str],
    paths: Photo | Iterable[Photo],
    *,
    progress: bool = True,
) -> Predictions:
    """Class and probabilities of photos.

    Parameters
    ----------
    model : Classifier or path-like
        A ``model.keras`` that :func:`train` wrote.
    paths : path-like, bytes, PIL.Image.Image or ndarray, or an iterable of them
        Paths of photos, and of folders whose photos are all taken; the bytes of a
        file; pictures in memory, arrays being uint8 of shape (height, width, 3) or
        (n, height, width, 3). Those in memory are called "image 0" and so on.
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
    bad: list[Finding] = []
    files = _given(paths, bad)
    white = classifier.white or common_white(source for _, source in files)
    names: list[str] = []
    logits: list[NDArray[Any]] = []
    unknown: list[bool] = []
    images: list[NDArray[Any]] = []

    def flush() -> None:
        if images:
            some, strange = classifier.answers(np.stack(images), progress=False)
            logits.append(some)
            unknown.extend([] if strange is None else strange.tolist())
            images.clear()

    decoding = in_order(lambda file: _decoded(file[1], classifier.input_size, white), files)
    with warnings.catch_warnings(), bar("predicting", len(files), enabled=progress) as ticker:
        warnings.simplefilter("ignore")  # Pillow's, of odd metadata; what matters is in the report
        for (name, _), found in zip(files, decoding, strict=True):
            if isinstance(found, str):
                bad.append(Finding(name, found))
            else:
                names.append(printable(name))
                images.append(found)
            if len(images) == saved.CHUNK:
                flush()
            ticker.advance()
        flush()
    if not names:
        why = f" ({visible(printable(bad[0].path))}: {bad[0].reason})" if bad else ""
        raise InputError(f"none of the {len(files)} files is a photo that can be read{why}")
    task = classifier.task
    p = task.values(np.concatenate(logits))
    strange = tuple(unknown) if classifier.known is not None else None
    called = classifier.class_names if task.name == CLASSES.name else task.columns
    return Predictions(tuple(names), tuple(task.words(p)), p, called, LeftOut(tuple(bad)), task, strange)


@dataclass(frozen=True)
class Evaluation:
    """How a classifier does on labelled photos.

    Attributes
    ----------
    report : Report or TaskReport
        Print it, or ``report.save("page.html")``.
    left_out : LeftOut
    seen : int
        Photos on which the model was trained or chosen (files with the same bytes); they make the numbers too optimistic.
    unknown : Estimate or None
        Share of the photos that are unlike all that the model was trained on; None where it cannot say.
    some_known : bool
        Whether the model was trained on so many photos that its file holds some of their hashes only, so that more may have
        been seen.
    """

    report: Report | TaskReport
    left_out: LeftOut
    seen: int
    unknown: Estimate | None = None
    some_known: bool = False

    @property
    def metrics(self) -> dict[str, Any]:
        """The report as plain numbers, as in ``metrics.json`` of :func:`train`."""
        from tlbook.report.metrics import plain

        found = {"schema_version": SCHEMA_VERSION, **self.report.to_dict(), "seen_in_training": self.seen}
        if self.unknown is not None:
            found |= plain([("unknown", self.unknown)])
        return found

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the metrics as JSON, whole or not at all; an InputError where that fails."""
        with writing(path):
            write_json(path, self.metrics)

    def text(self) -> str:
        """The report as text, with a warning where photos were seen in training."""
        from tlbook.classifier.unknown import TRUE_ACCEPTS

        lines = [str(self.report)]
        if self.unknown is not None:
            lines.append(
                f"unlike all photos of training: {self.unknown} of these; of photos like those it would be {1 - TRUE_ACCEPTS:.0%}"
            )
        if self.seen:
            least = "at least " if self.some_known else ""
            lines.append(
                f"note: the model was trained or chosen on {least}{self.seen:,} of these photos: the numbers are too good"
            )
        return "\n".join(lines)


def _measured(classifier: Classifier, outputs: NDArray[Any], found: Split) -> TaskReport:
    from tlbook.classifier.heads import measured

    return measured(classifier.task, outputs, found, np.array([classifier.about["mean"]]))


@refusing()
def evaluate(
    model: Classifier | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    split: str | None = None,
    json: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Evaluation:
    """Test a classifier on labelled photos, in class folders or named by a CSV.

    Parameters
    ----------
    model : Classifier or path-like
        A ``model.keras`` that :func:`train` wrote.
    folder : path-like
        Class folders named as the model's classes (or some of them; at least
        one photo of one class), all that there are; with ``labels``, photos flat or nested.
    labels : path-like, optional
        A CSV as :func:`train` takes it, with the columns of the model; needed for a
        model of labels or numbers.
    split : {"train", "validation", "test"}, optional
        Of ready splits only this one.
    json : path-like, optional
        File for the metrics, written whole or not at all; where that fails in the
        end, there is a warning and the numbers are returned all the same.
    progress : bool, default True

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        The model or the folder cannot be used, or the file cannot be written.
    """
    from tlbook import evaluation
    from tlbook import report as reports

    classifier = _classifier(model)
    if split is not None:
        one_of(split, "split", SPLITS, error=InputError)
    options: dict[str, Any] = {"white": classifier.white, "keep": classifier.input_size, "progress": progress}
    options |= {"labels": labels, "task": classifier.task, "split": split}
    found, left_out = labelled(folder, classifier.class_names, **options)
    target = None if json is None else place_for(json, *found.paths, *([classifier.path] if classifier.path else []))
    outputs, unknown = classifier.answers(found, cache=True, progress=progress)
    report = reports.evaluate(outputs, found) if found.targets is None else _measured(classifier, outputs, found)
    known, until = classifier.trained_on
    strange = None if unknown is None else evaluation.wilson(int(unknown.sum()), len(unknown))
    seen = sum(content[:SHORT] in known for content in found.hashes)
    result = Evaluation(report, left_out, seen, strange, until is not None)
    if target is not None:
        try:
            result.write(target)
        except (InputError, OSError) as error:
            warnings.warn(f"{target} could not be written ({sentence(error)})", stacklevel=2)
    return result
