"""The formats of exported files: how each is written, by which program it is run, where its class names are.

All take images as uint8, so that pixels which were scaled already are refused by their type; files that earlier versions wrote
take float32, and are run as well.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlbook._quiet import stderr_held
from tlbook.classifier import compact, graphs
from tlbook.classifier.errors import InputError
from tlbook.classifier.saved import Classifier
from tlbook.features import engines

import keras  # isort: skip

__all__ = ["FORMATS", "Format"]

_LABELS = "labels.txt"  # in the archive at the end of a LiteRT file, where its readers look for class names

Runner = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True)
class Format:
    """One kind of exported file.

    Attributes
    ----------
    name : str
    require : callable
        Raises InputError where such files cannot be written or run here.
    write : callable
        Given a Classifier, a path, "float32", "float16" or "int8", and for the last batches of
        uint8 images to measure ranges on, writes the file with the class names in it.
    open : callable
        Given a path, returns (input size, dtype of the images, function from a batch of
        them to logits), run by the program that such files are meant for.
    names : callable
        Given a path, returns the class names in it.
    """

    name: str
    require: Callable[[], None]
    write: Callable[[Classifier, Path, str, Sequence[NDArray[Any]]], None]
    open: Callable[[Path], tuple[int, type[np.generic], Runner]]
    names: Callable[[Path], list[str]]


# ---- ONNX ----


def _require_onnx() -> None:
    if missing := engines.missing_packages():
        raise InputError(f"ONNX needs the packages {', '.join(missing)}: pip install 'tlbook[fast]'")


def _write_onnx(classifier: Classifier, path: Path, numbers: str, batches: Sequence[NDArray[Any]]) -> None:
    graph = compact.with_pixels(classifier.as_graph())
    if numbers == "float16":
        graph = compact.in_float16(graph)
    elif numbers == "int8":
        graph = compact.in_int8(graph, batches)
    path.write_bytes(graph)


def _open_onnx(path: Path) -> tuple[int, type[np.generic], Runner]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = engines.threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    kind = np.uint8 if given.type == "tensor(uint8)" else np.float32
    return int(given.shape[1]), kind, lambda batch: session.run(None, {given.name: batch})[0]


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


def _write_litert(classifier: Classifier, path: Path, numbers: str, batches: Sequence[NDArray[Any]]) -> None:
    import tensorflow as tf

    size = classifier.input_size
    model = classifier.model  # read now: what is made while a function is traced has no values
    with stderr_held(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # not model.export(format="litert"), which older Keras cannot do with TensorFlow 2.20 on Python 3.13 (keras#22816)
        function = tf.function(lambda images: model(tf.cast(images, tf.float32), training=False))
        traced = function.get_concrete_function(tf.TensorSpec((None, size, size, 3), tf.uint8, name="images"))
        # with the function in place of the model as the object that is followed, its weights become constants of the graph
        converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], traced)
        # no "select" operations: they would need a part of TensorFlow beside the interpreter
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if numbers != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if numbers == "float16":
            converter.target_spec.supported_types = [tf.float16]
        elif numbers == "int8":
            converter.representative_dataset = lambda: ([image[None]] for batch in batches for image in batch)
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


def _open_litert(path: Path) -> tuple[int, type[np.generic], Runner]:
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

    return int(given["shape"][1]), given["dtype"], run


def _names_litert(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return [json.loads(f'"{line}"') for line in archive.read(_LABELS).decode().split("\n")[:-1]]


FORMATS: dict[str, Format] = {
    ".onnx": Format("ONNX", _require_onnx, _write_onnx, _open_onnx, _names_onnx),
    ".tflite": Format("LiteRT", _require_litert, _write_litert, _open_litert, _names_litert),
}
"""The formats by the ending of the file; one more is one more row."""
