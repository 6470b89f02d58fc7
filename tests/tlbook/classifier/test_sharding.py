"""``tlbook features``: the same shards however they came about, and nothing but whole ones of this backbone is ever used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tlbook.classifier.folders import class_folders, data, picture, spoil
from tlbook import backbones, classifier, cli, datasets, features
from tlbook.classifier import InputError
from tlbook.features import BadShard
from tlbook.features import shards as parts

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("webdataset")
pytest.importorskip("onnxruntime")

SIZE = 64
OPTIONS = {"backbone": "sketchnet", "input_size": SIZE, "progress": False, "say": lambda line: None}
WORDS = ["--backbone", "sketchnet", "--input-size", str(SIZE)]
N = 5
HERE = Path(__file__).parent


def contents(folder: Path) -> dict[str, bytes]:
    """All files but hidden ones."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.startswith(".")}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root = class_folders(tmp_path_factory.mktemp("photos") / "photos", n=18)
    (root / "cat" / "torn.jpg").write_bytes(data(picture(900, side=200), "JPEG")[:-2000])
    (root / "dog" / "empty.png").write_bytes(b"")
    (root / "dog" / "words.png").write_bytes(b"no picture")
    return root


@pytest.fixture(scope="module")
def made(photos, tmp_path_factory):
    """All shards by one process, in order."""
    return classifier.features(photos, tmp_path_factory.mktemp("made") / "out", shards=N, **OPTIONS)


@pytest.fixture
def copied(made, tmp_path):
    """A copy of these shards, to be spoiled."""
    shutil.copytree(made.folder, tmp_path / "out")
    return classifier.read_shards(tmp_path / "out")


# ---- what is in them ----


def test_the_manifest_lists_every_photo_once(photos, made):
    assert sorted(contents(made.folder)) == sorted(
        ["manifest.parquet", "shards.json", *(f"shard-0000{i}.{end}" for i in range(N) for end in ("npy", "parquet"))]
    )
    table = pq.read_table(made.folder / "manifest.parquet")
    assert table.schema.names == ["path", "label", "split", "sha256", "shard", "row", "reason"]
    rows = table.to_pylist()
    assert [row["path"] for row in rows] == sorted(
        path.relative_to(photos).as_posix() for path in photos.rglob("*") if path.is_file()
    )
    assert made.n == len(rows) == 39 and made.shards == N and made.class_names == ("cat", "dog")
    assert [row["row"] for row in rows] == [i for shard in range(N) for i in range(made.rows_of(shard))]
    assert [row["shard"] for row in rows] == [shard for shard in range(N) for _ in range(made.rows_of(shard))]
    for row in rows:
        assert row["label"] == made.class_names.index(row["path"].split("/")[0])
        assert bool(row["reason"]) == (row["path"] == "dog/empty.png") == (row["split"] == "")


def test_the_features_are_those_of_extract(photos, made, tmp_path):
    backbone = backbones.load("sketchnet", input_size=SIZE)
    exact = classifier.features(photos, tmp_path / "exact", shards=2, dtype="float32", **OPTIONS)
    for found in (exact, made):
        rows = [row for i in range(found.shards) for row in pq.read_table(found.table_path(i)).to_pylist()]
        good = [row for row in rows if not row["reason"]]
        split = datasets.Split("all", [photos / row["path"] for row in good], [0] * len(good), ("any",))
        expected = features.extract(backbone, split, cache=False, progress=False, engine="onnxruntime")
        got = np.concatenate([np.load(found.array_path(i)) for i in range(found.shards)])
        assert got.dtype == found.dtype and got.shape == (36, backbone.feature_dim)
        np.testing.assert_array_equal(got, expected.astype(found.dtype))
        assert [row["row"] for row in rows if not row["reason"]] == [
            i for shard in range(found.shards) for i in range(len(np.load(found.array_path(shard))))
        ]
        assert {row["row"] for row in rows if row["reason"]} == {-1}


