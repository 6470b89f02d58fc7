"""How much of a network has to change, to be adapted? All weights, a few, the top from cached activations, means of weights.

Each row belongs to a part:

choice    of the learning rate: every arm at every rate of one grid, one run, of a seed that no run to be tested has. The rate
          with the lowest validation loss is taken. Of the top, each cut with each number of views chooses for itself.
test      runs with the rate taken.
averages  LP-FT run several times on the same images, with other orders of the batches; the means of the weights of probe and
          LP-FT (WiSE-FT) and of the runs (soup); on sketches also a rate that stays constant, and the moving mean of the weights
          of that same run (EMA), which the rate is chosen for. Tested on shifted images, too: sketches by every dial, at the
          strengths of never_met.py, or photos of the Oxford sample.

What is trained starts from the linear probe as head, and sees the same augmented images in the same batches; the only difference
is what may change. The last weights are kept. "BatchNorm" trains scale and offset and holds the statistics;
"BatchNorm, statistics too" is what ``layer.trainable = True`` does. "top" trains what is above the layer of its variant, on
activations of as many views of each image, stored in float16: the first passes that the others see. Depthwise kernels are trained
where the network has some: that of the photos. A seed is a choice of the training images and of their order. Seconds are the
processor's for all steps, of the top also for the activations; not for the probe's fit, the augmented images and Keras's
compilation. Bytes are those of the weights that differ from the pretrained ones, in float32.
"""

from __future__ import annotations

import functools

import numpy as np

from experiments import methods
from experiments.material import Material, Pair, redrawn, some
from experiments.methods import Trained
from experiments.never_met import STRENGTHS
from experiments.runner import DATASETS, table
from tlbook import evaluation, results, sketches, transfer

import keras  # isort: skip

ABOUT = dict.fromkeys(
    DATASETS,
    "Test accuracy and cost of adapting all of a network, few of its weights, its top from cached activations, or means",
)
SETTINGS = {
    "sketches": {
        "input_size": 64, "few": 100, "passes": 16, "seeds": 5, "orders": 3, "tested": 200,
        "rates": [3e-4, 1e-3, 3e-3, 1e-2], "rank": 4, "ema_momentum": 0.9,
        "tops": ["stage1, 4", "stage2, 1", "stage2, 4", "stage2, 16", "stage3, 4"],
    },
    "photos": {
        "input_size": 96, "few": 100, "passes": 10, "seeds": 3, "orders": 1,
        "rates": [1e-4, 3e-4, 1e-3, 3e-3], "rank": 4,
        "tops": ["block_12_add, 5", "block_15_add, 5"],
    },
}  # fmt: skip
RECIPE = {"optimizer": "adam", "schedule": "cosine", "batch_size": 25, "warmup": 0.05}
"""The warm-up is a share of the steps."""
MATERIAL = {
    "sketches": Material("sketches", 64),
    "photos": Material("photos", 96, take=(("train", 400), ("validation", 200))),
}
OXFORD = Material("oxford", 96)
PROBE, LP_FT, TOP, CONSTANT = "linear probe", "LP-FT", "top", "constant rate"
KINDS = {"BatchNorm": "batch_norm", "biases": "bias", "depthwise kernels": "depthwise"}
RUNNING, LORA, ADAPTERS = "BatchNorm, statistics too", "LoRA", "adapters"
BEYOND = {("sketches", "adapters", "-"): ["0.0001"], ("sketches", "constant rate", "-"): ["0.0001"]}
"""Rates of an arm that was best at an end of the grid."""
ALPHAS = [0.25, 0.5, 0.75]
CHOICE_SEED = 100


def arms(dataset: str) -> list[str]:
    """What trains by gradient descent on images."""
    if dataset == "photos":
        return [LP_FT, "BatchNorm", "depthwise kernels", LORA, ADAPTERS]
    return [LP_FT, "BatchNorm", "biases", RUNNING, LORA, ADAPTERS]


def tops(dataset: str) -> list[str]:
    return [f"{one} views" for one in SETTINGS[dataset]["tops"]]


