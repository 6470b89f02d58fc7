"""Metrics against scikit-learn, on random and degenerate input."""

import math
import warnings

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from tlbook import evaluation as ev

RNG = np.random.default_rng(0)


@st.composite
def labelled(draw, classes=4, most=30):
    """Labels and predictions, often degenerate: n = 1, one class, all right, all wrong."""
    n = draw(st.integers(1, most))
    upto = draw(st.integers(0, classes - 1))
    numbers = st.lists(st.integers(0, upto), min_size=n, max_size=n)
    labels = np.array(draw(numbers))
    kind = draw(st.sampled_from(["any", "right", "wrong"]))
    if kind == "right":
        return labels, labels.copy()
    if kind == "wrong":
        return labels, (labels + 1) % classes
    return labels, np.array(draw(numbers))


# probabilities and predictions


@given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 2**32 - 1), st.sampled_from([1, 50, 1e4]))
def test_probabilities_agree_with_scipy(n, size, seed, scale):
    z = np.random.default_rng(seed).normal(0, scale, (n, size))
    p = ev.probabilities(z)
    np.testing.assert_allclose(p, scipy.special.softmax(z, axis=1), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(p.argmax(axis=1), ev.predictions(z))


def test_probabilities_by_hand_and_without_overflow():
    np.testing.assert_allclose(ev.probabilities([[0, math.log(3)]]), [[0.25, 0.75]])
    np.testing.assert_array_equal(ev.probabilities([[1e308, -1e308]]), [[1, 0]])
    assert ev.probabilities(np.zeros((2, 4), "float16")).dtype == np.float64
    np.testing.assert_array_equal(ev.probabilities(np.zeros((1, 4))), [[0.25] * 4])


def test_predictions_take_the_first_of_a_tie():
    z = [[1, 1], [0, 2], [3, 2]]
    np.testing.assert_array_equal(ev.predictions(z), [0, 1, 0])
    assert ev.predictions(z).dtype == np.int64


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (np.zeros(3), "N ≥ 2"),
        (np.zeros((3, 1)), r"stack \[0, z\]"),
        (np.zeros((2, 2, 2)), "shape"),
        (np.zeros((0, 2)), "empty"),
        ([[0, np.nan], [0, 1]], "1 of 2 images.*image 0"),
        ([[0, 1], [np.inf, 1]], "1 of 2 images.*image 1"),
        ([["a", "b"]], "real numbers"),
        ([[1j, 0]], "real numbers"),
    ],
)
def test_bad_logits_are_refused(logits, message):
    for function in (ev.probabilities, ev.predictions):
        with pytest.raises(ValueError, match=message):
            function(logits)


# accuracy and its like


@given(labelled())
def test_accuracy(data):
    labels, guess = data
    found = ev.accuracy(labels, guess)
    assert found.value == pytest.approx(sk.accuracy_score(labels, guess), abs=1e-12)
    assert found.n == labels.size
    assert found.low <= found.value <= found.high
    assert found == ev.wilson(int((labels == guess).sum()), labels.size)


@given(labelled())
def test_confusion_matrix(data):
    labels, guess = data
    size = max(labels.max(), guess.max()) + 1
    expected = sk.confusion_matrix(labels, guess, labels=range(size))
    np.testing.assert_array_equal(ev.confusion_matrix(labels, guess), expected)
    wide = ev.confusion_matrix(labels, guess, n_classes=7)
    assert wide.shape == (7, 7)
    assert wide.sum() == labels.size
    np.testing.assert_array_equal(wide[:size, :size], expected)


