"""Right and wrong answers to every question of this assignment, on which its checks are tested."""

# %% q1 right: by rules, one after the other
diagnoses = []
for plan in plans:
    if "ear" in plan["task"]:
        diagnoses.append("F")
    elif "light" in plan["task"]:
        diagnoses.append("D")
    elif "objects" in plan["task"]:
        diagnoses.append("E")
    elif plan["activation"] == "softmax":
        diagnoses.append("C" if plan["outputs"] == 6 else "B")
    else:
        diagnoses.append("A")

# %% q1 right: looked up by outputs and activation
table = {(6, None): "A", (6, "softmax"): "C", (3, None): "A", (3, "softmax"): "B", (1, None): "D", (1, "sigmoid"): "E"}
diagnoses = [table.get((plan["outputs"], plan["activation"]), "F") for plan in plans]

# %% q1 right: as one text
diagnoses = "".join("ACABDEF"[PLANS.index(plan)] for plan in plans)

# %% q1 right: read off the loss and the activation
diagnoses = []
for plan in plans:
    if "Binary" in plan["loss"]:
        letter = {None: "A", "softmax": "B"}[plan["activation"]]
        diagnoses.append("F" if plan["reads"] == "averages" and "places" in plan["task"] else letter)
    elif "Sparse" in plan["loss"]:
        diagnoses.append("A" if plan["activation"] is None else "C")
    else:
        diagnoses.append("E" if plan["activation"] else "D")


# %% q1 wrong: the letters of the check by heart
diagnoses = ["A", "B", "C", "D", "E", "F", "A"]

# %% q1 wrong: whatever runs is sound
diagnoses = ["A"] * 7

# %% q1 wrong: a softmax is right for several labels, too
diagnoses = ["ACAADEF"[PLANS.index(plan)] for plan in plans]

# %% q1 wrong: every softmax is taken for one that comes twice
diagnoses = ["ACACDEF"[PLANS.index(plan)] for plan in plans]

# %% q1 wrong: a classifier needs its softmax, so the one without it is broken
diagnoses = ["CAABDEF"[PLANS.index(plan)] for plan in plans]

# %% q1 wrong: degrees are numbers like others
diagnoses = ["ACABAEF"[PLANS.index(plan)] for plan in plans]

# %% q1 wrong: 144 outputs are 144 places
diagnoses = ["ACABDEA"[PLANS.index(plan)] for plan in plans]

# %% q1 wrong: a sigmoid is good for any number
diagnoses = ["ACABDAF"[PLANS.index(plan)] for plan in plans]


# %% q2 right: rank by rank
def average_precision(truth, score):
    pairs = sorted(zip(score, truth, strict=True), reverse=True)
    total = hits = 0
    for rank, (_, labelled) in enumerate(pairs, 1):
        if labelled:
            hits += 1
            total += hits / rank
    return total / hits


def lazy_accuracy(train_labels, test_labels):
    right = 0
    for column in range(train_labels.shape[1]):
        ones = (train_labels[:, column] == 1).sum()
        answer = 1 if ones > len(train_labels) - ones else 0
        right += (test_labels[:, column] == answer).sum()
    return right / test_labels.size


# %% q2 right: scikit-learn's function, and the label by label mean
def average_precision(truth, score):
    from sklearn.metrics import average_precision_score

    return average_precision_score(truth, score)


def lazy_accuracy(train_labels, test_labels):
    from sklearn.dummy import DummyClassifier

    dummies = [DummyClassifier().fit(np.zeros((len(one), 1)), np.r_[one]) for one in train_labels.T]
    guesses = [dummy.predict(np.zeros((len(test_labels), 1))) for dummy in dummies]
    return np.mean(np.array(guesses).T == test_labels)


# %% q2 right: how many score at least as high
def average_precision(truth, score):
    truth, score = np.asarray(truth), np.asarray(score)
    places = np.flatnonzero(truth)
    return float(np.mean([truth[score >= score[k]].mean() for k in places]))


def lazy_accuracy(train_labels, test_labels):
    guess = np.zeros_like(test_labels)
    guess[:, train_labels.sum(axis=0) * 2 > len(train_labels)] = 1
    return 1 - np.abs(guess - test_labels).mean()


