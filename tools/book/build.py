"""Run every notebook of the table of contents on one data set, then build the book's pages.

    python tools/book/build.py [--dataset sketches|photos]

A notebook that ran on the sketches before, here or in `make test`, is not run again while nothing has changed that decides
its outputs; one that reads no data set's name is run once for both editions. Nothing under book/ changes: executed notebooks,
the staged sources and the run report lie in _build/DATASET, the pages in _build/html or, for photos, _build/photos/html. Where
a notebook fails, its cell and error are shown, the others still run, no pages are built, and the exit status is 1. The variable
TLBOOK_SITE may name the address under which the site will be published; pages then carry it for those who share a link.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import yaml

from tlbook import datasets
from tlbook._files import versions
from tools import ROOT
from tools.book import contents, editions, finish_pages, page_facts, publish_notebooks
from tools.book.notebook_runs import Run, run_all

PACKAGES = (
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "numpy",
    "scipy",
    "scikit-learn",
    "matplotlib",
    "pillow",
    "jupyter-book",
)
REPORT = "run-report"


def report_on(runs: list[Run], dataset: str) -> dict:
    """Seconds, memory, versions and edition: what a reader compares when a number differs from theirs."""
    found = versions(*PACKAGES)
    return {
        "edition": dataset,
        "date": max((run.date for run in runs), default=""),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "gpu": shutil.which("nvidia-smi") is not None and "tensorflow" in found,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "versions": found,
        "notebooks": [
            {
                "name": run.source.stem,
                "edition": contents.edition_of(run.source, dataset),
                "code_cells": run.cells,
                "seconds": round(run.seconds, 1),
                "peak_gb": round(run.peak_bytes / 1e9, 2),
                "error": run.error,
            }
            for run in runs
        ],
    }


def report_page(report: dict) -> str:
    """The report as a MyST page."""
    rows = []
    for row in report["notebooks"]:
        figures = f"{row['code_cells']} | {row['seconds']:.0f} | {row['peak_gb']:.2f}"
        rows.append(f"| [{row['name']}]({row['name']}.ipynb) | {row['edition']} | {figures} |")
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return "\n".join(
        [
            "# How this copy was made",
            "",
            f"This is the edition on *{report['edition']}*. The last of its notebooks was run on {report['date']}, all of them",
            f"on {report['system']} with {report['cores']} cores and {report['memory_gb']:.0f} GB of memory, under Python",
            f"{report['python']}, each with the data set that its row names: one that reads none is run once for all editions.",
            "Seconds include starting Python and importing TensorFlow. Notebooks that ran at once shared the cores.",
            "",
            "| Notebook | Data set | Code cells | Seconds | Peak memory, GB |",
            "|:--|:--|--:|--:|--:|",
            *rows,
            "",
            f"Versions: {versions}.",
            "",
        ]
    )


def with_one_parameters_cell(path: Path, dataset: str) -> bytes:
    """An executed notebook in which the cell tagged parameters shows the data set of the edition.

    papermill leaves that cell alone and adds a second one; on a page, two assignments in a row would only puzzle.
    """
    notebook = nbformat.read(path, as_version=4)
    injected = [cell for cell in notebook.cells if "injected-parameters" in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        if injected and "parameters" in cell.metadata.get("tags", []):
            cell.source = f'dataset = "{dataset}"'
    notebook.cells = [cell for cell in notebook.cells if cell not in injected]
    return nbformat.writes(notebook).encode()


def stage(executed: dict[Path, Path], report: dict, folder: Path) -> None:
    """Copy what the pages are made of into `folder`, with executed notebooks in the place of stored ones.

    A file that is the same already keeps its time stamp, so that Sphinx reads only what changed.
    """
    toc = contents.table_of_contents()
    for _, entry in contents.entries(toc):
        entry.pop("to", None)
    toc["parts"][-1]["chapters"].append({"file": f"book/{REPORT}"})
    wanted: dict[Path, bytes] = {
        Path("_config.yml"): (ROOT / "_config.yml").read_bytes(),
        Path("_toc.yml"): yaml.safe_dump(toc, sort_keys=False).encode(),
        Path(f"book/{REPORT}.md"): report_page(report).encode(),
    }
    for path in sorted((ROOT / "book").rglob("*")):
        relative = path.relative_to(ROOT)
        if path.is_file() and not any(part.startswith((".", "__")) for part in relative.parts) and path.suffix != ".py":
            run = executed.get(path)
            wanted[relative] = with_one_parameters_cell(run, report["edition"]) if run else path.read_bytes()
    index = Path("book/index.md")
    chapters = [wanted[path.relative_to(ROOT)] for path in contents.chapters() if path in executed]
    extent = page_facts.extent(report, chapters)
    wanted[index] = wanted[index].replace(page_facts.EXTENT.encode(), extent.encode())
    publish_notebooks.complete(wanted, report)
    for relative, content in wanted.items():
        target = folder / relative
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for path in [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder) not in wanted]:
        path.unlink()


def build(source: Path, work: Path, html: Path, report: dict, site: str = "") -> None:
    """Make the pages, warnings as errors, and put them where the reader looks only when all went well.

    `site` is the address under which they will be published, where that is known.
    """
    # Sphinx makes only those pages anew whose sources changed, and does not look at style sheets, scripts and some settings.
    settings = hashlib.sha256((source / "_config.yml").read_bytes())
    for path in sorted((source / "book" / "_static").rglob("*.*s")):
        settings.update(path.read_bytes())
    stamp = work / "settings.sha256"
    if work.exists() and not (stamp.is_file() and stamp.read_text() == settings.hexdigest()):
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    stamp.write_text(settings.hexdigest())
    command = [
        sys.executable,
        "-c",
        "from jupyter_book.cli.main import main; main()",
        "build",
        str(source),
        "--path-output",
        str(work),
    ]
    command += ["-W", "-n", "--keep-going", "--quiet"]
    # The package's own pages are made by importing it: no need for more than one thread, nor for TensorFlow's messages.
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0", "JUPYTER_PREFER_ENV_PATH": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", errors="replace")
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        raise SystemExit("The pages could not be built; the messages above say why. Nothing was replaced.")
    fresh = html.with_name(html.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(work / "_build" / "html", fresh)
    finish_pages.finish(fresh, report, site)
    shutil.rmtree(html, ignore_errors=True)
    fresh.rename(html)
    editions.link(editions.built())


def _check_photos(dataset: str) -> None:
    """End at once where the photos of an edition can't be had: every notebook would fail on its own."""
    try:
        datasets.load(dataset)
    except (datasets.DataUnavailable, datasets.BadArchive) as error:
        raise SystemExit(f"No notebook was run, since the data set {dataset!r} cannot be had. {error}") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="sketches", choices=contents.DATASETS)
    dataset = parser.parse_args().dataset
    _check_photos(dataset)
    work = contents.work_folder(dataset)
    work.mkdir(parents=True, exist_ok=True)
    # Photos and their weights lie outside the project, where they may change without its noticing.
    runs = run_all(contents.executions(dataset), dataset, reuse=dataset == contents.DATASETS[0])
    report = report_on(runs, dataset)
    (work / f"{REPORT}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    failed = [run for run in runs if run.error]
    if failed:
        raise SystemExit(
            f"\n{len(failed)} of {len(runs)} notebooks failed, so no pages were built. What ran lies in {work / 'executed'}"
        )
    stage({run.source: run.output for run in runs}, report, work / "source")
    html = contents.html_folder(dataset)
    build(work / "source", work / "pages", html, report, editions.site(dataset))
    print(f"The book is built. Open {html / 'index.html'}")


if __name__ == "__main__":
    main()
