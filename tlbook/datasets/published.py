"""The data sets that have a name: one record each, of where it comes from and how it is split."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from tlbook.datasets import archives
from tlbook.datasets.archives import BadArchive, digest_of, read_manifest, unpack_zip
from tlbook.datasets.splits import Dataset, Split
from tlbook.progress import Ticker, bar

DATA = Path(str(resources.files("tlbook"))) / "data"


@dataclass(frozen=True)
class Published:
    """What is known of a data set that :func:`tlbook.datasets.load` takes by its name.

    Attributes
    ----------
    origin : str
        Where the images come from, in words.
    manifest : str
        A file of the package's data: the SHA-256 of each image, and its path in the archive.
    archive : str
        The zip file that holds the images. The package's data has it where there are no `urls`; else the folder that
        ``TLBOOK_DATA`` names has it, or it is downloaded.
    classes : dict
        {folder of a class in the archive: name of the class}, in the order of the labels.
    splits : dict
        {split: its folder in the archive, "" for the whole}; a split that is not named is empty.
    urls : tuple of str
        Addresses of the archive, tried in this order.
    largest : int
        Bytes that a download may have.
    validation : str
        A file of the package's data: which images of the training folder are the validation split instead.
    factors : str
        A CSV file in the archive: a row for each image, whose path is in the column ``file``.
    fingerprints : str
        A file of the package's data: difference hashes of the images (:mod:`tlbook.datasets.oxford`), where the addresses
        lead to the archive of the authors and the images are made from that.
    """

    origin: str
    manifest: str
    archive: str
    classes: dict[str, str]
    splits: dict[str, str] = field(default_factory=lambda: {name: name for name in ("train", "validation", "test")})
    urls: tuple[str, ...] = ()
    largest: int = 0
    validation: str = ""
    factors: str = ""
    fingerprints: str = ""


NAMED = {
    "sketches": Published(
        origin="drawn by tlbook.sketches, release 1",
        manifest="sketches-1.sha256",
        archive="sketches-1.zip",
        classes={"cat": "cat", "dog": "dog"},
        factors="factors.csv",
    ),
    "sketches-2": Published(
        origin="drawn by tlbook.sketches, release 2: test drawings that nothing was tuned on",
        manifest="sketches-2.sha256",
        archive="sketches-2.zip",
        classes={"cat": "cat", "dog": "dog"},
        splits={"test": "test"},
        factors="factors.csv",
    ),
    "photos": Published(
        origin="Kaggle cats-vs-dogs, the 3,000 photos of cats_and_dogs_filtered",
        manifest="photos.sha256",
        archive="cats_and_dogs_filtered.zip",
        classes={"cats": "cat", "dogs": "dog"},
        splits={"train": "train", "test": "validation"},
        urls=(
            "https://download.mlcc.google.com/mledu-datasets/cats_and_dogs_filtered.zip",
            "https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip",
        ),
        largest=100_000_000,  # it has 69 million
        validation="photos-validation.txt",
    ),
    "oxford": Published(
        origin="Oxford-IIIT Pet, 478 photos",
        manifest="oxford.sha256",
        archive="oxford_pets_sample.zip",
        classes={"cat": "cat", "dog": "dog"},
        splits={"test": ""},
        urls=(
            "https://thor.robots.ox.ac.uk/pets/images.tar.gz",
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
        ),
        largest=1_000_000_000,  # it has 792 million
        fingerprints="oxford-dhash.txt",
    ),
}


class DataUnavailable(OSError):
    """A data set that is not on this machine and cannot be downloaded; the message says what to do."""


def cache_folder() -> Path:
    """Where data is unpacked and features are kept.

    The folder named by the environment variable ``TLBOOK_CACHE``, or the
    system's cache folder for ``tlbook``; without a home directory, one in which
    nothing can be kept.
    """
    named = os.environ.get("TLBOOK_CACHE")
    if named:
        return Path(named).expanduser()
    import pooch

    with suppress(RuntimeError):  # there is no home folder, as for a user whom the machine does not know
        folder = Path(pooch.os_cache("tlbook"))
        if not str(folder).startswith("~"):
            return folder
    return Path(os.devnull) / "tlbook"


def local_archive(filename: str) -> Path | None:
    """The archive in the folder that ``TLBOOK_DATA`` names; None if it names none.

    Raises
    ------
    DataUnavailable
        The folder is named but does not hold the file.
    """
    named = os.environ.get("TLBOOK_DATA")
    if not named:
        return None
    path = Path(named).expanduser() / filename
    if not path.is_file():
        raise DataUnavailable(
            f"TLBOOK_DATA names the folder {named}, which has no {filename}; "
            "put the archive there, or unset TLBOOK_DATA to download it"
        )
    return path


class _Progress:
    """A progress bar with the interface that pooch expects."""

    def __init__(self, ticker: Ticker, largest: int) -> None:
        self._ticker, self._largest = ticker, largest
        self.total = 0
        self._seen = 0

    def update(self, amount: int) -> None:
        self._ticker.total(self.total)
        self._seen += amount
        if self._seen > self._largest:
            raise OSError(f"more than {self._largest / 1e6:,.0f} MB came, which the archive cannot have")
        self._ticker.advance(amount)

    def reset(self) -> None:
        self._ticker.advance(-self._seen)
        self._seen = 0

    def close(self) -> None:
        pass


def download(url: str, filename: str, folder: Path, progress: bool = True, *, largest: int) -> Path:
    """Fetch one file of at most ``largest`` bytes with pooch, with a bar and two more tries.

    A download that stops is started anew: pooch does not resume. It appears
    under its name only when it is whole.
    """
    import logging

    import pooch

    # pooch reports every download on stderr, which would end in stored outputs.
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with bar(filename, None, enabled=progress) as ticker:
            source = pooch.create(
                path=folder, base_url="", registry={filename: None}, urls={filename: url}, retry_if_failed=2
            )
            fetch = pooch.HTTPDownloader(progressbar=_Progress(ticker, largest), timeout=30)
            return Path(source.fetch(filename, downloader=fetch))
    finally:
        logger.setLevel(level)


def _from_archive(
    folder: Path,
    filename: str,
    urls: tuple[str, ...],
    largest: int,
    local: Callable[[Path, Path], None],
    downloaded: Callable[[Path, Path], None],
    progress: bool,
) -> None:
    """Fill ``folder`` from the archive that is here, or from the first address that works."""
    here = local_archive(filename)
    if here is not None:
        local(here, folder)
        return
    failures = []
    for url in urls:
        name = url.rsplit("/", 1)[-1]
        # Beside the folder being built, so that both go when this fails.
        fetched = folder.parent / name
        try:
            download(url, name, folder.parent, progress, largest=largest)
            downloaded(fetched, folder)
            return
        except (OSError, ValueError) as error:
            failures.append(f"{url}: {error}")
        finally:
            fetched.unlink(missing_ok=True)
    raise DataUnavailable(
        f"{filename} could not be downloaded. Set TLBOOK_DATA to a folder that holds it, or try again "
        "with a network. Tried:\n" + "\n".join(failures)
    )


def _build(name: str, manifest: dict[str, str], build: Callable[[Path], None]) -> Path:
    key = digest_of(manifest)
    folder = cache_folder() / f"{name}-{key[:12]}"
    try:
        return archives.ensure(folder, key, build)
    except DataUnavailable:
        raise
    except OSError as error:  # no permission, a full or read-only disk
        raise DataUnavailable(
            f"{name} could not be unpacked into {folder} ({error}); "
            "set TLBOOK_CACHE to a folder that can be written and has room"
        ) from error


def _natural(member: str) -> tuple[str, str, int, str]:
    stem = Path(member).stem
    number = stem.rpartition(".")[2].rpartition("_")[2]
    return str(Path(member).parent), stem.rstrip("0123456789"), int(number) if number.isdigit() else -1, member


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def load_published(name: str, progress: bool = True) -> Dataset:
    """A data set by its name: unpacked where that has not been done, and split as its record says.

    Parameters
    ----------
    name : str
        One of `NAMED`.
    progress : bool, default True
        Show a bar on a terminal while the archive is downloaded.

    Raises
    ------
    DataUnavailable
        The archive is neither here nor can it be downloaded.
    BadArchive
        The archive that is here is damaged, or another one.
    """
    from tlbook.datasets import oxford

    known = NAMED[name]
    manifest = read_manifest(DATA / known.manifest)
    manifest.pop(known.archive, None)  # in the package, the archive is listed with what it holds

    def unpack(archive: Path, folder: Path) -> None:
        unpack_zip(archive, manifest, folder)

    def rebuild(archive: Path, folder: Path) -> None:
        oxford.rebuild(archive, oxford.read_fingerprints(DATA / known.fingerprints), folder)

    def fill(folder: Path) -> None:
        if known.urls:
            downloaded = rebuild if known.fingerprints else unpack
            _from_archive(folder, known.archive, known.urls, known.largest, unpack, downloaded, progress)
        else:
            unpack(DATA / known.archive, folder)

    root = _build(name, manifest, fill)
    rebuilt = (root / oxford.NOTE).exists()
    rows = _rows(root / known.factors) if known.factors else None
    class_names = tuple(known.classes.values())
    labels = {folder: label for label, folder in enumerate(known.classes)}
    splits = {}
    for split, members in _members(known, manifest).items():
        splits[split] = Split(
            split,
            [root / member for member in members],
            [labels[Path(member).parent.name] for member in members],
            class_names,
            # Of images made here, the bytes are ours and not the manifest's.
            None if rebuilt else [manifest[member] for member in members],
            None if rows is None else [rows[member] for member in members],
        )
    origin = known.origin + ", made here from the published archive" * rebuilt
    return Dataset(name, class_names, splits["train"], splits["validation"], splits["test"], origin=origin)


def _members(known: Published, manifest: dict[str, str]) -> dict[str, list[str]]:
    """Which images are in which split, in their order."""
    found = {}
    for split in ("train", "validation", "test"):
        folder = known.splits.get(split)
        start = f"{folder}/" if folder else ""
        within = [member for member in manifest if member.startswith(start) and member != known.factors]
        found[split] = [] if folder is None else sorted(within, key=_natural)
    if known.validation:
        chosen = set((DATA / known.validation).read_text("utf-8").split())
        found["validation"] = [member for member in found["train"] if member in chosen]
        found["train"] = [member for member in found["train"] if member not in chosen]
    return found


def _rows(path: Path) -> dict[str, dict[str, Any]]:
    """A CSV of factors as {file: {factor: value}}."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = {row.pop("file"): row for row in csv.DictReader(file)}
    return {name: {factor: _value(text) for factor, text in row.items()} for name, row in rows.items()}


__all__ = ["NAMED", "BadArchive", "DataUnavailable", "Published", "cache_folder", "load_published"]
