"""Calibration against scikit-learn, SciPy and examples worked by hand."""

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from tlbook import evaluation as ev
from tlbook.evaluation import calibration


def two(p):
    """Probabilities of classes 0 and 1 from those of class 1."""
    p = np.asarray(p, float)
    return np.stack([1 - p, p], axis=1)


def drawn(n=400, classes=3, scale=1.0, seed=0):
    """Logits, and labels drawn from the probabilities they stand for."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, scale, (n, classes))
    labels = (rng.random(n)[:, None] > special.softmax(z, axis=1).cumsum(axis=1)).sum(axis=1)
    return np.minimum(labels, classes - 1), z


random_case = st.tuples(st.integers(1, 60), st.integers(2, 5), st.integers(0, 2**32 - 1))


# reliability


def test_reliability_by_hand():
    # confidences 0.6, 0.7 | 0.8, 0.85 | 0.95 in bins of width 0.25 from 0.5: (0.5, 0.75] and (0.75, 1]
    p = two([0.6, 0.3, 0.8, 0.15, 0.95])
    labels = [1, 1, 1, 0, 0]
    found = ev.reliability(labels, p, n_bins=4)
    np.testing.assert_array_equal(found.edges, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(found.counts, [0, 0, 2, 3])
    np.testing.assert_allclose(found.confidence, [np.nan, np.nan, 0.65, (0.8 + 0.85 + 0.95) / 3])
    np.testing.assert_allclose(found.accuracy, [np.nan, np.nan, 1 / 2, 2 / 3])
    assert found.ece == pytest.approx(2 / 5 * 0.15 + 3 / 5 * (2.6 / 3 - 2 / 3))
    assert found.mce == pytest.approx(2.6 / 3 - 2 / 3)
    np.testing.assert_allclose(found.low, ev.wilson_bounds([0, 0, 1, 2], [0, 0, 2, 3])[0])
    np.testing.assert_allclose(found.high, ev.wilson_bounds([0, 0, 1, 2], [0, 0, 2, 3])[1])
    assert ev.expected_calibration_error(labels, p, n_bins=4) == found.ece
    # one bin: the gap of the means
    assert ev.expected_calibration_error(labels, p, n_bins=1) == pytest.approx(3.9 / 5 - 3 / 5)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    found = ev.reliability([1, 1, 1], two([0.75, 0.75, 1.0]), n_bins=4)
    np.testing.assert_array_equal(found.counts, [0, 0, 2, 1])
    found = ev.reliability([0, 1], two([0.5, 0.5]), n_bins=2)
    np.testing.assert_array_equal(found.counts, [2, 0])
    # the middle one of three is the lowest edge of a mass bin and still counted
    assert ev.reliability([0], two([0.5]), n_bins=3, strategy="quantile").counts.tolist() == [1]


@given(random_case, st.integers(1, 20), st.sampled_from(["uniform", "quantile"]))
def test_ece_is_the_sum_over_bins(case, bins, strategy):
    n, classes, seed = case
    rng = np.random.default_rng(seed)
    p = special.softmax(rng.normal(0, 2, (n, classes)), axis=1)
    labels = rng.integers(0, classes, n)
    found = ev.reliability(labels, p, n_bins=bins, strategy=strategy)
    confident, right = p.max(axis=1), p.argmax(axis=1) == labels
    total, largest, counts = 0.0, 0.0, []
    for i, (low, high) in enumerate(zip(found.edges[:-1], found.edges[1:], strict=True)):
        inside = (confident > low) & (confident <= high) | (i == 0) & (confident == low)
        counts.append(inside.sum())
        if inside.any():
            gap = abs(right[inside].mean() - confident[inside].mean())
            total, largest = total + inside.sum() / n * gap, max(largest, gap)
            assert found.accuracy[i] == pytest.approx(right[inside].mean())
            assert found.confidence[i] == pytest.approx(confident[inside].mean())
        else:
            assert math.isnan(found.accuracy[i])
    np.testing.assert_array_equal(found.counts, counts)
    assert found.counts.sum() == n
    assert found.ece == pytest.approx(total)
    assert found.mce == pytest.approx(largest)
    assert 0 <= found.ece <= found.mce + 1e-12


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_bins_agree_with_scikit_learn(strategy):
    labels, z = drawn(500, 2)
    p = ev.probabilities(z)
    found = ev.reliability(labels, p, n_bins=10, strategy=strategy)
    confident, right = p.max(axis=1), p.argmax(axis=1) == labels
    accuracy, confidence = calibration_curve(right, confident, n_bins=10, strategy=strategy)
    filled = found.counts > 0
    if strategy == "uniform":
        np.testing.assert_allclose(found.accuracy[filled], accuracy)
        np.testing.assert_allclose(found.confidence[filled], confidence)
    else:  # their quantiles lie between images, ours on them: a bin differs by at most one image
        assert (found.counts == 50).all()
        np.testing.assert_allclose(found.confidence, confidence, atol=0.01)
        np.testing.assert_allclose(found.accuracy, accuracy, atol=0.021)


def test_equal_confidences_share_a_mass_bin():
    p = two([0.9] * 6 + [0.6, 0.7])
    found = ev.reliability([1] * 8, p, n_bins=4, strategy="quantile")
    assert found.counts.max() >= 6
    shuffled = ev.reliability([1] * 8, p[::-1], n_bins=4, strategy="quantile")
    np.testing.assert_array_equal(found.counts, shuffled.counts)
    constant = ev.reliability([1, 0], two([0.9, 0.9]), n_bins=5, strategy="quantile")
    np.testing.assert_array_equal(constant.counts, [2])
    assert constant.ece == pytest.approx(0.4)


def test_perfect_and_worst_calibration():
    sure = two([1.0, 1.0, 0.0])
    assert ev.expected_calibration_error([1, 1, 0], sure) == 0
    assert ev.expected_calibration_error([0, 0, 1], sure) == 1
    assert ev.expected_calibration_error([0], two([0.5])) == 0.5
    # calibrated in the long run: 15 bins of 100,000 images leave little but noise
    labels, z = drawn(100_000)
    assert ev.expected_calibration_error(labels, ev.probabilities(z)) < 0.01
    assert ev.expected_calibration_error(labels, ev.probabilities(3 * z)) > 0.1


def test_default_bins_are_guos_fifteen():
    labels, z = drawn(50)
    assert ev.reliability(labels, ev.probabilities(z)).counts.size == 15
    p = ev.probabilities(z)
    assert ev.expected_calibration_error(labels, p) == ev.reliability(labels, p, n_bins=15).ece
    assert (
        ev.expected_calibration_error(labels, p, strategy="quantile")
        == ev.reliability(labels, p, strategy="quantile").ece
    )


def test_rounding_above_one_is_tolerated():
    p = np.array([[1.0 + 1e-6, 0.0]], dtype="float32")
    found = ev.reliability([0], p, n_bins=5)
    assert found.counts.tolist() == [0, 0, 0, 0, 1]
    assert found.ece == 0


@pytest.mark.parametrize("bins", [0, -1, 1.5])
def test_bad_bins_are_refused(bins):
    with pytest.raises(ValueError, match=r"bins=.*: give a whole number, 1 or more"):
        ev.reliability([0], two([0.3]), n_bins=bins)
    with pytest.raises(ValueError, match="'equal'"):
        ev.reliability([0], two([0.3]), strategy="equal")


# Brier score and likelihood


@given(random_case)
def test_brier_score_and_likelihood_agree_with_scikit_learn(case):
    n, classes, seed = case
    rng = np.random.default_rng(seed)
    p = special.softmax(rng.normal(0, 2, (n, classes)), axis=1)
    labels = rng.integers(0, classes, n)
    expected = sum(brier_score_loss(labels == k, p[:, k]) for k in range(classes))
    assert ev.brier_score(labels, p) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    found = ev.log_loss(labels, p)
    assert found == pytest.approx(log_loss(labels, p, labels=range(classes)), rel=1e-9, abs=1e-12)


def test_brier_score_by_hand():
    # (0.2^2 + 0.3^2 + 0.1^2) and (0.9^2 + 0.6^2 + 0.3^2), over 2
    p = [[0.8, 0.1, 0.1], [0.1, 0.6, 0.3]]
    assert ev.brier_score([0, 0], p) == pytest.approx(((0.04 + 0.01 + 0.01) + (0.81 + 0.36 + 0.09)) / 2)
    assert ev.brier_score([1, 0], two([1.0, 0.0])) == 0
    assert ev.brier_score([0, 1], two([1.0, 0.0])) == 2
    assert ev.brier_score([0], two([0.3])) == pytest.approx(2 * 0.09)


def test_likelihood_by_hand():
    assert ev.log_loss([0, 1], [[0.5, 0.5], [0.75, 0.25]]) == pytest.approx((math.log(2) + math.log(4)) / 2)
    certain = ev.log_loss([1], two([1.0]))
    assert certain == 0
    assert math.copysign(1, certain) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ev.log_loss([0, 1], two([1.0, 0.5])) == math.inf


@pytest.mark.parametrize("function", [ev.reliability, ev.brier_score, ev.log_loss])
def test_what_is_no_distribution_is_refused(function):
    for bad, message in [
        ([[2.0, -1.0]], "not logits"),
        ([[0.5, 0.4]], "sum to 1"),
        ([[np.nan, 1.0]], "sum to 1"),
        ([0.5], "shape"),
        ([[1.0]], "N ≥ 2"),
        ([[0.5, 0.5]] * 2, "1 labels, but 2 rows"),
    ]:
        with pytest.raises(ValueError, match=message):
            function([0], bad)
    for labels in ([2, 0], [0, 2]):
        with pytest.raises(ValueError, match="label 2 has no column: probabilities are for 2 classes"):
            function(labels, [[0.5, 0.5], [0.5, 0.5]])
    function([0], [[0.500095, 0.5]])
    for sums in ([0.500105, 0.5], [0.4998, 0.5]):
        with pytest.raises(ValueError, match="sum to 1"):
            function([0], [sums])


# temperature


def loss(t, labels, z):
    return log_loss(labels, special.softmax(z / t, axis=1), labels=range(z.shape[1]))


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("classes", [2, 5])
def test_temperature_minimises_the_loss(scale, classes):
    labels, z = drawn(600, classes, seed=classes)
    z = z * scale
    found = ev.fit_temperature(labels, z)
    best = optimize.minimize_scalar(
        loss, bounds=(0.05, 20), args=(labels, z), method="bounded", options={"xatol": 1e-7}
    ).x
    assert found == pytest.approx(best, rel=1e-4)
    # labels were drawn at temperature 1, then logits multiplied by scale
    assert found == pytest.approx(scale, rel=0.25)
    assert loss(found, labels, z) <= min(loss(found * 1.01, labels, z), loss(found / 1.01, labels, z))


def test_temperature_grows_with_the_logits():
    labels, z = drawn(300)
    base = ev.fit_temperature(labels, z)
    assert ev.fit_temperature(labels, 2 * z) == pytest.approx(2 * base, rel=1e-8)
    assert ev.fit_temperature(labels, z + 100) == pytest.approx(base, rel=1e-8)
    assert ev.fit_temperature(labels, 2 * z.astype("float32")) == pytest.approx(2 * base, rel=1e-5)


def test_temperature_repairs_over_confidence_and_changes_no_prediction():
    labels, z = drawn(4000)
    z = 4 * z
    t = ev.fit_temperature(labels[:2000], z[:2000])
    before = ev.expected_calibration_error(labels[2000:], ev.probabilities(z[2000:]))
    after = ev.expected_calibration_error(labels[2000:], ev.probabilities(z[2000:] / t))
    assert after < before / 3
    np.testing.assert_array_equal(ev.predictions(z / t), ev.predictions(z))


def test_temperature_by_hand():
    # four images with a margin of 2, three of them right: p = 3/4 needs a margin of ln 3
    z = np.array([[2.0, 0.0]] * 4)
    assert ev.fit_temperature([0, 0, 0, 1], z) == pytest.approx(2 / math.log(3))


def test_temperature_that_the_data_do_not_determine():
    with pytest.warns(UserWarning, match="nearly every image is right.*0.05"):
        assert ev.fit_temperature([0, 1], [[1.0, 0.0], [0.0, 1.0]]) == 0.05
    with pytest.warns(UserWarning, match="no better than chance.*20"):
        assert ev.fit_temperature([1, 0], [[1.0, 0.0], [0.0, 1.0]]) == 20
    with pytest.warns(UserWarning, match="no better than chance"):
        assert ev.fit_temperature([1, 0], [[1.0, 0.0], [1.0, 0.0]]) == 20
    # a temperature beyond the range is cut off, with the warning where the call is
    margin = np.array([[1.0, 0.0]] * 4) * math.log(3)
    for t, end in ((0.04, 0.05), (25, 20), (1000, 20)):
        with pytest.warns(UserWarning, match="4 images do not determine") as caught:
            assert ev.fit_temperature([0, 0, 0, 1], t * margin) == end
        assert caught[0].filename == __file__
    # within the range, however close to its end, there is no warning
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        z = np.array([[1.0, 0.0]] * 4) * 19 * math.log(3)
        assert ev.fit_temperature([0, 0, 0, 1], z) == pytest.approx(19)
        z = np.array([[1.0, 0.0]] * 4) * 0.06 * math.log(3)
        assert ev.fit_temperature([0, 0, 0, 1], z) == pytest.approx(0.06)


def test_temperature_refuses():
    with pytest.raises(ValueError, match="no temperature changes them"):
        ev.fit_temperature([0, 1], [[1.0, 1.0], [3.0, 3.0]])
    assert ev.fit_temperature([0, 0, 1, 1], [[1.0, 1.0], [3.0, 1.0], [0.0, 1.0], [1.0, 0.0]]) > 0
    with pytest.raises(ValueError, match="3 labels, but 2 rows"):
        ev.fit_temperature([0, 1, 1], [[1.0, 0.0], [0.0, 1.0]])
    for labels in ([0, 2, 0], [2, 0, 0]):
        with pytest.raises(ValueError, match="label 2 has no column: logits are for 2 classes"):
            ev.fit_temperature(labels, [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])


# is it chance?


def two_class(n, seed, sharpness=1.0):
    """Labels and probabilities of a model that is calibrated at 1 and over-confident below."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.5, 1, n)
    true = 1 / (1 + (1 / p - 1) ** sharpness)
    return (rng.random(n) < true).astype(int), np.stack([1 - p, p], axis=1)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_a_calibrated_model_is_called_otherwise_in_one_experiment_of_twenty(strategy):
    tests = [
        ev.calibration_test(*two_class(150, seed), strategy=strategy, n_resamples=199, seed=seed)
        for seed in range(1000)
    ]
    p = np.array([test.p_value for test in tests])
    # 1,000 experiments: the standard errors are 0.7 and 1.6 points
    assert 0.03 < (p <= 0.05).mean() < 0.07
    assert 0.45 < (p <= 0.5).mean() < 0.55
    assert 0.93 < np.mean([test.ece <= test.limit for test in tests]) < 0.97
    # chance makes all of the error, and its size is known
    assert np.mean([test.ece for test in tests]) == pytest.approx(np.mean([test.by_chance for test in tests]), rel=0.03)


