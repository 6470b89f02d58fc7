"""Class folders of a reader's own: the table of bad files, splitting, and what is refused."""

import io
import os
import shutil
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tlbook import datasets
from tlbook.datasets import decoding, folders


def picture(seed: int, size=(40, 30), mode="RGB") -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, kind="JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def pets(tmp_path) -> Path:
    """Twelve good photos in each of two classes, no splits."""
    root = tmp_path / "pets"
    for label, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for i in range(12):
            (root / name / f"{i}.jpg").write_bytes(encoded(picture(100 * label + i)))
    return root


def load(root, **options):
    """Load with the warning turned into the second result."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = datasets.load(root, **options)
    return data, [str(one.message) for one in caught]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def huge_png() -> bytes:
    """A few bytes that claim 60,000 x 60,000 pixels."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"\0" * 100)) + png_chunk(b"IEND", b"")


def large_png() -> bytes:
    """Over our limit, under the one at which Pillow itself refuses."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"\0" * 100)) + png_chunk(b"IEND", b"")


def animated(kind: str, **options) -> bytes:
    return encoded(picture(1), kind, save_all=True, append_images=[picture(2), picture(3)], **options)


def sixteen_bit() -> Image.Image:
    return Image.fromarray(np.linspace(0, 65535, 40 * 30).reshape(30, 40).astype(np.uint16))


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


JPEG = encoded(picture(7, (80, 60)))
PNG = encoded(picture(7, (80, 60)), "PNG")
GIF = encoded(picture(7), "GIF")
TIFF = encoded(picture(7), "TIFF")
WEBP = encoded(picture(7, (80, 60)), "WEBP", lossless=True)


def broken_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(picture(8), exif=exif).replace(b"Exif\0\0MM", b"Exif\0\0??").replace(b"Exif\0\0II", b"Exif\0\0??")


def mpo() -> bytes:
    return encoded(picture(9), "MPO", save_all=True, append_images=[picture(10, (20, 15))])


# name: (bytes, words of the reason)
LEFT_OUT = {
    "empty.jpg": (b"", "empty file"),
    "text.jpg": (b"this is not a picture\n" * 20, "not an image"),
    "html.jpg": (b"<!DOCTYPE html><title>404</title>", "not an image"),
    "notes.txt": (b"to do", "not an image"),
    "labels.csv": (b"a,b\n1,2\n", "not an image"),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not an image"),
    "page.pdf": (b"%PDF-1.4 ...", "not an image"),
    "figure.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not an image"),
    "archive.zip.png": (b"PK\x03\x04" + b"\0" * 50, "not an image"),
    "zeros.png": (b"\0" * 4096, "not an image"),
    "noise.jpg": (np.random.default_rng(0).bytes(5000), "not an image"),
    "only-magic.jpg": (b"\xff\xd8\xff", "image"),
    "header.jpg": (JPEG[:30], "damaged header"),
    "truncated.jpg": (half(JPEG), "truncated"),
    "truncated-late.jpg": (JPEG[:-40], "truncated"),
    "truncated.png": (half(PNG), "truncated"),
    "header.png": (PNG[:20], ""),
    "truncated.gif": (half(GIF), ""),
    "truncated.tif": (half(TIFF), ""),
    "truncated.webp": (half(WEBP), ""),
    "flipped-bits.png": (PNG[:200] + bytes(255 - b for b in PNG[200:260]) + PNG[260:], ""),
    "animated.gif": (animated("GIF"), "animated or of several pages (3 frames)"),
    "animated.png": (animated("PNG"), "animated or of several pages (3 frames)"),
    "animated.webp": (animated("WEBP"), "animated or of several pages (3 frames)"),
    "pages.tif": (animated("TIFF"), "animated or of several pages (3 frames)"),
    "float.tif": (encoded(Image.fromarray(np.ones((9, 9), np.float32)), "TIFF"), "mode F"),
    "int32.tif": (encoded(Image.fromarray(np.full((9, 9), 70_000, np.int32)), "TIFF"), "32-bit"),
    "lab.tif": (encoded(Image.new("LAB", (9, 9)), "TIFF"), "mode LAB"),
    "bomb.png": (huge_png(), "too many pixels"),
    "large.png": (large_png(), "too many pixels (10000 x 10000)"),
}
CONVERTED = {
    "grey.jpg": (encoded(picture(11, mode="L")), "greyscale"),
    "black-and-white.png": (encoded(picture(12, mode="1"), "PNG"), "greyscale"),
    "palette.png": (encoded(picture(13).quantize(16), "PNG"), "palette"),
    "still.gif": (GIF, "palette"),
    "cmyk.jpg": (encoded(picture(14, mode="CMYK")), "CMYK"),
    "cmyk.tif": (encoded(picture(14, mode="CMYK"), "TIFF"), "CMYK"),
    "sixteen.png": (encoded(sixteen_bit(), "PNG"), "16-bit"),
    "sixteen.tif": (encoded(sixteen_bit(), "TIFF"), "16-bit"),
    "rgba.png": (encoded(picture(15, mode="RGBA"), "PNG"), "transparency"),
    "grey-alpha.png": (encoded(picture(16, mode="LA"), "PNG"), "transparency"),
    "transparent-colour.png": (encoded(picture(17), "PNG", transparency=(0, 0, 0)), "transparency"),
}
FINE = {
    "png-called.jpg": PNG,
    "jpeg-called.png": JPEG,
    "no-extension": encoded(picture(18)),
    "UPPER.JPG": encoded(picture(19)),
    "still.webp": WEBP,
    "rgb.tif": TIFF,
    "bitmap.bmp": encoded(picture(20), "BMP"),
    "portable.ppm": encoded(picture(21), "PPM"),
    "progressive.jpg": encoded(picture(22), progressive=True),
    "broken-exif.jpg": broken_exif(),
    "stereo.mpo": mpo(),
    "trailing-bytes.jpg": encoded(picture(23)) + b"appended by a camera" * 9,
    "one-pixel.png": encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG"),
    "panorama.png": encoded(picture(24, (3000, 3)), "PNG"),
    "gatto è un 猫 🐈.jpg": encoded(picture(25)),
    "deep/er/inside.jpg": encoded(picture(26)),
    "with spaces and 'quotes\".jpg": encoded(picture(27)),
}
IGNORED = {
    ".DS_Store": b"\0\0\0\1Bud1",
    "._0.jpg": b"\0\5\x16\7",
    "Thumbs.db": b"\xd0\xcf\x11\xe0",
    "desktop.ini": b"[.ShellClassInfo]",
    "__MACOSX/0.jpg": b"junk",
    ".ipynb_checkpoints/0-checkpoint.jpg": encoded(picture(28)),
}


def put(root: Path, name: str, data: bytes) -> Path:
    path = root / "cat" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", LEFT_OUT)
def test_bad_file_is_left_out_and_named(pets, name):
    data, words = LEFT_OUT[name]
    put(pets, name, data)
    loaded, messages = load(pets)
    assert [finding.path for finding in loaded.left_out.files] == [f"cat/{name}"]
    assert words in loaded.left_out.files[0].reason
    assert not loaded.left_out.converted
    assert sum(len(split) for split in loaded.splits.values()) == 24
    assert len(messages) == 1
    assert name in messages[0]
    with pytest.raises(ValueError, match="on_bad='skip'") as refused:
        load(pets, on_bad="raise")
    assert name in str(refused.value)


@pytest.mark.parametrize("name", CONVERTED)
def test_odd_file_is_converted_and_named(pets, name):
    data, words = CONVERTED[name]
    path = put(pets, name, data)
    loaded, messages = load(pets, on_bad="raise")
    assert not loaded.left_out
    assert [(finding.path, finding.reason) for finding in loaded.left_out.converted] == [(f"cat/{name}", words)]
    assert len(messages) == 1
    assert sum(path in split.paths for split in loaded.splits.values()) == 1
    assert datasets.decode(path, 16).shape == (16, 16, 3)
    strict, _ = load(pets, convert=False)
    assert [finding.path for finding in strict.left_out.files] == [f"cat/{name}"]
    with pytest.raises(ValueError, match=words):
        load(pets, convert=False, on_bad="raise")


@pytest.mark.parametrize("name", FINE)
def test_unusual_but_good_file_is_kept_without_a_word(pets, name):
    path = put(pets, name, FINE[name])
    loaded, messages = load(pets)
    assert messages == []
    assert sum(path in split.paths for split in loaded.splits.values()) == 1
    assert datasets.decode(path, 16).shape == (16, 16, 3)


@pytest.mark.parametrize("name", IGNORED)
def test_system_files_are_ignored(pets, name):
    put(pets, name, IGNORED[name])
    loaded, messages = load(pets, on_bad="raise")
    assert messages == []
    assert sum(len(split) for split in loaded.splits.values()) == 24


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
def test_links_and_pipes(pets, tmp_path):
    cats = pets / "cat"
    (cats / "loop.jpg").symlink_to(cats / "loop.jpg")
    (cats / "broken.jpg").symlink_to(tmp_path / "gone.jpg")
    (cats / "circle").symlink_to(pets)
    os.mkfifo(cats / "pipe.jpg")  # opening it would wait for ever
    elsewhere = tmp_path / "elsewhere.jpg"
    elsewhere.write_bytes(encoded(picture(31)))
    (cats / "good-link.jpg").symlink_to(elsewhere)
    loaded, _ = load(pets)
    reasons = {finding.path: finding.reason for finding in loaded.left_out.files}
    assert reasons == {
        "cat/broken.jpg": "broken link",
        "cat/circle": "link to a folder",
        "cat/loop.jpg": "link that leads nowhere",
        "cat/pipe.jpg": "not a regular file",
    }
    assert sum(len(split) for split in loaded.splits.values()) == 25


@pytest.mark.skipif(os.name == "nt", reason="a class folder that is a link, POSIX")
def test_class_folder_may_be_a_link(pets, tmp_path):
    (pets / "dog").rename(tmp_path / "moved")
    (pets / "dog").symlink_to(tmp_path / "moved")
    assert load(pets)[0].class_names == ("cat", "dog")


def test_file_without_permission_is_left_out(pets, monkeypatch):
    # As root every file can be read, so the refusal is made by hand.
    real = open

    def refuse(path, *args, **kwargs):
        if str(path).endswith("3.jpg"):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(decoding, "open", refuse, raising=False)
    loaded, _ = load(pets)
    assert {finding.reason for finding in loaded.left_out.files} == {"no permission to read it"}
    assert len(loaded.left_out) == 2


def test_input_output_error_is_left_out(pets, monkeypatch):
    real = os.stat

    def fail(path, *args, **kwargs):
        if str(path).endswith("3.jpg"):
            raise OSError(5, "Input/output error")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(decoding.os, "stat", fail)
    loaded, _ = load(pets)
    assert {finding.reason for finding in loaded.left_out.files} == {"cannot be read (Input/output error)"}


def test_file_over_the_size_limit_is_left_out_unread(pets):
    with open(put(pets, "sparse.jpg", JPEG), "r+b") as file:
        file.truncate(decoding.MAX_BYTES + 1)
    loaded, _ = load(pets)
    assert loaded.left_out.files[0].reason.startswith("file too large (256")


@pytest.mark.skipif(os.name == "nt", reason="names are bytes on POSIX only")
def test_name_that_is_no_text(pets):
    raw = os.fsencode(pets / "cat") + b"/bad\xff.jpg"
    try:
        with open(raw, "wb") as file:
            file.write(b"no image")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    loaded, messages = load(pets)
    messages[0].encode("utf-8")
    assert "bad\\xff.jpg" in messages[0]
    assert len(loaded.left_out) == 1


def test_one_summary_for_many_files(pets):
    for i in range(30):
        put(pets, f"bad-{i:02}.jpg", b"no image" + bytes([i]))
    put(pets, "grey.jpg", CONVERTED["grey.jpg"][0])
    loaded, messages = load(pets)
    assert len(messages) == 1
    assert "30 files left out" in messages[0]
    assert "and 10 more" in messages[0]
    assert "1 file converted to 8-bit RGB" in messages[0]
    assert len(loaded.left_out) == 30
    assert loaded.left_out.summary(most=30).count("bad-") == 30


def test_nothing_left_out_says_so(pets):
    loaded, messages = load(pets)
    assert (messages, str(loaded.left_out), bool(loaded.left_out)) == ([], "nothing left out", False)


# ---- splitting ----------------------------------------------------------------------------------


def where(data) -> dict[str, str]:
    return {path.name: name for name, split in data.splits.items() for path in split.paths}


def test_split_is_disjoint_complete_and_repeatable(pets):
    first, second = load(pets)[0], load(pets)[0]
    assert [split.paths for split in first.splits.values()] == [split.paths for split in second.splits.values()]
    paths = [path for split in first.splits.values() for path in split.paths]
    assert len(paths) == len(set(paths)) == 24
    for split in first.splits.values():
        assert set(split.labels) == {0, 1}
        for path, label in zip(split.paths, split.labels, strict=True):
            assert path.parent.name == first.class_names[label]


def test_another_seed_is_another_split(pets):
    assert where(load(pets)[0]) != where(load(pets, seed=1)[0])


def test_adding_and_renaming_photos_moves_none(tmp_path):
    root = tmp_path / "many"
    for label, name in enumerate(("a", "b")):
        (root / name).mkdir(parents=True)
        for i in range(60):
            (root / name / f"{name}{i}.png").write_bytes(encoded(picture(1000 * label + i, (9, 9)), "PNG"))
    before = where(load(root)[0])
    for i in range(60, 120):
        (root / "a" / f"a{i}.png").write_bytes(encoded(picture(i, (9, 9)), "PNG"))
    (root / "a" / "a0.png").rename(root / "a" / "zebra.png")
    after = where(load(root)[0])
    assert after.pop("zebra.png") == before.pop("a0.png")
    assert {name: after[name] for name in before} == before


def test_shares_are_near_the_fractions(tmp_path):
    digests = [f"{i:064x}" for i in range(4000)]
    placed = folders.assign(digests, (0.6, 0.2, 0.2))
    for name, share in (("train", 0.6), ("validation", 0.2), ("test", 0.2)):
        # five standard errors of a binomial share
        assert abs(placed.count(name) / 4000 - share) < 5 * (share * (1 - share) / 4000) ** 0.5


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=40),
    st.sampled_from([(0.6, 0.2, 0.2), (1, 0, 0), (0, 0, 1), (0.5, 0, 0.5), (0.1, 0.1, 0.8), (0.8, 0.2, 0)]),
    st.integers(0, 5),
)
def test_assign_keeps_copies_together_and_fills_splits(contents, fractions, seed):
    digests = [f"{content:064x}" for content in contents]
    placed = folders.assign(digests, fractions, seed)
    together = {}
    for digest, name in zip(digests, placed, strict=True):
        assert together.setdefault(digest, name) == name
        assert fractions[folders.SPLITS.index(name)] > 0
    wanted = [name for name in ("train", "test", "validation") if fractions[folders.SPLITS.index(name)] > 0]
    assert set(placed) == set(wanted[: len(set(digests))])


def test_two_images_a_class_are_enough(tmp_path):
    for label, name in enumerate(("a", "b", "c")):
        (tmp_path / name).mkdir()
        for i in range(2):
            (tmp_path / name / f"{i}.jpg").write_bytes(encoded(picture(10 * label + i)))
    data, _ = load(tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (3, 0, 3)
    assert data.class_names == ("a", "b", "c")


def test_copies_in_one_class_stay_together(pets):
    for i in range(12):
        (pets / "cat" / f"copy-of-{i}.jpg").write_bytes((pets / "cat" / f"{i}.jpg").read_bytes())
    data, messages = load(pets)
    assert messages == []
    for split in data.splits.values():
        names = {path.name for path in split.paths if path.parent.name == "cat"}
        assert {f"copy-of-{name}" for name in names if "copy" not in name} == {n for n in names if "copy" in n}


def test_copy_under_another_label_is_left_out_with_its_original(pets):
    (pets / "dog" / "really-a-cat.jpg").write_bytes((pets / "cat" / "5.jpg").read_bytes())
    data, _ = load(pets)
    assert {(finding.path, finding.reason) for finding in data.left_out.files} == {
        ("cat/5.jpg", "same content as dog/really-a-cat.jpg, under another label"),
        ("dog/really-a-cat.jpg", "same content as cat/5.jpg, under another label"),
    }


@pytest.fixture
def ready(tmp_path) -> Path:
    """Splits of the reader's own: train 6 + 6, val 3 + 3, test 4 + 4."""
    root = tmp_path / "ready"
    seed = 0
    for split, count in (("Train", 6), ("val", 3), ("test", 4)):
        for name in ("cat", "dog"):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                seed += 1
                (root / split / name / f"{i}.jpg").write_bytes(encoded(picture(seed)))
    return root


