"""Areas under curves against scikit-learn, on random data with ties and on what is degenerate; their intervals by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from tlbook import evaluation as ev


@st.composite
def scored(draw):
    n = draw(st.integers(2, 40))
    truth = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    # few different scores, so that there are ties
    values = np.array(draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n)), float)
    return truth, values


@settings(max_examples=150, deadline=None)
@given(scored())
def test_values_are_those_of_scikit_learn(data):
    truth, values = data
    labels = truth.astype(int)
    roc = ev.roc_auc(labels, values)
    average = ev.average_precision(labels, values)
    if truth.any():
        assert average.value == pytest.approx(metrics.average_precision_score(truth, values))
        assert 0 <= average.low <= average.value <= average.high <= 1
    else:
        assert math.isnan(average.value) and (average.low, average.high) == (0, 1)
    if truth.any() and not truth.all():
        assert roc.value == pytest.approx(metrics.roc_auc_score(truth, values))
        assert 0 <= roc.low <= roc.value <= roc.high <= 1
        # the classes exchanged, and the scores turned round
        other = ev.roc_auc(labels, -values)
        assert (other.low, other.high) == pytest.approx((1 - roc.high, 1 - roc.low))
        same = ev.roc_auc(1 - labels, -values)
        assert (same.low, same.high) == pytest.approx((roc.low, roc.high))
    else:
        assert math.isnan(roc.value) and (roc.low, roc.high) == (0, 1)
    assert roc.n == average.n == truth.size


def with_extra(values):
    """Mean and variance of the mean of values and a quarter of one that is 1/2, by repeating: four each, and one."""
    repeated = np.append(np.repeat(values, 4), 0.5)
    total = len(values) + 0.25
    return repeated.mean(), repeated.var() * total / (total - 1) / total


@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_the_roc_interval_by_its_pairs(confidence):
    """DeLong's placements from the table of all pairs, with the quarter of an image."""
    rng = np.random.default_rng(6)
    labels = rng.random(40) < 0.4
    values = np.round(labels + rng.normal(0, 1, 40), 1)
    won = np.sign(values[labels][:, None] - values[~labels]) / 2 + 0.5
    area = won.mean()
    (mean_a, var_a), (mean_b, var_b) = with_extra(won.mean(axis=1)), with_extra(won.mean(axis=0))
    centre = mean_a + mean_b - area
    half = stats.norm.ppf(0.5 + confidence / 2) * math.sqrt(var_a + var_b) / centre / (1 - centre)
    expected = 1 / (1 + np.exp(-(math.log(centre / (1 - centre)) + np.array([-half, half]))))
    found = ev.roc_auc(labels.astype(int), values, confidence=confidence)
    assert (found.low, found.high) == pytest.approx(tuple(expected))
    assert (found.value, found.n, found.confidence, found.unit) == (pytest.approx(area), 40, confidence, "")


@pytest.mark.parametrize(("confidence", "n_negatives"), [(0.95, None), (0.8, None), (0.95, 2)])
def test_the_interval_of_average_precision_by_the_influence_of_each_image(confidence, n_negatives):
    """How much the area moves if an image weighs a little more, found by scikit-learn with weights."""
    rng = np.random.default_rng(7)
    labels = rng.random(40) < 0.4 if n_negatives is None else np.arange(40) >= n_negatives
    values = np.round(labels + rng.normal(0, 1, 40), 1)
    n, step = labels.sum(), 1e-5
    value = metrics.average_precision_score(labels, values)
    influence = np.empty(40)
    for image in range(40):
        weights = np.ones(40)
        weights[image] += step
        influence[image] = (metrics.average_precision_score(labels, values, sample_weight=weights) - value) / step
    variance = 0.0
    for one in (influence[labels], influence[~labels]):
        variance += one.size**2 / (one.size - 1) * one.var()
    centre = (n * value + 0.125) / (n + 0.25)
    variance += 0.25 * ((0.5 - centre) / (n + 0.25)) ** 2
    half = stats.t.ppf(0.5 + confidence / 2, n - 1) * math.sqrt(variance) / centre / (1 - centre)
    expected = 1 / (1 + np.exp(-(math.log(centre / (1 - centre)) + np.array([-half, half]))))
    found = ev.average_precision(labels.astype(int), values, confidence=confidence)
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-4)
    assert (found.value, found.n, found.confidence, found.unit) == (pytest.approx(value), 40, confidence, "")


def normal_scores(area, spread):
    """How far apart normal scores with standard deviations ``spread`` (positives) and 1 are, for this ROC area."""
    return stats.norm.ppf(area) * math.sqrt(1 + spread**2)


def true_average_precision(distance, spread, share):
    """The mean precision at the scores of positives, by numerical integration."""
    x = np.linspace(distance - 8 * spread, distance + 8 * spread, 20_001)
    found, alarms = share * stats.norm.sf(x, distance, spread), (1 - share) * stats.norm.sf(x)
    return np.trapezoid(stats.norm.pdf(x, distance, spread) * found / (found + alarms), x)


