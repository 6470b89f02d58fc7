"""The catalogue of augmentations, and views of images."""

import keras
import numpy as np
import pytest

from tlbook import augmentation
from tlbook.augmentation import CATALOGUE, RandomGamma, combined, make, standard, views

SIZE = 32


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.fixture(scope="module")
def images():
    """Smooth images of medium brightness, so that every kind of change can be seen."""
    rng = np.random.default_rng(0)
    small = rng.uniform(70, 180, (6, 4, 4, 3))
    return np.kron(small, np.ones((1, 8, 8, 1))).astype("float32") + rng.uniform(-5, 5, (6, SIZE, SIZE, 3)).astype(
        "float32"
    )


def changed(layer, images, seed_labels=2):
    labels = np.eye(seed_labels, dtype="float32")[np.arange(len(images)) % seed_labels]
    if isinstance(layer, (keras.layers.MixUp, keras.layers.CutMix)):
        return array(layer({"images": images, "labels": labels}, training=True)["images"])
    return array(layer(images, training=True))


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_entry_changes_images_and_keeps_shape_and_range(name, images):
    for strength in CATALOGUE[name].strengths:
        for exactly in (False, True):
            out = changed(make(name, strength, size=SIZE, seed=1, exactly=exactly), images)
            assert out.shape == images.shape
            assert out.min() >= -1e-3
            assert out.max() <= 255 + 1e-3
    assert np.abs(out - images).mean() > 1


@pytest.mark.parametrize("name", [n for n, e in CATALOGUE.items() if not e.mixes_labels])
def test_every_entry_is_seeded_and_does_nothing_in_inference(name, images):
    first, second = (changed(make(name, size=SIZE, seed=3), images) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    if name != "cropping":  # Keras' RandomCrop crops the middle in inference
        np.testing.assert_allclose(array(make(name, size=SIZE, seed=3)(images, training=False)), images, atol=1e-3)


@pytest.mark.parametrize(
    "name", ["rotation", "translation", "scaling", "elastic", "brightness", "gamma", "noise", "blur", "erasing"]
)
def test_a_greater_strength_changes_more(name, images):
    far = [
        np.abs(changed(make(name, s, size=SIZE, seed=0, exactly=True), images) - images).mean()
        for s in CATALOGUE[name].strengths
    ]
    assert far[0] < far[2]


def test_contrast_and_brightness_go_both_ways():
    gradient = np.tile(np.linspace(60, 190, SIZE, dtype="float32")[None, :, None, None], (200, 1, SIZE, 3))
    spread = (
        array(make("contrast", 0.3, size=SIZE, seed=0)(gradient, training=True)).std(axis=(1, 2, 3)) / gradient.std()
    )
    assert spread.min() == pytest.approx(0.7, abs=0.03)
    assert spread.max() == pytest.approx(1.3, abs=0.03)
    mean = (
        array(make("brightness", 0.2, size=SIZE, seed=0)(gradient, training=True)).mean(axis=(1, 2, 3))
        - gradient.mean()
    )
    assert mean.min() == pytest.approx(-51, abs=3)
    assert mean.max() == pytest.approx(51, abs=3)


def test_one_number_for_keras_contrast_never_lowers_it():
    """Why the catalogue and standard() give Keras two numbers; if this fails, one will do again."""
    assert keras.layers.RandomContrast(0.2).factor[0] == 0
    (layer,) = [layer for layer in standard(0).layers if isinstance(layer, keras.layers.RandomContrast)]
    assert tuple(layer.factor) == (0.2, 0.2)


def test_blur_of_more_than_a_pixel_can_be_saved():
    layer = make("blur", 0.1, size=SIZE, seed=0)
    again = type(layer).from_config(layer.get_config())
    assert tuple(again.sigma) == tuple(layer.sigma)
    assert layer.sigma[1] == pytest.approx(3.2)


def test_combined_gives_each_layer_a_seed_of_its_own(images):
    both = combined(["gamma", "rotation", "noise"], 1, size=SIZE, seed=4)
    assert len(both.layers) == 3
    assert isinstance(both.layers[0], RandomGamma)
    assert both.layers[0].seed != both.layers[1].seed
    assert np.abs(array(both(images, training=True)) - images).mean() > 1
    assert combined(["gamma"], size=SIZE).layers[0].seed is None


def test_what_cannot_be_made_is_refused():
    with pytest.raises(ValueError, match="name='flop': give 'flip', "):
        make("flop", size=SIZE)
    for bad in (0, -0.1, float("nan")):
        with pytest.raises(ValueError, match=r"strength=.*: give a number above 0\."):
            make("rotation", bad, size=SIZE)


def test_views_depend_on_the_seed_alone(images):
    layers = standard(7)
    first = views(images, layers, 3, seed=1)
    assert first.shape == (3, *images.shape)
    assert first.dtype == np.uint8
    layers(images, training=True)  # draws in between do not matter
    np.testing.assert_array_equal(views(images, layers, 3, seed=1), first)
    np.testing.assert_array_equal(views(images, standard(8), 3, seed=1), first)
    assert (views(images, layers, 3, seed=2) != first).any()
    assert (first[0] != first[1]).any()
    np.testing.assert_array_equal(views(images, layers, 2, seed=1), first[:2])


def test_views_of_many_batches(images):
    many = np.concatenate([images] * 3)
    out = views(many, keras.layers.RandomBrightness(0.3), 2, seed=0, batch_size=4)
    assert out.shape == (2, 18, SIZE, SIZE, 3)
    means = out.mean(axis=(2, 3, 4))
    assert np.unique(means.round(2)).size > 30


def test_views_of_a_layer_that_changes_nothing_are_the_images(images):
    whole = images.astype(np.uint8)
    np.testing.assert_array_equal(views(whole, keras.layers.RandomRotation(0.0), 2), np.stack([whole, whole]))


def test_views_are_cut_and_rounded():
    bright = np.full((2, 4, 4, 3), 250.0)
    out = views(bright, keras.layers.Rescaling(1.0, offset=9.7), 1)
    assert (out == 255).all()
    assert (views(bright, keras.layers.Rescaling(1.0, offset=0.6), 1) == 251).all()


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((np.zeros((4, 4, 3)), keras.layers.RandomFlip(), 1), "shape"),
        ((np.zeros((0, 4, 4, 3)), keras.layers.RandomFlip(), 1), "shape"),
        ((np.zeros((2, 4, 4, 3)), keras.layers.RandomFlip(), 0), "k=0"),
        ((np.zeros((2, 4, 4, 3)), keras.layers.RandomFlip(), True), "k=True"),
        ((np.zeros((2, 4, 4, 3)), keras.Sequential([keras.layers.MixUp()]), 1), "MixUp mixes"),
        ((np.zeros((2, 4, 4, 3)), keras.layers.RandomCrop(2, 2), 1), "change the shape"),
    ],
)
def test_views_refuse_what_makes_no_sense(arguments, match):
    with pytest.raises(ValueError, match=match):
        augmentation.views(*arguments)
