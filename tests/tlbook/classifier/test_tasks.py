"""Labels, numbers and classes from a CSV: fitted, measured, written, used."""

import csv
import html
import html.parser
import io
import json
import os
import re
import urllib.request
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import average_precision_score, f1_score, r2_score

from tests.tlbook.classifier import tables
from tests.tlbook.classifier.folders import class_folders, served, train
from tlbook import classifier, cli, evaluation, transfer
from tlbook.classifier import InputError, graphs, heads, photos
from tlbook.classifier.tasks import Classes, Labels, Numbers, task_of
from tlbook.datasets import published

import keras  # isort: skip

OXFORD = Path(os.environ.get("TLBOOK_DATA", "/nowhere")) / published.NAMED["oxford"].archive


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("tasks")


@pytest.fixture(scope="module")
def records(root):
    return tables.drawn(root / "photos", 150)


@pytest.fixture(scope="module")
def labels(root, records):
    path = tables.written(root / "labels.csv", records, tables.LABELS)
    return train(root / "photos", root / "labels", labels=path, input_size=tables.SIDE)


@pytest.fixture(scope="module")
def numbers(root, records):
    path = tables.written(root / "numbers.csv", records, tables.NUMBERS)
    return train(root / "photos", root / "numbers", labels=path, circular=["turn (degrees)"], input_size=tables.SIDE)


@pytest.fixture(scope="module")
def classes(root, records):
    path = tables.written(root / "classes.csv", records, tables.CLASSES)
    return train(root / "photos", root / "classes", labels=path, input_size=tables.SIDE)


def rows(path):
    return list(csv.DictReader(io.StringIO(Path(path).read_text("utf-8"))))


def photos_of(result, path, **options):
    given = photos.read_labels(result.metrics["photos"]["folder"], path, progress=False, **options)
    return given.splits["test"]


# ---- results ----


@pytest.mark.parametrize("name", ["labels", "numbers", "classes"])
def test_a_whole_result(name, request):
    result = request.getfixturevalue(name)
    graph = ["model.onnx"] if graphs.can_write() else []
    assert sorted(path.name for path in result.folder.iterdir()) == [
        "metrics.json",
        "model.keras",
        *graph,
        "predictions.csv",
        "report.html",
    ]
    assert json.loads((result.folder / "metrics.json").read_text("utf-8")) == result.metrics
    assert "NaN" not in json.dumps(result.metrics) and "Infinity" not in json.dumps(result.metrics)
    page = result.report.read_text("utf-8")
    html.parser.HTMLParser().feed(page)
    assert result.metrics["command"] in html.unescape(page) and "--labels" in page
    assert "http" not in re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", page)
    used, defined = set(re.findall(r"var\((--[\w-]+)", page)), set(re.findall(r"(--[\w-]+):", page))
    # Every page has the whole look; a share is set by each cell of a confusion matrix, which these pages have none of.
    assert used - {"--share"} <= defined and "prefers-color-scheme: dark" in page


def test_labels_as_measured_by_others(root, labels):
    """The numbers of metrics.json from predictions.csv, by scikit-learn."""
    found, measured = rows(labels.predictions), labels.metrics["test"]
    names = list(tables.LABELS)
    given = np.array([[int(row[name]) for name in names] for row in found])
    truth = np.array([[int(row[f"truth of {name}"]) for name in names] for row in found])
    p = np.array([[float(row[f"probability of {name}"]) for name in names] for row in found])
    assert measured["n"] == len(found)
    for k, name in enumerate(names):
        one = measured["columns"][name]
        assert one["average_precision"] == pytest.approx(average_precision_score(truth[:, k], p[:, k]), abs=1e-5)
        assert one["base_rate"] == pytest.approx(truth[:, k].mean(), abs=1e-6)
        assert ((p[:, k] >= one["threshold"] - 1e-6) == given[:, k]).all()
        assert one["average_precision_interval"][0] <= one["average_precision"] <= one["average_precision_interval"][1]
    macro = f1_score(truth, given, average="macro", zero_division=0)
    assert measured["macro_f1_score"] == pytest.approx(macro, abs=1e-5)
    assert "accuracy" not in json.dumps(measured)  # over labels it means nothing
    assert measured["columns"]["large"]["average_precision"] > measured["columns"]["large"]["base_rate_interval"][1]


