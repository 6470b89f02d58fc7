"""Pretrained networks without their classifiers, by name.

>>> from tlbook import backbones
>>> backbones.default("photos")
'mobilenet_v2_035'
"""

from tlbook.backbones.applications import WeightsUnavailable
from tlbook.backbones.backbone import Backbone, model_fingerprint
from tlbook.backbones.registry import Info, card, default, info, load, names

__all__ = ["Backbone", "Info", "WeightsUnavailable", "card", "default", "info", "load", "model_fingerprint", "names"]
