"""Figures of the chapter on augmentation."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from tlbook import evaluation
from tlbook.figures import augmentation as figures

matplotlib.use("Agg")

RNG = np.random.default_rng(0)
BASE = RNG.random((5, 400)) < 0.7


def effect(gain: float, name: str = "with") -> evaluation.PairedTest:
    """A change that turns this share of all images from wrong to right, or from right to wrong."""
    runs = BASE.copy()
    touched = np.arange(400) < abs(gain) * 400
    runs[:, touched] = gain > 0
    return evaluation.compare_runs(runs, BASE, names=(name, "without"))


def test_gallery_has_an_image_for_every_strength_and_frames_what_is_lost():
    before = np.zeros((8, 8, 3), np.uint8)
    rows = {name: [np.full((8, 8, 3), v, np.uint8) for v in (50, 100, 200)] for name in ("turn", "blur", "crop")}
    notes = {"blur": ["kept", "kept", "lost"]}
    figure = figures.augmentation_gallery(before, rows, notes)
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 3 * 4
    titles = [axes.get_title("left") + axes.get_title("center") for axes in shown]
    assert titles.count("kept") == 2
    assert titles.count("lost") == 1
    assert {"turn", "blur", "crop"} <= set(titles)
    framed = [axes for axes in shown if axes.axison]
    assert len(framed) == 1
    assert framed[0].images[0].get_array().max() == 200


def test_gallery_refuses_rows_of_different_length():
    image = np.zeros((4, 4, 3))
    with pytest.raises(ValueError, match="same number of images"):
        figures.augmentation_gallery(image, {"a": [image], "b": [image, image]}, {})
    with pytest.raises(ValueError, match="same number of images"):
        figures.augmentation_gallery(image, {}, {})


def test_effects_show_the_verdict_by_marker_and_legend():
    tests = {"good": effect(0.2), "bad": effect(-0.2), "nothing": effect(0.0)}
    figure = figures.change_effects({"scratch": tests, "tuned": {"good": effect(0.1)}})
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert legend == {"helps", "hurts", "cannot tell"}
    first, second = figure.axes
    assert [label.get_text() for label in first.get_yticklabels()] == ["good", "bad", "nothing"]
    assert (len(first.containers), len(second.containers)) == (3, 1)
    assert first.get_xlim() == second.get_xlim()  # one scale, so that the panels can be compared
    drawn = [container.lines[0].get_xdata()[0] for container in first.containers]
    assert drawn == pytest.approx([test.difference.value for test in tests.values()])
    assert drawn[0] > 0 > drawn[1]
    with pytest.raises(ValueError, match="at least one change"):
        figures.change_effects({"scratch": {}})


def test_grid_sets_what_can_be_told_in_bold():
    effects = {"rotation": {"upright": effect(0.0), "turned": effect(0.2)}}
    axes = figures.effect_grid(effects, xlabel="test drawings").axes[0]
    texts = {text.get_text(): text.get_fontweight() for text in axes.texts}
    gain = 100 * effects["rotation"]["turned"].difference.value
    assert texts == {"+0.0": "normal", f"{gain:+.1f}": "bold"}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["upright", "turned"]
    with pytest.raises(ValueError, match="same columns"):
        figures.effect_grid({"a": {"x": effect(0.0)}, "b": {}}, xlabel="")
    with pytest.raises(ValueError, match="same columns"):
        figures.effect_grid({}, xlabel="")


def test_strengths_stand_at_equal_distances():
    panels = {
        "dropout": {"head": {0: [0.8, 0.9, 0.85], 0.5: [0.9, 0.9, 0.9]}, "all": {0: 0.7, 0.5: 0.75}},
        "L2": {"head": {0: 0.8, 1e-3: 0.81, 1e-1: 0.7}, "all": {0: 0.7}},
    }
    figure = figures.strength_curves(panels)
    shown = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title("left") for axes in shown] == ["dropout", "L2"]
    assert [label.get_text() for label in shown[1].get_xticklabels()] == ["0", "0.001", "0.1"]
    centres = shown[0].containers[0].lines[0].get_ydata()
    assert list(centres) == pytest.approx([0.85, 0.9])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["head", "all"]
    with pytest.raises(ValueError, match="at least one panel"):
        figures.strength_curves({})


def test_panels_that_fill_no_row_leave_empty_places():
    figure = figures.strength_curves({str(i): {"a": {0: 0.5, 1: 0.6}} for i in range(4)})
    assert sum(axes.axison for axes in figure.axes) == 4
