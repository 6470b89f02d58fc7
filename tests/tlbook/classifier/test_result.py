"""What training leaves behind: a model file that stands alone, numbers that agree with it, a page that needs nothing."""

import csv
import html.parser
import io
import json
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from tests.tlbook.classifier.folders import OPTIONS, class_folders, hard_folders, picture
from tlbook import backbones, classifier, cli, datasets, evaluation, features, report
from tlbook.classifier import InputError, graphs, metrics_file, photos, saved, strategy
from tlbook.classifier.strategy import Fitted
from tlbook.features import engines

import keras  # isort: skip

NAMES = ("cat", "dog", "<b>fox & co</b>")
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def lines():
    return []


@pytest.fixture(scope="module")
def result(tmp_path_factory, lines):
    """Three classes, of which one has a name that is markup."""
    root = tmp_path_factory.mktemp("result")
    folder = class_folders(root / "photos", *(name.replace("/", "") for name in NAMES), n=16)
    return classifier.train(folder, root / "out", strategy="probe", **{**OPTIONS, "say": lines.append})


@pytest.fixture(scope="module")
def tested(result):
    return photos.read(result.metrics["photos"]["folder"], progress=False).splits["test"]


@pytest.fixture(scope="module")
def page(result):
    return result.report.read_text("utf-8")


def rows(result):
    return list(csv.DictReader(io.StringIO(result.predictions.read_text("utf-8"))))


def test_the_files_and_nothing_else(result):
    graph = ["model.onnx"] if graphs.can_write() else []
    assert sorted(path.name for path in result.folder.iterdir()) == [
        "metrics.json",
        "model.keras",
        *graph,
        "predictions.csv",
        "report.html",
    ]
    assert not result.folder.with_name("out.unfinished").exists()
    assert json.loads((result.folder / "metrics.json").read_text("utf-8")) == result.metrics


def test_metrics_hold_what_was_promised(result):
    metrics = result.metrics
    assert {"n", "accuracy", "accuracy_interval"} <= set(metrics["test"])
    assert {"n", "accuracy", "accuracy_interval"} <= set(metrics["validation"])
    assert metrics["test"]["n"] + metrics["validation"]["n"] < 48
    low, high = metrics["test"]["accuracy_interval"]
    assert low <= metrics["test"]["accuracy"] <= high
    assert metrics["wall_seconds"]["total"] == pytest.approx(
        sum(value for name, value in metrics["wall_seconds"].items() if name != "total"), abs=0.01
    )
    assert np.sum(metrics["test"]["confusion"]) == metrics["test"]["n"]
    assert "NaN" not in json.dumps(metrics)


def test_the_model_opens_in_keras_alone_and_gives_the_measured_answers(result, tested):
    model = keras.models.load_model(result.model, safe_mode=True)
    logits = model.predict_on_batch(tested.images(32))  # uint8
    p = evaluation.probabilities(np.asarray(logits))
    stored = np.array([[float(row[f"probability of {name}"]) for name in tested.class_names] for row in rows(result)])
    np.testing.assert_allclose(p, stored, atol=2e-5)
    measured = report.evaluate(np.asarray(logits), tested)
    assert result.metrics["test"]["accuracy"] == pytest.approx(measured.accuracy.value, abs=1e-6)
    assert result.metrics["test"]["calibration"]["log_loss"] == pytest.approx(
        measured.calibration["log_loss"].value, abs=1e-4
    )


def test_class_names_and_origin_are_in_the_file(result):
    found = classifier.load(result.model)
    assert found.class_names == tuple(sorted(name.replace("/", "") for name in NAMES))
    assert found.input_size == 32
    assert found.about["backbone"] == "sketchnet"
    assert found.about["temperature"] == result.metrics["temperature"]
    kept = sum(sum(result.metrics["photos"]["counts"][name].values()) for name in ("train", "validation"))
    assert len(found.about["trained on"]) == kept
    with zipfile.ZipFile(result.model) as archive:
        assert sorted(archive.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]


def test_logits_survive_saving(result, tested, tmp_path):
    first = classifier.load(result.model)
    again = classifier.load(saved.save(first, tmp_path / "copy.keras"))
    images = tested.images(32)
    np.testing.assert_array_equal(*(np.asarray(one.model.predict_on_batch(images)) for one in (first, again)))
    assert [path.name for path in tmp_path.iterdir()] == ["copy.keras"]


