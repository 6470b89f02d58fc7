"""The student's process: runs the cells, then calls the student's functions as the grader asks.

    python -m grading.child READ_FD WRITE_FD

It is started by `grading.session`, in a container (`grading.container`), and knows neither checks nor expected values.
Whatever the student's code does to it, it can only make this process answer wrongly or not at all.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import types
from typing import Any

from grading import wire

NOBODY = (
    2_000_000_000  # far from real users; the number of the process comes on top, so that each has its own allowance
)


class OutOfTime(BaseException):
    """A cell or a call took too long. Not an Exception, so that `except Exception` does not catch it."""


def _alarm(seconds: float, patience: float):
    """Run a function for so many seconds of processor time, and so many by the clock, at most."""

    def guard(work):
        if not hasattr(signal, "setitimer"):  # Windows: the grader ends the process instead
            return work()
        clocks = {
            signal.SIGPROF: (signal.ITIMER_PROF, seconds, "of processor time"),
            signal.SIGALRM: (signal.ITIMER_REAL, patience, "of waiting"),
        }

        def ring(number, frame):
            clock, allowed, words = clocks[number]
            signal.setitimer(clock, 1.0)  # again, where it was caught
            raise OutOfTime(f"stopped after {allowed:g} s {words}")

        for number, (clock, allowed, _) in clocks.items():
            signal.signal(number, ring)
            signal.setitimer(clock, allowed)
        try:
            return work()
        finally:
            for clock, _, _ in clocks.values():
                signal.setitimer(clock, 0)

    return guard


def become_nobody(number: int | None) -> None:
    """Give up root's rights, where it was started with them, and become a user of its own, in no group; None changes nothing."""
    if number is not None and hasattr(os, "getuid") and os.getuid() == 0:
        number += NOBODY
        os.setgroups([])
        os.setresgid(number, number, number)
        os.setresuid(number, number, number)


def limit(*, memory: int, file_size: int, processes: int, cpu_seconds: int) -> None:
    """Hard limits of this process and each of its children; those that the system does not know are left out."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {"DATA": memory, "FSIZE": file_size, "NPROC": processes, "CPU": cpu_seconds, "CORE": 0, "MSGQUEUE": 0}
    for name, value in limits.items():
        which = getattr(resource, f"RLIMIT_{name}", None)
        if which is None or (name == "NPROC" and os.getuid() == 0):
            continue
        with contextlib.suppress(ValueError, OSError):
            hard = resource.getrlimit(which)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(which, (value, value))


def _no_otter() -> None:
    """A package that looks like otter and checks nothing: the grader does that afterwards, elsewhere."""

    class Notebook:
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            pass

        def __getattr__(self, name: str) -> Any:
            return lambda *args, **kwargs: None

    otter = types.ModuleType("otter")
    otter.Notebook = Notebook
    sys.modules["otter"] = otter


def _shell(namespace: dict[str, Any]) -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    shell.colors = "NoColor"
    main = types.ModuleType("__main__")
    main.__dict__.update(namespace)
    shell.user_module, shell.user_ns = main, main.__dict__
    shell.init_user_ns()
    sys.modules["__main__"] = main
    return shell


def run_cells(shell: Any, cells: list[str], peer: wire.Peer, guard: Any) -> None:
    """Run every cell, whatever the others did, and report the last error of each.

    A cell that missed a name is run again after the others, as long as that helps: perhaps cells were put in another
    order.
    """
    waiting, missed = list(enumerate(cells)), len(cells) + 1
    errors: dict[int, BaseException] = {}
    while waiting and len(waiting) < missed:
        missed, again = len(waiting), []
        for number, source in waiting:
            peer.send({"cell": number})
            errors.pop(number, None)
            try:
                done = guard(lambda source=source: shell.run_cell(source, store_history=False))
                error = done.error_before_exec or done.error_in_exec
            except OutOfTime as late:
                error = late
            if error is not None:
                errors[number] = error
            if isinstance(error, NameError):
                again.append((number, source))
        waiting = again
    for number, error in errors.items():
        peer.send({"failed": number, "why": wire.words(error)[:600]})
    peer.send({"done": True})


def main() -> None:
    channel = wire.Channel(*map(int, sys.argv[1:3]))
    peer = wire.Peer(channel, trusting=True)
    order = peer.receive()
    become_nobody(order["user"])
    limit(**order["limits"])
    os.chdir(order["work"])
    if order["files"]:
        shutil.copytree(order["files"], ".", dirs_exist_ok=True)
    os.makedirs("tmp", exist_ok=True)
    peer.send({"ready": True})
    _no_otter()
    shell = _shell({"__name__": "__main__"})
    run_cells(shell, order["cells"], peer, _alarm(*order["cell_seconds"]))
    peer.guard = _alarm(*order["call_seconds"])
    peer.names = shell.user_ns
    while True:
        try:
            message = peer.receive()
            if "ask" in message:
                peer.answer(message)
        except wire.Closed:
            os._exit(0)
        except OutOfTime:
            continue


if __name__ == "__main__":
    main()
