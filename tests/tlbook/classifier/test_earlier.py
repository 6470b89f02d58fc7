"""Model files and results that version 0.1.0 of the package wrote are still of use."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.tlbook.classifier.folders import OPTIONS, hard_folders
from tlbook import classifier
from tlbook.classifier import metrics_file

EARLIER = Path(__file__).with_name("version_0_1_0")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return hard_folders(tmp_path_factory.mktemp("earlier") / "photos", 12)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return shutil.copy(EARLIER / "model.keras", tmp_path_factory.mktemp("earlier-model"))


def test_the_model_loads_and_answers_as_it_did(model):
    loaded = classifier.load(model)
    assert loaded.class_names == ("heads", "tails") and loaded.about["temperature"] == 1.25
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)
    expected = json.loads((EARLIER / "logits.json").read_text("utf-8"))
    np.testing.assert_allclose(loaded.logits(images, progress=False), expected, atol=1e-4)


def test_the_model_predicts_and_is_evaluated(model, photos, tmp_path):
    found = classifier.predict(model, photos, progress=False)
    assert len(found.labels) == 24 and found.class_names == ("heads", "tails")
    measured = classifier.evaluate(model, photos, json=tmp_path / "metrics.json", progress=False)
    right = [label == Path(path).parent.name for path, label in zip(found.paths, found.labels, strict=True)]
    written = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert written["accuracy"] == pytest.approx(np.mean(right)) == measured.report.accuracy.value
    assert written["schema_version"] == 2 and written["seen_in_training"] == 0


@pytest.mark.parametrize("name", ["model.onnx", "model.tflite"])
def test_the_model_is_exported(model, photos, tmp_path, name):
    if name.endswith("onnx"):
        pytest.importorskip("tf2onnx", reason="needs tlbook[fast]")
    written = classifier.export(model, tmp_path / name, images=photos)
    assert written.same == written.n == 24


def keys(value, below=""):
    """Every path of keys, without what depends on the photos."""
    if not isinstance(value, dict):
        return {below}
    return {path for key, one in value.items() for path in keys(one, f"{below}/{key}")}


def test_the_result_is_known_again_in_the_present_schema(photos, tmp_path):
    def train():
        return classifier.train(photos, tmp_path / "out", strategy="probe", **OPTIONS).metrics

    fresh = train()
    assert fresh["schema_version"] == 2
    earlier = json.loads((EARLIER / "metrics.json").read_text("utf-8"))
    (tmp_path / "out" / "metrics.json").write_text(json.dumps({**earlier, "key": fresh["key"]}), encoding="utf-8")
    found = train()  # not trained again
    assert found["test"]["accuracy"] == earlier["test"]["accuracy"]
    assert found["test"]["accuracy_interval"] == earlier["test"]["interval"]
    assert found["test"]["n_mistakes"] == earlier["test"]["mistakes"]
    assert found["test"]["macro_f1_score"] == earlier["test"]["macro F1"]
    assert found["test"]["classes"]["heads"]["roc_auc"] == earlier["test"]["classes"]["heads"]["ROC area"]
    assert found["wall_seconds"]["total"] == earlier["seconds"]["total"]
    assert found["process_seconds"] == earlier["seconds"]["processor"]
    assert found["photos"]["near_duplicates"]["policy"] == "drop" and found["strategy"]["requested"] == "auto"
    compared = {
        "/strategy/test/" + name
        for name in ("method", "difference", "difference_interval", "only_lp_ft_right", "only_probe_right", "p_value")
    }
    ours, theirs = ({path for path in keys(one) if "/versions/" not in path} for one in (fresh, found))
    assert theirs - ours == compared | {"/wall_seconds/fine_tuning"}
    later = {path for path in ours if path.startswith(("/advice", "/next_steps", "/wall_seconds/advice"))}
    later |= {"/sha256", "/test/majority_accuracy", "/test/majority_accuracy_interval"}
    assert ours - theirs == later | {f"/files/{name}" for name in fresh["files"]}


def test_names_of_classes_stay_as_they_are(tmp_path):
    earlier = json.loads((EARLIER / "metrics.json").read_text("utf-8"))
    name = "Big ROC area-F1 nll"
    earlier["test"]["classes"] = {name: earlier["test"]["classes"]["heads"]}
    earlier["photos"]["counts"]["test"] = {name: 3}
    (tmp_path / "metrics.json").write_text(json.dumps(earlier), encoding="utf-8")
    found = metrics_file.read(tmp_path / "metrics.json")
    assert list(found["test"]["classes"]) == [name] and "f1_score" in found["test"]["classes"][name]
    assert found["photos"]["counts"]["test"] == {name: 3}
    assert "scikit-learn" in found["versions"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"written by": "another"}', '{"written_by": "tlbook train"}', "\xff"]
)
def test_other_files_are_none_of_ours(tmp_path, text):
    (tmp_path / "metrics.json").write_text(text, encoding="utf-8")
    assert metrics_file.read(tmp_path / "metrics.json") is None
    assert metrics_file.read(tmp_path / "missing.json") is None
