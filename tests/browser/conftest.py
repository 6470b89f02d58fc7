"""A browser and a server for the built pages; the tests beside this file are started by make test-browser."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from tests.browser.pages import Browser, Site
from tools.book import serve


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with serve.server(0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield Site(f"http://127.0.0.1:{running.server_address[1]}")
        running.shutdown()


@pytest.fixture(scope="session")
def shared_browser() -> Iterator[Browser]:
    browser = Browser(os.environ["TLBOOK_BROWSER"], os.environ["TLBOOK_DRIVER"])
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(shared_browser: Browser) -> Browser:
    shared_browser.start_anew()
    return shared_browser
