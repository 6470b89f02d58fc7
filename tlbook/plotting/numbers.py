"""What a model that gives numbers is off by."""

from __future__ import annotations

from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from tlbook._checks import some
from tlbook.plotting.style import DOTTED, PALETTE, new_figure, styled

__all__ = ["residuals"]


@styled
def residuals(
    truth: ArrayLike, errors: ArrayLike, *, xlabel: str = "truth", width: float = 4.6, height: float = 3.4
) -> Figure:
    """Errors against the truth, a dot an image; on the dotted line the answer is right.

    A slope says that large values come out too small and small ones too large, a funnel that the errors grow with the value.

    Parameters
    ----------
    truth, errors : array_like, shape (n,)
        Errors are answer minus truth.
    xlabel : str
        Name and unit of the number.
    """
    import numpy as np

    x, y = np.asarray(truth, dtype=float), np.asarray(errors, dtype=float)
    some(x, "residuals", "image")
    figure, axes = new_figure(width, height)
    (panel,) = axes.flat
    panel.scatter(x, y, s=14, color=next(iter(PALETTE.values())), alpha=0.7, linewidths=0)
    panel.axhline(0, **DOTTED)
    reach = 1.1 * float(np.abs(y).max()) or 1.0
    panel.set_ylim(-reach, reach)
    panel.set_xlabel(xlabel)
    panel.set_ylabel("answer − truth")
    return figure
