"""Eyes, muzzle, nose, mouth, tongue and whiskers."""

# ruff: noqa: RUF005 (points + (x, y) moves an array of points)
from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tlbook.sketches.canvas import EYES, HEAD, IRIS, MUZZLE, NOSE, RGB, Pen, curve, ellipse, luminance, mix, tone, turn

if TYPE_CHECKING:
    from tlbook.sketches.portrait import Sitter

_WHITE: RGB = (255, 255, 255)
_DARK: RGB = (34, 26, 30)


def eyes(sitter: Sitter) -> None:
    """Draw both eyes: liner, iris, pupil, lid and the light in them."""
    factors, pen, h = sitter.factors, sitter.head, sitter.half_height
    iris = IRIS[factors.iris]
    t = np.linspace(0, 2 * math.pi, 28, endpoint=False)
    c, s = np.cos(t), np.sin(t)
    height = factors.eye_open * np.sign(s) * np.abs(s) ** (1 + 0.9 * factors.eye_almond)
    shape = np.stack([c, height], 1)
    for side in (-1, 1):
        # The eye on the side the head turns to looks narrower and closer to the nose.
        narrow = 1 - 0.2 * max(0.0, side * factors.yaw)
        x = side * factors.eye_spacing * (1 - 0.14 * side * factors.yaw) + sitter.eye_shift
        y = factors.eye_y * h
        size = factors.eye_size

        def place(
            points: NDArray[np.float64],
            side: int = side,
            x: float = x,
            y: float = y,
            size: float = size,
            narrow: float = narrow,
        ) -> NDArray[np.float64]:
            return turn(points * (size * narrow, size), -side * factors.eye_slant) + (x, y)

        if factors.eye_y < -0.6:  # eyes that stand above the head sit on a bump of it
            pen.fill(ellipse(x, y + 0.03, size * 1.4, size * 1.35), sitter.line, part=HEAD)
            pen.fill(ellipse(x, y + 0.03, size * 1.32, size * 1.27), sitter.main, part=HEAD)
        pen.fill(place(shape * 1.18), mix(sitter.line, _DARK, 0.6), part=EYES)
        pen.fill(place(shape), iris)
        pen.fill(place(shape * (0.78, 0.7) + (0, 0.14 * factors.eye_open)), tone(iris, 0.22), 0.8)
        tall = factors.eye_open * factors.pupil_size
        pen.fill(place(ellipse(0, 0, tall * factors.pupil_width, tall, n=20)), _DARK)
        if factors.lid:
            lid = shape * 1.16
            cut = factors.eye_open * (2 * factors.lid - 1) * 1.16
            pen.fill(place(np.stack([lid[:, 0], np.minimum(lid[:, 1], cut)], 1)), tone(sitter.main, -0.2))
        glint = (-0.3, -0.34 * factors.eye_open)
        pen.fill(place(ellipse(*glint, 0.23, 0.23, n=12)), _WHITE, 0.95)
        pen.fill(place(ellipse(0.32, 0.34 * factors.eye_open, 0.11, 0.11, n=12)), _WHITE, 0.7)


def muzzle(sitter: Sitter) -> None:
    """Draw the muzzle with mouth, tongue and nose."""
    factors, pen, h = sitter.factors, sitter.head, sitter.half_height
    x, y = sitter.nose_shift, factors.muzzle_y * h
    wide, long = factors.muzzle_width, factors.muzzle_length
    cleft = factors.muzzle_cleft
    under = sitter.second if factors.marking in ("points", "disc", "blaze") else sitter.main
    colour = tone(under, factors.muzzle_tone)
    pads = []
    for side in (-1, 1):
        pads.append(ellipse(x + side * 0.52 * cleft * wide, y + 0.12 * cleft * long, wide * (1 - 0.42 * cleft), long))
    if factors.nose_kind != "beak":
        for pad in pads:
            middle = pad.mean(0)
            pen.fill((pad - middle) * 1.06 + middle + (0, 0.02), tone(colour, -0.22), part=MUZZLE)
        for pad in pads:
            pen.fill(pad, colour, part=MUZZLE)
    nose_y = y - 0.5 * long
    if factors.nose_kind in ("snout", "nostrils"):
        nose_y = y - 0.15 * long
    low = y + 0.42 * long
    line = mix(tone(colour, -0.75), _DARK, 0.4)
    if factors.tongue:
        reach = 0.1 + 0.26 * factors.tongue
        tongue = curve(
            (x - 0.12, low),
            (x - 0.17, low + 1.3 * reach),
            (x, low + 1.25 * reach),
            (x + 0.17, low + 1.3 * reach),
            (x + 0.12, low),
        )
        pen.fill((tongue - (x, low)) * 1.14 + (x, low), (150, 50, 66), part=MUZZLE)
        pen.fill(tongue, (238, 112, 128), part=MUZZLE)
        pen.stroke(np.array([(x, low), (x, low + 0.7 * reach)]), (196, 70, 92), 0.035)
    if factors.mouth:
        if factors.nose_kind not in ("snout", "nostrils", "beak"):
            pen.stroke(np.array([(x, nose_y), (x, low)]), line, 0.045)
        for side in (-1, 1):
            reach, bend = factors.mouth, 0.26 * factors.smile
            pen.stroke(
                curve((x, low), (x + side * 0.55 * reach, low + bend), (x + side * reach, low - 0.45 * bend)),
                line,
                0.05,
            )
    _nose(pen, factors.nose_kind, NOSE[factors.nose_colour], x, nose_y, factors.nose_size, colour)


