"""A trained classifier as a file for other programs, written only if its answers stay the same."""

from __future__ import annotations

import json
import os
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlbook._checks import images_for, some
from tlbook._files import replacing
from tlbook._models import standard_settings
from tlbook._quiet import stderr_held
from tlbook.classifier import graphs
from tlbook.classifier.errors import InputError, place_for, refusing, sentence, writing
from tlbook.classifier.photos import labelled
from tlbook.classifier.saved import Classifier, by_keras, load
from tlbook.classifier.tasks import CLASSES
from tlbook.datasets import Split
from tlbook.features import engines

import keras  # isort: skip

__all__ = ["FORMATS", "Exported", "export", "exported_names", "run_exported"]

TOLERANCE = 1e-3
"""Logits may differ by so much, times 1 + the largest of them. Rounding alone stays a hundred times below."""

_LABELS = "labels.txt"  # in the archive at the end of a LiteRT file, where its readers look for class names
_BATCH = 8
_NOISE = 16  # images


@dataclass(frozen=True)
class Format:
    """One kind of exported file.

    Attributes
    ----------
    name : str
    require : callable
        Raises InputError where such files cannot be written or run here.
    write : callable
        Given a Classifier and a path, writes the file with the class names in it.
    open : callable
        Given a path, returns (input size, function from a float32 batch of images
        to logits), run by the program that such files are meant for.
    names : callable
        Given a path, returns the class names in it.
    """

    name: str
    require: Callable[[], None]
    write: Callable[[Classifier, Path], None]
    open: Callable[[Path], tuple[int, Callable[[NDArray[Any]], NDArray[Any]]]]
    names: Callable[[Path], list[str]]


@dataclass(frozen=True)
class Exported:
    """A file that :func:`export` wrote.

    Attributes
    ----------
    path : Path
    format : str
        Its name, as in "ONNX".
    n : int
        Images on which it was compared with the Keras model.
    difference : float
        Largest difference of a logit on them.
    same : int
        Images of those that get the same class.
    """

    path: Path
    format: str
    n: int
    difference: float
    same: int

    def __str__(self) -> str:
        size = self.path.stat().st_size / 1e6
        return (
            f"{self.path.name}: {self.format}, {size:.1f} MB; on {self.n:,} images logits differ by at most "
            f"{self.difference:.0e}, {self.same:,} of {self.n:,} labels are the same"
        )


@refusing()
@standard_settings()
def export(
    model: Classifier | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    images: Split | NDArray[Any] | str | os.PathLike[str] | None = None,
) -> Exported:
    """Write a classifier as a file for other programs, and compare its answers with Keras's.

    The file takes images as float32 (n, size, size, 3) with values from 0 to
    255 and gives logits (n, N); preprocessing and calibration are inside, and
    so are the class names (:func:`exported_names`). What it cannot hold is the
    decoding: crop and resize as :func:`tlbook.datasets.decode` does.

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

    Returns
    -------
    Exported

    Raises
    ------
    InputError
        Another ending, packages that are not installed, images, a model or a place
        that cannot be used; or the file would answer differently. Nothing is
        written then, and what was there before stays.
    """
    classifier = model if isinstance(model, Classifier) else load(model)
    wanted = _format(Path(path))
    target = place_for(path, *([classifier.path] if classifier.path else []))
    if isinstance(images, str | os.PathLike):
        if classifier.task.name != CLASSES.name:
            raise InputError(
                f"a model of {classifier.task.name} is compared on noise, or on an array of pixels, not on a folder"
            )
        images, _ = labelled(images, classifier.class_names, white=classifier.white, progress=False)
    given = _noise(classifier.input_size) if images is None else images
    batches = _batches(given, classifier.input_size)
    with writing(target.parent), replacing(target, target.suffix) as passing:
        wanted.write(classifier, passing)
        expected = np.concatenate([by_keras(classifier.model, batch) for batch in batches])
        found = run_exported(passing, given)
        difference = float(np.abs(found - expected).max())
        if not difference <= TOLERANCE * (1 + np.abs(expected).max()):  # also false for NaN
            raise InputError(
                f"{target.name} gives other logits than the Keras model (they differ by up to {difference:.3g}), so it "
                "was not written"
            )
    same = classifier.task.same(found, expected)
    return Exported(target, wanted.name, len(given), difference, same)


