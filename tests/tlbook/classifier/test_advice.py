"""What a report says to do next: from labels that were swapped, photos that were added, classes that look alike."""

import numpy as np
import pytest

from tests.tlbook.classifier.folders import class_folders, hard_folders, picture, train
from tlbook import transfer
from tlbook.classifier import advice, photos


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Ready splits; in training and in the test split one photo of a fox is called a dog; even a little doubt is shown."""
    root = tmp_path_factory.mktemp("advice")
    for split, first, n in (("train", 0, 30), ("validation", 100, 10), ("test", 200, 10)):
        class_folders(root / "photos" / split, "cat", "dog", "fox", n=n, first=first)
    picture(991, 2).save(root / "photos" / "test" / "dog" / "wrong.png")
    picture(990, 2).save(root / "photos" / "train" / "dog" / "wrong.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(advice, "DOUBTFUL", 0.4)
        patch.setattr(advice, "_SHOWN", 40)
        return train(root / "photos", root / "out")


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_wrong_label_is_found_and_shown(result, split):
    """Out of fold among the training photos: a model that had learned the label would not doubt it."""
    found = {one["path"]: one for one in result.metrics["advice"]["suspected_labels"]}
    wrong = found[f"{split}/dog/wrong.png"]
    assert (wrong["split"], wrong["label"], wrong["called"]) == (split, "dog", "fox") and wrong["probability"] < 0.4
    page = result.report.read_text("utf-8")
    assert "Look at the label" in page and "labelled dog; called fox, and dog with" in page and "dog/wrong.png" in page


def given(folder, n=60, separation=6.0, seed=0):
    """Photos of two classes, and features that part them by so much in one direction of twenty."""
    found = photos.read(hard_folders(folder / "photos", n), progress=False)
    rng = np.random.default_rng(seed)
    features = {
        name: rng.normal(6, 1, size=(len(one), 20)) for name, one in found.splits.items()
    }  # positive, as most are
    for name, one in found.splits.items():
        features[name][:, 0] += separation * one.labels
    return found, features


def probe_of(found, features):
    train, validation = found.splits["train"], found.splits["validation"]
    return transfer.linear_probe(features["train"], train.labels, features["validation"], validation.labels)


def test_training_photos_are_judged_by_probes_that_did_not_see_them(tmp_path):
    """No photo is judged by a probe of which its own fold was a part."""
    found, features = given(tmp_path)
    train = found.splits["train"]
    fold = advice._folds(train)
    assert set(fold) == set(range(5))
    assert all(np.ptp(np.bincount(fold[train.labels == label], minlength=5)) <= 1 for label in (0, 1))
    probe = probe_of(found, features)
    logits = advice.out_of_fold(probe, features["train"], train, 10_000)
    assert logits.shape == (len(train), 2) and (logits.argmax(axis=1) == train.labels).mean() > 0.95
    held = fold == 2
    alone = transfer.linear_probe(
        features["train"][~held], train.labels[~held], features["train"], train.labels, C=probe.C, max_iter=10_000
    ).logits(features["train"][held])
    scale = (alone * logits[held]).sum() / np.square(logits[held]).sum()  # the temperature
    np.testing.assert_allclose(alone, scale * logits[held], atol=1e-3)
    assert scale > 0


def test_a_probe_that_cannot_be_fitted_loses_no_run(tmp_path):
    """It did converge on all photos; on fewer it need not."""
    found, features = given(tmp_path)
    probe = probe_of(found, features)
    logits = advice.out_of_fold(probe, features["train"], found.splits["train"], max_iter=1)
    assert np.isnan(logits).all() and advice.learning_curve(probe, features, found, max_iter=1) is None
    told = advice.suspected(found, {"train": logits, "test": probe.logits(features["test"])})
    assert told["n_labels_checked"] == len(found.splits["test"]) and told["n_labels_unchecked"] == len(logits)


def test_the_only_photo_of_a_class_is_not_judged_and_that_is_said(tmp_path):
    found, features = given(tmp_path, n=20)
    keep = np.flatnonzero(found.splits["train"].labels == 0).tolist()
    keep.append(int(np.flatnonzero(found.splits["train"].labels == 1)[0]))
    found.splits["train"] = found.splits["train"].select(keep)
    features["train"] = features["train"][keep]
    logits = advice.out_of_fold(probe_of(found, features), features["train"], found.splits["train"], 10_000)
    assert np.isnan(logits[-1]).all() and np.isfinite(logits[:-1]).all()
    told = advice.suspected(found, {"train": logits})
    assert (told["n_labels_checked"], told["n_labels_unchecked"]) == (len(keep) - 1, 1)
    assert "1 could not be checked" in advice._on_labels(told)


def test_only_labels_with_almost_no_chance_are_doubtful(tmp_path):
    given = photos.read(class_folders(tmp_path / "photos", n=12), progress=False)
    test = given.splits["test"]
    logits = np.where(np.eye(2)[test.labels] > 0, 2.0, 0.0)  # right, with 88 %
    told = advice.suspected(given, {"validation": logits[:0], "test": logits})
    assert told["suspected_labels"] == [] and told["n_labels_checked"] == len(test)
    assert advice._on_labels(told) == (
        f"No label of {len(test)} photos looks wrong to a model that was not trained on them."
    )
    logits[1] = logits[1, ::-1] * 3  # 0.2 %
    logits[2] = logits[2, ::-1]  # wrong, with 12 %
    (found,) = advice.suspected(given, {"test": logits})["suspected_labels"]
    assert found["index"] == 1 and found["path"] == given.shown("test", 1)
    assert found["probability"] == pytest.approx(1 / (1 + np.exp(6)), abs=1e-5)
    told = advice.suspected(given, {"test": np.tile(logits[[1]], (len(test), 1))})
    assert len(told["suspected_labels"]) <= 8 and told["n_suspected_labels"] == (test.labels == test.labels[1]).sum()


def test_a_class_that_is_merely_hard_does_not_fill_the_list(tmp_path):
    """With 3 % for the label, but less for the class that it is called than that class has where it is right."""
    given = photos.read(class_folders(tmp_path / "photos", "a", "b", "c", n=12), progress=False)
    test = given.splits["test"]
    p = np.full((len(test), 3), 0.01)
    p[np.arange(len(test)), test.labels] = 0.98
    first = int(np.flatnonzero(test.labels == 0)[0])
    p[first] = [0.03, 0.6, 0.37]
    assert advice.suspected(given, {"test": np.log(p)})["suspected_labels"] == []
    p[first] = [0.03, 0.96, 0.01]
    p[test.labels == 1] = [0.03, 0.94, 0.03]
    assert [one["index"] for one in advice.suspected(given, {"test": np.log(p)})["suspected_labels"]] == [first]


def test_as_many_right_labels_as_chance_makes_improbable(tmp_path):
    """Labels drawn with the very probabilities that are claimed: what is called chance is what comes."""
    found, _ = given(tmp_path, n=150)
    rng = np.random.default_rng(1)
    expected, counted = 0.0, 0
    for _ in range(40):
        logits = {}
        for name, split in found.splits.items():
            p = rng.choice([0.5, 0.9, 0.97, 0.99], len(split))
            right = rng.random(len(split)) < p
            called = np.where(right, split.labels, 1 - split.labels)
            logits[name] = np.log(np.where(np.eye(2)[called] > 0, p[:, None], 1 - p[:, None]))
        told = advice.suspected(found, logits)
        expected += told["n_suspected_by_chance"]
        counted += told["n_suspected_labels"]
    assert abs(counted - expected) < 4 * np.sqrt(expected) and expected > 40


@pytest.mark.parametrize(
    ("n", "chance", "words"),
    [
        (15, 7.3, "About 7 right labels would get so little by chance, so some are probably wrong."),
        (8, 7.3, "so all of them may be right"),
        (1, 0.02, "Look at the label of the photo below: a model that was not trained on it"),
        (1, 0.02, "About 0.0 right labels would get so little by chance, so it is probably wrong."),
        (1, 0.8, "so it may be right"),
        (30, 2.0, "Look at the labels of the 8 photos below, the most doubtful of 30:"),
    ],
)
def test_the_sentence_on_labels_says_what_chance_would_do(n, chance, words):
    told = {
        "suspected_labels": [{}] * min(n, 8),
        "n_suspected_labels": n,
        "n_suspected_by_chance": chance,
        "n_labels_checked": 500,
        "n_labels_unchecked": 0,
    }
    assert words in advice._on_labels(told)


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
    found, features = given(tmp_path, 150, separation)
    train = found.splits["train"]
    told = advice.learning_curve(probe_of(found, features), features, found, 10_000)
    low, high = told["difference_interval"]
    assert told["n_half"] == len(train) // 2 and low <= told["difference"] <= high
    # on so few photos that agree, the interval still leaves room for more than a point
    assert told["verdict"] == ("cannot tell" if high >= 0.01 else verdict)
    sizes = [one["n"] for one in told["curve"]]
    assert sizes == [len(train) // 8, len(train) // 4, len(train) // 2, len(train)]
    half, whole = told["curve"][-2:]
    assert whole["accuracy"] - half["accuracy"] == pytest.approx(told["difference"], abs=1e-5)
    assert all(one["accuracy_interval"][0] <= one["accuracy"] <= one["accuracy_interval"][1] for one in told["curve"])


def test_a_learning_curve_that_cannot_be_measured_is_said(tmp_path):
    found, features = given(tmp_path, 8)
    probe = probe_of(found, features)
    found.splits["validation"] = found.splits["validation"].select([])
    assert advice.learning_curve(probe, features, found, 10_000) is None
    assert "was not measured" in advice._on_more_photos({"more_photos": None})


@pytest.mark.parametrize(("moved", "verdict"), [(0.0, ("alike", "cannot tell")), (3.0, ("farther",))])
def test_test_photos_of_another_kind_are_told(tmp_path, moved, verdict):
    """By features in a direction that no training photo has."""
    found, features = given(tmp_path, 200, separation=1.0)
    features["test"][:, 1:4] += moved
    told = advice.likeness(features, found)
    low, high = told["farther_interval"]
    assert told["verdict"] in verdict and low <= told["farther"] <= high
    assert told["n_test"] == len(found.splits["test"]) and len(told["farthest"]) == 4
    assert low <= 0.5 <= high or moved
    assert "pretrained on cannot be measured here" in advice._on_likeness({"likeness": told})


def test_distances_say_nothing_of_a_few_photos(tmp_path):
    found, features = given(tmp_path, 20)
    assert advice.likeness(features, found) is None
    assert "was not measured: it takes 20" in advice._on_likeness({"likeness": None})


def test_random_splits_of_one_folder_are_alike_nineteen_times_in_twenty(tmp_path):
    """Where photos are of one kind, the interval holds one half; and hardly a run of 60 is called farther."""
    found, _ = given(tmp_path, 200)
    rng = np.random.default_rng(5)
    told = [
        advice.likeness({name: rng.normal(6, 1, size=(len(one), 8)) for name, one in found.splits.items()}, found)
        for _ in range(60)
    ]
    holds = [low <= 0.5 <= high for low, high in (one["farther_interval"] for one in told)]
    assert sum(holds) >= 51 and sum(one["verdict"] == "farther" for one in told) <= 3


def advised(**given):
    """The sentences of a run on which nothing is to be said but what is given."""
    metrics = {
        "advice": {
            "suspected_labels": [],
            "n_suspected_labels": 0,
            "n_suspected_by_chance": 0.0,
            "n_labels_checked": 12,
            "n_labels_unchecked": 0,
            "more_photos": None,
            "likeness": None,
        },
        "class_names": ["a", "b", "c"],
        "test": {"confusion": [[5, 0, 0], [0, 5, 0], [0, 0, 9]]},
        "photos": {"left_out": []},
    }
    return advice.sentences({**metrics, **given})


def test_nothing_is_left_out_in_silence():
    """What could not be measured is said, and that nothing was found too."""
    labels, more, likeness = advised()
    assert labels.startswith("No label of 12 photos looks wrong")
    assert more.startswith("Whether more photos would help was not measured: ")
    assert likeness.startswith("Whether the test photos are like the training photos was not measured: ")


def test_the_classes_that_are_confused():
    said = advised(test={"confusion": [[5, 0, 0], [4, 5, 1], [0, 0, 9]]})[1]
    assert said.startswith("Most often confused: b is called a (4 of 5 mistakes)")
    assert len(advised(test={"confusion": [[5, 0, 0], [0, 5, 1], [0, 0, 9]]})) == 3
    assert len(advised(class_names=["a", "b"], test={"confusion": [[1, 8], [0, 9]]})) == 3


@pytest.mark.parametrize(
    ("verdict", "words"),
    [("more", "would probably help"), ("enough", "would gain little"), ("cannot tell", "We cannot tell")],
)
def test_the_sentence_on_more_photos(verdict, words):
    more = {"n_half": 1200, "difference": 0.02, "difference_interval": [-0.01, 0.05], "verdict": verdict}
    more["detectable"] = "detectable from 4.2 points"
    said = advice._on_more_photos({"more_photos": more})
    assert words in said and "from 1,200 training photos to all of them" in said
    assert "changed by +2.0 points (−1.0 to 5.0), detectable from 4.2 points." in said


def test_what_was_left_out():
    reasons = ["truncated (3 bytes)", "truncated (9 bytes)", "greyscale", "empty", "empty", "empty", "odd"]
    left = [[str(i), reason] for i, reason in enumerate(reasons)]
    said = advised(photos={"left_out": left})[-1]
    assert (
        said
        == "7 files were left out: 3 × empty, 2 × truncated, 1 × greyscale, and 1 for other reasons. The list is below."
    )
    assert advised(photos={"left_out": left[:1]})[-1] == "1 file was left out: truncated. It is listed below."
