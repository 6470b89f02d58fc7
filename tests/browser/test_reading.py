"""What a reader does: search, fold, switch, point at a term, go on with the keyboard, print, take a notebook away."""

from __future__ import annotations

import urllib.request

import nbformat
import pytest
from nbclient import NotebookClient
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.pages import BUILT, NARROW, html_of
from tools.book import editions

EDITION = next(iter(BUILT))
CHAPTER = "book/fine-tuning.html"


@pytest.fixture(params=BUILT)
def edition(request):
    return request.param


def find(browser, selector):
    return browser.driver.find_element(By.CSS_SELECTOR, selector)


def results(browser):
    browser.wait("return document.querySelectorAll('#search-results .search li a').length")
    return [
        link.get_attribute("href")
        for link in browser.driver.find_elements(By.CSS_SELECTOR, "#search-results .search li a")
    ]


def test_search_finds_batchnorm_by_keyboard(browser, site, edition):
    browser.open(site.address(edition, "book/index.html"))
    ActionChains(browser.driver).key_down(Keys.CONTROL).send_keys("k").key_up(Keys.CONTROL).perform()
    browser.wait("return document.activeElement.matches('input[type=search]')")
    ActionChains(browser.driver).send_keys("BatchNorm", Keys.ENTER).perform()
    browser.wait("return location.pathname.endsWith('search.html')")
    assert any(CHAPTER in address for address in results(browser))


def test_a_page_from_a_file_has_its_search_and_its_terms(browser):
    folder = BUILT[EDITION]
    browser.driver.get((folder / "search.html").as_uri() + "?q=BatchNorm")
    assert any(CHAPTER in address for address in results(browser))
    browser.driver.get((folder / CHAPTER).as_uri())
    browser.wait("return document.querySelectorAll('a.term').length")
    assert not [url for url in browser.requests() if not url.startswith(("file:", "data:", "blob:", "about:"))]


def test_exercises_open_and_close(browser, site, edition):
    browser.open(site.address(edition, CHAPTER))
    solutions = browser.driver.find_elements(By.CSS_SELECTOR, "details.hide")
    assert len(solutions) >= 4
    for solution in solutions:
        summary = solution.find_element(By.TAG_NAME, "summary")
        code = solution.find_element(By.TAG_NAME, "pre")
        assert not code.is_displayed()
        summary.send_keys(Keys.ENTER)
        browser.until(code.is_displayed)
        summary.send_keys(Keys.ENTER)
        browser.until(lambda code=code: not code.is_displayed())
    folded = browser.driver.find_elements(By.CSS_SELECTOR, ".admonition.dropdown")
    assert folded
    for block in folded:
        said, button = (
            block.find_element(By.CSS_SELECTOR, "p:not(.admonition-title)"),
            block.find_element(By.TAG_NAME, "button"),
        )
        assert not said.is_displayed()
        button.send_keys(Keys.ENTER)
        browser.until(said.is_displayed)
        button.send_keys(Keys.ENTER)
        browser.until(lambda said=said: not said.is_displayed())


def test_the_switch_keeps_the_chapter_and_appears_only_where_there_is_another_edition(browser, site, edition):
    browser.open(site.address(edition, f"{CHAPTER}#take-away"))
    browser.wait("return window.bookEditions")
    links = browser.driver.find_elements(By.CSS_SELECTOR, "nav.edition-switch a")
    if len(BUILT) == 1:
        assert links == []
        return
    browser.size(NARROW)
    assert all(link.is_displayed() for link in links)
    (here,) = [link for link in links if link.get_attribute("aria-current")]
    assert here.text == edition
    (there,) = [link for link in links if link.text != edition]
    other = there.text
    there.click()
    browser.wait(f"return location.href === '{site.address(other, CHAPTER)}#take-away'")
    assert f"edition: {other}" in find(browser, ".page-facts").text


def test_every_page_of_the_book_has_a_switch_and_each_notebook_its_facts(edition):
    for page in editions.pages(BUILT[edition]):
        if page.startswith("book/"):
            text = html_of(edition, page)
            assert "book.js" in text
            if (BUILT[edition] / "_sources" / page.replace(".html", ".ipynb")).is_file():
                facts = text[text.index('class="page-facts') :][:400]
                assert "minute" in facts
                assert f"edition: {edition}" in facts
                assert "executed on" in facts


def test_a_term_shows_its_definition_to_pointer_and_keyboard(browser, site):
    browser.open(site.address(EDITION, CHAPTER))
    term = find(browser, "a.term[href$='#term-linear-probe']")
    box = find(browser, "#term-definition")
    assert not box.is_displayed()
    ActionChains(browser.driver).move_to_element(term).perform()
    browser.wait("return !document.querySelector('#term-definition').hidden")
    assert "frozen" in box.text
    ActionChains(browser.driver).move_to_element(box).pause(0.4).perform()
    assert box.is_displayed()  # it can be pointed at itself
    ActionChains(browser.driver).send_keys(Keys.ESCAPE).perform()
    assert not box.is_displayed()
    browser.script("arguments[0].focus()", term)
    assert box.is_displayed()
    assert term.get_attribute("aria-describedby") == box.get_attribute("id")
    browser.size(NARROW)
    for link in browser.driver.find_elements(By.CSS_SELECTOR, "a.term")[:10]:
        browser.script("arguments[0].focus()", link)
        assert browser.script(
            "const b = arguments[0].getBoundingClientRect(); return b.left >= 0 && b.right <= 390", box
        )


