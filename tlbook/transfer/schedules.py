"""Learning rate as a function of the step, computed once in NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlbook._checks import number, one_of

SCHEDULES: tuple[str, ...] = ("constant", "linear", "cosine")


def learning_rates(schedule: str, learning_rate: float, steps: int, warmup_steps: int = 0) -> NDArray[np.float32]:
    """Learning rate at every step of training.

    Parameters
    ----------
    schedule : {"constant", "linear", "cosine"}
        After warm-up: unchanged; a straight line to 0; half a cosine wave to 0
        (Loshchilov & Hutter 2017, SGDR, equation 5, without restarts).
    learning_rate : float
        Highest rate, reached at the end of warm-up.
    steps : int
        Number of steps (batches) in the whole training.
    warmup_steps : int
        Steps over which the rate rises in a straight line (Goyal et al. 2017,
        section 2.2). The first step has ``learning_rate / warmup_steps``, not 0.

    Returns
    -------
    float32 array (steps,)

    Raises
    ------
    ValueError
        Unknown schedule, or warm-up that leaves no step.
    """
    one_of(schedule, "schedule", SCHEDULES)
    if steps < 1 or not 0 <= warmup_steps < steps:
        raise ValueError(f"warm-up of {warmup_steps} steps does not fit in {steps} steps.")
    number(learning_rate, "learning_rate", 0, ends="()")
    done = np.arange(steps - warmup_steps) / (steps - warmup_steps)
    after = {
        "constant": np.ones_like(done),
        "linear": 1 - done,
        "cosine": (1 + np.cos(np.pi * done)) / 2,
    }[schedule]
    warmup = np.arange(1, warmup_steps + 1) / max(warmup_steps, 1)
    return (learning_rate * np.concatenate([warmup, after])).astype(np.float32)


@keras.saving.register_keras_serializable("tlbook")
class Tabulated(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate read from a table by the optimiser's step count.

    Parameters
    ----------
    table : float32 array (steps,)
        Past its end the last value holds.
    """

    def __init__(self, table: ArrayLike) -> None:
        self.table = np.asarray(table, dtype=np.float32)

    def __call__(self, step: Any) -> Any:
        index = keras.ops.minimum(keras.ops.cast(step, "int32"), len(self.table) - 1)
        return keras.ops.take(keras.ops.convert_to_tensor(self.table), index)

    def get_config(self) -> dict[str, Any]:
        return {"table": self.table.tolist()}
