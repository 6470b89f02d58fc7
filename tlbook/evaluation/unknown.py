"""Has a model met anything like this image? Scores of that, a threshold to refuse by, and what refusing costs and gains.

All scores are the larger, the better known. A threshold is chosen on validation images of the known classes alone: what will
come that is unknown is not known either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from tlbook._checks import number, whole
from tlbook.evaluation.areas import roc_auc
from tlbook.evaluation.inputs import classes, confidence_level, logit_matrix
from tlbook.evaluation.intervals import Estimate, seed_spread, wilson
from tlbook.evaluation.metrics import probabilities

__all__ = [
    "ClassMeans",
    "Neighbours",
    "Rejection",
    "RiskCoverage",
    "acceptance_threshold",
    "class_means",
    "energy",
    "max_softmax",
    "neighbours",
    "rejection",
    "risk_coverage",
]


def max_softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """The largest class probability, float64 of shape (n,), from 1/N to 1 (Hendrycks and Gimpel 2017, ICLR).

    Parameters
    ----------
    logits : array_like, shape (n, N)
    """
    return probabilities(logits).max(axis=1)


def energy(logits: ArrayLike, *, temperature: float = 1.0) -> NDArray[np.float64]:
    r"""Negative free energy, :math:`T \log \sum_k e^{z_k / T}` (Liu et al. 2020, NeurIPS).

    With two logits :math:`\pm z/2`, as a probe of two classes gives them, it grows with :math:`|z|` alone, and ranks images
    exactly as :func:`max_softmax` does.

    Parameters
    ----------
    logits : array_like, shape (n, N)
    temperature : float
        Above 0; T → 0 gives the largest logit.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    t = number(temperature, "temperature", 0, ends="()")
    return t * logsumexp(logit_matrix(logits) / t, axis=1)


def _matrix(features: ArrayLike, width: int | None = None) -> NDArray[np.float64]:
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or not x.size or width not in (None, x.shape[1]):
        raise ValueError(
            f"features must have shape (n, {width or 'd'}), a row for each image, but have shape {x.shape}"
        )
    if not np.isfinite(x).all():
        raise ValueError("features hold NaN or infinite values")
    return x


@dataclass(frozen=True, eq=False)
class ClassMeans:
    """Mean features of each class, and the inverse of the covariance that the classes share.

    Attributes
    ----------
    means : float64 array (N, d)
    precision : float64 array (d, d)
    """

    means: NDArray[np.float64]
    precision: NDArray[np.float64]

    def distances(self, features: ArrayLike) -> NDArray[np.float64]:
        """Squared Mahalanobis distance of each image to each class mean, float64 (n, N)."""
        x = _matrix(features, self.means.shape[1])
        columns = []
        for mean in self.means:
            away = x - mean
            columns.append(np.sum((away @ self.precision) * away, axis=1))
        return np.stack(columns, axis=1)

    def score(self, features: ArrayLike) -> NDArray[np.float64]:
        """Minus the distance to the nearest class mean, float64 (n,); at most 0."""
        return -self.distances(features).min(axis=1)


