"""Every chapter ends with a short quiz whose answers are folded away and explained."""

from __future__ import annotations

import re

import nbformat
import pytest

from tests.book.fixtures import contents

HEADING = "## Check yourself"
QUESTION = re.compile(
    r"^\*\*(?P<number>\d+)\. (?P<question>.+?)\*\*\n\n"
    r"(?P<options>(?:- \([a-z]\) .+\n)+)\n"
    r"<details>\n<summary>Answer to (?P<answer>\d+)</summary>\n\n"
    r"\*\*\((?P<right>[a-z])\)\*\* (?P<why>.+?)\n\n</details>",
    flags=re.MULTILINE,
)


def quiz_of(notebook: nbformat.NotebookNode) -> tuple[int, str]:
    """Number of the cell and text of the quiz."""
    found = [
        (number, cell.source)
        for number, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown" and cell.source.startswith(HEADING)
    ]
    assert len(found) == 1, f"{len(found)} cells begin with {HEADING!r}"
    return found[0]


def complaints(text: str) -> list[str]:
    """What is wrong with the text of a quiz."""
    found = list(QUESTION.finditer(text))
    wrong = []
    if text.count("<details>") != len(found) or len(re.findall(r"^\*\*\d+\. ", text, flags=re.MULTILINE)) != len(found):
        wrong.append("a question that has not the form of the others")
    if not 3 <= len(found) <= 4:
        wrong.append(f"{len(found)} questions; 3 or 4 are expected")
    for number, one in enumerate(found, start=1):
        letters = re.findall(r"^- \(([a-z])\)", one["options"], flags=re.MULTILINE)
        if (int(one["number"]), int(one["answer"])) != (number, number):
            wrong.append(f"question {number}: numbered {one['number']}, its answer {one['answer']}")
        if len(letters) < 3 or letters != list("abcdef"[: len(letters)]):
            wrong.append(f"question {number}: options {letters}")
        if one["right"] not in letters:
            wrong.append(f"question {number}: the answer is none of the options")
        unexplained = [letter for letter in letters if letter != one["right"] and f"({letter})" not in one["why"]]
        if unexplained:
            wrong.append(f"question {number}: nothing is said of {', '.join(unexplained)}")
        if len(one["why"].split()) < 25:
            wrong.append(f"question {number}: an answer of {len(one['why'].split())} words explains little")
        if re.search(r"\{\w+\}`|^:::", one["question"] + one["options"] + one["why"], flags=re.MULTILINE):
            wrong.append(f"question {number}: a role or directive, which Colab shows as it is written")
    if len(found) > 2 and len({one["right"] for one in found}) == 1:
        wrong.append("the right answer always has the same letter")
    return wrong


@pytest.mark.parametrize("path", contents.chapters(), ids=lambda path: path.stem)
def test_chapter_has_a_quiz_with_explained_answers(path):
    notebook = nbformat.read(path, as_version=4)
    number, text = quiz_of(notebook)
    assert complaints(text) == []
    assert notebook.cells[number + 1].source.startswith("## Take-away"), "the quiz stands before the take-away"
    assert not any("## Exercises" in cell.source for cell in notebook.cells[number:])


GOOD = "\n\n".join(
    [
        HEADING,
        *(
            f"**{n}. Which?**\n\n- (a) this\n- (b) that\n- (c) neither\n\n<details>\n<summary>Answer to {n}</summary>\n\n"
            f"**({right})** {'Because it is so, and for no other reason. ' * 4}"
            f"{' '.join(f'({other}) is not so.' for other in 'abc' if other != right)}\n\n</details>"
            for n, right in ((1, "a"), (2, "c"), (3, "b"))
        ),
    ]
)


def test_a_quiz_that_keeps_the_rules_gives_no_complaint():
    assert complaints(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("**3. Which?**", "**Which?**", "not the form"),
        ("</details>", "", "not the form"),
        ("(b) is not so.", "", "nothing is said of b"),
        ("Because it is so, and for no other reason. ", "", "explains little"),
        ("**(c)**", "**(d)**", "none of the options"),
        ("- (c) neither\n", "", "options"),
        ("**2. Which?**", "**4. Which?**", "numbered 4"),
        ("Which?", "Which {term}`probe`?", "a role"),
    ],
)
def test_a_rule_that_is_broken_is_named(old, new, expected):
    found = complaints(GOOD.replace(old, new))
    assert any(expected in complaint for complaint in found), found


def test_two_questions_are_too_few():
    assert any("2 questions" in complaint for complaint in complaints(GOOD[: GOOD.index("\n\n**3.")]))


def test_one_letter_for_all_is_named():
    swapped = GOOD
    for right in "bc":
        swapped = swapped.replace(f"**({right})**", "**(a)**").replace("(a) is not so.", f"({right}) is not so.")
    assert any("same letter" in complaint for complaint in complaints(swapped))
