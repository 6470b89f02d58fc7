"""Everything measured about one model on one split, in one call."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlbook._checks import whole
from tlbook._files import write_text
from tlbook.datasets import Split
from tlbook.evaluation import report_page
from tlbook.evaluation.areas import average_precision, roc_area
from tlbook.evaluation.calibration import (
    Reliability,
    brier_score,
    fit_temperature,
    negative_log_likelihood,
    reliability,
)
from tlbook.evaluation.inputs import classes, confidence_level, logit_matrix
from tlbook.evaluation.intervals import Estimate, bootstrap
from tlbook.evaluation.metrics import accuracy, confusion_matrix, f1, group_accuracy, precision, probabilities, recall

__all__ = ["Calibration", "ClassScores", "Mistake", "Report", "report"]

_BINS = 15


@dataclass(frozen=True)
class ClassScores:
    """One class against all others, each number with its interval.

    Attributes
    ----------
    n : int
        Images of the class.
    precision, recall, f1 : Estimate
    roc_area, average_precision : Estimate
        The class's probability as the score.
    """

    n: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    roc_area: Estimate
    average_precision: Estimate


@dataclass(frozen=True)
class Calibration:
    """Whether the probabilities are what they say.

    Attributes
    ----------
    reliability : Reliability
        15 bins of equal width; ``.ece`` is the expected calibration error.
    ece_by_chance : float
        What 95 % of perfectly calibrated models with these confidences stay
        below on this many images: an ECE under it shows nothing.
    brier, nll : Estimate
        Brier score (0 to 2) and negative log-likelihood in nats, with bootstrap intervals.
    """

    reliability: Reliability
    ece_by_chance: float
    brier: Estimate
    nll: Estimate

    @property
    def ece(self) -> float:
        """Expected calibration error."""
        return self.reliability.ece


@dataclass(frozen=True)
class Mistake:
    """One image classified wrongly.

    Attributes
    ----------
    index : int
        Its position in the split.
    path : Path
    label, prediction : str
        Names of the true and of the predicted class.
    confidence : float
        Probability given to the predicted class.
    """

    index: int
    path: Path
    label: str
    prediction: str
    confidence: float


@dataclass(frozen=True)
class Report:
    """What :func:`report` measured.

    Attributes
    ----------
    split, fingerprint : str
        Name of the split, and the hash of its images.
    class_names : tuple of str
    n : int
        Images.
    accuracy : Estimate
    macro_precision, macro_recall, macro_f1 : Estimate
        Means over the classes that occur. The macro recall is also called balanced accuracy.
    classes : dict of str to ClassScores
    confusion : ndarray of int64, shape (N, N)
        Rows are true classes.
    calibration : Calibration
    temperature : float or None
        Fitted on the validation split, if one was given and determines it.
    scaled : Calibration or None
        The same after dividing the logits by the temperature.
    groups : dict of str to Estimate
        Accuracy in each group; empty if no groups were given.
    worst_group : (str, Estimate) or None
    mistakes : tuple of Mistake
        The most confident first.
    n_mistakes : int
        All of them, shown or not.
    notes : tuple of str
        What the numbers cannot tell, and why.
    labels, logits : ndarray, shapes (n,) and (n, N)
        What everything was computed from.
    """

    split: str
    fingerprint: str
    class_names: tuple[str, ...]
    n: int
    accuracy: Estimate
    macro_precision: Estimate
    macro_recall: Estimate
    macro_f1: Estimate
    classes: dict[str, ClassScores]
    confusion: np.ndarray
    calibration: Calibration
    temperature: float | None
    scaled: Calibration | None
    groups: dict[str, Estimate]
    worst_group: tuple[str, Estimate] | None
    mistakes: tuple[Mistake, ...]
    n_mistakes: int
    notes: tuple[str, ...]
    labels: np.ndarray
    logits: np.ndarray

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """Every number, in lines to print."""
        return report_page.text(self)

    def html(self) -> str:
        """A self-contained page: styles, figures and the mistakes' images are inside it.

        Raises
        ------
        BadImage
            If the image of a mistake can no longer be read.
        """
        return report_page.html(self)

    def save(self, path: str | os.PathLike) -> Path:
        """Write :meth:`html` to a file, whole or not at all; an existing file is replaced.

        Raises
        ------
        OSError
            If the folder does not exist or cannot be written. What was there stays as it was.
        """
        write_text(path, self.html())
        return Path(path)


def report(
    model: Any,
    split: Split,
    *,
    validation: Split | tuple[Any, Any] | None = None,
    groups: Any = None,
    mistakes: int = 12,
    confidence: float = 0.95,
    batch_size: int = 64,
    seed: int = 0,
) -> Report:
    """Measure a model on a split: how good, how sure, where it fails.

    Parameters
    ----------
    model : keras.Model, callable or array_like of shape (n, N)
        A Keras model with images in (of a fixed, square size) and logits out; or a function from
        a Split to logits (n, N), e.g.
        ``lambda split: probe.logits(features.extract(backbone, split))``; or the logits themselves.
    split : Split
        The test split, n ≥ 1 images.
    validation : Split, or (labels, logits), optional
        On it a temperature is fitted. A pair is needed where ``model`` is an array.
    groups : array_like, shape (n,), optional
        Name of each image's group, e.g. its background.
    mistakes : int
        At most so many mistakes are listed and shown.
    confidence : float
        Of all intervals.
    batch_size : int
        Images a batch for a Keras model.
    seed : int
        Of the bootstraps.

    Returns
    -------
    Report
        Print it, or ``report.save("page.html")``. What a split cannot tell (the
        ROC area where one class is missing, say) is undefined and explained in ``notes``.

    Raises
    ------
    ValueError
        An empty split, logits of another shape or not finite, groups of another length.
    """
    confidence = confidence_level(confidence)
    if not isinstance(split, Split):
        raise ValueError(f"split is a Split, e.g. datasets.load('sketches').test; got {type(split).__name__}")
    if not len(split):
        raise ValueError(f"the split {split.name!r} has no images; nothing can be measured on it")
    mistakes = whole(mistakes, "mistakes", 0)
    logits = _logits(model, split, batch_size)
    labels, p = split.labels, probabilities(logits)
    guess = p.argmax(axis=1)
    notes: list[str] = []
    counts = np.bincount(labels, minlength=len(split.class_names))
    if missing := [name for name, count in zip(split.class_names, counts, strict=True) if not count]:
        notes.append(f"no image of {', '.join(missing)}: what needs one is undefined")
    if (guess == labels).all() or (guess != labels).all():
        notes.append("all images right, or all wrong: bootstrap intervals have no width, which is no certainty")
    options = {"confidence": confidence, "seed": seed}
    calibration = _calibration(labels, p, confidence, seed)
    temperature, scaled = None, None
    if validation is not None:
        temperature = _temperature(model, validation, len(split.class_names), batch_size, notes)
        if temperature is not None:
            scaled = _calibration(labels, probabilities(logits / temperature), confidence, seed)
    by_group, worst = _groups(labels, guess, groups, confidence, notes)
    wrong = np.flatnonzero(guess != labels)
    sure = p[np.arange(len(p)), guess]
    shown = wrong[np.argsort(-sure[wrong], kind="stable")][: int(mistakes)]
    return Report(
        split=split.name,
        fingerprint=split.fingerprint,
        class_names=split.class_names,
        n=len(split),
        accuracy=accuracy(labels, guess, confidence),
        macro_precision=precision(labels, guess, average="macro", **options),
        macro_recall=recall(labels, guess, average="macro", **options),
        macro_f1=f1(labels, guess, average="macro", **options),
        classes={
            name: ClassScores(
                int(counts[k]),
                precision(labels, guess, positive=k, confidence=confidence),
                recall(labels, guess, positive=k, confidence=confidence),
                f1(labels, guess, positive=k, confidence=confidence),
                roc_area(labels, p[:, k], positive=k, **options),
                average_precision(labels, p[:, k], positive=k, **options),
            )
            for k, name in enumerate(split.class_names)
        },
        confusion=confusion_matrix(labels, guess, len(split.class_names)),
        calibration=calibration,
        temperature=temperature,
        scaled=scaled,
        groups=by_group,
        worst_group=worst,
        mistakes=tuple(
            Mistake(int(i), split.paths[i], split.class_names[labels[i]], split.class_names[guess[i]], float(sure[i]))
            for i in shown
        ),
        n_mistakes=int(wrong.size),
        notes=tuple(notes),
        labels=labels,
        logits=logits,
    )


def _logits(model: Any, split: Split, batch_size: int) -> np.ndarray:
    """Finite logits (n, N) for the images of a split and its N classes."""
    if hasattr(model, "predict_on_batch"):
        logits = _keras_logits(model, split, batch_size)
    elif callable(model):
        logits = model(split)
    else:
        logits = model
    logits = logit_matrix(logits)
    if logits.shape != (len(split), len(split.class_names)):
        raise ValueError(
            f"the split {split.name!r} has {len(split)} images of {len(split.class_names)} classes, but the logits "
            f"have shape {logits.shape}"
        )
    return logits


def _keras_logits(model: Any, split: Split, batch_size: int) -> np.ndarray:
    shape = tuple(model.input_shape) if not isinstance(model.input_shape, list) else ()
    if len(shape) != 4 or shape[3] != 3 or shape[1] is None or shape[1] != shape[2]:
        raise ValueError(
            f"the model takes inputs of shape {model.input_shape}; images of one known, square size, "
            "(None, size, size, 3), are needed. Otherwise give a function from the split to logits"
        )
    results = []
    for images, _ in split.batches(shape[1], batch_size):
        count = len(images)
        if results and count < batch_size:  # a last batch of another shape would be compiled for itself
            images = np.concatenate([images, np.zeros((batch_size - count, *images.shape[1:]), images.dtype)])
        results.append(np.asarray(model.predict_on_batch(images))[:count])
    return np.concatenate(results)


def _ece_by_chance(edges: np.ndarray, p: np.ndarray, seed: int) -> float:
    """The 95 % quantile of the calibration error of models that are right exactly as often as they say."""
    rng = np.random.default_rng(seed)
    sure = np.minimum(p.max(axis=1), 1.0)
    bins = np.maximum(np.searchsorted(edges, sure, side="left") - 1, 0)
    one_hot = (bins[:, None] == np.arange(edges.size - 1)).astype(float)
    gaps = [np.abs((sure - (rng.random(sure.size) < sure)) @ one_hot).sum() / sure.size for _ in range(500)]
    return float(np.quantile(gaps, 0.95))


def _calibration(labels: np.ndarray, p: np.ndarray, confidence: float, seed: int) -> Calibration:
    found = reliability(labels, p, bins=_BINS)

    def mean(metric: Callable[[Any, Any], float]) -> Estimate:
        each = np.array([metric(labels[i : i + 1], p[i : i + 1]) for i in range(labels.size)])
        if labels.size < 2 or not np.isfinite(each).all():
            return Estimate(metric(labels, p), 0.0, math.inf, labels.size, confidence, "")
        return bootstrap(np.mean, each, confidence=confidence, seed=seed, vectorized=True, n_resamples=1000, unit="")

    return Calibration(found, _ece_by_chance(found.edges, p, seed), mean(brier_score), mean(negative_log_likelihood))


def _temperature(model: Any, validation: Any, n_classes: int, batch_size: int, notes: list[str]) -> float | None:
    if isinstance(validation, Split):
        if not hasattr(model, "predict_on_batch") and not callable(model):
            raise ValueError("with ready logits as the model, validation is a pair (labels, logits)")
        if not len(validation):
            raise ValueError(f"the validation split {validation.name!r} has no images to fit a temperature on")
        truth, logits = validation.labels, _logits(model, validation, batch_size)
    else:
        truth, logits = validation
    if np.asarray(logits).ndim == 2 and np.shape(logits)[1] != n_classes:
        raise ValueError(f"validation logits are for {np.shape(logits)[1]} classes, the split has {n_classes}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = fit_temperature(classes(truth), logits)
    if caught:
        notes.append(f"no temperature: {caught[0].message}")
        return None
    return found


def _groups(
    labels: np.ndarray, guess: np.ndarray, groups: Any, confidence: float, notes: list[str]
) -> tuple[dict[str, Estimate], tuple[str, Estimate] | None]:
    if groups is None:
        return {}, None
    names = np.asarray(groups)
    if names.shape != labels.shape:
        raise ValueError(f"groups must name the group of each of {labels.size} images, but have shape {names.shape}")
    found = group_accuracy(labels, guess, names.astype(str), confidence=confidence)
    worst = min(found, key=lambda name: found[name].value)
    if small := [name for name, one in found.items() if one.n < 30]:
        notes.append(f"fewer than 30 images in {', '.join(small)}: the worst of several small groups is often chance")
    return found, (worst, found[worst])
