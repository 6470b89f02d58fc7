"""A course in one command, to see how everything goes together before the first student does.

    python tools/assignments/course.py [--assignment NAME ...] [--seed N] [--output FOLDER] [--jobs N]

Makes the hand-out of every assignment with a seed of its own, invents three students (one who knows everything, one with a
misconception in every question, one who handed in the notebook as it was), packs their notebooks as a learning platform does,
grades the archive, and prints the table and what lies where. The open project has its three marked samples as well.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
import zipfile
from pathlib import Path

import nbformat

from tools.assignments import make
from tools.assignments.make import ROOT

sys.path.insert(0, str(ROOT / "assignments"))

from grading import classroom, container, notebooks, source

from tools.assignments.grade import by_assignment

QUICK = ["convolutions", "evaluation"]  # the others train networks: minutes of processor time
SEED = 31


def invented(name: str, made: Path) -> dict[str, list[str]]:
    """Code cells of the invented submissions to one assignment, by student."""
    reference = notebooks.code_cells(made / "autograder" / f"{name}.ipynb")
    blocks = source.read_answers(make.source(name).with_name("answers.py"))
    wrong: dict[str, str] = {}
    for block in blocks:
        if not block.right and "by heart" not in block.words:
            wrong.setdefault(block.question, block.source)
    students = {
        "Ada-Right": reference,
        "Ben-Misconception": [*reference, *wrong.values()],
        "Cleo-Blank": notebooks.code_cells(made / "student" / f"{name}.ipynb"),
    }
    for path in sorted(make.source(name).parent.glob("samples/*.py")):
        given = notebooks.given_cells(made / "student" / f"{name}.ipynb")
        answers = [block.source for block in source.read_answers(path)]
        students[f"Sample-{path.stem}"] = [*given, *answers]
    return students


def archive(submissions: dict[str, list[str]], path: Path) -> Path:
    """A zip file with a folder for each student, as Moodle makes it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for student, cells in submissions.items():
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
            packed.writestr(f"{student}/notebook.ipynb", nbformat.writes(notebook))
    return path


def run(
    handed_out: list[str],
    graded: list[str],
    output: Path,
    *,
    seed: int = SEED,
    jobs: int = 1,
    contained: bool = True,
) -> dict[str, dict[str, float]]:
    """Hand out, hand in, grade.

    Parameters
    ----------
    handed_out, graded : list of str
        Assignments that are made; those of them to which submissions are invented.
    output : Path
        Is replaced.
    seed, jobs : int
        Of the data; submissions graded at a time.
    contained : bool
        False grades without a container.

    Returns
    -------
    dict
        Assignment to student to total points, as in the tables.
    """
    shutil.rmtree(output, ignore_errors=True)
    known = {}
    for name in handed_out:
        print(f"making {name} ...", flush=True)
        made = output / "for-grading" / name
        make.build(name, made, seed=seed)
        make.hand_out(name, made, output / "hand-out")
        known[name] = classroom.Assignment(name, made / "autograder" / "tests", made / "student" / f"{name}.ipynb")
    make.build_wheel(output / "hand-out")
    submissions = {
        f"{student}-{name}": cells
        for name in graded
        for student, cells in invented(name, output / "for-grading" / name).items()
    }
    packed = archive(submissions, output / "submissions.zip")
    totals: dict[str, dict[str, float]] = {}
    with classroom.unpacked(packed) as folder:
        found = classroom.submissions_in(folder)
        read = classroom.read_all(found, jobs)
        groups, unclear = by_assignment(read, known)
        if unclear:
            raise RuntimeError(f"not recognised: {', '.join(unclear)}")
        for name, students in groups.items():
            results = classroom.grade_all(
                {student: found[student] for student in students},
                {student: read[student] for student in students},
                known[name],
                output / "grades" / name,
                jobs=jobs,
                contained=contained,
            )
            totals[name] = {student: result.total for student, result in results.items()}
    return totals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--assignment",
        action="append",
        choices=[*make.names(), "all"],
        help=f"to which submissions are invented; {' and '.join(QUICK)} if none is given",
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", type=Path, default=ROOT / "_build" / "course")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    graded = make.names() if options.assignment == ["all"] else options.assignment or QUICK
    started = time.perf_counter()
    try:
        container.verify()
    except container.NotContained as error:
        raise SystemExit(f"Nothing was graded, since students' code cannot be contained here: {error}") from None
    run(make.names(), graded, options.output, seed=options.seed, jobs=options.jobs)
    for name in graded:
        grades = options.output / "grades" / name
        print(f"\n{name}\n{(grades / 'grades.csv').read_text(encoding='utf-8')}")
        print((grades / "items.csv").read_text(encoding="utf-8"))
    print(f"{time.perf_counter() - started:.0f} s; everything lies in {options.output}:")
    print("  hand-out/           what students get: notebooks, checks that they may see, the package as a wheel")
    print("  for-grading/        solutions and all checks")
    print("  submissions.zip     what the invented students handed in, as Moodle packs it")
    print(
        "  grades/NAME/        grades.csv, items.csv (difficulty and discrimination), feedback/: a page for each student"
    )


if __name__ == "__main__":
    main()
