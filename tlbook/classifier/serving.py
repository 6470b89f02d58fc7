"""A page on this machine that classifies the photo dropped on it.

The server answers this machine only, needs no network, and keeps nothing: a photo is decoded in memory, exactly as for training,
and forgotten with the answer. It is for showing a model to somebody, not for the internet.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

from tlbook import evaluation
from tlbook.classifier.errors import InputError, sentence
from tlbook.classifier.saved import Classifier, load
from tlbook.datasets import BadImage
from tlbook.datasets.decoding import pixels

__all__ = ["LARGEST", "PhotoServer", "serve"]

LARGEST = 64 * 2**20
"""Bytes of a photo; a larger one is refused before it is read."""

_HOST = "127.0.0.1"
_SLOW = 30.0  # seconds to wait for the bytes of a request
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # The page may use its own style and script, show the dropped photo and ask this server: nothing else.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


class PhotoServer(ThreadingHTTPServer):
    """Serves the page and its answers; ``serve_forever()`` starts it, ``shutdown()`` from another thread ends it.

    Parameters
    ----------
    model : Classifier or path-like
        A ``model.keras`` that :func:`tlbook.classifier.train` wrote.
    port : int, default 8765
        0 takes any that is free; see ``url``.

    Raises
    ------
    InputError
        The model cannot be used, or the port is taken.
    """

    daemon_threads = True
    # On Windows the option lets a second server take a port that is in use, and the first one's photos with it.
    allow_reuse_address = os.name == "posix"

    def __init__(self, model: Classifier | str | os.PathLike[str], *, port: int = 8765):
        self.classifier = model if isinstance(model, Classifier) else load(model)
        self.page = resources.files("tlbook.classifier").joinpath("drop.html").read_bytes()
        self._connections: set[socket.socket] = set()
        self._one = threading.Lock()  # Keras is given one photo at a time
        try:
            super().__init__((_HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or sentence(error)
            raise InputError(f"port {port} cannot be used ({why}); give another one, or 0 for any") from error

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection that has its answer."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Take no more connections, and end those that browsers opened in advance: they would still be answered."""
        super().server_close()
        for connection in list(self._connections):
            with suppress(OSError):  # it may have ended by itself
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that left before its answer is no error; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{_HOST}:{self.server_port}/"

    def answer(self, photo: bytes) -> dict[str, Any]:
        """Label and probabilities of a photo, most probable class first.

        Raises
        ------
        BadImage
            The bytes are no photo that can be read.
        """
        image = pixels(photo, self.classifier.input_size, self.classifier.white)
        with self._one:
            logits = self.classifier.logits(image[None], progress=False)
        p = evaluation.probabilities(logits)[0]
        ranked = [[self.classifier.class_names[k], round(float(p[k]), 6)] for k in (-p).argsort(kind="stable")]
        return {"label": ranked[0][0], "probabilities": ranked}

    def describe(self) -> dict[str, Any]:
        """What the page says about the model."""
        return {
            "class_names": list(self.classifier.class_names),
            "backbone": str(self.classifier.about.get("backbone", "")),
            "input_size": self.classifier.input_size,
            "largest": LARGEST,
        }


class _Handler(BaseHTTPRequestHandler):
    server: PhotoServer
    server_version, sys_version = "tlbook", ""
    timeout = _SLOW

    def do_GET(self) -> None:
        if not self._from_here():
            return
        path = self.path.split("?")[0]
        if path == "/":
            self._send(200, self.server.page, "text/html; charset=utf-8")
        elif path == "/model":
            self._json(200, self.server.describe())
        else:
            self._json(404, {"error": "there is no such page"})

    def do_POST(self) -> None:
        self.close_connection = True  # what was not read of a refused request must not pass for the next one
        if not self._from_here():
            return
        if self.path != "/classify":
            self._json(404, {"error": "there is no such page"})
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self._json(411, {"error": "the request does not say how long it is"})
        elif len(length) > 18 or int(length) > LARGEST:
            self._json(413, {"error": f"the file is larger than {LARGEST // 2**20} MiB"})
        elif self.headers.get_content_type() != "application/octet-stream":
            # of this type, browsers let no other site send without asking first; and that question is not answered
            self._json(415, {"error": "send the photo as application/octet-stream"})
        else:
            self._classify(self.rfile.read(int(length)))

    def _classify(self, photo: bytes) -> None:
        try:
            found = self.server.answer(photo)
        except BadImage as error:
            self._json(422, {"error": "empty file (0 bytes)" if not photo else sentence(error)})
        except Exception:  # a defect, or no memory left: the page says that there was one, the terminal which
            self._json(500, {"error": "the model failed; the terminal in which the server runs says why"})
            raise
        else:
            self._json(200, found)

    def _from_here(self) -> bool:
        """Refuse what another site's page sends, or sends under a name of its own that leads to this machine."""
        port = self.server.server_port
        hosts = {f"{name}:{port}" for name in (_HOST, "localhost")}
        origin = self.headers.get("Origin")
        if self.headers.get("Host") in hosts and (origin is None or origin in {f"http://{host}" for host in hosts}):
            return True
        self._json(403, {"error": "only the page of this server may ask"})
        return False

    def _json(self, status: int, answer: dict[str, Any]) -> None:
        self._send(status, json.dumps(answer, ensure_ascii=False).encode(), "application/json; charset=utf-8")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **_HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the names of somebody's photos belong in no log."""


def serve(model: Classifier | str | os.PathLike[str], *, port: int = 8765, say: Callable[[str], None] = print) -> None:
    """Show a page that classifies the photo dropped on it, until interrupted.

    Parameters
    ----------
    model : Classifier or path-like
        A ``model.keras`` that :func:`tlbook.classifier.train` wrote.
    port : int, default 8765
        0 takes any that is free.
    say : callable, default print
        Called with each message; the first holds the address.

    Raises
    ------
    InputError
        The model cannot be used, or the port is taken.
    """
    with PhotoServer(model, port=port) as server:
        say(f"drop photos on {server.url} (Ctrl+C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("ended")
