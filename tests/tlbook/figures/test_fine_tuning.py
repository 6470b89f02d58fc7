"""What the figures of fine-tuning show, read back from the figures."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from tlbook.evaluation import wilson
from tlbook.figures.fine_tuning import rate_sweep, schedule_curves, statistics_moved, strategy_costs, training_plan

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
