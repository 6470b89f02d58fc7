"""Run the notebooks as Colab would: its versions, its marks, the notebook alone in an empty folder.

    python tools/release/run_like_colab.py [--versions FILE|colab|newest|here] [--python PYTHON] [NOTEBOOK ...]

A fresh environment under _build/colab gets the versions of tools/release/colab-versions.txt, of FILE (a list such as pip freeze
prints), of Colab's own list ("colab", which needs a network), the newest that fit ("newest"), or those of the environment
that runs this ("here", in seconds). Each notebook gets the first cell that the publishing workflow writes, with a git
repository of this working tree in place of the public one, so that the package comes as it comes to a reader. --python names
the Python to make the environment with; Colab has 3.13.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError, DeadKernelError
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.book import contents, first_cell
from tools.book.contents import BUILD, ROOT
from tools.book.repository import PACKAGE
from tools.env.setup_env import version_of
from tools.release import notebook_alone

VERSIONS = ROOT / "tools" / "release" / "colab-versions.txt"
LIST_OF_COLAB = "https://raw.githubusercontent.com/googlecolab/backend-info/main/pip-freeze.txt"
# What Colab has beside the package's own dependencies, as far as a kernel needs it. Older pips refuse a local repository.
KERNEL = ("ipykernel", "pip>=24.1")
STUB = '"""Stands for the module that every kernel on Colab has imported."""\n'


def dependencies() -> list[Requirement]:
    """What the package itself requires."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(line) for line in project["dependencies"]]


def constraints_from(text: str) -> str:
    """The lines of a list of versions that concern what the package requires; Colab lists hundreds of others.

    Raises
    ------
    ValueError
        Where a listed version lies outside the range that the package admits: on Colab it would then be replaced.
    """
    wanted = {canonicalize_name(requirement.name): requirement for requirement in dependencies()}
    lines = []
    for name, version in re.findall(r"^([A-Za-z0-9][\w.-]*)==([^\s;#]+)", text, flags=re.MULTILINE):
        requirement = wanted.get(canonicalize_name(name))
        if requirement is None:
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            raise ValueError(
                f"Colab has {name} {version}, and the package requires {requirement}: widen pyproject.toml"
            )
        lines.append(f"{name}=={version}")
    return "\n".join([*lines, ""])


def versions(choice: str) -> str:
    """The text of the list of versions that was chosen."""
    if choice == "newest":
        return ""
    if choice == "colab":
        with urllib.request.urlopen(LIST_OF_COLAB, timeout=60) as answer:
            return answer.read().decode()
    return Path(choice).read_text(encoding="utf-8")


def environment(work: Path, choice: str, base: str) -> str:
    """A fresh environment with the chosen versions of what the package requires; its Python."""
    number = "{}.{}".format(*(version_of([base]) or sys.exit(f"{base} is no Python")))
    name = f"{Path(choice).stem}-{number}"
    constraints = work / f"{name}.txt"
    constraints.write_text(constraints_from(versions(choice)), encoding="utf-8")
    held = " ".join(constraints.read_text(encoding="utf-8").split())
    print(f"Python {number}: {held or 'the newest of everything'}", flush=True)
    return notebook_alone.make_environment(work / name, base, [*map(str, dependencies()), *KERNEL], constraints)


def like_colab(python: str) -> None:
    """Put a stub of google.colab into an environment, imported at its start; `google` is a namespace that protobuf uses too."""
    site = notebook_alone.site_packages(python)
    stub = site / "google" / "colab"
    stub.mkdir(parents=True, exist_ok=True)
    (stub / "__init__.py").write_text(STUB, encoding="utf-8")
    (site / "google_colab.pth").write_text("import google.colab\n", encoding="utf-8")


def installed(python: str) -> dict[str, str]:
    """The version of everything in an environment."""
    ask = "import json; from importlib import metadata as m; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    found = json.loads(subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout)
    return {canonicalize_name(name): version for name, version in found.items()}


def run(path: Path, python: str, package: str) -> str:
    """Run one notebook, and return what went wrong, or nothing."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    first_cell.published(notebook, package, cpu=1)
    with notebook_alone.scratch() as folder:
        marks = {"COLAB_RELEASE_TAG": "release-colab", "TLBOOK_CACHE": str(Path(folder, "cache"))}
        work = Path(folder, "content")
        work.mkdir()
        try:
            notebook_alone.run_alone(notebook, python, work, **marks)
        except (CellExecutionError, DeadKernelError, TimeoutError) as error:
            return notebook_alone.shown_error(error)
    said = "".join(
        output.get("text", "") for cell in notebook.cells if first_cell.is_first_cell(cell) for output in cell.outputs
    )
    return "" if "This chapter takes" in said else f"the first cell said nothing of the time: {said!r}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", default=str(VERSIONS))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--work", type=Path, default=BUILD / "colab", help="folder of the environments")
    parser.add_argument("notebooks", nargs="*", type=Path)
    options = parser.parse_args()
    paths = [path.resolve() for path in options.notebooks] or contents.notebooks()
    work = options.work
    work.mkdir(parents=True, exist_ok=True)
    if options.versions == "here":
        python = notebook_alone.make_overlay(work / "here", "pip>=24.1")
    else:
        python = environment(work, options.versions, options.python)
    like_colab(python)
    before = installed(python)
    failed = 0
    with notebook_alone.scratch() as folder:
        address, commit = notebook_alone.snapshot(Path(folder))
        for path in paths:
            started = time.perf_counter()
            error = run(path, python, f"{PACKAGE} @ git+{address}@{commit}")
            failed += bool(error)
            print(f"{path.stem}: {'FAILED' if error else 'ran'} in {time.perf_counter() - started:.0f} s", flush=True)
            if error:
                print(error, flush=True)
    after = installed(python)
    if replaced := sorted(name for name in before if after.get(name) != before[name] and name != "tlbook"):
        sys.exit(f"Installing the package replaced what was there: {', '.join(replaced)}")
    if failed:
        sys.exit(f"{failed} of {len(paths)} notebooks failed")


if __name__ == "__main__":
    main()
