"""The grader against submissions that are broken, and against some that mean harm."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest
from grading import checks, classroom, container, notebooks, report, submission

from tests.assignments.fixtures import (
    ANSWERS,
    DATA,
    HIDDEN,
    IMPORTS,
    QUICK,
    RIGHT,
    SETUP,
    make_assignment,
    with_attack,
    write_notebook,
)
from tools import ROOT
from tools.assignments.make import gradescope

FULL = {"q1": 3, "q2": 2, "q3": 1}


@pytest.fixture(scope="module", autouse=True)
def contained():
    """These tests need what a container is made of; where that is required and not there, they fail."""
    try:
        container.verify()
    except container.NotContained as error:
        if os.environ.get("REQUIRE_CONTAINERS"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def toy(tmp_path):
    return make_assignment(tmp_path)


def graded(toy, tmp_path, cells, limits=QUICK, **options) -> submission.Result:
    path = write_notebook(tmp_path / "submitted" / "student.ipynb", cells)
    return submission.grade(
        notebooks.read(path).cells, toy.questions(), notebooks.given_cells(toy.student), limits=limits, **options
    )


def grade_class(paths: dict[str, Path], toy, output: Path, **options) -> dict[str, submission.Result]:
    read = classroom.read_all(paths, 2)
    return classroom.grade_all(
        paths, read, toy, output, **{"jobs": 2, "limits": QUICK, "tell": lambda line: None, **options}
    )


def points(result: submission.Result) -> dict[str, float]:
    return {name: result.points(name) for name in result.outcomes}


# ---- right, blank, wrong ----


def test_a_right_submission_gets_all_points_and_a_blank_one_none(toy, tmp_path):
    assert points(graded(toy, tmp_path, RIGHT)) == FULL
    blank = graded(toy, tmp_path, notebooks.code_cells(toy.student))
    assert points(blank) == {"q1": 0, "q2": 0, "q3": 0}
    assert blank.status == "graded"


def test_points_without_a_number_are_shared_among_the_checks(toy):
    q2 = next(question for question in toy.questions() if question.name == "q2")
    assert [check.points for check in q2.checks] == [1, 1]
    assert [question.name for question in toy.questions()] == ["q1", "q2", "q3"]


def test_a_public_value_by_heart_gets_the_public_points_only(toy, tmp_path):
    cells = [SETUP, IMPORTS, "def double(x):\n    return 4", "def mean(values):\n    return 2.0"]
    result = graded(toy, tmp_path, cells)
    assert points(result) == {"q1": 1, "q2": 1, "q3": 0}


# ---- mutilated notebooks ----


def _merged(cells):
    return ["\n\n".join(cells)]


MUTILATIONS = {
    "setup deleted": [IMPORTS, DATA, *ANSWERS.values()],
    "imports deleted": [SETUP, DATA, *ANSWERS.values()],
    "data deleted": [SETUP, IMPORTS, *ANSWERS.values()],
    "only the answers": list(ANSWERS.values()),
    "copied": [cell for cell in RIGHT for _ in range(2)],
    "reversed": RIGHT[::-1],
    "answers before data": [*ANSWERS.values(), SETUP, IMPORTS, DATA],
    "one cell": _merged(RIGHT),
    "checks deleted": [cell for cell in RIGHT if "check" not in cell],
    "cells that fail between": [one for cell in RIGHT for one in (cell, "1 / 0", "def (:", "unknown_name")],
    "magics and shell": ["%matplotlib inline", "!ls", "%%time\n1 + 1", *RIGHT, "%unknown", "?print"],
    "a wrong draft above": ["def double(x):\n    return x", *RIGHT],
    "exit": [*RIGHT[:4], "exit()", "import sys; sys.exit(3)", *RIGHT[4:]],
}


def mutilated_files(path: Path, cells: list[str]) -> dict[str, bytes]:
    """The same notebook as other programs, or accidents, write it."""
    write_notebook(path, cells)
    plain = json.loads(path.read_text(encoding="utf-8"))

    def changed(change) -> bytes:
        copy = json.loads(json.dumps(plain))
        for i, cell in enumerate(copy["cells"]):
            change(i, cell)
        return json.dumps(copy).encode()

    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": cell["source"]} for cell in plain["cells"]]}]}
    return {
        "retagged": changed(
            lambda i, cell: cell.update(metadata={"tags": ["otter_ignore", "hidden"], "deletable": True})
        ),
        "same ids": changed(lambda i, cell: cell.update(id="same")),
        "no metadata": changed(lambda i, cell: [cell.pop(key) for key in ("metadata", "outputs", "execution_count")]),
        "answers made raw": changed(lambda i, cell: cell.update(cell_type="raw") if i in (3, 5) else None),
        "lines as lists": changed(lambda i, cell: cell.update(source=cell["source"].splitlines(keepends=True))),
        "Windows line ends and a byte order mark": b"\xef\xbb\xbf"
        + changed(lambda i, cell: cell.update(source=cell["source"].replace("\n", "\r\n"))),
        "format 3": json.dumps({**old, "nbformat": 3, "metadata": {}}).encode(),
        "huge outputs": changed(lambda i, cell: cell.update(outputs=[{"text": "x" * 10**6}])),
        "Markdown between": json.dumps(
            {
                **plain,
                "cells": [one for cell in plain["cells"] for one in (cell, {"cell_type": "markdown", "source": "..."})],
            }
        ).encode(),
    }


@pytest.mark.parametrize(
    "name", [name if i < 2 else pytest.param(name, marks=pytest.mark.thorough) for i, name in enumerate(MUTILATIONS)]
)
def test_a_mutilated_notebook_gets_what_its_answers_are_worth(toy, tmp_path, name):
    result = graded(toy, tmp_path, MUTILATIONS[name])
    assert points(result) == FULL, result.notes


def test_a_notebook_file_is_read_whatever_wrote_it(tmp_path):
    path = tmp_path / "one.ipynb"
    for name, content in mutilated_files(path, RIGHT).items():
        path.write_bytes(content)
        assert [cell.replace("\r\n", "\n") for cell in notebooks.code_cells(path)] == RIGHT, name


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"not json", b'{"cells": [1]}', b'{"cells": []}', b"\xff\xfe\x00", b"[" * 10**6]
)
def test_what_is_no_notebook_is_said_to_be_none(tmp_path, content):
    path = tmp_path / "bad.ipynb"
    path.write_bytes(content)
    found = notebooks.read(path)
    assert found.refused and not found.cells


def test_a_link_a_pipe_and_an_endless_file_are_refused_before_they_are_read(tmp_path):
    write_notebook(tmp_path / "right.ipynb", RIGHT)
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "right.ipynb")
    os.mkfifo(tmp_path / "pipe.ipynb")
    with open(tmp_path / "sparse.ipynb", "wb") as file:
        file.truncate(60 * 2**30)
    assert "a link" in notebooks.read(tmp_path / "link.ipynb").refused
    assert "not a plain file" in notebooks.read(tmp_path / "pipe.ipynb").refused
    assert "larger than 50 MB" in notebooks.read(tmp_path / "sparse.ipynb").refused
    assert notebooks.read(tmp_path / "right.ipynb").cells == RIGHT


@pytest.mark.parametrize(
    "source", ["\n" * 60_000, " " * 60_000 + "x", "a = " * 20_000, "(" * 60_000, "!" * 60_000, "x\n=" * 20_000]
)
def test_a_cell_is_read_in_time_that_grows_with_its_length(source):
    """Sixty thousand line ends took a quadratic expression 68 s."""
    computed = time.process_time()
    notebooks.is_answer(source)
    notebooks.names_defined([source])
    assert time.process_time() - computed < 5


def test_what_is_to_be_filled_in():
    assert all(
        map(notebooks.is_answer, ("def f(x):\n    ...", "total = ...", "a = 1\ntotal =  ...  ", "x: int = ...\n"))
    )
    assert not any(map(notebooks.is_answer, ("f(...)", "x[..., 0] = 1", "print('...')", "a = b[...]")))


# ---- attacks: they cost the author, and nobody else, the marks ----


LIE = """class Yes:
    def __eq__(self, other): return True
    def __array__(self, *a, **k): return np.array([0, 2, 4, 6, 8.0])
