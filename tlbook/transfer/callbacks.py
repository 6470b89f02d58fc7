"""Keras callbacks that a training run is made of; each can be given to a ``fit`` of one's own.

They expect the metrics ``"cross_entropy"`` and ``"accuracy"`` and validation data,
and stand in this order::

    history = History()
    best = BestWeights(history, patience=3)
    model.compile(
        optimizer="adam",
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=[
            keras.metrics.CategoricalCrossentropy(from_logits=True, name="cross_entropy"),
            keras.metrics.CategoricalAccuracy(name="accuracy"),
        ],
    )
    model.fit(
        Batches(train, model, seed=0),
        validation_data=Batches(validation, model),
        epochs=10,
        shuffle=False,
        callbacks=[EpochSeeds(0), Record(history), best],
    )

Gradual unfreezing is none of them. Within one ``fit`` a callback can make trainable only
what the optimiser was built for, and Adam counts its steps for all weights in common: those
that join late begin with empty moments and without the correction for it, so that their first
steps are up to three times too long. So training calls ``fit`` once for each set of trainable
layers, compiled anew, as Keras asks for; the callbacks go on from one to the next.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tlbook.progress import Ticker
from tlbook.transfer import checkpoints
from tlbook.transfer.history import History
from tlbook.transfer.seeds import seed_states, set_seeds
from tlbook.transfer.structure import parameter_count

__all__ = ["BestWeights", "Checkpoint", "EpochSeeds", "Progress", "Record"]


class EpochSeeds(keras.callbacks.Callback):
    """Fixes what the model draws at random in an epoch (dropout) as a function of seed and epoch.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        set_seeds(seed_states(self.model), self.seed, epoch)


class Record(keras.callbacks.Callback):
    """Writes each epoch into a history.

    Parameters
    ----------
    history : History
        Appended to.
    """

    def __init__(self, history: History) -> None:
        super().__init__()
        self.history = history

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        self._rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        logs = logs or {}
        self.history.record(
            train_loss=float(logs["cross_entropy"]),
            train_accuracy=float(logs["accuracy"]),
            objective=float(logs["loss"]),
            validation_loss=float(logs["val_cross_entropy"]),
            validation_accuracy=float(logs["val_accuracy"]),
            learning_rate=self._rate,
            trainable_parameters=parameter_count(self.model),
            seconds=time.perf_counter() - self._began,
        )


class BestWeights(keras.callbacks.Callback):
    """Ends with the weights of the best epoch, and stops when there is no gain.

    Unlike ``keras.callbacks.EarlyStopping`` it goes on where it was in a second
    ``fit``, and a loss that is no number is the worst of all.

    Parameters
    ----------
    history : History
        Says which epoch is the best; written by :class:`Record`, which stands before.
    patience : int, optional
        Stop after so many epochs without a gain; by default never.
    restore : bool
        Whether to put the best weights back at the end.
    epochs : int, optional
        Of the whole run, where it consists of several ``fit``; default: those of this one.
    """

    def __init__(
        self, history: History, *, patience: int | None = None, restore: bool = True, epochs: int | None = None
    ) -> None:
        super().__init__()
        self.history, self.patience, self.restore, self.epochs = history, patience, restore, epochs
        self.weights: list[NDArray[Any]] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        history = self.history
        waited = history.epochs - 1 - history.best_epoch
        last = epoch + 1 == (self.epochs or self.params["epochs"])
        if not waited and self.restore:
            self.weights = self.model.get_weights()
        if self.patience is not None and waited >= self.patience and not last:
            history.stopped_early = self.model.stop_training = True
        if (last or history.stopped_early) and self.restore:
            self.model.set_weights(self.weights)
            history.restored = True


class Checkpoint(keras.callbacks.Callback):
    """Writes the run's state after every epoch, so that it can go on after an interruption.

    Stands last, when the weights are those that the epoch ends with::

        checkpoint = Checkpoint("run.npz", history, best)
        first = checkpoint.open(model)
        model.compile(...)
        batches.next_epoch = first
        model.fit(batches, initial_epoch=first, epochs=10, callbacks=[..., checkpoint], ...)

    Parameters
    ----------
    path : path-like
        File, rewritten whole or not at all.
    history : History
        Filled from the file when the run goes on.
    best : BestWeights, optional
        Likewise.
    settings : mapping of str to JSON values, optional
        What the run was asked to do; a file with others is refused.
    epochs : int, optional
        As for :class:`BestWeights`.

    Attributes
    ----------
    finished : bool
        Whether the run in the file has come to its end.
    """

    def __init__(
        self,
        path: str | Path,
        history: History,
        best: BestWeights | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
        epochs: int | None = None,
    ) -> None:
        super().__init__()
        self.path, self.history, self.best = Path(path).expanduser(), history, best
        self.settings, self.epochs = dict(settings or {}), epochs
        self.finished = False
        self._start = ""
        self._state: checkpoints.State | None = None

    def open(self, model: keras.Model) -> int:
        """Look for a file of this run; the model must be as it was before its first epoch, or after its last.

        Returns
        -------
        int
            Number of epochs that were run; 0 where there is no file. After the last, the
            model has got its weights.

        Raises
        ------
        CheckpointMismatch
            The file is of another run, of another version, or damaged.
        """
        self._start = now = checkpoints.weights_hash(model)
        if not self.path.exists():
            return 0
        state = checkpoints.read(self.path)
        checkpoints.check(self.path, state, self.settings, now)
        self._start, self.finished = state.start, bool(state.end)
        vars(self.history).update(vars(History.from_dict(state.history)))
        if self.finished:
            model.set_weights(state.weights)
        else:
            self._state = state
            if self.best is not None and self.best.restore:
                self.best.weights = state.best or state.weights
        return self.history.epochs

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        state, self._state = self._state, None
        if state is None:
            return
        self.model.set_weights(state.weights)
        if state.optimizer:
            optimizer = self.model.optimizer
            if not optimizer.built:
                optimizer.build(self.model.trainable_variables)
            for variable, value in zip(optimizer.variables, state.optimizer, strict=True):
                variable.assign(value)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        self.finished = self.model.stop_training or epoch + 1 == (self.epochs or self.params["epochs"])
        # Where this fit ends, the next one begins with an optimiser of its own.
        optimizer = [] if epoch + 1 == self.params["epochs"] else self.model.optimizer.variables
        latest = self.finished or self.history.best_epoch == self.history.epochs - 1
        checkpoints.write(
            self.path,
            checkpoints.State(
                settings=self.settings,
                start=self._start,
                end=checkpoints.weights_hash(self.model) if self.finished else "",
                history=self.history.to_dict(),
                weights=self.model.get_weights(),
                optimizer=[np.array(keras.ops.convert_to_numpy(variable)) for variable in optimizer],
                best=[] if latest or self.best is None else self.best.weights,
            ),
        )


class Progress(keras.callbacks.Callback):
    """Counts batches on a bar.

    Parameters
    ----------
    ticker : Ticker
        From ``tlbook.progress.bar``.
    """

    def __init__(self, ticker: Ticker) -> None:
        super().__init__()
        self.ticker = ticker

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        self.ticker.advance()
