"""Many submissions: found, graded side by side, remembered.

Each is read by a process of its own, and graded by a trusted process of its own, which starts the student's process. What a
trusted process reports comes through a pipe, and tables are written from what came that way or was read before the first
submission ran. Whatever a file does to the process that reads it, everybody gets a row and a page.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import multiprocessing
import os
import select
import signal
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path

import psutil

from grading import checks, container, notebooks, report
from grading.session import Limits
from grading.submission import Result, grade, refused
from tlbook._files import json_sha256

__all__ = ["Assignment", "grade_all", "read_all", "submissions_in", "unpacked"]

HERE = Path(__file__).resolve().parent
TRUSTED_MEMORY = 4 * 2**30  # bytes, for the checks and what they get
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
    """What was handed in, by student: the name of the file, or of the folder in it that the file lies in (as Moodle has it).

    Files that are no notebooks are handed-in files, too: their students get a row that says so. A folder's only other files are
    named if there is no notebook in it.
    """
    found: dict[str, list[Path]] = {}
    for top in sorted(folder.iterdir()):
        if top.name.startswith(".") or top.name == "__MACOSX":
            continue
        if top.is_symlink() or not top.is_dir():
            found.setdefault(top.stem, []).append(top)
            continue
        inside = [path for path in sorted(top.rglob("*")) if _counts(path, folder)]
        notebook = [path for path in inside if path.suffix == ".ipynb"]
        found.setdefault(top.name, []).extend(notebook or inside[:1] or [top])
    students = {}
    for student, paths in found.items():
        for path in paths:
            students[student if len(paths) == 1 else os.fspath(path.relative_to(folder).with_suffix(""))] = path
    return students


def _counts(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not hidden and (path.is_symlink() or not path.is_dir())


UNPACKED = 4 * 2**30, 20_000  # bytes and files of an archive


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A folder of submissions: `path` itself, or what a zip archive of a learning platform holds.

    Raises
    ------
    ValueError
        The archive cannot be read, leads outside, or is too large. Links in it become files, which are no notebooks.
    """
    if path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="tlbook-submissions-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
                if sum(one.file_size for one in members) > UNPACKED[0] or len(members) > UNPACKED[1]:
                    raise ValueError(f"{path} unpacks to more than {UNPACKED[0] / 2**30:g} GB or {UNPACKED[1]:,} files")
                archive.extractall(folder)  # strips what leads outside, and makes no links
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
            raise ValueError(f"{path} is neither a folder nor a zip archive that can be read: {error}") from error
        yield Path(folder)


def read_all(paths: dict[str, Path], jobs: int) -> dict[str, notebooks.Submitted]:
    """Read each submission by a process of its own."""
    with ThreadPoolExecutor(jobs) as pool:
        return dict(zip(paths, pool.map(notebooks.read, paths.values()), strict=True))


def _end_with(pipe: connection.Connection) -> None:
    """End this process when nobody reads its result any more: the class's own has been killed."""
    if not hasattr(select, "poll"):  # Windows
        return
    closed = select.poll()
    closed.register(pipe.fileno(), 0)
    closed.poll()
    os.kill(os.getpid(), signal.SIGKILL)


def _work(pipe: connection.Connection, cells: list[str], assignment: Assignment, options: dict, log: str) -> None:
    """In the trusted process. What TensorFlow has to say, and a traceback should there be one, goes to a file."""
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    with open(log, "ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (TRUSTED_MEMORY, TRUSTED_MEMORY))
    questions = assignment.questions()
    given = notebooks.given_cells(assignment.student)
    result = grade(cells, questions, given, **options)
    pipe.send(dataclasses.asdict(result))  # not closed: this process is ended by whoever gets it


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


def _each(
    cells: dict[str, list[str]],
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
    waiting = list(cells)[::-1]
    running: dict[connection.Connection, tuple] = {}
    allowed = options["limits"].total_seconds + 60
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                student = waiting.pop()
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(theirs, cells[student], assignment, options, str(log)))
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


def grade_all(
    submissions: dict[str, Path],
    read: dict[str, notebooks.Submitted],
    assignment: Assignment,
    output: Path,
    *,
    jobs: int,
    limits: Limits | None = None,
    contained: bool = True,
    again: bool = False,
    tell: Callable[[str], None] = print,
) -> dict[str, Result]:
    """Grade what is new or changed and write grades.csv, items.csv and the feedback pages.

    Parameters
    ----------
    submissions : dict of str to Path
        Of each student.
    read : dict of str to Submitted
        What :func:`read_all` made of them.
    assignment : Assignment
    output : Path
        Gets the tables, feedback/STUDENT.html, log.txt and results/, from which a later call continues.
    jobs : int
        Submissions at a time. What was stopped by the clock is graded once more, alone.
    limits : Limits, optional
    contained : bool
        False grades without containers.
    again : bool
        Grade all, also what was graded before.
    tell : callable
        Called with each line of progress.

    Returns
    -------
    dict of str to Result

    Raises
    ------
    grading.container.NotContained
        Before anything is run, where a container cannot be made, or does not hold.
    """
    if contained:
        container.verify()
    limits = limits or Limits()
    questions = assignment.questions()
    version = f"{assignment.fingerprint()} {limits} {contained}"
    keys = {name: json_sha256([version, one.cells, one.refused]) for name, one in read.items()}
    files = report.file_names(submissions)
    records = {name: output / "results" / f"{files[name]}.json" for name in submissions}
    results: dict[str, Result] = {}
    for name, path in records.items():
        if path.exists() and not again:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["key"] == keys[name]:
                results[name] = _result(record["result"])
    if results:
        tell(f"{len(results)} unchanged since they were graded")
    output.mkdir(parents=True, exist_ok=True)
    slow: list[str] = []

    def done(name: str, result: Result) -> None:
        if result.waited and jobs > 1 and name not in slow:
            slow.append(name)
            return
        results[name] = result
        report.write(records[name], json.dumps({"key": keys[name], "result": dataclasses.asdict(result)}))
        points = f"{result.total:g} points, {result.status}, {result.seconds:.1f} s"
        tell(f"[{len(results)}/{len(submissions)}] {report.plain(name)}: {points}")

    todo = [name for name in submissions if name not in results]
    for name in todo:
        if read[name].refused:
            done(name, refused(questions, read[name].refused))
    options = {"limits": limits, "contained": contained}
    log = output / "log.txt"
    _each({name: read[name].cells for name in todo if name not in results}, assignment, options, jobs, log, done)
    if slow:
        tell(f"{len(slow)} were stopped by the clock, perhaps for want of a processor: once more, one at a time")
        _each({name: read[name].cells for name in slow}, assignment, options, 1, log, done)
    rows = {name: (submissions[name].name, result) for name, result in results.items()}
    report.write(output / "grades.csv", report.csv_text(rows, questions))
    report.write(output / "items.csv", report.items_text(rows, questions))
    for name, result in results.items():
        text = report.page(name, assignment.name, result, questions)
        report.write(output / "feedback" / f"{files[name]}.html", text)
    tell(report.summary(rows, questions))
    return results
