"""Heads on flat, Sequential, nested and unpooled backbones; layer groups."""

import os

import numpy as np
import pytest

from tests.tlbook.transfer.nets import SIZE, blobs, logits_of, nested_classifier, tiny_backbone
from tlbook import backbones
from tlbook.transfer import Probe, attach_head, freeze, head_layers, layer_groups, linear_probe, named_layers

import keras  # isort: skip


def probe_on(model, n_classes, n=60):
    images, labels = blobs(n, n_classes)
    features = logits_of(model, images)
    if features.ndim == 4:
        features = features.mean(axis=(1, 2))
    return linear_probe(features, labels, features, labels), features, images


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("options", [{}, {"sequential": True}, {"pooled": False}], ids=["flat", "sequential", "maps"])
def test_a_probe_as_head_gives_the_same_logits(options, n_classes):
    backbone = tiny_backbone(**options)
    probe, features, images = probe_on(backbone, n_classes)
    model = attach_head(backbone, probe, dropout=0.5)
    assert model.output_shape == (None, n_classes)
    np.testing.assert_allclose(logits_of(model, images), probe.logits(features), atol=1e-4)
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    assert model.get_layer("head").activation is keras.activations.linear


@pytest.mark.parametrize("n", [1, 3])
def test_any_linear_head_gives_its_outputs(n):
    backbone, rng = tiny_backbone(), np.random.default_rng(0)
    images, _ = blobs(10)
    weights, bias = rng.normal(size=(8, n)), rng.normal(size=n)
    model = attach_head(backbone, (weights, bias))
    np.testing.assert_allclose(logits_of(model, images), logits_of(backbone, images) @ weights + bias, atol=1e-4)
    with pytest.raises(ValueError, match=r"shapes \(8, N\) and \(N,\) are needed"):
        attach_head(backbone, (weights[:5], bias))


def test_a_nested_model_is_a_backbone_too():
    inner = tiny_backbone()
    inputs = keras.Input((SIZE, SIZE, 3))
    outer = keras.Model(inputs, inner(inputs), name="outer")
    probe, features, images = probe_on(outer, 3)
    model = attach_head(outer, probe)
    np.testing.assert_allclose(logits_of(model, images), probe.logits(features), atol=1e-4)
    assert not [v for v in model.trainable_weights if "head" not in v.path]


@pytest.mark.skipif("KERAS_HOME" not in os.environ, reason="KERAS_HOME is not set: no ImageNet weights at hand")
def test_a_probe_as_head_of_a_real_backbone():
    backbone = backbones.load("mobilenet_v2_035", input_size=96)
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (48, 6, 6, 3))
    images = np.repeat(np.repeat(coarse, 16, axis=1), 16, axis=2).astype(np.uint8)
    labels = (coarse[..., 0].mean(axis=(1, 2)) > coarse[..., 2].mean(axis=(1, 2))).astype(int)
    features = backbone.model.predict(images, verbose=0)
    probe = linear_probe(features, labels, features, labels, C=1.0)
    model = attach_head(backbone, probe)
    np.testing.assert_allclose(model.predict(images, verbose=0), probe.logits(features), atol=1e-4)
    assert np.ptp(probe.logits(features)) > 1


def test_training_the_result_leaves_the_backbone_as_it_was():
    backbone = tiny_backbone()
    before = backbone.get_weights()
    model = attach_head(backbone, 2)
    model.get_layer("conv1").kernel.assign(np.zeros(model.get_layer("conv1").kernel.shape))
    for old, new in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert backbone.get_layer("conv1").trainable

    shared = attach_head(backbone, 2, copy=False, frozen=False)
    assert shared.get_layer("conv1") is backbone.get_layer("conv1")


def test_frozen_or_not():
    backbone = tiny_backbone()
    assert {v.path.split("/")[0] for v in attach_head(backbone, 2).trainable_weights} == {"head"}
    free = attach_head(backbone, 2, frozen=False)
    assert len(free.trainable_weights) == len(backbone.trainable_weights) + 2
    freeze(backbone)
    assert len(attach_head(backbone, 2, frozen=False).trainable_weights) == 2


def test_a_new_head_follows_its_seed():
    backbone = tiny_backbone()
    first, same, other = (attach_head(backbone, 3, seed=s).get_layer("head") for s in (0, 0, 1))
    np.testing.assert_array_equal(first.kernel.numpy(), same.kernel.numpy())
    assert np.abs(first.kernel.numpy() - other.kernel.numpy()).max() > 0.01
    assert not first.bias.numpy().any()


