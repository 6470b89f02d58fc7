"""The model file: a Keras archive with the class names inside, which is recognised and checked when it is read.

``model.keras`` is an ordinary archive of standard Keras layers: ``keras.models.load_model`` reads it without this package and in
safe mode. What Keras has no place for (class names, backbone, temperature) stands in the archive's ``metadata.json``, with the
SHA-256 of the other members. That tells a damaged or altered file from a whole one; it is no signature, so it does not say who
wrote the file.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import os
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tlbook import features
from tlbook._checks import images_for
from tlbook._files import file_sha256, json_sha256, replacing
from tlbook._models import standard_settings
from tlbook.backbones import Backbone
from tlbook.classifier import graphs
from tlbook.classifier.errors import InputError, refusing, sentence
from tlbook.classifier.tasks import CLASSES, Task, task_of
from tlbook.classifier.unknown import Known
from tlbook.datasets import Split
from tlbook.features import engines
from tlbook.features.extraction import passed
from tlbook.progress import bar

if TYPE_CHECKING:
    import keras

__all__ = ["Classifier", "load", "needs_keras", "owns_graph", "save"]

FORMAT = 1  # of a model of classes, which every version reads
_TASKS = 2  # of one with another task, whose outputs earlier versions would take for logits of classes
_ENTRY = "tlbook"
_METADATA, _CONFIG, _WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
_MEMBERS = (_CONFIG, _WEIGHTS)
_LARGEST = 2**26  # bytes of what is said about the model; its weights are as large as the file
_WIDEST = 2**14  # units, channels, pixels: no layer of a backbone here comes near it, and no more is built for a file

SHORT = 12
"""Hexadecimal digits of a photo's SHA-256 that a model file keeps, enough to recognise it."""

CHUNK = 1024
_NUMBERS = 2**22  # in a block of features
_AT_ONCE = 4  # images: Keras, called, keeps what every layer gives until it is done, 30 MB an image in a small network
"""Images whose features are stored together: a run that is killed while it extracts loses no more than these."""

HEAD = "head"


