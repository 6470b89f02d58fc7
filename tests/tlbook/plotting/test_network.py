"""What the diagram of a network shows, read back from the figure."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Polygon

from tlbook import backbones
from tlbook.plotting import PALETTE, network_diagram


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
