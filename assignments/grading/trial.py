"""Answers tried on the checks, many in one process, for the tests: no student's code runs here.

    python -m grading.trial SOURCE ANSWERS STUDENT SEED [SEED ...]
    python -m grading.trial --whole SOURCE SEED SUBMISSION [SUBMISSION ...]

prints one JSON object: for each seed what the reference, the blank notebook and every answer got; or what whole submissions
got, each a file of answers to all questions.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import io
import json
import os
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grading import checks, notebooks, source

__all__ = ["try_all", "whole"]


def _module(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module  # dataclasses and pickling look a class's module up
    return module


def _run(text: str, space: dict[str, Any]) -> str:
    """Run a cell; the text of its exception, or nothing."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(notebooks.without_magics(text), "<cell>", "exec"), space)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _score(question: checks.Question, space: dict[str, Any]) -> tuple[float, list[str]]:
    outcomes = [checks.run(check, space) for check in question.checks]
    errors = [("hidden: " if one.hidden else "public: ") + one.error for one in outcomes if not one.passed]
    return checks.score(outcomes), errors


def _reference(read: source.Source) -> dict[str, Any]:
    space = _module("reference").__dict__
    for part in read.parts:
        error = _run(part.source, space)
        if error:
            raise RuntimeError(f"the reference notebook fails: {error}\n{part.source[:400]}")
    return space


def _blank(student: Path, seed: int, read: source.Source) -> dict[str, float]:
    space = _module("blank").__dict__
    for text in notebooks.code_cells(student):
        if "grader" not in text:
            _run(source.SEED_LINE.sub(rf"\1SEED = {seed}", text), space)
    return {name: _score(question, space)[0] for name, question in read.questions.items()}


def _answered(read: source.Source, reference: dict[str, Any], answer: source.Answer) -> dict[str, Any]:
    question = read.questions[answer.question]
    own = notebooks.names_defined(read.solution(answer.question)) & set(question.names)
    missing = own - notebooks.names_defined([answer.source])
    space = _module("answer").__dict__
    space.update(_copied(reference, {*re.findall(r"\w+", answer.source), *question.names}))
    for name in own:
        space.pop(name, None)
    error = _run(answer.source, space)
    points, errors = _score(question, space)
    return {
        "question": answer.question,
        "right": answer.right,
        "words": answer.words,
        "points": points,
        "errors": errors,
        "missing": sorted(missing),
        "failed": error,
    }


DEGENERATE = {
    "nothing": "None",
    "an empty array": "np.zeros((0, 1, 1, 1))",
    "an empty list": "[]",
    "an empty text": "''",
    "an empty set": "set()",
    "not a number": "float('nan')",
    "an array of NaN": "np.full((3, 3), np.nan)",
    "infinity": "float('inf')",
    "true": "True",
    "zero": "0",
    "one": "1.0",
    "text in an array": "np.array(['x', 'y'])",
    "a pair of empty arrays": "(np.zeros((0, 3)), np.zeros((0,)))",
    "a pair of NaN": "(float('nan'), float('nan'))",
    "a dictionary": "{}",
}


def _degenerate(read: source.Source, reference: dict[str, Any]) -> list[dict[str, Any]]:
    """Answers that are none, for each question: every name is such a value, or a function that returns it."""
    found = []
    for name, question in read.questions.items():
        own = notebooks.names_defined(read.solution(name)) & set(question.names)
        for words, value in DEGENERATE.items():
            for kind, text in (("value", value), ("function", f"lambda *args, **named: {value}")):
                space = _module("degenerate").__dict__
                space.update(_copied(reference, set(question.names)))
                _run("import numpy as np\n" + "\n".join(f"{one} = {text}" for one in own), space)
                points, _ = _score(question, space)
                found.append({"question": name, "words": f"{kind}: {words}", "points": points})
    return found


def _copied(reference: dict[str, Any], named: set[str]) -> dict[str, Any]:
    """The reference's variables, those that an answer or its checks name copied: it may change what the next one is checked with.

    All others stay: copying a thousand drawings takes longer than most answers do.
    """

    def of_own(name: str, value: Any) -> Any:
        changeable = type(value).__module__ == "numpy" or type(value) in (list, dict, set)
        return copy.deepcopy(value) if changeable and name in named else value

    return {name: of_own(name, value) for name, value in reference.items() if not name.startswith("__")}


