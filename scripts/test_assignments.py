"""All tests of the assignments: every answer under three seeds, every attack on the grader, the archives.

    python scripts/test_assignments.py

`make test` runs a share of them.
"""

from __future__ import annotations

import subprocess
import sys

from book_notebooks import ROOT


def main() -> None:
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").glob("test_assignments_*.py"))
    options = ["-q", "-n", "auto", "--dist=load", "-m", "thorough or not thorough", "--durations=5"]
    sys.exit(subprocess.run([sys.executable, "-m", "pytest", *options, *files], cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
