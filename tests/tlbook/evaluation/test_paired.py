"""Paired tests against SciPy, statsmodels and a published example."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from statsmodels.stats.contingency_tables import mcnemar as sm_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import power_proportions_2indep

from tlbook import evaluation as ev
from tlbook.evaluation import paired

COUNTS = st.integers(0, 40)


def predictions(both, only_a, only_b, neither):
    """Labels and two models' predictions with these counts."""
    labels = np.zeros(both + only_a + only_b + neither, int)
    a = np.repeat([0, 0, 1, 1], [both, only_a, only_b, neither])
    b = np.repeat([0, 1, 0, 1], [both, only_a, only_b, neither])
    return labels, a, b


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_mcnemar_agrees_with_statsmodels_and_scipy(both, only_a, only_b, neither):
    if both + only_a + only_b + neither == 0:
        return
    found = ev.mcnemar(*predictions(both, only_a, only_b, neither))
    expected = sm_mcnemar([[both, only_a], [only_b, neither]], exact=True).pvalue
    assert found.p_value == pytest.approx(min(1, expected), rel=1e-9)
    if only_a + only_b:
        assert found.p_value == pytest.approx(stats.binomtest(only_a, only_a + only_b).pvalue, rel=1e-9)
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert found.n == both + only_a + only_b + neither
    assert found.difference.value == pytest.approx((only_a - only_b) / found.n)
    assert -1 <= found.difference.low <= found.difference.high <= 1
    # the interval is that of the models exchanged, turned around
    other = ev.mcnemar(*predictions(both, only_b, only_a, neither))
    assert other.p_value == found.p_value
    assert other.difference.low == pytest.approx(-found.difference.high)
    # the verdict never contradicts the interval
    if found.winner is not None:
        assert not found.difference.contains(0)
        assert found.winner == ("A" if only_a > only_b else "B")


def test_mcnemar_of_a_published_example():
    # Fagerland, Lydersen and Laake 2014, Stat. Med. 33:2850: airway hyper-responsiveness before and after
    # transplantation (Bentur et al. 2009), 1, 1, 7, 12 of 21; exact p 0.0703, Tango's score interval −0.517 to −0.026
    found = ev.mcnemar(*predictions(1, 1, 7, 12))
    assert found.p_value == 18 / 256
    assert found.difference.value == pytest.approx(-6 / 21)
    assert (round(found.difference.low, 3), round(-paired._score_low(7, 1, 21, 1.959964), 3)) == (-0.517, -0.026)
    # which the exact test does not confirm: the interval that is shown reaches to 0
    assert found.difference.high == 0
    assert found.verdict == "cannot tell"


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.sampled_from([0.9, 0.95, 0.99]))
def test_the_interval_holds_what_the_score_test_does_not_reject(both, only_a, only_b, neither, confidence):
    """Tango 1998: at the ends the score, with the shares that are likeliest under that difference, is ±z."""
    n = both + only_a + only_b + neither
    if not n:
        return
    z = stats.norm.ppf(0.5 + confidence / 2)
    low = paired._score_low(only_a, only_b, n, z)
    assert -1 <= low <= (only_a - only_b) / n
    if not 0.001 < low + 1 < 1.999:
        return
    # the likeliest share of "only B" where the difference is low, by a search over all shares
    share = np.linspace(max(0, -low), (1 - low) / 2, 20_001)[1:-1]
    rest = n - only_a - only_b
    with np.errstate(divide="ignore"):
        likelihood = special.xlogy(only_a, share + low) + special.xlogy(only_b, share)
        likelihood += special.xlogy(rest, 1 - 2 * share - low)
    best = share[likelihood.argmax()]
    score = (only_a - only_b - n * low) / np.sqrt(n * (2 * best + low - low**2))
    assert score == pytest.approx(z, rel=5e-3)
    found = ev.mcnemar(*predictions(both, only_a, only_b, neither), confidence=confidence).difference
    assert (found.n, found.confidence, found.unit) == (n, confidence, "points")
    assert found.low == pytest.approx(low) or found.low == 0


