"""A report as text, and as one HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tlbook.datasets import decode
from tlbook.datasets.splits import printable
from tlbook.evaluation.curves import precision_recall_curve, roc_curve
from tlbook.evaluation.metrics import probabilities

if TYPE_CHECKING:
    from tlbook.evaluation.reporting import Calibration, Report

__all__ = ["html", "text"]

_THUMBNAIL = 128  # pixels
_LINES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
_DASHES = ["", "7 4", "2 3", "9 3 2 3"]
_AVERAGES = (("precision", "macro_precision"), ("recall", "macro_recall"), ("F1", "macro_f1"))

_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; margin: .5rem 0; font-size: .9375rem }
th, td { padding: .25rem .45rem; border-bottom: 1px solid #8886; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
td.on { outline: 2px solid #0072B2; outline-offset: -2px }
.figures, .mistakes { display: flex; flex-wrap: wrap; gap: 1rem }
figure { margin: 0 } figcaption { font-size: .85rem; max-width: 20rem; overflow-wrap: anywhere }
.mistakes figcaption { max-width: 128px }
svg { background: #fff; color: #222; width: 320px; max-width: 100%; height: auto }
svg text { font: 13px system-ui, sans-serif; fill: #222 }
""".strip()


def _calibration_rows(report: Report) -> list[tuple[str, str, str]]:
    """Name, value as it is, and value after scaling ("" without a temperature)."""

    def column(one: Calibration | None) -> list[str]:
        if one is None:
            return [""] * 4
        return [f"{one.ece:.3f}", f"{one.ece_by_chance:.3f}", _bounded(one.brier), _bounded(one.nll)]

    names = [
        "expected calibration error (15 bins)",
        "95 % of calibrated models stay below",
        "Brier score (0 to 2)",
        "negative log-likelihood (nats)",
    ]
    return list(zip(names, column(report.calibration), column(report.scaled), strict=True))


def _bounded(estimate: Any) -> str:
    return str(estimate).replace("(0.000 to inf)", "(no interval)")


def _heading(report: Report) -> str:
    return f"{report.n:,} images of the split {report.split} (sha256 {report.fingerprint[:12]}…)"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of equal width, the first one flush left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    return [line.rstrip() for line in lines]


def _class_rows(report: Report) -> list[list[str]]:
    rows = [["class", "images", "precision", "recall", "F1", "ROC area", "average precision"]]
    for name, one in report.classes.items():
        numbers = (one.precision, one.recall, one.f1, one.roc_area, one.average_precision)
        rows.append([name, f"{one.n:,}", *map(str, numbers)])
    means = [str(getattr(report, attribute)) for _, attribute in _AVERAGES]
    return [*rows, ["mean over classes", f"{report.n:,}", *means, "", ""]]


def _confusion_rows(report: Report) -> list[list[str]]:
    counts = [
        [name, *(f"{count:,}" for count in row)] for name, row in zip(report.class_names, report.confusion, strict=True)
    ]
    return [["true \\ predicted", *report.class_names], *counts]


def _group_rows(report: Report) -> list[list[str]]:
    ranked = sorted(report.groups.items(), key=lambda item: item[1].value)
    return [["group", "images", "accuracy"], *([str(name), f"{one.n:,}", str(one)] for name, one in ranked)]


def _mistakes_line(report: Report) -> str:
    if not report.n_mistakes:
        return "no mistakes"
    return f"{report.n_mistakes:,} mistakes, the {len(report.mistakes)} most confident ones:"


def text(report: Report) -> str:
    """Every number of a report, in lines."""
    level = f"{100 * report.accuracy.confidence:g} %"
    lines = [_heading(report), f"accuracy {report.accuracy}; intervals in brackets hold {level}", ""]
    lines += [*_table(_class_rows(report)), "", *_table(_confusion_rows(report)), ""]
    head = ["calibration", "as it is"]
    rows = [list(row[:2]) for row in _calibration_rows(report)]
    if report.scaled is not None:
        head = [*head, f"with temperature {report.temperature:.2f}"]
        rows = [list(row) for row in _calibration_rows(report)]
    lines += [*_table([head, *rows]), ""]
    if report.groups:
        lines += [*_table(_group_rows(report)), ""]
    lines.append(_mistakes_line(report))
    lines += [
        f"  {one.confidence:6.1%} {one.prediction}, is {one.label}: {one.path.name} (image {one.index})"
        for one in report.mistakes
    ]
    lines += [f"note: {note}" for note in report.notes]
    return "\n".join(lines)


# ---- the page ----


def _html_table(rows: Sequence[Sequence[str]], diagonal: bool = False) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in rows[0])
    body = []
    for i, row in enumerate(rows[1:]):
        cells = [f'<th scope="row">{escape(row[0])}</th>']
        cells += [
            f'<td class="on">{escape(cell)}</td>' if diagonal and i == j else f"<td>{escape(cell)}</td>"
            for j, cell in enumerate(row[1:])
        ]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def _place(x: float, y: float) -> tuple[float, float]:
    """Shares from 0 to 1 as points of a drawing 320 wide and 300 high."""
    return 48 + 256 * x, 256 - 240 * y


