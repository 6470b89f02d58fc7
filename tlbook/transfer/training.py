"""One training run: what is minimised, what an epoch does, what is kept."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from tlbook.progress import bar

from . import checkpoints
from .batches import Batches, Source, epoch_order
from .freezing import restore_trainable_state, trainable_state, unfreeze
from .history import History
from .optimizers import make_optimizer
from .schedules import Tabulated
from .structure import head_layers, parameter_count, weighted_layers


class Trainer(keras.Model):
    """What ``fit`` sees: augmentation, then the network; loss with penalties.

    Augmentation lies inside the compiled step, so that it is traced once with
    it, and is called in training only.
    """

    def __init__(
        self,
        network: keras.Model,
        augmentation: keras.layers.Layer | None = None,
        label_smoothing: float = 0.0,
        penalties: list[tuple[float, keras.Variable, np.ndarray | None]] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.augmentation = augmentation
        self.label_smoothing = label_smoothing
        self._penalties = [
            (strength, weight, None if start is None else _constant(start))
            for strength, weight, start in penalties or []
        ]

        # Layers that mix labels are called one by one, since they take labels too.
        self.steps = mixing_steps(augmentation)
        self.n_classes = int(network.output_shape[-1])

    def build(self, input_shape: tuple | Mapping[str, tuple]) -> None:
        if self.steps or self.augmentation is None:
            return
        if not self.augmentation.built:
            self.augmentation.build(input_shape)

    def call(self, x: object, training: bool = False) -> object:
        """Logits (n, N); in training with mixed labels (n, 2N): logits, then the targets."""
        if not self.steps:
            images = keras.ops.cast(x, "float32")
            if training and self.augmentation is not None:
                images = self.augmentation(images, training=True)
            return self.network(images, training=training)
        images = keras.ops.cast(x["images"], "float32")
        if not training:
            return self.network(images, training=False)
        target = keras.ops.one_hot(x["labels"], self.n_classes)
        for step in self.steps:
            if mixes_labels(step):
                mixed = step({"images": images, "labels": target}, training=True)
                images, target = mixed["images"], keras.ops.cast(mixed["labels"], "float32")
            else:
                images = step(images, training=True)
        logits = self.network(images, training=True)
        return keras.ops.concatenate([logits, keras.ops.cast(target, logits.dtype)], axis=-1)

    def _split(self, y: object, y_pred: object) -> tuple[object, object]:
        """Target (n, N) and logits (n, N)."""
        n = self.n_classes
        if y_pred.shape[-1] == n:
            return keras.ops.one_hot(y, n), y_pred
        return y_pred[..., n:], y_pred[..., :n]

    def compute_metrics(self, x, y, y_pred, sample_weight=None) -> dict:
        """With mixed labels the accuracy counts the class that weighs most."""
        if self.steps:
            target, y_pred = self._split(y, y_pred)
            y = keras.ops.argmax(target, axis=-1)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True) -> object:
        """Smoothed cross-entropy + penalties in training, plain cross-entropy otherwise."""
        target, y_pred = self._split(y, y_pred)
        if training:
            n = self.n_classes
            target = target * (1 - self.label_smoothing) + self.label_smoothing / n
        losses = keras.ops.categorical_crossentropy(target, y_pred, from_logits=True)
        total = keras.ops.mean(losses)
        if training:
            total = total + self.penalty()
        return total

    def penalty(self) -> object:
        """L2-SP (Li et al. 2018, equation 4) and the layers' own regularisers."""
        total = sum(self.losses, start=keras.ops.convert_to_tensor(0.0))
        for strength, weight, start in self._penalties:
            offset = weight if start is None else weight - start
            total = total + strength / 2 * keras.ops.sum(keras.ops.square(offset))
        return total


def mixes_labels(layer: keras.layers.Layer) -> bool:
    """Whether a layer mixes images with each other, and so has to mix their labels.

    Keras' MixUp and CutMix do. A layer of one's own says so by an attribute
    ``mixes_labels = True``; it takes and gives a dict of ``"images"`` (n, h, w, 3)
    and one-hot ``"labels"`` (n, N).
    """
    return isinstance(layer, (keras.layers.MixUp, keras.layers.CutMix)) or bool(getattr(layer, "mixes_labels", False))


