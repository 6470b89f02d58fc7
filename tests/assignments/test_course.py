"""The dry run of a course: from the hand-out to the table."""

from __future__ import annotations

import csv
import os

import pytest
from grading import checks, container

from tools.assignments import course, make

NAME = make.names()[0]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    pytest.importorskip("otter", reason="otter-grader is in the extra `assignments`")
    pytest.importorskip("hatchling", reason="hatchling is in requirements.lock")
    try:
        container.verify()
    except container.NotContained as error:
        if os.environ.get("REQUIRE_CONTAINERS"):
            raise
        pytest.skip(str(error))
    output = tmp_path_factory.mktemp("course") / "here"
    return output, course.run([NAME], [NAME], output, jobs=2)


def test_three_students_get_what_they_are_worth(ran):
    output, totals = ran
    got = {student.split(f"-{NAME}")[0]: total for student, total in totals[NAME].items()}
    questions = checks.load(output / "for-grading" / NAME / "autograder" / "tests")
    full = sum(question.points for question in questions)
    assert got["Ada-Right"] == pytest.approx(full) and got["Cleo-Blank"] == 0
    assert 0 < got["Ben-Misconception"] < full
    with (output / "grades" / NAME / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert {row["status"] for row in rows.values()} == {"graded"}
    for question in questions:  # one wrong answer to each
        assert float(rows[f"Ben-Misconception-{NAME}"][question.name]) < question.points, question.name


def test_everything_lies_where_it_is_said_to(ran):
    output, _ = ran
    grades = output / "grades" / NAME
    assert (output / "submissions.zip").is_file() and (grades / "items.csv").is_file()
    assert len(list((grades / "feedback").glob("*.html"))) == 3
    assert (output / "hand-out" / NAME / f"{NAME}.ipynb").is_file() and list((output / "hand-out").glob("*.whl"))
    assert not list((output / "hand-out").rglob("autograder*"))
    seed = (output / "for-grading" / NAME / "seed.txt").read_text(encoding="utf-8")
    assert int(seed) == course.SEED != make.source_seed(NAME)


@pytest.mark.parametrize("name", make.names())
def test_the_invented_students_of_each_assignment(name, tmp_path):
    """Their cells come from what the assignment has: no question without its misconception, no sample left out."""
    for part in ("autograder", "student"):
        (tmp_path / part).mkdir()
        (tmp_path / part / f"{name}.ipynb").write_bytes((make.STUDENT / name / f"{name}.ipynb").read_bytes())
    students = course.invented(name, tmp_path)
    added = len(students["Ben-Misconception"]) - len(students["Ada-Right"])
    questions = checks.load(make.STUDENT / name / "tests")
    assert added >= len([question for question in questions if question.name != "bonus"])
    samples = {path.stem for path in make.source(name).parent.glob("samples/*.py")}
    assert {student.removeprefix("Sample-") for student in students if student.startswith("Sample-")} == samples
