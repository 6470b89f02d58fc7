"""State of a training run on disk: written whole or not at all, and recognised."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tlbook._files import json_sha256, read_sealed, sealed, write_sealed
from tlbook.transfer.freezing import trainable_state
from tlbook.transfer.recipe import layer_config
from tlbook.transfer.structure import named_layers

FORMAT = 2


class CheckpointMismatch(ValueError):
    """A checkpoint belongs to another model, other data or other settings."""


@dataclass
class State:
    """Everything that continuing a run after an epoch needs.

    Attributes
    ----------
    settings : dict
        What the run was asked to do; compared when it is continued.
    start, end : str
        Hash of weights and ``trainable`` flags before the first epoch; after
        the last (empty while the run is not finished).
    history : dict
    weights, optimizer, best : list of arrays
        Model weights; optimiser variables (empty where an optimiser begins afresh
        in the next epoch); the weights of the best epoch (empty where they are
        those of the last one).
    """

    settings: dict[str, Any]
    start: str
    end: str
    history: dict[str, Any]
    weights: list[NDArray[Any]] = field(repr=False)
    optimizer: list[NDArray[Any]] = field(repr=False)
    best: list[NDArray[Any]] = field(repr=False)


_LISTS = ("weights", "optimizer", "best")


def write(path: Path, state: State) -> None:
    """Write a checkpoint; a reader sees the old one or the new one, never a part."""
    meta = {key: getattr(state, key) for key in ("settings", "start", "end", "history")}
    meta["format"] = FORMAT
    arrays = {f"{name}_{i:05d}": value for name in _LISTS for i, value in enumerate(getattr(state, name))}
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_sealed(path, buffer.getvalue())


def read(path: Path) -> State:
    """Read a checkpoint.

    Raises
    ------
    CheckpointMismatch
        The file is not a checkpoint of this version.
    """
    try:
        content = read_sealed(path) if sealed(path) else path.read_bytes()  # those of earlier versions have no seal
        if content is None:
            raise ValueError("it is not as it was written")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            meta = json.loads(bytes(file["meta"]))
            if (form := meta.pop("format")) != FORMAT:
                raise ValueError(f"it has format {form}, this version of tlbook writes {FORMAT}")
            lists: dict[str, Any] = {
                name: [file[key] for key in sorted(file.files) if key.startswith(f"{name}_")] for name in _LISTS
            }
    except Exception as error:  # NumPy's readers raise many kinds on damaged headers
        raise CheckpointMismatch(
            f"{path} is not a checkpoint that training can read ({error}). Delete it to start "
            "over, or give another path."
        ) from error
    return State(**meta, **lists)


def check(path: Path, state: State, settings: Mapping[str, Any], now: str) -> None:
    """Refuse a checkpoint of another run.

    Parameters
    ----------
    settings : mapping
        What this call asks for.
    now : str
        :func:`weights_hash` of the model as it was passed.
    """
    asked = json.loads(json.dumps(settings))
    keys = [*asked, *(k for k in state.settings if k not in asked)]
    differing = [k for k in keys if state.settings.get(k) != asked.get(k)]
    if differing:
        shown = "; ".join(
            f"{key} is {_short(asked.get(key))} here, {_short(state.settings.get(key))} there" for key in differing
        )
        raise CheckpointMismatch(
            f"{path} belongs to another run: {shown}. Give another path, or delete it to start over."
        )
    if now not in (state.start, state.end):
        raise CheckpointMismatch(
            f"{path} belongs to a run that began from other weights, or with other layers frozen. "
            "Pass the model as it was before that run (same backbone, head and seed), give "
            "another path, or delete it to start over."
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def weights_hash(model: keras.Model) -> str:
    """Hash of a model's weights and of which layers are trainable."""
    digest = hashlib.sha256(bytes(trainable_state(model)))
    for value in model.get_weights():
        digest.update(f"{value.shape}{value.dtype}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def architecture_hash(layers: keras.Model | keras.layers.Layer | None) -> str:
    """Hash of what a model computes, apart from its weights.

    Names and seeds are left out: Keras counts names up within a process, and
    training sets every seed itself.
    """
    if layers is None:
        return ""
    leaves = named_layers(layers).values() if isinstance(layers, keras.Model) else [layers]
    described = [layer_config(leaf) for leaf in leaves]
    return json_sha256(described)
