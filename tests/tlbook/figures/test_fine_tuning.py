"""What the figures of fine-tuning show, read back from the figures."""

from __future__ import annotations

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from tlbook.evaluation import compare_runs, wilson
from tlbook.figures.fine_tuning import (
    by_test_set,
    differences,
    feature_planes,
    range_test,
    rate_sweep,
    schedule_curves,
    statistics_moved,
    strategy_costs,
    training_plan,
    two_modes,
    two_phases,
)

COLUMNS = ["group 1", "group 2", "head"]


def fields(figure, strategies):
    """Rectangles of the strategies, row by row; the legend's come after."""
    patches = figure.axes[0].patches[: strategies * len(COLUMNS)]
    return [patches[i : i + len(COLUMNS)] for i in range(0, len(patches), len(COLUMNS))]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_the_plan_hatches_what_is_frozen_and_pales_with_the_rate():
    figure = training_plan({"probe": [0, 0, 1], "discriminative": [0.1, 0.4, 1.0]}, COLUMNS, notes={})
    probe, graded = fields(figure, 2)
    assert [bool(field.get_hatch()) for field in probe] == [True, True, False]
    brightness = [sum(to_rgb(field.get_facecolor())) for field in graded]
    assert brightness == sorted(brightness, reverse=True)
    assert len(set(brightness)) == 3
    assert to_rgb(graded[-1].get_facecolor()) == to_rgb(probe[-1].get_facecolor())
    assert {"× 0.1", "× 0.4"} <= set(texts(figure.axes[0]))


def test_the_plan_writes_conditions_and_notes():
    figure = training_plan({"gradual": ["epoch 5+", "epoch 3+", 1]}, COLUMNS, notes={"gradual": "head: random"})
    assert {"gradual", "epoch 5+", "epoch 3+", "head: random", *COLUMNS} <= set(texts(figure.axes[0]))
    assert not any(field.get_hatch() for field in fields(figure, 1)[0])


@pytest.mark.parametrize(
    ("plan", "words"), [({"a": [1, 0]}, "2 entries for the 3 parts"), ({"a": [1, 0, 1.5]}, "between 0 and 1")]
)
def test_the_plan_refuses_what_does_not_fit(plan, words):
    with pytest.raises(ValueError, match=words):
        training_plan(plan, COLUMNS, notes={})


def test_costs_stand_beside_accuracies():
    accuracy = {"probe": wilson(93, 100), "everything": [0.9, 0.95, 0.97]}
    seconds, parameters = {"probe": 1.25, "everything": 30.0}, {"probe": 258, "everything": 355_000}
    figure = strategy_costs(accuracy, seconds, parameters, reference="probe", lowest=0.5)
    left, middle, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["probe", "everything"]
    assert texts(middle) == [" 1.2", " 30"]
    assert texts(right) == [" 258", " 355,000"]
    assert [bar.get_width() for bar in right.patches] == [258, 355_000]
    lines = [line for line in left.lines if len(set(line.get_xdata())) == 1 and line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in lines] == [0.93]
    runs = [line.get_xdata() for line in left.lines if line.get_marker() == "."]
    assert sorted(map(len, runs)) == [0, 3]


def test_what_lies_below_the_axis_is_written_at_its_edge():
    accuracy = {"scratch": [0.6, 0.7, 0.65], "everything": [0.9, 0.95, 0.97]}
    one, two = dict.fromkeys(accuracy, 1.0), dict.fromkeys(accuracy, 2)
    figure = strategy_costs(accuracy, one, two, reference="everything", lowest=0.88)
    left = figure.axes[0]
    assert texts(left) == ["◀ 65"]
    assert left.get_xlim()[0] == 0.88
    assert all(min(line.get_xdata(), default=1) >= 0.88 for line in left.lines)


def test_a_time_that_is_estimated_is_marked():
    one, two = {"probe": 1.0, "scratch": 150.0}, {"probe": 2, "scratch": 3}
    figure = strategy_costs(
        {"probe": 0.9, "scratch": 0.8}, one, two, reference="probe", lowest=0.5, estimated=["scratch"]
    )
    _, middle, right = figure.axes
    assert texts(middle) == [" 1.0", " ≈ 150"]
    assert [bool(bar.get_hatch()) for bar in middle.patches] == [False, True]
    assert not any(bar.get_hatch() for bar in right.patches)


def flags(share, seed):
    return np.random.default_rng(seed).random((5, 400)) < share


