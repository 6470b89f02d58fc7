"""The form of the chapter on more than one machine: it computes what the chapter's own function does, for everyone."""

from __future__ import annotations

import nbformat
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.pages import BUILT, NARROW, STICKING_OUT
from tools import ROOT

EDITION = next(iter(BUILT))
PAGE = "book/one-machine.html"
SAID = """
return Object.fromEntries([...document.querySelectorAll("#cost-form tbody tr")].map((row) => [
  row.dataset.machine, [...row.querySelectorAll("td")].map((cell) => cell.dataset.value)]))
"""
OTHER = {
    "work": {"photos": 5e6, "megabytes": 0.5, "decode": 12, "network": 90, "fit": 0.3},
    "laptop": {"machines": 1, "cores": 4, "gpu": 0, "disk": 100, "price": 0.05},
    "one GPU": {"machines": 3, "cores": 16, "gpu": 40, "disk": 300, "price": 2},
    "cluster": {"machines": 7, "cores": 2, "gpu": 0, "disk": 9000, "price": 0.1},
}


@pytest.fixture(scope="module")
def chapter():
    """What the chapter's cells define, from the assumptions to the bill."""
    notebook = nbformat.read(ROOT / "book" / "one-machine.ipynb", as_version=4)
    found = {}
    for start in ("photo_kinds = {", "def stages(", "def bill("):
        (cell,) = [one for one in notebook.cells if one.cell_type == "code" and one.source.startswith(start)]
        exec(cell.source.partition("\n\n\nshown = ")[0], found)
    return found


def expected(chapter, photos, kind, machines):
    rows = {}
    for name, machine in machines.items():
        stages = chapter["stages"](kind, machine)
        rows[name] = (*chapter["bill"](photos, kind, machine), max(stages, key=stages.get))
    return rows


def said(browser):
    return {name: (float(h), float(m), bound) for name, (h, m, bound) in browser.script(SAID).items()}


def agree(found, wanted):
    assert set(found) == set(wanted)
    for name, (hours, money, bound) in wanted.items():
        assert found[name][:2] == pytest.approx((hours, money), rel=1e-9)
        assert found[name][2] == bound


def put(browser, group, name, value):
    field = browser.driver.find_element(By.ID, f"cost-{group}-{name}".replace(" ", "-"))
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(f"{value:.9g}" if value is not None else Keys.DELETE)


@pytest.fixture
def page(browser, site):
    browser.open(site.address(EDITION, PAGE))
    browser.wait("return document.querySelector('#cost-form form')")
    return browser


def test_it_begins_with_what_the_chapter_assumes(page, chapter):
    agree(said(page), expected(chapter, 1e8, chapter["photo_kinds"]["camera"], chapter["machines"]))
    assert page.script("return document.querySelector('#cost-form [role=status]').textContent") == ""


def test_other_numbers_give_what_the_chapter_computes(page, chapter):
    for group, values in OTHER.items():
        for name, value in values.items():
            put(page, group, name, value)
    work = OTHER["work"]
    kind = {name: work[name] / 1000 for name in ("decode", "network")} | {"megabytes": work["megabytes"]}
    chapter["fit_seconds"], before = work["fit"] / 1000, chapter["fit_seconds"]
    try:
        wanted = expected(chapter, work["photos"], kind, {name: OTHER[name] for name in chapter["machines"]})
    finally:
        chapter["fit_seconds"] = before
    agree(said(page), wanted)
    assert len({bound for _, _, bound in wanted.values()}) > 1


@pytest.mark.parametrize(("group", "name", "value"), [("work", "photos", None), ("cluster", "cores", 0)])
def test_a_number_that_cannot_be_used_is_marked(page, group, name, value):
    put(page, group, name, value)
    field = page.driver.find_element(By.ID, f"cost-{group}-{name}")
    assert field.get_attribute("aria-invalid") == "true"
    assert "cannot be used" in page.driver.find_element(By.CSS_SELECTOR, "#cost-form [role=status]").text
    rows = page.script(SAID)
    without = set(rows) if group == "work" else {group}
    assert {machine for machine, cells in rows.items() if cells == ["", "", ""]} == without
    put(page, group, name, 1)
    assert field.get_attribute("aria-invalid") is None
    assert said(page)


def test_each_field_has_its_label_and_the_keyboard_goes_from_one_to_the_next(page):
    fields = page.driver.find_elements(By.CSS_SELECTOR, "#cost-form input")
    assert len(fields) == 20
    fields[0].click()
    for field in fields:
        assert page.script("return arguments[0] === document.activeElement && arguments[0].labels.length === 1", field)
        field.send_keys(Keys.TAB)


def test_it_fits_a_telephone_and_can_be_read_by_everyone(page):
    page.size(NARROW)
    assert page.script(STICKING_OUT) == []
    # The page as a whole is looked at by test_pages.py, in a wide window; here, its form alone.
    assert [found for found in page.violations() if "cost" in found] == []
    page.script("document.documentElement.dataset.theme = 'dark'")
    put(page, "work", "photos", None)
    assert [found for found in page.violations(colours=True) if "cost" in found] == []
