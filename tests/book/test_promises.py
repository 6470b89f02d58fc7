"""The comparison of stored outputs can fail: it does where a promise was changed, and where the probe learns nothing.

Each chapter is copied twice and run by `pytest --nbval`, once with every promised line altered, once with a cell put in
that shuffles the labels the probe is trained on. Both runs go on at the same time, since importing TensorFlow is most of them.
By default two chapters are tried, by `make test-thorough` all.
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
    shuffled = numpy.random.default_rng(0).permutation(train_labels)
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


def start(path) -> subprocess.Popen:
    """`pytest --nbval` on one notebook, with the options of pyproject.toml and the kernels' environment of book/."""
    (path.parent / "conftest.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from tools.book import contents\ncontents.set_kernel_environment(2)\n"
    )
    command = [sys.executable, "-m", "pytest", "--nbval", path.name, "-q", "-p", "no:cacheprovider"]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(path.parent), "--junitxml", "report.xml"]
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return subprocess.Popen(
        command, cwd=path.parent, env=outer, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def failed_cells(run: subprocess.Popen, folder) -> tuple[int, set[int], str]:
    """(exit status, numbers of the code cells that failed, everything that was printed)."""
    printed, _ = run.communicate(timeout=1200)
    failed = set()
    for case in ElementTree.parse(folder / "report.xml").iter("testcase"):
        if any(child.tag in ("failure", "error") for child in case):
            failed.add(int(re.search(r"Cell (\d+)", case.get("name"))[1]))
    return run.returncode, failed, printed


ALWAYS = ("why-it-transfers", "own-photos")  # the quickest


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(path, id=path.stem, marks=() if path.stem in ALWAYS else pytest.mark.thorough)
        for path in contents.chapters()
    ],
)
def runs(request, tmp_path_factory):
    changed = nbformat.read(request.param, as_version=4)
    expected = with_promises_changed(changed)
    folders = tmp_path_factory.mktemp("changed"), tmp_path_factory.mktemp("shuffled")
    started = [start(write(changed, folders[0] / request.param.name))]
    uses_probe = "linear_probe" in request.param.read_text(encoding="utf-8")
    if uses_probe:
        shuffled = nbformat.read(request.param, as_version=4)
        with_labels_shuffled(shuffled)
        started.append(start(write(shuffled, folders[1] / request.param.name)))
    outcome = [failed_cells(run, folder) for run, folder in zip(started, folders, strict=False)]
    return expected, outcome[0], outcome[1] if uses_probe else None


def test_a_changed_promise_fails_where_it_stands_and_nowhere_else(runs):
    expected, (status, failed, printed), _ = runs
    assert status == 1, printed
    assert expected, "a chapter without a promise"
    assert failed == expected, printed


def test_a_probe_trained_on_shuffled_labels_breaks_a_promise(runs):
    _, _, shuffled = runs
    if shuffled is None:
        pytest.skip("this chapter trains no probe")
    status, failed, printed = shuffled
    assert status == 1, printed
    assert failed
    assert "PromiseBroken" in printed


def test_an_unchanged_notebook_passes(tmp_path):
    """Otherwise the failures above could have any cause."""
    path = write(stored_small_chapter(), tmp_path / "chapter.ipynb")
    status, failed, printed = failed_cells(start(path), tmp_path)
    assert (status, failed) == (0, set()), printed
