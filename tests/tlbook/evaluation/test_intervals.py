"""Intervals against statsmodels, SciPy and published examples."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from tlbook import evaluation as ev
from tlbook.evaluation import Estimate


@given(st.integers(1, 5000), st.data(), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_wilson_agrees_with_statsmodels_and_scipy(n, data, confidence):
    k = data.draw(st.integers(0, n))
    found = ev.wilson(k, n, confidence=confidence)
    low, high = proportion_confint(k, n, alpha=1 - confidence, method="wilson")
    np.testing.assert_allclose((found.low, found.high), (low, high), rtol=1e-9, atol=1e-12)
    other = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    np.testing.assert_allclose((found.low, found.high), (other.low, other.high), rtol=1e-9, atol=1e-12)
    assert found.value == k / n
    assert found.n == n
    assert found.confidence == confidence
    assert 0 <= found.low <= found.value <= found.high <= 1
    mirrored = ev.wilson(n - k, n, confidence=confidence)
    assert mirrored.low == pytest.approx(1 - found.high)
    assert mirrored.high == pytest.approx(1 - found.low)


def test_wilson_of_a_published_example():
    # Newcombe 1998, Stat. Med. 17:857, table I, method 3: 81/263, 15/148, 0/20, 1/29
    for k, n, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        found = ev.wilson(k, n)
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_wilson_at_the_ends():
    assert ev.wilson(0, 7).low == 0
    assert ev.wilson(7, 7).high == 1
    assert 0 < ev.wilson(7, 7).low < 1
    assert 0 < ev.wilson(0, 7).high < 1
    nothing = ev.wilson(0, 0)
    assert math.isnan(nothing.value)
    assert (nothing.low, nothing.high, nothing.n) == (0, 1, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = ev.wilson_bounds(np.array([0, 3, 0]), np.array([5, 3, 0]))
    assert low.shape == (3,)
    assert low[0] == 0
    assert high[1] == 1
    assert (low[2], high[2]) == (0, 1)
    assert isinstance(ev.wilson_bounds(1, 2)[0], float)


@pytest.mark.parametrize(("k", "n"), [(3, 2), (-1, 2), (0.5, 2), (1, 2.5), (0, -1)])
def test_wilson_refuses_what_is_no_count(k, n):
    with pytest.raises(ValueError, match="whole numbers"):
        ev.wilson_bounds(k, n)
    with pytest.raises(ValueError, match="whole numbers"):  # one bad count among good ones is enough
        ev.wilson_bounds([1, k, 2], [2, n, 2])


# Estimate


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (ev.wilson(1948, 2000), "97.4 % (96.6 to 98.0)"),
        (Estimate(0.012, -0.003, 0.027, 1000, unit="points"), "+1.2 points (−0.3 to 2.7)"),
        (Estimate(-0.012, -0.03, 0.001, 1000, unit="points"), "−1.2 points (−3.0 to 0.1)"),
        (Estimate(0.0, -0.01, 0.01, 10, unit="points"), "+0.0 points (−1.0 to 1.0)"),
        (Estimate(0.98765, 0.9, 0.99, 10, unit=""), "0.988 (0.900 to 0.990)"),
        (Estimate(math.nan, 0, 1, 0), "undefined (n = 0)"),
    ],
)
def test_how_estimates_are_written(estimate, text):
    assert str(estimate) == text
    assert f"{estimate}" == text


def test_estimate_formats_and_contains():
    estimate = ev.wilson(1948, 2000)
    assert f"{estimate:.2f}" == "97.40 % (96.61 to 98.01)"
    assert f"{Estimate(0.5, 0.25, 0.75, 4, unit=''):.1f}" == "0.5 (0.2 to 0.8)"
    assert float(estimate) == 0.974
    assert estimate.contains(estimate.low)
    assert estimate.contains(estimate.high)
    assert estimate.contains(0.97)
    assert not estimate.contains(0.99)
    assert not estimate.contains(0.9)
    assert not estimate.contains(math.nan)


# bootstrap


def test_bootstrap_is_the_quantiles_of_resampled_means():
    x = np.random.default_rng(3).exponential(size=60)
    found = ev.bootstrap(np.mean, x, vectorized=True, n_resamples=4000, unit="")
    draws = np.random.default_rng(9).choice(x, (4000, 60)).mean(axis=1)
    np.testing.assert_allclose([found.low, found.high], np.quantile(draws, [0.025, 0.975]), atol=0.02)
    assert found.value == x.mean()
    assert (found.n, found.unit, found.confidence) == (60, "", 0.95)
    assert ev.bootstrap(np.mean, x, vectorized=True, n_resamples=4000, unit="") == found
    assert ev.bootstrap(np.mean, x, vectorized=True, n_resamples=4000, unit="", seed=1) != found


@pytest.mark.parametrize("method", ["percentile", "BCa", "basic"])
def test_bootstrap_methods_are_scipys(method):
    x = np.random.default_rng(4).exponential(size=40)
    found = ev.bootstrap(np.mean, x, method=method, n_resamples=500, seed=7, confidence=0.9)
    expected = stats.bootstrap(
        (x,), np.mean, method=method, n_resamples=500, confidence_level=0.9, rng=np.random.default_rng(7)
    ).confidence_interval
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high], rtol=1e-12)
    fast = ev.bootstrap(np.mean, x, method=method, n_resamples=500, seed=7, confidence=0.9, vectorized=True)
    np.testing.assert_allclose([found.low, found.high], [fast.low, fast.high], rtol=1e-12)


def test_bootstrap_keeps_the_arrays_together():
    labels = np.random.default_rng(0).integers(0, 2, 50)
    assert ev.bootstrap(ev.accuracy, labels, labels, n_resamples=50) == Estimate(1.0, 1.0, 1.0, 50)
    z = np.random.default_rng(1).normal(size=(50, 2))
    metric = lambda y, logits: ev.accuracy(y, ev.predictions(logits))  # noqa: E731
    found = ev.bootstrap(metric, labels, z, n_resamples=50)
    assert found.value == ev.accuracy(labels, ev.predictions(z)).value
    assert found.low < found.value < found.high


def test_bootstrap_defaults_and_degenerate_input():
    for method in ("percentile", "BCa", "basic"):
        found = ev.bootstrap(np.mean, np.zeros(5), method=method, n_resamples=20)
        assert (found.value, found.low, found.high) == (0, 0, 0)
    x = np.arange(9.0)
    assert ev.bootstrap(np.mean, x) == ev.bootstrap(np.mean, x, n_resamples=2000)
    assert ev.bootstrap(np.mean, x) != ev.bootstrap(np.mean, x, n_resamples=4000)
    two = ev.bootstrap(np.mean, [0.0, 1.0], n_resamples=500)
    assert (two.low, two.high) == (0, 1)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (([1.0],), {}, "at least two observations"),
        ((), {}, "at least one array"),
        ((3.0,), {}, "at least one array"),
        (([1.0, 2.0], [1.0]), {}, "different length: 2, 1"),
        (([1.0, 2.0],), {"method": "studentized"}, "'studentized'"),
    ],
)
def test_bootstrap_refuses(args, kwargs, message):
    with pytest.raises(ValueError, match=message):
        ev.bootstrap(lambda *arrays: float(np.mean(arrays[0])), *args, **kwargs)


def test_bootstrap_refuses_a_metric_that_some_resamples_cannot_have():
    labels = np.array([1] + [0] * 9)
    recall = lambda y, p: ev.recall(y, p)  # noqa: E731
    with pytest.raises(ValueError, match="metric is nan on a resample of 10"):
        ev.bootstrap(recall, labels, labels, n_resamples=200)


def test_groups_are_drawn_with_all_their_images():
    """As a bootstrap of the groups' sums and sizes, which needs no images."""
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(["a", "b", "c", "d", "e", "f"], [1, 2, 3, 5, 8, 13]))
    x = rng.random(32) + (groups == "f")
    found = ev.bootstrap(np.mean, x, groups=groups, n_resamples=4000, unit="")
    sums = np.array([x[groups == one].sum() for one in "abcdef"])
    draws = rng.integers(0, 6, (20_000, 6))
    ratio = sums[draws].sum(axis=1) / np.array([1, 2, 3, 5, 8, 13])[draws].sum(axis=1)
    np.testing.assert_allclose([found.low, found.high], np.quantile(ratio, [0.025, 0.975]), atol=0.03)
    assert (found.value, found.n) == (pytest.approx(x.mean()), 32)
    # a group each is the ordinary bootstrap
    alone = ev.bootstrap(np.mean, x, groups=np.arange(32), n_resamples=500)
    assert alone == ev.bootstrap(np.mean, x, n_resamples=500)