def test_degenerate_comparisons():
    same = ev.mcnemar([0, 1, 1], [0, 0, 1], [0, 0, 1])
    assert (same.p_value, same.difference.value, same.verdict) == (1, 0, "cannot tell")
    assert same.difference.low < 0 < same.difference.high
    assert str(same).endswith("p = 1.000: cannot tell; no difference detectable")
    one = ev.mcnemar([0], [0], [1])
    assert (one.p_value, one.only_a, one.n, one.verdict) == (1, 1, 1, "cannot tell")
    assert one.difference.high == 1  # cut off at the largest difference there is
    assert ev.mcnemar([0], [1], [0]).difference.low == -1
    all_wrong = ev.mcnemar([0] * 9, [1] * 9, [1] * 9)
    assert (all_wrong.p_value, all_wrong.verdict) == (1, "cannot tell")


def test_verdict_and_text():
    found = ev.mcnemar(*predictions(900, 30, 10, 60), names=("tuned", "probe"))
    assert (found.verdict, found.winner) == ("tuned is better", "tuned")
    assert str(found) == (
        "tuned − probe: +2.0 points (0.8 to 3.4); only tuned right on 30 of 1000, only probe on 10; "
        "p = 0.002: tuned is better; detectable from 1.8 points"
    )
    found = ev.mcnemar(*predictions(900, 10, 30, 60))
    assert (found.verdict, found.winner) == ("B is better", "B")
    found = ev.mcnemar(*predictions(900, 20, 20, 60))
    assert (found.verdict, found.winner) == ("cannot tell", None)
    assert str(found).endswith("p = 1.000: cannot tell; detectable from 1.8 points")
    assert "p < 0.001: A is better;" in str(ev.mcnemar(*predictions(0, 100, 0, 0)))
    # 6 : 0 has p = 1/32, 5 : 0 has 1/16
    assert ev.mcnemar(*predictions(9, 6, 0, 0)).verdict == "A is better"
    assert ev.mcnemar(*predictions(9, 5, 0, 0)).verdict == "cannot tell"
    assert ev.mcnemar(*predictions(9, 6, 0, 0), confidence=0.99).verdict == "cannot tell"
    assert ev.mcnemar(*predictions(9, 5, 0, 0), confidence=0.9).verdict == "A is better"


def test_a_p_value_at_the_limit_tells_nothing():
    # 5 : 0 has p = 0.0625, and at a confidence of 0.9375 that is not below the limit
    assert ev.mcnemar(*predictions(9, 5, 0, 0), confidence=0.9375).verdict == "cannot tell"


def test_text_at_one_in_a_thousand():
    test = ev.mcnemar(*predictions(900, 30, 10, 60))
    assert "p = 0.001:" in str(replace(test, p_value=0.001))
    assert "p < 0.001:" in str(replace(test, p_value=0.000999))
    assert ev.PairedTest(test.names, test.difference, 0.049, "x", 1).winner == "A"
    assert ev.PairedTest(test.names, test.difference, 0.051, "x", 1).winner is None


def test_names_must_differ():
    for call in (ev.mcnemar, ev.paired_bootstrap):
        with pytest.raises(ValueError, match="both models are called 'x'"):
            call([0, 1], [0, 1], [0, 1], names=("x", "x"))


def test_unpaired_predictions_are_refused():
    with pytest.raises(ValueError, match="3 labels, but 2 predictions of B"):
        ev.mcnemar([0, 1, 1], [0, 1, 1], [0, 1])
    with pytest.raises(ValueError, match="2 labels, but 3 predictions of A"):
        ev.paired_bootstrap([0, 1], [0, 1, 1], [0, 1])


# bootstrap


def test_paired_bootstrap_is_the_quantiles_of_resampled_differences():
    labels, a, b = predictions(120, 25, 10, 45)
    found = ev.paired_bootstrap(labels, a, b, n_resamples=20_000)
    gaps = (a == labels).astype(float) - (b == labels)
    rng = np.random.default_rng(11)
    draws = rng.choice(gaps, (20_000, gaps.size)).mean(axis=1)
    np.testing.assert_allclose(
        [found.difference.low, found.difference.high],
        np.quantile(draws, [0.025, 0.975]),
        atol=0.0051,  # one image of 200
    )
    assert found.p_value == pytest.approx(2 * (draws <= 1e-12).mean(), abs=0.004)
    assert found.difference.value == pytest.approx(15 / 200)
    assert (found.n, found.only_a, found.only_b, found.verdict) == (200, 25, 10, "A is better")
    scipys = stats.bootstrap((gaps,), np.mean, method="percentile", n_resamples=20_000, rng=1).confidence_interval
    np.testing.assert_allclose([found.difference.low, found.difference.high], scipys, atol=0.0051)
    narrow = ev.paired_bootstrap(labels, a, b, n_resamples=20_000, confidence=0.5).difference
    np.testing.assert_allclose([narrow.low, narrow.high], np.quantile(draws, [0.25, 0.75]), atol=0.0051)
    assert found.difference.unit == "points"
    assert ev.paired_bootstrap(labels, a, b, unit="").difference.unit == ""


