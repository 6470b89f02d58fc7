"""The source of an assignment: what is given, the solutions, and the checks, read without otter.

Otter makes everything that is handed out. This reader is for the tests, which try many answers on the checks of
several seeds; that it and otter read the same is itself tested.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import yaml

from grading import checks

__all__ = ["Answer", "Part", "Source", "read", "read_answers"]

SEED_LINE = re.compile(r"^(\s*)SEED = \d+$", flags=re.MULTILINE)
CONFIG = re.compile(r'\A"""\s*# BEGIN TEST CONFIG\n(.*?)\n"""\s*# END TEST CONFIG\n(.*)\Z', flags=re.DOTALL)


@dataclass
class Part:
    """A code cell of the reference notebook; `question` is None for given cells."""

    source: str
    question: str | None


@dataclass
class Source:
    """An assignment as its author wrote it."""

    parts: list[Part] = field(default_factory=list)
    questions: dict[str, checks.Question] = field(default_factory=dict)
    manual: dict[str, float] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)

    def solution(self, question: str) -> list[str]:
        return [part.source for part in self.parts if part.question == question]


@dataclass(frozen=True)
class Answer:
    """A block of answers.py."""

    question: str
    right: bool
    words: str
    source: str


def _yaml(text: str) -> dict[str, Any]:
    return yaml.safe_load("\n".join(text.splitlines()[1:])) or {}


def _check(text: str) -> checks.Check:
    found = CONFIG.match(text)
    options = yaml.safe_load(found[1]) if found else {}
    space: dict[str, Any] = {}
    tree = ast.parse(found[2] if found else text)
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
        raise ValueError(f"a check cell holds one function, but this does not:\n{text[:300]}")
    exec(compile(tree, "<check>", "exec"), space)
    function = space[tree.body[0].name]
    return checks.Check(function, options.get("points"), bool(options.get("hidden")), options.get("failure_message"))


def read(path: Path, seed: int | None = None) -> Source:
    """Read a source notebook.

    Parameters
    ----------
    path : Path
    seed : int, optional
        Put on every SEED line.

    Raises
    ------
    ValueError
        If a cell does not follow the format.
    """
    result = Source()
    question: dict[str, Any] | None = None
    tests: list[checks.Check] = []
    inside: list[str] = []
    for cell in nbformat.read(path, as_version=4).cells:
        text = cell.source if seed is None else SEED_LINE.sub(rf"\1SEED = {seed}", cell.source)
        head = re.match(r"# (BEGIN|END) (QUESTION|SOLUTION|TESTS|PROMPT)|# (ASSIGNMENT CONFIG)", text)
        if cell.cell_type == "raw" and head:
            if head[3]:
                result.config = _yaml(text)
            elif head[1] == "BEGIN":
                inside.append(head[2])
                if head[2] == "QUESTION":
                    question, tests = _yaml(text), []
            else:
                if not inside or inside.pop() != head[2]:
                    raise ValueError(f"{path.name}: {head[0]} without its beginning")
                if head[2] == "QUESTION":
                    _finish(result, question, tests)
                    question = None
        elif cell.cell_type == "code":
            if inside[-1:] == ["TESTS"]:
                tests.append(_check(text))
            else:
                result.parts.append(Part(text, question["name"] if "SOLUTION" in inside else None))
    if inside:
        raise ValueError(f"{path.name}: {inside[-1]} does not end")
    return result


def _finish(result: Source, question: dict[str, Any], tests: list[checks.Check]) -> None:
    name = question["name"]
    if question.get("manual"):
        result.manual[name] = question["points"]
        return
    given = sum(check.points or 0 for check in tests)
    without = sum(check.points is None for check in tests)
    share = (question["points"] - given) / max(1, without)
    filled = [
        checks.Check(one.function, share if one.points is None else one.points, one.hidden, one.failure_message)
        for one in tests
    ]
    result.questions[name] = checks.Question(name, tuple(filled))


def read_answers(path: Path) -> list[Answer]:
    """Blocks of an answers.py.

    Raises
    ------
    ValueError
        If a heading is not `# %% NAME right: words` or `# %% NAME wrong: words`.
    """
    answers = []
    for block in re.split(r"^(?=# %%)", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
        if not block.startswith("# %%"):
            continue
        heading, _, body = block.partition("\n")
        found = re.fullmatch(r"# %% ([\w-]+) (right|wrong): (.+)", heading.strip())
        if not found:
            raise ValueError(
                f"{path.name}: a block begins '# %% q1 right: words' or '# %% q1 wrong: words', not {heading!r}"
            )
        answers.append(Answer(found[1], found[2] == "right", found[3], body))
    return answers
