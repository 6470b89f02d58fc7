"""Loading a backbone by name."""

from __future__ import annotations

import functools
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tlbook._checks import one_of, whole
from tlbook._models import standard_settings
from tlbook.backbones import notes
from tlbook.backbones import weights as files
from tlbook.backbones.backbone import Backbone, Known, reinitialise
from tlbook.backbones.networks import MIN_INPUT_SIZE, Info, info

if TYPE_CHECKING:
    import keras


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
    network = info(name)
    one_of(weights, "weights", ("pretrained", None))
    size = network.input_size if input_size is None else input_size
    size = whole(size, "input_size", MIN_INPUT_SIZE, of="pixels")
    if weights is None:
        return Backbone(name, _built(network, size, functools.partial(reinitialise, seed=seed)), network.stages)
    path, weights_hash = files.present(network)
    build = functools.partial(_built, network, size, functools.partial(_filled, path=path))
    note = notes.note_path(name, weights_hash, size)
    known = notes.noted_fingerprint(note)
    # In a process that has imported Keras there is nothing to save by waiting.
    if known is not None and "keras" not in sys.modules:
        return Backbone(name, build, network.stages, known=Known(size, network.feature_dim, known))
    backbone = Backbone(name, build(), network.stages)
    if known is None:
        notes.note_fingerprint(note, backbone.fingerprint)
    return backbone


@standard_settings()
def _built(network: Info, input_size: int, fill: Callable[[keras.Model], None]) -> keras.Model:
    # Keras draws a seed from Python's generator for each initialiser it builds;
    # loading a backbone must not change what a reader's seed gives afterwards.
    state = random.getstate()
    try:
        model = network.graph(input_size)
        fill(model)
    finally:
        random.setstate(state)
    return model


def _filled(model: keras.Model, path: Path) -> None:
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise files.WeightsUnavailable(
            f"the weights of {model.name} in {path} are whole, but this version of Keras cannot put them into the network "
            f"that it builds ({error})"
        ) from error
