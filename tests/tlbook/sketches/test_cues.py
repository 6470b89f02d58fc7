"""The measure of what single factors tell, on records whose answer is known."""

import numpy as np
import pytest

from tlbook import sketches
from tlbook.sketches import make_records
from tlbook.sketches.cues import CUES, all_cues_accuracy, cue_table, single_cue_accuracy


def records(seed, change=None):
    made = make_records(("cat", "dog"), 60, seed, angle=0.0, background="room")
    return [r.replace(**change(r)) for r in made] if change else made


def test_a_factor_that_is_the_same_for_all_tells_nothing():
    scores = single_cue_accuracy(records(1), records(2))
    assert scores["angle"] == scores["background"] == 0.5
    assert "species" not in scores and not any(name.endswith("seed") for name in scores)
    assert list(scores.values()) == sorted(scores.values(), reverse=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: {"background": "grass" if r.species == "dog" else "room"},
        lambda r: {"angle": 10.0 if r.species == "dog" else -10.0},
    ],
    ids=["word", "number"],
)
def test_a_factor_that_follows_the_species_tells_all(change):
    scores = single_cue_accuracy(records(1, change), records(2, change))
    assert next(iter(scores.values())) == 1.0
    assert all_cues_accuracy(records(1, change), records(2, change)) == 1.0


def test_words_become_their_place_and_numbers_stay():
    few = records(3)[:4]
    table = cue_table(few, ["background", "scale"])
    assert table.shape == (4, 2)
    assert table[:, 0].tolist() == [sketches.FACTORS["background"].choices.index("room")] * 4
    np.testing.assert_array_equal(table[:, 1], [r.scale for r in few])
    assert cue_table(few).shape == (4, len(CUES))
