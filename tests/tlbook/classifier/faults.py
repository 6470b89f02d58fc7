"""What can go wrong with a run and its files is made to go wrong: nothing wrong may be used in silence.

    python tests/tlbook/classifier/faults.py [--kills 50] [--flips 30] [--disks 20] [--seed 0]

- ``kills``: `tlbook train` is killed at random moments and continued; the numbers must be those of an unbroken run.
- ``flips``: a bit is flipped, so many times, in every file that is written and read back: those of a result, all that is cached,
  all that is in the state of a run. The file is refused, or made anew with the same numbers, or the bit is one on which nothing
  depends.
- ``disks``: no file can grow beyond a limit, as on a full disk; afterwards the same call ends as if nothing had been.
- Two runs for one result at once: both end with it.

Each has its own folders and its own cache, so that nothing is there but what the fault left. Processes are forked from one that
has imported everything, since importing takes longer than training here.
"""

import argparse
import functools
import json
import operator
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.tlbook.classifier.folders import OPTIONS, hard_folders
from tlbook import classifier, features
from tlbook.classifier import InputError, choice, photos, stages, training
from tlbook.classifier.metrics_file import FILES
from tlbook.features import engines

REFUSED = 3  # exit status of a child whose run ended with InputError


def begin(place: Path, most: int | None = None, unwritten: bool = False) -> int:
    """Start a run in a process of its own, which ends when the run does.

    No file of it may be larger than so many bytes; unwritten, it ends when all is computed and nothing of the result is written.
    """
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            os.environ["TLBOOK_CACHE"] = str(place / "cache")
            if most is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing fails instead
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            if unwritten:
                stages.Stages._write = lambda *_: os._exit(0)  # type: ignore[assignment,method-assign]
            training.train(place.parent / "photos", place / "result", strategy="lp-ft", **OPTIONS)
            status = 0
        except InputError as error:
            status = REFUSED
            print(f"    {error}", flush=True)
        finally:
            os._exit(status)
    return process


