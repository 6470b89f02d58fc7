"""Write the README's table of results from book/results, and say with --check whether it is up to date.

python scripts/write_readme.py [--check]
"""

from __future__ import annotations

import sys

import numpy as np
from book_notebooks import ROOT

from tlbook import evaluation, results

README = ROOT / "README.md"
BEGIN, END = "<!-- results: begin (written by scripts/write_readme.py) -->\n", "<!-- results: end -->\n"


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
        "**Sketches**: cat or dog, 400 training and 1,000 test drawings; the backbone has seen other animals only. "
        f"{len(sketches.options('seed'))} seeds.",
        [line(stage, sketches.select(stage=stage), 1000) for stage in sketches.options("stage")],
    )
    recorded = results.names()
    if "fine-tuning-photos" in recorded:
        photos = results.load("fine-tuning-photos")
        used = photos.conditions["images"]
        strategies = photos.select(part="strategies")
        written += table(
            f"**Photos**: cat or dog, {used['train']} training and {used['test']:,} test photos at "
            f"{photos.conditions['setting']['input_size']} pixels, MobileNetV2 0.35 pretrained on ImageNet. "
            f"{photos.conditions['setting']['seeds']} seeds.",
            [
                line(name, strategies.select(strategy=name), used["test"])
                for name in ("from scratch", "linear probe", "last block", "everything", "LP-FT")
            ],
        )
    if "probe-photos" in recorded:
        (probe,) = results.load("probe-photos").select(backbone="mobilenet_v2_035")
        test = evaluation.wilson(round(1000 * probe["test_accuracy"]), 1000)
        oxford = evaluation.wilson(round(478 * probe["accuracy oxford"]), 478)
        written += [
            f"With all 1,600 training photos at 224 pixels the linear probe reaches {test}, and {oxford} on 478 photos of the "
            "Oxford-IIIT Pet collection, which it was not trained on.",
            "",
        ]
    written += [
        "The interval is that of one model with the mean accuracy on as many test images; the last column is the range over "
        "seeds. Whether one method beats another is decided by paired tests in the chapters. The drawings were tuned until "
        "effects known from photos appear: they show that the methods work as described, not how well they do elsewhere.",
        "",
    ]
    return "\n" + "\n".join(written)


def main(check: bool) -> None:
    text = README.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    fresh = head + BEGIN + block() + END + tail
    if check and fresh != text:
        raise SystemExit("README.md does not say what book/results says; run python scripts/write_readme.py")
    README.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main("--check" in sys.argv[1:])
