"""The records of the networks that :func:`tlbook.backbones.load` knows by name: everything known of each, once.

A new network is one more record; its name, its weights, its place among the candidates of ``tlbook train`` and its tests follow.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tlbook._quiet  # noqa: F401

if TYPE_CHECKING:
    import keras

DATA = Path(str(resources.files("tlbook"))) / "data"
MIN_INPUT_SIZE = 32

# Of values from 0 to 1, R, G, B; in Keras's EfficientNetV2 as means and variances.
_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_IMAGENET_BGR_MEAN = (103.939, 116.779, 123.68)


def _to_unit_range(x: Any) -> Any:
    """Map 0..255 to -1..1."""
    import keras

    return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocess")(x)


def _to_centred_bgr(x: Any) -> Any:
    """Turn RGB to BGR and subtract ImageNet's mean."""
    import keras

    x = keras.ops.flip(x, axis=-1)
    return keras.layers.Rescaling(1.0, offset=[-mean for mean in _IMAGENET_BGR_MEAN], name="preprocess")(x)


def _to_standardised(x: Any) -> Any:
    """Subtract ImageNet's mean and divide by its deviation, channel by channel.

    EfficientNetV2's own preprocessing layers do the same, but Keras cannot export them to ONNX (their constants become inputs).
    """
    import keras

    scale = [1 / (255 * deviation) for deviation in _IMAGENET_DEVIATION]
    offset = [-mean / deviation for mean, deviation in zip(_IMAGENET_MEAN, _IMAGENET_DEVIATION, strict=True)]
    return keras.layers.Rescaling(scale, offset=offset, name="preprocess")(x)


PREPROCESSING = {"tf": _to_unit_range, "caffe": _to_centred_bgr, "torch": _to_standardised}
"""The modes of Keras's ``preprocess_input``, as layers."""


