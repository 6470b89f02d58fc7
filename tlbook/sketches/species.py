"""Drawing a record from a species' distribution.

The renderer never asks for the species: a species is nothing but a distribution over
the factors (see `priors`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tlbook._checks import one_of
from tlbook.sketches.factors import FACTORS, SPECIES, Factors, Number, check_names
from tlbook.sketches.priors import ANIMAL, PRIORS, SCENE


def prior(species: str) -> dict[str, Any]:
    """Distribution of every factor (but `species`) for one species, in `FACTORS`' order.

    Raises
    ------
    ValueError
        If there is no such species.
    """
    one_of(species, "species", SPECIES)
    merged = SCENE | ANIMAL | PRIORS[species]
    return {name: merged[name] for name in FACTORS if name != "species"}


def sample(species: str, rng: np.random.Generator, **factors: Any) -> Factors:
    """Draw one record from a species' distribution.

    Parameters
    ----------
    species : str
        One of `SPECIES`.
    rng : numpy.random.Generator
        Every factor is drawn from it, the overridden ones too: an override leaves the
        other factors as they would have been.
    **factors
        Values that replace the drawn ones.

    Returns
    -------
    Factors

    Raises
    ------
    ValueError
        If the species or a factor is unknown, or a value lies outside its range.
    """
    check_names(factors)
    values: dict[str, Any] = {"species": species}
    for name, distribution in prior(species).items():
        value = distribution.draw(rng)
        spec = FACTORS[name]
        if isinstance(spec, Number) and not spec.integer:
            # Four decimals are finer than a pixel shows and keep the CSV small and exact.
            value = round(min(max(value, spec.low), spec.high), 4)
        values[name] = value
    return Factors(**(values | factors))
