"""One model in detail: training, confusion, calibration, thresholds, features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from tlbook.evaluation import PrecisionRecall, Reliability, Roc
from tlbook.plotting.marks import class_dots, write_in_cell
from tlbook.plotting.style import DOTTED, PALETTE, TURNED, looks, new_figure, percent_axis, styled

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


def _labelled(name: str, value: str) -> str:
    return f"{name}, {value}" if name else value


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


@styled
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
    figure, axes = new_figure(width, height, 1, len(panels))
    marks = {}
    for place, (quantity, parts) in zip(axes[0], panels.items(), strict=True):
        for part, look in zip(("training", "validation"), looks(2), strict=True):
            if part in parts:
                epochs = range(1, len(parts[part]) + 1)
                every = max(1, len(epochs) // 12)
                (marks[part],) = place.plot(epochs, parts[part], markersize=4, markevery=every, **look)
        if best_epoch is not None:
            marks["best epoch"] = place.axvline(best_epoch + 1, **DOTTED)
        place.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
        place.set(xlabel="epoch", ylabel="accuracy (%)" if quantity == "accuracy" else "loss (nats)")
        if quantity == "accuracy":
            percent_axis(place)
    figure.legend(marks.values(), marks.keys(), loc="outside upper center", ncols=len(marks))
    return figure


@styled
def confusion(matrix: ArrayLike, class_names: Sequence[str]) -> Figure:
    """A confusion matrix: counts, and in percent of the true class.

    Parameters
    ----------
    matrix : array_like of int, shape (N, N)
        ``tlbook.evaluation.confusion_matrix(labels, predictions)``: true classes
        in rows, predicted ones in columns.
    class_names : sequence of str, length N

    Returns
    -------
    matplotlib.figure.Figure
        It grows with N. Colour goes by the percentage; a true class without images is left white.

    Raises
    ------
    ValueError
        Names that are not as many as the matrix has rows and columns.
    """
    counts = np.asarray(matrix)
    size = len(class_names)
    if counts.shape != (size, size):
        raise ValueError(f"{size} class names, but a matrix of shape {counts.shape}")
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    width = min(6.0, 1.9 + 0.85 * size)
    figure, ((axes,),) = new_figure(width, width * 0.86)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    written = size <= 12  # beyond that the numbers would not be readable
    for row, column in np.ndindex(counts.shape) if written else ():
        text = f"{counts[row, column]:,}"
        if totals[row, 0] and size <= 6:
            text += f"\n{100 * shares[row, column]:.0f} %"
        write_in_cell(axes, image, row, column, text, fontsize=11 if size <= 6 else 9)
    turned = max(map(len, class_names)) * size > 40
    axes.set_xticks(range(size), class_names, **(TURNED | {"rotation": 45} if turned else {}))
    axes.set_yticks(range(size), class_names)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="predicted class", ylabel="true class")
    if not written:
        bar = figure.colorbar(image, ax=axes, label="share of the true class (%)", shrink=0.8)
        percent_axis(bar.ax)
    return figure


@styled
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
    figure, ((upper,), (lower,)) = new_figure(width, height, 2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], zorder=1, **DOTTED)
    start = 1.0
    for (name, one), look in zip(several.items(), looks(len(several)), strict=True):
        filled = one.counts > 0
        x, y = one.confidence[filled], one.accuracy[filled]
        start = min(start, float(x.min()))
        reach = np.maximum(0, [y - one.low[filled], one.high[filled] - y])
        label = _labelled(name, f"ECE {100 * one.ece:.1f} %")
        upper.errorbar(x, y, yerr=reach, label=label, capsize=2, elinewidth=1.2, markersize=5, linewidth=1.5, **look)
        if len(several) == 1:
            middles, widths = (one.edges[1:] + one.edges[:-1]) / 2, np.diff(one.edges)
            lower.bar(middles, one.counts, width=np.maximum(widths, 0.004), color=PALETTE["sky"])
        else:  # outlines, since filled bars would hide each other
            line = {"color": look["color"], "linestyle": look["linestyle"]}
            lower.stairs(one.counts, one.edges, linewidth=1.5, baseline=0, **line)
    upper.set(xlim=(max(0.0, start - 0.05), 1.01), ylim=(-0.02, 1.02), ylabel="accuracy (%)")
    upper.legend(loc="lower right" if start > 0.3 else "upper left")
    lower.set(xlabel="confidence of the predicted class (%)", ylabel="images")
    lower.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=3))
    percent_axis(upper)
    percent_axis(lower, "x")
    return figure


def _plane(axes: Axes, curves: Mapping[str, tuple[Any, Any, float]], xlabel: str, ylabel: str, **line: Any) -> None:
    """Curves ``(x, y, area)`` of shares against shares, in a square, each named with its area."""
    for (name, (x, y, area)), look in zip(curves.items(), looks(len(curves)), strict=True):
        look = {"color": look["color"], "linestyle": look["linestyle"]}
        axes.plot(x, y, label=_labelled(name, f"area {area:.3f}"), **look, **line)
    axes.set_aspect("equal")
    axes.set(xlabel=xlabel, ylabel=ylabel)
    percent_axis(axes, "x")
    percent_axis(axes)


@styled
def roc(results: Roc | Mapping[str, Roc], *, width: float = 4.6, height: float = 4.2) -> Figure:
    """ROC curves with their areas; the dotted diagonal is guessing.

    Parameters
    ----------
    results : Roc, or mapping of str to Roc
        ``tlbook.evaluation.roc_curve(labels, scores)``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    several = _series(results, Roc, "roc")
    figure, ((axes,),) = new_figure(width, height)
    axes.plot([0, 1], [0, 1], **DOTTED)
    curves = {name: (one.false_positive_rate, one.true_positive_rate, one.area) for name, one in several.items()}
    _plane(axes, curves, "false positive rate (%)", "true positive rate (%)")
    axes.legend(loc="lower right")
    return figure


