"""Many methods against one reference."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from tlbook.evaluation import by_verdict, compare_runs, compare_with_reference, pack_right, runs_by


def runs(share, seed):
    return np.random.default_rng(seed).random((5, 400)) < share


def test_each_is_compared_and_corrected_for_their_number():
    right = {"none": runs(0.8, 0), "good": runs(0.9, 1), "same": runs(0.8, 2), "bad": runs(0.6, 3)}
    tests = compare_with_reference(right, reference="none")
    assert list(tests) == ["good", "same", "bad"]
    assert [test.winner for test in tests.values()] == ["good", None, "none"]
    alone = [compare_runs(right[name], right["none"]) for name in tests]
    expected = multipletests([test.p_value for test in alone], method="holm")[1]
    np.testing.assert_allclose([test.adjusted_p for test in tests.values()], expected)
    assert tests["good"].difference == alone[0].difference
    assert tests["bad"].names == ("bad", "none")


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="no reference 'none'"):
        compare_with_reference({"good": runs(0.9, 1), "bad": runs(0.5, 1)}, reference="none")
    with pytest.raises(ValueError, match="no reference 'none'"):
        compare_with_reference({"none": runs(0.9, 1)}, reference="none")


def test_two_methods_and_two_seeds_are_enough():
    tests = compare_with_reference({"none": runs(0.5, 0), "good": runs(0.9, 1)}, reference="none")
    assert tests["good"].adjusted_p == tests["good"].p_value
    rows = [{"change": name, "seed": seed, "right": pack_right(runs(0.5, 1)[seed])} for name in "ab" for seed in (0, 1)]
    assert runs_by(rows, 400, by="change")["b"].shape == (2, 400)


def test_verdicts_are_grouped():
    right = {"none": runs(0.8, 0), "good": runs(0.9, 1), "same": runs(0.8, 2), "bad": runs(0.6, 3)}
    groups = by_verdict(compare_with_reference(right, reference="none"))
    assert groups == {"helps": ["good"], "hurts": ["bad"], "cannot tell": ["same"]}


def test_recorded_runs_are_unpacked_for_the_seeds_that_all_have():
    right = {"a": runs(0.5, 0), "b": runs(0.5, 1)}
    rows = [
        {"change": name, "seed": seed, "right": pack_right(of[seed])}
        for name, of in right.items()
        for seed in (2, 0, 1, 3)
        if (name, seed) != ("b", 1)
    ]
    out = runs_by(rows, 400, by="change")
    for name, of in right.items():
        np.testing.assert_array_equal(out[name], of[[0, 2, 3]])
    with pytest.raises(ValueError, match="share 1 seeds"):
        runs_by([row for row in rows if row["seed"] == 0], 400, by="change")
    with pytest.raises(ValueError, match="share 0 seeds"):
        runs_by([], 400, by="change")
