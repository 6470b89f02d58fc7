"""The student's process: runs the cells, then calls the student's functions as the grader asks.

    python -m grading.child READ_FD WRITE_FD

It is started by `grading.session` and knows neither checks nor expected values. Whatever the student's code does to
it, it can only make this process answer wrongly or not at all.
"""

from __future__ import annotations

import os
import signal
import sys
import types
from typing import Any

from grading import sandbox, wire


class OutOfTime(BaseException):
    """A cell or a call took too long. Not an Exception, so that `except Exception` does not catch it."""


def _alarm(seconds: float):
    """Run a function for so many seconds at most."""

    def guard(work):
        if not hasattr(signal, "setitimer"):  # Windows: the grader ends the process instead
            return work()

        def ring(number, frame):
            signal.setitimer(signal.ITIMER_REAL, 1.0)  # again, where it was caught
            raise OutOfTime(f"stopped after {seconds:g} s")

        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return work()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    return guard


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


def run_cells(shell: Any, cells: list[str], peer: wire.Peer, seconds: float) -> None:
    """Run every cell, whatever the others did, and report the last error of each.

    A cell that missed a name is run again after the others, as long as that helps: perhaps cells were put in another
    order.
    """
    guard = _alarm(seconds)
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
        peer.send({"failed": number, "why": f"{type(error).__name__}: {str(error)[:500]}"})
    peer.send({"done": True})


def main() -> None:
    read, write = map(int, sys.argv[1:3])
    channel = wire.Channel(read, write)
    peer = wire.Peer(channel, trusting=True)
    order = peer.receive()
    sandbox.die_with_parent()
    active = sandbox.confine(order["work"], order["hide"], order["keep"], order["work_bytes"], bool(order["sandbox"]))
    sandbox.limit(memory=order["memory"], file_size=order["work_bytes"], processes=order["processes"])
    os.chdir(order["work"])
    os.makedirs("tmp", exist_ok=True)
    peer.send({"protections": active})
    _no_otter()
    shell = _shell({"__name__": "__main__"})
    run_cells(shell, order["cells"], peer, order["cell_seconds"])
    peer.guard = _alarm(order["call_seconds"])
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
