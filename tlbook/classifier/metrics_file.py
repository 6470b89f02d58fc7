"""The file ``metrics.json`` of a result: what its schema is called, and how one of an older schema is read.

Keys are words in lower case joined by ``_``; below ``classes``, ``counts`` and ``versions`` they are the names of classes and of
packages, as those are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tlbook._files import file_sha256, json_sha256

__all__ = [
    "FILES",
    "GRAPH",
    "METRICS",
    "MODEL",
    "PREDICTIONS",
    "REPORT",
    "SCHEMA_VERSION",
    "WRITTEN_BY",
    "changed",
    "expected",
    "read",
    "sign",
]

MODEL, GRAPH, REPORT, PREDICTIONS, METRICS = (
    "model.keras",
    "model.onnx",
    "report.html",
    "predictions.csv",
    "metrics.json",
)
FILES = (MODEL, GRAPH, REPORT, PREDICTIONS, METRICS)
"""The files of a result, in the order in which they are put into their place: what is said of the others comes last. The graph
is missing where the packages that write it are."""

SCHEMA_VERSION = 2
WRITTEN_BY = "tlbook train"

# Schema 1, of version 0.1.0 of the package: names that became others, apart from blanks, hyphens and capitals.
_WORDS = {"F1": "f1_score", "ROC area": "roc_auc", "Brier": "brier_score", "nll": "log_loss"}
_KEYS = {
    "interval": "accuracy_interval",
    "mistakes": "n_mistakes",
    "wish": "policy",
    "asked": "requested",
    "p": "p_value",
}


def _digest(metrics: dict[str, Any]) -> str:
    return json_sha256({key: value for key, value in metrics.items() if key != "sha256"})


def sign(metrics: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The metrics with the SHA-256 of the other files of the result, which lie in a folder, and of themselves."""
    files = {name: file_sha256(folder / name) for name in FILES if name != METRICS and (folder / name).exists()}
    signed = {**metrics, "files": files}
    return {**signed, "sha256": _digest(signed)}


def expected(metrics: dict[str, Any]) -> tuple[str, ...]:
    """The files of the result that metrics are of; earlier versions did not say, and wrote no graph."""
    return tuple(name for name in FILES if name == METRICS or name in metrics.get("files", set(FILES) - {GRAPH}))


def changed(metrics: dict[str, Any], folder: Path) -> list[str]:
    """The files of a result in a folder that are there and not as they were written."""
    found = [
        name
        for name, digest in metrics.get("files", {}).items()  # none in results of earlier versions
        if (folder / name).is_file() and file_sha256(folder / name) != digest
    ]
    return found + [METRICS] * ("sha256" in metrics and metrics["sha256"] != _digest(metrics))


def read(path: Path) -> dict[str, Any] | None:
    """The metrics of a result, in the present schema; None where the file is missing or is none of ours."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict):
        return None
    if found.get("written by") == WRITTEN_BY:
        found = _from_schema_1(found)
    return found if found.get("written_by") == WRITTEN_BY and "key" in found else None


def _from_schema_1(old: dict[str, Any]) -> dict[str, Any]:
    new = {"schema_version": SCHEMA_VERSION, **_renamed(old)}
    seconds = new.pop("seconds", {})
    new |= {"process_seconds": seconds.pop("processor", None), "wall_seconds": seconds}
    if test := new.get("strategy", {}).get("test"):
        test["difference_interval"] = test.pop("accuracy_interval")
    return new


def _renamed(value: Any, names: bool = False) -> Any:
    """The value with its keys renamed, unless they are names."""
    if not isinstance(value, dict):
        return value
    found = {}
    for key, one in value.items():
        new: str = key
        if not names:
            new = _KEYS.get(new, new)
            for word, other in _WORDS.items():
                new = new.replace(word, other)
            new = new.lower().replace(" ", "_").replace("-", "_")
        found[new] = one if key in ("counts", "versions") else _renamed(one, names=key == "classes")
    return found
