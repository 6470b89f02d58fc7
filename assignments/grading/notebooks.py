"""What is taken from a submitted notebook: the source of its code cells, whatever has become of everything else.

A file that somebody else made is read by a process of its own (`read`), whose time and memory are limited.

    python -m grading.notebooks PATH
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["NotANotebook", "Submitted", "code_cells", "given_cells", "names_defined", "read", "which_assignment"]

LARGEST = 50 * 2**20
LONGEST = 2 * 2**20  # characters of code
SECONDS, MEMORY = 20, 2**30  # for reading one


class NotANotebook(ValueError):
    """The file cannot be read as a notebook; the text says why, for the student."""


@dataclass(frozen=True)
class Submitted:
    """What was handed in.

    Attributes
    ----------
    cells : list of str
        Source of the code cells; empty where it is no notebook.
    names : list of str
        Names that they define.
    says : str
        The assignment that its setup cell names, or "".
    refused : str
        Why it is no notebook, for the student; or "".
    """

    cells: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    says: str = ""
    refused: str = ""


def read(path: Path) -> Submitted:
    """Read a submitted file in a process of its own; whatever happens there, this returns."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    command = [sys.executable, "-P", "-m", "grading.notebooks", os.fspath(path)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=10 * SECONDS
        )
        return Submitted(**json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return Submitted(refused="the file could not be read in time")
    except (ValueError, TypeError):
        return Submitted(refused="the file could not be read with the time and memory that one is given")


def _read_here(path: Path) -> Submitted:
    try:
        cells = code_cells(path)
    except NotANotebook as error:
        return Submitted(refused=str(error))
    says = (re.search(r"^ASSIGNMENT = \"([\w-]{1,80})\"", source, flags=re.MULTILINE) for source in cells)
    return Submitted(cells, sorted(names_defined(cells)), next((found[1] for found in says if found), ""))


def _content(path: Path) -> bytes:
    """The bytes of a plain file of reasonable size: no link, which may lead to another's work, no pipe, no device."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        what = (
            "a link, not a file; hand in the notebook itself" if os.path.islink(path) else "not a file that can be read"
        )
        raise NotANotebook(f"this is {what}") from error
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise NotANotebook("this is not a plain file")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise NotANotebook(f"the file is larger than {LARGEST // 2**20} MB; clear its outputs and hand it in again")
    return content


def code_cells(path: Path) -> list[str]:
    """Sources of the code cells, in order.

    Read leniently: tags, ids, outputs and every other metadata are ignored, format 3 (worksheets) is read too, and cells
    whose type was changed to raw are taken for code where they are Python.
    """
    text = _content(path)
    try:
        content = json.loads(text.decode("utf-8-sig"))
        if "cells" not in content:
            content = {"cells": [cell for sheet in content["worksheets"] for cell in sheet["cells"]]}
        sources = []
        for cell in content["cells"]:
            source = cell.get("source", cell.get("input", ""))
            source = source if isinstance(source, str) else "".join(map(str, source))
            if cell.get("cell_type") == "code" or (cell.get("cell_type") == "raw" and _is_python(source)):
                sources.append(source)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotANotebook("the file is not a notebook, or damaged; download it again as .ipynb") from error
    if not any(source.strip() for source in sources):
        raise NotANotebook("the notebook has no code")
    if sum(map(len, sources)) > LONGEST:
        raise NotANotebook(f"the notebook has more than {LONGEST // 2**20} million characters of code")
    # Half of a pair of surrogates is no text: it could be neither written nor run.
    return [source.encode("utf-8", "replace").decode("utf-8") for source in sources]


def _is_python(source: str) -> bool:
    try:
        return bool(ast.parse(source).body)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False


def is_answer(source: str) -> bool:
    """Whether a cell of the student notebook is to be filled in: a line of it is three dots, or ends with them as a value."""
    return any(
        line.strip() == "..." or re.search(r"[=:][ \t]*\.\.\.,?$", line.rstrip()) for line in source.splitlines()
    )


def given_cells(path: Path) -> list[str]:
    """Code cells of a student notebook that stand there as they are: imports, data, figures; neither answers nor checks."""
    return [
        source for source in code_cells(path) if not is_answer(source) and "grader" not in source and source.strip()
    ]


def names_defined(cells: list[str]) -> set[str]:
    """Names that cells assign or define at their top level."""
    names: set[str] = set()
    for source in cells:
        try:
            tree = ast.parse(without_magics(source))
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            names |= set(re.findall(r"^(?:def[ \t]+)?(\w+)[ \t]*[(=]", source, flags=re.MULTILINE))
            continue
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(node.name)
            for part in ast.walk(node) if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) else ():
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    names.add(part.id)
    return names


def without_magics(source: str) -> str:
    """Plain Python: lines for IPython and the shell do nothing."""
    return re.sub(r"^([ \t]*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)


def which_assignment(submitted: Submitted, graded_names: dict[str, set[str]]) -> str | None:
    """The assignment that a notebook answers: the one that its setup cell names, or else of which it defines most names."""
    if submitted.says in graded_names:
        return submitted.says
    hits = {name: len(names.intersection(submitted.names)) for name, names in graded_names.items()}
    best = max(hits, key=hits.get, default=None)
    return best if best is not None and hits[best] else None


def main() -> None:
    with contextlib.suppress(ImportError):
        import resource

        for which, value in ((resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_AS, MEMORY)):
            resource.setrlimit(which, (value, value))
    print(json.dumps(vars(_read_here(Path(sys.argv[1])))))


if __name__ == "__main__":
    main()
