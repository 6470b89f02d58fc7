"""The report: its numbers are those of the single functions, on anything that has an image, and its page stands alone."""

import base64
import io
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
from tlbook.datasets import Split
from tlbook.evaluation import reporting

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
    return Split(name, paths, labels, classes, hashes=[f"{index:064x}" for index in range(len(labels))])


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
    return ev.report(
        random_logits(labels),
        a_split(folder, labels),
        validation=(validation, random_logits(validation, seed=1)),
        groups=groups,
    )


def test_numbers_are_those_of_the_single_functions(full):
    labels, logits = full.labels, full.logits
    guess, p = ev.predictions(logits), ev.probabilities(logits)
    assert full.accuracy == ev.accuracy(labels, guess)
    assert full.macro_f1 == ev.f1(labels, guess, average="macro")
    assert full.macro_precision == ev.precision(labels, guess, average="macro")
    assert full.macro_recall == ev.recall(labels, guess, average="macro")
    assert (full.confusion == ev.confusion_matrix(labels, guess, 3)).all()
    for k, name in enumerate(CLASSES):
        one = full.classes[name]
        assert one.n == 20
        assert one.precision == ev.precision(labels, guess, positive=k)
        assert one.recall == ev.recall(labels, guess, positive=k)
        assert one.f1 == ev.f1(labels, guess, positive=k)
        assert one.roc_area.value == pytest.approx(ev.roc_curve(labels, p[:, k], positive=k).area)
        assert one.average_precision.value == pytest.approx(ev.precision_recall_curve(labels, p[:, k], positive=k).area)
    assert full.calibration.ece == ev.expected_calibration_error(labels, p)
    assert full.calibration.brier.value == pytest.approx(ev.brier_score(labels, p))
    assert full.calibration.nll.value == pytest.approx(ev.negative_log_likelihood(labels, p))
    validation = np.arange(90) % 3
    assert full.temperature == ev.fit_temperature(validation, random_logits(validation, seed=1))
    assert full.scaled.ece == ev.expected_calibration_error(labels, ev.probabilities(logits / full.temperature))
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
        found = ev.reliability(labels, ev.probabilities(z))
        below.append(found.ece <= reporting._ece_by_chance(found.edges, ev.probabilities(z), seed))
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
    found = ev.report(z, a_split(folder, labels), groups=labels % 2)
    assert found.accuracy.value == (z.argmax(axis=1) == labels).mean()
    assert found.confusion.sum() == labels.size
    for k, name in enumerate(CLASSES):
        one = found.classes[name]
        assert math.isnan(one.recall.value) == (not (labels == k).any())
        assert math.isnan(one.roc_area.value) == ((labels == k).all() or not (labels == k).any())
        for estimate in (one.precision, one.recall, one.f1, one.roc_area, one.average_precision):
            assert math.isnan(estimate.value) or 0 <= estimate.low <= estimate.high <= 1
    assert any("no image of" in note for note in found.notes) == (len(set(labels.tolist())) < 3)
    assert "nan" not in str(found) and "inf)" not in str(found)
    assert "nan" not in re.sub(r"base64,[\w+/=]*", "", found.html())


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
    source = full.html()
    page = parsed(source)
    sources = [value for name, value in page.attributes if name in ("src", "href", "srcset", "data")]
    assert len(sources) == len(full.mistakes) > 0
    assert all(value.startswith("data:image/png;base64,") for value in sources)
    assert not re.search(r"https?:|url\(|@import|<script|<link", source)
    alts = [value for name, value in page.attributes if name in ("alt", "aria-label")]
    assert len(alts) == page.tags.count("img") + page.tags.count("svg") and all(alts)
    first = Image.open(io.BytesIO(base64.b64decode(sources[0].split(",")[1])))
    assert first.size == (128, 128)
    assert first.getpixel((60, 60))[0] == 4 * int(full.mistakes[0].path.stem[:2] if full.mistakes[0].index else 0)


