"""The page on the package says what its code gives, in the order in which a reader runs it."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import itertools
import re
import shlex
from dataclasses import dataclass

import pytest

from tools import ROOT

PAGE = (ROOT / "book" / "package.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "book" / "api.md").read_text(encoding="utf-8")

BLOCK = re.compile(r"(?P<before>^%[^\n]*\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)
NUMBER = re.compile(r"\d+(?:\.\d+)?")
ESTIMATE = re.compile(r"(\d+\.\d) % \((\d+\.\d) to (\d+\.\d)\)")


@dataclass
class Block:
    """A fenced block: ``loose`` where the page says that training does not give the same digits everywhere."""

    language: str
    text: str
    loose: bool


BLOCKS = [Block(b["language"], b["text"], b["before"] == "% numbers of one run\n") for b in BLOCK.finditer(PAGE)]
PYTHON = [block for block in BLOCKS if block.language == "python"]


def check(printed: str, shown: Block | None) -> None:
    """What a block printed is what the page shows below it, or, after one run, within the interval that it shows."""
    if shown is None or not shown.loose:
        assert printed == (shown.text if shown else "")
        return
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", shown.text)
    pairs = list(zip(ESTIMATE.findall(printed), ESTIMATE.findall(shown.text), strict=True))
    assert pairs, "a block of one run shows a share with its interval"
    for (value, *_), (_, low, high) in pairs:
        assert float(low) <= float(value) <= float(high), (printed, shown.text)


def test_every_block_gives_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a block may write a file
    reader: dict[str, object] = {}
    for block, after in zip(BLOCKS, [*BLOCKS[1:], None], strict=True):
        if block.language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block.text, block.text.splitlines()[0], "exec"), reader)
        check(printed.getvalue(), after if after and after.language == "text" else None)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(re.findall(r'save\w*\("([^"]+)"\)', PAGE))


def test_a_wrong_number_on_the_page_is_seen():
    check("93.4 % (91.7 to 94.8)\n", Block("text", "93.4 % (91.7 to 94.8)\n", loose=False))
    check("95.1 % (93.6 to 96.3)\n", Block("text", "95.6 % (94.1 to 96.7)\n", loose=True))
    wrong = [
        ("93.4 % (91.7 to 94.8)\n", Block("text", "93.5 % (91.7 to 94.8)\n", loose=False)),
        ("3\n", None),
        ("93.4 % (91.7 to 94.8)\n", Block("text", "95.6 % (94.1 to 96.7)\n", loose=True)),
        ("accuracy 95.6 % (94.1 to 96.7)\n", Block("text", "95.6 % (94.1 to 96.7)\n", loose=True)),
    ]
    for printed, shown in wrong:
        with pytest.raises(AssertionError):
            check(printed, shown)


def test_the_page_is_read_as_its_author_meant_it():
    assert len(PYTHON) >= 10
    assert PAGE.count("```") == 2 * len(BLOCKS)
    assert {block.language for block in BLOCKS} == {"python", "text", "shell"}
    for block, after in itertools.pairwise(BLOCKS):
        assert after.language != "text" or block.language == "python"
    for line in "".join(block.text for block in BLOCKS).splitlines():
        assert len(line) <= 80, line


def test_numbers_in_the_text_are_numbers_that_came_out():
    """A decimal in a sentence stands in a block too, where it is compared with a fresh run."""
    prose, blocks = BLOCK.sub("", PAGE), "".join(block.text for block in BLOCKS)
    for number in re.findall(r"\d+\.\d+", prose):
        assert number in blocks, number


def test_the_options_of_the_commands_exist():
    from tlbook import classifier, cli  # with Keras, which takes seconds

    lines = [line for block in BLOCKS if block.language == "shell" for line in block.text.splitlines()]
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == ".venv/bin/tlbook"
        assert cli._parser().parse_args(arguments).command in classifier.__all__
    assert lines
    inspect.signature(classifier.train).bind("path/to/photos", "result")
    assert 'classifier.train("path/to/photos", "result")' in PAGE


def targets(text: str) -> list[str]:
    return re.findall(r"\{(?:func|class)\}`([\w.]+)`", text)


@pytest.mark.parametrize("target", sorted(set(targets(PAGE))))
def test_what_the_page_links_to_is_in_the_reference(target):
    module, name = target.rsplit(".", 1)
    assert name in importlib.import_module(module).__all__
    assert re.search(rf"^\.\. automodule:: {re.escape(module)}\n   :members:$", REFERENCE, re.M), module


def test_every_function_that_a_block_calls_is_linked_to():
    called = {match for block in PYTHON for match in re.findall(r"\b([a-z]+\.[a-z_]+)\(", block.text)}
    modules = {"backbones", "datasets", "evaluation", "features", "interpret", "plotting", "report", "transfer"}
    called = {f"tlbook.{name}" for name in called if name.split(".")[0] in modules}
    assert called
    assert called <= set(targets(PAGE))


def test_the_pages_that_it_leads_to_exist():
    pages = set(re.findall(r"\]\(([\w-]+\.(?:ipynb|md))\)", PAGE))
    assert "api.md" in pages
    assert all((ROOT / "book" / name).is_file() for name in pages)
