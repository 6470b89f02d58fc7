"""Transfer: linear probes, heads, freezing, fine-tuning.

The strategies of the book are compositions of these few functions::

    # linear probe
    probe = linear_probe(train_features, train.labels, val_features, validation.labels)
    # linear probe, then fine-tune (LP-FT, Kumar et al. 2022)
    model = attach_head(backbone, probe)
    unfreeze(model)
    history = fine_tune(model, train, validation, epochs=10, learning_rate=1e-4)
"""

import tlbook._quiet  # noqa: F401  (before Keras)

from .batches import epoch_order
from .checkpoints import CheckpointMismatch
from .fine_tuning import fine_tune
from .freezing import freeze, gradual_unfreezing, randomise, unfreeze
from .heads import attach_head
from .history import History
from .parts import divide
from .probe import C_GRID, Probe, linear_probe
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
