"""What the chapter Distrust shows stays true: leaks that lie, a shortcut that is learned, wrong labels that are found.

Each demonstration rests on probes on features of the sketches. The bars are those of the text, and lie well below (or
above) what was seen over seeds.
"""

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import StratifiedKFold

from tlbook import backbones, datasets, evaluation, features, sketches, transfer

tf = pytest.importorskip("tensorflow")

SEEDS = range(5)


@pytest.fixture(scope="module")
def data():
    return datasets.load("sketches", progress=False)


@pytest.fixture(scope="module")
def backbone():
    return backbones.load("sketchnet")


@pytest.fixture(scope="module")
def x(data, backbone):
    return {part: features.extract(backbone, split, cache=False, progress=False) for part, split in data.splits.items()}


@pytest.fixture(scope="module")
def fit(data, x):
    def fitted(rows, labels, C):
        return transfer.linear_probe(rows, labels, x["validation"], data.validation.labels, C=C)

    return fitted


def test_shuffle_take_skip_draws_another_test_set_in_every_pass():
    numbers = tf.data.Dataset.range(500).shuffle(500, seed=3)
    test, train = numbers.take(100), numbers.skip(100)
    once, again = (set(test.as_numpy_iterator()) for _ in range(2))
    assert len(once) == len(again) == 100
    assert len(once & again) < 50  # 20 by chance
    trained_on = set().union(*(train.as_numpy_iterator() for _ in range(10)))
    assert len(once & trained_on) > 95
    # the same, with the order drawn once, is a split
    numbers = tf.data.Dataset.range(500).shuffle(500, seed=3, reshuffle_each_iteration=False)
    test, train = numbers.take(100), numbers.skip(100)
    once, again = (set(test.as_numpy_iterator()) for _ in range(2))
    assert once == again
    assert not once & set(train.as_numpy_iterator())


