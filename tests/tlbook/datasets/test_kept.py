"""Pixels that are kept from reading: each photo is decoded once, and nothing else comes of it."""

import numpy as np
import pytest
from PIL import Image

from tests.tlbook.classifier.folders import CONVERTED, LEFT_OUT, class_folders
from tlbook.datasets import decoding, folders, near_duplicates
from tlbook.datasets.folders import load_folder


@pytest.fixture
def folder(tmp_path):
    return class_folders(tmp_path / "photos", n=5)


def counted(monkeypatch):
    calls, real = [], decoding._rgb

    def count(*given):
        calls.append(given)
        return real(*given)

    monkeypatch.setattr(decoding, "_rgb", count)
    return calls


def test_each_photo_is_decoded_once(folder, monkeypatch):
    calls = counted(monkeypatch)
    data = load_folder(folder, keep=128, progress=False)
    near_duplicates(*data.splits.values())
    for split in data.splits.values():
        split.images(128)
        list(split.select(np.arange(len(split))[::-1]).batches(128, 2))
    assert len(calls) == 10
    data.train.images(64)
    assert len(calls) == 10 + len(data.train)


def test_the_pixels_are_those_of_decode(folder):
    odd = {**CONVERTED, **{name: LEFT_OUT[name] for name in ("truncated.jpg", "damaged.png", "animated.gif")}}
    for name, (body, _) in odd.items():
        (folder / "cat" / name).write_bytes(body)
    for number, side in enumerate((90, 200, 700)):
        noise = np.random.default_rng(number).integers(0, 256, (side, side + 50, 3), np.uint8)
        Image.fromarray(noise).save(folder / "dog" / f"{side}.jpg", quality=90)
    with pytest.warns(UserWarning, match="left out"):
        kept, plain = (load_folder(folder, keep=keep, progress=False) for keep in (96, None))
    assert kept.left_out == plain.left_out
    for name, split in kept.splits.items():
        assert split.hashes == plain.splits[name].hashes and plain.splits[name].kept == (None,) * len(split)
        np.testing.assert_array_equal(split.images(96), plain.splits[name].images(96))
        deep = [path.name == "deep.png" for path in split.paths]
        assert [pixels is None for pixels in split.kept] == deep


def test_no_more_is_kept_than_memory_is_for(folder, monkeypatch):
    monkeypatch.setattr(folders, "_KEPT", 3 * 3 * 32**2)
    data = load_folder(folder, keep=32, progress=False)
    assert sum(pixels is not None for split in data.splits.values() for pixels in split.kept) == 3
    assert data.train.images(32).shape == (len(data.train), 32, 32, 3)


def test_what_is_kept_cannot_be_changed(folder):
    data = load_folder(folder, keep=32, progress=False)
    with pytest.raises(ValueError, match="read-only"):
        data.train.image(0, 32)[:] = 0
