"""Each method of training once: what it trains, from which weights, and what that took.

================================  =====================================================================================
from scratch                      a small network, all weights random at the start
linear probe                      logistic regression on the features of the frozen backbone; no seed
head only                         a random linear head, trained by gradient descent on the frozen backbone
LP-FT                             the linear probe as head, then everything trained, or the stages after one
fine-tuning from a random head    everything trained at once, from a random head
gradual unfreezing                the same, one group of layers more every few epochs, from the head down
discriminative rates              LP-FT with a lower rate for each group further down
class means                       the nearest of the classes' mean features; no seed
hidden layers                     a head with hidden layers on the features
================================  =====================================================================================

Batch normalisation is frozen in all that starts from pretrained weights, unless the method says otherwise. Images are arrays
uint8 (n, h, w, 3), always given with their labels.
"""

from __future__ import annotations

import itertools
import time
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from experiments.material import Pair
from tlbook import backbones, evaluation, features, transfer
from tlbook.backbones import architectures

import keras  # isort: skip

COMMON = {"optimizer": "adam", "schedule": "cosine", "warmup_epochs": 1}
SCRATCH = COMMON | {"restore_best": True, "learning_rate": 2e-3, "batch_size": 16, "epochs": 40}
SCRATCH_AUGMENTED = SCRATCH | {"epochs": 100}
"""From scratch on sketches, the rate and batch size with the lowest validation loss out of a few."""


def clock() -> np.ndarray:
    """Wall seconds, and processor seconds of all cores, which other work on the machine does not change."""
    return np.array([time.perf_counter(), time.process_time()])


@dataclass
class Trained:
    """A fitted classifier and what its training took: seconds as of :func:`clock`."""

    classifier: keras.Model | transfer.Probe | object
    parameters: int = 0
    seconds: np.ndarray | float = 0.0
    history: transfer.History | None = None
    C: float | None = None

    def after(self, seconds: np.ndarray) -> Trained:
        """The same, after something that took so long."""
        self.seconds = self.seconds + seconds
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        if isinstance(self.classifier, keras.Model):
            return evaluation.predictions(self.classifier.predict(x, batch_size=100, verbose=0))
        return self.classifier.predict(x)


def scores(trained: Trained, test: Pair, **others: Pair) -> dict:
    """Accuracy, and which images were right, on the test set and on others."""
    row = {}
    for name, (x, y) in {"": test, **others}.items():
        right = trained.predict(x) == y
        row |= {f"accuracy {name}" if name else "test_accuracy": float(right.mean())}
        row |= {f"right {name}".strip(): evaluation.pack_right(right)}
    return row


def values(trained: Trained, test: Pair, **others: Pair) -> dict:
    """What a row holds of a classifier: its scores, and what its training took."""
    wall, process = (round(float(each), 3) for each in trained.seconds)
    row = scores(trained, test, **others)
    row |= {"parameters": trained.parameters, "wall_seconds": wall, "process_seconds": process}
    if trained.C is not None:
        row["C"] = trained.C
    if (history := trained.history) is not None:
        row["validation_loss"] = round(history.validation_loss[history.best_epoch], 4)
        row["train_accuracy"] = round(history.train_accuracy[-1], 4)
        row |= {"best_epoch": history.best_epoch + 1, "epochs": history.epochs}
    return row


# ---- augmentation ----


def strong(seed: int) -> keras.Sequential:
    """For training from scratch: place, size and turn of the animal, and all its colours."""
    layers = keras.layers
    numbers = iter(range(10 * seed, 10 * seed + 8))
    pixels = {"value_range": (0, 255)}
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal", seed=next(numbers)),
            layers.RandomRotation(0.06, fill_mode="reflect", seed=next(numbers)),
            layers.RandomZoom(0.2, fill_mode="reflect", seed=next(numbers)),
            layers.RandomTranslation(0.1, 0.1, fill_mode="reflect", seed=next(numbers)),
            layers.RandomHue(0.5, seed=next(numbers), **pixels),
            layers.RandomSaturation((0.2, 0.7), seed=next(numbers), **pixels),
            layers.RandomBrightness(0.2, seed=next(numbers), **pixels),
            layers.RandomContrast(0.3, seed=next(numbers), **pixels),
        ]
    )


def gentle(seed: int) -> keras.Sequential:
    """For fine-tuning: mirror images and rotation by up to 14 degrees."""
    return keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal", seed=2 * seed),
            keras.layers.RandomRotation(0.04, fill_mode="reflect", seed=2 * seed + 1),
        ]
    )


