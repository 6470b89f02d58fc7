"""Make what students get, and what grading needs, from the assignments' sources.

    python tools/assignments/make.py [NAME ...] [--seed N] [--package WHERE] [--no-run]

_build/assignments/hand-out/NAME/     the student notebook with its public checks; beside them the package as a wheel
_build/assignments/NAME/autograder/   all checks, the notebook with solutions, and archives for Gradescope: ours, and otter's
assignments/student/NAME/             the same student files, in the repository, for Colab; only with the seed of the sources

`make grade` and the tests call `build`, too.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

import nbformat

from tools import ROOT

SOURCES = ROOT / "assignments"
STUDENT = SOURCES / "student"
BUILD = ROOT / "_build" / "assignments"
OTTER = "otter-grader>=7,<8"
PACKAGE = "tlbook"
PACKED = re.compile(r'^CHECKS = "(.*)"$', flags=re.MULTILINE)
SEED_LINE = re.compile(r"^(\s*)SEED = \d+$", flags=re.MULTILINE)

SETUP = """\
# @title Setup: run this cell first
# It installs what is missing (on Colab), unpacks the checks of this notebook, and defines `grader`.
ASSIGNMENT = "{name}"
import base64, glob, json, tempfile, zlib
from pathlib import Path

try:
    import otter, tlbook
except ImportError:
    wheels = sorted(glob.glob("tlbook-*.whl") + glob.glob("../tlbook-*.whl"))
    package = wheels[-1] if wheels else "{package}"
    %pip install --quiet "{otter}" "$package"
    import otter, tlbook

CHECKS = "{checks}"
folder = Path(tempfile.mkdtemp(prefix="checks-"))
for name, text in json.loads(zlib.decompress(base64.b64decode(CHECKS))).items():
    (folder / name).write_text(text, encoding="utf-8")
grader = otter.Notebook(tests_dir=str(folder))"""


def names() -> list[str]:
    """Assignments, in the order of the book."""
    order = [
        "convolutions",
        "features-and-probes",
        "fine-tuning-and-augmentation",
        "evaluation",
        "open-project",
        "other-tasks",
    ]
    found = [path.parent.name for path in SOURCES.glob("*/*.ipynb") if path.stem == path.parent.name]
    return sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name))


def source(name: str) -> Path:
    return SOURCES / name / f"{name}.ipynb"


def source_seed(name: str) -> int:
    """The number on the source's SEED lines.

    Raises
    ------
    SystemExit
        If there is none, or more than one.
    """
    text = "\n".join(cell.source for cell in nbformat.read(source(name), as_version=4).cells)
    seeds = {int(found.group(0).split("=")[1]) for found in SEED_LINE.finditer(text)}
    if len(seeds) != 1:
        raise SystemExit(f"{name}: every SEED line must have the same number, but there are {sorted(seeds)}")
    return seeds.pop()


def _prepared(name: str, seed: int, package: str) -> nbformat.NotebookNode:
    """The source with its seed and its setup cell, the public checks in it still missing."""
    notebook = nbformat.read(source(name), as_version=4)
    for cell in notebook.cells:
        cell.source = SEED_LINE.sub(rf"\1SEED = {seed}", cell.source)
        if cell.cell_type == "raw" and cell.source.startswith("# ASSIGNMENT CONFIG"):
            cell.source += f"\nrequirements:\n    - {package}"  # what a grading container installs
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    at = next((i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"), len(notebook.cells))
    setup = nbformat.v4.new_code_cell(SETUP.format(name=name, package=package, otter=OTTER, checks="@CHECKS@"))
    setup.metadata = {"cellView": "form", "jupyter": {"source_hidden": True}, "tags": ["setup"]}
    notebook.cells.insert(at, setup)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def packed(folder: Path) -> str:
    """The test files of a folder as text for the setup cell: one line, which takes little room on a screen."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))}
    return base64.b64encode(zlib.compress(json.dumps(texts).encode(), 9)).decode()


