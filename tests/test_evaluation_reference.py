"""Many methods against one reference."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from tlbook.evaluation import compare_runs, compare_with_reference


def runs(share, seed):
    return np.random.default_rng(seed).random((5, 400)) < share


def test_each_is_compared_and_corrected_for_their_number():
    right = {"none": runs(0.8, 0), "good": runs(0.9, 1), "same": runs(0.8, 2), "bad": runs(0.6, 3)}
    tests = compare_with_reference(right, "none")
    assert list(tests) == ["good", "same", "bad"]
    assert [test.winner for test in tests.values()] == ["good", None, "none"]
    alone = [compare_runs(right[name], right["none"]) for name in tests]
    expected = multipletests([test.p_value for test in alone], method="holm")[1]
    np.testing.assert_allclose([test.adjusted_p for test in tests.values()], expected)
    assert tests["good"].difference == alone[0].difference
    assert tests["bad"].names == ("bad", "none")


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="no reference 'none'"):
        compare_with_reference({"good": runs(0.9, 1), "bad": runs(0.5, 1)}, "none")
    with pytest.raises(ValueError, match="no reference 'none'"):
        compare_with_reference({"none": runs(0.9, 1)}, "none")
