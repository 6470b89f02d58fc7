"""Training in half precision: what computes in it, and that a float32 model comes out."""

import numpy as np
import pytest

from tests.tlbook.transfer.nets import blobs, logits_of, tiny_backbone
from tlbook.transfer import Recipe, attach_head, callbacks, copies, named_layers, train, unfreeze

import keras  # isort: skip


def images(n, seed=0):
    return blobs(n, 2, seed=seed)


@pytest.mark.parametrize("nested", [False, True])
def test_layers_below_the_head_compute_in_half_precision(nested):
    model = attach_head(tiny_backbone(), 2)
    if nested:
        inputs = keras.Input((16, 16, 3))
        model = keras.Model(inputs, keras.layers.Dense(2, name="head")(tiny_backbone()(inputs)))
    model.get_layer("head").kernel.regularizer = penalty = keras.regularizers.L2(0.1)
    before = model.get_weights()
    with copies.trained_copy(model, "mixed_bfloat16", 1) as copy:
        kinds = {name.split("/")[-1]: layer.compute_dtype for name, layer in named_layers(copy).items()}
        assert kinds.pop("head") == "float32"
        assert set(kinds.values()) == {"bfloat16"}
        assert {keras.backend.standardize_dtype(weight.dtype) for weight in copy.weights} == {"float32"}
        assert keras.backend.standardize_dtype(copy(images(4)[0].astype("float32")).dtype) == "float32"
        assert copy.get_layer("head").kernel.regularizer is penalty
        copy.set_weights([weight + 1 for weight in before])
        copy.get_layer("head").trainable = False
    assert {layer.compute_dtype for layer in named_layers(model).values()} == {"float32"}
    assert not model.get_layer("head").trainable
    for weight, was in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, was + 1)


def test_half_precision_trains_and_leaves_a_float32_model(tmp_path):
    x, y = images(40)
    for policy in ("mixed_float16", "mixed_bfloat16"):
        model = attach_head(tiny_backbone(), 2)
        unfreeze(model)
        recipe = Recipe(epochs=4, learning_rate=0.01, dtype_policy=policy)
        history = train(model, (x, y), images(40, seed=1), recipe, progress=False)
        assert history.train_loss[-1] < 0.9 * history.train_loss[0]
        assert keras.config.dtype_policy().name == "float32"
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        assert {layer.compute_dtype for layer in named_layers(again).values()} == {"float32"}
        np.testing.assert_array_equal(logits_of(again, x), logits_of(model, x))


def test_half_precision_ends_near_full_precision():
    ends = {}
    for policy in ("float32", "mixed_float16", "mixed_bfloat16"):
        model = attach_head(tiny_backbone(), 2, seed=1)
        unfreeze(model)
        recipe = Recipe(epochs=3, learning_rate=0.01, optimizer="sgd", dtype_policy=policy)
        train(model, images(64), images(40, seed=1), recipe, progress=False)
        ends[policy] = logits_of(model, images(40)[0])
    spread = np.abs(ends["float32"]).max()
    assert 0 < np.abs(ends["mixed_float16"] - ends["float32"]).max() < 0.02 * spread
    assert 0 < np.abs(ends["mixed_bfloat16"] - ends["float32"]).max() < 0.1 * spread


def test_only_float16_has_its_loss_scaled(monkeypatch):
    used = []
    monkeypatch.setattr(
        keras.optimizers,
        "LossScaleOptimizer",
        lambda inner, real=keras.optimizers.LossScaleOptimizer: used.append(inner) or real(inner),
    )
    for policy, count in (("float32", 0), ("mixed_bfloat16", 0), ("mixed_float16", 1)):
        recipe = Recipe(epochs=1, dtype_policy=policy, schedule="cosine")
        history = train(attach_head(tiny_backbone(), 2), images(8), images(8), recipe, progress=False)
        assert len(used) == count
        assert history.learning_rate == pytest.approx([1e-3])


def test_an_interrupted_run_in_half_precision_goes_on(tmp_path, monkeypatch):
    recipe = Recipe(epochs=4, learning_rate=0.01, dtype_policy="mixed_float16")

    def run(checkpoint, fails=None):
        model = attach_head(tiny_backbone(), 2, seed=1)
        unfreeze(model)
        if fails is not None:
            original = callbacks.Record.on_epoch_begin

            def broken(self, epoch, logs=None):
                if epoch == fails:
                    raise KeyboardInterrupt
                original(self, epoch, logs)

            with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
                patch.setattr(callbacks.Record, "on_epoch_begin", broken)
                train(model, images(40), images(20), recipe, checkpoint=checkpoint, progress=False)
        train(model, images(40), images(20), recipe, checkpoint=checkpoint, progress=False)
        return model.get_weights()

    for one, other in zip(run(None), run(tmp_path / "run.npz", fails=2), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
