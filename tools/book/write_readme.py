"""Write what is repeated elsewhere into the pages that repeat it, and say with --check whether they are up to date.

    python tools/book/write_readme.py [--check]

The headline number, from book/results, stands in README.md and on the book's front page; the small picture of results in both;
the tables behind it on the page on how the numbers were made; the citation, from CITATION.cff, in book/citing.md. The table that
leads to the chapters, from _toc.yml and their titles, stands in README.md and on the front page.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
import yaml
from PIL import Image

from tlbook import evaluation, plotting, results
from tlbook.plotting.style import PALETTE, finished, new_figure, percent_axis
from tools import ROOT
from tools.book import contents

METHODS = ("from scratch", "from scratch, augmented", "linear probe", "LP-FT")
SHOWN = {"linear probe": ("blue", "o"), "LP-FT": ("vermilion", "s")}
PICTURE = Path("book", "_static", "what-came-out.png")
TEST, OXFORD = 1000, 478


def mean_of(rows: results.Record, column: str = "test_accuracy", n: int = TEST) -> evaluation.Estimate:
    """Mean accuracy over the runs, with the Wilson interval of one model that gets as many of n images right."""
    return evaluation.wilson(round(float(np.mean(rows.column(column))) * n), n)


def line(name: str, rows: results.Record) -> str:
    """A row of the tables: the mean, and the range of the runs."""
    runs = rows.column("test_accuracy")
    spread = f"{100 * runs.min():.1f} to {100 * runs.max():.1f}" if runs.max() > runs.min() else "nothing random"
    return f"| {name} | {mean_of(rows)} | {spread} |"


def probe_and_tuned() -> tuple[results.Record, results.Record]:
    """On photos: the rows of the probe and those of LP-FT."""
    photos = results.load("comparison-photos")
    return photos.select(method="linear probe"), photos.select(method="LP-FT")


def panels() -> dict[str, dict[str, evaluation.Estimate]]:
    """What the picture shows: the same two methods on each set of test images."""
    sketches = results.load("comparison")
    probe, tuned = probe_and_tuned()
    oxford = "accuracy oxford"
    return {
        "sketches": {method: mean_of(sketches.select(method=method)) for method in SHOWN},
        "photos": {"linear probe": mean_of(probe), "LP-FT": mean_of(tuned)},
        "other photos": {
            "linear probe": mean_of(probe, oxford, OXFORD),
            "LP-FT": mean_of(tuned, oxford, OXFORD),
        },
    }


def said_by_picture() -> str:
    """The numbers of the picture, as they are kept in its file."""
    shown = {
        name: {method: [one.value, one.low, one.high] for method, one in panel.items()}
        for name, panel in panels().items()
    }
    return json.dumps(shown)


def draw() -> None:
    """Draw the picture, unless the file shows these numbers already: another machine's fonts would make other bytes."""
    target = ROOT / PICTURE
    if target.is_file() and kept_by_picture() == said_by_picture():
        return
    with plotting.style():
        figure, ((axes,),) = new_figure(6.5, 2.5)
        place, ticks = 0.0, {}
        for name, panel in panels().items():
            for method, one in panel.items():
                colour, marker = SHOWN[method]
                distance = [[one.value - one.low], [one.high - one.value]]
                label = method if place < 1 else None
                axes.errorbar(
                    one.value,
                    -place,
                    xerr=distance,
                    color=PALETTE[colour],
                    marker=marker,
                    linestyle="none",
                    label=label,
                )
                place += 0.45
            ticks[name] = -place + 0.675
            place += 0.35
        axes.set_yticks(list(ticks.values()), list(ticks))
        axes.set_ylim(-place + 0.6, 0.25)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("test accuracy (%), with 95 % interval")
        percent_axis(axes, "x")
        axes.legend(loc="upper left", bbox_to_anchor=(0, 1.2), ncols=2)
        finished(figure)
    figure.savefig(target, metadata={"Description": said_by_picture(), "Software": None}, dpi=120)


def kept_by_picture() -> str:
    with Image.open(ROOT / PICTURE) as image:
        return image.text.get("Description", "")


def picture(page: str) -> list[str]:
    """The picture in Markdown, with what it shows in words, and how to read it."""
    shown = "; ".join(
        f"{name}: " + ", ".join(f"{method} {one}" for method, one in panel.items()) for name, panel in panels().items()
    )
    place = PICTURE.relative_to(Path(page).parent).as_posix()
    probe, tuned = probe_and_tuned()
    sketches = re.search(r"on ([0-9,]+) sketches", results.load("comparison").about)[1]
    return [
        f"![Two dots with their intervals for each of three sets of test images. {shown}.]({place})",
        "",
        "A *linear probe* trains a new last layer on frozen features; *LP-FT* fine-tunes: it starts from the probe and goes on "
        "training the whole network. "
        f"*Photos*: 1,600 for training, 400 to choose settings, {TEST:,} for testing. "
        f"*Other photos*: the same networks on {OXFORD} photos of another collection. {verdict(probe, tuned)} "
        f"*Sketches*: {sketches} for training, {TEST:,} for testing; they were designed to show such effects, so their rows "
        "illustrate and prove nothing.",
        "",
    ]


def verdict(probe: results.Record, tuned: results.Record) -> str:
    """What tests over runs and images say of LP-FT and the probe on photos: a sentence."""
    said = []
    for column, n in (("right", TEST), ("right oxford", OXFORD)):
        runs = np.array([evaluation.unpack_right(row[column], n) for row in tuned])
        one = evaluation.unpack_right(probe.rows[0][column], n)
        said.append(evaluation.compare_runs(runs, np.tile(one, (len(runs), 1)), names=("LP-FT", "the probe")))
    if not any(test.winner for test in said):
        first, second = (str(test.difference) for test in said)
        return (
            f"On photos we cannot tell whether LP-FT is better: {first} on the first collection, {second} on the other."
        )
    return " ".join(f"{test}." for test in said)


