"""Feature extraction: the right numbers, one pass, bounded memory, a cache that cannot lie."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from tlbook import backbones, datasets, features
from tlbook.backbones import Backbone
from tlbook.datasets import Split
from tlbook.features import cache, engines, extraction

import keras  # isort: skip

SIZE = 32


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return backbones.load("sketchnet", weights=None, input_size=SIZE)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (21, SIZE, SIZE, 3), np.uint8)


@pytest.fixture
def split(tmp_path, images) -> Split:
    paths = []
    for i, pixels in enumerate(images):
        paths.append(tmp_path / "images" / f"{i}.png")
        paths[-1].parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(paths[-1])
    return Split("train", paths, np.arange(21) % 2, ("a", "b"))


@pytest.fixture
def passes(monkeypatch):
    """Counts the passes through a backbone."""
    counted = []
    real = extraction._run
    monkeypatch.setattr(extraction, "_run", lambda *args: counted.append(args[2]) or real(*args))
    return counted


def extract(backbone, images, **options):
    return features.extract(backbone, images, **{"cache": False, **options})


def test_features_are_what_the_model_gives(backbone, images):
    result = extract(backbone, images)
    assert (result.dtype, result.shape) == (np.float32, (21, 128))
    expected = keras.ops.convert_to_numpy(backbone.model(images, training=False))
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)
    assert result.std() > 0


@pytest.mark.parametrize("batch_size", [1, 2, 8, 20, 21, 64])
def test_batch_size_changes_nothing(backbone, images, batch_size):
    # 21 images: the last batch is a part of one for 2, 8 and 20.
    np.testing.assert_allclose(
        extract(backbone, images, batch_size=batch_size), extract(backbone, images, batch_size=7), rtol=1e-5, atol=1e-6
    )


def test_split_and_array_are_the_same(backbone, images, split):
    np.testing.assert_array_equal(extract(backbone, split, batch_size=8), extract(backbone, images, batch_size=8))


def test_float_images_are_the_same(backbone, images):
    for dtype in (np.float32, np.float64):
        np.testing.assert_array_equal(extract(backbone, images.astype(dtype)), extract(backbone, images))


def test_twice_is_the_same_to_the_bit(backbone, images):
    np.testing.assert_array_equal(extract(backbone, images), extract(backbone, images))


def test_nothing_in_the_backbone_moves(backbone, images):
    before = backbone.fingerprint
    backbone.model.trainable = True
    extract(backbone, images, layer=backbone.stages)
    assert backbone.fingerprint == before


@pytest.mark.parametrize("name", ["sketchnet", "mobilenet_v2_035", "resnet50"])
def test_stages_are_pooled_activations(name, images):
    backbone = backbones.load(name, weights=None, input_size=SIZE)
    result = extract(backbone, images[:4], layer=backbone.stages)
    assert list(result) == list(backbone.stages)
    for stage in (backbone.stages[0], backbone.stages[2]):
        cut = keras.Model(backbone.model.inputs[0], backbone.model.get_layer(stage).output)
        expected = cut.predict_on_batch(images[:4]).mean(axis=(1, 2))
        np.testing.assert_allclose(result[stage], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(result[backbone.stages[-1]], extract(backbone, images[:4]), rtol=1e-4, atol=1e-5)


def test_one_stage_is_an_array_and_a_list_a_dict(backbone, images, passes):
    stage = backbone.stages[1]
    alone = extract(backbone, images, layer=stage)
    listed = extract(backbone, images, layer=[stage, stage])
    assert isinstance(alone, np.ndarray)
    assert list(listed) == [stage]
    np.testing.assert_array_equal(alone, listed[stage])
    assert extract(backbone, images, layer=[]) == {}
    extract(backbone, images, layer=list(backbone.stages))
    assert len(passes) == 3  # all stages in one pass, none for the empty list


def test_no_images(backbone):
    assert extract(backbone, np.empty((0, SIZE, SIZE, 3), np.uint8)).shape == (0, 128)
    assert extract(backbone, Split("test", (), (), ("a", "b"))).shape == (0, 128)


def test_one_image(backbone, images):
    assert extract(backbone, images[:1]).shape == (1, 128)


def test_only_a_few_batches_are_alive(backbone, monkeypatch):
    """However many images, the pass takes them a batch at a time."""
    alive, most = set(), 0
    lock = threading.Lock()

    class Counted(np.ndarray):
        def __del__(self):
            with lock:
                alive.discard(id(self))

    def batches(images, size, batch_size):
        nonlocal most
        for _ in range(0, len(images), batch_size):
            batch = np.zeros((batch_size, size, size, 3), np.uint8).view(Counted)
            with lock:
                alive.add(id(batch))
                most = max(most, len(alive))
            yield batch

    monkeypatch.setattr(extraction, "_batches", batches)
    result = extract(backbone, np.zeros((4 * 50, SIZE, SIZE, 3), np.uint8), batch_size=4)
    assert len(result) == 200
    assert 1 <= most <= 3


# ---- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.zeros((2, 16, 16, 3), np.uint8), r"\(n, 32, 32, 3\); got \(2, 16, 16, 3\)"),
        (np.zeros((32, 32, 3), np.uint8), r"image\[None\]"),
        (np.zeros((2, 32, 32, 1), np.uint8), "got"),
        (np.zeros((2, 32, 32, 3), np.int64), "uint8, or floats"),
        (np.zeros((2, 32, 32, 3), bool), "uint8, or floats"),
        (np.full((2, 32, 32, 3), -1.0), "from -1 to -1"),
        (np.full((2, 32, 32, 3), 256.0), "from 256 to 256"),
        (np.full((2, 32, 32, 3), np.nan), "hold NaN or infinite values"),
        (np.full((2, 32, 32, 3), 0.5), "multiply by 255"),
        ([["a"]], "shape"),
    ],
)
def test_wrong_images_are_refused(backbone, wrong, words):
    with pytest.raises(ValueError, match=words):
        extract(backbone, wrong)


def test_black_float_images_are_fine(backbone):
    assert extract(backbone, np.zeros((2, SIZE, SIZE, 3), np.float32)).shape == (2, 128)


@pytest.mark.parametrize("layer", ["stage9", ["stage1", "stage9"]])
def test_unknown_stage_lists_the_known(backbone, images, layer):
    with pytest.raises(ValueError, match="no stage 'stage9'; it has stage1, stage2, stage3, stage4"):
        extract(backbone, images, layer=layer)


@pytest.mark.parametrize("batch_size", [0, -3, 1.5, True])
def test_batch_size_is_checked(backbone, images, batch_size):
    with pytest.raises(ValueError, match="batch_size"):
        extract(backbone, images, batch_size=batch_size)


def test_a_bare_model_is_refused(backbone, images):
    with pytest.raises(ValueError, match="got Functional"):
        extract(backbone.model, images)


# ---- the cache ----------------------------------------------------------------------------------


def test_second_call_reads_the_cache(backbone, images, split, passes, tmp_path):
    for given in (images, split):
        first = features.extract(backbone, given, cache_dir=tmp_path / "c")
        second = features.extract(backbone, given, cache_dir=tmp_path / "c")
        np.testing.assert_array_equal(first, second)
        assert second.dtype == np.float32
    assert len(passes) == 2
    assert all(path.suffix == ".npz" for path in (tmp_path / "c").iterdir())


def test_default_folder(backbone, images, passes, tmp_path, monkeypatch):
    monkeypatch.setenv("TLBOOK_CACHE", str(tmp_path / "named"))
    features.extract(backbone, images)
    assert len(list((tmp_path / "named" / "features").iterdir())) == 1


def test_without_cache_nothing_is_written(backbone, images, tmp_path, monkeypatch):
    monkeypatch.setenv("TLBOOK_CACHE", str(tmp_path / "named"))
    features.extract(backbone, images, cache=False)
    assert not (tmp_path / "named").exists()


def test_key_sees_everything_that_changes_the_features(backbone, images, split, passes, tmp_path):
    other = backbones.load("sketchnet", weights=None, input_size=SIZE, seed=5)
    changed = images.copy()
    changed[0, 0, 0, 0] ^= 1
    calls = [
        (backbone, images, None),
        (other, images, None),
        (backbone, changed, None),
        (backbone, images[::-1], None),
        (backbone, images[:-1], None),
        (backbone, images.astype(np.float32), None),
        (backbone, images, "stage4"),
        (backbone, images, "stage1"),
        (backbone, split, None),
        (backbone, split.select(range(20)), None),
        (backbone, split.select(range(20, -1, -1)), None),
    ]
    for _ in range(2):
        for net, given, layer in calls:
            cached = features.extract(net, given, layer=layer, cache_dir=tmp_path)
            np.testing.assert_allclose(cached, extract(net, given, layer=layer), rtol=1e-5, atol=1e-6)
    computed = len(passes) - 2 * len(calls)  # but for those of the comparison
    assert computed == len(calls)


def test_trained_backbone_is_computed_anew(images, passes, tmp_path):
    backbone = backbones.load("sketchnet", weights=None, input_size=SIZE)
    before = features.extract(backbone, images, cache_dir=tmp_path)
    kernel = next(weight for weight in backbone.model.weights if weight.path.endswith("kernel"))
    kernel.assign(kernel * 2)
    after = features.extract(backbone, images, cache_dir=tmp_path)
    assert len(passes) == 2
    assert np.abs(before - after).max() > 0


def test_only_the_missing_stages_are_computed(backbone, images, passes, tmp_path):
    features.extract(backbone, images, layer=["stage1", "stage3"], cache_dir=tmp_path)
    result = features.extract(backbone, images, layer=["stage1", "stage2", "stage3"], cache_dir=tmp_path)
    assert passes == [["stage1", "stage3"], ["stage2"]]
    assert list(result) == ["stage1", "stage2", "stage3"]
    features.extract(backbone, images, layer="stage2", cache_dir=tmp_path)
    assert len(passes) == 2


def empty(path):
    path.write_bytes(b"")


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def garbage(path):
    path.write_bytes(b"garbage" * 100)


def wrong_rows(path):
    np.savez(path, features=np.zeros((3, 128), np.float32), key=np.array(path.stem))


def wrong_type(path):
    np.savez(path, features=np.zeros((21, 128)), key=np.array(path.stem))


def wrong_key(path):
    np.savez(path, features=np.zeros((21, 128), np.float32), key=np.array("another"))


def pickled(path):
    np.savez(path, features=np.array([{"evil": 1}], dtype=object), key=np.array(path.stem))


def no_key(path):
    np.savez(path, features=np.zeros((21, 128), np.float32))


def bare_array(path):
    with open(path, "wb") as file:
        np.save(file, np.zeros((21, 128), np.float32))


@pytest.mark.parametrize(
    "harm",
    [empty, cut, cut_in_half, flip_a_bit, garbage, wrong_rows, wrong_type, wrong_key, pickled, no_key, bare_array],
)
def test_damaged_cache_is_computed_anew_and_replaced(backbone, images, passes, tmp_path, harm):
    expected = features.extract(backbone, images, cache_dir=tmp_path)
    (path,) = tmp_path.iterdir()
    harm(path)
    for _ in range(2):
        np.testing.assert_array_equal(features.extract(backbone, images, cache_dir=tmp_path), expected)
    assert len(passes) == 2
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_interrupted_write_leaves_nothing(backbone, images, tmp_path, monkeypatch, error):
    real = np.savez

    def fail(file, **arrays):
        file.write(b"half of it")
        raise error

    monkeypatch.setattr(cache.np, "savez", fail)
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            features.extract(backbone, images, cache_dir=tmp_path)
    else:
        with pytest.warns(UserWarning, match="No space left"):
            result = features.extract(backbone, images, cache_dir=tmp_path)
        np.testing.assert_array_equal(result, extract(backbone, images))
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(cache.np, "savez", real)
    features.extract(backbone, images, cache_dir=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_writers_at_once_never_read_a_torn_file(tmp_path):
    path = tmp_path / "same.npz"
    expected = np.arange(40_000, dtype=np.float32).reshape(400, 100)

    def work(_):
        for _ in range(25):
            cache.write(path, expected)
            stored = cache.read(path, 400)
            assert stored is not None
            assert (stored == expected).all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(
    not (os.environ.get("TLBOOK_DATA") and os.environ.get("KERAS_HOME")),
    reason="TLBOOK_DATA and KERAS_HOME name no photos and weights",
)
def test_real_features_tell_cats_from_dogs(tmp_path):
    """200 training photos are enough for a probe that is nearly always right on others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = datasets.load("photos")
    net = backbones.load(backbones.default("photos"))
    train, validation = data.train.take(200), data.validation.take(100)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))
    probe.fit(features.extract(net, train, cache_dir=tmp_path), train.labels)
    # Published figures are above 0.95; a wrong colour order or range costs far more.
    assert probe.score(features.extract(net, validation, cache_dir=tmp_path), validation.labels) >= 0.92


