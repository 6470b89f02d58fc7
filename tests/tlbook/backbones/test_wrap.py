"""Any Keras model as a backbone: what it gives is what the model gives, and everything works on it that works on ours."""

from __future__ import annotations

import numpy as np
import pytest

from tlbook import backbones, features, interpret, transfer
from tlbook.features import engines

import keras  # isort: skip
from keras import layers  # isort: skip

SIZE = 32
IMAGES = np.random.default_rng(0).integers(0, 256, (12, SIZE, SIZE, 3), np.uint8)
LABELS = np.arange(12) % 2


def sequential(**options):
    """With Dropout and BatchNormalization, maps at the end."""
    return keras.Sequential(
        [
            keras.Input(options.get("shape", (SIZE, SIZE, 3))),
            layers.Conv2D(4, 3, strides=2, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="shallow"),
            layers.Dropout(0.5, name="drop"),
            layers.MaxPooling2D(name="smaller"),
            layers.Conv2D(6, 3, name="last"),
        ],
        name="own",
    )


def branches():
    """A classifier whose middle has two branches that share a layer; preprocessing by given statistics inside."""
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.Normalization(mean=[120.0, 110.0, 100.0], variance=[4000.0, 3900.0, 4100.0], name="standard")(inputs)
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="stem")(x)
    shared = layers.Conv2D(4, 3, padding="same", activation="relu", name="shared")
    left, right = shared(x), shared(layers.MaxPooling2D(3, strides=1, padding="same", name="right")(x))
    x = layers.Concatenate(name="both")([left, right + 1.0])
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="deep")(x)
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    x = layers.Dropout(0.2, name="drop")(x)
    return keras.Model(inputs, layers.Dense(5, activation="softmax", name="classes")(x), name="forked")


def nested():
    """As tutorials build it: augmentation, rescaling, a network as one layer of another, a head."""
    inner = sequential()
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    x = layers.Conv2D(3, 3, padding="same", name="first")(x)  # a name that the inner network has too
    x = inner(x, training=False)
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(inputs, layers.Dense(2, name="head")(x), name="outer")


def mobilenet():
    return keras.applications.MobileNetV2(
        weights=None, include_top=True, alpha=0.35, input_shape=(SIZE, SIZE, 3), classes=10
    )


def to_unit(x):
    return keras.applications.mobilenet_v2.preprocess_input(x)


WRAPPED = {
    "sequential": (sequential, {"preprocess": layers.Rescaling(1 / 255)}, "last", lambda x: x / 255),
    "branches": (branches, {"layer": "pooled"}, "pooled", lambda x: x),
    "nested": (nested, {"layer": "pooled"}, "pooled", lambda x: x),
    "application": (
        mobilenet,
        {"layer": "global_average_pooling2d", "preprocess": to_unit, "name": "mobile"},
        "global_average_pooling2d",
        lambda x: x / 127.5 - 1,
    ),
}


@pytest.fixture(scope="module", params=WRAPPED)
def wrapped(request):
    """A model with moving statistics that differ from the initial ones, the backbone made of it, and the features expected."""
    build, options, cut, prepare = WRAPPED[request.param]
    keras.utils.set_random_seed(5)
    if request.param == "application":  # an unnamed layer of Keras has the number of the session
        keras.backend.clear_session()
    model = build()
    rng = np.random.default_rng(1)
    for layer in transfer.named_layers(model).values():
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_mean.assign(rng.normal(0, 0.1, layer.moving_mean.shape))
            layer.moving_variance.assign(rng.uniform(0.5, 2, layer.moving_variance.shape))
    part = keras.Model(model.inputs[0], model.get_layer(cut).output)
    expected = np.asarray(part(prepare(IMAGES.astype(np.float32)), training=False))
    if expected.ndim == 4:
        expected = expected.mean(axis=(1, 2))
    before = [weight.numpy() for weight in model.weights]
    return request.param, model, before, backbones.wrap(model, **options), expected


