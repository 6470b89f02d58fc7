"""What to do next about a classifier, computed from what a run has at hand: no photo is passed through the network again."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlbook import evaluation, transfer
from tlbook.classifier.photos import Photos
from tlbook.report.metrics import number

__all__ = ["more_photos", "sentences", "suspected"]

DOUBTFUL = 0.02
"""A label to which a calibrated model gives so little is worth a look."""

_SHOWN = 8
_LITTLE = 0.01  # of accuracy


def suspected(photos: Photos, logits: dict[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Photos whose label is doubtful, the most doubtful first: of those on which the model was not trained.

    Parameters
    ----------
    logits : dict of str to ndarray, shapes (n, N)
        Calibrated, by split: validation and test.

    Returns
    -------
    list of dict
        ``split``, ``index``, ``path``, ``label``, ``called`` and ``probability``, that of the label.
    """
    found = []
    for name, some in logits.items():
        if not len(some):
            continue
        split, p = photos.splits[name], evaluation.probabilities(some)
        given = p[np.arange(len(split)), split.labels]
        for index in np.flatnonzero(given < DOUBTFUL).tolist():
            found.append(
                {
                    "split": name,
                    "index": index,
                    "path": photos.shown(name, index),
                    "label": photos.class_names[split.labels[index]],
                    "called": photos.class_names[int(p[index].argmax())],
                    "probability": number(float(given[index])),
                }
            )
    return sorted(found, key=lambda one: one["probability"])[:_SHOWN]


def more_photos(
    probe: transfer.Probe,
    features: dict[str, NDArray[Any]],
    photos: Photos,
    max_iter: int,
    class_weight: str | None = None,
) -> dict[str, Any] | None:
    """What the second half of the training photos brought, on validation photos; None where that cannot be measured."""
    train, validation = photos.splits["train"], photos.splits["validation"]
    if not len(validation) or len(train) < 8 * len(photos.class_names):
        return None
    half = train.take_positions(len(train) // 2)
    fewer = transfer.linear_probe(
        features["train"][half],
        train.labels[half],
        features["validation"],
        validation.labels,
        C=probe.C,
        class_weight=class_weight,
        max_iter=max_iter,
    )
    guesses = [one.predict(features["validation"]) for one in (probe, fewer)]
    test = evaluation.mcnemar(validation.labels, *guesses, names=("all", "half"))
    return {
        "n_half": len(half),
        "difference": number(test.difference.value),
        "difference_interval": [number(test.difference.low), number(test.difference.high)],
        "verdict": "more" if test.winner == "all" else "enough" if test.difference.high < _LITTLE else "cannot tell",
    }


_MORE = {
    "more": "More photos would probably help",
    "enough": "More photos of the same kind would gain little",
    "cannot tell": "We cannot tell from these whether more photos would help",
}


def sentences(metrics: dict[str, Any]) -> list[str]:
    """What to do next, the most useful first."""
    found, advice, photos = [], metrics["advice"], metrics["photos"]
    if doubtful := advice["suspected_labels"]:
        which = "label of the photo" if len(doubtful) == 1 else f"labels of the {len(doubtful)} photos"
        found.append(f"Look at the {which} below: the model gives what stands there almost no chance.")
    names, confusion = metrics["class_names"], np.array(metrics["test"]["confusion"])
    np.fill_diagonal(confusion, 0)
    if len(names) > 2 and confusion.max() > 1:
        true, called = np.unravel_index(int(confusion.argmax()), confusion.shape)
        found.append(
            f"Most often confused: {names[true]} is called {names[called]} ({confusion[true, called]:,} of "
            f"{confusion.sum():,} mistakes); photos that show the difference would help most."
        )
    if more := advice["more_photos"]:
        low, high = (100 * bound for bound in more["difference_interval"])
        change = f"{100 * more['difference']:+.1f} points ({low:.1f} to {high:.1f})".replace("-", "−")
        found.append(
            f"{_MORE[more['verdict']]}: from {more['n_half']:,} training photos to all of them, the accuracy of the probe on "
            f"validation photos changed by {change}."
        )
    if left := photos["left_out"]:
        reason, n = Counter(reason.split(" (")[0].split(" as ")[0] for _, reason in left).most_common(1)[0]
        if len(left) == 1:
            found.append(f"1 file was left out: {reason}. It is listed below.")
        else:
            found.append(
                f"{len(left):,} files were left out, {n:,} of them for one reason: {reason}. The list is below."
            )
    return found