"""
HARMLESS = {  # tried, without effect on the points of the right answers beside them
    "replaces numpy's comparisons": "np.allclose = lambda *a, **k: False\nnp.array_equal = np.allclose",
    "replaces builtins": "import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.AssertionError = ValueError",
    "replaces otter": "import sys, types\nsys.modules['otter'] = types.ModuleType('otter')\nsys.modules['otter.check'] = None",
    "deletes its folder": "import shutil, os\nshutil.rmtree(os.getcwd(), ignore_errors=True)",
    "loops in a cell": "while True:\n    pass",
    "catches the alarm": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "ends the process": "import os\nos._exit(0)",
    "kills itself": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "prints without end": "while True:\n    print('x' * 1000)",
    "eats memory": "hold = []\nwhile True:\n    hold.append(np.ones(10**7))",
    "eats memory at once": "hold = np.ones(10**12)",
    "recurses": "def f(): return f()\nf()",
    "waits for input": "input()",
    "fills the disk": "with open('big', 'wb') as f:\n    while True: f.write(b'0' * 10**7)",
    "leaves processes behind": "import subprocess\nsubprocess.Popen(['sleep', '300'], start_new_session=True)",
    "closes everything": "import os\nos.closerange(0, 3)",
}
FORGERIES = {  # of an answer that is not there
    "equals everything": LIE + "def double(x): return Yes()\ndef mean(x): return Yes()\ntotal = Yes()",
    "a number that equals everything": "class N(float):\n    def __eq__(self, o): return True\n    __hash__ = float.__hash__\n"
    "double = lambda x: N(1)\nmean = lambda x: N(1)\ntotal = N(3)",
    "writes results": "import json, glob, os\nfor folder in ('.', '..', '/tmp'):\n    try:\n"
    "        for name in ('results.json', 'results.pkl', 'grades.csv'):\n"
    "            open(os.path.join(folder, name), 'w').write('{\"q1\": 3}')\n"
    "    except OSError: pass",
    "writes to every open file": "import os\nfor fd in range(3, 30):\n    try: os.write(fd, b'{\"answer\": true}' * 100)\n"
    "    except OSError: pass",
    "forges messages": "import gc\nfrom grading import wire\n"
    "for peer in [o for o in gc.get_objects() if isinstance(o, wire.Peer)]:\n"
    "    for i in range(20): peer.send({'done': True, 'answer': True, 'outcomes': {'q1': 3}})",
    "says each of its answers is an error of the grader": "def double(x): raise SystemExit(0)\nmean = double",
    "changes what it is given": "def double(x):\n    try: x[:] = 0\n    except TypeError: pass\n    return x * 0\n"
    "def mean(x):\n    if hasattr(x, 'shape'): x[...] = 4\n    return 4",
    "huge answers": "double = lambda x: np.ones((10**5, 10**4))\nmean = lambda x: 10 ** (10**6)\ntotal = [[]]\n"
    "for _ in range(10**4): total = [total]",
}
ANSWERED = with_attack("pass")


@pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("replaces numpy's comparisons", "ends the process")
        else pytest.param(name, marks=pytest.mark.thorough)
        for name in HARMLESS
    ],
)
def test_an_attack_in_a_cell_changes_no_score(toy, tmp_path, name):
    limits = QUICK
    started = time.monotonic()
    result = graded(toy, tmp_path, with_attack(HARMLESS[name]), limits)
    assert points(result) == FULL, result.notes
    assert time.monotonic() - started < limits.total_seconds + 20
    assert len(result.printed) <= 4000


@pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("equals everything", "changes what it is given")
        else pytest.param(name, marks=pytest.mark.thorough)
        for name in FORGERIES
    ],
)
def test_a_forgery_gets_no_more_than_public_points(toy, tmp_path, name):
    result = graded(toy, tmp_path, [SETUP, IMPORTS, DATA, FORGERIES[name]])
    got = points(result)
    assert got["q1"] <= 1 and got["q2"] <= 1 and got["q3"] == 0, (got, result.notes)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "body", ["while True: pass", "import os; os._exit(0)", "return [np.ones(10**9) for _ in range(99)]"]
)
def test_a_function_that_ends_the_process_costs_its_question_only(toy, tmp_path, body):
    cells = [*RIGHT, f"def double(x):\n    {body}"]
    result = graded(toy, tmp_path, cells)
    assert points(result) == {**FULL, "q1": 0}, result.notes


@pytest.mark.thorough
def test_a_fork_bomb_ends_with_its_process(toy, tmp_path):
    child = "    if os.fork() == 0:\n        time.sleep(60)\n        os._exit(0)\n"
    bomb = f"import os, time\nfor _ in range(200):\n{child}time.sleep(2)"
    result = graded(toy, tmp_path, with_attack(bomb))
    assert points(result) == FULL, result.notes


def test_a_container_holds_against_the_graders_own_attempts():
    container.verify()


WEAKENINGS = {  # what the grader must see, were a container built without it
    "files": (
        "--ro-bind",
        lambda line: [line[0], "--bind", "/", "/everything", *line[1:]],
    ),
    "network": ("--unshare-net", lambda line: [one for one in line if one != "--unshare-net"]),
    "processes": ("--unshare-pid", lambda line: [one for one in line if one != "--unshare-pid"]),
    "kernel": ("--seccomp", lambda line: _without(line, "--seccomp", 2)),
}


def _without(line: list[str], option: str, n: int) -> list[str]:
    at = line.index(option)
    return line[:at] + line[at + n :]


@pytest.mark.parametrize("protection", WEAKENINGS)
def test_a_container_that_leaks_is_seen_and_nothing_is_graded(toy, tmp_path, monkeypatch, protection):
    option, weaken = WEAKENINGS[protection]
    whole = container.command
    monkeypatch.setattr(container, "command", lambda *args, **options: weaken(whole(*args, **options)))
    monkeypatch.setattr(container, "verify", container.verify.__wrapped__)
    assert option in whole(0, [], work_bytes=1)
    path = write_notebook(tmp_path / "class" / "right.ipynb", RIGHT)
    with pytest.raises(container.NotContained, match=rf"reached.* {protection}|reached {protection}"):
        grade_class({"right": path}, toy, tmp_path / "out")
    assert not (tmp_path / "out" / "grades.csv").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [("bwrap", "bubblewrap .bwrap. is not installed"), ("pyseccomp", "system calls cannot be filtered")],
)
def test_without_what_a_container_is_made_of_nothing_is_graded(monkeypatch, name, words):
    monkeypatch.setattr(container, "verify", container.verify.__wrapped__)
    if name == "bwrap":
        monkeypatch.setattr(container.shutil, "which", lambda name: None)
    else:
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.setattr(container, "program", container.program.__wrapped__)
    with pytest.raises(container.NotContained, match=words):
        container.verify()


SPY = """
import os
seen = [path for path in PATHS if os.path.exists(path)]
written = []
for path in (*PATHS, "/", "/usr", "/dev", "/proc/sys/kernel", os.path.dirname(np.__file__)):
    try:
        open(os.path.join(path if os.path.isdir(path) else os.path.dirname(path), "student.pth"), "w").close()
        written.append(path)
    except OSError:
        pass
