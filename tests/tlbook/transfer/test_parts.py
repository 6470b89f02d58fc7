"""Cutting a network in two, and training the upper part on kept activations."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tlbook import transfer
from tlbook.backbones import architectures


@pytest.fixture(scope="module")
def network() -> keras.Model:
    model = architectures.sketchnet(32)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([np.abs(rng.normal(1, 0.2, w.shape)).astype("float32") for w in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("stage", architectures.SKETCHNET_STAGES)
def test_the_two_parts_in_turn_are_the_whole(network, images, stage):
    lower, upper = transfer.split_model(network, stage)
    whole = network.predict(images, verbose=0)
    np.testing.assert_allclose(upper.predict(lower.predict(images, verbose=0), verbose=0), whole, rtol=1e-4, atol=1e-5)
    assert lower.count_params() + upper.count_params() == network.count_params()


def test_parts_are_copies(network, images):
    before = network.get_weights()
    _, upper = transfer.split_model(network, "stage3")
    upper.set_weights([w + 1 for w in upper.get_weights()])
    for old, now in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)


def test_parts_keep_which_layers_are_trainable():
    model = architectures.sketchnet(32)
    model.get_layer("stage4b_conv").trainable = False
    _, upper = transfer.split_model(model, "stage3")
    assert not upper.get_layer("stage4b_conv").trainable
    assert upper.get_layer("stage4a_conv").trainable


def test_training_the_upper_part_on_activations_is_training_the_last_stage(network, images):
    """The claim on which the cached sweeps of the book rest."""
    labels = np.arange(24) % 2
    # Plain gradient steps: Adam divides by the gradient's size, so that where that is next to
    # nothing its step follows the rounding.
    recipe = transfer.Recipe(epochs=2, learning_rate=0.01, optimizer="sgd", batch_size=8, seed=3)

    whole = transfer.attach_head(network, 2, seed=5)
    untrained = whole.predict(images, verbose=0)
    transfer.unfreeze(whole, after_layer="stage3")
    transfer.fine_tune(whole, (images, labels), (images, labels), recipe, progress=False)

    lower, upper = transfer.split_model(network, "stage3")
    activations = lower.predict(images, verbose=0)
    part = transfer.attach_head(upper, 2, seed=5)
    transfer.unfreeze(part)
    transfer.fine_tune(part, (activations, labels), (activations, labels), recipe, progress=False)

    expected = whole.predict(images, verbose=0)
    assert np.abs(expected - untrained).max() > 0.05  # it did train
    np.testing.assert_allclose(part.predict(activations, verbose=0), expected, atol=2e-3)


def test_residual_blocks_are_cut_at_their_end_only():
    x = keras.Input((8, 8, 3))
    before = keras.layers.Conv2D(4, 3, padding="same", name="before")(x)
    inside = keras.layers.Conv2D(4, 3, padding="same", name="inside")(before)
    end = keras.layers.Add(name="end")([before, inside])
    model = keras.Model(x, keras.layers.GlobalAveragePooling2D(name="pool")(end))
    lower, upper = transfer.split_model(model, "end")
    assert upper.count_params() == 0
    assert lower.count_params() == model.count_params()
    with pytest.raises(ValueError, match="another path"):
        transfer.split_model(model, "inside")


def test_impossible_cuts_are_refused(network):
    with pytest.raises(ValueError, match="No layer 'stage9'"):
        transfer.split_model(network, "stage9")
    with pytest.raises(ValueError, match="nothing is above"):
        transfer.split_model(network, "pool")
    with pytest.raises(ValueError, match="built functional"):
        transfer.split_model(keras.layers.Dense(2), "stage1")


def test_float_images_out_of_range_are_still_refused(network):
    """Only activations may have any size; a network that takes images takes 0 to 255."""
    model = transfer.attach_head(network, 2)
    wrong = np.full((4, 32, 32, 3), -1.0, "float32")
    with pytest.raises(ValueError, match="0 to 255"):
        transfer.train(model, (wrong, np.arange(4) % 2), (wrong, np.arange(4) % 2), transfer.Recipe(epochs=1))
