"""The built pages in a real browser: what is built is tested, in one edition or in both.

    python tools/check/run_browser_tests.py [PYTEST OPTIONS]

Needs Chromium and chromedriver; where they are missing and this may install packages on Debian or Ubuntu, it does. Without a
browser it fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tools import ROOT
from tools.book import editions

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVERS = ("chromedriver", "/usr/lib/chromium/chromedriver", "/usr/lib/chromium-browser/chromedriver")


def first(commands: tuple[str, ...]) -> str | None:
    """The full path of the first of these commands that exists."""
    return next((path for path in map(shutil.which, commands) if path), None)


def install() -> None:
    """Try to install what is missing; what is wrong is said by the command that tried."""
    if not shutil.which("apt-get") or not hasattr(os, "geteuid") or os.geteuid():
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    packages = ["chromium", "chromium-driver", "fonts-dejavu-core"]
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "--quiet=2", *arguments], env=environment, stdin=subprocess.DEVNULL)


def found() -> tuple[str, str]:
    """Where the browser and its driver are, installed first where they are missing and can be had."""
    if not (first(BROWSERS) and first(DRIVERS)):
        install()
    browser, driver = first(BROWSERS), first(DRIVERS)
    if not (browser and driver):
        missing = " and ".join(name for name, path in (("Chromium", browser), ("chromedriver", driver)) if not path)
        raise SystemExit(f"No {missing} here. On Debian and Ubuntu: apt-get install chromium chromium-driver")
    return browser, driver


def main() -> None:
    if not editions.built():
        raise SystemExit("Nothing is built; run make book first.")
    browser, driver = found()
    environment = {**os.environ, "TLBOOK_BROWSER": browser, "TLBOOK_DRIVER": driver}
    # One browser a core: most of the time is spent in the browsers. Tests of one file go to all of them.
    workers = ["-n", str(min(4, os.cpu_count() or 1)), "--dist=load"]
    command = [sys.executable, "-m", "pytest", "tests/browser", "-q", *workers, *sys.argv[1:]]
    sys.exit(subprocess.run(command, cwd=ROOT, env=environment).returncode)


if __name__ == "__main__":
    main()
