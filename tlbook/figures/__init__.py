"""Figures that one chapter alone draws, a module a chapter, each named as its notebook.

Every function returns the Matplotlib figure, as those of :mod:`tlbook.plotting` do, which holds the figures for photos
of your own. These here show an idea of their chapter: they are no part of the package's reference, and change with it.
"""