def gap(a: np.ndarray, b: np.ndarray) -> float:
    assert a.shape == b.shape
    return float(np.abs(a - b).max() / np.abs(b).max())


def test_features_are_those_of_the_model(wrapped):
    _, _, _, backbone, expected = wrapped
    assert expected.std() > 0
    found = features.extract(backbone, IMAGES, engine="keras", cache=False, progress=False)
    assert gap(found, expected) < 1e-5
    assert (backbone.input_size, backbone.feature_dim) == (SIZE, expected.shape[1])


@pytest.mark.skipif(bool(engines.missing_packages()), reason="the packages of tlbook[fast] are not installed")
def test_the_fast_engine_agrees(wrapped):
    _, _, _, backbone, expected = wrapped
    found = features.extract(backbone, IMAGES, engine="onnxruntime", cache=False, progress=False)
    assert gap(found, expected) < 1e-4


def test_the_graph_is_flat_and_its_names_are_new(wrapped):
    kind, model, _, backbone, _ = wrapped
    assert not [layer for layer in backbone.model.layers if isinstance(layer, keras.Model)]
    assert backbone.name == ("mobile" if kind == "application" else model.name)
    assert backbone.model.inputs[0].shape == (None, SIZE, SIZE, 3)


def test_stages_go_from_shallow_to_deep_and_everything_passes_through_them(wrapped):
    kind, _, _, backbone, _ = wrapped
    expected = {
        "sequential": ("drop", "last"),
        "branches": ("both", "deep"),
        "nested": ("first", "drop", "last"),
        "application": backbone.stages,
    }[kind]
    assert backbone.stages == expected
    sides = [backbone.model.get_layer(name).output.shape[1] for name in backbone.stages]
    assert sides == sorted(set(sides), reverse=True)
    found = features.extract(backbone, IMAGES, layer=backbone.stages, engine="keras", cache=False, progress=False)
    own = features.extract(backbone, IMAGES, engine="keras", cache=False, progress=False)
    assert gap(found[backbone.stages[-1]], own) < 1e-5
    # Cut in two at a stage, the parts give what the whole gives: nothing goes round it.
    for stage in backbone.stages:
        at = backbone.model.get_layer(stage).output
        maps = keras.Model(backbone.model.inputs[0], at)(IMAGES.astype(np.float32), training=False)
        rest = keras.Model(at, backbone.model.outputs[0])(maps, training=False)
        assert gap(np.asarray(rest), own) < 1e-5


def test_it_is_trained_and_explained_as_ours_are_and_the_model_stays_as_it_was(wrapped):
    _, model, before, backbone, _ = wrapped
    x = features.extract(backbone, IMAGES, engine="keras", cache=False, progress=False)
    probe = transfer.linear_probe(x, LABELS, x, LABELS, C=1.0)
    classifier = transfer.attach_head(backbone, probe)
    logits = np.asarray(classifier(IMAGES.astype(np.float32), training=False))
    rounding = 1e-5 * (np.abs(x) @ np.abs(probe.weights)).max()  # features that hardly vary have large weights
    np.testing.assert_allclose(logits, x @ probe.weights + probe.bias, rtol=1e-3, atol=rounding)

    fingerprint = backbone.fingerprint
    assert transfer.unfreeze(classifier, after_layer=backbone.stages[-2]) > 0
    groups = transfer.layer_groups(classifier, backbone.stages)
    assert "head" in groups and backbone.stages[-1] in groups
    start = [weight.numpy() for weight in classifier.trainable_weights]
    transfer.train(
        classifier, (IMAGES, LABELS), (IMAGES, LABELS), transfer.Recipe(epochs=1, learning_rate=1e-2), progress=False
    )
    moved = [np.abs(a - b.numpy()).max() > 0 for a, b in zip(start, classifier.trainable_weights, strict=True)]
    assert any(moved[:-2])  # below the head, too
    assert backbone.fingerprint == fingerprint

    maps = interpret.grad_cam(classifier, IMAGES[:2], 1)
    assert maps.shape[0] == 2 and np.isfinite(maps).all()
    for old, weight in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, weight.numpy())
    backbone.model.trainable = False
    assert model.trainable
    backbone.model.trainable = True


