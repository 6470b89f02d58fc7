"""Write what is repeated elsewhere into the pages that repeat it, and say with --check whether they are up to date.

    python scripts/write_readme.py [--check]

The results, from book/results, stand in README.md and on the book's front page, as a picture and in tables; the citation, from
CITATION.cff, in book/citing.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml
from book_notebooks import ROOT
from PIL import Image

from tlbook import evaluation, plotting, results

STAGES = ("scratch", "scratch + augmentation", "linear probe", "fine-tuning")
PICTURE = Path("book", "_static", "what-came-out.png")


def mean_of(rows: results.Record, column: str = "test_accuracy", n: int = 1000) -> evaluation.Estimate:
    """Mean accuracy over the runs, with the Wilson interval of one model that gets as many of n images right."""
    return evaluation.wilson(round(float(np.mean(rows.column(column))) * n), n)


def line(name: str, rows: results.Record) -> str:
    """A row of the tables: the mean, and the range of the runs."""
    runs = rows.column("test_accuracy")
    spread = f"{100 * runs.min():.1f} to {100 * runs.max():.1f}" if runs.max() > runs.min() else "one answer"
    return f"| {name} | {mean_of(rows)} | {spread} |"


def headline() -> dict[str, evaluation.Estimate]:
    """What the picture shows, from top to bottom: the estimates of the first two tables, and of the other collection."""
    sketches, probe, tuned = results.load("calibration"), small_probe(), results.load("tuning-photos")
    shown = {f"sketches: {stage}": mean_of(sketches.select(stage=stage)) for stage in STAGES}
    shown["photos: scratch"] = mean_of(results.load("scratch-photos").select(size="all"))
    shown["photos: linear probe"] = mean_of(probe)
    shown["photos: fine-tuning"] = mean_of(tuned)
    shown["other photos: linear probe"], shown["other photos: fine-tuning"] = oxford(probe), oxford(tuned)
    return shown


def small_probe() -> results.Record:
    return results.load("probe-photos").select(backbone="mobilenet_v2_035")


def oxford(rows: results.Record) -> evaluation.Estimate:
    """The same on the photos of the other collection."""
    return mean_of(rows, "accuracy oxford", 478)


def told_apart(probe: results.Record, tuned: results.Record) -> str:
    """Whether fine-tuning beats the probe on photos, by tests over runs and over images: a sentence."""
    said = []
    for column, n in (("right", 1000), ("right oxford", 478)):
        runs = np.array([evaluation.unpack_right(row[column], n) for row in tuned])
        one = evaluation.unpack_right(probe.rows[0][column], n)
        said.append(evaluation.compare_runs(runs, np.tile(one, (len(runs), 1)), ("fine-tuning", "the probe")))
    if not any(test.winner for test in said):
        differences = " and ".join(str(test.difference) for test in said)
        return f"Fine-tuning and the probe cannot be told apart on either: {differences}."
    return " ".join(f"{test}." for test in said)


def said_by_picture() -> str:
    """The numbers of the picture, as they are kept in its file."""
    return json.dumps({name: [one.value, one.low, one.high] for name, one in headline().items()})


def draw() -> None:
    """Draw the picture, unless the file shows these numbers already: another machine's fonts would make other bytes."""
    target = ROOT / PICTURE
    if target.is_file() and kept_by_picture() == said_by_picture():
        return
    figure = plotting.strategy_comparison(headline(), xlabel="test accuracy (%), with 95 % interval", width=7.5)
    figure.savefig(target, metadata={"Description": said_by_picture(), "Software": None}, dpi=120)


def kept_by_picture() -> str:
    with Image.open(ROOT / PICTURE) as image:
        return image.text.get("Description", "")


def picture(page: str) -> str:
    """The picture in Markdown, with what it shows in words."""
    shown = "; ".join(f"{name} {one}" for name, one in headline().items())
    place = PICTURE.relative_to(Path(page).parent).as_posix()
    return f"![A dot with its interval for each method. Test accuracy: {shown}.]({place})"


def table(caption: str, lines: list[str]) -> list[str]:
    return [caption, "", "| Method | Test accuracy (95 % interval) | Over seeds, % |", "|:--|:--|:--|", *lines, ""]


