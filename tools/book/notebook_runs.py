"""Run several notebooks at once, each in its own process, with progress, peak memory and errors by name.

Beside each output lies a JSON file that says what the run was like and of what: so `make book` need not run again what
`make test` has just run.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tlbook._files import write_json
from tools import ROOT
from tools.book import contents

EXECUTE = Path(__file__).resolve().parent / "execute_notebook.py"
BYTES_EACH = 3 << 30  # what a notebook may use at most
SAMPLE_SECONDS = 0.2


@dataclasses.dataclass
class Run:
    """What one notebook did."""

    source: Path
    output: Path
    seconds: float = 0.0
    peak_bytes: int = 0
    cells: int = 0
    error: str = ""
    started: int = 0  # the last code cell that was started, counted from 1
    error_source: str = ""
    traceback: str = ""
    date: str = ""  # when it began
    reused: bool = False


def inputs(source: Path, dataset: str | None) -> str:
    """SHA-256 of all that decides the outputs of a notebook whose data ship with the package.

    That is the notebook, the package, the records, what runs it, the locked versions, the Python and the number of cores.
    """
    digest = hashlib.sha256(repr((dataset, sys.version, os.cpu_count())).encode())
    folders = [path for name in ("tlbook", "book/results") for path in sorted((ROOT / name).rglob("*"))]
    for path in [source, EXECUTE, Path(__file__), ROOT / "requirements.lock", ROOT / "pyproject.toml", *folders]:
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(repr((path.name, path.stat().st_size)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _earlier(source: Path, output: Path, state: str) -> Run | None:
    """The run that left `output`, where it went well and nothing has changed since."""
    try:
        said = json.loads(output.with_suffix(".json").read_text(encoding="utf-8"))
        whole = said.pop("inputs") == state and said.pop("output") == hashlib.sha256(output.read_bytes()).hexdigest()
        return Run(source, output, **said, reused=True) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _seconds(source: Path) -> float:
    """How long a notebook took when it was last run, in any edition; 0 where that is not known."""
    seconds = [0.0]
    for dataset in contents.DATASETS:
        try:
            said = json.loads((contents.work_folder(dataset) / "executed" / f"{source.stem}.json").read_text("utf-8"))
            seconds.append(float(said["seconds"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return max(seconds)


def workers_for(count: int) -> int:
    """How many notebooks run at once: no more than cores, nor than fit in memory at 3 GB each."""
    return max(1, min(count, os.cpu_count() or 1, psutil.virtual_memory().available // BYTES_EACH))


def run_all(jobs: Sequence[tuple[Path, Path]], dataset: str | None, reuse: bool = False) -> list[Run]:
    """Run each (notebook, output) pair; a failing one does not stop the others. Runs come back in the order of `jobs`.

    With `reuse`, an output that an earlier run left is taken where none of its inputs has changed since. Of a notebook that is
    the same in every edition it is taken in the others without that.
    """
    at_once = workers_for(len(jobs))
    contents.set_kernel_environment(threads=max(1, (os.cpu_count() or 1) // at_once))
    console = Console(stderr=True)
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        def one(job: tuple[Path, Path]) -> Run:
            edition = dataset and contents.edition_of(job[0], dataset)
            state = inputs(job[0], edition)
            name = job[0].stem
            if (reuse or edition != dataset) and (earlier := _earlier(*job, state)):
                console.print(
                    f"{name}: ran on {earlier.date}, nothing has changed since", highlight=False, soft_wrap=True
                )
                return earlier
            run = Run(*job, date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"))
            task = progress.add_task(name, total=_code_cells(run.source))
            _execute(run, edition, lambda cell, of: progress.update(task, completed=cell - 1, total=of))
            if not run.error:
                kept = {name: getattr(run, name) for name in ("seconds", "peak_bytes", "cells", "started", "date")}
                content = hashlib.sha256(run.output.read_bytes()).hexdigest()
                write_json(run.output.with_suffix(".json"), {**kept, "inputs": state, "output": content})
                progress.update(task, completed=run.cells, total=run.cells)
            progress.stop_task(task)
            outcome = f"failed in code cell {run.started}: {run.error}" if run.error else "ran"
            console.print(
                f"{name}: {outcome} ({run.seconds:.0f} s, peak {run.peak_bytes / 1e9:.2f} GB)",
                style="bold red" if run.error else None,
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
            return run

        # The longest first, so that none is left to run alone at the end.
        order = sorted(range(len(jobs)), key=lambda i: -_seconds(jobs[i][0]))
        with ThreadPoolExecutor(at_once) as pool:
            done = dict(zip(order, pool.map(one, [jobs[i] for i in order]), strict=True))
        runs = [done[i] for i in range(len(jobs))]
    for run in runs:
        if run.error:
            _show_failure(run, console)
    return runs


def _code_cells(path: Path) -> int:
    return sum(cell.cell_type == "code" for cell in nbformat.read(path, as_version=4).cells)


def _execute(run: Run, dataset: str | None, progress) -> None:
    run.output.parent.mkdir(parents=True, exist_ok=True)
    for path in (run.output.with_suffix(".json"), run.output):
        path.unlink(missing_ok=True)
    command = [sys.executable, str(EXECUTE), str(run.source), str(run.output)]
    if dataset:
        command += ["--dataset", dataset]
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        sampler = threading.Thread(target=_sample_memory, args=(process, run), daemon=True)
        sampler.start()
        complaint: list[str] = []
        drain = threading.Thread(target=lambda: complaint.append(process.stderr.read()), daemon=True)
        drain.start()
        message: dict = {}
        for line in process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if "of" in message:
                run.started, run.cells = message["cell"], message["of"]
                progress(message["cell"], message["of"])
        process.wait()
        drain.join()
        sampler.join()
    run.seconds = time.perf_counter() - started
    if process.returncode:
        run.error = message.get("error") or f"the runner ended with status {process.returncode}: {complaint[0][-500:]}"
        run.error_source = message.get("source", "")
        run.traceback = message.get("traceback", "")


def _sample_memory(process: subprocess.Popen, run: Run) -> None:
    """The largest sum, over time, of resident memory of the kernel and whatever it starts."""
    while process.poll() is None:
        total = 0
        try:
            for child in psutil.Process(process.pid).children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.Error:
                    continue
        except psutil.Error:
            pass
        run.peak_bytes = max(run.peak_bytes, total)
        time.sleep(SAMPLE_SECONDS)


def _show_failure(run: Run, console: Console) -> None:
    lines = [f"\n{run.source.name}, code cell {run.started}: {run.error}"]
    if run.error_source:
        lines += ["", *(f"    {line}" for line in run.error_source.splitlines())]
    if run.traceback:
        lines += ["", *run.traceback.splitlines()[-25:]]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
