"""The first code cell of every notebook: on Colab and Kaggle it installs the package; elsewhere it does nothing.

    python tools/book/first_cell.py      put it into every notebook of the table of contents, where it is missing

In the repository the cell names no address, since a fork has another one and a commit cannot name itself: on Colab it stops
and says where to find the copy that knows. `published` makes that copy, for the repository and the commit that publish.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

ID = "on-colab-or-kaggle"
SOURCE = """\
# @title On Colab or Kaggle (with internet on), run this first.
import os

if {"COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE"} & set(os.environ):
    raise RuntimeError("Open the copy of this chapter from the book's page.")\
"""
# Without the empty line: short enough that nobody minds it above the imports.
PUBLISHED = """\
# @title On Colab or Kaggle (with internet on), run this first.
import os
if {{"COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE"}} & set(os.environ):
    %pip install --quiet "{package}"
    from tlbook import hosted
    hosted.welcome({minutes})"""
# Folded on Colab and in JupyterLab; not shown on a page, where nothing can be run.
METADATA = {"cellView": "form", "jupyter": {"source_hidden": True}, "tags": ["remove-cell"]}


def is_first_cell(cell: nbformat.NotebookNode) -> bool:
    """Whether it is this cell, in any version."""
    return cell.cell_type == "code" and cell.get("id") == ID


def new() -> nbformat.NotebookNode:
    """The cell as it stands in the repository, not run."""
    return nbformat.v4.new_code_cell(SOURCE, id=ID, metadata=nbformat.from_dict(METADATA))


def put(notebook: nbformat.NotebookNode) -> bool:
    """Put the cell above all other code, and count the cells that were run after it one higher; say whether anything changed.

    The cell prints nothing where notebooks are recorded, so stored outputs stay what they were.
    """
    others = [cell for cell in notebook.cells if not is_first_cell(cell)]
    place = next((index for index, cell in enumerate(others) if cell.cell_type == "code"), len(others))
    cell = new()
    old = notebook.cells[place] if len(notebook.cells) == len(others) + 1 else None
    if old is not None and is_first_cell(old) and (old.source, old.metadata, old.outputs) == (SOURCE, METADATA, []):
        return False
    run = any(other.get("execution_count") for other in others)
    cell.execution_count = 1 if run else None
    notebook.cells = [*others[:place], cell, *others[place:]]
    renumber(notebook)
    return True


def renumber(notebook: nbformat.NotebookNode) -> None:
    """Count the cells that were run from 1 on, in their order, as a fresh run does."""
    count = 0
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.execution_count is not None:
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count


def published(notebook: nbformat.NotebookNode, package: str, **minutes: float) -> None:
    """Let the cell install one package, and say how many minutes the notebook takes.

    Parameters
    ----------
    notebook : NotebookNode
        Changed in place; it has the cell already.
    package : str
        What pip is to install: the package of the commit that the notebook was run at.
    **minutes : float
        What is known of `cpu`, `cores` and `gpu`, as `tlbook.hosted.welcome` takes them.
    """
    known = ", ".join(f"{name}={value:.3g}" for name, value in minutes.items())
    found = [cell for cell in notebook.cells if is_first_cell(cell)]
    if len(found) != 1:
        raise ValueError(f"{len(found)} cells with the id {ID}; exactly one is expected: run tools/book/first_cell.py")
    found[0].source, found[0].outputs = PUBLISHED.format(package=package, minutes=known), []


def installs(source: str) -> str:
    """What the cell of a published notebook installs, or nothing for any other text."""
    found = re.search(r'%pip install --quiet "([^"]+)"', source)
    return found[1] if found else ""


def main() -> None:
    from tools.book import contents, record

    for path in contents.notebooks():
        notebook = nbformat.read(path, as_version=4)
        if put(notebook):
            record.store(notebook, Path(path))
            print(f"{path.name}: put in")


if __name__ == "__main__":
    main()
