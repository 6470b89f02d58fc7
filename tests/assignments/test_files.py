"""The files of the assignments: sources in their format, generated ones fresh, nothing given away."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from grading import checks, classroom, notebooks, source

from tools.assignments import make
from tools.assignments.make import ROOT, STUDENT

NAMES = make.names()


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """Every assignment made anew by otter, in a folder by name."""
    if os.environ.get("ASSIGNMENTS_MADE"):  # by tools/assignments/run_tests.py
        return Path(os.environ["ASSIGNMENTS_MADE"])
    pytest.importorskip("otter", reason="otter-grader is in the extra `assignments`")
    folder = tmp_path_factory.mktemp("made")
    with ThreadPoolExecutor(2) as pool:  # each waits for otter, a process of its own
        list(pool.map(lambda name: make.build(name, folder / name), NAMES))
    return folder


# ---- sources ----


@pytest.mark.parametrize("name", NAMES)
def test_a_source_follows_the_format(name):
    read = source.read(make.source(name))
    assert read.config["name"] == name and read.config["tests"] == {"files": True, "ok_format": False}
    graded = [question for question in read.questions if question != "bonus"]
    assert 5 <= len(graded) <= 9, graded
    taken: list[str] = []
    for question in read.questions.values():
        public = [check for check in question.checks if not check.hidden]
        assert public and len(public) < len(question.checks), f"{question.name} needs public and hidden checks"
        assert sum(check.points for check in public) <= question.points / 2, question.name
        assert all(check.points > 0 for check in question.checks), question.name
        functions = [check.function.__name__ for check in question.checks]
        assert len(set(functions)) == len(functions), functions
        for check in question.checks:
            hint = check.failure_message
            assert hint and '"' not in hint and "\n" not in hint and 20 < len(hint) < 300, (question.name, hint)
            assert check.names, f"{question.name}: {check.function.__name__} takes nothing"
        own = notebooks.names_defined(read.solution(question.name)) & set(question.names)
        assert own and not own & set(taken), (question.name, own)
        taken += own
    make.source_seed(name)


def test_every_seed_line_is_of_its_own(tmp_path):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("SEED = 1"), nbformat.v4.new_code_cell("x\nSEED = 2")]
    )
    (tmp_path / "odd").mkdir()
    nbformat.write(notebook, tmp_path / "odd" / "odd.ipynb")
    before, make.SOURCES = make.SOURCES, tmp_path
    try:
        with pytest.raises(SystemExit, match=r"same number, but there are \[1, 2\]"):
            make.source_seed("odd")
    finally:
        make.SOURCES = before


# ---- generated files ----


def test_the_student_notebooks_are_fresh(made):
    for name in NAMES:
        differ = make.same_files(STUDENT / name, made / name / "student")
        assert not differ, f"{name}: {differ} differ from what the source makes; run make assignments and commit"
    assert sorted(path.name for path in STUDENT.iterdir()) == sorted(NAMES)


def test_a_changed_source_makes_the_student_notebook_stale(made, tmp_path):
    copy = tmp_path / "student"
    shutil.copytree(made / NAMES[0] / "student", copy)
    path = next(copy.glob("tests/*.py"))
    path.write_text(path.read_text(encoding="utf-8").replace("assert", "assert not", 1), encoding="utf-8")
    notebook = nbformat.read(copy / f"{NAMES[0]}.ipynb", as_version=4)
    notebook.cells[0].source += " "
    nbformat.write(notebook, copy / f"{NAMES[0]}.ipynb")
    assert make.same_files(made / NAMES[0] / "student", copy) == sorted([f"{NAMES[0]}.ipynb", f"tests/{path.name}"])


def test_otter_and_the_reader_of_sources_agree(made):
    for name in NAMES:
        read = source.read(make.source(name)).questions
        for question in checks.load(made / name / "autograder" / "tests"):
            ours = read.pop(question.name)
            assert [(one.points, one.hidden, one.failure_message, one.names) for one in question.checks] == [
                (pytest.approx(one.points), one.hidden, one.failure_message, one.names) for one in ours.checks
            ]
        assert not read


def _bare(text: str) -> str:
    """Without white space at the ends of lines and empty lines, so that a block is found however it was indented."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def secret_blocks(name: str) -> tuple[list[str], str]:
    """Solutions and bodies of hidden checks, and everything that students may see."""
    read = source.read(make.source(name))
    hidden, public = [], []
    for cell in nbformat.read(make.source(name), as_version=4).cells:
        is_hidden = re.search(r"^hidden: true", cell.source, flags=re.MULTILINE)
        (hidden if is_hidden else public).append(cell.source)
    hidden = [re.split(r"^def \w+\(.*\).*:$", text, maxsplit=1, flags=re.MULTILINE)[1] for text in hidden]
    solutions = "\n".join(part.source for part in read.parts if part.question)
    inside = re.findall(r"# BEGIN SOLUTION(?: NO PROMPT)?\n(.*?)# END SOLUTION", solutions, flags=re.DOTALL)
    inside += re.findall(r"^(.*)# SOLUTION$", solutions, flags=re.MULTILINE)
    given = "\n".join(public)
    for text in inside:
        given = given.replace(text, "")
    return list(map(_bare, hidden + inside)), _bare(given)


