"""A report as one HTML page that needs nothing beside it; the markup stands in ``templates``, where Jinja2 escapes every name."""

from __future__ import annotations

import datetime
import functools
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlbook import __version__, _files
from tlbook.datasets import Split, decode
from tlbook.datasets.splits import printable, visible
from tlbook.report import figures, metrics, text

if TYPE_CHECKING:
    from tlbook.report.measured import Report

__all__ = ["Training", "html", "looked_at"]

_PARTS = ("overall", "classes", "calibration")
_RIGHT = 6  # classes of which a right answer is shown
_LISTED = 100  # files in a table
_FIRST = 6  # classes whose recall is on the first screen
_PAIRS = 10  # of classes that are confused
_FEW = 12  # classes; with more, the zeros of the confusion matrix only hide the rest


@dataclass(frozen=True)
class Training:
    """What the page of a training run shows besides the report.

    Attributes
    ----------
    model : keras.Model
        Images in, logits out, for Grad-CAM.
    test : Split
        What the report was measured on.
    metrics : dict
        The contents of ``metrics.json``.
    curves : dict
        ``C``, ``losses`` (pairs of C and loss), and ``train``, ``validation`` by epoch where there was fine-tuning.
    doubtful, unlike : sequence of (Path, str)
        Photos whose label is doubtful, and test photos that are unlike the training photos, with what to say of each.
    readable : frozenset of int, optional
        Positions of the test photos that can be shown; by default all.
    how_to_show : str
        How to have a page with the photos that cannot be shown here, in a sentence.
    """

    model: Any
    test: Split
    metrics: dict[str, Any]
    curves: dict[str, Any]
    doubtful: Sequence[tuple[Path, str]] = ()
    unlike: Sequence[tuple[Path, str]] = ()
    readable: frozenset[int] | None = None
    how_to_show: str = ""


def html(report: Report, training: Training | None = None) -> str:
    """The page as text."""
    title, versions, run, maps = f"Report on {report.split}: accuracy {report.accuracy}", _versions(), {}, []
    shown = len(report.mistakes)
    if training is not None:
        title = f"{_named(report.class_names)}: test accuracy {report.accuracy}"
        versions, run, maps = (
            _made() | training.metrics["versions"],
            _run(report, training),
            _looked_at(report, training),
        )
        if training.readable is not None:
            shown = sum(one.index in training.readable for one in report.mistakes)
        run |= {"answer": _answer(report), "examples": _examples(maps, shown)}
    drawn = figures.optional
    return _template("training.html" if training else "report.html").render(
        report=report,
        title=title,
        level=text.level(report),
        overall=[(one.title, one.shown(report.overall[one.name])) for one in metrics.table("overall")[1:]],
        classes=_cells(text.class_rows(report)),
        first=_first(report),
        confusion=_matrix(report),
        confused=_confused(report),
        mistakes=maps[:shown] if training else [_mistake(one) for one in report.mistakes],
        right=maps[shown:],
        groups=_cells(text.group_rows(report)) if report.groups else None,
        calibration=_cells(text.calibration_rows(report)),
        reliability=drawn(figures.calibration)(report),
        curves=drawn(figures.curves)(report),
        meaning={part: [(one.label, one.note) for one in metrics.table(part) if one.note] for part in _PARTS},
        versions={**versions, "test images": f"sha256 {report.fingerprint}"},
        **run,
    )


@functools.cache
def _template(name: str) -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tlbook.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _cells(rows: Sequence[Sequence[str]]) -> list[list[Any]]:
    """Each value apart from its interval, which goes on a line of its own."""
    head, *body = rows
    return [list(head), *([row[0], *(cell.partition(" (") for cell in row[1:])] for row in body)]


def _first(report: Report) -> dict[str, Any] | None:
    """With more than two classes, the means over them and the classes of which the smallest share is found."""
    if len(report.class_names) < 3:
        return None
    recall = {name: report.classes[name]["recall"] for name in report.class_names}
    ranked = sorted(
        (name for name in recall if recall[name].value == recall[name].value), key=lambda name: recall[name].value
    )
    rows = [
        (name, str(recall[name]).partition(" ("), *(round(100 * part, 1) for part in _bar(recall[name])))
        for name in ranked[:_FIRST]
    ]
    means = [(one.label, one.shown(report.means[one.name])) for one in metrics.table("classes") if one.name in _ON_TOP]
    return {"means": means, "rows": rows, "more": len(ranked) - len(rows)}