# %% q2 right: plain Python
def average_precision(truth, score):
    order = sorted(range(len(score)), key=lambda i: -score[i])
    hits, precisions = 0, []
    for rank, i in enumerate(order, start=1):
        if truth[i]:
            hits += 1
            precisions.append(hits / rank)
    return sum(precisions) / len(precisions)


def lazy_accuracy(train_labels, test_labels):
    says = [sum(column) * 2 > len(column) for column in np.transpose(train_labels).tolist()]
    rows = np.asarray(test_labels).tolist()
    return sum(label == said for row in rows for label, said in zip(row, says, strict=True)) / np.size(test_labels)


# %% q2 wrong: the numbers of the checks by heart
def average_precision(truth, score):
    return (1 + 2 / 3) / 2 if score[0] < 1 else (1 / 3 + 2 / 5) / 2


def lazy_accuracy(train_labels, test_labels):
    return 0.5


# %% q2 wrong: the mean of the precision over all places
def average_precision(truth, score):
    ranked = np.asarray(truth)[np.argsort(-np.asarray(score))]
    return np.mean(np.cumsum(ranked) / np.arange(1, len(ranked) + 1))


def lazy_accuracy(train_labels, test_labels):
    return np.mean(test_labels == (train_labels.mean(axis=0) > 0.5))


# %% q2 wrong: the lowest score first
def average_precision(truth, score):
    ranked = np.asarray(truth)[np.argsort(score)]
    return (np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked == 1].mean()


def lazy_accuracy(train_labels, test_labels):
    return np.mean(test_labels == (train_labels.mean(axis=0) > 0.5))


# %% q2 wrong: the precision at a threshold of one half
def average_precision(truth, score):
    said = np.asarray(score) > 0.5
    return np.asarray(truth)[said].mean() if said.any() else 0.0


def lazy_accuracy(train_labels, test_labels):
    return np.mean(test_labels == (train_labels.mean(axis=0) > 0.5))


# %% q2 wrong: the precision only at the last image that has the label
def average_precision(truth, score):
    ranked = np.asarray(truth)[np.argsort(-np.asarray(score))]
    return ranked.sum() / (np.flatnonzero(ranked)[-1] + 1)


def lazy_accuracy(train_labels, test_labels):
    return np.mean(test_labels == (train_labels.mean(axis=0) > 0.5))


# %% q2 wrong: one answer for all labels
def average_precision(truth, score):
    ranked = np.asarray(truth)[np.argsort(-np.asarray(score))]
    return (np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked == 1].mean()


def lazy_accuracy(train_labels, test_labels):
    return np.mean(test_labels == (np.mean(train_labels) > 0.5))


# %% q2 wrong: says 1 where both are equally frequent
def average_precision(truth, score):
    ranked = np.asarray(truth)[np.argsort(-np.asarray(score))]
    return (np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked == 1].mean()


def lazy_accuracy(train_labels, test_labels):
    return np.mean(test_labels == (train_labels.mean(axis=0) >= 0.5))


# %% q2 wrong: the lazy model knows the test labels
def average_precision(truth, score):
    ranked = np.asarray(truth)[np.argsort(-np.asarray(score))]
    return (np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked == 1].mean()


def lazy_accuracy(train_labels, test_labels):
    return np.mean(test_labels == (test_labels.mean(axis=0) > 0.5))


# %% q2 wrong: says no to every label
def average_precision(truth, score):
    ranked = np.asarray(truth)[np.argsort(-np.asarray(score))]
    return (np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked == 1].mean()


def lazy_accuracy(train_labels, test_labels):
    return np.mean(test_labels == 0)


# %% q2 wrong: an image counts only if all of its labels are right
def average_precision(truth, score):
    ranked = np.asarray(truth)[np.argsort(-np.asarray(score))]
    return (np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked == 1].mean()


def lazy_accuracy(train_labels, test_labels):
    return np.mean((test_labels == (train_labels.mean(axis=0) > 0.5)).all(axis=1))


# %% q3 right: complex numbers
def encode(degrees):
    z = np.exp(2j * np.pi * np.asarray(degrees) / 360)
    return np.column_stack((z.real, z.imag))


def decode(outputs):
    angles = np.angle(outputs[:, 0] + 1j * outputs[:, 1], deg=True)
    return np.where(angles < 0, angles + 360, angles)


def angular_error(truth, guess):
    return np.mean(np.abs(np.angle(np.exp(1j * np.deg2rad(truth - guess)), deg=True)))


