"""``tlbook train`` on shards: what it gives on the photos themselves, in memory that does not grow with their number."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tests.tlbook.classifier.folders import OPTIONS, class_folders, data, picture
from tests.tlbook.classifier.shard_folders import synthetic
from tlbook import classifier, cli
from tlbook.classifier import InputError, sharded, sharded_stages
from tlbook.classifier.metrics_file import FILES
from tlbook.datasets import duplicates
from tlbook.features import Shards

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("webdataset")
pytest.importorskip("onnxruntime")

QUIET = {"progress": False, "say": lambda line: None}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Ready splits, with labels that are wrong and with copies in other splits, one of them mirrored."""
    root = tmp_path_factory.mktemp("photos") / "photos"
    for first, name, n in ((0, "train", 24), (100, "validation", 20), (200, "test", 20)):
        class_folders(root / name, n=n, first=first)
    for i in range(3):
        picture(300 + i, 0).save(root / "test" / "dog" / f"{300 + i}.png")
    (root / "train" / "cat" / "copy.jpg").write_bytes(data(picture(200, 0), "JPEG", quality=60))
    turned = ImageEnhance.Contrast(picture(203, 1).transpose(Image.Transpose.FLIP_LEFT_RIGHT)).enhance(0.9)
    turned.save(root / "validation" / "dog" / "turned.png")
    picture(101, 0).save(root / "train" / "dog" / "labelled otherwise.bmp")
    (root / "train" / "cat" / "torn.png").write_bytes(data(picture(900), "PNG")[:400])
    return root


