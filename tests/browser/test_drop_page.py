"""The page of `tlbook serve`: a photo is dropped on it, chosen, and refused."""

from __future__ import annotations

import base64

import pytest
from selenium.webdriver.common.by import By

from tests.browser.pages import NARROW, STICKING_OUT
from tests.tlbook.classifier.folders import OPTIONS, class_folders, data, picture, served
from tlbook import classifier

DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), c => c.charCodeAt(0));
const given = new DataTransfer();
given.items.add(new File([bytes], arguments[1], {type: "image/jpeg"}));
for (const kind of ["dragenter", "dragover", "drop"]) {
  document.getElementById("drop").dispatchEvent(
    new DragEvent(kind, {dataTransfer: given, bubbles: true, cancelable: true}));
}
"""
ANSWERED = "return document.querySelector('#answer strong, #answer .error')?.textContent"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("page")
    folder = class_folders(root / "photos", "cat", "<b>dog", n=14)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLBOOK_CACHE", str(root / "cache"))
        result = classifier.train(folder, root / "out", strategy="probe", **OPTIONS)
    with served(result.model) as running:
        yield running


PATIENCE = 60  # seconds: a network answers, perhaps on a busy machine
KNOWS = "return document.getElementById('about').textContent.includes('knows')"


@pytest.fixture
def page(browser, server):
    browser.open(server.url)
    browser.wait(KNOWS, seconds=PATIENCE)
    complaints(browser)
    return browser


def complaints(page) -> list[str]:
    """What the page wrote to the console since the last call, warnings too."""
    return [entry["message"] for entry in page.driver.get_log("browser")]


def drop(page, body, name="photo.jpg"):
    page.script(DROP, base64.b64encode(body).decode(), name)
    return page.wait(ANSWERED, seconds=PATIENCE)


def test_the_page_says_what_the_model_knows(page):
    assert "The model knows <b>dog, cat, and nothing else" in page.script("return document.body.innerText")
    assert page.script("return document.querySelectorAll('#about b').length") == 0


@pytest.mark.parametrize("kind", [0, 1])
def test_a_dropped_photo_is_shown_and_classified(page, server, kind):
    body = data(picture(70, kind, 120), "JPEG")
    expected = server.answer(body)
    said = drop(page, body)
    name, p = expected["probabilities"][0]
    assert said.startswith(f"{name}, ") and said.endswith(" %")
    assert float(said.split()[-2]) == pytest.approx(100 * p, abs=0.11)
    rows = page.script("return [...document.querySelectorAll('#answer tr')].map(r => r.innerText.trim())")
    assert [row.split("\t")[0].strip() for row in rows] == [name for name, _ in expected["probabilities"]]
    width = page.wait("return document.querySelector('#drop img')?.naturalWidth", seconds=PATIENCE)
    assert width == 120
    assert complaints(page) == []


def test_a_chosen_photo_is_classified_and_so_is_the_next(page, server, tmp_path):
    for kind in (0, 1):
        path = tmp_path / f"{kind}.jpg"
        path.write_bytes(data(picture(71, kind, 100), "JPEG"))
        page.script("document.getElementById('answer').replaceChildren()")
        page.driver.find_element(By.ID, "file").send_keys(str(path))
        assert page.wait(ANSWERED, seconds=PATIENCE).startswith(server.answer(path.read_bytes())["label"] + ", ")
    assert complaints(page) == []


def test_a_file_that_is_no_photo_gets_a_sentence(page):
    assert drop(page, b"only words\n" * 50, "<i>words.jpg") == (
        "No answer for <i>words.jpg: not an image in a format that is read here"
    )
    assert page.script("return document.querySelectorAll('#answer i, #drop i').length") == 0


def test_the_keyboard_reaches_the_choice(page):
    assert page.script("document.getElementById('file').focus(); return document.activeElement.id") == "file"
    assert page.script("return document.querySelector('label[for=file]').textContent").startswith("Drop a photo")
    assert page.script("return document.getElementById('answer').getAttribute('aria-live')") == "polite"


def test_it_is_readable_by_everyone_and_on_a_phone(page, server):
    drop(page, data(picture(74), "JPEG"))
    page.size(NARROW)
    assert page.script(STICKING_OUT) == []
    assert page.violations() == []


def test_nothing_was_asked_of_another_machine(page, server):
    drop(page, data(picture(72), "JPEG"))
    asked = page.script("return performance.getEntriesByType('resource').map(one => one.name)")
    assert asked and all(one.startswith((server.url, "blob:", "data:")) for one in asked)


def test_a_server_that_is_gone_is_said(browser, server):
    with served(server.classifier) as other:
        browser.open(other.url)
        browser.wait(KNOWS, seconds=PATIENCE)
    assert "is it still running?" in drop(browser, data(picture(73), "JPEG"))
