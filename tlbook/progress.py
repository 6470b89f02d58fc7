"""A progress bar for long work: on stderr, gone when done, silent off a terminal.

Stored notebook outputs are compared as text, so nothing may be written where
the stream is not a terminal (a Jupyter kernel's stderr is not one). The command
line, whose standard error may be a pipe or a file, asks for a line a minute there.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
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


_EVERY = 60.0  # seconds between lines
_say: Callable[[str], None] | None = None


def lines(say: Callable[[str], None] | None) -> None:
    """Off a terminal, have a line a minute said in place of bars, with the time left; None ends that."""
    global _say
    _say = say


class _Lines(Ticker):
    """Says a line a minute."""

    def __init__(self, description: str, units: int | None, say: Callable[[str], None]) -> None:
        super().__init__()
        self._description, self._total, self._say = description, units, say
        self._done, self._lock = 0.0, threading.Lock()
        self._began = self._said = time.monotonic()

    def advance(self, amount: float = 1) -> None:
        with self._lock:
            self._done += amount
            now = time.monotonic()
            if now - self._said < _EVERY:
                return
            self._said = now
        line = f"{self._description}: {self._done:,.0f}"
        if self._total:
            left = (now - self._began) / self._done * max(self._total - self._done, 0)
            line += f" of {self._total:,}, about {max(1, round(left / 60))} min left"
        self._say(line)

    def total(self, units: float) -> None:
        self._total = int(units)


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
        False shows nothing. Off a terminal nothing is shown either, unless
        :func:`lines` asked for it.

    Yields
    ------
    Ticker
        Its ``advance(amount)`` counts work done, from any thread.
    """
    # rich's own test would take a Jupyter kernel, which sets FORCE_COLOR, for a terminal.
    if not enabled or not _terminal():
        yield _Lines(description, total, _say) if enabled and _say is not None else Ticker()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield Ticker(progress, progress.add_task(description, total=total))