def mixing_steps(augmentation: keras.layers.Layer | None) -> list[keras.layers.Layer]:
    """The layers of an augmentation in order, if one of them mixes labels; otherwise none."""

    def leaves(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
        if isinstance(layer, keras.Sequential):
            return [leaf for inner in layer.layers for leaf in leaves(inner)]
        return [layer]

    steps = [] if augmentation is None else leaves(augmentation)
    return steps if any(mixes_labels(step) for step in steps) else []


def _constant(value: np.ndarray) -> keras.Variable:
    return keras.Variable(value, trainable=False, name="start")


def l2_sp_terms(
    model: keras.Model, alpha: float, beta: float, start: Mapping[int, np.ndarray]
) -> list[tuple[float, keras.Variable, np.ndarray | None]]:
    """Terms (strength, weight, starting value or None for zero) of L2-SP.

    α pulls every trainable weight outside the head to its starting value; β
    pulls the head's kernel, which has no pretrained value, to zero.
    """
    head = head_layers(model)
    terms: list[tuple[float, keras.Variable, np.ndarray | None]] = []
    for name, layer in weighted_layers(model).items():
        for weight in layer.trainable_weights:
            if name not in head and alpha:
                terms.append((alpha, weight, start[id(weight)]))
            elif name in head and beta and len(weight.shape) > 1:
                terms.append((beta, weight, None))
    return terms


def l2_terms(model: keras.Model, strength: float) -> list[tuple[float, keras.Variable, np.ndarray | None]]:
    """Terms of an L2 penalty on the trainable kernels; biases, scales and offsets are spared."""
    kernels = [w for layer in weighted_layers(model).values() for w in layer.trainable_weights if len(w.shape) > 1]
    return [(strength, kernel, None) for kernel in kernels] if strength else []


@dataclass
class Run:
    """One run of :func:`~tlbook.transfer.fine_tune`, its settings already checked."""

    model: keras.Model
    train: Source
    validation: Source
    epochs: int
    batch_size: int
    seed: int
    rates: np.ndarray
    optimizer: dict
    layer_factors: Mapping[str, float]
    group_factors: Mapping[str, float]
    unfreezing: Mapping[int, str]
    l2_sp: tuple[float, float]
    l2: float
    augmentation: keras.layers.Layer | None
    label_smoothing: float
    patience: int | None
    monitor: str
    restore_best: bool
    progress: bool
    checkpoint: Path | None = None
    settings: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.steps = len(self.rates) // self.epochs
        self.start_values = {id(v): keras.ops.convert_to_numpy(v) for v in self.model.weights} if self.l2_sp[0] else {}
        self.best: list[np.ndarray] = []
        self.finished = False
        self.history = History(group_factors=dict(self.group_factors), monitor=self.monitor)

    def run(self) -> History:
        """Train from the beginning or from the checkpoint to the end."""
        state = self._open()
        first = 0
        if state is not None:
            self.history = History.from_dict(state.history)
            first = self.history.epochs
            self.model.set_weights(state.weights)
            if state.end:
                self._unfreeze_until(first - 1)
                return self.history
            self.best = state.best
            if not self.best and self.restore_best:
                self.best = state.weights
        self._rehearse()
        self._unfreeze_until(first - 1)
        starts = [epoch for epoch in self.unfreezing if epoch > first]
        with bar("training", self.epochs * self.steps, enabled=self.progress) as self.ticker:
            self.ticker.advance(first * self.steps)
            for begin, end in itertools.pairwise([first, *starts, self.epochs]):
                self._phase(begin, end, state if begin == first else None)
                if self.finished:
                    break
        return self.history

    def _open(self) -> checkpoints.State | None:
        if self.checkpoint is None:
            return None
        self.start = now = checkpoints.weights_hash(self.model)
        if not self.checkpoint.exists():
            return None
        state = checkpoints.read(self.checkpoint)
        checkpoints.check(self.checkpoint, state, self.settings, now)
        self.start = state.start
        if now == state.end:
            # Trained already, in this very process: the layers that the run
            # unfroze are unfrozen, and unfreezing them again would be refused.
            self.unfreezing = {}
        return state

    def _rehearse(self) -> None:
        """Go through the unfreezing once, so that a mistake in it shows at once."""
        if 0 not in self.unfreezing and not parameter_count(self.model):
            raise ValueError("Every layer is frozen; there is nothing to train.")
        flags = trainable_state(self.model)
        try:
            self._unfreeze_until(self.epochs)
        finally:
            restore_trainable_state(self.model, flags)

    def _unfreeze_until(self, epoch: int) -> None:
        for when in sorted(self.unfreezing):
            if when <= epoch:
                unfreeze(self.model, from_layer=self.unfreezing[when])

    def _phase(self, begin: int, end: int, state: checkpoints.State | None) -> None:
        """Train from epoch ``begin`` up to ``end`` with the same layers trainable."""
        continued = begin not in self.unfreezing
        if not continued:
            unfreeze(self.model, from_layer=self.unfreezing[begin])
        trainer = self._trainer(begin)
        if state is not None and continued:
            _assign(trainer.optimizer.variables, state.optimizer)
            _assign(checkpoints.seed_states(trainer), state.seeds)
        order = np.arange(len(self.validation.labels))
        labelled = bool(trainer.steps)
        batches = Batches(self.train, self._order(begin), self.batch_size, labelled)
        trainer.fit(
            batches,
            validation_data=Batches(self.validation, order, max(self.batch_size, 64), labelled),
            initial_epoch=begin,
            epochs=end,
            # Keras would shuffle the order of the batches by Python's global random state.
            shuffle=False,
            verbose=0,
            callbacks=[_Epochs(self, batches)],
        )

    def _order(self, epoch: int) -> np.ndarray:
        return epoch_order(len(self.train.labels), self.seed, epoch)

    def _trainer(self, epoch: int) -> Trainer:
        """A freshly compiled trainer for the layers that are trainable now."""
        trainer = Trainer(
            self.model,
            self.augmentation,
            self.label_smoothing,
            l2_sp_terms(self.model, *self.l2_sp, self.start_values) + l2_terms(self.model, self.l2),
        )
        factor_of = {
            id(weight): self.layer_factors.get(name, 1.0)
            for name, layer in weighted_layers(self.model).items()
            for weight in layer.trainable_weights
        }
        variables = trainer.trainable_variables
        # The optimiser counts its own steps from 0; the schedule goes on from
        # the epoch in which this optimiser took over.
        begin = max((e for e in self.unfreezing if e <= epoch), default=0)
        optimizer = make_optimizer(
            variables=variables,
            schedule=Tabulated(self.rates[begin * self.steps :]),
            factors=[factor_of.get(id(v), 1.0) for v in variables],
            **self.optimizer,
        )
        _compile(trainer, optimizer)
        return trainer

    def begin_epoch(self, epoch: int, trainer: Trainer, batches: Batches) -> None:
        """Fix everything random in the epoch as a function of seed and epoch."""
        batches.reorder(self._order(epoch))
        for i, state in enumerate(checkpoints.seed_states(trainer)):
            word = np.random.SeedSequence([self.seed, epoch, i]).generate_state(1)[0]
            state.assign(np.array([word >> 1, 0]))

    def end_epoch(self, epoch: int, trainer: Trainer, logs: Mapping[str, float], seconds: float) -> None:
        """Record, decide whether to stop, restore what is to be restored, save."""
        history = self.history
        gained = history.record(
            train_loss=float(logs["cross_entropy"]),
            train_accuracy=float(logs["accuracy"]),
            objective=float(logs["loss"]),
            validation_loss=float(logs["val_cross_entropy"]),
            validation_accuracy=float(logs["val_accuracy"]),
            learning_rate=float(self.rates[epoch * self.steps]),
            trainable_parameters=parameter_count(self.model),
            seconds=seconds,
        )
        if gained and self.restore_best:
            self.best = self.model.get_weights()
        waited = history.epochs - 1 - history.best_epoch
        history.stopped_early = self.patience is not None and waited >= self.patience and epoch + 1 < self.epochs
        self.finished = history.stopped_early or epoch + 1 == self.epochs
        if self.finished and self.restore_best:
            self.model.set_weights(self.best)
            history.restored = True
        if self.checkpoint is not None:
            checkpoints.write(
                self.checkpoint,
                checkpoints.State(
                    settings=self.settings,
                    start=self.start,
                    end=checkpoints.weights_hash(self.model) if self.finished else "",
                    history=history.to_dict(),
                    weights=self.model.get_weights(),
                    optimizer=_values(trainer.optimizer.variables),
                    seeds=_values(checkpoints.seed_states(trainer)),
                    best=[] if self.finished or waited == 0 else self.best,
                ),
            )


class _Epochs(keras.callbacks.Callback):
    """Hands the begin and end of each epoch of ``fit`` to the run."""

    def __init__(self, run: Run, batches: Batches) -> None:
        super().__init__()
        self._run, self._batches = run, batches

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._began = time.perf_counter()
        self._run.begin_epoch(epoch, self.model, self._batches)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._run.ticker.advance()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._run.end_epoch(epoch, self.model, logs, time.perf_counter() - self._began)
        self.model.stop_training = self._run.finished


def _compile(trainer: Trainer, optimizer: keras.optimizers.Optimizer) -> None:
    trainer.compile(
        optimizer=optimizer,
        metrics=[
            keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="cross_entropy"),
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        ],
        # XLA on a CPU runs TensorFlow's convolutions several times slower.
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )


def _values(variables: list[keras.Variable]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(v)) for v in variables]


def _assign(variables: list[keras.Variable], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
