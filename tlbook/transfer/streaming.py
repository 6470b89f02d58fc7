"""Logistic regression on more rows than fit in memory: they are gone through in blocks, again and again.

The objective is that of :func:`tlbook.transfer.linear_probe`, with every row in it. What differs is the way to its
minimum. One pass sums the moments of the features: their means, variances and, for up to 2,048 of them, covariances.
They give the standardisation, which goes into the weights, so that no standardised copy exists; a start, one Newton
step from the class shares, which is a ridge regression of the labels; and its curvature, in whose coordinates L-BFGS
needs few passes. Each pass adds up loss and gradient in float64: the order of shards and rows changes their rounding alone.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

Array = NDArray[np.float64]

_BLOCK = 2**19
"""Numbers in a block: 4 MB in float64, which stay in the processor's cache between the two products."""

with np.errstate(invalid="ignore"):
    _FLOAT16 = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float64)
"""The value of each float16: NumPy's conversion takes three times as long as looking it up where many are 0, as after ReLU."""

_GRADIENT = 1e-7
"""Largest entry of the gradient at which L-BFGS stops, in coordinates where the loss is curved by about 1."""

_MAPPED = 2**26
"""Bytes of a memory-mapped file that are read before its pages are let go of."""

_LARGEST_COVARIANCE = 2048
"""Features of which covariances are kept: 32 MB, and seconds for their eigenvectors."""