# %% q3 right: angle by angle
def encode(degrees):
    import math

    return np.array([[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in degrees])


def decode(outputs):
    import math

    return np.array([math.degrees(math.atan2(sine, cosine)) % 360 for cosine, sine in outputs])


def angular_error(truth, guess):
    total = 0
    for a, b in zip(truth, guess, strict=True):
        apart = (a - b) % 360
        total += apart if apart <= 180 else 360 - apart
    return total / len(truth)


# %% q3 right: half a turn added and taken away
def encode(degrees):
    turns = np.asarray(degrees) * np.pi / 180
    return np.array([np.cos(turns), np.sin(turns)]).T


def decode(outputs):
    return (np.arctan2(*outputs.T[::-1]) * 180 / np.pi + 360) % 360


def angular_error(truth, guess):
    return np.abs((truth - guess + 180) % 360 - 180).mean()


# %% q3 right: a full turn in place of 0
def encode(degrees):
    r = np.deg2rad(np.asarray(degrees, float))
    return np.stack([np.cos(r), np.sin(r)], axis=-1)


def decode(outputs):
    angles = np.rad2deg(np.arctan2(outputs[:, 1], outputs[:, 0]))
    return np.where(angles > 0, angles, angles + 360)


def angular_error(truth, guess):
    cosine = np.cos(np.deg2rad(truth - guess))
    sine = np.sin(np.deg2rad(truth - guess))
    return np.mean(np.rad2deg(np.arctan2(np.abs(sine), cosine)))


# %% q3 wrong: the examples by heart
def encode(degrees):
    return np.array([[1, 0], [0, 1], [-np.sqrt(3) / 2, -0.5]])


def decode(outputs):
    return np.array([0.0, 90.0, 225.0])


def angular_error(truth, guess):
    return 20.0 if truth[0] == 350 else 95.0


# %% q3 wrong: an arc cosine, which knows half of the circle
def encode(degrees):
    return np.column_stack([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])


def decode(outputs):
    return np.rad2deg(np.arccos(outputs[:, 0] / np.hypot(outputs[:, 0], outputs[:, 1])))


def angular_error(truth, guess):
    return np.abs((truth - guess + 180) % 360 - 180).mean()


# %% q3 wrong: divides the sine by the cosine
def encode(degrees):
    return np.column_stack([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])


def decode(outputs):
    return np.rad2deg(np.arctan(outputs[:, 1] / (outputs[:, 0] + 1e-12))) % 360


def angular_error(truth, guess):
    return np.abs((truth - guess + 180) % 360 - 180).mean()


# %% q3 wrong: sine and cosine swapped
def encode(degrees):
    return np.column_stack([np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))])


def decode(outputs):
    return np.rad2deg(np.arctan2(outputs[:, 0], outputs[:, 1])) % 360


def angular_error(truth, guess):
    return np.abs((truth - guess + 180) % 360 - 180).mean()


# %% q3 wrong: degrees are taken for radians
def encode(degrees):
    return np.column_stack([np.cos(degrees), np.sin(degrees)])


def decode(outputs):
    return np.arctan2(outputs[:, 1], outputs[:, 0])


def angular_error(truth, guess):
    return np.abs((truth - guess + 180) % 360 - 180).mean()


# %% q3 wrong: from -180 to 180 instead of 0 to 360
def encode(degrees):
    return np.column_stack([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])


def decode(outputs):
    return np.rad2deg(np.arctan2(outputs[:, 1], outputs[:, 0]))


def angular_error(truth, guess):
    return np.abs((truth - guess + 180) % 360 - 180).mean()


# %% q3 wrong: the plain difference of the angles
def encode(degrees):
    return np.column_stack([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])


def decode(outputs):
    return np.rad2deg(np.arctan2(outputs[:, 1], outputs[:, 0])) % 360


def angular_error(truth, guess):
    return np.abs(truth - guess).mean()


# %% q3 wrong: angles beyond a full circle are forgotten
def encode(degrees):
    return np.column_stack([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])


def decode(outputs):
    return np.rad2deg(np.arctan2(outputs[:, 1], outputs[:, 0])) % 360


def angular_error(truth, guess):
    apart = np.abs(truth - guess)
    return np.minimum(apart, 360 - apart).mean()


# %% q3 wrong: outputs are taken to lie on the circle
def encode(degrees):
    return np.column_stack([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])