def test_a_drifting_test_set_reports_memory(data, x, fit):
    labels, n = data.train.labels, len(data.train)
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        seen = np.unique([rng.permutation(n)[n // 5 :] for _ in range(10)])
        model = fit(x["train"][seen], labels[seen], C=10.0)
        drawn = rng.permutation(n)[: n // 5]
        reported = (model.predict(x["train"][drawn]) == labels[drawn]).mean()
        true = (model.predict(x["test"]) == data.test.labels).mean()
        assert reported >= 0.99
        assert reported - true > 0.03


def test_copies_in_training_raise_the_score_of_the_test_set(data, x, fit):
    labels, gaps = data.test.labels, []
    for seed in SEEDS:
        rows = np.random.default_rng(seed).choice(len(labels), len(labels) // 10, replace=False)
        model = fit(np.r_[x["train"], x["test"][rows]], np.r_[data.train.labels, labels[rows]], C=10.0)
        right = model.predict(x["test"]) == labels
        assert right[rows].mean() == 1
        gaps.append(right.mean() - np.delete(right, rows).mean())
    assert 0 < np.mean(gaps) < 0.03  # at most a tenth of the images can lie


def test_the_hash_finds_such_copies(data, tmp_path):
    originals = data.test.take(20, seed=5)
    for index, pixels in enumerate(originals.images(96)):
        buffer = io.BytesIO()
        Image.fromarray(pixels).resize((70, 70)).save(buffer, "JPEG", quality=50)
        (tmp_path / f"{index:02d}.jpg").write_bytes(buffer.getvalue())
    copies = datasets.Split("copies", sorted(tmp_path.iterdir()), originals.labels, data.class_names)
    found = datasets.near_duplicates(data.train, data.test, copies)
    taken = data.test.take_positions(20, seed=5)
    assert {(pair.first, pair.second) for pair in found} == {
        (("test", int(row)), ("copies", index)) for index, row in enumerate(taken)
    }


def test_the_best_of_many_on_a_small_test_set_is_lucky(data, x, fit):
    gaps = []
    for seed in SEEDS:
        few, fresh = np.split(np.random.default_rng(seed).permutation(len(data.test)), [100])
        hits = []
        for k in range(20):
            rows = data.train.take_positions(40, 50 * seed + k)
            model = fit(x["train"][rows], data.train.labels[rows], C=0.01)
            hits.append(model.predict(x["test"]) == data.test.labels)
        best = max(hits, key=lambda one: one[few].mean())
        gaps.append(best[few].mean() - best[fresh].mean())
    assert np.mean(gaps) > 0.01


@pytest.fixture(scope="module")
def worlds(data, backbone):
    """Features at every stage, and labels, of sketches with telling, any and lying backgrounds."""

    def drawn(part, shift, every=1):
        records = [shift(record) for record in sketches.release_factors(part)[::every]]
        images = np.stack([sketches.render(record).image for record in records])
        labels = data.splits[part].labels[::every]
        return features.extract(backbone, images, layer=backbone.stages, cache=False, progress=False), labels

    telling, lying = sketches.shortcut(1.0), sketches.shortcut(1.0, reverse=True)
    return {
        "train": drawn("train", telling),
        "validation": drawn("validation", telling),
        "telling": drawn("test", telling, 10),
        "lying": drawn("test", lying, 10),
    }


def test_a_shortcut_is_learned_early_and_not_late(worlds, backbone):
    scores = {}
    for stage in (backbone.stages[1], backbone.stages[-1]):
        (train, y_train), (validation, y_validation) = worlds["train"], worlds["validation"]
        probe = transfer.linear_probe(train[stage], y_train, validation[stage], y_validation)
        scores[stage] = [probe.validation_score] + [
            (probe.predict(worlds[world][0][stage]) == worlds[world][1]).mean() for world in ("telling", "lying")
        ]
    early, late = scores.values()
    assert early[0] > 0.95 and early[1] > 0.9  # nothing seems wrong
    assert early[2] < 0.4  # worse than a coin
    assert late[1] > 0.85 and abs(late[1] - late[2]) < 0.08


def test_the_worst_group_names_the_shortcut(data, backbone, worlds):
    stage = backbone.stages[1]
    (train, y_train), (validation, y_validation) = worlds["train"], worlds["validation"]
    probe = transfer.linear_probe(train[stage], y_train, validation[stage], y_validation)
    answers = probe.predict(features.extract(backbone, data.test, layer=stage, cache=False, progress=False))
    told = ("room", "grass")
    groups = [
        f"{one['species']}, {one['background'] if one['background'] in told else 'elsewhere'}"
        for one in data.test.factors
    ]
    worst, estimate = evaluation.worst_group(data.test.labels, answers, groups)
    assert worst in ("cat, grass", "dog, room")
    assert estimate.high < evaluation.accuracy(data.test.labels, answers).low


def test_flipped_labels_are_found_by_confident_mistakes(data, x, fit):
    labels, n, shares = data.train.labels, len(data.train), []
    for seed in SEEDS:
        flipped = np.random.default_rng(seed).choice(n, n // 20, replace=False)
        noisy = np.where(np.isin(np.arange(n), flipped), 1 - labels, labels)
        given = np.empty(n)
        for others, fold in StratifiedKFold(5, shuffle=True, random_state=0).split(x["train"], noisy):
            logits = fit(x["train"][others], noisy[others], C=0.01).logits(x["train"][fold])
            given[fold] = evaluation.probabilities(logits)[np.arange(len(fold)), noisy[fold]]
        shares.append(np.isin(flipped, np.argsort(given)[: n // 10]).mean())
    assert np.mean(shares) >= 0.85


def test_an_overfit_probe_is_overconfident_and_a_temperature_mends_it(data, x, fit):
    probe = fit(x["train"], data.train.labels, C=10.0)
    temperature = evaluation.fit_temperature(data.validation.labels, probe.logits(x["validation"]))
    z, labels = probe.logits(x["test"]), data.test.labels
    before, after = evaluation.probabilities(z), evaluation.probabilities(z / temperature)
    assert temperature > 1.3
    assert evaluation.log_loss(labels, after) < evaluation.log_loss(labels, before)
    assert evaluation.expected_calibration_error(labels, after) < evaluation.expected_calibration_error(labels, before)
