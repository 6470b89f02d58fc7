"""What is done to the pages after Sphinx: facts, pictures, descriptions, definitions, and the links between editions."""

from __future__ import annotations

import json
import re
import threading
import urllib.request

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from tools.book import contents, editions, finish_pages, page_facts, serve

REPORT = {
    "edition": "sketches",
    "date": "2026-11-24 00:37 UTC",
    "cores": 4,
    "notebooks": [{"name": "probe", "seconds": 94.2}, {"name": "short", "seconds": 12.0}],
}
PAGE = """<html><head><title>A probe &#8212; The Book</title>
<script defer src="../_static/scripts/fontawesome.js?digest=1"></script>
<script async="async" src="../_static/sphinx-thebe.js?v=1"></script>
<script>const THEBE_JS_URL = "https://unpkg.com/thebe"; const thebe_selector = ".cell"</script>
</head><body><h1>A probe</h1><article class="bd-article"><section><h1>A probe<a class="headerlink">#</a></h1>
<p><strong>How far &amp; how fast?</strong></p><p>Somebody else trained it, for "another" task.</p><p>And so on.</p>
<img alt="A figure." src="../_images/figure.png" /></section></article></body></html>"""


@pytest.fixture
def edition(tmp_path):
    """A folder of pages: one chapter with a picture, a glossary, and a page that is no notebook."""
    for name in ("book", "_images", "_static"):
        (tmp_path / name).mkdir()
    (tmp_path / "book" / "probe.html").write_text(PAGE, encoding="utf-8")
    (tmp_path / "book" / "api.html").write_text(PAGE, encoding="utf-8")
    terms = (
        '<dl class="glossary"><dt id="term-one">one<a class="headerlink">#</a></dt><dt id="term-uno">uno</dt>'
        '<dd><p>The first <a href="#term-n">number</a>'
        ' <span class="bibtex-citation" id="id1">[<a href="x">Peano <em>et al.</em>, 1889</a>]</span>.</p><p>More.</p></dd></dl>'
    )
    (tmp_path / "book" / "glossary.html").write_text(PAGE.replace("<p>And so on.</p>", terms), encoding="utf-8")
    Image.new("RGB", (40, 20)).save(tmp_path / "_images" / "figure.png")
    return tmp_path


def page(edition, name="probe"):
    return (edition / "book" / f"{name}.html").read_text(encoding="utf-8")


def test_minutes_are_words_a_reader_plans_with():
    said = [page_facts.minutes(seconds) for seconds in (12, 31, 62, 94, 250)]
    assert said == ["under a minute", "1 minute", "1 minute", "2 minutes", "4 minutes"]


def test_a_notebook_gets_its_facts_under_its_title_once(edition):
    finish_pages.finish(edition, REPORT)
    finish_pages.finish(edition, REPORT)
    text = page(edition)
    assert text.count("page-facts") == 1
    article = text[text.index("<article") :]
    assert re.match(r"<article[^>]*><section><h1>A probe.*?</h1>\s*<p class=\"page-facts\">", article, re.DOTALL)
    assert "2 minutes · 4-core CPU · edition: sketches · executed on 24 November 2026" in article
    assert "page-facts" not in page(edition, "api")


def test_a_figure_has_a_number_that_can_be_linked_to(edition):
    two = '<img alt="A" src="a.png" /> <img alt="B" src="b.svg" />'
    said = finish_pages.numbered(two)
    assert re.findall(r'id="(figure-\d)"><a href="#(figure-\d)">(Fig. \d)</a>', said) == [
        ("figure-1", "figure-1", "Fig. 1"),
        ("figure-2", "figure-2", "Fig. 2"),
    ]
    finish_pages.finish(edition, REPORT)
    assert page(edition).count("Fig. 1") == 1
    assert "Fig. 1" not in page(edition, "api")


def test_the_number_of_a_figure_stands_before_its_caption_and_sphinx_counts_no_other():
    caption = '<figcaption>\n<p><span class="caption-number">Fig. 1 </span><span class="caption-text">Dots.</span></p>'
    said = finish_pages.numbered(f'<img alt="A" src="a.png" />\n<figure>\n<img alt="B" src="b.png" />\n{caption}')
    words = re.sub(r"<[^>]+>", "", said)
    assert words.split() == ["Fig.", "1", "Fig.", "2", "Dots."]
    assert '<p class="figure-number" id="figure-2"><a href="#figure-2">Fig. 2</a> <span class="caption-text">' in said


