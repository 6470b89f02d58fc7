"""The frozen releases: their files, their records, and what their factors give away."""

import csv
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlbook import datasets, sketches
from tlbook.sketches import FACTORS, RELEASE, Choice, cues, parse

DATA = Path(sketches.__file__).resolve().parents[1] / "data"
SIZES = {"train": 240, "validation": 200, "test": 1000}
SECOND = "sketches-2"  # test drawings alone
SECOND_SIZE = 450
RELEASES = {RELEASE: SIZES, SECOND: {"test": SECOND_SIZE}}
# Random words about seeds and places; the species itself; what the scene's chance decides.
NOT_CUES = {"species", "fur_seed", "scene_seed", "noise_seed", "chance"}
BEST_SINGLE_FACTOR = 0.88


@pytest.fixture(scope="module")
def script():
    from tools.data import make_sketches

    return make_sketches


@pytest.fixture(scope="module", params=RELEASES)
def release(request):
    with zipfile.ZipFile(DATA / f"{request.param}.zip") as opened:
        yield request.param, opened


@pytest.fixture(scope="module")
def archive():
    with zipfile.ZipFile(DATA / f"{RELEASE}.zip") as opened:
        yield opened


def table(split):
    records = sketches.release_factors(split)
    return records, np.array([r.species == "dog" for r in records], dtype=int)


# ---- files ----


def second():
    """Records of the second release."""
    with zipfile.ZipFile(DATA / f"{SECOND}.zip") as opened:
        return [parse(row) for row in csv.DictReader(io.StringIO(opened.read("factors.csv").decode("ascii")))]


def test_archive_fits_and_every_file_is_in_the_manifest(release):
    name, archive = release
    path = DATA / f"{name}.zip"
    assert path.stat().st_size <= {RELEASE: 8_000_000, SECOND: 1_550_000}[name]
    listed = sketches.read_manifest((DATA / f"{name}.sha256").read_text("ascii"))
    assert listed.pop(path.name) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert set(listed) == set(archive.namelist())
    for name, digest in listed.items():
        assert hashlib.sha256(archive.read(name)).hexdigest() == digest


