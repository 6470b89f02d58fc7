"""Batch normalisation held or running while everything is fine-tuned: what survives at which learning rate?

LP-FT on a hundred images, as in the part "rates" of fine_tuning.py, over learning rates, with batch normalisation held (in
inference mode, frozen) and running (statistics of the batch; scale, shift and moving statistics learn too). Besides the test
accuracy of the classifier a row says

moved           how far the kernels of the backbone went, relative to their size
probe_accuracy  test accuracy of a linear probe fitted anew on the features of the network that came out: what they still tell
                (of one class for all, where every feature is constant)
dead            share of the features that are zero on every test image

The weights kept are those of the epoch with the lowest validation loss, as in fine_tuning.py, whose images, sizes, network and
epochs these are; a seed is a choice of the hundred images and an order of the batches. Three runs a setting, and the rate is
nobody's choice here: all rates are shown. The photos are smaller and fewer than in other chapters, as in fine_tuning.py.
"""

from __future__ import annotations

import numpy as np
from sklearn.dummy import DummyClassifier

from experiments import fine_tuning, methods
from experiments.fine_tuning import FEW, LP_FT_TOO, MATERIAL, PRETRAINED, RECIPE, SETTINGS
from experiments.runner import DATASETS, table

import keras  # isort: skip

ABOUT = {
    dataset: f"LP-FT on 100 {dataset}, batch normalisation held or running, over learning rates: accuracy, distance, features"
    for dataset in DATASETS
}
RATES = {"sketches": [1e-4, 5e-4, 2e-3, 1e-2], "photos": [1e-4, 1e-3, 1e-2]}


def recipe(dataset: str) -> dict:
    return RECIPE | {"epochs": SETTINGS[dataset]["few_epochs"]}


def rows(dataset: str):
    return table("method learning_rate seed", ["LP-FT", LP_FT_TOO], RATES[dataset], range(3))


def conditions(dataset: str) -> dict:
    found = MATERIAL[dataset].conditions()
    found["images"]["few"] = FEW
    return found | {"recipe": recipe(dataset), "input_size": MATERIAL[dataset].size}


def measure(dataset: str, method: str, learning_rate: float, seed: int) -> dict:
    m = MATERIAL[dataset]
    train, validation, test = m.few(m.images(), FEW, seed)
    options = recipe(dataset) | {"learning_rate": learning_rate}
    trained = PRETRAINED[method](m.backbone, train, validation, seed, **options)
    model = trained.classifier
    body = keras.Model(model.inputs, model.get_layer("head").input)
    after = [(body.predict(x, batch_size=100, verbose=0), y) for x, y in (train, validation, test)]
    found = methods.values(trained, test)
    found["moved"] = round(fine_tuning.moved(model, m.backbone), 5)
    found["dead"] = round(float(np.mean((after[2][0] == 0).all(axis=0))), 4)
    told = (
        np.ptp(after[0][0], axis=0) > 0
    ).any()  # where all features are constant, no probe can be fitted: one class for all
    new = methods.probe(*after[:2]) if told else methods.Trained(DummyClassifier().fit(*after[0]))
    again = methods.scores(new, after[2])
    return found | {"probe_accuracy": again["test_accuracy"], "right probe": again["right"]}
