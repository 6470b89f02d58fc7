"""Drawn animal portraits whose every factor is known.

`draw` makes one picture, `make_set` a labelled set of them, `release_set` the frozen
release shipped with the package. The factors and their ranges are listed in `FACTORS`;
the dials that shift a drawing in one factor are in `SHIFTS`, and `shortcut`.

This module stands alone: it needs NumPy, Pillow and rich, and no deep-learning library.
"""

from tlbook.sketches.captions import CAPTION_WORDS, caption
from tlbook.sketches.cues import all_cues_accuracy, single_cue_accuracy
from tlbook.sketches.factors import (
    COLOURS,
    FACTORS,
    SOURCE_SPECIES,
    SPECIES,
    TARGET_SPECIES,
    Choice,
    Factors,
    Number,
    parse,
)
from tlbook.sketches.scene import Sketch, draw, render
from tlbook.sketches.sets import (
    RELEASE,
    SPLITS,
    SketchSet,
    make_records,
    make_set,
    read_manifest,
    release_factors,
    release_set,
)
from tlbook.sketches.shifts import (
    SHIFTS,
    SHORTCUT_BACKGROUNDS,
    Shift,
    blurred,
    dark,
    gamma,
    noisy,
    occluded,
    rotated,
    shortcut,
    small,
)
from tlbook.sketches.species import prior, sample

__all__ = [
    "CAPTION_WORDS",
    "COLOURS",
    "FACTORS",
    "RELEASE",
    "SHIFTS",
    "SHORTCUT_BACKGROUNDS",
    "SOURCE_SPECIES",
    "SPECIES",
    "SPLITS",
    "TARGET_SPECIES",
    "Choice",
    "Factors",
    "Number",
    "Shift",
    "Sketch",
    "SketchSet",
    "all_cues_accuracy",
    "blurred",
    "caption",
    "dark",
    "draw",
    "gamma",
    "make_records",
    "make_set",
    "noisy",
    "occluded",
    "parse",
    "prior",
    "read_manifest",
    "release_factors",
    "release_set",
    "render",
    "rotated",
    "sample",
    "shortcut",
    "single_cue_accuracy",
    "small",
]
