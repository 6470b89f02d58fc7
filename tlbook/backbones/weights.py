"""Files of pretrained weights: where they lie, fetching them, and whether they are what they should be."""

from __future__ import annotations

import hashlib
import json
import queue
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlbook._files import replacing
from tlbook._models import standard_settings
from tlbook.backbones import networks
from tlbook.backbones.networks import Info, Packaged
from tlbook.progress import bar

if TYPE_CHECKING:
    from http.client import HTTPResponse

    import keras

_CHUNK = 2**16
WORDS = "words-1.weights.h5"
"""The file of the image tower and the text tower."""


class WeightsUnavailable(OSError):
    """Pretrained weights that are not on this machine and cannot be downloaded; the message says what to do."""


class TooSlow(WeightsUnavailable):
    """The network is there, but a download takes longer than was allowed."""


def card(name: str = "sketchnet") -> dict[str, Any]:
    """The model card of a backbone of our own: data, recipe, accuracy, date, versions, hash.

    Parameters
    ----------
    name : str
        "sketchnet", one of :func:`zoo`, "zoo_simclr", "zoo_masked", or "words" for the towers of :func:`load_words`.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        There is no backbone of that name, or it is not ours.
    WeightsUnavailable
        The card is missing from this installation.
    """
    if name == "words":
        file = WORDS
    else:
        network = networks.info(name)
        file = network.file
        if network.address or network.packaged:
            raise ValueError(
                f"{name} has no model card here, since it was not pretrained here; its source is {network.source}"
            )
    path = networks.DATA / file.replace(".weights.h5", ".json")
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise WeightsUnavailable(f"{path} is missing from this installation of tlbook; install it again") from None


def download(name: str, *, seconds: float = 3600.0, answer: float = 30.0, progress: bool = True) -> Path:
    """Fetch the weights of a backbone, for instance before a lesson without a network.

    Weights that are on this machine are left as they are; those that an
    installed Python package carries are converted into a file that Keras reads.
    The file appears under its name only when it is whole and what was fetched
    has the size and hash of its record.

    Parameters
    ----------
    name : str
        One of :func:`names`.
    seconds : float
        That the download may take; given up as soon as it is plain that it will
        take longer.
    answer : float
        Seconds to wait for the server.
    progress : bool, default True
        Show a bar on a terminal.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        There is no backbone of that name.
    WeightsUnavailable
        No network, a server that does not answer, a download that takes too long,
        a folder that cannot be written; a package that is not installed, or whose
        file is not the one that was published.
    """
    network = networks.info(name)
    path = network.path
    if path.is_file():
        return path
    if network.packaged:
        _convert(network, network.packaged, path)
        return path
    if not network.address:
        raise WeightsUnavailable(f"{path} is missing from this installation of tlbook; install it again")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(network, path, seconds, answer, progress)
    except TooSlow:
        raise
    except Exception as error:  # urllib has many kinds
        raise WeightsUnavailable(
            f"the weights of {name} ({network.size / 1e6:.0f} MB) are not here and could not be downloaded. "
            f"Connect to a network, or put {network.file} into {path.parent} "
            f"(the folder models/ below the one that KERAS_HOME names){_instead()}. {error}"
        ) from error
    return path


def _instead() -> str:
    """The network whose weights come with an extra of tlbook, and so need a package index only."""
    known = (info for info in networks.NETWORKS.values() if info.packaged and info.packaged.is_extra)
    return "".join(
        f", or take {info.name}, " + ("which is here" if info.available else f"which comes with {info.how_to_get}")
        for info in known
    )


def _convert(network: Info, packaged: Packaged, path: Path) -> None:
    """Write the weights that a package carries into a file that Keras reads."""
    source = packaged.path
    if source is None:
        raise WeightsUnavailable(
            f"the weights of {network.name} ({network.size / 1e6:.0f} MB) come with a Python package that is not "
            f"installed: {network.how_to_get}"
        )
    try:
        content = _of_record(network, source)
        with networks.same_random_state(), standard_settings():
            model = network.graph(network.input_size)
        networks.named(packaged.fill)(model, content)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, ".weights.h5") as temporary:
            model.save_weights(temporary)
    except WeightsUnavailable:
        raise
    except (OSError, ValueError) as error:
        raise WeightsUnavailable(
            f"the weights of {network.name} in {source} could not be converted into {path} "
            f"(KERAS_HOME names the folder above models/): {error}"
        ) from error


