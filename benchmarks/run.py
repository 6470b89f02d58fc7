"""Other people's recipes and ours, and how fast the network could be: each measured run a fresh process.

    python benchmarks/run.py [--dataset photos|sketches] [--only recipes|throughput] [--seeds 0 1 2] [--skip NAME …]

Writes book/results/recipes-photos.json and throughput-photos.json (for the sketches recipes.json and throughput.json, the
recipes with a fifth of their epochs); interrupted and called again, it goes on where it was. The photos need TLBOOK_DATA or a
network. Run it on a machine that does nothing else, and on all of it: the figures are seconds.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from measure import cores, fresh

from tlbook import backbones, results

THEIRS = (
    ("tensorflow-tutorial", "published"),
    ("tensorflow-tutorial", "repaired"),
    ("keras-guide", "published"),
    ("keras-guide", "repaired"),
    ("chollet-cached", "published"),
    ("chollet-tuned", "published"),
    ("chollet-tuned", "repaired"),
    ("chollet-scratch", "published"),
    ("chollet-augmented", "published"),
)
OURS = ("ours", "ours at 160 pixels")
"""The second takes images of the size that the TensorFlow tutorial takes, so that size and recipe can be told apart."""

SHARE = {"photos": 1.0, "sketches": 0.2}
"""Of the published epochs: the drawings are there to rerun the recipes, not to compare them."""

REPEATS = 3
"""Runs of ours: nothing in it is random but its seconds."""


def own_backbones(dataset: str) -> list[str]:
    if dataset == "sketches":
        return ["sketchnet"]
    return [name for name in backbones.names() if name != "sketchnet" and backbones.info(name).available]


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def recipes(dataset: str, seeds: list[int], skip: list[str], share: float | None, images: int | None, folder) -> None:
    share = SHARE[dataset] if share is None else share
    base = "sketchnet" if dataset == "sketches" else "mobilenet_v2_035"
    recorder = results.Recorder(
        "recipes" if dataset == "sketches" else "recipes-photos",
        f"python benchmarks/run.py --dataset {dataset}",
        about="Published recipes and ours on the same images and the same pretrained network, each in a fresh process",
        conditions={
            "data": fingerprint(dataset),
            "share of the epochs": share,
            "training images": images or "all",
            "processor": processor(),
        },
        folder=folder,
    )
    with tempfile.TemporaryDirectory(prefix="tlbook-benchmark-") as passing:
        cache = Path(passing)
        fresh("prepare.py", dataset, cache=cache)
        for name in own_backbones(dataset):
            # What the smaller images cost in accuracy takes one run, and one network.
            for recipe, repeat in [*product(OURS[:1], range(REPEATS)), *([(OURS[1], 0)] if name == base else [])]:
                for variant in ("first run", "later run"):
                    row = {"recipe": recipe, "variant": variant, "backbone": name, "seed": repeat}
                    if recipe in skip or recorder.done(**row):
                        continue
                    if variant == "first run":
                        shutil.rmtree(cache / "features", ignore_errors=True)
                        shutil.rmtree(cache / "backbones", ignore_errors=True)
                    else:
                        if not (cache / "features" / "graphs").is_dir():
                            fresh(
                                "one_recipe.py",
                                *arguments(recipe, variant, dataset, name, repeat, 1, images),
                                cache=cache,
                            )
                        for path in (cache / "features").glob("*.npz"):
                            path.unlink()
                    record(recorder, row, dataset, 1.0, images, cache)
        for seed in seeds:
            for recipe, variant in THEIRS:
                row = {"recipe": recipe, "variant": variant, "backbone": base, "seed": seed}
                if recipe in skip or recorder.done(**row):
                    continue
                record(recorder, row, dataset, share, images, cache)


def arguments(recipe, variant, dataset, backbone, seed, share, images) -> Iterator[str]:
    yield from (recipe, variant, "--dataset", dataset, "--backbone", backbone, "--seed", str(seed))
    yield from ("--share", str(share))
    if images:
        yield from ("--images", str(images))


def record(recorder, row: dict, dataset: str, share: float, images: int | None, cache: Path) -> None:
    found = fresh(
        "one_recipe.py",
        *arguments(row["recipe"], row["variant"], dataset, row["backbone"], row["seed"], share, images),
        cache=cache,
    )
    recorder.add(row, **found)
    print(
        f"{row['recipe']}, {row['variant']}, {row['backbone']}, seed {row['seed']}: {found['accuracy']:.3f}, "
        f"{found['wall_seconds']} s, process {found['process_seconds']} s, {found['peak_megabytes']} MB",
        flush=True,
    )


def fingerprint(dataset: str) -> str:
    from tlbook import datasets

    data = datasets.load(dataset)
    return data.test.fingerprint


def throughput(dataset: str, folder, many: int = 0) -> None:
    recorder = results.Recorder(
        "throughput" if dataset == "sketches" else "throughput-photos",
        f"python benchmarks/run.py --dataset {dataset} --only throughput",
        about="Images a second: the network alone, decoding alone, files to features, and the arithmetic limit",
        conditions={"data": fingerprint(dataset), "processor": processor()},
        folder=folder,
    )
    everything = len(cores())
    counts = sorted({1, 2, everything} & set(range(1, everything + 1)))
    names = own_backbones(dataset)
    plan = [(name, count, None) for name in names for count in (counts if name == names[0] else [everything])]
    plan += [(names[0], everything, files) for files in (250, 500, 1000)]
    with tempfile.TemporaryDirectory(prefix="tlbook-benchmark-") as passing:
        fresh("prepare.py", dataset, cache=Path(passing))
        for name, count, files in plan:
            row = {"work": "files to features", "backbone": name, "cores": count, "images": files or "all"}
            if recorder.done(**row):
                continue
            given = ["--files", files] if files else []
            found = fresh("one_throughput.py", name, "--dataset", dataset, *given, count=count, cache=Path(passing))
            recorder.add(row, **found)
            print(row, {key: value for key, value in found.items() if not key.endswith("passes")}, flush=True)

        if many:
            large_folders(recorder, dataset, names[0], everything, many, Path(passing))


def large_folders(recorder, dataset: str, name: str, everything: int, many: int, passing: Path) -> None:
    """Many photos from files to features, and what ``tlbook train`` takes for them and for a tenth of them."""
    plan = [("files to features", many), ("tlbook train", many // 10), ("tlbook train", many)]
    for work, count in plan:
        row = {"work": work, "backbone": name, "cores": everything, "images": count}
        if recorder.done(**row):
            continue
        copies = passing / f"copies-{count}"
        if not copies.is_dir():
            fresh("make_copies.py", dataset, count, copies, cache=passing)
        if work == "tlbook train":
            found = fresh("one_train.py", copies, name, cache=passing)
        else:
            found = fresh("one_throughput.py", name, "--dataset", dataset, "--folder", copies, cache=passing)
        recorder.add(row, **found)
        print(row, found, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=("photos", "sketches"), default="photos")
    parser.add_argument("--only", choices=("recipes", "throughput"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="SEED")
    parser.add_argument("--skip", nargs="+", default=[], metavar="RECIPE", choices=[*OURS, *dict(THEIRS)])
    parser.add_argument(
        "--many", type=int, default=25_000, metavar="N", help="photos of the largest folder, made of copies"
    )
    parser.add_argument("--share", type=float, help="of the published epochs, for a trial (with --folder)")
    parser.add_argument("--images", type=int, help="training images, for a trial (with --folder)")
    parser.add_argument("--folder", type=Path, help="where to write in place of book/results")
    options = parser.parse_args()
    if (options.share or options.images) and not options.folder:
        parser.error("a trial is not kept in book/results: give --folder too")
    if options.only != "throughput":
        recipes(options.dataset, options.seeds, options.skip, options.share, options.images, options.folder)
    if options.only != "recipes":
        throughput(options.dataset, options.folder, options.many)


if __name__ == "__main__":
    main()
