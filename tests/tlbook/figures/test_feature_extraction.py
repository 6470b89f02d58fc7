"""What the figure of the chapter on feature extraction shows, read back from the figure."""

from __future__ import annotations

import pytest

from tlbook.figures.feature_extraction import penalty_curve


def test_the_penalty_curve_marks_the_chosen_value_in_both_panels():
    losses, scores = {0.01: 0.5, 1.0: 0.4, 0.1: 0.3}, {0.01: 0.8, 1.0: 0.9, 0.1: 0.85}
    left, right = penalty_curve(losses, scores, chosen=0.1).axes
    for axes, expected, at in ((left, [0.5, 0.3, 0.4], 0.3), (right, [80, 85, 90], 85)):
        line, mark = axes.lines
        assert list(line.get_xdata()) == [0.01, 0.1, 1.0]
        assert list(line.get_ydata()) == pytest.approx(expected)
        assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (0.1, pytest.approx(at))
        assert axes.get_xscale() == "log"


@pytest.mark.parametrize(("losses", "chosen"), [({0.1: 0.5}, 0.2), ({0.2: 0.5}, 0.2)])
def test_the_penalty_curve_refuses_values_that_were_not_tried(losses, chosen):
    with pytest.raises(ValueError, match="not among"):
        penalty_curve(losses, {0.1: 0.5}, chosen=chosen)
