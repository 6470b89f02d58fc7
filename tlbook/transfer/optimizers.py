"""Keras optimisers whose step length depends on the layer group."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from tlbook._checks import one_of

OPTIMIZERS: tuple[str, ...] = ("adam", "adamw", "sgd")


class _GroupRates:
    """Mixin: the learning rate of each variable is multiplied by a factor.

    The factor multiplies the rate inside the update step, hence the *update*.
    Multiplying the gradient instead would do nothing with Adam, which divides
    the gradient's scale out again.

    Weight decay is decoupled (Loshchilov & Hutter 2019, algorithm 2) and uses
    the variable's own rate, so that a group trains exactly as it would under
    an optimiser of its own. Keras' built-in decay would use the common rate.
    """

    def set_groups(self, factors: Sequence[float], decays: Sequence[float]) -> None:
        """Give factor and weight decay of each variable, in build order."""
        self._factors = [float(f) for f in factors]
        self._decays = [float(d) for d in decays]

    def update_step(self, gradient: object, variable: object, learning_rate: object) -> None:
        index = self._get_variable_index(variable)
        rate = learning_rate * self._factors[index]
        if self._decays[index]:
            shrink = keras.ops.cast(rate * self._decays[index], variable.dtype)
            self.assign_sub(variable, keras.ops.multiply(variable, shrink))
        super().update_step(gradient, variable, rate)


class GroupAdam(_GroupRates, keras.optimizers.Adam):
    """Adam (Kingma & Ba 2015) with a rate factor and decoupled decay per variable."""


class GroupSGD(_GroupRates, keras.optimizers.SGD):
    """SGD with momentum, a rate factor and decoupled decay per variable."""


def make_optimizer(
    name: str,
    schedule: keras.optimizers.schedules.LearningRateSchedule | float,
    variables: Sequence[keras.Variable],
    *,
    factors: Sequence[float],
    weight_decay: float = 0.0,
    momentum: float = 0.9,
) -> keras.optimizers.Optimizer:
    """An optimiser built on ``variables``, ready to be stepped or restored.

    Parameters
    ----------
    name : {"adam", "adamw", "sgd"}
    schedule : LearningRateSchedule or float
        Common learning rate.
    variables : sequence of keras.Variable
        The trainable variables, in the order of the model.
    factors : sequence of float
        What to multiply the rate with, one factor a variable.
    weight_decay : float
        Decoupled; applied to variables of two dimensions or more (kernels),
        not to biases and BatchNormalization's scale and offset.
    momentum : float
        Of SGD.
    """
    if one_of(name, "optimizer", OPTIMIZERS) == "sgd":
        optimizer = GroupSGD(schedule, momentum=momentum)
    else:
        optimizer = GroupAdam(schedule)
    optimizer.set_groups(factors, [weight_decay if len(v.shape) > 1 else 0.0 for v in variables])
    optimizer.build(list(variables))
    return optimizer