def covered(n_positives, n_negatives, area, spread, trials, seed=0):
    """Share of experiments whose interval holds the true ROC area, and the true average precision."""
    rng = np.random.default_rng(seed)
    distance = normal_scores(area, spread)
    average = true_average_precision(distance, spread, n_positives / (n_positives + n_negatives))
    labels = np.repeat([1, 0], [n_positives, n_negatives])
    hits = np.zeros(2)
    for _ in range(trials):
        values = np.r_[rng.normal(distance, spread, n_positives), rng.normal(0, 1, n_negatives)]
        hits += ev.roc_auc(labels, values).contains(area), ev.average_precision(labels, values).contains(average)
    return hits / trials


def roc_band(counts, area):
    """What the interval of the ROC area covers: 93 to 97 % but in two corners."""
    few, many = sorted(counts)
    return 0.925 if few < 20 else 0.93, 0.98 if area >= 0.97 and many >= 19 * few else 0.97


@pytest.mark.parametrize("area", [0.76, 0.9, 0.97])
@pytest.mark.parametrize("counts", [(10, 490), (50, 50), (100, 400)])
def test_intervals_cover(counts, area):
    roc, average = covered(*counts, area, 1.0, trials=1500)
    low, high = roc_band(counts, area)
    # 1,500 experiments: the standard error is 0.6 points
    assert low - 0.012 < roc < high + 0.012
    assert 0.92 < average < 0.998


@pytest.mark.thorough
@pytest.mark.parametrize("spread", [0.7, 1.0, 1.4])
@pytest.mark.parametrize("area", [0.6, 0.76, 0.9, 0.97, 0.99])
@pytest.mark.parametrize("counts", [(10, 490), (20, 80), (50, 50), (50, 950), (100, 100), (250, 250)])
def test_intervals_cover_over_the_whole_grid(counts, area, spread):
    roc, average = covered(*counts, area, spread, trials=3000)
    low, high = roc_band(counts, area)
    # 3,000 experiments: the standard error is 0.45 points
    assert low - 0.01 < roc < high + 0.01
    assert 0.895 < average < 0.999


def test_classes_that_are_parted_without_error_are_no_certainty():
    lows = []
    for n in (5, 10, 50):
        labels = np.repeat([1, 0], [n, 490])
        roc, average = ev.roc_auc(labels, labels), ev.average_precision(labels, labels)
        assert roc.value == roc.high == average.value == average.high == 1
        # the exact lower bound of n right answers of n
        exact = stats.binomtest(n, n).proportion_ci(0.95).low
        assert exact - 0.15 < roc.low < 0.99
        assert exact - 0.35 < average.low < 0.99
        lows.append((roc.low, average.low))
    assert lows == sorted(lows)
    turned = ev.roc_auc([0] * 9 + [1] * 9, np.arange(18)[::-1])
    assert (turned.value, turned.low) == (0, 0) and turned.high > 0.1


def test_scores_that_rank_nothing():
    same = ev.roc_auc([0, 1, 0, 1, 1], np.full(5, 0.3))
    assert (same.value, same.low, same.high) == (0.5, 0.5, 0.5)


def test_one_image():
    assert math.isnan(ev.roc_auc([1], [0.3]).value)
    alone = ev.average_precision([1], [0.3])
    assert (alone.value, alone.low, alone.high, alone.n) == (1, 0, 1, 1)
    # one positive among others says little
    few = ev.average_precision([0, 0, 1, 0], [0.1, 0.9, 0.4, 0.2])
    assert (few.value, few.low, few.high) == (0.5, 0, 1)
    all_of_them = ev.average_precision([1, 1, 1], [0.1, 0.9, 0.4])
    assert all_of_them.value == all_of_them.high == 1 and 0 < all_of_them.low < 0.9
    assert 0 < ev.roc_auc([1, 0, 0, 0], [0.5, 0.1, 0.9, 0.2]).low < 0.3


def test_another_positive_class():
    rng = np.random.default_rng(2)
    labels, values = rng.integers(0, 3, 50), rng.random(50)
    for function, score in (
        (ev.roc_auc, metrics.roc_auc_score),
        (ev.average_precision, metrics.average_precision_score),
    ):
        found = function(labels, values, pos_label=2)
        assert found.value == pytest.approx(score(labels == 2, values))
        assert found == function((labels == 2).astype(int), values)


def test_bad_input_is_refused():
    for function in (ev.roc_auc, ev.average_precision):
        with pytest.raises(ValueError, match="confidence"):
            function([0, 1], [0.1, 0.2], confidence=1.0)
        with pytest.raises(ValueError, match="finite"):
            function([0, 1], [0.1, math.nan])
