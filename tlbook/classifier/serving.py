"""A page on this machine that classifies the photo dropped on it.

The server answers this machine only, needs no network, and keeps nothing: a photo is decoded in memory, exactly as for training,
and forgotten with the answer. It is for showing a model to somebody, not for the internet. What it may hold at once is bounded:
the bytes of photos on their way, the photos that wait and, since a small file can unpack to a large image, the large ones.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import traceback
from collections.abc import Callable
from contextlib import nullcontext, suppress
from importlib import resources
from typing import Any

import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tlbook.classifier.errors import InputError, sentence
from tlbook.classifier.saved import Classifier, load
from tlbook.datasets import BadImage
from tlbook.datasets.decoding import content, decoded, opened

__all__ = ["LARGEST", "PhotoServer", "serve"]

LARGEST = 64 * 2**20
"""Bytes of a photo; a larger one is refused before it is read."""

_HOST = "127.0.0.1"
_PATIENCE = 30.0  # seconds for a request to arrive
_DRAIN = 10  # seconds for answers that are under way when the server ends
_BACKLOG = 512  # connections that the system keeps until they are taken
_CONNECTIONS = 1000
_BYTES = 4 * LARGEST  # of all photos that are arriving or waiting
_WAITING = 128  # photos that are there and wait for their answer
_THREADS = 4  # decode at once
_LARGE = 8_000_000  # pixels; images from here on are decoded one at a time
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # The page may use its own style and script, show the dropped photo and ask this server: nothing else.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    # One request a connection: so the patience with a connection is the patience with a request.
    "Connection": "close",
}


class _Connection(H11Protocol):
    """uvicorn waits for the first request of a connection for ever."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._patience = self.loop.call_later(_PATIENCE, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle is None:
            self.transport.close()


