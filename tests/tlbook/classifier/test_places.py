"""Where a result is put: nothing of the reader's is lost, an existing folder is used, nothing torn is taken for a result."""

import json
import os
import stat
import subprocess
import sys

import pytest

from tests.tlbook.classifier.folders import class_folders, train
from tlbook import classifier
from tlbook.classifier import InputError, metrics_file, runs, stages
from tlbook.classifier.errors import check_writable, place_for

pytestmark = pytest.mark.skipif(os.name == "nt", reason="permissions and links")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return class_folders(tmp_path_factory.mktemp("folder") / "photos", n=6)


@pytest.fixture(scope="module")
def kept(folder, tmp_path_factory):
    """A result that tests copy."""
    return train(folder, tmp_path_factory.mktemp("kept") / "out").folder


@pytest.fixture
def result(kept, tmp_path):
    """A result of its own for each test."""
    out = tmp_path / "out"
    out.mkdir()
    for path in kept.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    return out


def again(folder, result, kept, **options):
    """The command of the kept result for the copy: `out` is no part of what identifies a run."""
    return train(folder, result, **options)


# ---- nothing of the reader's is lost ----

OWN = ("notes.txt", "pets.onnx", "METRICS.JSON", "model.keras.bak", "my photos/cat/1.png", ".hidden", "steps/one.json")


def with_own_files(out):
    for name in OWN:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(f"mine: {name}")


def assert_own_files(out):
    assert {name: (out / name).read_text() for name in OWN} == {name: f"mine: {name}" for name in OWN}


def test_force_replaces_our_files_and_nothing_else(folder, result):
    with_own_files(result)
    before = (result / "metrics.json").read_bytes()
    train(folder, result, seed=7, force=True)
    assert_own_files(result)
    assert (result / "metrics.json").read_bytes() != before
    tops = {name.split("/")[0] for name in OWN}
    assert {path.name for path in result.iterdir()} == tops | set(metrics_file.FILES)


def test_a_folder_with_other_files_takes_the_result(folder, tmp_path):
    (tmp_path / "out").mkdir()
    with_own_files(tmp_path / "out")
    (tmp_path / "out" / "lost+found").mkdir()
    assert train(folder, tmp_path / "out").model.is_file()
    assert_own_files(tmp_path / "out")


def test_a_run_that_fails_leaves_the_old_result_and_own_files(folder, result, monkeypatch):
    with_own_files(result)
    before = {path: path.read_bytes() for path in result.rglob("*") if path.is_file()}
    monkeypatch.setattr(stages, "csv_text", lambda *_: (_ for _ in ()).throw(InputError("no")))
    with pytest.raises(InputError, match="no"):
        train(folder, result, seed=7, force=True)
    assert {path: path.read_bytes() for path in result.rglob("*") if path.is_file()} == before


# ---- an existing folder is worked in ----