def test_layout_and_sizes(release):
    sizes, archive = RELEASES[release[0]], release[1]
    names = [name for name in archive.namelist() if name != "factors.csv"]
    for split, size in sizes.items():
        for species in ("cat", "dog"):
            wanted = [f"{split}/{species}/{i:04d}.jpg" for i in range(size // 2)]
            assert [n for n in names if n.startswith(f"{split}/{species}/")] == wanted
    assert len(names) == sum(sizes.values())
    picture = Image.open(io.BytesIO(archive.read(names[0])))
    assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (96, 96))


def test_no_drawing_is_in_two_places():
    seen = [record for split in SIZES for record in sketches.release_factors(split)] + second()
    assert len(seen) == sum(SIZES.values()) + SECOND_SIZE
    assert len(set(seen)) == len(seen)
    assert len({r.fur_seed for r in seen}) == len(seen)


def test_no_two_files_show_the_same_picture():
    loaded = [split for name in ("sketches", SECOND) for split in datasets.load(name).splits.values()]
    hashes = [each for split in loaded for each in split.hashes]
    assert len(set(hashes)) == len(hashes) == sum(SIZES.values()) + SECOND_SIZE


def test_the_second_release_is_loaded_as_a_test_set_with_its_factors():
    data = datasets.load(SECOND)
    assert [len(split) for split in data.splits.values()] == [0, 0, SECOND_SIZE]
    assert data.class_names == datasets.load("sketches").class_names == ("cat", "dog")
    assert np.bincount(data.test.labels).tolist() == [SECOND_SIZE // 2] * 2
    assert [parse(row) for row in data.test.factors] == second()
    assert data.test.take(2).images(96).shape == (2, 96, 96, 3)


def test_both_test_sets_come_from_the_same_distributions():
    """Kolmogorov-Smirnov for numbers, chi-square for words; the level is shared among the factors (Bonferroni)."""
    stats = pytest.importorskip("scipy.stats")
    first, other = sketches.release_factors("test"), second()
    p_values = {}
    for name, spec in FACTORS.items():
        a, b = [r[name] for r in first], [r[name] for r in other]
        if isinstance(spec, Choice):
            words = sorted({*a, *b})
            counts = [[each.count(word) for word in words] for each in (a, b)]
            p_values[name] = stats.chi2_contingency(counts).pvalue if len(words) > 1 else 1.0
        else:
            p_values[name] = stats.ks_2samp(a, b).pvalue
    assert min(p_values.values()) > 0.05 / len(p_values), min(p_values, key=p_values.get)


def test_records_name_every_factor(release):
    archive = release[1]
    rows = list(csv.DictReader(io.StringIO(archive.read("factors.csv").decode("ascii"))))
    assert list(rows[0]) == ["file", *FACTORS]
    assert [row["file"] for row in rows] == archive.namelist()[1:]
    for row in rows:
        assert row["file"].split("/")[1] == row["species"]


@pytest.mark.parametrize(("name", "split"), [(name, split) for name, sizes in RELEASES.items() for split in sizes])
def test_drawing_again_gives_the_shipped_pictures(name, split):
    records = sketches.release_factors(split) if name == RELEASE else second()
    archive = zipfile.ZipFile(DATA / f"{name}.zip")
    names = [n for n in archive.namelist() if n.startswith(f"{split}/")]
    for k in np.linspace(0, len(names) - 1, 12).astype(int):
        shipped = np.asarray(Image.open(io.BytesIO(archive.read(names[k]))), dtype=float)
        drawn = sketches.render(records[k]).image
        buffer = io.BytesIO()
        Image.fromarray(drawn).save(buffer, "JPEG", quality=85)
        again = np.asarray(Image.open(buffer), dtype=float)
        assert np.abs(shipped - again).mean() < 2, names[k]


def test_release_set_is_paired_with_its_shifted_version(monkeypatch):
    # All of the test split would take seconds: its records are enough of a sample.
    full = sketches.release_factors("validation")
    assert [r.species for r in full] == ["cat"] * 100 + ["dog"] * 100
    from tlbook.sketches import sets

    monkeypatch.setattr(sets, "release_factors", lambda split: full[95:105])
    plain = sketches.release_set("validation", progress=True)
    shifted = sketches.release_set("validation", shift=sketches.small(0.5), size=48)
    assert plain.labels.tolist() == shifted.labels.tolist() == [0] * 5 + [1] * 5
    assert plain.class_names == ("cat", "dog")
    assert shifted.images.shape == (10, 48, 48, 3)
    for before, after in zip(plain.factors, shifted.factors, strict=True):
        assert before.replace(scale=after.scale) == after
        assert after.scale < before.scale


def test_bad_split_and_damaged_archive_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="split='dev': give 'train', 'validation' or 'test'"):
        sketches.release_factors("dev")
    from tlbook.sketches import sets

    read = sets._package_file
    monkeypatch.setattr(sets, "_package_file", lambda n: read(n) + (b"!" if n.endswith(".zip") else b""))
    with pytest.raises(ValueError, match="not the file named"):
        sketches.release_factors("train")


# ---- what the factors give away ----


def test_no_single_factor_separates_cat_and_dog():
    scores = cues.single_cue_accuracy(table("train")[0], table("test")[0])
    assert set(scores) == set(FACTORS) - NOT_CUES
    best = next(iter(scores))
    assert scores[best] == max(scores.values())
    assert scores[best] < BEST_SINGLE_FACTOR, (best, scores[best])
    assert scores["ear_kind"] < 0.8
    assert max(scores[name] for name in ("fur_colour", "background", "collar_hue", "angle", "scale")) < 0.6
    # Many factors tell something, so that the class shows in all of them together.
    assert sum(score > 0.65 for score in scores.values()) >= 12


def test_all_factors_together_do():
    assert cues.all_cues_accuracy(table("train")[0], table("test")[0]) > 0.95


@pytest.mark.parametrize("name", [n for n, s in FACTORS.items() if isinstance(s, Choice) and n != "species"])
def test_every_word_that_one_class_uses_often_the_other_uses_too(name):
    records, labels = table("test")
    for word in FACTORS[name].choices:
        of = [int(label) for record, label in zip(records, labels, strict=True) if record[name] == word]
        if len(of) >= 50:
            assert 0.04 < np.mean(of) < 0.96, (name, word)


# ---- the script that makes it ----


def test_the_script_makes_the_same_records(script, release):
    name, archive = release
    assert script.factors_csv(script.release_records(name)) == archive.read("factors.csv")
    per_class = script.RELEASES[name]["per_class"]
    assert {split: 2 * n for split, n in per_class.items()} == RELEASES[name]


def test_the_releases_have_seeds_of_their_own(script):
    seeds = [
        one["seed"] + sketches.SPLITS.index(split) for one in script.RELEASES.values() for split in one["per_class"]
    ]
    assert len(set(seeds)) == len(seeds) == 4


def test_the_script_notices_every_kind_of_difference(script, archive, tmp_path):
    shipped = {name: archive.read(name) for name in archive.namelist()[:4]}
    names = list(shipped)

    def packed(members):
        path = tmp_path / "other.zip"
        with zipfile.ZipFile(path, "w") as made:
            for name, blob in members.items():
                made.writestr(name, blob)
        return path

    assert script.compare(shipped, packed(shipped)) == []
    picture = Image.open(io.BytesIO(shipped[names[1]]))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    assert script.compare(shipped, packed(shipped | {names[1]: buffer.getvalue()})) == []
    swapped = shipped | {names[1]: shipped[names[2]]}
    assert "pixels differ" in script.compare(shipped, packed(swapped))[0]
    assert script.compare(shipped, packed(shipped | {"factors.csv": b"file\n"})) == ["factors.csv: the records differ"]
    fewer = {name: shipped[name] for name in names[:-1]}
    assert "missing in the shipped" in script.compare(shipped, packed(fewer))[0]
    assert "only in the shipped" in script.compare(fewer, packed(shipped))[0]


def test_the_script_writes_whole_files_and_says_what_it_found(script, tmp_path, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["make_sketches.py", *arguments])
        return script.main(), capsys.readouterr().out

    small = {
        "sketches-1": {"seed": 5, "per_class": {"train": 2, "validation": 1, "test": 1}},
        "sketches-2": {"seed": 9, "per_class": {"test": 2}},
    }
    monkeypatch.setattr(script, "DATA", tmp_path)
    monkeypatch.setattr(script, "RELEASES", small)
    status, said = run("--workers", "1")
    assert status == 1 and said.count("no shipped release") == 2
    assert [run("--workers", "1", "--write", name)[0] for name in small] == [0, 0]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"{name}.{end}" for name in small for end in ("sha256", "zip")
    ]
    status, said = run("--workers", "1")
    assert status == 0
    assert "sketches-1: same, byte for byte: 8 drawings" in said and "sketches-2: same, byte for byte: 4" in said
    monkeypatch.setitem(small["sketches-2"], "seed", 10)
    status, said = run("--workers", "1")
    assert status == 1
    assert "sketches-1: same" in said and "sketches-2: different: 5 of 5 files" in said
    with (tmp_path / "sketches-1.zip").open("ab") as file:
        file.write(b"!")
    status, said = run("--workers", "1")
    assert status == 1
    assert "sketches-1: the shipped archive is not the one in its manifest" in said
