"""Result files: written whole, resumed after a kill, never mixed silently."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import tlbook.results.record as record_module
import tlbook.results.recorder as recorder_module
from tlbook.results import Record, Recorder, Spread, load, names

COMMAND = "python -m experiments toy"


@pytest.fixture
def filled(tmp_path):
    with Recorder("toy", command=COMMAND, folder=tmp_path, about="a toy") as rec:
        for method, seed in itertools.product(["probe", "fine"], [2, 0, 10]):
            rec.add({"method": method, "seed": seed}, accuracy=0.9 + seed / 1000, seconds=1.5)
    return tmp_path


def bare(rows):
    """Rows without what the recorder adds."""
    return [{name: value for name, value in row.items() if name not in ("date", "environment")} for row in rows]


def test_the_file(filled):
    content = json.loads((filled / "toy.json").read_text())
    assert list(content) == [
        "format",
        "name",
        "about",
        "command",
        "conditions",
        "settings",
        "environments",
        "rows",
    ]
    assert content["format"] == 2
    assert content["name"] == "toy"
    assert content["about"] == "a toy"
    assert content["command"] == COMMAND
    (environment,) = content["environments"]
    assert environment["python"] == ".".join(map(str, sys.version_info[:3]))
    assert environment["cores"] >= 1
    assert environment["processor"]
    assert environment["versions"]["numpy"] == np.__version__
    assert "keras" in environment["versions"]
    assert content["settings"] == ["method", "seed"]
    assert [(row["method"], row["seed"]) for row in content["rows"]] == [
        ("fine", 0),
        ("fine", 2),
        ("fine", 10),
        ("probe", 0),
        ("probe", 2),
        ("probe", 10),
    ]
    row = content["rows"][0]
    assert time.strptime(row.pop("date"), "%Y-%m-%dT%H:%MZ")
    assert row == {"method": "fine", "seed": 0, "accuracy": 0.9, "seconds": 1.5, "environment": 0}
    assert sorted(path.name for path in filled.iterdir()) == [".toy.lock", "toy.json"]
    # a row a line, so that version control shows which row changed
    assert sum("accuracy" in line for line in (filled / "toy.json").read_text().splitlines()) == 6


def test_the_order_of_computing_does_not_show(tmp_path, filled):
    other = tmp_path / "other"
    rec = Recorder("toy", command=COMMAND, folder=other, about="a toy")
    for seed, method in itertools.product([10, 2, 0], ["fine", "probe"]):
        rec.add({"seed": seed, "method": method}, accuracy=0.9 + seed / 1000, seconds=1.5)
    first, second = load("toy", filled), load("toy", other)
    key = lambda row: (row["method"], row["seed"])  # noqa: E731
    assert sorted(bare(first), key=key) == sorted(bare(second), key=key)
    assert [row["seed"] for row in second.rows] == [0, 0, 2, 2, 10, 10]


def test_numbers_before_text_and_numbers_by_size(tmp_path):
    rec = Recorder("mixed", folder=tmp_path)
    for n in ["all", 100, 20.5, "10", [2, 1], 3]:
        rec.add({"n": n}, value=1)
    assert [row["n"] for row in load("mixed", tmp_path)] == [3, 20.5, 100, "10", "all", [2, 1]]


def test_resuming(filled):
    rec = Recorder("toy", folder=filled)
    assert len(rec) == 6
    assert rec.done(method="probe", seed=2)
    assert rec.done(seed=np.int64(2), method="probe")
    assert rec.done(seed=2.0, method="probe")
    assert not rec.done(method="probe", seed=3)
    rec.add({"seed": 3, "method": "probe"}, accuracy=0.5)
    again = load("toy", filled)
    assert len(again) == 7
    assert (again.about, again.command) == ("a toy", COMMAND)
    assert list(again.rows[5]) == ["method", "seed", "accuracy", "date", "environment"]


def test_opening_alone_changes_nothing(filled):
    before = (filled / "toy.json").read_bytes()
    with Recorder("toy", folder=filled, about="other") as rec:
        assert rec.done(method="probe", seed=0)
    Recorder("toy", folder=filled, restart=True)
    assert (filled / "toy.json").read_bytes() == before
    Recorder("new", folder=filled)
    assert names(filled) == ["toy"]


def test_a_row_is_not_overwritten_by_accident(filled):
    rec = Recorder("toy", folder=filled)
    with pytest.raises(ValueError, match="already"):
        rec.add({"method": "probe", "seed": 0}, accuracy=0.1)
    rec.add({"method": "probe", "seed": 0}, replace=True, accuracy=0.1)
    assert load("toy", filled).spread("accuracy", method="probe", seed=0) == (0.1, 0.1, 0.1, 1)
    assert len(load("toy", filled)) == 6


def test_restart(filled):
    rec = Recorder("toy", folder=filled, restart=True)
    assert not rec.done(method="probe", seed=0)
    rec.add({"other": 1}, value=2)
    assert bare(load("toy", filled)) == [{"other": 1, "value": 2}]


@pytest.mark.parametrize("settings", [{"method": "probe"}, {"method": "p", "seed": 1, "n": 3}, {}])
def test_other_settings_are_refused(filled, settings):
    rec = Recorder("toy", folder=filled)
    with pytest.raises(ValueError, match="setting"):
        rec.add(settings, accuracy=0.1)
    with pytest.raises(ValueError, match="setting"):
        rec.done(**settings)


def test_other_conditions_are_refused(tmp_path):
    Recorder("c", folder=tmp_path, conditions={"data": "aa", "size": 96}).add({"seed": 0}, value=1)
    Recorder("c", folder=tmp_path, conditions={"size": 96, "data": "aa"}).add({"seed": 1}, value=1)
    for other in ({"data": "bb", "size": 96}, {"data": "aa"}, None, {"data": "aa", "size": 96, "x": 1}):
        with pytest.raises(ValueError, match="other conditions"):
            Recorder("c", folder=tmp_path, conditions=other)
    Recorder("c", folder=tmp_path, conditions={"data": "bb"}, restart=True).add({"seed": 5}, value=1)
    assert load("c", tmp_path).conditions == {"data": "bb"}
    assert len(load("c", tmp_path)) == 1


def test_other_versions_are_refused_or_noted_by_row(filled, monkeypatch):
    (old,) = load("toy", filled).environments
    monkeypatch.setattr(recorder_module, "_versions", lambda: {**old["versions"], "keras": "9.9"})
    rec = Recorder("toy", folder=filled)
    assert rec.done(method="probe", seed=0)  # nothing is mixed by looking
    with pytest.raises(ValueError, match=r"keras .* → 9\.9"):
        rec.add({"method": "probe", "seed": 1}, accuracy=0.1)
    rec = Recorder("toy", folder=filled, mix_versions=True)
    rec.add({"method": "probe", "seed": 1}, accuracy=0.1)
    rec.add({"method": "probe", "seed": 4}, accuracy=0.1)
    again = load("toy", filled)
    assert again.environments == (old, {**old, "versions": {**old["versions"], "keras": "9.9"}})
    assert [row["environment"] for row in again.select(method="probe")] == [0, 1, 0, 1, 0]
    assert "keras" in again.source
    assert "and 9.9" in again.source
    Recorder("toy", folder=filled).add({"method": "probe", "seed": 5}, accuracy=0.1)
    assert load("toy", filled).environments == again.environments


def test_other_machines_are_noted_by_row(filled, monkeypatch):
    (old,) = load("toy", filled).environments
    monkeypatch.setattr(recorder_module._files, "cores", lambda: old["cores"] + 1)
    monkeypatch.setattr(recorder_module._files, "processor", lambda: "another")
    Recorder("toy", folder=filled).add({"method": "probe", "seed": 1}, accuracy=0.1)
    again = load("toy", filled)
    assert again.environments[1] == {**old, "cores": old["cores"] + 1, "processor": "another"}
    assert f"{old['cores']} and {old['cores'] + 1} cores" in again.source
    assert f"{old['cores']} and" not in again.select(seed=1).source


@pytest.mark.parametrize("name", ["date", "environment"])
def test_what_the_recorder_writes_is_not_to_be_given(filled, name):
    with pytest.raises(ValueError, match="column that the recorder writes"):
        Recorder("toy", folder=filled).add({"method": "probe", "seed": 1}, **{name: 1})


def test_two_writers_lose_nothing(filled):
    first, second = Recorder("toy", folder=filled), Recorder("toy", folder=filled)
    first.add({"method": "probe", "seed": 1}, accuracy=0.1)
    assert second.done(method="probe", seed=1)
    second.add({"method": "probe", "seed": 3}, accuracy=0.1)
    first.add({"method": "probe", "seed": 4}, accuracy=0.1)
    assert len(load("toy", filled)) == 9
    with pytest.raises(ValueError, match="already"):
        first.add({"method": "probe", "seed": 3}, accuracy=0.2)
    Recorder("toy", folder=filled, conditions={"data": "other"}, restart=True).add({"seed": 0}, accuracy=0.1)
    with pytest.raises(ValueError, match="other conditions"):
        second.done(method="probe", seed=5)
    (filled / "toy.json").unlink()
    with pytest.raises(ValueError, match="removed"):
        first.add({"method": "probe", "seed": 6}, accuracy=0.1)


def test_processes_that_fill_one_file_at_once(tmp_path):
    script = (
        "import sys\nfrom tlbook.results import Recorder\n"
        "with Recorder('many', folder=sys.argv[1]) as rec:\n"
        "    for step in range(40): rec.add({'process': int(sys.argv[2]), 'step': step}, value=step)\n"
    )
    runs = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(number)]) for number in range(3)]
    assert [run.wait(timeout=120) for run in runs] == [0, 0, 0]
    assert len(load("many", tmp_path)) == 120


def test_numpy_values_become_plain(tmp_path):
    Recorder("np", folder=tmp_path).add(
        {"seed": np.int64(3)},
        a=np.float32(0.5),
        b=np.array([1, 2]),
        c=np.bool_(True),
        d=None,
        e={"x": (1, 2.5)},
        f="text",
    )
    assert bare(load("np", tmp_path))[0] == {
        "seed": 3,
        "a": 0.5,
        "b": [1, 2],
        "c": True,
        "d": None,
        "e": {"x": [1, 2.5]},
        "f": "text",
    }


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (np.array([1.0, np.nan]), ValueError),
        (object(), TypeError),
        ({1, 2}, TypeError),
        (1j, TypeError),
        ("/home/someone/data", ValueError),
        ("see C:\\data", ValueError),
        ("~/x", ValueError),
        (["ok", "a=/tmp/x"], ValueError),
    ],
)
def test_what_a_row_cannot_hold(tmp_path, value, error):
    rec = Recorder("bad", folder=tmp_path)
    with pytest.raises(error, match="value"):
        rec.add({"seed": 0}, value=value)
    assert not (tmp_path / "bad.json").exists()


@pytest.mark.parametrize("text", ["cat/dog", "and/or 3/4", "experiments/toy.py --n 3", "a / b"])
def test_harmless_slashes_are_kept(tmp_path, text):
    Recorder("ok", folder=tmp_path).add({"seed": 0}, value=text)
    assert load("ok", tmp_path).rows[0]["value"] == text


def test_rows_need_values_and_names_of_their_own(tmp_path):
    rec = Recorder("bad", folder=tmp_path)
    with pytest.raises(ValueError, match="at least one value"):
        rec.add({"seed": 0})
    with pytest.raises(ValueError, match="as a setting and as a value"):
        rec.add({"seed": 0, "n": 1}, n=2)


@pytest.mark.parametrize("command", ["python /opt/x/run.py", "~/bin/run"])
def test_commands_name_no_machine(tmp_path, command):
    with pytest.raises(ValueError, match="folder of this machine"):
        Recorder("bad", command=command, folder=tmp_path)


@pytest.mark.parametrize("name", ["", "Toy", "a.json", "../a", "a/b", ".a", "a b", None])
def test_names(tmp_path, name):
    with pytest.raises(ValueError, match="no name for a result"):
        Recorder(name, folder=tmp_path)
    with pytest.raises(ValueError, match="no name for a result"):
        load(name, tmp_path)


def test_the_row_context(tmp_path):
    rec = Recorder("ctx", folder=tmp_path)
    with rec.row(seed=0) as row:
        row["accuracy"] = 0.5
    with pytest.raises(ZeroDivisionError), rec.row(seed=1) as row:
        row["accuracy"] = 1 / 0
    assert bare(load("ctx", tmp_path)) == [{"seed": 0, "accuracy": 0.5}]


def test_a_failed_write_leaves_the_old_file(filled, monkeypatch):
    before = (filled / "toy.json").read_bytes()
    rec = Recorder("toy", folder=filled)

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        rec.add({"method": "probe", "seed": 1}, accuracy=0.1)
    assert (filled / "toy.json").read_bytes() == before
    assert sorted(path.name for path in filled.iterdir()) == [".toy.lock", "toy.json"]


def test_a_killed_run_leaves_a_whole_file_and_goes_on(tmp_path):
    script = (
        "import sys\nfrom tlbook.results import Recorder\n"
        "with Recorder('k', folder=sys.argv[1]) as rec:\n"
        "    for seed in range(100_000):\n"
        "        if not rec.done(seed=seed): rec.add({'seed': seed}, value=seed / 7)\n"
    )
    for _ in range(2):
        run = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
        rows = len(load("k", tmp_path)) if (tmp_path / "k.json").exists() else 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and run.poll() is None:
            if (tmp_path / "k.json").exists() and len(load("k", tmp_path)) > rows + 5:
                break
            time.sleep(0.02)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        after = load("k", tmp_path)
        assert len(after) > rows + 5
        assert [row["seed"] for row in after] == list(range(len(after)))


OTHER_FORMAT = '{"format": 1, "settings": [], "environments": [], "rows": []}'


@pytest.mark.parametrize(
    "text", ["", "{", '{"name": "x"}', "[]", '{"settings": [], "rows": 3}', '{"format": 2}', OTHER_FORMAT]
)
def test_a_file_that_is_no_result_is_named(tmp_path, text):
    (tmp_path / "torn.json").write_text(text)
    with pytest.raises(ValueError, match=r"torn\.json is not a result file"):
        load("torn", tmp_path)
    with pytest.raises(ValueError, match=r"torn\.json is not a result file"):
        Recorder("torn", folder=tmp_path)


def test_a_missing_result_lists_those_that_exist(filled):
    Recorder("another", folder=filled).add({"seed": 0}, value=1)
    with pytest.raises(FileNotFoundError, match="'strategies'; there are: another, toy"):
        load("strategies", filled)
    with pytest.raises(FileNotFoundError, match="none has been computed"):
        load("strategies", filled / "nowhere")


def test_checkout_first_then_the_installed_copy(tmp_path, monkeypatch):
    checkout, wheel = tmp_path / "book" / "results", tmp_path / "tlbook" / "_results"
    monkeypatch.setattr(record_module, "_PACKAGE", tmp_path / "tlbook")
    Recorder("both", folder=wheel).add({"seed": 0}, where="wheel")
    assert load("both").rows[0]["where"] == "wheel"
    assert names() == ["both"]
    with pytest.raises(ValueError, match="checkout"):
        Recorder("both")
    (tmp_path / "book").mkdir()
    rec = Recorder("both")
    assert rec.path == checkout / "both.json"
    rec.add({"seed": 0}, where="checkout")
    assert load("both").rows[0]["where"] == "checkout"


def test_select_options_and_columns(filled):
    toy = load("toy", filled)
    assert isinstance(toy, Record)
    assert len(toy) == 6
    assert toy.options("method") == ["fine", "probe"]
    assert toy.options("seed") == [0, 2, 10]
    probe = toy.select(method="probe")
    assert [row["seed"] for row in probe] == [0, 2, 10]
    assert [row["seed"] for row in toy.select(method="probe", seed=[2, 10])] == [2, 10]
    assert len(toy.select(seed=range(3))) == 4
    assert len(toy.select(seed=2.0)) == 2
    np.testing.assert_allclose(probe.column("accuracy"), [0.9, 0.902, 0.91])
    assert probe.column("seed").dtype.kind == "i"
    assert toy.column("method").tolist() == ["fine"] * 3 + ["probe"] * 3
    with pytest.raises(ValueError, match="no row"):
        toy.select(method="none")
    with pytest.raises(ValueError, match="no row"):
        toy.select(seed=[])
    with pytest.raises(ValueError, match="no setting"):
        toy.select(accuracy=0.9)
    with pytest.raises(ValueError, match="no column"):
        toy.column("loss")


def test_settings_that_are_lists(tmp_path):
    rec = Recorder("lists", folder=tmp_path)
    for layers in ([1, 2], [3], "all"):
        rec.add({"layers": layers}, value=len(layers))
    record = load("lists", tmp_path)
    assert record.select(layers=[1, 2]).rows[0]["value"] == 2
    assert len(record.select(layers=[[3], "all"])) == 2
    assert rec.done(layers=[1.0, 2])


def test_spread(filled, tmp_path):
    toy = load("toy", filled)
    spread = toy.spread("accuracy", method="probe")
    assert spread == Spread(0.9, 0.902, 0.91, 3)
    assert str(spread) == "0.902 (0.9 to 0.91, n = 3)"
    assert spread.contains(0.9)
    assert spread.contains(0.91)
    assert not spread.contains(0.911)
    assert spread.contains(0.9105, margin=0.001)
    assert spread.contains(0.8995, margin=0.001)
    assert not spread.contains(0.8985, margin=0.001)
    assert not spread.contains(float("nan"))
    with pytest.raises(ValueError, match="numbers"):
        toy.spread("method")


def test_missing_values(tmp_path):
    rec = Recorder("gaps", folder=tmp_path)
    rec.add({"seed": 0}, a=1.0, b=None)
    rec.add({"seed": 1}, a=None, b=None)
    rec.add({"seed": 2}, b=None)
    gaps = load("gaps", tmp_path)
    np.testing.assert_array_equal(gaps.column("a"), [1.0, np.nan, np.nan])
    assert gaps.spread("a") == (1, 1, 1, 1)
    with pytest.raises(ValueError, match="no selected row"):
        gaps.spread("b")


def test_source(filled):
    source = load("toy", filled).source
    assert source.startswith(f"Computed by `{COMMAND}` on 20")
    assert f"numpy {np.__version__}" in source