@pytest.fixture(scope="module")
def shards(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("shards") / "shards"
    return classifier.features(photos, out, shards=5, dtype="float32", **OPTIONS).folder


@pytest.fixture(scope="module")
def plain(photos, tmp_path_factory):
    return classifier.train(photos, tmp_path_factory.mktemp("plain") / "out", unknown=True, **OPTIONS)


@pytest.fixture(scope="module")
def trained(photos, shards, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "out"
    return classifier.train(shards, out, photos=photos, unknown=True, **QUIET)


@pytest.fixture(scope="module")
def invented(tmp_path_factory):
    """Features without photos behind them."""
    return synthetic(tmp_path_factory.mktemp("invented") / "shards", 400, shard=100, copies=10)


@pytest.fixture
def spoiled(invented, tmp_path):
    """A copy of these, to be spoiled."""
    shutil.copytree(invented.folder, tmp_path / "shards")
    return Shards.read(tmp_path / "shards")


def lines(result) -> dict[str, dict[str, str]]:
    with open(result.predictions, encoding="utf-8", newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


# ---- the same result ----


def test_the_numbers_are_those_of_training_on_the_photos(plain, trained):
    assert sorted(path.name for path in trained.folder.iterdir()) == sorted(FILES)
    for name in ("class_names", "unknown"):
        assert trained.metrics[name] == plain.metrics[name], name
    for name in ("test", "validation", "temperature", "advice"):
        assert flat(trained.metrics[name]) == pytest.approx(flat(plain.metrics[name]), abs=1e-4, nan_ok=True), name
    one, other = (result.metrics["photos"] for result in (trained, plain))
    assert one["counts"] == other["counts"] and one["left_out"] == other["left_out"]
    assert one["near_duplicates"]["pairs"] == other["near_duplicates"]["pairs"]
    assert len(other["near_duplicates"]["pairs"]) == one["near_duplicates"]["n_pairs"] == 3
    weights = [classifier.load(result.model).model.get_layer("head").get_weights() for result in (trained, plain)]
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max())
    assert lines(trained).keys() == lines(plain).keys()
    for path, row in lines(plain).items():
        assert flat(lines(trained)[path]) == pytest.approx(flat(row), abs=1e-4)


def flat(value, name: str = "") -> dict[str, object]:
    """Numbers and words by where they stand; of a photo its path, not its place."""
    if isinstance(value, dict):
        return {
            k: v
            for key, one in value.items()
            if key not in ("index", "fingerprint")
            for k, v in flat(one, f"{name}.{key}").items()
        }
    if isinstance(value, list):
        return {k: v for i, one in enumerate(value) for k, v in flat(one, f"{name}.{i}").items()}
    try:
        return {name: float(value)}
    except (TypeError, ValueError):
        return {name: str(value)}


def test_the_probe_is_that_of_the_photos_where_features_are_kept_in_half_precision(photos, plain, tmp_path):
    found = classifier.features(photos, tmp_path / "half", shards=2, **OPTIONS)
    half = classifier.train(found.folder, tmp_path / "out", unknown=True, **QUIET)
    assert half.metrics["validation"]["accuracy"] == pytest.approx(plain.metrics["validation"]["accuracy"], abs=0.03)
    a, b = (classifier.load(result.model).model.get_layer("head").get_weights()[0] for result in (half, plain))
    np.testing.assert_allclose(a, b, atol=0.02 * np.abs(b).max())


def test_predict_and_evaluate_use_it(photos, trained):
    found = classifier.predict(trained.model, [photos / "test" / "cat"], progress=False)
    rows = lines(trained)
    for path, p in zip(found.paths, found.probabilities, strict=True):
        assert p[0] == pytest.approx(float(rows[f"test/cat/{Path(path).name}"]["probability of cat"]), abs=1e-4)
    measured = classifier.evaluate(trained.model, photos, split="train", progress=False)
    kept = 48 + 1 - 1  # one more was labelled otherwise, and is left out as a copy; so is the copy of a test photo
    assert measured.seen == sum(trained.metrics["photos"]["counts"]["train"].values()) <= kept + 1


def test_the_page_shows_photos(trained):
    page = trained.report.read_text(encoding="utf-8")
    assert 'alt="Photo: called' in page and 'alt="Heat map for' in page and "--photos" in page.split("<pre>")[1]
    assert "Shards hold no photos" not in page and "random sample" not in page


def test_photos_of_tar_files_are_found_again(photos, tmp_path):
    import webdataset

    source = tmp_path / "tars"
    source.mkdir()
    for name in ("train", "validation", "test"):
        with webdataset.TarWriter(str(source / f"{name}-0.tar")) as writer:
            for path in sorted((photos / name).rglob("*.png")):
                writer.write(
                    {"__key__": f"{path.parent.name}/{path.stem}", "png": path.read_bytes(), "cls": path.parent.name}
                )
    found = classifier.features(source, tmp_path / "shards", **OPTIONS)
    result = classifier.train(found.folder, tmp_path / "out", photos=source, **QUIET)
    page = result.report.read_text(encoding="utf-8")
    assert 'alt="Photo: ' in page and "not shown" not in page
    assert not list(tmp_path.glob("out.*"))


def test_a_photo_that_was_changed_is_not_shown(photos, shards, tmp_path):
    root = tmp_path / "photos"
    shutil.copytree(photos, root)
    for path in (root / "test" / "dog").glob("30*.png"):
        picture(999, 2).save(path)
    result = classifier.train(shards, tmp_path / "out", photos=root, **QUIET)
    assert result.metrics["test"]["n_mistakes"] >= 3
    assert "photos are not shown, since they are not as they were" in result.report.read_text(encoding="utf-8")


# ---- many photos ----


def test_more_than_a_sample_is_said_on_the_first_screen(invented, tmp_path, monkeypatch):
    monkeypatch.setattr(sharded_stages, "MOST", 30)
    monkeypatch.setattr(sharded_stages, "ADVISED", 60)
    result = classifier.train(invented.folder, tmp_path / "out", unknown=True, **QUIET)
    metrics, counts = result.metrics, {k: sum(v.values()) for k, v in result.metrics["photos"]["counts"].items()}
    assert metrics["photos"]["sampled"] == {"train": 60, "validation": 30, "test": 30}
    assert metrics["test"]["n"] == metrics["validation"]["n"] == 30 < counts["test"]
    page = result.report.read_text(encoding="utf-8")
    said = f"of a random sample of 30 of the {counts['test']:,} test photos; on all of them the accuracy is"
    assert said in page.split("<h2>")[0]
    assert f"was computed on a random sample: 60 of {counts['train']:,} training photos" in page
    assert f"sample of 30 of the {counts['validation']:,} validation photos" in page
    rows = lines(result)
    assert len(rows) == counts["test"]
    right = np.mean([row["label"] == row["truth"] for row in rows.values()])
    assert f"accuracy is {100 * right:.1f} %" in metrics["notes"][0]
    strange = np.mean([row["unknown"] == "1" for row in rows.values()])
    assert metrics["unknown"]["test_share"] == pytest.approx(strange, abs=1e-6)
    assert metrics["advice"]["more_photos"]["curve"][-1]["n"] == counts["train"]
    again = classifier.train(invented.folder, tmp_path / "again", unknown=True, **QUIET).metrics
    assert again["test"] == metrics["test"], "the sample depends on the seed alone"


def test_a_model_file_holds_some_hashes_and_says_so(photos, shards, tmp_path, monkeypatch):
    monkeypatch.setattr(sharded, "_KNOWN", 7)
    result = classifier.train(shards, tmp_path / "out", **QUIET)
    known, until = classifier.load(result.model).trained_on
    assert len(known) == 7 and until == max(known)
    measured = classifier.evaluate(result.model, photos, split="train", progress=False)
    assert 0 < measured.seen <= 7 and f"at least {measured.seen} of these photos" in measured.text()


_PEAK = """
import json, sys
from pathlib import Path
from tests.tlbook.classifier.shard_folders import synthetic
from tlbook import backbones, classifier
from tlbook.classifier import sharded, sharded_stages
from tlbook.datasets import duplicates
from tlbook.transfer import probe
duplicates.EXHAUSTIVE, sharded_stages.MOST, probe.LARGEST_IN_MEMORY = 1000, 2000, 2**18  # all that is bounded is at its bound
sharded._KNOWN, sharded_stages.ADVISED = 5000, 2000
peaks = []
for n in (20_000, 20_000, 200_000):  # the first has what any first run adds
    folder = Path(sys.argv[1]) / str(n)
    Path("/proc/self/clear_refs").write_text("5")
    classifier.train(folder, Path(sys.argv[1]) / f"out{len(peaks)}", progress=False, say=lambda line: None)
    peaks.append(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024)
print(json.dumps(peaks))
"""


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="of which the peak can be asked for")
def test_memory_is_some_bytes_a_photo(tmp_path):
    for n in (20_000, 200_000):
        synthetic(tmp_path / str(n), n, copies=500)
    done = subprocess.run([sys.executable, "-c", _PEAK, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    _, few, many = json.loads(done.stdout.splitlines()[-1])
    assert many - few < 180_000 * 500 / 2**20, (few, many)  # MiB: 500 bytes a photo


# ---- near-duplicates ----


def planted(
    n: int, distances: range, each: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, dict[tuple[int, int], int]]:
    """Hashes drawn at random, some of them copies of an earlier one with bits turned; those of mirror images are of nothing."""
    rng = np.random.default_rng(seed)
    upright, mirrored = rng.integers(0, 2**64, (2, n, 4), np.uint64, endpoint=False)
    k = each * len(distances)
    first, second, pairs = rng.permutation(n // 2)[:k], n // 2 + rng.permutation(n // 2)[:k], {}
    for i, j, bits in zip(first.tolist(), second.tolist(), list(distances) * each, strict=True):
        turned = np.unpackbits(upright[i].view(np.uint8))
        turned[rng.permutation(256)[:bits]] ^= 1
        upright[j] = np.packbits(turned).view(np.uint64)
        pairs[i, j] = bits
    return upright, mirrored, pairs


def test_of_many_hashes_near_copies_are_all_found_and_others_mostly(monkeypatch):
    monkeypatch.setattr(duplicates, "EXHAUSTIVE", 0)
    monkeypatch.setattr(duplicates, "_CANDIDATES", 5000)  # in many parts
    upright, mirrored, pairs = planted(20_000, range(41), 60)
    found = {}
    for (i, j, bits), _ in duplicates.close_pairs(upright, mirrored, np.zeros(len(upright), bool)):
        found |= {(a, b): c for a, b, c in zip(i.tolist(), j.tolist(), bits.tolist(), strict=True)}
    assert all(found[pair] == pairs[pair] for pair in found if pair in pairs) and set(found) <= set(pairs)
    recall = {d: np.mean([pair in found for pair, bits in pairs.items() if bits == d]) for d in range(41)}
    assert all(recall[d] == 1 for d in range(duplicates.SURE + 1))
    assert np.mean([recall[d] for d in range(24, 33)]) > 0.97 and np.mean([recall[d] for d in range(33, 41)]) > 0.8


@pytest.mark.parametrize("blank", [0, 2000])
def test_copies_are_found_across_splits_however_many_pictures_are_blank(blank, tmp_path, monkeypatch):
    monkeypatch.setattr(duplicates, "EXHAUSTIVE", 0)
    candidates = []
    given = duplicates._candidates

    def counted(*arguments):
        for i, j in given(*arguments):
            candidates.append(len(i))
            yield i, j

    monkeypatch.setattr(duplicates, "_candidates", counted)
    found = synthetic(tmp_path / "shards", 4000, shard=1000, copies=300)
    for shard in range(found.shards):
        table = pq.read_table(found.table_path(shard))
        for name in ("hash", "hash_mirrored"):
            values = [bytes(32) if i < blank // 4 else one for i, one in enumerate(table[name].to_pylist())]
            table = table.set_column(table.schema.names.index(name), name, pa.array(values, pa.binary(32)))
        pq.write_table(table, found.table_path(shard))
    photos = sharded.read(found.folder, None)
    told = sharded.near_duplicates(photos, tmp_path)
    masks = sharded.masks_of(told, photos.sizes)
    assert told["crowded"] == blank and not told["exhaustive"]
    assert {name: int(mask.sum()) for name, mask in masks.items()} == told["n_dropped"]
    assert sum(candidates) < 4000 * 12 * 2 * (2 * duplicates._CROWD if blank else 1)  # not the square of the blank ones
    if not blank:
        assert told["n_pairs"] == len(told["pairs"]) == 300 == told["n_dropped"]["train"]
        assert all(one["distance"] <= 20 and one["of"].startswith("test ") for one in told["pairs"])
        assert [one["distance"] for one in told["pairs"]] == sorted(one["distance"] for one in told["pairs"])
    else:  # all blank ones but those of the test photos
        test = sum(
            int(
                (
                    (table["split"].to_numpy(zero_copy_only=False) == "test") & (np.arange(table.num_rows) < blank // 4)
                ).sum()
            )
            for table in map(pq.read_table, map(found.table_path, range(found.shards)))
        )
        assert told["n_dropped"]["train"] + told["n_dropped"]["validation"] >= blank - test
        assert len(told["pairs"]) == sharded.LISTED < told["n_pairs"]
    kept = photos.without(masks)
    assert sum(kept.sizes.values()) == 4000 - sum(told["n_dropped"].values())


def test_shards_without_hashes_are_fitted_but_not_searched(tmp_path):
    old = synthetic(tmp_path / "old", 300, hashes=False)
    with pytest.raises(InputError, match=r"by an earlier version of tlbook, .* give --near-duplicates ignore, or"):
        classifier.train(old.folder, tmp_path / "out", **QUIET)
    found = classifier.train(old.folder, tmp_path / "out", near_duplicates="ignore", **QUIET)
    assert found.metrics["test"]["n"] > 30


def test_what_is_reported_is_kept(invented, tmp_path):
    found = classifier.train(invented.folder, tmp_path / "out", near_duplicates="report", **QUIET).metrics
    assert found["photos"]["near_duplicates"]["n_pairs"] == 10 == len(found["photos"]["near_duplicates"]["pairs"])
    assert sum(sum(split.values()) for split in found["photos"]["counts"].values()) == 400
    assert any("10 near-duplicates across splits were kept" in note for note in found["notes"])


# ---- interrupted, and refused ----


_KILLED = """
import os, signal, sys
from tlbook import classifier
from tlbook.classifier import sharded_stages
sharded_stages.csv_text = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
classifier.train(sys.argv[1], sys.argv[2], progress=False, say=lambda line: None)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs SIGKILL")
def test_what_was_computed_before_it_was_killed_is_not_computed_again(invented, tmp_path, monkeypatch):
    out, said = tmp_path / "out", []
    done = subprocess.run([sys.executable, "-c", _KILLED, invented.folder, out], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out.unfinished"]
    monkeypatch.setattr(sharded, "near_duplicates", lambda *_: pytest.fail("computed again"))
    monkeypatch.setattr(sharded_stages.ShardStages, "_fit", lambda *_: pytest.fail("computed again"))
    result = classifier.train(invented.folder, out, progress=False, say=said.append)
    assert said[0] == "going on from out.unfinished" and [path.name for path in tmp_path.iterdir()] == ["out"]
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    said.clear()
    assert classifier.train(invented.folder, out, progress=False, say=said.append).metrics == result.metrics
    assert said == [f"{out} holds the result of this command already"]


def changed(found: Shards, column: str, value, where=lambda row: True) -> None:
    """Put another value into a column of all tables, where the row is as asked."""
    for shard in range(found.shards):
        table = pq.read_table(found.table_path(shard))
        rows = [{**row, column: value} if where(row) else row for row in table.to_pylist()]
        pq.write_table(pa.Table.from_pylist(rows, table.schema), found.table_path(shard))


def about(found: Shards, **values) -> None:
    path = found.folder / "shards.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


SPOILED = {
    "a shard is missing": (
        lambda s: s.table_path(2).unlink(),
        "1 of the 4 shards of .* missing or damaged .shard 2: .*again",
    ),
    "a byte is wrong": (
        lambda s: s.array_path(1).write_bytes(s.array_path(1).read_bytes()[:-1] + b"!"),
        "1 of the 4 shards .* .shard 1: shard-00001.npy is damaged",
    ),
    "it was begun": (lambda s: (s.folder / "shards.json").unlink(), "it was begun: give the same command again"),
    "no classes": (
        lambda s: about(s, class_names=[]),
        "none of its photos has a class: two classes or more are needed",
    ),
    "one class": (lambda s: about(s, class_names=["only"]), "all photos are only: two classes or more"),
    "a photo without a class": (
        lambda s: changed(s, "label", -1, lambda row: row["path"].endswith("0003-000007.jpg")),
        "1 photos of .* have no class .class ./0003-000007.jpg, for one.: leave them out",
    ),
    "no test photos": (
        lambda s: changed(s, "split", "train", lambda row: row["split"] == "test"),
        "no photo of .* is in its test split",
    ),
    "no photo of a class to train on": (
        lambda s: changed(s, "split", "test", lambda row: row["label"] == 1),
        "class 'class 1' of .* has no photo to train on",
    ),
    "other weights": (lambda s: about(s, fingerprint="0" * 64), "made with another fingerprint"),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_shards_that_cannot_be_trained_on(spoiled, tmp_path, kind):
    harm, words = SPOILED[kind]
    harm(spoiled)
    with pytest.raises(InputError, match=words) as caught:
        classifier.train(spoiled.folder, tmp_path / "out", **QUIET)
    assert "\n" not in str(caught.value) and not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strategy": "top"}, "--strategy top takes photos, and .* holds features"),
        ({"strategy": "lp-ft"}, "--strategy lp-ft takes photos"),
        ({"labels": "rows.csv"}, "--labels cannot be given for shards"),
        ({"test": "other"}, "--test cannot be given for shards"),
        ({"group_by": "(a)"}, "--group-by cannot be given for shards"),
        ({"input_size": 64}, "--input-size cannot be given for shards"),
        ({"backbone": "sketchnet"}, "holds features of zoo_width_50, not of sketchnet: leave --backbone out"),
        ({"photos": "."}, "--photos .* does not hold the photos of .* as they were .class"),
        ({"photos": "no-such-folder"}, "there is no folder or file no-such-folder"),
    ],
)
def test_options_that_mean_nothing_here(invented, tmp_path, monkeypatch, options, words):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(InputError, match=words):
        classifier.train(invented.folder, tmp_path / "out", **QUIET, **options)
    assert not list(tmp_path.glob("out*"))


def test_photos_are_for_shards_alone(photos, tmp_path):
    with pytest.raises(InputError, match=r"--photos is for shards, and .* holds none .there is no shards\.json."):
        classifier.train(photos, tmp_path / "out", photos=photos, **OPTIONS)


def test_the_command(invented, tmp_path, capsys):
    assert cli.main(["train", str(invented.folder), "--out", str(tmp_path / "out"), "--class-weight", "balanced"]) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == str(tmp_path / "out")
    assert "400 photos of 3 classes" in shown.err
    assert "10 near-duplicates across splits left out" in shown.err
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Shards hold no photos: give the command below with --photos SOURCE and --force" in page
    assert cli.main(["train", str(invented.folder), "--out", str(tmp_path / "x"), "--strategy", "top"]) == 2
    assert "holds features" in capsys.readouterr().err