raise RuntimeError(f"seen {seen}, written {written}, {os.getuid()}")
"""


def test_a_submission_sees_nothing_of_the_class_the_project_or_another_clone(toy, tmp_path):
    """A second clone elsewhere gave 24 of 24; a mount below a hidden folder gave write access to the environment."""
    clone, secret = tmp_path / "clone" / "assignments", tmp_path / "secrets" / "solution.txt"
    clone.mkdir(parents=True)
    secret.parent.mkdir()
    secret.write_text("as it was")
    paths = [
        clone,
        secret,
        ROOT / "assignments" / "evaluation",
        ROOT / "tests",
        ROOT / ".git",
        toy.checks,
        Path.home() / ".ssh",
    ]
    paths += [Path("/etc/shadow"), Path("/etc/passwd"), Path("/var/run"), Path("/sys")]
    cell = f"PATHS = {[str(path) for path in paths]!r}\n{SPY}"
    result = graded(toy, tmp_path, with_attack(cell))
    assert points(result) == FULL
    note = next(note for note in result.notes if "RuntimeError" in note)
    assert "seen [], written []" in note
    assert os.getuid() != 0 or ", 0 " not in note + " "


OUTLIVING = {
    "the keyring": "import ctypes\nlibc = ctypes.CDLL(None)\nok = libc.syscall(248, b'user', b'x', b'y', 1, -3)",
    "/dev": "import os\nok = 0\ntry:\n    open('/dev/left', 'w').write('x')\nexcept OSError:\n    ok = -1",
    "shared memory": "import ctypes\nok = ctypes.CDLL(None).shmget(77, 4096, 0o1666)",
    "a memory file": "import os\nok = 0\ntry:\n    os.memfd_create('x')\nexcept OSError:\n    ok = -1",
}


@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="numbers of system calls")
def test_there_is_no_place_in_which_something_outlives_its_process(toy, tmp_path):
    cells = [f"{cell}\nif ok >= 0: raise RuntimeError({name!r})" for name, cell in OUTLIVING.items()]
    result = graded(toy, tmp_path, [*RIGHT[:2], *cells, *RIGHT[2:]])
    assert points(result) == FULL and not result.notes, result.notes


@pytest.mark.parametrize("contained", [True, False])
def test_what_a_function_saw_of_hidden_checks_reaches_no_page(toy, tmp_path, contained):
    """Its process ends during a check, so that the notebook starts again, and prints what it can find.

    In a container there is no place that outlives it; without one there is, and what the second start prints is not passed on.
    """
    places = ["/dev/shm", "/tmp", "."] if contained else [str(tmp_path)]
    left = f"import glob\nfor place in {places}:\n    for path in glob.glob(place + '/left*'): print(open(path).read())"
    spy = (
        f"def double(x):\n    for place in {places}:\n        open(place + '/left', 'a').write(f'SEEN {{x}}')\n"
        "    print('SEEN', x)\n    import os\n    os._exit(0)"
    )
    result = graded(toy, tmp_path, [*RIGHT, left, spy], contained=contained)
    assert any("stopped during the checks" in note for note in result.notes)
    assert (tmp_path / "left").exists() != contained
    assert "SEEN" not in result.printed + "".join(result.notes)


def test_a_message_of_an_exception_that_raises_costs_its_question_only(toy, tmp_path):
    broken = "class Broken(Exception):\n    def __str__(self): raise Broken()\n"
    result = graded(toy, tmp_path, [*RIGHT, broken + "def double(x): raise Broken()", "raise Broken()"])
    assert points(result) == {**FULL, "q1": 0}
    assert any("cannot be shown" in note for note in result.notes)


def test_what_was_printed_before_the_end_is_not_lost(toy, tmp_path):
    result = graded(toy, tmp_path, with_attack("print('so far'); import os; os._exit(0)"))
    assert "so far" in result.printed


@pytest.mark.parametrize(
    "value", ["range(3 * 10**8)", "'x' * (120 * 2**20)", "[0] * 5 * 10**6", "np.zeros(10**8)", "iter(int, 1)"]
)
def test_an_answer_of_gigabytes_costs_its_question_and_no_memory_of_the_graders(toy, tmp_path, value):
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = graded(toy, tmp_path, [*RIGHT, f"def mean(x): return {value}"])
    assert points(result) == {**FULL, "q2": 0}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_waiting_is_told_from_computing(toy, tmp_path):
    limits = dataclasses.replace(QUICK, cell_seconds=2, patience=1.5)
    assert graded(toy, tmp_path, with_attack("import time; time.sleep(60)"), limits).waited
    assert not graded(toy, tmp_path, with_attack("while True: pass"), dataclasses.replace(limits, patience=30)).waited


def test_what_the_clock_stopped_is_graded_again_alone(toy, tmp_path, monkeypatch):
    said, seen = [], []
    slow = submission.Result(outcomes=submission.refused(toy.questions(), "").outcomes, waited=True)
    full = dataclasses.replace(slow, waited=False)

    def each(cells, assignment, options, jobs, log, tell):
        seen.append((sorted(cells), jobs))
        for name in cells:
            tell(name, slow if jobs > 1 and name == "b" else full)

    monkeypatch.setattr(classroom, "_each", each)
    paths = {name: write_notebook(tmp_path / f"{name}.ipynb", RIGHT) for name in "ab"}
    found = grade_class(paths, toy, tmp_path / "out", tell=said.append)
    assert seen == [(["a", "b"], 2), (["b"], 1)] and not found["b"].waited
    assert any("once more, one at a time" in line for line in said)


@pytest.mark.parametrize("contained", [True, False])
def test_nothing_that_a_submission_started_outlives_it(toy, tmp_path, contained):
    """Not even a daemon, which has left its session and lost its parent, and still holds the pipe that is printed to."""
    import psutil

    mark = f"tlbook-left-behind-{os.getpid()}"
    cell = (
        "import os, sys\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        f"        os.execl(sys.executable, 'python', '-c', 'import time; time.sleep(60)', {mark!r})\n    os._exit(0)\n"
        "import time; time.sleep(0.5)"
    )
    started = time.monotonic()
    graded(toy, tmp_path, with_attack(cell), contained=contained)
    assert time.monotonic() - started < 50
    time.sleep(0.2)
    assert not [one for one in psutil.process_iter() if mark in _line(one)]


# ---- a class ----


@pytest.fixture
def a_class(tmp_path):
    folder = tmp_path / "class"
    write_notebook(folder / "right.ipynb", RIGHT)
    write_notebook(folder / "Jane Doe_123_file" / "any name.ipynb", RIGHT[:4])
    write_notebook(folder / "=SUM(A1).ipynb", with_attack("import os; os._exit(1)"))
    write_notebook(folder / ".ipynb_checkpoints" / "right.ipynb", RIGHT)
    (folder / "broken.ipynb").write_text("{")
    return folder


def test_a_folder_becomes_one_table_and_a_page_each_and_is_resumed(toy, tmp_path, a_class):
    said = []
    found = classroom.submissions_in(a_class)
    assert set(found) == {"right", "Jane Doe_123_file", "=SUM(A1)", "broken"}
    grade_class(found, toy, tmp_path / "out")
    with open(tmp_path / "out" / "grades.csv", newline="", encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert list(rows["right"])[:3] == ["student", "file", "status"]
    assert [rows["right"][key] for key in ("q1", "q2", "q3", "total", "out_of", "percent")] == [
        "3",
        "2",
        "1",
        "6",
        "6",
        "100.0",
    ]
    assert rows["Jane Doe_123_file"]["total"] == "3"
    assert rows["'=SUM(A1)"]["total"] == "6"  # no formula
    assert rows["broken"]["status"] == "not a notebook" and rows["broken"]["percent"] == "0.0"
    pages = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out" / "feedback").glob("*.html")}
    assert len(pages) == 4
    assert HIDDEN in pages["broken.html"] and "3 of 6 points" in pages["Jane Doe_123_file.html"]
    assert not any("test_hidden_secret" in page or "9.0" in page for page in pages.values())

    write_notebook(a_class / "Jane Doe_123_file" / "any name.ipynb", RIGHT)  # handed in again
    again = grade_class(found, toy, tmp_path / "out", tell=said.append)
    assert again["Jane Doe_123_file"].total == 6
    assert said[0] == "3 unchanged since they were graded" and "Jane Doe" in said[1]
    assert sum(line.startswith("[") for line in said) == 1


def test_printed_markup_is_shown_and_not_obeyed(toy, tmp_path):
    result = graded(toy, tmp_path, with_attack("print('<script>alert(1)</script>')\nraise ValueError('<b>')"))
    page = report.page("<i>", "toy", result, toy.questions())
    assert "<script>" not in page and "&lt;script&gt;" in page and "<b>" not in page and "<i>" not in page


def test_an_assignment_is_recognised_by_its_setup_cell_or_its_names(tmp_path):
    names = {"toy": {"double", "mean"}, "other": {"side", "cost"}}
    kinds = {"toy": RIGHT, "other": ["def cost(a):\n    pass", "%magic\nside = 3"], None: ["x = 1"]}
    for expected, cells in kinds.items():
        found = notebooks.read(write_notebook(tmp_path / "one.ipynb", cells))
        assert notebooks.which_assignment(found, names) == expected


STOPPERS = {  # each of these once kept a whole class from its marks
    "surrogate": lambda path: write_notebook(path, [*RIGHT[:3], "raise ValueError('\\ud800')", *RIGHT[3:]]),
    "half a pair in a cell": lambda path: write_notebook(path, [*RIGHT[:3], "x = '\ud800'", *RIGHT[3:]]),
    "escapes \x1b[31m": lambda path: write_notebook(path, RIGHT),
    "caf\udce9": lambda path: write_notebook(path, RIGHT),  # a Latin-1 name, as old archives leave it
    "lines": lambda path: write_notebook(path, [*RIGHT, "\n" * 60_000]),
    "damaged": lambda path: path.write_bytes(b"{"),
    "not a notebook": lambda path: path.with_suffix(".html").write_text("<html>"),
    "link": lambda path: path.symlink_to(path.parent / "lines.ipynb"),
    "Right": lambda path: write_notebook(path, RIGHT),
    "right": lambda path: write_notebook(path, RIGHT[:4]),
}


def test_whatever_one_hands_in_everybody_gets_a_row_and_a_page_of_their_own(toy, tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    for name, make in STOPPERS.items():
        make(folder / f"{name}.ipynb")
    (folder / "empty").mkdir()
    # Named as the page of another would be.
    write_notebook(folder / f"{report.file_names(['a/b'])['a/b']}.ipynb", RIGHT)
    found = classroom.submissions_in(folder)
    said = []
    results = grade_class(found, toy, tmp_path / "out", tell=said.append)
    with open(tmp_path / "out" / "grades.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(results) == len(STOPPERS) + 2 == len(list((tmp_path / "out" / "feedback").iterdir()))
    refused = {name for name, result in results.items() if result.status == "not a notebook"}
    assert refused == {"damaged", "not a notebook", "link", "empty"}
    assert {results[name].total for name in set(results) - refused - {"right"}} == {6}
    assert not any("\x1b" in line for line in said)
    assert len({name.casefold() for name in report.file_names(found).values()}) == len(found)


def test_the_zip_of_a_platform_is_taken_as_it_is_and_leads_nowhere_else(tmp_path):
    write_notebook(tmp_path / "one.ipynb", RIGHT)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "one.ipynb", "Jane Doe_1_file/work.ipynb")
        archive.write(tmp_path / "one.ipynb", "../../outside.ipynb")
        link = zipfile.ZipInfo("link.ipynb")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(tmp_path / "one.ipynb"))
    with classroom.unpacked(tmp_path / "all.zip") as folder:
        found = classroom.submissions_in(folder)
        read = classroom.read_all(found, 1)
        assert read["Jane Doe_1_file"].cells == RIGHT
        assert read["link"].refused and not read["link"].cells
    assert not (tmp_path.parent / "outside.ipynb").exists() and not folder.exists()
    (tmp_path / "torn.zip").write_bytes(b"PK\x03\x04 and no more")
    with (
        pytest.raises(ValueError, match="neither a folder nor a zip archive"),
        classroom.unpacked(tmp_path / "torn.zip"),
    ):
        pass


def test_item_statistics_of_a_class(toy):
    def got(q1: float, q2: float, q3: float, status: str = "graded") -> tuple[str, submission.Result]:
        result = submission.refused(toy.questions(), "")
        for name, share in (("q1", q1), ("q2", q2), ("q3", q3)):
            for outcome in result.outcomes[name]:
                outcome.passed = share == 1
        result.status = status
        return "file", result

    rows = {"a": got(1, 1, 1), "b": got(1, 0, 1), "c": got(0, 0, 1), "d": got(0, 0, 0, "not a notebook")}
    lines = list(csv.DictReader(report.items_text(rows, toy.questions()).splitlines()))
    assert [line["difficulty"] for line in lines] == ["0.67", "0.33", "1.00"]
    # q1: points 3, 3, 0 against 3, 1, 1 of the others: 1/2. q3 does not vary.
    assert [line["discrimination"] for line in lines] == ["0.50", "0.50", ""] and lines[0]["submissions"] == "3"


FORKS = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
KILLS = "import os, signal\nos.kill(-1, signal.SIGKILL)"


@pytest.mark.thorough
def test_in_a_class_of_thirty_ten_attackers_change_no_honest_mark_on_a_busy_machine(toy, tmp_path):
    """Honest: right, half done, wrong. Beside them processes that compute, eat memory, disk and screen, fork and kill."""
    honest = {f"honest {i}": [RIGHT, RIGHT[:4], [*RIGHT, "def mean(values):\n    return 0"]][i % 3] for i in range(20)}
    worst = ["loops in a cell", "eats memory", "prints without end", "fills the disk", "leaves processes behind"]
    attacks = [HARMLESS[name] for name in [*worst, "catches the alarm"]]
    attacks += [FORKS, KILLS, FORGERIES["huge answers"], FORGERIES["forges messages"]]
    folder = tmp_path / "class"
    for name, cells in honest.items():
        write_notebook(folder / f"{name}.ipynb", cells)
    alone = grade_class(classroom.submissions_in(folder), toy, tmp_path / "alone")
    for i, attack in enumerate(attacks):
        write_notebook(folder / f"attacker {i}.ipynb", [*RIGHT, attack])
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        together = grade_class(classroom.submissions_in(folder), toy, tmp_path / "together", jobs=4)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert len(together) == 30
    assert {name: points(together[name]) for name in honest} == {name: points(alone[name]) for name in honest}
    assert {together[name].total for name in list(honest)[::3]} == {6}


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="becomes somebody else")
def test_an_ordinary_user_gets_the_same_container(tmp_path):
    """With the system's own Python, which everybody may run, and a copy of what a container needs."""
    import pyseccomp

    python = "/usr/bin/python3"
    if (
        not os.path.exists(python)
        or subprocess.run([python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]).returncode
    ):
        pytest.skip("the system has no Python 3.11")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        shutil.copytree(ROOT / "assignments" / "grading", f"{folder}/assignments/grading")
        os.makedirs(f"{folder}/site-packages")
        shutil.copy(pyseccomp.__file__, f"{folder}/site-packages")
        environment = {**os.environ, "PYTHONPATH": f"{folder}/assignments:{folder}/site-packages", "HOME": folder}
        code = "from grading import container; container.verify(); import os; print(os.getuid())"
        done = subprocess.run(
            [python, "-c", code],
            env=environment,
            user=65534,
            group=65534,
            extra_groups=[],
            capture_output=True,
            text=True,
            cwd="/",
        )
    assert done.stdout.strip() == "65534", done.stderr[-2000:]


