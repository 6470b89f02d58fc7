"""Looking inside a trained network, and scoring heat maps.

:func:`filters` and :func:`feature_maps` show what a network computes,
:func:`occlusion_sensitivity` and :func:`grad_cam` which part of an image a
score rests on, :func:`nearest_neighbours` and :func:`embed` which images its
features place close together. Where the truth is known, as in the drawings of
:mod:`tlbook.sketches`, :func:`pointing_game` and :func:`energy_inside` say how
well a heat map agrees with it. All take flat models and models nested in others.
"""

import tlbook._quiet  # noqa: F401  (before Keras)
from tlbook.interpret.grad_cam import grad_cam, layer_gradients
from tlbook.interpret.inside import feature_maps, filters
from tlbook.interpret.neighbours import embed, nearest_neighbours
from tlbook.interpret.occlusion import occlusion_sensitivity
from tlbook.interpret.scores import MaskScore, energy_inside, lift_difference, pointing_game, rank_correlation
from tlbook.interpret.taps import last_maps

__all__ = [
    "MaskScore",
    "embed",
    "energy_inside",
    "feature_maps",
    "filters",
    "grad_cam",
    "last_maps",
    "layer_gradients",
    "lift_difference",
    "nearest_neighbours",
    "occlusion_sensitivity",
    "pointing_game",
    "rank_correlation",
]
