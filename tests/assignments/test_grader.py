"""The grader against submissions that are broken, and against some that mean harm."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from grading import checks, classroom, notebooks, report, sandbox, submission

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

FULL = {"q1": 3, "q2": 2, "q3": 1}


@pytest.fixture
def toy(tmp_path):
    return make_assignment(tmp_path)


def graded(toy, tmp_path, cells, limits=QUICK, **options) -> submission.Result:
    path = write_notebook(tmp_path / "submitted" / "student.ipynb", cells)
    given = notebooks.given_cells(toy.student)
    return submission.grade(path, toy.questions(), given, limits=limits, **options)


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
    "content", [b"", b"[]", b"{}", b"not json", b'{"cells": [1]}', b'{"cells": []}', b"\xff\xfe\x00"]
)
def test_what_is_no_notebook_gets_no_points_and_says_why(toy, tmp_path, content):
    path = tmp_path / "bad.ipynb"
    path.write_bytes(content)
    result = submission.grade(path, toy.questions(), [])
    assert (result.status, result.total) == ("not a notebook", 0)
    assert result.notes[0]


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


PROBE = """
import os, socket
seen = {}
try:
    socket.create_connection(("127.0.0.1", PORT), timeout=2).close()
    seen["network"] = True
except OSError:
    seen["network"] = False
try:
    open(TARGET, "w").write("changed")
    seen["files"] = True
except OSError:
    seen["files"] = False
seen["hidden"] = os.path.exists(SECRET) and bool(open(SECRET).read())
try:
    os.kill(GRADER, 0)
    seen["processes"] = True
except OSError:
    seen["processes"] = os.path.exists(f"/proc/{GRADER}/root/etc")
raise RuntimeError(repr(seen))
"""


@pytest.mark.parametrize("allowed", [True, False])
def test_what_the_system_can_shut_off_is_shut_off_and_the_rest_is_said(toy, tmp_path, allowed):
    import socket

    target, secret = tmp_path / "elsewhere" / "file.txt", tmp_path / "secrets" / "solution.txt"
    for path in (target, secret):
        path.parent.mkdir()
        path.write_text("as it was")
    with socket.create_server(("127.0.0.1", 0)) as server:
        names = {"PORT": server.getsockname()[1], "TARGET": str(target), "SECRET": str(secret), "GRADER": os.getpid()}
        given = "\n".join(f"{name} = {value!r}" for name, value in names.items())
        hide = [str(secret.parent), tempfile.gettempdir()]  # the work folder lies in the second, and stays
        result = graded(toy, tmp_path, with_attack(given + PROBE), hide=hide, sandbox=allowed)
    note = next(note for note in result.notes if "RuntimeError" in note)
    for key in sandbox.PROTECTIONS:
        assert f"'{key}': {key not in result.protections}" in note, (key, result.protections, note)
    assert allowed or not result.protections
    assert secret.read_text() == "as it was"


def test_nothing_that_a_submission_started_outlives_it(toy, tmp_path):
    import psutil

    mark = f"tlbook-left-behind-{os.getpid()}"
    command = f"[sys.executable, '-c', 'import time; time.sleep(60)', {mark!r}]"
    cell = f"import subprocess, sys\nsubprocess.Popen({command}, start_new_session=True)"
    graded(toy, tmp_path, with_attack(cell), sandbox=False)
    time.sleep(0.2)
    left = [one for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or [])]
    assert not left


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
    options = {"jobs": 2, "limits": QUICK, "tell": said.append}
    classroom.grade_folder(found, toy, tmp_path / "out", **options)
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
    said.clear()
    again = classroom.grade_folder(found, toy, tmp_path / "out", **options)
    assert again["Jane Doe_123_file"].total == 6
    assert said[0] == "3 unchanged since they were graded" and "Jane Doe" in said[1]
    assert sum(line.startswith("[") for line in said) == 1


def test_printed_markup_is_shown_and_not_obeyed(toy, tmp_path):
    result = graded(toy, tmp_path, with_attack("print('<script>alert(1)</script>')\nraise ValueError('<b>')"))
    page = report.page("<i>", "toy", result, toy.questions())
    assert "<script>" not in page and "&lt;script&gt;" in page and "<b>" not in page and "<i>" not in page


def test_an_assignment_is_recognised_by_its_setup_cell_or_its_names():
    names = {"toy": {"double", "mean"}, "other": {"side", "cost"}}
    assert notebooks.which_assignment(RIGHT, names) == "toy"
    assert notebooks.which_assignment(["def cost(a):\n    pass", "%magic\nside = 3"], names) == "other"
    assert notebooks.which_assignment(["x = 1"], names) is None


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
    result = submission.grade(path, checks.load(tmp_path / "checks"), [])  # importing SciPy may take a while
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
    result = submission.grade(path, checks.load(tmp_path / "checks"), [], limits=QUICK)
    assert result.total == 2, [one.error for one in result.outcomes["q1"]]


def test_the_command_says_what_is_missing(tmp_path):
    script = ROOT / "tools" / "assignments" / "grade.py"
    for folder, words in ((tmp_path / "none", "no folder"), (tmp_path, "no notebook")):
        done = subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, text=True)
        assert done.returncode == 1 and words in done.stderr
