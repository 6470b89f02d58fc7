"""The command with odd streams, names, paths and settings: nothing is lost, and what is wrong is one sentence and status 2."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tlbook.classifier.folders import OPTIONS, class_folders, data, picture
from tlbook import _quiet, classifier, cli, progress
from tlbook.classifier import InputError
from tlbook.classifier.prediction import csv_text

posix = pytest.mark.skipif(os.name == "nt", reason="signals, links and permissions of POSIX")

NAMES = ('=HYPERLINK("http:¦¦a.example","cat")', "dog\x1b[31m", "Größe 猫")
"""Class names that a spreadsheet would compute, a terminal would obey, and cp1252 cannot hold."""


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A model whose classes have odd names, and photos."""
    root = tmp_path_factory.mktemp("odd")
    photos = class_folders(root / "photos", *NAMES, n=6)
    return classifier.train(photos, root / "out", strategy="probe", **OPTIONS), photos


# ---- names ----


def test_no_cell_is_a_formula_and_no_name_commands_a_terminal(odd, capsys):
    result, photos = odd
    assert cli.main(["--quiet", "predict", str(result.model), str(photos)]) == 0
    for text in (capsys.readouterr().out, result.predictions.read_text("utf-8")):
        assert "\x1b" not in text and "dog\\x1b[31m" in text
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
        assert '\'=HYPERLINK("http:¦¦a.example","cat")' in cells
    page = result.report.read_text("utf-8")
    assert "\x1b" not in page and "dog\\x1b[31m" in page
    assert cli.main(["--quiet", "evaluate", str(result.model), str(photos)]) == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "\t=1+1", "＝1", "\r=1"])
def test_formulas_in_every_column_of_words(name):
    (row,) = list(csv.reader(io.StringIO(csv_text([name], np.eye(1, 2), (name, "b"), [name]))))[1:]
    assert all(
        cell.lstrip("'").lstrip() and not cell.startswith(("=", "+", "-", "@", "\t", "\r", " =")) for cell in row
    )
    assert [cell.startswith(("'", "\\")) for cell in row] == [True, True, False, True, False, False]


@pytest.mark.parametrize("name", ["a\x1b]0;title\x07", "a\x9b2J", "a\u202eb", "a\u2066b", "a\nb", "a\rb", "a\0b"])
def test_no_control_character_is_printed(name, capsys, monkeypatch):
    def refuse(*_, **__):
        raise InputError(f"there is no {name}")

    monkeypatch.setattr(classifier, "train", refuse)
    assert cli.main(["train", "photos", "--out", "out"]) == 2
    (line,) = capsys.readouterr().err.replace("there is no a\nb", "there is no a b").split("\n")[:-1]
    assert not set(line) & set("\x1b\x07\x9b\u202e\u2066\r\0")


# ---- streams ----


def command(*words, **options):
    environment = {**os.environ, **options.pop("environment", {})}
    return subprocess.run([sys.executable, "-m", "tlbook.cli", *words], env=environment, capture_output=True, **options)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_predictions_are_utf_8_whatever_the_stream_is(odd, encoding, monkeypatch):
    result, photos = odd
    raw, errors = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(errors, encoding=encoding))
    (photos / NAMES[2] / "ноль.txt").write_text("x")
    try:
        assert cli.main(["--quiet", "predict", str(result.model), str(photos)]) == 0
        sys.stderr.flush()
    finally:
        (photos / NAMES[2] / "ноль.txt").unlink()
    assert raw.getvalue().decode("utf-8").count("\n") == 19 and "Größe 猫" in raw.getvalue().decode("utf-8")
    assert errors.getvalue()


def test_predictions_in_a_file(odd, tmp_path, capsys):
    result, photos = odd
    words = ["--quiet", "predict", str(result.model), str(photos)]
    assert cli.main([*words, "--out", str(tmp_path / "a.csv")]) == 0
    assert capsys.readouterr().out == ""
    assert cli.main(words) == 0
    assert (tmp_path / "a.csv").read_bytes().decode("utf-8") == capsys.readouterr().out


@posix
@pytest.mark.parametrize("bad", ["model", "photo", "folder", "no folder"])
def test_predictions_never_replace_what_was_given(odd, tmp_path, capsys, bad):
    result, photos = odd
    photo = next((photos / NAMES[0]).iterdir())
    target = {"model": result.model, "photo": photo, "folder": tmp_path, "no folder": tmp_path / "none" / "a"}[bad]
    before = photo.read_bytes(), result.model.read_bytes()
    assert cli.main(["--quiet", "predict", str(result.model), str(photo), "--out", str(target)]) == 2
    assert capsys.readouterr().err.startswith("tlbook: ")
    assert (photo.read_bytes(), result.model.read_bytes()) == before