def test_miscalibration_is_found_and_measured_without_what_chance_adds():
    labels, p = two_class(4000, 0, sharpness=0.5)
    found = ev.calibration_test(labels, p)
    assert found.p_value == pytest.approx(1 / 2001)
    assert found.ece > 3 * found.limit
    # the true gaps, over the distribution of the confidences, in the same bins
    confident = np.linspace(0.5, 1, 200_001)[1:-1]
    gap = 1 / (1 + (1 / confident - 1) ** 0.5) - confident
    where = np.ceil(confident * 15)
    truth = sum((where == one).mean() * gap[where == one].mean() ** 2 for one in np.unique(where))
    squares = [
        ev.calibration_test(*two_class(300, seed, sharpness=0.5), n_resamples=1).debiased ** 2 for seed in range(400)
    ]
    assert np.mean(squares) == pytest.approx(truth, rel=0.06)
    assert found.debiased == pytest.approx(np.sqrt(truth), rel=0.1)


def test_calibration_test_by_hand():
    labels = np.array([1, 1, 0, 0, 1, 1])
    p1 = np.array([0.61, 0.63, 0.65, 0.9, 0.92, 0.55])
    p = np.stack([1 - p1, p1], axis=1)
    found = ev.calibration_test(labels, p, n_bins=10, n_resamples=3000)
    assert found.ece == pytest.approx(ev.expected_calibration_error(labels, p, n_bins=10))
    first, second = np.array([0.39, 0.37, -0.65]), np.array([0.45])
    last, high = np.array([-0.9]), np.array([0.08])
    # bins 0.6 to 0.7 with three images; 0.5 to 0.6, 0.8 to 0.9 and 0.9 to 1 with one, which says nothing of its spread
    squared = 3 * (first.mean() ** 2 - first.var(ddof=1) / 3) / 6
    assert found.debiased == pytest.approx(np.sqrt(max(squared, 0)))
    assert found.ece == pytest.approx((abs(first.sum()) + abs(second.sum()) + abs(last.sum()) + abs(high.sum())) / 6)
    # every outcome of the six images, weighed by its chance
    outcomes = np.array(list(itertools.product([0, 1], repeat=6)))
    chance = np.where(outcomes == 1, p1, 1 - p1).prod(axis=1)
    bins = [[0, 1, 2], [3], [4], [5]]
    errors = sum(np.abs((outcomes - p1)[:, one].sum(axis=1)) for one in bins) / 6
    assert found.by_chance == pytest.approx((chance * errors).sum(), abs=0.01)
    assert found.p_value == pytest.approx(chance[errors >= found.ece - 1e-9].sum(), abs=0.03)
    order = np.argsort(errors)
    reached = errors[order][np.searchsorted(chance[order].cumsum(), 0.95)]
    assert found.limit == pytest.approx(reached, abs=0.03)


