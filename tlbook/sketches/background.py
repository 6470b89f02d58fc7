"""What lies behind the animal: thirteen kinds of background, and clutter."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from tlbook.sketches.canvas import RGB, Canvas, curve, ellipse, hls, mix, tone
from tlbook.sketches.factors import Factors


def background(factors: Factors, side: int, rng: np.random.Generator) -> Image.Image:
    """Draw the background alone: RGB picture of `side` pixels."""
    light, saturation = factors.background_light, factors.background_saturation
    first = hls(factors.background_hue, light, saturation)
    step = 0.2 if light < 0.55 else -0.2
    second = hls(factors.background_hue2, light + step, saturation)
    picture = Image.new("RGB", (side, side), first)
    _KINDS[factors.background](picture, first, second, rng)
    return picture


def clutter(canvas: Canvas, factors: Factors, rng: np.random.Generator) -> None:
    """Strew `factors.clutter` objects over the background, away from the middle."""
    for _ in range(factors.clutter):
        kind, hue, light, place, radius, size, degrees = rng.random(7)
        angle, radius = 2 * math.pi * place, 0.32 + 0.3 * radius
        x, y = 0.5 + radius * math.cos(angle), 0.5 + radius * math.sin(angle)
        pen = canvas.pen(x * canvas.side, y * canvas.side, (0.045 + 0.075 * size) * canvas.side, 360 * degrees)
        colour = hls(hue, 0.3 + 0.5 * light, 0.55)
        shade = tone(colour, -0.25)
        if kind < 0.25:  # ball
            pen.fill(ellipse(0, 0, 1, 1), colour)
            pen.fill(ellipse(-0.3, -0.3, 0.45, 0.4), tone(colour, 0.4), 0.7)
        elif kind < 0.45:  # block
            pen.fill(np.array([(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]), colour)
            pen.fill(np.array([(0.5, -0.9), (0.9, -0.9), (0.9, 0.9), (0.5, 0.9)]), shade)
        elif kind < 0.6:  # leaf
            pen.fill(curve((-1.2, 0), (0, -1), (1.2, 0), (0, 1), (-1.2, 0)), colour)
            pen.stroke(np.array([(-1.1, 0), (1.1, 0)]), shade, 0.1)
        elif kind < 0.75:  # star
            t = np.arange(10) * math.pi / 5
            r = np.where(np.arange(10) % 2, 0.5, 1.15)
            pen.fill(np.stack([r * np.cos(t), r * np.sin(t)], 1), colour)
        elif kind < 0.88:  # triangle, easily taken for an ear
            pen.fill(curve((-0.8, 0.7), (-0.4, -0.5), (0, -1.1), (0.4, -0.5), (0.8, 0.7)), colour)
        else:  # ring
            pen.fill(ellipse(0, 0, 1, 1), colour)
            pen.fill(ellipse(0, 0, 0.55, 0.55), shade)


def _plain(picture: Image.Image, first: RGB, second: RGB, rng: np.random.Generator) -> None:
    """Nothing but the colour."""


def _gradient(picture: Image.Image, first: RGB, second: RGB, rng: np.random.Generator) -> None:
    ramp = Image.linear_gradient("L").resize(picture.size)
    ramp = ramp.rotate(float(rng.random() * 360), expand=False, fillcolor=128)
    # rotate() leaves flat corners; a blow-up of the middle cuts them off.
    side = picture.width
    ramp = ramp.crop((side // 6, side // 6, side - side // 6, side - side // 6)).resize(picture.size)
    picture.paste(second, mask=ramp)


def _stripes(picture: Image.Image, first: RGB, second: RGB, rng: np.random.Generator) -> None:
    side, draw = picture.width, ImageDraw.Draw(picture)
    angle, width = rng.random() * math.pi, side * (0.05 + 0.09 * rng.random())
    c, s = math.cos(angle), math.sin(angle)
    for k in range(-int(side / width), int(side / width) + 1, 2):
        x, y = side / 2 + k * width * c, side / 2 + k * width * s
        ends = [(x - s * 2 * side, y + c * 2 * side), (x + s * 2 * side, y - c * 2 * side)]
        draw.line(ends, fill=second, width=round(width))


def _checks(picture: Image.Image, first: RGB, second: RGB, rng: np.random.Generator) -> None:
    side, draw = picture.width, ImageDraw.Draw(picture, "RGBA")
    step, half = side * (0.1 + 0.12 * rng.random()), (*second, 120)
    shift = rng.random() * step
    for k in range(-1, int(side / step) + 2, 2):
        at = k * step + shift
        draw.rectangle((at, 0, at + step, side), fill=half)
        draw.rectangle((0, at, side, at + step), fill=half)


def _dots(picture: Image.Image, first: RGB, second: RGB, rng: np.random.Generator) -> None:
    side, draw = picture.width, ImageDraw.Draw(picture)
    step = side * (0.11 + 0.09 * rng.random())
    r, shift = step * (0.2 + 0.15 * rng.random()), rng.random() * step
    for row in range(int(side / step) + 2):
        for column in range(int(side / step) + 2):
            x = (column - 0.5 * (row % 2)) * step + shift - step / 2
            y = row * step * 0.9
            draw.ellipse((x - r, y - r, x + r, y + r), fill=second)


def _bokeh(picture: Image.Image, first: RGB, second: RGB, rng: np.random.Generator) -> None:
    _gradient(picture, first, second, rng)
    side, draw = picture.width, ImageDraw.Draw(picture, "RGBA")
    for x, y, size, share, light in rng.random((14, 5)):
        r = side * (0.04 + 0.12 * size)
        colour = tone(mix(first, second, share), 0.25 + 0.3 * light)
        box = (x * side - r, y * side - r, x * side + r, y * side + r)
        draw.ellipse(box, fill=(*colour, 95), outline=(*tone(colour, 0.4), 120))


def _grass(picture: Image.Image, first: RGB, second: RGB, rng: np.random.Generator) -> None:
    side, draw = picture.width, ImageDraw.Draw(picture)
    sky = mix(first, (150, 200, 236), 0.65)
    green = mix(second, (104, 160, 70), 0.7)
    horizon = side * (0.45 + 0.25 * rng.random())
    picture.paste(sky, (0, 0, side, side))
    draw.rectangle((0, horizon, side, side), fill=green)
    for x, y, height, light in rng.random((70, 4)):
        base = horizon + y * (side - horizon) * 1.1
        top = base - side * (0.04 + 0.07 * height)
        colour = tone(green, 0.5 * light - 0.3)
        x *= side
        draw.polygon(
            [x - 0.012 * side, base, x + 0.02 * side * (light - 0.5), top, x + 0.012 * side, base], fill=colour
        )
    for x, y, hue, size in rng.random((5, 4)):
        at, height, r = x * side, horizon + y * (side - horizon), side * (0.008 + 0.012 * size)
        draw.ellipse((at - r, height - r, at + r, height + r), fill=hls(hue, 0.75, 0.8))


def _sky(picture: Image.Image, first: RGB, second: RGB, rng: np.random.Generator) -> None:
    side, draw = picture.width, ImageDraw.Draw(picture, "RGBA")
    picture.paste(mix(first, (130, 186, 236), 0.6), (0, 0, side, side))
    cloud = (*mix(second, (250, 250, 252), 0.8), 225)
    for x, y, size in rng.random((5, 3)):
        r = side * (0.04 + 0.06 * size)
        for dx, dy, share in ((-1.3, 0.3, 0.7), (0, 0, 1), (1.2, 0.25, 0.8), (0.4, 0.45, 0.9)):
            cx, cy, cr = x * side + dx * r, y * side + dy * r, r * share
            draw.ellipse((cx - cr, cy - cr, cx + cr, cy + cr), fill=cloud)


def _room(picture: Image.Image, first: RGB, second: RGB, rng: np.random.Generator) -> None:
    side, draw = picture.width, ImageDraw.Draw(picture)
    floor = side * (0.62 + 0.2 * rng.random())
    wood = mix(second, (150, 104, 70), 0.6)
    draw.rectangle((0, floor, side, side), fill=wood)
    for k in range(1, 5):
        draw.line((0, floor + k * 0.07 * side, side, floor + k * 0.07 * side), fill=tone(wood, -0.18), width=2)
    draw.rectangle((0, floor - 0.035 * side, side, floor), fill=tone(first, 0.35))
    for x0, wide, high in ((0.04, 0.2, 0.26), (0.72, 0.22, 0.3)):
        x, y = side * (x0 + 0.04 * rng.random()), side * (0.05 + 0.1 * rng.random())
        box = (x, y, x + wide * side, y + high * side)
        draw.rectangle(box, fill=hls(rng.random(), 0.7, 0.4), outline=tone(wood, -0.3), width=max(2, side // 60))
        cx, cy = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        if rng.random() < 0.5:  # a window; otherwise a picture of a hill
            draw.line((cx, box[1], cx, box[3]), fill=tone(wood, -0.3), width=max(2, side // 90))
            draw.line((box[0], cy, box[2], cy), fill=tone(wood, -0.3), width=max(2, side // 90))
        else:
            draw.polygon([box[0], box[3], cx, cy, box[2], box[3]], fill=hls(rng.random(), 0.45, 0.4))


def _texture(picture: Image.Image, first: RGB, second: RGB, rng: np.random.Generator) -> None:
    total = np.zeros((48, 48), dtype=np.float32)
    for cells, weight in ((4, 0.5), (10, 0.3), (24, 0.2)):
        layer = Image.fromarray((rng.random((cells, cells)) * 255).astype(np.uint8))
        total += weight * np.asarray(layer.resize((48, 48), Image.Resampling.BICUBIC), dtype=np.float32)
    total = np.clip((total - 127) * 2.2 + 127, 0, 255).astype(np.uint8)
    picture.paste(second, mask=Image.fromarray(total).resize(picture.size, Image.Resampling.BICUBIC))


def _night(picture: Image.Image, first: RGB, second: RGB, rng: np.random.Generator) -> None:
    side, draw = picture.width, ImageDraw.Draw(picture)
    picture.paste(mix(first, (28, 30, 66), 0.75), (0, 0, side, side))
    for x, y, size in rng.random((36, 3)):
        r = side * (0.002 + 0.007 * size**3)
        draw.ellipse((x * side - r, y * side - r, x * side + r, y * side + r), fill=(250, 244, 214))
    x, y = side * (0.1 + 0.8 * rng.random()), side * (0.08 + 0.15 * rng.random())
    r = side * 0.075
    draw.ellipse((x - r, y - r, x + r, y + r), fill=(250, 240, 200))
    draw.ellipse((x - r * 0.4, y - r * 1.1, x + r * 1.4, y + r * 0.7), fill=mix(first, (28, 30, 66), 0.75))


def _hills(picture: Image.Image, first: RGB, second: RGB, rng: np.random.Generator) -> None:
    side, draw = picture.width, ImageDraw.Draw(picture)
    picture.paste(mix(tone(first, 0.35), (244, 226, 206), 0.3), (0, 0, side, side))
    xs = np.linspace(0, 1, 25)
    for k in range(4):
        phase, wave, height = rng.random(3)
        ys = 0.3 + 0.17 * k + 0.06 * np.sin(2 * math.pi * (phase + (0.7 + wave) * xs)) + 0.05 * height
        points = [*np.stack([xs, ys], 1).ravel() * side, side, side, 0, side]
        draw.polygon(points, fill=tone(mix(second, first, 0.25 * k), 0.25 - 0.17 * k))


def _wallpaper(picture: Image.Image, first: RGB, second: RGB, rng: np.random.Generator) -> None:
    side, draw = picture.width, ImageDraw.Draw(picture)
    step, kind = side * (0.15 + 0.08 * rng.random()), rng.random()
    for row in range(int(side / step) + 2):
        for column in range(int(side / step) + 2):
            x, y = (column + 0.5 * (row % 2)) * step, row * step
            r = step * 0.27
            if kind < 0.34:  # diamonds
                draw.polygon([x - r, y, x, y - r * 1.3, x + r, y, x, y + r * 1.3], fill=second)
            elif kind < 0.67:  # flowers
                for a in range(5):
                    px, py = x + 0.6 * r * math.cos(a * 1.2566), y + 0.6 * r * math.sin(a * 1.2566)
                    draw.ellipse((px - r / 2, py - r / 2, px + r / 2, py + r / 2), fill=second)
                draw.ellipse((x - r / 3, y - r / 3, x + r / 3, y + r / 3), fill=tone(first, 0.4))
            else:  # crosses
                draw.rectangle((x - r, y - r / 3, x + r, y + r / 3), fill=second)
                draw.rectangle((x - r / 3, y - r, x + r / 3, y + r), fill=second)


_KINDS: dict[str, Callable[[Image.Image, RGB, RGB, np.random.Generator], None]] = {
    "plain": _plain,
    "gradient": _gradient,
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "bokeh": _bokeh,
    "grass": _grass,
    "sky": _sky,
    "room": _room,
    "texture": _texture,
    "night": _night,
    "hills": _hills,
    "wallpaper": _wallpaper,
}
