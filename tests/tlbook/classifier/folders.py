"""Folders of tiny pictures, good and bad, for the tests of tlbook.classifier."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from tlbook.classifier import PhotoServer, Result

SIDE = 40
OPTIONS = {"backbone": "sketchnet", "input_size": 32, "progress": False, "say": lambda line: None}
"""The smallest network at its smallest size."""


def train(folder: Path, out: Path, **options: object) -> Result:
    """A linear probe on these options, or what others ask for."""
    from tlbook import classifier

    return classifier.train(folder, out, **{"strategy": "probe", **OPTIONS, **options})


def picture(number: int, kind: int = 0, side: int = SIDE) -> Image.Image:
    """A picture of its own for each number; kinds differ in colour and in what is drawn."""
    rng = np.random.default_rng([number, kind])
    small = rng.integers(0, 256, (10, 10, 3), np.uint8)
    image = np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)).astype(float)
    tint = np.array([(255, 60, 40), (40, 90, 255), (60, 220, 60), (240, 220, 60)][kind % 4], float)
    mixed = 0.6 * image + 0.4 * tint
    if kind % 2:
        mixed[8:20, 8:20] = 255 - mixed[8:20, 8:20]
    return Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))


def class_folders(root: Path, *names: str, n: int = 12, first: int = 0) -> Path:
    """A folder for each class with n pictures in it."""
    for kind, name in enumerate(names or ("cat", "dog")):
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(first, first + n):
            picture(i, kind).save(folder / f"{i:03}.png")
    return root


@contextlib.contextmanager
def served(model) -> Iterator[PhotoServer]:
    """The local page of a model, or of a loaded classifier, on a free port."""
    from tlbook.classifier import PhotoServer  # here, since most who import this file need no model

    with PhotoServer(model, port=0) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join(10)


def hard_folders(root: Path, n: int = 40) -> Path:
    """Two classes that differ in nothing, so that every model makes mistakes."""
    for kind, name in enumerate(("heads", "tails")):
        (root / name).mkdir(parents=True)
        for i in range(n):
            picture(1000 * (kind + 1) + i).save(root / name / f"{i:03}.png")
    return root


def data(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _huge() -> bytes:
    """A PNG of a few kilobytes that claims, and has, 100 million pixels."""
    side = 10_000
    rows = zlib.compress(bytes((side // 8 + 1) * side), 9)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _flipped(body: bytes, start: int) -> bytes:
    return body[:start] + bytes(255 - value for value in body[start : start + 40]) + body[start + 40 :]


def _float() -> bytes:
    return data(Image.fromarray(np.random.default_rng(1).random((SIDE, SIDE), np.float32)), "TIFF")


def _whole_numbers() -> bytes:
    return data(Image.fromarray(np.full((SIDE, SIDE), 2**20, np.int32)), "TIFF")


def _sixteen() -> bytes:
    rng = np.random.default_rng(2)
    return data(Image.fromarray(rng.integers(0, 2**16, (SIDE, SIDE), np.uint16)), "PNG")


def _pages(format: str) -> bytes:
    return data(picture(901), format, save_all=True, append_images=[picture(902)])


LEFT_OUT = {
    "empty.jpg": (b"", "empty file"),
    "truncated.jpg": (data(picture(900, side=200), "JPEG")[:-2000], "truncated"),
    "truncated.png": (data(picture(910, side=200), "PNG")[:5000], "truncated"),
    "damaged.png": (_flipped(data(picture(903, side=200), "PNG"), 3000), "damaged"),
    "words.jpg": (b"these are words, not a picture\n" * 40, "not an image"),
    "page.jpg": (b"<!DOCTYPE html><html><body>404</body></html>", "not an image"),
    "drawing.png": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not an image"),
    "archive.png": (b"PK\x05\x06" + bytes(18), "not an image"),
    "animated.gif": (_pages("GIF"), "animated or of several pages"),
    "pages.tiff": (_pages("TIFF"), "animated or of several pages"),
    "huge.png": (_huge(), "too many pixels"),
    "float.tiff": (_float(), "no agreed conversion"),
    "numbers.tiff": (_whole_numbers(), "32-bit pixels"),
}
"""Files that are left out: their bytes, and words of the reason."""

CONVERTED = {
    "grey.png": (data(picture(920).convert("L"), "PNG"), "greyscale"),
    "palette.png": (data(picture(921).quantize(64), "PNG"), "palette"),
    "print.jpg": (data(picture(922).convert("CMYK"), "JPEG"), "CMYK"),
    "deep.png": (_sixteen(), "16-bit"),
    "clear.png": (data(picture(923).convert("RGBA"), "PNG"), "transparency"),
}
"""Files that are taken after a conversion."""

_TURN = bytes.fromhex("45786966 0000 4d4d002a00000008 0001 0112 0003 00000001 00060000 00000000")  # EXIF orientation 6

TAKEN = {
    "jpeg.png": data(picture(930), "JPEG"),
    "no extension": data(picture(931), "PNG"),
    "LOUD.JPG": data(picture(932), "JPEG"),
    "turned.jpg": data(picture(933), "JPEG", exif=_TURN),
    "schöne Katze 猫.png": data(picture(934), "PNG"),
    "line\nbreak.png": data(picture(935), "PNG"),
    '<img src="http://a.example/x.png">'.replace("/", "_") + ".png": data(picture(936), "PNG"),
    "=1+1.png": data(picture(937), "PNG"),
}
"""Files that are taken as they are, for all their looks."""

IGNORED = (".DS_Store", "Thumbs.db", ".hidden/one.png")
"""Files that count for nothing."""


def spoil(root: Path) -> None:
    """Put every kind of odd file into the class folder ``cat`` (and a copy of a cat among the dogs)."""
    cat, dog = root / "cat", root / "dog"
    for name, (body, _) in (LEFT_OUT | CONVERTED).items():
        (cat / name).write_bytes(body)
    for name, body in TAKEN.items():
        (cat / name).write_bytes(body)
    for name in IGNORED:
        (cat / name).parent.mkdir(exist_ok=True)
        (cat / name).write_bytes(b"nothing")
    shutil.copy(cat / "000.png", dog / "copied cat.png")
    os.symlink("nowhere.png", cat / "broken link.png")
    os.symlink("circle.png", cat / "circle.png")
    os.symlink("../dog", cat / "linked folder")
    os.mkfifo(cat / "pipe.png")
    (cat / os.fsdecode(b"caf\xe9.png")).write_bytes(data(picture(941), "PNG"))
    (cat / "deeper").mkdir()
    picture(940).save(cat / "deeper" / "inside.png")
