"""Unpacking: nothing outside the folder, nothing unchecked, nothing half-done."""

import hashlib
import json
import os
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tlbook.datasets import archives
from tlbook.datasets.archives import BadArchive

FILES = {
    "train/cats/cat.0.jpg": b"first" * 50,
    "train/dogs/dog.0.jpg": b"second" * 60,
    "test/cats/cat.1.jpg": b"third" * 70,
}
MANIFEST = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}


def packed(path: Path, members: dict[str, bytes], compression=zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != archives.MARKER
    }


@pytest.fixture
def target(tmp_path) -> Path:
    folder = tmp_path / "outer" / "target"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_unpacks_what_the_manifest_lists(tmp_path, target, compression):
    archives.unpack_zip(packed(tmp_path / "a.zip", FILES, compression), MANIFEST, target)
    assert contents(target) == FILES


@pytest.mark.parametrize("prefix", ["cats_and_dogs_filtered/", "./", "a/b/c/", "cats_and_dogs_filtered\\"])
def test_leading_folders_and_junk_do_not_matter(tmp_path, target, prefix):
    members = {prefix + name: data for name, data in FILES.items()}
    members |= {
        "__MACOSX/" + prefix.replace("\\", "/") + "train/cats/cat.0.jpg": b"resource fork",
        prefix + "train/cats/._cat.0.jpg": b"resource fork",
        prefix + "vectorize.py": b"print('published beside the photos')",
        prefix + ".DS_Store": b"junk",
    }
    archives.unpack_zip(packed(tmp_path / "a.zip", members), MANIFEST, target)
    assert contents(target) == FILES


@pytest.mark.parametrize(
    "name",
    [
        "../escaped.txt",
        "../../train/cats/cat.0.jpg",
        "train/cats/../../../escaped.txt",
        "/tmp/escaped.txt",
        "C:\\escaped.txt",
        "C:escaped.txt",
        "..\\escaped.txt",
        "\\\\server\\share\\escaped.txt",
        "train/cats/..",
    ],
)
def test_member_that_leads_outside_is_refused(tmp_path, target, name):
    archive = packed(tmp_path / "a.zip", {name: b"evil", **FILES})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadArchive, match="unsafe member"):
        archives.unpack_zip(archive, MANIFEST, target)
    assert sorted(tmp_path.rglob("*")) == before


def test_name_cut_at_a_zero_byte_is_refused(tmp_path, target):
    archive = packed(tmp_path / "a.zip", {"train/cats/cat.0.jpgX../../x": b"evil", **FILES})
    archive.write_bytes(archive.read_bytes().replace(b"cat.0.jpgX../", b"cat.0.jpg\0../"))
    with pytest.raises(BadArchive, match="unsafe member"):
        archives.unpack_zip(archive, MANIFEST, target)


