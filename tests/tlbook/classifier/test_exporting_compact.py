"""Smaller files: int8 is kept if photos show that it loses little, float16 if the logits stay."""

import numpy as np
import pytest

from tests.tlbook.classifier.folders import OPTIONS, class_folders, hard_folders
from tlbook import classifier, cli, evaluation
from tlbook.classifier import Classifier, InputError, compact, exporting, formats, photos
from tlbook.datasets import Split

import keras  # isort: skip

ENDINGS = [ending.removeprefix(".") for ending in formats.FORMATS]


@pytest.fixture(scope="module", autouse=True)
def _packages():
    pytest.importorskip("onnxruntime", reason="needs tlbook[fast]")
    pytest.importorskip("tf2onnx", reason="needs tlbook[fast]")


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    root = tmp_path_factory.mktemp("compact")
    folder = class_folders(root / "photos", n=48)
    return classifier.train(folder, root / "out", strategy="probe", **OPTIONS)


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Photos of the same classes that the model has never seen."""
    return class_folders(tmp_path_factory.mktemp("others"), n=250, first=500)


@pytest.fixture(scope="module")
def whole(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return {ending: classifier.export(result.model, folder / f"m.{ending}") for ending in ENDINGS}


@pytest.fixture(scope="module")
def small(result, others, tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    return {ending: classifier.export(result.model, folder / f"m.{ending}", int8=others) for ending in ENDINGS}


def ruined() -> Classifier:
    """A network that needs more than 8 bits: each channel is blown up, shifted far away, and brought back behind it."""
    image = keras.Input((32, 32, 3), name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(4, 1, name="far", activation="relu")(x)
    x = keras.layers.Conv2D(4, 1, name="back")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(2, name="head")(x))
    far = np.zeros((1, 1, 3, 4), np.float32)
    far[0, 0, 0, 0] = far[0, 0, 2, 1] = 1
    far[0, 0, 1, 2] = 1000  # takes all steps of the layer's range
    model.get_layer("far").set_weights([far, np.zeros(4, np.float32)])
    model.get_layer("back").set_weights([np.eye(4, dtype=np.float32)[None, None], np.zeros(4, np.float32)])
    head = np.zeros((4, 2), np.float32)
    head[0], head[1] = (9, -9), (-9, 9)  # red against blue
    model.get_layer("head").set_weights([head, np.zeros(2, np.float32)])
    return Classifier(model, ("cat", "dog"), {"backbone": "sketchnet"})


@pytest.mark.parametrize("ending", ENDINGS)
def test_int8_is_as_good_within_its_margin(small, whole, result, others, ending):
    done = small[ending]
    assert (done.numbers, done.format) == ("int8", whole[ending].format)
    assert done.n == 2 * 250 - 64 == done.test.n and done.test.margin == exporting.MARGIN == 0.02
    assert done.test.names == ("int8", "float32") and done.test.difference.low > -0.02
    found, _ = photos.labelled(others, ("cat", "dog"), progress=False)
    logits = classifier.run_exported(done.path, found)
    assert np.mean(logits.argmax(axis=1) == found.labels) > 0.85
    expected = classifier.load(result.model).logits(found, progress=False)
    assert np.mean(logits.argmax(axis=1) == expected.argmax(axis=1)) > 0.97
    gap = np.abs(logits - expected)
    assert 0 < np.median(gap) < 0.03 * np.abs(expected).max()
    assert 0 < done.difference <= gap.max() + 1e-6
    if ending == "onnx":  # LiteRT cuts logits off at the largest that it met on the calibration photos
        assert gap.max() < 0.1 * np.abs(expected).max()


@pytest.mark.parametrize("ending", ENDINGS)
def test_int8_is_a_quarter_of_the_size_and_says_all_numbers(small, whole, ending):
    done = small[ending]
    size, before = (one.path.stat().st_size for one in (done, whole[ending]))
    assert size < before / 3
    assert str(done).startswith(f"m.{ending}: {done.format} in int8, {size / 1e6:.1f} MB; on 436 photos int8 has ")
    assert f"right and float32 {done.accuracies[1]}, a difference of {done.test.difference}" in str(done)
    assert classifier.exported_names(done.path) == ("cat", "dog")


def test_all_convolutions_are_in_whole_numbers(small):
    import onnx

    graph = onnx.load(small["onnx"].path).graph
    made = {name: node.op_type for node in graph.node for name in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 8
    assert {made[name] for node in convolutions for name in node.input} == {"DequantizeLinear"}
    scales = [one for one in graph.initializer if one.name.endswith("_scale") and len(one.dims) == 1]
    assert max(one.dims[0] for one in scales) == 128  # one for each channel


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_model_that_int8_ruins_is_refused(others, tmp_path, ending):
    target = tmp_path / f"m.{ending}"
    target.write_bytes(b"before")
    model = ruined()
    assert "cat" in model.class_names
    with pytest.raises(InputError, match=r"int8 is not shown to lose less than 2\.0 points of accuracy: on 436 photos"):
        classifier.export(model, target, int8=others)
    assert target.read_bytes() == b"before" and [path.name for path in tmp_path.iterdir()] == [target.name]
    classifier.export(model, target, float16=True)  # which keeps eleven digits of each


def test_a_difference_that_might_be_too_large_is_refused(result, others, tmp_path, monkeypatch):
    """No photo is answered otherwise, but too few are there for the margin."""
    monkeypatch.setattr(exporting, "MARGIN", 0.005)
    monkeypatch.setattr(exporting, "fewest_photos", lambda: 1)
    with pytest.raises(InputError, match=r"lose less than 0\.5 points .* a difference of"):
        classifier.export(result.model, tmp_path / "m.onnx", int8=others)
    assert not list(tmp_path.iterdir())


def test_too_few_photos(result, tmp_path):
    few = class_folders(tmp_path / "few", n=20, first=900)
    with pytest.raises(
        InputError, match=r"takes 253 labelled photos or more .*, and there are 40: with fewer than 189"
    ):
        classifier.export(result.model, tmp_path / "m.onnx", int8=few)
    assert [path.name for path in tmp_path.iterdir()] == ["few"]


@pytest.mark.parametrize("margin", [0.005, 0.02, 0.1])
def test_the_fewest_photos_are_those_of_the_test(monkeypatch, margin):
    monkeypatch.setattr(exporting, "MARGIN", margin)

    def passes(n):
        return (
            "A" in evaluation.mcnemar(np.zeros(n, int), np.zeros(n, int), np.zeros(n, int), margin=margin).non_inferior
        )

    n = exporting.fewest_photos()
    assert passes(n) and not passes(n - 1)


def test_photos_of_training_set_ranges_and_do_not_decide(result, others):
    model = classifier.load(result.model)
    seen = set(model.about["trained on"])
    old = photos.labelled(result.metrics["photos"]["folder"], model.class_names, progress=False)[0]
    new = photos.labelled(others, model.class_names, progress=False)[0]
    assert len(seen) in range(exporting.CALIBRATION, len(old))  # others were for the test
    both = Split(
        "both",
        [*old.paths, *new.paths],
        np.concatenate([old.labels, new.labels]),
        new.class_names,
        [*old.hashes, *new.hashes],
    )
    ranges, deciding = exporting._parted(both, model)
    assert len(ranges) == exporting.CALIBRATION
    assert not set(ranges.hashes) & set(deciding.hashes)
    assert {content[:12] for content in ranges.hashes} <= seen
    assert not seen & {content[:12] for content in deciding.hashes}
    assert len(deciding) == len(both) - len(seen)
    np.testing.assert_array_equal(exporting._parted(both, model)[1].labels, deciding.labels)


def test_what_int8_cannot_be_tested_on(result, others, tmp_path):
    model = classifier.load(result.model)
    new = photos.labelled(others, model.class_names, progress=False)[0]
    for options, words in (
        ({"int8": others, "float16": True}, "with int8 give neither float16 nor images"),
        ({"int8": others, "images": new}, "with int8 give neither float16 nor images"),
        ({"int8": tmp_path / "none"}, "none"),
        ({"int8": hard_folders(tmp_path / "coins", 2)}, "has the class 'heads', which the model does not know"),
    ):
        with pytest.raises(InputError, match=words):
            classifier.export(model, tmp_path / "m.onnx", **options)
    assert not (tmp_path / "m.onnx").exists()


# ---- float16 ----


@pytest.mark.parametrize("ending", ENDINGS)
def test_float16_is_half_the_size_and_within_its_tolerance(result, whole, others, tmp_path, ending):
    done = classifier.export(result.model, tmp_path / f"m.{ending}", float16=True, images=others)
    size, before = (one.path.stat().st_size for one in (done, whole[ending]))
    assert 0.45 < size / before < 0.6
    assert str(done).startswith(f"m.{ending}: {done.format} in float16, ")
    assert 0 < done.difference < 0.02 * 10 and done.n == 500
    assert done.same >= 498
    assert classifier.exported_names(done.path) == ("cat", "dog")


def test_weights_beyond_float16_are_refused(tmp_path):
    model = ruined()
    kernel, bias = model.model.get_layer("far").get_weights()
    model.model.get_layer("far").set_weights([1e6 * kernel, bias])
    with pytest.raises(InputError, match="other logits than the Keras model"):
        classifier.export(model, tmp_path / "m.onnx", float16=True)
    assert not list(tmp_path.iterdir())


# ---- the graphs ----


def test_pixels_are_cast_once(whole):
    graph = whole["onnx"].path.read_bytes()
    assert compact.with_pixels(graph) == graph
    import onnx

    first = onnx.load_from_string(graph).graph.node[0]
    assert first.op_type == "Cast"


def test_the_command(result, others, tmp_path, capsys):
    assert cli.main(["export", str(result.model), str(tmp_path / "m.onnx"), "--int8", str(others)]) == 0
    assert capsys.readouterr().out.startswith("m.onnx: ONNX in int8, ")
    assert cli.main(["export", str(result.model), str(tmp_path / "n.tflite"), "--float16"]) == 0
    assert capsys.readouterr().out.startswith("n.tflite: LiteRT in float16, ")
    folder = result.metrics["photos"]["folder"]
    assert cli.main(["export", str(result.model), str(tmp_path / "o.onnx"), "--int8", folder]) == 2
    assert "labelled photos or more that the model was not trained on" in capsys.readouterr().err
    assert not (tmp_path / "o.onnx").exists()
