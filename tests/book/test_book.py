"""What every stored notebook of the book must be like, and that the rules see it when one is not."""

from __future__ import annotations

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tests.book.fixtures import PNG, ROOT, contents, record, stored_small_chapter, write

NOTEBOOKS = contents.notebooks()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_notebook_keeps_the_rules(path):
    assert contents.complaints(path, contents.is_chapter(path)) == []


def test_every_notebook_of_the_book_is_in_the_table_of_contents():
    assert sorted((ROOT / "book").glob("*.ipynb")) == sorted(NOTEBOOKS)
    assert contents.chapters(), "a book without a chapter"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_says_that_it_is_the_same_in_all_editions_where_it_is(path):
    """The comment behind the parameter goes on after `or "photos"`; what is run once for all editions is found by its code."""
    (cell,) = [one for one in nbformat.read(path, as_version=4).cells if "parameters" in contents.tags(one)]
    assert contents.edition_of(path, "photos") == ("sketches" if '"photos": ' in cell.source else "photos"), cell.source


def test_exercise_labels_are_unique_and_begin_with_the_chapter():
    labels = []
    for path in contents.chapters():
        found = [label for _, label in contents.exercises(nbformat.read(path, as_version=4))]
        assert all(label.startswith(path.stem) for label in found), found
        labels += found
    assert len(labels) == len(set(labels))


def test_index_names_every_page():
    index = (ROOT / "book" / "index.md").read_text(encoding="utf-8")
    for _, path in contents.pages()[1:]:
        assert f"]({path.name})" in index, path.name


def test_package_page_names_every_public_module():
    page = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
    modules = {path.stem for path in (ROOT / "tlbook").glob("[a-z]*.py")}
    modules |= {path.parent.name for path in (ROOT / "tlbook").glob("[a-z]*/__init__.py")}
    listed = {line.split("tlbook.")[1] for line in page.splitlines() if line.startswith(".. automodule:: tlbook.")}
    below = {name for name in listed if "." in name}  # parts of a package that have pages of their own
    assert all((ROOT / "tlbook" / f"{name.replace('.', '/')}.py").is_file() for name in below)
    listed -= below
    assert listed <= modules
    # `progress` draws bars for the others; the last four serve the book's own notebooks: readers call none of them.
    assert modules - listed == {"progress", "checks", "figures", "hosted", "results"}


# ---- the rules themselves ----


def code(notebook, start):
    return next(cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.startswith(start))


def complaints_of(notebook, tmp_path):
    return contents.complaints(write(notebook, tmp_path / "chapter.ipynb"), chapter=True)


def test_a_chapter_that_keeps_the_rules_gives_no_complaint(tmp_path):
    assert complaints_of(stored_small_chapter(), tmp_path) == []


def never_run(notebook):
    code(notebook, "value = 3").execution_count = None


def run_twice(notebook):
    code(notebook, "value = 3").execution_count = 99


def no_alt(notebook):
    del code(notebook, "display").metadata["mystnb"]


def short_alt(notebook):
    code(notebook, "display").metadata["mystnb"]["image"]["alt"] = "a plot"


def alt_without_figure(notebook):
    code(notebook, "display").outputs = []


def jpeg(notebook):
    code(notebook, "display").outputs.append(new_output("display_data", data={"image/jpeg": PNG}))


def stored_error(notebook):
    code(notebook, "value = 3").outputs = [new_output("error", ename="ValueError", evalue="no", traceback=[])]


def stderr(notebook):
    code(notebook, "value = 3").outputs = [new_output("stream", name="stderr", text="oneDNN is on")]


def address(notebook):
    code(notebook, "value = 3").outputs = [new_output("stream", name="stdout", text="<object at 0x7f3a5c2b1d90>")]


def machine_path(notebook):
    code(notebook, "value = 3").outputs = [new_output("stream", name="stdout", text="read /home/somebody/cats")]


def digits(notebook):
    code(notebook, "value = 3").outputs = [new_output("stream", name="stdout", text="accuracy 0.93471")]


def digits_in_table(notebook):
    html = "<td>93.471826</td>"
    code(notebook, "value = 3").outputs = [new_output("display_data", data={"text/html": html})]


def unknown_tag(notebook):
    code(notebook, "value = 3").metadata["tags"] = ["nbval-skip"]


