"""Build sdist and wheel into dist/, and check that the wheel alone runs a chapter and that nothing is missing from either.

    python tools/release/make_release.py [--chapter book/NAME.ipynb]

The chapter runs in a fresh environment, made with the newest versions that the package admits, in an empty folder: no file of
this repository is in reach. Where GITHUB_REF_NAME is a tag, it must be "v" and the version of the package.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError

from tools.book.contents import BUILD, ROOT
from tools.release import notebook_alone

DIST = ROOT / "dist"
CHAPTER = ROOT / "book" / "feature-extraction.ipynb"
LICENCES = ("LICENSE", "LICENSE-CC-BY-4.0")


def version() -> str:
    """The version of the package, as its source has it."""
    return re.search(r'__version__ = "(.*)"', (ROOT / "tlbook" / "__init__.py").read_text(encoding="utf-8"))[1]


def check_tag(environment: dict[str, str]) -> None:
    """Refuse to release under a tag that names another version."""
    tag = environment.get("GITHUB_REF_NAME") if environment.get("GITHUB_REF_TYPE") == "tag" else None
    if tag is not None and tag != f"v{version()}":
        raise SystemExit(f"The tag is {tag} and the package says {version()}: the tag should be v{version()}")


def build(source: Path, out: Path) -> tuple[Path, Path]:
    """(sdist, wheel) of the project in `source`."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


def in_package() -> set[str]:
    """Every file of the package, code and data, as a path under the repository."""
    files = (path for path in (ROOT / "tlbook").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in files}


def missing_from_wheel(names: set[str]) -> list[str]:
    """What a wheel lacks: code, sketches, weights, results computed beforehand, licences."""
    wanted = in_package() | {f"tlbook/_results/{path.name}" for path in (ROOT / "book" / "results").glob("*.json")}
    lacking = sorted(wanted - names)
    lacking += [name for name in LICENCES if not any(path.endswith(f".dist-info/licenses/{name}") for path in names)]
    return lacking


def unexpected_in_wheel(names: set[str]) -> list[str]:
    """What does not belong into a wheel: anything beside the package and its metadata."""
    return sorted(name for name in names if not re.match(r"tlbook/|tlbook-[^/]+\.dist-info/", name))


def missing_from_sdist(names: set[str]) -> list[str]:
    """What an sdist lacks of the package, its licences, and what the wheel is made from."""
    wanted = in_package() | {*LICENCES, "pyproject.toml", "README.md"}
    wanted |= {f"book/results/{path.name}" for path in (ROOT / "book" / "results").glob("*.json")}
    return sorted(wanted - names)


def names_in(archive: Path) -> set[str]:
    """The files of a wheel, or of an sdist without its outer folder."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as file:
            return set(file.namelist())
    with tarfile.open(archive) as file:
        return {member.name.partition("/")[2] for member in file.getmembers() if member.isfile()}


def check_contents(sdist: Path, wheel: Path) -> None:
    """Raise SystemExit with everything that is missing, or that does not belong there."""
    complaints = [f"{wheel.name} lacks {name}" for name in missing_from_wheel(names_in(wheel))]
    complaints += [f"{wheel.name} has {name}" for name in unexpected_in_wheel(names_in(wheel))]
    complaints += [f"{sdist.name} lacks {name}" for name in missing_from_sdist(names_in(sdist))]
    if complaints:
        raise SystemExit("\n".join(complaints))
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist) as file:
            file.extractall(folder, filter="data")
        _, again = build(next(Path(folder).iterdir()), Path(folder, "again"))
        different = names_in(wheel) ^ names_in(again)
    if different:
        raise SystemExit(
            f"In only one of the wheels from the repository and from the sdist: {', '.join(sorted(different))}"
        )


def run_chapter(wheel: Path, chapter: Path) -> None:
    """Run one chapter with the wheel and nothing else of this repository."""
    python = notebook_alone.make_environment(BUILD / "release", sys.executable, [str(wheel), "ipykernel"])
    notebook = nbformat.read(chapter, as_version=4)
    with notebook_alone.scratch() as folder:
        try:
            notebook_alone.run_alone(notebook, python, Path(folder), TLBOOK_CACHE=str(Path(folder, "cache")))
        except CellExecutionError as error:
            raise SystemExit(
                f"{chapter.name} fails with the wheel alone:\n{notebook_alone.shown_error(error)}"
            ) from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chapter", type=Path, default=CHAPTER)
    options = parser.parse_args()
    check_tag(dict(os.environ))
    shutil.rmtree(DIST, ignore_errors=True)
    sdist, wheel = build(ROOT, DIST)
    check_contents(sdist, wheel)
    for path in (sdist, wheel):
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {len(names_in(path))} files", flush=True)
    run_chapter(wheel, options.chapter.resolve())
    print(f"{options.chapter.stem} runs with the wheel alone. Both files lie in {DIST}")


if __name__ == "__main__":
    main()
