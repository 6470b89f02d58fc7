"""The page of a model that gives labels, or numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tlbook import evaluation
from tlbook.datasets import decode
from tlbook.report import figures
from tlbook.report.page import _changed, _cost, _made, _peak_memory, _place, _template, _versions
from tlbook.report.tasks import TaskReport

__all__ = ["html"]

_MOST = 6  # figures, or curves in one


def html(report: TaskReport, run: Mapping[str, Any] | None = None) -> str:
    """The page as text; with how it was made, where a training run's ``metrics.json`` is given."""
    versions = _versions() if run is None else _made() | run["versions"]
    head, *rows = report.rows()
    return _template("task.html").render(
        report=report,
        title=f"Report on {report.title}" if run is None else report.title,
        rows=[head, *([row[0], *(cell.partition(" (") for cell in row[1:])] for row in rows)],
        meaning=[(one.label, one.note) for one in report.columns],
        drawn=figures.optional(_figures)(report) or [],
        worst=[_figure(*one) for one in report.worst],
        run=run,
        facts=_facts(run) if run else [],
        changed=_changed(run["photos"]) if run else [],
        cost=_cost(run["wall_seconds"]) if run else [],
        memory=_peak_memory() if run else None,
        versions={**versions, "test images": f"sha256 {report.fingerprint}"},
    )


def _figure(index: int, path: Any, said: str) -> dict[str, Any]:
    picture = figures.thumbnail(decode(path, figures.SHOWN), f"Photo: {said}")
    return {"said": said, "file": f"{_place(path)} (image {index})", "pictures": [picture]}


def _facts(run: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    return [
        ("photos", ", ".join(f"{n:,} {name}" for name, n in run["photos"]["n"].items())),
        ("backbone", f"{run['backbone']['name']}: {run['backbone']['reason']}"),
        ("strategy", f"{run['strategy']['chosen']}: {run['strategy']['reason']}"),
    ]


def _figures(report: TaskReport) -> list[figures.Picture]:
    from tlbook import plotting
    from tlbook.plotting.numbers import residuals

    names = figures._names(report)  # type: ignore[arg-type]
    numbered = list(enumerate(names))[:_MOST]
    if "p" in report.drawn:
        targets, p = report.drawn["targets"].astype(int), report.drawn["p"]
        curves = {
            name: evaluation.precision_recall_curve(targets[:, k], p[:, k])
            for k, name in numbered
            if targets[:, k].any()
        }
        if not curves:
            return []
        caption = "Precision–recall curves of the labels" + (f", the first {_MOST}." if len(names) > _MOST else ".")
        return [figures._drawn(caption, caption, plotting.precision_recall, curves, high=0.92)]
    found = []
    for k, name in numbered:
        caption = f"What the answers for {report.class_names[k]} are off by. A slope: large values come out too small."
        given = report.drawn["targets"][:, k], report.drawn["errors"][:, k]
        found.append(
            figures._drawn(f"Residuals of {report.class_names[k]}", caption, residuals, *given, xlabel=name, high=0.8)
        )
    return found
