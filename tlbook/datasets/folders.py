"""A reader's own photos: class folders, with or without ready splits."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tlbook._checks import one_of
from tlbook.datasets.decoding import FULL, BadImage, in_order, inspect, looks_like_photo, read_bytes, white_of
from tlbook.datasets.splits import Dataset, Finding, LeftOut, LeftOutWarning, Split, printable, visible
from tlbook.datasets.stratified import stratify
from tlbook.progress import bar

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
SPLITS = ("train", "validation", "test")

# Names such as seg_train, training_set, test-images, val2017: taken for splits where two of them stand side by side.
_LIKE_A_SPLIT = re.compile(rf"(?:^|[\W\d_])({'|'.join(SPLIT_FOLDERS)})(?:set|data)?(?:$|[\W\d_])")
FRACTIONS = (0.6, 0.2, 0.2)

_IGNORED = {"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "@eadir"}


_KEPT = 2**28  # bytes of pixels that are kept from reading, 1,783 photos of 224 pixels; the others are decoded again


@dataclass
class _File:
    path: Path
    shown: str  # relative to the root, with /
    label: str
    split: str | None
    digest: str = ""
    reason: str | None = None
    conversion: str | None = None
    largest: int | None = None  # value of a 16-bit image
    group: str | None = None  # photos of one group stay together
    targets: tuple[float, ...] | None = None  # where that is not one class
    pixels: NDArray[np.uint8] | None = None


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _IGNORED


def _entries(folder: Path, hidden: bool = False) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((one for one in entries if hidden or not _hidden(one.name)), key=lambda one: one.name)
    except PermissionError:
        raise ValueError(f"no permission to list the folder {folder}") from None
    except OSError as error:
        raise ValueError(f"the folder {folder} cannot be listed ({error.strerror})") from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _subfolders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in _entries(folder) if _is_folder(entry)]


def _holds_photos(folder: Path) -> bool:
    return any(not _is_folder(entry) and looks_like_photo(entry.path) for entry in _entries(folder, hidden=True))


def _walk(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Every file below a class folder; linked folders are named, not entered."""
    for entry in _entries(folder):
        if not _is_folder(entry):
            yield Path(entry.path), None
        elif entry.is_symlink():
            yield Path(entry.path), "link to a folder"
        else:
            yield from _walk(Path(entry.path))


def _beside(top: Path) -> Iterator[tuple[Path, str]]:
    """What lies beside the class folders and might be meant to be used, with why it is not."""
    for entry in _entries(top, hidden=True):
        path = Path(entry.path)
        if _is_folder(entry):
            if _hidden(entry.name) and _holds_photos(path):
                yield path, "hidden folder"
        elif entry.is_symlink() and not path.exists():
            yield path, "broken link"
        elif not _hidden(entry.name) and looks_like_photo(path):
            yield path, "beside the class folders"


def _label(folder: Path) -> str:
    return visible(unicodedata.normalize("NFC", printable(folder.name)))


def _listed(names: Iterable[str | Path], most: int = 4) -> str:
    """A few names, for a message."""
    shown = [visible(printable(one.name if isinstance(one, Path) else one)) for one in names]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


def _inmost(folder: Path) -> Path:
    """The first folder on the way down that does not merely hold one other folder."""
    while len(inside := _subfolders(folder)) == 1 and _subfolders(inside[0]) and not _holds_photos(folder):
        folder = inside[0]
    return folder


def like_a_split(name: str) -> str | None:
    found = _LIKE_A_SPLIT.search(name.strip().casefold())
    return SPLIT_FOLDERS[found[1]] if found else None


