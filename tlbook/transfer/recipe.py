"""How a network is trained, as one value: checked when it is made, compared and hashed by what it says."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from dataclasses import replace as dataclass_replace
from types import MappingProxyType
from typing import Any

import keras
import numpy as np

from tlbook._checks import number, one_of, whole
from tlbook._files import json_sha256
from tlbook.transfer.schedules import SCHEDULES

CLASS_WEIGHTS: tuple[str | None, ...] = (None, "balanced")
OPTIMIZERS: tuple[str, ...] = ("adam", "adamw", "sgd")
DTYPE_POLICIES: tuple[str, ...] = ("float32", "mixed_float16", "mixed_bfloat16")
MONITORS: tuple[str, ...] = ("validation_loss", "validation_accuracy")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Recipe:
    """Settings of a training run, as :func:`~tlbook.transfer.train` and :func:`~tlbook.transfer.fine_tune` take them.

    Two recipes are equal if they say the same; names and seeds of augmentation
    layers do not count, since Keras counts names up within a process and
    training sets every seed itself.

    Parameters
    ----------
    epochs : int
        Passes over the training images; fewer where training stops early.
    learning_rate : float
        Highest common rate.
    optimizer : {"adam", "adamw", "sgd"}
        ``"adamw"`` is Adam with decoupled weight decay.
    momentum : float
        Of SGD.
    schedule : {"constant", "linear", "cosine"}
        See :func:`~tlbook.transfer.learning_rates`.
    warmup_epochs : float
        Epochs, or parts of one, over which the rate rises.
    weight_decay : float, optional
        Decoupled weight decay of kernels: each step subtracts
        rate × decay × weight. For ``"adamw"`` (default 0.004) and ``"sgd"``
        (default 0).
    l2_sp : float or (float, float), optional
        (α, β) of Li et al. 2018, equation 4: the penalty
        α/2‖w − w⁰‖² + β/2‖v‖² is added to the loss, with w the trainable
        weights outside the head, w⁰ their values when training begins
        and v the head's kernel. One number stands for both.
    l2 : float
        λ of the penalty λ/2‖w‖² on all trainable kernels, added to the loss. Its gradient
        goes through the optimiser; what ``weight_decay`` subtracts does not.
    layer_decay : float, optional
        In (0, 1]: the head has the common rate and each group the rate of the
        next deeper one times this (Howard & Ruder 2018, section 3.1, use 1/2.6).
    learning_rates : mapping of str to float, optional
        Rate of each group by name instead; groups left out have
        ``learning_rate``. All follow the one schedule.
    groups : int, sequence of str or mapping
        As for :func:`~tlbook.transfer.layer_groups`, or its result.
    unfreezing : mapping of int to str, optional
        Gradual unfreezing: at the beginning of these epochs (from 0) call
        ``unfreeze(model, from_layer=…)``. The optimiser starts afresh there,
        as Keras demands; the schedule goes on. See
        :func:`~tlbook.transfer.gradual_unfreezing`.
    augmentation : keras.layers.Layer, optional
        Layer or Sequential: float32 (n, h, w, 3) with values 0–255 in and out.
        Applied to training batches only. ``keras.layers.MixUp`` and ``CutMix``, alone or
        in a Sequential, get the labels too and train on mixed ones; the training
        loss and accuracy of the history then count the class that weighs most.
    label_smoothing : float
        ε in [0, 1): the true class counts 1 − ε + ε/N, the others ε/N (Szegedy
        et al. 2016, section 7).
    class_weight : {"balanced"}, optional
        Count each training image by the inverse of its class's share, so that all
        classes weigh as much in the loss.
    patience : int, optional
        Stop after so many epochs without a gain in ``monitor``.
    monitor : {"validation_loss", "validation_accuracy"}
    restore_best : bool, optional
        Whether to end with the weights of the best epoch; default: if
        ``patience`` is given.
    batch_size : int
        Largest batch; the batches of an epoch are of nearly equal size.
    dtype_policy : {"float32", "mixed_float16", "mixed_bfloat16"}
        With a mixed one the layers below the head compute in half precision while they are trained (Micikevicius et al.
        2018), which saves memory and time on a GPU that is made for it; on a CPU it is slower. Weights, logits, loss and
        the model afterwards are float32. For ``"mixed_float16"`` the loss is scaled by
        ``keras.optimizers.LossScaleOptimizer``, which leaves out a step whose gradient overflows.
    seed : int
        Fixes the order of images, augmentation and dropout in every epoch.

    Raises
    ------
    ValueError
        A setting out of its range, or two that do not fit each other.

    Examples
    --------
    >>> recipe = Recipe(epochs=5, learning_rate=1e-4, schedule="cosine")
    >>> recipe.replace(epochs=10)
    Recipe(learning_rate=0.0001, schedule='cosine')
    """

    epochs: int = 10
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    momentum: float = 0.9
    schedule: str = "constant"
    warmup_epochs: float = 0.0
    weight_decay: float | None = None
    l2_sp: float | tuple[float, float] | None = None
    l2: float = 0.0
    layer_decay: float | None = None
    learning_rates: Mapping[str, float] | None = None
    groups: int | Sequence[str] | Mapping[str, Sequence[str]] = 4
    unfreezing: Mapping[int, str] | None = None
    augmentation: keras.layers.Layer | None = None
    label_smoothing: float = 0.0
    class_weight: str | None = None
    patience: int | None = None
    monitor: str = "validation_loss"
    restore_best: bool | None = None
    batch_size: int = 32
    dtype_policy: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        def keep(**values: Any) -> None:
            for name, value in values.items():
                object.__setattr__(self, name, value)

        keep(
            epochs=whole(self.epochs, "epochs"),
            learning_rate=float(number(self.learning_rate, "learning_rate", 0, ends="()")),
            momentum=float(number(self.momentum, "momentum", 0, 1, "[)")),
            l2=float(number(self.l2, "l2", 0, math.inf, "[)")),
            label_smoothing=float(number(self.label_smoothing, "label_smoothing", 0, 1, "[)")),
            patience=None if self.patience is None else whole(self.patience, "patience"),
            batch_size=whole(self.batch_size, "batch_size"),
            seed=whole(self.seed, "seed", 0),
            l2_sp=_strengths(self.l2_sp),
            groups=_groups(self.groups),
        )
        keep(warmup_epochs=float(number(self.warmup_epochs, "warmup_epochs", 0, self.epochs, "[)")))
        one_of(self.optimizer, "optimizer", OPTIMIZERS)
        one_of(self.schedule, "schedule", SCHEDULES)
        one_of(self.class_weight, "class_weight", CLASS_WEIGHTS)
        one_of(self.monitor, "monitor", MONITORS)
        one_of(self.restore_best, "restore_best", (None, True, False))
        one_of(self.dtype_policy, "dtype_policy", DTYPE_POLICIES)
        if self.weight_decay is not None:
            if self.optimizer == "adam" and self.weight_decay:
                raise ValueError(
                    "weight_decay with optimizer='adam': Adam with decoupled weight decay is called "
                    "'adamw' (Loshchilov & Hutter 2019)."
                )
            keep(weight_decay=float(number(self.weight_decay, "weight_decay", 0)))
        if self.layer_decay is not None:
            if self.learning_rates is not None:
                raise ValueError("Give layer_decay or learning_rates, not both.")
            keep(layer_decay=float(number(self.layer_decay, "layer_decay", 0, 1, "(]")))
        if self.learning_rates is not None:
            rates = {str(group): float(rate) for group, rate in self.learning_rates.items()}
            for group, rate in rates.items():
                number(rate, f"learning_rates[{group!r}]", 0, ends="()", hint="to hold a group still, freeze it")
            keep(learning_rates=MappingProxyType(rates))
        if self.unfreezing is not None:
            keep(unfreezing=_plan(self.unfreezing, self.epochs))
        if not isinstance(self.augmentation, (keras.layers.Layer, type(None))):
            raise ValueError(f"augmentation={self.augmentation!r}: give a keras.layers.Layer or a keras.Sequential.")

    def replace(self, **changes: Any) -> Recipe:
        """The same recipe with other values for some settings; checked like a new one."""
        return dataclass_replace(self, **changes)

    def asdict(self) -> dict[str, Any]:
        """Settings by name as what JSON can hold; the augmentation as its Keras config, without names and seeds."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["augmentation"] = None if self.augmentation is None else layer_config(self.augmentation)
        return json.loads(json.dumps(values, default=_as_json))

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that stand for :meth:`asdict`; the same in every process."""
        return json_sha256(self.asdict())[:12]

    def __eq__(self, other: object) -> bool:
        return self.asdict() == other.asdict() if isinstance(other, Recipe) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        shown = []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "augmentation" and value is not None:
                shown.append(f"augmentation={'+'.join(type(leaf).__name__ for leaf in leaves(value))}")
            elif value != field.default:
                shown.append(f"{field.name}={dict(value) if isinstance(value, Mapping) else value!r}")
        return f"Recipe({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        # A proxy of a mapping cannot be pickled or copied.
        plain: dict[str, Any] = {
            name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()
        }
        return functools.partial(Recipe, **plain), ()


def _strengths(l2_sp: float | Sequence[float] | None) -> tuple[float, float] | None:
    if l2_sp is None:
        return None
    pair = tuple(l2_sp) if isinstance(l2_sp, Sequence) else (l2_sp, l2_sp)
    if len(pair) != 2 or not all(0 <= each < math.inf for each in pair):
        raise ValueError(f"l2_sp={l2_sp!r}: give α or (α, β), not negative.")
    return float(pair[0]), float(pair[1])


def _groups(groups: Any) -> Any:
    if isinstance(groups, str):
        raise ValueError(f"groups={groups!r}: give a number, a list of layer names or a mapping.")
    if isinstance(groups, Mapping):
        return MappingProxyType({str(k): (v,) if isinstance(v, str) else tuple(v) for k, v in groups.items()})
    if isinstance(groups, Sequence):
        return tuple(groups)
    return whole(groups, "groups")


def _plan(unfreezing: Mapping[int, str], epochs: int) -> Mapping[int, str]:
    # JSON turns the epochs into text.
    plan = {int(epoch): str(name) for epoch, name in unfreezing.items()}
    late = [epoch for epoch in sorted(plan) if not 0 <= epoch < epochs]
    if late:
        raise ValueError(f"unfreezing at epoch {late}: epochs run from 0 to {epochs - 1}.")
    return MappingProxyType(dict(sorted(plan.items())))


def leaves(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layers of a Sequential in order, those of one inside it included; another layer alone."""
    if isinstance(layer, keras.Sequential):
        return [leaf for inner in layer.layers for leaf in leaves(inner)]
    return [layer]


_PRIVATE = {"name", "seed", "trainable", "build_config", "build_input_shape", "compile_config", "registered_name"}


def layer_config(layer: keras.layers.Layer) -> dict[str, Any]:
    """Keras' config of a layer as plain values, without what two layers that compute the same may differ in."""
    config = _anonymous(keras.saving.serialize_keras_object(layer))
    return json.loads(json.dumps(config, default=_as_json))


def _anonymous(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get("class_name") == "DTypePolicy":
            return value["config"]["name"]
        return {str(k): _anonymous(v) for k, v in value.items() if k not in _PRIVATE}
    if isinstance(value, (list, tuple)):
        # A Sequential that was called once has got an InputLayer.
        kept = [v for v in value if not (isinstance(v, Mapping) and v.get("class_name") == "InputLayer")]
        return [_anonymous(v) for v in kept]
    return value


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return type(value).__name__
