"""Link the built editions with each other, so that every page can switch to its counterpart.

    python tools/book/editions.py [FOLDER]

Without FOLDER: link what `make book` has built where it lies; build.py does so after each build. With FOLDER: copy what is
built into one site, the photo edition in its folder `photos`, and link that; this is what is published.

Each edition has a small script, _static/editions.js, that says where the others lie and which pages they have. Where no other
edition is built, it says so, and no page offers a switch.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

from tools.book import contents

SCRIPT = Path("_static") / "editions.js"
SITE_FOLDERS = {dataset: dataset if number else "." for number, dataset in enumerate(contents.DATASETS)}


def built() -> dict[str, Path]:
    """Edition -> folder of its pages, of those that are built."""
    folders = {dataset: contents.html_folder(dataset) for dataset in contents.DATASETS}
    return {dataset: folder for dataset, folder in folders.items() if (folder / "index.html").is_file()}


def site(dataset: str) -> str:
    """The address of an edition on the published site, from the variable TLBOOK_SITE; empty where that is not set."""
    address = os.environ.get("TLBOOK_SITE", "").rstrip("/")
    return f"{address}/{SITE_FOLDERS[dataset]}/".replace("/./", "/") if address else ""


def pages(folder: Path) -> list[str]:
    """Names of an edition's pages, relative to its root; those of an edition below it do not count."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        relative = path.relative_to(folder)
        if relative.parts[0] not in ("_static", *SITE_FOLDERS.values()):
            found.append(relative.as_posix())
    return found


def script(edition: str, roots: dict[str, str], listed: dict[str, list[str]]) -> str:
    """The text of editions.js: where each edition lies, relative to the root of this one, and what it has."""
    entries = {
        name: {"root": "" if name == edition else roots[name].rstrip("/") + "/", "pages": listed[name]}
        for name in roots
    }
    return f"window.bookEditions = {json.dumps({'here': edition, 'all': entries})};\n"


def link(folders: dict[str, Path]) -> None:
    """Write editions.js into each of these folders of pages."""
    listed = {name: pages(folder) for name, folder in folders.items()}
    for name, folder in folders.items():
        roots = {other: Path(os.path.relpath(path, folder)).as_posix() for other, path in folders.items()}
        (folder / SCRIPT).write_text(script(name, roots, listed), encoding="utf-8")


def assemble(target: Path) -> dict[str, Path]:
    """Copy the built editions into one site and link them there."""
    found = built()
    if not found:
        raise SystemExit("Nothing is built; run make book first.")
    shutil.rmtree(target, ignore_errors=True)
    # An edition on its own is the site.
    folders = {name: target / (SITE_FOLDERS[name] if len(found) > 1 else ".") for name in found}
    for name in sorted(found, key=lambda name: len(SITE_FOLDERS[name])):
        shutil.copytree(found[name], folders[name], dirs_exist_ok=True)
    link(folders)
    return folders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    folder = parser.parse_args().folder
    if folder:
        print(f"{' and '.join(assemble(folder))}: open {folder / 'index.html'}")
    else:
        link(built())


if __name__ == "__main__":
    main()
