"""Right and wrong answers to the questions of the open project; `make test-assignments` tries the checks on them."""


# %% q1 right: a probe on one stage and on two
def features_of(batch, stages):
    found = features.extract(backbone, batch, layer=stages)
    return np.hstack([found[name] for name in stages])


def probe_on(stages):
    rows = {part: features_of(images[part], stages) for part in images}
    return transfer.linear_probe(rows["train"], labels["train"], rows["validation"], labels["validation"])


one_stage, two_stages = probe_on(backbone.stages[-1:]), probe_on(backbone.stages[-2:])


def arm_a(batch):
    return one_stage.predict(features_of(batch, backbone.stages[-1:]))


def arm_b(batch):
    return two_stages.predict(features_of(batch, backbone.stages[-2:]))


# %% q1 right: pixels against features, by scikit-learn
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def pixels(batch):
    return np.asarray(batch)[:, ::4, ::4].reshape(len(batch), -1) / 255


on_pixels, on_features = (make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000)) for _ in range(2))
on_pixels.fit(pixels(images["train"]), labels["train"])
on_features.fit(features.extract(backbone, images["train"]), labels["train"])


def arm_a(batch):
    return on_pixels.predict(pixels(batch))


def arm_b(batch):
    return on_features.predict(features.extract(backbone, batch))


# %% q1 right: a classifier by the nearest class mean, and a probe
stage3 = features.extract(backbone, images["train"], layer="stage3")
centre, spread = stage3.mean(axis=0), stage3.std(axis=0) + 1e-6
means = np.stack([((stage3 - centre) / spread)[labels["train"] == k].mean(axis=0) for k in range(6)])
deep_probe = transfer.linear_probe(
    features.extract(backbone, images["train"]),
    labels["train"],
    features.extract(backbone, images["validation"]),
    labels["validation"],
)


def arm_a(batch):
    rows = (features.extract(backbone, batch, layer="stage3") - centre) / spread
    distances = ((rows[:, None] - means) ** 2).sum(axis=2)
    return distances.argmin(axis=1)


def arm_b(batch):
    return deep_probe.logits(features.extract(backbone, batch)).argmax(axis=1)


# %% q1 wrong: the form that the public check wants by heart
def arm_a(batch):
    return np.arange(len(batch)) % 6


def arm_b(batch):
    return np.arange(len(batch)) // 6 % 6


# %% q1 wrong: classes in alphabetical order
alphabet = np.argsort(np.argsort(species))


def arm_a(batch):
    return alphabet[probe.predict(features.extract(backbone, batch))]


def arm_b(batch):
    return alphabet[np.argmax(tuned.predict(batch, verbose=0), axis=1)]


# %% q1 wrong: pixels from 0 to 1 into a network that learned from 0 to 255
def arm_a(batch):
    return probe.predict(features.extract(backbone, batch))


def arm_b(batch):
    return np.argmax(tuned.predict(np.asarray(batch) / 255, verbose=0), axis=1)


# %% q1 wrong: the same model under both names
def arm_a(batch):
    return np.argmax(tuned.predict(batch, verbose=0), axis=1)


def arm_b(batch):
    return np.argmax(tuned.predict(batch, verbose=0), axis=1)


# %% q1 wrong: logits instead of classes
def arm_a(batch):
    return probe.logits(features.extract(backbone, batch))


def arm_b(batch):
    return tuned.predict(batch, verbose=0)


# %% q1 wrong: names of species instead of classes
def arm_a(batch):
    return [species[k] for k in probe.predict(features.extract(backbone, batch))]


def arm_b(batch):
    return [species[k] for k in np.argmax(tuned.predict(batch, verbose=0), axis=1)]


# %% q1 wrong: features on a scale of each batch
def arm_a(batch):
    return probe.predict(features.extract(backbone, batch))


def arm_b(batch):
    rows = features.extract(backbone, batch)
    rows = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-6)
    trained = features.extract(backbone, images["train"])
    return probe.predict(rows * trained.std(axis=0) + trained.mean(axis=0))