class Classifier:
    """A model with the names of its classes.

    Parameters
    ----------
    model : keras.Model or None
        None has it read from the path when it is first asked for.
    class_names : tuple of str
    about : dict
    path : Path, optional
    graph : bytes, optional
        The ONNX graph of the same model.

    Attributes
    ----------
    model : keras.Model
        Flat; images (n, size, size, 3) uint8 or float with values 0 to 255 in,
        calibrated logits (n, N) out. The last layer, Dense, is called ``"head"``.
    class_names : tuple of str
        In the order of the logits.
    about : dict
        ``backbone``, ``strategy``, ``temperature`` (which the head already
        holds), ``versions``, and ``trained on``: the first 12 hexadecimal digits
        of the SHA-256 of each training and validation photo; where these are very many, of those up to ``trained on until``.
    path : Path or None
    graph : bytes or None
        What answers where it is there, until ``model`` is asked for, which may be
        changed; from then on, and without it, Keras does.
    """

    def __init__(
        self,
        model: keras.Model | None,
        class_names: Sequence[str],
        about: dict[str, Any],
        path: Path | None = None,
        graph: bytes | None = None,
    ):
        self.class_names, self.about, self.path, self.graph = tuple(class_names), about, path, graph
        if model is not None:
            self.model = model

    @functools.cached_property
    def model(self) -> keras.Model:
        if self.path is None:
            raise ValueError("a Classifier needs a model, or the path of one")
        return _read_by_keras(self.path)

    @property
    def by_graph(self) -> bool:
        """Whether the graph answers."""
        return self._session is not None and "model" not in vars(self)

    @functools.cached_property
    def _session(self) -> Any:
        return None if self.graph is None else engines.open_session(self.graph)

    @functools.cached_property
    def input_size(self) -> int:
        """Side of the images in pixels."""
        given = self._session.get_inputs()[0].shape if self.by_graph else self.model.input_shape
        return int(given[1])

    @functools.cached_property
    def task(self) -> Task:
        """What the outputs mean: logits of classes, or of labels, or numbers."""
        return task_of(self.about, self.class_names)

    @property
    def white(self) -> int | None:
        """The value of white in 16-bit photos, as in training; None where there were none."""
        return self.about.get("white")

    @functools.cached_property
    def trained_on(self) -> tuple[frozenset[str], str | None]:
        """First digits of the hashes of training and validation photos, and the last one held; None where all are."""
        return frozenset(self.about.get("trained on", ())), self.about.get("trained on until")

    def logits(
        self, images: Split | NDArray[Any], *, cache: bool = False, progress: bool = True
    ) -> NDArray[np.float32]:
        """Logits, float32 (n, N), by the fastest engine (see :func:`tlbook.features.extract`).

        With a graph nothing is cached: to decode the photos takes longer than the rest.
        """
        return self._passed(images, cache, progress)[0]

    @functools.cached_property
    def known(self) -> Known | None:
        """What the known classes look like; None of a model that was not trained to refuse others."""
        return Known.read(self.about["unknown"]) if "unknown" in self.about else None

    def answers(
        self, images: Split | NDArray[Any], *, cache: bool = False, progress: bool = True
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
        """Logits (n, N), and which images are unlike all that the model was trained on (n,); None where it cannot say."""
        logits, features = self._passed(images, cache, progress)
        return logits, None if self.known is None or features is None else self.known.unknown(features)

    def features(self, images: Split | NDArray[Any], *, progress: bool = True) -> NDArray[np.float32]:
        """What the head takes, float32 (n, d)."""
        return extracted(self._below, images, cache=True, progress=progress)

    def _passed(
        self, images: Split | NDArray[Any], cache: bool, progress: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Logits, and features where they are at hand."""
        if not self.by_graph or (len(images) >= engines.FEW and engines.has_gpu()):
            found = extracted(self._below, images, cache=cache, progress=progress)
            return self.head_logits(found), found
        size = self.input_size
        given = images if isinstance(images, Split) else images_for((size, size, 3), images)
        parts: list[NDArray[Any]] = []
        features: list[NDArray[Any]] = []
        with bar("answering", len(given), enabled=progress) as ticker:
            for one, *more in passed(engines.runner(self._session), given, size, 1, engines.threads()):
                parts.append(one)
                features += more
                ticker.advance()
        logits = np.concatenate(parts) if parts else np.empty((0, len(self.class_names)), np.float32)
        return logits, np.concatenate(features) if features else None

    @functools.cached_property
    def _below(self) -> Backbone:
        """The model without its head; one for all calls, since Keras compiles each model anew."""
        import keras

        model = keras.Model(self.model.inputs[0], self.model.get_layer(HEAD).input)
        return Backbone(self.about["backbone"], model, ())

    def head_logits(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Logits, float32 (n, N), from features (n, d) of the model without its head."""
        kernel, bias = (np.asarray(value, np.float64) for value in self.model.get_layer(HEAD).get_weights())
        if isinstance(features, np.ndarray):
            return (features @ kernel + bias).astype(np.float32)
        rows = max(1, _NUMBERS // len(kernel))  # of features that are read where they are sliced
        parts = [(features[k : k + rows] @ kernel + bias).astype(np.float32) for k in range(0, len(features), rows)]
        return np.concatenate([np.empty((0, len(bias)), np.float32), *parts])

    def as_graph(self, below: bytes | None = None) -> bytes:
        """The model as an ONNX graph, with the class names in it; that of the model without its head may be there already."""
        if self.graph is not None and self.by_graph:
            return self.graph
        kernel, bias = self.model.get_layer(HEAD).get_weights()
        below = below or graphs.of_features(self._below)
        said = {key: self.about[key] for key in (graphs.TASK, graphs.UNKNOWN) if key in self.about}
        return graphs.with_head(below, kernel, bias, self.class_names, said)


def by_keras(model: keras.Model, images: NDArray[Any]) -> NDArray[Any]:
    """Logits of a few images; Keras is called, not compiled, which would take longer than they do."""
    import keras

    parts = np.array_split(images.astype(np.float32), -(-len(images) // _AT_ONCE))
    return np.concatenate([keras.ops.convert_to_numpy(model(part, training=False)) for part in parts])


def extracted(
    backbone: Backbone, images: Split | NDArray[Any], *, cache: bool, progress: bool, engine: str = "auto"
) -> NDArray[np.float32]:
    """Features, float32 (n, d), chunk by chunk, so that a run that is killed has what it had."""
    n = len(images)
    options: dict[str, Any] = {"cache": cache, "engine": engine}
    parts = np.array_split(np.arange(n), max(1, -(-n // CHUNK)))
    if len(parts) == 1:
        return features.extract(backbone, images, progress=progress, **options)
    result = np.empty((n, backbone.feature_dim), np.float32)
    with bar(f"features of {backbone.name}", n, enabled=progress) as ticker:
        for part in parts:
            some = images.select(part) if isinstance(images, Split) else images[part]
            result[part] = features.extract(backbone, some, progress=False, **options)
            ticker.advance(len(part))
    return result


def save(classifier: Classifier, path: str | os.PathLike[str], graph: bytes | None = None) -> Path:
    """Write a classifier as a Keras archive, whole or not at all; the archive says which graph beside it is its own."""
    path = Path(path).expanduser()
    with replacing(path, ".keras") as temporary:
        classifier.model.save(temporary)
        with zipfile.ZipFile(temporary) as given:
            metadata = json.loads(given.read(_METADATA))
            members = {name: given.read(name) for name in _MEMBERS}
        entry = {
            "format": FORMAT if classifier.task.name == CLASSES.name else _TASKS,
            "class names": list(classifier.class_names),
            "about": classifier.about,
            "members": {name: hashlib.sha256(content).hexdigest() for name, content in members.items()},
            **({} if graph is None else {"graph": hashlib.sha256(graph).hexdigest()}),
        }
        metadata[_ENTRY] = {**entry, "sha256": json_sha256(entry)}
        with zipfile.ZipFile(temporary, "w") as archive:
            archive.writestr(_METADATA, json.dumps(metadata, ensure_ascii=False))
            for name, content in members.items():
                archive.writestr(name, content)
    return path


def _modules(value: Any) -> Iterator[str]:
    """Every module that a Keras configuration would import from."""
    if isinstance(value, dict):
        if isinstance(value.get("module"), str):
            yield value["module"]
        for one in value.values():
            yield from _modules(one)
    elif isinstance(value, list):
        for one in value:
            yield from _modules(one)


def _check_sizes(archive: zipfile.ZipFile, foreign: str) -> None:
    """Refuse an archive that would unpack to more than it is: ours are not packed, and little is said in them beside weights."""
    for one in archive.infolist():
        if one.compress_type != zipfile.ZIP_STORED or one.file_size != one.compress_size:
            raise InputError(f"{foreign} ({one.filename} in it is packed, and tlbook packs none)")
        if one.filename != _WEIGHTS and one.file_size > _LARGEST:
            raise InputError(f"{foreign} ({one.filename} in it is larger than that of any model here)")


def _check_arrays(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse weights that would unpack to more than their file: HDF5 can pack, and can claim sizes that are not there."""
    import h5py

    with archive.open(_WEIGHTS) as member, h5py.File(member) as weights:
        size, claimed = archive.getinfo(_WEIGHTS).file_size, 0

        def add(_: str, one: Any) -> None:
            nonlocal claimed
            if isinstance(one, h5py.Dataset):
                claimed += one.size * one.dtype.itemsize

        weights.visititems(add)
    if claimed > size:
        raise InputError(f"{path} would unpack to {claimed / 1e6:,.0f} MB of weights, more than it holds")


_NO_SIZES = ("seed", "shared_object_id")


def _widest(value: Any, name: str = "") -> int:
    """The largest whole number in a Keras configuration but for seeds and identities: no layer is larger along a side."""
    if isinstance(value, dict):
        return max((_widest(one, key) for key, one in value.items()), default=0)
    if isinstance(value, list):
        return max((_widest(one, name) for one in value), default=0)
    return value if isinstance(value, int) and name not in _NO_SIZES else 0


def _kernels(value: Any) -> int:
    """Bytes of the kernels that a Keras configuration asks for: Keras makes all of them before it reads any weights.

    Of a layer that is none of those in a backbone here, as if its weights were as many as its two largest numbers multiplied.
    """
    if isinstance(value, list):
        return sum(map(_kernels, value))
    if not isinstance(value, dict):
        return 0
    found = sum(map(_kernels, value.values()))
    if not isinstance(given := value.get("config"), dict):
        return found
    shape = (value.get("build_config") or {}).get("input_shape")
    channels = shape[-1] if isinstance(shape, list) and shape and isinstance(shape[-1], int) else None
    wide = given.get("units", given.get("filters"))
    if not isinstance(wide, int) and "kernel_size" not in given:
        large = sorted([*(size for name, one in given.items() for size in _sizes(one, name)), channels or 1, 1])[-2:]
        return found + 4 * math.prod(large)
    if channels is None:
        raise ValueError("a layer does not say what it takes")
    if not isinstance(wide, int):
        wide = given.get("depth_multiplier", 1)
    return found + 4 * wide * channels * math.prod(given.get("kernel_size", ())) // given.get("groups", 1)


def _sizes(value: Any, name: str) -> list[int]:
    """Whole numbers that a layer is given, not those of layers within it."""
    if isinstance(value, list):
        return [size for one in value for size in _sizes(one, name)]
    return [value] if isinstance(value, int) and name not in _NO_SIZES else []


def _checked(path: Path) -> dict[str, Any]:
    """The entry of a file that is ours and as it was written."""
    if not path.exists():
        raise InputError(f"there is no model file {path}")
    if path.is_dir():
        inside = path / "model.keras"
        hint = f"; did you mean {inside}?" if inside.is_file() else ""
        raise InputError(f"{path} is a folder, not a model file{hint}")
    foreign = f"{path} is not a model file that tlbook train wrote"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            _check_sizes(archive, foreign)
            if _METADATA not in names:
                raise InputError(f"{foreign} (no {_METADATA} in it)")
            metadata = json.loads(archive.read(_METADATA))
            entry = metadata.get(_ENTRY) if isinstance(metadata, dict) else None
            if not isinstance(entry, dict) or "sha256" not in entry:
                raise InputError(f"{foreign} (a Keras model without class names)")
            if entry.get("format") not in (FORMAT, _TASKS):
                raise InputError(
                    f"{path} has the format {entry.get('format')!r}; this version of tlbook reads {FORMAT} and {_TASKS}"
                )
            entry = dict(entry)
            right = entry.pop("sha256") == json_sha256(entry) and sorted(names) == sorted((_METADATA, *_MEMBERS))
            for name in _MEMBERS:
                right = right and hashlib.sha256(archive.read(name)).hexdigest() == entry["members"].get(name)
            if not right:
                raise InputError(f"{path} was changed after tlbook train wrote it; train again, or take the file anew")
            config = json.loads(archive.read(_CONFIG))
            if (widest := _widest(config)) > _WIDEST:
                raise InputError(f"{path} asks for a layer of {widest:,}, more than any model of tlbook has")
            if (claimed := _kernels(config)) > max(_LARGEST, archive.getinfo(_WEIGHTS).file_size):
                raise InputError(f"{path} asks for {claimed / 1e6:,.0f} MB of layers, more than it holds weights for")
    except InputError:
        raise
    except PermissionError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise InputError(f"{foreign}, or it is damaged ({sentence(error)})") from error
    if foreign_code := [one for one in _modules(config) if one.split(".")[0] not in ("keras", "builtins")]:
        raise InputError(f"{path} asks for code from {foreign_code[0]!r}; only layers of Keras itself are loaded")
    return entry


def _keras_version(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        return str(json.loads(archive.read(_METADATA)).get("keras_version", ""))


def _newer(one: str, other: str) -> bool:
    def parts(version: str) -> list[int]:
        return [int(part) for part in re.findall(r"\d+", version)[:3]]

    return parts(one) > parts(other)


@standard_settings()
def _read_by_keras(path: Path) -> keras.Model:
    """The Keras model in a file that was checked."""
    import keras

    try:
        with zipfile.ZipFile(path) as archive:
            _check_arrays(archive, path)
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except InputError:
        raise
    except Exception as error:  # Keras raises many kinds
        written = _keras_version(path)
        if _newer(written, keras.__version__):
            raise InputError(
                f"{path} was written by Keras {written}, and Keras {keras.__version__} here cannot read it: install that "
                f"version or a later one (pip install -U keras)"
            ) from error
        raise InputError(f"{path} cannot be loaded by Keras {keras.__version__} ({sentence(error)})") from error


def _graph(path: Path, entry: dict[str, Any]) -> bytes | None:
    """The graph that was written with a model file, where it is beside it; another one is not used, which is said."""
    place = graphs.beside(path)
    if "graph" not in entry or not graphs.can_run() or not place.is_file():
        return None
    try:
        graph = place.read_bytes() if place.stat().st_size <= path.stat().st_size + _LARGEST else b""
    except OSError:
        graph = b""
    if hashlib.sha256(graph).hexdigest() == entry["graph"]:
        return graph
    warnings.warn(
        f"{place} is not the graph that was written with {path.name}; Keras answers, more slowly", stacklevel=3
    )
    return None


def owns_graph(path: Path) -> bool:
    """Whether what is called as the graph of a model file was written with it."""
    try:
        return _checked(path).get("graph") == file_sha256(graphs.beside(path))
    except (InputError, OSError):
        return False


@refusing()
def needs_keras(path: str | os.PathLike[str]) -> bool:
    """Whether only Keras can answer for a model file: no graph is beside it, or ONNX Runtime is not installed.

    Raises
    ------
    InputError
        As :func:`load`.
    """
    path = Path(path).expanduser()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said by load
        return _graph(path, _checked(path)) is None


@refusing()
def load(path: str | os.PathLike[str]) -> Classifier:
    """Read a model file that ``tlbook train`` wrote.

    Where the graph that was written with it (``model.onnx``) lies beside it and ONNX Runtime is installed, that
    answers, and Keras is not imported.

    Parameters
    ----------
    path : path-like
        ``model.keras``.

    Returns
    -------
    Classifier

    Raises
    ------
    InputError
        The file is not there, was not written by ``tlbook train``, is damaged or was changed.
    """
    path = Path(path).expanduser()
    entry = _checked(path)
    graph = _graph(path, entry)
    model = _read_by_keras(path) if graph is None else None
    return Classifier(model, entry["class names"], entry["about"], path, graph)
