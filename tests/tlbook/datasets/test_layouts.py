"""Layouts of folders: what is read as what, and what is refused with what was seen and what to type."""

import os

import pytest
from PIL import Image

from tlbook import datasets
from tlbook.datasets import LeftOutWarning
from tlbook.datasets.folders import load_labelled

pytestmark = pytest.mark.filterwarnings("ignore::tlbook.datasets.LeftOutWarning")


def photo(path, number=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    shade = hash(str(path)) % 200
    Image.new("RGB", (12, 12), (number % 250, shade, 77)).save(path)
    return path


_COUNT = iter(range(10**6))


def tree(root, *folders, n=3):
    """Photos of their own in each of some folders, which are given by their paths."""
    for folder in folders:
        for _ in range(n):
            number = next(_COUNT)
            image = Image.new("RGB", (12, 12), (number % 256, number // 256 % 256, 9))
            (root / folder).mkdir(parents=True, exist_ok=True)
            image.save(root / folder / f"{number}.png")
    return root


# ---- spellings ----


@pytest.mark.parametrize("train", ["train", "Training", "TRAIN", "train "])
@pytest.mark.parametrize("validation", ["val", "valid", "Validation", "dev"])
@pytest.mark.parametrize("test", ["test", "Testing"])
def test_common_spellings_of_splits(tmp_path, train, validation, test):
    tree(tmp_path, *(f"{split}/{name}" for split in (train, validation, test) for name in ("cat", "dog")))
    data = datasets.load(tmp_path, progress=False)
    assert [len(split) for split in data.splits.values()] == [6, 6, 6]
    assert data.class_names == ("cat", "dog")


# ---- refused: what was seen, and what to type ----

REFUSED = {
    "training_set and test_set": (
        ["training_set/cat", "training_set/dog", "test_set/cat", "test_set/dog"],
        ["training_set", "test_set", "{root}/training_set --test {root}/test_set"],
    ),
    "as an archive of Kaggle unpacks": (
        ["seg_train/seg_train/sea", "seg_train/seg_train/ice", "seg_test/seg_test/sea", "seg_test/seg_test/ice"],
        ["{root}/seg_train/seg_train --test {root}/seg_test/seg_test"],
    ),
    "Train2017 and Val2017": (
        ["Train2017/cat", "Train2017/dog", "Val2017/cat", "Val2017/dog"],
        ["Train2017", "Val2017"],
    ),
    "my-train and my-test, no classes": (["my-train", "my-test"], ["my-train", "look like splits"]),
    "trainset and testset": (["trainset/cat", "trainset/dog", "testset/cat", "testset/dog"], ["trainset", "testset"]),
    "photos in train and test": (["train", "test"], ["train", "test", "without class folders"]),
    "photos in train, val and test": (["train", "val", "test"], ["without class folders"]),
    "classes beside a flat test": (["cat", "dog", "test"], ["test", "rename it"]),
    "classes beside a flat VAL": (["cat", "dog", "VAL"], ["VAL", "rename it"]),
    "train with classes, test without": (
        ["train/cat", "train/dog", "test"],
        ["test without any", "{root}/train alone"],
    ),
    "train with classes, validation without": (["train/cat", "train/dog", "validation"], ["validation without any"]),
    "two folders for one split": (
        ["train/cat", "train/dog", "val/cat", "val/dog", "valid/cat", "valid/dog"],
        ["val, valid", "one split"],
    ),
    "train and Training": (["train/cat", "train/dog", "Training/cat", "Training/dog"], ["one split"]),
    "years above classes": (
        ["2021/cat", "2021/dog", "2022/cat", "2022/dog"],
        ["2021", "2022", "cat, dog", "{root}/2021"],
    ),
    "cameras above classes in other capitals": (
        ["canon/Cat", "canon/Dog", "nikon/cat", "nikon/dog"],
        ["canon", "nikon"],
    ),
    "years above classes, one year with more": (
        ["2020/fox/deep", "2021/cat", "2021/dog", "2022/cat", "2022/dog", "2022/fox"],
        ["2021", "2022"],
    ),
    "classes above splits": (["cat/train", "cat/test", "dog/train", "dog/test"], ["train"]),
    "a data set beside another folder": (["data/train/cat", "data/test/cat", "docs"], ["{root}/data"]),
    "one folder too high": (["PetImages/Cat", "PetImages/Dog"], ["{root}/PetImages", "one folder alone"]),
    "two folders too high": (["archive/PetImages/Cat", "archive/PetImages/Dog"], ["{root}/archive/PetImages"]),
    "one folder too high, with splits": (["data/train/cat", "data/train/dog", "data/test/cat"], ["{root}/data"]),
    "Cat and cat": (["Cat", "cat", "dog"], ["'Cat', 'cat'", "capitals or blanks"]),
    "cat and cat with a blank": (["cat", "cat ", "dog"], ["'cat', 'cat '"]),
    "Cat in train and cat in test": (["train/Cat", "train/dog", "test/cat", "test/dog"], ["'Cat', 'cat'"]),
    "wide letters": (["ｃat", "cat", "dog"], ["capitals or blanks"]),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_another_layout_is_refused_with_what_to_type(tmp_path, kind):
    folders, words = REFUSED[kind]
    root = tree(tmp_path / "photos", *folders)
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (the words are compared below)
        datasets.load(root, progress=False)
    said = str(refused.value)
    assert said.startswith(str(root)) or "the class folders" in said
    for word in words:
        assert word.format(root=root) in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "folders",
    [
        ["plane", "train"],
        ["bus", "car", "Train"],
        ["train_station", "bus_station"],
        ["test_tube", "beaker"],
        ["contest", "attest"],
        ["cat/indoor", "cat/outdoor", "dog"],
        ["cat/images", "dog/images"],
        ["cat/anna", "dog/ben"],
        ["tabby cat", "tabbycat"],
        ["1", "2"],
    ],
    ids=str,
)
def test_classes_that_only_look_odd_stay_classes(tmp_path, folders):
    data = datasets.load(tree(tmp_path, *folders), progress=False)
    assert data.class_names == tuple(sorted({folder.split("/")[0] for folder in folders}))


# ---- named ----


def findings(root):
    with pytest.warns(LeftOutWarning):
        return {one.path: one.reason for one in datasets.load(root, progress=False).left_out.files}


def test_photos_beside_the_class_folders_are_named_and_notes_are_not(tmp_path):
    tree(tmp_path, "cat", "dog")
    photo(tmp_path / "stray.png", 1)
    photo(tmp_path / "LOUD.PNG", 2)
    photo(tmp_path / "no-ending.png", 3).rename(tmp_path / "no-ending")
    for name in ("README.txt", "labels.csv", "Thumbs.db", ".DS_Store"):
        (tmp_path / name).write_text("words")
    beside = "beside the class folders"
    assert findings(tmp_path) == {"stray.png": beside, "LOUD.PNG": beside, "no-ending": beside}


def test_photos_beside_the_class_folders_of_a_split_are_named(tmp_path):
    tree(tmp_path, "train/cat", "train/dog", "test/cat", "test/dog")
    photo(tmp_path / "train" / "stray.jpg", 1)
    photo(tmp_path / "stray.png", 2)
    assert set(findings(tmp_path)) == {"train/stray.jpg", "stray.png"}


def test_a_hidden_class_folder_is_named_and_other_hidden_folders_are_not(tmp_path):
    tree(tmp_path, "cat", "dog", ".fox")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("words")
    assert findings(tmp_path) == {".fox": "hidden folder"}


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_links_are_taken_as_classes_and_named_where_they_lead_nowhere(tmp_path):
    tree(tmp_path / "elsewhere", "cats")
    tree(tmp_path / "photos", "dog")
    os.symlink(tmp_path / "elsewhere" / "cats", tmp_path / "photos" / "cat")
    os.symlink("nowhere", tmp_path / "photos" / "fox")
    os.symlink("circle", tmp_path / "photos" / "circle")
    os.symlink(tmp_path / "elsewhere", tmp_path / "photos" / "dog" / "more")
    assert findings(tmp_path / "photos") == {
        "fox": "broken link",
        "circle": "broken link",
        "dog/more": "link to a folder",
    }


def test_photos_without_class_folders_are_counted(tmp_path):
    for number in range(3):
        photo(tmp_path / f"{number}.png", number)
    with pytest.raises(ValueError, match="it has none, and 3 photos beside: put them into a folder for each class"):
        datasets.load(tmp_path, progress=False)


def test_a_name_that_would_command_a_terminal_is_shown_as_text(tmp_path):
    tree(tmp_path, "cat\x1b[2J", "dog\u202egod")
    assert datasets.load(tmp_path, progress=False).class_names == ("cat\\x1b[2J", "dog\\u202egod")


# ---- a folder to measure on ----


@pytest.mark.parametrize(
    ("folders", "n"),
    [
        (["train/cat", "train/dog", "validation/cat", "validation/dog"], 12),
        (["val/cat", "val/dog"], 6),
        (["train/cat", "train/dog", "dev/cat", "dev/dog", "test/cat", "test/dog"], 18),
        (["cat", "dog"], 6),
        (["cat"], 3),
        (["test/cat"], 3),
    ],
    ids=str,
)
def test_everything_is_measured(tmp_path, folders, n):
    split, left_out = load_labelled(tree(tmp_path, *folders), progress=False)
    assert len(split) == n and not left_out and split.name == "all"


def test_one_photo_is_enough(tmp_path):
    split, _ = load_labelled(tree(tmp_path, "cat", "dog", n=1), progress=False)
    assert split.labels.tolist() == [0, 1]


@pytest.mark.parametrize(("asked", "n"), [("train", 6), ("validation", 4), ("test", 2)])
def test_a_split_that_is_asked_for(tmp_path, asked, n):
    for name, each in (("train", 3), ("valid", 2), ("test", 1)):
        tree(tmp_path, f"{name}/cat", f"{name}/dog", n=each)
    split, _ = load_labelled(tmp_path, split=asked, progress=False)
    assert (split.name, len(split)) == (asked, n)
    # a copy in another split is no reason to leave a photo of this one out
    source = next((tmp_path / "test" / "cat").iterdir())
    (tmp_path / "train" / "cat" / "copy.png").write_bytes(source.read_bytes())
    again, left_out = load_labelled(tmp_path, split=asked, progress=False)
    assert len(again) == n + (asked == "train") and not left_out


@pytest.mark.parametrize("folders", [["cat", "dog"], ["train/cat", "train/dog"]], ids=str)
def test_a_split_that_is_not_there(tmp_path, folders):
    with pytest.raises(ValueError, match=r"has no split 'test'; it has (train|no splits at all)"):
        load_labelled(tree(tmp_path, *folders), split="test", progress=False)


def test_nothing_to_measure(tmp_path):
    tree(tmp_path, "cat", n=1)
    (next((tmp_path / "cat").iterdir())).write_bytes(b"")
    with pytest.raises(ValueError, match=r"no photo in a class folder .* \(left out for example cat/.*: empty file"):
        load_labelled(tmp_path, progress=False)
    with pytest.raises(FileNotFoundError):
        load_labelled(tmp_path / "none", progress=False)
