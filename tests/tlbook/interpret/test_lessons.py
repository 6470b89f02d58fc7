"""What the chapter on looking inside teaches, kept true: heat maps follow what was learned, and expose a shortcut."""

from __future__ import annotations

import numpy as np
import pytest

from tlbook import backbones, evaluation, features, interpret, sketches, transfer
from tlbook.backbones.architectures import small_cnn

import keras  # isort: skip


def drawn(split, every, size, share=0.0, reverse=False):
    shift = sketches.shortcut(share, reverse=reverse)
    made = [shift(record) for record in sketches.release_factors(split)[::every]]
    labels = np.array([sketches.TARGET_SPECIES.index(record.species) for record in made])
    sketched = [sketches.render(record, size) for record in made]
    return (
        np.stack([one.image for one in sketched]),
        labels,
        np.stack([one.masks["head"] | one.masks["ears"] for one in sketched]),
    )


@pytest.fixture(scope="module")
def pretrained():
    backbone = backbones.load("sketchnet")
    (x, y, _), (x_validation, y_validation, _) = drawn("train", 2, 96), drawn("validation", 2, 96)
    found = [features.extract(backbone, images, cache=False) for images in (x, x_validation)]
    return transfer.attach_head(backbone, transfer.linear_probe(found[0], y, found[1], y_validation, C=0.1))


@pytest.fixture(scope="module")
def test_drawings():
    return drawn("test", 10, 96)


def test_a_model_trained_on_the_background_looks_at_the_background(pretrained):
    """Sure where the background tells, wrong where it lies, and by its heat maps less on the head than one that is not."""
    size = 64
    keras.utils.set_random_seed(0)
    model = small_cnn(2, size)
    x, y, _ = drawn("train", 1, size, 1.0)
    recipe = transfer.Recipe(learning_rate=2e-3, batch_size=16)
    transfer.train(model, (x, y), (x[:40], y[:40]), recipe, progress=False)
    right, heat = {}, {}
    for name, reverse in (("tells", False), ("lies", True)):
        images, labels, heads = drawn("test", 10, size, 1.0, reverse)
        right[name] = evaluation.accuracy(labels, evaluation.predictions(model.predict(images, verbose=0)))
        maps = interpret.grad_cam(model, images, layer="block3_relu", upsample=True)
        heat[name] = interpret.energy_inside(maps, heads)
    assert right["tells"].low > 0.5 > right["lies"].high
    images, _, heads = drawn("test", 10, 96, 1.0)
    sound = interpret.energy_inside(interpret.grad_cam(pretrained, images, layer="stage3", upsample=True), heads)
    assert sound.estimate.low > heat["tells"].estimate.high


def test_maps_of_a_trained_network_follow_the_head(pretrained, test_drawings):
    images, _, heads = test_drawings
    heat = interpret.grad_cam(pretrained, images, layer="stage3", upsample=True)
    for score in (interpret.pointing_game(heat, heads), interpret.energy_inside(heat, heads)):
        assert score.gain.low > 0
    assert interpret.energy_inside(heat, heads).lift.low > 0


def test_maps_change_when_the_weights_are_drawn_anew(pretrained, test_drawings):
    """Adebayo et al. 2018: a method whose maps do not change does not show what was learned."""
    images, _, heads = test_drawings
    model = keras.models.clone_model(pretrained)
    model.set_weights(pretrained.get_weights())
    classes = model.predict(images, verbose=0).argmax(axis=1)
    trained = interpret.grad_cam(model, images, classes, upsample=True)
    transfer.randomise(model, layers=list(transfer.layer_groups(model, 1)["head"]), seed=1)
    transfer.randomise(model, seed=1)
    anew = interpret.grad_cam(model, images, classes, upsample=True)
    assert interpret.rank_correlation(trained, trained).value == pytest.approx(1)
    assert abs(interpret.rank_correlation(trained, anew).value) < 0.5
    assert interpret.energy_inside(anew, heads).estimate.high < interpret.energy_inside(trained, heads).estimate.low
