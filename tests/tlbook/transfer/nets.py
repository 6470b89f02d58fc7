"""Tiny networks and images for the tests of tlbook.transfer."""

import numpy as np

import tlbook._quiet  # noqa: F401  (before Keras)

import keras  # isort: skip

SIZE = 16


def tiny_backbone(*, pooled=True, batch_norm=True, seed=1, name="tiny", sequential=False):
    """Two blocks of convolution, BatchNormalization and ReLU; features (n, 8)."""
    layers = [keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")]
    for i, filters in enumerate((6, 8), start=1):
        layers.append(
            keras.layers.Conv2D(
                filters,
                3,
                strides=2,
                padding="same",
                use_bias=not batch_norm,
                kernel_initializer=keras.initializers.HeNormal(seed=seed + i),
                name=f"conv{i}",
            )
        )
        if batch_norm:
            layers.append(keras.layers.BatchNormalization(momentum=0.9, name=f"bn{i}"))
        layers.append(keras.layers.ReLU(name=f"block{i}"))
    if pooled:
        layers.append(keras.layers.GlobalAveragePooling2D(name="pool"))
    if sequential:
        return keras.Sequential([keras.Input((SIZE, SIZE, 3)), *layers], name=name)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = inputs
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x, name=name)


def nested_classifier(n_classes=2, seed=3, **options):
    """A backbone as one layer of a larger model, as many tutorials build it."""
    base = tiny_backbone(**options)
    inputs = keras.Input((SIZE, SIZE, 3))
    initializer = keras.initializers.GlorotUniform(seed=seed)
    outputs = keras.layers.Dense(n_classes, kernel_initializer=initializer, name="classes")(base(inputs))
    return keras.Model(inputs, outputs, name="outer"), base


def blobs(n, n_classes=2, seed=0, noise=60):
    """Images uint8 (n, 16, 16, 3) whose brightness tells the class, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    brightness = 60 + 120 * labels / (n_classes - 1)
    images = brightness[:, None, None, None] + rng.normal(0, noise, (n, SIZE, SIZE, 3))
    return np.clip(images, 0, 255).astype(np.uint8), labels


def logits_of(model, images):
    """Logits in inference mode, without compiling anything."""
    return keras.ops.convert_to_numpy(model(images.astype(np.float32), training=False))


def cross_entropy(logits, labels, label_smoothing=0.0):
    """Mean cross-entropy in nats, from the definition."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    n = logits.shape[1]
    target = np.eye(n)[labels] * (1 - label_smoothing) + label_smoothing / n
    return float(-(target * log_p).sum(axis=1).mean())
