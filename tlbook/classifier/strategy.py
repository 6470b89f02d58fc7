"""Probe or fine-tuning: fitted, compared on validation photos, calibrated.

Fine-tuning comes in two sizes. The *top*, which is what follows the last stage but one of the backbone, is trained on activations
that the rest gives once for each photo and its mirror image: seconds. LP-FT trains all layers on the photos themselves: minutes.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlbook import evaluation, transfer
from tlbook._models import has_gradients
from tlbook.backbones import Backbone
from tlbook.classifier.errors import InputError
from tlbook.classifier.photos import Photos
from tlbook.classifier.saved import HEAD, Classifier
from tlbook.datasets import Split
from tlbook.features import cache, engines
from tlbook.features.extraction import passed
from tlbook.progress import bar
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
    "why_not_tune",
    "with_probe",
]

STRATEGIES = ("probe", "top", "lp-ft", "auto")
"""The linear probe; the probe, then the top fine-tuned, or all layers; the top where it does better on validation photos."""

CLASS_WEIGHTS = ("balanced",)
"""How classes may be weighted, other than by their photos."""

ITERATIONS = 10_000  # of the solver; hundreds are usual, and a run of hours must not end for want of a few more

_FIXED_C = 0.01  # where no validation photo chooses; in the flat middle of the curves of the book's data sets

_STEPS, _BATCH, _EPOCHS = 1600, 32, (3, 10)
_RATE = {"sketchnet": 5e-4}  # as in the chapter on fine-tuning
_IMAGENET_RATE = 1e-4

_TOP_PASSES, _TOP_RATE = 4, 5e-4  # over photos and mirror images: eight of each photo
_LARGEST = 2**30  # bytes of activations

_MENDED = 0.5  # share of the probe's mistakes: what fine-tuning repairs if it does very well


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
    model = transfer.attach_head(backbone, probe)
    below, top = transfer.split_model(model, backbone.stages[-2])
    train, validation = photos.splits["train"], photos.splits["validation"]
    shape = below.output_shape[1:]
    size = (2 * len(train) + len(validation)) * int(np.prod(shape)) * np.dtype(np.float16).itemsize
    if size > _LARGEST:
        raise TooLarge(f"the activations of all photos take {size / 1e9:.1f} GB, more than {_LARGEST / 1e9:.1f}")
    flat = keras.Model(below.inputs, keras.layers.Flatten()(below.outputs[0]))
    forward, threads, batch_size = _engine(Backbone(f"{backbone.name}-below", flat, ()), 2 * len(train))
    transfer.unfreeze(top)
    seconds = _seconds(forward, below, top, train, len(validation), threads)
    say(f"fine-tuning what follows {backbone.stages[-2]}, starting from the probe; about {seconds:.0f} seconds")

    def activations(split: Split, mirrored: bool) -> NDArray[np.float16]:
        return _activations(forward, split, below, threads, batch_size, mirrored=mirrored, progress=progress)

    x, labels = activations(train, True), np.tile(train.labels, 2)
    held = (activations(validation, False), validation.labels) if len(validation) else (x, labels)
    recipe = transfer.Recipe(
        epochs=_TOP_PASSES,
        learning_rate=_TOP_RATE,
        schedule="cosine",
        warmup_epochs=1,
        class_weight=class_weight,
        batch_size=_BATCH,
        seed=seed,
    )
    history = transfer.fine_tune(top, (x, labels), held, recipe, progress=progress)
    for layer in top.layers:
        if layer.weights:
            model.get_layer(layer.name).set_weights(layer.get_weights())
    logits = np.empty((0, len(photos.class_names)), np.float32)
    if len(validation):
        logits = np.concatenate([top.predict_on_batch(part) for part in np.array_split(held[0], _parts(len(held[0])))])
    return Fitted(model, logits, _curves(history, bool(len(validation))))


def _parts(n: int) -> int:
    return max(1, -(-n // engines.BATCHES["keras"]))


def _engine(below: Backbone, n: int) -> tuple[engines.Engine, int, int]:
    """What computes the activations, in how many threads, and how many images at a time."""
    name = engines.choose("auto", n)
    size = engines.BATCHES[name]
    if name == "onnxruntime":
        return engines.onnx_engine(below, [None], cache.graphs(cache.folder())), engines.threads(), size
    return engines.keras_engine(below, [None], size), 1, size


def _activations(
    forward: engines.Engine,
    photos: Split,
    below: keras.Model,
    threads: int,
    batch_size: int,
    *,
    mirrored: bool,
    progress: bool,
) -> NDArray[np.float16]:
    """Activations, float16 (n, height, width, channels); after them those of the mirror images."""
    shape, size, n = below.output_shape[1:], below.input_shape[1], len(photos)
    found = np.empty((n * (1 + mirrored), *shape), np.float16)

    def both(batch: NDArray[Any]) -> list[NDArray[Any]]:
        views = [batch, np.ascontiguousarray(batch[:, :, ::-1])] if mirrored else [batch]
        return [forward(view)[0] for view in views]

    done = 0
    with bar("activations", n, enabled=progress) as ticker:
        for views in passed(both, photos, size, batch_size, threads):
            count = len(views[0])
            for start, view in zip((0, n), views, strict=False):
                found[start + done : start + done + count] = view.reshape(count, *shape)
            done += count
            ticker.advance(count)
    return found


def _seconds(
    forward: engines.Engine, below: keras.Model, top: keras.Model, train: Split, n_validation: int, threads: int
) -> float:
    """What fine-tuning the top will take on this machine, roughly: a few photos timed, without what compiling takes."""
    images = train.select(np.arange(min(8, len(train)))).images(below.input_shape[1])
    forward(images[:1])  # the first call prepares

    began = time.perf_counter()
    x = forward(images)[0].reshape(len(images), *below.output_shape[1:])
    once = (time.perf_counter() - began) / len(images) / threads
    batch = np.resize(x, (_BATCH, *x.shape[1:])).astype(np.float32)
    top(batch, training=False)
    began = time.perf_counter()
    top(batch, training=False)
    step = 3 * (time.perf_counter() - began) / _BATCH  # backwards takes twice what forwards does
    return (2 * len(train) + n_validation) * once + 2 * len(train) * _TOP_PASSES * step


def why_not_tune(labels: NDArray[Any], logits: NDArray[Any]) -> str | None:
    """Why fine-tuning cannot be shown to pay, or None if it could: with 80 % power, if it did very well."""
    if not has_gradients():
        return f"the backend {keras.backend.backend()} of Keras cannot train"
    if not len(labels):
        return "there are no validation photos on which fine-tuning could show that it pays"
    n, errors = len(labels), int((evaluation.predictions(logits) != labels).sum())
    if not errors:
        return f"the probe errs on none of {n:,} validation photos"
    accuracy, gain = 1 - errors / n, _MENDED * errors / n
    needed = evaluation.images_needed_paired(accuracy, accuracy + gain, discordant=gain)
    if needed > n:
        return (
            f"the probe errs on {errors} of {n:,} validation photos: to show that fine-tuning repairs half of such mistakes "
            f"would take about {needed:,} photos"
        )
    return None


def decide(
    requested: str, labels: NDArray[Any], probe: Fitted, tune: Callable[[], Fitted]
) -> tuple[str, Fitted, dict[str, Any]]:
    """The strategy that is kept, and why.

    Parameters
    ----------
    requested : {"probe", "top", "lp-ft", "auto"}
    labels : ndarray, shape (n,)
        Of the validation photos.
    tune : callable
        Fine-tunes; called where it is needed.

    Returns
    -------
    chosen : {"probe", "top", "lp-ft"}
    fitted : Fitted
    why : dict
        ``requested``, ``chosen``, ``reason``, and ``test`` (numbers of McNemar's test) where there was one.
    """
    if requested == "probe":
        return "probe", probe, {"requested": requested, "chosen": "probe", "reason": "as given"}
    if requested != "auto":
        return requested, tune(), {"requested": requested, "chosen": requested, "reason": "as given"}
    if reason := why_not_tune(labels, probe.logits):
        return "probe", probe, {"requested": requested, "chosen": "probe", "reason": reason}
    try:
        tuned = tune()
    except TooLarge as error:
        return "probe", probe, {"requested": requested, "chosen": "probe", "reason": str(error)}
    guesses = [evaluation.predictions(one.logits) for one in (tuned, probe)]
    test = evaluation.mcnemar(labels, *guesses, names=("top", "probe"))
    chosen, fitted = ("top", tuned) if test.winner == "top" else ("probe", probe)
    why = {
        "requested": requested,
        "chosen": chosen,
        "reason": f"on validation photos, {test}",
        "test": {
            "method": test.method,
            "difference": number(test.difference.value),
            "difference_interval": [number(test.difference.low), number(test.difference.high)],
            "only_top_right": test.only_a,
            "only_probe_right": test.only_b,
            "p_value": number(test.p_value),
        },
    }
    return chosen, fitted, why


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
