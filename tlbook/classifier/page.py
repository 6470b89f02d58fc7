"""The report of a trained classifier: one HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
import datetime
import io
import os
import platform
import sys
from collections.abc import Sequence
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from PIL import Image

from tlbook import interpret
from tlbook.classifier.saved import Classifier
from tlbook.datasets import Split
from tlbook.datasets.splits import printable
from tlbook.evaluation import Report, report_page

__all__ = ["html", "peak_memory"]

_SHOWN = 128  # pixels
_MISTAKES, _RIGHT = 12, 6
_COLOURS = ("#0072B2", "#B04A00")
_STYLE = """
.said th, .said td { text-align: left } .said th { font-weight: 400 } .said thead th { font-weight: 600 }
.looked img { border-radius: 4px } .looked .pair { display: flex; gap: 4px }
pre { overflow-x: auto; padding: .6rem; border: 1px solid #8886 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem } dt { font-weight: 600 }
dd { margin: 0; overflow-wrap: anywhere }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr } dd { margin-bottom: .5rem } }
"""


def peak_memory() -> float | None:
    """Most memory that this process held so far in MiB, or None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _png(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((_SHOWN, _SHOWN), Image.Resampling.BILINEAR).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """An image under its heat map, which is scaled to its own largest value."""
    share = heat / heat.max() if heat.max() > 0 else heat
    colour = mpl.colormaps["viridis"](share)[..., :3] * 255
    return np.round(0.45 * image + 0.55 * colour).astype(np.uint8)


def _looked(classifier: Classifier, report: Report, test: Split) -> str:
    """Grad-CAM of the mistakes, and of one right answer for each of a few classes."""
    guesses = report.logits.argmax(axis=1)
    positions = [one.index for one in report.mistakes[:_MISTAKES]]
    for label in range(min(_RIGHT, len(report.class_names))):
        right = np.flatnonzero((guesses == label) & (report.labels == label))
        positions += right[np.argsort(-report.logits[right, label], kind="stable")][:1].tolist()
    if not positions:
        return ""
    images = test.select(positions).images(classifier.input_size)
    heat = interpret.grad_cam(classifier.model, images, guesses[positions], upsample=True, batch_size=4)
    figures = []
    for position, image, one in zip(positions, images, heat, strict=True):
        label, guess = report.class_names[report.labels[position]], report.class_names[guesses[position]]
        said = f"{guess}, right" if label == guess else f"{guess}, is {label}"
        name = printable(test.paths[position].name)
        pictures = "".join(
            f'<img src="{_png(pixels)}" width="{_SHOWN}" height="{_SHOWN}" alt="{escape(alt)}">'
            for pixels, alt in ((image, f"Photo: {said}"), (_overlay(image, one), f"Heat map for {guess}"))
        )
        caption = f"<figcaption>{escape(said)}<br>{escape(name)} (image {position})</figcaption>"
        figures.append(f'<figure><div class="pair">{pictures}</div>{caption}</figure>')
    return (
        "<h2>What the answers rest on</h2><p>Grad-CAM: bright is where the last feature maps speak for the class that was "
        "predicted. The mistakes first, then the surest right answer of a class. A heat map on the background is a reason for "
        f'doubt, one on the object is no proof.</p><div class="figures looked">{"".join(figures)}</div>'
    )


def _chart(
    lines: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], xs: Sequence[tuple[float, str]], ylabel: str,
    xlabel: str, caption: str,
) -> str:  # fmt: skip
    """Curves as a drawing; ``lines`` are (name, dashes, points), ``xs`` the marks of the x-axis."""
    points = [point for _, _, some in lines for point in some]
    low, high = min(y for _, y in points), max(y for _, y in points)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    first, last = min(x for x, _ in xs), max(x for x, _ in xs)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - first) / (last - first) if last > first else 0.5
        return 66 + 238 * across, 250 - 224 * (y - low) / (high - low)

    parts = []
    for value in (low, (low + high) / 2, high):
        parts.append(f'<text x="60" y="{place(first, value)[1] + 4:.0f}" text-anchor="end">{value:.3g}</text>')
    parts += [f'<text x="{place(x, low)[0]:.0f}" y="272" text-anchor="middle">{escape(text)}</text>' for x, text in xs]
    for number, (name, dashes, some) in enumerate(lines):
        path = "M" + " L".join(f"{a:.1f},{b:.1f}" for a, b in (place(*point) for point in some))
        colour = _COLOURS[number]
        look = f'stroke="{colour}" stroke-dasharray="{dashes}"'
        parts.append(f'<path d="{path}" fill="none" stroke-width="2" {look}><title>{escape(name)}</title></path>')
        if len(lines) > 1:
            said = f"{name} (dashed)" if dashes else name
            parts.append(f'<text x="{70 + 90 * number}" y="14" style="fill:{colour}">{escape(said)}</text>')
    return (
        f'<figure><svg viewBox="0 0 320 300" role="img" aria-label="{escape(caption)}">'
        f'<rect x="66" y="20" width="238" height="236" fill="none" stroke="#999"/>{"".join(parts)}'
        f'<text x="185" y="292" text-anchor="middle">{escape(xlabel)}</text>'
        f'<text transform="translate(11,136) rotate(-90)" text-anchor="middle">{escape(ylabel)}</text>'
        f"</svg><figcaption>{escape(caption)}</figcaption></figure>"
    )


