"""Means of the weights of several models: between a probe and what was fine-tuned from it, or over training runs."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from tlbook._models import as_model, standard_settings
from tlbook.backbones import Backbone
from tlbook.transfer.parts import copied
from tlbook.transfer.structure import named_layers


@standard_settings()
def average_weights(models: Sequence[keras.Model | Backbone], shares: Sequence[float] | None = None) -> keras.Model:
    """A model with the weighted mean of the weights of models that are built alike.

    Of two, the linear probe's model and what fine-tuning made of it, this is WiSE-FT (Wortsman et al. 2022, CVPR), with
    ``shares=[1 - alpha, alpha]``; of several runs of fine-tuning from one start it is a uniform soup (Wortsman et al. 2022,
    ICML). Runs from different starts lie in different valleys, and their mean in none.

    Parameters
    ----------
    models : sequence of keras.Model or Backbone
        Of one architecture; left as they are.
    shares : sequence of float, optional
        One for each model, adding up to 1; by default the same for all. A share below 0 or above 1 goes beyond the models.

    Returns
    -------
    keras.Model
        A copy of the first, not compiled, with the mean of all weights, those of batch normalisation's moving statistics
        among them. Where their means differ, the statistics of the mean weights are others: see :func:`adapt_batch_norm`.

    Raises
    ------
    ValueError
        No model; models with other weights; shares that do not add up to 1.

    Examples
    --------
    >>> from tlbook import backbones, transfer
    >>> probe, tuned = (transfer.attach_head(backbones.load("sketchnet"), 2, seed=seed) for seed in (0, 1))
    >>> half = transfer.average_weights([probe, tuned])
    >>> kernel = [one.layers[-1].get_weights()[0] for one in (probe, tuned, half)]
    >>> bool(np.allclose((kernel[0] + kernel[1]) / 2, kernel[2]))
    True
    """
    every = [as_model(model) for model in models]
    if not every:
        raise ValueError("average_weights: give at least one model.")
    parts = np.full(len(every), 1 / len(every)) if shares is None else np.asarray(shares, np.float64)
    if parts.shape != (len(every),) or not abs(parts.sum() - 1) < 1e-6:
        raise ValueError(f"shares={shares!r}: give a number for each of {len(every)} models, adding up to 1.")
    first = _described(every[0])
    for place, model in enumerate(every[1:], 1):
        if _described(model) != first:
            raise ValueError(f"models[{place}] ({model.name!r}) has other layers than models[0] ({every[0].name!r}).")
    result = copied(every[0])
    used = [(part, model.get_weights()) for part, model in zip(parts, every, strict=True) if part]
    # in float64, and without those of share 0: the mean of equal weights is that weight, whatever the others hold
    sums = [sum(part * each[k].astype(np.float64) for part, each in used) for k in range(len(used[0][1]))]
    result.set_weights([total.astype(old.dtype) for total, old in zip(sums, used[0][1], strict=True)])
    return result


def _described(model: keras.Model) -> list[tuple[str, list[tuple[int, ...]]]]:
    """Kind of each layer with weights, and their shapes; names differ between models that are built alike."""
    return [
        (type(layer).__name__, [tuple(weight.shape) for weight in layer.weights])
        for layer in named_layers(model).values()
        if layer.weights
    ]
