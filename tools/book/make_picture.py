"""Draw the two pictures of the README and the front page: sketches.png and workflow.png in book/_static.

    python tools/book/make_picture.py

The first shows cats, dogs, and one of each other species; the second the way from a folder of pictures to a model.
"""

from __future__ import annotations

import io
import textwrap

import numpy as np
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from tlbook import plotting, sketches
from tlbook.plotting.style import PALETTE, finished, new_figure
from tools import ROOT

FOLDER = ROOT / "book" / "_static"
SIZE, GAP, COLUMNS = 128, 8, 8
STEPS = (
    ("your folder", ""),
    ("split", "three parts, once and for good"),
    ("features", "one pass through a pretrained network"),
    ("probe", "a new last layer on top"),
    ("calibrate", "80 % sure: right 80 % of the time"),
    ("report", "accuracy with its interval, and where it fails"),
    ("export", "a file you can share"),
)


def save(sheet: Image.Image, name: str) -> None:
    target = FOLDER / name
    sheet.quantize(256, method=Image.Quantize.FASTOCTREE).save(target, optimize=True)
    print(f"{name}: {sheet.width} x {sheet.height}, {target.stat().st_size / 1e3:.0f} kB")


def animals() -> Image.Image:
    others = [species for species in sketches.SOURCE_SPECIES if species not in sketches.TARGET_SPECIES]
    portraits = ["cat", "dog"] * (COLUMNS // 2) + others
    portraits = portraits[: len(portraits) // COLUMNS * COLUMNS]
    rows = len(portraits) // COLUMNS
    sheet = np.full((rows * (SIZE + GAP) - GAP, COLUMNS * (SIZE + GAP) - GAP, 4), 0, np.uint8)
    rng = np.random.default_rng(7)
    for number, species in enumerate(portraits):
        image = sketches.draw(species, rng, size=SIZE).image
        top, left = (SIZE + GAP) * (number // COLUMNS), (SIZE + GAP) * (number % COLUMNS)
        sheet[top : top + SIZE, left : left + SIZE] = np.dstack([image, np.full((SIZE, SIZE), 255, np.uint8)])
    return Image.fromarray(sheet)


def workflow() -> Image.Image:
    """Seven steps in two rows, 4 + 3, so that they can be read on a phone."""
    width, height, step, row = 1.5, 0.86, 1.78, 1.06
    rng = np.random.default_rng(3)
    with plotting.style():
        figure, ((axes,),) = new_figure(7.2, 2.15)
        axes.axis("off")
        axes.set(xlim=(-0.04, 3 * step + width + 0.04), ylim=(-row - 0.04, height + 0.04), aspect="equal")
        for number, (title, text) in enumerate(STEPS):
            x, y = (number % 4) * step, -row * (number // 4)
            if number == 0:
                for place, species in enumerate(("cat", "dog", "cat", "dog")):
                    left, bottom = x + 0.02 + 0.375 * place, y + 0.3
                    image = sketches.draw(species, rng, size=SIZE).image
                    axes.imshow(image, extent=(left, left + 0.335, bottom, bottom + 0.335), zorder=3)
                axes.text(x + width / 2, y + 0.8, title, ha="center", va="center", weight="bold")
                axes.text(x + width / 2, y + 0.14, "one subfolder per class", ha="center", va="center", size=8.5)
            else:
                box = FancyBboxPatch(
                    (x, y),
                    width,
                    height,
                    boxstyle="round,pad=0,rounding_size=0.1",
                    facecolor="#EAF3FA",
                    edgecolor=PALETTE["blue"],
                )
                axes.add_patch(box)
                axes.text(x + width / 2, y + 0.67, title, ha="center", va="center", weight="bold")
                lines = textwrap.fill(text, 21)
                axes.text(x + width / 2, y + 0.29, lines, ha="center", va="center", size=8.5, linespacing=1.15)
            if number < len(STEPS) - 1 and number != 3:
                tip = {"arrowstyle": "-|>", "color": "#444444", "shrinkA": 0, "shrinkB": 0}
                axes.annotate("", (x + step - 0.02, y + height / 2), (x + width + 0.03, y + height / 2), arrowprops=tip)
        # From the end of the first row to the beginning of the second.
        middle = -(row - height) / 2
        end, begin = 3 * step + width / 2, width / 2
        axes.plot([end, end, begin], [0, middle, middle], color="#444444", linewidth=1)
        axes.annotate("", (begin, -row + height), (begin, middle), arrowprops=tip)
        axes.set(xlim=(-0.04, 3 * step + width + 0.04), ylim=(-row - 0.04, height + 0.04))
        finished(figure)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=160)
    return Image.open(drawn).convert("RGB")


def main() -> None:
    save(animals(), "sketches.png")
    save(workflow(), "workflow.png")


if __name__ == "__main__":
    main()
