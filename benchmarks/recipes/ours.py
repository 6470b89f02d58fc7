"""This book's recipe: one pass through the frozen network, then a linear probe whose penalty cross-validation chooses.

Of the training images alone: the images to score on are looked at once. Images of 224 pixels, since one pass can afford them.
"""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import StratifiedKFold

from recipes.material import Material
from tlbook import backbones, features, transfer

PENALTIES = tuple(10.0**power for power in range(-4, 1))
FOLDS = 5


def probe(given: Material, backbone_name: str, size: int | None = None) -> np.ndarray:
    """Predictions for the images to score on, int64 (n,)."""
    backbone = backbones.load(backbone_name, input_size=size)
    x_train = features.extract(backbone, given.train)
    x_held = features.extract(backbone, given.held)
    fitted = chosen_probe(x_train, given.train.labels)
    return fitted.predict(x_held)


def chosen_probe(x: np.ndarray, labels: np.ndarray) -> transfer.Probe:
    losses = dict.fromkeys(PENALTIES, 0.0)
    for inner, outer in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(x, labels):
        fold = transfer.linear_probe(x[inner], labels[inner], x[outer], labels[outer], C=PENALTIES)
        for penalty in PENALTIES:
            losses[penalty] += fold.validation_losses[penalty]
    best = min(losses, key=losses.get)
    return transfer.linear_probe(x, labels, x, labels, C=best)