def rows(dataset: str):
    setting = SETTINGS[dataset]
    row = functools.partial(table, "part method variant rate seed")
    rates = [f"{rate:g}" for rate in setting["rates"]]
    seeds, orders = range(setting["seeds"]), range(setting["orders"])
    constant = [CONSTANT] if dataset == "sketches" else []
    ways = [(method, "-") for method in [*arms(dataset), *constant]] + [(TOP, variant) for variant in tops(dataset)]
    yield from row("test", PROBE, "-", "chosen", seeds)
    for method, variant in ways:  # one after another: an arm's compiled model is kept for its rows
        yield from row("choice", method, variant, rates + BEYOND.get((dataset, method, variant), []), CHOICE_SEED)
        if method != CONSTANT:
            yield from row("test", method, variant, "chosen", seeds)
    for seed in seeds:
        yield from row("averages", PROBE, "-", "chosen", seed)
        yield from row("averages", LP_FT, [f"order {order}" for order in orders], "chosen", seed)
        yield from row("averages", "WiSE-FT", [f"{alpha:g}" for alpha in ALPHAS], "chosen", seed)
        if dataset == "sketches":
            yield from row("averages", ["soup", CONSTANT, "EMA"], "-", "chosen", seed)


def conditions(dataset: str) -> dict:
    found = MATERIAL[dataset].conditions()
    found["images"]["few"] = SETTINGS[dataset]["few"]
    shifts = STRENGTHS if dataset == "sketches" else {"oxford": len(OXFORD.splits["test"])}
    return found | {
        "setting": SETTINGS[dataset],
        "recipe": RECIPE,
        "shifts": shifts,
        "epochs": SETTINGS[dataset]["passes"],
    }


def measure(dataset: str, part: str, method: str, variant: str, rate: str, seed: int) -> dict:
    if part == "averages":
        return averages(dataset, method, variant, seed)
    _, validation, test = images(dataset, seed)
    if method == PROBE:
        fitted = probe(dataset, seed)
        return methods.values(fitted, test) | {"bytes": 4 * fitted.parameters}
    rate_ = float(rate) if part == "choice" else chosen(dataset, method, variant)
    way = arm(dataset, method, variant)
    row = way.run(seed, rate_)
    if part == "choice":
        logits = way.whole.predict(validation[0], batch_size=100, verbose=0)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(validation[1], logits)
        right = evaluation.predictions(logits) == validation[1]
        return {"validation_loss": round(float(loss), 4), "validation_accuracy": float(right.mean())}
    row |= methods.scores(Trained(way.whole), test) | {"learning_rate": rate_}
    return row | {"parameters": transfer.parameter_count(way.model), "bytes": 4 * way.changed()}


def chosen(dataset: str, method: str, variant: str) -> float:
    """The rate with the lowest validation loss."""
    tried = results.load("cheaper" if dataset == "sketches" else f"cheaper-{dataset}")
    tried = tried.select(part="choice", method=method, variant=variant)
    wanted = len(SETTINGS[dataset]["rates"]) + len(BEYOND.get((dataset, method, variant), []))
    if len(tried) < wanted:
        raise ValueError(
            f"{method}, {variant}: {len(tried)} of {wanted} rates were tried; compute the part choice first"
        )
    return float(min(tried, key=lambda row: row["validation_loss"])["rate"])


# ---- what the rows of one seed share ----


@functools.lru_cache(maxsize=6)
def images(dataset: str, seed: int) -> list[Pair]:
    m = MATERIAL[dataset]
    return m.few(m.images(), SETTINGS[dataset]["few"], seed)


@functools.lru_cache(maxsize=6)
def probe(dataset: str, seed: int) -> Trained:
    return methods.linear_probe(MATERIAL[dataset].backbone, *images(dataset, seed)[:2])


@functools.lru_cache(maxsize=6)
def passes(dataset: str, seed: int) -> np.ndarray:
    """What training sees, uint8 (passes, n, h, w, 3): the images themselves, then augmented ones, each pass in one order."""
    x = images(dataset, seed)[0][0].astype(np.float32)
    augmentation = methods.gentle(seed)
    augmented = [augmentation(x, training=True) for _ in range(SETTINGS[dataset]["passes"] - 1)]
    return np.stack([x, *map(keras.ops.convert_to_numpy, augmented)]).round().astype(np.uint8)


