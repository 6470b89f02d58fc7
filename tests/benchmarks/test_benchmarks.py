"""What the benchmarks measure with, and that a published recipe and ours run to their end."""

from __future__ import annotations

import ast
import importlib.util
import time

import pytest

from tools import ROOT

FOLDER = ROOT / "benchmarks"


@pytest.fixture(scope="module")
def measure():
    spec = importlib.util.spec_from_file_location("benchmark_measure", FOLDER / "measure.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pauses_do_not_count(measure):
    clock = measure.Clock()
    with clock.paused():
        began = time.process_time()
        while time.process_time() - began < 0.3:
            pass
    cost = clock.so_far()
    assert cost["wall_seconds"] < 0.3
    began = time.process_time()
    while time.process_time() - began < 0.3:
        pass
    later = clock.so_far()
    assert later["wall_seconds"] - cost["wall_seconds"] >= 0.25
    assert later["process_seconds"] - cost["process_seconds"] >= 0.25


def test_peak_memory_sees_what_was_held_and_given_back(measure):
    before = measure.peak_memory()
    held = bytearray(b"x") * 200_000_000
    del held
    assert measure.peak_memory() >= max(before, 200_000_000)


def test_a_failing_run_says_why(measure, tmp_path):
    with pytest.raises(RuntimeError, match=r"no-such-data"):
        measure.fresh("prepare.py", "no-such-data", cache=tmp_path)


def test_every_file_says_what_it_is():
    for path in FOLDER.rglob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path.name


def test_a_published_recipe_and_ours_run(measure, tmp_path):
    pytest.importorskip("tensorflow")
    assert measure.fresh("prepare.py", "sketches", cache=tmp_path)["images"] > 1000
    theirs = measure.fresh(
        "one_recipe.py",
        *(
            "tensorflow-tutorial",
            "published",
            "BatchNorm frozen",
            "--dataset",
            "sketches",
            "--images",
            20,
            "--share",
            0.1,
        ),
        count=2,
        cache=tmp_path,
    )
    ours = measure.fresh(
        "one_recipe.py",
        *("ours", "first run", "--dataset", "sketches", "--backbone", "sketchnet", "--images", 20),
        count=2,
        cache=tmp_path,
    )
    assert set(theirs["rows"]) == {"published", "BatchNorm frozen"}
    for row in theirs["rows"].values():
        head, tuned = row["stages"]["head"], row["stages"]["fine-tuned"]
        assert tuned["right"] == row["right"]
        assert 0 <= row["reported"] <= 1
        # What the variants share counts in full for each; what only the other did does not count.
        spent = theirs["import_process_seconds"] + head["process_seconds"] + tuned["process_seconds"]
        assert abs(row["process_seconds"] - spent) < 0.2
    assert len({row["stages"]["head"]["right"] for row in theirs["rows"].values()}) == 1
    for found in (theirs, ours):
        assert all(0.3 < row["accuracy"] <= 1 for row in found["rows"].values())
        assert 0 < found["import_wall_seconds"] < found["wall_seconds"]
        assert found["peak_megabytes"] > 100
    assert theirs["keras_imported"]
