"""One submission from file to points."""

from __future__ import annotations

import contextlib
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grading import checks
from grading.session import Ended, Limits, Session

__all__ = ["Result", "grade", "refused"]


class _CheckLate(BaseException):
    """A check took too long on this answer; the argument says whether that was by the clock."""


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
    waited : bool
        Whether anything was stopped by the clock although it had computed less than it may: perhaps for want of a processor.
    """

    status: str = "graded"
    outcomes: dict[str, list[checks.Outcome]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    printed: str = ""
    seconds: float = 0.0
    waited: bool = False

    def points(self, question: str) -> float:
        return checks.score(self.outcomes[question])

    @property
    def total(self) -> float:
        return round(sum(map(self.points, self.outcomes)), 6)


def _failed(question: checks.Question, why: str) -> list[checks.Outcome]:
    return [checks.Outcome(check.points, check.hidden, False, check.failure_message, why) for check in question.checks]


@contextlib.contextmanager
def _at_most(seconds: float, patience: float):
    """Limits on this side, of processor time and by the clock: a check could compute for ever on what an answer returned."""

    def ring(number: int, frame: Any) -> None:
        raise _CheckLate(number != signal.SIGPROF)

    clocks = {"SIGPROF": ("ITIMER_PROF", seconds), "SIGALRM": ("ITIMER_REAL", patience)}
    if not hasattr(signal, "setitimer"):
        yield
        return
    before = {name: signal.signal(getattr(signal, name), ring) for name in clocks}
    for name, value in clocks.values():
        signal.setitimer(getattr(signal, name), max(value, 0.01))
    try:
        yield
    finally:
        for name, (clock, _) in clocks.items():
            signal.setitimer(getattr(signal, clock), 0)
            signal.signal(getattr(signal, name), before[name])


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
        self.checked = False  # whether a check has run, and with it its inputs been seen
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
            self.result.waited |= session.waited
            # What a later start prints or raises could be what a function has seen of the checks and left somewhere.
            if self.checked:
                continue
            self.result.printed = self.result.printed or session.printed
            if self.session is not None:
                for number, why in sorted(session.errors.items()):
                    if number < len(shown):
                        line = _first_line(session.cells[number])
                        self.result.notes.append(f"A cell raised {why} - it begins: {line}")
        self.result.waited |= self.session is None and time.monotonic() >= self.until
        return self.session

    def lost(self, why: Ended, question: str) -> None:
        self.result.waited |= self.session is not None and self.session.waited
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
    graded.checked = True
    names = _Names(session)
    outcomes: list[checks.Outcome] = []
    for check in question.checks:
        try:
            # A function that ended the process once would do so again: the question's other checks count as failed.
            patience = min(3 * limits.patience * limits.call_seconds, graded.until - time.monotonic())
            with _at_most(limits.call_seconds, patience):
                outcomes.append(session.during(lambda check=check: _run(check, names), check.in_place))
        except (Ended, _CheckLate) as error:
            if isinstance(error, _CheckLate):
                graded.result.waited |= error.args[0]
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
    own: list[str],
    questions: list[checks.Question],
    given: list[str],
    *,
    limits: Limits | None = None,
    files: Path | None = None,
    contained: bool = True,
    as_nobody: bool = False,
) -> Result:
    """Run the cells of a notebook, and its checks.

    Parameters
    ----------
    own : list of str
        Sources of the code cells that were handed in.
    questions : list of Question
    given : list of str
        Cells of the student notebook that are no answers. Those that the submission no longer has run before its own.
    limits : Limits, optional
    files : Path, optional
        Folder of files that the notebook finds beside it.
    contained : bool
        False runs them outside a container.
    as_nobody : bool
        Outside a container, where the grader is root: as another user.
    """
    started, limits = time.monotonic(), limits or Limits()
    result = Result()
    have = {source.strip() for source in own}
    cells = [source for source in given if source.strip() not in have] + own
    graded = _Graded(cells, {"files": files, "contained": contained, "as_nobody": as_nobody}, limits, result)
    try:
        for question in questions:
            result.outcomes[question.name] = _check_all(graded, question, limits)
    finally:
        graded.stack.close()
    result.notes = [note[:700] for note in list(dict.fromkeys(result.notes))[:40]]
    result.seconds = time.monotonic() - started
    return result


def refused(questions: list[checks.Question], why: str) -> Result:
    """The result of what is no notebook, or none that can be read."""
    outcomes = {question.name: _failed(question, "") for question in questions}
    return Result(status="not a notebook", outcomes=outcomes, notes=[why])
