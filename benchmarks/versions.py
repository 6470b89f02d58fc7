"""What tlbook takes for 2,000 photos and 1,000 to test on, beside an earlier version: ``python benchmarks/versions.py``.

    python benchmarks/versions.py [--before COMMIT] [--rounds N] [--seconds N] [--folder FOLDER]

Both versions run with the same packages, in turn: a run on a busy machine is unfair to none. "cold" is a first run, with nothing
stored but the network's weights; "warm" is the same command for another result, with the features of these photos and the
network's graph in the cache. Seconds are the processor's, imports included, which other work on the machine hardly changes.
Throughput of the server is that of a busy machine where the machine is busy.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import serving
from measure import ROOT, fresh

from tlbook import _files, backbones, datasets, results

BEFORE = "6ba5c25"
"""The last commit before graphs answered for models, and before photos were decoded once."""

BACKBONE = "mobilenet_v2_035"
CLIENTS = (1, 8, 64)
AUTO = "train --strategy auto, cold"
SERVE = [f"serve {clients} at once" for clients in CLIENTS]


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    """The package as it was at a commit."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(folder), commit], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def lay_out(folder: Path) -> None:
    """The photos as a reader has them: a folder of classes to train on, and one to test on."""
    data = datasets.load("photos", progress=False)
    for name, splits in (("photos", (data.train, data.validation)), ("test", (data.test,))):
        for split in splits:
            for path, label in zip(split.paths, split.labels, strict=True):
                place = folder / name / data.class_names[label]
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place / Path(path).name)


def train(photos: Path, out: Path, strategy: str) -> list:
    """The words after ``tlbook``."""
    folders = [photos / "photos", "--test", photos / "test", "--out", out]
    return ["--quiet", "train", *folders, "--backbone", BACKBONE, "--strategy", strategy]


def runs(photos: Path, place: Path) -> Iterator[tuple[str, list]]:
    """What is run in a round, in this order: its name, and the words after ``tlbook``."""
    for state in ("cold", "warm"):
        yield f"train --strategy probe, {state}", train(photos, place / state, "probe")
    yield "predict one photo", ["predict", place / "cold" / "model.keras", min((photos / "test").rglob("*.jpg"))]


def measure(recorder: results.Recorder, rounds: int, seconds: float, before: str) -> None:
    """Add the rounds that are missing."""
    with tempfile.TemporaryDirectory(prefix="tlbook-benchmark-") as passing:
        place = Path(passing)
        lay_out(place)
        backbones.load(BACKBONE)  # so that no measured run fetches the weights
        with checked_out(before, place / "code") as earlier:
            packages = {"before": earlier, "now": ROOT}
            for round_ in range(rounds):
                if all(recorder.done(version=version, work=SERVE[-1], round=round_) for version in packages):
                    continue
                works = {version: runs(place, place / f"{version} {round_}") for version in packages}
                for steps in zip(*works.values(), strict=True):
                    for (version, package), (work, words) in zip(packages.items(), steps, strict=True):
                        run(recorder, place / f"cache of {version}", version, package, work, words, round_)
                serve(recorder, place, packages, round_, seconds)
            for version, package in packages.items():  # once and last: before, it took minutes
                if not recorder.done(version=version, work=AUTO, round=0):
                    words = train(place, place / f"{version} auto", "auto")
                    run(recorder, place / f"cache of {version}", version, package, AUTO, words, 0)


def run(
    recorder: results.Recorder, cache: Path, version: str, package: Path, work: str, words: list, round_: int
) -> None:
    if work.endswith("cold"):
        shutil.rmtree(cache, ignore_errors=True)
    add(recorder, version, work, round_, fresh("one_command.py", *words, cache=cache, package=package))


def serve(recorder: results.Recorder, place: Path, packages: dict[str, Path], round_: int, seconds: float) -> None:
    photos = [path.read_bytes() for path in sorted((place / "test").rglob("*.jpg"))[:20]]
    for clients, work in zip(CLIENTS, SERVE, strict=True):
        for version, package in packages.items():
            model = place / f"{version} {round_}" / "cold" / "model.keras"
            found = serving.measured(str(model), photos, clients, seconds, str(package))
            add(
                recorder,
                version,
                work,
                round_,
                {name: found[name] for name in found if name not in ("package", "clients")},
            )


def add(recorder: results.Recorder, version: str, work: str, round_: int, found: dict) -> None:
    row = {"version": version, "work": work, "round": round_}
    if not recorder.done(**row):
        recorder.add(row, **found)
    print(row, found, flush=True)


def versions(folder: Path | None = None, before: str = BEFORE, rounds: int = 3, seconds: float = 10) -> None:
    recorder = results.Recorder(
        "versions-photos",
        "python benchmarks/versions.py",
        about="What tlbook takes for 2,000 photos and 1,000 to test on, beside an earlier version",
        conditions={
            "before": before,
            "backbone": BACKBONE,
            "data": datasets.load("photos", progress=False).test.fingerprint,
            "processor": _files.processor(),
        },
        folder=folder,
    )
    measure(recorder, rounds, seconds, before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", default=BEFORE, metavar="COMMIT")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="of load on the server, for each number of clients")
    parser.add_argument("--folder", type=Path, help="where to write in place of book/results")
    options = parser.parse_args()
    versions(options.folder, options.before, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