_ON_TOP = ("f1_score", "recall")


def _bar(share: Any) -> tuple[float, float, float]:
    """Length of a bar, and start and length of its interval, as shares of the whole."""
    return share.value, share.low, share.high - share.low


def _matrix(report: Report) -> list[tuple[str, list[tuple[str, float]]]]:
    """A row for each true class: counts, and their shares of it."""
    shares = report.confusion / np.maximum(report.confusion.sum(axis=1, keepdims=True), 1)
    blank = len(report.class_names) > _FEW
    return [
        (name, [("" if blank and not n else f"{n:,}", round(float(share), 3)) for n, share in zip(*row, strict=True)])
        for name, *row in zip(report.class_names, report.confusion.tolist(), shares, strict=True)
    ]


def _confused(report: Report) -> list[list[str]] | None:
    """Which class is called which, the most frequent first; two classes need no list."""
    off = report.confusion * (1 - np.eye(len(report.confusion), dtype=int))
    order = np.argsort(-off, axis=None, kind="stable")[:_PAIRS]
    pairs = [divmod(int(place), len(off)) for place in order]
    names, totals = report.class_names, report.confusion.sum(axis=1)
    rows = [
        [names[i], names[j], f"{off[i, j]:,}", f"{100 * off[i, j] / totals[i]:.0f} %"] for i, j in pairs if off[i, j]
    ]
    if len(names) < 3 or not rows:
        return None
    return [["what it is", "what it is called", "times", "of its images"], *rows]


def _place(path: Path) -> str:
    """A file with its folder, which is mostly that of the class."""
    return visible(printable("/".join(path.parts[-2:])))


def _said(prediction: str, label: str, confidence: float) -> str:
    share = f"{100 * confidence:.1f} %"
    return f"called {prediction} ({share}), is {label}" if prediction != label else f"{label}, right ({share})"


def _figure(said: str, path: Path, index: int, pictures: Sequence[figures.Picture]) -> dict[str, Any]:
    return {"said": said, "file": f"{_place(path)} (image {index})", "pictures": pictures}


def _mistake(one: Any) -> dict[str, Any]:
    said = _said(one.prediction, one.label, one.confidence)
    picture = figures.thumbnail(decode(one.path, figures.SHOWN), f"Photo: {said}")
    return _figure(said, one.path, one.index, [picture])


def looked_at(report: Report) -> list[int]:
    """Positions of the test photos that the page of a training run shows: mistakes, then right answers."""
    guesses = report.logits.argmax(axis=1)
    positions = [one.index for one in report.mistakes]
    for label in range(min(_RIGHT, len(report.class_names))):
        right = np.flatnonzero((guesses == label) & (report.labels == label))
        positions += right[np.argsort(-report.logits[right, label], kind="stable")][:1].tolist()
    return positions


def _looked_at(report: Report, training: Training) -> list[dict[str, Any]]:
    """The mistakes with their Grad-CAM maps, then the surest right answer of each of a few classes."""
    from tlbook import evaluation, interpret

    guesses = report.logits.argmax(axis=1)
    positions = looked_at(report)
    if training.readable is not None:
        positions = [one for one in positions if one in training.readable]
    if not positions:
        return []
    size = training.metrics["backbone"]["input_size"]
    images = training.test.select(positions).images(size)
    heat = figures.optional(interpret.grad_cam)(training.model, images, guesses[positions], upsample=True, batch_size=4)
    sure = evaluation.probabilities(report.logits).max(axis=1)
    found = []
    for number, (position, image) in enumerate(zip(positions, images, strict=True)):
        guess = report.class_names[guesses[position]]
        said = _said(guess, report.class_names[report.labels[position]], sure[position])
        pictures = [figures.thumbnail(image, f"Photo: {said}")]
        if heat is not None:
            pictures.append(figures.thumbnail(figures.overlay(image, heat[number]), f"Heat map for {guess}"))
        found.append(_figure(said, training.test.paths[position], position, pictures))
    return found


def _answer(report: Report) -> str:
    """One sentence for whoever decides, and what the simplest rule would do."""
    accuracy, majority = report.accuracy, report.overall["majority_accuracy"]
    wrong, low, high = (_of_100(1 - value) for value in (accuracy.value, accuracy.high, accuracy.low))
    return (
        f"Of 100 new photos like these, it gets about {wrong} wrong ({low} to {high}). "
        f"Always saying the most frequent class would get {_of_100(1 - majority.value)} wrong."
    )


