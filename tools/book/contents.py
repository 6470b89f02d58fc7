"""Which notebooks the book has, where their outputs go, in what environment they run, and what a stored one must be like.

The rules, which `complaints` and the tests in tests/book hold:

- Parameters: one code cell tagged `parameters`, after the imports: `dataset = "sketches"  # or "photos"`. A notebook
  that never reads it is the same in all editions, says so there, and is run once for all.
- The first code cell is the same everywhere: on Colab and Kaggle it installs the package. `make record` puts it in.
- Imports come first; `tlbook` before `keras`, since it silences TensorFlow's start-up messages. Nothing is written to stderr.
- Promised results are printed by `tlbook.checks.within(what, value, low, high)` or `tlbook.checks.holds(statement, condition)`.
  Bare printed floats have at most three decimals, of what does not depend on training.
- What cannot be the same twice is tagged `nbval-ignore-output`, and no such cell calls `checks`.
- Figures end with `plt.show()` or are assigned (`figure = plotting.…`, then `plt.show()`). Their alt text, in the cell's
  metadata, is a sentence: `{"mystnb": {"image": {"alt": "Test accuracy rises from 71 % at 10 images to …"}}}`.
- Tags: those of TAGS. An error is shown with try/except.
- Size: no code cell over 20 lines, the file under 2 MB, no photograph in a stored output but those of scikit-image that anyone
  may pass on (CC0 or public domain).
- A prediction before the cell that decides it:

      :::{admonition} Predict
      :class: tip
      Which of the two needs fewer images? Write your answer down before you run the next cell.
      :::

- Exercises, at least four a chapter: a Markdown cell, then the solution in one or more code cells tagged `solution` and
  `hide-cell` that start with `# @title Solution: …`; `make record` sets what folds them in the book, in JupyterLab and on
  Colab. Words that give the answer away stand in a folded block after it, `:::{admonition} What the solution shows` with
  `:class: dropdown`.

      :::{exercise} Half the images
      :label: feature-extraction-half
      Repeat the table with every second image left out. What changes?
      :::

- A quiz, in a Markdown cell before the take-away that starts with `## Check yourself`: three or four questions in the form
  of book/measure.ipynb. The wrong options are misconceptions, and the answer says of each what is wrong with it. It folds
  without a script, on Colab too, so it holds no roles or directives (tests/book/test_quizzes.py).
- Terms are defined in book/glossary.md, papers in book/references.bib; another page is linked by `[text](sketches.ipynb)`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import yaml

from tools import ROOT
from tools.book import first_cell

BUILD = ROOT / "_build"
DATASETS = ("sketches", "photos")  # an edition of the book on each; the first is what readers come to
WITHOUT_EXERCISES = {"The data", "Reference"}  # captions in _toc.yml; the notebooks of all other parts are chapters
TAGS = {
    "parameters",
    "solution",
    "hide-cell",
    "hide-input",
    "hide-output",
    "remove-cell",
    "nbval-ignore-output",
}
LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def table_of_contents() -> dict:
    """What _toc.yml says."""
    return yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))


def entries(toc: dict) -> Iterator[tuple[str, dict]]:
    """(caption of the part, entry) of every page of a table of contents but its root, in its order."""

    def walk(listed: list[dict], caption: str) -> Iterator[tuple[str, dict]]:
        for entry in listed:
            yield caption, entry
            yield from walk(entry.get("sections", []), caption)

    for part in toc.get("parts", []):
        yield from walk(part["chapters"], part.get("caption", ""))
    yield from walk(toc.get("chapters", []), "")


def pages() -> list[tuple[str, Path]]:
    """(caption of the part, file) of every page of the table of contents, in its order."""
    toc = table_of_contents()
    found = [("", toc["root"]), *((caption, entry["file"]) for caption, entry in entries(toc))]
    return [(caption, _page_file(name)) for caption, name in found]


def purposes() -> dict[Path, str]:
    """What each page is for that says so: {file: what a reader wants to do who comes to it}."""
    return {_page_file(entry["file"]): entry["to"] for _, entry in entries(table_of_contents()) if "to" in entry}


def _page_file(name: str) -> Path:
    candidates = [ROOT / f"{name}{ending}" for ending in ("", ".ipynb", ".md")]
    for path in candidates:
        if path.is_file():
            return path
    raise SystemExit(f"_toc.yml names {name}, and there is no {name}.ipynb or {name}.md")


def notebooks() -> list[Path]:
    """Every notebook of the table of contents."""
    return [path for _, path in pages() if path.suffix == ".ipynb"]


def executions(dataset: str) -> list[tuple[Path, Path]]:
    """(notebook, where it lies once it has been run on that data set), of every notebook."""
    return [(path, work_folder(edition_of(path, dataset)) / "executed" / path.name) for path in notebooks()]


def edition_of(path: Path, dataset: str) -> str:
    """What a notebook is run on for an edition: its data set; the first where it never reads which, and so is the same in all."""
    notebook = nbformat.read(path, as_version=4)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code" and "parameters" not in tags(cell)]
    return dataset if any(re.search(r"\bdataset\b", source) for source in sources) else DATASETS[0]


def chapters() -> list[Path]:
    """Every notebook that teaches, and so has exercises."""
    return [path for caption, path in pages() if path.suffix == ".ipynb" and caption not in WITHOUT_EXERCISES]


def work_folder(dataset: str) -> Path:
    """Where executed notebooks, staged sources and Sphinx's own files of one edition lie."""
    return BUILD / dataset