def test_confusion_matrix_refuses_too_few_classes():
    with pytest.raises(ValueError, match="class 2 occurs, but n_classes is 2"):
        ev.confusion_matrix([0, 1], [2, 1], n_classes=2)
    np.testing.assert_array_equal(ev.confusion_matrix([0, 1], [1, 1], 2), [[0, 1], [0, 1]])
    np.testing.assert_array_equal(ev.confusion_matrix([0, 2], [0, 0]), [[1, 0, 0], [0, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(ev.confusion_matrix([0, 0], [2, 0]), [[1, 0, 1], [0, 0, 0], [0, 0, 0]])


NAMES = {"precision": sk.precision_score, "recall": sk.recall_score, "f1_score": sk.f1_score}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(data=labelled(), zero_division=st.sampled_from([math.nan, 0.0, 1.0]))
def test_rates_agree_with_scikit_learn(name, data, zero_division):
    labels, guess = data
    ours, theirs = getattr(ev, name), NAMES[name]

    def both(truth, called, ours_on, theirs_on):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = ours(labels, guess, zero_division=zero_division, **ours_on)
            warnings.simplefilter("ignore")
            expected = theirs(truth, called, zero_division=zero_division, **theirs_on)
        np.testing.assert_allclose(found.value, expected, atol=1e-12)
        return found

    for k in (0, 1):
        found = both(labels == k, guess == k, {"pos_label": k}, {})
        if not math.isnan(found.value) and found.n:
            assert 0 <= found.low <= found.value + 1e-12
            assert found.value <= found.high + 1e-12 <= 1 + 2e-12
    for average in ("macro", "micro"):
        assert both(labels, guess, {"average": average}, {"average": average}).n == labels.size


def test_rates_by_hand():
    # 3 true positives, 1 false positive, 2 false negatives, 4 true negatives
    labels = [1, 1, 1, 0, 1, 1, 0, 0, 0, 0]
    guess = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    found = ev.precision(labels, guess)
    assert (found.value, found.n) == (0.75, 4)
    assert (found.low, found.high) == ev.wilson_bounds(3, 4)
    found = ev.recall(labels, guess)
    assert (found.value, found.n) == (0.6, 5)
    assert (found.low, found.high) == ev.wilson_bounds(3, 5)
    found = ev.f1_score(labels, guess)
    assert (found.value, found.n) == (pytest.approx(2 / 3), 6)
    # F1 = 2J / (1 + J) with J = 3/6
    low, high = ev.wilson_bounds(3, 6)
    assert (found.low, found.high) == (2 * low / (1 + low), 2 * high / (1 + high))
    assert ev.f1_score(labels, guess, confidence=0.5).high < found.high
    assert ev.precision(labels, guess, average="micro") == ev.accuracy(labels, guess)


@pytest.mark.parametrize("name", NAMES)
def test_undefined_rates(name):
    found = getattr(ev, name)([0, 0, 0], [0, 0, 0])
    assert math.isnan(found.value)
    assert (found.low, found.high, found.n) == (0, 1, 0)
    assert getattr(ev, name)([0, 0], [0, 0], zero_division=0.0).value == 0
    # a macro average leaves the undefined class out
    found = getattr(ev, name)([0, 1, 1], [0, 0, 0], average="macro")
    expected = {"precision": 1 / 3, "recall": 0.5, "f1_score": 0.25}[name]
    assert found.value == pytest.approx(expected)
    if name == "precision":
        assert ev.precision([0, 1, 1], [0, 0, 0], average="macro", zero_division=0.0).value == pytest.approx(1 / 6)


@pytest.mark.parametrize("name", NAMES)
def test_macro_interval_agrees_with_resampling_images(name):
    labels = RNG.integers(0, 3, 300)
    guess = np.where(RNG.random(300) < 0.7, labels, RNG.integers(0, 3, 300))
    metric = getattr(ev, name)
    found = metric(labels, guess, average="macro")

    def slow(y, p):
        hits, found, true = (np.bincount(x, minlength=3) for x in (y[y == p], p, y))
        under = {"precision": found, "recall": true, "f1_score": (found + true) / 2}[name]
        return (hits / under).mean()

    assert slow(labels, guess) == pytest.approx(NAMES[name](labels, guess, average="macro"))
    other = ev.bootstrap(slow, labels, guess, n_resamples=1500, seed=5)
    # two bootstraps differ by the noise of their draws: an end is known to about 0.003 here
    assert found.low == pytest.approx(other.low, abs=0.012)
    assert found.high == pytest.approx(other.high, abs=0.012)
    assert found.low < found.value < found.high
    assert metric(labels, guess, average="macro", seed=0) == found
    assert metric(labels, guess, average="macro", seed=1) != found
    narrow = metric(labels, guess, average="macro", confidence=0.5)
    assert found.low < narrow.low < narrow.high < found.high


def test_macro_interval_is_the_quantiles_of_two_thousand_draws():
    labels, guess = [0, 0, 0, 1, 1, 2, 2, 2, 2], [0, 0, 1, 1, 0, 2, 2, 0, 2]
    found = ev.recall(labels, guess, average="macro", seed=3, confidence=0.9)
    cells = sk.confusion_matrix(labels, guess)
    kinds = np.flatnonzero(cells)
    draws = np.zeros((2000, 9))
    draws[:, kinds] = np.random.default_rng(3).multinomial(9, cells.ravel()[kinds] / 9, size=2000)
    draws = draws.reshape(-1, 3, 3)
    with np.errstate(invalid="ignore"):
        recalls = np.diagonal(draws, axis1=1, axis2=2) / draws.sum(axis=2)
    expected = np.quantile(np.nanmean(recalls, axis=1), [0.05, 0.95])
    np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-12)


def test_macro_of_very_many_classes_stays_small():
    labels = np.arange(800)
    guess = np.where(labels % 4 == 0, 0, labels)
    found = ev.recall(labels, guess, average="macro")
    assert found.value == pytest.approx(601 / 800)
    assert found.low < found.value < found.high


def test_unknown_average():
    with pytest.raises(ValueError, match="'weighted'"):
        ev.f1_score([0, 1], [0, 1], average="weighted")


# groups


@given(labelled(), st.integers(0, 2**32 - 1))
def test_groups_agree_with_taking_each_apart(data, seed):
    labels, guess = data
    groups = np.random.default_rng(seed).integers(0, 3, labels.size)
    found = ev.group_accuracy(labels, guess, groups)
    assert list(found) == sorted(set(groups.tolist()))
    for group, estimate in found.items():
        inside = groups == group
        assert estimate == ev.accuracy(labels[inside], guess[inside])
    worst, estimate = ev.worst_group(labels, guess, groups)
    assert estimate.value == min(one.value for one in found.values())
    assert found[worst] == estimate


def test_groups_by_name_and_empty_ones():
    labels, guess = [0, 0, 1, 1], [0, 1, 1, 1]
    groups = ["grass", "grass", "sofa", "sofa"]
    found = ev.group_accuracy(labels, guess, groups, all_groups=["sofa", "snow", "grass"])
    assert list(found) == ["sofa", "snow", "grass"]
    assert [one.n for one in found.values()] == [2, 0, 2]
    assert math.isnan(found["snow"].value)
    assert (found["snow"].low, found["snow"].high) == (0, 1)
    worst = ev.worst_group(labels, guess, groups, all_groups=["snow", "sofa", "grass"])
    assert worst == ("grass", ev.wilson(1, 2))
    assert ev.worst_group(labels, guess, groups, confidence=0.5)[1] == ev.wilson(1, 2, confidence=0.5)
    assert ev.worst_group([0, 0], [0, 0], ["a", "b"])[0] == "a"
    with pytest.raises(ValueError, match="leaves out: grass"):
        ev.group_accuracy(labels, guess, groups, all_groups=["sofa"])
    with pytest.raises(ValueError, match=r"groups must have shape \(4,\)"):
        ev.group_accuracy(labels, guess, ["a"])


# bad input


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.eye(3), r"has shape \(3, 3\); take argmax"),
        (np.eye(2), "argmax.* one-hot"),
        (np.zeros((3, 1), int), r"must have shape \(n,\), but has shape \(3, 1\)"),
        (np.zeros((1, 3)), r"has shape \(1, 3\); take argmax"),
        ([], "is empty"),
        ([0.0, 1.0], "whole numbers"),
        (np.zeros((2, 2, 2), int), r"must have shape \(n,\), but has shape \(2, 2, 2\)"),
        (["cat", "dog"], "whole numbers"),
        ([0, -1], "holds -1; class numbers start at 0"),
        (3, r"must have shape \(n,\), but has shape \(\)"),
    ],
)
def test_bad_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=f"^labels.*{message}"):
        ev.accuracy(labels, [0, 1])
    with pytest.raises(ValueError, match=f"^predictions.*{message}"):
        ev.accuracy([0, 1], labels)


