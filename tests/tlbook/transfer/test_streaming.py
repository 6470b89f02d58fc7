"""The fit that streams against scikit-learn's on the same rows, and what it holds in memory."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tests.tlbook.transfer.test_probe import features
from tlbook.transfer import linear_probe, probe, streaming
from tools import ROOT


@pytest.fixture
def streams(monkeypatch):
    monkeypatch.setattr(probe, "LARGEST_IN_MEMORY", 0)
    monkeypatch.setattr(streaming, "_BLOCK", 1000)  # several blocks, the last one shorter


@pytest.fixture
def in_memory(monkeypatch):
    """Scikit-learn's fit, gone on with until nothing changes."""

    def fitted(*given, **options):
        with monkeypatch.context() as patch:
            patch.setattr(probe, "LARGEST_IN_MEMORY", 10**9)
            patch.setattr(probe, "LogisticRegression", lambda tol, **rest: LogisticRegression(tol=1e-10, **rest))
            return linear_probe(*given, **options)

    return fitted


def table(n_classes, n=600, d=40, **options):
    """Training rows, of which class 0 has fewer, and validation rows."""
    x, y = features(n, d, n_classes, spread=5, **options)
    kept = (y > 0) | (np.arange(n) > n // 2)
    return x[kept], y[kept], *features(300, d, n_classes, seed=1, spread=5)


def assert_same(one, other, x):
    assert one.C == other.C
    assert one.n_train == other.n_train
    assert one.n_constant == other.n_constant
    assert one.validation_losses == pytest.approx(other.validation_losses, rel=1e-5)
    assert one.validation_scores == pytest.approx(other.validation_scores, abs=1e-9)
    np.testing.assert_allclose(one.logits(x), other.logits(x), atol=1e-5 * np.abs(other.logits(x)).max())


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_same_as_in_memory(n_classes, class_weight, streams, in_memory):
    given = table(n_classes)
    assert_same(linear_probe(*given, class_weight=class_weight), in_memory(*given, class_weight=class_weight), given[2])


def test_todays_tolerance_of_scikit_learn_is_within_a_hundred_thousandth_too(monkeypatch):
    x, y, *held = table(3, n=900)
    losses = []
    for largest in (10**9, 0):
        monkeypatch.setattr(probe, "LARGEST_IN_MEMORY", largest)
        fitted = linear_probe(x, y, *held)
        losses.append(fitted.validation_losses[fitted.C])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_more_features_than_rows(n_classes, streams, in_memory):
    x, y = features(60, 150, n_classes, spread=8)
    held = features(200, 150, n_classes, seed=1, spread=8)
    grid = [1e-4, 1e-3, 1e-2, 0.1]
    assert_same(linear_probe(x, y, *held, C=grid), in_memory(x, y, *held, C=grid), held[0])


def test_constant_features_have_no_weight(streams, in_memory):
    x, y, x_val, y_val = table(3)
    rng = np.random.default_rng(5)
    x[:, 1] = 0.0
    x[:, 2] = 7.5
    x[:, 3] = np.float32(1000) * (1 + rng.integers(-1, 2, len(x)) * np.finfo(np.float32).eps)
    fitted = linear_probe(x, y, x_val, y_val)
    assert fitted.n_constant == 3
    assert not fitted.weights[1:4].any()
    assert_same(fitted, in_memory(x, y, x_val, y_val), x_val)
    with pytest.raises(ValueError, match="Every feature is constant"):
        linear_probe(np.ones_like(x), y, x_val, y_val)


def test_without_covariances_it_takes_longer_but_ends_the_same(streams, in_memory, monkeypatch):
    monkeypatch.setattr(streaming, "_LARGEST_COVARIANCE", 39)
    given = table(3)
    for class_weight in (None, "balanced"):
        found = linear_probe(*given, class_weight=class_weight)
        assert_same(found, in_memory(*given, class_weight=class_weight), given[2])


def mapped(folder, name, array):
    np.save(folder / f"{name}.npy", array)
    return np.load(folder / f"{name}.npy", mmap_mode="r")


def test_mapped_half_precision_in_uneven_shards(streams, in_memory, tmp_path):
    x, y, x_val, y_val = table(3)
    x, x_val = x.astype(np.float16), x_val.astype(np.float16)
    whole = in_memory(x, y, x_val, y_val)
    assert_same(linear_probe(mapped(tmp_path, "all", x), y, x_val, y_val), whole, x_val)

    cuts = [0, 3, 3, 200, 207, len(x)]  # the second is empty
    rows = [slice(*pair) for pair in itertools.pairwise(cuts)]
    shards, labels = [mapped(tmp_path, str(k), x[part]) for k, part in enumerate(rows)], [y[part] for part in rows]
    held = [x_val[:10], x_val[10:]], [y_val[:10], y_val[10:]]
    sharded = linear_probe(shards, labels, *held)
    assert_same(sharded, whole, x_val)
    turned = linear_probe(shards[::-1], labels[::-1], held[0][::-1], held[1][::-1])
    assert_same(turned, sharded, x_val)
    np.testing.assert_allclose(turned.weights, sharded.weights, rtol=1e-5, atol=1e-6 * np.abs(sharded.weights).max())


def test_shards_that_fit_are_what_the_whole_is(tmp_path):
    x, y, *held = table(3, n=100)
    cuts = [slice(0, 1), slice(1, 50), slice(50, None)]
    shards = linear_probe([x[cut] for cut in cuts], [y[cut] for cut in cuts], *held)
    np.testing.assert_array_equal(shards.weights, linear_probe(x, y, *held).weights)


def test_labels_may_be_sorted_and_units_differ(streams, in_memory):
    """A first block of one class, whose mean is no mean of all; spreads from 1e-3 to 1e6, far from 0."""
    x, y, x_val, y_val = table(3)
    order = np.argsort(y, kind="stable")
    scale = np.logspace(-3, 6, x.shape[1])
    x, x_val = (a.astype(np.float64) * scale + 100 * scale for a in (x, x_val))
    assert_same(linear_probe(x[order], y[order], x_val, y_val), in_memory(x, y, x_val, y_val), x_val)


def test_logits_of_many_rows_are_those_of_a_few(monkeypatch):
    x, y, *held = table(3)
    fitted = linear_probe(x, y, *held)
    whole = fitted.logits(x)
    monkeypatch.setattr(probe, "LARGEST_IN_MEMORY", 7 * x.shape[1])
    np.testing.assert_allclose(fitted.logits(x), whole, rtol=1e-6, atol=1e-6)


def test_what_is_not_finite_is_refused_by_the_shard_that_holds_it(streams):
    x, y, x_val, y_val = table(2, n=200)
    shards, labels = [x[:50], x[50:].copy()], [y[:50], y[50:]]
    shards[1][[3, 60]] = np.nan
    with pytest.raises(ValueError, match=r"train_features\[1\] holds NaN or infinite values in 2 of \d+ rows"):
        linear_probe(shards, labels, x_val, y_val)
    x_val = x_val.copy()
    x_val[5, 0] = np.inf
    with pytest.raises(ValueError, match="validation_features holds NaN or infinite values in 1 of 300 rows"):
        linear_probe(x, y, x_val, y_val)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_labels": np.arange(20) % 2}, "train_features are 2 arrays; give train_labels as a sequence"),
        ({"train_labels": [np.arange(20) % 2]}, "train_features has 2 shards and train_labels 1"),
        ({"train_labels": [np.zeros(10, int), np.ones(9, int)]}, r"train_labels\[1\] has shape \(9,\); \(10,\)"),
        ({"train_labels": [np.zeros(10, int), np.full(10, 0.5)]}, r"train_labels\[1\] must be whole numbers"),
        ({"train_features": [np.ones((10, 3)), np.ones((10, 4))]}, r"train_features\[1\] has 4 columns where 3"),
        ({"train_features": [np.ones((10, 3)), np.ones(10)]}, r"train_features\[1\] has shape \(10,\)"),
        ({"validation_features": np.ones((20, 4))}, "validation_features has 4 columns where 3"),
        (
            {"train_features": [np.ones((0, 3))] * 2, "train_labels": [np.zeros(0, int)] * 2},
            "train_features has no rows",
        ),
    ],
)
def test_shards_that_do_not_fit_each_other_are_refused(changes, message):
    x, y = features(20, 3, 2)
    given = {
        "train_features": [x[:10], x[10:]],
        "train_labels": [y[:10], y[10:]],
        "validation_features": x,
        "validation_labels": y,
    }
    with pytest.raises(ValueError, match=message):
        linear_probe(**given | changes)