class _FromHere:
    """Refuses what another site's page sends, or sends under a name of its own that leads to this machine."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        self.hosts = {f"{name}:{port}" for name in (_HOST, "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        own = headers.get("host") in self.hosts and (origin is None or origin in {f"http://{h}" for h in self.hosts})
        await (self.app if own else _error(403, "only the page of this server may ask"))(scope, receive, send)


class PhotoServer:
    """Serves the page and its answers; ``serve_forever()`` starts it, ``shutdown()`` from another thread ends it.

    Answers under way are finished first, also when the process gets SIGINT or SIGTERM.

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

    def __init__(self, model: Classifier | str | os.PathLike[str], *, port: int = 8765):
        self.classifier = model if isinstance(model, Classifier) else load(model)
        self.page = _page()
        self._socket = _listening(port)
        self.server_port: int = self._socket.getsockname()[1]
        self._bytes = self._waiting = 0
        self._one = threading.Lock()  # Keras is given one photo at a time
        self._large = threading.Lock()
        self._threads = anyio.CapacityLimiter(_THREADS)
        self._ended = threading.Event()
        self._ended.set()
        config = uvicorn.Config(
            Starlette(
                routes=[
                    Route("/", self._page),
                    Route("/model", self._model),
                    Route("/classify", self._classify, methods=["POST"]),
                ],
                middleware=[Middleware(_FromHere, port=self.server_port)],
                exception_handlers={HTTPException: _no_such_page},
            ),
            http=_Connection,
            ws="none",
            lifespan="off",
            # The names of somebody's photos belong in no log, and what the terminal must know is printed below.
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            backlog=_BACKLOG,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=_DRAIN,
        )
        self._server = uvicorn.Server(config)

    def __enter__(self) -> PhotoServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.server_close()

    def serve_forever(self) -> None:
        """Answer until ``shutdown()`` or a signal; once only."""
        self._ended.clear()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._ended.set()

    def shutdown(self) -> None:
        """Let ``serve_forever`` finish what is under way and return; called from another thread."""
        self._server.should_exit = True
        self._ended.wait()

    def server_close(self) -> None:
        """Give the port back."""
        self._socket.close()

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
        photo = content(photo)
        with opened(photo) as image:
            large = image.width * image.height >= _LARGE
        with self._large if large else nullcontext():
            pixels = decoded(photo, self.classifier.input_size, self.classifier.white)
        with self._one if not self.classifier.by_graph else nullcontext():
            logits, unknown = self.classifier.answers(pixels[None], progress=False)
        task = self.classifier.task
        found = task.answer(task.values(logits)[0])
        return found if unknown is None else {**found, "unknown": bool(unknown[0])}

    def describe(self) -> dict[str, Any]:
        """What the page says about the model."""
        return {
            "class_names": list(self.classifier.class_names),
            "backbone": str(self.classifier.about.get("backbone", "")),
            "input_size": self.classifier.input_size,
            "largest": LARGEST,
            "refuses": "unknown" in self.classifier.about,
            "promise": self.classifier.task.promise(),
        }

    async def _page(self, request: Request) -> Response:
        return HTMLResponse(self.page, headers=_HEADERS)

    async def _model(self, request: Request) -> Response:
        return JSONResponse(self.describe(), headers=_HEADERS)

    async def _classify(self, request: Request) -> Response:
        length = request.headers.get("content-length")
        if length is None:
            return _error(411, "the request does not say how long it is")
        if int(length) > LARGEST:
            return _error(413, f"the file is larger than {LARGEST // 2**20} MiB")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/octet-stream":
            # of this type, browsers let no other site send without asking first; and that question is not answered
            return _error(415, "send the photo as application/octet-stream")
        photo = bytearray()
        try:
            async with asyncio.timeout(_PATIENCE):
                async for chunk in request.stream():
                    if self._bytes + len(chunk) > _BYTES:
                        return _busy()
                    self._bytes += len(chunk)
                    photo += chunk
            return await self._answered(bytes(photo))
        except TimeoutError:
            return _error(408, f"the photo did not arrive within {_PATIENCE:.0f} seconds")
        except ClientDisconnect:
            return _error(400, "the photo did not arrive whole")
        finally:
            self._bytes -= len(photo)

    async def _answered(self, photo: bytes) -> Response:
        if self._waiting >= _WAITING:
            return _busy()
        self._waiting += 1
        try:
            found = await anyio.to_thread.run_sync(self.answer, photo, limiter=self._threads)
        except BadImage as error:
            return _error(422, "empty file (0 bytes)" if not photo else sentence(error))
        except Exception:  # a defect, or no memory left: the page says that there was one, the terminal which
            traceback.print_exc()
            return _error(500, "the model failed; the terminal in which the server runs says why")
        finally:
            self._waiting -= 1
        return JSONResponse(found, headers=_HEADERS)


def _page() -> str:
    """The page, in the look of the report; the report itself is not imported, which would take Keras."""
    package = resources.files("tlbook")
    look = package.joinpath("report", "templates", "look.css").read_text(encoding="utf-8")
    return package.joinpath("classifier", "drop.html").read_text(encoding="utf-8").replace("/* look.css */", look)


def _listening(port: int) -> socket.socket:
    """A socket of this machine alone, which takes connections."""
    found = socket.socket()
    try:
        # On Windows the option lets a second server take a port that is in use, and the first one's photos with it.
        if os.name == "posix":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((_HOST, port))
        found.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        found.close()
        why = getattr(error, "strerror", None) or sentence(error)
        raise InputError(f"port {port} cannot be used ({why}); give another one, or 0 for any") from error
    return found


def _error(status: int, words: str) -> Response:
    return JSONResponse({"error": words}, status, headers=_HEADERS)


def _busy() -> Response:
    response = _error(503, "the server has as many photos as it can hold; try again in a moment")
    response.headers["Retry-After"] = "1"
    return response


async def _no_such_page(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _error(status, "there is no such page" if status == 404 else "this page is not asked in this way")


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
        # No interrupt comes out where SIGINT was ignored at the start, as shells do in the background: the server took it.
        with suppress(KeyboardInterrupt):
            server.serve_forever()
        say("ended")
