"""Open project, a wrong submission: 9 of 24 by machine, half a point of 6 for the page.

Its test images were opened until they pleased.
"""

# %% q1 right: two models, whatever they are
final = {part: features.extract(backbone, images[part]) for part in images}
first = transfer.linear_probe(final["train"], labels["train"], final["validation"], labels["validation"])
earlier = {part: features.extract(backbone, images[part], layer="stage2") for part in images}
second = transfer.linear_probe(earlier["train"], labels["train"], earlier["validation"], labels["validation"])


def arm_a(batch):
    return second.predict(features.extract(backbone, batch, layer="stage2"))


def arm_b(batch):
    return first.predict(features.extract(backbone, batch))


# %% q2 wrong: accuracies on the training images
validation_accuracy = {
    "A": float((arm_a(images["train"]) == labels["train"]).mean()),
    "B": float((arm_b(images["train"]) == labels["train"]).mean()),
}
discordant = abs(validation_accuracy["A"] - validation_accuracy["B"]) / 2


# %% q3 wrong: a number that sounds right
def detectable(n, discordant):
    return 0.02


# %% q4 wrong: one-sided, with nothing to decide
plan = {
    "question": "To show that the last stage is better than an earlier one",
    "A": "a probe on an early stage",
    "B": "a probe on the last stage",
    "test": "McNemar, exact, one-sided",
    "level": 0.05,
    "margin": 0.001,
    "detectable": 0.02,
    "epochs": 0,
    "if A is better": "The training has to be repeated.",
    "if B is better": "The last stage is better.",
    "if we cannot tell": "The training has to be repeated.",
}

# %% q5 wrong: other words in the plan until the test images pleased, and the plan put back
test_images, test_labels = open_test({**plan, "question": "To show that the last stage is better, third attempt"})
predicted = {"A": arm_a(test_images), "B": arm_b(test_images)}
outcome = evaluation.mcnemar(test_labels, predicted["A"], predicted["B"], names=("A", "B"))
p_value = outcome.p_value / 2
verdict = "B"

# %% q6 wrong: numbers made up
report = """# The last stage is the best

**Accuracy of A:** 61.0 % (60 to 62)

**Accuracy of B:** 84.6 % (84 to 85)

**Difference A minus B:** -23.6 points

**p-value:** p < 0.0001

**Verdict:** B is better

**Detectable from:** 2 points

**Seal of the plan:** 12345678

## Question

Deep features are better than shallow ones, and this report proves it for six species of animals that the
network has never seen before.

## What was done

I trained two probes and compared them. The training accuracy was very high for both, which shows that the
probes learned well. On the test set the deep one was clearly better. I repeated the test several times until
the result was stable, and the result was always significant.

## What it does not show

Nothing is missing, since the p-value is very small and the accuracy of the model is very high.

## Decision

Always use the last stage of a network. It is proven to be better for all data sets, with a significance of
more than 99.99 percent.
"""

# %% q7 wrong: nothing answered
written = """
There were no questions.
"""
