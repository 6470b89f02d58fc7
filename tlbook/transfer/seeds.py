"""Random generators of Keras layers, set anew in every epoch.

A Keras layer that draws random numbers keeps a generator whose state counts on
from where it was. Setting the states at the beginning of each epoch makes what
is drawn in it a function of seed and epoch, whatever came before: a run that
was interrupted goes on exactly as it would have.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np


def seed_states(layer: keras.layers.Layer) -> list[keras.Variable]:
    """The states of all random generators in a layer or model, each once, in order."""
    states: dict[int, keras.Variable] = {}
    for variable in layer.variables:
        if variable.name == "seed_generator_state":
            states.setdefault(id(variable), variable)
    return list(states.values())


def set_seeds(
    states: Sequence[keras.Variable],
    seed: int,
    epoch: int,
    *,
    first: int = 0,
    drawn: Sequence[int] | None = None,
) -> None:
    """Set the states of random generators as a function of seed and epoch.

    Parameters
    ----------
    states : sequence of keras.Variable
        From :func:`seed_states`.
    seed, epoch : int
    first : int
        Number of the first generator; generators of one run that have
        different numbers draw independently.
    drawn : sequence of int, optional
        How often each has drawn in this epoch already; default never.
    """
    drawn = [0] * len(states) if drawn is None else drawn
    for i, (state, count) in enumerate(zip(states, drawn, strict=True), start=first):
        word = np.random.SeedSequence([seed, epoch, i]).generate_state(1)[0]
        state.assign(np.array([word >> 1, count]))
