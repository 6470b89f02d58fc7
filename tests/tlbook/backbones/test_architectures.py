"""Our own networks, the shipped weights and their card, and the script that makes them."""

import functools
import hashlib
import json

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tlbook import sketches
from tlbook.backbones.architectures import SKETCHNET_STAGES, sketchnet, small_cnn
from tools import ROOT
from tools.data import pretrain

DATA = ROOT / "tlbook" / "data"


@pytest.fixture(scope="module")
def card():
    return json.loads((DATA / "sketchnet-1.json").read_text("utf-8"))


def test_sketchnet_is_flat_and_within_its_budget():
    model = sketchnet()
    assert model.count_params() < 400_000
    assert model.input_shape == (None, 96, 96, 3)
    assert model.output_shape == (None, 128)
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert all(type(layer) is keras.layers.Conv2D and layer.kernel_size == (3, 3) for layer in convolutions)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == len(convolutions) == 8
    assert {layer.momentum for layer in norms} == {0.9}
    sizes = [model.get_layer(stage).output.shape[1] for stage in SKETCHNET_STAGES]
    assert sizes == [48, 24, 12, 6]
    assert model.layers[-2].name == SKETCHNET_STAGES[-1]


def test_sketchnet_takes_pixels_as_they_are():
    model = sketchnet(64)
    rescale = model.get_layer("rescale")
    assert np.allclose(rescale(np.array([0.0, 127.5, 255.0])), [-1, 0, 1], atol=1e-6)
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    same = model.predict(images.astype("float32"), verbose=0)
    assert np.allclose(model.predict(images, verbose=0), same, atol=1e-5)


def test_width_and_classifier():
    narrow, whole = sketchnet(64, width=0.25), sketchnet(64)
    for thin, full in zip(narrow.layers, whole.layers, strict=True):
        if isinstance(full, keras.layers.Conv2D):
            assert 4 * thin.filters == full.filters
    with_head = sketchnet(64, width=0.25, n_classes=22)
    assert [layer.name for layer in with_head.layers[:-1]] == [layer.name for layer in narrow.layers]
    assert with_head.output_shape == (None, 22)
    assert with_head.layers[-1].activation is keras.activations.linear


