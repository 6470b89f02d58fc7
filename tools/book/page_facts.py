"""What a page says about its own making: minutes, machine, edition and date, from the run report."""

from __future__ import annotations

import datetime
import re

import nbformat

EXTENT = "% extent\n"  # the line of the front page that the length of the book takes the place of


def minutes(seconds: float) -> str:
    """In words, to the minute: what a reader wants to know before starting."""
    rounded = round(seconds / 60)
    if rounded < 1:
        return "under a minute"
    return f"{rounded} minute{'s' if rounded > 1 else ''}"


def day(report: dict) -> str:
    """The date of the report, as prose has it."""
    date = datetime.datetime.strptime(report["date"][:10], "%Y-%m-%d")
    return f"{date.day} {date:%B %Y}"


def machine(report: dict) -> str:
    """What it ran on."""
    cores = f"{report['cores']}-core CPU" if report["cores"] else "CPU"
    return f"{cores} and GPU" if report.get("gpu") else cores


def line(report: dict, name: str) -> str:
    """The line under a notebook's title, as HTML; nothing for a page that is no notebook of the report."""
    for row in report["notebooks"]:
        if row["name"] == name:
            parts = [
                minutes(row["seconds"]).capitalize(),
                machine(report),
                f"edition: {report['edition']}",
                f"executed on {day(report)}",
                '<a class="reference internal" href="run-report.html">how this copy was made</a>',
            ]
            return f'<p class="page-facts">{" · ".join(parts)}</p>'
    return ""


def words(notebook: bytes) -> int:
    """Of prose: Markdown cells without their markup."""
    cells = nbformat.reads(notebook.decode(), as_version=4).cells
    prose = " ".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return len(re.findall(r"[^\W\d_][\w'’-]*", re.sub(r"\]\([^)]*\)|\{\w+\}", " ", prose)))


def extent(report: dict, chapters: list[bytes]) -> str:
    """How long the book is, and how long its notebooks ran, for the front page."""
    if not chapters or not report["notebooks"]:
        return ""
    counts = sorted(words(chapter) for chapter in chapters)
    longest = max(row["seconds"] for row in report["notebooks"])
    return (
        f"The {len(counts)} chapters have {round(counts[0], -2):,} to {round(counts[-1], -2):,} words each. "
        f"Running a chapter's notebook took at most {minutes(longest)} for this copy "
        f"({machine(report)}, {report['edition']}, {day(report)}); [how this copy was made](run-report.md) lists all of them.\n"
    )