def test_differences_show_what_was_found_and_what_could_have_been():
    probe = flags(0.8, 0)
    tests = {"good": compare_runs(flags(0.9, 1), probe), "bad": compare_runs(flags(0.1, 2), probe)}
    figure = differences({"one": tests, "two": {"same": compare_runs(flags(0.8, 3), probe)}}, limit=0.2)
    one, two = figure.axes
    assert [label.get_text() for label in one.get_yticklabels()] == ["good", "bad", "same"]
    found = 100 * tests["good"].difference.value
    assert f"{found:+.1f}" in texts(one) and "◀" in texts(one) and "◀" not in texts(two)
    ticks = [line for line in one.lines if line.get_marker() == "|"]
    assert [list(line.get_xdata()) for line in ticks] == [[-t.detectable, t.detectable] for t in tests.values()]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["better", "cannot tell", "could have been found"]
    assert one.get_title("left") == "one"
    turned = differences({"one": tests}, limit=0.2, order=["bad", "good"]).axes[0]
    assert [label.get_text() for label in turned.get_yticklabels()] == ["bad", "good"]
    with pytest.raises(ValueError, match="comparison"):
        differences({"one": {}}, limit=0.1)
    with pytest.raises(ValueError, match="the panels have"):
        differences({"one": tests}, limit=0.1, order=["good"])


def test_differences_below_the_margin_are_no_cannot_tell():
    base = flags(0.8, 0)
    almost = base.copy()
    almost[:, :2] = ~almost[:, :2]  # two of many images the other way
    test = compare_runs(almost, base, margin=0.2)
    assert test.winner is None
    figure = differences({"one": {"close": test}}, limit=0.2)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "loses less than the margin",
        "could have been found",
    ]


def test_differences_have_no_negative_zero():
    base = flags(0.8, 0)
    test = compare_runs(base, base)
    less = dataclasses.replace(test, difference=dataclasses.replace(test.difference, value=-1e-4))
    assert "+0.0" in texts(differences({"one": {"same": less}}, limit=0.2).axes[0])


def test_test_sets_are_not_joined():
    results = {"probe": {"home": 0.9, "noisy": 0.7}, "LP-FT": {"home": [0.9, 0.95, 0.97], "noisy": [0.6, 0.7, 0.8]}}
    axes = by_test_set(results, chance=0.5).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["home", "noisy"]
    spans = [len(set(line.get_xdata())) for line in axes.lines if line.get_label() != "chance"]
    assert max(spans) == 1
    runs = [list(line.get_ydata()) for line in axes.lines if line.get_marker() == "." and len(line.get_ydata())]
    assert runs == [[0.9, 0.95, 0.97], [0.6, 0.7, 0.8]]
    with pytest.raises(ValueError, match="give the same"):
        by_test_set({"a": {"home": 0.9}, "b": {"noisy": 0.9}}, chance=0.5)


def test_costs_refuse_strategies_that_do_not_match():
    with pytest.raises(ValueError, match=r"parameters are of other strategies.*probe"):
        strategy_costs({"probe": 0.9}, {"probe": 1.0}, {"other": 2}, reference="probe", lowest=0.5)
    with pytest.raises(ValueError, match=r"reference='x': give .*'probe'"):
        strategy_costs({"probe": 0.9}, {"probe": 1.0}, {"probe": 2}, reference="x", lowest=0.5)


def test_the_sweep_draws_medians_and_the_baseline():
    accuracy = {"LP-FT": {1e-2: [0.5, 0.7, 0.6], 1e-4: [0.9, 0.92, 0.94]}}
    moved = {"LP-FT": {1e-2: [0.2, 0.3, 0.4], 1e-4: [0.01, 0.02, 0.03]}}
    left, right = rate_sweep(accuracy, moved, baseline=[0.88, 0.9, 0.89]).axes
    curve = next(line for line in left.lines if line.get_label() == "LP-FT")
    assert list(curve.get_xdata()) == [1e-4, 1e-2]
    assert np.allclose(curve.get_ydata(), [0.92, 0.6])
    level = next(line for line in left.lines if line.get_label() == "linear probe")
    assert set(level.get_ydata()) == {0.89}
    assert np.allclose(right.lines[0].get_ydata(), [0.02, 0.3])
    assert left.get_xscale() == right.get_xscale() == right.get_yscale() == "log"


def test_the_sweep_wants_the_same_series_twice():
    with pytest.raises(ValueError, match=r"\['a'\].*\['b'\]"):
        rate_sweep({"a": {1.0: [0.5]}}, {"b": {1.0: [0.5]}}, baseline=[0.5])


