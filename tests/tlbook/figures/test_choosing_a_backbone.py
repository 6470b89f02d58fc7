"""What the figures of choosing a backbone show, read back from the figures."""

from __future__ import annotations

import pytest

from tlbook.figures.choosing_a_backbone import rank_correlations, scores_against_accuracy

ACCURACY = {"wide": 0.9, "narrow": 0.8, "untrained": 0.55}


def test_each_network_has_its_number_in_every_panel_that_knows_it():
    scores = {"LogME": {"wide": -0.4, "narrow": -0.5, "untrained": -0.6}, "LEEP": {"wide": -0.2, "narrow": -0.3}}
    figure = scores_against_accuracy(scores, ACCURACY, columns=3)
    logme, leep, rest = figure.axes
    assert [axes.get_title(loc="left") for axes in (logme, leep)] == ["LogME", "LEEP"]
    assert {text.get_text(): text.xy for text in logme.texts} == {
        "1": (-0.4, 0.9),
        "2": (-0.5, 0.8),
        "3": (-0.6, 0.55),
    }
    assert [text.get_text() for text in leep.texts] == ["1", "2"]
    assert logme.get_ylim() == leep.get_ylim()
    assert not rest.axison


def test_a_network_without_accuracy_is_refused():
    with pytest.raises(ValueError, match="'LogME' has networks without accuracy: deep"):
        scores_against_accuracy({"LogME": {"deep": 1.0}}, ACCURACY)
    with pytest.raises(ValueError, match="scores_against_accuracy"):
        scores_against_accuracy({}, ACCURACY)


def test_correlations_stand_in_rows_with_their_intervals_before_what_chance_gives():
    figure = rank_correlations({"LogME": (0.8, 0.6, 0.9), "LEEP": (0.1, -0.3, 0.4)}, chance=0.6)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["LogME", "LEEP"]
    lines = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 2]
    assert [(tuple(line.get_xdata()), line.get_ydata()[0]) for line in lines] == [((0.6, 0.9), 0), ((-0.3, 0.4), 1)]
    span = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (span.x0, span.x1) == (pytest.approx(-0.6), pytest.approx(0.6))
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    with pytest.raises(ValueError, match="rank_correlations"):
        rank_correlations({}, chance=0.5)
