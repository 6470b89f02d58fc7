"""Averaging the predictions for several views."""

import numpy as np
import pytest

from tlbook.evaluation import average_views, predictions, probabilities


def test_the_probabilities_are_the_mean_over_the_views():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 7, 3)) * 3
    expected = np.mean([probabilities(view) for view in logits], axis=0)
    np.testing.assert_allclose(probabilities(average_views(logits)), expected, rtol=1e-12)


def test_the_result_is_the_logarithm_of_that_mean():
    logits = np.log([[[0.2, 0.8]], [[0.6, 0.4]]])
    np.testing.assert_allclose(average_views(logits), np.log([[0.4, 0.6]]), rtol=1e-12)


def test_one_view_changes_nothing_but_a_constant():
    logits = np.random.default_rng(1).normal(size=(5, 4))
    out = average_views(logits[None])
    np.testing.assert_allclose(out - logits, (out - logits)[:, :1] * np.ones((1, 4)), atol=1e-12)


def test_a_sure_view_outweighs_two_doubtful_ones():
    # Mean probability of class 1: (0.9999 + 2 × 0.4) / 3 = 0.6. A majority vote would say class 0.
    logits = np.log([[[0.0001, 0.9999]], [[0.6, 0.4]], [[0.6, 0.4]]])
    assert predictions(average_views(logits)).tolist() == [1]


def test_certain_and_wrong_stays_finite():
    out = average_views(np.array([[[0.0, 5000.0]], [[0.0, 5000.0]]]))
    assert np.isfinite(out).all()


@pytest.mark.parametrize(
    "bad", [np.zeros((3, 2)), np.zeros((0, 3, 2)), np.zeros((2, 3, 1)), np.full((1, 1, 2), np.nan)]
)
def test_other_shapes_and_numbers_are_refused(bad):
    with pytest.raises(ValueError, match="logits"):
        average_views(bad)
