"""One pass of images through a frozen backbone, kept on disk.

Feature extraction trains nothing in the backbone, so its output for an image
never changes: it is computed once and every head is trained on the result.
"""

from tlbook.features.engines import ENGINES
from tlbook.features.extraction import extract
from tlbook.features.shards import BadShard, Part, Shards

__all__ = ["ENGINES", "BadShard", "Part", "Shards", "extract"]