def test_chunks_give_the_same_logits(result, tested, monkeypatch):
    whole = classifier.load(result.model).logits(tested, progress=False)
    monkeypatch.setattr(saved, "CHUNK", 5)
    for images in (tested, tested.images(32)):
        np.testing.assert_allclose(classifier.load(result.model).logits(images, progress=False), whole, atol=1e-5)


def test_the_temperature_is_in_the_logits():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    logits = (rng.normal(size=(200, 3)) + 2 * np.eye(3)[labels]) * 5  # right more often than not, far too sure
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(3, name="head")(inputs))
    model.get_layer("head").set_weights([np.eye(3), np.zeros(3)])
    temperature, note = strategy.calibrate(Fitted(model, logits), labels)
    assert temperature == pytest.approx(evaluation.fit_temperature(labels, logits)) and temperature > 2 and note == ""
    after = np.asarray(model(logits.astype(np.float32)))
    np.testing.assert_allclose(after, logits / temperature, rtol=1e-5, atol=1e-5)
    sure = evaluation.log_loss(labels, evaluation.probabilities(after))
    assert sure < evaluation.log_loss(labels, evaluation.probabilities(logits))


def test_a_temperature_that_is_not_determined_is_left_at_one():
    labels, logits = np.array([0, 1]), np.array([[1.0, 0.0], [0.0, 1.0]])
    temperature, note = strategy.calibrate(Fitted(None, logits), labels)
    assert temperature == 1.0 and "do not determine" in note


# ---- CSV ----


def test_predictions_as_csv(result, tested):
    found = rows(result)
    assert list(found[0]) == [
        "path",
        "label",
        "probability",
        "truth",
        *(f"probability of {n}" for n in tested.class_names),
    ]
    assert [row["truth"] for row in found] == [tested.class_names[label] for label in tested.labels]
    for row, path in zip(found, tested.paths, strict=True):
        assert path.as_posix().endswith("/" + row["path"])
        each = {name: float(row[f"probability of {name}"]) for name in tested.class_names}
        assert row["label"] == max(each, key=each.get)
        assert float(row["probability"]) == max(each.values())
        assert sum(each.values()) == pytest.approx(1, abs=1e-5)
    right = np.mean([row["truth"] == row["label"] for row in found])
    assert right == pytest.approx(result.metrics["test"]["accuracy"], abs=1e-6)


def test_predict_agrees_with_the_measurement(result, tested, monkeypatch):
    monkeypatch.setattr(saved, "CHUNK", 4)  # several rounds
    found = classifier.predict(result.model, tested.paths, progress=False)
    table = list(csv.DictReader(io.StringIO(found.csv())))
    assert list(table[0]) == ["path", "label", "probability", *(f"probability of {n}" for n in tested.class_names)]
    assert [row["label"] for row in table] == [row["label"] for row in rows(result)] == list(found.labels)
    assert [row["probability"] for row in table] == [f"{p:.6f}" for p in found.probabilities.max(axis=1)]
    ours = [float(row["probability"]) for row in rows(result)]
    np.testing.assert_allclose(found.probabilities.max(axis=1), ours, atol=1e-5)


# ---- evaluation ----


def test_evaluate_on_other_photos(result, tmp_path):
    folder = class_folders(tmp_path / "new", "cat", "dog", n=5, first=40)
    found = classifier.evaluate(result.model, folder, json=tmp_path / "numbers.json", progress=False)
    assert (found.report.n, found.seen) == (10, 0)
    assert json.loads((tmp_path / "numbers.json").read_text("utf-8")) == found.metrics
    position = found.report.class_names.index("cat")
    assert found.metrics["classes"]["cat"]["n"] == 5 and found.metrics["confusion"][position][position] <= 5
    assert "trained or chosen on" not in found.text()


def test_evaluate_says_that_photos_were_trained_on(result):
    found = classifier.evaluate(classifier.load(result.model), result.metrics["photos"]["folder"], progress=False)
    kept = sum(sum(result.metrics["photos"]["counts"][name].values()) for name in ("train", "validation"))
    assert found.seen == kept and f"on {kept:,} of these photos" in found.text()


def test_another_folder_to_test_on(tmp_path):
    folder = class_folders(tmp_path / "photos", n=10)
    other = class_folders(tmp_path / "other", n=4, first=30)
    (other / "cat" / "copy.png").write_bytes((folder / "cat" / "000.png").read_bytes())
    metrics = classifier.train(folder, tmp_path / "out", test=other, strategy="probe", **OPTIONS).metrics
    assert metrics["photos"]["counts"]["test"] == {"cat": 5, "dog": 4}
    assert ["cat/000.png", "same content as test cat/copy.png"] in metrics["photos"]["left_out"]
    assert sum(sum(split.values()) for split in metrics["photos"]["counts"].values()) == 20 - 1 + 9
    assert f"--test {other}" in metrics["command"]


