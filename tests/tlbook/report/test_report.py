"""The report: its numbers are those of the single functions, on anything that has an image, and its page stands alone."""

import base64
import dataclasses
import hashlib
import io
import json
import math
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tlbook import evaluation as ev
from tlbook import report
from tlbook.datasets import Split
from tlbook.report import metrics, page

CLASSES = ("cat", "dog", "owl")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Sixty small pictures, one of them with a name that is markup."""
    place = tmp_path_factory.mktemp("pictures")
    for index in range(60):
        name = "<b>&'\".png" if index == 0 and os.name != "nt" else f"{index:02d}.png"
        Image.fromarray(np.full((8, 8, 3), 4 * index, np.uint8)).save(place / name)
    return place


def a_split(folder, labels, classes=CLASSES, name="test"):
    paths = sorted(folder.glob("*.png"))[: len(labels)]
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    return Split(name, paths, labels, classes, hashes=hashes)


def random_logits(labels, n_classes=3, seed=0, lead=1.5):
    labels = np.asarray(labels)
    z = np.random.default_rng(seed).normal(0, 1, (labels.size, n_classes))
    z[np.arange(labels.size), labels] += lead
    return z


@pytest.fixture(scope="module")
def full(folder):
    labels = np.arange(60) % 3
    groups = np.where(np.arange(60) < 20, "night", "day & noon")
    validation = np.arange(90) % 3
    return report.evaluate(
        random_logits(labels),
        a_split(folder, labels),
        validation=(validation, random_logits(validation, seed=1)),
        groups=groups,
    )


def test_numbers_are_those_of_the_single_functions(full):
    labels, logits = full.labels, full.logits
    guess, p = ev.predictions(logits), ev.probabilities(logits)
    assert full.accuracy == ev.accuracy(labels, guess)
    assert full.means["f1_score"] == ev.f1_score(labels, guess, average="macro")
    assert full.means["precision"] == ev.precision(labels, guess, average="macro")
    assert full.means["recall"] == ev.recall(labels, guess, average="macro")
    assert (full.confusion == ev.confusion_matrix(labels, guess, 3)).all()
    for k, name in enumerate(CLASSES):
        one = full.classes[name]
        assert full.confusion.sum(axis=1)[k] == 20
        assert one["precision"] == ev.precision(labels, guess, pos_label=k)
        assert one["recall"] == ev.recall(labels, guess, pos_label=k)
        assert one["f1_score"] == ev.f1_score(labels, guess, pos_label=k)
        assert one["roc_auc"].value == pytest.approx(ev.roc_curve(labels, p[:, k], pos_label=k).area)
        assert one["average_precision"].value == pytest.approx(
            ev.precision_recall_curve(labels, p[:, k], pos_label=k).area
        )
    assert full.calibration["ece"] == ev.expected_calibration_error(labels, p)
    assert full.calibration["brier_score"].value == pytest.approx(ev.brier_score(labels, p))
    assert full.calibration["log_loss"].value == pytest.approx(ev.log_loss(labels, p))
    validation = np.arange(90) % 3
    assert full.temperature == ev.fit_temperature(validation, random_logits(validation, seed=1))
    assert full.scaled["ece"] == ev.expected_calibration_error(labels, ev.probabilities(logits / full.temperature))
    assert full.worst_group == ev.worst_group(labels, guess, np.where(np.arange(60) < 20, "night", "day & noon"))
    assert full.n_mistakes == (guess != labels).sum()
    assert [one.confidence for one in full.mistakes] == sorted((one.confidence for one in full.mistakes), reverse=True)
    for one in full.mistakes:
        assert one.label == CLASSES[labels[one.index]] != one.prediction == CLASSES[guess[one.index]]
        assert one.confidence == pytest.approx(p[one.index].max())


def test_ece_of_a_calibrated_model_stays_below_its_bound_19_times_in_20(folder):
    rng = np.random.default_rng(3)
    below = []
    for seed in range(300):
        p = rng.uniform(0.5, 1, 200)
        z = np.stack([np.log(p), np.log(1 - p)], axis=1)
        labels = (rng.random(200) > p).astype(int)
        found = metrics.measured("calibration", metrics.Answers(labels, ev.probabilities(z), seed=seed))
        assert found["ece"] == ev.reliability(labels, ev.probabilities(z)).ece
        below.append(found["ece"] <= found["ece_by_chance"])
    # 300 experiments: the standard error is 0.013
    assert 0.91 <= np.mean(below) <= 0.99


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=12),
    st.integers(0, 100),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_any_split_gives_a_report(folder, labels, seed, rounding):
    """One image, one class, classes without images, ties: numbers or "undefined", a text and a page."""
    labels = np.array(labels)
    z = random_logits(labels, seed=seed)
    if rounding:
        z = np.round(z * rounding)  # ties, and at times equal logits for all classes
    found = report.evaluate(z, a_split(folder, labels), groups=labels % 2)
    assert found.accuracy.value == (z.argmax(axis=1) == labels).mean()
    assert found.confusion.sum() == labels.size
    for k, name in enumerate(CLASSES):
        one = found.classes[name]
        assert math.isnan(one["recall"].value) == (not (labels == k).any())
        assert math.isnan(one["roc_auc"].value) == ((labels == k).all() or not (labels == k).any())
        for estimate in one.values():
            assert math.isnan(estimate.value) or 0 <= estimate.low <= estimate.high <= 1
    assert any("no image of" in note for note in found.notes) == (len(set(labels.tolist())) < 3)
    assert "nan" not in str(found) and "inf)" not in str(found)
    assert "nan" not in re.sub(r"base64,[\w+/=]*", "", page.html(found))


class Page(HTMLParser):
    """Checks that every tag is closed, and collects attributes and text."""

    void = frozenset({"meta", "img", "br"})

    def __init__(self):
        super().__init__()
        self.open, self.attributes, self.said, self.tags = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said.append(data)


def parsed(text):
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


def test_page_is_whole_and_needs_nothing_beside_it(full):
    source = page.html(full)
    read = parsed(source)
    sources = [value for name, value in read.attributes if name in ("src", "href", "srcset", "data")]
    assert len(sources) == len(full.mistakes) + 3 and full.mistakes  # and three figures
    assert all(value.startswith("data:image/png;base64,") for value in sources)
    assert not re.search(r"https?:|url\(|@import|<script|<link", source)
    alts = [value for name, value in read.attributes if name == "alt"]
    assert len(alts) == read.tags.count("img") and "svg" not in read.tags and all(alts)
    first = Image.open(io.BytesIO(base64.b64decode(sources[0].split(",")[1])))
    assert first.size == (128, 128)
    assert first.getpixel((60, 60))[0] == 4 * int(full.mistakes[0].path.stem[:2] if full.mistakes[0].index else 0)


def test_page_and_text_hold_every_number(full):
    shown, text = " ".join(parsed(page.html(full)).said), str(full)
    numbers = [full.accuracy, *full.means.values(), *full.groups.values()]
    for one in full.classes.values():
        numbers += one.values()
    for one in (full.calibration, full.scaled):
        numbers += [one["brier_score"], one["log_loss"], f"{one['ece']:.3f}", f"{one['ece_by_chance']:.3f}"]
    for number in [*numbers, f"{full.temperature:.2f}", "day & noon"]:
        assert str(number) in shown
        assert str(number) in text


def test_a_metric_that_is_added_to_the_table_is_in_text_page_and_json(folder, monkeypatch):
    added = (
        metrics.Metric("half", "share of halves", "overall", lambda a: ev.wilson(1, 2), note="One of two."),
        metrics.Metric("jaccard", "overlap", "classes", lambda a, k: 0.25 + (k or 0), mean=True, format=".4f"),
        metrics.Metric("entropy", "mean entropy", "calibration", lambda a: float(a.p.sum()), unit="bits", format=".5f"),
    )
    monkeypatch.setattr(metrics, "METRICS", (*metrics.METRICS, *added))
    labels = np.arange(20) % 3
    found = report.evaluate(random_logits(labels), a_split(folder, labels))
    shown = " ".join(parsed(page.html(found)).said)
    for text in (str(found), shown):
        assert all(label in text for label in ("share of halves", "overlap", "mean entropy (bits)"))
        assert all(value in text for value in (str(ev.wilson(1, 2)), "0.2500", "1.2500", "2.2500", "20.00000"))
    assert "One of two." in shown
    numbers = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert numbers["half"] == 0.5 and len(numbers["half_interval"]) == 2
    assert [one["jaccard"] for one in numbers["classes"].values()] == [0.25, 1.25, 2.25]
    assert numbers["macro_jaccard"] == 0.25
    assert numbers["calibration"]["entropy"] == pytest.approx(20)


def test_every_metric_says_what_it_means():
    assert all(one.note.endswith(".") and one.part in ("overall", "classes", "calibration") for one in metrics.METRICS)
    assert len({one.name for one in metrics.METRICS}) == len(metrics.METRICS)


ENDS = ("", "_interval")


def test_numbers_for_json(full):
    numbers = json.loads(json.dumps(full.to_dict(), allow_nan=False))
    assert list(numbers) == [
        "n",
        "confidence",
        "accuracy",
        "accuracy_interval",
        "majority_accuracy",
        "majority_accuracy_interval",
        *(f"macro_{name}{end}" for name in ("precision", "recall", "f1_score") for end in ENDS),
        "classes",
        "confusion",
        "calibration",
        "n_mistakes",
        "fingerprint",
        "notes",
    ]
    names = ("precision", "recall", "f1_score", "roc_auc", "average_precision")
    assert list(numbers["classes"]["dog"]) == ["n", *(f"{name}{end}" for name in names for end in ENDS)]
    probabilities = ["ece", "ece_by_chance", *(f"{name}{end}" for name in ("brier_score", "log_loss") for end in ENDS)]
    assert list(numbers["calibration"]) == probabilities
    assert numbers["accuracy"] == pytest.approx(full.accuracy.value, abs=1e-6)
    assert numbers["accuracy_interval"] == pytest.approx([full.accuracy.low, full.accuracy.high], abs=1e-6)


def test_what_is_undefined_is_null(folder):
    found = report.evaluate(np.eye(3)[[0, 0]], a_split(folder, [0, 0]))
    assert found.to_dict()["classes"]["dog"]["recall"] is None
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_page_speaks_of_things_once_and_in_order(full):
    source = page.html(full)
    read = parsed(source)
    headings = re.findall("<h2>(.*?)</h2>", source)
    assert headings == [
        "Classes",
        "Confusion matrix",
        "Mistakes",
        "Groups, the worst first",
        "Calibration",
        "Ranking: ROC and precision–recall",
        "Versions",
    ]
    words = " ".join(read.said)
    assert words.split("Versions")[0].count("sha256") == 0 and full.fingerprint in words.split("Versions")[1]
    body = source.split("<body>")[1]
    assert body.split("<h2>")[0].count(str(full.accuracy)) == 1  # in the heading
    assert f"F1 {full.means['f1_score']}" in words.split("Classes")[0]
    first = full.mistakes[0]
    said = f"called {first.prediction} ({100 * first.confidence:.1f} %), is {first.label}"
    assert said in words and f"{first.path.parent.name}/{first.path.name} (image {first.index})" in words
    assert not re.search(r"\d%", "".join(parsed(body.split("</body>")[0]).said))  # percentages are written in one way
    boxes = re.findall(r'<div class="wide[^>]*>', source)
    assert len(boxes) == source.count("<table>") and all(
        'tabindex="0"' in one and "aria-label=" in one for one in boxes
    )


def test_classes_that_are_found_least_stand_first(folder):
    """On the first screen are the means, and the classes of the lowest recall with their intervals; two classes need none."""
    labels = np.arange(60) % 10
    logits = 9.0 * np.eye(10)[labels]
    logits[labels == 7] = 9.0 * np.eye(10)[2]  # always called the third
    logits[np.flatnonzero(labels == 4)[:3]] = 9.0 * np.eye(10)[0]  # half of them called the first
    found = report.evaluate(logits, a_split(folder, labels, classes=tuple("abcdefghij")))
    first = page._first(found)
    assert [(name, value[0]) for name, value, *_ in first["rows"]][:3] == [
        ("h", "0.0 %"),
        ("e", "50.0 %"),
        ("a", "100.0 %"),
    ]
    assert len(first["rows"]) + first["more"] == 10 and ("F1", str(found.means["f1_score"])) in first["means"]
    for name, value, length, start, wide in first["rows"]:
        recall = found.classes[name]["recall"]
        assert "".join(value) == str(recall)
        assert (length, start, start + wide) == pytest.approx(
            [100 * x for x in (recall.value, recall.low, recall.high)], abs=0.11
        )
    words = " ".join(parsed(page.html(found)).said).split("Classes")[0]
    assert "the lowest of 10 classes" in words and str(found.means["recall"]) in words
    two = report.evaluate(logits[:, :2], a_split(folder, labels % 2, classes=("a", "b")))
    assert page._first(two) is None and page._confused(two) is None


def test_the_confusion_matrix_and_the_pairs_that_are_confused(folder):
    labels = np.arange(60) % 20
    logits = 9.0 * np.eye(20)[labels]
    logits[labels == 3] = 9.0 * np.eye(20)[5]
    logits[np.flatnonzero(labels == 8)[:1]] = 9.0 * np.eye(20)[9]
    names = tuple(f"class number {k}" for k in range(20))
    found = report.evaluate(logits, a_split(folder, labels, classes=names))
    matrix = page._matrix(found)
    assert [name for name, _ in matrix] == list(names)
    assert dict(matrix)["class number 8"][8:10] == [("2", 0.667), ("1", 0.333)]
    assert {count for _, row in matrix for count, _ in row} == {
        "",
        "1",
        "2",
        "3",
    }  # zeros of so many classes are left out
    assert page._confused(found)[1:] == [
        ["class number 3", "class number 5", "3", "100 %"],
        ["class number 8", "class number 9", "1", "33 %"],
    ]
    source = page.html(found)
    parsed(source)
    assert source.count('class="on"') == 20 and "matrix many" in source
    few = report.evaluate(logits[:, :3], a_split(folder, labels % 3))
    assert "0" in {count for _, row in page._matrix(few) for count, _ in row} and "matrix many" not in page.html(few)


def test_figures_of_classes_that_the_font_or_the_figure_cannot_hold(folder, recwarn):
    names = ("_cat", "犬", "$\\frac{", "a name of more than twenty letters", "$x$", "f", "g", "h")
    labels = np.arange(60) % 8
    found = report.evaluate(random_logits(labels, 8), a_split(folder, labels, classes=names))
    words = " ".join(parsed(page.html(found)).said)
    assert "of 8 classes those with the smallest area" in words
    found = report.evaluate(random_logits(labels % 6, 6), a_split(folder, labels % 6, classes=names[:6]))
    words = " ".join(parsed(page.html(found)).said)
    assert "class 2 is 犬" in words and "class 1 is _cat" in words
    assert not [str(one.message) for one in recwarn if issubclass(one.category, UserWarning)]


@pytest.mark.parametrize("name", ["<b>x</b>", 'it\'s "so"', "{{ 7 * 7 }}", "&lt;"])
def test_jinja_escapes_a_class_and_a_file(folder, tmp_path, name):
    labels = np.array([0, 1, 1, 0])
    split = a_split(folder, labels, classes=(name, "dog"))
    found = report.evaluate(np.array([[0.0, 3], [0, 1], [0, 1], [1, 0]]), split)
    quoted = tmp_path / "a \"quoted\" & 'single' <i>.png"
    first = found.mistakes[0]
    if os.name != "nt":
        quoted.write_bytes(first.path.read_bytes())
        found = dataclasses.replace(found, mistakes=(dataclasses.replace(first, path=quoted),))
    read = parsed(page.html(found))
    assert not {"b", "i"} & set(read.tags)
    words = "".join(read.said)
    assert name in words and found.mistakes[0].path.name in words
    assert any(name in (value or "") for attribute, value in read.attributes if attribute == "alt")


@pytest.mark.skipif(os.name == "nt", reason="Windows forbids such file names")
def test_names_are_escaped(folder):
    labels = np.array([0, 1, 1, 0])
    wrong = np.array([[0.0, 3], [0, 1], [0, 1], [1, 0]])
    split = a_split(folder, labels, classes=("<i>cat</i>", "dog & co"), name="<script>")
    found = report.evaluate(wrong, split, groups=["<u>", "a", "a", "<u>"])
    source = page.html(found)
    read = parsed(source)
    assert not {"i", "b", "u", "script"} & set(read.tags)
    said = "".join(read.said)
    for name in ("<i>cat</i>", "dog & co", "<u>", "<script>", found.mistakes[0].path.name):
        assert name in said


def test_saving_is_all_or_nothing(full, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    assert full.save(path) == path
    before = path.read_text(encoding="utf-8")
    assert before == page.html(full)

    def fail(*_):
        raise OSError("disk full")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="disk full"):
        patched.setattr(os, "replace", fail)
        full.save(path)
    assert path.read_text(encoding="utf-8") == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError):
        full.save(tmp_path / "nowhere" / "report.html")


def test_a_function_of_the_split_and_a_validation_split(folder):
    labels = np.arange(30) % 3
    split, validation = a_split(folder, labels), a_split(folder, labels[::-1], name="validation")
    asked = []

    def model(one):
        asked.append(one.name)
        return random_logits(one.labels)

    found = report.evaluate(model, split, validation=validation)
    assert asked == ["test", "validation"]
    assert found.temperature == ev.fit_temperature(validation.labels, random_logits(validation.labels))
    with pytest.raises(ValueError, match=r"a pair \(labels, logits\)"):
        report.evaluate(random_logits(labels), split, validation=validation)
    with pytest.raises(ValueError, match="no images to fit a temperature on"):
        report.evaluate(model, split, validation=validation.select([]))


def test_a_keras_model_in_batches(folder):
    keras = pytest.importorskip("keras")
    inputs = keras.Input((16, 16, 3))
    outputs = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs)))
    model = keras.Model(inputs, outputs)
    split = a_split(folder, np.arange(20) % 3)
    expected = model.predict(split.images(16), verbose=0)
    for batch_size in (7, 64):
        found = report.evaluate(model, split, batch_size=batch_size)
        np.testing.assert_allclose(found.logits, expected, atol=1e-5)
    free = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
    )
    with pytest.raises(ValueError, match="one known, square size"):
        report.evaluate(free, split)


def test_what_the_data_do_not_tell_is_noted(folder):
    labels = np.arange(20) % 3
    perfect = 8 * np.eye(3)[labels]
    found = report.evaluate(perfect, a_split(folder, labels), validation=(labels, perfect), groups=labels)
    assert found.temperature is None and found.scaled is None and found.n_mistakes == 0
    assert any("do not determine the temperature" in note for note in found.notes)
    assert any("no width" in note for note in found.notes)
    assert any("fewer than 30 images" in note for note in found.notes)
    assert "no mistakes" in str(found) and "no mistakes" in page.html(found)


@pytest.mark.parametrize(("shown", "said"), [(12, "1 mistake:"), (0, "1 mistake")])
def test_one_mistake_is_no_plural(folder, shown, said):
    labels = np.arange(20) % 3
    logits = 8 * np.eye(3)[labels]
    logits[0] = [0, 8, 0]
    found = report.evaluate(logits, a_split(folder, labels), mistakes=shown)
    assert said in str(found).splitlines() and "1 mistakes" not in str(found) + page.html(found)


def test_confidence_and_number_of_mistakes(folder):
    labels = np.arange(40) % 3
    z = random_logits(labels, lead=0.5)
    narrow = report.evaluate(z, a_split(folder, labels), confidence=0.8, mistakes=2)
    wide = report.evaluate(z, a_split(folder, labels), mistakes=0)
    assert narrow.accuracy.low > wide.accuracy.low
    assert (
        narrow.means["f1_score"].high - narrow.means["f1_score"].low
        < wide.means["f1_score"].high - wide.means["f1_score"].low
    )
    assert len(narrow.mistakes) == 2 < narrow.n_mistakes == wide.n_mistakes
    assert wide.mistakes == () and "80 %" in str(narrow)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "test"}, "test is a Split"),
        ({"select": []}, "has no images"),
        ({"logits": np.zeros((5, 3))}, r"20 images of 3 classes, but the logits have shape \(5, 3\)"),
        ({"logits": np.zeros((20, 2))}, "of 3 classes"),
        ({"logits": np.full((20, 3), np.nan)}, "NaN or infinite"),
        ({"groups": ["a"]}, "group of each of 20 images"),
        ({"mistakes": -1}, "mistakes=-1: give a whole number, 0 or more"),
        ({"confidence": 95}, r"confidence=95: give a number in \(0, 1\)"),
        ({"validation": ([0, 1], np.zeros((2, 2)))}, "validation logits are for 2 classes, the split has 3"),
    ],
)
def test_bad_input_is_refused(folder, options, message):
    labels = np.arange(20) % 3
    split = a_split(folder, labels)
    if "select" in options:
        split = split.select(options.pop("select"))
    split = options.pop("split", split)
    with pytest.raises(ValueError, match=message):
        report.evaluate(options.pop("logits", random_logits(labels)), split, **options)
