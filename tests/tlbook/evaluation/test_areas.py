"""Areas under curves against scikit-learn, on random data with ties and on what is degenerate."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from tlbook import evaluation as ev
from tlbook.evaluation import areas


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
    roc = ev.roc_auc(labels, values, n_resamples=20)
    average = ev.average_precision(labels, values, n_resamples=20)
    if truth.any():
        assert average.value == pytest.approx(metrics.average_precision_score(truth, values))
        assert average.low <= average.high
    else:
        assert math.isnan(average.value) and (average.low, average.high) == (0, 1)
    if truth.any() and not truth.all():
        assert roc.value == pytest.approx(metrics.roc_auc_score(truth, values))
        assert 0 <= roc.low <= roc.high <= 1
    else:
        assert math.isnan(roc.value) and (roc.low, roc.high) == (0, 1)


@settings(max_examples=100, deadline=None)
@given(scored(), st.integers(0, 2**32 - 1))
def test_drawn_images_count_as_scikit_learns_weights(data, seed):
    truth, values = data
    weights = np.random.default_rng(seed).integers(0, 4, truth.size)
    order = np.argsort(-values, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(values[order]) != 0])
    roc, average = areas._areas(weights[None, order].astype(float), truth[order], starts)
    if weights[truth].sum() == 0:
        assert np.isnan(average[0])
        return
    assert average[0] == pytest.approx(metrics.average_precision_score(truth, values, sample_weight=weights))
    if weights[~truth].sum():
        assert roc[0] == pytest.approx(metrics.roc_auc_score(truth, values, sample_weight=weights))


def test_the_interval_is_that_of_a_plain_bootstrap():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300)
    values = labels + rng.normal(0, 1, 300)
    plain = ev.bootstrap(lambda y, s: metrics.roc_auc_score(y, s), labels, values, n_resamples=400, seed=1)
    found = ev.roc_auc(labels, values)
    # two bootstraps of 400 draws or more: their ends differ by a few standard errors of a quantile
    assert found.low == pytest.approx(plain.low, abs=0.012)
    assert found.high == pytest.approx(plain.high, abs=0.012)


def test_the_interval_covers():
    rng = np.random.default_rng(1)
    truth_area = 0.7602  # of two normal distributions one standard deviation apart: Phi(1 / sqrt 2)
    covered = 0
    for seed in range(500):
        labels = rng.integers(0, 2, 200)
        covered += ev.roc_auc(labels, labels + rng.normal(0, 1, 200), n_resamples=300, seed=seed).contains(truth_area)
    # 500 experiments: the standard error is 0.01
    assert 0.92 <= covered / 500 <= 0.98


def test_one_image():
    assert math.isnan(ev.roc_auc([1], [0.3]).value)
    alone = ev.average_precision([1], [0.3])
    assert (alone.value, alone.low, alone.high, alone.n) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("function", "score"),
    [(ev.roc_auc, metrics.roc_auc_score), (ev.average_precision, metrics.average_precision_score)],
)
def test_the_interval_is_made_of_the_resamples_areas(function, score):
    """The same draws, given to scikit-learn as weights, by default 1,000 of seed 0, and their middle 95 %."""
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 2, 30)
    values = np.round(labels + rng.normal(0, 1, 30), 1)
    order = np.argsort(-values, kind="stable")
    draws = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30), size=1000)
    drawn = [score(labels[order], values[order], sample_weight=weights) for weights in draws]
    found = function(labels, values)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))
    assert (found.n, found.confidence, found.unit) == (30, 0.95, "")
    narrow = function(labels, values, confidence=0.8)
    assert (narrow.low, narrow.high) == pytest.approx(tuple(np.quantile(drawn, [0.1, 0.9])))


def test_another_positive_class_and_blocks_of_resamples(monkeypatch):
    rng = np.random.default_rng(2)
    labels, values = rng.integers(0, 3, 50), rng.random(50)
    whole = ev.roc_auc(labels, values, pos_label=2)
    assert whole.value == pytest.approx(metrics.roc_auc_score(labels == 2, values))
    for cells in (
        150,
        10,
    ):  # three resamples at a time, which does not go into 1,000; one, with fewer cells than images
        monkeypatch.setattr(areas, "_CELLS", cells)
        assert ev.roc_auc(labels, values, pos_label=2) == whole


def test_resamples_without_a_class_are_left_out():
    labels, values = [0, 0, 0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.9, 0.5]
    found = ev.roc_auc(labels, values)
    assert found.value == pytest.approx(0.8)
    assert 0 <= found.low < found.high == 1
    # a single resample without the positive, which is the second in order of falling score: nothing is known
    seed = next(s for s in range(99) if np.random.default_rng(s).multinomial(6, np.full(6, 1 / 6), size=1)[0, 1] == 0)
    alone = ev.roc_auc(labels, values, n_resamples=1, seed=seed)
    assert (alone.low, alone.high) == (0, 1)
    assert alone.value == pytest.approx(0.8)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="confidence"):
        ev.roc_auc([0, 1], [0.1, 0.2], confidence=1.0)
    with pytest.raises(ValueError, match="finite"):
        ev.average_precision([0, 1], [0.1, math.nan])