def test_ready_splits_are_kept(ready):
    data, messages = load(ready)
    assert messages == []
    assert [len(split) for split in data.splits.values()] == [12, 6, 8]
    assert all(path.parts[-3] == "val" for path in data.validation.paths)


@pytest.mark.parametrize(
    ("removed", "fractions", "sizes"),
    [
        ("val", (0.6, 0.2, 0.2), {"test": 8}),
        ("test", (0.6, 0.2, 0.2), {"validation": 6}),
        ("val", (1, 0, 0), {"train": 12, "validation": 0, "test": 8}),
    ],
)
def test_missing_ready_split_comes_out_of_train(ready, removed, fractions, sizes):
    shutil.rmtree(ready / removed)
    data, _ = load(ready, fractions=fractions)
    got = {name: len(split) for name, split in data.splits.items()}
    assert {name: got[name] for name in sizes} == sizes
    assert sum(got.values()) == 12 + (8 if removed == "val" else 6)
    if fractions == (0.6, 0.2, 0.2):
        assert all(got.values())
    made = data.splits[{"val": "validation"}.get(removed, removed)]
    assert {path.parts[-3] for path in made.paths + data.train.paths} == {"Train"}


def test_copy_across_ready_splits_leaves_the_earlier_split(ready):
    for split in ("Train", "val"):
        (ready / split / "cat" / "leak.jpg").write_bytes((ready / "test" / "cat" / "1.jpg").read_bytes())
    data, _ = load(ready)
    assert {finding.path for finding in data.left_out.files} == {"Train/cat/leak.jpg", "val/cat/leak.jpg"}
    assert {finding.reason for finding in data.left_out.files} == {"same content as test/cat/1.jpg"}
    assert len(data.test) == 8