def decode(outputs):
    angles = np.rad2deg(np.arccos(np.clip(outputs[:, 0], -1, 1)))
    return np.where(outputs[:, 1] < 0, 360 - angles, angles)


def angular_error(truth, guess):
    return np.abs((truth - guess + 180) % 360 - 180).mean()


# %% q3 wrong: differences cancel before their size is taken
def encode(degrees):
    return np.column_stack([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])


def decode(outputs):
    return np.rad2deg(np.arctan2(outputs[:, 1], outputs[:, 0])) % 360


def angular_error(truth, guess):
    return abs(((truth - guess + 180) % 360 - 180).mean())


# %% q4 right: counted by sets of places
def part_iou(truth, guess, part):
    a = set(np.flatnonzero(np.ravel(truth) == part).tolist())
    b = set(np.flatnonzero(np.ravel(guess) == part).tolist())
    return len(a & b) / len(a | b) if a | b else np.nan


def lazy_pixels(truth):
    values, counts = np.unique(truth, return_counts=True)
    most = counts.max() / counts.sum()
    return most, most / len(values)


# %% q4 right: from three counts
def part_iou(truth, guess, part):
    both = ((truth == part) & (guess == part)).sum()
    either = (truth == part).sum() + (guess == part).sum() - both
    if either == 0:
        return float("nan")
    return both / either


def lazy_pixels(truth):
    winner = np.bincount(truth.ravel()).argmax()
    guess = np.zeros_like(truth) + winner
    scores = [part_iou(truth, guess, part) for part in set(truth.ravel().tolist())]
    return (truth == winner).mean(), sum(scores) / len(scores)


# %% q4 right: scikit-learn's Jaccard score
def part_iou(truth, guess, part):
    from sklearn.metrics import jaccard_score

    a, b = truth.ravel() == part, guess.ravel() == part
    return jaccard_score(a, b) if (a | b).any() else np.nan


def lazy_pixels(truth):
    from collections import Counter

    counts = Counter(truth.ravel().tolist())
    number = max(counts.values())
    return np.array([number / truth.size, number / truth.size / len(counts)])


# %% q4 wrong: the examples by heart
def part_iou(truth, guess, part):
    return {0: 4 / 7, 1: 3 / 7, 2: 1 / 2}.get(part, np.nan)


def lazy_pixels(truth):
    return 2 / 3, 1 / 3


# %% q4 wrong: image by image, then the mean
def part_iou(truth, guess, part):
    each = []
    for a, b in zip(truth == part, guess == part, strict=True):
        if (a | b).any():
            each.append((a & b).sum() / (a | b).sum())
    return np.mean(each) if each else np.nan


def lazy_pixels(truth):
    values, counts = np.unique(truth, return_counts=True)
    return counts.max() / counts.sum(), counts.max() / counts.sum() / len(values)


# %% q4 wrong: twice the common pixels, divided by the sum (which is Dice, or F1)
def part_iou(truth, guess, part):
    a, b = truth == part, guess == part
    return 2 * (a & b).sum() / (a.sum() + b.sum()) if (a | b).any() else np.nan


def lazy_pixels(truth):
    values, counts = np.unique(truth, return_counts=True)
    return counts.max() / counts.sum(), counts.max() / counts.sum() / len(values)


# %% q4 wrong: the share of the true pixels that are found, which is recall
def part_iou(truth, guess, part):
    a = truth == part
    return (a & (guess == part)).sum() / a.sum() if a.any() else np.nan


def lazy_pixels(truth):
    values, counts = np.unique(truth, return_counts=True)
    return counts.max() / counts.sum(), counts.max() / counts.sum() / len(values)


# %% q4 wrong: a part that is nowhere counts as perfect
def part_iou(truth, guess, part):
    a, b = truth == part, guess == part
    return (a & b).sum() / (a | b).sum() if (a | b).any() else 1.0


def lazy_pixels(truth):
    values, counts = np.unique(truth, return_counts=True)
    return counts.max() / counts.sum(), counts.max() / counts.sum() / len(values)


# %% q4 wrong: the background is always part 0
def part_iou(truth, guess, part):
    a, b = truth == part, guess == part
    return (a & b).sum() / (a | b).sum() if (a | b).any() else np.nan


def lazy_pixels(truth):
    share = (truth == 0).mean()
    return share, share / len(np.unique(truth))


