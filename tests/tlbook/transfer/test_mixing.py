"""Training with layers that mix labels, and with an L2 penalty."""

import numpy as np
import pytest

from tests.tlbook.transfer.nets import blobs, tiny_backbone
from tlbook.transfer import Recipe, attach_head, checkpoints, train
from tlbook.transfer.mixing import mixing_steps

import keras  # isort: skip

TRAIN, VALIDATION = blobs(12, seed=1), blobs(8, seed=2)


@keras.saving.register_keras_serializable(package="test")
class Blend(keras.layers.Layer):
    """0.7 of each image and 0.3 of the one that stands opposite in the batch."""

    mixes_labels = True

    def call(self, data, training=False):
        def blend(x):
            return 0.7 * x + 0.3 * keras.ops.flip(x, axis=0)

        return {key: blend(value) for key, value in data.items()}


def run(augmentation, model=None, data=TRAIN, checkpoint=None, **settings):
    model = model or attach_head(tiny_backbone(), 2, frozen=False, seed=3)
    recipe = Recipe(**{"epochs": 2, "learning_rate": 0.01, "batch_size": 8, "augmentation": augmentation} | settings)
    return model, train(model, data, VALIDATION, recipe, checkpoint=checkpoint, progress=False)


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


def test_the_loss_is_the_cross_entropy_with_the_mixed_labels():
    images, labels = TRAIN
    frozen = {"epochs": 1, "learning_rate": 1e-12, "optimizer": "sgd", "batch_size": len(labels)}
    model = attach_head(tiny_backbone(batch_norm=False), 2, seed=3)
    # the order of the epoch, as epoch_order gives it
    order = np.random.default_rng([0, 0]).permutation(len(labels))
    x, target = images[order].astype("float64"), np.eye(2)[labels[order]]
    x, target = 0.7 * x + 0.3 * x[::-1], 0.7 * target + 0.3 * target[::-1]
    logits = model.predict(x.astype("float32"), verbose=0).astype("float64")
    logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    for smoothing in (0.0, 0.2):
        soft = target * (1 - smoothing) + smoothing / 2
        _, history = run(Blend(), model, label_smoothing=smoothing, **frozen)
        assert history.objective[0] == pytest.approx(-(soft * logp).sum(axis=1).mean(), rel=1e-4)
    heaviest = target.argmax(axis=1)
    assert history.train_loss[0] == pytest.approx(-logp[np.arange(len(x)), heaviest].mean(), rel=1e-4)
    assert history.train_accuracy[0] == pytest.approx((logits.argmax(axis=1) == heaviest).mean(), rel=1e-4)


def test_validation_is_not_mixed():
    still = {"epochs": 1, "learning_rate": 1e-12, "optimizer": "sgd"}
    model = attach_head(tiny_backbone(batch_norm=False), 2, seed=3)
    _, mixed = run(Blend(), model, **still)
    _, plain = run(None, attach_head(tiny_backbone(batch_norm=False), 2, seed=3), **still)
    assert mixed.validation_loss[0] == pytest.approx(plain.validation_loss[0], rel=1e-5)
    assert mixed.validation_accuracy == plain.validation_accuracy


@pytest.mark.parametrize("layer", [keras.layers.MixUp(0.4), keras.layers.CutMix()])
def test_keras_layers_mix_and_follow_the_seed(layer):
    first, _ = run(layer, seed=5)
    again, _ = run(layer, seed=5)
    other, _ = run(layer, seed=6)
    plain, _ = run(None, seed=5)
    assert same(first, again)
    assert not same(first, other)
    assert not same(first, plain)


def test_mixed_labels_keep_the_network_from_being_sure():
    images, labels = blobs(16, seed=4, noise=20)
    half = keras.layers.MixUp(1.0)
    sure = {}
    for name, layer in {"mixed": half, "plain": None}.items():
        model, _ = run(layer, data=(images, labels), epochs=20, learning_rate=0.03)
        logits = model.predict(images, verbose=0)
        sure[name] = np.abs(logits[:, 0] - logits[:, 1]).mean()
    assert sure["mixed"] < sure["plain"]


def test_in_a_sequential_with_other_layers_at_any_depth():
    inner = keras.Sequential([keras.layers.RandomBrightness(0.2), keras.layers.MixUp(0.4)])
    outer = keras.Sequential([keras.layers.RandomFlip("horizontal"), inner, keras.layers.GaussianNoise(0.1)])
    kinds = [type(step).__name__ for step in mixing_steps(outer)]
    assert kinds == ["RandomFlip", "RandomBrightness", "MixUp", "GaussianNoise"]
    first, _ = run(outer, seed=1)
    again, _ = run(outer, seed=1)
    assert same(first, again)
    assert mixing_steps(keras.Sequential([keras.layers.RandomFlip()])) == []
    assert mixing_steps(None) == []


def test_continued_it_ends_with_the_same_weights(tmp_path):
    class Stop(Exception):
        pass

    unbroken, _ = run(keras.layers.MixUp(0.4), epochs=4)
    path = tmp_path / "run.ckpt"

    write, count = checkpoints.write, []

    def written(*arguments):
        write(*arguments)
        count.append(arguments)
        if len(count) == 2:
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "write", written)
        with pytest.raises(Stop):
            run(keras.layers.MixUp(0.4), epochs=4, checkpoint=path)
    continued, history = run(keras.layers.MixUp(0.4), epochs=4, checkpoint=path)
    assert history.epochs == 4
    assert same(continued, unbroken)


def test_l2_is_half_the_squared_kernels_times_its_strength():
    still = {"epochs": 1, "learning_rate": 1e-12, "optimizer": "sgd"}
    model, plain = run(None, attach_head(tiny_backbone(), 2, seed=3), **still)
    _, penalised = run(None, attach_head(tiny_backbone(), 2, seed=3), l2=0.3, **still)
    kernel = model.get_layer("head").get_weights()[0]  # the backbone is frozen
    assert penalised.objective[0] - plain.objective[0] == pytest.approx(0.15 * (kernel**2).sum(), rel=1e-3)
    assert penalised.train_loss == plain.train_loss


def test_l2_shrinks_kernels_and_spares_biases():
    weak, _ = run(None, optimizer="sgd", learning_rate=0.05, epochs=6)
    strong, _ = run(None, optimizer="sgd", learning_rate=0.05, epochs=6, l2=2.0)
    for layer in ("conv2", "head"):
        small, large = (np.linalg.norm(m.get_layer(layer).get_weights()[0]) for m in (strong, weak))
        assert small < 0.7 * large
    assert np.linalg.norm(strong.get_layer("bn2").get_weights()[0]) > 0.9 * np.sqrt(8)


@pytest.mark.parametrize("bad", [-1e-3, float("inf"), float("nan")])
def test_a_negative_l2_is_refused(bad):
    with pytest.raises(ValueError, match="l2="):
        run(None, l2=bad)


@pytest.mark.parametrize("layer", [keras.layers.MixUp, keras.layers.CutMix])
def test_keras_mixes_images_alone_without_a_word(layer):
    """The trap that the chapter shows: no labels are asked for, and the images are mixed all the same."""
    images = TRAIN[0].astype("float32")
    labels = np.eye(2, dtype="float32")[TRAIN[1]]
    alone = np.array(layer(seed=3)(images, training=True))
    both = layer(seed=3)({"images": images, "labels": labels}, training=True)
    np.testing.assert_array_equal(alone, np.array(both["images"]))
    assert np.abs(alone - images).mean() > 1
    assert (np.array(both["labels"]).max(axis=1) < 0.95).any()
