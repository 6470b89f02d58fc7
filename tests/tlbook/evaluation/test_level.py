"""Do the comparisons hold their level, do their intervals cover, and what do they find? Simulated.

``test_coverage.py`` asks the same of what speaks of one run of a model. Every simulation is seeded.
"""

import numpy as np
import pytest
from scipy import special, stats

from tlbook import evaluation as ev
from tlbook.evaluation.runs import _crossed

# shares of the variance of the mean difference that come from runs, images and the rest
SHARES = [
    ((1 - rest) * runs, (1 - rest) * (1 - runs), rest)
    for rest in (0.0, 0.1, 0.4, 0.8)
    for runs in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
] + [(0.0, 0.0, 1.0)]
EXPERIMENTS = 20_000  # the standard error of a share of 5 % is 0.15 points
# highest share of false alarms at 5 %; with three runs it is reached where nearly all of the variance comes from the runs
MOST = {3: 0.085, 4: 0.070, 5: 0.065, 10: 0.060, 20: 0.058, 40: 0.058}


def experiments(rng, n_runs, n_images, shares):
    """Mean difference around 0 in units of its true standard error, and mean squares, as normal data have them."""
    runs, images, rest = shares
    rest_df = (n_runs - 1) * (n_images - 1)
    mean = rng.standard_normal(EXPERIMENTS)
    squares = (
        (runs + rest) * rng.chisquare(n_runs - 1, EXPERIMENTS) / (n_runs - 1),
        (images + rest) * rng.chisquare(n_images - 1, EXPERIMENTS) / (n_images - 1),
        rest * rng.chisquare(rest_df, EXPERIMENTS) / rest_df,
    )
    return mean, *_crossed(*squares, n_runs, n_images)


@pytest.mark.parametrize("n_images", [100, 1_000, 10_000])
@pytest.mark.parametrize("n_runs", MOST)
def test_the_test_over_runs_and_images_holds_its_level(n_runs, n_images):
    rng = np.random.default_rng(n_runs * n_images)
    for shares in SHARES:
        mean, error, df = experiments(rng, n_runs, n_images, shares)
        # an alarm is an interval that does not cover the true difference
        alarms = (special.stdtr(df, -np.abs(mean) / error) < 0.025).mean()
        assert 0.022 < alarms < MOST[n_runs], shares


@pytest.mark.parametrize("n_runs", [3, 5, 10, 40])
def test_what_is_called_detectable_is_found_four_times_in_five(n_runs):
    """The difference that the true components promise, given to experiments that estimate them."""
    rng, n_images = np.random.default_rng(n_runs), 1_000
    for shares in SHARES:
        runs, images, rest = shares
        plan = ev.VarianceComponents(runs * n_runs, images * n_images, rest * n_runs * n_images)
        found, error, df = experiments(rng, n_runs, n_images, shares)
        power = (special.stdtr(df, -(found + plan.detectable(n_runs, n_images)) / error) < 0.025).mean()
        assert power == pytest.approx(0.8, abs=0.015), shares


def drawn(rng, n_runs, n_images, of_run, of_image, loss=0.0):
    """Two methods of true accuracy 80 % and 80 % + loss whose runs and images scatter, as truth values."""

    def method(mean):
        chance = mean + of_run * rng.uniform(-1, 1, (n_runs, 1)) + of_image * rng.uniform(-1, 1, (1, n_images))
        return rng.random((n_runs, n_images)) < np.clip(chance, 0, 1)

    return method(0.8 - loss), method(0.8)


def by_hand(a, b):
    """t and degrees of freedom, from sums of squares written out."""
    d = a.astype(int) - b.astype(int)
    i, j = d.shape
    total = (d**2).sum() - d.sum() ** 2 / (i * j)
    of_runs = (d.sum(axis=1) ** 2).sum() / j - d.sum() ** 2 / (i * j)
    of_images = (d.sum(axis=0) ** 2).sum() / i - d.sum() ** 2 / (i * j)
    r, c = of_runs / (i - 1), of_images / (j - 1)
    e = (total - of_runs - of_images) / ((i - 1) * (j - 1))
    if r > e and c > e:
        variance, df = r + c - e, (r + c - e) ** 2 / (r**2 / (i - 1) + c**2 / (j - 1) + e**2 / ((i - 1) * (j - 1)))
    else:
        variance, df = max((r, i - 1), (c, j - 1), (e, (i - 1) * (j - 1)))
    return d.mean() / np.sqrt(variance / (i * j)), df


@pytest.mark.parametrize(("n_runs", "of_run"), [(3, 0.05), (5, 0.05), (10, 0.1), (5, 0.0)])
def test_truth_values_hold_the_level_too_and_cover(n_runs, of_run):
    """Runs that bring more, as much, and no luck of their own beside that of 300 images."""
    rng, trials = np.random.default_rng(n_runs), 600
    alarms, covered = 0, 0
    for _ in range(trials):
        a, b = drawn(rng, n_runs, 300, of_run, 0.2)
        test = ev.compare_runs(a, b)
        t, df = by_hand(a, b)
        assert test.p_value == pytest.approx(2 * stats.t.sf(abs(t), df))
        alarms += test.winner is not None
        covered += test.difference.contains(0)
    assert alarms + covered == trials
    # 600 trials: the standard error is 0.9 points
    assert 0.015 < alarms / trials < (0.105 if n_runs == 3 else 0.08)


def test_what_the_two_tests_in_one_did_not_hold():
    """The larger p-value of one test over runs and one over images, with equal luck from each and little residual."""
    rng, alarms, trials = np.random.default_rng(1), {"two": 0, "one": 0}, 400
    for _ in range(trials):
        gaps = rng.normal(0, 0.2, (20, 1)) + rng.normal(0, 0.2 * np.sqrt(300 / 20), (1, 300))
        gaps = gaps + rng.normal(0, 0.05, gaps.shape)
        alarms["two"] += max(stats.ttest_1samp(gaps.mean(axis=one), 0).pvalue for one in (0, 1)) < 0.05
        r, c = gaps.mean(1).var(ddof=1) / 20, gaps.mean(0).var(ddof=1) / 300
        e = (gaps - gaps.mean(1, keepdims=True) - gaps.mean(0) + gaps.mean()).var() / gaps.size
        error, df = _crossed(r, c, e, 20, 300)
        alarms["one"] += 2 * stats.t.sf(abs(gaps.mean()) / error, df) < 0.05
    assert alarms["two"] / trials > 0.1
    assert alarms["one"] / trials < 0.075


@pytest.mark.parametrize(("n_runs", "of_run"), [(5, 0.03), (10, 0.0)])
def test_a_loss_of_just_the_margin_is_rarely_called_none(n_runs, of_run):
    rng, trials = np.random.default_rng(n_runs), 500
    tests = [ev.compare_runs(*drawn(rng, n_runs, 300, of_run, 0.1, loss=0.02), margin=0.02) for _ in range(trials)]
    assert np.mean(["A" in test.non_inferior for test in tests]) < 0.045  # 2.5 % and three standard errors
    # where nothing is lost, a margin that the experiment can see is met
    wide = [ev.compare_runs(*drawn(rng, n_runs, 300, of_run, 0.1), margin=0.08).non_inferior for _ in range(100)]
    assert np.mean([len(one) == 2 for one in wide]) > 0.8