# %% q4 wrong: the background is left out of the mean
def part_iou(truth, guess, part):
    a, b = truth == part, guess == part
    return (a & b).sum() / (a | b).sum() if (a | b).any() else np.nan


def lazy_pixels(truth):
    parts, counts = np.unique(truth, return_counts=True)
    guess = np.full(truth.shape, parts[counts.argmax()])
    return np.mean(guess == truth), np.mean([part_iou(truth, guess, part) for part in parts if part != 0] or 0)


# %% q4 wrong: the union as a sum, the common pixels counted twice
def part_iou(truth, guess, part):
    a, b = truth == part, guess == part
    return (a & b).sum() / (a.sum() + b.sum()) if (a | b).any() else np.nan


def lazy_pixels(truth):
    values, counts = np.unique(truth, return_counts=True)
    return counts.max() / counts.sum(), counts.max() / counts.sum() / len(values)


# %% q4 wrong: only the part that was guessed is in the mean
def part_iou(truth, guess, part):
    a, b = truth == part, guess == part
    return (a & b).sum() / (a | b).sum() if (a | b).any() else np.nan


def lazy_pixels(truth):
    _, counts = np.unique(truth, return_counts=True)
    share = counts.max() / counts.sum()
    return share, share


# %% q5 right: a pipeline, and scikit-learn's own loop
def cross_validated(x, y, folds):
    from sklearn.model_selection import PredefinedSplit, cross_val_predict
    from sklearn.pipeline import make_pipeline

    _, numbers = np.unique(folds, return_inverse=True)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    return cross_val_predict(probe, x, y, cv=PredefinedSplit(numbers))


# %% q5 right: by indices, standardised by hand
def cross_validated(x, y, folds):
    result = np.zeros(len(y), int)
    for fold in sorted(set(folds.tolist())):
        inside, outside = np.where(folds == fold)[0], np.where(folds != fold)[0]
        mean, spread = x[outside].mean(axis=0), x[outside].std(axis=0)
        spread[spread == 0] = 1
        model = LogisticRegression(C=0.01, max_iter=2000)
        model.fit((x[outside] - mean) / spread, y[outside])
        result[inside] = model.predict((x[inside] - mean) / spread)
    return result


# %% q5 right: from the probabilities
def cross_validated(x, y, folds):
    classes = np.unique(y)
    p = np.zeros((len(y), len(classes)))
    for fold in np.unique(folds):
        rows = folds != fold
        scaler = StandardScaler().fit(x[rows])
        model = LogisticRegression(C=0.01, max_iter=2000).fit(scaler.transform(x[rows]), y[rows])
        p[~rows] = model.predict_proba(scaler.transform(x[~rows]))
    return classes[p.argmax(axis=1)]


# %% q5 wrong: the example by heart
def cross_validated(x, y, folds):
    return np.array([0, 1, 1, 0] * 15)


# %% q5 wrong: gives back the labels that it was handed
def cross_validated(x, y, folds):
    return y.copy()


# %% q5 wrong: fitted on all images, then asked about the same
def cross_validated(x, y, folds):
    z = StandardScaler().fit_transform(x)
    return LogisticRegression(C=0.01, max_iter=2000).fit(z, y).predict(z)


# %% q5 wrong: fitted on one fold, asked about the others
def cross_validated(x, y, folds):
    result = np.zeros(len(y), int)
    for fold in np.unique(folds):
        inside = folds == fold
        scaler = StandardScaler().fit(x[inside])
        model = LogisticRegression(C=0.01, max_iter=2000).fit(scaler.transform(x[inside]), y[inside])
        result[~inside] = model.predict(scaler.transform(x[~inside]))
    return result


# %% q5 wrong: one scale from all images, the held-out ones among them
def cross_validated(x, y, folds):
    z = StandardScaler().fit_transform(x)
    result = np.zeros(len(y), int)
    for fold in np.unique(folds):
        inside = folds == fold
        result[inside] = LogisticRegression(C=0.01, max_iter=2000).fit(z[~inside], y[~inside]).predict(z[inside])
    return result


# %% q5 wrong: no common scale at all
def cross_validated(x, y, folds):
    result = np.zeros(len(y), int)
    for fold in np.unique(folds):
        inside = folds == fold
        result[inside] = LogisticRegression(C=0.01, max_iter=2000).fit(x[~inside], y[~inside]).predict(x[inside])
    return result


