"""Pixels: crop, colour, orientation, and the pool of threads that stays within its bound."""

import io
import threading

import numpy as np
import pytest
from PIL import Image

from tlbook import datasets
from tlbook.datasets import decoding


def smooth(width: int, height: int) -> np.ndarray:
    """Three different slopes, so that any wrong turn or channel shows."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return np.stack([255 * x, 255 * y, 127 * (x + y)], axis=-1).round().astype(np.uint8)


def save(path, pixels, **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def test_same_size_is_left_as_it_is(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    assert (datasets.decode(save(tmp_path / "a.png", pixels), 24) == pixels).all()


def test_result_is_uint8_contiguous_and_writable(tmp_path):
    image = datasets.decode(save(tmp_path / "a.png", smooth(30, 20)), 10)
    assert (image.dtype, image.shape) == (np.uint8, (10, 10, 3))
    assert image.flags.c_contiguous
    assert image.flags.writeable


@pytest.mark.parametrize(("width", "height"), [(90, 30), (30, 90)])
def test_the_centred_square_is_what_is_seen(tmp_path, width, height):
    pixels = np.zeros((height, width, 3), np.uint8)
    top, left = (height - 30) // 2, (width - 30) // 2
    pixels[top : top + 30, left : left + 30] = 200
    image = datasets.decode(save(tmp_path / "a.png", pixels), 15)
    assert (image[1:-1, 1:-1] == 200).all()
    assert image.min() > 150  # the filter reaches a pixel over the edge of the crop


def test_shrinking_averages(tmp_path):
    # A fine chessboard has the mean of its squares, however it is sampled.
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    pixels = np.repeat(board[..., None], 3, axis=-1).astype(np.uint8)
    image = datasets.decode(save(tmp_path / "a.png", pixels), 8)
    assert np.abs(image.astype(int) - 128).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("shape", [(60, 40), (41, 60)])
def test_exif_orientation_is_applied(tmp_path, orientation, shape):
    upright = Image.fromarray(smooth(*shape))
    # How a camera stores the picture that is upright after this orientation.
    undo = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
    stored = upright.transpose(decoding._TRANSPOSE[undo[orientation]]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = datasets.decode(save(tmp_path / "turned.png", stored, exif=exif), 16)
    expected = datasets.decode(save(tmp_path / "upright.png", upright), 16)
    assert np.abs(turned.astype(int) - expected).max() <= 1


def test_orientation_out_of_range_is_ignored(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 77
    stored = datasets.decode(save(tmp_path / "a.png", smooth(20, 20), exif=exif), 20)
    assert (stored == smooth(20, 20)).all()


def test_sixteen_bit_is_scaled_not_clipped(tmp_path):
    grey = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    image = datasets.decode(save(tmp_path / "a.png", grey), 16)
    assert (image == (grey // 257).astype(np.uint8)[..., None]).all()
    assert len(np.unique(image)) == 256


def test_transparency_is_laid_over_white(tmp_path):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :, 0] = 200
    pixels[:4, :, 3] = 255
    image = datasets.decode(save(tmp_path / "a.png", pixels), 8)
    assert (image[:4] == (200, 0, 0)).all()
    assert (image[4:] == 255).all()


def test_transparent_palette_colour_is_white(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.putpixel((0, 0), 0)
    image.save(tmp_path / "a.png", transparency=0)
    decoded = datasets.decode(tmp_path / "a.png", 4)
    assert decoded[0, 0].tolist() == [255, 255, 255]
    assert decoded[3, 3].tolist() == [10, 20, 30]


def test_greyscale_has_three_equal_channels(tmp_path):
    image = datasets.decode(save(tmp_path / "a.png", smooth(9, 9)[..., 0]), 9)
    assert (image == smooth(9, 9)[..., :1]).all()


def test_cmyk_has_the_right_colours(tmp_path):
    save(tmp_path / "a.tif", Image.new("CMYK", (4, 4), (255, 0, 0, 0)))
    assert datasets.decode(tmp_path / "a.tif", 4)[0, 0].tolist() == [0, 255, 255]


@pytest.mark.parametrize("size", [20, 48, 96, 150])
def test_jpeg_at_reduced_scale_is_near_the_full_decode(tmp_path, size):
    path = save(tmp_path / "a.jpg", smooth(640, 480), quality=95)
    side = 480
    full = Image.open(path).convert("RGB").crop((80, 0, 80 + side, side))
    full = np.asarray(full.resize((size, size), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(datasets.decode(path, size) - full).mean() < 1


def test_reduced_scale_keeps_twice_the_size(tmp_path, monkeypatch):
    path = save(tmp_path / "a.jpg", smooth(640, 480))
    seen = []
    real = Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", lambda self, *a, **k: seen.append(self.size) or real(self, *a, **k))
    datasets.decode(path, 100)
    datasets.decode(path, 300)
    assert seen == [(320, 240), (640, 480)]


def test_decoding_twice_is_the_same(tmp_path):
    path = save(tmp_path / "a.jpg", smooth(200, 300))
    assert (datasets.decode(path, 64) == datasets.decode(str(path), 64)).all()


def test_error_names_the_file(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    with pytest.raises(datasets.BadImage, match=r"bad\.jpg: not an image"):
        datasets.decode(tmp_path / "bad.jpg", 8)
    with pytest.raises(datasets.BadImage, match=r"gone\.jpg: no such file"):
        datasets.decode(tmp_path / "gone.jpg", 8)


@pytest.mark.parametrize("size", [0, -1, 2.5, 5000, True])
def test_size_is_checked(tmp_path, size):
    with pytest.raises(ValueError, match=r"size=.*: give a whole number of pixels"):
        datasets.decode(tmp_path / "a.jpg", size)


def test_formats_that_start_other_programs_are_never_opened():
    assert "EPS" not in decoding.FORMATS
    with pytest.raises(decoding.BadImage):
        decoding.open_image(io.BytesIO(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"))


def test_in_order_keeps_order_and_bound():
    alive, most, lock = 0, 0, threading.Lock()

    def work(i):
        nonlocal alive, most
        with lock:
            alive += 1
            most = max(most, alive)
        return i

    taken = []
    for i in decoding.in_order(work, range(500), ahead=10):
        with lock:
            alive -= 1
        taken.append(i)
    assert taken == list(range(500))
    assert most <= max(10, decoding.workers()) + 1


def test_in_order_stops_its_threads_when_left_early():
    before = threading.active_count()
    results = decoding.in_order(lambda i: i, range(10_000), ahead=8)
    assert next(results) == 0
    results.close()
    assert threading.active_count() == before


def test_in_order_passes_errors_on():
    def work(i):
        if i == 3:
            raise ValueError("the fourth")
        return i

    results = decoding.in_order(work, range(10))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the fourth"):
        next(results)


def test_workers_are_at_least_one(monkeypatch):
    monkeypatch.delattr(decoding.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(decoding.os, "cpu_count", lambda: None)
    assert decoding.workers() == 1


def test_a_png_damaged_in_the_middle_is_refused(tmp_path):
    """Looking for its EXIF decodes a PNG; the error must not get lost there."""
    noise = np.random.default_rng(3).integers(0, 256, (200, 200, 3), np.uint8)
    body = save(tmp_path / "a.png", noise).read_bytes()
    (tmp_path / "a.png").write_bytes(body[:3000] + bytes(255 - value for value in body[3000:3040]) + body[3040:])
    with pytest.raises(datasets.BadImage, match="damaged"):
        datasets.decode(tmp_path / "a.png", 32)
