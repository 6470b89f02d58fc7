"""Right and wrong answers to every question of this assignment, on which its checks are tested."""


# %% q1 right: centre and half width
def interval(n_right, n):
    z = 1.959964
    p = n_right / n
    shrink = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / shrink
    half = z / shrink * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    return centre - half, centre + half


times_as_many = 4.0


# %% q1 right: counts in place of shares
def interval(n_right, n):
    z2 = stats.norm.ppf(0.975) ** 2
    root = np.sqrt(z2 * (z2 + 4 * n_right * (n - n_right) / n))
    return tuple((2 * n_right + z2 + sign * root) / (2 * (n + z2)) for sign in (-1, 1))


times_as_many = 2**2


# %% q1 right: SciPy has it
def interval(n_right, n):
    ends = stats.binomtest(int(n_right), int(n)).proportion_ci(0.95, method="wilson")
    return [ends.low, ends.high]


times_as_many = 4


# %% q1 wrong: the example by heart
def interval(n_right, n):
    return 0.826, 0.945


times_as_many = 4


# %% q1 wrong: the textbook's interval
def interval(n_right, n):
    p = n_right / n
    half = 1.96 * np.sqrt(p * (1 - p) / n)
    return p - half, p + half


times_as_many = 4


# %% q1 wrong: one standard error
def interval(n_right, n):
    p = n_right / n
    half = np.sqrt(p * (1 - p) / n + 1 / (4 * n**2))
    return (p + 1 / (2 * n) - half) / (1 + 1 / n), (p + 1 / (2 * n) + half) / (1 + 1 / n)


times_as_many = 4


# %% q1 wrong: the spread of single answers instead of that of their mean
def interval(n_right, n):
    p = n_right / n
    half = 1.96 * np.sqrt(p * (1 - p))
    return max(0, p - half), min(1, p + half)


times_as_many = 4


# %% q1 wrong: twice the images, half the width
def interval(n_right, n):
    ends = stats.binomtest(int(n_right), int(n)).proportion_ci(0.95, method="wilson")
    return ends.low, ends.high


times_as_many = 2


# %% q1 wrong: the z of a one-sided interval
def interval(n_right, n):
    z, p = stats.norm.ppf(0.95), n_right / n
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (p + z**2 / (2 * n) - half) / (1 + z**2 / n), (p + z**2 / (2 * n) + half) / (1 + z**2 / n)


times_as_many = 4


# %% q1 wrong: the fraction stands before the first term only
def interval(n_right, n):
    z, p = 1.96, n_right / n
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    return centre - half, centre + half


times_as_many = 4


# %% q1 wrong: the root of two, taken the wrong way round
def interval(n_right, n):
    z, p = 1.96, n_right / n
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (p + z**2 / (2 * n) - half) / (1 + z**2 / n), (p + z**2 / (2 * n) + half) / (1 + z**2 / n)


times_as_many = np.sqrt(2)


# %% q2 right: SciPy's binomial test
def exact_p(labels, guess_a, guess_b):
    a, b = guess_a == labels, guess_b == labels
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    if only_a + only_b == 0:
        return 1.0
    return stats.binomtest(only_a, only_a + only_b, 0.5).pvalue


# %% q2 right: binomial coefficients summed up
def exact_p(labels, guess_a, guess_b):
    from math import comb

    a, b = guess_a == labels, guess_b == labels
    m, rarer = int((a != b).sum()), int(min((a & ~b).sum(), (b & ~a).sum()))
    return min(1.0, 2 * sum(comb(m, k) for k in range(rarer + 1)) / 2**m)


# %% q2 right: counted in a loop
def exact_p(labels, guess_a, guess_b):
    only = [0, 0]
    for label, first, second in zip(labels, guess_a, guess_b, strict=True):
        if (first == label) != (second == label):
            only[0 if first == label else 1] += 1
    tail = stats.binom(sum(only), 0.5).cdf(min(only)) if sum(only) else 1.0
    return float(min(1.0, 2 * tail))


