"""The snapshot of the book's paragraphs: what is taken, what is left out, and what the shipped one says of itself."""

from __future__ import annotations

import json
import re

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.data import make_paragraphs

LONG = " ".join(["word"] * make_paragraphs.WORDS)


def test_terms_links_and_references_become_words():
    text = "A {term}`probe <linear probe>` and a *{term}`head`* {cite}`he2016`, see [here](a.ipynb) and `x`."
    assert make_paragraphs.plain(text) == "A probe and a head, see here and x."


def test_prose_up_to_the_exercises_with_its_section():
    cells = [
        new_markdown_cell(f"# Title\n\n{LONG} opening"),
        new_code_cell(f"'{LONG} code'"),
        new_markdown_cell(f"## One\n\n{LONG} one\n\nfew words\n\n- {LONG} list\n\n1. {LONG} step\n\n| {LONG} |"),
        new_markdown_cell(
            f":::{{admonition}} Predict\n:class: tip\n{LONG} box\n:::\n\n{LONG} after\n\n```python\n{LONG}\n```"
        ),
        new_markdown_cell(f"## Exercises\n\n{LONG} exercise"),
        new_markdown_cell(f"## Take-away\n\n{LONG} take"),
    ]
    found = make_paragraphs.paragraphs(new_notebook(cells=cells))
    assert found == [("opening", f"{LONG} opening"), ("One", f"{LONG} one"), ("One", f"{LONG} after")]


def test_the_chapters_that_use_the_snapshot_are_not_in_it():
    names = {path.stem for path in make_paragraphs.chapters()}
    assert "feature-extraction" in names
    assert not names & {"text", "other-inputs", "sketches"}


def test_the_shipped_snapshot():
    snapshot = json.loads(make_paragraphs.FILE.read_text(encoding="utf-8"))
    assert re.fullmatch(r"[0-9a-f]{40}", snapshot["commit"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", snapshot["date"])
    assert (snapshot["licence"], snapshot["command"]) == ("CC BY 4.0", "python tools/data/make_paragraphs.py")
    chapters, sections, texts = zip(*snapshot["paragraphs"], strict=True)
    assert len(set(texts)) == len(texts) > 400
    assert len(set(zip(chapters, sections, strict=True))) > 100
    assert min(len(text.split()) for text in texts) >= make_paragraphs.WORDS
    assert not any(re.search(r"\{\w+\}`|^:::|\]\(", text) for text in texts)
    assert make_paragraphs.FILE.stat().st_size < 250_000
