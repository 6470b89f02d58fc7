"""What to do next about a classifier, computed from what a run has at hand: no photo is passed through the network again.

The probe stands for the model here: it is refitted in folds, and on fewer photos, on features that are there already.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tlbook import evaluation, interpret, transfer
from tlbook.classifier.photos import Photos
from tlbook.datasets import Split
from tlbook.report.metrics import number

__all__ = ["curve_of", "learning_curve", "likeness", "out_of_fold", "sentences", "suspected"]

DOUBTFUL = 0.05
"""A label to which a calibrated model gives less is worth a look."""

_SHOWN = 8
_FOLDS = 5
_LITTLE = 0.01  # of accuracy
_FEW = 20  # photos; with fewer, distances say nothing
_NEIGHBOURS = 5
_MOST = 2000  # photos of which distances are computed: two seconds with the longest features
_CLEARLY = 0.6  # of pairs; 0.5 is no difference
_FARTHEST = 4
_CHANCE = 0.05


def out_of_fold(
    probe: transfer.Probe, features: NDArray[Any], train: Split, max_iter: int, class_weight: str | None = None
) -> NDArray[np.float32]:
    """Calibrated logits (n, N) of the training photos, each by a probe that was fitted on the other four fifths of them.

    The row is NaN of a photo that is the only one of its class, and where no probe can be fitted on the others.
    """
    fold, found = _folds(train), np.full((len(train), probe.n_classes), np.nan, np.float32)
    for k in range(_FOLDS):
        held = fold == k
        if held.any():
            x, y = features[~held], train.labels[~held]
            with suppress(ValueError, RuntimeError):  # constant features; no convergence
                one = transfer.linear_probe(x, y, x, y, C=probe.C, class_weight=class_weight, max_iter=max_iter)
                found[held] = one.logits(features[held])
    checked = np.isfinite(found).all(axis=1)
    if checked.any():
        found /= _temperature(train.labels[checked], found[checked])
    return found


def _folds(train: Split) -> NDArray[np.int64]:
    """The fold of each photo, by its contents; every class is in the other folds too, the only one of a class in none (-1)."""
    fold = np.full(len(train), -1)
    for label in range(len(train.class_names)):
        members = sorted(np.flatnonzero(train.labels == label).tolist(), key=lambda i: train.hashes[i])
        if len(members) > 1:
            fold[members] = np.arange(len(members)) % _FOLDS
    return fold


def _temperature(labels: NDArray[Any], logits: NDArray[Any]) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            return float(evaluation.fit_temperature(labels, logits))
        except (ValueError, UserWarning):  # not determined
            return 1.0


def suspected(photos: Photos, logits: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Photos whose label is doubtful: of those on which what judges them was not trained.

    The label has almost no chance, and the class that the photo is called instead is as probable as it is on average for photos
    with that label, so that a class that is merely hard does not fill the list (Northcutt, Jiang and Chuang 2021, Journal of
    Artificial Intelligence Research 70:1373).

    Parameters
    ----------
    logits : dict of str to ndarray, shapes (n, N)
        Calibrated, by split; rows of NaN are not judged.

    Returns
    -------
    dict
        ``suspected_labels``, the most doubtful first, each with ``split``, ``index``, ``path``, ``label``, ``called`` and
        ``probability``, that of the label; ``n_suspected_labels``, which may be more than are listed;
        ``n_suspected_by_chance``, as many right labels would look so if the probabilities are what they claim to be;
        ``n_labels_checked`` and ``n_labels_unchecked``.
    """
    names = [name for name in logits if len(logits[name])]
    place = [(name, i) for name in names for i in range(len(logits[name]))]
    every = np.concatenate([np.asarray(logits[name], np.float64) for name in names])
    labels = np.concatenate([photos.splits[name].labels for name in names])
    judged = np.flatnonzero(np.isfinite(every).all(axis=1))
    p, labels = evaluation.probabilities(every[judged]), labels[judged]
    given, called = p[np.arange(len(p)), labels], p.argmax(axis=1)
    usual = np.array([p[labels == k, k].mean() if (labels == k).any() else 1.0 for k in range(p.shape[1])])
    sure = p.max(axis=1) >= usual[called] - 1e-6
    doubtful = np.flatnonzero((given < DOUBTFUL) & sure)
    found = []
    for row in doubtful[np.argsort(given[doubtful], kind="stable")][:_SHOWN].tolist():
        name, index = place[judged[row]]
        found.append(
            {
                "split": name,
                "index": index,
                "path": photos.shown(name, index),
                "label": photos.class_names[labels[row]],
                "called": photos.class_names[int(called[row])],
                "probability": number(given[row]),
            }
        )
    return {
        "suspected_labels": found,
        "n_suspected_labels": len(doubtful),
        "n_suspected_by_chance": number(p[sure][p[sure] < DOUBTFUL].sum()),
        "n_labels_checked": len(judged),
        "n_labels_unchecked": len(every) - len(judged),
    }


