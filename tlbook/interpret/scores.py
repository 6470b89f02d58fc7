"""How well heat maps agree with masks of what is there, and with each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, stats

from tlbook._checks import whole
from tlbook.evaluation import Estimate, bootstrap, wilson


@dataclass(frozen=True)
class MaskScore:
    """Heat maps scored against masks.

    Attributes
    ----------
    name : str
        What was measured.
    values : ndarray of float64, shape (n,)
        One score for each image, 0 to 1; NaN where the image was left out.
    areas : ndarray of float64, shape (n,)
        Share of the image that would count as inside: the score to expect of
        a map that holds no information.
    others : ndarray of float64, shape (n,)
        What each map scores against the masks of the other images, on average: the
        score of a map that knows where such things usually are, and nothing of
        this image. NaN where the image was left out.
    estimate : Estimate
        Mean score with its interval over images.
    chance : float
        Mean area over the same images.
    gain : Estimate
        Mean of score minus area with its bootstrap interval over images, in points.
        Above zero: better than a map that holds no information.
    lift : Estimate
        The same for score minus ``others``. Above zero: the maps follow the
        image, and do more than point at the middle. (The interval takes images as
        independent; ``others`` makes them so only nearly.)
    blank : int
        Maps without any heat.
    left_out : int
        Images that were not scored.
    """

    name: str
    values: NDArray[np.float64]
    areas: NDArray[np.float64]
    others: NDArray[np.float64]
    estimate: Estimate
    chance: float
    gain: Estimate
    lift: Estimate
    blank: int
    left_out: int

    @property
    def elsewhere(self) -> float:
        """Mean of ``others``: what the maps score on the masks of other images."""
        kept = self.others[~np.isnan(self.others)]
        return float(kept.mean()) if kept.size else float("nan")

    def __str__(self) -> str:
        text = f"{self.name}: {self.estimate}, chance {100 * self.chance:.1f} %, n = {self.estimate.n}"
        notes = [f"{count} {what}" for count, what in ((self.blank, "blank"), (self.left_out, "left out")) if count]
        return text + (f" ({', '.join(notes)})" if notes else "")


def _checked(heatmaps: ArrayLike, masks: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    heat, inside = np.asarray(heatmaps), np.asarray(masks)
    if heat.ndim != 3 or not heat.size:
        raise ValueError(f"heatmaps have shape {heat.shape}; (n, height, width) with n ≥ 1 is needed")
    if inside.shape != heat.shape:
        raise ValueError(
            f"heatmaps have shape {heat.shape} and masks {inside.shape}; both must be (n, height, width) "
            "(grad_cam(upsample=True) gives maps of the images' size)"
        )
    if inside.dtype != bool:
        raise ValueError(f"masks are of type bool; got {inside.dtype}")
    if heat.dtype.kind not in "biuf" or not np.isfinite(heat).all():
        raise ValueError("heatmaps must be finite real numbers")
    return np.maximum(heat.astype(np.float64), 0), inside


def _peak(heat: NDArray[np.float64]) -> tuple[int, int]:
    """Place of the largest value; of several, the one nearest to their middle.

    Interpolation makes small plateaus, and the first of their pixels would lie to the upper left.
    """
    places = np.argwhere(heat == heat.max())
    return tuple(places[np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1))])


def _mean(values: NDArray[np.float64], *, unit: str = "%") -> Estimate:
    if len(values) < 2:
        value = float(values[0]) if len(values) else float("nan")
        whole = (-1.0, 1.0) if unit == "points" else (0.0, 1.0)
        return Estimate(value, *whole, len(values), unit=unit)
    return bootstrap(np.mean, values, vectorized=True, unit=unit)


def _others(heat: NDArray[np.float64], inside: NDArray[np.bool_], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of each map that lies inside the masks of the other images kept, averaged over these."""
    n = int(kept.sum())
    if n < 2:
        return np.full(len(heat), np.nan)
    total = inside[kept].sum(axis=0)
    mean = (total - inside) / (n - 1)  # without its own; only read where kept
    weight = heat.sum(axis=(1, 2))
    shares = (heat * mean).sum(axis=(1, 2)) / np.where(weight > 0, weight, 1)
    return np.where(kept, shares, np.nan)


def _score(
    name: str,
    values: NDArray[np.float64],
    heat: NDArray[np.float64],
    inside: NDArray[np.bool_],
    blank: NDArray[np.bool_],
) -> MaskScore:
    kept = ~np.isnan(values)
    scored, areas, others = values[kept], inside.mean(axis=(1, 2)), _others(heat, inside, kept)
    shares = name == "pointing game"
    return MaskScore(
        name,
        values,
        areas,
        others,
        wilson(int(scored.sum()), len(scored)) if shares else _mean(scored),
        float(areas[kept].mean()) if kept.any() else float("nan"),
        _mean(scored - areas[kept], unit="points"),
        _mean(scored - others[kept], unit="points"),
        int(blank.sum()),
        int((~kept).sum()),
    )


