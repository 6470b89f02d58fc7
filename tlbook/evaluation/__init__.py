"""How good a model is, how sure of that one can be, and whether another is better.

Labels and predictions are class numbers of shape (n,); models put out logits
of shape (n, N), and :func:`probabilities` is the one place where these become
probabilities. Values come with their interval as an :class:`Estimate`,
comparisons as a :class:`PairedTest` whose verdict may be "cannot tell".
"""

from tlbook.evaluation.areas import average_precision, roc_auc
from tlbook.evaluation.calibration import (
    CalibrationTest,
    Reliability,
    brier_score,
    calibration_test,
    expected_calibration_error,
    fit_temperature,
    log_loss,
    reliability,
)
from tlbook.evaluation.curves import (
    PrecisionRecall,
    Roc,
    Threshold,
    bayes_threshold,
    best_threshold,
    mean_cost,
    precision_recall_curve,
    roc_curve,
)
from tlbook.evaluation.intervals import (
    Estimate,
    SeedSpread,
    bootstrap,
    seed_spread,
    wilson,
    wilson_bounds,
)
from tlbook.evaluation.metrics import (
    accuracy,
    confusion_matrix,
    f1_score,
    group_accuracy,
    precision,
    predictions,
    probabilities,
    recall,
    worst_group,
)
from tlbook.evaluation.paired import (
    PairedTest,
    compare_all,
    holm,
    mcnemar,
    paired_bootstrap,
    paired_t,
)
from tlbook.evaluation.power import images_needed, images_needed_paired
from tlbook.evaluation.prevalence import adjust_prevalence, estimate_prevalence
from tlbook.evaluation.reference import by_verdict, compare_pairs, compare_with_reference, runs_by
from tlbook.evaluation.runs import (
    CheapestWithin,
    VarianceComponents,
    cheapest_within,
    compare_runs,
    pack_right,
    unpack_right,
    variance_components,
)
from tlbook.evaluation.test_time import average_views
from tlbook.evaluation.transferability import h_score, knn_predictions, leep, logme, probe_predictions

__all__ = [
    "CalibrationTest",
    "CheapestWithin",
    "Estimate",
    "PairedTest",
    "PrecisionRecall",
    "Reliability",
    "Roc",
    "SeedSpread",
    "Threshold",
    "VarianceComponents",
    "accuracy",
    "adjust_prevalence",
    "average_precision",
    "average_views",
    "bayes_threshold",
    "best_threshold",
    "bootstrap",
    "brier_score",
    "by_verdict",
    "calibration_test",
    "cheapest_within",
    "compare_all",
    "compare_pairs",
    "compare_runs",
    "compare_with_reference",
    "confusion_matrix",
    "estimate_prevalence",
    "expected_calibration_error",
    "f1_score",
    "fit_temperature",
    "group_accuracy",
    "h_score",
    "holm",
    "images_needed",
    "images_needed_paired",
    "knn_predictions",
    "leep",
    "log_loss",
    "logme",
    "mcnemar",
    "mean_cost",
    "pack_right",
    "paired_bootstrap",
    "paired_t",
    "precision",
    "precision_recall_curve",
    "predictions",
    "probabilities",
    "probe_predictions",
    "recall",
    "reliability",
    "roc_auc",
    "roc_curve",
    "runs_by",
    "seed_spread",
    "unpack_right",
    "variance_components",
    "wilson",
    "wilson_bounds",
    "worst_group",
]
