"""Weights come down whole and right, in time, or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.server
import threading
import time

import pytest

from tlbook import backbones
from tlbook.backbones import networks, weights
from tlbook.backbones.weights import TooSlow

CONTENT = bytes(range(256)) * 4000  # 1 MB


class Server(http.server.BaseHTTPRequestHandler):
    """Sends the content under /whole, a part of it under /cut, and little by little under /slow."""

    def do_GET(self):
        kind = self.path.split("/")[1]
        if kind == "absent":
            self.send_error(404)
            return
        self.send_response(200)
        if kind != "endless":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if kind == "slow":
            try:
                for start in range(0, len(CONTENT), 1000):
                    self.wfile.write(CONTENT[start : start + 1000])
                    time.sleep(0.02)
            except OSError:
                pass  # given up
        elif kind == "endless":
            with contextlib.suppress(OSError):  # given up
                for _ in range(2000):
                    self.wfile.write(CONTENT)
        else:
            self.wfile.write(CONTENT[: 1000 if kind == "cut" else None])

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def network(address, tmp_path, monkeypatch):
    """Changes the record of a network, with an empty cache and a server of the test's own."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))

    def change(kind: str, **changes):
        found = {
            "address": f"{address}/{kind}",
            "size": len(CONTENT),
            "digest": f"sha256:{hashlib.sha256(CONTENT).hexdigest()}",
        }
        record = dataclasses.replace(backbones.info("mobilenet_075"), **(found | changes))
        monkeypatch.setitem(networks.NETWORKS, "mobilenet_075", record)
        return record

    return change


def left(record) -> list[str]:
    return [path.name for path in record.path.parent.iterdir()]


def test_a_file_is_downloaded_once(network, monkeypatch):
    record = network("whole")
    assert not record.available
    assert backbones.download("mobilenet_075") == record.path
    assert record.path.read_bytes() == CONTENT
    assert record.available
    assert left(record) == [record.file]
    monkeypatch.setattr(weights, "_opened", lambda *_: pytest.fail("asked again"))
    assert backbones.download("mobilenet_075") == record.path


def test_the_hash_may_be_an_md5_or_unknown(network):
    network("whole", digest=f"md5:{hashlib.md5(CONTENT).hexdigest()}")
    backbones.download("mobilenet_075").unlink()
    network("whole", digest="")
    assert backbones.download("mobilenet_075").is_file()


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("whole", {"digest": "sha256:" + "0" * 64}, "other weights of mobilenet_075 than Keras publishes"),
        ("whole", {"digest": "md5:" + "0" * 32}, "other weights of mobilenet_075 than Keras publishes"),
        ("whole", {"size": len(CONTENT) + 1}, "1,024,000 bytes of 1,024,001 came"),
        ("cut", {"digest": ""}, "1,000 bytes of 1,024,000 came"),
        ("absent", {}, "404"),
    ],
)
def test_nothing_is_left_of_what_is_not_the_file(network, kind, changes, words):
    record = network(kind, **changes)
    with pytest.raises(backbones.WeightsUnavailable, match=words) as refused:
        backbones.download("mobilenet_075")
    assert not isinstance(refused.value, TooSlow)
    assert left(record) == []


def test_a_slow_download_is_given_up_early(network):
    record = network("slow")  # at most 50 kB a second: 20 seconds or more
    began = time.monotonic()
    with pytest.raises(TooSlow, match=r"mobilenet_075 \(1 MB\) would take \d+ seconds .* more than the 6 allowed"):
        backbones.download("mobilenet_075", seconds=6)
    assert time.monotonic() - began < 6
    assert left(record) == []


def test_a_lookup_that_hangs_is_not_waited_for(network, monkeypatch):
    record, hanging = network("whole"), threading.Event()
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: hanging.wait(60))
    began = time.monotonic()
    with pytest.raises(backbones.WeightsUnavailable, match="did not answer in 0 seconds"):
        backbones.download("mobilenet_075", answer=0.2)
    assert time.monotonic() - began < 10
    assert left(record) == []
    hanging.set()


def test_a_folder_that_cannot_be_written_is_named(network, tmp_path):
    (tmp_path / "keras").write_text("a file")
    network("whole")
    with pytest.raises(backbones.WeightsUnavailable, match="KERAS_HOME names"):
        backbones.download("mobilenet_075")


def test_the_weights_that_the_package_ships_are_not_downloaded(tmp_path, monkeypatch):
    assert backbones.download("sketchnet") == backbones.info("sketchnet").path
    monkeypatch.setattr(networks, "DATA", tmp_path)
    with pytest.raises(backbones.WeightsUnavailable, match="missing from this installation"):
        backbones.download("sketchnet")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no backbone 'mobilenet'; choose one of sketchnet"):
        backbones.download("mobilenet")


def test_no_more_is_taken_than_there_can_be(network):
    record = network("endless")
    with pytest.raises(backbones.WeightsUnavailable, match=r"more than its 1,024,000 bytes came"):
        backbones.download("mobilenet_075", progress=False)
    assert list(record.path.parent.iterdir()) == []


def test_good_weights_that_do_not_fit_are_not_called_damaged(network, tmp_path):
    record = network("whole")
    record.path.parent.mkdir(parents=True)
    record.path.write_bytes(CONTENT)  # the hash is right, and yet Keras cannot use it
    with pytest.raises(backbones.WeightsUnavailable, match="are whole, but this version of Keras cannot") as refused:
        backbones.load("mobilenet_075")
    assert "delete" not in str(refused.value)