def test_paired_bootstrap_of_a_metric_agrees_with_the_quick_way():
    labels, a, b = predictions(60, 20, 8, 12)
    quick = ev.paired_bootstrap(labels, a, b)
    slow = ev.paired_bootstrap(labels, a, b, metric=lambda y, p: (y == p).mean(), n_resamples=4000, confidence=0.95)
    assert slow.difference.value == pytest.approx(quick.difference.value)
    assert slow.difference.low == pytest.approx(quick.difference.low, abs=0.011)
    assert slow.difference.high == pytest.approx(quick.difference.high, abs=0.011)
    assert slow.p_value == pytest.approx(quick.p_value, abs=0.015)
    assert (slow.only_a, slow.only_b) == (None, None)
    assert "only" not in str(slow)


def test_paired_bootstrap_takes_scores_and_estimates():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 150)
    good, bad = labels + rng.normal(0, 0.5, 150), labels + rng.normal(0, 5, 150)
    area = lambda y, s: ev.roc_curve(y, s).area  # noqa: E731
    found = ev.paired_bootstrap(labels, good, bad, metric=area, n_resamples=200, names=("good", "bad"))
    assert found.verdict == "good is better"
    assert found.difference.value == pytest.approx(area(labels, good) - area(labels, bad))
    found = ev.paired_bootstrap(labels, good > 0.5, bad > 0.5, metric=ev.f1_score, n_resamples=200)
    assert found.verdict == "A is better"


def test_paired_bootstrap_seeds_and_symmetry():
    labels, a, b = predictions(60, 20, 8, 12)
    assert ev.paired_bootstrap(labels, a, b) == ev.paired_bootstrap(labels, a, b)
    assert ev.paired_bootstrap(labels, a, b, seed=1) != ev.paired_bootstrap(labels, a, b)
    assert ev.paired_bootstrap(labels, a, b, n_resamples=10_000) == ev.paired_bootstrap(labels, a, b)
    turned = ev.paired_bootstrap(labels, b, a)
    assert turned.p_value == pytest.approx(ev.paired_bootstrap(labels, a, b).p_value, abs=0.01)
    assert turned.verdict == "B is better"


def test_paired_bootstrap_draws_every_image_equally_often():
    drawn = []

    def metric(labels, predictions):
        if len(drawn) < 2 * 3001:
            drawn.append(labels)
        return 0.0

    ev.paired_bootstrap(np.arange(5), np.zeros(5), np.zeros(5), metric=metric, n_resamples=3000)
    np.testing.assert_array_equal(drawn[0], np.arange(5))  # the sample itself comes first
    counts = np.bincount(np.concatenate(drawn[2:]))
    # 30,000 draws of 5, in pairs: a standard error of about 1.3 % of 6,000
    np.testing.assert_allclose(counts, 6000, rtol=0.07)


def test_paired_bootstrap_p_value_exactly():
    # two images, one right only by A: draws hold it 0, 1 or 2 times with chances 1/4, 1/2, 1/4
    found = ev.paired_bootstrap([0, 0], [0, 0], [0, 1], n_resamples=50_000)
    assert found.p_value == pytest.approx(0.5, abs=0.02)
    # certain: 40 of 40 are right only by A; no draw reaches 0, and p is the least that 99 draws can show
    labels, a, b = predictions(0, 40, 0, 0)
    assert ev.paired_bootstrap(labels, a, b, n_resamples=99).p_value == 2 / 100
    assert ev.paired_bootstrap(labels, b, a, n_resamples=99).p_value == 2 / 100
    same = ev.paired_bootstrap(labels, a, a)
    assert (same.p_value, same.verdict) == (1, "cannot tell")
    assert (same.difference.low, same.difference.high) == (0, 0)
    by_metric = ev.paired_bootstrap(labels, a, b, metric=lambda y, p: (y == p).mean(), n_resamples=99)
    assert by_metric.p_value == 2 / 100


