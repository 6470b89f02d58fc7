"""Serve the built book to this machine's browser, until interrupted: sketches at /, photos at /photos/, as published."""

import argparse
import functools
import http.server
import io
import os
import sys
from pathlib import Path

from tools.book import contents, editions


class Pages(http.server.SimpleHTTPRequestHandler):
    """The built editions where they lie, under the addresses that they have on the published site."""

    def __init__(self, *arguments, folders: dict, **keywords):
        self.folders = folders
        super().__init__(*arguments, directory=str(next(iter(folders.values()))), **keywords)

    def edition(self, path: str) -> tuple[str, str]:
        """(edition, path within it) of a requested path."""
        for name, folder in editions.SITE_FOLDERS.items():
            if name in self.folders and path.startswith(f"/{folder}/"):
                return name, path[len(folder) + 1 :]
        return next(iter(self.folders)), path

    def translate_path(self, path: str) -> str:
        name, within = self.edition(path)
        self.directory = str(self.folders[name])
        return super().translate_path(within)

    def send_head(self):
        name, within = self.edition(self.path)
        if within.split("?")[0] != f"/{editions.SCRIPT.as_posix()}":
            return super().send_head()
        roots = dict.fromkeys(self.folders, "")
        if len(roots) > 1:
            places = editions.SITE_FOLDERS
            roots = {other: Path(os.path.relpath(places[other], places[name])).as_posix() for other in roots}
        listed = {other: editions.pages(folder) for other, folder in self.folders.items()}
        content = editions.script(name, roots, listed).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return io.BytesIO(content)

    def log_message(self, *arguments) -> None:
        """Say nothing about each file."""


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address) -> None:
        """A browser that has gone to another page breaks off what it asked for; that is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def server(port: int) -> Server:
    """A server of what is built, not yet started; port 0 takes a free one."""
    folders = editions.built()
    if not folders:
        raise SystemExit("Nothing is built; run make book first.")
    return Server(("127.0.0.1", port), functools.partial(Pages, folders=folders))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="sketches", choices=contents.DATASETS)
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    found = editions.built()
    if options.dataset not in found:
        raise SystemExit(
            f"Nothing is built in {contents.html_folder(options.dataset)}; run make book DATASET={options.dataset} first."
        )
    folder = editions.SITE_FOLDERS[options.dataset] if len(found) > 1 else "."
    with server(options.port) as running:
        print(f"http://localhost:{options.port}/{folder if folder != '.' else ''} (Ctrl+C ends it)")
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
