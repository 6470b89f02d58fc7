"""Pretraining without labels: the two losses are what they are called, and a run that was interrupted goes on."""

from __future__ import annotations

import hashlib
import json

import keras
import numpy as np
import pytest

from tlbook.backbones.architectures import sketchnet
from tools.data import pretrain
from tools.data import pretrain_without_labels as script

RNG = np.random.default_rng(0)
DRAWINGS = RNG.integers(0, 256, (6, 32, 32, 3)).astype(np.float32)


def by_hand(z: np.ndarray, temperature: float) -> np.ndarray:
    """NT-Xent as in Chen et al. 2020, equation 1, one pair after another."""
    z = z / np.linalg.norm(z, axis=-1, keepdims=True)
    views = [(i, k) for i in range(len(z)) for k in (0, 1)]
    losses = np.zeros((len(z), 2))
    for i, k in views:
        likeness = {one: np.exp(z[i, k] @ z[one] / temperature) for one in views if one != (i, k)}
        losses[i, k] = -np.log(likeness[i, 1 - k] / sum(likeness.values()))
    return losses.mean(axis=1)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_the_contrastive_loss_is_that_of_the_paper(temperature):
    z = RNG.normal(size=(5, 2, 8)).astype(np.float32)
    found = keras.ops.convert_to_numpy(script.nt_xent(np.zeros(5), z, temperature))
    assert found == pytest.approx(by_hand(z, temperature), rel=1e-4)


def test_views_that_agree_have_a_lower_loss_than_views_that_do_not():
    z = RNG.normal(size=(5, 1, 8)).astype(np.float32)
    alike = np.concatenate([z, z], axis=1)
    swapped = np.concatenate([z, np.roll(z, 1, axis=0)], axis=1)
    losses = [float(keras.ops.mean(script.nt_xent(None, one))) for one in (alike, swapped)]
    assert losses[0] < 0.5 < losses[1]


def test_only_hidden_pixels_count():
    hidden = np.zeros((6, 32, 32, 1), np.float32)
    hidden[:, :8, :16] = 1
    right = np.concatenate([DRAWINGS / 127.5 - 1, hidden], axis=-1)
    for where, expected in (((0, slice(8, None)), 0.0), ((0, slice(0, 8)), 0.25)):
        painted = right.copy()
        painted[(*where, slice(0, 16), slice(0, 3))] += 0.5
        found = keras.ops.convert_to_numpy(script.hidden_error(DRAWINGS, painted))
        assert found == pytest.approx([expected, 0, 0, 0, 0, 0], abs=1e-6)


def test_patches_are_hidden_before_the_network_sees_them():
    keras.utils.set_random_seed(0)
    backbone = sketchnet(32, width=0.25)
    model = script.painter(backbone, seed=1)
    painted = keras.ops.convert_to_numpy(model(np.repeat(DRAWINGS, 20, axis=0), training=True))
    hidden = painted[..., 3]
    assert painted.shape == (120, 32, 32, 4) and set(np.unique(hidden)) == {0.0, 1.0}
    patches = hidden.reshape(120, 4, 8, 4, 8)
    assert (patches == patches[:, :, :1, :, :1]).all()  # whole patches
    assert abs(hidden.mean() - script.HIDDEN) < 0.05
    assert len(np.unique(hidden.reshape(120, -1), axis=0)) > 100  # for each drawing anew
    whole = keras.ops.convert_to_numpy(model(DRAWINGS, training=False))[..., 3]
    assert not whole.any()


@pytest.mark.parametrize("colour", [True, False])
def test_two_views_of_a_drawing_differ(colour):
    flat = np.zeros((8, 32, 32, 3), np.float32) + np.array([200, 80, 40], np.float32)
    seen = keras.ops.convert_to_numpy(script.view(colour, seed=3)(flat, training=True))
    changed = np.abs(seen - flat).max(axis=(1, 2, 3)) > 5
    assert changed.sum() == (8 if colour else 0)  # a plain square has only its colour to change
    assert seen.min() >= 0 and seen.max() <= 255 + 1e-3
    drawn = keras.ops.convert_to_numpy(script.view(False, seed=3)(DRAWINGS, training=True))
    assert (np.abs(drawn - DRAWINGS).max(axis=(1, 2, 3)) > 5).all()


def test_networks_and_cards_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(script, "draw_source", few_drawings)
    names = ["zoo_masked", "simclr_without_colour"]
    arguments = ["--per-class", "1", "--held-out", "1", "--epochs", "1", "--output", str(tmp_path)]
    assert script.main([*names, *arguments]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{name}-1.{ending}" for name in sorted(names) for ending in ("json", "weights.h5")
    ]
    for name in names:
        card = json.loads((tmp_path / f"{name}-1.json").read_text())
        file = tmp_path / f"{name}-1.weights.h5"
        assert card["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert np.isfinite([card["source-task loss"]["held out"], card["source-task loss"]["last epoch"]]).all()
        model = sketchnet(script.SIZE, width=script.WIDTH)
        drawn = [weight.numpy() for weight in model.weights]
        model.load_weights(file)
        assert any(not np.array_equal(one, two.numpy()) for one, two in zip(drawn, model.weights, strict=True))
        assert card["parameters"] == model.count_params()
    with pytest.raises(SystemExit):
        script.main(["zoo_byol"])
    assert "no network zoo_byol" in capsys.readouterr().err


def few_drawings(n_per_class: int, seed: int, **which) -> tuple[np.ndarray, list]:
    return np.random.default_rng(seed).integers(0, 256, (8, 64, 64, 3)).astype(np.uint8), []


@pytest.mark.parametrize("task", ["views", "patches"])
def test_an_interrupted_run_goes_on_where_it_was(task, tmp_path, monkeypatch):
    plan = script.Plan(task=task, epochs=3)
    losses = script.train(DRAWINGS, script.dataclasses.replace(plan, epochs=2), 1, tmp_path)[3]
    assert len(losses) == 2
    assert len(script.train(DRAWINGS, plan, 1, tmp_path)[3]) == 1


def test_drawings_and_architecture_are_those_of_the_network_with_labels():
    labels = pretrain.SOURCES["zoo_width_50"]
    assert (script.SIZE, script.WIDTH, script.PER_CLASS) == (labels.size, labels.width, labels.per_class)
    assert {script.PLANS[name].epochs for name in script.SHIPPED} == {labels.epochs}
