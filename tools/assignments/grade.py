"""Grade a folder of submitted notebooks, or the zip archive in which a learning platform packs them.

    python tools/assignments/grade.py SUBMISSIONS [--assignment NAME] [--output FOLDER] [--jobs N] [--seed N] [--again]

Writes, for each assignment found among them, FOLDER/NAME/grades.csv, items.csv and feedback/STUDENT.html; what is of none
goes to FOLDER/not-recognised. A second call grades what is new or changed. Students' code runs in containers (bubblewrap, on
Linux); where none can be made, nothing is graded.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tools.assignments import make
from tools.assignments.make import BUILD, ROOT

sys.path.insert(0, str(ROOT / "assignments"))

from grading import checks, classroom, container, notebooks, report, submission


def assignment(name: str, seed: int | None) -> classroom.Assignment:
    """Of this name, made first where it is missing, stale, or of another seed."""
    made = BUILD / name
    wanted = make.source_seed(name) if seed is None else seed
    stamp = made / "seed.txt"
    fresh = stamp.exists() and stamp.stat().st_mtime > make.source(name).stat().st_mtime
    if not fresh or int(stamp.read_text(encoding="utf-8")) != wanted:
        make.build(name, made, seed=wanted)
    return classroom.Assignment(name, made / "autograder" / "tests", made / "student" / f"{name}.ipynb")


def by_assignment(
    read: dict[str, notebooks.Submitted], known: dict[str, classroom.Assignment]
) -> tuple[dict[str, list[str]], list[str]]:
    """Students by assignment, and those whose file tells of none."""
    graded = {name: checks.names_read(one.questions()) for name, one in known.items()}
    sorted_out: dict[str, list[str]] = {}
    unclear = []
    for student, submitted in read.items():
        name = notebooks.which_assignment(submitted, graded)
        if name is None:
            unclear.append(student)
        else:
            sorted_out.setdefault(name, []).append(student)
    return sorted_out, unclear


def not_recognised(
    students: list[str], read: dict[str, notebooks.Submitted], found: dict[str, Path], output: Path
) -> None:
    """A row and a page for each of those whose assignment is not clear."""
    why = "it answers none of the assignments by name (ASSIGNMENT=... says which one all of them are)"
    rows = {name: (found[name].name, submission.refused([], read[name].refused or why)) for name in students}
    report.write(output / "grades.csv", report.csv_text(rows, []))
    for name, file in report.file_names(students).items():
        report.write(output / "feedback" / f"{file}.html", report.page(name, "Not recognised", rows[name][1], []))
    print(f"{len(students)} not recognised: {output}/grades.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("submissions", type=Path)
    parser.add_argument("--assignment", choices=make.names(), help="that all of them are; else each is recognised")
    parser.add_argument("--output", type=Path, default=ROOT / "_build" / "grades")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="submissions at a time")
    parser.add_argument("--seed", type=int, help="the seed that the assignment was handed out with")
    parser.add_argument("--again", action="store_true", help="grade all, also what was graded before")
    parser.add_argument(
        "--uncontained",
        action="store_true",
        help="run students' code with your own rights on files and network: on a machine that holds nothing else",
    )
    options = parser.parse_args()
    if not options.submissions.exists():
        raise SystemExit(f"no folder {options.submissions}; give the one that holds the notebooks")
    try:
        if not options.uncontained:
            container.verify()
        with classroom.unpacked(options.submissions) as folder:
            grade(folder, options)
    except container.NotContained as error:
        raise SystemExit(f"Nothing was graded, since students' code cannot be contained here: {error}") from None
    except ValueError as error:
        raise SystemExit(str(error)) from None


def grade(folder: Path, options: argparse.Namespace) -> None:
    """All that was handed in, one assignment after the other."""
    found = classroom.submissions_in(folder)
    if not found:
        raise SystemExit(f"no notebook (*.ipynb) in {options.submissions}")
    chosen = [options.assignment] if options.assignment else make.names()
    known = {name: assignment(name, options.seed) for name in chosen}
    read = classroom.read_all(found, options.jobs)
    groups, unclear = ({options.assignment: list(found)}, []) if options.assignment else by_assignment(read, known)
    started = time.perf_counter()
    for name, students in groups.items():
        output = options.output / name
        print(f"{name}: {len(students)} submissions, {options.jobs} at a time", flush=True)
        classroom.grade_all(
            {student: found[student] for student in students},
            {student: read[student] for student in students},
            known[name],
            output,
            jobs=options.jobs,
            contained=not options.uncontained,
            again=options.again,
        )
        print(f"written: {output}/grades.csv, {output}/items.csv, {output}/feedback/")
    if unclear:
        not_recognised(unclear, read, found, options.output / "not-recognised")
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
