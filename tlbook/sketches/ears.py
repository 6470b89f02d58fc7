"""Ears: those that stand behind the head, and those that hang before it."""

# ruff: noqa: RUF005 (points + (x, y) moves an array of points)
from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tlbook.sketches.canvas import EARS, RGB, curve, ellipse, mix, tone, turn

if TYPE_CHECKING:
    from tlbook.sketches.portrait import Sitter

_MIRROR = np.array([-1.0, 1.0])


def behind(sitter: Sitter) -> None:
    """Draw every kind of ear but the floppy one, which hangs before the head."""
    if sitter.factors.ear_kind in ("none", "floppy"):
        return
    _both(sitter)


def before(sitter: Sitter) -> None:
    """Draw floppy ears."""
    if sitter.factors.ear_kind == "floppy":
        _both(sitter)


def _both(sitter: Sitter) -> None:
    factors = sitter.factors
    # The same numbers are drawn whatever the kind, so that the kind alone can be changed.
    wobble = np.random.default_rng(factors.fur_seed + 1).normal(0, 4, size=2)
    for side, extra in zip((-1, 1), wobble, strict=True):
        for points, colour in _shapes(sitter, float(extra), 1 - 0.12 * side * factors.yaw):
            if side < 0:
                points = points * _MIRROR
            sitter.head.fill(points + (-0.05 * factors.yaw, 0), colour, part=EARS)


def _shapes(sitter: Sitter, wobble: float, width_share: float) -> list[tuple[NDArray[np.float64], RGB]]:
    """Polygons and colours of the right ear, back to front, in the head's frame."""
    factors, h = sitter.factors, sitter.half_height
    kind, length, width = factors.ear_kind, factors.ear_size, factors.ear_width / 2 * width_share
    tinted = factors.marking in ("goggles", "points") and factors.marking_strength > 0.4
    outer = sitter.second if tinted else tone(sitter.main, -0.08)
    inner = mix(tone(outer, 0.1), (236, 150, 150), 0.6)
    edge = tone(outer, -0.5)
    seat = math.radians(factors.ear_angle)
    base = np.array([0.9 * math.sin(seat) * (1 - factors.jaw * math.cos(seat)), -0.88 * h * math.cos(seat)])
    lean = 0.55 * factors.ear_angle + factors.ear_splay - 8 + wobble

    if kind == "floppy":
        drop, out = 1.25 * length, 0.7 * width
        top = (base[0] - 0.5, base[1] - 0.06)
        tip = (base[0] + out * 0.5, base[1] + drop)
        shape = curve(
            top, (base[0] + 0.1, base[1] - 0.3), (base[0] + out + 0.05, base[1] + 0.1 * drop),
            (base[0] + out + 0.3, base[1] + 0.85 * drop), tip,
            (base[0] - out - 0.12, base[1] + 0.9 * drop), (base[0] - out * 0.55, base[1] + 0.25 * drop),
            (base[0] - 0.25, base[1] + 0.08), top,
        )  # fmt: skip
        shape = turn(shape - base, -0.4 * factors.ear_splay - wobble) + base
        middle = shape.mean(0)
        return [((shape - middle) * 1.07 + middle, edge), (shape, tone(outer, -0.16))]

    if kind == "pointed":
        shape = curve(
            (-width * 1.15, 0.3), (-width * 0.95, -0.55 * length), (0.08 * width, -length),
            (width * 1.05, -0.5 * length), (width * 1.15, 0.3),
        )  # fmt: skip
        inside = shape * (0.62, 0.72) + (0, -0.02)
    elif kind == "round":
        shape = ellipse(0, -0.36 * length, 1.02 * width + 0.08, 0.62 * length)
        inside = ellipse(0, -0.36 * length, 0.66 * width + 0.04, 0.42 * length)
    elif kind == "long":
        shape = curve(
            (-0.6 * width, 0.25),
            (-1.7 * width, -0.6 * length),
            (0, -length),
            (1.7 * width, -0.6 * length),
            (0.6 * width, 0.25),
        )
        inside = shape * (0.55, 0.8) + (0, -0.03)
    elif kind == "leaf":
        lean += 22
        shape = curve((0, 0.15), (-1.5 * width, -0.45 * length), (0, -length), (1.5 * width, -0.45 * length), (0, 0.15))
        inside = shape * (0.6, 0.75) + (0, -0.03)
    else:  # folded: a stump, its tip folded forward over it
        length *= 1.15
        stump = np.array(
            [(-1.2 * width, 0.3), (-0.85 * width, -0.66 * length), (0.85 * width, -0.7 * length), (1.2 * width, 0.3)]
        )
        flap = curve(
            (-0.9 * width, -0.62 * length), (-0.1 * width, -0.92 * length), (0.92 * width, -0.68 * length),
            (1.25 * width, -0.4 * length), (1.3 * width, 0.02 * length),
            (0.1 * width, -0.1 * length), (-0.9 * width, -0.62 * length),
        )  # fmt: skip
        place = [turn(points, lean) + base for points in (stump * (1.1, 1.04), stump, flap * 1.06, flap)]
        return list(zip(place, (edge, outer, edge, tone(outer, -0.2)), strict=True))
    grown = (shape - shape.mean(0)) * 1.1 + shape.mean(0)
    place = [turn(points, lean) + base for points in (grown, shape, inside)]
    return list(zip(place, (edge, outer, inner), strict=True))
