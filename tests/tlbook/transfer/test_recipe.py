"""Recipes: checked when made, compared by what they say."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

from tlbook.transfer import History, Recipe

import keras  # isort: skip


def gentle(seed=None):
    return keras.Sequential([keras.layers.RandomFlip("horizontal", seed=seed), keras.layers.RandomRotation(0.1)])


FULL = {
    "epochs": 4,
    "learning_rate": 3e-4,
    "optimizer": "adamw",
    "schedule": "cosine",
    "warmup_epochs": 1,
    "weight_decay": 0.05,
    "l2_sp": (0.1, 0.01),
    "learning_rates": {"head": 1e-3},
    "groups": {"body": ["conv1", "conv2"], "head": "head"},
    "unfreezing": {2: "conv1", 1: "conv2"},
    "label_smoothing": 0.1,
    "class_weight": "balanced",
    "patience": 2,
    "restore_best": False,
    "dtype_policy": "mixed_bfloat16",
    "seed": 3,
}


def test_shows_what_differs_from_the_default_on_one_line():
    assert repr(Recipe()) == "Recipe()"
    shown = repr(Recipe(**FULL, augmentation=gentle()))
    assert shown == (
        "Recipe(epochs=4, learning_rate=0.0003, optimizer='adamw', schedule='cosine', warmup_epochs=1.0, "
        "weight_decay=0.05, l2_sp=(0.1, 0.01), learning_rates={'head': 0.001}, "
        "groups={'body': ('conv1', 'conv2'), 'head': ('head',)}, unfreezing={1: 'conv2', 2: 'conv1'}, "
        "augmentation=RandomFlip+RandomRotation, label_smoothing=0.1, class_weight='balanced', patience=2, "
        "restore_best=False, dtype_policy='mixed_bfloat16', seed=3)"
    )


def test_comes_back_from_json():
    recipe = Recipe(**FULL)
    again = Recipe(**json.loads(json.dumps(recipe.asdict())))
    assert again == recipe
    assert repr(again) == repr(recipe)
    assert len({recipe, again, recipe.replace(), pickle.loads(pickle.dumps(recipe))}) == 1


def test_numpy_numbers_are_plain():
    recipe = Recipe(epochs=np.int64(3), learning_rate=np.float32(0.5), l2_sp=np.float64(0.25), groups=np.int64(2))
    assert recipe == Recipe(epochs=3, learning_rate=0.5, l2_sp=0.25, groups=2)
    assert json.dumps(recipe.asdict()) == json.dumps(Recipe(epochs=3, learning_rate=0.5, l2_sp=0.25, groups=2).asdict())


@pytest.mark.parametrize("name", [*FULL, "augmentation", "momentum", "l2", "monitor", "batch_size"])
def test_every_setting_counts(name):
    others = {"augmentation": gentle(), "momentum": 0.5, "l2": 0.1, "monitor": "validation_accuracy", "batch_size": 8}
    value = (FULL | others)[name]
    base = {"epochs": 3, "optimizer": "sgd"} | ({"optimizer": "adam"} if name == "optimizer" else {})
    plain, changed = Recipe(**base), Recipe(**base | {name: value})
    assert plain != changed
    assert plain.hash != changed.hash
    assert hash(plain) != hash(changed)
    assert plain.replace(**{name: value}) == changed


def test_names_seeds_and_use_of_augmentation_do_not_count():
    used = gentle(5)
    used(np.zeros((2, 8, 8, 3), "float32"), training=True)
    recipes = [Recipe(augmentation=layers) for layers in (gentle(), gentle(5), used)]
    assert len(set(recipes)) == 1
    other = keras.Sequential([keras.layers.RandomFlip("vertical"), keras.layers.RandomRotation(0.1)])
    assert Recipe(augmentation=other) not in recipes


def test_the_hash_is_the_same_in_another_process():
    code = (
        "from tlbook.transfer import Recipe; import keras; keras.layers.RandomFlip();"
        "print(Recipe(epochs=4, unfreezing={1: 'a'}, augmentation=keras.layers.RandomFlip('horizontal')).hash)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    recipe = Recipe(epochs=4, unfreezing={1: "a"}, augmentation=keras.layers.RandomFlip("horizontal"))
    assert told == recipe.hash
    assert len(told) == 12 and int(told, 16) >= 0


def test_is_frozen():
    recipe = Recipe(**FULL)
    with pytest.raises(AttributeError):
        recipe.epochs = 2
    for name in ("learning_rates", "unfreezing", "groups"):
        with pytest.raises(TypeError):
            getattr(recipe, name)[1] = "x"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": "head"}, "groups='head': give a number"),
        ({"groups": 0}, "groups=0"),
        ({"augmentation": "flip"}, "augmentation='flip': give a keras.layers.Layer"),
        ({"restore_best": "yes"}, "restore_best='yes'"),
        ({"seed": -1}, "seed=-1"),
        ({"dtype_policy": "float16"}, "dtype_policy='float16': give 'float32', 'mixed_float16' or 'mixed_bfloat16'"),
        ({"l2_sp": float("nan")}, "not negative"),
        ({"unfreezing": {10: "conv1"}}, "epochs run from 0 to 9"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**settings)


def test_a_history_shows_its_best_epoch():
    history = History()
    assert repr(history) == "History(epochs=0)"
    for loss, accuracy in ((0.5, 0.75), (0.25, 0.875), (0.3, 1.0)):
        history.record(validation_loss=loss, validation_accuracy=accuracy, seconds=1.0)
    assert repr(history) == "History(epochs=3, best_epoch=1, validation_loss=0.2500, validation_accuracy=0.8750)"
