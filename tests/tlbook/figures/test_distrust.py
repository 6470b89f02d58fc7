"""Figures of the chapter Distrust: what they draw is what they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tlbook.evaluation import wilson
from tlbook.figures import distrust as figures


def labels_of(axes):
    return axes.get_legend_handles_labels()[1]


def test_reported_and_true_names_the_gap_of_the_medians():
    before = plt.get_fignums()  # other tests of the same process may hold some
    figure = figures.reported_and_true(
        {"drift": ([1.0, 0.99, 1.0], [0.92, 0.9, 0.91]), "choice": (wilson(90, 100), wilson(95, 100))}
    )
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["+9.0 points", "−5.0 points"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["drift", "choice"]
    assert labels_of(axes) == ["true", "reported"]
    assert plt.get_fignums() == before


def test_reported_and_true_of_single_numbers():
    figure = figures.reported_and_true({"a": (0.9, 0.8)})
    assert len(figure.axes[0].lines) == 3  # the joining line and two dots, no ranges
    with pytest.raises(ValueError, match="at least one entry"):
        figures.reported_and_true({})


def test_dials_have_a_panel_each_and_one_legend():
    one = {"probe": {0.0: wilson(95, 100), 1.0: wilson(50, 100)}, "scratch": {0.0: [0.8, 0.7], 1.0: [0.5, 0.6]}}
    figure = figures.dials({"dark": one, "noisy": one, "small": one, "turned": one, "cut": one})
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in panels] == ["dark", "noisy", "small", "turned", "cut"]
    assert [axes.axison for axes in figure.axes] == [True] * 5 + [False] * 3
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["probe", "scratch"]
    np.testing.assert_allclose(panels[1].lines[0].get_ydata(), [0.95, 0.5])
    assert set(panels[1].lines[2].get_ydata()) == {0.5}  # guessing
    with pytest.raises(ValueError, match="at least one dial"):
        figures.dials({})
