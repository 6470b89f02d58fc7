"""What a command of tlbook costs, in this process: ``one_command.py train FOLDER …`` (started by versions.py)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import Clock

clock = Clock()

if __name__ == "__main__":
    from tlbook import cli

    status = cli.main(sys.argv[1:])
    if status:
        raise SystemExit(status)
    clock.report()
