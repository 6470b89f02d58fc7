"""Photos read one by one: what a source holds, its splits and copies, as class folders in memory have them."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from tests.tlbook.classifier.folders import class_folders, data, picture, spoil
from tlbook import datasets
from tlbook.datasets.folders import split_of
from tlbook.datasets.listing import listed
from tlbook.datasets.sources import open_source

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
wds = pytest.importorskip("webdataset")


def rows(source):
    with tempfile.TemporaryDirectory() as passing, listed(source, Path(passing), progress=False) as listing:
        found = list(listing.rows())
        assert listing.n == len(found)
        return found, listing


def png(number, kind=0):
    return data(picture(number, kind), "PNG")


def tar(path: Path, members: dict[str, bytes]) -> Path:
    """A tar file as webdataset reads it, written member by member so that it may be odd."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as file:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            file.addfile(info, io.BytesIO(body))
    return path


# ---- class folders ----


def test_photos_and_copies_of_class_folders_are_those_of_load(tmp_path):
    spoil(class_folders(tmp_path / "photos", n=8))
    (tmp_path / "photos" / "cat" / os.fsdecode(b"caf\xe9.png")).unlink()
    found, listing = rows(tmp_path / "photos")
    with pytest.warns(datasets.LeftOutWarning):
        loaded = datasets.load(tmp_path / "photos", progress=False)
    assert listing.class_names == loaded.class_names
    unread = {one.path for one in loaded.left_out.files}
    read = {one.path: one for one in found if not one.reason}
    hashes = {
        path.relative_to(tmp_path / "photos").as_posix(): content
        for split in loaded.splits.values()
        for path, content in zip(split.paths, split.hashes, strict=True)
    }
    assert {name: read[name].sha256 for name in hashes} == hashes
    assert set(read) - set(hashes) <= unread, "what cannot be decoded is found later"
    reasons = {one.path: one.reason for one in loaded.left_out.files}
    for one in found:
        if one.reason:
            assert reasons[one.path] == one.reason and (one.split, one.path in hashes) == ("", False)
    assert listing.white == loaded.train.white


def test_a_name_that_is_no_text_is_a_reason(tmp_path):
    root = class_folders(tmp_path / "photos", n=2)
    (root / "cat" / os.fsdecode(b"caf\xe9.png")).write_bytes(png(50))
    found, _ = rows(root)
    assert [(one.path, one.reason) for one in found if one.reason] == [("cat/caf\\xe9.png", "its name is not UTF-8")]


def test_a_split_depends_on_the_content_alone(tmp_path):
    root = class_folders(tmp_path / "photos", n=30)
    before = {one.sha256: one.split for one in rows(root)[0]}
    assert before == {content: split_of(content, (0.6, 0.2, 0.2)) for content in before}
    assert set(before.values()) == {"train", "validation", "test"}
    for path in (root / "cat").iterdir():  # other names, another order, and more photos
        path.rename(path.with_name(f"{path.stem[::-1]}x.png"))
    class_folders(root, n=5, first=100)
    after = {one.sha256: one.split for one in rows(root)[0]}
    assert len(after) == len(before) + 10 and before.items() <= after.items()


def test_ready_splits_stay_and_what_is_missing_comes_out_of_train(tmp_path):
    for name in ("train", "test"):
        class_folders(tmp_path / "photos" / name, n=20, first=0 if name == "train" else 50)
    copy = tmp_path / "photos" / "train" / "dog" / "copy.png"
    copy.write_bytes((tmp_path / "photos" / "test" / "dog" / "055.png").read_bytes())
    found, _ = rows(tmp_path / "photos")
    counted = Counter((one.path.split("/")[0], one.split) for one in found)
    assert counted["test", "test"] == 40 and set(counted) == {
        ("test", "test"),
        ("train", "train"),
        ("train", "validation"),
        ("train", ""),
    }
    assert [one for one in found if one.reason] == [
        one for one in found if one.path == "train/dog/copy.png" and one.reason == "same content as test/dog/055.png"
    ]


def test_copies_stay_together_and_contradictions_go(tmp_path):
    root = class_folders(tmp_path / "photos", n=10)
    for i in range(3):
        (root / "cat" / f"copy{i}.png").write_bytes((root / "cat" / "000.png").read_bytes())
    (root / "dog" / "copy.png").write_bytes((root / "cat" / "001.png").read_bytes())
    found, _ = rows(root)
    assert len({one.split for one in found if one.sha256 == found[0].sha256}) == 1
    assert {one.path: one.reason for one in found if one.reason} == {
        "cat/001.png": "same content as dog/copy.png, under another label",
        "dog/copy.png": "same content as cat/001.png, under another label",
    }


