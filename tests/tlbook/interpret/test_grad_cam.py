"""Grad-CAM and the gradients under it: against closed forms, finite differences, and itself on a nested model."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tlbook.transfer.nets import SIZE, nested_classifier, tiny_backbone
from tlbook import interpret, transfer

import keras  # isort: skip


def classifier(n_classes=2, **options):
    return transfer.attach_head(tiny_backbone(**options), n_classes, seed=5)


def images(n=5, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)


def deeper_nesting(base, n_classes):
    """The backbone two models down, called with training=False as the tutorials do."""
    inner_input = keras.Input((SIZE, SIZE, 3))
    middle = keras.Model(inner_input, base(inner_input, training=False), name="middle")
    inputs = keras.Input((SIZE, SIZE, 3))
    flipped = keras.layers.RandomFlip("horizontal", seed=0)(inputs)
    return keras.Model(inputs, keras.layers.Dense(n_classes, name="classes")(middle(flipped)), name="outermost")


def flat_twin(nested, base):
    flat = transfer.attach_head(base, nested.output_shape[-1], copy=False, frozen=False)
    flat.layers[-1].set_weights(nested.layers[-1].get_weights())
    return flat


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_nested_and_flat_models_give_the_same_map(n_classes, sequential):
    nested, base = nested_classifier(n_classes, sequential=sequential)
    x = images()
    for chosen in (nested, deeper_nesting(base, n_classes)):
        flat = flat_twin(chosen, base)
        for layer in (None, "block1", "conv2"):
            expected = [interpret.grad_cam(flat, x, k, layer) for k in range(n_classes)]
            found = [interpret.grad_cam(chosen, x, k, layer) for k in range(n_classes)]
            np.testing.assert_allclose(found, expected, atol=1e-6)
            assert np.max(expected) > 1e-3


def test_before_an_average_and_a_dense_layer_it_is_the_class_activation_map():
    """Selvaraju et al. 2017, section 3.1: then alpha is the dense layer's weight over the number of places."""
    model = classifier(3)
    x = images()
    maps = interpret.feature_maps(model, x, "block2")["block2"]
    weights = model.get_layer("head").get_weights()[0]
    h, w = maps.shape[1:3]
    for k in range(3):
        expected = np.maximum((maps * weights[:, k]).sum(axis=-1), 0) / (h * w)
        np.testing.assert_allclose(interpret.grad_cam(model, x, k), expected, atol=1e-6)


def test_gradients_agree_with_finite_differences():
    model = classifier(3)
    x = images(2)
    found = interpret.layer_gradients(model, x, np.array([2, 0]), "conv1")
    after = keras.Model(model.get_layer("conv1").output, model.output)  # from the maps to the logits
    step = 1e-2
    rng = np.random.default_rng(1)
    agreeing = 0
    for _ in range(40):
        i, r, c, k = (int(rng.integers(side)) for side in found.activations.shape)
        sides = []
        for sign in (1, -1):
            moved = found.activations.copy()
            moved[i, r, c, k] += sign * step
            sides.append(keras.ops.convert_to_numpy(after(moved, training=False))[i, found.classes[i]])
        slope = (sides[0] - sides[1]) / (2 * step)
        agreeing += np.isclose(slope, found.gradients[i, r, c, k], atol=2e-4, rtol=2e-2)
    assert agreeing >= 38  # the ReLU has no slope where it bends
    assert np.abs(found.gradients).max() > 1e-3


def test_without_a_class_each_image_gets_its_predicted_one():
    model = classifier(4)
    x = np.concatenate([images(6), np.zeros_like(images(3)), np.full_like(images(3), 255)])
    found = interpret.layer_gradients(model, x)
    np.testing.assert_array_equal(found.classes, found.logits.argmax(axis=1))
    assert len(set(found.classes.tolist())) > 1
    np.testing.assert_allclose(interpret.grad_cam(model, x), interpret.grad_cam(model, x, found.classes), atol=1e-7)
    np.testing.assert_allclose(found.logits, model.predict(x, verbose=0), atol=1e-5)


def test_batches_do_not_matter():
    model = classifier()
    x = images(7)
    np.testing.assert_allclose(
        interpret.grad_cam(model, x, 1), interpret.grad_cam(model, x, 1, batch_size=3), atol=1e-6
    )


def test_maps_are_float32_not_negative_and_grow_to_the_size_asked_for():
    model = classifier()
    x = images(3)
    small = interpret.grad_cam(model, x, 0)
    assert (small.shape, small.dtype) == ((3, 4, 4), np.float32)
    assert small.min() >= 0
    large = interpret.grad_cam(model, x, 0, upsample=True)
    assert (large.shape, large.dtype) == ((3, SIZE, SIZE), np.float32)
    assert 0 <= large.min() and large.max() <= small.max() * (1 + 1e-6)
    assert interpret.grad_cam(model, x, 0, upsample=(9, 11)).shape == (3, 9, 11)
    with pytest.raises(ValueError, match="upsample"):
        interpret.grad_cam(model, x, 0, upsample=(9,))


