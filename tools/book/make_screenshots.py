"""Take the pictures of the classifier in README and on the index page: report.png and drop-page.png, in book/_static.

    python tools/book/make_screenshots.py

report.png is the upper part of the report that `tlbook train` writes, drop-page.png the page of `tlbook serve` with its answer to
a sketch. The model is a linear probe on sketchnet, trained here on the shipped sketches, in a folder named pets. The sketch that
is dropped is drawn anew and larger, since the shipped ones are 96 pixels wide. Where a number that is printed at the end has
changed, change the alt texts too. Needs Chromium and chromedriver, as make test-browser does; takes half a minute.
"""

from __future__ import annotations

import base64
import contextlib
import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from tlbook import classifier, datasets, sketches
from tools import ROOT
from tools.check import run_browser_tests

if TYPE_CHECKING:
    from tests.browser.pages import Browser

STATIC = ROOT / "book" / "_static"
WIDTH, FRAME = 1080, 2  # pixels of a picture, and of the line around it: the page is white, and so is README
LARGEST = 150_000  # bytes
COLOURS = 128
SPECIES, SEED, SIDE = "dog", 6, 640  # of the sketch that is dropped
PATIENCE = 60  # seconds

# As narrow as a window may be in which the whole table of classes is seen.
REPORT_WIDTH = """
const table = document.querySelector("table").getBoundingClientRect();
return Math.ceil(table.right + table.left);
"""
# As far as the captions of the labels in doubt: of the second row, so that the learning curve beside them is whole.
REPORT_HEIGHT = """
const [, doubtful] = document.querySelectorAll(".photos"); // after a right and a wrong answer at the top
const boxes = [...doubtful.querySelectorAll("figure")].map((figure) => figure.getBoundingClientRect());
const [, second] = new Set(boxes.map((box) => box.top));
const rows = boxes.filter((box) => box.top <= second);
return Math.floor(Math.max(...rows.map((box) => box.bottom)) + scrollY + 15);
"""
DROP_WIDTH = 640
DROP_HEIGHT = "return Math.ceil(document.querySelector('#answer').getBoundingClientRect().bottom + scrollY + 24)"
KNOWS = "return document.getElementById('about').textContent.includes('knows')"
SHOWN = "return document.querySelector('#drop img')?.naturalWidth"
ANSWERED = "return document.querySelector('#answer strong, #answer .error')?.textContent"


def lay_out(data: datasets.Dataset, folder: Path) -> None:
    """Copy a data set into a folder as a reader would have it: train, validation and test, and the classes in each."""
    for split in data.splits.values():
        for path, label in zip(split.paths, split.labels, strict=True):
            place = folder / split.name / split.class_names[label]
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)


def draw(path: Path) -> None:
    """Draw a sketch that the model has not seen."""
    Image.fromarray(sketches.draw(SPECIES, np.random.default_rng(SEED), size=SIDE).image).save(path)


def save(shot: bytes, target: Path) -> str:
    """Frame a screenshot, write it with few colours, and say how large it is; a picture that is there stays until then."""
    image = ImageOps.expand(Image.open(io.BytesIO(shot)).convert("RGB"), FRAME, "#c8ccd0")
    buffer = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    size = len(buffer.getvalue())
    if size > LARGEST:
        raise SystemExit(f"{target.name} would have {size / 1e3:.0f} kB, and may have {LARGEST / 1e3:.0f}")
    unfinished = target.with_name(target.name + ".unfinished")
    unfinished.write_bytes(buffer.getvalue())
    os.replace(unfinished, target)
    return f"{target.name}: {image.width} by {image.height} pixels, {size / 1e3:.0f} kB"


def take(browser: Browser, width: int, height: str) -> bytes:
    """The upper part of the page as a PNG, WIDTH wide with its frame: a window this wide, and as high as a script says."""
    scale = (WIDTH - 2 * FRAME) / width
    browser.cdp("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=scale, mobile=False)
    area = {"x": 0, "y": 0, "width": width, "height": browser.script(height), "scale": 1}
    got = browser.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=area)
    return base64.b64decode(got["data"])


def started() -> Browser:
    """The browser of the tests, found or installed as for them."""
    from tests.browser.pages import Browser

    browser = Browser(*run_browser_tests.found())
    browser.start_anew()
    return browser


def photograph(browser: Browser, result: classifier.Result, sketch: Path) -> list[str]:
    """Take both pictures, and say what is on them."""
    from tests.tlbook.classifier.folders import served

    if str(Path.cwd()) in result.report.read_text(encoding="utf-8"):
        raise SystemExit("The report shows where on this machine it was made.")
    browser.open(result.report.resolve().as_uri())
    browser.size((1000, 900))
    said = [browser.script("return document.querySelector('h1').textContent")]
    said.append(save(take(browser, browser.script(REPORT_WIDTH), REPORT_HEIGHT), STATIC / "report.png"))
    with served(result.model) as server:
        browser.open(server.url)
        browser.wait(KNOWS, seconds=PATIENCE)
        browser.driver.find_element("id", "file").send_keys(str(sketch.resolve()))
        answer = browser.wait(ANSWERED, seconds=PATIENCE)
        browser.wait(SHOWN, seconds=PATIENCE)
        if not answer.endswith(" %"):
            raise SystemExit(f"The page answers: {answer}")
        browser.script("document.activeElement.blur()")  # or the box is outlined as for the keyboard
        said.append(f"a {SPECIES} is answered with: {answer}")
        said.append(save(take(browser, DROP_WIDTH, DROP_HEIGHT), STATIC / "drop-page.png"))
    return said


def main() -> None:
    browser = started()
    try:
        # Trained where it lies, the folder is named as a reader would name it, and not as this machine names temporary ones.
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            lay_out(datasets.load("sketches"), Path("pets"))
            draw(Path(f"{SPECIES}.png"))
            result = classifier.train("pets", "result", backbone="sketchnet", strategy="probe")
            said = photograph(browser, result, Path(f"{SPECIES}.png"))
    finally:
        browser.driver.quit()
    print("\n".join(said))


if __name__ == "__main__":
    main()
