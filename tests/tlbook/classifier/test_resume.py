"""A run that is killed goes on where it was; whatever it left, the numbers are those of an unbroken run."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.tlbook.classifier.folders import class_folders, train
from tlbook.classifier import metrics_file, runs, stages
from tools import ROOT

FEW = ("--kills", "2", "--flips", "2", "--disks", "2")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_faults():
    """A few of each here; `make faults` has more."""
    script = Path(__file__).with_name("faults.py")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    run = subprocess.run(
        [sys.executable, str(script), *FEW], capture_output=True, text=True, env=environment, timeout=3600
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("the same metrics") == 2 + 2 + 2 + 1  # kills, disks, two kinds of state, what is cached
    assert run.stdout.count("2 flips in") > 7 and "both end with the same result" in run.stdout


def timeless(result):
    passing = ("wall_seconds", "process_seconds", "files", "sha256")  # the report has a date in it
    return {key: value for key, value in result.metrics.items() if key not in passing}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return class_folders(tmp_path_factory.mktemp("folder") / "photos", n=6)


@pytest.fixture
def interrupted(folder, tmp_path, monkeypatch):
    """A place where a run was interrupted while it wrote its result."""
    with monkeypatch.context() as patch:
        patch.setattr(stages, "csv_text", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(folder, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.unfinished"]
    return tmp_path / "out"


def test_what_was_computed_is_not_computed_again(folder, interrupted, monkeypatch):
    said = []
    for name in ("photos.near_duplicates", "strategy.fit_probe"):
        monkeypatch.setattr(f"tlbook.classifier.{name}", lambda *_: pytest.fail("computed again"))
    result = train(folder, interrupted, say=said.append)
    assert said[0] == "going on from out.unfinished"
    assert result.metrics["test"]["n"] >= 2
    assert sorted(path.name for path in interrupted.parent.iterdir()) == ["out"]


def test_torn_state_is_computed_anew(folder, interrupted, tmp_path):
    for path in (interrupted.with_name("out.unfinished") / "steps").iterdir():
        path.write_bytes(path.read_bytes()[:20])
    continued = train(folder, interrupted)
    fresh = train(folder, tmp_path / "other")
    assert timeless(continued) == {**timeless(fresh), "command": continued.metrics["command"]}


def test_other_options_start_anew(folder, interrupted):
    said = []
    metrics = train(folder, interrupted, seed=3, say=said.append).metrics
    assert said[0] == "out.unfinished is of a run with other photos or options; this one starts anew"
    assert metrics["seed"] == 3


def test_other_photos_start_anew(interrupted, tmp_path):
    said = []
    train(class_folders(tmp_path / "photos", n=5), interrupted, say=said.append)
    assert "starts anew" in said[0]


def test_killed_after_the_result_was_there(folder, tmp_path):
    first = train(folder, tmp_path / "out")
    state = tmp_path / "out.unfinished"
    state.mkdir()
    runs.write_state(state / "run.json", {"key": first.metrics["key"]})
    assert train(folder, tmp_path / "out").metrics == first.metrics
    assert not state.exists()


def test_the_key_depends_on_photos_and_options():
    keys = {runs.key_of(photos=p, seed=s) for p in ("a", "b") for s in (0, 1)}
    assert len(keys) == 4 and runs.key_of(photos="a", seed=0) in keys


def test_a_second_process_waits_and_finds_the_result(tmp_path):
    out, order = tmp_path / "out", []

    def second():
        with runs.open_run(out, "key") as metrics:
            order.append(metrics["test"])

    with runs.open_run(out, "key") as run:
        assert not run.resumed
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.3)
        assert order == []
        metrics = {"written_by": "tlbook train", "key": "key", "test": 1}
        folder = run.fresh_result()
        for name in metrics_file.FILES:
            (folder / name).write_text(json.dumps(metrics))
        run.publish()
    waiting.join(timeout=60)
    assert order == [1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_seconds_add_up_over_attempts(tmp_path):
    for expected in (1.5, 3.0):
        with pytest.raises(KeyboardInterrupt), runs.open_run(tmp_path / "out", "key") as run:
            run.add("reading", 1.5, 0.5)
            assert run.wall_seconds == {"reading": expected, "total": expected}
            assert run.process_seconds == expected / 3
            raise KeyboardInterrupt
