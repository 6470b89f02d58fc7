"""How well the factors of a drawing tell its species."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tlbook.sketches.factors import FACTORS, Choice, Factors

CUES = tuple(name for name in FACTORS if name not in ("species", "chance") and not name.endswith("seed"))


def cue_table(records: Sequence[Factors], names: Sequence[str] = CUES) -> NDArray[np.float64]:
    """Factors as numbers, float64 (n, len(names)); a word is its place among its choices."""
    columns = []
    for name in names:
        spec = FACTORS[name]
        values = [record[name] for record in records]
        columns.append([spec.choices.index(v) for v in values] if isinstance(spec, Choice) else values)
    return np.array(columns, dtype=np.float64).T


def single_cue_accuracy(train: Sequence[Factors], test: Sequence[Factors]) -> dict[str, float]:
    """How often the species can be told from one factor alone, for each factor.

    A decision tree of at most eight leaves is fitted to that one factor of the training
    records (enough for any sensible rule, on words too) and scored on the test records.

    Parameters
    ----------
    train, test : sequence of Factors

    Returns
    -------
    dict of str to float
        Accuracy in [0, 1] by factor, best first. The species itself and the seeds are left out.
    """
    from sklearn.tree import DecisionTreeClassifier

    scores = {}
    for name in CUES:
        tree = DecisionTreeClassifier(max_leaf_nodes=8, min_samples_leaf=10, random_state=0)
        tree.fit(cue_table(train, [name]), [r.species for r in train])
        scores[name] = tree.score(cue_table(test, [name]), [r.species for r in test])
    return dict(sorted(scores.items(), key=lambda item: -item[1]))


def all_cues_accuracy(train: Sequence[Factors], test: Sequence[Factors]) -> float:
    """How often the species can be told from all factors together, by gradient-boosted trees.

    Parameters and the factors left out are those of `single_cue_accuracy`.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(random_state=0).fit(cue_table(train), [r.species for r in train])
    return float(model.score(cue_table(test), [r.species for r in test]))
