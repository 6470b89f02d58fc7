"""The default backbone: the most accurate that this machine has or can have soon.

Candidates are ranked by their published accuracy on ImageNet, which is what transfers (Kornblith, Shlens and Le 2019,
*Do better ImageNet models transfer better?*, figure 1). On the 3,000 photos of cats and dogs the ranking held for the
three that were measured there, a linear probe on EfficientNet-Lite0 with 99.1 %, on MobileNet 0.75 with 98.9 % and on
MobileNetV2 0.35 with 97.8 %.
"""

from __future__ import annotations

from dataclasses import dataclass

from tlbook import backbones
from tlbook.backbones.weights import TooSlow
from tlbook.classifier.errors import InputError, sentence

__all__ = ["BackboneChoice", "candidates", "choose"]

PATIENCE = 60.0
"""Seconds that a download may take."""

LARGEST = 10_000_000
"""Parameters of a candidate: ResNet50 and VGG16 have more and are slow on a CPU, and EfficientNetV2B0 is more accurate."""

_ANSWER = 8.0  # seconds to wait for the server


@dataclass(frozen=True)
class BackboneChoice:
    """A backbone and why it was taken.

    Attributes
    ----------
    name : str
    reason : str
    """

    name: str
    reason: str


def candidates() -> tuple[backbones.Info, ...]:
    """Backbones that "auto" takes, best first: those pretrained on ImageNet that are quick enough for a CPU."""
    known = (backbones.info(name) for name in backbones.names())
    quick = [info for info in known if info.imagenet_top1 is not None and info.parameters <= LARGEST]
    return tuple(sorted(quick, key=lambda info: info.imagenet_top1 or 0.0, reverse=True))


def _describe(info: backbones.Info) -> str:
    return f"{info.imagenet_top1} % on ImageNet"


def choose(asked: str = "auto", *, progress: bool = True) -> BackboneChoice:
    """Take the backbone that is named, or the most accurate one that is available.

    Parameters
    ----------
    asked : str, default "auto"
        A name of :func:`tlbook.backbones.names`; "auto" takes the first of
        ``tlbook.classifier.choice.candidates()`` whose weights are on this machine (in Keras's cache or in
        an installed package) or come down in ``PATIENCE`` seconds, and without any the one that tlbook ships.
    progress : bool, default True
        Show a bar while weights are downloaded.

    Returns
    -------
    BackboneChoice

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
        return BackboneChoice(asked, "as given")
    passed: list[str] = []
    to_install: list[str] = []
    online = True
    for info in candidates():
        described = f"{info.name} ({_describe(info)})"
        if info.available:
            better = f"; {', '.join(passed)} could not be downloaded in {PATIENCE:.0f} seconds" if passed else ""
            return BackboneChoice(
                info.name,
                "; ".join(
                    [f"the best ({_describe(info)}) of those whose weights are on this machine{better}", *to_install]
                ),
            )
        if info.packaged:
            to_install += [f"{info.how_to_get} brings {described}"] if info.packaged.is_extra else []
            continue
        if online:
            try:
                backbones.download(info.name, seconds=PATIENCE, answer=_ANSWER, progress=progress)
                return BackboneChoice(info.name, f"the best there is ({_describe(info)}), downloaded")
            except TooSlow:
                pass  # a smaller file may come in time
            except backbones.WeightsUnavailable:
                online = False
        passed.append(described)
    return BackboneChoice(
        "sketchnet",
        "; ".join(
            [
                "no ImageNet weights are on this machine and none could be downloaded; this one ships with the package and "
                "was trained on drawings, so expect less on photos",
                *to_install,
            ]
        ),
    )


def expected_size(asked: str, input_size: int | None) -> int | None:
    """The size at which photos will be wanted, as far as that can be told before anything is downloaded."""
    if input_size is not None:
        return input_size if isinstance(input_size, int) and 0 < input_size <= 1024 else None  # refused later
    if asked != "auto":
        return backbones.info(asked).input_size
    return next((info.input_size for info in candidates() if info.available), None)


def loaded(name: str, input_size: int | None) -> backbones.Backbone:
    """Load a backbone, or raise :class:`InputError`."""
    try:
        return backbones.load(name, input_size=input_size)
    except (ValueError, OSError) as error:
        raise InputError(sentence(error)) from error
