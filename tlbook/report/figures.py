"""The pictures of a report's page, as PNG inside ``data:`` addresses; Matplotlib is loaded when the first is drawn."""

from __future__ import annotations

import base64
import functools
import io
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tlbook import evaluation
from tlbook.evaluation import Estimate
from tlbook.report.metrics import Answers

if TYPE_CHECKING:
    from tlbook.report.measured import Report

__all__ = ["Picture", "calibration", "curves", "learning", "optional", "overlay", "thumbnail", "training"]

SHOWN = 128
"""Pixels of a photo."""

_WIDTH = 3.6  # inches: on a telephone's 390 pixels the text stays as large as it is drawn
_SHARPNESS = 2  # pixels of the picture for one of the page
_COLOURS = 64
_CURVES = 6  # more in one figure cannot be told apart


@dataclass(frozen=True)
class Picture:
    """An image for the page.

    Attributes
    ----------
    address : str
        The whole PNG, as a ``data:`` address.
    width, height : int
        Pixels of the page.
    alt : str
    caption : str
    """

    address: str
    width: int
    height: int
    alt: str
    caption: str = ""


def optional(draw: Callable[..., Any]) -> Callable[..., Any]:
    """The function, but None and a warning where it fails: no figure is worth losing a run for."""

    @functools.wraps(draw)
    def drawn(*args: Any, **options: Any) -> Any:
        try:
            return draw(*args, **options)
        except Exception as error:  # a backend without gradients, fonts, a folder that Matplotlib cannot write
            warnings.warn(f"the report is without its {draw.__name__.replace('_', ' ')} ({error})", stacklevel=3)
            return None

    return drawn


