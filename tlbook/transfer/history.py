"""What a training run leaves behind."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(repr=False)
class History:
    """Record of one run of :func:`~tlbook.transfer.train` or :func:`~tlbook.transfer.fine_tune`.

    The lists have one entry an epoch. Nothing but numbers, strings and lists
    in it: ``json.dumps(history.to_dict())`` works, :meth:`from_dict` reads it.

    Attributes
    ----------
    train_loss, validation_loss : list of float
        Mean cross-entropy in nats, without label smoothing and penalties, so
        that runs with and without them can be compared. The training loss is
        the running mean over the epoch, in training mode (augmentation,
        dropout), while the weights change.
    train_accuracy, validation_accuracy : list of float
        In [0, 1].
    objective : list of float
        What was minimised: label smoothing and penalties included.
    learning_rate : list of float
        At the first step of the epoch, before group factors.
    trainable_parameters : list of int
        Grows under gradual unfreezing.
    seconds : list of float
        Wall time of the epoch, training and validation.
    group_factors : dict of str to float
        What each layer group's rate is multiplied with; empty for one rate.
    monitor : str
        Which list decides on the best epoch.
    best_epoch : int
        Counted from 0; the earliest of equals.
    restored : bool
        Whether the model ended with the weights of ``best_epoch`` (otherwise
        with those of the last epoch).
    stopped_early : bool
    """

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    objective: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    trainable_parameters: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    group_factors: dict[str, float] = field(default_factory=dict)
    monitor: str = "validation_loss"
    best_epoch: int = -1
    restored: bool = False
    stopped_early: bool = False

    def __repr__(self) -> str:
        if not self.epochs:
            return "History(epochs=0)"
        best = self.best_epoch
        return (
            f"History(epochs={self.epochs}, best_epoch={best}, validation_loss={self.validation_loss[best]:.4f}, "
            f"validation_accuracy={self.validation_accuracy[best]:.4f})"
        )

    @property
    def epochs(self) -> int:
        """Number of epochs that were run."""
        return len(self.seconds)

    @property
    def total_seconds(self) -> float:
        """Wall time of all epochs; what was lost to an interruption is not in it."""
        return float(sum(self.seconds))

    def record(self, **values: float) -> bool:
        """Append one epoch; True if it is the best so far. NaN is the worst of all."""
        for name, value in values.items():
            getattr(self, name).append(value)
        scores = getattr(self, self.monitor)
        best = scores[self.best_epoch] if self.best_epoch >= 0 else math.nan
        better = scores[-1] < best if self.monitor.endswith("loss") else scores[-1] > best
        if better or math.isnan(best):
            self.best_epoch = len(scores) - 1
            return True
        return False

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries, lists and numbers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> History:
        """The inverse of :meth:`to_dict`."""
        return cls(**record)