def _of_100(share: float) -> str:
    return "none" if share <= 0 else f"{100 * share:.0f}" if share >= 0.005 else "fewer than 1"


def _examples(maps: Sequence[dict[str, Any]], mistakes: int) -> list[dict[str, Any]]:
    """A right answer and a wrong one, without their maps."""
    return [{**one, "pictures": one["pictures"][:1]} for one in (*maps[mistakes:][:1], *maps[:mistakes][:1])]


def _versions() -> dict[str, str]:
    return {"tlbook": __version__, "python": platform.python_version(), **_files.versions("keras", "numpy")}


def _made() -> dict[str, str]:
    date = datetime.datetime.now().astimezone().isoformat(" ", "minutes")
    return {"date": date, "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"}


def _run(report: Report, training: Training) -> dict[str, Any]:
    """Values for the template of a training run that the one of a report does not have."""
    run = training.metrics
    return {
        "training": run,
        "facts": _facts(run, report.class_names),
        "steps": run.get("next_steps", []),
        "doubtful": [_seen(*one) for one in training.doubtful],
        "unlike": [_seen(*one) for one in training.unlike],
        "learning": figures.optional(figures.learning)((run["advice"]["more_photos"] or {}).get("curve", [])),
        "history": figures.optional(figures.training)(training.curves),
        "changed": _changed(run["photos"]),
        "cost": _cost(run["wall_seconds"]),
        "memory": _peak_memory(),
        "how_to_show": training.how_to_show,
    }


def _seen(path: Path, said: str) -> dict[str, Any]:
    picture = figures.thumbnail(decode(path, figures.SHOWN), f"Photo: {said}")
    return {"said": said, "file": _place(path), "pictures": [picture]}


def _facts(run: dict[str, Any], classes: Sequence[str]) -> list[tuple[str, str]]:
    validation, counts = run["validation"], run["photos"]["counts"]
    rows = [
        ("photos", ", ".join(f"{sum(split.values()):,} {name}" for name, split in counts.items())),
        ("classes", ", ".join(classes)),
        ("backbone", f"{run['backbone']['name']}: {run['backbone']['reason']}"),
        ("strategy", f"{run['strategy']['chosen']}: {run['strategy']['reason']}"),
        ("temperature", f"{run['temperature']:.3f}, fitted on validation photos and part of the model"),
    ]
    if validation["n"]:
        low, high = (100 * bound for bound in validation["accuracy_interval"])
        said = f"{100 * validation['accuracy']:.1f} % ({low:.1f} to {high:.1f}) on {validation['n']:,} photos"
        rows.append(("validation accuracy", f"{said}; too high rather than too low, since choices were made on them"))
    return rows


def _changed(photos: dict[str, Any]) -> list[tuple[str, list[list[str]], int]]:
    """Tables of files, where there are any: title, rows, and how many more there are."""
    near = photos["near_duplicates"]
    done = "left out" if near["policy"] == "drop" else "kept"
    pairs = [
        [f"{one['split']} {one['path']}", one["of"], str(one["distance"]), "yes" if one["same_label"] else "no"]
        for one in near["pairs"]
    ]
    tables = [
        ("Left out", ["file", "reason"], photos["left_out"]),
        ("Converted to 8-bit RGB", ["file", "reason"], photos["converted"]),
        (
            f"Near-duplicates in different splits, {done}",
            ["photo", "nearly the same as", "bits apart", "same label"],
            pairs,
        ),
    ]
    counted = {"Left out": photos.get("n_left_out"), tables[-1][0]: near.get("n_pairs")}  # where not all are listed
    return [
        (title, [head, *rows[:_LISTED]], max(0, (counted.get(title) or len(rows)) - _LISTED))
        for title, head, rows in tables
        if rows
    ]


def _cost(wall_seconds: dict[str, float]) -> list[list[str]]:
    rows = [[name.replace("_", " "), f"{value:,.1f}"] for name, value in wall_seconds.items()]
    return [["stage", "wall seconds"], *rows]


def _peak_memory() -> float | None:
    """Most memory that this process held so far in MiB, or None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _named(classes: Sequence[str]) -> str:
    """Few classes by name, many by number."""
    if len(classes) > 4:
        return f"{len(classes)} classes"
    return " or ".join([", ".join(classes[:-1]), classes[-1]])