def test_dropout_acts_in_training_only():
    model = attach_head(tiny_backbone(), 2, dropout=0.5)
    images = blobs(8)[0].astype(np.float32)
    assert model.get_layer("head_dropout").rate == 0.5
    np.testing.assert_array_equal(logits_of(model, images), logits_of(model, images))
    once, again = (np.array(model(images, training=True)) for _ in range(2))
    assert np.abs(once - again).max() > 1e-3


def test_heads_that_do_not_fit_are_refused():
    backbone = tiny_backbone()
    wrong = Probe(np.zeros((5, 2)), np.zeros(2), 1.0, {1.0: 0.7}, {1.0: 0.5}, 10)
    with pytest.raises(ValueError, match="5 features, the backbone gives 8"):
        attach_head(backbone, wrong)
    for head in (1, 0, True, 2.5, "two"):
        with pytest.raises(ValueError, match="number of classes, 2 or more"):
            attach_head(backbone, head)
    with pytest.raises(ValueError, match="'head' already"):
        attach_head(attach_head(backbone, 2), 2)
    with pytest.raises(ValueError, match=r"\[0, 1\)"):
        attach_head(backbone, 2, dropout=1.0)
    with pytest.raises(ValueError, match="not str"):
        attach_head("sketchnet", 2)
    with pytest.raises(ValueError, match="functional"):
        attach_head(keras.Sequential([keras.layers.Dense(3)]), 2)
    flat = keras.Input((4, 8))
    with pytest.raises(ValueError, match=r"\(None, 4, 3\)"):
        attach_head(keras.Model(flat, keras.layers.Dense(3)(flat)), 2)


def test_which_layers_are_the_head():
    assert list(head_layers(attach_head(tiny_backbone(), 2, dropout=0.1))) == ["head"]
    assert list(head_layers(nested_classifier()[0])) == ["classes"]
    assert list(head_layers(backbones.load("sketchnet", weights=None).model)) == []
    assert list(head_layers(tiny_backbone())) == []


def test_groups_by_number():
    model = attach_head(tiny_backbone(), 2)
    assert layer_groups(model, 2) == {"group_1": ("conv1", "bn1"), "group_2": ("conv2", "bn2"), "head": ("head",)}
    assert layer_groups(model, 1) == {"group_1": ("conv1", "bn1", "conv2", "bn2"), "head": ("head",)}
    assert layer_groups(tiny_backbone(), 1) == {"group_1": ("conv1", "bn1", "conv2", "bn2")}
    assert layer_groups(nested_classifier()[0], 2)["head"] == ("classes",)
    for n in (0, 3):
        with pytest.raises(ValueError, match="ask for 1 to 2 groups"):
            layer_groups(model, n)


def test_groups_by_stage():
    model = attach_head(tiny_backbone(), 2)
    expected = {"block1": ("conv1", "bn1"), "block2": ("conv2", "bn2"), "head": ("head",)}
    assert layer_groups(model, ("block1", "block2")) == expected
    # What comes after the last name belongs to the last group.
    assert layer_groups(model, ["conv1"])["conv1"] == ("conv1", "bn1", "conv2", "bn2")
    for stages in (["block2", "block1"], ["block1", "block1"], []):
        with pytest.raises(ValueError, match="shallow to deep"):
            layer_groups(model, stages)
    with pytest.raises(ValueError, match=r"No layer 'blok1'.*block1"):
        layer_groups(model, ["blok1"])


@pytest.mark.parametrize("name", ["sketchnet", "mobilenet_v2_035", "resnet50"])
def test_groups_of_registered_backbones(name):
    backbone = backbones.load(name, weights=None)
    groups = layer_groups(backbone.model, backbone.stages)
    everything = [layer for names in groups.values() for layer in names]
    with_weights = [k for k, layer in named_layers(backbone.model).items() if layer.weights]
    assert sorted(everything) == sorted(with_weights)
    assert len(everything) == len(set(everything))
    assert tuple(groups) == tuple(stage for stage in backbone.stages if stage in groups)
    assert len(layer_groups(backbone.model, 4)) == 4


def test_equal_names_in_nested_models_become_paths():
    inputs = keras.Input((SIZE, SIZE, 3))
    left, right = tiny_backbone(name="left"), tiny_backbone(name="right", seed=5)
    x = keras.layers.Concatenate()([left(inputs), right(inputs)])
    model = keras.Model(inputs, keras.layers.Dense(2, name="head")(x))
    assert "left/conv1" in named_layers(model)
    assert "conv1" not in named_layers(model)
    from tlbook.transfer import unfreeze

    freeze(model)
    assert unfreeze(model, from_layer="right/conv2") == right.get_layer("conv2").count_params()
    with pytest.raises(ValueError, match="not unique"):
        unfreeze(model, from_layer="conv1")
