"""The default backbone: the most accurate that this machine has or can have soon.

Candidates are ranked by their published accuracy on ImageNet, which is what transfers (Kornblith, Shlens and Le 2019, *Do better
ImageNet models transfer better?*, figure 1). ResNet50 and VGG16 are no candidates: EfficientNetV2B0 is more accurate than either
with a quarter of the parameters or fewer. On the 3,000 photos of cats and dogs the ranking held for the two that were measured
there, a linear probe on MobileNet 0.75 with 98.9 % and on MobileNetV2 0.35 with 97.8 %.
"""

from __future__ import annotations

import threading
import time
import urllib.request
from dataclasses import dataclass

from tlbook import backbones
from tlbook.classifier.errors import InputError, sentence

__all__ = ["IMAGENET_TOP1", "Choice", "choose"]

IMAGENET_TOP1 = {
    "efficientnet_v2_b0": 78.7,
    "mobilenet_v2_100": 71.3,
    "mobilenet_100": 70.4,
    "mobilenet_075": 68.4,
    "mobilenet_v2_035": 60.3,
}
"""Candidates, best first: published top-1 accuracy on ImageNet in percent (Keras Applications; the MobileNet authors' tables)."""

PATIENCE = 60.0
"""Seconds that a download may be expected to take."""

_ANSWER = 4.0  # seconds to wait for the server
_SAMPLE = 2**19  # bytes from which the speed is estimated
_ADDRESS = "https://storage.googleapis.com/tensorflow/keras-applications/"
_DOWNLOADS = {  # where Keras loads them from, and their size in MB
    "efficientnet_v2_b0": ("efficientnet_v2/efficientnetv2-b0_notop.h5", 24),
    "mobilenet_v2_100": ("mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5", 9),
    "mobilenet_100": ("mobilenet/mobilenet_1_0_224_tf_no_top.h5", 17),
    "mobilenet_075": ("mobilenet/mobilenet_7_5_224_tf_no_top.h5", 8),
    "mobilenet_v2_035": ("mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5", 2),
}


@dataclass(frozen=True)
class Choice:
    """A backbone and why it was taken.

    Attributes
    ----------
    name : str
    reason : str
    """

    name: str
    reason: str


def _rate(address: str) -> float | None:
    """Bytes a second from a server, or None where it does not answer in time."""
    found: list[float] = []

    def fetch() -> None:
        try:
            request = urllib.request.Request(address, headers={"Range": f"bytes=0-{_SAMPLE - 1}"})
            began = time.monotonic()
            with urllib.request.urlopen(request, timeout=_ANSWER) as answer:
                read = len(answer.read(_SAMPLE))
            found.append(read / max(time.monotonic() - began, 1e-3))
        except Exception:  # whatever it is, nothing can be downloaded
            return

    # a thread, since looking up a name without a network may take longer than any timeout given here
    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(2 * _ANSWER)
    return found[0] if found else None


def _seconds(name: str) -> float | None:
    """Seconds that downloading the weights of a backbone would take; None if they cannot be had."""
    path, megabytes = _DOWNLOADS[name]
    rate = _rate(_ADDRESS + path)
    return None if not rate else megabytes * 1e6 / rate


def _describe(name: str) -> str:
    return f"{IMAGENET_TOP1[name]} % on ImageNet"


def choose(asked: str = "auto") -> Choice:
    """Take the backbone asked for, or the best one that can be had.

    Parameters
    ----------
    asked : str, default "auto"
        A name of :func:`tlbook.backbones.names`; "auto" takes the first of
        ``IMAGENET_TOP1`` whose weights are on this machine or come down in
        ``PATIENCE`` seconds, and without either the one that the package ships.

    Returns
    -------
    Choice

    Raises
    ------
    InputError
        No backbone of that name.

    Examples
    --------
    >>> choose("mobilenet_075").name
    'mobilenet_075'
    """
    if asked != "auto":
        if asked not in backbones.names():
            raise InputError(f"there is no backbone {asked!r}; choose auto or one of {', '.join(backbones.names())}")
        return Choice(asked, "as given")
    passed: list[str] = []
    reachable = True
    for name in IMAGENET_TOP1:
        if backbones.info(name).available:
            better = f"; {', '.join(passed)} could not be had in {PATIENCE:.0f} seconds" if passed else ""
            return Choice(name, f"the best ({_describe(name)}) of those whose weights are on this machine{better}")
        if reachable:
            seconds = _seconds(name)
            reachable = seconds is not None
            if seconds is not None and seconds <= PATIENCE and _fetched(name):
                return Choice(name, f"the best there is ({_describe(name)}), downloaded")
        passed.append(f"{name} ({_describe(name)})")
    return Choice(
        "sketchnet",
        "no ImageNet weights are on this machine and none could be downloaded; this one ships with the package and "
        "was trained on drawings, so expect less on photos",
    )


def _fetched(name: str) -> bool:
    try:
        backbones.load(name)
    except backbones.WeightsUnavailable:
        return False
    return True


def loaded(name: str, input_size: int | None) -> backbones.Backbone:
    """Load a backbone, or raise :class:`InputError`."""
    try:
        return backbones.load(name, input_size=input_size)
    except (ValueError, OSError) as error:
        raise InputError(sentence(error)) from error
