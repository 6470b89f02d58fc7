"""Gather the branch that the book's buttons lead to: every notebook, with a first cell that installs this very commit.

    python tools/book/publish_notebooks.py [--out _build/notebooks]     after build.py, in the publishing workflow

Only a folder is written; .github/workflows/publish.yml makes a branch of it. PUBLISHING.md says why there is one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import nbformat
import yaml

from tools import ROOT
from tools.book import contents, editions, first_cell, record, repository
from tools.book.repository import Repository

# A run report like that of build.py, made where there is a GPU. As long as nobody has committed one, no chapter claims
# to know how long it takes with a GPU.
GPU_REPORT = "tools/book/gpu-run-report.json"
EXTENSION = "kaggle_button"
LINKS = "% links\n"  # the line of the front page that links to what was published take the place of
README = """\
# {title}: the notebooks, as published

{links}

This branch is written by the workflow that publishes the book, from commit {commit} of [{owner}/{name}]({url}), and
every change made here by hand is lost. `book` holds the edition on sketches, `photos/book` the one on photos (without
outputs: they would show photos that may not be passed on). The first cell of each notebook installs the package of that
commit on Colab and Kaggle; Binder installs it from `.binder`.
"""


def folder_in_branch(dataset: str) -> str:
    """Where the notebooks of one edition lie on the branch, as a prefix of "book/NAME.ipynb"."""
    return "" if dataset == "sketches" else f"{dataset}/"


def with_buttons(config: str, found: Repository | None, dataset: str) -> str:
    """The settings of the book, with what its buttons need; unchanged where nothing is known.

    A repository that has published no notebooks is linked to, and gets no button that would open one.
    """
    if found is None:
        return config
    settings = yaml.safe_load(config)
    sphinx = settings["sphinx"]
    theme = sphinx["config"].setdefault("html_theme_options", {})
    theme.update(repository_url=found.url, repository_branch=found.branch, use_repository_button=True)
    if found.published:
        prefix = folder_in_branch(dataset)
        theme["path_to_docs"] = prefix.rstrip("/")
        theme["launch_buttons"] = {
            "colab_url": repository.COLAB,
            "binderhub_url": repository.BINDER,
            "notebook_interface": "jupyterlab",
            "thebe": False,
        }
        sphinx.setdefault("local_extensions", {})[EXTENSION] = str(Path(__file__).resolve().parent)
        sphinx["config"]["kaggle_notebooks"] = found.kaggle(prefix.rstrip("/")).rstrip("/")
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def links(found: Repository | None, site: str = "", page: str = "own-photos.ipynb") -> str:
    """Where a visitor can go from here, in Markdown: what is known to be published, and nothing else.

    `site` is the address of the published book, for who is not reading it already; `page` leads to the chapter on own photos.
    """
    if found is None or not found.published:
        return ""
    chapter = f"{repository.COLAB}/github/{found.owner}/{found.name}/blob/{found.branch}/book/feature-extraction.ipynb"
    ways = [f"[Read it online]({site})"] if site else []
    ways += [
        f"[Open a chapter on Colab]({chapter})",
        f"[Use it on your own photos]({page})",
        f"[The source]({found.url})",
    ]
    return " · ".join(ways)


def minutes_of(name: str, report: dict | None) -> float | None:
    """How many minutes a run report says that a notebook took."""
    for row in report["notebooks"] if report else []:
        if row["name"] == name and not row["error"]:
            return row["seconds"] / 60
    return None


def finished(notebook: nbformat.NotebookNode, name: str, found: Repository | None, report: dict) -> None:
    """Make of a notebook just run what a reader can download, or open from the branch: settled, and able to install.

    The first cell stays as it is where no commit is known to be on GitHub: in a reader's own build.
    """
    record.settle(notebook)
    first_cell.renumber(notebook)
    if found is None or not found.commit:
        return
    gpu_report = ROOT / GPU_REPORT
    gpu = json.loads(gpu_report.read_text(encoding="utf-8")) if gpu_report.is_file() else None
    known = {"cpu": minutes_of(name, report), "cores": report.get("cores"), "gpu": minutes_of(name, gpu)}
    if known["cpu"] is None:
        del known["cores"]
    first_cell.published(notebook, found.package, **{key: value for key, value in known.items() if value})


def complete(staged: dict[Path, bytes], report: dict) -> None:
    """Make of staged settings and notebooks, given by path and content, what readers are to have; in place."""
    found = repository.find(ROOT)
    config = Path("_config.yml")
    staged[config] = with_buttons(staged[config].decode(), found, report["edition"]).encode()
    index = Path("book", "index.md")
    if index in staged:
        staged[index] = staged[index].replace(LINKS.encode(), f"{links(found)}\n".encode())
    for path in [path for path in staged if path.suffix == ".ipynb"]:
        notebook = nbformat.reads(staged[path].decode(), as_version=4)
        finished(notebook, path.stem, found, report)
        staged[path] = nbformat.writes(notebook).encode()


def without_outputs(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def gather(found: Repository, out: Path) -> list[Path]:
    """Write the branch's files into `out`, from the staged sources of every edition that was built."""
    shutil.rmtree(out, ignore_errors=True)
    written = []
    for dataset in contents.DATASETS:
        staged = contents.work_folder(dataset) / "source"
        for path in contents.notebooks():
            source = staged / path.relative_to(ROOT)
            if not source.is_file():
                continue
            notebook = nbformat.read(source, as_version=4)
            cells = [cell for cell in notebook.cells if first_cell.is_first_cell(cell)]
            if [first_cell.installs(cell.source) for cell in cells] != [found.package]:
                raise SystemExit(f"{source} does not install {found.package}: build the book at this commit first")
            if dataset != "sketches":
                without_outputs(notebook)
            target = out / folder_in_branch(dataset) / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, target)
            written.append(target)
    if not written:
        raise SystemExit("No edition is built; run make book first")
    title = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["title"]
    words = {"title": title, "commit": found.commit, "owner": found.owner, "name": found.name, "url": found.url}
    words["links"] = links(found, editions.site("sketches"), "book/own-photos.ipynb")
    binder = out / ".binder"
    binder.mkdir()
    # What Binder's own image lacks: the package, with what it needs.
    (binder / "requirements.txt").write_text(found.package + "\n", encoding="utf-8")
    (binder / "runtime.txt").write_text("python-3.12\n", encoding="utf-8")
    (out / "README.md").write_text(README.format(**words), encoding="utf-8")
    for name in ("LICENSE", "LICENSE-CC-BY-4.0"):
        shutil.copy(ROOT / name, out / name)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=contents.BUILD / "notebooks")
    out = parser.parse_args().out
    found = repository.find(ROOT)
    if found is None or not found.commit:
        sys.exit(
            "Only a workflow of the repository that publishes knows which commit is on GitHub; nothing was written."
        )
    print(f"{len(gather(found, out))} notebooks in {out}, for the branch {found.branch} of {found.url}")


if __name__ == "__main__":
    main()
