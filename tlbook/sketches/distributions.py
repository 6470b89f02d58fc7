"""The distributions that factors are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Normal:
    """A normal distribution, cut off (by clipping) at the factor's range."""

    mean: float
    sd: float

    def draw(self, rng: np.random.Generator) -> float:
        return self.mean + self.sd * rng.standard_normal()


@dataclass(frozen=True)
class Uniform:
    """A uniform distribution."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        return self.low + (self.high - self.low) * rng.random()


@dataclass(frozen=True)
class Sometimes:
    """Zero, but with probability `share` uniform between `low` and `high`."""

    share: float
    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        hit, value = rng.random(2)
        return self.low + (self.high - self.low) * value if hit < self.share else 0.0


@dataclass(frozen=True)
class Whole:
    """A whole number, uniform from `low` to `high`, both included."""

    low: int
    high: int

    def draw(self, rng: np.random.Generator) -> int:
        return int(rng.integers(self.low, self.high + 1))


class Words:
    """One word, with the weights given."""

    def __init__(self, **weights: float) -> None:
        self.words = tuple(weights)
        self.edges = np.cumsum(list(weights.values())) / sum(weights.values())

    def draw(self, rng: np.random.Generator) -> str:
        place = int(np.searchsorted(self.edges, rng.random(), side="right"))
        return self.words[min(place, len(self.words) - 1)]
