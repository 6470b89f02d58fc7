"""RandomElastic, on TensorFlow and again on JAX; and what Keras' own layer does, so that it is noticed when that changes."""

import keras
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from tlbook.augmentation import RandomElastic
from tlbook.augmentation.elastic import _read

BACKEND = keras.backend.backend()


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return np.kron(rng.uniform(0, 255, (5, 6, 8, 3)), np.ones((1, 4, 4, 1))).astype("float32")


def test_reading_between_pixels_is_that_of_scipy(images):
    rng = np.random.default_rng(1)
    rows, columns = rng.uniform(-3, 27, images.shape[:3]), rng.uniform(-3, 35, images.shape[:3])
    out = array(_read(images, rows.astype("float32"), columns.astype("float32")))
    for i in range(len(images)):
        for c in range(3):
            expected = map_coordinates(images[i, ..., c], [rows[i], columns[i]], order=1, mode="nearest")
            np.testing.assert_allclose(out[i, ..., c], expected, atol=0.02)


def test_displacements_have_the_size_asked_for():
    # Read at its own coordinates, an image of coordinates shows where each pixel came from.
    n, side = 60, 40
    where = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1)
    images = np.broadcast_to(where[None], (n, side, side, 2)).astype("float32")
    moved = array(RandomElastic((0.02, 0.02), grid=4, seed=0)(images, training=True)) - images
    inside = moved[:, 8:-8, 8:-8]
    # Between the points of the grid the interpolated displacements are smaller than at them.
    assert 0.6 * 0.8 < inside.std() < 1.1 * 0.8
    steps = np.diff(inside[..., 0], axis=1).min()
    assert steps > -1  # nothing is folded: what lay below is not read from above


def test_every_image_is_bent_in_its_own_way_and_keeps_its_content(images):
    layer = RandomElastic((0.05, 0.05), seed=0)
    same = np.repeat(images[:1], 4, axis=0)
    out = array(layer(same, training=True))
    assert all(np.abs(out[i] - out[0]).mean() > 1 for i in range(1, 4))
    out = array(layer(images, training=True))
    far = np.abs(out[:, None] - images[None]).mean(axis=(2, 3, 4))
    assert (far.argmin(axis=1) == np.arange(len(images))).all()


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.function is TensorFlow's")
def test_a_batch_of_unknown_size_keeps_its_images_where_keras_own_layer_loses_them(images):
    import tensorflow as tf

    def nearest(layer):
        call = tf.function(
            lambda x: layer(x, training=True), input_signature=[tf.TensorSpec((None, *images.shape[1:]), tf.float32)]
        )
        out = call(images).numpy()
        return np.abs(out[:, None] - images[None]).mean(axis=(2, 3, 4)).argmin(axis=1).tolist()

    assert nearest(RandomElastic((0.03, 0.03), seed=0)) == [0, 1, 2, 3, 4]
    # Keras 3.15: every image has become the first one. If this fails, Keras has mended it, and the
    # catalogue can go back to keras.layers.RandomElasticTransform.
    assert nearest(keras.layers.RandomElasticTransform((1.0, 1.0), (0.3, 0.3), seed=0)) == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_no_change_in_inference_nor_at_strength_zero(images, dtype):
    x = images.astype(dtype)
    np.testing.assert_array_equal(array(RandomElastic(0.1)(x)), x)
    np.testing.assert_array_equal(array(RandomElastic(0.0)(x, training=True)), x)


def test_seeded_serialisable_and_trained_in_a_model(images, tmp_path):
    first, second = (array(RandomElastic(0.1, seed=3)(images, training=True)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    layer = RandomElastic((0.01, 0.1), grid=3, seed=4)
    assert RandomElastic.from_config(layer.get_config()).get_config() == layer.get_config()
    model = keras.Sequential(
        [keras.Input(images.shape[1:]), layer, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(images / 255, np.arange(5) % 2, epochs=2, batch_size=3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(images, verbose=0), model.predict(images, verbose=0), rtol=1e-5)


@pytest.mark.parametrize("bad", [-0.1, 1.0, (0.2, 0.1), float("nan")])
def test_bad_factors_are_refused(bad):
    with pytest.raises(ValueError, match="factor must be a share"):
        RandomElastic(bad)


@pytest.mark.parametrize("bad", [1, 2.5, True])
def test_bad_grids_are_refused(bad):
    with pytest.raises(ValueError, match="grid="):
        RandomElastic(0.1, grid=bad)


def test_bad_shape_is_refused():
    with pytest.raises(ValueError, match="images must have shape"):
        RandomElastic(0.1)(np.zeros((4, 4, 3)), training=True)