def _everybody_may(path: str) -> bool:
    return all(one.stat().st_mode & 0o001 for one in [Path(path).resolve(), *Path(path).resolve().parents])


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="becomes somebody else")
@pytest.mark.skipif(not _everybody_may(sys.executable), reason="only root may run this Python")
def test_without_a_container_root_grades_as_somebody_else(toy, tmp_path):
    secret = tmp_path / "source"
    secret.mkdir(mode=0o700)
    (secret / "q1.py").write_text("checks")
    cell = f"import os\nraise RuntimeError([os.getuid(), os.path.exists({str(secret / 'q1.py')!r})])"
    result = graded(toy, tmp_path, with_attack(cell), contained=False, as_nobody=True)
    assert points(result) == FULL
    note = next(note for note in result.notes if "RuntimeError" in note)
    assert "False]" in note and "[0," not in note


def as_gradescope_has_it(folder: Path, toy, submitted: list[str] | None) -> dict:
    """The results of Gradescope's container, laid out in a folder."""
    (folder / "source").mkdir(parents=True)
    shutil.copytree(toy.checks, folder / "source" / "tests")
    shutil.copy(toy.student, folder / "source")
    (folder / "submission").mkdir()
    (folder / "results").mkdir()
    if submitted is not None:
        write_notebook(folder / "submission" / "work.ipynb", submitted)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'assignments'}"}
    subprocess.run([sys.executable, "-m", "grading.gradescope", str(folder)], env=environment, check=True)
    return json.loads((folder / "results" / "results.json").read_text(encoding="utf-8"))


