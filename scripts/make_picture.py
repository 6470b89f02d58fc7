"""Draw the picture of the README and the index page, book/_static/sketches.png: cats, dogs, and one of each other species.

python scripts/make_picture.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tlbook import sketches

TARGET = Path(__file__).resolve().parent.parent / "book" / "_static" / "sketches.png"
SIZE, GAP, COLUMNS = 128, 8, 8


def main() -> None:
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
    Image.fromarray(sheet).quantize(256, method=Image.Quantize.FASTOCTREE).save(TARGET, optimize=True)
    print(f"{TARGET.name}: {rows} rows of {COLUMNS}, {TARGET.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