def test_a_class_that_nothing_speaks_for_has_a_blank_map():
    model = classifier()
    kernel, bias = model.get_layer("head").get_weights()
    model.get_layer("head").set_weights([-np.abs(kernel), bias])
    assert not interpret.grad_cam(model, images(), 1).any()


def test_the_model_stays_as_it_was():
    nested, _ = nested_classifier()
    config, weights, x = nested.get_config(), nested.get_weights(), images()
    before = nested.predict(x, verbose=0)
    flags = [layer.trainable for layer in transfer.named_layers(nested).values()]
    for _ in range(2):
        interpret.grad_cam(nested, x, layer="block1")
    assert str(nested.get_config()) == str(config)
    assert flags == [layer.trainable for layer in transfer.named_layers(nested).values()]
    for now, then in zip(nested.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, then)
    np.testing.assert_array_equal(nested.predict(x, verbose=0), before)


def test_weights_changed_in_between_count():
    model = classifier()
    x = images()
    before = interpret.grad_cam(model, x, 1)
    transfer.randomise(model, layers=["conv2"], seed=9)
    assert np.abs(interpret.grad_cam(model, x, 1) - before).max() > 1e-3


def test_the_last_maps_are_those_before_the_pooling():
    assert interpret.last_maps(classifier()) == "block2"
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="only")(inputs)
    x = keras.layers.Dropout(0.1)(keras.layers.MaxPooling2D()(x))
    assert interpret.last_maps(keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))) == "only"


def dense_only():
    inputs = keras.Input((SIZE, SIZE, 3))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(inputs)))


def any_size():
    inputs = keras.Input((None, None, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(inputs))
    return keras.Model(inputs, keras.layers.Dense(2)(x))


def with_softmax():
    model = classifier()
    return keras.Model(model.input, keras.layers.Softmax()(model.output))


def activated(name):
    model = tiny_backbone()
    return keras.Model(model.input, keras.layers.Dense(2, activation=name)(model.output))


def two_inputs():
    inputs = [keras.Input((4, 4, 3)), keras.Input((4, 4, 3))]
    x = keras.layers.Flatten()(keras.layers.Concatenate()(inputs))
    return keras.Model(inputs, keras.layers.Dense(2)(x))


def applied_twice():
    conv = keras.layers.Conv2D(3, 3, padding="same", name="again")
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(conv(conv(inputs)))
    return keras.Model(inputs, keras.layers.Dense(2)(x))


class Subclassed(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (dense_only, "no convolutional layer"),
        (any_size, "no fixed input size"),
        (with_softmax, "ends in probabilities"),
        (lambda: activated("sigmoid"), "ends in probabilities"),
        (lambda: activated("softmax"), "ends in probabilities"),
        (tiny_backbone_maps := lambda: tiny_backbone(pooled=False), "logits"),
        (two_inputs, "2 inputs"),
        (applied_twice, "applied more than once"),
        (Subclassed, "graph of layers is not known"),
    ],
)
def test_a_model_that_will_not_do_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        interpret.grad_cam(make(), images(2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "block9"}, "block9"),
        ({"layer": "pool"}, "gives no feature maps.*'block2'"),
        ({"class_index": 2}, "classes 0 to 1"),
        ({"class_index": -1}, "classes 0 to 1"),
        ({"class_index": 0.5}, "whole number"),
        ({"class_index": [0, 1]}, "one for each of 3"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        interpret.grad_cam(classifier(), images(3), **options)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (images(1)[0], r"image\[None\]"),
        (np.zeros((2, 8, 8, 3), np.uint8), r"16, 16, 3"),
        (np.zeros((0, SIZE, SIZE, 3), np.uint8), "at least one image"),
        (np.full((1, SIZE, SIZE, 3), np.nan), "NaN"),
        (np.zeros((1, SIZE, SIZE, 3), bool), "uint8"),
    ],
)
def test_bad_images_are_refused(x, message):
    with pytest.raises(ValueError, match=message):
        interpret.grad_cam(classifier(), x)


def test_another_backend_is_named(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "numpy")
    with pytest.raises(RuntimeError, match=r"TensorFlow or JAX.*'numpy'"):
        interpret.grad_cam(classifier(), images(1))


def test_squares_are_found():
    """A network trained to tell where a bright square is looks at the square."""
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    x = rng.integers(0, 60, (200, SIZE, SIZE, 3)).astype(np.uint8)
    places = rng.integers(0, SIZE - 5, (200, 2))
    mask = np.zeros((200, SIZE, SIZE), bool)
    for i, (r, c) in enumerate(places):
        mask[i, r : r + 5, c : c + 5] = True
    x[mask & (y == 1)[:, None, None]] = [250, 60, 60]
    x[mask & (y == 0)[:, None, None]] = [60, 60, 250]
    model = classifier()
    transfer.unfreeze(model)
    transfer.train(model, (x, y), (x, y), transfer.Recipe(epochs=15, learning_rate=1e-2), progress=False)
    heat = interpret.grad_cam(model, x, upsample=True)
    assert interpret.energy_inside(heat, mask).gain.low > 0.05
