"""Convolution and pooling in plain NumPy, and the bookkeeping of convolutional networks.

The arithmetic (:mod:`tlbook.convolution.arithmetic`) is slow and short on purpose: it is what a reader can check by hand,
and what Keras is compared with. The bookkeeping (:mod:`tlbook.convolution.bookkeeping`: receptive fields, parameters,
multiplications) reads a Keras model and computes nothing with its weights. No deep-learning library is imported by it.
"""

from tlbook.convolution.arithmetic import convolve, liveliest_window, output_size, pool
from tlbook.convolution.bookkeeping import Cost, Field, costs, receptive_fields

__all__ = ["Cost", "Field", "convolve", "costs", "liveliest_window", "output_size", "pool", "receptive_fields"]
