"""A small chapter that keeps every rule, for tests of the build and of the rules themselves."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.book import build, contents, record

ROOT = contents.ROOT

# One grey pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="


def small_chapter() -> nbformat.NotebookNode:
    """As its author writes it: not run, no outputs."""
    cells = [
        new_markdown_cell("# Feature extraction\n\nHow far does a {term}`linear probe` go {cite}`yosinski2014`?"),
        new_code_cell("from IPython.display import display\n\nfrom tlbook import checks"),
        new_code_cell('dataset = "sketches"  # or "photos"', metadata={"tags": ["parameters"]}),
        new_code_cell('checks.within("accuracy of the probe, %", 93, 88, 96)'),
        new_code_cell('import time\n\nprint(f"{time.time()} s")', metadata={"tags": ["nbval-ignore-output"]}),
        new_markdown_cell("A proportion $\\hat p$ has the standard error $\\sqrt{\\hat p(1-\\hat p)/n}$."),
        new_code_cell(
            f'display({{"image/png": "{PNG}"}}, raw=True)',
            metadata={"mystnb": {"image": {"alt": "One grey pixel, as large as a figure can be small."}}},
        ),
    ]
    for number in range(15):
        cells += [new_markdown_cell(f"Step {number}."), new_code_cell(f"value = {number}\nvalue + 1")]
    for number in range(4):
        cells += [
            new_markdown_cell(f":::{{exercise}} One more\n:label: feature-extraction-{number}\nAdd one.\n:::"),
            new_code_cell(
                f"# @title Solution: one more\nprint({number} + 1)", metadata={"tags": ["solution", "hide-cell"]}
            ),
        ]
    cells.append(new_markdown_cell("## Take-away\n\nOne more each time."))
    return new_notebook(cells=cells)


def stored_small_chapter() -> nbformat.NotebookNode:
    """The same with the outputs that a run leaves, and settled as `make record` settles it."""
    notebook = small_chapter()
    count = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            if "display({" in cell.source:
                cell.outputs = [new_output("display_data", data={"image/png": PNG})]
            elif "checks.within" in cell.source:
                text = "accuracy of the probe, %: between 88 and 96, as promised\n"
                cell.outputs = [new_output("stream", name="stdout", text=text)]
            elif cell.source.startswith("# @title"):
                text = str(int(re.search(r"print\((\d+)", cell.source)[1]) + 1)
                cell.outputs = [new_output("stream", name="stdout", text=f"{text}\n")]
            elif cell.source.startswith("value"):
                text = str(int(cell.source.split()[2]) + 1)
                cell.outputs = [new_output("execute_result", data={"text/plain": text}, execution_count=count)]
    record.settle(notebook)
    return notebook


def write(notebook: nbformat.NotebookNode, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


__all__ = ["PNG", "ROOT", "contents", "record", "small_chapter", "stored_small_chapter", "write"]


def make_mini_book(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A book of one small chapter, with the real settings, glossary and bibliography, which the tools take for theirs."""
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    for name in ("_config.yml", "book/glossary.md", "book/bibliography.md", "book/references.bib"):
        shutil.copy(ROOT / name, root / name)
    (root / "book" / "index.md").write_text("# Book\n\n[](feature-extraction.ipynb) and [](run-report.md)\n")
    pages = ["feature-extraction", "glossary", "bibliography"]
    toc = {"format": "jb-book", "root": "book/index"}
    toc["parts"] = [{"caption": "Chapters", "chapters": [{"file": f"book/{page}"} for page in pages]}]
    toc["parts"][0]["chapters"][0]["to"] = "see how far a probe goes"
    (root / "_toc.yml").write_text(yaml.safe_dump(toc))
    write(stored_small_chapter(), root / "book" / "feature-extraction.ipynb")
    monkeypatch.setattr(contents, "ROOT", root)
    monkeypatch.setattr(contents, "BUILD", root / "_build")
    monkeypatch.setattr(build, "ROOT", root)
    return root
