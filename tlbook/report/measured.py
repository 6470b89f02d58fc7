"""Everything measured about one model on one split, in one call."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlbook import evaluation
from tlbook._checks import whole
from tlbook._files import write_text
from tlbook._models import classifier_or_refused
from tlbook.backbones import Backbone
from tlbook.datasets import Split
from tlbook.evaluation import Estimate
from tlbook.evaluation.inputs import classes, confidence_level, logit_matrix, refuse_probabilities
from tlbook.report import metrics, page, text
from tlbook.report.metrics import Answers

__all__ = ["Mistake", "Report", "evaluate"]


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
    """What :func:`evaluate` measured; ``print`` shows every number.

    Attributes
    ----------
    split, fingerprint : str
        Name of the split, and the hash of its images.
    class_names : tuple of str
    n : int
        Images.
    overall : dict of str to Estimate
        ``"accuracy"``, which is also :attr:`accuracy`, and ``"majority_accuracy"``, that of always giving the most frequent
        class.
    means : dict of str to Estimate
        Means over the classes that occur: ``"precision"``, ``"recall"`` (also called balanced accuracy), ``"f1_score"``.
    classes : dict of str to dict of str to Estimate
        For each class ``"precision"``, ``"recall"``, ``"f1_score"``, and with the class's probability as the score ``"roc_auc"``
        and ``"average_precision"``.
    confusion : ndarray of int64, shape (N, N)
        Rows are true classes.
    calibration : dict of str to Estimate or float
        How far the probabilities can be trusted: ``"ece"``, the expected calibration error of 15 bins of equal width;
        ``"ece_by_chance"``, what 95 % of perfectly calibrated models with these confidences stay below on this many images, so
        that an error under it shows nothing; ``"brier_score"`` (0 to 2); ``"log_loss"`` in nats.
    temperature : float or None
        Fitted on the validation split, if one was given and determines it.
    scaled : dict or None
        ``calibration`` after dividing the logits by the temperature.
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
    overall: dict[str, Any]
    means: dict[str, Any]
    classes: dict[str, dict[str, Any]]
    confusion: NDArray[Any]
    calibration: dict[str, Any]
    temperature: float | None
    scaled: dict[str, Any] | None
    groups: dict[str, Estimate]
    worst_group: tuple[str, Estimate] | None
    mistakes: tuple[Mistake, ...]
    n_mistakes: int
    notes: tuple[str, ...]
    labels: NDArray[Any]
    logits: NDArray[Any]

    @property
    def accuracy(self) -> Estimate:
        """Share of the images that are classified correctly."""
        return self.overall["accuracy"]

    def __str__(self) -> str:
        return text.text(self)

    def to_dict(self) -> dict[str, Any]:
        """Every number, ready for JSON; what is undefined is None."""
        return {
            "n": self.n,
            "confidence": self.accuracy.confidence,
            **metrics.plain(self.overall.items()),
            **metrics.plain((f"macro_{name}", value) for name, value in self.means.items()),
            "classes": {
                name: {"n": int(count), **metrics.plain(self.classes[name].items())}
                for name, count in zip(self.class_names, self.confusion.sum(axis=1), strict=True)
            },
            "confusion": self.confusion.tolist(),
            "calibration": metrics.plain(self.calibration.items()),
            "n_mistakes": self.n_mistakes,
            "fingerprint": self.fingerprint,
            "notes": list(self.notes),
        }

    def save(self, path: str | os.PathLike[str], training: page.Training | None = None) -> Path:
        """Write a page with styles, figures and the mistakes' images inside, whole or not at all; an existing file is replaced.

        Parameters
        ----------
        path : path-like
        training : Training, optional
            Where the model comes from, and the model itself, to show what its answers rest on.

        Raises
        ------
        BadImage
            If the image of a mistake can no longer be read.
        OSError
            If the folder does not exist or cannot be written. What was there stays as it was.
        """
        path = Path(path).expanduser()
        write_text(path, page.html(self, training))
        return path


