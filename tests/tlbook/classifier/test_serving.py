"""The local page: its answers are those of predict, and it answers nobody else's page."""

import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from tests.tlbook.classifier.folders import CONVERTED, LEFT_OUT, OPTIONS, TAKEN, class_folders, data, picture, served
from tlbook import classifier, cli
from tlbook.classifier import InputError, PhotoServer, serving
from tools import ROOT

NAMES = ("cat", "dog", "<i>fox")


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    root = tmp_path_factory.mktemp("served")
    folder = class_folders(root / "photos", *NAMES, n=14)
    return classifier.train(folder, root / "out", strategy="probe", **OPTIONS)


@pytest.fixture(scope="module")
def server(result):
    with served(result.model) as running:
        yield running


def ask(server, path, body=None, method=None, **headers):
    """(status, headers, body) of a request as the page sends it, with headers changed or, with None, left out."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    wanted = {"Host": f"127.0.0.1:{server.server_port}"}
    if body is not None:
        wanted |= {"Content-Type": "application/octet-stream", "Content-Length": str(len(body))}
    wanted |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.putrequest(
        method or ("GET" if body is None else "POST"), path, skip_host=True, skip_accept_encoding=True
    )
    for name, value in wanted.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, answer.headers, text


def classified(server, body, **headers):
    status, _, text = ask(server, "/classify", body, **headers)
    return status, json.loads(text)


def test_the_answer_is_that_of_predict(server, result, tmp_path):
    for number in range(40, 46):
        body = data(picture(number, number, 90), "JPEG")
        (tmp_path / "photo.jpg").write_bytes(body)
        expected = classifier.predict(result.model, tmp_path / "photo.jpg", progress=False)
        status, found = classified(server, body)
        assert status == 200
        assert found["label"] == expected.labels[0] == found["probabilities"][0][0]
        assert [p for _, p in found["probabilities"]] == sorted((p for _, p in found["probabilities"]), reverse=True)
        each = dict(found["probabilities"])
        assert [each[name] for name in expected.class_names] == pytest.approx(expected.probabilities[0], abs=1e-5)


@pytest.mark.parametrize("name", [*TAKEN, *CONVERTED])
def test_what_is_a_photo_is_classified(server, name):
    body = TAKEN[name] if name in TAKEN else CONVERTED[name][0]
    assert classified(server, body)[0] == 200


@pytest.mark.parametrize("name", [name for name in LEFT_OUT if name not in ("animated.gif", "pages.tiff")])
def test_what_is_no_photo_gets_the_reason(server, name):
    body, reason = LEFT_OUT[name]
    status, found = classified(server, body)
    assert status == 422 and reason in found["error"]


def test_the_model_is_described(server):
    status, headers, text = ask(server, "/model")
    assert status == 200 and headers.get_content_type() == "application/json"
    assert json.loads(text)["class_names"] == sorted(NAMES) and json.loads(text)["input_size"] == 32


def test_the_page_asks_nothing_of_anybody_else(server):
    status, headers, page = ask(server, "/")
    text = page.decode()
    assert status == 200 and headers.get_content_type() == "text/html"
    assert not re.search(r"https?://|//\w|@import|url\(", text.replace("// a later photo", ""))
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "connect-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
    assert "/* look.css */" not in text and "--bar: #0072b2" in text  # the colours of the report
    assert not re.search(r"\b(cat|dog|fox)\b", text)  # names come as data and become text, never markup


@pytest.mark.parametrize("path", ["/../secret", "/model/x", "/favicon.ico", "/classify/x"])
def test_there_is_nothing_else(server, path):
    assert ask(server, path)[0] == 404


def test_nothing_else_can_be_posted_to(server):
    assert ask(server, "/model", b"x")[0] == 405
    assert ask(server, "/classify", b"x", method="PUT")[0] == 405
    assert ask(server, "/classify")[0] == 405
    assert ask(server, "/classify", method="OPTIONS", Origin=f"http://127.0.0.1:{server.server_port}")[0] == 405
    assert ask(server, "/classify", method="OPTIONS", Origin="http://a.example")[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "a.example"},
        {"Host": "a.example:80"},
        {"Origin": "http://a.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_another_site_gets_no_answer(server, headers):
    for path, body in (("/", None), ("/model", None), ("/classify", data(picture(50), "PNG"))):
        status, _, text = ask(server, path, body, **headers)
        assert status == 403 and b"only the page of this server" in text


def test_its_own_page_may_ask_by_either_name(server):
    port = server.server_port
    body = data(picture(51), "PNG")
    assert classified(server, body, Host=f"localhost:{port}", Origin=f"http://localhost:{port}")[0] == 200
    assert classified(server, body, Origin=f"http://127.0.0.1:{port}")[0] == 200


def test_requests_that_are_refused_before_they_are_read(server):
    assert ask(server, "/classify", b"x", Content_Length=None)[0] == 411
    assert ask(server, "/classify", b"x", Content_Length=str(serving.LARGEST + 1))[0] == 413
    assert ask(server, "/classify", b"x", Content_Type="text/plain")[0] == 415
    assert ask(server, "/classify", b"x", Content_Type=None)[0] == 415


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": None},
        {"Content_Length": "-1"},
        {"Content_Length": "\xb2"},  # a digit to str.isdigit, not to int
        {"Content_Length": "9" * 5000},
    ],
)
def test_what_is_no_http_is_refused(server, headers, capfd):
    assert ask(server, "/classify", b"x", **headers)[0] == 400
    assert ask(server, "/model")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_several_at_once_get_their_own_answers(server):
    bodies = [data(picture(60 + i, i), "PNG") for i in range(6)]
    alone = [classified(server, body)[1] for body in bodies]
    together = [None] * len(bodies)

    def one(i):
        together[i] = classified(server, bodies[i])[1]

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert together == alone
    assert len({json.dumps(found) for found in alone}) == len(bodies)


def head(server, length, **headers):
    """The first bytes of a request that classifies so many bytes."""
    lines = ["POST /classify HTTP/1.1", f"Host: 127.0.0.1:{server.server_port}", f"Content-Length: {length}"]
    return "\r\n".join([*lines, "Content-Type: application/octet-stream", "", ""]).encode()


def received(connection):
    """All that comes until the server ends the connection."""
    answer = b""
    while part := connection.recv(65536):
        answer += part
    return answer.decode()


@pytest.fixture
def hurried(result, monkeypatch):
    """A server with little patience and little room."""
    monkeypatch.setattr(serving, "_PATIENCE", 0.5)
    monkeypatch.setattr(serving, "_BYTES", 200_000)
    monkeypatch.setattr(serving, "_WAITING", 2)
    with served(result.model) as running:
        yield running


@pytest.mark.parametrize("sent", [b"", b"POST /classify HT", b"GET /model HTTP/1.1\r\nHost: "])
def test_a_request_that_never_comes_does_not_hold_its_connection(hurried, sent):
    with socket.create_connection(("127.0.0.1", hurried.server_port), timeout=20) as connection:
        connection.sendall(sent)
        assert received(connection) == ""
    assert ask(hurried, "/model")[0] == 200


def test_a_photo_that_never_arrives_is_given_up(hurried):
    with socket.create_connection(("127.0.0.1", hurried.server_port), timeout=20) as connection:
        connection.sendall(head(hurried, 1000) + b"a part")
        answer = received(connection)
    assert answer.startswith("HTTP/1.1 408") and "did not arrive within" in answer


def test_many_idle_connections_keep_nobody_out(server):
    idle = [socket.create_connection(("127.0.0.1", server.server_port)) for _ in range(200)]
    for connection in idle[:100]:
        connection.sendall(head(server, 1000) + b"a part")
    assert classified(server, data(picture(55), "PNG"))[0] == 200
    for connection in idle:
        connection.close()


def test_bytes_that_do_not_fit_are_refused_and_room_is_given_back(hurried):
    photo = data(picture(56), "PNG")
    ask(hurried, "/classify", photo)  # the first answer takes longer
    with socket.create_connection(("127.0.0.1", hurried.server_port), timeout=20) as connection:
        connection.sendall(head(hurried, 190_000) + bytes(150_000))
        until = time.monotonic() + 10
        while hurried._bytes < 150_000 and time.monotonic() < until:
            time.sleep(0.01)
        status, headers, text = ask(hurried, "/classify", bytes(60_000))
        assert status == 503 and headers["Retry-After"] == "1"
        assert "try again in a moment" in json.loads(text)["error"]
        assert received(connection).startswith("HTTP/1.1 408")
    assert classified(hurried, photo)[0] == 200
    assert hurried._bytes == 0


def test_photos_that_would_wait_in_vain_are_refused(hurried, monkeypatch):
    entered, go_on = threading.Semaphore(0), threading.Event()

    def slow(photo):
        entered.release()
        go_on.wait(30)
        return {"label": "cat", "probabilities": []}

    monkeypatch.setattr(hurried, "answer", slow)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(classified(hurried, b"x")[0])) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert all(entered.acquire(timeout=20) for _ in threads)
    assert classified(hurried, b"x")[0] == 503
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert answers == [200, 200]
    assert classified(hurried, b"x")[0] == 200


def test_large_images_are_decoded_one_at_a_time(server, monkeypatch):
    monkeypatch.setattr(serving, "_LARGE", 32 * 32)
    inside, most = 0, 0
    decode = serving.decoded

    def counted(*arguments):
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.05)
        inside -= 1
        return decode(*arguments)

    monkeypatch.setattr(serving, "decoded", counted)
    body = data(picture(57, 0, 90), "PNG")
    threads = [threading.Thread(target=classified, args=(server, body)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == 1


def test_answers_under_way_are_given_before_the_server_ends(result, monkeypatch):
    with served(result.model) as running:
        began = threading.Event()
        answer = running.answer

        def slow(photo):
            began.set()
            time.sleep(0.5)
            return answer(photo)

        monkeypatch.setattr(running, "answer", slow)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(classified(running, data(picture(58), "PNG"))[0]))
        asking.start()
        assert began.wait(20)
        running.shutdown()
        asking.join(20)
    assert answers == [200]


def test_somebody_who_leaves_early_does_no_harm(server, capfd):
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        head = f"POST /classify HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
        connection.sendall(
            head.encode() + b"Content-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\nshort"
        )
    time.sleep(0.2)
    assert ask(server, "/model")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_a_failing_model_is_said_to_the_page_and_shown_in_the_terminal(server, monkeypatch, capfd):
    def fails(photo):
        raise MemoryError("no room")

    monkeypatch.setattr(server, "answer", fails)
    status, found = classified(server, data(picture(54), "PNG"))
    assert status == 500 and "the model failed" in found["error"] and "no room" not in found["error"]
    for _ in range(100):  # the other thread writes after it has answered
        if "no room" in (shown := capfd.readouterr().err):
            break
        time.sleep(0.05)
    assert "no room" in shown


def test_what_is_dropped_is_in_no_log(server, capfd):
    classified(server, data(picture(52), "PNG"))
    assert capfd.readouterr() == ("", "")


def test_only_this_machine_can_ask(server):
    assert server.url == f"http://127.0.0.1:{server.server_port}/"
    with (
        pytest.raises((ConnectionError, TimeoutError)),
        socket.create_connection(("127.0.0.2", server.server_port), timeout=2),
    ):
        pass


def test_a_port_that_is_taken(server, result, capsys):
    with pytest.raises(InputError, match=f"port {server.server_port} cannot be used"):
        PhotoServer(result.model, port=server.server_port)
    with pytest.raises(InputError, match="port 70000 cannot be used"):
        PhotoServer(result.model, port=70000)
    assert cli.main(["serve", str(result.model), "--port", str(server.server_port)]) == 2
    assert "cannot be used" in capsys.readouterr().err


def test_a_model_that_is_none(tmp_path):
    with pytest.raises(InputError, match="there is no model file"):
        PhotoServer(tmp_path / "model.keras", port=0)


def test_serve_until_interrupted(result, monkeypatch, capsys):
    def interrupted(self):
        address = io.StringIO(self.url).read()
        assert address.startswith("http://127.0.0.1:")
        raise KeyboardInterrupt

    monkeypatch.setattr(PhotoServer, "serve_forever", interrupted)
    said = []
    classifier.serve(result.model, port=0, say=said.append)
    assert re.fullmatch(r"drop photos on http://127\.0\.0\.1:\d+/ \(Ctrl\+C ends it\)", said[0]) and said[1] == "ended"
    assert cli.main(["serve", str(result.model), "--port", "0"]) == 0
    assert "drop photos on" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("by", ["graph", "Keras", "background"])
def test_a_signal_ends_the_command_cleanly(result, tmp_path, number, by):
    """Ctrl-C is how it is meant to end; after SIGTERM a service manager expects to see that signal. Neither is an abort."""
    model = tmp_path / "model.keras"
    shutil.copy(result.model, model)
    if by != "Keras":
        shutil.copy(result.folder / "model.onnx", tmp_path / "model.onnx")
    command = [sys.executable, "-m", "tlbook.cli", "serve", str(model), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        start_new_session=True,
        # as a shell starts what it is to run in the background
        preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if by == "background" else None,
    ) as process:
        said = []
        while not (said and said[-1].startswith("drop photos on ")):
            said.append(process.stderr.readline())
            assert said[-1], said
        url = said[-1].split()[3]
        with urllib.request.urlopen(url, timeout=60) as page:
            assert page.status == 200
        process.send_signal(number)
        rest = process.stderr.read().splitlines()
        assert (process.wait(60), rest) == ((0, ["ended"]) if number == signal.SIGINT else (-signal.SIGTERM, []))


def test_a_classifier_in_memory_will_do(result):
    with PhotoServer(classifier.load(result.model), port=0) as running:
        assert running.answer(data(picture(53), "PNG"))["label"] in NAMES


def test_the_server_is_gone_after_it_was_closed(result):
    with PhotoServer(result.model, port=0) as running:
        url = running.url
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=2)


def test_a_connection_opened_in_advance_ends_with_the_server(result):
    with served(result.model) as running:
        idle = socket.create_connection(("127.0.0.1", running.server_port), timeout=20)
        assert ask(running, "/model")[0] == 200  # connections are taken in order, so the idle one is taken too
    with idle:
        assert idle.recv(1) == b""
