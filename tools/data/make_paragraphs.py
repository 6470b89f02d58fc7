"""Take the snapshot of the book's own paragraphs on which the chapter on text works.

    python tools/data/make_paragraphs.py          write tlbook/data/paragraphs-1.json anew

The chapters change, and the stored outputs of the chapter on text must not change with them: so it reads a snapshot, which says
of which commit it is, and is made anew only when somebody calls this. A paragraph has twenty words or more; headings, lists,
tables, boxes, exercises, quizzes and what stands after them are left out, and so are the marks of references.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import nbformat

from tlbook._files import write_json
from tools import ROOT
from tools.book import contents
from tools.book.repository import git

FILE = ROOT / "tlbook" / "data" / "paragraphs-1.json"
WORDS = 20
LEFT_OUT = {"The data", "Reference", "Beyond cat or dog"}  # parts: the last is where the snapshot is used
END = "## Exercises"
NO_PROSE = ("#", "|", "-", "*   ", "<", "$$", "%", "```")


def plain(text: str) -> str:
    """A paragraph as it is read: terms and links by their words, no references, no marks of emphasis."""
    text = re.sub(r" ?\{cite\}`[^`]*`", "", text)
    text = re.sub(r"\{\w+\}`([^`<]*?)(?: <[^>]*>)?`", r"\1", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return " ".join(re.sub(r"[*`]", "", text).split())


def paragraphs(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """(section, paragraph) of a chapter, up to its exercises."""
    found, section = [], "opening"
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        text = re.sub(r"^:::+\{.*?^:::+$", "", cell.source, flags=re.MULTILINE | re.DOTALL)
        text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for block in map(str.strip, re.split(r"\n\s*\n", text)):
            if block.startswith(END):
                return found
            if block.startswith("## "):
                section = plain(block.removeprefix("## "))
            elif not block.startswith(NO_PROSE) and not re.match(r"\d+\. ", block):
                words = plain(block)
                if len(words.split()) >= WORDS:
                    found.append((section, words))
    return found


def chapters() -> list[Path]:
    """The notebooks that are read."""
    pages = contents.pages()
    return [path for caption, path in pages if path.suffix == ".ipynb" and caption not in LEFT_OUT]


def main() -> None:
    rows = []
    for path in chapters():
        rows += [[path.stem, *row] for row in paragraphs(nbformat.read(path, as_version=4))]
    snapshot = {
        "about": "Paragraphs of the book's own chapters: chapter, section, text.",
        "command": "python tools/data/make_paragraphs.py",
        "commit": git(ROOT, "rev-parse", "HEAD"),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "licence": "CC BY 4.0",
        "paragraphs": rows,
    }
    write_json(FILE, snapshot)
    print(f"{FILE.name}: {len(rows)} paragraphs of {len({row[0] for row in rows})} chapters")


if __name__ == "__main__":
    main()
