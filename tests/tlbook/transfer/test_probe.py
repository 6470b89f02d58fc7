"""The linear probe against scikit-learn fitted directly, and on degenerate features."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tlbook.transfer import C_GRID, Probe, linear_probe


def features(n, d, n_classes, seed=0, spread=1.5):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    centres = np.random.default_rng(99).normal(0, 1, (n_classes, d))
    x = centres[labels] + rng.normal(0, spread, (n, d))
    return (x * np.linspace(0.1, 30, d) + np.linspace(-50, 50, d)).astype(np.float32), labels


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize(("n", "d"), [(120, 12), (40, 90)])
def test_same_as_scikit_learn(n, d, n_classes):
    x, y = features(n, d, n_classes)
    x_val, y_val = features(300, d, n_classes, seed=1)
    probe = linear_probe(x, y, x_val, y_val)

    losses, scores, models = {}, {}, {}
    for c in C_GRID:
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=c, tol=1e-6, max_iter=5000))
        models[c] = pipeline.fit(x.astype(np.float64), y)
        losses[c] = log_loss(y_val, pipeline.predict_proba(x_val.astype(np.float64)))
        scores[c] = pipeline.score(x_val.astype(np.float64), y_val)
    assert probe.validation_losses == pytest.approx(losses, rel=1e-2)
    assert probe.validation_scores == pytest.approx(scores, abs=1.5 / 300)
    assert probe.C == min(losses, key=losses.get)
    assert probe.validation_score == probe.validation_scores[probe.C]

    ours = probe.logits(x_val).astype(np.float64)
    assert ours.shape == (300, n_classes)
    p = np.exp(ours - ours.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(p, models[probe.C].predict_proba(x_val.astype(np.float64)), atol=2e-3)
    assert probe.n_train == n
    assert probe.n_classes == n_classes
    assert probe.weights.shape == (d, n_classes)
    assert probe.bias.shape == (n_classes,)
    assert np.mean(probe.predict(x_val) == y_val) == pytest.approx(probe.validation_score, abs=1.5 / 300)


def test_two_classes_have_opposite_logits():
    x, y = features(60, 5, 2)
    probe = linear_probe(x, y, x, y)
    np.testing.assert_array_equal(probe.weights[:, 0], -probe.weights[:, 1])
    scaled = StandardScaler().fit_transform(x.astype(np.float64))
    z = LogisticRegression(C=probe.C, tol=1e-6).fit(scaled, y).decision_function(scaled)
    logits = probe.logits(x)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], z, atol=1e-3)


def test_equal_accuracy_is_decided_by_the_loss():
    x = np.array([[-1.0], [-1.0], [1.0], [1.0]])
    y = np.array([0, 0, 1, 1])
    # One validation example in four lies on the wrong side: it costs more, the surer the model.
    probe = linear_probe(x, y, x, np.array([0, 0, 1, 0]), C=[10.0, 0.001, 0.1])
    assert probe.validation_scores == {0.001: 0.75, 0.1: 0.75, 10.0: 0.75}
    assert list(probe.validation_losses) == [0.001, 0.1, 10.0]
    assert probe.C == min(probe.validation_losses, key=probe.validation_losses.get) == 0.1


def test_one_c_may_be_given():
    x, y = features(40, 4, 2)
    assert linear_probe(x, y, x, y, C=0.3).C == 0.3


def test_constant_features_have_no_weight():
    x, y = features(80, 6, 3)
    rng = np.random.default_rng(5)
    x[:, 1] = 0.0
    x[:, 2] = 7.5
    # Rounding noise of float32 around a large value is no information either.
    x[:, 3] = np.float32(1000) * (1 + rng.integers(-1, 2, 80) * np.finfo(np.float32).eps)
    x_val, y_val = features(60, 6, 3, seed=1)
    probe = linear_probe(x, y, x_val, y_val)
    assert probe.n_constant == 3
    assert not probe.weights[1:4].any()
    assert probe.weights[[0, 4, 5]].all()
    without = linear_probe(x[:, [0, 4, 5]], y, x_val[:, [0, 4, 5]], y_val)
    np.testing.assert_allclose(probe.logits(x_val), without.logits(x_val[:, [0, 4, 5]]), atol=1e-5)


def test_more_features_than_rows_that_depend_on_each_other():
    x, y = features(40, 90, 3)
    rows = np.repeat(np.arange(20), 2)  # every row twice: 20 directions at most, less one for the mean
    x, y = x[rows].astype(np.float64), y[rows]
    x[:, 7] = x[:, 3] - 2 * x[:, 5]  # and columns that depend on each other
    x_val, y_val = features(300, 90, 3, seed=1)
    probe = linear_probe(x, y, x_val, y_val, C=0.01)

    scaler = StandardScaler().fit(x)
    direct = LogisticRegression(C=0.01, tol=1e-8, max_iter=5000).fit(scaler.transform(x), y)
    expected = direct.decision_function(scaler.transform(x_val.astype(np.float64)))
    np.testing.assert_allclose(probe.logits(x_val), expected, atol=1e-4)


@given(scale=st.floats(0.01, 100), shift=st.floats(-100, 100), seed=st.integers(0, 50))
@settings(max_examples=15)
def test_units_of_the_features_do_not_matter(scale, shift, seed):
    x, y = features(60, 5, 3, seed=seed)
    x = x.astype(np.float64)
    a = linear_probe(x, y, x, y, C=0.1)
    b = linear_probe(x * scale + shift, y, x * scale + shift, y, C=0.1)
    np.testing.assert_allclose(a.logits(x), b.logits(x * scale + shift), atol=2e-3)


def test_same_twice():
    x, y = features(70, 200, 4)
    first, second = linear_probe(x, y, x, y), linear_probe(x, y, x, y)
    np.testing.assert_array_equal(first.weights, second.weights)
    np.testing.assert_array_equal(first.bias, second.bias)


def test_shuffled_labels_are_not_learnt():
    x, y = features(200, 10, 2, spread=0.5)
    x_val, y_val = features(400, 10, 2, seed=1, spread=0.5)
    assert linear_probe(x, y, x_val, y_val).validation_score > 0.95
    shuffled = np.random.default_rng(0).permutation(y)
    assert linear_probe(x, shuffled, x_val, y_val, C=0.01).validation_score < 0.8


GOOD = features(20, 3, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_labels": np.zeros(20, int)}, "two classes"),
        ({"train_labels": np.zeros(19, int)}, r"\(20,\) is needed"),
        ({"train_labels": np.linspace(0, 1, 20)}, "whole numbers"),
        ({"train_labels": np.full(20, -1)}, "whole numbers"),
        ({"train_labels": np.arange(20) % 2 * 2}, "No training example of class 1"),
        ({"validation_labels": np.full(20, 2)}, "No training example of class 2"),
        ({"train_features": np.full((20, 3), np.nan)}, "NaN or infinite values in 20 of 20"),
        ({"validation_features": np.full((20, 3), np.inf)}, "validation_features holds NaN"),
        ({"validation_features": np.ones((20, 4))}, "4 columns where 3"),
        ({"train_features": np.ones(20)}, r"\(n, d\)"),
        ({"train_features": np.ones((20, 0))}, r"\(n, d\)"),
        ({"train_features": np.ones((20, 3))}, "constant"),
        ({"C": -1.0}, "positive"),
        ({"C": []}, "positive"),
        ({"C": [0.1, np.nan]}, "positive"),
    ],
)
def test_bad_input_is_refused(changes, message):
    x, y = GOOD
    given_ = {"train_features": x, "train_labels": y, "validation_features": x, "validation_labels": y} | changes
    with pytest.raises(ValueError, match=message):
        linear_probe(**given_)


def test_no_convergence_is_an_error():
    x, y = features(200, 20, 2)
    with pytest.raises(RuntimeError, match="did not converge in 2 iterations"):
        linear_probe(x, y, x, y, C=10.0, max_iter=2)


def test_probe_checks_its_shapes():
    with pytest.raises(ValueError, match="shapes"):
        Probe(np.zeros((3, 2)), np.zeros(3), 1.0, {1.0: 0.7}, {1.0: 0.5}, 10)
    with pytest.raises(ValueError, match="shapes"):
        Probe(np.zeros((3, 1)), np.zeros(1), 1.0, {1.0: 0.7}, {1.0: 0.5}, 10)
    probe = Probe(np.zeros((3, 2)), np.zeros(2), 1.0, {1.0: 0.7}, {1.0: 0.5}, 10)
    with pytest.raises(ValueError, match="5 columns where 3"):
        probe.logits(np.zeros((4, 5)))


def test_a_probe_is_shown_on_one_line():
    probe = Probe(np.zeros((128, 3)), np.zeros(3), 0.01, {0.01: 0.7}, {0.01: 0.5}, 240)
    assert repr(probe) == "Probe(128 features, 3 classes, C=0.01, n_train=240)"
