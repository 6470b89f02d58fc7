"""Which pretrained network suits a data set, estimated before anything is trained: scores, and cross-validation.

Scores rank networks on one data set. They are no accuracies, and their sizes mean nothing across data sets.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from sklearn.covariance import ledoit_wolf
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tlbook._checks import number, whole
from tlbook.evaluation.inputs import class_probabilities, classes

__all__ = ["h_score", "knn_predictions", "leep", "logme", "probe_predictions"]

_LEAST = 1e-10  # ratio of noise to signal that LogME tries, against the largest squared singular value


def _matched(features: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features (n, d) and labels (n,) of two classes or more."""
    x, y = np.asarray(features, np.float64), classes(labels)
    if x.ndim != 2 or len(x) != len(y) or not x.size:
        raise ValueError(
            f"features must have shape (n, d), a row for each of {len(y)} labels, but have shape {x.shape}"
        )
    if not np.isfinite(x).all():
        raise ValueError("features hold NaN or infinite values")
    present, y = np.unique(y, return_inverse=True)
    if len(present) < 2:
        raise ValueError(f"all {len(y)} labels are class {present[0]}; two classes or more are needed")
    return x, y


def logme(features: ArrayLike, labels: ArrayLike) -> float:
    r"""Logarithm of maximum evidence (You et al. 2021): how well a Bayesian linear regression explains the labels.

    For each class the labels, 1 or 0, are seen as :math:`y = F w + \varepsilon` with :math:`w \sim N(0, \alpha^{-1} I)` and
    :math:`\varepsilon \sim N(0, \beta^{-1} I)`. The density of y with w integrated out, at the :math:`\alpha` and
    :math:`\beta` that make it greatest, is the evidence.

    Parameters
    ----------
    features : array_like of float, shape (n, d)
        Of one frozen network, not standardised.
    labels : array_like of int, shape (n,)

    Returns
    -------
    float
        Log evidence for each image, in nats, averaged over the classes; higher is better.

    Raises
    ------
    ValueError
        Shapes that do not match, values that are not finite, one class alone.

    Notes
    -----
    You, Liu, Wang, Long, "LogME: practical assessment of pre-trained models for transfer learning", ICML 2021. They
    find :math:`\alpha` and :math:`\beta` by fixed points; here the best :math:`\alpha` for each :math:`\alpha / \beta` is in
    closed form, and that ratio is searched.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat([0, 1], 50)
    >>> noise = rng.normal(size=(100, 8))
    >>> logme(noise + 2 * labels[:, None], labels) > logme(noise, labels)
    True
    """
    x, y = _matched(features, labels)
    u, singular, _ = np.linalg.svd(x, full_matrices=False)
    targets = np.eye(y.max() + 1)[y]
    return float(np.mean([_log_evidence(u.T @ target, singular**2, target) for target in targets.T]))


