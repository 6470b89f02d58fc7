"""Many photos out of few, each a little different: ``python benchmarks/make_copies.py DATASET COUNT FOLDER`` (started by run.py).

Cropped by up to a tenth, lighter or darker, mirrored or not, saved as JPEG anew in a folder for each class:
no two files are alike, all decode like photos.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import Clock

clock = Clock()


def main() -> None:
    import numpy as np
    from PIL import Image, ImageEnhance, ImageOps

    from tlbook import datasets

    dataset, count, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    split = datasets.load(dataset, progress=False).train
    sources, classes = split.paths, [split.class_names[label] for label in split.labels]
    order = np.random.default_rng(0).permutation(len(sources))  # so that a few photos are of all classes
    for name in split.class_names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    clock.imported()

    def write(number: int) -> None:
        rng, source = np.random.default_rng(number), order[number % len(sources)]
        with Image.open(sources[source]) as file:
            image = file.convert("RGB")
        left, top, right, bottom = (rng.uniform(0, 0.1) for _ in range(4))
        width, height = image.size
        image = image.crop((int(left * width), int(top * height), int((1 - right) * width), int((1 - bottom) * height)))
        image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.7, 1.3))
        if rng.random() < 0.5:
            image = ImageOps.mirror(image)
        image.save(folder / classes[source] / f"{number:06d}.jpg", quality=90)

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(write, range(count)):
            pass
    clock.report(images=count)


if __name__ == "__main__":
    main()
