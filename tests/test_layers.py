"""The package imports one way, and starts quickly: read from its source, and from what a fresh process has loaded."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from book_fixtures import ROOT

PACKAGE = ROOT / "tlbook"


def imported(name: str) -> set[str]:
    """The modules directly below tlbook that those of a package import, wherever in a file they do."""
    found = set()
    for path in (PACKAGE / name).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:  # a dot is the package itself
                assert node.level == 1 and path.parent == PACKAGE / name, path
            elif isinstance(node, ast.ImportFrom) and node.module == "tlbook":
                found |= {one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tlbook."):
                found.add(node.module.split(".")[1])
            elif isinstance(node, ast.Import):
                found |= {one.name.split(".")[1] for one in node.names if one.name.startswith("tlbook.")}
    return found - {name, "__version__"}


def test_evaluation_is_numbers_and_imports_nothing_else_of_the_package():
    assert {name for name in imported("evaluation") if not name.startswith("_")} == set()


def test_a_report_knows_nothing_of_the_classifier():
    others = {"datasets", "evaluation", "interpret", "plotting"}
    assert {name for name in imported("report") if not name.startswith("_")} == others
    for name in sorted(others):
        assert not {"report", "classifier"} & imported(name)


@pytest.mark.parametrize("module", ["tlbook.report", "tlbook.cli"])
def test_what_takes_seconds_is_not_imported_before_it_is_needed(module):
    slow = ("tensorflow", "keras", "matplotlib", "jinja2")
    code = f"import sys, {module}; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
