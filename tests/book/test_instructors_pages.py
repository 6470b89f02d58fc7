"""The instructor's pages: in the source, not in the book that students read, and in step with the assignments."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from tools.book import contents

ROOT = contents.ROOT
PAGES = sorted((ROOT / "book" / "instructors").glob("*.md"))
ASSIGNMENTS = ["convolutions", "features-and-probes", "fine-tuning-and-augmentation", "evaluation", "open-project"]


def slug(heading: str) -> str:
    """Anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    return {slug(found) for found in re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)}


def test_there_are_pages_and_none_is_in_the_book():
    assert len(PAGES) >= 3
    assert not {path for _, path in contents.pages()} & set(PAGES)
    for _, path in contents.pages():
        assert "instructors/" not in path.read_text(encoding="utf-8"), f"{path.name} leads students there"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        page = path.parent / file if file else path
        assert page.is_file(), target
        assert not anchor or anchor in anchors(page), target


def questions(name: str) -> tuple[set[int], int]:
    """Numbers of the questions graded by machine, and how many a person reads."""
    notebook = nbformat.read(ROOT / "assignments" / name / f"{name}.ipynb", as_version=4)
    heads = [cell.source for cell in notebook.cells if cell.source.startswith("# BEGIN QUESTION")]
    written = [head for head in heads if "manual: true" in head]
    graded = {int(found[1]) for head in heads if head not in written and (found := re.search(r"name: q(\d+)", head))}
    return graded, len(written)


@pytest.mark.parametrize(("number", "name"), list(enumerate(ASSIGNMENTS, start=1)))
def test_marking_speaks_of_every_question(number, name):
    text = (ROOT / "book" / "instructors" / "marking.md").read_text(encoding="utf-8")
    section = text.split(f"## Assignment {number}:")[1].split("\n## ")[0]
    graded, written = questions(name)
    assert {int(row) for row in re.findall(r"^\| (\d+) ", section, flags=re.MULTILINE)} == graded
    assert written == 1, "the rubric is for one written answer in each assignment"


def minutes(row: str) -> tuple[int, int]:
    """Least and most homework of a session, from its first and last column."""
    _, before, _, after = (cell for cell in row.strip().strip("|").split("|"))
    found = re.findall(r"\((\d+)(?:–(\d+))?\)", before + after)
    return sum(int(low) for low, _ in found), sum(int(high or low) for low, high in found)


def test_the_hours_are_those_of_the_plan():
    text = (ROOT / "book" / "instructors" / "index.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d\. .+\|$", text, flags=re.MULTILINE)
    assert len(rows) == 6
    assert [row for row in rows if "assignment 5: " in row] == rows[-1:], "the last session is that of assignment 5"
    for row in rows:
        in_class = [int(part.split()[0]) for part in row.split("|")[3].split("·")]
        assert sum(in_class) == 90, row
    spent = [minutes(row) for row in rows]
    assert all(low > 0 for low, _ in spent)
    said = re.search(
        r"between ([\d.]+) and ([\d.]+) hours in two weeks, and to between ([\d.]+) and ([\d.]+) hours", text
    )
    counted = [sum(one[k] for one in part) / 60 for part in (spent, spent[:-1]) for k in (0, 1)]
    assert [float(one) for one in said.groups()] == [round(2 * hours) / 2 for hours in counted], counted


@pytest.mark.parametrize(("number", "name"), list(enumerate(ASSIGNMENTS, start=1)))
def test_an_assignment_takes_as_long_as_the_plan_says(number, name):
    plan = (ROOT / "book" / "instructors" / "index.md").read_text(encoding="utf-8")
    notebook = nbformat.read(ROOT / "assignments" / name / f"{name}.ipynb", as_version=4)
    first = next(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    said = re.search(r"(\d+) to (\d+) minutes", first)
    planned = re.search(rf"assignment {number}(?:: [^|(]+)? \((\d+)–(\d+)\)", plan)
    assert said.groups() == planned.groups()


def test_the_table_of_results_is_described():
    text = (ROOT / "book" / "instructors" / "grading.md").read_text(encoding="utf-8")
    report = (ROOT / "assignments" / "grading" / "report.py").read_text(encoding="utf-8")
    columns = re.search(r"writer\.writerow\(\[(.+)\]\)", report)[1]
    for column in re.findall(r'"(\w+)"', columns):
        assert f"`{column}`" in text, column
