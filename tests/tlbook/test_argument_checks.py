"""What a function refuses is said in one form: what was given, and what would do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tlbook import _checks


class Refused(ValueError):
    """Another kind of error, as the classifier's."""


def refusal(check, *given, **options):
    with pytest.raises(ValueError) as found:  # noqa: PT011  the message is what is returned
        check(*given, **options)
    return str(found.value)


# ---- whole ----


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float32(3), np.uint8(3), np.array(3)])
def test_a_whole_number_comes_back_as_an_int(value):
    found = _checks.whole(value, "steps")
    assert found == 3 and type(found) is int


@pytest.mark.parametrize(
    "value",
    [2.5, True, False, np.True_, np.array(True), "3", b"3", None, math.nan, math.inf, [3], np.arange(3), 3j, object],
)
def test_what_is_no_whole_number(value):
    assert refusal(_checks.whole, value, "steps", -9) == f"steps={value!r}: give a whole number, -9 or more."


@pytest.mark.parametrize(
    ("value", "limits", "options", "message"),
    [
        (0, (), {}, "steps=0: give a whole number, 1 or more."),
        (-1, (0,), {}, "steps=-1: give a whole number, 0 or more."),
        (15, (16, 1024), {}, "steps=15: give a whole number from 16 to 1024."),
        (1025, (16, 1024), {"of": "pixels"}, "steps=1025: give a whole number of pixels from 16 to 1024."),
        (0, (), {"of": "views"}, "steps=0: give a whole number of views, 1 or more."),
        (9, (1, 8), {"hint": "the rows"}, "steps=9: give a whole number from 1 to 8, the rows."),
    ],
)
def test_a_whole_number_out_of_range(value, limits, options, message):
    assert refusal(_checks.whole, value, "steps", *limits, **options) == message


def test_the_ends_are_in_the_range():
    assert [_checks.whole(value, "steps", 0, 2) for value in (0, 2)] == [0, 2]


def test_another_kind_of_error():
    with pytest.raises(Refused, match="seed=-1: "):
        _checks.whole(-1, "seed", 0, error=Refused)
    with pytest.raises(Refused, match="way='c': "):
        _checks.one_of("c", "way", "ab", error=Refused)


# ---- number ----


@pytest.mark.parametrize(
    ("ends", "inside", "outside"),
    [
        ("[]", [0, 0.5, 1], [-1e-9, 1 + 1e-9, math.nan]),
        ("()", [1e-9, 0.5], [0, 1, math.nan]),
        ("[)", [0, 0.5], [-1e-9, 1, math.nan]),
        ("(]", [0.5, 1], [0, 1 + 1e-9, math.nan]),
    ],
)
def test_the_ends_of_an_interval(ends, inside, outside):
    assert [_checks.number(value, "share", 0, 1, ends) for value in inside] == inside
    for value in outside:
        message = refusal(_checks.number, value, "share", 0, 1, ends)
        assert message == f"share={value!r}: give a number in {ends[0]}0, 1{ends[1]}."


def test_a_number_without_an_upper_end():
    assert _checks.number(math.inf, "rate", 0, ends="()") == math.inf
    assert _checks.number(0, "rate", 0) == 0
    assert refusal(_checks.number, 0, "rate", 0, ends="()") == "rate=0: give a number above 0."
    assert refusal(_checks.number, -0.5, "rate", 0) == "rate=-0.5: give a number not below 0."
    assert refusal(_checks.number, math.nan, "rate", 0) == "rate=nan: give a number not below 0."


def test_an_interval_with_a_hint():
    message = refusal(_checks.number, 95, "confidence", 0, 1, "()", hint="such as 0.95")
    assert message == "confidence=95: give a number in (0, 1), such as 0.95."


# ---- one of ----


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (["a"], "way='c': give 'a'."),
        (("a", "b"), "way='c': give 'a' or 'b'."),
        ({"a": 0, "b": 1, "d": 2}, "way='c': give 'a', 'b' or 'd'."),
        (("a", None), "way='c': give 'a' or None."),
    ],
)
def test_the_choices_are_listed(choices, message):
    assert refusal(_checks.one_of, "c", "way", choices) == message
    assert _checks.one_of("a", "way", choices) == "a"


def test_what_cannot_be_hashed_is_refused_like_the_rest():
    assert refusal(_checks.one_of, ["a"], "way", "ab") == "way=['a']: give 'a' or 'b'."


# ---- some ----


@pytest.mark.parametrize("values", [[], {}, (), np.zeros(0)])
def test_nothing_to_draw(values):
    assert refusal(_checks.some, values, "dials", "dial") == "dials: give at least one dial."


def test_something_to_draw():
    assert _checks.some({"a": []}, "dials", "dial") is None
