"""Do heat maps give a learned shortcut away, cats and dogs apart? Heat on the head for each class, over seeds.

Networks from scratch as in looking_inside.py, trained on the released drawings or on drawings whose background gives the class
away. There the scores are means over both classes; here they are counted for each, since a network may look at the head of one
and at the background of the other. Maps are Grad-CAM of the finer layer for the predicted class, of every fifth test drawing:
as released, and with the giveaway, which is where a cheat can be caught. ``energy`` is the share of the heat on the head and
ears, ``pointing`` the share of the maps whose hottest pixel is there, ``area`` the share of the image that head and ears take;
blank maps are left out, as `interpret.energy_inside` does.
"""

from __future__ import annotations

from experiments import looking_inside, methods
from experiments.looking_inside import RECIPES, SIZES, drawn
from experiments.runner import table
from tlbook import interpret, sketches

ABOUT = {
    "sketches": "Heat on the head, cats and dogs apart, of networks trained with and without a giveaway background"
}
METHOD = "from scratch"
LAYER = looking_inside.LAYERS[METHOD][1]
EVERY = 5


def rows(dataset: str):
    return table("background seed", ("shortcut", "released"), range(5))


def conditions(dataset: str) -> dict:
    return {"recipe": RECIPES[METHOD], "input_size": SIZES[METHOD], "layer": LAYER, "every": EVERY}


def measure(dataset: str, background: str, seed: int) -> dict:
    size = SIZES[METHOD]
    train, validation = (drawn(split, 1, background, size)[:2] for split in ("train", "validation"))
    trained = methods.from_scratch(train, validation, seed, **RECIPES[METHOD])
    row: dict[str, object] = {"process_seconds": round(float(trained.seconds[1]), 1)}
    for shown in ("released", "shortcut", "lying"):
        images, labels, heads = drawn("test", EVERY, shown, size)
        answers = trained.predict(images)
        heat = None
        if shown != "lying":
            heat = interpret.grad_cam(trained.classifier, images, layer=LAYER, upsample=True)
        for label, species in enumerate(sketches.TARGET_SPECIES):
            own = labels == label
            row[f"accuracy {species} {shown}"] = round(float((answers[own] == label).mean()), 4)
            if heat is not None:
                energy = interpret.energy_inside(heat[own], heads[own])
                pointing = interpret.pointing_game(heat[own], heads[own])
                row[f"energy {species} {shown}"] = round(energy.estimate.value, 4)
                row[f"pointing {species} {shown}"] = round(pointing.estimate.value, 4)
                row[f"area {species} {shown}"] = round(energy.chance, 4)
    return row
