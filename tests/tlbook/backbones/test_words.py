"""The towers that ship: file and card agree, sentences and images go in, and what was learned comes out."""

from __future__ import annotations

import hashlib
import shutil

import keras
import numpy as np
import pytest

from tlbook import backbones, features, sketches
from tlbook.backbones import networks, words
from tools.data import pretrain_with_words as pretraining

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="sentences need TensorFlow")


@pytest.fixture(scope="module")
def loaded():
    return backbones.load_words()


@pytest.fixture(scope="module")
def drawn():
    return sketches.make_set(sketches.SOURCE_SPECIES, 4, seed=904, size=64)


def read(text_tower, sentences):
    return keras.ops.convert_to_numpy(text_tower(keras.ops.convert_to_tensor(sentences)))


def test_file_card_and_towers_agree(loaded):
    card, path = backbones.card("words"), networks.DATA / "words-1.weights.h5"
    content = path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == card["sha256"] and len(content) <= 1e6
    image_tower, text_tower = loaded
    assert card["parameters"] == {
        "image tower": image_tower.count_params(),
        "text tower": text_tower.count_params(),
    }
    assert card["name"] == "words-1" and card["licence"] == "CC BY 4.0"
    assert card["data"]["species"] == list(sketches.SOURCE_SPECIES)
    default = pretraining.Training()
    assert (card["recipe"]["epochs"], card["recipe"]["seed"]) == (default.epochs, default.seed)
    assert card["data"]["training drawings"] == pretraining.PER_CLASS * len(sketches.SOURCE_SPECIES)


def test_both_towers_give_unit_vectors_of_one_length(loaded, drawn):
    image_tower, text_tower = loaded
    pictures = image_tower.predict(drawn.images, verbose=0)
    sentences = read(text_tower, ["a cat", "an animal with pointed ears, at night", ""])
    assert pictures.shape == (len(drawn), 64) and sentences.shape == (3, 64)
    np.testing.assert_allclose(np.linalg.norm(pictures, axis=1), 1, atol=1e-5)
    assert np.isfinite(sentences).all()
    np.testing.assert_allclose(np.linalg.norm(sentences[:2], axis=1), 1, atol=1e-5)


def test_own_captions_are_nearer_than_those_of_others(loaded, drawn):
    image_tower, text_tower = loaded
    pictures = image_tower.predict(drawn.images, verbose=0)
    similarity = pictures @ read(text_tower, [sketches.caption(record) for record in drawn.factors]).T
    rank = (similarity > np.diag(similarity)[:, None]).sum(axis=1)
    assert np.median(rank) < len(drawn) / 10
    names = read(text_tower, [f"a drawing of a {name}" for name in sketches.SOURCE_SPECIES])
    right = (pictures @ names.T).argmax(axis=1) == drawn.labels
    assert abs(right.mean() - backbones.card("words")["species by name, none of the labels used"]["value"]) < 0.15


def test_case_and_commas_do_not_count_and_unknown_words_are_one(loaded):
    text_tower = loaded[1]
    a, b, c, d, e = read(
        text_tower,
        ["a grey fox, at night", "A GREY FOX AT NIGHT", "a zebra", "a quokka", "a fox"],
    )
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(c, d)
    assert np.abs(d - e).max() > 0.01


def test_the_text_tower_reads_order_and_one_that_looks_at_single_words_does_not(loaded):
    pair = [
        "a large grey animal in front of a plain orange wall",
        "a large orange animal in front of a plain grey wall",
    ]
    own = read(loaded[1], pair)
    assert np.abs(own[0] - own[1]).max() > 0.01
    keras.utils.set_random_seed(0)
    blind = pretraining.embed(words.towers(reach=1)[1], pair)
    np.testing.assert_allclose(blind[0], blind[1], atol=1e-6)


def test_the_features_for_a_probe_are_those_before_the_projection(loaded, drawn):
    image_tower = loaded[0]
    backbone = backbones.wrap(image_tower, layer="pool", name="words")
    pooled = keras.Model(image_tower.input, image_tower.get_layer("pool").output)
    found = features.extract(backbone, drawn.images, cache=False)
    np.testing.assert_allclose(found, pooled.predict(drawn.images, verbose=0), atol=1e-4)


def test_loading_leaves_the_random_state_and_other_files_are_refused(tmp_path, monkeypatch):
    import random

    random.seed(5)
    expected = random.random()
    random.seed(5)
    backbones.load_words()
    assert random.random() == expected
    for ending in ("json", "weights.h5"):
        shutil.copy(networks.DATA / f"words-1.{ending}", tmp_path)
    monkeypatch.setattr(networks, "DATA", tmp_path)
    file = tmp_path / "words-1.weights.h5"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(backbones.WeightsUnavailable, match=r"words-1\.weights\.h5 is not the file of its model card"):
        backbones.load_words()
    file.unlink()
    with pytest.raises(backbones.WeightsUnavailable, match="install it again"):
        backbones.load_words()


def test_the_loss_is_that_of_the_formula_and_least_for_own_captions():
    rng = np.random.default_rng(0)
    similarity = rng.normal(size=(5, 5)).astype(np.float32)
    loss = keras.ops.convert_to_numpy(words.contrastive_loss(np.zeros(5), similarity))

    def entropy(rows):
        return -np.diag(rows - np.log(np.exp(rows).sum(axis=1, keepdims=True)))

    np.testing.assert_allclose(loss, (entropy(similarity) + entropy(similarity.T)) / 2, rtol=1e-5)
    fitting = 10 * np.eye(5, dtype=np.float32)
    assert keras.ops.convert_to_numpy(words.contrastive_loss(np.zeros(5), fitting)).mean() < 0.001
    even = keras.ops.convert_to_numpy(words.contrastive_loss(np.zeros(5), np.zeros((5, 5), np.float32)))
    np.testing.assert_allclose(even, np.log(5), rtol=1e-5)


def test_the_similarity_is_the_cosine_times_a_factor_that_begins_at_one_by_007_and_stays_below_100():
    layer = words.Similarity()
    a, b = np.eye(3, dtype=np.float32)[:2], np.eye(3, dtype=np.float32)
    found = keras.ops.convert_to_numpy(layer([a, b]))
    np.testing.assert_allclose(found, np.eye(3)[:2] / 0.07, rtol=1e-5)
    layer.log_scale.assign(50.0)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer([a, b])), 100 * np.eye(3)[:2], rtol=1e-5)
