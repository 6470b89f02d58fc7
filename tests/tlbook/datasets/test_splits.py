"""Split and Dataset: order, subsets, fingerprints, and memory that does not grow."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tlbook.datasets import Dataset, LeftOut, Split
from tlbook.datasets.splits import Finding


@pytest.fixture
def split(tmp_path) -> Split:
    """Ten images of 8 px, each of one grey: 6 of class a, 4 of class b, in mixed order."""
    paths = []
    for i in range(10):
        paths.append(tmp_path / f"{i}.png")
        Image.new("RGB", (8, 8), (20 * i,) * 3).save(paths[-1])
    return Split("train", paths, [0, 1, 0, 0, 1, 0, 1, 0, 1, 0], ("a", "b"))


def named(counts, seed=0) -> Split:
    """A split without files: hashes and labels are enough to take subsets."""
    labels = np.repeat(np.arange(len(counts)), counts)
    np.random.default_rng(seed).shuffle(labels)
    hashes = [f"{i:064x}" for i in range(len(labels))]
    names = [f"class {k}" for k in range(len(counts))]
    return Split("train", [f"{i}.jpg" for i in range(len(labels))], labels, names, hashes)


def test_images_in_order(split):
    images = split.images(8)
    assert (images.dtype, images.shape) == (np.uint8, (10, 8, 8, 3))
    assert images[:, 0, 0, 0].tolist() == [20 * i for i in range(10)]


@pytest.mark.parametrize("batch_size", [1, 3, 5, 10, 64])
def test_batches_are_the_images_in_order(split, batch_size):
    images, labels = zip(*split.batches(8, batch_size), strict=True)
    assert all(len(batch) == batch_size for batch in images[:-1])
    assert (np.concatenate(images) == split.images(8)).all()
    assert (np.concatenate(labels) == split.labels).all()


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, True])
def test_batch_size_is_checked_at_the_call(split, batch_size):
    with pytest.raises(ValueError, match="batch_size"):
        split.batches(8, batch_size)


@pytest.mark.parametrize("size", [0, 1.5])
def test_size_is_checked_at_the_call(split, size):
    with pytest.raises(ValueError, match=r"size=.*: give a whole number of pixels"):
        split.batches(size)
    with pytest.raises(ValueError, match=r"size=.*: give a whole number of pixels"):
        split.images(size)


def test_file_that_went_bad_is_named(split):
    split.paths[7].write_bytes(b"overwritten")
    with pytest.raises(ValueError, match=r"7\.png: not an image"):
        split.images(8)


def test_batches_do_not_hold_the_split_in_memory(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8))
    image.save(tmp_path / "a.png")
    batch = 10 * 96 * 96 * 3
    peaks = []
    for count in (100, 800):
        split = Split("train", [tmp_path / "a.png"] * count, [0] * count, ("a", "b"))
        tracemalloc.start()
        for images, _ in split.batches(96, 10):
            assert images.shape == (10, 96, 96, 3)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A few batches decoded ahead, eight times as many images or not.
    assert max(peaks) < 8 * batch
    assert 10 * max(peaks) < 800 * 96 * 96 * 3


def test_labels_are_read_only_int64(split):
    assert split.labels.dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        split.labels[0] = 1


@pytest.mark.parametrize(
    ("labels", "hashes", "factors", "words"),
    [
        ([0], None, None, "2 paths but 1 labels"),
        ([0, 1], ["x"], None, "2 paths but 1 hashes"),
        ([0, 1], None, [{}], "2 paths but 1 factors"),
        ([0, 2], None, None, "labels run from 0 to 1"),
        ([-1, 0], None, None, "labels run from 0 to 1"),
        ([0.0, 1.0], None, None, "whole numbers"),
    ],
)
def test_split_is_checked(labels, hashes, factors, words):
    with pytest.raises(ValueError, match=words):
        Split("train", ["a.jpg", "b.jpg"], labels, ("a", "b"), hashes, factors)


def test_fingerprint_sees_content_and_order_only(split, tmp_path):
    same = Split("other", split.paths, 1 - split.labels, ("x", "y"))
    assert same.fingerprint == split.fingerprint
    assert split.select(range(9, -1, -1)).fingerprint != split.fingerprint
    moved = tmp_path / "moved.png"
    moved.write_bytes(split.paths[0].read_bytes())
    assert Split("train", [moved, *split.paths[1:]], split.labels, ("a", "b")).fingerprint == split.fingerprint
    moved.write_bytes(split.paths[1].read_bytes())
    assert Split("train", [moved, *split.paths[1:]], split.labels, ("a", "b")).fingerprint != split.fingerprint


def test_hashes_are_sha256(split):
    import hashlib

    assert split.hashes == tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in split.paths)


# ---- select and take ----------------------------------------------------------------------------


def test_select_by_index_and_mask(split):
    part = split.select([3, -1, 3])
    assert part.paths == (split.paths[3], split.paths[9], split.paths[3])
    assert part.labels.tolist() == [0, 0, 0]
    mask = split.select(split.labels == 1)
    assert mask.labels.tolist() == [1, 1, 1, 1]
    assert mask.class_names == ("a", "b")
    assert len(split.select([])) == 0


def test_select_keeps_hashes_and_factors():
    split = Split("test", ["a", "b"], [0, 1], ("x", "y"), ["ha", "hb"], [{"k": 1}, {"k": 2}])
    part = split.select([1])
    assert (part.hashes, part.factors, part.name) == (("hb",), ({"k": 2},), "test")


@pytest.mark.parametrize("indices", [[10], [-11], [0.5], [[0]], [True, False], "ab"])
def test_select_refuses(split, indices):
    with pytest.raises(IndexError):
        split.select(indices)


@given(
    st.lists(st.integers(1, 30), min_size=2, max_size=5),
    st.integers(0, 3),
    st.data(),
)
def test_take_is_proportional_nested_and_complete(counts, seed, data):
    split = named(counts)
    n = data.draw(st.integers(len(counts), len(split)))
    taken = split.take(n, seed)
    assert len(taken) == n
    got = np.bincount(taken.labels, minlength=len(counts))
    assert (got >= 1).all()
    # Within one of the exact share, but for the one that each class is given first.
    assert (np.abs(got - n * np.array(counts) / len(split)) <= len(counts)).all()
    assert sorted(taken.paths, key=split.paths.index) == list(taken.paths)
    if n < len(split):
        assert set(taken.paths) < set(split.take(n + 1, seed).paths)
    else:
        assert taken.paths == split.paths


@pytest.mark.parametrize("n", [2, 10, 50, 100])
def test_take_of_balanced_classes_is_balanced(n):
    got = np.bincount(named([60, 60]).take(n).labels)
    assert got.tolist() == [n // 2, n // 2]


def test_take_is_random_repeatable_and_blind_to_order_and_name():
    split = named([50, 50])
    assert split.take(10).hashes == split.take(10).hashes
    assert set(split.take(10).hashes) != set(split.take(10, seed=1).hashes)
    turned = split.select(range(99, -1, -1))
    assert set(turned.take(10).hashes) == set(split.take(10).hashes)


def test_take_positions_are_those_of_take():
    split = named([30, 20])
    positions = split.take_positions(12, seed=3)
    assert positions.dtype == np.int64
    assert (np.diff(positions) > 0).all()
    assert split.select(positions).paths == split.take(12, seed=3).paths


def test_take_draws_every_image_alike():
    split = named([20, 20])
    drawn = np.zeros(40)
    for seed in range(400):
        for digest in split.take(10, seed).hashes:
            drawn[int(digest, 16)] += 1
    # Binomial(400, 1/4): mean 100, standard deviation 8.7; five of them for 40 images.
    assert np.abs(drawn - 100).max() < 5 * 8.7


@pytest.mark.parametrize("n", [1, 0, 101, 2.5, True])
def test_take_refuses(n):
    with pytest.raises(ValueError, match=r"between 2 \(one image of each class\) and 100"):
        named([50, 50]).take(n)


# ---- reports and texts --------------------------------------------------------------------------


def test_texts(split):
    assert repr(split) == "Split('train', 10 images: 6 a, 4 b)"
    empty = Split("test", (), (), ("a", "b"))
    data = Dataset("mine", ("a", "b"), split, empty, empty)
    assert repr(data) == "Dataset('mine', classes a, b; 10 / 0 / 0 images)"
    assert data.splits == {"train": split, "validation": empty, "test": empty}
    assert empty.fingerprint == Split("x", (), (), ("c", "d")).fingerprint


def test_report():
    report = LeftOut((Finding("a/x.jpg", "truncated"),), (Finding("a/y.jpg", "CMYK"), Finding("a/z.jpg", "palette")))
    assert len(report) == 1
    assert str(report).splitlines() == [
        "1 file left out:",
        "  a/x.jpg: truncated",
        "2 files converted to 8-bit RGB:",
        "  a/y.jpg: CMYK",
        "  a/z.jpg: palette",
    ]


def test_import_is_light():
    heavy = ("tensorflow", "keras", "pooch", "sklearn", "matplotlib")
    code = f"import sys, tlbook.datasets; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=3600, check=True)
    assert result.stdout.strip() == "[]"