def test_all_of_it_a_test_set(pets):
    data, _ = load(pets, fractions=(0, 0, 1))
    assert [len(split) for split in data.splits.values()] == [0, 0, 24]


def test_class_called_train_is_a_class(tmp_path):
    for label, name in enumerate(("plane", "train")):
        (tmp_path / name).mkdir()
        for i in range(3):
            (tmp_path / name / f"{i}.jpg").write_bytes(encoded(picture(10 * label + i)))
    assert load(tmp_path)[0].class_names == ("plane", "train")


def test_class_names_meet_across_unicode_forms(tmp_path):
    for split, name in (("train", "cafe\u0301"), ("test", "caf\u00e9"), ("train", "b"), ("test", "b")):
        (tmp_path / split / name).mkdir(parents=True)
        for i in range(3):
            seed = hash_of(split, name, i)
            (tmp_path / split / name / f"{i}.jpg").write_bytes(encoded(picture(seed)))
    assert load(tmp_path)[0].class_names == ("b", "caf\u00e9")


def hash_of(*parts) -> int:
    return zlib.crc32(repr(parts).encode())


# ---- refused ------------------------------------------------------------------------------------


def test_missing_folder():
    with pytest.raises(FileNotFoundError, match="no folder"):
        datasets.load(Path("does") / "not" / "exist")


