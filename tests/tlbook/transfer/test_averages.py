"""Means of weights: of a model with itself, at the ends, in between, and what has no mean."""

import numpy as np
import pytest

from tests.tlbook.transfer.nets import blobs, logits_of, nested_classifier, tiny_backbone
from tlbook import transfer
from tlbook.transfer.freezing import trainable_state

IMAGES, LABELS = blobs(32)


@pytest.fixture(scope="module")
def pair():
    probe = transfer.attach_head(tiny_backbone(), 2, dropout=0.3, seed=1)
    tuned = transfer.attach_head(tiny_backbone(), 2, dropout=0.3, seed=1, frozen=False)
    transfer.train(
        tuned, (IMAGES, LABELS), (IMAGES, LABELS), transfer.Recipe(epochs=2, learning_rate=0.01), progress=False
    )
    return probe, tuned


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


@pytest.mark.parametrize("times", [1, 2, 3, 7])
def test_a_soup_of_one_model_is_that_model(pair, times):
    assert equal(transfer.average_weights([pair[1]] * times), pair[1])


def test_the_ends_are_the_models(pair):
    probe, tuned = pair
    assert not equal(probe, tuned)
    assert equal(transfer.average_weights(pair, [1, 0]), probe)
    assert equal(transfer.average_weights(pair, [0, 1]), tuned)


def test_in_between_and_beyond(pair):
    for alpha in (0.25, 0.5, 1.5):
        mixed = transfer.average_weights(pair, [1 - alpha, alpha])
        for a, b, c in zip(*(one.get_weights() for one in (*pair, mixed)), strict=True):
            np.testing.assert_allclose((1 - alpha) * a + alpha * b, c, rtol=1e-5, atol=1e-6)
    thirds = transfer.average_weights([pair[0], pair[1], pair[1]])
    assert logits_of(thirds, IMAGES) == pytest.approx(
        logits_of(transfer.average_weights(pair, [1 / 3, 2 / 3]), IMAGES), abs=1e-5
    )


def test_of_heads_alone_the_logits_are_the_mean():
    """Only the last layer differs, and it is linear."""
    one, other = (transfer.attach_head(tiny_backbone(), 2, seed=seed) for seed in (1, 2))
    mean = (logits_of(one, IMAGES) + logits_of(other, IMAGES)) / 2
    assert logits_of(transfer.average_weights([one, other]), IMAGES) == pytest.approx(mean, abs=1e-5)


def test_a_weight_that_has_diverged_does_not_reach_a_share_of_nothing(pair):
    probe, tuned = pair
    broken = transfer.average_weights([tuned])
    broken.set_weights([value + np.nan for value in broken.get_weights()])
    assert equal(transfer.average_weights([probe, broken], [1, 0]), probe)


def test_models_stay_as_they_were(pair):
    before = [one.get_weights() for one in pair]
    mixed = transfer.average_weights(pair)
    mixed.set_weights([value + 1 for value in mixed.get_weights()])
    for old, one in zip(before, pair, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(old, one.get_weights(), strict=True))
    assert trainable_state(mixed) == trainable_state(pair[0]) != trainable_state(pair[1])


def test_nested_models_too():
    one, _ = nested_classifier(seed=1)
    other, _ = nested_classifier(seed=2)
    assert equal(transfer.average_weights([one, other], [0, 1]), other)


def test_trap_the_mean_of_runs_from_different_starts_is_no_good():
    """Each fits the training images; half-way between them lies nothing that does. From one start it does."""
    recipe = transfer.Recipe(epochs=12, learning_rate=0.02, batch_size=16)

    def run(seed, start):
        model = transfer.attach_head(tiny_backbone(batch_norm=False, seed=start), 2, seed=start, frozen=False)
        own = transfer.Recipe(**{**vars(recipe), "seed": seed})
        transfer.train(model, (IMAGES, LABELS), (IMAGES, LABELS), own, progress=False)
        return model

    def loss(model):
        z = logits_of(model, IMAGES)
        margin = np.where(LABELS == 1, 1, -1) * (z[:, 1] - z[:, 0])
        return float(np.logaddexp(0, -margin).mean())

    first, again, elsewhere = run(0, 1), run(1, 1), run(0, 50)
    assert max(map(loss, (first, again, elsewhere))) < 0.15
    assert loss(transfer.average_weights([first, again])) < 0.2
    assert loss(transfer.average_weights([first, elsewhere])) > 0.3


def test_what_has_no_mean(pair):
    probe = pair[0]
    for bad, message in [
        (lambda: transfer.average_weights([]), "at least one"),
        (lambda: transfer.average_weights(pair, [0.5]), "each of 2"),
        (lambda: transfer.average_weights(pair, [0.5, 0.6]), "adding up to 1"),
        (lambda: transfer.average_weights(pair, [np.nan, 1]), "adding up to 1"),
        (lambda: transfer.average_weights([probe, transfer.attach_head(tiny_backbone(), 3)]), "other layers"),
    ]:
        with pytest.raises(ValueError, match=message):
            bad()