def test_a_split_is_read_by_memory_map(made):
    counted = 0
    for split in ("train", "validation", "test"):
        for i, part in enumerate(made.open(split)):
            rows = [
                row
                for row in pq.read_table(made.table_path(i)).to_pylist()
                if row["split"] == split and row["row"] >= 0
            ]
            assert isinstance(part.features, np.memmap) and part.features.flags.c_contiguous
            assert part.rows.tolist() == [row["row"] for row in rows]
            assert part.labels.tolist() == [row["label"] for row in rows]
            counted += len(part)
    assert counted == sum(map(len, made.open())) == 36
    with pytest.raises(ValueError, match="split='all': give 'train', 'validation' or 'test'"):
        made.open("all")


def test_a_broken_photo_has_its_reason(made):
    count, findings = made.left_out()
    reasons = {one.path: one.reason for one in findings}
    assert count == 3 and set(reasons) == {"cat/torn.jpg", "dog/empty.png", "dog/words.png"}
    assert "truncated" in reasons["cat/torn.jpg"] and reasons["dog/empty.png"] == "empty file (0 bytes)"
    assert made.left_out(1)[0] == 3 and len(made.left_out(1)[1]) == 1


def test_odd_files_are_left_out_and_converted_as_by_load(tmp_path):
    root = class_folders(tmp_path / "photos", n=8)
    spoil(root)
    (root / "cat" / os.fsdecode(b"caf\xe9.png")).unlink()
    rng = np.random.default_rng(0)  # 12 bits, with whose white all are scaled
    (root / "cat" / "deep.png").unlink()
    for i in range(2):
        deep = rng.integers(0, 2**12, (40, 40), np.uint16)
        (root / "dog" / f"deep{i}.png").write_bytes(data(Image.fromarray(deep), "PNG"))
    found = classifier.features(root, tmp_path / "out", dtype="float32", **OPTIONS)
    with pytest.warns(datasets.LeftOutWarning):
        loaded = datasets.load(root, progress=False)
    assert found.white == loaded.train.white == 4095
    count, findings = found.left_out(100)
    assert {(one.path, one.reason) for one in findings} == {(one.path, one.reason) for one in loaded.left_out.files}
    assert count == len(loaded.left_out)
    x = {}
    for split in loaded.splits.values():
        extracted = features.extract(
            backbones.load("sketchnet", input_size=SIZE), split, cache=False, progress=False, engine="onnxruntime"
        )
        x |= dict(zip((path.relative_to(root).as_posix() for path in split.paths), extracted, strict=True))
    rows = [row for row in pq.read_table(found.table_path(0)).to_pylist() if row["row"] >= 0]
    got = np.load(found.array_path(0))
    assert {row["path"] for row in rows} == set(x)
    for row in rows:
        np.testing.assert_array_equal(got[row["row"]], x[row["path"]])


def test_numbers_too_large_for_float16_are_refused(photos, made, tmp_path, monkeypatch):
    monkeypatch.setattr(
        parts, "_network", lambda *given: ("onnxruntime", lambda batch: np.full((1, 128), 1e6, np.float32))
    )
    with pytest.raises(InputError, match="too large for float16: name another folder, with float32"):
        classifier.features(photos, tmp_path / "out", **OPTIONS)
    assert not list((tmp_path / "out").glob("shard-*"))


def test_keras_gives_the_same_in_batches(photos, made, tmp_path, monkeypatch):
    """Where ONNX Runtime is not, or a GPU is: photos that are left out stay at their places between two batches."""
    from tlbook.features import engines

    monkeypatch.setattr(engines, "missing_packages", lambda: ["onnxruntime"])
    monkeypatch.setitem(engines.BATCHES, "keras", 4)
    parts._network.cache_clear()
    try:
        found = classifier.features(photos, tmp_path / "out", shards=N, **OPTIONS)
    finally:
        parts._network.cache_clear()
    for one, other in zip(found.open(), made.open(), strict=True):
        np.testing.assert_allclose(one.features.astype(float), other.features.astype(float), atol=2e-3)
        assert (one.rows == other.rows).all()
    assert found.left_out() == made.left_out()


# ---- however they came about ----


