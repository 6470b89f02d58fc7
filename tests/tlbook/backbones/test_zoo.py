"""The small networks to be compared: records, weights and cards agree, and each differs from another in one thing."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil

import keras
import numpy as np
import pytest

from tlbook import backbones, convolution, sketches
from tlbook.backbones import networks
from tools.data import pretrain_without_labels
from tools.data.pretrain import SOURCES, ZOO

NAMES = backbones.zoo()
UNLABELLED = pretrain_without_labels.SHIPPED
MIDDLE = "zoo_width_50"
AS_MANY_STEPS = {"zoo_half_species", "zoo_few_drawings"}


def test_the_zoo_is_no_choice_for_photos():
    assert NAMES == ZOO
    assert len(NAMES) == 7 and not set(NAMES) & set(backbones.names())
    assert not any(backbones.default(dataset) in NAMES for dataset in ("sketches", "photos", "mine"))


def test_the_zoo_is_small():
    assert sum(backbones.info(name).path.stat().st_size for name in (*NAMES, *UNLABELLED)) <= 5e6
    assert all(backbones.info(name).path.stat().st_size <= 1e6 for name in UNLABELLED)


@pytest.mark.parametrize("name", NAMES)
def test_record_file_card_and_recipe_agree(name):
    info, card, source = backbones.info(name), backbones.card(name), SOURCES[name]
    content = info.path.read_bytes()
    assert len(content) == info.size
    assert hashlib.sha256(content).hexdigest() == card["sha256"]
    backbone = backbones.load(name)
    assert backbone.model.count_params() == info.parameters == card["parameters"]
    assert backbone.feature_dim == info.feature_dim
    assert backbone.input_size == info.input_size == source.size
    assert sum(layer.multiplications for layer in convolution.costs(backbone.model)) == info.multiply_adds
    assert backbone.stages == info.stages
    assert info.options == {"width": source.width, "n_classes": card["source-task accuracy"]["classes"]}
    assert card["name"] == f"{name}-1" and card["licence"] == info.licence
    assert card["data"]["species"] == list(sketches.SOURCE_SPECIES[: source.species])
    assert card["data"]["training drawings"] == source.species * source.per_class
    assert card["recipe"]["epochs"] == source.epochs and f" {name} " in card["recipe"]["command"]


@pytest.mark.parametrize("name", UNLABELLED)
def test_networks_without_labels_differ_from_the_middle_one_in_the_task_alone(name):
    info, card, middle = backbones.info(name), backbones.card(name), backbones.card(MIDDLE)
    content = info.path.read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (info.size, card["sha256"])
    assert (card["name"], card["licence"]) == (f"{name}-1", info.licence)
    for same in ("architecture", "parameters", "licence"):
        assert card[same] == middle[same]
    for same in ("species", "training drawings", "held-out drawings"):
        assert card["data"][same] == middle["data"][same]
    for same in ("optimiser", "learning rate", "weight decay", "batch", "epochs", "seed"):
        assert card["recipe"][same] == middle["recipe"][same]
    assert f" {name} " in card["recipe"]["command"] and "source-task accuracy" not in card
    backbone = backbones.load(name)
    assert (backbone.feature_dim, backbone.stages) == (info.feature_dim, info.stages)
    assert backbone.model.count_params() == info.parameters == card["parameters"]
    # It is loaded by name, and no candidate among those that are compared by what they know of their classes.
    assert name not in backbones.zoo() and name not in backbones.names()
    with pytest.raises(ValueError, match=f"the weights of {name} have no classifier"):
        backbones.load_head(name)


@pytest.mark.parametrize("name", [name for name in NAMES if name != MIDDLE])
def test_each_differs_from_the_middle_one_in_one_thing(name):
    middle, other = dataclasses.asdict(SOURCES[MIDDLE]), dataclasses.asdict(SOURCES[name])
    differs = {key for key in middle if middle[key] != other[key]}
    if name in AS_MANY_STEPS:  # what is changed is made up for, so that all take as many steps
        steps = [one["species"] * one["per_class"] * one["epochs"] for one in (middle, other)]
        assert steps[0] == steps[1]
        differs -= {"epochs"} if "per_class" in differs and "species" not in differs else {"per_class"}
    assert len(differs) == 1


def test_heads_name_what_they_learned_and_nothing_else():
    drawn = sketches.make_set(sketches.SOURCE_SPECIES, 8, seed=903, size=64)
    right = {}
    for name in ("zoo_width_50", "zoo_random_labels"):
        head, backbone = backbones.load_head(name), backbones.load(name)
        logits = head(backbone.model.predict(drawn.images, verbose=0))
        right[name] = (keras.ops.convert_to_numpy(logits).argmax(1) == drawn.labels).mean()
    stated = backbones.card("zoo_width_50")["source-task accuracy"]["value"]
    assert abs(right["zoo_width_50"] - stated) < 0.12
    assert right["zoo_random_labels"] < 0.15
    nothing = backbones.card("zoo_random_labels")["source-task accuracy"]
    assert nothing["low"] < 1 / 22 < nothing["high"]


def test_the_reader_gets_the_card_of_our_networks_alone():
    assert backbones.card()["name"] == "sketchnet-1"
    with pytest.raises(ValueError, match="vgg16 has no model card here"):
        backbones.card("vgg16")
    with pytest.raises(ValueError, match="there is no backbone 'zoo'"):
        backbones.card("zoo")


def test_a_tampered_file_is_refused_by_name(tmp_path, monkeypatch):
    for ending in ("json", "weights.h5"):
        shutil.copy(networks.DATA / f"{MIDDLE}-1.{ending}", tmp_path)
    monkeypatch.setattr(networks, "DATA", tmp_path)
    file = tmp_path / f"{MIDDLE}-1.weights.h5"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(
        backbones.WeightsUnavailable, match=rf"{MIDDLE}-1\.weights\.h5 is not the file of its model card"
    ):
        backbones.load(MIDDLE)


def test_untrained_weights_of_the_zoo_have_no_classifier():
    backbone = backbones.load(MIDDLE, weights=None, seed=3)
    assert backbone.model.output_shape == (None, 64)
    features = backbone.model.predict(np.zeros((1, 64, 64, 3), np.uint8), verbose=0)
    assert np.isfinite(features).all()
