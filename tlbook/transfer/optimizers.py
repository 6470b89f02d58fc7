"""Keras optimisers whose step length depends on the layer group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tlbook.transfer.recipe import Recipe
from tlbook.transfer.structure import HEAD, check_groups, weighted_layers


class _GroupRates(keras.optimizers.Optimizer):
    """Mixin: the learning rate of each variable is multiplied by a factor.

    The factor multiplies the rate inside the update step, hence the *update*.
    Multiplying the gradient instead would do nothing with Adam, which divides
    the gradient's scale out again.

    Weight decay is decoupled (Loshchilov & Hutter 2019, algorithm 2) and uses
    the variable's own rate, so that a group trains exactly as it would under
    an optimiser of its own. Keras' built-in decay would use the common rate.
    """

    def __init__(
        self,
        learning_rate: keras.optimizers.schedules.LearningRateSchedule | float = 0.001,
        *,
        factors: Sequence[float] | None = None,
        weight_decay: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self._factors = None if factors is None else [float(factor) for factor in factors]
        self._decay = float(weight_decay)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Called by Keras with the trainable variables."""
        if self._factors is not None and len(self._factors) != len(variables):
            raise ValueError(
                f"{len(self._factors)} factors for {len(variables)} trainable variables: give one each, see "
                "tlbook.transfer.optimizers.variable_factors; build the optimiser after freezing and unfreezing."
            )
        super().build(list(variables))

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        """Called by Keras for each variable."""
        factor = 1.0 if self._factors is None else self._factors[self._get_variable_index(variable)]
        rate = learning_rate * factor
        if self._decay and len(variable.shape) > 1:
            shrink = keras.ops.cast(rate * self._decay, variable.dtype)
            self.assign_sub(variable, keras.ops.multiply(variable, shrink))
        super().update_step(gradient, variable, rate)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return super().get_config() | {"factors": self._factors, "weight_decay": self._decay}


@keras.saving.register_keras_serializable("tlbook")
class GroupAdam(_GroupRates, keras.optimizers.Adam):
    """Adam (Kingma & Ba 2015) with a rate factor for each variable and decoupled decay.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        Common rate.
    factors : sequence of float, optional
        What the rate is multiplied with, one for each of the model's
        ``trainable_variables`` in their order, see :func:`variable_factors`.
    weight_decay : float
        Decoupled; applied to variables of two dimensions or more (kernels),
        not to biases and BatchNormalization's scale and offset.
    **options
        As for ``keras.optimizers.Adam``.
    """


@keras.saving.register_keras_serializable("tlbook")
class GroupSGD(_GroupRates, keras.optimizers.SGD):
    """SGD with a rate factor for each variable and decoupled decay.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        Common rate.
    factors : sequence of float, optional
        As for :class:`GroupAdam`.
    weight_decay : float
        As for :class:`GroupAdam`.
    **options
        As for ``keras.optimizers.SGD``, ``momentum`` among them.
    """


def group_factors(model: keras.Model, recipe: Recipe) -> dict[str, float]:
    """What the common rate is multiplied with, by layer group; empty where there is one rate for all.

    Raises
    ------
    ValueError
        Groups that the model does not have.
    """
    rates = recipe.learning_rates or {}
    if recipe.layer_decay is None and recipe.learning_rates is None:
        return {}
    groups = check_groups(model, recipe.groups)
    if recipe.layer_decay is not None:
        deep_first = [HEAD] * (HEAD in groups) + [group for group in reversed(groups) if group != HEAD]
        factors = {group: recipe.layer_decay**i for i, group in enumerate(deep_first)}
    else:
        unknown = [group for group in rates if group not in groups]
        if unknown:
            raise ValueError(f"learning_rates={dict(rates)}: give rates for groups among {list(groups)}.")
        factors = {group: rate / recipe.learning_rate for group, rate in rates.items()}
    return {group: float(factors.get(group, 1.0)) for group in groups}


def layer_factors(model: keras.Model, recipe: Recipe) -> dict[str, float]:
    """What the common rate is multiplied with, by layer; empty where there is one rate for all."""
    by_group = group_factors(model, recipe)
    groups = check_groups(model, recipe.groups) if by_group else {}
    return {name: by_group[group] for group, names in groups.items() for name in names}


def variable_factors(model: keras.Model, recipe: Recipe) -> list[float] | None:
    """What the common rate is multiplied with, for each of ``model.trainable_variables``; None for one rate.

    Follows ``layer_decay`` or ``learning_rates`` and ``groups`` of the recipe.
    """
    by_layer = layer_factors(model, recipe)
    if not by_layer:
        return None
    factor_of = {
        id(weight): by_layer.get(name, 1.0)
        for name, layer in weighted_layers(model).items()
        for weight in layer.trainable_weights
    }
    return [factor_of.get(id(variable), 1.0) for variable in model.trainable_variables]


def make_optimizer(
    model: keras.Model, recipe: Recipe, learning_rate: keras.optimizers.schedules.LearningRateSchedule | float
) -> keras.optimizers.Optimizer:
    """The optimiser of a recipe for the layers of a model that are trainable now."""
    decay = recipe.weight_decay
    if decay is None:
        decay = 0.004 if recipe.optimizer == "adamw" else 0.0
    settings: dict[str, Any] = {"factors": variable_factors(model, recipe), "weight_decay": decay}
    if recipe.optimizer == "sgd":
        return GroupSGD(learning_rate, momentum=recipe.momentum, **settings)
    return GroupAdam(learning_rate, **settings)
