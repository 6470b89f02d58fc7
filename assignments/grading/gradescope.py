"""Our checks in a container of Gradescope's: one submission, its results in the format that Gradescope reads.

    python -m grading.gradescope [FOLDER]

FOLDER (/autograder) holds `source` (what the archive brought: the checks in `source/tests`, the student notebook), `submission`
and `results`, and nothing of other students. As a rule no container of ours can be made in it: the student's process then runs
as another user, who can neither read the checks nor write the results.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from grading import checks, classroom, container, notebooks, report
from grading.submission import Result, grade, refused

__all__ = ["main", "results_of"]

FAILED = "The grader itself failed, which is not your fault. Your instructor sees this, too, and will grade it again."


def results_of(result: Result, questions: list[checks.Question]) -> dict[str, Any]:
    """What Gradescope shows: a test for each question with its points and hints, and what happened while the notebook ran."""
    tests = [
        {
            "name": question.name,
            "score": result.points(question.name),
            "max_score": question.points,
            "output": report.hints(question, result.outcomes[question.name]),
            "output_format": "text",
        }
        for question in questions
    ]
    notes = [report.plain(note) for note in result.notes]
    return {"tests": tests, "output": "\n".join(notes), "output_format": "text", "visibility": "visible"}


def _graded(folder: Path) -> dict[str, Any]:
    source = folder / "source"
    questions = checks.load(source / "tests")
    found = [path for path in classroom.submissions_in(folder / "submission").values() if path.suffix == ".ipynb"]
    if len(found) != 1:
        why = f"hand in one notebook (.ipynb); there are {len(found)}"
        return results_of(refused(questions, why), questions)
    submitted = notebooks.read(found[0])
    if submitted.refused:
        return results_of(refused(questions, submitted.refused), questions)
    for path in (source, folder / "results"):  # for root alone; a student's process is somebody else's
        os.chmod(path, 0o700)
    try:
        container.verify()
        contained = True
    except container.NotContained:
        contained = False
    given = notebooks.given_cells(next(source.glob("*.ipynb")))
    result = grade(submitted.cells, questions, given, contained=contained, as_nobody=not contained)
    return results_of(result, questions)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "/autograder")
    try:
        results = _graded(folder)
    except Exception:
        traceback.print_exc()
        results = {"score": 0, "output": FAILED, "output_format": "text", "visibility": "visible"}
    report.write(folder / "results" / "results.json", json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
