"""Probabilities and shares of classes where these are rarer or more common than in training."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlbook import evaluation as ev


def drawn(shares, n, seed=0):
    """Labels with these shares, and a score for each whose likelihood ratios are known."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(shares), n, p=shares)
    return labels, rng.normal(labels, 0.8)


def posterior(x, shares):
    """Bayes' rule with normal likelihoods."""
    p = np.exp(-((x[:, None] - np.arange(len(shares))) ** 2) / 2 / 0.64) * shares
    return p / p.sum(axis=1, keepdims=True)


@given(
    st.lists(st.floats(0.05, 1), min_size=3, max_size=3),
    st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda s: sum(s) > 0.1),
)
def test_adjusted_probabilities_are_those_of_bayes(trained, used):
    trained, used = np.array(trained) / sum(trained), np.array(used) / sum(used)
    x = np.linspace(-1, 3, 9)
    found = ev.adjust_prevalence(posterior(x, trained), trained, used)
    np.testing.assert_allclose(found, posterior(x, used), atol=1e-9)


def test_adjusting_mends_the_calibration():
    trained, used = np.array([0.5, 0.5]), np.array([0.95, 0.05])
    labels, x = drawn(used, 20_000)
    before = posterior(x, trained)
    after = ev.adjust_prevalence(before, trained, used)
    # among images that are given 50 to 70 %, as many are positive as that says, once adjusted
    for p, good in ((before, False), (after, True)):
        some = (p[:, 1] > 0.5) & (p[:, 1] < 0.7)
        assert (abs(labels[some].mean() - p[some, 1].mean()) < 0.08) == good
    assert ev.log_loss(labels, after) < ev.log_loss(labels, before) - 0.1
    # as they were
    np.testing.assert_allclose(ev.adjust_prevalence(after, used, trained), before)


@pytest.mark.parametrize("used", [(0.9, 0.05, 0.05), (0.2, 0.3, 0.5), (1.0, 0.0, 0.0)])
def test_shares_are_estimated_without_labels(used):
    trained = np.full(3, 1 / 3)
    labels, x = drawn(used, 20_000, seed=1)
    p = posterior(x, trained)
    found = ev.estimate_prevalence(p, trained)
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found, np.bincount(labels, minlength=3) / labels.size, atol=0.03)
    # averages and counts lean towards the shares of training
    wrong = np.abs(p.mean(axis=0) - used).max()
    assert wrong > 3 * np.abs(found - used).max()


def test_the_estimate_is_a_fixed_point():
    trained = np.array([0.3, 0.7])
    _, x = drawn((0.6, 0.4), 300, seed=2)
    p = posterior(x, trained)
    found = ev.estimate_prevalence(p, trained)
    np.testing.assert_allclose(ev.adjust_prevalence(p, trained, found).mean(axis=0), found, atol=1e-6)

    def likelihood(share):
        return np.log((p / trained) @ np.array([share, 1 - share])).mean()

    assert likelihood(found[0]) >= max(likelihood(found[0] - 0.01), likelihood(found[0] + 0.01))


def test_one_image_and_a_class_that_no_image_may_be_of():
    np.testing.assert_allclose(ev.adjust_prevalence([[0.5, 0.5]], [0.5, 0.5], [0.98, 0.02]), [[0.98, 0.02]])
    # the share of such a class does not change any more after the first step; those of the others do
    trained = np.array([0.3, 0.7])
    _, x = drawn((0.6, 0.4), 300, seed=2)
    p = posterior(x, trained)
    found = ev.estimate_prevalence(np.column_stack([p, np.zeros(300)]), [0.15, 0.35, 0.5])
    np.testing.assert_allclose(found, [*ev.estimate_prevalence(p, trained), 0], atol=1e-6)


@pytest.mark.parametrize(("off", "refused"), [(0.9, False), (1.05, True)])
def test_sums_may_be_off_by_rounding(off, refused):
    calls = [
        lambda: ev.adjust_prevalence([[0.5, 0.5 + off * 1e-4]], [0.5, 0.5], [0.9, 0.1]),
        lambda: ev.adjust_prevalence([[0.5, 0.5]], [0.5, 0.5 + off * 1e-6], [0.9, 0.1]),
    ]
    for call in calls:
        if refused:
            with pytest.raises(ValueError, match="sum to 1"):
                call()
        else:
            np.testing.assert_allclose(call(), [[0.9, 0.1]], atol=1e-3)


def test_bad_input_is_refused():
    p = np.array([[0.5, 0.5], [1.0, 0.0]])
    for bad in ([0.5, 0.5], [[0.5, 0.6]], [[1.5, -0.5]], [[math.nan, 1]], [[1.0]], np.zeros((0, 2))):
        with pytest.raises(ValueError, match="probabilities must have shape"):
            ev.adjust_prevalence(bad, [0.5, 0.5], [0.9, 0.1])
        with pytest.raises(ValueError, match="probabilities must have shape"):
            ev.estimate_prevalence(bad, [0.5, 0.5])
    for bad in ([0.5, 0.4], [1.0, 0.0], [0.2, 0.3, 0.5], [1.5, -0.5], 0.5):
        with pytest.raises(ValueError, match=r"from_prior=.*above 0 that sum to 1"):
            ev.adjust_prevalence(p, bad, [0.9, 0.1])
    with pytest.raises(ValueError, match=r"to_prior=.*0 or more that sum to 1"):
        ev.adjust_prevalence(p, [0.5, 0.5], [1.1, -0.1])
    with pytest.raises(ValueError, match="excludes every class"):
        ev.adjust_prevalence(p, [0.5, 0.5], [0.0, 1.0])
    np.testing.assert_array_equal(ev.adjust_prevalence(p, [0.5, 0.5], [1.0, 0.0]), [[1, 0], [1, 0]])
