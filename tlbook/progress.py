"""A progress bar for long work: on stderr, gone when done, silent off a terminal.

Stored notebook outputs are compared as text, so nothing may be written where
the stream is not a terminal (a Jupyter kernel's stderr is not one).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def _terminal() -> bool:
    """Whether there is a standard error, which services and pythonw have not, and it is a terminal."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # it was closed
        return False


class Ticker:
    """What :func:`bar` hands out: call `advance` with the work done."""

    def __init__(self, progress: Progress | None = None, task: TaskID | None = None) -> None:
        self._progress = progress
        self._task = task

    def advance(self, amount: float = 1) -> None:
        """Count ``amount`` units as done."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, amount)

    def total(self, units: float) -> None:
        """Say how much there is in all, where it became known only now."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, total=units)


@contextmanager
def bar(description: str, total: int | None, *, enabled: bool = True) -> Iterator[Ticker]:
    """Show a transient bar with the time left while the block runs.

    Parameters
    ----------
    description : str
        What is being done, for instance ``"features of sketchnet"``.
    total : int or None
        Units of work in all; None where it is not known.
    enabled : bool, default True
        False shows nothing. Nothing is shown off a terminal either.

    Yields
    ------
    Ticker
        Its ``advance(amount)`` counts work done, from any thread.
    """
    # rich's own test would take a Jupyter kernel, which sets FORCE_COLOR, for a terminal.
    if not enabled or not _terminal():
        yield Ticker()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield Ticker(progress, progress.add_task(description, total=total))