ORDERS = {"forwards": range(N), "backwards": range(N - 1, -1, -1), "two, then what is missing": (3, 0, None)}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_one_by_one_in_any_order_and_what_is_missing(photos, made, tmp_path, order):
    for shard in order:
        classifier.features(photos, tmp_path / "out", shards=N, shard=shard, **OPTIONS)
    assert contents(tmp_path / "out") == contents(made.folder)


def test_what_is_there_is_not_computed_again(photos, copied, monkeypatch):
    copied.table_path(3).unlink()
    computed = []
    passed = parts._passed

    def counted(found, source, shard, threads):
        computed.append(shard)
        return passed(found, source, shard, threads)

    monkeypatch.setattr(parts, "_passed", counted)
    before = copied.array_path(2).stat().st_mtime_ns
    found = classifier.features(photos, copied.folder, **OPTIONS)
    assert computed == [3] and not found.missing() and copied.array_path(2).stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["photos.csv", "photos.parquet", "photos.tar"])
def test_the_same_features_from_a_table_and_a_tar_file(photos, made, tmp_path, name):
    import webdataset

    root = tmp_path / "photos"
    shutil.copytree(photos, root)
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    names, labels = [path.relative_to(root).as_posix() for path in paths], [path.parent.name for path in paths]
    if name.endswith(".csv"):
        (root / name).write_text("file,label\n" + "".join(f"{a},{b}\n" for a, b in zip(names, labels, strict=True)))
    elif name.endswith(".parquet"):
        pq.write_table(pa.table({"file": names, "label": labels}), root / name)
    else:
        with webdataset.TarWriter(str(root / name)) as writer:
            for path, label in zip(paths, labels, strict=True):
                key = path.relative_to(root).with_suffix("").as_posix()
                writer.write({"__key__": key, path.suffix[1:]: path.read_bytes(), "cls": label.encode()})
    found = classifier.features(root / name, tmp_path / "out", shards=N, **OPTIONS)
    assert found.class_names == ("cat", "dog")
    for one, other in zip(found.open(), made.open(), strict=True):
        np.testing.assert_array_equal(one.features, other.features)
        assert (one.labels == other.labels).all()
    assert [one.reason for one in found.left_out()[1]] == [one.reason for one in made.left_out()[1]]