def learning_curve(
    probe: transfer.Probe,
    features: dict[str, NDArray[Any]],
    photos: Photos,
    max_iter: int,
    class_weight: str | None = None,
) -> dict[str, Any] | None:
    """Accuracy of the probe on validation photos by the number of training photos, and what their second half brought.

    None where there is no validation photo, or fewer than eight training photos a class, or no probe can be fitted on fewer.
    """
    train, validation = photos.splits["train"], photos.splits["validation"]
    if not len(validation) or len(train) < 8 * len(photos.class_names):
        return None

    def fewer(n: int) -> transfer.Probe:
        part = train.take_positions(n)
        return transfer.linear_probe(
            features["train"][part],
            train.labels[part],
            features["validation"],
            validation.labels,
            C=probe.C,
            class_weight=class_weight,
            max_iter=max_iter,
        )

    return curve_of(probe, fewer, len(train), len(photos.class_names), features["validation"], validation.labels)


def curve_of(
    probe: transfer.Probe,
    fewer: Callable[[int], transfer.Probe],
    n_train: int,
    n_classes: int,
    features: Any,
    labels: NDArray[Any],
) -> dict[str, Any] | None:
    """The curve of :func:`learning_curve`, given what fits the probe on fewer photos, and validation features and labels."""
    sizes = [n for n in (n_train // 8, n_train // 4, n_train // 2) if n >= 2 * n_classes]
    try:
        probes = {n: fewer(n) for n in sizes} | {n_train: probe}
    except (ValueError, RuntimeError):  # constant features; no convergence
        return None
    guesses = {n: one.predict(features) for n, one in probes.items()}
    test = evaluation.mcnemar(labels, guesses[n_train], guesses[sizes[-1]], names=("all", "half"))
    points = {n: evaluation.accuracy(labels, guess) for n, guess in guesses.items()}
    return {
        "n_half": sizes[-1],
        "difference": number(test.difference.value),
        "difference_interval": [number(test.difference.low), number(test.difference.high)],
        "verdict": "more" if test.winner == "all" else "enough" if test.difference.high < _LITTLE else "cannot tell",
        "detectable": test.detectable_text,
        "curve": [
            {"n": n, "accuracy": number(one.value), "accuracy_interval": [number(one.low), number(one.high)]}
            for n, one in points.items()
        ],
    }


def likeness(features: dict[str, NDArray[Any]], photos: Photos) -> dict[str, Any] | None:
    """Whether the test photos lie farther from the training photos than validation photos do, in the features of the network.

    The distance is the mean cosine distance of a photo from its five nearest training photos. Of the photos on which a
    network was pretrained there are none at hand, so nothing is said of the distance from those. Validation photos come from
    the folder of the training photos and, like test photos, have no near-duplicates among them: where test photos are of the
    same kind, the test photo is the farther one in half of all pairs. None with fewer than 20 photos of either.
    """
    if min(len(photos.splits[name]) for name in ("validation", "test")) < _FEW:
        return None
    some = {name: _some(photos.splits[name]) for name in ("train", "validation", "test")}
    k = min(_NEIGHBOURS, len(some["train"]))
    held, test = (
        interpret.nearest_neighbours(features["train"][some["train"]], features[name][some[name]], k)[1].mean(axis=1)
        for name in ("validation", "test")
    )
    farther = evaluation.roc_auc(np.repeat([0, 1], [len(held), len(test)]), np.concatenate([held, test]))
    far = farther.low > 0.5 and farther.value >= _CLEARLY
    return {
        "n_validation": len(held),
        "n_test": len(test),
        "farther": number(farther.value),
        "farther_interval": [number(farther.low), number(farther.high)],
        "verdict": "farther" if far else "alike" if farther.high < _CLEARLY else "cannot tell",
        "farthest": [
            {
                "index": index,
                "path": photos.shown("test", index),
                "label": photos.class_names[photos.splits["test"].labels[index]],
            }
            for index in some["test"][np.argsort(-test, kind="stable")[:_FARTHEST]].tolist()
        ],
    }


def _some(split: Split) -> NDArray[np.int64]:
    """Positions of all photos, or of as many as distances are computed of."""
    return np.arange(len(split)) if len(split) <= _MOST else split.take_positions(_MOST)


_MORE = {
    "more": "More photos would probably help",
    "enough": "More photos of the same kind would gain little",
    "cannot tell": "We cannot tell from these whether more photos would help",
}

_LIKE = {
    "farther": "The test photos are unlike the training photos, so that labelled photos like those of the test would help most",
    "alike": "The test photos are about as near to the training photos as validation photos are",
    "cannot tell": "We cannot tell from these whether the test photos are unlike the training photos",
}


def sentences(metrics: dict[str, Any]) -> list[str]:
    """What to do next, the most useful first; then what could not be measured, and why."""
    advice, photos = metrics["advice"], metrics["photos"]
    every = (
        _on_labels(advice) + _on_sample(photos),
        _on_confusion(metrics["class_names"], np.array(metrics["test"]["confusion"])),
        _on_more_photos(advice),
        _on_likeness(advice),
        _on_files(photos["left_out"], photos.get("n_left_out")),
    )
    return [one for one in every if one]


def _on_labels(advice: dict[str, Any]) -> str:
    n, shown, chance = advice["n_suspected_labels"], len(advice["suspected_labels"]), advice["n_suspected_by_chance"]
    checked, unchecked = advice["n_labels_checked"], advice["n_labels_unchecked"]
    if n:
        one = n == 1
        which = "label of the photo" if one else f"labels of the {shown} photos"
        more = f", the most doubtful of {n:,}" if n > shown else ""
        if stats.poisson.sf(n - 1, chance) < _CHANCE:
            verdict = "it is probably wrong" if one else "some are probably wrong"
        else:
            verdict = "it may be right" if one else "all of them may be right"
        said = (
            f"Look at the {which} below{more}: a model that was not trained on {'it' if one else 'them'} gives what stands "
            f"there less than {100 * DOUBTFUL:g} %. About {chance:.{0 if chance >= 1.5 else 1}f} right labels would get so "
            f"little by chance, so {verdict}."
        )
    else:
        said = f"No label of {checked:,} photos looks wrong to a model that was not trained on them."
    if unchecked:
        said += (
            f" {unchecked:,} could not be checked: the only one of its class, or no probe could be fitted without it."
        )
    return said


def _on_confusion(names: list[str], confusion: NDArray[Any]) -> str:
    confusion = confusion * (1 - np.eye(len(confusion), dtype=int))
    if len(names) < 3 or confusion.max() < 2:
        return ""
    true, called = np.unravel_index(int(confusion.argmax()), confusion.shape)
    return (
        f"Most often confused: {names[true]} is called {names[called]} ({confusion[true, called]:,} of "
        f"{confusion.sum():,} mistakes); photos that show the difference would help most."
    )


def _on_more_photos(advice: dict[str, Any]) -> str:
    more = advice["more_photos"]
    if not more:
        return (
            "Whether more photos would help was not measured: it takes validation photos, eight training photos a class, and "
            "that the probe can be fitted on fewer."
        )
    low, high = (100 * bound for bound in more["difference_interval"])
    change = f"{100 * more['difference']:+.1f} points ({low:.1f} to {high:.1f})".replace("-", "−")
    return (
        f"{_MORE[more['verdict']]}: from {more['n_half']:,} training photos to all of them, the accuracy of the probe on "
        f"validation photos changed by {change}, {more['detectable']}."
    )


def _on_likeness(advice: dict[str, Any]) -> str:
    found = advice["likeness"]
    if not found:
        few = f"it takes {_FEW} validation photos and {_FEW} test photos"
        return f"Whether the test photos are like the training photos was not measured: {few}."
    low, high = (100 * bound for bound in found["farther_interval"])
    return (
        f"{_LIKE[found['verdict']]}: in {100 * found['farther']:.0f} of 100 pairs ({low:.0f} to {high:.0f}; 50 where both are of "
        "one kind) the test photo lies farther from the training photos than the validation photo does. How far all of them lie "
        "from the photos that the network was pretrained on cannot be measured here."
    )


def _on_sample(photos: dict[str, Any]) -> str:
    """Of which photos advice was computed, where there were too many for all."""
    if not (drawn := photos.get("sampled")):
        return ""
    called, counts = {"train": "training"}, photos["counts"]
    some = [f"{n:,} of {sum(counts[name].values()):,} {called.get(name, name)} photos" for name, n in drawn.items()]
    return (
        f" This, and how far test photos lie from training photos, was computed on a random sample: {', '.join(some)}."
    )


def _on_files(left: list[list[str]], n: int | None = None) -> str:
    if not left:
        return ""
    counts = Counter(reason.split(" (")[0].split(" as ")[0] for _, reason in left).most_common()
    if len(left) == 1:
        return f"1 file was left out: {counts[0][0]}. It is listed below."
    said = ", ".join(f"{n:,} × {reason}" for reason, n in counts[:3])
    rest = sum(count for _, count in counts[3:])
    if n is not None and n > len(left):
        return f"{n:,} files were left out, of which the first {len(left):,} are listed below."
    return f"{len(left):,} files were left out: {said}{f', and {rest:,} for other reasons' if rest else ''}. The list is below."
