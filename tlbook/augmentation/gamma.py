"""A random change of gamma, an augmentation that Keras lacks."""

from __future__ import annotations

import math
from typing import Any

import tlbook._quiet  # noqa: F401  # isort: skip
import keras

__all__ = ["RandomGamma"]


@keras.saving.register_keras_serializable(package="tlbook")
class RandomGamma(keras.layers.Layer):
    r"""Change the gamma of each image at random during training.

    With pixel values scaled to 0…1, :math:`x \mapsto x^\gamma`: black and white stay, the tones
    between get darker (:math:`\gamma > 1`) or lighter (:math:`\gamma < 1`), as with another
    exposure or screen. One :math:`\gamma` is drawn for each image, uniformly on a logarithmic
    scale, so that halving and doubling are equally likely. In inference the
    values are returned as they came.

    The layer belongs inside a model (or, with the TensorFlow backend, also in
    a ``tf.data`` pipeline, after any caching).

    Parameters
    ----------
    factor : float or (float, float)
        Smallest and largest :math:`\gamma`, both above 0; one number f ≥ 1 stands for
        (1/f, f). (1, 1) changes nothing.
    value_range : (float, float)
        Values that mean black and white: (0, 255) for images as the models of
        this book take them, (0, 1) after rescaling. Values outside are clipped
        in training.
    seed : int, optional
        The same seed gives the same sequence of draws on one backend.
    **kwargs
        For ``keras.layers.Layer``.

    Notes
    -----
    Input: one image (height, width, channels) or a batch (n, height, width,
    channels), of any integer or floating type. Output: the same shape, of the
    layer's compute type (float32 unless a policy says otherwise), not rounded.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.full((2, 4, 4, 3), 64, "uint8")
    >>> tuple(RandomGamma(2.0, seed=0)(images, training=True).shape)
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: float | tuple[float, float] = 1.5,
        value_range: tuple[float, float] = (0.0, 255.0),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.factor = self._bounds(factor)
        low, high = (float(end) for end in value_range)
        if not low < high < math.inf or low == -math.inf:
            raise ValueError(f"value_range must be (black, white), ascending, but is {value_range}")
        self.value_range = (low, high)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)
        self.supports_jit = True

    @staticmethod
    def _bounds(factor: float | tuple[float, float]) -> tuple[float, float]:
        if isinstance(factor, (tuple, list)):
            if len(factor) != 2:
                raise ValueError(f"factor must be one number or two, but is {factor}")
            low, high = (float(end) for end in factor)
        else:
            high = float(factor)
            if not high >= 1:
                raise ValueError(
                    f"one factor f stands for gammas from 1/f to f and must be at least 1, but is "
                    f"{factor}; give (low, high) for another range"
                )
            low = 1 / high
        if not 0 < low <= high < math.inf:
            raise ValueError(f"gammas must satisfy 0 < low <= high, but factor is {factor}")
        return low, high

    def call(self, images: Any, training: bool = False) -> Any:
        images = keras.ops.convert_to_tensor(images)
        if len(images.shape) not in (3, 4):
            raise ValueError(
                "images must have shape (height, width, channels) or (n, height, width, "
                f"channels), but have shape {tuple(images.shape)}"
            )
        if not training:
            return keras.ops.cast(images, self.compute_dtype)
        black, white = self.value_range
        # float32 throughout, since half precision is too coarse for powers of dark values
        x = (keras.ops.cast(images, "float32") - black) / (white - black)
        one_each = (keras.ops.shape(images)[0], 1, 1, 1) if len(images.shape) == 4 else (1, 1, 1)
        low, high = self.factor
        gamma = keras.ops.exp(
            keras.random.uniform(one_each, math.log(low), math.log(high), dtype="float32", seed=self.generator)
        )
        # clipped first: a negative base would give NaN
        x = keras.ops.power(keras.ops.clip(x, 0.0, 1.0), gamma)
        return keras.ops.cast(x * (white - black) + black, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factor": list(self.factor),
            "value_range": list(self.value_range),
            "seed": self.seed,
        }