def test_groups_cover_where_images_alone_do_not():
    rng, trials, inside = np.random.default_rng(1), 200, np.zeros(2)
    groups = np.repeat(np.arange(30), 10)
    for seed in range(trials):
        right = rng.random(300) < np.clip(0.7 + rng.normal(0, 0.15, 30), 0, 1)[groups]
        with_groups = ev.bootstrap(np.mean, right, groups=groups, n_resamples=200, seed=seed)
        without = ev.bootstrap(np.mean, right, vectorized=True, n_resamples=200, seed=seed)
        inside += with_groups.contains(0.7), without.contains(0.7)
    # 200 trials: the standard error is 2 points
    assert inside[0] / trials > 0.89
    assert inside[1] / trials < 0.89


@pytest.mark.parametrize(
    ("groups", "options", "message"),
    [
        ([1, 2], {}, "each of 4 observations"),
        (["a"] * 4, {}, "at least two of them"),
        ([1, 1, 2, 2], {"vectorized": True}, "vectorized"),
    ],
)
def test_groups_that_cannot_be_drawn_are_refused(groups, options, message):
    with pytest.raises(ValueError, match=message):
        ev.bootstrap(np.mean, np.arange(4.0), groups=groups, **options)


def test_a_metric_that_noise_raises_is_noted():
    rng = np.random.default_rng(2)
    p = rng.uniform(0.5, 1, 500)
    labels = (rng.random(500) < p).astype(int)
    with pytest.warns(UserWarning, match="standard errors from the value .* does not suit this metric"):
        found = ev.bootstrap(ev.expected_calibration_error, labels, np.stack([1 - p, p], 1), n_resamples=200, unit="")
    assert not found.contains(0)  # which is the calibration error of this model
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # rounding shifts what is the same on every resample
        ev.bootstrap(lambda x: float(np.sum(x) / 3), np.full(40, 0.1), n_resamples=50)
        for seed in range(5):
            ev.bootstrap(ev.f1_score, labels, (p > 0.7).astype(int), n_resamples=200, seed=seed)
            ev.bootstrap(np.mean, labels, vectorized=True, n_resamples=200, seed=seed)