# %% q2 right: both ends of the distribution added up
def exact_p(labels, guess_a, guess_b):
    a, b = guess_a == labels, guess_b == labels
    only_a, only_b = np.sum(a & ~b), np.sum(b & ~a)
    heads = np.arange(only_a + only_b + 1)
    chance = stats.binom.pmf(heads, only_a + only_b, 0.5)
    far = np.abs(2 * heads - only_a - only_b) >= abs(only_a - only_b)
    return min(1.0, chance[far].sum())


# %% q2 wrong: the examples by heart
def exact_p(labels, guess_a, guess_b):
    return 0.375 if np.sum(guess_a != guess_b) == 5 else 1.0


# %% q2 wrong: one-sided
def exact_p(labels, guess_a, guess_b):
    a, b = guess_a == labels, guess_b == labels
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return stats.binom.cdf(min(only_a, only_b), only_a + only_b, 0.5)


# %% q2 wrong: two accuracies on separate test sets
def exact_p(labels, guess_a, guess_b):
    n, a, b = len(labels), int((guess_a == labels).sum()), int((guess_b == labels).sum())
    return stats.fisher_exact([[a, n - a], [b, n - b]]).pvalue


# %% q2 wrong: the normal approximation
def exact_p(labels, guess_a, guess_b):
    a, b = guess_a == labels, guess_b == labels
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return 2 * stats.norm.sf(abs(only_a - only_b) / max(1, only_a + only_b) ** 0.5)


# %% q2 wrong: where the models differ, not where one of them is right
def exact_p(labels, guess_a, guess_b):
    larger, smaller = int((guess_a > guess_b).sum()), int((guess_a < guess_b).sum())
    return min(1.0, 2 * stats.binom.cdf(min(larger, smaller), larger + smaller, 0.5))


# %% q2 wrong: may exceed 1
def exact_p(labels, guess_a, guess_b):
    a, b = guess_a == labels, guess_b == labels
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return 2 * stats.binom.cdf(min(only_a, only_b), only_a + only_b, 0.5)


# %% q2 wrong: the chance of this very count, not of one as small
def exact_p(labels, guess_a, guess_b):
    a, b = guess_a == labels, guess_b == labels
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return min(1.0, 2 * stats.binom.pmf(min(only_a, only_b), only_a + only_b, 0.5))


# %% q3 right: model by model
first_p = exact_p(truth, answers["rival 1"], answers["probe"])
second_p = exact_p(truth, answers["rival 2"], answers["probe"])
p_value = {"rival 1": first_p, "rival 2": second_p}
ends = {name: interval(int((guess == truth).sum()), len(truth)) for name, guess in answers.items()}
intervals_overlap = {name: ends[name][0] < ends["probe"][1] for name in ("rival 1", "rival 2")}
replace_by = {
    "rival 1": "better" if first_p < 0.05 else "cannot tell",
    "rival 2": "better" if second_p < 0.05 else "cannot tell",
}

# %% q3 right: with the package
from tlbook import evaluation

tests = {
    name: evaluation.mcnemar(truth, answers[name], answers["probe"], names=(name, "probe"))
    for name in ("rival 1", "rival 2")
}
p_value = {name: test.p_value for name, test in tests.items()}
words = {"probe": "worse", None: "cannot tell"}
replace_by = {name: words.get(test.winner, "better") for name, test in tests.items()}
bars = {name: evaluation.accuracy(truth, guess) for name, guess in answers.items()}
intervals_overlap = {
    name: not (bars[name].low > bars["probe"].high or bars["probe"].low > bars[name].high) for name in tests
}

