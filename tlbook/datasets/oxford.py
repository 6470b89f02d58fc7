"""The Oxford sample rebuilt from the archive that its authors publish.

The sample is not distributed: its 478 photos are taken by name out of the published
archive (Parkhi et al. 2012, "Cats and Dogs"), reduced to a short side of 256
and stored as JPEG of quality 90. The bytes then differ from one Pillow to the
next, so a photo is checked by a perceptual hash, not by SHA-256.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from tlbook.datasets.archives import MAX_MEMBER, BadArchive
from tlbook.datasets.decoding import BadImage, open_image

SIDE = 256
QUALITY = 90
MAX_DISTANCE = 32
"""Bits of 256 that may differ. Re-encoding and resizing change a handful; the
closest two different photos among the 3,000 Kaggle photos differ in 52."""

NOTE = "rebuilt.txt"


def difference_hash(image: Image.Image) -> str:
    """256-bit difference hash ("dHash") of an image, in hex.

    The image is averaged to 17 x 16 grey values; each bit says whether a value
    exceeds its left neighbour.
    """
    grey = np.asarray(image.convert("L").resize((17, 16), Image.Resampling.BOX)).astype(np.int16)
    return np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes().hex()


def distance(first: str, second: str) -> int:
    """How many bits two hashes differ in."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


def read_fingerprints(path: Path) -> dict[str, str]:
    """Read ``<difference hash>  <relative path>`` lines: ``{relative path: hash}``."""
    lines = (line.split("  ", 1) for line in path.read_text("utf-8").splitlines() if line)
    return {name: value for value, name in lines}


def reduced(image: Image.Image) -> Image.Image:
    """The image in RGB, its short side at most `SIDE` pixels."""
    image = image.convert("RGB")
    short = min(image.size)
    if short <= SIDE:
        return image
    width, height = (max(1, round(side * SIDE / short)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def rebuild(archive: Path, fingerprints: dict[str, str], folder: Path) -> None:
    """Write the sample's photos into ``folder`` from the published tar archive.

    Parameters
    ----------
    archive : Path
        ``images.tar.gz`` of the Oxford-IIIT Pet set: ``images/<name>.jpg``.
    fingerprints : dict
        ``{"cat/<name>.jpg": difference hash}`` of the photos wanted.
    folder : Path
        An existing folder.

    Raises
    ------
    BadArchive
        The archive is damaged, lacks a photo, or holds another picture under
        its name.
    """
    wanted = {PurePosixPath(name).name: name for name in fingerprints}
    try:
        with tarfile.open(archive, "r:*") as packed:
            for member in packed:
                # Only the last part of the name is used, and only to look it up.
                name = wanted.get(PurePosixPath(member.name).name)
                if name is None or not member.isfile() or (file := packed.extractfile(member)) is None:
                    continue
                if member.size > MAX_MEMBER:
                    raise BadArchive(f"{archive}: {member.name} claims {member.size:,} bytes, over {MAX_MEMBER:,}")
                with open_image(io.BytesIO(file.read())) as image:
                    small = reduced(image)
                if distance(difference_hash(small), fingerprints[name]) > MAX_DISTANCE:
                    raise BadArchive(f"{archive}: {member.name} is not the picture of the sample")
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                small.save(target, "JPEG", quality=QUALITY)
                del wanted[PurePosixPath(name).name]
    except (tarfile.TarError, EOFError, zlib.error, BadImage) as error:
        raise BadArchive(f"{archive} is damaged ({error})") from error
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError) or error.errno is not None:
            raise
        raise BadArchive(f"{archive} is damaged ({error})") from error  # gzip and Pillow raise bare OSErrors
    if wanted:
        raise BadArchive(f"{archive} lacks {len(wanted)} of {len(fingerprints)} photos, {sorted(wanted)[0]} for one")
    (folder / NOTE).write_text("Made from the published archive; JPEG bytes differ from the sample's.\n", "utf-8")
