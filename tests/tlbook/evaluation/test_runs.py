"""Methods compared over several runs on the same images."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.optimize import brentq
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from tlbook import evaluation


def drawn(p: float, seed: int, runs: int = 5, n: int = 1000) -> np.ndarray:
    return np.random.default_rng(seed).random((runs, n)) < p


def test_it_is_a_two_way_layout_with_both_factors_random():
    """Against statsmodels' table of the analysis of variance."""
    a, b = drawn(0.8, 0, n=24), drawn(0.7, 1, n=24)
    a[:2, :10] = True  # runs and images that add to the residual
    b[2:, 12:18] = False
    test = evaluation.compare_runs(a, b, names=("a", "b"))
    gaps = a.astype(float) - b
    run, image = np.indices(gaps.shape)
    data = pd.DataFrame({"gap": gaps.ravel(), "run": run.ravel(), "image": image.ravel()})
    table = anova_lm(ols("gap ~ C(run) + C(image)", data).fit())
    squares = (table["mean_sq"] / gaps.size).to_numpy()
    r, c, e = squares
    assert r > e and c > e
    variance = r + c - e
    df = variance**2 / (squares**2 / table["df"].to_numpy()).sum()
    assert (test.standard_error, test.df) == (pytest.approx(np.sqrt(variance)), pytest.approx(df))
    half = stats.t.ppf(0.975, df) * np.sqrt(variance)
    mean = a.mean() - b.mean()
    assert test.difference.value == pytest.approx(mean)
    assert (test.difference.low, test.difference.high) == pytest.approx((mean - half, mean + half))
    assert test.p_value == pytest.approx(2 * stats.t.sf(abs(mean) / np.sqrt(variance), df))
    assert (test.n, test.method) == (5, "t over runs and images")


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


def test_differences_that_are_all_the_same_have_no_spread():
    a = drawn(0.9, 0)
    same = evaluation.compare_runs(a, a)
    assert (same.p_value, same.difference.low, same.difference.high, same.detectable) == (1, 0, 0, None)
    always = evaluation.compare_runs(np.ones((3, 9), bool), np.zeros((3, 9), bool))
    assert (always.p_value, always.difference.low, always.difference.high, always.winner) == (0, 1, 1, "A")


def test_a_margin_makes_a_third_verdict():
    a = drawn(0.9, 0)
    b = a.copy()
    b[0, :5], b[1, 5:10] = ~b[0, :5], ~b[1, 5:10]
    assert evaluation.compare_runs(a, b, margin=0.01).verdict == "A and B differ by less than 1.0 points"
    assert evaluation.compare_runs(a, b).verdict == "cannot tell"


# plans


def test_components_are_those_of_the_pilot():
    a, b = drawn(0.9, 3, runs=6, n=20), drawn(0.8, 4, runs=6, n=20)
    a[:3] = True
    b[:, 10:15] = False
    plan = evaluation.variance_components(a, b)
    gaps = a.astype(float) - b
    run, image = np.indices(gaps.shape)
    data = pd.DataFrame({"gap": gaps.ravel(), "run": run.ravel(), "image": image.ravel()})
    r, c, e = anova_lm(ols("gap ~ C(run) + C(image)", data).fit())["mean_sq"]
    assert (plan.runs, plan.images, plan.residual) == pytest.approx(((r - e) / 20, (c - e) / 6, e))
    # a factor below the residual adds nothing
    alike = np.stack([np.roll(np.arange(30) < 27, 5 * one) for one in range(4)])
    assert evaluation.variance_components(alike, ~alike).runs == 0


def test_a_plan_says_what_runs_and_images_can_find():
    plan = evaluation.VarianceComponents(runs=0.01**2, images=0.1, residual=0.05)
    few, more = plan.detectable(5, 1000), plan.detectable(10, 1000)
    assert few > more > plan.detectable(10, 4000) > plan.detectable(20, 4000)
    assert plan.detectable(10, 1000, comparisons=5) > more
    assert plan.detectable(10, 1000, confidence=0.9) < more < plan.detectable(10, 1000, power=0.9)
    assert plan.detectable(10, 1000, confidence=0.9, comparisons=2) == pytest.approx(more)
    # the other way round
    assert plan.runs_needed(few, 1000) == 5
    assert plan.runs_needed(more * 1.0001, 1000) == 10
    assert plan.images_needed(more * 1.0001, 10) in (999, 1000)
    assert plan.runs_needed(more, 1000, comparisons=5) > 10
    # images alone leave the luck of the runs, and runs that of the images
    assert plan.images_needed(0.005, 5) == np.inf
    assert plan.runs_needed(0.005, 1000) == np.inf
    assert plan.runs_needed(0.5, 1000) == 2
    assert evaluation.VarianceComponents(0, 0, 0).detectable(2, 2) == 0


@pytest.mark.parametrize(("n", "level", "power"), [(3, 0.05, 0.8), (5, 0.05, 0.8), (5, 0.01, 0.9), (20, 0.05, 0.6)])
def test_a_plan_where_one_factor_brings_all_the_luck_is_that_of_a_t_test(n, level, power):
    """Against the noncentral t distribution, with n runs or n images that differ by 4 points."""
    needed = stats.t.isf(level / 2, n - 1)
    options = {"confidence": 1 - level, "power": power}
    expected = 0.04 / np.sqrt(n) * brentq(lambda shift: stats.nct.sf(needed, n - 1, shift) - power, 0, 60)
    of_runs = evaluation.VarianceComponents(runs=0.04**2, images=0, residual=0)
    assert of_runs.detectable(n, 500, **options) == pytest.approx(expected, rel=0.01)
    of_images = evaluation.VarianceComponents(runs=0, images=0.04**2, residual=0)
    assert of_images.detectable(500, n, **options) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(("i", "j"), [(4, 3), (3, 4), (6, 40), (5, 2)])