def process(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tlbook.cli", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_on_the_same_shard_at_once(photos, made, tmp_path):
    running = [
        process("features", photos, "--out", tmp_path / "out", "--shards", N, "--shard", 1, *WORDS) for _ in range(2)
    ]
    for one in running:
        said = one.communicate(timeout=300)
        assert one.returncode == 0, said
    whole = contents(made.folder)
    assert contents(tmp_path / "out") == {
        name: whole[name] for name in ("manifest.parquet", "shards.json", "shard-00001.npy", "shard-00001.parquet")
    }


# ---- killed ----

_KILLED = """
import json, os, shutil, signal, sys
from pathlib import Path

from tests.tlbook.classifier import test_sharding as tests
from tlbook.classifier import features

photos, expected, work, moments = Path(sys.argv[1]), tests.contents(Path(sys.argv[2])), Path(sys.argv[3]), sys.argv[4]

def run(out, moment):
    '''Compute in a child that kills itself at the moment-th time that it touches a file of the folder.'''
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1], out
    seen = 0

    def count(event, given):
        nonlocal seen
        if given and isinstance(given[0], (str, bytes, os.PathLike)) and os.fsdecode(given[0]).startswith(str(out)):
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    features(photos, out, shards=tests.N, **tests.OPTIONS)
    (work / "events").write_text(str(seen))
    os._exit(0)

def fresh():
    shutil.rmtree(work / "out", ignore_errors=True)
    return work / "out"

assert run(fresh(), 0)[0] == 0
assert tests.contents(work / "out") == expected
events = int((work / "events").read_text())
chosen = [1 + events * i // int(moments) for i in range(int(moments))]
done = 0
for moment in chosen:
    out = fresh()
    status, _ = run(out, moment)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (moment, status)
    left = tests.contents(out) if out.is_dir() else {}
    for name, body in left.items():  # whole and right, or plainly unfinished
        assert name.endswith(".part") or expected[name] == body, (moment, name)
    assert run(out, 0)[0] == 0, moment
    assert tests.contents(out) == expected, moment
    assert not [path.name for path in out.iterdir() if path.name.startswith(".")], moment
    done += 1
print(json.dumps([events, done]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals of POSIX")
@pytest.mark.parametrize("moments", ["4", pytest.param("20", marks=pytest.mark.thorough)])
def test_killed_at_any_moment_it_goes_on_to_the_same_shards(photos, made, tmp_path, moments):
    (tmp_path / "work").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, photos, made.folder, tmp_path / "work", moments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    events, killed = json.loads(done.stdout.splitlines()[-1])
    assert events > 40 and killed == int(moments)


# ---- Dask ----


def test_two_workers_of_which_one_is_killed(photos, made, tmp_path):
    distributed = pytest.importorskip("distributed")
    out = tmp_path / "out"
    killed = []

    def kill(pids):
        """End a worker as soon as there is a shard, of which there are more to come."""
        while not list(out.glob("shard-*.parquet")):
            time.sleep(0.005)
        os.kill(pids[0], 9)
        killed.append(len(list(out.glob("shard-*.parquet"))))

    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        pids = list(client.run(os.getpid).values())
        thread = threading.Thread(target=kill, args=(pids,), daemon=True)
        thread.start()
        found = classifier.features(photos, out, shards=N, scheduler=cluster.scheduler_address, **OPTIONS)
        thread.join(10)
    assert killed and killed[0] < N, "it was killed while there was work left"
    assert not found.missing() and contents(out) == contents(made.folder)


def test_processes_of_this_machine(photos, made, tmp_path):
    pytest.importorskip("distributed")
    changed = photos / "cat" / "000.png"
    body = changed.read_bytes()
    out = tmp_path / "out"
    classifier.features(photos, out, shards=N, shard=4, **OPTIONS)
    try:
        changed.write_bytes(data(picture(0).rotate(90), "PNG"))
        with pytest.raises(InputError, match=r"shard 0 of .* cat/000.png was changed since the manifest was written$"):
            classifier.features(photos, out, scheduler="local:2", **OPTIONS)
    finally:
        changed.write_bytes(body)
    assert sorted(classifier.read_shards(out).missing()) == [0], "the others were computed"


def test_processes_of_this_machine_keep_freed_memory(monkeypatch):
    """With Dask's own setting images are mapped anew for each photo, which took a third more processor time."""
    pytest.importorskip("distributed")
    from tlbook.features import cluster

    names = ("MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    with cluster._client("local:1") as client:
        (found,) = client.run(lambda: {name: os.environ.get(name) for name in names}).values()
    assert found == {"MALLOC_TRIM_THRESHOLD_": None, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    assert not os.environ.keys() & set(names), "what Dask set for its processes holds for no other"


@pytest.mark.parametrize("address", ["local:0", "local:two", "local:"])
def test_a_number_of_processes_that_is_none(photos, copied, address):
    pytest.importorskip("distributed")
    with pytest.raises(InputError, match=r"scheduler=local:N, N=.*: give a whole number of processes, 1 or more"):
        classifier.features(photos, copied.folder, scheduler=address, **OPTIONS)


def test_no_scheduler_answers(photos, copied, monkeypatch):
    pytest.importorskip("distributed")
    from tlbook.features import cluster

    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"):
        classifier.features(photos, copied.folder, scheduler="tcp://127.0.0.1:9", **OPTIONS)


# ---- torn, foreign and mixed ----


def flip(path: Path, place: int) -> None:
    body = bytearray(path.read_bytes())
    body[place] ^= 0xFF
    path.write_bytes(bytes(body))


def cut(path: Path, n: int) -> None:
    path.write_bytes(path.read_bytes()[:-n])


TORN = {
    "a truncated array": (lambda s: cut(s.array_path(1), 100), "shard-00001.npy is damaged"),
    "an array of another length": (
        lambda s: shutil.copy(s.array_path(0), s.array_path(1)),
        "shard-00001.npy is damaged",
    ),
    "a flipped byte in the array": (lambda s: flip(s.array_path(1), 999), "shard-00001.npy is damaged, or belongs to"),
    "an empty array": (lambda s: s.array_path(1).write_bytes(b""), "shard-00001.npy is damaged"),
    "no array": (lambda s: s.array_path(1).unlink(), "shard-00001.npy is missing"),
    "a truncated table": (lambda s: cut(s.table_path(1), 100), "shard-00001.parquet is damaged"),
    "a flipped byte in the table": (lambda s: flip(s.table_path(1), 100), "shard-00001.parquet is damaged"),
    "an empty table": (lambda s: s.table_path(1).write_bytes(b""), "shard-00001.parquet is damaged"),
    "no table": (lambda s: s.table_path(1).unlink(), "shard-00001.parquet is missing"),
}


@pytest.mark.parametrize("kind", TORN)
def test_what_is_torn_is_refused_by_name_and_made_again(photos, made, copied, kind, capsys):
    spoil_it, words = TORN[kind]
    spoil_it(copied)
    with pytest.raises(BadShard, match=words):
        copied.open("train")
    assert list(copied.missing()) == [1]
    assert cli.main(["features", str(copied.folder), "--status"]) == 1
    assert words in capsys.readouterr().out
    classifier.features(photos, copied.folder, **OPTIONS)
    assert contents(copied.folder) == contents(made.folder)
    assert cli.main(["features", str(copied.folder), "--status"]) == 0


@pytest.fixture(scope="module")
def others(photos, tmp_path_factory):
    """Whole shards of the same photos made with something else."""
    root = tmp_path_factory.mktemp("others")
    fewer = shutil.copytree(photos, root / "fewer")
    (fewer / "cat" / "017.png").unlink()
    return {
        "input size": classifier.features(photos, root / "b", shards=N, **{**OPTIONS, "input_size": 32}),
        "dtype": classifier.features(photos, root / "c", shards=N, dtype="float32", **OPTIONS),
        "manifest sha256": classifier.features(fewer, root / "d", shards=N, **OPTIONS),
    }


def relabelled(path: Path, **values: str) -> None:
    """A shard whose table says that it was made with something else."""
    table = pq.read_table(path)
    said = {**table.schema.metadata, **{key.encode(): value.encode() for key, value in values.items()}}
    pq.write_table(table.replace_schema_metadata(said), path)


@pytest.mark.parametrize("what", ["input size", "dtype", "manifest sha256"])
def test_a_shard_of_another_folder_is_refused_by_name(photos, copied, others, what, capsys):
    for path in (others[what].array_path(1), others[what].table_path(1)):
        shutil.copy(path, copied.folder)
    before = contents(copied.folder)
    words = f"shard-00001.parquet was made with another {what} \\("
    for use in (copied.open, copied.missing, lambda: classifier.features(photos, copied.folder, **OPTIONS)):
        with pytest.raises(ValueError, match=words):
            use()
    assert cli.main(["features", str(copied.folder), "--status"]) == 2
    assert "shard-00001.parquet was made with another" in capsys.readouterr().err
    assert contents(copied.folder) == before, "it is nobody's to replace"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"backbone": "vgg16"}, "made with another backbone (vgg16, and out is for sketchnet)"),
        ({"fingerprint": "0" * 64}, "made with another fingerprint (000000000000, and out is for "),
        ({"shard": "2"}, "made with another shard (2, and out is for 1)"),
    ],
)
def test_a_shard_of_other_weights_or_another_number(photos, copied, said, words):
    relabelled(copied.table_path(1), **said)
    with pytest.raises(BadShard) as found:
        copied.open()
    assert f"shard-00001.parquet was {words}" in str(found.value)
    with pytest.raises(InputError, match=r"shard 1 of .* could not be computed"):
        classifier.features(photos, copied.folder, **OPTIONS)


