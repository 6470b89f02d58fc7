"""Batch normalisation held or running while everything is fine-tuned: what survives at which learning rate?

LP-FT on a hundred sketches, as in the part "rates" of fine_tuning.py, over learning rates, with batch normalisation held (in
inference mode, frozen) and running (statistics of the batch; scale, shift and moving statistics learn too). Besides the test
accuracy of the classifier a row says

moved           how far the kernels of the backbone went, relative to their size
probe_accuracy  test accuracy of a linear probe fitted anew on the features of the network that came out: what they still tell
dead            share of the features that are zero on every test image

The weights kept are those of the epoch with the lowest validation loss, as in fine_tuning.py, whose images, size and epochs these
are. A seed is a choice of the hundred images and an order of the batches; there are three. No rate is chosen: all are shown. Not
run on photos.
"""

from __future__ import annotations

import numpy as np

from experiments import fine_tuning, methods
from experiments.fine_tuning import FEW, LP_FT_TOO, PRETRAINED, RECIPE, SETTINGS
from experiments.runner import table

import keras  # isort: skip

ABOUT = {
    "sketches": "LP-FT on 100 sketches, batch normalisation held or running, over learning rates: accuracy, distance, features"
}
MATERIAL = fine_tuning.MATERIAL["sketches"]
RATES = [1e-4, 5e-4, 2e-3, 1e-2]
EPOCHS = SETTINGS["sketches"]["few_epochs"]


def rows(dataset: str):
    return table("method learning_rate seed", ["LP-FT", LP_FT_TOO], RATES, range(3))


def conditions(dataset: str) -> dict:
    found = MATERIAL.conditions()
    found["images"]["few"] = FEW
    return found | {"recipe": RECIPE | {"epochs": EPOCHS}, "input_size": MATERIAL.size}


def measure(dataset: str, method: str, learning_rate: float, seed: int) -> dict:
    train, validation, test = MATERIAL.few(MATERIAL.images(), FEW, seed)
    recipe = RECIPE | {"epochs": EPOCHS, "learning_rate": learning_rate}
    trained = PRETRAINED[method](MATERIAL.backbone, train, validation, seed, **recipe)
    model = trained.classifier
    body = keras.Model(model.inputs, model.get_layer("head").input)
    after = [(body.predict(x, batch_size=100, verbose=0), y) for x, y in (train, validation, test)]
    found = methods.values(trained, test)
    found["moved"] = round(fine_tuning.moved(model, MATERIAL.backbone), 5)
    found["dead"] = round(float(np.mean((after[2][0] == 0).all(axis=0))), 4)
    again = methods.scores(methods.probe(*after[:2]), after[2])
    return found | {"probe_accuracy": again["test_accuracy"], "right probe": again["right"]}