def test_nothing_is_printed_or_warned(images, capfd, recwarn):
    fresh = backbones.load("sketchnet", weights=None, input_size=SIZE)
    features.extract(fresh, images, cache=False)
    features.extract(fresh, images, cache=False, layer=fresh.stages[:2])
    features.extract(fresh, images, cache=False, layer=fresh.stages[0])
    assert capfd.readouterr() == ("", "")
    assert [str(warning.message) for warning in recwarn if warning.category is UserWarning] == []


# ---- engines ------------------------------------------------------------------------------------

fast = pytest.mark.skipif(bool(engines.missing_packages()), reason="the packages of tlbook[fast] are not installed")


def largest_gap(a: np.ndarray, b: np.ndarray) -> float:
    """Of two arrays of features, relative to the largest feature."""
    return float(np.abs(a - b).max() / np.abs(a).max())


AVAILABLE = [name for name in backbones.names() if backbones.info(name).available]


@fast
@pytest.mark.parametrize("name", AVAILABLE)
def test_the_two_engines_agree(name):
    """Every backbone whose weights are here: every stage and the output."""
    backbone = backbones.load(name, input_size=64)
    few = np.random.default_rng(1).integers(0, 256, (5, 64, 64, 3), np.uint8)
    slow = extract(backbone, few, layer=backbone.stages, engine="keras")
    quick = extract(backbone, few, layer=backbone.stages, engine="onnxruntime")
    assert quick.keys() == slow.keys() and all(value.dtype == np.float32 for value in quick.values())
    assert max(largest_gap(slow[layer], quick[layer]) for layer in backbone.stages) < 1e-4
    own = [extract(backbone, few, engine=engine) for engine in ("keras", "onnxruntime")]
    assert largest_gap(*own) < 1e-4
    assert own[0].std() > 0