class Table:
    """Features (n, d) with labels (n,), in one array or several, read block by block.

    Parameters
    ----------
    shards : sequence of array (n_i, d)
        Numbers of any type; those that are memory-mapped are not read as a whole, nor is what else has a shape and a
        dtype and reads its rows when it is sliced.
    labels : sequence of int array (n_i,)
    name : str
        For messages.
    width : int, optional
        The d that is expected.

    Raises
    ------
    ValueError
        Shapes that do not match.
    """

    def __init__(
        self, shards: Sequence[ArrayLike], labels: Sequence[ArrayLike], name: str, width: int | None = None
    ) -> None:
        if len(shards) != len(labels):
            raise ValueError(f"{name}_features has {len(shards)} shards and {name}_labels {len(labels)}.")
        one = len(shards) == 1
        self.shards, self.n, self.d = shards, 0, width or 0
        checked: list[NDArray[Any]] = []
        self.names = [f"{name}_features" if one else f"{name}_features[{k}]" for k in range(len(shards))]
        for k, given in enumerate(labels):
            shape = np.shape(shards[k])
            if len(shape) != 2 or shape[1] == 0 or (one and shape[0] == 0):
                raise ValueError(f"{self.names[k]} has shape {shape}; (n, d) with n, d >= 1 is needed.")
            self.d = self.d or shape[1]
            if shape[1] != self.d:
                raise ValueError(f"{self.names[k]} has {shape[1]} columns where {self.d} are expected.")
            checked.append(_labels(given, f"{name}_labels" if one else f"{name}_labels[{k}]", shape[0]))
            self.n += shape[0]
        if not self.n:
            raise ValueError(f"{name}_features has no rows.")
        self.labels: NDArray[np.int64] = np.concatenate(checked).astype(np.int64, copy=False)
        self._labels = np.split(self.labels, np.cumsum([len(some) for some in checked])[:-1])

    def in_memory(self) -> Array:
        """All rows as one array, checked."""
        parts = [self._finite(shard, k) for k, shard in enumerate(self.shards)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def blocks(self, *, checked: bool = False) -> Iterator[tuple[Array, NDArray[np.int64]]]:
        """Rows as float64 with their labels; each block is overwritten by the next."""
        rows = min(max(_BLOCK // self.d, 1), 4096)  # the logits of many classes are to be small, too
        buffer = np.empty((min(rows, self.n), self.d))
        read = 0
        for k, labels in enumerate(self._labels):
            shard: Any = self.shards[k]
            shard = shard if hasattr(shard, "dtype") else np.asarray(shard)  # read as it is sliced, if it can be
            for start in range(0, len(labels), rows):
                part = shard[start : start + rows]
                block = buffer[: len(part)]
                if part.dtype == np.float16:
                    np.take(_FLOAT16, part.view(np.uint16), out=block, mode="clip")
                else:
                    block[...] = part
                if checked and not np.isfinite(block).all():
                    self._finite(shard, k)
                yield block, labels[start : start + rows]
                read += part.nbytes
                if read >= _MAPPED:
                    read = 0
                    _let_go(shard)
            _let_go(shard)

    def _finite(self, shard: ArrayLike, k: int) -> Array:
        """A shard as float64; in parts where it is only looked through for what is not finite."""
        array = np.asarray(shard)
        bad = sum(
            int(np.sum(~np.isfinite(np.asarray(array[i : i + 4096], np.float64)).all(axis=1)))
            for i in range(0, len(array), 4096)
        )
        if bad:
            raise ValueError(f"{self.names[k]} holds NaN or infinite values in {bad} of {len(array)} rows.")
        return np.asarray(array, dtype=np.float64)


def _let_go(shard: NDArray[Any]) -> None:
    """Leave pages of a mapped file that were read to the system's cache, where they do not count as ours."""
    mapped = getattr(shard, "_mmap", None)
    # A copy-on-write map would lose what was written to it.
    if mapped is not None and getattr(shard, "mode", "c") != "c" and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _labels(labels: ArrayLike, name: str, length: int) -> NDArray[Any]:
    array = np.asarray(labels)
    if array.shape != (length,):
        raise ValueError(f"{name} has shape {array.shape}; ({length},) is needed.")
    if length == 0:
        return np.zeros(0, np.int64)
    if not np.issubdtype(array.dtype, np.integer) or array.min() < 0:
        raise ValueError(f"{name} must be whole numbers from 0, not {array.dtype} {array[:3]}.")
    return array


@dataclass(frozen=True)
class Fit:
    """What :func:`fit` finds: weights (d, N) and bias (N,) for features as they are, and what each C came to."""

    weights: Array
    bias: Array
    C: float
    losses: dict[float, float]
    scores: dict[float, float]
    n_constant: int


def fit(train: Table, validation: Table, n_classes: int, grid: Sequence[float], balanced: bool, max_iter: int) -> Fit:
    """Logistic regression for each C of an ascending grid; the lowest validation loss chooses.

    Parameters
    ----------
    train, validation : Table
        Every class occurs in the training labels.
    n_classes : int
    grid : sequence of float
    balanced : bool
        Whether all classes weigh as much.
    max_iter : int
        Most iterations for one C.

    Raises
    ------
    ValueError
        NaN or infinite features; all of them constant.
    RuntimeError
        No convergence.
    """
    problem = _Problem(train, n_classes, balanced)
    held_out = class_weights(validation.labels, n_classes) if balanced else np.ones(n_classes)
    losses, scores, best = {}, {}, None
    checked = False
    for c in map(float, grid):
        problem.solve(c, max_iter)
        weights, bias = problem.classifier()
        total = loss = right = 0.0
        for block, y in validation.blocks(checked=not checked):
            logits = block @ weights + bias
            each = logsumexp(logits, axis=1) - logits[np.arange(len(y)), y]
            loss += held_out[y] @ each
            total += held_out[y].sum()
            right += float(np.sum(logits.argmax(axis=1) == y))
        checked = True
        losses[c], scores[c] = float(loss / total), right / validation.n
        if best is None or losses[c] < losses[best[0]]:
            best = c, weights, bias
    assert best is not None
    return Fit(best[1], best[2], best[0], losses, scores, int(np.sum(problem.inverse_spread == 0)))


def class_weights(labels: NDArray[np.int64], n_classes: int) -> Array:
    """The weight of an example by its class, so that all that occur weigh as much, and the mean over examples is 1."""
    counts = np.bincount(labels, minlength=n_classes)
    return np.where(counts, len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)), 0.0)


def varying(spread: Array, largest: Array) -> NDArray[np.bool_]:
    """Features whose spread is more than float32 rounding of their size.

    Dividing by the spread of the others would blow rounding noise up into a
    feature.
    """
    chosen = spread > 10 * np.finfo(np.float32).eps * largest
    if not chosen.any():
        raise ValueError("Every feature is constant on the training set; there is nothing to fit.")
    return chosen


class _Problem:
    """The objective of one training set, its coordinates, and the latest solution.

    With z the standardised features, about the mean that the class weights give, the logits are z U W Qᵀ + b Qᵀ. U
    holds the eigenvectors of the covariance of z, with values e; Q those of diag(π) − ππᵀ for the class shares π, with
    values a, but for the direction in which all logits grow alike, which no probability depends on. At the class shares
    the curvature of the penalised mean loss is then diagonal: a e + λ for W, and a for b. Later on a is taken from the
    probabilities of the latest solution.
    """

    def __init__(self, table: Table, n_classes: int, balanced: bool) -> None:
        self.table, self.n_classes = table, n_classes
        counts = np.bincount(table.labels, minlength=n_classes)
        self.class_weights = class_weights(table.labels, n_classes) if balanced else np.ones(n_classes)
        self.total = float(self.class_weights @ counts)
        self.shares = self.class_weights * counts / self.total
        self.u: Array | None = None
        self._sum_moments()
        values, vectors = np.linalg.eigh(np.diag(self.shares) - np.outer(self.shares, self.shares))
        self.a, self.q = values[1:], vectors[:, 1:]
        self._least = 1e-6 * self.a
        log_shares = np.log(self.shares)
        self.b = (log_shares - log_shares.mean()) @ self.q
        self.w: Array | None = None

    def _sum_moments(self) -> None:
        table, d = self.table, self.table.d
        keeps = d <= _LARGEST_COVARIANCE
        shift: Array | None = None
        by_class, squares = np.zeros((self.n_classes, d)), np.zeros(d)
        products = np.zeros((d, d)) if keeps else np.zeros(d)
        low, high = np.full(d, np.inf), np.full(d, -np.inf)
        for block, y in table.blocks(checked=True):
            if shift is None:
                shift = block.mean(axis=0)
            np.minimum(low, block.min(axis=0), out=low)
            np.maximum(high, block.max(axis=0), out=high)
            block -= shift
            by_class += np.eye(self.n_classes)[:, y] @ block
            squares += np.einsum("ij,ij->j", block, block)
            block *= np.sqrt(self.class_weights[y])[:, None]
            products += block.T @ block if keeps else np.einsum("ij,ij->j", block, block)
        assert shift is not None
        # The shift is the mean of some of the rows, so that its distance from the mean is a part of the spread.
        spread = np.sqrt(np.maximum(squares / table.n - (by_class.sum(axis=0) / table.n) ** 2, 0))
        chosen = varying(spread, np.maximum(np.abs(low), np.abs(high)))
        self.inverse_spread = np.where(chosen, 1 / np.where(chosen, spread, 1), 0)
        weighted = self.class_weights[:, None] * by_class / self.total
        centre = weighted.sum(axis=0)
        self.centre = shift + centre
        # What each class's mean differs by from the mean of all, times its share: the labels' covariance with z.
        self.between = ((weighted - self.shares[:, None] * centre) * self.inverse_spread).T
        if keeps:
            covariance = products / self.total - np.outer(centre, centre)
            covariance *= np.outer(self.inverse_spread, self.inverse_spread)
            values, self.u = np.linalg.eigh(covariance)
        else:
            values = (products / self.total - centre**2) * self.inverse_spread**2
        self.e = np.maximum(values, 0)

    def solve(self, c: float, max_iter: int) -> None:
        """Go on to the minimum for another C."""
        # Two classes have one score w in scikit-learn; as logits (-w/2, w/2) its penalty is twice theirs.
        penalty = (2 if self.n_classes == 2 else 1) / (c * self.total)
        curvature = self.a * self.e[:, None] + penalty
        if self.w is None:
            between = self.between if self.u is None else self.u.T @ self.between
            self.w = between @ self.q / curvature
        scale = np.sqrt(np.vstack([curvature, self.a]))

        def objective(flat: Array) -> tuple[float, Array]:
            at = flat.reshape(scale.shape) / scale
            loss, gradient = self._loss(at[:-1], at[-1])
            gradient[:-1] += penalty * at[:-1]
            return loss + penalty / 2 * float(np.sum(at[:-1] ** 2)), (gradient / scale).ravel()

        found = minimize(
            objective,
            (np.vstack([self.w, self.b]) * scale).ravel(),
            jac=True,
            method="L-BFGS-B",
            options={
                "maxiter": max_iter,
                "maxfun": 10**9,
                "maxls": 50,
                "gtol": _GRADIENT,
                "ftol": 64 * np.finfo(np.float64).eps,
            },
        )
        # A line search that fails with next to no gradient has reached the rounding of the loss.
        if found.status and not (found.status == 2 and np.abs(found.jac).max() < 100 * _GRADIENT):
            raise not_converged(c, max_iter)
        solution = found.x.reshape(scale.shape) / scale
        self.w, self.b = solution[:-1], solution[-1]
        # The surer the model, the less its loss is curved.
        self.a = np.maximum(self._curvature, self._least)

    def _raw(self, w: Array, b: Array) -> tuple[Array, Array]:
        """Weights and bias for the features as they are, in the coordinates of Q."""
        weights = self.inverse_spread[:, None] * (w if self.u is None else self.u @ w)
        return weights, b - self.centre @ weights

    def classifier(self) -> tuple[Array, Array]:
        """Weights (d, N) and bias (N,) of the latest solution."""
        assert self.w is not None
        weights, bias = self._raw(self.w, self.b)
        return weights @ self.q.T, bias @ self.q.T

    def _loss(self, w: Array, b: Array) -> tuple[float, Array]:
        """Mean loss, and its gradient by w and b: one pass."""
        weights, bias = self._raw(w, b)
        loss, curvature = 0.0, np.zeros_like(bias)
        gradient, gradient_bias = np.zeros_like(weights), np.zeros_like(bias)
        for block, y in self.table.blocks():
            logits = (block @ weights + bias) @ self.q.T
            weight = self.class_weights[y]
            logits -= logits.max(axis=1, keepdims=True)
            of_class = logits[np.arange(len(y)), y]
            p = np.exp(logits, out=logits)
            sums = p.sum(axis=1)
            loss += float(weight @ (np.log(sums) - of_class))
            p /= sums[:, None]
            mean = p @ self.q
            curvature += weight @ (p @ self.q**2 - mean**2)
            residual = weight[:, None] * (mean - self.q[y])
            gradient += block.T @ residual
            gradient_bias += residual.sum(axis=0)
        self._curvature = curvature / self.total
        gradient = self.inverse_spread[:, None] * (gradient - np.outer(self.centre, gradient_bias))
        if self.u is not None:
            gradient = self.u.T @ gradient
        return loss / self.total, np.vstack([gradient, gradient_bias]) / self.total


def not_converged(c: float, max_iter: int) -> RuntimeError:
    """The error of a fit that has run out of iterations."""
    return RuntimeError(
        f"Logistic regression at C={c:g} did not converge in {max_iter} iterations; "
        "leave out the largest C or raise max_iter."
    )
