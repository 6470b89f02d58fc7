"""The model as an ONNX graph beside the model file, which answers without Keras: in a tenth of the time and of the memory."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlbook.backbones import Backbone
from tlbook.features import cache, engines

__all__ = ["NAMES", "TASK", "UNKNOWN", "beside", "can_run", "can_write", "of_features", "with_head"]

NAMES = "class_names"
"""Key in the metadata of an ONNX file."""

TASK = "task"
"""Another, where the outputs are no logits of classes: what they are, with the thresholds of labels."""

UNKNOWN = "unknown"
"""Another, where photos unlike those of training are refused: how. The graph then gives the features too, after the logits."""


def beside(model: Path) -> Path:
    """Where the graph of a model file lies: ``model.onnx`` for ``model.keras``."""
    return model.with_suffix(".onnx")


def can_run() -> bool:
    """Whether ONNX Runtime is installed."""
    return find_spec("onnxruntime") is not None


def can_write() -> bool:
    """Whether the packages that write a graph are installed."""
    return not engines.missing_packages()


def of_features(backbone: Backbone) -> bytes:
    """The graph of a network without a head; written once, since that takes seconds."""
    return engines.graph(backbone, cache.graphs(cache.folder()))


def with_head(
    graph: bytes,
    kernel: NDArray[Any],
    bias: NDArray[Any],
    class_names: tuple[str, ...],
    said: dict[str, Any] | None = None,
) -> bytes:
    """The graph of a classifier.

    Parameters
    ----------
    graph : bytes
        Images in, features (n, d) out.
    kernel : ndarray, shape (d, N)
    bias : ndarray, shape (N,)
    class_names : tuple of str
        N of them.
    said : dict, optional
        What is kept in the file besides: ``TASK``, ``UNKNOWN``.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_from_string(graph)
    features = onnx.ValueInfoProto()
    features.CopyFrom(model.graph.output[0])
    first = features.type.tensor_type.shape.dim[0].dim_param or None
    for name, values in (("head/kernel", kernel), ("head/bias", bias)):
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
    model.graph.node.append(helper.make_node("MatMul", [features.name, "head/kernel"], ["head/product"]))
    model.graph.node.append(helper.make_node("Add", ["head/product", "head/bias"], ["logits"]))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, [first, len(bias)]))
    kept = {NAMES: list(class_names), **(said or {})}
    if UNKNOWN in kept:
        model.graph.output.append(features)
    helper.set_model_props(model, {key: json.dumps(value) for key, value in kept.items()})
    onnx.checker.check_model(model)
    return model.SerializeToString()
