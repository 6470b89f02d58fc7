"""The checks of an assignment, read from the test files that otter makes, and what an answer gets for them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Check", "Outcome", "Question", "load", "names_read"]


@dataclass(frozen=True)
class Check:
    """One check: a function of the student's names that raises where something is wrong."""

    function: Callable[..., None]
    points: float
    hidden: bool
    failure_message: str | None

    @property
    def names(self) -> list[str]:
        return list(inspect.signature(self.function).parameters)

    @property
    def in_place(self) -> bool:
        """Whether it is about what a function does to its arguments; its name says so."""
        return self.function.__name__.endswith("in_place")


@dataclass(frozen=True)
class Question:
    name: str
    checks: tuple[Check, ...]

    @property
    def points(self) -> float:
        return round(sum(check.points for check in self.checks), 6)

    @property
    def names(self) -> list[str]:
        """Of the student's functions and variables that are looked at."""
        return list(dict.fromkeys(name for check in self.checks for name in check.names))


@dataclass
class Outcome:
    """Of one check: passed or not, and what the exception said."""

    points: float
    hidden: bool
    passed: bool
    hint: str | None = None
    error: str = field(default="", repr=False)


@dataclass
class _Marked:
    """What otter's decorator leaves: a function and its options."""

    function: Callable[..., None]
    options: dict[str, Any]


def _read(path: Path) -> Question:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    # The files import otter's decorator. Reading them needs its options only, and no otter.
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.ImportFrom) and node.module == "otter.test_files")
    ]
    space: dict[str, Any] = {"test_case": lambda **options: lambda function: _Marked(function, options)}
    exec(compile(tree, str(path), "exec"), space)
    marked = [value for value in space.values() if isinstance(value, _Marked)]
    given = [one.options.get("points") for one in marked]
    left = (space.get("points") or 0) - sum(points or 0 for points in given)
    share = left / max(1, sum(points is None for points in given))
    return Question(
        space["name"],
        tuple(
            Check(
                one.function,
                share if points is None else points,
                bool(one.options.get("hidden")),
                one.options.get("failure_message"),
            )
            for one, points in zip(marked, given, strict=True)
        ),
    )


def load(folder: Path) -> list[Question]:
    """Questions of a folder of test files, q2 before q10, a bonus last."""
    questions = [_read(path) for path in folder.glob("*.py")]
    if not questions:
        raise FileNotFoundError(f"no checks in {folder}; make assignments puts them there")

    def order(question: Question) -> tuple[bool, int, str]:
        digits = "".join(filter(str.isdigit, question.name))
        return (not question.name.startswith("q"), int(digits or 0), question.name)

    return sorted(questions, key=order)


def run(check: Check, environment: Mapping[str, Any]) -> Outcome:
    """Of one check on an answer. Exceptions that are not the answer's fault pass through: only `Exception` counts as failing."""
    try:
        check.function(**{name: environment.get(name) for name in check.names})
    except Exception as error:
        text = f"{type(error).__name__}: {str(error)[:400]}"
        return Outcome(check.points, check.hidden, False, check.failure_message, text)
    return Outcome(check.points, check.hidden, True)


def score(outcomes: list[Outcome]) -> float:
    return round(sum(outcome.points for outcome in outcomes if outcome.passed), 6)


def names_read(questions: list[Question]) -> set[str]:
    return {name for question in questions for name in question.names}
