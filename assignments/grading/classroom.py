"""Many submissions: found, graded side by side, remembered.

Each is graded by a trusted process of its own, which starts the student's process. What a trusted process reports
comes through a pipe, and tables are written from what came that way or was read before the first submission ran.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path

import psutil

from grading import checks, notebooks, report
from grading.session import Limits
from grading.submission import Result, grade

__all__ = ["Assignment", "grade_folder", "submissions_in"]

HERE = Path(__file__).resolve().parent
PRELOADED = ["numpy", "matplotlib.font_manager", "tlbook.sketches", "tlbook.convolution", "grading.submission"]


@dataclass(frozen=True)
class Assignment:
    """Where the parts of an assignment lie.

    Attributes
    ----------
    name : str
    checks : Path
        Folder of test files with hidden checks.
    student : Path
        The student notebook, for the cells that are given.
    """

    name: str
    checks: Path
    student: Path

    def questions(self) -> list[checks.Question]:
        return checks.load(self.checks)

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for path in [*sorted(self.checks.glob("*.py")), self.student, *sorted(HERE.glob("*.py"))]:
            digest.update(path.read_bytes())
        return digest.hexdigest()


def submissions_in(folder: Path) -> dict[str, Path]:
    """Notebooks of a folder by student: the name of the file, or of the folder in it that the file lies in (as Moodle has it)."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*.ipynb")):
        inside = path.relative_to(folder)
        if any(part.startswith(".") or part == "__MACOSX" for part in inside.parts) or not path.is_file():
            continue
        found.setdefault(inside.parts[0] if len(inside.parts) > 1 else path.stem, []).append(path)
    students = {}
    for student, paths in found.items():
        for path in paths:
            students[student if len(paths) == 1 else str(path.relative_to(folder).with_suffix(""))] = path
    return students


def _work(pipe: connection.Connection, path: str, assignment: Assignment, options: dict, log: str) -> None:
    """In the trusted process. What TensorFlow has to say, and a traceback should there be one, goes to a file."""
    with open(log, "ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    questions = assignment.questions()
    given = notebooks.given_cells(assignment.student)
    result = grade(Path(path), questions, given, **options)
    pipe.send(dataclasses.asdict(result))
    pipe.close()


def _result(record: dict) -> Result:
    outcomes = {name: [checks.Outcome(**one) for one in these] for name, these in record["outcomes"].items()}
    return Result(**{**record, "outcomes": outcomes})


def _lost(questions: list[checks.Question], why: str) -> Result:
    outcomes = {
        one.name: [checks.Outcome(check.points, check.hidden, False, check.failure_message) for check in one.checks]
        for one in questions
    }
    return Result(status="stopped", outcomes=outcomes, notes=[why])


def _end(process: multiprocessing.process.BaseProcess) -> None:
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        family = []
    process.kill()
    for one in family:
        try:
            one.kill()
        except psutil.Error:
            continue
    process.join()


def _grade_all(
    paths: dict[str, Path],
    assignment: Assignment,
    options: dict,
    jobs: int,
    log: Path,
    tell: Callable[[str, Result], None],
) -> None:
    """Grade submissions, `jobs` at a time, and tell each result as it comes."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload(PRELOADED)
    questions = assignment.questions()
    waiting = list(paths)[::-1]
    running: dict[connection.Connection, tuple] = {}
    allowed = options["limits"].total_seconds + 60
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                student = waiting.pop()
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(
                    target=_work, args=(theirs, str(paths[student]), assignment, options, str(log))
                )
                process.start()
                theirs.close()
                running[ours] = (student, process, time.monotonic() + allowed)
            for pipe in connection.wait(list(running), timeout=1):
                student, process, _ = running.pop(pipe)
                try:
                    result = _result(pipe.recv())
                except (EOFError, OSError):
                    result = _lost(questions, "grading it ended without a result")
                pipe.close()
                _end(process)
                tell(student, result)
            for pipe in [pipe for pipe, (_, _, until) in running.items() if time.monotonic() > until]:
                student, process, _ = running.pop(pipe)
                _end(process)
                pipe.close()
                tell(student, _lost(questions, "grading it took too long"))
    finally:
        for _, process, _ in running.values():
            _end(process)


def grade_folder(
    submissions: dict[str, Path],
    assignment: Assignment,
    output: Path,
    *,
    jobs: int,
    limits: Limits | None = None,
    hide: Iterable[Path] = (),
    sandbox: bool = True,
    again: bool = False,
    tell: Callable[[str], None] = print,
) -> dict[str, Result]:
    """Grade what is new or changed and write grades.csv and the feedback pages.

    Parameters
    ----------
    submissions : dict of str to Path
        Notebook of each student.
    assignment : Assignment
    output : Path
        Gets grades.csv, feedback/STUDENT.html, log.txt and results/, from which a later call continues.
    jobs : int
        Submissions at a time.
    limits : Limits, optional
    hide : iterable of Path
        Folders out of the submissions' sight, beside those of the assignment.
    sandbox : bool
    again : bool
        Grade all, also what was graded before.
    tell : callable
        Gets a line for each result.

    Returns
    -------
    dict of str to Result
    """
    limits = limits or Limits()
    questions, version = assignment.questions(), assignment.fingerprint()
    version = hashlib.sha256(f"{version} {limits}".encode()).hexdigest()
    keys = {
        name: hashlib.sha256(version.encode() + path.read_bytes()).hexdigest() for name, path in submissions.items()
    }
    records = {name: output / "results" / f"{_file_name(name)}.json" for name in submissions}
    results: dict[str, Result] = {}
    for name, path in records.items():
        if path.exists() and not again:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["key"] == keys[name]:
                results[name] = _result(record["result"])
    known = len(results)
    if known:
        tell(f"{known} unchanged since they were graded")
    todo = {name: path for name, path in submissions.items() if name not in results}
    output.mkdir(parents=True, exist_ok=True)

    def done(name: str, result: Result) -> None:
        results[name] = result
        report.write(records[name], json.dumps({"key": keys[name], "result": dataclasses.asdict(result)}))
        tell(
            f"[{len(results)}/{len(submissions)}] {name}: {result.total:g} points, {result.status}, {result.seconds:.1f} s"
        )

    options = {"limits": limits, "hide": [str(path) for path in {*hide, output.resolve()}], "sandbox": sandbox}
    _grade_all(todo, assignment, options, jobs, output / "log.txt", done)
    rows = {name: (str(submissions[name].name), result) for name, result in results.items()}
    report.write(output / "grades.csv", report.csv_text(rows, questions))
    for name, result in results.items():
        text = report.page(name, assignment.name, result, questions)
        report.write(output / "feedback" / f"{_file_name(name)}.html", text)
    tell(report.summary(rows, questions))
    return results


def _file_name(student: str) -> str:
    """A file name for any student: readable, and different for different ones."""
    plain = "".join(c if c.isalnum() or c in "-_. " else "_" for c in student).strip(". ")[:80]
    return plain if plain == student else f"{plain}-{hashlib.sha256(student.encode()).hexdigest()[:8]}"
