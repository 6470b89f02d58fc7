"""Linear probe: multinomial logistic regression on frozen features."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_limits

from tlbook._checks import one_of
from tlbook.transfer import streaming

C_GRID: tuple[float, ...] = tuple(float(f"{c:.6g}") for c in np.logspace(-5, 1, 13))
"""Inverse regularisation strengths tried by default: 1e-5 to 10, two a decade."""

LARGEST_IN_MEMORY = 2**25
"""Numbers in the features up to which scikit-learn fits them, with its copies in 0.8 GB; more are streamed.

By ``benchmarks/one_fit.py`` streaming takes no longer from about 5,000 rows of 1,280 on, but it does where there are more
features than rows.
"""


@dataclass(frozen=True, repr=False)
class Probe:
    """A linear classifier on features, standardisation folded in.

    Attributes
    ----------
    weights : float32 array (d, N)
    bias : float32 array (N,)
        ``features @ weights + bias`` are the logits: for raw features, as the
        backbone gives them.
    C : float
        Chosen inverse strength of the L2 penalty (scikit-learn's ``C``).
    validation_losses, validation_scores : dict of float to float
        Validation cross-entropy in nats, and accuracy, for each ``C`` tried, ascending in ``C``. The loss
        chose ``C``.
    n_train : int
        Number of training examples.
    n_constant : int
        Number of features that are constant on the training set and hence
        have weight 0.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    C: float
    validation_losses: dict[float, float]
    validation_scores: dict[float, float]
    n_train: int
    n_constant: int = 0

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights, dtype=np.float32)
        bias = np.asarray(self.bias, dtype=np.float32)
        if weights.ndim != 2 or bias.shape != weights.shape[1:] or len(bias) < 2:
            raise ValueError(
                f"weights {weights.shape} and bias {bias.shape}: shapes (d, N) and (N,), N >= 2, are needed."
            )
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "bias", bias)

    def __repr__(self) -> str:
        return f"Probe({len(self.weights)} features, {self.n_classes} classes, C={self.C:g}, n_train={self.n_train})"

    @property
    def n_classes(self) -> int:
        """Number of classes N."""
        return len(self.bias)

    @property
    def validation_score(self) -> float:
        """Validation accuracy at the chosen ``C``."""
        return self.validation_scores[self.C]

    def logits(self, features: ArrayLike) -> NDArray[np.float32]:
        """Logits, float32 (n, N), for raw features (n, d); these may be memory-mapped."""
        rows = max(LARGEST_IN_MEMORY // len(self.weights), 1)
        given: Any = features
        if getattr(given, "ndim", 0) == 2 and len(given) > rows:
            return np.concatenate([self.logits(given[k : k + rows]) for k in range(0, len(given), rows)])
        features = _features(features, "features", self.weights.shape[0])
        # float64 in between: with d in the thousands a float32 sum loses digits.
        z = features @ self.weights.astype(np.float64) + self.bias
        return z.astype(np.float32)

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """Class with the greatest logit, int64 (n,)."""
        return self.logits(features).argmax(axis=1)


def linear_probe(
    train_features: ArrayLike | Sequence[ArrayLike],
    train_labels: ArrayLike | Sequence[ArrayLike],
    validation_features: ArrayLike | Sequence[ArrayLike],
    validation_labels: ArrayLike | Sequence[ArrayLike],
    *,
    C: float | Sequence[float] = C_GRID,
    class_weight: str | None = None,
    max_iter: int = 2000,
) -> Probe:
    """Fit logistic regression on frozen features; validation data chooses ``C``.

    Features are standardised (mean 0, standard deviation 1 on the training
    set) so that one penalty suits them all, then an L2-penalised multinomial
    logistic regression is fitted for every ``C``. The lowest validation
    cross-entropy wins. (Accuracy would choose too, but on a few hundred images
    it has long ties that a single image breaks, and it does not mind a model
    that is sure of its mistakes.) Nothing is random.

    Parameters
    ----------
    train_features, validation_features : array (n, d), or sequence of arrays (n_i, d)
        Finite numbers; computed in float64. A sequence holds the rows in parts of any length. What is too large for
        memory can be memory-mapped, as ``np.load(file, mmap_mode="r")`` does, in float16 for instance; the parts of
        :meth:`tlbook.features.Shards.open` are read in the same way.
    train_labels, validation_labels : int array (n,), or sequence of int arrays (n_i,)
        Classes 0 … N-1. Every class must occur in the training labels.
    C : float or sequence of float
        Values to try; the default is half a decade apart from 1e-5 to 10.
        A larger ``C`` is a weaker penalty.
    class_weight : {"balanced"}, optional
        Count each example by the inverse of its class's share, so that all classes
        weigh as much, in fitting and in choosing ``C``. Rare classes are found
        more often then, and their probabilities are too high where they are rare.
    max_iter : int
        Most iterations of the L-BFGS solver for one ``C``.

    Returns
    -------
    Probe

    Raises
    ------
    ValueError
        Shapes that do not match, NaN or infinite features, fewer than two
        classes, a class without training example, ``C`` not positive.

    Notes
    -----
    With two classes scikit-learn fits one score z, the log-odds of class 1.
    The probe gives two logits, (-z/2, +z/2): their difference is z, so that
    softmax over them is the sigmoid of z, and two classes are treated like
    any other number.

    Up to 33 million numbers (26,000 rows of 1,280) scikit-learn fits them in memory. More are streamed, see
    :mod:`tlbook.transfer.streaming`: the same objective, found in passes over blocks of rows, so that memory does not
    grow with n but for the labels. Both ways lead to the same minimum, to 1e-5 of the losses. Where a model separates
    the training set under a weak penalty, scikit-learn stops earlier on the way there, and the losses of large ``C``
    differ more; such a ``C`` is seldom chosen, but may be.

    Where d > n the penalised solution lies in the span of the training rows.
    The fit is then done in an orthonormal basis of that span, which gives the
    same solution in less time.

    Examples
    --------
    Two clouds of points in place of features:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat([0, 1], 50)
    >>> features = rng.normal(size=(100, 8)) + 3 * labels[:, None]
    >>> probe = linear_probe(features[::2], labels[::2], features[1::2], labels[1::2])
    >>> probe.logits(features).shape
    (100, 2)
    >>> float((probe.predict(features[1::2]) == labels[1::2]).mean())
    1.0
    """
    train = _table(train_features, train_labels, "train")
    validation = _table(validation_features, validation_labels, "validation", train.d)
    y, y_val = train.labels, validation.labels
    n_classes = int(max(y.max(), y_val.max())) + 1
    missing = sorted(set(range(n_classes)) - set(np.unique(y).tolist()))
    if len(np.unique(y)) < 2:
        raise ValueError(f"All {len(y)} training labels are class {y[0]}; a probe needs two classes or more.")
    if missing:
        raise ValueError(f"No training example of class {', '.join(map(str, missing))}.")
    if class_weight is not None:
        one_of(class_weight, "class_weight", ["balanced"])
    grid = np.unique(np.atleast_1d(np.asarray(C, dtype=np.float64)))
    if grid.ndim != 1 or not len(grid) or not np.all(np.isfinite(grid)) or grid[0] <= 0:
        raise ValueError(f"C={C!r}: give positive numbers.")

    # On one thread: as fast or faster for matrices of this size, and the same
    # digits whatever the number of cores.
    with threadpool_limits(limits=1):
        if max(train.n, validation.n) * train.d <= LARGEST_IN_MEMORY:
            given = train.in_memory(), y, validation.in_memory(), y_val
            return _fit(*given, n_classes, grid, class_weight, max_iter)
        found = streaming.fit(train, validation, n_classes, grid.tolist(), class_weight is not None, max_iter)
    return Probe(
        found.weights.astype(np.float32),
        found.bias.astype(np.float32),
        found.C,
        found.losses,
        found.scores,
        train.n,
        found.n_constant,
    )


def _fit(
    x: NDArray[np.float64],
    y: NDArray[np.int64],
    x_val: NDArray[np.float64],
    y_val: NDArray[np.int64],
    n_classes: int,
    grid: NDArray[np.float64],
    class_weight: str | None,
    max_iter: int,
) -> Probe:
    varying = streaming.varying(x.std(axis=0), np.abs(x).max(axis=0))
    scaler = StandardScaler().fit(x[:, varying])
    z, z_val = scaler.transform(x[:, varying]), scaler.transform(x_val[:, varying])
    basis = None
    if z.shape[1] > z.shape[0]:
        # Its columns are orthonormal and span the rows of z, also where some of these depend on others.
        basis, coordinates = np.linalg.qr(z.T)
        z, z_val = coordinates.T, z_val @ basis

    losses, scores, fits = {}, {}, {}
    model = LogisticRegression(tol=1e-6, max_iter=max_iter, warm_start=True, class_weight=class_weight)
    weight = None if class_weight is None else compute_sample_weight(class_weight, y_val)
    for c in grid:
        model.set_params(C=c)
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                model.fit(z, y)
            except ConvergenceWarning as error:
                raise streaming.not_converged(c, max_iter) from error
        loss = log_loss(y_val, model.predict_proba(z_val), labels=model.classes_, sample_weight=weight)
        losses[float(c)], scores[float(c)] = float(loss), float(np.mean(model.predict(z_val) == y_val))
        fits[float(c)] = model.coef_.copy(), model.intercept_.copy()

    chosen = min(losses, key=losses.__getitem__)
    coef, intercept = fits[chosen]
    if n_classes == 2:
        coef, intercept = np.vstack([-coef, coef]) / 2, np.concatenate([-intercept, intercept]) / 2
    if basis is not None:
        coef = coef @ basis.T
    weights = np.zeros((x.shape[1], n_classes))
    weights[varying] = (coef / scaler.scale_).T
    bias = intercept - scaler.mean_ @ weights[varying]
    return Probe(
        weights.astype(np.float32), bias.astype(np.float32), chosen, losses, scores, len(y), int(np.sum(~varying))
    )


def _table(features: Any, labels: Any, name: str, width: int | None = None) -> streaming.Table:
    """Features and labels that were given as arrays, or as a sequence of them."""
    if isinstance(features, Sequence) and len(features) and np.ndim(features[0]) == 2:
        if not isinstance(labels, Sequence):
            raise ValueError(f"{name}_features are {len(features)} arrays; give {name}_labels as a sequence, too.")
        return streaming.Table(features, labels, name, width)
    array = features if isinstance(features, np.ndarray) else np.asarray(features, dtype=np.float64)
    return streaming.Table([array], [labels], name, width)


def _features(features: ArrayLike, name: str, width: int | None = None) -> NDArray[np.float64]:
    array = np.asarray(features, dtype=np.float64)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} has shape {array.shape}; (n, d) with n, d >= 1 is needed.")
    if width is not None and array.shape[1] != width:
        raise ValueError(f"{name} has {array.shape[1]} columns where {width} are expected.")
    if not np.all(np.isfinite(array)):
        bad = int(np.sum(~np.isfinite(array).all(axis=1)))
        raise ValueError(f"{name} holds NaN or infinite values in {bad} of {len(array)} rows.")
    return array