def test_unknown_name_names_the_known_ones():
    with pytest.raises(FileNotFoundError, match=r"'photo' is neither .* 'sketches', 'sketches-2', 'photos', 'oxford'"):
        datasets.load("photo")


def test_file_instead_of_folder(pets):
    with pytest.raises(NotADirectoryError, match="is a file"):
        datasets.load(pets / "cat" / "0.jpg")


def test_no_class_folder(tmp_path):
    with pytest.raises(ValueError, match=r"at least two class folders .* it has none"):
        datasets.load(tmp_path)


def test_one_class(pets):
    shutil.rmtree(pets / "dog")
    with pytest.raises(ValueError, match="it has only cat"):
        datasets.load(pets)


def test_empty_class_folder(pets):
    (pets / "new folder").mkdir()
    with pytest.raises(ValueError, match="new folder holds no file"):
        datasets.load(pets)


def test_class_without_a_good_image_says_why(pets):
    (pets / "owl").mkdir()
    (pets / "owl" / "a.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"'owl' .* has 0 usable .* owl/a.jpg: empty file"):
        datasets.load(pets)


def test_one_image_in_a_class(pets):
    (pets / "owl").mkdir()
    (pets / "owl" / "a.jpg").write_bytes(encoded(picture(777)))
    with pytest.raises(ValueError, match="has 1 usable images and needs at least 2"):
        datasets.load(pets)


def test_class_that_is_only_tested(ready):
    (ready / "test" / "owl").mkdir()
    for i in range(2):
        (ready / "test" / "owl" / f"{i}.jpg").write_bytes(encoded(picture(70 + i)))
    with pytest.raises(ValueError, match=r"'owl' .* no usable image in train"):
        datasets.load(ready)


def test_splits_without_train(ready):
    shutil.rmtree(ready / "Train")
    with pytest.raises(ValueError, match="no train/"):
        datasets.load(ready)


def test_splits_beside_classes(ready):
    (ready / "owl").mkdir()
    with pytest.raises(ValueError, match=r"both split folders .* and others \(owl\)"):
        datasets.load(ready)


def test_folder_that_cannot_be_listed(pets, monkeypatch):
    real = os.scandir

    def refuse(path):
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(folders.os, "scandir", refuse)
    with pytest.raises(ValueError, match="no permission to list"):
        datasets.load(pets)


@pytest.mark.parametrize("on_bad", ["ignore", None, ""])
def test_on_bad_is_checked(pets, on_bad):
    with pytest.raises(ValueError, match="'skip' or 'raise'"):
        datasets.load(pets, on_bad=on_bad)


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.9, 0.2, 0.2), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_fractions_are_checked(pets, fractions):
    with pytest.raises(ValueError, match="three shares"):
        datasets.load(pets, fractions=fractions)
