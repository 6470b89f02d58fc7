"""Freezing: weights and moving statistics; the BatchNormalization trap of Keras 3."""

import random

import numpy as np
import pytest

from tests.tlbook.transfer.nets import SIZE, blobs, nested_classifier, tiny_backbone
from tlbook.transfer import (
    Recipe,
    attach_head,
    freeze,
    gradual_unfreezing,
    layer_groups,
    named_layers,
    parameter_count,
    randomise,
    train,
    unfreeze,
)

import keras  # isort: skip

KERNELS = {"conv1": 3 * 3 * 3 * 6, "conv2": 3 * 3 * 6 * 8}


def flat():
    return attach_head(tiny_backbone(), 2, frozen=False)


def nested():
    return nested_classifier()[0]


def trainable_names(model):
    return [name for name, layer in named_layers(model).items() if layer.trainable_weights]


def keras_fit(model, steps=3):
    """Keras' own training, as a reader would call it."""
    images, labels = blobs(steps * 8)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    model.fit(images, labels, batch_size=8, shuffle=False, verbose=0)


def moving_means(model):
    layers = named_layers(model).values()
    return [x.moving_mean.numpy() for x in layers if isinstance(x, keras.layers.BatchNormalization)]


def held(model):
    return [not mean.any() for mean in moving_means(model)]  # they begin at 0


def with_call(training):
    """A nested backbone, called as the Keras guide calls it, then unfrozen."""
    base = tiny_backbone()
    inputs = keras.Input((SIZE, SIZE, 3))
    x = base(inputs) if training is None else base(inputs, training=training)
    initializer = keras.initializers.GlorotUniform(seed=0)
    return keras.Model(inputs, keras.layers.Dense(2, kernel_initializer=initializer)(x)), base


class TestBatchNormOnKeras3:
    """Three ways to hold the moving statistics. Fails on the day Keras changes this."""

    def test_training_false_at_the_call_does_not_hold_them(self):
        told, base = with_call(training=False)
        base.trainable = True
        keras_fit(told)
        assert held(told) == [False, False]
        # It changes nothing at all: they move exactly as without it.
        untold, base = with_call(training=None)
        base.trainable = True
        keras_fit(untold)
        for a, b in zip(moving_means(told), moving_means(untold), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)

    def test_trainable_false_on_the_base_holds_them(self):
        model, base = with_call(training=None)
        base.trainable = False
        keras_fit(model)
        assert held(model) == [True, True]

    def test_trainable_false_on_each_batch_norm_layer_holds_them(self):
        model, base = with_call(training=None)
        base.trainable = True
        for layer in base.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        kernel = base.get_layer("conv1").kernel.numpy()
        keras_fit(model)
        assert held(model) == [True, True]
        assert np.abs(base.get_layer("conv1").kernel.numpy() - kernel).max() > 0

    @pytest.mark.parametrize("build", [flat, nested])
    def test_unfreeze_holds_them(self, build):
        model = build()
        freeze(model)
        unfreeze(model)
        kernel = named_layers(model)["conv1"].kernel.numpy()
        keras_fit(model)
        assert held(model) == [True, True]
        assert np.abs(named_layers(model)["conv1"].kernel.numpy() - kernel).max() > 0

    @pytest.mark.parametrize("build", [flat, nested])
    def test_a_model_never_frozen_moves_them(self, build):
        model = build()
        keras_fit(model)
        assert held(model) == [False, False]


@pytest.mark.parametrize("build", [flat, nested])
def test_frozen_means_nothing_changes_but_the_head(build):
    model = build()
    total, head = parameter_count(model), 8 * 2 + 2
    assert freeze(model) == total - head
    assert trainable_names(model)[0] in ("head", "classes")
    before = model.get_weights()
    train(model, blobs(16), blobs(8), Recipe(epochs=1, learning_rate=0.1, batch_size=8), progress=False)
    changed = [np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False] * (len(changed) - 2) + [True, True]
    assert freeze(model) == 0
    assert freeze(model, head=True) == head
    assert parameter_count(model) == 0
    with pytest.raises(ValueError, match="nothing to train"):
        train(model, blobs(16), blobs(8), Recipe(epochs=1, learning_rate=0.1))


