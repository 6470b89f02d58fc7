"""The buttons of a chapter in a book that a fork publishes."""

from __future__ import annotations

import threading

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.book.fixtures import make_mini_book
from tests.browser.pages import NARROW, STICKING_OUT
from tools.book import build, serve
from tools.book.notebook_runs import Run

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WORKFLOW = {"REPOSITORY": "some-body/fork", "SHA": COMMIT, "REF_TYPE": "tag", "REF_NAME": "v9"}
OPENED = "some-body/fork/blob/notebooks-v9/book/feature-extraction.ipynb"
ADDRESSES = {
    "Colab": f"https://colab.research.google.com/github/{OPENED}",
    "Kaggle": f"https://kaggle.com/kernels/welcome?src=https://github.com/{OPENED}",
    "Binder": "https://mybinder.org/v2/gh/some-body/fork/notebooks-v9?urlpath=lab/tree/book/feature-extraction.ipynb",
}


@pytest.fixture(scope="module")
def fork(tmp_path_factory):
    """Where the pages are served that a workflow of the fork builds from a chapter that was run before."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in WORKFLOW.items():
            patch.setenv(f"GITHUB_{name}", value)
        patch.delenv("GITHUB_SERVER_URL", raising=False)
        root = make_mini_book(tmp_path_factory.mktemp("fork") / "project", patch)
        chapter = root / "book" / "feature-extraction.ipynb"
        report = build.report_on(
            [Run(source=chapter, output=chapter, seconds=70.0, date="2026-11-29 21:00 UTC")], "sketches"
        )
        build.stage({chapter: chapter}, report, root / "_build" / "source")
        build.build(root / "_build" / "source", root / "_build" / "pages", root / "_build" / "html", report)
        with serve.server(0) as running:
            threading.Thread(target=running.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{running.server_address[1]}/book"
            running.shutdown()


@pytest.mark.parametrize("narrow", [False, True])
def test_the_menu_opens_by_keyboard_and_leads_to_what_the_fork_publishes(browser, fork, narrow):
    if narrow:
        browser.size(NARROW)
    browser.open(f"{fork}/feature-extraction.html")
    menu = browser.driver.find_element(By.CSS_SELECTOR, ".dropdown-launch-buttons")
    links = {link.get_attribute("textContent").strip(): link for link in menu.find_elements(By.TAG_NAME, "a")}
    assert {name: link.get_attribute("href") for name, link in links.items()} == ADDRESSES
    assert not any(link.is_displayed() for link in links.values())
    menu.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    browser.until(lambda: all(link.is_displayed() for link in links.values()))
    for link in links.values():
        box = link.rect
        assert box["x"] >= 0 and box["x"] + box["width"] <= browser.script("return innerWidth")
    assert browser.script(STICKING_OUT) == []
    assert browser.violations() == []
    download = browser.driver.find_element(By.CSS_SELECTOR, "a.btn-download-source-button")
    assert download.get_attribute("href") == f"{fork.removesuffix('/book')}/_sources/book/feature-extraction.ipynb"


def test_a_page_that_is_no_chapter_opens_nowhere(browser, fork):
    browser.open(f"{fork}/glossary.html")
    assert browser.driver.find_elements(By.CSS_SELECTOR, ".dropdown-launch-buttons") == []