@fast
@pytest.mark.parametrize("name", ["vgg16", "efficientnet_v2_b0"])
def test_other_kinds_of_preprocessing_are_exported_too(name, tmp_path):
    """Weights that are not here: random ones show that the graph is whole, with one input."""
    backbone = backbones.load(name, weights=None, input_size=32)
    few = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), np.uint8)
    assert largest_gap(*(extract(backbone, few, engine=engine) for engine in ("keras", "onnxruntime"))) < 1e-4


@fast
def test_the_fast_engine_takes_all_sizes_and_types(backbone, images, split):
    expected = extract(backbone, images, engine="keras")
    for given in (images, images.astype(np.float64), split):
        for batch_size in (1, 4, 21, 64):
            result = extract(backbone, given, batch_size=batch_size, engine="onnxruntime")
            assert largest_gap(expected, result) < 1e-4
    assert extract(backbone, images[:0], engine="onnxruntime").shape == (0, 128)


@fast
def test_a_trained_backbone_has_another_graph(images):
    one = backbones.load("sketchnet", weights=None, input_size=SIZE, seed=1)
    before = extract(one, images, engine="onnxruntime")
    one.model.set_weights([value * 0.5 for value in one.model.get_weights()])
    after = extract(one, images, engine="onnxruntime")
    assert largest_gap(after, extract(one, images, engine="keras")) < 1e-4
    assert largest_gap(before, after) > 0.01