@pytest.mark.parametrize("build", [flat, nested])
@pytest.mark.parametrize(
    ("which", "names"),
    [
        ({}, ["conv1", "conv2"]),
        ({"last": 1}, ["conv2"]),
        ({"last": 2}, ["conv1", "conv2"]),
        ({"from_layer": "conv2"}, ["conv2"]),
        ({"from_layer": "rescale"}, ["conv1", "conv2"]),
        ({"from_layer": "bn1"}, ["conv2"]),
        ({"after_layer": "block1"}, ["conv2"]),
        ({"after_layer": "rescale"}, ["conv1", "conv2"]),
    ],
)
def test_unfreeze_says_what_it_freed(build, which, names):
    model = build()
    freeze(model)
    head = trainable_names(model)
    assert unfreeze(model, **which) == sum(KERNELS[name] for name in names)
    assert trainable_names(model) == names + head
    # By the flag of each layer, which is what Keras goes by.
    assert not any(
        layer.trainable for layer in named_layers(model).values() if isinstance(layer, keras.layers.BatchNormalization)
    )
    assert parameter_count(model) == sum(KERNELS[name] for name in names) + 18


@pytest.mark.parametrize("build", [flat, nested])
def test_a_no_op_is_refused_and_changes_nothing(build):
    model = build()
    with pytest.raises(ValueError, match="would change nothing"):
        unfreeze(model)
    assert trainable_names(model)[:4] == ["conv1", "bn1", "conv2", "bn2"]
    freeze(model)
    unfreeze(model, last=1)
    for which in ({"last": 1}, {"from_layer": "conv2"}, {"from_layer": "pool"}, {"after_layer": "block2"}):
        with pytest.raises(ValueError, match="would change nothing"):
            unfreeze(model, **which)
    assert trainable_names(model)[0] == "conv2"


def test_unfreeze_frees_a_frozen_head_and_keeps_what_was_free():
    model = flat()
    freeze(model, head=True)
    assert unfreeze(model, last=1) == KERNELS["conv2"] + 18
    model = flat()
    freeze(model)
    model.get_layer("conv1").trainable = True
    assert unfreeze(model, last=1) == KERNELS["conv2"]
    assert trainable_names(model) == ["conv1", "conv2", "head"]


def test_a_backbone_without_head_is_frozen_wholly():
    backbone = tiny_backbone()
    assert freeze(backbone) == parameter_count(tiny_backbone())
    assert not backbone.trainable
    assert unfreeze(backbone, last=1) == KERNELS["conv2"]
    assert len(backbone.trainable_weights) == 1


def test_a_nested_model_says_itself_what_is_trainable():
    model, base = nested_classifier()
    freeze(model)
    assert not base.trainable
    assert base.trainable_weights == []
    unfreeze(model, last=1)
    assert [v.path.split("/")[-2] for v in base.trainable_weights] == ["conv2"]


def test_a_whole_nested_model_may_be_named():
    model, base = nested_classifier()
    freeze(model)
    assert unfreeze(model, from_layer=base.name) == sum(KERNELS.values())
    freeze(model)
    with pytest.raises(ValueError, match="would change nothing"):
        unfreeze(model, after_layer=base.name)


def test_two_levels_of_nesting():
    middle, inner = nested_classifier(8)
    inputs = keras.Input((SIZE, SIZE, 3))
    model = keras.Model(inputs, keras.layers.Dense(2, name="head")(middle(inputs)))
    freeze(model)
    assert unfreeze(model, from_layer="tiny") == sum(KERNELS.values()) + 8 * 8 + 8
    keras_fit(model)
    assert held(inner) == [True, True]


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ({"last": 0}, "give 1 to 2"),
        ({"last": 3}, "has 2 layers"),
        ({"last": 1.5}, "whole number"),
        ({"last": True}, "whole number"),
        ({"from_layer": "conv9"}, "No layer 'conv9'"),
        ({"last": 1, "from_layer": "conv2"}, "at most one"),
    ],
)
def test_bad_arguments_of_unfreeze(which, message):
    model = flat()
    freeze(model)
    with pytest.raises(ValueError, match=message):
        unfreeze(model, **which)
    assert trainable_names(model) == ["head"]