def test_numbers_as_measured_by_others(numbers):
    found, measured = rows(numbers.predictions), numbers.metrics["test"]
    value, truth = (np.array([float(row[f"{kind}width"]) for row in found]) for kind in ("", "truth of "))
    one = measured["columns"]["width"]
    assert one["mean_absolute_error"] == pytest.approx(np.abs(value - truth).mean(), abs=1e-3)
    assert one["r_squared"] == pytest.approx(r2_score(truth, value), abs=1e-4)
    assert one["gain"] == pytest.approx(one["baseline"] - one["mean_absolute_error"], abs=1e-5)
    assert one["gain"] > 0 and one["r_squared"] > 0


def test_an_angle_goes_round(numbers):
    """The trap: as a plain number, an answer of 359 for 1 degree would be off by 358."""
    found = rows(numbers.predictions)
    value, truth = (np.array([float(row[f"{kind}turn (degrees)"]) for row in found]) for kind in ("", "truth of "))
    assert ((value >= 0) & (value < 360)).all()
    off = np.abs((value - truth + 180) % 360 - 180)
    one = numbers.metrics["test"]["columns"]["turn (degrees)"]
    assert one["mean_absolute_error"] == pytest.approx(off.mean(), abs=1e-2)
    assert one["baseline"] < 30  # the mean of 320 to 360 and 0 to 40 is 0, and not 180
    assert numbers.metrics["task"]["outputs"] == ["width", "sine of turn (degrees)", "cosine of turn (degrees)"]


def test_classes_of_a_csv_are_as_class_folders(root, records, classes):
    """The same photos in folders are split alike and give the same model."""
    for i, record in enumerate(records):
        place = root / "folders" / record.species
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{i:03}.png").write_bytes((root / "photos" / f"{i:03}.png").read_bytes())
    same = train(root / "folders", root / "by folders", input_size=tables.SIDE)
    assert same.metrics["photos"]["counts"] == classes.metrics["photos"]["counts"]
    assert same.metrics["test"]["accuracy"] == classes.metrics["test"]["accuracy"]
    assert same.metrics["test"]["confusion"] == classes.metrics["test"]["confusion"]


@pytest.mark.parametrize("name", ["labels", "numbers"])
def test_keras_alone_and_the_graph_give_the_written_answers(name, root, request):
    result = request.getfixturevalue(name)
    found = classifier.load(result.model)
    options = {"circular": ["turn (degrees)"]} if name == "numbers" else {}
    images = photos_of(result, root / f"{name}.csv", **options).images(tables.SIDE)
    model = keras.models.load_model(result.model, safe_mode=True)
    assert model.output_shape == (None, len(found.class_names))
    alone = np.asarray(model.predict_on_batch(images))
    np.testing.assert_allclose(found.logits(images, progress=False), alone, atol=1e-3 * (1 + np.abs(alone).max()))
    header, stored = found.task.table(found.task.values(alone))
    for given, row in zip(stored, rows(result.predictions), strict=True):
        np.testing.assert_allclose(
            [float(one) for one in given], [float(row[column]) for column in header], rtol=1e-3, atol=2e-2
        )


@pytest.mark.parametrize("name", ["labels", "numbers"])
def test_predict(name, root, request):
    result = request.getfixturevalue(name)
    found = classifier.predict(result.model, root / "photos" / "000.png", progress=False)
    (row,) = csv.DictReader(io.StringIO(found.csv()))
    assert row["path"].endswith("000.png") and set(found.class_names) <= set(row)
    assert found.probabilities.shape == (1, len(found.class_names))
    assert found.labels[0] and not any("truth" in key for key in row)


