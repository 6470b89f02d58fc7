"""Residuals: every image is a dot, and zero is in the middle."""

import numpy as np
import pytest

from tlbook.plotting.numbers import residuals


def test_each_image_is_a_dot_and_zero_is_in_the_middle():
    truth, errors = np.array([1.0, 2.0, 5.0]), np.array([0.5, -2.0, 1.0])
    (axes,) = residuals(truth, errors, xlabel="width (cm)").axes
    (dots,) = axes.collections
    np.testing.assert_allclose(dots.get_offsets(), np.stack([truth, errors], axis=1))
    low, high = axes.get_ylim()
    assert low == -high and high > 2
    assert axes.get_xlabel() == "width (cm)"


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="residuals: give at least one image"):
        residuals([], [])