def test_what_is_no_model_is_refused():
    for function in (freeze, unfreeze, randomise, named_layers):
        with pytest.raises(ValueError, match=r"keras\.Model or a Backbone is needed, not int"):
            function(3)


def test_a_compiled_model_does_not_train_the_old_weights_in_silence():
    model = flat()
    freeze(model)
    keras_fit(model)
    unfreeze(model)
    images, labels = blobs(8)
    with pytest.raises(ValueError, match="Unknown variable"):
        model.fit(images, labels, verbose=0)
    keras_fit(model)  # which compiles


def test_gradual_unfreezing_is_a_plan_from_the_deepest_group():
    model = flat()
    assert gradual_unfreezing(model, 2) == {1: "conv2", 2: "conv1"}
    assert gradual_unfreezing(model, 2, every=3, start=0) == {0: "conv2", 3: "conv1"}
    assert gradual_unfreezing(model, layer_groups(model, ["block1", "block2"]), every=2) == {2: "conv2", 4: "conv1"}
    with pytest.raises(ValueError, match=r"every=.*: give a whole number of epochs, 1 or more"):
        gradual_unfreezing(model, 2, every=0)
    with pytest.raises(ValueError, match="counted from 0"):
        gradual_unfreezing(model, 2, start=-1)


def test_gradual_unfreezing_leaves_out_groups_that_hold_only_batch_norm():
    model = flat()
    groups = {"a": ["conv1"], "b": ["bn1"], "c": ["conv2", "bn2"], "head": ["head"]}
    assert gradual_unfreezing(model, groups) == {1: "conv2", 2: "conv1"}


class TestRandomise:
    def test_all_but_the_head(self):
        model = flat()
        before = dict(zip([v.path for v in model.weights], model.get_weights(), strict=True))
        model.get_layer("bn1").moving_mean.assign(np.ones(6))
        assert randomise(model) == sum(KERNELS.values()) + 4 * 6 + 4 * 8
        after = dict(zip([v.path for v in model.weights], model.get_weights(), strict=True))
        differs = [path for path in after if np.any(after[path] != before[path])]
        assert [path.split("/")[0] for path in differs] == ["conv1", "conv2"]
        assert not model.get_layer("bn1").moving_mean.numpy().any()

    def test_follows_the_seed_and_the_initialiser(self):
        draws = []
        for seed in (0, 0, 1):
            model = flat()
            randomise(model, seed=seed)
            draws.append(model.get_layer("conv2").kernel.numpy())
        np.testing.assert_array_equal(draws[0], draws[1])
        assert np.abs(draws[0] - draws[2]).max() > 0.1
        he = np.sqrt(2 / (3 * 3 * 6))  # the layer's own HeNormal
        assert draws[0].std() == pytest.approx(he, rel=0.15)

    def test_more_layers_leave_the_draws_of_the_others(self):
        both, one = flat(), flat()
        randomise(both, layers=["conv1", "conv2"])
        randomise(one, layers="conv2")
        np.testing.assert_array_equal(both.get_layer("conv2").kernel, one.get_layer("conv2").kernel)
        assert np.abs(both.get_layer("conv1").kernel.numpy() - one.get_layer("conv1").kernel.numpy()).max() > 0

    def test_nested(self):
        model, base = nested_classifier()
        before = base.get_layer("conv1").kernel.numpy()
        randomise(model, layers=["conv1"])
        assert np.abs(base.get_layer("conv1").kernel.numpy() - before).max() > 0

    def test_leaves_the_global_random_state_alone(self):
        keras.utils.set_random_seed(3)
        expected = random.random(), float(keras.random.uniform(()))
        keras.utils.set_random_seed(3)
        randomise(flat())
        assert (random.random(), float(keras.random.uniform(()))) == expected

    def test_nothing_to_draw(self):
        for layers in ([], ["pool"]):
            with pytest.raises(ValueError, match="no weights to draw"):
                randomise(flat(), layers=layers)
