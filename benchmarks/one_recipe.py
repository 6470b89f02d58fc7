"""One recipe, once, in this process: ``python benchmarks/one_recipe.py RECIPE VARIANT`` (started by run.py).

Prints accuracy on the images to score on, which of them were right, and what the process cost; the scores of intermediate
stages are left out of the cost.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import Clock, code_lines

clock = Clock()


def arguments():
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("variant")
    parser.add_argument("--dataset", choices=("photos", "sketches"), default="photos")
    parser.add_argument("--backbone", default="mobilenet_v2_035")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of the published epochs")
    parser.add_argument("--images", type=int, help="training images, for a trial")
    return parser.parse_args()


def ours(options) -> None:
    from recipes import ours as recipe
    from recipes.material import material

    clock.imported()
    given = material(options.dataset, images=options.images)
    size = None if options.recipe == "ours" else 160
    right = recipe.probe(given, options.backbone, size) == given.score.labels
    cost = clock.so_far()
    from tlbook import evaluation

    clock.report(
        **cost,
        accuracy=float(right.mean()),
        reported=float(right.mean()),
        right=evaluation.pack_right(right),
        stages={},
        code_lines=code_lines(recipe.probe, *recipe.HELPERS),
        keras_imported="keras" in sys.modules,
    )


def theirs(options) -> None:
    import tlbook._quiet  # noqa: F401

    import keras  # isort: skip
    from recipes import chollet, keras_guide, tensorflow_tutorial
    from recipes.material import material

    clock.imported()
    functions = {
        ("tensorflow-tutorial", "published"): (tensorflow_tutorial.published, tensorflow_tutorial.HELPERS),
        ("tensorflow-tutorial", "repaired"): (tensorflow_tutorial.repaired, tensorflow_tutorial.HELPERS),
        ("keras-guide", "published"): (keras_guide.published, keras_guide.HELPERS),
        ("keras-guide", "repaired"): (keras_guide.repaired, keras_guide.HELPERS),
        ("chollet-scratch", "published"): (chollet.scratch, chollet.HELPERS[chollet.scratch]),
        ("chollet-augmented", "published"): (chollet.augmented, chollet.HELPERS[chollet.augmented]),
        ("chollet-cached", "published"): (chollet.cached, chollet.HELPERS[chollet.cached]),
        ("chollet-tuned", "published"): (chollet.tuned, chollet.HELPERS[chollet.tuned]),
        ("chollet-tuned", "repaired"): (chollet.tuned_repaired, chollet.HELPERS[chollet.tuned_repaired]),
    }
    function, helpers = functions[options.recipe, options.variant]
    keras.utils.set_random_seed(options.seed)
    given = material(options.dataset, options.share, options.images)
    stages = {}

    def score(stage: str, model, size: int) -> None:
        with clock.paused():
            from tlbook import evaluation  # with SciPy, which the recipes do not use

            stages[stage] = evaluation.pack_right(given.right(model, size))

    reported = function(given, options.seed, score)
    cost = clock.so_far()
    from tlbook import evaluation

    last = list(stages.values())[-1]
    count = len(given.score)
    accuracies = {stage: float(evaluation.unpack_right(packed, count).mean()) for stage, packed in stages.items()}
    clock.report(
        **cost,
        accuracy=list(accuracies.values())[-1],
        reported=float(reported),
        right=last,
        stages={stage: {"accuracy": accuracies[stage], "right": stages[stage]} for stage in stages},
        code_lines=code_lines(function, *helpers),
        keras_imported=True,
    )


if __name__ == "__main__":
    given = arguments()
    (ours if given.recipe.startswith("ours") else theirs)(given)