def test_calibration_test_text_and_seeds():
    data = two_class(200, 1)
    found = ev.calibration_test(*data)
    assert str(found) == (
        f"calibration error {found.ece:.3f}; by chance {found.by_chance:.3f}, in 95 % up to {found.limit:.3f}; "
        f"p = {found.p_value:.3f}; without chance {found.debiased:.3f}"
    )
    assert "; p < 0.001; " in str(ev.calibration_test(*two_class(3000, 0, sharpness=0.3)))
    assert ev.calibration_test(*data) == found == ev.calibration_test(*data, n_bins=15, n_resamples=2000, seed=0)
    assert ev.calibration_test(*data, seed=1) != found
    assert ev.calibration_test(*data, n_resamples=4000) != found
    for bad in (0, 1.5):
        with pytest.raises(ValueError, match="n_resamples"):
            ev.calibration_test(*data, n_resamples=bad)


def test_blocks_of_resamples_change_nothing(monkeypatch):
    data = two_class(60, 2)
    found = ev.calibration_test(*data, n_resamples=101)
    for cells in (60 * 7, 10):  # seven at a time, which does not go into 101; one, with fewer cells than images
        monkeypatch.setattr(calibration, "_CELLS", cells)
        assert ev.calibration_test(*data, n_resamples=101) == found