# %% q3 right: SciPy's binomial test, the rival first
p_value, replace_by, intervals_overlap = {}, {}, {}
for name in ("rival 2", "rival 1"):
    hits, old = answers[name] == truth, answers["probe"] == truth
    gains, losses = int((hits & ~old).sum()), int((~hits & old).sum())
    p_value[name] = float(stats.binomtest(gains, gains + losses).pvalue)
    replace_by[name] = "cannot tell"
    if p_value[name] < 0.05:
        replace_by[name] = "better" if gains > losses else "worse"
    intervals_overlap[name] = bool(interval(hits.sum(), 1000)[0] <= interval(old.sum(), 1000)[1])

# %% q3 wrong: the form that the public check wants by heart, the values made up
intervals_overlap = {"rival 1": True, "rival 2": True}
p_value = {"rival 1": 0.01, "rival 2": 0.2}
replace_by = {"rival 1": "better", "rival 2": "cannot tell"}

# %% q3 wrong: the higher accuracy is better
p_value = {name: exact_p(truth, answers[name], answers["probe"]) for name in ("rival 1", "rival 2")}
intervals_overlap = {"rival 1": True, "rival 2": True}
replace_by = {
    name: "better" if np.mean(answers[name] == truth) > np.mean(answers["probe"] == truth) else "worse"
    for name in p_value
}

# %% q3 wrong: intervals that overlap settle it
p_value = {name: exact_p(truth, answers[name], answers["probe"]) for name in ("rival 1", "rival 2")}
intervals_overlap = {"rival 1": True, "rival 2": True}
replace_by = {name: "cannot tell" if overlap else "better" for name, overlap in intervals_overlap.items()}

# %% q3 wrong: a test for separate test sets
p_value, replace_by, intervals_overlap = {}, {}, {"rival 1": True, "rival 2": True}
for name in ("rival 1", "rival 2"):
    a, b = int((answers[name] == truth).sum()), int((answers["probe"] == truth).sum())
    p_value[name] = stats.fisher_exact([[a, 1000 - a], [b, 1000 - b]]).pvalue
    replace_by[name] = "better" if p_value[name] < 0.05 else "cannot tell"

# %% q3 wrong: no significance is taken for worse
p_value = {name: exact_p(truth, answers[name], answers["probe"]) for name in ("rival 1", "rival 2")}
intervals_overlap = {"rival 1": True, "rival 2": True}
replace_by = {name: "better" if p < 0.05 else "worse" for name, p in p_value.items()}

# %% q3 wrong: a paired test must mean intervals apart
p_value = {name: exact_p(truth, answers[name], answers["probe"]) for name in ("rival 1", "rival 2")}
intervals_overlap = {name: p >= 0.05 for name, p in p_value.items()}
replace_by = {name: "better" if p < 0.05 else "cannot tell" for name, p in p_value.items()}


# %% q4 right: scikit-learn's scores
def precision_recall(labels, guess):
    from sklearn.metrics import precision_score, recall_score

    return precision_score(labels, guess, zero_division=0), recall_score(labels, guess)


recalls = {letter: precision_recall(dogs, guess)[1] for letter, guess in shelter.items()}
finder = max(recalls, key=recalls.get)
errors_of = {letter: int((guess != dogs).sum()) for letter, guess in shelter.items()}
most_accurate = min(errors_of, key=errors_of.get)


# %% q4 right: counted in a loop
def precision_recall(labels, guess):
    tp = fp = fn = 0
    for label, said in zip(labels, guess, strict=True):
        tp += int(label == 1 and said == 1)
        fp += int(label == 0 and said == 1)
        fn += int(label == 1 and said == 0)
    return tp / (tp + fp) if tp + fp else 0, tp / (tp + fn)


finder = sorted(shelter, key=lambda letter: precision_recall(dogs, shelter[letter])[1])[-1]
most_accurate = sorted(shelter, key=lambda letter: (shelter[letter] == dogs).mean())[-1]


# %% q4 right: means of what was selected
def precision_recall(labels, guess):
    called = labels[guess == 1]
    return (called.mean() if called.size else 0.0), guess[labels == 1].mean()


