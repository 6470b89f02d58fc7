"""Open project, a good submission: 24 of 24 by machine, 6 of 6 for the page."""


# %% q1 right: a probe on the last stage, and on the last two joined
def rows_of(batch, stages):
    found = features.extract(backbone, batch, layer=stages)
    return np.hstack([found[name] for name in stages])


def probe_on(stages):
    rows = {part: rows_of(images[part], stages) for part in images}
    return transfer.linear_probe(rows["train"], labels["train"], rows["validation"], labels["validation"])


last, last_two = backbone.stages[-1:], backbone.stages[-2:]
probe_a, probe_b = probe_on(last), probe_on(last_two)


def arm_a(batch):
    return probe_a.predict(rows_of(batch, last))


def arm_b(batch):
    return probe_b.predict(rows_of(batch, last_two))


# %% q2 right: both arms on the validation images
right_a = arm_a(images["validation"]) == labels["validation"]
right_b = arm_b(images["validation"]) == labels["validation"]
validation_accuracy = {"A": float(right_a.mean()), "B": float(right_b.mean())}
discordant = float((right_a != right_b).mean())


# %% q3 right: the first difference that 480 images are enough for
def detectable(n, discordant):
    for points in range(1, 51):
        d = points / 100
        share = max(d, discordant)
        if evaluation.images_needed_paired(0.5 + d / 2, 0.5 - d / 2, discordant=share) <= n:
            return d
    return None


# %% q4 right: one difference between the arms, and a decision for each outcome
plan = {
    "question": "Do six new species need the third stage of the network beside the fourth?",
    "A": "linear probe on stage 4 (64 numbers), C by validation loss from the default grid",
    "B": "linear probe on stages 3 and 4 joined, C by validation loss from the same grid",
    "test": "McNemar, exact, two-sided",
    "level": 0.05,
    "margin": 0.03,
    "detectable": 0.06,
    "epochs": 0,
    "if A is better": "I use stage 4 alone and suspect that the longer vector overfits 180 images.",
    "if B is better": "I use both stages; the features cost the same pass through the network.",
    "if we cannot tell": "I use stage 4 alone, which is half as long, and do not call the two equal.",
}

# %% q5 right: the planned test, once
test_images, test_labels = open_test(plan)
predicted = {"A": arm_a(test_images), "B": arm_b(test_images)}
outcome = evaluation.mcnemar(test_labels, predicted["A"], predicted["B"], names=("A", "B"), margin=plan["margin"])
p_value, verdict = outcome.p_value, outcome.winner or "cannot tell"

# %% q6 right: every number computed
accuracies = {name: evaluation.accuracy(test_labels, classes) for name, classes in predicted.items()}
decision = {"A": plan["if A is better"], "B": plan["if B is better"], "cannot tell": plan["if we cannot tell"]}[verdict]
report = f"""# Does an earlier stage help with species that the network never saw?

**Accuracy of A:** {accuracies["A"]}

**Accuracy of B:** {accuracies["B"]}

**Difference A minus B:** {outcome.difference}

**p-value:** {outcome.p_text}

**Verdict:** {verdict if verdict == "cannot tell" else verdict + " is better"}

**Detectable from:** {100 * plan["detectable"]:.0f} points

**Seal of the plan:** {seal(plan)}

## Question

The last stage of a network has been shaped by the classes that it learned. Mine learned eleven other species.
I asked whether the stage before it, which is less specialised, adds something for six new ones.

## What was done

Both arms are linear probes with the same images, the same head and the same choice of penalty. The only
difference is that B also reads stage 3. No epoch was spent. On the validation images exactly one arm was
right on {100 * discordant:.0f} % of the images, so that 480 test images find a difference from six points on.
The plan was sealed first. Both arms answered the same images, hence McNemar's exact test.

## What it does not show

The interval is about other test images of these six species. It does not cover another draw of 180 training
images, other species, or fine-tuning, which may make stage 3 superfluous. B has twice as many weights; I did
not separate more numbers from earlier numbers.

## Decision

{decision} A difference below my margin of three points would not have changed how I use the classifier.
"""

# %% q7 right: what the reviewers asked and what came of it
written = """
The reviewers asked whether B wins because it has more features, not because they come from stage 3. My comparison cannot answer
that, and I added the sentence on it to "What it does not show"; a control would be a probe on 64 numbers of stage 3 alone. They
also asked why the margin is three points. I wrote the reason under "Decision" and left the number, since it was sealed.
"""
