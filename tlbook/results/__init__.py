"""Results computed beforehand, and the file that keeps them.

What does not fit into a chapter's minutes (many seeds, many settings) is
computed by ``python -m experiments NAME`` and kept as ``book/results/NAME.json``.
:class:`Recorder` writes such a file row by row, so that a killed run goes on
where it stopped; :func:`load` reads it.

A row is a set of *settings* (method, seed, number of images …), which identify
it, *values* (accuracy, seconds …), which were measured, and the row's date,
machine and library versions, which the recorder adds. What must be the
same for all rows, such as the fingerprint of the data, is given once as
*conditions*. Rows that do not belong together are never mixed silently:

- a row with other setting names than those in the file is refused;
- a file made under other conditions is refused when it is opened;
- a row computed with other library versions than those in the file is refused
  when it is added, unless ``mix_versions=True``.

In each case ``restart=True`` throws the old rows away and begins anew.
"""

from tlbook.results.record import Record, Spread, load, names
from tlbook.results.recorder import Recorder

__all__ = ["Record", "Recorder", "Spread", "load", "names"]