def test_dark_mode_is_kept_from_page_to_page(browser, site):
    browser.open(site.address(EDITION, "book/index.html"))
    assert browser.script("return document.documentElement.dataset.theme") == "light"
    button = find(browser, ".theme-switch-button")
    while browser.script("return document.documentElement.dataset.mode") != "dark":
        button.click()
    light = browser.script("return getComputedStyle(document.body).backgroundColor")
    browser.open(site.address(EDITION, CHAPTER))
    assert browser.script("return document.documentElement.dataset.theme") == "dark"
    ground = browser.script("return getComputedStyle(document.body).backgroundColor")
    assert ground == light != "rgb(255, 255, 255)"
    # Figures were drawn for a light ground, and have it.
    picture = "getComputedStyle(document.querySelector('.cell_output img')).backgroundColor"
    assert browser.script(f"return {picture}") == "rgb(255, 255, 255)"


def test_next_leads_through_the_whole_book(browser, site):
    browser.open(site.address(EDITION, "book/index.html"))
    seen = ["index.html"]
    while forward := browser.driver.find_elements(By.CSS_SELECTOR, "a.right-next"):
        forward[0].send_keys(Keys.ENTER)
        browser.wait(f"return !location.pathname.endsWith('/{seen[-1]}') && document.readyState === 'complete'")
        seen.append(browser.script("return location.pathname.split('/').pop()"))
    assert sorted(seen) == sorted(path.name for path in (BUILT[EDITION] / "book").glob("*.html"))


TO_REACH = """
const shown = (element) => element.checkVisibility({checkVisibilityCSS: true}) && element.getClientRects().length;
const kinds = "a[href], button, summary, input, [tabindex='0']";
return [...document.querySelectorAll(kinds)].filter((element) => shown(element) && element.tabIndex >= 0);
"""


@pytest.mark.parametrize("size", [(1280, 900), NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("page", ["book/index.html", CHAPTER])
def test_the_keyboard_alone_reaches_everything(browser, site, page, size):
    browser.size(size)
    browser.open(site.address(EDITION, page))
    browser.script(
        "window.reached = new Set(); addEventListener('focusin', (event) => reached.add(event.target), true)"
    )
    wanted = browser.script(TO_REACH)
    tabs = ActionChains(browser.driver)
    for _ in range(len(wanted) + 20):
        tabs.send_keys(Keys.TAB)
    tabs.perform()
    missed = browser.script(
        "return arguments[0].filter((e) => !reached.has(e)).map((e) => e.outerHTML.slice(0, 120))", wanted
    )
    assert missed == []
    # What scrolls sideways can be scrolled with the arrow keys.
    boxes = """return [...document.querySelectorAll('article *')].filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth
      && !e.closest('details:not([open])') && /auto|scroll/.test(getComputedStyle(e).overflowX) && !reached.has(e)
      && !e.querySelector('a[href], button')).map((e) => e.outerHTML.slice(0, 120))"""
    assert browser.script(boxes) == []


def test_code_needs_no_sideways_scrolling_and_is_copied_as_it_was(browser, site):
    notebook = nbformat.read(BUILT[EDITION] / "_sources" / CHAPTER.replace(".html", ".ipynb"), as_version=4)
    browser.size(NARROW)
    browser.open(site.address(EDITION, CHAPTER))
    blocks = browser.script(
        """return [...document.querySelectorAll(".cell_input pre")].map((code) =>
             [code.cloneNode(true).innerText, code.scrollWidth - code.clientWidth])"""
    )
    shown = [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code" and "remove-cell" not in cell.metadata.get("tags", [])
    ]
    assert [text.strip() for text, _ in blocks] == [source.strip() for source in shown]
    assert {wider for _, wider in blocks} == {0}


def test_paper_gets_the_text_and_nothing_around_it(browser, site):
    browser.open(site.address(EDITION, CHAPTER))
    browser.script("document.documentElement.dataset.theme = 'dark'")
    browser.cdp("Emulation.setEmulatedMedia", media="print")
    for selector in (
        ".bd-sidebar-primary",
        ".bd-sidebar-secondary",
        ".bd-header-article",
        ".prev-next-footer",
        "button.copybtn",
    ):
        for element in browser.driver.find_elements(By.CSS_SELECTOR, selector):
            assert not element.is_displayed(), selector
    assert find(browser, "#jb-print-docs-body h1").is_displayed()
    assert find(browser, "article h2").is_displayed()
    assert browser.script("return getComputedStyle(document.body).backgroundColor") in (
        "rgb(255, 255, 255)",
        "rgba(0, 0, 0, 0)",
    )
    assert browser.script("return getComputedStyle(document.querySelector('article p')).color") == "rgb(0, 0, 0)"
    browser.script("dispatchEvent(new Event('beforeprint'))")
    folded = browser.driver.find_elements(By.CSS_SELECTOR, "details pre")
    assert folded
    browser.until(lambda: all(code.is_displayed() for code in folded))


def test_a_notebook_that_was_downloaded_runs(browser, site, tmp_path):
    browser.open(site.address(EDITION, "book/sketches.html"))
    address = find(browser, "a.btn-download-source-button").get_attribute("href")
    with urllib.request.urlopen(address) as answer:
        notebook = nbformat.reads(answer.read().decode(), as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip())
