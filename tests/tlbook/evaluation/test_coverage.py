"""Do the intervals cover, and do the tests keep their level? 2,000 simulated experiments of n = 200.

Every simulation is seeded, so each test gives the same figure every time. The standard error of a share near
0.95 over 2,000 experiments is 0.005.
"""

import numpy as np
import pytest

from tlbook import evaluation as ev

EXPERIMENTS, N = 2000, 200


def right(p, seed):
    """Which images a model of accuracy p classifies correctly, in each experiment."""
    return np.random.default_rng(seed).random((EXPERIMENTS, N)) < p


@pytest.mark.parametrize("p", [0.7, 0.8, 0.9, 0.95])
def test_wilson_covers(p):
    low, high = ev.wilson_bounds(right(p, seed=1).sum(axis=1), N)
    assert 0.93 <= ((low <= p) & (p <= high)).mean() <= 0.97


@pytest.mark.parametrize("p", [0.7, 0.9])
def test_bootstrap_covers(p):
    covered = 0
    for experiment, hits in enumerate(right(p, seed=2)):
        found = ev.bootstrap(np.mean, hits, vectorized=True, n_resamples=300, seed=experiment)
        covered += found.contains(p)
    assert 0.93 <= covered / EXPERIMENTS <= 0.97


def test_f1_interval_covers():
    rng = np.random.default_rng(3)
    labels = rng.random((EXPERIMENTS, N)) < 0.4
    guess = np.where(labels, rng.random(labels.shape) < 0.8, rng.random(labels.shape) < 0.1)
    truth = 2 * 0.4 * 0.8 / (2 * 0.4 * 0.8 + 0.4 * 0.2 + 0.6 * 0.1)
    covered = sum(ev.f1_score(y, p).contains(truth) for y, p in zip(labels, guess, strict=True))
    assert 0.93 <= covered / EXPERIMENTS <= 0.97


def test_macro_interval_covers():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, (400, N))
    guess = np.where(rng.random(labels.shape) < 0.8, labels, (labels + 1) % 3)
    covered = [
        ev.recall(y, p, average="macro", seed=i).contains(0.8)
        for i, (y, p) in enumerate(zip(labels, guess, strict=True))
    ]
    # 400 experiments: the standard error is 0.011
    assert 0.91 <= np.mean(covered) <= 0.98


def two_models(only_a, only_b, seed):
    """Predictions of A and B on images of class 0, with these shares right by one of them only."""
    u = np.random.default_rng(seed).random((EXPERIMENTS, N))
    a = ((u >= only_a) & (u < only_a + only_b)).astype(int)
    b = (u < only_a).astype(int)
    return np.zeros(N, int), a, b


@pytest.mark.parametrize("discordant", [0.04, 0.1, 0.2])
def test_mcnemar_keeps_its_level_and_its_interval_covers(discordant):
    labels, a, b = two_models(discordant / 2, discordant / 2, seed=5)
    tests = [ev.mcnemar(labels, first, second) for first, second in zip(a, b, strict=True)]
    assert np.mean([test.winner is not None for test in tests]) <= 0.06
    # where few images are discordant, the exact test is on the strict side, and the interval follows it
    assert 0.93 <= np.mean([test.difference.contains(0) for test in tests]) <= (0.99 if discordant < 0.1 else 0.97)


@pytest.mark.parametrize("discordant", [0.04, 0.1, 0.2])
def test_paired_bootstrap_keeps_its_level_and_its_interval_covers(discordant):
    labels, a, b = two_models(discordant / 2, discordant / 2, seed=6)
    tests = [
        ev.paired_bootstrap(labels, first, second, n_resamples=2000, seed=i)
        for i, (first, second) in enumerate(zip(a, b, strict=True))
    ]
    assert np.mean([test.winner is not None for test in tests]) <= 0.06
    assert 0.93 <= np.mean([test.difference.contains(0) for test in tests]) <= 0.97


def test_intervals_cover_a_difference_that_is_there():
    labels, a, b = two_models(0.15, 0.05, seed=7)
    exact = [ev.mcnemar(labels, first, second) for first, second in zip(a, b, strict=True)]
    assert 0.93 <= np.mean([test.difference.contains(0.1) for test in exact]) <= 0.97
    drawn = [
        ev.paired_bootstrap(labels, first, second, n_resamples=1000, seed=i)
        for i, (first, second) in enumerate(zip(a, b, strict=True))
    ]
    assert 0.93 <= np.mean([test.difference.contains(0.1) for test in drawn]) <= 0.97
    # the tests see it nearly always, and never the wrong way round
    for tests in (exact, drawn):
        winners = [test.winner for test in tests]
        assert winners.count("A") / EXPERIMENTS > 0.85
        assert winners.count("B") == 0


def test_paired_t_keeps_its_level_and_its_interval_covers():
    runs = np.random.default_rng(8).normal(0.9, 0.01, (2, EXPERIMENTS, 5))
    tests = [ev.paired_t(a, b) for a, b in zip(*runs, strict=True)]
    assert np.mean([test.winner is not None for test in tests]) <= 0.06
    assert 0.93 <= np.mean([test.difference.contains(0) for test in tests]) <= 0.97
    spreads = [ev.seed_spread(a) for a in runs[0]]
    assert 0.93 <= np.mean([one.low <= 0.9 <= one.high for one in spreads]) <= 0.97


def test_holm_keeps_the_chance_of_any_false_alarm():
    # five equally good models against each other: ten comparisons of true nulls
    u = np.random.default_rng(9).random((400, 5, N)) < 0.9
    labels = np.zeros(N, int)
    alarms, uncorrected = 0, 0
    for models in u:
        tests = ev.compare_all(labels, {str(i): (~hits).astype(int) for i, hits in enumerate(models)})
        alarms += any(test.winner is not None for test in tests)
        uncorrected += any(test.p_value < 0.05 for test in tests)
    assert alarms / len(u) <= 0.06
    assert uncorrected / len(u) > 0.1  # what the correction is for
