"""Scores of transferability against formulas that are computed otherwise."""

import inspect

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from tlbook import evaluation
from tlbook.evaluation import h_score, knn_predictions, leep, logme, probe_predictions


def data(n=60, d=5, k=3, signal=1.5, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    return rng.normal(size=(n, d)) + signal * rng.normal(size=(k, d))[labels], labels


def evidence(features, target, log_alpha, log_beta):
    """Density of the labels, with the weights integrated out, from the multivariate normal itself."""
    covariance = np.eye(len(target)) / np.exp(log_beta) + features @ features.T / np.exp(log_alpha)
    return multivariate_normal(np.zeros(len(target)), covariance).logpdf(target) / len(target)


@pytest.mark.parametrize(("shape", "signal"), [((60, 5), 1.5), ((30, 50), 0.0)])
def test_logme_is_the_greatest_evidence(shape, signal):
    features, labels = data(*shape, signal=signal)
    expected = []
    for label in range(3):
        target = (labels == label).astype(float)
        found = minimize(lambda p, y=target: -evidence(features, y, *p), [0.0, 0.0], method="Nelder-Mead",
                         options={"xatol": 1e-6, "fatol": 1e-10, "maxiter": 2000})  # fmt: skip
        expected.append(-found.fun)
    assert logme(features, labels) == pytest.approx(np.mean(expected), abs=1e-5)


def test_logme_where_the_features_fit_the_labels_exactly():
    """The ratio of noise to signal goes to 0, and the evidence to the density without noise."""
    features, labels = data(30, 50)
    kernel, target = features @ features.T, np.eye(3)[labels]
    q = np.sum(target * np.linalg.solve(kernel, target), axis=0)
    expected = [
        multivariate_normal(np.zeros(30), kernel * one / 30).logpdf(y) / 30 for one, y in zip(q, target.T, strict=True)
    ]
    assert logme(features, labels) >= np.mean(expected) - 1e-6
    assert np.isfinite(logme(features, labels))


def test_leep_by_hand():
    """Three images, two source classes: P(z) = (0.5, 0.5), P(y = 0 | z) = (0.9 + 0.2) / 1.5 and (0.1 + 0.8) / 1.5."""
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    first, second = 1.1 / 1.5, 0.9 / 1.5
    terms = [0.9 * first + 0.1 * second, 0.2 * first + 0.8 * second, 0.4 * (1 - first) + 0.6 * (1 - second)]
    assert leep([0, 0, 1], p) == pytest.approx(np.mean(np.log(terms)))


def test_leep_with_certain_source_classes_is_minus_the_conditional_entropy():
    """With one-hot probabilities LEEP is NCE, the negative conditional entropy (Tran et al. 2019)."""
    rng = np.random.default_rng(1)
    source = rng.integers(0, 4, 200)
    labels = np.where(rng.random(200) < 0.7, source % 2, rng.integers(0, 2, 200))
    joint = np.histogram2d(labels, source, (2, 4))[0] / 200
    entropy = -np.sum(joint * np.log(joint / joint.sum(axis=0)))
    assert leep(labels, np.eye(4)[source]) == pytest.approx(-entropy)


def test_leep_takes_source_classes_that_never_occur():
    assert leep([0, 1], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]) == 0.0


def test_h_score_from_the_covariances():
    features, labels = data(200, 4)
    means = np.stack([features[labels == k].mean(axis=0) for k in labels])
    between, total = np.cov(means.T, bias=True), np.cov(features.T, bias=True)
    # Ledoit and Wolf 2004, equations 14 to 17, with the sum over images written out
    n, d = features.shape
    centred = features - features.mean(axis=0)
    mu = np.trace(total) / d
    delta = np.sum((total - mu * np.eye(d)) ** 2) / d
    beta = min(np.sum([np.sum((np.outer(x, x) - total) ** 2) for x in centred]) / n**2 / d, delta)
    shrinkage = beta / delta
    shrunk = (1 - shrinkage) * total + shrinkage * mu * np.eye(d)
    assert h_score(features, labels) == pytest.approx((1 - shrinkage) * np.trace(np.linalg.inv(shrunk) @ between))