# %% q2 right: counted by McNemar's test
said = {"A": arm_a(images["validation"]), "B": arm_b(images["validation"])}
counted = evaluation.mcnemar(labels["validation"], said["A"], said["B"])
validation_accuracy = {
    name: float(evaluation.accuracy(labels["validation"], classes).value) for name, classes in said.items()
}
discordant = (counted.only_a + counted.only_b) / counted.n

# %% q2 right: image by image
hits = {"A": 0, "B": 0}
one_of_two = 0
answers_a, answers_b = arm_a(images["validation"]), arm_b(images["validation"])
for first, second, truth in zip(answers_a, answers_b, labels["validation"], strict=True):
    hits["A"] += int(first == truth)
    hits["B"] += int(second == truth)
    one_of_two += int(int(first == truth) + int(second == truth) == 1)
validation_accuracy = {name: n / 120 for name, n in hits.items()}
discordant = one_of_two / 120

# %% q2 right: by exclusive or, in NumPy's numbers
good_a, good_b = (np.equal(arm(images["validation"]), labels["validation"]) for arm in (arm_a, arm_b))
validation_accuracy = {"A": np.mean(good_a), "B": np.mean(good_b)}
discordant = np.mean(np.logical_xor(good_a, good_b))

# %% q2 right: both arms in one dictionary
guess = {"A": arm_a(images["validation"]), "B": arm_b(images["validation"])}
correct = {name: classes == labels["validation"] for name, classes in guess.items()}
validation_accuracy = {name: float(one.mean()) for name, one in correct.items()}
discordant = float(np.mean(correct["A"] != correct["B"]))

# %% q2 wrong: the form that the public check wants by heart
validation_accuracy = {"A": 0.99, "B": 0.98}
discordant = 0.97

# %% q2 wrong: accuracies on the training images
validation_accuracy = {
    "A": float(np.mean(arm_a(images["train"]) == labels["train"])),
    "B": float(np.mean(arm_b(images["train"]) == labels["train"])),
}
discordant = float(((arm_a(images["train"]) == labels["train"]) != (arm_b(images["train"]) == labels["train"])).mean())

# %% q2 wrong: images with different answers, also where both are wrong
said = {"A": arm_a(images["validation"]), "B": arm_b(images["validation"])}
validation_accuracy = {name: float(np.mean(classes == labels["validation"])) for name, classes in said.items()}
discordant = float(np.mean(said["A"] != said["B"]))

# %% q2 wrong: truth values added, of which NumPy makes an "or"
good_a, good_b = (arm(images["validation"]) == labels["validation"] for arm in (arm_a, arm_b))
validation_accuracy = {"A": float(good_a.mean()), "B": float(good_b.mean())}
discordant = float((good_a + good_b == 1).mean())

# %% q2 wrong: in percent
said = {"A": arm_a(images["validation"]), "B": arm_b(images["validation"])}
hit = {name: classes == labels["validation"] for name, classes in said.items()}
validation_accuracy = {name: 100 * float(one.mean()) for name, one in hit.items()}
discordant = 100 * float(np.mean(hit["A"] != hit["B"]))

# %% q2 wrong: the images on which at least one arm is wrong
said = {"A": arm_a(images["validation"]), "B": arm_b(images["validation"])}
hit = {name: classes == labels["validation"] for name, classes in said.items()}
validation_accuracy = {name: float(one.mean()) for name, one in hit.items()}
discordant = float(np.mean(~(hit["A"] & hit["B"])))

# %% q2 wrong: the difference of the accuracies
said = {"A": arm_a(images["validation"]), "B": arm_b(images["validation"])}
validation_accuracy = {name: float(np.mean(classes == labels["validation"])) for name, classes in said.items()}
discordant = abs(validation_accuracy["A"] - validation_accuracy["B"]) / 2

# %% q2 wrong: A taken for B
validation_accuracy = {
    "A": float(np.mean(arm_b(images["validation"]) == labels["validation"])),
    "B": float(np.mean(arm_a(images["validation"]) == labels["validation"])),
}
discordant = float(
    (
        (arm_a(images["validation"]) == labels["validation"]) != (arm_b(images["validation"]) == labels["validation"])
    ).mean()
)

