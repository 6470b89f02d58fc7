"""A student's process as the grader sees it: started, watched, asked, ended."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import select
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

from grading import child, container, wire

__all__ = ["Ended", "Limits", "Session"]


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Seconds are of processor time, which other work on the machine does not take away.

    Attributes
    ----------
    cell_seconds, notebook_seconds, call_seconds : float
        One cell; all cells; one call of a function by a check.
    patience : float
        So many times as long is waited by the clock.
    total_seconds : float
        By the clock: everything with all new starts.
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
    patience: float = 4
    total_seconds: float = 1800
    memory: int = 3 * 2**30
    output: int = 5 * 2**20
    files: int = 256 * 2**20
    processes: int = 64
    starts: int = 3


START_SECONDS, START_PATIENCE = 60, 180  # for what comes before the first cell
LARGEST_CONVERSATION = 256 * 2**20  # bytes that one check may be sent


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


def _adopt() -> None:
    """Daemons that a student's process leaves behind become this process's children, where Linux can do that."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


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
    contained : bool
        False starts it outside a container, with the grader's own rights on files and network.
    as_nobody : bool
        Without a container, where the grader is root: as a user of its own, who cannot read or write what is root's alone.

    Attributes
    ----------
    errors : dict of int to str
        Of the cells, by their number.
    current : int or None
        The cell that runs.
    printed : str
        The beginning of what was printed.
    why : str
        What it was ended for.
    waited : bool
        Whether it was ended by the clock, before it had used the processor time that it was allowed.
    """

    cells: list[str]
    limits: Limits
    files: Path | None = None
    contained: bool = True
    as_nobody: bool = False

    errors: dict[int, str] = field(default_factory=dict, init=False)
    current: int | None = field(default=None, init=False)
    printed: str = field(default="", init=False)
    why: str = field(default="", init=False)
    waited: bool = field(default=False, init=False)

    def __enter__(self) -> Session:
        with contextlib.ExitStack() as opened:
            to_child, from_parent = os.pipe()
            opened.callback(os.close, to_child)
            to_parent, from_child = os.pipe()
            opened.callback(os.close, from_child)
            self._fds = (to_parent, from_parent)
            fds, arguments = [to_child, from_child], ["-P", "-m", "grading.child", str(to_child), str(from_child)]
            self._outside: str | None = None
            if self.contained:
                fds.append(container.program_pipe())
                opened.callback(os.close, fds[-1])
                self._work, self._files = container.WORK, None if self.files is None else "/files"
                shown = {} if self.files is None else {"/files": str(self.files)}
                # Making the list of fonts takes seconds.
                shown |= {f"{self._work}/.matplotlib/{path.name}": str(path) for path in _lists_of_fonts()}
                line = container.command(fds[-1], arguments, work_bytes=self.limits.files, shown=shown)
            else:
                _adopt()
                self._before = {one.pid for one in psutil.Process().children()}
                self._outside = self._work = os.path.realpath(tempfile.mkdtemp(prefix="tlbook-grade-"))
                self._files = None if self.files is None else str(self.files)
                os.mkdir(os.path.join(self._work, ".matplotlib"))
                if self.as_nobody:
                    for path in (self._work, os.path.join(self._work, ".matplotlib")):
                        os.chown(path, *[child.NOBODY + os.getpid()] * 2)
                for path in _lists_of_fonts():
                    shutil.copy(path, os.path.join(self._work, ".matplotlib"))
                line = [sys.executable, *arguments]
            self._process = subprocess.Popen(
                line,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=fds,
                start_new_session=True,
                cwd=self._outside or "/",
                env=container.environment(self._work),
            )
        self._channel = wire.Channel(*self._fds)
        self._peer = wire.Peer(self._channel, trusting=False)
        self._alive = True
        self.computed = 0.0
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._drain, self._watch)]
        for thread in self._threads:
            thread.start()
        return self

    # Watching -------------------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Read what is printed, keep the beginning, end the process when it is too much."""
        seen, kept, fd = 0, bytearray(), self._process.stdout.fileno()
        while self._alive or select.select([fd], [], [], 0)[0]:  # a process left behind may hold the other end for ever
            if not select.select([fd], [], [], 0.1)[0]:
                continue
            piece = os.read(fd, 2**16)
            if not piece:
                return
            seen += len(piece)
            if len(kept) < 4000:
                kept += piece[: 4000 - len(kept)]
                self.printed = kept.decode("utf-8", "replace")
            if seen > self.limits.output:
                self.kill(f"it printed more than {self.limits.output / 2**20:.0f} MB")
                return

    def _watch(self) -> None:
        """End the process when it and its children hold too much memory, compute too long, or are too many."""
        try:
            root = psutil.Process(self._process.pid)
        except psutil.Error:
            return
        limits = self.limits
        while self._alive and self._process.poll() is None:
            held, count, computed = 0, 0, 0.0
            try:
                family = [root, *root.children(recursive=True)]
            except psutil.Error:
                family = []
            for one in family:
                with contextlib.suppress(psutil.Error):
                    held += one.memory_info().rss
                    computed += sum(one.cpu_times()[:4])  # with what ended children had
                    count += 1
            self.computed = max(self.computed, computed)
            if held > limits.memory:
                self.kill(f"it held more than {limits.memory / 2**30:.1f} GB of memory")
            if count > limits.processes:
                self.kill(f"it started more than {limits.processes} processes")
            if self.current is not None and self.computed > limits.notebook_seconds + START_SECONDS:
                self.kill(f"it computed for more than {limits.notebook_seconds:g} s")
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
        for one in [*family, *self._orphans()]:  # those that left the group
            with contextlib.suppress(psutil.Error):
                one.kill()

    def _orphans(self) -> list[psutil.Process]:
        """What came to this process when its parent ended; in a container, such processes end with it."""
        if self.contained:
            return []
        ours = [one for one in psutil.Process().children() if one.pid not in (self._process.pid, *self._before)]
        return [process for one in ours for process in (one, *one.children(recursive=True))]

    def __exit__(self, *error: object) -> None:
        self._alive = False
        self.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join(5)
        for fd in self._fds:
            os.close(fd)
        self._process.stdout.close()
        if self._outside:
            shutil.rmtree(self._outside, ignore_errors=True)

    # Asking ---------------------------------------------------------------------------------------------------------

    def _over(self, error: Exception) -> Ended:
        if isinstance(error, wire.Late):
            self.waited = True
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
        until = time.monotonic() + limits.patience * limits.notebook_seconds + START_PATIENCE
        self._peer.deadline = time.monotonic() + START_PATIENCE
        order = {
            "work": self._work,
            "files": self._files,
            "user": os.getpid() if self.contained or self.as_nobody else None,
            "limits": {
                "memory": limits.memory + 2**30,
                "file_size": limits.files,
                "processes": limits.processes,
                "cpu_seconds": int(limits.notebook_seconds + 60 * limits.call_seconds + START_SECONDS),
            },
            "cells": self.cells,
            "cell_seconds": [limits.cell_seconds, limits.patience * limits.cell_seconds],
            "call_seconds": [limits.call_seconds, limits.patience * limits.call_seconds],
        }
        try:
            self._peer.send(order)
            while True:
                message = self._peer.receive()
                if "cell" in message:
                    self.current = int(message["cell"])
                    cell = time.monotonic() + limits.patience * limits.cell_seconds + 10
                    self._peer.deadline = min(cell, until)
                elif "failed" in message:
                    why = self.errors[int(message["failed"])] = str(message["why"])[:600]
                    self.waited |= why.startswith("OutOfTime") and "waiting" in why
                elif "done" in message:
                    self.current = None
                    return
        except (wire.Closed, wire.Late, wire.TooMuch, TypeError, ValueError, OverflowError) as error:
            raise self._over(error) from None

    def get(self, name: str) -> Any:
        """A variable of the notebook: its value, a stand-in, or None where there is none."""
        return self._asked(lambda: self._peer.ask("name", name=name))

    def _asked(self, question: Any) -> Any:
        self._peer.deadline = time.monotonic() + self.limits.patience * self.limits.call_seconds + 10
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
        self._channel.left = LARGEST_CONVERSATION
        peer.carry_back = in_place
        plain = peer.ask

        def ask(what: str, **more: Any) -> Any:
            return self._asked(lambda: plain(what, **more))

        peer.ask = ask
        try:
            return check()
        finally:
            del peer.ask