def test_saved_and_loaded_in_safe_mode_gives_the_same(wrapped, tmp_path):
    _, _, _, backbone, _ = wrapped
    backbone.model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert backbones.model_fingerprint(again) == backbone.fingerprint
    a, b = (np.asarray(one(IMAGES.astype(np.float32), training=False)) for one in (again, backbone.model))
    np.testing.assert_array_equal(a, b)


def test_dropout_and_moving_statistics_are_still_there():
    backbone = backbones.wrap(sequential())
    kinds = {type(layer) for layer in backbone.model.layers}
    assert {layers.Dropout, layers.BatchNormalization} <= kinds
    images = IMAGES.astype(np.float32)
    a, b = (np.asarray(backbone.model(images, training=True)) for _ in range(2))
    assert np.abs(a - b).max() > 0


# ---- sizes --------------------------------------------------------------------------------------


def test_an_open_size_is_fixed_and_another_is_taken():
    model = sequential(shape=(None, None, 3))
    backbone = backbones.wrap(model, input_size=40)
    assert backbone.input_size == 40
    images = np.random.default_rng(2).uniform(0, 255, (2, 40, 40, 3)).astype(np.float32)
    expected = np.asarray(model(images, training=False)).mean(axis=(1, 2))
    np.testing.assert_allclose(np.asarray(backbone.model(images, training=False)), expected, rtol=1e-4, atol=1e-5)
    assert backbones.wrap(sequential(), input_size=48).input_size == 48
    with pytest.raises(ValueError, match=r"takes \(None, None, None, 3\), which fixes no one side; give input_size"):
        backbones.wrap(model)


def test_weights_that_fit_one_size_only_are_refused_at_another():
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(4, name="dense")])
    assert backbones.wrap(model, layer="dense").feature_dim == 4
    with pytest.raises(ValueError, match=r"layer 'dense' .* another input size; leave input_size out"):
        backbones.wrap(model, layer="dense", input_size=10)


# ---- refused ------------------------------------------------------------------------------------


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="mine")
        self.conv = layers.Conv2D(4, 3)

    def call(self, x):
        return self.conv(x)


class WithoutConfig(layers.Layer):
    def __init__(self, factor):
        super().__init__(name="odd")
        self.factor = factor

    def call(self, x):
        return x * self.factor


def functional(*steps, shape=(SIZE, SIZE, 3)):
    inputs = x = keras.Input(shape)
    for step in steps:
        x = step(x)
    return keras.Model(inputs, x, name="mine")


def two_inputs():
    one, other = keras.Input((SIZE, SIZE, 3)), keras.Input((SIZE, SIZE, 3))
    return keras.Model([one, other], layers.Add()([one, other]), name="mine")


def two_outputs():
    inputs = keras.Input((SIZE, SIZE, 3))
    return keras.Model(
        inputs, [layers.Conv2D(2, 3, name="a")(inputs), layers.Conv2D(2, 3, name="b")(inputs)], name="mine"
    )