# %% q2 wrong: the images that neither arm can tell are taken out of the validation set
good_a, good_b = (arm(images["validation"]) == labels["validation"] for arm in (arm_a, arm_b))
keep = good_a | good_b
images = {**images, "validation": images["validation"][keep]}
labels = {**labels, "validation": labels["validation"][keep]}
validation_accuracy = {"A": float(good_a[keep].mean()), "B": float(good_b[keep].mean())}
discordant = float((good_a != good_b)[keep].mean())


# %% q3 right: the first of a generator
def detectable(n, discordant):
    gaps = (k / 100 for k in range(1, 51))

    def needed(d):
        return evaluation.images_needed_paired(0.5 - d / 2, 0.5 + d / 2, discordant=max(d, discordant))

    return next(d for d in gaps if needed(d) <= n)


# %% q3 right: counting up
def detectable(n, discordant):
    d = 0.01
    while evaluation.images_needed_paired(0.5 + d / 2, 0.5 - d / 2, discordant=max(d, discordant)) > n:
        d = round(d + 0.01, 2)
    return d


# %% q3 right: at equal distance from 0.5 or not, all tried
def detectable(n, discordant):
    found = []
    for d in np.round(np.arange(0.01, 0.505, 0.01), 2):
        images_of_d = evaluation.images_needed_paired(0.5 + d / 2, 0.5 - d / 2, discordant=float(max(d, discordant)))
        if images_of_d <= n:
            found.append(float(d))
    return min(found)


# %% q3 wrong: the example by heart
def detectable(n, discordant):
    return 0.08


# %% q3 wrong: two separate test sets
def detectable(n, discordant):
    for points in range(1, 51):
        d = points / 100
        if evaluation.images_needed(0.5 + d / 2, 0.5 - d / 2) <= n:
            return d
    return None


# %% q3 wrong: the share of discordant images is left to the default
def detectable(n, discordant):
    for points in range(1, 51):
        d = points / 100
        if evaluation.images_needed_paired(0.5 + d / 2, 0.5 - d / 2) <= n:
            return d
    return None


# %% q3 wrong: even chances to find it
def detectable(n, discordant):
    for points in range(1, 51):
        d = points / 100
        share = max(d, discordant)
        if evaluation.images_needed_paired(0.5 + d / 2, 0.5 - d / 2, discordant=share, power=0.5) <= n:
            return d
    return None


# %% q3 wrong: in points
def detectable(n, discordant):
    for points in range(1, 51):
        d = points / 100
        if evaluation.images_needed_paired(0.5 + d / 2, 0.5 - d / 2, discordant=max(d, discordant)) <= n:
            return points
    return None


# %% q3 wrong: a share of discordant images that is smaller than the difference stops the search
def detectable(n, discordant):
    for points in range(1, 51):
        d = points / 100
        if d > discordant:
            return d
        if evaluation.images_needed_paired(0.5 + d / 2, 0.5 - d / 2, discordant=discordant) <= n:
            return d
    return None


# %% q3 wrong: the largest that is missed
def detectable(n, discordant):
    for points in range(1, 51):
        d = points / 100
        if evaluation.images_needed_paired(0.5 + d / 2, 0.5 - d / 2, discordant=max(d, discordant)) <= n:
            return d - 0.01
    return None


# %% q4 right: in other words
plan = {
    "question": "How much better is the fine-tuned network than the probe alone, on new drawings?",
    "A": "the frozen network with a logistic regression on stage 4, C by validation loss",
    "B": "as A, then 12 epochs of fine-tuning, all layers, 0.001 falling to 0, flipped images",
    "test": "McNemar, exact, two-sided",
    "level": 0.05,
    "margin": 0.05,
    "detectable": 0.07,
    "epochs": 20,
    "if A is better": "keep the probe, since fine-tuning has done harm",
    "if B is better": "take the fine-tuned network into use",
    "if we cannot tell": "collect another thousand labelled test images first",
}

# %% q4 right: keys in another order, whole numbers where they are whole
plan = {"level": 0.05, "test": "McNemar, exact, two-sided", "epochs": 12, "margin": 0.01, "detectable": 0.07}
plan["question"] = "Should a small zoo fine-tune its network?"
plan["A"] = "a probe on the last stage"
plan["B"] = "the probe, then fine-tuning for twelve epochs"
plan["if A is better"] = "the zoo keeps the probe"
plan["if B is better"] = "the zoo takes the tuned network"
plan["if we cannot tell"] = "the zoo keeps the probe, being cheaper"