def _path(xs: Iterable[float], ys: Iterable[float]) -> str:
    points = (_place(float(x), float(y)) for x, y in zip(xs, ys, strict=True))
    return "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _plot(content: str, xlabel: str, ylabel: str, alt: str, caption: str) -> str:
    ticks = []
    for share in (0.0, 0.5, 1.0):
        x, y = _place(share, share)
        ticks.append(f'<text x="{x:.0f}" y="272" text-anchor="middle">{100 * share:g}</text>')
        ticks.append(f'<text x="42" y="{y + 4:.0f}" text-anchor="end">{100 * share:g}</text>')
    return (
        f'<figure><svg viewBox="0 0 320 300" role="img" aria-label="{escape(alt)}">'
        f'<rect x="48" y="16" width="256" height="240" fill="none" stroke="#999"/>{"".join(ticks)}'
        f'<text x="176" y="292" text-anchor="middle">{escape(xlabel)}</text>'
        f'<text transform="translate(12,136) rotate(-90)" text-anchor="middle">{escape(ylabel)}</text>'
        f"{content}</svg><figcaption>{escape(caption)}</figcaption></figure>"
    )


def _line(xs: Iterable[float], ys: Iterable[float], number: int, name: str) -> str:
    look = f'stroke="{_LINES[number % len(_LINES)]}" stroke-dasharray="{_DASHES[number % len(_DASHES)]}"'
    return f'<path d="{_path(xs, ys)}" fill="none" stroke-width="2" {look}><title>{escape(name)}</title></path>'


def _reliability_figure(report: Report) -> str:
    marks = ['<path d="M48,256 L304,16" stroke="#999" stroke-dasharray="3 3"/>']
    for number, one in enumerate(filter(None, (report.calibration, report.scaled))):
        r, colour = one.reliability, _LINES[number]
        for i in np.flatnonzero(r.counts):
            x, y = _place(float(r.confidence[i]), float(r.accuracy[i]))
            low, high = _place(0, float(r.low[i]))[1], _place(0, float(r.high[i]))[1]
            dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
            if number:
                dot = f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{colour}"/>'
            marks.append(f'<path d="M{x:.1f},{low:.1f} V{high:.1f}" stroke="{colour}"/>{dot}')
    caption = "Reliability: accuracy against confidence in bins, with intervals; on the dotted line they agree."
    if report.scaled is not None:
        caption += f" Dots: as it is; squares: with temperature {report.temperature:.2f}."
    return _plot("".join(marks), "confidence (%)", "accuracy (%)", "Reliability diagram", caption)


def _curve_figures(report: Report) -> list[str]:
    p = probabilities(report.logits)
    # with two classes one curve says both
    wanted = [1] if len(report.class_names) == 2 else range(len(report.class_names))
    roc, pr = [], []
    for number, k in enumerate(wanted):
        if not (report.labels == k).any():
            continue
        name = report.class_names[k]
        curve = precision_recall_curve(report.labels, p[:, k], positive=k)
        pr.append(_line(curve.recall, curve.precision, number, name))
        if not (report.labels == k).all():
            curve = roc_curve(report.labels, p[:, k], positive=k)
            roc.append(_line(curve.false_positive_rate, curve.true_positive_rate, number, name))
    names = ", ".join(report.class_names[k] for k in wanted)
    figures = []
    if roc:
        caption = f"ROC curve ({names} as positive)"
        figures.append(_plot("".join(roc), "false positives (%)", "true positives (%)", caption, caption + "."))
    if pr:
        caption = f"Precision–recall curve ({names} as positive)"
        figures.append(_plot("".join(pr), "recall (%)", "precision (%)", caption, caption + "."))
    return figures


def _thumbnail(path: Any) -> str:
    buffer = io.BytesIO()
    Image.fromarray(decode(path, _THUMBNAIL)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _mistake(one: Any) -> str:
    said = f"{one.prediction} {one.confidence:.1%}, is {one.label}"
    name = escape(printable(one.path.name))
    return (
        f'<figure><img src="{_thumbnail(one.path)}" width="{_THUMBNAIL}" height="{_THUMBNAIL}" alt="{escape(said)}">'
        f"<figcaption>{escape(said)}<br>{name} (image {one.index})</figcaption></figure>"
    )


def html(
    report: Report, *, title: str | None = None, style: str = "", lead: Sequence[str] = (), sections: Sequence[str] = ()
) -> str:
    """One page with styles, figures and images inside; every name is escaped.

    A caller may give another title, more style, and markup of its own that comes after the accuracy and at the end.
    """
    level = f"{100 * report.accuracy.confidence:g} %"
    calibration = [["", "as it is"], *([a, b] for a, b, _ in _calibration_rows(report))]
    if report.scaled is not None and not math.isnan(report.temperature):
        calibration = [["", "as it is", f"with temperature {report.temperature:.2f}"]]
        calibration += [list(row) for row in _calibration_rows(report)]
    parts = [
        f"<p>{escape(_heading(report))}. Intervals, in brackets, hold {level}.</p>",
        f"<p><strong>Accuracy {escape(str(report.accuracy))}</strong></p>",
        *(f"<p>Note: {escape(note)}.</p>" for note in report.notes),
        *lead,
        "<h2>Classes</h2>",
        _html_table(_class_rows(report)),
        "<h2>Confusion matrix</h2>",
        _html_table(_confusion_rows(report), diagonal=True),
        "<h2>Calibration</h2>",
        _html_table(calibration),
        f'<div class="figures">{"".join([_reliability_figure(report), *_curve_figures(report)])}</div>',
    ]
    if report.groups:
        parts += ["<h2>Groups, the worst first</h2>", _html_table(_group_rows(report))]
    parts += ["<h2>Mistakes</h2>", f"<p>{escape(_mistakes_line(report))}</p>"]
    parts.append(f'<div class="mistakes">{"".join(map(_mistake, report.mistakes))}</div>')
    parts += sections
    title = title or f"Report on {report.split}: accuracy {report.accuracy}"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}{style}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )
