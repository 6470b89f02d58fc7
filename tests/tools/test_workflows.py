"""Workflows, commands and containers: what can be checked of them without the machines they are for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from tools import ROOT
from tools.check import lint

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(path):
    return [step for job in load(path)["jobs"].values() for step in job["steps"]]


def recipes():
    """Command lines of the Makefile, without the echo of help."""
    return [line[1:].lstrip("@") for line in MAKEFILE.splitlines() if line.startswith("\t") and "echo" not in line]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
class TestEachWorkflow:
    def test_says_why_before_it_says_what(self, path):
        assert re.match(r"name: \w+\n\n# .{40}", path.read_text(encoding="utf-8"))

    def test_pins_its_actions_by_commit_with_the_version_beside_it(self, path):
        for line in re.findall(r"^.*\buses:.*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line

    def test_allows_nothing_but_what_a_job_asks_for(self, path):
        assert load(path)["permissions"] == {}
        for name, job in load(path)["jobs"].items():
            assert job["permissions"], name
            assert job["timeout-minutes"] <= 90

    def test_runs_nothing_of_ours_where_something_can_be_written(self, path):
        for name, job in load(path)["jobs"].items():
            if "write" in job["permissions"].values():
                used = [step.get("uses", "").partition("@")[0] for step in job["steps"]]
                assert "actions/checkout" not in used, name
                assert not any(re.search(r"\b(make|python|pip)\b", step.get("run", "")) for step in job["steps"]), name

    def test_calls_only_commands_that_exist(self, path):
        for step in steps(path):
            for target in re.findall(r"^make ([\w-]+)", step.get("run", ""), flags=re.MULTILINE):
                assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE), target

    def test_names_no_repository_of_its_own(self, path):
        for address in re.findall(r"github\.com/([\w$./-]+)", path.read_text(encoding="utf-8")):
            assert address.startswith("$GITHUB_REPOSITORY"), address


def test_one_version_of_each_action():
    used = {step["uses"] for path in WORKFLOWS for step in steps(path) if "uses" in step}
    assert len(used) == len({use.partition("@")[0] for use in used})


def test_pages_are_online_only_after_the_notebooks_that_their_buttons_open():
    jobs = load(ROOT / ".github" / "workflows" / "publish.yml")["jobs"]
    assert jobs["notebooks"]["needs"] == "build"
    assert jobs["pages"]["needs"] == "notebooks"


def test_the_branch_that_is_pushed_is_the_branch_that_buttons_open():
    from tools.book import repository

    (push,) = [
        step for step in steps(ROOT / ".github" / "workflows" / "publish.yml") if "BRANCH" in step.get("env", {})
    ]
    tag = repository.Repository("a", "b", tag="{0}").branch
    assert push["env"]["BRANCH"] == (
        f"${{{{ github.ref_type == 'tag' && format('{tag}', github.ref_name) || '{repository.NOTEBOOKS}' }}}}"
    )


def git(folder, *arguments):
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(not shutil.which("bash"), reason="the step is run by bash, and there is none")
def test_the_branch_holds_what_was_published_last_and_remembers_what_came_before(tmp_path):
    (push,) = [
        step for step in steps(ROOT / ".github" / "workflows" / "publish.yml") if "BRANCH" in step.get("env", {})
    ]
    public = tmp_path / "public.git"
    address = "https://x-access-token:$TOKEN@github.com/$GITHUB_REPOSITORY.git"
    assert address in push["run"]
    git(tmp_path, "init", "--quiet", "--bare", str(public))

    def publish(commit, branch, files):
        folder = tmp_path / f"{branch}-{commit}"  # each run of the workflow begins with nothing but the artifact
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        environment = {**os.environ, "BRANCH": branch, "TOKEN": "t", "GITHUB_SHA": commit, "GITHUB_REPOSITORY": "a/b"}
        script = push["run"].replace(address, str(public))
        subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=environment, check=True, capture_output=True)

    publish("one", "notebooks", {"book/a.ipynb": "1", "book/b.ipynb": "1", ".binder/requirements.txt": "x"})
    publish("two", "notebooks", {"book/a.ipynb": "2", ".binder/requirements.txt": "x"})
    publish("three", "notebooks", {"book/a.ipynb": "2", ".binder/requirements.txt": "x"})  # nothing new, no commit
    publish("two", "notebooks-v1", {"book/a.ipynb": "2"})
    assert git(public, "ls-tree", "-r", "--name-only", "notebooks").split() == [
        ".binder/requirements.txt",
        "book/a.ipynb",
    ]
    assert git(public, "show", "notebooks:book/a.ipynb") == "2"
    said = git(public, "log", "--format=%s", "notebooks").splitlines()
    assert said == ["The notebooks of two", "The notebooks of one"]
    assert git(public, "log", "--format=%s", "notebooks-v1").splitlines() == ["The notebooks of two"]


def test_lint_reads_every_workflow_and_needs_no_network():
    commands = lint.commands()
    assert set(commands) == {"ruff", "format", "layers", "types", "schema", "zizmor"}
    assert {f".github/workflows/{path.name}" for path in WORKFLOWS} <= set(commands["schema"])
    assert "--offline" in commands["zizmor"]


def test_make_calls_python_scripts_and_nothing_else():
    assert len(recipes()) > 10
    for line in recipes():
        script = re.match(r"\$\((?:PY|PYTHON)\) ((?:tools|tests|benchmarks)/[\w/]+\.py|-m experiments)(?: |$)", line)
        assert script, line
        assert (ROOT / script[1].replace("-m experiments", "experiments/__main__.py")).is_file()
        assert not re.search(r"[|&;<>`]", line), line


def test_the_notes_for_windows_name_the_scripts_that_make_calls():
    notes = (ROOT / "PUBLISHING.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `make ([\w-]+)(?: DATASET=(\w+))?` \| `\.venv\\Scripts\\python (\S+)(.*)` \|$", notes, re.MULTILINE
    )
    assert len(rows) >= 4
    for target, dataset, script, options in rows:
        recipe = re.search(rf"^{target}: env\n((?:\t.*\n)+)", MAKEFILE, flags=re.MULTILINE)[1]
        assert script.replace("\\", "/") in recipe
        assert options.strip() == (f"--dataset {dataset}" if dataset else "")
    assert r"py -3.12 tools\env\setup_env.py" in notes


def test_the_container_makes_the_environment_that_make_makes():
    settings = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    script = re.fullmatch(r"python (\S+)", settings["postCreateCommand"])[1]
    assert f"$(PYTHON) {script}" in MAKEFILE
    assert f"PORT ?= {settings['forwardPorts'][0]}" in MAKEFILE
    python = settings["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert python.endswith("/.venv/bin/python")
    assert re.search(r"python:3\.1[123]-", settings["image"])
