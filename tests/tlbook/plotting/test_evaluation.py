"""Figures of an evaluation: what they draw is what they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tlbook import plotting
from tlbook.evaluation import wilson


def labels_of(axes):
    return axes.get_legend_handles_labels()[1]


def test_reported_and_true_names_the_gap_of_the_medians():
    before = plt.get_fignums()  # other tests of the same process may hold some
    figure = plotting.reported_and_true(
        {"drift": ([1.0, 0.99, 1.0], [0.92, 0.9, 0.91]), "choice": (wilson(90, 100), wilson(95, 100))}
    )
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["+9.0 points", "−5.0 points"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["drift", "choice"]
    assert labels_of(axes) == ["true", "reported"]
    assert plt.get_fignums() == before


def test_reported_and_true_of_single_numbers():
    figure = plotting.reported_and_true({"a": (0.9, 0.8)})
    assert len(figure.axes[0].lines) == 3  # the joining line and two dots, no ranges
    with pytest.raises(ValueError, match="at least one entry"):
        plotting.reported_and_true({})


def test_bands_draw_medians_and_ranges_in_order():
    figure = plotting.bands(
        {"F1": {0.5: [0.9, 0.92, 0.94], 0.1: [0.5, 0.6, 0.9]}, "recall": {0.1: 0.8, 0.5: 0.8}},
        xlabel="share",
        ylabel="score (%)",
        marks={"half": 0.5},
        log_x=True,
        share_x=True,
    )
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[0.1, 0.6], [0.5, 0.92]])
    vertices = axes.collections[0].get_paths()[0].vertices
    assert vertices[:, 1].min() == 0.5 and vertices[:, 1].max() == 0.94
    assert len(axes.collections) == 1  # single numbers have no band
    assert labels_of(axes) == ["F1", "recall", "half"]
    assert axes.get_xscale() == "log"
    assert axes.xaxis.get_major_formatter()(0.1, 0) == "10"


def test_bands_of_many_points_have_no_markers_and_plain_axes():
    figure = plotting.bands({"cost": {x: x**2 for x in np.linspace(0, 1, 30)}}, xlabel="x", ylabel="y", percent=False)
    assert figure.axes[0].lines[0].get_marker() == ""
    assert figure.axes[0].get_xscale() == "linear"
    with pytest.raises(ValueError, match="at least one line"):
        plotting.bands({}, xlabel="x", ylabel="y")


def test_dials_have_a_panel_each_and_one_legend():
    one = {"probe": {0.0: wilson(95, 100), 1.0: wilson(50, 100)}, "scratch": {0.0: [0.8, 0.7], 1.0: [0.5, 0.6]}}
    figure = plotting.dials({"dark": one, "noisy": one, "small": one}, columns=2)
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in panels] == ["dark", "noisy", "small"]
    assert not figure.axes[3].axison
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["probe", "scratch"]
    np.testing.assert_allclose(panels[1].lines[0].get_ydata(), [0.95, 0.5])
    assert len(plotting.dials({"dark": one}, chance=None).axes[0].lines) == 2
    with pytest.raises(ValueError, match="at least one dial"):
        plotting.dials({})
