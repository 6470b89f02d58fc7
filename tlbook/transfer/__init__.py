"""Transfer: linear probes, heads, freezing, fine-tuning.

The methods of the book are compositions of these few functions::

    recipe = Recipe(epochs=10, learning_rate=1e-4, schedule="cosine")
    # linear probe
    probe = linear_probe(train_features, train.labels, val_features, validation.labels)
    # linear probe, then fine-tuning (LP-FT, Kumar et al. 2022)
    model, history = lp_ft(backbone, train, validation, recipe)
    # the same, step by step
    model = attach_head(backbone, probe)
    unfreeze(model)
    history = fine_tune(model, train, validation, recipe)

Training is Keras' ``compile`` and ``fit``; what they are given here can be given to a
``fit`` of one's own: :class:`Batches` and :class:`L2SP`, and what stands in the modules
``callbacks``, ``optimizers`` and ``schedules``.
"""

import importlib
from typing import TYPE_CHECKING, Any

import tlbook._quiet  # noqa: F401  (before Keras)
from tlbook.transfer.probe import C_GRID, Probe, linear_probe

if TYPE_CHECKING:
    from tlbook.transfer.adaptation import adapt_batch_norm
    from tlbook.transfer.averages import average_weights
    from tlbook.transfer.batches import Batches, epoch_order
    from tlbook.transfer.checkpoints import CheckpointMismatch
    from tlbook.transfer.few import add_adapters, freeze_all_but
    from tlbook.transfer.freezing import freeze, gradual_unfreezing, randomise, unfreeze
    from tlbook.transfer.heads import attach_head
    from tlbook.transfer.history import History
    from tlbook.transfer.parts import split_model
    from tlbook.transfer.recipe import Recipe
    from tlbook.transfer.regularizers import L2SP
    from tlbook.transfer.schedules import Tabulated, learning_rates
    from tlbook.transfer.structure import head_layers, layer_groups, named_layers, parameter_count
    from tlbook.transfer.training import fine_tune, lp_ft, train

__all__ = [
    "C_GRID",
    "L2SP",
    "Batches",
    "CheckpointMismatch",
    "History",
    "Probe",
    "Recipe",
    "Tabulated",
    "adapt_batch_norm",
    "add_adapters",
    "attach_head",
    "average_weights",
    "epoch_order",
    "fine_tune",
    "freeze",
    "freeze_all_but",
    "gradual_unfreezing",
    "head_layers",
    "layer_groups",
    "learning_rates",
    "linear_probe",
    "lp_ft",
    "named_layers",
    "parameter_count",
    "randomise",
    "split_model",
    "train",
    "unfreeze",
]

# A probe on features that are on disk needs no Keras, whose import takes seconds: what does is imported when first used.
_WHERE = {
    "adapt_batch_norm": "adaptation",
    "average_weights": "averages",
    "Batches": "batches",
    "epoch_order": "batches",
    "CheckpointMismatch": "checkpoints",
    "add_adapters": "few",
    "freeze_all_but": "few",
    "freeze": "freezing",
    "gradual_unfreezing": "freezing",
    "randomise": "freezing",
    "unfreeze": "freezing",
    "attach_head": "heads",
    "History": "history",
    "split_model": "parts",
    "Recipe": "recipe",
    "L2SP": "regularizers",
    "Tabulated": "schedules",
    "learning_rates": "schedules",
    "head_layers": "structure",
    "layer_groups": "structure",
    "named_layers": "structure",
    "parameter_count": "structure",
    "fine_tune": "training",
    "lp_ft": "training",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name in {*_WHERE.values(), "callbacks", "optimizers"}:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