def unpacked(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """The checks in a student notebook's setup cell."""
    text = next(found[1] for cell in notebook.cells if (found := PACKED.search(cell.source)))
    return json.loads(zlib.decompress(base64.b64decode(text)))


def _finish(path: Path, checks: str, language: bool = True) -> None:
    """Put the checks in, and leave nothing that differs from run to run."""
    notebook = nbformat.read(path, as_version=4)
    for number, cell in enumerate(notebook.cells):
        cell.source = cell.source.replace("@CHECKS@", checks)
        cell["id"] = f"cell-{number:03d}"
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def build(name: str, to: Path, *, seed: int | None = None, package: str = PACKAGE, run: bool = False) -> None:
    """Make `to`/student and `to`/autograder with otter.

    Parameters
    ----------
    name : str
    to : Path
        Is replaced.
    seed : int, optional
        Of the data; that of the source if not given.
    package : str
        What pip installs where tlbook is missing: a name, or an address.
    run : bool
        Also grade the solutions with the archive just made (a few seconds, more with TensorFlow).
    """
    seed = source_seed(name) if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="assign-") as scratch:
        master = Path(scratch) / f"{name}.ipynb"
        nbformat.write(_prepared(name, seed, package), master)
        command = [sys.executable, "-m", "otter", "assign", str(master), str(Path(scratch) / "dist"), "--no-pdfs"]
        command += [] if run else ["--no-run-tests"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=scratch)
        if done.returncode:
            raise SystemExit(f"otter could not make {name}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        made = Path(scratch) / "dist"
        checks = packed(made / "student" / "tests")
        for view in ("student", "autograder"):
            _finish(made / view / f"{name}.ipynb", checks)
        for archive in made.glob("autograder/*.zip"):
            archive.rename(made / "autograder" / f"{name}-autograder.zip")
        for path in [*made.rglob("__pycache__"), *made.rglob(".OTTER_LOG")]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.rmtree(to, ignore_errors=True)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(str(made), to)
    (to / "seed.txt").write_text(f"{seed}\n", encoding="utf-8")


SETUP_SCRIPT = """#!/usr/bin/env bash
# Gradescope runs this once, as root, when the archive is uploaded.
set -e
apt-get update && apt-get install -y python3 python3-venv bubblewrap libseccomp2
python3 -m venv /opt/grading
/opt/grading/bin/pip install --no-cache-dir {requirements} "{package}[assignments]"
"""
RUN_SCRIPT = """#!/usr/bin/env bash
# Gradescope runs this once for each submission, in a container of its own.
cd /autograder/source
PYTHONPATH=/autograder/source exec /opt/grading/bin/python -m grading.gradescope /autograder
"""


def gradescope(name: str, made: Path, wheel: Path) -> Path:
    """The archive that runs our checks in Gradescope's container: `made`/autograder/NAME-gradescope.zip.

    Parameters
    ----------
    made : Path
        What :func:`build` made.
    wheel : Path
        Of tlbook; goes into the archive.
    """
    path = made / "autograder" / f"{name}-gradescope.zip"
    setup = SETUP_SCRIPT.format(requirements="ipython", package=f"/autograder/source/{wheel.name}")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for script, text in (("setup.sh", setup), ("run_autograder", RUN_SCRIPT)):
            member = zipfile.ZipInfo(script)
            member.external_attr = 0o755 << 16
            archive.writestr(member, text)
        archive.write(wheel, wheel.name)
        archive.write(made / "student" / f"{name}.ipynb", f"{name}.ipynb")
        for file in sorted((made / "autograder" / "tests").glob("*.py")):
            archive.write(file, f"tests/{file.name}")
        for file in sorted((SOURCES / "grading").glob("*.py")):
            archive.write(file, f"grading/{file.name}")
    return path


def same_files(one: Path, other: Path) -> list[str]:
    """Names of the files in which two student folders differ; the packed checks are compared unpacked."""

    def content(path: Path) -> object:
        if path.suffix != ".ipynb":
            return path.read_bytes()
        notebook = nbformat.read(path, as_version=4)
        checks = unpacked(notebook)
        for cell in notebook.cells:
            cell.source = PACKED.sub("", cell.source)
        return json.dumps(notebook, sort_keys=True), checks

    paths = {path.relative_to(folder) for folder in (one, other) for path in folder.rglob("*") if path.is_file()}
    missing = [path for path in paths if not ((one / path).is_file() and (other / path).is_file())]
    differ = [path for path in paths if path not in missing and content(one / path) != content(other / path)]
    return sorted(map(str, [*missing, *differ]))


def hand_out(name: str, made: Path, to: Path) -> None:
    """Put what students get into `to`/NAME: what :func:`build` made for them, and the sheets that lie beside the source."""
    shutil.rmtree(to / name, ignore_errors=True)
    shutil.copytree(made / "student", to / name)
    for sheet in sorted((SOURCES / name).glob("*.md")):
        shutil.copy(sheet, to / name)


def build_wheel(folder: Path) -> Path:
    """tlbook as a wheel, so that a student can install it without an index."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the package could not be built:\n{done.stdout}{done.stderr}")
    return next(folder.glob("tlbook-*.whl"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="assignments; all if none is given")
    parser.add_argument("--seed", type=int, help="draw other data; expected answers change with it")
    parser.add_argument(
        "--package", default=PACKAGE, help="what pip installs on Colab: tlbook, or the address of its wheel"
    )
    parser.add_argument("--no-run", action="store_true", help="do not grade the solutions with the finished archives")
    options = parser.parse_args()
    unknown = set(options.names) - set(names())
    if unknown:
        raise SystemExit(f"no assignment {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    folder = BUILD / "hand-out"
    for name in options.names or names():
        print(f"{name} ...", flush=True)
        build(name, BUILD / name, seed=options.seed, package=options.package, run=not options.no_run)
        hand_out(name, BUILD / name, folder)
        ours = options.seed in (None, source_seed(name)) and options.package == PACKAGE
        if ours and (not (STUDENT / name).is_dir() or same_files(STUDENT / name, BUILD / name / "student")):
            shutil.rmtree(STUDENT / name, ignore_errors=True)
            shutil.copytree(BUILD / name / "student", STUDENT / name)
            print(f"  written anew: {(STUDENT / name).relative_to(ROOT)}")
    for old in folder.glob("tlbook-*.whl"):
        old.unlink()
    wheel = build_wheel(folder)
    for name in options.names or names():
        gradescope(name, BUILD / name, wheel)
    print(
        f"for students: {folder.relative_to(ROOT)}\nfor grading, with solutions: {BUILD.relative_to(ROOT)}/NAME/autograder"
    )


if __name__ == "__main__":
    main()
