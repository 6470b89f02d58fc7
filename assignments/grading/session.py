"""A student's process as the grader sees it: started, watched, asked, ended."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from grading import wire

__all__ = ["Ended", "Limits", "Session"]

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    Attributes
    ----------
    cell_seconds, notebook_seconds, call_seconds, total_seconds : float
        One cell; all cells; one call of a function by a check; everything with all new starts.
    memory : int
        Bytes held at once by the process and what it starts.
    output, files : int
        Bytes printed, and bytes in the work folder.
    processes : int
    starts : int
        How often the notebook is run, each time without the cell that ended the process before.
    """

    cell_seconds: float = 120
    notebook_seconds: float = 360
    call_seconds: float = 30
    total_seconds: float = 900
    memory: int = 3 * 2**30
    output: int = 5 * 2**20
    files: int = 256 * 2**20
    processes: int = 64
    starts: int = 3


class Ended(BaseException):
    """The student's process is no more; the text says why. Not an Exception, so that no check takes it for a wrong
    answer."""


@functools.cache
def _lists_of_fonts() -> list[Path]:
    try:
        import matplotlib.font_manager  # makes the list where there is none
    except ImportError:
        return []
    return list(Path(matplotlib.get_cachedir()).glob("fontlist-*.json"))


@dataclass
class Session:
    """One run of a notebook.

    Parameters
    ----------
    cells : list of str
        Source of the code cells.
    limits : Limits
    files : Path, optional
        A folder whose files are copied to where the notebook runs.
    hide : list of str
        Folders out of its sight.
    sandbox : bool
    """

    cells: list[str]
    limits: Limits
    files: Path | None = None
    hide: list[str] = field(default_factory=list)
    sandbox: bool = True

    errors: dict[int, str] = field(default_factory=dict, init=False)
    protections: list[str] = field(default_factory=list, init=False)
    current: int | None = field(default=None, init=False)
    printed: str = field(default="", init=False)
    why: str = field(default="", init=False)

    def __enter__(self) -> Session:
        self._work = os.path.realpath(tempfile.mkdtemp(prefix="tlbook-grade-"))
        if self.files is not None:
            shutil.copytree(self.files, self._work, dirs_exist_ok=True, symlinks=True)
        os.mkdir(os.path.join(self._work, ".matplotlib"))
        for list_of_fonts in _lists_of_fonts():  # making it takes seconds
            shutil.copy(list_of_fonts, os.path.join(self._work, ".matplotlib"))
        to_child, from_parent = os.pipe()
        to_parent, from_child = os.pipe()
        self._fds = (to_parent, from_parent)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "grading.child", str(to_child), str(from_child)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(to_child, from_child),
            start_new_session=True,
            cwd=self._work,
            env=self._environment(),
        )
        os.close(to_child)
        os.close(from_child)
        self._peer = wire.Peer(wire.Channel(*self._fds), trusting=False)
        self._alive = True
        self._started = time.monotonic()
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._drain, self._watch)]
        for thread in self._threads:
            thread.start()
        return self

    def _environment(self) -> dict[str, str]:
        kept = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "SYSTEMROOT", "OMP_NUM_THREADS")
        threads = os.environ.get("OMP_NUM_THREADS", "1")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(PROJECT)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "HOME": self._work,
            "TMPDIR": os.path.join(self._work, "tmp"),
            "IPYTHONDIR": os.path.join(self._work, ".ipython"),
            "MPLCONFIGDIR": os.path.join(self._work, ".matplotlib"),
            "KERAS_HOME": os.path.join(self._work, ".keras"),
            "TLBOOK_CACHE": os.path.join(self._work, ".cache"),
            "MPLBACKEND": "Agg",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "KERAS_BACKEND": "tensorflow",
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "TF_NUM_INTRAOP_THREADS": threads,
            "TF_NUM_INTEROP_THREADS": "1",
        }

    # Watching -------------------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Read what is printed, keep the beginning, end the process when it is too much."""
        seen = 0
        kept = bytearray()
        for piece in iter(lambda: self._process.stdout.read1(2**16), b""):
            seen += len(piece)
            if len(kept) < 4000:
                kept += piece[: 4000 - len(kept)]
                self.printed = kept.decode("utf-8", "replace")
            if seen > self.limits.output:
                self.kill(f"it printed more than {self.limits.output / 2**20:.0f} MB")
                return

    def _watch(self) -> None:
        """End the process when it and its children hold too much memory, or are too many."""
        try:
            root = psutil.Process(self._process.pid)
        except psutil.Error:
            return
        while self._alive and self._process.poll() is None:
            held, count = 0, 0
            try:
                family = [root, *root.children(recursive=True)]
            except psutil.Error:
                family = []
            for one in family:
                with contextlib.suppress(psutil.Error):
                    held += one.memory_info().rss
                    count += 1
            if held > self.limits.memory:
                self.kill(f"it held more than {self.limits.memory / 2**30:.1f} GB of memory")
            if count > self.limits.processes:
                self.kill(f"it started more than {self.limits.processes} processes")
            time.sleep(0.05)

    def kill(self, why: str = "") -> None:
        self.why = self.why or why
        family = []
        with contextlib.suppress(psutil.Error):
            family = psutil.Process(self._process.pid).children(recursive=True)
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.kill()
        for one in family:  # those that left the group
            with contextlib.suppress(psutil.Error):
                one.kill()

    def __exit__(self, *error: object) -> None:
        self._alive = False
        self.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join(5)
        for fd in self._fds:
            os.close(fd)
        self._process.stdout.close()
        shutil.rmtree(self._work, ignore_errors=True)

    # Asking ---------------------------------------------------------------------------------------------------------

    def _over(self, error: Exception) -> Ended:
        if isinstance(error, wire.Late):
            self.kill("it took too long")
        elif isinstance(error, wire.TooMuch):
            self.kill(f"it sent {error}")
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
            self.why = self.why or "it ended by itself"
        return Ended(self.why)

    def run(self) -> None:
        """Run all cells.

        Raises
        ------
        Ended
            If the process did not survive them; `current` is the cell it died in.
        """
        limits = self.limits
        self._peer.deadline = time.monotonic() + limits.notebook_seconds
        order = {
            "work": self._work,
            "hide": self.hide,
            "keep": [str(PROJECT / "tlbook"), str(PROJECT / "book" / "results")],
            "sandbox": self.sandbox,
            "work_bytes": limits.files,
            "memory": limits.memory + 2**30,
            "processes": limits.processes,
            "cells": self.cells,
            "cell_seconds": limits.cell_seconds,
            "call_seconds": limits.call_seconds,
        }
        try:
            self._peer.send(order)
            while True:
                message = self._peer.receive()
                if "cell" in message:
                    self.current = int(message["cell"])
                    late = time.monotonic() + limits.cell_seconds + 5
                    self._peer.deadline = min(late, self._started + limits.notebook_seconds) if self.current else late
                elif "failed" in message:
                    self.errors[int(message["failed"])] = str(message["why"])[:600]
                elif "protections" in message:
                    self.protections = [str(name) for name in message["protections"]]
                    self._started = time.monotonic()
                elif "done" in message:
                    self.current = None
                    return
        except (wire.Closed, wire.Late, wire.TooMuch, TypeError, ValueError) as error:
            raise self._over(error) from None

    def get(self, name: str) -> Any:
        """A variable of the notebook: its value, a stand-in, or None where there is none."""
        return self._asked(lambda: self._peer.ask("name", name=name))

    def _asked(self, question: Any) -> Any:
        self._peer.deadline = time.monotonic() + self.limits.call_seconds + 3
        try:
            return question()
        except (wire.Closed, wire.Late, wire.TooMuch) as error:
            raise self._over(error) from None

    def during(self, check: Any, in_place: bool = False) -> Any:
        """Run a check, whose calls into the notebook may take so long each, and end the process when they take longer.

        Only where a check is about it (`in_place`) does what a function does to its arguments reach the check's own:
        otherwise a function could set them to 0, and with them what the check computes from them.
        """
        peer = self._peer
        peer.carry_back = in_place
        plain = peer.ask

        def ask(what: str, **more: Any) -> Any:
            return self._asked(lambda: plain(what, **more))

        peer.ask = ask
        try:
            return check()
        finally:
            del peer.ask
