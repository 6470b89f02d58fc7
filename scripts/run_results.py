"""Recompute the long results that the chapters show: every script of scripts/results, one after another.

    python scripts/run_results.py [NAME ...]

Each script is resumable by itself: interrupted and called again, it goes on where it was.
"""

import subprocess
import sys
from pathlib import Path

import book_notebooks

SCRIPTS = book_notebooks.ROOT / "scripts" / "results"


def main(names: list[str]) -> None:
    scripts = {path.stem: path for path in sorted(SCRIPTS.glob("[a-z]*.py"))}
    unknown = [name for name in names if Path(name).stem not in scripts]
    if unknown or not scripts:
        raise SystemExit(
            f"No result script {', '.join(unknown) or 'at all'}; there are: {', '.join(scripts) or 'none'}"
        )
    failed = []
    for name in [Path(name).stem for name in names] or scripts:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, scripts[name]], cwd=book_notebooks.ROOT).returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
