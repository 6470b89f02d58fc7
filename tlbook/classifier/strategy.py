"""Probe or fine-tuning: fitted, compared on validation photos, calibrated."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlbook import evaluation, transfer
from tlbook._models import has_gradients
from tlbook.backbones import Backbone
from tlbook.classifier.photos import Photos
from tlbook.classifier.saved import HEAD, Classifier
from tlbook.report.metrics import number
from tlbook.transfer import Probe

import keras  # isort: skip

__all__ = [
    "STRATEGIES",
    "Fitted",
    "calibrate",
    "decide",
    "fit_probe",
    "fit_tuned",
    "probe_from",
    "probe_record",
    "why_not_tune",
    "with_probe",
]

STRATEGIES = ("probe", "lp-ft", "auto")
"""The linear probe; the probe, then all layers fine-tuned; whichever of the two does better on validation photos."""

_ITERATIONS = 10_000  # of the solver; hundreds are usual, and a run of hours must not end for want of a few more

_FIXED_C = 0.01  # where no validation photo chooses; in the flat middle of the curves of the book's data sets

_STEPS, _BATCH, _EPOCHS = 1600, 32, (3, 10)
_RATE = {"sketchnet": 5e-4}  # as in the chapter on fine-tuning
_IMAGENET_RATE = 1e-4

LEAST = 6
"""Mistakes that the probe must make on validation photos for fine-tuning to be tried.

With five or fewer, even a model that mended all of them and made no new one would not be told from the probe by McNemar's exact
test at 5 %: five differences in one direction have p = 2 / 2**5 = 0.0625.
"""


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


def fit_probe(features: dict[str, NDArray[Any]], photos: Photos) -> Probe:
    """Fit the linear probe; where there is no validation photo, at a fixed C.

    Parameters
    ----------
    features : dict of str to ndarray, shapes (n, d)
        By split.
    """
    train, validation = photos.splits["train"], photos.splits["validation"]
    if len(validation):
        return transfer.linear_probe(
            features["train"], train.labels, features["validation"], validation.labels, max_iter=_ITERATIONS
        )
    given = (features["train"], train.labels)
    return transfer.linear_probe(*given, *given, C=_FIXED_C, max_iter=_ITERATIONS)


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
    backbone: Backbone, probe: Probe, photos: Photos, *, seed: int, checkpoint: Path, progress: bool
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
            epochs=epochs, learning_rate=rate, schedule="cosine", warmup_epochs=1, batch_size=_BATCH, seed=seed
        ),
        probe=probe,
        checkpoint=checkpoint,
        in_memory=2**29,
        progress=progress,
    )
    curves = {
        "train": [number(value) for value in history.train_accuracy],
        "validation": [number(value) for value in history.validation_accuracy] if len(validation) else [],
        "wall_seconds": history.total_seconds,
    }
    classifier = Classifier(model, photos.class_names, {"backbone": backbone.name})
    logits = np.empty((0, len(photos.class_names)), np.float32)
    if len(validation):
        logits = classifier.logits(validation, cache=True, progress=progress)
    return Fitted(model, logits, curves)


def why_not_tune(labels: NDArray[Any], logits: NDArray[Any]) -> str | None:
    """Why fine-tuning cannot be shown to pay, or None if it could."""
    if not has_gradients():
        return f"the backend {keras.backend.backend()} of Keras cannot train"
    if not len(labels):
        return "there are no validation photos on which fine-tuning could show that it pays"
    errors = int((evaluation.predictions(logits) != labels).sum())
    if errors < LEAST:
        return (
            f"the probe errs on {errors} of {len(labels)} validation photos, and fewer than {LEAST} mistakes cannot show "
            "that fine-tuning pays"
        )
    return None


def decide(
    requested: str, labels: NDArray[Any], probe: Fitted, tune: Callable[[], Fitted]
) -> tuple[str, Fitted, dict[str, Any]]:
    """The strategy that is kept, and why.

    Parameters
    ----------
    requested : {"probe", "lp-ft", "auto"}
    labels : ndarray, shape (n,)
        Of the validation photos.
    tune : callable
        Fine-tunes; called where it is needed.

    Returns
    -------
    chosen : {"probe", "lp-ft"}
    fitted : Fitted
    why : dict
        ``requested``, ``chosen``, ``reason``, and ``test`` (numbers of McNemar's test) where there was one.
    """
    if requested == "probe":
        return "probe", probe, {"requested": requested, "chosen": "probe", "reason": "as given"}
    if requested == "lp-ft":
        return "lp-ft", tune(), {"requested": requested, "chosen": "lp-ft", "reason": "as given"}
    if reason := why_not_tune(labels, probe.logits):
        return "probe", probe, {"requested": requested, "chosen": "probe", "reason": reason}
    tuned = tune()
    guesses = [evaluation.predictions(one.logits) for one in (tuned, probe)]
    test = evaluation.mcnemar(labels, *guesses, names=("LP-FT", "probe"))
    chosen, fitted = ("lp-ft", tuned) if test.winner == "LP-FT" else ("probe", probe)
    why = {
        "requested": requested,
        "chosen": chosen,
        "reason": f"on validation photos, {test}",
        "test": {
            "method": test.method,
            "difference": number(test.difference.value),
            "difference_interval": [number(test.difference.low), number(test.difference.high)],
            "only_lp_ft_right": test.only_a,
            "only_probe_right": test.only_b,
            "p_value": number(test.p_value),
        },
    }
    return chosen, fitted, why


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