# %% q5 wrong: the answers fold after fold, not in the order of the images
def cross_validated(x, y, folds):
    parts = []
    for fold in np.unique(folds):
        inside = folds == fold
        scaler = StandardScaler().fit(x[~inside])
        model = LogisticRegression(C=0.01, max_iter=2000).fit(scaler.transform(x[~inside]), y[~inside])
        parts.append(model.predict(scaler.transform(x[inside])))
    return np.concatenate(parts)


# %% q5 wrong: the penalty that scikit-learn has by default
def cross_validated(x, y, folds):
    result = np.zeros(len(y), int)
    for fold in np.unique(folds):
        inside = folds == fold
        scaler = StandardScaler().fit(x[~inside])
        model = LogisticRegression(max_iter=2000).fit(scaler.transform(x[~inside]), y[~inside])
        result[inside] = model.predict(scaler.transform(x[inside]))
    return result


# %% q5 wrong: folds of its own, the given ones unused
def cross_validated(x, y, folds):
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline

    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    return cross_val_predict(probe, x, y, cv=5)


# %% q5 wrong: each part on a scale of its own
def cross_validated(x, y, folds):
    result = np.zeros(len(y), int)
    for fold in np.unique(folds):
        inside = folds == fold
        train, other = (StandardScaler().fit_transform(x[rows]) for rows in (~inside, inside))
        result[inside] = LogisticRegression(C=0.01, max_iter=2000).fit(train, y[~inside]).predict(other)
    return result


# %% q6 right: by the differences of the images
def choose(right, cost, budget, margin):
    able = [name for name in right if cost[name] <= budget]
    best = min(able, key=lambda name: (-right[name].sum(), cost[name]))
    enough = [best]
    for name in able:
        apart = right[name].astype(int) - right[best].astype(int)
        if apart.mean() - 1.96 * apart.std() / np.sqrt(len(apart)) > -margin:
            enough.append(name)
    return min(enough, key=lambda name: (cost[name], -right[name].sum()))


picked = choose(right, cost, 15, 0.12)


# %% q6 right: counted one by one
def choose(right, cost, budget, margin):
    best = None
    ranked = sorted(cost, key=lambda name: (cost[name], -sum(right[name])))
    for name in ranked:
        if cost[name] <= budget and (best is None or sum(right[name]) > sum(right[best])):
            best = name
    for name in ranked:
        if name == best:
            return best
        n, b, c = len(right[best]), 0, 0
        for one, other in zip(right[name], right[best], strict=True):
            b += one and not other
            c += other and not one
        d = (b - c) / n
        if d - 1.96 * (((b + c) / n - d * d) / n) ** 0.5 > -margin:
            return name
    return None


picked = choose(right, cost, 15, 0.12)


# %% q6 right: on a table sorted by cost
def choose(right, cost, budget, margin):
    ranked = sorted(right, key=lambda name: (cost[name], (~right[name]).sum()))
    names = [name for name in ranked if not cost[name] > budget]
    table = np.stack([right[name] for name in names]).astype(float)
    apart = table - table[table.sum(axis=1).argmax()]
    d, n = apart.mean(axis=1), table.shape[1]
    low = d - 1.96 * np.sqrt(((apart**2).mean(axis=1) - d**2) / n)
    low[table.sum(axis=1).argmax()] = 0
    return names[int(np.flatnonzero(low > -margin)[0])]


picked = choose(right, cost, 15, 0.12)


# %% q6 right: the best by a key of two, the rest by a list
def choose(right, cost, budget, margin):
    allowed = [k for k in right if cost[k] <= budget]
    best = max(allowed, key=lambda k: (np.sum(right[k]), -cost[k]))
    good = []
    for k in allowed:
        n = len(right[k])
        b = np.sum(right[k] & ~right[best])
        c = np.sum(right[best] & ~right[k])
        d = (b - c) / n
        if k == best or d - 1.96 * np.sqrt(((b + c) / n - d**2) / n) > -margin:
            good.append(k)
    return min(good, key=lambda k: (cost[k], -np.sum(right[k])))


picked = choose(right, cost, 15, 0.12)


# %% q6 wrong: the example by heart
def choose(right, cost, budget, margin):
    return {(10, 0.05): "middle", (10, 0.2): "small", (10, 0.03): "large", (5, 0.001): "middle"}.get((budget, margin))


picked = "zoo_width_75"