def _split_folders(root: Path, folders: list[Path]) -> dict[Path, str]:
    """The ready splits of a folder, none where its folders are classes; refuses what could be either.

    Raises
    ------
    ValueError
        It says what was seen, and what to type.
    """
    named = {
        path: SPLIT_FOLDERS[path.name.strip().casefold()]
        for path in folders
        if path.name.strip().casefold() in SPLIT_FOLDERS
    }
    splits = {path: split for path, split in named.items() if _subfolders(path)}
    flat = [path for path in named if path not in splits]
    others = [path for path in folders if path not in named]
    by_split = defaultdict(list)
    for path, split in splits.items():
        by_split[split].append(path)
    if twice := [paths for paths in by_split.values() if len(paths) > 1]:
        raise ValueError(f"{root} holds {_listed(twice[0])}, which are one split: put their class folders together")
    if splits and flat:
        raise ValueError(
            f"{root} holds {_listed(splits)} with class folders, and {_listed(flat)} without any: sort the photos there "
            f"into class folders too, or give {next(iter(splits))} alone, from which the splits are then cut"
        )
    if splits and others:
        raise ValueError(
            f"{root} holds both split folders ({_listed(splits)}) and others ({_listed(others)}); "
            "give either only train, validation and test, or only one folder for each class"
        )
    # of these names only a train is a thing of which there are photos
    if flat and not (others and [path.name.casefold() for path in flat] == ["train"]):
        raise ValueError(
            f"{root} holds {_listed(flat)}, named like a split but without class folders: make a folder for each class "
            f"inside, as in {flat[0] / 'cat'}; or rename it, if that is a class"
        )
    if not splits:
        _refuse_other_layouts(root, folders)
    return splits


def _refuse_other_layouts(root: Path, folders: list[Path]) -> None:
    """Refuse folders that are no classes, though nothing in them is named as expected."""
    like = {path: split for path in folders if (split := like_a_split(path.name))}
    if len(set(like.values())) > 1:
        places = {split: _inmost(path) for path, split in reversed(like.items())}
        typed = [
            str(places.pop("train", next(iter(places.values())))),
            *(f"--test {place}" for place in [*places.values()][-1:]),
        ]
        raise ValueError(
            f"{root} holds {_listed(like)}, which look like splits and not like classes: call them train, validation and "
            f"test, or give {' '.join(typed)}"
        )
    inside = {path: {_key(one.name) for one in _subfolders(path)} for path in folders}
    for path, names in inside.items():
        if sum(name in SPLIT_FOLDERS for name in names) > 1 and len(folders) > 1:
            raise ValueError(f"{path} holds splits ({_listed(sorted(names))}), so it is no class: give {path} itself")
    for (one, its), (other, theirs) in itertools.combinations(inside.items(), 2):
        if len(shared := its & theirs) > 1:
            raise ValueError(
                f"{root} holds {_listed([one, other])}, each with the folders {_listed(sorted(shared))}, so that these look "
                f"like the classes: give {one} alone, or put the photos of a class into one folder of {root}"
            )
    if len(folders) == 1 and len(_subfolders(inner := _inmost(root))) > 1:
        raise ValueError(f"{root} holds one folder alone, and the class folders are in {inner}: give that")


def _key(name: str) -> str:
    """What two folders share that are probably meant to be one class."""
    return unicodedata.normalize("NFKC", printable(name)).strip().casefold()


def _class_folders(root: Path) -> tuple[list[tuple[Path, str, str | None]], list[Path]]:
    """Each class folder with its class and, where there are ready splits, its split; and the folders that hold them."""
    splits = _split_folders(root, _subfolders(root))
    tops: list[tuple[Path, str | None]] = [*splits.items()] or [(root, None)]
    found = [(folder, _label(folder), split) for top, split in tops for folder in _subfolders(top)]
    check_names((label for _, label, _ in found), f"the class folders {{}} of {root}")
    return found, list(dict.fromkeys([root, *splits]))


def check_names(names: Iterable[str], where: str) -> None:
    """Refuse classes that are probably meant to be one; `where` says whose they are, with a place for their names."""
    alike = defaultdict(set)
    for name in names:
        alike[_key(name)].add(name)
    if twice := [sorted(labels) for labels in alike.values() if len(labels) > 1]:
        raise ValueError(
            f"{where.format(', '.join(map(repr, twice[0])))} differ in capitals or blanks alone; put them together if they "
            "are one class, else give them other names"
        )


