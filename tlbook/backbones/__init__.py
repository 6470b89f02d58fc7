"""Pretrained networks without their classifiers, by name.

>>> from tlbook import backbones
>>> backbones.default("photos")
'mobilenet_v2_035'
"""

import importlib

from tlbook.backbones.applications import WeightsUnavailable
from tlbook.backbones.backbone import Backbone, model_fingerprint
from tlbook.backbones.registry import Info, card, default, info, load, names

__all__ = ["Backbone", "Info", "WeightsUnavailable", "card", "default", "info", "load", "model_fingerprint", "names"]


def __getattr__(name: str):
    # The one module here that imports Keras, which takes seconds: when it is first used.
    if name != "architectures":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.architectures")
