"""Grade a folder of submitted notebooks.

    python tools/assignments/grade.py SUBMISSIONS [--assignment NAME] [--output FOLDER] [--jobs N] [--seed N] [--again]

Writes, for each assignment found among them, FOLDER/NAME/grades.csv and FOLDER/NAME/feedback/STUDENT.html. A second
call grades what is new or changed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tools.assignments import make
from tools.assignments.make import BUILD, ROOT

sys.path.insert(0, str(ROOT / "assignments"))

from grading import checks, classroom, notebooks, sandbox
from grading.session import Limits


def assignment(name: str, seed: int | None) -> classroom.Assignment:
    """Of this name, made first where it is missing, stale, or of another seed."""
    made = BUILD / name
    wanted = make.source_seed(name) if seed is None else seed
    stamp = made / "seed.txt"
    fresh = stamp.exists() and stamp.stat().st_mtime > make.source(name).stat().st_mtime
    if not fresh or int(stamp.read_text(encoding="utf-8")) != wanted:
        make.build(name, made, seed=wanted)
    return classroom.Assignment(name, made / "autograder" / "tests", made / "student" / f"{name}.ipynb")


def hidden_folders(submissions: Path, output: Path) -> list[Path]:
    """What a submission must not see: solutions and checks, other submissions, results, and what is the instructor's own.

    Its feedback page shows what it printed, so whatever it can read can be carried out.
    """
    own = [ROOT, Path.home(), Path("/home"), Path("/root"), Path(tempfile.gettempdir())]
    return [path.resolve() for path in [*own, submissions, output]]


def by_assignment(found: dict[str, Path], known: dict[str, classroom.Assignment]) -> dict[str, dict[str, Path]]:
    """Submissions of each assignment; what cannot be told is named and left out."""
    graded = {name: checks.names_read(one.questions()) for name, one in known.items()}
    sorted_out: dict[str, dict[str, Path]] = {}
    for student, path in found.items():
        try:
            name = notebooks.which_assignment(notebooks.code_cells(path), graded)
        except (OSError, notebooks.NotANotebook):
            name = None
        if name is None:
            print(f"left out, since it is not clear which assignment it is (ASSIGNMENT=... says so): {path}")
        else:
            sorted_out.setdefault(name, {})[student] = path
    return sorted_out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("submissions", type=Path)
    parser.add_argument("--assignment", choices=make.names(), help="that all of them are; else each is recognised")
    parser.add_argument("--output", type=Path, default=ROOT / "_build" / "grades")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="submissions at a time")
    parser.add_argument("--seed", type=int, help="the seed that the assignment was handed out with")
    parser.add_argument("--again", action="store_true", help="grade all, also what was graded before")
    options = parser.parse_args()
    if not options.submissions.is_dir():
        raise SystemExit(f"no folder {options.submissions}; give the one that holds the notebooks")
    found = classroom.submissions_in(options.submissions)
    if not found:
        raise SystemExit(f"no notebook (*.ipynb) in {options.submissions}")
    chosen = [options.assignment] if options.assignment else make.names()
    known = {name: assignment(name, options.seed) for name in chosen}
    groups = {options.assignment: found} if options.assignment else by_assignment(found, known)
    started, protections = time.perf_counter(), None
    for name, submissions in groups.items():
        output = options.output / name
        hide = hidden_folders(options.submissions, options.output)
        print(f"{name}: {len(submissions)} submissions, {options.jobs} at a time", flush=True)
        results = classroom.grade_folder(
            submissions, known[name], output, jobs=options.jobs, limits=Limits(), hide=hide, again=options.again
        )
        for result in results.values():
            if result.protections or result.status == "graded":
                protections = set(result.protections) if protections is None else protections & set(result.protections)
        print(f"written: {output}/grades.csv, {output}/feedback/")
    print(f"{time.perf_counter() - started:.0f} s")
    for key, words in sandbox.PROTECTIONS.items():
        if protections is not None and key not in protections:
            print(
                f"NOT possible on this system: {words}. Grade untrusted work in a container or on a machine of its own."
            )


if __name__ == "__main__":
    main()
