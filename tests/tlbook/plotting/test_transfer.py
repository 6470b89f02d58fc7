"""What the transfer figures show, read back from the figures."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Polygon

from tlbook import backbones
from tlbook.plotting import PALETTE, network_diagram, penalty_curve


@pytest.fixture(scope="module")
def backbone():
    return backbones.load("sketchnet", weights=None)


def stage_colours(figure):
    return [to_hex(p.get_facecolor()).upper() for p in figure.axes[0].patches if isinstance(p, Polygon)]


def test_the_diagram_colours_what_is_trained(backbone):
    last = backbone.stages[-1]
    colours = stage_colours(network_diagram(backbone, ("cat", "dog"), trained=(last, "head")))
    assert len(colours) == len(backbone.stages)
    assert colours[-1] == PALETTE["orange"].upper()
    assert PALETTE["orange"].upper() not in colours[:-1]


def test_the_diagram_names_sizes_features_and_classes(backbone):
    texts = " ".join(t.get_text() for t in network_diagram(backbone, ("cat", "dog", "owl")).axes[0].texts)
    shape = backbone.model.get_layer(backbone.stages[-1]).output.shape
    for expected in (f"{shape[1]}×{shape[2]}\n×{shape[3]}", f"features\n{backbone.feature_dim}", "logit owl"):
        assert expected in texts


def test_the_diagram_refuses_an_unknown_stage(backbone):
    with pytest.raises(ValueError, match=r"\['tail'\].*head"):
        network_diagram(backbone, ("cat", "dog"), trained=("tail",))


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