def pointing_game(heatmaps: ArrayLike, masks: ArrayLike, *, tolerance: int = 0) -> MaskScore:
    """Share of the images whose hottest pixel lies inside the mask (Zhang et al. 2018).

    Parameters
    ----------
    heatmaps : array_like, shape (n, height, width)
        What is negative counts as 0.
    masks : array_like of bool, shape (n, height, width)
    tolerance : int
        A point so many pixels away from the mask (Euclidean) still counts as inside;
        the paper uses 15 on photographs.

    Returns
    -------
    MaskScore
        ``values`` are 0 and 1, the interval is Wilson's. A map without heat points
        nowhere and is a miss; an image whose mask is empty
        is left out. Of several equal maxima the one nearest to their middle
        counts.

    Raises
    ------
    ValueError
        Shapes or types that do not fit; a negative tolerance.

    Examples
    --------
    Two heat maps, the first hottest inside the mask and the second outside:

    >>> import numpy as np
    >>> masks = np.zeros((2, 8, 8), bool)
    >>> masks[:, 2:5, 2:5] = True
    >>> heat = np.zeros((2, 8, 8))
    >>> heat[0, 3, 3] = heat[1, 7, 7] = 1.0
    >>> pointing_game(heat, masks).values
    array([1., 0.])
    """
    heat, inside = _checked(heatmaps, masks)
    whole(tolerance, "tolerance", 0, of="pixels")
    full = np.atleast_1d(inside.any(axis=(1, 2)))
    if tolerance:
        inside = np.stack(
            [
                ndimage.distance_transform_edt(~mask) <= tolerance if any_ else mask
                for mask, any_ in zip(inside, full, strict=True)
            ]
        )
    blank = heat.max(axis=(1, 2)) <= 0
    points = np.zeros(heat.shape)
    for i in np.flatnonzero(~blank):
        points[i][_peak(heat[i])] = 1
    values = np.where(full, (points * inside).sum(axis=(1, 2)), np.nan)
    return _score("pointing game", values, points, inside, blank & full)


def energy_inside(heatmaps: ArrayLike, masks: ArrayLike) -> MaskScore:
    """Share of the heat that lies inside the mask (Wang et al. 2020, section 4.3).

    Parameters
    ----------
    heatmaps : array_like, shape (n, height, width)
        What is negative counts as 0.
    masks : array_like of bool, shape (n, height, width)

    Returns
    -------
    MaskScore
        The interval is a bootstrap over images. Maps without heat and images
        whose mask is empty are left out. A uniform map scores its mask's area.

    Raises
    ------
    ValueError
        Shapes or types that do not fit.
    """
    heat, inside = _checked(heatmaps, masks)
    total = heat.sum(axis=(1, 2))
    blank, full = total <= 0, inside.any(axis=(1, 2))
    share = (heat * inside).sum(axis=(1, 2)) / np.where(blank, 1, total)
    values = np.where(blank | ~full, np.nan, share)
    return _score("energy inside", values, heat, inside, blank & full)


def lift_difference(first: MaskScore, second: MaskScore) -> Estimate:
    """By how much more the maps of one method follow their own image than those of another.

    Parameters
    ----------
    first, second : MaskScore
        Of the same images and masks, in the same order, by the same score.

    Returns
    -------
    Estimate
        Mean over images of the difference of their lifts (``values`` minus
        ``others``), in points, with a paired bootstrap interval: above zero where the first
        follows better. Images that either left out do not count.

    Raises
    ------
    ValueError
        Different scores, masks or numbers of images.
    """
    if first.name != second.name or not np.array_equal(first.areas, second.areas):
        raise ValueError(
            f"two scores of one kind over the same masks are needed; got {first.name} of {len(first.values)} images "
            f"and {second.name} of {len(second.values)}"
        )
    differences = (first.values - first.others) - (second.values - second.others)
    return _mean(differences[~np.isnan(differences)], unit="points")


def rank_correlation(heatmaps: ArrayLike, others: ArrayLike) -> Estimate:
    """Mean over images of Spearman's rank correlation between two heat maps.

    The measure of Adebayo et al. (2018) for their sanity check: does a map stay
    the same when the network's weights are drawn anew?

    Parameters
    ----------
    heatmaps, others : array_like, shape (n, height, width)

    Returns
    -------
    Estimate
        From −1 to 1, with a bootstrap interval over images. A pair in which a map is
        constant has no correlation and is left out.

    Raises
    ------
    ValueError
        Shapes that do not fit.
    """
    first, second = np.asarray(heatmaps, np.float64), np.asarray(others, np.float64)
    if first.ndim != 3 or first.shape != second.shape or not first.size:
        raise ValueError(f"two arrays (n, height, width) of one shape are needed; got {first.shape} and {second.shape}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("heat maps must be finite")
    a, b = first.reshape(len(first), -1), second.reshape(len(second), -1)
    kept = (np.ptp(a, axis=1) > 0) & (np.ptp(b, axis=1) > 0)
    values = np.array([stats.spearmanr(x, y).statistic for x, y in zip(a[kept], b[kept], strict=True)])
    if len(values) < 2:
        return Estimate(float(values[0]) if len(values) else float("nan"), -1.0, 1.0, len(values), unit="")
    return bootstrap(np.mean, values, vectorized=True, unit="")
