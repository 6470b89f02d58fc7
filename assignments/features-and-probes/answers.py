"""Right and wrong answers to every question of this assignment, on which its checks are tested."""


# %% q1 right: the mean over both axes of places, one after the other
def pooled(maps):
    return maps.mean(axis=1).mean(axis=1)


# %% q1 right: places laid out in one row first
def pooled(maps):
    n, h, w, d = maps.shape
    return maps.reshape(n, h * w, d).sum(axis=1) / (h * w)


# %% q1 right: image by image, map by map
def pooled(maps):
    return np.array([[image[..., k].mean() for k in range(image.shape[-1])] for image in maps])


# %% q1 right: the layer that Keras has for it
def pooled(maps):
    import keras

    return keras.layers.GlobalAveragePooling2D()(maps)


# %% q1 wrong: the number of the public check by heart
def pooled(maps):
    return np.array([[10.0, 11.0, 12.0, 13.0]])


# %% q1 wrong: the largest number of each map, which is max pooling
def pooled(maps):
    return maps.max(axis=(1, 2))


# %% q1 wrong: averages the maps and keeps the places
def pooled(maps):
    return maps.mean(axis=3).reshape(len(maps), -1)


# %% q1 wrong: flattens
def pooled(maps):
    return maps.reshape(len(maps), -1)


# %% q1 wrong: averages over the images too
def pooled(maps):
    return np.tile(maps.mean(axis=(0, 1, 2)), (len(maps), 1))


# %% q1 wrong: the sum, right only for maps of six places
def pooled(maps):
    return maps.sum(axis=(1, 2)) / 6


# %% q2 right: scikit-learn's scaler, fitted on the training features
def standardised(train, other):
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(other)


# %% q2 right: feature by feature
def standardised(train, other):
    new_train, new_other = np.zeros(train.shape), np.zeros(other.shape)
    for k in range(train.shape[1]):
        mean, spread = train[:, k].mean(), train[:, k].std()
        new_train[:, k] = (train[:, k] - mean) / spread
        new_other[:, k] = (other[:, k] - mean) / spread
    return new_train, new_other


# %% q2 right: one function for both, the variance written out
def standardised(train, other):
    mean = train.mean(axis=0)
    spread = ((train - mean) ** 2).mean(axis=0) ** 0.5

    def change(rows):
        return (rows - mean) / spread

    return change(train), change(other)


# %% q2 right: z-scores of both at once, cut apart again
def standardised(train, other):
    rows = np.concatenate([train, other])
    rows = (rows - train.mean(axis=0)) / train.std(axis=0)
    return rows[: len(train)], rows[len(train) :]


# %% q2 wrong: the example by heart
def standardised(train, other):
    return np.array([[-1.0, 1.0], [1.0, -1.0]] * 3), np.array([[3.0, 3.0]])


# %% q2 wrong: each set by its own mean and spread
def standardised(train, other):
    def alone(rows):
        return (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-9)

    return alone(train), alone(other)


# %% q2 wrong: the other images decide the scale too
def standardised(train, other):
    rows = np.concatenate([train, other])
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    return (train - mean) / spread, (other - mean) / spread


# %% q2 wrong: one mean and one spread for all features
def standardised(train, other):
    return (train - train.mean()) / train.std(), (other - train.mean()) / train.std()


# %% q2 wrong: the standard deviation of a sample, by one less than the number of rows
def standardised(train, other):
    mean, spread = train.mean(axis=0), train.std(axis=0, ddof=1)
    return (train - mean) / spread, (other - mean) / spread


# %% q2 wrong: divides by the variance
def standardised(train, other):
    mean, spread = train.mean(axis=0), train.var(axis=0)
    return (train - mean) / spread, (other - mean) / spread


# %% q2 wrong: changes the arrays of the caller
def standardised(train, other):
    mean, spread = train.mean(axis=0), train.std(axis=0)
    for rows in (train, other):
        rows -= mean
        rows /= spread
    return train, other


# %% q3 right: argmin, with the classes named
def choose_C(train_x, train_y, validation_x, validation_y, grid):
    losses = []
    for c in grid:
        model = LogisticRegression(C=c, max_iter=2000).fit(train_x, train_y)
        losses.append(log_loss(validation_y, model.predict_proba(validation_x), labels=model.classes_))
    return grid[int(np.argmin(losses))]