def ignored_promise(notebook):
    code(notebook, "checks.within").metadata["tags"] = ["nbval-ignore-output"]


def no_parameters(notebook):
    code(notebook, "dataset").metadata["tags"] = []


def photo_parameters(notebook):
    code(notebook, "dataset").source = 'dataset = "photos"'


def kernel_version(notebook):
    notebook.metadata["language_info"]["version"] = "3.11.7"


def run_times(notebook):
    code(notebook, "value = 3").metadata["papermill"] = {"duration": 0.1}


def long_cell(notebook):
    code(notebook, "value = 3").source = "\n".join(f"a{line} = {line}" for line in range(21))


def too_large(notebook):
    code(notebook, "display").outputs[0].data["image/png"] = "A" * 2_100_000


def unfinished(notebook):
    notebook.cells.append(new_markdown_cell("TODO: say more"))


def no_promise(notebook):
    code(notebook, "checks.within").source = "None"


def no_title(notebook):
    notebook.cells[0].source = "Feature extraction"


def three_exercises(notebook):
    notebook.cells = [cell for cell in notebook.cells if "feature-extraction-3" not in cell.source]


def no_solution(notebook):
    cell = next(cell for cell in notebook.cells if "feature-extraction-2" in cell.source)
    notebook.cells.insert(notebook.cells.index(cell) + 1, new_markdown_cell("Think."))


def shown_solution(notebook):
    code(notebook, "# @title").metadata["tags"] = ["solution"]


def unlabelled_exercise(notebook):
    cell = next(cell for cell in notebook.cells if "feature-extraction-2" in cell.source)
    cell.source = cell.source.replace(":label: feature-extraction-2\n", "")


def empty_cell(notebook):
    notebook.cells.append(new_code_cell(""))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (never_run, "never run"),
        (run_twice, "not run once each"),
        (no_alt, "without alt text"),
        (short_alt, "without alt text"),
        (alt_without_figure, "alt text and no figure"),
        (jpeg, "JPEG"),
        (stored_error, "stored error ValueError"),
        (stderr, "writes to stderr"),
        (address, "memory address"),
        (machine_path, "path of one machine: /home/somebody/cats"),
        (digits, "prints 0.93471"),
        (digits_in_table, "prints 93.471826"),
        (unknown_tag, "tag nbval-skip"),
        (ignored_promise, "a promise in a cell whose output is not compared"),
        (no_parameters, "exactly one cell is tagged parameters"),
        (photo_parameters, "exactly one cell is tagged parameters"),
        (kernel_version, "notebook metadata"),
        (run_times, "metadata papermill"),
        (long_cell, "a code cell of 21 lines"),
        (too_large, "2.1 MB"),
        (unfinished, "unfinished"),
        (no_promise, "no result is promised"),
        (no_title, "not a title"),
        (three_exercises, "3 exercises"),
        (no_solution, "not followed by its solution"),
        (shown_solution, "a solution is tagged hide-cell too"),
        (unlabelled_exercise, "without a label"),
        (empty_cell, "empty"),
    ],
)
def test_a_rule_that_is_broken_is_named(spoil, expected, tmp_path):
    notebook = stored_small_chapter()
    spoil(notebook)
    found = complaints_of(notebook, tmp_path)
    assert any(expected in complaint for complaint in found), found


def test_settling_removes_what_differs_from_run_to_run():
    notebook = stored_small_chapter()
    notebook.metadata.update(papermill={"duration": 3}, widgets={"state": {}})
    notebook.metadata.language_info.version = "3.13.0"
    for cell in notebook.cells:
        cell.metadata.update(execution={"iopub.status.idle": "2026-01-01"}, papermill={"status": "completed"})
    split = code(notebook, "value = 3")
    split.outputs = [new_output("stream", name="stdout", text="a\n"), new_output("stream", name="stdout", text="b\n")]
    record.settle(notebook)
    assert split.outputs == [new_output("stream", name="stdout", text="a\nb\n")]
    split.outputs = [new_output("execute_result", data={"text/plain": "4"}, execution_count=split.execution_count)]
    assert (
        notebook == (again := stored_small_chapter())
        or [
            cell
            for cell, other in zip(notebook.cells, again.cells, strict=True)
            if {**cell, "id": 0} != {**other, "id": 0}
        ]
        == []
    )
    assert notebook.metadata == again.metadata
