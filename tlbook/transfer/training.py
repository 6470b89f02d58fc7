"""The training loop: ``compile`` and ``fit``, with the parts of this package."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tlbook import features
from tlbook._models import as_model, classifier_or_refused, has_gradients, standard_settings
from tlbook.backbones import Backbone
from tlbook.progress import bar
from tlbook.transfer import checkpoints
from tlbook.transfer.batches import Batches, Data, is_split
from tlbook.transfer.callbacks import BestWeights, Checkpoint, EpochSeeds, Progress, Record
from tlbook.transfer.copies import check_devices, trained_copy
from tlbook.transfer.freezing import restore_trainable_state, trainable_state, unfreeze
from tlbook.transfer.heads import attach_head
from tlbook.transfer.history import History
from tlbook.transfer.optimizers import group_factors, layer_factors, make_optimizer
from tlbook.transfer.probe import Probe, linear_probe
from tlbook.transfer.recipe import Recipe
from tlbook.transfer.regularizers import regularized
from tlbook.transfer.schedules import Tabulated, learning_rates
from tlbook.transfer.structure import head_layers, parameter_count, weighted_layers


@standard_settings()
def train(
    model: keras.Model,
    train: Data,
    validation: Data,
    recipe: Recipe,
    *,
    checkpoint: str | Path | None = None,
    in_memory: int = 2**30,
    devices: int = 1,
    progress: bool = True,
) -> History:
    """Train the trainable layers of a classifier; frozen ones stay as they are.

    Which layers are trainable is decided beforehand, by
    :func:`~tlbook.transfer.freeze` and :func:`~tlbook.transfer.unfreeze`; this
    is the one training loop for a head alone, for fine-tuning and for training
    from scratch. It is Keras' ``compile`` and ``fit`` with :class:`~tlbook.transfer.Batches`,
    an optimiser of :mod:`tlbook.transfer.optimizers`, the penalties of
    :mod:`tlbook.transfer.regularizers` and the callbacks of :mod:`tlbook.transfer.callbacks`.

    Parameters
    ----------
    model : keras.Model
        Flat or nested; images (n, h, w, 3) with values 0–255 in, logits (n, N)
        out, N >= 2. Changed in place, and not compiled afterwards.
    train, validation : Split or (images, labels)
        A :class:`tlbook.datasets.Split`, or a pair of arrays: images uint8
        (n, h, w, 3), labels int (n,) in 0 … N-1.
    recipe : Recipe
    checkpoint : path, optional
        File rewritten after every epoch. If it exists, the run goes on from
        it, and ends with the same weights as a run that was never interrupted;
        a finished one is only read. If this call is interrupted by an
        exception, the model is put back to where it started, so that the same
        call can be made again.
    in_memory : int
        A Split that takes at most this many bytes as uint8 is decoded once;
        a larger one anew in every epoch.
    devices : int
        Number of devices that share each batch: GPUs if there are any. A copy of the model is trained by
        ``tf.distribute.MirroredStrategy`` on TensorFlow and ``keras.distribution.DataParallel`` on JAX, and the model
        gets its weights. They are those of one device with the same batches, to rounding, where no layer draws at random
        and batch normalisation is frozen; where it is not, TensorFlow takes each device's own part of the batch for
        its statistics, JAX the whole batch. See :class:`~tlbook.transfer.Batches` for images that sit out.
    progress : bool
        Show a bar on stderr while training, if it is a terminal.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        A recipe that does not fit the model or the data; nothing to train; fewer devices than were asked for.
    CheckpointMismatch
        The checkpoint is one of another model, other data or other settings.
    """
    _check(model, recipe)
    model, devices = as_model(model), check_devices(devices, recipe.batch_size)
    shared: dict[str, int] = {"in_memory": in_memory, "replicas": devices}
    batches = Batches(
        train,
        model,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        augmentation=recipe.augmentation,
        name="train",
        **shared,
    )
    held_out = Batches(validation, model, batch_size=max(recipe.batch_size, 64), name="validation", **shared)
    with trained_copy(model, recipe.dtype_policy, devices) as trained:
        return _run(trained, batches, held_out, recipe, checkpoint, progress)


def _run(
    model: keras.Model,
    batches: Batches,
    held_out: Batches,
    recipe: Recipe,
    checkpoint: str | Path | None,
    progress: bool,
) -> History:
    weights = None if recipe.class_weight is None else _class_weights(batches.labels)
    steps = len(batches)
    rates = learning_rates(
        recipe.schedule, recipe.learning_rate, recipe.epochs * steps, round(recipe.warmup_epochs * steps)
    )
    history = History(group_factors=group_factors(model, recipe), monitor=recipe.monitor)
    restore = recipe.patience is not None if recipe.restore_best is None else recipe.restore_best
    best = BestWeights(history, patience=recipe.patience, restore=restore, epochs=recipe.epochs)
    callbacks = [_EpochOf(batches), EpochSeeds(recipe.seed), Record(history), best]
    saved, first, plan = None, 0, recipe.unfreezing or {}
    if checkpoint is not None:
        settings = _settings(model, batches, held_out, recipe)
        saved = Checkpoint(checkpoint, history, best, settings=settings, epochs=recipe.epochs)
        callbacks.append(saved)
        first = saved.open(model)
        if saved.finished:
            if parameter_count(model) != history.trainable_parameters[-1]:
                _unfreeze_until(model, plan, first - 1)
            return history
    _rehearse(model, recipe)
    start = (model.get_weights(), trainable_state(model)) if saved is not None else None
    try:
        with regularized(model, recipe), bar("training", recipe.epochs * steps, enabled=progress) as ticker:
            ticker.advance(first * steps)
            callbacks.append(Progress(ticker))
            _unfreeze_until(model, plan, first - 1)
            batches.next_epoch = first
            later = [epoch for epoch in plan if epoch > first]
            for begin, end in itertools.pairwise([first, *later, recipe.epochs]):
                if begin in plan:
                    unfreeze(model, from_layer=plan[begin])
                # The optimiser counts its own steps from 0; the schedule goes on from
                # the epoch in which this optimiser took over.
                took_over = max((epoch for epoch in plan if epoch <= begin), default=0)
                _compile(model, recipe, Tabulated(rates[took_over * steps :]))
                model.fit(
                    batches,
                    validation_data=held_out,
                    initial_epoch=begin,
                    epochs=end,
                    class_weight=weights,
                    # Keras would shuffle the order of the batches by Python's global random state.
                    shuffle=False,
                    verbose=0,
                    callbacks=callbacks,
                )
                if model.stop_training:
                    break
    except BaseException:
        if start is not None:
            model.set_weights(start[0])
            restore_trainable_state(model, start[1])
        raise
    finally:
        # Keras knows no way back from compile. A model that stays compiled would be saved with an
        # optimiser that loads only where tlbook is installed; its traced steps would keep that alive.
        model.compiled, model.optimizer = False, None
        model.train_function = model.test_function = None
        model._compile_metrics = None  # a compile without metrics would keep ours, which want one-hot labels
    return history


def fine_tune(
    model: keras.Model,
    train: Data,
    validation: Data,
    recipe: Recipe,
    *,
    checkpoint: str | Path | None = None,
    in_memory: int = 2**30,
    devices: int = 1,
    progress: bool = True,
) -> History:
    """Train pretrained weights further: :func:`train`, but not for the head alone.

    Parameters
    ----------
    model, train, validation, recipe, checkpoint, in_memory, devices, progress
        As for :func:`train`.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        No layer outside the head is trainable, nor becomes so by the recipe's
        ``unfreezing``; and as for :func:`train`.
    CheckpointMismatch
        As for :func:`train`.
    """
    _check(model, recipe)
    head = head_layers(model)
    body = [layer for name, layer in weighted_layers(model).items() if name not in head]
    if not recipe.unfreezing and not any(layer.trainable_weights for layer in body):
        raise ValueError(
            "fine_tune: every layer outside the head is frozen, so that none of the pretrained weights would change. "
            "Call transfer.unfreeze(model) first, or transfer.train for the head alone."
        )
    options: dict[str, Any] = {"in_memory": in_memory, "devices": devices, "progress": progress}
    return _train(model, train, validation, recipe, checkpoint=checkpoint, **options)


def lp_ft(
    backbone: Backbone,
    train: Data,
    validation: Data,
    recipe: Recipe,
    *,
    after_layer: str | None = None,
    probe: Probe | None = None,
    dropout: float = 0.0,
    checkpoint: str | Path | None = None,
    in_memory: int = 2**30,
    devices: int = 1,
    progress: bool = True,
) -> tuple[keras.Model, History]:
    """Linear probe, then fine-tuning (LP-FT, Kumar et al. 2022).

    A head with random weights sends large gradients into the backbone and
    distorts its features before it has learned anything. So the head is first
    fitted on the features of the frozen backbone, and only then the rest is trained::

        probe = linear_probe(extract(backbone, train), train.labels, extract(backbone, validation), validation.labels)
        model = attach_head(backbone, probe)
        unfreeze(model, after_layer=after_layer)
        history = fine_tune(model, train, validation, recipe)

    Parameters
    ----------
    backbone : Backbone
        From :func:`tlbook.backbones.load`; left as it is. With a ``probe``, a
        keras.Model that gives features will do.
    train, validation, recipe, checkpoint, in_memory, devices, progress
        As for :func:`train`.
    after_layer : str, optional
        Name of the last layer to leave frozen, see :func:`~tlbook.transfer.unfreeze`;
        by default the whole backbone is trained.
    probe : Probe, optional
        One that is fitted already.
    dropout : float
        As for :func:`~tlbook.transfer.attach_head`; in fine-tuning only.

    Returns
    -------
    model : keras.Model
        As :func:`~tlbook.transfer.attach_head` gives it, trained.
    history : History

    Raises
    ------
    ValueError, CheckpointMismatch
        As for :func:`train`.
    """
    if probe is None:
        given: list[Any] = []
        for data in (train, validation):
            pair: Any = (data, data.labels) if is_split(data) else data
            images, labels = pair
            given += [features.extract(backbone, images, progress=progress), labels]
        probe = linear_probe(*given)
    model = attach_head(backbone, probe, dropout=dropout, seed=recipe.seed)
    unfreeze(model, after_layer=after_layer)
    options: dict[str, Any] = {"in_memory": in_memory, "devices": devices, "progress": progress}
    history = fine_tune(model, train, validation, recipe, checkpoint=checkpoint, **options)
    return model, history


# fine_tune has an argument of that name.
_train = train


def _check(model: keras.Model, recipe: Recipe) -> None:
    if not isinstance(recipe, Recipe):
        raise ValueError(f"recipe={recipe!r}: give a transfer.Recipe, such as Recipe(epochs=10, learning_rate=1e-4).")
    classifier_or_refused(model)
    if not has_gradients():
        raise ValueError(
            f"training needs the TensorFlow, JAX or PyTorch backend of Keras; this is {keras.backend.backend()!r}"
        )


def cross_entropy(y_true: Any, y_pred: Any) -> Any:
    """Cross-entropy in nats (n,) of logits with the class that weighs most, without label smoothing.

    Without mixed labels its mean is ``keras.metrics.CategoricalCrossentropy(from_logits=True)``.
    """
    return keras.losses.sparse_categorical_crossentropy(keras.ops.argmax(y_true, axis=-1), y_pred, from_logits=True)


def _class_weights(labels: NDArray[np.int64]) -> dict[int, float]:
    """By class, so that each weighs as much and the mean weight of an image is 1."""
    found = np.bincount(labels)
    return {k: len(labels) / (np.count_nonzero(found) * count) for k, count in enumerate(found.tolist()) if count}


def _compile(model: keras.Model, recipe: Recipe, rates: Tabulated) -> None:
    optimizer = make_optimizer(model, recipe, rates)
    if recipe.dtype_policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    # TensorFlow traces a step twice that makes variables: they are made before.
    optimizer.build(model.trainable_variables)
    mean = keras.metrics.MeanMetricWrapper(cross_entropy, name="cross_entropy")
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing),
        metrics=[mean, keras.metrics.CategoricalAccuracy(name="accuracy")],
        # XLA on a CPU runs TensorFlow's convolutions several times slower.
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )


class _EpochOf(keras.callbacks.Callback):
    """Says which epoch it is: with several devices, TensorFlow begins a pass for the shapes alone before the first."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        self.batches.next_epoch = epoch


