"""Settings that every unit test shares, made before NumPy, Keras or a subprocess can read them."""

import os
import tempfile

import pytest

from tools.book import contents

CORES = os.cpu_count() or 1

collect_ignore = ["browser"]  # left to make test-browser, which names the folder

for _name, _value in {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "MPLBACKEND": "Agg",
    "PYTHONHASHSEED": "0",
    "JAX_PLATFORMS": "cpu",
}.items():
    os.environ.setdefault(_name, _value)

try:
    from hypothesis import settings
except ImportError:  # the tests that need it say so themselves
    pass
else:
    # No deadline: a slow machine is not a wrong answer. The same examples every time, so that a failure can be repeated.
    # A quarter of Hypothesis' own number of them: `make test-thorough` tries all.
    settings.register_profile("tlbook", deadline=None, derandomize=True, max_examples=25)
    settings.register_profile("all-examples", deadline=None, derandomize=True)
    settings.load_profile("tlbook")


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)  # of pytest-xdist
    if worker is None:
        # A test never reads features that an older version of the code cached in the user's own folder.
        cache = tempfile.TemporaryDirectory(prefix="tlbook-tests-", ignore_cleanup_errors=True)
        config.add_cleanup(cache.cleanup)
        os.environ["TLBOOK_CACHE"] = cache.name
    if worker is not None or not config.getoption("numprocesses", None):
        contents.set_thread_limits(max(1, CORES // (worker["workercount"] if worker else 1)))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """`-n auto` means at most four: each worker that imports TensorFlow holds about 700 MB."""
    return min(4, CORES)