def secrets(name: str) -> set[str]:
    """Lines of solutions and hidden checks that stand in nothing that a student gets."""
    blocks, given = secret_blocks(name)
    lines = {line for block in blocks for line in block.splitlines()}
    return {line for line in lines if len(line) > 30 and line not in given}


@pytest.mark.parametrize("name", NAMES)
def test_students_get_no_solution_and_no_hidden_check(name):
    told = secrets(name)
    assert len(told) > 20  # the search has something to look for
    path = STUDENT / name / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    texts = {path.name: "\n".join(cell.source for cell in notebook.cells) + json.dumps(notebook.metadata)}
    texts |= make.unpacked(notebook)
    texts |= {str(one): one.read_text(encoding="utf-8") for one in (STUDENT / name).rglob("*.py")}
    assert {one.suffix for one in (STUDENT / name).rglob("*") if one.is_file()} == {".ipynb", ".py"}
    for where, text in texts.items():
        found = [line for line in told if line in text]
        assert not found and "hidden=True" not in text, (where, found)
    on_disk = {one.name: one.read_text(encoding="utf-8") for one in (STUDENT / name / "tests").glob("*.py")}
    assert make.unpacked(notebook) == on_disk


def test_the_package_holds_nothing_of_the_assignments(tmp_path):
    pytest.importorskip("hatchling", reason="hatchling is in requirements.lock")
    wheel = make.build_wheel(tmp_path)
    # Whole bodies: single lines, such as `rows, columns = kernel.shape`, stand in any program.
    told = [block for name in NAMES for block in secret_blocks(name)[0] if len(block) > 60]
    assert len(told) > 20
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if "assignment" in name or "grading" in name]
        for name in archive.namelist():
            if name.endswith((".py", ".json", ".txt")):
                text = _bare(archive.read(name).decode("utf-8"))
                assert not [block for block in told if block in text], name


