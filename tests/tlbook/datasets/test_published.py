"""The named data sets: found, downloaded, checked, split; small stand-ins made here."""

import dataclasses
import hashlib
import http.server
import io
import os
import shutil
import tarfile
import threading
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlbook import datasets
from tlbook.datasets import archives, oxford, published
from tlbook.datasets.published import DataUnavailable
from tlbook.progress import Ticker

DATA = Path(published.DATA)
HAVE = os.environ.get("TLBOOK_DATA")
needs_photos = pytest.mark.skipif(
    not (HAVE and (Path(HAVE) / published.NAMED["photos"].archive).is_file()),
    reason="TLBOOK_DATA names no folder with the photos",
)
needs_oxford = pytest.mark.skipif(
    not (HAVE and (Path(HAVE) / published.NAMED["oxford"].archive).is_file()),
    reason="TLBOOK_DATA names no folder with the sample",
)


def picture(seed: int, size=(48, 40)) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def jpeg(image: Image.Image, quality=90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def manifest_text(members: dict[str, bytes]) -> str:
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in members.items())


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Package data, cache and environment of a test's own."""
    folder = tmp_path / "package-data"
    folder.mkdir()
    monkeypatch.setattr(published, "DATA", folder)
    monkeypatch.setenv("TLBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TLBOOK_DATA", raising=False)
    return folder


@pytest.fixture
def few_photos(package) -> dict[str, bytes]:
    """Ten photos under the published names; the two listed for validation are cat.2 and dog.10."""
    names = [f"train/{kind}s/{kind}.{i}.jpg" for kind in ("cat", "dog") for i in (0, 2, 10)]
    names += [f"validation/{kind}s/{kind}.{i}.jpg" for kind in ("cat", "dog") for i in (2000, 2001)]
    members = {name: jpeg(picture(seed)) for seed, name in enumerate(names)}
    (package / "photos.sha256").write_text(manifest_text(members))
    (package / "photos-validation.txt").write_text("train/cats/cat.2.jpg\ntrain/dogs/dog.10.jpg\n")
    return members


