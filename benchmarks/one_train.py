"""What ``tlbook train`` takes for a folder, in this process: ``one_train.py FOLDER BACKBONE`` (started by run.py).

The same command as a reader's, with a probe. Copies of the same photos lie in all splits; that they do is reported, as always,
but they are kept, or the folder would shrink to those it was made of.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import Clock, peak_memory

clock = Clock()


def main() -> None:
    folder, backbone = Path(sys.argv[1]), sys.argv[2]
    import keras  # noqa: F401  (so that what it takes counts as an import)
    import onnxruntime  # noqa: F401

    from tlbook import classifier

    clock.imported()
    before = peak_memory()
    with TemporaryDirectory() as passing:
        result = classifier.train(
            folder,
            Path(passing) / "result",
            backbone=backbone,
            strategy="probe",
            near_duplicates="report",
            progress=False,
            say=lambda line: None,
        )
        spent = result.metrics["wall_seconds"]
    cost = clock.so_far()
    count = sum(1 for _ in folder.rglob("*.jpg"))
    grown = round((peak_memory() - before) / 1e6)
    clock.report(**cost, **{"memory grown": grown, "files": count, "parts": spent})


if __name__ == "__main__":
    main()
