"""Plain Keras with the public parts ends with the weights of ``train``, to the last bit."""

import itertools

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from tests.tlbook.transfer.nets import blobs, tiny_backbone
from tlbook.transfer import (
    L2SP,
    Batches,
    History,
    Recipe,
    attach_head,
    callbacks,
    fine_tune,
    learning_rates,
    optimizers,
    train,
    unfreeze,
)
from tlbook.transfer.schedules import Tabulated

import keras  # isort: skip

TRAIN, VALIDATION = blobs(20, seed=1), blobs(12, seed=2)
RECIPE = Recipe(epochs=3, learning_rate=0.02, batch_size=8, seed=4)


def classifier(everything=True):
    model = attach_head(tiny_backbone(), 2, dropout=0.3, seed=3)
    if everything:
        unfreeze(model)
    return model


def compiled(model, optimizer, label_smoothing=0.0):
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing),
        metrics=[
            keras.metrics.CategoricalCrossentropy(from_logits=True, name="cross_entropy"),
            keras.metrics.CategoricalAccuracy(name="accuracy"),
        ],
    )


def fit(model, batches, seed, more=(), **options):
    held_out = Batches(VALIDATION, model)
    given = [callbacks.EpochSeeds(seed), *more]
    return model.fit(batches, validation_data=held_out, shuffle=False, verbose=0, callbacks=given, **options)


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


def test_a_head_alone_with_nothing_of_ours_but_batches_and_seeds():
    by_hand, by_us = classifier(False), classifier(False)
    compiled(by_hand, keras.optimizers.Adam(0.02))
    seen = fit(by_hand, Batches(TRAIN, by_hand, batch_size=8, seed=4), 4, epochs=3).history
    history = train(by_us, TRAIN, VALIDATION, RECIPE, progress=False)
    assert same(by_hand, by_us)
    assert seen["loss"] == history.objective
    assert seen["val_cross_entropy"] == pytest.approx(history.validation_loss, rel=1e-6)


def test_fine_tuning_with_layer_decay_and_l2_sp():
    recipe = RECIPE.replace(
        layer_decay=0.5, groups=2, l2_sp=0.05, schedule="cosine", warmup_epochs=1, label_smoothing=0.1
    )
    by_hand, by_us = classifier(), classifier()
    batches = Batches(TRAIN, by_hand, batch_size=8, seed=4)
    for variable in by_hand.trainable_variables:
        if not variable.path.startswith("head"):
            variable.regularizer = L2SP(0.05, variable)
    by_hand.get_layer("head").kernel.regularizer = keras.regularizers.L2(0.05 / 2)
    rates = Tabulated(learning_rates("cosine", 0.02, 3 * len(batches), len(batches)))
    # conv1, conv2, then the head's kernel and bias
    compiled(by_hand, optimizers.GroupAdam(rates, factors=[0.25, 0.5, 1.0, 1.0]), label_smoothing=0.1)
    fit(by_hand, batches, 4, epochs=3)
    fine_tune(by_us, TRAIN, VALIDATION, recipe, progress=False)
    assert same(by_hand, by_us)
    assert optimizers.variable_factors(by_us, recipe) == [0.25, 0.5, 1.0, 1.0]


def test_augmentation_with_mixup_and_the_best_weights():
    def changes():
        return keras.Sequential([keras.layers.RandomFlip("horizontal"), keras.layers.MixUp(0.4)])

    # Validation labels turned round: the first epoch is the best.
    recipe = RECIPE.replace(optimizer="sgd", augmentation=changes(), restore_best=True)
    by_hand, by_us = classifier(), classifier()
    compiled(by_hand, keras.optimizers.SGD(0.02, momentum=0.9))
    batches = Batches(TRAIN, by_hand, batch_size=8, seed=4, augmentation=changes())
    history = History()
    fit(by_hand, batches, 4, [callbacks.Record(history), callbacks.BestWeights(history)], epochs=3)
    ours = fine_tune(by_us, TRAIN, VALIDATION, recipe, progress=False)
    assert same(by_hand, by_us)
    assert history.best_epoch == ours.best_epoch
    assert history.restored and ours.restored


def test_gradual_unfreezing_is_one_fit_for_each_set_of_layers():
    plan = {1: "conv2", 2: "conv1"}
    by_hand, by_us = classifier(False), classifier(False)
    batches = Batches(TRAIN, by_hand, batch_size=8, seed=4)
    for begin, end in itertools.pairwise([0, *plan, 3]):
        if begin in plan:
            unfreeze(by_hand, from_layer=plan[begin])
        compiled(by_hand, keras.optimizers.Adam(0.02))
        fit(by_hand, batches, 4, initial_epoch=begin, epochs=end)
    fine_tune(by_us, TRAIN, VALIDATION, RECIPE.replace(unfreezing=plan), progress=False)
    assert same(by_hand, by_us)