def html_folder(dataset: str) -> Path:
    """Where the pages of one edition lie."""
    return BUILD / "html" if dataset == "sketches" else BUILD / dataset / "html"


def set_thread_limits(threads: int) -> None:
    """For NumPy, TensorFlow and what this process starts. What the reader has set stays."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ.setdefault(name, str(threads))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def set_kernel_environment(threads: int) -> None:
    """Prepare this process, and so every kernel that it starts."""
    set_thread_limits(threads)
    for name, value in {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0"}.items():
        os.environ.setdefault(name, value)
    # The kernel called python3 is the one of this environment, not one that the user has registered under that name.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ.pop("JUPYTER_PATH", None)
    # Figures belong in the notebook, whatever backend is set outside.
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    os.environ["PYTHONNOUSERSITE"] = "1"
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # a warning of the debugger on stderr


# ---- what a stored notebook must be like ----


def tags(cell: nbformat.NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells that teach: all code but the first cell, which is the same everywhere and shown on no page."""
    cells = (cell for cell in notebook.cells if not first_cell.is_first_cell(cell))
    return [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]


def exercises(notebook: nbformat.NotebookNode) -> list[tuple[int, str]]:
    """(index of the cell, label) of each exercise."""
    found = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            for block in re.findall(r"^:::\{exercise\}.*?^:::$", cell.source, flags=re.MULTILINE | re.DOTALL):
                label = re.search(r"^:label: *(\S+)$", block, flags=re.MULTILINE)
                found.append((index, label.group(1) if label else ""))
    return found


def is_chapter(path: Path) -> bool:
    return path.resolve() in {chapter.resolve() for chapter in chapters()}


def complaints(path: Path, chapter: bool) -> list[str]:
    """What is wrong with one stored notebook; a chapter is held to the rules on cells and exercises as well."""
    notebook = nbformat.read(path, as_version=4)
    return [
        *_metadata_complaints(notebook),
        *_first_cell_complaints(notebook),
        *_cell_complaints(notebook),
        *_output_complaints(notebook),
        *(_chapter_complaints(notebook) if chapter else []),
        *([f"{path.stat().st_size / 1e6:.1f} MB; at most 2"] if path.stat().st_size > 2e6 else []),
    ]


def _metadata_complaints(notebook: nbformat.NotebookNode) -> Iterator[str]:
    if notebook.metadata != {"kernelspec": KERNELSPEC, "language_info": LANGUAGE_INFO}:
        yield "notebook metadata are not the stable ones; run make record"
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        yield f"notebook format {notebook.nbformat}.{notebook.nbformat_minor}; 4.5 is expected"
    known = {"tags", "mystnb", "jupyter", "cellView"}
    for index, cell in enumerate(notebook.cells):
        if extra := set(cell.metadata) - known:
            yield f"cell {index}: metadata {', '.join(sorted(extra))} do not belong there; run make record"
    with_parameters = [cell for cell in notebook.cells if "parameters" in tags(cell)]
    if len(with_parameters) != 1 or not re.search(
        r"^dataset = [\"']sketches[\"']", with_parameters[0].source, flags=re.M
    ):
        yield 'exactly one cell is tagged parameters and says dataset = "sketches"'