def test_h_score_tells_features_apart_where_there_are_more_than_images():
    good, labels = data(30, 100)
    noise = np.random.default_rng(3).normal(size=good.shape)
    plain = [np.trace(np.linalg.pinv(np.cov(x.T)) @ np.cov(
        np.stack([x[labels == k].mean(axis=0) for k in labels]).T)) for x in (good, noise)]  # fmt: skip
    assert plain == pytest.approx([2, 2], abs=1e-6)  # the plain score does not
    assert h_score(good, labels) > h_score(noise, labels) + 0.1
    assert 0 <= h_score(noise, labels) <= 2


def test_probe_predictions_fold_by_fold():
    features, labels = data(signal=0.7)
    expected = np.empty(len(labels), int)
    for train, test in StratifiedKFold(5, shuffle=True, random_state=3).split(features, labels):
        scaler = StandardScaler().fit(features[train])
        model = LogisticRegression(C=0.1, max_iter=2000).fit(scaler.transform(features[train]), labels[train])
        expected[test] = model.predict(scaler.transform(features[test]))
    np.testing.assert_array_equal(probe_predictions(features, labels, C=0.1, seed=3), expected)


def test_neighbours_vote_without_their_own_fold():
    features, labels = data(signal=0.7)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = np.empty(len(labels), int)
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(features, labels):
        for i in test:
            nearest = train[np.argsort(-(unit[train] @ unit[i]))[:3]]
            expected[i] = np.bincount(labels[nearest], minlength=3).argmax()
    np.testing.assert_array_equal(knn_predictions(features, labels, k=3), expected)


def test_all_rank_good_features_above_noise():
    good, labels = data(signal=3.0)
    noise = np.random.default_rng(5).normal(size=good.shape)
    for score in (logme, h_score):
        assert score(good, labels) > score(noise, labels)
    for predict in (knn_predictions, probe_predictions):
        good_one, bad_one = (evaluation.accuracy(labels, predict(x, labels)).value for x in (good, noise))
        assert good_one > 0.8 > 0.6 > bad_one


def test_class_numbers_may_have_gaps():
    features, labels = data(signal=3.0)
    for predict in (knn_predictions, probe_predictions):
        np.testing.assert_array_equal(predict(features, labels * 5 + 2), predict(features, labels) * 5 + 2)
    assert logme(features, labels * 5 + 2) == logme(features, labels)


def test_two_classes_do():
    features, labels = data(k=2, signal=3.0)
    assert logme(features, labels) > logme(features, np.roll(labels, 1) ^ (np.arange(60) % 4 < 2))
    assert 0 < h_score(features, labels) <= 1


@pytest.mark.parametrize("predict", [knn_predictions, probe_predictions])
def test_each_fold_needs_an_image_of_every_class(predict):
    features, labels = data()
    for folds in (2, 20):
        assert predict(features, labels, folds=folds).shape == labels.shape
    with pytest.raises(ValueError, match="one class has 19"):
        predict(features[1:], labels[1:], folds=20)


def test_defaults_are_those_of_the_pages():
    for predict, expected in (
        (knn_predictions, {"k": 5, "folds": 5, "seed": 0}),
        (probe_predictions, {"C": 0.01, "folds": 5, "seed": 0}),
    ):
        arguments = inspect.signature(predict).parameters.values()
        assert {one.name: one.default for one in arguments if one.kind is one.KEYWORD_ONLY} == expected


@pytest.mark.parametrize("score", [logme, h_score, knn_predictions, probe_predictions])
@pytest.mark.parametrize(
    ("features", "labels", "words"),
    [
        (np.ones((3, 2)), [0, 1], r"a row for each of 2 labels, but have shape \(3, 2\)"),
        (np.ones(2), [0, 1], "shape"),
        (np.full((2, 2), np.nan), [0, 1], "NaN"),
        (np.ones((2, 2)), [1, 1], "all 2 labels are class 1"),
        (np.ones((2, 2)), [0.5, 1], "whole numbers"),
    ],
)
def test_bad_input_is_refused(score, features, labels, words):
    with pytest.raises(ValueError, match=words):
        score(features, labels)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x, y: probe_predictions(x, y, folds=1), "folds=1"),
        (lambda x, y: probe_predictions(x, y, folds=21), "one class has 20"),
        (lambda x, y: probe_predictions(x, y, C=0), "C=0"),
        (lambda x, y: knn_predictions(x, y, k=0), "k=0"),
        (lambda x, y: leep(y, x), "probabilit"),
        (lambda x, y: leep(y, np.ones((3, 1))), "a row for each of 60 labels"),
    ],
)
def test_bad_options_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(*data())
