"""Write what is repeated elsewhere into the pages that repeat it, and say with --check whether they are up to date.

    python scripts/write_readme.py [--check]

The table of results, from book/results, stands in README.md and on the book's front page; the citation, from CITATION.cff, in
book/citing.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml
from book_notebooks import ROOT

from tlbook import evaluation, results

STAGES = ("scratch", "scratch + augmentation", "linear probe", "fine-tuning")


def line(name: str, rows: results.Record, n: int) -> str:
    """Mean accuracy over the runs with the Wilson interval of one model that gets as many of n images right; the runs' range."""
    runs = rows.column("test_accuracy")
    mean = evaluation.wilson(round(float(np.mean(runs)) * n), n)
    spread = f"{100 * runs.min():.1f} to {100 * runs.max():.1f}" if runs.max() > runs.min() else "one answer"
    return f"| {name} | {mean} | {spread} |"


def table(caption: str, lines: list[str]) -> list[str]:
    return [caption, "", "| Method | Test accuracy (95 % interval) | Over seeds, % |", "|:--|:--|:--|", *lines, ""]


def block() -> str:
    sketches = results.load("calibration")
    written = table(
        f"**Sketches**, {sketches.about[0].lower()}{sketches.about[1:]}; the backbone has seen other animals only. "
        f"{len(sketches.options('seed'))} seeds.",
        [line(stage, sketches.select(stage=stage), 1000) for stage in STAGES],
    )
    scratch = results.load("scratch-photos").select(size="all")
    probes = results.load("probe-photos")
    small = probes.select(backbone="mobilenet_v2_035")
    oxford = evaluation.wilson(round(478 * float(small.column("accuracy oxford")[0])), 478)
    written += table(
        "**Photos**, cat or dog: 1,600 training and 1,000 test photos; MobileNetV2 0.35 pretrained on ImageNet, at 224 pixels. "
        f"{len(scratch)} seeds from scratch, at 96 pixels.",
        [line("scratch", scratch, 1000), line("linear probe", small, 1000)],
    )
    written += [f"On 478 photos of another collection (Oxford-IIIT Pet) the same probe is right on {oxford}.", ""]
    written += [
        "The interval is that of one model with the mean accuracy on as many test images; the last column is the range over "
        "seeds. Whether one method beats another is decided by paired tests in the chapters. The drawings were tuned, with these "
        "accuracies in view, until effects known from photos appear: they show that the methods work as described, not how "
        "well they do elsewhere.",
        "",
        *recipes(),
    ]
    return "\n" + "\n".join(written)


RECIPES = {
    "tensorflow-tutorial": "TensorFlow tutorial",
    "keras-guide": "Keras guide",
    "chollet-cached": "Chollet and Watson, cached features",
    "chollet-tuned": "Chollet and Watson, frozen network, then tuned",
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
        f"One run each. The first run of the probe, which also writes the network for ONNX Runtime, takes {first:.0f} seconds. "
        "It sees images of 224 pixels and the recipes 150 to 180, as published; the chapter on recipes takes that apart.",
        "",
    ]


def citation() -> str:
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


BLOCKS: list[tuple[str, str, Callable[[], str]]] = [
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
    for page, name, content in BLOCKS:
        path = ROOT / page
        fresh = renewed(path, name, content())
        if check and fresh != path.read_text(encoding="utf-8"):
            raise SystemExit(f"{page} does not say what its sources say; run python scripts/write_readme.py")
        path.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main("--check" in sys.argv[1:])