def test_link_in_an_archive_is_never_made(tmp_path, target):
    link = zipfile.ZipInfo("train/cats/cat.0.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(BadArchive, match=r"cat\.0\.jpg is not the published file"):
        archives.unpack_zip(tmp_path / "a.zip", MANIFEST, target)
    assert not any(path.is_symlink() for path in target.rglob("*"))


def test_changed_content_is_refused(tmp_path, target):
    archive = packed(tmp_path / "a.zip", FILES | {"train/dogs/dog.0.jpg": b"another dog"})
    with pytest.raises(BadArchive, match=r"train/dogs/dog\.0\.jpg is not the published file"):
        archives.unpack_zip(archive, MANIFEST, target)


def test_missing_file_is_refused(tmp_path, target):
    archive = packed(tmp_path / "a.zip", {"train/cats/cat.0.jpg": FILES["train/cats/cat.0.jpg"]})
    with pytest.raises(BadArchive, match=r"lacks 2 of 3 files, test/cats/cat\.1\.jpg"):
        archives.unpack_zip(archive, MANIFEST, target)


@pytest.mark.parametrize("keep", [0, 10, 200, -30])
def test_torn_archive_is_refused(tmp_path, target, keep):
    archive = packed(tmp_path / "a.zip", FILES)
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(BadArchive, match="not a readable zip"):
        archives.unpack_zip(archive, MANIFEST, target)


def test_web_page_instead_of_archive_is_refused(tmp_path, target):
    (tmp_path / "a.zip").write_bytes(b"<html>please log in</html>")
    with pytest.raises(BadArchive, match="not a readable zip"):
        archives.unpack_zip(tmp_path / "a.zip", MANIFEST, target)


def test_damaged_member_is_refused(tmp_path, target):
    archive = packed(tmp_path / "a.zip", FILES)
    data = bytearray(archive.read_bytes())
    start = data.index(b"cat.0.jpg") + len(b"cat.0.jpg")
    data[start : start + 6] = b"\xff" * 6
    archive.write_bytes(data)
    with pytest.raises(BadArchive, match="not a readable zip"):
        archives.unpack_zip(archive, MANIFEST, target)


def test_encrypted_member_is_refused(tmp_path, target):
    archive = packed(tmp_path / "a.zip", FILES)
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(signature)
        flags = struct.unpack_from("<H", data, place + offset)[0]
        struct.pack_into("<H", data, place + offset, flags | 1)
    archive.write_bytes(data)
    with pytest.raises(BadArchive, match="encrypted"):
        archives.unpack_zip(archive, MANIFEST, target)


def test_bomb_is_stopped_by_what_it_claims(tmp_path, target, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBER", 1000)
    archive = packed(tmp_path / "a.zip", {"train/cats/cat.0.jpg": b"\0" * 5000})
    with pytest.raises(BadArchive, match="claims 5,000 bytes"):
        archives.unpack_zip(archive, MANIFEST, target)


def test_bomb_that_lies_about_its_size_is_not_read_to_its_end(tmp_path, target, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBER", 1000)
    archive = packed(tmp_path / "a.zip", {"train/cats/cat.0.jpg": b"\0" * 5_000_000})
    data = bytearray(archive.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 10)
    archive.write_bytes(data)
    with pytest.raises(BadArchive):
        archives.unpack_zip(archive, MANIFEST, target)
    assert contents(target) == {}


# ---- manifests ----------------------------------------------------------------------------------


def test_manifest_is_what_sha256sum_writes(tmp_path):
    lines = [f"{digest}  ./{name}\n" for name, digest in MANIFEST.items()]
    (tmp_path / "m").write_text("".join(lines) + "\n")
    assert archives.read_manifest(tmp_path / "m") == MANIFEST


@pytest.mark.parametrize(
    "line",
    [
        "abc  train/a.jpg",
        "g" * 64 + "  a.jpg",
        "a" * 64,
        "a" * 64 + "  ",
        "a" * 64 + "  ../a.jpg",
        "a" * 64 + "  /a.jpg",
        "A" * 64 + "  a.jpg",
        "a" * 64 + "  a.jpg\n" + "b" * 64 + "  a.jpg",
    ],
)
def test_bad_manifest_line_is_named(tmp_path, line):
    (tmp_path / "m").write_text(line)
    with pytest.raises(ValueError, match=r"m, line \d: expected"):
        archives.read_manifest(tmp_path / "m")


def test_digest_of_a_manifest_ignores_order_and_sees_change():
    assert archives.digest_of(MANIFEST) == archives.digest_of(dict(reversed(MANIFEST.items())))
    assert archives.digest_of(MANIFEST) != archives.digest_of(MANIFEST | {"train/cats/cat.0.jpg": "0" * 64})


# ---- whole or not at all ------------------------------------------------------------------------


def fill(folder: Path) -> None:
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def test_built_once_and_then_trusted(tmp_path):
    calls = []

    def build(folder):
        calls.append(folder)
        fill(folder)

    for _ in range(3):
        assert archives.ensure(tmp_path / "deep" / "set", "key", build) == tmp_path / "deep" / "set"
    assert len(calls) == 1
    assert contents(tmp_path / "deep" / "set") == FILES
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["set", "set.lock"]


def test_another_key_is_built_anew(tmp_path):
    archives.ensure(tmp_path / "set", "old", lambda folder: (folder / "stale").write_text("x"))
    archives.ensure(tmp_path / "set", "new", fill)
    assert contents(tmp_path / "set") == FILES


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), BadArchive("torn")])
def test_failed_build_leaves_nothing(tmp_path, error):
    def build(folder):
        fill(folder)
        raise error

    with pytest.raises(type(error)):
        archives.ensure(tmp_path / "set", "key", build)
    assert [path.name for path in tmp_path.iterdir()] == ["set.lock"]
    archives.ensure(tmp_path / "set", "key", fill)
    assert contents(tmp_path / "set") == FILES