def test_a_table_of_something_else(copied):
    pq.write_table(pa.table({"row": [0]}), copied.table_path(1))
    with pytest.raises(BadShard, match=r"shard-00001.parquet was not written by tlbook"):
        copied.open()


def test_a_changed_photo_is_told_and_the_shard_not_written(photos, made, tmp_path):
    root = Path(shutil.copytree(photos, tmp_path / "photos"))
    found = classifier.features(root, tmp_path / "out", shards=N, shard=0, **OPTIONS)
    (root / "dog" / "000.png").write_bytes((root / "dog" / "001.png").read_bytes())
    (root / "dog" / "017.png").unlink()
    with pytest.raises(
        InputError, match=r"dog/000.png was changed since .*, and 1 other shards could not be computed either"
    ):
        classifier.features(root, tmp_path / "out", **OPTIONS)
    last = classifier.read_shards(tmp_path / "out").shards - 1
    with pytest.raises(InputError, match=r"dog/017.png: no such file; it could be read when the manifest was written"):
        classifier.features(root, tmp_path / "out", shard=last, **OPTIONS)
    assert len(found.missing()) == 2
    for name in ("000.png", "017.png"):
        shutil.copy(photos / "dog" / name, root / "dog" / name)
    classifier.features(root, tmp_path / "out", **OPTIONS)
    assert contents(tmp_path / "out") == contents(made.folder)


