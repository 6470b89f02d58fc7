"""Trains tiny networks on one device and on two, and prints how far apart they end; run by test_devices.py."""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.tlbook.transfer.nets import blobs, logits_of, tiny_backbone
from tlbook.transfer import Recipe, attach_head, linear_probe, lp_ft, train, unfreeze

import keras  # isort: skip

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)

DATA, HELD_OUT = blobs(24, 3, seed=1), blobs(11, 3, seed=2)  # 11: no batches that two devices can divide
PLAIN = Recipe(epochs=2, batch_size=8, learning_rate=0.01, optimizer="sgd")
ALL = PLAIN.replace(
    layer_decay=0.5,
    groups=2,
    weight_decay=0.1,
    l2_sp=0.1,
    class_weight="balanced",
    unfreezing={1: "conv2"},
    monitor="validation_accuracy",
    restore_best=True,
)


def start():
    return attach_head(tiny_backbone(), 3, seed=4)


def ended(recipe, devices, *, batch_norm=False, checkpoint=None):
    net = start()
    if not recipe.unfreezing:
        unfreeze(net)
    if batch_norm:
        for layer in net.layers:
            layer.trainable = True
    options = {"devices": devices, "checkpoint": checkpoint, "progress": False}
    return net, train(net, DATA, HELD_OUT, recipe, **options)


def apart(one, other):
    weights = max(float(np.abs(a - b).max()) for a, b in zip(one[0].get_weights(), other[0].get_weights(), strict=True))
    curves = ("train_loss", "train_accuracy", "objective", "validation_loss", "validation_accuracy")
    return max(weights, *(float(np.abs(np.subtract(getattr(one[1], k), getattr(other[1], k))).max()) for k in curves))


def moved(run):
    return max(float(np.abs(a - b).max()) for a, b in zip(run[0].get_weights(), start().get_weights(), strict=True))


found = {"moved": {}, "apart": {}, "flags": {}}


def compare(name, one, two):
    found["apart"][name], found["moved"][name] = apart(one, two), moved(two)
    found["flags"][name] = [layer.trainable for layer in one[0].layers] == [layer.trainable for layer in two[0].layers]
    print(name, found["apart"][name], file=sys.stderr, flush=True)


with tempfile.TemporaryDirectory() as folder:
    one, two = ended(PLAIN, 1, checkpoint=Path(folder) / "run.npz"), ended(PLAIN, 2)
    compare("plain", one, two)
    compare("a finished run is read again", ended(PLAIN, 2, checkpoint=Path(folder) / "run.npz"), two)
compare("all options", ended(ALL, 1), ended(ALL, 2))
pairs = [(logits_of(tiny_backbone(), images), labels) for images, labels in (DATA, HELD_OUT)]
probe = linear_probe(*pairs[0], *pairs[1])
options = {"probe": probe, "progress": False}
compare("lp_ft", *(lp_ft(tiny_backbone(), DATA, HELD_OUT, PLAIN, devices=k, **options) for k in (1, 2)))
found["half"] = apart(ended(PLAIN.replace(dtype_policy="mixed_float16"), 2), one)
found["batch norm"] = apart(ended(PLAIN, 1, batch_norm=True), ended(PLAIN, 2, batch_norm=True))
try:
    ended(PLAIN, 3)
except ValueError as error:
    found["three"] = str(error)
print(json.dumps(found))
