"""Labelled images in fixed, disjoint train, validation and test splits.

>>> from tlbook import datasets
>>> data = datasets.load("sketches")
>>> data.class_names
('cat', 'dog')
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from tlbook.datasets.decoding import BadImage, decode
from tlbook.datasets.duplicates import NearDuplicate, near_duplicates, perceptual_hash
from tlbook.datasets.folders import FRACTIONS, load_folder
from tlbook.datasets.published import NAMED, BadArchive, DataUnavailable, cache_folder, load_published
from tlbook.datasets.splits import Dataset, Finding, LeftOut, LeftOutWarning, Split

__all__ = [
    "BadArchive",
    "BadImage",
    "DataUnavailable",
    "Dataset",
    "Finding",
    "LeftOut",
    "LeftOutWarning",
    "NearDuplicate",
    "Split",
    "cache_folder",
    "decode",
    "load",
    "names",
    "near_duplicates",
    "perceptual_hash",
]


def names() -> tuple[str, ...]:
    """The data sets that `load` knows by name."""
    return tuple(NAMED)


def load(
    name_or_path: str | os.PathLike[str],
    *,
    on_bad: str = "skip",
    convert: bool = True,
    seed: int = 0,
    fractions: Sequence[float] = FRACTIONS,
    progress: bool = True,
) -> Dataset:
    """Load a data set by name, or a folder of photos.

    By name:

    ``"sketches"``
        The drawings that the package ships: 240 for training, 200 for
        validation, 1,000 for testing.
    ``"sketches-2"``
        A second release of 450 test drawings from another seed, all in
        ``test``. The drawings and some settings of the book were tuned with
        the first 1,000 in view; nothing was tuned on these.
    ``"photos"``
        The 3,000 Kaggle photos of cats and dogs. Their official validation
        folder is the test split (1,000); 400 of the training photos, by a fixed
        list, are the validation split; 1,600 are left for training.
    ``"oxford"``
        478 photos from the Oxford-IIIT Pet set, all in ``test``: the same
        classes from another source (Parkhi et al. 2012).

    The archives of the photos are looked for in the folder that the
    environment variable ``TLBOOK_DATA`` names and downloaded where it is not
    set. Each image is checked against a SHA-256 manifest; they are unpacked
    below :func:`cache_folder`.

    A folder holds one folder for each of N >= 2 classes, or ``train``,
    ``validation`` (or ``valid``, ``val``, ``dev``) and ``test`` with those in each,
    in any case. What looks like another layout is refused, and the message says
    what to give instead. Missing splits
    are cut from the training images by a hash of the content: adding photos
    reshuffles none, and copies of a file stay in one split.

    ==============================================  ==========================
    a file that is                                  is
    ==============================================  ==========================
    greyscale, palette, CMYK, 16-bit, transparent   converted to 8-bit RGB
    10, 12 or 14 bits in a 16-bit file              scaled by the range of all
    turned by its EXIF orientation                  turned upright
    named with the wrong or no extension            read by its content
    empty, truncated, damaged, or no image          left out
    animated or of several pages                    left out
    32-bit integer or float, LAB                    left out
    over 89 million pixels or 256 MiB               left out
    unreadable, a broken link, a pipe               left out
    copies under different labels                   left out, all of them
    a copy in a later ready-made split              left out of the earlier one
    a raw photo with a preview, as DNG or NEF       left out
    beside the class folders                        left out
    hidden (``.DS_Store``), ``Thumbs.db``           ignored
    ==============================================  ==========================

    What was left out or converted is named in one warning and kept as
    ``Dataset.left_out``.

    Parameters
    ----------
    name_or_path : str or path-like
        A name of :func:`names`, or a folder; a folder that is called like a
        data set is given as ``"./photos"`` or a Path (there is a warning where both could be meant).
    on_bad : {"skip", "raise"}, default "skip"
        Leave bad files out, or refuse the folder and name them.
    convert : bool, default True
        False treats what would be converted as bad.
    seed : int, default 0
        Another split of a folder without ready splits.
    fractions : (float, float, float), default (0.6, 0.2, 0.2)
        Shares of train, validation and test where there are no ready splits;
        ``(0, 0, 1)`` makes a folder a test set.
    progress : bool, default True
        Show a bar on a terminal.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        A seed or fractions for a data set whose splits are fixed; fewer than
        two classes, a class without two usable images, bad files
        with ``on_bad="raise"``, a damaged archive (:class:`BadArchive`).
    OSError
        No such folder; an archive that is not on this machine and cannot be downloaded
        (:class:`DataUnavailable`).
    """
    if isinstance(name_or_path, str) and name_or_path in NAMED:
        if seed != 0 or tuple(fractions) != FRACTIONS:
            raise ValueError(
                f"the splits of {name_or_path!r} are fixed; seed and fractions are for a folder of your own "
                "(Split.take gives random subsets)"
            )
        if Path(name_or_path).is_dir():
            warnings.warn(
                f"{name_or_path!r} is the data set of that name, not the folder here; the folder is './{name_or_path}'",
                stacklevel=2,
            )
        return load_published(name_or_path, progress)
    path = Path(name_or_path).expanduser()
    if isinstance(name_or_path, str) and not path.exists() and os.sep not in name_or_path:
        known = ", ".join(repr(name) for name in NAMED)
        raise FileNotFoundError(f"{name_or_path!r} is neither a folder nor one of the data sets {known}")
    return load_folder(path, on_bad=on_bad, convert=convert, seed=seed, fractions=fractions, progress=progress)