def evaluate(
    model: Any,
    test: Split,
    *,
    validation: Split | tuple[Any, Any] | None = None,
    groups: ArrayLike | None = None,
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
    test : Split
        n ≥ 1 images.
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
        Print it, or save it as a page. What a split cannot tell (the
        area under the ROC curve where one class is missing, say) is undefined and explained in ``notes``.

    Raises
    ------
    ValueError
        An empty split, logits of another shape or not finite, groups of another length.

    Examples
    --------
    Of 1,000 drawings, 66 are called by the wrong name:

    >>> from tlbook import datasets, report
    >>> test = datasets.load("sketches").test
    >>> logits = 3 * np.eye(2)[test.labels]
    >>> logits[:66] = logits[:66, ::-1]
    >>> found = report.evaluate(logits, test)
    >>> print(found.accuracy)
    93.4 % (91.7 to 94.8)
    >>> print(found.classes["dog"]["precision"])
    88.3 % (85.4 to 90.7)
    >>> found.save("report.html")  # doctest: +SKIP
    """
    confidence = confidence_level(confidence)
    if not isinstance(test, Split):
        raise ValueError(f"test is a Split, e.g. datasets.load('sketches').test; got {type(test).__name__}")
    if not len(test):
        raise ValueError(f"the split {test.name!r} has no images; nothing can be measured on it")
    mistakes = whole(mistakes, "mistakes", 0)
    names, labels = test.class_names, test.labels
    logits = _logits(model, test, batch_size)
    answers = Answers(labels, evaluation.probabilities(logits), confidence, seed)
    guess = answers.guess
    confusion = evaluation.confusion_matrix(labels, guess, len(names))
    notes: list[str] = []
    if missing := [name for name, count in zip(names, confusion.sum(axis=1), strict=True) if not count]:
        notes.append(f"no image of {', '.join(missing)}: what needs one is undefined")
    if (guess == labels).all() or (guess != labels).all():
        notes.append("all images right, or all wrong: bootstrap intervals have no width, which is no certainty")
    temperature, scaled = None, None
    if validation is not None:
        temperature = _temperature(model, validation, len(names), batch_size, notes)
        if temperature is not None:
            cooled = Answers(labels, evaluation.probabilities(logits / temperature), confidence, seed)
            scaled = metrics.measured("calibration", cooled)
    by_group, worst = _groups(labels, guess, groups, confidence, notes)
    wrong = np.flatnonzero(guess != labels)
    sure = answers.p[np.arange(len(guess)), guess]
    shown = wrong[np.argsort(-sure[wrong], kind="stable")][:mistakes]
    return Report(
        split=test.name,
        fingerprint=test.fingerprint,
        class_names=names,
        n=len(test),
        overall=metrics.measured("overall", answers),
        means={one.name: one.compute(answers, None) for one in metrics.table("classes") if one.mean},
        classes={name: metrics.measured("classes", answers, k) for k, name in enumerate(names)},
        confusion=confusion,
        calibration=metrics.measured("calibration", answers),
        temperature=temperature,
        scaled=scaled,
        groups=by_group,
        worst_group=worst,
        mistakes=tuple(
            Mistake(int(i), test.paths[i], names[labels[i]], names[guess[i]], float(sure[i])) for i in shown
        ),
        n_mistakes=int(wrong.size),
        notes=tuple(notes),
        labels=labels,
        logits=logits,
    )


def _logits(model: Any, split: Split, batch_size: int) -> NDArray[np.float64]:
    """Finite logits (n, N) for the images of a split and its N classes."""
    if hasattr(model, "predict_on_batch") or isinstance(model, Backbone):
        logits = _keras_logits(model, split, batch_size)
    elif callable(model):
        logits = model(split)
    else:
        logits = model
    logits = logit_matrix(logits)
    refuse_probabilities(logits)
    if logits.shape != (len(split), len(split.class_names)):
        raise ValueError(
            f"the split {split.name!r} has {len(split)} images of {len(split.class_names)} classes, but the logits "
            f"have shape {logits.shape}"
        )
    return logits


def _keras_logits(model: Any, split: Split, batch_size: int) -> NDArray[Any]:
    model = classifier_or_refused(model)
    shape = tuple(model.input_shape) if not isinstance(model.input_shape, list) else ()
    if len(shape) != 4 or shape[3] != 3 or shape[1] is None or shape[1] != shape[2]:
        raise ValueError(
            f"the model takes inputs of shape {model.input_shape}; images of one known, square size, "
            "(None, size, size, 3), are needed. Otherwise give a function from the split to logits"
        )
    results: list[NDArray[Any]] = []
    for images, _ in split.batches(shape[1], batch_size):
        count = len(images)
        if results and count < batch_size:  # a last batch of another shape would be compiled for itself
            images = np.concatenate([images, np.zeros((batch_size - count, *images.shape[1:]), images.dtype)])
        results.append(np.asarray(model.predict_on_batch(images))[:count])
    return np.concatenate(results)


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
        found = evaluation.fit_temperature(classes(truth), logits)
    if caught:
        notes.append(f"no temperature: {caught[0].message}")
        return None
    return found


def _groups(
    labels: NDArray[Any], guess: NDArray[Any], groups: Any, confidence: float, notes: list[str]
) -> tuple[dict[str, Estimate], tuple[str, Estimate] | None]:
    if groups is None:
        return {}, None
    names = np.asarray(groups)
    if names.shape != labels.shape:
        raise ValueError(f"groups must name the group of each of {labels.size} images, but have shape {names.shape}")
    found = evaluation.group_accuracy(labels, guess, names.astype(str), confidence=confidence)
    worst = min(found, key=lambda name: found[name].value)
    if small := [name for name, one in found.items() if one.n < 30]:
        notes.append(f"fewer than 30 images in {', '.join(small)}: the worst of several small groups is often chance")
    return found, (worst, found[worst])