def scanned(root: Path) -> Iterator[_File]:
    """All candidate files with their class and, where the folder has splits, split, one by one."""
    folders, tops = _class_folders(root)
    for folder, label, split in folders:
        empty = True
        for path, reason in _walk(folder):
            yield _File(path, path.relative_to(root).as_posix(), label, split, reason=reason)
            empty = False
        if empty:
            raise ValueError(f"the class folder {folder} holds no file; remove it or put images in it")
    for top in tops:
        for path, reason in _beside(top):
            yield _File(path, path.relative_to(root).as_posix(), "", None, reason=reason)


def _screen(file: _File, convert: bool, keep: int | None = None) -> _File:
    """Read, hash and decode one file; note why it cannot be used or had to be converted, and keep its pixels at a size."""
    if file.reason is None:
        try:
            data = read_bytes(file.path)
            file.digest = hashlib.sha256(data).hexdigest()
            file.conversion, file.largest, file.pixels = inspect(data, keep)
            if file.pixels is not None:
                file.pixels.flags.writeable = False
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


def split_of(key: str, fractions: Sequence[float], seed: int = 0) -> str:
    """The split of a photo by its content (or by another key) alone, however many others there are."""
    place = _place(key, seed)
    if place < fractions[0] or not any(fractions[1:]):
        return "train"
    return "validation" if place < fractions[0] + fractions[1] or not fractions[2] else "test"


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
    places = {digest: _place(digest, seed) for digest in digests}
    chosen = {digest: split_of(digest, fractions, seed) for digest in places}
    middle = dict(zip(SPLITS, (0.0, fractions[0] + fractions[1] / 2, 1.0), strict=True))
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


def shares(given: Collection[str | None], fractions: Sequence[float]) -> Sequence[float] | None:
    """The shares into which what is in no split yet, or in train, is divided; None where all is ready.

    ``given`` are the splits that there are, None among them where some photos are in none.
    """
    if None in given:
        return fractions
    if set(given) == set(SPLITS):
        return None
    # What is missing is taken out of train, in the proportions that are left.
    wanted = [
        share if name == "train" or name not in given else 0 for name, share in zip(SPLITS, fractions, strict=True)
    ]
    total = sum(wanted)
    return tuple(share / total for share in wanted) if total else (1.0, 0.0, 0.0)


def _deal(root: Path, files: list[_File], labels: NDArray[np.int64], fractions: Sequence[float], seed: int) -> None:
    """Divide files by iterative stratification; those of one group, and copies of one another, stay together."""
    ready = defaultdict(set)
    for file in files:
        if file.split and file.group is not None:
            ready[file.group].add(file.split)
    if twice := [(group, splits) for group, splits in ready.items() if len(splits) > 1]:
        group, splits = twice[0]
        raise ValueError(
            f"{root}: the group {visible(group)!r} is in {' and in '.join(sorted(splits, key=SPLITS.index))}"
        )
    divided = shares({file.split for file in files}, fractions)
    if divided is None:
        return
    where = [i for i, file in enumerate(files) if file.split in (None, "train")]
    units = _together([files[i] for i in where])
    rank = np.ones(units.max() + 1)
    for unit, i in zip(units, where, strict=True):
        rank[unit] = min(rank[unit], _place(files[i].digest, seed))
    wanted = [(name, share) for name, share in zip(SPLITS, divided, strict=True) if share > 0]
    wanted.sort(key=lambda one: ("train", "test", "validation").index(one[0]))
    if grouped := any(file.group is not None for file in files):
        n = len({files[i].group for i in where})
        if n < len(wanted):
            raise ValueError(f"{root} has {n} group{'s' * (n != 1)}, too few for {len(wanted)} splits that share none")
    found = stratify(labels[where], [share for _, share in wanted], units, rank)
    for i, split in zip(where, found, strict=True):
        files[i].split = wanted[split][0]
    if grouped and (empty := [name for name, _ in wanted if not any(file.split == name for file in files)]):
        raise ValueError(
            f"{root}: the groups cannot be divided so that {empty[0]} gets one, as where all photos of a class are in one "
            "group; smaller groups are needed"
        )


