"""Batch normalisation's moving statistics, estimated again from images without labels."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from tlbook._checks import images_for, number
from tlbook._models import functional_or_refused, standard_settings
from tlbook.backbones import Backbone
from tlbook.transfer.parts import copied
from tlbook.transfer.structure import is_batch_norm, named_layers


class _Measuring(keras.layers.BatchNormalization):
    """Normalises by its batch and keeps the batch's statistics, also in inference, where dropout lets everything pass."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return super().call(inputs, training=True, mask=mask)


def _measuring(layer: keras.layers.Layer) -> keras.layers.Layer:
    if not is_batch_norm(layer):
        return layer.__class__.from_config(layer.get_config())
    # momentum 0: the statistics become those of the batch; frozen layers would normalise by what they have
    return _Measuring.from_config(layer.get_config() | {"momentum": 0.0, "trainable": True})


@standard_settings()
def adapt_batch_norm(model: keras.Model | Backbone, images: ArrayLike, *, prior: float = 0.0) -> keras.Model:
    """A copy whose batch normalisation has the statistics of these images (Li et al. 2017; Schneider et al. 2020, NeurIPS).

    The images pass through as one batch, normalised on each layer by its own mean and variance, and these become the moving
    statistics. No label is needed, nothing is trained, and no other weight changes. With few images the statistics are noisy,
    and with images of one class they take away what tells that class from others: keep some of the old ones by ``prior``.

    Parameters
    ----------
    model : keras.Model or Backbone
        Left as it is.
    images : array_like, shape (n, height, width, channels)
        uint8, or floats from 0 to 255; all in memory at once, with the activations of one layer after another.
    prior : float
        How many images the old statistics count for, against n: the new ones are (prior · old + n · measured) / (prior + n).

    Returns
    -------
    keras.Model
        Not compiled; each layer as trainable as it was.

    Raises
    ------
    ValueError
        Fewer than two images, another shape, or a model without batch normalisation.
    """
    model = functional_or_refused(model)
    x = images_for(model.input_shape[1:], images)
    if len(x) < 2:
        raise ValueError(f"adapt_batch_norm: one image has no spread to be seen; give two or more, not {len(x)}.")
    n, old = len(x), number(prior, "prior", 0)
    if not any(is_batch_norm(layer) for layer in named_layers(model).values()):
        raise ValueError(f"{model.name!r} has no BatchNormalization: there are no statistics to estimate again.")
    measuring = keras.models.clone_model(model, clone_function=_measuring, recursive=True)
    measuring.set_weights(model.get_weights())
    measuring(keras.ops.convert_to_tensor(x, "float32"), training=False)
    result = copied(model)
    pairs = zip(named_layers(measuring).values(), named_layers(result).values(), strict=True)
    for measured, layer in pairs:
        if is_batch_norm(layer):
            for name in ("moving_mean", "moving_variance"):
                new, kept = (np.asarray(keras.ops.convert_to_numpy(getattr(one, name))) for one in (measured, layer))
                getattr(layer, name).assign((old * kept + n * new) / (old + n))
    return result
