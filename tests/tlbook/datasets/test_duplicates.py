"""Near-duplicates: found when stored anew, made smaller or mirrored; different pictures are let alone."""

import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
    monkeypatch.setattr(module, "_ROWS", 7)
    monkeypatch.setattr(module, "_COLUMNS", 100)
    assert near_duplicates(data.train, distance=100) == loose
    assert loose


@pytest.mark.parametrize("frequencies", [6, 8, 16])
@pytest.mark.parametrize("block", [1, 7, 512])
def test_every_pair_is_compared_in_every_bit(frequencies, block, monkeypatch):
    """Also where a hash fills its words in part (36 bits), and across the blocks."""
    monkeypatch.setattr(module, "_ROWS", block)
    monkeypatch.setattr(module, "_COLUMNS", 2 * block)
    images = np.random.default_rng(0).integers(0, 256, (30, 64, 64, 3), np.uint8)
    images[20:25] = images[:5]
    upright, turned = module._hashes(iter(images), len(images), frequencies)
    bits = [perceptual_hash(image, frequencies=frequencies) for image in images]
    expected = {(i, j, int((bits[i] != bits[j]).sum())) for i in range(30) for j in range(i + 1, 30)}
    assert pairs_of(upright, upright, frequencies**2) == expected
    few = frequencies**2 // 2
    assert pairs_of(upright, upright, few) == {pair for pair in expected if pair[2] <= few}
    assert len(pairs_of(turned, upright, frequencies**2)) == 30 * 29 / 2


@pytest.mark.parametrize("frequencies", [6, 8, 16])
def test_the_hash_of_a_mirrored_image_is_that_of_its_mirror_image(frequencies):
    side = 4 * frequencies  # else shrinking rounds the two differently
    images = [
        *np.random.default_rng(1).integers(0, 256, (20, side, side, 3), np.uint8),
        np.full((side, side, 3), 7, np.uint8),
    ]
    _, turned = module._hashes(iter(images), len(images), frequencies)
    for bits, image in zip(np.unpackbits(turned.view(np.uint8), axis=1), images, strict=True):
        np.testing.assert_array_equal(bits[: frequencies**2], perceptual_hash(image[:, ::-1], frequencies=frequencies))


def pairs_of(one, other, distance):
    """What the search finds, and that each array holds each pair once."""
    found = [
        list(zip(*map(np.ndarray.tolist, arrays), strict=True)) for arrays in module._close_pairs(one, other, distance)
    ]
    assert all(len(set(pairs)) == len(pairs) for pairs in found)
    return {pair for pairs in found for pair in pairs}


def by_definition(one, other, distance):
    bits = [np.unpackbits(hashes.view(np.uint8), axis=1) for hashes in (one, other)]
    apart = (bits[0][:, None] != bits[1][None]).sum(axis=2)
    return {(int(i), int(j), int(apart[i, j])) for i, j in np.argwhere(apart <= distance) if i < j}


@st.composite
def hashes(draw):
    """Hashes of a few words, some of them copies of others in which bits were turned, next to each other or anywhere."""
    words, n = draw(st.sampled_from([1, 4, 5])), draw(st.integers(2, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    found = rng.integers(0, 2**64, (n, words), np.uint64, endpoint=False)
    for copy, of, turned, together in draw(
        st.lists(
            st.tuples(st.integers(0, n - 1), st.integers(0, n - 1), st.integers(0, 60), st.booleans()), max_size=20
        )
    ):
        bits = (
            np.arange(turned) + rng.integers(64 * words) if together else rng.choice(64 * words, turned, replace=False)
        )
        found[copy] = found[of]
        for bit in bits % (64 * words):
            found[copy, bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
    return found


@settings(deadline=None, max_examples=60)
@given(hashes(), st.integers(0, 40), st.sampled_from([1, 7, 1 << 20]))
def test_bands_find_the_pairs_of_the_full_search(one, distance, candidates):
    other = np.roll(one, 1, axis=0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "EXHAUSTIVE", 0)
        patched.setattr(module, "_SHARE", np.inf)
        patched.setattr(module, "_CANDIDATES", candidates)
        patched.setattr(module, "_WIDEST", 10)  # so that the few bits of a word are divided too
        banded = [pairs_of(one, one, distance), pairs_of(one, other, distance)]
    assert banded == [by_definition(one, one, distance), by_definition(one, other, distance)]
    assert [pairs_of(one, one, distance), pairs_of(one, other, distance)] == banded


@pytest.mark.parametrize("crowded", ["nowhere", "one band", "everywhere"])
def test_where_a_band_is_crowded_all_are_compared(crowded, monkeypatch):
    """Else that band alone would make every pair a candidate, at many times the price of the full search."""
    one = np.random.default_rng(0).integers(0, 2**64, (3000, 4), np.uint64, endpoint=False)
    if crowded == "everywhere":
        one[:] = one[0]
    elif crowded == "one band":
        for position in module._bands(4, 40)[3]:
            one[:, position // 64] &= ~(np.uint64(1) << np.uint64(position % 64))
    monkeypatch.setattr(module, "EXHAUSTIVE", 3000)
    ways = []
    for way in ("_by_bands", "_one_by_one"):
        monkeypatch.setattr(module, way, lambda *given, way=way: ways.append(way) or iter(()))
    assert list(module._close_pairs(one, one, 40)) == []
    assert ways == ["_by_bands" if crowded == "nowhere" else "_one_by_one"]


@pytest.mark.parametrize("banded", [True, False])
def test_memory_stays_bounded(banded, monkeypatch):
    """Neither way holds a number for each pair: one band that is the same in 4,000 hashes makes 16 million candidates."""
    one = np.random.default_rng(0).integers(0, 2**64, (4000, 4), np.uint64, endpoint=False)
    monkeypatch.setattr(module, "EXHAUSTIVE", 0 if banded else 10**9)
    monkeypatch.setattr(module, "_SHARE", np.inf)
    monkeypatch.setattr(module, "_bands", lambda *given: [np.arange(18)])
    monkeypatch.setattr(module, "_masks", lambda *given: [0])
    monkeypatch.setattr(module, "_band", lambda hashes, positions: np.zeros(len(hashes), np.int64))
    tracemalloc.start()
    for _ in module._close_pairs(one, one, 40):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000


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
