"""The comparison of stored outputs can fail: it does where a promise was changed, and where the probe learns nothing.

Each chapter is copied twice: once with every promised line altered, which is compared with the outputs as they are stored,
and once with a cell put in that shuffles the labels the probe is trained on, which is run. By default the second is done
with two chapters, by `make test-thorough` with all.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from tests.book.fixtures import ROOT, contents, stored_small_chapter, write

SHUFFLE = """
import numpy
import tlbook.transfer

_whole = tlbook.transfer.linear_probe


def linear_probe(train_features, train_labels, *rest, **options):
    rng = numpy.random.default_rng(0)
    parts = isinstance(train_labels, list)  # of a table that is read part by part
    shuffled = [rng.permutation(one) for one in train_labels] if parts else rng.permutation(train_labels)
    return _whole(train_features, shuffled, *rest, **options)


tlbook.transfer.linear_probe = linear_probe
"""


def promises(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells that print a promise, in the order of the notebook."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and re.search(r"\b(?:within|holds)\(", cell.source) and cell.outputs
    ]


def with_promises_changed(notebook: nbformat.NotebookNode) -> set[int]:
    """Change one number, or where there is none one word, in each promising cell; say which code cells these are."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    changed = set()
    for cell in promises(notebook):
        stream = next(output for output in cell.outputs if output.output_type == "stream")
        before = stream.text
        stream.text = re.sub(
            r"\d(?!.*\d)", lambda digit: str((int(digit[0]) + 1) % 10), before, count=1, flags=re.DOTALL
        )
        if stream.text == before:
            stream.text = before.replace(" ", " not ", 1)
        assert stream.text != before
        changed.add(code.index(cell))
    return changed


def with_labels_shuffled(notebook: nbformat.NotebookNode) -> None:
    """Put a cell after the parameters, in which `linear_probe` is replaced by one trained on shuffled labels."""
    place = next(index for index, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    cell = new_code_cell(SHUFFLE)
    cell.execution_count = 1
    notebook.cells.insert(place + 1, cell)


def start(folder, *options: str) -> subprocess.Popen:
    """`pytest --nbval` on the notebooks of a folder, with the options of pyproject.toml and the kernels' environment of book/."""
    (folder / "conftest.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from tools.book import contents, executed\ncontents.set_kernel_environment(2)\n"
        "pytest_addoption, pytest_configure = executed.pytest_addoption, executed.use\n"
    )
    command = [sys.executable, "-m", "pytest", "--nbval", str(folder), *options, "-q", "-p", "no:cacheprovider"]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "--junitxml", "report.xml"]
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return subprocess.Popen(command, cwd=folder, env=outer, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def outcome(run: subprocess.Popen, folder) -> tuple[int, set[tuple[str, int]], str]:
    """(exit status, (notebook, number of the code cell) of each that failed, everything that was printed)."""
    printed, _ = run.communicate(timeout=1200)
    failed = set()
    for case in ElementTree.parse(folder / "report.xml").iter("testcase"):
        if any(child.tag in ("failure", "error") for child in case):
            cell = re.search(r"Cell (\d+)", case.get("name"))[1]
            failed.add((case.get("classname").removesuffix(".ipynb"), int(cell)))
    return run.returncode, failed, printed


ALWAYS = ("measure", "why-it-transfers")  # the quickest that train a probe


def test_a_changed_promise_fails_where_it_stands_and_nowhere_else(tmp_path):
    expected = set()
    for path in contents.chapters():
        changed = nbformat.read(path, as_version=4)
        cells = with_promises_changed(changed)
        assert cells, f"{path.stem}: a chapter without a promise"
        expected |= {(path.stem, cell) for cell in cells}
        write(changed, tmp_path / path.name)
    status, failed, printed = outcome(start(tmp_path, f"--executed={ROOT / 'book'}"), tmp_path)
    assert status == 1, printed
    assert failed == expected, printed


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=() if path.stem in ALWAYS else pytest.mark.thorough)
        for path in contents.chapters()
        if "linear_probe" in path.read_text(encoding="utf-8")
    ],
)
def test_a_probe_trained_on_shuffled_labels_breaks_a_promise(path, tmp_path):
    shuffled = nbformat.read(path, as_version=4)
    with_labels_shuffled(shuffled)
    write(shuffled, tmp_path / path.name)
    status, failed, printed = outcome(start(tmp_path), tmp_path)
    assert status == 1, printed
    assert failed
    assert "PromiseBroken" in printed


def test_an_unchanged_notebook_passes(tmp_path):
    """Otherwise the failures above could have any cause."""
    write(stored_small_chapter(), tmp_path / "chapter.ipynb")
    status, failed, printed = outcome(start(tmp_path), tmp_path)
    assert (status, failed) == (0, set()), printed


def last_code_cell(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return [cell for cell in notebook.cells if cell.cell_type == "code"][-1]


def unreached(notebook: nbformat.NotebookNode) -> None:
    last = last_code_cell(notebook)
    last.execution_count, last.outputs = None, []


def other_source(notebook: nbformat.NotebookNode) -> None:
    last_code_cell(notebook).source += "\n"


def other_output(notebook: nbformat.NotebookNode) -> None:
    next(cell for cell in notebook.cells if cell.get("outputs")).outputs[0].text = "another\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (None, "passed"),
        (other_output, "Cell outputs differ"),
        (other_source, "is a run of another notebook"),
        (unreached, "the run did not reach this cell"),
    ],
)
def test_a_run_that_is_over_is_compared_like_one_that_goes_on(change, said, tmp_path):
    notebook = stored_small_chapter()
    stored, runs = tmp_path / "stored", tmp_path / "runs"
    write(notebook, stored / "chapter.ipynb")
    if change:
        change(notebook)
    write(notebook, runs / "chapter.ipynb")
    status, failed, printed = outcome(start(stored, f"--executed={runs}"), stored)
    assert (status, len(failed)) == ((1, 1) if change else (0, 0)), printed
    assert said in printed
