"""All tests of the assignments: every answer under three seeds, every attack on the grader, the archives.

    python tools/assignments/run_tests.py [--rest]

`make test` runs a share of them; with --rest come those that it leaves out.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import ROOT
from tools.assignments import make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rest", action="store_true", help="those that `make test` leaves out")
    wanted = "thorough" if parser.parse_args().rest else "thorough or not thorough"
    # One by one, or the first process gets the longest tests, of every answer, all at once, and the others end long before it.
    options = ["-q", "-n", "auto", "--dist=load", "--maxschedchunk=1", "-m", wanted, "--durations=8"]
    with tempfile.TemporaryDirectory(prefix="assignments-") as folder:
        with ThreadPoolExecutor(2) as pool:  # made once here, not once in each of pytest's processes
            list(pool.map(lambda name: make.build(name, Path(folder) / name), make.names()))
        environment = {**os.environ, "ASSIGNMENTS_MADE": folder}
        command = [sys.executable, "-m", "pytest", "tests/assignments", *options]
        done = subprocess.run(command, cwd=ROOT, env=environment)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
