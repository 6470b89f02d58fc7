"""The page on shards: its commands exist, its jobs can be read, and its Python does what it says."""

from __future__ import annotations

import re
import shlex

import pytest
import yaml

from tests.tlbook.classifier.folders import class_folders
from tools import ROOT

PAGE = (ROOT / "book" / "shards.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.M | re.S)


def commands(text):
    """The words after each ``tlbook``."""
    return [shlex.split(found.group(1)) for found in re.finditer(r"\btlbook ((?:features|train) [^\n\"`]*)", text)]


def test_the_commands_exist():
    from tlbook import cli

    found = [words for language, text in BLOCKS if language in ("shell", "yaml") for words in commands(text)]
    for words in found:
        given = [re.sub(r"^(\$\w+|\{\})$", "7", word) for word in words]
        assert cli._parser().parse_args(given).command == words[0]
    assert len(found) == 11


def test_the_job_of_kubernetes_is_an_indexed_one():
    (text,) = [text for language, text in BLOCKS if language == "yaml"]
    spec = yaml.safe_load(text)["spec"]
    assert spec["completionMode"] == "Indexed"
    assert (
        f"--shards {spec['completions']} --shard $JOB_COMPLETION_INDEX"
        in spec["template"]["spec"]["containers"][0]["command"][-1]
    )


def test_reading_shards_does_what_the_page_says(tmp_path, monkeypatch):
    for package in ("pyarrow", "webdataset"):
        pytest.importorskip(package)
    from tlbook import classifier

    monkeypatch.chdir(tmp_path)
    class_folders(tmp_path / "photos", n=12)
    classifier.features("photos", "shards", backbone="sketchnet", input_size=32, progress=False, say=lambda line: None)
    for name in ("manifest.parquet", "shards.json", "shard-00000.npy", "shard-00000.parquet"):
        assert f"`{name}`" in PAGE and (tmp_path / "shards" / name).is_file()
    text = next(text for language, text in BLOCKS if language == "python")
    seen = {}
    exec(text, seen)
    assert seen["x"].shape == (len(seen["y"]), 128) and len(seen["y"]) > 0
