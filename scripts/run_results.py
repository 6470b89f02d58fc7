"""Recompute the long results that the chapters show: the scripts of scripts/results, one after another.

    python scripts/run_results.py [--dataset sketches|photos] [NAME ...]

Each script is resumable by itself: interrupted and called again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tools.book import contents

SCRIPTS = contents.ROOT / "scripts" / "results"


def choose(names: list[str], dataset: str) -> dict[str, list[str]]:
    """Script → its options. The name calibration comes first: other scripts take rows from it."""
    scripts = {path.stem: path for path in sorted(SCRIPTS.glob("[a-z]*.py"))}
    wanted = [Path(name).stem.replace("-", "_") for name in names] or list(scripts)
    if unknown := [name for name in wanted if name not in scripts]:
        raise SystemExit(f"No result script {', '.join(unknown)}; there are: {', '.join(scripts)}")
    chosen = {}
    for name in sorted(wanted, key=lambda name: (name != "calibration", name)):
        source = scripts[name].read_text(encoding="utf-8")
        only_photos = 'choices=("photos",)' in source
        if "--dataset" not in source and dataset == "sketches":
            chosen[name] = []
        elif "--dataset" in source and (dataset == "photos" or not only_photos):
            chosen[name] = ["--dataset", dataset]
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--dataset", default="sketches", choices=contents.DATASETS)
    options = parser.parse_args()
    failed = []
    for name, arguments in choose(options.names, options.dataset).items():
        print(f"== {name} {' '.join(arguments)}", flush=True)
        command = [sys.executable, str(SCRIPTS / f"{name}.py"), *arguments]
        if subprocess.run(command, cwd=contents.ROOT).returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
