"""A trained classifier as a file for other programs, written only if its answers stay the same, or as good."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tlbook import evaluation
from tlbook._checks import images_for, some
from tlbook._files import replacing
from tlbook._models import standard_settings
from tlbook.classifier.errors import InputError, place_for, refusing, sentence, writing
from tlbook.classifier.formats import FORMATS, Format
from tlbook.classifier.photos import labelled
from tlbook.classifier.saved import SHORT, Classifier, by_keras, load
from tlbook.classifier.tasks import CLASSES
from tlbook.datasets import Split

__all__ = ["Exported", "export", "exported_names", "run_exported"]

TOLERANCE = {"float32": 1e-3, "float16": 2e-2}
"""Logits may differ by so much, times 1 + the largest of them. Rounding alone stays a hundred times below for float32; a
weight in float16 has eleven binary digits, 5e-4 of its size."""

MARGIN = 0.02
"""Share of photos by which int8 must be shown to lose less."""

CALIBRATION = 64  # photos on which ranges are measured
_LEVEL = 0.95
_BATCH = 8
_NOISE = 16  # images


@dataclass(frozen=True)
class Exported:
    """A file that :func:`export` wrote.

    Attributes
    ----------
    path : Path
    format : str
        Its name, as in "ONNX".
    n : int
        Images on which it was compared with the model.
    difference : float
        Largest difference of a logit on them.
    same : int
        Images of those that get the same class.
    numbers : {"float32", "float16", "int8"}
        What the weights are kept in.
    test : PairedTest or None
        For int8: its accuracy against that of float32, with the margin.
    accuracies : tuple of Estimate
        For int8: of int8 and of float32, on the same photos.
    """

    path: Path
    format: str
    n: int
    difference: float
    same: int
    numbers: str = "float32"
    test: evaluation.PairedTest | None = None
    accuracies: tuple[evaluation.Estimate, ...] = ()

    def __str__(self) -> str:
        size = self.path.stat().st_size / 1e6
        kind = self.format if self.numbers == "float32" else f"{self.format} in {self.numbers}"
        if self.test is not None:
            return f"{self.path.name}: {kind}, {size:.1f} MB; {_compared(self.test, self.accuracies)}"
        return (
            f"{self.path.name}: {kind}, {size:.1f} MB; on {self.n:,} images logits differ by at most "
            f"{self.difference:.0e}, {self.same:,} of {self.n:,} labels are the same"
        )


@refusing()
@standard_settings()
def export(
    model: Classifier | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    images: Split | NDArray[Any] | str | os.PathLike[str] | None = None,
    int8: Split | str | os.PathLike[str] | None = None,
    float16: bool = False,
) -> Exported:
    """Write a classifier as a file for other programs, and compare its answers with the model's.

    The file takes images as uint8 (n, size, size, 3) and gives logits (n, N).
    Preprocessing and calibration are inside, and so are the class names
    (:func:`exported_names`). What runs the file refuses floats by their type, so
    pixels cannot be scaled twice. What it cannot hold is the decoding: crop and
    resize as :func:`tlbook.datasets.decode` does.

    Parameters
    ----------
    model : Classifier or path-like
        A ``model.keras`` that :func:`tlbook.classifier.train` wrote.
    path : path-like
        The ending decides the format: ``.onnx`` for ONNX, ``.tflite`` for LiteRT. The
        file appears when it has passed.
    images : Split, ndarray of shape (n, size, size, 3), or path-like, optional
        To compare on: a split, an array with values from 0 to 255, or a folder as
        :func:`tlbook.classifier.evaluate` takes it. Without them images of noise,
        which show a wrong graph as well as others do but say nothing about labels
        that are a close call.
    int8 : Split or path-like, optional
        Write weights and activations in 8 bits, which is a quarter of the size and
        mostly faster, and moves answers. Labelled photos, a split or class folders:
        64 of them, such as the model was trained on where there are, set the ranges
        of the numbers (static quantisation, with a scale for each channel: Jacob et
        al. 2018, Krishnamoorthi 2018). On all others that the model was not trained
        on, int8 must be shown to lose less than 2 points of accuracy
        (:func:`tlbook.evaluation.mcnemar` with that margin), which takes 189 photos
        or more. It is shown for the processor at hand: those without instructions
        for products of 8 bits may cut sums off and lose more. ONNX files keep the
        head in float32; LiteRT files cut logits off at the largest that the 64 gave.
    float16 : bool
        Keep the weights in half as many bytes. ONNX files compute in float32 as before.

    Returns
    -------
    Exported

    Raises
    ------
    InputError
        Another ending, packages that are not installed, images, a model or a place
        that cannot be used; or the file would answer differently, or in int8 not
        be shown to be as good. Nothing is written then, and what was there before
        stays.
    """
    if int8 is not None and (float16 or images is not None):
        raise InputError("with int8 give neither float16 nor images: the photos of int8 decide")
    classifier = model if isinstance(model, Classifier) else load(model)
    wanted = _format(Path(path))
    target = place_for(path, *([classifier.path] if classifier.path else []))
    if int8 is not None:
        return _in_int8(classifier, wanted, target, int8)
    if isinstance(images, str | os.PathLike):
        if classifier.task.name != CLASSES.name:
            raise InputError(
                f"a model of {classifier.task.name} is compared on noise, or on an array of pixels, not on a folder"
            )
        images, _ = labelled(images, classifier.class_names, white=classifier.white, progress=False)
    given = _noise(classifier.input_size) if images is None else images
    batches = _batches(given, classifier.input_size)
    numbers = "float16" if float16 else "float32"
    with writing(target.parent), replacing(target, target.suffix) as passing:
        wanted.write(classifier, passing, numbers, ())
        expected = np.concatenate([by_keras(classifier.model, batch) for batch in batches])
        found = run_exported(passing, given)
        difference = float(np.abs(found - expected).max())
        if not difference <= TOLERANCE[numbers] * (1 + np.abs(expected).max()):  # also false for NaN
            raise InputError(
                f"{target.name} gives other logits than the Keras model (they differ by up to {difference:.3g}), so it "
                "was not written"
            )
    same = classifier.task.same(found, expected)
    return Exported(target, wanted.name, len(given), difference, same, numbers)


def _in_int8(classifier: Classifier, wanted: Format, target: Path, photos: Split | str | os.PathLike[str]) -> Exported:
    """Write the file in 8 bits, if it is shown on photos to be nearly as accurate."""
    if classifier.task.name != CLASSES.name:
        raise InputError(
            f"int8 is tested by its accuracy, which a model of {classifier.task.name} has not; use float16"
        )
    if classifier.known is not None:
        raise InputError(
            "int8 moves the features by which this model knows unknown photos, so it would refuse others; use float16, "
            "or train without unknown"
        )
    if not isinstance(photos, Split):
        photos, _ = labelled(photos, classifier.class_names, white=classifier.white, progress=False)
    elif photos.class_names != classifier.class_names:
        raise InputError(f"the split has the classes {', '.join(photos.class_names)}, not those of the model")
    ranges, deciding = _parted(photos, classifier)
    size = classifier.input_size
    with writing(target.parent), replacing(target, target.suffix) as passing:
        wanted.write(classifier, passing, "int8", [batch for batch, _ in ranges.batches(size, _BATCH)])
        before, after = classifier.logits(deciding, progress=False), run_exported(passing, deciding)
        classes = [logits.argmax(axis=1) for logits in (after, before)]
        names = ("int8", "float32")
        test = evaluation.mcnemar(deciding.labels, *classes, margin=MARGIN, names=names, confidence=_LEVEL)
        accuracies = tuple(evaluation.accuracy(deciding.labels, one) for one in classes)
        if "int8" not in test.non_inferior or not np.isfinite(after).all():
            raise InputError(
                f"{target.name} was not written, since int8 is not shown to lose less than {_points()}: "
                f"{_compared(test, accuracies)}. More photos may show it; float16 loses less, and is half the size"
            )
    difference, same = float(np.abs(after - before).max()), int((classes[0] == classes[1]).sum())
    return Exported(target, wanted.name, len(deciding), difference, same, "int8", test, accuracies)


def _parted(photos: Split, classifier: Classifier) -> tuple[Split, Split]:
    """Photos to measure ranges on, those of training before others, and the rest, to decide by: none was seen in training."""
    seen, until = classifier.trained_on
    short = [content[:SHORT] for content in photos.hashes]
    trained = np.array([one in seen or (until is not None and one > until) for one in short], bool)
    rng = np.random.default_rng(0)
    old, new = (rng.permutation(np.flatnonzero(one)) for one in (trained, ~trained))
    ranges = np.concatenate([old, new])[:CALIBRATION]
    deciding = np.setdiff1d(new, ranges)
    if len(deciding) < (fewest := fewest_photos()):
        needed = fewest + max(0, CALIBRATION - len(old))
        raise InputError(
            f"int8 takes {needed} labelled photos or more that the model was not trained on, and there are {len(new)}: "
            f"with fewer than {fewest} to decide, no result could show a loss below {_points()}; float16 needs none"
        )
    return photos.select(np.sort(ranges)), photos.select(deciding)


def fewest_photos() -> int:
    """Photos below which no result is non-inferior: the score interval of no difference at all ends at −z² / (n + z²)."""
    z = float(stats.norm.ppf(0.5 + _LEVEL / 2))
    return math.floor(z**2 * (1 - MARGIN) / MARGIN) + 1


def _points() -> str:
    return f"{100 * MARGIN:.1f} points of accuracy"


def _compared(test: evaluation.PairedTest, accuracies: tuple[evaluation.Estimate, ...]) -> str:
    int8, float32 = accuracies
    return f"on {test.n:,} photos int8 has {int8} right and float32 {float32}, a difference of {test.difference}"


def run_exported(path: str | os.PathLike[str], images: Split | NDArray[Any]) -> NDArray[np.float32]:
    """Logits of an exported file, by the program that it is meant for, such as ONNX Runtime.

    Parameters
    ----------
    path : path-like
        A file that :func:`export` wrote.
    images : Split, or ndarray of shape (n, size, size, 3)
        Values from 0 to 255; where the file takes uint8, whole numbers.

    Returns
    -------
    ndarray of float32, shape (n, N)

    Raises
    ------
    InputError
        Another ending, packages that are not installed, no such file, or images of
        another shape or with other values.
    """
    path = _existing(path)
    found = _format(path)
    try:
        size, kind, run = found.open(path)
    except InputError:
        raise
    except Exception as error:  # each runtime raises kinds of its own
        raise InputError(f"{path} cannot be read as {found.name} ({sentence(error)})") from error
    return np.concatenate([run(_typed(batch, kind)) for batch in _batches(images, size)])


def _typed(batch: NDArray[Any], kind: type[np.generic]) -> NDArray[Any]:
    """A batch as the file takes it."""
    typed = batch.astype(kind)
    if kind is np.uint8 and not np.array_equal(typed, batch):
        raise InputError("the file takes uint8, and the images hold fractions: give whole numbers from 0 to 255")
    return typed


def exported_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Class names inside an exported file, in the order of the logits.

    Raises
    ------
    InputError
        There are none in it, or the packages to read it are not installed.
    """
    path = _existing(path)
    found = _format(path)
    try:
        return tuple(found.names(path))
    except Exception as error:
        raise InputError(f"{path} holds no class names: it was not written by tlbook ({sentence(error)})") from error


def _existing(path: str | os.PathLike[str]) -> Path:
    path = Path(path).expanduser()
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    return path


def _format(path: Path) -> Format:
    """The format that the ending decides; an InputError where its packages are missing."""
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        endings = " or ".join(f"{ending} ({one.name})" for ending, one in FORMATS.items())
        raise InputError(f"{path.name} must end in {endings}, which decides the format")
    found.require()
    return found


def _noise(size: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (_NOISE, size, size, 3), np.uint8)


def _batches(images: Split | NDArray[Any], size: int) -> Iterator[NDArray[Any]]:
    """A few images at a time, so that the memory does not grow with the split."""
    if isinstance(images, Split):
        if not len(images):
            raise InputError(f"the split {images.name} holds no image")
        return (batch for batch, _ in images.batches(size, _BATCH))
    try:
        given = images_for((size, size, 3), images)
        some(given, "this model", "image")
    except ValueError as error:
        raise InputError(sentence(error)) from error
    return iter(np.split(given, range(_BATCH, len(given), _BATCH)))
