"""One pass of images through a frozen backbone, kept on disk.

Feature extraction trains nothing in the backbone, so its output for an image
never changes: it is computed once and every head is trained on the result.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlbook._checks import images_for, whole
from tlbook.backbones import Backbone
from tlbook.datasets import Split
from tlbook.datasets.decoding import in_order
from tlbook.features import cache as store
from tlbook.features import engines
from tlbook.progress import bar


def _contents(images: NDArray[Any] | Split) -> str:
    if isinstance(images, Split):
        return f"split {images.fingerprint}"
    digest = hashlib.sha256(f"{images.dtype} {images.shape}".encode())
    digest.update(np.ascontiguousarray(images).data)
    return f"array {digest.hexdigest()}"


def _batches(images: NDArray[Any] | Split, size: int, batch_size: int) -> Iterator[NDArray[Any]]:
    if isinstance(images, Split):
        for batch, _ in images.batches(size, batch_size):
            yield batch
    else:
        for start in range(0, len(images), batch_size):
            yield images[start : start + batch_size]


def passed(
    forward: engines.Engine, images: NDArray[Any] | Split, size: int, batch_size: int, threads: int
) -> Iterator[list[NDArray[Any]]]:
    """Outputs batch by batch, in order; with several threads each of them decodes a batch and passes it on by itself.

    Four threads that share one batch wait for each other at every layer: a MobileNetV2 0.35 took 2.3 times the processor's time.
    """
    if threads == 1:
        yield from map(forward, _batches(images, size, batch_size))
        return

    def work(start: int) -> list[NDArray[Any]]:
        part = slice(start, start + batch_size)
        if isinstance(images, Split):
            return forward(np.stack([images.image(index, size) for index in range(len(images))[part]]))
        return forward(images[part])

    yield from in_order(work, range(0, len(images), batch_size), ahead=2 * threads, threads=threads)


def _run(
    backbone: Backbone,
    images: NDArray[Any] | Split,
    layers: Sequence[str | None],
    batch_size: int | None,
    progress: bool,
    engine: str,
    graphs: Path | None,
) -> list[NDArray[Any]]:
    """One pass: float32 (n, d) for each layer."""
    ready = (
        graphs is not None and "keras" not in sys.modules and (graphs / engines.graph_name(backbone, layers)).is_file()
    )
    name = engines.choose(engine, len(images), ready=ready)
    if name == "onnxruntime":
        try:
            forward = engines.onnx_engine(backbone, layers, graphs)
        except Exception as error:
            if engine != "auto":
                raise
            warnings.warn(f"Keras in place of ONNX Runtime, which failed ({error})", stacklevel=3)
            name = "keras"
    if name == "keras":
        forward = engines.keras_engine(backbone, layers, batch_size or engines.BATCHES[name])
    batch_size = batch_size or engines.BATCHES[name]
    threads = engines.threads() if name == "onnxruntime" else 1  # Keras divides a batch among its own
    results: list[NDArray[Any]] = []
    done = 0
    with bar(f"features of {backbone.name}", len(images), enabled=progress) as ticker:
        for outputs in passed(forward, images, backbone.input_size, batch_size, threads):
            results = results or [np.empty((len(images), output.shape[-1]), np.float32) for output in outputs]
            for result, output in zip(results, outputs, strict=True):
                result[done : done + len(output)] = output
            done += len(output)
            ticker.advance(len(output))
    return results or [np.empty((0, _width(backbone, layer)), np.float32) for layer in layers]


def _width(backbone: Backbone, layer: str | None) -> int:
    return backbone.feature_dim if layer is None else int(backbone.model.get_layer(layer).output.shape[-1])


@overload
def extract(
    backbone: Backbone,
    images: Split | ArrayLike,
    *,
    layer: str | None = None,
    batch_size: int | None = None,
    cache: bool = True,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: bool = True,
    engine: str = "auto",
) -> NDArray[np.float32]: ...


@overload
def extract(
    backbone: Backbone,
    images: Split | ArrayLike,
    *,
    layer: list[str] | tuple[str, ...],
    batch_size: int | None = None,
    cache: bool = True,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: bool = True,
    engine: str = "auto",
) -> dict[str, NDArray[np.float32]]: ...


def extract(
    backbone: Backbone,
    images: Split | ArrayLike,
    *,
    layer: str | Sequence[str] | None = None,
    batch_size: int | None = None,
    cache: bool = True,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: bool = True,
    engine: str = "auto",
) -> NDArray[np.float32] | dict[str, NDArray[np.float32]]:
    """Features of images: one pass through the backbone in inference mode.

    Parameters
    ----------
    backbone : Backbone
        From :func:`tlbook.backbones.load` or :func:`~tlbook.backbones.wrap`. Moving statistics and weights do not
        change.
    images : Split, or ndarray of shape (n, size, size, 3)
        A Split is decoded batch by batch at the backbone's size. Arrays are
        uint8, or float with values from 0 to 255.
    layer : str or sequence of str, optional
        Stages of ``backbone.stages`` whose activations, averaged over the
        image, are wanted in place of the backbone's own output.
    batch_size : int, optional
        Images in a batch; by default 1 for ONNX Runtime, which has one batch in
        each thread, and 64 for Keras.
    cache : bool, default True
        Look on disk first, and keep the result there. The key is made of the
        backbone's architecture and present weights, its input size, the layer
        and the contents of the images in their order; a damaged file is
        computed anew.
    cache_dir : path-like, optional
        By default ``features`` in :func:`tlbook.datasets.cache_folder`.
    progress : bool, default True
        Show a bar on a terminal.
    engine : {"auto", "keras", "onnxruntime"}, default "auto"
        What computes. "auto" takes ONNX Runtime where no GPU is, the packages of
        ``tlbook[fast]`` are installed and there are 256 images or more (any number
        where its graph is on disk and Keras not yet imported), else Keras. The
        features are the same but for rounding, a few millionths of the largest,
        so the cache does not tell them apart.

    Returns
    -------
    ndarray of float32, shape (n, d)
        Or ``{layer: ndarray}`` where ``layer`` is a sequence: all in one pass.

    Raises
    ------
    ValueError
        Images of another shape, type or range; an unknown layer or engine; an
        engine that is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from tlbook import backbones
    >>> backbone = backbones.load("sketchnet")
    >>> images = np.zeros((4, backbone.input_size, backbone.input_size, 3), "uint8")
    >>> features = extract(backbone, images, cache=False, progress=False)
    >>> features.shape == (4, backbone.feature_dim)
    True
    """
    if not isinstance(backbone, Backbone):
        raise ValueError(f"backbone comes from tlbook.backbones.load or wrap; got {type(backbone).__name__}")
    if batch_size is not None:
        batch_size = whole(batch_size, "batch_size")
    wanted = [layer] if layer is None or isinstance(layer, str) else layer
    layers = list(dict.fromkeys(wanted))
    if unknown := [name for name in layers if name is not None and name not in backbone.stages]:
        raise ValueError(
            f"{backbone.name} has no stage {', '.join(map(repr, unknown))}; it has {', '.join(backbone.stages)}"
        )
    size = backbone.input_size
    given = images if isinstance(images, Split) else images_for((size, size, 3), images, "this backbone")

    found: dict[str | None, NDArray[Any]] = {}
    paths: dict[str | None, Path] = {}
    graphs = None
    if cache and layers:
        folder = store.folder(cache_dir)
        graphs = store.graphs(folder)
        fingerprint, contents = backbone.fingerprint, _contents(given)
        for name in layers:
            paths[name] = store.cache_path(folder, fingerprint, backbone, name, contents)
            stored = store.read(paths[name], len(given))
            if stored is not None:
                found[name] = stored
    missing = [name for name in layers if name not in found]
    engines.choose(engine, len(given))  # refuses a wrong name before the cache could hide it
    if missing:
        computed = _run(
            backbone, given, missing, None if batch_size is None else int(batch_size), progress, engine, graphs
        )
        for name, features in zip(missing, computed, strict=True):
            found[name] = features
            if cache:
                store.keep(paths[name], features)
    if layer is None or isinstance(layer, str):
        return found[layer]
    return {name: found[name] for name in layers if name is not None}