def test_on_gradescope_every_submission_gets_results(toy, tmp_path):
    right = as_gradescope_has_it(tmp_path / "right", toy, RIGHT)
    assert [test["score"] for test in right["tests"]] == [3, 2, 1]
    half = as_gradescope_has_it(tmp_path / "half", toy, RIGHT[:4])
    assert [test["score"] for test in half["tests"]] == [3, 0, 0] and HIDDEN in half["tests"][1]["output"]
    none = as_gradescope_has_it(tmp_path / "none", toy, None)
    assert "hand in one notebook" in none["output"] and {test["score"] for test in none["tests"]} == {0}
    shutil.rmtree(toy.checks)
    toy.checks.mkdir()
    failed = as_gradescope_has_it(tmp_path / "failed", toy, RIGHT)
    assert failed["score"] == 0 and "not your fault" in failed["output"]


def test_the_archive_for_gradescope_holds_what_it_runs(toy, tmp_path):
    made = tmp_path / "made"
    (made / "student").mkdir(parents=True)
    shutil.copytree(toy.checks, made / "autograder" / "tests")
    shutil.copy(toy.student, made / "student")
    (tmp_path / "tlbook-1-py3-none-any.whl").write_bytes(b"wheel")
    with zipfile.ZipFile(gradescope("toy", made, tmp_path / "tlbook-1-py3-none-any.whl")) as archive:
        names = set(archive.namelist())
        assert {"setup.sh", "run_autograder", "toy.ipynb", "tests/q1.py", "grading/gradescope.py"} <= names
        assert archive.getinfo("run_autograder").external_attr >> 16 & 0o111
        assert "tlbook-1-py3-none-any.whl[assignments]" in archive.read("setup.sh").decode()