def test_nothing_built_is_committed():
    listed = subprocess.run(["git", "ls-files", "assignments", "_build"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for path in listed.stdout.split():
        assert "autograder" not in path and not path.endswith(".zip"), path


# ---- what students and archives do ----


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_the_blank_notebook_runs_in_a_kernel_and_gives_hints(name, tmp_path):
    """As a student does it: the file alone, in a new folder, all cells; the checks come out of the setup cell."""
    pytest.importorskip("otter", reason="otter-grader is in the extra `assignments`")
    from nbclient import NotebookClient

    shutil.copy(STUDENT / name / f"{name}.ipynb", tmp_path)
    notebook = nbformat.read(tmp_path / f"{name}.ipynb", as_version=4)
    client = NotebookClient(notebook, allow_errors=True, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    read = source.read(make.source(name))
    shown = "\n".join(
        output.get("data", {}).get("text/plain", "") + output.get("data", {}).get("text/html", "")
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source.startswith("grader.check")
        for output in cell.outputs
    )
    for question in read.questions.values():
        for check in question.checks:
            words = check.failure_message.split("'")[0][:40]
            assert (words in shown) != check.hidden, (question.name, words)


ON_COLAB = """
import sys, types, nbformat
from IPython.core.interactiveshell import InteractiveShell

class Shell(InteractiveShell):
    def run_line_magic(self, name, line, _stack_depth=1):
        print("magic:", name, self.var_expand(line, 1))
        del sys.modules["tlbook"]  # as if installed

Shell.__module__ = "google.colab._shell"  # by which otter knows Colab
sys.modules["tlbook"] = None  # an import of it fails
shell = Shell.instance()
cells = [cell.source for cell in nbformat.read(sys.argv[1], as_version=4).cells if cell.cell_type == "code"]
for source in (cells[0], "import os; print('tests here:', os.path.isdir('tests'))", 'print(repr(grader.check("q1")))'):
    shell.run_cell(source)
"""


def test_on_colab_the_setup_cell_installs_and_finds_its_checks(tmp_path):
    """There is no notebook file and no folder of tests there; the setup cell brings both its packages and its checks."""
    pytest.importorskip("otter", reason="otter-grader is in the extra `assignments`")
    path = STUDENT / NAMES[0] / f"{NAMES[0]}.ipynb"
    done = subprocess.run([sys.executable, "-c", ON_COLAB, path], capture_output=True, text=True, cwd=tmp_path)
    assert f'magic: pip install --quiet "{make.OTTER}" "{make.PACKAGE}"' in done.stdout, done.stderr
    assert "tests here: False" in done.stdout
    read = source.read(make.source(NAMES[0]))
    assert read.questions["q1"].checks[0].failure_message in done.stdout, done.stdout


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_the_archive_gives_the_reference_all_points(name, made, tmp_path):
    """otter's own autograder, as Gradescope runs it."""
    archive = made / name / "autograder" / f"{name}-autograder.zip"
    notebook = made / name / "autograder" / f"{name}.ipynb"
    command = [
        sys.executable,
        "-m",
        "otter",
        "run",
        str(notebook),
        "-a",
        str(archive),
        "-o",
        str(tmp_path),
        "--no-logo",
    ]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    out_of = sum(question.points for question in checks.load(made / name / "autograder" / "tests"))
    assert sum(test["score"] for test in results["tests"] if "score" in test) == pytest.approx(out_of)
    with zipfile.ZipFile(archive) as content:
        assert "- tlbook" in content.read("environment.yml").decode("utf-8")


def _variants(cells: list[str]) -> dict[str, list[str]]:
    """A filled-in notebook as it comes back."""
    answers = [cell for cell in cells if "grader" not in cell]
    return {
        "as it was": cells,
        "reversed": cells[::-1],
        "every second cell twice": [one for i, cell in enumerate(cells) for one in [cell] * (1 + i % 2)],
        "without setup and checks": answers,
    }


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_make_grade_on_filled_in_notebooks(name, made, tmp_path):
    """The reference, mutilated in four ways, the blank notebook, and one with a wrong answer to every question.

    All of them of the first assignment; of the others the reference, its cells in reversed order.
    """
    assignment = classroom.Assignment(
        name, made / name / "autograder" / "tests", made / name / "student" / f"{name}.ipynb"
    )
    reference = notebooks.code_cells(made / name / "autograder" / f"{name}.ipynb")
    blocks = source.read_answers(make.source(name).with_name("answers.py"))
    wrong = {block.question: block.source for block in blocks if "by heart" in block.words}
    right = {block.question: block.source for block in blocks if block.right}
    kinds = {**_variants(reference), "blank": notebooks.code_cells(assignment.student)}
    kinds |= {"other answers": [*reference, *right.values()], "by heart": [*reference, *wrong.values()]}
    if name != NAMES[0]:  # some train networks: a minute each
        kinds = {"reversed": kinds["reversed"]}
    submissions = {}
    for kind, cells in kinds.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        submissions[kind] = tmp_path / "submissions" / f"{kind}.ipynb"
        submissions[kind].parent.mkdir(exist_ok=True)
        nbformat.write(notebook, submissions[kind])
    read = classroom.read_all(submissions, 2)
    results = classroom.grade_all(submissions, read, assignment, tmp_path / "out", jobs=2, tell=lambda line: None)
    questions = {question.name: question.points for question in assignment.questions()}
    for kind, result in results.items():
        got = {question: result.points(question) for question in questions}
        failed = {
            question: [one.error for one in these if not one.passed] for question, these in result.outcomes.items()
        }
        if kind == "blank":
            assert result.total == 0, got
        elif kind == "by heart":
            assert all(0 <= got[question] < questions[question] for question in wrong), got
        else:
            assert got == pytest.approx(questions), (kind, failed, result.notes)
