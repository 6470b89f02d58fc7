"""What is taken from a submitted notebook: the source of its code cells, whatever has become of everything else."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

__all__ = ["NotANotebook", "code_cells", "given_cells", "names_defined", "which_assignment"]

LARGEST = 50 * 2**20


class NotANotebook(ValueError):
    """The file cannot be read as a notebook; the text says why, for the student."""


def code_cells(path: Path) -> list[str]:
    """Sources of the code cells, in order.

    Read leniently: tags, ids, outputs and every other metadata are ignored, format 3 (worksheets) is read too, and cells
    whose type was changed to raw are taken for code where they are Python.
    """
    if path.stat().st_size > LARGEST:
        raise NotANotebook(f"the file is larger than {LARGEST // 2**20} MB; clear its outputs and hand it in again")
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
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
    return sources


def _is_python(source: str) -> bool:
    try:
        return bool(ast.parse(source).body)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False


def is_answer(source: str) -> bool:
    """Whether a cell of the student notebook is to be filled in: a line of it is three dots."""
    return bool(re.search(r"^\s*(?:.*=\s*)?\.\.\.\s*$", source, flags=re.MULTILINE))


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
            tree = ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE))
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            names |= set(re.findall(r"^(?:def\s+)?(\w+)\s*(?:\(|=)", source, flags=re.MULTILINE))
            continue
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(node.name)
            for part in ast.walk(node) if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) else ():
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    names.add(part.id)
    return names


def which_assignment(cells: list[str], graded_names: dict[str, set[str]]) -> str | None:
    """The assignment that a notebook answers: the one that its setup cell names, or else of which it defines most names."""
    for source in cells:
        found = re.search(r"^ASSIGNMENT = \"([\w-]+)\"", source, flags=re.MULTILINE)
        if found and found[1] in graded_names:
            return found[1]
    defined = names_defined(cells)
    hits = {name: len(defined & names) for name, names in graded_names.items()}
    best = max(hits, key=hits.get, default=None)
    return best if best is not None and hits[best] else None