@fast
def test_the_graph_is_kept_beside_the_features_and_a_torn_one_is_written_anew(backbone, images, tmp_path, monkeypatch):
    written = []
    real = engines.write_graph
    monkeypatch.setattr(engines, "write_graph", lambda *args: written.append(1) or real(*args))
    monkeypatch.setattr(engines, "_SESSIONS", {})

    def again(n):
        engines._SESSIONS.clear()
        return features.extract(backbone, images[:n], cache_dir=tmp_path, engine="onnxruntime")

    expected = again(3)
    (graph,) = (tmp_path / "graphs").iterdir()
    np.testing.assert_array_equal(again(4)[:3], expected)
    assert len(written) == 1
    graph.write_bytes(graph.read_bytes()[:1000])
    np.testing.assert_allclose(again(5)[:3], expected, rtol=1e-5, atol=1e-6)
    assert len(written) == 2 and list((tmp_path / "graphs").iterdir()) == [graph]


@fast
def test_a_failed_export_leaves_nothing(backbone, images, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "_SESSIONS", {})

    def fail(self, path, **options):
        with open(path, "wb") as file:
            file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(keras.Model, "export", fail)
    with pytest.raises(OSError, match="disk full"):
        features.extract(backbone, images, cache_dir=tmp_path, engine="onnxruntime")
    assert list(tmp_path.rglob("*.onnx*")) == []
    monkeypatch.setattr(engines, "FEW", 1)
    monkeypatch.setattr(engines, "has_gpu", lambda: False)
    with pytest.warns(UserWarning, match="Keras in place of ONNX Runtime.*disk full"):
        result = features.extract(backbone, images, cache_dir=tmp_path)
    np.testing.assert_allclose(result, extract(backbone, images, engine="keras"), rtol=1e-5)


