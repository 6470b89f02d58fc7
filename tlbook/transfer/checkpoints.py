"""State of a training run on disk: written whole or not at all, and recognised."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from tlbook._files import replacing

from .freezing import trainable_state
from .structure import named_layers

FORMAT = 1


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
    weights, optimizer, seeds, best : list of arrays
        Model weights, optimiser variables, states of the random generators in
        dropout and augmentation layers, and the weights of the best epoch
        (empty where they are those of the last one).
    """

    settings: dict
    start: str
    end: str
    history: dict
    weights: list[np.ndarray] = field(repr=False)
    optimizer: list[np.ndarray] = field(repr=False)
    seeds: list[np.ndarray] = field(repr=False)
    best: list[np.ndarray] = field(repr=False)


_LISTS = ("weights", "optimizer", "seeds", "best")


def write(path: Path, state: State) -> None:
    """Write a checkpoint; a reader sees the old one or the new one, never a part."""
    meta = {key: getattr(state, key) for key in ("settings", "start", "end", "history")}
    meta["format"] = FORMAT
    arrays = {f"{name}_{i:05d}": value for name in _LISTS for i, value in enumerate(getattr(state, name))}
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part, open(part, "wb") as file:
        np.savez(file, **arrays)


def read(path: Path) -> State:
    """Read a checkpoint.

    Raises
    ------
    CheckpointMismatch
        The file is not a checkpoint of this version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            meta = json.loads(bytes(file["meta"]))
            if meta.pop("format") != FORMAT:
                raise KeyError("format")
            lists = {name: [file[key] for key in sorted(file.files) if key.startswith(f"{name}_")] for name in _LISTS}
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointMismatch(
            f"{path} is not a checkpoint that fine_tune can read ({error}). Delete it to start "
            "over, or give another path."
        ) from error
    return State(**meta, **lists)


def check(path: Path, state: State, settings: Mapping[str, object], now: str) -> None:
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


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def weights_hash(model: keras.Model) -> str:
    """Hash of a model's weights and of which layers are trainable."""
    digest = hashlib.sha256(bytes(trainable_state(model)))
    for value in model.get_weights():
        digest.update(f"{value.shape}{value.dtype}".encode())
        digest.update(np.ascontiguousarray(value))
    return digest.hexdigest()


def architecture_hash(layers: keras.Model | keras.layers.Layer | None) -> str:
    """Hash of what a model computes, apart from its weights.

    Names and seeds are left out: Keras counts names up within a process, and
    ``fine_tune`` sets every seed itself.
    """
    if layers is None:
        return ""
    leaves = named_layers(layers).values() if isinstance(layers, keras.Model) else [layers]
    described = [[type(leaf).__name__, _anonymous(leaf.get_config())] for leaf in leaves]
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


_PRIVATE = {"name", "seed", "trainable", "build_config", "registered_name"}


def _anonymous(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(k): _anonymous(v) for k, v in value.items() if k not in _PRIVATE}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_anonymous(v) for v in value]
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, (np.integer, np.floating)):
        return value.item()
    return type(value).__name__


def seed_states(layer: keras.layers.Layer) -> list[keras.Variable]:
    """The states of all random generators in a model, each once, in order."""
    states: dict[int, keras.Variable] = {}
    for variable in layer.variables:
        if variable.name == "seed_generator_state":
            states.setdefault(id(variable), variable)
    return list(states.values())