def _log_evidence(z: NDArray[np.float64], s: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Greatest log evidence for each row; z are y's coordinates in the features' span, s the squared singular values.

    With r = alpha / beta the best alpha is n / q, q being the sum of z^2 / (s + r) and of what lies outside the span,
    over r. So one number is left to search, and nothing grows without bounds where features fit the labels exactly.
    """
    n, outside = len(y), max(float(y @ y - z @ z), 0.0)

    def evidence(log_ratio: float) -> float:
        ratio = np.exp(log_ratio)
        q = np.sum(z**2 / (s + ratio)) + outside / ratio
        determinant = np.sum(np.log(s + ratio)) + (n - len(s)) * log_ratio
        return float(n * np.log(n / (2 * np.pi * q)) - n - determinant) / (2 * n)

    grid = np.log(s.max()) + np.linspace(np.log(_LEAST), -np.log(_LEAST), 200)
    best = grid[np.argmax([evidence(one) for one in grid])]
    step = grid[1] - grid[0]
    found = minimize_scalar(lambda one: -evidence(one), bounds=(best - step, best + step), method="bounded")
    return -float(found.fun)


def leep(labels: ArrayLike, probabilities: ArrayLike) -> float:
    r"""Log expected empirical prediction (Nguyen et al. 2020): what the old head says of the new classes.

    :math:`\frac1n \sum_i \log \sum_z \hat P(y_i \mid z)\, p_z(x_i)`, where :math:`p_z` are the probabilities that the network
    gives its own classes z, and :math:`\hat P(y \mid z)` is how often label y comes with z in these images.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        Of the new data set.
    probabilities : array_like of float, shape (n, N)
        Of the classes of the pretraining; each row adds up to 1.

    Returns
    -------
    float
        In nats, at most 0; higher is better.

    Raises
    ------
    ValueError
        Shapes that do not match, rows that are no probabilities.

    Notes
    -----
    Nguyen, Hassner, Seeger, Archambeau, "LEEP: a new measure to evaluate transferability of learned representations", ICML 2020,
    equation 2.

    Examples
    --------
    Source classes that settle the label say all; those that are the same for every image leave the labels' entropy:

    >>> leep([0, 1], [[1.0, 0.0], [0.0, 1.0]])
    0.0
    >>> round(leep([0, 1], [[0.5, 0.5], [0.5, 0.5]]), 4)
    -0.6931
    """
    y = classes(labels)
    p = np.asarray(probabilities, np.float64)
    if p.ndim != 2 or len(p) != len(y):
        raise ValueError(f"probabilities must have shape (n, N), a row for each of {len(y)} labels, not {p.shape}")
    _, p = class_probabilities(np.zeros(len(y), int), p)
    joint = np.eye(y.max() + 1)[y].T @ p / len(y)
    source = joint.sum(axis=0)
    conditional = np.divide(joint, source, out=np.zeros_like(joint), where=source > 0)
    return float(np.mean(np.log(np.sum(conditional[y] * p, axis=1))))


def h_score(features: ArrayLike, labels: ArrayLike) -> float:
    r"""H-score with shrinkage (Bao et al. 2019, Ibrahim et al. 2022): variance between the classes against variance.

    :math:`(1 - \alpha) \operatorname{tr}(\Sigma_\alpha^{-1} \Sigma_B)`: :math:`\Sigma_B` is the covariance of the
    class means, :math:`\Sigma_\alpha` that of the features, shrunk by Ledoit and Wolf's :math:`\alpha`. Without
    shrinkage the score is the number of classes less 1, whatever the features, as soon as there are more features
    than images.

    Parameters
    ----------
    features : array_like of float, shape (n, d)
    labels : array_like of int, shape (n,)

    Returns
    -------
    float
        From 0 to the number of classes less 1; higher is better.

    Raises
    ------
    ValueError
        Shapes that do not match, values that are not finite, one class alone.

    Notes
    -----
    Bao et al., "An information-theoretic approach to transferability in task transfer learning", ICIP
    2019; Ibrahim, Ponomareva, Mazumder, "Newer is not always better: rethinking transferability metrics, their
    peculiarities, stability and performance", ECML PKDD 2022.
    """
    x, y = _matched(features, labels)
    x = x - x.mean(axis=0)
    covariance, shrinkage = ledoit_wolf(x)
    counts = np.bincount(y)
    means = np.stack([x[y == k].mean(axis=0) for k in range(len(counts))])
    spread = np.linalg.solve(covariance, means.T)
    return float((1 - shrinkage) * np.sum(counts / len(y) * np.einsum("kd,dk->k", means, spread)))


def _folds(y: NDArray[np.int64], folds: int, seed: int) -> StratifiedKFold:
    folds = whole(folds, "folds", 2)
    fewest = int(np.bincount(y).min())
    if fewest < folds:
        raise ValueError(f"{folds} folds need {folds} images of every class or more; one class has {fewest}")
    return StratifiedKFold(folds, shuffle=True, random_state=seed)


def _cross_validated(model: Any, features: ArrayLike, labels: ArrayLike, folds: int, seed: int) -> NDArray[np.int64]:
    """Class of each image by a scikit-learn classifier that was fitted on the other folds."""
    x, y = _matched(features, labels)
    return np.unique(classes(labels))[cross_val_predict(model, x, y, cv=_folds(y, folds, seed))]


def knn_predictions(
    features: ArrayLike, labels: ArrayLike, *, k: int = 5, folds: int = 5, seed: int = 0
) -> NDArray[np.int64]:
    """Class of each image by vote of its nearest neighbours in the other folds (by cosine; ``KNeighborsClassifier``).

    Parameters
    ----------
    features : array_like of float, shape (n, d)
    labels : array_like of int, shape (n,)
    k : int
        Neighbours that vote.
    folds : int
    seed : int
        Of the folds; the same seed gives the folds of :func:`probe_predictions`.

    Returns
    -------
    ndarray of int64, shape (n,)

    Raises
    ------
    ValueError
        As :func:`logme`, or a class with fewer images than folds.
    """
    return _cross_validated(KNeighborsClassifier(whole(k, "k"), metric="cosine"), features, labels, folds, seed)


def probe_predictions(
    features: ArrayLike, labels: ArrayLike, *, C: float = 0.01, folds: int = 5, seed: int = 0
) -> NDArray[np.int64]:
    """Class of each image by a linear probe that was fitted on the other folds.

    Parameters
    ----------
    features : array_like of float, shape (n, d)
        Standardised within each fold.
    labels : array_like of int, shape (n,)
    C : float
        Inverse strength of the penalty. One value for all networks: choosing it would take a set of its own.
    folds : int
    seed : int
        Of the folds: with the same seed and labels, networks are compared on the same folds, image by image
        (:func:`~tlbook.evaluation.compare_all`).

    Returns
    -------
    ndarray of int64, shape (n,)

    Raises
    ------
    ValueError
        As :func:`logme`, or a class with fewer images than folds.
    """
    model = make_pipeline(StandardScaler(), LogisticRegression(C=number(C, "C", 0, ends="()"), max_iter=2000))
    return _cross_validated(model, features, labels, folds, seed)
