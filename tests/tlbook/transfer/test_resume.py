"""Killed and called again, a run ends with the weights of an unbroken one."""

import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.tlbook.transfer.nets import blobs, tiny_backbone
from tlbook.transfer import CheckpointMismatch, Recipe, attach_head, checkpoints, gradual_unfreezing, unfreeze
from tlbook.transfer import train as train_model
from tools import ROOT

import keras  # isort: skip

EPOCHS = 6
TRAIN, VALIDATION = blobs(20, seed=1), blobs(12, seed=2)


def run(checkpoint=None, *, model=None, train=TRAIN, **settings):
    """A run with all that has a state: dropout, augmentation, momentum, moving statistics, schedule, best weights."""
    model = model or attach_head(tiny_backbone(), 2, dropout=0.3)
    augmentation = keras.Sequential([keras.layers.RandomFlip("horizontal"), keras.layers.RandomBrightness(0.2)])
    settings = {
        "epochs": EPOCHS,
        "learning_rate": 0.02,
        "batch_size": 8,
        "schedule": "cosine",
        "l2_sp": 0.01,
        "unfreezing": gradual_unfreezing(model, 2, every=2),
        "augmentation": augmentation,
        "restore_best": True,
    } | settings
    history = train_model(model, train, VALIDATION, Recipe(**settings), checkpoint=checkpoint, progress=False)
    return model, history


def scratch(**settings):
    return {"model": attach_head(tiny_backbone(), 2, frozen=False), "unfreezing": None, **settings}


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


def without_seconds(history):
    return {k: v for k, v in history.to_dict().items() if k != "seconds"}


@pytest.fixture(scope="module")
def unbroken():
    return run()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A short run that reached its end, and its checkpoint."""
    path = tmp_path_factory.mktemp("finished") / "run.npz"
    return path, *run(path, epochs=2, unfreezing=None, augmentation=None, l2_sp=None)


def again(path, **changes):
    return run(path, **{"epochs": 2, "unfreezing": None, "augmentation": None, "l2_sp": None} | changes)


def interrupt_after(monkeypatch, epochs, error=KeyboardInterrupt):
    """Let the checkpoint of so many epochs be written, then raise."""
    write, count = checkpoints.write, [0]

    def counted(path, state):
        write(path, state)
        count[0] += 1
        if count[0] == epochs:
            raise error

    monkeypatch.setattr(checkpoints, "write", counted)


# A child that is to be killed is slow enough to be caught anywhere, and never ends by itself.
CHILD = """
import sys, time
from tests.tlbook.transfer import test_resume as t
from tlbook.transfer import checkpoints
write = checkpoints.write
def slow(path, state):
    write(path, state)
    print(len(state.history["seconds"]), flush=True)
    time.sleep(60 if len(state.history["seconds"]) == t.EPOCHS - 1 else 0.2)
checkpoints.write = slow
t.run(sys.argv[1])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_killed_at_a_random_epoch(tmp_path, unbroken):
    path = tmp_path / "run.npz"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    epoch = random.SystemRandom().randint(1, EPOCHS - 1)
    while int(child.stdout.readline() or -1) not in (-1, epoch):
        pass
    time.sleep(random.SystemRandom().uniform(0, 0.4))  # anywhere in that epoch or the next
    child.send_signal(signal.SIGKILL)
    assert child.wait(timeout=60) == -signal.SIGKILL
    done = len(checkpoints.read(path).history["seconds"])
    assert epoch <= done < EPOCHS
    print(f"killed after {done} epochs")

    model, history = run(path)
    assert same(model, unbroken[0])
    assert without_seconds(history) == without_seconds(unbroken[1])
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


# Layers join at epochs 2 and 4: within the first part, between two parts, within the last.
@pytest.mark.parametrize("epochs", [1, 2, 5])
def test_interrupted_after_each_epoch(tmp_path, monkeypatch, unbroken, epochs):
    path = tmp_path / "run.npz"
    model = attach_head(tiny_backbone(), 2, dropout=0.3)
    start, flags = model.get_weights(), [v.path for v in model.trainable_weights]
    with monkeypatch.context() as patch:
        interrupt_after(patch, epochs)
        with pytest.raises(KeyboardInterrupt):
            run(path, model=model)
    # The model is back where it started, so that the same call can be made again.
    assert all(np.array_equal(a, b) for a, b in zip(start, model.get_weights(), strict=True))
    assert [v.path for v in model.trainable_weights] == flags
    _, history = run(path, model=model)
    assert same(model, unbroken[0])
    assert without_seconds(history) == without_seconds(unbroken[1])


def test_a_checkpoint_changes_nothing(finished):
    model, history = again(None)
    assert same(model, finished[1])
    assert without_seconds(history) == without_seconds(finished[2])


