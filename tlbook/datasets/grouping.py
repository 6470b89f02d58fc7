"""Which photos belong together: by their names, or by a CSV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tlbook.datasets.splits import printable, visible
from tlbook.datasets.tables import read_groups

__all__ = ["groups_of"]


def groups_of(group_by: str, root: Path, names: Sequence[str]) -> list[str]:
    """The group of each photo.

    Parameters
    ----------
    group_by : str
        The path of a CSV with the columns ``file`` and ``group``, which ends in ``.csv``; or a
        regular expression, whose first group in brackets is that of the photo. It is looked for in
        the name of the file, without its folders.
    root : Path
        Folder of the photos.
    names : sequence of str
        Their paths relative to it, with ``/``.

    Raises
    ------
    ValueError
        A photo without a group; a CSV or an expression that cannot be used.
    """
    if group_by.lower().endswith(".csv"):
        given = read_groups(Path(group_by).expanduser(), root)
        if lost := [name for name in names if name not in given]:
            more = f", and {len(lost) - 1} others" if len(lost) > 1 else ""
            raise ValueError(f"{group_by} gives no group to {visible(printable(lost[0]))}{more}")
        return [given[name] for name in names]
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        raise ValueError(f"--group-by {group_by!r} is no regular expression ({error})") from None
    if not pattern.groups:
        raise ValueError(
            f"--group-by {group_by!r} has no brackets around what names the group, as in '^([^_]+)_' for all up to the "
            "first underscore"
        )
    found = []
    for name in names:
        match = pattern.search(name.rpartition("/")[2])
        if match is None or not match[1]:
            raise ValueError(f"--group-by {group_by!r} finds no group in the file name {visible(printable(name))}")
        found.append(match[1])
    return found