def _values(read: source.Source, reference: dict[str, Any]) -> dict[str, Any]:
    """The graded variables that are values, not functions: what a student could copy from last year."""
    graded = checks.names_read(list(read.questions.values()))
    kinds = (bool, int, float, str, list, tuple, dict, set)
    found = {name: reference[name] for name in graded if name in reference}
    return {
        name: value for name, value in found.items() if isinstance(value, kinds) or type(value).__module__ == "numpy"
    }


def _compute_once() -> None:
    """Let what was drawn or counted before be taken again: most of the time goes into the same few sets and numbers."""
    import numpy as np

    from tlbook import evaluation, sketches

    def of_own(one: sketches.SketchSet) -> sketches.SketchSet:
        return dataclasses.replace(one, images=np.array(one.images), labels=np.array(one.labels))

    sketches.make_set = _remembered(sketches.make_set, of_own)
    sketches.make_records = _remembered(sketches.make_records, list)
    evaluation.images_needed_paired = _remembered(evaluation.images_needed_paired, int)


def _remembered(compute: Callable[..., Any], copied: Callable[[Any], Any]) -> Callable[..., Any]:
    known: dict[str, Any] = {}

    def remembered(*args: Any, **options: Any) -> Any:
        key = repr((args, sorted(options.items())))
        if key not in known:
            known[key] = compute(*args, **options)
        return copied(known[key])

    return remembered


def try_all(path: Path, answers: Path, student: Path, seeds: list[int]) -> dict[str, Any]:
    """Reference, blank notebook, answers, and the first seed's values under the others.

    Parameters
    ----------
    path, answers, student : Path
        The source notebook, its answers.py, the generated student notebook.
    seeds : list of int

    Returns
    -------
    dict
        By seed: `reference`, `blank` (question → points), `out_of`, `answers` and `degenerate` (lists of records), `old`
        (points of the first seed's values, by question).
    """
    blocks = source.read_answers(answers)
    result: dict[str, Any] = {}
    old: dict[str, Any] = {}
    for seed in seeds:
        read = source.read(path, seed)
        reference = _reference(read)
        scores = {name: _score(question, reference) for name, question in read.questions.items()}
        result[str(seed)] = {
            "reference": {name: points for name, (points, _) in scores.items()},
            "errors": {name: errors for name, (_, errors) in scores.items() if errors},
            "blank": _blank(student, seed, read),
            "out_of": {name: question.points for name, question in read.questions.items()},
            "degenerate": _degenerate(read, reference),
            "answers": [_answered(read, reference, answer) for answer in blocks if answer.question in read.questions],
            "old": {name: _score(question, {**reference, **old})[0] for name, question in read.questions.items()},
        }
        old = old or _values(read, reference)
    return result


def whole(path: Path, seed: int, submission: Path) -> dict[str, Any]:
    """A submission that answers every question: points and errors by question, and the cells that failed.

    Parameters
    ----------
    path : Path
        The source notebook.
    seed : int
    submission : Path
        Written like answers.py, with one block for each question; they build on each other.
    """
    read = source.read(path, seed)
    blocks = {block.question: block.source for block in source.read_answers(submission)}
    space = _module("submission").__dict__
    failed = []
    for part in read.parts:
        error = _run(part.source if part.question is None else blocks.pop(part.question, ""), space)
        failed += [error] if error else []
    scores = {name: _score(question, space) for name, question in read.questions.items()}
    points = {name: one for name, (one, _) in scores.items()}
    return {"points": points, "errors": {name: errors for name, (_, errors) in scores.items()}, "failed": failed}


def main() -> None:
    os.environ.setdefault("MPLBACKEND", "Agg")
    _compute_once()
    if sys.argv[1] == "--whole":
        path, seed, *submissions = sys.argv[2:]
        print(json.dumps({Path(one).stem: whole(Path(path), int(seed), Path(one)) for one in submissions}))
        return
    path, answers, student, *seeds = sys.argv[1:]
    print(json.dumps(try_all(Path(path), Path(answers), Path(student), [int(seed) for seed in seeds])))


if __name__ == "__main__":
    main()
