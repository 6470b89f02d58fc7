"""How small and fast can a network become before it costs accuracy?

Each row belongs to a part:

choice  of what distillation and training on labels are given, on validation data: one run at each setting, of a seed that the
        runs to be tested do not have. The setting with the lowest validation loss is taken.
test    the teacher (sketchnet, LP-FT by the recipe of "Choosing a backbone", which was tuned for none), the student
        (zoo_width_50) trained on labels alone, on the teacher's logits for the same drawings beside the labels, and on the
        teacher's logits alone for these and 720 further drawings; and the linear probe of either network. Run i of the student
        has teacher i.
format  a trained network as an ONNX file: in float32, with kernels in float16, in int8 with a scale for each channel or for each
        tensor. Ranges come from 64 training images.

All students start from the same pretrained weights with a linear probe as their head (LP-FT), take as many steps, and have the
rate fall by a cosine after a tenth of them; batch normalisation is frozen, the last weights are kept, nothing is augmented.
The times are of one image at a time on one thread; float32 and the other format were timed by turns in one process.

Photos have the part "format" alone, on linear probes of two networks.
"""

from __future__ import annotations

import functools
import tempfile
import time
from pathlib import Path

import numpy as np

from experiments import methods
from experiments.material import Material, Pair
from experiments.runner import table
from tlbook import backbones, evaluation, features, results, sketches, transfer
from tlbook.classifier import compact
from tlbook.features import engines

import keras  # isort: skip

ABOUT = {
    "sketches": "A teacher, smaller students trained with and without it, and both as smaller files, on 240 sketches",
    "photos": "Linear probes of two networks as smaller files, on 400 photos",
}
TEACHER, STUDENT = "sketchnet", "zoo_width_50"
LABELS, SAME, MORE = "LP-FT", "distilled", "distilled, more drawings"
PHOTO_NETWORKS = ["mobilenet_v2_035", "efficientnet_lite0"]
FORMATS = ["float32", "float16", "int8", "int8 per tensor"]
RECIPE = {"epochs": 8, "batch_size": 32, "warmup": 0.1}  # epochs over 240 drawings
TEACHER_RECIPE = methods.COMMON | {"learning_rate": 5e-4, "epochs": 7, "batch_size": 32}
UNLABELLED, CALIBRATION, CHOICE_SEED = 720, 64, 100
RATES = ["0.001", "0.003", "0.01"]
GRIDS = {
    LABELS: table("rate temperature weight", RATES, "-", "-"),
    SAME: table("rate temperature weight", RATES, "2", ["0.1", "0.5"])
    + table("rate temperature weight", RATES[0], "6", ["0.1", "0.5"]),
    MORE: table("rate temperature weight", RATES, "2", "0") + table("rate temperature weight", RATES[0], "6", "0"),
}
MATERIAL = {
    "sketches": Material("sketches", 96),
    "photos": Material("photos", 224, take=(("train", 400), ("validation", 200))),
}


def rows(dataset: str):
    row = functools.partial(table, "part network method format rate temperature weight seed")
    if dataset == "photos":
        yield from row("format", PHOTO_NETWORKS, "linear probe", FORMATS, "-", "-", "-", 0)
        return
    for method, grid in GRIDS.items():
        for one in grid:
            yield {"part": "choice", "network": STUDENT, "method": method, "format": "-", **one, "seed": CHOICE_SEED}
    yield from row("test", [TEACHER, STUDENT], "linear probe", "-", "-", "-", "-", range(5))
    yield from row("test", TEACHER, LABELS, "-", "-", "-", "-", range(5))
    yield from row("test", STUDENT, list(GRIDS), "-", "chosen", "chosen", "chosen", range(5))
    yield from row("format", TEACHER, LABELS, FORMATS, "-", "-", "-", range(5))


def conditions(dataset: str) -> dict:
    found = {name: value for name, value in MATERIAL[dataset].conditions().items() if name != "backbone"}
    networks = PHOTO_NETWORKS if dataset == "photos" else [TEACHER, STUDENT]
    found["backbones"] = {name: _backbone(dataset, name).fingerprint for name in networks}
    found |= {"input_size": MATERIAL[dataset].size, "calibration": CALIBRATION}
    if dataset == "sketches":
        found |= {"recipe": RECIPE, "recipe of the teacher": TEACHER_RECIPE, "unlabelled": UNLABELLED}
    return found


def measure(
    dataset: str, part: str, network: str, method: str, format: str, rate: str, temperature: str, weight: str, seed: int
) -> dict:
    view = MATERIAL[dataset].images()
    if part == "format":
        model = teacher(seed) if dataset == "sketches" else _probed(dataset, network)
        return as_file(model, format, view["train"], view["test"])
    if method == "linear probe":
        return methods.values(_probe(dataset, network), _features(dataset, network)["test"]) | _size(
            _backbone(dataset, network).model
        )
    if network == TEACHER:
        return methods.values(_taught(seed), view["test"]) | _size(teacher(seed))
    if part == "test":
        rate, temperature, weight = chosen(method)
    trained = student(method, float(rate), temperature, weight, seed, teacher(seed % CHOICE_SEED))
    x, y = view["validation"]
    logits = trained.classifier.predict(x, batch_size=100, verbose=0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, logits)
    values = {
        "validation_loss": round(float(loss), 4),
        "validation_accuracy": float((logits.argmax(axis=1) == y).mean()),
    }
    if part == "choice":
        return values
    used = {"rate used": rate, "temperature used": temperature, "weight used": weight}
    return methods.values(trained, view["test"]) | values | used | _size(trained.classifier)


