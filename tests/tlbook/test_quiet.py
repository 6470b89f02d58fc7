"""TensorFlow's start-up messages are held back; what matters is not."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from tlbook import _quiet


def python(source: str, **environment: str) -> subprocess.CompletedProcess:
    outer = {name: value for name, value in os.environ.items() if name not in ("TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND")}
    return subprocess.run([sys.executable, "-c", source], env={**outer, **environment}, capture_output=True, text=True)


def test_importing_and_using_keras_writes_nothing_to_stderr():
    source = (
        "import tlbook._quiet, keras, numpy\n"
        "model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])\n"
        "print(model.predict(numpy.zeros((4, 3)), verbose=0).shape)"
    )
    done = python(source)
    assert done.stdout == "(4, 2)\n"
    assert done.stderr == ""


def test_a_later_import_by_somebody_else_is_quiet_too():
    done = python(
        "import tlbook._quiet, sys\nprint('keras' in sys.modules)\nimport tensorflow\nprint(tensorflow.__name__)"
    )
    assert done.stdout == "False\ntensorflow\n"
    assert done.stderr == ""


def test_nothing_is_imported_where_another_backend_was_chosen():
    done = python(
        "import sys, tlbook._quiet; print('tensorflow' in sys.modules, 'keras' in sys.modules)", KERAS_BACKEND="jax"
    )
    assert done.stdout == "False False\n"


def test_package_and_its_data_modules_do_not_import_keras():
    modules = (
        "tlbook, tlbook.sketches, tlbook.datasets, tlbook.backbones, tlbook.features, tlbook.transfer, tlbook.evaluation, "
        "tlbook.results, tlbook.checks"
    )
    done = python(f"import {modules}\nimport sys; print('tensorflow' in sys.modules, 'keras' in sys.modules)")
    assert done.stdout == "False False\n", done.stderr


def test_native_output_is_held_back(capfd):
    with _quiet.stderr_held():
        os.write(2, b"noise of a library\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_native_output_is_shown_where_the_block_raises(capfd):
    @_quiet.stderr_held()
    def broken_import() -> None:
        os.write(2, b"the reason\n")
        raise ImportError("no backend")

    with pytest.raises(ImportError, match="no backend"):
        broken_import()
    assert capfd.readouterr().err == "the reason\n"


def test_without_a_standard_error_the_block_runs(monkeypatch):
    def closed(_: int) -> int:
        raise OSError("no such descriptor")

    monkeypatch.setattr(_quiet.os, "dup", closed)
    ran = []
    with _quiet.stderr_held():
        ran.append(True)
    assert ran


def test_the_note_on_retracing_is_held_back_and_other_notes_are_not(caplog):
    logger = logging.getLogger("tensorflow")
    logger.warning("5 out of the last 36 calls to <function f> triggered tf.function retracing. Tracing is expensive")
    logger.warning("another note")
    assert [record.getMessage() for record in caplog.records] == ["another note"]
