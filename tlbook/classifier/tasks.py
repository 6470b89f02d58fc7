"""What a model is asked for: one class of several, labels of which each is there or not, or numbers.

A task says what the outputs of a model mean, in words and as a line of a CSV. How a head is fitted to it and measured is in
:mod:`tlbook.classifier.heads`, which needs more than this module does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

__all__ = ["CLASSES", "Classes", "Labels", "Numbers", "Task", "task_of"]

_TURN = 360.0  # degrees


@dataclass(frozen=True)
class Task:
    """What the outputs of a model mean.

    Attributes
    ----------
    columns : tuple of str
        Those of the CSV of training; of class folders there are none.
    """

    name: ClassVar[str]
    columns: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs of the model."""
        return self.columns

    def about(self) -> dict[str, Any]:
        """What the model file keeps; :func:`task_of` is the inverse."""
        return {"name": self.name, "columns": list(self.columns)}

    def values(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities or numbers, (n, K), from outputs (n, N)."""
        raise NotImplementedError

    def words(self, values: NDArray[np.float64]) -> list[str]:
        """The answer for each photo, in words."""
        raise NotImplementedError

    def table(
        self, values: NDArray[np.float64], truth: NDArray[np.float64] | None = None
    ) -> tuple[list[str], list[list[str]]]:
        """Names of columns, and what stands in them for each photo."""
        raise NotImplementedError

    def answer(self, values: NDArray[np.float64]) -> dict[str, Any]:
        """What the local page shows, given the values (K,) of one photo."""
        raise NotImplementedError

    def promise(self) -> str | None:
        """What the local page says that the model answers; None where that is one of its classes."""
        return None

    def counts(self, labels: NDArray[Any], targets: NDArray[Any] | None, names: Sequence[str]) -> dict[str, int]:
        """How many photos of a split have each class or label; of numbers, how many there are."""
        return {"photos": len(labels)}

    def said(self, names: Sequence[str]) -> str:
        """What the photos are given with, in a few words."""
        return f"with {', '.join(names)}"

    def same(self, one: NDArray[Any], other: NDArray[Any]) -> int:
        """Of how many photos two sets of outputs give the same answer in words."""
        return sum(a == b for a, b in zip(self.words(self.values(one)), self.words(self.values(other)), strict=True))


@dataclass(frozen=True)
class Classes(Task):
    """One class of several: the softmax of the logits.

    Attributes
    ----------
    names : tuple of str
        Of the classes, where a model is used; what is trained on has them beside it.
    """

    name: ClassVar[str] = "classes"
    names: tuple[str, ...] = ()

    def words(self, values: NDArray[np.float64]) -> list[str]:
        return [self.names[k] for k in values.argmax(axis=1)]

    def answer(self, values: NDArray[np.float64]) -> dict[str, Any]:
        ranked = [[self.names[k], round(float(values[k]), 6)] for k in (-values).argsort(kind="stable")]
        return {"label": ranked[0][0], "probabilities": ranked}

    def values(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        return softmax(np.asarray(outputs, np.float64), axis=1)

    def counts(self, labels: NDArray[Any], targets: NDArray[Any] | None, names: Sequence[str]) -> dict[str, int]:
        return dict(zip(names, np.bincount(labels, minlength=len(names)).tolist(), strict=True))

    def said(self, names: Sequence[str]) -> str:
        return f"of {len(names)} classes"

    def same(self, one: NDArray[Any], other: NDArray[Any]) -> int:
        return int((one.argmax(axis=1) == other.argmax(axis=1)).sum())


CLASSES = Classes()
"""Class folders."""


@dataclass(frozen=True)
class Labels(Task):
    """Several labels, of which each is there or not: the sigmoid of each logit, and a threshold for each.

    Attributes
    ----------
    thresholds : tuple of float
        A label is given where its probability is at least this.
    """

    name: ClassVar[str] = "labels"
    thresholds: tuple[float, ...] = ()

    def about(self) -> dict[str, Any]:
        return {**super().about(), "thresholds": list(self.thresholds)}

    def values(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        return expit(np.asarray(outputs, np.float64))

    def counts(self, labels: NDArray[Any], targets: NDArray[Any] | None, names: Sequence[str]) -> dict[str, int]:
        return dict(
            zip(
                names,
                (np.zeros((1, len(names))) if targets is None else targets).sum(axis=0).astype(int).tolist(),
                strict=True,
            )
        )

    def given(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which labels are given, (n, K)."""
        return values >= np.array(self.thresholds)

    def words(self, values: NDArray[np.float64]) -> list[str]:
        return [
            ", ".join(name for name, there in zip(self.columns, row, strict=True) if there) or "no label"
            for row in self.given(values)
        ]

    def table(
        self, values: NDArray[np.float64], truth: NDArray[np.float64] | None = None
    ) -> tuple[list[str], list[list[str]]]:
        head = [*self.columns, *(f"probability of {name}" for name in self.columns)]
        given = self.given(values)
        rows = [
            [*(f"{there:d}" for there in some), *(f"{p:.6f}" for p in row)]
            for some, row in zip(given, values, strict=True)
        ]
        return _with_truth(self.columns, head, rows, truth)

    def answer(self, values: NDArray[np.float64]) -> dict[str, Any]:
        ranked = [[self.columns[k], round(float(values[k]), 6)] for k in (-values).argsort(kind="stable")]
        said = self.words(values[None])[0]
        return {"label": said, "said": said, "probabilities": ranked}

    def promise(self) -> str:
        return (
            f"The model says which of these labels a photo has: {_some(self.columns)}. It knows no others, and answers "
            "whatever the photo shows."
        )


@dataclass(frozen=True)
class Numbers(Task):
    """Numbers: the outputs themselves; of an angle its sine and cosine, since 359 and 1 degrees are neighbours.

    Attributes
    ----------
    circular : tuple of str
        Columns that are angles in degrees.
    """

    name: ClassVar[str] = "numbers"
    circular: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(
            name
            for column in self.columns
            for name in ((f"sine of {column}", f"cosine of {column}") if column in self.circular else (column,))
        )

    def about(self) -> dict[str, Any]:
        return {**super().about(), "circular": list(self.circular)}

    def encoded(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The outputs (n, N) that numbers (n, K) call for; :meth:`values` is the inverse."""
        found = []
        for name, column in zip(self.columns, values.T, strict=True):
            if name in self.circular:
                angle = 2 * np.pi * column / _TURN
                found += [np.sin(angle), np.cos(angle)]
            else:
                found.append(column)
        return np.stack(found, axis=1)

    def values(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        given, found, place = np.asarray(outputs, np.float64), [], 0
        for name in self.columns:
            if name in self.circular:
                found.append(np.arctan2(given[:, place], given[:, place + 1]) * _TURN / (2 * np.pi) % _TURN)
                place += 2
            else:
                found.append(given[:, place])
                place += 1
        return np.stack(found, axis=1)

    def errors(self, truth: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Value minus truth, (n, K); of an angle the shorter way round, from −180 to 180."""
        circular = np.array([name in self.circular for name in self.columns])
        gap = values - truth
        return np.where(circular, (gap + _TURN / 2) % _TURN - _TURN / 2, gap)

    def mean(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean of each column, (1, K); of an angle the direction of the mean of sine and cosine."""
        return self.values(self.encoded(values).mean(axis=0, keepdims=True))

    def words(self, values: NDArray[np.float64]) -> list[str]:
        return [
            ", ".join(f"{name} {value:.4g}" for name, value in zip(self.columns, row, strict=True)) for row in values
        ]

    def table(
        self, values: NDArray[np.float64], truth: NDArray[np.float64] | None = None
    ) -> tuple[list[str], list[list[str]]]:
        return _with_truth(
            self.columns, list(self.columns), [[f"{value:.6g}" for value in row] for row in values], truth
        )

    def answer(self, values: NDArray[np.float64]) -> dict[str, Any]:
        said = self.words(values[None])[0]
        numbers = [[name, f"{value:.4g}"] for name, value in zip(self.columns, values, strict=True)]
        return {"label": said, "said": said, "numbers": numbers}

    def promise(self) -> str:
        return f"The model estimates {_some(self.columns)}, whatever the photo shows."

    def same(self, one: NDArray[Any], other: NDArray[Any]) -> int:
        a, b = self.values(one), self.values(other)
        scale = 1 + np.abs(a).max()
        return int((np.abs(self.errors(a, b)) <= 1e-3 * scale).all(axis=1).sum())


def _with_truth(
    columns: Sequence[str], head: list[str], rows: list[list[str]], truth: NDArray[np.float64] | None
) -> tuple[list[str], list[list[str]]]:
    if truth is None:
        return head, rows
    known = [[f"{value:g}" for value in row] for row in truth]
    return [*head, *(f"truth of {name}" for name in columns)], [
        [*row, *some] for row, some in zip(rows, known, strict=True)
    ]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (" and others" if len(names) > 12 else "")


def task_of(about: dict[str, Any], class_names: Sequence[str] = ()) -> Task:
    """The task that a model file tells of; class folders where it tells of none."""
    given = dict(about.get("task", {"name": Classes.name}))
    kind = given.pop("name")
    kept = {key: tuple(value) for key, value in given.items()}
    if kind == Classes.name:
        return Classes(**kept, names=tuple(class_names))
    return {one.name: one for one in (Labels, Numbers)}[kind](**kept)
