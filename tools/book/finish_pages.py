"""What is done to the pages after Sphinx has made them, and before a reader sees them.

Sphinx and the theme leave some things that the book wants otherwise: pictures without a size, so that text jumps while they
load; an icon script of 1.5 MB beside the icon font that the style sheets carry too; settings of an interactive mode that is
off, with the address of another site; no word on how long a notebook ran, and where; no numbers on a chapter's figures; code
whose lines end outside the window; no description for search engines and for those who pass a link on.
"""

from __future__ import annotations

import html
import itertools
import json
import re
from pathlib import Path
from urllib.parse import urljoin

from PIL import Image

from tools.book import page_facts

DESCRIPTION = 200  # characters at most
PICTURE = "_static/sketches.png"
PICTURE_ALT = "Drawn animal portraits: cats, dogs and other species, with varied fur, ears, backgrounds and light."

UNUSED = [
    r'\s*<script [^>]*src="[^"]*/fontawesome\.js[^"]*"></script>',
    r'\s*<script[^>]*src="[^"]*sphinx-thebe\.js[^"]*"></script>',
    r'\s*<link[^>]*href="[^"]*sphinx-thebe\.css[^"]*"[^>]*>',
    r"\s*<script>const THEBE_JS_URL.*?</script>",
    r'\s*<script type="text/x-thebe-config">.*?</script>',
    r"\s*<script>kernelName = .*?</script>",
]

# A block of code or of printed text, as Pygments writes it.
BLOCK = re.compile(r'(<div class="highlight"><pre>(?:<span></span>)?)(.*?)(</pre>)', re.DOTALL)

# What Sphinx writes for the first page is no page at all: no language, no title, no icon, nothing for who stays on it.
REDIRECT = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8" /><title>To the book</title>
<meta http-equiv="Refresh" content="0; url={target}" /><link rel="icon" href="_static/favicon.svg" /></head>
<body><main><h1><a href="{target}">To the book</a></h1></main></body></html>
"""


def finish(folder: Path, report: dict, site: str = "") -> None:
    """Finish every page of an edition in place.

    Parameters
    ----------
    folder : Path
        The edition's pages.
    report : dict
        The run report, for the line under each notebook's title.
    site : str
        Where they will be published, as an address that ends in a slash. Without it, what needs a full address (the
        picture and the address of a shared link) is left out rather than guessed.
    """
    glossary = folder / "book" / "glossary.html"
    terms = definitions(glossary.read_text(encoding="utf-8")) if glossary.is_file() else {}
    script = f"window.bookTerms = {json.dumps(terms, ensure_ascii=False)};\n"
    (folder / "_static" / "glossary-terms.js").write_text(script, encoding="utf-8")
    for path in sorted(folder.rglob("*.html")):
        if "_static" not in path.relative_to(folder).parts:
            page = path.read_text(encoding="utf-8")
            done = finished(page, path, folder, report, site)
            if done != page:
                path.write_text(done, encoding="utf-8")


def finished(page: str, path: Path, folder: Path, report: dict, site: str = "") -> str:
    """One page, finished; a page that is finished already comes back as it is."""
    if path.parent.name == "book" and (facts := page_facts.line(report, path.stem)) and "page-facts" not in page:
        page = re.sub(r"<article\b.*?</h1>", lambda found: f"{found[0]}\n{facts}", page, count=1, flags=re.DOTALL)
        page = re.sub(r"<article\b.*?</article>", lambda found: numbered(found[0]), page, count=1, flags=re.DOTALL)
    if path.parent.name == "book" and 'class="line"' not in page:
        page = BLOCK.sub(by_lines, page)
    for pattern in UNUSED:
        page = re.sub(pattern, "", page, flags=re.DOTALL)
    if page.startswith("<meta") and (target := re.search(r'url=([^"]+)"', page)):
        page = REDIRECT.format(target=html.escape(target[1]))
    page = re.sub(r"<img\b[^>]*>", lambda found: sized(found.group(0), path, folder), page)
    page = page.replace('role="doc-biblioentry"', 'role="listitem"')  # the role that its list wants, and not deprecated
    if "<article" in page and '"og:title"' not in page:
        address = urljoin(site, path.relative_to(folder).as_posix()) if site else ""
        page = page.replace("</title>", "</title>\n" + sharing(page, address, site), 1)
    return page


def numbered(article: str) -> str:
    """A chapter whose figures can be named and linked to: each picture gets its number and an anchor, before its caption."""
    count = itertools.count(1)

    def label(found: re.Match) -> str:
        n = next(count)
        image, caption = found.groups()
        paragraph = f'class="figure-number" id="figure-{n}"><a href="#figure-{n}">Fig. {n}</a>'
        return f"{image}{caption} {paragraph} " if caption else f"{image}\n<p {paragraph}</p>"

    # Sphinx counts the pictures with a caption alone; its number makes room for ours.
    return re.sub(
        r'(<img\b[^>]*>)(?:(\s*<figcaption>\s*<p)><span class="caption-number">[^<]*</span>)?', label, article
    )


def by_lines(found: re.Match) -> str:
    """A block in which a line that is too long goes on below itself, further in than it began; `book.css` does the rest.

    Text with columns (two blanks in a row within a line) is left as it is, since a broken table cannot be read, and so is a
    block with an element that begins in one line and ends in another.
    """
    start, body, end = found.groups()
    lines = body.removesuffix("\n").split("\n")
    texts = [html.unescape(re.sub(r"<[^>]+>", "", line)) for line in lines]
    columns = "<span" not in body and any(re.search(r"\S {2,}\S", text) for text in texts)
    if columns or any(line.count("<span") != line.count("</span>") for line in lines):
        return found[0]
    broken = ""
    for line in lines:
        # The blanks that a line begins with, perhaps within a word's element, get one of their own, after which nothing breaks.
        tag, blanks, rest = re.match(r"((?:<span[^>]*>)?)( *)(.*)", line, re.DOTALL).groups()
        within = f'{tag}<span class="indent">{blanks}</span>{rest}' if blanks else line
        broken += f'<span class="line" style="--indent: {len(blanks)}ch">{within}\n</span>'
    return f"{start}{broken}{end}"


def sized(tag: str, path: Path, folder: Path) -> str:
    """An <img> with its width and height, which is loaded when it comes near the window."""
    source = re.search(r'\bsrc="([^"]+)"', tag)
    if not source or "loading=" in tag:
        return tag
    added = 'loading="lazy" decoding="async"'
    file = (path.parent / source[1]).resolve()
    if (
        file.suffix == ".png"
        and file.is_relative_to(folder.resolve())
        and not re.search(r"\b(width|height|style)=", tag)
    ):
        with Image.open(file) as picture:
            added += ' width="{}" height="{}"'.format(*picture.size)
    return re.sub(r"\s*/?>$", f" {added} />", tag)


def text_of(fragment: str) -> str:
    """The words of a piece of HTML."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", fragment))).strip()


