"""Open project, a middling submission: 18 of 24 by machine, 3 of 6 for the page."""

# %% q1 right: a probe, and fine-tuning with flips
final = {part: features.extract(backbone, images[part]) for part in images}
first = transfer.linear_probe(final["train"], labels["train"], final["validation"], labels["validation"])
settings = transfer.Recipe(
    epochs=10,
    learning_rate=1e-3,
    schedule="cosine",
    batch_size=32,
    augmentation=keras.layers.RandomFlip("horizontal"),
)
sets = [(images[part], labels[part]) for part in ("train", "validation")]
finer, _ = transfer.lp_ft(backbone, *sets, settings, probe=first, progress=False)


def arm_a(batch):
    return first.predict(features.extract(backbone, batch))


def arm_b(batch):
    return finer.predict(batch, verbose=0).argmax(axis=1)


# %% q2 wrong: counts different answers, also where both are wrong
said_a, said_b = arm_a(images["validation"]), arm_b(images["validation"])
validation_accuracy = {
    "A": float((said_a == labels["validation"]).mean()),
    "B": float((said_b == labels["validation"]).mean()),
}
discordant = float((said_a != said_b).mean())


# %% q3 wrong: leaves the share of discordant images to the default
def detectable(n, discordant):
    for points in range(1, 51):
        d = points / 100
        if evaluation.images_needed_paired(0.5 + d / 2, 0.5 - d / 2) <= n:
            return d
    return None


# %% q4 wrong: the right test, and the detectable difference of independent errors
plan = {
    "question": "Is fine-tuning better than a probe on my six species?",
    "A": "linear probe on the last stage",
    "B": "probe, then fine-tuning with flips, 10 epochs",
    "test": "McNemar, exact, two-sided",
    "level": 0.05,
    "margin": 0.02,
    "detectable": 0.10,
    "epochs": 20,
    "if A is better": "Then I use the probe.",
    "if B is better": "Then I use fine-tuning.",
    "if we cannot tell": "Then both are equally good.",
}

# %% q5 right: the planned test, once
test_images, test_labels = open_test(plan)
predicted = {"A": arm_a(test_images), "B": arm_b(test_images)}
outcome = evaluation.mcnemar(test_labels, predicted["A"], predicted["B"], names=("A", "B"))
p_value, verdict = outcome.p_value, outcome.winner or "cannot tell"

# %% q6 wrong: the interval of the difference is made of those of the two accuracies
one, two = evaluation.accuracy(test_labels, predicted["A"]), evaluation.accuracy(test_labels, predicted["B"])
gap, low, high = 100 * (one.value - two.value), 100 * (one.low - two.high), 100 * (one.high - two.low)
report = f"""# Fine-tuning against a probe

**Accuracy of A:** {one}

**Accuracy of B:** {two}

**Difference A minus B:** {gap:.1f} points ({low:.1f} to {high:.1f})

**p-value:** {outcome.p_text}

**Verdict:** {verdict if verdict == "cannot tell" else verdict + " is better"}

**Detectable from:** 10 points

**Seal of the plan:** {seal(plan)}

## Question

I wanted to see if fine-tuning is better than a probe for new species, because the book says that it depends
on how many images one has.

## What was done

I trained a linear probe on the last stage and then fine-tuned the whole network for ten epochs with
horizontal flips. I tried two learning rates and took the one with the higher validation accuracy. Then I
opened the test set and used McNemar's test because the two models saw the same images.

## What it does not show

It does not show what happens with other animals or with photos.

## Decision

Fine-tuning should be used when there is time for it, because it has the higher accuracy and the p-value is
small, so the difference is important. If one has no time, the probe is good enough.
"""

# %% q7 wrong: an answer to the review without a reason
written = """
The reviewers said that B differs from A in two things, fine-tuning and flips. We did not change it, since the flips
belong to fine-tuning. They liked the page otherwise.
"""