# ---- the splits ----


def test_splits_do_not_move_when_photos_are_added(result, tmp_path):
    folder = class_folders(tmp_path / "photos", n=16)
    before = photos.read(folder, progress=False).splits
    class_folders(tmp_path / "photos", n=20, first=16)
    after = photos.read(folder, progress=False).splits
    for name in SPLITS:
        assert set(before[name].hashes) <= set(after[name].hashes)


@pytest.mark.parametrize("validation", ["val", "valid", "validation"])
def test_ready_splits_are_used(tmp_path, validation):
    for number, name in enumerate(("train", validation, "test")):
        class_folders(tmp_path / name, n=3, first=10 * number)
    splits = photos.read(tmp_path, progress=False).splits
    assert [len(splits[name]) for name in SPLITS] == [6, 6, 6]
    assert splits["validation"].paths[0].parts[-3] == validation


def near(tmp_path):
    """Ready splits; a photo of train is in test and one of validation is in test, stored anew."""
    for number, name in enumerate(SPLITS):
        for kind, label in enumerate(("cat", "dog")):
            (tmp_path / "photos" / name / label).mkdir(parents=True)
            for i in range(6):
                picture(10 * number + i, kind, 160).save(tmp_path / "photos" / name / label / f"{i}.jpg", quality=90)
    for other, label, i in (("train", "cat", 2), ("validation", "dog", 14)):
        number = {"train": 0, "validation": 10}[other]
        picture(number + i % 10, int(label == "dog"), 160).save(
            tmp_path / "photos" / "test" / label / f"copy of {other}.jpg", quality=50
        )
    return tmp_path / "photos"


@pytest.mark.parametrize("policy", ["drop", "report", "ignore"])
def test_near_duplicates_across_splits(tmp_path, policy):
    said = []
    options = {**OPTIONS, "say": said.append, "strategy": "probe", "near_duplicates": policy}
    metrics = classifier.train(near(tmp_path), tmp_path / "out", **options).metrics
    pairs = {(one["split"], one["path"], one["of"]) for one in metrics["photos"]["near_duplicates"]["pairs"]}
    expected = {
        ("train", "train/cat/2.jpg", "test test/cat/copy of train.jpg"),
        ("validation", "validation/dog/4.jpg", "test test/dog/copy of validation.jpg"),
    }
    assert pairs == (set() if policy == "ignore" else expected)
    dropped = int(policy == "drop")
    counts = metrics["photos"]["counts"]
    assert counts["train"]["cat"] == counts["validation"]["dog"] == 6 - dropped
    assert counts["test"] == {"cat": 7, "dog": 7}
    told = [line for line in said if "near-duplicates across splits" in line]
    assert [("left out" in line, "kept" in line) for line in told] == {
        "drop": [(True, False)],
        "report": [(False, True)],
        "ignore": [],
    }[policy]
    assert any("near-duplicates" in note for note in metrics["notes"]) == (policy != "ignore")


# ---- the strategy ----


@pytest.mark.parametrize(
    ("requested", "chosen"), [("probe", "probe"), ("auto", "probe"), ("top", "top"), ("lp-ft", "lp-ft")]
)
def test_nothing_is_fine_tuned_unless_asked_for(requested, chosen):
    probe, tuned = Fitted(None, np.zeros((0, 2))), Fitted(None, np.zeros((0, 2)))
    name, kept, why = strategy.decide(
        requested, probe, lambda: tuned if chosen != "probe" else pytest.fail("it was fine-tuned")
    )
    assert name == chosen == why["chosen"] and kept is (probe if chosen == "probe" else tuned)
    assert why["requested"] == requested


def test_the_default_says_what_it_leaves_out_and_what_the_measurement_was():
    reason = strategy.decide("auto", Fitted(None, np.zeros((0, 2))), None)[2]["reason"]
    assert "--strategy top would fine-tune the last stage" in reason and "not shown to be better" in reason
    for network, (gap, low, high) in strategy.MEASURED.items():
        assert low <= 0 < high  # else the sentence is wrong
        low, high, gap = (f"{100 * value:.1f}".replace("-", "−") for value in (low, high, gap))
        assert f"{gap} points ({low} to {high}) with {network}" in reason


