"""Everything measured about one classifier on one test split: as an object, as text, as JSON and as an HTML page.

:mod:`tlbook.evaluation` has the numbers one by one; :func:`evaluate` puts them together, with their intervals, the mistakes and
notes on what the numbers cannot tell.
"""

from tlbook.report.measured import Mistake, Report, evaluate
from tlbook.report.page import Training
from tlbook.report.tasks import TaskReport

__all__ = ["Mistake", "Report", "TaskReport", "Training", "evaluate"]