# ---- the folder ----


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backbone": "mobilenet_075"}, "backbone (sketchnet, not mobilenet_075)"),
        ({"input_size": 32}, "input size (64, not 32)"),
        ({"dtype": "float32"}, "dtype (float16, not float32)"),
        ({"shards": 4}, "number of shards (5, not 4)"),
    ],
)
def test_a_folder_that_was_begun_with_something_else(photos, copied, options, words):
    if not backbones.info(options.get("backbone", "sketchnet")).available:
        pytest.skip("its weights are not here")
    with pytest.raises(InputError) as found:
        classifier.features(photos, copied.folder, **{**OPTIONS, **options})
    assert f"was begun with another {words}; give that, or name another folder" in str(found.value)


def test_auto_is_the_backbone_of_the_folder(photos, copied):
    copied.table_path(1).unlink()
    found = classifier.features(photos, copied.folder, progress=False, say=lambda line: None)
    assert (found.backbone, found.input_size, found.missing()) == ("sketchnet", SIZE, {})


def test_a_manifest_is_never_changed(photos, made, tmp_path):
    root = Path(shutil.copytree(photos, tmp_path / "photos"))
    classifier.features(root, tmp_path / "out", shards=N, shard=0, **OPTIONS)
    (root / "cat" / "new.png").write_bytes(data(picture(77), "PNG"))
    classifier.features(root, tmp_path / "out", **OPTIONS)
    assert contents(tmp_path / "out") == contents(made.folder)


def test_a_manifest_without_its_settings_is_gone_on_from(photos, made, copied):
    for path in copied.folder.iterdir():
        if path.name != "manifest.parquet":
            path.unlink()
    with pytest.raises(InputError, match=r"holds no shards \(there is no shards.json\); it was begun: give the same"):
        classifier.read_shards(copied.folder)
    with pytest.raises(InputError, match=r"another number of shards \(5, not 3\)"):
        classifier.features(photos, copied.folder, shards=3, **OPTIONS)
    classifier.features(photos, copied.folder, **OPTIONS)
    assert contents(copied.folder) == contents(made.folder)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda folder: flip(folder / "manifest.parquet", 500), "manifest.parquet is not the one that shards.json"),
        (lambda folder: (folder / "manifest.parquet").unlink(), "has no manifest.parquet"),
        (lambda folder: cut(folder / "shards.json", 50), "shards.json is damaged"),
        (lambda folder: (folder / "shards.json").write_text("[]"), "shards.json is damaged"),
    ],
)
def test_a_damaged_manifest_is_refused(photos, copied, harm, words):
    harm(copied.folder)
    for use in (classifier.read_shards, lambda folder: classifier.features(photos, folder, **OPTIONS)):
        with pytest.raises(InputError, match=words):
            use(copied.folder)


