"""Features of many photos by one process, by several and by Dask workers of which one is killed.

    python benchmarks/shards.py [--sizes 500 2500 10000 25000] [--folder DIR]

Writes book/results/shards-photos.json: for each way and size the seconds, the memory of the largest process, and a digest
of all files that were written, which must be the same for all ways with as many shards. The photos are copies of those of
``photos``, each changed a little (make_copies.py), a folder for each size; it needs TLBOOK_DATA or a network. Interrupted and
called again, it goes on where it was. The rates want a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from measure import cores, fresh

from tlbook import _files, results

BACKBONE = "mobilenet_v2_035"

SHARDS = 25
"""Of the largest size; a killed worker loses half of one at most."""

WAYS = ("one process", "two by hand", "two Dask workers, one killed")


def digest(folder: Path) -> str:
    """One hash of the hashes of all files of a folder of shards."""
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        found.update(f"{path.name} {_files.file_sha256(path)}\n".encode())
    return found.hexdigest()[:16]


def command(source: Path, out: Path, shards: int, *more: object) -> list[str]:
    words = [sys.executable, "-m", "tlbook.cli", "features", source, "--out", out, "--shards", shards]
    return [str(word) for word in [*words, "--backbone", BACKBONE, *more]]


def cost(commands: list[list[str]], threads: int, meanwhile: Callable[[int], None] = lambda pid: None) -> dict:
    """Run commands at once; what they and all processes that they started cost together, and the largest of them."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": "tensorflow",
    }
    began = time.perf_counter()
    children = [
        subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for words in commands
    ]
    meanwhile(children[0].pid)
    seconds, largest = 0.0, 0
    for child in children:
        complaint = child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError(f"{' '.join(child.args)} ended with {child.returncode}:\n{complaint.decode()}")
        seconds += used.ru_utime + used.ru_stime
        largest = max(largest, used.ru_maxrss * 1024)  # of the child, or of one that it started
    return {
        "wall_seconds": round(time.perf_counter() - began, 1),
        "process_seconds": round(seconds, 1),
        "peak_megabytes": round(largest / 1e6),
    }


def kill_a_worker(out: Path, after: int) -> Callable[[int], None]:
    """What waits until so many shards are there, and then kills a worker that computes."""

    def wait(pid: int) -> None:
        while psutil.pid_exists(pid) and len(list(out.glob("shard-*.parquet"))) < after:
            time.sleep(0.2)
        workers = [
            one for one in psutil.Process(pid).children(recursive=True) if "spawn_main" in " ".join(one.cmdline())
        ]
        busiest = max(workers, key=lambda one: sum(one.cpu_times()[:2]))
        busiest.kill()

    return wait


def measured(way: str, source: Path, out: Path, shards: int) -> dict:
    if way == WAYS[0]:
        return cost([command(source, out, shards)], len(cores()))
    if way == WAYS[1]:  # the list of photos is made by whichever is first
        return cost([command(source, out, shards, "--shard", i) for i in range(shards)], 1)
    return cost([command(source, out, shards, "--scheduler", "local:2")], 1, kill_a_worker(out, shards // 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2500, 10_000, 25_000])
    parser.add_argument("--folder", type=Path, help="for the copies, 34 kB a photo; default: a passing one")
    options = parser.parse_args()
    recorder = results.Recorder(
        "shards-photos",
        "python benchmarks/shards.py",
        about="Features of many photos, in one process and in several: seconds, memory, and a digest of what was written",
        conditions={"backbone": BACKBONE, "processor": _files.processor()},
    )
    with recorder, tempfile.TemporaryDirectory(dir=options.folder) as passing:
        work = Path(passing)
        imports = fresh("one_import.py")["peak_megabytes"]
        for size in options.sizes:
            source = (options.folder or work) / f"photos-{size}"
            if not source.is_dir():
                fresh("make_copies.py", "photos", size, source)
            largest = size == max(options.sizes)
            plan = [(WAYS[0], 1)] + (
                [(WAYS[0], 2), (WAYS[1], 2), (WAYS[0], SHARDS), (WAYS[2], SHARDS)] if largest else []
            )
            for way, shards in plan:
                settings = {"way": way, "photos": size, "shards": shards}
                if recorder.done(**settings):
                    continue
                out = work / "out"
                values = measured(way, source, out, shards)
                files = sorted(out.iterdir())
                written = sum(path.stat().st_size for path in files)
                recorder.add(settings, **values, imports_megabytes=imports, bytes_written=written, digest=digest(out))
                print(settings, values, flush=True)
                shutil.rmtree(out)


if __name__ == "__main__":
    main()
