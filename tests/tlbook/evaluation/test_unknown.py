"""Scores of the unknown, the threshold, and the risk–coverage curve against values computed otherwise."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import beta
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from tlbook import evaluation
from tlbook.evaluation import Estimate, acceptance_threshold, class_means, energy, max_softmax, neighbours

LOGITS = np.random.default_rng(0).normal(size=(50, 4)) * 3


def known(n=90, d=6, k=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    return rng.normal(size=(n, d)) * np.arange(1, d + 1) + 5 * rng.normal(size=(k, d))[labels], labels


# ---- scores ----


def test_values_of_the_scores_from_logits():
    assert max_softmax([[0.0, 0.0], [np.log(3), 0.0]]) == pytest.approx([0.5, 0.75])
    assert energy([[0.0, 0.0], [np.log(3), 0.0]]) == pytest.approx(np.log([2, 4]))
    assert energy([[2.0, 0.0]], temperature=0.5) == pytest.approx(0.5 * np.log(np.exp(4) + 1))
    assert energy(LOGITS, temperature=1e-4) == pytest.approx(LOGITS.max(axis=1), abs=1e-3)
    assert np.isfinite(energy([[5000.0, -5000.0]])).all()


def test_energy_sees_what_the_softmax_cannot_and_for_symmetric_logits_nothing_more():
    """A common shift of all logits leaves the softmax as it is; a binary probe has none."""
    assert max_softmax(LOGITS + 3) == pytest.approx(max_softmax(LOGITS))
    assert energy(LOGITS + 3) == pytest.approx(energy(LOGITS) + 3)
    z = np.random.default_rng(1).normal(size=30)
    symmetric = np.stack([-z / 2, z / 2], axis=1)
    assert np.array_equal(np.argsort(energy(symmetric)), np.argsort(max_softmax(symmetric)))


@pytest.mark.parametrize("d", [6, 200])
def test_distances_to_class_means(d):
    """By hand from Ledoit and Wolf's covariance; with more features than images too."""
    x, y = known(d=d)
    means = np.stack([x[y == k].mean(axis=0) for k in range(3)])
    covariance, shrinkage = ledoit_wolf(x - means[y], assume_centered=True)
    assert 0 < shrinkage < 1
    new, _ = known(20, d=d, seed=1)
    fitted = class_means(x, y)
    expected = cdist(new, means, "mahalanobis", VI=np.linalg.inv(covariance)) ** 2
    assert fitted.distances(new) == pytest.approx(expected)
    assert fitted.score(new) == pytest.approx(-expected.min(axis=1))
    assert fitted.score(means) == pytest.approx(0)


def test_distances_to_class_means_are_those_of_discriminant_analysis():
    """Between two classes of equal size, half the difference of squared distances is LDA's decision."""
    x, y = known(80, k=2)
    centred = x - np.stack([x[y == k].mean(axis=0) for k in range(2)])[y]
    _, shrinkage = ledoit_wolf(centred, assume_centered=True)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(x, y)
    away = class_means(x, y).distances(x)
    assert (away[:, 0] - away[:, 1]) / 2 == pytest.approx(lda.decision_function(x))


def test_distance_to_the_kth_neighbour():
    x, _ = known()
    new, _ = known(20, seed=1)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    between = np.sort(cdist(new / np.linalg.norm(new, axis=1, keepdims=True), unit), axis=1)
    for k in (1, 5, len(x)):
        assert neighbours(x, k=k).score(new) == pytest.approx(-between[:, k - 1])
    assert neighbours(x).score(7 * new) == pytest.approx(neighbours(x).score(new)), "lengths do not count"


def test_trap_training_images_look_better_known_than_new_ones():
    """Their own neighbours and means: a threshold from them refuses far more than it says."""
    x, y = known(120, d=60)
    new, _ = known(4000, d=60, seed=0)
    new = new[120:]
    for score in (class_means(x, y).score, neighbours(x, k=1).score):
        assert np.mean(score(new) >= acceptance_threshold(score(x))) < 0.5


def test_what_cannot_be_scored():
    x, y = known()
    for bad, message in [
        (lambda: class_means(x, y[:-1]), "89 labels, but features of 90"),
        (lambda: class_means(x, 2 * y), "no image of class 1"),
        (lambda: class_means(np.ones((4, 2)), [0, 0, 1, 1]), "do not vary"),
        (lambda: class_means(x, y).score(x[:, :2]), r"\(n, 6\)"),
        (lambda: neighbours(x, k=91), "k=91"),
        (lambda: neighbours(x + np.nan), "NaN"),
        (lambda: energy(LOGITS, temperature=0), "temperature=0"),
        (lambda: acceptance_threshold(np.arange(18.0)), "18 validation images: .* 19 or more"),
        (lambda: acceptance_threshold([np.nan] * 30), "finite"),
        (lambda: acceptance_threshold(np.arange(30.0), true_accepts=1), "true_accepts=1"),
    ]:
        with pytest.raises(ValueError, match=message):
            bad()


# ---- the threshold ----


def test_threshold_is_the_order_statistic():
    assert acceptance_threshold(np.arange(19.0)) == 0.0
    assert acceptance_threshold(np.arange(39.0)[::-1]) == 1.0
    assert acceptance_threshold(np.arange(9.0), true_accepts=0.9) == 0.0
    assert acceptance_threshold(np.arange(99.0), true_accepts=0.5) == 49.0