# %% q6 wrong: the most accurate within the budget
def choose(right, cost, budget, margin):
    able = [name for name in right if cost[name] <= budget]
    return min(able, key=lambda name: (-right[name].sum(), cost[name]))


picked = choose(right, cost, 15, 0.12)


# %% q6 wrong: the cheapest
def choose(right, cost, budget, margin):
    return min(right, key=cost.get)


picked = choose(right, cost, 15, 0.12)


# %% q6 wrong: the cheapest that is not significantly worse
def choose(right, cost, budget, margin):
    able = sorted((name for name in right if cost[name] <= budget), key=lambda name: (cost[name], -right[name].sum()))
    best = max(able, key=lambda name: right[name].sum())
    for name in able:
        apart = right[name].astype(float) - right[best]
        if apart.mean() + 1.96 * apart.std() / np.sqrt(len(apart)) >= 0:
            return name
    return None


picked = choose(right, cost, 15, 0.12)


# %% q6 wrong: the difference itself is within the margin, whatever its interval
def choose(right, cost, budget, margin):
    able = sorted((name for name in right if cost[name] <= budget), key=lambda name: (cost[name], -right[name].sum()))
    best = max(able, key=lambda name: right[name].sum())
    for name in able:
        if right[name].mean() - right[best].mean() > -margin:
            return name
    return None


picked = choose(right, cost, 15, 0.12)


# %% q6 wrong: the sign of the margin
def choose(right, cost, budget, margin):
    able = sorted((name for name in right if cost[name] <= budget), key=lambda name: (cost[name], -right[name].sum()))
    best = max(able, key=lambda name: right[name].sum())
    for name in able:
        apart = right[name].astype(float) - right[best]
        if name == best or apart.mean() - 1.96 * apart.std() / np.sqrt(len(apart)) > margin:
            return name
    return None


picked = choose(right, cost, 15, 0.12)


# %% q6 wrong: the best of those that are good enough, not the cheapest
def choose(right, cost, budget, margin):
    able = [name for name in right if cost[name] <= budget]
    best = min(able, key=lambda name: (-right[name].sum(), cost[name]))
    enough = []
    for name in able:
        apart = right[name].astype(float) - right[best]
        if name == best or apart.mean() - 1.96 * apart.std() / np.sqrt(len(apart)) > -margin:
            enough.append(name)
    return max(enough, key=lambda name: right[name].sum())


picked = choose(right, cost, 15, 0.12)


# %% q6 wrong: two separate sets of images
def choose(right, cost, budget, margin):
    able = sorted((name for name in right if cost[name] <= budget), key=lambda name: (cost[name], -right[name].sum()))
    best = max(able, key=lambda name: right[name].sum())
    for name in able:
        p, q, n = right[name].mean(), right[best].mean(), len(right[best])
        if name == best or p - q - 1.96 * np.sqrt((p * (1 - p) + q * (1 - q)) / n) > -margin:
            return name
    return None


picked = choose(right, cost, 15, 0.12)


# %% q6 wrong: compared with the best of all, also of those beyond the budget
def choose(right, cost, budget, margin):
    names = sorted(right, key=lambda name: (cost[name], -right[name].sum()))
    best = max(names, key=lambda name: right[name].sum())
    for name in names:
        apart = right[name].astype(float) - right[best]
        if cost[name] <= budget and apart.mean() - 1.96 * apart.std() / np.sqrt(len(apart)) > -margin:
            return name
    return max((name for name in names if cost[name] <= budget), key=lambda name: right[name].sum())


picked = choose(right, cost, 15, 0.12)

# %% q7 right: by the place of the statement
reading = "abcde"[order.tolist().index(0)]

# %% q7 right: letter by letter
for letter, k in zip("abcde", order, strict=True):
    if "source tasks" in STATEMENTS[k]:
        reading = letter

# %% q7 right: the order turned round
reading = "abcde"[int(np.argsort(order)[0])]

# %% q7 wrong: some letter, by heart
reading = "abcde"[(list(order).index(0) + 1) % 5]

# %% q7 wrong: the highest source accuracy settles it
reading = "abcde"[list(order).index(1)]

# %% q7 wrong: overlapping intervals are taken for equality
reading = "abcde"[list(order).index(2)]

# %% q7 wrong: what cannot do its own task can do no other
reading = "abcde"[list(order).index(3)]

# %% q7 wrong: an accuracy is carried from task to task
reading = "abcde"[list(order).index(4)]