@pytest.mark.parametrize("name", ["labels", "numbers", "classes"])
def test_evaluate_on_the_same_table(name, root, request):
    result = request.getfixturevalue(name)
    found = classifier.evaluate(result.model, root / "photos", labels=root / f"{name}.csv", progress=False)
    assert found.report.n == 150
    assert found.seen == 150 - result.metrics["test"]["n"]
    assert "too good" in found.text()
    assert json.loads(json.dumps(found.metrics))["n"] == 150


def test_evaluate_needs_a_table(root, labels, numbers):
    for result, words in ((labels, "gives labels (collar, dog, large)"), (numbers, "gives numbers")):
        with pytest.raises(InputError, match=re.escape(words)):
            classifier.evaluate(result.model, root / "photos", progress=False)
    with pytest.raises(InputError, match="has no column 'collar'"):
        classifier.evaluate(labels.model, root / "photos", labels=root / "numbers.csv", progress=False)


@pytest.mark.parametrize("name", ["labels", "numbers"])
def test_the_page_to_drop_a_photo_on(name, root, request):
    result = request.getfixturevalue(name)
    with served(result.model) as server:
        asked = urllib.request.Request(
            f"{server.url}classify",
            (root / "photos" / "001.png").read_bytes(),
            {"Content-Type": "application/octet-stream"},
        )
        answer = json.load(urllib.request.urlopen(asked))
        model = json.load(urllib.request.urlopen(f"{server.url}model"))
    (row,) = csv.DictReader(
        io.StringIO(classifier.predict(result.model, root / "photos" / "001.png", progress=False).csv())
    )
    if name == "labels":
        assert {one: f"{p:.6f}" for one, p in answer["probabilities"]} == {
            one: row[f"probability of {one}"] for one in tables.LABELS
        }
        assert "which of these labels" in model["promise"]
    else:
        assert "width" in answer["said"] and "probabilities" not in answer
        assert "estimates width" in model["promise"]


@pytest.mark.skipif(not graphs.can_write(), reason="the packages that write a graph are not installed")
@pytest.mark.parametrize("name", ["labels", "numbers"])
def test_export_carries_the_task(name, request, tmp_path):
    import onnxruntime

    result = request.getfixturevalue(name)
    done = classifier.export(result.model, tmp_path / "other.onnx")
    assert done.same == done.n
    kept = onnxruntime.InferenceSession(tmp_path / "other.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(kept["task"]) == {
        key: value for key, value in result.metrics["task"].items() if key not in ("outputs", "chosen")
    }
    assert tuple(json.loads(kept["class_names"])) == classifier.exported_names(tmp_path / "other.onnx")


def test_earlier_versions_refuse_what_they_would_misread(labels, classes):
    for result, number in ((labels, 2), (classes, 1)):
        with zipfile.ZipFile(result.model) as archive:
            assert json.loads(archive.read("metadata.json"))["tlbook"]["format"] == number


@pytest.mark.skipif(not OXFORD.is_file(), reason="TLBOOK_DATA has no Oxford sample")
def test_thirty_seven_breeds(tmp_path):
    """Breeds from the names of the files, about 13 photos of each, by a CSV."""
    with zipfile.ZipFile(OXFORD) as archive:
        archive.extractall(tmp_path)
    names = sorted((tmp_path / "oxford_pets_sample").rglob("*.jpg"))
    breeds = [re.sub(r"_\d+$", "", path.stem) for path in names]
    table = tmp_path / "breeds.csv"
    table.write_text("file,breed\n" + "".join(f"{path.name},{one}\n" for path, one in zip(names, breeds, strict=True)))
    result = train(tmp_path / "oxford_pets_sample", tmp_path / "out", labels=table, near_duplicates="ignore")
    counts = result.metrics["photos"]["counts"]
    assert len(result.metrics["class_names"]) == len(set(breeds)) == 37
    assert all(n for split in counts.values() for n in split.values()), "each breed is in each split"
    assert result.metrics["test"]["n"] + 300 < len(names) == 478
    assert result.metrics["test"]["accuracy_interval"][1] > 1 / 37  # drawings prepare for no breed


