"""Figures of the chapter Compare: what they draw is what they were given."""

import numpy as np
import pytest

from tlbook.evaluation import mcnemar
from tlbook.figures import compare as figures


def test_two_by_two_writes_each_count_and_shows_the_pictures():
    pictures = {(0, 1): [np.zeros((8, 8, 3), np.uint8)] * 2, (1, 0): []}
    figure = figures.two_by_two([[929, 38], [5, 28]], pictures, ("tuned", "probe"))
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["929", "38", "5", "28"]
    assert len(axes.child_axes) == 2
    assert [label.get_text() for label in axes.get_xticklabels()] == ["probe right", "probe wrong"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["tuned right", "tuned wrong"]
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        figures.two_by_two([1, 2], {}, ("a", "b"))


def test_differences_draw_each_interval_over_the_margin():
    labels = np.zeros(100, int)
    test = mcnemar(labels, labels, (np.arange(100) < 9).astype(int), names=("tuned", "probe"))
    figure = figures.differences({"sketches": test, "photos": test}, margin=0.01)
    (axes,) = figure.axes
    (margin,) = axes.patches
    assert margin.get_extents().width > 0
    assert [label.get_text() for label in axes.get_yticklabels()] == ["sketches", "photos"]
    assert [float(bars.lines[0].get_xdata()[0]) for bars in axes.containers] == [0.09, 0.09]
    assert "tuned minus probe" in axes.get_xlabel()
    with pytest.raises(ValueError, match="at least one comparison"):
        figures.differences({}, margin=0.01)
    with pytest.raises(ValueError, match="margin"):
        figures.differences({"a": test}, margin=2)


def test_winners_curse_stacks_the_significant_on_the_rest():
    observed, significant = np.array([0, 0, 1, 2, 2, 3]) / 100, np.array([0, 0, 0, 1, 0, 1], bool)
    figure = figures.winners_curse(observed, significant, true=0.01)
    (axes,) = figure.axes
    rest, chosen = axes.containers
    assert [bar.get_height() for bar in rest] == [2, 1, 1, 0]
    assert sum(bar.get_height() for bar in chosen) == 2
    assert [line.get_xdata()[0] for line in axes.lines] == pytest.approx([0.01, 0.025])
    with pytest.raises(ValueError, match="0 significant"):
        figures.winners_curse(observed, significant & False, true=0.01)


def test_cuts_stack_equal_results_and_draw_no_bar():
    figure = figures.cuts({"set aside": [0.75, 1.0, 1.0], "folds": [0.9, 0.92]}, xlabel="accuracy (%)")
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0.75, 1.0, 1.0])
    heights = axes.lines[0].get_ydata()
    assert heights[1] != heights[2]
    assert [line.get_linestyle() for line in axes.lines] == ["None", "None"]
    with pytest.raises(ValueError, match="at least one method"):
        figures.cuts({}, xlabel="accuracy (%)")
