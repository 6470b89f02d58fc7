"""Check code, notebooks and workflows without running them.

    python tools/check/lint.py

ruff reads the code and the notebooks; import-linter says whether the package imports one way (pyproject.toml has the order), and
mypy whether the package's types hold. The workflows are held against GitHub's schema (check-jsonschema carries a copy), and
read by zizmor, which knows what makes one unsafe: actions that are not pinned, permissions not needed, text from outside that
a shell would run. None of them needs a network.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from tools import ROOT

WORKFLOWS = ".github/workflows"


def commands() -> dict[str, list[str]]:
    """Name and command of each check; the tools are those of this Python's environment."""
    scripts = Path(sysconfig.get_path("scripts"))
    workflows = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / WORKFLOWS).glob("*.yml"))
    return {
        "ruff": [sys.executable, "-m", "ruff", "check", "."],
        "format": [
            sys.executable,
            "-m",
            "ruff",
            "format",
            "--check",
            "--quiet",
            "--exclude=assignments/**/*.ipynb,*.md",
            ".",
        ],
        "layers": [str(scripts / "lint-imports"), "--no-cache", "--no-logo"],
        "types": [sys.executable, "-m", "mypy", "--no-error-summary"],
        "schema": [
            *(sys.executable, "-m", "check_jsonschema", "--quiet"),
            *("--builtin-schema", "vendor.github-workflows", *workflows),
        ],
        "zizmor": [str(scripts / "zizmor"), "--offline", "--quiet", "--persona=pedantic", WORKFLOWS],
    }


def main() -> None:
    failed = []
    for name, command in commands().items():
        if subprocess.run(command, cwd=ROOT).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"objections of {', '.join(failed)}")
    print("No objections.")


if __name__ == "__main__":
    main()
