"""A backbone whose Keras model is built only when something asks for it.

Importing Keras and TensorFlow takes 4 to 10 seconds, as long as the features of a few thousand photos. Where the graph that ONNX
Runtime runs is on disk, all that is needed of a backbone is its fingerprint and the sizes of its input and output. They are
noted when it is first built, under a key of everything that decides them: the file of its weights, its input size, Keras's
version and settings, and the source of this package. In a process that has imported Keras there is nothing to save, and
no backbone is deferred.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from tlbook._files import write_json
from tlbook.backbones.backbone import Backbone, model_fingerprint
from tlbook.datasets import cache_folder

if TYPE_CHECKING:
    import keras

_FORMAT = "1"  # of the notes; another number leaves old ones unused


@dataclass(frozen=True)
class Note:
    """What is remembered of a backbone: see :class:`~tlbook.backbones.Backbone`."""

    input_size: int
    feature_dim: int
    fingerprint: str


class Deferred(Backbone):
    """A backbone of which a note is known; ``model`` builds it."""

    def __init__(self, name: str, stages: Sequence[str], note: Note, build: Callable[[], keras.Model]) -> None:
        for attribute, value in (("name", name), ("stages", tuple(stages)), ("_note", note), ("_build", build)):
            object.__setattr__(self, attribute, value)  # the base class is frozen

    @functools.cached_property
    def model(self) -> keras.Model:
        model = self._build()
        if model_fingerprint(model) != self._note.fingerprint:
            raise RuntimeError(
                f"{self.name} is not what was noted of it; empty the folder {cache_folder() / 'backbones'} and start again"
            )
        return model

    @property
    def built(self) -> bool:
        """Whether the model has been asked for."""
        return "model" in self.__dict__

    @property
    def input_size(self) -> int:
        return self._note.input_size

    @property
    def feature_dim(self) -> int:
        return self._note.feature_dim

    @property
    def fingerprint(self) -> str:
        # Once there is a model, it may have been trained.
        return model_fingerprint(self.model) if self.built else self._note.fingerprint


def keras_imported() -> bool:
    return "keras" in sys.modules


def note_path(name: str, weights: Path, input_size: int | None) -> Path | None:
    """Where the note of a backbone lies, or None without its weights."""
    try:
        content = hashlib.sha256(weights.read_bytes()).hexdigest()
    except OSError:
        return None
    key = [_FORMAT, name, str(input_size), content, metadata.version("keras"), *_keras_settings(), _source()]
    return cache_folder() / "backbones" / f"{name}-{hashlib.sha256(chr(10).join(key).encode()).hexdigest()[:32]}.json"


def _keras_settings() -> list[str]:
    """What changes the model that Keras builds: its settings file and its environment variables."""
    home = os.environ.get("KERAS_HOME")
    try:
        file = ((Path(home) if home else Path.home() / ".keras") / "keras.json").read_text("utf-8")
        found = json.dumps(json.loads(file), sort_keys=True)
    except (OSError, ValueError):
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


def read_note(path: Path | None) -> Note | None:
    """The note in a file; None where there is none, or a damaged one."""
    if path is None:
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        note = Note(int(content["input_size"]), int(content["feature_dim"]), str(content["fingerprint"]))
        return note if content["key"] == path.stem else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_note(path: Path | None, backbone: Backbone) -> None:
    """Remember a backbone that has just been built; a folder that cannot be written costs the time of the next import."""
    if path is None or path.is_file():
        return
    note = Note(backbone.input_size, backbone.feature_dim, backbone.fingerprint)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"key": path.stem, **asdict(note)})
