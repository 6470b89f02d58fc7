"""What can be seen in a drawing, in words.

A caption is made from the record alone, and says only what a look at the picture tells:

- A number is spoken where it is far enough from the middle of its range (`RANGES`), a word
  by the everyday word for it (`WORDS`); two values that look alike share one word.
- A part is not spoken where the object in front covers it, or where it lies outside the
  picture; of a pair, one that shows is enough.
- Eyes, nose and whiskers are not spoken where the head is small, blurred or noisy.
- In the dark, or in glaring light, nothing is said of colours.

The words are few: `CAPTION_WORDS` lists them all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tlbook.sketches.factors import SPECIES, Factors

WORDS: dict[str, dict[str, str]] = {
    "fur_colour": {
        "black": "black", "charcoal": "black", "grey": "grey", "silver": "grey", "slate": "grey", "white": "white",
        "cream": "cream", "sand": "cream", "ginger": "orange", "brown": "brown", "chocolate": "brown", "rose": "pink",
        "lilac": "purple", "teal": "green", "olive": "green",
    },
    "pattern": {"stripes": "striped", "spots": "spotted", "patches": "patched", "speckle": "speckled"},
    "ear_kind": {
        "pointed": "pointed ears", "folded": "folded ears", "floppy": "hanging ears", "round": "round ears",
        "long": "long ears", "leaf": "ears like leaves", "none": "no ears",
    },
    "iris": {
        "green": "green", "yellow": "yellow", "amber": "orange", "blue": "blue", "brown": "brown", "black": "black",
    },
    "nose_kind": {
        "triangle": "nose", "oval": "nose", "tall": "tall nose", "snout": "snout", "beak": "beak",
        "nostrils": "two nostrils",
    },
    "nose_colour": {"pink": "pink", "black": "black", "brown": "brown", "orange": "orange"},
    "marking": {
        "blaze": "a blaze", "patch": "a patch on one eye", "goggles": "rings round its eyes", "bandit": "a mask",
        "disc": "a disc on its face", "points": "a marked muzzle", "brows": "eyebrows", "half": "a face in two halves",
    },
    "crown": {
        "mane": "a mane", "spikes": "spines", "horns": "horns", "wool": "wool on its head", "tuft": "a tuft of hair",
    },
    "collar": {"band": "collar", "bell": "collar with a bell", "scarf": "scarf", "bow": "bow"},
    "background": {
        "plain": "a plain {} wall", "stripes": "a striped {} wall", "checks": "a checked {} wall",
        "dots": "a dotted {} wall", "wallpaper": "{} wallpaper", "gradient": "a shaded wall",
        "texture": "a mottled wall", "bokeh": "blurred lights", "grass": "on grass", "sky": "under a sky",
        "room": "in a room", "night": "at night", "hills": "hills",
    },
    "occluder": {"card": "a card", "ball": "a ball", "leaf": "a leaf", "branch": "a branch", "cloud": "a cloud"},
}  # fmt: skip
"""How each value of a factor is spoken; a value that is not listed is not spoken."""

RANGES: dict[str, tuple[tuple[float, str] | None, tuple[float, str] | None]] = {
    "scale": ((0.5, "small"), (0.66, "large")),
    "head_aspect": ((0.95, "a long face"), (1.2, "a wide face")),
    "cheek": (None, (0.5, "fluffy cheeks")),
    "eye_size": ((0.13, "small"), (0.22, "big")),
    "eye_slant": (None, (10, "slanting")),
    "pupil_width": ((0.55, "narrow pupils"), None),
    "muzzle_width": ((0.32, "narrow"), (0.48, "broad")),
    "muzzle_length": ((0.25, "short"), (0.38, "long")),
    "nose_size": ((0.1, "small"), (0.18, "big")),
    "tongue": (None, (0.4, "its tongue out")),
    "whiskers": (None, (0.35, "whiskers")),
    "whisker_length": (None, (0.85, "long")),
    "yaw": ((-0.3, "looking left"), (0.3, "looking right")),
}
"""What is said of a number at or below the one bound, and at or above the other."""

_WAYS = (
    ("", "a drawing of ", "a picture of "),
    ("in front of", "before"),
    ("looking", "facing"),
    ("small", "little"),
)
# Where the wording varies, one of each is drawn; the first is the usual one.

# Upper ends of the hues, in turns of the colour wheel.
_HUES = (
    (0.03, "red"), (0.11, "orange"), (0.19, "yellow"), (0.46, "green"), (0.71, "blue"), (0.84, "purple"),
    (0.95, "pink"), (1.0, "red"),
)  # fmt: skip


def caption(record: Factors, rng: np.random.Generator | None = None, noun: str | None = None) -> str:
    """Say what a drawing shows.

    Parameters
    ----------
    record : Factors
        The picture it describes is ``render(record)``.
    rng : numpy.random.Generator, optional
        With it the wording varies: about half of what could be said is left out, parts are
        named in any order, and the animal is now and then only "animal". Without it all is
        said, always in the same words.
    noun : str, optional
        What the animal is called, "animal" for instance; by default its species.

    Returns
    -------
    str
        Of words in `CAPTION_WORDS` (and the noun), in one phrase without a full stop.

    Examples
    --------
    >>> import numpy as np
    >>> from tlbook.sketches import sample
    >>> record = sample("rabbit", np.random.default_rng(4), background="night", occluder_size=0)
    >>> caption(record.replace(scale=0.45, yaw=-0.5))  # doctest: +ELLIPSIS
    'a small ... rabbit with long ears, ..., looking left, at night'
    """
    return worded(spoken(record), record.species, rng, noun)


def worded(
    said: Mapping[str, str], species: str, rng: np.random.Generator | None = None, noun: str | None = None
) -> str:
    """Put together what `spoken` found; the other parameters are those of `caption`."""
    name = species if noun is None else noun
    opening, in_front, looking, little = "", "in front of", "looking", "small"
    if rng is not None:
        opening, in_front, looking, little = (ways[rng.integers(len(ways))] for ways in _WAYS)
        if noun is None and rng.random() < 0.4:
            name = "animal"
        said = {key: phrase for key, phrase in said.items() if rng.random() < 0.5}
    parts = [phrase for key, phrase in said.items() if key not in _PLACES]
    if rng is not None:
        parts = [parts[i] for i in rng.permutation(len(parts))]
    whole = " ".join([*(said[key] for key in ("scale", "pattern", "fur_colour") if key in said), name])
    text = opening + _article(whole)
    if parts:
        text += " with " + (", ".join(parts[:-1]) + " and " if len(parts) > 1 else "") + parts[-1]
    text += "".join(f", {said[key]}" for key in ("yaw", "background", "occluder", "light") if key in said)
    return text.replace("in front of", in_front).replace("looking", looking).replace("small", little)


_PLACES = ("scale", "pattern", "fur_colour", "yaw", "background", "occluder", "light")


def spoken(record: Factors) -> dict[str, str]:
    """Everything that is said of a drawing: a phrase for each factor, or group of factors, that has one."""
    in_colour, shown = _lit(record), _visible(record)
    fine = record.scale >= 0.3 and record.blur <= 2.5 and record.noise <= 0.25
    said: dict[str, str] = {}

    def say(key: str, *words: str, article: bool = False) -> None:
        phrase = " ".join(word for word in words if word)
        if phrase:
            said[key] = _article(phrase) if article else phrase

    def word(name: str, when: bool = True) -> str:
        return WORDS[name].get(record[name], "") if when else ""

    far = {name: _far(record[name], *bounds) for name, bounds in RANGES.items()}
    # A fur whose colour was moved far from its name is not called by it.
    named = in_colour and abs(record.fur_light) <= 0.15 and abs(record.fur_hue) <= 0.05
    say("scale", far["scale"])
    say("pattern", word("pattern", record.pattern_strength >= 0.35))
    say("fur_colour", word("fur_colour", named))
    if shown["ears"]:
        say("ear_kind", word("ear_kind"))
    say("head_aspect", far["head_aspect"])
    say("cheek", far["cheek"])
    if shown["eyes"] and fine:
        eyes = (far["eye_size"], far["eye_slant"], word("iris", in_colour))
        say("eyes", *eyes, "eyes" if any(eyes) else "")
        say("pupil_width", far["pupil_width"])
    if shown["muzzle"]:
        if record.nose_kind != "beak":
            muzzle = (far["muzzle_length"], far["muzzle_width"])
            say("muzzle", *muzzle, "muzzle" if any(muzzle) else "", article=True)
        if fine:
            if record.nose_kind == "nostrils":  # two holes in the muzzle's own colour
                say("nose", word("nose_kind"))
            else:
                say("nose", far["nose_size"], word("nose_colour", in_colour), word("nose_kind"), article=True)
            if far["whiskers"]:
                say("whiskers", far["whisker_length"], far["whiskers"])
        say("tongue", far["tongue"])
    if record.marking_strength >= 0.5:
        say("marking", word("marking"))
    say("crown", word("crown"))
    if shown["neck"] and record.collar != "none":
        say("collar", _hue(record.collar_hue) if in_colour else "", word("collar"), article=True)
    if abs(math.cos(math.radians(record.angle + record.tilt))) > 0.5:
        turned = record.yaw * math.copysign(1, math.cos(math.radians(record.angle + record.tilt)))
        say("yaw", _far(turned, *RANGES["yaw"]))
    say("background", _background(record, in_colour))
    if record.occluder_size >= 0.2:
        say("occluder", "behind", WORDS["occluder"][record.occluder])
    if not in_colour:
        say("light", "in the dark" if _grey(record) < 0.5 else "in glaring light")
    return said


def _far(value: float, low: tuple[float, str] | None, high: tuple[float, str] | None) -> str:
    if low is not None and value <= low[0]:
        return low[1]
    return high[1] if high is not None and value >= high[0] else ""


def _article(phrase: str) -> str:
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def _hue(turns: float) -> str:
    return next(name for end, name in _HUES if turns % 1 <= end)


def _background(record: Factors, in_colour: bool) -> str:
    words = WORDS["background"][record.background]
    if words.split()[0] in ("on", "under", "in", "at"):
        return words
    colour = ""
    if in_colour and "{}" in words:
        pale = record.background_saturation < 0.2
        colour = "grey" if pale else _hue(record.background_hue)
        if colour == "orange" and record.background_light < 0.45:
            colour = "brown"
    words = " ".join(words.format(colour).split())
    return f"in front of {words}"


def _grey(record: Factors) -> float:
    """How bright a middle grey comes out, 0 to 1."""
    linear = (0.5 * record.light - 0.5) * record.contrast + 0.5
    return min(max(linear, 0.0), 1.0) ** record.gamma


def _lit(record: Factors) -> bool:
    """Whether colours can be told."""
    return 0.2 <= _grey(record) <= 0.85 and record.contrast >= 0.5


def _visible(record: Factors) -> dict[str, bool]:
    """Which parts can be seen: inside the picture, and not behind the object in front."""
    h = 1 / record.head_aspect
    seat, up = math.radians(record.ear_angle), record.ear_size / 4
    # Places that show a part, in half head widths from the head's middle, right and down.
    x_ear, y_ear = 0.9 * math.sin(seat), -0.88 * h * math.cos(seat)
    if record.ear_kind == "floppy":
        x_ear, y_ear = x_ear + 0.2, y_ear + 2 * up
    else:
        x_ear, y_ear = x_ear + up * math.sin(seat), y_ear - up * math.cos(seat)
    x_eye, y_eye = record.eye_spacing, record.eye_y * h
    x_turned = 0.32 * record.yaw
    head, neck = record.angle + record.tilt, record.angle
    parts: dict[str, tuple[float, Sequence[tuple[float, float]]]] = {
        "ears": (head, [(-x_ear, y_ear), (x_ear, y_ear)]),
        "eyes": (head, [(0.2 * record.yaw - x_eye, y_eye), (0.2 * record.yaw + x_eye, y_eye)]),
        "muzzle": (head, [(x_turned, record.muzzle_y * h)]),
        "neck": (neck, [(0.0, 0.74 * h + 0.5)]),
    }
    covers = _cover(record)

    def seen(degrees: float, x: float, y: float) -> bool:
        a, unit = math.radians(degrees), record.scale / 2
        right, down = unit * (x * math.cos(a) - y * math.sin(a)), unit * (x * math.sin(a) + y * math.cos(a))
        inside = 0 <= record.x + right <= 1 and 0 <= record.y + down <= 1
        return inside and not covers(right / unit, down / unit)

    return {name: any(seen(degrees, x, y) for x, y in places) for name, (degrees, places) in parts.items()}


def _cover(record: Factors) -> Callable[[float, float], bool]:
    """Whether the object in front covers a place, given in half head widths from the head's middle."""
    size = record.occluder_size
    a = math.radians(record.angle + record.tilt)
    dx, dy = record.occluder_x * 0.8, record.occluder_y * 0.8 / record.head_aspect
    x0, y0 = dx * math.cos(a) - dy * math.sin(a), dx * math.sin(a) + dy * math.cos(a)
    lie = math.radians(360 * (record.occluder_hue * 7 % 1))

    def covers(x: float, y: float) -> bool:
        if record.occluder == "branch":  # a beam from one side of the picture to the other
            return abs((y - y0) * math.cos(lie) - (x - x0) * math.sin(lie)) < 0.33 * size
        return math.hypot(x - x0, y - y0) < size

    return covers


def _all_words(tables: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    phrases = [phrase for table in tables.values() for phrase in table.values()]
    phrases += [side[1] for bounds in RANGES.values() for side in bounds if side is not None]
    phrases += [way for ways in _WAYS for way in ways]
    phrases += [*(name for _, name in _HUES), "grey", "brown", "a an animal with and behind"]
    phrases += ["eyes muzzle", "in the dark", "in glaring light", *SPECIES]
    return tuple(sorted({word for phrase in phrases for word in re.findall(r"[a-z]+", phrase)}))


CAPTION_WORDS = _all_words(WORDS)
"""Every word that a caption may hold, in alphabetical order."""
