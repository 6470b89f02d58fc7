"""Serve the built book to this machine's browser, until interrupted."""

import argparse
import functools
import http.server

import book_notebooks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="sketches", choices=book_notebooks.DATASETS)
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    folder = book_notebooks.html_folder(options.dataset)
    if not (folder / "index.html").exists():
        raise SystemExit(f"Nothing is built in {folder}; run make book DATASET={options.dataset} first.")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", options.port), handler) as server:
        print(f"http://localhost:{options.port} (Ctrl+C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
