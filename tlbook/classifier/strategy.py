"""Probe or fine-tuning, fitted and calibrated.

Fine-tuning comes in two sizes. The *top*, which is what follows the last stage but one of the backbone, is trained on activations
that the rest gives once for each photo and its mirror image: seconds. LP-FT trains all layers on the photos themselves: minutes.
By default neither is done: where it was measured, the top was not shown to be better than the probe.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlbook import evaluation, transfer
from tlbook.backbones import Backbone
from tlbook.classifier import top
from tlbook.classifier.errors import InputError
from tlbook.classifier.photos import Photos
from tlbook.classifier.saved import HEAD, Classifier
from tlbook.features import engines
from tlbook.report.metrics import number
from tlbook.transfer import Probe

import keras  # isort: skip

__all__ = [
    "CLASS_WEIGHTS",
    "ITERATIONS",
    "STRATEGIES",
    "Fitted",
    "calibrate",
    "decide",
    "effect_of_weights",
    "fit_probe",
    "fit_top",
    "fit_tuned",
    "probe_from",
    "probe_record",
    "why_probe",
    "with_probe",
]

STRATEGIES = ("probe", "top", "lp-ft", "auto")
"""The linear probe; the probe, then the top fine-tuned, or all layers; what is done by default, which is the probe."""

CLASS_WEIGHTS = ("balanced",)
"""How classes may be weighted, other than by their photos."""

ITERATIONS = 10_000  # of the solver; hundreds are usual, and a run of hours must not end for want of a few more

_FIXED_C = 0.01  # where no validation photo chooses; in the flat middle of the curves of the book's data sets

_STEPS, _BATCH, _EPOCHS = 1600, 32, (3, 10)
_RATE = {"sketchnet": 5e-4}  # as in the chapter on fine-tuning
_IMAGENET_RATE = 1e-4

TOP = top.Settings(stages=1, learning_rate=1e-3, passes=4, mirrored=True)
"""Planned on photos of cats and dogs with MobileNetV2 0.35 (``experiments/top.py``), and assumed for every other network."""

_LARGEST = 2**30  # bytes of activations

MEASURED = {
    "mobilenet_v2_035": (-0.0001, -0.0065, 0.0062),
    "mobilenet_075": (-0.0002, -0.0075, 0.0070),
}
"""Accuracy of the top less that of the probe, with its interval, by network; from ``experiments/top.py``."""

TRAINED = 1000
"""Photos that both were trained on there."""


@dataclass
class Fitted:
    """A fitted model that is not calibrated yet.

    Attributes
    ----------
    model : keras.Model
        Flat, logits out.
    logits : ndarray of float32, shape (n, N)
        Of the validation photos; n may be 0.
    curves : dict
        For the report: the probe's losses by C, the epochs of fine-tuning.
    """

    model: keras.Model
    logits: NDArray[Any]
    curves: dict[str, Any] = field(default_factory=dict)


def fit_probe(features: dict[str, NDArray[Any]], photos: Photos, class_weight: str | None = None) -> Probe:
    """Fit the linear probe; where there is no validation photo, at a fixed C.

    Parameters
    ----------
    features : dict of str to ndarray, shapes (n, d)
        By split.
    """
    train, validation = photos.splits["train"], photos.splits["validation"]
    given = (features["train"], train.labels)
    options: dict[str, Any] = {"class_weight": class_weight, "max_iter": ITERATIONS}
    if len(validation):
        return transfer.linear_probe(*given, features["validation"], validation.labels, **options)
    return transfer.linear_probe(*given, *given, C=_FIXED_C, **options)


def probe_record(probe: Probe) -> dict[str, Any]:
    """A probe as what JSON can hold; :func:`probe_from` is the inverse."""
    return {
        "weights": probe.weights.tolist(),
        "bias": probe.bias.tolist(),
        "C": probe.C,
        "losses": [[c, loss] for c, loss in probe.validation_losses.items()],
        "scores": [[c, score] for c, score in probe.validation_scores.items()],
        "n_train": probe.n_train,
        "n_constant": probe.n_constant,
    }


def probe_from(record: dict[str, Any]) -> Probe:
    """The probe in a record."""
    return Probe(
        np.array(record["weights"], np.float32),
        np.array(record["bias"], np.float32),
        record["C"],
        dict(record["losses"]),
        dict(record["scores"]),
        record["n_train"],
        record["n_constant"],
    )


def with_probe(backbone: Backbone, probe: Probe, validation_features: NDArray[Any]) -> Fitted:
    """The backbone with the probe as its head."""
    logits = np.empty((0, probe.n_classes), np.float32)
    if len(validation_features):
        logits = probe.logits(validation_features)
    return Fitted(transfer.attach_head(backbone, probe), logits)


def fit_tuned(
    backbone: Backbone,
    probe: Probe,
    photos: Photos,
    *,
    seed: int,
    checkpoint: Path,
    progress: bool,
    class_weight: str | None = None,
) -> Fitted:
    """Fine-tune the whole model from the probe on (LP-FT, Kumar et al. 2022).

    The number of epochs is fixed and the last weights are kept: no choice is made on the validation photos, which the
    comparison with the probe needs fresh.
    """
    train, validation = photos.splits["train"], photos.splits["validation"]
    epochs = int(np.clip(round(_STEPS * _BATCH / len(train)), *_EPOCHS))
    rate = _RATE.get(backbone.name, _IMAGENET_RATE)
    model, history = transfer.lp_ft(
        backbone,
        train,
        validation if len(validation) else train,
        transfer.Recipe(
            epochs=epochs,
            learning_rate=rate,
            schedule="cosine",
            warmup_epochs=1,
            class_weight=class_weight,
            batch_size=_BATCH,
            seed=seed,
        ),
        probe=probe,
        checkpoint=checkpoint,
        in_memory=2**29,
        progress=progress,
    )
    curves = _curves(history, bool(len(validation)))
    classifier = Classifier(model, photos.class_names, {"backbone": backbone.name})
    logits = np.empty((0, len(photos.class_names)), np.float32)
    if len(validation):
        logits = classifier.logits(validation, cache=True, progress=progress)
    return Fitted(model, logits, curves)


def _curves(history: transfer.History, validated: bool) -> dict[str, Any]:
    return {
        "train": [number(value) for value in history.train_accuracy],
        "validation": [number(value) for value in history.validation_accuracy] if validated else [],
        "wall_seconds": history.total_seconds,
    }


class TooLarge(InputError):
    """The activations of all photos do not fit into memory."""


def fit_top(
    backbone: Backbone,
    probe: Probe,
    photos: Photos,
    *,
    seed: int,
    progress: bool,
    class_weight: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Fitted:
    """Fine-tune the top from the probe on; batch normalisation stays as it is, the number of passes is fixed.

    Raises
    ------
    TooLarge
        Before anything is computed.
    """
    parts = top.cut(backbone, probe, TOP.stages)
    train, validation = photos.splits["train"], photos.splits["validation"]
    size = (TOP.views * len(train) + len(validation)) * parts.photo_bytes
    if size > _LARGEST:
        raise TooLarge(f"the activations of all photos take {size / 1e9:.1f} GB, more than {_LARGEST / 1e9:.1f}")
    run = parts.engine(TOP.views * len(train))
    seconds = top.seconds(parts, run, train, len(validation), TOP)
    say(f"fine-tuning what follows {parts.after}, starting from the probe; about {seconds:.0f} seconds")
    given = (run(train, mirrored=TOP.mirrored, progress=progress), np.tile(train.labels, TOP.views))
    held = (run(validation, progress=progress), validation.labels) if len(validation) else given
    history = top.train(parts.top, given, held, TOP, seed=seed, class_weight=class_weight, progress=progress)
    logits = np.empty((0, len(photos.class_names)), np.float32)
    if len(validation):
        logits = np.concatenate(
            [parts.top.predict_on_batch(part) for part in np.array_split(held[0], _parts(len(held[0])))]
        )
    return Fitted(parts.put_back(), logits, _curves(history, bool(len(validation))))


def _parts(n: int) -> int:
    return max(1, -(-n // engines.BATCHES["keras"]))


def decide(requested: str, probe: Fitted, tune: Callable[[], Fitted]) -> tuple[str, Fitted, dict[str, Any]]:
    """The strategy that is kept, and why.

    Parameters
    ----------
    requested : {"probe", "top", "lp-ft", "auto"}
    tune : callable
        Fine-tunes; called where it is needed.

    Returns
    -------
    chosen : {"probe", "top", "lp-ft"}
    fitted : Fitted
    why : dict
        ``requested``, ``chosen`` and ``reason``.
    """
    if requested == "auto":
        return "probe", probe, {"requested": requested, "chosen": "probe", "reason": why_probe()}
    fitted = probe if requested == "probe" else tune()
    return requested, fitted, {"requested": requested, "chosen": requested, "reason": "as given"}


def why_probe() -> str:
    """What fine-tuning the top would be, and what a comparison with the probe said, in words."""
    found = "; ".join(
        f"{_points(gap)} points ({_points(low)} to {_points(high)}) with {network}"
        for network, (gap, low, high) in MEASURED.items()
    )
    return (
        "the default, which fine-tunes nothing; --strategy top would fine-tune the last stage of the network too: on photos of "
        f"cats and dogs, with {TRAINED:,} to train on, that was not shown to be better ({found})"
    )


def _points(value: float) -> str:
    return f"{100 * value:.1f}".replace("-", "−")


def effect_of_weights(labels: NDArray[Any], logits: NDArray[Any], names: Sequence[str]) -> str:
    """What weighting the classes does to the probabilities, in a sentence, by the rarest class of the validation photos."""
    begun = "the classes were weighted as if they were equally frequent, so that rare ones are found more often"
    if not len(labels):
        return begun
    share = np.bincount(labels, minlength=len(names)) / len(labels)
    rarest = int(share.argmin())
    given = float(evaluation.probabilities(logits)[:, rarest].mean())
    return (
        f"{begun}; their probabilities suit photos in which the classes are equally frequent: {names[rarest]} is "
        f"{100 * share[rarest]:.1f} % of the validation photos, and gets a probability of {100 * given:.1f} % on average"
    )


def calibrate(fitted: Fitted, labels: NDArray[Any]) -> tuple[float, str]:
    """Fold the temperature that suits the validation photos into the head.

    Returns
    -------
    temperature : float
        1 where the photos do not determine it.
    note : str
        Why it is 1; empty where it was fitted.
    """
    if not len(labels):
        return 1.0, "not calibrated: there are no validation photos"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            temperature = evaluation.fit_temperature(labels, fitted.logits)
        except ValueError as error:
            return 1.0, f"not calibrated: {error}"
    if any(issubclass(one.category, UserWarning) for one in caught):
        return 1.0, f"not calibrated: {len(labels)} validation photos do not determine a temperature"
    head = fitted.model.get_layer(HEAD)
    head.set_weights([weight / temperature for weight in head.get_weights()])
    return float(temperature), ""
