"""The first cell: the same in every notebook, silent at home, and on Colab the package of the commit that was published."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import types
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.book.fixtures import ROOT, small_chapter, stored_small_chapter, write
from tlbook import hosted
from tools.book import contents, first_cell, publish_notebooks, repository

FOUND = repository.Repository("some-body", "their-book", commit="0123456789abcdef" * 2 + "01234567", published=True)
REPORT = {"cores": 4, "notebooks": [{"name": "feature-extraction", "seconds": 96.0, "error": ""}]}


# ---- put into a notebook ----


def test_it_stands_under_the_title_and_later_cells_count_one_higher():
    shown = new_output("execute_result", data={"text/plain": "2"}, execution_count=1)
    run = [new_code_cell("1 + 1", execution_count=1, outputs=[shown]), new_code_cell("3", execution_count=2)]
    notebook = new_notebook(cells=[new_markdown_cell("# Title"), run[0], new_markdown_cell("Words."), run[1]])
    assert first_cell.put(notebook)
    assert [first_cell.is_first_cell(cell) for cell in notebook.cells] == [False, True, False, False, False]
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == [1, 2, 3]
    assert notebook.cells[2].outputs[0].execution_count == 2
    assert notebook.cells[2].outputs[0].data == {"text/plain": "2"}
    nbformat.validate(notebook)
    before = nbformat.writes(notebook)
    assert not first_cell.put(notebook)
    assert nbformat.writes(notebook) == before


def test_it_is_put_right_where_it_was_moved_copied_or_changed():
    right = stored_small_chapter()
    moved = stored_small_chapter()
    moved.cells.insert(8, moved.cells.pop(1))
    twice = stored_small_chapter()
    twice.cells.insert(8, nbformat.from_dict(twice.cells[1]))
    changed = stored_small_chapter()
    changed.cells[1].source = "print('hello')"
    for notebook in (moved, twice, changed):
        assert first_cell.put(notebook)
        assert [cell.source for cell in notebook.cells] == [cell.source for cell in right.cells]
        assert [c.get("execution_count") for c in notebook.cells] == [c.get("execution_count") for c in right.cells]


def test_a_notebook_that_was_not_run_stays_so():
    notebook = small_chapter()
    first_cell.put(notebook)
    assert {cell.execution_count for cell in notebook.cells if cell.cell_type == "code"} == {None}


@pytest.mark.parametrize("spoil", ["source", "place", "missing"])
def test_the_rules_of_the_book_see_a_first_cell_that_is_not_right(spoil, tmp_path):
    notebook = stored_small_chapter()
    if spoil == "source":
        notebook.cells[1].source += "\nprint()"
    elif spoil == "place":
        notebook.cells.insert(4, notebook.cells.pop(1))
        first_cell.renumber(notebook)
    else:
        notebook.cells.pop(1)
        first_cell.renumber(notebook)
    (found,) = contents.complaints(write(notebook, tmp_path / "chapter.ipynb"), chapter=True)
    assert "first code cell" in found


def test_it_is_short_in_the_repository_and_when_published():
    notebook = stored_small_chapter()
    assert len(notebook.cells[1].source.splitlines()) <= 6
    publish_notebooks.finished(notebook, "feature-extraction", FOUND, REPORT)
    assert len(notebook.cells[1].source.splitlines()) <= 6


# ---- what it does ----


@pytest.fixture
def shell(monkeypatch):
    """An interactive shell in which %pip only writes down what it was asked for."""
    for name in ("COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    shell = InteractiveShell()
    shell.asked = []
    shell.register_magic_function(shell.asked.append, magic_name="pip")
    return shell


def run(shell, source):
    with capture_output() as said:
        result = shell.run_cell(source)
    return result.error_in_exec, said


def published_source():
    notebook = stored_small_chapter()
    publish_notebooks.finished(notebook, "feature-extraction", FOUND, REPORT)
    return notebook.cells[1].source


def test_at_home_it_does_nothing(shell):
    for source in (first_cell.SOURCE, published_source()):
        error, said = run(shell, source)
        assert (error, said.stdout, said.stderr, said.outputs, shell.asked) == (None, "", "", [], [])


@pytest.mark.parametrize("name", ["COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE"])
def test_hosted_it_installs_the_published_commit_and_says_how_long_it_takes(shell, monkeypatch, name):
    monkeypatch.setenv(name, "x")
    monkeypatch.setattr(hosted, "gpu_name", lambda: "Tesla T4")
    error, said = run(shell, published_source())
    assert error is None
    (asked,) = shell.asked
    assert (
        asked.split('"')[1]
        == f"tlbook[cluster,fast,lite0,shards,text] @ git+https://github.com/some-body/their-book@{FOUND.commit}"
    )
    assert said.stdout == (
        "GPU: Tesla T4. This chapter takes about 2 minutes without a GPU (on 4 cores); with one it was not timed.\n"
    )


def test_hosted_the_copy_of_the_repository_stops_and_says_where_to_go(shell, monkeypatch):
    monkeypatch.setenv("COLAB_RELEASE_TAG", "x")
    error, _ = run(shell, first_cell.SOURCE)
    assert isinstance(error, RuntimeError)
    assert "the book's page" in str(error)
    assert shell.asked == []


# ---- published ----


def test_a_notebook_for_readers_carries_nothing_of_the_machine_that_ran_it():
    notebook = stored_small_chapter()
    notebook.metadata.papermill = {"duration": 3}
    notebook.cells[3].metadata.papermill = {"status": "completed"}
    for count, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count + (count > 4)  # a cell was left out
    publish_notebooks.finished(notebook, "feature-extraction", None, REPORT)
    assert notebook.metadata == {
        "kernelspec": contents.KERNELSPEC,
        "language_info": contents.LANGUAGE_INFO,
    }
    assert notebook.cells[1].source == first_cell.SOURCE  # nothing is known, so nothing is written
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_minutes_with_a_gpu_are_told_only_where_somebody_measured_them(tmp_path, monkeypatch):
    monkeypatch.setattr(publish_notebooks, "ROOT", tmp_path)
    report = {"cores": 8, "notebooks": [{"name": "feature-extraction", "seconds": 30.0, "error": ""}]}
    path = tmp_path / publish_notebooks.GPU_REPORT
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(report))
    assert "hosted.welcome(cpu=1.6, cores=4, gpu=0.5)" in published_source()
    report["notebooks"][0]["error"] = "MemoryError"
    path.write_text(json.dumps(report))
    assert "hosted.welcome(cpu=1.6, cores=4)" in published_source()


def test_a_notebook_without_the_cell_is_not_published():
    with pytest.raises(ValueError, match="0 cells with the id"):
        first_cell.published(small_chapter(), FOUND.package)


@pytest.fixture
def built(tmp_path, monkeypatch):
    """Both editions of a book of one notebook, as build.py stages them."""
    chapter = tmp_path / "book" / "feature-extraction.ipynb"
    for name in ("_config.yml", "LICENSE", "LICENSE-CC-BY-4.0"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    for module in (contents, publish_notebooks):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(contents, "BUILD", tmp_path / "_build")
    monkeypatch.setattr(contents, "notebooks", lambda: [chapter])
    for dataset in contents.DATASETS:
        notebook = stored_small_chapter()
        publish_notebooks.finished(notebook, "feature-extraction", FOUND, REPORT)
        write(notebook, contents.work_folder(dataset) / "source" / "book" / chapter.name)
    return tmp_path


def test_the_branch_holds_both_editions_and_what_binder_needs(built):
    out = built / "out"
    (out / "stale").mkdir(parents=True)
    publish_notebooks.gather(FOUND, out)
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {
        "book/feature-extraction.ipynb",
        "photos/book/feature-extraction.ipynb",
        ".binder/requirements.txt",
        ".binder/runtime.txt",
        "README.md",
        "LICENSE",
        "LICENSE-CC-BY-4.0",
    }
    assert not (out / "stale").exists()
    assert (out / ".binder" / "requirements.txt").read_text() == f"{FOUND.package}\n"
    assert FOUND.commit in (out / "README.md").read_text()
    sketches, photos = (
        nbformat.read(out / f / "book" / "feature-extraction.ipynb", as_version=4) for f in ("", "photos")
    )
    assert any(cell.get("outputs") for cell in sketches.cells)
    assert not any(cell.get("outputs") for cell in photos.cells)
    for notebook in (sketches, photos):
        nbformat.validate(notebook)
        assert first_cell.installs(notebook.cells[1].source) == FOUND.package


def test_the_front_page_links_to_what_is_published_and_to_nothing_else(monkeypatch):
    page = b"# Book\n\n% links\n"
    report = {"edition": "sketches"}
    for found in (None, dataclasses.replace(FOUND, published=False)):
        monkeypatch.setattr(repository, "find", lambda root, found=found: found)
        staged = {Path("_config.yml"): b"sphinx: {config: {}}\n", Path("book/index.md"): page}
        publish_notebooks.complete(staged, report)
        assert staged[Path("book/index.md")] == b"# Book\n\n\n"
    said = publish_notebooks.links(FOUND, "https://some.where/book/")
    assert said.startswith("[Read it online](https://some.where/book/) · [Open a chapter on Colab](https://colab.")
    assert f"/{FOUND.owner}/{FOUND.name}/blob/{FOUND.branch}/book/" in said
    index = (ROOT / "book" / "index.md").read_text(encoding="utf-8")
    assert publish_notebooks.LINKS in index


def test_what_was_built_at_another_commit_is_not_published(built):
    other = repository.Repository("some-body", "their-book", commit="f" * 40, published=True)
    with pytest.raises(SystemExit, match="build the book at this commit first"):
        publish_notebooks.gather(other, built / "out")


def test_nothing_built_is_nothing_published(built, monkeypatch):
    monkeypatch.setattr(contents, "BUILD", built / "empty")
    with pytest.raises(SystemExit, match="No edition is built"):
        publish_notebooks.gather(FOUND, built / "out")


# ---- what it says ----


@pytest.mark.parametrize(
    ("known", "gpu", "expected"),
    [
        ({}, "", "No GPU here. How long this chapter takes was not measured.\n"),
        (
            {"cpu": 0.4},
            "",
            "No GPU here. This chapter takes less than a minute without a GPU; with one it was not timed.\n",
        ),
        ({"gpu": 1.2}, "A", "GPU: A. This chapter takes about 1 minute with a GPU; without one it was not timed.\n"),
        (
            {"cpu": 3.4, "cores": 2, "gpu": 0.6},
            "A",
            "GPU: A. This chapter takes about 3 minutes without a GPU (on 2 cores), less than a minute with one.\n",
        ),
    ],
)
def test_words_of_welcome(known, gpu, expected, monkeypatch, capsys):
    monkeypatch.setattr(hosted, "gpu_name", lambda: gpu)
    hosted.welcome(**known)
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("cpu", "gpu", "here", "told"),
    [(40, 5, "", True), (40, 30, "", False), (40, 5, "Tesla T4", False), (4, 1, "", False)],
)
def test_switching_is_advised_only_where_it_saves_much(cpu, gpu, here, told, monkeypatch, capsys):
    monkeypatch.setattr(hosted, "gpu_name", lambda: here)
    hosted.welcome(cpu=cpu, gpu=gpu)
    assert ("choose another runtime" in capsys.readouterr().out) == told


def test_minutes_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"cpu=0: give a number above 0\."):
        hosted.welcome(cpu=0)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (types.SimpleNamespace(returncode=0, stdout="Tesla T4\nTesla T4\n"), "Tesla T4"),
        (types.SimpleNamespace(returncode=9, stdout="NVIDIA-SMI has failed"), ""),
        (FileNotFoundError("nvidia-smi"), ""),
        (subprocess.TimeoutExpired("nvidia-smi", 30), ""),
    ],
)
def test_the_name_of_the_gpu(outcome, expected, monkeypatch):
    def answer(*_, **__):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(hosted.subprocess, "run", answer)
    assert hosted.gpu_name() == expected