def _nose(pen: Pen, kind: str, colour: RGB, x: float, y: float, size: float, muzzle_colour: RGB) -> None:
    dark = tone(colour, -0.45)
    if kind == "triangle":
        shape = curve(
            (-1, -0.45),
            (0, -0.8),
            (1, -0.45),
            (1.05, 0.0),
            (0.22, 0.62),
            (0, 0.85),
            (-0.22, 0.62),
            (-1.05, 0.0),
            (-1, -0.45),
        )
        pen.fill(shape * size * 1.16 + (x, y), dark, part=MUZZLE)
        pen.fill(shape * size + (x, y), colour, part=MUZZLE)
        pen.fill(ellipse(x - 0.1 * size, y - 0.36 * size, 0.42 * size, 0.14 * size, n=12), tone(colour, 0.5), 0.8)
    elif kind in ("oval", "tall"):
        tall = 0.74 if kind == "oval" else 1.6
        pen.fill(ellipse(x, y, size * 1.12, tall * size * 1.12, n=20), dark, part=MUZZLE)
        pen.fill(ellipse(x, y, size, tall * size, n=20), colour, part=MUZZLE)
        pen.fill(
            ellipse(x - 0.2 * size, y - 0.38 * tall * size, 0.4 * size, 0.2 * tall * size, n=12),
            tone(colour, 0.55),
            0.75,
        )
        if kind == "oval":
            for side in (-1, 1):
                pen.fill(ellipse(x + side * 0.42 * size, y + 0.22 * size, 0.16 * size, 0.2 * size, n=12), dark)
    elif kind == "snout":
        pen.fill(ellipse(x, y, size * 1.08, 0.82 * size), tone(colour, -0.35), part=MUZZLE)
        pen.fill(ellipse(x, y, size, 0.74 * size), tone(colour, 0.05), part=MUZZLE)
        for side in (-1, 1):
            pen.fill(ellipse(x + side * 0.38 * size, y, 0.14 * size, 0.27 * size, n=12), tone(colour, -0.6))
    elif kind == "beak":
        upper = curve(
            (x - size, y), (x, y - 1.1 * size), (x + size, y), (x + 0.3 * size, y + 0.9 * size), (x, y + 1.5 * size),
            (x - 0.3 * size, y + 0.9 * size), (x - size, y),
        )  # fmt: skip
        middle = upper.mean(0)
        pen.fill((upper - middle) * 1.12 + middle, dark, part=MUZZLE)
        pen.fill(upper, colour, part=MUZZLE)
        pen.stroke(
            curve((x - 0.75 * size, y + 0.25 * size), (x, y + 0.5 * size), (x + 0.75 * size, y + 0.25 * size)),
            dark,
            0.03,
        )
    else:  # nostrils
        for side in (-1, 1):
            shape = ellipse(x + side * size, y, 0.28 * size + 0.02, 0.36 * size + 0.02, side * 20, n=12)
            pen.fill(shape, tone(muzzle_colour, -0.65), part=MUZZLE)


def whiskers(sitter: Sitter) -> None:
    """Draw three whiskers on either side, as opaque as `whiskers` says."""
    factors, pen, h = sitter.factors, sitter.head, sitter.half_height
    if factors.whiskers < 0.03:
        return
    dark_fur = luminance(sitter.main) < 150
    colour = (250, 248, 240) if dark_fur else (70, 58, 58)
    x, y = sitter.nose_shift, factors.muzzle_y * h
    for side in (-1, 1):
        for k in (-1, 0, 1):
            start = (x + side * 0.55 * factors.muzzle_width, y + 0.07 * k)
            reach = factors.whisker_length
            end = (start[0] + side * reach, start[1] + 0.22 * k * reach - 0.05)
            bend = (start[0] + side * 0.5 * reach, start[1] + 0.06 * k - 0.1)
            pen.stroke(curve(start, bend, end, steps=5), colour, 0.028, factors.whiskers)
