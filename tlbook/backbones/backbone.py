"""A pretrained network without its classifier, uint8 images in, features out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import tlbook._quiet  # noqa: F401
from tlbook.datasets import cache_folder

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


class Known(NamedTuple):
    """What is known of a backbone whose model is not built yet: see :class:`Backbone`."""

    input_size: int
    feature_dim: int
    fingerprint: str


class Backbone:
    """A flat Keras model from images to pooled features.

    Parameters
    ----------
    name : str
    model : keras.Model, or callable that builds one
        Functional; input float32 (size, size, 3) with values from 0 to 255
        (uint8 arrays are accepted), preprocessing inside; output (n, d).
    stages : sequence of str
        Names of layers with spatial output, shallow to deep, the last just
        before the global pooling.
    known : Known, optional
        Of a callable's model, which is then built when it is first asked for.

    Attributes
    ----------
    input_size : int
        Side of the images in pixels.
    feature_dim : int
        d.
    fingerprint : str
        SHA-256 of architecture and weights as they are now: training the model
        changes it.

    Raises
    ------
    ValueError
        A model that is none such, or has no layer of a stage's name.
    """

    def __init__(
        self,
        name: str,
        model: keras.Model | Callable[[], keras.Model],
        stages: Sequence[str] = (),
        *,
        known: Known | None = None,
    ) -> None:
        self.name = name
        self.stages = tuple(stages)
        self._known = known
        self._model: Any = model if known is not None else _checked(model, self.stages)

    @property
    def model(self) -> keras.Model:
        if self._known is not None:
            model = _checked(self._model(), self.stages)
            if model_fingerprint(model) != self._known.fingerprint:
                raise RuntimeError(
                    f"{self.name} is not what was noted of it; empty the folder {cache_folder() / 'backbones'} "
                    "and start again"
                )
            self._model, self._known = model, None
        return self._model

    @property
    def input_size(self) -> int:
        return int(self.model.inputs[0].shape[1]) if self._known is None else self._known.input_size

    @property
    def feature_dim(self) -> int:
        return int(self.model.outputs[0].shape[1]) if self._known is None else self._known.feature_dim

    @property
    def fingerprint(self) -> str:
        # Once there is a model, it may have been trained.
        return model_fingerprint(self.model) if self._known is None else self._known.fingerprint

    def __repr__(self) -> str:
        return (
            f"Backbone({self.name!r}, {self.input_size} px, {self.model.count_params():,} parameters, "
            f"{self.feature_dim} features)"
        )


def _checked(model: Any, stages: Sequence[str]) -> keras.Model:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(f"a backbone has one input and one output; {model.name} has not")
    given, result = model.inputs[0].shape, model.outputs[0].shape
    if len(given) != 4 or given[1] is None or given[1] != given[2] or given[3] != 3:
        raise ValueError(f"a backbone takes (n, size, size, 3) with a fixed size; got {given}")
    if len(result) != 2 or result[1] is None:
        raise ValueError(f"a backbone gives pooled features (n, d); got {result}")
    known = {layer.name for layer in model.layers}
    if missing := [name for name in stages if name not in known]:
        raise ValueError(f"{model.name} has no layers called {', '.join(missing)}")
    return model


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


def _initialiser(layer: keras.layers.Layer, kind: str) -> keras.initializers.Initializer | None:
    names: Sequence[str] = (f"{kind}_initializer",)
    if kind == "kernel":
        names = ("depthwise_initializer", "kernel_initializer")
    for name in names:
        found = getattr(layer, name, None)
        if found is not None:
            return found
    return None
