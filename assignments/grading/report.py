"""Results of a class: one CSV, and for each student a page that says what was right, and hints for the rest."""

from __future__ import annotations

import csv
import html
import io
import statistics
from pathlib import Path

from grading import checks
from grading.submission import Result
from tlbook._files import write_text

__all__ = ["csv_text", "page", "summary", "write"]

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
    write_text(path, text)


def _number(value: float) -> str:
    return f"{round(value, 2):g}"


def _safe(text: str) -> str:
    """A spreadsheet takes a cell that begins like this for a formula."""
    text = "".join(character if character.isprintable() else " " for character in text)
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
    names = [question.name for question in questions]
    writer.writerow(["student", "file", "status", *names, "total", "out_of", "percent", "notes"])
    for student in sorted(results):
        file, result = results[student]
        points = [_number(result.points(name)) for name in names]
        percent = f"{100 * result.total / out_of:.1f}"
        notes = " | ".join(result.notes[:3])
        row = [_safe(student), _safe(file), result.status, *points, _number(result.total), _number(out_of), percent]
        writer.writerow([*row, _safe(notes)[:500]])
    return out.getvalue()


def page(student: str, assignment: str, result: Result, questions: list[checks.Question]) -> str:
    """The feedback page. Of a hidden check it shows the hint at most, never what was tested."""
    escape = html.escape
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


def _question(question: checks.Question, outcomes: list[checks.Outcome]) -> list[str]:
    parts = [f"<h2>{html.escape(question.name)}</h2>"]
    for hidden, title in ((False, "Checks that you could run"), (True, "Checks run after handing in")):
        these = [outcome for outcome in outcomes if outcome.hidden == hidden]
        if not these:
            continue
        passed = sum(outcome.passed for outcome in these)
        parts.append(f"<p>{title}: {passed} of {len(these)} passed.</p>")
        hints = [one.hint or "Read the question again." for one in these if not one.passed]
        if hints:
            parts.append("<ul>" + "".join(f"<li>{html.escape(hint)}</li>" for hint in dict.fromkeys(hints)) + "</ul>")
    return parts


def summary(results: dict[str, tuple[str, Result]], questions: list[checks.Question]) -> str:
    """For the instructor's screen: how many, the median, and each question's share of its points."""
    totals = [result.total for _, result in results.values()]
    if not totals:
        return "no submissions"
    lines = [f"{len(totals)} submissions, median {_number(statistics.median(totals))} points"]
    for question in questions:
        mean = statistics.mean(result.points(question.name) for _, result in results.values())
        lines.append(f"  {question.name}: {100 * mean / question.points:.0f} % of its points on average")
    return "\n".join(lines)