def test_from_scratch_moving_statistics_and_early_stopping_go_on(tmp_path, monkeypatch):
    # Validation labels turned round: the best epoch is the first, which the checkpoint must remember.
    turned = TRAIN[0], 1 - TRAIN[1]
    settings = {"train": turned, "epochs": 8, "patience": 3, "restore_best": None, "optimizer": "sgd"}
    model, history = run(**scratch(**settings))
    assert history.stopped_early
    assert history.epochs > 2
    path = tmp_path / "run.npz"
    with monkeypatch.context() as patch:
        interrupt_after(patch, history.epochs - 1)
        with pytest.raises(KeyboardInterrupt):
            run(path, **scratch(**settings))
    resumed, resumed_history = run(path, **scratch(**settings))
    assert same(resumed, model)
    assert without_seconds(resumed_history) == without_seconds(history)


def test_a_finished_run_is_read_not_repeated(finished, monkeypatch):
    path, model, history = finished
    monkeypatch.setattr(keras.Model, "fit", lambda *_, **__: pytest.fail("trained"))
    for given in (None, model):
        once_more, read = again(path, model=given)
        assert same(once_more, model)
        assert read == history


def test_a_finished_gradual_run_is_read_with_its_layers_unfrozen(tmp_path):
    path = tmp_path / "run.npz"
    model, history = run(path, epochs=2, unfreezing={1: "conv2"})
    for given in (None, model):
        once_more, read = run(path, epochs=2, unfreezing={1: "conv2"}, model=given)
        assert same(once_more, model)
        assert read == history
        assert [v.path for v in once_more.trainable_weights] == [v.path for v in model.trainable_weights]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0.03}, "learning_rate is 0.03 here, 0.02 there"),
        ({"epochs": 3}, "epochs is 3 here, 2 there"),
        ({"batch_size": 4}, "batch_size"),
        ({"seed": 1}, "seed is 1 here, 0 there"),
        ({"schedule": "linear"}, "schedule"),
        ({"optimizer": "adamw"}, "optimizer"),
        ({"l2_sp": 0.1}, "l2_sp"),
        ({"patience": 2}, "patience"),
        ({"unfreezing": {1: "conv2"}}, "unfreezing"),
        ({"layer_decay": 0.5, "groups": 2}, "layer rates"),
        ({"augmentation": keras.layers.RandomFlip()}, "augmentation"),
        ({"train": blobs(20, seed=5)}, "train data"),
        ({"model": attach_head(tiny_backbone(), 2, dropout=0.4)}, "model is"),
        ({"model": attach_head(tiny_backbone(batch_norm=False), 2, dropout=0.3)}, "model is"),
        ({"model": attach_head(tiny_backbone(seed=8), 2, dropout=0.3)}, "other weights"),
        ({"model": attach_head(tiny_backbone(), 2, dropout=0.3, seed=1)}, "other weights"),
        ({"model": attach_head(tiny_backbone(), 2, dropout=0.3, frozen=False)}, "other layers frozen"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(finished, changes, message):
    before = finished[0].read_bytes()
    with pytest.raises(CheckpointMismatch, match=message):
        again(finished[0], **changes)
    assert finished[0].read_bytes() == before


def test_names_and_seeds_of_layers_do_not_make_another_model():
    settings = {"seed": 3, "name": "a"}, {"seed": 4, "name": "b"}
    hashes = {checkpoints.architecture_hash(keras.Sequential([keras.layers.RandomFlip(**s)])) for s in settings}
    assert len(hashes) == 1
    other = keras.Sequential([keras.layers.RandomFlip("vertical")])
    assert checkpoints.architecture_hash(other) not in hashes


@pytest.mark.parametrize("damage", ["empty", "ten bytes", "half", "nearly all", "one byte changed", "an array"])
def test_what_is_no_checkpoint_is_refused(finished, tmp_path, damage):
    path = tmp_path / "torn.npz"
    content = bytearray(finished[0].read_bytes())
    content[len(content) // 2] ^= 0xFF
    keep = {"empty": 0, "ten bytes": 10, "half": len(content) // 2, "nearly all": int(0.99 * len(content))}
    path.write_bytes(content[: keep.get(damage)])
    if damage == "an array":
        np.save(path.open("wb"), np.zeros(3))
    with pytest.raises(CheckpointMismatch, match="Delete it"):
        again(path)


def test_another_format_is_refused(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "FORMAT", checkpoints.FORMAT + 1)
    with pytest.raises(CheckpointMismatch, match="Delete it"):
        again(finished[0])


def test_a_failed_write_leaves_the_old_checkpoint(finished, monkeypatch):
    path = finished[0]
    state, before = checkpoints.read(path), path.read_bytes()

    def full(file, **arrays):
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        checkpoints.write(path, state)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_an_error_in_training_puts_the_model_back(tmp_path, monkeypatch):
    model = attach_head(tiny_backbone(), 2)
    unfreeze(model)
    start = model.get_weights()
    interrupt_after(monkeypatch, 1, MemoryError)
    with pytest.raises(MemoryError):
        recipe = Recipe(epochs=2, learning_rate=0.1)
        train_model(model, TRAIN, VALIDATION, recipe, checkpoint=tmp_path / "run.npz", progress=False)
    assert all(np.array_equal(a, b) for a, b in zip(start, model.get_weights(), strict=True))
