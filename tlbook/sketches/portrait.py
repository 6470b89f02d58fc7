"""The animal: head, body, fur and what is worn; drawn from a record, back to front."""

# ruff: noqa: RUF005 (points + (x, y) moves an array of points)
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlbook.sketches import ears, face
from tlbook.sketches.canvas import BODY, HEAD, RGB, Canvas, Pen, curve, ellipse, fur, hls, luminance, tone, turn
from tlbook.sketches.factors import Factors


@dataclass(frozen=True)
class Sitter:
    """What every part needs to know: pens, colours, half height of the head, chance."""

    factors: Factors
    head: Pen
    trunk: Pen
    half_height: float
    main: RGB
    second: RGB
    line: RGB
    outline: NDArray[np.float64]
    rng: np.random.Generator

    @property
    def eye_shift(self) -> float:
        """How far a turned head moves the eyes sideways, half head widths."""
        return 0.2 * self.factors.yaw

    @property
    def nose_shift(self) -> float:
        """The same for the muzzle, which stands out further."""
        return 0.32 * self.factors.yaw


def portrait(canvas: Canvas, factors: Factors) -> None:
    """Draw the animal of a record onto the canvas, and enter its parts in the label map."""
    rng = np.random.default_rng(factors.fur_seed)
    x, y = factors.x * canvas.side, factors.y * canvas.side
    unit = factors.scale * canvas.side / 2
    main = fur(factors.fur_colour, factors.fur_hue, factors.fur_light)
    second = fur(factors.second_colour, factors.fur_hue, 0)
    if abs(luminance(main) - luminance(second)) < 36:
        # A marking in the fur's own colour would not show.
        second = tone(second, 0.5 if luminance(main) < 130 else -0.45)
    half_height = 1 / factors.head_aspect
    sitter = Sitter(
        factors=factors,
        head=canvas.pen(x, y, unit, factors.angle + factors.tilt),
        trunk=canvas.pen(x, y, unit, factors.angle),
        half_height=half_height,
        main=main,
        second=second,
        line=tone(main, -0.55),
        outline=_outline(factors, half_height, rng),
        rng=rng,
    )
    _body(sitter)
    _crown_behind(sitter)
    ears.behind(sitter)
    _head(sitter)
    _crown_before(sitter)
    face.muzzle(sitter)
    face.eyes(sitter)
    face.whiskers(sitter)
    ears.before(sitter)