# ---- heads ----


def data(n=120, d=20, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) * rng.uniform(0.1, 5, d) + rng.normal(size=d)
    return x, rng


def test_numbers_by_ridge_regression():
    """One number: weights for raw features that give scikit-learn's answers at the penalty that validation photos chose."""
    x, rng = data()
    y = (x @ rng.normal(size=20) + rng.normal(size=120))[:, None]
    head = heads.fit(Numbers(("y",)), x[:80], y[:80], x[80:], y[80:])
    centre, scale = x[:80].mean(axis=0), x[:80].std(axis=0)
    z = (x - centre) / scale
    spread = y[:80].std()
    losses = {}
    for alpha in heads.ALPHAS:
        model = Ridge(alpha=alpha).fit(z[:80], y[:80, 0] / spread)
        losses[alpha] = ((model.predict(z[80:]) * spread - y[80:, 0]) ** 2).mean()
    best = min(losses, key=losses.get)
    assert head.chosen == {"y": best}
    expected = Ridge(alpha=best).fit(z[:80], y[:80, 0] / spread).predict(z) * spread
    np.testing.assert_allclose(head.outputs(x)[:, 0], expected, rtol=1e-4, atol=1e-4)


def test_sine_and_cosine_find_an_angle_that_a_line_cannot():
    """A plain regression of the angle is no better than half of the mean's error where the angle goes round."""
    x, rng = data(400, 4)
    turn = rng.uniform(0, 360, 400)
    x[:, 0], x[:, 1] = np.sin(np.deg2rad(turn)), np.cos(np.deg2rad(turn))
    x[:, :2] += rng.normal(size=(400, 2)) * 0.05
    y, off = turn[:, None], {}
    for task in (Numbers(("turn",), circular=("turn",)), Numbers(("turn",))):
        head = heads.fit(task, x[:200], y[:200], x[200:300], y[200:300])
        values = task.values(head.outputs(x[300:]))
        gap = np.abs(values - y[300:]) % 360
        off[bool(task.circular)] = np.minimum(gap, 360 - gap).mean()
    assert off[True] < 5 and off[False] > 20


def test_each_label_is_a_probe_of_its_own():
    x, rng = data()
    y = (x @ rng.normal(size=(20, 2)) + rng.normal(size=(120, 2)) > 0).astype(float)
    both = heads.fit(Labels(("a", "b")), x[:80], y[:80], x[80:], y[80:])
    one = heads.fit(Labels(("b",)), x[:80], y[:80, 1:], x[80:], y[80:, 1:])
    np.testing.assert_array_equal(both.outputs(x)[:, 1], one.outputs(x)[:, 0])
    assert both.chosen["b"] == one.chosen["b"]


def test_thresholds_are_the_best_on_validation_photos():
    rng = np.random.default_rng(3)
    targets = (rng.random((200, 2)) < [0.2, 0.01]).astype(int)
    p = np.clip(0.25 * targets + rng.uniform(0, 0.6, (200, 2)), 0, 1)
    found, undecided = heads.thresholds(targets, p)
    assert undecided == [1] and found[1] == 0.5  # two photos choose nothing

    def f1(threshold):
        return f1_score(targets[:, 0], p[:, 0] >= threshold)

    assert f1(found[0]) == pytest.approx(max(f1(t) for t in np.linspace(0, 1, 2001)))
    assert f1(found[0]) > f1(0.5)


def test_accuracy_over_labels_would_hide_that_nothing_is_found():
    """The trap of rare labels: giving none is right in most fields, and has no F1."""
    rng = np.random.default_rng(0)
    targets = (rng.random((300, 4)) < 0.05).astype(int)
    none = np.zeros_like(targets)
    assert (targets == none).mean() > 0.9 and f1_score(targets, none, average="macro", zero_division=0) == 0


