"""Photos unlike all that a model was trained on: refused by their distance to the class means.

The score is :class:`tlbook.evaluation.ClassMeans`, on the features that the head takes. The logits would not do: with two classes
they lie on a line, and a photo of a third class gets a sure answer as often as one of the two. On the sketches, a threshold that
accepts 95 % of the known drawings accepts 19 % of those of 22 other species by this distance, and 91 % by the energy of the
logits (``tests/tlbook/classifier/test_unknown.py`` asks again). Needs NumPy alone, since it answers beside the graph.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlbook.classifier.errors import InputError, sentence

__all__ = ["LEAST", "TRUE_ACCEPTS", "Known", "fit"]

TRUE_ACCEPTS = 0.95
"""Share of photos of the known classes that are accepted, on average."""

LEAST = 19
"""Validation photos that it takes to choose a threshold for that share."""

_SCORE = "distance to class means"


@dataclass(frozen=True, eq=False)
class Known:
    """What the known classes look like.

    Attributes
    ----------
    means : ndarray of float32, shape (N, d)
    precision : ndarray of float32, shape (d, d)
        Inverse of the covariance that the classes share.
    threshold : float
        A photo is known if its score is at least this.
    """

    means: NDArray[np.float32]
    precision: NDArray[np.float32]
    threshold: float

    def score(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """Minus the squared Mahalanobis distance to the nearest class mean, (n,), of features (n, d)."""
        precision, means = self.precision.astype(np.float64), self.means.astype(np.float64)
        centre = means.mean(axis=0)  # else what is squared would be large beside what is left of it
        x, means = np.asarray(features, np.float64) - centre, means - centre
        turned, own = x @ precision, np.sum((means @ precision) * means, axis=1)
        return -np.min(np.sum(turned * x, axis=1)[:, None] - 2 * turned @ means.T + own, axis=1)

    def unknown(self, features: NDArray[Any]) -> NDArray[np.bool_]:
        """Which photos, of features (n, d), are unlike all that are known."""
        return self.score(features) < self.threshold

    def about(self) -> dict[str, Any]:
        """What the model file keeps; :meth:`read` is the inverse."""
        return {
            "score": _SCORE,
            "threshold": self.threshold,
            "shape": list(self.means.shape),
            "means": _packed(self.means),
            "precision": _packed(self.precision),
        }

    @classmethod
    def read(cls, about: dict[str, Any]) -> Known:
        """From a model file."""
        if about["score"] != _SCORE:
            raise InputError(
                f"the model refuses photos by {about['score']!r}, which this version of tlbook does not know"
            )
        n, d = about["shape"]
        means, precision = (np.frombuffer(base64.b64decode(about[key]), "<f4") for key in ("means", "precision"))
        return cls(means.reshape(n, d), precision.reshape(d, d), float(about["threshold"]))


def _packed(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode("ascii")


def fit(train: NDArray[Any], labels: NDArray[Any], validation: NDArray[Any]) -> Known:
    """Fit class means on training features (n, d), and the threshold on those of validation photos.

    Raises
    ------
    InputError
        Too few validation photos, or features that do not vary.
    """
    from tlbook import evaluation

    try:
        found = evaluation.class_means(train, labels)
        plain = Known(found.means.astype(np.float32), found.precision.astype(np.float32), 0.0)
        threshold = evaluation.acceptance_threshold(plain.score(validation), true_accepts=TRUE_ACCEPTS)
    except ValueError as error:
        raise InputError(f"--unknown: {sentence(error)}") from error
    return Known(plain.means, plain.precision, threshold)
