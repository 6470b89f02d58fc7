"""Training a classifier whose weights are, in part or all, pretrained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras

from tlbook._checks import number, one_of, whole

from . import checkpoints, schedules
from .batches import as_source
from .freezing import restore_trainable_state, trainable_state
from .history import History
from .optimizers import OPTIMIZERS
from .structure import HEAD, check_groups
from .training import Run


def fine_tune(
    model: keras.Model,
    train: object,
    validation: object,
    *,
    epochs: int,
    learning_rate: float,
    optimizer: str = "adam",
    momentum: float = 0.9,
    schedule: str = "constant",
    warmup_epochs: float = 0.0,
    weight_decay: float | None = None,
    l2_sp: float | tuple[float, float] | None = None,
    l2: float = 0.0,
    layer_decay: float | None = None,
    learning_rates: Mapping[str, float] | None = None,
    groups: int | Sequence[str] | Mapping[str, Sequence[str]] = 4,
    unfreezing: Mapping[int, str] | None = None,
    augmentation: keras.layers.Layer | None = None,
    label_smoothing: float = 0.0,
    patience: int | None = None,
    monitor: str = "validation_loss",
    restore_best: bool | None = None,
    batch_size: int = 32,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    in_memory: int = 2**30,
    progress: bool = True,
) -> History:
    """Train the trainable layers of a classifier; frozen ones stay as they are.

    Which layers are trainable is decided beforehand, by
    :func:`~tlbook.transfer.freeze` and :func:`~tlbook.transfer.unfreeze`; this
    is the one training loop for a head alone, for fine-tuning and for training
    from scratch. It compiles for itself.

    Parameters
    ----------
    model : keras.Model
        Flat or nested; images (n, h, w, 3) with values 0–255 in, logits (n, N)
        out, N >= 2. Changed in place.
    train, validation : Split or (images, labels)
        A :class:`tlbook.datasets.Split`, or a pair of arrays: images uint8
        (n, h, w, 3), labels int (n,) in 0 … N-1.
    epochs : int
        Passes over the training images; fewer where training stops early.
    learning_rate : float
        Highest common rate.
    optimizer : {"adam", "adamw", "sgd"}
        ``"adamw"`` is Adam with decoupled weight decay.
    momentum : float
        Of SGD.
    schedule : {"constant", "linear", "cosine"}
        See :func:`~tlbook.transfer.schedules.learning_rates`.
    warmup_epochs : float
        Epochs, or parts of one, over which the rate rises.
    weight_decay : float, optional
        Decoupled weight decay of kernels: each step subtracts
        rate × decay × weight. For ``"adamw"`` (default 0.004) and ``"sgd"``
        (default 0).
    l2_sp : float or (float, float), optional
        (α, β) of Li et al. 2018, equation 4: the penalty
        α/2‖w − w⁰‖² + β/2‖v‖² is added to the loss, with w the trainable
        weights outside the head, w⁰ their values when this function is called
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
    patience : int, optional
        Stop after so many epochs without a gain in ``monitor``.
    monitor : {"validation_loss", "validation_accuracy"}
    restore_best : bool, optional
        Whether to end with the weights of the best epoch; default: if
        ``patience`` is given.
    batch_size : int
        Largest batch; the batches of an epoch are of nearly equal size.
    seed : int
        Fixes the order of images, augmentation and dropout in every epoch.
    checkpoint : path, optional
        File rewritten after every epoch. If it exists, the run goes on from
        it, and ends with the same weights as a run that was never interrupted;
        a finished one is only read. If this call is interrupted by an
        exception, the model is put back to where it started, so that the same
        call can be made again.
    in_memory : int
        A Split that takes at most this many bytes as uint8 is decoded once;
        a larger one anew in every epoch.
    progress : bool
        Show a bar on stderr while training, if it is a terminal.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        Settings that do not fit each other, the model or the data; nothing to
        train.
    CheckpointMismatch
        The checkpoint is one of another model, other data or other settings.
    """
    if len(model.output_shape) != 2 or (model.output_shape[-1] or 0) < 2:
        raise ValueError(f"The model's output {model.output_shape} is not (n, N) logits, N >= 2.")
    epochs, batch_size = whole(epochs, "epochs"), whole(batch_size, "batch_size")
    patience = None if patience is None else whole(patience, "patience")
    one_of(monitor, "monitor", ("validation_loss", "validation_accuracy"))
    number(label_smoothing, "label_smoothing", 0, 1, "[)")
    train_source = as_source(train, model, "train", in_memory)
    validation_source = as_source(validation, model, "validation", in_memory)
    steps = -(-len(train_source.labels) // batch_size)
    group_factors, layer_factors = _rate_factors(model, groups, learning_rate, layer_decay, learning_rates)
    plan = {int(epoch): str(name) for epoch, name in sorted((unfreezing or {}).items())}
    late = [epoch for epoch in plan if not 0 <= epoch < epochs]
    if late:
        raise ValueError(f"unfreezing at epoch {late}: epochs run from 0 to {epochs - 1}.")
    run = Run(
        model=model,
        train=train_source,
        validation=validation_source,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        rates=schedules.learning_rates(schedule, learning_rate, epochs * steps, round(warmup_epochs * steps)),
        optimizer=_optimizer_settings(optimizer, weight_decay, momentum),
        layer_factors=layer_factors,
        group_factors=group_factors,
        unfreezing=plan,
        l2_sp=_l2_sp_strengths(l2_sp),
        l2=float(number(l2, "l2", 0, math.inf, "[)")),
        augmentation=augmentation,
        label_smoothing=label_smoothing,
        patience=patience,
        monitor=monitor,
        restore_best=patience is not None if restore_best is None else restore_best,
        progress=progress,
    )
    if checkpoint is None:
        return run.run()

    run.checkpoint = Path(checkpoint)
    run.settings = {
        "model": checkpoints.architecture_hash(model),
        "train data": train_source.fingerprint(),
        "validation data": validation_source.fingerprint(),
        "augmentation": checkpoints.architecture_hash(augmentation),
        "schedule": [schedule, warmup_epochs],
        "learning_rate": learning_rate,
        "layer rates": layer_factors,
        "unfreezing": {str(epoch): name for epoch, name in plan.items()},
    }
    for name in _COMPARED:
        run.settings[name] = getattr(run, name)
    weights, flags = model.get_weights(), trainable_state(model)
    try:
        return run.run()
    except BaseException:
        model.set_weights(weights)
        restore_trainable_state(model, flags)
        raise


_COMPARED = (
    "epochs",
    "batch_size",
    "seed",
    "optimizer",
    "l2_sp",
    "l2",
    "label_smoothing",
    "patience",
    "monitor",
    "restore_best",
)


def _optimizer_settings(name: str, weight_decay: float | None, momentum: float) -> dict:
    one_of(name, "optimizer", OPTIMIZERS)
    if name == "adam" and weight_decay:
        raise ValueError(
            "weight_decay with optimizer='adam': Adam with decoupled weight decay is called "
            "'adamw' (Loshchilov & Hutter 2019)."
        )
    if weight_decay is None:
        weight_decay = 0.004 if name == "adamw" else 0.0
    number(weight_decay, "weight_decay", 0)
    number(momentum, "momentum", 0, 1, "[)")
    return {"name": name, "weight_decay": float(weight_decay), "momentum": float(momentum)}


def _l2_sp_strengths(l2_sp: float | tuple[float, float] | None) -> tuple[float, float]:
    if l2_sp is None:
        return 0.0, 0.0
    pair = tuple(l2_sp) if isinstance(l2_sp, Sequence) else (l2_sp, l2_sp)
    if len(pair) != 2 or min(pair) < 0:
        raise ValueError(f"l2_sp={l2_sp!r}: give α or (α, β), not negative.")
    return float(pair[0]), float(pair[1])


def _rate_factors(
    model: keras.Model,
    groups: int | Sequence[str] | Mapping[str, Sequence[str]],
    learning_rate: float,
    layer_decay: float | None,
    learning_rates: Mapping[str, float] | None,
) -> tuple[dict[str, float], dict[str, float]]:
    """What the common rate is multiplied with, by group and by layer."""
    if layer_decay is None and learning_rates is None:
        return {}, {}
    if layer_decay is not None and learning_rates is not None:
        raise ValueError("Give layer_decay or learning_rates, not both.")
    divided = check_groups(model, groups)
    if layer_decay is not None:
        number(layer_decay, "layer_decay", 0, 1, "(]")
        deep_first = [HEAD] * (HEAD in divided) + [g for g in reversed(divided) if g != HEAD]
        by_group = {g: layer_decay**i for i, g in enumerate(deep_first)}
    else:
        unknown = [g for g in learning_rates if g not in divided]
        if unknown or min(learning_rates.values(), default=0.0) <= 0:
            raise ValueError(
                f"learning_rates={dict(learning_rates)}: give positive rates for groups among "
                f"{list(divided)}; to hold a group still, freeze it."
            )
        by_group = {g: learning_rates.get(g, learning_rate) / learning_rate for g in divided}
    by_group = {g: float(by_group[g]) for g in divided}
    return by_group, {name: by_group[g] for g, names in divided.items() for name in names}
