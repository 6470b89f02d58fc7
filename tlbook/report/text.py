"""A report as text, and the rows of its tables, which the page has too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tlbook.report import metrics

if TYPE_CHECKING:
    from tlbook.report.measured import Report

__all__ = ["calibration_rows", "class_rows", "confusion_rows", "group_rows", "level", "text"]


def level(report: Report) -> str:
    """The confidence of the intervals, e.g. "95 %"."""
    return f"{100 * report.accuracy.confidence:g} %"


def _shown(part: Iterable[metrics.Metric], values: Mapping[str, Any]) -> list[str]:
    return [one.shown(values[one.name]) if one.name in values else "" for one in part]


def class_rows(report: Report) -> list[list[str]]:
    """One row for each class, and the means over them."""
    part, counts = metrics.table("classes"), report.confusion.sum(axis=1)
    rows = [["class", "images", *(one.title for one in part)]]
    for name, count in zip(report.class_names, counts, strict=True):
        rows.append([name, f"{count:,}", *_shown(part, report.classes[name])])
    return [*rows, ["mean over classes", f"{report.n:,}", *_shown(part, report.means)]]


def confusion_rows(report: Report) -> list[list[str]]:
    """True classes in rows."""
    counts = [
        [name, *(f"{count:,}" for count in row)] for name, row in zip(report.class_names, report.confusion, strict=True)
    ]
    return [["true \\ predicted", *report.class_names], *counts]


def calibration_rows(report: Report) -> list[list[str]]:
    """Name, value as it is, and value after scaling where there is a temperature."""
    part = metrics.table("calibration")
    columns = [["calibration", *(one.title for one in part)], ["as it is", *_shown(part, report.calibration)]]
    if report.scaled is not None:
        columns.append([f"with temperature {report.temperature:.2f}", *_shown(part, report.scaled)])
    return [list(row) for row in zip(*columns, strict=True)]


def group_rows(report: Report) -> list[list[str]]:
    """The worst first."""
    ranked = sorted(report.groups.items(), key=lambda item: item[1].value)
    return [["group", "images", "accuracy"], *([str(name), f"{one.n:,}", str(one)] for name, one in ranked)]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of equal width, the first one flush left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    return [line.rstrip() for line in lines]


def text(report: Report) -> str:
    """Every number of a report, in lines."""
    part = "" if report.split == "all" else f" of the split {report.split}"  # a whole folder that was measured
    first, *others = (f"{one.title} {one.shown(report.overall[one.name])}" for one in metrics.table("overall"))
    lines = [
        f"{report.n:,} images{part} (sha256 {report.fingerprint[:12]}…)",
        f"{first}; {level(report)} confidence intervals in brackets",
        *others,
        "",
    ]
    for rows in (class_rows(report), confusion_rows(report), calibration_rows(report)):
        lines += [*_table(rows), ""]
    if report.groups:
        lines += [*_table(group_rows(report)), ""]
    if not report.n_mistakes:
        lines.append("no mistakes")
    elif report.n_mistakes == 1:
        lines.append("1 mistake:" if report.mistakes else "1 mistake")
    else:
        lines.append(f"{report.n_mistakes:,} mistakes, the {len(report.mistakes)} most confident ones:")
    lines += [
        f"  {one.confidence:6.1%} {one.prediction}, is {one.label}: {one.path.name} (image {one.index})"
        for one in report.mistakes
    ]
    lines += [f"note: {note}" for note in report.notes]
    return "\n".join(lines)
