"""Dials: controlled changes of a drawing, one factor at a time.

Each function returns a `Shift` of a strength between 0 (nothing changes) and 1 (as far as
the dial goes). A shift maps a record to a record, so a shifted drawing and its original
agree in everything but that one factor: they are paired.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tlbook.sketches.factors import FACTORS, Factors

# Brown-green outdoors against brown-grey indoors: different at a glance, both plausible.
SHORTCUT_BACKGROUNDS = {"cat": "room", "dog": "grass"}


@dataclass(frozen=True)
class Shift:
    """A named change of records.

    Attributes
    ----------
    name : str
    strength : float
        In [0, 1]; 0 leaves every record as it is.
    change : callable
        Maps a record to the factors to be replaced.
    """

    name: str
    strength: float
    change: Callable[[Factors], Mapping[str, object]]

    def __call__(self, factors: Factors) -> Factors:
        if self.strength == 0:
            return factors
        return factors.replace(**self.change(factors))

    def __repr__(self) -> str:
        return f"{self.name}({self.strength:g})"


def _strength(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{name}({value!r}): expected a strength from 0 (no change) to 1")
    return float(value)


def _direction(factors: Factors) -> int:
    """-1 or 1, fixed by the record, so that half of the drawings turn either way."""
    return 1 if factors.noise_seed % 2 else -1


def rotated(strength: float) -> Shift:
    """Turn the animal by `strength` × 120 degrees, half of the drawings either way."""
    s = _strength("rotated", strength)
    return Shift("rotated", s, lambda f: {"angle": f.angle + 120 * s * _direction(f)})


def dark(strength: float) -> Shift:
    """Darken: the exposure is multiplied by 1 - 0.88 × `strength`."""
    s = _strength("dark", strength)
    return Shift("dark", s, lambda f: {"light": max(f.light * (1 - 0.88 * s), 0.05)})


def blurred(strength: float) -> Shift:
    """Blur: `strength` × 4 pixels (at 96 px) are added in quadrature to the blur's sigma."""
    s = _strength("blurred", strength)
    return Shift("blurred", s, lambda f: {"blur": min(math.hypot(f.blur, 4 * s), 8.0)})


def noisy(strength: float) -> Shift:
    """Noise: `strength` × 0.4 of full scale is added in quadrature to the noise's sigma."""
    s = _strength("noisy", strength)
    return Shift("noisy", s, lambda f: {"noise": min(math.hypot(f.noise, 0.4 * s), 0.6)})


def gamma(strength: float, brighter: bool = False) -> Shift:
    """Bend the tone curve: its exponent is multiplied by 4 ** `strength`, or divided by it.

    Parameters
    ----------
    strength : float
    brighter : bool
        False darkens the middle tones, True washes them out.
    """
    s = _strength("gamma", strength)
    factor = 4.0 ** (-s if brighter else s)
    return Shift("gamma", s, lambda f: {"gamma": min(max(f.gamma * factor, 0.2), 5.0)})


def occluded(strength: float) -> Shift:
    """Put an object before the face, up to 0.9 head widths; its position is that of the record."""
    s = _strength("occluded", strength)
    return Shift(
        "occluded",
        s,
        lambda f: {
            "occluder_size": max(f.occluder_size, 0.9 * s),
            # Nearer to the middle of the face the stronger the dial.
            "occluder_x": f.occluder_x * (1 - 0.6 * s),
            "occluder_y": f.occluder_y * (1 - 0.6 * s),
        },
    )


def small(strength: float) -> Shift:
    """Move away: the head's width is multiplied by 1 - 0.65 × `strength`."""
    s = _strength("small", strength)
    return Shift("small", s, lambda f: {"scale": max(f.scale * (1 - 0.65 * s), 0.1)})


def shortcut(share: float, backgrounds: Mapping[str, str] | None = None, reverse: bool = False) -> Shift:
    """Let the kind of background go with the class in a share of the drawings.

    Parameters
    ----------
    share : float
        Share of the drawings changed, 0 to 1: those whose `chance` lies below it, so that
        the drawings changed at a smaller share are among those changed at a larger one.
    backgrounds : mapping, optional
        Species to background kind; a species not in it is left alone.
        By default cats sit in a room and dogs on grass.
    reverse : bool
        Give each species the other's background, so that the cue misleads.
    """
    s = _strength("shortcut", share)
    table = dict(SHORTCUT_BACKGROUNDS if backgrounds is None else backgrounds)
    for species, kind in table.items():
        FACTORS["species"].check("species", species)
        FACTORS["background"].check("background", kind)
    if reverse:
        table = dict(zip(table, reversed(list(table.values())), strict=True))

    def change(f: Factors) -> Mapping[str, object]:
        if f.species in table and f.chance < s:
            return {"background": table[f.species]}
        return {}

    return Shift("shortcut", s, change)


SHIFTS: dict[str, Callable[[float], Shift]] = {
    "rotated": rotated,
    "dark": dark,
    "blurred": blurred,
    "noisy": noisy,
    "gamma": gamma,
    "occluded": occluded,
    "small": small,
}
