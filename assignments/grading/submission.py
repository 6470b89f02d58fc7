"""One submission from file to points."""

from __future__ import annotations

import contextlib
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grading import checks, notebooks
from grading.session import Ended, Limits, Session

__all__ = ["Result", "grade"]


class _CheckLate(BaseException):
    """A check took too long on this answer."""


@dataclass
class Result:
    """What one submission got.

    Attributes
    ----------
    status : str
        "graded", or "not a notebook", or "stopped": its process did not live to the end.
    outcomes : dict of str to list of Outcome
        By question.
    notes : list of str
        For the student: cells that failed, what ended the process.
    printed : str
        The beginning of what the notebook printed.
    """

    status: str = "graded"
    outcomes: dict[str, list[checks.Outcome]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    printed: str = ""
    seconds: float = 0.0
    protections: list[str] = field(default_factory=list)

    def points(self, question: str) -> float:
        return checks.score(self.outcomes[question])

    @property
    def total(self) -> float:
        return round(sum(map(self.points, self.outcomes)), 6)


def _failed(question: checks.Question, why: str) -> list[checks.Outcome]:
    return [checks.Outcome(check.points, check.hidden, False, check.failure_message, why) for check in question.checks]


@contextlib.contextmanager
def _at_most(seconds: float):
    """A time limit on this side, for checks that would compute for ever on what an answer returned."""

    def ring(number: int, frame: Any) -> None:
        raise _CheckLate

    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _Names(dict):
    """The student's names, asked for when a check wants them."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = self.session.get(name)
        return self[name]


class _Graded:
    """The notebook, started again (without the cell at fault) as often as its limits allow."""

    def __init__(self, cells: list[str], settings: dict[str, Any], limits: Limits, result: Result) -> None:
        self.cells, self.settings, self.limits, self.result = cells, settings, limits, result
        self.left_out: set[int] = set()
        self.starts = 0
        self.until = time.monotonic() + limits.total_seconds
        self.stack = contextlib.ExitStack()
        self.session: Session | None = None

    def alive(self) -> Session | None:
        """A session whose cells have run, or None where no start is left."""
        while self.session is None and self.starts < self.limits.starts and time.monotonic() < self.until:
            self.starts += 1
            shown = [i for i in range(len(self.cells)) if i not in self.left_out]
            session = self.stack.enter_context(Session([self.cells[i] for i in shown], self.limits, **self.settings))
            try:
                session.run()
                self.session = session
            except Ended as ended:
                self.stack.close()
                where = "before its first cell"
                if session.current is not None and session.current < len(shown):
                    self.left_out.add(shown[session.current])
                    where = "in this cell: " + _first_line(session.cells[session.current])
                self.result.notes.append(f"The notebook was stopped ({ended}) {where}")
            self.result.protections = session.protections
            self.result.printed = session.printed
            if self.session is not None:
                for number, why in sorted(session.errors.items()):
                    if number < len(shown):
                        line = _first_line(session.cells[number])
                        self.result.notes.append(f"A cell raised {why} - it begins: {line}")
        return self.session

    def lost(self, why: Ended, question: str) -> None:
        self.result.notes.append(f"{question}: the process was stopped during the checks ({why})")
        self.stack.close()
        self.session = None


def _first_line(source: str) -> str:
    lines = [line for line in source.splitlines() if line.strip()]
    return lines[0][:100] if lines else "(empty)"


def _check_all(graded: _Graded, question: checks.Question, limits: Limits) -> list[checks.Outcome]:
    session = graded.alive()
    if session is None:
        graded.result.status = "stopped"
        return _failed(question, "the notebook could not be run")
    names = _Names(session)
    outcomes: list[checks.Outcome] = []
    for check in question.checks:
        try:
            # A function that ended the process once would do so again: the question's other checks count as failed.
            with _at_most(min(3 * limits.call_seconds, graded.until - time.monotonic())):
                outcomes.append(session.during(lambda check=check: _run(check, names), check.in_place))
        except (Ended, _CheckLate) as error:
            if isinstance(error, _CheckLate):
                session.kill("a check on it took too long")
                error = Ended("a check on it took too long")
            graded.lost(error, question.name)
            return outcomes + _failed(question, str(error))[len(outcomes) :]
    missing = [name for name, value in names.items() if value is None]
    if missing:
        graded.result.notes.append(f"{question.name}: there is no {', '.join(missing)} in the notebook, or it is None")
    return outcomes


def _run(check: checks.Check, names: _Names) -> checks.Outcome:
    try:
        return checks.run(check, names)
    except (MemoryError, RecursionError):
        return checks.Outcome(check.points, check.hidden, False, check.failure_message, "")


def grade(
    path: Path,
    questions: list[checks.Question],
    given: list[str],
    *,
    limits: Limits | None = None,
    files: Path | None = None,
    hide: list[str] | None = None,
    sandbox: bool = True,
) -> Result:
    """Run a notebook and its checks.

    Parameters
    ----------
    path : Path
        The submitted notebook.
    questions : list of Question
    given : list of str
        Cells of the student notebook that are no answers. Those that the submission no longer has run before its own.
    limits : Limits, optional
    files : Path, optional
        Folder of files that the notebook finds beside it.
    hide : list of str, optional
        Folders that its process shall not see.
    sandbox : bool
        False leaves the protections of the system off.
    """
    started, limits = time.monotonic(), limits or Limits()
    result = Result()
    try:
        own = notebooks.code_cells(path)
    except (NotADirectoryError, OSError, notebooks.NotANotebook) as error:
        result.status = "not a notebook"
        result.notes.append(str(error))
        result.outcomes = {question.name: _failed(question, "") for question in questions}
        return result
    have = {source.strip() for source in own}
    cells = [source for source in given if source.strip() not in have] + own
    settings = {"files": files, "hide": hide or [], "sandbox": sandbox}
    graded = _Graded(cells, settings, limits, result)
    try:
        for question in questions:
            result.outcomes[question.name] = _check_all(graded, question, limits)
    finally:
        graded.stack.close()
    result.notes = [note[:700] for note in list(dict.fromkeys(result.notes))[:40]]
    result.seconds = time.monotonic() - started
    return result
