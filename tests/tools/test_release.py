"""A release: complete, and complained of where it is not; and a notebook that runs where this repository is out of reach."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from tools import ROOT
from tools.release import make_release, notebook_alone, run_like_colab

# ---- sdist and wheel ----


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    pytest.importorskip("hatchling", reason="hatchling is in requirements.lock")
    return make_release.build(ROOT, tmp_path_factory.mktemp("dist"))


def test_a_release_is_complete(built):
    make_release.check_contents(*built)


@pytest.mark.parametrize(
    "name",
    [
        "tlbook/data/sketches-1.zip",
        "tlbook/data/sketches-2.zip",
        "tlbook/data/sketchnet-1.weights.h5",
        "tlbook/_results/comparison.json",
        "tlbook/hosted.py",
        "tlbook/py.typed",
        "LICENSE",
        "LICENSE-CC-BY-4.0",
    ],
)
def test_what_a_wheel_lacks_is_named(built, name):
    names = make_release.names_in(built[1])
    assert make_release.missing_from_wheel(names) == []
    assert make_release.missing_from_wheel(
        {entry for entry in names if not entry.endswith(f"/{name}") and entry != name}
    ) == [name]


def test_a_wheel_that_lacks_something_and_has_too_much_makes_no_release(built, tmp_path):
    other = tmp_path / built[1].name
    with zipfile.ZipFile(built[1]) as whole, zipfile.ZipFile(other, "w") as part:
        for entry in whole.namelist():
            if entry != "tlbook/cli.py":
                part.writestr(entry, whole.read(entry))
        part.writestr("tests/test_all.py", "")
    with pytest.raises(SystemExit) as refused:
        make_release.check_contents(built[0], other)
    assert str(refused.value.code).splitlines() == [
        f"{other.name} lacks tlbook/cli.py",
        f"{other.name} has tests/test_all.py",
    ]


def test_what_an_sdist_lacks_is_named(built):
    names = make_release.names_in(built[0])
    assert make_release.missing_from_sdist(names) == []
    assert make_release.missing_from_sdist(names - {"LICENSE", "tlbook/cli.py"}) == ["LICENSE", "tlbook/cli.py"]


def test_an_sdist_has_what_a_wheel_is_made_from_and_no_tests_that_could_not_run(built):
    names = make_release.names_in(built[0])
    beside = {name for name in names if not name.startswith(("tlbook/", "book/results/"))}
    files = {"LICENSE", "LICENSE-CC-BY-4.0", "CITATION.cff", "README.md", "pyproject.toml", "PKG-INFO", ".gitignore"}
    assert beside == files


def test_a_tag_of_another_version_makes_no_release():
    make_release.check_tag({})
    make_release.check_tag({"GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"})
    make_release.check_tag({"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": f"v{make_release.version()}"})
    with pytest.raises(SystemExit, match=r"The tag is v99 .* should be v\d"):
        make_release.check_tag({"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v99"})


# ---- versions of Colab ----


def test_of_a_long_list_only_what_the_package_requires_is_held():
    listed = "# made by pip freeze\nabsl-py==1.4.0\nKeras==3.13.2\nscikit_learn==1.6.1\ntorch @ https://example.org/torch.whl\n"
    assert run_like_colab.constraints_from(listed) == "Keras==3.13.2\nscikit_learn==1.6.1\n"


def test_a_version_on_colab_that_the_package_does_not_admit_is_an_error():
    with pytest.raises(ValueError, match=r"Colab has keras 2\.15\.0, and the package requires keras>="):
        run_like_colab.constraints_from("keras==2.15.0\n")


def test_the_listed_versions_are_admitted_and_name_only_requirements():
    text = run_like_colab.VERSIONS.read_text(encoding="utf-8")
    listed = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert run_like_colab.constraints_from(text).split() == listed
    assert len(listed) >= 5


# ---- alone ----


def test_the_kernel_is_of_the_other_environment_and_sees_nothing_of_this_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    python = notebook_alone.make_overlay(tmp_path / "other")
    say = (
        "import importlib.util, json, os, sys\n"
        "print(json.dumps([sys.prefix, os.getcwd(), os.environ.get('KERAS_BACKEND'), os.environ['MARK'],"
        " getattr(importlib.util.find_spec('tlbook'), 'origin', None)]))"
    )
    notebook = new_notebook(cells=[new_code_cell(say)])
    (tmp_path / "empty").mkdir()
    notebook_alone.run_alone(notebook, python, tmp_path / "empty", MARK="colab")
    prefix, folder, backend, mark, package = json.loads(notebook.cells[0].outputs[0].text)
    assert (prefix, folder) == (str(tmp_path / "other"), str(tmp_path / "empty"))
    # An editable installation leaves a folder of that name behind, with the files that do not lie in the package's own.
    assert (backend, mark, package) == (None, "colab", None)
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        notebook_alone.run_alone(new_notebook(cells=[new_code_cell("1 / 0")]), python, tmp_path / "empty")


def test_a_snapshot_is_a_repository_of_the_files_as_they_are(tmp_path):
    address, commit = notebook_alone.snapshot(tmp_path / "copy")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", address, str(clone)], check=True)
    head = subprocess.run(["git", "-C", str(clone), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert head.stdout.strip() == commit
    assert (clone / "pyproject.toml").read_bytes() == (ROOT / "pyproject.toml").read_bytes()
    assert (clone / "tlbook" / "data" / "sketches-1.zip").is_file()
    assert not (clone / "_build").exists()


def test_a_chapter_runs_as_on_colab_with_the_package_from_git(tmp_path):
    """With the packages of this environment; `make test-colab` has Colab's own versions, and takes every chapter."""
    command = [sys.executable, str(ROOT / "tools" / "release" / "run_like_colab.py"), "--versions", "here"]
    chapter = ROOT / "book" / "sketches.ipynb"
    before = chapter.read_bytes()
    done = subprocess.run([*command, "--work", str(tmp_path), str(chapter)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{chapter.stem}: ran in" in done.stdout
    assert chapter.read_bytes() == before


def test_a_first_cell_that_installs_nothing_fails(tmp_path):
    broken = nbformat.read(ROOT / "book" / "sketches.ipynb", as_version=4)
    broken.cells = broken.cells[:3]
    nbformat.write(broken, tmp_path / "broken.ipynb")
    python = notebook_alone.make_overlay(tmp_path / "other", "pip>=24.1")
    run_like_colab.like_colab(python)
    say = "import sys; print('google.colab' in sys.modules); import google.protobuf"
    assert subprocess.run([python, "-c", say], capture_output=True, text=True, check=True).stdout == "True\n"
    error = run_like_colab.run(tmp_path / "broken.ipynb", python, f"git+{(tmp_path / 'nothing').as_uri()}")
    assert "does not appear to be a git repository" in error
    assert "ImportError: cannot import name 'hosted'" in error or "No module named 'tlbook'" in error
