"""Smaller ONNX graphs: weights in half as many bytes, or everything in whole numbers of 8 bits."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["in_float16", "in_int8", "with_pixels"]


def with_pixels(graph: bytes) -> bytes:
    """The graph with an input of uint8, which a cast turns into the floats that it took before.

    ONNX Runtime refuses anything else by its type, so pixels that were divided by 255 raise an error.
    """
    import onnx

    model = onnx.load_from_string(graph)
    (given,) = model.graph.input
    kind = given.type.tensor_type
    if kind.elem_type == onnx.TensorProto.UINT8:
        return graph
    inside = f"{given.name}/float"
    for node in model.graph.node:
        node.input[:] = [inside if name == given.name else name for name in node.input]
    cast = onnx.helper.make_node("Cast", [given.name], [inside], name=inside, to=onnx.TensorProto.FLOAT)
    model.graph.node.insert(0, cast)
    kind.elem_type = onnx.TensorProto.UINT8
    onnx.checker.check_model(model)
    return model.SerializeToString()


def in_float16(graph: bytes) -> bytes:
    """The graph with its kernels kept as float16, and computed with in float32 as before.

    A cast behind each kernel is done once, when the file is opened, so it costs no time afterwards. Vectors, such as biases,
    are small and stay as they are.
    """
    import onnx

    model = onnx.load_from_string(graph)
    casts = []
    for one in model.graph.initializer:
        if one.data_type != onnx.TensorProto.FLOAT or len(one.dims) < 2:
            continue
        with np.errstate(over="ignore"):  # an infinite weight shows in the logits
            half = onnx.numpy_helper.to_array(one).astype(np.float16)
        name, kept = one.name, f"{one.name}/float16"
        one.CopyFrom(onnx.numpy_helper.from_array(half, kept))
        casts.append(onnx.helper.make_node("Cast", [kept], [name], name=f"{kept}/cast", to=onnx.TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _name_head(path: Path) -> list[str]:
    """Names, given where there are none, of the nodes behind the features: in 8 bits, logits would be cut off."""
    import onnx

    model = onnx.load(path)
    made = {name: node for node in model.graph.node for name in node.output}
    found: list[str] = []
    left = [one.name for one in model.graph.output]
    while left:
        node = made.get(left.pop())
        if node is not None and node.op_type in ("Add", "Gemm", "MatMul"):
            node.name = node.name or f"head/{len(found)}"
            found.append(node.name)
            left += node.input
    onnx.save(model, path)
    return found


def in_int8(graph: bytes, batches: Iterable[NDArray[Any]], *, per_channel: bool = True) -> bytes:
    """The graph with weights and activations in 8 bits: static quantisation by ONNX Runtime. The head stays as it is.

    Parameters
    ----------
    graph : bytes
    batches : iterable of ndarray
        Images as the graph takes them. The smallest and largest value that each layer gives on them
        become the ends of its 256 steps (Jacob et al. 2018, section 3).
    per_channel : bool
        A scale of its own for each output channel of a kernel, in place of one for the whole kernel.
    """
    import onnx
    import onnxruntime
    from onnxruntime import quantization

    given = onnx.load_from_string(graph)
    name = given.graph.input[0].name

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(batches)

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            batch = next(self.left, None)
            return None if batch is None else {name: batch}

    with tempfile.TemporaryDirectory(prefix="tlbook-int8-") as folder:
        fused, small = Path(folder, "fused.onnx"), Path(folder, "small.onnx")
        options = onnxruntime.SessionOptions()
        # scale and offset of BatchNorm go into the convolution before it: quantised on their own they lose everything
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(fused)
        options.log_severity_level = 3
        onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        held = logging.root.manager.disable
        logging.disable(logging.WARNING)  # it advises a step that needs another package, and that was done above
        try:
            quantization.quantize_static(
                fused,
                small,
                Reader(),
                nodes_to_exclude=_name_head(fused),
                per_channel=per_channel,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
            )
        finally:
            logging.disable(held)
        model = onnx.load(small)
    del model.metadata_props[:]
    model.metadata_props.extend(given.metadata_props)
    return model.SerializeToString()