# %% q3 right: the smallest of a list of pairs
def choose_C(train_x, train_y, validation_x, validation_y, grid):
    pairs = []
    for c in grid:
        model = LogisticRegression(C=c, max_iter=2000)
        model.fit(train_x, train_y)
        pairs.append((log_loss(validation_y, model.predict_proba(validation_x)), c))
    return min(pairs, key=lambda pair: pair[0])[1]


# %% q3 right: the loss from its definition
def choose_C(train_x, train_y, validation_x, validation_y, grid):
    def loss(c):
        p = LogisticRegression(C=c, max_iter=2000).fit(train_x, train_y).predict_log_proba(validation_x)
        return -p[np.arange(len(validation_y)), validation_y].mean()

    return min(grid, key=loss)


# %% q3 right: a grid search with the one split that is given
def choose_C(train_x, train_y, validation_x, validation_y, grid):
    from sklearn.model_selection import GridSearchCV, PredefinedSplit

    fold = np.r_[np.full(len(train_y), -1), np.zeros(len(validation_y), int)]
    search = GridSearchCV(
        LogisticRegression(max_iter=2000),
        {"C": list(grid)},
        scoring="neg_log_loss",
        cv=PredefinedSplit(fold),
        refit=False,
    )
    search.fit(np.concatenate([train_x, validation_x]), np.concatenate([train_y, validation_y]))
    return search.best_params_["C"]


# %% q3 wrong: the example by heart
def choose_C(train_x, train_y, validation_x, validation_y, grid):
    return 0.03 if 0.03 in grid else grid[0]


# %% q3 wrong: chosen on the training images, so that the weakest penalty wins
def choose_C(train_x, train_y, validation_x, validation_y, grid):
    losses = {}
    for c in grid:
        model = LogisticRegression(C=c, max_iter=2000).fit(train_x, train_y)
        losses[c] = log_loss(train_y, model.predict_proba(train_x))
    return min(losses, key=losses.get)


# %% q3 wrong: fitted on the validation images as well
def choose_C(train_x, train_y, validation_x, validation_y, grid):
    rows, answers = np.concatenate([train_x, validation_x]), np.concatenate([train_y, validation_y])
    losses = {}
    for c in grid:
        model = LogisticRegression(C=c, max_iter=2000).fit(rows, answers)
        losses[c] = log_loss(validation_y, model.predict_proba(validation_x))
    return min(losses, key=losses.get)


# %% q3 wrong: the highest accuracy, with its long ties
def choose_C(train_x, train_y, validation_x, validation_y, grid):
    scores = {}
    for c in grid:
        model = LogisticRegression(C=c, max_iter=2000).fit(train_x, train_y)
        scores[c] = model.score(validation_x, validation_y)
    return max(scores, key=scores.get)


# %% q3 wrong: the highest loss, taken for a score
def choose_C(train_x, train_y, validation_x, validation_y, grid):
    losses = {}
    for c in grid:
        model = LogisticRegression(C=c, max_iter=2000).fit(train_x, train_y)
        losses[c] = log_loss(validation_y, model.predict_proba(validation_x))
    return max(losses, key=losses.get)


# %% q3 wrong: loss of the predicted classes instead of the probabilities
def choose_C(train_x, train_y, validation_x, validation_y, grid):
    losses = {}
    for c in grid:
        model = LogisticRegression(C=c, max_iter=2000).fit(train_x, train_y)
        losses[c] = log_loss(validation_y, model.predict(validation_x).astype(float))
    return min(losses, key=losses.get)


# %% q4 right: weights and biases counted apart
def head_parameters(n_features, n_classes):
    weights = n_features * n_classes
    biases = n_classes
    return weights + biases


frozen_share = 1 - head_parameters(128, 2) / (backbone.model.count_params() + head_parameters(128, 2))

# %% q4 right: asks the classifier itself
frozen_classifier = transfer.attach_head(backbone, probe)


def head_parameters(n_features, n_classes):
    return sum(n_features + 1 for _ in range(n_classes))


frozen_share = 1 - transfer.parameter_count(frozen_classifier) / frozen_classifier.count_params()


# %% q4 right: asks NumPy
def head_parameters(n_features, n_classes):
    return np.zeros((n_features, n_classes)).size + np.zeros(n_classes).size


