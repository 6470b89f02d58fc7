"""The sweeps: their tables of settings are the rows of the records, and the runner computes what is missing, once."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from experiments import __main__ as command
from experiments import runner
from tlbook import evaluation, results
from tlbook.results.rows import row_key

SWEEPS = [(name, dataset) for dataset in runner.DATASETS for name in runner.names(dataset)]
BENCHMARKS = {"recipes-photos", "shards-photos", "throughput-photos", "versions-photos"}


def test_every_record_has_its_sweep():
    assert {runner.load(*one).record for one in SWEEPS} | BENCHMARKS == set(results.names())


@pytest.mark.parametrize(("name", "dataset"), SWEEPS)
def test_a_sweep_has_the_rows_of_its_record_and_no_others(name, dataset):
    sweep = runner.load(name, dataset)
    record = results.load(sweep.record)
    assert tuple(sweep.rows[0]) == record.settings
    keys = [row_key(row, record.settings) for row in sweep.rows]
    assert len(keys) == len(set(keys))
    assert set(keys) == {row_key(row, record.settings) for row in record}
    assert sweep.missing(sweep.rows) == []
    assert (record.command, record.about) == (sweep.command, sweep.module.ABOUT[dataset])


@pytest.mark.parametrize(("name", "dataset"), SWEEPS)
def test_a_sweep_says_its_question_and_takes_its_settings(name, dataset):
    sweep = runner.load(name, dataset)
    assert "?" in sweep.module.__doc__.splitlines()[0]
    inspect.signature(sweep.module.measure).bind(dataset, **sweep.rows[0])


@pytest.mark.parametrize("name", runner.names("sketches"))
def test_a_rerun_would_be_under_the_recorded_conditions(name):
    pytest.importorskip("tensorflow")
    sweep = runner.load(name, "sketches")
    assert len(sweep.recorder) == len(sweep.rows)  # other conditions would have been refused


def test_a_table_has_every_combination():
    assert runner.table("a b c", [1, 2], "x", range(2)) == [
        {"a": a, "b": "x", "c": c} for a in (1, 2) for c in (0, 1)
    ]  # fmt: skip
    with pytest.raises(ValueError, match="zip"):
        runner.table("a b", 1)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A sweep of six rows that computes nothing, in a folder of its own."""
    module = types.ModuleType("experiments.toy")
    module.ABOUT = {"sketches": "a toy", "photos": "a toy"}
    module.calls = []

    def measure(dataset, method, seed):
        module.calls.append((method, seed))
        return {"test_accuracy": seed / 7}

    module.rows = lambda dataset: runner.table("method seed", ("probe", "LP-FT"), range(3))
    module.conditions = lambda dataset: {"data": dataset}
    module.measure = measure
    monkeypatch.setitem(sys.modules, "experiments.toy", module)
    (tmp_path / "book").mkdir()
    monkeypatch.setattr(results.record, "_PACKAGE", tmp_path / "tlbook")
    runner.load.cache_clear()
    yield module
    runner.load.cache_clear()


def test_what_is_missing_is_computed_once(toy, capsys):
    sweep = runner.load("toy", "sketches")
    sweep.run(["seed=0", "seed=2"])
    assert toy.calls == [("probe", 0), ("probe", 2), ("LP-FT", 0), ("LP-FT", 2)]
    assert "LP-FT, seed 2: 0.286 in" in capsys.readouterr().out
    sweep.show()
    shown = capsys.readouterr().out
    assert "toy: 2 of 6 rows are missing" in shown
    assert "  probe: 1 of 3" in shown
    assert len(toy.calls) == 4
    sweep.run()
    assert toy.calls[4:] == [("probe", 1), ("LP-FT", 1)]
    assert "0 rows left, 0 min" in capsys.readouterr().out
    sweep.run()
    assert len(toy.calls) == 6
    record = results.load("toy")
    assert (len(record), record.conditions, record.command) == (6, {"data": "sketches"}, "python -m experiments toy")
    sweep.run(restart=True)
    assert len(toy.calls) == 12


def test_the_time_left_goes_by_arm(toy, capsys, monkeypatch):
    monkeypatch.setattr(
        runner, "compute", lambda name, dataset, row: ("done", {"probe": 60.0, "LP-FT": 600.0}[row["method"]])
    )
    runner.load("toy", "sketches").run()
    said = [line.rpartition("; ")[2] for line in capsys.readouterr().out.splitlines()[1:]]
    # Before an arm was run, it is taken to be as long as the others.
    assert said[:3] == ["5 rows left, 5 min", "4 rows left, 4 min", "3 rows left, 3 min"]
    assert said[3:] == ["2 rows left, 20 min", "1 rows left, 10 min", "0 rows left, 0 min"]


def test_a_failing_row_leaves_those_before_it(toy):
    measured = toy.measure
    toy.measure = lambda dataset, method, seed: measured(dataset, method, seed) if seed < 2 else 1 / 0
    with pytest.raises(ZeroDivisionError):
        runner.load("toy", "sketches").run()
    assert len(results.load("toy")) == 2


