"""The page on shards: its commands exist, its jobs can be read, and its Python does what it says."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from tests.tlbook.classifier.folders import class_folders
from tools import ROOT

PAGE = (ROOT / "book" / "shards.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.M | re.S)
SETTINGS = [yaml.safe_load(text) for language, text in BLOCKS if language == "yaml"]


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
    spec = next(one for one in SETTINGS if "spec" in one)["spec"]
    assert spec["completionMode"] == "Indexed"
    assert (
        f"--shards {spec['completions']} --shard $JOB_COMPLETION_INDEX"
        in spec["template"]["spec"]["containers"][0]["command"][-1]
    )


def test_workers_with_the_settings_for_dask_keep_freed_memory(tmp_path):
    pytest.importorskip("distributed")
    settings = next(one for one in SETTINGS if "distributed" in one)
    program = "from distributed import nanny; print(nanny._get_env_variables('distributed.nanny.pre-spawn-environ'))"
    said = []
    for content in ({}, settings):
        (tmp_path / "photos.yaml").write_text(yaml.safe_dump(content), "utf-8")
        environment = {name: value for name, value in os.environ.items() if name != "MALLOC_TRIM_THRESHOLD_"}
        environment["DASK_CONFIG"] = str(tmp_path)
        run = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        said.append(ast.literal_eval(run.stdout))
    before, after = said
    assert before.keys() - after.keys() == {"MALLOC_TRIM_THRESHOLD_"} and after.keys() <= before.keys()


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
