"""The worked examples in the docstrings give what they say, and every module of the package's page has one."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re

import pytest

from tools import ROOT

# The modules of the reference, and those that serve the book's own notebooks.
DOCUMENTED = [
    *re.findall(r"^\.\. automodule:: (tlbook\.\w+)$", (ROOT / "book" / "api.md").read_text(encoding="utf-8"), re.M),
    "tlbook.checks",
    "tlbook.hosted",
    "tlbook.results",
]
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def parts(name: str) -> list[str]:
    """A module and, where it is a package, the modules in it."""
    module = importlib.import_module(name)
    below = getattr(module, "__path__", ())
    return [name, *(f"{name}.{found.name}" for found in pkgutil.iter_modules(below) if found.name != "__main__")]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_examples_of_a_module_are_true(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # an example may write a file
    run = 0
    for part in parts(name):
        module = importlib.import_module(part)
        for test in doctest.DocTestFinder().find(module, part):
            told: list[str] = []
            # The standard streams belong to the example while it runs.
            outcome = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=told.append)
            assert outcome.failed == 0, "".join(told)
            run += sum(not example.options.get(doctest.SKIP) for example in test.examples)
    assert run >= 1, f"{name} has no example that is run"
