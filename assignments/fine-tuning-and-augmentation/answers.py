"""Right and wrong answers to every question of this assignment, on which its checks are tested."""


# %% q1 right: a list of what is still to be looked at
def ready_to_fine_tune(model):
    model.trainable = True
    todo = list(model.layers)
    while todo:
        layer = todo.pop()
        if isinstance(layer, keras.Model):
            todo += layer.layers
        else:
            layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)


# %% q1 right: with the package, which the text asks not to use, after everything was frozen
def ready_to_fine_tune(model):
    transfer.freeze(model, head=True)
    transfer.unfreeze(model)


# %% q1 right: first everything, then the exceptions by a helper
def layers_inside(model):
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from layers_inside(layer)
        else:
            yield layer


def ready_to_fine_tune(model):
    model.trainable = True
    for layer in layers_inside(model):
        if type(layer) is keras.layers.BatchNormalization:
            layer.trainable = False


# %% q1 right: the flat list that Keras keeps of all layers inside
def ready_to_fine_tune(model):
    model.trainable = True
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


# %% q1 wrong: the layers of the public check by heart
def ready_to_fine_tune(model):
    model.trainable = True
    for whole in [model] + [layer for layer in model.layers if layer.name == "inside"]:
        for layer in whole.layers:
            if layer.name == "normalise":
                layer.trainable = False


# %% q1 wrong: sets the layers free, and the models that hold them stay frozen
def ready_to_fine_tune(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            ready_to_fine_tune(layer)
        else:
            layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)


# %% q1 wrong: lets batch normalisation train too
def ready_to_fine_tune(model):
    model.trainable = True


# %% q1 wrong: never unfreezes the backbone
def ready_to_fine_tune(model):
    model.trainable = True
    for layer in model.layers[:-1]:
        layer.trainable = False


# %% q1 wrong: looks at the outermost layers only
def ready_to_fine_tune(model):
    model.trainable = True
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


