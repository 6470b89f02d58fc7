"""A CSV of photos: what it may look like, and one clear sentence for each way in which it may not."""

import re

import numpy as np
import pytest
from PIL import Image

from tlbook.datasets.grouping import groups_of
from tlbook.datasets.stratified import stratify
from tlbook.datasets.tabled import load_table, measured_on
from tlbook.datasets.tables import read_table

pytestmark = pytest.mark.filterwarnings("ignore::tlbook.datasets.LeftOutWarning")

SHARES = (0.6, 0.2, 0.2)


def picture(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(number)
    Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8)).save(path)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Twelve photos, two of which are in folders, and two with the same name."""
    root = tmp_path_factory.mktemp("photos")
    for i in range(10):
        picture(root / f"{i}.png", i)
    picture(root / "a" / "same.png", 10)
    picture(root / "b" / "same.png", 11)
    return root


@pytest.fixture
def table(tmp_path, root):
    def read(text, encoding="utf-8", **options):
        path = tmp_path / "labels.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return read_table(path, root, **options)

    return read


def lines(*rows):
    return "\n".join(rows) + "\n"


WORDS = lines("file,breed", "0.png,pug", "1.png,beagle", "2.png,pug")
MANY = lines("file,hat,collar", *(f"{i}.png,{i % 2},{int(i < 5)}" for i in range(10)))
NUMBERS = lines("file,x", *(f"{i}.png,{i / 7:.3f}" for i in range(10)))


def test_columns_decide_what_is_predicted(table):
    assert (table(WORDS).task, table(WORDS).columns) == ("classes", ("breed",))
    assert (table(MANY).task, table(MANY).columns) == ("labels", ("hat", "collar"))
    assert (table(NUMBERS).task, table(NUMBERS).columns) == ("numbers", ("x",))
    assert table(MANY).rows["3.png"].values == (1.0, 1.0)
    assert set(table(WORDS).unnamed) == {*(f"{i}.png" for i in range(3, 10)), "a/same.png", "b/same.png"}


def test_columns_can_be_chosen(table):
    text = lines("image,breed,age,weight", "0.png,pug,1,3.5", "1.png,beagle,2,4.5")
    assert table(text, columns=["age", "weight"]).task == "numbers"
    assert table(text, columns=["breed"]).rows["1.png"].values == ("beagle",)


def test_truth_values_of_a_data_frame_are_labels(table):
    found = table(lines("file,hat,collar", "0.png,True,False", "1.png,False,True"))
    assert found.task == "labels" and found.rows["0.png"].values == (1.0, 0.0)


@pytest.mark.parametrize(
    ("change", "encoding"),
    [
        (lambda text: text, "utf-8-sig"),
        (lambda text: text.replace(",", ";"), "utf-8"),
        (lambda text: text.replace(",", "\t"), "utf-16"),
        (lambda text: "sep=;\r\n" + text.replace(",", ";"), "utf-8-sig"),
        (lambda text: text.replace("\n", "\r\n"), "utf-8"),
        (lambda text: text.replace("\n", ",\n"), "utf-8"),  # a delimiter at the end of each line
        (lambda text: text + "\n,\n", "utf-8"),  # empty rows
    ],
    ids=["mark", "semicolons", "tabs in UTF-16", "sep=", "CRLF", "trailing comma", "empty rows"],
)
def test_what_excel_writes_is_read(table, change, encoding):
    assert table(change(WORDS), encoding).rows == table(WORDS).rows


def test_names_are_found_below_the_folder(table, root):
    picture(root / "c" / "only.png", 12)
    found = table(lines("file,breed", "only.png,pug", "a\\same.png,beagle", "./b/same.png,pug", f"{root}/0.png,pug"))
    assert sorted(found.rows) == ["0.png", "a/same.png", "b/same.png", "c/only.png"]
    (root / "c" / "only.png").unlink()


def test_a_row_that_is_repeated_counts_once(table):
    found = table(WORDS + "0.png,pug\n")
    assert (len(found.rows), found.repeated) == (3, 1)


BAD = {
    "an unknown photo": (WORDS + "nine.png,pug\n", "line 5: there is no photo 'nine.png'"),
    "relative to another folder": (WORDS + "photos/3.png,pug\n", "did you mean '3.png'? Paths are relative to that folder"),
    "two photos of that name": (WORDS + "same.png,pug\n", "'same.png' is a/same.png, b/same.png"),
    "out of the folder": (WORDS + "../0.png,pug\n", "leads out of the folder"),
    "an absolute path": (WORDS + "/etc/hostname,pug\n", "leads out of the folder"),
    "a contradiction": (WORDS + "0.png,beagle\n", "lines 2 and 5 contradict each other about 0.png"),
    "no value": (WORDS + "3.png,\n", "line 5: the column 'breed' has no value"),
    "NaN": (NUMBERS + "a/same.png,NaN\n", "line 12: the column 'x' has no value"),
    "infinite": (NUMBERS + "a/same.png,1e999\n", "'1e999' in the column 'x' is not a number"),
    "a word among numbers": (NUMBERS + "a/same.png,unknown\n", "line 12: 'unknown' in the column 'x' is not a number"),
    "a decimal comma": (NUMBERS.replace(",", ";").replace("0.143", "0,143"), "write 0.143"),
    "a decimal comma that splits": (NUMBERS.replace("0.143", "0,143"), "3 values for 2 columns"),
    "no file column": (WORDS.replace("file", "id"), "has no column of file names"),
    "nothing to predict": ("file\n0.png\n", "no column to predict"),
    "a column twice": (WORDS.replace("breed", "File"), "two columns called 'file'"),
    "a column without a name": (WORDS.replace("breed", ""), "a column without a name"),
    "no rows": ("file,breed\n", "no rows below a header"),
    "an open quotation": (WORDS + '3.png,"pug\n', "is no CSV"),
    "capitals": (WORDS + "3.png,Pug\n", "differ in capitals alone"),
    "words and numbers": (
        lines("file,breed,age", "0.png,pug,1.5"),
        "has the columns breed, age, of which breed hold words: choose",
    ),
    "0 and 1 alone": (lines("file,hat", "0.png,0", "1.png,1"), "say --task classes or --task labels"),
    "labels and numbers": (lines("file,hat,x", "0.png,0,1.5", "1.png,1,2.5"), "hat hold 0 and 1 alone"),
    "codes": (lines("file,code", *(f"{i}.png,{i % 3}" for i in range(10))), "say --task classes or --task numbers"),
    "an unknown split": (lines("file,breed,split", "0.png,pug,dev1"), "write train, validation or test"),
    "Latin-1": (WORDS.replace("pug", "caniche à poil").encode("latin-1"), "is not UTF-8 (line 2, byte 0xe0)"),
    "Excel": (b"PK\x03\x04" + bytes(40), "is an Excel workbook"),
    "zero bytes": (b"file,breed\n0.png,\0\n", "zero bytes"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_a_bad_table_is_refused_in_a_sentence(table, text, words):
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        table(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"columns": ["colour"]}, "has no column 'colour'; its columns are file, breed"),
        ({"columns": ["file"]}, "cannot be predicted"),
        ({"task": "labels"}, "'pug' in the column 'breed' is neither 0 nor 1"),
        ({"task": "numbers"}, "'pug' in the column 'breed' is not a number"),
        ({"task": "boxes"}, "task='boxes'"),
    ],
)
def test_options_that_do_not_fit_the_table(table, options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        table(WORDS, **options)


def test_a_table_that_is_not_there(tmp_path, root):
    with pytest.raises(ValueError, match="there is no file"):
        read_table(tmp_path / "none.csv", root)
    with pytest.raises(ValueError, match="is a folder"):
        read_table(tmp_path, root)


# ---- what becomes of it ----


def data(table, root, text, **options):
    return load_table(root, table(text), progress=False, **options)


def named(split):
    return {path.name for path in split.paths}


def test_splits_of_the_table_are_kept(table, root):
    split = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    text = lines("file,breed,split", *(f"{i}.png,{'ab'[i % 2]},{split[i]}" for i in range(10)))
    found = data(table, root, text)
    assert [len(one) for one in found.splits.values()] == [6, 2, 2]
    assert named(found.test) == {"8.png", "9.png"}
    assert found.class_names == ("a", "b") and found.test.labels.tolist() == [0, 1]


def test_labels_are_targets_in_the_order_of_the_columns(table, root):
    found = data(table, root, MANY)
    assert sum(len(one) for one in found.splits.values()) == 10
    for split in found.splits.values():
        for path, row in zip(split.paths, split.targets, strict=True):
            i = int(path.stem)
            assert row.tolist() == [i % 2, int(i < 5)]
            assert not row.flags.writeable
    assert found.train.select([1]).targets.tolist() == [found.train.targets[1].tolist()]


REFUSED = {
    "one class": (lines("file,breed", "0.png,pug", "1.png,pug"), "every photo has the class 'pug'"),
    "one photo of a class": (WORDS, "the class 'beagle' has 1 usable photo"),
    "a class that train lacks": (
        lines("file,breed,split", "0.png,a,train", "1.png,a,train", "2.png,a,test", "3.png,b,test", "4.png,b,test"),
        "the class 'b' has no photo in train",
    ),
    "a label that train lacks": (
        lines("file,hat,collar,split", *(f"{i}.png,{int(i > 7)},{i % 2},{'train' if i < 8 else 'test'}" for i in range(10))),
        "in train no photo has the label 'hat'",
    ),
    "a number that is always the same": (
        lines("file,x,y", *(f"{i}.png,7.5,{i}.5" for i in range(10))),
        "in train the number 'x' is always 7.5",
    ),
    "no train": (lines("file,breed,split", "0.png,a,test", "1.png,b,test"), "puts no photo into train"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_nothing_to_learn_is_refused(table, root, text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        data(table, root, text)


def test_a_photo_that_cannot_be_read_is_left_out(table, root):
    (root / "bad.png").write_bytes(b"words")
    found = data(table, root, MANY + "bad.png,1,0\n")
    (root / "bad.png").unlink()
    reasons = {one.path: one.reason for one in found.left_out.files}
    assert "not an image" in reasons["bad.png"] and reasons["a/same.png"] == "no row in labels.csv"


def test_to_measure_on_other_photos(table, root):
    found, _ = measured_on(root, table(lines("file,breed", "0.png,pug")), ("beagle", "pug"), progress=False)
    assert (found.labels.tolist(), len(found)) == ([1], 1)
    with pytest.raises(ValueError, match="the class 'poodle', which the model does not know"):
        measured_on(root, table(lines("file,breed", "0.png,poodle")), ("beagle", "pug"), progress=False)


def test_to_measure_on_one_split_of_a_table(table, root):
    text = lines("file,hat,collar,split", "0.png,1,0,train", "1.png,0,1,test", "2.png,1,1,test")
    found, _ = measured_on(root, table(text), ("hat", "collar"), split="test", progress=False)
    assert (found.name, found.targets.tolist()) == ("test", [[0, 1], [1, 1]])
    with pytest.raises(ValueError, match="has no photo in the split 'validation'"):
        measured_on(root, table(text), ("hat", "collar"), split="validation", progress=False)


# ---- groups, and every label in proportion ----


def test_no_group_is_in_two_splits(table, root):
    text = lines("file,breed,group", *(f"{i}.png,{'ab'[i % 2]},animal {i // 2}" for i in range(10)))
    found = data(table, root, text)
    where = [{int(path.stem) // 2 for path in split.paths} for split in found.splits.values()]
    assert all(where) and sum(map(len, where)) == len(set.union(*where)) == 5


@pytest.mark.parametrize(
    ("group", "words"),
    [
        (lambda i: "one", "has 1 group, too few for 3 splits"),
        (lambda i: i % 2, "has 2 groups, too few"),
    ],
)
def test_too_few_groups(table, root, group, words):
    with pytest.raises(ValueError, match=words):
        data(table, root, lines("file,hat,collar,group", *(f"{i}.png,{i % 2},{i // 5},{group(i)}" for i in range(10))))


def test_a_class_in_one_group_cannot_be_tested(table, root):
    text = lines("file,breed,group", *(f"{i}.png,{'abc'[i % 3]},{'xyz'[i % 3]}" for i in range(9)))
    with pytest.raises(ValueError, match="all photos of a class are in one group"):
        data(table, root, text)


def test_a_ready_split_that_divides_a_group(table, root):
    text = lines(
        "file,breed,split,group", *(f"{i}.png,{'ab'[i % 2]},{'train' if i < 7 else 'test'},{i // 2}" for i in range(10))
    )
    with pytest.raises(ValueError, match="the group '3' is in train and in test"):
        data(table, root, text)


def test_groups_by_the_name_of_the_file(root):
    assert groups_of(r"^([^_]+)_", root, ["cat/rex_1.png", "dog/rex_2.png"]) == ["rex", "rex"]
    for pattern, words in {
        "([": "no regular expression",
        r"^\d+": "no brackets",
        r"^(\d+)": "finds no group in the file name cat/rex_1.png",
    }.items():
        with pytest.raises(ValueError, match=words):
            groups_of(pattern, root, ["cat/rex_1.png"])


def test_groups_by_a_table(root, tmp_path):
    path = tmp_path / "groups.csv"
    path.write_text("file,group\n0.png,x\n1.png,y\n")
    assert groups_of(str(path), root, ["1.png", "0.png"]) == ["y", "x"]
    with pytest.raises(ValueError, match=r"gives no group to 2\.png"):
        groups_of(str(path), root, ["2.png"])
    path.write_text("file,group\n0.png,x\n0.png,y\n")
    with pytest.raises(ValueError, match="two groups, 'x' and 'y'"):
        groups_of(str(path), root, ["0.png"])
    path.write_text("file,animal\n0.png,x\n")
    with pytest.raises(ValueError, match="needs the columns 'file' and 'group'"):
        groups_of(str(path), root, ["0.png"])


@pytest.mark.parametrize("seed", range(5))
def test_iterative_stratification_keeps_shares(seed):
    """Against Sechidis and others: each label's share of a split is near its share of all, and rare ones are in each."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((200, 5)) < [0.5, 0.2, 0.1, 0.05, 0.02]).astype(int)
    labels[:3, 4] = 1
    split = stratify(labels, SHARES, np.arange(200), rng.random(200))
    sizes = np.bincount(split) / 200
    np.testing.assert_allclose(sizes, SHARES, atol=0.02)
    for k in range(5):
        counts = np.bincount(split[labels[:, k] == 1], minlength=3)
        assert counts.all()
        assert np.abs(counts - counts.sum() * np.array(SHARES)).max() <= 2


def test_a_random_split_loses_what_stratification_keeps():
    """The control: by chance alone, three photos with a label miss a split in three of four cases."""
    rng = np.random.default_rng(0)
    missed = np.mean([len(set(rng.choice(3, 3, p=SHARES))) < 3 for _ in range(4000)])
    assert missed == pytest.approx(1 - 6 * 0.6 * 0.2 * 0.2, abs=0.03)  # multinomial
    labels = np.zeros((30, 1), int)
    labels[:3] = 1
    assert sorted(stratify(labels, SHARES, np.arange(30), np.arange(30))[:3]) == [0, 1, 2]


def test_units_stay_together():
    rng = np.random.default_rng(1)
    units = np.sort(np.append(np.arange(12), rng.integers(0, 12, 48)))
    labels = np.eye(3, dtype=int)[units % 3]
    split = stratify(labels, SHARES, units, np.arange(12))
    assert all(len(set(split[units == unit])) == 1 for unit in range(12))
    for k in range(3):
        assert set(split[labels[:, k] == 1]) == {0, 1, 2}