def head(dataset: str, seed: int) -> list[np.ndarray]:
    return probe(dataset, seed).classifier.get_layer("head").get_weights()


# ---- arms ----


class Arm:
    """A way to train, compiled once for all its runs.

    Attributes
    ----------
    whole : keras.Model
        The classifier, of images.
    model : keras.Model
        What is trained: the whole, or its top.
    """

    def __init__(self, dataset: str, method: str, variant: str) -> None:
        self.dataset, self.setting = dataset, SETTINGS[dataset]
        self.method, self.views = method, 0
        self.whole = opened(dataset, method, transfer.attach_head(MATERIAL[dataset].backbone, 2))
        self.model = self.whole
        if method == TOP:
            cut, views = variant.removesuffix(" views").split(", ")
            self.views = int(views)
            self.lower, self.model = transfer.split_model(self.whole, cut)
            transfer.unfreeze(self.model)
        self.begin = [layer.get_weights() for layer in self.model.layers]
        options = {"use_ema": True, "ema_momentum": self.setting["ema_momentum"]} if method == CONSTANT else {}
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.Adam(1e-3, **options), loss, jit_compile=False)
        self.steps(0, 0, 1e-3, steps=2)  # compiles

    def run(self, seed: int, rate: float, order: int = 0) -> dict:
        """Train anew; the seconds that it took, and those and the bytes of the activations."""
        for layer, old in zip(self.model.layers, self.begin, strict=True):
            layer.set_weights(head(self.dataset, seed) if layer.name == "head" else old)
        for variable in self.model.optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))
        row = self.steps(seed, order, rate)
        if self.model is not self.whole:
            for layer in self.model.layers:
                if layer.weights:
                    self.whole.get_layer(layer.name).set_weights(layer.get_weights())
        return row

    def steps(self, seed: int, order: int, rate: float, steps: int | None = None) -> dict:
        seen, y = passes(self.dataset, seed), images(self.dataset, seed)[0][1]
        n, size, began = len(y), RECIPE["batch_size"], methods.clock()
        row = {}
        if self.views:
            shape = (-1, *seen.shape[2:])
            cache = self.lower.predict(seen[: self.views].reshape(shape), batch_size=100, verbose=0).astype(np.float16)
            row["cache_bytes"] = cache.nbytes
            seen = np.resize(cache.reshape(self.views, n, *cache.shape[1:]), (len(seen), n, *cache.shape[1:]))
        cached = methods.clock() - began
        orders = np.concatenate([transfer.epoch_order(n, seed + 1000 * order, epoch) for epoch in range(len(seen))])
        chosen_ = np.repeat(np.arange(len(seen)), n), orders
        x, total = seen[chosen_], len(orders) // size
        kind = "constant" if self.method == CONSTANT else RECIPE["schedule"]
        rates = transfer.learning_rates(kind, rate, total, round(RECIPE["warmup"] * total))
        last, count = Last(rates), (steps or total) * size
        began = methods.clock()
        self.model.fit(x[:count], y[orders][:count], batch_size=size, shuffle=False, verbose=0, callbacks=[last])
        took = methods.clock() - began + cached
        self.last = last.weights
        return row | {"process_seconds": round(float(took[1]), 3), "cache_seconds": round(float(cached[1]), 3)}

    def changed(self) -> int:
        """How many weights are not those of the pretrained network: what has to be stored for a task."""
        old = {
            f"{layer.name}/{v.name}": v for layer in MATERIAL[self.dataset].backbone.model.layers for v in layer.weights
        }
        new = {f"{layer.name}/{v.name}": v for layer in self.whole.layers for v in layer.weights}
        same = (np.array_equal(new[name], old[name]) for name in new.keys() & old.keys())
        kept = {name for name, equal in zip(new.keys() & old.keys(), same, strict=True) if equal}
        return sum(int(np.prod(v.shape)) for name, v in new.items() if name not in kept)


