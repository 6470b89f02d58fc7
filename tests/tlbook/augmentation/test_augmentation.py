"""RandomGamma and the default augmentation, on TensorFlow and again on JAX."""

import keras
import numpy as np
import pytest

from tlbook.augmentation import RandomGamma, standard

BACKEND = keras.backend.backend()


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def gammas_of(before, after, white=255.0):
    """Recover each pixel's gamma from its values before and after."""
    return np.log(array(after) / white) / np.log(np.asarray(before, "float64") / white)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(20, 235, (6, 8, 8, 3)).astype("uint8")


def test_fixed_gamma_is_the_power_law(images):
    out = array(RandomGamma((2.0, 2.0))(images, training=True))
    np.testing.assert_allclose(out, 255 * (images / 255.0) ** 2, rtol=1e-5)


@pytest.mark.parametrize(
    ("value_range", "value", "expected"),
    [((0, 1), 0.25, 0.5), ((0, 255), 63.75, 127.5), ((-1, 1), -0.5, 0.0), ((10, 20), 12.5, 15.0)],
)
def test_value_range(value_range, value, expected):
    x = np.full((1, 2, 2, 3), value, "float32")
    out = array(RandomGamma((0.5, 0.5), value_range=value_range)(x, training=True))
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


def test_black_and_white_stay_and_outside_is_clipped():
    x = np.array([0.0, 1.0, -0.5, 1.5], "float32").reshape(1, 2, 2, 1)
    for seed in range(5):
        out = array(RandomGamma(3.0, value_range=(0, 1), seed=seed)(x, training=True))
        np.testing.assert_array_equal(out.ravel(), [0, 1, 0, 1])


def test_one_gamma_an_image_within_the_range(images):
    gammas = gammas_of(images, RandomGamma((0.5, 3.0), seed=1)(images, training=True))
    each = gammas.reshape(len(images), -1)
    assert (np.ptp(each, axis=1) < 1e-3).all()
    means = each.mean(axis=1)
    assert np.ptp(means) > 0.1
    assert (means > 0.5 - 1e-3).all()
    assert (means < 3.0 + 1e-3).all()


def test_gamma_is_uniform_on_a_logarithmic_scale():
    x = np.full((4000, 1, 1, 1), 0.5, "float32")
    out = RandomGamma(4.0, value_range=(0, 1), seed=2)(x, training=True)
    logs = np.log(gammas_of(x, out, 1.0).ravel()) / np.log(4.0)
    assert logs.min() == pytest.approx(-1, abs=0.01)
    assert logs.max() == pytest.approx(1, abs=0.01)
    # mean 0 and variance 1/3 of a uniform on -1 … 1, within 5 standard errors
    assert abs(logs.mean()) < 5 * np.sqrt(1 / 3 / 4000)
    assert abs(logs.var() - 1 / 3) < 5 * np.sqrt(4 / 45 / 4000)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64"])
def test_no_change_in_inference(images, dtype):
    x = images.astype(dtype)
    out = RandomGamma(4.0)(x)
    assert keras.backend.standardize_dtype(out.dtype) == "float32"
    np.testing.assert_array_equal(array(out), x)
    np.testing.assert_array_equal(array(RandomGamma(4.0)(x, training=False)), x)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_integers_and_floats_give_the_same(images, dtype):
    out = array(RandomGamma(2.0, seed=7)(images.astype(dtype), training=True))
    expected = array(RandomGamma(2.0, seed=7)(images.astype("float64"), training=True))
    np.testing.assert_allclose(out, expected, rtol=1e-6)


def test_a_single_image(images):
    out = array(RandomGamma(2.0, seed=3)(images[0], training=True))
    assert out.shape == images[0].shape
    assert np.ptp(gammas_of(images[0], out)) < 1e-3