def test_statistics_have_one_line_a_channel_and_one_scale():
    figure = statistics_moved({"moving": [0.1, -0.2, 0.3], "held": [0.0, 0.0, 0.0]})
    lengths = [[segment[1][1] for segment in axes.collections[0].get_segments()] for axes in figure.axes]
    assert lengths == [[0.1, -0.2, 0.3], [0.0, 0.0, 0.0]]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["moving", "held"]


def test_schedules_are_drawn_as_given():
    figure = schedule_curves({"constant": [1e-3] * 4, "falling": [3e-3, 2e-3, 1e-3, 0]})
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [[1e-3] * 4, [3e-3, 2e-3, 1e-3, 0]]
    assert figure.axes[0].get_ylim()[0] == 0


@pytest.mark.parametrize("function", [statistics_moved, schedule_curves])
def test_an_empty_figure_is_refused(function):
    with pytest.raises(ValueError, match=r"give at least one (case|schedule)"):
        function({})


def test_no_figure_stays_open():
    before = plt.get_fignums()
    schedule_curves({"constant": [1e-3] * 4})
    assert plt.get_fignums() == before


HEAD = {"loss": [0.6, 0.4], "accuracy": [0.7, 0.8], "val_loss": [0.65, 0.5], "val_accuracy": [0.6, 0.75]}
ALL = {"loss": [0.2], "accuracy": [0.95], "val_loss": [0.45], "val_accuracy": [0.8]}


def test_two_phases_are_one_curve_that_begins_before_training():
    figure = two_phases({"loss": 0.8, "accuracy": 0.4}, HEAD, ALL)
    loss, accuracy = figure.axes
    training, validation, mark = loss.lines
    assert (list(training.get_xdata()), list(training.get_ydata())) == ([1, 2, 3], [0.6, 0.4, 0.2])
    assert (list(validation.get_xdata()), list(validation.get_ydata())) == ([0, 1, 2, 3], [0.8, 0.65, 0.5, 0.45])
    assert list(mark.get_xdata()) == [2, 2]  # the head's epochs end there
    assert list(accuracy.lines[1].get_ydata()) == [0.4, 0.6, 0.75, 0.8]
    assert "from here everything trains" in [text.get_text() for text in figure.legends[0].texts]
    with pytest.raises(ValueError, match="2 and 0 epochs"):
        two_phases({"loss": 0.8, "accuracy": 0.4}, HEAD, {name: [] for name in ALL})


def test_the_range_test_draws_each_step_and_running_medians():
    figure = range_test([1e-4, 1e-3, 1e-2, 1e-1, 1.0], [1.0, 9.0, 2.0, 3.0, 4.0], window=3)
    (axes,) = figure.axes
    dots, middle = axes.lines
    assert list(dots.get_ydata()) == [1, 9, 2, 3, 4]
    assert list(middle.get_ydata()) == [5, 2, 3, 3, 3.5]  # at the ends of what there is
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    with pytest.raises(ValueError, match="2 rates and 1 losses"):
        range_test([1, 2], [1], window=1)


def test_two_modes_has_a_row_an_image():
    figure = two_modes(np.array([[0.1, 0.9], [0.3, 0.8]]), [0.2, 0.7], xlabel="probability of dog")
    dots, diamonds = figure.axes[0].lines
    assert sorted(zip(dots.get_ydata(), dots.get_xdata(), strict=True)) == [(0, 0.1), (0, 0.3), (1, 0.8), (1, 0.9)]
    assert (list(diamonds.get_xdata()), list(diamonds.get_ydata())) == ([0.2, 0.7], [0, 1])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["image 1", "image 2"]
    with pytest.raises(ValueError, match=r"shape \(2, 2\), for 3 images"):
        two_modes(np.ones((2, 2)), [0.2, 0.7, 0.1], xlabel="p")


def test_feature_planes_has_a_panel_a_network_and_one_legend():
    planes = {"before": [[0, 0], [1, 1], [2, 0]], "after": [[5, 5], [6, 6], [7, 5]]}
    figure = feature_planes(planes, [0, 1, 0], ["cat", "dog"])
    before, after = figure.axes
    assert [axes.get_title(loc="left") for axes in (before, after)] == ["before", "after"]
    assert before.collections[0].get_offsets().tolist() == [[0, 0], [2, 0]]  # the cats
    assert after.collections[1].get_offsets().tolist() == [[6, 6]]
    assert [text.get_text() for text in figure.legends[0].texts] == ["cat", "dog"]
    with pytest.raises(ValueError, match="3 labels need"):
        feature_planes({"before": [[0, 0]]}, [0, 1, 0], ["cat", "dog"])