def test_an_existing_folder_keeps_its_place(folder, tmp_path):
    """As a mounted volume must, which cannot be renamed, in a folder in which nothing may be made."""
    out = tmp_path / "parent" / "out"
    out.mkdir(parents=True)
    number, real = out.stat().st_ino, os.replace

    def refuse(source, target):
        assert os.fspath(target) != str(out) and os.fspath(source) != str(out), "a mount point was renamed"
        return real(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        train(folder, out)
    assert out.stat().st_ino == number
    assert {path.name for path in out.iterdir()} == set(metrics_file.FILES)
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_a_link_to_a_folder_is_followed(folder, tmp_path):
    (tmp_path / "disk").mkdir()
    os.symlink(tmp_path / "disk", tmp_path / "out")
    result = train(folder, tmp_path / "out")
    assert (tmp_path / "out").is_symlink() and (tmp_path / "disk" / "model.keras").is_file()
    assert train(folder, tmp_path / "disk").metrics == result.metrics


def test_the_folder_in_which_one_stands(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train(folder, ".").folder.resolve() == tmp_path
    assert {path.name for path in tmp_path.iterdir()} == set(metrics_file.FILES)


def test_home_is_understood(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert train(folder, "~/out").model == tmp_path / "out" / "model.keras"
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        photo = next((folder / "cat").iterdir())
        (tmp_path / "cat.png").write_bytes(photo.read_bytes())
        assert classifier.predict("~/out/model.keras", "~/cat.png", progress=False).labels


def test_a_run_in_an_existing_folder_goes_on(folder, tmp_path, monkeypatch):
    out, said = tmp_path / "out", []
    out.mkdir()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(stages, "csv_text", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        train(folder, out)
    assert [path.name for path in out.iterdir()] == ["unfinished"]
    monkeypatch.setattr("tlbook.classifier.strategy.fit_probe", lambda *_: pytest.fail("computed again"))
    train(folder, out, say=said.append)
    assert said[0] == "going on from unfinished"
    assert {path.name for path in out.iterdir()} == set(metrics_file.FILES)


@pytest.mark.parametrize("moved", range(1, len(metrics_file.FILES)))
def test_killed_while_the_files_were_put_into_their_place(folder, result, moved, monkeypatch):
    real, count = os.replace, 0

    def killed(source, target):
        nonlocal count
        if os.path.dirname(target) == str(result) and os.path.dirname(source).endswith("result"):
            count += 1
            if count > moved:
                raise KeyboardInterrupt
        return real(source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", killed)
        train(folder, result, seed=7, force=True)
    with pytest.raises(InputError, match=r"is not as it was written"):  # the old command
        train(folder, result)
    done = train(folder, result, seed=7, force=True)
    assert metrics_file.changed(done.metrics, result) == []
    assert {path.name for path in result.iterdir()} == set(metrics_file.FILES)


# ---- a place that cannot be written is found out first ----


@pytest.mark.parametrize("exists", [True, False])
def test_a_place_that_cannot_be_written_is_refused_before_photos_are_read(folder, tmp_path, exists, monkeypatch):
    out = tmp_path / "out"
    if exists:
        out.mkdir()
    for name in ("mkdir", "mkdtemp"):
        module = os if name == "mkdir" else classifier.errors.tempfile

        def refuse(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setattr("tlbook.classifier.photos.read", lambda *_, **__: pytest.fail("photos were read"))
    with pytest.raises(InputError, match=r"out cannot be written \(Permission denied\)"):
        train(folder, out)


def test_what_is_tried_leaves_nothing(tmp_path):
    for place in (tmp_path, tmp_path / "new", tmp_path / "new" / "deep"):
        check_writable(place)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "new.unfinished").mkdir()
    check_writable(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["new.unfinished"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: root, "is a folder"),
        (lambda root: root / "none" / "a.json", "its folder does not exist"),
        (lambda root: root / ("x" * 300), "File name too long"),
        (lambda root: os.symlink("a.json", root / "a.json") or root / "a.json", "symbolic links"),
        (lambda root: os.mkfifo(root / "pipe") or root / "pipe", "no ordinary file"),
        (lambda root: (root / "given.png").write_text("x") and root / "given.png", "one of the files that were given"),
    ],
    ids=["a folder", "no folder", "too long", "a circle", "a pipe", "an input"],
)
def test_a_file_that_cannot_be_written_is_refused_first(tmp_path, make, words):
    path = make(tmp_path)
    with pytest.raises(InputError, match=words):
        place_for(path, tmp_path / "given.png")


def test_a_file_that_can_be_written_is_left_alone(tmp_path):
    assert place_for(tmp_path / "a.json") == tmp_path / "a.json" and not list(tmp_path.iterdir())
    (tmp_path / "a.json").write_text("old")
    place_for(tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == "old"


# ---- permissions ----


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o002, 0o664)])
def test_the_umask_is_respected_for_all_files(folder, tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        result = train(folder, tmp_path / "out")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in result.folder.iterdir()} == {mode}


def test_a_file_system_without_permissions(folder, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    for name in ("chmod", "fchmod", "chown", "utime"):
        monkeypatch.setattr(os, name, refuse)
    assert train(folder, tmp_path / "out").report.is_file()


# ---- what is there already ----


def flip(path, place=0.5):
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", metrics_file.FILES)
@pytest.mark.parametrize("harm", ["flip", "tear", "empty", "add"])
def test_a_result_that_is_not_as_it_was_written_is_not_taken_for_it(folder, result, kept, name, harm):
    path = result / name
    content = path.read_bytes()
    if harm == "flip":
        flip(path)
    else:
        path.write_bytes({"tear": content[: len(content) // 2], "empty": b"", "add": content + b" \n7"}[harm])
    harmed = path.read_bytes()
    with pytest.raises(InputError, match=r"is not as it was written|not a result of tlbook train"):
        again(folder, result, kept)
    assert path.read_bytes() == harmed  # it may have been changed on purpose


def test_a_number_in_the_metrics_that_was_changed(folder, result):
    metrics = json.loads((result / "metrics.json").read_text("utf-8"))
    metrics["test"]["accuracy"] = 0.999
    (result / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(InputError, match=r"metrics\.json is not as it was written"):
        train(folder, result)


@pytest.mark.parametrize("name", [name for name in metrics_file.FILES if name != "metrics.json"])
def test_a_file_that_is_missing_is_made_anew(folder, result, name):
    (result / name).unlink()
    said = []
    train(folder, result, say=said.append)
    assert f"{name} of the result in {result} is missing; the result is made anew" in said
    assert metrics_file.changed(metrics_file.read(result / "metrics.json"), result) == []


def test_a_result_of_an_earlier_version_without_hashes_is_still_one(folder, result):
    metrics = json.loads((result / "metrics.json").read_text("utf-8"))
    del metrics["files"], metrics["sha256"]
    (result / "metrics.json").write_text(json.dumps(metrics))
    assert train(folder, result).metrics == metrics


@pytest.mark.parametrize("where", ["run.json", "steps/probe.json", "steps/backbone.json", "steps/times.json"])
@pytest.mark.parametrize("place", [0.1, 0.4, 0.7, 0.99])
def test_a_flipped_bit_in_the_state_of_a_run_is_never_used(tmp_path, where, place):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), runs.open_run(out, "key") as run:
        for name in ("probe", "backbone"):
            run.step(name, lambda: {"weights": [[0.25, 1.5]] * 20})
        run.add("reading", 1.0, 1.0)
        raise KeyboardInterrupt
    flip(tmp_path / "out.unfinished" / where, place)
    with pytest.raises(KeyboardInterrupt), runs.open_run(out, "key", say=lambda line: None) as run:
        assert run.step("probe", lambda: "anew") in ("anew", {"weights": [[0.25, 1.5]] * 20})
        if where == "run.json":
            assert not run.resumed
        raise KeyboardInterrupt


# ---- machines without this and that ----

BARE = """
import os, sys
import pwd, tempfile
if "no temp" in sys.argv:
    tempfile._candidate_tempdir_list = lambda: ["/nowhere"]
else:
    del os.environ["HOME"]
    def unknown(*_):
        raise KeyError("uid not found")
    pwd.getpwuid = unknown
from tlbook import cli
words = "--quiet train photos --out out --backbone sketchnet --input-size 32 --strategy probe"
sys.exit(cli.main(words.split()))
"""


@pytest.mark.parametrize("without", ["home", "temp"])
def test_without_a_home_and_without_a_folder_for_temporary_files(folder, tmp_path, without):
    os.symlink(folder, tmp_path / "photos")
    (tmp_path / "home").mkdir()
    names = ("KERAS_HOME", "TLBOOK_CACHE", "XDG_CACHE_HOME", "MPLCONFIGDIR")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    environment["HOME"] = str(tmp_path / "home")
    words = [sys.executable, "-c", BARE, *(["no temp"] if "temp" in without else [])]
    run = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert ("TLBOOK_CACHE can name another folder" in run.stderr) == (without == "home")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "out", "photos"]  # and no folder called ~
