"""Curves against scikit-learn, costs against trying every threshold."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sk

from tlbook import evaluation as ev


@st.composite
def scored(draw, ties=True):
    """Labels of two classes and scores, with ties."""
    n = draw(st.integers(1, 25))
    labels = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    values = st.integers(0, 6).map(lambda i: i / 6) if draw(st.booleans()) else st.floats(-1, 1, width=16)
    return labels, np.array(draw(st.lists(values, min_size=n, max_size=n)), float)


@given(scored())
def test_roc_agrees_with_scikit_learn_and_with_counting_pairs(data):
    labels, scores = data
    assume(0 < labels.sum() < labels.size)
    found = ev.roc_curve(labels, scores)
    for got, want in zip(
        (found.false_positive_rate, found.true_positive_rate, found.thresholds),
        sk.roc_curve(labels, scores, drop_intermediate=False),
        strict=True,
    ):
        np.testing.assert_array_equal(got, want)
    up, down = scores[labels == 1][:, None], scores[labels == 0][None]
    assert found.area == pytest.approx(((up > down) + 0.5 * (up == down)).mean())
    turned = ev.roc_curve(labels, -scores, pos_label=0)
    assert turned.area == pytest.approx(found.area)


@given(scored())
def test_precision_recall_agrees_with_scikit_learn(data):
    labels, scores = data
    assume(labels.any())
    found = ev.precision_recall_curve(labels, scores)
    for got, want in zip(
        (found.precision, found.recall, found.thresholds), sk.precision_recall_curve(labels, scores), strict=True
    ):
        np.testing.assert_array_equal(got, want)
    assert found.area == pytest.approx(sk.average_precision_score(labels, scores))
    assert found.prevalence == labels.mean()


def test_curves_of_one_class():
    for labels in ([1, 1], [0, 0], [1]):
        with pytest.raises(ValueError, match=f"{sum(labels)} of {len(labels)} labels are class 1"):
            ev.roc_curve(labels, np.arange(len(labels)))
    with pytest.raises(ValueError, match="no label is 1"):
        ev.precision_recall_curve([0, 0], [0.1, 0.2])
    assert ev.precision_recall_curve([1, 1], [0.1, 0.2]).area == 1
    assert ev.precision_recall_curve([2, 0], [0.3, 0.2], pos_label=2).area == 1


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((2, 2)), r"probabilities\(logits\)\[:, 1\]"),
        ([0.1], "2 labels, but 1 scores"),
        ([0.1, np.nan], "finite"),
        ([np.inf, 0], "finite"),
        (["a", "b"], "real numbers"),
    ],
)
@pytest.mark.parametrize("function", [ev.roc_curve, ev.precision_recall_curve, ev.best_threshold])
def test_bad_scores_are_refused(function, scores, message):
    with pytest.raises(ValueError, match=message):
        function([0, 1], scores)


# costs

COST = st.sampled_from([0.0, 0.5, 1.0, 3.0, 10.0])


@given(scored(), COST, COST)
def test_best_threshold_is_the_cheapest_of_all(data, cost_fp, cost_fn):
    labels, scores = data
    assume(cost_fp + cost_fn > 0)
    costs = {"false_positive": cost_fp, "false_negative": cost_fn}
    best = ev.best_threshold(labels, scores, **costs)
    tries = np.concatenate([[-np.inf], np.unique(scores), [np.inf]])
    cheapest = min(ev.mean_cost(labels, scores >= t, **costs) for t in tries)
    assert best.cost == pytest.approx(cheapest)
    called = scores >= best.threshold
    assert ev.mean_cost(labels, called, **costs) == pytest.approx(best.cost)
    assert best.false_positives == int((called & (labels == 0)).sum())
    assert best.false_negatives == int((~called & (labels == 1)).sum())
    # the lowest of the cheapest: calling any more images positive costs more
    for t in tries[tries < best.threshold]:
        more = scores >= t
        if (more != called).any():
            assert ev.mean_cost(labels, more, **costs) > best.cost - 1e-12
            if cost_fp and ((more & ~called) & (labels == 0)).any() and not ((more & ~called) & (labels == 1)).any():
                assert ev.mean_cost(labels, more, **costs) > best.cost


def test_best_threshold_by_hand():
    labels, scores = [0, 0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5]
    assert ev.best_threshold(labels, scores) == ev.Threshold(0.25, 0.2, 1, 0)
    found = ev.best_threshold(labels, scores, false_positive=3)
    assert (found.threshold, found.cost) == (pytest.approx(0.45), 0.2)
    assert (found.false_positives, found.false_negatives) == (0, 1)
    # equal costs at 0.25 and 0.45: the lower is taken
    assert ev.best_threshold([0, 1, 0, 1], [1, 2, 3, 4], false_positive=1).threshold == 1.5
    assert ev.best_threshold([1, 1], [0.2, 0.4]).threshold == -math.inf
    assert ev.best_threshold([0, 0], [0.2, 0.4]).threshold == math.inf
    assert ev.best_threshold([0, 1], [0.2, 0.4], false_positive=0).threshold == -math.inf
    assert ev.best_threshold([1, 0], [0.5, 0.5]).cost == 0.5
    assert ev.best_threshold([1, 1, 0], [0.9, 0.8, 0.1], pos_label=0).threshold == math.inf
    assert ev.best_threshold([1, 1, 0], [-0.9, -0.8, -0.1], pos_label=0).threshold == pytest.approx(-0.45)


def test_neighbours_without_a_middle():
    low = 1.0
    high = math.nextafter(low, 2)
    found = ev.best_threshold([0, 1], [low, high])
    assert found.cost == 0
    assert found.threshold == high
    huge = ev.best_threshold([0, 1], [1.5e308, 1.7e308])
    assert huge.threshold == pytest.approx(1.6e308)


def test_mean_cost_by_hand():
    # 1 false positive, 2 false negatives of 5
    labels, guess = [1, 1, 1, 0, 0], [1, 0, 0, 1, 0]
    assert ev.mean_cost(labels, guess) == pytest.approx(3 / 5)
    assert ev.mean_cost(labels, guess, false_positive=10) == pytest.approx(12 / 5)
    assert ev.mean_cost(labels, guess, false_negative=10) == pytest.approx(21 / 5)
    assert ev.mean_cost(labels, guess, false_positive=10, pos_label=0) == pytest.approx(21 / 5)
    assert ev.mean_cost(labels, np.array([0.9, 0.1, 0.2, 0.8, 0.1]) >= 0.5) == pytest.approx(3 / 5)


def test_bayes_threshold():
    assert ev.bayes_threshold() == 0.5
    assert ev.bayes_threshold(false_positive=9) == pytest.approx(0.9)
    assert ev.bayes_threshold(false_negative=9) == pytest.approx(0.1)
    assert (ev.bayes_threshold(0, 1), ev.bayes_threshold(1, 0)) == (0, 1)
    # on many calibrated probabilities the cheapest threshold is the Bayes threshold
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    labels = (rng.random(p.size) < p).astype(int)
    best = ev.best_threshold(labels, p, false_negative=4)
    assert best.threshold == pytest.approx(ev.bayes_threshold(false_negative=4), abs=0.02)


@pytest.mark.parametrize(
    "costs", [(-1, 1), (1, -1), (0, 0), (math.nan, 1), (1, math.nan), (math.inf, 1), (1, math.inf)]
)
def test_bad_costs_are_refused(costs):
    kwargs = dict(zip(("false_positive", "false_negative"), costs, strict=True))
    for call in (
        lambda: ev.mean_cost([0, 1], [0, 1], **kwargs),
        lambda: ev.bayes_threshold(**kwargs),
        lambda: ev.best_threshold([0, 1], [0.1, 0.2], **kwargs),
    ):
        with pytest.raises(ValueError, match="costs must be"):
            call()
