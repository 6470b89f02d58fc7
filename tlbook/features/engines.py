"""The engines that compute features: Keras, and ONNX Runtime, which is several times faster on a CPU.

Both compute the same function in float32; features differ by rounding, a few millionths of the largest (tests hold them within
1e-4). ONNX Runtime runs a graph that Keras writes; writing it takes seconds, so it is kept on disk under the hash of the
network's architecture and weights.

LiteRT is no engine here: with one thread it took 1.7 and 7.0 ms of the processor a photo where ONNX Runtime took 2.4 and 7.6
(MobileNetV2 0.35 and MobileNet 0.75), but making its graph took 6.8 and 4.6 s instead of 3.7 and 3.0. On 1,000 photos a first run
would be slower by 2.5 and 0.9 s; it would gain from 4,800 and 2,500 photos on.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tlbook._checks import one_of
from tlbook._files import cores, read_sealed, replacing, write_sealed
from tlbook._models import standard_settings
from tlbook._quiet import stderr_held
from tlbook.backbones import Backbone

if TYPE_CHECKING:
    import keras

ENGINES = ("auto", "keras", "onnxruntime")
"""Names that :func:`tlbook.features.extract` takes."""

BATCHES = {"onnxruntime": 1, "keras": 64}
"""Images in a batch by default.

ONNX Runtime, with a thread to each core and a batch to each thread, gave the same features for the same processor time by ones
as by eights (MobileNetV2 0.35 and MobileNet 0.75, 192 arrays of 224 pixels); the memory of a batch is held once for each thread.
"""

FEW = 256
"""Below so many images writing the graph takes longer than it saves."""

_FORMAT = "2"  # of the graphs kept on disk; another number leaves old files unused

_KEPT = 3  # sessions in memory, for those who extract again and again without a cache
_SESSIONS: dict[str, Any] = {}

_GPU_DEVICES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")  # NVIDIA, AMD, Windows' subsystem for Linux

Engine: TypeAlias = Callable[[NDArray[Any]], list[NDArray[Any]]]


@standard_settings()
def stage_model(backbone: Backbone, layers: Sequence[str | None]) -> keras.Model:
    """The backbone's model with one pooled output for each of the layers; None is the backbone's own output."""
    if list(layers) == [None]:
        return backbone.model
    import keras

    outputs = []
    for name in layers:
        if name is None:
            outputs.append(backbone.model.outputs[0])
        else:
            pool = keras.layers.GlobalAveragePooling2D()
            outputs.append(pool(backbone.model.get_layer(name).output))
    return keras.Model(backbone.model.inputs[0], outputs)


def missing_packages() -> list[str]:
    """Packages that ONNX Runtime needs and that are not installed."""
    return [name for name in ("onnx", "tf2onnx", "onnxruntime") if importlib.util.find_spec(name) is None]


@functools.cache
def has_gpu() -> bool:
    """Whether Keras computes on a GPU (or says nothing about it)."""
    if sys.platform == "linux" and not any(Path(device).exists() for device in _GPU_DEVICES):
        return False  # Keras, whose import takes seconds, need not be asked
    try:
        import keras

        return bool(keras.distribution.list_devices("gpu"))
    except Exception:  # not every backend lists devices
        return True


def choose(name: str, n: int, *, ready: bool = False) -> str:
    """The engine for n images: "keras" or "onnxruntime"; a ValueError for one that is unknown or not installed.

    ``ready`` says that the graph is there and Keras is not, so that ONNX Runtime saves time for any number of images.
    """
    one_of(name, "engine", ENGINES)
    if name == "auto":
        fast = (n >= FEW or ready) and not has_gpu() and not missing_packages()
        return "onnxruntime" if fast else "keras"
    if name == "onnxruntime" and (missing := missing_packages()):
        raise ValueError(
            f"engine='onnxruntime' needs the packages {', '.join(missing)}: pip install 'tlbook[fast]', "
            "or leave engine='auto', which takes Keras then"
        )
    return name


def keras_engine(backbone: Backbone, layers: Sequence[str | None], batch_size: int) -> Engine:
    """Keras in inference mode; a short batch is filled up, since another shape would be compiled for itself."""
    model = stage_model(backbone, layers)
    called = False

    def run(batch: NDArray[Any]) -> list[NDArray[Any]]:
        count = len(batch)
        nonlocal called
        if called and count < batch_size:
            batch = np.concatenate([batch, np.zeros((batch_size - count, *batch.shape[1:]), batch.dtype)])
        called = True
        outputs = model.predict_on_batch(batch)
        return [np.asarray(output)[:count] for output in (outputs if len(layers) > 1 else [outputs])]

    return run


def threads() -> int:
    """Number of threads that run ONNX Runtime side by side: OMP_NUM_THREADS if set, else the cores this process may use."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return cores()


