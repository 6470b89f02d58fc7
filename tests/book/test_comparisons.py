"""What the chapters compare: by records that say what each arm was given, with one verdict that agrees with its line."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import nbformat
import numpy as np
import pytest

from tests.book.fixtures import ROOT, contents
from tlbook import evaluation, results

NOTEBOOKS = {path.stem: nbformat.read(path, as_version=4) for path in contents.notebooks()}
VERDICT = re.compile(
    r"cannot tell|(?P<winner>[^:;]+?) is better|differ by less than [\d.]+ points"
    r"|(?P<close>[^:;]+?) is less than (?P<margin>[\d.]+) points worse than"
)
INTERVAL = re.compile(r"([+−]?\d+\.?\d*) points \(([+−]?\d+\.?\d*) to ([+−]?\d+\.?\d*)\)")
PAIR = re.compile(r"([^\n:;]+?) (?:−|minus) ([^\n:;]+?): [+−]?\d+\.?\d* points")
WITHOUT_EPOCHS = ("linear probe", "class means", "hidden layers", "ours")
LONGEST = 4000  # words of prose


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def printed(cell: nbformat.NotebookNode) -> str:
    """What a cell prints and shows as text."""
    if cell.cell_type != "code":
        return ""
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)


def verdicts(text: str) -> Iterator[tuple[re.Match, str]]:
    """Each verdict of an output, with what is printed between the one before and it."""
    begin = 0
    for found in VERDICT.finditer(text):
        yield found, text[begin : found.end()]
        begin = found.end()


def contradictions(text: str) -> list[str]:
    """The verdicts in an output that do not go with the interval, the p-value or the order that are printed before them."""
    wrong = []
    for verdict, line in verdicts(text):
        if not (intervals := INTERVAL.findall(line)):
            continue
        value, low, high = map(number, intervals[-1])
        told = verdict["winner"] is not None
        if told != (low >= 0 or high <= 0) and 0 not in (low, high):  # an end may be rounded to 0
            wrong.append(line)
        p_values = re.findall(r"p ([<=]) ([\d.]+)", line)
        if p_values and float(p_values[-1][1]) != 0.05 and told != (float(p_values[-1][1]) < 0.05):  # so may a p-value
            wrong.append(line)
        if told and (pair := PAIR.findall(line)):
            names = [one.strip() for one in pair[-1]]
            winner = verdict["winner"].strip()
            if winner in names and winner != names[value < 0]:
                wrong.append(line)
        # Here, too, an end may be rounded to the margin.
        if verdict["close"] and not (low >= -number(verdict["margin"]) or high <= number(verdict["margin"])):
            wrong.append(line)
    return wrong


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_verdict_agrees_with_the_line_it_stands_in(name):
    found = [wrong for cell in NOTEBOOKS[name].cells for wrong in contradictions(printed(cell))]
    assert found == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("A − B: +2.0 points (0.5 to 3.5); p = 0.010: A is better", 0),
        ("A − B: +2.0 points (0.5 to 3.5); p = 0.010: cannot tell", 1),
        ("A − B: +2.0 points (−0.5 to 3.5); p = 0.120: A is better", 1),
        ("A − B: −2.0 points (−3.5 to −0.5); p = 0.010: A is better", 1),
        ("A − B: −2.0 points (−3.5 to −0.5); p = 0.010: B is better", 0),
        ("A − B: −2.0 points (−3.5 to −0.5); p = 0.210: B is better", 1),
        ("A − B: −0.2 points (−0.5 to 0.1); p = 0.210: A is less than 1.0 points worse than B", 0),
        ("A − B: −2.0 points (−5.0 to 1.4); p = 0.210: A is less than 1.0 points worse than B", 1),
        ("A − B: −0.4 points (−1.0 to 0.0); p = 0.050: cannot tell", 0),
    ],
)
def test_a_contradiction_is_seen(text, wrong):
    assert (len(contradictions(text)) > 0) == wrong


def without_detectable(notebook: nbformat.NotebookNode) -> list[str]:
    """Verdicts beside which the smallest detectable difference is neither printed nor drawn.

    Beside: in the cell, or in a code cell next to it. Promises in hidden cells are not meant. It is drawn by
    `tlbook.figures.fine_tuning.differences`.
    """
    source = "\n".join(cell.source for cell in notebook.cells)
    drawn = re.search(r"figures(\.fine_tuning import|\s+import fine_tuning)", source) is not None
    code = [cell for cell in contents.code_cells(notebook) if "remove-cell" not in contents.tags(cell)]
    missing = []
    for place, cell in enumerate(code):
        if VERDICT.search(printed(cell)):
            near = code[max(place - 1, 0) : place + 2]
            if not any("detectable" in printed(one) or (drawn and "differences(" in one.source) for one in near):
                missing.append(printed(cell))
    return missing


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_beside_a_verdict_stands_what_could_have_been_found(name):
    assert without_detectable(NOTEBOOKS[name]) == []


def test_a_verdict_without_it_is_seen():
    notebook = nbformat.v4.new_notebook()
    output = nbformat.v4.new_output("stream", text="A − B: +0.1 points (−0.5 to 0.7); p = 0.700: cannot tell\n")
    notebook.cells = [nbformat.v4.new_code_cell("print(test)", outputs=[output])]
    assert len(without_detectable(notebook)) == 1
    output.text = output.text.replace("\n", "; detectable from 0.8 points\n")
    assert without_detectable(notebook) == []


# ---- the records ----


def compared() -> dict[str, set[str]]:
    """The records that chapters compare methods by, with the chapters."""
    found: dict[str, set[str]] = {}
    known = set(results.names())
    for name, notebook in NOTEBOOKS.items():
        source = "\n".join(cell.source for cell in contents.code_cells(notebook))
        if re.search(r"evaluation\.(compare_|cheapest_within)", source):
            for record in re.findall(r'"([a-z-]+)"', source):
                if record in known and any("right" in row for row in results.load(record)):
                    found.setdefault(record, set()).add(name)
    return found


COMPARED = compared()
TABLE = {
    cells[0]: cells[1:]
    for line in (ROOT / "book" / "results" / "README.md").read_text(encoding="utf-8").splitlines()
    if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 3 and cells[0] in results.names()
}


def named(values: object, wanted: str) -> set[int]:
    """Every whole number under a key that holds ``wanted``, anywhere in nested conditions."""
    if not isinstance(values, dict):
        return set()
    found = set()
    for key, value in values.items():
        if wanted in key and not isinstance(value, dict):
            several = value if isinstance(value, list) else [value]
            found |= {one for one in several if isinstance(one, int) and not isinstance(one, bool)}
        found |= named(value, wanted)
    return found


def test_many_records_are_compared_by():
    assert {"augmentation", "comparison", "extraction-or-tuning", "fine-tuning"} <= set(COMPARED)
    assert set(COMPARED) <= set(TABLE)


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_record_holds_the_budget_of_every_run(name):
    """Images and, of what is trained step by step, epochs: in the row, or the same for all rows."""
    record = results.load(name)
    conditions = record.conditions
    assert {"images", "training_images", "training images"} & conditions.keys() or "images" in record.settings
    fixed = named({key: value for key, value in conditions.items() if "warmup" not in key}, "epochs")
    for row in record:
        if str(row.get("method", row.get("recipe", row.get("stage")))).startswith((*WITHOUT_EPOCHS, "stage")):
            continue
        assert "epochs" in row or "stages" in row or fixed, row


@pytest.mark.parametrize("name", sorted(TABLE))
def test_the_table_tells_budget_and_settings_as_the_record_has_them(name):
    record = results.load(name)
    budget, settings = TABLE[name]
    told = {int(one.replace(",", "")) for one in re.findall(r"\d[\d,]*", budget)}
    held = named(record.conditions, "epochs") - named(record.conditions, "warmup")
    held |= {row["epochs"] for row in record if isinstance(row.get("epochs"), int)}
    in_rows = {row["images"] for row in record if "images" in row} | named(record.conditions, "images")
    images = in_rows | named(record.conditions.get("images"), "") | named(record.conditions, "few")
    assert told <= held | images | {2000}, told - held - images
    assert settings == "the same" or re.search(r"validation|tuned for none|authors", settings)


@pytest.mark.parametrize(("record", "chapter"), sorted((r, c) for r, chapters in COMPARED.items() for c in chapters))
def test_a_chapter_that_compares_says_budget_and_tuning(record, chapter):
    notebook = NOTEBOOKS[chapter]
    said = "\n".join(cell.source if cell.cell_type == "markdown" else printed(cell) for cell in notebook.cells)
    assert re.search(r"epochs|steps|penalty", said)
    assert re.search(r"\btuned\b|\bchosen\b|\bsearched\b|validation", said)


def arms(record: results.Record) -> Iterator[dict[str, np.ndarray]]:
    """Groups of runs that differ in one setting and in their seeds: what a chapter may compare."""
    settings = [name for name in record.settings if name != "seed"]
    if "seed" not in record.settings:
        return
    for varied in settings:
        groups: dict[tuple, list] = {}
        for row in record:
            if "right" in row:
                groups.setdefault(tuple(row[name] for name in settings if name != varied), []).append(row)
        for rows in groups.values():
            n = min(8 * (len(row["right"]) // 2) for row in rows)
            seeds = [{row["seed"] for row in rows if row[varied] == one} for one in {row[varied] for row in rows}]
            if len(seeds) > 1 and len(set.intersection(*seeds)) > 1 and len({len(r["right"]) for r in rows}) == 1:
                yield evaluation.runs_by(rows, n, by=varied)


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_comparison_of_a_record_has_one_verdict_that_agrees_with_its_interval(name):
    """All that a chapter could print from the record; the verdict, the interval, the text and what was detectable."""
    count = 0
    for runs in arms(results.load(name)):
        reference = next(iter(runs))
        tests = evaluation.compare_with_reference(runs, reference=reference, margin=0.01).values()
        for test in itertools.islice(tests, 40):
            count += 1
            low, high = test.difference.low, test.difference.high
            assert (test.winner is None) == (low <= 0 <= high) or 0 in (low, high)
            assert len(list(VERDICT.finditer(test.verdict))) == 1
            assert contradictions(str(test)) == []
            if test.standard_error:
                assert test.detectable > 0
                assert "detectable" in str(test)
    # one run of a setting, recipes with seeds of their own, and a probe that is the same in every run
    assert count or name in ("batch-norm", "recipes-photos", "comparison-photos", "small-enough-photos")


# ---- how long a chapter is ----


def words(notebook: nbformat.NotebookNode) -> int:
    """Of prose: Markdown without code blocks, and without the signs that set it."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return sum(any(sign.isalnum() for sign in word) for word in text.split())


@pytest.mark.parametrize("path", contents.chapters(), ids=lambda path: path.stem)
def test_no_chapter_is_too_long(path):
    assert words(NOTEBOOKS[path.stem]) <= LONGEST


def test_words_are_counted():
    cells = [nbformat.v4.new_markdown_cell("## Two words\n\n```python\nnot = this\n```\n- one, *two* — three.")]
    assert words(nbformat.v4.new_notebook(cells=cells)) == 5