def class_means(features: ArrayLike, labels: ArrayLike) -> ClassMeans:
    """Fit the distance to class means of Lee et al. (2018, NeurIPS), with a covariance that has an inverse.

    One covariance for all classes, of the features less their class mean, shrunk towards a multiple of the identity as by
    Ledoit and Wolf (:class:`sklearn.covariance.LedoitWolf`): with more features than images the plain one has no inverse.
    Lee and others also perturb the image and combine layers; this does neither.

    Parameters
    ----------
    features : array_like, shape (n, d)
        Of training images.
    labels : array_like of int, shape (n,)
        Every class from 0 to the largest; one class will do.

    Returns
    -------
    ClassMeans

    Raises
    ------
    ValueError
        Shapes that do not match, values that are not finite, a class without image, or features that do not vary within
        the classes.
    """
    x, y = _matrix(features), classes(labels)
    if len(x) != len(y):
        raise ValueError(f"{len(y)} labels, but features of {len(x)} images; they must be paired")
    counts = np.bincount(y)
    if not counts.all():
        raise ValueError(f"no image of class {int(np.argmin(counts))}; number the classes 0, 1, … without gaps")
    means = np.stack([x[y == k].mean(axis=0) for k in range(len(counts))])
    within = x - means[y]
    if not within.any():
        raise ValueError("the features do not vary within the classes; give several different images of a class")
    return ClassMeans(means, LedoitWolf(assume_centered=True).fit(within).precision_)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Features of known images, of length 1, in which neighbours are searched.

    Attributes
    ----------
    features : float64 array (n, d)
    k : int
    """

    features: NDArray[np.float64]
    k: int

    def score(self, features: ArrayLike) -> NDArray[np.float64]:
        """Minus the distance to the k-th nearest known image, float64 (n,), from −2 to 0."""
        x = normalize(_matrix(features, self.features.shape[1]))
        distances, _ = NearestNeighbors(n_neighbors=self.k).fit(self.features).kneighbors(x)
        return -distances[:, -1]


def neighbours(features: ArrayLike, *, k: int = 5) -> Neighbours:
    """Keep what the k-nearest-neighbour score of Sun et al. (2022, ICML) needs: known features, each of length 1.

    Parameters
    ----------
    features : array_like, shape (n, d)
        Of training images; their classes do not matter. An image that is scored must not be among them: it would be
        its own nearest neighbour.
    k : int
        Which neighbour's distance counts, 1 to n. Sun and others take 50 with 50,000 images.

    Returns
    -------
    Neighbours
    """
    x = _matrix(features)
    return Neighbours(normalize(x), whole(k, "k", 1, len(x), hint="the number of images"))


def _scores(values: ArrayLike, what: str) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        raise ValueError(f"{what} must be finite scores of shape (n,), n ≥ 1, but have shape {array.shape}")
    return array


def acceptance_threshold(scores: ArrayLike, *, true_accepts: float = 0.95) -> float:
    """The threshold (accept if score ≥ threshold) that accepts a share of new images of the known classes, on average.

    Of n validation scores it is the k-th smallest, k being the whole part of (n + 1)(1 − share): the quantile of split
    conformal prediction (Vovk et al. 2005). A new image of the same kind lies below it with a probability of at most
    k / (n + 1), whatever the score. "On average" is over validation sets too: with one of 100 images the share that is
    accepted later lies between 90 and 98 % in 19 of 20 sets.

    Parameters
    ----------
    scores : array_like, shape (n,)
        Of validation images of the known classes. Training images look better known than new ones do, and would
        put the threshold too high.
    true_accepts : float
        The share, between 0 and 1.

    Raises
    ------
    ValueError
        Fewer images than it takes to refuse any: 19 for a share of 0.95.
    """
    values = np.sort(_scores(scores, "scores"))
    share = number(true_accepts, "true_accepts", 0, 1, "()", hint="such as 0.95")
    k = int((len(values) + 1) * (1 - share) + 1e-9)
    if not k:
        least = int(np.ceil(1 / (1 - share) - 1e-9)) - 1
        raise ValueError(
            f"{len(values)} validation images: to accept {share:.0%} of the known ones takes {least} or more."
        )
    return float(values[k - 1])


@dataclass(frozen=True)
class Rejection:
    """What a threshold that was chosen on validation images does on others.

    Attributes
    ----------
    threshold : float
        Accept if score ≥ threshold.
    true_accepts, false_accepts : Estimate
        Share accepted of the known and of the unknown images.
    auroc : Estimate
        Chance that a known image scores higher than an unknown one; needs no threshold.
    """

    threshold: float
    true_accepts: Estimate
    false_accepts: Estimate
    auroc: Estimate


def rejection(
    validation: ArrayLike,
    known: ArrayLike,
    unknown: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    true_accepts: float = 0.95,
    confidence: float = 0.95,
) -> Rejection:
    """False accepts at 95 % true accepts, and the area under the ROC curve of known against unknown.

    Parameters
    ----------
    validation, known : array_like, shape (n,)
        Scores of images of the known classes: those that choose the threshold, and others that it is tried on.
    unknown : array_like, shape (m,)
        Scores of images of other classes.
    groups : array_like, shape (m,), optional
        What each unknown image belongs to (a species, the picture that it was cut from). Then ``false_accepts`` and
        ``auroc`` are means over groups, each counted once, with a t-interval over the groups, cut at 0 and 1 (Wilson's,
        where all are 0 or all are 1): it speaks of other groups, where an interval over images speaks of other images of
        these. ``n`` is the number of groups.
    true_accepts : float
        See :func:`acceptance_threshold`.
    confidence : float

    Returns
    -------
    Rejection

    Raises
    ------
    ValueError
        Scores that are not finite; one group alone.
    """
    confidence = confidence_level(confidence)
    threshold = acceptance_threshold(validation, true_accepts=true_accepts)
    inside, outside = _scores(known, "known"), _scores(unknown, "unknown")
    accepted = inside >= threshold, outside >= threshold
    mine, others = (wilson(int(one.sum()), len(one), confidence=confidence) for one in accepted)
    area = _area(inside, outside, confidence)
    if groups is not None:
        where = np.asarray(groups)
        if where.shape != outside.shape:
            raise ValueError(f"groups must have shape {outside.shape}, but has {where.shape}")
        rows = [where == one for one in np.unique(where)]
        if len(rows) < 2:
            raise ValueError("an interval over groups needs two or more; there is one")
        others = _over_groups([float(accepted[1][one].mean()) for one in rows], confidence, "%")
        area = _over_groups([_area(inside, outside[one], confidence).value for one in rows], confidence, "")
    return Rejection(threshold, mine, others, area)


def _area(known: NDArray[np.float64], unknown: NDArray[np.float64], confidence: float) -> Estimate:
    labels = np.repeat([1, 0], [len(known), len(unknown)])
    return roc_auc(labels, np.concatenate([known, unknown]), confidence=confidence)


def _over_groups(values: list[float], confidence: float, unit: str) -> Estimate:
    if set(values) in ({0.0}, {1.0}):  # no spread, and no certainty: as if each group were one image
        return replace(wilson(int(sum(values)), len(values), confidence=confidence), unit=unit)
    found = seed_spread(values, confidence=confidence)
    return Estimate(found.mean, max(found.low, 0.0), min(found.high, 1.0), found.n, confidence, unit)


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Share of errors among the answers that are given, for each share of answers.

    Attributes
    ----------
    coverage, risk, thresholds : ndarray, shape (points,)
        A point for each distinct score, in ascending coverage: answer if score ≥ threshold.
    area : float
        Mean risk over the coverages 1/n, 2/n, … 1; images of one score are answered together.
    n : int
        Number of images.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    area: float
    n: int

    def at(self, coverage: float, *, confidence: float = 0.95) -> Estimate:
        """The risk at the smallest coverage that is at least so large, with its Wilson interval over the answers."""
        wanted = number(coverage, "coverage", 0, 1, "(]")
        point = int(np.searchsorted(self.coverage, wanted - 1e-12))
        answers = round(self.coverage[point] * self.n)
        return wilson(round(self.risk[point] * answers), answers, confidence=confidence)


def risk_coverage(right: ArrayLike, scores: ArrayLike) -> RiskCoverage:
    """The risk–coverage curve of answering the best-known images only (Geifman and El-Yaniv 2017, NeurIPS).

    Parameters
    ----------
    right : array_like of bool, shape (n,)
        Whether each answer would be right; for an image of an unknown class no answer is.
    scores : array_like, shape (n,)
        The larger, the sooner it is answered.

    Returns
    -------
    RiskCoverage
        A score that knows nothing of the errors has the same risk everywhere, on average.
    """
    correct, values = np.asarray(right), _scores(scores, "scores")
    if correct.dtype != bool or correct.shape != values.shape:
        raise ValueError(f"right must be truth values of shape {values.shape}, but is {correct.dtype}, {correct.shape}")
    distinct, place = np.unique(-values, return_inverse=True)
    counts = np.bincount(place)
    answers, errors = np.cumsum(counts), np.cumsum(np.bincount(place, weights=~correct))
    risk = errors / answers
    return RiskCoverage(answers / len(values), risk, -distinct, float(risk @ counts / len(values)), len(values))