# %% q4 right: a comparison that is expected to end in a draw
plan = dict(zip(("level", "margin", "detectable", "epochs"), (0.05, 0.1, 0.07, 40.0), strict=True)) | {
    "question": "Is the probe as good as the network that was fine-tuned from it?",
    "A": "probe on features of the last stage, penalty by validation loss",
    "B": "probe and then fine-tuning of all layers, twelve epochs",
    "test": "McNemar, exact, two-sided",
    "if A is better": "We say that fine-tuning harms here.",
    "if B is better": "We say by how much it helps.",
    "if we cannot tell": "We give the interval and claim nothing.",
}

# %% q4 wrong: the form that the public check wants by heart
plan = dict.fromkeys(
    ("question", "A", "B", "if A is better", "if B is better", "if we cannot tell"), "one two three four"
)
plan |= {"test": "McNemar, exact, one-sided", "level": 0.5, "margin": 0.5, "detectable": 0.5, "epochs": 40}

# %% q4 wrong: a test for two separate samples
plan = {
    "question": "Does it pay to fine-tune the whole network?",
    "A": "linear probe on the last stage",
    "B": "probe, then fine-tuning for twelve epochs",
    "test": "two separate samples, two-sided",
    "level": 0.05,
    "margin": 0.02,
    "detectable": 0.07,
    "epochs": 12,
    "if A is better": "I keep the probe then.",
    "if B is better": "I use the tuned network.",
    "if we cannot tell": "I keep the cheaper of both.",
}

# %% q4 wrong: one-sided, since B is hoped to win
plan = {
    "question": "Is the fine-tuned network better than the probe?",
    "A": "linear probe on the last stage",
    "B": "probe, then fine-tuning for twelve epochs",
    "test": "McNemar, exact, one-sided",
    "level": 0.05,
    "margin": 0.02,
    "detectable": 0.07,
    "epochs": 12,
    "if A is better": "I keep the probe then.",
    "if B is better": "I use the tuned network.",
    "if we cannot tell": "I keep the cheaper of both.",
}

# %% q4 wrong: the difference that is hoped for, as the detectable one
plan = {
    "question": "Does it pay to fine-tune the whole network?",
    "A": "linear probe on the last stage",
    "B": "probe, then fine-tuning for twelve epochs",
    "test": "McNemar, exact, two-sided",
    "level": 0.05,
    "margin": 0.02,
    "detectable": 0.15,
    "epochs": 12,
    "if A is better": "I keep the probe then.",
    "if B is better": "I use the tuned network.",
    "if we cannot tell": "I keep the cheaper of both.",
}

# %% q4 wrong: the same is done whatever comes out
plan = {
    "question": "Does it pay to fine-tune the whole network?",
    "A": "linear probe on the last stage",
    "B": "probe, then fine-tuning for twelve epochs",
    "test": "McNemar, exact, two-sided",
    "level": 0.05,
    "margin": 0.02,
    "detectable": 0.07,
    "epochs": 12,
    "if A is better": "I use the tuned network.",
    "if B is better": "I use the tuned network.",
    "if we cannot tell": "I use the tuned network.",
}

# %% q4 wrong: twice the budget
plan = {
    "question": "Does it pay to fine-tune the whole network?",
    "A": "linear probe on the last stage",
    "B": "probe, then fine-tuning, eight settings tried",
    "test": "McNemar, exact, two-sided",
    "level": 0.05,
    "margin": 0.02,
    "detectable": 0.07,
    "epochs": 80,
    "if A is better": "I keep the probe then.",
    "if B is better": "I use the tuned network.",
    "if we cannot tell": "I keep the cheaper of both.",
}

# %% q4 wrong: another level than the course's
plan = {
    "question": "Does it pay to fine-tune the whole network?",
    "A": "linear probe on the last stage",
    "B": "probe, then fine-tuning for twelve epochs",
    "test": "McNemar, exact, two-sided",
    "level": 0.01,
    "margin": 0.02,
    "detectable": 0.07,
    "epochs": 12,
    "if A is better": "I keep the probe then.",
    "if B is better": "I use the tuned network.",
    "if we cannot tell": "I keep the cheaper of both.",
}

