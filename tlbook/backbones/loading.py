"""Loading a backbone by name."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tlbook._checks import one_of, whole
from tlbook._models import standard_settings
from tlbook.backbones import notes
from tlbook.backbones import weights as files
from tlbook.backbones.backbone import Backbone, Known, reinitialise
from tlbook.backbones.networks import MIN_INPUT_SIZE, Info, info, names, same_random_state
from tlbook.backbones.wrapping import flat

if TYPE_CHECKING:
    import keras


def load(name: str, *, weights: str | None = "pretrained", input_size: int | None = None, seed: int = 0) -> Backbone:
    """Load a backbone: a flat model, images in, pooled features out.

    Parameters
    ----------
    name : str
        One of :func:`names` or of :func:`zoo`, "zoo_simclr" or "zoo_masked".
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
        fill = functools.partial(reinitialise, seed=seed)
        return Backbone(name, _without_head(network, _built(network, size, fill)), network.stages)
    path, weights_hash = files.present(network)
    build = functools.partial(_pretrained, network, size, path)
    note = notes.note_path(name, weights_hash, size)
    known = notes.noted_fingerprint(note)
    # In a process that has imported Keras there is nothing to save by waiting.
    if known is not None and "keras" not in sys.modules:
        return Backbone(name, build, network.stages, known=Known(size, network.feature_dim, known))
    backbone = Backbone(name, build(), network.stages)
    if known is None:
        notes.note_fingerprint(note, backbone.fingerprint)
    return backbone


def load_head(name: str) -> keras.layers.Dense:
    """The classifier that a backbone was pretrained with: its features in, logits out.

    Parameters
    ----------
    name : str
        A backbone whose file of weights has its head too (``info(name).head``).

    Returns
    -------
    keras.layers.Dense
        From float32 (n, feature_dim) to the logits of the classes of its
        pretraining: for most ImageNet's 1,000, in ImageNet's order (of the names
        of its classes' WordNet synsets). Its ``kernel`` (feature_dim, classes)
        and ``bias`` can begin a head of your own.

    Raises
    ------
    ValueError
        No such backbone, or one without its head.
    WeightsUnavailable
        As :func:`load`.

    Examples
    --------
    >>> load_head("sketchnet")
    Traceback (most recent call last):
        ...
    ValueError: the weights of sketchnet have no classifier; those of efficientnet_lite0, ... have
    """
    network = info(name)
    if not network.head:
        with_head = ", ".join(one for one in names() if info(one).head)
        raise ValueError(f"the weights of {name} have no classifier; those of {with_head} have")
    path, _ = files.present(network)
    return _built(network, network.input_size, functools.partial(_filled, network, path=path)).get_layer(network.head)


@standard_settings()
def load_words() -> tuple[keras.Model, keras.Model]:
    """Load the image tower and the text tower that were trained on captioned drawings.

    Both give unit vectors, so that a product of two is their cosine: the higher, the better
    the sentence fits the picture (Radford et al. 2021, arXiv 2103.00020; this is a miniature).
    They have met drawings of 22 species, no cat and no dog, with captions as
    :func:`tlbook.sketches.caption` writes them.

    Returns
    -------
    image_tower : keras.Model
        Images of 64 px, values 0 to 255, (n, 64, 64, 3), to float32 (n, 64).
        ``wrap(image_tower, layer="pool")`` is a backbone of its features for a probe.
    text_tower : keras.Model
        Sentences, a string tensor (n,), to float32 (n, 64). What is not among
        ``tlbook.sketches.CAPTION_WORDS`` is one unknown word to it, whatever it is; a sentence without
        words gives zeros. It needs TensorFlow.

    Raises
    ------
    WeightsUnavailable
        The weights or their card are missing from this installation, or damaged.

    Examples
    --------
    >>> import keras
    >>> image_tower, text_tower = load_words()
    >>> sentences = keras.ops.convert_to_tensor(["an animal with pointed ears", "a fox"])
    >>> tuple(text_tower(sentences).shape)
    (2, 64)
    """
    import keras

    from tlbook.backbones import words

    path = files.present_words()
    with same_random_state():
        image_tower, reader, pair = words.towers()
        sentence = keras.Input((), dtype="string", name="sentence")
        text_tower = keras.Model(sentence, reader(words.tokens()(sentence)), name="text_tower")
    try:
        pair.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise files.WeightsUnavailable(
            f"the weights in {path} are whole, but this version of Keras cannot put them into the towers ({error})"
        ) from error
    return image_tower, text_tower


def _pretrained(network: Info, input_size: int, path: Path) -> keras.Model:
    fill = functools.partial(_filled, network, path=path)
    return _without_head(network, _built(network, input_size, fill))


def _without_head(network: Info, model: keras.Model) -> keras.Model:
    if not network.head:
        return model
    import keras

    return keras.Model(model.inputs[0], model.get_layer(network.head).input, name=network.name)


@standard_settings()
def _built(network: Info, input_size: int, fill: Callable[[keras.Model], None]) -> keras.Model:
    with same_random_state():
        model = network.graph(input_size)
        fill(model)
        return flat(model)


def _filled(network: Info, model: keras.Model, path: Path) -> None:
    try:
        model.load_weights(path)
        files.check_values(network, model)
    except files.WeightsUnavailable:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise files.WeightsUnavailable(
            f"the weights of {model.name} in {path} are whole, but this version of Keras cannot put them into the "
            f"network that it builds ({error})"
            if network.hash_known
            else f"the weights of {model.name} in {path} cannot be read ({error}); delete that file, so that they are "
            f"{'converted' if network.packaged else 'downloaded'} anew"
        ) from error