class Last(keras.callbacks.Callback):
    """Sets the rate of each step; keeps the weights after the last one, which Keras replaces by their mean (EMA) afterwards."""

    def __init__(self, rates: np.ndarray) -> None:
        super().__init__()
        self.rates = rates

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self.model.optimizer.learning_rate = float(self.rates[batch])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.weights = self.model.get_weights()


@functools.lru_cache(maxsize=3)
def arm(dataset: str, method: str, variant: str = "-") -> Arm:
    return Arm(dataset, method, variant)


def opened(dataset: str, method: str, model: keras.Model) -> keras.Model:
    """The model with what the method may change trainable."""
    if method in KINDS:
        return transfer.freeze_all_but(model, KINDS[method])
    if method == ADAPTERS:
        return transfer.add_adapters(model, places(dataset))
    if method == RUNNING:
        for layer in model.layers:
            if layer.weights:
                layer.trainable = isinstance(layer, keras.layers.BatchNormalization) or layer.name == "head"
    elif method == LORA:
        keras.utils.set_random_seed(0)
        for layer in model.layers:
            if type(layer) is keras.layers.Conv2D:
                layer.trainable = True
                layer.enable_lora(SETTINGS[dataset]["rank"])
    elif method != TOP:
        transfer.unfreeze(model)
    return model


def places(dataset: str) -> list[str]:
    """After each convolution as in the paper, or, of a network of blocks, after each block's last one."""
    end = "_conv" if dataset == "sketches" else "_project_BN"
    return [layer.name for layer in MATERIAL[dataset].backbone.model.layers if layer.name.endswith(end)]


# ---- means ----


def averages(dataset: str, method: str, variant: str, seed: int) -> dict:
    if method == PROBE:
        return tested(dataset, start(dataset, seed), seed)
    if method == LP_FT:
        return tested(dataset, tuned(dataset, seed, int(variant.removeprefix("order "))), seed)
    if method == "WiSE-FT":
        alpha = float(variant)
        return tested(
            dataset, transfer.average_weights([start(dataset, seed), tuned(dataset, seed, 0)], [1 - alpha, alpha]), seed
        )
    if method == "soup":
        return tested(
            dataset,
            transfer.average_weights([tuned(dataset, seed, order) for order in range(SETTINGS[dataset]["orders"])]),
            seed,
        )
    return tested(dataset, constant(dataset, seed)[method], seed)


def start(dataset: str, seed: int) -> keras.Model:
    return transfer.attach_head(MATERIAL[dataset].backbone, tuple(head(dataset, seed)))


@functools.lru_cache(maxsize=5)
def tuned(dataset: str, seed: int, order: int) -> keras.Model:
    way, result = arm(dataset, LP_FT), start(dataset, seed)
    way.run(seed, chosen(dataset, LP_FT, "-"), order)
    result.set_weights(way.whole.get_weights())
    return result


@functools.lru_cache(maxsize=1)
def constant(dataset: str, seed: int) -> dict[str, keras.Model]:
    """One run with a constant rate: its last weights, and the moving mean that Keras's optimisers keep of them."""
    way = arm(dataset, CONSTANT)
    way.run(seed, chosen(dataset, CONSTANT, "-"))
    found = {CONSTANT: start(dataset, seed), "EMA": start(dataset, seed)}
    found[CONSTANT].set_weights(way.last)
    found["EMA"].set_weights(way.whole.get_weights())
    return found


@functools.cache
def carrier(dataset: str) -> keras.Model:
    """One model that takes the weights of every other: Keras compiles a new one for seconds."""
    return transfer.attach_head(MATERIAL[dataset].backbone, 2)


def tested(dataset: str, model: keras.Model, seed: int) -> dict:
    network = carrier(dataset)
    network.set_weights(model.get_weights())
    return methods.scores(Trained(network), images(dataset, seed)[2], **shifted(dataset))


@functools.cache
def shifted(dataset: str) -> dict[str, Pair]:
    if dataset == "photos":
        return {"oxford": OXFORD.images()["test"]}
    rows = some(SETTINGS[dataset]["tested"])
    return {
        name: redrawn("test", sketches.SHIFTS[name](strength), MATERIAL[dataset].size, rows)
        for name, strength in STRENGTHS.items()
    }