@pytest.mark.parametrize("size", [10, 2**30])
def test_the_top_is_refused_where_it_does_not_fit(tmp_path, monkeypatch, size):
    monkeypatch.setattr(strategy, "_LARGEST", size)
    folder = hard_folders(tmp_path / "photos", 12)
    if size == 10:
        with pytest.raises(InputError, match=r"the activations of all photos take 0.0 GB, more than 0.0"):
            classifier.train(folder, tmp_path / "out", strategy="top", **OPTIONS)
        assert not (tmp_path / "out.unfinished").exists()
    else:
        assert (
            classifier.train(folder, tmp_path / "out", strategy="top", **OPTIONS).metrics["strategy"]["chosen"] == "top"
        )


@pytest.mark.parametrize("fast", [True, False])
def test_the_top_is_the_same_model_as_fine_tuning_the_last_stage(tmp_path, monkeypatch, fast):
    """The model that results gives the logits that were measured, and differs from the probe's in the last stage alone."""
    monkeypatch.setattr(engines, "FEW", 1 if fast else 10**9)
    folder = hard_folders(tmp_path / "photos", 12)
    given = photos.read(folder, progress=False)
    backbone = backbones.load("sketchnet", input_size=32)
    x = {name: features.extract(backbone, split, progress=False) for name, split in given.splits.items()}
    probe = strategy.fit_probe(x, given)
    said = []
    top = strategy.fit_top(backbone, probe, given, seed=0, progress=False, say=said.append)
    validation = given.splits["validation"].images(32).astype(np.float32)
    np.testing.assert_allclose(np.asarray(top.model(validation, training=False)), top.logits, atol=0.02)  # float16
    before = strategy.with_probe(backbone, probe, x["validation"]).model
    moved = [
        one.name
        for one, other in zip(before.layers, top.model.layers, strict=True)
        if any(not np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
    ]
    names = [layer.name for layer in before.layers]
    last = names.index(backbone.stages[-2])
    assert "head" in moved and len(moved) > 1
    assert all(names.index(name) > last and "bn" not in name.lower() for name in moved)
    assert len(top.curves["train"]) == strategy.TOP.passes // strategy.TOP.views
    assert "about" in said[0] and backbone.stages[-2] in said[0]


def test_the_top_has_its_curve_and_its_seconds_in_the_result(tmp_path):
    said = []
    options = {**OPTIONS, "say": said.append, "strategy": "top"}
    metrics = classifier.train(hard_folders(tmp_path / "photos", 12), tmp_path / "out", **options).metrics
    assert "strategy top: as given" in said and metrics["strategy"]["requested"] == "top"
    assert "fine_tuning" in metrics["wall_seconds"]
    assert "Fine-tuning: accuracy after each epoch" in (tmp_path / "out" / "report.html").read_text("utf-8")


# ---- the page ----


class Page(html.parser.HTMLParser):
    """Checks that tags are closed in order, and gathers the addresses."""

    VOID = ("meta", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.tags, self.words = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "data", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.words.append(text)


def test_the_page_is_well_formed_and_asks_for_nothing(page):
    parsed = Page(page)
    assert parsed.open == []
    assert parsed.addresses and all(address.startswith("data:image/png;base64,") for address in parsed.addresses)
    assert not {"script", "link", "iframe", "object", "embed", "form"} & set(parsed.tags)
    style = re.search("<style>(.*?)</style>", page, re.DOTALL)[1]
    assert "url(" not in style and "@import" not in style and "color-scheme: light dark" in style


def test_the_page_holds_every_part(page, result):
    for heading in ("Classes", "Confusion matrix", "Mistakes", "What the answers rest on", "Calibration", "Training"):
        assert f"<h2>{heading}</h2>" in page
    assert re.findall("<h2>(.*?)</h2>", page)[:5] == [
        "What to do next",
        "Classes",
        "Confusion matrix",
        "Mistakes",
        "What the answers rest on",
    ]
    mistakes = result.metrics["test"]["n_mistakes"]
    assert page.count("Heat map for") == mistakes + 3  # each once
    assert page.count("Photo: ") == mistakes + 3 + 1 + bool(mistakes)  # and a right and a wrong one at the beginning
    words = " ".join(Page(page).words)
    assert "Cost" in words and "Versions" in words and keras.__version__ in words
    assert result.metrics["command"] in words
    assert "Reliability diagram" in page and "ROC curve" in page


def test_names_are_escaped(page):
    parsed = Page(page)
    assert "b" not in parsed.tags
    assert any("<b>fox & co<b>" in word for word in parsed.words)


# ---- the same again ----


def test_the_same_command_again_returns_what_is_there(result, lines):
    before = {path.name: path.stat().st_mtime_ns for path in result.folder.iterdir()}
    again = classifier.train(
        result.metrics["photos"]["folder"], result.folder, strategy="probe", **{**OPTIONS, "say": lines.append}
    )
    assert again.metrics == result.metrics
    assert lines[-1] == f"{result.folder} holds the result of this command already"
    assert {path.name: path.stat().st_mtime_ns for path in result.folder.iterdir()} == before


def test_force_replaces_a_result_of_ours(tmp_path):
    folder = class_folders(tmp_path / "photos", n=6)
    classifier.train(folder, tmp_path / "out", strategy="probe", **OPTIONS)
    class_folders(tmp_path / "photos", n=3, first=6)
    with pytest.raises(InputError, match="of other photos or options"):
        classifier.train(folder, tmp_path / "out", strategy="probe", **OPTIONS)
    metrics = classifier.train(folder, tmp_path / "out", strategy="probe", force=True, **OPTIONS).metrics
    assert sum(sum(split.values()) for split in metrics["photos"]["counts"].values()) == 18
    assert metrics_file.read(tmp_path / "out" / "metrics.json") == metrics
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]


@pytest.mark.parametrize(("option", "value"), [("strategy", "best"), ("near_duplicates", "merge")])
def test_unknown_options_are_refused(tmp_path, option, value):
    with pytest.raises(InputError, match=f"^{option}=.*: give '"):
        classifier.train(tmp_path, tmp_path / "out", **{option: value})


# ---- the command ----


PROCESS = """
import json, sys
import keras, numpy
model = keras.models.load_model(sys.argv[1], safe_mode=True)
assert not [name for name in sys.modules if name.startswith("tlbook")]
print(json.dumps(numpy.asarray(model(numpy.zeros((1, 32, 32, 3), numpy.uint8))).tolist()))
from tlbook.cli import main
sys.exit(main(sys.argv[2:]))
"""


def test_keras_alone_and_the_command_in_a_process_of_their_own(result, tmp_path):
    """One process for both, since importing takes longer than either: first Keras alone, then what the script `tlbook` does."""
    folder = class_folders(tmp_path / "photos", n=8)
    words = [
        "train",
        "photos",
        "--out",
        "result",
        "--backbone",
        "sketchnet",
        "--input-size",
        "32",
        "--strategy",
        "probe",
    ]
    run = subprocess.run(
        [sys.executable, "-c", PROCESS, str(result.model), *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    logits, told = run.stdout.splitlines()
    black = classifier.load(result.model).logits(np.zeros((1, 32, 32, 3), np.uint8), progress=False)
    np.testing.assert_allclose(json.loads(logits), black, atol=1e-4)
    assert told == "result"
    lines = [line for line in run.stderr.splitlines() if "onednn" not in line.lower() and "absl" not in line]
    assert lines[0].startswith("16 photos of 2 classes: ") and lines[1] == "backbone sketchnet: as given"
    assert lines[-1].startswith("test accuracy ") and len(lines) == 4
    metrics = json.loads((tmp_path / "result" / "metrics.json").read_text("utf-8"))
    assert metrics["command"] == (
        "tlbook train photos --out result --backbone sketchnet --strategy probe --seed 0 --input-size 32"
    )
    assert datasets.load(folder, progress=False).class_names == ("cat", "dog")


def test_predict_and_evaluate_print_what_the_functions_return(result, tmp_path, capsys):
    folder = class_folders(tmp_path / "new", "cat", "dog", n=3, first=60)
    (folder / "cat" / "words.png").write_text("x")
    assert cli.main(["--quiet", "predict", str(result.model), str(folder)]) == 0
    captured = capsys.readouterr()
    assert captured.out == classifier.predict(result.model, folder, progress=False).csv()
    assert "words.png: not an image" in captured.err
    assert cli.main(["--quiet", "evaluate", str(result.model), str(folder), "--json", str(tmp_path / "n.json")]) == 0
    captured = capsys.readouterr()
    found = classifier.evaluate(result.model, folder, progress=False)
    assert captured.out == found.text() + "\n" and "words.png" in captured.err
    assert json.loads((tmp_path / "n.json").read_text("utf-8")) == found.metrics


def test_an_interruption_has_a_status_of_its_own(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(classifier, "train", interrupt)
    assert cli.main(["train", "photos", "--out", "result"]) == 130
    assert "the same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [[], ["train"], ["train", "a"], ["predict", "m"], ["train", "a", "--out", "b", "--seed", "x"]]
)
def test_wrong_arguments_end_with_status_two(words, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert "usage: tlbook" in capsys.readouterr().err
