"""Run notebooks on the sketches and store their outputs, with metadata that are the same wherever this is done.

    python tools/book/record.py [book/NAME.ipynb ...]      without names: every notebook of the table of contents

A notebook that fails is left as it was. What tests/book/test_book.py would object to is said at once.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat

from tlbook._files import write_text
from tools.book import contents, first_cell
from tools.book.notebook_runs import run_all


def settle(notebook: nbformat.NotebookNode) -> None:
    """Leave nothing in a notebook that depends on who ran it, when, and with what."""
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": dict(contents.KERNELSPEC), "language_info": dict(contents.LANGUAGE_INFO)}
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        kept = {
            name: cell.metadata[name] for name in ("tags", "mystnb", "jupyter", "cellView") if cell.metadata.get(name)
        }
        if "solution" in kept.get("tags", []):
            # Folded on the page, in JupyterLab and on Colab.
            kept["jupyter"] = {"outputs_hidden": True, "source_hidden": True}
            kept["cellView"] = "form"
            kept["mystnb"] = {
                **kept.get("mystnb", {}),
                "code_prompt_show": "Show the solution",
                "code_prompt_hide": "Hide the solution",
            }
        cell.metadata = nbformat.from_dict(kept)
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
        if cell.cell_type == "code":
            _merge_streams(cell)
    first_cell.put(notebook)


def _merge_streams(cell: nbformat.NotebookNode) -> None:
    """One piece of stdout between other outputs, however the kernel happened to cut it."""
    merged: list[nbformat.NotebookNode] = []
    for output in cell.outputs:
        before = merged[-1] if merged else None
        if before is not None and output.output_type == before.output_type == "stream" and output.name == before.name:
            before.text += output.text
        else:
            merged.append(output)
    cell.outputs = merged


def store(notebook: nbformat.NotebookNode, path: Path) -> None:
    nbformat.validate(notebook)
    text = nbformat.writes(notebook)
    write_text(path, text if text.endswith("\n") else text + "\n")


def main(names: list[str]) -> None:
    paths = [Path(name).resolve() for name in names] or contents.notebooks()
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise SystemExit(f"No such notebook: {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TLBOOK_CACHE"] = os.path.join(folder, "cache")
        runs = run_all([(path, Path(folder, path.name)) for path in paths], dataset=None)
        for run in runs:
            if not run.error:
                notebook = nbformat.read(run.output, as_version=4)
                settle(notebook)
                store(notebook, run.source)
    objections = 0
    for run in runs:
        if run.error:
            continue
        for complaint in contents.complaints(run.source, contents.is_chapter(run.source)):
            objections += 1
            print(f"{run.source.name}: {complaint}")
    if any(run.error for run in runs):
        raise SystemExit(1)
    print(f"stored {len(runs)} notebook(s)" + (f"; {objections} things to mend" if objections else ""))


if __name__ == "__main__":
    main(sys.argv[1:])
