"""What the figures of the chapter on looking inside show, read back from the figures."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from tlbook.evaluation import wilson
from tlbook.figures.looking_inside import feature_planes, heat_by_training, neighbour_rows, sanity_check
from tlbook.plotting import PALETTE


def pictures(n=2, size=8):
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def test_neighbours_of_another_class_are_marked():
    around = np.stack([pictures(3), pictures(3)])
    figure = neighbour_rows(pictures(), around, [0, 1], [[0, 1, 0], [1, 1, 1]], ("cat", "dog"))
    axes = np.array(figure.axes).reshape(2, 5)
    titles = [[a.get_title("center") for a in line] for line in axes]
    assert titles == [["cat", "", "cat", "× dog", "cat"], ["dog", "", "dog", "dog", "dog"]]
    assert to_hex(axes[0, 3].title.get_color()).upper() == PALETTE["vermilion"].upper()
    assert not axes[0, 1].images
    np.testing.assert_array_equal(axes[1, 2].images[0].get_array(), around[1, 0])


def test_neighbours_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="neighbours and labels"):
        neighbour_rows(pictures(), np.stack([pictures(3)]), [0, 1], [[0, 1, 0]], ("cat", "dog"))


def test_planes_have_a_panel_each_and_a_marker_for_each_class():
    points = np.arange(12.0).reshape(6, 2)
    labels = np.array([0, 1, 0, 1, 1, 1])
    figure = feature_planes({"before": points, "after": -points}, labels, ("cat", "dog"))
    left, right = figure.axes
    assert [a.get_title("left") for a in figure.axes] == ["before", "after"]
    cats, dogs = left.collections
    np.testing.assert_allclose(cats.get_offsets(), points[labels == 0])
    np.testing.assert_allclose(right.collections[1].get_offsets(), -points[labels == 1])
    assert cats.get_paths()[0].vertices.shape != dogs.get_paths()[0].vertices.shape
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["cat", "dog"]


@pytest.mark.parametrize(
    ("planes", "names", "message"),
    [
        ({}, ("cat", "dog"), "at least one map"),
        ({"a": np.ones((3, 2))}, ("cat", "dog"), "2 labels need"),
        ({"a": np.ones((2, 2))}, ("cat",), "no name"),
    ],
)
def test_planes_refuse(planes, names, message):
    with pytest.raises(ValueError, match=message):
        feature_planes(planes, [0, 1], names)


def test_the_sanity_check_draws_both_curves_and_chance():
    likeness = {"as trained": 1.0, "head": [0.2, 0.5, 0.3], "stage1": 0.0}
    shares = {"as trained": wilson(40, 100), "head": [0.3, 0.3, 0.2], "stage1": 0.25}
    left, right = sanity_check(likeness, shares, chance=0.26).axes
    line, bars = left.lines[0], left.collections[0]
    assert line.get_ydata().tolist() == [1.0, 0.3, 0.0]
    assert not bars.get_segments()[1].size  # seeds are dots, no bar
    assert [0.2, 0.5, 0.3] in [list(dots.get_ydata()) for dots in left.lines]
    low, high = right.collections[0].get_segments()[0][:, 1]
    assert low < 0.4 < high  # an estimate keeps its interval
    assert right.lines[0].get_ydata().tolist() == [0.4, 0.3, 0.25]
    assert 0.26 in [line.get_ydata()[0] for line in right.lines]
    assert [t.get_text() for t in right.get_xticklabels()] == ["as trained", "head", "stage1"]


def test_the_sanity_check_needs_the_same_steps():
    with pytest.raises(ValueError, match="same steps"):
        sanity_check({"head": 1.0}, {"stage1": 0.5}, chance=0.2)


def test_heat_by_training_has_a_dot_for_each_network_and_no_lines_between_rows():
    shares = {"Grad-CAM": {"released": [0.5, 0.6], "giveaway": [0.2, 0.3]}, "occlusion": {"released": [0.7]}}
    figure = heat_by_training(shares, chance=0.31)
    (axes,) = figure.axes
    dots = [line for line in axes.lines if line.get_marker() not in (None, "None", "")]
    assert [list(one.get_xdata()) for one in dots] == [[0.5, 0.6], [0.2, 0.3], [0.7]]
    assert {one.get_linestyle() for one in dots} == {"None"}
    assert [text.get_text() for text in axes.get_yticklabels()] == ["Grad-CAM", "occlusion"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["released", "giveaway"]
    assert 0.31 in [line.get_xdata()[0] for line in axes.lines]
    with pytest.raises(ValueError, match="at least one row"):
        heat_by_training({}, chance=0.3)