# ---- tables ----


def table(tmp_path, text, name="photos.csv", encoding="utf-8"):
    for kind in ("a", "b"):
        (tmp_path / kind).mkdir(exist_ok=True)
    for i in range(6):
        (tmp_path / "ab"[i % 2] / f"{i}.png").write_bytes(png(i))
    (tmp_path / name).write_text(text, encoding=encoding)
    return tmp_path / name


def test_a_csv_of_paths_and_labels(tmp_path):
    text = "file,label\n" + "".join(f"{'ab'[i % 2]}/{i}.png,{'cat' if i < 3 else 'dog'}\n" for i in range(6))
    found, listing = rows(table(tmp_path, text))
    assert listing.class_names == ("cat", "dog")
    assert [(one.path, one.label) for one in found] == [(f"{'ab'[i % 2]}/{i}.png", int(i >= 3)) for i in range(6)]


def test_a_parquet_file_with_numbers_for_classes(tmp_path):
    table(tmp_path, "")
    path = tmp_path / "photos.parquet"
    paths = [f"{'ab'[i % 2]}/{i}.png" for i in range(6)]
    pq.write_table(pa.table({"path": paths, "label": [10, 2, None, 10, 2, 2]}), path)
    found, listing = rows(path)
    assert listing.class_names == ("2", "10"), "in order of size"
    assert [one.label for one in found] == [1, 0, -1, 1, 0, 0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_excel_writes(tmp_path, encoding):
    found, listing = rows(table(tmp_path, 'Photo;Klasse\na/0.png;"Kätzchen; klein"\nb/1.png;Hund\n', encoding=encoding))
    assert listing.class_names == ("Hund", "Kätzchen; klein") and [one.label for one in found] == [1, 0]


def test_splits_and_groups_of_a_table(tmp_path):
    text = "file,label,split,group\na/0.png,x,train,g\nb/1.png,y,val,g\na/2.png,x,test,h\n"
    assert [one.split for one in rows(table(tmp_path, text))[0]] == ["train", "validation", "test"]
    text = "file,label,group\n" + "".join(f"{'ab'[i % 2]}/{i}.png,x,{i % 3}\n" for i in range(6))
    found, _ = rows(table(tmp_path, text))
    assert [one.split for one in found] == [split_of(str(i % 3), (0.6, 0.2, 0.2)) for i in range(6)]


def test_a_row_without_a_photo_is_a_reason_and_a_row_twice_counts_once(tmp_path):
    text = "file,label\na/0.png,x\nb/none.png,y\na/0.png,x\na/./0.png,x\nb/1.png,\n"
    found, _ = rows(table(tmp_path, text))
    assert [(one.label, one.reason) for one in found] == [
        (0, ""),
        (1, "no such file"),
        (0, "named twice"),
        (0, "named twice"),
        (-1, ""),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label\ncat\n", "has no column of file names: call it 'file' (its columns are label)"),
        ("file,label\n,cat\n", "row 1: there is no path"),
        ("file,label\na/0.png,cat\n../x.png,cat\n", "row 2: '../x.png' leads out of the folder"),
        ("file,label,split\na/0.png,cat,later\n", "row 1: the split is 'later'"),
        ("file,one,two\na/0.png,cat,dog\n", "has the columns one, two: call the one that holds the classes 'label'"),
        ("file,label\na/0.png,cat\na/2.png,Cat\n", "'Cat', 'cat' of"),
        ("file,label\na/0.png,cat,dog\n", "cannot be read: CSV parse error"),
        ("file,label\nnowhere.png,cat\n", "holds no photo that can be used (nowhere.png: no such file)"),
        ("file,label\n", "holds no photo that can be used"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path, text, words):
    with pytest.raises(ValueError) as found:  # noqa: PT011
        rows(table(tmp_path, text))
    assert words in str(found.value)


def test_files_that_are_no_table(tmp_path):
    (tmp_path / "book.csv").write_bytes(b"PK\x03\x04 and so on")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and so on")
    (tmp_path / "latin.csv").write_bytes("file,label\nä.png,x\n".encode("latin-1"))
    (tmp_path / "photos.zip").write_bytes(b"PK")
    for name, words in {
        "book.csv": "Excel workbook",
        "torn.parquet": "cannot be read",
        "latin.csv": "cannot be read",
        "photos.zip": "neither a folder nor a CSV, Parquet or tar file",
        "none.csv": "there is no folder or file",
    }.items():
        with pytest.raises((ValueError, FileNotFoundError), match=words):
            rows(tmp_path / name)


# ---- tar files ----


def test_tar_files_that_webdataset_writes(tmp_path):
    with wds.TarWriter(str(tmp_path / "train-000.tar")) as writer:
        for i in range(12):
            writer.write({"__key__": f"deep/{i:03}", "png": png(i), "cls": i})
    found, listing = rows(tmp_path)
    assert listing.class_names == tuple(map(str, range(12))), "in order of size"
    assert [(one.path, one.label) for one in found] == [(f"train-000.tar/deep/{i:03}", i) for i in range(12)]
    assert "test" in {one.split for one in found}, "cut out of train"
    paths = [one.path for one in found]
    assert list(open_source(tmp_path).again(paths[3:5])) == [png(3), png(4)]
    assert list(open_source(tmp_path / "train-000.tar").again([paths[7], None, paths[9]])) == [png(7), None, png(9)]


def test_a_broken_member_is_a_reason(tmp_path):
    tar(
        tmp_path / "a.tar",
        {
            "good.png": png(1),
            "good.cls": b"cat\n",
            "none.cls": b"cat",
            "two.png": png(2),
            "two.jpg": png(3),
            "empty.png": b"",
            "odd.png": png(4),
            "odd.cls": b"\xff",
            "loose.png": png(5),
            "__meta__": b"{}",
        },
    )
    found, _ = rows(tmp_path)
    assert {one.path.partition("/")[2]: (one.label, one.reason) for one in found} == {
        "good": (0, ""),
        "none": (0, "no picture among its members (cls)"),
        "two": (-1, "2 pictures among its members (png, jpg)"),
        "empty": (-1, "empty file (0 bytes)"),
        "odd": (-1, "its .cls is not UTF-8"),
        "loose": (-1, ""),
    }


def test_a_torn_tar_file_is_named_and_the_next_one_is_read(tmp_path):
    whole = tar(tmp_path / "a.tar", {f"{i}.png": png(i) for i in range(4)}).read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b.tar").write_bytes(b"this is no tar file" * 100)
    tar(tmp_path / "c.tar", {"9.png": png(9)})
    found, _ = rows(tmp_path)
    assert [one.path for one in found if one.reason] == ["a.tar", "b.tar"]
    assert all("damaged from here on" in one.reason for one in found if one.reason)
    good = [one.path for one in found if not one.reason]
    assert good[-1] == "c.tar/9" and 1 <= len(good) - 1 < 4


def test_a_key_twice_in_a_tar_file_ends_it(tmp_path):
    tar(tmp_path / "a.tar", {"0.png": png(0), "1.png": png(1), "1.PNG": png(2)})
    found, _ = rows(tmp_path)
    assert [one.path for one in found] == ["a.tar/0", "a.tar"] and "duplicate file name" in found[1].reason


def test_a_name_is_no_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tar(tmp_path / "pipe:touch made.tar", {"0.png": png(0)})
    assert [one.path for one in rows(Path())[0]] == ["pipe:touch made.tar/0"]
    assert list(open_source(Path("pipe:touch made.tar")).again(["pipe:touch made.tar/0"])) == [png(0)]
    assert [one.name for one in tmp_path.iterdir()] == ["pipe:touch made.tar"]


def test_splits_of_tar_files_by_their_folders(tmp_path):
    for name in ("train", "val"):
        tar(tmp_path / "photos" / name / "0.tar", {f"{name}.png": png(len(name))})
    found, _ = rows(tmp_path / "photos")
    assert [one.path for one in found] == ["train/0.tar/train", "val/0.tar/val"]
    assert found[1].split == "validation"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["train-0.tar", "other.tar"], "train-0.tar is called like a split and other.tar is not"),
        (["0.tar", "cat/0.png"], "holds both tar files (0.tar) and folders (cat)"),
        (["train/0.tar", "cat/0.png"], "holds both tar files (train/0.tar) and a folder that is no split (cat)"),
    ],
)
def test_tar_files_that_could_be_read_in_two_ways(tmp_path, names, words):
    for name in names:
        tar(tmp_path / name, {"0.png": png(0)})
    with pytest.raises(ValueError) as found:  # noqa: PT011
        open_source(tmp_path)
    assert words in str(found.value)


def test_a_member_that_is_gone(tmp_path):
    tar(tmp_path / "a.tar", {"0.png": png(0), "1.png": png(1)})
    first, gone = open_source(tmp_path).again(["a.tar/0", "a.tar/7"])
    assert first == png(0) and isinstance(gone, datasets.BadImage)
