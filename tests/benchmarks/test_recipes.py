"""Other people's recipes: what the code does is what the chapter's table says, for every recipe."""

from __future__ import annotations

import dataclasses
import re
import sys

import nbformat
import numpy as np
import pytest

from tlbook import results
from tools import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

from recipes import RECIPES, originals

pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A few sketches that pass for photos, so that each recipe takes its published size."""
    from recipes.material import material

    small = material("sketches", tmp_path_factory.mktemp("material"), images=128)
    return dataclasses.replace(small, dataset="photos", held=small.held.take(64))


class Traced:
    """What the recipes ask of Keras, written down instead of done."""

    def __init__(self, monkeypatch):
        import keras
        from recipes import fastai_fine_tune, material

        self.augmentation: list[str] = []
        self.stages: list[str] = []
        self.heads: list[str] = []
        self.pixels: set[int] = set()
        self.batches: set[int] = set()
        self.normalisation_held: list[bool] = []
        self.base = None

        def mobilenet(inputs):
            self.base = keras.applications.MobileNetV2(input_tensor=inputs, alpha=0.35, include_top=False, weights=None)
            return self.base

        def fit(model, x=None, y=None, batch_size=None, epochs=1, initial_epoch=0, **others):
            self.stage(model, x, batch_size, epochs - initial_epoch)

        def predict(model, x=None, **others):
            count = len(np.concatenate([np.asarray(batch[0])[:, 0, 0, 0] for batch in x]))
            return np.zeros((count, *model.output.shape[1:]), np.float32)

        monkeypatch.setattr(material, "mobilenet", mobilenet)
        # So few steps may miss the top of the cycle.
        monkeypatch.setattr(fastai_fine_tune, "one_cycle", lambda steps, highest, up, div: np.full(steps, highest))
        monkeypatch.setattr(keras.Model, "fit", fit)
        monkeypatch.setattr(keras.Model, "predict", predict)
        monkeypatch.setattr(keras.Model, "evaluate", lambda *args, **others: [0.0, 0.5])
        for name in ("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast"):
            self.watch(monkeypatch, name)

    def watch(self, monkeypatch, name):
        import keras

        layer = getattr(keras.layers, name)

        def made(*given, **named):
            shown = ", ".join(map(str, given)) or ("horizontal_and_vertical" if name == "RandomFlip" else "")
            self.augmentation.append(f"{name}({shown})")
            return layer(*given, **named)

        monkeypatch.setattr(keras.layers, name, made)

    def stage(self, model, x, batch_size, epochs):
        import keras

        optimizer = model.optimizer
        rate = optimizer._learning_rate
        highest = max(rate.table) if hasattr(rate, "table") else float(rate)
        trained = what_is_trained(model, self.base)
        plural = "" if epochs == 1 else "s"
        self.stages.append(f"{epochs} epoch{plural}, {type(optimizer).__name__} {highest:g}, {trained}")
        norms = [
            layer
            for layer in (self.base.layers if self.base else [])
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        self.normalisation_held.append(not any(layer.trainable for layer in norms))
        self.heads.append(head_of(model, self.base))
        if isinstance(x, np.ndarray):
            self.batches.add(batch_size)
            return
        self.pixels.add(model.input_shape[1])
        if hasattr(x, "batch_size"):
            self.batches.add(x.batch_size)
        else:
            self.batches.add(len(next(iter(x))[0]))


def owned(base):
    return {id(layer) for layer in [base, *base.layers]} if base is not None else set()


def what_is_trained(model, base) -> str:
    import keras

    if base is None:
        return "everything"
    own = [layer for layer in base.layers if layer.weights]
    on = [layer for layer in own if layer.trainable and any(v.trainable for v in layer.variables)]
    inside = any(layer is base for layer in model.layers) or any(layer is base.layers[-1] for layer in model.layers)
    kinds = {isinstance(layer, keras.layers.BatchNormalization) for layer in on}
    if not inside or not on:
        return "head"
    if len(on) == len(own) or (
        kinds == {False} and len(on) == sum(not isinstance(layer, keras.layers.BatchNormalization) for layer in own)
    ):
        return "everything"
    if kinds == {True}:
        return "head and BatchNorm"
    first = next(i for i, layer in enumerate(base.layers) if layer in on)
    if any(layer is base for layer in model.layers):
        start = next(i for i, layer in enumerate(base.layers) if layer.trainable)
        return f"from layer {start} of {len(base.layers)}" if start < 150 else "last four layers"
    return "last 20 layers" if base.layers[first].name == "block_15_project" else f"from {base.layers[first].name}"


def head_of(model, base) -> str:
    shown = []
    inside = owned(base)
    skip = ("InputLayer", "Rescaling", "Sequential", "Functional", "Conv2D", "MaxPooling2D")
    for layer in model.layers:
        kind = type(layer).__name__
        if id(layer) in inside or kind in skip or kind.startswith("Random"):
            continue
        if kind == "Dense":
            activation = layer.activation.__name__
            shown.append(f"Dense({layer.units})" if activation == "linear" else f"Dense({layer.units}, {activation})")
        elif kind == "Dropout":
            shown.append(f"Dropout({layer.rate:g})")
        else:
            shown.append(kind)
    return ", ".join(shown)


@pytest.mark.parametrize("name", RECIPES)
def test_the_code_does_what_the_table_says(name, given, monkeypatch):
    told = originals.ORIGINALS[name]
    for variants in RECIPES[name].groups:
        traced = Traced(monkeypatch)
        for stage in RECIPES[name].run()(given, 0, variants):
            assert stage.right().shape == (64,)
        cached = ", then cached" if name == "keras-guide-3" else ""
        assert (", ".join(traced.augmentation) or "none") + cached == told.augmentation
        assert traced.pixels <= {told.pixels}
        assert traced.batches == {told.batch_size}
        # A head is the same in all stages; a small network has no other layers with units.
        assert set(traced.heads) == {told.head}
        assert traced.stages[: len(told.stages)] == list(told.stages)
        # Every further stage is another variant of the last one, and differs from it in one thing.
        last = told.stages[-1].rsplit(", ", 1)
        for variant, found in zip(variants[1:], traced.stages[len(told.stages) :], strict=True):
            trained = {"BatchNorm frozen": last[1], "whole blocks": "from block_15_expand"}.get(variant, variant)
            assert found == f"{last[0]}, {trained}"
        if "BatchNorm frozen" in variants:
            assert traced.normalisation_held == [True, False, True]


def test_every_recipe_has_an_origin_and_stands_in_the_chapters_tables():
    assert set(originals.ORIGINALS) == set(RECIPES)
    notebook = nbformat.read(ROOT / "book" / "recipes.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for row in [*originals.origins(), *originals.reruns()]:
        assert row in text.splitlines(), row


def test_the_front_page_and_the_readme_show_a_number_of_the_chapter():
    notebook = nbformat.read(ROOT / "book" / "recipes.ipynb", as_version=4)
    printed = "\n".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    (row,) = [line for line in printed.splitlines() if line.startswith("one pass, then a probe")]
    accuracy = re.fullmatch(r".*?(\d.*?\))\s+\d+\s.*", row)[1]
    first = results.load("recipes-photos").select(
        recipe="ours", variant="first run", backbone="mobilenet_v2_035", pixels="published"
    )
    seconds = round(first.spread("process_seconds").median)
    for page in ("README.md", "book/index.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert f"**{accuracy}** (95 % interval) of 1,000 test photos" in text
        assert f"after {seconds} CPU seconds (a first run, imports included)" in text


def test_augmentation_cached_is_the_same_in_each_epoch_and_drawn_anew_is_not(given, monkeypatch):
    from recipes import keras_guide

    seen = {}

    def fit(model, x=None, **others):
        seen.setdefault("passes", [np.concatenate([np.asarray(batch[0]) for batch in x]) for _ in range(2)])

    import keras

    monkeypatch.setattr(keras.Model, "fit", fit)
    small = dataclasses.replace(given, dataset="sketches", train=given.train.take(8))
    for variants, same in ((("published",), True), ((keras_guide.ANEW,), False)):
        seen.clear()
        next(iter(keras_guide.run(small, 0, variants)))
        assert np.array_equal(*seen["passes"]) == same


def test_an_epoch_chosen_on_one_half_is_scored_on_the_other(given):
    import keras
    from recipes.material import chosen_elsewhere

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    chosen = chosen_elsewhere(given, 96)
    labels = given.held.labels
    first, second = given.halves()
    assert sorted([*first, *second]) == list(range(len(labels)))
    assert not set(first) & set(second)
    answers = iter(
        [
            np.where(
                np.isin(np.arange(len(labels)), first), 1 - labels, labels
            ),  # bad on the first half, good on the second
            np.where(np.isin(np.arange(len(labels)), first), labels, 1 - labels),  # the other way round
        ]
    )
    chosen.set_model(model)
    model.predict = lambda *args, **others: next(answers).reshape(-1, 1).astype("float32")
    chosen.on_epoch_end(0)
    chosen.on_epoch_end(1)
    # Chosen where it is good, every epoch is scored where it is bad: nothing leaks from the half that is scored.
    assert not chosen.right.any()
