"""The pictures of the report and of the drop page, and what makes them; no browser is started here."""

from __future__ import annotations

import io
from importlib import resources

import numpy as np
import pytest
from PIL import Image

from tlbook import datasets
from tools import ROOT
from tools.book import make_screenshots

PICTURES = ("report.png", "drop-page.png")


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_is_there_small_and_of_the_size_that_the_script_makes(name):
    path = ROOT / "book" / "_static" / name
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        assert 800 <= image.width <= 1300 and image.width == make_screenshots.WIDTH
    assert path.stat().st_size <= 150_000


def test_the_script_says_which_pictures_it_takes():
    assert all(name in make_screenshots.__doc__ for name in PICTURES)


def test_the_sketches_are_laid_out_as_folders_that_load_reads_as_the_same_data(tmp_path):
    given = datasets.load("sketches")
    few = {name: split.select(range(0, len(split), 20)) for name, split in given.splits.items()}
    make_screenshots.lay_out(datasets.Dataset("few", given.class_names, **few), tmp_path / "pets")
    found = datasets.load(tmp_path / "pets", progress=False)
    assert found.class_names == given.class_names
    for name, split in found.splits.items():
        assert sorted(zip(split.hashes, split.labels, strict=True)) == sorted(
            zip(few[name].hashes, few[name].labels, strict=True)
        )


def test_the_sketch_to_drop_is_large_enough_and_always_the_same(tmp_path):
    for name in ("a.png", "b.png"):
        make_screenshots.draw(tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (make_screenshots.SIDE, make_screenshots.SIDE)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_picture_is_framed_and_has_few_colours(tmp_path):
    shot = np.full((40, 60, 3), 255, np.uint8)
    assert make_screenshots.save(png(shot), tmp_path / "shot.png").startswith("shot.png: 64 by 44 pixels")
    with Image.open(tmp_path / "shot.png") as image:
        assert image.mode == "P"
        seen = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(seen[2:-2, 2:-2], shot)
    assert (seen[0] < 255).all()
    assert [path.name for path in tmp_path.iterdir()] == ["shot.png"]


def test_a_picture_that_is_too_large_replaces_none(tmp_path):
    (tmp_path / "shot.png").write_bytes(b"the one before")
    noise = np.random.default_rng(1).integers(0, 256, (600, 600, 3), np.uint8)
    with pytest.raises(SystemExit, match=r"shot.png would have \d+ kB, and may have 150"):
        make_screenshots.save(png(noise), tmp_path / "shot.png")
    assert (tmp_path / "shot.png").read_bytes() == b"the one before"
    assert [path.name for path in tmp_path.iterdir()] == ["shot.png"]


def test_what_the_script_waits_for_is_on_the_page():
    page = resources.files("tlbook.classifier").joinpath("drop.html").read_text(encoding="utf-8")
    assert all(f'id="{name}"' in page for name in ("about", "file", "drop", "answer"))
