"""The report of `tlbook train` with two, five and 37 classes: on a telephone, in the dark, by keyboard, on paper."""

from __future__ import annotations

import base64
import re

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.pages import NARROW, STICKING_OUT, WIDE
from tests.tlbook.classifier.folders import class_folders, train

LONG = "a class whose name is as long as those of folders become when nobody thinks of who reads them"
UNBROKEN = "Canis_lupus_familiaris_of_unknown_descent_and_origin"
FIGURES = "return [...document.querySelectorAll('.figures img')].map(one => getComputedStyle(one).filter)"
WIDER = "const box = arguments[0]; return box.scrollWidth > box.clientWidth"


@pytest.fixture(scope="module", params=[2, 5, 37])
def report(request, tmp_path_factory):
    """A report in which nothing is missing: mistakes, labels to look at, files left out, names that are long."""
    root = tmp_path_factory.mktemp(f"report-{request.param}")
    names = ["cat", UNBROKEN, LONG, *(f"breed number {k}" for k in range(4, 38))][: request.param]
    for split, first, n in (("train", 0, 10), ("validation", 100, 3), ("test", 200, 4)):
        n = max(n, 20 // request.param)
        class_folders(root / "photos" / split, *names, n=n, first=first)
    for k in range(12):
        (root / "photos" / "train" / names[1] / f"broken {k}.jpg").write_bytes(b"no photo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLBOOK_CACHE", str(root / "cache"))
        return request.param, train(root / "photos", root / "out").report


@pytest.fixture
def page(browser, report):
    browser.open(report[1].as_uri())
    return browser


def test_nothing_is_cut_off(page):
    for size in (NARROW, WIDE):
        page.size(size)
        assert page.script(STICKING_OUT) == [], size


def test_it_is_readable_by_everyone(page):
    assert page.violations() == []
    page.size(NARROW)
    assert page.violations() == []


def test_it_is_readable_in_the_dark(page):
    page.cdp("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert page.violations(colours=True) == []
    filters = page.script(FIGURES)
    assert filters and all("invert" in one for one in filters)  # figures are drawn dark on white


def test_the_confusion_matrix_scrolls_within_itself_by_keyboard(page, report):
    page.size(NARROW)
    box = page.driver.find_element("css selector", ".matrix")
    assert box.get_attribute("tabindex") == "0" and box.get_attribute("aria-label") == "Confusion matrix"
    assert page.script(WIDER, box)
    page.script("arguments[0].focus()", box)
    name = box.find_element("css selector", "tbody th")
    left = name.location["x"]
    for _ in range(3):
        box.send_keys(Keys.ARROW_RIGHT)
    page.wait("return document.querySelector('.matrix').scrollLeft > 0")
    assert name.location["x"] == left  # the names of the rows stay


def test_the_first_screen_says_what_counts(page, report):
    first = page.script(
        "return [...document.querySelectorAll('h1, .answer, .recall, .recall tr')]"
        ".filter(one => one.getBoundingClientRect().bottom < innerHeight).map(one => one.className || one.tagName)"
    )
    assert {"H1", "answer"} <= set(first)
    assert ("recall" in first) == (report[0] > 2) and first.count("TR") == (0 if report[0] == 2 else min(report[0], 6))


def test_it_prints_on_few_pages(page, report):
    printed = base64.b64decode(page.cdp("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"])
    pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", printed))
    assert pages <= {2: 2, 5: 4, 37: 6}[report[0]]


def test_it_needs_nothing_beside_it(page, report):
    asked = page.script("return performance.getEntriesByType('resource').map(one => one.name)")
    assert all(one.startswith("data:") for one in asked)
    assert page.errors() == []