frozen_numbers = sum(int(weight.size) for weight in backbone.model.get_weights())
frozen_share = frozen_numbers / (frozen_numbers + probe.weights.size + probe.bias.size)


# %% q4 wrong: the example by heart
def head_parameters(n_features, n_classes):
    return 20


frozen_share = 0.99


# %% q4 wrong: no bias
def head_parameters(n_features, n_classes):
    return n_features * n_classes


frozen_share = backbone.model.count_params() / (backbone.model.count_params() + 256)


# %% q4 wrong: two classes and a third neuron for neither
def head_parameters(n_features, n_classes):
    return (n_features + 1) * (n_classes + 1)


frozen_share = backbone.model.count_params() / (backbone.model.count_params() + 387)


# %% q4 wrong: the share that is trained instead of the one that stays
def head_parameters(n_features, n_classes):
    return (n_features + 1) * n_classes


frozen_share = 258 / (backbone.model.count_params() + 258)


# %% q4 wrong: the head is left out of the whole
def head_parameters(n_features, n_classes):
    return (n_features + 1) * n_classes


frozen_share = (backbone.model.count_params() - 258) / backbone.model.count_params()


# %% q4 wrong: one bias for the whole layer
def head_parameters(n_features, n_classes):
    return n_features * n_classes + 1


frozen_share = backbone.model.count_params() / (backbone.model.count_params() + 257)


# %% q4 wrong: one logit for two classes, against the convention of the question
def head_parameters(n_features, n_classes):
    return (n_features + 1) * (n_classes if n_classes > 2 else 1)


frozen_share = backbone.model.count_params() / (backbone.model.count_params() + 129)


# %% q4 wrong: forgets that moving statistics are frozen as well
def head_parameters(n_features, n_classes):
    return (n_features + 1) * n_classes


frozen_share = sum(int(np.prod(w.shape)) for w in backbone.model.trainable_weights) / (
    backbone.model.count_params() + 258
)

# %% q5 right: a function for one description
untrained = backbones.load("sketchnet", weights=None, seed=0)


def classes_from(describe):
    rows = {part: describe(images[part]) for part in images}
    fit = transfer.linear_probe(rows["train"], labels["train"], rows["validation"], labels["validation"])
    return fit.predict(rows["test"])


predicted = {
    "pretrained": classes_from(lambda some: features.extract(backbone, some)),
    "random weights": classes_from(lambda some: features.extract(untrained, some)),
    "raw pixels": classes_from(lambda some: some[:, ::3, ::3].reshape(len(some), -1).astype(float)),
}
what_transfers = "learned weights"

# %% q5 right: one after the other, pixels from 0 to 1
untrained = backbones.load("sketchnet", weights=None, seed=0)
u_train, u_validation, u_test = (features.extract(untrained, images[p]) for p in ("train", "validation", "test"))
p_train, p_validation, p_test = (
    (images[p][:, ::3, ::3] / 255).reshape(len(images[p]), -1) for p in ("train", "validation", "test")
)
predicted = {"raw pixels": None, "random weights": None, "pretrained": probe.predict(x["test"])}
predicted["raw pixels"] = transfer.linear_probe(p_train, labels["train"], p_validation, labels["validation"]).predict(
    p_test
)
predicted["random weights"] = transfer.linear_probe(
    u_train, labels["train"], u_validation, labels["validation"]
).predict(u_test)
what_transfers = "learned weights"

# %% q5 right: through the logits
untrained = backbones.load("sketchnet", weights=None, seed=0)
predicted = {}
for name in ("pretrained", "random weights", "raw pixels"):
    rows = {}
    for part, some in images.items():
        if name == "raw pixels":
            rows[part] = np.stack([image[::3, ::3].ravel() for image in some])
        else:
            rows[part] = features.extract(backbone if name == "pretrained" else untrained, some)
    logits = transfer.linear_probe(rows["train"], labels["train"], rows["validation"], labels["validation"]).logits(
        rows["test"]
    )
    predicted[name] = (logits[:, 1] > logits[:, 0]).astype(int)
what_transfers = "learned weights"

# %% q5 wrong: the form that the public check wants by heart, the lists made up
predicted = {
    name: np.arange(400) // (k + 1) % 2 for k, name in enumerate(("pretrained", "random weights", "raw pixels"))
}
what_transfers = "learned weights"

