"""Grading itself: right answers get all points, the misconceptions of the field do not, under several seeds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from grading import checks, source
from scipy import stats

from tlbook import evaluation
from tools.assignments import make

SEEDS = [2026, 7, 4711]
NAMES = make.names()


def tried(name: str, seeds: list[int]) -> dict:
    """What `grading.trial` found, in a process of its own: some assignments import TensorFlow."""
    folder = make.SOURCES / name
    student = make.STUDENT / name / f"{name}.ipynb"
    path = os.pathsep.join([str(make.SOURCES), str(make.ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "grading.trial",
            folder / f"{name}.ipynb",
            folder / "answers.py",
            student,
            *map(str, seeds),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def assert_right(name: str, found: dict) -> None:
    lucky = Counter()
    for seed, one in found.items():
        where = f"{name}, seed {seed}"
        assert one["reference"] == pytest.approx(one["out_of"]), (where, one["errors"])
        assert set(one["blank"].values()) == {0}, (where, one["blank"])
        for answer in one["degenerate"]:  # the checks of an answer's form alone, if any
            full = one["out_of"][answer["question"]]
            assert answer["points"] <= 0.1 * full, (where, answer)
        for answer in one["answers"]:
            which = f"{where}, {answer['question']}: {answer['words']}"
            full = one["out_of"][answer["question"]]
            assert not answer["missing"], f"{which}: does not define {answer['missing']}"
            if answer["right"]:
                assert answer["points"] == pytest.approx(full), (which, answer["errors"], answer["failed"])
            elif answer["points"] >= full - 1e-9:
                lucky[answer["question"], answer["words"]] += 1
            if "by heart" in answer["words"]:
                assert answer["points"] > 0, (which, answer["errors"])
    # On one draw of the data two ways to compute a p-value may agree by chance, where both are 1; on most they must not.
    most = 1 if len(found) >= 3 else 0
    assert not [one for one, n in lucky.items() if n > most], f"{name}: wrong answers that get all points: {lucky}"


def test_the_first_assignment_under_one_seed():
    assert_right(NAMES[0], tried(NAMES[0], [make.source_seed(NAMES[0])]))


@pytest.mark.parametrize("name", NAMES)
def test_enough_answers(name):
    read = source.read(make.source(name))
    answers = source.read_answers(make.source(name).with_name("answers.py"))
    graded = [question for question in read.questions if question != "bonus"]
    assert {answer.question for answer in answers} == set(read.questions)
    for question in graded:
        right = [answer.words for answer in answers if answer.question == question and answer.right]
        wrong = [answer.words for answer in answers if answer.question == question and not answer.right]
        assert len(right) >= 3 and len(wrong) >= 4, (question, right, wrong)
        assert sum("by heart" in words for words in wrong) == 1, (question, wrong)
    twice = [one for one, n in Counter((answer.question, answer.source.strip()) for answer in answers).items() if n > 1]
    assert not twice


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_every_answer_under_three_seeds_and_last_years_values_fail(name):
    found = tried(name, SEEDS)
    assert_right(name, found)
    for one in list(found.values())[1:]:
        assert sum(one["old"].values()) < sum(one["out_of"].values()) - 1e-9, f"{name}: last year's values still score"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "question", "check"),
    [
        ("evaluation", "q5", "test_q5_other_scores"),
        ("fine-tuning-and-augmentation", "q7", "test_q7_other_runs"),
    ],
)
def test_no_right_function_fails_by_rounding(name, question, check):
    """Where two thresholds cost the same, or two variances are equal, the order of adding must not decide."""
    answers = source.read_answers(make.source(name).with_name("answers.py"))
    pair = np.eye(3, 9, dtype=bool), np.zeros((3, 9), bool)
    recorded = {"at home": pair, "dark": pair}  # for the lines below the function, which this check does not look at
    spaces = {}
    for answer in answers:
        if answer.question == question and answer.right:
            space = {"np": np, "stats": stats, "evaluation": evaluation, "recorded": recorded, "shift": "dark"}
            exec(answer.source, space)
            spaces[answer.words] = space
    assert len(spaces) >= 4
    for seed in range(40):
        every = source.read(make.source(name), seed).questions[question].checks
        (one,) = (each for each in every if each.function.__name__ == check)
        for words, space in spaces.items():
            assert checks.run(one, space).passed, f"seed {seed}: {words}"