# ---- training by gradient descent; what is not named is the recipe ----


def train(model: keras.Model, images: Pair, validation: Pair, seed: int, **recipe) -> Trained:
    """Train what is trainable."""
    began = clock()
    history = transfer.train(model, images, validation, transfer.Recipe(seed=seed, **recipe), progress=False)
    return Trained(model, max(history.trainable_parameters), clock() - began, history)


def from_scratch(images: Pair, validation: Pair, seed: int, **recipe) -> Trained:
    keras.utils.set_random_seed(seed)
    return train(architectures.small_cnn(2, images[0].shape[1]), images, validation, seed, **recipe)


def linear_probe(backbone: backbones.Backbone, images: Pair, validation: Pair) -> Trained:
    """The features count as training; the classifier takes images."""
    began = clock()
    fitted = probe(*((features.extract(backbone, x, cache=False), y) for x, y in (images, validation)))
    fitted.classifier = transfer.attach_head(backbone, fitted.classifier)
    fitted.seconds = clock() - began
    return fitted


def head_only(backbone: backbones.Backbone, images: Pair, validation: Pair, seed: int, **recipe) -> Trained:
    return train(transfer.attach_head(backbone, 2, seed=seed), images, validation, seed, **recipe)


def from_random_head(
    backbone: backbones.Backbone, images: Pair, validation: Pair, seed: int, *, batch_norm: bool = False, **recipe
) -> Trained:
    model = transfer.attach_head(backbone, 2, seed=seed, frozen=not batch_norm)
    if not batch_norm:
        transfer.unfreeze(model)
    return train(model, images, validation, seed, **recipe)


def gradual_unfreezing(backbone: backbones.Backbone, images: Pair, validation: Pair, seed: int, **recipe) -> Trained:
    model = transfer.attach_head(backbone, 2, seed=seed)
    plan = transfer.gradual_unfreezing(model, 4, every=recipe["epochs"] // 5)
    return train(model, images, validation, seed, unfreezing=plan, **recipe)


def lp_ft(
    backbone: backbones.Backbone | keras.Model,
    images: Pair,
    validation: Pair,
    seed: int,
    *,
    fitted: transfer.Probe | None = None,
    after_layer: str | None = None,
    dropout: float = 0.0,
    batch_norm: bool = False,
    **recipe,
) -> Trained:
    """Kumar et al. 2022: the probe as head, then all layers, or those after one. A probe that is given took no time."""
    began = clock()
    if fitted is None:  # here, since transfer.lp_ft would take features that are stored
        fitted = probe(*((features.extract(backbone, x, cache=False), y) for x, y in (images, validation))).classifier
    recipe = transfer.Recipe(seed=seed, **recipe)
    if batch_norm:
        model = transfer.attach_head(backbone, fitted, dropout=dropout, seed=seed, frozen=False)
        history = transfer.train(model, images, validation, recipe, progress=False)
        return Trained(model, max(history.trainable_parameters), clock() - began, history)
    options = {"probe": fitted, "after_layer": after_layer, "dropout": dropout, "progress": False}
    model, history = transfer.lp_ft(backbone, images, validation, recipe, **options)
    return Trained(model, max(history.trainable_parameters), clock() - began, history)


# ---- on features that are there already ----


def probe(x: Pair, validation: Pair) -> Trained:
    """The linear probe; its penalty is chosen on validation data."""
    began = clock()
    fitted = transfer.linear_probe(*x, *validation)
    return Trained(fitted, fitted.weights.size + fitted.bias.size, clock() - began, C=fitted.C)


def class_means(x: Pair) -> Trained:
    began = clock()
    return Trained(make_pipeline(StandardScaler(), NearestCentroid()).fit(*x), 0, clock() - began)


def hidden_layers(x: Pair, validation: Pair, hidden: tuple[int, ...], seed: int) -> Trained:
    """Sixty epochs; the L2 penalty is chosen on validation data, as the probe's C is."""
    began = clock()
    tried = []
    for alpha in (1e-3, 0.1, 10.0):
        network = MLPClassifier(hidden, alpha=alpha, batch_size=min(32, len(x[1])), max_iter=60, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs is meant
            model = make_pipeline(StandardScaler(), network).fit(*x)
        tried.append((model.score(*validation), alpha, model))
    best = max(tried, key=lambda one: one[:2])[2]
    # Of the field's usual form, an output for each class; scikit-learn's network has one where there are two classes.
    parameters = sum(a * b + b for a, b in itertools.pairwise([x[0].shape[1], *hidden, 2]))
    return Trained(best, parameters, clock() - began)
