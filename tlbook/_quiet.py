"""Import Keras without TensorFlow's start-up messages.

``import tlbook._quiet`` before ``import keras``, in every module of this package that uses Keras. TensorFlow's C++ code writes
lines about oneDNN, instruction sets and missing GPUs straight to file descriptor 2 while it is imported.
``TF_CPP_MIN_LOG_LEVEL`` does not hold all of them back, and turning oneDNN off to be rid of its line would cost speed. So
descriptor 2 leads into a temporary file during that one import, whenever and by whomever it is made; where the import raises,
the file is shown after all. Later messages of TensorFlow's own logger below the level of errors are held back by
``TF_CPP_MIN_LOG_LEVEL``, unless the reader has set it.

One note of its Python side is held back for good, that on retracing: TensorFlow traces each model once and, after a few models,
takes that for one model traced again and again, which is what a notebook with many small models looks like.

Nothing is imported here: Keras and TensorFlow take seconds, and a run that finds all it needs on disk does without them. Nothing
is held back where TensorFlow has already been imported, or where another backend was chosen.
"""

import importlib.machinery
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

__all__ = ["stderr_held"]

_NOISY = ("keras", "tensorflow")


@contextmanager
def stderr_held() -> Iterator[None]:
    """Hold back what native code writes to file descriptor 2; show it if the block raises."""
    if sys.__stderr__ is None:  # closed when Python started: descriptor 2 is some other file by now
        yield
        return
    try:
        kept, file = os.dup(2), tempfile.TemporaryFile()  # noqa: SIM115 (it is closed below)
    except OSError:  # closed since, or there is no folder for temporary files: nothing is held back
        yield
        return
    if sys.stderr is not None and not sys.stderr.closed:
        sys.stderr.flush()
    with file as held:
        os.dup2(held.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            if failed:
                held.seek(0)
                os.write(2, held.read())


class _QuietImports:
    """A finder that finds Keras and TensorFlow where they are, and holds back what they write while they are executed."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in _NOISY:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        loader: Any = None if spec is None else spec.loader
        if hasattr(loader, "exec_module"):
            execute = loader.exec_module

            def quietly(module: ModuleType) -> None:
                with stderr_held():
                    execute(module)

            loader.exec_module = quietly  # of this loader alone: each spec has its own
        return spec


def _is_no_note_on_tracing(record: logging.LogRecord) -> bool:
    return "triggered tf.function retracing" not in record.getMessage()


logging.getLogger("tensorflow").addFilter(_is_no_note_on_tracing)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if os.path.expanduser("~").startswith("~"):  # no home: Keras would make a folder that is really called ~
    os.environ.setdefault("KERAS_HOME", os.path.join(os.environ.get("TMPDIR", "/tmp"), ".keras"))
if "tensorflow" not in sys.modules and os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
    sys.meta_path.insert(0, _QuietImports)
