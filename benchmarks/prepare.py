"""Unpack the images and have the weights, so that no measured run does it (started by run.py)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import Clock

from tlbook import datasets

clock = Clock()
data = datasets.load(sys.argv[1], progress=False)
clock.report(images=sum(map(len, data.splits.values())))
