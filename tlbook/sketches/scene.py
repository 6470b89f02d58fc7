"""From a record to pixels: the scene put together, lit and photographed."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tlbook._checks import whole
from tlbook.sketches.background import background, clutter
from tlbook.sketches.canvas import COVER, EARS, EYES, HEAD, MUZZLE, NOTHING, Canvas, curve, ellipse, hls, tone
from tlbook.sketches.factors import Factors
from tlbook.sketches.portrait import portrait
from tlbook.sketches.species import sample

PARTS = {"head": (HEAD, EYES, MUZZLE), "ears": (EARS,), "eyes": (EYES,), "muzzle": (MUZZLE,)}


class Sketch:
    """One drawing.

    Attributes
    ----------
    image : numpy.ndarray
        uint8, (size, size, 3), RGB.
    factors : Factors
        The record it was drawn from.
    """

    def __init__(self, image: NDArray[np.uint8], factors: Factors, labels: Image.Image) -> None:
        self.image = image
        self.factors = factors
        self._labels = labels

    @cached_property
    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """Where the *visible* part of head, ears, eyes and muzzle lies.

        bool arrays (size, size). The head's mask holds the face, so eyes and muzzle are
        subsets of it; an ear is not part of the head. What the object in front covers
        belongs to no mask. Eyelids count as eyes; nose, mouth and tongue as muzzle; hair
        as head, but mane, spikes and horns as nothing. Blur, light and noise do not
        change the masks, and whiskers are in none.
        """
        size = self.image.shape[0]
        fine = np.asarray(self._labels)
        step = fine.shape[0] // size
        cells = fine.reshape(size, step, size, step)
        return {name: np.isin(cells, codes).mean((1, 3)) >= 0.5 for name, codes in PARTS.items()}


def render(factors: Factors, size: int = 96) -> Sketch:
    """Draw the picture that a record describes.

    The same record gives the same picture; with another size, the same picture larger or
    smaller (but for the pixel noise).

    Parameters
    ----------
    factors : Factors
    size : int
        Side of the picture in pixels, 16 to 1024.

    Raises
    ------
    ValueError
        If the size is out of range.
    """
    size = whole(size, "size", 16, 1024, of="pixels")
    # Everything is drawn larger and scaled down: this is what smooths the edges.
    side = size * (3 if size <= 256 else 2)
    rng = np.random.default_rng(factors.scene_seed)
    canvas = Canvas(background(factors, side, rng))
    clutter(canvas, factors, rng)
    portrait(canvas, factors)
    _occluder(canvas, factors)
    small = canvas.picture.reduce(side // size)
    return Sketch(_photograph(small, canvas, factors, size), factors, canvas.labels)


def draw(species: str, rng: np.random.Generator, size: int = 96, **factors: Any) -> Sketch:
    """Draw one animal: `sample` a record, then `render` it.

    Examples
    --------
    >>> import numpy as np
    >>> sketch = draw("cat", np.random.default_rng(0), background="grass", angle=20)
    >>> sketch.image.shape, sketch.factors.background
    ((96, 96, 3), 'grass')
    """
    return render(sample(species, rng, **factors), size)


def _occluder(canvas: Canvas, factors: Factors) -> None:
    if not factors.occluder_size:
        return
    unit = factors.scale * canvas.side / 2
    h = 1 / factors.head_aspect
    a = math.radians(factors.angle + factors.tilt)
    dx, dy = factors.occluder_x * 0.8, factors.occluder_y * h * 0.8
    x = factors.x * canvas.side + unit * (dx * math.cos(a) - dy * math.sin(a))
    y = factors.y * canvas.side + unit * (dx * math.sin(a) + dy * math.cos(a))
    pen = canvas.pen(x, y, unit * factors.occluder_size, 360 * (factors.occluder_hue * 7 % 1))
    colour = hls(factors.occluder_hue, 0.55, 0.55)
    edge = tone(colour, -0.35)
    if factors.occluder == "card":
        box = np.array([(-1, -0.8), (1, -0.8), (1, 0.8), (-1, 0.8)])
        pen.fill(box, edge, part=COVER)
        pen.fill(box * 0.93, colour)
        pen.fill(box * (0.7, 0.12) + (0, -0.3), tone(colour, 0.4))
        pen.fill(box * (0.7, 0.12) + (0, 0.1), tone(colour, 0.4))
    elif factors.occluder == "ball":
        pen.fill(ellipse(0, 0, 1, 1, n=72), edge, part=COVER)
        pen.fill(ellipse(-0.05, -0.05, 0.9, 0.9, n=72), colour)
        pen.fill(ellipse(-0.35, -0.35, 0.3, 0.24), tone(colour, 0.55), 0.8)
    elif factors.occluder == "leaf":
        leaf = curve((-1.35, 0), (0, -1.5), (1.35, 0), (0, 1.5), (-1.35, 0), steps=12)
        green = hls(0.2 + 0.2 * factors.occluder_hue, 0.42, 0.5)
        pen.fill(leaf, tone(green, -0.35), part=COVER)
        pen.fill(leaf * 0.94, green)
        pen.stroke(np.array([(-1.3, 0), (1.3, 0)]), tone(green, 0.3), 0.06)
        for at in (-0.6, -0.1, 0.4):
            pen.stroke(np.array([(at + 0.3, -0.5), (at, 0), (at + 0.3, 0.5)]), tone(green, 0.3), 0.04)
    elif factors.occluder == "branch":
        wood = hls(0.07, 0.3 + 0.2 * factors.occluder_hue, 0.35)
        beam = np.array([(-6, -0.36), (6, -0.3), (6, 0.3), (-6, 0.36)])
        pen.fill(beam * (1, 1.15), tone(wood, -0.4), part=COVER)
        pen.fill(beam, wood)
        pen.stroke(np.array([(-6, -0.1), (6, -0.08)]), tone(wood, -0.25), 0.05)
        for at in (-0.9, 0.8):
            pen.fill(
                curve((at, -0.3), (at + 0.1, -1), (at + 0.7, -1.1), (at + 0.7, -0.4), (at, -0.3)),
                (110, 160, 80),
                part=COVER,
            )
    else:  # cloud
        for px, py, r in ((-0.6, 0.15, 0.6), (0, -0.15, 0.75), (0.65, 0.15, 0.6), (0, 0.35, 0.6)):
            pen.fill(ellipse(px, py, r + 0.05, r + 0.05), (205, 212, 224), part=COVER)
        for px, py, r in ((-0.6, 0.15, 0.6), (0, -0.15, 0.75), (0.65, 0.15, 0.6), (0, 0.35, 0.6)):
            pen.fill(ellipse(px, py, r, r), (246, 248, 252))


def _photograph(picture: Image.Image, canvas: Canvas, factors: Factors, size: int) -> NDArray[np.uint8]:
    """Light, blur, tone curve and noise: from the drawn picture to uint8 pixels."""
    pixels = np.asarray(picture, dtype=np.float32) / 255
    grid = (np.arange(size, dtype=np.float32) + 0.5) / size
    a = math.radians(factors.shade_angle)
    reach = factors.scale / 2
    # Over the animal the light falls off as on a ball, over the rest as on a wall.
    across = (grid - factors.x)[None, :] * math.sin(a) - (grid - factors.y)[:, None] * math.cos(a)
    drawn = canvas.labels.point([0 if code == NOTHING else 255 for code in range(256)])
    animal = np.asarray(drawn.reduce(canvas.side // size), dtype=np.float32) / 255
    ball = np.clip(across / reach, -1.4, 1.4)
    field = 1 + factors.shade * (0.26 * ball * animal + 0.2 * np.clip(across, -0.7, 0.7) * (1 - animal))
    warm = np.array([1 + 0.1 * factors.warmth, 1.0, 1 - 0.13 * factors.warmth], dtype=np.float32)
    pixels = pixels * (factors.light * field)[..., None] * warm
    pixels = (pixels - 0.5) * factors.contrast + 0.5 if factors.contrast != 1 else pixels
    if factors.blur:
        blurred = Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))
        blurred = blurred.filter(ImageFilter.GaussianBlur(factors.blur * size / 96))
        pixels = np.asarray(blurred, dtype=np.float32) / 255
    pixels = np.clip(pixels, 0, 1)
    if factors.gamma != 1:
        pixels = pixels**factors.gamma
    if factors.noise:
        noise = np.random.default_rng(factors.noise_seed).standard_normal((size, size, 3), dtype=np.float32)
        pixels = pixels + factors.noise * noise
    return (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
