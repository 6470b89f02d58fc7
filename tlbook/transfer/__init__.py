"""Transfer: linear probes, heads, freezing, fine-tuning.

The strategies of the book are compositions of these few functions::

    # linear probe
    probe = linear_probe(train_features, train.labels, val_features, validation.labels)
    # linear probe, then fine-tune (LP-FT, Kumar et al. 2022)
    model = attach_head(backbone, probe)
    unfreeze(model)
    history = fine_tune(model, train, validation, epochs=10, learning_rate=1e-4)
"""

import importlib
from typing import TYPE_CHECKING

import tlbook._quiet  # noqa: F401  (before Keras)

from .probe import C_GRID, Probe, linear_probe

if TYPE_CHECKING:
    from .batches import epoch_order
    from .checkpoints import CheckpointMismatch
    from .fine_tuning import fine_tune
    from .freezing import freeze, gradual_unfreezing, randomise, unfreeze
    from .heads import attach_head
    from .history import History
    from .parts import divide
    from .schedules import learning_rates
    from .structure import head_layers, layer_groups, named_layers, parameter_count

__all__ = [
    "C_GRID",
    "CheckpointMismatch",
    "History",
    "Probe",
    "attach_head",
    "divide",
    "epoch_order",
    "fine_tune",
    "freeze",
    "gradual_unfreezing",
    "head_layers",
    "layer_groups",
    "learning_rates",
    "linear_probe",
    "named_layers",
    "parameter_count",
    "randomise",
    "unfreeze",
]

# A probe on features that are on disk needs no Keras, whose import takes seconds: what does is imported when first used.
_WHERE = {
    "epoch_order": "batches",
    "CheckpointMismatch": "checkpoints",
    "fine_tune": "fine_tuning",
    "freeze": "freezing",
    "gradual_unfreezing": "freezing",
    "randomise": "freezing",
    "unfreeze": "freezing",
    "attach_head": "heads",
    "History": "history",
    "divide": "parts",
    "learning_rates": "schedules",
    "head_layers": "structure",
    "layer_groups": "structure",
    "named_layers": "structure",
    "parameter_count": "structure",
}


def __getattr__(name: str):
    if name in _WHERE.values():
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
