"""What `pytest --nbval book/` needs besides the options in pyproject.toml: the environment in which kernels start.

With `--executed=FOLDER` no kernel starts (tools/book/executed.py).
"""

import os
import tempfile
from pathlib import Path

import pytest
from tools.book import contents, executed

CORES = os.cpu_count() or 1
pytest_addoption = executed.pytest_addoption


def pytest_configure(config: pytest.Config) -> None:
    executed.use(config)
    worker = getattr(config, "workerinput", None)  # of pytest-xdist
    if worker is None:
        # Features are computed anew in every run: a cache of an earlier one would hide that the code no longer makes them.
        cache = tempfile.TemporaryDirectory(
            prefix="tlbook-nbval-", ignore_cleanup_errors=True
        )
        config.add_cleanup(cache.cleanup)
        os.environ["TLBOOK_CACHE"] = cache.name
    if worker is not None or not config.getoption("numprocesses", None):
        contents.set_kernel_environment(
            max(1, CORES // (worker["workercount"] if worker else 1))
        )


def pytest_ignore_collect(
    collection_path: Path, config: pytest.Config
) -> bool | None:
    """Only notebooks of the table of contents: a reader's own experiments beside them are not ours to judge."""
    if (
        collection_path.suffix == ".ipynb"
        and collection_path.parent == Path(__file__).parent
    ):
        return collection_path not in contents.notebooks() or None
    return None


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """`-n auto` means at most one worker a notebook, and at most four."""
    return max(1, min(4, CORES, len(contents.notebooks())))
