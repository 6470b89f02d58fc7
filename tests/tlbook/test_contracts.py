"""One check of models and one of images, whichever public function they are given to."""

import contextlib
import os
import re

import numpy as np
import pytest
from PIL import Image

from tlbook import _models, backbones, classifier, datasets, evaluation, features, interpret, report, transfer
from tlbook._checks import images_for
from tlbook.classifier import Classifier

import keras  # isort: skip

SIDE = 32
RECIPE = transfer.Recipe(epochs=1, learning_rate=1e-3)


def photos(n=4):
    return np.random.default_rng(0).integers(0, 256, (n, SIDE, SIDE, 3), np.uint8)


LABELS = np.array([0, 1, 0, 1])


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    root = tmp_path_factory.mktemp("split")
    for number, pixels in enumerate(photos()):
        Image.fromarray(pixels).save(root / f"{number}.png")
    return datasets.Split("test", sorted(root.iterdir()), LABELS, ("cat", "dog"))


# ---- models ----


def body(dtype=None):
    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(4, 3, activation="relu", name="maps", dtype=dtype)(x)
    return inputs, keras.layers.GlobalAveragePooling2D()(x)


def net(activation=None, heads=1, after=None, dtype=None):
    inputs, x = body(dtype)
    outputs = [keras.layers.Dense(2, activation=activation, name=f"out{k}")(x) for k in range(heads)]
    if after is not None:
        outputs = [after(one) for one in outputs]
    return keras.Model(inputs, outputs[0] if heads == 1 else outputs)


def nested(inner):
    inputs = keras.Input((SIDE, SIDE, 3))
    return keras.Model(inputs, inner(inputs))


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.pool, self.dense = keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)

    def call(self, x):
        return self.dense(self.pool(x))


def own():
    model = Own()
    model(photos().astype("float32"))
    return model


def two_inputs():
    one, other = keras.Input((SIDE, SIDE, 3)), keras.Input((SIDE, SIDE, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(one + other))
    return keras.Model([one, other], keras.layers.Dense(2)(x))


def mixed():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return net()
    finally:
        keras.config.set_dtype_policy(before)


PROBABILITIES, FEATURES, GRAPH = "ends in probabilities", "ends in features", "whose graph of layers is not known"
MODELS = {
    "softmax": (lambda: net("softmax"), PROBABILITIES),
    "sigmoid": (lambda: net("sigmoid"), PROBABILITIES),
    "a softmax layer": (lambda: net(after=keras.layers.Softmax()), PROBABILITIES),
    "an activation layer": (lambda: net(after=keras.layers.Activation("softmax")), PROBABILITIES),
    "the operation": (lambda: net(after=keras.ops.softmax), PROBABILITIES),
    "softmax, then dropout": (lambda: net("softmax", after=keras.layers.Dropout(0.1)), PROBABILITIES),
    "softmax, then linear": (lambda: net("softmax", after=keras.layers.Activation("linear")), PROBABILITIES),
    "softmax in a nested model": (lambda: nested(net("softmax")), PROBABILITIES),
    "Sequential with softmax": (
        lambda: keras.Sequential(
            [
                keras.Input((SIDE, SIDE, 3)),
                keras.layers.Conv2D(2, 3),
                keras.layers.GlobalMaxPooling2D(),
                keras.layers.Softmax(),
            ]
        ),
        PROBABILITIES,
    ),
    "a Backbone": (lambda: backbones.load("sketchnet", input_size=SIDE), FEATURES),
    "a backbone's model": (lambda: backbones.load("sketchnet", input_size=SIDE).model, FEATURES),
    "pooled features of one's own": (lambda: keras.Model(*body()), FEATURES),
    "two outputs": (lambda: net(heads=2), "1 inputs and 2 outputs"),
    "two inputs": (two_inputs, "2 inputs and 1 outputs"),
    "a class of one's own": (own, GRAPH),
    "a Sequential that is not built": (
        lambda: keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)]),
        GRAPH,
    ),
    "half precision": (mixed, "computes in float16"),
    "a layer in half precision": (lambda: net(dtype="mixed_bfloat16"), "computes in bfloat16"),
    "no model": (lambda: "model.keras", "A keras.Model or a Backbone is needed, not str"),
}


def _maps():
    inputs = keras.Input((SIDE, SIDE, 3))
    return keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))


def _one_logit():
    inputs, x = body()
    return keras.Model(inputs, keras.layers.Dense(1)(x))


MODELS["feature maps"] = (_maps, "logits")
MODELS["one logit"] = (_one_logit, "logits")