def test_long_lines_go_on_below_themselves_and_columns_stay(edition):
    block = '<div class="highlight"><pre><span></span>{}</pre></div>'
    code = '<span class="k">if</span> x:\n<span class="w">    </span><span class="n">go_on</span>()\n\n    y\n'
    columns, sentence = "name   value\nprobe    0.9\n", "A sentence that was printed.\n"
    torn = '<span class="s">"""one\ntwo"""</span>\n'
    blocks = "".join(map(block.format, (code, columns, sentence, torn)))
    path = edition / "book" / "probe.html"
    path.write_text(PAGE.replace("<p>And so on.</p>", blocks), encoding="utf-8")
    finish_pages.finish(edition, REPORT)
    finish_pages.finish(edition, REPORT)
    text = page(edition)
    done = re.findall(r"<pre>(.*?)</pre>", text, re.DOTALL)
    assert [re.sub("<[^>]+>", "", one) for one in done] == [
        re.sub("<[^>]+>", "", one) for one in (code, columns, sentence, torn)
    ]
    assert re.findall(r'class="line" style="--indent: (\d+)ch"', done[0]) == ["0", "4", "0", "4"]
    assert [one.count('class="line"') for one in done] == [4, 0, 1, 0]


def test_a_gpu_is_named_where_there_was_one():
    assert page_facts.machine({"cores": 4, "gpu": True}) == "4-core CPU and GPU"
    assert page_facts.machine({"cores": None}) == "CPU"


def test_what_is_unused_is_left_out_and_pictures_have_a_size(edition):
    finish_pages.finish(edition, REPORT)
    text = page(edition)
    assert "fontawesome.js" not in text
    assert "thebe" not in text.lower()
    tag = '<img alt="A figure." src="../_images/figure.png" loading="lazy" decoding="async" width="40" height="20" />'
    assert tag in text


def test_the_redirect_of_the_first_page_is_a_page(edition):
    (edition / "index.html").write_text(
        '<meta http-equiv="Refresh" content="0; url=book/index.html" />', encoding="utf-8"
    )
    finish_pages.finish(edition, REPORT)
    text = (edition / "index.html").read_text(encoding="utf-8")
    assert '<html lang="en">' in text
    assert 'content="0; url=book/index.html"' in text
    assert '<a href="book/index.html">' in text


def test_a_shared_link_says_what_the_page_is_and_guesses_no_address(edition):
    finish_pages.finish(edition, REPORT)
    text = page(edition)
    said = "How far &amp; how fast? Somebody else trained it, for &quot;another&quot; task. And so on."
    assert f'<meta property="og:description" content="{said}" />' in text
    assert f'<meta name="description" content="{said}" />' in text
    assert '<meta property="og:title" content="A probe" />' in text
    assert "og:url" not in text
    assert "og:image" not in text


def test_a_published_page_names_its_own_address(edition, monkeypatch):
    monkeypatch.setenv("TLBOOK_SITE", "https://example.org/book")
    assert editions.site("sketches") == "https://example.org/book/"
    finish_pages.finish(edition, REPORT, editions.site("photos"))
    text = page(edition)
    assert '<meta property="og:url" content="https://example.org/book/photos/book/probe.html" />' in text
    assert '<meta property="og:image" content="https://example.org/book/photos/_static/sketches.png" />' in text
    monkeypatch.delenv("TLBOOK_SITE")
    assert editions.site("photos") == ""


def test_definitions_are_the_first_paragraphs_without_citations(edition):
    finish_pages.finish(edition, REPORT)
    script = (edition / "_static" / "glossary-terms.js").read_text(encoding="utf-8")
    terms = json.loads(script.removeprefix("window.bookTerms = ").rstrip(";\n"))
    assert terms == {"term-one": "The first number.", "term-uno": "The first number."}


