"""Heads for labels and for numbers: fitted on features, measured, and written as a result.

For each label a linear probe of its own; for numbers ridge regression. The backbone stays frozen: whether fine-tuning pays is
decided by a test for classes, which these tasks do not have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from tlbook import transfer
from tlbook._files import write_text
from tlbook.classifier.errors import InputError, sentence
from tlbook.classifier.metrics_file import PREDICTIONS, REPORT
from tlbook.classifier.prediction import table_text
from tlbook.classifier.saved import Classifier
from tlbook.classifier.tasks import Labels, Numbers, Task
from tlbook.datasets import Split
from tlbook.evaluation import precision_recall_curve
from tlbook.report.metrics import number
from tlbook.report.tasks import TaskReport, measure_labels, measure_numbers

if TYPE_CHECKING:
    from tlbook.classifier.stages import Stages

__all__ = ["ALPHAS", "Head", "finish", "fit", "measured", "thresholds"]

ALPHAS: tuple[float, ...] = tuple(float(f"{a:.6g}") for a in np.logspace(-1, 5, 13))
"""Penalties of ridge regression that are tried: 0.1 to 100,000, two a decade, on features of standard deviation 1."""

_FIXED_C, _FIXED_ALPHA = 0.01, 100.0  # where no validation photo chooses
_ITERATIONS = 10_000
_FEW = 5  # validation photos with a label, or without it: fewer choose no threshold


@dataclass(frozen=True)
class Head:
    """A linear head for raw features.

    Attributes
    ----------
    weights : ndarray of float32, shape (d, N)
    bias : ndarray of float32, shape (N,)
    chosen : dict of str to float
        What validation photos chose for each label or number: C, or alpha.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    chosen: dict[str, float]

    def outputs(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Outputs (n, N) for features (n, d)."""
        return (np.asarray(features, np.float64) @ self.weights.astype(np.float64) + self.bias).astype(np.float32)


def _fit_labels(
    task: Labels, x: NDArray[Any], y: NDArray[Any], x_validation: NDArray[Any], y_validation: NDArray[Any]
) -> Head:
    """A linear probe for each label; validation photos choose its C."""
    weights, bias, chosen = [], [], {}
    for k, name in enumerate(task.columns):
        held: list[Any] = [x_validation, y_validation[:, k].astype(np.int64)]
        options: dict[str, Any] = {}
        if not len(x_validation):
            held, options = [x, y[:, k].astype(np.int64)], {"C": _FIXED_C}
        probe = transfer.linear_probe(x, y[:, k].astype(np.int64), *held, max_iter=_ITERATIONS, **options)
        weights.append(probe.weights[:, 1] - probe.weights[:, 0])  # two logits, ∓z/2
        bias.append(probe.bias[1] - probe.bias[0])
        chosen[name] = probe.C
    return Head(np.stack(weights, axis=1), np.array(bias, np.float32), chosen)


def _fit_numbers(
    task: Numbers, x: NDArray[Any], y: NDArray[Any], x_validation: NDArray[Any], y_validation: NDArray[Any]
) -> Head:
    """Ridge regression on standardised features; validation photos choose the penalty of each number."""
    scaler = StandardScaler().fit(np.asarray(x, np.float64))
    z, z_validation = scaler.transform(x), scaler.transform(x_validation) if len(x_validation) else x_validation
    targets = task.encoded(y)
    centre, scale = targets.mean(axis=0), targets.std(axis=0)
    scale[scale == 0] = 1.0
    fits: dict[float, tuple[NDArray[Any], NDArray[Any]]] = {}
    losses: dict[float, NDArray[Any]] = {}
    with threadpool_limits(limits=1):
        for alpha in ALPHAS if len(x_validation) else (_FIXED_ALPHA,):
            model = Ridge(alpha=alpha).fit(z, (targets - centre) / scale)
            kernel, intercept = np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)
            fits[alpha] = kernel, intercept
            losses[alpha] = np.zeros(len(task.columns))
            if len(x_validation):
                answers = task.values((z_validation @ kernel + intercept) * scale + centre)
                losses[alpha] = (task.errors(y_validation, answers) ** 2).mean(axis=0)
    weights, bias, chosen = np.zeros((x.shape[1], len(task.outputs))), np.zeros(len(task.outputs)), {}
    place = 0
    for k, name in enumerate(task.columns):
        alpha = chosen[name] = min(losses, key=lambda one: (losses[one][k], -one))
        for _ in range(2 if name in task.circular else 1):
            kernel, intercept = fits[alpha]
            column = kernel[:, place] * scale[place] / scaler.scale_
            weights[:, place] = column
            bias[place] = intercept[place] * scale[place] + centre[place] - scaler.mean_ @ column
            place += 1
    return Head(weights.astype(np.float32), bias.astype(np.float32), chosen)


def thresholds(targets: NDArray[Any], p: NDArray[Any]) -> tuple[tuple[float, ...], list[int]]:
    """For each label the probability from which on it is given: that of the highest F1 on validation photos.

    Parameters
    ----------
    targets, p : ndarray, shapes (n, L)

    Returns
    -------
    thresholds : tuple of float
        0.5 for a label that fewer than 5 of the photos have, or lack.
    undecided : list of int
        Numbers of these labels.
    """
    found: list[float] = []
    undecided: list[int] = []
    for k in range(p.shape[1]):
        truth = targets[:, k].astype(np.int64)
        if min(truth.sum(), len(truth) - truth.sum()) < _FEW:
            found.append(0.5)
            undecided.append(k)
            continue
        curve = precision_recall_curve(truth, p[:, k])
        total = np.maximum(curve.precision + curve.recall, 1e-12)
        f1 = (2 * curve.precision * curve.recall / total)[: len(curve.thresholds)]
        best = float(curve.thresholds[int(f1.argmax())])
        below = p[:, k][p[:, k] < best]
        found.append(float((best + below.max()) / 2) if len(below) else best)
    return tuple(found), undecided


def fit(task: Task, x: NDArray[Any], y: NDArray[Any], x_validation: NDArray[Any], y_validation: NDArray[Any]) -> Head:
    """The head that suits a task: features (n, d) and targets (n, K) of training and validation photos."""
    if isinstance(task, Labels):
        return _fit_labels(task, x, y, x_validation, y_validation)
    assert isinstance(task, Numbers)
    return _fit_numbers(task, x, y, x_validation, y_validation)


def measured(task: Task, outputs: NDArray[Any], test: Split, mean: NDArray[Any], *, seed: int = 0) -> TaskReport:
    """What outputs (n, N) are worth on a split with targets; ``mean`` (1, K) is that of the training photos."""
    values = task.values(outputs)
    if isinstance(task, Labels):
        return measure_labels(values, test, task.columns, task.thresholds, seed=seed)
    assert isinstance(task, Numbers)
    truth = _targets(test)
    return measure_numbers(
        values, task.errors(truth, values), task.errors(truth, np.broadcast_to(mean, truth.shape)), test, task.columns,
        seed=seed,
    )  # fmt: skip


def _targets(split: Split) -> NDArray[np.float64]:
    assert split.targets is not None
    return split.targets


def finish(run: Stages, features: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Fit the head, measure it on the test photos once, put the result into its place, and return the metrics."""
    photos, task = run.photos, run.photos.task
    targets = {name: _targets(split) for name, split in photos.splits.items() if len(split)}
    none = np.empty((0, len(task.columns)))

    def fitted() -> dict[str, Any]:
        given = targets["train"], features["validation"], targets.get("validation", none)
        try:
            head = fit(task, features["train"], *given)
        except (ValueError, RuntimeError) as error:
            raise InputError(f"nothing could be fitted on these photos: {sentence(error)}") from error
        return {"weights": head.weights.tolist(), "bias": head.bias.tolist(), "chosen": head.chosen}

    with run.state.timed("probe"):
        kept = run.state.step("probe", fitted)
    head = Head(np.array(kept["weights"], np.float32), np.array(kept["bias"], np.float32), kept["chosen"])
    if isinstance(task, Labels):
        task = _with_thresholds(run, task, targets, head.outputs(features["validation"]))
    reason = f"for {task.name} a linear head on frozen features is fitted, and nothing is fine-tuned"
    mean = task.mean(targets["train"]) if isinstance(task, Numbers) else targets["train"].mean(axis=0, keepdims=True)
    with run.state.timed("test"):
        model = transfer.attach_head(run.backbone, (head.weights, head.bias))
        about = {**run.about("probe", 1.0), "task": task.about(), "mean": mean[0].tolist()}
        classifier = Classifier(model, task.outputs, about)
        outputs = head.outputs(features["test"])
        report = measured(task, outputs, photos.splits["test"], mean, seed=run.options["seed"])
    strategy = {"requested": run.options["strategy"], "chosen": "probe", "reason": reason}
    metrics = {
        **run.described(classifier, report, strategy),
        "task": {
            **task.about(),
            "outputs": list(task.outputs),
            "chosen": {k: number(v) for k, v in head.chosen.items()},
        },
        "class_names": list(task.columns),
    }
    metrics["photos"]["n"] = {name: len(split) for name, split in photos.splits.items()}
    metrics |= {"wall_seconds": run.state.wall_seconds, "process_seconds": run.state.process_seconds}
    folder = run.write_model(classifier, outputs)
    test = photos.splits["test"]
    head_row, rows = task.table(task.values(outputs), _targets(test))
    shown = [photos.shown("test", i) for i in range(len(test))]
    write_text(folder / PREDICTIONS, table_text(shown, head_row, rows))
    report.save(folder / REPORT, metrics)
    metrics = run.signed(metrics)
    run.state.publish()
    run.say(f"{report.n:,} test photos: {report.said}; the result is in {run.state.out}")
    return metrics


def _with_thresholds(run: Stages, task: Labels, targets: dict[str, NDArray[Any]], outputs: NDArray[Any]) -> Labels:
    if "validation" not in targets:
        run.notes.append("there are no validation photos, so each label is given from a probability of 0.5 on")
        return replace(task, thresholds=(0.5,) * len(task.columns))
    found, undecided = thresholds(targets["validation"], task.values(outputs))
    if undecided:
        names = ", ".join(task.columns[k] for k in undecided)
        run.notes.append(
            f"fewer than {_FEW} validation photos have, or lack, {names}: the threshold there is 0.5, and nothing chose it"
        )
    return replace(task, thresholds=found)
