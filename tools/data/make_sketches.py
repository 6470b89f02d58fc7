"""Make the frozen releases of the sketches again, and say whether they are those shipped.

    python tools/data/make_sketches.py                       compare both with what is shipped
    python tools/data/make_sketches.py --write sketches-2    replace a shipped release

The second release is of test drawings alone, by the same program from another seed. The program, the sizes and one learning
rate were tuned with the first test set in view; nothing was tuned on the second.

Everything follows from RELEASES below. The comparison has three levels:
the records (factors.csv) must agree exactly; the decoded pixels within a tolerance for
JPEG encoders and for arithmetic that rounds differently; and where Pillow and its libjpeg
are those of the shipped release, the archive agrees byte for byte.
Exit status: 0 same (byte for byte, or within tolerance), 1 different.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import os
import sys
import zipfile
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track

from tlbook._files import write_bytes
from tlbook.sketches import (
    FACTORS,
    SPLITS,
    TARGET_SPECIES,
    Factors,
    make_records,
    read_manifest,
    render,
)
from tools import ROOT

RELEASES = {
    "sketches-1": {"seed": 20261123, "per_class": {"train": 120, "validation": 100, "test": 500}},
    "sketches-2": {"seed": 20261205, "per_class": {"test": 225}},
}
QUALITY = 85
DATA = ROOT / "tlbook" / "data"
# Mean absolute difference of an image's decoded pixels, in grey levels out of 255: another
# libjpeg moves single pixels by a few levels, another drawing moves the mean by far more.
TOLERANCE = 2.0


def release_records(release: str) -> list[tuple[str, Factors]]:
    """File name and record of every drawing, in the order of factors.csv."""
    rows = []
    seed, per_class = RELEASES[release].values()
    for split, n in per_class.items():
        records = make_records(TARGET_SPECIES, n, seed + SPLITS.index(split))
        for species in TARGET_SPECIES:
            own = [r for r in records if r.species == species]
            rows += [(f"{split}/{species}/{i:04d}.jpg", r) for i, r in enumerate(own)]
    return rows


def encode(record: Factors) -> bytes:
    """Draw one record and compress it."""
    buffer = io.BytesIO()
    Image.fromarray(render(record).image).save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()


def factors_csv(rows: list[tuple[str, Factors]]) -> bytes:
    """The records as CSV; `repr` keeps every float exactly."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", *FACTORS])
    for name, record in rows:
        writer.writerow([name, *(repr(v) if isinstance(v, float) else v for v in record.values())])
    return text.getvalue().encode("ascii")


def build(release: str, workers: int) -> tuple[bytes, dict[str, bytes]]:
    """The archive, and its members by name."""
    rows = release_records(release)
    members = {"factors.csv": factors_csv(rows)}
    console = Console(stderr=True)
    with get_context("spawn").Pool(workers) as pool:
        drawn = pool.imap(encode, [record for _, record in rows], chunksize=25)
        bar = track(
            drawn, "drawing", total=len(rows), console=console, transient=True,
            disable=not console.is_terminal,
        )  # fmt: skip
        for (name, _), blob in zip(rows, bar, strict=True):
            members[name] = blob
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, blob in members.items():
            # A fixed date keeps the archive's bytes the same on every day.
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            info.create_system = 3
            squeeze = zipfile.ZIP_DEFLATED if name.endswith(".csv") else zipfile.ZIP_STORED
            archive.writestr(info, blob, compress_type=squeeze)
    return buffer.getvalue(), members


def manifest(release: str, archive: bytes, members: dict[str, bytes]) -> str:
    """SHA-256 of the archive and of each file in it, as `sha256sum` writes them."""
    lines = [f"{hashlib.sha256(archive).hexdigest()}  {release}.zip"]
    lines += [f"{hashlib.sha256(blob).hexdigest()}  {name}" for name, blob in members.items()]
    return "\n".join(lines) + "\n"


def compare(members: dict[str, bytes], shipped: Path) -> list[str]:
    """What differs from the shipped archive beyond tolerance, one line each."""
    problems = []
    with zipfile.ZipFile(shipped) as archive:
        names = set(archive.namelist())
        problems += [f"{name}: missing in the shipped archive" for name in members if name not in names]
        problems += [f"{name}: only in the shipped archive" for name in names if name not in members]
        for name, blob in members.items():
            if name not in names or archive.read(name) == blob:
                continue
            if name == "factors.csv":
                problems.append("factors.csv: the records differ")
                continue
            new, old = (np.asarray(Image.open(io.BytesIO(b)), dtype=float) for b in (blob, archive.read(name)))
            off = float(np.abs(new - old).mean()) if new.shape == old.shape else float("inf")
            if off > TOLERANCE:
                problems.append(f"{name}: pixels differ by {off:.1f} levels on average")
    return problems


def check(release: str, workers: int) -> tuple[bool, list[str]]:
    """Whether the release is the one shipped, and what there is to say about it, one line each."""
    archive, members = build(release, workers)
    target, listed = DATA / f"{release}.zip", DATA / f"{release}.sha256"
    if not target.exists():
        return False, ["there is no shipped release to compare with; --write makes one"]
    if hashlib.sha256(target.read_bytes()).hexdigest() != read_manifest(listed.read_text())[target.name]:
        return False, ["the shipped archive is not the one in its manifest"]
    if archive == target.read_bytes():
        return True, [f"same, byte for byte: {len(members) - 1} drawings and their records"]
    if not (problems := compare(members, target)):
        return True, ["same records, same pixels within the tolerance of the JPEG encoder (bytes differ)"]
    return False, [f"different: {len(problems)} of {len(members)} files", *problems[:20]]


def write(release: str, workers: int) -> None:
    archive, members = build(release, workers)
    write_bytes(DATA / f"{release}.zip", archive)
    write_bytes(DATA / f"{release}.sha256", manifest(release, archive, members).encode("ascii"))
    print(f"{release}: wrote {len(members) - 1} drawings, {len(archive) / 1e6:.2f} MB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", choices=RELEASES, metavar="RELEASE", help="replace this shipped release")
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    options = parser.parse_args()
    if options.write:
        write(options.write, options.workers)
        return 0
    every = True
    for release in RELEASES:
        same, lines = check(release, options.workers)
        print(f"{release}: " + "\n  ".join(lines))
        every &= same
    return 0 if every else 1


if __name__ == "__main__":
    sys.exit(main())