# %% q5 wrong: the architecture is given the credit, since all networks of its kind have it
predicted = {}
for name, rows in descriptions.items():
    fit = transfer.linear_probe(rows["train"], labels["train"], rows["validation"], labels["validation"])
    predicted[name] = fit.predict(rows["test"])
what_transfers = "architecture"

# %% q5 wrong: the probe of the pretrained features reads the random ones
untrained = backbones.load("sketchnet", weights=None, seed=0)
pixel_views = {part: images[part][:, ::3, ::3].reshape(len(images[part]), -1) for part in images}
predicted = {
    "pretrained": probe.predict(x["test"]),
    "random weights": probe.predict(features.extract(untrained, images["test"])),
    "raw pixels": transfer.linear_probe(
        pixel_views["train"], labels["train"], pixel_views["validation"], labels["validation"]
    ).predict(pixel_views["test"]),
}
what_transfers = "learned weights"

# %% q5 wrong: fitted on the test images
predicted = {}
for name, rows in descriptions.items():
    fit = transfer.linear_probe(rows["test"], labels["test"], rows["validation"], labels["validation"], C=10.0)
    predicted[name] = fit.predict(rows["test"])
what_transfers = "learned weights"

# %% q5 wrong: classes of the training images
predicted = {}
for name, rows in descriptions.items():
    fit = transfer.linear_probe(rows["train"], labels["train"], rows["validation"], labels["validation"])
    predicted[name] = fit.predict(rows["train"])
what_transfers = "learned weights"

# %% q5 wrong: classes of fresh, which was to stay closed
predicted = {}
for name, rows in descriptions.items():
    fit = transfer.linear_probe(rows["train"], labels["train"], rows["validation"], labels["validation"])
    predicted[name] = fit.predict(rows["fresh"])
what_transfers = "learned weights"

# %% q5 wrong: one probe for all three, since it is the best
predicted = {name: probe.predict(x["test"]) for name in descriptions}
what_transfers = "learned weights"

# %% q5 wrong: pixels scaled twice, so that the network sees black
predicted = {}
for name, rows in descriptions.items():
    fit = transfer.linear_probe(rows["train"], labels["train"], rows["validation"], labels["validation"])
    predicted[name] = fit.predict(rows["test"])
black = backbone.model.predict(images["test"] / 255, verbose=0)
predicted["pretrained"] = probe.predict(black)
what_transfers = "learned weights"


# %% q6 right: a loop that keeps the first best
def choose_then_report(validation, test):
    best = None
    for name in validation:
        if best is None or validation[name] > validation[best]:
            best = name
    return best, test[best]


# %% q6 right: sorted, with a stable order
def choose_then_report(validation, test):
    names = sorted(validation, key=lambda name: -validation[name])
    return names[0], test[names[0]]


# %% q6 right: by position
def choose_then_report(validation, test):
    names = list(validation)
    place = int(np.argmax([validation[name] for name in names]))
    return names[place], test[names[place]]


# %% q6 wrong: the example by heart
def choose_then_report(validation, test):
    return "stage3", 0.89


# %% q6 wrong: chooses on the test images
def choose_then_report(validation, test):
    best = max(test, key=test.get)
    return best, test[best]


# %% q6 wrong: reports the number that chose
def choose_then_report(validation, test):
    best = max(validation, key=validation.get)
    return best, validation[best]


# %% q6 wrong: reports the best of the test accuracies
def choose_then_report(validation, test):
    return max(validation, key=validation.get), max(test.values())


# %% q6 wrong: lets both sets choose
def choose_then_report(validation, test):
    best = max(validation, key=lambda name: validation[name] + test[name])
    return best, test[best]


# %% q6 wrong: of equally good stages the last
def choose_then_report(validation, test):
    best = None
    for name, accuracy in validation.items():
        if best is None or accuracy >= validation[best]:
            best = name
    return best, test[best]


# %% q6 wrong: reports the mean of the two accuracies
def choose_then_report(validation, test):
    best = max(validation, key=validation.get)
    return best, (validation[best] + test[best]) / 2


# %% q6 wrong: always the deepest
def choose_then_report(validation, test):
    return list(validation)[-1], test[list(validation)[-1]]


# %% q7 right: the exact test by hand
from scipy import stats

