"""Features of photos that are too many for one process, in shards that any scheduler can compute."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tlbook._checks import one_of, whole
from tlbook.backbones import Backbone
from tlbook.classifier import choice
from tlbook.classifier.errors import (
    InputError,
    check_apart,
    check_writable,
    path_of,
    refusing,
    sentence,
    writing,
)
from tlbook.datasets.splits import visible
from tlbook.features import Shards, cluster
from tlbook.features import shards as parts
from tlbook.progress import bar

__all__ = ["features", "need_packages", "read_shards", "status_of"]

_OURS = ("manifest.", "shards.json", "shard-", ".")
_SHOWN = 10  # shards and photos that a message names


def need_packages(scheduler: str | None) -> None:
    """Raise :class:`InputError` where a package for shards, or for a scheduler, is missing."""
    if missing := parts.missing_packages():
        raise InputError(f"shards need the packages {' and '.join(missing)}: pip install 'tlbook[shards]'")
    if scheduler is not None and not cluster.is_installed():
        raise InputError("a scheduler needs Dask: pip install 'tlbook[cluster]', or leave --scheduler out")


def _network(asked: str, progress: bool) -> Callable[[str | None, int | None], Backbone]:
    def load(name: str | None, input_size: int | None) -> Backbone:
        if name is None or asked != "auto":
            name = choice.choose(asked, progress=progress).name
        try:
            return choice.loaded(name, input_size)
        except ImportError as error:
            raise InputError(f"Keras cannot be started: {sentence(error)}") from error

    return load


def _check_folder(out: Path) -> None:
    """Refuse a folder of something else."""
    if not out.is_dir():
        return
    names = [one.name for one in out.iterdir()]
    known = [name for name in names if name.startswith(_OURS)]
    if len(known) < len(names) and not {"manifest.parquet", "shards.json"} & set(names):
        other = visible(min(set(names) - set(known)))
        raise InputError(f"{out} holds other files ({other}): name a new folder for the shards")


@refusing()
def read_shards(folder: str | os.PathLike[str]) -> Shards:
    """Read a folder of shards that :func:`features` wrote.

    Returns
    -------
    Shards
        Its ``open("train")`` memory-maps the features of a split, ``missing()`` names shards that are not there yet.

    Raises
    ------
    InputError
        It holds no shards, or its manifest was changed.
    """
    need_packages(None)
    try:
        return Shards.read(path_of(folder, "folder"))
    except ValueError as error:
        raise InputError(sentence(error)) from error


def status_of(found: Shards) -> tuple[bool, str]:
    """Whether all shards are there and whole, and what to say of that."""
    try:
        missing = found.missing()
    except parts.BadShard as error:
        raise InputError(f"{found.folder}: {sentence(error)}") from error
    head = (
        f"{found.n:,} photos in {found.shards:,} shards, {len(found.class_names)} classes; {found.backbone}, "
        f"{found.input_size} px, {found.feature_dim} features, {found.dtype}"
    )
    count, findings = found.left_out(_SHOWN)
    lines = [head]
    if count:
        lines.append(f"{count:,} photos left out, as the tables say:")
        lines += [f"  {visible(one.path)}: {one.reason}" for one in findings]
        lines += [f"  and {count - len(findings):,} more"] if count > len(findings) else []
    if not missing:
        return True, "\n".join([*lines, "all shards are there and whole"])
    lines.append(f"{len(missing):,} of {found.shards:,} shards are missing or damaged:")
    lines += [f"  {shard}: {why}" for shard, why in list(missing.items())[:_SHOWN]]
    lines += [f"  and {len(missing) - _SHOWN:,} more"] if len(missing) > _SHOWN else []
    return False, "\n".join(lines)


@refusing()
def features(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    shards: int | None = None,
    shard: int | None = None,
    backbone: str = "auto",
    input_size: int | None = None,
    dtype: str | None = None,
    scheduler: str | None = None,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> Shards:
    """Compute the features of many photos into a folder of shards, all that are missing or one.

    The first call lists all photos with their hashes in ``manifest.parquet``, which is never changed; others wait for it.
    A shard is written whole or not at all, and one that is there is skipped, so the same call goes on where another
    was interrupted, and any number of them may run side by side. The same photos give the same files.

    Parameters
    ----------
    source : path-like
        Class folders, with or without ready splits, as for :func:`train`; a CSV or
        Parquet file with the columns ``file`` (relative to its own folder) and, if there
        are any, ``label``, ``split`` and ``group``; or webdataset's tar files: one, or a
        folder of them, whose names or folders may say a split. What is in no split
        is put into one by the hash of its content, or of its group. Exact copies
        under other classes or in other splits are left out as there.
    out : path-like
        Folder of the shards, apart from the photos.
    shards : int, optional
        How many; by default one for each 10,000 photos.
    shard : int, optional
        Compute this one only, from 0.
    backbone : str, default "auto"
        As for :func:`train`; what the folder was begun with, where it is there already.
    input_size : int, optional
        Side of the images in pixels; by default that of the backbone.
    dtype : {"float16", "float32"}, optional
        Of the numbers on disk; by default float16.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers see the same files; ``"local:2"`` starts two processes of this
        machine. By default this process computes.
    progress : bool, default True
        Show bars with the time left on a terminal.
    say : callable, default print
        Called with each progress message.

    Returns
    -------
    Shards
        Whole, or with ``shard`` perhaps not yet.

    Raises
    ------
    InputError
        The source or an option cannot be used; the folder was begun with something else; photos were changed since.
    """
    for value, name, least in ((shards, "shards", 1), (shard, "shard", 0)):
        if value is not None:
            whole(value, name, least, error=InputError)
    if dtype is not None:
        one_of(dtype, "dtype", parts.DTYPES, error=InputError)
    if scheduler is not None and (not isinstance(scheduler, str) or shard is not None):
        raise InputError(
            "a scheduler is an address such as tcp://10.0.0.1:8786 or local:2, and takes all shards: leave shard out"
        )
    need_packages(scheduler)
    if backbone != "auto":
        choice.choose(backbone)
    given, folder = path_of(source, "source"), path_of(out, "out")
    check_apart(given, folder)
    _check_folder(folder)
    check_writable(folder)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            found = parts.prepare(
                given,
                folder,
                backbone=_network(backbone, progress),
                input_size=input_size,
                dtype=dtype,
                shards=None if shards is None else int(shards),
                progress=progress,
            )
            if shard is not None:
                whole(shard, "shard", 0, found.shards - 1, error=InputError)
            wanted = range(found.shards) if shard is None else [int(shard)]
            _compute(given, found, wanted, scheduler, progress, say)
        except InputError:
            raise
        except (ValueError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise InputError(sentence(error)) from error
    return found


def _compute(
    source: Path,
    found: Shards,
    wanted: range | list[int],
    scheduler: str | None,
    progress: bool,
    say: Callable[[str], None],
) -> None:
    say(f"{found.n:,} photos in {found.shards:,} shards; {found.backbone}, {found.input_size} px, {found.dtype}")
    failed: dict[int, str] = {}
    total = sum(found.rows_of(shard) for shard in wanted)
    parts.load_network(found)
    with bar(f"features of {found.backbone}", total, enabled=progress) as ticker:
        if scheduler is not None:
            failed = cluster.compute_on(scheduler, source, found, wanted, advance=ticker.advance)
        else:
            for shard in wanted:
                try:
                    parts.compute(source, found.folder, shard, advance=ticker.advance)
                except (parts.BadShard, parts.Changed) as error:
                    failed[shard] = str(error)
    if failed:
        shard, why = min(failed.items())
        more = f", and {len(failed) - 1:,} other shards could not be computed either" if len(failed) > 1 else ""
        raise InputError(f"shard {shard} of {found.folder} could not be computed: {sentence(why)}{more}")
