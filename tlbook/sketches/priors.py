"""How each factor is distributed: in every drawing, in an animal in general, in each species.

The table of a species holds only what differs from the animal in general. Cat and dog
share the support of every factor they differ in: what one often has, the other has too.
"""

from __future__ import annotations

from typing import Any

from tlbook.sketches.distributions import Normal, Sometimes, Uniform, Whole, Words
from tlbook.sketches.factors import FACTORS, SEED_MAX, Choice


def _any_of(name: str) -> Words:
    spec = FACTORS[name]
    assert isinstance(spec, Choice)
    return Words(**dict.fromkeys(spec.choices, 1.0))


_SEED = Whole(0, SEED_MAX)
_NATURAL = Words(
    black=1, charcoal=1, grey=1, silver=1, white=1, cream=1, sand=1, ginger=1, brown=1,
    chocolate=1, slate=1, rose=0.12, teal=0.12, lilac=0.15, olive=0.12,
)  # fmt: skip

# fmt: off
SCENE: dict[str, Any] = {
    "angle": Normal(0, 10), "tilt": Normal(0, 9), "yaw": Normal(0, 0.38), "scale": Uniform(0.42, 0.74),
    "x": Normal(0.5, 0.07), "y": Normal(0.49, 0.06), "body": Words(none=0.2, bust=0.5, paws=0.3),
    "background": _any_of('background'), "background_hue": Uniform(0, 1), "background_hue2": Uniform(0, 1),
    "background_saturation": Uniform(0.08, 0.7), "background_light": Uniform(0.22, 0.86), "clutter": Whole(0, 7),
    "occluder": _any_of('occluder'), "occluder_size": Sometimes(0.25, 0.2, 0.42), "occluder_x": Uniform(-0.9, 0.9),
    "occluder_y": Uniform(-0.8, 0.9), "occluder_hue": Uniform(0, 1), "light": Normal(0.97, 0.13),
    "contrast": Normal(0.97, 0.1), "warmth": Normal(0.05, 0.3), "shade": Uniform(0.1, 0.75),
    "shade_angle": Uniform(0, 360), "gamma": Normal(1.0, 0.1), "blur": Sometimes(0.3, 0.3, 0.8),
    "noise": Sometimes(0.5, 0.01, 0.05), "fur_seed": _SEED, "scene_seed": _SEED, "noise_seed": _SEED,
    "chance": Uniform(0, 1),
}

ANIMAL: dict[str, Any] = {
    "head_aspect": Normal(1.08, 0.1), "jaw": Normal(0.0, 0.09), "cheek": Uniform(0, 0.5), "fluff": Uniform(0, 0.7),
    "ear_kind": Words(round=1), "ear_size": Normal(0.6, 0.09), "ear_width": Normal(0.5, 0.07),
    "ear_angle": Normal(42, 6), "ear_splay": Normal(5, 9), "eye_size": Normal(0.17, 0.025),
    "eye_open": Normal(0.95, 0.1), "eye_almond": Uniform(0, 0.4), "eye_slant": Normal(3, 5),
    "eye_spacing": Normal(0.42, 0.05), "eye_y": Normal(-0.12, 0.06),
    "iris": Words(brown=4, black=3, amber=2, blue=1, green=1, yellow=1), "pupil_width": Normal(0.85, 0.12),
    "pupil_size": Normal(0.72, 0.1), "lid": Sometimes(0.3, 0.05, 0.35), "muzzle_width": Normal(0.42, 0.06),
    "muzzle_length": Normal(0.32, 0.06), "muzzle_y": Normal(0.42, 0.06), "muzzle_cleft": Uniform(0, 0.8),
    "muzzle_tone": Normal(0.2, 0.12), "nose_kind": Words(oval=1, triangle=1), "nose_size": Normal(0.14, 0.025),
    "nose_colour": Words(black=2, brown=1, pink=1), "mouth": Normal(0.28, 0.06), "smile": Normal(0.4, 0.25),
    "tongue": Sometimes(0.15, 0.4, 1), "whiskers": Sometimes(0.35, 0.2, 1), "whisker_length": Normal(0.7, 0.14),
    "fur_colour": _NATURAL, "fur_hue": Normal(0, 0.018), "fur_light": Normal(0, 0.05), "second_colour": _NATURAL,
    "pattern": Words(plain=4, stripes=1, spots=1, patches=1, speckle=1), "pattern_strength": Uniform(0.35, 0.95),
    "marking": Words(none=5, blaze=1, patch=1, brows=0.5, half=0.5), "marking_strength": Uniform(0.5, 1),
    "crown": Words(none=9, tuft=1), "crown_size": Uniform(0.2, 0.8),
    "collar": Words(none=6, band=1, bell=1, scarf=1, bow=1), "collar_hue": Uniform(0, 1),
    "blush": Sometimes(0.35, 0.2, 0.8),
}