def test_a_plan_finds_as_often_as_it_says(i, j):
    """A million experiments, where runs, images and what is left of the luck all count; the latter is taken as known."""
    plan = evaluation.VarianceComponents(runs=4e-4, images=2e-3, residual=4e-3)
    found = plan.detectable(i, j)
    rng, n = np.random.default_rng(0), 1_000_000
    residual = 4e-3 / (i * j)
    runs, images = 4e-4 / i + residual, 2e-3 / j + residual
    a, b = runs * rng.chisquare(i - 1, n) / (i - 1), images * rng.chisquare(j - 1, n) / (j - 1)
    both, neither = (a > residual) & (b > residual), (a <= residual) & (b <= residual)
    left = np.where(both, -residual, np.where(neither, residual, 0))
    parts = np.where(a > residual, a, 0), np.where(b > residual, b, 0), left
    variance = sum(parts)
    df = variance**2 / sum(part**2 / of for part, of in zip(parts, (i - 1, j - 1, (i - 1) * (j - 1)), strict=True))
    gap = rng.normal(found, np.sqrt(4e-4 / i + 2e-3 / j + residual), n)
    assert np.mean(gap / np.sqrt(variance) > stats.t.isf(0.025, df)) == pytest.approx(0.8, abs=0.012)


def test_plans_refuse():
    plan = evaluation.VarianceComponents(0.01, 0.1, 0.05)
    with pytest.raises(ValueError, match="n_runs=1"):
        plan.detectable(1, 100)
    with pytest.raises(ValueError, match="n_images=1"):
        plan.detectable(5, 1)
    with pytest.raises(ValueError, match="comparisons=0"):
        plan.detectable(5, 100, comparisons=0)
    with pytest.raises(ValueError, match=r"power=1\.5"):
        plan.detectable(5, 100, power=1.5)
    for bad in (0, -0.1, 1.5):
        with pytest.raises(ValueError, match=r"difference=.*as a share"):
            plan.runs_needed(bad, 100)
    with pytest.raises(ValueError, match=r"images=-1: give a number not below 0, a variance"):
        evaluation.VarianceComponents(0, -1, 0)


# the cheapest that will do


def test_the_cheapest_that_is_shown_to_be_close_is_chosen():
    dear = drawn(0.95, 0, n=2000)
    middle = dear.copy()
    middle[:, :4] = ~middle[:, :4]
    if middle.mean() > dear.mean():
        dear, middle = middle, dear
    found = evaluation.cheapest_within({"cheap": drawn(0.85, 2, n=2000), "middle": middle, "dear": dear})
    assert (found.best, found.chosen, found.margin) == ("dear", "middle", 0.01)
    assert found.tests["cheap"].winner == "dear"
    assert list(found.tests) == ["cheap", "middle"]
    assert found.tests["cheap"].names == ("cheap", "dear")
    assert found.verdict == "middle: dear is better, by less than 1.0 points"
    # what is worse by less than a larger margin, and is cheaper, is taken
    wider = evaluation.cheapest_within({"cheap": drawn(0.85, 2, n=2000), "dear": dear}, margin=0.15)
    assert wider.chosen == "cheap"


def test_nothing_is_chosen_because_an_experiment_is_small():
    methods = {"cheap": drawn(0.93, 2, runs=3, n=100), "dear": drawn(0.95, 1, runs=3, n=100)}
    found = evaluation.cheapest_within(methods)
    assert found.tests["cheap"].verdict == "cannot tell"
    assert found.chosen == "dear"
    assert found.verdict == "dear: nothing cheaper is shown to be less than 1.0 points worse"
    turned = evaluation.cheapest_within({"cheap": methods["dear"], "dear": methods["cheap"]})
    assert turned.verdict == "cheap: cheapest and most accurate"
    assert turned.tests == {}


def test_verdicts_are_corrected_for_their_number():
    methods = {f"m{i}": drawn(0.9, i) for i in range(6)} | {"best": drawn(0.93, 9)}
    found = evaluation.cheapest_within(methods)
    alone = [evaluation.compare_runs(methods[name], methods["best"], confidence=1 - 0.05 / 6) for name in found.tests]
    adjusted = evaluation.holm([test.p_value for test in alone])
    for test, single, p in zip(found.tests.values(), alone, adjusted, strict=True):
        assert test.adjusted_p == p
        assert (test.comparisons, test.confidence, test.difference.confidence) == (6, 0.95, pytest.approx(1 - 0.05 / 6))
        ends = np.array([single.difference.low, single.difference.high])
        shown = np.array([test.difference.low, test.difference.high])
        assert ((shown == ends) | (shown == 0)).all()
        assert test.winner is None or not shown.min() < 0 < shown.max()


def test_a_method_that_loses_the_margin_is_rarely_chosen():
    rng, trials, wrong, right = np.random.default_rng(0), 400, 0, 0
    for _ in range(trials):
        chance = np.clip(0.75 + rng.normal(0, 0.15, 400), 0, 1)
        methods = {
            name: rng.random((5, 400)) < chance - loss
            for name, loss in (("one", 0.06), ("two", 0.06), ("three", 0.0), ("dear", 0.0))
        }
        chosen = evaluation.cheapest_within(methods, margin=0.06).chosen
        wrong += chosen in ("one", "two")
        right += chosen == "three"
    assert wrong / trials < 0.04
    assert right / trials > 0.2


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
        evaluation.cheapest_within({"one": ok})
    with pytest.raises(ValueError, match="truth values"):
        evaluation.pack_right(np.arange(3))
    with pytest.raises(ValueError, match="not 40"):
        evaluation.unpack_right(evaluation.pack_right(ok[0, :20]), 40)
