"""A pretrained network without its classifier, uint8 images in, features out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import tlbook._quiet  # noqa: F401

if TYPE_CHECKING:
    import keras


def _canonical(value: Any, places: dict[str, int]) -> Any:
    """A layer's configuration without names given at random or by the session."""
    if isinstance(value, dict):
        skipped = {"name", "trainable", "registered_name", "module", "build_config", "shared_object_id"}
        return {key: _canonical(item, places) for key, item in value.items() if key not in skipped}
    if isinstance(value, list | tuple):
        return [_canonical(item, places) for item in value]
    if isinstance(value, str) and value in places:
        return places[value]
    return value


def model_fingerprint(model: keras.Model) -> str:
    """SHA-256 of a model's architecture and the present values of its weights.

    The names of layers and whether they are trainable do not count: neither
    changes what comes out.
    """
    config = model.get_config()
    places = {layer["name"]: index for index, layer in enumerate(config["layers"])}
    architecture = json.dumps(_canonical(config, places), sort_keys=True, default=str)
    digest = hashlib.sha256(architecture.encode())
    for weight in model.weights:
        value = np.ascontiguousarray(weight.numpy())
        digest.update(f"{value.dtype} {value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Backbone:
    """A flat Keras model from images to pooled features.

    Parameters
    ----------
    name : str
    model : keras.Model
        Functional; input float32 (size, size, 3) with values from 0 to 255
        (uint8 arrays are accepted), preprocessing inside; output (n, d).
    stages : sequence of str
        Names of layers with spatial output, shallow to deep, the last just
        before the global pooling.

    Attributes
    ----------
    input_size : int
        Side of the images in pixels.
    feature_dim : int
        d.
    fingerprint : str
        SHA-256 of architecture and weights as they are now: training the model
        changes it.
    """

    name: str
    model: keras.Model
    stages: tuple[str, ...]

    def __post_init__(self):
        object.__setattr__(self, "stages", tuple(self.stages))
        if len(self.model.inputs) != 1 or len(self.model.outputs) != 1:
            raise ValueError(f"a backbone has one input and one output; {self.model.name} has not")
        given, result = self.model.inputs[0].shape, self.model.outputs[0].shape
        if len(given) != 4 or given[1] is None or given[1] != given[2] or given[3] != 3:
            raise ValueError(f"a backbone takes (n, size, size, 3) with a fixed size; got {given}")
        if len(result) != 2 or result[1] is None:
            raise ValueError(f"a backbone gives pooled features (n, d); got {result}")
        known = {layer.name for layer in self.model.layers}
        if missing := [name for name in self.stages if name not in known]:
            raise ValueError(f"{self.model.name} has no layers called {', '.join(missing)}")

    @property
    def input_size(self) -> int:
        return int(self.model.inputs[0].shape[1])

    @property
    def feature_dim(self) -> int:
        return int(self.model.outputs[0].shape[1])

    @property
    def fingerprint(self) -> str:
        return model_fingerprint(self.model)

    def __repr__(self) -> str:
        return (
            f"Backbone({self.name!r}, {self.input_size} px, {self.model.count_params():,} parameters, "
            f"{self.feature_dim} features)"
        )


def reinitialise(model: keras.Model, seed: int) -> None:
    """Draw every kernel anew by its layer's own initialiser, from a seed.

    The result depends on the seed and the architecture alone, and the global
    random state is left as it is (``keras.utils.set_random_seed`` would not).
    """
    sequence = np.random.SeedSequence(seed)
    for layer in model.layers:
        for weight in layer.weights:
            kind = weight.path.rsplit("/", 1)[-1]
            initialiser = _initialiser(layer, kind)
            if initialiser is None:
                continue
            config = initialiser.get_config()
            draw = int(sequence.spawn(1)[0].generate_state(1)[0] >> 1)
            if "seed" in config:
                config["seed"] = draw
            weight.assign(type(initialiser).from_config(config)(weight.shape, dtype=weight.dtype))


def _initialiser(layer: keras.layers.Layer, kind: str):
    names: Sequence[str] = (f"{kind}_initializer",)
    if kind == "kernel":
        names = ("depthwise_initializer", "kernel_initializer")
    for name in names:
        found = getattr(layer, name, None)
        if found is not None:
            return found
    return None