def test_a_folder_of_something_else(photos, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match=r"holds other files \(thesis.txt\): name a new folder"):
        classifier.features(photos, tmp_path / "out", **OPTIONS)
    assert contents(tmp_path / "out") == {"thesis.txt": b"years of work"}
    with pytest.raises(InputError, match="holds no shards"):
        classifier.read_shards(tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shards": 0}, "shards=0: give a whole number, 1 or more."),
        ({"shards": 2.5}, "shards=2.5: give a whole number, 1 or more."),
        ({"shards": 40}, "shards=40: give a whole number from 1 to 39, the photos."),
        ({"shard": -1}, "shard=-1: give a whole number, 0 or more."),
        ({"shards": 2, "shard": 2}, "shard=2: give a whole number from 0 to 1."),
        ({"dtype": "int8"}, "dtype='int8': give 'float16' or 'float32'."),
        ({"backbone": "resnet"}, "there is no backbone 'resnet'"),
        ({"input_size": 7}, "input_size=7: give a whole number of pixels, 32 or more"),
        ({"scheduler": "local:2", "shard": 0}, "takes all shards: leave shard out"),
    ],
)
def test_options_that_cannot_be_used(photos, tmp_path, options, words):
    with pytest.raises(InputError) as found:
        classifier.features(photos, tmp_path / "out", **{**OPTIONS, **options})
    assert words in str(found.value)


def test_photos_and_shards_lie_apart(photos):
    with pytest.raises(InputError, match="lies in the folder of the photos"):
        classifier.features(photos, photos / "out", **OPTIONS)
    with pytest.raises(InputError, match="no-photos"):
        classifier.features(photos.parent / "no-photos", photos.parent / "out", **OPTIONS)


def test_a_package_that_is_missing_is_named(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "missing_packages", lambda: ["pyarrow"])
    with pytest.raises(InputError, match=r"shards need the packages pyarrow: pip install 'tlbook\[shards\]'"):
        classifier.features(photos, tmp_path / "out", **OPTIONS)


# ---- the command ----


def test_the_command_and_its_status(photos, made, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--quiet", "features", str(photos), "--out", str(out), "--shards", str(N), *WORDS]
    assert cli.main([*arguments, "--shard", "2"]) == 0
    assert capsys.readouterr() == (f"{out}\n", "")
    assert cli.main(["features", str(out), "--status"]) == 1
    told = capsys.readouterr().out
    assert "39 photos in 5 shards, 2 classes; sketchnet, 64 px, 128 features, float16" in told
    assert "4 of 5 shards are missing or damaged:\n  0: shard-00000.parquet is missing" in told
    assert cli.main(arguments) == 0
    assert cli.main(["features", str(out), "--status"]) == 0
    told = capsys.readouterr().out
    assert "3 photos left out" in told and told.endswith("all shards are there and whole\n")
    assert contents(out) == contents(made.folder)
    assert cli.main([*arguments, "--shard", "5"]) == 2
    assert "shard=5: give a whole number from 0 to 4." in capsys.readouterr().err
    assert cli.main(["features", str(photos), "--status"]) == 2
    assert "holds no shards" in capsys.readouterr().err
    for words in (["features", str(photos)], ["features", str(photos), "--out", "x", "--status"]):
        with pytest.raises(SystemExit):
            cli.main(words)


def test_where_the_graph_is_kept_keras_is_not_imported(photos, made, tmp_path):
    code = f"import sys, tlbook.cli as c; r = c.main({['features', str(photos), '--out', str(tmp_path / 'out'), *WORDS]}); "
    code += "print(r, 'keras' in sys.modules, 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 False False"


_PEAK = """
import resource, sys
from pathlib import Path
from tests.tlbook.classifier.test_sharding import OPTIONS
from tlbook.classifier import features
features(Path(sys.argv[1]), Path(sys.argv[2]), shards=int(sys.argv[3]), **OPTIONS)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="of which the unit of memory is known")
def test_memory_does_not_grow_with_the_number_of_photos(made, tmp_path):
    peaks = []
    for n in (500, 10_000):
        root = tmp_path / str(n)
        for kind, name in enumerate(("cat", "dog")):
            (root / name).mkdir(parents=True)
            for i in range(n // 2):
                picture(i, kind, side=SIZE).save(root / name / f"{i:05}.bmp")
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, root, tmp_path / f"out{n}", "1"], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout) / 1024)
    few, many = peaks
    assert many < few + 60, peaks  # MiB
