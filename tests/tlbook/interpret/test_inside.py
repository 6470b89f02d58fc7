"""Filters, feature maps, occlusion and neighbours, each against what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tlbook.transfer.nets import SIZE, nested_classifier, tiny_backbone
from tlbook import backbones, interpret, transfer

import keras  # isort: skip


def images(n=4, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)


# ---- filters ----


def test_filters_keep_their_colours_and_grey_is_zero():
    model = tiny_backbone()
    kernel = model.get_layer("conv1").get_weights()[0]
    kernel[..., 2] = 0
    model.get_layer("conv1").set_weights([kernel])
    shown = interpret.filters(model)
    assert (shown.shape, shown.dtype) == ((6, 3, 3, 3), np.float32)
    for k in range(6):
        top = np.abs(kernel[..., k]).max()
        np.testing.assert_allclose(shown[k], 0.5 if k == 2 else 0.5 + kernel[..., k] / top / 2, atol=1e-6)
    np.testing.assert_allclose(np.abs(np.delete(shown, 2, axis=0) - 0.5).max(axis=(1, 2, 3)), 0.5, atol=1e-6)


def test_filters_of_a_nested_model_and_of_a_backbone():
    nested, base = nested_classifier()
    np.testing.assert_array_equal(interpret.filters(nested), interpret.filters(base))
    sketchnet = backbones.load("sketchnet")
    assert interpret.filters(sketchnet).shape == (24, 3, 3, 3)


@pytest.mark.parametrize(
    ("layer", "message"),
    [("conv2", "read 6 feature maps"), ("bn1", "not a Conv2D"), ("nothing", "nothing"), ("pool", "no feature maps")],
)
def test_filters_that_are_no_pictures_are_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        interpret.filters(tiny_backbone(), layer)


def test_a_model_without_convolution_has_no_filters():
    with pytest.raises(ValueError, match="no convolutional layer"):
        interpret.filters(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))


# ---- feature maps ----


def test_feature_maps_are_what_the_layers_give():
    nested, base = nested_classifier()
    x = images(5)
    found = interpret.feature_maps(nested, x, ["block1", "conv2", "block1"], batch_size=2)
    assert list(found) == ["block1", "conv2"]
    for name, maps in found.items():
        direct = keras.Model(base.inputs[0], base.get_layer(name).output)
        assert maps.dtype == np.float32
        np.testing.assert_allclose(maps, direct.predict(x, verbose=0), atol=1e-5)


@pytest.mark.parametrize(("layers", "message"), [([], "at least one"), ("none", "none"), (["pool"], "no feature maps")])
def test_feature_maps_of_no_layer_are_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        interpret.feature_maps(tiny_backbone(), images(), layers)


# ---- occlusion ----


def reader_of(rows, columns, weight=0.02):
    """Logits (0, weight × sum of red in one rectangle): what is to be found is known."""
    inputs = keras.Input((SIZE, SIZE, 3))
    red = keras.layers.Conv2D(1, 1, use_bias=False, name="red")
    places = keras.layers.Flatten()
    head = keras.layers.Dense(2, name="logits")
    model = keras.Model(inputs, head(places(red(inputs))))
    red.set_weights([np.array([1, 0, 0], np.float32).reshape(1, 1, 3, 1)])
    inside = np.zeros((SIZE, SIZE), np.float32)
    inside[rows, columns] = weight
    head.set_weights([np.stack([0 * inside.ravel(), inside.ravel()], axis=1), np.zeros(2, np.float32)])
    return model, inside


def test_occlusion_of_a_sum_is_worked_out_by_hand():
    """Log-odds of class 1 are the sum itself, so covering a pixel with black takes its term away."""
    model, weights = reader_of(slice(4, 8), slice(8, 12))
    x = images(2)
    terms = weights * x[..., 0]
    found = interpret.occlusion_sensitivity(model, x, 1, patch=4, stride=4, fill=0, progress=False)
    expected = terms.reshape(2, 4, 4, 4, 4).sum(axis=(2, 4)).repeat(4, axis=1).repeat(4, axis=2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-3)
    # for the other class everything is the other way round
    np.testing.assert_allclose(
        interpret.occlusion_sensitivity(model, x, 0, patch=4, stride=4, fill=0, progress=False), -expected, atol=1e-3
    )


def test_overlapping_patches_are_averaged_and_the_edge_is_reached():
    model, _ = reader_of(slice(0, SIZE), slice(0, SIZE), 0.001)
    x = np.full((1, SIZE, SIZE, 3), 100, np.uint8)
    found = interpret.occlusion_sensitivity(model, x, 1, patch=5, stride=3, fill=0, batch_size=7, progress=False)
    np.testing.assert_allclose(found, 25 * 100 * 0.001, rtol=1e-4)  # every patch costs the same


def test_a_patch_of_the_images_own_colour_changes_nothing():
    model, _ = reader_of(slice(0, 9), slice(0, 9))
    x = np.full((2, SIZE, SIZE, 3), 77, np.uint8)
    for fill in ("mean", 77, (77, 0, 0)):
        found = interpret.occlusion_sensitivity(model, x, 1, patch=4, stride=2, fill=fill, progress=False)
        np.testing.assert_allclose(found, 0, atol=1e-3)


def test_by_default_the_predicted_class_is_watched_and_probabilities_stay_below_one():
    model, _ = reader_of(slice(0, 4), slice(0, 4), 0.0005)
    x = images(3)
    options = {"patch": 4, "stride": 4, "fill": 0, "progress": False}
    np.testing.assert_array_equal(
        interpret.occlusion_sensitivity(model, x, **options), interpret.occlusion_sensitivity(model, x, 1, **options)
    )
    falls = interpret.occlusion_sensitivity(model, x, score="probability", **options)
    z = 0.0005 * x[:, :4, :4, 0].sum(axis=(1, 2))
    np.testing.assert_allclose(falls[:, 0, 0], 1 / (1 + np.exp(-z)) - 0.5, atol=1e-4)


def test_log_odds_of_several_classes():
    logits = np.array([[1.0, 2.0, 3.0]])
    p = np.exp(logits[0]) / np.exp(logits[0]).sum()
    found = interpret.occlusion.class_score(logits, np.array([1]))
    np.testing.assert_allclose(found, np.log(p[1] / (1 - p[1])))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch": 17}, "stride ≤ patch ≤ side"),
        ({"patch": 4, "stride": 5}, "stride ≤ patch"),
        ({"stride": 0}, "stride=0"),
        ({"patch": 2.5}, "patch=2.5"),
        ({"fill": "blur"}, "fill is 'mean'"),
        ({"fill": 300}, "fill is 'mean'"),
        ({"fill": (1, 2)}, "fill is 'mean'"),
        ({"score": "logit"}, "'log_odds' or 'probability'"),
        ({"class_index": 7}, "classes 0 to 1"),
    ],
)
def test_occlusion_refuses(options, message):
    model, _ = reader_of(slice(0, 4), slice(0, 4))
    with pytest.raises(ValueError, match=message):
        interpret.occlusion_sensitivity(model, images(1), progress=False, **({"patch": 8, "stride": 4} | options))


# ---- neighbours ----


def test_neighbours_by_angle():
    rows = np.array([[1.0, 0.0], [10.0, 1.0], [0.0, 2.0], [-1.0, 0.0]])
    indices, distances = interpret.nearest_neighbours(rows, np.array([[3.0, 0.0]]), 3)
    assert indices.tolist() == [[0, 1, 2]] and indices.dtype == np.int64
    np.testing.assert_allclose(distances, [[0, 1 - 10 / np.sqrt(101), 1]], atol=1e-9)


def test_neighbours_by_distance_differ_where_lengths_do():
    rows = np.array([[1.0, 0.0], [9.0, 1.0]])
    query = np.array([[8.0, 0.0]])
    assert interpret.nearest_neighbours(rows, query, 1)[0].tolist() == [[0]]
    indices, distances = interpret.nearest_neighbours(rows, query, 1, metric="euclidean")
    assert indices.tolist() == [[1]]
    np.testing.assert_allclose(distances, [[np.sqrt(2)]])


@pytest.mark.parametrize(
    ("features", "query", "options", "message"),
    [
        (np.ones((3, 2)), np.ones((1, 3)), {}, "2 columns and query 3"),
        (np.ones((3, 2)), np.ones((1, 2)), {"k": 4}, "from 1 to 3"),
        (np.ones((3, 2)), np.ones((1, 2)), {"k": 0}, "from 1 to 3"),
        (np.ones((3, 2)), np.ones((1, 2)), {"k": 1, "metric": "angle"}, "'cosine' or 'euclidean'"),
        (np.ones(3), np.ones((1, 3)), {}, r"\(n, d\)"),
        (np.full((3, 2), np.nan), np.ones((1, 2)), {}, "NaN"),
    ],
)
def test_neighbours_refuse(features, query, options, message):
    with pytest.raises(ValueError, match=message):
        interpret.nearest_neighbours(features, query, **options)


# ---- maps ----


def two_clouds(n=40, d=6):
    rng = np.random.default_rng(3)
    labels = np.arange(n) % 2
    return rng.normal(0, 1, (n, d)) + 8 * labels[:, None], labels


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_a_map_keeps_clouds_apart_and_repeats_itself(method):
    rows, labels = two_clouds()
    first = interpret.embed(rows, method, perplexity=10, seed=1)
    assert (first.shape, first.dtype) == ((len(rows), 2), np.float32)
    np.testing.assert_array_equal(first, interpret.embed(rows, method, perplexity=10, seed=1))
    indices, _ = interpret.nearest_neighbours(first, first, 2, metric="euclidean")
    assert (labels[indices[:, 1]] == labels).all()


def test_standardising_makes_scales_irrelevant():
    rows, _ = two_clouds()
    scaled = rows * np.array([1, 10, 100, 1, 1, 1])
    np.testing.assert_allclose(np.abs(interpret.embed(rows)), np.abs(interpret.embed(scaled)), atol=1e-4)
    raw = interpret.embed(scaled, standardise=False)
    assert np.abs(np.corrcoef(raw[:, 0], scaled[:, 2])[0, 1]) > 0.999


@pytest.mark.parametrize(
    ("rows", "method", "options", "message"),
    [
        (np.ones((2, 3)), "pca", {}, "n ≥ 3"),
        (np.ones((5, 1)), "pca", {}, "one column"),
        (np.ones((5, 3)), "umap", {}, "'pca' or 'tsne'"),
        (np.eye(5), "tsne", {"perplexity": 5}, r"in \(0, 5\), which ends at the number of rows"),
    ],
)
def test_embed_refuses(rows, method, options, message):
    with pytest.raises(ValueError, match=message):
        interpret.embed(rows, method, **options)


def test_one_column_can_be_laid_out_by_neighbours():
    assert interpret.embed(np.arange(8.0)[:, None], "tsne", perplexity=2).shape == (8, 2)


def test_what_has_no_head_is_refused_by_occlusion():
    with pytest.raises(ValueError, match="attach_head"):
        interpret.occlusion_sensitivity(
            transfer.attach_head(tiny_backbone(), 2).layers and tiny_backbone(pooled=False), images(1), progress=False
        )