def test_no_convergence_is_an_error(streams):
    x, y, *held = table(2)
    with pytest.raises(RuntimeError, match="C=10 did not converge in 2 iterations"):
        linear_probe(x, y, *held, C=10.0, max_iter=2)


# ---- memory ----

FIT = """
import json, sys
import numpy as np
from sklearn.linear_model import LogisticRegression  # what is imported does not count
from tlbook import transfer

path, labels, held, grid = sys.argv[1], np.load(sys.argv[2]), np.load(sys.argv[3]), json.loads(sys.argv[4])

def largest():  # resource.getrusage gives what the process that started this one had
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0])

x = np.load(path, mmap_mode="r")
before = largest()
probe = transfer.linear_probe(x, labels, held["x"], held["y"], C=grid)
after = largest()
best = probe.validation_score
print(json.dumps({"megabytes": (after - before) / 1024, "whole": after / 1024, "C": probe.C, "score": best}))
"""


def draw(n, d, seed):
    """Two classes of correlated features, float16."""
    rng, mixing = np.random.default_rng(seed), np.random.default_rng(99)
    directions = mixing.normal(0, 0.2, (32, d)).astype(np.float32)
    labels = rng.integers(0, 2, n)
    hidden = rng.normal(size=(n, 32)).astype(np.float32)
    hidden[:, :8] += 0.35 * (2 * labels[:, None] - 1)
    return (hidden @ directions + rng.normal(size=(n, d)).astype(np.float32)).astype(np.float16), labels


