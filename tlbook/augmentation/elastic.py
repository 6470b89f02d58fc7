"""Elastic deformation that works on batches whose size is not known beforehand."""

from __future__ import annotations

from typing import Any

from tlbook._checks import whole

import tlbook._quiet  # noqa: F401  # isort: skip
import keras

__all__ = ["RandomElastic"]

ops = keras.ops


@keras.saving.register_keras_serializable(package="tlbook")
class RandomElastic(keras.layers.Layer):
    r"""Bend each image at random during training, like a picture on rubber.

    Displacements are drawn on a coarse grid of points, normally distributed, and interpolated
    between them by cubic polynomials; the image is then read at the displaced places, by linear
    interpolation (as for the U-Net: Ronneberger, Fischer & Brox 2015, section 3.1). Beyond
    the border the pixels of the border are read.

    It stands in for ``keras.layers.RandomElasticTransform``, which up to Keras 3.15 gives, wherever the
    size of the batch is not fixed (in ``fit``, in ``tf.data`` after ``batch``), every image of a batch the
    content of the first one, while each keeps its own label.

    Parameters
    ----------
    factor : float or (float, float)
        Standard deviation of the displacements as a share of the side. It is drawn anew for each
        image, uniformly between the two numbers; one number f stands for (0, f).
    grid : int
        Points of the coarse grid along each side, at least 2.
    seed : int, optional
    **kwargs
        For ``keras.layers.Layer``.

    Notes
    -----
    Input: a batch (n, height, width, channels) of any integer or floating type. Output: the same shape, of the
    layer's compute type. In inference the values are returned as they came.
    """

    def __init__(
        self, factor: float | tuple[float, float] = 0.05, grid: int = 4, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        low, high = factor if isinstance(factor, (tuple, list)) else (0.0, factor)
        if not 0 <= low <= high < 1:
            raise ValueError(f"factor must be a share of the side, 0 <= low <= high < 1, but is {factor}")
        grid = whole(grid, "grid", 2, of="points")
        self.factor, self.grid, self.seed = (float(low), float(high)), grid, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if len(images.shape) != 4 or None in images.shape[1:]:
            raise ValueError(
                f"images must have shape (n, height, width, channels) of known height and width, but have {images.shape}"
            )
        if not training or self.factor[1] == 0:
            return images
        height, width = images.shape[1:3]
        n = ops.shape(images)[0]
        strength = keras.random.uniform((n, 1, 1, 1), *self.factor, seed=self.generator)
        coarse = keras.random.normal((n, self.grid, self.grid, 2), seed=self.generator) * strength
        # antialiasing is for making smaller; here the grid is made larger
        shift = ops.image.resize(coarse, (height, width), interpolation="bicubic", data_format="channels_last")
        rows = ops.reshape(ops.arange(height, dtype="float32"), (1, height, 1)) + shift[..., 0] * height
        columns = ops.reshape(ops.arange(width, dtype="float32"), (1, 1, width)) + shift[..., 1] * width
        return ops.cast(_read(ops.cast(images, "float32"), rows, columns), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": list(self.factor), "grid": self.grid, "seed": self.seed}


def _read(images: Any, rows: Any, columns: Any) -> Any:
    """Images (n, h, w, c) at real-valued places (n, h, w), linear between pixels."""
    _, height, width, channels = images.shape
    rows, columns = ops.clip(rows, 0, height - 1), ops.clip(columns, 0, width - 1)
    top, left = ops.floor(rows), ops.floor(columns)
    down, right = rows - top, columns - left
    flat = ops.reshape(images, (-1, height * width, channels))

    def at(y: Any, x: Any) -> Any:
        place = ops.cast(ops.minimum(y, height - 1) * width + ops.minimum(x, width - 1), "int32")
        place = ops.reshape(place, (-1, height * width, 1))
        return ops.reshape(ops.take_along_axis(flat, place, axis=1), (-1, height, width, channels))

    down, right = down[..., None], right[..., None]
    upper = at(top, left) * (1 - right) + at(top, left + 1) * right
    lower = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
    return upper * (1 - down) + lower * down
