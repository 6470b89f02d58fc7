"""The machine around the book: environment, lock, runner, pages."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import subprocess
import sys
import tomllib
from html import unescape
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.book.fixtures import ROOT, make_mini_book, small_chapter, write
from tools.book import build, contents, notebook_runs, write_readme
from tools.env import setup_env

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def declared(*extras: str) -> dict[str, Requirement]:
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    return {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, lines)}


# ---- what is installed ----


def test_lock_satisfies_every_range_and_pins_with_hashes():
    pins = {}
    for block in re.findall(r"^[A-Za-z0-9].*(?:\n    .*)*", LOCK, flags=re.MULTILINE):
        requirement = Requirement(block.split(" \\")[0])
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), block[:80]
        assert "--hash=sha256:" in block, block[:80]
        pins[canonicalize_name(requirement.name)] = str(requirement.specifier)[2:]
    for name, requirement in declared("assignments", "book", "browser", "fast", "test").items():
        assert requirement.specifier.contains(pins[name]), (name, pins[name], str(requirement.specifier))
    assert pins["tensorflow"] == pins["tensorflow-cpu"]


def test_lock_names_no_address():
    assert not re.search(r"https?:|file:|--(?:extra-)?index|--find-links|(?:^|\s)/\w+/", LOCK)


def test_conda_environment_has_the_same_packages_and_ranges():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    lines = [line for line in environment["dependencies"] if isinstance(line, str)]
    lines += [line for line in environment["dependencies"][-1]["pip"] if not line.startswith("-")]
    conda = {}
    for line in lines:
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name).replace("matplotlib-base", "matplotlib")
        conda[name] = requirement.specifier
    assert conda.pop("python") == Requirement(f"python{PROJECT['requires-python']}").specifier
    conda.pop("pip")
    extras = ("assignments", "book", "browser", "cluster", "fast", "lite0", "shards", "test", "text")
    assert conda == {name: requirement.specifier for name, requirement in declared(*extras).items()}


def test_lower_bounds_admit_colab():
    colab = {
        "tensorflow": "2.20.0",
        "keras": "3.13.2",
        "numpy": "2.1.3",
        "scikit-learn": "1.6.1",
        "matplotlib": "3.10.0",
    }
    for name, version in colab.items():
        assert declared()[name].specifier.contains(version), name


def test_package_imports_only_what_it_declares():
    modules = {"sklearn": "scikit-learn", "PIL": "pillow"}
    # used where they are installed, and said so
    optional = {
        "onnx",
        "onnxruntime",
        "tf2onnx",
        "ai_edge_litert",
        "IPython",
        "jax",
        "dask",
        "pyarrow",
        "webdataset",
        "distributed",
    }
    allowed = {*declared(), "tlbook", *sys.stdlib_module_names, *optional}
    for path in sorted((ROOT / "tlbook").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                assert canonicalize_name(modules.get(top, top)) in {canonicalize_name(one) for one in allowed}, (
                    path,
                    name,
                )


def test_wheel_carries_data_results_and_licences(tmp_path):
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is in requirements.lock")
    import zipfile

    built = next(wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    names = set(zipfile.ZipFile(built).namelist())
    for path in subprocess.run(["git", "ls-files", "tlbook"], cwd=ROOT, capture_output=True, text=True).stdout.split():
        assert path in names
    for path in (ROOT / "book" / "results").glob("*.json"):
        assert f"tlbook/_results/{path.name}" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert any(name.endswith("/licenses/LICENSE-CC-BY-4.0") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "tools/", "book/"))]


# ---- the environment ----


def test_a_suitable_python_is_found_behind_an_unsuitable_one(monkeypatch):
    versions = {"old": (3, 10), "new": (3, 14), "right": (3, 12)}
    monkeypatch.setattr(setup_env, "candidates", lambda: [["missing"], ["old"], ["new"], ["right"]])
    monkeypatch.setattr(setup_env, "version_of", lambda command: versions.get(command[0]))
    assert setup_env.suitable_python() == ["right"]


def test_no_suitable_python_says_what_was_found_and_what_would_do(monkeypatch):
    versions = {"old": (3, 10), "new": (3, 14)}
    monkeypatch.setattr(setup_env, "candidates", lambda: [["old"], ["new"], ["old"]])
    monkeypatch.setattr(setup_env, "version_of", lambda command: versions.get(command[0]))
    with pytest.raises(SystemExit, match=r"3\.11, 3\.12 or 3\.13; found: 3\.10, 3\.14\."):
        setup_env.suitable_python()


def test_version_of_this_python_and_of_no_python():
    assert setup_env.version_of([sys.executable]) == sys.version_info[:2]
    assert setup_env.version_of(["no-such-python"]) is None


def test_environment_is_remade_when_the_lock_changes(tmp_path, monkeypatch):
    (tmp_path / "lock").write_text("numpy==2.1.0\n")
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setattr(setup_env, "ROOT", str(tmp_path))
    monkeypatch.setattr(setup_env, "LOCK", str(tmp_path / "lock"))
    venv = tmp_path / "venv"
    write_text(Path(setup_env.venv_python(str(venv))), "")
    assert not setup_env.up_to_date(str(venv))
    write_text(Path(setup_env.stamp(str(venv))), setup_env.fingerprint() + "\n")
    assert setup_env.up_to_date(str(venv))
    (tmp_path / "lock").write_text("numpy==2.1.1\n")
    assert not setup_env.up_to_date(str(venv))


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_one_package_of_the_lock_with_its_hashes():
    lines = setup_env.locked("uv").splitlines()
    assert lines[0].startswith("uv==")
    assert all(line.strip().startswith("--hash=sha256:") for line in lines[1:])
    assert len(lines) > 2
    with pytest.raises(SystemExit, match="does not pin no-such-package"):
        setup_env.locked("no-such-package")


# ---- running notebooks ----


def small(*sources: str) -> nbformat.NotebookNode:
    parameters = new_code_cell('dataset = "sketches"', metadata={"tags": ["parameters"]})
    return new_notebook(cells=[parameters, *map(new_code_cell, sources)], metadata={"kernelspec": contents.KERNELSPEC})


def test_a_failing_notebook_names_its_cell_and_error_and_the_others_still_run(tmp_path, capfd):
    hold = "block = bytearray(150_000_000)\nimport time\ntime.sleep(1)\nprint(dataset)"
    sources = [
        write(small("1 + 1", "ears = 2\nears / 0"), tmp_path / "fails.ipynb"),
        write(small(hold), tmp_path / "runs.ipynb"),
        write(small("import os\nos._exit(3)"), tmp_path / "dies.ipynb"),
    ]
    runs = notebook_runs.run_all([(path, tmp_path / "out" / path.name) for path in sources], dataset="photos")
    failed, ran, died = runs
    assert [run.source for run in runs] == sources
    assert failed.error == "ZeroDivisionError: division by zero"
    assert "ears / 0" in failed.error_source
    assert ran.error == ""
    assert ran.cells == 2
    assert ran.seconds > 1
    assert 150e6 < ran.peak_bytes < 1e9
    outputs = [cell.get("outputs") for cell in nbformat.read(ran.output, as_version=4).cells]
    assert outputs[-1][0].text == "photos\n"
    assert "died" in died.error.lower()
    assert (failed.started, ran.started, died.started) == (3, 2, 2)
    shown = capfd.readouterr().err
    assert re.search(r"fails\.ipynb, code cell 3: ZeroDivisionError: division by zero", shown)
    assert "runs: ran" in shown


def test_what_ran_is_taken_again_until_something_changes_that_decides_it(tmp_path, capfd):
    path, output = write(small("1 + 1"), tmp_path / "adds.ipynb"), tmp_path / "out" / "adds.ipynb"

    def again(reuse=True):
        (run,) = notebook_runs.run_all([(path, output)], dataset="sketches", reuse=reuse)
        return run

    first = again()
    assert not first.reused
    second = again()
    assert second == dataclasses.replace(first, reused=True)
    assert f"adds: ran on {first.date}, nothing has changed since" in capfd.readouterr().err
    assert not again(reuse=False).reused
    (other,) = notebook_runs.run_all([(path, output)], dataset="photos")
    assert other.reused, "the same in every edition"
    output.write_text(output.read_text() + "\n")  # not what that run left
    assert not again().reused
    write(small("1 + 2"), path)
    assert not again().reused
    write(small("1 / 0"), path)
    assert again().error
    assert again().error, "a failed run is not taken for one that went well"


def test_a_notebook_that_reads_no_data_set_is_run_once_for_all_editions(mini_book):
    path = mini_book / "book" / "feature-extraction.ipynb"
    for source, edition in (("datasets.load(DATA)", "sketches"), ("datasets.load(f'{dataset}-2')", "photos")):
        write(small(source), path)
        assert contents.edition_of(path, "photos") == edition
        assert contents.executions("photos") == [(path, contents.work_folder(edition) / "executed" / path.name)]


def test_the_longest_notebook_begins_first_and_runs_come_back_in_order(mini_book, monkeypatch):
    folder, began = contents.work_folder("sketches") / "executed", []
    for name, seconds in (("short", 3.5), ("long", 200), ("torn", None)):
        write(small(name), mini_book / "book" / f"{name}.ipynb")
        write_text(folder / f"{name}.json", json.dumps({"seconds": seconds} if seconds else []))
    jobs = [(mini_book / "book" / f"{name}.ipynb", mini_book / f"{name}.out") for name in ("torn", "short", "long")]

    def fail(run, *_):
        began.append(run.source.stem)
        run.error = "left out"

    monkeypatch.setattr(notebook_runs, "workers_for", lambda count: 1)
    monkeypatch.setattr(notebook_runs, "_execute", fail)
    runs = notebook_runs.run_all(jobs, "photos")
    assert began == ["long", "short", "torn"]
    assert [run.source for run in runs] == [source for source, _ in jobs]


def test_the_outputs_of_a_notebook_depend_on_package_records_lock_and_data_set(tmp_path, monkeypatch):
    path = write(small("1 + 1"), tmp_path / "adds.ipynb")
    monkeypatch.setattr(notebook_runs, "ROOT", tmp_path)
    for name in ("tlbook/a.py", "book/results/r.json", "requirements.lock", "pyproject.toml"):
        write_text(tmp_path / name, "before")
    before = notebook_runs.inputs(path, "sketches")
    write_text(tmp_path / "tlbook/__pycache__/a.pyc", "compiled")
    assert notebook_runs.inputs(path, "sketches") == before
    assert notebook_runs.inputs(path, "photos") != before
    for name in ("tlbook/a.py", "tlbook/b.py", "book/results/r.json", "requirements.lock", "pyproject.toml"):
        write_text(tmp_path / name, "after it")
        after = notebook_runs.inputs(path, "sketches")
        assert after != before, name
        before = after


def test_the_kernel_is_this_environment_whatever_the_user_has_registered(tmp_path, monkeypatch):
    elsewhere = tmp_path / "data" / "kernels" / "python3"
    elsewhere.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "Python 3", "language": "python"}
    (elsewhere / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "data"))
    path = write(small("import sys\nprint(sys.prefix)"), tmp_path / "one.ipynb")
    (run,) = notebook_runs.run_all([(path, tmp_path / "out.ipynb")], dataset=None)
    assert run.error == ""
    assert nbformat.read(run.output, as_version=4).cells[-1].outputs[0].text.strip() == sys.prefix


def test_no_more_notebooks_at_once_than_fit(monkeypatch):
    monkeypatch.setattr(notebook_runs.os, "cpu_count", lambda: 8)
    available = type("Memory", (), {"available": 7 << 30})
    monkeypatch.setattr(notebook_runs.psutil, "virtual_memory", lambda: available)
    assert notebook_runs.workers_for(5) == 2
    assert notebook_runs.workers_for(1) == 1
    available.available = 1 << 30
    assert notebook_runs.workers_for(5) == 1


# ---- pages ----


@pytest.fixture
def mini_book(tmp_path, monkeypatch):
    return make_mini_book(tmp_path / "project", monkeypatch)


def test_a_book_is_built_from_notebooks_just_run_and_asks_nothing_of_the_network(mini_book, monkeypatch, capsys):
    before = {path: path.read_bytes() for path in (mini_book / "book").rglob("*") if path.is_file()}
    monkeypatch.setattr(sys, "argv", ["build.py", "--dataset", "photos"])
    monkeypatch.setattr(
        build.datasets, "load", lambda name: None
    )  # the small book reads no photo, and there may be none
    commit = "0123456789abcdef0123456789abcdef01234567"
    for name, value in {"REPOSITORY": "some-body/fork", "SHA": commit, "REF_TYPE": "tag", "REF_NAME": "v9"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    monkeypatch.delenv("GITHUB_SERVER_URL", raising=False)
    build.main()
    html = mini_book / "_build" / "photos" / "html"
    assert capsys.readouterr().out.strip().endswith(f"Open {html / 'index.html'}")
    assert before == {path: path.read_bytes() for path in (mini_book / "book").rglob("*") if path.is_file()}
    assert 'url=book/index.html"' in (html / "index.html").read_text()

    page = (html / "book" / "feature-extraction.html").read_text(encoding="utf-8")
    words = unescape(re.sub(r"<[^>]+>", "", page))
    assert 'dataset = "photos"' in words
    assert 'dataset = "sketches"' not in words
    assert "# Parameters" not in words
    assert page.count("Show the solution") == 4
    assert '<details class="admonition hide' in page
    assert 'alt="One grey pixel, as large as a figure can be small."' in page
    assert "between 88 and 96, as promised" in page

    for path in (path for path in html.rglob("*.html") if "_static" not in path.parts):  # which holds a template
        text = path.read_text(encoding="utf-8")
        fetched = re.findall(r"<(?:script|img|iframe|source|video)\b[^>]*\bsrc=[\"'](?:https?:)?//[^\"']*", text)
        fetched += re.findall(r"<link\b(?![^>]*rel=[\"']canonical)[^>]*\bhref=[\"'](?:https?:)?//[^\"']*", text)
        assert not fetched, (path, fetched)
        for script in re.findall(r"<script\b[^>]*\bsrc=[\"']([^\"'?#]+)", text):
            assert (path.parent / script).exists(), (path, script)
    for path in html.rglob("*.css"):
        assert not re.search(
            r"url\([\"']?(?:https?:)?//|@import +[\"'](?:https?:)?//", path.read_text(encoding="utf-8")
        ), path
    assert "mathjax/tex-chtml.js" in page

    # The buttons lead to what the fork publishes under this tag, and the download is a notebook that can install itself.
    opened = "some-body/fork/blob/notebooks-v9/photos/book/feature-extraction.ipynb"
    links = set(re.findall(r'href="(https://[^"]+)"', unescape(page)))
    assert {
        f"https://colab.research.google.com/github/{opened}",
        f"https://kaggle.com/kernels/welcome?src=https://github.com/{opened}",
        "https://mybinder.org/v2/gh/some-body/fork/notebooks-v9?urlpath=lab/tree/photos/book/feature-extraction.ipynb",
        "https://github.com/some-body/fork",
    } <= links
    assert 'href="../_sources/book/feature-extraction.ipynb"' in page
    download = nbformat.read(html / "_sources" / "book" / "feature-extraction.ipynb", as_version=4)
    assert f"git+https://github.com/some-body/fork@{commit}" in download.cells[1].source
    assert download.metadata.kernelspec.name == "python3"
    assert "COLAB_RELEASE_TAG" not in words  # on the page itself there is nothing to run
    glossary = (html / "book" / "glossary.html").read_text(encoding="utf-8")
    assert "colab" not in glossary.lower()

    report = json.loads((mini_book / "_build" / "photos" / "run-report.json").read_text())
    assert report["edition"] == "photos"
    assert report["versions"]["keras"]
    (row,) = report["notebooks"]
    assert row["seconds"] > 0
    assert row["peak_gb"] > 0
    assert row["code_cells"] == 25
    assert "How this copy was made" in (html / "book" / "run-report.html").read_text(encoding="utf-8")


def test_a_link_that_leads_nowhere_fails_the_build_and_leaves_the_old_pages(mini_book, capsys):
    html = contents.html_folder("sketches")
    html.mkdir(parents=True)
    (html / "index.html").write_text("the old pages")
    chapter = small_chapter()
    chapter.cells.append(new_markdown_cell("See {term}`no such term` and [this](no-such-page.md)."))
    path = write(chapter, mini_book / "book" / "feature-extraction.ipynb")
    work = contents.work_folder("sketches")
    build.stage({path: path}, build.report_on([], "sketches"), work / "source")
    with pytest.raises(SystemExit, match="could not be built"):
        build.build(work / "source", work / "pages", html, build.report_on([], "sketches"))
    said = capsys.readouterr().err
    assert "no such term" in said
    assert "no-such-page" in said
    assert (html / "index.html").read_text() == "the old pages"


def test_a_failing_notebook_builds_no_pages_and_exits_with_one(mini_book, monkeypatch):
    write(small("ears"), mini_book / "book" / "feature-extraction.ipynb")
    monkeypatch.setattr(sys, "argv", ["build.py"])
    with pytest.raises(SystemExit) as stopped:
        build.main()
    assert "1 of 1 notebooks failed" in str(stopped.value.code)  # a text as code is printed, and the status is 1
    assert not contents.html_folder("sketches").exists()
    report = json.loads((mini_book / "_build" / "sketches" / "run-report.json").read_text())
    assert report["notebooks"][0]["error"] == "NameError: name 'ears' is not defined"


def test_staging_again_touches_only_what_changed(mini_book):
    path = mini_book / "book" / "feature-extraction.ipynb"
    folder = contents.work_folder("sketches") / "source"
    report = build.report_on([], "sketches")
    build.stage({path: path}, report, folder)
    glossary, stale = folder / "book" / "glossary.md", folder / "book" / "gone.md"
    stale.write_text("a page that the book no longer has")
    stamp = glossary.stat().st_mtime_ns
    build.stage({path: path}, report, folder)
    assert glossary.stat().st_mtime_ns == stamp
    assert not stale.exists()


# ---- the repository ----


def test_make_alone_explains_every_command():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY:(.*)$", makefile, flags=re.MULTILINE)[1].split()) - {"help", "env"}
    screen = re.findall(r'^\t@echo "(.*)"$', makefile, flags=re.MULTILINE)
    explained = {line.split()[1] for line in screen if line.startswith("  make ")}
    assert targets == explained
    assert len(screen) <= 45 and max(map(len, screen)) <= 110
    for script in re.findall(r"(?:tools|tests|benchmarks)/[\w/]+\.py", makefile):
        assert (ROOT / script).is_file(), script


def test_citation_and_package_agree_on_the_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    package = re.search(r'__version__ = "(.*)"', (ROOT / "tlbook" / "__init__.py").read_text(encoding="utf-8"))[1]
    assert citation["version"] == package


def test_pages_that_repeat_records_and_citation_say_what_those_say():
    for page, name, content in write_readme.BLOCKS:
        assert content(page) in (ROOT / page).read_text(encoding="utf-8"), (page, name)
    assert write_readme.kept_by_picture() == write_readme.said_by_picture()


def test_what_changed_tells_of_this_version():
    version = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"]
    headings = re.findall(r"^## (.*)$", (ROOT / "book" / "changes.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert headings.pop(0) == "In preparation"  # of which a release makes its own heading, above the next such one
    assert headings[0].split(",")[0] == version


def test_contributing_fits_a_screen():
    lines = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 45 and max(map(len, lines)) <= 110
