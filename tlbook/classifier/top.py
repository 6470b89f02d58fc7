"""The top of a network, fine-tuned from the probe on activations that the rest gives once for each photo.

What lies below the cut is frozen, so what it gives for a photo and for its mirror image never changes: it is computed once, by
the fast engine, and kept in float16. Training the top on that takes a fraction of the time that fine-tuning on photos takes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlbook import transfer
from tlbook.backbones import Backbone
from tlbook.datasets import Split
from tlbook.features import cache, engines
from tlbook.features.extraction import passed
from tlbook.progress import bar
from tlbook.transfer import Probe

import keras  # isort: skip

__all__ = ["Activations", "Cut", "Settings", "cut", "seconds", "train"]

_BATCH = 32
_TIMED = 4  # batches and steps, to tell beforehand what all take
_WARMUP = 0.1  # share of the steps over which the rate rises


@dataclass(frozen=True)
class Settings:
    """How the top is trained.

    Attributes
    ----------
    stages : int
        How many stages of the backbone are the top, 1 for the last alone.
    learning_rate : float
        Highest rate of Adam; it falls along a cosine.
    passes : int
        How often each photo is seen, upright or mirrored.
    mirrored : bool
        See the mirror image of each photo half of the times.
    """

    stages: int
    learning_rate: float
    passes: int
    mirrored: bool

    @property
    def views(self) -> int:
        """Activations of each photo."""
        return 1 + self.mirrored


@dataclass(frozen=True)
class Activations:
    """What the lower part of a network gives for photos, by an engine.

    Attributes
    ----------
    forward : callable
        Images in, flat activations out.
    side : int
        Of the images in pixels.
    shape : tuple of int
        Of the activations of one picture.
    threads, batch_size : int
    """

    forward: engines.Engine
    side: int
    shape: tuple[int, ...]
    threads: int
    batch_size: int

    def __call__(self, photos: Split, *, mirrored: bool = False, progress: bool = False) -> NDArray[np.float16]:
        """Activations, float16 (n, height, width, channels); after them those of the mirror images."""
        n = len(photos)
        found = np.empty((n * (1 + mirrored), *self.shape), np.float16)

        def both(batch: NDArray[Any]) -> list[NDArray[Any]]:
            views = [batch, np.ascontiguousarray(batch[:, :, ::-1])] if mirrored else [batch]
            return [self.forward(view)[0] for view in views]

        done = 0
        with bar("activations", n, enabled=progress) as ticker:
            for views in passed(both, photos, self.side, self.batch_size, self.threads):
                count = len(views[0])
                for start, view in zip((0, n), views, strict=False):
                    found[start + done : start + done + count] = view.reshape(count, *self.shape)
                done += count
                ticker.advance(count)
        return found


@dataclass
class Cut:
    """A classifier in two parts.

    Attributes
    ----------
    model : keras.Model
        The whole, with the probe as its head.
    below : keras.Model
        Images in, activations (height, width, channels) out.
    top : keras.Model
        Activations in, logits out. Owns copies of the weights, which can all be trained but for batch normalisation.
    after : str
        Name of the last layer below.
    """

    model: keras.Model
    below: keras.Model
    top: keras.Model
    after: str

    @property
    def photo_bytes(self) -> int:
        """Of the activations of one picture."""
        return int(np.prod(self.below.output_shape[1:])) * np.dtype(np.float16).itemsize

    def engine(self, n: int) -> Activations:
        """What gives the activations of so many pictures."""
        flat = keras.Model(self.below.inputs, keras.layers.Flatten()(self.below.outputs[0]))
        below = Backbone(f"{self.model.name}-below", flat, ())
        name = engines.choose("auto", n)
        size, shape = engines.BATCHES[name], self.below.output_shape[1:]
        if name == "onnxruntime":
            forward = engines.onnx_engine(below, [None], cache.graphs(cache.folder()))
            return Activations(forward, self.below.input_shape[1], shape, engines.threads(), size)
        return Activations(engines.keras_engine(below, [None], size), self.below.input_shape[1], shape, 1, size)

    def put_back(self) -> keras.Model:
        """The whole model, with the weights of the top."""
        for layer in self.top.layers:
            if layer.weights:
                self.model.get_layer(layer.name).set_weights(layer.get_weights())
        return self.model


def cut(backbone: Backbone, probe: Probe, stages: int) -> Cut:
    """Put the probe on a backbone and cut before its last stages."""
    after = backbone.stages[-1 - stages]
    model = transfer.attach_head(backbone, probe)
    below, top = transfer.split_model(model, after)
    transfer.unfreeze(top)
    return Cut(model, below, top, after)


def train(
    top: keras.Model,
    given: tuple[NDArray[Any], NDArray[Any]],
    held: tuple[NDArray[Any], NDArray[Any]],
    settings: Settings,
    *,
    seed: int,
    class_weight: str | None = None,
    progress: bool = False,
) -> transfer.History:
    """Train the top; batch normalisation stays as it is, the last weights are kept.

    Parameters
    ----------
    top : keras.Model
        Of a :class:`Cut`; changed in place.
    given : (activations, labels)
        Of the training photos; where `settings` say so, those of the mirror images follow.
    held : (activations, labels)
        Of the validation photos, which decide nothing.
    """
    epochs = settings.passes // settings.views
    recipe = transfer.Recipe(
        epochs=epochs,
        learning_rate=settings.learning_rate,
        schedule="cosine",
        warmup_epochs=_WARMUP * epochs,
        class_weight=class_weight,
        batch_size=_BATCH,
        seed=seed,
    )
    return transfer.fine_tune(top, given, held, recipe, progress=progress)


def seconds(parts: Cut, run: Activations, photos: Split, n_validation: int, settings: Settings) -> float:
    """What training the top on these photos will take on this machine, roughly.

    A few photos and steps are timed, after one that prepares them. Of a step the forward pass is, as ``fit`` compiles it: called
    layer by layer, outside of a compiled function, it takes two to three times as long.
    """
    few = photos.select(np.arange(min(run.threads * run.batch_size * _TIMED, len(photos))))
    run(few, mirrored=settings.mirrored)
    began = time.perf_counter()
    x = run(few, mirrored=settings.mirrored)
    picture = (time.perf_counter() - began) / len(x)
    batch = np.resize(x, (_BATCH, *x.shape[1:])).astype(np.float32)
    parts.top.predict_on_batch(batch)
    took = []
    for _ in range(_TIMED):
        began = time.perf_counter()
        parts.top.predict_on_batch(batch)
        took.append(time.perf_counter() - began)
    step = 3 * min(took) / _BATCH  # backwards takes twice what forwards does
    return (settings.views * len(photos) + n_validation) * picture + settings.passes * len(photos) * step