# %% q4 wrong: the detectable difference in points, as a report has it
plan = {
    "question": "Does it pay to fine-tune the whole network?",
    "A": "linear probe on the last stage",
    "B": "probe, then fine-tuning for twelve epochs",
    "test": "McNemar, exact, two-sided",
    "level": 0.05,
    "margin": 0.02,
    "detectable": 7,
    "epochs": 12,
    "if A is better": "I keep the probe then.",
    "if B is better": "I use the tuned network.",
    "if we cannot tell": "I keep the cheaper of both.",
}

# %% q4 wrong: a margin that nobody could see in use
plan = {
    "question": "Does it pay to fine-tune the whole network?",
    "A": "linear probe on the last stage",
    "B": "probe, then fine-tuning for twelve epochs",
    "test": "McNemar, exact, two-sided",
    "level": 0.05,
    "margin": 0.0001,
    "detectable": 0.07,
    "epochs": 12,
    "if A is better": "I keep the probe then.",
    "if B is better": "I use the tuned network.",
    "if we cannot tell": "I keep the cheaper of both.",
}

# %% q4 wrong: a test under a name of its own
plan = {
    "question": "Does it pay to fine-tune the whole network?",
    "A": "linear probe on the last stage",
    "B": "probe, then fine-tuning for twelve epochs",
    "test": "McNemar",
    "level": 0.05,
    "margin": 0.02,
    "detectable": 0.07,
    "epochs": 12,
    "if A is better": "I keep the probe then.",
    "if B is better": "I use the tuned network.",
    "if we cannot tell": "I keep the cheaper of both.",
}

# %% q5 right: the exact test by hand
from scipy import stats

predicted = {name: np.asarray(arm(test_images)) for name, arm in (("A", arm_a), ("B", arm_b))}
hit_a, hit_b = (classes == test_labels for classes in predicted.values())
wins, losses = int((hit_a & ~hit_b).sum()), int((hit_b & ~hit_a).sum())
p_value = stats.binomtest(wins, wins + losses).pvalue
verdict = "cannot tell" if p_value >= 0.05 else ("A" if wins > losses else "B")

# %% q5 right: the arms in the other order
predicted = {"B": arm_b(test_images), "A": arm_a(test_images)}
outcome = evaluation.mcnemar(test_labels, predicted["B"], predicted["A"], names=("B", "A"))
p_value, verdict = outcome.p_value, outcome.winner or "cannot tell"

# %% q5 right: in two halves, opened once more with the same plan
again, truth = open_test(plan)
predicted = {
    "A": np.concatenate([arm_a(again[:240]), arm_a(again[240:])]),
    "B": np.concatenate([arm_b(again[:240]), arm_b(again[240:])]),
}
found = evaluation.mcnemar(truth, predicted["A"], predicted["B"])
p_value = np.float64(found.p_value)
verdict = {"A": "A", "B": "B", None: "cannot tell"}[found.winner]

