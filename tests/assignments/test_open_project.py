"""The open project: test images that belong to a plan, samples that land where the rubric says, a sheet of one page."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys

import pytest
from grading import source

from tools.assignments import make

NAME = "open-project"
FOLDER = make.SOURCES / NAME
SAMPLES = ["good", "middling", "wrong"]
PAGE = make.ROOT / "book" / "instructors" / "open-project.md"


@pytest.fixture
def given() -> dict:
    """The functions that stand before the plan."""
    space = {"hashlib": hashlib, "json": json, "SEED": make.source_seed(NAME), "drawn": lambda n, seed: (n, seed)}
    (cell,) = [part.source for part in source.read(make.source(NAME)).parts if "def open_test" in part.source]
    exec(cell, space)
    return space


PLAN = {"question": "Which of the two?", "margin": 0.02, "if A is better": "I take A."}


@pytest.mark.parametrize("key", PLAN)
def test_every_part_of_a_plan_decides_on_its_test_images(given, key):
    changed = {**PLAN, key: PLAN[key] * 2}
    assert given["open_test"](PLAN) == given["open_test"](dict(reversed(PLAN.items())))
    assert given["open_test"](changed) != given["open_test"](PLAN)
    assert given["seal"](changed) != given["seal"](PLAN)


def test_another_course_has_other_test_images(given):
    before = given["open_test"](PLAN)
    given["SEED"] += 1
    assert given["open_test"](PLAN) != before


@pytest.mark.parametrize("plan", [None, ..., {**PLAN, "margin": ...}])
def test_no_test_image_without_a_plan(given, plan):
    with pytest.raises(ValueError, match="not filled in"):
        given["open_test"](plan)


def points_by_rubric() -> dict[str, tuple[float, float]]:
    """Points by machine and for the page, of each sample, as the instructor's page has them."""
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: (float(machine), float(page)) for name, machine, page in rows}


def test_every_sample_is_in_the_table_and_answers_everything():
    assert list(points_by_rubric()) == SAMPLES == sorted(path.stem for path in (FOLDER / "samples").glob("*.py"))
    read = source.read(make.source(NAME))
    for name, (machine, page) in points_by_rubric().items():
        text = (FOLDER / "samples" / f"{name}.py").read_text(encoding="utf-8")
        said = re.search(r"([\d.]+) of (\d+) by machine, (.+?) (?:of 6 )?for the page", text.splitlines()[0])
        assert (float(said[1]), int(said[2])) == (machine, sum(one.points for one in read.questions.values()))
        assert said[3].startswith({0.5: "half a point"}.get(page, f"{page:g}")), said[3]
        blocks = source.read_answers(FOLDER / "samples" / f"{name}.py")
        assert [block.question for block in blocks] == [*read.questions, *read.manual]


@pytest.mark.thorough
def test_the_samples_land_where_the_rubric_says():
    path = os.pathsep.join([str(make.SOURCES), str(make.ROOT), os.environ.get("PYTHONPATH", "")])
    files = [FOLDER / "samples" / f"{name}.py" for name in SAMPLES]
    command = [sys.executable, "-m", "grading.trial", "--whole", make.source(NAME), str(make.source_seed(NAME)), *files]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for name, (machine, _) in points_by_rubric().items():
        assert not found[name]["failed"], found[name]["failed"]
        assert sum(found[name]["points"].values()) == pytest.approx(machine), found[name]
    made_up = found["wrong"]["errors"]["q6"]
    assert len(made_up) == 3, "each of the three checks of numbers finds that they are made up"


def test_the_sheet_for_reviewers_is_one_page_and_is_handed_out(tmp_path):
    sheet = (FOLDER / "peer-review.md").read_text(encoding="utf-8")
    assert len(sheet.split()) <= 350
    notebook = make.source(NAME).read_text(encoding="utf-8")
    asked = re.findall(r"^\*\*(\d)\. ", sheet, flags=re.MULTILINE)
    assert asked == list("123456") and "six questions" in notebook
    (tmp_path / "made" / "student").mkdir(parents=True)
    make.hand_out(NAME, tmp_path / "made", tmp_path / "hand-out")
    assert (tmp_path / "hand-out" / NAME / "peer-review.md").read_text(encoding="utf-8") == sheet