def _of_record(network: Info, source: Path) -> bytes:
    """The bytes of a package's file; a WeightsUnavailable where it has not the size or hash of its record."""
    kind, _, expected = network.digest.partition(":")
    if source.stat().st_size == network.size:  # before anything of it is read
        content = source.read_bytes()
        if hashlib.new(kind, content).hexdigest() == expected:
            return content
    raise WeightsUnavailable(
        f"{source} is not the file of weights of {network.name} that was published ({kind} {expected[:12]}…, "
        f"{network.size:,} bytes); uninstall that package and install it again: {network.how_to_get}"
    )


def check_values(network: Info, model: keras.Model) -> None:
    """Raise a WeightsUnavailable where a model's weights are not those of its record; only of converted files."""
    if network.packaged is None:
        return
    digest = hashlib.sha256()
    for weight in model.weights:
        digest.update(np.ascontiguousarray(weight.numpy()).tobytes())
    if digest.hexdigest() != network.packaged.values:
        raise WeightsUnavailable(
            f"{network.path} holds other weights of {network.name} than were converted from the published ones; "
            "delete that file, so that they are converted anew"
        )


def _fetch(network: Info, path: Path, seconds: float, answer: float, progress: bool) -> None:
    began = time.monotonic()
    with (
        _opened(f"{network.address}/{network.file}", answer) as source,
        replacing(path) as temporary,
        bar(f"weights of {network.name}", network.size, enabled=progress) as ticker,
    ):
        received = 0
        with open(temporary, "wb") as file:
            while chunk := source.read1(_CHUNK):
                file.write(chunk)
                received += len(chunk)
                if received > network.size:
                    raise OSError(f"more than its {network.size:,} bytes came")
                ticker.advance(len(chunk))
                taken = time.monotonic() - began
                expected = taken * network.size / received
                # the first seconds say little of the rest
                if taken > seconds / 12 and expected > seconds:
                    raise TooSlow(
                        f"the weights of {network.name} ({network.size / 1e6:.0f} MB) would take "
                        f"{expected:.0f} seconds to download, more than the {seconds:.0f} allowed"
                    )
        if received != network.size:
            raise OSError(f"{received:,} bytes of {network.size:,} came")
        _check(network, temporary)


def _opened(url: str, seconds: float) -> HTTPResponse:
    """The server's answer; waited for in a thread, since looking up a name may outlast any timeout given here."""
    from urllib.request import urlopen

    answers: queue.SimpleQueue[HTTPResponse | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urlopen(url, timeout=seconds))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except queue.Empty:
        raise OSError(f"{url} did not answer in {seconds:.0f} seconds") from None
    if isinstance(found, Exception):
        raise found
    return found


def _check(network: Info, path: Path) -> str:
    """SHA-256 of a file of weights; a WeightsUnavailable where it is not that of its record."""
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if not network.hash_known:
        return found
    kind, _, expected = (network.digest if network.address else f"sha256:{card(network.name)['sha256']}").partition(":")
    if hashlib.new(kind, content, usedforsecurity=False).hexdigest() == expected:
        return found
    if network.address:
        raise WeightsUnavailable(
            f"{path} holds other weights of {network.name} than Keras publishes ({kind} {expected[:12]}…); "
            "delete that file, so that they are downloaded anew"
        )
    raise _not_of_card(path, found, expected)


def _not_of_card(path: Path, found: str, expected: str) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"{path} is not the file of its model card (SHA-256 {found[:12]}…, card {expected[:12]}…); "
        "install tlbook again, or run the pretraining script, which writes both"
    )


def present_words() -> Path:
    """The file of weights of the towers, which is that of its model card."""
    path, expected = networks.DATA / WORDS, card("words")["sha256"]
    if not path.is_file():
        raise WeightsUnavailable(f"{path} is missing from this installation of tlbook; install it again")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise _not_of_card(path, found, expected)
    return path


def present(network: Info) -> tuple[Path, str]:
    """The file of weights of a network, downloaded where it was not here, and its SHA-256."""
    path = download(network.name)
    return path, _check(network, path)
