"""Results of a class: one CSV, and for each student a page that says what was right, and hints for the rest."""

from __future__ import annotations

import csv
import hashlib
import html
import io
import math
import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from grading import checks
from grading.submission import Result
from tlbook._files import write_text

__all__ = ["csv_text", "file_names", "hints", "items_text", "page", "plain", "summary", "write"]

STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
body { color: #1a1a1a; background: #fff; }
h2 { margin: 1.6rem 0 .3rem; font-size: 1.15rem; }
table { border-collapse: collapse; }
td, th { padding: .2rem .8rem .2rem 0; text-align: left; }
ul { margin: .2rem 0; padding-left: 1.2rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f3f3f3; padding: .6rem; }
""".strip()


def write(path: Path, text: str) -> None:
    """A whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text.encode("utf-8", "backslashreplace").decode("utf-8"))


def plain(text: str) -> str:
    """Without what steers a terminal, and without bytes of a file name that are no text."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(character if character.isprintable() else " " for character in text)


def file_names(students: Iterable[str]) -> dict[str, str]:
    """A file name for each student: readable, and different for different ones, whether or not capitals count."""
    readable = {
        name: "".join(c if c.isalnum() or c in "-_. " else "_" for c in plain(name)).strip(". ")[:80]
        for name in students
    }
    taken = Counter(_folded(one) for one in readable.values())
    names = {}
    for student, name in readable.items():
        hashed = re.search(r"-[0-9a-f]{16}$", name)  # as those are that get a hash
        alone = name == student and taken[_folded(name)] == 1 and not hashed
        digest = hashlib.sha256(student.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        names[student] = name if alone else f"{name}-{digest}"
    return names


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _number(value: float) -> str:
    return f"{round(value, 2):g}"


def _safe(text: str) -> str:
    """A spreadsheet takes a cell that begins like this for a formula."""
    text = plain(text)
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text


def csv_text(results: dict[str, tuple[str, Result]], questions: list[checks.Question]) -> str:
    """The table: student, file, status, points of each question, total, out_of, percent, notes.

    Parameters
    ----------
    results : dict
        By student: file, result.
    questions : list of Question
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    out_of = sum(question.points for question in questions if question.name != "bonus")
    whole = out_of or 1  # of no assignment: nothing to be had
    names = [question.name for question in questions]
    writer.writerow(["student", "file", "status", *names, "total", "out_of", "percent", "notes"])
    for student in sorted(results):
        file, result = results[student]
        points = [_number(result.points(name)) for name in names]
        percent = f"{100 * result.total / whole:.1f}"
        notes = " | ".join(result.notes[:3])
        row = [_safe(student), _safe(file), result.status, *points, _number(result.total), _number(out_of), percent]
        writer.writerow([*row, _safe(notes)[:500]])
    return out.getvalue()


def page(student: str, assignment: str, result: Result, questions: list[checks.Question]) -> str:
    """The feedback page. Of a hidden check it shows the hint at most, never what was tested."""
    escape, student = html.escape, plain(student)
    out_of = sum(question.points for question in questions if question.name != "bonus")
    parts = [
        "<!doctype html>",
        '<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>{escape(assignment)}: {escape(student)}</title><style>{STYLE}</style>",
        f"<h1>{escape(assignment)}</h1>",
        f"<p>{escape(student)}: <strong>{_number(result.total)} of {_number(out_of)} points</strong></p>",
        "<table><tr><th>Question<th>Points</tr>",
    ]
    for question in questions:
        got = f"{_number(result.points(question.name))} of {_number(question.points)}"
        parts.append(f"<tr><td>{escape(question.name)}<td>{got}</tr>")
    parts.append("</table>")
    for question in questions:
        parts += _question(question, result.outcomes[question.name])
    if result.notes:
        parts.append("<h2>While your notebook ran</h2><ul>")
        parts += [f"<li>{escape(note)}</li>" for note in result.notes]
        parts.append("</ul>")
    if result.printed.strip():
        parts.append("<details><summary>The beginning of what it printed</summary>")
        parts.append(f"<pre>{escape(result.printed[:4000])}</pre></details>")
    return "\n".join(parts) + "\n"


def _told(outcomes: list[checks.Outcome]) -> list[tuple[str, list[str]]]:
    """For public and hidden checks: how many passed, and a hint for each of the others."""
    told = []
    for hidden, title in ((False, "Checks that you could run"), (True, "Checks run after handing in")):
        these = [outcome for outcome in outcomes if outcome.hidden == hidden]
        if these:
            passed = sum(outcome.passed for outcome in these)
            given = [one.hint or "Read the question again." for one in these if not one.passed]
            told.append((f"{title}: {passed} of {len(these)} passed.", list(dict.fromkeys(given))))
    return told


def hints(question: checks.Question, outcomes: list[checks.Outcome]) -> str:
    """What a student is told about a question, as plain text."""
    return "\n".join(line for title, given in _told(outcomes) for line in (title, *(f"- {hint}" for hint in given)))


def _question(question: checks.Question, outcomes: list[checks.Outcome]) -> list[str]:
    parts = [f"<h2>{html.escape(question.name)}</h2>"]
    for title, given in _told(outcomes):
        parts.append(f"<p>{title}</p>")
        if given:
            parts.append("<ul>" + "".join(f"<li>{html.escape(hint)}</li>" for hint in given) + "</ul>")
    return parts


def items(results: dict[str, tuple[str, Result]], questions: list[checks.Question]) -> list[tuple[str, float, float]]:
    """Item statistics over what could be graded: name, difficulty, discrimination.

    Difficulty is the mean share of a question's points; discrimination the correlation of its points with those of all other
    questions (corrected item-total correlation), NaN where either does not vary.
    """
    graded = [result for _, result in results.values() if result.status == "graded"]
    rows = []
    for question in questions:
        points = [result.points(question.name) for result in graded]
        others = [result.total - own for result, own in zip(graded, points, strict=True)]
        varies = len(set(points)) > 1 and len(set(others)) > 1
        discrimination = statistics.correlation(points, others) if varies else math.nan
        difficulty = statistics.mean(points) / question.points if points else math.nan
        rows.append((question.name, difficulty, discrimination))
    return rows


def items_text(results: dict[str, tuple[str, Result]], questions: list[checks.Question]) -> str:
    """The table: question, points, submissions, difficulty, discrimination."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["question", "points", "submissions", "difficulty", "discrimination"])
    n = sum(result.status == "graded" for _, result in results.values())
    for question, (name, *values) in zip(questions, items(results, questions), strict=True):
        writer.writerow([name, _number(question.points), n, *("" if math.isnan(x) else f"{x:.2f}" for x in values)])
    return out.getvalue()


def summary(results: dict[str, tuple[str, Result]], questions: list[checks.Question]) -> str:
    """For the instructor's screen: how many, the median, and what each question told."""
    totals = [result.total for _, result in results.values()]
    if not totals:
        return "no submissions"
    lines = [f"{len(totals)} submissions, median {_number(statistics.median(totals))} points"]
    for name, difficulty, discrimination in items(results, questions):
        if math.isnan(difficulty):
            continue
        told = "" if math.isnan(discrimination) else f", correlation with the rest {discrimination:.2f}"
        lines.append(f"  {name}: {100 * difficulty:.0f} % of its points on average{told}")
    return "\n".join(lines)
