"""A file is written whole or not at all, a lock keeps other processes out, and what is noted of the machine is true."""

from __future__ import annotations

import errno
import json
import os
import platform
import subprocess
import sys
import threading
from importlib import metadata

import numpy as np
import pytest

from tlbook import _files

WRITERS = {
    "text": lambda path: _files.write_text(path, "new"),
    "bytes": lambda path: _files.write_bytes(path, b"new"),
    "json": lambda path: _files.write_json(path, "new"),
}


@pytest.fixture
def old(tmp_path):
    """A file that is there already."""
    path = tmp_path / "kept.txt"
    path.write_text("old", encoding="utf-8")
    return path


def alone(path):
    """Whether nothing but this file is in its folder."""
    return list(path.parent.iterdir()) == [path]


# ---- whole or not at all ----


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_what_is_written_takes_the_place_of_what_was_there(old, write):
    write(old)
    assert old.read_text(encoding="utf-8").strip('"\n') == "new"
    assert alone(old)


def test_text_is_utf_8_with_its_own_line_ends(tmp_path):
    _files.write_text(tmp_path / "a.txt", "Größe\nκ\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "Größe\nκ\r\n".encode()


def test_json_keeps_letters_and_ends_with_a_line(tmp_path):
    _files.write_json(tmp_path / "a.json", {"Größe": [1]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n "Größe": [\n  1\n ]\n}\n'
    _files.write_json(tmp_path / "a.json", {"a": 1}, indent=2)
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "a": 1\n}\n'


@pytest.mark.parametrize("value", [{"a": object()}, {"a": "\ud800"}])
def test_what_json_cannot_hold_leaves_the_old_file(old, value):
    with pytest.raises((TypeError, UnicodeEncodeError)):
        _files.write_json(old, value)
    assert old.read_text(encoding="utf-8") == "old" and alone(old)


@pytest.mark.parametrize("error", [OSError, ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_in_the_middle_leaves_the_old_file(old, error):
    with pytest.raises(error), _files.replacing(old) as temporary:
        assert temporary.parent == old.parent
        temporary.write_text("half", encoding="utf-8")
        raise error
    assert old.read_text(encoding="utf-8") == "old" and alone(old)


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_full_disk_leaves_the_old_file(old, monkeypatch, step, write):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        patched.setattr(os, step, full)
        write(old)
    assert old.read_text(encoding="utf-8") == "old" and alone(old)


def test_a_killed_process_leaves_the_old_file(old):
    script = (
        "import os, sys\nfrom tlbook import _files\n"
        "with _files.replacing(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n    os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(old)]).returncode == 9
    assert old.read_text(encoding="utf-8") == "old"
    (left,) = [path.name for path in old.parent.iterdir() if path != old]
    assert left.startswith("kept.txt.") and left.endswith(".part")


def test_contents_reach_the_disk_before_the_name(old, monkeypatch):
    done = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("fsync"), sync(handle)))
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("replace"), replace(*paths)))
    _files.write_text(old, "new")
    assert done == ["fsync", "replace"]


def test_a_writer_may_go_by_the_ending_and_close_the_file_itself(tmp_path):
    with _files.replacing(tmp_path / "a.weights.npz", ".npz") as temporary:
        assert temporary.suffix == ".npz" and temporary.stat().st_size == 0
        np.savez(temporary, x=np.arange(3))
    with np.load(tmp_path / "a.weights.npz") as stored:
        assert stored["x"].tolist() == [0, 1, 2]
    assert alone(tmp_path / "a.weights.npz")


def test_there_is_no_folder_to_write_into(tmp_path):
    with pytest.raises(FileNotFoundError):
        _files.write_text(tmp_path / "nowhere" / "a.txt", "new")
    assert not list(tmp_path.iterdir())


# ---- permissions ----


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize("before", [None, 0o600, 0o664])
def test_others_may_read_the_file(tmp_path, before):
    path = tmp_path / "a.txt"
    if before is not None:
        path.touch()
        path.chmod(before)
    _files.write_text(path, "new")
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("error", [PermissionError(1, "refused"), OSError(95, "not supported")])
def test_a_mount_without_permissions_loses_nothing(old, monkeypatch, error):
    def refused(*_):
        raise error

    monkeypatch.setattr(os, "chmod", refused)
    _files.write_text(old, "new")
    assert old.read_text(encoding="utf-8") == "new" and alone(old)


# ---- the lock ----

