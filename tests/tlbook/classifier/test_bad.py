"""Bad files and folders: each kind gets what the documentation says, and the command ends with status 2 and one sentence."""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

import h5py
import pytest

from tests.tlbook.classifier.folders import (
    CONVERTED,
    IGNORED,
    LEFT_OUT,
    OPTIONS,
    TAKEN,
    class_folders,
    data,
    picture,
    spoil,
)
from tlbook import backbones, classifier, cli
from tlbook._files import json_sha256
from tlbook.backbones.weights import TooSlow
from tlbook.classifier import InputError, choice, runs

import keras  # isort: skip

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes and links of this kind are not made on Windows")


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    """A folder with every kind of odd file, trained on."""
    root = tmp_path_factory.mktemp("spoilt")
    spoil(class_folders(root / "photos", n=14))
    return classifier.train(root / "photos", root / "result", strategy="probe", **OPTIONS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of two classes and its result."""
    root = tmp_path_factory.mktemp("trained")
    class_folders(root / "photos", n=14)
    return root / "photos", classifier.train(root / "photos", root / "result", strategy="probe", **OPTIONS)


# ---- files ----


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_bad_file_is_left_out_and_named(spoilt, name):
    assert LEFT_OUT[name][1] in dict(spoilt.metrics["photos"]["left_out"])[f"cat/{name}"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("cat/broken link.png", "broken link"),
        ("cat/circle.png", "link that leads nowhere"),
        ("cat/linked folder", "link to a folder"),
        ("cat/pipe.png", "not a regular file"),
        ("cat/000.png", "same content as dog/copied cat.png, under another label"),
        ("dog/copied cat.png", "same content as cat/000.png, under another label"),
    ],
)
def test_what_is_no_file_or_is_there_twice_is_left_out(spoilt, path, reason):
    assert dict(spoilt.metrics["photos"]["left_out"])[path] == reason


@pytest.mark.parametrize("name", CONVERTED)
def test_an_odd_picture_is_converted_and_named(spoilt, name):
    assert dict(spoilt.metrics["photos"]["converted"])[f"cat/{name}"] == CONVERTED[name][1]


def test_everything_else_is_taken_or_ignored(spoilt):
    photos = spoilt.metrics["photos"]
    assert len(photos["left_out"]) == len(LEFT_OUT) + 6
    assert sum(split["cat"] for split in photos["counts"].values()) == 13 + len(CONVERTED) + len(TAKEN) + 2
    assert sum(split["dog"] for split in photos["counts"].values()) == 14
    named = json.dumps(photos)
    assert not any(name in named for name in IGNORED)


@pytest.mark.parametrize("name", TAKEN)
def test_a_picture_with_an_odd_name_is_classified(spoilt, name):
    path = Path(spoilt.metrics["photos"]["folder"]) / "cat" / name
    found = classifier.predict(spoilt.model, path, progress=False)
    assert found.paths == (str(path),)
    assert found.labels[0] in ("cat", "dog")


def test_a_name_that_no_encoding_can_read(spoilt):
    path = Path(spoilt.metrics["photos"]["folder"]) / "cat" / os.fsdecode(b"caf\xe9.png")
    assert (
        classifier.predict(spoilt.model, path, progress=False)
        .csv()
        .splitlines()[1]
        .startswith(f"{path.parent}/caf\\xe9.png,")
    )


def test_prediction_names_the_files_it_cannot_read(spoilt):
    folder = Path(spoilt.metrics["photos"]["folder"]) / "cat"
    found = classifier.predict(spoilt.model, folder, progress=False)
    reasons = {Path(one.path).name: one.reason for one in found.left_out.files}
    # of several pages the first is classified: that is no mistake in a photo to be answered for
    unread = {name for name in LEFT_OUT if name not in ("animated.gif", "pages.tiff")}
    assert unread <= set(reasons) and {"broken link.png", "circle.png", "pipe.png"} <= set(reasons)
    assert all(LEFT_OUT[name][1] in reasons[name] for name in unread)
    assert len(found.paths) == 14 + len(CONVERTED) + len(TAKEN) + 4


# ---- folders ----

FOLDERS = {}


def folder(words):
    """Register how a bad folder is made; returns (photos, options)."""

    def register(make):
        FOLDERS[make.__name__.strip("_").replace("_", " ")] = (make, words)
        return make

    return register


@folder("there is no folder")
def no_folder(root):
    return root / "nothing", {}


@folder("is a file; give a folder")
def a_file(root):
    (root / "photos").write_text("no folder")
    return root / "photos", {}


@folder("needs at least two class folders")
def an_empty_folder(root):
    (root / "photos").mkdir()
    return root / "photos", {}


@folder("only cat")
def one_class(root):
    return class_folders(root / "photos", "cat"), {}


@folder("needs at least two class folders")
def photos_without_class_folders(root):
    (root / "photos").mkdir()
    for i in range(4):
        picture(i).save(root / "photos" / f"{i}.png")
    return root / "photos", {}


@folder("has 1 usable images and needs at least 2")
def one_photo_in_a_class(root):
    class_folders(root / "photos", n=4)
    for i in range(1, 4):
        (root / "photos" / "dog" / f"{i:03}.png").unlink()
    return root / "photos", {}


@folder("has 0 usable images and needs at least 2 (left out for example dog/000.png: empty file")
def no_readable_photo_in_a_class(root):
    class_folders(root / "photos", n=4)
    for path in (root / "photos" / "dog").iterdir():
        path.write_bytes(b"")
    return root / "photos", {}


@folder("holds no file")
def an_empty_class_folder(root):
    (class_folders(root / "photos", n=4) / "fox").mkdir()
    return root / "photos", {}


@folder("under another label")
def the_same_photos_in_both_classes(root):
    class_folders(root / "photos", "cat", n=4)
    shutil.copytree(root / "photos" / "cat", root / "photos" / "dog")
    return root / "photos", {}


@folder("holds both split folders")
def splits_and_classes_side_by_side(root):
    class_folders(root / "photos" / "train", n=4)
    return class_folders(root / "photos", "fox", n=4), {}


@folder("no train/")
def ready_splits_without_train(root):
    class_folders(root / "photos" / "validation", n=4)
    class_folders(root / "photos" / "test", n=4, first=10)
    return root / "photos", {}


@folder("has no usable image in train")
def a_class_that_is_only_tested(root):
    class_folders(root / "photos" / "train", "cat", "dog", n=4)
    class_folders(root / "photos" / "test", "cat", "dog", "fox", n=4, first=10)
    return root / "photos", {}


@folder("has no photo left to train on")
def nothing_but_near_duplicates(root):
    for kind, name in enumerate(("cat", "dog")):
        for split, quality in (("train", 60), ("validation", 75), ("test", 90)):
            (root / "photos" / split / name).mkdir(parents=True)
            for i in range(3):
                body = data(picture(i, kind, side=160), "JPEG", quality=quality)
                (root / "photos" / split / name / f"{i}.jpg").write_bytes(body)
    return root / "photos", {}


@folder("no classifier could be fitted")
def photos_without_any_difference(root):
    for name, split in (("cat", "train"), ("dog", "train"), ("cat", "test"), ("dog", "test")):
        (root / "photos" / split / name).mkdir(parents=True)
        for i in range(3):
            body = data(picture(1), "PNG")  # other bytes, the same pixels
            padding = f"{split} {name} {i}".encode()
            (root / "photos" / split / name / f"{i}.png").write_bytes(body + padding)
    return root / "photos", {"near_duplicates": "ignore"}


@folder("which the model does not know")
def a_test_folder_with_another_class(root):
    class_folders(root / "other", "cat", "fox", n=3, first=50)
    return class_folders(root / "photos", n=4), {"test": root / "other"}


@folder("is the training folder")
def a_test_folder_that_is_the_training_folder(root):
    return class_folders(root / "photos", n=4), {"test": root / "photos"}


@folder("there is no folder")
def a_test_folder_that_is_not_there(root):
    return class_folders(root / "photos", n=4), {"test": root / "nothing"}


@folder("there is no backbone 'resnet99'; choose")
def an_unknown_backbone(root):
    return class_folders(root / "photos", n=4), {"backbone": "resnet99"}


@folder("input_size=8: give a whole number of pixels, 32 or more")
def an_input_that_is_too_small(root):
    return class_folders(root / "photos", n=4), {"input_size": 8}


@folder("seed=-1: give a whole number, 0 or more")
def a_seed_below_zero(root):
    return class_folders(root / "photos", n=4), {"seed": -1}


@folder("lies in the folder of the photos")
def a_result_among_the_photos(root):
    return class_folders(root / "photos", n=4), {"out": root / "photos" / "result"}


@folder("is not a folder; name one that does not exist yet")
def a_result_that_is_a_file(root):
    (root / "result").write_text("mine")
    return class_folders(root / "photos", n=4), {}


@folder("holds files that are not a result of tlbook train (model.keras)")
def a_result_folder_with_other_files(root):
    (root / "result").mkdir()
    (root / "result" / "model.keras").write_text("mine")
    return class_folders(root / "photos", n=4), {"force": True}


@folder("is in the way: it is no file of a result")
def a_result_folder_with_a_folder_named_like_a_file_of_ours(root):
    (root / "result" / "report.html").mkdir(parents=True)
    (root / "result" / "report.html" / "thesis.txt").write_text("mine")
    return class_folders(root / "photos", n=4), {"force": True}


@folder("is in the way: it is no file of a result")
def a_result_folder_with_a_link_named_like_a_file_of_ours(root):
    (root / "result").mkdir()
    (root / "thesis.txt").write_text("mine")
    os.symlink(root / "thesis.txt", root / "result" / "metrics.json")
    return class_folders(root / "photos", n=4), {"force": True}


@folder("is in the way: it holds files that are not the state of a run")
def a_result_folder_with_a_folder_called_unfinished(root):
    (root / "result" / "unfinished" / "steps").mkdir(parents=True)
    (root / "result" / "unfinished" / "steps" / "one.txt").write_text("mine")
    return class_folders(root / "photos", n=4), {"force": True}


@folder("lie in")
def photos_in_the_result_folder(root):
    return class_folders(root / "result" / "photos", n=4), {"force": True}


@folder("lie in")
def photos_to_test_on_in_the_result_folder(root):
    class_folders(root / "result" / "deep" / "test", n=4, first=40)
    return class_folders(root / "photos", n=4), {"test": root / "result" / "deep" / "test", "force": True}


@folder("lie in")
def a_link_to_photos_in_the_result_folder(root):
    class_folders(root / "result" / "photos", n=4)
    os.symlink(root / "result" / "photos", root / "photos")
    return root / "photos", {"force": True}


@folder("lies in the folder of the photos")
def a_result_that_is_the_folder_of_the_photos_by_another_name(root):
    class_folders(root / "photos", n=4)
    os.symlink(root / "photos", root / "result")
    return root / "photos", {"force": True}


@folder("lies in the folder of the photos")
def a_result_among_the_test_photos(root):
    class_folders(root / "other", n=4, first=40)
    return class_folders(root / "photos", n=4), {"test": root / "other", "out": root / "other" / "result"}


@folder("is not a folder; name one that does not exist yet")
def a_result_that_is_a_link_to_nowhere(root):
    os.symlink(root / "nowhere", root / "result")
    return class_folders(root / "photos", n=4), {}


@folder("is not a folder; name one that does not exist yet")
def a_result_that_is_a_link_in_a_circle(root):
    os.symlink("result", root / "result")
    return class_folders(root / "photos", n=4), {}


@folder("cannot be written (File name too long)")
def a_result_with_too_long_a_name(root):
    return class_folders(root / "photos", n=4), {"out": root / ("x" * 250)}


@folder("cannot be used (File name too long)")
def photos_with_too_long_a_name(root):
    return root / ("x" * 300), {}


@folder("there is no folder")
def photos_by_a_link_in_a_circle(root):
    os.symlink("photos", root / "photos")
    return root / "photos", {}


@folder("a file is where a folder is needed")
def a_result_below_a_file(root):
    (root / "file").write_text("mine")
    return class_folders(root / "photos", n=4), {"out": root / "file" / "result"}


@folder("is in the way")
def an_unfinished_folder_with_other_files(root):
    (root / "result.unfinished").mkdir()
    (root / "result.unfinished" / "thesis.txt").write_text("mine")
    return class_folders(root / "photos", n=4), {}


def listing(root):
    return sorted(str(path) for path in root.rglob("*"))


def arguments(photos, options, out):
    """The command line for a call."""
    words = ["--quiet", "train", str(photos), "--out", str(options.pop("out", out)), "--strategy", "probe"]
    options = {"backbone": "sketchnet", "input_size": 32, **options}
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        words += [flag] if value is True else [flag, str(value)]
    return words


def sentence(capsys):
    """What stands on standard error: one line, which begins with the program's name."""
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("tlbook: ")
    return line


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_bad_folder_or_option_is_refused_in_one_sentence(tmp_path, capsys, kind):
    make, words = FOLDERS[kind]
    photos, options = make(tmp_path)
    before = listing(tmp_path)
    assert cli.main(arguments(photos, dict(options), tmp_path / "result")) == 2
    assert words in sentence(capsys)
    assert listing(tmp_path) == before


def test_two_photos_in_a_class_are_enough(tmp_path):
    result = classifier.train(class_folders(tmp_path / "photos", n=2), tmp_path / "result", **OPTIONS)
    assert result.metrics["validation"]["n"] == 0
    assert result.metrics["test"]["n"] == 2
    assert result.metrics["strategy"]["chosen"] == "probe"
    assert result.metrics["notes"] == ["not calibrated: there are no validation photos"]


def test_a_result_of_other_options_is_replaced_only_by_force(trained, capsys):
    photos, result = trained
    other = ["--quiet", "train", str(photos), "--out", str(result.folder), "--strategy", "probe", "--seed", "5"]
    assert cli.main([*other, "--backbone", "sketchnet", "--input-size", "32"]) == 2
    assert "replace it with force (--force)" in sentence(capsys)


# ---- the disk ----


@pytest.mark.parametrize("where", ["state", "model", "predictions", "metrics", "checkpoint"])
def test_a_full_disk_is_named_and_nothing_half_written(tmp_path, monkeypatch, where):
    photos = class_folders(tmp_path / "photos", n=6)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def refuse(*_, **__):
        raise full

    real = runs.write_state
    if where == "state":
        monkeypatch.setattr(runs, "write_state", refuse)
    elif where == "model":
        monkeypatch.setattr(keras.Model, "save", refuse)
    elif where == "predictions":
        monkeypatch.setattr("tlbook.classifier.stages.csv_text", refuse)
    elif where == "metrics":
        monkeypatch.setattr("tlbook.classifier.stages.write_json", refuse)
    else:
        monkeypatch.setattr("tlbook.transfer.checkpoints.write", refuse)
    strategy = "lp-ft" if where == "checkpoint" else "probe"
    with pytest.raises(InputError, match=r"^the disk that holds .* is full; free some space and give the same command"):
        classifier.train(photos, tmp_path / "result", strategy=strategy, **OPTIONS)
    assert not (tmp_path / "result").exists()
    monkeypatch.undo()
    assert runs.write_state is real
    if where != "checkpoint":  # fine-tuning twice takes its time, and test_resume.py has it
        result = classifier.train(photos, tmp_path / "result", strategy=strategy, **OPTIONS)
        assert result.model.is_file() and not (tmp_path / "result.unfinished").exists()


def test_full_disks_of_hdf5_are_recognised_by_their_text():
    from tlbook.classifier.errors import writing

    with pytest.raises(InputError, match="is full"), writing("place"):
        raise OSError("Can't write data (file write failed: errno = 28, error message = 'No space left on device')")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_place_that_cannot_be_written(tmp_path, monkeypatch, capsys, number):
    photos = class_folders(tmp_path / "photos", n=4)
    real = Path.mkdir

    def refuse(self, *args, **options):
        if self.name == "result.unfinished":
            raise OSError(number, os.strerror(number), str(self))
        return real(self, *args, **options)

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert cli.main(arguments(photos, {}, tmp_path / "result")) == 2
    assert "cannot be written" in sentence(capsys)


# ---- backbones ----

OFFLINE = backbones.WeightsUnavailable("no network")
CANDIDATES = [
    "efficientnet_v2_b0",
    "efficientnet_lite2",
    "efficientnet_lite1",
    "efficientnet_lite0",
    "mobilenet_v2_100",
    "mobilenet_100",
    "mobilenet_075",
    "mobilenet_v2_035",
]


def test_weights_that_cannot_be_had(tmp_path, monkeypatch, capsys):
    photos = class_folders(tmp_path / "photos", n=4)

    def gone(*_, **__):
        raise backbones.WeightsUnavailable(
            "the ImageNet weights of vgg16 (59 MB) are not here\nand could not be downloaded"
        )

    monkeypatch.setattr(backbones, "load", gone)
    assert cli.main(arguments(photos, {"backbone": "vgg16"}, tmp_path / "result")) == 2
    assert "are not here and could not be downloaded" in sentence(capsys)


def available(monkeypatch, *names):
    monkeypatch.setattr(backbones.Info, "available", property(lambda info: info.name in names))


def downloads(monkeypatch, otherwise=OFFLINE, **outcomes):
    """What becomes of each download, None being success; returns the list of those tried."""
    tried = []

    def download(name, *, seconds, answer, progress):
        assert seconds == choice.PATIENCE and answer < seconds
        tried.append(name)
        error = outcomes.get(name, otherwise)
        if error is not None:
            raise error

    monkeypatch.setattr(backbones, "download", download)
    return tried


def test_default_backbone_is_the_best_that_is_here(monkeypatch):
    available(monkeypatch, "mobilenet_075", "mobilenet_v2_035")
    tried = downloads(monkeypatch)
    found = choice.choose()
    assert found.name == "mobilenet_075"
    assert "68.4 % on ImageNet" in found.reason and "efficientnet_v2_b0 (78.7 % on ImageNet)" in found.reason
    assert "could not be downloaded in 60 seconds" in found.reason
    assert found.reason.endswith("; pip install 'tlbook[lite0]' brings efficientnet_lite0 (75.1 % on ImageNet)")
    assert tried == [choice.candidates()[0].name]  # without a network one is tried


def test_default_backbone_may_be_in_an_installed_package(monkeypatch):
    available(monkeypatch, "efficientnet_lite0", "mobilenet_075")
    tried = downloads(monkeypatch)
    found = choice.choose()
    assert found.name == "efficientnet_lite0"
    assert "the best (75.1 % on ImageNet) of those whose weights are on this machine" in found.reason
    assert "pip install" not in found.reason
    assert tried == ["efficientnet_v2_b0"]


def test_default_backbone_is_downloaded_where_that_is_quick(monkeypatch):
    available(monkeypatch, "mobilenet_v2_035")
    slow = TooSlow("24 MB would take 40 minutes")
    tried = downloads(monkeypatch, slow, mobilenet_v2_100=None)
    found = choice.choose()
    assert (found.name, found.reason) == ("mobilenet_v2_100", "the best there is (71.3 % on ImageNet), downloaded")
    assert tried[0] == "efficientnet_v2_b0" and tried[-1] == "mobilenet_v2_100"
    tried = downloads(monkeypatch, slow)
    assert choice.choose().name == "mobilenet_v2_035"
    # all but the one that is here, and those that come with a package
    assert set(tried) == {info.name for info in choice.candidates() if not info.packaged} - {"mobilenet_v2_035"}


def test_default_backbone_without_a_network(monkeypatch):
    available(monkeypatch)
    tried = downloads(monkeypatch)
    found = choice.choose()
    assert found.name == "sketchnet" and "expect less on photos" in found.reason
    assert "pip install 'tlbook[lite0]'" in found.reason
    assert len(tried) == 1  # a server that does not answer is not asked again


def test_candidates_are_the_quick_ones_by_accuracy():
    found = choice.candidates()
    accuracies = [info.imagenet_top1 for info in found]
    assert accuracies == sorted(accuracies, reverse=True)
    ranked = [info.name for info in found if info.name in CANDIDATES]
    assert ranked == CANDIDATES
    assert not {"resnet50", "vgg16", "sketchnet"} & {info.name for info in found}


# ---- model files ----


def rewritten(source, target, change):
    """A copy of a model file whose members, a dictionary of bytes, were changed."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(target, "w") as archive:
        for name, body in members.items():
            archive.writestr(name, body)


def edit(members, change, member="metadata.json", sign=False):
    value = json.loads(members[member])
    change(value)
    members[member] = json.dumps(value).encode()
    if sign:  # what one does who knows how the hashes are made
        metadata = json.loads(members["metadata.json"])
        entry = metadata["tlbook"]
        entry.pop("sha256")
        for name in entry["members"]:
            entry["members"][name] = hashlib.sha256(members[name]).hexdigest()
        metadata["tlbook"] = {**entry, "sha256": json_sha256(entry)}
        members["metadata.json"] = json.dumps(metadata).encode()


def foreign_code(config):
    config["config"]["layers"][-1]["module"] = "os"


def wide(config):
    """A layer on another, each as wide as may be."""
    last = config["config"]["layers"][-1]
    last["config"]["units"], last["build_config"]["input_shape"] = 2**14, [None, 2**14]


def another_layer(name, channels=2**14, **given):
    """A change of a configuration: its head becomes another layer, on so many channels."""

    def change(config):
        last = config["config"]["layers"][-1]
        last["class_name"], last["build_config"]["input_shape"] = name, [None, 8, 8, channels]
        last["config"] = {"name": "logits", "trainable": True, "dtype": "float32", **given}

    return lambda members: edit(members, change, "config.json", sign=True)


def bomb(members, compression):
    """Weights of a few kilobytes with one array of 400 MB: packed zeros, or never written at all."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        with h5py.File(path, "w") as file:
            options = {"chunks": (10**6,), "compression": compression} if compression else {}
            array = file.create_dataset("kernel", (10**8,), "f4", **options)
            if compression:
                array[: 10**6] = 0
        members["model.weights.h5"] = path.read_bytes()
    assert len(members["model.weights.h5"]) < 10**6
    edit(members, lambda config: None, "config.json", sign=True)


def other_class(metadata):
    metadata["tlbook"]["class names"][0] = "lynx"


MODELS = {
    "missing": (None, "there is no model file"),
    "a folder": ("folder", "is a folder, not a model file"),
    "empty": (b"", "is not a model file that tlbook train wrote, or it is damaged"),
    "words": (b"not a model", "is not a model file that tlbook train wrote, or it is damaged"),
    "a picture": (data(picture(1), "PNG"), "is not a model file that tlbook train wrote, or it is damaged"),
    "another archive": (lambda m: (m.clear(), m.update(a=b"b")), "no metadata.json in it"),
    "a plain Keras model": (lambda m: edit(m, lambda v: v.pop("tlbook")), "a Keras model without class names"),
    "other weights": (
        lambda m: m.update({"model.weights.h5": m["model.weights.h5"][:-1] + b"?"}),
        "was changed after tlbook train wrote it",
    ),
    "other layers": (lambda m: edit(m, lambda v: v.update(name="x"), "config.json"), "was changed after"),
    "other class names": (lambda m: edit(m, other_class), "was changed after"),
    "one member more": (lambda m: m.update({"assets/x.txt": b"x"}), "was changed after"),
    "one member less": (lambda m: m.pop("model.weights.h5"), "was not found|damaged|changed"),
    "a later format": (lambda m: edit(m, lambda v: v["tlbook"].update(format=99)), "has the format 99"),
    "code from elsewhere": (lambda m: edit(m, foreign_code, "config.json", sign=True), "asks for code from 'os'"),
    "a layer of a million": (
        lambda m: edit(m, lambda v: v["config"]["layers"][-1]["config"].update(units=10**6), "config.json", sign=True),
        "asks for a layer of 1,000,000",
    ),
    "an input of a million pixels": (
        lambda m: edit(
            m,
            lambda v: v["config"]["layers"][0]["config"].update(batch_shape=[None, 10**6, 10**6, 3]),
            "config.json",
            sign=True,
        ),
        "asks for a layer of 1,000,000",
    ),
    "layers of a gigabyte": (lambda m: edit(m, wide, "config.json", sign=True), "asks for 1,07[0-9] MB of layers"),
    "a depthwise layer of gigabytes": (
        another_layer("DepthwiseConv2D", 512, kernel_size=[2**10, 2**10], depth_multiplier=1),
        "asks for 2,14[0-9] MB of layers",
    ),
    "an embedding of a gigabyte": (
        another_layer("Embedding", input_dim=2**14, output_dim=2**14),
        "asks for 1,07[0-9] MB of layers",
    ),
    "a product of a gigabyte": (
        another_layer("EinsumDense", equation="ab,bc->ac", output_shape=[2**14]),
        "asks for 1,07[0-9] MB of layers",
    ),
    "a recurrent layer of gigabytes": (another_layer("LSTM", units=2**14), "asks for 1,07[0-9] MB of layers"),
    "attention of a gigabyte": (
        another_layer("MultiHeadAttention", 64, num_heads=2**14, key_dim=2**14),
        "asks for 1,07[0-9] MB of layers",
    ),
    "a layer that does not say what it takes": (
        lambda m: edit(m, lambda v: v["config"]["layers"][-1].pop("build_config"), "config.json", sign=True),
        "a layer does not say what it takes",
    ),
    "weights that unpack to more": (lambda m: bomb(m, compression="gzip"), "would unpack to 400 MB of weights"),
    "weights that claim what is not there": (lambda m: bomb(m, compression=None), "would unpack to 400 MB of weights"),
    "no such layer": (
        lambda m: edit(m, lambda v: v["config"]["layers"][-1].update(class_name="Nothing"), "config.json", sign=True),
        "cannot be loaded by Keras",
    ),
}


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_bad_model_file_is_refused_in_one_sentence(trained, tmp_path, capsys, kind, command):
    photos, result = trained
    change, words = MODELS[kind]
    path = tmp_path / "model.keras"
    if isinstance(change, bytes):
        path.write_bytes(change)
    elif change == "folder":
        path.mkdir()
    elif change is not None:
        rewritten(result.model, path, change)
    assert cli.main(["--quiet", command, str(path), str(photos)]) == 2
    line = sentence(capsys)
    assert re.search(words, line), line


def test_a_cut_off_model_file_is_refused(trained, tmp_path):
    body = trained[1].model.read_bytes()
    (tmp_path / "model.keras").write_bytes(body[: len(body) // 2])
    with pytest.raises(InputError, match="is not a model file that tlbook train wrote, or it is damaged"):
        classifier.load(tmp_path / "model.keras")


@pytest.mark.parametrize("member", ["config.json", "metadata.json", "model.weights.h5"])
def test_an_archive_that_unpacks_to_more_is_refused_before_it_is_read(trained, tmp_path, monkeypatch, member):
    with zipfile.ZipFile(trained[1].model) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] += b" " * 10**8
    with zipfile.ZipFile(tmp_path / "model.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    assert (tmp_path / "model.keras").stat().st_size < 3 * 10**6
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(InputError, match=r"is packed, and tlbook packs none"):
        classifier.load(tmp_path / "model.keras")


def test_the_result_folder_in_place_of_the_model_gets_a_hint(trained):
    with pytest.raises(InputError, match=r"did you mean .*model\.keras\?"):
        classifier.load(trained[1].folder)


# ---- what is to be predicted or evaluated ----


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: root / "nothing.png", "there is no file or folder"),
        (lambda root: (root / "empty").mkdir() or root / "empty", "none of the 0 files"),
        (
            lambda root: (root / "a.png").write_text("x") and root / "a.png",
            "none of the 1 files is a photo that can be read",
        ),
    ],
    ids=["no such path", "an empty folder", "no picture"],
)
def test_nothing_to_predict(trained, tmp_path, capsys, make, words):
    assert cli.main(["--quiet", "predict", str(trained[1].model), str(make(tmp_path))]) == 2
    assert words in sentence(capsys)


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (("cat", "lynx"), "'lynx', which the model does not know; it knows cat, dog"),
        (("fox",), "'fox', which the model"),
    ],
)
def test_nothing_to_evaluate(trained, tmp_path, capsys, classes, words):
    folder = class_folders(tmp_path / "other", *classes, n=3, first=70)
    assert cli.main(["--quiet", "evaluate", str(trained[1].model), str(folder)]) == 2
    assert words in sentence(capsys)


def test_an_evaluation_that_cannot_be_written(trained, tmp_path, capsys):
    photos, result = trained
    target = tmp_path / "nowhere" / "numbers.json"
    assert cli.main(["--quiet", "evaluate", str(result.model), str(photos), "--json", str(target)]) == 2
    assert "cannot be written" in sentence(capsys)


def test_the_table_has_forty_kinds_and_more():
    kinds = len(LEFT_OUT) + 6 + len(CONVERTED) + len(TAKEN) + len(IGNORED) + len(FOLDERS) + len(MODELS)
    assert kinds >= 40
