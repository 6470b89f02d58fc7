"""A small assignment and submissions to it, for tests of the grader."""

from __future__ import annotations

import json
from pathlib import Path

from grading import classroom
from grading.session import Limits

SETUP = """ASSIGNMENT = "toy"
import otter
grader = otter.Notebook()"""
IMPORTS = "import numpy as np"
DATA = "data = np.arange(6.0)\nprint(data.sum())"
ANSWERS = {
    "q1": "def double(x):\n    return 2 * x",
    "q2": "def mean(values):\n    return np.asarray(values).mean()",
    "q3": "total = float(data.sum())",
}
RIGHT = [SETUP, IMPORTS, DATA, ANSWERS["q1"], 'grader.check("q1")', ANSWERS["q2"], ANSWERS["q3"]]
HIDDEN = "a hint for the mean"
QUICK = Limits(cell_seconds=6, notebook_seconds=40, call_seconds=4, total_seconds=80, memory=2**30, output=2**20)

CHECKS = {
    "q1": """
@test_case(points=1, hidden=False, failure_message="Twice, please.")
def test_public(double):
    assert double(2) == 4

@test_case(points=2, hidden=True)
def test_hidden(double):
    import numpy as np
    values = np.arange(5.0)
    assert np.allclose(double(values), [0, 2, 4, 6, 8]) and double(-3.5) == -7
""",
    "q2": f'''
@test_case(points=None, hidden=False)
def test_public(mean):
    assert mean([1, 3]) == 2

@test_case(points=None, hidden=True, failure_message="{HIDDEN}")
def test_hidden_secret(mean):
    import numpy as np
    values = np.array([1.0, 2.0, 9.0])
    assert mean(values) == 4
    assert mean(values) == values.mean()
''',
    "q3": """
@test_case(points=1, hidden=True)
def test_value(total):
    assert total == 15
""",
}


def make_assignment(folder: Path) -> classroom.Assignment:
    """Checks as otter writes them, and the student notebook."""
    checks = folder / "assignment" / "tests"
    checks.mkdir(parents=True)
    for name, body in CHECKS.items():
        points = {"q1": 3, "q2": 2, "q3": 1}[name]
        head = f'from otter.test_files import test_case\n\nOK_FORMAT = False\n\nname = "{name}"\npoints = {points}\n'
        (checks / f"{name}.py").write_text(head + body, encoding="utf-8")
    blank = [
        SETUP,
        IMPORTS,
        DATA,
        "def double(x):\n    ...",
        'grader.check("q1")',
        "def mean(values):\n    ...",
        "total = ...",
    ]
    student = write_notebook(folder / "assignment" / "toy.ipynb", blank)
    return classroom.Assignment("toy", checks, student)


def write_notebook(path: Path, cells: list[str]) -> Path:
    made = [
        {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for source in cells
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}), encoding="utf-8")
    return path


def with_attack(attack: str, *, before: bool = True) -> list[str]:
    """A right submission with a cell more, before or after its answers."""
    return [SETUP, IMPORTS, attack, *RIGHT[2:]] if before else [*RIGHT, attack]
