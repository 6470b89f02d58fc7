"""Features on disk: one file for each backbone, layer and set of images, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tlbook._files import read_sealed, write_sealed
from tlbook.backbones import Backbone
from tlbook.datasets import cache_folder

_FORMAT = "2"  # of the cache files; another number leaves old files unused
_POOLED = "features"  # in a cache key: the backbone's own output


def folder(given: str | os.PathLike[str] | None = None) -> Path:
    """Where features are kept: the folder that was given, or the usual one."""
    return Path(given).expanduser() if given is not None else cache_folder() / "features"


def graphs(folder: Path) -> Path:
    """Where the graphs of ONNX Runtime are kept."""
    return folder / "graphs"


def cache_path(folder: Path, fingerprint: str, backbone: Backbone, layer: str | None, contents: str) -> Path:
    key = "\n".join((_FORMAT, fingerprint, str(backbone.input_size), layer or _POOLED, contents))
    return folder / f"{backbone.name}-{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"


def read(path: Path, n: int) -> NDArray[np.float32] | None:
    """The features in a cache file; None where it is missing, or not as it was written, which is said."""
    content = read_sealed(path)
    if content is None:
        if path.is_file():
            warnings.warn(f"{path.name} in the cache is damaged; the features are computed anew", stacklevel=3)
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        features, key = stored["features"], str(stored["key"])
    if key != path.stem or features.dtype != np.float32 or features.ndim != 2 or len(features) != n:
        return None
    return features


def write(path: Path, features: NDArray[np.float32]) -> None:
    """Write a cache file whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, features=features, key=np.array(path.stem))
    write_sealed(path, buffer.getvalue())


def keep(path: Path, features: NDArray[np.float32]) -> None:
    try:
        write(path, features)
    except OSError as error:  # a full disk or a read-only folder is no reason to lose the result
        warnings.warn(
            f"the features could not be kept in {path.parent} ({error}); TLBOOK_CACHE can name another folder",
            stacklevel=3,
        )