def _together(files: list[_File]) -> NDArray[np.int64]:
    """Number of the unit of each file: what shares a group or a content is one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    keys = [[file.digest for file in files], [file.group if file.group is not None else id(file) for file in files]]
    (_, contents), (_, groups) = (np.unique(np.array(one, dtype=str), return_inverse=True) for one in keys)
    n = int(contents.max()) + 1
    side = n + int(groups.max()) + 1
    edges = coo_array((np.ones(len(files)), (contents, n + groups)), shape=(side, side))
    _, component = connected_components(edges, directed=False)
    _, units = np.unique(component[contents], return_inverse=True)
    return units


def _assign_all(
    root: Path, files: list[_File], class_names: Sequence[str], fractions: Sequence[float], seed: int
) -> None:
    if any(file.group is not None for file in files):
        labels = np.array([[file.label == name for name in class_names] for file in files], np.int64)
        _deal(root, files, labels, fractions, seed)
        trained = {file.label for file in files if file.split == "train"}
        if lost := [name for name in class_names if name not in trained]:
            raise ValueError(f"{root}: the groups leave no photo of the class {lost[0]!r} to train on")
        return
    if (divided := shares({file.split for file in files}, fractions)) is None:
        return
    for name in class_names:
        members = [file for file in files if file.label == name and file.split in (None, "train")]
        splits = assign([file.digest for file in members], divided, seed)
        for file, split in zip(members, splits, strict=True):
            file.split = split


def _check_classes(root: Path, files: list[_File], good: list[_File]) -> list[str]:
    names = sorted({file.label for file in files if file.label})
    if len(names) < 2:
        found = f"only {printable(names[0])}" if names else "none"
        loose = sum(not file.label for file in files)
        beside = f", and {loose} photos beside: put them into a folder for each class" if loose else ""
        raise ValueError(f"{root} needs at least two class folders with images in them; it has {found}{beside}")
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


def _read(root: Path, convert: bool, progress: bool, only: str | None = None, keep: int | None = None) -> list[_File]:
    """The files of a folder, or of one of its splits, each looked into; of the first of them, the pixels are kept."""
    if not root.exists():
        raise FileNotFoundError(f"there is no folder {root}")
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is a file; give a folder that holds one folder for each class")
    files = list(scanned(root))
    if only is not None:
        there = sorted({file.split for file in files if file.split}, key=SPLITS.index)
        if only not in there:
            raise ValueError(f"{root} has no split {only!r}; it has {_listed(there) or 'no splits at all'}")
        files = [file for file in files if file.split == only]
    return _screened(files, convert, progress, keep)


def _screened(files: list[_File], convert: bool, progress: bool, keep: int | None) -> list[_File]:
    """The files, each looked into."""
    # Pillow warns of odd metadata, one line a file; what matters is in the report.
    with warnings.catch_warnings(), bar("reading images", len(files), enabled=progress) as ticker:
        warnings.simplefilter("ignore")
        n = 0 if keep is None else _KEPT // (3 * keep**2)
        sizes = itertools.chain(itertools.repeat(keep, n), itertools.repeat(None))
        for _ in in_order(lambda one: _screen(one[0], convert, one[1]), zip(files, sizes, strict=False)):
            ticker.advance()
    return files


def _left_out(files: list[_File]) -> LeftOut:
    return LeftOut(
        tuple(Finding(file.shown, file.reason) for file in files if file.reason),
        tuple(Finding(file.shown, file.conversion) for file in files if file.conversion and not file.reason),
    )


def load_labelled(
    root: Path, *, split: str | None = None, white: int | None = None, progress: bool = True, keep: int | None = None
) -> tuple[Split, LeftOut]:
    """All labelled photos of a folder, or those of one ready split, to measure on: nothing is set aside, and one photo will do.

    Parameters
    ----------
    root : Path
    split : {"train", "validation", "test"}, optional
    white : int, optional
        Of the 16-bit images on which a model was trained; kept unless one here has a larger value.
    progress : bool
    keep : int, optional
        As for :func:`load_folder`.

    Returns
    -------
    Split
        Called as the split that was asked for, else "all".
    LeftOut

    Raises
    ------
    ValueError
        No such split; no class folder; no photo that can be read.
    OSError
        No such folder.
    """
    files = _read(root, True, progress, only=split, keep=keep)
    _mark_duplicates(files)
    good = [file for file in files if not file.reason]
    if not good:
        bad = next((file for file in files if file.label and file.reason), None)
        why = f" (left out for example {printable(bad.shown)}: {bad.reason})" if bad else ""
        raise ValueError(f"{root} has no photo in a class folder that can be used{why}")
    class_names = sorted({file.label for file in good})
    found = _find_white(good, white)
    return _split(split or "all", good, class_names, found), _left_out(files)


def _find_white(files: list[_File], white: int | None = None) -> int:
    """The value of white that the 16-bit images of a folder have in common: one that was given, where none is above it."""
    largest = [file.largest for file in files]
    if white is None or max((value for value in largest if value is not None), default=0) > white:
        white = white_of(largest)
    for file in files:
        if file.largest is not None and file.conversion and white != FULL:
            file.conversion = f"{white.bit_length()}-bit in a 16-bit file: {white:,} is taken for white"
    return white


def _split(name: str, files: list[_File], class_names: Sequence[str], white: int) -> Split:
    return Split(
        name,
        [file.path for file in files],
        [class_names.index(file.label) for file in files],
        class_names,
        [file.digest for file in files],
        white=white,
        kept=[file.pixels for file in files],
        targets=np.array(targets).reshape(len(files), -1)
        if (targets := [one.targets for one in files if one.targets])
        else None,
    )


def load_folder(
    root: Path,
    *,
    on_bad: str = "skip",
    convert: bool = True,
    seed: int = 0,
    fractions: Sequence[float] = FRACTIONS,
    progress: bool = True,
    keep: int | None = None,
    groups: Callable[[Path, Sequence[str]], Sequence[str]] | None = None,
) -> Dataset:
    """Read class folders; :func:`tlbook.datasets.load` documents the rules.

    Each photo is decoded to be checked; ``keep`` keeps its pixels at that size, of as many photos as memory is for.
    ``groups`` names the group of each of several photos, given their folder and their paths relative to it.
    """
    one_of(on_bad, "on_bad", ("skip", "raise"))
    fractions = _check_fractions(fractions)
    files = _read(root, convert, progress, keep=keep)
    given = {file.split for file in files if file.label and file.split}
    if given and "train" not in given:
        raise ValueError(
            f"{root} has {_listed(sorted(given))} but no train/ to learn from; it can be used to test on (--test, evaluate)"
        )
    _mark_duplicates(files)
    white = _find_white([file for file in files if not file.reason])
    left_out = _left_out(files)
    if left_out and on_bad == "raise":
        raise ValueError(f"{root} holds files that cannot be used (on_bad='skip' leaves them out)\n{left_out}")
    good = [file for file in files if not file.reason]
    class_names = _check_classes(root, files, good)
    if groups is not None:
        for file, group in zip(good, groups(root, [file.shown for file in good]), strict=True):
            file.group = group
    _assign_all(root, good, class_names, fractions, seed)
    if left_out or left_out.converted:
        warnings.warn(f"{root}: {left_out}", LeftOutWarning, stacklevel=3)
    splits = {name: _split(name, [file for file in good if file.split == name], class_names, white) for name in SPLITS}
    return Dataset(
        root.resolve().name,
        tuple(class_names),
        splits["train"],
        splits["validation"],
        splits["test"],
        left_out,
        str(root),
    )
