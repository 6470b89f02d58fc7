"""What a process of ``tlbook features`` holds before its first photo (started by shards.py)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import Clock

clock = Clock()


def main() -> None:
    import onnxruntime  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    from tlbook.classifier import sharding  # noqa: F401

    clock.imported()
    clock.report()


if __name__ == "__main__":
    main()
