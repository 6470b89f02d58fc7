"""Backbones that were loaded before are known without Keras, and are what they were noted to be."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tlbook import backbones, transfer
from tlbook.backbones import deferred, registry
from tlbook.backbones.architectures import SKETCHNET_STAGES
from tlbook.features import engines

EXTRACT = """
import sys
import numpy as np
from tlbook import backbones, evaluation, features, transfer

images = np.random.default_rng({seed}).integers(0, 256, (300, 96, 96, 3), np.uint8)
backbone = backbones.load("sketchnet")
x = features.extract(backbone, images, layer={layer!r}, cache=True)
labels = np.arange(300) % 2
few = features.extract(backbone, images[:9], layer={layer!r}, cache=True)
assert np.abs(few - x[:9]).max() <= 1e-4 * np.abs(x).max()
probe = transfer.linear_probe(x, labels, x, labels, C=0.01)
evaluation.accuracy(labels, probe.predict(x))
print("keras" in sys.modules, "tensorflow" in sys.modules)
print(backbone.input_size, backbone.feature_dim, backbone.fingerprint)
"""

CHECK = """
expected = features.extract(backbone, images, layer={layer!r}, engine="keras", cache=False)
print(bool(np.abs(x - expected).max() <= 1e-4 * np.abs(expected).max()))
before = backbone.fingerprint
weight = backbone.model.trainable_weights[0]
weight.assign(weight.numpy() * 2)
print(before, backbone.fingerprint != before, "keras" in sys.modules)
"""


def run(source: str, cache) -> list[str]:
    environment = {**os.environ, "TLBOOK_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", source], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_modules_that_import_keras_are_there_when_asked_for(tmp_path):
    source = """
import sys
from tlbook import backbones, transfer
print("keras" in sys.modules)
print(backbones.architectures.small_cnn(n_classes=2).count_params() > 0, transfer.schedules.__name__)
for module in (backbones, transfer):
    try:
        module.nothing
    except AttributeError as error:
        print(str(error).replace(" ", "_"))
"""
    assert run(source, tmp_path) == [
        "False",
        "True",
        "tlbook.transfer.schedules",
        "module_'tlbook.backbones'_has_no_attribute_'nothing'",
        "module_'tlbook.transfer'_has_no_attribute_'nothing'",
    ]


@pytest.mark.skipif(bool(engines.missing_packages()), reason="the packages of tlbook[fast] are not installed")
@pytest.mark.skipif(engines.has_gpu(), reason="a GPU stays with Keras")
def test_the_second_process_needs_no_keras(tmp_path):
    first = run(EXTRACT.format(seed=0, layer=None), tmp_path)
    assert first[:2] == ["True", "True"]
    second = run(EXTRACT.format(seed=1, layer=None) + CHECK.format(layer=None), tmp_path)
    assert second[:2] == ["False", "False"]
    assert second[2:5] == first[2:5]
    assert second[5:] == ["True", first[4], "True", "True"]


@pytest.mark.skipif(bool(engines.missing_packages()), reason="the packages of tlbook[fast] are not installed")
@pytest.mark.skipif(engines.has_gpu(), reason="a GPU stays with Keras")
def test_a_stage_without_a_graph_builds_the_model(tmp_path):
    backbone = backbones.load("sketchnet")
    path = deferred.note_path("sketchnet", registry._own_weights(), None)
    assert deferred.read_note(path) is not None  # loading wrote it
    (tmp_path / "backbones").mkdir()
    (tmp_path / "backbones" / path.name).write_bytes(path.read_bytes())
    found = run(EXTRACT.format(seed=0, layer="stage2"), tmp_path)
    assert found[:2] == ["True", "True"]
    assert found[4] == backbone.fingerprint


def test_stages_are_those_of_the_network():
    assert registry.OWN_STAGES == SKETCHNET_STAGES


def note(**changed) -> deferred.Note:
    real = backbones.load("sketchnet", weights=None, input_size=32)
    values = {"input_size": 32, "feature_dim": 128, "fingerprint": real.fingerprint} | changed
    return deferred.Note(**values)


def build():
    return backbones.load("sketchnet", weights=None, input_size=32).model


def test_the_model_is_built_once_and_when_asked_for():
    built = []
    backbone = deferred.Deferred("x", ("stage4",), note(), lambda: built.append(1) or build())
    assert (backbone.input_size, backbone.feature_dim, backbone.stages) == (32, 128, ("stage4",))
    assert isinstance(backbone, backbones.Backbone)
    assert not built
    assert not backbone.built
    assert backbone.model is backbone.model
    assert backbone.built
    assert built == [1]
    assert "32 px" in repr(backbone)


def test_a_model_that_is_not_what_was_noted_is_refused():
    backbone = deferred.Deferred("x", (), note(fingerprint="0" * 64), build)
    with pytest.raises(RuntimeError, match="not what was noted"):
        backbone.model  # noqa: B018


def test_everything_that_decides_the_model_is_in_the_key(tmp_path, monkeypatch):
    weights = tmp_path / "weights.h5"
    weights.write_bytes(b"one")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_FLOATX", raising=False)

    def key(name="a", size=None):
        return deferred.note_path(name, weights, size).name

    seen = [key(), key(name="b"), key(size=96)]
    weights.write_bytes(b"two")
    seen.append(key())
    (tmp_path / "keras.json").write_text(json.dumps({"floatx": "float16"}))
    seen.append(key())
    monkeypatch.setenv("KERAS_FLOATX", "float64")
    seen.append(key())
    monkeypatch.setattr(deferred.metadata, "version", lambda name: "0.0")
    seen.append(key())
    monkeypatch.setattr(deferred, "_source", lambda: "another")
    seen.append(key())
    assert len(set(seen)) == len(seen)
    assert deferred.note_path("a", tmp_path / "absent", None) is None


def test_a_damaged_note_is_no_note(tmp_path):
    path = tmp_path / "sketchnet-1.json"
    backbone = backbones.load("sketchnet", weights=None, input_size=32)
    deferred.write_note(path, backbone)
    assert deferred.read_note(path) == note()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    for text in ("", "{", "[]", "{}", path.read_text().replace("sketchnet-1", "sketchnet-2")):
        path.write_text(text)
        assert deferred.read_note(path) is None
    assert deferred.read_note(None) is None
    assert deferred.read_note(tmp_path / "absent.json") is None


def test_a_note_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    backbone = backbones.load("sketchnet", weights=None, input_size=32)
    deferred.write_note(tmp_path / "file" / "note.json", backbone)
    deferred.write_note(None, backbone)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_names_of_transfer_are_there_when_asked_for():
    assert set(transfer.__all__) <= set(dir(transfer))
    assert all(getattr(transfer, name) is not None for name in transfer.__all__)
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        transfer.absent  # noqa: B018
    assert np.isfinite(transfer.C_GRID).all()