def block(page: str) -> str:
    sketches = results.load("calibration")
    written = [picture(page), ""]
    written += table(
        f"**Sketches**, {sketches.about[0].lower()}{sketches.about[1:]}; the backbone has seen other animals only. "
        f"{len(sketches.options('seed'))} seeds.",
        [line(stage, sketches.select(stage=stage)) for stage in STAGES],
    )
    written += [
        "From scratch the network is trained for 40 epochs, with augmentation for 100; 100 epochs without augmentation reach "
        f"{mean_of(results.load('scratch-longer'))}.",
        "",
    ]
    scratch = results.load("scratch-photos").select(size="all")
    probe, tuned = small_probe(), results.load("tuning-photos")
    written += table(
        "**Photos**, cat or dog: 1,600 training and 1,000 test photos; MobileNetV2 0.35 pretrained on ImageNet, at 224 pixels. "
        f"{len(scratch)} seeds from scratch, at 96 pixels, and {len(tuned)} of fine-tuning.",
        [line("scratch", scratch), line("linear probe", probe), line("fine-tuning", tuned)],
    )
    written += [
        f"On 478 photos of another collection (Oxford-IIIT Pet) the same probe is right on {oxford(probe)}, and the fine-tuned "
        f"networks on {oxford(tuned)} on average. {told_apart(probe, tuned)}",
        "",
    ]
    written += [
        "The interval is the Wilson interval for one model whose accuracy is the mean over the seeds, on that many test images: "
        "it says how far other test images would move it. The last column is the range over seeds. Whether one method beats "
        "another is decided by paired tests in the chapters. The drawings were tuned, with these accuracies in view, until "
        "effects known from photos appear: they show that the methods work as described, not how well they do elsewhere.",
        "",
        *recipes(),
    ]
    return "\n" + "\n".join(written)


RECIPES = {
    "tensorflow-tutorial": "TensorFlow tutorial",
    "keras-guide": "Keras guide",
    "chollet-cached": "Chollet and Watson, cached features",
    "chollet-tuned": "Chollet and Watson, frozen network, then “fine-tuned”",
}


def recipes() -> list[str]:
    """Published recipes beside ours: accuracy on the same 1,000 photos, and seconds of a fresh process."""
    record = results.load("recipes-photos").select(backbone="mobilenet_v2_035")

    def accuracy(recipe: str, variant: str) -> str:
        found = [row for row in record if (row["recipe"], row["variant"], row["seed"]) == (recipe, variant, 0)]
        return str(evaluation.wilson(round(1000 * found[0]["accuracy"]), 1000)) if found else "–"

    def seconds(recipe: str, variant: str) -> str:
        runs = record.select(recipe=recipe, variant=variant)
        return f"{runs.spread('wall_seconds').median:.0f} | {runs.spread('process_seconds').median:.0f}"

    lines = [
        f"| {name} | {accuracy(recipe, 'published')} | {accuracy(recipe, 'repaired')} | {seconds(recipe, 'published')} |"
        for recipe, name in RECIPES.items()
    ]
    ours = f"| one pass and a linear probe | {accuracy('ours', 'later run')} | – | {seconds('ours', 'later run')} |"
    first = record.select(recipe="ours", variant="first run").spread("wall_seconds").median
    return [
        "**Recipes of others, rerun**: 2,000 training photos, 1,000 test photos, MobileNetV2 0.35, each in a fresh process on "
        f"{results.load('recipes-photos').cores} cores, imports included.",
        "",
        "| Recipe | Test accuracy as published (95 % interval) | with its defect repaired | seconds | processor seconds |",
        "|:--|:--|:--|--:|--:|",
        *lines,
        ours,
        "",
        "One run each; seconds are those of the recipe as published, and of the probe the median of three later runs. Its first "
        f"run, which also writes the network for ONNX Runtime, takes {first:.0f} seconds. "
        "It sees images of 224 pixels and the recipes 150 to 180, as published; the chapter on recipes takes that apart.",
        "",
    ]


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


BLOCKS: list[tuple[str, str, Callable[[str], str]]] = [
    ("README.md", "results", block),
    ("book/index.md", "results", block),
    ("book/citing.md", "citation", citation),
]


def renewed(path: Path, name: str, content: str) -> str:
    """The text of a page with the block of that name replaced."""
    begin, end = f"<!-- {name}: begin (written by scripts/write_readme.py) -->\n", f"<!-- {name}: end -->\n"
    head, rest = path.read_text(encoding="utf-8").split(begin)
    _, tail = rest.split(end)
    return head + begin + content + end + tail


def main(check: bool) -> None:
    if not check:
        draw()
    elif kept_by_picture() != said_by_picture():
        raise SystemExit(f"{PICTURE} does not show what book/results says; run python scripts/write_readme.py")
    for page, name, content in BLOCKS:
        path = ROOT / page
        fresh = renewed(path, name, content(page))
        if check and fresh != path.read_text(encoding="utf-8"):
            raise SystemExit(f"{page} does not say what its sources say; run python scripts/write_readme.py")
        path.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main("--check" in sys.argv[1:])