def test_small_cnn_gives_logits_and_augments_only_in_training():
    keras.utils.set_random_seed(0)
    model = small_cnn(3, 48, augmentation=[keras.layers.RandomFlip("vertical", seed=1)], dropout=0.0)
    assert model.output_shape == (None, 3)
    assert model.layers[-1].activation is keras.activations.linear
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    images = np.random.default_rng(1).uniform(0, 255, (4, 48, 48, 3)).astype("float32")
    assert np.array_equal(model(images, training=False), model(images, training=False))
    flip = model.layers[1]
    assert not np.array_equal(flip(images, training=True), images)
    assert np.array_equal(flip(images, training=False), images)
    assert small_cnn(2).count_params() < 100_000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sketchnet(16), "input_size=16"),
        (lambda: sketchnet(True), "input_size=True"),
        (lambda: sketchnet(64, width=0.05), "width=0.05"),
        (lambda: sketchnet(64, n_classes=1), "n_classes=1"),
        (lambda: small_cnn(1), "n_classes=1"),
        (lambda: small_cnn(2.5), "n_classes=2.5"),
        (lambda: small_cnn(2, 20), "input_size=20"),
        (lambda: small_cnn(2, dropout=1.0), "dropout=1.0"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_shipped_weights_are_those_of_the_card(card):
    path = DATA / "sketchnet-1.weights.h5"
    assert path.stat().st_size <= 2_000_000
    assert hashlib.sha256(path.read_bytes()).hexdigest() == card["sha256"]
    model = sketchnet()
    before = model.get_weights()
    model.load_weights(path)
    assert card["parameters"] == model.count_params()
    assert not any(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_card_says_what_it_was_trained_on(card):
    assert card["data"]["species"] == list(sketches.SOURCE_SPECIES)
    assert not {"cat", "dog"} & set(card["data"]["species"])
    accuracy = card["source-task accuracy"]
    assert 0.9 < accuracy["low"] < accuracy["value"] < accuracy["high"] <= 1
    assert accuracy["n"] == card["data"]["held-out drawings"] >= 1000
    assert card["wall_seconds"] < 30 * 60
    assert {"recipe", "date", "versions", "licence"} <= set(card)
    assert card["recipe"]["command"].startswith("python tools/data/pretrain.py")


def test_features_tell_the_source_species_apart_and_random_weights_do_much_less():
    species = sketches.SOURCE_SPECIES
    train = sketches.make_set(species, 12, seed=901)
    test = sketches.make_set(species, 6, seed=902)

    def score(model):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        probe.fit(model.predict(train.images, verbose=0), train.labels)
        return probe.score(model.predict(test.images, verbose=0), test.labels)

    keras.utils.set_random_seed(0)
    pretrained, random = sketchnet(), sketchnet()
    pretrained.load_weights(DATA / "sketchnet-1.weights.h5")
    assert score(pretrained) > 0.85
    assert score(random) < score(pretrained) - 0.3


def without_workers(monkeypatch):
    """Draw in this process: the drawings are the same."""
    monkeypatch.setattr(pretrain, "SOURCE_SPECIES", ("owl", "frog"))

    @functools.cache
    def draw(n, seed, workers, size, species):
        records = sketches.make_records(("owl", "frog"), n, seed)
        return pretrain._draw(records, size), records

    monkeypatch.setattr(pretrain, "draw_source", draw)


def test_pretraining_script_runs_through_and_is_seeded(tmp_path, monkeypatch, capsys):
    without_workers(monkeypatch)
    arguments = ["--per-class", "8", "--held-out", "4", "--epochs", "2", "--seed", "3"]
    for name in ("a", "b"):
        assert pretrain.main([*arguments, "--output", str(tmp_path / name)]) == 0
    assert "epoch 2/2" in capsys.readouterr().out
    files = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert files == ["sketchnet-1.json", "sketchnet-1.weights.h5"]
    written = json.loads((tmp_path / "a" / "sketchnet-1.json").read_text())
    assert written["sha256"] == hashlib.sha256((tmp_path / "a" / files[1]).read_bytes()).hexdigest()
    assert written["data"]["training drawings"] == 16
    assert written["source-task accuracy"]["n"] == 8
    assert written["recipe"]["command"] == (
        "python tools/data/pretrain.py --per-class 8 --held-out 4 --epochs 2 --seed 3"
    )
    models = [sketchnet(), sketchnet()]
    for model, name in zip(models, ("a", "b"), strict=True):
        model.load_weights(tmp_path / name / files[1])
    for first, second in zip(*(m.get_weights() for m in models), strict=True):
        assert np.allclose(first, second, atol=1e-3)


def test_several_networks_are_pretrained_in_one_call(tmp_path, monkeypatch, capsys):
    without_workers(monkeypatch)
    arguments = ["zoo_width_25", "zoo_backgrounds", "--per-class", "8", "--held-out", "4", "--epochs", "1"]
    assert pretrain.main([*arguments, "--output", str(tmp_path)]) == 0
    cards = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    assert set(cards) == {"zoo_width_25-1", "zoo_backgrounds-1"}
    assert cards["zoo_width_25-1"]["source-task accuracy"]["classes"] == 2
    kinds = {record["background"] for record in sketches.make_records(("owl", "frog"), 8, 1001)}
    assert cards["zoo_backgrounds-1"]["source-task accuracy"]["classes"] == len(kinds)
    # The classifier is kept, so that its weights lie in the file too.
    model = sketchnet(64, width=0.25, n_classes=2)
    model.load_weights(tmp_path / "zoo_width_25-1.weights.h5")
    with pytest.raises(SystemExit):
        pretrain.main(["zoo_width_33"])
    assert "no network zoo_width_33" in capsys.readouterr().err


def test_labels_of_a_source_task():
    records = sketches.make_records(sketches.SOURCE_SPECIES, 30, 7)
    species = pretrain.label(records, "species", 1)
    assert species[:22].tolist() == list(range(22))
    kinds = pretrain.label(records, "background", 1)
    assert len(set(kinds)) == 13 and kinds.max() == 12
    assert {(record["background"], kind) for record, kind in zip(records, kinds, strict=True)} == {
        (name, place) for place, name in enumerate(sorted({record["background"] for record in records}))
    }
    drawn = pretrain.label(records, "random", 1)
    assert len(set(drawn)) == 22 and drawn.tolist() == pretrain.label(records, "random", 1).tolist()
    assert (drawn == species).mean() < 0.15


def test_drawing_for_the_source_task_uses_workers(monkeypatch):
    class Pool:
        def __init__(self, workers):
            assert workers == 2

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            return None

        def imap(self, function, pieces):
            return map(function, pieces)

    monkeypatch.setattr(pretrain, "get_context", lambda method: type("Context", (), {"Pool": Pool}))
    images, records = pretrain.draw_source(1, 5, 2, 48, 11)
    assert images.shape == (11, 48, 48, 3)
    assert [record.species for record in records] == list(sketches.SOURCE_SPECIES[:11])