# seeds


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12), st.sampled_from([0.5, 0.9, 0.95]))
def test_seed_spread_agrees_with_scipy(values, confidence):
    found = ev.seed_spread(values, confidence=confidence)
    x = np.array(values)
    assert found.mean == pytest.approx(np.mean(x))
    assert found.sd == pytest.approx(np.std(x, ddof=1))
    assert (found.min, found.median, found.max, found.n) == (x.min(), np.median(x), x.max(), x.size)
    if np.ptp(x) > 1e-9:
        low, high = stats.t.interval(confidence, x.size - 1, loc=x.mean(), scale=stats.sem(x))
        assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.confidence == confidence


def test_seed_spread_by_hand():
    found = ev.seed_spread([0.90, 0.92, 0.94])
    # sd 0.02; t quantile with 2 degrees of freedom 4.302653
    assert found.sd == pytest.approx(0.02)
    assert found.high - found.mean == pytest.approx(4.302653 * 0.02 / math.sqrt(3), rel=1e-6)
    assert str(found) == "92.0 % (87.0 to 97.0), runs from 90.0 to 94.0, n = 3"
    same = ev.seed_spread([0.5, 0.5])
    assert (same.sd, same.low, same.high) == (0, 0.5, 0.5)


@pytest.mark.parametrize("values", [[], [0.5], 0.5, [[0.5, 0.6]], [0.5, np.nan], [0.5, np.inf]])
def test_seed_spread_refuses(values):
    with pytest.raises(ValueError, match="seeds"):
        ev.seed_spread(values)