finder = list("ABC")[int(np.argmax([shelter[letter][dogs == 1].sum() for letter in "ABC"]))]
most_accurate = list("ABC")[int(np.argmax([np.mean(shelter[letter] == dogs) for letter in "ABC"]))]


# %% q4 wrong: the example by heart
def precision_recall(labels, guess):
    return (0.4, 0.5) if guess.any() else (0, 0)


finder, most_accurate = "A", "B"


# %% q4 wrong: the most accurate model is taken for the finder
def precision_recall(labels, guess):
    found, called = np.sum((labels == 1) & (guess == 1)), np.sum(guess == 1)
    return (found / called if called else 0.0), found / np.sum(labels == 1)


most_accurate = max(shelter, key=lambda letter: np.mean(shelter[letter] == dogs))
finder = most_accurate


# %% q4 wrong: precision and recall swapped
def precision_recall(labels, guess):
    found, called = np.sum((labels == 1) & (guess == 1)), np.sum(guess == 1)
    return found / np.sum(labels == 1), (found / called if called else 0.0)


finder = max(shelter, key=lambda letter: shelter[letter][dogs == 1].sum())
most_accurate = max(shelter, key=lambda letter: np.mean(shelter[letter] == dogs))


# %% q4 wrong: accuracy under another name
def precision_recall(labels, guess):
    return np.mean(guess == labels), np.mean(guess == labels)


finder = max(shelter, key=lambda letter: np.mean(shelter[letter] == dogs))
most_accurate = finder


# %% q4 wrong: divides by zero where nothing was called dog
def precision_recall(labels, guess):
    found = int(np.sum((labels == 1) & (guess == 1)))
    return found / int(np.sum(guess == 1)), found / int(np.sum(labels == 1))


finder = max(shelter, key=lambda letter: shelter[letter][dogs == 1].sum())
most_accurate = max(shelter, key=lambda letter: np.mean(shelter[letter] == dogs))


# %% q4 wrong: the cat is the positive class
def precision_recall(labels, guess):
    found, called = np.sum((labels == 0) & (guess == 0)), np.sum(guess == 0)
    return found / called, found / np.sum(labels == 0)


finder = max(shelter, key=lambda letter: shelter[letter][dogs == 1].sum())
most_accurate = max(shelter, key=lambda letter: np.mean(shelter[letter] == dogs))


# %% q4 wrong: the most precise model is taken for the finder
def precision_recall(labels, guess):
    found, called = np.sum((labels == 1) & (guess == 1)), np.sum(guess == 1)
    return (found / called if called else 0.0), found / np.sum(labels == 1)


finder = max(shelter, key=lambda letter: precision_recall(dogs, shelter[letter])[0])
most_accurate = max(shelter, key=lambda letter: np.mean(shelter[letter] == dogs))


# %% q5 right: a loop
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    def mean_cost(labels, scores, threshold):
        total = 0
        for label, score in zip(labels, scores, strict=True):
            if label == 1 and score < threshold:
                total += miss
            elif label == 0 and score >= threshold:
                total += false_alarm
        return total / len(labels)

    best, lowest = None, None
    for threshold in grid:
        cost = mean_cost(*validation, threshold)
        if lowest is None or cost < lowest - 1e-12:
            best, lowest = threshold, cost
    return best, mean_cost(*test, best)


# %% q5 right: all thresholds at once
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    def totals(labels, scores, thresholds):
        called = scores[None] >= np.asarray(thresholds)[:, None]
        return (called & (labels == 0)).sum(axis=1) * false_alarm + (~called & (labels == 1)).sum(axis=1) * miss

    best = list(grid)[int(np.argmin(totals(*validation, grid)))]
    return best, totals(*test, [best])[0] / len(test[0])


# %% q5 right: the package's mean cost
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    from tlbook import evaluation

    prices = {"false_positive": false_alarm, "false_negative": miss}
    best = min(grid, key=lambda t: round(evaluation.mean_cost(validation[0], validation[1] >= t, **prices), 9))
    return best, evaluation.mean_cost(test[0], test[1] >= best, **prices)


