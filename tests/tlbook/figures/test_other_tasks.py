"""What the figures of the chapter on other tasks show, read back from the figures."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

from tlbook.evaluation import Estimate
from tlbook.figures import other_tasks as figures


def labels(ticks):
    return [tick.get_text() for tick in ticks]


def test_the_second_confusion_matrix_is_the_first_in_another_order():
    matrix = np.array([[8, 0, 2], [0, 5, 0], [1, 0, 3]])
    figure = figures.ordered_confusion(matrix, ["ant", "bee", "cat"], [1, 0, 2])
    by_name, by_likeness, _ = figure.axes
    assert labels(by_name.get_yticklabels()) == ["ant", "bee", "cat"]
    assert labels(by_likeness.get_yticklabels()) == ["bee", "ant", "cat"]
    first, second = by_name.images[0].get_array(), by_likeness.images[0].get_array()
    assert first[0].tolist() == [0.8, 0, 0.2]
    assert second[1].tolist() == [0, 0.8, 0.2]
    with pytest.raises(ValueError, match="2 class names"):
        figures.ordered_confusion(matrix, ["ant", "bee"], [1, 0])
    with pytest.raises(ValueError, match="the order"):
        figures.ordered_confusion(matrix, ["ant", "bee", "cat"], [1, 1, 2])


def test_each_label_has_its_value_its_base_rate_and_what_the_class_gives():
    values = {"collar": Estimate(0.8, 0.7, 0.9, 50, unit=""), "tongue": Estimate(0.4, 0.3, 0.5, 50, unit="")}
    figure = figures.average_precision_by_label(
        values, base_rate={"collar": 0.5, "tongue": 0.2}, from_class={"collar": 0.6, "tongue": 0.45}
    )
    (axes,) = figure.axes
    assert labels(axes.get_yticklabels()) == ["collar", "tongue"]
    base, alone, head = axes.lines[0], axes.lines[1], axes.containers[0][0]
    assert base.get_xdata().tolist() == [0.5, 0.2]
    assert alone.get_xdata().tolist() == [0.6, 0.45]
    assert head.get_xdata().tolist() == [0.8, 0.4]
    with pytest.raises(ValueError, match="need the labels collar, tongue"):
        figures.average_precision_by_label(values, base_rate={"collar": 0.5}, from_class={"collar": 0.6})
    with pytest.raises(ValueError, match="average_precision_by_label"):
        figures.average_precision_by_label({}, base_rate={}, from_class={})


def test_predictions_stand_against_the_truth_on_the_same_axes():
    figure = figures.against_truth(
        {"mean": ([1, 2, 3], [2, 2, 2]), "map": ([1, 2, 3], [1, 2, 5])}, xlabel="true", ylabel="said", ticks=(0, 5)
    )
    mean, kept = figure.axes
    assert [axes.get_title(loc="left") for axes in (mean, kept)] == ["mean", "map"]
    assert kept.collections[0].get_offsets().tolist() == [[1, 1], [2, 2], [3, 5]]
    assert mean.get_xlim() == kept.get_ylim() == mean.get_ylim()
    assert mean.get_xlim()[0] < 1 < 5 < mean.get_xlim()[1]
    assert mean.get_xticks().tolist() == [0, 5]
    with pytest.raises(ValueError, match="against_truth"):
        figures.against_truth({}, xlabel="true", ylabel="said")


def test_parts_are_coloured_and_the_background_stays_grey():
    images = np.full((2, 4, 4, 3), 128, np.uint8)
    maps = np.zeros((2, 4, 4), int)
    maps[0, 0, 0], maps[1, 3, 3] = 1, 2
    figure = figures.part_maps(images, {"truth": maps}, ["face", "ears"])
    first, second = (figure.axes[place].images[0].get_array() for place in (2, 3))
    for drawn, place in ((first, (0, 0)), (second, (3, 3))):
        grey = np.ptp(drawn, axis=-1) < 1e-9
        assert not grey[place]
        assert grey.sum() == 15
    assert not np.allclose(first[0, 0], second[3, 3])
    assert [text.get_text() for text in figure.legends[0].texts] == ["face", "ears"]
    for wrong in (maps[:1], maps + 2):
        with pytest.raises(ValueError, match="truth has shape"):
            figures.part_maps(images, {"truth": wrong}, ["face", "ears"])
    with pytest.raises(ValueError, match="part_maps"):
        figures.part_maps(images, {}, ["face"])


def test_overlaps_stand_in_groups_by_part():
    results = {
        "probe": {"eyes": Estimate(0.3, 0.2, 0.4, 9, unit=""), "ears": Estimate(0.5, 0.4, 0.6, 9, unit="")},
        "at most": {"eyes": 0.6, "ears": 0.8},
    }
    figure = figures.iou_by_part(results)
    (axes,) = figure.axes
    assert labels(axes.get_yticklabels()) == ["eyes", "ears"]
    probe, most = (container[0] for container in axes.containers)
    assert probe.get_xdata().tolist() == [0.3, 0.5]
    assert most.get_xdata().tolist() == [0.6, 0.8]
    for line in (probe, most):
        assert [round(place) for place in line.get_ydata()] == [0, 1]
    with pytest.raises(ValueError, match="iou_by_part"):
        figures.iou_by_part({})


def test_each_image_has_a_box_of_each_kind_at_its_place():
    images = np.zeros((2, 9, 9, 3), np.uint8)
    boxes = {"truth": [[1, 2, 5, 7], [0, 0, 3, 3]], "found": [[2, 2, 5, 6], [1, 0, 4, 3]]}
    figure = figures.with_boxes(images, boxes, ["one", "two"])
    drawn = [patch for patch in figure.axes[0].patches if isinstance(patch, mpl.patches.Rectangle)]
    places = {(patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height()) for patch in drawn}
    assert places == {(1, 2, 4, 5), (2, 2, 3, 4)}
    assert [axes.get_title() for axes in figure.axes] == ["one", "two"]
    assert [text.get_text() for text in figure.legends[0].texts] == ["truth", "found"]
    with pytest.raises(ValueError, match="found: give four numbers for each of 2 images"):
        figures.with_boxes(images, {"truth": boxes["truth"], "found": [[1, 2, 3, 4]]})
    with pytest.raises(ValueError, match="with_boxes"):
        figures.with_boxes(images, {})
