"""What maps of a network show, read back from the figures."""

from __future__ import annotations

import numpy as np
import pytest

from tlbook.plotting import feature_maps, heat_maps


def pictures(n=2, size=8):
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def corner_heat(n=2, size=8):
    heat = np.zeros((n, size, size))
    heat[:, 1, 6] = [5] * n
    return heat


def panels(figure, rows, columns):
    return np.array(figure.axes[: rows * columns]).reshape(rows, columns)


def test_heat_is_bright_where_it_is_and_the_image_is_grey():
    x = pictures()
    axes = panels(heat_maps(x, {"map": corner_heat()}, ["cat", "dog"]), 2, 2)
    np.testing.assert_array_equal(axes[0, 1].images[0].get_array(), x[1])
    assert [a.get_title("center") for a in axes[0]] == ["cat", "dog"]
    assert axes[1, 0].get_title("left") == "map"
    drawn = np.asarray(axes[1, 0].images[0].get_array())
    brightness = drawn.sum(axis=2)
    assert np.unravel_index(brightness.argmax(), brightness.shape) == (1, 6)


def test_maps_are_drawn_relative_to_their_own_largest_value():
    x, heat = pictures(), np.random.default_rng(1).random((2, 8, 8))
    first, second = (panels(heat_maps(x, {"m": h}), 2, 2)[1, 0].images[0].get_array() for h in (heat, 9 * heat))
    np.testing.assert_allclose(first, second)


def test_a_map_without_heat_says_so_and_has_no_peak():
    heat = corner_heat()
    heat[1] = -1
    axes = panels(heat_maps(pictures(), {"map": heat}, peaks=True), 2, 2)
    assert [t.get_text() for t in axes[1, 1].texts] == ["no heat"] and not axes[1, 1].lines
    (x, y) = axes[1, 0].lines[0].get_data()
    assert (x[0], y[0]) == (6, 1) and not axes[1, 0].texts


def test_masks_are_outlined_and_full_or_empty_ones_need_no_line():
    masks = np.zeros((3, 8, 8), bool)
    masks[0, 2:5, 2:5] = True
    masks[1] = True
    axes = panels(heat_maps(pictures(3), {"map": corner_heat(3)}, masks=masks), 2, 3)
    assert [len(a.collections) for a in axes[1]] == [2, 0, 0]
    edge = np.concatenate([p.vertices for p in axes[1, 0].collections[0].get_paths()])
    assert edge.min() == pytest.approx(1.5) and edge.max() == pytest.approx(4.5)


def test_grey_images_will_do():
    heat_maps(pictures()[..., 0], {"map": corner_heat()})


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ({}, {}, "at least one row"),
        ({"map": corner_heat(3)}, {}, r"map has shape \(3, 8, 8\)"),
        ({"map": corner_heat()}, {"masks": np.zeros((2, 4, 4), bool)}, "masks has shape"),
        ({"map": corner_heat()}, {"labels": ["cat"]}, "1 labels"),
    ],
)
def test_heat_maps_refuse(rows, options, message):
    with pytest.raises(ValueError, match=message):
        heat_maps(pictures(), rows, **options)


def test_feature_maps_are_in_order_of_channel_or_of_strength():
    image = np.random.default_rng(0).random((6, 6))
    maps = np.stack([image * k for k in (1, 3, 2)], axis=-1)
    picture = np.zeros((6, 6, 3), dtype=np.uint8)
    axes = feature_maps({"one": maps, "two": maps[::2, ::2, :1]}, picture=picture, columns=2).axes
    assert len(axes) == 5
    assert axes[1].get_title(loc="left") == "one  (6 × 6 × 3)"
    np.testing.assert_array_equal(axes[2].images[0].get_array(), maps[..., 1])
    assert axes[1].images[0].get_clim() == axes[2].images[0].get_clim()
    axes = feature_maps({"one": maps - 0.5}, columns=2, strongest=True).axes
    np.testing.assert_array_equal(axes[0].images[0].get_array(), maps[..., 1] - 0.5)
    low, high = axes[0].images[0].get_clim()
    assert low == -high


@pytest.mark.parametrize(
    ("rows", "message"), [({}, "nothing to draw"), ({"flat": np.ones((6, 6))}, "flat must have shape")]
)
def test_feature_maps_refuse(rows, message):
    with pytest.raises(ValueError, match=message):
        feature_maps(rows)
