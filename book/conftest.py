"""What `pytest --nbval book/` needs besides the options in pyproject.toml: the environment in which kernels start."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

import book_notebooks

_cores = os.cpu_count() or 1
book_notebooks.set_kernel_environment(max(1, _cores // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))))
# Features are computed anew in every run: a cache of an earlier one would hide that the code no longer makes them.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _cache = tempfile.TemporaryDirectory(prefix="tlbook-nbval-", ignore_cleanup_errors=True)
    os.environ["TLBOOK_CACHE"] = _cache.name


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Only notebooks of the table of contents: a reader's own experiments beside them are not ours to judge."""
    if collection_path.suffix == ".ipynb" and collection_path.parent == Path(__file__).parent:
        return collection_path not in book_notebooks.notebooks() or None
    return None


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """`-n auto` means at most one worker a notebook, and at most four."""
    return max(1, min(4, _cores, len(book_notebooks.notebooks())))
