"""Batch normalisation's statistics estimated again, against training's own and against the definition."""

import numpy as np
import pytest

from tests.tlbook.transfer.nets import SIZE, blobs, logits_of, nested_classifier, tiny_backbone
from tlbook import transfer
from tlbook.transfer.freezing import trainable_state

import keras  # isort: skip

IMAGES, LABELS = blobs(48)


def statistics(model):
    layers = transfer.named_layers(model).values()
    return [
        keras.ops.convert_to_numpy(value)
        for layer in layers
        if isinstance(layer, keras.layers.BatchNormalization)
        for value in (layer.moving_mean, layer.moving_variance)
    ]


def same(one, other, **tolerance):
    assert len(one) == len(other) == 4
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, **(tolerance or {"rtol": 1e-4, "atol": 1e-5}))


def test_on_the_training_images_it_is_what_training_had():
    """One batch of all of them, momentum 0 and a learning rate of 0: Keras's own statistics."""
    model = transfer.attach_head(tiny_backbone(), 2, dropout=0.5, frozen=False)
    adapted = transfer.adapt_batch_norm(model, IMAGES)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model.compile(keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(IMAGES.astype("float32"), LABELS, batch_size=len(IMAGES), shuffle=False, verbose=0)
    same(statistics(adapted), statistics(model))


def test_statistics_by_hand():
    """Each layer measures what the layers before give out with the new statistics, not with the old ones."""
    body = tiny_backbone(pooled=False)
    adapted = transfer.adapt_batch_norm(body, IMAGES)
    found = statistics(adapted)
    for place, name in enumerate(("conv1", "conv2")):
        maps = keras.Model(adapted.inputs[0], adapted.get_layer(name).output)
        values = logits_of(maps, IMAGES).reshape(-1, maps.output_shape[-1])
        np.testing.assert_allclose(found[2 * place], values.mean(axis=0), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(found[2 * place + 1], values.var(axis=0), rtol=1e-3, atol=1e-4)


def test_the_model_and_all_other_weights_stay_as_they_were():
    model = transfer.attach_head(tiny_backbone(), 2)
    before = [value.copy() for value in model.get_weights()]
    adapted = transfer.adapt_batch_norm(model, IMAGES)
    for old, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    changed = [not np.array_equal(a, b) for a, b in zip(before, adapted.get_weights(), strict=True)]
    assert sum(changed) == 4
    assert trainable_state(adapted) == trainable_state(model) and not all(trainable_state(model))
    twice = transfer.adapt_batch_norm(adapted, IMAGES)
    same(statistics(twice), statistics(adapted))


def test_the_prior_counts_as_so_many_images():
    model = tiny_backbone()
    old, new = statistics(model), statistics(transfer.adapt_batch_norm(model, IMAGES))
    same(
        statistics(transfer.adapt_batch_norm(model, IMAGES, prior=len(IMAGES))),
        [(a + b) / 2 for a, b in zip(old, new, strict=True)],
    )
    same(statistics(transfer.adapt_batch_norm(model, IMAGES, prior=1e9)), old, atol=1e-4)


def test_a_nested_model_too():
    model, base = nested_classifier()
    adapted = transfer.adapt_batch_norm(model, IMAGES)
    same(statistics(adapted), statistics(transfer.adapt_batch_norm(base, IMAGES)))


def test_trap_images_of_one_class_take_the_class_away():
    """Brightness tells the class: measured on bright images alone, bright ones look like the average."""
    model = transfer.attach_head(tiny_backbone(), 2, frozen=False)
    recipe = transfer.Recipe(epochs=8, learning_rate=0.02, batch_size=16)
    transfer.train(model, (IMAGES, LABELS), (IMAGES, LABELS), recipe, progress=False)
    model = transfer.adapt_batch_norm(model, IMAGES)
    new, labels = blobs(200, seed=1)

    def accuracy(one):
        return np.mean(logits_of(one, new).argmax(axis=1) == labels)

    both, single = blobs(32, seed=2)[0], blobs(64, seed=2)[0][1::2]
    assert accuracy(model) > 0.95
    assert accuracy(transfer.adapt_batch_norm(model, both)) > 0.9
    assert accuracy(transfer.adapt_batch_norm(model, single)) < 0.75


def test_what_cannot_be_adapted():
    model = tiny_backbone()
    for bad, message in [
        (lambda: transfer.adapt_batch_norm(model, IMAGES[:1]), "two or more"),
        (lambda: transfer.adapt_batch_norm(model, IMAGES[:, :8]), f"{SIZE}"),
        (lambda: transfer.adapt_batch_norm(model, IMAGES, prior=-1), "prior=-1"),
        (lambda: transfer.adapt_batch_norm(tiny_backbone(batch_norm=False), IMAGES), "no BatchNormalization"),
    ]:
        with pytest.raises(ValueError, match=message):
            bad()