@pytest.mark.parametrize("stream", [None, "closed"])
def test_bars_and_silence_need_no_stream(monkeypatch, stream):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", None if stream is None else closed)
    with progress.bar("work", 3) as ticker:
        ticker.advance()
    with _quiet.stderr_held():
        pass


@posix
@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&- >&- 2>&-"])
def test_a_service_without_streams(odd, tmp_path, closed):
    result, photos = odd
    line = f"'{sys.executable}' -m tlbook.cli predict '{result.model}' '{photos}' --out '{tmp_path}/a.csv' {closed}"
    assert subprocess.run(["/bin/sh", "-c", line], capture_output=True).returncode == 0
    assert (tmp_path / "a.csv").read_text("utf-8").count("\n") == 19
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@posix
def test_an_evaluation_is_shown_though_its_file_cannot_be_written(odd, tmp_path, capsys, monkeypatch):
    result, photos = odd

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tlbook.classifier.prediction.write_json", full)
    assert cli.main(["--quiet", "evaluate", str(result.model), str(photos), "--json", str(tmp_path / "a.json")]) == 2
    captured = capsys.readouterr()
    assert "accuracy" in captured.out and "is full" in captured.err
    with pytest.warns(UserWarning, match="could not be written"):
        found = classifier.evaluate(result.model, photos, json=tmp_path / "a.json", progress=False)
    assert found.report.n == 18


@posix
@pytest.mark.parametrize("name", ["x" * 300, "", "none/a.json"])
def test_a_bad_name_is_refused_before_the_evaluation(odd, tmp_path, capsys, monkeypatch, name):
    result, photos = odd
    monkeypatch.setattr(classifier, "evaluate", lambda *_, **__: pytest.fail("it was evaluated"))
    assert cli.main(["evaluate", str(result.model), str(photos), "--json", f"{tmp_path}/{name}"]) == 2
    assert "cannot be written" in capsys.readouterr().err


# ---- paths ----