def _curves(curves: dict[str, Any]) -> str:
    figures = []
    if len(losses := curves.get("losses", [])) > 1:
        points = [(float(np.log10(c)), loss) for c, loss in losses]
        marks = [(points[0][0], f"{losses[0][0]:g}"), (points[-1][0], f"{losses[-1][0]:g}")]
        caption = f"The probe: validation loss against C, of which {curves['C']:g} was chosen."
        figures.append(_chart([("validation", "", points)], marks, "loss (nats)", "C (logarithmic)", caption))
    if epochs := curves.get("train"):
        lines = [("training", "", list(enumerate(epochs, 1)))]
        if curves.get("validation"):
            lines.append(("validation", "7 4", list(enumerate(curves["validation"], 1))))
        marks = [(1, "1"), (len(epochs), str(len(epochs)))]
        figures.append(_chart(lines, marks, "accuracy", "epoch", "Fine-tuning: accuracy after each epoch."))
    return f'<h2>Training</h2><div class="figures">{"".join(figures)}</div>' if figures else ""


def _list(rows: Sequence[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in rows) + "</dl>"


def _lead(metrics: dict[str, Any], classes: Sequence[str]) -> list[str]:
    validation, counts = metrics["validation"], metrics["photos"]["counts"]
    seen = {name: sum(split.values()) for name, split in counts.items()}
    rows = [
        ("photos", ", ".join(f"{n:,} {name}" for name, n in seen.items())),
        ("classes", ", ".join(classes)),
        ("backbone", f"{metrics['backbone']['name']}: {metrics['backbone']['reason']}"),
        ("strategy", f"{metrics['strategy']['chosen']}: {metrics['strategy']['reason']}"),
        ("temperature", f"{metrics['temperature']:.3f}, fitted on validation photos and part of the model"),
    ]
    if validation["n"]:
        low, high = (100 * bound for bound in validation["interval"])
        said = f"{100 * validation['accuracy']:.1f} % ({low:.1f} to {high:.1f}) on {validation['n']:,} photos"
        rows.append(("validation accuracy", f"{said}; choices were made on them, so it flatters"))
    parts = [_list(rows)]
    parts += [f"<p>Note: {escape(note)}.</p>" for note in metrics["notes"]]
    return parts


def _left_out(photos: dict[str, Any]) -> str:
    parts = []
    for title, key in (("Left out", "left out"), ("Converted to 8-bit RGB", "converted")):
        if found := photos[key]:
            rows = [["file", "reason"], *found[:100]]
            more = f"<p>And {len(found) - 100:,} more.</p>" if len(found) > 100 else ""
            parts.append(f"<h3>{title}: {len(found):,}</h3>{report_page._html_table(rows)}{more}")
    near = photos["near-duplicates"]
    if pairs := near["pairs"]:
        done = "left out" if near["wish"] == "drop" else "kept"
        rows = [["photo", "nearly the same as", "bits apart", "same label"]]
        rows += [
            [f"{one['split']} {one['path']}", one["of"], str(one["distance"]), "yes" if one["same_label"] else "no"]
            for one in pairs[:100]
        ]
        more = f"<p>And {len(pairs) - 100:,} more.</p>" if len(pairs) > 100 else ""
        table = report_page._html_table(rows)
        parts.append(f"<h3>Near-duplicates in different splits, {done}: {len(pairs):,}</h3>{table}{more}")
    whole = f'<div class="said">{"".join(parts)}</div>'
    return f"<h2>Photos left out or changed</h2>{whole}" if parts else ""


def _cost(classifier: Classifier, metrics: dict[str, Any]) -> str:
    seconds = metrics["seconds"]
    rows = [["stage", "seconds"]]
    rows += [[name, f"{value:,.1f}"] for name, value in seconds.items() if name not in ("total", "processor")]
    rows += [["all", f"{seconds['total']:,.1f}"], ["processor time, all cores", f"{seconds['processor']:,.1f}"]]
    said = [f"{classifier.model.count_params():,} parameters"]
    if (peak := peak_memory()) is not None:
        said.append(f"{peak:,.0f} MiB of memory at most")
    return f"<h2>Cost</h2><p>{escape(', '.join(said))}.</p>{report_page._html_table(rows)}"


def _named(classes: Sequence[str]) -> str:
    """Few classes by name, many by number."""
    if len(classes) > 4:
        return f"{len(classes)} classes"
    return " or ".join([", ".join(classes[:-1]), classes[-1]])


def html(classifier: Classifier, report: Report, test: Split, metrics: dict[str, Any], curves: dict[str, Any]) -> str:
    """The page of a finished run.

    Parameters
    ----------
    classifier : Classifier
    report : Report
        On the test photos.
    test : Split
    metrics : dict
        The contents of ``metrics.json``.
    curves : dict
        ``C``, ``losses`` (pairs of C and loss), and ``train``, ``validation`` by epoch where there was fine-tuning.
    """
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    made = [
        ("date", datetime.datetime.now().astimezone().isoformat(" ", "minutes")),
        ("machine", machine),
        *metrics["versions"].items(),
    ]
    sections = [
        _looked(classifier, report, test),
        _curves(curves),
        _left_out(metrics["photos"]),
        _cost(classifier, metrics),
        "<h2>Versions</h2>" + _list(made),
        f"<h2>Repeat it</h2><pre><code>{escape(metrics['command'])}</code></pre>",
    ]
    return report_page.html(
        report,
        title=f"{_named(report.class_names)}: test accuracy {report.accuracy}",
        style=_STYLE,
        lead=_lead(metrics, report.class_names),
        sections=[one for one in sections if one],
    )
