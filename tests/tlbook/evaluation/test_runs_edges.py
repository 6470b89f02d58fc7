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


# every run of ALIKE is right on 27 images, each on others: no spread over runs, some over images
ALIKE = np.stack([np.roll(np.arange(30) < 27, 5 * run) for run in range(4)])


@pytest.mark.parametrize(("a", "b"), [(A, B), (B, A), (ALIKE, ~ALIKE), (~ALIKE, ALIKE)])
def test_the_wider_interval_is_reported_around_the_difference(a, b):
    found = ev.compare_runs(a, b)
    over_runs, over_images = ev.paired_t(a.mean(1), b.mean(1)), ev.paired_t(a.mean(0), b.mean(0))
    widths = [one.difference.high - one.difference.low for one in (over_runs, over_images)]
    wider = (over_runs, over_images)[int(np.argmax(widths))].difference
    assert (found.difference.low, found.difference.high) == (wider.low, wider.high)
    assert found.difference.value == pytest.approx(a.mean() - b.mean())
    assert found.p_value == max(over_runs.p_value, over_images.p_value)
    assert (found.n, found.difference.n) == (4, 4)


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