def test_differences_of_rounding_size_are_ties():
    # 0.1 + 0.2 − 0.3 is not 0 in floating point, and still no difference
    labels = np.arange(6) % 2
    metric = lambda y, p: p[0]  # noqa: E731
    for a, b in ((0.1 + 0.2, 0.3), (0.3, 0.1 + 0.2)):
        found = ev.paired_bootstrap(labels, np.full(6, a), np.full(6, b), metric=metric, n_resamples=20)
        assert found.p_value == 1


def test_paired_bootstrap_refuses():
    with pytest.raises(ValueError, match="at least two images, but there is 1"):
        ev.paired_bootstrap([0], [0], [1])
    mean = lambda y, p: np.mean(p)  # noqa: E731
    for sizes in ((2, 3), (3, 2)):
        with pytest.raises(ValueError, match="3 labels, but"):
            ev.paired_bootstrap([0, 1, 1], np.ones(sizes[0]), np.ones(sizes[1]), metric=mean)
    labels = np.array([1] + [0] * 9)
    with pytest.raises(ValueError, match="not a finite number on some resample"):
        ev.paired_bootstrap(labels, labels, labels, metric=ev.recall, n_resamples=100)
    with pytest.raises(ValueError, match="not a finite number"):
        ev.paired_bootstrap(labels, labels, labels, metric=lambda y, p: math.nan, n_resamples=5)


# seeds


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=10))
def test_paired_t_agrees_with_scipy(values):
    a, b = map(np.array, zip(*values, strict=True))
    found = ev.paired_t(a, b)
    assert found.difference.value == pytest.approx((a - b).mean(), abs=1e-12)
    if np.ptp(a - b) > 1e-6:
        expected = stats.ttest_rel(a, b)
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
        low, high = expected.confidence_interval(0.95)
        assert (found.difference.low, found.difference.high) == (pytest.approx(low), pytest.approx(high))


def test_paired_t_by_hand_and_degenerate():
    # differences 1, 2, 3: mean 2, standard error 1/sqrt(3), t = 2 sqrt(3) with 2 degrees of freedom
    found = ev.paired_t([2, 4, 6], [1, 2, 3], unit="")
    assert found.p_value == pytest.approx(2 * stats.t.sf(2 * math.sqrt(3), 2))
    assert found.difference.high - 2 == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert found.difference.unit == ""
    assert (found.n, found.method, found.only_a) == (3, "paired t over seeds", None)
    assert ev.paired_t([0.9, 0.91, 0.93], [0.7, 0.72, 0.71], names=("x", "y")).verdict == "x is better"
    narrow = ev.paired_t([2, 4, 6], [1, 2, 3], confidence=0.5)
    assert narrow.difference.high < found.difference.high
    assert (narrow.confidence, narrow.difference.confidence) == (0.5, 0.5)
    same = ev.paired_t([0.1, 0.2], [0.1, 0.2])
    assert (same.p_value, same.difference.value, same.verdict) == (1, 0, "cannot tell")
    always = ev.paired_t([0.3, 0.4], [0.1, 0.2])  # 0.3 − 0.1 and 0.4 − 0.2 differ by rounding only
    assert (always.p_value, always.verdict) == (0, "A is better")
    assert always.difference.low == always.difference.high == pytest.approx(0.2)
    assert ev.paired_t([0.1, 0.2], [0.3, 0.4]).verdict == "B is better"
    never = ev.paired_t([0.1 + 0.2, 0.3], [0.3, 0.3])
    assert (never.p_value, never.difference.value) == (1, 0)


@pytest.mark.parametrize(
    ("a", "b"), [([1], [2]), ([1, 2], [1, 2, 3]), ([[1, 2]], [[1, 2]]), ([1, np.nan], [1, 2]), ([1, 2], [np.inf, 1])]
)
def test_paired_t_refuses(a, b):
    with pytest.raises(ValueError, match="seed"):
        ev.paired_t(a, b)


# several comparisons


