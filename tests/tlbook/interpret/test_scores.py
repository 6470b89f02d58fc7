"""Scores of heat maps, against cases worked out by hand and against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tlbook import evaluation, interpret


def corner(n=1, size=4):
    """Masks of the upper left quarter."""
    mask = np.zeros((n, size, size), bool)
    mask[:, : size // 2, : size // 2] = True
    return mask


def peak_at(*places, size=4):
    heat = np.full((len(places), size, size), 0.1)
    for i, (r, c) in enumerate(places):
        heat[i, r, c] = 1
    return heat


def test_pointing_game_by_hand():
    found = interpret.pointing_game(peak_at((0, 0), (1, 1), (2, 2), (0, 3)), corner(4))
    assert found.values.tolist() == [1, 1, 0, 0]
    assert found.estimate == evaluation.wilson(2, 4)
    assert found.areas.tolist() == [0.25] * 4
    assert found.chance == 0.25
    assert found.gain.value == pytest.approx(0.25)
    assert (found.blank, found.left_out) == (0, 0)
    assert str(found) == f"pointing game: {evaluation.wilson(2, 4)}, chance 25.0 %, n = 4"


def test_energy_inside_by_hand():
    heat = np.zeros((2, 4, 4))
    heat[0, 0, 0], heat[0, 3, 3] = 3, 1
    heat[1, 0, 0], heat[1, 3, 3], heat[1, 2, 2] = 1, 4, -7  # what is negative counts as nothing
    found = interpret.energy_inside(heat, corner(2))
    assert found.values.tolist() == [0.75, 0.2]
    assert found.estimate.value == pytest.approx(0.475)
    assert found.gain.value == pytest.approx(0.225)
    assert found.estimate.low == pytest.approx(0.2) and found.estimate.high == pytest.approx(0.75)


def test_what_a_map_gets_on_the_masks_of_the_others_by_hand():
    masks = corner(3)
    masks[1], masks[2] = ~masks[1], False
    masks[2, 0, :] = True  # the upper row
    heat = np.zeros((3, 4, 4))
    heat[0, 0, 0], heat[0, 3, 3] = 3, 1
    heat[1, 3, 3] = 2
    heat[2, 0, 3] = 1
    energy, pointing = interpret.energy_inside(heat, masks), interpret.pointing_game(heat, masks)
    # of map 0, mask 1 holds the quarter at (3, 3) and mask 2 the three quarters at (0, 0)
    assert energy.others.tolist() == [(0.25 + 0.75) / 2, 0, 0.5]
    assert pointing.others.tolist() == [0.5, 0, 0.5]
    assert energy.elsewhere == pytest.approx(1 / 3)
    assert energy.lift.value == pytest.approx(np.mean([0.75 - 0.5, 1, 0.5]))
    assert pointing.lift.value == pytest.approx(np.mean([0.5, 1, 0.5]))


def test_the_same_map_for_every_image_has_no_lift():
    rng = np.random.default_rng(4)
    heat = np.repeat(rng.random((1, 8, 8)), 400, axis=0)
    masks = np.zeros((400, 8, 8), bool)
    for mask, (r, c) in zip(masks, rng.integers(0, 5, (400, 2)), strict=True):
        mask[r : r + 4, c : c + 4] = True
    for score in (interpret.pointing_game, interpret.energy_inside):
        assert score(heat, masks).lift.value == pytest.approx(0, abs=1e-12)


def test_two_methods_are_compared_image_by_image():
    rng = np.random.default_rng(5)
    masks = np.zeros((60, 6, 6), bool)
    for mask, (r, c) in zip(masks, rng.integers(0, 4, (60, 2)), strict=True):
        mask[r : r + 3, c : c + 3] = True
    good = interpret.energy_inside(masks + 0.1, masks)
    heat = np.ones(masks.shape)
    heat[7] = 0
    blind = interpret.energy_inside(heat, masks)
    kept = np.delete(np.arange(60), 7)
    found = interpret.lift_difference(good, blind)
    expected = (good.values - good.others)[kept] - (blind.values - blind.others)[kept]
    assert (found.value, found.n, found.unit) == (pytest.approx(expected.mean()), 59, "points")
    assert found.low > 0
    assert interpret.lift_difference(good, good).value == 0


def test_scores_that_are_not_of_the_same_images_are_not_compared():
    one, other = peak_at((0, 0), (1, 1)), corner(2)
    energy = interpret.energy_inside(one, other)
    for second in (interpret.pointing_game(one, other), interpret.energy_inside(one[:1], other[:1])):
        with pytest.raises(ValueError, match="same masks"):
            interpret.lift_difference(energy, second)


def test_images_left_out_do_not_count_among_the_others():
    masks, heat = corner(3), peak_at((0, 0), (0, 0), (0, 0))
    masks[2] = False
    found = interpret.pointing_game(heat, masks)
    np.testing.assert_array_equal(found.others, [1, 1, np.nan])
    assert found.lift.value == 0


def test_a_tolerance_widens_the_target_and_the_chance_with_it():
    heat = peak_at((0, 3), (3, 3))
    plain, wide = (interpret.pointing_game(heat, corner(2), tolerance=t) for t in (0, 2))
    assert plain.values.tolist() == [0, 0]
    assert wide.values.tolist() == [1, 0]  # (0, 3) is 2 pixels from (0, 1); (3, 3) is √8 from (1, 1)
    inside = sum(
        any((r - i) ** 2 + (c - j) ** 2 <= 4 for i in range(2) for j in range(2)) for r in range(4) for c in range(4)
    )
    assert wide.chance == inside / 16


def test_of_a_plateau_its_middle_counts():
    heat = np.zeros((1, 5, 5))
    heat[0, 1:4, 1:4] = 1
    mask = np.zeros((1, 5, 5), bool)
    mask[0, 2, 2] = True
    assert interpret.pointing_game(heat, mask).values.tolist() == [1]
    assert interpret.pointing_game(heat, ~mask).values.tolist() == [0]


def test_a_blank_map_is_a_miss_and_has_no_energy():
    heat = peak_at((0, 0), (0, 0))
    heat[1] = 0
    pointing, energy = interpret.pointing_game(heat, corner(2)), interpret.energy_inside(heat, corner(2))
    assert pointing.values.tolist() == [1, 0]
    assert (pointing.blank, pointing.left_out) == (1, 0)
    assert np.isnan(energy.values).tolist() == [False, True]
    assert (energy.blank, energy.left_out, energy.estimate.n) == (1, 1, 1)
    assert str(energy).endswith("n = 1 (1 blank, 1 left out)")


def test_an_image_with_an_empty_mask_is_left_out():
    masks = corner(3)
    masks[1] = False
    for score in (interpret.pointing_game, interpret.energy_inside):
        found = score(peak_at((0, 0), (0, 0), (0, 0)), masks)
        assert (found.left_out, found.blank, found.estimate.n, found.chance) == (1, 0, 2, 0.25)
    assert interpret.pointing_game(peak_at((0, 0), (0, 0), (0, 0)), masks, tolerance=1).left_out == 1


def test_nothing_to_score_is_undefined_and_no_error():
    none = np.zeros((2, 4, 4), bool)
    for score in (interpret.pointing_game, interpret.energy_inside):
        found = score(peak_at((0, 0), (1, 1)), none)
        assert found.left_out == 2
        assert np.isnan([found.estimate.value, found.chance, found.elsewhere]).all()
        assert "undefined" in str(found)


maps = hnp.arrays(np.float64, (3, 5, 6), elements=st.floats(-5, 10, width=16))
masks = hnp.arrays(bool, (3, 5, 6))


@given(maps, masks)
def test_the_scores_are_what_their_definitions_say(heat, mask):
    pointing, energy = interpret.pointing_game(heat, mask), interpret.energy_inside(heat, mask)
    for i in range(3):
        positive = np.maximum(heat[i], 0)
        if not mask[i].any():
            assert np.isnan(pointing.values[i]) and np.isnan(energy.values[i])
            continue
        if positive.sum() == 0:
            assert pointing.values[i] == 0 and np.isnan(energy.values[i])
            continue
        assert energy.values[i] == pytest.approx(positive[mask[i]].sum() / positive.sum())
        top = positive == positive.max()
        if mask[i][top].all() or not mask[i][top].any():
            assert pointing.values[i] == float(mask[i][top].all())


@given(masks)
def test_a_uniform_map_scores_the_area(mask):
    energy = interpret.energy_inside(np.ones((3, 5, 6)), mask)
    kept = mask.any(axis=(1, 2))
    np.testing.assert_allclose(energy.values[kept], mask.mean(axis=(1, 2))[kept])
    if kept.sum() > 1:
        assert energy.gain.value == pytest.approx(0, abs=1e-12)


@given(maps, masks)
def test_the_scores_do_not_depend_on_a_map_s_scale(heat, mask):
    for score in (interpret.pointing_game, interpret.energy_inside):
        np.testing.assert_allclose(score(heat, mask).values, score(heat * 4, mask).values, equal_nan=True)


def test_chance_is_what_maps_that_know_nothing_get():
    rng = np.random.default_rng(0)
    found = interpret.pointing_game(rng.random((2000, 8, 8)), corner(2000, 8))
    assert found.estimate.contains(found.chance)
    assert found.gain.contains(0)


@pytest.mark.parametrize(
    ("heat", "mask", "message"),
    [
        (np.ones((2, 4, 4)), corner(1), r"\(2, 4, 4\) and masks \(1, 4, 4\).*upsample"),
        (np.ones((4, 4)), corner(1)[0], "n ≥ 1"),
        (np.ones((0, 4, 4)), corner(1)[:0], "n ≥ 1"),
        (np.ones((1, 4, 4)), corner(1).astype(float), "type bool"),
        (np.full((1, 4, 4), np.nan), corner(1), "finite"),
        (np.full((1, 4, 4), "a"), corner(1), "finite"),
    ],
)
def test_scores_refuse(heat, mask, message):
    for score in (interpret.pointing_game, interpret.energy_inside):
        with pytest.raises(ValueError, match=message):
            score(heat, mask)


@pytest.mark.parametrize("tolerance", [-1, 1.5, True])
def test_a_tolerance_is_a_number_of_pixels(tolerance):
    with pytest.raises(ValueError, match="tolerance"):
        interpret.pointing_game(np.ones((1, 4, 4)), corner(1), tolerance=tolerance)


def test_rank_correlation_by_hand():
    rng = np.random.default_rng(1)
    first = rng.random((3, 4, 4))
    assert interpret.rank_correlation(first, np.exp(first)).value == pytest.approx(1)
    assert interpret.rank_correlation(first, -first).value == pytest.approx(-1)
    second = first.copy()
    second[0] = -first[0]
    found = interpret.rank_correlation(first, second)
    assert found.value == pytest.approx(1 / 3)
    assert found.unit == "" and found.low < found.value < found.high


def test_constant_maps_have_no_rank_correlation():
    first = np.random.default_rng(1).random((2, 4, 4))
    second = first.copy()
    second[1] = 5
    found = interpret.rank_correlation(first, second)
    assert (found.value, found.n) == (pytest.approx(1), 1)
    assert np.isnan(interpret.rank_correlation(first, np.ones_like(first)).value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.ones((2, 3, 3)), np.ones((1, 3, 3))),
        (np.ones((3, 3)), np.ones((3, 3))),
        (np.ones((1, 3, 3)), np.full((1, 3, 3), np.inf)),
    ],
)
def test_rank_correlation_refuses(first, second):
    with pytest.raises(ValueError, match=r"needed|finite"):
        interpret.rank_correlation(first, second)
