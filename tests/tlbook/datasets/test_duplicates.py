"""Near-duplicates: found when stored anew, made smaller or mirrored; different pictures are let alone."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tlbook import datasets, sketches
from tlbook.datasets import Split, near_duplicates, perceptual_hash
from tlbook.datasets import duplicates as module

# imagehash.phash (ImageHash 4.3.2) of PATTERN, as its hexadecimal text
PATTERN = ((np.add.outer(np.arange(32) * 5, np.arange(32) ** 2) * 7) % 256).astype(np.uint8)
IMAGEHASH = {8: "e1ef6874072267ac", 16: "e1368b336836244a0377205b00b6ac860036db75ffc9af78b60bdb7fc28ed336"}


def jpeg(image, quality=50):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


ALTERED = {
    "stored anew": lambda image: image,
    "smaller": lambda image: image.resize((60, 60)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.75),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


@pytest.fixture(scope="module")
def drawn():
    return sketches.make_set(sketches.TARGET_SPECIES, 15, seed=77).images


def write(folder, images):
    folder.mkdir()
    paths = []
    for index, image in enumerate(images):
        paths.append(folder / f"{index:02d}.png")
        if isinstance(image, bytes):
            paths[-1].write_bytes(image)
        else:
            Image.fromarray(image).save(paths[-1])
    return paths


def split(name, paths, labels=None):
    labels = np.arange(len(paths)) % 2 if labels is None else labels
    return Split(name, paths, labels, ("cat", "dog"))


@pytest.mark.parametrize("frequencies", [8, 16])
def test_bits_are_those_of_imagehash(frequencies):
    image = Image.fromarray(PATTERN).resize((4 * frequencies,) * 2, Image.Resampling.NEAREST)
    bits = perceptual_hash(np.asarray(image), frequencies=frequencies)
    assert bits.shape == (frequencies**2,) and bits.dtype == bool
    assert np.packbits(bits).tobytes().hex() == IMAGEHASH[frequencies]


@pytest.mark.parametrize("change", ALTERED)
def test_an_altered_copy_in_another_split_is_found(change, drawn, tmp_path):
    copies = [jpeg(ALTERED[change](Image.fromarray(image))) for image in drawn[:6]]
    train = split("train", write(tmp_path / "train", drawn[10:]))
    test = split("test", write(tmp_path / "test", drawn[:10]))
    extra = split("extra", write(tmp_path / "extra", copies))
    found = near_duplicates(train, test, extra)
    assert {(pair.first, pair.second) for pair in found} == {(("test", i), ("extra", i)) for i in range(6)}
    assert all(pair.across and pair.mirrored == (change == "mirrored") for pair in found)
    assert [pair.distance for pair in found] == sorted(pair.distance for pair in found)


def test_mirrored_copies_can_be_left_out(drawn, tmp_path):
    flipped = [image[:, ::-1] for image in drawn[:4]]
    both = split("a", write(tmp_path / "a", drawn[:4])), split("b", write(tmp_path / "b", flipped))
    assert len(near_duplicates(*both)) == 4
    assert near_duplicates(*both, mirrored=False) == []


def test_within_one_split_and_the_label_that_differs(drawn, tmp_path):
    images = [drawn[0], drawn[1], drawn[0], drawn[2]]
    (pair,) = near_duplicates(split("train", write(tmp_path / "train", images), [0, 0, 1, 1]))
    assert (pair.first, pair.second, pair.distance) == (("train", 0), ("train", 2), 0)
    assert not pair.across and not pair.same_label


def test_release_has_none_and_blocks_do_not_matter(monkeypatch):
    data = datasets.load("sketches", progress=False)
    assert near_duplicates(*data.splits.values()) == []
    loose = near_duplicates(data.train, distance=100)
    monkeypatch.setattr(module, "_BLOCK", 7)
    assert near_duplicates(data.train, distance=100) == loose
    assert loose


@pytest.mark.parametrize("frequencies", [6, 8, 16])
@pytest.mark.parametrize("block", [1, 7, 512])
def test_every_pair_is_compared_in_every_bit(frequencies, block, monkeypatch):
    """Also where a hash fills its words in part (36 bits), and across the blocks."""
    monkeypatch.setattr(module, "_BLOCK", block)
    images = np.random.default_rng(0).integers(0, 256, (30, 64, 64, 3), np.uint8)
    images[20:25] = images[:5]
    upright, turned = module._hashes(iter(images), len(images), frequencies)
    bits = [perceptual_hash(image, frequencies=frequencies) for image in images]
    expected = {(i, j, int((bits[i] != bits[j]).sum())) for i in range(30) for j in range(i + 1, 30)}
    assert set(module._close_pairs(upright, upright, frequencies**2)) == expected
    few = frequencies**2 // 2
    assert set(module._close_pairs(upright, upright, few)) == {pair for pair in expected if pair[2] <= few}
    assert len(list(module._close_pairs(turned, upright, frequencies**2))) == 30 * 29 / 2


def test_flat_images_are_alike(tmp_path):
    paths = write(tmp_path / "flat", [np.full((40, 40, 3), level, np.uint8) for level in (0, 99, 100, 255)])
    assert perceptual_hash(np.full((50, 70), 99, np.uint8)).sum() == 1  # the mean alone
    found = near_duplicates(split("train", paths))
    # black has no mean either: one bit apart from the others
    assert {pair.distance for pair in found} == {0, 1} and len(found) == 6


def test_an_empty_split(drawn, tmp_path):
    assert near_duplicates(split("train", [])) == []
    assert near_duplicates(split("train", []), split("test", write(tmp_path / "test", drawn[:2]))) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one or more splits"),
        ({"splits": 2}, "different names; got train, train"),
        ({"splits": 1, "distance": 128}, "below half of the hash's 256; got 128"),
        ({"splits": 1, "distance": -1}, "got -1"),
        ({"splits": 1, "frequencies": 1}, "frequencies=1: give a whole number from 2 to 64"),
    ],
)
def test_bad_settings_are_refused(arguments, message):
    splits = [split("train", [])] * arguments.pop("splits", 0)
    with pytest.raises(ValueError, match=message):
        near_duplicates(*splits, **arguments)


@pytest.mark.parametrize("image", [np.zeros((4, 4), float), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)])
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ValueError, match="an image is uint8"):
        perceptual_hash(image)