def test_page_and_text_hold_every_number(full):
    page, text = " ".join(parsed(full.html()).said), full.text()
    numbers = [full.accuracy, full.macro_precision, full.macro_recall, full.macro_f1, *full.groups.values()]
    for one in full.classes.values():
        numbers += [one.precision, one.recall, one.f1, one.roc_area, one.average_precision]
    for one in (full.calibration, full.scaled):
        numbers += [one.brier, one.nll, f"{one.ece:.3f}", f"{one.ece_by_chance:.3f}"]
    for number in [*numbers, f"{full.temperature:.2f}", "day & noon"]:
        assert str(number) in page
        assert str(number) in text
    assert str(full) == text


@pytest.mark.skipif(os.name == "nt", reason="Windows forbids such file names")
def test_names_are_escaped(folder):
    labels = np.array([0, 1, 1, 0])
    wrong = np.array([[0.0, 3], [0, 1], [0, 1], [1, 0]])
    split = a_split(folder, labels, classes=("<i>cat</i>", "dog & co"), name="<script>")
    found = ev.report(wrong, split, groups=["<u>", "a", "a", "<u>"])
    source = found.html()
    page = parsed(source)
    assert not {"i", "b", "u", "script"} & set(page.tags)
    said = "".join(page.said)
    for name in ("<i>cat</i>", "dog & co", "<u>", "<script>", found.mistakes[0].path.name):
        assert name in said


def test_saving_is_all_or_nothing(full, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    assert full.save(path) == path
    before = path.read_text(encoding="utf-8")
    assert before == full.html()

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

    found = ev.report(model, split, validation=validation)
    assert asked == ["test", "validation"]
    assert found.temperature == ev.fit_temperature(validation.labels, random_logits(validation.labels))
    with pytest.raises(ValueError, match=r"a pair \(labels, logits\)"):
        ev.report(random_logits(labels), split, validation=validation)
    with pytest.raises(ValueError, match="no images to fit a temperature on"):
        ev.report(model, split, validation=validation.select([]))


def test_a_keras_model_in_batches(folder):
    keras = pytest.importorskip("keras")
    inputs = keras.Input((16, 16, 3))
    outputs = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs)))
    model = keras.Model(inputs, outputs)
    split = a_split(folder, np.arange(20) % 3)
    expected = model.predict(split.images(16), verbose=0)
    for batch_size in (7, 64):
        found = ev.report(model, split, batch_size=batch_size)
        np.testing.assert_allclose(found.logits, expected, atol=1e-5)
    free = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
    )
    with pytest.raises(ValueError, match="one known, square size"):
        ev.report(free, split)


def test_what_the_data_do_not_tell_is_noted(folder):
    labels = np.arange(20) % 3
    perfect = 8 * np.eye(3)[labels]
    found = ev.report(perfect, a_split(folder, labels), validation=(labels, perfect), groups=labels)
    assert found.temperature is None and found.scaled is None and found.n_mistakes == 0
    assert any("do not determine the temperature" in note for note in found.notes)
    assert any("no width" in note for note in found.notes)
    assert any("fewer than 30 images" in note for note in found.notes)
    assert "no mistakes" in str(found) and "no mistakes" in found.html()


def test_confidence_and_number_of_mistakes(folder):
    labels = np.arange(40) % 3
    z = random_logits(labels, lead=0.5)
    narrow = ev.report(z, a_split(folder, labels), confidence=0.8, mistakes=2)
    wide = ev.report(z, a_split(folder, labels), mistakes=0)
    assert narrow.accuracy.low > wide.accuracy.low
    assert narrow.macro_f1.high - narrow.macro_f1.low < wide.macro_f1.high - wide.macro_f1.low
    assert len(narrow.mistakes) == 2 < narrow.n_mistakes == wide.n_mistakes
    assert wide.mistakes == () and "80 %" in str(narrow)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "test"}, "split is a Split"),
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
        ev.report(options.pop("logits", random_logits(labels)), split, **options)
