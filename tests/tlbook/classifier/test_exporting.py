"""Exported files: the same answers in another program, and nothing written where they are not."""

import builtins
import dataclasses
import json
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest

from tests.tlbook.classifier.folders import OPTIONS, class_folders
from tlbook import classifier, cli
from tlbook.classifier import InputError, exporting, formats, photos, saved
from tlbook.features import engines

import keras  # isort: skip

ENDINGS = [ending.removeprefix(".") for ending in formats.FORMATS]


@pytest.fixture(scope="module", autouse=True)
def _packages():
    pytest.importorskip("onnxruntime", reason="needs tlbook[fast]")
    pytest.importorskip("tf2onnx", reason="needs tlbook[fast]")


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    root = tmp_path_factory.mktemp("exported")
    folder = class_folders(root / "photos", "cat", "dog", 'a "fox", été', n=14)
    return classifier.train(folder, root / "out", strategy="probe", **OPTIONS)


@pytest.fixture(scope="module")
def tested(result):
    return photos.read(result.metrics["photos"]["folder"], progress=False).splits["test"]


@pytest.fixture(scope="module")
def files(result, tested, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return {ending: classifier.export(result.model, folder / f"pets.{ending}", images=tested) for ending in ENDINGS}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_answers_are_those_of_keras(files, result, tested, ending):
    images = tested.images(32)
    expected = np.asarray(keras.models.load_model(result.model).predict_on_batch(images))
    found = classifier.run_exported(files[ending].path, images)
    assert found.shape == (len(tested), 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(expected).max() > 0.1  # else that says little
    assert files[ending].difference == pytest.approx(np.abs(found - expected).max(), abs=1e-6)
    assert files[ending].n == files[ending].same == len(tested)
    np.testing.assert_array_equal(found, classifier.run_exported(files[ending].path, tested))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("n", [1, 8, 9])
def test_any_number_of_images(files, tested, ending, n):
    images = np.tile(tested.images(32), (3, 1, 1, 1))[:n]
    one_by_one = [classifier.run_exported(files[ending].path, image[None]) for image in images]
    together = classifier.run_exported(files[ending].path, images)
    np.testing.assert_allclose(together, np.concatenate(one_by_one), atol=1e-5)


@pytest.mark.parametrize("ending", ENDINGS)
def test_class_names_are_inside(files, tested, ending):
    assert classifier.exported_names(files[ending].path) == tested.class_names


def test_names_where_other_programs_look_for_them(files, tested):
    import onnx

    properties = {one.key: one.value for one in onnx.load(files["onnx"].path).metadata_props}
    assert json.loads(properties["class_names"]) == list(tested.class_names)
    with zipfile.ZipFile(files["tflite"].path) as archive:
        assert archive.read("labels.txt").decode().splitlines()[1:] == ["cat", "dog"]


def test_the_onnx_file_needs_neither_keras_nor_tensorflow(files, tested, tmp_path):
    np.save(tmp_path / "images.npy", tested.images(32))
    code = (
        "import sys, numpy, onnxruntime\n"
        "session = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n"
        "logits = session.run(None, {session.get_inputs()[0].name: numpy.load(sys.argv[2])})[0]\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules\n"
        "print(logits.tolist())"
    )
    command = [sys.executable, "-c", code, str(files["onnx"].path), str(tmp_path / "images.npy")]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    np.testing.assert_allclose(json.loads(out), classifier.run_exported(files["onnx"].path, tested), atol=1e-5)


def test_the_litert_file_needs_no_select_operations(files):
    from tensorflow.lite.python.interpreter import Interpreter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interpreter = Interpreter(model_path=str(files["tflite"].path))
    assert not [one["op_name"] for one in interpreter._get_ops_details() if one["op_name"].startswith("Flex")]


@pytest.mark.parametrize("ending", ENDINGS)
def test_pixels_that_were_scaled_already_are_refused(files, tested, ending):
    """A careless caller divides by 255: the type stops that, here and where nothing of this package runs."""
    pixels = tested.images(32)[:2]
    size, kind, run = formats.FORMATS[f".{ending}"].open(files[ending].path)
    assert (size, kind) == (32, np.uint8)
    for wrong in (pixels / np.float32(255), pixels.astype(np.float32)):
        with pytest.raises(Exception, match=r"(?i)type"):
            run(wrong)
    with pytest.raises(InputError, match=r"multiply by 255"):
        classifier.run_exported(files[ending].path, pixels / 255)
    with pytest.raises(InputError, match="the images hold fractions: give whole numbers from 0 to 255"):
        classifier.run_exported(files[ending].path, np.minimum(pixels + 0.5, 255))
    whole = classifier.run_exported(files[ending].path, pixels.astype(np.float32))
    np.testing.assert_array_equal(whole, classifier.run_exported(files[ending].path, pixels))


def test_a_file_that_takes_floats_is_run_as_before(result, files, tested, tmp_path):
    """As earlier versions wrote it; and so is the graph beside the model."""
    path = tmp_path / "earlier.onnx"
    path.write_bytes(classifier.load(result.model).as_graph())
    assert formats.FORMATS[".onnx"].open(path)[1] is np.float32
    expected = classifier.run_exported(files["onnx"].path, tested)
    np.testing.assert_allclose(classifier.run_exported(path, tested), expected, atol=1e-5)
    np.testing.assert_allclose(classifier.run_exported(path, tested.images(32).astype(float)), expected, atol=1e-5)


@pytest.mark.parametrize("ending", ENDINGS)
def test_without_images_noise_is_compared(result, tmp_path, ending):
    found = classifier.export(classifier.load(result.model), tmp_path / f"m.{ending}")
    assert found.n == 16 and found.difference < 1e-3
    assert [path.name for path in tmp_path.iterdir()] == [f"m.{ending}"]


def test_it_says_what_was_compared(files):
    assert str(files["onnx"]).startswith("pets.onnx: ONNX, ")
    assert f"{files['onnx'].n} of {files['onnx'].n} labels are the same" in str(files["onnx"])


@pytest.mark.parametrize("ending", ENDINGS)
def test_other_answers_are_refused_and_the_old_file_stays(result, tmp_path, monkeypatch, ending):
    target = tmp_path / f"m.{ending}"
    target.write_bytes(b"before")
    given = classifier.load(result.model)
    other = classifier.load(result.model)
    other.model.get_layer("head").set_weights([1.5 * value for value in other.model.get_layer("head").get_weights()])
    right = formats.FORMATS[target.suffix]
    wrong = dataclasses.replace(right, write=lambda _, path, *rest: right.write(other, path, *rest))
    monkeypatch.setitem(formats.FORMATS, target.suffix, wrong)
    with pytest.raises(InputError, match="other logits than the Keras model"):
        classifier.export(given, target)
    assert target.read_bytes() == b"before" and [path.name for path in tmp_path.iterdir()] == [target.name]


def test_answers_that_are_no_numbers_are_refused(result, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "run_exported", lambda path, images: np.full((len(images), 3), np.nan))
    with pytest.raises(InputError, match="differ by up to nan"):
        classifier.export(result.model, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


# ---- what cannot be used ----


def test_another_ending(result, tmp_path):
    with pytest.raises(InputError, match=r"m\.pb must end in \.onnx \(ONNX\) or \.tflite"):
        classifier.export(result.model, tmp_path / "m.pb")


def test_no_such_place(result, tmp_path):
    for path in (tmp_path / "nowhere" / "m.onnx", tmp_path):
        with pytest.raises(InputError):
            classifier.export(result.model, path if path.suffix else tmp_path / "nowhere" / "m.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(InputError, match="it is a folder"):
        classifier.export(result.model, tmp_path / "folder.onnx")


def test_images_of_another_shape(result, tmp_path):
    for images in (np.zeros((2, 31, 31, 3)), np.zeros((0, 32, 32, 3)), np.zeros((32, 32, 3))):
        with pytest.raises(InputError, match=r"\(n, 32, 32, 3\)|give at least one image"):
            classifier.export(result.model, tmp_path / "m.onnx", images=images)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ENDINGS)
def test_images_of_another_shape_for_an_exported_file(files, tested, ending):
    for images in (np.zeros((2, 31, 31, 3)), np.zeros((0, 32, 32, 3)), tested.select([])):
        with pytest.raises(InputError, match=r"\(n, 32, 32, 3\)|give at least one image|the split test holds no image"):
            classifier.run_exported(files[ending].path, images)


def test_packages_that_are_missing_are_named(result, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "missing_packages", lambda: ["onnx", "tf2onnx"])
    with pytest.raises(InputError, match=r"onnx, tf2onnx: pip install 'tlbook\[fast\]'"):
        classifier.export(result.model, tmp_path / "m.onnx")


def test_another_backend_cannot_write_litert(result, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(InputError, match="Keras runs on jax here"):
        exporting._format(tmp_path / "m.tflite")


def test_no_interpreter_at_all(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **options):
        if name.startswith(("ai_edge_litert", "tensorflow.lite.python.interpreter")):
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="pip install ai-edge-litert"):
        formats._interpreter()


@pytest.mark.parametrize("ending", ENDINGS)
def test_files_that_are_none(tmp_path, ending):
    path = tmp_path / f"m.{ending}"
    for use in (
        lambda: classifier.run_exported(path, np.zeros((1, 32, 32, 3))),
        lambda: classifier.exported_names(path),
    ):
        with pytest.raises(InputError, match="there is no file"):
            use()
    path.write_bytes(b"no model at all" * 10)
    with pytest.raises(InputError, match="cannot be read as"):
        classifier.run_exported(path, np.zeros((1, 32, 32, 3)))
    with pytest.raises(InputError, match="holds no class names"):
        classifier.exported_names(path)


def test_the_command(result, tmp_path, capsys):
    assert cli.main(["export", str(result.model), str(tmp_path / "m.onnx")]) == 0
    assert capsys.readouterr().out.startswith("m.onnx: ONNX")
    folder = result.metrics["photos"]["folder"]
    assert cli.main(["export", str(result.model), str(tmp_path / "m.tflite"), "--images", folder]) == 0
    assert "42 of 42 labels are the same" in capsys.readouterr().out
    assert cli.main(["export", str(result.model), str(tmp_path / "n.onnx"), "--images", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err and not (tmp_path / "n.onnx").exists()
    assert cli.main(["export", str(result.model), str(tmp_path / "m.h5")]) == 2
    assert "must end in .onnx" in capsys.readouterr().err
    assert saved.load(result.model).class_names == classifier.exported_names(tmp_path / "m.onnx")
