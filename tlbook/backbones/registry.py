"""The backbones by name: what each is, and loading it."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from tlbook._checks import one_of, whole
from tlbook.backbones import deferred
from tlbook.backbones.applications import APPLICATIONS, WeightsUnavailable, weights_folder
from tlbook.backbones.backbone import Backbone, reinitialise

if TYPE_CHECKING:
    import keras

OWN = "sketchnet"
OWN_STAGES = ("stage1", "stage2", "stage3", "stage4")  # SKETCHNET_STAGES of a module that imports Keras
DATA = Path(str(resources.files("tlbook"))) / "data"
MIN_INPUT_SIZE = 32

_DEFAULTS = {"sketches": OWN, "photos": "mobilenet_v2_035", "oxford": "mobilenet_v2_035"}


@dataclass(frozen=True)
class Info:
    """What is known of a backbone before it is loaded.

    Attributes
    ----------
    name : str
    input_size : int
        Side in pixels that it was pretrained at, and the default.
    parameters : int
        Without a classifier, moving statistics included.
    feature_dim : int
        Length of its pooled features.
    stages : tuple of str
        Layers with spatial output, shallow to deep.
    source : str
        What it was pretrained on and by whom.
    available : bool
        Whether the weights are on this machine.
    """

    name: str
    input_size: int
    parameters: int
    feature_dim: int
    stages: tuple[str, ...]
    source: str
    available: bool


def names() -> tuple[str, ...]:
    """All backbones, ours first."""
    return (OWN, *APPLICATIONS)


def default(dataset_name: str) -> str:
    """The backbone that the book uses for a data set.

    Ours for the sketches (it was pretrained on drawings of other species),
    MobileNetV2 of width 0.35 for photos, which is the quickest there.
    """
    return _DEFAULTS.get(dataset_name, _DEFAULTS["photos"])


def card() -> dict:
    """The model card of our own backbone: data, recipe, accuracy, date, versions, hash."""
    path = DATA / "sketchnet-1.json"
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise WeightsUnavailable(f"{path} is missing from this installation of tlbook; install it again") from None


def _check_name(name: str) -> str:
    if name not in names():
        raise ValueError(f"there is no backbone {name!r}; choose one of {', '.join(names())}")
    return name


def _own_model(input_size: int | None) -> keras.Model:
    from tlbook.backbones.architectures import sketchnet

    return sketchnet() if input_size is None else sketchnet(input_size=int(input_size))


def _own_weights() -> Path:
    return DATA / "sketchnet-1.weights.h5"


def info(name: str) -> Info:
    """What a backbone is, without loading its weights.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Returns
    -------
    Info
    """
    if _check_name(name) == OWN:
        built = Backbone(OWN, model := _own_model(None), OWN_STAGES)
        return Info(
            name=OWN,
            input_size=built.input_size,
            parameters=model.count_params(),
            feature_dim=built.feature_dim,
            stages=built.stages,
            source="tlbook.sketches, drawings of species other than cat and dog",
            available=_own_weights().is_file(),
        )
    application = APPLICATIONS[name]
    return Info(
        name=name,
        input_size=application.input_size,
        parameters=application.parameters,
        feature_dim=application.feature_dim,
        stages=application.stages,
        source=f"Keras Applications {application.function}, ImageNet",
        available=(weights_folder() / application.weights_file).is_file(),
    )


def _checked_own_weights() -> Path:
    path = _own_weights()
    expected = card()["sha256"]
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise WeightsUnavailable(f"{path} is missing from this installation of tlbook; install it again") from None
    if found != expected:
        raise WeightsUnavailable(
            f"{path} is not the file of its model card (SHA-256 {found[:12]}…, card {expected[:12]}…); "
            "install tlbook again, or run the pretraining script, which writes both"
        )
    return path


def _load_own(input_size: int | None) -> keras.Model:
    model = _own_model(input_size)
    model.load_weights(_checked_own_weights())
    return model


def load(name: str, *, weights: str | None = "pretrained", input_size: int | None = None, seed: int = 0) -> Backbone:
    """Load a backbone: a flat model, images in, pooled features out.

    Parameters
    ----------
    name : str
        One of :func:`names`.
    weights : {"pretrained", None}, default "pretrained"
        None gives random weights, drawn as before a training from scratch: a
        control that shows what pretraining is worth.
    input_size : int, optional
        Side of the images in pixels, at least 32; by default the size of the
        pretraining. Other sizes use the same weights.
    seed : int, default 0
        Of the random weights.

    Returns
    -------
    Backbone
        In a process that has not imported Keras yet, of a backbone that was
        loaded before, ``model`` is built when it is first asked for: where
        features or the graph that computes them are on disk, nothing needs it.

    Raises
    ------
    ValueError
        No such backbone, size or kind of weights.
    WeightsUnavailable
        The weights are not on this machine and cannot be downloaded, or are
        damaged.
    """
    _check_name(name)
    one_of(weights, "weights", ("pretrained", None))
    if input_size is not None:
        input_size = whole(input_size, "input_size", MIN_INPUT_SIZE, of="pixels")
    if weights is None:
        return _built(name, input_size, seed)
    file = _checked_own_weights() if name == OWN else weights_folder() / APPLICATIONS[name].weights_file
    path = deferred.note_path(name, file, input_size)
    if not deferred.keras_imported() and (note := deferred.read_note(path)) is not None:
        return deferred.Deferred(name, _stages(name), note, lambda: _built(name, input_size).model)
    backbone = _built(name, input_size)
    # Weights that were downloaded only now have no key yet; the next process finds their file and writes the note.
    deferred.write_note(path, backbone)
    return backbone


def _stages(name: str) -> tuple[str, ...]:
    return OWN_STAGES if name == OWN else APPLICATIONS[name].stages


def _built(name: str, input_size: int | None, random_seed: int | None = None) -> Backbone:
    """The backbone with its model; pretrained, or with random weights where a seed is given."""
    # Keras draws a seed from Python's generator for each initialiser it builds;
    # loading a backbone must not change what a reader's seed gives afterwards.
    state = random.getstate()
    pretrained = random_seed is None
    try:
        if name == OWN:
            model = _load_own(input_size) if pretrained else _own_model(input_size)
        else:
            application = APPLICATIONS[name]
            size = int(input_size or application.input_size)
            model = application.pretrained(name, size) if pretrained else application.graph(name, size, None)
        if not pretrained:
            reinitialise(model, random_seed)
    finally:
        random.setstate(state)
    return Backbone(name, model, _stages(name))
