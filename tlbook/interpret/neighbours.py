"""Images that are close in a network's features: nearest neighbours, and maps in two dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from tlbook._checks import number, one_of, whole


def _rows(features: Any, what: str, least: int = 1) -> NDArray[Any]:
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim != 2 or 0 in rows.shape or len(rows) < least:
        raise ValueError(f"{what} has shape {rows.shape}; (n, d) with n ≥ {least} and d ≥ 1 is needed")
    if not np.isfinite(rows).all():
        raise ValueError(f"{what} holds NaN or infinite values")
    return rows


def nearest_neighbours(
    features: ArrayLike, query: ArrayLike, k: int = 5, *, metric: str = "cosine"
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k rows of `features` nearest to each row of `query`, nearest first.

    Parameters
    ----------
    features : array_like, shape (n, d)
        Of the images to search in.
    query : array_like, shape (m, d)
        Of the images to search for. An image that is in both is its own nearest
        neighbour.
    k : int
        At most n.
    metric : {"cosine", "euclidean"}
        The cosine distance is one minus the cosine of the angle between two
        vectors: their lengths do not count. A vector of zeros has distance 1 from
        all.

    Returns
    -------
    indices : ndarray of int64, shape (m, k)
        Rows of `features`.
    distances : ndarray of float64, shape (m, k)

    Raises
    ------
    ValueError
        Shapes that do not match; k out of range; another metric.

    Examples
    --------
    >>> indices, distances = nearest_neighbours([[1, 0], [0, 1], [1, 1]], [[2, 0.1]], k=2)
    >>> indices
    array([[0, 2]])
    """
    rows, wanted = _rows(features, "features"), _rows(query, "query")
    if rows.shape[1] != wanted.shape[1]:
        raise ValueError(
            f"features have {rows.shape[1]} columns and query {wanted.shape[1]}; both must be of one network"
        )
    k = whole(k, "k", 1, len(rows), hint="the number of rows")
    one_of(metric, "metric", ("cosine", "euclidean"))
    search = NearestNeighbors(n_neighbors=k, metric=metric, algorithm="brute").fit(rows)
    distances, indices = search.kneighbors(wanted)
    return indices.astype(np.int64), distances


def embed(
    features: ArrayLike, method: str = "pca", *, standardise: bool = True, perplexity: float = 30.0, seed: int = 0
) -> NDArray[np.float32]:
    """A map of features in two dimensions, made without labels.

    Parameters
    ----------
    features : array_like, shape (n, d)
        n ≥ 3.
    method : {"pca", "tsne"}
        Principal components are a linear view, the plane in which the points
        spread most. t-SNE (van der Maaten and Hinton 2008) keeps neighbours
        together; distances between its clumps, and their sizes, mean nothing.
    standardise : bool, default True
        Bring every feature to mean 0 and standard deviation 1 first.
    perplexity : float
        Of t-SNE: about how many neighbours count; below n.
    seed : int

    Returns
    -------
    ndarray of float32, shape (n, 2)
        The same for the same input and seed. Rotating or mirroring the map would change nothing that matters.

    Raises
    ------
    ValueError
        Too few rows; another method; perplexity out of range.
    """
    rows = _rows(features, "features", 3)
    if standardise:
        rows = StandardScaler().fit_transform(rows)
    if one_of(method, "method", ("pca", "tsne")) == "pca":
        if rows.shape[1] < 2:
            raise ValueError("features have one column; a map needs two or more")
        return PCA(n_components=2, random_state=seed).fit_transform(rows).astype(np.float32)
    number(perplexity, "perplexity", 0, len(rows), "()", hint="which ends at the number of rows")
    start = "pca" if rows.shape[1] > 1 else "random"
    return TSNE(2, perplexity=perplexity, init=start, random_state=seed).fit_transform(rows).astype(np.float32)
