"""Layers and heat maps on another backend: these tests run again in one process whose Keras computes with JAX."""

import importlib.util
import os
import subprocess
import sys

import pytest

from tools import ROOT

AGAIN = [
    "augmentation/test_augmentation.py",
    "augmentation/test_elastic.py",
    "interpret/test_grad_cam.py::test_nested_and_flat_models_give_the_same_map[2-False]",
    "interpret/test_grad_cam.py::test_before_an_average_and_a_dense_layer_it_is_the_class_activation_map",
    "interpret/test_grad_cam.py::test_gradients_agree_with_finite_differences",
    "interpret/test_grad_cam.py::test_without_a_class_each_image_gets_its_predicted_one",
    "interpret/test_grad_cam.py::test_maps_are_float32_not_negative_and_grow_to_the_size_asked_for",
    "interpret/test_grad_cam.py::test_weights_changed_in_between_count",
]


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_the_same_on_jax():
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            *(f"tests/tlbook/{one}" for one in AGAIN),
        ],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]
    assert " passed" in run.stdout
    assert "2 skipped" in run.stdout  # what is TensorFlow's alone