@pytest.mark.parametrize("victim", ["grade", "trusted"])
def test_nothing_goes_on_when_the_grader_is_killed(toy, tmp_path, victim):
    import psutil

    write_notebook(tmp_path / "class" / "slow.ipynb", with_attack("import time; time.sleep(120)"))
    code = (
        "from pathlib import Path; from tests.assignments.test_grader import *\n"
        f"toy = classroom.Assignment('toy', Path({str(toy.checks)!r}), Path({str(toy.student)!r}))\n"
        f"paths = classroom.submissions_in(Path({str(tmp_path / 'class')!r}))\n"
        f"grade_class(paths, toy, Path({str(tmp_path / 'out')!r}), limits=Limits())\n"
    )
    code = "from grading.session import Limits\n" + code
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'assignments'}"}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, start_new_session=True) as process:
        student = []
        for _ in range(600):
            family = psutil.Process(process.pid).children(recursive=True)
            student = [one for one in family if "grading.child" in " ".join(_line(one))]
            if len(student) > 1:  # bubblewrap, and in it Python
                break
            time.sleep(0.1)
        assert student
        trusted = student[0].parent()
        (process if victim == "grade" else trusted).kill()
        _, alive = psutil.wait_procs(student, timeout=20)
        process.kill()
    assert not alive