def test_every_term_of_the_glossary_begins_with_a_paragraph_without_formulas():
    """The box that shows a definition shows its first paragraph as plain text."""
    text = (contents.ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    for entry in re.split(r"\n\n(?=\S)", text):
        assert "$" not in entry.split("\n\n")[0], entry


def test_the_front_page_says_how_long_the_book_is():
    cells = [new_markdown_cell("# One\n\nTwo three {term}`four` [five](six.md)."), new_code_cell("seven = 8")]
    chapter = nbformat.writes(new_notebook(cells=cells)).encode()
    assert page_facts.words(chapter) == 5
    said = page_facts.extent(REPORT, [chapter, chapter])
    assert said.startswith("The 2 chapters have ")
    assert "at most 2 minutes" in said
    assert page_facts.extent(REPORT, []) == ""


# ---- editions ----


@pytest.fixture
def built(tmp_path, monkeypatch):
    """Two small editions where make book leaves them; the first has a page more."""
    monkeypatch.setattr(contents, "BUILD", tmp_path / "_build")
    for dataset in ("sketches", "photos"):
        folder = contents.html_folder(dataset)
        for name in ("index", "book/probe", *(["book/more"] if dataset == "sketches" else [])):
            path = folder / f"{name}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} of {dataset}", encoding="utf-8")
        (folder / "_static").mkdir()
    return tmp_path / "_build"


def told(text):
    return json.loads(text.removeprefix("window.bookEditions = ").rstrip(";\n"))


def test_editions_are_linked_where_they_lie(built):
    editions.link(editions.built())
    sketches = told((built / "html" / "_static" / "editions.js").read_text())
    photos = told((built / "photos" / "html" / "_static" / "editions.js").read_text())
    assert sketches["here"] == "sketches"
    assert sketches["all"]["sketches"]["root"] == ""
    for here, root in ((built / "html", sketches), (built / "photos" / "html", photos)):
        for name, other in root["all"].items():
            for one in other["pages"]:
                assert f"of {name}" in (here / other["root"] / one).read_text()
    assert photos["all"]["photos"]["pages"] == ["book/probe.html", "index.html"]


def test_one_edition_alone_offers_no_other(built):
    (built / "photos" / "html" / "index.html").unlink()
    editions.link(editions.built())
    assert list(told((built / "html" / "_static" / "editions.js").read_text())["all"]) == ["sketches"]


def test_the_site_holds_both_editions_and_lists_each_page_once(built, tmp_path):
    site = tmp_path / "site"
    (site / "stale").mkdir(parents=True)
    editions.assemble(site)
    assert not (site / "stale").exists()
    assert (site / "photos" / "book" / "probe.html").read_text() == "book/probe of photos"
    here = told((site / "_static" / "editions.js").read_text())
    assert here["all"]["photos"]["root"] == "photos/"
    assert here["all"]["sketches"]["pages"] == ["book/more.html", "book/probe.html", "index.html"]
    assert told((site / "photos" / "_static" / "editions.js").read_text())["all"]["sketches"]["root"] == "../"


def test_one_edition_alone_is_the_site(built, tmp_path):
    (built / "html" / "index.html").unlink()
    editions.assemble(tmp_path / "site")
    assert (tmp_path / "site" / "index.html").read_text() == "index of photos"
    (built / "photos" / "html" / "index.html").unlink()
    with pytest.raises(SystemExit, match="Nothing is built"):
        editions.assemble(tmp_path / "site")


def test_the_server_has_both_editions_under_the_addresses_of_the_site(built):
    editions.link(editions.built())
    with serve.server(0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()

        def get(path):
            with urllib.request.urlopen(f"http://127.0.0.1:{running.server_address[1]}{path}") as answer:
                return answer.read().decode()

        assert get("/book/probe.html") == "book/probe of sketches"
        assert get("/photos/book/probe.html?q=1") == "book/probe of photos"
        assert told(get("/_static/editions.js"))["all"]["photos"]["root"] == "photos/"
        there = told(get("/photos/_static/editions.js"))
        assert (there["here"], there["all"]["sketches"]["root"]) == ("photos", "../")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get("/photos/book/more.html")
        running.shutdown()


def test_nothing_built_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "BUILD", tmp_path)
    with pytest.raises(SystemExit, match="make book first"):
        serve.server(0)
