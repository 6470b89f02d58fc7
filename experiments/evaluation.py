"""Which changes of the images does a probe survive? The same probes on every dial of the sketches.

Every second test sketch is drawn again from its record with one factor changed, so that all settings show the same 500
animals. Two linear probes on the frozen backbone are tested, on its last stage and on the third. Nothing in a probe is random:
a seed draws the 200 of 240 training images that it is fitted on.
"""

from __future__ import annotations

import functools

from experiments import methods
from experiments.material import Material, Pair, redrawn
from experiments.runner import table
from tlbook import features, sketches

ABOUT = {"sketches": "Probes on 500 test sketches, one dial turned at a time"}
MATERIAL = Material("sketches", 96)
STAGES = ("stage4", "stage3")
EVERY = 2
IMAGES = 200


def rows(dataset: str):
    names, strengths = "dial strength stage seed", (0.25, 0.5, 0.75, 1.0)
    plain = table(names, "none", 0.0, STAGES, range(5))
    return plain + table(names, list(sketches.SHIFTS), strengths, STAGES, range(5))


def conditions(dataset: str) -> dict:
    return MATERIAL.conditions() | {"training_images": IMAGES, "every": EVERY}


@functools.cache
def fitted(stage: str, seed: int) -> methods.Trained:
    view = {
        name: (features.extract(MATERIAL.backbone, x, layer=stage), y) for name, (x, y) in MATERIAL.images().items()
    }
    train, validation, _ = MATERIAL.few(view, IMAGES, seed)
    return methods.probe(train, validation)


@functools.lru_cache(maxsize=1)
def turned(dial: str, strength: float) -> dict[str, Pair]:
    """The test sketches at a dial, by stage."""
    shift = sketches.SHIFTS["rotated" if dial == "none" else dial](strength)  # of strength 0: as they are
    images, labels = redrawn("test", shift, rows=slice(None, None, EVERY))
    x = features.extract(MATERIAL.backbone, images, layer=STAGES, cache=False)
    return {stage: (x[stage], labels) for stage in STAGES}


def measure(dataset: str, dial: str, strength: float, stage: str, seed: int) -> dict:
    return methods.scores(fitted(stage, seed), turned(dial, strength)[stage])
