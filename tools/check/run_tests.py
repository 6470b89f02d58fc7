"""All tests: the unit tests with their coverage, then every stored output of the book against a fresh run.

    python tools/check/run_tests.py [--thorough]

The two parts are what `pytest` and `pytest --nbval book/` do when typed bare; here they use several cores, and the notebooks
are run as `make book` runs them, which then takes these runs. With --thorough come only the unit tests that these leave out,
but for those of `make test-assignments`, and the property tests with all their examples.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from unittest.mock import patch

from tools import ROOT
from tools.book import contents
from tools.book.notebook_runs import run_all

DATASET = contents.DATASETS[0]
EXECUTED = contents.work_folder(DATASET) / "executed"

PARTS = {
    # In the files' order: sorted by their number of tests, the one that runs every chapter twice would begin last, alone.
    "unit tests": [
        "-q",
        "-n",
        "auto",
        "--no-loadscope-reorder",
        "--cov=tlbook",
        "--cov-report=term",
        "--cov-fail-under=90",
    ],
    "stored outputs": ["-q", "--nbval", "book/", f"--executed={EXECUTED}"],
}

THOROUGH = {
    "thorough tests": ["-q", "-n", "auto", "--dist=load", "-m", "thorough", "--ignore=tests/assignments"],
    "property tests": ["-q", "-n", "auto", "-m", "hypothesis and not thorough", "--hypothesis-profile=all-examples"],
}


def run_notebooks() -> None:
    """Run every notebook. Features are computed anew: an older cache would hide that the code no longer makes them."""
    with (
        tempfile.TemporaryDirectory(prefix="tlbook-stored-outputs-", ignore_cleanup_errors=True) as cache,
        patch.dict(os.environ, {"TLBOOK_CACHE": cache}),
    ):
        run_all(contents.executions(DATASET), DATASET)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--thorough", action="store_true", help="the tests that are left out otherwise")
    outcome = {}
    for name, options in (THOROUGH if parser.parse_args().thorough else PARTS).items():
        print(f"== {name}: pytest {' '.join(options)}", flush=True)
        started = time.perf_counter()
        if name == "stored outputs":
            run_notebooks()
        status = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=ROOT).returncode
        outcome[name] = (status, time.perf_counter() - started)
    print(
        "== "
        + "; ".join(
            f"{name} {'FAILED' if status else 'passed'} in {seconds:.0f} s"
            for name, (status, seconds) in outcome.items()
        )
    )
    sys.exit(any(status for status, _ in outcome.values()))


if __name__ == "__main__":
    main()
