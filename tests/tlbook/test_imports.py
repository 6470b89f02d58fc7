"""The package starts quickly: read from what a fresh process has loaded. (make lint holds the order of its imports.)"""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["tlbook.report", "tlbook.cli"])
def test_what_takes_seconds_is_not_imported_before_it_is_needed(module):
    slow = ("tensorflow", "keras", "matplotlib", "jinja2")
    code = f"import sys, {module}; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