@pytest.mark.parametrize("n", [19, 50, 100, 400])
def test_threshold_keeps_its_share_of_new_images(n):
    """Simulated: on average 95 % or a little more, and between sets as the docstring says."""
    rng = np.random.default_rng(n)
    thresholds = np.array([acceptance_threshold(rng.exponential(size=n)) for _ in range(4000)])
    accepted = np.exp(-thresholds)  # of an exponential distribution, the share above
    expected = 1 - int(0.05 * (n + 1)) / (n + 1)
    assert accepted.mean() == pytest.approx(expected, abs=0.003)
    assert accepted.mean() >= 0.95 - 0.003
    if n == 100:
        low, high = np.quantile(accepted, [0.025, 0.975])
        assert (low, high) == pytest.approx(beta(96, 5).ppf([0.025, 0.975]), abs=0.006)
        assert (round(low, 2), round(high, 2)) == (0.9, 0.98)


# ---- what it does ----


def test_rejection_counts():
    validation, mine = np.arange(39.0), np.arange(0.5, 10)
    others = np.array([-1.0, -2.0, 1.0, 2.0])  # equal to the threshold is accepted
    found = evaluation.rejection(validation, mine, others)
    assert found.threshold == 1
    assert str(found.true_accepts) == str(evaluation.wilson(9, 10))
    assert str(found.false_accepts) == str(evaluation.wilson(2, 4))
    labels = np.repeat([1, 0], [10, 4])
    assert found.auroc == evaluation.roc_auc(labels, np.concatenate([mine, others]))


def test_rejection_by_groups_counts_each_group_once():
    validation, mine = np.arange(39.0), np.arange(2.0, 12)
    others = np.array([9.0] * 8 + [-1.0, -1.0, -1.0, 9.0, -1.0])
    groups = np.array(["a"] * 8 + ["b"] * 2 + ["c"] * 3)
    found = evaluation.rejection(validation, mine, others, groups)
    share = evaluation.seed_spread([1, 0, 1 / 3])
    assert found.false_accepts == Estimate(pytest.approx(share.mean), 0.0, 1.0, 3)
    assert found.auroc.value == pytest.approx(np.mean([0.25, 1, (2 + 0.25) / 3]))
    assert found.auroc.n == 3
    assert found.true_accepts.n == 10, "known images are still counted one by one"


def test_groups_that_agree_are_not_certain():
    validation, groups = np.arange(39.0), np.repeat(np.arange(5), 3)
    found = evaluation.rejection(validation, validation, np.full(15, -1.0), groups)
    assert found.false_accepts == evaluation.wilson(0, 5)
    assert (found.auroc.value, found.auroc.low) == (1, pytest.approx(evaluation.wilson(5, 5).low))


def test_trap_patches_of_one_picture_are_one_sample():
    """Groups whose images are all alike: the interval over images covers the share over new groups far too seldom."""
    rng = np.random.default_rng(0)
    covered = {"images": 0, "groups": 0}
    validation = mine = np.arange(100.0)
    truth = 0.5
    for _ in range(200):
        groups = np.repeat(np.arange(12), 20)
        others = np.where(rng.random(12) < truth, 50.0, -1.0)[groups] + rng.random(240)
        covered["images"] += evaluation.rejection(validation, mine, others).false_accepts.contains(truth)
        covered["groups"] += evaluation.rejection(validation, mine, others, groups).false_accepts.contains(truth)
    assert covered["images"] / 200 < 0.5
    assert covered["groups"] / 200 > 0.88


def test_what_cannot_be_rejected():
    v = np.arange(30.0)
    for bad, message in [
        (lambda: evaluation.rejection(v, [], v), "known"),
        (lambda: evaluation.rejection(v, v, v, np.zeros(3)), "shape"),
        (lambda: evaluation.rejection(v, v, v, np.zeros(30)), "there is one"),
    ]:
        with pytest.raises(ValueError, match=message):
            bad()


# ---- risk and coverage ----


def test_risk_coverage_by_hand():
    curve = evaluation.risk_coverage(np.array([True, False, True, False]), [4.0, 3.0, 2.0, 1.0])
    assert curve.coverage == pytest.approx([0.25, 0.5, 0.75, 1])
    assert curve.risk == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert curve.thresholds == pytest.approx([4, 3, 2, 1])
    assert curve.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert curve.at(0.75) == evaluation.wilson(1, 3)
    assert curve.at(0.6) == evaluation.wilson(1, 3)
    assert curve.at(1) == evaluation.wilson(2, 4)


def test_images_of_one_score_are_answered_together():
    curve = evaluation.risk_coverage(np.array([True, False, True, False]), [4.0, 3.0, 3.0, 3.0])
    assert curve.coverage == pytest.approx([0.25, 1])
    assert curve.risk == pytest.approx([0, 0.5])
    assert curve.area == pytest.approx((0 + 3 * 0.5) / 4)


def test_perfect_and_useless_scores():
    rng = np.random.default_rng(0)
    right = rng.random(4000) < 0.8
    perfect = evaluation.risk_coverage(right, right + 0.1 * rng.random(4000))
    assert perfect.at(right.mean()).value == 0
    useless = evaluation.risk_coverage(right, rng.random(4000))
    assert useless.area == pytest.approx(1 - right.mean(), abs=0.02)
    assert perfect.area < 0.025  # the best there is at a risk of 0.2: 0.2 + 0.8 log 0.8


def test_what_has_no_risk():
    with pytest.raises(ValueError, match="truth values"):
        evaluation.risk_coverage([1, 0], [0.1, 0.2])
    with pytest.raises(ValueError, match="coverage=0"):
        evaluation.risk_coverage(np.array([True]), [1.0]).at(0)