# %% q1 wrong: unfreezes last, and with it batch normalisation
def ready_to_fine_tune(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            ready_to_fine_tune(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    model.trainable = True


# %% q1 wrong: goes by a name that layers need not have
def ready_to_fine_tune(model):
    model.trainable = True
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            ready_to_fine_tune(layer)
        elif "normal" in layer.name:
            layer.trainable = False


# %% q1 wrong: takes for granted that the model comes trainable
def ready_to_fine_tune(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            ready_to_fine_tune(layer)
        else:
            layer.trainable = layer.trainable and not isinstance(layer, keras.layers.BatchNormalization)


# %% q1 wrong: a momentum of 1 holds the statistics, and scale and offset move
def ready_to_fine_tune(model):
    model.trainable = True
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            ready_to_fine_tune(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 1.0


# %% q1 wrong: a model in the model is expected, and none in that
def ready_to_fine_tune(model):
    model.trainable = True
    for layer in model.layers:
        inside = layer.layers if isinstance(layer, keras.Model) else [layer]
        for one in inside:
            if isinstance(one, keras.layers.BatchNormalization):
                one.trainable = False


# %% q2 right: a loop, arrays compared as a whole
def changed(before, after):
    names = set()
    for name in before:
        for then, now in zip(before[name], after[name], strict=True):
            if not np.array_equal(then, now):
                names.add(name)
    return names


trains_convolutions = {letter for letter in "ABCDE" if "convolution 2" in changed(*outcome(letter))}
holds_statistics = {letter for letter in "ABCDE" if not changed(*outcome(letter)) & {"statistics 1", "statistics 2"}}


# %% q2 right: the largest difference
def changed(before, after):
    def difference(name):
        return max(np.abs(now - then).max() for then, now in zip(before[name], after[name], strict=True))

    return {name for name in before if difference(name) > 0}


trains_convolutions, holds_statistics = set(), set()
for letter in recipes:
    names = changed(*outcome(letter))
    if any(name.startswith("convolution") for name in names):
        trains_convolutions.add(letter)
    if not any(name.startswith("statistics") for name in names):
        holds_statistics.add(letter)


# %% q2 right: byte by byte
def changed(before, after):
    def contents(arrays):
        return [np.ascontiguousarray(array).tobytes() for array in arrays]

    return set(filter(lambda name: contents(before[name]) != contents(after[name]), before))


seen = {letter: changed(*outcome(letter)) for letter in recipes}
trains_convolutions = {letter for letter in seen if {"convolution 1", "convolution 2"} <= seen[letter]}
holds_statistics = {letter for letter in seen if {"statistics 1", "statistics 2"}.isdisjoint(seen[letter])}


# %% q2 wrong: the example by heart
def changed(before, after):
    return {"a", "c"}


trains_convolutions, holds_statistics = set("ABCD"), set("AB")


# %% q2 wrong: nearly equal is taken for equal
def changed(before, after):
    return {
        name
        for name in before
        if not all(np.allclose(then, now, atol=1e-7) for then, now in zip(before[name], after[name], strict=True))
    }


trains_convolutions = {letter for letter in recipes if "convolution 1" in changed(*outcome(letter))}
holds_statistics = {letter for letter in recipes if "statistics 1" not in changed(*outcome(letter))}


# %% q2 wrong: looks at the first array of each layer only
def changed(before, after):
    return {name for name in before if (before[name][0] != after[name][0]).any()}


trains_convolutions = {letter for letter in recipes if "convolution 1" in changed(*outcome(letter))}
holds_statistics = {letter for letter in recipes if "statistics 1" not in changed(*outcome(letter))}


# %% q2 wrong: compares sums, in which changes cancel
def changed(before, after):
    return {
        name
        for name in before
        if any(abs(then.sum() - now.sum()) > 1e-12 for then, now in zip(before[name], after[name], strict=True))
    }


trains_convolutions = {letter for letter in recipes if "convolution 1" in changed(*outcome(letter))}
holds_statistics = {letter for letter in recipes if "statistics 1" not in changed(*outcome(letter))}


# %% q2 wrong: believes that training=False at the call holds the statistics
def changed(before, after):
    return {
        name for name in before if any((then != now).any() for then, now in zip(before[name], after[name], strict=True))
    }


trains_convolutions = {letter for letter, recipe in recipes.items() if recipe is not recipe_low_rate}
holds_statistics = {
    letter
    for letter, recipe in recipes.items()
    if recipe in (recipe_low_rate, recipe_layer_by_layer, recipe_at_the_call)
}


# %% q2 wrong: believes that a low rate fine-tunes what is frozen
def changed(before, after):
    return {
        name for name in before if any((then != now).any() for then, now in zip(before[name], after[name], strict=True))
    }


trains_convolutions = set(recipes)
holds_statistics = {letter for letter, recipe in recipes.items() if recipe in (recipe_low_rate, recipe_layer_by_layer)}


# %% q2 wrong: believes that the order of the two flags does not matter
def changed(before, after):
    return {
        name for name in before if any((then != now).any() for then, now in zip(before[name], after[name], strict=True))
    }


trains_convolutions = {letter for letter, recipe in recipes.items() if recipe is not recipe_low_rate}
holds_statistics = {
    letter
    for letter, recipe in recipes.items()
    if recipe in (recipe_low_rate, recipe_layer_by_layer, recipe_other_order)
}


# %% q2 wrong: only what changed in every array is called changed
def changed(before, after):
    return {
        name
        for name, weights in before.items()
        if all((then != now).any() for then, now in zip(weights, after[name], strict=True))
    }


trains_convolutions = {letter for letter in recipes if changed(*outcome(letter)) & {"convolution 1", "convolution 2"}}
holds_statistics = {letter for letter in recipes if not changed(*outcome(letter)) & {"statistics 1", "statistics 2"}}


# %% q3 right: a loop
def training_epochs(train, validation, augment, n):
    epochs = []
    for _ in range(n):
        epochs.append(augment(train))
    return epochs, validation


# %% q3 right: copies, to be on the safe side
def training_epochs(train, validation, augment, n):
    originals = train.copy()
    epochs = [np.array(augment(originals.copy())) for _ in range(n)]
    return epochs, validation.copy()


# %% q3 right: a generator, exhausted
def training_epochs(train, validation, augment, n):
    def epochs():
        while True:
            yield augment(train)

    stream = epochs()
    return [next(stream) for _ in range(n)], validation


# %% q3 wrong: the example by heart
def training_epochs(train, validation, augment, n):
    return [np.full(train.shape, number) for number in (1.0, 2.0, 3.0)], validation


# %% q3 wrong: augmented, then cached
def training_epochs(train, validation, augment, n):
    cached = augment(train)
    return [cached for _ in range(n)], validation


# %% q3 wrong: changes the images of the epoch before
def training_epochs(train, validation, augment, n):
    epochs = []
    for _ in range(n):
        train = augment(train)
        epochs.append(train)
    return epochs, validation


# %% q3 wrong: validation images are augmented too
def training_epochs(train, validation, augment, n):
    return [augment(train) for _ in range(n)], augment(validation)


# %% q3 wrong: the first epoch sees the originals
def training_epochs(train, validation, augment, n):
    return [train] + [augment(train) for _ in range(n - 1)], validation


# %% q3 wrong: one random factor makes the difference between epochs
def training_epochs(train, validation, augment, n):
    first = augment(train)
    return [train + (number + 1) * (first - train) for number in range(n)], validation


# %% q3 wrong: draws over the caller's array
def training_epochs(train, validation, augment, n):
    originals, epochs = train.copy(), []
    for _ in range(n):
        train[:] = augment(originals)
        epochs.append(train.copy())
    return epochs, validation


# %% q3 wrong: image by image
def training_epochs(train, validation, augment, n):
    return [np.stack([augment(image) for image in train]) for _ in range(n)], validation


# %% q4 right: labels counted up image by image
def mixed(images, labels, n_classes, partner, share):
    blended, soft = np.zeros(images.shape), np.zeros((len(labels), n_classes))
    for k, other in enumerate(partner):
        blended[k] = share * images[k] + (1 - share) * images[other]
        soft[k, labels[k]] += share
        soft[k, labels[other]] += 1 - share
    return blended, soft


# %% q4 right: a matrix does the mixing of both
def mixed(images, labels, n_classes, partner, share):
    n = len(images)
    mixing = share * np.eye(n) + (1 - share) * np.eye(n)[partner]
    one_hot = (np.asarray(labels)[:, None] == np.arange(n_classes)).astype(float)
    return np.einsum("ij,j...->i...", mixing, images), mixing @ one_hot


# %% q4 right: Keras makes the labels
def mixed(images, labels, n_classes, partner, share):
    one_hot = keras.utils.to_categorical(labels, n_classes)
    return images[partner] + share * (images - images[partner]), share * one_hot + (1 - share) * one_hot[partner]


# %% q4 wrong: the example by heart
def mixed(images, labels, n_classes, partner, share):
    return np.array([2.0, 6.0]).reshape(2, 1, 1, 1), np.array([[0.75, 0.25], [0.25, 0.75]])


# %% q4 wrong: mixed images, unmixed labels
def mixed(images, labels, n_classes, partner, share):
    return share * images + (1 - share) * images[partner], np.eye(n_classes)[labels]


# %% q4 wrong: the label that weighs most
def mixed(images, labels, n_classes, partner, share):
    kept = labels if share >= 0.5 else labels[partner]
    return share * images + (1 - share) * images[partner], np.eye(n_classes)[kept]


# %% q4 wrong: class numbers are averaged
def mixed(images, labels, n_classes, partner, share):
    between = np.round(share * labels + (1 - share) * labels[partner]).astype(int)
    return share * images + (1 - share) * images[partner], np.eye(n_classes)[between]


# %% q4 wrong: images and labels are mixed in opposite shares
def mixed(images, labels, n_classes, partner, share):
    one_hot = np.eye(n_classes)[labels]
    return (1 - share) * images + share * images[partner], share * one_hot + (1 - share) * one_hot[partner]


# %% q4 wrong: each class is right, whatever its share
def mixed(images, labels, n_classes, partner, share):
    one_hot = np.eye(n_classes)[labels]
    return share * images + (1 - share) * images[partner], np.maximum(one_hot, one_hot[partner])


# %% q4 wrong: the partner is always the next image
def mixed(images, labels, n_classes, partner, share):
    one_hot = np.eye(n_classes)[labels]
    return (
        share * images + (1 - share) * np.roll(images, -1, axis=0),
        share * one_hot + (1 - share) * np.roll(one_hot, -1, axis=0),
    )


# %% q4 wrong: the blend is rounded to pixels again
def mixed(images, labels, n_classes, partner, share):
    one_hot = np.eye(n_classes)[labels]
    blended = np.round(share * images + (1 - share) * images[partner])
    return blended, share * one_hot + (1 - share) * one_hot[partner]


# %% q5 right: counts how long nothing was gained
def stopped(losses, patience):
    lowest, kept, waited = float("inf"), 0, 0
    for epoch in range(len(losses)):
        if losses[epoch] < lowest:
            lowest, kept, waited = losses[epoch], epoch, 0
        else:
            waited += 1
        if waited == patience:
            return epoch + 1, kept
    return len(losses), kept


# %% q5 right: the first stretch of epochs that gains nothing
def stopped(losses, patience):
    for n in range(patience + 1, len(losses) + 1):
        if min(losses[n - patience : n]) >= min(losses[: n - patience]):
            return n, int(np.argmin(losses[:n]))
    return len(losses), int(np.argmin(losses))


# %% q5 right: where the lowest so far was seen first
def stopped(losses, patience):
    so_far = np.minimum.accumulate(losses)
    first = np.array([losses.index(lowest) for lowest in so_far])
    ends = np.flatnonzero(np.arange(len(losses)) - first >= patience)
    last = ends[0] if ends.size else len(losses) - 1
    return int(last) + 1, int(first[last])


# %% q5 right: the epochs since the lowest, and a tie is no gain
def stopped(losses, patience):
    kept, waited = 0, 0
    for epoch in range(1, len(losses)):
        better = losses[epoch] < losses[kept]
        kept, waited = (epoch, 0) if better else (kept, waited + 1)
        if waited >= patience:
            return epoch + 1, kept
    return len(losses), kept


# %% q5 wrong: the example by heart
def stopped(losses, patience):
    return 4, 1


# %% q5 wrong: knows the losses that were never computed
def stopped(losses, patience):
    best = int(np.argmin(losses))
    return min(len(losses), best + 1 + patience), best


# %% q5 wrong: no patience
def stopped(losses, patience):
    for epoch in range(1, len(losses)):
        if losses[epoch] >= losses[epoch - 1]:
            return epoch + 1, epoch - 1
    return len(losses), len(losses) - 1


# %% q5 wrong: keeps the last weights
def stopped(losses, patience):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        elif epoch - best >= patience:
            return epoch + 1, epoch
    return len(losses), len(losses) - 1


# %% q5 wrong: compares with the epoch before, not with the lowest
def stopped(losses, patience):
    rises = 0
    for epoch in range(1, len(losses)):
        rises = rises + 1 if losses[epoch] >= losses[epoch - 1] else 0
        if rises == patience:
            return epoch + 1, int(np.argmin(losses[: epoch + 1]))
    return len(losses), int(np.argmin(losses))


# %% q5 wrong: waits one epoch too long
def stopped(losses, patience):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        elif epoch - best > patience:
            return epoch + 1, best
    return len(losses), best


# %% q5 wrong: an equal loss is taken for a lower one
def stopped(losses, patience):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss <= losses[best]:
            best = epoch
        elif epoch - best >= patience:
            return epoch + 1, best
    return len(losses), best


# %% q5 wrong: epochs without a gain are counted in all, not in a row
def stopped(losses, patience):
    best, waited = 0, 0
    for epoch in range(1, len(losses)):
        if losses[epoch] < losses[best]:
            best = epoch
        else:
            waited += 1
            if waited == patience:
                return epoch + 1, best
    return len(losses), best


# %% q5 wrong: the number of the last epoch is returned, not how many there were
def stopped(losses, patience):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        elif epoch - best >= patience:
            return epoch, best
    return len(losses) - 1, best


# %% bonus right: the sigmoid of the difference of the logits
lowest_possible = float(np.log(1 + np.exp(-1)))


# %% bonus right: as a number
lowest_possible = 0.31326


# %% bonus right: from the softmax
lowest_possible = float(-np.log(np.e / (np.e + 1)))


# %% bonus wrong: believes that a sure and right model has no loss, whatever comes after its softmax
lowest_possible = 0.0


# %% bonus wrong: the loss of a model that does not know
lowest_possible = float(np.log(2))


# %% bonus wrong: the loss of a model that is sure and wrong
lowest_possible = float(np.log(1 + np.e))


# %% q6 right: a loop
def choose_rate(runs, of_probe):
    best, lowest = None, of_probe["validation loss"]
    for rate, numbers in runs.items():
        if numbers["validation loss"] < lowest:
            best, lowest = rate, numbers["validation loss"]
    return best


destroyed = set()
for rate, numbers in runs.items():
    if numbers["validation loss"] - of_probe["validation loss"] > 0.1:
        destroyed.add(rate)


# %% q6 right: the probe takes part under the name None
def choose_rate(runs, of_probe):
    losses = {None: of_probe["validation loss"]} | {rate: one["validation loss"] for rate, one in runs.items()}
    return min(losses, key=losses.get)


destroyed = {rate for rate, one in runs.items() if one["validation loss"] > 0.1 + of_probe["validation loss"]}


# %% q6 right: sorted pairs
def choose_rate(runs, of_probe):
    better = [
        (one["validation loss"], rate)
        for rate, one in runs.items()
        if one["validation loss"] < of_probe["validation loss"]
    ]
    return sorted(better)[0][1] if better else None


destroyed = {rate for rate in runs if runs[rate]["validation loss"] > of_probe["validation loss"] + 0.1}


# %% q6 wrong: the example by heart
def choose_rate(runs, of_probe):
    return 0.01 if of_probe["validation loss"] == 0.4 else None


destroyed = {0.03}


# %% q6 wrong: chooses by the test accuracy
def choose_rate(runs, of_probe):
    best = max(runs, key=lambda rate: runs[rate]["test accuracy"])
    return best if runs[best]["test accuracy"] > of_probe["test accuracy"] else None


destroyed = {0.03}


# %% q6 wrong: chooses by the training loss
def choose_rate(runs, of_probe):
    best = min(runs, key=lambda rate: runs[rate]["train loss"])
    return best if runs[best]["train loss"] < of_probe["train loss"] else None


destroyed = {0.03}


# %% q6 wrong: uses the best run even where the probe is better
def choose_rate(runs, of_probe):
    return min(runs, key=lambda rate: runs[rate]["validation loss"])


destroyed = {0.03}


# %% q6 wrong: the validation accuracy, with its ties
def choose_rate(runs, of_probe):
    best = max(runs, key=lambda rate: runs[rate]["validation accuracy"])
    return best if runs[best]["validation accuracy"] > of_probe["validation accuracy"] else None


destroyed = {0.03}


# %% q6 wrong: the highest loss is taken for the best score
def choose_rate(runs, of_probe):
    best = max(runs, key=lambda rate: runs[rate]["validation loss"])
    return best if runs[best]["validation loss"] > of_probe["validation loss"] else None


destroyed = {0.00001}


# %% q6 wrong: the smallest rate destroys
def choose_rate(runs, of_probe):
    best = min(runs, key=lambda rate: runs[rate]["validation loss"])
    return best if runs[best]["validation loss"] < of_probe["validation loss"] else None


destroyed = {0.00001}


# %% q6 wrong: training and validation loss choose together
def choose_rate(runs, of_probe):
    def both(numbers):
        return numbers["train loss"] + numbers["validation loss"]

    best = min(runs, key=lambda rate: both(runs[rate]))
    return best if both(runs[best]) < both(of_probe) else None


destroyed = {0.03}


# %% q6 wrong: whatever is not chosen is destroyed
def choose_rate(runs, of_probe):
    best = min(runs, key=lambda rate: runs[rate]["validation loss"])
    return best if runs[best]["validation loss"] < of_probe["validation loss"] else None


destroyed = set(runs) - {choose_rate(runs, of_probe)}


# %% q7 right: the package, which the text asks not to use
def told_apart(right_a, right_b):
    test = evaluation.compare_runs(right_a, right_b, names=("A", "B"))
    return test.winner or "cannot tell", test.p_value


home_verdict, shift_verdict = (told_apart(*pair)[0] for pair in recorded.values())


# %% q7 right: mean squares from sums of squares
def told_apart(right_a, right_b):
    from scipy import stats

    d = np.asarray(right_a, int) - np.asarray(right_b, int)
    i, j = d.shape
    all_of_it = d.sum() ** 2 / (i * j)
    runs, images = (d.sum(axis=1) ** 2).sum() / j - all_of_it, (d.sum(axis=0) ** 2).sum() / i - all_of_it
    rest = (d**2).sum() - all_of_it - runs - images
    dfs = np.array([i - 1, j - 1, (i - 1) * (j - 1)])
    squares = np.array([runs, images, rest]) / dfs / (i * j)
    weights = np.array([squares[0] > squares[2], squares[1] > squares[2], 0], float)
    weights[2] = 1 - weights.sum()
    variance = (weights * squares).sum()
    df = variance**2 / ((weights * squares) ** 2 / dfs).sum()
    p = 2 * stats.t.sf(abs(d.mean()) / variance**0.5, df)
    if p >= 0.05:
        return "cannot tell", p
    return ("A", p) if d.mean() > 0 else ("B", p)


home_verdict = told_apart(recorded["at home"][0], recorded["at home"][1])[0]
shift_verdict = told_apart(recorded[shift][0], recorded[shift][1])[0]


# %% q7 right: what each factor adds, with a branch for each case
def told_apart(right_a, right_b):
    from scipy.stats import t as students

    gaps = 1.0 * right_a - 1.0 * right_b
    i, j = gaps.shape
    mean = np.mean(gaps)
    runs = np.sum((np.mean(gaps, 1) - mean) ** 2) / (i - 1) / i
    images = np.sum((np.mean(gaps, 0) - mean) ** 2) / (j - 1) / j
    left = gaps - np.mean(gaps, 1, keepdims=True) - np.mean(gaps, 0, keepdims=True) + mean
    rest = np.sum(left * left) / ((i - 1) * (j - 1) * i * j)
    if runs > rest and images > rest:
        variance = runs + images - rest
        df = variance**2 / (runs**2 / (i - 1) + images**2 / (j - 1) + rest**2 / ((i - 1) * (j - 1)))
    else:
        variance, df = max((runs, i - 1), (images, j - 1), (rest, (i - 1) * (j - 1)))
    p = 2 * students.cdf(-abs(mean) / np.sqrt(variance), df)
    return ("A" if mean > 0 else "B") if p < 0.05 else "cannot tell", p


home_verdict, _ = told_apart(*recorded["at home"])
shift_verdict, _ = told_apart(*recorded[shift])


# %% q7 right: letter by letter as in the text, and nothing is taken for granted where nothing varies
def told_apart(right_a, right_b):
    from scipy import stats

    d = np.where(right_a, 1.0, 0.0) - np.where(right_b, 1.0, 0.0)
    i, j = d.shape
    of_run, of_image = d.mean(axis=1, keepdims=True), d.mean(axis=0, keepdims=True)
    R = np.var(of_run, ddof=1) / i
    C = np.var(of_image, ddof=1) / j
    E = ((d - of_run - of_image + d.mean()) ** 2).sum() / ((i - 1) * (j - 1)) / (i * j)
    V = max(R - E, 0) + max(C - E, 0) + E
    if V == 0:
        return ("cannot tell", 1.0) if d.mean() == 0 else ("A" if d.mean() > 0 else "B", 0.0)
    r, c = int(R > E), int(C > E)
    df = V**2 / (r * R**2 / (i - 1) + c * C**2 / (j - 1) + (1 - r - c) ** 2 * E**2 / ((i - 1) * (j - 1)))
    p = 2 * stats.t.sf(abs(d.mean() / V**0.5), df)
    if p < 0.05 and d.mean() > 0:
        return "A", p
    return ("B" if p < 0.05 else "cannot tell"), p


home_verdict = told_apart(*recorded["at home"])[0]
shift_verdict = told_apart(*recorded[shift])[0]


# %% q7 wrong: the examples by heart
def told_apart(right_a, right_b):
    return ("B", 0.0002) if right_b.mean() > right_a.mean() else ("cannot tell", 0.0858)


home_verdict, shift_verdict = "cannot tell", "cannot tell"


# %% q7 wrong: the higher mean wins
def told_apart(right_a, right_b):
    return ("A", 0.04) if right_a.mean() > right_b.mean() else ("B", 0.04)


home_verdict, shift_verdict = (told_apart(*pair)[0] for pair in recorded.values())


# %% q7 wrong: every answer of every run counts as an image of its own
def told_apart(right_a, right_b):
    from scipy import stats

    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    p = stats.binomtest(only_a, max(1, only_a + only_b)).pvalue
    return ("cannot tell" if p >= 0.05 else "A" if only_a > only_b else "B"), p


home_verdict, shift_verdict = (told_apart(*pair)[0] for pair in recorded.values())


# %% q7 wrong: over the runs only
def told_apart(right_a, right_b):
    from scipy import stats

    p = stats.ttest_rel(right_a.mean(axis=1), right_b.mean(axis=1)).pvalue
    return ("cannot tell" if p >= 0.05 else "A" if right_a.mean() > right_b.mean() else "B"), p


home_verdict, shift_verdict = (told_apart(*pair)[0] for pair in recorded.values())


# %% q7 wrong: over the images only
def told_apart(right_a, right_b):
    from scipy import stats

    p = stats.ttest_rel(right_a.mean(axis=0), right_b.mean(axis=0)).pvalue
    return ("cannot tell" if p >= 0.05 else "A" if right_a.mean() > right_b.mean() else "B"), p


home_verdict, shift_verdict = (told_apart(*pair)[0] for pair in recorded.values())


# %% q7 wrong: the larger p-value of one test over runs and one over images
def told_apart(right_a, right_b):
    from scipy import stats

    p = max(
        stats.ttest_rel(right_a.mean(axis=1), right_b.mean(axis=1)).pvalue,
        stats.ttest_rel(right_a.mean(axis=0), right_b.mean(axis=0)).pvalue,
    )
    return ("cannot tell" if p >= 0.05 else "A" if right_a.mean() > right_b.mean() else "B"), p


home_verdict, shift_verdict = (told_apart(*pair)[0] for pair in recorded.values())


# %% q7 wrong: the residual is counted with the runs and with the images
def told_apart(right_a, right_b):
    from scipy import stats

    gaps = right_a.astype(float) - right_b
    runs, images = gaps.mean(axis=1).var(ddof=1) / len(gaps), gaps.mean(axis=0).var(ddof=1) / gaps.shape[1]
    df = (runs + images) ** 2 / (runs**2 / (len(gaps) - 1) + images**2 / (gaps.shape[1] - 1))
    p = 2 * stats.t.sf(abs(gaps.mean()) / np.sqrt(runs + images), df)
    return ("cannot tell" if p >= 0.05 else "A" if gaps.mean() > 0 else "B"), p


home_verdict, shift_verdict = (told_apart(*pair)[0] for pair in recorded.values())


# %% q7 wrong: the smaller p-value counts
def told_apart(right_a, right_b):
    from scipy import stats

    p = min(
        stats.ttest_rel(right_a.mean(axis=1), right_b.mean(axis=1)).pvalue,
        stats.ttest_rel(right_a.mean(axis=0), right_b.mean(axis=0)).pvalue,
    )
    return ("cannot tell" if p >= 0.05 else "A" if right_a.mean() > right_b.mean() else "B"), p


home_verdict, shift_verdict = (told_apart(*pair)[0] for pair in recorded.values())


# %% q7 wrong: unpaired tests
def told_apart(right_a, right_b):
    from scipy import stats

    p = max(
        stats.ttest_ind(right_a.mean(axis=1), right_b.mean(axis=1)).pvalue,
        stats.ttest_ind(right_a.mean(axis=0), right_b.mean(axis=0)).pvalue,
    )
    return ("cannot tell" if p >= 0.05 else "A" if right_a.mean() > right_b.mean() else "B"), p


home_verdict, shift_verdict = (told_apart(*pair)[0] for pair in recorded.values())


# %% q7 wrong: the best run of each
def told_apart(right_a, right_b):
    from scipy import stats

    a, b = right_a[right_a.mean(axis=1).argmax()], right_b[right_b.mean(axis=1).argmax()]
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    p = stats.binomtest(only_a, max(1, only_a + only_b)).pvalue
    return ("cannot tell" if p >= 0.05 else "A" if only_a > only_b else "B"), p


home_verdict, shift_verdict = (told_apart(*pair)[0] for pair in recorded.values())


# %% q7 wrong: variances with all of them in the denominator, as np.var has it
def told_apart(right_a, right_b):
    from scipy import stats

    d = right_a.astype(float) - right_b
    i, j = d.shape
    R, C = d.mean(axis=1).var(ddof=0) / i, d.mean(axis=0).var(ddof=0) / j
    rest = d - d.mean(axis=1, keepdims=True) - d.mean(axis=0) + d.mean()
    E = (rest**2).sum() / ((i - 1) * (j - 1)) / (i * j)
    V = max(R - E, 0) + max(C - E, 0) + E
    r, c = R > E, C > E
    df = V**2 / (r * R**2 / (i - 1) + c * C**2 / (j - 1) + (1 - r - c) ** 2 * E**2 / ((i - 1) * (j - 1)))
    p = 2 * stats.t.sf(abs(d.mean()) / np.sqrt(V), df)
    return ("cannot tell" if p >= 0.05 else "A" if d.mean() > 0 else "B"), p


home_verdict, shift_verdict = (told_apart(*pair)[0] for pair in recorded.values())


# %% q7 wrong: one-sided
def told_apart(right_a, right_b):
    from scipy import stats

    d = right_a.astype(float) - right_b
    i, j = d.shape
    R, C = d.mean(axis=1).var(ddof=1) / i, d.mean(axis=0).var(ddof=1) / j
    rest = d - d.mean(axis=1, keepdims=True) - d.mean(axis=0) + d.mean()
    E = (rest**2).sum() / ((i - 1) * (j - 1)) / (i * j)
    V = max(R - E, 0) + max(C - E, 0) + E
    r, c = R > E, C > E
    df = V**2 / (r * R**2 / (i - 1) + c * C**2 / (j - 1) + (1 - r - c) ** 2 * E**2 / ((i - 1) * (j - 1)))
    p = stats.t.sf(abs(d.mean()) / np.sqrt(V), df)
    return ("cannot tell" if p >= 0.05 else "A" if d.mean() > 0 else "B"), p


home_verdict, shift_verdict = (told_apart(*pair)[0] for pair in recorded.values())


# %% q7 wrong: the three are added up
def told_apart(right_a, right_b):
    from scipy import stats

    d = right_a.astype(float) - right_b
    i, j = d.shape
    R, C = d.mean(axis=1).var(ddof=1) / i, d.mean(axis=0).var(ddof=1) / j
    rest = d - d.mean(axis=1, keepdims=True) - d.mean(axis=0) + d.mean()
    E = (rest**2).sum() / ((i - 1) * (j - 1)) / (i * j)
    V = R + C + E
    r, c = R > E, C > E
    df = V**2 / (r * R**2 / (i - 1) + c * C**2 / (j - 1) + (1 - r - c) ** 2 * E**2 / ((i - 1) * (j - 1)))
    p = 2 * stats.t.sf(abs(d.mean()) / np.sqrt(V), df)
    return ("cannot tell" if p >= 0.05 else "A" if d.mean() > 0 else "B"), p


home_verdict, shift_verdict = (told_apart(*pair)[0] for pair in recorded.values())


# %% q9 right: by its words
reading = next(letter for letter, text in choices.items() if "harmless" in text)

# %% q9 right: by its place
reading = "ABCDE"[arranged.tolist().index(3)]

# %% q9 right: from the curves
lowest = int(epoch[np.argmin(validation_loss)])
place = 0 if lowest == 24 else 2 if lowest == 3 else 3
reading = {text: letter for letter, text in choices.items()}[statements[place]]

# %% q9 wrong: the last weights
reading = next(letter for letter, text in choices.items() if "last weights" in text)

# %% q9 wrong: a leak is suspected
reading = next(letter for letter, text in choices.items() if "have got into" in text)

# %% q9 wrong: no patience
reading = next(letter for letter, text in choices.items() if "epoch 3" in text)

# %% q9 wrong: the rate is blamed (the form by heart)
reading = next(letter for letter, text in choices.items() if "rate was too high" in text)
