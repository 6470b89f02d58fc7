"""The figure of the chapter on feature extraction: how strong the penalty of a probe should be."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from tlbook.plotting.style import PALETTE, new_figure, styled

__all__ = ["penalty_curve"]


@styled
def penalty_curve(losses: Mapping[float, float], scores: Mapping[float, float], chosen: float) -> Figure:
    """Validation loss (left) and accuracy (right) of a linear probe against C, the inverse strength of its penalty.

    Parameters
    ----------
    losses, scores : mapping of float to float
        Cross-entropy in nats and accuracy in [0, 1] for each C: ``Probe.validation_losses`` and
        ``Probe.validation_scores``.
    chosen : float
        The C that was taken; marked in both.

    Raises
    ------
    ValueError
        If the chosen C is not among the scores.
    """
    if chosen not in losses or set(losses) != set(scores):
        raise ValueError(f"chosen={chosen!r} is not among the values of C tried: {sorted(losses)}; {sorted(scores)}")
    values = sorted(losses)
    figure, (panels,) = new_figure(7.5, 2.9, columns=2)
    for axes, heights, name in (
        (panels[0], losses, "validation loss (nats)"),
        (panels[1], {c: 100 * scores[c] for c in values}, "validation accuracy (%)"),
    ):
        axes.plot(values, [heights[c] for c in values], marker="o", color=PALETTE["blue"])
        mark = {"xytext": (0, 12), "textcoords": "offset points", "ha": "center", "color": PALETTE["vermilion"]}
        axes.plot([chosen], [heights[chosen]], marker="D", markersize=10, color=PALETTE["vermilion"], linestyle="")
        axes.annotate(f"C = {chosen:.2g}", (chosen, heights[chosen]), **mark)
        axes.set(xscale="log", xlabel="C (strong penalty left, weak right)", ylabel=name)
        axes.margins(y=0.2)
    return figure
