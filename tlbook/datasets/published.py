"""The three named data sets: where they come from and how they are split."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from tlbook.datasets import archives
from tlbook.datasets.archives import BadArchive, digest_of, read_manifest, unpack_zip
from tlbook.datasets.splits import Dataset, Split

DATA = Path(str(resources.files("tlbook"))) / "data"

PHOTOS_ARCHIVE = "cats_and_dogs_filtered.zip"
PHOTOS_URLS = (
    "https://download.mlcc.google.com/mledu-datasets/cats_and_dogs_filtered.zip",
    "https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip",
)
OXFORD_ARCHIVE = "oxford_pets_sample.zip"
OXFORD_URLS = (
    "https://thor.robots.ox.ac.uk/pets/images.tar.gz",
    "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
)
CLASS_NAMES = ("cat", "dog")


class DataUnavailable(OSError):
    """A data set that is not on this machine and cannot be downloaded; the message says what to do."""


def cache_folder() -> Path:
    """Where data is unpacked and features are kept.

    The folder named by the environment variable ``TLBOOK_CACHE``, or the
    system's cache folder for ``tlbook``.
    """
    named = os.environ.get("TLBOOK_CACHE")
    if named:
        return Path(named).expanduser()
    import pooch

    return Path(pooch.os_cache("tlbook"))


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

    def __init__(self, ticker):
        self._ticker = ticker
        self.total = 0
        self._seen = 0

    def update(self, amount: int) -> None:
        self._ticker.total(self.total)
        self._seen += amount
        self._ticker.advance(amount)

    def reset(self) -> None:
        self._ticker.advance(-self._seen)
        self._seen = 0

    def close(self) -> None:
        pass


def download(url: str, filename: str, folder: Path, progress: bool = True) -> Path:
    """Fetch one file with pooch, with a bar and two more tries.

    A download that stops is started anew: pooch does not resume. It appears
    under its name only when it is whole.
    """
    import logging

    import pooch

    from tlbook.progress import bar

    # pooch reports every download on stderr, which would end in stored outputs.
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with bar(filename, None, enabled=progress) as ticker:
            source = pooch.create(
                path=folder, base_url="", registry={filename: None}, urls={filename: url}, retry_if_failed=2
            )
            fetch = pooch.HTTPDownloader(progressbar=_Progress(ticker), timeout=30)
            return Path(source.fetch(filename, downloader=fetch))
    finally:
        logger.setLevel(level)


def _from_archive(
    folder: Path,
    filename: str,
    urls: tuple[str, ...],
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
            download(url, name, folder.parent, progress)
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


def _split(name: str, root: Path, manifest: dict[str, str], members: list[str], factors=None) -> Split:
    labels = [CLASS_NAMES.index(Path(member).parent.name.removesuffix("s")) for member in members]
    return Split(
        name,
        [root / member for member in members],
        labels,
        CLASS_NAMES,
        [manifest[member] for member in members],
        factors,
    )


def _natural(member: str) -> tuple:
    stem = Path(member).stem
    number = stem.rpartition(".")[2].rpartition("_")[2]
    return str(Path(member).parent), stem.rstrip("0123456789"), int(number) if number.isdigit() else -1, member


def photos(progress: bool = True) -> Dataset:
    """The 3,000 Kaggle photos: 1,600 train, 400 validation, 1,000 test."""
    manifest = read_manifest(DATA / "photos.sha256")

    def unpack(archive: Path, folder: Path) -> None:
        unpack_zip(archive, manifest, folder)

    root = _build(
        "photos",
        manifest,
        lambda folder: _from_archive(folder, PHOTOS_ARCHIVE, PHOTOS_URLS, unpack, unpack, progress),
    )
    chosen = set((DATA / "photos-validation.txt").read_text("utf-8").split())
    official = {part: [m for m in manifest if m.startswith(part + "/")] for part in ("train", "validation")}
    members = {
        "train": [member for member in official["train"] if member not in chosen],
        "validation": [member for member in official["train"] if member in chosen],
        "test": official["validation"],
    }
    splits = {name: _split(name, root, manifest, sorted(found, key=_natural)) for name, found in members.items()}
    return Dataset(
        "photos", CLASS_NAMES, **splits, origin="Kaggle cats-vs-dogs, the 3,000 photos of cats_and_dogs_filtered"
    )


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def sketches(progress: bool = True) -> Dataset:
    """The frozen release of the drawings that the package ships."""
    listed = read_manifest(DATA / "sketches-1.sha256")
    manifest = {member: digest for member, digest in listed.items() if not member.endswith(".zip")}
    root = _build("sketches", manifest, lambda folder: unpack_zip(DATA / "sketches-1.zip", manifest, folder))
    with open(root / "factors.csv", newline="", encoding="utf-8") as file:
        rows = {row.pop("file"): row for row in csv.DictReader(file)}
    splits = {}
    for name in ("train", "validation", "test"):
        members = sorted((member for member in manifest if member.startswith(name + "/")), key=_natural)
        factors = [{factor: _value(text) for factor, text in rows[member].items()} for member in members]
        splits[name] = _split(name, root, manifest, members, factors)
    return Dataset("sketches", CLASS_NAMES, **splits, origin="drawn by tlbook.sketches, release 1")


def oxford(progress: bool = True) -> Dataset:
    """478 photos of the Oxford-IIIT Pet set, for testing under domain shift only."""
    from tlbook.datasets import oxford as source

    manifest = read_manifest(DATA / "oxford.sha256")
    fingerprints = source.read_fingerprints(DATA / "oxford-dhash.txt")

    def unpack(archive: Path, folder: Path) -> None:
        unpack_zip(archive, manifest, folder)

    def rebuild(archive: Path, folder: Path) -> None:
        source.rebuild(archive, fingerprints, folder)

    root = _build(
        "oxford",
        manifest,
        lambda folder: _from_archive(folder, OXFORD_ARCHIVE, OXFORD_URLS, unpack, rebuild, progress),
    )
    members = sorted(manifest, key=_natural)
    rebuilt = (root / source.NOTE).exists()
    test = _split("test", root, manifest, members)
    if rebuilt:  # the bytes are ours, not the manifest's
        test = Split("test", test.paths, test.labels, CLASS_NAMES)
    empty = {name: Split(name, (), (), CLASS_NAMES, ()) for name in ("train", "validation")}
    origin = "Oxford-IIIT Pet, 478 photos" + (", made here from the published archive" if rebuilt else "")
    return Dataset("oxford", CLASS_NAMES, **empty, test=test, origin=origin)


NAMED: dict[str, Callable[..., Dataset]] = {"sketches": sketches, "photos": photos, "oxford": oxford}

__all__ = ["NAMED", "BadArchive", "DataUnavailable", "cache_folder"]
