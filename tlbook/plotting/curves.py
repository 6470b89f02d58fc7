"""One model in detail: training, confusion, calibration, thresholds, features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tlbook.evaluation import PrecisionRecall, Reliability, Roc
from tlbook.evaluation.inputs import classes
from tlbook.plotting.style import PALETTE, finished, looks, new_figure, percent_axis, style, text_on

__all__ = [
    "confusion",
    "feature_map_2d",
    "precision_recall",
    "reliability_diagram",
    "roc",
    "training_curves",
]


def _series(value: Any, kind: type, where: str) -> dict[str, Any]:
    """One result, or several by name, as a mapping."""
    several = {"": value} if isinstance(value, kind) else value
    if not isinstance(several, Mapping) or not several:
        raise ValueError(f"{where}: give a {kind.__name__} or a mapping from names to them")
    for name, one in several.items():
        if not isinstance(one, kind):
            raise ValueError(f"{where}: {name!r} is {type(one).__name__}, not {kind.__name__}")
    return dict(several)


def _curves(history: Any) -> dict[str, dict[str, list[float]]]:
    """``{"loss": {"training": […], "validation": […]}, "accuracy": …}``, without empty ones."""
    values = getattr(history, "history", history)
    if not isinstance(values, Mapping):
        values = getattr(history, "__dict__", {})
    found: dict[str, dict[str, list[float]]] = {}
    for quantity in ("loss", "accuracy"):
        for part, keys in {
            "training": (f"train_{quantity}", quantity),
            "validation": (f"validation_{quantity}", f"val_{quantity}"),
        }.items():
            for key in keys:
                if len(values.get(key, ())):
                    found.setdefault(quantity, {})[part] = list(values[key])
                    break
    if not found:
        raise ValueError(
            f"{type(history).__name__} holds neither loss nor accuracy; give what "
            "transfer.fine_tune or keras.Model.fit returns"
        )
    return found


def training_curves(history: Any, *, best_epoch: int | None = None, width: float = 6.0, height: float = 3.0) -> Figure:
    """Loss and accuracy by epoch, for training and validation images.

    Parameters
    ----------
    history : transfer.History, keras.callbacks.History, or mapping
        With ``train_loss``, ``validation_loss``, ``train_accuracy``,
        ``validation_accuracy``, or Keras's ``loss``, ``val_loss``, ``accuracy``,
        ``val_accuracy``. A panel is drawn for each of loss and accuracy that it holds.
    best_epoch : int, optional
        Marked by a vertical line; counted from 0, as in ``transfer.History``, whose
        best epoch is marked by default.

    Returns
    -------
    matplotlib.figure.Figure
        Epochs are written counting from 1.
    """
    panels = _curves(history)
    if best_epoch is None and getattr(history, "best_epoch", -1) >= 0:
        best_epoch = history.best_epoch
    with style():
        figure, axes = new_figure(width, height, 1, len(panels))
        marks = {}
        for place, (quantity, parts) in zip(axes[0], panels.items(), strict=True):
            for part, look in zip(("training", "validation"), looks(2), strict=True):
                if part in parts:
                    epochs = range(1, len(parts[part]) + 1)
                    (marks[part],) = place.plot(
                        epochs,
                        parts[part],
                        markersize=4,
                        markevery=max(1, len(epochs) // 12),
                        **look,
                    )
            if best_epoch is not None:
                marks["best epoch"] = place.axvline(best_epoch + 1, color="#666666", linestyle=":", linewidth=1.5)
            place.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
            place.set_xlabel("epoch")
            place.set_ylabel("accuracy (%)" if quantity == "accuracy" else "loss (nats)")
            if quantity == "accuracy":
                percent_axis(place)
        figure.legend(marks.values(), marks.keys(), loc="outside upper center", ncols=len(marks))
        return finished(figure)


def confusion(matrix: Any, class_names: Sequence[str], *, width: float | None = None) -> Figure:
    """A confusion matrix: counts, and in percent of the true class.

    Parameters
    ----------
    matrix : array_like of int, shape (N, N)
        ``tlbook.evaluation.confusion_matrix(labels, predictions)``: true classes
        in rows, predicted ones in columns.
    class_names : sequence of str, length N
    width : float, optional
        In inches; by default it grows with N.

    Returns
    -------
    matplotlib.figure.Figure
        Colour goes by the percentage; a true class without images is left white.

    Examples
    --------
    >>> figure = confusion([[480, 20], [35, 465]], ["cat", "dog"])
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['cat', 'dog']
    >>> figure.savefig("confusion.png")  # doctest: +SKIP
    """
    counts = np.asarray(matrix)
    size = len(class_names)
    if counts.shape != (size, size):
        raise ValueError(f"{size} class names, but a matrix of shape {counts.shape}")
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    width = width or min(6.0, 1.9 + 0.85 * size)
    with style():
        figure, ((axes,),) = new_figure(width, width * 0.86)
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        written = size <= 12  # beyond that the numbers would not be readable
        for row in range(size if written else 0):
            for column in range(size):
                share = shares[row, column]
                text = f"{counts[row, column]:,}"
                if totals[row, 0] and size <= 6:
                    text += f"\n{100 * share:.0f} %"
                axes.text(
                    column,
                    row,
                    text,
                    ha="center",
                    va="center",
                    fontsize=11 if size <= 6 else 9,
                    color=text_on(image.cmap(image.norm(share))),
                )
        turned = max(map(len, class_names)) * size > 40
        axes.set_xticks(range(size), class_names)
        axes.set_yticks(range(size), class_names)
        if turned:
            axes.tick_params(axis="x", rotation=45)
            for label in axes.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor")
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        if not written:
            figure.colorbar(
                image,
                ax=axes,
                label="share of the true class (%)",
                shrink=0.8,
                format=lambda value, _: f"{100 * value:.0f}",
            )
        return finished(figure)


def reliability_diagram(
    results: Reliability | Mapping[str, Reliability], *, width: float = 6.0, height: float = 4.4
) -> Figure:
    """Accuracy against confidence, with intervals, over the number of images in each bin.

    On the diagonal, "90 % sure" comes true nine times in ten; below it the
    model is over-confident.

    Parameters
    ----------
    results : Reliability, or mapping of str to Reliability
        ``tlbook.evaluation.reliability(labels, probabilities)``, e.g. before and
        after temperature scaling.

    Returns
    -------
    matplotlib.figure.Figure
    """
    several = _series(results, Reliability, "reliability_diagram")
    with style():
        figure, axes = new_figure(width, height, 2, 1, sharex=True, height_ratios=[3, 1])
        upper, lower = axes[:, 0]
        upper.plot([0, 1], [0, 1], color="#666666", linestyle=":", linewidth=1.5, zorder=1)
        start = 1.0
        for (name, one), look in zip(several.items(), looks(len(several)), strict=True):
            filled = one.counts > 0
            x, y = one.confidence[filled], one.accuracy[filled]
            start = min(start, float(x.min()))
            below = np.maximum(0, y - one.low[filled])
            above = np.maximum(0, one.high[filled] - y)
            label = f"{name}, ECE {100 * one.ece:.1f} %" if name else f"ECE {100 * one.ece:.1f} %"
            upper.errorbar(
                x,
                y,
                yerr=[below, above],
                label=label,
                capsize=2,
                elinewidth=1.2,
                markersize=5,
                linewidth=1.5,
                **look,
            )
            middles, widths = (one.edges[1:] + one.edges[:-1]) / 2, np.diff(one.edges)
            if len(several) == 1:
                lower.bar(middles, one.counts, width=np.maximum(widths, 0.004), color="#56B4E9")
            else:  # outlines, since filled bars would hide each other
                lower.stairs(
                    one.counts,
                    one.edges,
                    color=look["color"],
                    linestyle=look["linestyle"],
                    linewidth=1.5,
                    baseline=0,
                )
        upper.set_xlim(max(0.0, start - 0.05), 1.01)
        upper.set_ylim(-0.02, 1.02)
        upper.set_ylabel("accuracy (%)")
        upper.legend(loc="lower right" if start > 0.3 else "upper left")
        lower.set_ylabel("images")
        lower.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=3))
        lower.set_xlabel("confidence of the predicted class (%)")
        percent_axis(upper)
        percent_axis(lower, "x")
        return finished(figure)


def roc(results: Roc | Mapping[str, Roc], *, width: float = 4.6, height: float = 4.2) -> Figure:
    """ROC curves with their areas; the dotted diagonal is guessing.

    Parameters
    ----------
    results : Roc, or mapping of str to Roc
        ``tlbook.evaluation.roc_curve(labels, scores)``.
    """
    several = _series(results, Roc, "roc")
    with style():
        figure, ((axes,),) = new_figure(width, height)
        axes.plot([0, 1], [0, 1], color="#666666", linestyle=":", linewidth=1.5)
        for (name, one), look in zip(several.items(), looks(len(several)), strict=True):
            label = f"{name}, area {one.area:.3f}" if name else f"area {one.area:.3f}"
            axes.plot(
                one.false_positive_rate,
                one.true_positive_rate,
                label=label,
                color=look["color"],
                linestyle=look["linestyle"],
            )
        axes.set_aspect("equal")
        axes.set_xlabel("false positive rate (%)")
        axes.set_ylabel("true positive rate (%)")
        percent_axis(axes, "x")
        percent_axis(axes)
        axes.legend(loc="lower right")
        return finished(figure)


def precision_recall(
    results: PrecisionRecall | Mapping[str, PrecisionRecall],
    *,
    width: float = 4.6,
    height: float = 4.2,
) -> Figure:
    """Precision–recall curves with their areas; the dotted line is guessing.

    Parameters
    ----------
    results : PrecisionRecall, or mapping of str to PrecisionRecall
        ``tlbook.evaluation.precision_recall_curve(labels, scores)``.
    """
    several = _series(results, PrecisionRecall, "precision_recall")
    with style():
        figure, ((axes,),) = new_figure(width, height)
        for prevalence in sorted({one.prevalence for one in several.values()}):
            axes.axhline(prevalence, color="#666666", linestyle=":", linewidth=1.5)
        for (name, one), look in zip(several.items(), looks(len(several)), strict=True):
            label = f"{name}, area {one.area:.3f}" if name else f"area {one.area:.3f}"
            axes.plot(
                one.recall,
                one.precision,
                label=label,
                drawstyle="steps-pre",
                color=look["color"],
                linestyle=look["linestyle"],
            )
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_aspect("equal")
        axes.set_xlabel("recall (%)")
        axes.set_ylabel("precision (%)")
        percent_axis(axes, "x")
        percent_axis(axes)
        rare = min(one.prevalence for one in several.values()) < 0.3
        axes.legend(loc="center left" if rare else "lower left")  # clear of the dotted line
        return finished(figure)


def feature_map_2d(
    points: Any,
    labels: Any,
    class_names: Sequence[str],
    *,
    marked: Any = None,
    axis_names: tuple[str, str] = ("component 1", "component 2"),
    width: float = 5.0,
    height: float = 4.2,
) -> Figure:
    """A map of features reduced to two dimensions, coloured and marked by class.

    Parameters
    ----------
    points : array_like, shape (n, 2)
        Coordinates, e.g. from ``sklearn.decomposition.PCA(2)``.
    labels : array_like of int, shape (n,)
    class_names : sequence of str
    marked : array_like of bool, shape (n,), optional
        Points to circle, e.g. the mistakes.
    axis_names : tuple of two str

    Returns
    -------
    matplotlib.figure.Figure
    """
    place = np.asarray(points, dtype=float)
    truth = classes(labels)
    if place.shape != (truth.size, 2):
        raise ValueError(
            f"points must have shape ({truth.size}, 2) for {truth.size} labels, but have shape "
            f"{place.shape}; reduce features first, e.g. with sklearn.decomposition.PCA(2)"
        )
    if truth.max() >= len(class_names):
        raise ValueError(f"label {truth.max()} has no name among {len(class_names)} class names")
    with style():
        figure, ((axes,),) = new_figure(width, height)
        for number, (name, look) in enumerate(zip(class_names, looks(len(class_names)), strict=True)):
            inside = truth == number
            axes.scatter(
                *place[inside].T,
                s=16,
                marker=look["marker"],
                color=look["color"],
                alpha=0.6,
                linewidths=0,
                label=name,
            )
        if marked is not None:
            circled = np.asarray(marked, dtype=bool)
            if circled.shape != truth.shape:
                raise ValueError(f"marked must have shape {truth.shape}, but has {circled.shape}")
            axes.scatter(
                *place[circled].T,
                s=60,
                facecolors="none",
                edgecolors=PALETTE["black"],
                linewidths=1.2,
                label="marked",
            )
        axes.set_xlabel(axis_names[0])
        axes.set_ylabel(axis_names[1])
        axes.legend(loc="best", markerscale=1.6)
        return finished(figure)
