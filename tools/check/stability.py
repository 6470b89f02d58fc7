"""Compare stored outputs with fresh runs again and again, and under what changes floating-point results elsewhere.

    python tools/check/stability.py [--repeats 5] [--python /path/to/another/environment/bin/python ...]

Runs `pytest --nbval book/` so often unchanged, then with 1, 2 and 4 threads, without oneDNN, and with the instruction set
capped as on older processors; then in each further environment that is named. Prints a table; exit status 1 where one failed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tools import ROOT


def threads(count: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    return dict.fromkeys(names, str(count))


VARIATIONS = {
    "1 thread": threads(1),
    "2 threads": threads(2),
    "4 threads": threads(4),
    "ONEDNN_MAX_CPU_ISA=AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
}


def compare(python: str, extra: dict[str, str]) -> tuple[int, str, float]:
    started = time.perf_counter()
    done = subprocess.run(
        [python, "-m", "pytest", "--nbval", "book/", "-q", "-n", "auto", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env={**os.environ, **extra},
        capture_output=True,
        text=True,
    )
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or [""]
    failed = [line for line in lines if line.startswith("FAILED")]
    return done.returncode, " ".join([re.sub(r"=", "", lines[-1]).strip(), *failed]), time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--python", action="append", default=[], help="another environment's Python, e.g. one of 3.13")
    options = parser.parse_args()
    plan = [(f"unchanged, run {number + 1}", sys.executable, {}) for number in range(options.repeats)]
    plan += [(name, sys.executable, extra) for name, extra in VARIATIONS.items()]
    plan += [(f"under {python}", python, {}) for python in options.python]
    table = Table("variation", "outcome", "seconds", "pytest says")
    worst = 0
    for name, python, extra in plan:
        status, summary, seconds = compare(python, extra)
        worst = max(worst, status)
        print(
            f"{name}: {'FAILED' if status else 'same'} ({seconds:.0f} s){': ' + summary if status else ''}", flush=True
        )
        table.add_row(name, "FAILED" if status else "same", f"{seconds:.0f}", escape(summary))
    Console(width=140).print(table)
    sys.exit(bool(worst))


if __name__ == "__main__":
    main()
