"""Penalties on weights as Keras regularisers, put on for a run and taken off afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import keras
import numpy as np
from numpy.typing import ArrayLike

from tlbook.transfer.recipe import Recipe
from tlbook.transfer.structure import head_layers, weighted_layers


@keras.saving.register_keras_serializable("tlbook")
class L2SP(keras.regularizers.Regularizer):
    """L2-SP (Li et al. 2018, equation 4): α/2‖w − w⁰‖², which pulls a weight to where it started.

    Set it as the ``regularizer`` of a variable; Keras adds the penalty to the loss
    while the variable is trainable::

        kernel.regularizer = L2SP(0.01, kernel)

    Parameters
    ----------
    strength : float
        α.
    start : keras.Variable or array
        w⁰; copied.
    """

    def __init__(self, strength: float, start: keras.Variable | ArrayLike) -> None:
        self.strength = float(strength)
        values = np.array(keras.ops.convert_to_numpy(start), dtype="float32")
        # A variable, since an array would be written into the graph at each trace.
        self.start = keras.Variable(values, trainable=False, name="start")

    def __call__(self, w: keras.Variable) -> Any:
        """The penalty, a scalar."""
        return self.strength / 2 * keras.ops.sum(keras.ops.square(w - self.start))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"strength": self.strength, "start": keras.ops.convert_to_numpy(self.start).tolist()}


class _Sum(keras.regularizers.Regularizer):
    """Several penalties on one variable."""

    def __init__(self, *terms: keras.regularizers.Regularizer) -> None:
        self._terms = terms

    def __call__(self, w: keras.Variable) -> Any:
        return sum(term(w) for term in self._terms)


@contextmanager
def regularized(model: keras.Model, recipe: Recipe) -> Iterator[None]:
    """L2-SP and L2 of a recipe on a model's weights for the block; then they are as before.

    L2-SP pulls each weight outside the head to its value at the beginning of the
    block, also where a layer becomes trainable later, and the head's kernel, which
    has no pretrained value, to zero. L2 pulls all kernels to zero; biases, scales
    and offsets are spared. Regularisers that layers brought along stay.
    """
    alpha, beta = cast(tuple[float, float], recipe.l2_sp or (0.0, 0.0))  # a recipe keeps them as a pair
    head = head_layers(model)
    before: list[tuple[keras.Variable, Any]] = []
    try:
        for name, layer in weighted_layers(model).items():
            for weight in layer.weights:
                kernel = len(weight.shape) > 1
                terms = [] if weight.regularizer is None else [weight.regularizer]
                if name not in head and alpha:
                    terms.append(L2SP(alpha, weight))
                elif name in head and beta and kernel:
                    terms.append(keras.regularizers.L2(beta / 2))
                if recipe.l2 and kernel:
                    terms.append(keras.regularizers.L2(recipe.l2 / 2))
                before.append((weight, weight.regularizer))
                if len(terms) > (weight.regularizer is not None):
                    weight.regularizer = terms[0] if len(terms) == 1 else _Sum(*terms)
        yield
    finally:
        for weight, regularizer in before:
            weight.regularizer = regularizer
