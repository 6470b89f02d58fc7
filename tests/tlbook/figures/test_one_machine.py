"""What the figures of the chapter on more than one machine show, read back from the figures."""

from __future__ import annotations

import pytest

from tlbook.figures.one_machine import growth, shares

SECONDS = {
    "laptop": {"read": 0.001, "decode": 0.006, "network": 0.003},
    "one GPU": {"read": 0.002, "decode": 0.010, "network": 0.0001},
}


def test_a_power_is_a_straight_line_on_both_axes():
    figure = growth(
        {"seconds": {"features": {10: 1, 100: 10}, "pairs": {10: 1, 100: 100}}, "MB": {"features": {10: 200, 100: 210}}}
    )
    seconds, memory = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["seconds", "MB"]
    assert all((axes.get_xscale(), axes.get_yscale()) == ("log", "log") for axes in figure.axes)
    assert [list(line.get_ydata()) for line in seconds.lines] == [[1, 10], [1, 100]]
    (level,) = memory.lines
    assert level.get_color() == seconds.lines[0].get_color() != seconds.lines[1].get_color()
    low, high = memory.get_ylim()
    assert high / low > 10, "what hardly grows looks level"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["features", "pairs"]


@pytest.mark.parametrize("points", [{}, {0: 1}, {10: 0}])
def test_what_has_no_place_on_a_logarithmic_axis(points):
    with pytest.raises(ValueError, match="features: numbers and costs above 0"):
        growth({"seconds": {"features": points}})


def test_a_bar_is_divided_by_the_time_of_its_stages():
    figure = shares(SECONDS)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["laptop", "one GPU"]
    assert axes.yaxis_inverted(), "the first is on top"
    widths = [[bar.get_width() for bar in container] for container in axes.containers]
    assert [sum(one) for one in zip(*widths, strict=True)] == pytest.approx([1, 1])
    assert widths[1] == pytest.approx([0.6, 0.010 / 0.0121])
    assert "60" in [text.get_text() for text in axes.texts]
    assert "1" not in [text.get_text() for text in axes.texts], "no room for it"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["read", "decode", "network"]


def test_machines_with_other_stages():
    with pytest.raises(ValueError, match="all machines need the stages read, decode, network"):
        shares({**SECONDS, "cluster": {"read": 1.0}})
    with pytest.raises(ValueError, match="machine"):
        shares({})
