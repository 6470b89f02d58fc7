"""The figures of the book. Every function returns the Matplotlib figure.

In a notebook, let the call be the last line of its cell, and the figure is
shown once. Outside, ``figure.savefig("name.png")``. Figures carry no title: what
they show is said by the caption and the text around them.
"""

from tlbook.plotting.augmentation import augmentation_gallery, change_effects, effect_grid, strength_curves
from tlbook.plotting.comparisons import (
    accuracy_by_layer,
    cost_accuracy,
    learning_curve,
    strategy_comparison,
)
from tlbook.plotting.convolution import (
    feature_maps,
    filter_grid,
    kernel_step,
    magnified,
    number_grid,
    shift_curves,
)
from tlbook.plotting.curves import (
    confusion,
    feature_map_2d,
    precision_recall,
    reliability_diagram,
    roc,
    training_curves,
)
from tlbook.plotting.decision import accuracy_surface
from tlbook.plotting.evaluation import bands, dials, reported_and_true
from tlbook.plotting.fine_tuning import rate_sweep, schedule_curves, statistics_moved, strategy_costs, training_plan
from tlbook.plotting.images import error_gallery, image_grid
from tlbook.plotting.interpret import feature_planes, heat_maps, neighbour_rows, sanity_check
from tlbook.plotting.networks import Step, architecture, cost_bars, logits_to_loss, receptive_field_map, there_and_back
from tlbook.plotting.style import PALETTE, style
from tlbook.plotting.transfer import network_diagram, penalty_curve

__all__ = [
    "PALETTE",
    "Step",
    "accuracy_by_layer",
    "accuracy_surface",
    "architecture",
    "augmentation_gallery",
    "bands",
    "change_effects",
    "confusion",
    "cost_accuracy",
    "cost_bars",
    "dials",
    "effect_grid",
    "error_gallery",
    "feature_map_2d",
    "feature_maps",
    "feature_planes",
    "filter_grid",
    "heat_maps",
    "image_grid",
    "kernel_step",
    "learning_curve",
    "logits_to_loss",
    "magnified",
    "neighbour_rows",
    "network_diagram",
    "number_grid",
    "penalty_curve",
    "precision_recall",
    "rate_sweep",
    "receptive_field_map",
    "reliability_diagram",
    "reported_and_true",
    "roc",
    "sanity_check",
    "schedule_curves",
    "shift_curves",
    "statistics_moved",
    "strategy_comparison",
    "strategy_costs",
    "strength_curves",
    "style",
    "there_and_back",
    "training_curves",
    "training_plan",
]