def ended(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


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
    assert ended(begin(place)) == 0, "a run that was left alone failed"
    return time.monotonic() - began


def near(found: Any, expected: Any) -> bool:
    """The same, but for rounding in numbers."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(near(found[name], expected[name]) for name in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(near, found, expected))
    return abs(found - expected) < 0.02 if isinstance(expected, float) else found == expected


def assert_same(place: Path, expected: dict, same: Callable[[Any, Any], bool] = operator.eq) -> None:
    found = timeless(place)
    other = {name: (found.get(name), expected[name]) for name in expected if not same(found.get(name), expected[name])}
    assert not other, f"other numbers: {other}"
    assert sorted(path.name for path in place.iterdir()) == ["cache", "result"], "something was left behind"
    assert sorted(path.name for path in (place / "result").iterdir()) == sorted(FILES)


def kills(root: Path, expected: dict, seconds: float, moments: int, draw: random.Random) -> None:
    for number in range(moments):
        place = root / f"moment-{number}"
        place.mkdir()
        # one moment in each part of the run, so that none is left out by chance
        delay = seconds * (number + draw.random()) / moments
        process = begin(place)
        time.sleep(delay)
        os.kill(process, signal.SIGKILL)
        killed = ended(process) == -signal.SIGKILL
        result = (place / "result").exists()
        assert not result or len(list((place / "result").iterdir())) == len(FILES), "a result in part"
        left = sorted(path.name for path in (place / "result.unfinished").glob("*"))
        whole(place)
        assert_same(place, expected)
        shutil.rmtree(place)
        print(f"{delay:6.2f} s, {'killed' if killed else 'over'}, left {left}: the same metrics", flush=True)


def flip(path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def flipped(path: Path, times: int, draw: random.Random, use: Callable[[], str]) -> None:
    """Flip a bit of a file so many times, each time of the whole one, and count what its use comes to."""
    content, counts = path.read_bytes(), {}
    for _ in range(times):
        flip(path, draw)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            came = use()
        came += ", which was said" if caught else ""
        counts[came] = counts.get(came, 0) + 1
        path.write_bytes(content)
    print(f"{times} flips in {path.name}: {counts}", flush=True)


def flips(root: Path, expected: dict, times: int, draw: random.Random) -> None:
    place = root / "unbroken"
    result = place / "result"

    def again() -> str:
        outcome = ended(begin(place))
        if outcome == 0:
            assert_same(place, expected)
            return "the same result"
        assert outcome == REFUSED, f"status {outcome}"
        return "refused"

    for name in FILES:  # first, since a process that has used Keras should not fork
        flipped(result / name, times, draw, again)

    images = np.random.default_rng(0).integers(0, 256, (8, OPTIONS["input_size"], OPTIONS["input_size"], 3), np.uint8)
    right = classifier.load(result / "model.keras").logits(images, progress=False)

    def answer() -> str:
        try:
            found = classifier.load(result / "model.keras").logits(images, progress=False)
        except InputError:
            return "refused"
        assert np.abs(found - right).max() < 1e-3, "wrong answers in silence"
        return "the same answers"

    for name in ("model.keras", "model.onnx"):
        flipped(result / name, times, draw, answer)

    os.environ["TLBOOK_CACHE"] = str(place / "cache")
    given = photos.read(root / "photos", progress=False).splits["test"]
    backbone = choice.loaded(OPTIONS["backbone"], OPTIONS["input_size"])
    engine = "keras" if engines.missing_packages() else "onnxruntime"
    known = features.extract(backbone, given, progress=False, engine=engine)

    def extract(graph: bool) -> str:
        engines._SESSIONS.clear()
        for path in (place / "cache" / "features").glob("*.npz"):
            if graph:  # else the graph is not asked for
                path.unlink()
        found = features.extract(backbone, given, progress=False, engine=engine)
        assert np.abs(found - known).max() <= 1e-4 * np.abs(known).max(), "wrong features in silence"
        return "the same features"

    for graph, pattern in ((False, "features/*.npz"), (True, "features/graphs/*.onnx")):
        for path in sorted((place / "cache").glob(pattern)):
            flipped(path, times, draw, functools.partial(extract, graph))


def repeated(root: Path, expected: dict, times: int, draw: random.Random) -> None:
    """Flips in all that is cached, at once, before a run that finds everything there."""
    place = root / "repeated"
    for number in range(times):
        shutil.copytree(root / "unbroken" / "cache", place / "cache")
        cached = [path for path in (place / "cache").rglob("*") if path.is_file() and path.stat().st_size]
        for path in cached:
            flip(path, draw)
        whole(place)
        assert_same(place, expected)
        shutil.rmtree(place)
        if not number:
            print(f"flips in {sorted(path.suffix for path in cached)}, {times} times, then a run each:", flush=True)
    print("  the same metrics", flush=True)


def states(root: Path, expected: dict, times: int, draw: random.Random) -> None:
    """Flips in what a run left that ended when all was computed: in what says whose it is, and in all the rest at once."""
    left = root / "state" / "left"
    left.mkdir(parents=True)
    (root / "state" / "photos").symlink_to(root / "photos")
    ended(begin(left, unwritten=True))
    for alone in (True, False):
        for number in range(times):
            place = root / f"state-{number}"
            shutil.copytree(left, place)
            state = [
                path
                for path in (place / "result.unfinished").rglob("*")
                if path.is_file() and path.stat().st_size and path.name != "lock" and (path.name == "run.json") == alone
            ]
            for path in state:
                flip(path, draw)
            whole(place)
            assert_same(place, expected)
            shutil.rmtree(place)
        print(f"{times} times flips in {sorted(path.name for path in state)}: the same metrics", flush=True)


def disks(root: Path, expected: dict, times: int, draw: random.Random) -> None:
    for number in range(times):
        place = root / f"disk-{number}"
        place.mkdir()
        most = int(10 ** draw.uniform(2, 6.3))  # a hundred bytes to two megabytes
        outcome = ended(begin(place, most))
        assert outcome in (0, REFUSED), f"not refused in a sentence, but status {outcome}"
        result = (place / "result").exists()
        assert result == (outcome == 0), "a result in part"
        whole(place)
        assert_same(
            place, expected, near
        )  # where no graph could be written, Keras computes the features, and rounds otherwise
        shutil.rmtree(place)
        print(f"no file over {most:,} bytes: {'done' if result else 'refused'}, then the same metrics", flush=True)


def together(root: Path, expected: dict) -> None:
    place = root / "together"
    place.mkdir()
    both = [begin(place), begin(place)]
    assert [ended(one) for one in both] == [0, 0], "one of two runs failed"
    assert_same(place, expected)
    print("two runs at once: both end with the same result", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in (("kills", 50), ("flips", 30), ("disks", 20), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=number, metavar="N")
    wanted = parser.parse_args()
    draw = random.Random(wanted.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        hard_folders(root / "photos", 20)
        (root / "unbroken").mkdir()
        seconds = whole(root / "unbroken")
        expected = timeless(root / "unbroken")
        together(root, expected)
        kills(root, expected, seconds, wanted.kills, draw)
        disks(root, expected, wanted.disks, draw)
        if wanted.flips:  # last, since the last of them use Keras in this process
            states(root, expected, wanted.flips, draw)
            repeated(root, expected, wanted.flips, draw)
            flips(root, expected, wanted.flips, draw)


if __name__ == "__main__":
    main()
