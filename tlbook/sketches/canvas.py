"""Drawing tools: colours, curves, and a canvas that also keeps track of the parts drawn."""

# ruff: noqa: RUF005 (points + (x, y) moves an array of points)
from __future__ import annotations

import colorsys
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

RGB = tuple[int, int, int]

# Codes in the label map. The painter's order decides which part a pixel shows.
NOTHING, BODY, EARS, HEAD, EYES, MUZZLE, COVER = range(7)

FUR: dict[str, RGB] = {
    "black": (46, 43, 48),
    "charcoal": (86, 82, 88),
    "grey": (134, 132, 134),
    "silver": (184, 184, 190),
    "white": (242, 238, 232),
    "cream": (240, 220, 186),
    "sand": (216, 180, 130),
    "ginger": (224, 140, 68),
    "brown": (152, 100, 62),
    "chocolate": (100, 66, 50),
    "slate": (106, 124, 146),
    "rose": (240, 174, 176),
    "teal": (88, 176, 154),
    "lilac": (170, 146, 198),
    "olive": (130, 168, 80),
}
IRIS: dict[str, RGB] = {
    "green": (126, 196, 98),
    "yellow": (240, 214, 78),
    "amber": (226, 154, 54),
    "blue": (104, 176, 232),
    "brown": (124, 76, 42),
    "black": (44, 36, 36),
}
NOSE: dict[str, RGB] = {
    "pink": (232, 136, 146),
    "black": (40, 36, 38),
    "brown": (110, 66, 50),
    "orange": (240, 160, 52),
}


def hls(hue: float, light: float, saturation: float) -> RGB:
    """Colour from hue, lightness and saturation, each in [0, 1]."""
    red, green, blue = colorsys.hls_to_rgb(hue % 1.0, min(max(light, 0.0), 1.0), min(max(saturation, 0.0), 1.0))
    return round(red * 255), round(green * 255), round(blue * 255)


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """Colour `share` of the way from a to b."""
    red, green, blue = (round(p + (q - p) * share) for p, q in zip(a, b, strict=True))
    return red, green, blue


def tone(colour: RGB, amount: float) -> RGB:
    """Lighter for amounts above 0 (1 is white), darker below 0 (-1 is black)."""
    return mix(colour, (255, 255, 255) if amount > 0 else (20, 16, 24), abs(amount))


def luminance(colour: RGB) -> float:
    """Perceived lightness of a colour, 0 to 255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def fur(name: str, hue_shift: float, light_shift: float) -> RGB:
    """A fur colour, shifted in hue (turns) and lightness."""
    hue, light, saturation = colorsys.rgb_to_hls(*(c / 255 for c in FUR[name]))
    return hls(hue + hue_shift, min(max(light + light_shift, 0.12), 0.96), saturation)


_CIRCLE = {n: np.linspace(0, 2 * math.pi, n, endpoint=False) for n in (12, 20, 32, 72)}


def ellipse(x: float, y: float, rx: float, ry: float, degrees: float = 0, n: int = 32) -> NDArray[np.float64]:
    """Points (n, 2) of an ellipse, turned clockwise by some degrees."""
    t = _CIRCLE[n]
    points = np.stack([rx * np.cos(t), ry * np.sin(t)], axis=1)
    if degrees:
        points = turn(points, degrees)
    return points + (x, y)


def turn(points: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    """Points turned clockwise about the origin (y points down)."""
    a = math.radians(degrees)
    c, s = math.cos(a), math.sin(a)
    return points @ np.array([[c, s], [-s, c]])


def curve(*anchors: tuple[float, float], steps: int = 7) -> NDArray[np.float64]:
    """Points along quadratic Bézier pieces: on-curve, control, on-curve, control, …"""
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for k in range(0, len(anchors) - 2, 2):
        a, b, c = (np.asarray(p, dtype=float) for p in anchors[k : k + 3])
        pieces.append((1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c)
    pieces.append(np.asarray(anchors[-1], dtype=float)[None])
    return np.concatenate(pieces)


class Canvas:
    """A square RGB picture with a label map of the parts drawn on it.

    Parameters
    ----------
    picture : PIL.Image.Image
        RGB, (side, side): what lies behind.
    """

    def __init__(self, picture: Image.Image) -> None:
        self.picture = picture
        self.side = picture.width
        self.draw = ImageDraw.Draw(picture, "RGBA")
        self.labels = Image.new("L", picture.size, NOTHING)
        self.label_draw = ImageDraw.Draw(self.labels)

    def pen(self, x: float, y: float, unit: float, degrees: float) -> Pen:
        """A pen whose origin is (x, y) in pixels, one unit `unit` pixels, turned clockwise."""
        return Pen(self, x, y, unit, degrees)


class Pen:
    """Draws on a canvas in a coordinate frame of its own (x to the right, y down)."""

    def __init__(self, canvas: Canvas, x: float, y: float, unit: float, degrees: float) -> None:
        self.canvas = canvas
        self.unit = unit
        self.degrees = degrees
        a = math.radians(degrees)
        c, s = math.cos(a) * unit, math.sin(a) * unit
        self.matrix = np.array([[c, s], [-s, c]])
        self.origin = np.array([x, y])

    def pixels(self, points: NDArray[np.float64]) -> list[float]:
        """Flat list x0, y0, x1, y1, … of pixel coordinates."""
        return (np.asarray(points) @ self.matrix + self.origin).ravel().tolist()

    def fill(self, points: NDArray[np.float64], colour: RGB, alpha: float = 1, part: int | None = None) -> None:
        """Fill a polygon; `part` also enters it in the label map."""
        flat = self.pixels(points)
        self.canvas.draw.polygon(flat, fill=(*colour, round(255 * alpha)))
        if part is not None:
            self.canvas.label_draw.polygon(flat, fill=part)

    def stroke(self, points: NDArray[np.float64], colour: RGB, width: float, alpha: float = 1) -> None:
        """Draw an open line, `width` in units."""
        pixels = max(1, round(width * self.unit))
        self.canvas.draw.line(self.pixels(points), fill=(*colour, round(255 * alpha)), width=pixels, joint="curve")

    def stencil(self, points: NDArray[np.float64]) -> Image.Image:
        """Mask ("L") of a polygon, to keep patterns inside it."""
        mask = Image.new("L", self.canvas.picture.size, 0)
        ImageDraw.Draw(mask).polygon(self.pixels(points), fill=255)
        return mask

    def fill_inside(self, shapes: list[NDArray[np.float64]], colour: RGB, alpha: float, stencil: Image.Image) -> None:
        """Fill several polygons, only where the stencil is set, and evenly where they overlap."""
        mask = Image.new("L", self.canvas.picture.size, 0)
        draw = ImageDraw.Draw(mask)
        for points in shapes:
            draw.polygon(self.pixels(points), fill=round(255 * alpha))
        self.canvas.picture.paste(colour, mask=ImageChops.multiply(mask, stencil))