def test_interrupted_rename_leaves_nothing_that_is_trusted(tmp_path, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(archives.os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        archives.ensure(tmp_path / "set", "key", fill)
    assert not archives.is_complete(tmp_path / "set", "key")
    monkeypatch.undo()
    archives.ensure(tmp_path / "set", "key", fill)
    assert contents(tmp_path / "set") == FILES


def remove(folder):
    (folder / "train/cats/cat.0.jpg").unlink()


def shorten(folder):
    (folder / "train/cats/cat.0.jpg").write_bytes(b"fir")


def add(folder):
    (folder / "train/cats/extra.jpg").write_bytes(b"not ours")


def drop_marker(folder):
    (folder / archives.MARKER).unlink()


def tear_marker(folder):
    path = folder / archives.MARKER
    path.write_bytes(path.read_bytes()[:30])


def empty_marker(folder):
    (folder / archives.MARKER).write_text("[]")


def other_marker(folder):
    (folder / archives.MARKER).write_text(json.dumps({"key": "key"}))


@pytest.mark.parametrize("harm", [remove, shorten, add, drop_marker, tear_marker, empty_marker, other_marker])
def test_torn_folder_is_built_anew(tmp_path, harm):
    archives.ensure(tmp_path / "set", "key", fill)
    harm(tmp_path / "set")
    assert not archives.is_complete(tmp_path / "set", "key")
    archives.ensure(tmp_path / "set", "key", fill)
    assert contents(tmp_path / "set") == FILES


def test_remains_of_a_killed_run_are_swept(tmp_path):
    leftover = tmp_path / "set.abc123.part" / "new"
    leftover.mkdir(parents=True)
    (leftover / "half").write_bytes(b"half")
    archives.ensure(tmp_path / "set", "key", fill)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "set.lock"]


BUILDER = """
import sys, time
from pathlib import Path
from tlbook.datasets import archives

def build(folder):
    with open(sys.argv[2], "a") as log:
        log.write("built\\n")
    for i in range(40):
        (folder / f"{i}.txt").write_text("x" * i)
        time.sleep(0.01)

folder = archives.ensure(Path(sys.argv[1]), "key", build)
assert len(list(folder.glob("*.txt"))) == 40
print("complete")
"""


def test_processes_at_once_build_once_and_all_succeed(tmp_path):
    command = [sys.executable, "-c", BUILDER, str(tmp_path / "set"), str(tmp_path / "log")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate(timeout=3600)[0] for process in running]
    assert outputs == ["complete\n"] * 3
    assert (tmp_path / "log").read_text() == "built\n"


def test_killed_builder_frees_the_lock_and_leaves_nothing_trusted(tmp_path):
    waiting = BUILDER.replace("time.sleep(0.01)", "print(i, flush=True); time.sleep(60)")
    command = [sys.executable, "-c", waiting, str(tmp_path / "set"), str(tmp_path / "log")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "0\n"  # holds the lock, the first file is written
    process.kill()
    process.communicate(timeout=3600)
    assert not (tmp_path / "set").exists()
    archives.ensure(tmp_path / "set", "key", fill)
    assert contents(tmp_path / "set") == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "set", "set.lock"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX locks")
def test_file_system_without_locks_still_works(tmp_path, monkeypatch):
    import fcntl

    def unsupported(*args):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    archives.ensure(tmp_path / "set", "key", fill)
    assert contents(tmp_path / "set") == FILES
