"""Kill `tlbook train` at random moments and continue it: the numbers must be those of an unbroken run.

    python tests/tlbook/classifier/kills.py [MOMENTS] [SEED]

Each moment has its own folders and its own cache, so that nothing is there but what the killed run left. Processes are forked
from one that has imported everything, since importing takes longer than training here.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.tlbook.classifier.folders import OPTIONS, hard_folders
from tlbook import classifier


def begin(photos: Path, place: Path) -> int:
    """Start a run in a process of its own, which ends when the run does."""
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            os.environ["TLBOOK_CACHE"] = str(place / "cache")
            classifier.train(photos, place / "result", strategy="lp-ft", **OPTIONS)
            status = 0
        finally:
            os._exit(status)
    return process


def timeless(place: Path) -> dict:
    """The metrics without the seconds, and without the name of the folder."""
    metrics = json.loads((place / "result" / "metrics.json").read_text("utf-8"))
    for passing in ("wall_seconds", "process_seconds", "files", "sha256"):  # the report has a date in it
        del metrics[passing]
    metrics["command"] = metrics["command"].replace(str(place), "PLACE")
    return metrics


def whole(place: Path) -> float:
    """Let a run end; the seconds that it took."""
    began = time.monotonic()
    _, status = os.waitpid(begin(place.parent / "photos", place), 0)
    assert os.waitstatus_to_exitcode(status) == 0, "a run that was not killed failed"
    return time.monotonic() - began


def main(moments: int, seed: int) -> None:
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        hard_folders(root / "photos", 20)
        (root / "unbroken").mkdir()
        seconds = whole(root / "unbroken")
        expected = timeless(root / "unbroken")
        for number in range(moments):
            place = root / f"moment-{number}"
            place.mkdir()
            # one moment in each part of the run, so that none is left out by chance
            delay = seconds * (number + draw.random()) / moments
            process = begin(root / "photos", place)
            time.sleep(delay)
            os.kill(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
            killed = os.waitstatus_to_exitcode(status) == -signal.SIGKILL
            result = (place / "result").exists()
            assert not result or len(list((place / "result").iterdir())) == 4, "a result in part"
            left = sorted(path.name for path in (place / "result.unfinished").glob("*"))
            whole(place)
            found = timeless(place)
            other = {name: (found[name], expected[name]) for name in expected if found[name] != expected[name]}
            assert not other, f"other numbers after the run was continued: {other}"
            assert sorted(path.name for path in place.iterdir()) == ["cache", "result"], "something was left behind"
            print(f"{delay:6.2f} s, {'killed' if killed else 'over'}, left {left}: the same metrics", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
