"""Photos unlike all that a model was trained on: said by every way of asking it."""

import csv
import io
import json
import urllib.request

import numpy as np
import pytest
from PIL import Image

from tests.tlbook.classifier.folders import class_folders, served, train
from tlbook import backbones, classifier, cli, datasets, evaluation, features, sketches, transfer
from tlbook.classifier import InputError, graphs, photos, saved, unknown

SIDE = 64


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("unknown")


def save(folder, images, first=0):
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{first + i:03}.png")
    return folder


@pytest.fixture(scope="module")
def drawn(root):
    made = sketches.make_set(("cat", "dog"), 60, seed=7, size=SIDE)
    for label, name in enumerate(made.class_names):
        save(root / "photos" / name, made.images[made.labels == label])
    return root / "photos"


@pytest.fixture(scope="module")
def result(root, drawn):
    return train(drawn, root / "out", unknown=True, input_size=SIDE)


@pytest.fixture(scope="module")
def strange(root):
    """Animals of other species."""
    return save(root / "strange", sketches.make_set(("owl", "penguin", "frog"), 4, seed=9, size=SIDE).images)


def by_keras(result):
    """The same classifier without its graph."""
    found = classifier.load(result.model)
    return classifier.Classifier(found.model, found.class_names, found.about)


def test_the_threshold_is_in_the_model_file(result):
    known = classifier.load(result.model).known
    assert known.threshold == pytest.approx(result.metrics["unknown"]["threshold"], rel=1e-5)
    assert result.metrics["unknown"]["score"] == "distance to class means"
    again = unknown.Known.read(json.loads(json.dumps(known.about())))
    np.testing.assert_array_equal(again.means, known.means)
    np.testing.assert_array_equal(again.precision, known.precision)


def test_the_share_of_test_photos_is_in_every_file(result):
    rows = list(csv.DictReader(io.StringIO(result.predictions.read_text("utf-8"))))
    share = np.mean([int(row["unknown"]) for row in rows])
    assert share == pytest.approx(result.metrics["unknown"]["test_share"], abs=1e-6)
    assert share < 0.3  # 5 % on average
    assert "called unknown" in result.report.read_text("utf-8") and "--unknown" in result.metrics["command"]


def test_predict_says_what_is_unlike(result, strange, root):
    found = classifier.predict(result.model, strange, progress=False)
    rows = list(csv.DictReader(io.StringIO(found.csv())))
    assert [int(row["unknown"]) for row in rows] == list(found.unknown) and list(rows[0])[-1] == "unknown"
    known = classifier.predict(result.model, root / "photos" / "cat", progress=False)
    assert np.mean(found.unknown) > 0.25 > 0.1 >= np.mean(known.unknown)


@pytest.mark.skipif(not graphs.can_write(), reason="the packages that write a graph are not installed")
def test_keras_and_the_graph_agree(result, strange, root):
    graph = classifier.load(result.model)
    assert graph.by_graph
    paths = [*sorted(strange.iterdir()), *sorted((root / "photos" / "dog").iterdir())]
    by_graph = classifier.predict(graph, paths, progress=False)
    assert graph.by_graph, "nothing asked for Keras"
    alone = classifier.predict(by_keras(result), paths, progress=False)
    assert by_graph.unknown == alone.unknown
    np.testing.assert_allclose(by_graph.probabilities, alone.probabilities, atol=1e-4)


def test_evaluate_says_how_many(result, strange, root):
    folder = save(root / "mixed" / "dog", [np.asarray(Image.open(path)) for path in sorted(strange.iterdir())]).parent
    save(folder / "cat", sketches.make_set("cat", 8, seed=11, size=SIDE).images)
    found = classifier.evaluate(result.model, folder, progress=False)
    said = classifier.predict(result.model, folder, progress=False).unknown
    assert (found.unknown.n, found.unknown.value) == (20, np.mean(said))
    assert found.metrics["unknown"] == pytest.approx(np.mean(said), abs=1e-6)
    assert "unlike all photos of training" in found.text()