def _line(process) -> list[str]:
    import psutil

    try:
        return process.cmdline()
    except psutil.Error:
        return []


# ---- values between the processes ----


def test_values_cross_as_they_are(toy, tmp_path):
    body = """
from tlbook import evaluation

def echo(*values, **named):
    return [*values, named]

def apply(f, x):
    return f(x) + 1

def numbers():
    yield from (1, np.float32(2.5), "three")

class Thing:
    def __init__(self): self.size = 7
    def __len__(self): return 5
    def __getitem__(self, i): return i * 2
    def __call__(self, x): return np.asarray(x) + self.size

def thing(): return Thing()
def estimate():
    return evaluation.accuracy(np.array([0, 1, 1]), np.array([0, 1, 0]))
"""
    path = write_notebook(tmp_path / "submitted" / "student.ipynb", [IMPORTS, body])
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "q1.py").write_text(
        """
from otter.test_files import test_case
name = "q1"
points = 4

@test_case(points=1, hidden=True)
def test_plain(echo):
    import numpy as np
    values = [None, True, 3, 10**50, 2.5, float("inf"), "ü", b"bytes", (1, [2, {3}]), {"a": {1: "b"}}]
    values += [1 + 2j, range(3), slice(1, 2)]
    *back, named = echo(*values, key=values[:3])
    assert back == values and [type(x) for x in back] == [type(x) for x in values] and named == {"key": values[:3]}
    array = np.arange(6, dtype="uint8").reshape(2, 3).T
    (same, half), _ = echo((array, np.float32(0.5)))
    assert same.dtype == array.dtype and (same == array).all() and type(half) is np.float32

@test_case(points=1, hidden=True)
def test_functions(apply, numbers):
    seen = []
    assert apply(lambda x: seen.append(x) or 10 * x, 4) == 41 and seen == [4]
    assert list(numbers()) == [1, 2.5, "three"]

@test_case(points=1, hidden=True)
def test_objects(thing):
    one = thing()
    assert one.size == 7 and len(one) == 5 and one[4] == 8 and list(one([1, 2])) == [8, 9]

@test_case(points=1, hidden=True)
def test_records(estimate):
    assert abs(estimate().value - 2 / 3) < 1e-9
""",
        encoding="utf-8",
    )
    result = submission.grade(
        notebooks.code_cells(path), checks.load(tmp_path / "checks"), []
    )  # importing SciPy may take a while
    assert result.total == 4, [one.error for one in result.outcomes["q1"]]