# %% q5 right: the two kinds of error as shares, priced and added
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    def cost(labels, scores, threshold):
        alarms = np.mean((scores >= threshold) & (labels == 0))
        misses = np.mean((scores < threshold) & (labels == 1))
        return false_alarm * alarms + miss * misses

    costs = [cost(*validation, threshold) for threshold in grid]
    best = grid[costs.index(min(costs))]
    return best, cost(*test, best)


# %% q5 right: by class
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    def cost(labels, scores, t):
        cats, dogs = scores[labels == 0], scores[labels == 1]
        share = len(dogs) / len(labels)
        return (1 - share) * false_alarm * np.mean(cats >= t) + share * miss * np.mean(dogs < t)

    best, lowest = None, np.inf
    for t in grid:
        if cost(*validation, t) < lowest:
            best, lowest = t, cost(*validation, t)
    return best, cost(*test, best)


# %% q5 wrong: the example by heart
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    return 0.4 if len(grid) == 5 else 0.35, 2.75


# %% q5 wrong: chosen on the test images
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    def cost(part, threshold):
        called = part[1] >= threshold
        return np.mean(false_alarm * (called & (part[0] == 0)) + miss * (~called & (part[0] == 1)))

    best = min(grid, key=lambda t: cost(test, t))
    return best, cost(test, best)


# %% q5 wrong: reports the cost where it was chosen
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    def cost(part, threshold):
        called = part[1] >= threshold
        return np.mean(false_alarm * (called & (part[0] == 0)) + miss * (~called & (part[0] == 1)))

    best = min(grid, key=lambda t: cost(validation, t))
    return best, cost(validation, best)


# %% q5 wrong: the last of those that are equally cheap
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    def cost(part, threshold):
        called = part[1] >= threshold
        return np.mean(false_alarm * (called & (part[0] == 0)) + miss * (~called & (part[0] == 1)))

    best = min(reversed(grid), key=lambda t: cost(validation, t))
    return best, cost(test, best)


# %% q5 wrong: always one half
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    best = min(grid, key=lambda t: abs(t - 0.5))
    called = test[1] >= best
    return best, np.mean(false_alarm * (called & (test[0] == 0)) + miss * (~called & (test[0] == 1)))


# %% q5 wrong: the two costs swapped
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    def cost(part, threshold):
        called = part[1] >= threshold
        return np.mean(miss * (called & (part[0] == 0)) + false_alarm * (~called & (part[0] == 1)))

    best = min(grid, key=lambda t: cost(validation, t))
    return best, cost(test, best)


# %% q5 wrong: the most accurate threshold, whatever an error costs
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    best = max(grid, key=lambda t: np.mean((validation[1] >= t) == (validation[0] == 1)))
    called = test[1] >= best
    return best, np.mean(false_alarm * (called & (test[0] == 0)) + miss * (~called & (test[0] == 1)))


# %% q5 wrong: a score that equals the threshold is not called dog
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    def cost(labels, scores, t):
        return np.mean(false_alarm * ((scores > t) & (labels == 0)) + miss * ((scores <= t) & (labels == 1)))

    best = min(grid, key=lambda t: cost(*validation, t))
    return best, cost(*test, best)


# %% q5 wrong: all images choose, and all say the cost
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    labels, scores = (np.concatenate(both) for both in zip(validation, test, strict=True))

    def cost(t):
        return np.mean(false_alarm * ((scores >= t) & (labels == 0)) + miss * ((scores < t) & (labels == 1)))

    best = min(grid, key=cost)
    return best, cost(best)


# %% q5 wrong: the whole bill, not the mean
def threshold_and_cost(validation, test, grid, false_alarm, miss):
    def cost(labels, scores, t):
        return np.sum(false_alarm * ((scores >= t) & (labels == 0)) + miss * ((scores < t) & (labels == 1)))

    best = min(grid, key=lambda t: cost(*validation, t))
    return best, cost(*test, best)


