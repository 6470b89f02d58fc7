"""The graph beside the model file: it answers as Keras does and without it, and only the one that was written with the model."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.tlbook.classifier.folders import class_folders, hard_folders, picture, train
from tlbook import classifier
from tlbook.classifier import InputError, graphs, metrics_file, saved, stages

pytest.importorskip("tf2onnx", reason="needs tlbook[fast]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return class_folders(tmp_path_factory.mktemp("graphs") / "photos", n=8)


@pytest.fixture(scope="module")
def kept(folder, tmp_path_factory):
    return train(folder, tmp_path_factory.mktemp("kept") / "out").folder


@pytest.fixture
def result(kept, tmp_path):
    """A result of its own for each test."""
    return shutil.copytree(kept, tmp_path / "out")


IMAGES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)


def by_keras(model):
    return np.asarray(classifier.load(model).model(IMAGES.astype(np.float32), training=False))


def assert_same(model, graph):
    loaded = classifier.load(model)
    assert (loaded.graph is not None) == graph
    np.testing.assert_allclose(loaded.logits(IMAGES, progress=False), by_keras(model), atol=1e-4)


@pytest.mark.parametrize("strategy", ["probe", "lp-ft"])
def test_the_answers_are_those_of_keras(tmp_path, strategy):
    model = train(hard_folders(tmp_path / "photos", 12), tmp_path / "out", strategy=strategy).model
    assert_same(model, graph=True)
    loaded = classifier.load(model)
    assert loaded.input_size == 32
    assert loaded.logits(IMAGES[:0], progress=False).shape == (0, 2)
    with pytest.raises(ValueError, match="takes"):
        loaded.logits(IMAGES[:, :16], progress=False)
    assert classifier.exported_names(graphs.beside(model)) == ("heads", "tails")


@pytest.mark.parametrize("command", [("predict", "cat/000.png"), ("evaluate", "")])
def test_keras_is_not_imported(result, folder, command):
    code = (
        "import sys; from tlbook import cli; status = cli.main(sys.argv[1:]); "
        "print([name for name in ('keras', 'tensorflow') if name in sys.modules], status)"
    )
    arguments = [command[0], str(result / "model.keras"), str(folder / command[1])]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[] 0\n") and done.stderr == ""


def test_it_answers_where_keras_cannot_start(result, folder):
    code = "import sys; from tlbook import cli; sys.exit(cli.main(sys.argv[1:]))"
    arguments = [sys.executable, "-c", code, "predict", str(result / "model.keras"), str(folder / "cat" / "000.png")]
    environment = {"KERAS_BACKEND": "none", "PATH": "", "HOME": str(result)}
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0 and "cat" in done.stdout
    (result / "model.onnx").unlink()
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2 and "KERAS_BACKEND=none: none is no backend of Keras" in done.stderr


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("change", ["a bit", "emptied", "another model's", "a folder"])
def test_another_graph_is_not_used_and_that_is_said(result, folder, tmp_path, change):
    place = result / "model.onnx"
    if change == "a bit":
        flipped(place)
    elif change == "emptied":
        place.write_bytes(b"")
    elif change == "another model's":
        shutil.copy(train(folder, tmp_path / "other", seed=3).folder / "model.onnx", place)
    else:
        place.unlink()
        place.mkdir()
        assert_same(result / "model.keras", graph=False)
        return
    with pytest.warns(
        UserWarning, match=r"model.onnx is not the graph that was written with model.keras; Keras answers"
    ):
        assert_same(result / "model.keras", graph=False)


def test_a_graph_that_is_far_too_large_is_not_read(result, monkeypatch):
    os.truncate(result / "model.onnx", (result / "model.keras").stat().st_size + saved._LARGEST + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail("it was read"))
    with pytest.warns(UserWarning, match="is not the graph"):
        assert classifier.load(result / "model.keras").graph is None


def test_both_under_another_name_and_the_model_alone(result, tmp_path):
    for ending in ("keras", "onnx"):
        shutil.move(result / f"model.{ending}", tmp_path / f"pets.{ending}")
    assert_same(tmp_path / "pets.keras", graph=True)
    (tmp_path / "pets.onnx").unlink()
    assert_same(tmp_path / "pets.keras", graph=False)


def test_a_model_that_was_changed_answers_for_itself(result, tmp_path):
    loaded = classifier.load(result / "model.keras")
    before = loaded.logits(IMAGES, progress=False)
    head = loaded.model.get_layer("head")
    head.set_weights([2 * value for value in head.get_weights()])
    np.testing.assert_allclose(loaded.logits(IMAGES, progress=False), 2 * before, atol=1e-3)
    written = classifier.export(loaded, tmp_path / "twice.onnx")
    np.testing.assert_allclose(classifier.run_exported(written.path, IMAGES), 2 * before, atol=1e-3)


def test_without_onnx_runtime_keras_answers(result, monkeypatch):
    monkeypatch.setattr(graphs, "can_run", lambda: False)
    assert_same(result / "model.keras", graph=False)


def test_without_the_packages_that_write_it(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(graphs, "can_write", lambda: False)
    out = tmp_path / "out"
    first = train(folder, out)
    names = {path.name for path in out.iterdir()}
    assert names == set(metrics_file.FILES) - {"model.onnx"} and "model.onnx" not in first.metrics["files"]
    assert_same(first.model, graph=False)
    monkeypatch.setattr(stages, "Stages", lambda *_: pytest.fail("trained again"))
    assert train(folder, out).metrics == first.metrics


def test_a_graph_that_cannot_be_made_costs_a_note_and_no_more(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(graphs, "of_features", lambda *_: b"no graph")
    metrics = train(folder, tmp_path / "out").metrics
    assert any("model.onnx was not written (ONNX Runtime cannot read it)" in note for note in metrics["notes"])
    assert not (tmp_path / "out" / "model.onnx").exists()


def without_graph(result):
    """As a result of a version that wrote none."""
    (result / "model.onnx").unlink()
    metrics = json.loads((result / "metrics.json").read_text("utf-8"))
    del metrics["files"]["model.onnx"], metrics["sha256"]
    (result / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")


def test_the_readers_own_file_of_that_name_is_not_replaced(folder, result):
    without_graph(result)
    train(folder, result)  # the result is there
    (result / "model.onnx").write_bytes(b"mine")
    train(folder, result)
    with pytest.raises(InputError, match=r"model.onnx is in the way: it is not of the result there"):
        train(folder, result, seed=7, force=True)
    assert (result / "model.onnx").read_bytes() == b"mine"


def test_a_graph_of_the_model_before_is_removed(folder, result, monkeypatch):
    monkeypatch.setattr(graphs, "can_write", lambda: False)
    train(folder, result, seed=7, force=True)
    assert not (result / "model.onnx").exists()


def test_an_earlier_result_gets_a_graph_when_it_is_made_anew(folder, result):
    without_graph(result)
    done = train(folder, result, seed=7, force=True)
    assert {path.name for path in result.iterdir()} == set(metrics_file.FILES)
    assert metrics_file.changed(done.metrics, result) == []


def test_killed_when_the_first_graph_was_put_into_its_place(folder, result, monkeypatch):
    without_graph(result)
    real = os.replace

    def killed(source, target):
        real(source, target)
        if Path(target) == result / "model.onnx":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", killed)
        train(folder, result, seed=7, force=True)
    done = train(folder, result, seed=7, force=True)
    assert metrics_file.changed(done.metrics, result) == []


def test_pictures_in_memory_are_answered_too(result):
    found = classifier.predict(result / "model.keras", [picture(5), IMAGES], progress=False)
    assert len(found.labels) == 6 and np.allclose(found.probabilities.sum(axis=1), 1)
