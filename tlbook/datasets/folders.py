"""A reader's own photos: class folders, with or without ready splits."""

from __future__ import annotations

import hashlib
import io
import os
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlbook._checks import one_of
from tlbook.datasets.decoding import BadImage, in_order, inspect, read_bytes
from tlbook.datasets.splits import Dataset, Finding, LeftOut, LeftOutWarning, Split, printable
from tlbook.progress import bar

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}
SPLITS = ("train", "validation", "test")
FRACTIONS = (0.6, 0.2, 0.2)

_IGNORED = {"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "@eadir"}


@dataclass
class _File:
    path: Path
    shown: str  # relative to the root, with /
    label: str
    split: str | None
    digest: str = ""
    reason: str | None = None
    conversion: str | None = None


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _IGNORED


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not _hidden(entry.name)), key=lambda entry: entry.name)
    except PermissionError:
        raise ValueError(f"no permission to list the folder {folder}") from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _subfolders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in _entries(folder) if _is_folder(entry)]


def _walk(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Every file below a class folder; linked folders are named, not entered."""
    for entry in _entries(folder):
        if not _is_folder(entry):
            yield Path(entry.path), None
        elif entry.is_symlink():
            yield Path(entry.path), "link to a folder"
        else:
            yield from _walk(Path(entry.path))


def _scan(root: Path) -> list[_File]:
    """All candidate files with their class and, where the folder has splits, split."""
    folders = _subfolders(root)
    splits = [path for path in folders if path.name.casefold() in SPLIT_FOLDERS and _subfolders(path)]
    if splits and len(splits) < len(folders):
        others = ", ".join(printable(path.name) for path in folders if path not in splits)
        raise ValueError(
            f"{root} holds both split folders ({', '.join(path.name for path in splits)}) and others ({others}); "
            "give either only train, validation and test, or only one folder for each class"
        )
    tops: list[tuple[Path, str | None]] = [(path, SPLIT_FOLDERS[path.name.casefold()]) for path in splits] or [
        (root, None)
    ]
    found: list[_File] = []
    for top, split in tops:
        for folder in _subfolders(top):
            label = unicodedata.normalize("NFC", printable(folder.name))
            before = len(found)
            for path, reason in _walk(folder):
                found.append(_File(path, path.relative_to(root).as_posix(), label, split, reason=reason))
            if len(found) == before:
                raise ValueError(f"the class folder {folder} holds no file; remove it or put images in it")
    if splits and not any(file.split == "train" for file in found):
        raise ValueError(f"{root} has split folders but no train/; for a test set alone give fractions=(0, 0, 1)")
    return found


def _screen(file: _File, convert: bool) -> _File:
    """Read, hash and decode one file; note why it cannot be used or had to be converted."""
    if file.reason is None:
        try:
            data = read_bytes(file.path)
            file.digest = hashlib.sha256(data).hexdigest()
            file.conversion = inspect(io.BytesIO(data))
            if file.conversion and not convert:
                file.reason, file.conversion = f"{file.conversion}, not 8-bit RGB", None
        except BadImage as error:
            file.reason = str(error)
    return file


def _mark_duplicates(files: list[_File]) -> None:
    """Mark files whose content also occurs under another label or in a later split."""
    groups = defaultdict(list)
    for file in files:
        if file.reason is None:
            groups[file.digest].append(file)
    for group in groups.values():
        if len({file.label for file in group}) > 1:
            for file in group:
                other = next(one for one in group if one.label != file.label)
                file.reason = f"same content as {printable(other.shown)}, under another label"
        elif len({file.split for file in group}) > 1:
            # The copy that is tested on stays, the one that would be trained on is left out.
            last = max(group, key=lambda file: SPLITS.index(file.split))
            for file in group:
                if file.split != last.split:
                    file.reason = f"same content as {printable(last.shown)}"


def _place(digest: str, seed: int) -> float:
    """A number in [0, 1) that depends on nothing but the content and the seed."""
    mixed = hashlib.sha256(f"{seed}:{digest}".encode()).digest()
    return int.from_bytes(mixed[:7], "big") / 2**56


def assign(digests: Sequence[str], fractions: Sequence[float], seed: int = 0) -> list[str]:
    """Split the images of one class by their content.

    Where an image goes depends on its bytes alone, so adding images moves none,
    and copies stay together. In a class so small that a split with a share
    would stay empty, the image nearest to it is moved there; where there are
    fewer images than splits, train comes first, then test.

    Parameters
    ----------
    digests : sequence of str
        SHA-256 of each image.
    fractions : (float, float, float)
        Shares of train, validation and test.
    seed : int, default 0
        Another seed gives another split.

    Returns
    -------
    list of str
        ``"train"``, ``"validation"`` or ``"test"`` for each image.
    """
    edges = (fractions[0], fractions[0] + fractions[1])
    places = {digest: _place(digest, seed) for digest in digests}

    def split_of(place: float) -> str:
        if place < edges[0] or not any(fractions[1:]):
            return "train"
        return "validation" if place < edges[1] or not fractions[2] else "test"

    chosen = {digest: split_of(place) for digest, place in places.items()}
    middle = dict(zip(SPLITS, (0.0, sum(edges) / 2, 1.0), strict=True))
    wanted = [name for name in ("train", "test", "validation") if fractions[SPLITS.index(name)] > 0]
    for rank, name in enumerate(wanted):
        counts = Counter(chosen.values())
        if name not in counts:
            spare = [digest for digest, now in chosen.items() if counts[now] > 1 or now in wanted[rank:]]
            if spare:
                chosen[min(spare, key=lambda digest: (abs(places[digest] - middle[name]), digest))] = name
    return [chosen[digest] for digest in digests]


def _check_fractions(fractions: Sequence[float]) -> tuple[float, float, float]:
    values = [float(value) for value in fractions]
    if len(values) != 3 or not all(0 <= value <= 1 for value in values) or abs(sum(values) - 1) > 1e-9:
        raise ValueError(f"fractions are three shares (train, validation, test) that add up to 1; got {fractions!r}")
    return values[0], values[1], values[2]


def _assign_all(files: list[_File], class_names: Sequence[str], fractions: Sequence[float], seed: int) -> None:
    given = {file.split for file in files}
    if None not in given:
        if given == set(SPLITS):
            return
        # What is missing is taken out of train, in the proportions that are left.
        shares = [
            share if name == "train" or name not in given else 0 for name, share in zip(SPLITS, fractions, strict=True)
        ]
        total = sum(shares)
        fractions = tuple(share / total for share in shares) if total else (1.0, 0.0, 0.0)
    for name in class_names:
        members = [file for file in files if file.label == name and file.split in (None, "train")]
        splits = assign([file.digest for file in members], fractions, seed)
        for file, split in zip(members, splits, strict=True):
            file.split = split


def _check_classes(root: Path, files: list[_File], good: list[_File]) -> list[str]:
    names = sorted({file.label for file in files})
    if len(names) < 2:
        found = f"only {printable(names[0])}" if names else "none"
        raise ValueError(f"{root} needs at least two class folders with images in them; it has {found}")
    trained = {file.label for file in good if file.split in (None, "train")}
    for name in names:
        counted = [file for file in good if file.label == name]
        dropped = next((file for file in files if file.label == name and file.reason), None)
        why = f" (left out for example {printable(dropped.shown)}: {dropped.reason})" if dropped else ""
        if len(counted) < 2:
            raise ValueError(f"class {name!r} of {root} has {len(counted)} usable images and needs at least 2{why}")
        if name not in trained:
            raise ValueError(f"class {name!r} of {root} has no usable image in train{why}")
    return names


def load_folder(
    root: Path,
    *,
    on_bad: str = "skip",
    convert: bool = True,
    seed: int = 0,
    fractions: Sequence[float] = FRACTIONS,
    progress: bool = True,
) -> Dataset:
    """Read class folders; :func:`tlbook.datasets.load` documents the rules."""
    one_of(on_bad, "on_bad", ("skip", "raise"))
    fractions = _check_fractions(fractions)
    if not root.exists():
        raise FileNotFoundError(f"there is no folder {root}")
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is a file; give a folder that holds one folder for each class")

    files = _scan(root)
    # Pillow warns of odd metadata, one line a file; what matters is in the report.
    with warnings.catch_warnings(), bar("reading images", len(files), enabled=progress) as ticker:
        warnings.simplefilter("ignore")
        for _ in in_order(lambda file: _screen(file, convert), files):
            ticker.advance()
    _mark_duplicates(files)
    left_out = LeftOut(
        tuple(Finding(file.shown, file.reason) for file in files if file.reason),
        tuple(Finding(file.shown, file.conversion) for file in files if file.conversion and not file.reason),
    )
    if left_out and on_bad == "raise":
        raise ValueError(f"{root} holds files that cannot be used (on_bad='skip' leaves them out)\n{left_out}")
    good = [file for file in files if not file.reason]
    class_names = _check_classes(root, files, good)
    _assign_all(good, class_names, fractions, seed)
    if left_out or left_out.converted:
        warnings.warn(f"{root}: {left_out}", LeftOutWarning, stacklevel=3)
    splits = {}
    for name in SPLITS:
        members = [file for file in good if file.split == name]
        splits[name] = Split(
            name,
            [file.path for file in members],
            [class_names.index(file.label) for file in members],
            class_names,
            [file.digest for file in members],
        )
    return Dataset(
        root.resolve().name,
        tuple(class_names),
        splits["train"],
        splits["validation"],
        splits["test"],
        left_out,
        str(root),
    )