def fitted_in_a_process(folder, n, d, grid):
    path = folder / f"{n}.npy"
    x = np.lib.format.open_memmap(path, "w+", np.float16, (n, d))
    labels = np.empty(n, np.int64)
    for k, start in enumerate(range(0, n, 10_000)):
        stop = min(start + 10_000, n)
        x[start:stop], labels[start:stop] = draw(stop - start, d, k)
    del x
    np.save(folder / "labels.npy", labels)
    held_x, held_y = draw(20_000, d, 10**6)
    np.savez(folder / "held.npz", x=held_x, y=held_y)
    run = subprocess.run(
        [sys.executable, "-c", FIT, path, folder / "labels.npy", folder / "held.npz", json.dumps(grid)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="the size of a process is read as Linux gives it")
def test_memory_does_not_grow_with_the_rows(tmp_path):
    few, many = (fitted_in_a_process(tmp_path, n, 512, [1e-4]) for n in (70_000, 210_000))
    # 72 and 215 MB of features in the file; four and twelve times 72 MB as float64
    assert many["megabytes"] < few["megabytes"] + 30
    assert many["megabytes"] < 200


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="the size of a process is read as Linux gives it")
def test_a_million_rows_in_two_gigabytes(tmp_path):
    grid = [1e-5, 1e-4, 1e-3]
    streamed = fitted_in_a_process(tmp_path, 1_000_000, 1024, grid)
    assert streamed["whole"] < 2000
    x, labels = np.load(tmp_path / "1000000.npy", mmap_mode="r"), np.load(tmp_path / "labels.npy")
    held = np.load(tmp_path / "held.npz")
    tenth = np.array(x[:100_000])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe, "LARGEST_IN_MEMORY", 10**9)
        best = linear_probe(tenth, labels[:100_000], held["x"], held["y"], C=grid)
    assert streamed["score"] > best.validation_score - 0.001