def test_which_engine_is_taken(monkeypatch):
    monkeypatch.setattr(engines, "has_gpu", lambda: False)
    monkeypatch.setattr(engines, "missing_packages", list)
    assert engines.choose("auto", engines.FEW) == "onnxruntime"
    assert engines.choose("auto", engines.FEW - 1) == "keras"
    assert engines.choose("auto", 1, ready=True) == "onnxruntime"
    assert engines.choose("onnxruntime", 1) == "onnxruntime"
    assert engines.choose("keras", 10**6) == "keras"
    monkeypatch.setattr(engines, "has_gpu", lambda: True)
    assert engines.choose("auto", 10**6) == "keras"
    monkeypatch.setattr(engines, "missing_packages", lambda: ["onnxruntime"])
    monkeypatch.setattr(engines, "has_gpu", lambda: False)
    assert engines.choose("auto", 10**6) == "keras"
    with pytest.raises(ValueError, match=r"needs the packages onnxruntime: pip install 'tlbook\[fast\]'"):
        engines.choose("onnxruntime", 1)


def test_unknown_engine_is_refused_even_where_the_cache_has_the_features(backbone, images, tmp_path):
    features.extract(backbone, images, cache_dir=tmp_path)
    with pytest.raises(ValueError, match="engine='tensorrt': give 'auto', 'keras' or 'onnxruntime'"):
        features.extract(backbone, images, cache_dir=tmp_path, engine="tensorrt")


def test_the_wish_for_threads_is_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert engines.threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert 1 <= engines.threads() <= (os.cpu_count() or 1)


def test_many_models_get_no_note_on_tracing(images, caplog):
    for _ in range(9):
        inputs = keras.Input((SIZE, SIZE, 3))
        model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
        extract(Backbone("mean", model, ()), images, engine="keras", progress=False)
    assert "retracing" not in caplog.text