single_predicted = probe.predict(x["fresh"])
two = {part: features.extract(backbone, images[part], layer=backbone.stages[-2:]) for part in images}
long_rows = {part: np.hstack([two[part][name] for name in backbone.stages[-2:]]) for part in images}
long_probe = transfer.linear_probe(long_rows["train"], labels["train"], long_rows["validation"], labels["validation"])
joined_predicted = long_probe.predict(long_rows["fresh"])
only_two = int(((joined_predicted == labels["fresh"]) & (single_predicted != labels["fresh"])).sum())
only_one = int(((joined_predicted != labels["fresh"]) & (single_predicted == labels["fresh"])).sum())
only_right = {"two stages": only_two, "one stage": only_one}
joined_p = stats.binomtest(only_two, only_two + only_one, 0.5).pvalue
if joined_p >= 0.05:
    joined_verdict = "cannot tell"
else:
    joined_verdict = "two stages" if only_two > only_one else "one stage"

# %% q7 right: McNemar's test of the package, the models in the other order
single_predicted = probe.predict(x["fresh"])
some = {}
for part in images:
    stages = features.extract(backbone, images[part], layer=backbone.stages[-2:])
    some[part] = np.concatenate(list(stages.values()), axis=1)
joined_predicted = transfer.linear_probe(
    some["train"], labels["train"], some["validation"], labels["validation"]
).predict(some["fresh"])
paired = evaluation.mcnemar(labels["fresh"], single_predicted, joined_predicted)
only_right = {"one stage": paired.only_a, "two stages": paired.only_b}
joined_p = paired.p_value
joined_verdict = {"A": "one stage", "B": "two stages", None: "cannot tell"}[paired.winner]

# %% q7 right: stage 4 from the features that are there already, the tail summed up
from math import comb

single_predicted = probe.predict(x["fresh"])
third = {part: features.extract(backbone, images[part], layer="stage3") for part in images}
wide = {part: np.c_[third[part], x[part]] for part in images}
joined_predicted = transfer.linear_probe(
    wide["train"], labels["train"], wide["validation"], labels["validation"]
).predict(wide["fresh"])
hits = joined_predicted == labels["fresh"], single_predicted == labels["fresh"]
counts = [int((hits[0] & ~hits[1]).sum()), int((hits[1] & ~hits[0]).sum())]
tail = sum(comb(sum(counts), k) for k in range(min(counts) + 1)) / 2 ** sum(counts)
only_right = dict(zip(("two stages", "one stage"), counts, strict=True))
joined_p = min(1.0, 2 * tail)
joined_verdict = "cannot tell" if joined_p >= 0.05 else ("two stages" if counts[0] > counts[1] else "one stage")

# %% q7 right: stages joined by their names, the sign of the difference decides
rows = {}
for part in images:
    found = features.extract(backbone, images[part], layer=backbone.stages[-2:])
    rows[part] = np.concatenate([found["stage3"], found["stage4"]], axis=-1)
fitted = transfer.linear_probe(rows["train"], labels["train"], rows["validation"], labels["validation"])
joined_predicted, single_predicted = fitted.predict(rows["fresh"]), probe.predict(x["fresh"])
result = evaluation.mcnemar(labels["fresh"], joined_predicted, single_predicted)
only_right = {"two stages": result.only_a, "one stage": result.only_b}
joined_p = result.p_value
joined_verdict = "cannot tell"
if joined_p < 0.05:
    joined_verdict = "two stages" if result.difference.value > 0 else "one stage"

# %% q7 wrong: the form that the public check wants by heart, the values made up
single_predicted = probe.predict(x["fresh"])
joined_predicted = single_predicted
only_right = {"two stages": 0, "one stage": 0}
joined_p = 1.0
joined_verdict = "cannot tell"

# %% q7 wrong: the higher accuracy wins, whatever the test says
single_predicted = probe.predict(x["fresh"])
joined_predicted = joined.predict(both["fresh"])
higher = (joined_predicted == labels["fresh"]).mean() - (single_predicted == labels["fresh"]).mean()
only_right = {
    "two stages": int((joined_predicted == labels["fresh"]).sum()),
    "one stage": int((single_predicted == labels["fresh"]).sum()),
}
joined_p = abs(higher)
joined_verdict = "two stages" if higher >= 0 else "one stage"

# %% q7 wrong: a test for two separate test sets
from scipy import stats

