"""What the figures of what is asked outside the notebook show, read back from the figures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tlbook.evaluation import roc_curve
from tlbook.figures.outside import attacks, funnels, limits, ranges

PANELS = {
    "cat": {"black": (41, 49), "white": (40, 41), "teal": (2, 3)},
    "dog": {"black": (39, 44), "keeshond": (3, 11), "sand": (58, 60)},
}


def test_a_limit_leaves_its_tail_below():
    n = np.arange(5, 200)
    below = np.ceil(limits(n, 0.9, 0.025) * n) - 1  # the largest number of right answers under the limit
    assert (stats.binom.cdf(below, n, 0.9) <= 0.025 + 1e-12).all()
    assert (stats.binom.cdf(below + 1, n, 0.9) > 0.025).all()
    assert limits([10_000], 0.9, 0.025)[0] == pytest.approx(0.9 - 1.96 * 0.003, abs=2e-4)
    assert limits([1], 0.99, 0.001)[0] == 0


def test_each_class_has_its_groups_its_share_and_two_limits():
    figure = funnels(PANELS, ylabel="recall (%)")
    for axes, (name, groups) in zip(figure.axes, PANELS.items(), strict=True):
        assert axes.get_title(loc="left") == name
        overall, one, lowest, dots = axes.lines
        right, n = np.array(list(groups.values())).T
        assert overall.get_ydata()[0] == pytest.approx(right.sum() / n.sum())
        assert dict(zip(dots.get_xdata(), dots.get_ydata(), strict=True)) == dict(zip(n, right / n, strict=True))
        assert (lowest.get_ydata() <= one.get_ydata()).all()
        assert one.get_ydata()[29] == pytest.approx(limits([30], right.sum() / n.sum(), 0.025)[0])
        assert lowest.get_ydata()[29] == pytest.approx(limits([30], right.sum() / n.sum(), 0.025 / 6)[0])
    assert "limit for the lowest of 6" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert [text.get_text() for text in figure.axes[1].texts] == ["keeshond"]


def test_an_attack_is_drawn_from_the_first_false_alarm_on():
    labels = np.repeat([1, 0], [4, 10])
    scores = np.concatenate([[9, 8, 2, 1], np.arange(10) - 2.5])
    figure = attacks({"loss": roc_curve(labels, scores)})
    (axes,) = figure.axes
    _, line = axes.lines
    assert line.get_xdata()[0] == pytest.approx(0.1)
    assert line.get_ydata()[0] == pytest.approx(0.5)  # two members lie above the highest stranger
    assert line.get_ydata()[-1] == pytest.approx(1)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_a_range_is_a_bar_and_one_value_a_dot():
    figure = ranges({"probe": (0.1, 10), "GPT-3": (5e8, 5e8)}, xlabel="g CO2e")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["probe", "GPT-3"]
    assert [tuple(end[0] for end in one) for one in axes.collections[0].get_segments()] == [(0.1, 10), (5e8, 5e8)]
    assert (list(axes.lines[0].get_xdata()), list(axes.lines[0].get_ydata())) == ([5e8], [1])


def test_nothing_to_draw_is_refused():
    for bad, message in [
        (lambda: funnels({}, ylabel=""), "funnels"),
        (lambda: funnels({"cat": {}}, ylabel=""), "group"),
        (lambda: attacks({}), "attacks"),
        (lambda: ranges({}, xlabel=""), "ranges"),
    ]:
        with pytest.raises(ValueError, match=message):
            bad()
