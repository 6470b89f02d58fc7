"""Figures of the chapter Measure: what they draw is what they were given."""

import numpy as np
import pytest

from tlbook.figures import measure as figures


def test_score_histograms_count_the_images_of_each_class():
    labels, scores = [0, 0, 0, 1, 1], [0.01, 0.02, 0.9, 0.99, 0.4]
    figure = figures.score_histograms(labels, scores, ["cat", "dog"], thresholds={"one half": 0.5, "low": 0.1})
    heights = [[int(bar.get_height()) for bar in axes.patches] for axes in figure.axes]
    assert [sum(counts) for counts in heights] == [3, 2]
    assert (heights[0][0], heights[1][-1]) == (2, 1)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "images of the class cat",
        "images of the class dog",
    ]
    for axes in figure.axes:
        assert [line.get_xdata()[0] for line in axes.lines] == [0.5, 0.1]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["one half", "low"]


@pytest.mark.parametrize(("scores", "message"), [([0.5], "2 labels"), ([0.5, 1.5], "from 0 to 1")])
def test_score_histograms_refuse_what_are_no_scores(scores, message):
    with pytest.raises(ValueError, match=message):
        figures.score_histograms(np.array([0, 1]), scores, ["cat", "dog"], thresholds={})
