"""Pretrained networks without their classifiers: by name, or from a Keras model of your own.

>>> from tlbook import backbones
>>> backbones.default("photos")
'mobilenet_v2_035'
"""

import importlib
from types import ModuleType

from tlbook.backbones.backbone import Backbone, model_fingerprint
from tlbook.backbones.loading import load, load_head, load_words
from tlbook.backbones.networks import Info, default, info, names, zoo
from tlbook.backbones.weights import WeightsUnavailable, card, download
from tlbook.backbones.wrapping import wrap

__all__ = [
    "Backbone",
    "Info",
    "WeightsUnavailable",
    "card",
    "default",
    "download",
    "info",
    "load",
    "load_head",
    "load_words",
    "model_fingerprint",
    "names",
    "wrap",
    "zoo",
]


def __getattr__(name: str) -> ModuleType:
    # The one module here that imports Keras, which takes seconds: when it is first used.
    if name != "architectures":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.architectures")