DATA = (photos(), LABELS)
USES = {
    "transfer.train": lambda model, split: transfer.train(model, DATA, DATA, RECIPE, progress=False),
    "transfer.fine_tune": lambda model, split: transfer.fine_tune(model, DATA, DATA, RECIPE, progress=False),
    "interpret.grad_cam": lambda model, split: interpret.grad_cam(model, photos()),
    "interpret.layer_gradients": lambda model, split: interpret.layer_gradients(model, photos()),
    "interpret.occlusion_sensitivity": lambda model, split: interpret.occlusion_sensitivity(
        model, photos(), progress=False
    ),
    "report.evaluate": lambda model, split: report.evaluate(model, split),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", MODELS)
def test_a_model_that_is_none_of_ours_is_refused_everywhere(kind, use, split):
    if (kind, use) == ("no model", "report.evaluate"):
        pytest.skip("what is no model is taken for logits there")
    make, words = MODELS[kind]
    with pytest.raises(ValueError, match=re.escape(words)):
        USES[use](make(), split)


def convolutional():
    """Logits that are the means of maps, as where class activation maps come from."""
    inputs = keras.Input((SIDE, SIDE, 3))
    maps = keras.layers.Conv2D(2, 3, name="maps")(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(maps))


GOOD = {
    "a head": net,
    "a head, then linear": lambda: net(after=keras.layers.Activation("linear")),
    "nested": lambda: nested(net()),
    "convolutional": convolutional,
    "log-probabilities": lambda: net(after=keras.ops.log_softmax),
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_model_that_gives_logits_is_taken(kind):
    model = GOOD[kind]()
    assert _models.classifier_or_refused(model) is model
    assert interpret.grad_cam(model, photos()).shape[0] == 4


# ---- images ----

IMAGES = {
    "0 to 1": (lambda: photos() / 255, "multiply by 255"),
    "0 to 1, float32": (lambda: (photos() / 255).astype(np.float32), "multiply by 255"),
    "-1 to 1": (lambda: photos() / 127.5 - 1, "run from -"),
    "over 255": (lambda: photos() * 2.0, "from 0 to 255"),
    "standardised": (lambda: (photos() - 127.0) / 60, "run from -"),
    "NaN": (lambda: np.full((4, SIDE, SIDE, 3), np.nan), "from 0 to 255"),
    "infinite": (lambda: np.full((4, SIDE, SIDE, 3), np.inf), "from 0 to 255"),
    "whole numbers of 64 bits": (lambda: photos().astype(np.int64), "uint8, or floats"),
    "16-bit": (lambda: photos().astype(np.uint16) * 257, "uint8, or floats"),
    "truth values": (lambda: photos() > 99, "uint8, or floats"),
    "one image": (lambda: photos()[0], "a single image goes in as image[None]"),
    "grey": (lambda: photos()[..., :1], "takes"),
    "channels first": (lambda: photos().transpose(0, 3, 1, 2), "takes"),
    "another size": (lambda: photos()[:, :16], "takes"),
    "words": (lambda: np.full((4, SIDE, SIDE, 3), "a"), "uint8, or floats"),
}


@pytest.fixture(scope="module")
def model():
    return net()


@pytest.fixture(scope="module")
def trained():
    head = transfer.attach_head(backbones.load("sketchnet", input_size=SIDE), 2)
    return Classifier(head, ("cat", "dog"), {"backbone": "sketchnet"})


IMAGE_USES = {
    "transfer.train": lambda x, model, trained: transfer.train(model, (x, LABELS), DATA, RECIPE, progress=False),
    "transfer.train, validation": lambda x, model, trained: transfer.train(
        model, DATA, (x, LABELS), RECIPE, progress=False
    ),
    "transfer.fine_tune": lambda x, model, trained: transfer.fine_tune(
        model, (x, LABELS), DATA, RECIPE, progress=False
    ),
    "transfer.Batches": lambda x, model, trained: transfer.Batches((x, LABELS), model),
    "features.extract": lambda x, model, trained: features.extract(
        backbones.load("sketchnet", input_size=SIDE), x, cache=False, progress=False
    ),
    "interpret.grad_cam": lambda x, model, trained: interpret.grad_cam(model, x),
    "interpret.layer_gradients": lambda x, model, trained: interpret.layer_gradients(model, x),
    "interpret.occlusion_sensitivity": lambda x, model, trained: interpret.occlusion_sensitivity(
        model, x, progress=False
    ),
    "interpret.feature_maps": lambda x, model, trained: interpret.feature_maps(model, x, "maps"),
    "Classifier.logits": lambda x, model, trained: trained.logits(x, progress=False),
    "classifier.export": lambda x, model, trained: classifier.export(trained, os.devnull + ".onnx", images=x),
}


@pytest.mark.parametrize("use", IMAGE_USES)
@pytest.mark.parametrize("kind", IMAGES)
def test_images_that_are_none_are_refused_everywhere(kind, use, model, trained, tmp_path):
    make, words = IMAGES[kind]
    call = IMAGE_USES[use]
    if use == "classifier.export":
        pytest.importorskip("onnx")

        def call(x, model, trained):
            return classifier.export(trained, tmp_path / "a.onnx", images=x)

    with pytest.raises(ValueError, match=re.escape(words)):
        call(make(), model, trained)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "given",
    [photos(), photos().astype(np.float32), photos().astype(np.float64), np.zeros((2, SIDE, SIDE, 3), np.float32)],
    ids=lambda one: f"{one.dtype} to {one.max()}",
)
def test_images_that_are_some(given):
    found = images_for((SIDE, SIDE, 3), given)
    assert found.dtype == (np.uint8 if given.dtype == np.uint8 else np.float32) and (found == given).all()


# ---- logits ----

LOGITS = np.random.default_rng(1).normal(size=(40, 2)) * 3
USES_OF_LOGITS = {
    "probabilities": evaluation.probabilities,
    "fit_temperature": lambda z: evaluation.fit_temperature(np.arange(40) % 2, z),
    "average_views": lambda z: evaluation.average_views(z[None]),
}


@pytest.mark.parametrize("use", USES_OF_LOGITS)
def test_probabilities_are_not_taken_for_logits(use):
    USES_OF_LOGITS[use](LOGITS)
    with pytest.raises(ValueError, match="these are probabilities; give logits"):
        USES_OF_LOGITS[use](evaluation.probabilities(LOGITS))
    with pytest.raises(ValueError, match="these are probabilities; give logits"):
        USES_OF_LOGITS[use](evaluation.probabilities(LOGITS).astype(np.float32))
    USES_OF_LOGITS[use](np.log(evaluation.probabilities(LOGITS)))


def test_a_report_on_probabilities_is_refused(split):
    z = np.array([[3.0, 1.0], [0.5, 2.0], [2.0, 1.0], [1.0, 4.0]])
    assert report.evaluate(z, split).n == 4
    with pytest.raises(ValueError, match="these are probabilities; give logits"):
        report.evaluate(evaluation.probabilities(z), split)


# ---- Keras settings of the reader ----


@contextlib.contextmanager
def settings(**wanted):
    config = keras.config
    kept = config.floatx(), config.image_data_format(), config.dtype_policy()
    try:
        for name, value in wanted.items():
            getattr(config, f"set_{name}")(value)
        yield
    finally:
        config.set_floatx(kept[0])
        config.set_image_data_format(kept[1])
        config.set_dtype_policy(kept[2])


SETTINGS = [
    {"dtype_policy": "mixed_float16"},
    {"dtype_policy": "mixed_bfloat16"},
    {"floatx": "float16"},
    {"floatx": "float64"},
    {"image_data_format": "channels_first"},
    {"floatx": "float16", "image_data_format": "channels_first", "dtype_policy": "float16"},
]


@pytest.mark.parametrize("wanted", SETTINGS, ids=str)
def test_settings_for_other_models_change_nothing_for_ours(wanted, split):
    backbone = backbones.load("sketchnet", input_size=SIDE)
    expected = features.extract(backbone, photos(), cache=False, progress=False)
    stages = features.extract(backbone, photos(), layer=backbone.stages, cache=False, progress=False)
    with settings(**wanted):
        asked = keras.config.floatx(), keras.config.image_data_format(), keras.config.dtype_policy().name
        again = backbones.load("sketchnet", input_size=SIDE)
        np.testing.assert_array_equal(features.extract(again, photos(), cache=False, progress=False), expected)
        found = features.extract(again, photos(), layer=backbone.stages, cache=False, progress=False)
        for name, values in stages.items():
            np.testing.assert_array_equal(found[name], values)
        head = transfer.attach_head(again, 2)
        assert head.output.dtype == "float32"
        history = transfer.train(head, DATA, DATA, RECIPE, progress=False)
        assert np.isfinite(history.train_loss).all()
        assert interpret.grad_cam(head, photos()).dtype == np.float32
        assert report.evaluate(head, split).n == 4
        assert (keras.config.floatx(), keras.config.image_data_format(), keras.config.dtype_policy().name) == asked