def with_subclassed():
    inputs = keras.Input((SIZE, SIZE, 3))
    return keras.Model(inputs, Subclassed()(inputs), name="outer")


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (lambda: "mobilenet", {}, "a Keras model becomes a backbone, not str"),
        (lambda: layers.Dense(2), {}, "a Keras model becomes a backbone, not Dense"),
        (Subclassed, {}, r"'mine' is a subclassed model \(Subclassed\), whose graph of layers Keras does not know"),
        (with_subclassed, {}, r"'mine' is a subclassed model \(Subclassed\)"),
        (
            lambda: keras.Sequential([layers.Conv2D(2, 3)], name="mine"),
            {},
            r"'mine' is not built; begin it with keras.Input",
        ),
        (two_inputs, {}, "'mine' has 2 inputs and 1 outputs"),
        (two_outputs, {}, "'mine' has 1 inputs and 2 outputs"),
        (sequential, {"layer": "lost"}, "'own' has no layer 'lost'; there is, for example, last"),
        (lambda: functional(layers.Conv2D(2, 3), shape=(32, 16, 3)), {}, "fixes no one side; give input_size"),
        (lambda: functional(layers.Conv2D(2, 3), shape=(32, 32, 1)), {}, r"takes images \(n, size, size, 3\)"),
        (lambda: functional(layers.Flatten(), layers.Dense(2), shape=(10,)), {}, r"takes images \(n, size, size, 3\)"),
        (sequential, {"input_size": 0}, "input_size=0: give a whole number of pixels, 1 or more"),
        (
            lambda: functional(layers.Reshape((-1, 3))),
            {},
            r"the last layer of 'mine' gives \(None, 1024, 3\); features \(n, d\)",
        ),
        (branches, {}, r"'forked' ends in a classifier \(layer 'classes'\); .* layer='pooled'"),
        (nested, {}, r"'outer' ends in a classifier \(layer 'head'\); .* layer='pooled'"),
        (lambda: functional(layers.Flatten(), layers.Softmax(name="end")), {}, r"ends in a classifier \(layer 'end'\)"),
        (
            lambda: functional(WithoutConfig(2.0)),
            {},
            r"layer 'odd' \(WithoutConfig\) cannot be copied: it needs a get_config",
        ),
        (
            sequential,
            {"preprocess": layers.Resizing(8, 8)},
            r"preprocess has to turn .*32, 32, 3.*; it gives .*8, 8, 3",
        ),
        (sequential, {"preprocess": lambda x: np.asarray(x) / 255}, "preprocess has to take Keras tensors"),
        (sequential, {"preprocess": lambda x: None}, "it gives NoneType"),
    ],
)
def test_what_is_no_backbone_is_refused(model, options, words):
    with pytest.raises(ValueError, match=words):
        backbones.wrap(model(), **options)


def test_a_layer_that_the_image_goes_round_is_no_stage():
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(4, 3, padding="same", name="round")(inputs)
    x = layers.Concatenate(name="both")([x, inputs])
    first, second = keras.ops.split(layers.Conv2D(4, 3, strides=2, name="halves")(x), 2, axis=-1)
    x = layers.Conv2D(2, 1, name="aside")(first)
    model = keras.Model(inputs, layers.Add(name="sum")([x, second]), name="mine")
    assert backbones.wrap(model).stages == ("both", "sum")


def test_of_two_outputs_one_may_be_named():
    assert backbones.wrap(two_outputs(), layer="b").feature_dim == 2


def test_a_nested_model_may_be_the_last_to_keep():
    model = nested()
    backbone = backbones.wrap(model, layer="own")
    expected = keras.Model(model.inputs[0], model.get_layer("pooled").output)(IMAGES.astype(np.float32), training=False)
    found = backbone.model(IMAGES.astype(np.float32), training=False)
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-4, atol=1e-5)


def test_a_dense_layer_that_is_asked_for_is_kept():
    assert backbones.wrap(branches(), layer="classes").feature_dim == 5


def test_preprocessing_may_be_several_layers():
    steps = keras.Sequential([layers.Rescaling(1 / 255), layers.Rescaling(2.0, offset=-1.0)])
    backbone = backbones.wrap(sequential(), preprocess=steps)
    assert not [layer for layer in backbone.model.layers if isinstance(layer, keras.Model)]
    other = backbones.wrap(sequential(), preprocess=lambda x: x / 127.5 - 1)
    other.model.set_weights(backbone.model.get_weights())
    a, b = (np.asarray(one.model(IMAGES.astype(np.float32), training=False)) for one in (backbone, other))
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
