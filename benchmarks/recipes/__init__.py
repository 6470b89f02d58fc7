"""Published recipes for telling cats from dogs, written from their settings, and ours beside them.

A recipe is a generator ``run(given, seed, variants)``: it trains, and yields a :class:`~recipes.material.Stage` at the end of
each stage. Where a published recipe has a defect, the variants part at the stage that has it: they start from the same weights,
and each changes one thing. ``originals`` says where each recipe comes from and what had to differ here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How to run a recipe: a function by name, and its variants in groups that share their first stage."""

    function: str
    groups: tuple[tuple[str, ...], ...] = (("published",),)

    def run(self) -> Callable:
        module, name = self.function.split(":")
        return getattr(importlib.import_module(f"recipes.{module}"), name)


RECIPES = {
    "tensorflow-tutorial": Recipe("tensorflow_tutorial:run", (("published", "BatchNorm frozen"),)),
    "keras-guide-3": Recipe("keras_guide:run", (("published", "BatchNorm frozen"), ("augmented anew",))),
    "keras-guide-2": Recipe("keras_guide:run_keras_2", (("published", "BatchNorm frozen"),)),
    "chollet-scratch": Recipe("chollet:scratch"),
    "chollet-augmented": Recipe("chollet:augmented"),
    "chollet-cached": Recipe("chollet:cached"),
    "chollet-frozen": Recipe("chollet:frozen", (("published", "last four layers"),)),
    "efficientnet-example": Recipe("efficientnet_example:run", (("published", "whole blocks"),)),
    "fastai": Recipe("fastai_fine_tune:run"),
}
