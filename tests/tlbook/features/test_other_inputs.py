"""Inputs that are not colour photos of the right size: what is refused, what passes in silence and should be known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tlbook import backbones, datasets, evaluation, features, transfer

import keras  # isort: skip

SIZE = 64


@pytest.fixture(scope="module")
def network():
    return backbones.load("sketchnet", input_size=SIZE)


@pytest.fixture(scope="module")
def grey():
    """Uint8 (6, SIZE, SIZE, 1)."""
    return np.random.default_rng(0).integers(0, 256, (6, SIZE, SIZE, 1), dtype=np.uint8)


def with_first_kernel(model, kernel):
    config = model.get_config()
    config["layers"][0]["config"]["batch_shape"] = (*model.input_shape[:3], kernel.shape[2])
    for layer in config["layers"]:
        layer.pop("build_config", None)
    changed = keras.Model.from_config(config)
    changed.set_weights([kernel, *model.get_weights()[1:]])
    return changed


# ---- channels ----


def test_one_channel_repeated_is_the_first_kernel_summed(network, grey):
    summed = network.model.get_weights()[0].sum(axis=2, keepdims=True)
    repeated = features.extract(network, np.repeat(grey, 3, axis=-1), cache=False, progress=False)
    found = with_first_kernel(network.model, summed).predict(grey.astype(np.float32), verbose=0)
    np.testing.assert_allclose(found, repeated, rtol=1e-3, atol=1e-5 * np.abs(repeated).max())
    red = np.concatenate([grey, 0 * grey, 0 * grey], axis=-1)
    alone = features.extract(network, red, cache=False, progress=False)
    assert (
        np.abs(alone - repeated).max() > 0.1 * np.abs(repeated).max()
    )  # two zeros in place of copies are another input


def test_a_new_channel_with_weights_of_zero_changes_no_feature(network, grey):
    kernel = network.model.get_weights()[0]
    mean = kernel.mean(axis=2, keepdims=True)
    colour = np.repeat(grey, 3, axis=-1)
    four = np.concatenate([colour, 255 - grey], axis=-1).astype(np.float32)
    without = features.extract(network, colour, cache=False, progress=False)
    zero = with_first_kernel(network.model, np.concatenate([kernel, 0 * mean], axis=2)).predict(four, verbose=0)
    other = with_first_kernel(network.model, np.concatenate([kernel, mean], axis=2)).predict(four, verbose=0)
    np.testing.assert_allclose(zero, without, rtol=1e-3, atol=1e-5 * np.abs(without).max())
    assert np.abs(other - without).max() > 0.1 * np.abs(without).max()


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_another_number_of_channels_is_refused(network, channels):
    with pytest.raises(
        ValueError, match=rf"takes images of shape \(n, {SIZE}, {SIZE}, 3\); got \(2, 64, 64, {channels}\)"
    ):
        features.extract(network, np.zeros((2, SIZE, SIZE, channels), np.uint8), cache=False, progress=False)


# ---- many bits ----


def test_sixteen_bits_in_an_array_are_refused(network):
    with pytest.raises(ValueError, match="uint8, or floats from 0 to 255; got uint16"):
        features.extract(network, np.full((2, SIZE, SIZE, 3), 1000, np.uint16), cache=False, progress=False)


def test_a_file_is_scaled_by_its_whole_range_and_a_window_is_the_readers_to_take(tmp_path):
    """A bright marker decides the range: what matters is left with few grey levels, unless it is windowed before."""
    ramp = np.tile(np.linspace(1000, 1500, SIZE), (SIZE, 1))
    ramp[:4, :4] = 4095
    Image.fromarray(ramp.astype(np.uint16)).save(tmp_path / "scan.png")
    window = np.clip((ramp - 1000) / 500 * 255, 0, 255).astype(np.uint8)
    Image.fromarray(window).save(tmp_path / "window.png")
    levels = {name: len(np.unique(datasets.decode(tmp_path / f"{name}.png", SIZE)[8:])) for name in ("scan", "window")}
    assert levels["scan"] <= 33  # 500 of 4,096 values
    assert levels["window"] >= 60


# ---- wide pictures ----


@pytest.mark.parametrize(("place", "seen"), [(0, False), (1, True), (2, False)])
def test_of_a_panorama_only_the_middle_is_read(tmp_path, place, seen):
    strip = np.zeros((SIZE, 3 * SIZE, 3), np.uint8)
    strip[:, place * SIZE : (place + 1) * SIZE] = 255
    Image.fromarray(strip).save(tmp_path / "wide.png")
    assert bool(datasets.decode(tmp_path / "wide.png", SIZE).any()) == seen


# ---- samples that are not independent, and a control in which nothing can be found ----


@pytest.fixture(scope="module")
def coins():
    """Rows that resemble those of their group and of no other, and a label by coin for each group."""
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(40), 8)
    x = rng.normal(size=(40, 60))[group] + 0.3 * rng.normal(size=(320, 60))
    return x, rng.permutation(np.arange(40) % 2)[group], group


def accuracy(x, y, test):
    rest = np.flatnonzero(~test)
    validation, train = rest[::4], np.setdiff1d(rest, rest[::4])
    probe = transfer.linear_probe(x[train], y[train], x[validation], y[validation])
    return evaluation.accuracy(y[test], probe.predict(x[test]))


def test_a_random_division_of_groups_reports_what_is_not_there(coins):
    x, y, group = coins
    at_random = accuracy(x, y, np.random.default_rng(0).permutation(320) < 80)
    by_group = accuracy(x, y, group < 10)
    assert at_random.low > 0.9
    assert by_group.value < 0.7


def test_the_interval_over_groups_is_wider_than_over_their_members(coins):
    _, _, group = coins
    right = np.random.default_rng(1).integers(2, size=40)[group]
    over_groups = evaluation.bootstrap(np.mean, right, groups=group)
    over_members = evaluation.wilson(int(right.sum()), len(right))
    assert over_groups.high - over_groups.low > 2 * (over_members.high - over_members.low)


def test_shuffled_labels_come_out_at_chance_on_average():
    rng = np.random.default_rng(5)
    told = rng.permutation(np.arange(320) % 2)
    x = rng.normal(size=(320, 20)) + 0.8 * told[:, None]
    test = np.arange(320) >= 240
    assert accuracy(x, told, test).value > 0.85
    found = []
    for seed in range(10):
        mixed = told.copy()
        mixed[~test] = np.random.default_rng(seed).permutation(told[~test])
        found.append(accuracy(x, mixed, test).value)
    assert np.ptp(found) > 0.1  # one draw leans to a side
    assert abs(np.mean(found) - 0.5) < 0.15
