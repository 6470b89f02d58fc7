"""Keras Applications as flat models that carry their preprocessing.

The pixels go through ordinary Keras layers before the application's own
layers, in one graph. Nothing is nested, so a gradient, a layer's output or an
export needs no special case.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tlbook._quiet  # noqa: F401

if TYPE_CHECKING:
    import keras

_IMAGENET_BGR_MEAN = (103.939, 116.779, 123.68)
# Of values from 0 to 1, R, G, B; in Keras's EfficientNetV2 as means and variances.
_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class WeightsUnavailable(OSError):
    """Pretrained weights are neither here nor to be had; the message says what would do."""


def _to_unit_range(x):
    """Map 0..255 to -1..1: Keras's preprocessing mode "tf"."""
    import keras

    return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocess")(x)


def _to_centred_bgr(x):
    """Turn RGB to BGR and subtract ImageNet's mean: Keras's mode "caffe"."""
    import keras

    x = keras.ops.flip(x, axis=-1)
    return keras.layers.Rescaling(1.0, offset=[-mean for mean in _IMAGENET_BGR_MEAN], name="preprocess")(x)


def _to_standardised(x):
    """Subtract ImageNet's mean and divide by its deviation, channel by channel: Keras's mode "torch".

    EfficientNetV2's own preprocessing layers do the same, but Keras cannot export them to ONNX (their constants become inputs).
    """
    import keras

    scale = [1 / (255 * deviation) for deviation in _IMAGENET_DEVIATION]
    offset = [-mean / deviation for mean, deviation in zip(_IMAGENET_MEAN, _IMAGENET_DEVIATION, strict=True)]
    return keras.layers.Rescaling(scale, offset=offset, name="preprocess")(x)


@dataclass(frozen=True)
class Application:
    """How one Keras Application becomes a backbone.

    Attributes
    ----------
    function : str
        Its name in ``keras.applications``.
    options : dict
        Arguments beside the size.
    preprocess : callable
        Symbolic tensor to symbolic tensor.
    weights_file : str
        What Keras calls the weights in its cache.
    size : str
        Of that file, for the message that it is missing.
    parameters, feature_dim : int
        Without the classifier.
    stages : tuple of str
    input_size : int
        That the weights were trained at.
    """

    function: str
    preprocess: Callable
    weights_file: str
    size: str
    parameters: int
    feature_dim: int
    stages: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    input_size: int = 224

    def graph(self, name: str, input_size: int, weights: str | None) -> keras.Model:
        """The flat model; ``weights`` as Keras names them."""
        import keras

        inputs = keras.Input((input_size, input_size, 3), name="image")
        base = getattr(keras.applications, self.function)(
            include_top=False,
            weights=weights,
            input_tensor=self.preprocess(inputs),
            input_shape=(input_size, input_size, 3),
            **self.options,
        )
        features = keras.layers.GlobalAveragePooling2D(name="features")(base.output)
        return keras.Model(inputs, features, name=name)

    def pretrained(self, name: str, input_size: int) -> keras.Model:
        """The flat model with ImageNet weights.

        One set of weights serves every input size: those that were trained at
        ``self.input_size``.

        Raises
        ------
        WeightsUnavailable
            They are not in Keras's cache and cannot be downloaded.
        """
        path = weights_folder() / self.weights_file
        try:
            with _downloads_off_stdout():
                model = self.graph(name, self.input_size, "imagenet")
        except Exception as error:  # Keras raises bare Exceptions for a failed download
            if path.exists():
                raise WeightsUnavailable(
                    f"the weights of {name} in {path} cannot be read ({error}); "
                    "delete that file, so that they are downloaded anew"
                ) from error
            raise WeightsUnavailable(
                f"the ImageNet weights of {name} ({self.size}) are not here and could not be downloaded. "
                f"Connect to a network, or put {self.weights_file} into {weights_folder()} "
                f"(the folder models/ below the one that KERAS_HOME names). {error}"
            ) from error
        if input_size == self.input_size:
            return model
        resized = self.graph(name, input_size, None)
        resized.set_weights(model.get_weights())
        return resized


def weights_folder() -> Path:
    """Where Keras keeps downloaded weights."""
    named = os.environ.get("KERAS_HOME")
    return (Path(named) if named else Path.home() / ".keras") / "models"


@contextlib.contextmanager
def _downloads_off_stdout() -> Iterator[None]:
    # Keras prints its download bar on stdout, where it would end in stored outputs.
    terminal = sys.stderr is not None and sys.stderr.isatty()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(sys.stderr if terminal else nowhere):
        yield


_MOBILENET_V2_STAGES = (
    "Conv1_relu",
    "block_2_add",
    "block_5_add",
    "block_9_add",
    "block_12_add",
    "block_15_add",
    "out_relu",
)
_MOBILENET_STAGES = (
    "conv_pw_1_relu",
    "conv_pw_3_relu",
    "conv_pw_5_relu",
    "conv_pw_8_relu",
    "conv_pw_11_relu",
    "conv_pw_13_relu",
)

APPLICATIONS = {
    "mobilenet_v2_035": Application(
        function="MobileNetV2",
        options={"alpha": 0.35},
        preprocess=_to_unit_range,
        weights_file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5",
        size="2 MB",
        parameters=410_208,
        feature_dim=1280,
        stages=_MOBILENET_V2_STAGES,
    ),
    "mobilenet_v2_100": Application(
        function="MobileNetV2",
        options={"alpha": 1.0},
        preprocess=_to_unit_range,
        weights_file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        size="9 MB",
        parameters=2_257_984,
        feature_dim=1280,
        stages=_MOBILENET_V2_STAGES,
    ),
    "mobilenet_100": Application(
        function="MobileNet",
        options={"alpha": 1.0},
        preprocess=_to_unit_range,
        weights_file="mobilenet_1_0_224_tf_no_top.h5",
        size="17 MB",
        parameters=3_228_864,
        feature_dim=1024,
        stages=_MOBILENET_STAGES,
    ),
    "mobilenet_075": Application(
        function="MobileNet",
        options={"alpha": 0.75},
        preprocess=_to_unit_range,
        weights_file="mobilenet_7_5_224_tf_no_top.h5",
        size="8 MB",
        parameters=1_832_976,
        feature_dim=768,
        stages=_MOBILENET_STAGES,
    ),
    "resnet50": Application(
        function="ResNet50",
        preprocess=_to_centred_bgr,
        weights_file="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        size="95 MB",
        parameters=23_587_712,
        feature_dim=2048,
        stages=("conv1_relu", "conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out"),
    ),
    "vgg16": Application(
        function="VGG16",
        preprocess=_to_centred_bgr,
        weights_file="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        size="59 MB",
        parameters=14_714_688,
        feature_dim=512,
        stages=("block1_pool", "block2_pool", "block3_pool", "block4_pool", "block5_pool"),
    ),
    "efficientnet_v2_b0": Application(
        function="EfficientNetV2B0",
        options={"include_preprocessing": False},
        preprocess=_to_standardised,
        weights_file="efficientnetv2-b0_notop.h5",
        size="24 MB",
        parameters=5_919_312,
        feature_dim=1280,
        stages=(
            "stem_activation",
            "block1a_project_activation",
            "block2b_add",
            "block3b_add",
            "block4c_add",
            "block5e_add",
            "block6h_add",
            "top_activation",
        ),
    ),
}
