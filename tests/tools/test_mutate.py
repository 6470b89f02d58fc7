"""The mutation check runs with the tests on one module; the whole of it is ``make mutate``."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.check import mutate

SCRIPT = Path(mutate.__file__)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a + b", ["a - b"]),
        ("a ** b", ["a * b"]),
        ("a < b", ["a <= b", "a >= b"]),
        ("a <= b < c", ["a < b < c", "a > b < c", "a <= b <= c", "a <= b >= c"]),
        ("not a", ["a"]),
        ("a and b", ["a or b"]),
        ("1", ["2", "0"]),
        ("0", ["1"]),
        ("2000", ["4000"]),
        ("0.5", ["0.55"]),
        ("0.0", ["1.0"]),
        ("True", ["False"]),
        ("'text'", []),
        ("a if b else c", ["c if b else a"]),
        ("max(a, b)", ["min(a, b)"]),
        ("np.any(a)", ["np.all(a)"]),
        ("other(a)", []),
    ],
)
def test_what_a_mutant_changes(source, expected):
    found = [ast.unparse(ast.fix_missing_locations(new)) for new in mutate.changes(ast.parse(source, mode="eval").body)]
    assert found == expected


@pytest.mark.parametrize("module", mutate.TESTS)
def test_mutants_differ_from_their_module_and_from_each_other(module):
    original = ast.unparse(ast.parse((mutate.PACKAGE / f"{module}.py").read_text(encoding="utf-8")))
    found = mutate.mutants(module)
    assert len(found) > 5
    assert len({one.name for one in found}) == len(found)
    texts = [ast.unparse(one.tree) for one in found[:: max(1, len(found) // 10)]]
    assert original not in texts
    assert len(set(texts)) == len(texts)


def test_every_module_is_mutated():
    modules = {path.stem for path in mutate.PACKAGE.glob("*.py")} - {"__init__"}
    assert modules == set(mutate.TESTS)


def test_listed_equivalents_exist():
    names = {one.name for module in mutate.TESTS for one in mutate.mutants(module)}
    assert set(mutate.EQUIVALENT) <= names


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--module", "test_time"], id="the smallest module"),
        pytest.param(["--share", "24"], id="a share of all", marks=pytest.mark.thorough),
    ],
)
def test_mutants_are_noticed(options):
    run = subprocess.run(
        [sys.executable, str(SCRIPT), *options, "--jobs", "1"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    number = int(re.search(r"^(\d+) mutants: .* 0 survived$", run.stdout, re.MULTILINE)[1])
    assert number >= 10