class Server:
    """A web server of this machine: {path: (status, body)}; a body may be cut short."""

    def __init__(self):
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(self.path)
                status, body, claimed = server.pages.get(self.path, (404, b"gone", None))
                if callable(body):
                    body, claimed = body()
                self.send_response(status)
                self.send_header("Content-Length", str(claimed or len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.pages, self.asked = {}, []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def page(self, path, body, status=200, claimed=None):
        self.pages[path] = (status, body, claimed)
        return self.url + path

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # pooch waits a second longer before each new try; the waiting is not what is tested.
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    running = Server()
    yield running
    running.stop()


def from_addresses(monkeypatch, name, urls):
    """Let a data set be downloaded from these."""
    monkeypatch.setitem(published.NAMED, name, dataclasses.replace(published.NAMED[name], urls=urls))


def check_few_photos(data):
    assert data.class_names == ("cat", "dog")
    names = {split.name: [path.name for path in split.paths] for split in data.splits.values()}
    assert names == {
        "train": ["cat.0.jpg", "cat.10.jpg", "dog.0.jpg", "dog.2.jpg"],
        "validation": ["cat.2.jpg", "dog.10.jpg"],
        "test": ["cat.2000.jpg", "cat.2001.jpg", "dog.2000.jpg", "dog.2001.jpg"],
    }
    assert data.train.labels.tolist() == [0, 0, 1, 1]
    assert data.test.labels.tolist() == [0, 0, 1, 1]
    for split in data.splits.values():
        for path, digest in zip(split.paths, split.hashes, strict=True):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_archive_is_found_in_the_named_folder(few_photos, tmp_path, monkeypatch):
    archive = tmp_path / published.NAMED["photos"].archive
    archive.write_bytes(zipped({"cats_and_dogs_filtered/" + name: data for name, data in few_photos.items()}))
    monkeypatch.setenv("TLBOOK_DATA", str(tmp_path))
    check_few_photos(datasets.load("photos"))
    archive.unlink()  # unpacked once, it is not needed again
    check_few_photos(datasets.load("photos"))


def test_folder_without_the_archive_names_both(few_photos, tmp_path, monkeypatch):
    monkeypatch.setenv("TLBOOK_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(DataUnavailable) as refused:
        datasets.load("photos")
    assert str(tmp_path / "elsewhere") in str(refused.value)
    assert published.NAMED["photos"].archive in str(refused.value)


def test_bad_archive_in_the_named_folder_is_not_kept(few_photos, tmp_path, monkeypatch):
    archive = tmp_path / published.NAMED["photos"].archive
    archive.write_bytes(zipped(few_photos)[:-40])
    monkeypatch.setenv("TLBOOK_DATA", str(tmp_path))
    with pytest.raises(datasets.BadArchive, match=published.NAMED["photos"].archive):
        datasets.load("photos")
    archive.write_bytes(zipped(few_photos))
    check_few_photos(datasets.load("photos"))


def test_cache_that_cannot_be_written_names_the_way_out(few_photos, tmp_path, monkeypatch):
    (tmp_path / published.NAMED["photos"].archive).write_bytes(zipped(few_photos))
    (tmp_path / "a file").write_bytes(b"")
    monkeypatch.setenv("TLBOOK_DATA", str(tmp_path))
    monkeypatch.setenv("TLBOOK_CACHE", str(tmp_path / "a file"))
    with pytest.raises(DataUnavailable, match="set TLBOOK_CACHE"):
        datasets.load("photos")


def test_full_disk_while_unpacking_leaves_nothing(few_photos, tmp_path, monkeypatch):
    (tmp_path / published.NAMED["photos"].archive).write_bytes(zipped(few_photos))
    monkeypatch.setenv("TLBOOK_DATA", str(tmp_path))
    real, written = Path.write_bytes, []

    def write(path, data):
        written.append(path)
        if len(written) > 3:
            raise OSError(28, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(DataUnavailable, match="No space left"):
        datasets.load("photos")
    monkeypatch.undo()
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_torn_cache_is_unpacked_again(few_photos, tmp_path, monkeypatch):
    (tmp_path / published.NAMED["photos"].archive).write_bytes(zipped(few_photos))
    monkeypatch.setenv("TLBOOK_DATA", str(tmp_path))
    data = datasets.load("photos")
    data.train.paths[0].write_bytes(b"")
    check_few_photos(datasets.load("photos"))


def test_first_address_is_used_and_the_archive_not_kept(few_photos, server, tmp_path, monkeypatch, capfd):
    urls = (server.page("/a/photos.zip", zipped(few_photos)), server.page("/b/photos.zip", b"unused"))
    from_addresses(monkeypatch, "photos", urls)
    check_few_photos(datasets.load("photos"))
    check_few_photos(datasets.load("photos"))
    assert server.asked == ["/a/photos.zip"]
    assert not list((tmp_path / "cache").rglob("*.zip"))
    assert capfd.readouterr() == ("", "")


def test_second_address_where_the_first_is_gone(few_photos, server, monkeypatch):
    urls = (server.url + "/gone.zip", server.page("/b/photos.zip", zipped(few_photos)))
    from_addresses(monkeypatch, "photos", urls)
    check_few_photos(datasets.load("photos"))
    assert server.asked.count("/gone.zip") == 3  # two more tries


@pytest.mark.parametrize("body", [b"<html>please log in</html>", zipped({"train/cats/cat.0.jpg": b"no cat"})])
def test_second_address_where_the_first_has_something_else(few_photos, server, monkeypatch, body):
    urls = (server.page("/a/photos.zip", body), server.page("/b/photos.zip", zipped(few_photos)))
    from_addresses(monkeypatch, "photos", urls)
    check_few_photos(datasets.load("photos"))


def test_interrupted_transfer_is_tried_again(few_photos, server, monkeypatch):
    whole = zipped(few_photos)
    answers = iter([(whole[:100], len(whole)), (whole, None)])
    from_addresses(monkeypatch, "photos", (server.page("/photos.zip", lambda: next(answers)),))
    check_few_photos(datasets.load("photos"))
    assert server.asked == ["/photos.zip"] * 2


def test_no_address_works(few_photos, server, tmp_path, monkeypatch):
    urls = (server.url + "/gone.zip", server.page("/torn.zip", zipped(few_photos)[:500]))
    from_addresses(monkeypatch, "photos", urls)
    with pytest.raises(DataUnavailable, match="TLBOOK_DATA") as refused:
        datasets.load("photos")
    assert all(url in str(refused.value) for url in urls)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TLBOOK_CACHE", str(tmp_path))
    assert datasets.cache_folder() == tmp_path
    monkeypatch.delenv("TLBOOK_CACHE")
    assert datasets.cache_folder().name == "tlbook"


def test_names():
    assert datasets.names() == ("sketches", "sketches-2", "photos", "oxford")


@pytest.mark.parametrize("options", [{"seed": 1}, {"fractions": (0.8, 0.1, 0.1)}])
def test_fixed_splits_cannot_be_drawn_anew(options):
    with pytest.raises(ValueError, match="splits of 'photos' are fixed"):
        datasets.load("photos", **options)


def test_one_record_makes_a_data_set_of_any_classes(package, monkeypatch):
    members = {f"learn/{kind}/{i}.jpg": jpeg(picture(3 * i + n)) for n, kind in enumerate("abc") for i in range(4)}
    members |= {f"held/{kind}/{i}.jpg": jpeg(picture(30 + n)) for n, kind in enumerate("abc") for i in range(1)}
    (package / "farm.zip").write_bytes(zipped(members))
    (package / "farm.sha256").write_text(manifest_text(members))
    (package / "farm-validation.txt").write_text("learn/a/2.jpg\nlearn/c/0.jpg\n")
    record = published.Published(
        origin="three birds",
        manifest="farm.sha256",
        archive="farm.zip",
        classes={"b": "owl", "c": "hen", "a": "duck"},
        splits={"train": "learn", "test": "held"},
        validation="farm-validation.txt",
    )
    monkeypatch.setitem(published.NAMED, "farm", record)
    assert datasets.names()[-1] == "farm"
    data = datasets.load("farm")
    assert data.class_names == ("owl", "hen", "duck") and data.origin == "three birds"
    assert [path.parent.name for path in data.validation.paths] == ["a", "c"]
    for split, size in zip(data.splits.values(), (10, 2, 3), strict=True):
        assert len(split) == size and split.factors is None
        assert [list(record.classes)[label] for label in split.labels] == [path.parent.name for path in split.paths]


# ---- the sketches -------------------------------------------------------------------------------


def test_sketches_with_their_factors(package):
    members = {
        f"{split}/{kind}/{i:04}.jpg": jpeg(picture(zlib_seed(split, kind, i), (96, 96)))
        for split, count in (("train", 3), ("validation", 2), ("test", 4))
        for kind in ("cat", "dog")
        for i in range(count)
    }
    rows = "".join(f"{name},{name.split('/')[1]},{0.5 + i},{i},plain\n" for i, name in enumerate(reversed(members)))
    members["factors.csv"] = ("file,species,angle,seed,pattern\n" + rows).encode()
    archive = zipped(members)
    (package / "sketches-1.zip").write_bytes(archive)
    listed = manifest_text({"sketches-1.zip": archive, **members})
    (package / "sketches-1.sha256").write_text(listed)
    data = datasets.load("sketches")
    assert [len(split) for split in data.splits.values()] == [6, 4, 8]
    for split in data.splits.values():
        assert [factors["species"] for factors in split.factors] == [path.parent.name for path in split.paths]
        assert [data.class_names[label] for label in split.labels] == [path.parent.name for path in split.paths]
    first = data.train.factors[0]
    place = list(reversed([name for name in members if name != "factors.csv"])).index("train/cat/0000.jpg")
    assert first == {"species": "cat", "angle": 0.5 + place, "seed": place, "pattern": "plain"}
    assert isinstance(first["seed"], int)
    assert data.train.select([4, 0]).factors == (data.train.factors[4], data.train.factors[0])


def zlib_seed(*parts) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")


@pytest.mark.skipif(not (DATA / "sketches-1.zip").is_file(), reason="the release of the sketches is not here")
def test_shipped_sketches(monkeypatch, tmp_path):
    monkeypatch.setenv("TLBOOK_CACHE", str(tmp_path))
    data = datasets.load("sketches")
    assert data.class_names == ("cat", "dog")
    for split in data.splits.values():
        assert len(split) >= 200
        assert np.bincount(split.labels).tolist() == [len(split) // 2] * 2
        assert [factors["species"] for factors in split.factors] == [path.parent.name for path in split.paths]
        assert split.take(4).images(96).shape == (4, 96, 96, 3)
    assert len({*data.train.hashes, *data.validation.hashes, *data.test.hashes}) == sum(map(len, data.splits.values()))


# ---- the photos ---------------------------------------------------------------------------------


def test_manifest_and_list_of_the_photos():
    manifest = archives.read_manifest(DATA / "photos.sha256")
    assert len(manifest) == 3000
    for part, count in (("train", 1000), ("validation", 500)):
        for kind in ("cats", "dogs"):
            assert sum(name.startswith(f"{part}/{kind}/") for name in manifest) == count
    listed = (DATA / "photos-validation.txt").read_text().split()
    assert len(set(listed)) == len(listed) == 400
    assert set(listed) <= set(manifest)
    assert sum(name.startswith("train/cats/") for name in listed) == 200
    assert sum(name.startswith("train/dogs/") for name in listed) == 200
    pair = {"train/dogs/dog.74.jpg", "train/dogs/dog.180.jpg"}  # the same picture twice
    assert len(pair & set(listed)) in (0, 2)


@needs_photos
def test_photos(monkeypatch, tmp_path):
    monkeypatch.setenv("TLBOOK_CACHE", str(tmp_path))
    data = datasets.load("photos")
    assert [len(split) for split in data.splits.values()] == [1600, 400, 1000]
    for split in data.splits.values():
        assert np.bincount(split.labels).tolist() == [len(split) // 2] * 2
        assert {path.name[:3] for path in split.paths} == {"cat", "dog"}
    assert all(path.parts[-3] == "validation" for path in data.test.paths)
    paths = [path for split in data.splits.values() for path in split.paths]
    assert len(set(paths)) == 3000
    by_name = {path.name: split.name for split in data.splits.values() for path in split.paths}
    assert by_name["dog.74.jpg"] == by_name["dog.180.jpg"]
    images = data.validation.take(20).images(64)
    assert images.std(axis=(1, 2, 3)).min() > 5  # pictures, not blanks
    shutil.rmtree(tmp_path)


@needs_photos
def test_photos_as_a_folder_have_no_file_left_out(monkeypatch, tmp_path):
    with zipfile.ZipFile(Path(HAVE) / published.NAMED["photos"].archive) as packed:
        names = [name for name in packed.namelist() if name.endswith("0.jpg")]
        packed.extractall(tmp_path, names)
    data = datasets.load(tmp_path / "cats_and_dogs_filtered", on_bad="raise")
    assert sum(map(len, data.splits.values())) == len(names)


# ---- the Oxford sample --------------------------------------------------------------------------


def test_fingerprints_cover_the_manifest():
    manifest = archives.read_manifest(DATA / "oxford.sha256")
    fingerprints = oxford.read_fingerprints(DATA / "oxford-dhash.txt")
    assert manifest.keys() == fingerprints.keys()
    assert len(manifest) == 478
    assert sum(name.startswith("cat/") for name in manifest) == 239


def test_fingerprints_of_different_photos_are_far_apart():
    fingerprints = list(oxford.read_fingerprints(DATA / "oxford-dhash.txt").values())
    bits = np.array([np.unpackbits(np.frombuffer(bytes.fromhex(one), np.uint8)) for one in fingerprints]).astype(int)
    apart = bits @ (1 - bits).T
    apart = (apart + apart.T)[np.triu_indices(len(bits), 1)]
    # Enough that a photo cannot pass for another.
    assert apart.min() > oxford.MAX_DISTANCE


@needs_oxford
def test_oxford_sample(monkeypatch, tmp_path):
    monkeypatch.setenv("TLBOOK_CACHE", str(tmp_path))
    data = datasets.load("oxford")
    assert [len(split) for split in data.splits.values()] == [0, 0, 478]
    assert np.bincount(data.test.labels).tolist() == [239, 239]
    assert data.train.images(8).shape == (0, 8, 8, 3)
    assert list(data.train.batches(8)) == []
    fingerprints = oxford.read_fingerprints(DATA / "oxford-dhash.txt")
    for path in data.test.paths[::40]:
        with Image.open(path) as image:
            assert oxford.difference_hash(image) == fingerprints[f"{path.parent.name}/{path.name}"]
    assert len({path.stem.rpartition("_")[0] for path in data.test.paths}) == 37  # breeds


@needs_oxford
def test_fingerprint_survives_another_resize_and_encoding():
    fingerprints = oxford.read_fingerprints(DATA / "oxford-dhash.txt")
    worst = 0
    with zipfile.ZipFile(Path(HAVE) / published.NAMED["oxford"].archive) as packed:
        for name in packed.namelist()[::12]:
            image = Image.open(io.BytesIO(packed.read(name)))
            for side, quality in ((200, 75), (400, 95)):
                scale = side / min(image.size)
                resized = image.resize([round(side_ * scale) for side_ in image.size], Image.Resampling.BILINEAR)
                again = Image.open(io.BytesIO(jpeg(resized, quality)))
                key = "/".join(name.split("/")[-2:])
                worst = max(worst, oxford.distance(oxford.difference_hash(again), fingerprints[key]))
    assert worst <= oxford.MAX_DISTANCE


@pytest.fixture
def pets(package):
    """Four large originals; the sample made of them; the manifest and the fingerprints of that."""
    originals = {f"{breed}_{i}": picture(seed, (500, 375)) for seed, (breed, i) in enumerate(
        [("Abyssinian", 1), ("Bengal", 2), ("beagle", 3), ("pug", 4)])}  # fmt: skip
    sample, fingerprints = {}, ""
    for name, image in originals.items():
        member = f"{'cat' if name[0].isupper() else 'dog'}/{name}.jpg"
        sample[member] = jpeg(oxford.reduced(image), 80)
        fingerprints += f"{oxford.difference_hash(Image.open(io.BytesIO(sample[member])))}  {member}\n"
    (package / "oxford.sha256").write_text(manifest_text(sample))
    (package / "oxford-dhash.txt").write_text(fingerprints)
    return originals


def tarred(images: dict[str, bytes], **others: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in {**images, **others}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def test_oxford_is_made_from_the_published_archive(pets, server, tmp_path, monkeypatch):
    images = {f"images/{name}.jpg": jpeg(image, 95) for name, image in pets.items()}
    images |= {"images/Abyssinian_99.jpg": b"another photo", "images/Abyssinian_1.mat": b"not a photo"}
    images["../../escaped/Abyssinian_7.jpg"] = b"never written"
    from_addresses(monkeypatch, "oxford", (server.page("/images.tar.gz", tarred(images)),))
    data = datasets.load("oxford")
    assert [path.name for path in data.test.paths] == ["Abyssinian_1.jpg", "Bengal_2.jpg", "beagle_3.jpg", "pug_4.jpg"]
    assert data.test.labels.tolist() == [0, 0, 1, 1]
    assert "made here" in data.origin
    for path, digest in zip(data.test.paths, data.test.hashes, strict=True):
        with Image.open(path) as image:
            assert min(image.size) == 256
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    again = datasets.load("oxford")
    assert again.test.fingerprint == data.test.fingerprint
    assert server.asked == ["/images.tar.gz"]
    assert not list(tmp_path.rglob("Abyssinian_7*"))


def torn(images):
    return tarred(images)[:-200]


def swapped(images):
    names = list(images)
    return tarred({names[0]: images[names[1]], **{name: images[name] for name in names[1:]}})


def lacking(images):
    return tarred(dict(list(images.items())[1:]))


def damaged(images):
    return tarred({name: data[: len(data) // 2] for name, data in images.items()})


def no_images(images):
    return tarred(dict.fromkeys(images, b"no picture"))


def web_page(images):
    return b"<html>moved</html>"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (torn, "damaged"),
        (swapped, "not the picture of the sample"),
        (lacking, "lacks 1 of 4"),
        (damaged, "damaged"),
        (no_images, "damaged"),
        (web_page, "damaged"),
    ],
)
def test_bad_oxford_archive_is_refused_whole(pets, server, tmp_path, monkeypatch, spoil, words):
    images = {f"images/{name}.jpg": jpeg(image, 95) for name, image in pets.items()}
    from_addresses(monkeypatch, "oxford", (server.page("/images.tar.gz", spoil(images)),))
    with pytest.raises(DataUnavailable, match=words):
        datasets.load("oxford")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"]


def test_oxford_bomb_is_refused(pets, server, monkeypatch):
    monkeypatch.setattr(oxford, "MAX_MEMBER", 100)
    images = {f"images/{name}.jpg": jpeg(image, 95) for name, image in pets.items()}
    from_addresses(monkeypatch, "oxford", (server.page("/images.tar.gz", tarred(images)),))
    with pytest.raises(DataUnavailable, match="over 100"):
        datasets.load("oxford")


def test_small_originals_are_not_enlarged():
    assert oxford.reduced(picture(1, (300, 200))).size == (300, 200)
    assert oxford.reduced(picture(1, (512, 1024))).size == (256, 512)


def test_distance_counts_bits():
    assert oxford.distance("00ff", "00fe") == 1
    assert oxford.distance("00", "ff") == 8


@pytest.mark.parametrize("name", [name for name, known in published.NAMED.items() if known.urls])
def test_a_download_that_does_not_end_is_given_up(name):
    known = published.NAMED[name]
    assert 60_000_000 < known.largest < 2_000_000_000
    bar = published._Progress(Ticker(), known.largest)
    bar.total = 10
    bar.update(known.largest)
    with pytest.raises(OSError, match="which the archive cannot have"):
        bar.update(1)


def test_a_folder_of_ones_own_that_is_called_like_a_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "load_published", lambda name, progress: name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert datasets.load("sketches") == "sketches"
        (tmp_path / "photos").write_text("a file")
        assert datasets.load("photos") == "photos"
    for name in ("sketches", "oxford"):
        (tmp_path / name).mkdir()
        with pytest.warns(
            UserWarning, match=f"'{name}' is the data set of that name, not the folder here; .*'./{name}'"
        ):
            assert datasets.load(name) == name


def test_without_a_home_nothing_can_be_kept_and_nothing_is_called_so(tmp_path, monkeypatch):
    import pooch

    monkeypatch.delenv("TLBOOK_CACHE")
    monkeypatch.chdir(tmp_path)

    def homeless(name):
        raise RuntimeError("could not determine the home directory")

    for fake in (homeless, lambda name: "~/.cache/tlbook"):
        monkeypatch.setattr(pooch, "os_cache", fake)
        with pytest.raises(OSError, match=r"Not a directory|exists|cannot find"):
            datasets.cache_folder().mkdir(parents=True)
    assert list(tmp_path.iterdir()) == []