@posix
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["predict", "{model}", "{long}"], "File name too long"),
        (["predict", "{long}", "{photos}"], "File name too long"),
        (["predict", "{model}", "{root}/circle"], "no file or folder|link that leads nowhere"),
        (["evaluate", "{long}", "{photos}"], "File name too long"),
        (["evaluate", "{model}", "{long}"], "File name too long"),
        (["evaluate", "{model}", "{root}/circle"], "there is no folder"),
        (["export", "{model}", "{long}.onnx"], "File name too long"),
        (["export", "{root}/circle", "{root}/a.onnx"], "there is no model file"),
        (["serve", "{long}"], "File name too long"),
        (["train", "{long}", "--out", "{root}/out"], "File name too long"),
        (["train", "{photos}", "--out", "{long}"], "File name too long"),
        (["train", "{photos}", "--out", "{root}/out", "--test", "{long}"], "File name too long"),
    ],
    ids=lambda one: one[0] + " " + " ".join(word for word in one if "{" in word) if isinstance(one, list) else "",
)
def test_what_is_wrong_with_a_path_is_one_sentence(odd, tmp_path, capsys, words, said):
    result, photos = odd
    os.symlink("circle", tmp_path / "circle")
    names = {"model": result.model, "photos": photos, "long": "x" * 300, "root": tmp_path}
    assert cli.main(["--quiet", *(word.format(**names) for word in words)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tlbook: ") and any(part in line for part in said.split("|")) and len(line) < 300
    assert [path.name for path in tmp_path.iterdir()] == ["circle"]


@posix
@pytest.mark.parametrize("method", ["exists", "is_dir", "stat", "is_file"])
@pytest.mark.parametrize("use", ["train", "predict", "evaluate", "load", "export"])
def test_a_folder_of_somebody_else(odd, tmp_path, monkeypatch, method, use):
    """Tests run as root may look everywhere, so the system's refusal is put on."""
    result, _ = odd
    real = getattr(Path, method)

    def refuse(self, **options):
        if "secret" in self.parts:
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, **options)

    monkeypatch.setattr(Path, method, refuse)
    secret = tmp_path / "secret" / "photos"
    calls = {
        "train": lambda: classifier.train(secret, tmp_path / "out", **OPTIONS),
        "predict": lambda: classifier.predict(result.model, secret, progress=False),
        "evaluate": lambda: classifier.evaluate(result.model, secret, progress=False),
        "load": lambda: classifier.load(secret),
        "export": lambda: classifier.export(secret, tmp_path / "a.onnx"),
    }
    with pytest.raises(InputError):
        calls[use]()


@posix
@pytest.mark.parametrize(
    "words", [["predict", "{model}", "{photo}"], ["evaluate", "{model}", "{photo}"], ["serve", "{model}"]]
)
def test_a_model_of_somebody_else_is_named(odd, tmp_path, monkeypatch, capsys, words):
    """Not taken for output that could not be written."""
    _, photos = odd
    names = {"model": tmp_path / "secret" / "model.keras", "photo": photos}
    real = os.stat

    def refuse(path, *args, **options):
        if "secret" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **options)

    monkeypatch.setattr(os, "stat", refuse)
    assert cli.main(["--quiet", *(word.format(**names) for word in words)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "secret/model.keras cannot be used (Permission denied)" in line


# ---- what may be given ----


def test_photos_in_memory_are_answered_as_files_are(odd, tmp_path):
    result, photos = odd
    path = next((photos / NAMES[0]).iterdir())
    image = Image.open(path)
    expected = classifier.predict(result.model, path, progress=False)
    given = {
        "bytes": path.read_bytes(),
        "bytearray": bytearray(path.read_bytes()),
        "Pillow": image,
        "pixels": np.asarray(image),
        "several pixels": np.asarray(image)[None],
    }
    for name, one in given.items():
        found = classifier.predict(result.model, one, progress=False)
        np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5, err_msg=name)
        assert found.paths[0].startswith("image 0") and found.left_out.files == ()
    found = classifier.predict(result.model, list(given.values()), progress=False)
    assert found.paths == ("image 0", "image 1", "image 2", "image 3", "image 4[0]")
    turned = data(picture(3, side=60).crop((0, 0, 60, 40)), "JPEG", exif=bytes.fromhex(
        "45786966 0000 4d4d002a00000008 0001 0112 0003 00000001 00060000 00000000"))  # fmt: skip
    one = classifier.predict(result.model, turned, progress=False).probabilities
    other = classifier.predict(result.model, Image.open(io.BytesIO(turned)), progress=False).probabilities
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_pillow_images_of_every_mode(odd, mode):
    image = picture(5).convert("L").convert("I;16") if mode == "I;16" else picture(5).convert(mode)
    assert classifier.predict(odd[0].model, image, progress=False).labels


@pytest.mark.parametrize(
    "one",
    [
        3,
        None,
        2.5,
        np.zeros((8, 8)),
        np.zeros((8, 8, 3)),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        [3],
    ],
    ids=lambda one: f"{type(one).__name__} {getattr(one, 'shape', one)}",
)
def test_what_is_no_photo_is_refused_in_a_sentence(odd, one):
    with pytest.raises(InputError, match=r"path|array of pixels"):
        classifier.predict(odd[0].model, one, progress=False)


@pytest.mark.parametrize(
    "one", [np.zeros((4, 8, 8, 3), np.uint8), [1, 2], b"photos", Image.new("RGB", (4, 4)), None, 5]
)
def test_training_takes_a_folder(tmp_path, one):
    with pytest.raises(InputError, match="folder is the path of a folder; got"):
        classifier.train(one, tmp_path / "out", **OPTIONS)
    with pytest.raises(InputError, match="out is the path of a folder; got"):
        classifier.train(tmp_path, one, **OPTIONS)


# ---- deep photos in use ----


def test_deep_photos_are_seen_in_use_as_in_training(tmp_path):
    rng = np.random.default_rng(0)
    for kind, label in enumerate(("cat", "dog")):
        for number in range(8):
            (tmp_path / "photos" / label).mkdir(parents=True, exist_ok=True)
            values = np.asarray(picture(number, kind).convert("L")).astype(np.uint16) * 16 + np.uint16(
                rng.integers(0, 16)
            )
            values[0, 0] = 4095
            Image.fromarray(values).save(tmp_path / "photos" / label / f"{number}.png")
    said = []
    result = classifier.train(
        tmp_path / "photos", tmp_path / "out", strategy="probe", **{**OPTIONS, "say": said.append}
    )
    assert any("12-bit in a 16-bit file: 4,095 is taken for white" in line for line in said)
    assert any("4,095 is taken for white, in prediction too" in note for note in result.metrics["notes"])
    model = classifier.load(result.model)
    assert model.white == 4095
    dark = np.full((40, 40), 300, np.uint16)
    Image.fromarray(dark).save(tmp_path / "dark.png")
    one = classifier.predict(model, tmp_path / "dark.png", progress=False).probabilities
    eight = np.full((40, 40, 3), 300 * 255 // 4095, np.uint8)
    np.testing.assert_allclose(one, classifier.predict(model, eight, progress=False).probabilities, atol=1e-5)


# ---- settings and interruptions ----


@pytest.mark.parametrize(
    ("backend", "words"),
    [("no-such", "is no backend of Keras"), ("torch", "torch is not installed"), ("openvino", "is not installed")],
)
def test_a_backend_that_is_not_there(monkeypatch, capsys, backend, words):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert cli.main(["train", "photos", "--out", "out"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"tlbook: KERAS_BACKEND={backend}: ") and words in line


def test_a_backend_without_gradients_gives_a_result(tmp_path):
    class_folders(tmp_path / "photos", n=6)
    words = ["--backbone", "sketchnet", "--input-size", "32", "--out", "out"]
    run = command("train", "photos", *words, cwd=tmp_path, environment={"KERAS_BACKEND": "numpy"}, text=True)
    assert run.returncode == 0, run.stderr
    assert "the report is without its grad cam" in run.stderr and "strategy probe" in run.stderr
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "Photo: " in page and "Heat map" not in page and "Grad-CAM" not in page


def test_no_figure_can_lose_a_run(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no font")

    monkeypatch.setattr("tlbook.report.figures._drawn", broken)
    monkeypatch.setattr("tlbook.interpret.grad_cam", broken)
    with pytest.warns(UserWarning, match="the report is without its .*no font"):
        result = classifier.train(
            class_folders(tmp_path / "photos", n=6), tmp_path / "out", strategy="probe", **OPTIONS
        )
    assert "Confusion matrix" in result.report.read_text("utf-8")


def test_fine_tuning_without_gradients_is_refused_first(tmp_path, monkeypatch):
    monkeypatch.setattr("tlbook.classifier.training.has_gradients", lambda: False)
    with pytest.raises(InputError, match="strategy lp-ft needs the TensorFlow, JAX or PyTorch backend"):
        classifier.train(class_folders(tmp_path / "photos", n=4), tmp_path / "out", strategy="lp-ft", **OPTIONS)


MODEL = str(Path(__file__).with_name("version_0_1_0") / "model.keras")  # without a graph, so that Keras is imported


@posix
@pytest.mark.parametrize("words", [["predict", MODEL, "p"], ["serve", MODEL], ["train", "photos", "--out", "out"]])
def test_ctrl_c_while_packages_are_imported(tmp_path, words):
    started = "import tlbook.cli, sys, os\nos.write(1, b'.')\nsys.exit(tlbook.cli.main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", started, *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.read(1) == b"."
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    (line,) = errors.decode().splitlines()
    assert line.startswith("tlbook: interrupted")


@pytest.mark.parametrize(("ours", "theirs", "newer"), [
    ("3.13.2", "3.15.0", True), ("3.9.0", "3.13.0", True), ("3.15.0", "3.15.0", False), ("3.16.0", "3.15.9", False),
])  # fmt: skip
def test_a_model_of_a_newer_keras_says_which_versions(odd, tmp_path, monkeypatch, ours, theirs, newer):
    import keras

    from tlbook.classifier import graphs, saved

    monkeypatch.setattr(graphs, "can_run", lambda: False)

    def fails(*_, **__):
        raise TypeError("unexpected keyword 'quantization_config'\n" + "configuration " * 3000)

    monkeypatch.setattr(keras.models, "load_model", fails)
    monkeypatch.setattr(keras, "__version__", ours)
    monkeypatch.setattr(saved, "_keras_version", lambda path: theirs)
    with pytest.raises(InputError) as refused:
        classifier.load(odd[0].model)
    said = str(refused.value)
    assert len(said) < 700 and "\n" not in said
    assert (f"was written by Keras {theirs}, and Keras {ours} here" in said) == newer


# ---- the baseline ----


def test_beside_the_accuracy_stands_that_of_the_most_frequent_class(odd, tmp_path):
    result, _ = odd
    folder = class_folders(tmp_path / "cats", NAMES[0], n=5, first=50)
    class_folders(folder, "other", n=1, first=70)
    (folder / "other").rename(folder / NAMES[2])
    found = classifier.evaluate(result.model, folder, progress=False)
    assert found.metrics["majority_accuracy"] == pytest.approx(5 / 6, abs=1e-5)
    assert "always the most frequent class 83.3 %" in found.text()
    assert "95 % confidence intervals in brackets" in found.text()
    assert "always the most frequent class" in result.report.read_text("utf-8")
    assert json.loads((result.folder / "metrics.json").read_text("utf-8"))["test"]["majority_accuracy"] > 0
