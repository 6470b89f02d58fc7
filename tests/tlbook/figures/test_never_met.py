"""What the figures of what a model has never met show, read back from the figures."""

from __future__ import annotations

import numpy as np
import pytest

from tlbook.evaluation import Estimate
from tlbook.figures.never_met import areas_by_group, score_histograms

SETS = {"known": np.linspace(0.5, 1, 60), "unknown": np.linspace(0, 0.6, 40)}


def test_each_score_has_a_panel_with_its_sets_and_its_threshold():
    figure = score_histograms({"softmax": (SETS, 0.7), "distance": (SETS, 0.55)}, bins=10)
    softmax, distance = figure.axes
    assert [axes.get_title(loc="left") for axes in (softmax, distance)] == ["softmax", "distance"]
    assert [axes.lines[0].get_xdata()[0] for axes in (softmax, distance)] == [0.7, 0.55]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["known", "unknown", "threshold"]
    for patch in softmax.patches:  # the outline of a histogram: each set has an area of 1
        x, y = patch.get_xy()[:, 0], patch.get_xy()[:, 1]
        area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
        assert area == pytest.approx(1)


def test_groups_stand_in_the_order_of_the_first_score():
    softmax = {"wolf": Estimate(0.5, 0.4, 0.6, 9), "owl": Estimate(0.3, 0.2, 0.4, 9)}
    means = {"owl": Estimate(0.8, 0.7, 0.9, 9), "wolf": Estimate(0.7, 0.6, 0.8, 9)}
    figure = areas_by_group({"softmax": softmax, "class means": means}, xlabel="area")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["owl", "wolf"]
    drawn = {line.get_label(): list(line.get_xdata()) for line in axes.lines[:2]}
    assert drawn == {"softmax": [0.3, 0.5], "class means": [0.8, 0.7]}
    segments = [[tuple(end[0] for end in one) for one in lines.get_segments()] for lines in axes.collections]
    assert segments == [[(0.2, 0.4), (0.4, 0.6)], [(0.7, 0.9), (0.6, 0.8)]]


def test_nothing_to_draw_is_refused():
    for bad, message in [
        (lambda: score_histograms({}), "score_histograms"),
        (lambda: score_histograms({"softmax": ({}, 0.5)}), "set of images"),
        (lambda: areas_by_group({"a": {}}, xlabel=""), "group"),
        (lambda: areas_by_group({"a": {"x": Estimate(0, 0, 1, 1)}, "b": {}}, xlabel=""), "'b' has groups"),
    ]:
        with pytest.raises(ValueError, match=message):
            bad()
