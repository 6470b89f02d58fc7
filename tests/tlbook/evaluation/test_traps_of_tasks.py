"""The traps of the chapter Other tasks: each is sprung on small data, and the remedy or the control beside it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tlbook import backbones, evaluation, features, sketches

RNG = np.random.default_rng


# ---- many classes ----


def test_accuracy_hides_a_small_class_and_moving_the_prior_brings_it_back():
    rng = RNG(0)
    y = np.repeat([0, 1, 2], [300, 300, 15])
    x = np.eye(3)[y] * 1.2 + rng.normal(size=(len(y), 3))
    model = LogisticRegression().fit(x[::2], y[::2])
    p, truth = model.predict_proba(x[1::2]), y[1::2]
    plain = p.argmax(axis=1)
    share = np.bincount(y[::2]) / len(y[::2])
    moved = evaluation.adjust_prevalence(p, share, np.full(3, 1 / 3)).argmax(axis=1)
    assert evaluation.accuracy(truth, plain).value > 0.7
    assert evaluation.accuracy(truth, plain).value > evaluation.accuracy(truth, moved).value
    small = truth == 2
    assert np.mean(plain[small] == 2) < 0.2
    assert np.mean(moved[small] == 2) > 0.5
    recalls = [evaluation.recall(truth, one, average="macro").value for one in (plain, moved)]
    assert recalls[1] > recalls[0] + 0.1


def test_class_weights_do_nothing_to_a_head_that_can_separate_its_training_images_and_the_prior_moves_all_the_same():
    rng = RNG(1)
    y = np.repeat([0, 1], [60, 12])
    x = rng.normal(size=(72, 400)) + 0.1 * y[:, None]
    fresh = rng.normal(size=(400, 400)) + 0.05
    answers = {}
    for weights in (None, "balanced"):
        model = LogisticRegression(C=100, max_iter=2000, class_weight=weights).fit(x, y)
        assert model.score(x, y) == 1
        answers[weights] = model.predict_proba(fresh)
    plain, weighted = (np.mean(p[:, 1] > 0.5) for p in answers.values())
    moved = np.mean(evaluation.adjust_prevalence(answers[None], [5 / 6, 1 / 6], [0.5, 0.5])[:, 1] > 0.5)
    assert weighted - plain < 0.6 * (moved - plain)
    assert moved > plain


# ---- several labels ----


def test_always_no_has_a_high_accuracy_over_labels_and_the_base_rate_as_average_precision():
    truth = (RNG(0).random((2000, 20)) < 0.03).astype(int)
    no = np.zeros_like(truth)
    assert np.mean(no == truth) > 0.96
    for k in range(3):
        assert evaluation.average_precision(truth[:, k], no[:, k]).value == pytest.approx(truth[:, k].mean())
        assert evaluation.recall(truth[:, k], no[:, k]).value == 0


def test_a_label_that_goes_with_the_class_beats_its_base_rate_without_being_seen():
    rng = RNG(0)
    dog = rng.integers(0, 2, 1000)
    tongue = (rng.random(1000) < np.where(dog, 0.45, 0.08)).astype(int)
    score = dog + 0.01 * rng.normal(size=1000)  # of the class alone
    assert evaluation.average_precision(tongue, score).low > tongue.mean()
    for k in (0, 1):
        inside = evaluation.average_precision(tongue[dog == k], score[dog == k])
        assert inside.contains(tongue[dog == k].mean())


# ---- a number ----


def test_averaging_over_positions_loses_the_place_and_the_map_keeps_it():
    inputs = keras.Input((32, 32, 3))
    layer = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="maps")
    maps = layer(inputs)
    backbone = backbones.wrap(keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(maps)), layer="maps")
    place = RNG(0).integers(4, 25, 120)
    images = np.zeros((120, 32, 32, 3), np.uint8)
    for image, left in zip(images, place, strict=True):
        image[12:16, left : left + 4] = 255
    pooled = features.extract(backbone, images, cache=False, progress=False)
    assert np.ptp(pooled, axis=0).max() <= 1e-4 * pooled.max()
    kept = keras.Model(inputs, maps).predict(images, verbose=0).max(axis=1).reshape(120, -1)
    r2, ridge = {}, make_pipeline(StandardScaler(), Ridge(1.0))
    for name, x in {"pooled": pooled, "map": kept}.items():
        r2[name] = r2_score(place[80:], ridge.fit(x[:80], place[:80]).predict(x[80:]))
    assert r2["pooled"] < 0.1
    assert r2["map"] > 0.9


def test_degrees_fail_at_their_seam_wherever_it_is_and_sine_and_cosine_have_none():
    rng = RNG(0)
    angle = rng.uniform(0, 360, 400)
    radians = np.radians(angle)
    x = np.stack([np.sin(radians), np.cos(radians)], axis=1) + 0.1 * rng.normal(size=(400, 2))

    def off(predicted):
        error = np.abs((predicted - angle[200:] + 180) % 360 - 180)
        return [error[sign * np.cos(radians[200:]) > 0.7].mean() for sign in (1, -1)]  # near 0, near 180

    def said(target):
        return Ridge(1.0).fit(x[:200], target[:200]).predict(x[200:])

    near0, near180 = off(said(angle))
    assert near0 > near180 + 40
    near0, near180 = off(said((angle + 180) % 360) - 180)
    assert near180 > near0 + 40
    both = said(np.stack([np.sin(radians), np.cos(radians)], axis=1))
    assert max(off(np.degrees(np.arctan2(*both.T)))) < 10


# ---- a mask ----


def test_an_empty_mask_has_most_pixels_right_and_no_overlap():
    records = sketches.make_records(("cat", "dog"), 4, seed=3)
    eyes = np.stack([sketches.render(record).masks["eyes"] for record in records])
    empty = np.zeros_like(eyes)
    assert np.mean(empty == eyes) > 0.95
    shown = eyes.any(axis=(1, 2))
    both, either = (eyes & empty).sum(axis=(1, 2)), (eyes | empty).sum(axis=(1, 2))
    assert shown.any()
    assert (both[shown] / either[shown] == 0).all()


def test_the_true_mask_on_a_coarse_grid_loses_small_parts_first():
    records = sketches.make_records(("cat", "dog"), 8, seed=4)
    drawings = [sketches.render(record) for record in records]
    overlap = {}
    for part in ("head", "eyes"):
        truth = np.stack([one.masks[part] for one in drawings])
        for size in (12, 48):
            cells = truth.reshape(-1, size, 96 // size, size, 96 // size).mean(axis=(2, 4)).astype("float32")
            large = keras.ops.image.resize(cells[..., None], (96, 96), "bilinear")
            coarse = keras.ops.convert_to_numpy(large)[..., 0] > 0.5
            shown = truth.any(axis=(1, 2))
            both, either = (truth & coarse).sum(axis=(1, 2)), (truth | coarse).sum(axis=(1, 2))
            overlap[part, size] = np.mean(both[shown] / either[shown])
    assert overlap["eyes", 12] < overlap["head", 12] - 0.1
    assert overlap["eyes", 48] > overlap["eyes", 12] + 0.2


# ---- similar images ----


def test_twins_in_a_random_split_make_random_labels_predictable_and_grouped_folds_do_not():
    rng = RNG(0)
    x = rng.normal(size=(200, 32))
    y = rng.integers(0, 10, 200)
    pairs = np.concatenate([x, x + 0.01 * rng.normal(size=x.shape)])
    both, groups = np.tile(y, 2), np.tile(np.arange(200), 2)
    one = KNeighborsClassifier(1)
    random = cross_val_predict(one, pairs, both, cv=KFold(10, shuffle=True, random_state=0))
    grouped = cross_val_predict(one, pairs, both, cv=GroupKFold(10), groups=groups)
    assert evaluation.accuracy(both, random).value > 0.8
    assert evaluation.accuracy(both, grouped).value < 0.2