def _address(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def thumbnail(pixels: NDArray[Any], alt: str) -> Picture:
    """A photo, uint8 (height, width, 3)."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((SHOWN, SHOWN), Image.Resampling.BILINEAR).save(buffer, "PNG")
    return Picture(_address(buffer.getvalue()), SHOWN, SHOWN, alt)


def overlay(pixels: NDArray[Any], heat: NDArray[np.float32]) -> NDArray[Any]:
    """A photo in grey under its heat map, which is scaled to its own largest value."""
    from tlbook.plotting.maps import blended

    return np.round(255 * blended(pixels, heat)).astype(np.uint8)


def _drawn(alt: str, caption: str, draw: Callable[..., Any], *args: Any, high: float = 1.0, **options: Any) -> Picture:
    """A figure of :mod:`tlbook.plotting` as a picture, `high` times as high as wide."""
    figure = draw(*args, width=_WIDTH, height=high * _WIDTH, **options)
    width, height = figure.get_size_inches() * 96
    drawn, buffer = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=96 * _SHARPNESS)
    few = Image.open(drawn).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)  # a quarter of the bytes
    few.save(buffer, "PNG", optimize=True)
    return Picture(_address(buffer.getvalue()), round(width), round(height), alt, caption)


def _names(report: Report) -> list[str]:
    """Class names for figures: by number those that are long, that the font has no letters for, or that Matplotlib reads as
    a formula or as a label to leave out of the legend."""
    from matplotlib.font_manager import findfont, get_font

    letters = get_font(findfont("DejaVu Sans")).get_charmap().keys() - {ord("$")}

    def fits(name: str) -> bool:
        return len(name) <= 20 and name[:1] != "_" and all(ord(one) in letters for one in name)

    return [name if fits(name) else f"class {k}" for k, name in enumerate(report.class_names, 1)]


def _numbered(report: Report, names: Sequence[str], shown: Iterable[int] | None = None) -> str:
    """The names behind the numbers, as sentences for a caption."""
    some = range(len(names)) if shown is None else shown
    said = [f"{names[k]} is {report.class_names[k]}" for k in some if names[k] != report.class_names[k]]
    return f" {'; '.join(said)}." if said else ""


def calibration(report: Report) -> Picture:
    """Accuracy against confidence, before and after a temperature."""
    from tlbook import plotting

    results = {"as it is" if report.scaled else "": _answers(report).reliability}
    if report.scaled and report.temperature is not None:
        results[f"temperature {report.temperature:.2f}"] = _answers(report, report.temperature).reliability
    caption = "Accuracy against confidence in bins, with intervals; on the dotted line they agree. Below, the images of each bin."
    alt = f"Reliability diagram: the expected calibration error is {report.calibration['ece']:.3f}"
    return _drawn(alt, caption, plotting.reliability_diagram, results, high=1.05)


def _answers(report: Report, temperature: float = 1.0) -> Answers:
    return Answers(report.labels, evaluation.probabilities(report.logits / temperature), report.accuracy.confidence)


def curves(report: Report) -> list[Picture]:
    """ROC and precision–recall curves, of the classes for which there are any."""
    from tlbook import plotting

    p, names = _answers(report).p, _names(report)
    # with two classes one curve says both
    wanted = [1] if len(names) == 2 else range(len(names))
    some = [k for k in wanted if (report.labels == k).any()]
    found = []
    for title, compute, draw, kept in (
        ("ROC curve", evaluation.roc_curve, plotting.roc, [k for k in some if not (report.labels == k).all()]),
        ("Precision–recall curve", evaluation.precision_recall_curve, plotting.precision_recall, some),
    ):
        if not kept:
            continue
        each = {k: compute(report.labels, p[:, k], pos_label=k) for k in kept}
        shown = sorted(sorted(each, key=lambda k: each[k].area)[:_CURVES])
        said = ", ".join(report.class_names[k] for k in shown)
        few = f"; of {len(kept)} classes those with the smallest area" if len(shown) < len(kept) else ""
        caption = f"{title} ({said} as positive{few}); the dotted line is guessing.{_numbered(report, names, shown)}"
        alt = f"{title}: {', '.join(f'{report.class_names[k]} has an area of {each[k].area:.3f}' for k in shown)}"
        found.append(_drawn(alt, caption, draw, {names[k]: each[k] for k in shown}, high=0.92))
    return found


def learning(points: Sequence[Mapping[str, Any]]) -> Picture | None:
    """Accuracy by the number of training photos: ``n``, ``accuracy`` and ``accuracy_interval`` of each."""
    if len(points) < 2:
        return None
    from tlbook import plotting

    results = {
        one["n"]: Estimate(one["accuracy"], low, high, one["n"])  # drawn, not written
        for one in points
        for low, high in [one["accuracy_interval"]]
    }
    caption = "Accuracy of the probe on validation photos by the number of training photos, with intervals."
    alt = ", ".join(f"{100 * one['accuracy']:.1f} % with {one['n']:,}" for one in points)
    options = {"xlabel": "training photos", "ylabel": "validation accuracy (%)"}
    return _drawn(f"Learning curve: {alt}", caption, plotting.learning_curve, {"probe": results}, high=0.8, **options)


def training(history: Mapping[str, Any]) -> list[Picture]:
    """The loss of the probe by C, and the accuracy of fine-tuning by epoch, where they were tried."""
    from tlbook import plotting

    found = []
    if len(losses := history.get("losses", [])) > 1:
        chosen = history["C"]
        caption = f"The probe: validation loss against C, of which {chosen:.3g} was chosen."
        options = {"xlabel": "C", "ylabel": "loss (nats)", "log_x": True, "percent": False}
        options["marks"] = {f"C = {chosen:.3g}": chosen}
        found.append(_drawn(caption, caption, plotting.bands, {"validation": dict(losses)}, high=0.8, **options))
    if history.get("train"):
        caption = "Fine-tuning: accuracy after each epoch."
        curves = {"train_accuracy": history["train"], "validation_accuracy": history.get("validation") or []}
        found.append(_drawn(caption, caption, plotting.training_curves, curves, high=0.8))
    return found