HOLDER = """
import sys
from tlbook import _files
with _files.locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
print("freed", flush=True)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until it gets a line."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / ".a.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def waiting(path):
    """A thread that takes the lock, and what it sets when it has it."""
    entered = threading.Event()

    def take():
        with _files.locked(path):
            entered.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    return thread, entered


@pytest.mark.parametrize("end", ["release", "kill"])
def test_a_second_process_waits_until_the_first_is_done_or_dead(tmp_path, holder, end):
    thread, entered = waiting(tmp_path / ".a.lock")
    assert not entered.wait(0.5)
    if end == "release":
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "freed\n"
    else:
        holder.kill()
    assert entered.wait(60)
    thread.join(60)
    assert [path.name for path in tmp_path.iterdir()] == [".a.lock"]  # whoever waits may have it open


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_who_waits_gets_the_lock_of_a_removed_file(tmp_path):
    """As where a finished run clears its folder away: no two are inside at once."""
    path = tmp_path / ".a.lock"
    with _files.locked(path):
        thread, entered = waiting(path)
        assert not entered.wait(0.3)
        path.unlink()
        assert not entered.wait(0.3)
    assert entered.wait(60)
    thread.join(60)


def test_an_error_in_the_block_frees_the_lock(tmp_path):
    for _ in range(2):
        with pytest.raises(OSError, match="in the block"), _files.locked(tmp_path / ".a.lock"):
            raise OSError("in the block")
    _, entered = waiting(tmp_path / ".a.lock")
    assert entered.wait(60)


def test_a_file_system_without_locks_goes_without(tmp_path, monkeypatch):
    filelock = pytest.importorskip("filelock")

    def unsupported(*_):
        raise OSError(37, "No locks available")

    for name in ("lock_descriptor", "unlock_descriptor"):
        monkeypatch.setattr(filelock, name, unsupported)
    done = []
    with _files.locked(tmp_path / ".a.lock"):
        done.append(True)
    assert done


def test_the_lock_file_of_another_user_can_be_locked(tmp_path, monkeypatch):
    path = tmp_path / ".a.lock"
    path.touch()
    opened = os.open

    def refuse(name, flags, *mode):
        if flags & os.O_RDWR:
            raise PermissionError(13, "Permission denied")
        return opened(name, flags, *mode)

    monkeypatch.setattr(os, "open", refuse)
    with _files.locked(path):
        thread, entered = waiting(path)
        assert not entered.wait(0.3)
    assert entered.wait(60)
    thread.join(60)
    with pytest.raises(PermissionError), _files.locked(tmp_path / ".b.lock"):
        pass


# ---- the machine ----


def test_cores(monkeypatch):
    assert 1 <= _files.cores() <= (os.cpu_count() or 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert _files.cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert _files.cores() == 1


def test_the_processor_has_a_name_everywhere(monkeypatch):
    assert _files.processor()
    monkeypatch.setattr(_files.Path, "read_text", lambda *_, **__: "no such line")
    assert _files.processor() == (platform.processor() or platform.machine())


def test_versions():
    numpy = metadata.version("numpy")
    assert _files.versions("numpy", "no-such-package") == {"numpy": numpy}
    assert _files.versions(("no-such-package", "numpy"), ("none", "no-such-package")) == {"no-such-package": numpy}


def test_nothing_heavy_is_imported():
    script = (
        "import sys, json\nfrom tlbook import _files\n"
        "print(json.dumps([name for name in sys.modules if name.split('.')[0] in ('tlbook', 'keras', 'numpy', 'filelock')]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["tlbook", "tlbook._files"]


# ---- names and permissions of what is being written ----


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits")
@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127, ".hidden", "a b.c.d"])
def test_a_name_that_the_disk_can_take_is_written(tmp_path, name):
    _files.write_text(tmp_path / name, "new")
    assert (tmp_path / name).read_text() == "new" and alone(tmp_path / name)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_gets_the_permissions_of_any_new_file(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        _files.write_text(tmp_path / "a.txt", "new")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("number", ["EINVAL", "ENOSYS", "ENOTSUP"])
def test_a_mount_that_knows_no_fsync_loses_nothing(old, monkeypatch, number):
    def unknown(*_):
        raise OSError(getattr(errno, number), "not supported")

    monkeypatch.setattr(os, "fsync", unknown)
    _files.write_text(old, "new")
    assert old.read_text(encoding="utf-8") == "new" and alone(old)