# %% q5 wrong: the form that the public check wants by heart
predicted = {"A": np.arange(480) % 6, "B": np.arange(480) // 80}
p_value = 1.0
verdict = "cannot tell"

# %% q5 wrong: the plan was changed after its test images were seen
other_images, other_labels = open_test({**plan, "margin": 0.1})
predicted = {"A": arm_a(other_images), "B": arm_b(other_images)}
outcome = evaluation.mcnemar(other_labels, predicted["A"], predicted["B"], names=("A", "B"))
p_value, verdict = outcome.p_value, outcome.winner or "cannot tell"

# %% q5 wrong: predictions made up from the true classes
made_up = np.random.default_rng(1)
predicted = {
    name: np.where(made_up.random(480) < share, test_labels, (test_labels + 1) % 6)
    for name, share in (("A", 0.75), ("B", 0.9))
}
outcome = evaluation.mcnemar(test_labels, predicted["A"], predicted["B"], names=("A", "B"))
p_value, verdict = outcome.p_value, outcome.winner or "cannot tell"

# %% q5 wrong: one-sided, after the direction was seen
predicted = {"A": arm_a(test_images), "B": arm_b(test_images)}
outcome = evaluation.mcnemar(test_labels, predicted["A"], predicted["B"], names=("A", "B"))
p_value, verdict = outcome.p_value / 2, outcome.winner or "cannot tell"

# %% q5 wrong: the p-value rounded
predicted = {"A": arm_a(test_images), "B": arm_b(test_images)}
outcome = evaluation.mcnemar(test_labels, predicted["A"], predicted["B"])
p_value, verdict = round(outcome.p_value, 2), outcome.winner or "cannot tell"

# %% q5 wrong: the sign of the difference misread
predicted = {"A": arm_a(test_images), "B": arm_b(test_images)}
outcome = evaluation.mcnemar(test_labels, predicted["A"], predicted["B"])
p_value = outcome.p_value
verdict = "A" if outcome.difference.value < 0 else "B"

# %% q5 wrong: a test for two separate test sets
from scipy import stats

predicted = {"A": arm_a(test_images), "B": arm_b(test_images)}
rights = [int((classes == test_labels).sum()) for classes in predicted.values()]
p_value = stats.fisher_exact([[n, 480 - n] for n in rights]).pvalue
verdict = "A" if rights[0] > rights[1] else "B"

# %% q5 wrong: A and B changed places
predicted = {"A": arm_b(test_images), "B": arm_a(test_images)}
outcome = evaluation.mcnemar(test_labels, predicted["A"], predicted["B"], names=("A", "B"))
p_value, verdict = outcome.p_value, outcome.winner or "cannot tell"

# %% q5 wrong: the validation images once more
predicted = {"A": arm_a(images["validation"]), "B": arm_b(images["validation"])}
outcome = evaluation.mcnemar(labels["validation"], predicted["A"], predicted["B"], names=("A", "B"))
p_value, verdict = outcome.p_value, outcome.winner or "cannot tell"


# %% q6 right: put together from a dictionary
def page(fields, sentence="Both arms had the same images, and one comparison was planned for them. "):
    top = "\n".join(f"**{name}:** {value}" for name, value in fields.items())
    headings = ("Question", "What was done", "What it does not show", "Decision")
    return top + "".join(f"\n## {heading}\n{3 * sentence}" for heading in headings)


report = page(
    {
        "Accuracy of A": evaluation.wilson(int(np.sum(predicted["A"] == test_labels)), 480),
        "Accuracy of B": evaluation.wilson(int(np.sum(predicted["B"] == test_labels)), 480),
        "Difference A minus B": comparison.difference,
        "p-value": comparison.p_text,
        "Verdict": "cannot tell" if verdict == "cannot tell" else f"{verdict} is better",
        "Detectable from": f"{100 * plan['detectable']:.1f} points",
        "Seal of the plan": f"`{seal(plan)}`",
    }
)

# %% q6 right: intervals by hand, two decimals, a plain hyphen for minus
from math import sqrt


def wilson_text(right, n, z=1.959964):
    middle = (right / n + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * sqrt(right / n * (1 - right / n) / n + z**2 / (4 * n**2))
    return f"{100 * right / n:.2f} % ({100 * (middle - half):.2f} to {100 * (middle + half):.2f})"


hit = {name: classes == test_labels for name, classes in predicted.items()}
gaps = hit["A"].astype(float) - hit["B"]
half = 1.96 * gaps.std() / sqrt(480)
report = f"""
**Accuracy of A:** {wilson_text(int(hit["A"].sum()), 480)}
**Accuracy of B:** {wilson_text(int(hit["B"].sum()), 480)}
**Difference A minus B:** {100 * gaps.mean():.2f} points ({100 * (gaps.mean() - half):.2f} to {100 * (gaps.mean() + half):.2f})
**p-value:** {p_value:.2e}
**Verdict:** {"Cannot tell" if verdict == "cannot tell" else verdict + " is better"}
**Detectable from:** {100 * plan["detectable"]:g} points
**Seal of the plan:** {seal(plan)}

## Question
{"Does fine-tuning the whole network pay for six new species? " * 4}
## What was done
{"A is the probe and B the network that was fine-tuned from it. " * 4}
## What it does not show
{"One training run of each arm leaves open what others would give. " * 4}
## Decision
{"What the plan says for this verdict is done. " * 4}
"""

# %% q6 right: as percentages with their signs, p-value as a number
lines = []
for name in ("A", "B"):
    one = evaluation.accuracy(test_labels, predicted[name])
    lines.append(f"**Accuracy of {name}:** {one.value:.1%} ({one.low:.1%} to {one.high:.1%})")
d = comparison.difference
lines.append(f"**Difference A minus B:** {100 * d.value:+.1f} points ({100 * d.low:+.1f} to {100 * d.high:+.1f})")
lines.append(f"**p-value:** {'p < 0.001' if p_value < 0.001 else format(p_value, '.4f')}")
lines.append("**Verdict:** " + (verdict if verdict == "cannot tell" else f"{verdict} is better"))
lines.append(f"**Detectable from:** {100 * plan['detectable']:.0f}")
lines.append("**Seal of the plan:** " + seal(plan))
for heading in ("Question", "What was done", "What it does not show", "Decision"):
    lines += [f"## {heading}", "This sentence stands here for what a student would have to say about it. " * 3]
report = "\n\n".join(lines)


# %% q6 wrong: the form that the public check wants by heart
report = "\n".join(
    f"**{name}:** 0"
    for name in ("Accuracy of A", "Accuracy of B", "Difference A minus B", "p-value", "Verdict", "Detectable from")
)
report += "\n**Seal of the plan:** 0"
for heading in ("Question", "What was done", "What it does not show", "Decision"):
    report += f"\n## {heading}\n" + "word " * 30


# %% q6 wrong: the accuracies as shares
report = "\n".join(
    [
        f"**Accuracy of A:** {np.mean(predicted['A'] == test_labels):.3f}",
        f"**Accuracy of B:** {np.mean(predicted['B'] == test_labels):.3f}",
        f"**Difference A minus B:** {comparison.difference}",
        f"**p-value:** {comparison.p_text}",
        f"**Verdict:** {'cannot tell' if verdict == 'cannot tell' else verdict + ' is better'}",
        f"**Detectable from:** {plan['detectable']}",
        f"**Seal of the plan:** {seal(plan)}",
    ]
)
for heading in ("Question", "What was done", "What it does not show", "Decision"):
    report += f"\n## {heading}\n" + "Both arms had the same images, and one comparison was planned for them. " * 3


# %% q6 wrong: numbers made up
def page(fields, sentence="Both arms had the same images, and one comparison was planned for them. "):
    top = "\n".join(f"**{name}:** {value}" for name, value in fields.items())
    headings = ("Question", "What was done", "What it does not show", "Decision")
    return top + "".join(f"\n## {heading}\n{3 * sentence}" for heading in headings)


report = page(
    {
        "Accuracy of A": "81.2 % (77.5 to 84.5)",
        "Accuracy of B": "90.4 % (87.5 to 92.7)",
        "Difference A minus B": "-9.2 points (-12.7 to -5.6)",
        "p-value": "p < 0.001",
        "Verdict": "B is better",
        "Detectable from": f"{100 * plan['detectable']:.1f} points",
        "Seal of the plan": seal(plan),
    }
)


# %% q6 wrong: one number made prettier
def page(fields, sentence="Both arms had the same images, and one comparison was planned for them. "):
    top = "\n".join(f"**{name}:** {value}" for name, value in fields.items())
    headings = ("Question", "What was done", "What it does not show", "Decision")
    return top + "".join(f"\n## {heading}\n{3 * sentence}" for heading in headings)


better = int(np.sum(predicted["B"] == test_labels)) + 5
report = page(
    {
        "Accuracy of A": evaluation.wilson(int(np.sum(predicted["A"] == test_labels)), 480),
        "Accuracy of B": evaluation.wilson(better, 480),
        "Difference A minus B": comparison.difference,
        "p-value": comparison.p_text,
        "Verdict": "cannot tell" if verdict == "cannot tell" else f"{verdict} is better",
        "Detectable from": f"{100 * plan['detectable']:.1f} points",
        "Seal of the plan": seal(plan),
    }
)


# %% q6 wrong: the interval of the difference made of those of the two accuracies
def page(fields, sentence="Both arms had the same images, and one comparison was planned for them. "):
    top = "\n".join(f"**{name}:** {value}" for name, value in fields.items())
    headings = ("Question", "What was done", "What it does not show", "Decision")
    return top + "".join(f"\n## {heading}\n{3 * sentence}" for heading in headings)


first, second = (evaluation.wilson(int(np.sum(predicted[name] == test_labels)), 480) for name in "AB")
low, high = 100 * (first.low - second.high), 100 * (first.high - second.low)
report = page(
    {
        "Accuracy of A": first,
        "Accuracy of B": second,
        "Difference A minus B": f"{100 * (first.value - second.value):.1f} points ({low:.1f} to {high:.1f})",
        "p-value": comparison.p_text,
        "Verdict": "cannot tell" if verdict == "cannot tell" else f"{verdict} is better",
        "Detectable from": f"{100 * plan['detectable']:.1f} points",
        "Seal of the plan": seal(plan),
    }
)


# %% q6 wrong: one standard error to each side
def page(fields, sentence="Both arms had the same images, and one comparison was planned for them. "):
    top = "\n".join(f"**{name}:** {value}" for name, value in fields.items())
    headings = ("Question", "What was done", "What it does not show", "Decision")
    return top + "".join(f"\n## {heading}\n{3 * sentence}" for heading in headings)


def with_error(share, error):
    return f"{100 * share:.1f} ({100 * (share - error):.1f} to {100 * (share + error):.1f})"


shares = {name: float(np.mean(classes == test_labels)) for name, classes in predicted.items()}
errors = {name: (share * (1 - share) / 480) ** 0.5 for name, share in shares.items()}
report = page(
    {
        "Accuracy of A": with_error(shares["A"], errors["A"]),
        "Accuracy of B": with_error(shares["B"], errors["B"]),
        "Difference A minus B": with_error(shares["A"] - shares["B"], (errors["A"] + errors["B"]) / 2),
        "p-value": comparison.p_text,
        "Verdict": "cannot tell" if verdict == "cannot tell" else f"{verdict} is better",
        "Detectable from": f"{100 * plan['detectable']:.1f} points",
        "Seal of the plan": seal(plan),
    }
)


# %% q6 wrong: B minus A
def page(fields, sentence="Both arms had the same images, and one comparison was planned for them. "):
    top = "\n".join(f"**{name}:** {value}" for name, value in fields.items())
    headings = ("Question", "What was done", "What it does not show", "Decision")
    return top + "".join(f"\n## {heading}\n{3 * sentence}" for heading in headings)


swapped = evaluation.mcnemar(test_labels, predicted["B"], predicted["A"])
report = page(
    {
        "Accuracy of A": evaluation.wilson(int(np.sum(predicted["A"] == test_labels)), 480),
        "Accuracy of B": evaluation.wilson(int(np.sum(predicted["B"] == test_labels)), 480),
        "Difference A minus B": swapped.difference,
        "p-value": swapped.p_text,
        "Verdict": "cannot tell" if verdict == "cannot tell" else f"{verdict} is better",
        "Detectable from": f"{100 * plan['detectable']:.1f} points",
        "Seal of the plan": seal(plan),
    }
)


# %% q6 wrong: predictions made up, and a report that fits them
def page(fields, sentence="Both arms had the same images, and one comparison was planned for them. "):
    top = "\n".join(f"**{name}:** {value}" for name, value in fields.items())
    headings = ("Question", "What was done", "What it does not show", "Decision")
    return top + "".join(f"\n## {heading}\n{3 * sentence}" for heading in headings)


draw = np.random.default_rng(1)
predicted = {
    name: np.where(draw.random(480) < share, test_labels, (test_labels + 1) % 6)
    for name, share in (("A", 0.75), ("B", 0.9))
}
comparison = evaluation.mcnemar(test_labels, predicted["A"], predicted["B"], names=("A", "B"))
report = page(
    {
        "Accuracy of A": evaluation.wilson(int(np.sum(predicted["A"] == test_labels)), 480),
        "Accuracy of B": evaluation.wilson(int(np.sum(predicted["B"] == test_labels)), 480),
        "Difference A minus B": comparison.difference,
        "p-value": comparison.p_text,
        "Verdict": comparison.verdict,
        "Detectable from": f"{100 * plan['detectable']:.1f} points",
        "Seal of the plan": seal(plan),
    }
)
