"""The generative factors of a sketch: what each may be, and the record that holds them.

A sketch is a deterministic function of its record. The record is flat (numbers and
words only), so that a set of drawings is described completely by a CSV file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TARGET_SPECIES = ("cat", "dog")
SOURCE_SPECIES = (
    "rabbit",
    "bear",
    "mouse",
    "fox",
    "pig",
    "owl",
    "koala",
    "frog",
    "panda",
    "cow",
    "lion",
    "sheep",
    "penguin",
    "raccoon",
    "monkey",
    "hedgehog",
    "tiger",
    "wolf",
    "otter",
    "squirrel",
    "seal",
    "deer",
)
SPECIES = TARGET_SPECIES + SOURCE_SPECIES

COLOURS = (
    "black",
    "charcoal",
    "grey",
    "silver",
    "white",
    "cream",
    "sand",
    "ginger",
    "brown",
    "chocolate",
    "slate",
    "rose",
    "teal",
    "lilac",
    "olive",
)


@dataclass(frozen=True)
class Number:
    """A factor that is a number in a closed range."""

    low: float
    high: float
    meaning: str
    integer: bool = False

    def check(self, name: str, value: Any) -> float | int:
        """Return `value` as int or float, or raise ValueError saying what would do."""
        kind = "a whole number" if self.integer else "a number"
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if self.integer and number == number and number != int(number):
            number = math.nan
        if isinstance(value, bool) or not self.low <= number <= self.high:
            raise ValueError(
                f"factor {name}={value!r}: expected {kind} from {self.low:g} to {self.high:g} ({self.meaning})"
            )
        return int(number) if self.integer else number


@dataclass(frozen=True)
class Choice:
    """A factor that is one word out of a list."""

    choices: tuple[str, ...]
    meaning: str

    def check(self, name: str, value: Any) -> str:
        """Return `value`, or raise ValueError listing the words that would do."""
        if not isinstance(value, str) or value not in self.choices:
            raise ValueError(f"factor {name}={value!r}: expected one of {', '.join(self.choices)} ({self.meaning})")
        return value


SEED_MAX = 2**31 - 1

FACTORS: dict[str, Number | Choice] = {
    "species": Choice(SPECIES, "what is drawn; sets how the other factors are distributed"),
    # Pose
    "angle": Number(-360, 360, "rotation of the whole animal, degrees clockwise"),
    "tilt": Number(-40, 40, "rotation of the head against the body, degrees clockwise"),
    "yaw": Number(-1, 1, "turn of the head, -1 far left to 1 far right"),
    "scale": Number(0.1, 1.2, "width of the head as a share of the image's width"),
    "x": Number(0, 1, "centre of the head from the left edge, share of the width"),
    "y": Number(0, 1, "centre of the head from the top edge, share of the height"),
    "body": Choice(("none", "bust", "paws"), "what is drawn below the head"),
    # Head
    "head_aspect": Number(0.6, 1.7, "width of the head divided by its height"),
    "jaw": Number(-0.5, 0.5, "below 0 a narrow chin, above 0 a heavy jaw"),
    "cheek": Number(0, 1, "length of the tufts on the cheeks"),
    "fluff": Number(0, 1, "roughness of the fur's outline and texture"),
    # Ears
    "ear_kind": Choice(("pointed", "folded", "floppy", "round", "long", "leaf", "none"), "shape of the ears"),
    "ear_size": Number(0.1, 1.6, "length of the ears in half head widths"),
    "ear_width": Number(0.1, 1.2, "width of the ears' base in half head widths"),
    "ear_angle": Number(5, 85, "where the ears sit: degrees from the top of the head"),
    "ear_splay": Number(-40, 60, "how far the ears lean outwards, degrees"),
    # Eyes
    "eye_size": Number(0.04, 0.6, "half width of an eye in half head widths"),
    "eye_open": Number(0.2, 1.2, "height of an eye divided by its width"),
    "eye_almond": Number(0, 1, "0 an oval eye, 1 a pointed almond"),
    "eye_slant": Number(-30, 40, "outer corners raised, degrees"),
    "eye_spacing": Number(0.15, 0.9, "distance of an eye from the middle, half head widths"),
    "eye_y": Number(-1.1, 0.4, "height of the eyes, half head heights, down is positive"),
    "iris": Choice(("green", "yellow", "amber", "blue", "brown", "black"), "colour of the eyes"),
    "pupil_width": Number(0.1, 1, "width of the pupil divided by its height: slit to round"),
    "pupil_size": Number(0.3, 1, "height of the pupil as a share of the eye's"),
    "lid": Number(0, 0.6, "share of the eye covered by the upper lid"),
    # Muzzle
    "muzzle_width": Number(0.1, 1, "half width of the muzzle in half head widths"),
    "muzzle_length": Number(0.05, 0.9, "half height of the muzzle in half head widths"),
    "muzzle_y": Number(-0.2, 0.9, "height of the muzzle, half head heights, down is positive"),
    "muzzle_cleft": Number(0, 1, "0 one oval, 1 two round pads"),
    "muzzle_tone": Number(-0.5, 0.6, "lightness of the muzzle against the fur"),
    "nose_kind": Choice(("triangle", "oval", "snout", "beak", "tall", "nostrils"), "shape of the nose"),
    "nose_size": Number(0.03, 0.6, "half width of the nose in half head widths"),
    "nose_colour": Choice(("pink", "black", "brown", "orange"), "colour of the nose"),
    "mouth": Number(0, 0.8, "half width of the mouth in half head widths"),
    "smile": Number(-0.5, 1, "curve of the mouth, above 0 upwards"),
    "tongue": Number(0, 1, "length of the tongue, 0 is none"),
    "whiskers": Number(0, 1, "how strongly the whiskers show, 0 is none"),
    "whisker_length": Number(0.2, 1.5, "length of the whiskers in half head widths"),
    # Fur
    "fur_colour": Choice(COLOURS, "main colour of the fur"),
    "fur_hue": Number(-0.1, 0.1, "shift of the fur's hue, turns of the colour wheel"),
    "fur_light": Number(-0.25, 0.25, "shift of the fur's lightness"),
    "second_colour": Choice(COLOURS, "colour of pattern and marking"),
    "pattern": Choice(("plain", "stripes", "spots", "patches", "speckle"), "pattern of the fur"),
    "pattern_strength": Number(0, 1, "opacity of the pattern"),
    "marking": Choice(
        ("none", "blaze", "patch", "goggles", "bandit", "disc", "points", "brows", "half"),
        "marking of the face",
    ),
    "marking_strength": Number(0, 1, "opacity of the marking"),
    "crown": Choice(("none", "mane", "spikes", "horns", "wool", "tuft"), "what grows on the head"),
    "crown_size": Number(0, 1, "size of what grows on the head"),
    "collar": Choice(("none", "band", "bell", "scarf", "bow"), "what is worn at the neck"),
    "collar_hue": Number(0, 1, "hue of the collar, turns of the colour wheel"),
    "blush": Number(0, 1, "strength of the pink on the cheeks"),
    # Surroundings
    "background": Choice(
        (
            "plain",
            "gradient",
            "stripes",
            "checks",
            "dots",
            "bokeh",
            "grass",
            "sky",
            "room",
            "texture",
            "night",
            "hills",
            "wallpaper",
        ),
        "kind of background",
    ),
    "background_hue": Number(0, 1, "main hue of the background, turns of the colour wheel"),
    "background_hue2": Number(0, 1, "second hue of the background, turns of the colour wheel"),
    "background_saturation": Number(0, 1, "saturation of the background"),
    "background_light": Number(0, 1, "lightness of the background"),
    "clutter": Number(0, 12, "number of objects behind the animal", integer=True),
    "occluder": Choice(("card", "ball", "leaf", "branch", "cloud"), "kind of object in front"),
    "occluder_size": Number(0, 1.2, "size of the object in front in head widths, 0 is none"),
    "occluder_x": Number(-1, 1, "its place on the head from left to right"),
    "occluder_y": Number(-1, 1, "its place on the head from top to bottom"),
    "occluder_hue": Number(0, 1, "its hue, turns of the colour wheel"),
    # Light and camera
    "light": Number(0.05, 2, "exposure, 1 is neutral"),
    "contrast": Number(0.2, 1.6, "contrast, 1 is neutral"),
    "warmth": Number(-1, 1, "colour of the light, blue to orange"),
    "shade": Number(0, 1, "strength of the light that falls from one side"),
    "shade_angle": Number(0, 360, "where that light comes from, degrees clockwise from the top"),
    "gamma": Number(0.2, 5, "exponent of the tone curve, 1 is neutral, above 1 darker"),
    "blur": Number(0, 8, "standard deviation of the Gaussian blur, pixels at 96 px"),
    "noise": Number(0, 0.6, "standard deviation of the pixel noise, share of full scale"),
    # Chance: everything random in the rendering comes from these
    "fur_seed": Number(0, SEED_MAX, "seed of pattern and fur", integer=True),
    "scene_seed": Number(0, SEED_MAX, "seed of background and clutter", integer=True),
    "noise_seed": Number(0, SEED_MAX, "seed of the pixel noise", integer=True),
    "chance": Number(0, 1, "a uniform number for shifts that touch a share of the drawings"),
}


class Factors(Mapping[str, Any]):
    """One drawing's complete record: an immutable mapping, also readable as attributes.

    Parameters
    ----------
    **values
        A value for every name in `FACTORS`.

    Raises
    ------
    ValueError
        If a name is unknown or missing, or a value lies outside its range.
    """

    __slots__ = ("_values",)

    def __init__(self, **values: Any) -> None:
        check_names(values)
        missing = [name for name in FACTORS if name not in values]
        if missing:
            raise ValueError(f"record lacks {', '.join(missing)}")
        checked = {name: spec.check(name, values[name]) for name, spec in FACTORS.items()}
        object.__setattr__(self, "_values", checked)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a record cannot be changed; use replace({name}=...)")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._values,)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(tuple(self._values.items()))

    def __repr__(self) -> str:
        return f"Factors({', '.join(f'{k}={v!r}' for k, v in self._values.items())})"

    def replace(self, **changes: Any) -> Factors:
        """Return a copy with some factors changed; every other factor stays as it is."""
        check_names(changes)
        return Factors(**{**self._values, **changes})


def _rebuild(values: dict[str, Any]) -> Factors:
    return Factors(**values)


def check_names(values: Mapping[str, Any]) -> None:
    """Raise ValueError if a name is not a factor, listing those that are."""
    unknown = [name for name in values if name not in FACTORS]
    if unknown:
        raise ValueError(f"unknown factor {', '.join(unknown)}; the factors are {', '.join(FACTORS)}")


def parse(row: Mapping[str, str]) -> Factors:
    """Build a record from one CSV row (text values; columns that are no factors are ignored)."""
    values: dict[str, Any] = {}
    for name, spec in FACTORS.items():
        text = row[name]
        if isinstance(spec, Number):
            values[name] = int(text) if spec.integer else float(text)
        else:
            values[name] = text
    return Factors(**values)
