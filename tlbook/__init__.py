"""Companion package of the book *Transfer Learning, Tested*.

Data flows one way through it: :mod:`tlbook.datasets` → :mod:`tlbook.backbones`
→ :mod:`tlbook.features` → :mod:`tlbook.transfer` → :mod:`tlbook.evaluation`
→ :mod:`tlbook.interpret`, :mod:`tlbook.plotting` → :mod:`tlbook.report`
→ :mod:`tlbook.classifier`, the whole way in one call. Figures that one chapter alone draws are in :mod:`tlbook.figures`.
"""

__version__ = "0.1.0"