def test_tasks_survive_the_model_file():
    for task in (
        Classes(("breed",)),
        Labels(("a", "b"), thresholds=(0.25, 0.5)),
        Numbers(("x", "turn"), circular=("turn",)),
    ):
        assert task_of(json.loads(json.dumps({"task": task.about()}))) == task
    assert task_of({}, ("cat", "dog")).words(np.array([[0.2, 0.8]])) == ["dog"]


def test_angles_are_what_they_were():
    task = Numbers(("x", "turn"), circular=("turn",))
    given = np.array([[1.5, 359.0], [-2.0, 0.0], [0.0, 181.0]])
    np.testing.assert_allclose(task.values(task.encoded(given)), given, atol=1e-9)
    off = np.array([[0, 4], [0, -4], [1, 360]])
    np.testing.assert_allclose(task.errors(given, given + off), [[0, 4], [0, -4], [1, 0]])
    np.testing.assert_allclose(task.mean(np.array([[0.0, 350.0], [2.0, 30.0]])), [[1.0, 10.0]])


# ---- what is refused ----


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strategy": "lp-ft"}, "--strategy lp-ft is for classes"),
        ({"class_weight": "balanced"}, "--class-weight is for classes"),
        ({"test": "photos"}, "--labels and --test exclude each other"),
        ({"circular": ["dog"]}, "--circular dog: "),
        ({"columns": ["tail"]}, "has no column 'tail'"),
        ({"task": "numbers", "columns": ["dog"], "circular": ["cat"]}, "has no such column"),
        ({"labels": "none.csv"}, "there is no file none.csv"),
        ({"task": "boxes"}, "task='boxes'"),
    ],
)
def test_options_that_exclude_each_other(root, labels, options, words, tmp_path):
    given = {"labels": root / "labels.csv", **options}
    if "test" in options:
        given["test"] = root / "photos"
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        train(root / "photos", tmp_path / "out", **given)
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


def test_an_angle_that_nobody_called_one(root, records, tmp_path):
    with pytest.raises(InputError, match=r"looks like an angle in degrees.*say --circular 'turn \(degrees\)'"):
        train(root / "photos", tmp_path / "out", labels=root / "numbers.csv")
    radians = tables.written(tmp_path / "radians.csv", records, {"turn": lambda one: np.deg2rad(one.angle)})
    with pytest.raises(InputError, match="as radians would"):
        train(root / "photos", tmp_path / "out", labels=radians, circular=["turn"])
    large = tables.written(tmp_path / "large.csv", records, {"turn": lambda one: 3 * one.angle})
    with pytest.raises(InputError, match="in degrees, −360 to 360"):
        train(root / "photos", tmp_path / "out", labels=large, circular=["turn"])


def test_options_of_a_table_without_a_table(root, tmp_path):
    with pytest.raises(InputError, match="how the CSV of --labels is read"):
        train(root / "photos", tmp_path / "out", columns=["dog"])


def test_the_command_line(root, labels, tmp_path, capsys):
    path = root / "labels.csv"
    common = ["--backbone", "sketchnet", "--input-size", "32", "--strategy", "probe"]
    given = ["--quiet", "train", str(root / "photos"), "--out", str(tmp_path / "out"), *common, "--labels", str(path)]
    assert cli.main([*given, "--column", "dog", "--column", "large"]) == 0
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["class_names"] == ["dog", "large"]
    assert cli.main([*given[:4], str(tmp_path / "other"), *given[5:], "--column", "tail"]) == 2
    assert "has no column 'tail'" in capsys.readouterr().err
    evaluated = ["--quiet", "evaluate", str(labels.model), str(root / "photos"), "--labels", str(path)]
    assert cli.main(evaluated) == 0
    assert "macro F1" in capsys.readouterr().out


# ---- groups, and weights ----


def grouped_folders(root, n=18, animals=6):
    """Photos of a few animals each, whose names say which."""
    class_folders(root, n=n)
    for folder in root.iterdir():
        for i, path in enumerate(sorted(folder.iterdir())):
            path.rename(folder / f"{folder.name}{i % animals}_{i}.png")
    return root


