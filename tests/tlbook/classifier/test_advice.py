"""What a report says to do next: from labels that were swapped, photos that were added, classes that look alike."""

import numpy as np
import pytest

from tests.tlbook.classifier.folders import class_folders, hard_folders, picture, train
from tlbook import transfer
from tlbook.classifier import advice, photos


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Ready splits, in which one photo of a fox in the test split is called a dog; even a little doubt of a label is shown."""
    root = tmp_path_factory.mktemp("advice")
    for split, first, n in (("train", 0, 30), ("validation", 100, 10), ("test", 200, 10)):
        class_folders(root / "photos" / split, "cat", "dog", "fox", n=n, first=first)
    picture(990, 2).save(root / "photos" / "test" / "dog" / "wrong.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(advice, "DOUBTFUL", 0.4)
        return train(root / "photos", root / "out")


def test_a_wrong_label_is_found_and_shown(result):
    found = {one["path"]: one for one in result.metrics["advice"]["suspected_labels"]}
    wrong = found["test/dog/wrong.png"]
    assert (wrong["split"], wrong["label"], wrong["called"]) == ("test", "dog", "fox") and wrong["probability"] < 0.4
    page = result.report.read_text("utf-8")
    assert "Look at the label" in page and "labelled dog; called fox, and dog with" in page and "dog/wrong.png" in page


def test_only_labels_with_almost_no_chance_are_doubtful(tmp_path):
    given = photos.read(class_folders(tmp_path / "photos", n=12), progress=False)
    test = given.splits["test"]
    logits = np.where(np.eye(2)[test.labels] > 0, 2.0, 0.0)  # right, with 88 %
    assert advice.suspected(given, {"validation": logits[:0], "test": logits}) == []
    logits[1] = logits[1, ::-1] * 3  # 0.2 %
    logits[2] = logits[2, ::-1]  # wrong, with 12 %
    (found,) = advice.suspected(given, {"test": logits})
    assert found["index"] == 1 and found["path"] == given.shown("test", 1)
    assert found["probability"] == pytest.approx(1 / (1 + np.exp(6)), abs=1e-5)
    assert len(advice.suspected(given, {"test": np.tile(logits[[1]], (len(test), 1))})) <= 8


def test_the_first_screen(result):
    page = result.report.read_text("utf-8")
    first = page[: page.index("<h2>Classes")]
    wrong = 100 * (1 - result.metrics["test"]["accuracy"])
    assert f"Of 100 new photos like these, it gets about {wrong:.0f} wrong (" in first
    assert "Always saying the most frequent class would get 65 wrong." in first  # 11 of 31 are dogs
    assert first.index("Of 100 new photos") < first.index("<img") < first.index("What to do next")
    assert "backbone" not in first and "<h2>How it was made" in page


@pytest.mark.parametrize(("separation", "verdict"), [(0.0, "cannot tell"), (6.0, "enough")])
def test_whether_more_photos_would_help(tmp_path, separation, verdict):
    """Features that part the classes by nothing, and by so much that half of the photos do as well as all."""
    given = photos.read(hard_folders(tmp_path / "photos", 150), progress=False)
    rng = np.random.default_rng(0)
    features = {
        name: rng.normal(size=(len(one), 20)) + separation * one.labels[:, None] for name, one in given.splits.items()
    }
    train, validation = given.splits["train"], given.splits["validation"]
    probe = transfer.linear_probe(features["train"], train.labels, features["validation"], validation.labels)
    found = advice.more_photos(probe, features, given, 10_000)
    low, high = found["difference_interval"]
    assert found["n_half"] == len(train) // 2 and low <= found["difference"] <= high
    # on so few photos that agree, the interval still leaves room for more than a point
    assert found["verdict"] == ("cannot tell" if high >= 0.01 else verdict)


METRICS = {
    "advice": {"suspected_labels": [], "more_photos": None},
    "class_names": ["a", "b", "c"],
    "test": {"confusion": [[5, 0, 0], [4, 5, 1], [0, 0, 9]]},
    "photos": {"left_out": []},
}


def test_the_classes_that_are_confused():
    (said,) = advice.sentences(METRICS)
    assert said.startswith("Most often confused: b is called a (4 of 5 mistakes)")
    assert advice.sentences({**METRICS, "test": {"confusion": [[5, 0, 0], [0, 5, 1], [0, 0, 9]]}}) == []
    assert advice.sentences({**METRICS, "class_names": ["a", "b"], "test": {"confusion": [[1, 8], [0, 9]]}}) == []


@pytest.mark.parametrize(
    ("verdict", "words"),
    [("more", "would probably help"), ("enough", "would gain little"), ("cannot tell", "We cannot tell")],
)
def test_the_sentence_on_more_photos(verdict, words):
    more = {"n_half": 1200, "difference": 0.02, "difference_interval": [-0.01, 0.05], "verdict": verdict}
    (said,) = advice.sentences(
        {**METRICS, "advice": {"suspected_labels": [], "more_photos": more}, "class_names": ["a"]}
    )
    assert words in said and "from 1,200 training photos to all of them" in said
    assert "changed by +2.0 points (−1.0 to 5.0)" in said


def test_what_was_left_out():
    left = [["a", "truncated (3 bytes)"], ["b", "truncated (9 bytes)"], ["c", "greyscale"]]
    (said,) = advice.sentences({**METRICS, "photos": {"left_out": left}, "class_names": ["a", "b"]})
    assert said == "3 files were left out, 2 of them for one reason: truncated. The list is below."
    (said,) = advice.sentences({**METRICS, "photos": {"left_out": left[:1]}, "class_names": ["a", "b"]})
    assert said == "1 file was left out: truncated. It is listed below."