def chosen(method: str) -> tuple[str, str, str]:
    """Rate, temperature and weight of the labels with the lowest validation loss; needs the rows of the part "choice"."""
    tried = results.load("small-enough").select(part="choice", method=method)
    if len(tried) < len(GRIDS[method]):
        raise ValueError(f"{method} has {len(tried)} settings: compute the part choice first")
    best = min(tried, key=lambda row: row["validation_loss"])
    return tuple(str(best[name]) for name in ("rate", "temperature", "weight"))


def _size(model: keras.Model) -> dict:
    return {"bytes": 4 * model.count_params()}


@functools.cache
def _backbone(dataset: str, network: str) -> backbones.Backbone:
    return backbones.load(network, input_size=MATERIAL[dataset].size)


@functools.cache
def _features(dataset: str, network: str) -> dict[str, Pair]:
    view = MATERIAL[dataset].images()
    return {name: (features.extract(_backbone(dataset, network), x, cache=False), y) for name, (x, y) in view.items()}


@functools.cache
def _probe(dataset: str, network: str) -> methods.Trained:
    found = _features(dataset, network)
    return methods.probe(found["train"], found["validation"])


@functools.cache
def _probed(dataset: str, network: str) -> keras.Model:
    return transfer.attach_head(_backbone(dataset, network), _probe(dataset, network).classifier)


@functools.cache
def _taught(seed: int) -> methods.Trained:
    view = MATERIAL["sketches"].images()
    start = _probe("sketches", TEACHER)
    options = {"fitted": start.classifier, **TEACHER_RECIPE}
    trained = methods.lp_ft(_backbone("sketches", TEACHER), view["train"], view["validation"], seed, **options)
    return trained.after(start.seconds)


def teacher(seed: int) -> keras.Model:
    return _taught(seed).classifier


@functools.cache
def unlabelled() -> np.ndarray:
    """Further cats and dogs, of a seed that no other set has; nobody uses their labels."""
    return sketches.make_set(sketches.TARGET_SPECIES, UNLABELLED // 2, seed=9400, size=MATERIAL["sketches"].size).images


def student(
    method: str, rate: float, temperature: str, weight: str, seed: int, teacher: keras.Model
) -> methods.Trained:
    """One way of training the small network: by `keras.Model.fit`, or by that of Keras's Distiller."""
    x, y = MATERIAL["sketches"].images()["train"]
    began = methods.clock()
    keras.utils.set_random_seed(seed)
    model = transfer.attach_head(_backbone("sketches", STUDENT), _probe("sketches", STUDENT).classifier)
    transfer.unfreeze(model)
    epochs = RECIPE["epochs"]
    if method == MORE:
        x = np.concatenate([x, unlabelled()])
        y = np.zeros(len(x), int)  # the Distiller asks for labels, and gives these the weight 0
        epochs = epochs * 240 // len(x)
    fitted = model
    if method != LABELS:
        # an instance: of the name that is the default, Keras 3.15 makes a function, which then gets logits as if they were shares
        divergence = keras.losses.KLDivergence()
        loss = keras.distillation.LogitsDistillation(temperature=float(temperature), loss=divergence)
        fitted = keras.distillation.Distiller(teacher, model, loss, student_loss_weight=float(weight))
    steps = epochs * -(-len(x) // RECIPE["batch_size"])
    warmup = round(RECIPE["warmup"] * steps)
    rates = keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    fitted.compile(optimizer=keras.optimizers.Adam(rates), loss=cross_entropy, jit_compile=False)
    fitted.fit(x, y, batch_size=RECIPE["batch_size"], epochs=epochs, verbose=0)
    count = sum(int(np.prod(one.shape)) for one in model.trainable_variables)
    return methods.Trained(model, count, methods.clock() - began + _probe("sketches", STUDENT).seconds)


@functools.lru_cache(maxsize=1)
def _exported(model: keras.Model) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        engines.write_graph(model, path)
        return path.read_bytes()


def as_file(model: keras.Model, format: str, train: Pair, test: Pair) -> dict:
    """Accuracy of an ONNX file, its size, and how many times as fast as float32 it is."""
    whole = _exported(model)
    began = methods.clock()
    if format == "float16":
        graph = compact.in_float16(whole)
    elif format != "float32":
        some = train[0][np.random.default_rng(0).permutation(len(train[0]))[:CALIBRATION]].astype(np.float32)
        graph = compact.in_int8(whole, np.split(some, 8), per_channel=format == "int8")
    else:
        graph = whole
    seconds = methods.clock() - began
    session, other = engines.open_session(graph), engines.open_session(whole)
    run = engines.runner(session)
    logits = np.concatenate([run(image[None])[0] for image in test[0]])
    right = logits.argmax(axis=1) == test[1]
    one, reference = _times([run, engines.runner(other)], test[0][:16])
    values = {"test_accuracy": float(right.mean()), "right": evaluation.pack_right(right), "bytes": len(graph)}
    values |= {
        "parameters": 0,
        "wall_seconds": round(float(seconds[0]), 3),
        "process_seconds": round(float(seconds[1]), 3),
    }
    return values | {"milliseconds": round(1000 * one, 3), "times as fast": round(reference / one, 2)}


def _times(runs: list, images: np.ndarray) -> list[float]:
    """The quickest of five passes by each in turn, in seconds for one image."""
    least = [np.inf] * len(runs)
    for _ in range(5):
        for place, run in enumerate(runs):
            began = time.perf_counter()
            for image in images:
                run(image[None])
            least[place] = min(least[place], (time.perf_counter() - began) / len(images))
    return least