@pytest.mark.parametrize("m", [1, 2, 3, 7, 12])
def test_holm_agrees_with_statsmodels(m):
    p_values = np.random.default_rng(m).random(m) ** 3
    p_values[-1] = p_values[0]  # a tie
    _, expected, *_ = multipletests(p_values, method="holm")
    np.testing.assert_allclose(ev.holm(p_values), expected, rtol=1e-12)


def test_holm_by_hand():
    # Holm's rule on 0.01, 0.04, 0.03, 0.005: sorted times 4, 3, 2, 1, never decreasing
    np.testing.assert_allclose(ev.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_array_equal(ev.holm([0.6, 0.7]), [1, 1])
    np.testing.assert_array_equal(ev.holm([0, 1]), [0, 1])
    assert ev.holm([]).shape == (0,)
    for bad in ([1.1], [-0.1], [math.nan], [[0.1]], 0.1):
        with pytest.raises(ValueError, match="p-values"):
            ev.holm(bad)


def test_compare_all():
    labels, a, b = predictions(900, 24, 10, 66)
    c = a.copy()
    c[:3] = 1
    models = {"a": a, "b": b, "c": c}
    tests = ev.compare_all(labels, models)
    assert [test.names for test in tests] == [("a", "b"), ("a", "c"), ("b", "c")]
    raw = [ev.mcnemar(labels, models[x], models[y]).p_value for x, y in (("a", "b"), ("a", "c"), ("b", "c"))]
    assert [test.p_value for test in tests] == raw
    np.testing.assert_allclose([test.adjusted_p for test in tests], ev.holm(raw))
    # 24 : 10 alone has p = 0.024, which three comparisons raise above 0.05
    assert ev.mcnemar(labels, a, b).verdict == "A is better"
    assert tests[0].verdict == "cannot tell"
    assert "(corrected)" in str(tests[0])
    against = ev.compare_all(labels, models, reference="b", confidence=0.9)
    assert [test.names for test in against] == [("a", "b"), ("c", "b")]
    assert against[0].confidence == 0.9
    pair = ev.compare_all(labels, {"a": a, "b": b})
    assert pair[0].adjusted_p == pair[0].p_value
    with pytest.raises(ValueError, match="at least two models, but there is 1"):
        ev.compare_all(labels, {"a": a})
    with pytest.raises(ValueError, match="no model is called 'z'; there are a, b, c"):
        ev.compare_all(labels, models, reference="z")


# sample size


def test_images_needed_of_published_examples():
    # R's power.prop.test computes the same formula; its manual gives n = 76.7 for 0.50 against 0.75 with power 0.90
    assert ev.images_needed(0.50, 0.75, power=0.90) == 77
    # the textbook case of 60 against 70 % with power 0.80: 356 a group
    assert ev.images_needed(0.6, 0.7) == 356


@given(st.floats(0.05, 0.95), st.floats(0.02, 0.3), st.floats(0.5, 0.95), st.sampled_from([0.9, 0.95, 0.99]))
def test_images_needed_gives_the_power_that_statsmodels_computes(p, gap, power, confidence):
    other = p - gap if p > 0.5 else p + gap
    n = ev.images_needed(p, other, power=power, confidence=confidence)
    assert n == ev.images_needed(other, p, power=power, confidence=confidence)
    alpha = 1 - confidence
    found = power_proportions_2indep(p - other, other, n, alpha=alpha).power
    assert found >= power - 1e-3
    if n > 3:
        assert power_proportions_2indep(p - other, other, n - 1, alpha=alpha).power < power + 5e-3


def test_98_1_against_98_6():
    assert ev.images_needed(0.981, 0.986) == 10_189
    assert ev.images_needed_paired(0.981, 0.986, discordant=0.01) == 3_373


def exact_power(n, gap, psi, level, trials=200_000):
    """Share of simulated test sets on which McNemar's exact test finds the better model."""
    counts = np.random.default_rng(n).multinomial(n, [(psi + gap) / 2, (psi - gap) / 2, 1 - psi], size=trials)
    won, lost = counts[:, 0], counts[:, 1]
    p = 2 * stats.binom.cdf(np.minimum(won, lost), won + lost, 0.5)
    return ((p < level) & (won > lost)).mean()


@pytest.mark.parametrize(
    ("a", "b", "discordant", "power", "confidence"),
    [
        (0.9, 0.93, 0.07, 0.8, 0.95),
        (0.9, 0.93, None, 0.9, 0.95),
        (0.8, 0.85, 0.2, 0.7, 0.99),
        (0.9, 0.95, 0.05, 0.8, 0.95),
        (0.981, 0.986, 0.01, 0.8, 0.95),
    ],
)
def test_images_needed_paired_gives_the_power_it_promises(a, b, discordant, power, confidence):
    n = ev.images_needed_paired(a, b, discordant=discordant, power=power, confidence=confidence)
    assert n == ev.images_needed_paired(b, a, discordant=discordant, power=power, confidence=confidence)
    psi = discordant or a * (1 - b) + b * (1 - a)
    found = exact_power(n, b - a, psi, 1 - confidence)
    # 200,000 test sets: the standard error is 0.1 points; a single image adds little
    assert power - 0.004 < found < power + 0.02
    # the formula for the test without continuity correction promises too much
    z, z_power = stats.norm.ppf(0.5 + confidence / 2), stats.norm.ppf(power)
    formula = math.ceil((z * math.sqrt(psi) + z_power * math.sqrt(psi - (b - a) ** 2)) ** 2 / (b - a) ** 2)
    assert exact_power(formula, b - a, psi, 1 - confidence) < power - 0.005


def test_images_needed_paired_at_the_ends():
    # errors independent: psi = 0.9 · 0.05 + 0.95 · 0.1 = 0.14
    assert ev.images_needed_paired(0.9, 0.95) == ev.images_needed_paired(0.9, 0.95, discordant=0.14)
    # one always right, the other never: 6 : 0 is the first that p < 0.05 tells
    assert ev.images_needed_paired(1.0, 0.0) == ev.images_needed_paired(1.0, 0.0, discordant=1.0) == 6


# what could have been found


@pytest.mark.parametrize(("n", "share"), [(1000, 0.04), (300, 0.1), (2000, 0.005), (100, 0.0)])
@pytest.mark.parametrize("comparisons", [1, 6])
def test_the_detectable_difference_is_found_four_times_in_five(n, share, comparisons):
    half = round(n * share / 2)
    test = ev.mcnemar(*predictions(n - 2 * half, half, half, 0))
    test = replace(test, comparisons=comparisons)
    gap = test.detectable
    assert exact_power(n, gap, max(share, gap), 0.05 / comparisons, 100_000) == pytest.approx(0.8, abs=0.006)
    # it does not depend on what was seen to differ
    assert replace(test, difference=replace(test.difference, value=0.5)).detectable == gap


def test_what_is_detectable_by_t():
    test = ev.paired_t([2, 4, 6], [1, 2, 3])
    expected = (stats.t.ppf(0.975, 2) + stats.t.ppf(0.8, 2)) / math.sqrt(3)
    assert test.detectable == pytest.approx(expected)
    assert (test.standard_error, test.df) == (pytest.approx(1 / math.sqrt(3)), 2)
    stricter = replace(test, comparisons=4, confidence=0.9)
    assert stricter.detectable == pytest.approx((stats.t.ppf(1 - 0.0125, 2) + stats.t.ppf(0.8, 2)) / math.sqrt(3))
    always = ev.paired_t([0.3, 0.4], [0.1, 0.2])  # no spread: nothing is known
    assert always.detectable is None
    assert "detectable" not in str(always)
    assert always.detectable_text == "detectable difference unknown"
    drawn = ev.paired_bootstrap(*predictions(60, 20, 8, 12))
    assert drawn.detectable == pytest.approx(2.8016 * drawn.standard_error, rel=1e-4)
    assert ev.PairedTest(("a", "b"), drawn.difference, 0.04, "x", 1).detectable is None
    assert ev.mcnemar([0] * 5, [0] * 5, [1] * 5).detectable == math.inf
    assert "detectable from 0.123" in str(
        replace(drawn, difference=replace(drawn.difference, unit=""), standard_error=0.0438)
    )


# margins


@pytest.mark.parametrize(
    ("low", "value", "high", "p", "verdict", "not_worse"),
    [
        (-0.004, 0.001, 0.006, 0.5, "A and B differ by less than 1.0 points", ("A", "B")),
        (-0.004, 0.011, 0.026, 0.2, "A is less than 1.0 points worse than B", ("A",)),
        (-0.026, -0.011, 0.004, 0.2, "B is less than 1.0 points worse than A", ("B",)),
        (-0.026, 0.001, 0.026, 0.9, "cannot tell", ()),
        (0.002, 0.005, 0.008, 0.01, "A is better, by less than 1.0 points", ("A", "B")),
        (-0.008, -0.005, -0.002, 0.01, "B is better, by less than 1.0 points", ("A", "B")),
        (0.002, 0.015, 0.028, 0.01, "A is better", ("A",)),
        (-0.01, 0.0, 0.01, 1.0, "cannot tell", ()),  # ends at the margin do not show it
    ],
)
def test_verdicts_with_a_margin(low, value, high, p, verdict, not_worse):
    test = ev.PairedTest(("A", "B"), ev.Estimate(value, low, high, 1000, unit="points"), p, "x", 1000, margin=0.01)
    assert (test.verdict, test.non_inferior) == (verdict, not_worse)
    assert replace(test, margin=None).non_inferior == ()
    assert replace(test, margin=None).verdict in ("A is better", "B is better", "cannot tell")


def test_margins_are_shares():
    for bad in (0, 1, 2.0, -0.01, math.nan):
        with pytest.raises(ValueError, match=r"margin=.*as a share, such as 0.01 for one point"):
            ev.mcnemar([0, 1], [0, 1], [0, 1], margin=bad)
    found = ev.mcnemar(*predictions(990, 5, 5, 0), margin=0.02, names=("x", "y"))
    assert found.verdict == "x and y differ by less than 2.0 points"
    (one,) = ev.compare_all(*two_of(predictions(990, 5, 5, 0)), margin=0.02)
    assert one.verdict == "a and b differ by less than 2.0 points"


def two_of(data):
    labels, a, b = data
    return labels, {"a": a, "b": b}


@pytest.mark.parametrize(("n", "discordant"), [(300, 0.03), (300, 0.1), (1000, 0.02), (1000, 0.04), (1000, 0.1)])
def test_a_loss_of_just_the_margin_is_called_none_in_at_most_one_experiment_in_forty(n, discordant):
    """Every table that there is, weighed by its chance, with a true difference of −margin; Bonett and Price's beside."""
    margin = 0.02
    more, less = (discordant + margin) / 2, (discordant - margin) / 2
    counts = np.random.default_rng(n).multinomial(n, [less, more, 1 - discordant], size=100_000)
    tables, times = np.unique(counts[:, :2], axis=0, return_counts=True)
    z = stats.norm.ppf(0.975)
    shown = np.array([paired._score_low(int(a), int(b), n, z) > -margin for a, b in tables])
    assert (shown * times).sum() / 100_000 < 0.0265
    share_a, share_b = (tables.T + 1) / (n + 2)
    gap = share_a - share_b
    simpler = gap - z * np.sqrt((share_a + share_b - gap**2) / (n + 2)) > -margin
    if discordant < 2 * margin and n == 300:
        assert (simpler * times).sum() / 100_000 > 0.028


# sample size refuses


@pytest.mark.parametrize("function", [ev.images_needed, ev.images_needed_paired])
def test_sample_sizes_refuse(function):
    for pair in ((1.1, 0.5), (0.5, -0.1), (98.1, 98.6), (math.nan, 0.5)):
        with pytest.raises(ValueError, match=r"accuracy_[ab]=.*: give a number in \[0, 1\]"):
            function(*pair)
    with pytest.raises(ValueError, match="equal accuracies"):
        function(0.9, 0.9)
    for power in (0, 1, 80):
        with pytest.raises(ValueError, match="power"):
            function(0.9, 0.8, power=power)
    with pytest.raises(ValueError, match="confidence"):
        function(0.9, 0.8, confidence=1)


def test_impossible_discordance_is_refused():
    ev.images_needed_paired(0.9, 0.95, discordant=0.15)
    ev.images_needed_paired(0.1, 0.2, discordant=0.3)
    for a, b, psi in ((0.9, 0.95, 0.04), (0.9, 0.95, 0.16), (0.1, 0.2, 0.31)):
        with pytest.raises(ValueError, match="lies between"):
            ev.images_needed_paired(a, b, discordant=psi)