def _outline(factors: Factors, half_height: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Outline of the head, (72, 2): a squarish ellipse, tapered, with tufts and rough fur."""
    t = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    c, s = np.cos(t), np.sin(t)
    x = np.sign(c) * np.abs(c) ** 0.9
    y = np.sign(s) * np.abs(s) ** 0.9
    x = x * (1 + factors.jaw * y)
    zigzag = np.array([0.0, 0.55, 1.0, 0.35])[np.arange(72) % 4]
    low = np.arcsin(np.clip(s, -1, 1))
    tufts = np.exp(-(((low - 0.5) / 0.33) ** 2)) * zigzag * 0.3 * factors.cheek
    rough = 1 + 0.055 * factors.fluff * (rng.random(72) - 0.4)
    return np.stack([x * rough * (1 + tufts), y * half_height * rough * (1 + 0.25 * tufts)], 1)


def _body(sitter: Sitter) -> None:
    factors, pen, h = sitter.factors, sitter.trunk, sitter.half_height
    main, rng = sitter.main, sitter.rng
    if factors.body != "none":
        wide = 0.9 if factors.body == "bust" else 0.75
        shape = curve(
            (-0.42, 0.5 * h), (-wide, h + 0.15), (-wide, h + 1.0), (-wide - 0.1, h + 2.4), (0, h + 2.4),
            (wide + 0.1, h + 2.4), (wide, h + 1.0), (wide, h + 0.15), (0.42, 0.5 * h),
        )  # fmt: skip
        pen.fill(shape * (1.03, 1.01), sitter.line, part=BODY)
        pen.fill(shape, tone(main, -0.1), part=BODY)
        inside = pen.stencil(shape)
        chest = sitter.second if factors.marking in ("disc", "blaze") else tone(main, 0.22)
        pen.fill_inside([ellipse(0, h + 0.75, 0.45, 0.75)], chest, 0.75, inside)
        if factors.pattern != "plain":
            shapes = _pattern(factors.pattern, h, rng)
            moved = [points + (0, h + 1.1) for points in shapes]
            pen.fill_inside(moved, sitter.second, factors.pattern_strength, inside)
        if factors.body == "paws":
            for side in (-1, 1):
                leg = ellipse(side * 0.42, h + 1.05, 0.24, 0.42)
                paw = ellipse(side * 0.42, h + 1.4, 0.3, 0.2)
                pen.fill(leg, tone(main, -0.04), part=BODY)
                pen.fill(paw * (1, 1) + (0, 0.02), sitter.line, part=BODY)
                pen.fill(paw, tone(main, 0.12), part=BODY)
                for toe in (-0.1, 0.1):
                    at = side * 0.42 + toe
                    pen.stroke(np.array([(at, h + 1.4), (at, h + 1.54)]), sitter.line, 0.035)
    _collar(sitter)


def _collar(sitter: Sitter) -> None:
    factors, pen, h = sitter.factors, sitter.trunk, sitter.half_height
    if factors.collar == "none":
        return
    colour = hls(factors.collar_hue, 0.5, 0.65)
    thick = 0.42 if factors.collar == "scarf" else 0.24
    top = 0.74 * h
    band = np.concatenate(
        [
            curve((-0.74, top), (0, top + 0.75), (0.74, top)),
            curve((0.8, top + thick), (0, top + 0.75 + thick), (-0.8, top + thick)),
        ]
    )
    pen.fill(band, colour, part=BODY)
    pen.stroke(curve((-0.8, top + thick), (0, top + 0.75 + thick), (0.8, top + thick)), tone(colour, -0.4), 0.05)
    low = top + 0.36 + thick
    if factors.collar == "bell":
        pen.fill(ellipse(0, low + 0.1, 0.17, 0.17, n=20), (150, 110, 30), part=BODY)
        pen.fill(ellipse(0, low + 0.09, 0.145, 0.145, n=20), (244, 204, 84), part=BODY)
        pen.fill(ellipse(0, low + 0.14, 0.05, 0.05, n=12), (110, 76, 24))
    elif factors.collar == "scarf":
        tail = np.array([(0.2, low - 0.15), (0.5, low - 0.25), (0.62, low + 0.6), (0.3, low + 0.66)])
        pen.fill(tail, tone(colour, -0.15), part=BODY)
    elif factors.collar == "bow":
        for side in (-1, 1):
            wing = np.array([(0, low), (side * 0.42, low - 0.24), (side * 0.42, low + 0.24)])
            pen.fill(wing, tone(colour, 0.12), part=BODY)
        pen.fill(ellipse(0, low, 0.12, 0.13, n=20), tone(colour, -0.25), part=BODY)


def _head(sitter: Sitter) -> None:
    factors, pen, outline = sitter.factors, sitter.head, sitter.outline
    pen.fill(outline * 1.03 + (0, 0.012), sitter.line, part=HEAD)
    pen.fill(outline, sitter.main, part=HEAD)
    inside = pen.stencil(outline)
    h, rng = sitter.half_height, sitter.rng
    if factors.pattern != "plain":
        shapes = _pattern(factors.pattern, h, rng)
        pen.fill_inside(shapes, sitter.second, factors.pattern_strength, inside)
    if factors.marking != "none":
        shapes = _marking(sitter)
        pen.fill_inside(shapes, sitter.second, factors.marking_strength, inside)
    if factors.fluff > 0.05:
        # Short hairs that follow the outline: texture without hiding the markings.
        for turn_share, radius, light in rng.random((26, 3)):
            a, r = 2 * math.pi * turn_share, 0.5 + 0.42 * radius
            start = np.array([r * math.cos(a), r * h * math.sin(a)])
            colour = (255, 250, 240) if light > 0.5 else (30, 20, 24)
            pen.stroke(np.stack([start, start * 1.13]), colour, 0.03, 0.22 * factors.fluff)
    if factors.blush:
        for side in (-1, 1):
            at = (side * 0.6 + 0.6 * sitter.eye_shift, 0.3 * h)
            pen.fill_inside([ellipse(*at, 0.17, 0.11)], (244, 120, 130), 0.55 * factors.blush, inside)


def _pattern(kind: str, h: float, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Polygons of a fur pattern for a head of half height h."""
    if kind == "stripes":  # a tabby's: three on the forehead, three on either cheek
        shapes = []
        for at in (-0.26, 0.0, 0.26):
            length = h * (0.5 + 0.12 * rng.random())
            shapes.append(np.array([(at * 1.5 - 0.07, -1.1 * h), (at * 1.5 + 0.07, -1.1 * h), (at, -1.1 * h + length)]))
        for side in (-1, 1):
            for at in (0.02, 0.3, 0.58):
                reach = 0.5 + 0.1 * rng.random()
                shapes.append(
                    np.array(
                        [(side * 1.4, (at - 0.1) * h), (side * 1.4, (at + 0.12) * h), (side * reach, (at + 0.1) * h)]
                    )
                )
        return shapes
    if kind == "spots":
        return [
            ellipse(2 * x - 1, (2 * y - 1) * h, 0.07 + 0.09 * r, 0.06 + 0.08 * r, 180 * a, n=12)
            for x, y, r, a in rng.random((14, 4))
        ]
    if kind == "patches":
        return [
            ellipse(2.2 * x - 1.1, (2.2 * y - 1.1) * h, 0.25 + 0.3 * r, 0.2 + 0.3 * s, 180 * a, n=20)
            for x, y, r, s, a in rng.random((4, 5))
        ]
    return [  # speckle
        ellipse(2 * x - 1, (2 * y - 1) * h, 0.025 + 0.03 * r, 0.025 + 0.03 * r, n=12) for x, y, r in rng.random((46, 3))
    ]


def _marking(sitter: Sitter) -> list[NDArray[np.float64]]:
    """Polygons of a face marking."""
    factors, h = sitter.factors, sitter.half_height
    kind, dx = factors.marking, sitter.eye_shift
    eye_y, eye_x, size = factors.eye_y * h, factors.eye_spacing, factors.eye_size
    lucky = 1 if factors.fur_seed % 2 else -1
    if kind == "blaze":
        return [
            curve(
                (dx - 0.1, -1.2 * h), (dx - 0.05, -0.2 * h), (dx - 0.42, 1.1 * h), (dx, 1.3 * h), (dx + 0.42, 1.1 * h),
                (dx + 0.05, -0.2 * h), (dx + 0.1, -1.2 * h),
            )
        ]  # fmt: skip
    if kind == "patch":
        return [ellipse(lucky * eye_x + dx, eye_y, size + 0.2, size + 0.22, lucky * 20)]
    if kind == "goggles":
        return [
            ellipse(side * (eye_x + 0.03) + dx, eye_y + 0.04, size + 0.13, size + 0.2, side * 28) for side in (-1, 1)
        ]
    if kind == "bandit":
        return [
            curve(
                (-1.3, eye_y - 0.05), (-0.5, eye_y - 0.45), (dx, eye_y + 0.02), (0.5, eye_y - 0.45), (1.3, eye_y - 0.05),
                (0.9, eye_y + 0.5), (dx, eye_y + 0.3), (-0.9, eye_y + 0.5), (-1.3, eye_y - 0.05),
            )
        ]  # fmt: skip
    if kind == "disc":  # two lobes over the eyes, one below
        return [
            ellipse(dx - 0.36, eye_y, 0.42, 0.46),
            ellipse(dx + 0.36, eye_y, 0.42, 0.46),
            ellipse(dx, 0.45 * h, 0.66, 0.62 * h),
        ]
    if kind == "points":
        return [ellipse(dx * 1.3, 0.42 * h, 0.52, 0.62 * h)]
    if kind == "brows":
        return [
            ellipse(side * eye_x * 0.85 + dx, eye_y - size - 0.12, 0.11, 0.075, side * 15, n=20) for side in (-1, 1)
        ]
    edge = dx + 0.02  # half
    return [
        curve((edge, -1.4 * h), (edge + 0.12 * lucky, 0), (edge, 1.4 * h), (lucky * 2, 1.4 * h), (lucky * 2, -1.4 * h))
    ]


def _crown_behind(sitter: Sitter) -> None:
    """Mane and spikes: a ring of locks behind the head."""
    factors, pen, h = sitter.factors, sitter.head, sitter.half_height
    if factors.crown == "mane":
        reach = 0.3 + 0.3 * factors.crown_size
        for layer, colour in ((1.0, tone(sitter.second, -0.2)), (0.72, sitter.second)):
            for k in range(18):
                a = 2 * math.pi * (k + 0.5 * layer) / 18
                r = 1 + reach * layer * 0.62
                lock = turn(ellipse(0, 0, 0.34, 0.2 + 0.1 * reach, n=12), math.degrees(a))
                pen.fill(lock + (r * math.cos(a), r * h * math.sin(a)), colour, part=BODY)
            pen.fill(ellipse(0, 0, 1 + 0.5 * reach * layer, h + 0.5 * reach * layer), colour, part=BODY)
    elif factors.crown == "spikes":
        reach = 0.25 + 0.3 * factors.crown_size
        for layer, colour in ((1.0, tone(sitter.second, -0.25)), (0.6, tone(sitter.second, 0.12))):
            n = 38
            t = math.pi * (0.92 + 1.16 * np.arange(n) / (n - 1))
            r = 1 + np.where(np.arange(n) % 2, reach * layer, 0.04)
            points = np.stack([1.02 * r * np.cos(t), h * 1.06 * r * np.sin(t)], 1)
            pen.fill(points, colour, part=BODY)


def _crown_before(sitter: Sitter) -> None:
    """Wool, horns and tufts: on top of the head."""
    factors, pen, h = sitter.factors, sitter.head, sitter.half_height
    size = 0.5 + 0.5 * factors.crown_size
    if factors.crown == "wool":
        colour = tone(sitter.second, 0.25)
        for shade, grow in ((tone(colour, -0.3), 0.035), (colour, 0)):
            for k in range(9):
                a = math.pi * (1.08 + 0.84 * k / 8)
                at = (0.82 * math.cos(a), 0.92 * h * math.sin(a))
                r = 0.2 + 0.12 * size * math.sin(math.pi * k / 8) + grow
                pen.fill(ellipse(*at, r, r, n=20), shade, part=HEAD)
    elif factors.crown == "horns":
        for side in (-1, 1):
            x, y = side * 0.42, -0.88 * h
            horn = curve(
                (x - 0.13, y), (x + side * 0.1 - 0.13, y - 0.25 * size), (x + side * 0.32, y - 0.62 * size),
                (x + side * 0.26 + 0.08, y - 0.2 * size), (x + 0.15, y),
            )  # fmt: skip
            pen.fill(horn * (1.02, 1.02), (120, 100, 80), part=BODY)
            pen.fill(horn, (232, 216, 186), part=BODY)
    elif factors.crown == "tuft":
        colour = tone(sitter.main, -0.22)
        for lean in (-0.3, 0.0, 0.3):
            lock = curve((-0.16, 0.1), (-0.1, -0.2), (lean, -0.32 * size - 0.1), (0.1, -0.2), (0.16, 0.1))
            pen.fill(lock + (0.4 * lean, -0.93 * h), colour, part=HEAD)