# %% q6 right: a loop over the sorted values
def corrected(p_values):
    p_values = list(p_values)
    result, above = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda k: p_values[k])):
        above = max(above, min(1.0, p_values[place] * (len(p_values) - rank)))
        result[place] = above
    return np.array(result)


told = {name for name, p in zip(p_of, corrected(p_of.values()), strict=True) if p < 0.05}


# %% q6 right: from the definition, without sorting
def corrected(p_values):
    p = np.asarray(p_values, float)
    raised = np.minimum(1, p * np.array([(p >= one).sum() for one in p]))
    return np.array([raised[p <= one].max() for one in p])


told = set(np.array(list(p_of))[corrected(list(p_of.values())) < 0.05].tolist())


# %% q6 right: the package
def corrected(p_values):
    from tlbook import evaluation

    return evaluation.holm(p_values)


told = {name for name, p in zip(p_of, corrected(list(p_of.values())), strict=True) if p < 0.05}


# %% q6 wrong: the example by heart
def corrected(p_values):
    return np.array([0.06, 0.03, 0.06]) if len(p_values) == 3 else np.ones(2)


told = {"flip", "rotation"}


# %% q6 wrong: no correction
def corrected(p_values):
    return np.asarray(p_values, float)


told = {name for name, p in p_of.items() if p < 0.05}


# %% q6 wrong: all multiplied by their number
def corrected(p_values):
    return np.minimum(1, np.asarray(p_values) * len(p_values))


told = {name for name, p in zip(p_of, corrected(list(p_of.values())), strict=True) if p < 0.05}


# %% q6 wrong: the function is right, but the names are told with twelve times each p-value
def corrected(p_values):
    from tlbook import evaluation

    return evaluation.holm(p_values)


told = {name for name, p in p_of.items() if p * len(p_of) < 0.05}


# %% q6 wrong: comes back sorted
def corrected(p_values):
    p = np.sort(p_values)
    return np.minimum(1, np.maximum.accumulate(p * np.arange(len(p), 0, -1)))


told = {name for name, p in zip(p_of, corrected(list(p_of.values())), strict=True) if p < 0.05}


# %% q6 wrong: a corrected value may fall below the one before it
def corrected(p_values):
    p = np.asarray(p_values, float)
    result = np.empty(len(p))
    order = np.argsort(p)
    result[order] = np.minimum(1, p[order] * np.arange(len(p), 0, -1))
    return result


told = {name for name, p in zip(p_of, corrected(list(p_of.values())), strict=True) if p < 0.05}


# %% q6 wrong: the share of false alarms among those told, which is another promise
def corrected(p_values):
    return stats.false_discovery_control(np.asarray(p_values))


told = {name for name, p in zip(p_of, corrected(list(p_of.values())), strict=True) if p < 0.05}


# %% q6 wrong: the factors the wrong way round
def corrected(p_values):
    p = np.asarray(p_values, float)
    result = np.empty(len(p))
    order = np.argsort(p)
    result[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(1, len(p) + 1)))
    return result


told = {name for name, p in zip(p_of, corrected(list(p_of.values())), strict=True) if p < 0.05}


# %% q7 right: counts up the sizes of the groups
def split_by_group(groups, test_share, seed):
    names, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    before = np.cumsum(sizes[order]) - sizes[order]
    chosen = order[before < test_share * len(groups)]
    return np.isin(place, chosen)


# %% q7 right: sets and a loop
def split_by_group(groups, test_share, seed):
    names = sorted(set(np.asarray(groups).tolist()))
    np.random.default_rng(seed).shuffle(names)
    test = set()
    while sum(group in test for group in groups) < test_share * len(groups):
        test.add(names.pop())
    return np.array([group in test for group in groups])


