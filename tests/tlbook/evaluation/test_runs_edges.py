"""Comparing runs at the edges: the fewest runs and images there may be, and which interval is reported."""

import numpy as np
import pytest

from tlbook import evaluation as ev

RNG = np.random.default_rng(0)
A, B = RNG.random((4, 30)) < 0.9, RNG.random((4, 30)) < 0.5


def test_two_runs_of_two_images_are_enough_and_less_is_not():
    two = np.array([[True, False], [True, True]])
    assert ev.compare_runs(two, two).verdict == "cannot tell"
    assert ev.compare_runs(A[:, :2], B[:, :2]).n == 4
    assert ev.compare_runs(A[:2], B[:2]).n == 2
    for few in (A[:1], A[:, :1], A[:, :0]):
        with pytest.raises(ValueError, match="at least two of each"):
            ev.compare_runs(few, few)


def test_the_message_names_the_method():
    with pytest.raises(ValueError, match=r"^first must be truth values"):
        ev.compare_runs(A.astype(int), B, names=("first", "second"))
    with pytest.raises(ValueError, match=r"^second must be truth values"):
        ev.compare_runs(A, B.astype(int), names=("first", "second"))


# images on which all runs agree, and others on which each run is right on ten of twenty: no spread over runs
ALIKE = np.stack([np.r_[np.ones(10, bool), np.roll(np.arange(25) < 10, 5 * run)] for run in range(5)])
OTHER = np.tile(np.arange(35) >= 30, (5, 1))
# every run and every image has one difference each way: no spread over either, and yet noise
LATIN = np.array([[True, False, True, False], [False, True, False, True]])


def mean_squares(a, b):
    gaps = a.astype(float) - b
    rest = gaps - gaps.mean(1, keepdims=True) - gaps.mean(0) + gaps.mean()
    i, j = gaps.shape
    return gaps.mean(1).var(ddof=1) / i, gaps.mean(0).var(ddof=1) / j, (rest**2).sum() / ((i - 1) * (j - 1) * i * j)


FLOORED = [
    (ALIKE, OTHER, "images"),
    (OTHER, ALIKE, "images"),
    (ALIKE.T, OTHER.T, "runs"),
    (LATIN, ~LATIN, "residual"),
]


@pytest.mark.parametrize(("a", "b", "what"), FLOORED)
def test_a_factor_that_adds_nothing_to_the_residual_is_left_out(a, b, what):
    r, c, e = mean_squares(a, b)
    i, j = a.shape
    assert {"images": r < e < c, "runs": c < e < r, "residual": max(r, c) < e}[what]
    variance, df = {"images": (c, j - 1), "runs": (r, i - 1), "residual": (e, (i - 1) * (j - 1))}[what]
    found = ev.compare_runs(a, b)
    assert (found.standard_error**2, found.df) == (pytest.approx(variance), pytest.approx(df))
    assert found.difference.low < found.difference.high
    assert (found.n, found.difference.n) == (i, i)


def test_packed_text_of_another_length_is_refused():
    for n in (1, 7, 8, 9, 16, 17):
        right = np.ones(n, bool)
        text = ev.pack_right(right)
        np.testing.assert_array_equal(ev.unpack_right(text, n), right)
        with pytest.raises(ValueError, match=f"not {n - 1}"):
            ev.unpack_right(text, n - 1)
        with pytest.raises(ValueError, match=f"not {n + 8}"):
            ev.unpack_right(text, n + 8)
    none = ev.pack_right(np.zeros(16, bool))
    with pytest.raises(ValueError, match="holds about 16 images, not 8"):
        ev.unpack_right(none, 8)
    assert not ev.unpack_right(none, 9).any()
