"""Training on several devices against one: what comes out is the same."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.tlbook.transfer.nets import blobs, tiny_backbone
from tlbook.transfer import Batches, Recipe, attach_head, copies, train
from tools import ROOT

import keras  # isort: skip


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def on_two(request):
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    run = subprocess.run(
        [sys.executable, "-m", "tests.tlbook.transfer.on_two_devices"],
        env={
            **os.environ,
            "KERAS_BACKEND": request.param,
            "JAX_PLATFORMS": "cpu",
            "CUDA_VISIBLE_DEVICES": "-1",
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return request.param, json.loads(run.stdout.splitlines()[-1])


def test_two_devices_end_where_one_does(on_two):
    _, found = on_two
    assert found["apart"] == pytest.approx(dict.fromkeys(found["apart"], 0), abs=1e-5)
    assert all(moved > 1e-3 for moved in found["moved"].values())
    assert all(found["flags"].values())


def test_two_devices_in_half_precision_end_near(on_two):
    _, found = on_two
    assert 0 < found["half"] < 0.02


def test_batch_normalisation_that_runs_sees_a_part_of_the_batch_on_tensorflow(on_two):
    backend, found = on_two
    assert (found["batch norm"] > 1e-3) if backend == "tensorflow" else (found["batch norm"] < 1e-4)


def test_more_devices_than_there_are_is_an_error(on_two):
    backend, found = on_two
    assert found["three"].startswith(f"devices=3: give 2 or fewer, those that {backend} sees are [")


def images(n, seed=0):
    return blobs(n, 2, seed=seed)


def test_one_device_is_not_two():
    if keras.backend.backend() not in ("tensorflow", "jax"):
        pytest.skip("another backend has another message")
    many = len(copies._device_names()) + 1
    model = attach_head(tiny_backbone(), 2)
    for wrong, message in ((many, f"devices={many}: give {many - 1} or fewer"), (0, "devices=0: give a whole number")):
        with pytest.raises(ValueError, match=message):
            train(model, images(8), images(8), Recipe(), devices=wrong, progress=False)


def test_a_backend_without_is_named(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(
        ValueError, match="devices=2: give 1, or use the TensorFlow or JAX backend of Keras; this is 'tor"
    ):
        copies.check_devices(2, 32)


def test_each_device_needs_an_image_of_every_batch(monkeypatch):
    monkeypatch.setattr(copies, "_device_names", lambda: ["a", "b", "c"])
    with pytest.raises(ValueError, match="devices=3 with batch_size=2: each device needs an image"):
        copies.check_devices(3, 2)
    assert copies.check_devices(3, 3) == 3
    with pytest.raises(ValueError, match="validation has 5 images for 3 devices"):
        Batches(images(5), attach_head(tiny_backbone(), 2), replicas=3, name="validation")


@pytest.mark.parametrize("n", [6, 7, 8, 23, 64, 65, 130])
@pytest.mark.parametrize("seed", [None, 3])
def test_batches_for_three_devices(n, seed):
    data = np.arange(n).astype(np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 16, 16, 3), np.uint8), np.arange(n) % 2
    batches = Batches(data, attach_head(tiny_backbone(), 2), batch_size=20, seed=seed, replicas=3)
    sizes = [len(x) for x, _ in batches]
    seen = sorted(int(one) for x, _ in batches for one in x[:, 0, 0, 0])
    assert max(sizes) <= 20 and min(sizes) >= 3
    if seed is None:
        assert seen == list(range(n))
        assert sizes[0] % 3 == 0 or keras.backend.backend() == "jax"
    else:
        assert not any(size % 3 for size in sizes)
        assert len(set(seen)) == n - n % 3