def _first_cell_complaints(notebook: nbformat.NotebookNode) -> Iterator[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    places = [index for index, cell in enumerate(code) if first_cell.is_first_cell(cell)]
    if places != [0]:
        yield "the first code cell is not the one for Colab and Kaggle; run tools/book/first_cell.py"
    elif (code[0].source, code[0].metadata, code[0].outputs) != (first_cell.SOURCE, first_cell.METADATA, []):
        yield "the first code cell is not what it is in every notebook; run tools/book/first_cell.py"


def _cell_complaints(notebook: nbformat.NotebookNode) -> Iterator[str]:
    counts = []
    for index, cell in enumerate(notebook.cells):
        if unknown := tags(cell) - TAGS:
            yield f"cell {index}: tag {', '.join(sorted(unknown))} is not one of {', '.join(sorted(TAGS))}"
        if re.search(r"\bNotImplemented|\bTODO\b|\bFIXME\b|\bXXX\b", cell.source):
            yield f"cell {index}: unfinished"
        if cell.cell_type != "code":
            continue
        if not cell.source.strip():
            yield f"cell {index}: empty"
        elif cell.execution_count is None:
            yield f"cell {index}: never run"
        else:
            counts.append(cell.execution_count)
        if "nbval-ignore-output" in tags(cell) and re.search(r"\bchecks\.|\bwithin\(|\bholds\(", cell.source):
            yield f"cell {index}: a promise in a cell whose output is not compared"
        if "solution" in tags(cell):
            if "hide-cell" not in tags(cell) or not cell.source.startswith("# @title Solution"):
                yield f"cell {index}: a solution is tagged hide-cell too and starts with '# @title Solution: …'"
            if cell.metadata.get("jupyter", {}).get("source_hidden") is not True:
                yield f"cell {index}: a solution that JupyterLab shows unfolded; run make record"
    if counts != list(range(1, len(counts) + 1)):
        yield "the cells were not run once each from the first to the last"


def _output_complaints(notebook: nbformat.NotebookNode) -> Iterator[str]:
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        if "remove-cell" not in tags(cell) and any(kind.startswith("image/") for kind in kinds):
            if len(alt) < 30 or len(alt.split()) < 6:
                yield f"cell {index}: a figure without alt text that says what is seen"
        elif alt:
            yield f"cell {index}: alt text and no figure"
        if "image/jpeg" in kinds:
            yield f"cell {index}: a JPEG output; figures are PNG or SVG, and no photograph is stored"
        if "application/vnd.jupyter.widget-view+json" in kinds:
            yield f"cell {index}: a widget, which no page can show"
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"cell {index}: stored error {output.ename}: {output.evalue}"
            elif output.output_type == "stream" and output.name == "stderr":
                yield f"cell {index}: writes to stderr: {output.text[:80]!r}"
            text = output.get("text") or "".join(
                str(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/")
            )
            if re.search(r"\b0x[0-9a-f]{6,}", text):
                yield f"cell {index}: prints a memory address, which is different every time"
            if found := re.search(r"(?:[A-Z]:\\Users|/home|/root|/work|/tmp|/opt|/Users|/private|/var)/\S*", text):
                yield f"cell {index}: prints a path of one machine: {found.group(0)}"
            if "nbval-ignore-output" not in tags(cell):
                for number in re.findall(r"\d*\.\d{4,}", text):
                    if len(number.replace(".", "").lstrip("0")) > 3:
                        yield f"cell {index}: prints {number}, more digits than another machine agrees on"


def _chapter_complaints(notebook: nbformat.NotebookNode) -> Iterator[str]:
    cells = code_cells(notebook)
    lengths = [len(cell.source.splitlines()) for cell in cells] or [0]
    if max(lengths) > 20:
        yield f"a code cell of {max(lengths)} lines; at most 20"
    if not any(re.search(r"\bwithin\(|\bholds\(", cell.source) for cell in cells):
        yield "no result is promised with tlbook.checks"
    if notebook.cells[0].cell_type != "markdown" or not notebook.cells[0].source.startswith("# "):
        yield "the first cell is not a title"
    found = exercises(notebook)
    if len(found) < 4:
        yield f"{len(found)} exercises; at least 4"
    for index, label in found:
        if not label:
            yield f"cell {index}: an exercise without a label"
        following = notebook.cells[index + 1] if index + 1 < len(notebook.cells) else None
        if following is None or "solution" not in tags(following):
            yield f"cell {index}: exercise {label} is not followed by its solution"