def test_seeded_and_not_constant(images):
    first, second = (RandomGamma(2.0, seed=5) for _ in range(2))
    draws = [[array(layer(images, training=True)) for _ in range(2)] for layer in (first, second)]
    np.testing.assert_array_equal(draws[0][0], draws[1][0])
    np.testing.assert_array_equal(draws[0][1], draws[1][1])
    assert not np.allclose(draws[0][0], draws[0][1])
    other = array(RandomGamma(2.0, seed=6)(images, training=True))
    assert not np.allclose(draws[0][0], other)


def test_half_precision():
    layer = RandomGamma((2.0, 2.0), value_range=(0, 1), dtype="mixed_float16")
    out = layer(np.full((1, 2, 2, 3), 0.01, "float32"), training=True)
    assert keras.backend.standardize_dtype(out.dtype) == "float16"
    np.testing.assert_allclose(array(out), 1e-4, rtol=1e-2)


def test_configuration_round_trip():
    layer = RandomGamma((0.5, 3.0), value_range=(0, 1), seed=4, name="g")
    again = RandomGamma.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.factor, again.value_range, again.seed) == ((0.5, 3.0), (0.0, 1.0), 4)
    assert RandomGamma(2.0).factor == (0.5, 2.0)


@pytest.mark.parametrize("bad", [0.5, -1, 0, float("nan"), (0, 1), (2, 1), (1, 2, 3), (1, float("inf"))])
def test_bad_factors_are_refused(bad):
    with pytest.raises(ValueError, match=r"factor|gammas"):
        RandomGamma(bad)


@pytest.mark.parametrize("bad", [(1, 0), (0, 0), (0, float("inf")), (float("-inf"), 0)])
def test_bad_value_range_is_refused(bad):
    with pytest.raises(ValueError, match="value_range"):
        RandomGamma(2.0, value_range=bad)


def test_bad_shape_is_refused():
    with pytest.raises(ValueError, match="shape"):
        RandomGamma(2.0)(np.zeros((4, 4)), training=True)


def test_in_a_model_trained_saved_and_loaded(images, tmp_path):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            RandomGamma(2.0, seed=0),
            keras.layers.Rescaling(1 / 255),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(images, np.arange(6) % 2, epochs=2, batch_size=3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(
        loaded.predict(images, verbose=0), model.predict(images, verbose=0), rtol=1e-5, atol=1e-6
    )
    assert loaded.layers[0].factor == (0.5, 2.0)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="the layer's tf.data use is for TensorFlow")
def test_in_a_pipeline_every_epoch_differs_unless_cached(images):
    import tensorflow as tf

    layer = RandomGamma(2.0, seed=0)
    source = tf.data.Dataset.from_tensor_slices(images).batch(6)
    changed = source.map(lambda batch: layer(batch, training=True))
    first, second = (np.concatenate([batch.numpy() for batch in changed]) for _ in range(2))
    assert not np.allclose(first, second)
    cached = changed.cache()  # the trap: "random" images that are the same every epoch
    first, second = (np.concatenate([batch.numpy() for batch in cached]) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_standard_augmentation(images, tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype("float32")
    layers = standard(3)
    np.testing.assert_array_equal(array(layers(x, training=False)), x)
    out = array(layers(x, training=True))
    assert out.shape == x.shape
    assert out.min() >= 0
    assert out.max() <= 255
    assert (np.abs(out - x).mean(axis=(1, 2, 3)) > 1).all()
    np.testing.assert_array_equal(array(standard(3)(x, training=True)), out)
    assert not np.allclose(array(standard(4)(x, training=True)), out)
    seeds = [layer.seed for layer in layers.layers]
    assert len(set(seeds)) == len(seeds)
    model = keras.Sequential([keras.Input((32, 32, 3)), layers])
    model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(array(loaded(x, training=False)), x)


def test_standard_without_seed_and_with_another_range():
    x = np.random.default_rng(0).random((2, 16, 16, 3)).astype("float32")
    out = array(standard(value_range=(0.0, 1.0))(x, training=True))
    assert out.min() >= 0
    assert out.max() <= 1
    assert not np.allclose(out, x)
