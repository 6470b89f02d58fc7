"""Grad-CAM: which places of the last feature maps raise the score of a class."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlbook._models import classifier_or_refused, standard_settings
from tlbook.interpret.taps import (
    Tapped,
    checked_classes,
    checked_images,
    in_batches,
    last_maps,
    map_shape,
    maps_of,
    tapped,
)
from tlbook.transfer.structure import named_layers


class LayerGradients(NamedTuple):
    """Feature maps, gradient and logits of a batch of images.

    Attributes
    ----------
    activations, gradients : ndarray of float32, shape (n, h, w, c)
    logits : ndarray of float32, shape (n, N)
    classes : ndarray of int64, shape (n,)
        The class whose logit was differentiated.
    """

    activations: NDArray[np.float32]
    gradients: NDArray[np.float32]
    logits: NDArray[np.float32]
    classes: NDArray[np.int64]


_STEPS: weakref.WeakKeyDictionary[Tapped, Callable[..., Any]] = weakref.WeakKeyDictionary()


def _step(net: Tapped) -> Callable[..., Any]:
    """(images, zeros, classes or −1) → (maps, gradient, logits), with the backend in use.

    Zeros are added to the maps, and the score is differentiated with respect to them: that is
    the gradient with respect to the maps, on any backend that can differentiate at all.
    """
    if net in _STEPS:
        return _STEPS[net]
    (tap,) = net.taps.values()

    def score(logits: Any, classes: Any) -> Any:
        wanted = keras.ops.where(classes < 0, keras.ops.argmax(logits, axis=-1), classes)
        chosen = keras.ops.one_hot(wanted, logits.shape[-1], dtype=logits.dtype)
        return keras.ops.sum(logits * chosen)

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        def step(images: Any, zeros: Any, classes: Any) -> Any:
            # Not compiled: tracing a large network takes longer than the few batches that are usual here.
            # The tape sees nothing but what comes after the zeros, not the layers before.
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(zeros)
                tap.flow["added"] = zeros
                logits = net.model(images, training=False)
                maps, tap.flow["added"], seen = tap.flow["seen"], None, score(logits, classes)
            tap.flow["seen"] = None
            return maps, tape.gradient(seen, zeros), logits
    elif backend == "jax":
        import jax

        def loss(zeros: Any, images: Any, classes: Any, trainable: Any, other: Any) -> Any:
            tap.flow["added"] = zeros
            logits, _ = net.model.stateless_call(trainable, other, images, training=False)
            maps, tap.flow["added"], tap.flow["seen"] = tap.flow["seen"], None, None
            return score(logits, classes), (maps, logits)

        differentiated = jax.jit(jax.grad(loss, has_aux=True))

        def step(images: Any, zeros: Any, classes: Any) -> Any:
            weights = [
                [v.value for v in kind] for kind in (net.model.trainable_variables, net.model.non_trainable_variables)
            ]
            gradient, (maps, logits) = differentiated(zeros, images, classes, *weights)
            return maps, gradient, logits
    else:
        raise RuntimeError(f"gradients need the TensorFlow or JAX backend of Keras; this is {backend!r}")
    _STEPS[net] = step
    return step


@standard_settings()
def layer_gradients(
    model: keras.Model,
    images: ArrayLike,
    class_index: ArrayLike | None = None,
    layer: str | None = None,
    *,
    batch_size: int = 32,
) -> LayerGradients:
    """Feature maps of a layer, and the gradient of a class's logit with respect to them.

    Parameters
    ----------
    model, images, class_index, layer, batch_size
        As for :func:`grad_cam`.

    Returns
    -------
    LayerGradients
        ``activations``, ``gradients`` (n, h, w, c), ``logits`` (n, N) and
        ``classes`` (n,).

    Raises
    ------
    ValueError
        As for :func:`grad_cam`.
    RuntimeError
        A Keras backend other than TensorFlow and JAX.
    """
    model = classifier_or_refused(model)
    n_classes = int(model.outputs[0].shape[1])
    name = last_maps(model) if layer is None else maps_of(model, layer)
    images = checked_images(model, images)
    classes = checked_classes(class_index, len(images), n_classes)
    wanted = np.full(len(images), -1) if classes is None else classes
    shape = cast(tuple[int, int, int], map_shape(named_layers(model)[name]))  # a layer with maps has one
    step = _step(tapped(model, (name,)))
    parts: list[list[NDArray[np.float32]]] = []
    for some in in_batches(len(images), batch_size):
        batch = images[some].astype(np.float32)
        zeros = np.zeros((len(batch), *shape), np.float32)
        given = [keras.ops.convert_to_tensor(a) for a in (batch, zeros, wanted[some].astype(np.int32))]
        parts.append([np.asarray(keras.ops.convert_to_numpy(part), np.float32) for part in step(*given)])
    maps, gradients, logits = (np.concatenate(part) for part in zip(*parts, strict=True))
    return LayerGradients(maps, gradients, logits, logits.argmax(axis=1) if classes is None else classes)


def grad_cam(
    model: keras.Model,
    images: ArrayLike,
    class_index: ArrayLike | None = None,
    layer: str | None = None,
    *,
    upsample: bool | tuple[int, int] = False,
    batch_size: int = 32,
) -> NDArray[np.float32]:
    r"""Gradient-weighted class activation maps (Selvaraju et al. 2017, equations 1 and 2).

    .. math:: L^c = \operatorname{ReLU}\Bigl(\sum_k \alpha_k^c A^k\Bigr), \qquad
        \alpha_k^c = \frac{1}{hw} \sum_{ij} \frac{\partial y^c}{\partial A^k_{ij}}

    with :math:`A^k` the k-th feature map of the layer and :math:`y^c` the logit of
    class c. Where only an average over the image and one dense layer follow, this is
    the class activation map of Zhou et al. (2016) divided by :math:`hw`.

    Parameters
    ----------
    model : keras.Model
        Functional or Sequential, flat or with models nested in it, to any depth;
        logits (n, N) come out, N ≥ 2. It is used in inference mode and not changed.
    images : ndarray, shape (n, height, width, channels)
        As the model takes them: uint8, or float with values from 0 to 255.
    class_index : int or int array of shape (n,), optional
        Class to explain, for all or for each image; default the predicted one.
    layer : str, optional
        A layer with feature maps, by name, whichever model it is in; default
        :func:`last_maps`.
    upsample : bool or (int, int), default False
        Bilinear interpolation to the size of the images, or to (height, width).
    batch_size : int

    Returns
    -------
    ndarray of float32, shape (n, h, w)
        Not negative and not normalised: larger is more of the logit. All zero
        where nothing in the image speaks for the class.

    Raises
    ------
    ValueError
        No convolutional layer; an unknown layer, or one without maps; images of
        another shape; a class that the model does not have; a model that gives
        probabilities.
    RuntimeError
        A Keras backend other than TensorFlow and JAX.
    """
    found = layer_gradients(model, images, class_index, layer, batch_size=batch_size)
    alpha = found.gradients.mean(axis=(1, 2), dtype=np.float64)
    maps = np.maximum(np.einsum("nhwc,nc->nhw", found.activations, alpha), 0).astype(np.float32)
    if upsample is False:
        return maps
    return upsampled(maps, np.shape(images)[1:3] if upsample is True else upsample)


def upsampled(maps: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Bilinear interpolation of maps (n, h, w) to (n, *size), float32; none becomes negative."""
    if len(tuple(size)) != 2 or min(size) < 1:
        raise ValueError(f"upsample is True, False or (height, width); got {size!r}")
    larger = keras.ops.image.resize(
        maps[..., None], tuple(map(int, size)), interpolation="bilinear", data_format="channels_last"
    )
    return np.maximum(np.asarray(keras.ops.convert_to_numpy(larger), np.float32)[..., 0], 0)
