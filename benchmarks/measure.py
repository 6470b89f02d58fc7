"""What a run costs: every measured run is a fresh process that reports on itself.

A run is a script of this folder started by :func:`fresh`. It makes a :class:`Clock` before its other imports, calls
``imported()`` after them, and ends with ``report(...)``, which prints one line of JSON. Wall seconds count from the moment at
which the process was started, process seconds are those of all its threads, and memory is the most it ever held. The clock can
be paused for what a recipe would not do by itself, such as scoring the model of an intermediate stage.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
_STARTED = "TLBOOK_BENCHMARK_STARTED"
_MARK = "benchmark result: "


class Clock:
    """Seconds and memory of the process it is made in."""

    def __init__(self) -> None:
        self._began = float(os.environ.get(_STARTED, time.time()))
        self._wall_paused = self._process_paused = 0.0
        self._imports: dict[str, float] = {}

    def _now(self) -> tuple[float, float]:
        return time.time() - self._began - self._wall_paused, time.process_time() - self._process_paused

    def imported(self) -> None:
        """All that is to be imported has been: what came before is shown apart."""
        wall, process = self._now()
        self._imports = {"import_wall_seconds": round(wall, 2), "import_process_seconds": round(process, 2)}

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What happens in the block does not count."""
        wall, process = self._now()
        try:
            yield
        finally:
            later, used = self._now()
            self._wall_paused += later - wall
            self._process_paused += used - process

    def so_far(self) -> dict[str, float]:
        """Seconds since the process was started, pauses left out."""
        wall, process = self._now()
        return {"wall_seconds": round(wall, 2), "process_seconds": round(process, 2)}

    def report(self, **values) -> None:
        """Print what the process cost together with what it found: the last thing that it does."""
        values = {**self.so_far(), **self._imports, "peak_megabytes": round(peak_memory() / 1e6), **values}
        print(_MARK + json.dumps(values), flush=True)


def peak_memory() -> int:
    """The most bytes that this process held in memory.

    On Linux from the process's own address space: the figure of ``getrusage`` may be that of the process it was forked from.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import psutil

    memory = psutil.Process().memory_info()
    if hasattr(memory, "peak_wset"):  # Windows
        return memory.peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts in bytes


def cores() -> list[int]:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def fresh(
    script: str, *arguments: object, count: int | None = None, cache: Path | None = None, package: Path = ROOT
) -> dict:
    """Run a script of this folder in a process of its own and return what it reported.

    Parameters
    ----------
    script : str
        File name in this folder.
    *arguments
        For its command line.
    count : int, optional
        Cores to use; all by default. Where the system can, the process is held to them.
    cache : Path, optional
        Its ``TLBOOK_CACHE``.
    package : Path
        Folder that holds the package.
    """
    count = count or len(cores())
    environment = {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": str(count),
        "OPENBLAS_NUM_THREADS": str(count),
        "TF_NUM_INTRAOP_THREADS": str(count),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")])),
    }
    if cache is not None:
        environment["TLBOOK_CACHE"] = str(cache)
    chosen = cores()[:count]

    def hold() -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, chosen)

    environment[_STARTED] = repr(time.time())
    done = subprocess.run(
        [sys.executable, str(HERE / script), *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        preexec_fn=hold if os.name == "posix" else None,
    )
    found = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    if done.returncode or not found:
        raise RuntimeError(
            f"{script} {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return json.loads(found[-1].removeprefix(_MARK))
