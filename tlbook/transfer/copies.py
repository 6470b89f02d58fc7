"""The model that is trained in place of the one given: on several devices, or with layers that compute in half precision.

Keras places a variable and fixes a layer's precision when it makes them. So a copy is made where and as it is wanted,
trained, and its weights are given back; the model itself stays what it was, float32 on its device.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import keras

from tlbook._checks import whole
from tlbook.transfer.freezing import restore_trainable_state, trainable_state
from tlbook.transfer.structure import head_layers, named_layers


def check_devices(devices: int, batch_size: int) -> int:
    """The number of devices, if there are as many and the backend can use them.

    Raises
    ------
    ValueError
        There are fewer; a backend other than TensorFlow and JAX; batches that are too small.
    """
    devices = whole(devices, "devices")
    if devices == 1:
        return 1
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "jax"):
        raise ValueError(
            f"devices={devices}: give 1, or use the TensorFlow or JAX backend of Keras; this is {backend!r}."
        )
    found = _device_names()
    if devices > len(found):
        raise ValueError(f"devices={devices}: give {len(found)} or fewer, those that {backend} sees are {found}.")
    if batch_size < devices:
        raise ValueError(f"devices={devices} with batch_size={batch_size}: each device needs an image of every batch.")
    return devices


@contextmanager
def trained_copy(model: keras.Model, dtype_policy: str, devices: int) -> Iterator[keras.Model]:
    """The model to train within the block; afterwards the given one has its weights, and the same layers are trainable.

    Parameters
    ----------
    model : keras.Model
    dtype_policy : str
        Of all layers below the head, which stays in float32, so that the logits do.
    devices : int
        From :func:`check_devices`.

    Yields
    ------
    keras.Model
        With one device and float32, the model itself.
    """
    if devices == 1 and dtype_policy == "float32":
        yield model
        return
    names = list(named_layers(model))
    first = min((names.index(name) for name in head_layers(model)), default=len(names) - 1)
    precise = {id(layer) for layer in list(named_layers(model).values())[first:]}

    def remade(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if "dtype" in config and id(layer) not in precise:
            config["dtype"] = dtype_policy
        return type(layer).from_config(config)

    with _placed(devices):
        copy = keras.models.clone_model(
            model, clone_function=None if dtype_policy == "float32" else remade, recursive=dtype_policy != "float32"
        )
        copy.set_weights(model.get_weights())
        restore_trainable_state(copy, trainable_state(model))
        for ours, theirs in zip(copy.weights, model.weights, strict=True):
            ours.regularizer = theirs.regularizer
        try:
            yield copy
        finally:
            model.set_weights(copy.get_weights())
            restore_trainable_state(model, trainable_state(copy))


def _device_names() -> list[str]:
    """Accelerators if there are any, else processors, as the backend divides them up."""
    if keras.backend.backend() == "jax":
        return list(keras.distribution.list_devices())
    import tensorflow as tf

    return [one.name for one in tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")]


def _placed(devices: int) -> AbstractContextManager[object]:
    if devices == 1:
        return nullcontext()
    names = _device_names()[:devices]
    if keras.backend.backend() == "jax":
        return _Sharing(devices=names, auto_shard_dataset=False).scope()
    import tensorflow as tf

    # Keras's own distribution module warns against its use with TensorFlow. With TensorFlow's default, collective
    # operations, the devices get out of step when the trainable weights change between two fits.
    reduction = tf.distribute.NcclAllReduce() if "GPU" in names[0] else tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(names, cross_device_ops=reduction).scope()


class _Sharing(keras.distribution.DataParallel):
    """Data parallelism that gives every device the whole of a batch which cannot be divided."""

    def get_data_layout(self, data_shape: tuple[int, ...]) -> keras.distribution.TensorLayout:
        """Called by Keras with the first batch of a pass."""
        if data_shape[0] % self.num_model_replicas:
            return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)
        return super().get_data_layout(data_shape)
