"""Few weights: what is frozen stays frozen, adapters begin as the identity, and Keras's LoRA survives our training."""

import numpy as np
import pytest

from tests.tlbook.transfer.nets import SIZE, blobs, logits_of, nested_classifier, tiny_backbone
from tlbook import transfer
from tlbook.transfer.freezing import trainable_state

import keras  # isort: skip

IMAGES, LABELS = blobs(48)
RECIPE = transfer.Recipe(epochs=2, learning_rate=0.05)


def depthwise_backbone():
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(6, 3, padding="same", name="plain")(inputs)
    x = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=True, name="deep")(x)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = keras.layers.ReLU(name="relu")(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


def classifier(body=None):
    return transfer.attach_head(tiny_backbone() if body is None else body, 2)


def weights(model):
    return {
        f"{name}/{weight.name}": keras.ops.convert_to_numpy(weight)
        for name, layer in transfer.named_layers(model).items()
        for weight in layer.weights
    }


def changed(before, model):
    return {name for name, value in weights(model).items() if not np.array_equal(before[name], value)}


def trained(model):
    """Which weights training changes: by the book's training, and by Keras's own."""
    before = weights(model)
    transfer.train(model, (IMAGES, LABELS), (IMAGES, LABELS), RECIPE, progress=False)
    ours, between = changed(before, model), weights(model)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss, jit_compile=False)
    model.fit(IMAGES.astype("float32"), LABELS, batch_size=16, epochs=2, verbose=0)
    assert changed(between, model) == ours
    return ours


HEAD = {"head/kernel", "head/bias"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("batch_norm", {"bn/gamma", "bn/beta"}),
        ("bias", {"plain/bias", "deep/bias", "bn/beta"}),
        ("depthwise", {"deep/kernel"}),
    ],
)
def test_only_one_kind_and_the_head_are_trained(kind, expected):
    model = classifier(depthwise_backbone())
    few = transfer.freeze_all_but(model, kind)
    np.testing.assert_allclose(logits_of(few, IMAGES), logits_of(model, IMAGES), atol=1e-6)
    assert trained(few) == expected | HEAD
    assert trained(transfer.freeze_all_but(few, kind)) == expected | HEAD  # it can be applied to what it gives


def test_the_model_that_was_given_stays_as_it_was():
    model = classifier()
    before, flags = weights(model), trainable_state(model)
    trained(transfer.freeze_all_but(model, "batch_norm"))
    trained(transfer.add_adapters(model, ["conv1"]))
    assert changed(before, model) == set() and trainable_state(model) == flags


def test_in_a_nested_model_too():
    few = transfer.freeze_all_but(nested_classifier()[0], "batch_norm")
    norms = {f"{layer}/{weight}" for layer in ("bn1", "bn2") for weight in ("gamma", "beta")}
    assert trained(few) == norms | {"classes/kernel", "classes/bias"}


def test_the_model_of_few_can_be_saved(tmp_path):
    few = transfer.freeze_all_but(classifier(), "batch_norm")
    few.save(tmp_path / "few.keras")
    np.testing.assert_allclose(
        logits_of(keras.models.load_model(tmp_path / "few.keras"), IMAGES), logits_of(few, IMAGES), atol=1e-6
    )


@pytest.mark.parametrize(
    ("kind", "message"),
    [("depthwise", "has no such weight outside its head"), ("norm", "kind='norm'")],
)
def test_a_kind_that_is_not_there(kind, message):
    with pytest.raises(ValueError, match=message):
        transfer.freeze_all_but(classifier(), kind)


# ---- adapters ----


def test_adapters_begin_as_the_identity_and_are_all_that_is_trained():
    model = classifier()
    adapted = transfer.add_adapters(model, ["conv1", "conv2"])
    np.testing.assert_allclose(logits_of(adapted, IMAGES), logits_of(model, IMAGES), atol=1e-6)
    assert trained(adapted) == {"conv1_adapter/kernel", "conv2_adapter/kernel"} | HEAD
    assert adapted.get_layer("conv2_adapter").kernel.shape == (1, 1, 8, 8)
    assert np.abs(logits_of(adapted, IMAGES) - logits_of(model, IMAGES)).max() > 1e-3


def test_an_adapter_by_hand():
    """After the layer, and nowhere else: x + W x."""
    model = classifier()
    adapted = transfer.add_adapters(model, "conv1")
    kernel = np.random.default_rng(0).normal(size=(1, 1, 6, 6)).astype(np.float32)
    adapted.get_layer("conv1_adapter").set_weights([kernel])
    lower, upper = transfer.split_model(model, "conv1")
    x = lower.predict(IMAGES.astype("float32"), verbose=0)
    by_hand = upper.predict(x + x @ kernel[0, 0], verbose=0)
    np.testing.assert_allclose(logits_of(adapted, IMAGES), by_hand, atol=1e-4)


@pytest.mark.parametrize(
    ("after", "message"),
    [([], "at least one layer"), (["conv9"], "No layer 'conv9'"), (["head"], "maps .* are needed")],
)
def test_places_where_no_adapter_goes(after, message):
    with pytest.raises(ValueError, match=message):
        transfer.add_adapters(classifier(), after)


# ---- Keras's LoRA ----


def lora():
    model = classifier(depthwise_backbone())
    layer = model.get_layer("plain")
    layer.trainable = True
    layer.enable_lora(2)
    layer.bias.trainable = False
    return model


def test_lora_is_trained_as_keras_set_it():
    """Our training rehearses and puts back flags of layers; those of single weights have to survive it."""
    assert trained(lora()) == {"plain/lora_kernel_a", "plain/lora_kernel_b"} | HEAD


def test_lora_merged_equals_lora_unmerged():
    model, plain = lora(), classifier(depthwise_backbone())
    trained(model)
    assert np.abs(logits_of(model, IMAGES) - logits_of(plain, IMAGES)).max() > 1e-3
    for layer in plain.layers:
        if layer.weights and layer.name != "plain":
            layer.set_weights(model.get_layer(layer.name).get_weights())
    plain.get_layer("plain").kernel.assign(model.get_layer("plain").kernel)
    plain.get_layer("plain").bias.assign(model.get_layer("plain").bias)
    np.testing.assert_allclose(logits_of(plain, IMAGES), logits_of(model, IMAGES), atol=1e-5)


def test_a_depthwise_layer_has_no_lora():
    assert not hasattr(depthwise_backbone().get_layer("deep"), "enable_lora")
