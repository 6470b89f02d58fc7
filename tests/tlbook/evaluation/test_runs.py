"""Methods compared over several runs on the same images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from tlbook import evaluation


def drawn(p: float, seed: int, runs: int = 5, n: int = 1000) -> np.ndarray:
    return np.random.default_rng(seed).random((runs, n)) < p


def test_the_larger_p_value_and_the_wider_interval_count():
    a, b = drawn(0.93, 0), drawn(0.90, 1)
    test = evaluation.compare_runs(a, b, names=("a", "b"))
    over_runs = stats.ttest_rel(a.mean(1), b.mean(1))
    over_images = stats.ttest_rel(a.mean(0), b.mean(0))
    assert test.p_value == pytest.approx(max(over_runs.pvalue, over_images.pvalue))
    widths = [t.confidence_interval(0.95) for t in (over_runs, over_images)]
    wider = max(widths, key=lambda i: i.high - i.low)
    assert (test.difference.low, test.difference.high) == pytest.approx((wider.low, wider.high))
    assert test.difference.value == pytest.approx(a.mean() - b.mean())
    assert test.n == 5
    assert test.winner == "a"


def test_one_lucky_run_does_not_make_a_method_better():
    a, b = drawn(0.9, 0), drawn(0.9, 0)
    a[0] = True  # one run gets everything right: images say "better", runs do not
    assert stats.ttest_rel(a.mean(0), b.mean(0)).pvalue < 0.001
    assert evaluation.compare_runs(a, b).verdict == "cannot tell"


def test_a_few_images_do_not_make_a_method_better():
    b = np.tile(drawn(0.9, 2, runs=1), (5, 1))
    a = b.copy()
    wrong = np.flatnonzero(~b[0])[:3]
    a[:, wrong] = True  # the same three images more in every run
    a[0, wrong[0]] = False
    assert stats.ttest_rel(a.mean(1), b.mean(1)).pvalue < 0.05
    assert evaluation.compare_runs(a, b).verdict == "cannot tell"


def test_false_alarms_stay_below_the_level():
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(300):
        hard = rng.random(200) * 0.3
        a, b = (rng.random((5, 200)) > hard for _ in range(2))
        alarms += evaluation.compare_runs(a, b).winner is not None
    assert alarms <= 24  # 8 %, the upper end of what 5 % gives in 300 trials


@pytest.mark.parametrize(("runs", "most"), [(5, 0.065), (10, 0.095)])
def test_false_alarms_where_runs_and_images_bring_as_much_luck_as_each_other(runs, most):
    """What the docstring says of it; the bounds are two to three standard errors above 4 and 7 %."""
    rng, images, alarms, trials = np.random.default_rng(0), 400, 0, 600
    of_image = 0.15
    of_run = of_image * np.sqrt(runs / images)  # as large in the mean over images as the other in that over runs

    def method():
        p = 0.75 + rng.normal(0, of_run, (runs, 1)) + rng.normal(0, of_image, (1, images))
        return rng.random((runs, images)) < p

    for _ in range(trials):
        alarms += evaluation.compare_runs(method(), method()).winner is not None
    assert 0.01 < alarms / trials < most


def test_the_cheapest_that_cannot_be_told_from_the_best_is_chosen():
    dear = drawn(0.95, 0)
    middle = dear.copy()
    middle[:, :20] = drawn(0.95, 5)[:, :20]
    if middle.mean() > dear.mean():
        dear, middle = middle, dear
    choice = evaluation.cheapest_as_good({"cheap": drawn(0.85, 2), "middle": middle, "dear": dear})
    assert choice.best == "dear"
    assert choice.chosen == "middle"
    assert choice.cheaper == ("cheap",)
    assert choice.tests["cheap"].winner == "dear"
    assert choice.verdict == "middle: cannot tell it from dear"


def test_a_choice_says_whether_the_price_is_needed():
    needed = evaluation.cheapest_as_good({"cheap": drawn(0.8, 0), "dear": drawn(0.95, 1)})
    assert needed.verdict == "dear: better than everything cheaper"
    not_needed = evaluation.cheapest_as_good({"cheap": drawn(0.95, 0), "dear": drawn(0.8, 1)})
    assert not_needed.verdict == "cheap: cheapest and best"


def test_verdicts_are_corrected_for_their_number():
    methods = {f"m{i}": drawn(0.9, i) for i in range(6)} | {"best": drawn(0.93, 9)}
    choice = evaluation.cheapest_as_good(methods)
    raw = [test.p_value for test in choice.tests.values()]
    np.testing.assert_allclose([t.adjusted_p for t in choice.tests.values()], evaluation.holm(raw))


@settings(deadline=None, max_examples=50)
@given(arrays(bool, st.integers(1, 40)))
def test_what_was_packed_is_unpacked(right):
    text = evaluation.pack_right(right)
    np.testing.assert_array_equal(evaluation.unpack_right(text, len(right)), right)


def test_bad_input_is_refused():
    ok = drawn(0.9, 0)
    for bad in (ok[0], ok[:1], ok.astype(int)):
        with pytest.raises(ValueError, match="truth values"):
            evaluation.compare_runs(ok, bad)
    with pytest.raises(ValueError, match="different shape"):
        evaluation.compare_runs(ok, ok[:3])
    with pytest.raises(ValueError, match="at least two methods"):
        evaluation.cheapest_as_good({"one": ok})
    with pytest.raises(ValueError, match="truth values"):
        evaluation.pack_right(np.arange(3))
    with pytest.raises(ValueError, match="not 40"):
        evaluation.unpack_right(evaluation.pack_right(ok[0, :20]), 40)
