"""A property of a format is a property of every format: orientation, depth, range, metadata, previews."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin, features

from tlbook import datasets
from tlbook.datasets import BadImage, decoding
from tlbook.datasets.folders import load_labelled

pytestmark = pytest.mark.filterwarnings("ignore::tlbook.datasets.LeftOutWarning")

AVIF = pytest.param("AVIF", marks=pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF"))
_UNDO = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


def smooth(width=64, height=48):
    """Three different slopes, so that any wrong turn or channel shows."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return np.stack([255 * x, 255 * y, 127 * (x + y)], axis=-1).round().astype(np.uint8)


def stored(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


# ---- orientation ----


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("WEBP", {"lossless": True}),
        pytest.param("AVIF", {"quality": 95}, marks=AVIF.marks),
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_photo_is_turned_once_in_every_format(orientation, format, options, mode):
    upright = Image.fromarray(smooth()).convert(mode)
    turned = upright
    if orientation > 1:
        turned = upright.transpose(decoding._TRANSPOSE[_UNDO[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    if format == "TIFF":
        options = {**options, "tiffinfo": {0x0112: orientation}}
    else:
        options = {**options, "exif": exif}
    found = decoding.pixels(stored(turned, format, **options), 16)
    expected = decoding.pixels(stored(upright, "PNG"), 16)
    assert np.abs(found.astype(int) - expected).max() <= (1 if format in ("PNG", "TIFF") else 14)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_deep_photo_is_turned_once_too(orientation):
    grey = smooth()[..., 0].astype(np.uint16) * 16
    upright = Image.fromarray(grey)
    turned = upright.transpose(decoding._TRANSPOSE[_UNDO[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    expected = decoding.pixels(stored(upright, "PNG"), 16)
    for data in (stored(turned, "PNG", exif=exif), stored(turned, "TIFF", tiffinfo={0x0112: orientation})):
        assert np.abs(decoding.pixels(data, 16).astype(int) - expected).max() <= 1


# ---- depth ----


def png16(values, alpha=None):
    """A 16-bit PNG of (h, w), (h, w, 2) or (h, w, 3) values; Pillow writes only the first."""
    height, width = values.shape[:2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[1 if values.ndim == 2 else values.shape[2]]
    rows = values.reshape(height, -1).astype(">u2").tobytes()
    each = len(rows) // height
    raw = b"".join(b"\0" + rows[i * each : (i + 1) * each] for i in range(height))

    def chunk(name, body):
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([16, kind, 0, 0, 0])
    return decoding._PNG + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def tiff16(values, order="<"):
    """An uncompressed TIFF of 16-bit grey or colour, in either byte order."""
    height, width = values.shape[:2]
    samples = 1 if values.ndim == 2 else values.shape[2]
    data = values.astype(f"{order}u2").tobytes()
    word = "little" if order == "<" else "big"
    depths = 8 + 2 + 9 * 12 + 4
    tags = [
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, samples, 16 if samples == 1 else depths), (259, 3, 1, 1),
        (262, 3, 1, 1 if samples == 1 else 2), (273, 4, 1, depths + 2 * samples), (277, 3, 1, samples),
        (278, 3, 1, height), (279, 4, 1, len(data)),
    ]  # fmt: skip
    body = (b"II*\0" if order == "<" else b"MM\0*") + (8).to_bytes(4, word) + len(tags).to_bytes(2, word)
    for tag, kind, count, value in tags:
        short = kind == 3 and count == 1
        packed = value.to_bytes(2, word) + b"\0\0" if short else value.to_bytes(4, word)
        body += tag.to_bytes(2, word) + kind.to_bytes(2, word) + count.to_bytes(4, word) + packed
    return body + bytes(4) + (16).to_bytes(2, word) * samples + data


def pgm16(values):
    height, width = values.shape[:2]
    return f"P5 {width} {height} 65535\n".encode() + values.astype(">u2").tobytes()


def grey(bits):
    return (smooth()[..., 0].astype(np.int64) * (2**bits - 1) // 255).astype(np.uint16)


def colour(bits):
    return (smooth().astype(np.int64) * (2**bits - 1) // 255).astype(np.uint16)


def with_alpha(values):
    values = values if values.ndim == 3 else values[..., None]
    return np.concatenate([values, np.full((*values.shape[:2], 1), 65535, np.uint16)], axis=-1)


DEEP = {
    "PNG, grey": lambda bits: (png16(grey(bits)), smooth()[..., :1]),
    "PNG, colour": lambda bits: (png16(colour(bits)), smooth()),
    "PNG, grey and alpha": lambda bits: (png16(with_alpha(grey(bits))), smooth()[..., :1]),
    "PNG, colour and alpha": lambda bits: (png16(with_alpha(colour(bits))), smooth()),
    "TIFF, grey": lambda bits: (tiff16(grey(bits)), smooth()[..., :1]),
    "TIFF, grey, big-endian": lambda bits: (tiff16(grey(bits), ">"), smooth()[..., :1]),
    "TIFF, colour": lambda bits: (tiff16(colour(bits)), smooth()),
    "TIFF, colour, big-endian": lambda bits: (tiff16(colour(bits), ">"), smooth()),
    "TIFF, grey, packed": lambda bits: (
        stored(Image.fromarray(grey(bits)), "TIFF", compression="tiff_lzw"),
        smooth()[..., :1],
    ),
    "PGM": lambda bits: (pgm16(grey(bits)), smooth()[..., :1]),
}


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", DEEP)
def test_the_range_that_a_folder_uses_is_scaled(tmp_path, kind, bits):
    data, expected = DEEP[kind](bits)
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(2):  # other bytes behind the picture, the same pixels
            (tmp_path / label / f"{number}.img").write_bytes(data + f"{label}{number}".encode())
    split, left_out = load_labelled(tmp_path, progress=False)
    square = np.broadcast_to(expected, (*expected.shape[:2], 3))[:, 8:56]
    assert split.white == 2**bits - 1
    assert np.abs(split.images(48)[0].astype(int) - square).max() <= 1
    said = "16-bit" if bits == 16 else f"{bits}-bit in a 16-bit file: {2**bits - 1:,} is taken for white"
    assert {one.reason for one in left_out.converted} == {said} and not left_out


def test_a_dark_photo_is_scaled_as_its_neighbours_and_a_brighter_one_by_itself(tmp_path):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "bright.png").write_bytes(png16(grey(12) - (grey(12) > 99) * (label == "b")))
        (tmp_path / label / "dark.png").write_bytes(png16(grey(12) // 8 + (label == "b")))
    split, _ = load_labelled(tmp_path, progress=False)
    images = {path.name: image for path, image in zip(split.paths, split.images(16), strict=True)}
    assert images["bright.png"].max() > 200 and images["dark.png"].max() < 40
    # one that does not fit into the range of a trained model uses all its bits
    assert decoding.pixels(png16(grey(16)), 16, white=4095).max() > 200
    assert decoding.pixels(png16(grey(16)), 48, white=4095).tolist() == decoding.pixels(png16(grey(16)), 48).tolist()


def test_alone_a_photo_is_scaled_by_its_own_range(tmp_path):
    (tmp_path / "a.png").write_bytes(png16(colour(12)))
    assert np.abs(datasets.decode(tmp_path / "a.png", 48).astype(int) - smooth()[:, 8:56]).max() <= 1


def test_eight_bit_photos_beside_deep_ones_stay_as_they_are(tmp_path):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "deep.png").write_bytes(png16(grey(12) - (grey(12) > 99) * (label == "b")))
        Image.fromarray(smooth() + (label == "b")).save(tmp_path / label / "flat.png")
    split, _ = load_labelled(tmp_path, progress=False)
    flat = split.images(48)[[path.name for path in split.paths].index("flat.png")]
    assert (flat == smooth()[:, 8:56]).all()


def test_a_tiff_in_which_zero_is_white():
    values = grey(16)
    data = bytearray(tiff16(65535 - values))
    place = data.index((262).to_bytes(2, "little") + (3).to_bytes(2, "little")) + 8
    data[place] = 0
    assert np.abs(decoding.pixels(bytes(data), 48).astype(int) - smooth()[:, 8:56, :1]).max() <= 1


# ---- metadata ----


def comments():
    many = PngImagePlugin.PngInfo()
    for number in range(80):
        many.add_text(f"note {number}", "words " * 160_000)
    long = PngImagePlugin.PngInfo()
    long.add_text("workflow", "node " * 500_000)
    packed = PngImagePlugin.PngInfo()
    packed.add_text("workflow", "node " * 500_000, zip=True)
    international = PngImagePlugin.PngInfo()
    international.add_itxt("workflow", "Knöten " * 500_000, zip=True)
    return {"many": many, "long": long, "packed": packed, "international": international}


@pytest.mark.parametrize("kind", ["many", "long", "packed", "international"])
def test_a_png_with_much_to_say_is_whole(kind):
    data = stored(Image.fromarray(smooth()), "PNG", pnginfo=comments()[kind])
    assert decoding.inspect(data) == (None, None, None)
    assert (decoding.pixels(data, 48) == smooth()[:, 8:56]).all()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP", AVIF])
def test_a_large_colour_profile_and_exif_are_no_damage(format):
    exif = Image.Exif()
    exif[0x0112] = 3
    exif[0x010E] = "x" * 50_000
    profile = np.random.default_rng(0).integers(0, 256, 900_000, np.uint8).tobytes() + bytes(2_000_000)
    data = stored(
        Image.fromarray(smooth()), format, exif=exif, icc_profile=profile[: 60_000 if format == "AVIF" else None]
    )
    assert decoding.inspect(data)[0] is None
    found, upright = decoding.pixels(data, 16), decoding.pixels(stored(Image.fromarray(smooth()), "PNG"), 16)
    assert np.abs(found.astype(int) - upright[::-1, ::-1]).max() <= 14


def test_a_damaged_png_with_comments_is_still_damaged():
    data = stored(Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)), "PNG")
    with pytest.raises(BadImage, match="truncated"):
        decoding.inspect(data[:9000])


# ---- raw photos ----


def dng(**tags):
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        info[int(tag[1:])] = value
    return stored(Image.fromarray(smooth()), "TIFF", tiffinfo=info)


RAW = {
    "DNG": dng(t254=1, t50706=b"\x01\x04\0\0"),
    "NEF, ARW: a preview comes first": dng(t254=1),
    "DNG with the whole picture first": dng(t50706=b"\x01\x04\0\0"),
    "CR2": b"II*\0\x10\0\0\0CR\x02\0" + bytes(200),
    "CR3": b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom" + bytes(200),
    "RAF": b"FUJIFILMCCD-RAW 0201" + bytes(200),
    "ORF": b"IIRO\x08\0\0\0" + bytes(200),
    "RW2": b"IIU\0\x08\0\0\0" + bytes(200),
}


@pytest.mark.parametrize("kind", RAW)
@pytest.mark.parametrize("read", [decoding.inspect, lambda data: decoding.pixels(data, 16)], ids=["inspect", "pixels"])
def test_the_preview_in_a_raw_photo_is_not_taken_for_it(kind, read):
    with pytest.raises(BadImage, match="raw photo of a camera"):
        read(RAW[kind])


def test_an_ordinary_tiff_is_no_raw_photo():
    assert (decoding.pixels(dng(t254=0), 48) == smooth()[:, 8:56]).all()


# ---- formats of telephones ----

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500)
JXL = b"\xff\x0a" + bytes(100)


@pytest.mark.parametrize(
    ("data", "name", "package"),
    [
        (HEIC, "HEIC", "pillow-heif"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heixmiaf" + bytes(500), "HEIC", "pillow-heif"),
        (JXL, "JXL", "pillow-jxl-plugin"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(100), "JXL", "pillow-jxl-plugin"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(500), "AVIF", "pillow-avif-plugin"),
    ],
)
def test_what_would_read_a_format_is_named(data, name, package, monkeypatch):
    def missing(module):
        raise ImportError(module)

    monkeypatch.setattr(decoding.importlib, "import_module", missing)
    with pytest.raises(BadImage, match=rf"^{name} photo, .*pip install {package}.*export it as JPEG"):
        decoding.inspect(data)


def test_avif_is_read_where_pillow_can(tmp_path):
    if not features.check("avif"):
        pytest.skip("Pillow without AVIF")
    Image.fromarray(smooth()).save(tmp_path / "a.jpg", "AVIF", quality=95)
    assert np.abs(datasets.decode(tmp_path / "a.jpg", 48).astype(int) - smooth()[:, 8:56]).max() < 14


def test_a_plugin_that_is_there_is_used(monkeypatch):
    """As pillow-heif does it: a function that registers the format with Pillow."""

    class Plugin:
        @staticmethod
        def register_heif_opener():
            Image.register_open(
                "HEIF", lambda file, name: Image.open(io.BytesIO(stored(Image.fromarray(smooth()), "PNG")))
            )

    monkeypatch.setattr(decoding.importlib, "import_module", lambda name: Plugin)
    kept = {name: dict(getattr(Image, name)) for name in ("OPEN",)}
    try:
        assert (decoding.pixels(HEIC, 48) == smooth()[:, 8:56]).all()
    finally:
        Image.OPEN.clear()
        Image.OPEN.update(kept["OPEN"])


def test_other_files_are_still_no_photos():
    for data in (
        b"\0\0\0\x18ftypisom\0\0\0\0isomiso2mp41" + bytes(100),
        b"8BPS" + bytes(50),
        b"%PDF-1.7\n" + bytes(90),
    ):
        with pytest.raises(BadImage, match="not an image in a format that is read here"):
            decoding.inspect(data)


# ---- what was hashed is what is used ----


@pytest.mark.parametrize("use", [lambda s: s.images(16), lambda s: list(s.batches(16)), lambda s: s.image(0, 16)])
def test_a_photo_that_was_exchanged_is_refused(tmp_path, use):
    for number, label in enumerate(("a", "b")):
        (tmp_path / label).mkdir()
        Image.fromarray(smooth() + number).save(tmp_path / label / "0.png")
    split, _ = load_labelled(tmp_path, progress=False)
    use(split)
    Image.fromarray(smooth() + 9).save(split.paths[0])
    with pytest.raises(BadImage, match=r"0\.png: changed since it was first read"):
        use(split)