def _unfreeze_until(model: keras.Model, plan: Mapping[int, str], epoch: int) -> None:
    for when, name in plan.items():
        if when <= epoch:
            unfreeze(model, from_layer=name)


def _rehearse(model: keras.Model, recipe: Recipe) -> None:
    """Go through the unfreezing once, so that a mistake in it shows at once."""
    plan = recipe.unfreezing or {}
    if 0 not in plan and not parameter_count(model):
        raise ValueError("Every layer is frozen; there is nothing to train.")
    flags = trainable_state(model)
    try:
        _unfreeze_until(model, plan, recipe.epochs)
    finally:
        restore_trainable_state(model, flags)


# Which layers get which rate is compared as what comes of it, since groups can be named in several ways.
_NOT_COMPARED = ("augmentation", "groups", "layer_decay", "learning_rates")
# Checkpoints from before there were these settings say nothing of them.
_AS_BEFORE = (("class_weight", None), ("dtype_policy", "float32"))


def _settings(model: keras.Model, train: Batches, validation: Batches, recipe: Recipe) -> dict[str, Any]:
    """What a checkpoint has to agree with."""
    asked = recipe.replace(augmentation=None).asdict()
    return {
        "model": checkpoints.architecture_hash(model),
        "train data": train.fingerprint(),
        "validation data": validation.fingerprint(),
        "augmentation": checkpoints.architecture_hash(recipe.augmentation),
        "layer rates": layer_factors(model, recipe),
        **{
            name: value
            for name, value in asked.items()
            if name not in _NOT_COMPARED and (name, value) not in _AS_BEFORE
        },
    }