def test_the_page_says_so(result, strange, root):
    names = [*sorted(strange.iterdir()), *sorted((root / "photos" / "cat").iterdir())[:3]]
    said = classifier.predict(result.model, names, progress=False).unknown
    asked = [names[said.index(True)], names[said.index(False)]]
    with served(result.model) as server:
        answers = []
        for path in asked:
            head = {"Content-Type": "application/octet-stream"}
            request = urllib.request.Request(f"{server.url}classify", path.read_bytes(), head)
            answers.append(json.load(urllib.request.urlopen(request)))
        model = json.load(urllib.request.urlopen(f"{server.url}model"))
        page = urllib.request.urlopen(server.url).read().decode()
    assert [one["unknown"] for one in answers] == [True, False] and model["refuses"]
    assert "This photo is unlike all that the model was trained on" in page


def test_an_export_still_gives_logits_first(result, tmp_path):
    if not graphs.can_write():
        pytest.skip("the packages that write a graph are not installed")
    import onnxruntime

    done = classifier.export(result.model, tmp_path / "other.onnx")
    session = onnxruntime.InferenceSession(done.path)
    assert [one.shape[1] for one in session.get_outputs()] == [2, 128]
    kept = json.loads(session.get_modelmeta().custom_metadata_map["unknown"])
    assert unknown.Known.read(kept).threshold == classifier.load(result.model).known.threshold


def test_a_model_without_it_says_nothing(tmp_path):
    result = train(class_folders(tmp_path / "photos", n=8), tmp_path / "out")
    found = classifier.predict(result.model, tmp_path / "photos", progress=False)
    assert found.unknown is None and "unknown" not in found.csv()
    assert classifier.evaluate(result.model, tmp_path / "photos", progress=False).unknown is None
    assert "unknown" not in result.metrics


def test_too_few_validation_photos(tmp_path):
    folder = class_folders(tmp_path / "photos", n=20)
    with pytest.raises(InputError, match="takes 19 validation photos or more"):
        train(folder, tmp_path / "out", unknown=True)


def test_fine_tuned_features_are_those_of_the_tuned_model(tmp_path):
    folder = class_folders(tmp_path / "photos", n=60)
    result = train(folder, tmp_path / "out", unknown=True, strategy="top")
    found = by_keras(result)
    train_features = found.features(photos.read(folder, progress=False).splits["train"], progress=False)
    labels = photos.read(folder, progress=False).splits["train"].labels
    means = np.stack([train_features[labels == k].mean(axis=0) for k in range(2)])
    assert result.metrics["photos"]["near_duplicates"]["pairs"] or np.allclose(found.known.means, means, atol=1e-3)


def test_the_command_line(result, strange, tmp_path, capsys):
    assert cli.main(["--quiet", "predict", str(result.model), str(strange)]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(",unknown")
    assert saved.needs_keras(result.model) is not graphs.can_write()


def test_distance_finds_species_that_logits_do_not():
    """Why the score is a distance: cats and dogs known, five other species shown, at 95 % accepted drawings of the known two."""
    backbone, data = backbones.load("sketchnet"), datasets.load("sketches")
    others = sketches.make_set(("rabbit", "owl", "frog", "cow", "penguin"), 12, seed=501, size=96).images
    splits = {"train": data.train, "validation": data.validation, "test": data.test.take(150)}
    x = {name: features.extract(backbone, split, progress=False) for name, split in splits.items()}
    x["others"] = features.extract(backbone, others, progress=False, cache=False)
    probe = transfer.linear_probe(x["train"], data.train.labels, x["validation"], data.validation.labels)
    known = unknown.fit(x["train"], data.train.labels, x["validation"])
    means = evaluation.class_means(x["train"], data.train.labels)
    np.testing.assert_allclose(known.score(x["test"]), means.score(x["test"]), rtol=1e-3)
    assert (~known.unknown(x["test"])).mean() > 0.88
    by_distance = (~known.unknown(x["others"])).mean()
    threshold = evaluation.acceptance_threshold(evaluation.energy(probe.logits(x["validation"])))
    by_energy = (evaluation.energy(probe.logits(x["others"])) >= threshold).mean()
    assert by_distance < 0.4 < 0.7 < by_energy
