"""The long sweeps behind the chapters: each module states a question, its arms and its budget, and fills one record.

    python -m experiments [NAME ...] [--dataset sketches|photos]

A record is a file of ``book/results``; ``NAME`` is its name without the data set. The module of a sweep has

``ABOUT``                   what is measured, in one sentence, for each data set it knows
``rows(dataset)``           the table of settings: a dict for each row, in the order of computing
``conditions(dataset)``     what is the same for all rows
``measure(dataset, **row)`` from the settings of a row to its values

:mod:`experiments.methods` has each method of training once, :mod:`experiments.material` images, features and backbone. What is
recorded already is not computed again.
"""
