"""From a folder of photos to a classifier with a report that defends it, and to its use.

>>> from tlbook import classifier
>>> result = classifier.train("photos", "result")  # doctest: +SKIP
>>> classifier.predict(result.model, ["holiday.jpg"]).labels  # doctest: +SKIP
('cat',)

The commands ``tlbook train``, ``predict``, ``evaluate``, ``export``, ``serve`` and ``features`` call the functions of these
names, and ``tlbook backbones`` calls :func:`compare_backbones`.
"""

import importlib
from typing import TYPE_CHECKING, Any

import tlbook._quiet  # noqa: F401  (before Keras)

if TYPE_CHECKING:
    from tlbook.classifier.choice import BackboneChoice, choose
    from tlbook.classifier.errors import InputError
    from tlbook.classifier.exporting import Exported, export, exported_names, run_exported
    from tlbook.classifier.prediction import Evaluation, Predictions, evaluate, predict
    from tlbook.classifier.ranking import BackboneComparison, Candidate, compare_backbones
    from tlbook.classifier.saved import Classifier, load, save
    from tlbook.classifier.serving import PhotoServer, serve
    from tlbook.classifier.sharding import features, read_shards
    from tlbook.classifier.training import Result, train

__all__ = [
    "BackboneChoice",
    "BackboneComparison",
    "Candidate",
    "Classifier",
    "Evaluation",
    "Exported",
    "InputError",
    "PhotoServer",
    "Predictions",
    "Result",
    "choose",
    "compare_backbones",
    "evaluate",
    "export",
    "exported_names",
    "features",
    "load",
    "predict",
    "read_shards",
    "run_exported",
    "save",
    "serve",
    "train",
]

_FROM = {
    "choice": ("BackboneChoice", "choose"),
    "errors": ("InputError",),
    "exporting": ("Exported", "export", "exported_names", "run_exported"),
    "prediction": ("Evaluation", "Predictions", "evaluate", "predict"),
    "ranking": ("BackboneComparison", "Candidate", "compare_backbones"),
    "saved": ("Classifier", "load", "save"),
    "serving": ("PhotoServer", "serve"),
    "sharding": ("features", "read_shards"),
    "training": ("Result", "train"),
}
_MODULES = {name: module for module, names in _FROM.items() for name in names}


def __getattr__(name: str) -> Any:
    # Each when it is first used: training imports Keras, which takes seconds, and predicting may do without.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
