"""Rewrite requirements.lock: every package of pyproject.toml with its extras and of lock.in, one version for all Pythons.

    python tools/env/lock.py [--upgrade]

The file is in pip's requirements format, with hashes, and names no package index.
"""

import re
import subprocess
import sys

from tools import ROOT

OPTIONS = [
    "--extra=assignments",
    "--extra=book",
    "--extra=browser",
    "--extra=cluster",
    "--extra=fast",
    "--extra=lite0",
    "--extra=shards",
    "--extra=test",
    "--extra=text",
    "--override=tools/env/lock-overrides.txt",
    "--universal",
    "--python-version=3.11",
    "--fork-strategy=fewest",  # the same NumPy on every Python, so that stored outputs agree
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-annotate",
    "--custom-compile-command=make lock",
    "--quiet",
    "--output-file=requirements.lock",
]


def main() -> None:
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "tools/env/lock.in", *OPTIONS]
    subprocess.run([*command, *sys.argv[1:]], cwd=ROOT, check=True)
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found = re.findall(r"^.*(?:https?:|file:|--(?:extra-)?index|--find-links).*$", text, flags=re.MULTILINE)
    if found:
        raise SystemExit("requirements.lock names an address:\n" + "\n".join(found))
    print(f"requirements.lock pins {len(re.findall(r'^[a-z0-9].*==', text, flags=re.MULTILINE))} packages")


if __name__ == "__main__":
    main()
