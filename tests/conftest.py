"""Settings that every unit test shares, made before NumPy, Keras or a subprocess can read them."""

import os
import tempfile

import pytest


def _workers() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


_threads = str(max(1, (os.cpu_count() or 1) // _workers()))
for _name, _value in {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "MPLBACKEND": "Agg",
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": _threads,
    "OPENBLAS_NUM_THREADS": _threads,
    "TF_NUM_INTRAOP_THREADS": _threads,
    "TF_NUM_INTEROP_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
}.items():
    os.environ.setdefault(_name, _value)
# A test never reads features that an older version of the code cached in the user's own folder.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _cache = tempfile.TemporaryDirectory(prefix="tlbook-tests-", ignore_cleanup_errors=True)
    os.environ["TLBOOK_CACHE"] = _cache.name

try:
    from hypothesis import settings
except ImportError:  # the tests that need it say so themselves
    pass
else:
    # No deadline: a slow machine is not a wrong answer. The same examples every time, so that a failure can be repeated.
    settings.register_profile("tlbook", deadline=None, derandomize=True)
    settings.load_profile("tlbook")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """`-n auto` means at most four: each worker that imports TensorFlow holds about 700 MB."""
    return min(4, os.cpu_count() or 1)
