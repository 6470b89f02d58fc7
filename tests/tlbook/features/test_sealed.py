"""What this package writes for itself is read back only as it was written; what comes from outside is bounded first."""

import hashlib
import io
import json
import zipfile

import numpy as np
import pytest

from tests.tlbook.transfer.nets import tiny_backbone
from tlbook import _files
from tlbook.backbones import notes
from tlbook.features import cache, engines
from tlbook.transfer import CheckpointMismatch, checkpoints

FEATURES = np.random.default_rng(0).normal(size=(30, 7)).astype(np.float32)
FLIPS = 60


def flipped(content):
    """The content with one bit flipped, at places spread over the whole."""
    rng = np.random.default_rng(1)
    for place in np.linspace(0, len(content) - 1, FLIPS).astype(int):
        harmed = bytearray(content)
        harmed[place] ^= 1 << rng.integers(8)
        yield bytes(harmed)


# ---- the seal ----


def test_what_is_sealed_is_read_as_it_was_written(tmp_path):
    for content in (b"", b"x", bytes(range(256)) * 9, b"\nsha256 " + b"0" * 64):
        _files.write_sealed(tmp_path / "a", content)
        assert _files.read_sealed(tmp_path / "a") == content and _files.sealed(tmp_path / "a")


def test_what_is_not_as_it_was_written_is_not_read(tmp_path):
    path = tmp_path / "a"
    _files.write_sealed(path, bytes(range(256)))
    whole = path.read_bytes()
    for harmed in [*flipped(whole), *(whole[:n] for n in range(len(whole))), whole + b"\0", b"\0" + whole]:
        path.write_bytes(harmed)
        assert _files.read_sealed(path) is None
    path.unlink()
    assert _files.read_sealed(path) is None


def test_files_of_earlier_versions_have_no_seal(tmp_path):
    for content in (b"", b"PK\x03\x04", bytes(500)):
        (tmp_path / "a").write_bytes(content)
        assert not _files.sealed(tmp_path / "a")


# ---- features, graphs, notes ----


def test_no_flipped_bit_in_cached_features_is_used(tmp_path):
    path = tmp_path / "network-0.npz"
    cache.write(path, FEATURES)
    np.testing.assert_array_equal(cache.read(path, 30), FEATURES)
    for harmed in flipped(path.read_bytes()):
        path.write_bytes(harmed)
        with pytest.warns(UserWarning, match="in the cache is damaged; the features are computed anew"):
            assert cache.read(path, 30) is None


def header(shape):
    """Features whose header, rightly sealed, claims a shape that is not there."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


@pytest.mark.parametrize("harm", ["cut", "words", "an old file", "empty"])
def test_other_files_in_place_of_features(tmp_path, harm):
    path = tmp_path / "network-0.npz"
    cache.write(path, FEATURES)
    content = path.read_bytes()
    np.savez(tmp_path / "old.npz", features=FEATURES, key=np.array("network-0"))
    old = (tmp_path / "old.npz").read_bytes()
    path.write_bytes({"cut": content[:200], "words": b"words", "an old file": old, "empty": b""}[harm])
    with pytest.warns(UserWarning, match="damaged"):
        assert cache.read(path, 30) is None


def test_features_of_other_images_are_not_taken(tmp_path):
    cache.write(tmp_path / "network-0.npz", FEATURES)
    (tmp_path / "network-0.npz").rename(tmp_path / "network-1.npz")
    assert cache.read(tmp_path / "network-1.npz", 30) is None
    assert cache.read(tmp_path / "network-0.npz", 30) is None  # missing: nothing is said


def test_no_flipped_bit_in_a_kept_graph_is_used(tmp_path, monkeypatch):
    backbone, written, used = tiny_backbone(), [], []
    monkeypatch.setattr(engines, "stage_model", lambda *_: None)
    monkeypatch.setattr(
        engines, "write_graph", lambda model, path: written.append(path) or path.write_bytes(b"graph" * 99)
    )
    monkeypatch.setattr(engines, "open_session", lambda graph: used.append(graph) or "session")
    path = tmp_path / "graph.onnx"
    assert engines._opened(backbone, [None], path) == "session" and len(written) == 1
    assert engines._opened(backbone, [None], path) == "session" and len(written) == 1
    for number, harmed in enumerate(flipped(path.read_bytes())):
        path.write_bytes(harmed)
        with pytest.warns(UserWarning, match=r"the graph graph\.onnx in the cache is damaged; it is written anew"):
            engines._opened(backbone, [None], path)
        assert len(written) == number + 2
    assert set(used) == {b"graph" * 99}


def test_a_graph_that_cannot_be_kept_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "stage_model", lambda *_: None)
    monkeypatch.setattr(engines, "write_graph", lambda model, path: path.write_bytes(b"graph"))
    monkeypatch.setattr(engines, "open_session", lambda graph: graph)
    (tmp_path / "file").write_text("no folder")
    with pytest.warns(UserWarning, match="could not be kept"):
        assert engines._opened(tiny_backbone(), [None], tmp_path / "file" / "graph.onnx") == b"graph"


def test_no_flipped_bit_in_a_note_is_used(tmp_path):
    path = tmp_path / "network-0.json"
    notes.note_fingerprint(path, "abc123")
    assert notes.noted_fingerprint(path) == "abc123"
    for harmed in flipped(path.read_bytes()):
        path.write_bytes(harmed)
        assert notes.noted_fingerprint(path) is None


# ---- checkpoints ----


def state():
    weights = [FEATURES, np.arange(3.0)]
    return checkpoints.State({"seed": 0}, "start", "", {"seconds": [1.0]}, weights, [np.ones(2)], [])


def test_no_flipped_bit_in_a_checkpoint_is_used(tmp_path):
    path = tmp_path / "run.npz"
    checkpoints.write(path, state())
    for harmed in flipped(path.read_bytes()):
        path.write_bytes(harmed)
        try:
            found = checkpoints.read(path)  # where the seal itself is what was harmed, it passes for a file without
        except CheckpointMismatch:
            continue
        else:
            assert all(np.array_equal(one, other) for one, other in zip(found.weights, state().weights, strict=True))


def test_a_checkpoint_of_an_earlier_version_is_still_read(tmp_path):
    path = tmp_path / "run.npz"
    checkpoints.write(path, state())
    path.write_bytes(_files.read_sealed(path))
    assert not _files.sealed(path)
    np.testing.assert_array_equal(checkpoints.read(path).weights[0], FEATURES)


@pytest.mark.parametrize("shape", [(2**40, 2**20), (-1,), (2**62,)])
def test_a_header_that_claims_what_is_not_there(tmp_path, shape):
    with zipfile.ZipFile(tmp_path / "run.npz", "w") as archive:
        archive.writestr("meta.npy", header(shape))
    with pytest.raises(CheckpointMismatch, match="is not a checkpoint that training can read"):
        checkpoints.read(tmp_path / "run.npz")


def test_the_seal_is_the_hash_that_others_compute(tmp_path):
    _files.write_sealed(tmp_path / "a.json", json.dumps([1]).encode())
    content, seal = (tmp_path / "a.json").read_bytes().rsplit(b"\nsha256 ", 1)
    assert hashlib.sha256(content).hexdigest() == seal.decode() == hashlib.sha256(b"[1]").hexdigest()