def headline(page: str) -> str:
    """One result with its interval and its seconds: the linear probe of the chapter on recipes."""
    rows = results.load("recipes-photos").select(
        recipe="ours", variant="first run", backbone="mobilenet_v2_035", pixels="published"
    )
    right = rows.rows[0]["right"]
    accuracy = evaluation.wilson(int(evaluation.unpack_right(right, TEST).sum()), TEST)
    seconds = rows.spread("process_seconds").median
    place = "recipes.ipynb" if page.startswith("book/") else "book/recipes.ipynb"
    few = results.load("recipes-photos").select(recipe="ours, 200 photos")
    found = few.column("accuracy")
    other = mean_of(probe_and_tuned()[0], "accuracy oxford", OXFORD)
    return (
        f"\n**{accuracy}** (95 % interval) of {TEST:,} test photos of cats and dogs were classified correctly after "
        f"{seconds:.0f} CPU seconds (a first run, imports included): 2,000 training photos, sent once through a small pretrained "
        f"network, and a logistic regression on its output. With 200 training photos it was {100 * found.mean():.1f} % "
        f"({100 * found.min():.1f} to {100 * found.max():.1f} in {len(few)} draws). Cats and dogs are an easy case, since "
        f"ImageNet shows many dogs and some cats; on photos from another collection the same method got {other}. "
        f"[How that compares with popular tutorials]({place}).\n\n"
    )


def small_results(page: str) -> str:
    return "\n" + "\n".join(picture(page))


def table(caption: str, lines: list[str]) -> list[str]:
    return [caption, "", "| Method | Test accuracy (95 % interval) | Over seeds, % |", "|:--|:--|:--|", *lines, ""]


def tables(page: str) -> str:
    """The numbers behind the picture, from scratch included where it was trained as well as we could."""
    sketches = results.load("comparison")
    probe, tuned = probe_and_tuned()
    return "\n" + "\n".join(
        table(
            f"**Sketches**, {sketches.about[0].lower()}{sketches.about[1:]}; {len(sketches.options('seed'))} seeds. From scratch "
            "means 40 epochs, with augmentation 100; 100 epochs without augmentation reach "
            f"{mean_of(sketches.select(method='from scratch, longer'))}.",
            [line(method, sketches.select(method=method)) for method in METHODS],
        )
        + table(
            f"**Photos**, cat or dog: 1,600 to train on, {TEST:,} to test on; MobileNetV2 0.35 pretrained on ImageNet, at 224 "
            f"pixels; {len(tuned)} seeds of LP-FT.",
            [line("linear probe", probe), line("LP-FT", tuned)],
        )
        + [
            f"**Other photos**: on {OXFORD} photos of the Oxford-IIIT Pet set the same probe is right on "
            f"{mean_of(probe, 'accuracy oxford', OXFORD)}, and the fine-tuned networks on "
            f"{mean_of(tuned, 'accuracy oxford', OXFORD)} on average. {verdict(probe, tuned)}",
            "",
        ]
    )


def citation(page: str) -> str:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    authors = " and ".join(
        author.get("name") or f"{author['family-names']}, {author['given-names']}" for author in cited["authors"]
    )
    title, version, date = cited["title"], cited["version"], str(cited["date-released"])
    return "\n".join(
        [
            "",
            f"> {authors} ({date[:4]}). *{title}*. Version {version}.",
            "",
            "```bibtex",
            "@software{tlbook,",
            f"  author  = {{{{{authors}}}}},",
            f"  title   = {{{title}}},",
            f"  version = {{{version}}},",
            f"  date    = {{{date}}},",
            f"  year    = {{{date[:4]}}}",
            "}",
            "```",
            "",
        ]
    )


def chapters(page: str) -> str:
    """The table that leads to the chapters; where Sphinx makes the page, it knows their titles."""
    rows = ["| You want to … | read |", "|:--|:--|"]
    for path, purpose in contents.purposes().items():
        title = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0].removeprefix("# ").split(":")[0]
        target = os.path.relpath(path, (ROOT / page).parent).replace(os.sep, "/")
        rows.append(f"| {purpose} | [{title if page == 'README.md' else ''}]({target}) |")
    return "\n".join(["", *rows, "", ""])


BLOCKS: list[tuple[str, str, Callable[[str], str]]] = [
    ("README.md", "headline", headline),
    ("README.md", "chapters", chapters),
    ("README.md", "results", small_results),
    ("book/index.md", "headline", headline),
    ("book/index.md", "chapters", chapters),
    ("book/index.md", "results", small_results),
    ("book/numbers.md", "tables", tables),
    ("book/citing.md", "citation", citation),
]


def renewed(path: Path, name: str, content: str) -> str:
    """The text of a page with the block of that name replaced."""
    begin, end = f"<!-- {name}: begin (written by tools/book/write_readme.py) -->\n", f"<!-- {name}: end -->\n"
    head, rest = path.read_text(encoding="utf-8").split(begin)
    _, tail = rest.split(end)
    return head + begin + content + end + tail


def main(check: bool) -> None:
    if not check:
        draw()
    elif kept_by_picture() != said_by_picture():
        raise SystemExit(f"{PICTURE} does not show what book/results says; run python tools/book/write_readme.py")
    for page, name, content in BLOCKS:
        path = ROOT / page
        fresh = renewed(path, name, content(page))
        if check and fresh != path.read_text(encoding="utf-8"):
            raise SystemExit(f"{page} does not say what its sources say; run python tools/book/write_readme.py")
        path.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main("--check" in sys.argv[1:])