# %% q7 right: a list of positions
def split_by_group(groups, test_share, seed):
    rng = np.random.default_rng(seed)
    unique = np.unique(groups)
    rng.shuffle(unique)
    positions = []
    for group in unique:
        if len(positions) >= test_share * len(groups):
            break
        positions.extend(np.flatnonzero(groups == group))
    answer = np.full(len(groups), False)
    answer[positions] = True
    return answer


# %% q7 wrong: the example by heart
def split_by_group(groups, test_share, seed):
    return np.array([letter in "aefkc" for letter in "abcdefghijklmnopqrst" + "acegikmoqs" + "afkp"])


# %% q7 wrong: draws pictures, so that animals are on both sides
def split_by_group(groups, test_share, seed):
    is_test = np.zeros(len(groups), bool)
    is_test[np.random.default_rng(seed).permutation(len(groups))[: round(test_share * len(groups))]] = True
    return is_test


# %% q7 wrong: the first groups, whatever the seed
def split_by_group(groups, test_share, seed):
    is_test = np.zeros(len(groups), bool)
    for group in np.unique(groups):
        if is_test.mean() >= test_share:
            break
        is_test |= groups == group
    return is_test


# %% q7 wrong: a seed of its own
def split_by_group(groups, test_share, seed):
    is_test = np.zeros(len(groups), bool)
    for group in np.random.default_rng(0).permutation(np.unique(groups)):
        if is_test.mean() >= test_share:
            break
        is_test |= groups == group
    return is_test


# %% q7 wrong: a share of the groups instead of the pictures
def split_by_group(groups, test_share, seed):
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    return np.isin(groups, names[: round(test_share * len(names))])


# %% q7 wrong: cuts the last group in two to meet the share
def split_by_group(groups, test_share, seed):
    is_test = np.zeros(len(groups), bool)
    wanted = int(np.ceil(test_share * len(groups)))
    for group in np.random.default_rng(seed).permutation(np.unique(groups)):
        for place in np.flatnonzero(groups == group):
            if is_test.sum() < wanted:
                is_test[place] = True
    return is_test


# %% q7 wrong: not the same twice
def split_by_group(groups, test_share, seed):
    is_test = np.zeros(len(groups), bool)
    for group in np.random.default_rng().permutation(np.unique(groups)):
        if is_test.mean() >= test_share:
            break
        is_test |= groups == group
    return is_test


# %% q7 wrong: stops before the share would be passed
def split_by_group(groups, test_share, seed):
    is_test = np.zeros(len(groups), bool)
    for group in np.random.default_rng(seed).permutation(np.unique(groups)):
        if np.mean(is_test | (groups == group)) > test_share:
            break
        is_test |= groups == group
    return is_test


# %% q7 wrong: shuffles, and then takes the groups in their old order
def split_by_group(groups, test_share, seed):
    names = np.unique(groups)
    np.random.default_rng(seed).permutation(names)
    is_test = np.zeros(len(groups), bool)
    for group in names:
        if is_test.mean() >= test_share:
            break
        is_test |= groups == group
    return is_test


# %% q9 right: by its words
reading = next(letter for letter, text in choices.items() if "less than matters" in text)

# %% q9 right: by its place
reading = "ABCDE"[arranged.tolist().index(1)]

# %% q9 right: from the intervals
inside = [kind for kind in middle if abs(middle[kind]) + half[kind] < 1]
reading = next(letter for letter, text in choices.items() if text.startswith(known_as[inside[0]] + " differs"))

# %% q9 wrong: the largest point
reading = next(letter for letter, text in choices.items() if "the largest" in text)

# %% q9 wrong: an interval that holds 0 is taken for equality
reading = next(letter for letter, text in choices.items() if "as good as" in text)

# %% q9 wrong: overlapping intervals settle it
reading = next(letter for letter, text in choices.items() if "overlaps" in text)

# %% q9 wrong: a confidence interval taken for a forecast (the form by heart)
reading = next(letter for letter, text in choices.items() if "next test images" in text)