PET: dict[str, Any] = {
    "ear_size": Normal(0.68, 0.11), "collar": Words(none=4, band=1, bell=1, scarf=1, bow=1),
}

PRIORS: dict[str, dict[str, Any]] = {
    "cat": PET | {
        "head_aspect": Normal(1.261, 0.15), "jaw": Normal(-0.092, 0.1), "cheek": Normal(0.526, 0.25),
        "ear_kind": Words(pointed=0.68, folded=0.2, floppy=0.05, round=0.07), "ear_width": Normal(0.577, 0.08),
        "ear_angle": Normal(32.49, 9), "ear_splay": Normal(-1.05, 11), "eye_size": Normal(0.264, 0.05),
        "eye_open": Normal(0.765, 0.13), "eye_almond": Normal(0.651, 0.25), "eye_slant": Normal(15.2, 9),
        "eye_spacing": Normal(0.477, 0.055), "eye_y": Normal(-0.006, 0.1),
        "iris": Words(green=0.28, yellow=0.24, amber=0.2, blue=0.14, brown=0.1, black=0.04),
        "pupil_width": Normal(0.386, 0.25), "pupil_size": Normal(0.786, 0.1), "muzzle_width": Normal(0.325, 0.1),
        "muzzle_length": Normal(0.2, 0.11), "muzzle_y": Normal(0.394, 0.07), "muzzle_cleft": Normal(0.712, 0.25),
        "nose_kind": Words(triangle=0.68, oval=0.32), "nose_size": Normal(0.098, 0.05),
        "nose_colour": Words(pink=0.5, black=0.25, brown=0.25), "mouth": Normal(0.188, 0.085),
        "smile": Normal(0.285, 0.25), "tongue": Sometimes(0.1, 0.4, 1), "whiskers": Normal(0.72, 0.3),
        "whisker_length": Normal(0.976, 0.2), "pattern": Words(plain=3, stripes=3, spots=1, patches=1, speckle=1),
        "marking": Words(none=4, blaze=0.8, patch=0.5, points=1.2, half=1, brows=0.2, disc=0.4),
    },
    "dog": PET | {
        "head_aspect": Normal(0.939, 0.15), "jaw": Normal(0.092, 0.1), "cheek": Normal(0.124, 0.25),
        "ear_kind": Words(pointed=0.24, folded=0.32, floppy=0.37, round=0.07), "ear_width": Normal(0.473, 0.08),
        "ear_angle": Normal(50.51, 9), "ear_splay": Normal(15.05, 11), "eye_size": Normal(0.161, 0.05),
        "eye_open": Normal(0.995, 0.13), "eye_almond": Normal(0.169, 0.25), "eye_slant": Normal(-3.2, 9),
        "eye_spacing": Normal(0.373, 0.055), "eye_y": Normal(-0.214, 0.1),
        "iris": Words(brown=0.4, black=0.14, amber=0.22, blue=0.12, green=0.06, yellow=0.06),
        "pupil_width": Normal(0.915, 0.25), "pupil_size": Normal(0.694, 0.1), "muzzle_width": Normal(0.555, 0.1),
        "muzzle_length": Normal(0.42, 0.11), "muzzle_y": Normal(0.486, 0.07), "muzzle_cleft": Normal(0.218, 0.25),
        "nose_kind": Words(triangle=0.32, oval=0.68), "nose_size": Normal(0.203, 0.05),
        "nose_colour": Words(pink=0.17, black=0.53, brown=0.3), "mouth": Normal(0.372, 0.085),
        "smile": Normal(0.515, 0.25), "tongue": Sometimes(0.42, 0.4, 1), "whiskers": Normal(0.11, 0.3),
        "whisker_length": Normal(0.574, 0.2),
        "pattern": Words(plain=3, stripes=0.8, spots=1.2, patches=2.5, speckle=1),
        "marking": Words(none=4, blaze=1.2, patch=1.4, points=0.5, half=0.5, brows=1, disc=0.4),
    },
    "rabbit": {
        "ear_kind": Words(long=1), "ear_size": Normal(1.25, 0.14), "ear_width": Normal(0.36, 0.05),
        "ear_angle": Normal(22, 5), "head_aspect": Normal(0.98, 0.07), "cheek": Uniform(0.1, 0.5),
        "muzzle_width": Normal(0.3, 0.04), "muzzle_length": Normal(0.22, 0.04), "muzzle_cleft": Uniform(0.5, 1),
        "nose_kind": Words(triangle=1), "nose_colour": Words(pink=3, brown=1), "nose_size": Normal(0.09, 0.015),
        "whiskers": Uniform(0.1, 0.8), "crown": Words(none=8, tuft=2),
    },
    "bear": {
        "ear_size": Normal(0.46, 0.06), "ear_angle": Normal(46, 5), "eye_size": Normal(0.12, 0.015),
        "iris": Words(black=3, brown=3, amber=1), "muzzle_width": Normal(0.44, 0.05),
        "muzzle_length": Normal(0.36, 0.05), "muzzle_cleft": Uniform(0, 0.35), "muzzle_tone": Normal(0.28, 0.1),
        "nose_kind": Words(oval=1), "nose_size": Normal(0.18, 0.025), "nose_colour": Words(black=3, brown=1),
        "fur_colour": Words(brown=3, chocolate=3, sand=1, white=1, black=1, cream=1),
    },
    "mouse": {
        "ear_size": Normal(0.9, 0.1), "ear_width": Normal(0.8, 0.08), "ear_angle": Normal(50, 5),
        "jaw": Normal(-0.26, 0.06), "eye_size": Normal(0.13, 0.02), "iris": Words(black=5, brown=2),
        "muzzle_width": Normal(0.24, 0.04), "muzzle_length": Normal(0.2, 0.04), "muzzle_y": Normal(0.6, 0.06),
        "nose_kind": Words(oval=1), "nose_size": Normal(0.1, 0.015), "nose_colour": Words(pink=3, black=1),
        "whiskers": Uniform(0.2, 1), "cheek": Uniform(0, 0.2),
    },
    "fox": {
        "ear_kind": Words(pointed=1), "ear_size": Normal(0.85, 0.08), "ear_angle": Normal(38, 5),
        "jaw": Normal(-0.33, 0.05), "cheek": Uniform(0.5, 1), "head_aspect": Normal(1.22, 0.08),
        "eye_almond": Uniform(0.4, 0.9), "eye_slant": Normal(14, 5), "eye_size": Normal(0.15, 0.02),
        "muzzle_width": Normal(0.26, 0.04), "muzzle_length": Normal(0.38, 0.05), "muzzle_y": Normal(0.55, 0.06),
        "muzzle_cleft": Uniform(0, 0.2), "nose_kind": Words(oval=1), "nose_size": Normal(0.12, 0.02),
        "nose_colour": Words(black=1), "marking": Words(disc=3, none=1), "second_colour": Words(white=3, cream=2),
        "fur_colour": Words(ginger=5, brown=1, grey=1, sand=1), "pattern": Words(plain=6, speckle=1),
    },
    "pig": {
        "ear_kind": Words(folded=2, leaf=1, pointed=1), "ear_size": Normal(0.55, 0.07), "nose_kind": Words(snout=1),
        "nose_size": Normal(0.32, 0.04), "nose_colour": Words(pink=5, brown=1), "muzzle_width": Normal(0.3, 0.04),
        "muzzle_length": Normal(0.2, 0.03), "eye_size": Normal(0.11, 0.015),
        "fur_colour": Words(rose=6, cream=2, sand=1, charcoal=1, brown=1), "whiskers": Sometimes(0, 0, 0),
        "cheek": Uniform(0, 0.1), "fluff": Uniform(0, 0.15),
    },
    "owl": {
        "ear_kind": Words(pointed=2, none=1), "ear_size": Normal(0.42, 0.06), "ear_angle": Normal(50, 5),
        "ear_splay": Normal(20, 8), "head_aspect": Normal(1.1, 0.08), "eye_size": Normal(0.32, 0.03),
        "eye_open": Normal(1, 0.03), "eye_almond": Uniform(0, 0.1), "eye_spacing": Normal(0.4, 0.03),
        "iris": Words(yellow=3, amber=3, green=1, blue=1), "pupil_width": Normal(0.97, 0.03),
        "pupil_size": Normal(0.6, 0.1), "nose_kind": Words(beak=1), "nose_size": Normal(0.13, 0.02),
        "nose_colour": Words(orange=3, brown=1, black=1), "muzzle_width": Normal(0.14, 0.02),
        "muzzle_length": Normal(0.14, 0.02), "muzzle_y": Normal(0.24, 0.05), "muzzle_tone": Normal(0, 0.05),
        "mouth": Sometimes(0, 0, 0), "tongue": Sometimes(0, 0, 0), "whiskers": Sometimes(0, 0, 0),
        "marking": Words(goggles=1, disc=1, none=1), "pattern": Words(speckle=2, stripes=1, spots=1, plain=1),
    },
    "koala": {
        "ear_size": Normal(0.82, 0.08), "ear_width": Normal(0.8, 0.08), "ear_angle": Normal(62, 5),
        "fluff": Uniform(0.4, 1), "head_aspect": Normal(1.15, 0.08), "nose_kind": Words(tall=1),
        "nose_size": Normal(0.18, 0.02), "nose_colour": Words(black=3, brown=1), "muzzle_width": Normal(0.3, 0.04),
        "muzzle_length": Normal(0.34, 0.04), "muzzle_y": Normal(0.3, 0.05), "eye_size": Normal(0.12, 0.015),
        "fur_colour": Words(grey=4, silver=3, slate=2, brown=1), "whiskers": Sometimes(0, 0, 0),
    },
    "frog": {
        "ear_kind": Words(none=1), "head_aspect": Normal(1.38, 0.08), "jaw": Normal(0.12, 0.05),
        "cheek": Uniform(0, 0.02), "fluff": Uniform(0, 0.02), "eye_y": Normal(-0.85, 0.06),
        "eye_spacing": Normal(0.52, 0.05), "eye_size": Normal(0.26, 0.03), "eye_open": Normal(1, 0.04),
        "eye_almond": Uniform(0, 0.1), "iris": Words(yellow=2, amber=2, green=1, black=1),
        "pupil_width": Normal(0.8, 0.2), "nose_kind": Words(nostrils=1), "nose_size": Normal(0.14, 0.02),
        "muzzle_width": Normal(0.5, 0.06), "muzzle_length": Normal(0.25, 0.04), "muzzle_tone": Normal(0.1, 0.08),
        "mouth": Normal(0.65, 0.06), "whiskers": Sometimes(0, 0, 0),
        "fur_colour": Words(olive=4, teal=4, sand=1, brown=1), "pattern": Words(spots=2, plain=2, speckle=1),
        "crown": Words(none=1),
    },
    "panda": {
        "ear_size": Normal(0.48, 0.06), "ear_angle": Normal(45, 4), "marking": Words(goggles=1),
        "marking_strength": Uniform(0.85, 1), "fur_colour": Words(white=3, cream=2, silver=1),
        "second_colour": Words(black=3, charcoal=2, chocolate=1), "eye_size": Normal(0.12, 0.015),
        "iris": Words(black=2, brown=2), "muzzle_tone": Normal(0.02, 0.04), "nose_kind": Words(oval=1),
        "nose_size": Normal(0.14, 0.02), "nose_colour": Words(black=1), "pattern": Words(plain=1),
        "whiskers": Sometimes(0, 0, 0),
    },
    "cow": {
        "ear_kind": Words(leaf=1), "ear_size": Normal(0.72, 0.07), "ear_width": Normal(0.42, 0.05),
        "ear_angle": Normal(66, 5), "head_aspect": Normal(0.88, 0.06), "jaw": Normal(-0.12, 0.06),
        "crown": Words(horns=3, tuft=1), "muzzle_width": Normal(0.58, 0.05), "muzzle_length": Normal(0.36, 0.04),
        "muzzle_y": Normal(0.66, 0.05), "muzzle_cleft": Uniform(0, 0.1), "nose_kind": Words(nostrils=1),
        "nose_size": Normal(0.24, 0.03), "eye_spacing": Normal(0.52, 0.05), "eye_y": Normal(-0.2, 0.05),
        "pattern": Words(patches=4, plain=1), "whiskers": Sometimes(0, 0, 0),
    },
    "lion": {
        "crown": Words(mane=1), "crown_size": Uniform(0.35, 1),
        "fur_colour": Words(sand=4, cream=2, ginger=2, white=1),
        "second_colour": Words(brown=3, chocolate=2, ginger=2, black=1), "ear_size": Normal(0.42, 0.05),
        "ear_angle": Normal(48, 5), "eye_almond": Uniform(0.2, 0.6), "iris": Words(amber=3, brown=2, yellow=1),
        "nose_kind": Words(triangle=1), "nose_size": Normal(0.17, 0.02), "muzzle_cleft": Uniform(0.5, 1),
        "whiskers": Uniform(0, 0.8), "pattern": Words(plain=1),
    },
    "sheep": {
        "crown": Words(wool=1), "crown_size": Uniform(0.35, 1), "ear_kind": Words(leaf=1),
        "ear_size": Normal(0.62, 0.06), "ear_width": Normal(0.36, 0.05), "ear_angle": Normal(70, 5),
        "head_aspect": Normal(0.9, 0.07), "second_colour": Words(white=4, cream=3, silver=1, charcoal=1),
        "fur_colour": Words(black=2, charcoal=2, cream=2, brown=1, white=1),
        "nose_kind": Words(triangle=2, nostrils=1), "nose_colour": Words(pink=1, black=1),
        "eye_spacing": Normal(0.48, 0.05), "pupil_width": Normal(0.7, 0.2), "pattern": Words(plain=1),
        "whiskers": Sometimes(0, 0, 0),
    },
    "penguin": {
        "ear_kind": Words(none=1), "marking": Words(disc=1), "marking_strength": Uniform(0.85, 1),
        "fur_colour": Words(black=3, charcoal=3, slate=2, teal=0.5),
        "second_colour": Words(white=4, cream=1, silver=1), "head_aspect": Normal(1.03, 0.07),
        "nose_kind": Words(beak=1), "nose_size": Normal(0.2, 0.025), "nose_colour": Words(orange=4, black=1),
        "muzzle_width": Normal(0.16, 0.02), "muzzle_length": Normal(0.12, 0.02), "muzzle_y": Normal(0.22, 0.04),
        "eye_size": Normal(0.12, 0.02), "iris": Words(black=3, brown=1, blue=0.5), "mouth": Sometimes(0, 0, 0),
        "tongue": Sometimes(0, 0, 0), "whiskers": Sometimes(0, 0, 0), "pattern": Words(plain=1),
    },
    "raccoon": {
        "ear_kind": Words(round=1, pointed=1), "ear_size": Normal(0.5, 0.06), "marking": Words(bandit=1),
        "marking_strength": Uniform(0.8, 1), "fur_colour": Words(grey=3, silver=2, sand=1, brown=1),
        "second_colour": Words(black=3, charcoal=2, chocolate=1), "jaw": Normal(-0.26, 0.05),
        "cheek": Uniform(0.3, 0.9), "head_aspect": Normal(1.25, 0.07), "muzzle_width": Normal(0.28, 0.04),
        "nose_kind": Words(oval=1), "nose_size": Normal(0.13, 0.02), "nose_colour": Words(black=1),
        "pattern": Words(plain=1), "whiskers": Uniform(0, 0.6),
    },
    "monkey": {
        "ear_size": Normal(0.52, 0.06), "ear_width": Normal(0.56, 0.06), "ear_angle": Normal(80, 3),
        "marking": Words(disc=1), "marking_strength": Uniform(0.85, 1),
        "fur_colour": Words(brown=3, chocolate=3, black=1, ginger=1, grey=1),
        "second_colour": Words(cream=3, sand=3, rose=1), "nose_kind": Words(nostrils=1),
        "nose_size": Normal(0.12, 0.02), "muzzle_tone": Normal(0.08, 0.08), "muzzle_width": Normal(0.5, 0.05),
        "mouth": Normal(0.42, 0.06), "eye_size": Normal(0.16, 0.02), "eye_spacing": Normal(0.3, 0.04),
        "pattern": Words(plain=1), "whiskers": Sometimes(0, 0, 0), "crown": Words(tuft=2, none=1),
    },
    "hedgehog": {
        "crown": Words(spikes=1), "crown_size": Uniform(0.3, 1), "ear_size": Normal(0.34, 0.05),
        "ear_angle": Normal(55, 5), "jaw": Normal(-0.2, 0.06), "fur_colour": Words(sand=3, cream=3, brown=1),
        "second_colour": Words(brown=2, chocolate=2, charcoal=2, grey=1), "eye_size": Normal(0.11, 0.015),
        "iris": Words(black=1), "muzzle_width": Normal(0.24, 0.04), "muzzle_length": Normal(0.22, 0.04),
        "nose_kind": Words(oval=1), "nose_size": Normal(0.14, 0.02), "nose_colour": Words(black=1),
        "pattern": Words(plain=3, speckle=1), "whiskers": Sometimes(0.2, 0.1, 0.5),
    },
    "tiger": {
        "ear_size": Normal(0.45, 0.06), "head_aspect": Normal(1.15, 0.08), "cheek": Uniform(0.2, 0.8),
        "eye_almond": Uniform(0.3, 0.8), "eye_slant": Normal(9, 5),
        "iris": Words(amber=3, yellow=2, green=1, blue=1), "pupil_width": Normal(0.7, 0.2),
        "muzzle_width": Normal(0.46, 0.05), "muzzle_cleft": Uniform(0.5, 1), "muzzle_tone": Normal(0.4, 0.1),
        "nose_kind": Words(triangle=1), "nose_size": Normal(0.17, 0.025), "nose_colour": Words(pink=3, brown=1),
        "whiskers": Uniform(0.3, 1), "fur_colour": Words(ginger=4, sand=2, white=1.5, cream=1),
        "second_colour": Words(black=3, chocolate=1), "pattern": Words(stripes=1),
        "pattern_strength": Uniform(0.7, 1), "marking": Words(none=3, brows=1),
    },
    "wolf": {
        "ear_kind": Words(pointed=1), "ear_size": Normal(0.72, 0.08), "head_aspect": Normal(1.08, 0.08),
        "jaw": Normal(-0.2, 0.06), "cheek": Uniform(0.4, 1), "fluff": Uniform(0.4, 1),
        "eye_size": Normal(0.15, 0.02), "eye_almond": Uniform(0.4, 0.9), "eye_slant": Normal(10, 5),
        "iris": Words(amber=3, yellow=2, blue=1), "muzzle_width": Normal(0.36, 0.05),
        "muzzle_length": Normal(0.47, 0.06), "muzzle_cleft": Uniform(0, 0.3), "nose_kind": Words(oval=1),
        "nose_size": Normal(0.18, 0.025), "nose_colour": Words(black=1),
        "fur_colour": Words(grey=3, charcoal=2, silver=2, slate=1, white=1),
        "marking": Words(disc=2, points=1, none=2), "pattern": Words(plain=4, speckle=1),
        "tongue": Sometimes(0.3, 0.4, 1),
    },
    "otter": {
        "ear_size": Normal(0.3, 0.05), "ear_angle": Normal(60, 5), "head_aspect": Normal(1.24, 0.08),
        "eye_size": Normal(0.11, 0.015), "muzzle_width": Normal(0.54, 0.05), "muzzle_length": Normal(0.28, 0.04),
        "muzzle_y": Normal(0.3, 0.05), "muzzle_cleft": Uniform(0.5, 1), "nose_kind": Words(oval=1),
        "nose_size": Normal(0.18, 0.025), "nose_colour": Words(black=2, brown=2), "whiskers": Uniform(0.5, 1),
        "fur_colour": Words(brown=3, chocolate=3, grey=1), "pattern": Words(plain=1),
    },
    "squirrel": {
        "ear_kind": Words(pointed=1), "ear_size": Normal(0.62, 0.07), "ear_width": Normal(0.28, 0.04),
        "ear_angle": Normal(36, 5), "head_aspect": Normal(1.1, 0.07), "jaw": Normal(-0.12, 0.06),
        "eye_size": Normal(0.23, 0.025), "iris": Words(black=3, brown=2), "muzzle_width": Normal(0.28, 0.04),
        "muzzle_length": Normal(0.2, 0.03), "muzzle_cleft": Uniform(0.6, 1), "nose_kind": Words(triangle=1),
        "nose_size": Normal(0.08, 0.015), "whiskers": Uniform(0, 0.6), "mouth": Normal(0.16, 0.03),
        "fur_colour": Words(ginger=3, brown=2, grey=2, chocolate=1),
    },
    "seal": {
        "ear_kind": Words(none=1), "head_aspect": Normal(1.12, 0.07), "fluff": Uniform(0, 0.2),
        "cheek": Uniform(0, 0.1), "eye_size": Normal(0.25, 0.03), "iris": Words(black=4, brown=1),
        "muzzle_width": Normal(0.42, 0.05), "muzzle_length": Normal(0.24, 0.04), "muzzle_cleft": Uniform(0.6, 1),
        "nose_kind": Words(oval=2, triangle=1), "nose_size": Normal(0.13, 0.02), "nose_colour": Words(black=1),
        "whiskers": Uniform(0.4, 1), "fur_colour": Words(silver=3, white=2, grey=2, slate=2, charcoal=1),
        "pattern": Words(plain=2, speckle=2, spots=1),
    },
    "deer": {
        "ear_kind": Words(leaf=1), "ear_size": Normal(0.85, 0.08), "ear_width": Normal(0.5, 0.05),
        "ear_angle": Normal(52, 5), "head_aspect": Normal(0.84, 0.06), "jaw": Normal(-0.28, 0.05),
        "eye_size": Normal(0.2, 0.025), "eye_spacing": Normal(0.5, 0.04), "iris": Words(brown=2, black=2),
        "muzzle_width": Normal(0.3, 0.04), "muzzle_length": Normal(0.34, 0.05), "muzzle_y": Normal(0.6, 0.05),
        "muzzle_cleft": Uniform(0, 0.3), "nose_kind": Words(oval=1), "nose_size": Normal(0.15, 0.02),
        "nose_colour": Words(black=2, brown=1), "fur_colour": Words(brown=3, sand=2, ginger=2),
        "second_colour": Words(white=3, cream=2), "pattern": Words(spots=2, speckle=1, plain=1),
        "crown": Words(none=3, horns=1), "whiskers": Sometimes(0, 0, 0),
    },
}
# fmt: on