@pytest.mark.parametrize(
    ("only", "message"), [("sed=0", "of toy with method, seed"), ("seed", "SETTING=VALUE"), ("seed=9", "no row of toy")]
)
def test_settings_that_no_row_has(toy, only, message):
    with pytest.raises(SystemExit, match=message):
        runner.load("toy", "sketches").run([only])


FILL = """
import pathlib, sys
from tlbook import evaluation, results
results.record._PACKAGE = pathlib.Path(sys.argv[1]) / "tlbook"
from experiments import runner
if __name__ == "__main__":
    runner.load("evaluation", "sketches").run(["dial=none", "stage=stage4", "seed=0", "seed=1"], processes=2)
"""


def test_several_processes_fill_one_record(tmp_path):
    """Fresh processes look for the sweep where it lies, so this takes real ones: the cheapest rows."""
    pytest.importorskip("tensorflow")
    (tmp_path / "book").mkdir()
    (tmp_path / "fill.py").write_text(FILL)
    root = Path(runner.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, tmp_path / "fill.py", tmp_path],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    computed = results.load("evaluation", tmp_path / "book" / "results")
    assert [row["seed"] for row in computed] == [0, 1]
    recorded = results.load("evaluation").select(dial="none", stage="stage4", seed=[0, 1])
    for one, other in zip(computed, recorded, strict=True):
        same = evaluation.unpack_right(one["right"], 500) == evaluation.unpack_right(other["right"], 500)
        assert same.mean() > 0.99  # another machine adds in another order


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["whiskers"], "no sweep of sketches: whiskers"), (["evaluation", "--dataset", "photos"], "no sweep of photos")],
)
def test_a_sweep_that_is_none_is_named(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["experiments", *arguments])
    with pytest.raises(SystemExit):
        command.main()
    assert message in capsys.readouterr().err


def test_dry_run_computes_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["experiments", "fine-tuning", "--dataset", "photos", "--dry-run"])
    monkeypatch.setattr(runner, "compute", None)
    command.main()
    assert "fine-tuning-photos: 0 of 67 rows are missing" in capsys.readouterr().out


def test_rates_of_the_headline_are_chosen_on_validation_data():
    from experiments import headline

    record = results.load("headline")
    for method in headline.GRIDS:
        tried = sorted(record.select(part="choice", method=method), key=lambda row: float(row["rate"]))
        assert all("test_accuracy" not in row for row in tried)
        losses = [row["validation_loss"] for row in tried]
        best = losses.index(min(losses))
        assert 0 < best < len(tried) - 1, method  # else the grid has to go on
        runs = record.select(part="test", method=method)
        assert set(runs.column("learning_rate")) == {float(tried[best]["rate"])}
        assert headline.CHOICE_SEED not in runs.options("seed")


def test_a_rate_of_the_headline_needs_the_whole_grid(monkeypatch):
    from experiments import headline

    monkeypatch.setitem(headline.GRIDS, "head only", [1e-3, 3e-3, 1e-2, 3e-2, 1e-1])
    with pytest.raises(ValueError, match="head only has 4 of 5 rates"):
        headline.chosen("head only")


def test_a_rate_of_the_headline_lies_inside_the_grid(monkeypatch):
    from experiments import headline

    monkeypatch.setitem(headline.GRIDS, "head only", [3e-3, 1e-2, 3e-2])  # the best of the record is 3e-3
    with pytest.raises(ValueError, match=r"head only is best at 0\.003, an end of its grid"):
        headline.chosen("head only")


@pytest.mark.parametrize("dataset", runner.DATASETS)
def test_rates_of_the_cheaper_ways_are_chosen_on_validation_data(dataset):
    pytest.importorskip("tensorflow")
    from experiments import cheaper

    record = results.load(runner.load("cheaper", dataset).record)
    choice, test = record.select(part="choice"), record.select(part="test")
    assert all("test_accuracy" not in row for row in choice) and set(choice.column("seed")) == {cheaper.CHOICE_SEED}
    assert cheaper.CHOICE_SEED not in test.options("seed")
    trained = [row for row in test if row["method"] != cheaper.PROBE]
    assert len(trained) == len(test) - cheaper.SETTINGS[dataset]["seeds"] > 0
    for row in trained:
        assert row["learning_rate"] == cheaper.chosen(dataset, row["method"], row["variant"])


def test_what_tlbook_says_of_the_top_is_what_was_planned_and_measured():
    pytest.importorskip("tensorflow")
    from experiments import top
    from tlbook.classifier import strategy

    assert strategy.TOP == top.chosen()
    assert strategy.TRAINED == top.TEST_TRAIN
    for network, test in zip(top.NETWORKS, top.comparisons(), strict=True):
        found = (test.difference.value, test.difference.low, test.difference.high)
        assert strategy.MEASURED[network] == pytest.approx(found, abs=5e-4)
        assert test.winner is None  # else it would be tried by default


def test_a_plan_that_is_not_complete_chooses_nothing(monkeypatch):
    pytest.importorskip("tensorflow")
    from experiments import top

    monkeypatch.setattr(top, "PLANNED", range(4))
    with pytest.raises(ValueError, match="the plan is not complete"):
        top.chosen()
