"""Fingerprints of backbones on disk, so that a backbone is known without its Keras model.

Importing Keras and TensorFlow takes 4 to 10 seconds, as long as the features of a few thousand photos. Where the graph that ONNX
Runtime runs is on disk, all that is needed of a backbone is its fingerprint and what its record says. The fingerprint is
noted when the model is first built, under a key of everything that decides it: the file of its weights, its input size, Keras's
version and settings, and the source of this package.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from tlbook._files import read_sealed, write_sealed
from tlbook.datasets import cache_folder

_FORMAT = "3"  # of the notes; another number leaves old ones unused


def note_path(name: str, weights_hash: str, input_size: int) -> Path:
    """Where the fingerprint of a backbone is noted."""
    key = [_FORMAT, name, str(input_size), weights_hash, metadata.version("keras"), *_keras_settings(), _source()]
    return cache_folder() / "backbones" / f"{name}-{hashlib.sha256(chr(10).join(key).encode()).hexdigest()[:32]}.json"


def _keras_settings() -> list[str]:
    """What changes the model that Keras builds: its settings file and its environment variables."""
    home = os.environ.get("KERAS_HOME")
    try:
        file = ((Path(home) if home else Path.home() / ".keras") / "keras.json").read_text("utf-8")
        found = json.dumps(json.loads(file), sort_keys=True)
    except (OSError, ValueError, RuntimeError):  # RuntimeError: there is no home
        found = ""
    named = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("KERAS_"))
    return [found, *(setting for setting in named if not setting.startswith("KERAS_HOME="))]


@functools.cache
def _source() -> str:
    """Hash of the modules that build the models."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def noted_fingerprint(path: Path) -> str | None:
    """The fingerprint in a note; None where there is no note, or a damaged one."""
    try:
        content = json.loads(read_sealed(path) or b"")
        return str(content["fingerprint"]) if content["key"] == path.stem else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note_fingerprint(path: Path, fingerprint: str) -> None:
    """Write a note; a folder that cannot be written costs the time of the next import."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(path, json.dumps({"key": path.stem, "fingerprint": fingerprint}).encode())