class Stop(Exception):
    pass


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise Stop


def test_going_on_after_an_interruption(tmp_path):
    def go_on(interrupted):
        model, history = classifier(), History()
        best = callbacks.BestWeights(history, patience=5)
        saved = callbacks.Checkpoint(tmp_path / "run.npz", history, best, settings={"rate": 0.02})
        first = saved.open(model)
        batches = Batches(TRAIN, model, batch_size=8, seed=4)
        batches.next_epoch = first
        compiled(model, keras.optimizers.Adam(0.02))
        more = [callbacks.Record(history), best, saved, *([Interrupt()] if interrupted else [])]
        fit(model, batches, 4, more, initial_epoch=first, epochs=3)
        return model, first

    with pytest.raises(Stop):
        go_on(True)
    by_hand, first = go_on(False)
    assert first == 2
    by_us = classifier()
    fine_tune(by_us, TRAIN, VALIDATION, RECIPE.replace(patience=5), progress=False)
    assert same(by_hand, by_us)


def test_a_batch_depends_on_seed_epoch_and_place_alone():
    model, flip = classifier(), keras.layers.RandomFlip("horizontal")
    one = Batches(TRAIN, model, batch_size=8, seed=4, augmentation=flip)
    two = Batches(TRAIN, model, batch_size=8, seed=4, augmentation=keras.layers.RandomFlip("horizontal", seed=9))
    for _ in range(2):
        one.on_epoch_begin()
    two.next_epoch = 1
    two.on_epoch_begin()
    late = [two[i] for i in (2, 0, 1)]
    for (x, y), (x_late, y_late) in zip([one[2], one[0], one[1]], late, strict=True):
        np.testing.assert_array_equal(x, x_late)
        np.testing.assert_array_equal(y, y_late)
    one.on_epoch_begin()
    assert not np.array_equal(one[0][0], late[1][0])


def test_augmentation_without_a_seed_is_refused():
    with pytest.raises(ValueError, match="needs a seed"):
        Batches(TRAIN, classifier(), augmentation=keras.layers.RandomFlip())


def test_the_saved_model_holds_nothing_of_ours(tmp_path):
    import json
    import zipfile

    model = classifier()
    fine_tune(model, TRAIN, VALIDATION, RECIPE.replace(epochs=1, l2_sp=0.1, layer_decay=0.5, groups=2), progress=False)
    before = classifier()
    for name, each in {"trained": model, "untrained": before}.items():
        each.save(tmp_path / f"{name}.keras")
    files = [zipfile.ZipFile(tmp_path / f"{name}.keras") for name in ("trained", "untrained")]
    assert "tlbook" not in files[0].read("config.json").decode()
    assert (
        "compile_config" not in json.loads(files[0].read("config.json"))
        or not json.loads(files[0].read("config.json"))["compile_config"]
    )
    sizes = [file.getinfo("model.weights.h5").file_size for file in files]
    assert abs(sizes[0] - sizes[1]) < 1024, sizes
    loaded = keras.models.load_model(tmp_path / "trained.keras")
    assert same(loaded, model)
    assert not any(variable.regularizer for variable in model.variables)


def test_balanced_classes_are_keras_class_weights():
    """Thirty images of a class and ten of the other: weights as scikit-learn's, the loss as Keras's."""
    images, _ = blobs(40, seed=6)
    labels = (np.arange(40) % 4 == 0).astype(int)
    weights = dict(enumerate(compute_class_weight("balanced", classes=np.arange(2), y=labels).tolist()))
    assert weights == {0: pytest.approx(2 / 3), 1: 2.0}
    by_hand, by_us, plain = classifier(False), classifier(False), classifier(False)
    compiled(by_hand, keras.optimizers.Adam(0.02))
    seen = fit(by_hand, Batches((images, labels), by_hand, batch_size=8, seed=4), 4, epochs=3, class_weight=weights)
    history = train(by_us, (images, labels), VALIDATION, RECIPE.replace(class_weight="balanced"), progress=False)
    assert same(by_hand, by_us) and seen.history["loss"] == history.objective
    train(plain, (images, labels), VALIDATION, RECIPE, progress=False)
    assert not same(plain, by_us)
