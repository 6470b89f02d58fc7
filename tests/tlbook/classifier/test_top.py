"""The top of a network, trained on stored activations: what is stored, what is trained, and what it is said to take."""

from __future__ import annotations

import numpy as np
import pytest

from tlbook import backbones, datasets, transfer
from tlbook.classifier import top
from tlbook.features import engines


@pytest.fixture(scope="module")
def backbone():
    return backbones.load("sketchnet", input_size=32)


@pytest.fixture(scope="module")
def photos():
    return datasets.load("sketches", progress=False).train.take(40, seed=0)


@pytest.fixture(scope="module")
def probe(backbone):
    x = np.random.default_rng(0).standard_normal((40, backbone.feature_dim)).astype(np.float32)
    return transfer.linear_probe(x, np.arange(40) % 2, x, np.arange(40) % 2)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("stages", [1, 2])
def test_activations_and_top_are_the_whole_network(backbone, probe, photos, stages, fast, monkeypatch):
    monkeypatch.setattr(engines, "FEW", 1 if fast else 10**9)
    parts = top.cut(backbone, probe, stages)
    assert parts.after == backbone.stages[-1 - stages]
    images = photos.images(32)
    both = parts.engine(80)(photos, mirrored=True)
    assert both.dtype == np.float16 and both.nbytes == 80 * parts.photo_bytes
    pixels = np.concatenate([images, images[:, :, ::-1]]).astype(np.float32)
    expected = parts.model.predict(pixels, verbose=0)
    np.testing.assert_allclose(parts.top.predict(both, verbose=0), expected, atol=0.03)  # float16


class Clock:
    """A clock that only what is counted moves on."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("batch_size", [1, 8, 64])
def test_the_estimate_counts_every_picture_and_every_step(photos, mirrored, batch_size, monkeypatch):
    """A picture takes 0.1 s and a compiled forward pass of 32 takes 3.2 s; what comes first prepares and takes longer."""
    clock, before = Clock(), {"forward": 100.0, "predict": 100.0}
    monkeypatch.setattr(top, "time", clock)

    def forward(batch):
        clock.now += 0.1 * len(batch) + before.pop("forward", 0.0)
        return [np.zeros((len(batch), 12), np.float32)]

    class Top:
        def predict_on_batch(self, batch):
            assert batch.shape == (32, 2, 2, 3) and batch.dtype == np.float32
            clock.now += 3.2 + before.pop("predict", 0.0)

    run = top.Activations(forward, 32, (2, 2, 3), 1, batch_size)
    settings = top.Settings(stages=1, learning_rate=1e-3, passes=6, mirrored=mirrored)
    found = top.seconds(top.Cut(None, None, Top(), "stage3"), run, photos, 10, settings)
    pictures = 40 * (2 if mirrored else 1) + 10
    assert found == pytest.approx(pictures * 0.1 + 6 * 40 * 3 * 0.1)


def test_a_step_that_is_disturbed_does_not_count(photos, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(top, "time", clock)
    took = iter([9.0, 30.0, 3.2, 3.2, 12.0])

    class Top:
        def predict_on_batch(self, batch):
            clock.now += next(took)

    run = top.Activations(lambda batch: [np.zeros((len(batch), 12), np.float32)], 32, (2, 2, 3), 1, 8)
    settings = top.Settings(stages=1, learning_rate=1e-3, passes=1, mirrored=False)
    assert top.seconds(top.Cut(None, None, Top(), "stage3"), run, photos, 0, settings) == pytest.approx(40 * 3 * 0.1)