@styled
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

    Returns
    -------
    matplotlib.figure.Figure
    """
    several = _series(results, PrecisionRecall, "precision_recall")
    figure, ((axes,),) = new_figure(width, height)
    for prevalence in sorted({one.prevalence for one in several.values()}):
        axes.axhline(prevalence, **DOTTED)
    curves = {name: (one.recall, one.precision, one.area) for name, one in several.items()}
    _plane(axes, curves, "recall (%)", "precision (%)", drawstyle="steps-pre")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    # in the middle of the widest gap between dotted lines, below the top, where the curves are
    lines = np.array(sorted({0.0, 0.9, *(one.prevalence for one in several.values())}))
    widest = int(np.diff(lines).argmax())
    middle = float(lines[widest : widest + 2].mean())
    axes.legend(loc="center left", bbox_to_anchor=(0.0, middle), bbox_transform=axes.get_yaxis_transform())
    return figure


@styled
def feature_map_2d(
    points: ArrayLike, labels: ArrayLike, class_names: Sequence[str], *, marked: ArrayLike | None = None
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

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Points or marks that do not fit the labels; a label without a name.
    """
    figure, ((axes,),) = new_figure(5.0, 4.2)
    class_dots(axes, points, labels, class_names, what="points", size=16)
    if marked is not None:
        circled = np.asarray(marked, dtype=bool)
        if circled.shape != np.shape(labels):
            raise ValueError(f"marked must have shape {np.shape(labels)}, but has {circled.shape}")
        ring = {"s": 60, "facecolors": "none", "edgecolors": PALETTE["black"], "linewidths": 1.2}
        axes.scatter(*np.asarray(points)[circled].T, label="marked", **ring)
    axes.set(xlabel="component 1", ylabel="component 2")
    axes.legend(loc="best", markerscale=1.6)
    return figure