def definitions(glossary: str) -> dict[str, str]:
    """Anchor of each term of the glossary page -> its definition as text: the first paragraph, without citations."""
    found = {}
    for anchors, body in re.findall(r"((?:<dt\b.*?</dt>\s*)+)<dd>(.*?)</dd>", glossary, flags=re.DOTALL):
        paragraph = re.search(r"<p>(.*?)</p>", body, flags=re.DOTALL)
        if paragraph:
            said = re.sub(r'<span class="bibtex-citation".*?\]</span>', "", paragraph[1], flags=re.DOTALL)
            for anchor in re.findall(r'<dt\b[^>]*\bid="(term-[^"]+)"', anchors):
                found[anchor] = re.sub(r"\s+([.,;])", r"\1", text_of(said))
    return found


def description(page: str) -> str:
    """The first sentences of a page."""
    article = re.search(r"<article\b.*?</article>", page, flags=re.DOTALL)
    body = re.sub(r'<p class="page-facts.*?</p>', "", article[0] if article else "", flags=re.DOTALL)
    said = ""
    for paragraph in re.findall(r"<p>(.*?)</p>", body, flags=re.DOTALL):
        said = f"{said} {text_of(paragraph)}".strip()
        if len(said) >= DESCRIPTION / 2:
            break
    if len(said) <= DESCRIPTION:
        return said
    return said[: DESCRIPTION - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def sharing(page: str, address: str, site: str) -> str:
    """The tags that say what a page is to those who show a link to it."""
    title = re.search(r"<title>(.*?)</title>", page, flags=re.DOTALL)[1].strip()
    name, _, book = html.unescape(title).partition(" — ")
    properties = {"og:title": name, "og:type": "article", "og:site_name": book or name}
    if said := description(page):
        properties["og:description"] = said
    if address:
        properties["og:url"] = address
        properties["og:image"] = urljoin(site, PICTURE)
        properties["og:image:alt"] = PICTURE_ALT
    tags = [f'    <meta property="{key}" content="{html.escape(value)}" />' for key, value in properties.items()]
    if said:
        tags.append(f'    <meta name="description" content="{html.escape(said)}" />')
    return "\n".join(tags)
