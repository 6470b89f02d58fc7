"""Figures of your own results. Every function returns the Matplotlib figure.

In a notebook, let the call be the last line of its cell, and the figure is
shown once. Outside, ``figure.savefig("name.png")``. Figures carry no title: what
they show is said by the caption and the text around them.

Examples
--------
>>> figure = confusion([[480, 20], [35, 465]], ["cat", "dog"])
>>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
['cat', 'dog']
>>> figure.savefig("confusion.png")  # doctest: +SKIP
"""

from tlbook.plotting.comparisons import accuracy_by_layer, bands, cost_accuracy, learning_curve, strategy_comparison
from tlbook.plotting.curves import (
    confusion,
    feature_map_2d,
    precision_recall,
    reliability_diagram,
    roc,
    training_curves,
)
from tlbook.plotting.images import error_gallery, image_grid
from tlbook.plotting.maps import feature_maps, heat_maps
from tlbook.plotting.network import network_diagram
from tlbook.plotting.style import PALETTE, style

__all__ = [
    "PALETTE",
    "accuracy_by_layer",
    "bands",
    "confusion",
    "cost_accuracy",
    "error_gallery",
    "feature_map_2d",
    "feature_maps",
    "heat_maps",
    "image_grid",
    "learning_curve",
    "network_diagram",
    "precision_recall",
    "reliability_diagram",
    "roc",
    "strategy_comparison",
    "style",
    "training_curves",
]
