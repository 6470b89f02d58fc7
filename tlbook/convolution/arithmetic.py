"""Convolution and pooling as loops over windows."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlbook._checks import one_of, whole

__all__ = ["convolve", "liveliest_window", "output_size", "pool", "zeros_around"]

Padding = Literal["valid", "same"]


def zeros_around(size: int, kernel: int, stride: int, padding: Padding) -> tuple[int, int]:
    """Zeros before and after; an odd one goes after, as in TensorFlow."""
    if one_of(padding, "padding", ("valid", "same")) == "valid":
        return 0, 0
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def output_size(size: int, kernel: int, stride: int = 1, padding: Padding = "valid") -> int:
    """Number of positions of a window along one side of an image.

    Parameters
    ----------
    size : int
        Pixels along this side.
    kernel : int
        Side of the window in pixels.
    stride : int
        Step of the window in pixels.
    padding : {"valid", "same"}
        ``"valid"``: the window stays inside the image; ``(size - kernel) // stride + 1`` positions. ``"same"``: zeros are
        put around the image so that there are ``ceil(size / stride)`` positions.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If a number is not a positive whole number, or the window does not fit.

    Examples
    --------
    >>> output_size(96, 3), output_size(96, 3, padding="same"), output_size(96, 3, stride=2, padding="same")
    (94, 96, 48)
    """
    size, kernel, stride = whole(size, "size"), whole(kernel, "kernel"), whole(stride, "stride")
    before, after = zeros_around(size, kernel, stride, padding)
    if kernel > size + before + after:
        raise ValueError(
            f"a window of {kernel} pixels does not fit into {size}; make the window smaller or pad the image"
        )
    return (size + before + after - kernel) // stride + 1


def convolve(
    image: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike = 0.0,
    *,
    stride: int = 1,
    padding: Padding = "valid",
) -> NDArray[np.float64]:
    """Slide a window over an image; at each place multiply, add up, add the bias.

    As in every deep-learning library the kernel is *not* mirrored; mathematicians call this operation cross-correlation.

    Parameters
    ----------
    image : ndarray, shape (height, width) or (height, width, channels)
        A picture without channel axis is one with one channel.
    kernel : ndarray, shape (k, k), (k, k, channels) or (k, k, channels, filters)
        One filter, or several. The sides may differ. Its channels are those of the image.
    bias : float or ndarray, shape (filters,)
        Added to every output of the filter.
    stride : int
        Step of the window in pixels, in both directions.
    padding : {"valid", "same"}
        See :func:`output_size`.

    Returns
    -------
    ndarray, float64
        Shape (rows, columns) for a kernel of two or three axes, (rows, columns, filters) for four.

    Raises
    ------
    ValueError
        If the shapes do not go together.

    Notes
    -----
    Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 9.1, eq. 9.6.

    Examples
    --------
    An edge, found by the difference of neighbours:

    >>> import numpy as np
    >>> image = np.array([[0, 0, 9, 9], [0, 0, 9, 9]])
    >>> convolve(image, np.array([[-1, 1]]))
    array([[0., 9., 0.],
           [0., 9., 0.]])
    """
    image, kernel = np.asarray(image, dtype=float), np.asarray(kernel, dtype=float)
    if image.ndim not in (2, 3):
        raise ValueError(f"an image has 2 or 3 axes (height, width, channels), but this has shape {image.shape}")
    if kernel.ndim not in (2, 3, 4):
        raise ValueError(f"a kernel has 2, 3 or 4 axes (k, k, channels, filters), but this has shape {kernel.shape}")
    several = kernel.ndim == 4
    image = image[..., None] if image.ndim == 2 else image
    kernel = kernel.reshape(*kernel.shape, *(1,) * (4 - kernel.ndim))
    if kernel.shape[2] != image.shape[2]:
        raise ValueError(
            f"the image has {image.shape[2]} channels, the kernel {kernel.shape[2]}; they must be the same"
        )
    (height, width), (k_rows, k_columns) = image.shape[:2], kernel.shape[:2]
    rows = output_size(height, k_rows, stride, padding)
    columns = output_size(width, k_columns, stride, padding)
    around = (zeros_around(height, k_rows, stride, padding), zeros_around(width, k_columns, stride, padding), (0, 0))
    image = np.pad(image, around)
    result = np.empty((rows, columns, kernel.shape[3]))
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            window = image[top : top + k_rows, left : left + k_columns]
            result[row, column] = np.tensordot(window, kernel, axes=3)
    result = result + np.asarray(bias, dtype=float)
    return result if several else result[..., 0]


def pool(
    image: ArrayLike, size: int = 2, how: Literal["max", "average"] = "max", *, stride: int | None = None
) -> NDArray[np.float64]:
    """Keep one number of each window: its largest, or its mean.

    Parameters
    ----------
    image : ndarray, shape (..., height, width, channels) or (height, width)
        One map, one image, or a batch of images.
    size : int
        Side of the square window in pixels.
    how : {"max", "average"}
        What is kept.
    stride : int, optional
        Step of the window; `size` if not given, so that windows do not overlap. Windows that do not fit are left out.

    Returns
    -------
    ndarray, float64
        As the image, with fewer rows and columns.

    Raises
    ------
    ValueError
        For another `how`, or a window that does not fit.
    """
    one_of(how, "how", ("max", "average"))
    image = np.asarray(image, dtype=float)
    if image.ndim < 2:
        raise ValueError(f"an image has at least 2 axes, but this has shape {image.shape}")
    flat = image.ndim == 2
    image = image[..., None] if flat else image
    stride = whole(size if stride is None else stride, "stride")
    output_size(image.shape[-3], size, stride)
    output_size(image.shape[-2], size, stride)
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(-3, -2))
    windows = windows[..., ::stride, ::stride, :, :, :]
    result = windows.max(axis=(-2, -1)) if how == "max" else windows.mean(axis=(-2, -1))
    return result[..., 0] if flat else result


def liveliest_window(image: ArrayLike, size: int) -> tuple[int, int]:
    """Where an image is worth a close look: the square in which brightness rises *and* falls most, down *and* across.

    Brightness is compared over two pixels. A window's score is the smallest of four sums: of the rises and of the falls
    from top to bottom, and of those from left to right. An eye has all four, a straight edge only one.

    Parameters
    ----------
    image : ndarray, shape (height, width)
        One channel.
    size : int
        Side of the window in pixels, at least 3.

    Returns
    -------
    row, column : int
        Upper left corner of the window. Of several equally good ones, the first.

    Raises
    ------
    ValueError
        If the image has another number of axes or the window does not fit.
    """
    image = np.asarray(image, dtype=float)
    if image.ndim != 2:
        raise ValueError(f"an image of one channel has 2 axes, but this has shape {image.shape}")
    output_size(min(image.shape), whole(size, "size", 3))
    down, across = image[2:] - image[:-2], image[:, 2:] - image[:, :-2]
    sums = [
        np.lib.stride_tricks.sliding_window_view(np.maximum(sign * change, 0), window).sum(axis=(-2, -1))
        for change, window in ((down, (size - 2, size)), (across, (size, size - 2)))
        for sign in (1, -1)
    ]
    # Rounded, so that a sum's last bit, which differs between machines, does not choose among equal windows.
    score = np.min(sums, axis=0).round(9)
    row, column = np.unravel_index(score.argmax(), score.shape)
    return int(row), int(column)