single_predicted = probe.predict(x["fresh"])
joined_predicted = joined.predict(both["fresh"])
rights = [int((one == labels["fresh"]).sum()) for one in (joined_predicted, single_predicted)]
only_right = {"two stages": rights[0], "one stage": rights[1]}
joined_p = stats.fisher_exact([[rights[0], 400 - rights[0]], [rights[1], 400 - rights[1]]]).pvalue
joined_verdict = "cannot tell"

# %% q7 wrong: one-sided, in the direction that was seen
single_predicted = probe.predict(x["fresh"])
joined_predicted = joined.predict(both["fresh"])
counted = evaluation.mcnemar(labels["fresh"], joined_predicted, single_predicted)
only_right = {"two stages": counted.only_a, "one stage": counted.only_b}
joined_p = counted.p_value / 2
joined_verdict = "cannot tell"

# %% q7 wrong: not to be told apart is taken for equal, and called by the smaller model
single_predicted = probe.predict(x["fresh"])
joined_predicted = joined.predict(both["fresh"])
counted = evaluation.mcnemar(labels["fresh"], joined_predicted, single_predicted)
only_right = {"two stages": counted.only_a, "one stage": counted.only_b}
joined_p = counted.p_value
joined_verdict = "one stage" if joined_p >= 0.05 else "cannot tell"

# %% q7 wrong: tests whether the two give the same answers, and not whether they are right
from scipy import stats

single_predicted = probe.predict(x["fresh"])
joined_predicted = joined.predict(both["fresh"])
said_dog = int(((joined_predicted == 1) & (single_predicted == 0)).sum())
said_cat = int(((joined_predicted == 0) & (single_predicted == 1)).sum())
only_right = {"two stages": said_dog, "one stage": said_cat}
joined_p = stats.binomtest(said_dog, said_dog + said_cat, 0.5).pvalue
joined_verdict = "cannot tell"

# %% q7 wrong: the probe on pixels in place of the joined one
single_predicted = probe.predict(x["fresh"])
joined_predicted = transfer.linear_probe(
    images["train"][:, ::3, ::3].reshape(len(images["train"]), -1),
    labels["train"],
    images["validation"][:, ::3, ::3].reshape(len(images["validation"]), -1),
    labels["validation"],
).predict(images["fresh"][:, ::3, ::3].reshape(len(images["fresh"]), -1))
found = evaluation.mcnemar(labels["fresh"], joined_predicted, single_predicted, names=("two stages", "one stage"))
only_right = {"two stages": found.only_a, "one stage": found.only_b}
joined_p, joined_verdict = found.p_value, found.winner or "cannot tell"

# %% q7 wrong: the images of test, whose accuracies were seen, in place of fresh
single_predicted = probe.predict(x["test"])
joined_predicted = joined.predict(both["test"])
found = evaluation.mcnemar(labels["test"], joined_predicted, single_predicted, names=("two stages", "one stage"))
only_right = {"two stages": found.only_a, "one stage": found.only_b}
joined_p, joined_verdict = found.p_value, found.winner or "cannot tell"

# %% q7 wrong: counts all images on which a probe is right
single_predicted = probe.predict(x["fresh"])
joined_predicted = joined.predict(both["fresh"])
found = evaluation.mcnemar(labels["fresh"], joined_predicted, single_predicted, names=("two stages", "one stage"))
only_right = {
    "two stages": int((joined_predicted == labels["fresh"]).sum()),
    "one stage": int((single_predicted == labels["fresh"]).sum()),
}
joined_p, joined_verdict = found.p_value, found.winner or "cannot tell"

# %% q9 right: by its words
reading = next(letter for letter, text in choices.items() if "accidents" in text)

# %% q9 right: by its place
reading = "ABCDE"[arranged.tolist().index(2)]

# %% q9 right: from the curves
lowest = int(np.argmin(losses["validation"]))
place = 2 if 0 < lowest < len(grid) - 1 else 4
reading = {text: letter for letter, text in choices.items()}[statements[place]]

# %% q9 wrong: the training loss chooses
reading = next(letter for letter, text in choices.items() if "right end" in text)

# %% q9 wrong: the smallest gap chooses
reading = next(letter for letter, text in choices.items() if "closest together" in text)

# %% q9 wrong: the loss that chose is reported
reading = next(letter for letter, text in choices.items() if "and report" in text)

# %% q9 wrong: a gap taken for a bad split (the form by heart)
reading = next(letter for letter, text in choices.items() if "split is bad" in text)
