"""All tests of the assignments: every answer under three seeds, every attack on the grader, the archives.

    python tools/assignments/run_tests.py

`make test` runs a share of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import ROOT
from tools.assignments import make


def main() -> None:
    options = ["-q", "-n", "auto", "--dist=load", "-m", "thorough or not thorough", "--durations=8"]
    with tempfile.TemporaryDirectory(prefix="assignments-") as folder:
        with ThreadPoolExecutor(2) as pool:  # made once here, not once in each of pytest's processes
            list(pool.map(lambda name: make.build(name, Path(folder) / name), make.names()))
        environment = {**os.environ, "ASSIGNMENTS_MADE": folder}
        command = [sys.executable, "-m", "pytest", "tests/assignments", *options]
        done = subprocess.run(command, cwd=ROOT, env=environment)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