def test_unpaired_input_is_refused():
    with pytest.raises(ValueError, match="3 labels, but 2 predictions"):
        ev.accuracy([0, 1, 1], [0, 1])
    assert ev.accuracy([True, False], [True, True]).value == 0.5
    assert ev.accuracy(np.uint8([0, 1]), np.int32([0, 1])).value == 1


@pytest.mark.parametrize("confidence", [0, 1, -0.1, 95, float("nan")])
def test_bad_confidence_is_refused(confidence):
    for call in (
        lambda: ev.accuracy([0, 1], [0, 1], confidence=confidence),
        lambda: ev.f1_score([0, 1], [0, 1], confidence=confidence),
        lambda: ev.f1_score([0, 1], [0, 1], average="macro", confidence=confidence),
        lambda: ev.bootstrap(ev.accuracy, [0, 1], [0, 1], confidence=confidence),
        lambda: ev.paired_bootstrap([0, 1], [0, 1], [0, 1], confidence=confidence),
        lambda: ev.mcnemar([0, 1], [0, 1], [0, 1], confidence=confidence),
        lambda: ev.paired_t([0, 1], [0, 1], confidence=confidence),
        lambda: ev.seed_spread([0, 1], confidence=confidence),
    ):
        with pytest.raises(ValueError, match=r"confidence=.*: give a number in \(0, 1\), such as 0\.95"):
            call()


def test_evaluation_imports_no_deep_learning_library():
    import subprocess
    import sys

    code = "import sys, tlbook.evaluation; sys.exit(any(m in sys.modules for m in ('keras', 'tensorflow', 'jax')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