@dataclass(frozen=True, kw_only=True)
class Info:
    """What is known of a backbone before it is loaded.

    Attributes
    ----------
    name : str
    source : str
        What it was pretrained on.
    licence : str
        Of the weights.
    function : str
        Module and function that build it.
    options : mapping
        Arguments of that function beside the size.
    preprocess : {"tf", "caffe", "torch", None}
        Mode of Keras's ``preprocess_input``; None where the function's own layers preprocess.
    input_size : int
        Side in pixels that it was pretrained at, and the default.
    feature_dim : int
        Length of its pooled features.
    parameters : int
        Without a classifier, moving statistics included.
    stages : tuple of str
        Layers with spatial output, shallow to deep.
    imagenet_top1 : float or None
        Published top-1 accuracy on ImageNet in percent.
    top1_source : str
        Where that was published.
    address : str
        Folder of the file of weights on the web; empty for a file that the package ships.
    file : str
        Of the weights, as Keras calls it in its cache.
    size : int
        Of that file, in bytes.
    digest : str
        Hash of that file, ``"sha256:…"`` or ``"md5:…"`` (Keras's own); empty where none was published, or where the model card
        has it.
    default_for : tuple of str
        Data sets that the book uses it for.
    """

    name: str
    source: str = "ImageNet-1k, weights of Keras Applications"
    licence: str = "Apache 2.0"
    function: str
    options: Mapping[str, Any] = field(default_factory=dict)
    preprocess: str | None = "tf"
    input_size: int = 224
    feature_dim: int
    parameters: int
    stages: tuple[str, ...]
    imagenet_top1: float | None = None
    top1_source: str = "table of Keras Applications"
    address: str
    file: str
    size: int
    digest: str = ""
    default_for: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Where the file of weights lies, or would."""
        return (weights_folder() if self.address else DATA) / self.file

    @property
    def available(self) -> bool:
        """Whether the weights are on this machine."""
        return self.path.is_file()

    def graph(self, input_size: int) -> keras.Model:
        """The flat model with weights as Keras draws them: pixels from 0 to 255 in, pooled features out."""
        import keras

        module, _, function = self.function.rpartition(".")
        build = getattr(importlib.import_module(module), function)
        if self.preprocess is None:
            return build(input_size=input_size, **self.options)
        shape = (input_size, input_size, 3)
        inputs = keras.Input(shape, name="image")
        base = build(
            include_top=False,
            weights=None,
            input_tensor=PREPROCESSING[self.preprocess](inputs),
            input_shape=shape,
            **self.options,
        )
        features = keras.layers.GlobalAveragePooling2D(name="features")(base.output)
        return keras.Model(inputs, features, name=self.name)


def weights_folder() -> Path:
    """Where Keras keeps downloaded weights."""
    named = os.environ.get("KERAS_HOME")
    return (Path(named) if named else Path.home() / ".keras") / "models"


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
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

_RECORDS = (
    Info(
        name="sketchnet",
        source="tlbook.sketches, drawings of species other than cat and dog",
        licence="CC BY 4.0",
        function="tlbook.backbones.architectures.sketchnet",
        preprocess=None,
        input_size=96,
        feature_dim=128,
        parameters=357_064,
        stages=("stage1", "stage2", "stage3", "stage4"),
        address="",
        file="sketchnet-1.weights.h5",
        size=1_510_232,
        default_for=("sketches", "sketches-2"),
    ),
    Info(
        name="mobilenet_v2_035",
        function="keras.applications.MobileNetV2",
        options={"alpha": 0.35},
        feature_dim=1280,
        parameters=410_208,
        stages=_MOBILENET_V2_STAGES,
        imagenet_top1=60.3,
        top1_source="table of MobileNetV2 in TensorFlow Slim",
        address=f"{_KERAS}/mobilenet_v2",
        file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5",
        size=2_020_168,
        digest="sha256:b274c9200e590645ead7df705981897b195aa7e8404f2c59255dfe1fd518592a",
        default_for=("photos", "oxford"),
    ),
    Info(
        name="mobilenet_v2_100",
        function="keras.applications.MobileNetV2",
        feature_dim=1280,
        parameters=2_257_984,
        stages=_MOBILENET_V2_STAGES,
        imagenet_top1=71.3,
        address=f"{_KERAS}/mobilenet_v2",
        file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        size=9_406_464,
    ),
    Info(
        name="mobilenet_100",
        function="keras.applications.MobileNet",
        feature_dim=1024,
        parameters=3_228_864,
        stages=_MOBILENET_STAGES,
        imagenet_top1=70.4,
        address=f"{_KERAS}/mobilenet",
        file="mobilenet_1_0_224_tf_no_top.h5",
        size=17_225_924,
    ),
    Info(
        name="mobilenet_075",
        function="keras.applications.MobileNet",
        options={"alpha": 0.75},
        feature_dim=768,
        parameters=1_832_976,
        stages=_MOBILENET_STAGES,
        imagenet_top1=68.4,
        top1_source="Howard et al. 2017, MobileNets, table 6",
        address=f"{_KERAS}/mobilenet",
        file="mobilenet_7_5_224_tf_no_top.h5",
        size=7_542_696,
        digest="sha256:c21b629cfab8dab793865954841b7fcf7bf4c0c668e4a1727058e9664812bd2a",
    ),
    Info(
        name="resnet50",
        licence="MIT",
        function="keras.applications.ResNet50",
        preprocess="caffe",
        feature_dim=2048,
        parameters=23_587_712,
        stages=("conv1_relu", "conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out"),
        imagenet_top1=74.9,
        address=f"{_KERAS}/resnet",
        file="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        size=94_765_736,
        digest="md5:4d473c1dd8becc155b73f8504c6f6626",
    ),
    Info(
        name="vgg16",
        licence="CC BY 4.0",
        function="keras.applications.VGG16",
        preprocess="caffe",
        feature_dim=512,
        parameters=14_714_688,
        stages=("block1_pool", "block2_pool", "block3_pool", "block4_pool", "block5_pool"),
        imagenet_top1=71.3,
        address=f"{_KERAS}/vgg16",
        file="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        size=58_889_256,
        digest="md5:6d6bbae143d832006294945121d1f1fc",
    ),
    Info(
        name="efficientnet_v2_b0",
        function="keras.applications.EfficientNetV2B0",
        options={"include_preprocessing": False},
        preprocess="torch",
        feature_dim=1280,
        parameters=5_919_312,
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
        imagenet_top1=78.7,
        address=f"{_KERAS}/efficientnet_v2",
        file="efficientnetv2-b0_notop.h5",
        size=24_274_472,
        digest="md5:893217f2bb855e2983157299931e43ff",
    ),
)
NETWORKS = {record.name: record for record in _RECORDS}


def names() -> tuple[str, ...]:
    """All backbones, the one that the package ships first."""
    return tuple(NETWORKS)


def info(name: str) -> Info:
    """What a backbone is, without loading it.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Returns
    -------
    Info

    Raises
    ------
    ValueError
        There is no backbone of that name.

    Examples
    --------
    >>> info("mobilenet_v2_035").feature_dim
    1280
    """
    if name not in NETWORKS:
        raise ValueError(f"there is no backbone {name!r}; choose one of {', '.join(names())}")
    return NETWORKS[name]


def default(dataset_name: str) -> str:
    """The backbone that the book uses for a data set.

    Ours for the sketches (it was pretrained on drawings of other species),
    MobileNetV2 of width 0.35 for photos, which is the quickest there; for a
    data set of your own that for photos.
    """
    found = {dataset: record.name for record in _RECORDS for dataset in record.default_for}
    return found.get(dataset_name, found["photos"])
