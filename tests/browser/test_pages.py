"""Every page, in every edition that is built."""

from __future__ import annotations

import functools
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlparse

import pytest

from tests.browser.pages import BUILT, NARROW, STICKING_OUT, WIDE, Browser, Site, html_of
from tools.book import editions

ALL = [
    (edition, page)
    for edition, folder in BUILT.items()
    for page in editions.pages(folder)
    # The package's own source code, page by page: all alike, so that one stands for all.
    if not page.startswith("_modules/") or page == "_modules/tlbook/cli.html"
]
MEGABYTES = 3


def same_elsewhere(edition: str, page: str) -> bool:
    """Whether an edition before this one shows the very same, so that looking at it once is enough."""
    before = [other for other in list(BUILT)[: list(BUILT).index(edition)] if (BUILT[other] / page).is_file()]
    return html_of(edition, page).partition("<body")[2] in [
        html_of(other, page).partition("<body")[2] for other in before
    ]


def test_something_is_built():
    assert len(ALL) > 10


@functools.cache
def weight(path: Path) -> int:
    """Bytes of a file as a web server sends it: text compressed, pictures and fonts as they are."""
    content = path.read_bytes()
    return len(gzip.compress(content)) if path.suffix in (".html", ".css", ".js", ".svg") else len(content)


def heaviness(site: Site, edition: str, page: str, requests: list[str]) -> Iterator[str]:
    """What keeps a page from being read before its pictures are there."""
    files = {urlparse(url).path for url in requests if url.startswith(site.base)}
    address = site.address(edition, page)
    for tag in re.findall(r"<img\b[^>]*>", html_of(edition, page)):
        if 'loading="lazy"' not in tag:
            yield f"not lazy: {tag}"
        if not (re.search(r'\bwidth="\d+" height="\d+"', tag) or ".svg" in tag or "style=" in tag):
            yield f"without a size: {tag}"
        alt = re.search(r'\balt="([^"]*)"', tag)
        if not alt or len(alt[1]) < 30:
            yield f"without alt text that says what is seen: {tag}"
        files.add(urlparse(urljoin(address, re.search(r'\bsrc="([^"]+)"', tag)[1])).path)
    root = urlparse(site.address(edition, "")).path
    total = sum(weight(BUILT[edition] / (name.removeprefix(root) or "index.html")) for name in files)
    if total >= MEGABYTES * 1e6:
        yield f"{total / 1e6:.2f} MB"


@pytest.mark.parametrize(("edition", "page"), ALL, ids=lambda value: value.removesuffix(".html"))
def test_a_page_is_sound(browser, site, edition, page):
    browser.open(site.address(edition, page))
    complaints = [f"console: {error}" for error in browser.errors()]
    requests = browser.requests()
    complaints += [f"asks {url}" for url in requests if not url.startswith((site.base, "data:", "blob:"))]
    assert requests
    if page.startswith("book/"):
        complaints += heaviness(site, edition, page, requests)
    if not same_elsewhere(edition, page):
        complaints += looks(browser)
    if complaints:
        pytest.fail("\n".join(dict.fromkeys(complaints)), pytrace=False)


def looks(browser: Browser) -> list[str]:
    """What is wrong with the page that is open as it is shown: in a narrow window, in the light and in the dark."""
    browser.size(NARROW)
    complaints = [f"narrow: {found}" for found in browser.script(STICKING_OUT)]
    browser.size(WIDE)
    complaints += [f"light: {violation}" for violation in browser.violations()]
    # The package page has hundreds of entries of a few kinds: their colours are looked at three times each.
    browser.script(
        """const count = {};
        for (const entry of document.querySelectorAll("dl.py")) {
          count[entry.className] = (count[entry.className] || 0) + 1;
          if (count[entry.className] > 3) entry.remove();
        }
        document.documentElement.dataset.theme = 'dark'"""
    )
    return complaints + [f"dark: {violation}" for violation in browser.violations(colours=True)]


@pytest.mark.parametrize("edition", BUILT)
def test_links_within_an_edition_lead_somewhere(edition):
    folder = BUILT[edition]
    names = {
        page: set(re.findall(r'\b(?:id|name)="([^"]+)"', html_of(edition, page))) for page in editions.pages(folder)
    }
    broken = []
    for page in names:
        for target in re.findall(r'<[a-z][^<>]*?\s(?:href|src)="([^"]+)"', html_of(edition, page)):
            if re.match(r"[a-z]+:|//", target):
                continue
            path, fragment = urldefrag(unquote(urljoin(f"/{page}", target.replace("&amp;", "&").split("?")[0])))
            path = path.lstrip("/") or "index.html"
            if not (folder / path).is_file() or (fragment and path in names and fragment not in names[path]):
                broken.append(f"{page}: {target}")
    assert broken == []