IN_PLACE = """
from otter.test_files import test_case
name = "q1"
points = 2

@test_case(points=1, hidden=True)
def test_change_in_place(work):
    import numpy as np
    layers = {"a": {"weights": np.ones(3)}, "old": [1]}
    work(layers)
    assert layers["a"]["weights"][0] == 5 and layers["old"] == [1, 2] and layers["new"] == 3

@test_case(points=1, hidden=True)
def test_otherwise_copies(work):
    import numpy as np
    layers = {"a": {"weights": np.ones(3)}, "old": [1]}
    work(layers)
    assert layers["a"]["weights"][0] == 1 and layers["old"] == [1]
"""


def test_changes_in_place_are_seen_by_checks_about_them_only(tmp_path):
    cell = "def work(x):\n    x['a']['weights'][0] = 5\n    x['old'].append(2)\n    x['new'] = 3"
    path = write_notebook(tmp_path / "submitted" / "student.ipynb", [cell])
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "q1.py").write_text(IN_PLACE, encoding="utf-8")
    result = submission.grade(notebooks.code_cells(path), checks.load(tmp_path / "checks"), [], limits=QUICK)
    assert result.total == 2, [one.error for one in result.outcomes["q1"]]


def test_the_command_says_what_is_missing(tmp_path):
    script = ROOT / "tools" / "assignments" / "grade.py"
    for folder, words in ((tmp_path / "none", "no folder"), (tmp_path, "no notebook")):
        done = subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, text=True)
        assert done.returncode == 1 and words in done.stderr
