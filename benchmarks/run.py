"""Other people's recipes and ours, and how fast the network could be: each measured run a fresh process.

    python benchmarks/run.py [--dataset photos|sketches] [--only recipes|throughput|versions] [--seeds 0 1 2] [--recipes NAME …]

Writes book/results/recipes-photos.json, throughput-photos.json and, by versions.py, versions-photos.json (for the sketches
recipes.json and throughput.json, the recipes with a fifth of their epochs); interrupted and called again, it goes on where it
was, and several may fill one file, each with recipes or seeds of its own. The photos need TLBOOK_DATA or a network. A recipe is
held to one core, so that its processor seconds mean the same beside other work; the throughput wants a machine that does nothing
else.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from itertools import product
from pathlib import Path

from measure import cores, fresh
from recipes import RECIPES
from versions import versions

from tlbook import _files, backbones, results

SHARE = {"photos": 1.0, "sketches": 0.2}
"""Of the published epochs: the drawings are there to rerun the recipes, not to compare them."""

SIZES = {"photos": (None, 224), "sketches": (None,)}
"""Image size of all recipes: each its own, as published, and then one for all."""

REPEATS = 3
"""Runs of ours: nothing in it is random but its seconds."""

FEW, FEW_SEEDS = 200, 5
"""Training photos of one more arm of ours, and how many draws of them."""


def own_backbones(dataset: str) -> list[str]:
    if dataset == "sketches":
        return ["sketchnet"]
    return [name for name in backbones.names() if name != "sketchnet" and backbones.info(name).available]


def recipes(options) -> None:
    dataset, images = options.dataset, options.images
    share = SHARE[dataset] if options.share is None else options.share
    recorder = results.Recorder(
        "recipes" if dataset == "sketches" else "recipes-photos",
        f"python benchmarks/run.py --dataset {dataset} --only recipes",
        about="Published recipes and ours on the same images and the same pretrained network, each run on one core",
        conditions={
            "data": fingerprint(dataset),
            "share of the epochs": share,
            "training images": images or "all",
            "processor": _files.processor(),
        },
        folder=options.folder,
    )
    with tempfile.TemporaryDirectory(prefix="tlbook-benchmark-") as passing:
        cache = Path(passing)
        fresh("prepare.py", dataset, cache=cache)
        if "ours" in options.recipes:
            ours(recorder, dataset, images, cache)
        # All seeds of a recipe last: an interrupted run has one of each before it has two of any.
        for seed, pixels in product(options.seeds, SIZES[dataset] if options.pixels is None else options.pixels):
            for name in options.recipes:
                for variants in RECIPES[name].groups if name in RECIPES else ():
                    rows = {variant: row(name, variant, NETWORKS[dataset], pixels, seed) for variant in variants}
                    missing = [variant for variant in variants if not recorder.done(**rows[variant])]
                    if missing:
                        found = fresh(
                            "one_recipe.py",
                            *arguments(name, missing, dataset, pixels, seed, share, images),
                            count=1,
                            cache=cache,
                        )
                        for variant in missing:
                            add(recorder, rows[variant], found, variant)


NETWORKS = {"photos": "mobilenet_v2_035", "sketches": "sketchnet"}


def row(recipe: str, variant: str, backbone: str, pixels: int | None, seed: int) -> dict:
    return {"recipe": recipe, "variant": variant, "backbone": backbone, "pixels": pixels or "published", "seed": seed}


def ours(recorder, dataset: str, images: int | None, cache: Path) -> None:
    """One pass and a probe: first with nothing stored, then with the network's ONNX graph on disk, but no features."""
    for name, pixels in product(own_backbones(dataset), (None, 160) if dataset == "photos" else (None,)):
        for repeat, variant in product(range(REPEATS), ("first run", "later run")):
            settings = row("ours", variant, name, pixels, repeat)
            if recorder.done(**settings):
                continue
            command = arguments("ours", [variant], dataset, pixels, repeat, 1, images, name)
            if variant == "first run":
                shutil.rmtree(cache / "features", ignore_errors=True)
                shutil.rmtree(cache / "backbones", ignore_errors=True)
            elif not (cache / "features" / "graphs").is_dir():
                fresh("one_recipe.py", *command, count=1, cache=cache)
            forget_features(cache)
            add(recorder, settings, fresh("one_recipe.py", *command, count=1, cache=cache), variant)
    if dataset == "photos":
        few(recorder, dataset, cache)


def few(recorder, dataset: str, cache: Path) -> None:
    """The probe on a few photos, others each time: what a reader has, rather than what the recipes were given."""
    for seed in range(FEW_SEEDS):
        settings = row(f"ours, {FEW} photos", "later run", NETWORKS[dataset], None, seed)
        if not recorder.done(**settings):
            forget_features(cache)
            command = arguments("ours", ["later run"], dataset, None, seed, 1, FEW, NETWORKS[dataset])
            add(recorder, settings, fresh("one_recipe.py", *command, count=1, cache=cache), "later run")


def forget_features(cache: Path) -> None:
    """So that a run has never seen its photos; the network's graph stays."""
    for path in (cache / "features").glob("*.npz"):
        path.unlink()


def arguments(recipe, variants, dataset, pixels, seed, share, images, backbone=None) -> list[str]:
    given = [recipe, *variants, "--dataset", dataset, "--seed", seed, "--share", share]
    for name, value in (("--pixels", pixels), ("--images", images), ("--backbone", backbone)):
        given += [name, value] if value else []
    return [str(one) for one in given]


def add(recorder, settings: dict, found: dict, variant: str) -> None:
    values = {name: found[name] for name in ("import_wall_seconds", "import_process_seconds", "peak_megabytes")}
    recorder.add(settings, **found["rows"][variant], **values, keras_imported=found["keras_imported"])
    print(settings, {name: found["rows"][variant][name] for name in ("accuracy", "process_seconds")}, flush=True)


def fingerprint(dataset: str) -> str:
    from tlbook import datasets

    data = datasets.load(dataset)
    return data.test.fingerprint


def throughput(dataset: str, folder, many: int = 0) -> None:
    recorder = results.Recorder(
        "throughput" if dataset == "sketches" else "throughput-photos",
        f"python benchmarks/run.py --dataset {dataset} --only throughput",
        about="Images a second: the network alone, decoding alone, files to features, and the arithmetic limit",
        conditions={"data": fingerprint(dataset), "processor": _files.processor()},
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
    parser.add_argument("--only", choices=("recipes", "throughput", "versions"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="SEED")
    parser.add_argument(
        "--recipes", nargs="+", default=["ours", *RECIPES], metavar="RECIPE", choices=["ours", *RECIPES]
    )
    parser.add_argument("--pixels", type=int, nargs="+", choices=[0, 224], help="0: each recipe's own size")
    parser.add_argument(
        "--many", type=int, default=25_000, metavar="N", help="photos of the largest folder, made of copies"
    )
    parser.add_argument("--share", type=float, help="of the published epochs, for a trial (with --folder)")
    parser.add_argument("--images", type=int, help="training images, for a trial (with --folder)")
    parser.add_argument("--folder", type=Path, help="where to write in place of book/results")
    options = parser.parse_args()
    if (options.share or options.images) and not options.folder:
        parser.error("a trial is not kept in book/results: give --folder too")
    if options.only in (None, "recipes"):
        recipes(options)
    if options.only in (None, "throughput"):
        throughput(options.dataset, options.folder, options.many)
    if options.only == "versions" or (options.only is None and options.dataset == "photos"):
        versions(options.folder)


if __name__ == "__main__":
    main()
