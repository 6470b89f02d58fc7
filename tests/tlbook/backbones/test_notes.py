"""Backbones that were loaded before are known without Keras, and are what they were noted to be."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tlbook import backbones, transfer
from tlbook.backbones import notes
from tlbook.backbones.backbone import Known
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
    sketchnet = backbones.info("sketchnet")
    path = notes.note_path("sketchnet", hashlib.sha256(sketchnet.path.read_bytes()).hexdigest(), sketchnet.input_size)
    assert notes.noted_fingerprint(path) == backbone.fingerprint  # loading wrote it
    (tmp_path / "backbones").mkdir()
    (tmp_path / "backbones" / path.name).write_bytes(path.read_bytes())
    found = run(EXTRACT.format(seed=0, layer="stage2"), tmp_path)
    assert found[:2] == ["True", "True"]
    assert found[4] == backbone.fingerprint


def build():
    return backbones.load("sketchnet", weights=None, input_size=32).model


def test_the_model_is_built_once_and_when_asked_for():
    built = []
    known = Known(32, 128, backbones.model_fingerprint(build()))
    backbone = backbones.Backbone("x", lambda: built.append(1) or build(), ("stage4",), known=known)
    assert (backbone.input_size, backbone.feature_dim, backbone.fingerprint) == known
    assert backbone.stages == ("stage4",)
    assert not built
    assert backbone.model is backbone.model
    assert built == [1]
    assert (backbone.input_size, backbone.feature_dim, backbone.fingerprint) == known
    assert "32 px" in repr(backbone)
    weight = backbone.model.trainable_weights[0]
    weight.assign(weight.numpy() * 2)
    assert backbone.fingerprint != known.fingerprint


def test_a_model_that_is_not_what_was_noted_is_refused():
    backbone = backbones.Backbone("x", build, known=Known(32, 128, "0" * 64))
    for _ in range(2):  # and stays refused
        with pytest.raises(RuntimeError, match="not what was noted"):
            backbone.model  # noqa: B018


def test_a_model_without_its_stages_is_refused_when_it_is_built():
    backbone = backbones.Backbone("x", build, ("absent",), known=Known(32, 128, "0" * 64))
    with pytest.raises(ValueError, match="no layers called absent"):
        backbone.model  # noqa: B018


def test_a_model_is_not_exchanged():
    with pytest.raises(AttributeError):
        backbones.Backbone("x", build()).model = build()


def test_everything_that_decides_the_model_is_in_the_key(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_FLOATX", raising=False)

    def key(name="a", weights="one", size=224):
        return notes.note_path(name, weights, size).name

    seen = [key(), key(name="b"), key(size=96), key(weights="two")]
    (tmp_path / "keras.json").write_text(json.dumps({"floatx": "float16"}))
    seen.append(key())
    monkeypatch.setenv("KERAS_FLOATX", "float64")
    seen.append(key())
    monkeypatch.setattr(notes.metadata, "version", lambda name: "0.0")
    seen.append(key())
    monkeypatch.setattr(notes, "_source", lambda: "another")
    seen.append(key())
    assert len(set(seen)) == len(seen)


def test_a_damaged_note_is_no_note(tmp_path):
    path = tmp_path / "sketchnet-1.json"
    notes.note_fingerprint(path, "abc")
    assert notes.noted_fingerprint(path) == "abc"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    for text in ("", "{", "[]", "{}", path.read_text().replace("sketchnet-1", "sketchnet-2")):
        path.write_text(text)
        assert notes.noted_fingerprint(path) is None
    assert notes.noted_fingerprint(tmp_path / "absent.json") is None


def test_a_note_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    notes.note_fingerprint(tmp_path / "file" / "note.json", "abc")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_names_of_transfer_are_there_when_asked_for():
    assert set(transfer.__all__) <= set(dir(transfer))
    assert all(getattr(transfer, name) is not None for name in transfer.__all__)
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        transfer.absent  # noqa: B018
    assert np.isfinite(transfer.C_GRID).all()
