"""Measurements as plain numbers (for JSON) and predictions as rows (for CSV)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tlbook import evaluation
from tlbook.evaluation import Estimate, Report

__all__ = ["csv_text", "measures", "number", "short_measures"]

_DIGITS = 6


def number(value: float) -> float | None:
    """A float for JSON, which has neither NaN nor infinity."""
    value = float(value)
    return round(value, _DIGITS) if math.isfinite(value) else None


def _estimate(name: str, estimate: Estimate) -> dict[str, Any]:
    return {name: number(estimate.value), f"{name} interval": [number(estimate.low), number(estimate.high)]}


def short_measures(labels: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
    """Number of photos, accuracy with its interval, and loss."""
    if not len(labels):
        return {"n": 0, "accuracy": None, "interval": None, "nll": None}
    found = evaluation.accuracy(labels, evaluation.predictions(logits))
    return {
        "n": len(labels),
        "accuracy": number(found.value),
        "interval": [number(found.low), number(found.high)],
        "confidence": found.confidence,
        "nll": number(evaluation.negative_log_likelihood(labels, evaluation.probabilities(logits))),
    }


def measures(report: Report) -> dict[str, Any]:
    """Everything in a report that is a number, under plain names; what is undefined is null."""
    calibration = report.calibration
    return {
        "n": report.n,
        "accuracy": number(report.accuracy.value),
        "interval": [number(report.accuracy.low), number(report.accuracy.high)],
        "confidence": report.accuracy.confidence,
        **_estimate("macro precision", report.macro_precision),
        **_estimate("macro recall", report.macro_recall),
        **_estimate("macro F1", report.macro_f1),
        "classes": {
            name: {
                "n": one.n,
                **_estimate("precision", one.precision),
                **_estimate("recall", one.recall),
                **_estimate("F1", one.f1),
                **_estimate("ROC area", one.roc_area),
                **_estimate("average precision", one.average_precision),
            }
            for name, one in report.classes.items()
        },
        "confusion": report.confusion.tolist(),
        "calibration": {
            "ECE": number(calibration.ece),
            "ECE by chance": number(calibration.ece_by_chance),
            **_estimate("Brier", calibration.brier),
            **_estimate("nll", calibration.nll),
        },
        "mistakes": report.n_mistakes,
        "fingerprint": report.fingerprint,
        "notes": list(report.notes),
    }


def csv_text(
    paths: Sequence[str],
    probabilities: np.ndarray,
    class_names: Sequence[str],
    truth: Iterable[str] | None = None,
) -> str:
    """Predictions as CSV: path, label, probability of the label, true label if it is known, probability of every class."""
    guesses = probabilities.argmax(axis=1) if len(probabilities) else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    known = [] if truth is None else ["truth"]
    writer.writerow(["path", "label", "probability", *known, *(f"probability of {name}" for name in class_names)])
    truths = [[]] * len(paths) if truth is None else [[one] for one in truth]
    for path, guess, row, true in zip(paths, guesses, probabilities, truths, strict=True):
        writer.writerow([path, class_names[guess], f"{row[guess]:.6f}", *true, *(f"{p:.6f}" for p in row)])
    return text.getvalue()
