"""PyTorch's files of weights, written here by hand as PyTorch before 1.6 wrote them, and files that mean harm."""

from __future__ import annotations

import collections
import os
import pickle
import struct
import sys
import types

import numpy as np
import pytest

from tlbook.backbones import state_dict

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


@pytest.fixture
def torch(monkeypatch):
    """Modules that carry PyTorch's names, for the pickler to refer to."""
    module, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage", "HalfStorage"):
        setattr(module, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*_):
        raise AssertionError("never called")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    module._utils = utils
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return module


class Reference(tuple):
    """What the pickler writes as a persistent reference to a storage."""


class Called:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class Pickler(pickle._Pickler):
    def persistent_id(self, value):
        return tuple(value) if type(value) is Reference else None


def pickled(value) -> bytes:
    import io

    file = io.BytesIO()
    Pickler(file, 2).dump(value)
    return file.getvalue()


def tensor(torch, key, array, *, kind="FloatStorage", offset=0, shape=None, strides=None, count=None):
    shape = array.shape if shape is None else shape
    strides = tuple(int(np.prod(shape[k + 1 :])) for k in range(len(shape))) if strides is None else strides
    count = array.size if count is None else count
    storage = Reference(("storage", getattr(torch, kind), key, "cpu", count, None))
    hooks = collections.OrderedDict()
    return Called(torch._utils._rebuild_tensor_v2, storage, offset, tuple(shape), strides, False, hooks)


def written(state, storages, *, magic=MAGIC, little=True) -> bytes:
    begin = [magic, VERSION, {"protocol_version": VERSION, "little_endian": little, "type_sizes": {"int": 4}}]
    parts = [pickled(one) for one in (*begin, state, list(storages))]
    return b"".join(parts) + b"".join(struct.pack("<q", a.size) + a.tobytes() for a in storages.values())


A = np.arange(12, dtype="<f4").reshape(3, 4) / 7
B = np.array(5, dtype="<i8")


def state(torch, **changes):
    found = collections.OrderedDict()
    found["a.weight"] = tensor(torch, "101", A, **changes)
    found["count"] = tensor(torch, "102", B, kind="LongStorage")
    found["part"] = tensor(torch, "101", A, offset=4, shape=(2, 2), strides=(2, 1))
    found["turned"] = tensor(torch, "101", A, shape=(4, 3), strides=(1, 4))
    return found


def test_tensors_come_back_in_their_order(torch):
    given = state(torch)
    given._metadata = collections.OrderedDict(version=1)  # as PyTorch sets it
    found = state_dict.read(written(given, {"101": A, "102": B}))
    assert list(found) == ["a.weight", "count", "part", "turned"]
    np.testing.assert_array_equal(found["a.weight"], A)
    np.testing.assert_array_equal(found["count"], B)
    np.testing.assert_array_equal(found["part"], A.ravel()[4:8].reshape(2, 2))
    np.testing.assert_array_equal(found["turned"], A.T)
    assert found["a.weight"].dtype == np.float32 and not found["a.weight"].flags.writeable


HARM = {
    ".system,": lambda path: Called(os.system, f"touch {path}"),
    ".eval,": lambda path: Called(eval, f"open({str(path)!r}, 'w')"),
    ".open,": lambda path: Called(open, str(path), "w"),
    ".getattr,": lambda path: Called(getattr, "a", "upper"),
    ".deque,": lambda path: collections.deque([1]),
    "numpy": lambda path: np.zeros(3),
}


@pytest.mark.parametrize("name", HARM)
@pytest.mark.parametrize("place", ["entry", "first", "keys"])
def test_a_file_that_names_anything_else_is_refused_by_that_name(torch, tmp_path, name, place):
    trace = tmp_path / "run"
    harm = HARM[name](trace)
    if place == "entry":
        content = written({"a.weight": harm}, {})
    elif place == "first":
        content = pickled(harm)
    else:
        whole = written(state(torch), {"101": A, "102": B})
        keys = pickled(["101", "102"])
        content = whole.replace(keys, pickled(harm))
        assert content != whole
    with pytest.raises(ValueError, match="which no dictionary of weights needs") as refused:
        state_dict.read(content)
    assert name in str(refused.value)
    assert not trace.exists()


def test_what_a_file_may_name_is_not_changed_by_it(torch):
    """A pickle can set attributes of what it names: of nothing that outlives the reading."""
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    change = b"\x80\x02" + rebuild + b"}(X\x04\x00\x00\x00evilK\x01sb."
    with pytest.raises(ValueError, match="no dictionary of weights"):
        state_dict.read(change)
    assert not hasattr(state_dict._rebuilder(), "evil")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strides": (1, 4)}, "does not lie within"),
        ({"strides": (4,)}, "does not lie within"),
        ({"strides": (0, 0), "shape": (100, 100)}, "does not lie within"),
        ({"offset": 1}, "does not lie within"),
        ({"offset": -1}, "does not lie within"),
        ({"offset": 11, "strides": (-4, -1)}, "does not lie within"),
        ({"shape": (-3, -4)}, "does not lie within"),
        ({"count": -1}, "no one size and type"),
        ({"count": 11}, "no one size and type"),
        ({"kind": "HalfStorage"}, "torch.HalfStorage"),
    ],
)
def test_tensors_that_reach_out_of_their_storage_are_refused(torch, changes, words):
    with pytest.raises(ValueError, match=words):
        state_dict.read(written(state(torch, **changes), {"101": A, "102": B}))


def test_a_pickle_is_not_believed_how_long_a_storage_is(torch):
    """It may hand over a storage as it likes; what counts is what was read."""
    hooks = collections.OrderedDict()
    claimed = Called(torch._utils._rebuild_tensor_v2, ("101", 10**9), 0, (1000, 1000), (1000, 1), False, hooks)
    with pytest.raises(ValueError, match="does not lie within its storage '101'"):
        state_dict.read(written({**state(torch), "more": claimed}, {"101": A, "102": B}))


@pytest.mark.parametrize("size", [0, 1, 10, 40, 200, -1, -30])
def test_a_file_that_ends_early_is_refused(torch, size):
    content = written(state(torch), {"101": A, "102": B})
    with pytest.raises(ValueError, match="no dictionary of weights that can be read"):
        state_dict.read(content[:size])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda torch: written({}, {}, magic=1), "does not begin"),
        (lambda torch: written({}, {}, little=False), "big-endian"),
        (lambda torch: written({"a": 1}, {}), "'a' is no tensor"),
        (lambda torch: written({"a": Reference(("module", 1, 2, 3, 4, 5))}, {}), "no storage of numbers"),
        (lambda torch: written(state(torch), {"101": A[:2], "102": B}), "12 values has 8"),
        (lambda torch: written(state(torch), {"101": A}), "no dictionary of weights"),
        (lambda torch: b"PK\x03\x04 a zip", "no dictionary of weights"),
    ],
)
def test_other_files_are_refused(torch, make, words):
    with pytest.raises(ValueError, match=words):
        state_dict.read(make(torch))