def onnx_engine(backbone: Backbone, layers: Sequence[str | None], folder: Path | None) -> Engine:
    """ONNX Runtime on the CPU, with the graph from a folder or written there now; None keeps it nowhere on disk."""
    name = graph_name(backbone, layers)
    if name in _SESSIONS:
        session = _SESSIONS[name]
    elif folder is None:
        with tempfile.TemporaryDirectory(prefix="tlbook-graph-") as passing:
            session = _opened(backbone, layers, Path(passing) / name)
    else:
        session = _opened(backbone, layers, folder / name)
    _SESSIONS.pop(name, None)
    _SESSIONS[name] = session  # the latest last
    while len(_SESSIONS) > _KEPT:
        del _SESSIONS[next(iter(_SESSIONS))]
    return runner(session)


def runner(session: Any) -> Engine:
    """What passes a batch through a session of ONNX Runtime."""
    (given,) = session.get_inputs()

    def run(batch: NDArray[Any]) -> list[NDArray[Any]]:
        return session.run(None, {given.name: batch.astype(np.float32, copy=False)})

    return run


def graph(backbone: Backbone, folder: Path) -> bytes:
    """The ONNX graph of a backbone, from a folder or written there now."""
    return _read_or_written(backbone, [None], folder / graph_name(backbone, [None]))


def _opened(backbone: Backbone, layers: Sequence[str | None], path: Path) -> Any:
    session = open_session(_read_or_written(backbone, layers, path))
    if session is None:
        raise RuntimeError(f"ONNX Runtime cannot read the graph of {backbone.name} that Keras wrote")
    return session


def _read_or_written(backbone: Backbone, layers: Sequence[str | None], path: Path) -> bytes:
    found = read_sealed(path)
    if found is None:  # not there, or not as it was written
        if path.is_file():
            warnings.warn(f"the graph {path.name} in the cache is damaged; it is written anew", stacklevel=5)
        found = _graph(stage_model(backbone, layers), path)
    return found


def graph_name(backbone: Backbone, layers: Sequence[str | None]) -> str:
    """File name of a graph: it holds the hash of architecture, weights and outputs."""
    key = "\n".join(
        (
            _FORMAT,
            metadata.version("keras"),
            backbone.fingerprint,
            str(backbone.input_size),
            *(name or "" for name in layers),
        )
    )
    return f"{backbone.name}-{hashlib.sha256(key.encode()).hexdigest()[:32]}.onnx"


@standard_settings()
def write_graph(model: keras.Model, path: Path) -> None:
    """Write a Keras model as an ONNX graph, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, ".onnx") as temporary, stderr_held(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx and TensorFlow report on their own workings
        model(
            np.zeros((1, *model.inputs[0].shape[1:]), np.float32), training=False
        )  # Keras exports what was called once
        model.export(str(temporary), format="onnx", verbose=False)


def _graph(model: keras.Model, path: Path) -> bytes:
    """The model as an ONNX graph, kept in a file where that can be written."""
    with tempfile.TemporaryDirectory(prefix="tlbook-graph-") as passing:
        written = Path(passing) / path.name
        write_graph(model, written)
        graph = written.read_bytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(path, graph)
    except OSError as error:
        warnings.warn(f"the graph could not be kept in {path.parent} ({error})", stacklevel=6)
    return graph


def open_session(graph: bytes) -> Any:
    """A session of ONNX Runtime, or None where the bytes are no graph."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # each thread of the extraction has a batch of its own
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception:  # ONNX Runtime raises kinds of its own for a torn file
        return None
