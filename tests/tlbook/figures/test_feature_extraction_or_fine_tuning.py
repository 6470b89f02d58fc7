"""The heat map of accuracy over images and depth."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from tlbook import evaluation
from tlbook.figures.feature_extraction_or_fine_tuning import accuracy_surface

matplotlib.use("Agg")

RESULTS = {
    "head": {10: [0.70, 0.80], 400: evaluation.seed_spread([0.9, 0.92, 0.94])},
    "everything": {10: 0.65, 400: evaluation.wilson(95, 100)},
    "from scratch": {400: [0.75]},
}


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_cells_show_mean_and_spread_of_what_was_given():
    shown = texts(accuracy_surface(RESULTS, marked={}))
    sd = np.std([0.70, 0.80], ddof=1)
    assert f"75.0\n± {100 * sd:.1f}" in shown
    spread, share = RESULTS["head"][400], RESULTS["everything"][400]
    assert f"92.0\n± {50 * (spread.high - spread.low):.1f}" in shown
    assert f"95.0\n± {50 * (share.high - share.low):.1f}" in shown
    assert {"65.0", "75.0"} <= set(shown)  # one number: no spread
    assert len(shown) == 5  # one cell is empty


def test_rows_columns_and_unit_are_named():
    axes = accuracy_surface(RESULTS, marked={}).axes
    assert [label.get_text() for label in axes[0].get_yticklabels()] == list(RESULTS)
    assert [label.get_text() for label in axes[0].get_xticklabels()] == ["10", "400"]
    assert axes[0].get_xlabel() == "labelled training images"
    assert axes[1].get_ylabel() == "test accuracy (%)"
    np.testing.assert_allclose(axes[0].images[0].get_array().filled(0)[0], [75.0, 92.0])


def test_marked_cells_are_framed():
    axes = accuracy_surface(RESULTS, marked={10: "head", 400: "everything"}).axes[0]
    places = {(round(p.get_x() + 0.47), round(p.get_y() + 0.47)) for p in axes.patches}
    assert places == {(0, 0), (1, 1)}


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="at least one result"):
        accuracy_surface({"head": {}}, marked={})
    with pytest.raises(ValueError, match="marked cell 'from scratch', 10"):
        accuracy_surface(RESULTS, marked={10: "from scratch"})
    with pytest.raises(ValueError, match="accuracy_surface, head, 10: give a number"):
        accuracy_surface({"head": {10: [[0.9]]}}, marked={})
