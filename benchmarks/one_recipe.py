"""One recipe, once, in this process: ``python benchmarks/one_recipe.py RECIPE VARIANT…`` (started by run.py).

Prints, for each variant, accuracy on the images to score on, which of them were right, and what it cost. Variants that share a
stage share its run: the stage counts in full for each. Scoring does not count.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import Clock

clock = Clock()


def arguments():
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("variants", nargs="+")
    parser.add_argument("--dataset", choices=("photos", "sketches"), default="photos")
    parser.add_argument("--backbone", help="of ours")
    parser.add_argument("--pixels", type=int, help="the same image size for all; each its own by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of the published epochs")
    parser.add_argument("--images", type=int, help="only so many training images: for ours others with each seed")
    return parser.parse_args()


def ours(options, folder: Path) -> None:
    from recipes import ours as recipe
    from recipes.material import material

    clock.imported()
    with clock.paused():
        given = material(options.dataset, folder, images=options.images, subset=options.seed)
    right = recipe.probe(given, options.backbone, options.pixels) == given.held.labels
    cost = clock.so_far()
    from tlbook import evaluation

    row = {"accuracy": float(right.mean()), "right": evaluation.pack_right(right), "stages": {}, **cost}
    clock.report(rows={options.variants[0]: row}, keras_imported="keras" in sys.modules)


def theirs(options, folder: Path) -> None:
    import tlbook._quiet  # noqa: F401

    import keras  # isort: skip
    from recipes import RECIPES
    from recipes.material import material

    clock.imported()
    with clock.paused():
        given = material(options.dataset, folder, options.pixels, options.share, options.images)
        from tlbook import evaluation  # with SciPy, which the recipes do not use
    keras.utils.set_random_seed(options.seed)
    shared: dict = {}
    spent = clock.so_far()
    common = dict(spent)
    rows = {}
    for stage in RECIPES[options.recipe].run()(given, options.seed, tuple(options.variants)):
        now = clock.so_far()
        with clock.paused():
            right = stage.right()
            found = {"accuracy": float(right.mean()), "right": evaluation.pack_right(right)}
        took = {name: round(now[name] - spent[name], 2) for name in now}
        spent = clock.so_far()
        if stage.variant is None:
            shared[stage.name] = {**found, **took}
            common = {name: common[name] + took[name] for name in common}
            continue
        rows[stage.variant] = {
            **found,
            **{name: round(common[name] + took[name], 2) for name in common},
            **({} if stage.reported is None else {"reported": float(stage.reported)}),
            "stages": {**shared, stage.name: {**found, **took}},
        }
    clock.report(rows=rows, keras_imported=True)


if __name__ == "__main__":
    given = arguments()
    with TemporaryDirectory(prefix="tlbook-recipe-") as passing:
        (ours if given.recipe == "ours" else theirs)(given, Path(passing))