def test_no_animal_is_in_two_splits(tmp_path):
    folder = grouped_folders(tmp_path / "photos")
    said = []
    result = train(folder, tmp_path / "out", group_by=r"^([a-z]+\d+)_", say=said.append)
    given = photos.read(folder, group_by=r"^([a-z]+\d+)_", progress=False)
    where = [{path.name.split("_")[0] for path in split.paths} for split in given.splits.values()]
    assert all(where) and sum(map(len, where)) == len(set.union(*where)) == 12
    assert all(n for split in result.metrics["photos"]["counts"].values() for n in split.values())
    assert any("photos of one group are in one split" in note for note in result.metrics["notes"])
    assert "photos of one group" in result.report.read_text("utf-8")
    assert "--group-by" in result.metrics["command"]
    without = photos.read(folder, progress=False)
    names = [{path.name.split("_")[0] for path in split.paths} for split in without.splits.values()]
    assert names[0] & names[2], "the control: without --group-by, an animal is trained on and tested on"


@pytest.mark.parametrize(
    ("group_by", "words"),
    [
        ("([", "is no regular expression"),
        (r"^(\d+)", "finds no group in the file name"),
        (r"^([a-z]+)\d", "2 groups, too few for 3 splits"),
        ("none.csv", "there is no file none.csv"),
    ],
)
def test_groups_that_cannot_be_used(group_by, words, tmp_path):
    folder = grouped_folders(tmp_path / "photos", n=6, animals=3)
    with pytest.raises(InputError, match=re.escape(words)):
        train(folder, tmp_path / "out", group_by=group_by)


def test_groups_and_another_test_folder_exclude_each_other(tmp_path):
    folder = grouped_folders(tmp_path / "photos", n=6, animals=3)
    with pytest.raises(InputError, match="--group-by and --test exclude each other"):
        train(folder, tmp_path / "out", group_by=r"^(.+)_", test=class_folders(tmp_path / "others", n=3, first=50))


def test_a_small_class_is_in_each_split(tmp_path):
    """Class folders without groups: three photos of a class are enough, whatever their content."""
    for seed in range(8):
        folder = class_folders(tmp_path / f"photos {seed}", "cat", "dog", n=3, first=100 * seed)
        class_folders(folder, "cat", n=30, first=500)
        counts = [np.bincount(one.labels, minlength=2) for one in photos.read(folder, progress=False).splits.values()]
        assert np.min(counts) >= 1


def test_balanced_classes_find_the_rare_one(tmp_path):
    """Nine to one, two classes that are hard to tell apart: weights raise its recall, and its probabilities."""
    rng = np.random.default_rng(0)
    labels = (np.arange(600) % 10 == 0).astype(int)
    x = rng.normal(size=(600, 8)) + 0.8 * labels[:, None]
    found = {}
    for weight in (None, "balanced"):
        probe = transfer.linear_probe(x[:300], labels[:300], x[300:], labels[300:], class_weight=weight)
        p = evaluation.probabilities(probe.logits(x[300:]))[:, 1]
        found[weight] = (evaluation.recall(labels[300:], (p > 0.5).astype(int)).value, p.mean())
    assert found["balanced"][0] > found[None][0] + 0.1
    assert found[None][1] == pytest.approx(0.1, abs=0.04) and found["balanced"][1] > 0.2


def test_class_weights_are_said_in_the_report(tmp_path):
    folder = class_folders(tmp_path / "photos", "cat", n=40)
    class_folders(folder, "cat", "dog", n=12)
    result = train(folder, tmp_path / "out", class_weight="balanced")
    (note,) = [one for one in result.metrics["notes"] if "equally frequent" in one]
    assert "dog is" in note and "on average" in note and note in result.report.read_text("utf-8")
    assert "--class-weight balanced" in result.metrics["command"]
    with pytest.raises(InputError, match="class_weight='heavy'"):
        train(folder, tmp_path / "other", class_weight="heavy")


def test_warnings_do_not_reach_the_user(root, labels):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.evaluate(labels.model, root / "photos", labels=root / "labels.csv", progress=False)
