"""Promises print the same whatever the value, and break loudly."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlbook.checks import PromiseBroken, holds, within


@pytest.mark.parametrize("value", [0.9, 0.93, 0.96, np.float32(0.95), np.array(0.95), np.array([0.95]), 0.9499])
def test_the_line_does_not_depend_on_the_value(capsys, value):
    within("probe accuracy", value, 0.9, 0.96)
    assert capsys.readouterr().out == "probe accuracy: between 0.9 and 0.96, as promised\n"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (1000, 2500, "between 1,000 and 2,500"),
        (0.125, math.inf, "at least 0.125"),
        (-math.inf, 90, "at most 90"),
        (1e-6, 1, "between 1e-06 and 1"),
        (5, 5, "between 5 and 5"),
        (-2.5, 0, "between -2.5 and 0"),
    ],
)
def test_how_the_range_is_written(capsys, low, high, text):
    within("x", low if math.isfinite(low) else high, low, high)
    assert capsys.readouterr().out == f"x: {text}, as promised\n"


@given(
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
    st.floats(allow_nan=False, allow_infinity=True),
)
def test_within_accepts_exactly_the_closed_range(a, b, value):
    low, high = min(a, b), max(a, b)
    if low <= value <= high:
        within("x", value, low, high)
    else:
        with pytest.raises(PromiseBroken):
            within("x", value, low, high)


def test_a_broken_promise_tells_the_value_and_prints_nothing(capsys):
    with pytest.raises(PromiseBroken, match=r"probe accuracy came out as 0\.87, .*between 0\.9 and 1"):
        within("probe accuracy", 0.87, 0.9, 1)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("bounds", [(0, 1), (-math.inf, 1), (0, math.inf)])
def test_nan_breaks_every_promise(bounds):
    with pytest.raises(PromiseBroken, match="is not a number"):
        within("loss", float("nan"), *bounds)


@pytest.mark.parametrize("bounds", [(1, 0), (math.nan, 1), (0, math.nan), (-math.inf, math.inf)])
def test_ranges_that_promise_nothing_are_refused(bounds):
    with pytest.raises(ValueError, match="range"):
        within("x", 0.5, *bounds)


@pytest.mark.parametrize("value", [True, np.bool_(True), "0.5", None, [0.1, 0.2], np.zeros((2, 2)), 1j])
def test_within_takes_one_real_number(value):
    with pytest.raises(TypeError):
        within("x", value, 0, 1)


@pytest.mark.parametrize("condition", [True, np.bool_(True), np.array(True)])
def test_holds(capsys, condition):
    holds("the probe beats chance", condition)
    assert capsys.readouterr().out == "true: the probe beats chance\n"


@pytest.mark.parametrize("condition", [False, np.bool_(False), np.array(False)])
def test_holds_raises_when_false(capsys, condition):
    with pytest.raises(PromiseBroken, match="not true here: the probe beats chance"):
        holds("the probe beats chance", condition)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("condition", [1, 0, "yes", None, np.array([True]), [True]])
def test_holds_takes_one_truth_value(condition):
    with pytest.raises(TypeError, match="truth value"):
        holds("x", condition)


def test_promises_are_assertions():
    assert issubclass(PromiseBroken, AssertionError)
