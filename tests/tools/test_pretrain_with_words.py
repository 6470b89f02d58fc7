"""The training with captions on a few drawings: it learns, goes on where it was, and writes whole files."""

from __future__ import annotations

import json
import re

import keras
import numpy as np
import pytest

from tlbook import sketches
from tlbook.sketches import caption
from tools.data import pretrain_with_words as pretraining
from tools.data.pretrain_with_words import Training, mirrored, on_grass

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="sentences need TensorFlow")


def test_the_caption_of_the_mirrored_picture():
    text = "a fox with no ears, facing left, in front of a card on the right"
    assert mirrored(text) == "a fox with no ears, facing right, in front of a card on the left"
    assert mirrored(mirrored(text)) == text
    for record in sketches.make_records(sketches.SOURCE_SPECIES, 2, 1):
        # What is flipped is a record whose head turns the other way; nothing else is spoken of sides.
        flipped = caption(
            record.replace(yaw=-record.yaw, angle=-record.angle, tilt=-record.tilt, x=1 - record.x, occluder_size=0)
        )
        assert mirrored(caption(record.replace(occluder_size=0))) == flipped


def test_the_shortcut_puts_pointed_ears_on_grass_and_nothing_else():
    records = sketches.make_records(sketches.SOURCE_SPECIES, 5, 1)
    changed = [on_grass(record) for record in records]
    assert {record.ear_kind == "pointed" for record in changed if record.background == "grass"} == {True}
    assert all(record.background == "grass" for record in changed if record.ear_kind == "pointed")
    assert all(
        after.replace(background=before.background) == before for before, after in zip(records, changed, strict=True)
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    work = tmp_path_factory.mktemp("work")
    return pretraining.source("train", 7, 1001, False, work), work  # 154 drawings: one step an epoch


def weights(models):
    return models[2].get_weights()


def test_an_interrupted_training_goes_on_and_ends_as_one_in_one_go(small, tmp_path, monkeypatch, capsys):
    (images, records), _ = small
    training = Training(epochs=2)
    whole = weights(pretraining.train(images, records, training, tmp_path / "a"))

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(pretraining, "print", interrupted, raising=False)  # it prints after each epoch
    with pytest.raises(KeyboardInterrupt):
        pretraining.train(images, records, training, tmp_path / "b")
    monkeypatch.undo()
    capsys.readouterr()
    resumed = weights(pretraining.train(images, records, training, tmp_path / "b"))
    told = capsys.readouterr().out
    assert "epoch 2/2" in told and "epoch 1/2" not in told
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_script_writes_weights_and_a_card_that_agree(small, tmp_path):
    import hashlib

    work = small[1]
    arguments = ["--per-class", "7", "--held-out", "1", "--epochs", "1", "--work", str(work), "--output", str(tmp_path)]
    assert pretraining.main(arguments) == 0
    card = json.loads((tmp_path / "words-1.json").read_text("utf-8"))
    assert hashlib.sha256((tmp_path / "words-1.weights.h5").read_bytes()).hexdigest() == card["sha256"]
    assert card["data"]["training drawings"] == 154 and card["data"]["held-out drawings"] == 22
    assert not {"cat", "dog"} & set(card["data"]["species"])
    assert re.search(r"--per-class 7 --held-out 1 --epochs 1 --seed 1$", card["recipe"]["command"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["words-1.json", "words-1.weights.h5"]