def run_exported(path: str | os.PathLike[str], images: Split | NDArray[Any]) -> NDArray[np.float32]:
    """Logits of an exported file, by the program that it is meant for, such as ONNX Runtime.

    Parameters
    ----------
    path : path-like
        A file that :func:`export` wrote.
    images : Split, or ndarray of shape (n, size, size, 3)
        Values from 0 to 255.

    Returns
    -------
    ndarray of float32, shape (n, N)

    Raises
    ------
    InputError
        Another ending, packages that are not installed, no such file, or images of
        another shape.
    """
    path = _existing(path)
    found = _format(path)
    try:
        size, run = found.open(path)
    except InputError:
        raise
    except Exception as error:  # each runtime raises kinds of its own
        raise InputError(f"{path} cannot be read as {found.name} ({sentence(error)})") from error
    return np.concatenate([run(batch.astype(np.float32)) for batch in _batches(images, size)])


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


# ---- ONNX ----


def _require_onnx() -> None:
    if missing := engines.missing_packages():
        raise InputError(f"ONNX needs the packages {', '.join(missing)}: pip install 'tlbook[fast]'")


def _write_onnx(classifier: Classifier, path: Path) -> None:
    path.write_bytes(classifier.as_graph())


def _open_onnx(path: Path) -> tuple[int, Callable[[NDArray[Any]], NDArray[Any]]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = engines.threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return int(given.shape[1]), lambda batch: session.run(None, {given.name: batch})[0]


def _names_onnx(path: Path) -> list[str]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return json.loads(session.get_modelmeta().custom_metadata_map[graphs.NAMES])


# ---- LiteRT ----


def _require_litert() -> None:
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"LiteRT files are written by TensorFlow, but Keras runs on {keras.backend.backend()} here: set "
            "KERAS_BACKEND=tensorflow, or export to ONNX"
        )


def _write_litert(classifier: Classifier, path: Path) -> None:
    import tensorflow as tf

    size = classifier.input_size
    model = classifier.model  # read now: what is made while a function is traced has no values
    with stderr_held(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # not model.export(format="litert"), which older Keras cannot do with TensorFlow 2.20 on Python 3.13 (keras#22816)
        function = tf.function(lambda images: model(images, training=False))
        traced = function.get_concrete_function(tf.TensorSpec((None, size, size, 3), tf.float32, name="images"))
        # with the function in place of the model as the object that is followed, its weights become constants of the graph
        converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], traced)
        # no "select" operations: they would need a part of TensorFlow beside the interpreter
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        path.write_bytes(converter.convert())
    with zipfile.ZipFile(path, "a") as archive:
        # a line each; a line break inside a name is escaped
        lines = [json.dumps(name, ensure_ascii=False)[1:-1] for name in classifier.class_names]
        archive.writestr(_LABELS, "\n".join(lines) + "\n")


def _interpreter() -> Any:
    """The interpreter's own package where it is installed; TensorFlow carries the same code and is about to part with it."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            from tensorflow.lite.python.interpreter import Interpreter
        except ImportError as error:
            raise InputError(
                "LiteRT files are run by the package ai-edge-litert: pip install ai-edge-litert"
            ) from error
    return Interpreter


def _open_litert(path: Path) -> tuple[int, Callable[[NDArray[Any]], NDArray[Any]]]:
    kind = _interpreter()
    with stderr_held(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TensorFlow, that the interpreter moves to a package of its own
        # the bytes rather than the path: an open file could not be replaced on Windows
        interpreter = kind(model_content=path.read_bytes(), num_threads=engines.threads())
    (given,), (wanted,) = interpreter.get_input_details(), interpreter.get_output_details()
    shape: tuple[int, ...] = ()

    def run(batch: NDArray[Any]) -> NDArray[Any]:
        nonlocal shape
        if shape != batch.shape:
            with stderr_held():  # it tells there which of its parts computes
                interpreter.resize_tensor_input(given["index"], batch.shape)
                interpreter.allocate_tensors()
            shape = batch.shape
        interpreter.set_tensor(given["index"], batch)
        interpreter.invoke()
        return interpreter.get_tensor(wanted["index"]).copy()

    return int(given["shape"][1]), run


def _names_litert(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return [json.loads(f'"{line}"') for line in archive.read(_LABELS).decode().split("\n")[:-1]]


FORMATS: dict[str, Format] = {
    ".onnx": Format("ONNX", _require_onnx, _write_onnx, _open_onnx, _names_onnx),
    ".tflite": Format("LiteRT", _require_litert, _write_litert, _open_litert, _names_litert),
}
"""The formats by the ending of the file; one more is one more row."""
